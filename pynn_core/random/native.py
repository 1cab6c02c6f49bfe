"""The compiled loops of pyNN.random.compiled, ready to be called."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pyNN.compilation import Unit, is_ready, load
from pyNN.random.transforms import Transform

_FEW = 4096
_WORTH_COMPILING = 1 << 18
"""Numbers from which on the loops are compiled: they are there for all later processes then."""
UNIT = Unit(
    "random streams",
    "from pyNN.random.compiled import fill, uniforms\n",
    {"uniforms": "u8 i8* i8* f8*", "fill": "i8 f8* u8 i8* i8* f8*"},
    ("pyNN.random.compiled", "pyNN.random.streams", "pyNN.random.transforms"),
)


def is_worth(number: int) -> bool:
    """Whether to draw some numbers with the loops: if they are there, or the numbers are worth waiting for them."""
    return number >= _FEW and (number >= _WORTH_COMPILING or is_ready(UNIT))


def prepare(number: int) -> None:
    """Have the loops if so many numbers are worth waiting for them."""
    if number >= _WORTH_COMPILING:
        load(UNIT)


def fill_uniforms(key: int, rows: NDArray[np.int64], ordinals: NDArray[np.int64]) -> NDArray[np.float64]:
    """Numbers in [0, 1) of a stream for two 1-D arrays of equal length."""
    result = np.empty(rows.size)
    rows, ordinals = (np.ascontiguousarray(values, dtype=np.int64) for values in (rows, ordinals))
    load(UNIT)["uniforms"](int(key), rows, ordinals, result)
    return result


def fill_transformed(
    transform: Transform, key: int, rows: NDArray[np.int64], ordinals: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Numbers of a distribution for two 1-D arrays of equal length."""
    result = np.empty(rows.size)
    rows, ordinals = (np.ascontiguousarray(values, dtype=np.int64) for values in (rows, ordinals))
    load(UNIT)["fill"](transform.kind, transform.values, int(key), rows, ordinals, result)
    return result
