"""NESTML text of a cell type that is given by equations.

The text is made from the program from which the kernels of the reference backend are made, so that a cell does the same
on both: the linear part is multiplied with its exact propagator, whose numbers are parameters of the NESTML model; the
nonlinear part is integrated in adaptive sub-steps. NESTML would also solve equations itself, but its propagators fail
where time constants meet, and its numerical solver knows nothing of a threshold within a step.

All numbers are real, in the units that the cell type declares, with factors written out: NESTML knows units, but
converts some of them wrongly. It also writes numbers with nine digits into the C++ that it makes, so that a number with
more is put together from whole ones.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyNN.equations import arrays, kernels, store
from pyNN.equations.analysis import FREE, INDEX, INJECTED, OLD, RANDOM, TIME, TIME_AT_END, Analysis, public
from pyNN.equations.methods import DORMAND_PRINCE, Tableau
from pyNN.equations.program import Program, mentions, rename
from pyNN.equations.refinement import COUPLED_TOLERANCE, CROSSING, REFINED_TOLERANCE, RESOLUTION
from pyNN.errors import CapabilityError
from pyNN.models import Definition
from pyNN.units import factor

_MAX_SUBSTEPS = 100_000
_SMALL = 1e-6
"""Added to the size of a state, in its unit: of slopes that cancel to next to nothing, rounding is not an error."""
_SHORT = 9
"""So many digits of a number NESTML keeps."""
_HALF = 2**29
_EXPREL = """
    function exprel(x real) real:
        if abs(x) < 0.00001:
            return 1.0 + x/2.0 + x*x/6.0
        return expm1(x)/x
"""
_LOG1P = """
    function log1p(x real) real:
        y real = 1.0 + x
        if y == 1.0:
            return x
        return ln(y)*x/(y - 1.0)
"""
_SIGN = """
    function sign(x real) real:
        return (x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : x))
"""
_ROUND = """
    function rint(x real) real:
        y real = floor(x + 0.5)
        return ((y - x == 0.5) and (y - 2.0*floor(y/2.0) != 0.0) ? y - 1.0 : y)
"""
_TRUNC = """
    function trunc(x real) real:
        return (x < 0.0 ? ceil(x) : floor(x))
"""
_MODULO = """
    function modulo(a real, b real) real:
        return a - b*floor(a/b)
"""
_FUNCTIONS = {
    "exprel": _EXPREL, "log1p": _LOG1P, "sign": _SIGN, "rint": _ROUND, "trunc": _TRUNC, "modulo": _MODULO,
}  # fmt: skip
_SAME = {
    "exp": "exp", "expm1": "expm1", "log": "ln", "log10": "log10", "sin": "sin", "cos": "cos", "tan": "tan",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "abs": "abs", "floor": "floor", "ceil": "ceil", "minimum": "min",
    "maximum": "max", "exprel": "exprel", "log1p": "log1p", "sign": "sign", "round": "rint", "trunc": "trunc",
    "modulo": "modulo",
}  # fmt: skip
_LOGICAL = (ast.BitAnd, ast.BitOr)
_OPERATORS: Mapping[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">",
    ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.BitAnd: "and", ast.BitOr: "or",
}  # fmt: skip


@dataclass(frozen=True)
class Export:
    """A cell type as a NESTML model, and what the names in it mean."""

    definition: Definition
    """The cell type, with an own parameter and state for every element of arrays."""
    model: str
    """The name of the NESTML model."""
    text: str
    program: Program
    states: Mapping[str, str]
    """NESTML's name of every state."""
    coefficients: Mapping[str, str]
    """NESTML's name of those coefficients of the program that are used; they are the model's parameters."""
    step: str
    """The variable that counts time steps, "" where none is needed."""
    index: str
    """The variable that is the cell's index in its population, "" where none is needed."""
    ports: tuple[str, ...]
    """The input port of every receptor, in their order."""
    current: str
    """The parameter that is injected current, in pA; "" for a cell type into which no current can be injected."""


