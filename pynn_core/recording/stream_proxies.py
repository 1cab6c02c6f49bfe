"""Neo proxies for streamed recordings: they know shapes, units and times, and read data when they are loaded."""

from __future__ import annotations

from typing import Any

import neo
import numpy as np
import quantities as pq
from neo.io.proxyobjects import AnalogSignalProxy, BaseProxy, SpikeTrainProxy

from pyNN.errors import InvalidTimeError
from pyNN.recording.blocks import _make_signal, _neo_unit
from pyNN.recording.columns import time_of
from pyNN.recording.stream_reader import PartInfo, StoredPopulation
from pyNN.specs import FloatArray, IntArray


def lazy_block(parts: list[StoredPopulation], variables: set[str] | None, cells: IntArray | None) -> Any:
    """A neo.Block whose signals and spike trains are proxies; of several processes' files, each has its own."""
    first = parts[0]
    block = neo.Block(name=first.label, description=first.description)
    block.annotate(**first.annotations)
    segments: dict[str, Any] = {}
    for stored in parts:
        for found in stored.segments:
            data = found.data
            if data.name not in segments:
                segment = neo.Segment(name=data.name, description=data.description, rec_datetime=data.recorded_at)
                segment.annotate(**data.annotations)
                block.segments.append(segment)
                segments[data.name] = segment
            for part in found.parts:
                if variables is None or part.variable in variables:
                    _add(segments[data.name], part, cells)
    for segment in block.segments:
        segment.spiketrains = sorted(segment.spiketrains, key=lambda train: train.annotations["source_index"])
    return block


def _add(segment: Any, part: PartInfo, cells: IntArray | None) -> None:
    chosen = np.arange(part.channels.size) if cells is None else np.flatnonzero(np.isin(part.channels, cells))
    if not chosen.size:
        return
    if not part.of_spikes:
        segment.analogsignals.append(StoredSignal(part, chosen))
        return
    source = _SpikeColumns(part)
    segment.spiketrains.extend([StoredTrain(source, int(row)) for row in chosen])


def _ms(time: Any) -> float:
    return float(time.rescale(pq.ms).magnitude) if isinstance(time, pq.Quantity) else float(time)


class StoredSignal(AnalogSignalProxy):  # type: ignore[misc]
    """A recorded variable in a file."""

    def __init__(self, part: PartInfo, columns: IntArray) -> None:
        self._part = part
        self._columns = columns
        self.name = part.variable
        self.units = _neo_unit(part.unit)
        self.dtype = np.dtype(float)
        self.shape = (part.count, columns.size)
        self.t_start = pq.Quantity(float(time_of(part.start_step, part.dt)), pq.ms)
        self.sampling_period = pq.Quantity(float(time_of(part.every_steps, part.dt)), pq.ms)
        self.sampling_rate = (1.0 / self.sampling_period).rescale(pq.kHz)
        self.segment: Any = None
        BaseProxy.__init__(
            self,
            array_annotations={"channel_index": part.channels[columns]},
            name=part.variable,
            file_origin=str(part.path),
            source_population=part.label,
            channel_ids=part.ids[columns],
        )

    def load(
        self,
        time_slice: Any = None,
        strict_slicing: bool = True,
        channel_indexes: Any = None,
        magnitude_mode: str = "rescaled",
    ) -> Any:
        """The neo.AnalogSignal: the samples from time_slice[0] up to, but without, time_slice[1] (quantities or ms;
        None: from the beginning, to the end) of some channels (positions in the signal)."""
        first, end = self._samples(time_slice, strict_slicing)
        columns = self._columns if channel_indexes is None else self._columns[np.asarray(channel_indexes)]
        return _make_signal(self._part.trace(first, end, columns), self._part.dt)

    def _samples(self, time_slice: Any, strict: bool) -> tuple[int, int]:
        part = self._part
        if time_slice is None:
            return 0, part.count
        begin, end = (None if time is None else _ms(time) / part.dt for time in time_slice)
        last = part.start_step + part.count * part.every_steps
        for step in (begin, end):
            if strict and step is not None and not part.start_step - 1e-6 <= step <= last + 1e-6:
                raise InvalidTimeError(
                    f"{step * part.dt:g} ms is outside of the signal, {self.t_start} to {time_of(last, part.dt):g} ms."
                )
        first = 0 if begin is None else round((begin - part.start_step) / part.every_steps)
        after = part.count if end is None else round((end - part.start_step) / part.every_steps)
        return min(max(first, 0), part.count), min(max(after, 0), part.count)


class _SpikeColumns:
    """The spikes of a part in order of cell; read once, when the first train is loaded."""

    def __init__(self, part: PartInfo) -> None:
        self.part = part
        self._times: FloatArray | None = None
        self._starts: IntArray | None = None

    def times(self, row: int) -> FloatArray:
        """Times (ms) of one cell's spikes."""
        if self._times is None or self._starts is None:
            trains = self.part.trains()
            order = np.lexsort((trains.times, trains.rows))
            self._times = trains.times[order]
            self._starts = np.searchsorted(trains.rows[order], np.arange(self.part.channels.size + 1))
        return self._times[self._starts[row] : self._starts[row + 1]]


class StoredTrain(SpikeTrainProxy):  # type: ignore[misc]
    """The spikes of one cell in a file."""

    def __init__(self, source: _SpikeColumns, row: int) -> None:
        part = source.part
        self._source = source
        self._row = row
        self.t_start = pq.Quantity(float(time_of(part.start_step, part.dt)), pq.ms)
        self.t_stop = pq.Quantity(float(time_of(part.stop_step, part.dt)), pq.ms)
        self.units = pq.ms
        self.sampling_rate = self.left_sweep = None
        self.segment: Any = None
        # BaseProxy takes the number of channels for the length of array annotations.
        self.shape = (0,)
        BaseProxy.__init__(
            self,
            file_origin=str(part.path),
            source_population=part.label,
            channel_id=int(part.ids[row]),
            source_index=int(part.channels[row]),
        )
        del self.shape

    def __getattr__(self, name: str) -> Any:
        if name == "shape":
            return (self._source.times(self._row).size,)
        raise AttributeError(f"'{type(self).__name__}' has no attribute '{name}'.")

    def load(
        self,
        time_slice: Any = None,
        strict_slicing: bool = True,
        magnitude_mode: str = "rescaled",
        load_waveforms: bool = False,
    ) -> Any:
        """The neo.SpikeTrain: spikes from time_slice[0] to time_slice[1] (quantities or ms; None: all)."""
        times = self._source.times(self._row)
        begin, end = _ms(self.t_start), _ms(self.t_stop)
        if time_slice is not None:
            asked = [own if time is None else _ms(time) for time, own in zip(time_slice, (begin, end), strict=True)]
            if strict_slicing and not begin <= asked[0] <= asked[1] <= end:
                raise InvalidTimeError(
                    f"{asked[0]:g} to {asked[1]:g} ms is outside of the recording, {begin:g} to {end:g} ms."
                )
            begin, end = max(begin, asked[0]), min(end, asked[1])
            times = times[(times >= begin) & (times <= end)]
        train = neo.SpikeTrain(times * pq.ms, t_start=begin * pq.ms, t_stop=end * pq.ms)
        train.annotate(**self.annotations)
        return train
