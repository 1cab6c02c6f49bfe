"""Spike trains of the sources that the core plays itself, alike on every backend.

A source hands out its spikes interval by interval; what it hands out does not depend on how a run is cut into
intervals, nor on the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from pyNN.backend import Settings
from pyNN.errors import (
    InternalError,
    InvalidDimensionsError,
    InvalidParameterValueError,
    NoModelAvailableError,
    NonExistentParameterError,
)
from pyNN.random import streams
from pyNN.specs import FloatArray, IntArray, PopulationSpec, Ragged

_SPIKES_AHEAD = 2**16
_STEPS_AHEAD = 10_000
"""A source works out about this many spikes, and at most this many steps, at a time, whatever it is asked for."""

_BLOCK_SIZE = 2**17
"""Largest number of waiting times drawn at once; what does not fit is drawn in further rounds."""


class SpikeSource(Protocol):
    """The spikes of one population, in order."""

    def advance(self, from_step: int, to_step: int) -> tuple[IntArray, IntArray]:
        """(steps, cells) of the spikes with from_step < step <= to_step, sorted by step, then cell.

        The first call also gives those at the step at which the source was made. Several spikes of a cell in one step
        are listed as many times. Every interval begins where the one before ended.
        """

    def write(self, name: str, where: IntArray, values: Any, step: int) -> None:
        """Set a parameter of the cells `where` (indices): a scalar, one value a cell, or a Ragged.

        It acts on spikes after `step`, where the next interval begins; `step` may lie before the end of the last
        interval, whose spikes after it are then handed out anew.
        """


def nearest_steps(times: Any, dt: float) -> IntArray:
    """Whole steps nearest to times in ms; exactly between two, the later one (0.05 ms is step 1 of 0.1 ms).

    The quotient of two decimal numbers may come out a few units in the last place too small; that does not count.
    """
    position = np.asarray(times, dtype=float) / dt
    return np.floor(position + 0.5 + 8.0 * np.spacing(np.maximum(np.abs(position), 1.0))).astype(np.int64)


def make_source(spec: PopulationSpec, settings: Settings, start_step: int) -> SpikeSource:
    """The spike trains of a population of sources, from `start_step` on. NoModelAvailableError if it has none here."""
    try:
        make = _KINDS[spec.model.source]
    except KeyError:
        raise NoModelAvailableError(
            f"{spec.model.name} (source '{spec.model.source}') is not a source of spikes that can be played; "
            f"there are: {', '.join(sorted(_KINDS))}."
        ) from None
    return make(spec, settings, start_step)


def _sorted_spikes(steps: IntArray, cells: IntArray, size: int) -> tuple[IntArray, IntArray]:
    """The spikes in order of step, then cell."""
    if not steps.size:
        return steps, cells
    first = int(steps.min())
    # One sort of whole numbers is several times faster than a sort by two columns.
    packed = np.sort((steps - first) * size + cells)
    ordered = packed // size
    return ordered + first, packed - ordered * size


def _rows(values: Any, count: int) -> list[FloatArray]:
    """One array of numbers for each of `count` cells, from a Ragged (of `count` rows or of one) or numbers."""
    if not isinstance(values, Ragged):
        return [np.atleast_1d(np.asarray(values, dtype=float))] * count
    if len(values) not in (1, count):
        raise InvalidDimensionsError(f"{len(values)} lists of spike times were given for {count} cells.")
    return [values[i if len(values) > 1 else 0] for i in range(count)]


class _Intervals:
    """Keeps the contract that every interval begins where the one before ended."""

    def __init__(self, start_step: int) -> None:
        self.at = start_step

    def move(self, from_step: int, to_step: int) -> None:
        if from_step != self.at or to_step < from_step:
            raise InternalError(
                f"Spikes of steps {from_step} to {to_step} were asked for, but the source stands at step {self.at}."
            )
        self.at = to_step


class ArraySource:
    """Spikes at given times, each rounded to the nearest step; those before `start_step` are past and left out."""

    def __init__(self, spec: PopulationSpec, settings: Settings, start_step: int) -> None:
        self._label = spec.label
        self._size = spec.size
        self._dt = settings.dt
        self._interval = _Intervals(start_step)
        steps, cells = self._spikes(np.arange(spec.size), spec.parameters["spike_times"])
        future = steps >= start_step
        self._steps, self._cells = _sorted_spikes(steps[future], cells[future], self._size)
        self._position = 0

    def _spikes(self, where: IntArray, values: Any) -> tuple[IntArray, IntArray]:
        rows = _rows(values, len(where))
        lengths = np.array([row.size for row in rows], dtype=np.int64)
        times = np.concatenate(rows) if rows else np.empty(0)
        cells = np.repeat(np.asarray(where, dtype=np.int64), lengths)
        wrong = ~(np.isfinite(times) & (times >= 0.0))
        if wrong.any():
            first = int(np.argmax(wrong))
            raise InvalidParameterValueError(
                f"spike_times of cell {cells[first]} of '{self._label}' has {times[first]:g}; a spike time is a finite "
                "number of ms, and not negative."
            )
        return nearest_steps(times, self._dt), cells

    def advance(self, from_step: int, to_step: int) -> tuple[IntArray, IntArray]:
        self._interval.move(from_step, to_step)
        end = int(np.searchsorted(self._steps, to_step, side="right"))
        part = slice(self._position, end)
        self._position = end
        return self._steps[part], self._cells[part]

    def write(self, name: str, where: IntArray, values: Any, step: int) -> None:
        if name != "spike_times":
            raise NonExistentParameterError(name, "SpikeSourceArray", ["spike_times"])
        where = np.asarray(where)
        steps, cells = self._spikes(where, values)
        future = steps > step
        changed = np.zeros(self._size, dtype=bool)
        changed[where] = True
        keep = (self._steps <= step) | ~changed[self._cells]
        steps = np.concatenate([self._steps[keep], steps[future]])
        cells = np.concatenate([self._cells[keep], cells[future]])
        self._steps, self._cells = _sorted_spikes(steps, cells, self._size)
        self._position = int(np.searchsorted(self._steps, step, side="right"))
        self._interval.at = step


class _State(NamedTuple):
    """Where a Poisson source stands: all spikes up to `step` are made."""

    step: int
    next_time: FloatArray
    """ms; when each cell's next spike is due if nothing changes; inf at a rate of zero."""
    ordinal: IntArray
    """How many spikes each cell has had: the number of the waiting time that is running."""


