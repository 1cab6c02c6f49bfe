"""From connection tables to routes: connections sorted by source cell, split by population."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.connectors.regeneration import RegeneratedTable
from pyNN.errors import InternalError
from pyNN.reference.plasticity import Part
from pyNN.reference.world import CellGroup, Columns, Engine, Group, Projection, Route, Rows
from pyNN.specs import IntArray, PopulationSpec, SourceTable, split_by_population


def sort_by_source(
    pre: NDArray[Any], post: NDArray[Any], weights: Any, delays: Any, size: int, targets: int
) -> Columns:
    """Connections, given by columns, from `size` cells to `targets` cells, in order of source cell.

    Those of one cell keep their order, so that results do not depend on it.
    """
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
    projection: Projection, populations: list[PopulationSpec], groups: dict[int, Group], engine: Engine
) -> list[Route]:
    """The routes of a projection: for each pair of source and target population that it joins, one for each thread."""
    routes = []
    spec = projection.spec
    for source, target, pre, post, chosen, thread in _parts(projection, populations, groups, engine):
        weights, delays = _chosen(projection.columns["weight"], chosen), _chosen(projection.delay_steps, chosen)
        starts, posts, *own = engine.sort(pre, post, weights, delays, source.size, target.size)
        routes.append(Route(source, target, _receptor(target, spec.receptor), Rows(starts, posts, *own), thread))
    return routes


def regenerated_routes(
    projection: Projection, table: RegeneratedTable, populations: list[PopulationSpec], groups: dict[int, Group],
    engine: Engine,
) -> list[Route]:  # fmt: skip
    """The routes of a projection between whole populations whose connections are drawn at each spike."""
    spec = projection.spec
    ((source, _, _),) = split_by_population(populations, spec.pre)
    ((target, _, _),) = split_by_population(populations, spec.post)
    group = groups[target.id]
    if not isinstance(group, CellGroup):
        raise InternalError(f"{spec.label}: the target {target.label} consists of spike sources.")
    return [
        Route(groups[source.id], group, _receptor(group, spec.receptor), None, number, regenerated=table)
        for number in range(len(engine.slices(group)))
    ]


def routes_by_source(
    projection: Projection, populations: list[PopulationSpec], groups: dict[int, Group], engine: Engine
) -> list[Route] | None:
    """The routes of a projection between whole populations whose table is in order of source already; else None."""
    spec, table = projection.spec, projection.table.keeper
    if not isinstance(table, SourceTable):
        return None
    ends = [split_by_population(populations, ids) for ids in (spec.pre, spec.post)]
    if any(len(parts) != 1 for parts in ends):
        return None
    source, target = (groups[parts[0][0].id] for parts in ends)
    if not (isinstance(target, CellGroup) and is_whole(spec.pre, source) and is_whole(spec.post, target)):
        return None
    receptor = _receptor(target, spec.receptor)
    routes = []
    for number, (first, last) in enumerate(engine.slices(target)):
        rows = Rows(*engine.take_rows(table, first, last))
        if rows.size:
            routes.append(Route(source, target, receptor, rows, number))
    return routes


def is_whole(ids: IntArray, group: Group) -> bool:
    """Whether cells, given by their ids, are those of a group in their order."""
    return np.array_equal(ids, np.arange(group.spec.first_id, group.spec.first_id + group.size))


def make_parts(
    projection: Projection, populations: list[PopulationSpec], groups: dict[int, Group], engine: Engine
) -> list[Part]:
    """The connections of a projection whose synapse type has a rule, by pair of populations and by thread."""
    return [
        Part(source, target, _receptor(target, projection.spec.receptor), pre, post, _indices(chosen), thread)
        for source, target, pre, post, chosen, thread in _parts(projection, populations, groups, engine)
    ]


def _indices(chosen: IntArray | slice | None) -> IntArray | None:
    return np.arange(chosen.start, chosen.stop) if isinstance(chosen, slice) else chosen


def _parts(
    projection: Projection, populations: list[PopulationSpec], groups: dict[int, Group], engine: Engine
) -> Iterator[tuple[Group, CellGroup, NDArray[Any], NDArray[Any], IntArray | slice | None, int]]:
    """(source, target, source cells, target cells, which connections; None: all, thread) for pairs of populations."""
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
            chosen: IntArray | None = None
            pre, post = table.pre, table.post
            if len(sources) > 1 or len(targets) > 1:
                chosen = np.flatnonzero((source_of[pre] == s) & (target_of[post] == t))
                pre, post = pre[chosen], post[chosen]
            pre, post = _mapped(source_cell, pre), _mapped(target_cell, post)
            for thread, where in enumerate(_by_slice(post, engine.slices(target_group))):
                part: Any = chosen if where is None else where if chosen is None else chosen[where]
                own_pre, own_post = _chosen(pre, where), _chosen(post, where)
                if len(own_pre):
                    yield groups[source.id], target_group, own_pre, own_post, part, thread


def _by_slice(post: NDArray[Any], slices: list[tuple[int, int]]) -> Iterator[IntArray | slice | None]:
    """Which connections have their targets in each slice of the cells; None: all."""
    if len(slices) == 1:
        yield None
        return
    is_sorted = bool(np.all(post[1:] >= post[:-1]))
    for first, last in slices:
        if is_sorted:
            begin, end = np.searchsorted(post, np.array([first, last], dtype=post.dtype))
            yield slice(int(begin), int(end))
        else:
            yield np.flatnonzero((post >= first) & (post < last))


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


def _chosen(column: Any, which: IntArray | slice | None) -> Any:
    return column if which is None or not np.ndim(column) else np.asarray(column)[which]


def _receptor(target: CellGroup, name: str) -> int:
    try:
        return target.analysis.receptors.index(name)
    except ValueError as error:
        raise InternalError(f"{target.spec.label} has no receptor '{name}'.") from error
