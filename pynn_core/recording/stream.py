"""Recorded columns that go to an HDF5 file while the simulation runs, so that memory stays bounded.

A file is opened for each write, a few times a second, and closed again: between two writes anybody can read it, and if
the process is killed, it is whole. What is appended is written such that readers see either the old or the new end
(single writer, multiple readers). Before anything is written, disk space for it is reserved; so a full disk is noticed
while the file is still untouched.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import re
import shutil
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from pyNN.backend import Session, Spikes, StreamingSession
from pyNN.errors import FileFormatError, RecordingFileError
from pyNN.parallel import Communicator, together
from pyNN.recording import stream_layout as layout
from pyNN.recording import stream_reader
from pyNN.recording.columns import time_of
from pyNN.recording.files import to_literal
from pyNN.recording.stream_state import FileState, Restoring, before, new_run, set_aside
from pyNN.recording.undo import UndoableFile, notes_of, roll_back
from pyNN.specs import FloatArray, IntArray, RecordingSpec

logger = logging.getLogger("PyNN")

BUFFER_SAMPLES = 1 << 21
"""Numbers that may wait in memory: 16 MB."""
WRITE_SECONDS = 0.5
_AFFORDABLE = 20.0
"""A run that ends writes if the last write is this many times its own duration ago."""
_CACHE_BYTES = 8 << 20
_SLACK_BYTES = 1 << 20


class StreamedPopulation(Protocol):
    """What a file says of the population that is recorded."""

    @property
    def id(self) -> int: ...

    @property
    def label(self) -> str: ...

    @property
    def size(self) -> int: ...

    @property
    def first_id(self) -> int: ...

    def describe(self) -> Any: ...


class StreamingContext(Protocol):
    """What streams need of the simulation."""

    @property
    def dt(self) -> float: ...

    @property
    def current_step(self) -> int: ...

    @property
    def segment_index(self) -> int: ...

    @property
    def title(self) -> str: ...

    @property
    def comm(self) -> Communicator: ...

    def own_cells(self, population: int) -> IntArray:
        """Indices of the cells of a population that are on this MPI rank, ascending."""


@dataclass(eq=False)
class Part:
    """One recording in a file."""

    spec: RecordingSpec
    unit: str
    population: StreamedPopulation
    metadata: Callable[[], Mapping[str, Any]]
    """Annotations of the population's block."""
    path: Path
    segment: int
    number: int
    start_step: int
    written: int = 0
    """Samples or spikes in the file."""
    hidden: int = 0
    """Those that have been cleared: they stay in the file and are no longer data of the simulation."""
    waiting: list[Any] = field(default_factory=list)
    """Taken from the simulator and not in the file yet."""

    @property
    def of_spikes(self) -> bool:
        return self.spec.variable == layout.SPIKES

    @property
    def segment_group(self) -> str:
        return f"{layout.population_name(self.population.id)}/{layout.segment_name(self.segment)}"

    @property
    def group(self) -> str:
        return f"{self.segment_group}/{self.spec.variable}_{self.number:03d}"

    @property
    def waiting_number(self) -> int:
        return sum(len(one.steps) if isinstance(one, Spikes) else len(one) for one in self.waiting)

    @property
    def waiting_bytes(self) -> int:
        return sum(20 * len(one.steps) if isinstance(one, Spikes) else one.nbytes for one in self.waiting)

    @property
    def next_step(self) -> int:
        """Step of the first sample that has not been taken yet."""
        return self.start_step + (self.written + self.waiting_number) * self.spec.every_steps


