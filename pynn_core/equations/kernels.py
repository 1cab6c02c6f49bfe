"""Kernels from an analysis: one update of all cells of a population, as the source text of a Python module.

One `Program` holds the assignments of an update for one cell; two writers turn it into NumPy code, in which every name
is an array over cells, or Numba code, in which they stand in a loop over cells. Both evaluate the same expressions in
the same order.

An update: (1) all states are integrated over the step, from their old values; states flagged `unless refractory` stand
still in a refractory cell; (2) weights that arrive are added, except to states that stand still; (3) in cells that were
not refractory, the threshold is tested; (4) cells that cross it are reset and become refractory.

The linear part is multiplied with its exact propagator. The nonlinear part takes one Runge-Kutta step in which the
linear part has its exact value at each stage. Where the method's own error estimate exceeds TOLERANCE, relative to the
size of the variable and its change, the cell's step is repeated with adaptive sub-steps at REFINED_TOLERANCE.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from pyNN.equations.analysis import INJECTED, Analysis
from pyNN.equations.methods import DORMAND_PRINCE, Tableau

TOLERANCE = 1e-7
REFINED_TOLERANCE = 1e-10
_MAX_SUBSTEPS = 100_000
_FUNCTIONS = (
    "arccos arcsin arctan ceil cos cosh exp expm1 floor log log10 log1p maximum minimum sign sin sinh sqrt tan tanh"
)

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
    """From old states to `_n_<state>`; with a nonlinear part also `_bad`: whether the step must be refined."""
    completion: list[Assignment] = field(default_factory=list)
    """From `_n_<state>` to `_f_<state>`, `_spiking` and `_f_refractory`."""
    refinement: list[str] = field(default_factory=list)
    """Source of the function `refine`; its arguments are `refine_arguments`."""
    refine_arguments: list[str] = field(default_factory=list)


def build(analysis: Analysis, tableau: Tableau = DORMAND_PRINCE) -> Program:
    """The program of a model's update."""
    program = Program(analysis, tableau)
    _Builder(program).run()
    return program


