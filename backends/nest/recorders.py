"""Recordings of a session: arrays out of NEST's recorders, completed by what NEST has not handed out yet.

NEST hands out what a multimeter saw in one interval of min_delay at the beginning of the next. The samples of an
interval that has not ended, or has only just ended, are therefore taken from the cells themselves while it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from pyNN.backend import Spikes
from pyNN.errors import InternalError
from pyNN.nest import versions
from pyNN.nest.ranks import Ranks
from pyNN.specs import FloatArray, IntArray

PIECE = 200_000
"""Samples that NEST may hold in one recorder: it converts them number by number when asked for anything it knows."""
_GRID = 1e-6
"""A spike time closer to a step than this fraction of a step is on the grid."""


class Clock(Protocol):
    """What a recording needs to know of time."""

    dt: float
    now: int
    lead_in: int
    lag: int


Reader = Callable[[IntArray], FloatArray]
"""Gives the present value of a state variable of some cells (indices), in the model's unit."""


class SourceRecording:
    """Spikes of a source, which come from the train that is played."""

    def __init__(self, cells: IntArray, size: int) -> None:
        self._wanted = np.zeros(size, dtype=bool)
        self._wanted[cells] = True
        self._steps: list[IntArray] = []
        self._cells: list[IntArray] = []

    def add(self, steps: IntArray, cells: IntArray) -> None:
        """Take over a piece of the train."""
        keep = self._wanted[cells]
        self._steps.append(steps[keep])
        self._cells.append(cells[keep])

    def collect(self) -> Spikes:
        if not self._steps:
            return Spikes(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
        self._steps = [np.concatenate(self._steps).astype(np.int64)]
        self._cells = [np.concatenate(self._cells).astype(np.int64)]
        return Spikes(self._steps[0], self._cells[0])

    def take(self) -> Spikes:
        """All spikes, which are forgotten."""
        taken = self.collect()
        self.clear()
        return taken

    def clear(self) -> None:
        self._steps, self._cells = [], []

    def stop(self) -> None:
        self.clear()


class SpikeRecording:
    """Spikes of cells, by a spike_recorder."""

    def __init__(
        self, nest: Any, clock: Clock, ranks: Ranks, nodes: IntArray, cells: IntArray, precise: bool
    ) -> None:
        self._nest = nest
        self._clock = clock
        self._precise = precise
        self._cells = cells
        self._nodes = nodes[cells]
        # Other ranks may have cells where this one has none, and all of them make the same nodes.
        self._device = nest.Create("spike_recorder") if len(cells) or ranks.several else None
        if len(cells):
            spec = {"delay": clock.lag * clock.dt, "synapse_model": "static_synapse"}
            nest.Connect(nest.NodeCollection(self._nodes), self._device, syn_spec=spec)
        else:
            ranks.connect_nothing()
        self._stored: list[tuple[FloatArray, IntArray]] = []

    def _pull(self) -> None:
        if self._device is None:
            return
        events = versions.take_events(self._device)
        if events["times"].size:
            column = np.searchsorted(self._nodes, events["senders"].astype(np.int64))
            self._stored.append((events["times"], self._cells[column]))

    def collect(self) -> Spikes:
        self._pull()
        if not self._stored:
            empty = np.empty(0, dtype=np.int64)
            return Spikes(empty, empty.copy(), np.empty(0) if self._precise else None)
        times = np.concatenate([t for t, _ in self._stored])
        cells = np.concatenate([c for _, c in self._stored])
        self._stored = [(times, cells)]
        in_steps = times / self._clock.dt - self._clock.lead_in
        steps = (np.ceil(in_steps - _GRID) if self._precise else np.rint(in_steps)).astype(np.int64)
        order = np.lexsort((in_steps, cells, steps)) if self._precise else np.lexsort((cells, steps))
        offsets = ((steps - in_steps) * self._clock.dt).clip(min=0.0)[order] if self._precise else None
        return Spikes(steps[order], cells[order], offsets)

    def take(self) -> Spikes:
        """All spikes, which are forgotten."""
        taken = self.collect()
        self._stored = []
        return taken

    def clear(self) -> None:
        self._stored = []
        if self._device is not None:
            self._device.n_events = 0

    def stop(self) -> None:
        self.clear()
        if self._device is not None:
            self._device.stop = self._nest.biological_time


class StateRecording:
    """Samples of one state variable, by a multimeter."""

    def __init__(
        self,
        nest: Any,
        clock: Clock,
        ranks: Ranks,
        nodes: IntArray,
        cells: IntArray,
        native: str | None,
        scale: float,
        every: int,
        read: Reader,
    ) -> None:
        self._nest = nest
        self._clock = clock
        self._ranks = ranks
        self._cells = cells
        self._nodes = nodes[cells]
        self._native = native
        self._scale = scale
        self._every = every
        self._read = read
        self._device: Any = None
        self._begin()

    def _begin(self) -> None:
        self._start = self._pulled = self._clock.now
        self._first_seen = 1
        """The first row that a multimeter is asked for."""
        self._forget()
        self.sample()
        if not self.polled and (len(self._cells) or self._ranks.several):
            self._device = self._connect()

    def _forget(self) -> None:
        self._values = np.empty((16, len(self._cells)))
        self._filled = np.zeros(16, dtype=bool)

    def _connect(self) -> Any:
        clock, nest = self._clock, self._nest
        phase = (self._start + clock.lead_in) % self._every
        parameters = {"interval": self._every * clock.dt, "offset": phase * clock.dt, "record_from": [self._native]}
        device = nest.Create("multimeter", params=parameters)
        spec = {"delay": clock.lag * clock.dt, "synapse_model": "static_synapse"}
        if len(self._cells):
            nest.Connect(device, nest.NodeCollection(self._nodes), syn_spec=spec)
        else:
            self._ranks.connect_nothing()
        return device

    @property
    def polled(self) -> bool:
        """Whether no multimeter sees the variable, so that it is asked for in every step."""
        return self._native is None

    def due(self, first: int, last: int) -> range:
        """Steps of first .. last at which there is a sample."""
        start = first + (self._start - first) % self._every
        return range(start, last + 1, self._every)

    def sample(self) -> None:
        """Take the sample of the present step from the cells."""
        values = self._read(self._cells)
        row, between = divmod(self._clock.now - self._start, self._every)
        if not between:
            self._reserve(row + 1)
            self._values[row] = values
            self._filled[row] = True

    def renew(self) -> None:
        """Take the first sample again if it is that of the present step, whose state has been set since."""
        if self._start == self._clock.now:
            self.sample()

    def _reserve(self, rows: int) -> None:
        if rows > len(self._filled):
            room = max(rows, 2 * len(self._filled))
            values = np.empty((room, self._values.shape[1]))
            values[: len(self._filled)] = self._values
            self._values = values
            self._filled = np.concatenate([self._filled, np.zeros(room - len(self._filled), dtype=bool)])

    def _pull(self) -> None:
        if self._device is None:
            return
        events = versions.take_events(self._device)
        self._pulled = self._clock.now
        if not events["times"].size:
            # NEST names what it records only once there is some.
            return
        assert self._native is not None
        times, senders, found = events["times"], events["senders"], events[self._native]
        n = len(self._cells)
        whole = times.size % n == 0 and bool((senders.reshape(-1, n) == self._nodes).all())
        if whole and bool((times.reshape(-1, n) == times[::n, np.newaxis]).all()):
            # One thread hands out all cells of a step, in their order, before those of the next step.
            rows = self._rows(times[::n])
            keep = rows >= self._first_seen
            rows, columns, values = rows[keep], slice(None), found.reshape(-1, n)[keep]
        else:
            rows = self._rows(times)
            keep = rows >= self._first_seen
            rows, columns = rows[keep], np.searchsorted(self._nodes, senders.astype(np.int64)[keep])
            values = found[keep]
        if rows.size:
            self._reserve(int(rows.max()) + 1)
            self._values[rows, columns] = values * self._scale
            self._filled[rows] = True

    def _rows(self, times: FloatArray) -> IntArray:
        steps = np.rint(times / self._clock.dt).astype(np.int64) - self._clock.lead_in
        return (steps - self._start) // self._every

    @property
    def samples_a_step(self) -> float:
        """How many numbers NEST stores in a time step, on average."""
        return len(self._cells) / self._every

    def relieve(self) -> None:
        """Take over what NEST has stored, if it is much: reading it then takes no time that anybody notices."""
        if (self._clock.now - self._pulled) * self.samples_a_step >= PIECE:
            self._pull()

    def collect(self) -> FloatArray:
        self._pull()
        n = (self._clock.now - self._start) // self._every + 1
        if not len(self._cells):
            return np.empty((n, 0))
        missing = np.flatnonzero(~self._filled[:n]) if n <= len(self._filled) else [len(self._filled)]
        if len(missing):
            raise InternalError(
                f"NEST has not handed out sample {missing[0]} of {n} of '{self._native}' "
                f"(step {self._clock.now}, smallest delay {self._clock.lag} steps)."
            )
        return self._values[:n].copy()

    def take(self) -> FloatArray:
        """All samples of the steps that have been simulated, which are forgotten."""
        if self._clock.now == self._start:
            return np.empty((0, len(self._cells)))
        taken = self.collect()
        self._start += len(taken) * self._every
        self._first_seen = 0
        self._forget()
        return taken

    def clear(self) -> None:
        # What NEST still holds of the past must not be taken for new samples, so the recorder is a new one.
        self.stop()
        self._begin()

    def stop(self) -> None:
        if self._device is not None:
            self._device.set(stop=self._nest.biological_time, n_events=0)
            self._device = None
