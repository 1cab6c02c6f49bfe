"""The text of a model: equations, statements and conditions, parsed with Python's own grammar and a white list.

    equations    dx/dt = expression : unit (flags)         a state variable's derivative
                 x = expression : unit (flags)             a named formula, inserted wherever x occurs; with the flag
                                                           (stored) a variable that is computed once a step
                 x : unit (flags)                          a variable without an equation
    statements   x = expression, x += expression, ...      one a line, or separated by ";"
    condition    a comparison, or several with and, or, not
    functions    f(x, y) = expression                      inserted wherever f is called

An expression that is not complete at the end of a line goes on in the next. Names may have one dot: "AMPA.tau_syn" is a
parameter of the receptor AMPA. In thresholds, before(x) is the value of a state at the beginning of the step. Which
flags, functions and names there are: docs/equations.md.

Nothing of a user's text is ever executed: it becomes a syntax tree in which every node is checked.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from pyNN.errors import EquationError, nearest

METHODS = (
    "exact", "euler", "exponential_euler", "rk2", "rk4", "heun", "milstein", "rk45", "implicit", "semiimplicit"
)  # fmt: skip
"""Names of integration methods; each may be the flag of an equation."""
METHOD_ALIASES = {"linear": "exact", "explicit": "euler", "exponential": "exponential_euler", "midpoint": "rk2"}
VALUE_FLAGS = ("init", "min", "max")
"""Flags that are followed by "=" and an expression."""
FLAGS = ("unless refractory", "array", "shared", *METHODS, *METHOD_ALIASES)
FORMULA_FLAGS = ("stored", "constant over dt", "recordable", "unless refractory", "shared", "int", "bool")
DECLARATION_FLAGS = ("constant", "shared", "int", "bool")
SYNAPSE_FLAGS = ("pre", "post")
EVENT_PARTS = ("on_pre", "on_post", "each_step", "before_step")
"""The parts of a synapse type with statements, which may have random numbers; "on_pre 'name'" is one, too."""
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
    "int": 1,
    "trunc": 1,
    "round": 1,
    "isnan": 1,
    "isfinite": 1,
    "modulo": 2,
    "power": 2,
    "positive": 1,
    "negative": 1,
    "ite": 3,
}
"""Function names and their number of arguments."""
CELL_FUNCTIONS = ("int", "trunc", "round", "isnan", "isfinite", "modulo", "power", "positive", "negative", "ite")
"""Those that synapse types do not have."""
WHOLE_NUMBERS = ("int", "trunc", "round", "isnan", "isfinite", "modulo", "ite")
"""Those that kernels have where they are asked for."""
ALIASES = {
    "fabs": "abs", "ln": "log", "acos": "arccos", "asin": "arcsin", "atan": "arctan", "pow": "power", "pos": "positive",
    "neg": "negative", "fmin": "minimum", "fmax": "maximum", "min": "minimum", "max": "maximum", "fmod": "modulo",
}  # fmt: skip
"""Further names of functions."""
REDUCTIONS = ("mean", "min", "max", "norm1", "norm2")
"""Of a variable of all cells of a population."""
_SIDE, _SIDED = re.compile(r"(pre|post)\.(\w+)"), re.compile(r"(\w+)_(pre|post)")
DRAWS: Mapping[str, tuple[int, ...]] = {
    "rand": (0,), "uniform": (0,), "randn": (0,), "poisson": (1,), "binomial": (2,), "Uniform": (2,),
    "DiscreteUniform": (2,), "Normal": (2, 4), "LogNormal": (2,), "Exponential": (1,), "Gamma": (1, 2),
    "Binomial": (2,), "Poisson": (1,),
}  # fmt: skip
"""Random numbers in cell types, one a cell and step for each call in the text: possible numbers of arguments."""
CONSTANTS = ("pi", "e", "inf")
SPECIAL_NAMES = {
    "t": "ms", "dt": "ms", "i": "", "N": "", "lastspike": "ms", "t_last": "ms", "not_refractory": "boolean",
}  # fmt: skip
"""Names that every cell type has, with their units."""
NOISE = re.compile(r"xi(_\w+)?")
"""White noise: xi, or several that are independent of each other, xi_a, xi_b ..."""
_LONG_UNITS = {
    f"{prefix}{name}": f"{short}{symbol}"
    for name, symbol in (
        ("volt", "V"), ("second", "s"), ("amp", "A"), ("ampere", "A"), ("farad", "F"), ("siemens", "S"), ("hertz", "Hz")
    )
    for prefix, short in (("", ""), ("milli", "m"), ("micro", "u"), ("nano", "n"), ("pico", "p"), ("kilo", "k"),
                          ("m", "m"), ("u", "u"), ("n", "n"), ("p", "p"), ("k", "k"))
}
UNIT_ALIASES = {**_LONG_UNITS, "metre": "m", "meter": "m", "cmetre": "cm", "umetre": "um", "cmeter": "cm",
                "umeter": "um"}
"""Units as Brian spells them."""
UNIT_NAMES = (
    *"V mV uV s ms us A mA uA nA pA F uF nF pF S mS uS nS Hz kHz ohm cm um".split(),
    *UNIT_ALIASES,
)
"""Units that may stand in an expression, as in 2*mV; a parameter or state of the same name comes first."""

MAX_DEPTH = 150
"""Of the syntax tree of an expression: what walks it calls itself for each level, and Python allows some 1000 calls."""
MAX_SIZE = 20_000
"""Parts of an expression with functions inserted, which may multiply each other."""

_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.Mod, ast.FloorDiv, ast.USub, ast.UAdd, ast.Not, ast.And, ast.Or
)  # fmt: skip
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?"
_HEAD = re.compile(rf"\s*(?:d(?P<state>{_DOTTED})\s*/\s*dt|(?P<name>{_DOTTED}))\s*=(?!=)")
_DECLARATION = re.compile(rf"\s*(?P<name>{_DOTTED})\s*:(?P<tail>.*)$")
_STATEMENT = re.compile(rf"\s*(?P<name>{_DOTTED})\s*(?P<operator>[-+*/%]?=)(?!=)")
_FUNCTION = re.compile(r"\s*(?P<name>[A-Za-z_]\w*)\s*\((?P<arguments>[^()]*)\)\s*=(?!=)")
_UNIT = re.compile(r"\s*(?P<unit>[^():]*?)\s*(?:\((?P<flags>.*)\)\s*)?")
_ELSE = re.compile(r"\belse\s*:")


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
    written: str = ""
    """The text, where what Python parsed is not exactly that."""

    def fail(self, message: str, node: ast.AST | None = None) -> NoReturn:
        """Raise EquationError that points at `node` (default: the whole expression)."""
        place = self.tree if node is None else node
        if self.written:
            # Columns belong to what was parsed; the piece of text, if it is to be found, is where the node is.
            piece = ast.unparse(place).replace(" ", "")
            found = _loose(piece, self.written) or (_first(self.written), len(self.written.rstrip()))
            self.line.fail(message, self.column + found[0], found[1] - found[0])
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

    @property
    def calls(self) -> list[str]:
        """Names of the functions that are called, each once."""
        found = {n.func.id: None for n in ast.walk(self.tree) if isinstance(n, ast.Call)}  # type: ignore[attr-defined]
        return list(found)


@dataclass(frozen=True)
class Equation:
    """One line of a model's equations."""

    name: str
    is_derivative: bool
    expression: Expression
    unit: str
    flags: tuple[str, ...]
    values: Mapping[str, Expression] = field(default_factory=dict)
    """Expressions of the flags init, min and max."""
    is_declaration: bool = False
    """A line "x : unit"; its expression is the number 0."""

    @property
    def is_stored(self) -> bool:
        """Whether an assignment is executed once a step, rather than inserted where its name occurs."""
        return "stored" in self.flags or "constant over dt" in self.flags

    @property
    def method(self) -> str:
        """The integration method that a flag names; "" where none does."""
        found = [METHOD_ALIASES.get(flag, flag) for flag in self.flags]
        return next((flag for flag in found if flag in METHODS), "")


