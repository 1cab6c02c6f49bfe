"""Kernels from an analysis: one update of all cells of a population, as the source text of a Python module.

One `Program` holds the assignments of an update for one cell; two writers turn it into NumPy code, in which every name
is an array over cells, or Numba code, in which they stand in a loop over cells. Both evaluate the same expressions in
the same order.

An update: (1) all states are integrated over the step, from their old values; states flagged `unless refractory` stand
still in a refractory cell; (2) weights that arrive are added, except to states that stand still; (3) in cells that were
not refractory, the threshold is tested; (4) cells that cross it are reset and become refractory.

The linear part is multiplied with its exact propagator. The nonlinear part is integrated in one of two ways: by one
step that is refined in the cells that need it (`pyNN.equations.refinement`), or, where several states are nonlinear and
spikes are tested at the end of a step only, by sub-steps that all cells take side by side (`pyNN.equations.lockstep`).
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Collection, Mapping
from fractions import Fraction

from pyNN.equations.analysis import FREE, INDEX, INJECTED, LAST_SPIKE, OLD, RANDOM, TIME, TIME_AT_END, Analysis, public
from pyNN.equations.economy import needed, shared
from pyNN.equations.fixed import Fixed
from pyNN.equations.functions import (
    NUMBA_EXPONENTIALS,
    NUMBA_HEADER,
    NUMPY_EXTENSION,
    NUMPY_HEADER,
    numba_extension,
)
from pyNN.equations.lockstep import Lockstep, numba_integrate, numpy_integrate
from pyNN.equations.methods import DORMAND_PRINCE, DORMAND_PRINCE_8, Tableau
from pyNN.equations.outcome import NOT_FINITE, SPIKES
from pyNN.equations.program import Program, Propagator, mentions, rename
from pyNN.equations.propagators import LONGEST_HELD, ROUNDING
from pyNN.equations.refinement import Refined

_STATE_BITS, _RECEPTOR_BITS = range(32), range(32, 63)
"""The bits of a kernel's `idle` for the first states and receptors; further ones have none."""
_RECEPTORS_IN_LINE = 3
"""Up to as many, what has arrived is cleared where it is read; beyond that a loop over receptors is sooner compiled."""


def build(analysis: Analysis, tableau: Tableau | None = None) -> Program:
    """The program of a model's update; with a `tableau` other than the default, by another method."""
    lockstep = len(analysis.nonlinear) > 1 and not analysis.within_step and not analysis.fixed
    program = Program(analysis, tableau or (DORMAND_PRINCE_8 if lockstep else DORMAND_PRINCE), lockstep=lockstep)
    _Builder(program).run()
    return program


def idle_bits(states: Collection[int], receptors: Collection[int]) -> int:
    """What tells a kernel which rows are 0 and stay so: of states that are in `Analysis.idle`, and of receptors."""
    return sum(_bit(_STATE_BITS, row) for row in states) + sum(_bit(_RECEPTOR_BITS, row) for row in receptors)


