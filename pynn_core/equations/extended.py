"""The analysis of models that say more than equations, threshold and reset with fixed parameters.

What is added: methods of fixed steps, white noise, random numbers, assignments that are executed once a step, events,
functions of time, values that depend on the time or the cell's index, refractoriness by a condition, limits, variables
that are whole numbers or true and false, and updates every few time steps.

A step, in order: (1) assignments that stand before the first equation; (2) the systems of equations, each followed by
the assignments after it; (3) weights that arrive; (4) events and the threshold, on the same values; (5) the reset;
(6) the statements of events; (7) the refractory period. States without a derivative are `still`: they are kept like the
others, and so are values that all parts of an adaptive step need, the time and random numbers.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping
from typing import Any

from pyNN.equations import dimensions, language
from pyNN.equations.analysis import (
    FREE,
    INDEX,
    INJECTED,
    LAST_SPIKE,
    LONG_AGO,
    OLD,
    TIME,
    TIME_STEP,
    Analyser,
    Analysis,
    _Text,
    is_condition,
    known_units,
)
from pyNN.equations.explicit import is_explicit
from pyNN.equations.language import Equation, Expression, Statement
from pyNN.errors import EquationError
from pyNN.models import Definition

ONE_STAGE = ("euler", "exponential_euler", "semiimplicit")
"""Methods that compare old values only, so that states of one system may have different ones of them."""
ADAPTIVE = ("auto", "exact", "rk45")
STOCHASTIC = ("euler", "heun", "milstein")
_SPECIAL = ("t", "i", "N", "not_refractory", "lastspike", "t_last")


def is_extended(definition: Definition, text: _Text) -> bool:
    """Whether a model needs more than `Analyser` finds."""
    expressions = _expressions(text)
    units = known_units(definition)
    return bool(
        definition.method != "auto"
        or definition.events
        or definition.tables
        or definition.update_interval
        or text.stored
        or text.limits and any(text.limits.values())
        or any(s.kind != "float" for s in definition.states.values())
        or any(e.method or "shared" in e.flags for e in text.derivatives.values())
        or any(name in _SPECIAL or language.NOISE.fullmatch(name) for e in expressions for name in e.names)
        or any(call in language.DRAWS for e in expressions if e is not text.threshold for call in e.calls)
        or any(call in language.WHOLE_NUMBERS for e in expressions for call in e.calls)
        or any(isinstance(node, ast.Mod) for e in expressions for node in ast.walk(e.tree))
        or (text.threshold is not None and _draws_beyond_one(text.threshold))
        or any(s.name not in definition.states or s.operator == "%=" for s in text.reset)
        or text.refractory is not None
        and (is_condition(text.refractory, units) or any(n in definition.states for n in text.refractory.names)
             or any(n in text.formulas for n in text.refractory.names))
    )


def _draws_beyond_one(threshold: Expression) -> bool:
    """Whether a threshold has random numbers other than one uniform()."""
    called = [n.func.id for n in ast.walk(threshold.tree)  # type: ignore[attr-defined]
              if isinstance(n, ast.Call) and n.func.id in language.DRAWS]  # type: ignore[attr-defined]
    return len(called) > 1 or any(name != "uniform" for name in called)


def _expressions(text: _Text) -> list[Expression]:
    found = [e.expression for e in (*text.derivatives.values(), *text.formulas.values(), *text.stored.values())]
    found += [s.expression for s in text.reset] + [e for e in (text.threshold, text.refractory) if e is not None]
    for condition, statements in text.events.values():
        found += [condition, *(s.expression for s in statements)]
    return found


def methods_of(definition: Definition, text: _Text) -> dict[str, str]:
    """The method that the text asks for, of each state with a derivative."""
    general = language.METHOD_ALIASES.get(definition.method, definition.method)
    if general not in ("auto", *language.METHODS) and not is_explicit(general):
        from pyNN.errors import nearest

        possible = ("auto", *language.METHODS)
        raise EquationError(
            f"{definition.name}: '{definition.method}' is not a method.{nearest(definition.method, possible)} Methods: "
            f"{', '.join(possible)}."
        )
    return {name: equation.method or general for name, equation in text.derivatives.items()}


class ExtendedAnalyser(Analyser):
    """From a model's parsed text to an `Analysis` with `extended`."""

    def __init__(self, definition: Definition, text: _Text) -> None:
        self.wanted = methods_of(definition, text)
        self.draws: dict[int, tuple[str, str]] = {}
        """Random numbers: by node of the syntax tree, name and call."""
        self.streams = 0
        self.part_draws: list[tuple[str, str, str]] = []
        self.part = "step"
        self.uses: set[str] = set()
        self.local: dict[str, str] = {}
        self.tables = list(definition.tables)
        self.noises: dict[str, str] = {}
        self.noise_shared: dict[str, bool] = {}
        self.shared = _shared(definition, text)
        self.sharing = False
        self.step_values: dict[str, str] = {}
        """What is computed at the beginning of a step: random numbers and tables, in order."""
        super().__init__(definition, text)
        for name, equation in text.formulas.items():
            # What is random in a formula is drawn at the beginning of the step, whoever uses the formula.
            self._formula(name, equation.expression, {})

    def result(self) -> Analysis:
        definition, text = self.definition, self.text
        noisy = [n for n in text.derivatives if self._noise_in(n)]
        groups = self._groups()
        before, between = self._assignments(len(groups))
        linear = self._exact_states(noisy, groups)
        numeric = [n for n in text.derivatives if n not in linear]
        fixed = self._fixed_methods(numeric, noisy, groups)
        adaptive = [n for n in numeric if n not in fixed]
        if adaptive and (fixed or len(groups) > 1):
            text.derivatives[adaptive[0]].expression.fail(
                f"the method of '{adaptive[0]}' has adaptive steps, which cannot be mixed with methods of fixed steps, "
                "nor with assignments between equations. Give it a method, such as rk4."
            )
        still = [n for n in definition.states if n not in text.derived and n not in text.derivatives]
        still += list(definition.events)
        hidden: dict[str, float] = {}
        if "lastspike" in self.uses or self._mentions("lastspike", "t_last"):
            hidden[LAST_SPIKE] = LONG_AGO
        two_pass = bool(adaptive)
        if two_pass:
            hidden.update(dict.fromkeys(self.step_values, 0.0))
            if TIME in self.uses:
                hidden[TIME] = 0.0
        still += [n for n in hidden if n not in still and n != TIME]
        self.states = [*dict.fromkeys([*definition.states, *definition.events, *hidden])]
        self.integrated = [n for n in self.states if n not in text.derived and n not in still]
        if TIME in self.integrated:
            self.derivatives[TIME] = self.sympy.Integer(1)
            linear = [*linear, TIME]
        matrix, drive, injection = self._linear_system(linear)
        analysis = Analysis(
            name=definition.name,
            states=self.states,
            held=[n for n, e in text.derivatives.items() if "unless refractory" in e.flags],
            linear=linear,
            nonlinear=[s for s in self.integrated if s not in linear],
            matrix=matrix,
            drive=drive,
            injection=injection,
            receptors=list(definition.receptors),
            within_step=definition.threshold_within_step,
            extended=True,
            still=still,
            hidden=hidden,
            fixed=fixed,
            systems=groups,
            tables=self.tables,
            interval=definition.update_interval,
        )
        if adaptive:
            self._share_exponentials()
            analysis.common = [(name, self._print_rate(self._hoist(e))) for name, e in self.common.items()]
            analysis.increments = {s: self._increment(s, analysis.nonlinear) for s in self.integrated}
        elif fixed:
            self._fixed_increments(analysis, groups)
        analysis.before, analysis.between = before, between
        analysis.limits = self._limits()
        analysis.arrivals = self._arrivals()
        self._completion(analysis)
        analysis.derived = [(name, self._derived(name)) for name in text.derived]
        analysis.coefficients = [(name, self._print(e)) for e, name in self.coefficients.items()]
        analysis.inputs = [(name, self._print(e)) for e, name in self.inputs.items()]
        analysis.before = [*self._beginning(analysis), *analysis.before]
        analysis.completion_draws = self.part_draws
        analysis.uses = sorted(self.uses)
        return analysis

    # -- which method

    def _groups(self) -> list[list[str]]:
        """States with derivatives in the systems that assignments between them make."""
        groups: list[list[str]] = []
        last_is_derivative = False
        for equation in self.text.order:
            derivative = equation.is_derivative
            first = "constant over dt" in equation.flags
            if derivative and last_is_derivative:
                groups[-1].append(equation.name)
            elif derivative:
                groups.append([equation.name])
            last_is_derivative = derivative or (first and last_is_derivative)
        return groups

    def _noise_in(self, state: str) -> bool:
        return bool(self._noise_symbols() & self.derivatives[state].free_symbols)

    def _noise_symbols(self) -> set[Any]:
        return {self._plain(symbol) for symbol in self.noises.values()}

    def _exact_states(self, noisy: list[str], groups: list[list[str]]) -> list[str]:
        candidates = [n for n in self.text.derivatives if self.wanted[n] in ADAPTIVE]
        unsteady = self._unsteady()
        members = [n for n in candidates if n not in self._interrupted() and len(groups) < 2]
        members = [n for n in members if not self.derivatives[n].free_symbols & unsteady]
        while True:
            keep = [s for s in members if self._is_linear(self.derivatives[s], members)]
            if keep == members:
                break
            members = keep
        for name in candidates:
            if self.wanted[name] == "exact" and name not in members:
                self._not_exact(name, members, noisy, len(groups))
        return members

    def _unsteady(self) -> set[Any]:
        """Symbols of what changes from step to step without being integrated."""
        still = [n for n in self.definition.states if n not in self.text.derivatives and n not in self.text.derived]
        names = [*self.noises.values(), *self.step_values, *still, *self.definition.events, TIME, INDEX, FREE,
                 "_number", LAST_SPIKE]
        return {self._plain(n) for n in names}

    def _not_exact(self, name: str, members: list[str], noisy: list[str], systems: int) -> None:
        expression = self.text.derivatives[name].expression
        if name in noisy:
            reason = "it has white noise"
        elif systems > 1:
            reason = "assignments stand between the equations"
        else:
            derivative = self.derivatives[name]
            others = [n for n in self.integrated if self._plain(n) in derivative.free_symbols]
            rest = [n for n in others if n not in members and n != name]
            changing = sorted(str(s) for s in derivative.free_symbols & self._unsteady())
            if changing:
                shown = {TIME: "t", INDEX: "i", FREE: "not_refractory"}
                reason = f"'{shown.get(changing[0], changing[0].lstrip('_'))}' changes without an equation"
            elif rest:
                reason = f"it is not linear in its variables, or depends on '{rest[0]}', which has no exact solution"
            else:
                reason = "it is not linear"
        expression.fail(
            f"d{name}/dt cannot be solved exactly: {reason}. method='auto' takes a numerical method for such equations."
        )

    def _fixed_methods(self, numeric: list[str], noisy: list[str], groups: list[list[str]]) -> dict[str, str]:
        """Methods of states that are not solved exactly, but for those with adaptive steps."""
        asked = {n: self.wanted[n] for n in numeric}
        automatic = ""
        if noisy:
            automatic = "euler" if all(self._is_additive(n) for n in noisy) else "heun"
        elif len(groups) > 1:
            automatic = "rk4"
        given = {m for m in asked.values() if m not in ("auto", "rk45")}
        if not automatic and given and "auto" in asked.values():
            automatic = "rk4" if given - set(ONE_STAGE) == {"rk4"} else next(iter(sorted(given)))
        methods = {n: automatic if m == "auto" else m for n, m in asked.items()}
        for name in noisy:
            self._check_noise_method(name, methods[name])
        for group in groups:
            found = {n: methods[n] for n in group if n in methods}
            several = {m for m in found.values() if m}
            if len(several) > 1 and not several <= set(ONE_STAGE):
                state = next(n for n in found if self.text.derivatives[n].method or found[n] not in ONE_STAGE)
                self.text.derivatives[state].expression.fail(
                    f"the methods {', '.join(sorted(several))} cannot be mixed in one system of equations; "
                    f"{', '.join(ONE_STAGE)} can."
                )
            if "rk45" in several and len(groups) > 1:
                name = next(n for n in found if found[n] == "rk45")
                self.text.derivatives[name].expression.fail(
                    "adaptive steps (rk45) need all equations dx/dt next to each other, without assignments between "
                    "them; rk4 does not."
                )
        return {n: m for n, m in methods.items() if m not in ("", "rk45")}

    def _is_additive(self, state: str) -> bool:
        varying = {self._plain(n) for n in self.text.derivatives}
        return all(not self.derivatives[state].diff(z).free_symbols & varying for z in self._noise_symbols())

    def _check_noise_method(self, name: str, method: str) -> None:
        expression = self.text.derivatives[name].expression
        derivative = self.derivatives[name]
        symbols = sorted(self._noise_symbols() & derivative.free_symbols, key=str)
        node = next(n for n in ast.walk(expression.tree)
                    if isinstance(n, ast.Name) and (language.NOISE.fullmatch(n.id) or n.id in self.text.formulas))
        if not derivative.is_polynomial(*symbols) or self.sympy.Poly(derivative, *symbols).total_degree() > 1:
            expression.fail("white noise can only enter as a sum of terms g*xi.", node)
        if method not in STOCHASTIC:
            expression.fail(
                f"the method {method or 'rk45'} takes no white noise; {', '.join(STOCHASTIC)} do.", node
            )
        if method == "euler" and not self._is_additive(name):
            expression.fail(
                "the factor of the white noise depends on a state (multiplicative noise), for which Euler's method "
                "gives another process than is meant (Stratonovich's). Take heun or milstein.", node
            )
        if method == "milstein":
            others = {self._plain(n) for n in self.text.derivatives if n != name}
            if any(derivative.diff(z).free_symbols & others for z in symbols) or len(symbols) > 1:
                expression.fail(
                    "milstein takes one white noise an equation, whose factor depends on no other state. heun takes "
                    "any.", node
                )

    # -- increments of fixed steps

    def _fixed_increments(self, analysis: Analysis, groups: list[list[str]]) -> None:
        sympy = self.sympy
        dt = sympy.Symbol(TIME_STEP, real=True)
        zero = {z: 0 for z in self._noise_symbols()}
        for name, method in analysis.fixed.items():
            derivative = self.derivatives[name]
            drift = derivative.subs(zero) if zero else derivative
            for symbol in self.noises.values():
                factor = derivative.diff(self._plain(symbol))
                if factor != 0:
                    text = self._print(self._hoist(sympy.sqrt(dt) * factor))
                    analysis.noise.setdefault(name, {})[symbol] = text
            analysis.increments[name] = self._print_rate(self._hoist(dt * drift, with_inputs=True))
            if method in ("exponential_euler", "semiimplicit"):
                analysis.affine[name] = self._affine(name, drift, method)
        for group in groups:
            implicit = [n for n in group if analysis.fixed.get(n) == "implicit"]
            if implicit:
                self._solve(implicit, analysis)

    def _affine(self, name: str, drift: Any, method: str) -> tuple[str, str]:
        x, dt = self._plain(name), self.sympy.Symbol(TIME_STEP, real=True)
        drift = self.sympy.expand(drift)
        if not drift.is_polynomial(x) or self.sympy.Poly(drift, x).total_degree() > 1:
            self.text.derivatives[name].expression.fail(
                f"{method} needs an equation that is linear in its own variable; d{name}/dt is not linear in '{name}'."
            )
        polynomial = self.sympy.Poly(drift, x)
        parts = (polynomial.coeff_monomial(x), polynomial.coeff_monomial(1))
        return tuple(  # type: ignore[return-value]
            self._print(self._hoist(dt * part, with_inputs=True)) if part != 0 else "0.0" for part in parts
        )

    def _solve(self, names: list[str], analysis: Analysis) -> None:
        """x_new = x + dt*f(x_new) for all of `names` at once."""
        sympy = self.sympy
        dt = sympy.Symbol(TIME_STEP, real=True)
        new = {n: sympy.Symbol(f"_new_{i}", real=True) for i, n in enumerate(names)}
        replaced = {self._plain(n): symbol for n, symbol in new.items()}
        rules = []
        for name in names:
            derivative = self.derivatives[name].subs(replaced)
            symbols = list(new.values())
            if not derivative.is_polynomial(*symbols) or sympy.Poly(derivative, *symbols).total_degree() > 1:
                self.text.derivatives[name].expression.fail(
                    "implicit needs equations that are linear in the states that it integrates; exponential_euler or "
                    "rk45 do not."
                )
            rules.append(sympy.Eq(new[name], self._plain(name) + dt * derivative))
        found = sympy.solve(rules, list(new.values()), dict=True)
        for name in names:
            analysis.solved[name] = self._print(self._hoist(sympy.together(found[0][new[name]]), with_inputs=True))

    # -- assignments

    def _assignments(self, systems: int) -> tuple[list[tuple[str, str]], list[list[tuple[str, str]]]]:
        """Stored assignments before the first system, and after each."""
        first = [e for e in self.text.order if "constant over dt" in e.flags]
        before = [(e.name, self._stored(e)) for e in first]
        between: list[list[tuple[str, str]]] = [[] for _ in range(systems)]
        seen, last_is_derivative = 0, False
        for equation in self.text.order:
            if equation in first:
                continue
            if equation.is_derivative:
                seen += not last_is_derivative
            else:
                (between[seen - 1] if seen else before).append((equation.name, self._stored(equation)))
            last_is_derivative = equation.is_derivative
        return before, between

    def _stored(self, equation: Equation) -> str:
        self.sharing = equation.name in self.shared
        value = self._assigned(equation.name, equation.expression)
        self.sharing = False
        text = self._print(self._hoist(value))
        low, high = self._limits_of(equation.name)
        text = f"maximum({text}, {low})" if low else text
        text = f"minimum({text}, {high})" if high else text
        if "unless refractory" in equation.flags:
            text = f"where(_active, {text}, {equation.name})"
        return text

    def _assigned(self, name: str, expression: Expression) -> Any:
        """An expression as the value of a state or a local name, in its declared unit."""
        kind = self.definition.states[name].kind if name in self.definition.states else "float"
        value = self._value(expression, {INJECTED: "nA"})
        factor = 1.0
        if name in self.definition.states:
            factor = dimensions.coherent_factor(self.definition.states[name].unit)
        elif name in self.local:
            factor = dimensions.coherent_factor(self.local[name])
        value = value / self._number(factor)
        return self.sympy.Function("trunc")(value) if kind == "integer" else value

    def _limits(self) -> dict[str, tuple[str, str]]:
        return {n: self._limits_of(n) for n in self.text.derivatives if any(self._limits_of(n))}

    def _limits_of(self, name: str) -> tuple[str, str]:
        found = self.text.limits.get(name, {})
        factor = self._number(dimensions.coherent_factor(self.definition.states[name].unit))
        return tuple(  # type: ignore[return-value]
            self._print(self._hoist(self._value(found[part], {}) / factor)) if part in found else ""
            for part in ("min", "max")
        )

    # -- the end of a step

    def _completion(self, analysis: Analysis) -> None:
        definition, text = self.definition, self.text
        for event, (condition, _) in text.events.items():
            self._enter(f"event {event}")
            only = definition.events[event].unless_refractory
            analysis.events.append((event, self._finish(self._truth(condition), condition), [], only))
        if text.threshold is not None:
            self._enter("threshold")
            analysis.threshold = self._finish(self._truth(text.threshold), text.threshold)
        self._enter("reset")
        analysis.reset = [(s.name, self._finish(self._new_value(s), s.expression)) for s in text.reset]
        found = {name: (condition, only) for name, condition, _, only in analysis.events}
        ordered = sorted(text.events, key=lambda name: (definition.events[name].order, name))
        analysis.events = []
        for event in ordered:
            self._enter(f"code {event}")
            statements = [(s.name, self._finish(self._new_value(s), s.expression)) for s in text.events[event][1]]
            analysis.events.append((event, found[event][0], statements, found[event][1]))
        if text.refractory is not None:
            self._enter("refractory")
            self._refractoriness(analysis, text.refractory)

    def _enter(self, part: str) -> None:
        self.part, self.local = part, {}

    def _finish(self, value: Any, where: Expression) -> str:
        return self._after_input(value, where)

    def _truth(self, condition: Expression) -> Any:
        value = self._convert(condition, {TIME_STEP: "ms"})
        return self._as_condition(value)

    def _as_condition(self, value: Any) -> Any:
        if value in (True, False) or value.is_Boolean or value.is_Relational:
            return value
        return self.sympy.Ne(value, 0)

    def _refractoriness(self, analysis: Analysis, expression: Expression) -> None:
        if is_condition(expression, known_units(self.definition, self.text)):
            analysis.refractory_condition = self._finish(self._truth(expression), expression)
            return
        value = self._convert(expression, {})
        if value.free_symbols & self._varying() or value.free_symbols & self._unsteady():
            analysis.refractory_value = self._finish(value, expression)
        else:
            analysis.refractory = self._print(value)

    def _new_value(self, statement: Statement) -> Any:
        if statement.name in self.definition.states:
            value = super()._new_value(self._numeric(statement))
            kind = self.definition.states[statement.name].kind
            return self.sympy.Function("trunc")(value) if kind == "integer" else value
        if statement.name not in self.local:
            unit = dimensions.unit_of(
                statement.expression, {**known_units(self.definition, self.text), **self.local}
            ).text if not self.definition.unchecked_units else ""
            value = self._value(statement.expression, {INJECTED: "nA"})
            if is_condition(statement.expression, {**known_units(self.definition, self.text), **self.local}):
                unit = "boolean"
            self.local[statement.name] = unit
            return value / self._number(dimensions.coherent_factor(unit))
        factor = self._number(dimensions.coherent_factor(self.local[statement.name]))
        old = self._plain(statement.name)
        value = self._value(statement.expression, {INJECTED: "nA"})
        return {
            "=": value / factor, "+=": old + value / factor, "-=": old - value / factor, "*=": old * value,
            "/=": old / value, "%=": self.sympy.Function("modulo")(old, value / factor),
        }[statement.operator]

    def _numeric(self, statement: Statement) -> Statement:
        """A statement whose expression is a number where it is a condition."""
        if not is_condition(statement.expression, known_units(self.definition, self.text)):
            return statement
        tree = statement.expression.tree
        number = ast.copy_location(ast.IfExp(tree, ast.Constant(1), ast.Constant(0)), tree)
        return dataclasses.replace(statement, expression=dataclasses.replace(statement.expression, tree=number))

    # -- values

    def _hoist(self, expression: Any, with_inputs: bool = False) -> Any:
        # A condition stays one: coefficients are numbers, which "and" does not combine.
        if expression.is_Relational:
            return expression.func(*(self._hoist(a, with_inputs) for a in expression.args))
        return super()._hoist(expression, with_inputs)

    def _varying(self) -> set[Any]:
        names = [*self.noises.values(), *self.step_values, *(n for n, _, _ in self.part_draws), *self.local,
                 *self.definition.states, *self.definition.events, TIME, INDEX, FREE, "_number", LAST_SPIKE,
                 *(f"_table{k}" for k in range(len(self.tables)))]
        return super()._varying() | {self._plain(n) for n in names} | {self._plain(OLD + n) for n in self.states}

    def _derivative(self, state: str) -> Any:
        self.sharing = state in self.shared
        value = super()._derivative(state)
        self.sharing = False
        return value

    def _name(self, name: str, where: Expression, extra: Mapping[str, str]) -> Any:
        if name in self.local:
            return self._number(dimensions.coherent_factor(self.local[name])) * self._plain(name)
        if name not in self.definition.units and name not in self.text.formulas:
            found = self._special(name)
            if found is not None:
                return found
        if name in self.definition.events:
            return self._plain(name)
        return super()._name(name, where, extra)

    def _special(self, name: str) -> Any:
        if language.NOISE.fullmatch(name):
            self.uses.add("_key")
            symbol = self.noises.setdefault(name, f"_z{name[2:]}")
            self.noise_shared[name] = self.noise_shared.get(name, True) and self.sharing
            return self._plain(symbol)
        symbols = {"t": TIME, "i": INDEX, "N": "_number", "not_refractory": FREE}
        if name in symbols:
            self.uses.add(symbols[name])
            if name == "t" or self.part != "step":
                return self._plain(symbols[name])
            # What does not change during a step is handed to adaptive sub-steps by a name of its own.
            self.step_values[f"_of_{name}"] = f"{symbols[name]}*1.0"
            return self._plain(f"_of_{name}")
        if name in ("lastspike", "t_last"):
            self.uses.add("lastspike")
            return self._plain(LAST_SPIKE)
        return None

    def _node(self, node: ast.expr, where: Expression, extra: Mapping[str, str]) -> Any:
        sympy = self.sympy
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            return sympy.true if node.value else sympy.false
        if isinstance(node, ast.BoolOp):
            values = [self._as_condition(self._node(v, where, extra)) for v in node.values]
            return (sympy.And if isinstance(node.op, ast.And) else sympy.Or)(*values)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return sympy.Not(self._as_condition(self._node(node.operand, where, extra)))
        if isinstance(node, ast.IfExp):
            return self._choice(node.test, node.body, node.orelse, where, extra)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.func.id
            if name in language.DRAWS:
                return self._draw(node, where, extra)
            if name in self.tables:
                return self._table(node, where, extra)
            if name == "ite":
                return self._choice(*node.args, where, extra)  # type: ignore[call-arg,arg-type]
            if name == "int":
                value = self._node(node.args[0], where, extra)
                number = self._as_number(value)
                return number if number is not value else sympy.Function("trunc")(value)
        return super()._node(node, where, extra)

    def _choice(self, test: ast.expr, yes: ast.expr, no: ast.expr, where: Expression, extra: Mapping[str, str]) -> Any:
        condition = self._as_condition(self._node(test, where, extra))
        first, second = (self._as_number(self._node(n, where, extra)) for n in (yes, no))
        return self.sympy.Piecewise((first, condition), (second, True))

    def _draw(self, node: ast.Call, where: Expression, extra: Mapping[str, str]) -> Any:
        """The symbol of a random number: one for each call in the text."""
        name = node.func.id  # type: ignore[attr-defined]
        if id(node) not in self.draws:
            arguments = [self._print(self._hoist(self._node(a, where, extra))) for a in node.args]
            self.streams += 1
            self.uses.add("_key")
            row = "0" if self.sharing else INDEX
            known = {"rand": "uniform", "randn": "normal", "Poisson": "poisson", "Binomial": "binomial",
                     "Normal": "normal", "Uniform": "uniform"}
            function = known.get(name, name.lower())
            condition = "True" if self.part == "step" else {
                "reset": "_spiking", "refractory": "_spiking"
            }.get(self.part, "_happens_" + self.part[5:] if self.part.startswith("code ") else "_active"
                  if self.part == "threshold" else "True")
            numbers = ", ".join(["_key", str(self.streams), row, "_step", *arguments])
            call = f"draw_{function}({condition}, {numbers})"
            symbol = f"_r{self.streams}"
            self.draws[id(node)] = (symbol, call)
            if self.part == "step":
                self.step_values[symbol] = call
            else:
                self.part_draws.append((symbol, call, self.part))
        return self._plain(self.draws[id(node)][0])

    def _table(self, node: ast.Call, where: Expression, extra: Mapping[str, str]) -> Any:
        name = node.func.id  # type: ignore[attr-defined]
        number = self.tables.index(name)
        arguments = [self._print(self._hoist(self._node(a, where, extra))) for a in node.args]
        column = arguments[1] if len(arguments) > 1 else "0.0"
        call = f"look_up(_table{number}, _rows{number}, _columns{number}, _width{number}, {arguments[0]}, {column})"
        symbol = next((s for s, c in self.step_values.items() if c == call), "")
        factor = self._number(dimensions.coherent_factor(self.definition.tables[name].unit))
        if self.part != "step":
            symbol = f"_f{len(self.part_draws)}_{number}"
            self.part_draws.append((symbol, call, self.part))
        elif not symbol:
            symbol = f"_f{len(self.step_values)}_{number}"
            self.step_values[symbol] = call
        return factor * self._plain(symbol)

    def _beginning(self, analysis: Analysis) -> list[tuple[str, str]]:
        """Values that a step begins with: time, random numbers, tables."""
        rows: list[tuple[str, str]] = []
        for name, symbol in self.noises.items():
            self.streams += 1
            row = "0" if self.noise_shared[name] else INDEX
            rows.append((symbol, f"draw_normal(True, _key, {self.streams}, {row}, _step)"))
        rows += list(self.step_values.items())
        return rows

    def _mentions(self, *names: str) -> bool:
        return any(name in e.names for e in _expressions(self.text) for name in names)


def _shared(definition: Definition, text: _Text) -> set[str]:
    """States of which all cells have the same value; EquationError where an expression of one is not the same."""
    shared = {e.name for e in (*text.derivatives.values(), *text.stored.values()) if "shared" in e.flags}
    fixed = {n for n, p in definition.parameters.items() if p.shared}
    same = {*shared, *fixed, *definition.constants, "t", "dt", "N"}
    for equation in (*text.derivatives.values(), *text.stored.values()):
        if equation.name not in shared:
            continue
        for node in ast.walk(equation.expression.tree):
            if not isinstance(node, ast.Name) or getattr(node, "is_function", False):
                continue
            known = node.id in definition.units or node.id in language.SPECIAL_NAMES or node.id in text.formulas
            if known and node.id not in same and node.id not in text.formulas or node.id == INJECTED:
                equation.expression.fail(
                    f"'{equation.name}' is shared by all cells, but '{node.id}' may differ from cell to cell. Declare "
                    f"'{node.id}' with the flag (shared), too.", node
                )
    return shared
