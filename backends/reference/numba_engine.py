"""The compiled engine: the run loop and every cell type are machine code, kept on disk for the next process."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.compilation import Unit, load, request
from pyNN.connectors.compiled import sorting
from pyNN.connectors.ordering import is_sorted, place_by_source, plain
from pyNN.equations.kernels import idle_bits
from pyNN.equations.stepped import is_stepped
from pyNN.errors import InternalError
from pyNN.parallel import BLOCK, Communicator, SerialCommunicator, first_owner
from pyNN.random.streams import signed
from pyNN.reference import compiled, delivery, layout
from pyNN.reference.bins import Bins, binned
from pyNN.reference.bundles import Plan, dissolve, flight_capacity, make_bundles, no_input, plan
from pyNN.reference.compiled_synapses import CompiledSynapses, History, Pathway, Queue, queue_key
from pyNN.reference.exchange import Exchange
from pyNN.reference.packing import PackedTable, packed
from pyNN.reference.plasticity import Part
from pyNN.reference.regenerating import regenerated_kind, rule_record
from pyNN.reference.stepped_compiled import StepPathway, SteppedCompiled
from pyNN.reference.world import CellGroup, Columns, Group, NotFinite, Projection, Route, SourceGroup, World
from pyNN.specs import IntArray, SourceTable
from pyNN.spike_sources import CountedPoissonSource

_LONGEST_INTERVAL = 1024
# A history must hold a spike of every cell and step of an interval.
_LONGEST_HISTORY_INTERVAL = 16
_LONGEST_COUNTED_INTERVAL = 16
_LARGEST_SPIKE_BUFFER = 1 << 22
_CHANGING = (
    layout.SIGNAL_START, layout.LIMIT_ADDRESS, layout.LIMIT_ROW_ADDRESS, layout.LIMIT_ROWS, layout.LIMITS
)  # fmt: skip
"""Fields of a group's record that are new in every chunk."""
_LOG_SPIKES = 1 << 16
_EXCHANGE = 4
"""Why the run loop comes back when spikes are to be exchanged with other ranks."""
_TURN_TAKING = 7_000
"""Work of an interval, in ns, that one thread does sooner than several, which have to wait for each other ..."""
_STARTING = 100_000
"""... and that which is worth no thread that has to be started for it."""
_PATIENCE = 8
"""How many measured intervals must be too short, at first, for other threads to be sent home."""


def yield_address() -> int:
    """Address of the operating system's function by which a thread gives way, int32(); 0 if there is none."""
    if os.name == "nt":
        function = ctypes.WinDLL("kernel32").SwitchToThread  # type: ignore[attr-defined,unused-ignore]
        return int(ctypes.cast(function, ctypes.c_void_p).value or 0)
    return _system_function("sched_yield")


def _system_function(name: str) -> int:
    """Address of a function of the operating system's C library; 0 if there is none."""
    function = getattr(ctypes.CDLL(None), name, None) if os.name != "nt" else None
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0) if function is not None else 0


def kernel_unit(group: CellGroup) -> Unit:
    """The machine code of a group's cell type, for cells that are alike or that differ."""
    return compiled.cells(group.spec.model.name, group.key, group.program, group.per_cell)


def _address(unit: Unit, name: str) -> int:
    return load(unit)[name].address


def _without_input(world: World, group: CellGroup) -> tuple[set[int], dict[int, list[int]]]:
    """The receptors of a group that no connection leads to, and at which nothing is on its way; what only they change.

    These are states by row, with the rows of those that influence them.
    """
    used = {route.receptor for route in world.routes if route.target is group and route.has_connections}
    used |= {part.receptor for synapses in world.ruled for part in synapses.parts if part.target is group}
    receptors = {r for r in range(len(group.analysis.receptors)) if r not in used and not group.ring[:, r].any()}
    idle = group.analysis.idle.items()
    return receptors, {group.analysis.states.index(n): rows for n, (rows, fed_by) in idle if fed_by <= receptors}


def _addresses(owners: list[Any]) -> IntArray:
    """Addresses of the owners' records."""
    return np.array([owner.record.ctypes.data for owner in owners], dtype=np.int64)