@dataclass(frozen=True)
class Statement:
    """An assignment; `operator` is "=", "+=", "-=", "*=", "/=" or "%="."""

    name: str
    operator: str
    expression: Expression
    name_column: int


@dataclass(frozen=True)
class Function:
    """A function that a model's text defines: names of the arguments, and what it is."""

    name: str
    arguments: tuple[str, ...]
    tree: ast.expr


@dataclass(frozen=True)
class Vocabulary:
    """What expressions may call besides FUNCTIONS."""

    draws: bool = False
    """Random numbers of cell types."""
    functions: Mapping[str, Function] = field(default_factory=dict)
    tables: tuple[str, ...] = ()
    """Functions of time (and a column) that are given by their values."""
    units_required: bool = True
    reductions: bool = False
    """Numbers that all cells of a population have together, such as mean(pre.v): see `reduction_name`."""


PLAIN = Vocabulary()


def parse_equations(
    text: str, model: str, allowed_flags: tuple[str, ...] = FLAGS, vocabulary: Vocabulary = PLAIN,
    declarations: bool = False,
) -> list[Equation]:
    """The equations in `text`, in order; EquationError (line and caret) for what is not one.

    With `declarations`, lines "x : unit" may stand among them.
    """
    equations: list[Equation] = []
    for line, content in _lines(text, model, "equations"):
        head = _HEAD.match(content)
        declared = _DECLARATION.match(content) if declarations and not head else None
        if not head and not declared:
            line.fail("this is neither 'dx/dt = expression : unit' nor 'x = expression : unit'.", _first(content), 1)
        name = (head["state"] or head["name"]) if head else declared["name"]  # type: ignore[index]
        if any(e.name == name for e in equations):
            width = len(head[0].strip()) if head else len(name)
            line.fail(f"'{name}' has an equation already.", _first(content), width)
        start = head.end() if head else declared.end("name")  # type: ignore[union-attr]
        if head and re.match(r"\s*if\b", content[start:]) and not _ELSE.search(content[start:]):
            line.fail("'if c: a' needs 'else: b': an expression has a value in either case.", start,
                      len(content) - start)
        body, colon, tail = _at_unit(content[start:]) if head else ("0", ":", declared["tail"])  # type: ignore[index]
        if not colon and vocabulary.units_required:
            line.fail(f"the unit of '{name}' is missing; write ': unit' at the end.", len(content) - 1)
        unit = _UNIT.fullmatch(tail)
        tail_start = len(content) - len(tail)
        if not unit:
            line.fail("after ':' comes a unit and perhaps (flags).", tail_start, len(tail))
        is_derivative = bool(head and head["state"])
        possible = allowed_flags if is_derivative else (
            tuple(f for f in FORMULA_FLAGS if allowed_flags is FLAGS) if head else DECLARATION_FLAGS
        )
        flags, values = _flags(unit["flags"] or "", line, tail_start + max(unit.start("flags"), 0), possible,
                               allowed_flags is FLAGS, model, vocabulary, bool(is_derivative or not head))
        expression = _expression(body, line, start if head else 0, vocabulary)
        equations.append(Equation(name, is_derivative, expression, unit["unit"], flags, values, not head))
    return equations


