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
    second_error: tuple[Fraction, ...] = ()
    """An estimate of lower order, if there is one: the error is then e^2/sqrt(e^2 + s^2/100) for estimates e and s."""


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

DORMAND_PRINCE_8 = Tableau(
    name="dop853",
    order=8,
    nodes=_row(
        "0 0.05260015195876773 0.0789002279381516 0.1183503419072274 0.2816496580927726 0.3333333333333333 "
        "0.25 0.3076923076923077 0.6512820512820513 0.6 0.8571428571428571 1.0 1.0"
    ),
    stages=(
        (),
        _row(
            "0.05260015195876773"
        ),
        _row(
            "0.0197250569845379 0.0591751709536137"
        ),
        _row(
            "0.02958758547680685 0 0.08876275643042054"
        ),
        _row(
            "0.2413651341592667 0 -0.8845494793282861 0.924834003261792"
        ),
        _row(
            "0.037037037037037035 0 0 0.17082860872947386 0.12546768756682242"
        ),
        _row(
            "0.037109375 0 0 0.17025221101954405 0.06021653898045596 -0.017578125"
        ),
        _row(
            "0.03709200011850479 0 0 0.17038392571223998 0.10726203044637328 -0.015319437748624402 "
            "0.008273789163814023"
        ),
        _row(
            "0.6241109587160757 0 0 -3.3608926294469414 -0.868219346841726 27.59209969944671 "
            "20.154067550477894 -43.48988418106996"
        ),
        _row(
            "0.47766253643826434 0 0 -2.4881146199716677 -0.590290826836843 21.230051448181193 "
            "15.279233632882423 -33.28821096898486 -0.020331201708508627"
        ),
        _row(
            "-0.9371424300859873 0 0 5.186372428844064 1.0914373489967295 -8.149787010746927 "
            "-18.52006565999696 22.739487099350505 2.4936055526796523 -3.0467644718982196"
        ),
        _row(
            "2.273310147516538 0 0 -10.53449546673725 -2.0008720582248625 -17.9589318631188 "
            "27.94888452941996 -2.8589982771350235 -8.87285693353063 12.360567175794303 0.6433927460157636"
        ),
    ),
    weights=_row(
        "0.054293734116568765 0 0 0 0 4.450312892752409 1.8915178993145003 -5.801203960010585 "
        "0.3111643669578199 -0.1521609496625161 0.20136540080403034 0.04471061572777259"
    ),
    error=_row(
        "0.01312004499419488 0 0 0 0 -1.2251564463762044 -0.4957589496572502 1.6643771824549864 "
        "-0.35032884874997366 0.3341791187130175 0.08192320648511571 -0.022355307863886294 0"
    ),
    second_error=_row(
        "-0.18980075407240762 0 0 0 0 4.450312892752409 1.8915178993145003 -5.801203960010585 "
        "-0.4226823213237919 -0.1521609496625161 0.20136540080403034 0.02265179219836082 0"
    ),
    literature="Dormand and Prince 1980, with the error estimate of Hairer, Norsett and Wanner 1993, II.10",
)

EULER = Tableau("euler", 1, _row("0"), ((),), _row("1"), (), "Euler 1768")
MIDPOINT = Tableau("rk2", 2, _row("0 1/2"), ((), _row("1/2")), _row("0 1"), (), "Runge 1895")
HEUN = Tableau("heun", 2, _row("0 1"), ((), _row("1")), _row("1/2 1/2"), (), "Heun 1900")
RK4 = Tableau(
    "rk4", 4, _row("0 1/2 1/2 1"), ((), _row("1/2"), _row("0 1/2"), _row("0 0 1")), _row("1/6 1/3 1/3 1/6"), (),
    "Kutta 1901",
)
FIXED: Mapping[str, Tableau] = {m.name: m for m in (EULER, MIDPOINT, HEUN, RK4)}
"""Methods of fixed steps, without an estimate of the error."""

METHODS: Mapping[str, Tableau] = {m.name: m for m in (DORMAND_PRINCE, DORMAND_PRINCE_8)}
