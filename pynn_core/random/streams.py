"""Random numbers that depend on nothing but a key and a counter (Philox4x32-10).

Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3, SC'11, doi:10.1145/2063384.2063405. A stream is a
64-bit key; within it, the number at (row, ordinal) is always the same, whoever draws it and in which order. So a
network is the same on any number of processes and threads. Only +, -, *, / and sqrt of float64 enter the functions
here (log is worked out from those), so that they give the same bits on every machine, and in the compiled versions
of `pyNN.random.compiled`.
"""

from __future__ import annotations

import hashlib
import importlib
import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, SupportsIndex, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
T = TypeVar("T")
R = TypeVar("R")

MULTIPLIER_0 = 0xD2511F53
MULTIPLIER_1 = 0xCD9E8D57
WEYL_0 = 0x9E3779B9
WEYL_1 = 0xBB67AE85
ROUNDS = 10
MASK = 0xFFFFFFFF

SMALLEST = 2.0**-54
"""Stands for a uniform of 0 where a transform has no value at 0: half the distance between two uniforms."""

TINIEST = 5e-324
"""The smallest positive number."""

_BLOCK = 8192
"""Numbers worked out at a time: the intermediate arrays then stay in the processor's cache."""


def derive_key(seed: SupportsIndex, *parts: SupportsIndex | str) -> int:
    """A 64-bit key for a purpose, e.g. ``derive_key(seed, "poisson", population)``; different parts, different keys."""
    digest = hashlib.blake2b(digest_size=8)
    for part in (seed, *parts):
        text = f"i{operator.index(part)}" if not isinstance(part, str) else f"s{len(part)}:{part}"
        digest.update(text.encode() + b";")
    return int.from_bytes(digest.digest(), "little")


def signed(key: int) -> int:
    """A 64-bit key as a signed integer of the same bits, which an int64 record can hold."""
    return key - (1 << 64) if key >= 1 << 63 else key


