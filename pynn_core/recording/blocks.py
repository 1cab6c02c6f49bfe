"""Recorded columns as Neo objects."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from pyNN.recording.columns import (
    SegmentData,
    SynapticSegment,
    SynapticTrace,
    Trace,
    Trains,
    merge_traces,
    time_of,
)
from pyNN.specs import FloatArray, IntArray


@contextmanager
def loading_neo(wanted: bool) -> Iterator[None]:
    """Load Neo meanwhile, if it is wanted: compiled loops leave the interpreter to another thread.

    The thread has ended when the block is left, so that no later fork() finds it half way.
    """
    if not wanted or "neo" in sys.modules:
        yield
        return
    thread = threading.Thread(target=importlib.import_module, args=("neo",), name="loading Neo")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def make_block(
    name: str, description: str, annotations: Mapping[str, Any], segments: Iterable[SegmentData], dt: float
) -> Any:
    """A neo.Block with one neo.Segment for each of `segments`."""
    import neo

    segments = list(segments)
    recorded_at = segments[0].recorded_at if segments else None
    block = neo.Block(name=name, description=description, rec_datetime=recorded_at)
    block.annotate(**annotations)
    for data in segments:
        block.segments.append(_make_segment(data, dt))
    return block


def _make_segment(data: SegmentData, dt: float) -> Any:
    import neo

    segment = neo.Segment(name=data.name, description=data.description, rec_datetime=data.recorded_at)
    segment.annotate(**data.annotations)
    segment.analogsignals.extend([_make_signal(trace, dt) for trace in merge_traces(data.traces)])
    trains = [train for recorded in data.trains for train in _make_trains(recorded, data.stop_step, dt)]
    trains.sort(key=lambda train: train.annotations["source_index"])
    segment.spiketrains.extend(trains)
    return segment


def make_synaptic_block(
    name: str,
    description: str,
    annotations: Mapping[str, Any],
    segments: Iterable[SynapticSegment],
    variables: set[str] | None,
    dt: float,
) -> Any:
    """A neo.Block with one neo.Segment for each of `segments`, with the signals of `variables` (None: all)."""
    import neo

    segments = list(segments)
    block = neo.Block(name=name, description=description, rec_datetime=segments[0].recorded_at)
    block.annotate(**annotations)
    for data in segments:
        segment = neo.Segment(name=data.name, description=data.description, rec_datetime=data.recorded_at)
        segment.annotate(**data.annotations)
        segment.analogsignals.extend(
            [
                _make_synaptic_signal(trace, name, data.columns, dt)
                for trace in data.traces
                if variables is None or trace.variable in variables
            ]
        )
        block.segments.append(segment)
    return block


def _make_synaptic_signal(trace: SynapticTrace, projection: str, columns: Mapping[str, IntArray], dt: float) -> Any:
    import neo
    import quantities as pq

    return neo.AnalogSignal(
        _own_copy(trace.values),
        units=_neo_unit(trace.unit),
        t_start=pq.Quantity(float(time_of(trace.start_step, dt)), pq.ms),
        sampling_period=pq.Quantity(float(time_of(trace.every_steps, dt)), pq.ms),
        name=trace.variable,
        source_projection=projection,
        array_annotations={key: column.copy() for key, column in columns.items()},
    )


def _neo_unit(unit: str) -> Any:
    import quantities as pq

    from pyNN.units import quantity

    # "unknown" is what a model imported from a simulator declares where that simulator does not say.
    return pq.dimensionless if unit == "unknown" else quantity(unit).units


def _make_signal(trace: Trace, dt: float) -> Any:
    import neo
    import quantities as pq

    return neo.AnalogSignal(
        _own_copy(trace.values),
        units=_neo_unit(trace.unit),
        t_start=pq.Quantity(float(time_of(trace.start_step, dt)), pq.ms),
        sampling_period=pq.Quantity(float(time_of(trace.every_steps, dt)), pq.ms),
        name=trace.variable,
        source_population=trace.source,
        channel_ids=trace.ids.copy(),
        array_annotations={"channel_index": trace.channels.copy()},
    )


def make_current_signal(name: str, values: FloatArray, dt: float) -> Any:
    """The current of a source (nA) at 0, dt, 2 dt ... as a neo.AnalogSignal of one channel."""
    import neo
    import quantities as pq

    period = pq.Quantity(float(time_of(1, dt)), pq.ms)
    return neo.AnalogSignal(
        np.array(values).reshape(-1, 1), units=pq.nA, t_start=pq.Quantity(0.0, pq.ms), sampling_period=period, name=name
    )


def make_block_of_file(
    name: str,
    signals: Iterable[tuple[str, FloatArray, str, float, float, IntArray]],
    times: FloatArray,
    cells: IntArray,
    t_stop: float,
) -> Any:
    """A neo.Block from what a file holds: signals as (name, values of shape (samples, cells), unit, start and sampling
    period in ms, index of each cell), and spikes as times (ms) with the index of the cell of each.
    """
    import neo
    import quantities as pq

    segment = neo.Segment(name="segment000")
    for label, values, unit, start, period, channels in signals:
        signal = neo.AnalogSignal(
            _own_copy(values), units=_neo_unit(unit), t_start=start * pq.ms, sampling_period=period * pq.ms, name=label
        )
        signal.array_annotate(channel_index=channels.copy())
        segment.analogsignals.append(signal)
    order = np.lexsort((times, cells))
    numbers, first = np.unique(cells[order], return_index=True)
    for number, own in zip(numbers, np.split(times[order], first[1:]), strict=True):
        train = neo.SpikeTrain(own * pq.ms, t_stop=t_stop * pq.ms)
        train.annotate(source_index=int(number), source_population=name)
        segment.spiketrains.append(train)
    block = neo.Block(name=name)
    block.segments.append(segment)
    return block


def _own_copy(values: FloatArray) -> FloatArray:
    """Neo keeps the array it is given, and a backend's buffer must not be reachable through a user's signal."""
    return np.array(values, dtype=float, order="C", copy=True)


def _make_trains(recorded: Trains, stop_step: int, dt: float) -> list[Any]:
    """One neo.SpikeTrain a cell: views into one array, because a slice is ten times cheaper than a constructor call."""
    import neo
    import quantities as pq

    order = np.lexsort((recorded.times, recorded.rows))
    times = recorded.times[order]
    offsets = np.searchsorted(recorded.rows[order], np.arange(recorded.ids.size + 1)).tolist()
    starts = {int(step): pq.Quantity(float(time_of(step, dt)), pq.ms) for step in np.unique(recorded.start_steps)}
    if not starts:
        return []
    whole = neo.SpikeTrain(
        times, units=pq.ms, t_start=min(starts.values()), t_stop=pq.Quantity(float(time_of(stop_step, dt)), pq.ms)
    )
    trains = []
    columns = zip(
        recorded.ids.tolist(), recorded.channels.tolist(), recorded.start_steps.tolist(), offsets, offsets[1:],
        strict=False,
    )  # fmt: skip
    for cell_id, channel, start, begin, end in columns:
        train = whole[begin:end]
        train.t_start = starts[start]
        train.annotations = {"source_population": recorded.source, "channel_id": cell_id, "source_index": channel}
        trains.append(train)
    return trains
