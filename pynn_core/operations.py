"""What a script has done between time steps: network operations, calls at intervals, stopping, reports and timing.

A simulation has one `Schedule`. An operation that is due at step k is called before update k, at time k*dt; operations
that are due together are called by slot, then `order`, then in the order in which they were made.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pyNN.errors import CapabilityError, InvalidModelError, InvalidParameterValueError, InvalidTimeError
from pyNN.units import factor

SLOTS = ("start", "groups", "thresholds", "synapses", "resets", "end")
"""What happens in a time step, in order. Each slot has a before_ and an after_ one."""
_CALLABLE_SLOTS = ("before_start", "start", "after_start", "before_groups")
"""Slots before the states are updated: there a script's own functions have their place."""


def milliseconds(value: Any, what: str) -> float:
    """A positive time in ms: a number of ms, or a quantity."""
    given = value
    dimension = getattr(value, "dimensionality", None)
    if dimension is not None:
        given = float(value.magnitude) * factor(str(dimension.string), "ms")
    elif getattr(getattr(value, "dim", None), "_dims", None) is not None:
        given = float(value) * 1000.0
    try:
        number = float(given)
    except (TypeError, ValueError) as error:
        raise InvalidTimeError(f"{what} must be a time in ms, not {value!r}.") from error
    if not number > 0.0 or number == float("inf"):
        raise InvalidTimeError(f"{what} must be a positive time in ms, not {value!r}.")
    return number


def whole_steps(value: Any, dt: float, what: str) -> int:
    """A time as a number of time steps; InvalidTimeError where it is not a multiple of the time step."""
    number = milliseconds(value, what)
    steps = round(number / dt)
    if steps < 1 or abs(number / dt - steps) > 1e-4:
        nearest_multiple = max(steps, 1) * dt
        raise InvalidTimeError(
            f"{what} = {number:g} ms is not a multiple of the time step, {dt:g} ms. The nearest is "
            f"{nearest_multiple:g} ms."
        )
    return steps


class Clock:
    """A time step other than the simulation's, for what is done at intervals: ``Clock(1.0)``, in ms or a quantity."""

    def __init__(self, dt: Any, name: str = "clock") -> None:
        self.dt = milliseconds(dt, "the step of a clock")
        """ms."""
        self.name = name

    def __repr__(self) -> str:
        return f"Clock(dt={self.dt:g}, name={self.name!r})"


def check_dt(new_dt: Any, old_dt: Any, target_t: Any) -> None:
    """InvalidTimeError unless the time `target_t` is on the grid of both time steps; all in ms."""
    new, old = milliseconds(new_dt, "new_dt"), milliseconds(old_dt, "old_dt")
    present = float(target_t)
    on_old = round(present / old) * old
    if abs(on_old / new - round(on_old / new)) > 1e-4:
        raise InvalidTimeError(
            f"At {present:g} ms the time step cannot become {new:g} ms: that time is no multiple of it (the step "
            f"is {old:g} ms)."
        )


def interval_of(dt: Any, clock: Any, what: str) -> float:
    """ms between two calls, from `dt` or `clock`; 0.0 for every time step."""
    if dt is not None and clock is not None:
        raise InvalidParameterValueError(f"{what}: give dt= or clock=, not both.")
    if clock is not None:
        return milliseconds(getattr(clock, "dt", clock), f"{what}: the clock's step")
    return 0.0 if dt is None else milliseconds(dt, f"{what}: dt")


def check_slot(when: Any, possible: Iterable[str], what: str, reason: str) -> str:
    """`when` if it is one of `possible`; InvalidParameterValueError for no slot, CapabilityError for another slot."""
    every = [f"{prefix}{slot}" for slot in SLOTS for prefix in ("before_", "", "after_")]
    if when not in every:
        raise InvalidParameterValueError(f"{what}: when={when!r} is no slot. Slots: {', '.join(every)}.")
    if when not in possible:
        raise CapabilityError(f"{what}: when={when!r} is not available. {reason} Possible: {', '.join(possible)}.")
    return str(when)


def check_order(order: Any, what: str) -> int:
    if isinstance(order, bool) or not isinstance(order, int):
        raise InvalidParameterValueError(f"{what}: order must be a whole number, not {order!r}.")
    return order