def parse_statements(text: str, model: str, part: str, vocabulary: Vocabulary = PLAIN) -> list[Statement]:
    """The assignments in `text`, in order."""
    statements = []
    for line, content in _lines(text, model, part):
        offset = 0
        for piece in content.split(";"):
            if piece.strip():
                statements.append(_statement(piece, line, offset, vocabulary))
            offset += len(piece) + 1
    return statements


def parse_condition(text: str, model: str, part: str, vocabulary: Vocabulary = PLAIN) -> Expression:
    """The one condition in `text`."""
    lines = list(_lines(text, model, part))
    line, content = _only(lines, model, part, "condition", text)
    return _expression(content, line, 0, vocabulary)


def parse_value(text: str, model: str, part: str, vocabulary: Vocabulary = PLAIN) -> Expression:
    """The one expression in `text`."""
    lines = list(_lines(text, model, part))
    line, content = _only(lines, model, part, "expression", text)
    return _expression(content, line, 0, vocabulary)


def _only(lines: list[tuple[Line, str]], model: str, part: str, what: str, text: str) -> tuple[Line, str]:
    """The one line that there must be."""
    if not lines:
        raise EquationError(f"{model}, {part}: one {what} is needed, not {text!r}.")
    if len(lines) > 1:
        line, content = lines[1]
        line.fail(f"one {what} on one line is needed; this is another.", _first(content), len(content.strip()))
    return lines[0]