class StreamFile:
    """One file, into which any number of recordings go."""

    def __init__(self, path: Path, dt: float, title: str) -> None:
        self.path = path
        self._dt = dt
        self._title = title
        self._created = False
        self.until_step = 0
        self.run = ""
        """What tells the file from one of the same name that another simulation has written."""
        self.rows: dict[str, int] = {}
        """Samples or spikes of each part, by its group."""
        self.stops: dict[str, int] = {}
        """The last step of each segment, by its group."""

    def write(self, parts: list[Part], step: int, notes: Mapping[str, Mapping[str, Any]]) -> None:
        """Append what waits in `parts`, which is everything up to `step`; `notes` are annotations by group.

        Raises RecordingFileError; the file is then what it was before, and everything still waits.
        """
        try:
            if not self._created:
                self._create()
            self._reserve(sum(part.waiting_bytes for part in parts) * 9 // 8 + _SLACK_BYTES + (len(parts) << 18))
            self._append(parts, step, notes)
        except (OSError, RuntimeError, KeyError) as error:
            # The last is what h5py makes of a part that somebody has damaged.
            self._fail(error, step)
        for part in parts:
            part.written += part.waiting_number
            part.waiting.clear()
            self.rows[part.group] = part.written
            self.stops[part.segment_group] = step
        self.until_step = step

    def sync(self) -> None:
        """Have on the disk what has been written."""
        if self._created:
            with open(self.path, "rb") as raw:
                os.fsync(raw.fileno())

    def state(self) -> dict[str, Any]:
        """How far the file goes, as plain data."""
        return {"run": self.run, "rows": self.rows, "stops": self.stops, "until": self.until_step}

    def go_on(self, run: str, rows: dict[str, int], stops: dict[str, int], until_step: int) -> None:
        """Append to a file that is there."""
        self.run, self.rows, self.stops, self.until_step = run, rows, stops, until_step
        self._created = bool(run)

    def _fail(self, error: Exception, step: int) -> None:
        reason = getattr(error, "strerror", None) or " ".join(map(str, error.args))
        held = f"It holds everything up to t = {time_of(self.until_step, self._dt):g} ms"
        raise RecordingFileError(
            f"Recorded data could not be written to '{self.path}' at t = {time_of(step, self._dt):g} ms: {reason}. "
            f"{held if self._created else 'It has not been made'}; what was recorded since is in memory. Make room, "
            "then go on with run() or end(), which write it."
        ) from error

    def _create(self) -> None:
        # Whoever reads a file of the same name from an earlier simulation keeps that.
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        notes_of(self.path).unlink(missing_ok=True)
        self.run = new_run()
        with layout.h5py().File(self.path, "w", libver=layout.LIBRARY, locking=False) as target:
            target.attrs.update({"format": layout.FORMAT, "version": layout.VERSION, "dt": self._dt})
            target.attrs.update({"simulator": self._title, "run": self.run})
        self._created = True

    def _reserve(self, number: int) -> None:
        """Have the file system promise room; HDF5 gives back what it does not use when it closes the file."""
        if not hasattr(os, "posix_fallocate"):
            free = shutil.disk_usage(self.path.parent).free
            if free < number:
                raise OSError(f"only {free} bytes are free, and {number} are needed")
            return
        descriptor = os.open(self.path, os.O_RDWR)
        try:
            size = os.fstat(descriptor).st_size
            try:
                os.posix_fallocate(descriptor, size, number)
            except BaseException:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)

    def _append(self, parts: list[Part], step: int, notes: Mapping[str, Mapping[str, Any]]) -> None:
        new = [part for part in parts if part.group not in self.rows]
        if new or notes:
            self._create_groups(new, notes)
        with layout.open_for_appending(self.path, _CACHE_BYTES) as target:
            for part in parts:
                _append_part(target[part.group], part)
            for name in {part.segment_group for part in parts}:
                # Last, so that a reader finds all data up to the step that it reads here.
                target.flush()
                target[name]["stop_step"][0] = step

    def _create_groups(self, parts: list[Part], notes: Mapping[str, Mapping[str, Any]]) -> None:
        """Make what is not there yet; all of it, or nothing if the process is killed and `roll_back` called."""
        undoable = UndoableFile(self.path)
        try:
            with layout.h5py().File(undoable, "r+", libver=layout.LIBRARY) as target:
                for part in parts:
                    self._prepare(target, part)
                for group, values in notes.items():
                    _annotate(target.require_group(group), values)
        except BaseException:
            undoable.give_up()
            raise
        undoable.commit()

    def _prepare(self, target: Any, part: Part) -> None:
        population = layout.population_name(part.population.id)
        if population not in target:
            group = target.create_group(population)
            group.attrs.update(
                {"label": part.population.label, "size": part.population.size, "first_id": part.population.first_id}
            )
            group.attrs["description"] = str(part.population.describe())
            _annotate(group, part.metadata())
        if part.segment_group not in target:
            group = target.create_group(part.segment_group)
            group.attrs["recorded_at"] = datetime.now().isoformat()
            group.attrs["description"] = str(part.population.describe())
            group.create_dataset("stop_step", data=np.zeros(1, dtype=np.int64))
        if part.group not in target:
            _create_part(target.create_group(part.group), part, self._dt)


