"""Connections in order of source cells, which is that in which spikes are delivered."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.compilation import load
from pyNN.connectors.base import ConnectionRequest, Connections, ConnectionsBySource
from pyNN.connectors.compiled import sorting, sorting_by_parts
from pyNN.connectors.draws import by_column
from pyNN.specs import IntArray

WORTH_SORTING_FIRST = 1 << 23
"""Connections from which on they are sorted before their values are drawn: the memory of these is what takes long."""
_IN_CACHE = 1 << 21
"""Bytes of the rows of connections that are filled together ..."""
_WORTH_PARTS = 8
"""... in tables of more than as many times these bytes."""

Column = tuple[NDArray[Any], NDArray[Any]]
"""Values in the order of the connections, and room for them in order of source."""


def plain(values: Any, kind: Any) -> NDArray[Any]:
    """The values as the one kind of array for which there is machine code: contiguous and writable."""
    return np.require(values, kind, ["C", "W"])


def place_by_source(pre: NDArray[np.int32], size: int, post: Column, weight: Column, delay: Column) -> IntArray:
    """Fill the second array of each column; where the row of each of `size` source cells starts, and the last ends.

    It is a counting sort: connections of one source keep their order. Columns without values are left out.
    """
    number = len(pre)
    starts = np.zeros(size + 2, dtype=np.int64)
    room = [column for _, column in (post, weight, delay)]
    kinds = [column.dtype.str[1:] for column in room]
    loops = load(sorting(*kinds))
    loops["count_sources"](pre, starts)
    table = (pre, starts, *post, *weight, *delay)
    in_cache = _IN_CACHE // max(sum(column.itemsize for column in room if len(column)), 1)
    # Parts of as many rows as are in the cache together, if they are alike.
    bits = min(max(size * in_cache // max(number, 1), 1).bit_length() - 1, 16)
    if number <= _WORTH_PARTS * in_cache or bits == 0:
        loops["place"](*table)
    else:
        begins = starts[1 : -1 : 1 << bits]
        largest = int(np.diff(begins, append=number).max())
        load(sorting_by_parts(*kinds))["place_by_parts"](
            *table,
            bits,
            np.empty(len(begins), dtype=np.int64),
            np.empty(number, dtype=np.uint16),
            *(np.empty(min(largest, len(column)), column.dtype) for column in room),
        )
    return starts[:-1]


def is_sorted(pre: NDArray[Any], post: NDArray[Any]) -> bool:
    """Whether connections are in order of target, then source."""
    return bool(load(sorting("u2", "f8", "u1"))["is_sorted"](plain(pre, np.int32), plain(post, np.int32)))


def in_order_of_source(connections: Connections, request: ConnectionRequest) -> Connections:
    """Connections by source instead, if they are many, or the same; their values are to be drawn after that.

    A slice of the cells for each thread would be copied out of such a table.
    """
    if isinstance(connections, ConnectionsBySource) or connections.values:
        return connections
    pre, post = connections.pre, connections.post
    if len(pre) < WORTH_SORTING_FIRST or not request.compiled or request.threads > 1 or not is_sorted(pre, post):
        return connections
    targets = np.empty(len(pre), dtype=np.uint16 if request.n_post <= 1 << 16 else np.int32)
    nothing = np.empty(0), np.empty(0)
    starts = place_by_source(
        plain(pre, np.int32), request.n_pre, (plain(post, np.int32), targets), nothing,
        (np.empty(0, dtype=np.int32), np.empty(0, dtype=np.uint8)),
    )  # fmt: skip
    return ConnectionsBySource(starts, targets, lambda pre, post: by_column(request, pre, post, request.n_post))
