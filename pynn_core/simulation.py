"""One simulation: the network that a script describes, the session that runs it, and the clock. All state is here."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pyNN.backend import Backend, Session, Settings, Spikes
from pyNN.core import user_stacklevel
from pyNN.errors import (
    CapabilityError,
    InvalidDelayError,
    InvalidParameterValueError,
    InvalidTimeError,
    NoModelAvailableError,
    NotSetUpError,
    RoundingWarning,
    UnknownOptionWarning,
)
from pyNN.lowering import round_to_steps
from pyNN.models import Definition
from pyNN.parallel import Communicator, SerialCommunicator, default_communicator
from pyNN.populations import Population
from pyNN.projections import Projection
from pyNN.recording import SynapseRecorder
from pyNN.recording.columns import time_of
from pyNN.specs import CurrentSpec, FloatArray, NetworkSpec, PopulationSpec, ProjectionSpec, RecordingSpec

DEFAULT_TIMESTEP = 0.1
DEFAULT_MIN_DELAY = "auto"
DEFAULT_MAX_DELAY = "auto"
DEFAULT_SEED = 42
_FIRST_CHUNK_STEPS = 500
_CHUNK_SECONDS = 0.5
_PAIRS_WORTH_A_COMPILER = 300_000_000
"""At a probability of 2 % some 0.6 s of NumPy; loading Numba takes 0.4 s."""


_CONNECTIONS_WORTH_BUILDING = 1 << 20
"""Connections that are built at once where that saves memory; with fewer it makes no difference."""


class Simulation:
    """Everything between setup() and the next setup(). Scripts reach it through the functions of a backend module."""

    def __init__(self, backend: Backend, settings: Settings, comm: Communicator) -> None:
        self.backend = backend
        self.settings = settings
        self.comm = comm
        self.network = NetworkSpec()
        self._pending = NetworkSpec()
        self._session: Session | None = None
        self.current_step = 0
        self.segment_index = 0
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.observers: list[Any] = []
        self.timings = {"connect": 0.0, "build": 0.0, "run": 0.0}
        self.native = False
        self.running = False
        self.closed = False
        self._next_recording = 0
        self._draws = 0
        self._current_histories: dict[int, list[FloatArray]] = {}
        self._files_at_end: list[tuple[Any, Any, Any]] = []

    # --- the clock ---------------------------------------------------------------------------------------------

    @property
    def dt(self) -> float:
        """Time step in ms."""
        return self.settings.dt

    @property
    def t(self) -> float:
        """Current time in ms."""
        return self.time_of(self.current_step)

    def time_of(self, step: int) -> float:
        """The time (ms) of a step, without the rounding error of the product of a step count and e.g. 0.1."""
        return float(time_of(step, self.settings.dt))

    @property
    def min_delay(self) -> float:
        """Smallest delay in ms: what setup() was told or, for 'auto', that of the network (dt without connections)."""
        steps = self.settings.min_delay_steps or self.network.min_delay_steps() or 1
        return self.time_of(steps)

    @property
    def max_delay(self) -> float:
        """Largest delay in ms: what setup() was told or, for 'auto', that of the network (dt without connections)."""
        steps = self.settings.max_delay_steps or self.network.max_delay_steps() or 1
        return self.time_of(steps)

    @property
    def title(self) -> str:
        return self.backend.title

    def compiles(self, pairs: int) -> bool:
        """Whether connecting `pairs` pairs of cells is left to compiled loops; the connections are the same without.

        An engine that was chosen to need no compiler gets none. A simulator that needs none itself gets one where that
        saves more time than loading it takes.
        """
        engine = self.settings.options.get("engine")
        if engine is not None:
            return bool(engine != "numpy")
        return "numba" in sys.modules or pairs >= _PAIRS_WORTH_A_COMPILER

    # --- describing --------------------------------------------------------------------------------------------

    def require_open(self) -> None:
        """Raise NotSetUpError if a later setup() has replaced this simulation."""
        if self.closed:
            raise NotSetUpError(
                "This object belongs to a network that a later setup() has removed. "
                "Create populations and projections after the setup() that they are to run in."
            )

    def require_model(self, definition: Definition) -> None:
        """Raise NoModelAvailableError if the backend has no such model."""
        from_equations = self.backend.capabilities.equations and bool(definition.equations)
        if definition.name not in self.backend.models and not from_equations:
            reason = self.backend.capabilities.missing.get(definition.name, "")
            raise NoModelAvailableError(
                f"{definition.name} is not available on the backend '{self.backend.name}'{': ' if reason else '.'}"
                f"{reason} Available: {', '.join(sorted(self.backend.models))}."
            )

    def next_draw(self) -> int:
        """A number that no other draw of this simulation has, the same on every rank; it keys random streams."""
        self._draws += 1
        return self._draws

    def add_population(self, population: Population, spec: PopulationSpec) -> None:
        self.require_open()
        self.backend.check(NetworkSpec(populations=[spec]), self.settings)
        self.network.populations.append(spec)
        self._pending.populations.append(spec)
        self.populations.append(population)

    def add_projection(self, projection: Projection, spec: ProjectionSpec) -> None:
        self.require_open()
        self.backend.check(NetworkSpec(projections=[spec]), self.settings)
        if self._session is not None and not self.backend.capabilities.smaller_delay_after_run:
            self._check_delay_after_run(spec)
        self.network.projections.append(spec)
        self._pending.projections.append(spec)
        self.projections.append(projection)
        waiting = sum(p.table.size for p in self._pending.projections if p.table is not None)
        if self.backend.capabilities.builds_early and waiting > _CONNECTIONS_WORTH_BUILDING:
            before = self.timings["build"]
            _ = self.session  # builds what is pending
            self.timings["connect"] -= self.timings["build"] - before

    def _check_delay_after_run(self, spec: ProjectionSpec) -> None:
        new = NetworkSpec(projections=[spec]).min_delay_steps()
        old = self.settings.min_delay_steps or self.network.min_delay_steps()
        if new is not None and old is not None and new < old:
            raise InvalidDelayError(
                f"{spec.label} has a delay of {self.time_of(new)} ms, but the backend '{self.backend.name}' has "
                f"already run with a smallest delay of {self.time_of(old)} ms. "
                f"Say setup(min_delay={self.time_of(new)}) at the start, or create the projection before the first "
                "run()."
            )

    def inject(self, spec: CurrentSpec) -> None:
        """Take over a current source, or one whose targets or parameters changed."""
        self.require_open()
        known = any(spec is current for current in self.network.currents)
        if not known:
            self.network.currents.append(spec)
            self._pending.currents.append(spec)
        elif self._session is not None and not any(spec is current for current in self._pending.currents):
            self._session.write_current(spec)

    def next_current_id(self) -> int:
        return len(self.network.currents)

    # --- recording (RecordingContext of pyNN.recording) ----------------------------------------------------------

    def start_recording(
        self, population_id: int, variable: str, cells: Any, every_steps: int = 1
    ) -> RecordingSpec:
        """Record from now on; the specification returned is the handle for collect, clear and stop."""
        self.require_open()
        spec = RecordingSpec(
            id=self._next_recording,
            population=population_id,
            variable=variable,
            cells=np.asarray(cells, dtype=np.int64),
            every_steps=every_steps,
            start_step=self.current_step,
        )
        self._next_recording += 1
        self.network.recordings.append(spec)
        self._pending.recordings.append(spec)
        return spec

    def collect(self, spec: RecordingSpec) -> Spikes | FloatArray:
        """What a recording holds up to now, in steps and the model's unit."""
        self.require_open()
        return self.session.collect(spec.id)

    def clear_recording(self, spec: RecordingSpec) -> None:
        self.session.clear(spec.id)
        spec.start_step = self.current_step

    def stop_recording(self, spec: RecordingSpec) -> None:
        self.network.recordings = [r for r in self.network.recordings if r is not spec]
        if any(r is spec for r in self._pending.recordings):
            self._pending.recordings = [r for r in self._pending.recordings if r is not spec]
        elif self._session is not None:
            self._session.stop(spec.id)

    def write_at_end(self, assembly: Any, io: Any, variables: Any) -> None:
        """Remember a file that end() writes for an assembly, whose populations have no files of their own then."""
        self._files_at_end.append((assembly, io, variables))

    # --- the session -------------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The backend's session with everything built that has been described so far."""
        self.require_open()
        if self._session is None or self._pending:
            for observer in self.observers:
                _call(observer, "before_build", self)
            start = time.perf_counter()
            part = self._pending
            if self._session is None:
                self._session = self.backend.open(self.settings, self.comm)
            self._session.build(part)
            self._pending = NetworkSpec()
            for projection in self.projections:
                projection.forget_drawn()
            self.timings["build"] += time.perf_counter() - start
        return self._session

    @property
    def built_session(self) -> Session | None:
        """The session if it exists and everything is built; None means that the description is all there is."""
        return None if self._session is None else self.session

    def run_to(self, target_step: int) -> None:
        """Advance to a step, in pieces short enough for progress to be shown."""
        from pyNN.recording.blocks import loading_neo
        from pyNN.utility.progress import run_progress

        self.require_open()
        session = self.session
        recorders = [projection.recorder for projection in self.projections if projection.is_recorded]
        self.running = True
        start_step, start = self.current_step, time.perf_counter()
        chunk = _FIRST_CHUNK_STEPS
        duration = self.time_of(target_step - start_step)
        try:
            with (
                loading_neo(bool(self.network.recordings or recorders)),
                run_progress(duration, "run", self.comm.rank == 0) as progress,
            ):
                next_sample = self._sample_synapses(recorders)
                while self.current_step < target_step:
                    steps = min(chunk, min(target_step, next_sample) - self.current_step)
                    began, first_step = time.perf_counter(), self.current_step
                    try:
                        session.advance(steps)
                    finally:
                        # An interrupted run keeps what it has done, in the clock and in the recorded currents.
                        self.current_step = session.current_step
                        self._remember_currents(first_step)
                    elapsed = max(time.perf_counter() - began, 1e-9)
                    chunk = max(1, min(10 * chunk, int(steps * _CHUNK_SECONDS / elapsed)))
                    next_sample = self._sample_synapses(recorders)
                    progress(self.time_of(self.current_step - start_step))
        finally:
            self.timings["run"] += time.perf_counter() - start

    def _sample_synapses(self, recorders: list[SynapseRecorder]) -> int:
        """Take the samples of the present step, and return the step of the next ones."""
        following = sys.maxsize
        for recorder in recorders:
            recorder.sample(self.current_step)
            following = min(following, recorder.next_step or sys.maxsize)
        return following

    def run_with_callbacks(self, target_step: int, callbacks: Iterable[Callable[[float], float]]) -> None:
        """Run to a step; each callback is called with the time (ms) now, whenever it asked for, and at the end."""
        callbacks = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
        for callback in callbacks:
            if not callable(callback):
                raise InvalidParameterValueError(
                    f"callbacks must be functions of the time that return the next time (ms), not {callback!r}."
                )
        due = [(self._next_call(callback, target_step), callback) for callback in callbacks]
        while self.current_step < target_step:
            stop = min([target_step, *(step for step, _ in due)])
            if stop > self.current_step:
                self.run_to(stop)
            due = [
                (self._next_call(callback, target_step) if step <= self.current_step else step, callback)
                for step, callback in due
            ]

    def _next_call(self, callback: Callable[[float], float], target_step: int) -> int:
        answer: Any = callback(self.t)
        try:
            wanted = float(answer)
        except (TypeError, ValueError):
            wanted = float("nan")
        if np.isnan(wanted) or wanted == -np.inf:
            raise InvalidTimeError(
                f"The callback {callback!r} returned {answer!r} at {self.t:g} ms; it must return the time in ms "
                "at which it wants to be called next."
            )
        step = target_step if wanted > self.time_of(target_step) else round(wanted / self.dt)
        # A callback that asks for now or the past is served in the next step, so that the run goes on.
        return min(max(step, self.current_step + 1), max(target_step, self.current_step + 1))

    def reset(self, annotations: Mapping[str, Any] | None = None) -> None:
        """Back to t = 0: data so far become a segment, states their initial values, plastic weights what was set."""
        self.require_open()
        for population in self.populations:
            population.recorder.finish_segment(dict(annotations or {}))
        for projection in self.projections:
            if projection.is_recorded:
                projection.recorder.finish_segment(dict(annotations or {}))
        if self._session is not None:
            self._session.close()
        self._session = None
        self.settings = replace(self.settings, trial=self.settings.trial + 1)
        self.current_step = 0
        self.segment_index += 1
        self._current_histories = {key: [] for key in self._current_histories}
        for projection in self.projections:
            projection.forget_drawn()
        for recording in self.network.recordings:
            recording.start_step = 0
        self._pending = NetworkSpec(
            list(self.network.populations),
            list(self.network.projections),
            list(self.network.currents),
            list(self.network.recordings),
        )

    def end(self) -> None:
        """Write the files that record(to_file=) asked for. Data stay available until the next setup()."""
        self.require_open()
        for population in self.populations:
            population.recorder.write_pending_files()
        while self._files_at_end:
            assembly, io, variables = self._files_at_end[-1]
            assembly.write_data(io, variables)
            self._files_at_end.pop()
        for observer in self.observers:
            _call(observer, "before_close", self)

    def close(self) -> None:
        """Free the simulator; objects of this simulation cannot be used any more."""
        if self._session is not None:
            self._session.close()
        self._session = None
        self.closed = True

    # --- recorded currents -------------------------------------------------------------------------------------

    def record_current(self, spec: CurrentSpec) -> None:
        """Keep the signal of a current source from now on."""
        if self.current_step > 0:
            raise InvalidTimeError(
                f"Recording of a current must begin at t = 0, not at {self.t} ms. Call record() before the first run()."
            )
        self._current_histories.setdefault(spec.id, [])

    def _remember_currents(self, first_step: int) -> None:
        for spec in self.network.currents:
            if spec.id in self._current_histories:
                done = self.current_step - first_step
                self._current_histories[spec.id].append(self._signal(spec, first_step, done))

    def recorded_current(self, spec: CurrentSpec) -> FloatArray:
        """The current (nA) of a recorded source at 0, dt, 2 dt ... up to now."""
        self.require_open()
        if spec.id not in self._current_histories:
            raise InvalidParameterValueError("This current source is not recorded. Call its record() before run().")
        return np.concatenate([*self._current_histories[spec.id], self._signal(spec, self.current_step, 1)])

    def current_signal(self, spec: CurrentSpec) -> Any:
        """The recorded current as a neo.AnalogSignal."""
        from pyNN.recording.blocks import make_current_signal

        return make_current_signal(spec.model.name, self.recorded_current(spec), self.dt)

    def check_current(self, spec: CurrentSpec) -> None:
        """Raise for parameters from which no signal can be made."""
        from pyNN.waveforms import check

        check(spec, self.settings)

    def _signal(self, spec: CurrentSpec, first_step: int, steps: int) -> FloatArray:
        from pyNN.waveforms import signal

        return signal(spec, self.settings, first_step, steps)


