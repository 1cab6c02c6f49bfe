"""The functions of `pyNN.random.streams` for one number at a time, to be called from other compiled (Numba) code.

They give the same bits as the NumPy versions: the same operations in the same order, without fused multiply-add. Only
processes that compile import this module.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from pyNN.compilation.pointers import bits, from_bits
from pyNN.random import streams as s
from pyNN.random import transforms as t

_M0, _M1 = np.uint64(s.MULTIPLIER_0), np.uint64(s.MULTIPLIER_1)
_W0, _W1 = np.uint64(s.WEYL_0), np.uint64(s.WEYL_1)
_LOW, _32 = np.uint64(s.MASK), np.uint64(32)
_5, _6, _26 = np.uint64(5), np.uint64(6), np.uint64(26)
_SCALE = 2.0**-53
_SMALLEST_NORMAL, _TWO_54 = 2.0**-1022, 2.0**54
_FRACTION, _HALF = (1 << 52) - 1, 0x3FE << 52


@njit(error_model="numpy", inline="never")
def philox(
    c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any
) -> tuple[Any, Any, Any, Any]:  # pragma: no cover - compiled
    """Four 32-bit outputs, as uint64, for four counter words and two key words, which are uint64 below 2**32."""
    for _ in range(s.ROUNDS):
        p0 = c0 * _M0
        p1 = c2 * _M1
        c0 = (p1 >> _32) ^ c1 ^ k0
        c2 = (p0 >> _32) ^ c3 ^ k1
        c1 = p1 & _LOW
        c3 = p0 & _LOW
        k0 = (k0 + _W0) & _LOW
        k1 = (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@njit(error_model="numpy")
def uniform(key: Any, row: Any, ordinal: Any) -> float:  # pragma: no cover - compiled
    """The number in [0, 1) of stream `key` (uint64) at (row, ordinal)."""
    k, r, o = np.uint64(key), np.uint64(row), np.uint64(ordinal)
    w0, w1, _, _ = philox(o & _LOW, o >> _32, r & _LOW, r >> _32, k & _LOW, k >> _32)
    return float(((w0 >> _5) << _26) | (w1 >> _6)) * _SCALE


# The same for loops that fill arrays: only what is inlined there can use the vector unit.
_philox_inlined = njit(error_model="numpy", inline="always")(philox.py_func)


@njit(error_model="numpy", inline="always")
def uniform_inlined(key: Any, row: Any, ordinal: Any) -> float:  # pragma: no cover - compiled
    """The number in [0, 1) of stream `key` (uint64) at (row, ordinal), as uniform() gives it."""
    k, r, o = np.uint64(key), np.uint64(row), np.uint64(ordinal)
    w0, w1, _, _ = _philox_inlined(o & _LOW, o >> _32, r & _LOW, r >> _32, k & _LOW, k >> _32)
    return float(((w0 >> _5) << _26) | (w1 >> _6)) * _SCALE


@njit(error_model="numpy")
def _split(x: float) -> tuple[float, int]:  # pragma: no cover - compiled
    """math.frexp(x) of a positive finite number."""
    shift = 0
    if x < _SMALLEST_NORMAL:
        x *= _TWO_54
        shift = 54
    b: Any = bits(x)  # type: ignore[call-arg]
    fraction = from_bits((b & _FRACTION) | _HALF)  # type: ignore[call-arg]
    return fraction, int(b >> 52) - 1022 - shift


@njit(error_model="numpy")
def log(x: float) -> float:  # pragma: no cover - compiled
    """Natural logarithm of a positive finite number."""
    f, exponent = _split(x)
    if f < s.SQRT_HALF:
        f = 2.0 * f
        exponent -= 1
    f = f - 1.0
    k = float(exponent)
    t = f / (2.0 + f)
    z = t * t
    w = z * z
    g1, g2, g3, g4, g5, g6, g7 = s.LOG_COEFFICIENTS
    t1 = w * (g2 + w * (g4 + w * g6))
    t2 = z * (g1 + w * (g3 + w * (g5 + w * g7)))
    half = 0.5 * f * f
    return k * s.LN2_HIGH - ((half - (t * (half + (t2 + t1)) + k * s.LN2_LOW)) - f)


@njit(error_model="numpy")
def _ratio(numerator: Any, denominator: Any, x: float) -> float:  # pragma: no cover - compiled
    top = numerator[7]
    bottom = denominator[7]
    for i in range(6, -1, -1):
        top = top * x + numerator[i]
        bottom = bottom * x + denominator[i]
    return top / bottom


@njit(error_model="numpy")
def normal_quantile(u: float) -> float:  # pragma: no cover - compiled
    """The standard normal's quantile for u in [0, 1)."""
    return normal_quantile_to_the_end(max(u, s.SMALLEST))


