"""NEST behind the contract of pyNN.backend.

NEST's clock runs ahead of the session's by a lead-in during which the cells are frozen: NEST refuses spikes at time 0,
and a generator needs one min_delay to be heard. A change between two calls of `advance` acts from the next step, for
NEST is never simulated beyond the present step.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.backend import Capabilities, Option, Settings, Spikes
from pyNN.errors import (
    CapabilityError,
    InvalidParameterValueError,
    NoModelAvailableError,
    NonExistentParameterError,
    SimulatorError,
)
from pyNN.models import Definition
from pyNN.nest import models, versions
from pyNN.nest.models import RULES
from pyNN.parallel import Communicator
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
from pyNN.translation import Translation

_WINDOW_STEPS = 10_000
"""Spike trains and currents are handed to NEST for at most this many steps at a time."""
_GRID = 1e-3
"""A duration that exceeds a whole number of steps by less than this fraction of a step counts as that number."""
_CURRENT_SOURCES = ("DCSource", "ACSource", "StepCurrentSource", "NoisyCurrentSource")


class NestBackend:
    """NEST 3.10 or later, `import pyNN.nest as sim`."""

    name = "nest"
    title = "NEST"
    models: Mapping[str, Any] = {
        **models.TABLES,
        **models.SYNAPSES,
        **{name: "step_current_generator" for name in _CURRENT_SOURCES},
    }
    capabilities = Capabilities(
        options={
            "spike_precision": Option(
                "on_grid",
                "on_grid: a spike has the time of the end of its step; off_grid: precise times, where NEST has a model "
                "that computes them (IF_curr_exp, IF_curr_alpha, IF_curr_delta)",
                ("on_grid", "off_grid"),
            ),
            "verbosity": Option("fatal", "which messages of NEST's own are printed", versions.VERBOSITIES),
        },
        exclusive=True,
        threads=True,
        mpi=False,
        native_rules=RULES,
        native_sources=("SpikeSourcePoisson",),
        smaller_delay_after_run=False,
        missing={
            "mpi": "NEST from PyPI is built without MPI, and its connections by array work in a single process only.",
            "smaller_delay_after_run": "NEST fixes the range of delays at the first run; say "
            "setup(min_delay=..., max_delay=...).",
            "initial isyn_exc, isyn_inh": "iaf_psc_exp and iaf_psc_alpha start without synaptic current.",
            "isyn_exc, isyn_inh recorded from the middle of a run": "NEST does not tell their present value; record "
            "them from the start.",
            "isyn_exc, isyn_inh with spike_precision='off_grid'": "iaf_psc_exp_ps does not offer them to recorders.",
            "v_reset >= v_thresh": "NEST refuses it.",
            "infinite parameters": "NEST would give potentials that are not numbers.",
            "spike at the moment a source is created after a run": "NEST's clock is past it; the next step will do.",
            "delay of existing connections": "NEST cannot change it.",
            "weights changed between multiples of min_delay": "NEST delivers the spikes of one min_delay together, so "
            "the change also acts on those since the last multiple.",
            "rate of a native SpikeSourcePoisson": "a change acts one min_delay late.",
        },
    )

    def __init__(self) -> None:
        self._session: NestSession | None = None

    def check(self, part: NetworkSpec, settings: Settings) -> None:
        """Raise CapabilityError or NoModelAvailableError for what NEST cannot build; BackendNotInstalledError."""
        versions.load_nest()
        tables = _tables(settings)
        problems: list[str] = []
        for population in part.populations:
            _require(population.model, tables, "cell type")
            problems += _population_problems(population, tables[population.model.name], settings)
        for projection in part.projections:
            _require(projection.model, models.SYNAPSES, "synapse type")
            if projection.table is None:
                _check_native(projection)
        for current in part.currents:
            _require(current.model, dict.fromkeys(_CURRENT_SOURCES), "current source")
        if problems:
            raise CapabilityError("NEST cannot build this network: " + " ".join(problems))

    def open(self, settings: Settings, comm: Communicator) -> NestSession:
        """A new session; CapabilityError while another one is open, or with several MPI processes."""
        if comm.size > 1:
            raise CapabilityError(
                f"NEST runs in a single process here, but {comm.size} were started. {self.capabilities.missing['mpi']} "
                "Start the script with python and use setup(threads=...)."
            )
        if self._session is not None and not self._session.closed:
            raise CapabilityError(
                "NEST holds one simulation a process, and one is open. End it with end() and setup(), or use a second "
                "process."
            )
        self._session = NestSession(self, versions.load_nest(), settings)
        return self._session

    def versions(self) -> dict[str, str]:
        """NEST's version."""
        return {"NEST": str(versions.load_nest().__version__)}


