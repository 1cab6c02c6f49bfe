"""Where the time of a simulation goes: what sim.profile() shows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from typing import Any, Protocol, runtime_checkable

from pyNN.compilation.library import seconds_waited
from pyNN.errors import InvalidParameterValueError, nearest

Path = tuple[str, ...]
"""Names from the outermost phase to the innermost, e.g. ("run", "cells and synapses", "update", "excitatory")."""

KERNELS = "load or compile kernels"
CELLS_AND_SYNAPSES: Path = ("run", "cells and synapses")
"""What a simulator's loop does; its parts are told apart with setup(profile=True), where the simulator can."""
_SMALL = 0.005


@runtime_checkable
class ProfiledSession(Protocol):
    """A session that knows more than how long its methods take."""

    def phase_seconds(self) -> Mapping[Path, float]:
        """Seconds that each phase has taken since the session was opened, its parts included."""


class PhaseTimes:
    """Seconds by phase, added up."""

    def __init__(self) -> None:
        self.seconds: dict[Path, float] = {}

    def add(self, path: Path, seconds: float) -> None:
        self.seconds[path] = self.seconds.get(path, 0.0) + seconds

    @contextmanager
    def measure(self, *path: str) -> Iterator[None]:
        """Add the time that the block takes, also if it raises; waiting for kernels is a part of it."""
        began, waited = time.perf_counter(), seconds_waited()
        try:
            yield
        finally:
            self.add(path, time.perf_counter() - began)
            self.add_waited(path, waited)

    def add_waited(self, path: Path, before: float) -> None:
        """Add to a phase's part for kernels what has been waited since seconds_waited() was `before`."""
        if seconds_waited() > before:
            self.add((*path, KERNELS), seconds_waited() - before)

    def merge(self, seconds: Mapping[Path, float]) -> None:
        for path, value in seconds.items():
            self.add(path, value)


@dataclass(frozen=True)
class Phase:
    """One phase of a simulation."""

    name: str
    seconds: float
    """With its parts."""
    phases: tuple[Phase, ...] = ()

    @property
    def other_seconds(self) -> float:
        """What is left when the parts are taken away."""
        return max(self.seconds - sum(phase.seconds for phase in self.phases), 0.0)

    def __getitem__(self, name: str) -> Phase:
        for phase in self.phases:
            if phase.name == name:
                return phase
        names = [phase.name for phase in self.phases]
        raise InvalidParameterValueError(
            f"'{self.name}' has no phase '{name}'.{nearest(name, names)} It has: {', '.join(names) or 'none'}."
        )


