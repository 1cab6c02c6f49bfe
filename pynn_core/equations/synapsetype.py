"""Synapse types that a script writes as equations: `SynapseType(...)` gives a class as of a standard type."""

from __future__ import annotations

import ast
import copy
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

from pyNN.equations import language, synapses
from pyNN.equations.celltype import _Reader as ValueReader
from pyNN.equations.celltype import interface_unit
from pyNN.equations.language import Equation, Expression, Statement
from pyNN.errors import CapabilityError, EquationError, InvalidModelError, nearest
from pyNN.models import BaseSynapseType, Definition, Parameter, State

FLAGS = (*language.SYNAPSE_FLAGS, "event-driven", "clock-driven")
PLASTIC = "plastic"
_OWN = {
    "weight": Parameter(0.0, "", "synaptic weight, in the unit of the receptor"),
    "delay": Parameter(None, "ms", "time from spike to effect"),
}
_FRACTION = Parameter(1.0, "", "part of the delay after the synapse", minimum=0.0)
_SWITCH = Parameter(1.0, "", "whether the weight changes (1) or stays as it is (0)", minimum=0.0)
_CELLS = ("t", "dt", "i", "j", "N", "lastspike", "t_last", "t_pre", "t_post", "not_refractory", "xi")


class EquationSynapseType(BaseSynapseType):
    """Base of the synapse types that `SynapseType` makes."""

    unchecked_units: ClassVar[bool] = False
    description: ClassVar[str] = ""

    @classmethod
    def _make_definition(cls) -> Definition:
        return dataclasses.replace(super()._make_definition(), own=True, unchecked_units=cls.unchecked_units)


def SynapseType(
    equations: str = "",
    parameters: Mapping[str, Any] | str | None = None,
    on_pre: str = "",
    on_post: str = "",
    transmitted: str = synapses.WEIGHT,
    name: str = "SynapseType",
    initial: Mapping[str, Any] | None = None,
    functions: str = "",
    constants: Mapping[str, Any] | None = None,
    magnitudes: tuple[str, ...] = (),
    description: str = "",
    literature: str = "",
    unchecked_units: bool = False,
) -> type[EquationSynapseType]:
    """A synapse type from its equations; the class is used as a standard one is: ``MySynapse(weight=0.1, tau=20.0)``.

    `equations`: linear ones, "dx/dt = -x/tau : 1", which are solved exactly from event to event; flags (pre), (post):
    one value for each presynaptic or postsynaptic cell where that makes no difference, which is so by itself where
    spikes of one side only change the variable. "x : unit" declares what
    statements change, or a parameter. `on_pre` and `on_post` are statements that a presynaptic or postsynaptic spike
    executes at the synapse, and `transmitted` is what the presynaptic spike then adds to the receptor. A type that
    changes `weight` has the parameter `plastic`: with 0, the weight stays. `magnitudes`: parameters of which statements
    see the absolute value. Raises EquationError, with line and caret, for text that is wrong, and CapabilityError for
    what needs values of the cells.
    """
    for part, text in (("equations", equations), ("on_pre", on_pre), ("on_post", on_post), ("transmitted", transmitted),
                       ("functions", functions)):
        if isinstance(text, Mapping):
            raise CapabilityError(
                f"{name}: {part} has several pathways ({', '.join(map(str, text))}); a synapse type has one. Make a "
                "projection for each pathway, which has a delay of its own."
            )
        if not isinstance(text, str):
            raise InvalidModelError(f"{name}: {part} is text, not {text!r}.")
    if not name.isidentifier():
        raise InvalidModelError(f"name={name!r}: a synapse type has a name as a class has, such as 'MySynapse'.")
    reader = _Reader(name, unchecked_units, functions, constants or {})
    attributes = reader.read(equations, parameters, on_pre, on_post, transmitted, initial or {})
    wrong = [n for n in magnitudes if n not in attributes["parameters"]]
    if wrong:
        raise InvalidModelError(
            f"{name}: magnitudes has '{wrong[0]}', which is no parameter.{nearest(wrong[0], attributes['parameters'])}"
        )
    attributes.update(
        __doc__=description or f"{name}: a synapse type from equations.",
        __module__=__name__,
        description=description,
        literature=literature,
        magnitudes=tuple(magnitudes),
        unchecked_units=unchecked_units,
    )
    made: type[EquationSynapseType] = type(name, (EquationSynapseType,), attributes)
    synapses.rule(made.definition)
    return made


