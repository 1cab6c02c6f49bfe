"""The logarithm of a gamma distribution's survival function, and its inverse, far into the tail.

Where the survival probability is too small for a float64 its logarithm still tells how much hazard has been passed,
which a renewal process needs when its rate jumps up after a long interval.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyNN.random.streams import FloatArray

_TAIL = -600.0
"""Logarithm of a probability under which it is worked out by a continued fraction: exp(-745) is zero."""

_ROUNDS = 200
"""Enough for the continued fraction, and for Newton's method, in that tail: 60 and 6 suffice for shapes up to 1e4."""


def log_survival(shape: Any, x: Any) -> FloatArray:
    """Logarithm of the probability that a gamma number of a shape and scale 1 is larger than x, element by element."""
    from scipy.special import gammaincc

    shape, x = np.broadcast_arrays(np.asarray(shape, dtype=float), np.asarray(x, dtype=float))
    with np.errstate(divide="ignore"):
        result = np.atleast_1d(np.log(gammaincc(shape, x)))
    far = np.flatnonzero(result < _TAIL)
    if far.size:
        result.flat[far] = _log_tail(shape.flat[far], x.flat[far])
    return result.reshape(x.shape)


def _log_tail(shape: FloatArray, x: FloatArray) -> FloatArray:
    """Lentz's evaluation of the continued fraction (Abramowitz and Stegun 1964, 6.5.31) for x far above the shape."""
    from scipy.special import gammaln

    b = x + 1.0 - shape
    c = np.full(x.shape, 1e300)
    d = 1.0 / b
    h = d.copy()
    for k in range(1, _ROUNDS):
        a = k * (shape - k)
        b = b + 2.0
        d = 1.0 / (a * d + b)
        c = b + a / c
        change = c * d
        h *= change
        if np.all(np.abs(change - 1.0) < 1e-16):
            break
    return shape * np.log(x) - x - gammaln(shape) + np.log(h)


def inverse_log_survival(shape: Any, y: Any) -> FloatArray:
    """The x of which log_survival(shape, x) is y (zero or negative), element by element."""
    from scipy.special import gammainccinv

    shape, y = np.broadcast_arrays(np.asarray(shape, dtype=float), np.asarray(y, dtype=float))
    result = np.atleast_1d(gammainccinv(shape, np.exp(y)))
    far = np.flatnonzero(y < _TAIL)
    if far.size:
        result.flat[far] = _inverse_tail(shape.flat[far], y.flat[far])
    return result.reshape(y.shape)


def _inverse_tail(shape: FloatArray, y: FloatArray) -> FloatArray:
    """Newton's method; log S is nearly a straight line there, of slope minus the hazard."""
    from scipy.special import gammaln

    x = shape - y
    for _ in range(_ROUNDS):
        survival = log_survival(shape, x)
        hazard = np.exp((shape - 1.0) * np.log(x) - x - gammaln(shape) - survival)
        step = (survival - y) / hazard
        x = x + step
        if np.all(np.abs(step) <= 4e-16 * x):
            break
    return x
