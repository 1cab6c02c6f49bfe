"""Progress bars that scripts draw themselves."""

from __future__ import annotations

import sys
from typing import Any

from pyNN.errors import InvalidParameterValueError


class ProgressBar:
    """A bar from 0 to 1, `width` characters wide, drawn with `char` on the error stream.

    In mode "fixed" the bar has its full width from the start; in mode "dynamic" it is drawn as long as it has come.
    """

    def __init__(self, width: int = 77, char: str = "#", mode: str = "fixed") -> None:
        if mode not in ("fixed", "dynamic"):
            raise InvalidParameterValueError(f"mode={mode!r}: a progress bar is 'fixed' or 'dynamic'.")
        if len(char) != 1:
            raise InvalidParameterValueError(f"char={char!r}: a progress bar is drawn with one character.")
        self.width = int(width)
        self.char = char
        self.mode = mode
        self.level = 0.0
        self._bar: Any = None

    def __call__(self, level: float) -> None:
        self.set_level(level)

    def set_level(self, level: float) -> None:
        """Draw the bar at `level`; what is outside of 0..1 is drawn as the nearer end."""
        self.level = min(1.0, max(0.0, float(level)))
        if self._bar is None:
            self._bar = self._make_bar()
        if self.mode == "dynamic":
            self._bar.ncols = max(12, round(self.width * self.level))
        self._bar.n = self.level
        self._bar.refresh()
        if self.level >= 1.0:
            self._bar.close()
            self._bar = None

    def _make_bar(self) -> Any:
        from tqdm import tqdm

        return tqdm(
            total=1.0,
            ncols=self.width,
            ascii=f" {self.char}",
            bar_format="[{bar}] {percentage:3.0f}%",
            file=sys.stderr,
        )


class SimulationProgressBar(ProgressBar):
    """A callback for run() that draws how far the run has come, every `interval` ms until `t_stop` ms."""

    def __init__(self, interval: float, t_stop: float, char: str = "#", mode: str = "fixed") -> None:
        if not interval > 0:
            raise InvalidParameterValueError(f"interval={interval!r}: the bar needs an interval above 0 ms.")
        super().__init__(width=min(77, max(12, int(t_stop / interval) + 10)), char=char, mode=mode)
        self.interval = float(interval)
        self.t_stop = float(t_stop)

    def __call__(self, t: float) -> float:  # type: ignore[override]
        """Draw the bar for time `t` and answer the time of the next call."""
        self.set_level(t / self.t_stop if self.t_stop > 0 else 1.0)
        return t + self.interval