class _Builder:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.analysis = program.analysis
        self.tableau = program.tableau
        self.separate = set(self.analysis.separate_when_held)
        self.used: dict[str, None] = {}
        self.moving = any(name not in self.analysis.held for name in self.analysis.nonlinear)
        """Whether some nonlinear state goes on while others are held."""

    def run(self) -> None:
        program, analysis = self.program, self.analysis
        integration = program.integration
        integration.append(("_active", "_refractory <= 0.0"))
        for name in analysis.linear:
            integration.append((f"_n_{name}", self._propagated(name, Fraction(1))))
        if analysis.nonlinear:
            self._runge_kutta()
            self._refinement()
        self._complete()
        program.coefficients = [*self.used, *(n for n, _ in analysis.coefficients if n not in self.used), "_period"]

    # -- linear part

    def _prefix(self, fraction: Fraction, held: bool) -> str:
        propagator = next(
            (p for p in self.program.propagators if p.fraction == fraction and p.held == held), None
        )
        if propagator is None:
            prefix = f"{'h' if held else 'p'}{len(self.program.propagators)}"
            propagator = Propagator(prefix, fraction, held)
            self.program.propagators.append(propagator)
        return propagator.prefix

    def _propagated(self, name: str, fraction: Fraction) -> str:
        """Expression for a linear state after a fraction of the step."""
        row = self.analysis.linear.index(name)
        free = self._combination(row, fraction, held=False)
        if name in self.analysis.held:
            return f"where(_active, {free}, {name})"
        if row in self.separate:
            return f"where(_active, {free}, {self._combination(row, fraction, held=True)})"
        return free

    def _combination(self, row: int, fraction: Fraction, held: bool) -> str:
        prefix = self._prefix(fraction, held)
        analysis = self.analysis
        depends = analysis.dependencies
        terms = [(f"_{prefix}_{row}_{j}", f"*{x}") for j, x in enumerate(analysis.linear) if (row, j) in depends]
        if any((row, j) in depends for j, _ in analysis.injection):
            terms.append((f"_{prefix}_{row}_j", f"*{INJECTED}"))
        if any((row, j) in depends for j, _ in analysis.drive):
            terms.append((f"_{prefix}_{row}_c", ""))
        self.used.update(dict.fromkeys(name for name, _ in terms))
        return " + ".join(name + rest for name, rest in terms)

    # -- nonlinear part

    def _runge_kutta(self) -> None:
        analysis, tableau, out = self.analysis, self.tableau, self.program.integration
        out.extend(analysis.inputs)
        if self.moving:
            out.append(("_go", "where(_active, 1.0, 0.0)"))
        exact: dict[Fraction, dict[str, str]] = {
            Fraction(0): {n: n for n in analysis.linear},
            Fraction(1): {n: f"_n_{n}" for n in analysis.linear},
        }
        for stage, row in enumerate(tableau.stages):
            node = tableau.nodes[stage]
            if node not in exact:
                exact[node] = {n: f"_s{stage}_{n}" for n in analysis.linear}
                out.extend((exact[node][n], self._propagated(n, node)) for n in analysis.linear)
            values = dict(exact[node])
            for name in analysis.nonlinear:
                values[name] = name if not row else f"_y{stage}_{name}"
                if row:
                    out.append((values[name], _weighted(name, row, f"_k{{}}_{name}")))
            out.extend((f"_k{stage}_{n}", self._slope(n, values)) for n in analysis.nonlinear)
        out.extend((f"_n_{n}", _weighted(n, tableau.weights, f"_k{{}}_{n}")) for n in analysis.nonlinear)
        self._error_estimate(len(tableau.stages))

    def _slope(self, name: str, values: dict[str, str]) -> str:
        text = _rename(self.analysis.increments[name], values)
        return f"_go*({text})" if self.moving and name in self.analysis.held else text

    def _error_estimate(self, last: int) -> None:
        analysis, out = self.analysis, self.program.integration
        ends = {n: f"_n_{n}" for n in analysis.states}
        out.extend((f"_k{last}_{n}", self._slope(n, ends)) for n in analysis.nonlinear)
        tests = []
        for name in analysis.nonlinear:
            out.append((f"_e_{name}", _weighted("", self.tableau.error, f"_k{{}}_{name}")))
            tests.append(f"(abs(_e_{name}) > {TOLERANCE!r}*(abs({name}) + abs(_n_{name}) + abs(_k0_{name})))")
        test = " | ".join(tests)
        out.append(("_bad", f"({test})" if self.moving else f"_active & ({test})"))

    def _refinement(self) -> None:
        """The scalar function that repeats a step with adaptive sub-steps, for all states together."""
        analysis, tableau = self.analysis, self.tableau
        used = " ".join(analysis.increments.values())
        inputs = [n for n, _ in analysis.inputs if re.search(rf"\b{n}\b", used)]
        coefficients = [n for n, _ in analysis.coefficients if re.search(rf"\b{n}\b", used)]
        self.program.refine_arguments = [*analysis.states, *inputs, *([INJECTED] if INJECTED in used else []),
                                         *coefficients, *(["_go"] if self.moving else [])]
        body: list[str] = []
        for stage in range(len(tableau.nodes)):
            row = tableau.stages[stage] if stage < len(tableau.stages) else tableau.weights
            values = {n: n if not row else f"_y{stage}_{n}" for n in analysis.states}
            if row:
                body += [f"{values[n]} = {_weighted(n, row, f'_k{{}}_{n}')}" for n in analysis.states]
            body += [f"_k{stage}_{n} = _h*({self._slope(n, values)})" for n in analysis.states]
        last = len(tableau.nodes) - 1
        for name in analysis.states:
            body.append(f"_e = {_weighted('', tableau.error, f'_k{{}}_{name}')}")
            body.append(
                f"_size = {REFINED_TOLERANCE!r}*(abs({name}) + abs(_y{last}_{name}) + abs(_k0_{name})) + 1e-300"
            )
            body.append("_worst = max(_worst, abs(_e)/_size)")
        result = ", ".join(analysis.nonlinear) + ","
        accept = [f"    {n} = _y{last}_{n}" for n in analysis.states]
        self.program.refinement = [
            f"def refine({', '.join(self.program.refine_arguments)}):",
            "    _t = 0.0",
            "    _h = 0.25",
            f"    for _ in range({_MAX_SUBSTEPS}):",
            "        _h = min(_h, 1.0 - _t)",
            "        _worst = 0.0",
            *(f"        {line}" for line in body),
            "        if not (_worst < inf):",
            f"            return ({', '.join('nan' for _ in analysis.nonlinear)},)",
            "        if _worst <= 1.0:",
            *(f"        {line}" for line in accept),
            "            _t = _t + _h",
            "            if _t >= 1.0 - 1e-14:",
            f"                return ({result})",
            f"        _h = _h*min(5.0, max(0.2, 0.9*(_worst + 1e-12)**(-1.0/{self.tableau.order}.0)))",
            f"    return ({', '.join('nan' for _ in analysis.nonlinear)},)",
        ]

    # -- after integration

    def _complete(self) -> None:
        analysis, out = self.analysis, self.program.completion
        current: dict[str, str] = {}
        for name in analysis.states:
            value = f"_n_{name}"
            arrived = [
                (f" + _w{receptor}" if factor == "1.0" else f" + _w{receptor}*({factor})")
                for state, receptor, factor in analysis.arrivals
                if state == name
            ]
            value += "".join(arrived)
            if name in analysis.held and (arrived or name in analysis.nonlinear):
                value = f"where(_active, {value}, {name})"
            out.append((f"_a_{name}", value))
            current[name] = f"_a_{name}"
        if analysis.threshold:
            out.append(("_spiking", f"_active & ({_rename(analysis.threshold, current)})"))
            for number, (name, expression) in enumerate(analysis.reset):
                new = f"_r{number}_{name}"
                out.append((new, f"where(_spiking, {_rename(expression, current)}, {current[name]})"))
                current[name] = new
            out.append(
                ("_f_refractory", "where(_spiking, _period, where(_active, _refractory, _refractory - 1.0))")
            )
        out.extend((f"_f_{name}", current[name]) for name in analysis.states)