class NetworkOperation:
    """A function that is called in every step of a run, or every `dt` ms; it takes no argument, or the time in ms.

    `active = False` pauses it. `when` is a slot before the states are updated (by default "start"), `order` parts
    operations of one slot.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        dt: Any = None,
        clock: Any = None,
        when: str = "start",
        order: int = 0,
        name: str | None = None,
    ) -> None:
        if not callable(function):
            raise InvalidModelError(f"A network operation is a function, not {function!r}.")
        self.name = getattr(function, "__name__", "operation") if name is None else str(name)
        what = f"network operation '{self.name}'"
        self.function = function
        self.takes_time = _number_of_arguments(function, what) == 1
        self.interval = interval_of(dt, clock, what)
        self.when = check_slot(
            when, _CALLABLE_SLOTS, what, "Python is called between time steps, before the states are updated."
        )
        self.order = check_order(order, what)
        self.active = True
        self.seconds = 0.0
        """Wall time that it has taken."""
        self.next_step = 0

    kind = "network operation"

    def prepare(self, dt: float) -> None:
        """Check the interval against the time step."""
        self.every_steps = whole_steps(self.interval, dt, f"dt of '{self.name}'") if self.interval else 1

    def begin(self, step: int) -> None:
        """A run begins."""
        self.next_step = -(-step // self.every_steps) * self.every_steps

    def call(self, step: int, t: float) -> None:
        self.next_step = step + self.every_steps
        if self.active:
            if self.takes_time:
                self.function(t)
            else:
                self.function()


class Every(NetworkOperation):
    """A function f(n) of the number of the call, called every `period` ms of each run; see `every`."""

    kind = "every"

    def __init__(self, function: Callable[..., Any], period: Any, offset: Any = 0.0, wait: Any = 0.0) -> None:
        if not callable(function):
            raise InvalidModelError(f"every() decorates a function, not {function!r}.")
        super().__init__(function, dt=period)
        self.takes_time = True
        self.offset, self.wait = _time(offset, "offset"), _time(wait, "wait")
        if self.wait < 0.0:
            raise InvalidTimeError(f"wait must not be negative; {wait!r} ms was given.")
        self.calls = 0

    def prepare(self, dt: float) -> None:
        super().prepare(dt)
        self.first = round(self.wait / dt) + round((self.offset % self.interval) / dt)

    def begin(self, step: int) -> None:
        self.calls = 0
        self.next_step = step + self.first

    def call(self, step: int, t: float) -> None:
        self.next_step = step + self.every_steps
        number = self.calls
        self.calls += 1
        if self.active:
            self.function(number)


class AtTimes(NetworkOperation):
    """A function that is called once at each of some times (ms), rounded to the grid; it takes no argument, or t."""

    def __init__(
        self, function: Callable[..., Any], times: Any, when: str = "start", order: int = 0, name: str | None = None
    ) -> None:
        super().__init__(function, None, None, when, order, name)
        what = f"times of '{self.name}'"
        dimension = getattr(times, "dimensionality", None)
        scale = 1.0 if dimension is None else factor(str(dimension.string), "ms")
        given = getattr(times, "magnitude", times)
        values = [_time(value, what) for value in (given if hasattr(given, "__len__") else [given])]
        self.times = sorted(scale * value for value in values)
        if not all(0.0 <= t < float("inf") for t in self.times):
            raise InvalidTimeError(f"The {what} must be finite and not negative: {times!r}.")

    def prepare(self, dt: float) -> None:
        self.every_steps = 1
        self._steps = [round(t / dt) for t in self.times]
        twice = [k for k, following in zip(self._steps, self._steps[1:], strict=False) if k == following]
        if twice:
            raise InvalidTimeError(
                f"The times of '{self.name}' have {twice[0] * dt:g} ms twice, on the grid of {dt:g} ms."
            )

    def begin(self, step: int) -> None:
        self.next_step = next((k for k in self._steps if k >= step), sys.maxsize)

    def call(self, step: int, t: float) -> None:
        super().call(step, t)
        self.begin(step + 1)


def _time(value: Any, what: str) -> float:
    dimension = getattr(value, "dimensionality", None)
    if dimension is not None:
        return float(value.magnitude) * factor(str(dimension.string), "ms")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InvalidTimeError(f"{what} must be a time in ms, not {value!r}.") from error


def _number_of_arguments(function: Callable[..., Any], what: str) -> int:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return 0
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if parameters and parameters[0].name == "self" and len(needed) > 1 or len(needed) > 1:
        names = ", ".join(p.name for p in needed)
        raise InvalidModelError(
            f"{what}: the function takes {len(needed)} arguments ({names}); possible are none, or one, the time in ms. "
            "A method is passed after its object is made: NetworkOperation(obj.method)."
        )
    return len(needed)


@dataclass
class Row:
    """One line of a summary of the schedule."""

    name: str
    part_of: str
    every_steps: int
    when: str
    order: int
    active: bool


@dataclass
class Schedule:
    """The operations of one simulation, and the state of its present run."""

    operations: list[NetworkOperation] = field(default_factory=list)
    enabled: bool = True
    """False: calls made with every() are left out."""
    stopping: bool = False
    reporter: Reporter | None = None
    _fresh: list[NetworkOperation] = field(default_factory=list)

    def add(self, operation: NetworkOperation, dt: float) -> None:
        """Take part from the next step on."""
        operation.prepare(dt)
        self.operations.append(operation)
        self._fresh.append(operation)

    def remove(self, operation: NetworkOperation) -> None:
        self.operations = [o for o in self.operations if o is not operation]

    def clear(self, kind: str) -> None:
        """Forget all operations of a kind."""
        self.operations = [o for o in self.operations if o.kind != kind]

    def begin(self, step: int, report: Any = None, period: Any = 1e4, start: float = 0.0, stop: float = 0.0) -> None:
        """A run of a script begins, from `start` to `stop` (ms)."""
        self.stopping = False
        self._fresh = []
        self.reporter = None if report is None else Reporter(report, period, start, stop - start)
        for operation in self.operations:
            operation.begin(step)

    def finish(self) -> None:
        """The run has ended, or was stopped."""
        if self.reporter is not None:
            self.reporter.finish()
        self.reporter = None

    def call(self, step: int, t: float) -> int:
        """Call what is due at a step; the step of the next call."""
        if not self.operations:
            return sys.maxsize
        for operation in self._fresh:
            operation.begin(step)
        self._fresh = []
        due = [o for o in self.operations if o.next_step <= step]
        for operation in sorted(due, key=lambda o: (_CALLABLE_SLOTS.index(o.when), o.order)):
            if operation.kind == "every" and not self.enabled:
                operation.next_step = step + operation.every_steps
                continue
            began = time.perf_counter()
            operation.call(step, t)
            operation.seconds += time.perf_counter() - began
        return min((o.next_step for o in self.operations), default=sys.maxsize)

    def report(self, t: float) -> None:
        """The run has reached `t` ms."""
        if self.reporter is not None:
            self.reporter.progress(t)


class Reporter:
    """Tells how far a run is: text on a stream, or report(elapsed s, completed 0..1, start ms, duration ms)."""

    def __init__(self, report: Any, period: Any, start: float, duration: float) -> None:
        streams = {"text": sys.stdout, "stdout": sys.stdout, "stderr": sys.stderr}
        if isinstance(report, str) and report in streams:
            report = TextReport(streams[report])
        if not callable(report):
            raise InvalidParameterValueError(
                "report must be 'text', 'stdout', 'stderr' or a function of (elapsed, completed, start, "
                f"duration), not {report!r}."
            )
        self._report = report
        self._period = milliseconds(period, "report_period") / 1000.0
        self._start, self._duration = start, duration
        self._began = self._last = time.perf_counter()
        report(0.0, 0.0, start, duration)

    def progress(self, t: float) -> None:
        """The run has reached `t` ms."""
        now = time.perf_counter()
        if now - self._last >= self._period and t < self._start + self._duration:
            self._last = now
            self._report(now - self._began, (t - self._start) / self._duration, self._start, self._duration)

    def finish(self) -> None:
        self._report(time.perf_counter() - self._began, 1.0, self._start, self._duration)


class TextReport:
    """Writes a line on the progress of a run to a stream."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __call__(self, elapsed: float, completed: float, start: float, duration: float) -> None:
        if completed == 0.0:
            line = f"Simulating {duration:g} ms from t = {start:g} ms"
        elif completed < 1.0:
            left = elapsed / completed - elapsed
            line = (
                f"{completed * duration:g} ms ({completed:.0%}) simulated in {elapsed:.0f} s, about {left:.0f} s left"
            )
        else:
            line = f"{duration:g} ms simulated in {elapsed:.1f} s"
        self.stream.write(line + "\n")
        self.stream.flush()


