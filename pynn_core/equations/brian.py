"""Brian2's notation for cells: equations with flags, threshold, reset, refractory, events -> a cell type of ours.

    dx/dt = expression : unit (flags)      differential equation
    x = expression : unit (flags)          subexpression
    x : unit (flags)                       parameter

Units that are declared are base units (volt). Numbers that a script gives for a declared name are in PyNN's unit of
that dimension (mV); numbers in the text follow its own units. Time, refractoriness and delays are PyNN's: see the page
"Models from Brian2 and ANNarchy" of the documentation.
"""

from __future__ import annotations

import ast
import keyword
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pyNN.core import user_stacklevel
from pyNN.equations import brian_units, language
from pyNN.equations.explicit import is_explicit
from pyNN.equations.foreign_text import NAME, Piece, Text, parse
from pyNN.equations.userfunctions import UserFunction
from pyNN.errors import AmbiguousNameWarning, InvalidModelError, InvalidParameterValueError, nearest
from pyNN.units import quantity

FLAGS = {
    "differential equation": ("unless refractory",),
    "subexpression": ("shared", "constant over dt"),
    "parameter": ("constant", "shared", "linked"),
}
"""Flags by kind of equation. Those of synapses (event-driven, clock-driven, summed) belong to a synapse type."""
_SYNAPTIC_FLAGS = ("event-driven", "clock-driven", "summed")
GIVEN = (
    "t", "dt", "t_in_timesteps", "i", "N", "xi", "lastspike", "not_refractory", "refractory", "refractory_until",
)  # fmt: skip
"""Names that have a meaning in every model."""
CONSTANTS = ("pi", "e", "inf")
FUNCTIONS = {
    "cos": 1, "sin": 1, "tan": 1, "cosh": 1, "sinh": 1, "tanh": 1, "exp": 1, "log": 1, "log10": 1, "expm1": 1,
    "log1p": 1, "exprel": 1, "sqrt": 1, "ceil": 1, "floor": 1, "arccos": 1, "arcsin": 1, "arctan": 1, "abs": 1,
    "sign": 1, "rand": 0, "randn": 0, "poisson": 1, "clip": 3, "int": 1, "timestep": 2,
}  # fmt: skip
"""Brian2's functions and their number of arguments."""
IDLE = "idle"
"""Name of the variable of cells that have no equation at all."""
STATEFUL = ("rand", "randn", "poisson")
_HEAD = re.compile(rf"(?:d(?P<state>{NAME})\s*/\s*dt\s*=(?!=)|(?P<sub>{NAME})\s*=(?!=)|(?P<parameter>{NAME})\s*(?=:))")
_ASSIGNMENT = re.compile(rf"\s*(?P<name>{NAME})\s*(?P<operator>\*\*=|//=|[-+*/%]?=)(?!=)")
_HINTS: dict[type, str] = {
    ast.IfExp: "there is no conditional expression; write int(condition)*a + int(not condition)*b instead of '{0}'.",
    ast.Subscript: "indexing ('{0}') is not possible in a model; every cell sees its own values.",
    ast.Attribute: "'{0}' is an attribute; a model sees plain names only. Give the value a name in namespace=.",
    ast.keyword: "arguments are given by position: f(x), not f(a=x).",
    ast.Tuple: "'{0}' is a tuple; an expression has one value.",
    ast.List: "'{0}' is a list; an expression has one value.",
    ast.Dict: "'{0}' is a dictionary; an expression has one value.",
    ast.Lambda: "'{0}' defines a function; write it as a subexpression 'x = ... : unit'.",
    ast.JoinedStr: "'{0}' is text; only numbers can be used.",
    ast.BitOr: "the operator | is not available; write 'or'.",
    ast.BitAnd: "the operator & is not available; write 'and'.",
    ast.BitXor: "the operator ^ is not available; a power is written x**2.",
    ast.Invert: "the operator ~ is not available; write 'not'.",
    ast.NamedExpr: "':=' has no place in an expression.",
}


@dataclass(frozen=True)
class SingleEquation:
    """One equation: what it defines, its unit in PyNN's terms ("mV"; "boolean", "integer") and where it stands."""

    name: str
    kind: str
    """"differential equation", "subexpression" or "parameter"."""
    unit: str
    flags: tuple[str, ...]
    expression: Piece | None
    text: Text
    offset: int

    @property
    def type(self) -> str:
        """ "boolean", "integer" or "float"."""
        return self.unit if self.unit in brian_units.TYPES else "float"


