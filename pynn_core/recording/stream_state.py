"""Streamed files in checkpoints: how far they went, and files that go on from there, on any number of MPI ranks.

A checkpoint remembers of each file who wrote it and how many rows each of its parts had, which are on the disk by
then. What was written later, by a process that was killed perhaps, is not there any more when the simulation goes on.
"""

from __future__ import annotations

import glob
import os
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.errors import CheckpointError
from pyNN.recording import stream_layout as layout
from pyNN.recording.files import Attributes, stored_values
from pyNN.specs import IntArray

BLOCK_NUMBERS = 1 << 21
"""Numbers that are copied at a time: 16 MB."""
_BEFORE, _TEMPORARY = ".before", ".part"

OwnCells = Callable[[int], IntArray]
"""Population -> indices of its cells that are on this rank, ascending."""


@dataclass
class FileState:
    """What a checkpoint says of the file of one rank."""

    path: Path
    run: str
    """Which simulation has made it."""
    rows: dict[str, int]
    """Samples or spikes of each part, by its group."""
    stops: dict[str, int] = field(default_factory=dict)
    """The last step of each segment, by its group."""

    def found(self, checkpoint: Any) -> Path:
        """Where the file is; CheckpointError if it is missing, of another simulation, or too short."""
        candidates = [path for path in (self.path, before(self.path)) if path.is_file()]
        if not candidates:
            raise CheckpointError(
                f"The checkpoint '{checkpoint}' needs '{self.path}', into which the simulation recorded, and there is "
                "no such file. Put it back, or begin the simulation anew."
            )
        own = [path for path in candidates if self._run_of(path, checkpoint) == self.run]
        if not own:
            raise CheckpointError(
                f"'{self.path}' does not belong to the checkpoint '{checkpoint}': another simulation has written it. "
                "Put the file back that was written with the checkpoint, or begin the simulation anew."
            )
        self._check_rows(own[0], checkpoint)
        return own[0]

    def _run_of(self, path: Path, checkpoint: Any) -> str:
        with _reading(path, checkpoint) as source:
            return str(Attributes(source).get("run", ""))

    def _check_rows(self, path: Path, checkpoint: Any) -> None:
        with _reading(path, checkpoint) as source:
            for group, rows in self.rows.items():
                there = _rows(source[group]) if group in source else 0
                if there < rows:
                    raise CheckpointError(
                        f"'{path}' is shorter than when the checkpoint '{checkpoint}' was written: '{group}' had "
                        f"{rows} rows then, and has {there}. Put the file back that was written with the checkpoint."
                    )

    def is_as_it_was(self, path: Path) -> bool:
        """Whether the file was closed and ends where it ended when the checkpoint was written."""
        try:
            with layout.h5py().File(path, "r", locking=False) as source:
                parts = {group.name.lstrip("/"): _rows(group) for group in _parts(source)}
                stops = {name: int(source[name]["stop_step"][0]) for name in self.stops}
                source.visititems(_look_at)
        except Exception as error:
            if _is_damage(error):
                # The writer was killed, and has not said that it is done; or the file is damaged, and who makes it anew
                # will say so. HDF5 itself does not come to an end where it is to append to a damaged file.
                return False
            raise
        return parts == self.rows and stops == self.stops


@contextmanager
def _reading(path: Path, checkpoint: Any) -> Iterator[Any]:
    """The open file; CheckpointError for whatever HDF5 raises if it is damaged."""
    try:
        with layout.open_for_reading(path) as source:
            yield source
    except CheckpointError:
        raise
    except Exception as error:
        if not _is_damage(error):
            raise
        raise CheckpointError(
            f"'{path}', into which the simulation of the checkpoint '{checkpoint}' recorded, cannot be read: {error}"
        ) from error


def _look_at(name: str, item: Any) -> None:
    """Read what appending to a group or a dataset needs: attributes, and the index of the last rows."""
    dict(Attributes(item))
    if getattr(item, "size", 0):
        item[-1:]


def before(path: Path) -> Path:
    """The name of a file that has been divided among another number of ranks since."""
    return path.with_name(path.name + _BEFORE)


def _rows(group: Any) -> int:
    if layout.has_spikes(group):
        return min(len(group[name]) for name in ("step", "cell", "offset") if name in group)
    return len(group["values"])


