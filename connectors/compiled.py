"""The compiled loops of pyNN.connectors.kernels, ready to be called."""

from __future__ import annotations

from pyNN.compilation import Function, Unit, load

_KEYED = "u8 i8* i8* i8"
UNIT = Unit(
    "connectors",
    "from pyNN.connectors.kernels import choose_rows, draw_rows, draw_rows_short, sample_rows, transpose\n",
    {
        "draw_rows": "u8 i8* i8 i8 i8 f8 f8* i4* i8* i8*",
        "draw_rows_short": "u8 i8* i8 i8 i8 f8 f8* u2* i8* i8*",
        "sample_rows": f"{_KEYED} i8* i4* u8* i4*",
        "choose_rows": f"{_KEYED} i8* i4* u8* i4*",
        "transpose": "i4* i4* i8 i4* i4* i8*",
    },
    ("pyNN.connectors.draws", "pyNN.connectors.kernels", "pyNN.random.compiled", "pyNN.random.streams"),
)


def loop(name: str) -> Function:
    """One of the loops."""
    return load(UNIT)[name]