class Equations(Mapping[str, SingleEquation]):
    """Equations as an object: they can be added, looked into by name, and have names replaced.

    `replacements`: a text renames, ``Equations("dx/dt = -x/tau : volt", x="v")``; a number or quantity takes the
    name's place. Raises EquationError, with line and caret, for what is not an equation.
    """

    def __init__(self, eqns: Any, **replacements: Any) -> None:
        if isinstance(eqns, Equations):
            eqns = str(eqns)
        if not isinstance(eqns, str):
            raise InvalidModelError(f"Equations are text, not {eqns!r}.")
        self.constants: dict[str, Any] = {}
        self._source = _substituted(eqns, replacements, self.constants)
        self._equations = {
            equation.name: equation for equation in read_equations(Text(self._source, "Equations", "model"))
        }

    def substitute(self, **replacements: Any) -> Equations:
        """The same equations with names replaced."""
        new = Equations(self._source, **replacements)
        new.constants = {**self.constants, **new.constants}
        return new

    def __add__(self, other: Any) -> Equations:
        if isinstance(other, str):
            other = Equations(other)
        if not isinstance(other, Equations):
            return NotImplemented
        new = Equations(self._source.rstrip("\n") + "\n" + other._source)
        new.constants = {**self.constants, **other.constants}
        return new

    def __radd__(self, other: Any) -> Equations:
        return Equations(other) + self if isinstance(other, str) else NotImplemented

    def __getitem__(self, name: str) -> SingleEquation:
        return self._equations[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._equations)

    def __len__(self) -> int:
        return len(self._equations)

    def _named(self, kind: str) -> set[str]:
        return {name for name, equation in self._equations.items() if equation.kind == kind}

    @property
    def names(self) -> set[str]:
        """Everything that is defined."""
        return set(self._equations)

    @property
    def diff_eq_names(self) -> set[str]:
        """Variables with a differential equation."""
        return self._named("differential equation")

    @property
    def subexpr_names(self) -> set[str]:
        """Named expressions."""
        return self._named("subexpression")

    @property
    def parameter_names(self) -> set[str]:
        """Declared names without an equation."""
        return self._named("parameter")

    @property
    def eq_names(self) -> set[str]:
        """Everything that has an equation."""
        return self.diff_eq_names | self.subexpr_names

    @property
    def identifiers(self) -> set[str]:
        """Every name that occurs."""
        found = set(self._equations)
        for equation in self._equations.values():
            if equation.expression is not None:
                found |= {name for name, _ in equation.expression.names()}
                found |= {name for name, _ in equation.expression.calls()}
        return found

    @property
    def is_stochastic(self) -> bool:
        """Whether there is white noise."""
        return any(name == "xi" or name.startswith("xi_") for name in self.identifiers)

    def __str__(self) -> str:
        return self._source

    def __repr__(self) -> str:
        return f"Equations({self._source!r})"

    def _repr_latex_(self) -> str:
        from pyNN.equations.rendering import latex_of_equation

        rows = [
            latex_of_equation(
                name, e.kind == "differential equation", None if e.expression is None else e.expression.tree, e.unit
            )
            for name, e in self._equations.items()
        ]
        return "$$\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}$$"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<div>{escape(self._repr_latex_())}<pre>{escape(self._source)}</pre></div>"


def _substituted(source: str, replacements: Mapping[str, Any], constants: dict[str, Any]) -> str:
    for name, value in replacements.items():
        if not re.search(rf"\b(?:d(?={re.escape(name)}\s*/\s*dt))?{re.escape(name)}\b", source):
            raise InvalidParameterValueError(f"Equations have no name '{name}' that could be replaced.")
        if isinstance(value, str):
            if not re.fullmatch(NAME, value):
                raise InvalidParameterValueError(f"'{name}' can be renamed to a name, not to {value!r}.")
            new = value
        elif brian_units.is_quantity(value):
            new = f"_{name}"
            constants[new] = value
        elif isinstance(value, int | float | np.number) and not isinstance(value, bool):
            new = f"({value!r})" if not isinstance(value, np.number) else f"({value.item()!r})"
        else:
            raise InvalidParameterValueError(
                f"'{name}' can be replaced by a name, a number or a quantity, not {value!r}."
            )
        source = re.sub(rf"\bd{re.escape(name)}(?=\s*/\s*dt\b)", f"d{new}", source)
        source = re.sub(rf"\b{re.escape(name)}\b", new, source)
    return source


def read_equations(text: Text) -> list[SingleEquation]:
    """The equations of a text, in order; EquationError (line and caret) for what is not one."""
    code = text.code
    result: list[SingleEquation] = []
    place = 0
    while True:
        while place < len(code) and (code[place].isspace() or code[place] == ";"):
            place += 1
        if place >= len(code):
            break
        head = _HEAD.match(code, place)
        if head is None:
            end = code.find("\n", place)
            width = (end if end >= 0 else len(code)) - place
            text.fail(_not_an_equation(code[place : place + width]), place, width)
        equation, place = _read_one(text, code, head)
        for other in result:
            if other.name == equation.name:
                text.fail(f"'{equation.name}' is defined twice.", equation.offset, len(equation.name))
        result.append(equation)
    return result


