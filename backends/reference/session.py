"""A simulation on the reference backend: builds, advances, reads, writes, records."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.backend import Settings, Spikes
from pyNN.compilation.library import seconds_waited
from pyNN.connectors.regeneration import RegeneratedTable
from pyNN.equations.synapses import needs_rule
from pyNN.errors import InternalError, InvalidDimensionsError, InvalidTimeError, SimulatorError, not_finite
from pyNN.parallel import Communicator, SerialCommunicator, agree, block_share, interrupt, interrupts_deferred
from pyNN.profiling import CELLS_AND_SYNAPSES, PhaseTimes
from pyNN.random.streams import derive_key
from pyNN.reference.coupling import CoupledCurrent, make_couplings, weights_of
from pyNN.reference.packing import PackedTable
from pyNN.reference.routing import make_parts, make_routes, regenerated_routes, routes_by_source
from pyNN.reference.stepped import SteppedSynapses
from pyNN.reference.world import (
    CellGroup,
    Current,
    Engine,
    Group,
    Projection,
    Route,
    SourceGroup,
    SpikeRecording,
    StateRecording,
    World,
    slots_of,
)
from pyNN.specs import (
    CurrentSpec,
    FloatArray,
    IntArray,
    NetworkSpec,
    Plasticity,
    PopulationSpec,
    RecordingSpec,
    SourceTable,
    split_by_population,
)
from pyNN.spike_sources import CountedPoissonSource

CHUNK_SECONDS = 0.05
"""Wall time after which an advance looks for an interrupt, and whether states were not finite."""
_FIRST_CHUNK_STEPS = 64
_LARGEST_CHUNK_STEPS = 1 << 20
_LARGEST_CHUNK_SAMPLES = 1 << 24


class ReferenceSession:
    """One simulation. Everything acts at once; coefficients and routes are brought up to date before the next step."""

    def __init__(self, settings: Settings, engine: Engine, comm: Communicator | None = None) -> None:
        self._settings = settings
        self._comm = SerialCommunicator() if comm is None else comm
        self._engine = engine
        self._world = World()
        self._populations: list[PopulationSpec] = []
        self._groups: dict[int, Group] = {}
        self._projections: dict[int, Projection] = {}
        self._stale = True
        self._chunk_steps = _FIRST_CHUNK_STEPS
        self._most_recorded = 1
        self._closed = False
        self._failed = False
        """Whether the last run has ended with a state that is not finite, perhaps on another rank."""
        self._failure: SimulatorError | None = None
        """The report, if it was on this one."""
        self._times = PhaseTimes()

    @property
    def current_step(self) -> int:
        return self._world.current_step

    # -- building

    def build(self, part: NetworkSpec) -> None:
        """Create what is new; if anything fails, nothing is."""
        self._check_open()
        groups = {spec.id: self._make_group(spec) for spec in part.populations}
        for group in groups.values():
            if isinstance(group, CellGroup):
                group.refresh()
                with self._times.measure("build", "cells"):
                    self._engine.prepare(group)
        everything = [*self._populations, *part.populations]
        all_groups = {**self._groups, **groups}
        projections = {}
        for spec in part.projections:
            projection = Projection(spec)
            began, waited = time.perf_counter(), seconds_waited()
            if spec.model.coupling:
                projection.couplings = make_couplings(projection, everything, all_groups)
            elif needs_rule(spec.model):
                own = [all_groups[target.id] for target, _, _ in split_by_population(everything, spec.post)]
                projection.targets = [group for group in own if isinstance(group, CellGroup)]
                projection.synapses = self._engine.make_synapses(
                    projection, make_parts(projection, everything, all_groups, self._engine), self._settings.dt,
                    self.current_step, self._settings.rng_seed, self._settings.trial,
                )
            else:
                projection.routes = self._make_routes(projection, everything, all_groups)
                for route in projection.routes:
                    route.label = spec.label
            projections[spec.id] = projection
            self._times.add(("build", "sort connections"), time.perf_counter() - began)
            self._times.add_waited(("build", "sort connections"), waited)
        currents = {spec.id: self._make_current(spec, everything, all_groups) for spec in part.currents}
        recordings = {spec.id: self._make_recording(spec, all_groups) for spec in part.recordings}

        world = self._world
        self._populations, self._groups = everything, all_groups
        world.cells += [g for g in groups.values() if isinstance(g, CellGroup)]
        world.sources += [g for g in groups.values() if isinstance(g, SourceGroup)]
        self._projections.update(projections)
        with self._times.measure("build", "sort connections"):
            for projection in projections.values():
                self._pack(projection)
        world.routes += [route for p in projections.values() for route in p.routes]
        world.ruled += [p.synapses for p in projections.values() if p.synapses is not None]
        world.couplings += [coupling for p in projections.values() for coupling in p.couplings]
        for projection in projections.values():
            self._watch(projection)
        for coupling in world.couplings:
            for end in (coupling.source, coupling.target):
                world.coupled.setdefault(id(end), CoupledCurrent(end))
        world.currents.update(currents)
        world.recordings.update(recordings)
        self._stale = True

    def _watch(self, projection: Projection) -> None:
        """Note the states of cells that synapses on all ranks see, on ranks without such synapses, too."""
        if not isinstance(projection.synapses, SteppedSynapses):
            return
        watched = projection.synapses.watched()
        for side, cells in (("pre", projection.spec.pre), ("post", projection.spec.post)):
            for population, _, _ in split_by_population(self._populations, cells):
                group = self._groups[population.id]
                for name in (variable for own, variable in watched if own == side):
                    if isinstance(group, CellGroup) and name in group.analysis.states:
                        self._world.watched[population.id, name] = group

    def _make_routes(
        self, projection: Projection, populations: list[PopulationSpec], groups: dict[int, Group]
    ) -> list[Route]:
        keeper = projection.table.keeper
        if isinstance(keeper, PackedTable):
            ((source, _, _),) = split_by_population(populations, projection.spec.pre)
            ((target, _, _),) = split_by_population(populations, projection.spec.post)
            target_group = groups[target.id]
            if isinstance(target_group, CellGroup):
                return keeper.routes(groups[source.id], target_group)
        narrow = self._settings.options.get("weights") == "float32"
        if isinstance(keeper, RegeneratedTable):
            keeper.narrow = narrow
            return regenerated_routes(projection, keeper, populations, groups, self._engine)
        if isinstance(keeper, SourceTable):
            if narrow and isinstance(keeper.weights, np.ndarray):
                keeper.weights = keeper.weights.astype(np.float32).astype(float)
            routes = routes_by_source(projection, populations, groups, self._engine)
            if routes is not None:
                return routes
            projection.take_back()
        weights = projection.columns["weight"]
        if np.ndim(weights) and narrow:
            projection.columns["weight"] = np.asarray(weights, dtype=np.float32).astype(float)
        return make_routes(projection, populations, groups, self._engine)

    def _pack(self, projection: Projection) -> None:
        """Keep a large table only as the routes that were made from it."""
        if not isinstance(projection.table.keeper, (PackedTable, RegeneratedTable)) and projection.routes:
            keeper = self._engine.pack(projection)
            if keeper is not None:
                projection.hand_over(keeper)

    def _make_group(self, spec: PopulationSpec) -> Group:
        group = self._whole_group(spec)
        group.own = block_share(spec.size, spec.first_id, self._comm.rank, self._comm.size)
        return group

    def _whole_group(self, spec: PopulationSpec) -> Group:
        if spec.is_source:
            from pyNN.spike_sources import make_source

            return SourceGroup(spec, make_source(spec, self._settings, self.current_step), self.current_step)
        settings = self._settings
        return CellGroup(spec, settings.dt, derive_key(settings.rng_seed, "threshold", settings.trial, spec.id))

    def _make_current(
        self, spec: CurrentSpec, populations: list[PopulationSpec], groups: dict[int, Group]
    ) -> Current:
        targets = []
        for population, _, cells in split_by_population(populations, spec.cells):
            group = groups[population.id]
            if not isinstance(group, CellGroup):
                raise InternalError(f"A current is injected into the spike sources {population.label}.")
            targets.append((group, cells))
        return Current(spec, targets)

    def _make_recording(self, spec: RecordingSpec, groups: dict[int, Group]) -> SpikeRecording | StateRecording:
        if spec.start_step < self.current_step:
            raise InvalidTimeError(
                f"A recording cannot begin at step {spec.start_step}: the simulation is at step {self.current_step}."
            )
        group = groups[spec.population]
        if spec.variable == "spikes":
            return SpikeRecording(spec, group)
        if not isinstance(group, CellGroup) or spec.variable not in group.analysis.states:
            raise InternalError(f"{group.spec.label} has no state variable '{spec.variable}' to record.")
        return StateRecording(spec, group)

    # -- running

    def advance(self, steps: int) -> None:
        """Simulate; SimulatorError if a state is not finite, KeyboardInterrupt (data kept) on Ctrl-C."""
        self._check_open()
        if self._failed:
            # Nothing that comes after is worth anything; reset() begins anew.
            self._give_up(self._failure, "report of a state that was not finite")
        self._bundle()
        with self._times.measure("run", "prepare"):
            self._refresh()
        world = self._world
        world.run_start = world.current_step
        target = world.current_step + int(steps)
        for recording in self._state_recordings():
            if recording.is_due(world.current_step):
                recording.make_room(world.current_step)
                recording.sample()
        stopped = False
        with interrupts_deferred() as interrupted:
            while world.current_step < target and not stopped:
                stopped = self._run_chunk(min(target, world.current_step + self._chunk_limit()), interrupted)
        if stopped and self._comm.parts > 1:
            raise interrupt(interrupted)
        if interrupted:
            # Of several ranks, those that have not agreed on it will do so when the next piece of the run begins.
            interrupted[0]()

    def _agree_on_interval(self) -> None:
        """Have all ranks take the same number of steps between exchanges of spikes."""
        if self._comm.size == 1:
            return
        world = self._world
        interval = self._engine.longest_interval(world)
        shortest, cells = self._comm.largest([-interval, self._widest()], "begin of a piece of the run")
        self._most_recorded = int(cells)
        if world.common_interval != -int(shortest):
            world.common_interval = -int(shortest)
            self._stale = True

    def _run_chunk(self, until_step: int, interrupted: list[Any]) -> bool:
        """Whether to stop, on which all ranks agree: an interrupt that comes while they do has to wait."""
        world = self._world
        began, first = time.perf_counter(), world.current_step
        world.chunk_start = first
        times = self._times
        for source in world.sources:
            if isinstance(source.player, CountedPoissonSource):
                until_step = min(until_step, source.player.tables(first + 1)[0])
        for source in world.sources:
            if not world.wants_train(source):
                source.skip(until_step)
                continue
            source.play(until_step)
            for recording in world.spike_recordings(source):
                recording.append(source.train.steps, source.train.cells)
        if world.sources:
            times.add(("run", "spike sources"), time.perf_counter() - began)
        for current in world.currents.values():
            current.signal = self._signal(current.spec, first, until_step - first)
        for samples in self._state_recordings():
            samples.make_room(until_step)
        with times.measure(*CELLS_AND_SYNAPSES):
            self._engine.run(world, until_step)
        failure = self._not_finite()
        seconds = max(time.perf_counter() - began, 1e-6)
        if self._comm.parts > 1:
            # What happens to one rank happens to all.
            own = [seconds, failure is not None, bool(interrupted)]
            seconds, failed, stopped = self._comm.largest(own, "end of a piece of the run")
        else:
            failed, stopped = failure is not None, bool(interrupted)
        if failed:
            self._give_up(failure, "report of a state that is not finite")
        ratio = min(max(CHUNK_SECONDS / seconds, 0.25), 4.0)
        self._chunk_steps = int(min(max((until_step - first) * ratio, 1), _LARGEST_CHUNK_STEPS))
        return bool(stopped)

    def phase_seconds(self) -> dict[tuple[str, ...], float]:
        """Seconds by phase, for pyNN.profiling; those of the engine are parts of the loop."""
        parts = {(*CELLS_AND_SYNAPSES, *path): seconds for path, seconds in self._engine.phase_seconds().items()}
        return {**self._times.seconds, **parts}

    def _chunk_limit(self) -> int:
        """Steps in the next chunk: bounded wall time, and bounded growth of recorded data."""
        cells = self._widest() if self._comm.parts == 1 else self._most_recorded
        return max(min(self._chunk_steps, _LARGEST_CHUNK_SAMPLES // max(cells, 1)), 1)

    def _widest(self) -> int:
        """The number of cells of the largest recording of a state."""
        return max((len(r.cells) for r in self._state_recordings()), default=1)

    def _signal(self, spec: CurrentSpec, first: int, steps: int) -> FloatArray:
        from pyNN.waveforms import signal

        return np.ascontiguousarray(signal(spec, self._settings, first, steps), dtype=float)

    def _bundle(self) -> None:
        """Put new connections into the order in which they are read, which is a part of building them."""
        if not self._stale:
            return
        began = time.perf_counter()
        # While columns change hands nobody has them whole.
        with self._times.measure("build", "bundle connections"), interrupts_deferred() as interrupted:
            self._engine.settle(self._world)
            self._engine.bundle(self._world)
        # It waits for the first step, as connections may be changed until then, but is none of the run's time.
        self._times.add(("run",), began - time.perf_counter())
        if interrupted:
            interrupted[0]()

    def _refresh(self) -> None:
        """Bring coefficients, routes and rings up to date."""
        world = self._world
        for group in world.cells:
            self._stale |= group.refresh()
        for projection in self._projections.values():
            if projection.changed and projection.couplings:
                for coupling in projection.couplings:
                    coupling.weights = weights_of(projection, coupling.chosen)
                projection.changed = False
                self._stale = True
            elif projection.changed:
                routes = self._make_routes(projection, self._populations, self._groups)
                for old, new in zip(projection.routes, routes, strict=True):
                    old.rows = new.rows
                self._pack(projection)
                projection.changed = False
                self._stale = True
        for synapses in world.ruled:
            synapses.refresh(world.current_step)
        self._agree_on_interval()
        if not self._stale:
            return
        self._engine.settle(world)
        for group in world.cells:
            delays = [route.largest_delay for route in world.routes if route.target is group]
            largest = max([1, *delays, *(synapses.largest_delay(group) for synapses in world.ruled)])
            group.make_room(slots_of(largest), world.current_step)
        self._engine.refresh(world)
        self._stale = False

    def _state_recordings(self) -> list[StateRecording]:
        return [r for r in self._world.recordings.values() if isinstance(r, StateRecording)]

    def _not_finite(self) -> SimulatorError | None:
        """What to raise if a state of the own cells was not finite after some step of the piece of the run."""
        found = self._engine.not_finite(self._world)
        if found is None:
            return None
        dt = self._settings.dt
        when = f"in the step from {(found.step - 1) * dt:.12g} to {found.step * dt:.12g} ms"
        return not_finite(found.variable, found.cell, found.group.spec.label, found.value, when, found.cells)

    def _give_up(self, failure: SimulatorError | None, what: str) -> None:
        """Raise on all ranks what has gone wrong on one, and remember it."""
        try:
            agree(self._comm, failure, what)
        except SimulatorError:
            self._failed, self._failure = True, failure
            raise

    # -- recorded data

    def collect(self, recording: int) -> Spikes | FloatArray:
        return self._recording(recording).collect(self.current_step)

    def take(self, recording: int) -> Spikes | FloatArray:
        return self._recording(recording).take()

    def clear(self, recording: int) -> None:
        self._recording(recording).clear(self.current_step)
        self._stale = True

    def stop(self, recording: int) -> None:
        self._recording(recording)
        del self._world.recordings[recording]
        self._stale = True

    def _recording(self, recording: int) -> SpikeRecording | StateRecording:
        try:
            return self._world.recordings[recording]
        except KeyError as error:
            raise InternalError(f"There is no recording {recording} in this session.") from error

    # -- reading and writing

    def read_cells(self, population: int, name: str) -> FloatArray:
        return self._group(population).read(name)

    def write_cells(self, population: int, name: str, where: IntArray, values: Any) -> None:
        group = self._group(population)
        if isinstance(group, SourceGroup):
            group.write(name, where, values, self.current_step)
        else:
            group.write(name, where, values)

    def read_synapses(self, projection: int, name: str) -> FloatArray:
        target = self._projection(projection)
        if target.synapses is not None:
            return np.asarray(target.synapses.read(name, self.current_step))
        return target.read(name, self._settings.dt)

    def write_synapses(self, projection: int, name: str, values: Any) -> None:
        target = self._projection(projection)
        self.read_synapses(projection, name)
        array = np.asarray(values, dtype=float)
        if array.ndim and array.shape != (target.table.size,):
            raise InvalidDimensionsError(
                f"'{name}' of {target.spec.label}: {array.size} values for {target.table.size} connections."
            )
        if target.synapses is not None:
            target.synapses.write(name, array, self.current_step)
            self._stale = True
            return
        target.take_back()
        if name == "delay":
            steps = np.rint(array / self._settings.dt).astype(np.int32)
            if array.size and steps.size and int(steps.min()) < 1:
                raise InvalidTimeError(f"A delay of {target.spec.label} is under the time step.")
            target.delay_steps = int(steps) if steps.ndim == 0 else steps
        else:
            target.columns[name] = float(array) if array.ndim == 0 else array.copy()
            if array.ndim and self._settings.options.get("weights") == "float32":
                target.columns[name] = array.astype(np.float32).astype(float)
        target.changed = True

    def set_plasticity(self, projection: int, plasticity: Plasticity) -> None:
        target = self._projection(projection)
        target.spec.plasticity = plasticity
        if target.synapses is not None:
            target.synapses.set_plasticity(plasticity, self.current_step)
            self._stale = True

    def set_active(self, projection: int, pathway: str, active: bool) -> None:
        target = self._projection(projection)
        target.spec.active[pathway] = active
        if target.synapses is not None:
            target.synapses.set_active(pathway, active, self.current_step)
            self._stale = True

    def read_connections(self, projection: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        table = self._projection(projection).table
        return table.pre.copy(), table.post.copy()

    def write_current(self, current: CurrentSpec) -> None:
        self._world.currents[current.id] = self._make_current(current, self._populations, self._groups)
        self._stale = True

    def snapshot(self) -> dict[str, Any]:
        """All that decides the future besides the network that has been built: see pyNN.reference.snapshots."""
        from pyNN.reference.snapshots import snapshot

        self._check_open()
        self._engine.settle(self._world)
        return snapshot(self)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot of a session of the same network; this one has built it and not run."""
        from pyNN.reference.snapshots import restore

        self._check_open()
        restore(self, state)

    def close(self) -> None:
        self._closed = True
        self._world = World(current_step=self._world.current_step)
        self._groups, self._projections, self._populations = {}, {}, []

    def _group(self, population: int) -> Group:
        try:
            return self._groups[population]
        except KeyError as error:
            raise InternalError(f"There is no population {population} in this session.") from error

    def _projection(self, projection: int) -> Projection:
        try:
            return self._projections[projection]
        except KeyError as error:
            raise InternalError(f"There is no projection {projection} in this session.") from error

    def _check_open(self) -> None:
        if self._closed:
            raise InternalError("This session is closed.")
