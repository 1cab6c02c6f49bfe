"""The survival function of gamma distributions and its inverse, against mpmath with 30 digits."""

import numpy as np
import pytest

from pyNN.random.gamma import inverse_log_survival, log_survival

mpmath = pytest.importorskip("mpmath")

SHAPES = (0.3, 1.0, 2.0, 10.0, 300.0, 5000.0)


def exact(shape, x):
    with mpmath.workdps(30):
        return float(mpmath.log(mpmath.gammainc(shape, x, regularized=True)))


@pytest.mark.parametrize("shape", SHAPES)
def test_logarithms_far_into_the_tail(shape):
    """Rounding errors of some units in the last place: 1e-14 of the value, or of 1 where it is smaller."""
    for x in (0.01, shape, 3.0 * shape, shape + 800.0, 10.0 * shape + 5000.0, 1e6):
        wanted = exact(shape, x)
        assert abs(float(log_survival(shape, x)) - wanted) <= 1e-14 * max(1.0, abs(wanted)), x


@pytest.mark.parametrize("shape", SHAPES)
def test_the_inverse_undoes_it(shape):
    """From the mean on: where the function is flat, nearer to 0, its value does not tell x."""
    x = shape * np.array([1.0, 1.1, 1.5, 3.0, 10.0]) + np.array([0.0, 1.0, 5.0, 800.0, 1e6])
    back = inverse_log_survival(shape, log_survival(shape, x))
    np.testing.assert_allclose(back, x, rtol=1e-12)


def test_both_take_arrays_of_any_shape():
    shape = np.array([[1.0], [2.0]])
    x = np.array([0.5, 5.0, 900.0])
    values = log_survival(shape, x)
    assert values.shape == (2, 3)
    # Shapes 1 and 2 have closed forms.
    np.testing.assert_allclose(values, [-x, np.log1p(x) - x], rtol=1e-14)
    np.testing.assert_allclose(inverse_log_survival(shape, values), np.tile(x, (2, 1)), rtol=1e-13)
    assert log_survival(np.empty(0), np.empty(0)).shape == (0,)