class _Reader:
    """From what a script gives to the attributes of a class, in the language of pyNN.equations.synapses."""

    def __init__(self, name: str, unchecked: bool, functions: str, constants: Mapping[str, Any]) -> None:
        self.name = name
        self.unchecked = unchecked
        self.values = ValueReader(name, unchecked, functions, constants, {})
        self.vocabulary = self.values.vocabulary

    def read(
        self, equations: str, parameters: Any, on_pre: str, on_post: str, transmitted: str, initial: Mapping[str, Any]
    ) -> dict[str, Any]:
        lines = language.parse_equations(equations, self.name, FLAGS, self.vocabulary, declarations=True)
        pre, post = self._parsed(on_pre, "on_pre"), self._parsed(on_post, "on_post")
        changed = {s.name for s in (*pre, *post)}
        given = self.values._parameters(parameters)
        states: dict[str, State] = {}
        declared: dict[str, Parameter] = {}
        for line in lines:
            self._check_line(line)
            unit = self._unit(line)
            if line.is_derivative or line.is_declaration and line.name in changed:
                states[line.name] = State(0.0, unit)
            elif line.is_declaration:
                declared[line.name] = Parameter(0.0, unit)
        found = {**_OWN, **({synapses.FRACTION: _FRACTION} if post else {}), **declared}
        for parameter, value in given.items():
            if parameter in states:
                states[parameter] = dataclasses.replace(states[parameter], initial=value.default)
            elif parameter in (*_OWN, synapses.FRACTION):
                found[parameter] = dataclasses.replace(found.get(parameter, _FRACTION), default=value.default)
            else:
                found[parameter] = self.values._merged(declared[parameter], value) if parameter in declared else value
        self._initial(states, initial)
        switched = synapses.WEIGHT in changed and PLASTIC not in found
        if switched:
            found[PLASTIC] = _SWITCH
        known = {*found, *states, *(line.name for line in lines), synapses.RECEPTOR_TIME}
        output = language.parse_value(transmitted, self.name, "transmitted", self.vocabulary)
        return {
            "parameters": found,
            "states": states,
            "equations": self._equations(equations, lines, known, {s.name for s in pre}, {s.name for s in post}),
            "on_pre": self._statements(pre, known, switched),
            "on_post": self._statements(post, known, switched),
            "transmitted": self._text(output, known | changed),
        }

    def _unit(self, line: Equation) -> str:
        """The unit of the interface's numbers; "" for what is a number."""
        unit = "" if self.unchecked else interface_unit(line.unit)
        return "" if unit == "1" else unit

    def _parsed(self, text: str, part: str) -> list[Statement]:
        return language.parse_statements(text, self.name, part, self.vocabulary) if text.strip() else []

    def _check_line(self, line: Equation) -> None:
        if "clock-driven" in line.flags:
            _cannot(line.expression, f"'{line.name}' is clock-driven. Linear equations are solved exactly from event "
                    "to event, which needs no clock: leave the flag away. Others are not available in synapses.")
        if line.name in (*_OWN, synapses.FRACTION):
            line.expression.line.fail(
                f"'{line.name}' is a parameter of every synapse type; give its value in parameters=.",
                line.expression.line.text.index(line.name), len(line.name),
            )

    def _initial(self, states: dict[str, State], initial: Mapping[str, Any]) -> None:
        for name, value in initial.items():
            if name not in states:
                raise InvalidModelError(
                    f"{self.name}: initial has '{name}', which is no variable that changes.{nearest(name, states)} "
                    f"Those are: {', '.join(states) or 'none'}."
                )
            states[name] = self.values._given(name, states[name], value, {})

    # -- text

    def _equations(self, text: str, lines: list[Equation], known: set[str], pre: set[str], post: set[str]) -> str:
        """The equations. Those of variables that spikes of one side change only belong to that side."""
        rows = [""] * len(text.splitlines())
        for line in lines:
            if line.is_declaration:
                continue
            unit = self._unit(line) if line.is_derivative else "" if line.unit.strip() == "1" else line.unit
            flags = [flag for flag in line.flags if flag in language.SYNAPSE_FLAGS]
            if line.is_derivative and not flags and (line.name in pre) != (line.name in post):
                flags = ["pre" if line.name in pre else "post"]
            left = f"d{line.name}/dt" if line.is_derivative else line.name
            row = f"{left} = {self._text(line.expression, known)} : {unit}"
            rows[line.expression.line.number - 1] = f"{row} ({', '.join(flags)})" if flags else row
        return "\n".join(rows)

    def _statements(self, statements: list[Statement], known: set[str], switched: bool) -> str:
        rows: dict[int, list[str]] = {}
        local = set(known)
        for statement in statements:
            value = self._text(statement.expression, local)
            local.add(statement.name)
            operator = statement.operator
            if operator == "%=":
                value, operator = f"{statement.name} - ({value})*floor({statement.name}/({value}))", "="
            if switched and statement.name == synapses.WEIGHT:
                new = value if operator == "=" else f"{synapses.WEIGHT} {operator[0]} ({value})"
                value, operator = f"({new}) if {PLASTIC} > 0 else {synapses.WEIGHT}", "="
            row = f"{statement.name} {operator} {value}"
            rows.setdefault(statement.expression.line.number, []).append(row)
        return "\n".join("; ".join(rows.get(k, [])) for k in range(1, max(rows, default=0) + 1))

    def _text(self, expression: Expression, known: set[str]) -> str:
        """An expression in what synapses have; CapabilityError for what they have not."""
        constants = self.values.constants
        for name in expression.names:
            if name in known or name in language.CONSTANTS or name in language.UNIT_NAMES or name in constants:
                continue
            node = next(n for n in ast.walk(expression.tree) if isinstance(n, ast.Name) and n.id == name)
            cell, _, variable = name.partition(".")
            if variable and cell in ("pre", "post") or name.endswith(("_pre", "_post")):
                _cannot(expression, f"'{name}' would be a variable of a cell; a synapse sees its own variables, "
                        "parameters and spikes only. A trace of the cell's spikes can be a variable with the flag "
                        "(pre) or (post).", node)
            if name in _CELLS:
                _cannot(expression, f"'{name}' is not available in synapses. What passes between events can be written "
                        "as an equation, such as dx/dt = -x/tau.", node)
            possible = sorted(known)
            expression.fail(f"'{name}' is not known here.{nearest(name, possible)} Known: {', '.join(possible)}.", node)
        tree = copy.deepcopy(expression.tree)
        return ast.unparse(_Plain(expression, constants).visit(tree))


