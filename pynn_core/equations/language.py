"""The text of a model: equations, statements and conditions, parsed with Python's own grammar and a white list.

    equations    dx/dt = expression : unit (flags)         a state variable's derivative
                 x = expression : unit                     a named formula, inserted wherever x occurs
    statements   x = expression, x += expression, ...      one a line, or separated by ";"
    condition    a comparison, or several with and, or, not

Names may have one dot: "AMPA.tau_syn" is a parameter of the receptor AMPA. Flags are (unless refractory): stands still
in a refractory cell, and (array): one for each element, see pyNN.equations.arrays, of which sum(x) is the sum. In
thresholds, `dt` is the time step, before(x) the value of a state at the beginning of the step, and uniform() a
random number in [0, 1), one a cell and step.

Nothing of a user's text is ever executed: it becomes a syntax tree in which every node is checked.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from pyNN.errors import EquationError, nearest

FLAGS = ("unless refractory", "array")
SYNAPSE_FLAGS = ("pre", "post")
EVENT_PARTS = ("on_pre", "on_post")
"""The parts of a synapse type in which a spike executes statements, with random numbers if need be."""
RANDOM_FUNCTIONS = {"uniform": 0, "binomial": 2}
FUNCTIONS = {
    "exp": 1,
    "expm1": 1,
    "log": 1,
    "log10": 1,
    "log1p": 1,
    "sqrt": 1,
    "sin": 1,
    "cos": 1,
    "tan": 1,
    "arcsin": 1,
    "arccos": 1,
    "arctan": 1,
    "sinh": 1,
    "cosh": 1,
    "tanh": 1,
    "exprel": 1,
    "abs": 1,
    "sign": 1,
    "floor": 1,
    "ceil": 1,
    "minimum": 2,
    "maximum": 2,
    "clip": 3,
    "sum": 1,
    "before": 1,
}
"""Function names and their number of arguments."""
CONSTANTS = ("pi", "e")
UNIT_NAMES = tuple("V mV uV s ms us A uA nA pA F uF nF pF S uS nS Hz kHz".split())
"""Units that may stand in an expression, as in 2*mV; a parameter or state of the same name comes first."""

MAX_DEPTH = 150
"""Of the syntax tree of an expression: what walks it calls itself for each level, and Python allows some 1000 calls."""

_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd, ast.Not, ast.And, ast.Or)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?"
_HEAD = re.compile(rf"\s*(?:d(?P<state>{_DOTTED})\s*/\s*dt|(?P<name>{_DOTTED}))\s*=(?!=)")
_STATEMENT = re.compile(rf"\s*(?P<name>{_DOTTED})\s*(?P<operator>[-+*/]?=)(?!=)")
_UNIT = re.compile(r"\s*(?P<unit>[^():]*?)\s*(?:\((?P<flags>[^()]*)\)\s*)?")


@dataclass(frozen=True)
class Line:
    """Where a piece of text stands: in which model and part of it, the line's number (from 1) and the line itself."""

    model: str
    part: str
    number: int
    text: str

    def fail(self, message: str, column: int, width: int = 1) -> NoReturn:
        """Raise EquationError with the line and a caret under the place."""
        shown = self.text.expandtabs(1)
        indent = len(shown) - len(shown.lstrip())
        caret = " " * (4 + max(column - indent, 0)) + "^" * max(width, 1)
        raise EquationError(
            f"{self.model}, {self.part}, line {self.number}: {message}\n    {shown.strip()}\n{caret}"
        )


@dataclass(frozen=True)
class Expression:
    """A checked syntax tree and the place it comes from."""

    tree: ast.expr
    line: Line
    column: int
    """Where the expression's text begins in the line."""

    def fail(self, message: str, node: ast.AST | None = None) -> NoReturn:
        """Raise EquationError that points at `node` (default: the whole expression)."""
        place = self.tree if node is None else node
        start = getattr(place, "col_offset", 0)
        end = getattr(place, "end_col_offset", start + 1)
        self.line.fail(message, self.column + start - 1, end - start)

    def text(self, node: ast.AST | None = None) -> str:
        return ast.unparse(self.tree if node is None else node)

    @property
    def names(self) -> list[str]:
        """Names of variables, each once, in order of appearance."""
        found: dict[str, None] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                continue
            if isinstance(node, ast.Name) and not getattr(node, "is_function", False):
                found[node.id] = None
        return list(found)


@dataclass(frozen=True)
class Equation:
    """One line of a model's equations."""

    name: str
    is_derivative: bool
    expression: Expression
    unit: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """An assignment; `operator` is "=", "+=", "-=", "*=" or "/="."""

    name: str
    operator: str
    expression: Expression
    name_column: int


def parse_equations(text: str, model: str, allowed_flags: tuple[str, ...] = FLAGS) -> list[Equation]:
    """The equations in `text`, in order; EquationError (line and caret) for what is not one."""
    equations: list[Equation] = []
    for line, content in _lines(text, model, "equations"):
        head = _HEAD.match(content)
        if not head:
            line.fail("this is neither 'dx/dt = expression : unit' nor 'x = expression : unit'.", _first(content), 1)
        name = head["state"] or head["name"]
        if any(e.name == name for e in equations):
            line.fail(f"'{name}' has an equation already.", _first(content), len(head[0].strip()))
        body, colon, tail = content[head.end() :].partition(":")
        if not colon:
            line.fail(f"the unit of '{name}' is missing; write ': unit' at the end.", len(content) - 1)
        unit = _UNIT.fullmatch(tail)
        if not unit:
            line.fail("after ':' comes a unit and perhaps (flags).", head.end() + len(body) + 1, len(tail))
        flags = tuple(flag.strip() for flag in (unit["flags"] or "").split(",") if flag.strip())
        for flag in flags:
            if flag not in allowed_flags:
                line.fail(
                    f"'{flag}' is not a flag.{nearest(flag, allowed_flags)} Flags: {', '.join(allowed_flags)}.",
                    content.rindex(flag),
                    len(flag),
                )
        if flags and not head["state"]:
            line.fail("only an equation dx/dt takes a flag.", content.rindex("("), len(unit["flags"]) + 2)
        expression = _expression(body, line, head.end())
        equations.append(Equation(name, bool(head["state"]), expression, unit["unit"], flags))
    return equations