def _not_an_equation(line: str) -> str:
    if re.match(r"\s*d\w+\s*=", line) or "dt" in line.partition("=")[0]:
        return "this is not an equation. A derivative stands alone on the left: 'dv/dt = expression : volt'."
    if re.match(rf"\s*{NAME}\s*[-+*/]=", line):
        return "statements such as 'v += 1*mV' belong in reset=, not in the model."
    return (
        "this is not an equation; there are 'dx/dt = expression : unit', 'x = expression : unit' and 'x : unit', each "
        "with (flags) after the unit."
    )


def _read_one(text: Text, code: str, head: re.Match[str]) -> tuple[SingleEquation, int]:
    group = "state" if head["state"] else "sub" if head["sub"] else "parameter"
    kind = {"state": "differential equation", "sub": "subexpression", "parameter": "parameter"}[group]
    name, offset = head[group], head.start(group)
    check_name(text, name, offset)
    colon = code.find(":", head.end())
    following = _next_head(code, head.end())
    if colon < 0 or (following is not None and following < colon):
        last = len(code[: following if following is not None else len(code)].rstrip()) - 1
        text.fail(f"the unit of '{name}' is missing; write ': volt' (or ': 1' for a plain number) at the end.", last)
    expression = None if kind == "parameter" else parse(text, head.end(), colon, _HINTS)
    end = code.find("\n", colon)
    end = len(code) if end < 0 else end
    line = code[colon + 1 : end]
    flags: tuple[str, ...] = ()
    bracket = _flag_bracket(line)
    after = end
    unit_end = end
    if bracket is not None:
        begin = colon + 1 + bracket
        close = code.find(")", begin)
        if close < 0:
            text.fail("the bracket of the flags is not closed.", begin)
        flags = _flags(text, code, begin, close, kind)
        unit_end, after = begin, close + 1
    unit = brian_units.declared(text, colon + 1, unit_end)
    if kind == "differential equation" and unit in brian_units.TYPES:
        text.fail(
            f"'{name}' is {unit} and cannot have a derivative. Declare '{name} : {unit}' and change it in reset=, or "
            "give the equation a unit.",
            text.find(unit, colon), len(unit),
        )  # fmt: skip
    return SingleEquation(name, kind, unit, flags, expression, text, offset), after


def _flag_bracket(line: str) -> int | None:
    """Where the flags begin in what follows the colon. A unit may have brackets too, as in 1/(meter*second)."""
    stripped = line.rstrip()
    if not stripped.endswith(")"):
        found = re.search(r"\(\s*[a-z]", line)
        return found.start() if found and not re.search(r"[/*]\s*$", line[: found.start()]) else None
    found = re.search(r"\(([^()]*)\)\s*$", stripped)
    return found.start() if found and not re.search(r"[/*]\s*$", stripped[: found.start()]) else None


def _next_head(code: str, begin: int) -> int | None:
    found = re.compile(rf"\n\s*(?:d{NAME}\s*/\s*dt\s*=(?!=)|{NAME}\s*=(?!=))").search(code, begin)
    return found.start() + len(found[0]) - len(found[0].lstrip()) if found else None


def _flags(text: Text, code: str, begin: int, close: int, kind: str) -> tuple[str, ...]:
    flags = []
    place = begin + 1
    for part in code[begin + 1 : close].split(","):
        flag = " ".join(part.split())
        offset = place + len(part) - len(part.lstrip())
        if flag in _SYNAPTIC_FLAGS:
            text.fail(
                f"'{flag}' is a flag of synapses; a cell's {kind} takes {', '.join(FLAGS[kind])}.", offset, len(flag)
            )
        if flag not in FLAGS[kind]:
            everything = sorted({f for flags in FLAGS.values() for f in flags})
            text.fail(
                f"'{flag}' is not a flag of a {kind}.{nearest(flag, everything)} Possible: {', '.join(FLAGS[kind])}.",
                offset, max(len(flag), 1),
            )  # fmt: skip
        flags.append(flag)
        place += len(part) + 1
    if "linked" in flags and len(flags) > 1:
        text.fail(
            "'linked' cannot be combined with other flags: the variable is another group's.", begin, close - begin + 1
        )
    return tuple(flags)


def check_name(text: Text, name: str, offset: int) -> None:
    """EquationError for a name that cannot be a variable's."""
    reason = ""
    if keyword.iskeyword(name):
        reason = "is a word of the language"
    elif name.startswith("_"):
        reason = "begins with '_', which is reserved"
    elif name in GIVEN or name.startswith("xi_"):
        reason = "has a meaning of its own in every model"
    elif name in CONSTANTS or name in FUNCTIONS:
        reason = "is a constant or function"
    elif brian_units.meaning(name) is not None:
        reason = "is a unit"
    elif name.endswith(("_pre", "_post")):
        reason = f"ends in '{name[name.rindex('_') :]}', which in synapses means the cell's variable"
    if reason:
        text.fail(f"'{name}' {reason}; choose another name, such as '{name.strip('_')}_cell'.", offset, len(name))