def _parts(source: Any) -> Iterator[Any]:
    for population in source.values():
        for segment in population.values():
            for part in segment.values():
                if "variable" in Attributes(part):
                    yield part


# --- making files anew -----------------------------------------------------------------------------------------------


class Restoring:
    """The files of one path on all ranks of a checkpoint, and the file of this rank that goes on from them."""

    def __init__(self, states: Sequence[FileState], target: Path, own_cells: OwnCells, checkpoint: Any) -> None:
        self.states = states
        self.target = target
        self.own_cells = own_cells
        self.sources = [state.found(checkpoint) for state in states]
        self.is_divided_anew = len(states) != 1 or states[0].path != target
        # Files of two divisions may have one name, one after the other.
        self.run = new_run() if self.is_divided_anew else states[0].run

    @property
    def _temporary(self) -> Path:
        return self.target.with_name(f".{self.target.name}{_TEMPORARY}")

    def prepare(self) -> None:
        """Make the file under another name, if there is anything to make."""
        if self.is_divided_anew or not self.states[0].is_as_it_was(self.sources[0]):
            self._copy()

    def finish(self) -> None:
        """Give the new file its name."""
        if self._temporary.exists():
            os.replace(self._temporary, self.target)
        elif self.sources[0] != self.target:
            os.replace(self.sources[0], self.target)
        self.sources = [before(state.path) for state in self.states] if self.is_divided_anew else [self.target]

    def rows(self, group: str, ends: Sequence[int]) -> int:
        """How many of the first `ends` rows of each file are in the new one."""
        if not self.is_divided_anew:
            return ends[0]
        with layout.open_for_reading(self.sources[0]) as source:
            if group not in source or not layout.has_spikes(source[group]):
                return ends[0]
        own = self.own_cells(_population(group))
        total = 0
        for path, end in zip(self.sources, ends, strict=True):
            with layout.open_for_reading(path) as source:
                for first in range(0, end, BLOCK_NUMBERS):
                    total += int(np.isin(source[group]["cell"][first : min(first + BLOCK_NUMBERS, end)], own).sum())
        return total

    def cells(self, group: str) -> IntArray:
        """The cells of a part of the new file."""
        with layout.open_for_reading(self.target) as source:
            part = source[group]
            return np.asarray(part["recorded_cell" if "recorded_cell" in part else "cell"][()], dtype=np.int64)

    def _copy(self) -> None:
        opened = [layout.open_for_reading(path) for path in self.sources]
        try:
            with layout.h5py().File(self._temporary, "w", libver=layout.LIBRARY, locking=False) as target:
                target.attrs.update(Attributes(opened[0]))
                target.attrs["run"] = self.run
                for group in self.states[0].rows:
                    self._copy_part(opened, target, group)
                for name, step in self.states[0].stops.items():
                    target[name]["stop_step"][0] = step
            with open(self._temporary, "rb") as raw:
                os.fsync(raw.fileno())
        except BaseException as error:
            self._temporary.unlink(missing_ok=True)
            if _is_damage(error):
                names = ", ".join(f"'{path}'" for path in self.sources)
                raise CheckpointError(
                    f"{names}, into which the simulation of the checkpoint recorded, cannot be read: {error!r}. Put "
                    "back what was written with the checkpoint, or begin the simulation anew."
                ) from error
            raise
        finally:
            for source in opened:
                source.close()

    def _copy_part(self, opened: Sequence[Any], target: Any, name: str) -> None:
        population, segment, _ = name.split("/")
        for path in (population, f"{population}/{segment}"):
            if path not in target:
                made = target.create_group(path)
                made.attrs.update(Attributes(opened[0][path]))
                if "annotations" in opened[0][path]:
                    made.create_group("annotations").attrs.update(Attributes(opened[0][path]["annotations"]))
                if "stop_step" in opened[0][path]:
                    made.create_dataset("stop_step", data=np.zeros(1, dtype=np.int64))
        sources = [one[name] for one in opened]
        ends = [state.rows[name] for state in self.states]
        part = target.create_group(name)
        part.attrs.update(Attributes(sources[0]))
        of_spikes = layout.has_spikes(sources[0])
        there = np.concatenate([stored_values(source["recorded_cell" if of_spikes else "cell"]) for source in sources])
        cells = np.sort(there)
        if self.is_divided_anew:
            cells = cells[np.isin(cells, self.own_cells(_population(name)))]
        if of_spikes:
            part.create_dataset("recorded_cell", data=cells)
            _copy_spikes(sources, ends, part, cells)
        else:
            part.create_dataset("cell", data=cells)
            _copy_values(sources, ends[0], part, cells)


