"""What an update of a population consists of, before a writer makes source text of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from pyNN.equations.analysis import Analysis
from pyNN.equations.methods import Tableau

FUNCTIONS = (
    "arccos arcsin arctan ceil cos cosh exp expm1 floor log log10 log1p maximum minimum sign sin sinh sqrt tan tanh"
)
"""Functions of expressions that NumPy has under the same name."""

Assignment = tuple[str, str]


@dataclass(frozen=True)
class Propagator:
    """Coefficients of one exact solution of the linear part: over `fraction` of a step, with some states held or not.

    Coefficients are named `_{prefix}_{row}_{column}`; the columns after the states are "c" (constant drive) and "j"
    (injected current).
    """

    prefix: str
    fraction: Fraction
    held: bool


@dataclass
class Program:
    """One update of one cell."""

    analysis: Analysis
    tableau: Tableau
    propagators: list[Propagator] = field(default_factory=list)
    coefficients: list[str] = field(default_factory=list)
    """Names of all coefficients, in the order in which a kernel receives them."""
    integration: list[Assignment] = field(default_factory=list)
    """From old states to `_n_<state>`; where steps are refined also `_bad`: whether this one must be. Where the cells
    go in lock-step, their nonlinear states come from the function `integrate` instead."""
    completion: list[Assignment] = field(default_factory=list)
    """From `_n_<state>` to `_f_<state>`, `_spiking` and `_f_refractory`."""
    refinement: list[str] = field(default_factory=list)
    """Source of the function `refine`; its arguments are `refine_arguments`. Empty where cells go in lock-step."""
    lockstep: bool = False
    """Whether all cells take adaptive sub-steps side by side; see `pyNN.equations.lockstep`."""
    divergence: str = ""
    """A condition under which a solution that diverges within a step has spiked; "" if there is none."""
    slopes: list[str] = field(default_factory=list)
    """Source of the function `slopes`, which refine calls; its arguments are _h and `slope_arguments`."""
    slope_arguments: list[str] = field(default_factory=list)
    refine_arguments: list[str] = field(default_factory=list)
    refine_results: list[str] = field(default_factory=list)
    """What it returns: the nonlinear states, and `_crossed` where the threshold is tested within steps."""


def rename(expression: str, names: Mapping[str, str]) -> str:
    if not names:
        return expression
    pattern = r"\b(" + "|".join(sorted(map(re.escape, names), key=len, reverse=True)) + r")\b"
    return re.sub(pattern, lambda match: names[match[1]], expression)


def weighted(start: str, weights: Sequence[Fraction], pattern: str) -> str:
    """start + w1*k1 + w2*k2 ..., without the weights that are zero."""
    terms = [f"{float(w)!r}*{pattern.format(i)}" for i, w in enumerate(weights) if w]
    return " + ".join([start, *terms] if start else terms)


def mentions(text: str, name: str) -> bool:
    """Whether an expression contains a name."""
    return re.search(rf"\b{name}\b", text) is not None