def parse_functions(text: str, model: str) -> dict[str, Function]:
    """The functions in `text`, by name; each may call those before it."""
    functions: dict[str, Function] = {}
    for line, content in _lines(text, model, "functions"):
        head = _FUNCTION.match(content)
        if not head:
            line.fail("a function is 'f(x, y) = expression'.", _first(content), len(content.strip()))
        name, arguments = head["name"], tuple(a.strip() for a in head["arguments"].split(",") if a.strip())
        if name in (*FUNCTIONS, *ALIASES, *DRAWS):
            line.fail(f"there is a function '{name}' already.", head.start("name"), len(name))
        body = content[head.end() :].partition(":")[0]
        expression = _expression(body, line, head.end(), Vocabulary(functions=functions))
        check_names(expression, arguments)
        functions[name] = Function(name, arguments, expression.tree)
    return functions


def check_names(expression: Expression, known: Iterable[str]) -> None:
    """EquationError for the first name in the expression that is neither known nor a constant or unit."""
    names = [*known]
    for node in ast.walk(expression.tree):
        if not isinstance(node, ast.Name) or getattr(node, "is_function", False):
            continue
        if node.id not in names and node.id not in CONSTANTS and node.id not in UNIT_NAMES:
            like = nearest(node.id, names) or nearest(node.id, UNIT_NAMES)
            units = UNIT_NAMES[: -len(UNIT_ALIASES)]
            known_names = f"Known: {', '.join(names)}" if names else f"Units: {', '.join(units)}"
            expression.fail(f"'{node.id}' is not known here.{like} {known_names}.", node)


def local_name_fits(name: str) -> bool:
    """Whether a value in a block of statements may have this name."""
    taken = (*CONSTANTS, *UNIT_NAMES, *FUNCTIONS, *DRAWS)
    return name.isidentifier() and not name.startswith("_") and name not in taken


def lines(text: str, model: str, part: str) -> Iterable[tuple[Line, str]]:
    """Lines that say something, without comments."""
    return _lines(text, model, part)


def parse_inside(text: str, line: Line, column: int) -> Expression:
    """An expression that is part of a line."""
    return _expression(text, line, column)


def _lines(text: str, model: str, part: str) -> Iterable[tuple[Line, str]]:
    """Lines that say something, without comments; one that goes on in the next together with it."""
    pending, first = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        content = raw.partition("#")[0].rstrip()
        if not content.strip() and not pending:
            continue
        if pending:
            content = f"{pending} {content.strip()}".rstrip()
        else:
            first = number
        if _goes_on(content) and number < len(text.splitlines()):
            pending = content.rstrip("\\").rstrip()
            continue
        pending = ""
        yield Line(model, part, first, content), content