class _Plain(ast.NodeTransformer):
    """Writes what synapses have no function for in terms of what they have."""

    def __init__(self, expression: Expression, constants: Mapping[str, tuple[float, str]]) -> None:
        self.expression = expression
        self.constants = constants

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self.constants:
            return node
        value, unit = self.constants[node.id]
        text = f"({value!r}*{unit})" if unit else f"({value!r})"
        return ast.parse(text, mode="eval").body

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mod):
            return _filled("a - b*floor(a/b)", node.left, node.right)
        if isinstance(node.op, ast.FloorDiv):
            return _filled("floor(a/b)", node.left, node.right)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = node.func.id  # type: ignore[attr-defined]
        if name in language.DRAWS and self.expression.line.part not in language.EVENT_PARTS:
            _cannot(self.expression, "random numbers are drawn in on_pre and on_post only.", node)
        node.args = [self.visit(argument) for argument in node.args]
        if (name, len(node.args)) in _TRANSLATED:
            return _filled(_TRANSLATED[name, len(node.args)], *node.args)
        if name == "int":
            truth = isinstance(node.args[0], ast.Compare | ast.BoolOp) or (
                isinstance(node.args[0], ast.UnaryOp) and isinstance(node.args[0].op, ast.Not)
            )
            return _filled("1 if a else 0" if truth else "sign(a)*floor(abs(a))", *node.args)
        known = {*language.FUNCTIONS, *language.RANDOM_FUNCTIONS} - {*language.CELL_FUNCTIONS}
        if name not in known:
            _cannot(self.expression, f"'{name}' is not available in synapses. Functions: {', '.join(sorted(known))}.",
                    node)
        return node


_TRANSLATED = {
    ("rand", 0): "uniform()", ("Uniform", 2): "a + (b - a)*uniform()", ("Binomial", 2): "binomial(a, b)",
    ("Exponential", 1): "-log(1 - uniform())/a", ("ite", 3): "b if a else c", ("positive", 1): "maximum(a, 0)",
    ("negative", 1): "minimum(a, 0)", ("power", 2): "a**b", ("modulo", 2): "a - b*floor(a/b)",
    ("randn", 0): "sqrt(-2*log(1 - uniform()))*cos(2*pi*uniform())",
    ("Normal", 2): "a + b*sqrt(-2*log(1 - uniform()))*cos(2*pi*uniform())",
    ("DiscreteUniform", 2): "floor(a + (b - a + 1)*uniform())", ("trunc", 1): "sign(a)*floor(abs(a))",
    ("round", 1): "floor(a + 0.5)",
}  # fmt: skip


def _filled(text: str, *values: ast.expr) -> ast.expr:
    """An expression in which a, b and c are replaced."""
    named = dict(zip("abc", values, strict=False))

    class Fill(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return copy.deepcopy(named.get(node.id, node))

        def visit_Call(self, node: ast.Call) -> ast.expr:
            node.args = [self.visit(argument) for argument in node.args]
            return node

    return Fill().visit(ast.parse(text, mode="eval").body)  # type: ignore[no-any-return]


def _cannot(expression: Expression, message: str, node: ast.AST | None = None) -> NoReturn:
    """Raise CapabilityError that points at the place."""
    try:
        expression.fail(message, node)
    except EquationError as error:
        raise CapabilityError(str(error)) from None