@dataclass(frozen=True)
class Profile:
    """Where the time since setup() went. Printed, it is a table; `seconds` are wall-clock time.

    ``profile.run``, ``profile["run"].seconds`` and ``profile["run", "cells and synapses"].phases`` are numbers;
    ``as_dict()`` has all of them.
    """

    phases: tuple[Phase, ...]
    """describe, build, run, collect."""
    duration_ms: float
    """Model time that has been simulated, of all runs since setup()."""
    detailed: bool
    """Whether setup(profile=True) asked for the split by population and projection."""

    @classmethod
    def of(cls, seconds: Mapping[Path, float], duration_ms: float, detailed: bool) -> Profile:
        """From seconds by path; what has parts and no time of its own takes as long as its parts."""
        return cls(_phases(seconds, ()), duration_ms, detailed)

    def __getitem__(self, path: str | Path) -> Phase:
        found = Phase("the profile", self.total, self.phases)
        for name in (path,) if isinstance(path, str) else path:
            found = found[name]
        return found

    def _seconds(self, *path: str) -> float:
        return self.as_dict().get(path, 0.0)

    @property
    def total(self) -> float:
        """Seconds in the phases, which is not the time of the script: what it does itself is not known here."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def describe(self) -> float:
        """Seconds for populations and projections, random numbers and connections included."""
        return self._seconds("describe")

    @property
    def connect(self) -> float:
        """Seconds for drawing connections."""
        return self._seconds("describe", "draw connections")

    @property
    def build(self) -> float:
        """Seconds for making the network in the simulator."""
        return self._seconds("build")

    @property
    def compile(self) -> float:
        """Seconds of waiting for kernels to be loaded or compiled, in all phases."""
        return sum(seconds for path, seconds in self.as_dict().items() if path[-1] == KERNELS)

    @property
    def run(self) -> float:
        """Seconds in run()."""
        return self._seconds("run")

    @property
    def collect(self) -> float:
        """Seconds for get_data() and write_data()."""
        return self._seconds("collect")

    @property
    def real_time_factor(self) -> float:
        """Seconds of run() for a second of model time; NaN before the first run."""
        return 1000.0 * self.run / self.duration_ms if self.duration_ms else float("nan")

    def as_dict(self) -> dict[Path, float]:
        """Seconds by path."""
        return {path: phase.seconds for path, phase in _walk(self.phases, ())}

    def rows(self) -> list[tuple[int, str, float]]:
        """(depth, name, seconds) of each line of the table; "other" is what the parts of a phase leave."""
        return list(_rows(self.phases, 0, _SMALL * self.total))

    def __str__(self) -> str:
        rows = self.rows()
        width = max([len("phase"), *(2 * depth + len(name) for depth, name, _ in rows)])
        lines = [f"{'phase':{width}}  {'seconds':>9}  {'share':>6}", "-" * (width + 19)]
        lines += [
            f"{'  ' * depth + name:{width}}  {seconds:9.3f}  {self._share(seconds):>6}"
            for depth, name, seconds in rows
        ]
        lines += ["-" * (width + 19), f"{'total':{width}}  {self.total:9.3f}  {'100 %':>6}"]
        if self.duration_ms:
            lines.append(f"{self.duration_ms:g} ms simulated, {self.real_time_factor:.3g} s a second of model time")
        if not self.detailed and self.duration_ms:
            lines.append("setup(profile=True) also shows populations and projections, where the simulator can.")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td style='text-align:left;padding-left:{1.5 * depth}em'>{escape(name)}</td><td>{seconds:.3f}</td>"
            f"<td>{self._share(seconds)}</td></tr>"
            for depth, name, seconds in [*self.rows(), (0, "total", self.total)]
        )
        return f"<table><tr><th>phase</th><th>seconds</th><th>share</th></tr>{cells}</table>"

    def _share(self, seconds: float) -> str:
        return f"{100.0 * seconds / self.total:.0f} %" if self.total else ""


def _phases(seconds: Mapping[Path, float], above: Path) -> tuple[Phase, ...]:
    depth = len(above)
    names = dict.fromkeys(path[depth] for path in seconds if len(path) > depth and path[:depth] == above)
    found = []
    for name in names:
        path = (*above, name)
        parts = _phases(seconds, path)
        found.append(Phase(name, max(seconds.get(path, 0.0), sum(part.seconds for part in parts)), parts))
    return tuple(found)


def _walk(phases: tuple[Phase, ...], above: Path) -> Iterator[tuple[Path, Phase]]:
    for phase in phases:
        path = (*above, phase.name)
        yield path, phase
        yield from _walk(phase.phases, path)


def _rows(phases: tuple[Phase, ...], depth: int, smallest: float) -> Iterator[tuple[int, str, float]]:
    for phase in phases:
        yield depth, phase.name, phase.seconds
        yield from _rows(phase.phases, depth + 1, smallest)
        if phase.phases and phase.other_seconds > smallest:
            yield depth + 1, "other", phase.other_seconds


@dataclass
class Timings:
    """What a simulation measures of itself, from setup() on."""

    times: PhaseTimes = field(default_factory=PhaseTimes)
    steps: int = 0

    def profile(self, session: Any, timings: Mapping[str, float], dt: float, detailed: bool) -> Profile:
        """With what the present session, if there is one, knows."""
        everything = PhaseTimes()
        for path in (("describe",), ("build",), ("run",), ("collect",)):
            everything.add(path, 0.0)
        everything.add(("describe", "draw connections"), timings["connect"])
        everything.add(("build",), timings["build"])
        everything.add(("run",), timings["run"])
        everything.merge(self.times.seconds)
        if isinstance(session, ProfiledSession):
            everything.merge(session.phase_seconds())
        return Profile.of(everything.seconds, self.steps * dt, detailed)

    def keep(self, session: Any) -> None:
        """Remember what a session knows that is about to be closed."""
        if isinstance(session, ProfiledSession):
            self.times.merge(session.phase_seconds())