def _bit(bits: range, row: int) -> int:
    """The bit of a row as a number; 0: it has none."""
    return 1 << bits[row] if row < len(bits) else 0


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
        if analysis.extended:
            self._begin()
        for name in analysis.linear:
            integration.append((f"_n_{name}", self._propagated(name, Fraction(1))))
        if analysis.fixed:
            self._fixed()
        elif analysis.nonlinear:
            part = (Lockstep if program.lockstep else Refined)(program, self.moving, self._propagated)
            part.add()
        self._complete()
        program.coefficients = [*self.used, *(n for n, _ in analysis.coefficients if n not in self.used), "_period"]
        program.coefficients += self._special_coefficients()

    # -- what only some models have

    def _special_coefficients(self) -> list[str]:
        """Values that are not expressions in parameters; see pyNN.equations.propagators."""
        analysis = self.analysis
        if not analysis.extended:
            return []
        names = ["_dt", *(["_every"] if analysis.interval else [])]
        names += ["_number"] if "_number" in analysis.uses else []
        for number, _ in enumerate(analysis.tables):
            names += [f"_table{number}", f"_rows{number}", f"_columns{number}", f"_width{number}"]
        return names

    def _begin(self) -> None:
        """Time, random numbers, and assignments before the first system; a state's own name is its new value then."""
        analysis, out = self.analysis, self.program.integration
        out.extend(self._clock())
        if TIME in analysis.hidden:
            out.append((TIME, "_now"))
        out.extend(analysis.before)

    def _clock(self) -> list[tuple[str, str]]:
        analysis = self.analysis
        text = [("_now", "(_step*1.0/_every - 1.0)*_dt" if analysis.interval else "(_step - 1.0)*_dt")]
        if TIME not in analysis.hidden:
            text.append((TIME, "_now"))
        return [*text, (TIME_AT_END, "_now + _dt"), (FREE, "where(_active, 1.0, 0.0)")]

    def _fixed(self) -> None:
        """All systems of equations, each with the assignments after it; the last's are part of the completion."""
        program, analysis = self.program, self.analysis
        program.integration.extend(analysis.inputs)
        current: dict[str, str] = {}
        for number, _ in enumerate(analysis.systems):
            part = Fixed(program, number, current, self._propagated)
            part.add()
            for name in part.states:
                self._limit(name, program.integration, current)
                current[name] = f"_n_{name}"
            if number == len(analysis.systems) - 1:
                break
            for name, expression in analysis.between[number]:
                program.integration.append((f"_n_{name}", rename(expression, current)))
                current[name] = f"_n_{name}"

    def _limit(self, name: str, out: list[tuple[str, str]], current: dict[str, str]) -> None:
        low, high = self.analysis.limits.get(name, ("", ""))
        if low:
            out.append((f"_n_{name}", f"maximum(_n_{name}, {rename(low, current)})"))
        if high:
            out.append((f"_n_{name}", f"minimum(_n_{name}, {rename(high, current)})"))

    def _assign(self) -> dict[str, str]:
        """Assignments after the last system, and limits; what each state that is not derived has become."""
        analysis, out = self.analysis, self.program.completion
        out.extend(self._clock())
        for name in analysis.held:
            if name in analysis.nonlinear and name not in analysis.fixed:
                out.append((f"_n_{name}", f"where(_active, _n_{name}, {name})"))
        current = {name: f"_n_{name}" for name in analysis.integrated}
        for name in analysis.integrated:
            if name not in analysis.fixed:
                self._limit(name, out, current)
        done = {n for rows in analysis.between[:-1] for n, _ in rows}
        current.update({name: f"_n_{name}" for name in done})
        for name, expression in analysis.between[-1] if analysis.between else []:
            out.append((f"_n_{name}", rename(expression, current)))
            current[name] = f"_n_{name}"
        for name in analysis.still:
            if name not in current:
                out.append((f"_n_{name}", name))
                current[name] = f"_n_{name}"
        return current

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

    # -- after integration

    def _complete(self) -> None:
        analysis, out = self.analysis, self.program.completion
        current: dict[str, str] = {}
        if analysis.extended:
            current = self._assign()
        # Of a cell that was reset within the step and is refractory now, what is held does not take up weights.
        open_ = "_active"
        if analysis.within_step:
            out.append(("_open", "_active & logical_not(_crossed & (_period > 0.0))"))
            open_ = "_open"
        for name in analysis.kept:
            value = f"_n_{name}"
            arrived = [
                (f" + _w{receptor}" if factor == "1.0" else f" + _w{receptor}*({rename(factor, current)})")
                for state, receptor, factor in analysis.arrivals
                if state == name
            ]
            value += "".join(arrived)
            if name in analysis.held and arrived and analysis.within_step:
                value = f"where({open_}, {value}, _n_{name})"
            if name in analysis.held and (arrived or name in analysis.nonlinear):
                value = f"where(_active, {value}, {name})"
            out.append((f"_a_{name}", value))
        current.update({name: f"_a_{name}" for name in analysis.kept})
        if analysis.interval:
            out.append(("_due", "(_step % _every) == 0"))
        self._draw("threshold", out, current)
        happening = self._events(out, current)
        if analysis.threshold:
            test = self._at_end(rename(analysis.threshold, current)).replace(OLD, "")
            ready = "_active & _due" if analysis.interval else "_active"
            spiking = "_spiking"
            if analysis.within_step:
                spiking = "_late"
                out.append(("_late", f"{ready} & logical_not(_crossed) & ({test})"))
                out.append(("_spiking", "_crossed | _late"))
            else:
                out.append(("_spiking", f"{ready} & ({test})"))
            self._draw("reset", out, current)
            self._statements("_r", analysis.reset, spiking, current)
        for number, (name, statements) in enumerate(happening):
            self._draw(f"code {name}", out, current)
            self._statements(f"_e{number}_", statements, f"_happens_{name}", current)
        if analysis.threshold:
            if LAST_SPIKE in analysis.hidden:
                out.append((f"_v_{LAST_SPIKE}", f"where(_spiking, {TIME_AT_END}, {current[LAST_SPIKE]})"))
                current[LAST_SPIKE] = f"_v_{LAST_SPIKE}"
            self._refractoriness(out, current)
        for name in analysis.kept:
            final = current[name]
            if analysis.interval:
                waiting = [f" + _w{r}*({f})" for state, r, f in analysis.arrivals if state == name]
                final = f"where(_due, {final}, {name}{rename(''.join(waiting), {})})"
            out.append((f"_f_{name}", final))
        final_names = {name: f"_f_{name}" for name in analysis.kept}
        out.extend((f"_f_{name}", rename(expression, final_names)) for name, expression in analysis.derived)

    def _at_end(self, text: str) -> str:
        """Text in which the time is that of the end of the step."""
        return rename(text, {TIME: TIME_AT_END}) if self.analysis.extended else text

    def _draw(self, part: str, out: list[tuple[str, str]], current: Mapping[str, str]) -> None:
        for name, call, owner in self.analysis.completion_draws:
            if owner == part:
                out.append((name, self._at_end(rename(call, current))))

    def _events(
        self, out: list[tuple[str, str]], current: dict[str, str]
    ) -> list[tuple[str, list[tuple[str, str]]]]:
        """Test all events, of which each is a state that is 1 in the step in which it happens."""
        for name, condition, _, only in self.analysis.events:
            self._draw(f"event {name}", out, current)
            test = self._at_end(rename(condition, current)).replace(OLD, "")
            guards = ("_active & " if only else "") + ("_due & " if self.analysis.interval else "")
            out.append((f"_happens_{name}", f"{guards}({test})"))
        for name, *_ in self.analysis.events:
            current[name] = f"_happened_{name}"
            out.append((current[name], f"where(_happens_{name}, 1.0, 0.0)"))
        return [(name, statements) for name, _, statements, _ in self.analysis.events]

    def _statements(
        self, prefix: str, statements: list[tuple[str, str]], condition: str, current: dict[str, str]
    ) -> None:
        """Execute statements in the cells for which a condition holds; names that are no states are local."""
        known = set(self.analysis.kept)
        local: dict[str, str] = {}
        for number, (name, expression) in enumerate(statements):
            new = f"{prefix}{number}_{name}"
            text = self._at_end(rename(expression, {**current, **local}))
            if name in known:
                self.program.completion.append((new, f"where({condition}, {text}, {current[name]})"))
                current[name] = new
            else:
                self.program.completion.append((new, text))
                local[name] = new

    def _refractoriness(self, out: list[tuple[str, str]], current: Mapping[str, str]) -> None:
        analysis = self.analysis
        if analysis.refractory_condition:
            self._draw("refractory", out, current)
            test = self._at_end(rename(analysis.refractory_condition, current))
            value = f"where((_spiking | logical_not(_active)) & ({test}), 1.0, 0.0)"
        else:
            period = "_period"
            if analysis.refractory_value:
                self._draw("refractory", out, current)
                period = "_held"
                text = self._at_end(rename(analysis.refractory_value, current))
                out.append((period, f"ceil(({text})/_dt - {ROUNDING!r})"))
                out.append((period, f"where({period} < {LONGEST_HELD!r}, maximum({period}, 0.0), {LONGEST_HELD!r})"))
            value = f"where(_spiking, {period}, where(_active, _refractory, _refractory - 1.0))"
        out.append(("_f_refractory", f"where(_due, {value}, _refractory)" if analysis.interval else value))