def _tables(settings: Settings) -> dict[str, Translation]:
    return models.OFF_GRID_TABLES if settings.options.get("spike_precision") == "off_grid" else models.TABLES


def _require(model: Definition, available: Mapping[str, Any], kind: str) -> None:
    if model.name not in available:
        raise NoModelAvailableError(
            f"NEST has no {kind} {model.name} in this package. Available: {', '.join(sorted(available))}."
        )


def _population_problems(population: PopulationSpec, table: Translation, settings: Settings) -> list[str]:
    problems = []
    for row in table.states:
        value = population.initial_values.get(row.name, population.model.states[row.name].initial)
        if not row.settable and np.any(np.asarray(value) != population.model.states[row.name].initial):
            problems.append(
                f"'{population.label}': the initial value of {row.name} cannot be set, because NEST's {table.native} "
                f"always starts with {population.model.states[row.name].initial}."
            )
    p = population.parameters
    if not population.is_source:
        problems += [
            f"'{population.label}': {name} = inf is not possible on NEST; give a large number."
            for name, value in p.items()
            if not np.isfinite(np.asarray(value)).all()
        ]
    if "v_reset" in p and "v_thresh" in p and np.any(np.asarray(p["v_reset"]) >= np.asarray(p["v_thresh"])):
        problems.append(f"'{population.label}': v_reset must be below v_thresh.")
    if not table.grid and np.any(_on_grid(p["tau_refrac"], settings.dt) < settings.dt):
        problems.append(
            f"'{population.label}': with spike_precision='off_grid' tau_refrac must be at least a time step."
        )
    return problems


def _check_native(projection: ProjectionSpec) -> None:
    from pyNN.nest.rules import check_rule

    if projection.rule is None:
        raise CapabilityError(f"Projection '{projection.label}' has neither connections nor a rule to draw them.")
    check_rule(projection.rule)
    for side, ids in (("pre", projection.pre), ("post", projection.post)):
        if np.any(np.diff(ids) <= 0):
            raise CapabilityError(
                f"Projection '{projection.label}': with native=True NEST needs the {side} cells in ascending order, "
                "each once. Leave native=True away, or sort the view or assembly."
            )


def _kernel_seed(seed: int, *parts: int | str) -> int:
    """A seed that NEST takes, 1 .. 2**32 - 1."""
    return 1 + derive_key(seed, "nest", *parts) % (2**32 - 2)


def _on_grid(duration: Any, dt: float) -> Any:
    """A duration in ms, rounded up to whole steps as NEST does, except where it exceeds them by a rounding error."""
    return np.ceil(np.asarray(duration, dtype=float) / dt - _GRID) * dt


@dataclass
class _Cells:
    """One population in NEST."""

    spec: PopulationSpec
    table: Translation
    nodes: Any
    """NodeCollection; None for a population without cells."""
    ids: IntArray
    """Node ids."""
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
        return self.spec.native and self.spec.model.source == "poisson"