# --- from equations to a cell type ---------------------------------------------------------------------------


@dataclass
class Model:
    """A cell type in Brian2's terms, read but not yet translated."""

    equations: dict[str, SingleEquation]
    text: Text
    threshold: Piece | None = None
    reset: Text | None = None
    refractory: Any = None
    """None, a Piece, or a number of ms."""
    events: dict[str, Piece] = field(default_factory=dict)
    codes: dict[str, Text] = field(default_factory=dict)
    orders: dict[str, int] = field(default_factory=dict)
    namespace: dict[str, Any] = field(default_factory=dict)
    """Values of the names that the text takes from outside."""

    @property
    def has_refractoriness(self) -> bool:
        return self.refractory is not None


def condition(source: Any, model: str, part: str) -> Piece:
    """A condition given as text; InvalidModelError where it is not text."""
    if not isinstance(source, str):
        raise InvalidModelError(
            f"{model}: {part} must be text such as 'v > -50*mV', not {source!r}. Put it in quotation marks."
        )
    text = Text(source, model, part)
    piece = parse(text, 0, len(source), _HINTS)
    tree = piece.tree
    if isinstance(tree, ast.Compare | ast.BoolOp | ast.Name):
        return piece
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return piece
    if isinstance(tree, ast.Constant) and isinstance(tree.value, bool):
        return piece
    piece.fail("this is not a condition; a condition compares, as in v > -50*mV.")


def value(source: str, model: str, part: str) -> Piece:
    """An expression given as text."""
    text = Text(source, model, part)
    return parse(text, 0, len(source), _HINTS)


def statements(text: Text) -> Iterator[tuple[str, str, int, Piece]]:
    """Assignments of a block: (name, operator, offset of the name, expression)."""
    code = text.code
    for begin, end in _logical_lines(code):
        head = _ASSIGNMENT.match(code, begin, end)
        if head is None:
            lead = len(code[begin:end]) - len(code[begin:end].lstrip())
            text.fail("a statement is 'x = expression' or 'x += expression'.", begin + lead, end - begin - lead)
        if head["operator"] in ("**=", "//="):
            text.fail(
                f"'{head['operator']}' is not available; write '{head['name']} = {head['name']}"
                f"{head['operator'][:2]}...'.",
                head.start("operator"), 3,
            )  # fmt: skip
        yield head["name"], head["operator"], head.start("name"), parse(text, head.end(), end, _HINTS)


def _logical_lines(code: str) -> Iterator[tuple[int, int]]:
    """Statements end at a line's end or ";" outside brackets."""
    begin, depth = 0, 0
    for place, character in enumerate(code + "\n"):
        depth += character in "([{"
        depth -= character in ")]}"
        if character in "\n;" and depth <= 0:
            if code[begin:place].strip():
                yield begin, place
            begin, depth = place + 1, 0
    if code[begin:].strip():
        yield begin, len(code)


def outside_names(model: Model) -> dict[str, tuple[Piece, ast.AST]]:
    """Names that the text uses and does not define, with where they occur first; functions among them."""
    found: dict[str, tuple[Piece, ast.AST]] = {}

    def take(piece: Piece, local: set[str]) -> None:
        for name, node in piece.names():
            known = name in model.equations or name in GIVEN or name in CONSTANTS or name in local
            if known or name.startswith("xi_") or (name not in model.namespace and brian_units.meaning(name)):
                continue
            if name in ("True", "False"):
                continue
            found.setdefault(name, (piece, node))
        for name, call in piece.calls():
            if name not in FUNCTIONS:
                found.setdefault(name, (piece, call))

    for equation in model.equations.values():
        if equation.expression is not None:
            take(equation.expression, set())
    for piece in (model.threshold, *model.events.values(), model.refractory):
        if isinstance(piece, Piece):
            take(piece, set())
    for text in (model.reset, *model.codes.values()):
        local: set[str] = set()
        for name, _, _, piece in statements(text) if text is not None else ():
            take(piece, local)
            local.add(name)
    return found


def written(model: Model) -> set[str]:
    """Names that reset or event code changes."""
    return {name for text in (model.reset, *model.codes.values()) if text for name, *_ in statements(text)}


