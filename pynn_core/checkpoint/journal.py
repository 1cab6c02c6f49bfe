"""What a script has done with a simulation's clock, and a script that is run again up to where it was.

A script that is resumed begins anew, and its calls of run(), reset() and restore_state() that were done before the
checkpoint are skipped: the clock moves, and nothing is simulated. Where the checkpoint was written its state is put in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pyNN.backend import Spikes
from pyNN.errors import CheckpointError

if TYPE_CHECKING:
    from pyNN.checkpoint.container import StoredTree, Tree
    from pyNN.recording.columns import SegmentData
    from pyNN.simulation import Simulation
    from pyNN.specs import FloatArray, RecordingSpec

RUN, RESET, RESTORE = 0, 1, 2
_SAME_SCRIPT = "Only the script that wrote a checkpoint, with the same arguments, can be resumed."
_WORDS = {RUN: "run()", RESET: "reset()", RESTORE: "restore_state()"}


class Event(NamedTuple):
    """A call of run(), reset() or restore_state() that is done."""

    what: int
    start: int
    """The step at which it was called."""
    target: int
    """The step to which it should lead."""
    reached: int
    """The step to which it did: a run can be stopped."""
    calls: int
    """Functions of the script that were called during it."""


@dataclass
class RunInProgress:
    """A run() that has begun and not ended."""

    start: int
    target: int
    callbacks: list[Callable[[float], float]]
    operations: list[Any] = field(default_factory=list)
    """Network operations, which are called at intervals."""
    due: list[int] | None = None
    """For each callback the step at which it wants to be called; None while they are being called."""

    @property
    def calls(self) -> int:
        return len(self.callbacks) + len(self.operations)


class Journal:
    """The calls of run(), reset() and restore_state() that are done, and the run that is going on."""

    def __init__(self, setup: int = 0) -> None:
        self.setup = setup
        """How many setup() calls of the script there were before that of this simulation."""
        self.events: list[Event] = []
        self.running: RunInProgress | None = None

    def note(self, event: Event) -> None:
        self.events.append(event)

    def tree(self, in_run: bool) -> Tree:
        """As a checkpoint keeps it; `in_run`: it is written by a run rather than by save_state()."""
        run = self.running
        tree: Tree = {
            "setup": self.setup,
            "events": np.array(self.events, dtype=np.int64).reshape(-1, len(Event._fields)),
            # A callback that saves the state is not over, and what it will answer is not known.
            "within_callback": run is not None and run.due is None and bool(run.callbacks),
        }
        if run is not None and (in_run or run.due is not None or not run.callbacks):
            tree["running"] = {
                "start": run.start, "target": run.target, "due": np.array(run.due or [], dtype=np.int64),
                "states": {str(k): _state_of(callback) for k, callback in enumerate(run.callbacks)},
                "operations": np.array(
                    [(operation.next_step, getattr(operation, "calls", 0)) for operation in run.operations],
                    dtype=np.int64,
                ).reshape(-1, 2),
            }  # fmt: skip
        return tree

    def restore(self, tree: Mapping[str, Any]) -> None:
        """Go on with the events of a checkpoint."""
        self.events = _events(tree)


def _events(tree: Mapping[str, Any]) -> list[Event]:
    return [Event(*(int(number) for number in row)) for row in tree["events"]]


def _state_of(callback: Any) -> str:
    """What a callback says of its own state, as JSON; "" where it says nothing."""
    state_dict = getattr(callback, "state_dict", None)
    if state_dict is None:
        return ""
    try:
        return json.dumps(state_dict())
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"state_dict() of the callback {callback!r} gives something that JSON cannot hold: {error}. Texts, "
            "numbers, lists and dictionaries are possible."
        ) from error


class Resumption:
    """A script on its way to where a checkpoint was written."""

    def __init__(self, path: Path, tree: StoredTree) -> None:
        self.path = path
        self.tree = tree
        """Open until the state has been put in."""
        script = tree["script"]
        self.setup = int(script["setup"])
        self._events = _events(script)
        self._next = 0
        running = script.get("running")
        self._running: Mapping[str, Any] | None = None if running is None else running.everything()
        self._step = int(tree["clock"]["step"])
        self.is_done = False
        self._is_incomplete = False
        """Whether data of runs before a reset() were cleared before the checkpoint was written."""
        if script["within_callback"]:
            raise CheckpointError(
                f"The checkpoint '{path}' was written by save_state() in a callback, which cannot be resumed, as the "
                "callback was not over. Call restore_state() in a script, or resume from what run(checkpoint=) wrote."
            )

    @property
    def is_skipping(self) -> bool:
        """Whether the script is between the beginning and the checkpoint, so that there is a clock and no state."""
        return not self.is_done and self._next > 0

    @property
    def step(self) -> int:
        """That of the checkpoint."""
        return self._step

    def arrive(self, simulation: Simulation) -> None:
        """Put the state in if everything before it has been skipped and no run was going on."""
        if not self.is_done and self._next == len(self._events) and self._running is None:
            self._put_in(simulation)

    def _put_in(self, simulation: Simulation) -> None:
        from pyNN.checkpoint.saving import restore_simulation

        # Functions of the script that are not called again may have changed parameters.
        all_again = not any(event.calls for event in self._events) and not self._calls
        self.is_done = True
        try:
            restore_simulation(simulation, self.tree, self.path, resuming=all_again)
        finally:
            self.tree.close()

    @property
    def _calls(self) -> int:
        """Functions of the script that are called during the run that was going on."""
        return len(self._running["due"]) + len(self._running["operations"]) if self._running is not None else 0

    # -- what a script calls

    def meet_run(self, simulation: Simulation, run: RunInProgress) -> bool:
        """Whether a run is to be skipped; otherwise what is left of it is to be done, from the checkpoint on."""
        # Here the network would be built if it were not skipped.
        simulation.originals.keep(simulation.network)
        if self._next < len(self._events):
            return self._skip_run(simulation, run)
        if self._running is None:
            raise CheckpointError(f"The checkpoint '{self.path}' has been passed.")
        running = self._running
        wanted = Event(RUN, int(running["start"]), int(running["target"]), self.step, self._calls)
        if run.start != wanted.start or run.calls != wanted.calls or (run.target != wanted.target and wanted.calls):
            raise self._other(simulation, run, wanted)
        if run.target < self.step:
            raise CheckpointError(
                f"The script runs to {simulation.time_of(run.target):g} ms, and the checkpoint '{self.path}' is of "
                f"{simulation.time_of(self.step):g} ms."
            )
        self._put_in(simulation)
        run.due = [int(step) for step in running["due"]] if run.callbacks else None
        for k, callback in enumerate(run.callbacks):
            _give_back(callback, running["states"][str(k)])
        for operation, (next_step, calls) in zip(run.operations, running["operations"], strict=True):
            operation.next_step = int(next_step)
            if hasattr(operation, "calls"):
                operation.calls = int(calls)
        return False

    def _skip_run(self, simulation: Simulation, run: RunInProgress) -> bool:
        event = self._events[self._next]
        is_last = self._next == len(self._events) - 1 and self._running is None
        # The last run may go on for longer than it did, which is the same as another run.
        longer = is_last and not event.calls and not run.calls and run.target > event.target == event.reached
        if event.what != RUN or run.start != event.start or run.calls != event.calls:
            raise self._other(simulation, run, event)
        if run.target != event.target and not longer:
            raise self._other(simulation, run, event)
        self._pass(simulation, event.reached)
        if longer:
            simulation.journal.events.pop()
        return not longer

    def skip(self, simulation: Simulation, what: int) -> None:
        """reset() or restore_state() in the part of the script that is skipped."""
        event = self._events[self._next] if self._next < len(self._events) else None
        if event is None or event.what != what or event.start != simulation.current_step:
            expected = "a run()" if event is None else f"a {_WORDS[event.what]}"
            raise CheckpointError(
                f"The script calls {_WORDS[what]} at {simulation.t:g} ms, where before the checkpoint '{self.path}' it "
                f"had {expected}. {_SAME_SCRIPT}"
            )
        self._pass(simulation, event.reached)

    def _pass(self, simulation: Simulation, reached: int) -> None:
        simulation.drop_session()
        simulation.current_step = reached
        self._next += 1
        self.arrive(simulation)

    def _other(self, simulation: Simulation, run: RunInProgress, event: Event) -> CheckpointError:
        def times(first: int, last: int, number: int) -> str:
            text = f"from {simulation.time_of(first):g} to {simulation.time_of(last):g} ms"
            return f"{text} with {number} callback(s)" if event.calls or run.calls else text

        before = f"it ran {times(event.start, event.target, event.calls)}"
        if event.what != RUN:
            before = f"it called {_WORDS[event.what]}"
        return CheckpointError(
            f"The script runs {times(run.start, run.target, run.calls)}, where before the checkpoint '{self.path}' "
            f"{before}. {_SAME_SCRIPT}"
        )

    # -- what a script asks for in the part that is skipped

    def refuse(self, simulation: Simulation, what: str) -> CheckpointError:
        """For what only a simulation knows that has really run."""
        return CheckpointError(
            f"The script reads {what} at {simulation.t:g} ms, a time that is skipped, as the simulation is resumed "
            f"from '{self.path}' at {simulation.time_of(self.step):g} ms. Read it at the end, or let the script "
            "itself call restore_state() and go on from there."
        )

    def collect(self, simulation: Simulation, spec: RecordingSpec) -> Spikes | FloatArray:
        """What a recording held at the present, skipped time, as far as the checkpoint still has it."""
        if spec in simulation.streams:
            raise self.refuse(simulation, f"recorded data ('{spec.variable}') that went to a file during the run")
        if int(self.tree["clock"]["segment"]) == simulation.segment_index:
            found = self._running_data(simulation, spec)
        else:
            found = self._finished_data(simulation, spec)
        if found is None or self._is_incomplete:
            what = f"recorded data ('{spec.variable}') that the checkpoint does not have any more"
            raise self.refuse(simulation, what)
        return found

    def _running_data(self, simulation: Simulation, spec: RecordingSpec) -> Spikes | FloatArray | None:
        own = self.tree["recordings"]["running"].get(str(spec.id))
        if (
            own is None
            or int(own["start_step"]) != spec.start_step
            or own["variable"] != spec.variable
            or int(own["population"]) != spec.population
            or not np.isin(spec.cells, own["cells"]).all()
        ):
            return None
        data = self.tree["session"]["recordings"][str(spec.id)]
        now = simulation.current_step
        if spec.variable == "spikes":
            steps, cells = data["steps"], data["cells"]
            keep = (steps <= now) & np.isin(cells, spec.cells)
            return Spikes(steps[keep], cells[keep])
        return _until(data["samples"][:, np.isin(data["cells"], spec.cells)], spec, now)

    def _finished_data(self, simulation: Simulation, spec: RecordingSpec) -> Spikes | FloatArray | None:
        """From a segment that a reset() ended before the checkpoint."""
        segment = self._segment(simulation, spec.population)
        if segment is None:
            return None
        now = simulation.current_step
        for trains in segment.trains if spec.variable == "spikes" else []:
            own = np.isin(trains.channels, spec.cells)
            if own.sum() == len(spec.cells) and np.all(trains.start_steps[own] == spec.start_step):
                steps = np.rint(trains.times / simulation.dt).astype(np.int64)
                keep = own[trains.rows] & (steps <= now)
                return Spikes(steps[keep], trains.channels[trains.rows[keep]])
        for trace in segment.traces:
            same = trace.variable == spec.variable and trace.start_step == spec.start_step
            if same and np.isin(spec.cells, trace.channels).all():
                return _until(trace.values[:, np.isin(trace.channels, spec.cells)], spec, now)
        return None

    def _segment(self, simulation: Simulation, population: int) -> SegmentData | None:
        from pyNN.checkpoint.recordings import stored_segments

        name = f"segment{simulation.segment_index:03d}"
        stored = stored_segments(self.tree["recordings"], population)
        return next((segment for segment in stored if segment.name == name), None)

    def finish_segments(self, simulation: Simulation) -> None:
        """What reset() does with recorded data, in the part of a script that is skipped."""
        from pyNN.recording.recorder import _Stored

        for population in simulation.populations:
            if population.recorder._has_advanced():
                segment = self._segment(simulation, population.id)
                if segment is None:
                    self._is_incomplete = True
                else:
                    here = simulation.local_cells(simulation.network.populations[population.id])
                    segment = segment.select(None, here)
                    segment.stored = [
                        _Stored(one.spec, _InFile(self, simulation))
                        for one in population.recorder._all()
                        if one.target is not None
                    ]
                    population.recorder._earlier.append(segment)


class _InFile:
    """Data that went to a file, which is brought back with the state and not before."""

    def __init__(self, resumption: Resumption, simulation: Simulation) -> None:
        self._resumption = resumption
        self._simulation = simulation

    def read(self) -> Any:
        raise self._resumption.refuse(self._simulation, "recorded data that went to a file during the run")


def _until(samples: FloatArray, spec: RecordingSpec, step: int) -> FloatArray:
    kept: FloatArray = np.array(samples[: max((step - spec.start_step) // spec.every_steps + 1, 0)])
    return kept


def _give_back(callback: Any, state: str) -> None:
    if state and hasattr(callback, "load_state_dict"):
        callback.load_state_dict(json.loads(state))
