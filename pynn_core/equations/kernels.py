"""Kernels from an analysis: one update of all cells of a population, as the source text of a Python module.

One `Program` holds the assignments of an update for one cell; two writers turn it into NumPy code, in which every name
is an array over cells, or Numba code, in which they stand in a loop over cells. Both evaluate the same expressions in
the same order.

An update: (1) all states are integrated over the step, from their old values; states flagged `unless refractory` stand
still in a refractory cell; (2) weights that arrive are added, except to states that stand still; (3) in cells that were
not refractory, the threshold is tested; (4) cells that cross it are reset and become refractory.

The linear part is multiplied with its exact propagator. The nonlinear part takes one Runge-Kutta step in which the
linear part has its exact value at each stage. Where the method's own error estimate exceeds TOLERANCE, relative to the
size of the variable and its change, the cell's step is repeated with adaptive sub-steps at REFINED_TOLERANCE
(COUPLED_TOLERANCE where several states are nonlinear).

Models with `threshold_within_step` are those whose states would diverge after the threshold. In their case the step is
repeated also where the threshold is crossed. The sub-step in which it is crossed is halved until its end is within
CROSSING of the crossing, or not to be told from it; there the cell is reset, and the rest of the step goes on from the
reset, with the states that are flagged `unless refractory` standing still if there is a refractory period. So the order
of the method is not lost at a spike, and no state goes beyond where the threshold is. A cell has one spike a step at
most: without a refractory period, a second crossing ends the cell's step, and the spike is that of the next step.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from pyNN.equations.analysis import INJECTED, OLD, RANDOM, Analysis, public
from pyNN.equations.methods import DORMAND_PRINCE, Tableau

TOLERANCE = 1e-7
REFINED_TOLERANCE = 1e-10
COUPLED_TOLERANCE = 1e-8
"""That of sub-steps where several states are nonlinear: with channels, nearly every step has to be repeated."""
CROSSING = 1e-12
"""Fraction of a step within which the crossing of a threshold is found."""
RESOLUTION = 1e-14
"""Relative difference of two values of a state below which a crossing between them is not looked for."""
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
    slopes: list[str] = field(default_factory=list)
    """Source of the function `slopes`, which refine calls; its arguments are _h and `slope_arguments`."""
    slope_arguments: list[str] = field(default_factory=list)
    refine_arguments: list[str] = field(default_factory=list)
    refine_results: list[str] = field(default_factory=list)
    """What it returns: the nonlinear states, and `_crossed` where the threshold is tested within steps."""


def build(analysis: Analysis, tableau: Tableau = DORMAND_PRINCE) -> Program:
    """The program of a model's update."""
    program = Program(analysis, tableau)
    _Builder(program).run()
    return program


