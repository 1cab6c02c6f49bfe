"""Reading what record(to_file="x.h5") has streamed, also while the simulation is still running."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.backend import Spikes
from pyNN.errors import FileFormatError, InvalidParameterValueError, nearest
from pyNN.recording import stream_layout as layout
from pyNN.recording.blocks import make_block
from pyNN.recording.columns import SegmentData, Trace, Trains, merge_segments, time_of
from pyNN.recording.files import Attributes, from_literal, stored_values
from pyNN.specs import FloatArray, IntArray


@dataclass(frozen=True)
class StoredPart:
    """Data of one recording that are in a file."""

    path: Path
    group: str
    first: int
    """Number of the first sample or spike that counts."""
    end: int

    def read(self) -> Spikes | FloatArray:
        return stored_column(self.path, self.group, self.first, self.end)


def stored_column(path: Path, group: str, first: int, end: int) -> Spikes | FloatArray:
    """Samples or spikes number `first` to `end` - 1 of a part."""
    with layout.open_for_reading(path) as source:
        if group not in source:
            # Nothing has been recorded yet when the first sample is asked for.
            raise FileFormatError(f"'{path}' does not hold '{group}' any more; it must not be changed during a run.")
        part = source[group]
        return _spikes(part, first, end) if layout.has_spikes(part) else part["values"][first:end]


def _spikes(part: Any, first: int, end: int) -> Spikes:
    offsets = part["offset"][first:end] if "offset" in part else None
    return Spikes(part["step"][first:end], part["cell"][first:end].astype(np.int64), offsets)


@dataclass(frozen=True)
class PartInfo:
    """What is known of a part without reading its data."""

    path: Path
    group: str
    variable: str
    unit: str
    label: str
    ids: IntArray
    channels: IntArray
    start_step: int
    every_steps: int
    stop_step: int
    """The last step up to which the file is complete."""
    count: int
    """Samples up to that step; for spikes, those in the file."""
    dt: float

    def trace(self, first: int = 0, end: int | None = None, columns: Any = slice(None)) -> Trace:
        """The samples number `first` to `end` - 1 (None: to the last) of some columns."""
        with layout.open_for_reading(self.path) as source:
            values = source[f"{self.group}/values"]
            found = values[first : self.count if end is None else end]
        return Trace(
            variable=self.variable,
            unit=self.unit,
            source=self.label,
            ids=self.ids[columns],
            channels=self.channels[columns],
            values=found[:, columns],
            start_step=self.start_step + first * self.every_steps,
            every_steps=self.every_steps,
        )

    def trains(self) -> Trains:
        with layout.open_for_reading(self.path) as source:
            spikes = _spikes(source[self.group], 0, self.count)
        steps = np.asarray(spikes.steps)
        number = int(np.searchsorted(steps, self.stop_step, side="right"))
        times = time_of(steps[:number], self.dt)
        if spikes.offsets is not None:
            times = times - spikes.offsets[:number]
        return Trains(
            source=self.label,
            ids=self.ids,
            channels=self.channels,
            start_steps=np.full(self.channels.size, self.start_step, dtype=np.int64),
            times=times,
            rows=np.searchsorted(self.channels, spikes.cells[:number]),
        )

    @property
    def of_spikes(self) -> bool:
        return self.variable == layout.SPIKES


@dataclass
class StoredSegment:
    """A segment of a file, with its parts not read yet."""

    data: SegmentData
    parts: list[PartInfo]

    def select(self, variables: set[str] | None, cells: IntArray | None) -> SegmentData:
        """The columns of these variables and cells (None: all)."""
        wanted = [part for part in self.parts if variables is None or part.variable in variables]
        traces = [_of_cells(part, cells) for part in wanted if not part.of_spikes]
        self.data.traces = _joined_traces([trace for trace in traces if trace.ids.size])
        self.data.trains = _joined_trains([part.trains() for part in wanted if part.of_spikes])
        return self.data.select(variables, cells)


def _of_cells(part: PartInfo, cells: IntArray | None) -> Trace:
    return part.trace(columns=slice(None) if cells is None else np.flatnonzero(np.isin(part.channels, cells)))


def _joined_traces(traces: list[Trace]) -> list[Trace]:
    """Traces of the same cells on one grid, one after the other in time; NaN where nothing was recorded between."""
    groups: dict[Any, list[Trace]] = {}
    for trace in traces:
        phase = trace.start_step % trace.every_steps
        groups.setdefault((trace.variable, trace.every_steps, phase, trace.channels.tobytes()), []).append(trace)
    return [_one_after_the_other(sorted(group, key=lambda trace: trace.start_step)) for group in groups.values()]


def _one_after_the_other(traces: list[Trace]) -> Trace:
    first = traces[0]
    if len(traces) == 1:
        return first
    places = [(trace.start_step - first.start_step) // first.every_steps for trace in traces]
    total = max(place + len(trace.values) for place, trace in zip(places, traces, strict=True))
    values = np.full((total, first.ids.size), np.nan)
    for place, trace in zip(places, traces, strict=True):
        values[place : place + len(trace.values)] = trace.values
    first.values = values
    return first


def _joined_trains(trains: list[Trains]) -> list[Trains]:
    """One Trains in which every cell is there once."""
    if len(trains) < 2:
        return trains
    channels, first = np.unique(np.concatenate([part.channels for part in trains]), return_index=True)
    starts = np.full(channels.size, np.iinfo(np.int64).max)
    for part in trains:
        np.minimum.at(starts, np.searchsorted(channels, part.channels), part.start_steps)
    return [
        Trains(
            source=trains[0].source,
            ids=np.concatenate([part.ids for part in trains])[first],
            channels=channels,
            start_steps=starts,
            times=np.concatenate([part.times for part in trains]),
            rows=np.concatenate([np.searchsorted(channels, part.channels[part.rows]) for part in trains]),
        )
    ]


@dataclass
class StoredPopulation:
    """A population of a file."""

    label: str
    description: str
    annotations: dict[str, Any]
    segments: list[StoredSegment]
    dt: float
    complete_until: float
    """Time (ms) up to which the last segment is in the file."""


def _paths(path: str | os.PathLike[str]) -> list[Path]:
    """The file itself, or those that several processes have written."""
    whole = Path(path).absolute()
    if whole.exists():
        return [whole]
    parts = [p for p in whole.parent.glob(f"{whole.name}.*") if p.suffix[1:].isdigit()]
    if not parts:
        raise FileNotFoundError(f"There is no file '{path}'.")
    return sorted(parts, key=lambda part: int(part.suffix[1:]))


def stored_populations(path: str | os.PathLike[str]) -> dict[str, list[StoredPopulation]]:
    """What is in a file, or in those of several processes, by the name of the population's group."""
    found: dict[str, list[StoredPopulation]] = {}
    for file in _paths(path):
        with layout.open_for_reading(file) as source:
            dt = float(Attributes(source)["dt"])
            for name in sorted(source):
                found.setdefault(name, []).append(_population(file, source[name], dt))
    return found