def _call(observer: Any, name: str, simulation: Simulation) -> None:
    method = getattr(observer, name, None)
    if method is not None:
        method(simulation)


def open_simulation(
    backend: Backend,
    timestep: float = DEFAULT_TIMESTEP,
    min_delay: float | str = DEFAULT_MIN_DELAY,
    max_delay: float | str = DEFAULT_MAX_DELAY,
    rng_seed: int = DEFAULT_SEED,
    threads: int = 1,
    native: bool = False,
    **extra: Any,
) -> Simulation:
    """A new simulation from what a script says to setup(); times in ms. See pyNN.scripting.Script.setup."""
    dt = _positive_time("timestep", timestep)
    lowest = _delay_steps("min_delay", min_delay, dt)
    highest = _delay_steps("max_delay", max_delay, dt)
    if lowest is not None and highest is not None and lowest > highest:
        raise InvalidDelayError(f"min_delay = {min_delay} ms must not be larger than max_delay = {max_delay} ms.")
    comm = default_communicator()
    if comm.size > 1 and not backend.capabilities.mpi:
        raise CapabilityError(
            f"The backend '{backend.name}' runs in a single process, but {comm.size} were started. "
            f"{backend.capabilities.missing.get('mpi', '')} Start the script without mpirun."
        )
    count = _whole_number("threads", threads, minimum=1)
    if count > 1 and not backend.capabilities.threads:
        warnings.warn(
            f"threads={count} has no effect on the backend '{backend.name}': "
            f"{backend.capabilities.missing.get('threads', 'it uses one core')}.",
            UnknownOptionWarning,
            stacklevel=user_stacklevel(),
        )
    options = _backend_options(backend, extra)
    if "num_processes" in options:
        processes = _whole_number("num_processes", options["num_processes"], minimum=1)
        rank = _whole_number("rank", options["rank"], minimum=0)
        if rank >= processes:
            raise InvalidParameterValueError(
                f"rank={rank} is not possible with num_processes={processes}; possible are 0 to {processes - 1}."
            )
        comm = SerialCommunicator(rank, processes)
    settings = Settings(
        dt=dt,
        min_delay_steps=lowest,
        max_delay_steps=highest,
        rng_seed=_whole_number("rng_seed", rng_seed, minimum=0),
        threads=count,
        options=options,
    )
    # An empty network is refused where nothing can be built at all: a simulator that is not installed shows here.
    backend.check(NetworkSpec(), settings)
    simulation = Simulation(backend, settings, comm)
    simulation.native = bool(native)
    return simulation