def _rename(expression: str, names: dict[str, str]) -> str:
    if not names:
        return expression
    pattern = r"\b(" + "|".join(sorted(map(re.escape, names), key=len, reverse=True)) + r")\b"
    return re.sub(pattern, lambda match: names[match[1]], expression)


def _weighted(start: str, weights: Sequence[Fraction], pattern: str) -> str:
    """start + w1*k1 + w2*k2 ..., without the weights that are zero."""
    terms = [f"{float(w)!r}*{pattern.format(i)}" for i, w in enumerate(weights) if w]
    return " + ".join([start, *terms] if start else terms)


# -- writers

_NUMPY_HEADER = f'''"""Generated by pyNN.equations.kernels: one update of a population, in NumPy."""

import math

import numpy as np
from numpy import {", ".join(_FUNCTIONS.split())}, abs, inf, logical_not, nan, where


def exprel(x):
    small = abs(x) < 1e-5
    return where(small, 1.0 + x/2.0 + x*x/6.0, expm1(x)/where(small, 1.0, x))

'''

_NUMBA_HEADER = f'''"""Generated by pyNN.equations.kernels: one update of a population, for Numba."""

import math

import numpy as np
from numba import njit
from numpy import inf, nan
from numpy import {", ".join(n for n in _FUNCTIONS.split() if n not in ("minimum", "maximum", "sign"))}


@njit
def where(condition, yes, no):
    return yes if condition else no


@njit
def logical_not(condition):
    return not condition


@njit
def minimum(a, b):
    return a if (a < b or a != a) else b


@njit
def maximum(a, b):
    return a if (a > b or a != a) else b


@njit
def sign(x):
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else x)


@njit(error_model="numpy")
def exprel(x):
    return 1.0 + x/2.0 + x*x/6.0 if abs(x) < 1e-5 else expm1(x)/x

'''


