"""Small helpers of pyNN.core."""

import sys

import numpy as np
import pytest

from pyNN.core import IndexBasedExpression, deprecated, ezip, find, is_listlike, reraise, run_command
from pyNN.errors import PyNNDeprecationWarning


@pytest.mark.parametrize("value", [[1], (1,), {1}, range(3), np.arange(3), []])
def test_lists_are_listlike(value):
    assert is_listlike(value)


@pytest.mark.parametrize("value", ["abc", {"a": 1}, 3, np.array(3), (x for x in [1]), None])
def test_single_values_are_not_listlike(value):
    assert not is_listlike(value)


def test_deprecated_functions_warn_and_work():
    @deprecated("new(x)")
    def old(x):
        return x + 1

    with pytest.warns(PyNNDeprecationWarning, match=r"old\(\) is deprecated. Use new\(x\) instead"):
        assert old(2) == 3
    assert old.__name__ == "old"
    assert old.__doc__ is not None
    assert "new(x)" in old.__doc__
    assert issubclass(PyNNDeprecationWarning, DeprecationWarning)


def test_ezip_pairs_the_first_with_the_rest():
    assert list(ezip([1, 2], [3, 4], [5, 6])) == [(1, (3, 5)), (2, (4, 6))]
    assert list(ezip([1, 2], [3])) == [(1, (3,))]
    assert list(ezip()) == []


def test_reraise_adds_to_the_message():
    with pytest.raises(ValueError, match="first\nsecond"):
        reraise(ValueError("first"), "second")
    with pytest.raises(KeyError, match="second"):
        reraise(KeyError(), "second")


def test_index_based_expression():
    class Near(IndexBasedExpression):
        def __call__(self, i, j):
            return (np.abs(i - j) < 2) * (self.projection or 1)

    near = Near()
    assert near.projection is None
    np.testing.assert_array_equal(near(np.arange(3), 0), [1, 1, 0])
    near.projection = 5
    np.testing.assert_array_equal(near(np.arange(3), 0), [5, 5, 0])
    with pytest.raises(NotImplementedError, match="must define __call__"):
        IndexBasedExpression()(0, 1)


def test_programs(tmp_path):
    (tmp_path / "a.txt").touch()
    assert find("no-such-program-here") == ""
    assert find("ls").endswith("ls")
    assert run_command("ls", str(tmp_path)) == (0, ["a.txt", ""])
    status, lines = run_command(f"{sys.executable} -c 'import sys; print(1); sys.exit(3)'", str(tmp_path))
    assert (status, lines) == (3, ["1", ""])