def _create_part(group: Any, part: Part, dt: float) -> None:
    spec = part.spec
    group.attrs.update({"variable": spec.variable, "start_step": part.start_step, "every_steps": spec.every_steps})
    group.attrs["unit"] = part.unit
    cells = np.asarray(spec.cells, dtype=np.int64)
    if part.of_spikes:
        group.create_dataset("recorded_cell", data=cells)
        precise = any(one.offsets is not None for one in part.waiting)
        for name in ("step", "cell", "offset"):
            if name != "offset" or precise:
                layout.create_spikes(group, name)
        return
    group.create_dataset("cell", data=cells)
    values = layout.create_values(group, cells.size)
    values.attrs.update({"unit": part.unit, "start_ms": float(time_of(part.start_step, dt))})
    values.attrs["interval_ms"] = float(time_of(spec.every_steps, dt))


def _annotate(group: Any, values: Mapping[str, Any]) -> None:
    annotations = group.require_group("annotations")
    for name, value in values.items():
        text = to_literal(value)
        if annotations.attrs.get(name) != text:
            annotations.attrs[name] = text


def _append_part(group: Any, part: Part) -> None:
    first = part.written
    if part.of_spikes:
        for name in ("step", "cell", "offset"):
            if name in group:
                columns = [getattr(one, name + "s") for one in part.waiting]
                _extend(group[name], first, [c for c in columns if c is not None])
    else:
        _extend(group["values"], first, part.waiting)


def _extend(dataset: Any, first: int, columns: list[Any]) -> None:
    total = first + sum(len(column) for column in columns)
    if total > first:
        dataset.resize(total, axis=0)
    for column in columns:
        if len(column):
            dataset[first : first + len(column)] = column
            first += len(column)


