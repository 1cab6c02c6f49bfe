"""Recording of one projection: synaptic attributes and states over time, as Neo objects and in files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyNN.errors import InvalidParameterValueError, RecordingError
from pyNN.recording.blocks import make_synaptic_block
from pyNN.recording.columns import SynapticSegment, SynapticTrace, time_of
from pyNN.recording.output import file_format, write_block
from pyNN.recording.recorder import RecordingContext, sampling_steps
from pyNN.specs import FloatArray, IntArray


class RecordedProjection(Protocol):
    """What a recorder needs of its projection."""

    @property
    def label(self) -> str: ...

    @property
    def annotations(self) -> dict[str, Any]: ...

    @property
    def recordable(self) -> dict[str, str]:
        """Unit of what can be recorded, by name."""

    def connection_columns(self) -> tuple[IntArray, IntArray, Any, Any]: ...

    def present_values(self, name: str) -> FloatArray:
        """One value a connection."""

    def metadata(self) -> dict[str, Any]:
        """Annotations of the block."""

    @property
    def is_shared(self) -> bool:
        """Whether each MPI rank has the connections onto its own cells; otherwise all ranks have all of them."""

    def is_here(self) -> NDArray[np.bool_]:
        """For each connection whether it is onto a cell of this MPI rank."""

    def describe(self) -> Any: ...


def _selected(segment: SynapticSegment, where: IntArray) -> SynapticSegment:
    return replace(
        segment,
        columns={name: column[where] for name, column in segment.columns.items()},
        traces=[replace(trace, values=trace.values[:, where]) for trace in segment.traces],
    )


@dataclass
class _Track:
    """The samples of one variable in the present run."""

    every_steps: int
    start_step: int
    samples: list[FloatArray] = field(default_factory=list)

    @property
    def next_step(self) -> int:
        """Step of the next sample."""
        return self.start_step + len(self.samples) * self.every_steps


class SynapseRecorder:
    """Samples attributes of the connections of one projection, and gives them as Neo blocks.

    The sample of a time is taken before callbacks and the script change anything at that time, except for the first,
    which is taken when the run begins.
    """

    def __init__(self, context: RecordingContext, projection: RecordedProjection) -> None:
        self._context = context
        self._projection = projection
        self._tracks: dict[str, _Track] = {}
        self._earlier: list[SynapticSegment] = []

    # -- what to record --

    def record(self, variables: str | Iterable[str] | None, sampling_interval: float | None = None) -> None:
        """Record `variables` from now on, every `sampling_interval` ms (None: every time step).

        None for `variables` stops all recording and drops the data of the present run. Raises RecordingError, which
        lists what can be recorded, or InvalidParameterValueError for an interval that is not a multiple of the time
        step or differs from the one with which a variable is being recorded.
        """
        if variables is None:
            self._tracks.clear()
            return
        names = self._checked_names(variables)
        every = sampling_steps(sampling_interval, self._context.dt) or 1
        for name in names:
            self._check_interval(name, sampling_interval, every)
        for name in names:
            if name not in self._tracks or not self._tracks[name].samples:
                self._tracks[name] = _Track(every, self._context.current_step)

    def _checked_names(self, variables: str | Iterable[str]) -> list[str]:
        names = [variables] if isinstance(variables, str) else list(variables)
        possible = list(self._projection.recordable)
        for name in names:
            if name not in possible:
                raise RecordingError(str(name), f"the connections of '{self._projection.label}'", possible)
        return list(dict.fromkeys(names))

    def _check_interval(self, name: str, given: float | None, every: int) -> None:
        known = self._tracks.get(name)
        if known is None or not known.samples or given is None or known.every_steps == every:
            return
        dt = self._context.dt
        raise InvalidParameterValueError(
            f"'{name}' of '{self._projection.label}' is being recorded every {time_of(known.every_steps, dt):g} ms "
            f"since t = {time_of(known.start_step, dt):g} ms, which cannot change to {time_of(every, dt):g} ms midway. "
            "Call get_data(clear=True) first, or record(None)."
        )

    @property
    def recorded(self) -> dict[str, float]:
        """Sampling interval (ms) of what is being recorded, by name."""
        return {name: float(time_of(track.every_steps, self._context.dt)) for name, track in self._tracks.items()}

    # -- during a run --

    @property
    def next_step(self) -> int | None:
        """Step of the next sample; None if nothing is recorded."""
        return min((track.next_step for track in self._tracks.values()), default=None)

    def sample(self, step: int) -> None:
        """Take the samples of a step, which is the present one."""
        for name, track in self._tracks.items():
            if track.next_step == step:
                track.samples.append(np.array(self._projection.present_values(name), dtype=float))

    # -- data --

    def get(
        self, variables: str | Iterable[str] = "all", gather: bool | str = True, clear: bool = False
    ) -> Any:
        """A neo.Block with one segment a run between resets; each variable is an AnalogSignal (samples, connections).

        Array annotations of a signal: presynaptic_index, postsynaptic_index, presynaptic_id and postsynaptic_id, one a
        connection, in the order of Projection.get(format="list"). A variable that was not recorded gives no signal; a
        name that the synapse type does not have raises RecordingError. `gather`: True, rank 0 gets the data of all
        connections and the other ranks those of the connections onto their own cells; "all", everyone gets all; False,
        everyone its own.
        """
        names = None if isinstance(variables, str) and variables == "all" else set(self._checked_names(variables))
        segments = list(self._earlier)
        if self._has_samples() or not segments:
            segments.append(self._present())
        segments = [self._gathered(segment, gather) for segment in segments]
        projection = self._projection
        block = make_synaptic_block(
            projection.label,
            str(projection.describe()),
            {
                **projection.metadata(),
                "simulator": self._context.title,
                "dt": self._context.dt,
                "mpi_processes": self._context.comm.size,
                **projection.annotations,
            },
            segments,
            names,
            self._context.dt,
        )
        if clear:
            self.clear()
        return block

    def _gathered(self, segment: SynapticSegment, gather: bool | str) -> SynapticSegment:
        """The segment with the connections that `gather` asks for, in the order of get(format="list")."""
        comm = self._context.comm
        if comm.size == 1 or not segment.traces:
            return segment
        if not self._projection.is_shared:
            if gather:
                return segment
            here = np.flatnonzero(self._projection.is_here())
            return _selected(segment, here)
        if not gather:
            return segment
        own = (segment.columns, [trace.values for trace in segment.traces])
        what = "gathering of recorded connections"
        everyone = comm.allgather(own, what) if gather == "all" else comm.gather(own, what)
        if everyone is None:
            return segment
        columns = {name: np.concatenate([one[0][name] for one in everyone]) for name in segment.columns}
        traces = [
            replace(trace, values=np.concatenate([one[1][k] for one in everyone], axis=1))
            for k, trace in enumerate(segment.traces)
        ]
        # Each post cell has all its connections on one rank, where they are in order.
        order = np.argsort(columns["postsynaptic_index"], kind="stable")
        return _selected(replace(segment, columns=columns, traces=traces), order)

    def _has_samples(self) -> bool:
        return any(track.samples for track in self._tracks.values())

    def _present(self, annotations: Mapping[str, Any] | None = None) -> SynapticSegment:
        segment = SynapticSegment(
            name=f"segment{self._context.segment_index:03d}",
            recorded_at=datetime.now(),
            annotations=dict(annotations or {}),
            description=str(self._projection.describe()),
        )
        if self._has_samples():
            pre_ids, post_ids, pre, post = self._projection.connection_columns()
            segment.columns = {
                "presynaptic_index": np.array(pre),
                "postsynaptic_index": np.array(post),
                "presynaptic_id": np.asarray(pre_ids)[pre],
                "postsynaptic_id": np.asarray(post_ids)[post],
            }
        units = self._projection.recordable
        segment.traces = [
            SynapticTrace(name, units[name], np.stack(track.samples), track.start_step, track.every_steps)
            for name, track in self._tracks.items()
            if track.samples
        ]
        return segment

    def finish_segment(self, annotations: Mapping[str, Any] | None = None) -> None:
        """Keep the data of the run that reset() ends and go on at t = 0."""
        if self._has_samples():
            self._earlier.append(self._present(annotations))
        self._tracks = {name: _Track(track.every_steps, 0) for name, track in self._tracks.items()}

    def clear(self) -> None:
        """Forget all recorded data, of earlier runs too; recording goes on from the current step."""
        self._earlier.clear()
        now = self._context.current_step
        self._tracks = {name: _Track(track.every_steps, now) for name, track in self._tracks.items()}

    def write(
        self, io: Any, variables: str | Iterable[str] = "all", gather: bool = True, clear: bool = False
    ) -> None:
        """Write what get() gives to a file name (format by extension) or a Neo IO object.

        Nothing is cleared if writing fails. Raises NothingToWriteError, FileFormatError or MissingPackageError.
        """
        if isinstance(io, (str, os.PathLike)):
            file_format(io)
        write_block(self.get(variables, gather), io, self._context.comm, gather)
        if clear:
            self.clear()
