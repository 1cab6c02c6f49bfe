"""Whether the cells of a NEST simulation still have numbers for potentials: NEST itself goes on with NaN.

NEST makes a dictionary of all that it knows of a cell to tell its potential, about 20 us a cell. So it is asked at the
end of the first run, and of each further one, but in a loop of short runs of a large network only when that has become
a small part of the time, or data are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pyNN.errors import SimulatorError, not_finite
from pyNN.nest.ranks import Ranks
from pyNN.parallel import agree
from pyNN.specs import FloatArray, IntArray
from pyNN.translation import Translation

SHARE = 0.1
"""How much of the time of running may be spent on looking, after the first run."""
_SECONDS_A_CELL = 2e-5
_NOTHING = 1e-3
"""Seconds that a look may always take."""
_WHAT = "report of a state that is not finite"


@dataclass(frozen=True)
class Watched:
    """A state of the cells of a population that are on this rank."""

    population: str
    variable: str
    cells: IntArray
    read: Callable[[], FloatArray]


def readable(table: Translation) -> list[str]:
    """The states of a cell that NEST tells at any time, the potential first."""
    names = [state.name for state in table.states if state.readable and state.native and state.element is None]
    return sorted(names, key=lambda name: name != "v")


class Health:
    """Looks whether states are finite. All ranks must call its functions alike."""

    def __init__(self, ranks: Ranks, dt: float) -> None:
        self._ranks = ranks
        self._dt = dt
        self._seconds = np.inf
        """Of running since the last look."""
        self._looked = 0
        self._failed = False
        self._failure: SimulatorError | None = None
        """The report, if it is of a cell of this rank."""

    def report_again(self) -> None:
        """Raise what ended an earlier run: nothing that comes after is worth anything."""
        if self._failed:
            agree(self._ranks.comm, self._failure, _WHAT)

    def look(self, watched: Sequence[Watched], step: int, seconds: float) -> None:
        """SimulatorError on all ranks if a cell of any has a state that is not finite, unless it is too early to look.

        `seconds`: the time of the run that has ended with `step`.
        """
        self._seconds += seconds
        cost = _SECONDS_A_CELL * sum(len(one.cells) for one in watched)
        cost, since = self._ranks.largest(cost, self._seconds)
        if step == self._looked or cost > max(SHARE * since, _NOTHING):
            return
        found = [one for one in (self._wrong_in(watch, step) for watch in watched) if one is not None]
        self._looked, self._seconds = step, 0.0
        self._failure = found[0] if found else None
        self._failed = bool(self._ranks.largest(bool(found))[0])
        self.report_again()

    def _wrong_in(self, watch: Watched, step: int) -> SimulatorError | None:
        values = watch.read()
        wrong = np.flatnonzero(~np.isfinite(values))
        if not len(wrong):
            return None
        when = f"between {self._looked * self._dt:.12g} and {step * self._dt:.12g} ms"
        first = wrong[0]
        return not_finite(
            watch.variable, int(watch.cells[first]), watch.population, float(values[first]), when, len(wrong)
        )