class _Table:
    """Rows that print as text, and as a table in notebooks."""

    headings: tuple[str, ...] = ()

    def _cells(self) -> list[tuple[str, ...]]:
        raise NotImplementedError

    def __str__(self) -> str:
        rows = [self.headings, *self._cells()]
        widths = [max(len(row[k]) for row in rows) for k in range(len(self.headings))]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        def line(cells: Iterable[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in cells) + "</tr>"

        return f"<table>{line(self.headings, 'th')}{''.join(line(c, 'td') for c in self._cells())}</table>"


class SchedulingSummary(_Table):
    """What is done in each time step, in order: name, part of, interval, slot, order and whether it is active."""

    headings = ("object", "part of", "every", "when", "order", "active")

    def __init__(self, rows: list[Row], dt: float) -> None:
        slots = [f"{prefix}{slot}" for slot in SLOTS for prefix in ("before_", "", "after_")]
        self.entries = sorted(rows, key=lambda row: (slots.index(row.when), row.order))
        self.dt = dt

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (r.name, r.part_of, f"{r.every_steps * self.dt:g} ms (every {r.every_steps} steps)" if r.every_steps > 1
             else f"{self.dt:g} ms", r.when, str(r.order), "yes" if r.active else "no")
            for r in self.entries
        ]  # fmt: skip


