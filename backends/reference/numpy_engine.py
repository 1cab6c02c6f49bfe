"""The plain engine: one vectorised NumPy update a population and step. It is the oracle for the compiled one."""

from __future__ import annotations

import numpy as np

from pyNN.connectors.regeneration import Drawn, RegeneratedTable
from pyNN.equations.stepped import is_stepped
from pyNN.parallel import Communicator
from pyNN.profiling import PhaseTimes
from pyNN.reference.eager_synapses import EagerSynapses
from pyNN.reference.exchange import Exchange
from pyNN.reference.plasticity import Part
from pyNN.reference.routing import sort_by_source
from pyNN.reference.stepped import SteppedEagerly
from pyNN.reference.world import CellGroup, Columns, Group, NotFinite, Projection, Route, SourceGroup, World
from pyNN.specs import FloatArray, IntArray, SourceTable


class NumpyEngine:
    """Runs a World step by step in Python."""

    sort = staticmethod(sort_by_source)

    def __init__(self, profile: bool = False, comm: Communicator | None = None) -> None:
        self._profile = profile
        self._exchange = Exchange(comm) if comm is not None and comm.size > 1 else None
        self._times = PhaseTimes()
        self._wrong: dict[int, NotFinite] = {}
        """By id() of the group."""

    def phase_seconds(self) -> dict[tuple[str, ...], float]:
        return self._times.seconds if self._profile else {}

    def slices(self, group: Group) -> list[tuple[int, int]]:
        return [group.own]

    def take_rows(self, table: SourceTable, first: int, last: int) -> Columns:
        keep = (table.targets >= first) & (table.targets < last)
        starts = np.concatenate([[0], np.cumsum(keep)])[table.starts]
        weights = table.weights[keep] if isinstance(table.weights, np.ndarray) else table.weights
        delays = table.delays[keep] if isinstance(table.delays, np.ndarray) else table.delays
        return starts, table.targets[keep].astype(np.int32), weights, delays

    def longest_interval(self, world: World) -> int:
        return 1

    def pack(self, projection: Projection) -> None:
        return None

    def make_synapses(
        self, projection: Projection, parts: list[Part], dt: float, step: int, seed: int, trial: int
    ) -> EagerSynapses | SteppedEagerly:
        kind = SteppedEagerly if is_stepped(projection.spec.model) else EagerSynapses
        synapses = kind(projection, parts, dt, step, seed, trial)
        synapses.start()
        return synapses

    def prepare(self, group: CellGroup) -> None:
        return None

    def refresh(self, world: World) -> None:
        return None

    def not_finite(self, world: World) -> NotFinite | None:
        return min(self._wrong.values(), key=lambda found: found.step, default=None)

    def settle(self, world: World) -> None:
        """All input is in the rings."""

    def bundle(self, world: World) -> None:
        """Rows are read as they are."""

    def run(self, world: World, until_step: int) -> None:
        self._wrong = {}
        self._deliver_sources(world, world.current_step)
        while world.current_step < until_step:
            step = world.current_step + 1
            for synapses in world.ruled:
                synapses.follow_early(world.current_step)
            self._couple(world)
            spikes = {}
            for group in world.cells:
                with self._times.measure("update", group.spec.label):
                    spikes[id(group)] = self._update(world, group, step)
            own = spikes
            if self._exchange is not None:
                spikes = {id(group): self._exchange.cells(group, spikes[id(group)]) for group in world.cells}
                self._exchange.potentials(world)
            for source in world.sources:
                spikes[id(source)] = source.train.at(step)
            counts = {id(s): s.counts_at(step) for s in world.sources if s.is_counted}
            for route in world.routes:
                with self._times.measure("deliver", route.label):
                    if id(route.source) in counts:
                        deliver(route, np.flatnonzero(counts[id(route.source)]), step, counts[id(route.source)])
                    else:
                        deliver(route, spikes[id(route.source)], step)
            for synapses in world.ruled:
                for owner in (*world.cells, *world.sources):
                    synapses.add(owner, step, spikes[id(owner)])
                synapses.follow(step)
            with self._times.measure("record"):
                for group in world.cells:
                    self._record(world, group, step, own[id(group)])
            world.current_step = step

    def _deliver_sources(self, world: World, step: int) -> None:
        """Spikes at the step at which a source was made; in later chunks it has none that early."""
        for route in world.routes:
            if isinstance(route.source, SourceGroup) and not route.source.is_counted:
                deliver(route, route.source.train.at(step), step)
        for synapses in world.ruled:
            for source in world.sources:
                synapses.add(source, step, source.train.at(step))
            synapses.follow(step)

    def _couple(self, world: World) -> None:
        """Gap junction currents of the step that begins; see pyNN.reference.coupling."""
        for current in world.coupled.values():
            current.values[2] = current.values[1]
            current.values[1] = 0.0
        for coupling in world.couplings:
            currents = coupling.currents()
            np.add.at(world.coupled[id(coupling.target)].values[1], coupling.post, currents)
            np.subtract.at(world.coupled[id(coupling.source)].values[1], coupling.pre, currents)
        for current in world.coupled.values():
            before = current.values[1] if current.fresh else current.values[2]
            current.values[0] = 1.5 * current.values[1] - 0.5 * before
            current.fresh = False

    def _update(self, world: World, group: CellGroup, step: int) -> IntArray:
        if id(group) in self._wrong:
            # It may take long to integrate what is not finite, and leads to nothing.
            return np.empty(0, dtype=np.int64)
        arrived = group.ring[step % len(group.ring)]
        injected = self._injected(world, group, step - 1)
        with np.errstate(all="ignore"):
            # A state that is not finite is reported by the session, with cell and step.
            cells = group.module.update(
                group.states, group.refractory, arrived, injected, group.coefficients, group.random_key, step
            )
            total = group.states[:, group.own[0] : group.own[1]].sum()
        arrived[:] = 0.0
        if not np.isfinite(total):
            found = NotFinite.found_in(group, step)
            if found is not None:
                self._wrong[id(group)] = found
        # Those of other ranks are updated too, without their input; what they do is not looked at.
        first, last = group.own
        spiking = np.asarray(cells, dtype=np.int64)
        return spiking[(spiking >= first) & (spiking < last)]

    def _injected(self, world: World, group: CellGroup, update: int) -> FloatArray:
        coupled = world.coupled.get(id(group))
        group.injected[:] = 0.0 if coupled is None else coupled.values[0]
        for current in world.currents.values():
            for target, cells in current.targets:
                if target is group:
                    np.add.at(group.injected, cells, current.signal[update - world.chunk_start])
        return group.injected

    def _record(self, world: World, group: CellGroup, step: int, cells: IntArray) -> None:
        for recording in world.spike_recordings(group):
            recording.append(np.full(len(cells), step, dtype=np.int64), cells)
        for samples in world.state_recordings(group):
            if samples.is_due(step):
                samples.sample()