def parse_statements(text: str, model: str, part: str) -> list[Statement]:
    """The assignments in `text`, in order."""
    statements = []
    for line, content in _lines(text, model, part):
        offset = 0
        for piece in content.split(";"):
            if piece.strip():
                statements.append(_statement(piece, line, offset))
            offset += len(piece) + 1
    return statements


def parse_condition(text: str, model: str, part: str) -> Expression:
    """The one condition in `text`."""
    lines = list(_lines(text, model, part))
    if len(lines) != 1:
        raise EquationError(f"{model}, {part}: one condition on one line is needed, not {text!r}.")
    line, content = lines[0]
    return _expression(content, line, 0)


def parse_value(text: str, model: str, part: str) -> Expression:
    """The one expression in `text`."""
    lines = list(_lines(text, model, part))
    if len(lines) != 1:
        raise EquationError(f"{model}, {part}: one expression on one line is needed, not {text!r}.")
    line, content = lines[0]
    return _expression(content, line, 0)


def check_names(expression: Expression, known: Iterable[str]) -> None:
    """EquationError for the first name in the expression that is neither known nor a constant or unit."""
    names = [*known]
    for node in ast.walk(expression.tree):
        if not isinstance(node, ast.Name) or getattr(node, "is_function", False):
            continue
        if node.id not in names and node.id not in CONSTANTS and node.id not in UNIT_NAMES:
            expression.fail(
                f"'{node.id}' is not known here.{nearest(node.id, names)} Known: {', '.join(names)}.", node
            )


def _lines(text: str, model: str, part: str) -> Iterable[tuple[Line, str]]:
    for number, raw in enumerate(text.splitlines(), start=1):
        content = raw.partition("#")[0].rstrip()
        if content.strip():
            yield Line(model, part, number, raw.partition("#")[0].rstrip()), content


def _first(content: str) -> int:
    return len(content) - len(content.lstrip())


def _statement(piece: str, line: Line, offset: int) -> Statement:
    head = _STATEMENT.match(piece)
    if not head:
        line.fail("a statement is 'x = expression' or 'x += expression'.", offset + _first(piece), len(piece.strip()))
    expression = _expression(piece[head.end() :], line, offset + head.end())
    return Statement(head["name"], head["operator"], expression, offset + head.start("name"))


def _expression(text: str, line: Line, column: int) -> Expression:
    if not text.strip():
        line.fail("an expression is missing.", column)
    try:
        # The parentheses let an expression begin with spaces; they shift every column by one, see Expression.fail.
        tree = ast.parse(f"({text})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = max((getattr(error, "offset", None) or 2) - 2, 0)
        reason = error.args[0] if error.args else type(error).__name__
        line.fail(f"'{text.strip()}' is not an expression ({reason}).", column + min(place, len(text) - 1))
    if _is_too_deep(tree):
        line.fail(
            f"this expression is nested more than {MAX_DEPTH} deep (a sum of that many terms is, too). Give parts of "
            "it a name: 'x = expression : unit'.",
            column,
            len(text),
        )
    expression = Expression(_Dots().visit(tree), line, column)
    _check_node(expression, expression.tree)
    return expression


def _is_too_deep(tree: ast.AST) -> bool:
    level = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True


class _Dots(ast.NodeTransformer):
    """Makes one name of "AMPA.tau_syn", which Python takes for an attribute."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name):
            return ast.copy_location(ast.Name(f"{node.value.id}.{node.attr}", node.ctx), node)
        return node


def _check_node(expression: Expression, node: ast.AST) -> None:
    if isinstance(node, ast.BinOp | ast.UnaryOp | ast.BoolOp):
        if not isinstance(node.op, _OPERATORS):
            expression.fail(f"the operator in '{expression.text(node)}' is not available; there are + - * / **.", node)
    elif isinstance(node, ast.Compare):
        if not all(isinstance(op, _COMPARISONS) for op in node.ops):
            expression.fail("comparisons are < <= > >= == !=.", node)
    elif isinstance(node, ast.Call):
        _check_call(expression, node)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            expression.fail(f"{node.value!r} is not a number.", node)
        return
    elif isinstance(node, ast.Name | ast.IfExp):
        pass
    else:
        expression.fail(f"'{expression.text(node)}' ({type(node).__name__}) has no place in an expression.", node)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            _check_node(expression, child)


def _check_call(expression: Expression, node: ast.Call) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else expression.text(node.func)
    functions = {**FUNCTIONS, **RANDOM_FUNCTIONS} if expression.line.part in EVENT_PARTS else FUNCTIONS
    if expression.line.part == "threshold":
        functions = {**FUNCTIONS, "uniform": RANDOM_FUNCTIONS["uniform"]}
    if name not in functions:
        expression.fail(
            f"'{name}' is not a function here.{nearest(name, functions)} Functions: {', '.join(functions)}.", node
        )
    if node.keywords or len(node.args) != functions[name]:
        expression.fail(f"{name} takes {functions[name]} argument(s), by position.", node)
    node.func.is_function = True  # type: ignore[attr-defined]
