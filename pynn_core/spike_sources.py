"""Spike trains of the sources that the core plays itself, alike on every backend.

A source hands out its spikes interval by interval; what it hands out does not depend on how a run is cut into
intervals, nor on the number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

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
        make = CountedPoissonSource if comes_in_counts(spec, settings) else _KINDS[spec.model.source]
    except KeyError:
        raise NoModelAvailableError(
            f"{spec.model.name} (source '{spec.model.source}') is not a source of spikes that can be played; "
            f"there are: {', '.join(sorted(_KINDS))}."
        ) from None
    return make(spec, settings, start_step)


def source_state(source: Any) -> dict[str, Any]:
    """What decides the future of a source besides its parameters, as plain data: see `restored_source`."""
    return {"kind": type(source).__name__, **source.state()}


def restored_source(spec: PopulationSpec, settings: Settings, state: Mapping[str, Any], step: int) -> SpikeSource:
    """A source with the present parameters of a population that goes on at a step from what `source_state` gave."""
    make: Any = {kind.__name__: kind for kind in (*_KINDS.values(), CountedPoissonSource)}[state["kind"]]
    source: SpikeSource = make.restored(spec, settings, state, step)
    return source


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
        self._begun = False

    def state(self) -> dict[str, Any]:
        return {"begun": self._begun}

    @classmethod
    def restored(cls, spec: PopulationSpec, settings: Settings, state: Mapping[str, Any], step: int) -> ArraySource:
        begun = bool(state["begun"])
        source = cls(spec, settings, step + 1 if begun else step)
        source._begun, source._interval.at = begun, step
        return source

    def _spikes(self, where: IntArray, values: Any) -> tuple[IntArray, IntArray]:
        rows = _rows(values, len(where))
        lengths = np.array([row.size for row in rows], dtype=np.int64)
        times = np.concatenate(rows) if rows else np.empty(0)
        cells = np.repeat(np.asarray(where, dtype=np.int64), lengths)
        _check_times(self._label, times, cells)
        return nearest_steps(times, self._dt), cells

    def advance(self, from_step: int, to_step: int) -> tuple[IntArray, IntArray]:
        self._interval.move(from_step, to_step)
        self._begun = True
        end = int(np.searchsorted(self._steps, to_step, side="right"))
        part = slice(self._position, end)
        self._position = end
        return self._steps[part], self._cells[part]

    def write(self, name: str, where: IntArray, values: Any, step: int) -> None:
        if name != "spike_times":
            raise NonExistentParameterError(name, "SpikeSourceArray", ["spike_times"])
        where = np.asarray(where)
        steps, cells = self._spikes(where, values)
        # Spikes at the step at which the source was made are past only when it has handed out any.
        past = step if self._begun else step - 1
        future = steps > past
        changed = np.zeros(self._size, dtype=bool)
        changed[where] = True
        keep = (self._steps <= past) | ~changed[self._cells]
        steps = np.concatenate([self._steps[keep], steps[future]])
        cells = np.concatenate([self._cells[keep], cells[future]])
        self._steps, self._cells = _sorted_spikes(steps, cells, self._size)
        self._position = int(np.searchsorted(self._steps, past, side="right"))
        self._interval.at = step


class _State(NamedTuple):
    """Where a renewal process of each cell stands: all spikes up to `step` are made."""

    step: int
    next_time: FloatArray
    """ms; when each cell's next spike is due if nothing changes; inf at a rate of zero."""
    ordinal: IntArray
    """How many spikes each cell has had: the number of the waiting time that is running."""
    last_time: FloatArray
    """ms; when the last spike was, or would have been."""