def numpy_source(program: Program) -> str:
    """Module with `coefficients(p, dt)` and `update(x, refractory, arrived, i_inj, c)`.

    `x` is an array (states, cells), changed in place, as is `refractory` (cells). `arrived` is (receptors, cells). The
    result of `update` is the indices of the cells that spike.
    """
    analysis = program.analysis
    lines = [_NUMPY_HEADER, *_coefficient_function(analysis), ""]
    if program.refinement:
        lines += [*program.refinement, ""]
    lines += [
        "",
        f"def update(_x, _refractory, _w, {INJECTED}, _c):",
        *(f"    {name} = _x[{i}]" for i, name in enumerate(analysis.states)),
        *(f"    _w{i} = _w[{i}]" for i in range(len(analysis.receptors))),
        *(f"    {name} = _c[{i}]" for i, name in enumerate(program.coefficients)),
        *(f"    {name} = {expression}" for name, expression in program.integration),
    ]
    if program.refinement:
        arguments = ", ".join(f"_at({a}, _i)" for a in program.refine_arguments)
        targets = ", ".join(f"_n_{n}[_i]" for n in analysis.nonlinear) + ","
        lines += ["    for _i in np.flatnonzero(_bad):", f"        {targets} = refine({arguments})"]
    lines += [f"    {name} = {expression}" for name, expression in program.completion]
    lines += [f"    _x[{i}] = _f_{name}" for i, name in enumerate(analysis.states)]
    if analysis.threshold:
        lines += ["    _refractory[:] = _f_refractory", "    return np.flatnonzero(_spiking)"]
    else:
        lines += ["    return np.empty(0, dtype=np.int64)"]
    lines += ["", "", "def _at(value, i):", "    return value[i] if np.ndim(value) else value", ""]
    return "\n".join(lines)


