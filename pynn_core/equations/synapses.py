"""From the text of a synapse type to what event-driven simulation needs: decay between events, statements at events.

Between events every state follows dx/dt = -rate*x + drive + sum(factor*y), where the y decay without any drive; this is
solved exactly. At an event the statements are executed in order. A state flagged (pre) or (post) is kept once for each
cell where nothing that it depends on differs from connection to connection, and once for each connection otherwise.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache

from pyNN.equations import dimensions, language
from pyNN.equations.language import Expression, Statement
from pyNN.errors import EquationError
from pyNN.models import Definition

RECEPTOR_TIME = "tau_psc"
"""Stands in equations for the time constant (ms) of the receptor that the projection ends on."""
WEIGHT = "weight"
FRACTION = "dendritic_delay_fraction"
_CELL_FUNCTIONS = ("before", "sum")
_NOT_IN_TEXT = ("delay", FRACTION)


@dataclass(frozen=True)
class Assign:
    """`name = text`; the text is an expression in parameters, states and local names, in their declared units."""

    name: str
    tree: ast.expr
    """With factors for units put in; see `_coherent`."""

    @property
    def reads(self) -> set[str]:
        return names(self.tree)

    @property
    def is_random(self) -> bool:
        return any(
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in language.RANDOM_FUNCTIONS
            for node in ast.walk(self.tree)
        )


@dataclass(frozen=True)
class Course:
    """How a state evolves between events: dx/dt = -rate*x + drive + sum(factor*y). Rates in 1/ms."""

    rate: ast.expr | None
    drive: ast.expr | None
    couplings: tuple[tuple[str, ast.expr], ...] = ()

    @property
    def reads(self) -> set[str]:
        trees = [tree for tree in (self.rate, self.drive, *(t for _, t in self.couplings)) if tree is not None]
        return set().union(*(names(tree) for tree in trees)) if trees else set()


@dataclass(frozen=True)
class Rule:
    """A synapse type in the form that engines work with."""

    name: str
    parameters: tuple[str, ...]
    """Parameters that occur in the text (weight too), and perhaps RECEPTOR_TIME."""
    states: tuple[str, ...]
    sides: dict[str, str]
    """"pre", "post" or "" (one value a connection) for each state, as declared."""
    courses: dict[str, Course]
    on_pre: tuple[Assign, ...]
    on_post: tuple[Assign, ...]
    transmitted: ast.expr
    units: dict[str, str] = field(default_factory=dict)

    @property
    def assigned(self) -> set[str]:
        """Names that events change: states, local names, and perhaps the weight."""
        return {a.name for a in (*self.on_pre, *self.on_post)}

    @property
    def post_side(self) -> list[str]:
        """States that only postsynaptic spikes change: a presynaptic one that arrives with it sees them before it."""
        changed = {a.name for a in self.on_pre}
        return [state for state in self.states if self.sides[state] == "post" and state not in changed]

    @property
    def is_plastic(self) -> bool:
        """Whether the weight changes."""
        return WEIGHT in self.assigned

    @property
    def is_random(self) -> bool:
        return any(a.is_random for a in (*self.on_pre, *self.on_post))

    def levels(self, varying: Collection[str]) -> dict[str, str]:
        """Where each state is kept: "pre", "post" or "" if one value a connection is needed.

        `varying`: names of parameters (and states, for their initial values) that differ from connection to connection.
        """
        levels = {state: "" if state in varying else self.sides[state] for state in self.states}
        while True:
            lower = next((s for s, level in levels.items() if level and self._depends(s, levels, varying)), "")
            if not lower:
                return levels
            levels[lower] = ""

    def _depends(self, state: str, levels: Mapping[str, str], varying: Collection[str]) -> bool:
        """Whether a state needs a value for each connection."""
        side = levels[state]
        own, other = (self.on_pre, self.on_post) if side == "pre" else (self.on_post, self.on_pre)
        if any(a.name == state for a in other):
            return True
        shared = {name for name, level in levels.items() if level == side}
        fixed = {n for n in self.parameters if n not in varying and n != WEIGHT} | shared
        if not self.courses[state].reads <= fixed or any(y not in shared for y, _ in self.courses[state].couplings):
            return True
        return state not in _shared_targets(own, fixed, shared)

    def shared(self, side: str, levels: Mapping[str, str], varying: Collection[str]) -> list[Assign]:
        """The statements of one side that the states kept once for each cell need."""
        own = self.on_pre if side == "pre" else self.on_post
        states = {name for name, level in levels.items() if level == side}
        fixed = {n for n in self.parameters if n not in varying and n != WEIGHT} | states
        targets = _shared_targets(own, fixed, states)
        kept = [a for a in own if a.name in targets]
        needed: set[str] = set(states)
        for assign in reversed(kept):
            if assign.name in needed:
                needed |= assign.reads
        return [a for a in kept if a.name in needed]


def _shared_targets(statements: tuple[Assign, ...], fixed: set[str], states: set[str]) -> set[str]:
    """Names among states and local names whose every assignment depends on nothing but what is fixed for a cell."""
    targets = {a.name for a in statements if a.name not in fixed or a.name in states} | states
    while True:
        known = fixed | targets
        bad = {a.name for a in statements if a.name in targets and (a.is_random or not a.reads <= known)}
        if not bad:
            return targets
        targets -= bad
        fixed = fixed - bad


def needs_rule(definition: Definition) -> bool:
    """Whether a synapse type does anything but pass its weight on."""
    return bool(definition.on_pre.strip() or definition.on_post.strip() or definition.transmitted.strip() != WEIGHT)


def rule(definition: Definition) -> Rule:
    """The rule of a synapse type; EquationError, with line and caret, for text that is wrong."""
    key = (
        definition.name, tuple(definition.units.items()), tuple(definition.states), tuple(definition.parameters),
        definition.equations, definition.on_pre, definition.on_post, definition.transmitted, definition.unchecked_units,
    )
    return _rule(*key)


@cache
def _rule(
    name: str,
    unit_items: tuple[tuple[str, str], ...],
    states: tuple[str, ...],
    parameters: tuple[str, ...],
    equations: str,
    on_pre: str,
    on_post: str,
    transmitted: str,
    unchecked: bool,
) -> Rule:
    return _Reader(name, dict(unit_items), states, parameters, unchecked).read(equations, on_pre, on_post, transmitted)


class _Reader:
    def __init__(
        self, name: str, units: dict[str, str], states: tuple[str, ...], parameters: tuple[str, ...], unchecked: bool
    ) -> None:
        self.name = name
        self.unchecked = unchecked
        """Whether the text has no units."""
        self.units = {n: u for n, u in units.items() if n not in _NOT_IN_TEXT}
        self.units.setdefault(RECEPTOR_TIME, "ms")
        self.states = states
        self.parameters = tuple(p for p in parameters if p not in _NOT_IN_TEXT)
        for own in (*states, *self.parameters):
            if own in language.FUNCTIONS or own in language.RANDOM_FUNCTIONS or own.startswith("_") or own == "dt":
                raise EquationError(f"{name}: '{own}' is reserved; it cannot name a parameter or state.")

    def read(self, equations: str, on_pre: str, on_post: str, transmitted: str) -> Rule:
        parsed = language.parse_equations(equations, self.name, language.SYNAPSE_FLAGS)
        formulas = {e.name: e for e in parsed if not e.is_derivative}
        self.inlined: dict[str, ast.expr] = {}
        sides = dict.fromkeys(self.states, "")
        courses = {state: Course(None, None) for state in self.states}
        for formula in formulas.values():
            if formula.name in self.units:
                formula.expression.fail(f"'{formula.name}' is a parameter or state already.")
            self._check(formula.expression, self.units, formula.unit, f"'{formula.name}'")
            self.inlined[formula.name] = self._coherent(formula.expression)
            self.units[formula.name] = formula.unit
        for equation in parsed:
            if equation.is_derivative:
                if equation.name not in self.states:
                    equation.expression.fail(
                        f"'{equation.name}' has a derivative but is not among the states ({', '.join(self.states)})."
                    )
                if len(equation.flags) > 1:
                    equation.expression.fail("a state is kept for each presynaptic or for each postsynaptic cell.")
                unit = self.units[equation.name]
                wanted = f"{unit}/ms" if unit.strip() else "1/ms"
                self._check(equation.expression, self.units, wanted, f"d{equation.name}/dt")
                sides[equation.name] = equation.flags[0] if equation.flags else ""
                courses[equation.name] = self._course(equation.name, equation.expression)
        self._check_couplings(courses)
        pre = self._statements(on_pre, "on_pre")
        post = self._statements(on_post, "on_post")
        known = {**self.units, **{a.name: "" for a in pre if a.name not in self.units}}
        output = language.parse_value(transmitted, self.name, "transmitted")
        language.check_names(output, known)
        self._check_functions(output)
        tree = self._coherent(output)
        used = names(tree).union(*(a.reads | {a.name} for a in (*pre, *post)), *(c.reads for c in courses.values()))
        occurring = tuple(n for n in (*self.parameters, RECEPTOR_TIME) if n in used or n == WEIGHT)
        return Rule(self.name, occurring, self.states, sides, courses, pre, post, tree, dict(self.units))

    def _check_functions(self, expression: Expression) -> None:
        """Some functions have a meaning for cells only."""
        for node in ast.walk(expression.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CELL_FUNCTIONS:
                expression.fail(f"'{node.func.id}' is not a function of synapses.", node)

    def _check(self, expression: Expression, units: Mapping[str, str], wanted: str, what: str) -> None:
        language.check_names(expression, units)
        self._check_functions(expression)
        if not self.unchecked:
            dimensions.require(expression, units, wanted, what)

    def _statements(self, text: str, part: str) -> tuple[Assign, ...]:
        known = dict(self.units)
        assigns = []
        for statement in language.parse_statements(text, self.name, part):
            if statement.name in self.inlined or statement.name in self.parameters and statement.name != WEIGHT:
                statement.expression.line.fail(
                    f"'{statement.name}' cannot be changed; weight, states and new names can.",
                    statement.name_column,
                    len(statement.name),
                )
            if statement.name == RECEPTOR_TIME or statement.name in language.UNIT_NAMES:
                statement.expression.line.fail(
                    f"'{statement.name}' has a meaning already.", statement.name_column, len(statement.name)
                )
            if statement.operator != "=" and statement.name not in known:
                statement.expression.line.fail(
                    f"'{statement.name}' has no value yet.", statement.name_column, len(statement.name)
                )
            language.check_names(statement.expression, known)
            self._check_functions(statement.expression)
            wanted = known.get(statement.name)
            if self.unchecked:
                known.setdefault(statement.name, "")
            elif wanted is not None and statement.name in self.units and statement.operator in ("=", "+=", "-="):
                dimensions.require(statement.expression, known, wanted, f"'{statement.name}'")
            if wanted is None and not self.unchecked:
                known[statement.name] = dimensions.unit_of(statement.expression, known).text
            assigns.append(self._assign(statement, known))
        return tuple(assigns)

    def _assign(self, statement: Statement, known: Mapping[str, str]) -> Assign:
        value = self._coherent(statement.expression)
        factor = dimensions.coherent_factor(self.units[statement.name]) if statement.name in self.units else 1.0
        if statement.operator in ("=", "+=", "-=") and factor != 1.0:
            value = ast.BinOp(value, ast.Div(), ast.Constant(factor))
        operator = {"+=": ast.Add, "-=": ast.Sub, "*=": ast.Mult, "/=": ast.Div}.get(statement.operator)
        if operator is not None:
            value = ast.BinOp(ast.Name(statement.name), operator(), value)
        return Assign(statement.name, value)

    def _coherent(self, expression: Expression) -> ast.expr:
        """The tree with formulas inlined and a factor at every name whose unit does not fit the coherent system."""
        reader = self

        class Convert(ast.NodeTransformer):
            def visit_Call(self, node: ast.Call) -> ast.expr:
                return ast.Call(node.func, [self.visit(a) for a in node.args], [])

            def visit_Name(self, node: ast.Name) -> ast.expr:
                if node.id in reader.inlined:
                    return reader.inlined[node.id]
                if node.id in reader.units:
                    factor = dimensions.coherent_factor(reader.units[node.id])
                    return node if factor == 1.0 else ast.BinOp(ast.Constant(factor), ast.Mult(), node)
                if node.id in language.UNIT_NAMES:
                    return ast.Constant(dimensions.coherent_factor(node.id))
                if node.id in language.CONSTANTS:
                    import math

                    return ast.Constant({"pi": math.pi, "e": math.e}[node.id])
                return node

        # A copy: the transformer changes nodes in place.
        copied = ast.parse(ast.unparse(expression.tree), mode="eval").body
        return Convert().visit(copied)

    def _course(self, state: str, expression: Expression) -> Course:
        linear = _linear(self._coherent(expression), set(self.states), expression)
        factor = dimensions.coherent_factor(self.units[state])
        if factor != 1.0 or any(dimensions.coherent_factor(self.units[s]) != 1.0 for s in linear if s):
            expression.fail(f"'{state}' must be in a unit that fits ms, mV and nA, such as 1, nA or uS.")
        own = linear.pop(state, None)
        drive = linear.pop("", None)
        return Course(None if own is None else _negative(own), drive, tuple(linear.items()))

    def _check_couplings(self, courses: Mapping[str, Course]) -> None:
        for state, course in courses.items():
            for other, _ in course.couplings:
                if courses[other].couplings or courses[other].drive is not None:
                    raise EquationError(
                        f"{self.name}: d{state}/dt depends on '{other}', which does not just decay. Between events a "
                        "state may depend on itself and on states that only decay."
                    )


def _negative(tree: ast.expr) -> ast.expr:
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return tree.operand
    return ast.UnaryOp(ast.USub(), tree)


def _linear(tree: ast.expr, states: set[str], where: Expression) -> dict[str, ast.expr]:
    """An expression as a sum: state -> its factor, "" -> the rest; EquationError where it is not linear."""
    if not names(tree) & states:
        return {"": tree}
    if isinstance(tree, ast.Name):
        return {tree.id: ast.Constant(1.0)}
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub | ast.UAdd):
        inner = _linear(tree.operand, states, where)
        return inner if isinstance(tree.op, ast.UAdd) else {k: ast.UnaryOp(ast.USub(), v) for k, v in inner.items()}
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub):
        total = _linear(tree.left, states, where)
        for name, factor in _linear(tree.right, states, where).items():
            if name in total:
                total[name] = ast.BinOp(total[name], tree.op, factor)
            else:
                total[name] = factor if isinstance(tree.op, ast.Add) else ast.UnaryOp(ast.USub(), factor)
        return total
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult | ast.Div):
        left = names(tree.left) & states
        if isinstance(tree.op, ast.Mult) and not left:
            return {k: ast.BinOp(tree.left, ast.Mult(), v) for k, v in _linear(tree.right, states, where).items()}
        if not names(tree.right) & states:
            return {k: ast.BinOp(v, tree.op, tree.right) for k, v in _linear(tree.left, states, where).items()}
    where.fail("between events a synapse's states must follow linear equations, such as dx/dt = -x/tau.")


@cache
def _names_of(text: str) -> frozenset[str]:
    tree = ast.parse(text, mode="eval")
    functions = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in functions)


def names(tree: ast.expr) -> set[str]:
    """The names of an expression, without those of functions."""
    return set(_names_of(ast.unparse(tree)))


def text(tree: ast.expr, replaced: Mapping[str, str], call: Callable[[str, list[str]], str], where: str) -> str:
    """Source text of an expression, every name replaced.

    `call` writes the call of a function; `where` is the format of a conditional, with test, yes and no.
    """

    def go(node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            return repr(float(node.value))  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return replaced[node.id]
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Not):
                return call("not", [go(node.operand)])
            return f"({'-' if isinstance(node.op, ast.USub) else '+'}{go(node.operand)})"
        if isinstance(node, ast.BoolOp):
            parts = [go(value) for value in node.values]
            result = parts[0]
            for part in parts[1:]:
                result = call("and" if isinstance(node.op, ast.And) else "or", [result, part])
            return result
        if isinstance(node, ast.Compare):
            terms = [go(node.left), *map(go, node.comparators)]
            pairs = [
                f"({a} {_COMPARISONS[type(op)]} {b})" for a, b, op in zip(terms, terms[1:], node.ops, strict=False)
            ]
            result = pairs[0]
            for pair in pairs[1:]:
                result = call("and", [result, pair])
            return result
        if isinstance(node, ast.IfExp):
            return where.format(test=go(node.test), yes=go(node.body), no=go(node.orelse))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return call(node.func.id, [go(a) for a in node.args])
        if isinstance(node, ast.BinOp):
            return f"({go(node.left)} {_OPERATORS[type(node.op)]} {go(node.right)})"
        raise EquationError(f"'{ast.unparse(node)}' has no place in an expression.")

    return go(tree)


_COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
_OPERATORS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.Mod: "%", ast.FloorDiv: "//"
}  # fmt: skip