def mapped(function: Callable[[T], R], items: Sequence[T], threads: int) -> Iterator[R]:
    """function(item) of each item, in order, worked out by several threads where there are any to spare."""
    if threads <= 1 or len(items) < 2:
        yield from map(function, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(function, items)


def philox(
    c0: Any, c1: Any, c2: Any, c3: Any, k0: int, k1: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    """The four 32-bit outputs (as uint64 arrays) for four arrays of 32-bit counter words and two key words."""
    m0, m1, low, shift = np.uint64(MULTIPLIER_0), np.uint64(MULTIPLIER_1), np.uint64(MASK), np.uint64(32)
    c0, c1, c2, c3 = (np.asarray(c, dtype=np.uint64) for c in (c0, c1, c2, c3))
    for _ in range(ROUNDS):
        p0 = c0 * m0
        p1 = c2 * m1
        c0 = (p1 >> shift) ^ c1 ^ np.uint64(k0)
        c2 = (p0 >> shift) ^ c3 ^ np.uint64(k1)
        c1 = p1 & low
        c3 = p0 & low
        k0 = (k0 + WEYL_0) & MASK
        k1 = (k1 + WEYL_1) & MASK
    return c0, c1, c2, c3


def words(key: int, rows: Any, ordinals: Any) -> NDArray[np.uint64]:
    """All four random numbers of 32 bits at each pair of `rows` and `ordinals`, in a new first axis."""
    low, shift = np.uint64(MASK), np.uint64(32)
    row, ordinal = np.broadcast_arrays(np.asarray(rows).astype(np.uint64), np.asarray(ordinals).astype(np.uint64))
    return np.stack(
        philox(ordinal & low, ordinal >> shift, row & low, row >> shift, key & MASK, (key >> 32) & MASK)
    )


def uniforms(key: int, rows: Any, ordinals: Any) -> FloatArray:
    """Numbers in [0, 1), multiples of 2**-53, one for each pair of `rows` and `ordinals` (integers that broadcast)."""
    return _elementwise(_uniform_block, key, rows, ordinals)


def normals(key: int, rows: Any, ordinals: Any) -> FloatArray:
    """Standard normal numbers, one for each pair of `rows` and `ordinals`: the quantiles of the uniforms there."""
    return _elementwise(lambda k, r, o: normal_quantile(_uniform_block(k, r, o)), key, rows, ordinals)


def exponentials(key: int, rows: Any, ordinals: Any) -> FloatArray:
    """Exponential numbers of mean 1, one for each pair of `rows` and `ordinals`: -log(1 - u) of the uniforms there."""
    return _elementwise(lambda k, r, o: -log(1.0 - _uniform_block(k, r, o)), key, rows, ordinals)


def use_loops() -> None:
    """From now on, have compiled loops draw many numbers at a time. They are the same numbers."""
    importlib.import_module("pyNN.random.native")


def expect(number: int) -> None:
    """Say that so many numbers are to be drawn piece by piece, so that compiled loops may be waited for."""
    native = sys.modules.get("pyNN.random.native")
    if native is not None:
        native.prepare(number)


def _elementwise(function: Callable[[int, Any, Any], FloatArray], key: int, rows: Any, ordinals: Any) -> FloatArray:
    shape = np.broadcast_shapes(np.shape(rows), np.shape(ordinals))
    flat_rows = np.broadcast_to(np.asarray(rows), shape).ravel()
    flat_ordinals = np.broadcast_to(np.asarray(ordinals), shape).ravel()
    result = np.empty(flat_rows.size)
    for start in range(0, result.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        block_rows = flat_rows[part].astype(np.int64, copy=False)
        result[part] = function(key, block_rows, flat_ordinals[part].astype(np.int64, copy=False))
    return result.reshape(shape)


def _uniform_block(key: int, rows: NDArray[np.int64], ordinals: NDArray[np.int64]) -> FloatArray:
    native = sys.modules.get("pyNN.random.native")
    if native is not None and native.is_worth(rows.size):
        # The same numbers, ten times as fast; but they are not worth compiling for by themselves.
        return native.fill_uniforms(key, rows, ordinals)
    return philox_uniforms(key, rows, ordinals)


def philox_uniforms(key: int, rows: NDArray[np.int64], ordinals: NDArray[np.int64]) -> FloatArray:
    """`uniforms` in NumPy alone."""
    low, shift = np.uint64(MASK), np.uint64(32)
    row, ordinal = rows.astype(np.uint64), ordinals.astype(np.uint64)
    w0, w1, _, _ = philox(ordinal & low, ordinal >> shift, row & low, row >> shift, key & MASK, (key >> 32) & MASK)
    # 27 bits of one word and 26 of the other make the 53 bits of a float64.
    bits = ((w0 >> np.uint64(5)) << np.uint64(26)) | (w1 >> np.uint64(6))
    return bits.astype(np.float64) * 2.0**-53


# fdlibm's logarithm (Sun Microsystems 1993): error below one unit in the last place.
LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
LOG_COEFFICIENTS = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
SQRT_HALF = 0.70710678118654752440


def log(x: Any) -> FloatArray:
    """Natural logarithm of positive finite numbers, with the same bits on every machine."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < SQRT_HALF
    f = np.where(small, 2.0 * mantissa, mantissa) - 1.0
    k = exponent.astype(np.float64) - small
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    g1, g2, g3, g4, g5, g6, g7 = LOG_COEFFICIENTS
    t1 = w * (g2 + w * (g4 + w * g6))
    t2 = z * (g1 + w * (g3 + w * (g5 + w * g7)))
    half = 0.5 * f * f
    return k * LN2_HIGH - ((half - (s * (half + (t2 + t1)) + k * LN2_LOW)) - f)


# Wichura 1988, Algorithm AS 241 (PPND16), J R Stat Soc C 37:477: relative accuracy about 1e-16.
CENTRE_NUMERATOR = (
    3.3871328727963666080e0,
    1.3314166789178437745e2,
    1.9715909503065514427e3,
    1.3731693765509461125e4,
    4.5921953931549871457e4,
    6.7265770927008700853e4,
    3.3430575583588128105e4,
    2.5090809287301226727e3,
)
CENTRE_DENOMINATOR = (
    1.0,
    4.2313330701600911252e1,
    6.8718700749205790830e2,
    5.3941960214247511077e3,
    2.1213794301586595867e4,
    3.9307895800092710610e4,
    2.8729085735721942674e4,
    5.2264952788528545610e3,
)
MIDDLE_NUMERATOR = (
    1.42343711074968357734e0,
    4.63033784615654529590e0,
    5.76949722146069140550e0,
    3.64784832476320460504e0,
    1.27045825245236838258e0,
    2.41780725177450611770e-1,
    2.27238449892691845833e-2,
    7.74545014278341407640e-4,
)
MIDDLE_DENOMINATOR = (
    1.0,
    2.05319162663775882187e0,
    1.67638483018380384940e0,
    6.89767334985100004550e-1,
    1.48103976427480074590e-1,
    1.51986665636164571966e-2,
    5.47593808499534494600e-4,
    1.05075007164441684324e-9,
)
TAIL_NUMERATOR = (
    6.65790464350110377720e0,
    5.46378491116411436990e0,
    1.78482653991729133580e0,
    2.96560571828504891230e-1,
    2.65321895265761230930e-2,
    1.24266094738807843860e-3,
    2.71155556874348757815e-5,
    2.01033439929228813265e-7,
)
TAIL_DENOMINATOR = (
    1.0,
    5.99832206555887937690e-1,
    1.36929880922735805310e-1,
    1.48753612908506148525e-2,
    7.86869131145613259100e-4,
    1.84631831751005468180e-5,
    1.42151175831644588870e-7,
    2.04426310338993978564e-15,
)
CENTRE_EDGE = 0.425
CENTRE_SQUARE = 0.180625
MIDDLE_EDGE = 5.0
MIDDLE_SHIFT = 1.6


def _ratio(numerator: tuple[float, ...], denominator: tuple[float, ...], x: FloatArray) -> FloatArray:
    top = np.full_like(x, numerator[7])
    bottom = np.full_like(x, denominator[7])
    for i in range(6, -1, -1):
        top = top * x + numerator[i]
        bottom = bottom * x + denominator[i]
    return top / bottom


def normal_quantile(u: Any) -> FloatArray:
    """The standard normal's quantile for u in [0, 1); 0 counts as 2**-54, so that every value is finite."""
    return normal_quantile_to_the_end(np.maximum(np.asarray(u, dtype=np.float64), SMALLEST))


def normal_quantile_to_the_end(u: Any) -> FloatArray:
    """The standard normal's quantile for u in (0, 1], far into the lower tail; 1 counts as 1 - 2**-54."""
    u = np.maximum(np.asarray(u, dtype=np.float64), TINIEST)
    q = u - 0.5
    result = np.empty_like(q)
    centre = np.abs(q) <= CENTRE_EDGE
    qc = q[centre]
    result[centre] = qc * _ratio(CENTRE_NUMERATOR, CENTRE_DENOMINATOR, CENTRE_SQUARE - qc * qc)
    outer = ~centre
    qo, uo = q[outer], u[outer]
    r = np.sqrt(-log(np.where(qo < 0.0, uo, np.maximum(1.0 - uo, SMALLEST))))
    magnitude = _ratio(MIDDLE_NUMERATOR, MIDDLE_DENOMINATOR, r - MIDDLE_SHIFT)
    tail = r > MIDDLE_EDGE
    magnitude[tail] = _ratio(TAIL_NUMERATOR, TAIL_DENOMINATOR, r[tail] - MIDDLE_EDGE)
    result[outer] = np.where(qo < 0.0, -magnitude, magnitude)
    return result