# -- writers

def numpy_source(program: Program) -> str:
    """Module with `coefficients(p, dt)`, `derive(x, p, dt)` and `update(x, refractory, arrived, i_inj, c, key, step)`.

    `x` is an array (states, cells), changed in place, as is `refractory` (cells). `arrived` is (receptors, cells). The
    result of `update` is the indices of the cells that spike. `derive` computes derived states from the others.
    """
    analysis = program.analysis
    lines = [NUMPY_HEADER, *_coefficient_function(analysis), ""]
    if analysis.random:
        lines.insert(0, "from pyNN.random.streams import uniforms")
    if analysis.extended:
        lines.append(NUMPY_EXTENSION)
    if program.refinement:
        lines += [*program.slopes, "", "", *program.refinement, ""]
    if program.lockstep:
        lines += [*numpy_integrate(program), ""]
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
        *([f"    {INDEX} = np.arange(len(_refractory))"] if analysis.extended else []),
        *(f"    {name} = {expression}" for name, expression in program.integration),
    ]
    if program.refinement:
        arguments = ", ".join(f"_at({a}, _i)" for a in program.refine_arguments)
        targets = ", ".join("_crossed[_i]" if n == "_crossed" else f"_n_{n}[_i]" for n in program.refine_results) + ","
        if analysis.within_step:
            lines += ["    _crossed = np.zeros(len(_refractory), dtype=bool)"]
        lines += ["    for _i in np.flatnonzero(_bad):", f"        {targets} = refine({arguments})"]
    if program.lockstep:
        lines += [f"    {', '.join(f'_n_{n}' for n in analysis.nonlinear)}, = integrate("
                  f"len(_refractory), {', '.join(program.refine_arguments)})"]
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
    """Module with a compiled `update(first, last, x, refractory, arrived, i_inj, c, flags, scratch, key, step, idle,
    home)`.

    It updates the cells from `first` to `last` - 1, and returns SPIKES if any of them spikes, plus NOT_FINITE if a
    state of any may have become infinite or no number. `x` is (states, n) and changed in place, as is `refractory`;
    `arrived` is (receptors, n) and set to zero; flags[i] is 1 in cells that spike. `refractory`, `i_inj` and `flags`
    have the cells of the update only. `c` is (coefficients,), or with `per_cell` (coefficients, n). `scratch` is like
    `x`. With `key` and `step`, a cell's index gives its random number. The bits of `idle`, see `idle_bits`, tell which
    rows of `x` and `arrived` are 0 in all cells and stay so: the cells from `home` on stand for all in them, so that
    they are read and written in the innermost cache.
    """
    analysis = program.analysis
    lines = [NUMBA_HEADER, *([NUMBA_EXPONENTIALS] if _uses_exponentials(program) else [])]
    if analysis.extended:
        lines.append(numba_extension(program))
    if analysis.random:
        lines.insert(0, "from pyNN.random.compiled import uniform")
        drawn = (RANDOM, "uniform(_key, _first + _i, _step)")
        program = dataclasses.replace(program, completion=[drawn, *program.completion])
    if program.refinement:
        lines += ['@njit(error_model="numpy")', *program.slopes, "", ""]
        lines += ['@njit(error_model="numpy")', *program.refinement, ""]
    if program.lockstep:
        lines += [*numba_integrate(program, per_cell), ""]
    states = list(enumerate(analysis.states))
    receptors = range(len(analysis.receptors))
    load_states = [f"{name} = _x{i}[_i]" for i, name in states]
    coefficients = [(i, n) for i, n in enumerate(program.coefficients)]
    lines += [
        "",
        '@njit(error_model="numpy")',
        "def update(_first, _last, _x, _refractories, _w, _injected, _c, _flags, _scratch, _key, _step, _idle,",
        "           _home):",
        "    _n = _last - _first",
    ]
    idle = analysis.idle
    views = [
        *(line for i, name in states for line in _view(f"_x{i}", f"_x[{i}", _bit(_STATE_BITS, i) * (name in idle))),
        *(line for i in receptors for line in _view(f"_row{i}", f"_w[{i}", _bit(_RECEPTOR_BITS, i))),
        *(f"_c{i} = _c[{i}, _first:_last]" if per_cell else f"{name} = _c[{i}]" for i, name in coefficients),
        *(f"_scratch{i} = _scratch[{i}, _first:_last]" for i, _ in states),
    ]
    body = ["_any = 0"]
    load_coefficients: Callable[[str], list[str]] = lambda text: [  # noqa: E731
        f"{name} = _c{i}[_i]" for i, name in coefficients if per_cell and mentions(text, name)
    ]
    integration = [f"{name} = {expression}" for name, expression in program.integration]
    completion = [f"{name} = {expression}" for name, expression in program.completion]
    store = [f"_x{i}[_i] = _f_{name}" for i, name in states]
    if analysis.threshold:
        store += ["_refractories[_i] = _f_refractory", f"_flag = {SPIKES} if _spiking else 0", "_flags[_i] = _flag",
                  "_any |= _flag"]
    if states:
        # Only what is not finite does not give 0 when it is taken from itself.
        total = " + ".join(f"_f_{name}" for _, name in states)
        store += [f"_total = {total}", f"_any |= 0 if _total - _total == 0.0 else {NOT_FINITE}"]
    load_arrivals = [f"_w{i} = _row{i}[_i]" for i in receptors]
    clear = [f"_row{i}[_i] = 0.0" for i in receptors]
    cleared: list[str] = []
    if len(receptors) > _RECEPTORS_IN_LINE:
        clear = []
        cleared = _loop(f"range({len(receptors)})", "_r", _loop("range(_first, _last)", "_i", ["_w[_r, _i] = 0.0"]))
    common = [*load_states, "_refractory = _refractories[_i]"]
    if analysis.extended:
        common.append(f"{INDEX} = _first + _i")
    injected = [f"{INJECTED} = _injected[_i]"]
    if not (program.refinement or program.lockstep):
        body += _loop("range(_n)", "_i", needed(shared([
            *common, *injected, *load_arrivals, *load_coefficients(" ".join(integration + completion)),
            *integration, *completion, *store, *clear,
        ])))  # fmt: skip
    else:
        own = [(i, name) for i, name in states if name in analysis.integrated]
        # What was assigned before the equations is the state that adaptive steps begin with.
        assigned = {n for n, _ in analysis.before} | set(analysis.hidden)
        kept = [f"_x{i}[_i] = {name}" for i, name in states if name in assigned]
        stepped = analysis.linear if program.lockstep else analysis.integrated
        save = [f"_scratch{i}[_i] = _n_{name}" for i, name in own if name in stepped]
        first = [*common, *injected, *load_coefficients(" ".join(integration)), *integration, *kept, *save]
        if program.refinement:
            first += ["_flag = 1 if _bad else 0", "_flags[_i] = _flag", "_redo |= _flag"]
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
        sliced = "[:, _first:_last]"
        own_cells = [f"_x{sliced}", f"_scratch{sliced}", "_refractories", "_injected", "_c" + per_cell * sliced]
        if program.refinement:
            body += ["_redo = 0"]
        body += _loop("range(_n)", "_i", needed(shared(first)))
        if program.refinement:
            again = ["if _flags[_i] != 0:", *(f"    {line}" for line in needed(redo))]
            body += ["if _redo != 0:", *(f"    {line}" for line in _loop("range(_n)", "_i", again))]
        else:
            body.append(f"integrate(_n, {', '.join(own_cells)})")
        body += _loop("range(_n)", "_i", needed(shared(second)))
    lines += [*(f"    {line}" for line in needed([*views, *body, *cleared, "return _any"])), ""]
    return "\n".join(lines)


