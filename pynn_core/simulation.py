"""One simulation: the network that a script describes, the session that runs it, and the clock. All state is here."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.backend import Backend, Session, Settings, Spikes
from pyNN.checkpoint.journal import RESET, RESTORE, RUN, Event, Journal, Resumption, RunInProgress
from pyNN.checkpoint.keeper import Keeper
from pyNN.checkpoint.originals import Originals
from pyNN.connectors.compiled import loops_are_ready
from pyNN.core import user_stacklevel
from pyNN.errors import (
    CapabilityError,
    CommunicationError,
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
from pyNN.operations import Schedule
from pyNN.parallel import (
    Communicator,
    SerialCommunicator,
    default_communicator,
    interrupt,
    interrupts_deferred,
    together,
)
from pyNN.populations import Population
from pyNN.profiling import Profile, Timings
from pyNN.projections import Projection
from pyNN.random.streams import use_loops
from pyNN.recording import SynapseRecorder
from pyNN.recording.columns import time_of
from pyNN.recording.stream import StreamedPopulation, Streams
from pyNN.recording.stream_reader import StoredPart
from pyNN.specs import CurrentSpec, FloatArray, IntArray, NetworkSpec, PopulationSpec, ProjectionSpec, RecordingSpec

DEFAULT_TIMESTEP = 0.1
DEFAULT_MIN_DELAY = "auto"
DEFAULT_MAX_DELAY = "auto"
DEFAULT_SEED = 42
_FIRST_CHUNK_STEPS = 500
_MOST_THREADS = 1024
_CHUNK_SECONDS = 0.5
_PAIRS_WORTH_A_COMPILER = 300_000_000
"""At a probability of 2 % some 0.6 s of NumPy; loading Numba takes 0.4 s."""
_PAIRS_WORTH_LOOPS = 20_000_000
"""As many take NumPy as long as it takes to load loops that are compiled."""


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
        self.streams = Streams(self)
        self.phases = Timings()
        self.timings = {"connect": 0.0, "build": 0.0, "run": 0.0}
        self.schedule = Schedule()
        self.native = False
        self.running = False
        self.closed = False
        self._next_recording = 0
        self._draws = 0
        self._pairs = 0
        """Of cells that a projection might have connected so far."""
        self._current_histories: dict[int, list[FloatArray]] = {}
        self._files_at_end: list[tuple[Any, Any, Any]] = []
        self.current_sources: dict[int, Any] = {}
        """What a script set the parameters of injected currents with, by the number of the current."""
        self.originals = Originals()
        self.journal = Journal()
        self.resumption: Resumption | None = None
        """The way of a script that is resumed to its checkpoint."""
        self._keeper: Keeper | None = None
        self._interrupted: list[Callable[[], Any]] = []
        """What Ctrl-C would have done here, of which the other MPI ranks do not know yet."""

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
        """Whether connecting `pairs` more pairs of cells is left to compiled loops; connections are the same without.

        An engine that was chosen to need no compiler gets none. A simulator that needs none itself gets the loops if
        they were compiled before, and otherwise when it has spent more time without than a compiler takes to load.
        """
        engine = self.settings.options.get("engine")
        if engine is not None:
            return bool(engine != "numpy")
        self._pairs += pairs
        there = "numba" in sys.modules or (self._pairs >= _PAIRS_WORTH_LOOPS and loops_are_ready())
        if not there and self._pairs < _PAIRS_WORTH_A_COMPILER:
            return False
        use_loops()
        return True

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
        from_equations = self.backend.capabilities.equations and bool(definition.equations or definition.own)
        if (definition.own or definition.name not in self.backend.models) and not from_equations:
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
        with together(self.comm, f"check of {spec.label}"):
            self.backend.check(NetworkSpec(projections=[spec]), self.settings)
        if self._session is not None and not self.backend.capabilities.smaller_delay_after_run:
            self._check_delay_after_run(spec)
        self.network.projections.append(spec)
        self._pending.projections.append(spec)
        self.projections.append(projection)
        waiting = sum(p.table.size for p in self._pending.projections if p.table is not None)
        if self.backend.capabilities.builds_early and waiting > _CONNECTIONS_WORTH_BUILDING and not self.is_skipping:
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

    def inject(self, spec: CurrentSpec, source: Any = None) -> None:
        """Take over a current source, or one whose targets or parameters changed."""
        self.require_open()
        if source is not None:
            self.current_sources[spec.id] = source
        known = any(spec is current for current in self.network.currents)
        if not known:
            self.network.currents.append(spec)
            self._pending.currents.append(spec)
        elif self._session is not None and not any(spec is current for current in self._pending.currents):
            self._session.write_current(spec)

    def next_current_id(self) -> int:
        return len(self.network.currents)

    # --- recording (RecordingContext of pyNN.recording) ----------------------------------------------------------

    def local_cells(self, spec: PopulationSpec) -> IntArray:
        """Indices of the cells of a population that are on this MPI rank, ascending."""
        if self.comm.size == 1:
            return np.arange(spec.size, dtype=np.int64)
        return self.backend.capabilities.placement(spec, self.settings, self.comm)

    def own_cells(self, population: int) -> IntArray:
        """Those of a population that is given by its number."""
        return self.local_cells(self.network.populations[population])

    def read_cells(self, spec: PopulationSpec, name: str) -> FloatArray:
        """Present values of a state variable of all cells (collective)."""
        values = self.session.read_cells(spec.id, name)
        if self.comm.parts > 1:
            own = self.local_cells(spec)
            for cells, theirs in self.comm.allgather((own, values[own]), f"reading of '{name}' of {spec.label}"):
                values[cells] = theirs
        return values

    def start_recording(
        self, population_id: int, variable: str, cells: Any, every_steps: int = 1
    ) -> RecordingSpec:
        """Record from now on; the specification returned is the handle for collect, clear and stop.

        Its cells are those of this rank.
        """
        self.require_open()
        cells = np.asarray(cells, dtype=np.int64)
        if self.comm.size > 1:
            own = self.local_cells(self.network.populations[population_id])
            cells = cells[np.isin(cells, own)]
        spec = RecordingSpec(
            id=self._next_recording,
            population=population_id,
            variable=variable,
            cells=cells,
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
        if self.resumption is not None and self.is_skipping:
            return self.resumption.collect(self, spec)
        found = self.session.collect(spec.id)
        return self.streams.collect(spec, found) if spec in self.streams else found

    def clear_recording(self, spec: RecordingSpec) -> None:
        streamed = spec in self.streams
        if streamed:
            self.streams.write(self.session)
        if not self.is_skipping:
            self.session.clear(spec.id)
        spec.start_step = self.current_step
        if streamed:
            self.streams.cleared(spec, self.current_step)

    def stop_recording(self, spec: RecordingSpec) -> None:
        if spec in self.streams:
            self.streams.write()
            self.streams.stopped(spec)
        self.network.recordings = [r for r in self.network.recordings if r is not spec]
        if any(r is spec for r in self._pending.recordings):
            self._pending.recordings = [r for r in self._pending.recordings if r is not spec]
        elif self._session is not None:
            self._session.stop(spec.id)

    def stream_recording(
        self,
        spec: RecordingSpec,
        path: Path,
        unit: str,
        population: StreamedPopulation,
        metadata: Callable[[], Mapping[str, Any]],
    ) -> None:
        """Let a recording go to an HDF5 file from now on; CapabilityError if the backend keeps it to itself."""
        if not self.backend.capabilities.streaming:
            raise CapabilityError(
                f"The backend '{self.backend.name}' cannot stream recorded data to '{path}' during a run. Give a file "
                "that end() writes, such as one that ends in .nix or .pkl."
            )
        self.streams.add(spec, path, unit, population, metadata)

    def stream_target(self, spec: RecordingSpec) -> Path | None:
        """The file into which a recording goes; None if it stays in memory."""
        return self.streams.target(spec)

    def stored_part(self, spec: RecordingSpec) -> StoredPart:
        """Where the data of a streamed recording are."""
        return self.streams.stored(spec)

    def write_at_end(self, assembly: Any, io: Any, variables: Any) -> None:
        """Remember a file that end() writes for an assembly, whose populations have no files of their own then."""
        self._files_at_end.append((assembly, io, variables))

    # --- the session -------------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The backend's session with everything built that has been described so far."""
        self.require_open()
        self.require_present("a value")
        if self._session is None or self._pending:
            for observer in self.observers:
                _call(observer, "before_build", self)
            start = time.perf_counter()
            part = self._pending
            if self._session is None:
                with self.phases.times.measure("build", "start the simulator"):
                    self._session = self.backend.open(self.settings, self.comm)
            self._session.build(part)
            self.originals.keep(part)
            self._pending = NetworkSpec()
            for projection in self.projections:
                projection.forget_drawn()
            self.timings["build"] += time.perf_counter() - start
        return self._session

    @property
    def built_session(self) -> Session | None:
        """The session if it exists and everything is built; None means that the description is all there is."""
        self.require_present("a value")
        return None if self._session is None else self.session

    @property
    def session_to_change(self) -> Session | None:
        """Like `built_session`, for changes: in the part of a script that is skipped they are of the description."""
        return None if self._session is None else self.session

    def drop_session(self) -> None:
        """Close the session; the next one is built from the whole description."""
        if self._session is not None:
            self.phases.keep(self._session)
            self._session.close()
        self._session = None
        for projection in self.projections:
            projection.forget_drawn()
        self._pending = NetworkSpec(
            list(self.network.populations),
            list(self.network.projections),
            list(self.network.currents),
            list(self.network.recordings),
        )

    def run(
        self,
        target_step: int,
        callbacks: Iterable[Callable[[float], float]] | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        """Run to a step, as a script asks for it: with callbacks, with checkpoints, and skipped where it is resumed."""
        run = RunInProgress(self.current_step, target_step, checked_callbacks(callbacks), self.schedule.operations)
        if self.resumption is not None and not self.resumption.is_done and self.resumption.meet_run(self, run):
            return
        outer, self.journal.running = self.journal.running, run
        self._keeper = keeper
        try:
            with keeper or nullcontext(), self._interrupts_agreed():
                if run.callbacks:
                    self._run_with_callbacks(run)
                else:
                    self.run_to(target_step)
                self.journal.running = outer
                if outer is None:
                    self.journal.note(Event(RUN, run.start, run.target, self.current_step, run.calls))
                if keeper is not None:
                    keeper.finish(self)
        finally:
            self.journal.running = outer
            self._keeper = None

    def is_built(self, spec: PopulationSpec) -> bool:
        """Whether the simulator has these cells already; until then their model may be replaced."""
        return self._session is not None and not any(spec is waiting for waiting in self._pending.populations)

    @contextmanager
    def _interrupts_agreed(self) -> Iterator[None]:
        """Ctrl-C on one of several MPI ranks waits until all of them know it, and stops them after the same step."""
        if self.comm.parts == 1:
            yield
            return
        outer = self._interrupted
        with interrupts_deferred() as own:
            self._interrupted = own
            try:
                yield
            finally:
                self._interrupted = outer
        if own:
            # It has come too late for all to agree on it.
            own[0]()

    def run_to(self, target_step: int) -> None:
        """Advance to a step, in pieces short enough for progress to be shown."""
        from pyNN.recording.blocks import loading_neo
        from pyNN.utility.progress import run_progress

        self.require_open()
        self._check_same_target(target_step)
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
                if self._keeper is not None:
                    self._keeper.look(self)
                while self.current_step < target_step:
                    next_call = self.schedule.call(self.current_step, self.t)
                    session = self.session
                    steps = min(chunk, min(target_step, next_sample, next_call) - self.current_step)
                    if self.streams:
                        steps = min(steps, self.streams.largest_advance)
                    steps = self._agree_on(steps)
                    if self.schedule.stopping:
                        # The step in which stop() is called is the last one.
                        steps, target_step = 1, self.current_step + 1
                    began, first_step = time.perf_counter(), self.current_step
                    try:
                        session.advance(steps)
                    finally:
                        # An interrupted run keeps what it has done, in the clock and in the recorded currents.
                        self.current_step = session.current_step
                        self._remember_currents(first_step)
                    elapsed = max(time.perf_counter() - began, 1e-9)
                    chunk = max(1, min(10 * chunk, int(steps * _CHUNK_SECONDS / elapsed)))
                    if recorders:
                        with self.phases.times.measure("run", "record connections"):
                            next_sample = self._sample_synapses(recorders)
                    if self.streams:
                        with self.phases.times.measure("run", "write recorded data"), self._writing:
                            self.streams.after_advance(session)
                    progress(self.time_of(self.current_step - start_step))
                    self.schedule.report(self.t)
                    if self._keeper is not None:
                        self._keeper.look(self)
                if self.streams:
                    with self.phases.times.measure("run", "write recorded data"), self._writing:
                        self.streams.after_run(session)
        finally:
            self.timings["run"] += time.perf_counter() - start
            self.phases.steps += self.current_step - start_step

    @property
    def _writing(self) -> AbstractContextManager[None]:
        """Each rank writes a file of its own; what one cannot write is an exception on all."""
        return together(self.comm, "writing of recorded data")

    def _check_same_target(self, target_step: int) -> None:
        if self.comm.parts > 1:
            last, first = self.comm.largest([target_step, -target_step], "begin of a run")
            if last != -first:
                raise CommunicationError(
                    f"Ranks are to run to different times: {self.time_of(-int(first)):g} and "
                    f"{self.time_of(int(last)):g} ms. The script must say the same on all of them."
                )

    def _agree_on(self, steps: int) -> int:
        """The fewest steps that any rank wants to take; what stops or interrupts one rank does so with all."""
        if self.comm.parts > 1:
            wishes = [-steps, self.schedule.stopping, bool(self._interrupted)]
            fewest, stopping, stopped = self.comm.largest(wishes, "run")
            if stopped:
                raise interrupt(self._interrupted)
            steps, self.schedule.stopping = -int(fewest), bool(stopping)
        return steps

    def _sample_synapses(self, recorders: list[SynapseRecorder]) -> int:
        """Take the samples of the present step, and return the step of the next ones."""
        following = sys.maxsize
        for recorder in recorders:
            recorder.sample(self.current_step)
            following = min(following, recorder.next_step or sys.maxsize)
        return following

    def run_with_callbacks(self, target_step: int, callbacks: Iterable[Callable[[float], float]]) -> None:
        """Run to a step; each callback is called with the time (ms) now, whenever it asked for, and at the end."""
        self._run_with_callbacks(RunInProgress(self.current_step, target_step, checked_callbacks(callbacks)))

    def _run_with_callbacks(self, run: RunInProgress) -> None:
        if run.due is None:
            run.due = [self.current_step] * len(run.callbacks)
        self._call_due(run)
        while self.current_step < run.target:
            stop = self.current_step + self._agree_on(min([run.target, *(run.due or [])]) - self.current_step)
            if self.schedule.stopping:
                break
            if stop > self.current_step:
                self.run_to(stop)
            self._call_due(run)

    def _call_due(self, run: RunInProgress) -> None:
        """Call the callbacks whose time has come."""
        due, run.due = run.due or [], None
        run.due = [
            self._next_call(callback, run.target) if step <= self.current_step else step
            for step, callback in zip(due, run.callbacks, strict=True)
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
        if self.resumption is not None and not self.resumption.is_done:
            self.resumption.finish_segments(self)
            self._begin_trial()
            self.resumption.skip(self, RESET)
            return
        self.journal.note(Event(RESET, self.current_step, 0, 0, 0))
        with self._writing:
            self.streams.finish(annotations)
        for population in self.populations:
            population.recorder.finish_segment(dict(annotations or {}))
        for projection in self.projections:
            if projection.is_recorded:
                projection.recorder.finish_segment(dict(annotations or {}))
        self.current_step = 0
        self._begin_trial()
        self.streams.begin_segment()
        self.drop_session()

    def _begin_trial(self) -> None:
        self.settings = replace(self.settings, trial=self.settings.trial + 1)
        self.segment_index += 1
        self._current_histories = {key: [] for key in self._current_histories}
        for recording in self.network.recordings:
            recording.start_step = 0

    def end(self) -> None:
        """Write the files that record(to_file=) asked for. Data stay available until the next setup()."""
        self.require_open()
        with self._writing:
            self.streams.finish()
        for population in self.populations:
            population.recorder.write_pending_files()
        while self._files_at_end:
            assembly, io, variables = self._files_at_end[-1]
            assembly.write_data(io, variables)
            self._files_at_end.pop()
        for observer in self.observers:
            _call(observer, "before_close", self)

    def profile(self) -> Profile:
        """Where the time since setup() went."""
        return self.phases.profile(self._session, self.timings, self.dt, self.settings.profile)

    # --- checkpoints -------------------------------------------------------------------------------------------

    @property
    def is_skipping(self) -> bool:
        """Whether the script is resumed and has not come to its checkpoint, so that there is a clock and no state."""
        return self.resumption is not None and self.resumption.is_skipping

    def require_present(self, what: str) -> None:
        """CheckpointError if the present time is one that is skipped: nobody knows what there was then."""
        if self.resumption is not None and self.resumption.is_skipping:
            raise self.resumption.refuse(self, what)

    def before_change(self, spec: ProjectionSpec, name: str) -> None:
        """Remember how a column of a projection was when it was built; it is about to change."""
        if not self.backend.capabilities.checkpoints:
            return
        if self._session is not None or self.is_skipping:
            self.originals.before_change(spec, name, self.settings.options.get("weights") == "float32")
        else:
            self.originals.forget(spec, name)

    def save_state(self, path: Any, in_run: bool = False) -> None:
        """Write all that decides the future, and all that is recorded, into a file; `in_run`: a run does it.

        Under MPI all ranks call this. Rank 0 writes, and what fails on any rank is raised on all.
        """
        from pyNN.checkpoint.container import write
        from pyNN.checkpoint.saving import simulation_tree

        self.require_open()
        if not self.is_skipping:
            write(path, simulation_tree(self, in_run), self.comm)

    def restore_state(self, path: Any) -> None:
        """Go on from what save_state() wrote for the same network."""
        from pyNN.checkpoint.container import opened
        from pyNN.checkpoint.saving import require_capability, restore_simulation

        self.require_open()
        require_capability(self)
        if self.journal.running is not None:
            raise CapabilityError("restore_state() is not possible in a callback. Call it between two runs.")
        if self.resumption is not None and not self.resumption.is_done:
            self.resumption.skip(self, RESTORE)
            return
        events, before = self.journal.events, self.current_step
        with opened(path, self.comm) as tree:
            restore_simulation(self, tree, path)
        self.journal.events = [*events, Event(RESTORE, before, self.current_step, self.current_step, 0)]

    @property
    def numbers_held(self) -> int:
        """How many numbers the network's tables and the recorded data have, about."""
        tables = sum(spec.table.size for spec in self.network.projections if spec.table is not None)
        return self.network.size + tables + self.current_step * sum(len(r.cells) for r in self.network.recordings)

    def close(self) -> None:
        """Free the simulator; objects of this simulation cannot be used any more."""
        self.streams.close()
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
        self.require_present("a recorded current")
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


def checked_callbacks(callbacks: Any) -> list[Callable[[float], float]]:
    """The callbacks of a run as a list; InvalidParameterValueError if one cannot be called."""
    if not callbacks:
        return []
    listed = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for callback in listed:
        if not callable(callback):
            raise InvalidParameterValueError(
                f"callbacks must be functions of the time that return the next time (ms), not {callback!r}."
            )
    return listed


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
    profile: bool = False,
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
    if count > _MOST_THREADS:
        raise InvalidParameterValueError(
            f"threads must be at most {_MOST_THREADS}, not {count}: more than this machine has cores "
            f"({os.cpu_count()}) make nothing faster."
        )
    if count > 1 and not backend.capabilities.threads:
        warnings.warn(
            f"threads={count} has no effect on the backend '{backend.name}': "
            f"{backend.capabilities.missing.get('threads', 'it uses one core')}.",
            UnknownOptionWarning,
            stacklevel=user_stacklevel(),
        )
    options = _backend_options(backend, extra)
    if "num_processes" in options and ("num_processes" in extra or "rank" in extra):
        if comm.size > 1:
            raise CapabilityError(
                f"num_processes= and rank= build one share of a network in a single process, but {comm.size} were "
                "started. Leave both out, or start the script without mpirun."
            )
        processes = _whole_number("num_processes", options["num_processes"], minimum=1)
        rank = _whole_number("rank", options["rank"], minimum=0)
        if rank >= processes:
            raise InvalidParameterValueError(
                f"rank={rank} is not possible with num_processes={processes}; possible are 0 to {processes - 1}."
            )
        comm = SerialCommunicator(rank, processes)
        if processes > 1 and backend.capabilities.dynamics:
            warnings.warn(
                f"A dry run: this process builds the share of rank {rank} of {processes}. Nobody builds the others, so "
                "their cells have no spikes. Memory and times are those of one rank, and results have no meaning.",
                UserWarning,
                stacklevel=user_stacklevel(),
            )
    settings = Settings(
        dt=dt,
        min_delay_steps=lowest,
        max_delay_steps=highest,
        rng_seed=_whole_number("rng_seed", rng_seed, minimum=0),
        threads=count,
        profile=bool(profile),
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
                ["timestep", "min_delay", "max_delay", "rng_seed", "threads", "native", "profile", *sorted(known)]
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
