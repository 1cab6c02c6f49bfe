"""One simulation in NEST.

NEST's clock runs ahead of the session's by a lead-in during which the cells are frozen: NEST refuses spikes at time 0,
and a generator needs one min_delay to be heard. A change between two calls of `advance` acts from the next step, for
NEST is never simulated beyond the present step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.backend import Settings, Spikes
from pyNN.errors import CapabilityError, NonExistentParameterError, SimulatorError
from pyNN.lowering import put
from pyNN.models import Definition
from pyNN.nest import checks, devices, models, natives, nestml_models, recorders, synapses, versions
from pyNN.nest.health import Health, Watched, readable
from pyNN.nest.ranks import Ranks
from pyNN.parallel import Communicator, interrupt, interrupts_deferred, together
from pyNN.random.streams import derive_key
from pyNN.specs import (
    CurrentSpec,
    FloatArray,
    IntArray,
    NetworkSpec,
    PopulationSpec,
    ProjectionSpec,
    Ragged,
    RecordingSpec,
    split_by_population,
)
from pyNN.translation import Translation, Values
from pyNN.units import factor

_WINDOW_STEPS = 10_000
"""Spike trains and currents are handed to NEST for at most this many steps at a time."""


@dataclass
class _Cells:
    """One population in NEST."""

    spec: PopulationSpec
    table: Translation
    nodes: Any
    """NodeCollection; None for a population without cells."""
    ids: IntArray
    """Node ids."""
    own: IntArray
    """Indices of the cells that are on this MPI rank."""
    own_nodes: Any
    """These cells in NEST; None if there are none."""
    values: dict[str, Any]
    """Present values of the standard parameters: numbers or arrays."""
    source: Any = None
    """The spike train that is played, for sources."""
    generators: Any = None
    """NEST's own generators of random spikes, one a cell (native=True)."""
    recordings: list[Any] = field(default_factory=list)
    """SourceRecordings of the train."""

    @property
    def played(self) -> bool:
        return self.spec.is_source and not self.native

    @property
    def native(self) -> bool:
        """Whether a generator of NEST's own makes the spikes, which the cells repeat."""
        return self.table.relayed or (self.spec.native and self.spec.model.source == "poisson")


