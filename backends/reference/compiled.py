"""What the compiled engine consists of: units of machine code for its loop, cell types, routes, rules and tables."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np

from pyNN.compilation import Unit, request
from pyNN.compilation.cache import digest
from pyNN.connectors import compiled as connectors
from pyNN.equations import arrays, kernels, store
from pyNN.equations.program import Program
from pyNN.random.native import UNIT as STREAMS
from pyNN.reference import delivery, layout
from pyNN.reference.kernel_frame import FRAME
from pyNN.specs import PopulationSpec, Ragged

_KERNEL = "i8 i8 i8 -> i8"
_LAYOUT = "pyNN.reference.layout"
_DRAWING = (
    "pyNN.connectors.draws", "pyNN.connectors.kernels", "pyNN.random.compiled", "pyNN.random.streams",
    "pyNN.random.transforms",
)  # fmt: skip


@cache
def constants() -> str:
    """The names of pyNN.reference.layout as the beginning of a module."""
    return "".join(f"{name} = {value!r}\n" for name, value in vars(layout).items() if name.isupper())


DRIVER = Unit(
    "run loop",
    "from pyNN.reference.driver import begin, drive, resume, settle\n",
    {"begin": _KERNEL, "drive": _KERNEL, "resume": _KERNEL, "settle": _KERNEL},
    (_LAYOUT, "pyNN.reference.driver"),
)
CELLS = Unit(
    "cells",
    "from pyNN.reference.cells_kernel import advance\n",
    {"advance": _KERNEL},
    (_LAYOUT, "pyNN.reference.cells_kernel", "pyNN.reference.bins_kernel"),
)
BINS = Unit(
    "bins of events",
    "from pyNN.reference.bins_kernel import flush\n",
    {"flush": _KERNEL},
    (_LAYOUT, "pyNN.reference.bins_kernel"),
)
COUPLING = Unit(
    "gap junctions",
    "from pyNN.reference.coupling_kernel import couple\n",
    {"couple": _KERNEL},
    (_LAYOUT, "pyNN.reference.coupling_kernel"),
)
EXCHANGE = Unit(
    "exchange of spikes",
    "from pyNN.reference.exchange_kernel import pack, unpack\n",
    {"pack": _KERNEL, "unpack": _KERNEL},
    (_LAYOUT, "pyNN.reference.exchange_kernel"),
)
COUNTING = Unit(
    "Poisson counts",
    "from pyNN.reference.counting import draw\n",
    {"draw": _KERNEL},
    (_LAYOUT, "pyNN.reference.counting", "pyNN.random.streams"),
)


@cache
def splitting(posts: str) -> Unit:
    """Loops that find the connections onto some of the cells in tables that are in order of source."""
    return Unit(
        "tables of connections in order of sources",
        "from pyNN.reference.sorting import find_rows, rows_to_places\n",
        {"find_rows": f"i8* {posts}* i8 i8 i8* i8*", "rows_to_places": "i8* i8* i8*"},
        ("pyNN.reference.sorting",),
    )


@cache
def restoring(posts: str, weights: str, delays: str) -> Unit:
    """Loops that bring columns of these types into the order of target cells."""
    return Unit(
        "tables of connections in order of targets",
        "from pyNN.reference.sorting import count_targets, restore_sources\n"
        "from pyNN.reference.sorting import restore as restore_weights\n"
        "from pyNN.reference.sorting import restore as restore_delays\n",
        {
            "count_targets": f"{posts}* i8*",
            "restore_sources": f"i8* {posts}* i8* i4*",
            "restore_weights": f"{posts}* i8* {weights}* f8*",
            "restore_delays": f"{posts}* i8* {delays}* i4*",
        },
        ("pyNN.reference.sorting",),
    )


@cache
def bundling(posts: str, weights: str, delays: str, targets: str) -> Unit:
    """Loops that put tables with columns of these types into bundles, and take them out again."""
    rows = f"i8* {posts}* {weights}* {delays}*"
    signatures = {
        "count_by_delay": f"i8* {delays}* i8 i8 i8 i8 u4*",
        "begin_by_delay": "i8 u4* -> i8",
        "place_posts": f"i8* {posts}* {delays}* i8 i8 i8 i8 i8 u4* {targets}*",
        "place_weights": f"i8* {weights}* {delays}* i8 i8 i8 i8 u4* {weights}*",
        "count_moved": f"i8* {posts}* {delays}* i8* -> i8",
        "list_moved": f"i8* {posts}* {delays}* u4* u4* u4*",
        "count_in_bundle": f"i8 u4* {targets}* i8 i8 i8* i8*",
        "take_from_bundle": f"i8 i8 u4* {targets}* {weights}* i8 i8 i8* i8* i4* {weights}* {delays}* {rows}",
    }
    return Unit(
        "bundles of connections",
        f"from pyNN.reference.bundling import {', '.join(signatures)}\n",
        signatures,
        ("pyNN.reference.bundling",),
    )


def cells(name: str, key: str, program: Program, per_cell: bool) -> Unit:
    """The update of a cell type, whose dynamics `key` identifies, for cells that are alike or that differ."""
    header = f"PER_CELL = {per_cell}\n" + constants()
    return Unit(
        name,
        lambda: kernels.numba_source(program, per_cell) + header + FRAME,
        {"kernel": _KERNEL},
        ("pyNN.random.compiled", "pyNN.random.streams"),
        key=digest(key, header, FRAME),
    )


@cache
def route(kind: delivery.Kind | delivery.Regenerated | delivery.Bundled) -> Unit:
    """The kernel that delivers spikes over routes, or from bundles, of a kind."""
    depends: tuple[str, ...] = _DRAWING if isinstance(kind, delivery.Regenerated) else ()
    if isinstance(kind, delivery.Kind) and kind.binned:
        depends = ("pyNN.reference.bins_kernel",)
    return Unit("delivery", constants() + kind.source(), {"deliver": _KERNEL}, depends)


def rule(name: str, text: str, functions: tuple[str, ...]) -> Unit:
    """The kernels of a synapse type."""
    return Unit(
        name,
        constants() + text,
        dict.fromkeys(functions, _KERNEL),
        ("pyNN.random.compiled", "pyNN.random.streams"),
    )


def tables() -> list[Unit]:
    """The loops over tables of connections, and those that draw them; over large ones, with delays up to 255 steps."""
    posts, weights, delays = ("u2", "i4"), ("f8", "f4"), ("u1", "i4")
    names = [(np.dtype(p).name, np.dtype(w).name) for p, w in product(posts, weights)]
    ways = [*(delivery.Bundled(*own) for own in names), *(delivery.Kind(*own, "uint8", binned=True) for own in names)]
    return [
        STREAMS,
        *(connectors.unit(name) for name in connectors.LOOPS),
        *(splitting(p) for p in posts),
        *(connectors.sorting(*kind) for kind in product(posts, weights, delays)),
        *(connectors.sorting_by_parts(p, w, "u1") for p, w in product(posts, weights)),
        *(bundling(p, w, "u1", targets) for p, w, targets in product(posts, weights, posts)),
        BINS,
        *(route(kind) for kind in ways),
    ]


_requested: set[tuple[str, bool]] = set()


def request_cells(spec: PopulationSpec) -> None:
    """Begin to compile the kernel of a population's cell type, while the script goes on describing the network."""
    definition = arrays.expand(spec.model, spec.parameters, spec.size).definition
    key = store.key(definition)
    per_cell = any(isinstance(value, Ragged) or np.ndim(value) for value in spec.parameters.values())
    if (key, per_cell) not in _requested:
        _requested.add((key, per_cell))
        request(cells(spec.model.name, key, kernels.build(store.analysis(definition)), per_cell))