@njit(error_model="numpy")
def normal_quantile_to_the_end(u: float) -> float:  # pragma: no cover - compiled
    """The standard normal's quantile for u in (0, 1]."""
    u = max(u, s.TINIEST)
    q = u - 0.5
    if abs(q) <= s.CENTRE_EDGE:
        return q * _ratio(s.CENTRE_NUMERATOR, s.CENTRE_DENOMINATOR, s.CENTRE_SQUARE - q * q)
    r = math.sqrt(-log(u if q < 0.0 else max(1.0 - u, s.SMALLEST)))
    if r > s.MIDDLE_EDGE:
        magnitude = _ratio(s.TAIL_NUMERATOR, s.TAIL_DENOMINATOR, r - s.MIDDLE_EDGE)
    else:
        magnitude = _ratio(s.MIDDLE_NUMERATOR, s.MIDDLE_DENOMINATOR, r - s.MIDDLE_SHIFT)
    return -magnitude if q < 0.0 else magnitude


@njit(error_model="numpy")
def normal(key: Any, row: Any, ordinal: Any) -> float:  # pragma: no cover - compiled
    """The standard normal number of stream `key` (uint64) at (row, ordinal)."""
    return normal_quantile(uniform(key, row, ordinal))


@njit(error_model="numpy")
def exponential(key: Any, row: Any, ordinal: Any) -> float:  # pragma: no cover - compiled
    """The exponential number of mean 1 of stream `key` (uint64) at (row, ordinal)."""
    return -log(1.0 - uniform(key, row, ordinal))


@njit(error_model="numpy")
def uniforms(key: Any, rows: Any, ordinals: Any, result: Any) -> None:  # pragma: no cover - compiled
    """Fill `result` with numbers in [0, 1) for two 1-D integer arrays of equal length."""
    for i in range(rows.size):
        result[i] = uniform_inlined(key, rows[i], ordinals[i])


@njit(error_model="numpy")
def transformed(kind: Any, v: Any, u: float) -> float:  # pragma: no cover - compiled
    """What a uniform number becomes in a distribution; `kind` and `v` are of pyNN.random.transforms."""
    if kind == t.UNIFORM:
        return u * v[1] + v[0]
    if kind == t.NORMAL:
        return v[0] + v[1] * normal_quantile(u)
    if kind == t.NORMAL_TO_BOUNDARY:
        return min(max(v[0] + v[1] * normal_quantile(u), v[2]), v[3])
    if kind == t.NORMAL_CLIPPED:
        part = max(u, s.SMALLEST)
        if v[6] < 0.0:
            part = 1.0 - part
        z = normal_quantile_to_the_end(v[4] + part * v[5])
        return min(max(v[0] + v[1] * (v[6] * z), v[2]), v[3])
    if kind == t.EXPONENTIAL:
        return v[0] * -log(1.0 - u)
    return v[0] + min(math.floor(u * v[1]), v[1] - 1.0)


@njit(error_model="numpy")
def fill(kind: Any, v: Any, key: Any, rows: Any, ordinals: Any, result: Any) -> None:  # pragma: no cover - compiled
    """Fill `result` with numbers of a distribution for two 1-D integer arrays of equal length."""
    for i in range(rows.size):
        result[i] = uniform_inlined(key, rows[i], ordinals[i])
    for i in range(rows.size):
        result[i] = transformed(kind, v, result[i])
