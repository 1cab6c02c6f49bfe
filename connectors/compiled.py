"""The compiled loops of pyNN.connectors.kernels, ready to be called."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pyNN.compilation import Function, Unit, is_ready, load

if TYPE_CHECKING:
    from pyNN.connectors.base import ConnectionRequest

_KEYED = "u8 i8* i8* i8"
LOOPS = {
    "draw_rows": "u8 i8* i8 i8 i8 f8 f8* i8* i4* i8* i8*",
    "draw_rows_short": "u8 i8* i8 i8 i8 f8 f8* i8* u2* i8* i8*",
    "sample_rows": f"{_KEYED} i8* i4* u8* i4*",
    "choose_rows": f"{_KEYED} i8* i4* u8* i4*",
    "transpose": "i4* i4* i8 i4* i4* i8*",
}
_WORTH_COMPILING = 1 << 16
"""Connections from which on a loop is compiled: it is there for all later processes then."""


@cache
def unit(name: str) -> Unit:
    """The machine code of one of the loops."""
    return Unit(
        f"connector {name}",
        f"from pyNN.connectors.kernels import {name}\n",
        {name: LOOPS[name]},
        ("pyNN.connectors.draws", "pyNN.connectors.kernels", "pyNN.random.compiled", "pyNN.random.streams"),
    )


@cache
def sorting(posts: str, weights: str, delays: str) -> Unit:
    """Loops over tables of connections with columns of these types, in the letters of NumPy."""
    signatures = {
        "count_sources": "i4* i8*",
        "positions": "i4* i8* i8*",
        "place": f"i4* i8* i4* {posts}* f8* {weights}* i4* {delays}*",
        "is_sorted": "i4* i4* -> i8",
    }
    return Unit(
        "tables of connections",
        f"from pyNN.connectors.sorting import {', '.join(signatures)}\n",
        signatures,
        ("pyNN.connectors.sorting",),
    )


@cache
def sorting_by_parts(posts: str, weights: str, delays: str) -> Unit:
    """The loop that puts large tables of connections into the order of source cells."""
    columns = f"i4* i8* i4* {posts}* f8* {weights}* i4* {delays}*"
    return Unit(
        "large tables of connections",
        "from pyNN.connectors.sorting import place_by_parts\n",
        {"place_by_parts": f"{columns} i8 i8* u2* {posts}* {weights}* {delays}*"},
        ("pyNN.connectors.sorting",),
    )


def loops_are_ready() -> bool:
    """Whether some have been compiled, by this process or an earlier one, so that there is a compiler."""
    return any(is_ready(unit(name)) for name in LOOPS)


def loop(name: str, request: ConnectionRequest, number: float) -> Function | None:
    """The loop for some number of connections; None where NumPy is to do it.

    That is so where compiled loops are not wanted, and where this one has not been compiled yet and few connections
    are not worth it.
    """
    if not request.compiled or not (request.waits or number >= _WORTH_COMPILING or is_ready(unit(name))):
        return None
    return load(unit(name))[name]