class Translator:
    """Writes a model in our own language. Every statement stays in the line in which its author wrote it."""

    def __init__(self, model: Model, dt: float | None = None) -> None:
        self.model = model
        self.dt = None if dt is None else f"({dt!r}*ms)"
        self.constants: dict[str, tuple[float, str]] = {}
        self.tables: dict[str, Any] = {}
        self.functions: dict[str, UserFunction] = {}
        for name, given in model.namespace.items():
            if isinstance(given, UserFunction):
                self.functions[name] = given
            elif _is_table(given):
                self.tables[name] = given
            else:
                number, unit = brian_units.split(given)
                self.constants[name] = (float(number), unit)

    def expression(self, piece: Piece) -> str:
        """An expression, on one line."""
        changes: list[tuple[ast.AST, str]] = []
        for name, node in piece.names():
            if name in self.model.equations or name in self.model.namespace:
                continue
            if name == "t_in_timesteps":
                changes.append((node, f"floor(t/{self.dt or 'dt'} + 0.5)"))
            elif name in ("refractory", "refractory_until"):
                piece.fail(f"'{name}' is not a variable here; give refractory= a parameter and use its name.", node)
            elif name in ("not_refractory", "lastspike") and not self.model.has_refractoriness:
                piece.fail(f"'{name}' exists only where refractory= is given.", node)
            elif name not in language.UNIT_NAMES and name not in GIVEN and brian_units.meaning(name) is not None:
                self.constants[name] = brian_units.unit_of_name(name) or (1.0, "1")
        for name, call in piece.calls():
            self._check_call(piece, name, call)
            if name == "timestep":
                first, second = (self._segment(piece, a) for a in call.args)
                changes.append((call, f"floor((({first}) + 0.001*({second}))/({second}))"))
            elif name == "int":
                inner = self._segment(piece, call.args[0])
                truth = _is_condition(call.args[0]) or self._is_boolean(call.args[0])
                changes.append((call, f"ite({inner}, 1, 0)" if truth else f"(sign({inner})*floor(abs({inner})))"))
        for part in ast.walk(piece.tree):
            if isinstance(part, ast.Constant) and isinstance(part.value, bool):
                changes.append((part, "(1 > 0)" if part.value else "(1 < 0)"))
            if isinstance(part, ast.BinOp):
                for side in (part.left, part.right):
                    if _is_condition(side):
                        piece.fail(
                            f"'{piece.segment(side)}' is a condition, not a number; write int({piece.segment(side)}).",
                            side,
                        )
        return piece.with_replacements(_outermost(changes)).strip()

    def _is_boolean(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.Name):
            return False
        equation = self.model.equations.get(node.id)
        return node.id == "not_refractory" or (equation is not None and equation.type == "boolean")

    def _segment(self, piece: Piece, node: ast.expr) -> str:
        """An argument of a call, translated."""
        begin = piece.offset(node)
        return self.expression(parse(piece.text, begin, begin + piece.width(node), _HINTS))

    def _check_call(self, piece: Piece, name: str, call: ast.Call) -> None:
        if name in self.tables:
            return
        if name in self.functions:
            wanted = self.functions[name].arguments
            if len(call.args) != len(wanted):
                piece.fail(f"{name} takes {len(wanted)} argument(s) ({', '.join(wanted)}).", call)
            return
        if name not in FUNCTIONS:
            given = self.model.namespace.get(name)
            kind = "" if given is None else f" ({type(given).__name__})"
            piece.fail(
                f"'{name}'{kind} is not a function here.{nearest(name, FUNCTIONS)} A Python function "
                "becomes one by @sim.function; there are subexpressions and TimedArrays, too.",
                call,
            )
        if len(call.args) != FUNCTIONS[name]:
            piece.fail(f"{name} takes {FUNCTIONS[name]} argument(s); {len(call.args)} are given.", call)

    def equations(self) -> str:
        lines: dict[int, str] = {}
        changed = written(self.model)
        equations = list(self.model.equations.values())
        if all(equation.kind == "parameter" for equation in equations):
            # Cells without dynamics: a simulator needs one variable that it can update.
            lines[1 + max((e.text.line_number(e.offset) for e in equations), default=0)] = f"d{IDLE}/dt = 0/ms : 1"
        for equation in equations:
            number = equation.text.line_number(equation.offset)
            while number in lines:
                number += 1
            lines[number] = self._equation(equation, changed)
        return "\n".join(lines.get(k, "") for k in range(1, max(lines, default=0) + 1))

    def _equation(self, equation: SingleEquation, changed: set[str]) -> str:
        flags = [f for f in equation.flags if f not in ("linked", "constant")]
        if equation.kind == "parameter":
            if "constant" in equation.flags and equation.name not in changed:
                flags.append("constant")
            head = equation.name
        else:
            piece = equation.expression
            if piece is None:
                equation.text.fail("an expression is missing.", equation.offset)
            left = f"d{equation.name}/dt" if equation.kind == "differential equation" else equation.name
            self._check_random(equation, piece)
            head = f"{left} = {self.expression(piece)}"
        return f"{head} : {equation.unit}" + (f" ({', '.join(flags)})" if flags else "")

    def _check_random(self, equation: SingleEquation, piece: Piece) -> None:
        for name, node in piece.names():
            if (name == "xi" or name.startswith("xi_")) and equation.kind != "differential equation":
                piece.fail("white noise (xi) can stand only in a differential equation.", node)
        if equation.kind == "subexpression" and "constant over dt" not in equation.flags:
            for name, call in piece.calls():
                if name in STATEFUL:
                    piece.fail(
                        f"{name}() gives another number each time; write the flag (constant over dt) after the unit.",
                        call,
                    )

    def block(self, text: Text) -> str:
        """Statements, each in its line."""
        lines: dict[int, list[str]] = {}
        local: set[str] = set()
        for name, operator, offset, piece in statements(text):
            equation = self.model.equations.get(name)
            if equation is None:
                if operator != "=" and name not in local:
                    text.fail(f"'{name}' is not known here.{nearest(name, self.model.equations)}", offset, len(name))
                if name in self.model.namespace or name in GIVEN or name in CONSTANTS:
                    text.fail(f"'{name}' cannot be changed: it is not a variable of the cells.", offset, len(name))
                local.add(name)
            elif equation.kind == "subexpression":
                text.fail(f"'{name}' is a subexpression and cannot be changed.", offset, len(name))
            elif "linked" in equation.flags:
                text.fail(f"'{name}' is linked to another group's variable and cannot be changed.", offset, len(name))
            elif "shared" in equation.flags:
                text.fail(f"'{name}' is shared by all cells; a cell that spikes cannot change it.", offset, len(name))
            lines.setdefault(text.line_number(offset), []).append(f"{name} {operator} {self.expression(piece)}")
        return "\n".join("; ".join(lines.get(k, [])) for k in range(1, max(lines, default=0) + 1))


