"""Explicit Runge-Kutta methods, as Butcher tableaux."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Tableau:
    """An explicit Runge-Kutta method for y' = f.

    Stage i is f at time nodes[i] and y + sum_j stages[i][j]*k_j; the step is sum_i weights[i]*k_i. The last stage is
    taken at the end of the step with the result itself and serves only the estimate sum_i error[i]*k_i.
    """

    name: str
    order: int
    nodes: tuple[Fraction, ...]
    stages: tuple[tuple[Fraction, ...], ...]
    weights: tuple[Fraction, ...]
    error: tuple[Fraction, ...]
    literature: str


def _row(text: str) -> tuple[Fraction, ...]:
    return tuple(Fraction(part) for part in text.split())


DORMAND_PRINCE = Tableau(
    name="dopri5",
    order=5,
    nodes=_row("0 1/5 3/10 4/5 8/9 1 1"),
    stages=(
        (),
        _row("1/5"),
        _row("3/40 9/40"),
        _row("44/45 -56/15 32/9"),
        _row("19372/6561 -25360/2187 64448/6561 -212/729"),
        _row("9017/3168 -355/33 46732/5247 49/176 -5103/18656"),
    ),
    weights=_row("35/384 0 500/1113 125/192 -2187/6784 11/84"),
    error=_row("71/57600 0 -71/16695 71/1920 -17253/339200 22/525 -1/40"),
    literature="Dormand and Prince 1980, J Comput Appl Math 6:19",
)

METHODS: Mapping[str, Tableau] = {DORMAND_PRINCE.name: DORMAND_PRINCE}