class ProfilingSummary(_Table):
    """Wall time by what it was spent on, the longest first, and its share of the sum."""

    headings = ("part", "seconds", "share")

    def __init__(self, rows: list[tuple[str, float]], show: int | None = None) -> None:
        if show is not None and (isinstance(show, bool) or not isinstance(show, int) or show < 1):
            raise InvalidParameterValueError(f"show must be a number of rows, not {show!r}.")
        total = sum(seconds for _, seconds in rows) or 1.0
        rows = rows if show is None else rows[:show]
        self.names = [name for name, _ in rows]
        self.times = [seconds for _, seconds in rows]
        self.percentages = [100.0 * seconds / total for seconds in self.times]

    def _cells(self) -> list[tuple[str, ...]]:
        return [(n, f"{t:.3f}", f"{p:.1f} %") for n, t, p in zip(self.names, self.times, self.percentages, strict=True)]


def rows_of(simulation: Any) -> list[Row]:
    """The rows of a scheduling summary."""
    rows = [
        Row(
            o.name,
            o.kind,
            o.every_steps,
            o.when,
            o.order,
            o.active and (o.kind != "every" or simulation.schedule.enabled),
        )
        for o in simulation.schedule.operations
    ]
    for population in simulation.populations:
        definition = population.definition
        interval = getattr(definition, "update_interval", 0.0)
        steps = max(1, round(interval / simulation.dt)) if interval else 1
        order = int(getattr(population, "order", 0))
        source = bool(definition.source)
        if not source:
            rows.append(Row(f"{population.label}: state update", population.label, steps, "groups", order, True))
        if source or definition.threshold:
            rows.append(Row(f"{population.label}: spikes", population.label, steps, "thresholds", order, True))
        for event in getattr(definition, "events", {}):
            rows.append(
                Row(f"{population.label}: event '{event}'", population.label, steps, "after_thresholds", order, True)
            )
        if definition.reset:
            rows.append(Row(f"{population.label}: reset", population.label, steps, "resets", order, True))
    for projection in simulation.projections:
        rows.append(Row(f"{projection.label}: delivery", projection.label, 1, "synapses", 0, True))
    for recording in simulation.network.recordings:
        label = simulation.populations[recording.population].label
        rows.append(Row(f"{label}: record {recording.variable}", label, recording.every_steps, "end", 0, True))
    return rows


def profile_of(simulation: Any) -> list[tuple[str, float]]:
    """(part, seconds of wall time), the longest first."""
    called = [(o.name, o.seconds) for o in simulation.schedule.operations]
    run = max(simulation.timings["run"] - sum(seconds for _, seconds in called), 0.0)
    rows = [
        ("connect", simulation.timings["connect"]),
        ("build", simulation.timings["build"]),
        ("simulate", run),
        *called,
    ]
    return sorted(rows, key=lambda row: -row[1])
