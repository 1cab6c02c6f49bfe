"""Large tables of connections in the order in which they are needed: by source cell, then by delay.

A network whose weights and delays differ from connection to connection adds each weight to the input of another cell
in another step. With some 100,000 cells these inputs, of all steps of the delays, are more than the caches hold, and so
is the beginning of every row of every table. So the connections from one group to all cells of a slice can be kept
together, in a bundle: in a row for each source cell, by delay. What arrives in the next steps then is a stretch of each
row of a cell that has spiked of late, and goes to the inputs of those few steps, which stay in the cache. How many they
are is up to what the cache holds (`INPUT_AT_ONCE`); later spikes add what of theirs arrives in these steps.

Tables that are in bundles make their columns anew when asked to. Sums are the same to the last bit: the weights
that arrive at a cell in a step are added up by step of the spike, then route, then source cell, as they are without.
"""

from __future__ import annotations

import ctypes
import graphlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.compilation import Library, load
from pyNN.reference.bins import can_be_binned
from pyNN.reference.compiled import bundling
from pyNN.reference.world import CellGroup, Columns, Route, Rows, SourceGroup, World, slots_of
from pyNN.specs import IntArray

WORTH_BUNDLING = 1 << 22
"""Bytes of input on its way to the cells of a slice from which on it pays; less stays in a processor's own cache."""
CONNECTIONS_A_DELAY = 4
"""Mean number of connections from a cell with each delay from which on it pays; a delay takes 4 bytes a cell ..."""
CONNECTIONS_A_DELAY_IN_BINS, CONNECTIONS_AT_ONCE = 6, 18
"""... and where events could be put into bins instead, see pyNN.reference.bins: with each delay, and with all delays
whose input is brought at once."""
INPUT_AT_ONCE = 5 << 18
"""Bytes of input of a slice's cells that is brought at once, if that is more than an interval's: with the states of the
cells it should stay in a processor's own cache."""
LARGEST_FLIGHT = 1 << 27
"""Spikes that there must be room for; room that is not used takes no memory."""
_LARGEST_BUNDLE = 1 << 32