def _backend_options(backend: Backend, extra: Mapping[str, Any]) -> dict[str, Any]:
    known = backend.capabilities.options
    misspelled = {"mindelay": "min_delay", "maxdelay": "max_delay", "dt": "timestep", "time_step": "timestep"}
    for name in extra:
        if name in misspelled:
            raise InvalidParameterValueError(f"setup() has no argument '{name}'. Say {misspelled[name]}=...")
        if name not in known:
            names = ", ".join(
                ["timestep", "min_delay", "max_delay", "rng_seed", "threads", "native", *sorted(known)]
            )
            warnings.warn(
                f"The backend '{backend.name}' does not know the option '{name}', which has no effect. Known: {names}.",
                UnknownOptionWarning,
                stacklevel=user_stacklevel(),
            )
    options = {name: option.default for name, option in known.items()}
    for name, value in extra.items():
        if name in known:
            choices = known[name].choices
            if choices and value not in choices:
                raise InvalidParameterValueError(f"{name}={value!r} is not possible; choose one of {list(choices)}.")
            options[name] = value
    return options


def _positive_time(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InvalidTimeError(f"{name} must be a number of ms, not {value!r}.") from error
    if not number > 0 or not np.isfinite(number):
        raise InvalidTimeError(f"{name} must be a positive number of ms, not {value!r}.")
    return number


def _whole_number(name: str, value: Any, minimum: int) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < minimum:
        raise InvalidParameterValueError(f"{name} must be a whole number of at least {minimum}, not {value!r}.")
    return int(value)


def _delay_steps(name: str, value: Any, dt: float) -> int | None:
    if value is None or (isinstance(value, str) and value == "auto"):
        return None
    if isinstance(value, str):
        raise InvalidTimeError(f"{name} must be a number of ms or 'auto', not {value!r}.")
    time_ms = _positive_time(name, value)
    steps = round_to_steps(time_ms, dt)
    if steps < 1:
        raise InvalidDelayError(f"{name} = {value} ms must not be smaller than the time step, {dt} ms.")
    if abs(steps * dt - time_ms) > 1e-9 * max(1.0, time_ms):
        warnings.warn(
            f"{name} = {value} ms is not a multiple of the time step; {steps * dt:g} ms is used.",
            RoundingWarning,
            stacklevel=user_stacklevel(),
        )
    return steps
