"""Wall-clock time of the parts of a script."""

from __future__ import annotations

import time
import warnings

from pyNN.errors import PyNNDeprecationWarning


class Timer:
    """A stop watch that runs from its creation; times are in seconds, or in words with ``format="long"``."""

    def __init__(self) -> None:
        self.marks: list[tuple[str, float]] = []
        self.start()

    def start(self) -> None:
        """Start, or start again, from 0."""
        self._start_time = time.perf_counter()
        self._last_check = self._start_time

    def reset(self) -> None:
        """Start again from 0 and forget the marks."""
        self.marks = []
        self.start()

    def elapsed_time(self, format: str | None = None) -> float | str:
        """Time since start()."""
        self._last_check = time.perf_counter()
        return self._formatted(self._last_check - self._start_time, format)

    def elapsedTime(self, format: str | None = None) -> float | str:
        """Deprecated: elapsed_time()."""
        warnings.warn("Timer.elapsedTime() is now Timer.elapsed_time().", PyNNDeprecationWarning, stacklevel=2)
        return self.elapsed_time(format)

    def diff(self, format: str | None = None) -> float | str:
        """Time since the last call of start(), elapsed_time(), diff() or mark()."""
        return self._formatted(self._lap(), format)

    def mark(self, label: str) -> None:
        """Append (label, seconds since the last check) to `marks`."""
        self.marks.append((label, self._lap()))

    def _lap(self) -> float:
        now = time.perf_counter()
        lap = now - self._last_check
        self._last_check = now
        return lap

    def _formatted(self, seconds: float, format: str | None) -> float | str:
        return self.time_in_words(seconds) if format == "long" else seconds

    @staticmethod
    def time_in_words(s: float) -> str:
        """Seconds as text: 3725.5 is "1 hour, 2 minutes, 5 seconds"."""
        total = int(s)
        parts = []
        for name, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
            number, total = divmod(total, length)
            if number:
                parts.append(f"{number} {name}{'s' if number > 1 else ''}")
        return ", ".join(parts) or "0 seconds"