class _RandomSource:
    """What all random sources share: they work some way ahead, and start anew where a parameter changes."""

    model: str
    names: tuple[str, ...]
    stream: str

    def __init__(self, spec: PopulationSpec, settings: Settings, start_step: int) -> None:
        self._label = spec.label
        self._size = spec.size
        self._dt = settings.dt
        self._key = streams.derive_key(settings.rng_seed, self.stream, settings.trial, spec.id)
        self._parameters: dict[str, Any] = {name: self._own(spec.parameters[name]) for name in self.names}
        check_source(spec.model.source, self._label, self._parameters)
        self._interval = _Intervals(start_step)
        self._changed = False
        self._empty_buffer()

    def state(self) -> dict[str, Any]:
        kept = {"now": self._state, "buffer": self._buffer_start, "origin": self._origin}
        return {name: state._asdict() for name, state in kept.items()} | {
            "window": self._window, "changed": self._changed, **self._own_state()
        }

    def _own_state(self) -> dict[str, Any]:
        """What a kind of source keeps besides."""
        return {}

    @classmethod
    def restored(cls, spec: PopulationSpec, settings: Settings, state: Mapping[str, Any], step: int) -> Any:
        source = cls(spec, settings, step)
        kind = type(source._state)
        source._state, source._buffer_start, source._origin = (
            kind(**{**state[name], "step": int(state[name]["step"])}) for name in ("now", "buffer", "origin")
        )
        source._changed, source._window = bool(state["changed"]), int(state["window"])
        source._take(state)
        source._empty_buffer()
        if not source._changed and source._buffer_start.step < source._state.step:
            # The spikes that are worked out already come out again, as they do after every change of a parameter.
            _, steps, cells = source._generate(source._buffer_start, source._state.step)
            source._steps, source._cells = _sorted_spikes(steps, cells, source._size)
            source._position = int(np.searchsorted(source._steps, step, side="right"))
        source._interval.at = step
        return source

    def _take(self, state: Mapping[str, Any]) -> None:
        """Take over what `_own_state` gave."""

    def _own(self, value: Any) -> Any:
        """The values of a parameter as they can be changed cell by cell."""
        if isinstance(value, Ragged):
            return [value[i] for i in range(self._size)]
        return np.broadcast_to(np.asarray(value, dtype=float), self._size).copy()

    def _empty_buffer(self) -> None:
        self._steps = self._cells = np.empty(0, dtype=np.int64)
        self._position = 0

    def _begin(self, state: Any) -> None:
        """Go on from a state with the present parameters."""
        self._state = self._origin = self._buffer_start = state
        self._empty_buffer()
        per_step = self._mean_rate() * self._dt
        self._window = int(min(_STEPS_AHEAD, max(1.0, _SPIKES_AHEAD / per_step))) if per_step > 0 else _STEPS_AHEAD

    def _mean_rate(self) -> float:
        """Spikes per ms of all cells together, roughly."""
        raise NotImplementedError

    def _generate(self, state: Any, to_step: int) -> tuple[Any, IntArray, IntArray]:
        """The spikes after `state`, up to `to_step`, and the state then."""
        raise NotImplementedError

    def _interrupt(self, step: int) -> None:
        """Keep what a change of parameters at `step` leaves as it is."""
        raise NotImplementedError

    def _resume(self, step: int) -> None:
        """Go on after changes of parameters at `step`."""
        raise NotImplementedError

    def advance(self, from_step: int, to_step: int) -> tuple[IntArray, IntArray]:
        self._interval.move(from_step, to_step)
        if self._changed:
            self._changed = False
            self._resume(from_step)
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

    def _state_at(self, step: int) -> Any:
        """The state at a step that has been passed already, made again from the nearest one that is kept."""
        for state in (self._state, self._buffer_start, self._origin):
            if state.step <= step:
                return self._generate(state, step)[0]
        raise InternalError(f"A change at step {step} lies before the last one, at step {self._origin.step}.")

    def write(self, name: str, where: IntArray, values: Any, step: int) -> None:
        if name not in self._parameters:
            raise NonExistentParameterError(name, self.model, self._parameters)
        where = np.asarray(where)
        # Several parameters that change together are taken over together, when the next interval begins.
        changes = self._parameters[name].copy()
        if isinstance(changes, list):
            for cell, row in zip(where.tolist(), _rows(values, len(where)), strict=True):
                changes[cell] = row
        else:
            changes[where] = np.asarray(values, dtype=float)
        _check_values(self.model, name, changes, self._label)
        if not self._changed or self._interval.at != step:
            if self._changed:
                self._resume(self._interval.at)
            self._interrupt(step)
            self._changed = True
        self._parameters[name] = changes
        self._interval.at = step