class Streams:
    """All recordings of a simulation that go to files."""

    def __init__(self, context: StreamingContext) -> None:
        self._context = context
        self._parts: dict[int, Part] = {}
        self._files: dict[Path, StreamFile] = {}
        self._numbers: dict[str, int] = {}
        self._notes: dict[Path, dict[str, dict[str, Any]]] = {}
        self._written_at = 0.0
        self._write_seconds = 0.0
        self._taken_step = 0
        self._session: Session | None = None

    def __bool__(self) -> bool:
        return bool(self._parts)

    def __contains__(self, spec: RecordingSpec) -> bool:
        return spec.id in self._parts

    def target(self, spec: RecordingSpec) -> Path | None:
        """The file into which a recording goes, as record() was given it."""
        part = self._parts.get(spec.id)
        return None if part is None else part.path

    def add(
        self,
        spec: RecordingSpec,
        path: Path,
        unit: str,
        population: StreamedPopulation,
        metadata: Callable[[], Mapping[str, Any]],
    ) -> None:
        """Let a recording go to a file from now on, with what has been recorded so far."""
        if not self._files:
            _write_at_exit(self)
        if path not in self._files:
            own = layout.rank_path(path, self._context.comm.rank, self._context.comm.size)
            self._files[path] = StreamFile(own, self._context.dt, self._context.title)
        part = Part(spec, unit, population, metadata, path, self._context.segment_index, 0, spec.start_step)
        self._number(part)
        self._parts[spec.id] = part

    def _number(self, part: Part) -> None:
        key = f"{part.path}:{part.segment_group}/{part.spec.variable}"
        part.number = self._numbers.get(key, 0)
        self._numbers[key] = part.number + 1

    @property
    def largest_advance(self) -> int:
        """Steps after which what is recorded for files fills the memory that it may have."""
        rate = sum(len(p.spec.cells) / p.spec.every_steps for p in self._parts.values() if not p.of_spikes)
        return max(int(BUFFER_SAMPLES / max(rate, 1.0)), 1)

    # -- writing

    def after_advance(self, session: Session) -> None:
        """Write if enough has been recorded, or if it is time."""
        self._session = session
        now = time.perf_counter()
        if self._context.current_step - self._taken_step >= self.largest_advance or (
            now - self._written_at > WRITE_SECONDS
        ):
            self.write(session)

    def after_run(self, session: Session) -> None:
        """Write at the end of a run, unless runs are so short that this would be most of the work."""
        self._session = session
        if time.perf_counter() - self._written_at > _AFFORDABLE * self._write_seconds:
            self.write(session)

    def write(self, session: Session | None = None) -> None:
        """Write everything up to the present step."""
        session = session if session is not None else self._session
        if session is None:
            return
        self._session = session
        began = time.perf_counter()
        step = self._context.current_step
        by_file: dict[Path, list[Part]] = {}
        for part in self._parts.values():
            if step > part.spec.start_step or part.waiting:
                part.waiting.append(cast(StreamingSession, session).take(part.spec.id))
                by_file.setdefault(part.path, []).append(part)
        self._taken_step = step
        try:
            for path, parts in by_file.items():
                self._files[path].write(parts, step, self._notes.get(path, {}))
                self._notes.pop(path, None)
        finally:
            for part in self._parts.values():
                # The simulator writes on into the arrays that it has lent.
                part.waiting = [_own(one) for one in part.waiting if len(one)]
            self._written_at = time.perf_counter()
            self._write_seconds = self._written_at - began

    def _annotate(self, path: Path, group: str, values: Mapping[str, Any]) -> None:
        if values:
            self._notes.setdefault(path, {}).setdefault(group, {}).update(values)

    # -- what happens to recordings

    def collect(self, spec: RecordingSpec, rest: Spikes | FloatArray) -> Spikes | FloatArray:
        """All data of a recording since it began or was cleared; `rest` is what the simulator still has."""
        part = self._parts[spec.id]
        pieces = [*part.waiting, rest]
        if part.written > part.hidden:
            pieces.insert(0, stream_reader.stored_column(self._file_of(part), part.group, part.hidden, part.written))
        if part.of_spikes:
            return _joined_spikes([piece for piece in pieces if isinstance(piece, Spikes)])
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _file_of(self, part: Part) -> Path:
        return self._files[part.path].path

    def cleared(self, spec: RecordingSpec, step: int) -> None:
        """Go on after the simulator has begun the recording anew; what is in the file stays there."""
        part = self._parts[spec.id]
        behind = step - part.start_step
        if part.of_spikes:
            part.hidden = part.written
        elif behind % part.spec.every_steps == 0:
            # The sample of the present step is taken once more.
            part.written = part.hidden = behind // part.spec.every_steps
        else:
            part.start_step, part.written, part.hidden = step, 0, 0
            self._number(part)

    def stopped(self, spec: RecordingSpec) -> None:
        """Forget a recording; what is in the file stays there."""
        self._parts.pop(spec.id, None)

    def stored(self, spec: RecordingSpec) -> stream_reader.StoredPart:
        """Where the data of the segment that ends are, so that they can be read when they are asked for."""
        part = self._parts[spec.id]
        return stream_reader.StoredPart(self._file_of(part), part.group, part.hidden, part.written)

    def finish(self, annotations: Mapping[str, Any] | None = None) -> None:
        """Write everything, with the annotations that populations have by now."""
        for part in self._parts.values():
            self._annotate(part.path, layout.population_name(part.population.id), part.metadata())
            if annotations and (part.written or part.waiting or self._context.current_step > part.spec.start_step):
                self._annotate(part.path, part.segment_group, annotations)
        self.write()

    def begin_segment(self) -> None:
        """Go on at step 0 in a new segment."""
        self._session, self._taken_step = None, 0
        for part in self._parts.values():
            part.segment, part.start_step, part.written, part.hidden = self._context.segment_index, 0, 0, 0
            self._number(part)

    # -- checkpoints

    def snapshot(self, session: Session, segments: Mapping[str, Any]) -> str:
        """How far each file goes, on all ranks, as JSON; it is on the disk then. Collective.

        `segments`: what the caller has to say of data in files, by rank too.
        """
        if not self._files:
            return ""
        with together(self._context.comm, "writing of recorded data"):
            self.write(session)
            for file in self._files.values():
                file.sync()
        own = {
            "files": {str(path): file.state() for path, file in self._files.items()},
            "parts": {
                str(number): {
                    "path": str(part.path), "segment": part.segment, "number": part.number,
                    "start_step": part.start_step, "written": part.written, "hidden": part.hidden,
                    "group": part.group,
                }
                for number, part in self._parts.items()
            },
            "numbers": self._numbers,
            "segments": segments,
        }  # fmt: skip
        return json.dumps(self._context.comm.allgather(own, "length of files with recorded data"))

    def checked(self, text: str, checkpoint: Any) -> StoredStreams | None:
        """The files that a checkpoint belongs to; CheckpointError, on all ranks, if they are not what it needs."""
        if not text:
            return None
        ranks, comm = json.loads(text), self._context.comm
        _check_form(ranks, checkpoint)
        found = _moved(ranks, Path(checkpoint)) if comm.rank == 0 else {}
        moved = comm.broadcast(found, "places of files with recorded data")
        ranks = [_renamed(rank, moved) for rank in ranks]
        with together(comm, "files with recorded data"):
            for k in range(comm.rank, len(ranks), comm.size):
                for name in ranks[k]["files"]:
                    roll_back(layout.rank_path(Path(name), k, len(ranks)))
        with together(comm, "check of files with recorded data"):
            return StoredStreams(self._context, ranks, checkpoint)

    def forget(self) -> None:
        """Go on without any file; what has not been written is lost."""
        self._parts.clear()
        self._files.clear()
        self._numbers.clear()
        self._notes.clear()
        self._session, self._taken_step = None, 0

    def user_path(self, file: Path) -> Path:
        """The path as record() was given it, of the file of this rank."""
        return next(path for path, own in self._files.items() if own.path == file)

    def go_on(self, stored: StoredStreams, step: int) -> None:
        """Go on with files that have been brought back; recordings have been given theirs by `add`."""
        self._numbers = stored.numbers
        for path, file in self._files.items():
            file.go_on(*stored.of_file(path))
        for number, part in self._parts.items():
            stored.bring_back(str(number), part)
        self._taken_step = step

    def close(self) -> None:
        """Write what is left, and forget everything; what cannot be written any more is said in the log."""
        try:
            self.write()
        except RecordingFileError as error:
            logger.error("%s", error)
        self._parts.clear()
        self._session = None