def numba_source(program: Program, per_cell: bool) -> str:
    """Module with a compiled `update(n, x, refractory, arrived, i_inj, c, flags, scratch)`: does any cell spike?

    `x` is (states, n) and changed in place, as is `refractory`; `arrived` is (receptors, n) and set to zero; flags[i]
    is 1 in cells that spike. `c` is (coefficients,), or with `per_cell` (coefficients, n). `scratch` is like `x`.
    """
    analysis = program.analysis
    lines = [_NUMBA_HEADER]
    if program.refinement:
        lines += ['@njit(error_model="numpy")', *program.refinement, ""]
    states = list(enumerate(analysis.states))
    receptors = range(len(analysis.receptors))
    load_states = [f"{name} = _x{i}[_i]" for i, name in states]
    coefficients = [(i, n) for i, n in enumerate(program.coefficients)]
    lines += [
        "",
        '@njit(error_model="numpy")',
        "def update(_n, _x, _refractories, _w, _injected, _c, _flags, _scratch):",
        *(f"    _x{i} = _x[{i}]" for i, _ in states),
        *(f"    _row{i} = _w[{i}]" for i in receptors),
        *(f"    {name} = _c[{i}]" for i, name in coefficients if not per_cell),
        *(f"    _c{i} = _c[{i}]" for i, _ in coefficients if per_cell),
        "    _any = 0",
    ]
    load_coefficients: Callable[[str], list[str]] = lambda text: [  # noqa: E731
        f"{name} = _c{i}[_i]" for i, name in coefficients if per_cell and re.search(rf"\b{name}\b", text)
    ]
    integration = [f"{name} = {expression}" for name, expression in program.integration]
    completion = [f"{name} = {expression}" for name, expression in program.completion]
    store = [f"_x{i}[_i] = _f_{name}" for i, name in states]
    if analysis.threshold:
        store += ["_refractories[_i] = _f_refractory", "_flag = 1 if _spiking else 0", "_flags[_i] = _flag",
                  "_any |= _flag"]
    load_arrivals = [f"_w{i} = _row{i}[_i]" for i in receptors]
    clear = [f"_row{i}[_i] = 0.0" for i in receptors]
    common = [*load_states, "_refractory = _refractories[_i]"]
    injected = [f"{INJECTED} = _injected[_i]"]
    if not program.refinement:
        body = [*common, *injected, *load_arrivals, *load_coefficients(" ".join(integration + completion)),
                *integration, *completion, *store, *clear]
        lines += ["    for _i in range(_n):", *(f"        {line}" for line in body)]
    else:
        save = [f"_scratch{i}[_i] = _n_{name}" for i, name in states]
        first = [*common, *injected, *load_coefficients(" ".join(integration)), *integration, *save,
                 "_flag = 1 if _bad else 0", "_flags[_i] = _flag", "_redo |= _flag"]
        arguments = ", ".join(program.refine_arguments)
        names = [n for n, _ in analysis.inputs if n in program.refine_arguments]
        inputs = [f"{n} = {e}" for n, e in analysis.inputs if n in names]
        go = ["_go = 1.0 if _refractory <= 0.0 else 0.0"] if "_go" in program.refine_arguments else []
        targets = ", ".join(f"_scratch{analysis.states.index(n)}[_i]" for n in analysis.nonlinear) + ","
        redo = [*common, *injected, *load_coefficients(" ".join([*inputs, arguments])), *inputs, *go,
                f"{targets} = refine({arguments})"]
        second = [*common, *load_arrivals, *(f"_n_{name} = _scratch{i}[_i]" for i, name in states),
                  *load_coefficients(" ".join(completion)), "_active = _refractory <= 0.0", *completion, *store, *clear]
        lines += [
            *(f"    _scratch{i} = _scratch[{i}]" for i, _ in states),
            "    _redo = 0",
            "    for _i in range(_n):",
            *(f"        {line}" for line in first),
            "    if _redo != 0:",
            "        for _i in range(_n):",
            "            if _flags[_i] != 0:",
            *(f"                {line}" for line in redo),
            "    for _i in range(_n):",
            *(f"        {line}" for line in second),
        ]
    lines += ["    return _any", ""]
    return "\n".join(lines)


def _coefficient_function(analysis: Analysis) -> list[str]:
    """Source of the functions that compute, from parameters, what does not change during a run."""
    import ast

    texts = [e for *_, e in (*analysis.matrix, *analysis.drive, *analysis.injection, *analysis.coefficients)]
    texts += [analysis.refractory] if analysis.refractory else []
    names = {n.id for t in map(str, texts) for n in ast.walk(ast.parse(t, mode="eval")) if isinstance(n, ast.Name)}
    functions = {*_FUNCTIONS.split(), "abs", "where", "logical_not", "exprel", "dt"}
    load = [f"    {n} = _p[{n!r}]" for n in sorted(names - functions)]
    return [
        "",
        "def matrix(_p):",
        *load,
        "    return {" + ", ".join(f"({i}, {j}): {e}" for i, j, e in analysis.matrix) + "}",
        "",
        "",
        "def drive(_p):",
        *load,
        "    return {" + ", ".join(f"{i}: {e}" for i, e in analysis.drive) + "}",
        "",
        "",
        "def injection(_p):",
        *load,
        "    return {" + ", ".join(f"{i}: {e}" for i, e in analysis.injection) + "}",
        "",
        "",
        "def coefficients(_p, dt):",
        *load,
        "    return {" + ", ".join(f"{n!r}: {e}" for n, e in analysis.coefficients) + "}",
        "",
        "",
        "def refractory(_p):",
        *load,
        f"    return {analysis.refractory or '0.0'}",
        "",
    ]