def _goes_on(content: str) -> bool:
    """Whether a line ends before its expression does."""
    return content.count("(") > content.count(")") or content.rstrip().endswith(("+", "-", "*", "/", "\\", "="))


def _at_unit(text: str) -> tuple[str, str, str]:
    """The text before and after the colon that a unit follows; in "if c: a else: b" there are two others."""
    colons = [k for k, c in enumerate(text) if c == ":"]
    own = 2 * len(_ELSE.findall(text))
    if len(colons) <= own:
        return text, "", ""
    return text[: colons[own]], ":", text[colons[own] + 1 :]


def _flags(
    text: str, line: Line, column: int, possible: tuple[str, ...], with_values: bool, model: str,
    vocabulary: Vocabulary, is_state: bool,
) -> tuple[tuple[str, ...], dict[str, Expression]]:
    """The flags in brackets, and the expressions of those that have one."""
    flags: list[str] = []
    values: dict[str, Expression] = {}
    offset, depth, pieces = 0, 0, [""]
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += character
    for piece in pieces:
        word, equals, value = piece.partition("=")
        flag = word.strip()
        place = column + offset + _first(piece)
        offset += len(piece) + 1
        if not flag:
            continue
        if with_values and equals and flag in VALUE_FLAGS:
            values[flag] = _expression(value, line, column + offset - 1 - len(value), vocabulary)
            continue
        if flag not in possible or equals:
            if flag in FLAGS and not is_state:
                line.fail("only an equation dx/dt takes this flag.", place, len(flag))
            known = [*possible, *(f"{name}=" for name in VALUE_FLAGS if with_values)]
            line.fail(
                f"'{flag}' is not a flag here.{nearest(flag, known)} Flags: {', '.join(known) or 'none'}.", place,
                len(flag),
            )
        flags.append(flag)
    return tuple(flags), values


def _first(content: str) -> int:
    return len(content) - len(content.lstrip())


def _loose(piece: str, text: str) -> tuple[int, int] | None:
    """Where `piece`, which has no spaces, stands in `text`, which may have some and "^" for "**"."""
    letters = [(k, "**" if c == "^" else c) for k, c in enumerate(text) if not c.isspace()]
    places = [k for k, c in letters for _ in c]
    start = "".join(c for _, c in letters).find(piece)
    return None if start < 0 else (places[start], places[start + len(piece) - 1] + 1)


def _statement(piece: str, line: Line, offset: int, vocabulary: Vocabulary) -> Statement:
    head = _STATEMENT.match(piece)
    if not head:
        line.fail("a statement is 'x = expression' or 'x += expression'.", offset + _first(piece), len(piece.strip()))
    expression = _expression(piece[head.end() :], line, offset + head.end(), vocabulary)
    return Statement(head["name"], head["operator"], expression, offset + head.start("name"))


def _in_python(text: str) -> str:
    """The text with "^" as power, and "if c: a else: b" as Python has it."""
    result = text.replace("^", "**")
    if not _ELSE.search(result):
        return result
    opening = re.search(r"\(\s*if\b", result)
    while opening:
        end = _closing(result, opening.start())
        inner = _in_python(result[opening.start() + 1 : end])
        if re.match(r"\s*if\b", inner):
            break
        result = f"{result[: opening.start()]}({inner}){result[end + 1 :]}"
        opening = re.search(r"\(\s*if\b", result)
    return _conditional(result.strip()) if re.match(r"\s*if\b", result) else result


def _closing(text: str, opening: int) -> int:
    """Where the bracket that stands at `opening` is closed; the end of the text if it is not."""
    depth = 0
    for place in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return len(text)