def _annotations(group: Any) -> dict[str, Any]:
    values = Attributes(group["annotations"]) if "annotations" in group else {}
    return {name: from_literal(text) for name, text in values.items()}


def _population(path: Path, group: Any, dt: float) -> StoredPopulation:
    names = sorted((name for name in group if name.startswith("segment")), key=lambda name: (len(name), name))
    segments = [_segment(path, group, name, dt) for name in names]
    until = float(time_of(segments[-1].data.stop_step, dt)) if segments else 0.0
    attributes = Attributes(group)
    return StoredPopulation(
        str(attributes["label"]), str(attributes["description"]), _annotations(group), segments, dt, until
    )


def _segment(path: Path, population: Any, name: str, dt: float) -> StoredSegment:
    group = population[name]
    attributes = Attributes(group)
    # First of all: whatever is read after this goes at least as far.
    stop = int(group["stop_step"][0])
    data = SegmentData(
        name=name.replace("_", ""),
        recorded_at=datetime.fromisoformat(str(attributes["recorded_at"])),
        stop_step=stop,
        annotations=_annotations(group),
        description=str(attributes["description"]),
    )
    names = [name for name in sorted(group) if "variable" in Attributes(group[name])]
    parts = [_part(path, population, group[name], stop, dt) for name in names]
    return StoredSegment(data, parts)