class _Builder:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.analysis = program.analysis = program.analysis.with_identifiers()
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
        if self.moving or analysis.within_step:
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

    def _slope(self, name: str, values: dict[str, str], stoppable: bool = False) -> str:
        text = _rename(self.analysis.increments[name], values)
        return f"_go*({text})" if (self.moving or stoppable) and name in self.analysis.held else text

    def _error_estimate(self, last: int) -> None:
        analysis, out = self.analysis, self.program.integration
        ends = {n: f"_n_{n}" for n in analysis.integrated}
        out.extend((f"_k{last}_{n}", self._slope(n, ends)) for n in analysis.nonlinear)
        tests = []
        for name in analysis.nonlinear:
            out.append((f"_e_{name}", _weighted("", self.tableau.error, f"_k{{}}_{name}")))
            # Put so that an error that is not a number fails the test too.
            size = f"(abs({name}) + abs(_n_{name}) + abs(_k0_{name}))"
            tests.append(f"logical_not(abs(_e_{name}) <= {TOLERANCE!r}*{size})")
        if analysis.within_step:
            tests += [f"(_active & ({analysis.threshold}))", f"(_active & ({_rename(analysis.threshold, ends)}))"]
        test = " | ".join(tests)
        out.append(("_bad", f"({test})" if self.moving else f"_active & ({test})"))

    def _refinement(self) -> None:
        """The scalar function that repeats a step with adaptive sub-steps, for all states together."""
        analysis = self.analysis
        within = analysis.within_step
        used = " ".join(analysis.increments.values())
        if within:
            used = " ".join([used, analysis.threshold, *(e for _, e in analysis.reset)])
        inputs = [n for n, _ in analysis.inputs if re.search(rf"\b{n}\b", used)]
        coefficients = [n for n, _ in analysis.coefficients if re.search(rf"\b{n}\b", used)]
        self.program.refine_arguments = [*analysis.integrated, *inputs, *([INJECTED] if INJECTED in used else []),
                                         *coefficients, *(["_go"] if self.moving or within else []),
                                         *(["_period"] if within else [])]
        self.program.refine_results = [*analysis.nonlinear, *(["_crossed"] if within else [])]
        result = ", ".join(self.program.refine_results) + ","
        failed = f"return ({', '.join('nan' for _ in self.program.refine_results)},)"
        last = len(self.tableau.nodes) - 1
        accept = [f"    {n} = _y{last}_{n}" for n in analysis.integrated]
        growth = f"_h = _h*min(5.0, max(0.2, 0.9*(_worst + 1e-12)**(-1.0/{self.tableau.order}.0)))"
        self.program.slope_arguments = [*analysis.integrated, *(a for a in self.program.refine_arguments
                                                                if a not in (*analysis.integrated, "_period"))]
        values = {n: n for n in analysis.integrated}
        self.program.slopes = [
            f"def slopes(_h, {', '.join(self.program.slope_arguments)}):",
            "    return (",
            *(f"        _h*({self._slope(n, values, within)})," for n in analysis.integrated),
            "    )",
        ]
        self.program.refinement = [
            f"def refine({', '.join(self.program.refine_arguments)}):",
            "    _t = 0.0",
            "    _h = 0.25",
            *(self._before_substeps() if within else []),
            f"    for _ in range({_MAX_SUBSTEPS}):",
            "        _h = min(_h, 1.0 - _t)",
            "        _worst = 0.0",
            *(f"        {line}" for line in self._substep()),
            # A sub-step that leads out of the numbers is too long; a state that is none stays so.
            "        if not (_all < inf):",
            "            if _h < 1e-200:",
            f"                {failed}",
            "            _h = 0.1*_h",
            "            continue",
            "        if _worst <= 1.0:",
            *(self._at_crossing(accept, result) if within else []),
            *(f"        {line}" for line in accept),
            "            _t = _t + _h",
            "            if _t >= 1.0 - 1e-14:",
            f"                return ({result})",
            *(self._while_hunting() if within else []),
            f"        {growth}",
            f"    {failed}",
        ]

    def _substep(self) -> list[str]:
        """One sub-step of length _h, and its error in units of what is tolerated."""
        analysis, tableau = self.analysis, self.tableau
        body: list[str] = []
        for stage in range(len(tableau.nodes)):
            row = tableau.stages[stage] if stage < len(tableau.stages) else tableau.weights
            values = {n: n if not row else f"_y{stage}_{n}" for n in analysis.integrated}
            if row:
                body += [f"{values[n]} = {_weighted(n, row, f'_k{{}}_{n}')}" for n in analysis.integrated]
            targets = ", ".join(f"_k{stage}_{n}" for n in analysis.integrated) + ","
            arguments = ", ".join(values.get(a, a) for a in self.program.slope_arguments)
            body.append(f"{targets} = slopes(_h, {arguments})")
        last = len(tableau.nodes) - 1
        tolerance = REFINED_TOLERANCE if len(analysis.nonlinear) == 1 else COUPLED_TOLERANCE
        for name in analysis.integrated:
            body.append(f"_e = {_weighted('', tableau.error, f'_k{{}}_{name}')}")
            body.append(
                f"_size = {tolerance!r}*(abs({name}) + abs(_y{last}_{name}) + abs(_k0_{name})) + 1e-300"
            )
            body.append("_worst = max(_worst, abs(_e)/_size)")
            # A maximum may pass over what is not a number; a sum does not.
            body.append("_all = _all + abs(_e)/_size")
        return ["_all = 0.0", *body]

    def _before_substeps(self) -> list[str]:
        return [
            "    _testing = _go > 0.0",
            "    _goal = 0.0",
            "    _crossed = 0.0",
            f"    if _testing & ({self.analysis.threshold}):",
            *(f"        {line}" for line in self._reset()),
        ]

    def _reset(self) -> list[str]:
        return [
            *(f"{name} = {expression}" for name, expression in self.analysis.reset),
            "_crossed = 1.0",
            "if _period > 0.0:",
            "    _testing = False",
            "    _go = 0.0",
        ]

    def _while_hunting(self) -> list[str]:
        """Up to where the crossing was seen, sub-steps only become shorter."""
        return [f"            if _t < _goal - {CROSSING / 2!r}:", "                continue"]

    def _at_crossing(self, accept: list[str], result: str) -> list[str]:
        last = len(self.tableau.nodes) - 1
        ends = {n: f"_y{last}_{n}" for n in self.analysis.integrated}
        tested = [n for n in self.analysis.integrated if re.search(rf"\b{n}\b", self.analysis.threshold)]
        # Ends that are the same number but for rounding cannot be told apart, however long the sub-step.
        apart = " | ".join(f"(abs({ends[n]} - {n}) > {RESOLUTION!r}*abs({n}))" for n in tested)
        return [
            f"            if _testing & ({_rename(self.analysis.threshold, ends)}):",
            f"                if (_h > {CROSSING!r}) & ({apart}):",
            "                    _h = 0.5*_h",
            "                    _goal = _t + 2.0*_h",
            "                    continue",
            *(f"            {line}" for line in accept),
            "                if _crossed > 0.0:",
            f"                    return ({result})",
            *(f"                {line}" for line in self._reset()),
            "                _goal = 0.0",
            "                _t = _t + _h",
            "                _h = 0.25",
            "                if _t >= 1.0 - 1e-14:",
            f"                    return ({result})",
            "                continue",
        ]

    # -- after integration

    def _complete(self) -> None:
        analysis, out = self.analysis, self.program.completion
        current: dict[str, str] = {}
        # Of a cell that was reset within the step and is refractory now, what is held does not take up weights.
        open_ = "_active"
        if analysis.within_step:
            out.append(("_open", "_active & logical_not(_crossed & (_period > 0.0))"))
            open_ = "_open"
        for name in analysis.integrated:
            value = f"_n_{name}"
            arrived = [
                (f" + _w{receptor}" if factor == "1.0" else f" + _w{receptor}*({factor})")
                for state, receptor, factor in analysis.arrivals
                if state == name
            ]
            value += "".join(arrived)
            if name in analysis.held and arrived and analysis.within_step:
                value = f"where({open_}, {value}, _n_{name})"
            if name in analysis.held and (arrived or name in analysis.nonlinear):
                value = f"where(_active, {value}, {name})"
            out.append((f"_a_{name}", value))
            current[name] = f"_a_{name}"
        if analysis.threshold:
            test = _rename(analysis.threshold, current).replace(OLD, "")
            spiking = "_spiking"
            if analysis.within_step:
                spiking = "_late"
                out.append(("_late", f"_active & logical_not(_crossed) & ({test})"))
                out.append(("_spiking", "_crossed | _late"))
            else:
                out.append(("_spiking", f"_active & ({test})"))
            for number, (name, expression) in enumerate(analysis.reset):
                new = f"_r{number}_{name}"
                out.append((new, f"where({spiking}, {_rename(expression, current)}, {current[name]})"))
                current[name] = new
            out.append(
                ("_f_refractory", "where(_spiking, _period, where(_active, _refractory, _refractory - 1.0))")
            )
        out.extend((f"_f_{name}", current[name]) for name in analysis.integrated)
        final = {name: f"_f_{name}" for name in analysis.integrated}
        out.extend((f"_f_{name}", _rename(expression, final)) for name, expression in analysis.derived)


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
    """Module with `coefficients(p, dt)`, `derive(x, p, dt)` and `update(x, refractory, arrived, i_inj, c, key, step)`.

    `x` is an array (states, cells), changed in place, as is `refractory` (cells). `arrived` is (receptors, cells). The
    result of `update` is the indices of the cells that spike. `derive` computes derived states from the others.
    """
    analysis = program.analysis
    lines = [_NUMPY_HEADER, *_coefficient_function(analysis), ""]
    if analysis.random:
        lines.insert(0, "from pyNN.random.streams import uniforms")
    if program.refinement:
        lines += [*program.slopes, "", "", *program.refinement, ""]
    lines += [
        "",
        "def derive(_x, _p, dt):",
        *(f"    {name} = _x[{i}]" for i, name in enumerate(analysis.states) if analysis.derived),
        *(["    _k = coefficients(_p, dt)"] if analysis.derived else ["    return"]),
        *(f"    {name} = _k[{name!r}]" for name, _ in analysis.coefficients if analysis.derived),
        *(f"    _x[{analysis.states.index(name)}] = {expression}" for name, expression in analysis.derived),
        "",
        "",
        f"def update(_x, _refractory, _w, {INJECTED}, _c, _key=0, _step=0):",
        *(f"    {name} = _x[{i}]" for i, name in enumerate(analysis.states)),
        *(f"    _w{i} = _w[{i}]" for i in range(len(analysis.receptors))),
        *(f"    {name} = _c[{i}]" for i, name in enumerate(program.coefficients)),
        *(f"    {name} = {expression}" for name, expression in program.integration),
    ]
    if program.refinement:
        arguments = ", ".join(f"_at({a}, _i)" for a in program.refine_arguments)
        targets = ", ".join("_crossed[_i]" if n == "_crossed" else f"_n_{n}[_i]" for n in program.refine_results) + ","
        if analysis.within_step:
            lines += ["    _crossed = np.zeros(len(_refractory), dtype=bool)"]
        lines += ["    for _i in np.flatnonzero(_bad):", f"        {targets} = refine({arguments})"]
    if analysis.random:
        lines += [f"    {RANDOM} = uniforms(_key, np.arange(len(_refractory)), _step)"]
    lines += [f"    {name} = {expression}" for name, expression in program.completion]
    lines += [f"    _x[{i}] = _f_{name}" for i, name in enumerate(analysis.states)]
    if analysis.threshold:
        lines += ["    _refractory[:] = _f_refractory", "    return np.flatnonzero(_spiking)"]
    else:
        lines += ["    return np.empty(0, dtype=np.int64)"]
    lines += ["", "", "def _at(value, i):", "    return value[i] if np.ndim(value) else value", ""]
    return "\n".join(lines)