class StoredStreams:
    """The files of a checkpoint, on any number of ranks."""

    def __init__(self, context: StreamingContext, ranks: list[dict[str, Any]], checkpoint: Any) -> None:
        self._comm = context.comm
        self._ranks = ranks
        self.numbers: dict[str, int] = dict(ranks[0]["numbers"])
        self._files: dict[Path, Restoring] = {}
        rank, size = self._comm.rank, self._comm.size
        chosen = [rank] if len(ranks) == size else list(range(len(ranks)))
        self._chosen = [ranks[k] for k in chosen]
        for name in ranks[0]["files"]:
            path = Path(name)
            states = [
                FileState(layout.rank_path(path, k, len(ranks)), **{f: ranks[k]["files"][name][f] for f in _STATE})
                for k in chosen
            ]
            # A file that no rank had begun by then has nothing to bring back.
            if all(state.run for state in states):
                own = layout.rank_path(path, rank, size)
                self._files[path] = Restoring(states, own, context.own_cells, checkpoint)

    def path(self, number: int) -> Path | None:
        """The file of a recording."""
        part = self._ranks[0]["parts"].get(str(number))
        return None if part is None else Path(part["path"])

    def restore(self) -> None:
        """Bring the files back to what they were. Nothing is lost if this is interrupted."""
        what = "bringing back of files with recorded data"
        with together(self._comm, what):
            for file in self._files.values():
                file.prepare()
        with together(self._comm, what):
            if self._comm.rank == 0:
                for path, file in self._files.items():
                    targets = [layout.rank_path(path, rank, self._comm.size) for rank in range(self._comm.size)]
                    set_aside(path, [] if file.is_divided_anew else targets, file.sources)
        with together(self._comm, what):
            for file in self._files.values():
                file.finish()

    def of_file(self, path: Path) -> tuple[str, dict[str, int], dict[str, int], int]:
        file = self._files.get(path)
        if file is None:
            return "", {}, {}, 0
        states = file.states
        rows = {group: file.rows(group, [state.rows[group] for state in states]) for group in states[0].rows}
        return file.run, rows, dict(states[0].stops), int(self._ranks[0]["files"][str(path)]["until"])

    def bring_back(self, number: str, part: Part) -> None:
        """Give a recording the place in its file that it had."""
        own = [rank["parts"][number] for rank in self._chosen]
        part.segment, part.number, part.start_step = own[0]["segment"], own[0]["number"], own[0]["start_step"]
        part.written, part.hidden = (self._number(part.path, part.group, [o[k] for o in own]) for k in _COUNTS)

    def _number(self, path: Path, group: str, ends: list[int]) -> int:
        file = self._files.get(path)
        return 0 if file is None or not any(ends) else file.rows(group, ends)

    def segments(self, population: int) -> list[list[tuple[dict[str, Any], IntArray, stream_reader.StoredPart]]]:
        """Of each earlier segment of a population what of it is in files: (facts, cells of this rank, where)."""
        name = str(population)
        everyone = [rank["segments"].get(name, []) for rank in self._chosen]
        return [
            [self._stored([segment[k] for segment in pieces]) for k in range(len(pieces[0]))]
            for pieces in zip(*everyone, strict=True)
        ]

    def _stored(self, pieces: list[dict[str, Any]]) -> tuple[dict[str, Any], IntArray, stream_reader.StoredPart]:
        first = pieces[0]
        file = self._files[Path(first["path"])]
        rows = [file.rows(first["group"], [piece[k] for piece in pieces]) for k in ("first", "end")]
        where = stream_reader.StoredPart(file.target, first["group"], *rows)
        return first, file.cells(first["group"]), where