def _conditional(text: str) -> str:
    """"if c: a else: b", in which a and b may be such expressions too, as "((a) if (c) else (b))"."""
    text = text.strip()
    if not re.match(r"if\b", text):
        return text
    condition, colon, rest = text[2:].partition(":")
    depth, split = 0, None
    for word in re.finditer(r"\bif\b|\belse\b(\s*:)?", rest):
        if word[0] == "if":
            depth += 1
        elif depth == 0:
            split = word if word[1] else None
            break
        else:
            depth -= 1
    if not colon or split is None:
        return text
    yes, no = rest[: split.start()], rest[split.end() :]
    return f"(({_conditional(yes)}) if ({condition.strip()}) else ({_conditional(no)}))"


def _expression(text: str, line: Line, column: int, vocabulary: Vocabulary = PLAIN) -> Expression:
    if not text.strip():
        line.fail("an expression is missing.", column)
    parsed = _in_python(text)
    try:
        # The parentheses let an expression begin with spaces; they shift every column by one, see Expression.fail.
        tree = ast.parse(f"({parsed})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = max((getattr(error, "offset", None) or 2) - 2, 0) if parsed == text else 0
        reason = error.args[0] if error.args else type(error).__name__
        line.fail(f"'{text.strip()}' is not an expression ({reason}).", column + min(place, len(text) - 1))
    if is_too_deep(tree):
        line.fail(
            f"this expression is nested more than {MAX_DEPTH} deep (a sum of that many terms is, too). Give parts of "
            "it a name: 'x = expression : unit'.",
            column,
            len(text),
        )
    tree = _Dots().visit(tree)
    if vocabulary.reductions:
        tree = _Reductions().visit(tree)
    expression = Expression(tree, line, column, "" if parsed == text else text)
    _check_node(expression, expression.tree, vocabulary)
    if not vocabulary.functions:
        return expression
    inserted = _Insert(vocabulary.functions).visit(expression.tree)
    if size(inserted) > MAX_SIZE:
        expression.fail(f"with its functions inserted, this expression has more than {MAX_SIZE} parts.")
    if is_too_deep(inserted):
        expression.fail(f"with its functions inserted, this expression is nested more than {MAX_DEPTH} deep.")
    return Expression(inserted, line, column, expression.written)


def is_too_deep(tree: ast.AST) -> bool:
    level = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True


def size(tree: ast.AST) -> int:
    """How many nodes a tree has. What is inserted is one object in several places, which is looked at once."""
    known: dict[int, int] = {}

    def count(node: ast.AST) -> int:
        if id(node) not in known:
            known[id(node)] = 1 + sum(count(child) for child in ast.iter_child_nodes(node))
        return known[id(node)]

    return count(tree)


class _Dots(ast.NodeTransformer):
    """Makes one name of "AMPA.tau_syn", which Python takes for an attribute."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name):
            return ast.copy_location(ast.Name(f"{node.value.id}.{node.attr}", node.ctx), node)
        return node


def reduction_name(function: str, variable: str, side: str) -> str:
    """What stands in expressions for mean(pre.v): "mean__v_pre"."""
    return f"{function}__{variable}_{side}"


class _Reductions(ast.NodeTransformer):
    """Makes one name of "mean(pre.v)"."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in REDUCTIONS and len(node.args) == 1:
            name = node.args[0].id if isinstance(node.args[0], ast.Name) else ""
            dotted, ended = _SIDE.fullmatch(name), _SIDED.fullmatch(name)
            if dotted or ended:
                variable, side = (dotted[2], dotted[1]) if dotted else (ended[1], ended[2])  # type: ignore[index]
                return ast.copy_location(ast.Name(reduction_name(node.func.id, variable, side), ast.Load()), node)
        return node


class _Insert(ast.NodeTransformer):
    """Puts what a function is in the place of its calls. What is inserted stands, for errors, where the call does."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions

    def visit_Call(self, node: ast.Call) -> ast.AST:
        arguments = [self.visit(argument) for argument in node.args]
        function = self.functions.get(getattr(node.func, "id", ""))
        if function is None:
            node.args = arguments
            return node
        return _filled(function.tree, dict(zip(function.arguments, arguments, strict=True)), node)


def _filled(tree: ast.expr, values: Mapping[str, ast.expr], place: ast.expr) -> ast.expr:
    """A copy of a function's tree with its arguments replaced."""
    if isinstance(tree, ast.Name) and not getattr(tree, "is_function", False) and tree.id in values:
        return values[tree.id]
    fields: dict[str, Any] = {}
    for name, value in ast.iter_fields(tree):
        if isinstance(value, list):
            fields[name] = [_filled(v, values, place) if isinstance(v, ast.expr) else v for v in value]
        else:
            fields[name] = _filled(value, values, place) if isinstance(value, ast.expr) else value
    copied = ast.copy_location(type(tree)(**fields), place)
    if getattr(tree, "is_function", False):
        copied.is_function = True  # type: ignore[attr-defined]
    return copied


def _check_node(expression: Expression, node: ast.AST, vocabulary: Vocabulary) -> None:
    if isinstance(node, ast.BinOp | ast.UnaryOp | ast.BoolOp):
        if not isinstance(node.op, _OPERATORS):
            expression.fail(
                f"the operator in '{expression.text(node)}' is not available; there are + - * / // % **.", node
            )
    elif isinstance(node, ast.Compare):
        node.ops = [
            ast.Eq() if isinstance(op, ast.Is) else ast.NotEq() if isinstance(op, ast.IsNot) else op for op in node.ops
        ]
        if not all(isinstance(op, _COMPARISONS) for op in node.ops):
            expression.fail("comparisons are < <= > >= == !=.", node)
    elif isinstance(node, ast.Call):
        _check_call(expression, node, vocabulary)
    elif isinstance(node, ast.Constant):
        if not isinstance(node.value, int | float):
            expression.fail(f"{node.value!r} is not a number.", node)
        if not is_representable(node.value):
            expression.fail("this number is too large; the largest is 1.8e308.", node)
        return
    elif isinstance(node, ast.Name | ast.IfExp):
        pass
    else:
        expression.fail(f"'{expression.text(node)}' ({type(node).__name__}) has no place in an expression.", node)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            _check_node(expression, child, vocabulary)


def is_representable(number: float) -> bool:
    """Whether a number of a text, which may have any number of digits, is a finite one in double precision."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _check_call(expression: Expression, node: ast.Call, vocabulary: Vocabulary) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else expression.text(node.func)
    if isinstance(node.func, ast.Name):
        name = node.func.id = ALIASES.get(name, name) if name not in vocabulary.functions else name
    functions: dict[str, tuple[int, ...]] = {n: (k,) for n, k in FUNCTIONS.items()}
    if not vocabulary.draws and expression.line.part.startswith((*EVENT_PARTS, "transmitted", "psp")):
        functions = {n: k for n, k in functions.items() if n not in CELL_FUNCTIONS}
    if expression.line.part.startswith(EVENT_PARTS):
        functions.update({n: (k,) for n, k in RANDOM_FUNCTIONS.items()})
    if expression.line.part == "threshold":
        functions["uniform"] = (0,)
    if vocabulary.draws:
        functions.update(DRAWS)
    functions.update(dict.fromkeys(vocabulary.tables, (1, 2)))
    functions.update({n: (len(f.arguments),) for n, f in vocabulary.functions.items()})
    if name not in functions and vocabulary.reductions and name in REDUCTIONS:
        expression.fail(f"'{name}' is of one variable of the cells on one side, such as {name}(pre.v).", node)
    if name not in functions:
        expression.fail(
            f"'{name}' is not a function here.{nearest(name, functions)} Functions: {', '.join(functions)}.", node
        )
    if node.keywords or len(node.args) not in functions[name]:
        wanted = " or ".join(map(str, functions[name]))
        expression.fail(f"{name} takes {wanted} argument(s), by position.", node)
    node.func.is_function = True  # type: ignore[attr-defined]