def numba_source(program: Program, per_cell: bool) -> str:
    """Module with a compiled `update(first, last, x, refractory, arrived, i_inj, c, flags, scratch, key, step)`.

    It updates the cells from `first` to `last` - 1, and returns whether any of them spikes. `x` is (states, n) and
    changed in place, as is `refractory`; `arrived` is (receptors, n) and set to zero; flags[i] is 1 in cells that
    spike. `refractory`, `i_inj` and `flags` have the cells of the update only. `c` is (coefficients,), or with
    `per_cell` (coefficients, n). `scratch` is like `x`. With `key` and `step`, a cell's index gives its random number.
    """
    analysis = program.analysis
    lines = [_NUMBA_HEADER]
    if analysis.random:
        lines.insert(0, "from pyNN.random.compiled import uniform")
        drawn = (RANDOM, "uniform(_key, _first + _i, _step)")
        program = dataclasses.replace(program, completion=[drawn, *program.completion])
    if program.refinement:
        lines += ['@njit(error_model="numpy")', *program.slopes, "", ""]
        lines += ['@njit(error_model="numpy")', *program.refinement, ""]
    states = list(enumerate(analysis.states))
    receptors = range(len(analysis.receptors))
    load_states = [f"{name} = _x{i}[_i]" for i, name in states]
    coefficients = [(i, n) for i, n in enumerate(program.coefficients)]
    lines += [
        "",
        '@njit(error_model="numpy")',
        "def update(_first, _last, _x, _refractories, _w, _injected, _c, _flags, _scratch, _key, _step):",
        "    _n = _last - _first",
        *(f"    _x{i} = _x[{i}][_first:_last]" for i, _ in states),
        *(f"    _row{i} = _w[{i}][_first:_last]" for i in receptors),
        *(f"    {name} = _c[{i}]" for i, name in coefficients if not per_cell),
        *(f"    _c{i} = _c[{i}][_first:_last]" for i, _ in coefficients if per_cell),
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
        own = [(i, name) for i, name in states if name in analysis.integrated]
        save = [f"_scratch{i}[_i] = _n_{name}" for i, name in own]
        first = [*common, *injected, *load_coefficients(" ".join(integration)), *integration, *save,
                 "_flag = 1 if _bad else 0", "_flags[_i] = _flag", "_redo |= _flag"]
        arguments = ", ".join(program.refine_arguments)
        names = [n for n, _ in analysis.inputs if n in program.refine_arguments]
        inputs = [f"{n} = {e}" for n, e in analysis.inputs if n in names]
        go = ["_go = 1.0 if _refractory <= 0.0 else 0.0"] if "_go" in program.refine_arguments else []
        targets = ", ".join(
            n if n == "_crossed" else f"_scratch{analysis.states.index(n)}[_i]" for n in program.refine_results
        ) + ","
        redo = [*common, *injected, *load_coefficients(" ".join([*inputs, arguments])), *inputs, *go,
                f"{targets} = refine({arguments})"]
        crossed: list[str] = []
        if analysis.within_step:
            redo.append("_flags[_i] = 0 if _crossed == 0.0 else 1")
            crossed = ["_crossed = _flags[_i] != 0"]
        second = [*common, *load_arrivals, *(f"_n_{name} = _scratch{i}[_i]" for i, name in own), *crossed,
                  *load_coefficients(" ".join(completion)), "_active = _refractory <= 0.0", *completion, *store, *clear]
        lines += [
            *(f"    _scratch{i} = _scratch[{i}][_first:_last]" for i, _ in states),
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
    load = [f"    {n} = _p[{public(n)!r}]" for n in sorted(names - functions)]
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