class NumbaEngine:
    """Runs a World in compiled code, from one chunk to the next."""

    def __init__(
        self,
        threads: int = 1,
        weight_type: str = "float64",
        profile: bool = False,
        comm: Communicator | None = None,
    ) -> None:
        self.threads = threads
        self.comm = SerialCommunicator() if comm is None else comm
        self._exchange = Exchange(self.comm) if self.comm.size > 1 else None
        if self._exchange is not None:
            request(compiled.EXCHANGE)
        self.weight_type = np.dtype(weight_type)
        self._control = np.zeros(layout.CONTROL_FIELDS, dtype=np.int64)
        self._control[layout.SLICES] = threads
        self._control[layout.YIELD_ADDRESS] = yield_address() if threads > 1 else 0
        self._times = np.zeros((threads, 8), dtype=np.int64)
        self._control[layout.TIME_ADDRESS] = self._times.ctypes.data
        if (profile or threads > 1) and hasattr(time, "CLOCK_MONOTONIC"):
            clock = _system_function("clock_gettime")
            self._control[layout.CLOCK] = clock if profile else 0
            self._control[layout.WATCH] = clock if threads > 1 else 0
            self._control[layout.CLOCK_KIND] = time.CLOCK_MONOTONIC
        self._control[layout.PATIENCE] = _PATIENCE
        # If there is much to do that is known after the first intervals.
        self._control[layout.ALONE] = self._control[layout.MEASURED] = int(self._control[layout.WATCH] != 0)
        self._claims = np.zeros((threads, 8), dtype=np.int64)
        self._control[layout.CLAIM_ADDRESS] = self._claims.ctypes.data
        self._phases: dict[tuple[str, ...], float] = {}
        self._labels: tuple[list[str], list[str]] = ([], [])
        self._described: list[Route] = []
        self._parts = np.zeros((1, 0, layout.GROUP_FIELDS), dtype=np.int64)
        self._records = np.zeros((0, layout.GROUP_FIELDS), dtype=np.int64)
        self._routes = np.zeros((0, layout.ROUTE_FIELDS), dtype=np.int64)
        self._queues: dict[tuple[int, str], Queue] = {}
        self._pathways: list[Pathway | StepPathway] = []
        self._keepers: tuple[IntArray, IntArray, IntArray] = (_addresses([]), _addresses([]), _addresses([]))
        self._couplings = np.zeros((0, layout.COUPLING_FIELDS), dtype=np.int64)
        self._rows: dict[int, int] = {}
        self._alive: list[Any] = []
        self._tables: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self._interval = _LONGEST_INTERVAL
        self._plans: list[tuple[int, Plan]] = []
        """The slices whose cells get input from bundles."""
        self._bins: dict[tuple[int, int], Bins] = {}
        """The bins of the cells of each slice that has them, by id() of the group and number of the slice."""
        self._bundles = np.zeros((0, layout.BUNDLE_FIELDS), dtype=np.int64)
        self._bundle_times = np.zeros(threads, dtype=np.int64)
        self._control[layout.BUNDLE_TIME_ADDRESS] = self._bundle_times.ctypes.data
        self._bundled_labels: list[dict[str, float]] = []
        """What each piece that is delivered costs by label, in connections."""
        self._may_bundle = True
        self._without_input: dict[int, tuple[set[int], dict[int, list[int]]]] = {}
        """Receptors of each group without input; states that are idle if, and as long as, the rows of some are 0."""
        self._idle: dict[int, int] = {}
        """What is 0 in all cells of each group, and stays so in this run, in the bits of layout.IDLE."""

    def _drive(self, thread: int = 0) -> int:
        return int(load(compiled.DRIVER)["drive"](self._control.ctypes.data, thread, 0))

    @property
    def queues(self) -> dict[tuple[int, str], Queue]:
        """Spikes and events that synapses with a rule have not dealt with yet, by compiled_synapses.queue_key."""
        return self._queues

    def slices(self, group: Group) -> list[tuple[int, int]]:
        """The own cells of a group (first, one after the last) of each slice, which one thread at a time deals with.

        Whole blocks of 64 cells: threads then write to different cache lines, and vector instructions work on the same
        cells together for any number of slices.
        """
        return self._divided(*group.own)

    def _divided(self, first: int, last: int) -> list[tuple[int, int]]:
        blocks = -(-(last - first) // BLOCK)
        ends = [min(first + BLOCK * (blocks * t // self.threads), last) for t in range(self.threads + 1)]
        return list(pairwise(ends))

    def order(self, pre: NDArray[Any], size: int) -> tuple[IntArray, IntArray]:
        """(starts of each source's row, positions in order of source, those of one source in their order)."""
        starts = np.zeros(size + 2, dtype=np.int64)
        order = np.empty(len(pre), dtype=np.int64)
        source = plain(pre, np.int32)
        loops = load(sorting("u2", "f8", "u1"))
        loops["count_sources"](source, starts)
        loops["positions"](source, starts, order)
        return starts[:-1], order

    def make_synapses(
        self, projection: Projection, parts: list[Part], dt: float, step: int, seed: int, trial: int
    ) -> CompiledSynapses | SteppedCompiled:
        kind = SteppedCompiled if is_stepped(projection.spec.model) else CompiledSynapses
        synapses = kind(projection, parts, dt, step, seed, trial)
        synapses.start(self)
        return synapses

    def sort(
        self, pre: NDArray[Any], post: NDArray[Any], weights: Any, delays: Any, size: int, targets: int
    ) -> Columns:
        """Counting sort by source cell; connections of one source keep their order. Columns are as narrow as can be."""
        weight = plain(weights if np.ndim(weights) else [], np.float64)
        delay = plain(delays if np.ndim(delays) else [], np.int32)
        posts = np.empty(len(pre), dtype=np.uint16 if targets <= 1 << 16 else np.int32)
        sorted_weight = np.empty(len(weight), dtype=self.weight_type)
        sorted_delay = np.empty(len(delay), dtype=self._delay_type(delay))
        columns = ((plain(post, np.int32), posts), (weight, sorted_weight), (delay, sorted_delay))
        return (
            place_by_source(plain(pre, np.int32), size, *columns),
            posts,
            sorted_weight if np.ndim(weights) else float(weights),
            sorted_delay if np.ndim(delays) else int(delays),
        )

    def take_rows(self, table: SourceTable, first: int, last: int) -> Columns:
        """Columns as narrow as can be; those of all connections are the table's own where they have the right type."""
        starts, posts = table.starts, table.targets
        weights, delays = np.asarray(table.weights), np.asarray(table.delays)
        if self.threads > 1:
            loops = load(compiled.splitting(posts.dtype.str[1:]))
            begins = np.empty(len(starts) - 1, dtype=np.int64)
            own = np.zeros(len(starts), dtype=np.int64)
            loops["find_rows"](starts, posts, first, last, begins, own)
            starts = own
            where = np.empty(int(own[-1]), dtype=np.int64)
            loops["rows_to_places"](begins, own, where)
            posts = posts[where]
            weights, delays = (column[where] if column.ndim else column for column in (weights, delays))
        delay_type = self._delay_type(delays)
        return (
            starts,
            posts,
            weights.astype(self.weight_type, copy=False) if weights.ndim else float(weights),
            delays.astype(delay_type, copy=False) if delays.ndim else int(delays),
        )

    def _delay_type(self, delays: NDArray[Any]) -> Any:
        return np.uint8 if delays.max(initial=0) < 1 << 8 else np.int32

    def pack(self, projection: Projection) -> PackedTable | None:
        return packed(projection, is_sorted)

    def prepare(self, group: CellGroup) -> None:
        request(kernel_unit(group))

    def longest_interval(self, world: World) -> int:
        largest = max((group.size for group in world.cells), default=1)
        interval = max(min(world.interval or _LONGEST_INTERVAL, _LONGEST_INTERVAL), 1)
        interval = max(min(interval, _LARGEST_SPIKE_BUFFER // max(largest, 1)), 1)
        if any(source.is_counted for source in world.sources):
            interval = min(interval, _LONGEST_COUNTED_INTERVAL)
        if any(synapses.histories for synapses in world.ruled):
            interval = min(interval, _LONGEST_HISTORY_INTERVAL)
        return interval

    def refresh(self, world: World) -> None:
        groups: list[Group] = [*world.cells, *world.sources]
        self._keep_times()
        self._interval = world.common_interval or self.longest_interval(world)
        self.bundle(world)
        self._rows = {id(group): row for row, group in enumerate(groups)}
        self._records = np.zeros((len(groups), layout.GROUP_FIELDS), dtype=np.int64)
        for group in world.cells:
            self._describe_cells(world, group)
        for source in world.sources:
            self._describe_source(world, source)
        self._bins = self._make_bins(world)
        self._describe_routes(world)
        self._describe_rules(world)
        self._describe_couplings(world)
        self._divide(world)
        self._describe_bins()
        self._without_input = {id(group): _without_input(world, group) for group in world.cells}
        self._idle = {}
        self._describe_bundles(world)
        self._describe_tables(world)

    def settle(self, world: World) -> None:
        for group, number in self._bins:
            part = self._parts[number, self._rows[group]]
            load(compiled.BINS)["flush"](part.ctypes.data, world.current_step, 0)
        control = self._control
        if not self._plans or control[layout.ARRIVED] == control[layout.SETTLED]:
            return
        for number, _ in self._plans:
            load(compiled.DRIVER)["settle"](control.ctypes.data, number, 0)
        control[[layout.ARRIVED, layout.SETTLED]] = world.current_step
        self._records[:, [layout.FLIGHT_BEGIN, layout.FLIGHT_END]] = 0

    def bundle(self, world: World) -> None:
        """Have tables in bundles where that pays, and in no others.

        To make bundles takes as long as to make the tables. So a script that changes connections has that once; then
        they stay as they are.
        """
        plans: list[tuple[int, Plan]] = []
        if self._may_bundle:
            found = [(t, plan(world, t, self.slices, self._interval)) for t in range(self.threads)]
            plans = [(number, made) for number, made in found if made is not None]
        # What the records of the last run refer to is no longer needed.
        self._alive = []
        planned = {id(route.rows) for _, made in plans for route in made.routes}
        strays = [r for r in world.routes if r.rows is not None and r.rows.keeper and id(r.rows) not in planned]
        if not strays and make_bundles([made for _, made in plans], self.threads):
            self._plans = plans
            return
        # Nothing else should refer to bundles that are to go.
        plans.clear()
        self._plans, self._may_bundle = [], False
        dissolve(world)

    def _make_bins(self, world: World) -> dict[tuple[int, int], Bins]:
        """Bins for the slices of cells for which that pays and whose input does not come from bundles."""
        bundled = {(group, number) for number, made in self._plans for group in made.places}
        return {
            (id(group), number): Bins(group, last - first, world.current_step)
            for group in world.cells
            for number, (first, last) in enumerate(self.slices(group))
            if (id(group), number) not in bundled and binned(world, number, group, last - first)
        }

    def _describe_bins(self) -> None:
        """Let cells with bins find their input there, and routes to them put events there."""
        for (group, number), bins in self._bins.items():
            bins.describe(self._parts[number, self._rows[group]])
        for record, route in zip(self._routes, self._described, strict=True):
            if (id(route.target), route.slice_number) in self._bins:
                part = self._parts[route.slice_number, self._rows[id(route.target)]]
                record[layout.ROUTE_TARGET_RECORD] = part.ctypes.data

    def _describe_bundles(self, world: World) -> None:
        """Records of bundles, and where cells find input from them, in the records of slices."""
        items = [(number, made, item) for number, made in self._plans for item in made.order]
        self._bundles = np.zeros((len(items), layout.BUNDLE_FIELDS), dtype=np.int64)
        self._bundled_labels = []
        longest = max((made.longest for _, made in self._plans), default=0)
        self._control[[layout.ARRIVED, layout.SETTLED]] = world.current_step
        self._control[layout.LONGEST] = longest
        reach = min((made.at_once for _, made in self._plans), default=0)
        self._control[layout.REACH] = reach
        inputs = {}
        for number, made in self._plans:
            room = no_input(made, reach)
            inputs[number] = (self._address(room), len(room), made.receptors * made.stride)
            for group, first, _, place in made.places.values():
                part = self._parts[number, self._rows[id(group)]]
                part[layout.BUNDLED] = 1
                part[layout.INPUT_ADDRESS] = inputs[number][0] + 8 * (place - first)
                part[layout.INPUT_SLOTS], part[layout.SLOT_STRIDE] = inputs[number][1:]
                part[layout.RECEPTOR_STRIDE] = made.stride
        for record, (number, made, item) in zip(self._bundles, items, strict=True):
            record[layout.BUNDLE_SLICE] = number
            if isinstance(item, Route):
                self._describe_counted(record, item, number)
            else:
                self._describe_bundle(record, made, item, longest)
                record[layout.BUNDLE_INPUT_ADDRESS : layout.BUNDLE_SLOT_STRIDE + 1] = inputs[number]
                record[layout.BUNDLE_INPUT_ADDRESS] += 8 * made.bundles[item].base

    def _describe_counted(self, record: NDArray[np.int64], route: Route, number: int) -> None:
        """A route of a counted source to cells with input from bundles: it is done when its spikes arrive."""
        target = self._rows[id(route.target)]
        row = next(k for k, own in enumerate(self._described) if own is route)
        own = self._routes[row]
        own[layout.ROUTE_SLICE] = -1
        own[layout.ROUTE_TARGET_RECORD] = self._parts[number, target].ctypes.data
        record[layout.BUNDLE_GROUP] = own[layout.SOURCE]
        record[layout.BUNDLE_KERNEL] = own[layout.ROUTE_KERNEL]
        record[layout.BUNDLE_ROUTE_ADDRESS] = own.ctypes.data
        record[layout.BUNDLE_SHORTEST] = route.smallest_delay
        self._bundled_labels.append({route.label: route.stored.size})

    def _describe_bundle(self, record: NDArray[np.int64], made: Plan, source: int, longest: int) -> None:
        bundle, routes, row = made.bundles[source], made.tables[source], self._rows[source]
        group = self._records[row]
        if not group[layout.FLIGHT_CAPACITY]:
            group[layout.FLIGHT_CAPACITY] = capacity = flight_capacity(bundle.sources, longest, self._interval)
            group[layout.FLIGHT_STEP_ADDRESS] = self._address(np.empty(capacity, dtype=np.int64))
            group[layout.FLIGHT_CELL_ADDRESS] = self._address(np.empty(capacity, dtype=np.int64))
        kind = delivery.Bundled(bundle.posts.dtype.name, bundle.weights.dtype.name)
        record[layout.BUNDLE_GROUP] = row
        record[layout.BUNDLE_KERNEL] = _address(compiled.route(kind), "deliver")
        record[layout.BUNDLE_SHORTEST], record[layout.BUNDLE_WIDTH] = bundle.shortest, bundle.width
        record[layout.BUNDLE_END_ADDRESS] = self._address(bundle.ends)
        record[layout.BUNDLE_SOURCES], record[layout.BUNDLE_CONNECTIONS] = bundle.sources, bundle.size
        record[layout.BUNDLE_POST_ADDRESS] = self._address(bundle.posts)
        record[layout.BUNDLE_WEIGHT_ADDRESS] = self._address(bundle.weights)
        record[layout.BUNDLE_STEP_ADDRESS] = group[layout.FLIGHT_STEP_ADDRESS]
        record[layout.BUNDLE_CELL_ADDRESS] = group[layout.FLIGHT_CELL_ADDRESS]
        shares: dict[str, float] = {}
        for route in routes:
            number = route.stored.size / (bundle.sources * (bundle.width - 1))
            shares[route.label] = shares.get(route.label, 0.0) + number
        self._bundled_labels.append(shares)

    def _drawn(self, world: World, source: SourceGroup) -> tuple[int, int]:
        """The counted sources whose spikes are drawn here: those of other ranks are drawn again, not received."""
        routes = [route for route in world.routes if route.source is source and route.has_connections]
        if self._exchange is None or not all(self._is_one_to_one(route) for route in routes):
            return 0, source.size
        owners = [route.target.own for route in routes]
        return min((first for first, _ in owners), default=0), max((last for _, last in owners), default=0)

    def _describe_source(self, world: World, source: SourceGroup) -> None:
        record = self._records[self._rows[id(source)]]
        record[layout.SIZE] = source.size
        record[layout.FIRST_CELL], record[layout.LAST_CELL] = self._drawn(world, source)
        if isinstance(source.player, CountedPoissonSource) and source.size:
            record[layout.RANDOM_KEY] = signed(source.player.key)
            # Where input comes from bundles, counts are wanted when the spikes arrive.
            late = [r.largest_delay for _, made in self._plans for r in made.routes if r.source is source]
            record[layout.COUNT_ROWS] = rows = self._interval + max(late, default=0)
            record[layout.COUNT_ADDRESS] = self._address(np.zeros((rows, source.size), dtype=np.uint32))
            record[layout.WORD_ADDRESS] = self._address(np.zeros((4, source.size), dtype=np.uint32))
            record[layout.WORD_BLOCK] = -1
            record[layout.COUNT_KERNEL] = _address(compiled.COUNTING, "draw")

    def _describe_rules(self, world: World) -> None:
        """Records of queues, histories and pathways, which refer to those of groups."""
        histories: list[History] = []
        pathways: list[Pathway | StepPathway] = []
        base, width = self._records.ctypes.data, layout.GROUP_FIELDS * 8
        for queue in self._queues.values():
            queue.pathways = []
        for synapses in world.ruled:
            for history in synapses.histories.values():
                history.record[layout.HISTORY_GROUP_ROW] = self._rows[id(history.target)]
                history.describe(base + width * self._rows[id(history.target)])
                histories.append(history)
            for pathway in synapses.pathways:
                if not len(pathway.posts):
                    continue
                if pathway.source is None:
                    pathway.describe(None, None, base + width * self._rows[id(pathway.target)])
                    pathways.append(pathway)
                    continue
                key = queue_key(pathway.source, pathway.event)
                queue = self._queues.setdefault(key, Queue(pathway.source, pathway.event))
                if not pathway.in_queue:
                    pathway.record[layout.PATHWAY_CURSOR] = queue.record[layout.QUEUE_COUNT]
                    pathway.in_queue = True
                queue.pathways.append(pathway)
                history = synapses.histories.get(id(pathway.target))
                pathway.describe(queue, history, base + width * self._rows[id(pathway.target)])
                pathways.append(pathway)
            synapses.described = True
        used = [queue for queue in self._queues.values() if queue.pathways]
        for queue in used:
            queue.record[layout.QUEUE_GROUP] = self._rows[id(queue.source)]
            queue.describe()
        self._alive += [used, histories, pathways]
        self._pathways = pathways
        self._control[layout.STEPPED] = int(any(p.record[layout.PATHWAY_EARLY] > 1 for p in pathways))
        self._keepers = (_addresses(used), _addresses(histories), _addresses(pathways))

    def _describe_couplings(self, world: World) -> None:
        for current in world.coupled.values():
            record = self._records[self._rows[id(current.group)]]
            if current.group.size:
                record[layout.COUPLED_ADDRESS] = self._address(current.values)
                record[layout.COUPLED_FRESH] = int(current.fresh)
        self._couplings = np.zeros((len(world.couplings), layout.COUPLING_FIELDS), dtype=np.int64)
        self._control[layout.COUPLE_KERNEL] = _address(compiled.COUPLING, "couple") if world.couplings else 0
        for record, coupling in zip(self._couplings, world.couplings, strict=True):
            record[layout.COUPLING_SOURCE] = self._rows[id(coupling.source)]
            record[layout.COUPLING_TARGET] = self._rows[id(coupling.target)]
            record[layout.COUPLING_SOURCE_V_ADDRESS] = self._address(coupling.source.row("v"))
            record[layout.COUPLING_TARGET_V_ADDRESS] = self._address(coupling.target.row("v"))
            record[layout.COUPLINGS] = len(coupling.pre)
            record[layout.COUPLING_PRE_ADDRESS] = self._address(coupling.pre)
            record[layout.COUPLING_POST_ADDRESS] = self._address(coupling.post)
            record[layout.COUPLING_WEIGHT_ADDRESS] = self._address(coupling.weights)

    def _make_room(self, world: World) -> None:
        """Room for the spikes of an interval in queues and histories."""
        for synapses in world.ruled:
            for history in synapses.histories.values():
                history.make_room(self._interval, world.current_step)
        for queue in self._queues.values():
            record = self._records[self._rows[id(queue.source)]]
            waiting = int(record[layout.SPIKE_COUNT] - record[layout.CURSOR])
            is_source = record[layout.KERNEL_ADDRESS] == 0
            queue.make_room(waiting if is_source else queue.source.size * self._interval)

    def _address(self, array: NDArray[Any]) -> int:
        self._alive.append(array)
        return int(array.ctypes.data)

    def _describe_cells(self, world: World, group: CellGroup) -> None:
        record = self._records[self._rows[id(group)]]
        size = group.size
        coefficients = self._coefficients(group)
        group.injected[:] = 0.0
        record[layout.SIZE] = size
        record[layout.FIRST_CELL], record[layout.LAST_CELL] = group.own
        record[layout.HOME] = record[layout.FIRST_CELL]
        record[layout.FIRST_OWNER] = first_owner(group.spec.first_id, self.comm.size)
        record[layout.RANDOM_KEY] = signed(group.random_key)
        record[layout.SLOTS] = len(group.ring)
        record[layout.RECEPTORS] = len(group.analysis.receptors)
        record[layout.STATES] = len(group.analysis.states)
        record[layout.STATE_ADDRESS] = self._address(group.states)
        record[layout.REFRACTORY_ADDRESS] = self._address(group.refractory)
        record[layout.RING_ADDRESS] = record[layout.INPUT_ADDRESS] = self._address(group.ring)
        record[layout.INPUT_SLOTS] = len(group.ring)
        record[layout.SLOT_STRIDE], record[layout.RECEPTOR_STRIDE] = len(group.analysis.receptors) * size, size
        record[layout.INJECTED_ADDRESS] = self._address(group.injected)
        record[layout.COEFFICIENTS] = len(coefficients)
        record[layout.COEFFICIENT_ADDRESS] = self._address(coefficients)
        record[layout.FLAG_ADDRESS] = self._address(np.zeros(size, dtype=np.int64))
        record[layout.SCRATCH_ADDRESS] = self._address(np.zeros_like(group.states))
        record[layout.SPIKE_STEP_ADDRESS] = self._address(np.empty(size * self._interval, dtype=np.int64))
        record[layout.SPIKE_CELL_ADDRESS] = self._address(np.empty(size * self._interval, dtype=np.int64))
        # An empty group has nothing to update, and its arrays have no address.
        if size:
            record[layout.KERNEL_ADDRESS] = _address(compiled.CELLS, "advance")
            record[layout.UPDATE_ADDRESS] = _address(kernel_unit(group), "kernel")
        currents = [c for c in world.currents.values() if any(target is group for target, _ in c.targets)]
        recordings = world.state_recordings(group)
        tables = (
            np.zeros((self._number_of_targets(world, group), layout.CURRENT_FIELDS), dtype=np.int64),
            np.zeros((len(recordings), layout.RECORDING_FIELDS), dtype=np.int64),
        )
        self._tables[id(group)] = tables
        record[layout.CURRENTS] = len(tables[0]) if currents else 0
        record[layout.CURRENT_ADDRESS] = self._address(tables[0])
        record[layout.RECORDINGS] = len(recordings)
        record[layout.RECORDING_ADDRESS] = self._address(tables[1])
        if size and world.spike_recordings(group):
            capacity = max(_LOG_SPIKES, 2 * size * self._interval)
            group.train.steps = np.empty(capacity, dtype=np.int64)
            group.train.cells = np.empty(capacity, dtype=np.int64)
            record[layout.LOG_STEP_ADDRESS] = self._address(group.train.steps)
            record[layout.LOG_CELL_ADDRESS] = self._address(group.train.cells)
            record[layout.LOG_CAPACITY] = capacity

    def _number_of_targets(self, world: World, group: CellGroup) -> int:
        return sum(target is group for c in world.currents.values() for target, _ in c.targets)

    def _coefficients(self, group: CellGroup) -> NDArray[np.float64]:
        values = group.coefficients or []
        if not group.per_cell:
            return np.array([float(v) for v in values])
        table = np.empty((len(values), group.size))
        for row, value in enumerate(values):
            table[row] = value
        return table

    def _describe_routes(self, world: World) -> None:
        bundled = {id(r) for _, made in self._plans for own in made.tables.values() for r in own}
        routes = [route for route in world.routes if route.has_connections and id(route) not in bundled]
        self._described = routes
        groups: list[Group] = [*world.cells, *world.sources]
        self._labels = ([group.spec.label for group in groups], [route.label for route in routes])
        kinds = [self._kind(route) for route in routes]
        for kind in kinds:
            request(compiled.route(kind))
        self._routes = np.zeros((len(routes), layout.ROUTE_FIELDS), dtype=np.int64)
        base, width = self._records.ctypes.data, layout.GROUP_FIELDS * 8
        for record, route, kind in zip(self._routes, routes, kinds, strict=True):
            source, target = self._rows[id(route.source)], self._rows[id(route.target)]
            record[layout.SOURCE], record[layout.TARGET] = source, target
            record[layout.RECEPTOR] = route.receptor
            record[layout.ROUTE_SLICE] = route.slice_number
            record[layout.ROUTE_KERNEL] = _address(compiled.route(kind), "deliver")
            record[layout.ROUTE_SOURCE_RECORD] = base + width * source
            record[layout.ROUTE_TARGET_RECORD] = base + width * target
            first, last = self.slices(route.target)[route.slice_number]
            record[layout.ROUTE_FIRST_CELL], record[layout.ROUTE_LAST_CELL] = first, last
            if route.regenerated is not None:
                rule, values = rule_record(route.regenerated, self._address)
                record[layout.ROUTE_RULE_ADDRESS] = self._address(rule)
                record[layout.ROUTE_VALUE_ADDRESS] = self._address(values)
                continue
            starts, posts, weights, delays = route.stored.columns()
            record[layout.START_ADDRESS] = self._address(starts)
            record[layout.POST_ADDRESS] = self._address(posts)
            record[layout.WEIGHT_ADDRESS] = self._address(np.atleast_1d(weights))
            record[layout.DELAY_ADDRESS] = self._address(
                delays if isinstance(delays, np.ndarray) else np.array([delays], dtype=np.int32)
            )

    def _kind(self, route: Route) -> delivery.Kind | delivery.Regenerated:
        """How a route keeps its connections, or makes them."""
        if route.regenerated is not None:
            return regenerated_kind(route.regenerated, route.is_counted)
        _, posts, *own = route.stored.columns()
        weights, delays = (v.dtype.name if isinstance(v, np.ndarray) else delivery.SHARED for v in own)
        in_bins = (id(route.target), route.slice_number) in self._bins
        return delivery.Kind(posts.dtype.name, weights, delays, route.is_counted, self._is_one_to_one(route), in_bins)

    def _is_one_to_one(self, route: Route) -> bool:
        """Whether each cell of a counted source has one connection, to the cell of its own index, and all are alike."""
        if not route.is_counted or route.regenerated is not None:
            return False
        rows = route.stored
        if rows.has_own_weights or rows.has_own_delays or route.source.size != route.target.size:
            return False
        first, last = self.slices(route.target)[route.slice_number]
        starts, posts, _, _ = rows.columns()
        return (
            np.array_equal(posts, np.arange(first, last))
            and starts[first] == 0
            and bool(np.all(np.diff(starts[first : last + 1]) == 1))
        )

    def run(self, world: World, until_step: int) -> None:
        # Holds what the records of this chunk point at.
        chunk: list[Any] = []
        self._begin_chunk(world, chunk)
        self._control[: layout.SLICES] = (world.current_step, until_step, self._interval)
        # With several ranks threads are started again for every interval.
        intervals = 1 if self._exchange else (until_step - world.current_step) / self._interval
        self._control[layout.SHORT] = _TURN_TAKING + int(_STARTING / max(intervals, 1))
        reason = 1
        while reason:
            reason = self._drive_together("resume" if reason == _EXCHANGE else "begin")
            if reason == _EXCHANGE:
                self._exchange_spikes(world)
                continue
            self._empty_logs(world)
            world.current_step = int(self._control[layout.STEP])
            if reason == 2:
                self._make_room(world)
        for current in world.coupled.values():
            current.fresh = current.fresh and world.current_step == world.chunk_start
        self._end_chunk(world)

    def not_finite(self, world: World) -> NotFinite | None:
        found = [self._not_finite_in(group) for group in world.cells if group.size]
        return min((one for one in found if one is not None), key=lambda one: one.step, default=None)

    def _not_finite_in(self, group: CellGroup) -> NotFinite | None:
        records = self._parts[:, self._rows[id(group)]]
        steps = records[:, layout.WRONG_STEP]
        if not steps.any():
            return None
        step = steps[steps > 0].min()
        together = records[steps == step]
        first = together[0]
        return NotFinite(
            int(step), group, group.analysis.states[first[layout.WRONG_STATE]], int(first[layout.WRONG_CELL]),
            {1: np.inf, -1: -np.inf}.get(int(first[layout.WRONG_SIGN]), np.nan),
            int(together[:, layout.WRONG_CELLS].sum()),
        )  # fmt: skip

    def _exchange_spikes(self, world: World) -> None:
        """Give the spikes of the own cells in this interval to all ranks, and have theirs."""
        began = time.perf_counter()
        exchange, control, functions = self._exchange, self._control, load(compiled.EXCHANGE)
        if exchange is None:
            raise InternalError("There is nobody to exchange spikes with.")
        control[layout.MESSAGE_ADDRESS] = exchange.message.ctypes.data
        functions["pack"](control.ctypes.data, 0, 0)
        received = exchange.spikes()
        control[layout.RECEIVED_ADDRESS] = received.ctypes.data
        functions["unpack"](control.ctypes.data, len(received), 0)
        if world.coupled or world.watched:
            exchange.potentials(world)
        exchange.seconds += time.perf_counter() - began

    def _drive_together(self, preparation: str) -> int:
        """Let all threads run the loop, of which one is this thread, or this one alone; why they came back."""
        if load(compiled.DRIVER)[preparation](self._control.ctypes.data, 0, 0):
            return 2
        number = 1 if self._control[layout.ALONE] else self.threads
        others = [threading.Thread(target=self._drive, args=(t,), daemon=True) for t in range(1, number)]
        try:
            for other in others:
                other.start()
        finally:
            # Those that could be started do the tasks of all.
            reason = self._drive()
            for other in others:
                if other.ident is not None:
                    other.join()
        return reason

    def _describe_tables(self, world: World) -> None:
        """Tell the run loop where the tables of records are."""
        width = max(len(self._records), self.threads)
        tables = (
            (layout.GROUPS, layout.GROUP_ADDRESS, self._records),
            (layout.GROUPS, layout.PART_ADDRESS, self._parts),
            (layout.ROUTES, layout.ROUTE_TABLE_ADDRESS, self._routes),
            (layout.QUEUES, layout.QUEUE_ADDRESS, self._keepers[0]),
            (layout.HISTORIES, layout.HISTORY_ADDRESS, self._keepers[1]),
            (layout.PATHWAYS, layout.PATHWAY_ADDRESS, self._keepers[2]),
            (layout.COUPLING_TABLES, layout.COUPLING_ADDRESS, self._couplings),
            (layout.BUNDLES, layout.BUNDLE_TABLE_ADDRESS, self._bundles),
        )
        for number, address, table in tables:
            self._control[number], self._control[address] = len(table), table.ctypes.data
        self._control[layout.GROUPS] = len(self._records)
        self._control[layout.SCRATCH] = self._address(np.zeros((self.threads + 1, 2, width), dtype=np.int64))
        self._control[layout.SCRATCH_WIDTH] = width
        if self._exchange is not None:
            self._exchange.make_room(sum(group.own[1] - group.own[0] for group in world.cells) * self._interval)
            self._control[layout.RANKS] = self.comm.size
            self._control[layout.PLACE_ADDRESS] = self._exchange.places.ctypes.data

    def phase_seconds(self) -> dict[tuple[str, ...], float]:
        """Seconds of updating each population and of delivering the spikes of each projection, if they are measured.

        Several threads measure their own; this is the sum, divided by their number.
        """
        self._keep_times()
        phases = dict(self._phases)
        if self._exchange is not None:
            phases["exchange",] = self._exchange.seconds
        return phases

    def _keep_times(self) -> None:
        """Add up the times in the records, which begin anew."""
        if not self._control[layout.CLOCK]:
            return
        groups, routes = self._labels
        updates, deliveries = self._parts[:, :, layout.GROUP_TIME].sum(axis=0), self._routes[:, layout.ROUTE_TIME]
        times = [("update", label, ns) for label, ns in zip(groups, updates, strict=True)]
        times += [("deliver", label, ns) for label, ns in zip(routes, deliveries, strict=True)]
        times += [("deliver", p.synapses.projection.spec.label, p.record[layout.PATHWAY_TIME]) for p in self._pathways]
        # What is delivered from bundles takes too little at a time to be measured for each; it is shared out.
        bundles, pieces = self._bundled_labels, self._bundles[:, layout.BUNDLE_PIECES]
        costs = [(k, n * c) for own, n in zip(bundles, pieces, strict=True) for k, c in own.items()]
        per_connection = self._bundle_times.sum() / max(sum(cost for _, cost in costs), 1)
        times += [("deliver", label, cost * per_connection) for label, cost in costs]
        for phase, label, ns in times:
            self._phases[phase, label] = self._phases.get((phase, label), 0.0) + 1e-9 * float(ns) / self.threads
        self._parts[:, :, layout.GROUP_TIME] = 0
        self._routes[:, layout.ROUTE_TIME] = 0
        self._bundles[:, layout.BUNDLE_PIECES] = self._bundle_times[:] = 0
        for pathway in self._pathways:
            pathway.record[layout.PATHWAY_TIME] = 0

    def _divide(self, world: World) -> None:
        """Make the records of the cells of each slice from those of the groups."""
        if self.threads == 1:
            self._parts = self._records[np.newaxis]
            return
        self._parts = np.repeat(self._records[np.newaxis], self.threads, axis=0)
        self._part_recordings = []
        for source in world.sources:
            row = self._rows[id(source)]
            drawn = self._divided(*self._drawn(world, source))
            for part, (first, last) in zip(self._parts[:, row], drawn, strict=True):
                part[layout.FIRST_CELL], part[layout.LAST_CELL] = first, last
                if part[layout.COUNT_ADDRESS]:
                    part[layout.WORD_ADDRESS] = self._address(np.zeros((4, max(last - first, 1)), dtype=np.uint32))
        for group in world.cells:
            row = self._rows[id(group)]
            recordings = self._tables[id(group)][1]
            for part, (first, last) in zip(self._parts[:, row], self.slices(group), strict=True):
                part[layout.FIRST_CELL] = part[layout.HOME] = first
                part[layout.LAST_CELL] = last
                part[layout.SPIKE_STEP_ADDRESS] = self._address(np.empty((last - first) * self._interval, np.int64))
                part[layout.SPIKE_CELL_ADDRESS] = self._address(np.empty((last - first) * self._interval, np.int64))
                own = np.zeros_like(recordings)
                part[layout.RECORDING_ADDRESS] = self._address(own)
                self._part_recordings.append((group, first, last, own))

    def _divide_recordings(self, world: World) -> None:
        """Let every slice sample its own cells, of which those recorded stand next to each other."""
        if self.threads == 1:
            return
        for group, first, last, own in self._part_recordings:
            own[:] = self._tables[id(group)][1]
            for row, recording in zip(own, world.state_recordings(group), strict=True):
                begin, end = np.searchsorted(recording.cells, (first, last))
                row[layout.RECORDED] = end - begin
                row[layout.RECORDED_ADDRESS] += 8 * begin
                row[layout.DATA_ADDRESS] += 8 * begin
        for field in _CHANGING:
            self._parts[:, :, field] = self._records[:, field]

    def _begin_chunk(self, world: World, chunk: list[Any]) -> None:
        self._parts[:, :, [layout.WRONG_STEP, layout.WRONG_CELLS]] = 0
        if world.current_step == world.run_start or not self._idle:
            self._idle = {id(group): self._idle_bits(group) for group in world.cells}
        for source in world.sources:
            record = self._records[self._rows[id(source)]]
            record[layout.SPIKE_STEP_ADDRESS] = source.train.steps.ctypes.data
            record[layout.SPIKE_CELL_ADDRESS] = source.train.cells.ctypes.data
            record[layout.SPIKE_COUNT] = source.train.count
            record[layout.CURSOR] = 0
            if isinstance(source.player, CountedPoissonSource):
                _, limits, rows = source.player.tables(world.chunk_start + 1)
                chunk += [limits, rows]
                record[layout.LIMIT_ADDRESS], record[layout.LIMIT_ROW_ADDRESS] = limits.ctypes.data, rows.ctypes.data
                record[layout.LIMIT_ROWS], record[layout.LIMITS] = limits.shape
        for group in world.cells:
            number = self._rows[id(group)]
            self._parts[:, number, layout.IDLE] = self._idle[id(group)]
            self._records[number, layout.SIGNAL_START] = world.chunk_start
            currents, recordings = self._tables[id(group)]
            self._describe_currents(world, group, currents, chunk)
            for row, recording in zip(recordings, world.state_recordings(group), strict=True):
                row[layout.STATE_ROW] = recording.row
                row[layout.RECORDED] = len(recording.cells)
                row[layout.RECORDED_ADDRESS] = recording.cells.ctypes.data
                row[layout.DATA_ADDRESS] = recording.data.ctypes.data
                row[layout.SAMPLES] = recording.count
                row[layout.NEXT_STEP] = recording.start_step + recording.count * recording.every
                row[layout.EVERY] = recording.every
                row[layout.ROW_LENGTH] = len(recording.cells)
        self._divide_recordings(world)

    def _idle_bits(self, group: CellGroup) -> int:
        receptors, states = self._without_input[id(group)]
        idle = [row for row, others in states.items() if not any(group.states[other].any() for other in others)]
        return idle_bits(idle, receptors)

    def _describe_currents(
        self, world: World, group: CellGroup, table: NDArray[np.int64], chunk: list[Any]
    ) -> None:
        number = 0
        for current in world.currents.values():
            for target, cells in current.targets:
                if target is group:
                    targets: IntArray = np.ascontiguousarray(cells, dtype=np.int64)
                    chunk.append(targets)
                    table[number] = (current.signal.ctypes.data, len(targets), targets.ctypes.data)
                    number += 1

    def _end_chunk(self, world: World) -> None:
        for group in world.cells:
            for recording in world.state_recordings(group):
                recording.count = max(recording.count, recording.samples_until(world.current_step))

    def _empty_logs(self, world: World) -> None:
        for group in world.cells:
            record = self._records[self._rows[id(group)]]
            count = int(record[layout.LOG_COUNT])
            if count:
                for recording in world.spike_recordings(group):
                    recording.append(group.train.steps[:count], group.train.cells[:count])
                record[layout.LOG_COUNT] = 0