def _is_damage(error: BaseException) -> bool:
    """Whether HDF5 raises that for a file that is not as it should be; an error of the disk has a number."""
    kinds = (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError, RuntimeError, MemoryError)
    return isinstance(error, kinds) or (isinstance(error, OSError) and error.errno is None)


def new_run() -> str:
    """What tells the file of one simulation from those of others."""
    return uuid.uuid4().hex


def set_aside(path: Path, keep: Collection[Path], sources: Collection[Path]) -> None:
    """Give the files of another number of ranks names under which checkpoints find them and readers do not.

    `keep`: what stays; `sources`: files that new ones have been made of.
    """
    family = [path, *(p for p in path.parent.glob(f"{glob.escape(path.name)}.*") if p.suffix[1:].isdigit())]
    for file in family:
        if file in keep or not file.exists():
            continue
        if before(file) in sources:
            file.unlink()
        else:
            os.replace(file, before(file))


def _population(group: str) -> int:
    return int(group.partition("/")[0].rpartition("_")[2])


def _copy_values(sources: Sequence[Any], rows: int, part: Any, cells: NDArray[Any]) -> None:
    values = layout.create_values(part, cells.size)
    values.attrs.update(Attributes(sources[0]["values"]))
    columns = [np.isin(source["cell"][()], cells) for source in sources]
    places = [np.searchsorted(cells, source["cell"][()][own]) for source, own in zip(sources, columns, strict=True)]
    width = sum(source["values"].shape[1] for source in sources)
    block = max(BLOCK_NUMBERS // max(width, 1), 1)
    values.resize(rows, axis=0)
    for first in range(0, rows, block):
        end = min(first + block, rows)
        found = np.zeros((end - first, cells.size))
        for source, own, place in zip(sources, columns, places, strict=True):
            if place.size:
                found[:, place] = source["values"][first:end][:, own]
        values[first:end] = found


def _copy_spikes(sources: Sequence[Any], ends: Sequence[int], part: Any, cells: NDArray[Any]) -> None:
    names = [name for name in ("step", "cell", "offset") if any(name in source for source in sources)]
    columns = [layout.create_spikes(part, name) for name in names]
    at = 0
    for block in _merged(sources, ends, names):
        keep = np.isin(block[1], cells)
        number = int(keep.sum())
        for column, values in zip(columns, block, strict=True):
            column.resize(at + number, axis=0)
            column[at : at + number] = values[keep]
        at += number


def _merged(sources: Sequence[Any], ends: Sequence[int], names: Sequence[str]) -> Iterator[list[NDArray[Any]]]:
    """Spikes of several files in order of step, then cell, block by block."""
    at, size = [0] * len(sources), BLOCK_NUMBERS
    while any(first < end for first, end in zip(at, ends, strict=True)):
        until = [min(first + size, end) for first, end in zip(at, ends, strict=True)]
        steps = [source["step"][a:b] for source, a, b in zip(sources, at, until, strict=True)]
        # Up to the step with which the first of the blocks ends, which may go on behind it.
        limits = [own[-1] for own, b, end in zip(steps, until, ends, strict=True) if b < end]
        numbers = [int(np.searchsorted(own, min(limits))) if limits else len(own) for own in steps]
        if not any(numbers):
            size *= 2
            continue
        pieces = [
            [
                source[name][a : a + n] if name in source else np.zeros(n)
                for source, a, n in zip(sources, at, numbers, strict=True)
            ]
            for name in names
        ]
        joined = [np.concatenate(own) for own in pieces]
        if len(sources) > 1:
            order = np.lexsort((joined[1], joined[0]))
            joined = [own[order] for own in joined]
        yield joined
        at = [first + n for first, n in zip(at, numbers, strict=True)]
