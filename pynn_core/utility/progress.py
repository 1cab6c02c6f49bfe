"""Progress of long operations: a bar on a terminal or in a notebook, a line now and then in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

DELAY = 1.0
"""Seconds for which nothing is shown: what ends before that needs no bar."""
LOG_INTERVAL = 30.0
"""Seconds between lines where there is neither a terminal nor a notebook."""


def in_notebook() -> bool:
    """Whether a Jupyter kernel executes this."""
    return "ipykernel" in sys.modules and "IPython" in sys.modules


def is_interactive(stream: TextIO) -> bool:
    """Whether a bar that redraws itself can be seen on `stream`."""
    return in_notebook() or (hasattr(stream, "isatty") and stream.isatty())


class Progress:
    """Shows how far something has come: ``with Progress(total, "build", "cells") as p: p(done)``.

    `total` and `done` are in `unit`. Nothing is shown in the first second, nor with ``enabled=False``.
    """

    def __init__(
        self,
        total: float,
        label: str,
        unit: str = "",
        enabled: bool = True,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = float(total)
        self.label = label
        self.unit = unit
        self._enabled = enabled
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._bar: Any = None
        self._done = 0.0
        self._began = self._clock()
        self._next_line = self._began + LOG_INTERVAL

    def __enter__(self) -> Progress:
        self._began = self._clock()
        self._next_line = self._began + LOG_INTERVAL
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __call__(self, done: float) -> None:
        """Show that `done` of the total is done."""
        self._done = float(done)
        if not self._enabled:
            return
        now = self._clock()
        if now - self._began < DELAY:
            return
        if is_interactive(self._stream):
            self._draw()
        elif now >= self._next_line:
            self._stream.write(self.line(now - self._began) + "\n")
            self._stream.flush()
            self._next_line = now + LOG_INTERVAL

    def _draw(self) -> None:
        if self._bar is None:
            if in_notebook():
                from tqdm.auto import tqdm
            else:
                from tqdm import tqdm
            self._bar = tqdm(
                total=self.total,
                desc=self.label,
                file=self._stream,
                leave=False,
                mininterval=0.1,
                bar_format="{desc}: {percentage:3.0f}%|{bar}| {postfix}",
            )
            self._bar.start_t -= self._clock() - self._began
        elapsed = self._clock() - self._began
        self._bar.set_postfix_str(self._figures(elapsed), refresh=False)
        self._bar.update(min(self._done, self.total) - self._bar.n)

    def line(self, elapsed: float) -> str:
        """The state as one line of text, `elapsed` seconds after the beginning."""
        percent = 100.0 * self._done / self.total if self.total else 100.0
        return f"{self.label}: {percent:.0f} %, {self._figures(elapsed)}"

    def _figures(self, elapsed: float) -> str:
        figures = f"{self._done:g} of {self.total:g} {self.unit}".rstrip() + f", {duration(elapsed)} elapsed"
        speed = self._speed(elapsed)
        if speed:
            figures += f", {speed}"
        if 0 < self._done < self.total:
            figures += f", {duration(elapsed * (self.total / self._done - 1.0))} left"
        return figures

    def _speed(self, elapsed: float) -> str:
        return f"{self._done / elapsed:.3g} {self.unit}/s".replace(" /", " 1/") if elapsed > 0 and self._done else ""


class RunProgress(Progress):
    """Progress of a simulation, with the ratio of simulated to real time."""

    def _speed(self, elapsed: float) -> str:
        return f"{self._done / (1000.0 * elapsed):.3g} x real time" if elapsed > 0 and self._done else ""


def run_progress(total_ms: float, label: str = "run", enabled: bool = True) -> RunProgress:
    """Progress of a run of `total_ms`: ``with run_progress(1000.0) as p: p(t_ms)``."""
    return RunProgress(total_ms, label, "ms", enabled)


def build_progress(total: float, label: str = "build", unit: str = "connections", enabled: bool = True) -> Progress:
    """Progress of a build of `total` things: ``with build_progress(80000) as p: p(done)``."""
    return Progress(total, label, unit, enabled)


def duration(seconds: float) -> str:
    """45 s, 3:05 or 1:02:03."""
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    hours, rest = divmod(total, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
