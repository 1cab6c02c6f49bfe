"""Large tables of static connections as the compiled engine keeps them: sorted by source, in narrow columns.

A connection with a weight and a delay of its own takes 2 or 4 bytes for the target cell, 8 for the weight (4 with
setup(weights="float32")) and 1 for the delay (4 for delays of 256 steps or more). The table's own order, by target and
then by source, is that in which the rows are read one after the other, so that it is made again when a script asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.compilation import Function, load
from pyNN.reference.compiled import restoring
from pyNN.reference.routing import is_whole
from pyNN.reference.world import CellGroup, Columns, Group, Projection, Route
from pyNN.specs import FloatArray, IntArray, SourceTable

WORTH_PACKING = 1 << 16
"""Connections from which on a second copy of them counts."""


class PackedTable:
    """The connections of one whole population with another (or itself), in routes of a compiled engine."""

    def __init__(self, routes: list[Route]) -> None:
        # Groups are those of one session, and connections outlive it.
        self._routes: list[Route] = [replace(route, source=None, target=None) for route in routes]  # type: ignore[arg-type]
        self._rows = [route.stored for route in routes]
        self._targets = routes[0].target.size
        self.size = sum(rows.size for rows in self._rows)
        self.delay_limits = (
            min(route.smallest_delay for route in routes),
            max(route.largest_delay for route in routes),
        )

    def _loop(self, name: str, columns: Columns) -> Function:
        """A compiled loop for columns of such types; shared values have no column."""
        return load(restoring(*(np.asarray(column).dtype.str[1:] for column in columns[1:])))[name]

    def routes(self, source: Group, target: CellGroup) -> list[Route]:
        """The routes between the groups of a session; they share their rows with this table."""
        return [replace(route, source=source, target=target) for route in self._routes]

    def _restored(self, column: str, kind: type) -> NDArray[Any]:
        """A column in the order of the table; "pre" is the source cell of each connection."""
        result: NDArray[Any] = np.empty(self.size, dtype=kind)
        begin = 0
        for rows in self._rows:
            columns = rows.columns()
            starts, posts, weights, delays = columns
            # Where the connections to each target cell begin.
            places = np.zeros(self._targets + 1, dtype=np.int64)
            np.cumsum(self._counts(columns), out=places[1:])
            end = begin + len(posts)
            if column == "pre":
                self._loop("restore_sources", columns)(starts, posts, places, result[begin:end])
            else:
                values = weights if column == "weights" else delays
                self._loop(f"restore_{column}", columns)(posts, places, values, result[begin:end])
            begin = end
        return result

    def _counts(self, columns: Columns) -> IntArray:
        counts = np.zeros(self._targets, dtype=np.int64)
        self._loop("count_targets", columns)(columns[1], counts)
        return counts

    @property
    def pre(self) -> NDArray[np.int32]:
        return self._restored("pre", np.int32)

    @property
    def post(self) -> NDArray[np.int32]:
        counts = sum((self._counts(rows.columns()) for rows in self._rows), np.zeros(self._targets, dtype=np.int64))
        return np.repeat(np.arange(self._targets, dtype=np.int32), counts)

    @property
    def delay_steps(self) -> int | NDArray[np.int32]:
        rows = self._rows[0]
        return self._restored("delays", np.int32) if rows.has_own_delays else rows.delay_limits[0]

    @property
    def columns(self) -> dict[str, float | FloatArray]:
        if self._rows[0].has_own_weights:
            return {"weight": self._restored("weights", np.float64)}
        return {"weight": float(self._rows[0].columns()[2])}


def packed(projection: Projection, is_sorted: Callable[[Any, Any], bool]) -> PackedTable | None:
    """The table of a projection in the form of its routes, or None where these do not tell all about it."""
    table, routes = projection.table, projection.routes
    if table.size < WORTH_PACKING:
        return None
    if isinstance(table.keeper, SourceTable):
        return PackedTable(routes)
    if set(table.columns) != {"weight"}:
        return None
    if not is_whole(projection.spec.pre, routes[0].source) or not is_whole(projection.spec.post, routes[0].target):
        return None
    return PackedTable(routes) if is_sorted(table.pre, table.post) else None