class _HomogeneousSource(_RandomSource):
    """Renewal processes in continuous time, from `start` (ms) for `duration` (ms); a spike in (0, dt] ms belongs to
    step 1, and so on.

    Spike k of a cell comes when the hazard accumulated since spike k-1 reaches an exponential number of mean 1, drawn
    from the stream (seed, trial, population) at (cell, k). A change of a parameter between runs therefore stretches or
    shortens what is left of the running waiting time, and the process stays exact (time rescaling: Cox and Isham 1980,
    Point Processes). While it is switched off, its time stands still.
    """

    def __init__(self, spec: PopulationSpec, settings: Settings, start_step: int) -> None:
        super().__init__(spec, settings, start_step)
        self._hazard = streams.exponentials(self._key, np.arange(self._size), 0)
        zero = np.zeros(self._size)
        self._state = _State(start_step, zero, np.zeros(self._size, dtype=np.int64), zero)
        self._age = zero
        self._resume(start_step)

    def _own_state(self) -> dict[str, Any]:
        return {"hazard": self._hazard, "age": self._age}

    def _take(self, state: Mapping[str, Any]) -> None:
        self._hazard, self._age = np.array(state["hazard"]), np.array(state["age"])

    @property
    def _rate(self) -> FloatArray:
        """Mean number of spikes per ms."""
        raise NotImplementedError

    def _wait(self, age: FloatArray, hazard: FloatArray) -> FloatArray:
        """How long (ms) until a hazard is accumulated, for each cell, beginning at an age (ms since the last spike)."""
        raise NotImplementedError

    def _accumulated(self, age: FloatArray, wait: FloatArray) -> FloatArray:
        """The hazard accumulated in a time (ms) from an age on; the inverse of `_wait`."""
        raise NotImplementedError

    def _intervals(self, cells: IntArray, hazards: FloatArray) -> FloatArray:
        """Intervals (ms) from spike to spike, for rows of hazards of some cells."""
        raise NotImplementedError

    def _first_age(self) -> FloatArray:
        """The age of each cell's process when it is switched on for the first time."""
        return np.zeros(self._size)

    @property
    def _stop(self) -> FloatArray:
        return self._parameters["start"] + self._parameters["duration"]

    def _mean_rate(self) -> float:
        return float(self._rate.sum())

    def _running(self, step: int) -> FloatArray:
        """The time of a step, or where that lies outside the time in which the source is on, the nearest in it."""
        return np.clip(step * self._dt, self._parameters["start"], self._stop)

    def _interrupt(self, step: int) -> None:
        state = self._state_at(step)
        running = self._running(step)
        self._age = running - state.last_time
        with np.errstate(invalid="ignore"):
            left = self._accumulated(self._age, state.next_time - running)
        self._hazard = np.maximum(np.where(np.isfinite(state.next_time), left, self._hazard), 0.0)
        self._state = state

    def _resume(self, step: int) -> None:
        begin = np.maximum(step * self._dt, self._parameters["start"])
        # A process that has not been on so far has no past that a change could interrupt.
        untouched = (self._state.ordinal == 0) & (self._running(step) <= self._parameters["start"])
        age = np.where(untouched, self._first_age(), self._age)
        with np.errstate(divide="ignore", invalid="ignore"):
            wait = np.where(self._rate > 0.0, self._wait(age, self._hazard), np.inf)
        self._begin(_State(step, begin + wait, self._state.ordinal, begin - age))

    def _generate(self, state: _State, to_step: int) -> tuple[_State, IntArray, IntArray]:
        next_time, ordinal, last = state.next_time.copy(), state.ordinal.copy(), state.last_time.copy()
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
            times[:, 1:] = self._intervals(active, streams.exponentials(self._key, active[:, None], ordinals))
            np.cumsum(times, axis=1, out=times)
            position = times / dt
            due = (position <= to_step) & (times < stop[active][:, None])
            due[:, -1] = False
            count = due.sum(axis=1)
            all_steps.append(np.ceil(position[due]).astype(np.int64))
            all_cells.append(np.repeat(active, count))
            rows = np.arange(active.size)
            last[active] = np.where(count > 0, times[rows, np.maximum(count - 1, 0)], last[active])
            next_time[active] = times[rows, count]
            ordinal[active] += count
            active = active[(next_time[active] / dt <= to_step) & (next_time[active] < stop[active])]
        steps = np.concatenate(all_steps) if all_steps else np.empty(0, dtype=np.int64)
        cells = np.concatenate(all_cells) if all_cells else np.empty(0, dtype=np.int64)
        # A waiting time that is zero to all digits still ends in the step after the change that began it.
        return _State(to_step, next_time, ordinal, last), np.maximum(steps, state.step + 1), cells