class NestSession:
    """One simulation in NEST; see pyNN.backend.Session."""

    def __init__(self, backend: NestBackend, nest: Any, settings: Settings) -> None:
        from pyNN.nest.connections import ConnectionStore
        from pyNN.nest.injection import Injection

        self.closed = False
        self.dt = settings.dt
        self.now = 0
        self.lead_in = 0
        """NEST's step minus ours."""
        self.lag = 1
        """NEST's min_delay in steps; final from the first run on."""
        self._backend = backend
        self._nest = nest
        self._settings = settings
        self._tables = _tables(settings)
        self._started = False
        self._led_in = False
        self._failed = ""
        self._populations: dict[int, _Cells] = {}
        self._node_of = np.empty(0, dtype=np.int64)
        self._recordings: dict[int, Any] = {}
        self._pending_recordings: dict[int, RecordingSpec] = {}
        self._trackers: dict[int, Any] = {}
        self._max_delay_steps = 1
        self._weights: dict[int, FloatArray] = {}
        """Weights by projection that are to be set as soon as NEST has delivered the spikes sent so far."""
        self._connections = ConnectionStore(nest, settings.dt)
        self._injection = Injection(nest, settings)
        seed = _kernel_seed(settings.rng_seed, "network")
        with versions.reporting(nest, "setting up"):
            verbosity = settings.options.get("verbosity", "fatal")
            versions.reset_kernel(nest, settings.dt, settings.threads, seed, verbosity)

    # --- building ----------------------------------------------------------------------------------------------

    def build(self, part: NetworkSpec) -> None:
        """Create what is new; nothing is created if NEST cannot do some of it."""
        self._require_usable()
        self._backend.check(part, self._settings)
        self._check_in_context(part)
        try:
            with versions.reporting(self._nest, "building the network"):
                for population in part.populations:
                    self._create(population)
                for projection in part.projections:
                    self._connect(projection)
                for current in part.currents:
                    self._injection.write(current, self._population_specs)
                for recording in part.recordings:
                    self._record(recording)
        except SimulatorError as error:
            # NEST cannot delete nodes, so a half-built network is of no further use.
            self._failed = str(error)
            raise

    @property
    def _population_specs(self) -> list[PopulationSpec]:
        return [cells.spec for cells in self._populations.values()]

    def _check_in_context(self, part: NetworkSpec) -> None:
        from pyNN.nest.connections import check_signs
        from pyNN.nest.rules import drawn_range

        specs = {spec.id: spec for spec in [*self._population_specs, *part.populations]}
        for recording in part.recordings:
            self._check_recording(recording, specs[recording.population])
        for projection in part.projections:
            built = self._describe(projection, list(specs.values()))
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
        state = self._tables[population.model.name].state(recording.variable)
        if not state.recordable:
            raise CapabilityError(
                f"NEST's {self._tables[population.model.name].native} does not let anyone record {recording.variable} "
                f"(population '{population.label}')."
            )
        if not state.readable and self.now > 0:
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
        table = self._tables[spec.model.name]
        cells = _Cells(spec, table, None, np.empty(0, dtype=np.int64), dict(spec.parameters))
        if spec.size:
            native = models.RELAY if cells.native else table.native
            parameters = {} if spec.is_source else self._native_values(cells, None) | self._native_states(cells)
            cells.nodes = self._nest.Create(native, spec.size, params=_lists(parameters, spec.size) or None)
            first = cells.nodes[:1].tolist()[0]
            cells.ids = np.arange(first, first + spec.size, dtype=np.int64)
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
                values[row.name] = _on_grid(values[row.name], self.dt)
        native = cells.table.native_parameters(cells.spec.model, values, changed)
        injected = cells.table.injected
        if injected and (changed is None or injected in changed):
            extra = self._injection.extra(cells.spec.id, cells.spec.size)
            native |= cells.table.native_parameters(
                cells.spec.model, {**values, injected: values[injected] + extra}, [injected]
            )
        return native

    def _native_states(self, cells: _Cells) -> dict[str, Any]:
        return {
            row.native: np.asarray(cells.spec.initial_values[row.name])
            * cells.table.state_factor(cells.spec.model, row.name)
            for row in cells.table.states
            if row.native and row.settable
        }

    def _describe(self, spec: ProjectionSpec, populations: list[PopulationSpec]) -> Any:
        from pyNN.nest.connections import Built

        factors: FloatArray | float = 1.0
        signs = set()
        parts = split_by_population(populations, spec.post)
        for population, where, _ in parts:
            value = self._tables[population.model.name].weight_factor(population.model, spec.receptor)
            signs.add(_required_sign(population.model, spec.receptor))
            if len(parts) == 1:
                factors = value
            else:
                if isinstance(factors, float):
                    factors = np.ones(len(spec.post))
                factors[where] = value
        sign = signs.pop() if len(signs) == 1 else 0
        return Built(spec, np.empty(0, np.int64), np.empty(0, np.int64), factors, sign)

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
            self._recordings[spec.id] = self._make_recording(spec, self._reader(spec))
        else:
            self._pending_recordings[spec.id] = spec

    def _make_recording(self, spec: RecordingSpec, read: Callable[[IntArray], FloatArray]) -> Any:
        from pyNN.nest.recorders import SpikeRecording, StateRecording

        cells = self._populations[spec.population]
        chosen = np.asarray(spec.cells, dtype=np.int64)
        if spec.variable == "spikes":
            precise = not cells.table.grid
            return SpikeRecording(self._nest, self, cells.ids, chosen, precise)
        state = cells.table.state(spec.variable)
        assert state.native is not None
        scale = 1.0 / cells.table.state_factor(cells.spec.model, spec.variable)
        return StateRecording(self._nest, self, cells.ids, chosen, state.native, scale, spec.every_steps, read)

    def _reader(self, spec: RecordingSpec) -> Callable[[IntArray], FloatArray]:
        """What gives the present value of a recorded variable."""
        cells = self._populations[spec.population]
        if spec.variable == "spikes" or cells.table.state(spec.variable).readable:
            return lambda chosen: self._read_state(cells, spec.variable, chosen)
        from pyNN.nest.synaptic_currents import SynapticCurrent

        tracker = SynapticCurrent(self._nest, self, self._connections, cells, spec.variable, np.asarray(spec.cells))
        self._trackers[spec.id] = tracker
        return lambda chosen: tracker.value()

    # --- running -----------------------------------------------------------------------------------------------

    @property
    def current_step(self) -> int:
        return self.now

    def advance(self, steps: int) -> None:
        """Simulate whole time steps. Ctrl-C acts at the end of a piece of at most 10000 steps."""
        self._require_usable()
        stop = self.now + int(steps)
        with versions.reporting(self._nest, "running"):
            if not self._started and steps > 0:
                self._start()
            while self.now < stop:
                with _deferred_interrupt():
                    self._advance_window(min(stop, self.now + _WINDOW_STEPS))

    def _start(self) -> None:
        """Fix what NEST fixes at its first run: the range of delays, and with it the lead-in."""
        nest = self._nest
        # The connections that NEST draws are the same after every reset(), its random spikes are not.
        nest.rng_seed = _kernel_seed(self._settings.rng_seed, "run", self._settings.trial)
        bounds = [self._settings.min_delay_steps, self._settings.max_delay_steps]
        asked = [steps for steps in bounds if steps is not None]
        if not nest.num_connections and not asked:
            asked = [1]
        if asked:
            # NEST takes the range of delays from the connections that exist; these two are for that only.
            anchors = nest.Create(models.RELAY, 2)
            for steps in asked:
                spec = {"delay": steps * self.dt, "synapse_model": "static_synapse"}
                nest.Connect(anchors[:1], anchors[1:], syn_spec=spec)
        self.lag = round(nest.min_delay / self.dt)
        self._max_delay_steps = round(nest.max_delay / self.dt)
        self.lead_in = 2 * self.lag
        self._started = True
        for cells in self._populations.values():
            if cells.native and cells.spec.size:
                self._create_generators(cells)

    def _lead_in(self) -> None:
        """Let NEST's clock run while the cells stand still."""
        dynamic = [c.nodes for c in self._populations.values() if c.nodes is not None and not c.spec.is_source]
        for nodes in dynamic:
            nodes.frozen = True
        # Spikes of step 0 are sent during the lead-in, and whoever computes synaptic currents must see them.
        readers = {key: self._reader(spec) for key, spec in self._pending_recordings.items()}
        self._nest.Simulate(self.lead_in * self.dt)
        for nodes in dynamic:
            nodes.frozen = False
        self._led_in = True
        for key, spec in self._pending_recordings.items():
            self._recordings[key] = self._make_recording(spec, readers[key])
        self._pending_recordings = {}
        self._connections.epoch += 1

    def _advance_window(self, stop: int) -> None:
        for cells in self._populations.values():
            if cells.source is not None and cells.spec.size:
                self._play(cells, stop)
        if not self._led_in:
            self._lead_in()
        ids = {key: cells.ids for key, cells in self._populations.items()}
        plan = self._injection.plan(self.now, stop, self.lag, self.lead_in, ids)
        samples = self._samples(stop)
        stops = {stop, *samples, *(step for step in plan if step > self.now)}
        if self._weights:
            stops.add(self.now + 1)
        self._inject(plan.get(self.now, []))
        with self._nest.RunManager():
            for step in sorted(stops):
                self._nest.Run((step - self.now) * self.dt)
                self.now = step
                if self._weights:
                    self._write_weights()
                for recording in samples.get(step, []):
                    recording.sample()
                if step < stop:
                    self._inject(plan.get(step, []))
        for tracker in self._trackers.values():
            tracker.settle()

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
        order = np.lexsort((steps, which))
        times = (steps[order] + self.lead_in) * self.dt
        active, first = np.unique(which[order], return_index=True)
        parts = np.split(times, first[1:])
        nodes = cells.nodes if len(active) == cells.spec.size else cells.nodes[active.tolist()]
        nodes.set([{"spike_times": part} for part in parts])

    def _samples(self, stop: int) -> dict[int, list[Any]]:
        """Step -> recordings whose sample of that step NEST will not have handed out when `stop` is reached."""
        from pyNN.nest.recorders import StateRecording

        handed_out = (stop + self.lead_in - 1) // self.lag * self.lag - self.lead_in
        found: dict[int, list[Any]] = {}
        for recording in self._recordings.values():
            if isinstance(recording, StateRecording):
                for step in recording.due(max(self.now, handed_out) + 1, stop):
                    found.setdefault(step, []).append(recording)
        return found

    def _inject(self, changes: list[Any]) -> None:
        for population in self._injection.apply(changes):
            cells = self._populations[population]
            native = self._native_values(cells, [cells.table.injected])
            cells.nodes.set(_lists(native, cells.spec.size))

    def _create_generators(self, cells: _Cells) -> None:
        cells.generators = self._nest.Create(models.NATIVE_POISSON, cells.spec.size)
        self._set_generators(cells)
        spec = {"delay": self.lag * self.dt, "synapse_model": "static_synapse"}
        self._nest.Connect(cells.generators, cells.nodes, "one_to_one", syn_spec=spec)

    def _set_generators(self, cells: _Cells) -> None:
        # What a generator sends is sent on by the relay one min_delay and one step later, so it runs ahead by that.
        shift = self.lead_in - self.lag - 1
        start = np.asarray(cells.values["start"], dtype=float)
        stop = start + np.asarray(cells.values["duration"], dtype=float)
        values = {"rate": cells.values["rate"]}
        for name, time in (("start", start), ("stop", stop)):
            values[name] = np.maximum(np.rint(time / self.dt) + shift, 0) * self.dt
        cells.generators.set(_lists(values, cells.spec.size))

    # --- data --------------------------------------------------------------------------------------------------

    def collect(self, recording: int) -> Spikes | FloatArray:
        """What a recording holds up to the present step."""
        self._require_usable()
        if recording in self._pending_recordings:
            return self._read_before_start(recording)
        with versions.reporting(self._nest, "reading recorded data"):
            return self._recordings[recording].collect()

    def _read_before_start(self, recording: int) -> Spikes | FloatArray:
        spec = self._pending_recordings[recording]
        if spec.variable == "spikes":
            return Spikes(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
        cells = self._populations[spec.population]
        if cells.table.state(spec.variable).readable:
            return self._read_state(cells, spec.variable, np.asarray(spec.cells))[np.newaxis, :]
        return np.zeros((1, len(spec.cells)))

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
        """Present value of a state variable of all cells, in the model's unit."""
        self._require_usable()
        cells = self._populations[population]
        state = cells.table.state(name)
        if not state.readable:
            raise CapabilityError(
                f"NEST's {cells.table.native} does not tell the present value of {name}. Record it instead."
            )
        with versions.reporting(self._nest, f"reading {name}"):
            return self._read_state(cells, name, np.arange(cells.spec.size))

    def _read_state(self, cells: _Cells, name: str, chosen: IntArray) -> FloatArray:
        if not len(chosen):
            return np.empty(0)
        nodes = cells.nodes if len(chosen) == cells.spec.size else cells.nodes[np.asarray(chosen).tolist()]
        native = nodes.get(cells.table.state(name).native)
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
        if not np.isfinite(np.asarray(values)).all():
            raise CapabilityError(
                f"'{cells.spec.label}': {name} = inf is not possible on NEST; give a large number."
            )
        old = cells.values[name]
        if len(where) == cells.spec.size and np.ndim(values) == 0:
            new: Any = float(values)
        else:
            new = np.array(np.broadcast_to(np.asarray(old, dtype=float), (cells.spec.size,)))
            new[where] = values
        trial = {**cells.values, name: new}
        if "v_reset" in trial and np.any(np.asarray(trial["v_reset"]) >= np.asarray(trial["v_thresh"])):
            raise CapabilityError(
                f"'{cells.spec.label}': NEST needs v_reset below v_thresh, which {name}={values!r} would break."
            )
        cells.values = trial
        try:
            with versions.reporting(self._nest, f"setting {name} of '{cells.spec.label}'"):
                if cells.generators is not None:
                    self._set_generators(cells)
                elif not cells.spec.is_source:
                    cells.nodes.set(_lists(self._native_values(cells, [name]), cells.spec.size))
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
        nodes = cells.nodes[where[order].tolist()]
        with versions.reporting(self._nest, f"setting {name} of '{cells.spec.label}'"):
            nodes.set(_lists({state.native: native[order] if native.ndim else native}, len(where)))

    # --- synapses and currents ---------------------------------------------------------------------------------

    def read_synapses(self, projection: int, name: str) -> FloatArray:
        """Present value of a synaptic attribute, in the order of the table; "delay" in ms."""
        self._require_usable()
        if name == "weight" and projection in self._weights:
            return self._weights[projection].copy()
        with versions.reporting(self._nest, f"reading {name}"):
            return self._connections.read(projection, name)

    def write_synapses(self, projection: int, name: str, values: Any) -> None:
        """Set an attribute of all connections of a projection; acts on spikes from the next step on.

        NEST delivers the spikes of one min_delay together, with the weights of that moment. So a change at a time that
        is not a multiple of min_delay also acts on the spikes since the last multiple.
        """
        self._require_usable()
        with versions.reporting(self._nest, f"setting {name}"):
            wanted = self._connections.prepare(projection, name, values)
            separable = self._led_in and self.now % self.lag == 0
            self._before_synapses_change(separable)
            if separable:
                self._weights[projection] = wanted
            else:
                self._connections.write(projection, wanted)

    def _write_weights(self) -> None:
        for projection, values in self._weights.items():
            self._connections.write(projection, values)
        self._weights = {}
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


def _lists(values: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Values as NEST takes them: numbers, or arrays of one number a cell; equal numbers as one."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Ragged):
            raise InvalidParameterValueError(f"{name} must be a number a cell, not an array a cell.")
        array = np.asarray(value, dtype=float)
        same = array.ndim == 0 or size == 1 or bool((array == array.flat[0]).all())
        found[name] = float(array.flat[0]) if same else array
    return found


@contextmanager
def _deferred_interrupt() -> Iterator[None]:
    """Hold back Ctrl-C, so that NEST and the session agree on the present step when it is raised."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = []
    previous = signal.getsignal(signal.SIGINT)
    if previous is None:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if pressed:
        raise KeyboardInterrupt