def _outermost(changes: list[tuple[ast.AST, str]]) -> list[tuple[ast.AST, str]]:
    inside = {id(child) for node, _ in changes for child in ast.walk(node) if child is not node}
    return [(node, new) for node, new in changes if id(node) not in inside]


def _is_condition(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare | ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def _is_table(given: Any) -> bool:
    return type(given).__name__ == "TimedArray"


def receptors(model: Model) -> dict[str, Any]:
    """One receptor a variable, which an incoming weight adds to, as `on_pre="g += w"` does in Brian2."""
    from pyNN.models import Receptor

    changed = written(model)
    result = {}
    for equation in model.equations.values():
        moving = equation.kind == "differential equation" or (equation.kind == "parameter" and equation.name in changed)
        if moving and equation.type == "float":
            unit = "" if equation.unit == "1" else equation.unit
            result[equation.name] = Receptor(unit, f"{equation.name} += weight", sign=0)
    return result


def read_model(
    source: Any,
    name: str,
    threshold: Any = None,
    reset: Any = None,
    refractory: Any = False,
    events: Mapping[str, Any] | None = None,
) -> Model:
    """A model in Brian2's terms; EquationError or InvalidModelError for what is not one."""
    extra: dict[str, Any] = {}
    if isinstance(source, Equations):
        extra = dict(source.constants)
        source = str(source)
    if not isinstance(source, str):
        raise InvalidModelError(f"{name}: model must be text or Equations, not {source!r}.")
    text = Text(source, name, "model")
    model = Model({e.name: e for e in read_equations(text)}, text, namespace=extra)
    if threshold is not None:
        model.threshold = condition(threshold, name, "threshold")
    if reset is not None:
        if threshold is None:
            Text(reset, name, "reset").fail(
                "a reset needs a threshold; without one no cell ever spikes. Give threshold='v > ...'.",
                len(reset) - len(reset.lstrip()), len(reset.strip().split("\n")[0]),
            )
        model.reset = Text(reset, name, "reset")
    model.events = _read_events(events, name, threshold is not None)
    model.refractory = _read_refractory(refractory, name)
    _check_cycles(model)
    _check_noise(model)
    return model


def _read_events(events: Mapping[str, Any] | None, name: str, has_threshold: bool) -> dict[str, Piece]:
    if events is None:
        return {}
    if not isinstance(events, Mapping):
        raise InvalidModelError(f"{name}: events must be a dictionary of conditions by name, not {events!r}.")
    result = {}
    for event, source in events.items():
        if (
            not isinstance(event, str)
            or not re.fullmatch(NAME, event)
            or keyword.iskeyword(event)
            or event.startswith("_")
        ):
            raise InvalidModelError(f"{name}: {event!r} cannot name an event; it must be a plain name such as 'burst'.")
        if event == "spike" and has_threshold:
            raise InvalidParameterValueError(
                f"{name}: threshold= defines the event 'spike' already; leave one of the two away."
            )
        result[event] = condition(source, name, f"events['{event}']")
    return result


def _read_refractory(refractory: Any, name: str) -> Any:
    if refractory is False or refractory is None:
        return None
    if isinstance(refractory, str):
        return value(refractory, name, "refractory")
    if refractory is True:
        raise InvalidModelError(
            f"{name}: refractory=True has no meaning; give a time (2*ms) or a condition ('v > -20*mV')."
        )
    try:
        return float(brian_units.in_unit(refractory, "ms", f"{name}: refractory"))
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidParameterValueError):
            raise
        raise InvalidModelError(f"{name}: refractory must be a time or text, not {refractory!r}.") from error