_STATE = ("run", "rows", "stops")
_COUNTS = ("written", "hidden")


def _check_form(ranks: Any, checkpoint: Any) -> None:
    """FileFormatError where what a checkpoint says of streamed files is not what `Streams.snapshot` writes.

    It is looked at as a whole before anything of the simulation changes.
    """
    if not (isinstance(ranks, list) and ranks and all(map(_is_rank, ranks))):
        raise FileFormatError(f"What the checkpoint '{checkpoint}' says of files with recorded data has a wrong form.")
    if any(set(rank[name]) != set(ranks[0][name]) for rank in ranks for name in ("files", "parts")):
        raise FileFormatError(f"The checkpoint '{checkpoint}' does not say the same of all ranks' files.")


def _moved(ranks: list[dict[str, Any]], checkpoint: Path) -> dict[str, str]:
    """Files that are not where they were, and where there is one of that name instead: beside the checkpoint."""

    def is_there(path: Path) -> bool:
        first = layout.rank_path(path, 0, len(ranks))
        return first.is_file() or before(first).is_file()

    gone = [path for path in map(Path, ranks[0]["files"]) if path.name and not is_there(path)]
    names = [path.name for path in gone]
    others = {path: checkpoint.absolute().with_name(path.name) for path in gone if names.count(path.name) == 1}
    return {str(path): str(other) for path, other in others.items() if is_there(other)}