class Bundle:
    """The connections from the cells of one group to the cells of one slice."""

    def __init__(self, members: Sequence[Rows], offsets: Sequence[int], threads: int) -> None:
        """Take over the columns of the members; `offsets` are added to the numbers of target cells."""
        self.offsets = list(offsets)
        columns = [rows.columns() for rows in members]
        with ThreadPoolExecutor(threads) as pool:
            moved = list(pool.map(_moved_connections, columns))
            delays = [rows.delay_limits for rows in members]
            self.shortest, self.longest = min(low for low, _ in delays), max(high for _, high in delays)
            self.width = self.longest - self.shortest + 2
            self.sources = len(columns[0][0]) - 1
            self.size = sum(rows.size for rows in members)
            targets = list(pool.map(lambda own: (int(own[1].min()), int(own[1].max())), columns))
            places = [(offset + low, offset + high) for offset, (low, high) in zip(offsets, targets, strict=True)]
            self.base, highest = min(low for low, _ in places), max(high for _, high in places)
            """The first place in a slot that there is a connection to: `posts` are counted from there."""
            offsets = [offset - self.base for offset in offsets]
            wide = highest - self.base >= 1 << 16
            self.posts: NDArray[Any] = np.empty(self.size, dtype=np.int32 if wide else np.uint16)
            self.weights: NDArray[Any] = np.empty(self.size, dtype=np.asarray(columns[0][2]).dtype)
            self.ends = np.zeros(self.sources * self.width, dtype=np.uint32)
            loops = [self.loops(own) for own in columns]
            pieces = [self.sources * t // threads for t in range(threads + 1)]

            def each_piece(work: Callable[[int, int], None]) -> None:
                list(pool.map(work, pieces[:-1], pieces[1:]))

            def count(first: int, last: int) -> None:
                for own, (starts, _, _, delays) in zip(loops, columns, strict=True):
                    own["count_by_delay"](starts, delays, first, last, self.shortest, self.width, self.ends)

            def place_posts(first: int, last: int) -> None:
                for own, offset, (starts, posts, _, delays) in zip(loops, offsets, columns, strict=True):
                    own["place_posts"](
                        starts, posts, delays, first, last, offset, self.shortest, self.width, begins, self.posts
                    )

            def place_weights(first: int, last: int) -> None:
                for own, (starts, weights, delays) in zip(loops, without_posts, strict=True):
                    own["place_weights"](
                        starts, weights, delays, first, last, self.shortest, self.width, self.ends, self.weights
                    )

            each_piece(count)
            loops[0]["begin_by_delay"](self.width, self.ends)
            begins = self.ends.copy()
            each_piece(place_posts)
            found = pool.map(self._member, range(len(members)), columns, offsets, targets, moved)
            for rows, member in zip(members, list(found), strict=True):
                rows.hand_over(member)
            # Weights take most of the memory, so that posts should be gone before there are weights twice.
            without_posts = [(starts, weights, delays) for starts, _, weights, delays in columns]
            columns.clear()
            _give_back_memory()
            each_piece(place_weights)

    def loops(self, columns: Columns) -> Library:
        """The loops for tables of these types."""
        return _loops(columns, self.posts.dtype)

    def _member(
        self, number: int, columns: Columns, offset: int, targets: tuple[int, int], moved: IntArray
    ) -> Member:
        starts, posts, _, delays = columns
        first, last = targets[0], targets[1] + 1
        swapped, sorted_places, places = (np.empty(moved[k], dtype=np.uint32) for k in (0, 1, 1))
        self.loops(columns)["list_moved"](starts, posts, delays, swapped, sorted_places, places)
        return Member(
            self, number, offset, first, last, len(posts), posts.dtype, np.asarray(delays).dtype,
            swapped, sorted_places, places,
        )  # fmt: skip


def _give_back_memory() -> None:
    """Give what has been freed to the operating system: glibc would keep what was in pieces of less than 32 MB."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name != "nt" else None
    if trim is not None:
        trim(0)


class NotInOrder(Exception):
    """Rows of connections are not in order of target cells, which could not be told from a bundle any more."""


def _loops(columns: Columns, places: np.dtype[Any]) -> Library:
    """The loops for tables of these types, and bundles whose places are."""
    return load(bundling(*(np.asarray(column).dtype.str[1:] for column in columns[1:]), places.str[1:]))


def _moved_connections(columns: Columns) -> IntArray:
    """Of how many connections the place has to be kept, since others join the same two cells: see `count_moved`."""
    starts, posts, _, delays = columns
    numbers = np.zeros(2, dtype=np.int64)
    if not _loops(columns, np.dtype(np.uint16))["count_moved"](starts, posts, delays, numbers):
        raise NotInOrder
    return numbers


@dataclass
class Member:
    """A table that is in a bundle."""

    bundle: Bundle
    number: int
    """Which of the bundle's tables it is."""
    offset: int
    """What is added to the number of a target cell to have its place in the bundle."""
    first: int
    """The first target cell."""
    last: int
    """One after the last."""
    size: int
    post_type: np.dtype[Any]
    delay_type: np.dtype[Any]
    swapped: NDArray[np.uint32]
    """Of two connections that join the same two cells, and are not by delay, the place of the first."""
    sorted_places: NDArray[np.uint32]
    """Of more than two such connections, the places that they would have by delay ..."""
    places: NDArray[np.uint32]
    """... and those that they have."""

    def columns(self) -> Columns:
        bundle = self.bundle
        first, last = self.first + self.offset, self.last + self.offset
        starts = np.zeros(bundle.sources + 1, dtype=np.int64)
        places = np.zeros(last - first + 1, dtype=np.int64)
        posts: NDArray[Any] = np.empty(self.size, dtype=self.post_type)
        weights: NDArray[Any] = np.empty(self.size, dtype=bundle.weights.dtype)
        delays: NDArray[Any] = np.empty(self.size, dtype=self.delay_type)
        columns: Columns = (starts, posts, weights, delays)
        loops = bundle.loops(columns)
        loops["count_in_bundle"](bundle.width, bundle.ends, bundle.posts, first, last, starts, places)
        loops["take_from_bundle"](
            bundle.shortest, bundle.width, bundle.ends, bundle.posts, bundle.weights, first, last, places,
            np.zeros(bundle.sources, dtype=np.int64), np.empty(self.size, dtype=np.int32), np.empty_like(weights),
            np.empty_like(delays), *columns,
        )  # fmt: skip
        posts += self.post_type.type(self.first)
        for column in (weights, delays):
            first_of_two = column[self.swapped]
            column[self.swapped] = column[self.swapped + 1]
            column[self.swapped + 1] = first_of_two
            column[self.places] = column[self.sorted_places]
        return columns


@dataclass
class Plan:
    """How the cells of one slice would get their input from bundles."""

    places: dict[int, tuple[CellGroup, int, int, int]]
    """(group, its first cell in the slice, one after the last, place of the first number), by id() of the group."""
    stride: int
    """Numbers of each receptor."""
    receptors: int
    tables: dict[int, list[Route]]
    """The routes of each bundle, by id() of the source."""
    order: list[Any]
    """The id() of a bundle's source, or a route of a counted source, in the order in which weights are added up."""
    at_once: int
    """For how many steps ahead input is brought at once."""
    bundles: dict[int, Bundle] = field(default_factory=dict)

    def offset(self, route: Route) -> int:
        """What is added to the number of a target cell to have its place in a slot."""
        _, first, _, place = self.places[id(route.target)]
        return route.receptor * self.stride + place - first

    @property
    def routes(self) -> list[Route]:
        """Those of counted sources, too."""
        stored = [route for routes in self.tables.values() for route in routes]
        return [*stored, *(item for item in self.order if isinstance(item, Route))]

    @property
    def longest(self) -> int:
        return max(route.largest_delay for route in self.routes)


Slices = Callable[[CellGroup], list[tuple[int, int]]]
"""The cells of each slice of a group: first, one after the last."""


def plan(world: World, number: int, slices: Slices, interval: int) -> Plan | None:
    """Which input of the cells of a slice should come from bundles; None if that does not pay.

    `interval`: after how many steps spikes are delivered.

    All input of a group comes from bundles, or none does: otherwise weights would be added up in another order.
    """
    ruled = {id(part.target) for synapses in world.ruled for part in synapses.parts}
    by_target: dict[int, list[Route]] = {}
    for route in world.routes:
        if route.slice_number == number and route.has_connections:
            by_target.setdefault(id(route.target), []).append(route)
    targets = [own for target, own in by_target.items() if target not in ruled and _can_be_bundled(own)]
    tables: dict[int, list[Route]] = {}
    for route in (route for own in targets for route in own):
        if isinstance(route.source, CellGroup):
            tables.setdefault(id(route.source), []).append(route)
    order = _order(targets)
    if order is None or not tables:
        return None
    parts = [slices(own[0].target)[number] for own in targets]
    cells = [last - first for first, last in parts]
    at_once = _steps_at_once(targets, cells, interval)
    if not _pays(targets, cells, tables, at_once):
        return None
    places: dict[int, tuple[CellGroup, int, int, int]] = {}
    stride = 0
    for own, (first, last) in zip(targets, parts, strict=True):
        places[id(own[0].target)] = (own[0].target, first, last, stride)
        stride += last - first
    # Kernels see a slot as rows that are as long as the group.
    stride = max([stride, *(own[0].target.size for own in targets)])
    receptors = max(len(own[0].target.analysis.receptors) for own in targets)
    return Plan(places, stride, receptors, tables, order, at_once)


def _can_be_bundled(routes: list[Route]) -> bool:
    """Whether all that a group gets is stored with own weights and delays, or from a counted source with one delay."""
    joined: set[tuple[int, int]] = set()
    for route in routes:
        if route.rows is None:
            return False
        if isinstance(route.source, SourceGroup):
            if not route.is_counted or route.rows.has_own_delays:
                return False
            continue
        key = (id(route.source), route.receptor)
        # The connections of two tables would be mixed.
        if key in joined or not (route.rows.has_own_weights and route.rows.has_own_delays):
            return False
        joined.add(key)
    return bool(joined)


def _order(targets: list[list[Route]]) -> list[Any] | None:
    """Bundles and routes in an order that is the routes' for each receptor of each group; None if there is none."""
    sorter: graphlib.TopologicalSorter[int] = graphlib.TopologicalSorter()
    counted: dict[int, Route] = {}
    for own in targets:
        last: dict[int, int] = {}
        for route in own:
            is_counted = isinstance(route.source, SourceGroup)
            key = id(route) if is_counted else id(route.source)
            if is_counted:
                counted[key] = route
            sorter.add(key, *([last[route.receptor]] if route.receptor in last else []))
            last[route.receptor] = key
    try:
        return [counted.get(key, key) for key in sorter.static_order()]
    except graphlib.CycleError:
        return None


def _steps_at_once(targets: list[list[Route]], cells: list[int], interval: int) -> int:
    """For how many steps ahead input should be brought at once: whole intervals, one at least.

    The more steps, the longer are the stretches of rows that are read, and the fewer. That counts where they are short:
    with several slices each has its own stretch of every row.
    """
    size = sum(8 * n * len({route.receptor for route in own}) for own, n in zip(targets, cells, strict=True))
    longest = max(route.largest_delay for own in targets for route in own)
    return interval * max(min(INPUT_AT_ONCE // (size * interval), longest // interval), 1)


def _pays(targets: list[list[Route]], cells: list[int], tables: dict[int, list[Route]], at_once: int) -> bool:
    size = 0
    for own, number in zip(targets, cells, strict=True):
        slots = slots_of(max(route.largest_delay for route in own))
        size += number * len(own[0].target.analysis.receptors) * slots * 8
    if size < WORTH_BUNDLING:
        return False
    connections = [sum(route.stored.size for route in own) for own in tables.values()]
    entries, spikes = 0, 0
    for own in tables.values():
        longest = max(route.largest_delay for route in own)
        entries += own[0].source.size * (longest - min(route.smallest_delay for route in own) + 2)
        spikes = max(spikes, flight_capacity(own[0].source.size, longest, longest))
    could_be_binned = all(can_be_binned(route) for own in targets for route in own)
    in_bins = max(CONNECTIONS_A_DELAY_IN_BINS, CONNECTIONS_AT_ONCE / at_once)
    least = in_bins if could_be_binned else CONNECTIONS_A_DELAY
    return (
        sum(connections) >= least * entries
        and max(connections) < _LARGEST_BUNDLE
        and spikes <= LARGEST_FLIGHT
    )


def flight_capacity(cells: int, longest: int, interval: int) -> int:
    """Room for the spikes of a group whose delivery has not ended, of which each cell has one in a step at most."""
    return 2 * cells * (longest + 2 * interval + 1)


def make_bundles(plans: Iterable[Plan], threads: int) -> bool:
    """Have the bundles of all plans, those that there are already or new ones; False if that cannot be."""
    tables = [(made, source, routes) for made in plans for source, routes in made.tables.items()]
    # A bundle takes less memory than its tables, but both are there for a moment: the largest one comes last.
    tables.sort(key=lambda table: sum(route.stored.size for route in table[2]))
    for made, source, routes in tables:
        members = [route.stored for route in routes]
        offsets = [made.offset(route) for route in routes]
        if all(rows.keeper is None for rows in members):
            try:
                made.bundles[source] = Bundle(members, offsets, threads)
            except NotInOrder:
                return False
            _give_back_memory()
            continue
        bundle = _bundle_of(members)
        if bundle is None or bundle.offsets != offsets:
            return False
        made.bundles[source] = bundle
    return True


def _bundle_of(tables: list[Rows]) -> Bundle | None:
    """The bundle that consists of these tables in this order."""
    keepers = [rows.keeper for rows in tables if isinstance(rows.keeper, Member)]
    if not keepers or [keeper.number for keeper in keepers] != list(range(len(tables))):
        return None
    bundle = keepers[0].bundle
    return bundle if all(keeper.bundle is bundle for keeper in keepers) else None


def dissolve(world: World) -> None:
    """Give all tables that are in bundles their columns back, bundle by bundle, so that the memory of one is enough."""
    bundled: dict[int, list[Rows]] = {}
    for route in world.routes:
        if route.rows is not None and isinstance(route.rows.keeper, Member):
            bundled.setdefault(id(route.rows.keeper.bundle), []).append(route.rows)
    for tables in bundled.values():
        for rows in tables:
            rows.take_back()
        _give_back_memory()


def no_input(made: Plan, steps: int) -> NDArray[np.float64]:
    """Room for the input of the cells of a slice that is brought at once, by slot: that of so many steps."""
    return np.zeros((slots_of(steps), made.receptors, made.stride))