def deliver(route: Route, cells: IntArray, step: int, numbers: IntArray | None = None) -> None:
    """Add the weights of the spiking cells' connections to the targets' rings, cell by cell in order.

    `numbers`: of spikes of each cell of the source; otherwise each of `cells` has one.
    """
    if not len(cells):
        return
    counts, posts, weights, delays = _stored(route, cells) if route.regenerated is None else _drawn(
        route.regenerated, cells
    )
    if numbers is not None:
        weights = np.asarray(weights * np.repeat(numbers[cells], counts), dtype=float)
    ring = route.target.ring
    np.add.at(ring[:, route.receptor], (np.asarray((step + delays) % len(ring)), posts), weights)


def _stored(route: Route, cells: IntArray) -> tuple[IntArray, IntArray, float | FloatArray, int | IntArray]:
    """(number of connections of each cell, target cells, weights, delays) of the connections of some cells."""
    starts, posts, weights, delays = route.stored.columns()
    counts = starts[cells + 1] - starts[cells]
    offsets = np.repeat(starts[cells] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    where = offsets + np.arange(len(offsets))
    weights = weights[where] if isinstance(weights, np.ndarray) else weights
    delays = delays[where] if isinstance(delays, np.ndarray) else delays
    return counts, posts[where], weights, delays


def _drawn(table: RegeneratedTable, cells: IntArray) -> tuple[IntArray, IntArray, float | FloatArray, int | IntArray]:
    """The same for connections that are drawn now."""
    counts, posts = table.rule.rows(cells, *table.own)
    pres = np.repeat(cells, counts)
    weights = table.rounded(table.weight.values(pres, posts)) if isinstance(table.weight, Drawn) else table.weight
    delays = table.steps(table.delay.values(pres, posts)) if isinstance(table.delay, Drawn) else table.delay
    return counts, posts, weights, np.asarray(delays, dtype=np.int64)
