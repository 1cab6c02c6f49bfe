"""Recording of one population: what to record, the data of the present and of earlier runs, and files."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pyNN.backend import Spikes
from pyNN.errors import CapabilityError, InvalidParameterValueError, PyNNError, RecordingError
from pyNN.models import Definition
from pyNN.parallel import Communicator
from pyNN.recording.blocks import make_block
from pyNN.recording.columns import SegmentData, Trace, Trains, join_labels, merge_segments, time_of
from pyNN.recording.output import file_format, write_block
from pyNN.recording.stream import StreamedPopulation, check_target
from pyNN.recording.stream_layout import is_streamed
from pyNN.recording.stream_reader import StoredPart
from pyNN.specs import FloatArray, IntArray, RecordingSpec

SPIKES = "spikes"

logger = logging.getLogger("PyNN")


class RecordingContext(Protocol):
    """What a recorder needs of the simulation."""

    @property
    def dt(self) -> float:
        """Time step in ms."""

    @property
    def current_step(self) -> int: ...

    @property
    def title(self) -> str:
        """The simulator's name for Neo's annotation `simulator`."""

    @property
    def comm(self) -> Communicator: ...

    @property
    def segment_index(self) -> int:
        """Number of reset() calls since setup(); names the segment."""

    def start_recording(
        self, population_id: int, variable: str, cells: IntArray, every_steps: int
    ) -> RecordingSpec:
        """Record from the current step on. The answer's `cells` are those of this rank, in the order of the columns."""

    def collect(self, spec: RecordingSpec) -> Spikes | FloatArray:
        """Spikes, or (samples, cells); sample k is at spec.start_step + k*spec.every_steps."""

    def clear_recording(self, spec: RecordingSpec) -> None:
        """Forget the data and go on; afterwards spec.start_step is the current step."""

    def stop_recording(self, spec: RecordingSpec) -> None: ...

    def stream_recording(
        self,
        spec: RecordingSpec,
        path: Path,
        unit: str,
        population: Any,
        metadata: Callable[[], Mapping[str, Any]],
    ) -> None:
        """Let a recording go to an HDF5 file from now on, with what it holds."""

    def stored_part(self, spec: RecordingSpec) -> StoredPart:
        """Where all the data of a streamed recording are."""


class RecordedPopulation(StreamedPopulation, Protocol):
    """What a recorder needs of its population."""

    @property
    def definition(self) -> Definition: ...

    @property
    def annotations(self) -> dict[str, Any]: ...