def _renamed(rank: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """What a checkpoint says of one rank, with other names of files."""

    def renamed(item: dict[str, Any]) -> dict[str, Any]:
        return item | {"path": names.get(item["path"], item["path"])}

    return rank | {
        "files": {names.get(name, name): state for name, state in rank["files"].items()},
        "parts": {number: renamed(part) for number, part in rank["parts"].items()},
        "segments": {k: [[renamed(p) for p in row] for row in rows] for k, rows in rank["segments"].items()},
    }


def _is_rank(rank: Any) -> bool:
    files = isinstance(rank, dict) and rank.get("files")
    if not isinstance(files, dict) or not all(map(_is_file, files.values())):
        return False
    parts, numbers, segments = (rank.get(name) for name in ("parts", "numbers", "segments"))
    if not (isinstance(parts, dict) and all(_is_part(part, files) for part in parts.values())):
        return False
    if not (isinstance(numbers, dict) and all(map(_is_count, numbers.values())) and isinstance(segments, dict)):
        return False
    pieces = [piece for rows in segments.values() if isinstance(rows, list) for row in rows for piece in row]
    return all(isinstance(rows, list) for rows in segments.values()) and all(_is_piece(p, files) for p in pieces)


def _is_count(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1 << 62


def _is_file(file: Any) -> bool:
    return (
        isinstance(file, dict) and isinstance(file.get("run"), str) and _is_count(file.get("until"))
        and all(isinstance(file.get(k), dict) and all(map(_is_count, file[k].values())) for k in ("rows", "stops"))
        and all(_GROUP.fullmatch(name) for name in file["rows"])
    )  # fmt: skip


def _is_part(part: Any, files: dict[str, Any]) -> bool:
    counts = ("segment", "number", "start_step", *_COUNTS)
    return (
        isinstance(part, dict) and part.get("path") in files and isinstance(part.get("group"), str)
        and all(_is_count(part.get(name)) for name in counts)
    )  # fmt: skip


def _is_piece(piece: Any, files: dict[str, Any]) -> bool:
    return (
        isinstance(piece, dict) and piece.get("path") in files and isinstance(piece.get("group"), str)
        and _is_count(piece.get("first")) and _is_count(piece.get("end"))
    )  # fmt: skip


_GROUP = re.compile(r"\w*_\d+/[^/]+/[^/]+")
"""Population with its number, segment, part."""


def _own(data: Any) -> Any:
    if not isinstance(data, Spikes):
        return np.array(data)
    offsets = None if data.offsets is None else np.array(data.offsets)
    return Spikes(np.array(data.steps), np.array(data.cells), offsets)


def _joined_spikes(pieces: list[Spikes]) -> Spikes:
    offsets = [piece.offsets for piece in pieces if piece.offsets is not None]
    return Spikes(
        np.concatenate([np.asarray(piece.steps, dtype=np.int64) for piece in pieces]),
        np.concatenate([np.asarray(piece.cells, dtype=np.int64) for piece in pieces]),
        np.concatenate(offsets) if offsets else None,
    )


def _write_at_exit(streams: Streams) -> None:
    """A script that ends without end() has its last half second in the file all the same."""
    reference = weakref.ref(streams)

    def write() -> None:
        living = reference()
        if living is not None:
            living.close()

    atexit.register(write)


def check_target(path: str | os.PathLike[str]) -> Path:
    """The absolute path; raises now, rather than after the simulation, for what cannot be written to."""
    layout.h5py()
    final = Path(path).absolute()
    if final.is_dir():
        raise FileFormatError(f"'{path}' is a folder; a file name is needed.")
    folder = final.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise FileFormatError(f"'{path}' cannot be written: the folder '{folder}' cannot be written to.")
    return final