def _part(path: Path, population: Any, group: Any, stop: int, dt: float) -> PartInfo:
    attributes, own = Attributes(group), Attributes(population)
    start, every = int(attributes["start_step"]), int(attributes["every_steps"])
    of_spikes = layout.has_spikes(group)
    channels = stored_values(group["recorded_cell" if of_spikes else "cell"])
    if of_spikes:
        # The writer extends one column after the other.
        count = min(len(group["step"]), len(group["cell"]), *([len(group["offset"])] if "offset" in group else []))
    else:
        count = min(len(group["values"]), max((stop - start) // every + 1, 0))
    return PartInfo(
        path, group.name, str(attributes["variable"]), str(attributes["unit"]), str(own["label"]),
        channels + int(own["first_id"]), channels, start, every, stop, count, dt,
    )  # fmt: skip


def read_blocks(
    path: str | os.PathLike[str],
    variables: str | Iterable[str] = "all",
    cells: Any = None,
    lazy: bool = False,
) -> list[Any]:
    """One neo.Block a population from a file that record(to_file="x.h5") has made or is still being written.

    `variables`: a name or names; `cells`: indices in the population (None: all). With ``lazy=True`` the signals and
    spike trains are Neo proxies, which read what their load(time_slice=..., channel_indexes=...) asks for.
    Raises FileNotFoundError or FileFormatError.
    """
    return layout.read_steadily(
        _paths(path), lambda: [_block(parts, variables, cells, lazy) for parts in stored_populations(path).values()]
    )


def read_block(
    path: str | os.PathLike[str],
    population: str | None = None,
    variables: str | Iterable[str] = "all",
    cells: Any = None,
    lazy: bool = False,
) -> Any:
    """The neo.Block of one population; see read_blocks().

    `population` is a label, and can be left out if the file holds a single population. Raises
    InvalidParameterValueError, which lists the labels.
    """
    found = layout.read_steadily(_paths(path), lambda: list(stored_populations(path).values()))
    labels = [parts[0].label for parts in found]
    chosen = [parts for parts, label in zip(found, labels, strict=True) if population in (None, label)]
    if len(chosen) != 1:
        listed = ", ".join(f"'{label}'" for label in labels) or "none"
        if population is None:
            message = f"'{path}' holds {len(found)} populations: {listed}. Say which: read_block(path, label)."
        elif chosen:
            message = f"'{path}' holds {len(chosen)} populations '{population}'. Use read_blocks(path)."
        else:
            message = f"'{path}' has no population '{population}'.{nearest(population, labels)} It holds: {listed}."
        raise InvalidParameterValueError(message)
    return layout.read_steadily(_paths(path), lambda: _block(chosen[0], variables, cells, lazy))


def _block(parts: list[StoredPopulation], variables: str | Iterable[str], cells: Any, lazy: bool) -> Any:
    first = parts[0]
    is_all = isinstance(variables, str) and variables == "all"
    names = None if is_all else {variables} if isinstance(variables, str) else set(variables)
    indices = None if cells is None else np.unique(np.asarray(cells, dtype=np.int64))
    known = {part.variable for stored in parts for segment in stored.segments for part in segment.parts}
    for name in sorted(names or ()):
        if name not in known:
            raise InvalidParameterValueError(
                f"'{name}' of '{first.label}' is not in the file.{nearest(name, known)} It holds: "
                f"{', '.join(sorted(known)) or 'nothing'}."
            )
    if lazy:
        from pyNN.recording.stream_proxies import lazy_block

        return lazy_block(parts, names, indices)
    segments = merge_segments(segment.select(names, indices) for stored in parts for segment in stored.segments)
    return make_block(first.label, first.description, first.annotations, segments, first.dt)