class NestSession:
    """One simulation in NEST; see pyNN.backend.Session."""

    def __init__(
        self, check: Callable[[NetworkSpec, Settings], None], nest: Any, settings: Settings, comm: Communicator
    ) -> None:
        from pyNN.nest.connections import ConnectionStore
        from pyNN.nest.injection import Injection
        from pyNN.nest.taps import Taps

        self.closed = False
        self.dt = settings.dt
        self.now = 0
        self.lead_in = 0
        """NEST's step minus ours."""
        self.lag = 1
        """NEST's min_delay in steps; final from the first run on."""
        self._check = check
        self._nest = nest
        self._settings = settings
        self._tables = checks.tables(settings)
        self._started = False
        self._led_in = False
        self._failed = ""
        self._populations: dict[int, _Cells] = {}
        self._node_of = np.empty(0, dtype=np.int64)
        self._recordings: dict[int, Any] = {}
        self._pending_recordings: dict[int, RecordingSpec] = {}
        self._trackers: dict[int, Any] = {}
        self._max_delay_steps = 1
        self._changes: dict[int, dict[str, Any]] = {}
        """Synaptic attributes by projection that are to be set as soon as NEST has delivered the spikes sent so far."""
        self._changed_at = 0
        self._ranks = Ranks(nest, comm)
        self._taps = Taps(nest, self, self._ranks)
        self._connections = ConnectionStore(nest, self, self._taps, settings.threads, self._ranks)
        self._injection = Injection(nest, settings)
        self._devices = devices.Devices(nest, self)
        self._health = Health(self._ranks, settings.dt)
        seed = _kernel_seed(settings.rng_seed, "network")
        with versions.reporting(nest, "setting up"):
            verbosity = settings.options.get("verbosity", "fatal")
            versions.reset_kernel(nest, settings.dt, settings.threads, seed, verbosity)
        # Before the first node, which is one of NEST's own under MPI.
        nestml_models.load_again()
        with versions.reporting(nest, "setting up"):
            self._ranks.begin()

    # --- building ----------------------------------------------------------------------------------------------

    def build(self, part: NetworkSpec) -> None:
        """Create what is new; nothing is created if NEST cannot do some of it."""
        self._require_usable()
        with together(self._ranks.comm, "check of the network"):
            self._check(part, self._settings)
            self._check_in_context(part)
        try:
            with versions.reporting(self._nest, "building the network"):
                for population in part.populations:
                    self._create(population)
                for projection in part.projections:
                    self._connect(projection)
                for current in part.currents:
                    self._write_current(current)
                for recording in part.recordings:
                    self._record(recording)
                self._taps.meet()
                self._ranks.settle()
        except SimulatorError as error:
            # NEST cannot delete nodes, so a half-built network is of no further use.
            self._failed = str(error)
            raise

    @property
    def _population_specs(self) -> list[PopulationSpec]:
        return [cells.spec for cells in self._populations.values()]

    def _check_in_context(self, part: NetworkSpec) -> None:
        from pyNN.nest.built import check_signs
        from pyNN.nest.rules import drawn_range

        specs = {spec.id: spec for spec in [*self._population_specs, *part.populations]}
        for recording in part.recordings:
            self._check_recording(recording, specs[recording.population])
        taken = self._connections.taken()
        for projection in part.projections:
            built = self._describe(projection, list(specs.values()))
            self._connections.check(built, taken)
            if projection.table is not None:
                check_signs(built, projection.table.columns["weight"])
            elif projection.rule is not None:
                for bound in drawn_range(projection.rule.values["weight"]):
                    check_signs(built, bound)
        if self._started:
            self._check_delays(part)

    def _check_recording(self, recording: RecordingSpec, population: PopulationSpec) -> None:
        if recording.variable == "spikes":
            return
        table = checks.table_of(population.model, self._tables)
        state = table.state(recording.variable)
        if not state.recordable:
            raise CapabilityError(
                f"NEST's {table.native} does not let anyone record {recording.variable} "
                f"(population '{population.label}')."
            )
        if not state.readable and not table.native_model and self.now > 0:
            raise CapabilityError(
                f"NEST does not tell the present value of {recording.variable}, so recording it from "
                f"'{population.label}' must begin before the first run()."
            )

    def _check_delays(self, part: NetworkSpec) -> None:
        smallest, largest = part.min_delay_steps(), part.max_delay_steps()
        if smallest is not None and smallest < self.lag or largest is not None and largest > self._max_delay_steps:
            raise CapabilityError(
                f"NEST has run with delays of {self._ms(self.lag)} to {self._ms(self._max_delay_steps)} ms and cannot "
                f"take others any more, but new connections have {self._ms(smallest or 0)} to "
                f"{self._ms(largest or 0)} ms. Say setup(min_delay=..., max_delay=...) at the start, or make the "
                "projection before the first run()."
            )

    def _ms(self, steps: int) -> float:
        return float(f"{steps * self.dt:.12g}")

    def _create(self, spec: PopulationSpec) -> None:
        table = checks.table_of(spec.model, self._tables)
        nobody: IntArray = np.empty(0, dtype=np.int64)
        cells = _Cells(spec, table, None, nobody, nobody, None, dict(spec.parameters))
        if spec.size:
            self._ranks.align(spec.first_id)
            cells.nodes = self._nest.Create(models.RELAY if cells.native else table.native, spec.size)
            first = cells.nodes[:1].tolist()[0]
            cells.ids = np.arange(first, first + spec.size, dtype=np.int64)
            cells.own = np.flatnonzero(self._ranks.here(cells.ids))
            cells.own_nodes = self._ranks.own(cells.nodes, first)
            if not spec.is_source and not cells.native:
                parameters = self._native_values(cells, None) | self._native_states(cells)
                _set_cells(cells, dict(table.constants) | parameters)
        if cells.played:
            from pyNN.spike_sources import make_source

            cells.source = make_source(spec, self._settings, self.now)
        end = spec.first_id + spec.size
        if end > len(self._node_of):
            self._node_of = np.concatenate([self._node_of, np.full(end - len(self._node_of), -1, dtype=np.int64)])
        self._node_of[spec.first_id : end] = cells.ids
        self._populations[spec.id] = cells
        if cells.native and spec.size and self._started:
            self._create_generators(cells)

    def _native_values(self, cells: _Cells, changed: list[str] | None) -> dict[str, Any]:
        values = dict(cells.values)
        for row in cells.table.parameters:
            if row.on_grid:
                values |= {name: checks.on_grid(values[name], self.dt) for name in row.names}
        native = cells.table.native_parameters(cells.spec.model, values, changed)
        if cells.table.native_model and changed is None:
            defaults = self._nest.GetDefaults(cells.table.native)
            native = {name: value for name, value in native.items() if not _same(value, defaults[name])}
        return native | self._native_current(cells, values, changed)

    def _native_current(self, cells: _Cells, values: Values, changed: list[str] | None) -> dict[str, Any]:
        """The constant current, that of current sources included."""
        table, model = cells.table, cells.spec.model
        if cells.native or not (table.injected or table.current):
            return {}
        if changed is not None and table.injected not in changed:
            return {}
        extra = self._injection.extra(cells.spec.id, cells.spec.size)
        if table.current:
            return {table.current: extra * factor("nA", "pA")}
        unit = "pA" if table.native_model else model.units[table.injected]
        total = values[table.injected] + extra * factor("nA", unit)
        return table.native_parameters(model, {**values, table.injected: total}, [table.injected])

    def _native_states(self, cells: _Cells) -> dict[str, Any]:
        initial = {
            row.native: np.asarray(cells.spec.initial_values[row.name])
            * cells.table.state_factor(cells.spec.model, row.name)
            for row in cells.table.states
            if row.native and row.settable
        }
        if isinstance(cells.table, nestml_models.EquationTable):
            initial |= cells.table.initial_states(
                cells.values, cells.spec.initial_values, cells.spec.size, self.now
            )
        return initial

    def _describe(self, spec: ProjectionSpec, populations: list[PopulationSpec]) -> Any:
        from pyNN.nest.built import Built

        factors: FloatArray | float = 1.0
        ports: IntArray | int = 0
        signs = set()
        synapse = synapses.translation(spec.model)
        parts = split_by_population(populations, spec.post)
        nowhere: IntArray = np.empty(0, dtype=np.int64)
        if synapse.symmetric:
            self._check_gap_junctions(spec, [*parts, *split_by_population(populations, spec.pre)])
            return Built(spec, synapse, nowhere, nowhere, factor("uS", "nS"), 1)
        for population, where, _ in parts:
            table = checks.table_of(population.model, self._tables)
            value = table.weight_factor(population.model, spec.receptor)
            if synapse.native_weight:
                value = float(np.sign(value))
            port = table.receptor(spec.receptor).port
            signs.add(_required_sign(population.model, spec.receptor))
            if len(parts) == 1:
                factors, ports = value, port
            else:
                if isinstance(factors, float):
                    factors = np.ones(len(spec.post))
                if isinstance(ports, int):
                    ports = np.zeros(len(spec.post), dtype=np.int64)
                factors[where], ports[where] = value, port
        sign = signs.pop() if len(signs) == 1 else 0
        taus = self._receptor_taus(spec, parts) if synapse.from_receptor else None
        return Built(spec, synapse, nowhere, nowhere, factors, sign, ports, taus)

    def _receptor_taus(self, spec: ProjectionSpec, parts: list[Any]) -> FloatArray | float | None:
        """Time constants (ms) of the receptor of a projection, one for each entry of spec.post or one for all."""
        taus = np.empty(len(spec.post))
        for population, where, indices in parts:
            name = population.model.receptors[spec.receptor].time_constant
            if not name:
                return None
            cells = self._populations.get(population.id)
            values = population.parameters if cells is None else cells.values
            taus[where] = np.broadcast_to(np.asarray(values[name], dtype=float), (population.size,))[indices]
        return float(taus[0]) if len(taus) and bool((taus == taus[0]).all()) else taus

    def _update_receptor_taus(self, population: PopulationSpec, name: str) -> None:
        """Hand on a new time constant of a receptor to the synapses that compute with it."""
        for built in self._connections.depending_on_receptors():
            parts = split_by_population(self._population_specs, built.spec.post)
            receptor = population.model.receptors.get(built.spec.receptor)
            if receptor and receptor.time_constant == name and any(spec is population for spec, _, _ in parts):
                self._connections.receptor_changed(built.spec.id, self._receptor_taus(built.spec, parts))

    def _check_gap_junctions(self, spec: ProjectionSpec, parts: list[Any]) -> None:
        for population, _, _ in parts:
            native = checks.table_of(population.model, self._tables).native
            if native not in synapses.GAP_JUNCTION_MODELS:
                raise CapabilityError(
                    f"'{spec.label}': NEST's {native} ({population.model.name}) cannot have gap junctions; its models "
                    f"that can are {', '.join(synapses.GAP_JUNCTION_MODELS)} (see native_cell_type). The backend "
                    "'reference' couples cells of any type."
                )

    def _connect(self, spec: ProjectionSpec) -> None:
        built = self._describe(spec, self._population_specs)
        built.pre_nodes, built.post_nodes = self._node_of[spec.pre], self._node_of[spec.post]
        self._before_synapses_change(everything=False)
        self._connections.connect(built)

    def _record(self, spec: RecordingSpec) -> None:
        cells = self._populations[spec.population]
        if cells.played and spec.variable == "spikes":
            from pyNN.nest.recorders import SourceRecording

            recording = SourceRecording(np.asarray(spec.cells), cells.spec.size)
            cells.recordings.append(recording)
            self._recordings[spec.id] = recording
        elif self._led_in:
            self._ranks.settle()
            self._recordings[spec.id] = self._make_recording(spec, self._reader(spec))
        else:
            self._pending_recordings[spec.id] = spec

    def _make_recording(self, spec: RecordingSpec, read: Callable[[IntArray], FloatArray]) -> Any:
        from pyNN.nest.recorders import SpikeRecording, StateRecording

        cells = self._populations[spec.population]
        chosen = np.asarray(spec.cells, dtype=np.int64)
        if spec.variable == "spikes":
            precise = not cells.table.grid
            return SpikeRecording(self._nest, self, self._ranks, cells.ids, chosen, precise)
        state = cells.table.state(spec.variable)
        scale = 1.0 / cells.table.state_factor(cells.spec.model, spec.variable)
        every = spec.every_steps
        return StateRecording(self._nest, self, self._ranks, cells.ids, chosen, state.recorded, scale, every, read)

    def _reader(self, spec: RecordingSpec) -> Callable[[IntArray], FloatArray]:
        """What gives the present value of a recorded variable."""
        cells = self._populations[spec.population]
        if spec.variable == "spikes" or cells.table.state(spec.variable).readable:
            return lambda chosen: self._read_state(cells, spec.variable, chosen)
        state = cells.table.state(spec.variable)
        if state.kernels is not None:
            from pyNN.nest.spike_kernels import SpikeKernels

            kernels = SpikeKernels(self, cells, state, np.asarray(spec.cells))
            self._trackers[spec.id] = kernels
            return lambda chosen: kernels.value()
        if not state.receptor:
            # NEST tells this variable to a multimeter only, and the multimeter's data will come later.
            return lambda chosen: np.full(len(chosen), np.nan)
        from pyNN.nest.synaptic_currents import SynapticCurrent

        tracker = SynapticCurrent(self._taps, self, self._connections, cells, spec.variable, np.asarray(spec.cells))
        self._trackers[spec.id] = tracker
        return lambda chosen: tracker.value()

    # --- running -----------------------------------------------------------------------------------------------

    @property
    def current_step(self) -> int:
        return self.now

    @property
    def delivered(self) -> int:
        """The step up to which NEST has delivered spikes, and handed out what it records."""
        return self._delivered_at(self.now)

    def _delivered_at(self, step: int) -> int:
        return (step + self.lead_in - 1) // self.lag * self.lag - self.lead_in

    def advance(self, steps: int) -> None:
        """Simulate whole time steps. Ctrl-C acts at the end of a piece of at most 10000 steps."""
        self._require_usable()
        self._health.report_again()
        stop = self.now + int(steps)
        began = perf_counter()
        with versions.reporting(self._nest, "running"):
            if not self._started and steps > 0:
                self._start()
            while self.now < stop:
                with _deferred_interrupt(self._ranks):
                    self._advance_window(min(stop, self.now + self._window()))
                self._health.look(self._watched(), self.now, perf_counter() - began)
                began = perf_counter()

    def _watched(self) -> list[Watched]:
        """The populations whose cells have a state that can be read: the potential, or what else is the first."""
        found = []
        for cells in self._populations.values():
            names = [] if cells.spec.is_source or cells.native else readable(cells.table)
            if names and cells.own_nodes is not None:
                read = partial(self._read_state, cells, names[0], cells.own)
                found.append(Watched(cells.spec.label, names[0], cells.own, read))
        return found

    def _window(self) -> int:
        """How many steps to simulate at once: recorders are relieved in between."""
        begun = [r.samples_a_step for r in self._recordings.values() if isinstance(r, recorders.StateRecording)]
        waiting = [
            len(spec.cells) / spec.every_steps
            for spec in self._pending_recordings.values()
            if spec.variable != "spikes"
        ]
        heaviest = self._ranks.largest(max([*begun, *waiting], default=0.0))[0]
        return max(self.lag, min(_WINDOW_STEPS, int(recorders.PIECE / heaviest) if heaviest else _WINDOW_STEPS))

    def _start(self) -> None:
        """Fix what NEST fixes at its first run: the range of delays, and with it the lead-in."""
        nest = self._nest
        # The connections that NEST draws are the same after every reset(), its random spikes are not.
        nest.rng_seed = _kernel_seed(self._settings.rng_seed, "run", self._settings.trial)
        bounds = [self._settings.min_delay_steps, self._settings.max_delay_steps]
        asked = [steps for steps in bounds if steps is not None]
        if self._ranks.several:
            asked += self._delays_of_all_ranks()
        if not asked and not nest.num_connections:
            asked = [1]
        if asked:
            # NEST takes the range of delays from the connections that exist here; these are for that only.
            anchors = nest.Create(models.RELAY, 1 + self._ranks.size)
            for steps in sorted(set(asked)):
                spec = {"delay": steps * self.dt, "synapse_model": "static_synapse"}
                nest.Connect(anchors[:1], anchors[1:], syn_spec=spec)
        self.lag = round(nest.min_delay / self.dt)
        self._max_delay_steps = round(nest.max_delay / self.dt)
        self.lead_in = 2 * self.lag
        self._started = True
        self._connections.start()
        for cells in self._populations.values():
            if cells.native and cells.spec.size:
                self._create_generators(cells)

    def _delays_of_all_ranks(self) -> list[int]:
        """The smallest and the largest delay (steps) of the connections that there are; empty without any."""
        own = [-np.inf, -np.inf]
        low, high = self._nest.min_delay, self._nest.max_delay
        if self._nest.num_connections:
            own = [-low, high]
        low, high = self._ranks.largest(*own)
        return [round(-low / self.dt), round(high / self.dt)] if np.isfinite(high) else []

    def _lead_in(self) -> None:
        """Let NEST's clock run while the cells stand still."""
        self._ranks.settle()
        dynamic = [
            c.own_nodes
            for c in self._populations.values()
            if c.own_nodes is not None and not c.spec.is_source and not c.native
        ]
        for nodes in dynamic:
            versions.set_nodes(nodes, {"frozen": True})
        # Spikes of step 0 are sent during the lead-in, and whoever computes synaptic currents must see them.
        readers = {key: self._reader(spec) for key, spec in self._pending_recordings.items()}
        self._taps.meet()
        self._nest.Simulate(self.lead_in * self.dt)
        self._taps.share()
        for nodes in dynamic:
            versions.set_nodes(nodes, {"frozen": False})
        self._led_in = True
        self._connections.begin()
        for key, spec in self._pending_recordings.items():
            if self._trackers:
                # Each recorder brings connections, and a tracker looks for those onto its cells.
                self._ranks.settle()
            self._recordings[key] = self._make_recording(spec, readers[key])
        self._pending_recordings = {}
        self._ranks.settle()

    def _advance_window(self, stop: int) -> None:
        for cells in self._populations.values():
            if cells.source is not None and cells.spec.size:
                self._play(cells, stop)
        self._devices.connect(lambda chosen: self._node_of[chosen])
        if not self._led_in:
            self._write_changes()
            self._lead_in()
        ids = {key: cells.ids for key, cells in self._populations.items()}
        plan = self._injection.plan(self.now, stop, self.lag, self.lead_in, ids)
        samples = self._samples(stop)
        stops = {stop, *samples, *(step for step in plan if step > self.now)}
        changed = bool(self._ranks.largest(bool(self._changes))[0])
        if changed:
            stops.add(self.now + 1)
        self._inject(plan.get(self.now, []))
        if self._trackers:
            self._ranks.settle()
        for tracker in self._trackers.values():
            tracker.load()
        self._taps.meet()
        with self._nest.RunManager():
            for step in sorted(stops):
                self._nest.Run((step - self.now) * self.dt)
                self.now = step
                if changed or step == stop or step in samples:
                    self._taps.share()
                if self._changes:
                    self._write_changes()
                for recording in samples.get(step, []):
                    recording.sample()
                if step < stop:
                    self._inject(plan.get(step, []))
        for tracker in self._trackers.values():
            tracker.settle()
        self._connections.settle()
        self._taps.settle()
        for recording in self._recordings.values():
            if isinstance(recording, recorders.StateRecording):
                recording.relieve()

    def _play(self, cells: _Cells, stop: int) -> None:
        """Hand the spikes up to `stop` to NEST."""
        steps, which = cells.source.advance(self.now, stop)
        for recording in cells.recordings:
            recording.add(steps, which)
        if not len(steps):
            return
        if self._led_in and steps[0] <= self.now:
            raise CapabilityError(
                f"'{cells.spec.label}' was created at {self._ms(self.now)} ms with a spike at that very time, which "
                "NEST cannot send any more. Its first spike can be one time step later."
            )
        if self._ranks.several:
            here = self._ranks.here(cells.ids)[which]
            steps, which = steps[here], which[here]
            if not len(steps):
                return
        order = np.lexsort((steps, which))
        times = (steps[order] + self.lead_in) * self.dt
        active, first = np.unique(which[order], return_index=True)
        parts = np.split(times, first[1:])
        nodes = cells.nodes if len(active) == cells.spec.size else cells.nodes[active.tolist()]
        versions.set_nodes(nodes, {}, {"spike_times": parts})

    def _samples(self, stop: int) -> dict[int, list[Any]]:
        """Step -> recordings whose sample of that step NEST will not have handed out when `stop` is reached."""
        from pyNN.nest.recorders import StateRecording

        handed_out = self._delivered_at(stop)
        found: dict[int, list[Any]] = {}
        for recording in self._recordings.values():
            if isinstance(recording, StateRecording):
                steps = recording.due(max(self.now, handed_out) + 1, stop)
                # What no multimeter sees is followed from step to step.
                for step in range(self.now + 1, stop + 1) if recording.polled else steps:
                    found.setdefault(step, []).append(recording)
        return found

    def _inject(self, changes: list[Any]) -> None:
        for population in self._injection.apply(changes):
            cells = self._populations[population]
            _set_cells(cells, self._native_current(cells, cells.values, [cells.table.injected]))

    def _create_generators(self, cells: _Cells) -> None:
        device = cells.table.native if cells.table.relayed else models.NATIVE_POISSON
        cells.generators = self._nest.Create(device, cells.spec.size)
        self._set_generators(cells, None)
        spec = {"delay": self.lag * self.dt, "synapse_model": "static_synapse"}
        self._nest.Connect(cells.generators, cells.nodes, "one_to_one", syn_spec=spec)

    def _set_generators(self, cells: _Cells, changed: list[str] | None) -> None:
        # What a generator sends is sent on by the relay one min_delay and one step later, so it runs ahead by that.
        shift = self.lead_in - self.lag - 1
        if cells.table.relayed:
            # A generator of given times sends at these; the others send what belongs to the step that ends then.
            shift += cells.table.native in natives.PRECISE_GENERATORS
            values = self._native_values(cells, changed)
            values["origin"] = np.asarray(cells.values["origin"]) + shift * self.dt
            _set(cells.generators, values, cells.spec.size)
            return
        start = np.asarray(cells.values["start"], dtype=float)
        stop = start + np.asarray(cells.values["duration"], dtype=float)
        values = {"rate": cells.values["rate"]}
        for name, time in (("start", start), ("stop", stop)):
            values[name] = np.maximum(np.rint(time / self.dt) + shift, 0) * self.dt
        _set(cells.generators, values, cells.spec.size)

    # --- data --------------------------------------------------------------------------------------------------

    def collect(self, recording: int) -> Spikes | FloatArray:
        """What a recording holds up to the present step."""
        self._require_usable()
        if recording in self._pending_recordings:
            return self._read_before_start(recording)
        if not self._ranks.several:
            # A look that was put off; with several ranks, not all of them need be here.
            self._health.look(self._watched(), self.now, np.inf)
        with versions.reporting(self._nest, "reading recorded data"):
            return self._recordings[recording].collect()

    def _read_before_start(self, recording: int) -> Spikes | FloatArray:
        spec = self._pending_recordings[recording]
        if spec.variable == "spikes":
            return Spikes(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
        cells = self._populations[spec.population]
        state = cells.table.state(spec.variable)
        if state.readable:
            return self._read_state(cells, spec.variable, np.asarray(spec.cells))[np.newaxis, :]
        if cells.table.native_model:
            return np.full((1, len(spec.cells)), np.nan)
        start = np.asarray(cells.values[state.base] if state.base else 0.0, dtype=float)
        return np.broadcast_to(start, (cells.spec.size,))[np.asarray(spec.cells)][np.newaxis, :].copy()

    def take(self, recording: int) -> Spikes | FloatArray:
        """What a recording holds of the steps that have been simulated; it is forgotten."""
        self._require_usable()
        if recording in self._pending_recordings:
            spec = self._pending_recordings[recording]
            nothing = np.empty(0, dtype=np.int64)
            return Spikes(nothing, nothing) if spec.variable == "spikes" else np.empty((0, len(spec.cells)))
        with versions.reporting(self._nest, "reading recorded data"):
            taken: Spikes | FloatArray = self._recordings[recording].take()
        return taken

    def clear(self, recording: int) -> None:
        """Forget a recording's data; it goes on from the present step."""
        self._require_usable()
        if recording not in self._pending_recordings:
            with versions.reporting(self._nest, "clearing recorded data"):
                self._recordings[recording].clear()

    def stop(self, recording: int) -> None:
        """End a recording and forget its data."""
        self._require_usable()
        self._trackers.pop(recording, None)
        if self._pending_recordings.pop(recording, None) is None:
            with versions.reporting(self._nest, "ending a recording"):
                ended = self._recordings.pop(recording)
                ended.stop()
            for cells in self._populations.values():
                cells.recordings = [r for r in cells.recordings if r is not ended]

    def read_cells(self, population: int, name: str) -> FloatArray:
        """Present value of a state variable of all cells, in the model's unit; NaN for those of other MPI ranks."""
        self._require_usable()
        cells = self._populations[population]
        state = cells.table.state(name)
        if not state.readable:
            raise CapabilityError(
                f"NEST's {cells.table.native} does not tell the present value of {name}. Record it instead."
            )
        with versions.reporting(self._nest, f"reading {name}"):
            found = np.full(cells.spec.size, np.nan)
            found[cells.own] = self._read_state(cells, name, cells.own)
            return found

    def _read_state(self, cells: _Cells, name: str, chosen: IntArray) -> FloatArray:
        if not len(chosen):
            return np.empty(0)
        nodes = cells.own_nodes if len(chosen) == len(cells.own) else cells.nodes[np.asarray(chosen).tolist()]
        state = cells.table.state(name)
        native = nodes.get(state.native)
        if state.element is not None:
            # Before the first run NEST has no elements yet, and each starts with 0.
            rows = [np.asarray(row) for row in (native if len(chosen) > 1 else [native])]
            native = [row[state.element] if row.size > state.element and self._led_in else 0.0 for row in rows]
        return np.atleast_1d(np.asarray(native, dtype=float)) / cells.table.state_factor(cells.spec.model, name)

    def write_cells(self, population: int, name: str, where: IntArray, values: Any) -> None:
        """Set a parameter or state variable of the cells `where`; acts from the next step."""
        self._require_usable()
        cells = self._populations[population]
        where = np.asarray(where, dtype=np.int64)
        if name in cells.spec.model.parameters:
            self._write_parameter(cells, name, where, values)
        elif name in cells.spec.model.states:
            self._write_state(cells, name, where, values)
        else:
            known = [*cells.spec.model.parameters, *cells.spec.model.states]
            raise NonExistentParameterError(name, cells.spec.model.name, known)

    def _write_parameter(self, cells: _Cells, name: str, where: IntArray, values: Any) -> None:
        if not len(where):
            return
        if cells.source is not None:
            cells.source.write(name, where, values, self.now)
            return
        if not checks.finite(values) and not cells.table.native_model:
            raise CapabilityError(
                f"'{cells.spec.label}': {name} = inf is not possible on NEST; give a large number."
            )
        old = cells.values[name]
        new = put(old, where, values, cells.spec.size)
        if isinstance(old, Ragged) and not cells.native and not _same_lengths(old, new):
            raise CapabilityError(
                f"'{cells.spec.label}': the number of elements of {name} cannot be changed on NEST once the cells "
                "exist. Give it when the population is created."
            )
        trial = {**cells.values, name: new}
        problems = checks.value_problems(trial, cells.table, self.dt)
        if problems:
            raise CapabilityError(f"'{cells.spec.label}': {name}={values!r} is not possible: {' '.join(problems)}")
        cells.values = trial
        try:
            with versions.reporting(self._nest, f"setting {name} of '{cells.spec.label}'"):
                if cells.generators is not None:
                    self._set_generators(cells, [name])
                elif not cells.spec.is_source and not cells.native:
                    _set_cells(cells, self._native_values(cells, [name]))
                self._update_receptor_taus(cells.spec, name)
        except SimulatorError:
            cells.values[name] = old
            raise

    def _write_state(self, cells: _Cells, name: str, where: IntArray, values: Any) -> None:
        state = cells.table.state(name)
        if not state.settable or state.native is None:
            raise CapabilityError(f"NEST's {cells.table.native} does not let {name} be set.")
        if not len(where):
            return
        native = np.asarray(values, dtype=float) * cells.table.state_factor(cells.spec.model, name)
        order = np.argsort(where, kind="stable")
        order = order[self._ranks.here(cells.ids[where[order]])]
        with versions.reporting(self._nest, f"setting {name} of '{cells.spec.label}'"):
            if len(order):
                nodes = cells.nodes[where[order].tolist()]
                _set(nodes, {state.native: native[order] if native.ndim else native}, len(order))
        for recording in self._recordings.values():
            if isinstance(recording, recorders.StateRecording):
                recording.renew()

    # --- synapses and currents ---------------------------------------------------------------------------------

    def read_synapses(self, projection: int, name: str) -> FloatArray:
        """Present value of a synaptic attribute, in the order of the table; "delay" in ms."""
        self._require_usable()
        if name in self._changes.get(projection, {}):
            size = self._connections.read_connections(projection)[0].shape
            return np.array(np.broadcast_to(np.asarray(self._changes[projection][name], dtype=float), size))
        with versions.reporting(self._nest, f"reading {name}"):
            return self._connections.read(projection, name)

    def write_synapses(self, projection: int, name: str, values: Any) -> None:
        """Set an attribute of all connections of a projection; acts on spikes from the next step on.

        NEST delivers the spikes of one min_delay together, with the weights of that moment. So a change at a time that
        is not a multiple of min_delay also acts on the spikes since the last multiple.
        """
        self._require_usable()
        with versions.reporting(self._nest, f"setting {name}"):
            waiting = self._changes.get(projection, {})
            wanted = self._connections.prepare(projection, name, values, waiting)
            separable = not self._led_in or self.now % self.lag == 0
            self._before_synapses_change(separable)
            if separable:
                self._changes.setdefault(projection, {})[name] = wanted
                self._changed_at = self.now
            else:
                self._connections.write(projection, {name: wanted}, self.now)

    def _write_changes(self) -> None:
        for projection, changes in self._changes.items():
            self._connections.write(projection, changes, self._changed_at)
        self._changes = {}
        for tracker in self._trackers.values():
            tracker.reload()

    def _before_synapses_change(self, everything: bool) -> None:
        for tracker in self._trackers.values():
            tracker.before_change(everything)

    def read_connections(self, projection: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(pre, post) indices of a projection that NEST drew, sorted by post, then pre."""
        self._require_usable()
        with versions.reporting(self._nest, "reading connections"):
            return self._connections.read_connections(projection)

    def write_current(self, current: CurrentSpec) -> None:
        """Take over changed parameters, or targets, of a current source."""
        self._require_usable()
        with versions.reporting(self._nest, "changing a current"):
            self._write_current(current)

    def _write_current(self, current: CurrentSpec) -> None:
        if devices.is_native(current):
            self._devices.write(current)
        else:
            self._injection.write(current, self._population_specs)

    def close(self) -> None:
        """Empty NEST's kernel."""
        if not self.closed:
            self.closed = True
            with versions.reporting(self._nest, "closing"):
                self._nest.ResetKernel()

    def _require_usable(self) -> None:
        if self.closed:
            raise SimulatorError("This session of NEST is closed.")
        if self._failed:
            raise SimulatorError(f"The network could not be built, so it cannot be used: {self._failed}")


def _required_sign(model: Definition, receptor: str) -> int:
    # A voltage jump has one port for both signs; elsewhere NEST chooses the receptor by the sign.
    row = model.receptors[receptor]
    return 0 if row.kind == "voltage" else row.sign


def _same_lengths(one: Any, other: Any) -> bool:
    return isinstance(one, Ragged) and isinstance(other, Ragged) and np.array_equal(one.offsets, other.offsets)


def _same(value: Any, default: Any) -> bool:
    """Whether a native value is NEST's default in all cells."""
    if isinstance(value, Ragged):
        return all(np.array_equal(value[i], default) for i in range(len(value)))
    return bool(np.all(np.asarray(value) == default))


def _set_cells(cells: _Cells, values: Mapping[str, Any]) -> None:
    """Give native values, as `_set` takes them for all cells, to the cells of this MPI rank."""
    if len(cells.own) == cells.spec.size:
        _set(cells.nodes, values, cells.spec.size)
    elif len(cells.own):
        _set(cells.own_nodes, {name: _rows(value, cells.own) for name, value in values.items()}, len(cells.own))


def _rows(value: Any, rows: IntArray) -> Any:
    """What belongs to some of the cells."""
    if isinstance(value, Ragged):
        return Ragged.from_list([value[i] for i in rows.tolist()])
    array = np.asarray(value)
    return array[rows] if array.ndim and len(array) > 1 else value


def _set(nodes: Any, values: Mapping[str, Any], size: int) -> None:
    """Give native values to nodes: each a number, one number a cell, a Ragged, or one row (or one for all) a cell."""
    common: dict[str, Any] = {}
    columns: dict[str, list[Any]] = {}
    for name, value in values.items():
        if isinstance(value, Ragged):
            given = [value[i].tolist() for i in range(size)]
        elif np.ndim(value) == 2:
            given = np.broadcast_to(value, (size, value.shape[1])).tolist()
        else:
            given = np.asarray(value).ravel().tolist()
        if all(one == given[0] for one in given[1:]):
            common[name] = given[0]
        else:
            columns[name] = given
    versions.set_nodes(nodes, common, columns)


@contextmanager
def _deferred_interrupt(ranks: Ranks) -> Iterator[None]:
    """Hold back Ctrl-C, so that NEST, the session and all MPI ranks agree on the present step when it is raised."""
    with interrupts_deferred() as interrupted:
        yield
    if ranks.largest(bool(interrupted))[0]:
        raise interrupt(interrupted)


def _kernel_seed(seed: int, *parts: int | str) -> int:
    """A seed that NEST takes, 1 .. 2**32 - 1."""
    return 1 + derive_key(seed, "nest", *parts) % (2**32 - 2)
