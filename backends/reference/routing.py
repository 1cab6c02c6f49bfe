"""From connection tables to routes: connections sorted by source cell, split by population."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.errors import InternalError
from pyNN.reference.plasticity import Part
from pyNN.reference.world import CellGroup, Group, IndexArray, Projection, Route
from pyNN.specs import FloatArray, IntArray, PopulationSpec, split_by_population

Sorted = tuple[IntArray, IndexArray, float | FloatArray, int | IndexArray]
Sorter = Callable[[NDArray[Any], NDArray[Any], Any, Any, int], Sorted]
"""(source cell, target cell, weight, delay of each connection, number of source cells) -> columns of a Route."""


def sort_by_source(pre: NDArray[Any], post: NDArray[Any], weights: Any, delays: Any, size: int) -> Sorted:
    """Connections in order of source cell; those of one cell keep their order, so that results do not depend on it."""
    starts = np.zeros(size + 1, dtype=np.int64)
    np.cumsum(np.bincount(pre, minlength=size), out=starts[1:])
    order = np.argsort(pre, kind="stable")
    return (
        starts,
        np.ascontiguousarray(post[order], dtype=np.int32),
        weights[order] if np.ndim(weights) else float(weights),
        np.asarray(delays[order], dtype=np.int32) if np.ndim(delays) else int(delays),
    )


def make_routes(
    projection: Projection, populations: list[PopulationSpec], groups: dict[int, Group], sort: Sorter
) -> list[Route]:
    """The routes of a projection: one for each pair of source and target population that it joins."""
    routes = []
    spec = projection.spec
    for source, target, pre, post, chosen in _parts(projection, populations, groups):
        weights, delays = _chosen(projection.columns["weight"], chosen), _chosen(projection.delay_steps, chosen)
        columns = sort(pre, post, weights, delays, source.size)
        routes.append(Route(source, target, _receptor(target, spec.receptor), *columns))
    return routes


def make_parts(
    projection: Projection, populations: list[PopulationSpec], groups: dict[int, Group]
) -> list[Part]:
    """The connections of a projection whose synapse type has a rule, by pair of source and target population."""
    return [
        Part(source, target, _receptor(target, projection.spec.receptor), pre, post, chosen)
        for source, target, pre, post, chosen in _parts(projection, populations, groups)
    ]


def _parts(
    projection: Projection, populations: list[PopulationSpec], groups: dict[int, Group]
) -> Iterator[tuple[Group, CellGroup, NDArray[Any], NDArray[Any], IntArray | None]]:
    """(source, target, source cells, target cells, which connections; None: all) for each pair of populations."""
    spec, table = projection.spec, projection.table
    if not table.size:
        return
    sources = split_by_population(populations, spec.pre)
    targets = split_by_population(populations, spec.post)
    source_of, source_cell = _located(sources, len(spec.pre))
    target_of, target_cell = _located(targets, len(spec.post))
    for s, (source, _, _) in enumerate(sources):
        for t, (target, _, _) in enumerate(targets):
            target_group = groups[target.id]
            if not isinstance(target_group, CellGroup):
                raise InternalError(f"{spec.label}: the target {target.label} consists of spike sources.")
            chosen = None
            pre, post = table.pre, table.post
            if len(sources) > 1 or len(targets) > 1:
                chosen = np.flatnonzero((source_of[pre] == s) & (target_of[post] == t))
                pre, post = pre[chosen], post[chosen]
            if len(pre):
                yield groups[source.id], target_group, _mapped(source_cell, pre), _mapped(target_cell, post), chosen


def _located(
    parts: list[tuple[PopulationSpec, IntArray, IntArray]], size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each of `size` positions: which part has it, and the index within that part's population."""
    part_of = np.full(size, -1, dtype=np.int32)
    cell = np.zeros(size, dtype=np.int32)
    for number, (_, positions, cells) in enumerate(parts):
        part_of[positions] = number
        cell[positions] = cells
    if np.any(part_of < 0):
        raise InternalError("A projection names cells that are in no population that has been built.")
    return part_of, cell


def _mapped(cells: NDArray[np.int32], positions: NDArray[Any]) -> NDArray[Any]:
    whole = len(cells) == 0 or (cells[0] == 0 and cells[-1] == len(cells) - 1 and np.all(np.diff(cells) == 1))
    return positions if whole else cells[positions]


def _chosen(column: Any, which: IntArray | None) -> Any:
    return column if which is None or not np.ndim(column) else np.asarray(column)[which]


def _receptor(target: CellGroup, name: str) -> int:
    try:
        return target.analysis.receptors.index(name)
    except ValueError as error:
        raise InternalError(f"{target.spec.label} has no receptor '{name}'.") from error