class PoissonSource:
    """Poisson processes in continuous time: `rate` (Hz) from `start` (ms) for `duration` (ms); a spike in (0, dt] ms
    belongs to step 1, and so on.

    Spike k of a cell comes when the integral of the rate since spike k-1 reaches an exponential number of mean 1, drawn
    from the stream (seed, trial, population) at (cell, k). A change of the rate between runs therefore stretches or
    shortens what is left of the running waiting time, and the process stays exact (time rescaling: Cox and Isham 1980,
    Point Processes).
    """

    def __init__(self, spec: PopulationSpec, settings: Settings, start_step: int) -> None:
        self._label = spec.label
        self._size = spec.size
        self._dt = settings.dt
        self._key = streams.derive_key(settings.rng_seed, "poisson", settings.trial, spec.id)
        self._parameters = {
            name: self._checked(name, np.broadcast_to(np.asarray(spec.parameters[name], dtype=float), spec.size).copy())
            for name in ("rate", "start", "duration")
        }
        self._interval = _Intervals(start_step)
        self._hazard = streams.exponentials(self._key, np.arange(self._size), 0)
        self._restart(start_step, np.zeros(self._size, dtype=np.int64))

    def _checked(self, name: str, values: FloatArray) -> FloatArray:
        wrong = np.isnan(values) | (name == "rate") & ~np.isfinite(values) | (name != "start") & (values < 0.0)
        if wrong.any():
            cell = int(np.argmax(wrong))
            rule = {"rate": "finite and not negative", "start": "a number", "duration": "not negative"}[name]
            raise InvalidParameterValueError(
                f"{name} of a Poisson source of '{self._label}' is {np.ravel(values)[cell]:g}; it must be {rule}."
            )
        return values

    @property
    def _rate(self) -> FloatArray:
        """Spikes per ms."""
        return self._parameters["rate"] / 1000.0

    @property
    def _stop(self) -> FloatArray:
        return self._parameters["start"] + self._parameters["duration"]

    def _restart(self, step: int, ordinal: IntArray) -> None:
        """Begin at `step`, with what is left of the waiting times in self._hazard."""
        rate = self._rate
        with np.errstate(divide="ignore"):
            wait = np.where(rate > 0.0, self._hazard / rate, np.inf)
        next_time = np.maximum(step * self._dt, self._parameters["start"]) + wait
        self._state = self._origin = self._buffer_start = _State(step, next_time, ordinal)
        self._steps = self._cells = np.empty(0, dtype=np.int64)
        self._position = 0
        per_step = float(rate.sum()) * self._dt
        self._window = int(min(_STEPS_AHEAD, max(1.0, _SPIKES_AHEAD / per_step))) if per_step > 0 else _STEPS_AHEAD

    def _generate(self, state: _State, to_step: int) -> tuple[_State, IntArray, IntArray]:
        """The spikes after `state`, up to `to_step`, cell by cell, and the state then."""
        next_time, ordinal = state.next_time.copy(), state.ordinal.copy()
        dt, rate, stop = self._dt, self._rate, self._stop
        active = np.flatnonzero((next_time / dt <= to_step) & (next_time < stop))
        all_steps, all_cells = [], []
        while active.size:
            expected = np.minimum(to_step * dt, stop[active]) - next_time[active]
            mean = float(np.mean(expected * rate[active]))
            block = int(min(np.ceil(mean + np.sqrt(mean)) + 1, max(1, _BLOCK_SIZE // active.size)))
            # Adding up from the last spike, one waiting time after the other, gives the same bits for any block.
            times = np.empty((active.size, block + 1))
            times[:, 0] = next_time[active]
            ordinals = ordinal[active][:, None] + np.arange(1, block + 1)
            times[:, 1:] = streams.exponentials(self._key, active[:, None], ordinals) / rate[active][:, None]
            np.cumsum(times, axis=1, out=times)
            position = times / dt
            due = (position <= to_step) & (times < stop[active][:, None])
            due[:, -1] = False
            count = due.sum(axis=1)
            all_steps.append(np.ceil(position[due]).astype(np.int64))
            all_cells.append(np.repeat(active, count))
            next_time[active] = times[np.arange(active.size), count]
            ordinal[active] += count
            active = active[(next_time[active] / dt <= to_step) & (next_time[active] < stop[active])]
        steps = np.concatenate(all_steps) if all_steps else np.empty(0, dtype=np.int64)
        cells = np.concatenate(all_cells) if all_cells else np.empty(0, dtype=np.int64)
        # A waiting time that is zero to all digits still ends in the step after the change that began it.
        return _State(to_step, next_time, ordinal), np.maximum(steps, state.step + 1), cells

    def advance(self, from_step: int, to_step: int) -> tuple[IntArray, IntArray]:
        self._interval.move(from_step, to_step)
        parts = []
        while True:
            end = int(np.searchsorted(self._steps, to_step, side="right"))
            parts.append((self._steps[self._position : end], self._cells[self._position : end]))
            self._position = end
            if self._state.step >= to_step:
                break
            self._buffer_start = self._state
            ahead = self._state.step + self._window
            self._state, steps, cells = self._generate(self._state, ahead)
            self._steps, self._cells = _sorted_spikes(steps, cells, self._size)
            self._position = 0
        if len(parts) == 1:
            return parts[0]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def _state_at(self, step: int) -> _State:
        """The state at a step that has been passed already, made again from the nearest one that is kept."""
        for state in (self._state, self._buffer_start, self._origin):
            if state.step <= step:
                return self._generate(state, step)[0]
        raise InternalError(f"A change at step {step} lies before the last one, at step {self._origin.step}.")

    def write(self, name: str, where: IntArray, values: Any, step: int) -> None:
        if name not in self._parameters:
            raise NonExistentParameterError(name, "SpikeSourcePoisson", self._parameters)
        new = self._checked(name, np.asarray(values, dtype=float))
        state = self._state_at(step)
        rate = self._rate
        running = np.clip(step * self._dt, self._parameters["start"], self._stop)
        with np.errstate(invalid="ignore"):
            left = np.where(rate > 0.0, (state.next_time - running) * rate, self._hazard)
        self._hazard = np.maximum(left, 0.0)
        self._parameters[name][np.asarray(where)] = new
        self._restart(step, state.ordinal)
        self._interval.at = step


_KINDS: dict[str, Callable[[PopulationSpec, Settings, int], SpikeSource]] = {
    "array": ArraySource,
    "poisson": PoissonSource,
}