def export(definition: Definition) -> Export:
    """The NESTML text of a cell type; CapabilityError for what cannot be said in NESTML."""
    expanded = arrays.expand(definition).definition
    program = kernels.build(store.analysis(definition))
    return _Exporter(expanded, program).result()


class _Names:
    """Names in NESTML: of what a model declares with an underscore behind, which no unit and no word of NESTML has."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def __getitem__(self, name: str) -> str:
        if name not in self._given:
            wanted = f"x{name}" if name.startswith("_") else f"{name}_"
            wanted = wanted.replace("__", "_").replace("__", "_")
            count = 1
            while wanted.upper() in self._taken:
                count += 1
                wanted = f"{wanted.rstrip('0123456789')}{count}"
            self._taken.add(wanted.upper())
            self._given[name] = wanted
        return self._given[name]


@dataclass
class _Constants:
    """Numbers that have too many digits to be written as they are."""

    names: dict[float, str] = field(default_factory=dict)

    def text(self, value: float) -> str:
        """An expression that is the number exactly."""
        if math.isnan(value):
            return "(inf - inf)"
        if math.isinf(value):
            return "inf" if value > 0 else "(-inf)"
        if value < 0:
            return f"(-{self.text(-value)})"
        if value == int(value) and value < 10**_SHORT:
            return f"{int(value)}.0"
        written = repr(value)
        if "e" not in written and len(written.replace(".", "").strip("0")) <= _SHORT:
            return written
        return self.names.setdefault(value, f"constant_{len(self.names)}")

    def declarations(self) -> list[str]:
        return [f"{name} real = {_exactly(value)}  # {value!r}" for value, name in self.names.items()]


def _exactly(value: float) -> str:
    """A positive number as a whole one of 53 bits, in two parts, times a power of two."""
    mantissa, exponent = math.frexp(value)
    high, low = divmod(int(mantissa * 2**53), _HALF)
    powers, rest = [], exponent - 53
    while rest:
        # Every partial product is a number of the same digits.
        step = max(-500, min(500, rest))
        powers.append(f"*2.0**{f'({step}.0)' if step < 0 else f'{step}.0'}")
        rest -= step
    return f"({high}.0*{_HALF}.0 + {low}.0)" + "".join(powers)


class _Exporter:
    def __init__(self, definition: Definition, program: Program) -> None:
        self.definition = definition
        self.program = program
        self.analysis: Analysis = program.analysis
        self.names = _Names()
        self.constants = _Constants()
        self.used: dict[str, None] = {}
        self.functions: dict[str, None] = {}
        self.boolean = {"_active", "_crossed", "_testing", "_done"}
        self.current = INJECTED if definition.injectable else ""
        # NESTML has no variables that the blocks of a model share but those of its state.
        self.shared: dict[str, None] = {}
        for name in self.analysis.states:
            self.names[name]

    def result(self) -> Export:
        """The text. What is computed is written first, since it tells which coefficients are needed."""
        _refuse(self.definition, self.analysis)
        integration, completion = self._integration(), self.program.completion
        later = {name for _, expression in completion for name in _names_in(expression)}
        earlier = {*(name for name, _ in integration), *(f"_n_{name}" for name in self.analysis.integrated)}
        if self.analysis.within_step:
            earlier.add("_crossed")
        self.shared = dict.fromkeys(n for n in sorted(earlier & later) if n not in self.analysis.states)
        update = self._update(integration)
        final = self._completion(completion)
        if "_step" in self.used:
            update = [f"{self.names['_step']} = {self.names['_step']} + 1.0", *update]
        analysis = self.analysis
        ports = tuple(f"spikes_{number}" for number in range(len(analysis.receptors)))
        coefficients = {name: self.names[name] for name in self.program.coefficients if name in self.used}
        blocks = [
            ("state", self._state_lines()),
            ("internals", self.constants.declarations()),
            ("parameters", self._parameter_lines(coefficients)),
            ("input", [f"{port} <- spike" for port in ports]),
            ("output", ["spike"]),
            ("update", update),
            *((f"onReceive({port})", [f"{self.names[f'_w{k}']} += {port} * 1 s"]) for k, port in enumerate(ports)),
            # After the update and the arrival of spikes, in every step.
            ("onCondition(true)", final),
        ]
        body = [line for title, lines in blocks if lines for line in ("", f"    {title}:", *_indented(lines, 8))]
        body += [line for name in self.functions for line in _FUNCTIONS[name].rstrip().split("\n")]
        model = "pynn_" + _base(self.definition.name)
        head = f"# {self.definition.name}: written by pyNN.nest from the equations of the cell type.\nmodel {model}:"
        return Export(
            definition=self.definition,
            model=model,
            text="\n".join([head, *body, ""]),
            program=self.program,
            states={public(name): self.names[name] for name in analysis.states},
            coefficients=coefficients,
            step=self.names["_step"] if "_step" in self.used else "",
            index=self.names[INDEX] if INDEX in self.used else "",
            ports=ports,
            current=self.names[self.current] if self.current else "",
        )

    # -- declarations

    def _state_lines(self) -> list[str]:
        analysis, lines = self.analysis, []
        for name in analysis.states:
            state = self.definition.states.get(public(name))
            value = analysis.hidden.get(name, 0.0) if state is None else _number(state.initial)
            unit = f"  # {public(name)}, {state.unit or 'a number'}" if state is not None else ""
            lines.append(f"{self.names[name]} real = {_initial(value)}{unit}")
        lines += [
            f"{self.names[name]} {'boolean = false' if name in self.boolean else 'real = 0.0'}" for name in self.shared
        ]
        lines += [f"{self.names[f'_w{k}']} real = 0.0  # weights arriving at {receptor}"
                  for k, receptor in enumerate(analysis.receptors)]
        lines.append(f"{self.names['_refractory']} real = 0.0  # remaining steps of the refractory period")
        for name, meaning in (("_step", "time steps so far"), (INDEX, "index of the cell")):
            if name in self.used:
                lines.append(f"{self.names[name]} real = 0.0  # {meaning}")
        return lines

    def _parameter_lines(self, coefficients: Mapping[str, str]) -> list[str]:
        meaning = {name: expression for name, expression in self.analysis.coefficients}
        meaning["_period"] = f"({self.analysis.refractory or '0.0'})/dt, in whole steps"
        meaning["_dt"] = "time between updates, ms"
        lines = [f"{native} real = 0.0  # {meaning.get(name, 'of the exact propagator')}"
                 for name, native in coefficients.items()]
        if self.current:
            lines.append(f"{self.names[self.current]} real = 0.0  # injected current, pA")
        return lines

    # -- what is computed

    def _integration(self) -> list[tuple[str, str]]:
        """What is assigned before spikes arrive. Where steps are adaptive, `_Substeps` replaces the kernels' own."""
        analysis = self.analysis
        if not analysis.nonlinear or analysis.fixed:
            return self.program.integration
        first = {"_active", "_now", TIME, TIME_AT_END, FREE, *(name for name, _ in analysis.before)}
        first.update(f"_n_{name}" for name in analysis.linear)
        return [row for row in self.program.integration if row[0] in first] + list(analysis.inputs)

    def _update(self, integration: list[tuple[str, str]]) -> list[str]:
        declared: set[str] = set()
        lines = [self._assignment(name, expression, declared) for name, expression in integration]
        if self.analysis.nonlinear and not self.analysis.fixed:
            lines += _Substeps(self).lines()
        return lines

    def _completion(self, completion: list[tuple[str, str]]) -> list[str]:
        analysis, lines = self.analysis, []
        declared: set[str] = set()
        if analysis.random and not analysis.extended:
            declared.add(RANDOM)
            lines.append(f"{self.names[RANDOM]} real = random_uniform(0.0, 1.0)")
        lines += [self._assignment(name, expression, declared) for name, expression in completion]
        final = {name for name, _ in completion}
        lines += [f"{self.names[n]} = {self.names[f'_f_{n}']}" for n in analysis.states if f"_f_{n}" in final]
        lines += [f"{self.names[f'_w{k}']} = 0.0" for k in range(len(analysis.receptors))]
        if analysis.threshold:
            lines.append(f"{self.names['_refractory']} = {self.names['_f_refractory']}")
            lines += [f"if {self.names['_spiking']}:", "    emit_spike()"]
        return lines

    def _assignment(self, name: str, expression: str, declared: set[str]) -> str:
        """An assignment, which declares the name if that is new in its block."""
        is_boolean = self._kind(ast.parse(expression, mode="eval").body)
        if is_boolean:
            self.boolean.add(name)
        text = self.text(expression)
        if name in declared or name in self.analysis.states or name in self.shared:
            return f"{self.names[name]} = {text}"
        declared.add(name)
        return f"{self.names[name]} {'boolean' if is_boolean else 'real'} = {text}"

    # -- expressions

    def _kind(self, node: ast.expr) -> bool:
        """Whether the value is a truth value."""
        if isinstance(node, ast.Compare):
            return True
        if isinstance(node, ast.Constant):
            return isinstance(node.value, bool)
        if isinstance(node, ast.BinOp):
            return isinstance(node.op, _LOGICAL)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id in ("logical_not", "isnan", "isfinite") or (
                node.func.id == "where" and self._kind(node.args[1])
            )
        return isinstance(node, ast.Name) and node.id in self.boolean

    def text(self, expression: str, values: Mapping[str, str] | None = None) -> str:
        """An expression of a program in NESTML; `values` gives other names to some."""
        return self._node(ast.parse(expression, mode="eval").body, values or {})

    def condition(self, expression: str) -> str:
        """The same as a truth value."""
        return self._truth(ast.parse(expression, mode="eval").body, {})

    def _truth(self, node: ast.expr, values: Mapping[str, str]) -> str:
        text = self._node(node, values)
        return text if self._kind(node) else f"({text} != 0.0)"

    def _node(self, node: ast.expr, values: Mapping[str, str]) -> str:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            if isinstance(node.value, bool):
                return "true" if node.value else "false"
            return self.constants.text(float(node.value))
        if isinstance(node, ast.Name):
            return self._name(node.id, values)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            sign = "-" if isinstance(node.op, ast.USub) else ""
            return f"({sign}{self._node(node.operand, values)})"
        if isinstance(node, ast.BinOp) and isinstance(node.op, _LOGICAL):
            return f"({self._truth(node.left, values)} {_OPERATORS[type(node.op)]} {self._truth(node.right, values)})"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return self._call("modulo", [node.left, node.right], values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant):
            # A whole number remains one: NESTML multiplies then.
            return f"({self._node(node.left, values)} ** {node.right.value!r})"
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            left, right = self._node(node.left, values), self._node(node.right, values)
            return f"({left} {_OPERATORS[type(node.op)]} {right})"
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, right = self._node(node.left, values), self._node(node.comparators[0], values)
            return f"({left} {_OPERATORS[type(node.ops[0])]} {right})"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._call(node.func.id, node.args, values)
        raise self._impossible(f"'{ast.unparse(node)}'")

    def _name(self, name: str, values: Mapping[str, str]) -> str:
        if name in ("inf", "nan"):
            return "inf" if name == "inf" else "(inf - inf)"
        if name == INJECTED:
            return f"({self.names[INJECTED]}*{self.constants.text(factor('pA', 'nA'))})" if self.current else "0.0"
        if name in values:
            return values[name]
        name = name.removeprefix(OLD) if name.startswith(OLD) else name
        self.used[name] = None
        return self.names[name]

    def _call(self, name: str, nodes: list[ast.expr], values: Mapping[str, str]) -> str:
        if name.startswith("draw_"):
            return self._draw(name.removeprefix("draw_"), nodes, values)
        if name == "where":
            return (
                f"({self._truth(nodes[0], values)} ? {self._node(nodes[1], values)} : {self._node(nodes[2], values)})"
            )
        if name == "logical_not":
            return f"(not {self._truth(nodes[0], values)})"
        arguments = [self._node(node, values) for node in nodes]
        if name == "sqrt":
            return f"({arguments[0]}**0.5)"
        if name == "isnan":
            return f"({arguments[0]} != {arguments[0]})"
        if name == "isfinite":
            return f"(abs({arguments[0]}) < inf)"
        if name in ("inverse_exprel", "inverse_exprel_of"):
            return f"(1.0/{self._call('exprel', nodes[:1], values)})"
        if name == "exprel_of":
            return self._call("exprel", nodes[:1], values)
        if name not in _SAME:
            raise self._impossible(f"the function {name}()")
        native = _SAME[name]
        if native in _FUNCTIONS:
            self.functions[native] = None
        return f"{native}({', '.join(arguments)})"

    def _draw(self, kind: str, nodes: list[ast.expr], values: Mapping[str, str]) -> str:
        """A random number of NEST's generator, 0 where the condition that comes first is false."""
        condition, _, _, row, _, *parameters = nodes
        if isinstance(row, ast.Constant):
            raise self._impossible("a random number that all cells share")
        given = [self._node(node, values) for node in parameters]
        if kind == "uniform":
            low, high = given or ("0.0", "1.0")
            text = f"random_uniform({low}, {high} - {low})"
        elif kind in ("normal", "lognormal"):
            mean, deviation, *limits = given or ("0.0", "1.0")
            text = f"random_normal({mean}, {deviation})"
            if limits:
                text = f"min(max({text}, {limits[0]}), {limits[1]})"
            text = f"exp({text})" if kind == "lognormal" else text
        elif kind == "exponential":
            text = f"(-ln(1.0 - random_uniform(0.0, 1.0))/{given[0]})"
        elif kind == "discreteuniform":
            text = f"floor({given[0]} + ({given[1]} - {given[0]} + 1.0)*random_uniform(0.0, 1.0))"
        elif kind == "poisson":
            text = f"({given[0]} > 0.0 ? 1.0*random_poisson({given[0]}) : 0.0)"
        else:
            raise self._impossible(f"random numbers of the distribution '{kind}'")
        always = isinstance(condition, ast.Constant) and condition.value is True
        return text if always else f"({self._truth(condition, values)} ? {text} : 0.0)"

    def _impossible(self, what: str) -> CapabilityError:
        return CapabilityError(
            f"{self.definition.name} cannot run on NEST: NESTML has nothing for {what}. The backend 'reference' runs "
            "it."
        )


