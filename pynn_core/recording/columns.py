"""Recorded data as columns: what is passed between ranks and kept for earlier runs, before it becomes Neo objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from pyNN.specs import FloatArray, IntArray


@lru_cache(maxsize=64)
def _ratio(dt: float) -> tuple[int, int] | None:
    """`dt` as a fraction of small integers, where it is one."""
    ratio = Fraction(dt).limit_denominator(1_000_000)
    return (ratio.numerator, ratio.denominator) if float(ratio) == dt else None


def time_of(steps: Any, dt: float) -> Any:
    """The time (ms) of whole steps; the double nearest to the decimal number, so step 3 of 0.1 ms is at 0.3 ms."""
    ratio = _ratio(dt)
    if ratio is None:
        return np.asarray(steps) * dt if np.ndim(steps) else int(steps) * dt
    numerator, denominator = ratio
    if np.ndim(steps):
        return np.asarray(steps, dtype=np.int64) * numerator / denominator
    return int(steps) * numerator / denominator


@dataclass
class Trace:
    """A state variable of some cells, sampled together."""

    variable: str
    unit: str
    source: str
    """Label of the population."""
    ids: IntArray
    channels: IntArray
    """Index in the population, or in the assembly."""
    values: FloatArray
    """(samples, cells)"""
    start_step: int
    every_steps: int

    def select(self, where: IntArray) -> Trace:
        return replace(self, ids=self.ids[where], channels=self.channels[where], values=self.values[:, where])


@dataclass
class Trains:
    """Spikes of some cells, silent ones included."""

    source: str
    ids: IntArray
    channels: IntArray
    start_steps: IntArray
    """Step from which each cell is recorded."""
    times: FloatArray
    """ms; in order of time for each cell."""
    rows: IntArray
    """Position in `ids` of the cell that fired, one a spike."""

    def select(self, where: IntArray) -> Trains:
        position = np.full(self.ids.size, -1, dtype=np.int64)
        position[where] = np.arange(where.size)
        rows = position[self.rows]
        keep = rows >= 0
        return replace(
            self,
            ids=self.ids[where],
            channels=self.channels[where],
            start_steps=self.start_steps[where],
            times=self.times[keep],
            rows=rows[keep],
        )


@dataclass
class SegmentData:
    """All that a population recorded between two resets."""

    name: str
    recorded_at: datetime
    stop_step: int
    annotations: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    traces: list[Trace] = field(default_factory=list)
    trains: list[Trains] = field(default_factory=list)
    stored: list[Any] = field(default_factory=list)
    """What is in a file and has to be read first: see pyNN.recording.recorder."""

    def select(self, variables: set[str] | None, cells: IntArray | None) -> SegmentData:
        """The part with these variables (None: all) and cells (indices in the population; None: all)."""
        traces = [t for t in self.traces if variables is None or t.variable in variables]
        trains = self.trains if variables is None or "spikes" in variables else []
        if cells is None:
            return replace(self, traces=traces, trains=list(trains))
        return replace(
            self,
            traces=[t.select(np.flatnonzero(np.isin(t.channels, cells))) for t in traces],
            trains=[t.select(np.flatnonzero(np.isin(t.channels, cells))) for t in trains],
        )


@dataclass
class SynapticTrace:
    """A synaptic attribute or state of all connections of a projection, sampled together."""

    variable: str
    unit: str
    values: FloatArray
    """(samples, connections)"""
    start_step: int
    every_steps: int


@dataclass
class SynapticSegment:
    """All that a projection recorded between two resets."""

    name: str
    recorded_at: datetime
    annotations: dict[str, Any] = field(default_factory=dict)
    description: str = ""
    columns: dict[str, IntArray] = field(default_factory=dict)
    """Which connection each column of the traces is: indices and ids of its cells."""
    traces: list[SynapticTrace] = field(default_factory=list)


def merge_traces(traces: Iterable[Trace]) -> list[Trace]:
    """Traces of one variable on one sampling grid put side by side, cells in ascending order.

    Where a cell's recording starts later than another's, its samples before that are NaN.
    """
    groups: dict[tuple[str, str, int, int], list[Trace]] = {}
    for trace in traces:
        if trace.ids.size:
            key = (trace.variable, trace.unit, trace.every_steps, trace.start_step % trace.every_steps)
            groups.setdefault(key, []).append(trace)
    return [_side_by_side(groups[key]) for key in sorted(groups)]


def _side_by_side(traces: list[Trace]) -> Trace:
    first = traces[0]
    if len(traces) == 1:
        merged = first
    else:
        start = min(trace.start_step for trace in traces)
        shifts = [(trace.start_step - start) // trace.every_steps for trace in traces]
        samples = max(shift + len(trace.values) for shift, trace in zip(shifts, traces, strict=True))
        values = np.full((samples, sum(trace.ids.size for trace in traces)), np.nan)
        column = 0
        for shift, trace in zip(shifts, traces, strict=True):
            values[shift : shift + len(trace.values), column : column + trace.ids.size] = trace.values
            column += trace.ids.size
        merged = replace(
            first,
            source=join_labels(trace.source for trace in traces),
            ids=np.concatenate([trace.ids for trace in traces]),
            channels=np.concatenate([trace.channels for trace in traces]),
            values=values,
            start_step=start,
        )
    ascending = np.argsort(merged.channels, kind="stable")
    if np.array_equal(ascending, np.arange(ascending.size)):
        return merged
    return merged.select(ascending)


def merge_segments(parts: Iterable[SegmentData]) -> list[SegmentData]:
    """Segments of equal name made one, in order of first appearance by name."""
    by_name: dict[str, SegmentData] = {}
    for part in parts:
        known = by_name.get(part.name)
        if known is None:
            by_name[part.name] = replace(part, traces=list(part.traces), trains=list(part.trains))
        else:
            known.traces.extend(part.traces)
            known.trains.extend(part.trains)
            known.annotations = {**part.annotations, **known.annotations}
            known.stop_step = max(known.stop_step, part.stop_step)
    return [by_name[name] for name in sorted(by_name, key=lambda name: (len(name), name))]


def join_labels(labels: Iterable[str]) -> str:
    """Different labels joined by ";", in order of first appearance."""
    return ";".join(dict.fromkeys(labels))