def _check_cycles(model: Model) -> None:
    formulas = {e.name: e for e in model.equations.values() if e.kind == "subexpression"}
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            equation = formulas[name]
            equation.text.fail(
                f"subexpressions depend on each other in a circle: {circle}.", equation.offset, len(name)
            )
        if name in done or name not in formulas:
            return
        piece = formulas[name].expression
        for other, _ in piece.names() if piece is not None else ():
            if other in formulas:
                visit(other, [*path, name])
        done.add(name)

    for name in formulas:
        visit(name, [])


def _check_noise(model: Model) -> None:
    plain: dict[str, str] = {}
    for equation in model.equations.values():
        if equation.expression is None:
            continue
        for name, node in equation.expression.names():
            if name == "xi" and plain.setdefault("xi", equation.name) != equation.name:
                equation.expression.fail(
                    f"'xi' stands in the equation of '{plain['xi']}' too. Write xi_1 and xi_2 for two noises, or one "
                    "such name in both for the same noise.",
                    node,
                )


def check_shared(model: Model) -> None:
    """EquationError where a shared subexpression needs a value that every cell has of its own."""
    for equation in model.equations.values():
        if equation.kind != "subexpression" or "shared" not in equation.flags or equation.expression is None:
            continue
        for name, node in equation.expression.names():
            other = model.equations.get(name)
            if name == "i" or (other is not None and "shared" not in other.flags):
                equation.expression.fail(
                    f"'{equation.name}' is shared, but '{name}' is each cell's own; shared expressions use shared "
                    "names only.",
                    node,
                )


def resolve(model: Model, namespace: Mapping[str, Any], frame_names: Mapping[str, Any] | None) -> None:
    """Fill in what the text takes from outside, from `namespace`, else from the names around the caller.

    Numbers and quantities count, and TimedArrays. EquationError, at the place in the text, for a name that is nowhere.
    """
    _warn_where_two_fit(model, namespace, frame_names or {})
    for name, (piece, node) in outside_names(model).items():
        if name in model.namespace:
            continue
        if name in namespace:
            model.namespace[name] = _usable(namespace[name], name, piece, node, True)
        elif frame_names is not None and _counts(frame_names.get(name)):
            model.namespace[name] = _usable(frame_names[name], name, piece, node, False)
        else:
            if isinstance(node, ast.Call):
                model.namespace.pop(name, None)
                continue
            known = [*model.equations, *namespace, *GIVEN]
            where = "namespace=" if frame_names is None else "namespace=, or as a variable where the group is made"
            piece.fail(f"'{name}' is not known here.{nearest(name, known)} Outside values come from {where}.", node)


def _warn_where_two_fit(model: Model, namespace: Mapping[str, Any], frame_names: Mapping[str, Any]) -> None:
    """A warning for each name of the text that has two meanings, which says what was taken."""
    used = {name for piece in _pieces(model) for name, _ in piece.names()}
    for name in sorted(used - model.namespace.keys()):
        own = "a variable of the model" if name in model.equations else ""
        if not own and name in namespace:
            own = "a name that every model has" if name in GIVEN else "a constant" if name in CONSTANTS else ""
            own = own or ("a unit" if brian_units.meaning(name) is not None else "")
        given = namespace.get(name, frame_names.get(name))
        if not own or not _counts(given) or (name not in namespace and isinstance(given, bool)):
            continue
        if own == "a unit" and _is_that_unit(given, name):
            continue
        where = "namespace=" if name in namespace else "a variable of the script"
        warnings.warn(
            f"{model.text.model}: '{name}' is {own}, and also {where} ({given!r}). The former is taken; choose another "
            "name where the latter is meant.",
            AmbiguousNameWarning,
            stacklevel=user_stacklevel(),
        )


def _is_that_unit(given: Any, name: str) -> bool:
    """Whether a value is the unit itself, as a script imports it."""
    if not brian_units.is_quantity(given):
        return False
    (number, unit), meant = brian_units.split(given), brian_units.meaning(name)
    found = quantity(unit).simplified
    return meant is not None and bool(np.isclose(float(number) * float(found.magnitude), meant[1], rtol=1e-12))


def _pieces(model: Model) -> Iterator[Piece]:
    """All expressions of a model."""
    for equation in model.equations.values():
        if equation.expression is not None:
            yield equation.expression
    for piece in (model.threshold, *model.events.values(), model.refractory):
        if isinstance(piece, Piece):
            yield piece
    for text in (model.reset, *model.codes.values()):
        for _, _, _, piece in statements(text) if text is not None else ():
            yield piece