def _names_in(expression: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(expression, mode="eval")) if isinstance(node, ast.Name)}


def _number(value: Any) -> float:
    """A default; cells that differ get theirs when they are made."""
    return float(value) if isinstance(value, int | float) else 0.0


def _base(name: str) -> str:
    """A name that NESTML takes: without two underscores in a row, or one at either end."""
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    return "_".join(part for part in kept.split("_") if part)[:40].strip("_")


def _refuse(definition: Definition, analysis: Analysis) -> None:
    """CapabilityError for what a NESTML model cannot be told, or does not know."""
    if definition.source or not definition.equations:
        raise CapabilityError(f"{definition.name} has no equations that could be written in NESTML.")
    if analysis.tables:
        raise CapabilityError(
            f"{definition.name} cannot run on NEST: it has functions of time that are given by their values "
            f"({', '.join(analysis.tables)}). The backend 'reference' runs it; on both, a StepCurrentSource is a "
            "current that follows given values."
        )


class _Substeps:
    """The nonlinear part over one step: all states together, in sub-steps as short as the estimated error asks for.

    `pyNN.equations.refinement` says what happens where the threshold is tested within steps.
    """

    def __init__(self, exporter: _Exporter, tableau: Tableau = DORMAND_PRINCE) -> None:
        self.exporter = exporter
        self.analysis = exporter.analysis
        self.tableau = tableau
        self.names = exporter.names
        self.within = self.analysis.within_step
        self.last = len(tableau.nodes) - 1
        self.moving = any(name not in self.analysis.held for name in self.analysis.nonlinear)

    def lines(self) -> list[str]:
        """From the states at the beginning of the step to `_n_<state>`."""
        say, analysis = self._say, self.analysis
        states = analysis.integrated
        head = [say("real _t = 0.0"), say(f"real _h = {0.25 if self.within else 1.0}"), say("boolean _done = false"),
                say("real _go = where(_active, 1.0, 0.0)"), f"{self.names['_substep']} integer = 0"]
        head += [say(f"real _y_{n} = {n}") for n in states]
        if self.within:
            head += [say("_crossed = false", {"false": "false"}), say("boolean _testing = _active"),
                     say("real _goal = 0.0"), *self._when(f"_testing & ({self._threshold('_y_')})", self._reset())]
        if not self.moving:
            # All that is integrated here is held.
            head.append(say("_done = logical_not(_active)"))
        count = self.names["_substep"]
        loop = [f"while (not {self.names['_done']}) and {count} < {_MAX_SUBSTEPS}:", *_indented(self._substep(), 4)]
        unfinished = [f"if not {self.names['_done']}:", *(f"    {say(f'_y_{n} = nan')}" for n in analysis.nonlinear)]
        end = [say(f"_n_{n} = _y_{n}") for n in analysis.nonlinear]
        return [*head, *loop, *unfinished, *end]

    def _say(self, statement: str, values: Mapping[str, str] | None = None) -> str:
        """A statement "name = expression" or "type name = expression" in NESTML."""
        target, expression = statement.split(" = ", 1)
        kind, _, name = target.rpartition(" ")
        values = {"false": "false", "true": "true", **(values or {})}
        return f"{self.names[name]}{f' {kind}' if kind else ''} = {self.exporter.text(expression, values)}"

    def _when(self, condition: str, yes: list[str], no: list[str] | None = None) -> list[str]:
        lines = [f"if {self.exporter.condition(condition)}:", *_indented(yes, 4)]
        return [*lines, "else:", *_indented(no, 4)] if no else lines

    def _threshold(self, prefix: str) -> str:
        """The condition, with the states at some point of the step."""
        return rename(self.analysis.threshold, {n: f"{prefix}{n}" for n in self.analysis.integrated})

    def _slope(self, name: str, values: Mapping[str, str]) -> str:
        text = self.exporter.text(self.analysis.increments[name], values)
        held = name in self.analysis.held
        return f"{self.names['_h']}*{self.names['_go']}*({text})" if held else f"{self.names['_h']}*({text})"

    def _substep(self) -> list[str]:
        analysis, tableau, names, say = self.analysis, self.tableau, self.names, self._say
        states = analysis.integrated
        lines = [f"{names['_substep']} = {names['_substep']} + 1", say("_h = minimum(_h, 1.0 - _t)")]
        for stage in range(len(tableau.nodes)):
            row = tableau.stages[stage] if stage < len(tableau.stages) else tableau.weights
            point = "_y_" if not row else f"_y{stage}_"
            values = {n: names[f"{point}{n}"] for n in states}
            if row:
                lines += [f"{values[n]} real = {names[f'_y_{n}']} + {self._weighted(row, n)}" for n in states]
            for name, expression in analysis.common:
                values[name] = names[f"{name}_{stage}"]
                lines.append(f"{values[name]} real = {self.exporter.text(expression, values)}")
            lines += [f"{names[f'_k{stage}_{n}']} real = {self._slope(n, values)}" for n in states]
        # The largest error, in units of what is tolerated; a sum, since a maximum may pass over what is no number.
        tolerance = REFINED_TOLERANCE if len(analysis.nonlinear) == 1 else min(COUPLED_TOLERANCE, 1e-9)
        lines += [say("real _worst = 0.0"), say("real _all = 0.0")]
        for n in states:
            size = f"abs(_y_{n}) + abs(_y{self.last}_{n}) + abs(_k0_{n}) + {_SMALL!r}"
            lines.append(f"{names[f'_e_{n}']} real = abs({self._weighted(tableau.error, n)})")
            lines.append(say(f"real _s_{n} = {size}"))
            lines.append(say(f"real _q_{n} = _e_{n}/({tolerance!r}*_s_{n})"))
            lines += [say(f"_worst = maximum(_worst, _q_{n})"), say(f"_all = _all + _q_{n}")]
        return lines + self._judge()

    def _judge(self) -> list[str]:
        """Accept a sub-step or repeat it."""
        say = self._say
        growth = say(f"_h = _h*minimum(5.0, maximum(0.2, 0.9*(_worst + 1e-12)**(-1.0/{self.tableau.order}.0)))")
        # A sub-step that leads out of the numbers is too long; a state that is none stays so.
        lost = [say("_h = 0.1*_h"), *self._when("_h < 1e-200", self._give_up())]
        accepted = [*self._accept(), say("_t = _t + _h"), say("_done = _t >= 1.0 - 1e-14")]
        if self.within:
            # Up to where the crossing was seen, sub-steps only become shorter.
            accepted += self._when(f"logical_not(_t < _goal - {CROSSING / 2!r})", [growth])
            accepted = self._when(f"_testing & ({self._threshold(f'_y{self.last}_')})", self._at_crossing(), accepted)
        else:
            accepted.append(growth)
        judged = self._when("_worst <= 1.0", accepted, [growth])
        return [*self._when("_all < inf", judged, lost), *self._at_divergence()]

    def _at_divergence(self) -> list[str]:
        """A solution that diverges within the step has crossed the threshold: its step ends there, and it spikes."""
        condition = self.exporter.program.divergence
        if self.within or not condition:
            return []
        own = {n: f"_y_{n}" for n in self.analysis.integrated}
        return self._when(f"(_t > 0.0) & (_t + _h <= _t) & ({rename(condition, own)})", [self._say("_done = true")])

    def _accept(self) -> list[str]:
        return [self._say(f"_y_{n} = _y{self.last}_{n}") for n in self.analysis.integrated]

    def _give_up(self) -> list[str]:
        return [*(self._say(f"_y_{n} = nan") for n in self.analysis.nonlinear), self._say("_done = true")]

    def _at_crossing(self) -> list[str]:
        analysis, say = self.analysis, self._say
        tested = [n for n in analysis.integrated if mentions(analysis.threshold, n)]
        # Ends that are the same number but for rounding cannot be told apart, however long the sub-step.
        apart = " | ".join(f"(abs(_y{self.last}_{n} - _y_{n}) > {RESOLUTION!r}*abs(_y_{n}))" for n in tested)
        halve = [say("_h = 0.5*_h"), say("_goal = _t + 2.0*_h")]
        again = [*self._reset(), say("_goal = 0.0"), say("_t = _t + _h"), say("_h = 0.25")]
        again.append(say("_done = _t >= 1.0 - 1e-14"))
        cross = [*self._accept(), *self._when("_crossed", [say("_done = true")], again)]
        return self._when(f"(_h > {CROSSING!r}) & ({apart})", halve, cross)

    def _reset(self) -> list[str]:
        """The reset at a crossing, and, with a refractory period, the rest of the step with held states at rest."""
        own = {n: self.names[f"_y_{n}"] for n in self.analysis.integrated}
        lines = [f"{own[name]} = {self.exporter.text(expression, own)}" for name, expression in self.analysis.reset]
        held = [self._say("_testing = false"), self._say("_go = 0.0")]
        return [*lines, self._say("_crossed = true"), *self._when("_period > 0.0", held)]

    def _weighted(self, weights: Iterable[object], name: str) -> str:
        terms = []
        for stage, weight in enumerate(weights):
            above, below = weight.numerator, weight.denominator  # type: ignore[attr-defined]
            if above:
                ratio = f"{abs(above)}.0/{below}.0"
                terms.append(f"({'-' if above < 0 else ''}{ratio})*{self.names[f'_k{stage}_{name}']}")
        return "(" + " + ".join(terms) + ")"


def _indented(lines: Iterable[str], by: int) -> list[str]:
    return [" " * by + line for line in lines]


def _initial(value: float) -> str:
    """A number that stands by itself, without a name."""
    sign = "-" if value < 0 else ""
    constants = _Constants()
    text = constants.text(abs(value))
    return sign + (_exactly(abs(value)) if constants.names else text)