class PoissonSource(_HomogeneousSource):
    """Poisson processes of a `rate` (Hz)."""

    model = "SpikeSourcePoisson"
    names = ("rate", "start", "duration")
    stream = "poisson"

    @property
    def _rate(self) -> FloatArray:
        return self._parameters["rate"] / 1000.0

    def _wait(self, age: FloatArray, hazard: FloatArray) -> FloatArray:
        return hazard / self._rate

    def _accumulated(self, age: FloatArray, wait: FloatArray) -> FloatArray:
        return wait * self._rate

    def _intervals(self, cells: IntArray, hazards: FloatArray) -> FloatArray:
        return hazards / self._rate[cells][:, None]


FEWEST_COUNTED = 0.1
"""Mean number of spikes a step from which on those of a cell are counted, rather than timed one by one."""
_MOST_COUNTED = 10_000.0
_COUNTS_AT_ONCE = 1 << 18


def comes_in_counts(spec: PopulationSpec, settings: Settings) -> bool:
    """Whether these are Poisson sources of which each has so many spikes a step that their number is drawn."""
    if not spec.size or _KINDS.get(spec.model.source) is not PoissonSource:
        return False
    rate = np.asarray(spec.parameters["rate"], dtype=float) * settings.dt / 1000.0
    return bool(np.all((rate >= FEWEST_COUNTED) & (rate <= _MOST_COUNTED)))