def _view(name: str, row: str, bit: int) -> list[str]:
    """Lines that name the cells of a row, of which a bit of `idle` may say that they are idle; 0: none does."""
    if not bit:
        return [f"{name} = {row}, _first:_last]"]
    first = f"_from{name}"
    return [f"{first} = _home if _idle & {bit} else _first", f"{name} = {row}, {first}:{first} + _n]"]


def _loop(values: str, name: str, body: list[str]) -> list[str]:
    return [f"for {name} in {values}:", *(f"    {line}" for line in body)] if body else []


def _coefficient_function(analysis: Analysis) -> list[str]:
    """Source of the functions that compute, from parameters, what does not change during a run."""
    texts = [e for *_, e in (*analysis.matrix, *analysis.drive, *analysis.injection, *analysis.coefficients)]
    texts += [analysis.refractory] if analysis.refractory else []
    nodes = [n for t in map(str, texts) for n in ast.walk(ast.parse(t, mode="eval"))]
    functions = {id(n.func) for n in nodes if isinstance(n, ast.Call)}
    names = {n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in functions}
    load = [f"    {n} = _p[{public(n)!r}]" for n in sorted(names - {"dt", "inf", "nan"})]
    return [
        "",
        "def matrix(_p, dt):",
        *load,
        "    return {" + ", ".join(f"({i}, {j}): {e}" for i, j, e in analysis.matrix) + "}",
        "",
        "",
        "def drive(_p, dt):",
        *load,
        "    return {" + ", ".join(f"{i}: {e}" for i, e in analysis.drive) + "}",
        "",
        "",
        "def injection(_p, dt):",
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


def _uses_exponentials(program: Program) -> bool:
    text = " ".join([*program.analysis.increments.values(), *(e for _, e in program.analysis.common),
                     *(e for _, e in (*program.integration, *program.completion))])
    return any(mentions(text, name) for name in ("exp", "expm1", "exprel", "exprel_of", "inverse_exprel"))