def _counts(given: Any) -> bool:
    if given is None or isinstance(given, bool | str):
        return isinstance(given, bool)
    if _is_table(given) or brian_units.is_quantity(given) or isinstance(given, UserFunction):
        return True
    return isinstance(given, int | float | np.number) or (isinstance(given, np.ndarray) and given.ndim == 0)


def _usable(given: Any, name: str, piece: Piece, node: ast.AST, strict: bool) -> Any:
    if _is_table(given):
        if not isinstance(node, ast.Call):
            piece.fail(f"'{name}' is a TimedArray, a function of time; write {name}(t).", node)
        return given
    if isinstance(given, UserFunction):
        if not isinstance(node, ast.Call):
            piece.fail(f"'{name}' is a function; write {name}({', '.join(given.arguments)}).", node)
        return given
    if callable(given) and not brian_units.is_quantity(given):
        piece.fail(
            f"'{name}' is {given!r}. A Python function becomes one that models can call by @sim.function; there are "
            "subexpressions and TimedArrays, too.", node,
        )  # fmt: skip
    number, _ = brian_units.split(given)
    try:
        array = np.asarray(number, dtype=float)
    except (TypeError, ValueError):
        piece.fail(f"'{name}' is {given!r}; a model can use numbers, quantities and TimedArrays.", node)
    if array.size != 1:
        piece.fail(
            f"'{name}' has shape {array.shape}; a name from outside is one number. For one value a cell declare "
            f"'{name} : unit' in the model and set it.",
            node,
        )
    return given if array.ndim == 0 else (array.ravel()[0] if not brian_units.is_quantity(given) else given.ravel()[0])


def make_cell_type(
    model: Model, name: str, method: Any = None, update_interval: float = 0.0, dt: float | None = None
) -> Any:
    """The cell type for a model; EquationError, with line and caret, for text that is wrong."""
    from pyNN.equations import CellType, Event

    check_shared(model)
    translator = Translator(model, dt)
    equations = translator.equations()
    arguments: dict[str, Any] = {
        "name": name,
        "equations": equations,
        "threshold": translator.expression(model.threshold) if model.threshold is not None else "",
        "reset": translator.block(model.reset) if model.reset is not None else "",
        "refractory": _refractory(model, translator),
        "events": {
            event: Event(
                translator.expression(piece),
                translator.block(model.codes[event]) if event in model.codes else "",
                model.orders.get(event, 0),
            )
            for event, piece in model.events.items()
            if event != "spike"
        },
        "receptors": receptors(model),
        "method": method_name(method),
        "functions": "\n".join(_under_name(f, n) for n, f in translator.functions.items()),
        "tables": translator.tables,
        "update_interval": update_interval,
    }
    if "spike" in model.events:
        arguments["threshold"] = translator.expression(model.events["spike"])
        arguments["reset"] = translator.block(model.codes["spike"]) if "spike" in model.codes else ""
    arguments["constants"] = translator.constants
    return CellType(**arguments)


def _refractory(model: Model, translator: Translator) -> str:
    if model.refractory is None:
        return ""
    if isinstance(model.refractory, float):
        return f"{model.refractory!r}*ms"
    return translator.expression(model.refractory)


METHODS = {
    "exact": "exact", "linear": "exact", "independent": "exact", "exponential_euler": "exponential_euler",
    "euler": "euler", "rk2": "rk2", "rk4": "rk4", "heun": "heun", "milstein": "milstein", "gsl": "rk45",
    "gsl_rkf45": "rk45", "gsl_rkck": "rk45", "gsl_rk8pd": "rk45", "gsl_rk2": "rk45", "gsl_rk4": "rk45",
}  # fmt: skip
"""Brian2's names of methods and ours."""
DEFAULT_METHODS = ("exact", "euler", "heun")


def method_name(method: Any) -> str:
    """Our name of a method. None and Brian2's default list give "auto", which takes the best that fits and says so."""
    if method is None or tuple(np.atleast_1d(method) if not isinstance(method, str) else ()) == DEFAULT_METHODS:
        return "auto"
    if isinstance(method, list | tuple):
        return (
            "auto" if not method else method_name(method[0]) if len(method) == 1 else ",".join(map(method_name, method))
        )
    if callable(method):
        raise InvalidModelError(
            f"method={method!r}: a method of your own is text, explicit_method('x_new = x + dt*f(x, t)'). Methods: "
            f"auto, {', '.join(METHODS)}."
        )
    if method == "auto" or (isinstance(method, str) and is_explicit(method)):
        return method
    if not isinstance(method, str) or method not in METHODS:
        raise InvalidModelError(
            f"method={method!r} is not known.{nearest(str(method), METHODS)} Methods: auto, {', '.join(METHODS)}."
        )
    return METHODS[method]


def _under_name(function: UserFunction, name: str) -> str:
    """A function's text, with the name that the model calls it by."""
    return name + function.text[len(function.name) :]


def without(model: Model, **changes: Any) -> Model:
    """A copy of the model with fields replaced."""
    return replace(model, **changes)