class CountedPoissonSource:
    """Poisson processes of high rate: the number of a cell's spikes in each step is drawn, and nothing is stored.

    The number in a step is the quantile of the Poisson distribution (whose probabilities are rounded to multiples of
    2**-32) at word `step % 4` of the stream (seed, trial, population) at (cell, step // 4). A step in which a source is
    switched on or off has its share of the mean.
    """

    model = "SpikeSourcePoisson"
    names = ("rate", "start", "duration")

    def __init__(self, spec: PopulationSpec, settings: Settings, start_step: int) -> None:
        self._label = spec.label
        self.size = spec.size
        self._dt = settings.dt
        self.key = streams.derive_key(settings.rng_seed, "poisson counts", settings.trial, spec.id)
        self._parameters = {
            name: np.broadcast_to(np.asarray(spec.parameters[name], dtype=float), spec.size).copy()
            for name in self.names
        }
        check_source(spec.model.source, self._label, self._parameters)
        self._interval = _Intervals(start_step)
        self._tables: tuple[int, int, NDArray[np.int64], NDArray[np.int32]] | None = None

    def state(self) -> dict[str, Any]:
        return {}

    @classmethod
    def restored(
        cls, spec: PopulationSpec, settings: Settings, state: Mapping[str, Any], step: int
    ) -> CountedPoissonSource:
        return cls(spec, settings, step)

    def skip(self, from_step: int, to_step: int) -> None:
        """Go on to a step; nobody wants a list of the spikes until then."""
        self._interval.move(from_step, to_step)

    def tables(self, step: int) -> tuple[int, NDArray[np.int64], NDArray[np.int32]]:
        """(the last step for which they hold, limits, which row of them each cell has) for a step.

        A cell with the word w has as many spikes as there are limits in its row that are not above w.
        """
        if self._tables is None or not self._tables[0] <= step <= self._tables[1]:
            edges = [self._parameters["start"] / self._dt, self._stop / self._dt]
            on, off = (np.where(np.abs(e - np.rint(e)) < 1e-6, np.rint(e), e) for e in edges)
            share = np.clip(np.minimum(step, off) - np.maximum(step - 1.0, on), 0.0, 1.0)
            means, rows = np.unique(share * self._parameters["rate"] * (self._dt / 1000.0), return_inverse=True)
            changes = np.concatenate([np.floor(on), np.ceil(on), np.floor(off), np.ceil(off)])
            later = changes[(changes >= step) & np.isfinite(changes)]
            last = int(min(later.min(initial=2.0**62), 2.0**62))
            self._tables = (step, last, _count_limits(means), rows.astype(np.int32).reshape(-1))
        return self._tables[1:]

    @property
    def _stop(self) -> FloatArray:
        return self._parameters["start"] + self._parameters["duration"]

    def counts(self, first: int, last: int) -> NDArray[np.int64]:
        """Numbers of spikes of each cell in the steps `first` to `last`, shape (steps, cells); one set of tables."""
        _, limits, rows = self.tables(first)
        blocks = np.arange(first >> 2, (last >> 2) + 1)
        drawn = streams.words(self.key, np.arange(self.size), blocks[:, np.newaxis])
        drawn = drawn.transpose(1, 0, 2).reshape(-1, self.size)
        drawn = drawn[first - 4 * (first >> 2) :][: last - first + 1].astype(np.int64)
        counts = np.zeros(drawn.shape, dtype=np.int64)
        for column in limits.T:
            counts += drawn >= column[rows]
        return counts

    def advance(self, from_step: int, to_step: int) -> tuple[IntArray, IntArray]:
        self._interval.move(from_step, to_step)
        all_steps, all_cells = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        at = from_step
        while at < to_step:
            end = min(to_step, self.tables(at + 1)[0], at + max(1, _COUNTS_AT_ONCE // self.size))
            counts = self.counts(at + 1, end).ravel()
            flat = np.repeat(np.arange(counts.size), counts)
            all_steps.append(flat // self.size + (at + 1))
            all_cells.append(flat % self.size)
            at = end
        return np.concatenate(all_steps), np.concatenate(all_cells)

    def write(self, name: str, where: IntArray, values: Any, step: int) -> None:
        if name not in self._parameters:
            raise NonExistentParameterError(name, self.model, self._parameters)
        changed = self._parameters[name].copy()
        changed[np.asarray(where)] = np.asarray(values, dtype=float)
        _check_values(self.model, name, changed, self._label)
        self._parameters[name] = changed
        self._interval.at = step
        self._tables = None


def _count_limits(means: FloatArray) -> NDArray[np.int64]:
    """For each mean of a Poisson distribution its distribution function times 2**32, as far as it can be told from 1.

    The probabilities come from those next to them, beginning with the greatest, so that +, * and / suffice.
    """
    rows = []
    for mean in means.tolist():
        mode = int(mean)
        largest = int(mean + 12.0 * np.sqrt(mean)) + 40
        weights = np.zeros(largest + 1)
        weights[mode] = 1.0
        for k in range(mode, largest):
            weights[k + 1] = weights[k] * mean / (k + 1)
        for k in range(mode, 0, -1):
            weights[k - 1] = weights[k] * k / mean
        share = np.cumsum(weights)
        limits = np.floor(share / share[-1] * 2.0**32 + 0.5).astype(np.int64)
        rows.append(limits[limits < 1 << 32])
    table = np.full((len(rows), max([1, *map(len, rows)])), 1 << 32, dtype=np.int64)
    for number, limits in enumerate(rows):
        table[number, : len(limits)] = limits
    return table


class RefractoryPoissonSource(_HomogeneousSource):
    """Poisson processes with dead time: no spike for `tau_refrac` (ms) after one, then a constant hazard.

    The hazard is such that `rate` (Hz) is the mean rate with the dead time. A cell is in equilibrium when it is
    switched on: it may be in a dead time whose spike would have been before.
    """

    model = "SpikeSourcePoissonRefractory"
    names = ("rate", "tau_refrac", "start", "duration")
    stream = "poisson with dead time"

    @property
    def _rate(self) -> FloatArray:
        return self._parameters["rate"] / 1000.0

    @property
    def _free_rate(self) -> FloatArray:
        """Hazard per ms outside the dead time."""
        return self._rate / (1.0 - self._rate * self._parameters["tau_refrac"])

    def _wait(self, age: FloatArray, hazard: FloatArray) -> FloatArray:
        return np.maximum(self._parameters["tau_refrac"] - age, 0.0) + hazard / self._free_rate

    def _accumulated(self, age: FloatArray, wait: FloatArray) -> FloatArray:
        dead = np.maximum(self._parameters["tau_refrac"] - age, 0.0)
        return self._free_rate * np.maximum(wait - dead, 0.0)

    def _intervals(self, cells: IntArray, hazards: FloatArray) -> FloatArray:
        return self._parameters["tau_refrac"][cells][:, None] + hazards / self._free_rate[cells][:, None]

    def _first_age(self) -> FloatArray:
        u = streams.uniforms(streams.derive_key(self._key, "first age"), np.arange(self._size), 0)
        dead = self._rate * self._parameters["tau_refrac"]
        with np.errstate(divide="ignore", invalid="ignore"):
            later = self._parameters["tau_refrac"] - np.log((1.0 - u) / (1.0 - dead)) / self._free_rate
            age = np.where(u < dead, u / self._rate, later)
        return np.where(self._rate > 0.0, age, 0.0)


class GammaSource(_HomogeneousSource):
    """Gamma processes: intervals of shape `alpha` and rate `beta` (Hz), so of mean alpha/beta s.

    A cell is in equilibrium when it is switched on: its rate is beta/alpha from the first moment.
    """

    model = "SpikeSourceGamma"
    names = ("alpha", "beta", "start", "duration")
    stream = "gamma"

    @property
    def _rate(self) -> FloatArray:
        return self._beta / self._parameters["alpha"]

    @property
    def _beta(self) -> FloatArray:
        """Per ms."""
        return self._parameters["beta"] / 1000.0

    def _wait(self, age: FloatArray, hazard: FloatArray) -> FloatArray:
        return _gamma_wait(self._parameters["alpha"], self._beta, age, hazard)

    def _accumulated(self, age: FloatArray, wait: FloatArray) -> FloatArray:
        return _gamma_hazard(self._parameters["alpha"], self._beta, age, wait)

    def _intervals(self, cells: IntArray, hazards: FloatArray) -> FloatArray:
        from pyNN.random.gamma import inverse_log_survival

        alpha, beta = self._parameters["alpha"][cells][:, None], self._beta[cells][:, None]
        return inverse_log_survival(alpha, -hazards) / beta

    def _first_age(self) -> FloatArray:
        return _equilibrium_age(self._key, self._parameters["alpha"], self._beta)


def _gamma_wait(alpha: FloatArray, beta: FloatArray, age: FloatArray, hazard: FloatArray) -> FloatArray:
    from pyNN.random.gamma import inverse_log_survival, log_survival

    due = inverse_log_survival(alpha, log_survival(alpha, age * beta) - hazard)
    return np.maximum(due / beta - age, 0.0)


def _gamma_hazard(alpha: FloatArray, beta: FloatArray, age: FloatArray, wait: FloatArray) -> FloatArray:
    from pyNN.random.gamma import log_survival

    return log_survival(alpha, age * beta) - log_survival(alpha, (age + wait) * beta)


def _equilibrium_age(key: int, alpha: FloatArray, beta: FloatArray) -> FloatArray:
    """The age of a gamma process that has been going on for ever: somewhere in an interval that is drawn by length."""
    from scipy.special import gammaincinv

    cells = np.arange(alpha.size)
    first = streams.derive_key(key, "first age")
    length = gammaincinv(alpha + 1.0, streams.uniforms(first, cells, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(beta > 0.0, streams.uniforms(first, cells, 0) * length / beta, 0.0)


class _InhomogeneousState(NamedTuple):
    """Where an inhomogeneous process of each cell stands, at a step."""

    step: int
    age: FloatArray
    """ms since the last spike."""
    hazard: FloatArray
    """What is left to be accumulated until the next."""
    ordinal: IntArray
    begun: NDArray[np.bool_]
    """Whether the process has been on."""


class InhomogeneousGammaSource(_RandomSource):
    """Gamma processes whose shape `a` and scale `b` (s) change with time: a[i] and b[i] from tbins[i] (ms) on.

    The hazard at a time is that of a gamma distribution of the present a and b at the present age (Muller et al. 2007);
    a spike comes when it has accumulated to an exponential number of mean 1. The last a and b hold for ever, and before
    tbins[0] there is no spike. A cell is in equilibrium when it is switched on.
    """

    model = "SpikeSourceInhGamma"
    names = ("a", "b", "tbins", "start", "duration")
    stream = "inhomogeneous gamma"

    def __init__(self, spec: PopulationSpec, settings: Settings, start_step: int) -> None:
        super().__init__(spec, settings, start_step)
        cells = np.arange(self._size)
        self._state = _InhomogeneousState(
            start_step,
            np.zeros(self._size),
            streams.exponentials(self._key, cells, 0),
            np.zeros(self._size, dtype=np.int64),
            np.zeros(self._size, dtype=bool),
        )
        self._resume(start_step)

    def _interrupt(self, step: int) -> None:
        self._state = self._state_at(step)

    def _resume(self, step: int) -> None:
        check_source("inhomogeneous gamma", self._label, self._parameters)
        bins = [self._parameters[name] for name in ("a", "b", "tbins")]
        self._first_bin = np.zeros(self._size + 1, dtype=np.int64)
        np.cumsum([len(row) for row in bins[2]], out=self._first_bin[1:])
        nothing = [np.empty(0)]
        self._a, b, self._bin_start = (np.concatenate(rows or nothing) for rows in bins)
        self._beta = 1.0 / (1000.0 * b)
        # Each bin ends where the next one of its cell begins.
        self._bin_end = np.append(self._bin_start[1:], np.inf)
        self._bin_end[self._first_bin[1:] - 1] = np.inf
        first = self._bin_start[self._first_bin[:-1]]
        self._on = np.maximum(self._parameters["start"], first)
        self._off = self._parameters["start"] + self._parameters["duration"]
        self._begin(self._state._replace(step=step))

    def _mean_rate(self) -> float:
        if not self._size:
            return 0.0
        rate = self._beta / self._a
        return float(np.maximum.reduceat(rate, self._first_bin[:-1]).sum())

    def _bin_at(self, cells: IntArray, times: FloatArray) -> IntArray:
        """The bin that each of some cells is in at a time."""
        low, high = self._first_bin[cells], self._first_bin[cells + 1]
        while np.any(high - low > 1):
            middle = (low + high) // 2
            right = (self._bin_start[middle] <= times) & (high - low > 1)
            low, high = np.where(right, middle, low), np.where(right | (high - low <= 1), high, middle)
        return low

    def _generate(
        self, state: _InhomogeneousState, to_step: int
    ) -> tuple[_InhomogeneousState, IntArray, IntArray]:
        from pyNN.random.gamma import inverse_log_survival, log_survival

        age, hazard, ordinal, begun = state.age.copy(), state.hazard.copy(), state.ordinal.copy(), state.begun.copy()
        time = np.maximum(state.step * self._dt, self._on)
        end = np.minimum(to_step * self._dt, self._off)
        active = np.flatnonzero(time < end)
        bins = np.zeros(self._size, dtype=np.int64)
        bins[active] = self._bin_at(active, time[active])
        new = active[~begun[active]]
        if new.size:
            # Drawn for all cells, so that a cell's number does not depend on which others begin with it.
            a, beta = np.ones(self._size), np.ones(self._size)
            a[new], beta[new] = self._a[bins[new]], self._beta[bins[new]]
            age[new] = _equilibrium_age(self._key, a, beta)[new]
            begun[new] = True
        all_times, all_cells = [], []
        while active.size:
            a, beta = self._a[bins[active]], self._beta[bins[active]]
            until = np.minimum(self._bin_end[bins[active]], end[active])
            span = until - time[active]
            survival = log_survival(a, age[active] * beta)
            passed = survival - log_survival(a, (age[active] + span) * beta)
            fires = passed >= hazard[active]
            quiet, firing = active[~fires], active[fires]
            hazard[quiet] -= passed[~fires]
            age[quiet] += span[~fires]
            time[quiet] = until[~fires]
            bins[quiet] += self._bin_end[bins[quiet]] <= time[quiet]
            if firing.size:
                due = inverse_log_survival(a[fires], survival[fires] - hazard[firing]) / beta[fires]
                time[firing] = np.clip(time[firing] + due - age[firing], time[firing], until[fires])
                all_times.append(time[firing])
                all_cells.append(firing)
                ordinal[firing] += 1
                age[firing] = 0.0
                hazard[firing] = streams.exponentials(self._key, firing, ordinal[firing])
            active = active[time[active] < end[active]]
        times = np.concatenate(all_times) if all_times else np.empty(0)
        cells = np.concatenate(all_cells) if all_cells else np.empty(0, dtype=np.int64)
        steps = np.maximum(np.ceil(times / self._dt).astype(np.int64), state.step + 1)
        return _InhomogeneousState(to_step, age, hazard, ordinal, begun), steps, cells


# --- what parameters may be -----------------------------------------------------------------------------------------


def check_source(kind: str, label: str, parameters: Mapping[str, Any]) -> None:
    """Raise InvalidParameterValueError for parameters of a population of sources that do not go together.

    `kind` is that of Definition.source; values are numbers, arrays of one number a cell, or one array a cell.
    """
    model = _MODELS.get(kind, kind)
    for name, value in parameters.items():
        if kind == "array":
            times: Ragged = value
            _check_times(label, times.values, np.repeat(np.arange(len(times)), np.diff(times.offsets)))
        else:
            _check_values(model, name, value, label)
    if kind == "poisson with dead time":
        dead = np.asarray(parameters["rate"], dtype=float) / 1000.0 * np.asarray(parameters["tau_refrac"], dtype=float)
        if np.any(dead >= 1.0):
            cell = int(np.argmax(np.ravel(dead >= 1.0)))
            rate, tau = (float(_of_cell(parameters[name], cell)) for name in ("rate", "tau_refrac"))
            raise InvalidParameterValueError(
                f"'{label}': a rate of {rate:g} Hz is not possible with a dead time of tau_refrac = {tau:g} ms after "
                f"each spike: it must be under {1000.0 / tau:g} Hz. `rate` is the mean rate, dead times included."
            )
    if kind == "inhomogeneous gamma":
        _check_bins(label, parameters)


def _check_times(label: str, times: FloatArray, cells: IntArray) -> None:
    wrong = ~(np.isfinite(times) & (times >= 0.0))
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InvalidParameterValueError(
            f"spike_times of cell {cells[first]} of '{label}' has {times[first]:g}; a spike time is a finite number of "
            "ms, and not negative."
        )


def lost_times(old: Ragged, new: Ragged, dt: float, step: int) -> FloatArray:
    """Of the times (ms) that `new` has and `old` has not, those at or before `step`, which are past.

    Both have one row a cell. Times that have been played already are in both, and not lost.
    """
    rows = np.repeat(np.arange(len(new)), np.diff(new.offsets))
    past = nearest_steps(new.values, dt) <= step
    known = np.repeat(np.arange(len(old)), np.diff(old.offsets))
    played = set(zip(known.tolist(), nearest_steps(old.values, dt).tolist(), strict=True)) if past.any() else set()
    steps = nearest_steps(new.values[past], dt).tolist()
    lost = [(row, at) not in played for row, at in zip(rows[past].tolist(), steps, strict=True)]
    return new.values[past][np.array(lost, dtype=bool)]


def _check_bins(label: str, parameters: Mapping[str, Any]) -> None:
    """a, b and tbins of each cell are of one length, and tbins increase."""
    rows: dict[str, Any] = {name: parameters[name] for name in ("a", "b", "tbins")}
    count = max(len(row) for row in rows.values())
    for cell in range(count):
        a, b, tbins = (row[cell if len(row) > 1 else 0] for row in rows.values())
        if not len(a) == len(b) == len(tbins) or not len(tbins):
            raise InvalidParameterValueError(
                f"cell {cell} of '{label}': a, b and tbins must be of one length, at least 1; they have {len(a)}, "
                f"{len(b)} and {len(tbins)} values. Change them together: set(a=..., b=..., tbins=...)."
            )
        if np.any(np.diff(tbins) <= 0.0):
            raise InvalidParameterValueError(f"cell {cell} of '{label}': the times in tbins must increase.")


_RULES: dict[str, tuple[str, Callable[[FloatArray], Any]]] = {
    "rate": ("finite and not negative", lambda x: np.isfinite(x) & (x >= 0.0)),
    "tau_refrac": ("finite and not negative", lambda x: np.isfinite(x) & (x >= 0.0)),
    "start": ("a number", lambda x: ~np.isnan(x)),
    "duration": ("not negative", lambda x: x >= 0.0),
    "alpha": ("finite and greater than 0", lambda x: np.isfinite(x) & (x > 0.0)),
    "beta": ("finite and not negative", lambda x: np.isfinite(x) & (x >= 0.0)),
    "a": ("finite and greater than 0", lambda x: np.isfinite(x) & (x > 0.0)),
    "b": ("greater than 0", lambda x: x > 0.0),
    "tbins": ("a finite number of ms", np.isfinite),
}


def _check_values(model: str, name: str, values: Any, label: str) -> None:
    rule, holds = _RULES[name]
    one_a_cell = not isinstance(values, (list, Ragged))
    rows = [np.ravel(np.asarray(values, dtype=float))] if one_a_cell else [values[i] for i in range(len(values))]
    for cell, row in enumerate(rows):
        right = holds(row)
        if not np.all(right):
            k = int(np.argmin(right))
            raise InvalidParameterValueError(
                f"{name} of cell {k if one_a_cell else cell} of '{label}' ({model}) is {row[k]:g}; it must be {rule}."
            )


def _of_cell(values: Any, cell: int) -> Any:
    array = np.asarray(values, dtype=float)
    return array.flat[cell] if array.size > 1 else array.flat[0]


_KINDS: dict[str, Callable[[PopulationSpec, Settings, int], SpikeSource]] = {
    "array": ArraySource,
    "poisson": PoissonSource,
    "poisson with dead time": RefractoryPoissonSource,
    "gamma": GammaSource,
    "inhomogeneous gamma": InhomogeneousGammaSource,
}
_MODELS = {kind: getattr(make, "model", "SpikeSourceArray") for kind, make in _KINDS.items()}