def sampling_steps(interval: float | None, dt: float) -> int | None:
    """A sampling interval (ms; None stays None) in time steps; InvalidParameterValueError if it is no multiple."""
    if interval is None:
        return None
    try:
        wanted = float(interval)
    except (TypeError, ValueError) as error:
        raise InvalidParameterValueError(f"sampling_interval must be a number of ms, not {interval!r}.") from error
    steps = round(wanted / dt) if np.isfinite(wanted) else 0
    if steps < 1 or abs(wanted / dt - steps) > 1e-6:
        below = int(wanted // dt) if np.isfinite(wanted) and wanted > 0 else 0
        choices = [f"{time_of(k, dt):g} ms" for k in (below, below + 1) if k >= 1]
        raise InvalidParameterValueError(
            f"sampling_interval={interval!r} ms is not a positive multiple of the time step {dt:g} ms. "
            f"Nearest: {' or '.join(choices)}."
        )
    return steps


@dataclass(eq=False)
class _Recording:
    """One variable of some cells, begun together; equal only to itself, as arrays have no single truth value."""

    cells: IntArray
    """Of all ranks, ascending."""
    spec: RecordingSpec
    target: Path | None = None
    """The file into which it goes during the run."""


class StoredColumn(Protocol):
    """Data that have to be read first, such as pyNN.recording.stream_reader.StoredPart."""

    def read(self) -> Any: ...


@dataclass
class _Stored:
    """The data of a recording of an earlier run that are in a file."""

    spec: RecordingSpec
    """As it was in that run."""
    part: StoredColumn


@dataclass
class _PendingFile:
    """A file that end() writes."""

    io: Any
    variables: set[str]
    cells: IntArray


class Recorder:
    """Records from one population and gives the data as Neo blocks."""

    def __init__(self, context: RecordingContext, population: RecordedPopulation) -> None:
        self._context = context
        self._population = population
        self._recordings: dict[str, list[_Recording]] = {}
        self._earlier: list[SegmentData] = []
        self._pending: dict[Any, _PendingFile] = {}

    # -- what to record --

    @property
    def recorded(self) -> dict[str, IntArray]:
        """Indices of the cells that are being recorded, ascending, by variable."""
        return {
            name: np.sort(np.concatenate([r.cells for r in parts]))
            for name, parts in self._recordings.items()
            if parts
        }

    def record(
        self,
        variables: str | Iterable[str] | None,
        cells: Any = None,
        to_file: Any = None,
        sampling_interval: float | None = None,
        locations: Any = None,
    ) -> None:
        """Record `variables` of `cells` (indices; None: all) from now on; None for `variables` stops all recording.

        `sampling_interval` (ms, a multiple of the time step; None: every step, or what a cell is recorded with already)
        may differ from variable to variable. `to_file` is a file name or a Neo IO object that end() writes; a name that
        ends in .h5 or .hdf5 is a file that grows while the simulation runs, so that the data need no memory. True and
        False, which PyNN's record_v() passes, mean no file.
        Raises RecordingError, InvalidParameterValueError, or for `to_file` FileFormatError or MissingPackageError.
        """
        if variables is None:
            self.stop()
            return
        names, indices, every_steps = self.check(variables, cells, to_file, sampling_interval, locations)
        target = check_target(to_file) if is_streamed(to_file) else None
        for name in names:
            self._start(name, indices, every_steps, target)
        if to_file is not None and not isinstance(to_file, bool) and target is None:
            self._remember_file(to_file, names, indices)

    def check(
        self,
        variables: str | Iterable[str],
        cells: Any = None,
        to_file: Any = None,
        sampling_interval: float | None = None,
        locations: Any = None,
    ) -> tuple[list[str], IntArray, int | None]:
        """Raise what `record` would raise, and change nothing: (variables, indices of cells, interval in steps)."""
        refuse_locations(locations)
        names = self._checked_names(variables)
        every_steps = sampling_steps(sampling_interval, self._context.dt)
        indices = self._checked_cells(cells)
        _check_target(to_file)
        for name in names:
            self._check_interval(name, indices, every_steps)
            if is_streamed(to_file):
                self._check_stream(name, indices, Path(to_file).absolute())
        return names, indices, every_steps

    def stop(self) -> None:
        """End all recording of the population, drop the data of the present run and the files asked for."""
        for recording in self._all():
            self._context.stop_recording(recording.spec)
        self._recordings.clear()
        self._pending.clear()

    def _all(self) -> list[_Recording]:
        return [recording for parts in self._recordings.values() for recording in parts]

    def _checked_names(self, variables: str | Iterable[str]) -> list[str]:
        names = list(variables) if isinstance(variables, Iterable) and not isinstance(variables, str) else [variables]
        valid = self._population.definition.recordable
        for name in names:
            if name not in valid:
                raise RecordingError(str(name), self._population.definition.name, valid)
        return list(dict.fromkeys(names))

    def _checked_cells(self, cells: Any) -> IntArray:
        size = self._population.size
        if cells is None:
            return np.arange(size, dtype=np.int64)
        indices = np.asarray(cells, dtype=np.int64)
        if indices.ndim != 1 or not (indices[1:] > indices[:-1]).all():
            indices = np.unique(indices)
        if indices.size and (indices[0] < 0 or indices[-1] >= size):
            raise InvalidParameterValueError(
                f"Cell indices must be in 0..{size - 1} for '{self._population.label}', not "
                f"{int(indices[0])}..{int(indices[-1])}."
            )
        return indices

    def _check_interval(self, name: str, cells: IntArray, every_steps: int | None) -> None:
        """A cell has one sampling interval a variable; it can change only while nothing has been recorded with it."""
        if name == SPIKES or every_steps is None:
            return
        for recording in self._recordings.get(name, []):
            spec = recording.spec
            if spec.every_steps == every_steps or spec.start_step == self._context.current_step:
                continue
            if np.isin(cells, recording.cells).any():
                dt = self._context.dt
                raise InvalidParameterValueError(
                    f"'{name}' of '{self._population.label}' is being recorded every "
                    f"{time_of(spec.every_steps, dt):g} ms since t = {time_of(spec.start_step, dt):g} ms, which "
                    f"cannot change to {time_of(every_steps, dt):g} ms midway. "
                    "Call get_data(clear=True) first, or record(None)."
                )

    def _check_stream(self, name: str, cells: IntArray, target: Path) -> None:
        """A recording goes to one file; it can begin to do so later, but only as a whole."""
        for recording in self._recordings.get(name, []):
            shared = np.isin(recording.cells, cells)
            if recording.target == target or recording.spec.start_step == self._context.current_step:
                continue
            if not shared.any() or (recording.target is None and shared.all()):
                continue
            since = f"since t = {time_of(recording.spec.start_step, self._context.dt):g} ms"
            what = f"'{name}' of '{self._population.label}'"
            if recording.target is not None:
                message = f"{what} is being recorded into '{recording.target}' {since}, and goes into one file only."
            else:
                message = (
                    f"{what} is being recorded in memory {since}, from {recording.cells.size} cells; "
                    f"{int(shared.sum())} of them cannot go to '{target}' on their own. Ask for all of them."
                )
            raise InvalidParameterValueError(f"{message} Or call get_data(clear=True) or record(None) first.")

    def recorded_specs(self) -> list[tuple[str, IntArray, int]]:
        """(variable, cells, interval in steps) of each recording."""
        return [(name, r.cells, r.spec.every_steps) for name, parts in self._recordings.items() for r in parts]

    def _start(self, name: str, cells: IntArray, every_steps: int | None, target: Path | None = None) -> None:
        parts = self._recordings.setdefault(name, [])
        if name != SPIKES and every_steps is not None:
            for recording in [r for r in parts if r.spec.every_steps != every_steps]:
                self._give_up(name, recording, cells)
        if target is not None:
            for recording in [r for r in parts if r.target != target and np.isin(r.cells, cells).any()]:
                if recording.target is None and np.isin(recording.cells, cells).all():
                    self._stream(recording, target)
                else:
                    every_steps = every_steps or recording.spec.every_steps
                    self._give_up(name, recording, cells)
        known = [recording.cells for recording in parts]
        new = np.setdiff1d(cells, np.concatenate(known)) if known else cells
        self._begin(name, new, 1 if name == SPIKES or every_steps is None else every_steps, target)

    def _begin(self, name: str, cells: IntArray, every_steps: int, target: Path | None) -> None:
        if cells.size:
            spec = self._context.start_recording(self._population.id, name, cells, every_steps)
            self._recordings[name].append(_Recording(cells, spec))
            if target is not None:
                self._stream(self._recordings[name][-1], target)

    def _stream(self, recording: _Recording, target: Path) -> None:
        name = recording.spec.variable
        unit = "ms" if name == SPIKES else self._population.definition.states[name].unit
        self._context.stream_recording(recording.spec, target, unit, self._population, lambda: self.metadata)
        recording.target = target

    def _give_up(self, name: str, recording: _Recording, cells: IntArray) -> None:
        """Take `cells` out of a recording that has only just begun."""
        rest = np.setdiff1d(recording.cells, cells)
        if rest.size == recording.cells.size:
            return
        self._recordings[name].remove(recording)
        self._context.stop_recording(recording.spec)
        self._begin(name, rest, recording.spec.every_steps, recording.target)

    def _remember_file(self, to_file: Any, names: list[str], cells: IntArray) -> None:
        key = os.fspath(to_file) if isinstance(to_file, (str, os.PathLike)) else id(to_file)
        known = self._pending.get(key)
        if known is None:
            self._pending[key] = _PendingFile(to_file, set(names), cells)
        else:
            known.variables.update(names)
            known.cells = np.union1d(known.cells, cells)

    # -- data --

    def get(
        self,
        variables: str | Iterable[str] = "all",
        cells: Any = None,
        gather: bool | str = True,
        clear: bool = False,
        annotations: Mapping[str, Any] | None = None,
        locations: Any = None,
    ) -> Any:
        """A neo.Block with one segment a run between resets, of `variables` and `cells` (indices; None: all).

        `gather`: True, rank 0 gets everyone's data and the others their own; "all", everyone gets everything; False,
        each its own. `clear` forgets all recorded data afterwards; recording goes on. A variable that was not recorded
        gives no signal; a name that the cell type does not have raises RecordingError.
        """
        refuse_locations(locations)
        segments = self.segments(variables, cells, gather)
        block = make_block(
            self._population.label,
            str(self._population.describe()),
            {**self.metadata, **(annotations or {})},
            segments,
            self._context.dt,
        )
        if clear:
            self.clear()
        return block

    @property
    def metadata(self) -> dict[str, Any]:
        """Annotations of the block."""
        population = self._population
        return {
            "size": population.size,
            "first_index": 0,
            "last_index": population.size,
            "first_id": population.first_id,
            "last_id": population.first_id + population.size - 1,
            "label": population.label,
            "simulator": self._context.title,
            **population.annotations,
            "dt": self._context.dt,
            "mpi_processes": self._context.comm.size,
        }

    def segments(
        self, variables: str | Iterable[str] = "all", cells: Any = None, gather: bool | str = True
    ) -> list[SegmentData]:
        """The recorded columns, of earlier runs first. Collective where `gather` is not False."""
        names = None if _is_all(variables) else set(self._checked_names(variables))
        indices = None if cells is None else self._checked_cells(cells)
        kept = list(self._earlier)
        if not kept or self._has_advanced():
            kept.append(self._present(names))
        kept = [self._with_stored(segment, names).select(names, indices) for segment in kept]
        if gather is False or self._context.comm.size == 1:
            return kept
        if gather == "all":
            everyone: list[list[SegmentData]] | None = self._context.comm.allgather(kept, self._what)
        else:
            everyone = self._context.comm.gather(kept, self._what)
        return kept if everyone is None else merge_segments(segment for part in everyone for segment in part)

    @property
    def _what(self) -> str:
        return f"gathering of data of {self._population.label}"

    def _has_advanced(self) -> bool:
        """Whether time has passed since recording began or was cleared; the same on every rank."""
        return any(recording.spec.start_step < self._context.current_step for recording in self._all())

    def _with_stored(self, segment: SegmentData, names: set[str] | None) -> SegmentData:
        """The segment, with what is in files read."""
        wanted = [stored for stored in segment.stored if names is None or stored.spec.variable in names]
        spiking = [(stored.spec, stored.part.read()) for stored in wanted if stored.spec.variable == SPIKES]
        traces = [self._trace(s.spec, s.part.read()) for s in wanted if s.spec.variable != SPIKES]
        trains = [self._trains(spiking)] if spiking else []
        return replace(segment, traces=[*segment.traces, *traces], trains=[*segment.trains, *trains], stored=[])

    def _present(
        self,
        names: set[str] | None = None,
        annotations: Mapping[str, Any] | None = None,
        streamed: bool = True,
    ) -> SegmentData:
        """Data of the run in progress; with `streamed` False without what goes to files."""
        context = self._context
        segment = SegmentData(
            name=f"segment{context.segment_index:03d}",
            recorded_at=datetime.now(),
            stop_step=context.current_step,
            annotations=dict(annotations or {}),
            description=str(self._population.describe()),
        )
        for name, parts in self._recordings.items():
            if names is not None and name not in names:
                continue
            specs = [recording.spec for recording in parts if streamed or recording.target is None]
            if name == SPIKES:
                if specs:
                    segment.trains.append(self._trains([(spec, self._context.collect(spec)) for spec in specs]))
            else:
                segment.traces.extend(self._trace(spec, self._context.collect(spec)) for spec in specs)
        return segment

    def _trace(self, spec: RecordingSpec, values: Any) -> Trace:
        cells = np.asarray(spec.cells, dtype=np.int64)
        return Trace(
            variable=spec.variable,
            unit=self._population.definition.states[spec.variable].unit,
            source=self._population.label,
            ids=cells + self._population.first_id,
            channels=cells,
            values=np.asarray(values, dtype=float).reshape(len(values), cells.size),
            start_step=spec.start_step,
            every_steps=spec.every_steps,
        )

    def _trains(self, parts: list[tuple[RecordingSpec, Any]]) -> Trains:
        """From the spikes of each recording."""
        cells = np.concatenate([np.asarray(spec.cells, dtype=np.int64) for spec, _ in parts])
        starts = np.concatenate([np.full(len(spec.cells), spec.start_step, dtype=np.int64) for spec, _ in parts])
        collected = [self._times(spikes) for _, spikes in parts]
        times = np.concatenate([times for times, _ in collected])
        spikers = np.concatenate([fired for _, fired in collected])
        order = np.argsort(cells)
        cells = cells[order]
        return Trains(
            source=self._population.label,
            ids=cells + self._population.first_id,
            channels=cells,
            start_steps=starts[order],
            times=times,
            rows=np.searchsorted(cells, spikers),
        )

    def _times(self, spikes: Any) -> tuple[FloatArray, IntArray]:
        """Times (ms) and cells of the spikes of one recording."""
        if not isinstance(spikes, Spikes):
            raise TypeError(f"collect() of a recording of spikes must give Spikes, not {type(spikes).__name__}.")
        times = time_of(np.asarray(spikes.steps, dtype=np.int64), self._context.dt)
        if spikes.offsets is not None:
            times = times - spikes.offsets
        return times, np.asarray(spikes.cells, dtype=np.int64)

    def spike_counts(self, cells: Any = None, gather: bool | str = True) -> dict[int, int]:
        """Number of spikes since the last reset or clearing, by cell ID, of those of `cells` that are recorded."""
        parts = self._recordings.get(SPIKES, [])
        wanted = None if cells is None else self._checked_cells(cells)
        counts: dict[int, int] = {}
        if parts:
            trains = self._trains([(recording.spec, self._context.collect(recording.spec)) for recording in parts])
            numbers = np.bincount(trains.rows, minlength=trains.ids.size)
            keep = slice(None) if wanted is None else np.isin(trains.channels, wanted)
            counts = dict(zip(trains.ids[keep].tolist(), numbers[keep].tolist(), strict=True))
        comm = self._context.comm
        if gather is False or comm.size == 1:
            return counts
        everyone = comm.allgather(counts, self._what) if gather == "all" else comm.gather(counts, self._what)
        if everyone is None:
            return counts
        merged = {cell: count for part in everyone for cell, count in part.items()}
        return dict(sorted(merged.items()))

    # -- runs and files --

    def finish_segment(self, annotations: Mapping[str, Any] | None = None) -> None:
        """Keep the data of the run that reset() ends, before its time goes back to 0; no-op if no time has passed."""
        if self._has_advanced():
            segment = self._present(annotations=annotations, streamed=False)
            # The backend's buffers serve the next run.
            segment.traces = [replace(trace, values=np.array(trace.values, copy=True)) for trace in segment.traces]
            segment.stored = [
                _Stored(replace(recording.spec), self._context.stored_part(recording.spec))
                for recording in self._all()
                if recording.target is not None
            ]
            self._earlier.append(segment)

    def forget_earlier(self) -> None:
        """Forget the data of the runs that reset() has ended."""
        self._earlier.clear()

    def clear(self) -> None:
        """Forget all recorded data, of earlier runs too; recording goes on from the current step."""
        self._earlier.clear()
        for recording in self._all():
            self._context.clear_recording(recording.spec)

    def write(
        self,
        io: Any,
        variables: str | Iterable[str] = "all",
        cells: Any = None,
        gather: bool = True,
        clear: bool = False,
        annotations: Mapping[str, Any] | None = None,
        locations: Any = None,
    ) -> None:
        """Write what get() gives to a file name (format by extension) or a Neo IO object.

        Nothing half-written stays under the final name, and nothing is cleared if writing fails.
        Raises NothingToWriteError, FileFormatError or MissingPackageError.
        """
        if isinstance(io, (str, os.PathLike)):
            file_format(io)
        block = self.get(variables, cells, gather, False, annotations, locations)
        write_block(block, io, self._context.comm, gather)
        if clear:
            self.clear()

    def write_pending_files(self) -> None:
        """Write the files that record(to_file=...) asked for; each once.

        One that fails does not keep the others from being written; it stays pending, and its error is raised last.
        """
        failed: dict[Any, Exception] = {}
        for key, pending in list(self._pending.items()):
            try:
                self.write(pending.io, sorted(pending.variables), pending.cells)
            except (OSError, PyNNError) as error:
                logger.error("%s was not written: %s", pending.io, error)
                failed[key] = error
            else:
                del self._pending[key]
        if failed:
            raise next(iter(failed.values()))


@dataclass
class AssemblyPart:
    """One population, or the cells of a view of it, within an assembly."""

    recorder: Recorder
    size: int
    cells: IntArray | None = None
    """Indices in the population, in the order of the view; None for a whole population."""


def assembly_block(
    parts: list[AssemblyPart],
    label: str,
    description: str,
    variables: str | Iterable[str] = "all",
    gather: bool | str = True,
    clear: bool = False,
    annotations: Mapping[str, Any] | None = None,
) -> Any:
    """One neo.Block for an assembly: signals of equal name merged along channels.

    `channel_index` and `source_index` are positions in the assembly. A variable that some cell types do not have is
    taken from the others; one that none has raises RecordingError.
    """
    if not parts:
        raise InvalidParameterValueError(f"The assembly '{label}' is empty: it has no data to get.")
    gathered: list[SegmentData] = []
    first = 0
    for part, names in zip(parts, _names_by_part(parts, variables), strict=True):
        if names is None or names:
            for segment in part.recorder.segments("all" if names is None else names, part.cells, gather):
                gathered.append(_renumber(segment, part.cells, first))
        first += part.size
    for part in parts if clear else []:
        part.recorder.clear()
    merged = merge_segments(gathered)
    for segment in merged:
        segment.description = description
    context = parts[0].recorder._context
    metadata = _merge_metadata([part.recorder.metadata for part in parts])
    metadata.update(size=first, first_index=0, last_index=first, label=label)
    return make_block(label, description, {**metadata, **(annotations or {})}, merged, context.dt)


def _names_by_part(parts: list[AssemblyPart], variables: str | Iterable[str]) -> list[list[str] | None]:
    if _is_all(variables):
        return [None] * len(parts)
    names = [variables] if isinstance(variables, str) else list(variables)
    valid = [part.recorder._population.definition.recordable for part in parts]
    for name in names:
        if not any(name in recordable for recordable in valid):
            cell_types = join_labels(part.recorder._population.definition.name for part in parts)
            raise RecordingError(str(name), cell_types, sorted({v for recordable in valid for v in recordable}))
    return [[name for name in names if name in recordable] for recordable in valid]


def _renumber(segment: SegmentData, cells: IntArray | None, first: int) -> SegmentData:
    """Channels as positions in the assembly."""

    def position(channels: IntArray) -> IntArray:
        if cells is None:
            return channels + first
        listed = np.asarray(cells, dtype=np.int64)
        order = np.argsort(listed, kind="stable")
        return order[np.searchsorted(listed, channels, sorter=order)] + first

    return replace(
        segment,
        traces=[replace(trace, channels=position(trace.channels)) for trace in segment.traces],
        trains=[replace(trains, channels=position(trains.channels)) for trains in segment.trains],
    )


def _merge_metadata(metadata: list[dict[str, Any]]) -> dict[str, Any]:
    """Annotations of several populations: equal ones once, different texts joined by ";", other values as a list."""
    merged: dict[str, Any] = {}
    for key in dict.fromkeys(key for one in metadata for key in one):
        values = [one[key] for one in metadata if key in one]
        if all(np.array_equal(value, values[0]) for value in values):
            merged[key] = values[0]
        elif all(isinstance(value, str) for value in values):
            merged[key] = join_labels(values)
        else:
            merged[key] = values
    merged["first_id"] = min(one["first_id"] for one in metadata)
    merged["last_id"] = max(one["last_id"] for one in metadata)
    return merged


def _is_all(variables: Any) -> bool:
    return isinstance(variables, str) and variables == "all"


def _check_target(to_file: Any) -> None:
    """Raise now, rather than after the simulation, for what end() could not write to."""
    if is_streamed(to_file):
        check_target(to_file)
    elif isinstance(to_file, (str, os.PathLike)):
        file_format(to_file)
    elif to_file is not None and not isinstance(to_file, bool):
        if not hasattr(to_file, "write_block") and not hasattr(to_file, "write_all_blocks"):
            raise InvalidParameterValueError(f"to_file={to_file!r} is neither a file name nor a Neo IO object.")


def refuse_locations(locations: Any) -> None:
    if locations is not None:
        raise CapabilityError(
            f"locations={locations!r}: only cells with compartments have locations to record from, and these are point "
            "neurons. Leave `locations` out."
        )
