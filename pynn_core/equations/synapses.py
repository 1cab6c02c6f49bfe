"""From the text of a synapse type to what event-driven simulation needs: decay between events, statements at events.

Between events every state follows dx/dt = -rate*x + drive + sum(factor*y), where the y decay without any drive; this is
solved exactly. At an event the statements are executed in order. A state flagged (pre) or (post) is kept once for each
cell where nothing that it depends on differs from connection to connection, and once for each connection otherwise.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from pyNN.equations import dimensions, language
from pyNN.equations.dimensions import UNKNOWN
from pyNN.equations.language import Equation, Expression, Statement
from pyNN.errors import EquationError
from pyNN.models import Definition, SynapticPathway

RECEPTOR_TIME = "tau_psc"
"""Stands in equations for the time constant (ms) of the receptor that the projection ends on."""
WEIGHT = "weight"
FRACTION = "dendritic_delay_fraction"
TIME, DT = "t", "dt"
INDICES = ("i", "j", "multisynaptic_index")
"""Index of the presynaptic and of the postsynaptic cell, and the number among the connections of this pair of cells."""
CELL = re.compile(r"(?P<variable>[A-Za-z]\w*)_(?P<side>pre|post)")
"""How expressions name a variable of a cell: "v_post" is v of the postsynaptic one."""
_CELL_FUNCTIONS = ("before", "sum")
_NOT_IN_TEXT = ("delay", FRACTION)
_FLAGS = (*language.SYNAPSE_FLAGS, "event-driven", "clock-driven", *language.METHODS, *language.METHOD_ALIASES)
_STEP_PARTS = ("before_step", "each_step")


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
class Step:
    """The right side (per ms) of an equation that is integrated step by step."""

    tree: ast.expr
    method: str
    """That of its flag; "" for none."""
    where: Expression


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
    d = definition
    return bool(
        d.on_pre.strip() or d.on_post.strip() or d.transmitted.strip() != WEIGHT or d.pathways or d.before_step.strip()
        or d.each_step.strip() or d.psp.strip() or d.own and d.equations.strip()
    )


def held(statements: Iterable[Assign], condition: ast.expr) -> tuple[Assign, ...]:
    """Statements by which the weight stays as it is unless a condition holds; random numbers are drawn all the same."""
    return tuple(
        Assign(WEIGHT, ast.IfExp(condition, a.tree, ast.Name(WEIGHT))) if a.name == WEIGHT else a for a in statements
    )


def partly(rule: Rule, learns: bool, active: Mapping[str, bool]) -> Rule:
    """A rule of which spikes do not do everything: the weight stays, or all that those of one side change."""
    never = ast.parse("0.0 > 1.0", mode="eval").body

    def what_is_left(name: str, statements: tuple[Assign, ...]) -> tuple[Assign, ...]:
        if active.get(name, True):
            return statements if learns else held(statements, never)
        return tuple(
            Assign(a.name, ast.IfExp(never, a.tree, ast.Name(a.name))) if a.name in (*rule.states, WEIGHT) else a
            for a in statements
        )

    sent = rule.transmitted if active.get("on_pre", True) else ast.Constant(0.0)
    on_pre, on_post = what_is_left("on_pre", rule.on_pre), what_is_left("on_post", rule.on_post)
    return replace(rule, transmitted=sent, on_pre=on_pre, on_post=on_post)


def rule(definition: Definition, cell_units: tuple[tuple[str, str], ...] = ()) -> Rule:
    """The rule of a synapse type; EquationError, with line and caret, for text that is wrong.

    A pyNN.equations.stepped.SteppedRule for a type that sees its cells, or of which something happens in every step.
    `cell_units`: (name, unit) of the cells' variables, where it is known which cells these are.
    """
    d = definition
    key = (
        d.name, tuple(d.units.items()), tuple(d.states), tuple(d.parameters), d.equations, d.on_pre, d.on_post,
        d.transmitted, d.unchecked_units, _Further(tuple(d.pathways.items()), d.before_step, d.each_step, d.psp,
                                                   d.method, d.reduce, cell_units),
    )  # fmt: skip
    return _rule(*key)


@dataclass(frozen=True)
class _Further:
    """The text of a synapse type besides what classical rules have."""

    pathways: tuple[tuple[str, SynapticPathway], ...]
    before_step: str
    each_step: str
    psp: str
    method: str
    reduce: str
    cell_units: tuple[tuple[str, str], ...]


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
    further: _Further,
) -> Rule:
    reader = _Reader(name, dict(unit_items), states, parameters, unchecked)
    return reader.read(equations, on_pre, on_post, transmitted, further)


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

    def read(self, equations: str, on_pre: str, on_post: str, transmitted: str, further: _Further) -> Rule:
        parsed = language.parse_equations(equations, self.name, _FLAGS)
        blocks = {"on_pre": on_pre, "on_post": on_post, "before_step": further.before_step,
                  "each_step": further.each_step}
        statements = {part: language.parse_statements(text, self.name, part) for part, text in blocks.items()}
        statements |= {n: language.parse_statements(way.statements, self.name, f"on_{way.side} '{n}'")
                       for n, way in further.pathways}
        outputs = {"transmitted": language.parse_value(transmitted, self.name, "transmitted")}
        outputs |= {n: language.parse_value(way.transmitted, self.name, f"transmitted '{n}'")
                    for n, way in further.pathways}
        if further.psp.strip():
            outputs["psp"] = language.parse_value(further.psp, self.name, "psp")
        self._surroundings(parsed, statements, outputs, further)
        formulas = {e.name: e for e in parsed if not e.is_derivative}
        self.inlined: dict[str, ast.expr] = {}
        sides = dict.fromkeys(self.states, "")
        for formula in formulas.values():
            if formula.name in self.units:
                formula.expression.fail(f"'{formula.name}' is a parameter or state already.")
            self._check(formula.expression, self.units, formula.unit, f"'{formula.name}'")
            self.inlined[formula.name] = self._coherent(formula.expression)
            self.units[formula.name] = formula.unit
        derivatives = {e.name: e for e in parsed if e.is_derivative}
        for equation in derivatives.values():
            if equation.name not in (*self.states, WEIGHT):
                equation.expression.fail(
                    f"'{equation.name}' has a derivative but is not among the states ({', '.join(self.states)})."
                )
            places = [flag for flag in equation.flags if flag in language.SYNAPSE_FLAGS]
            if len(places) > 1:
                equation.expression.fail("a state is kept for each presynaptic or for each postsynaptic cell.")
            unit = self.units[equation.name]
            wanted = UNKNOWN if unit == UNKNOWN else f"{unit}/ms" if unit.strip() else "1/ms"
            self._check(equation.expression, self.units, wanted, f"d{equation.name}/dt")
            if equation.name != WEIGHT:
                sides[equation.name] = places[0] if places else ""
        stepped = {n for n, e in derivatives.items() if n == WEIGHT or "clock-driven" in e.flags or e.method
                   or names(self._coherent(e.expression)) & self.surroundings}
        goes_on = bool(
            self.surroundings or stepped or further.pathways or further.psp.strip() or further.before_step.strip()
            or further.each_step.strip()
        )  # fmt: skip
        courses = self._courses(derivatives, stepped)
        goes_on |= bool(stepped)
        known = dict(self.units)
        blocks_read = {part: self._statements(found, known if part in _STEP_PARTS else dict(self.units))
                       for part, found in statements.items()}
        trees = {}
        for part, output in outputs.items():
            own = blocks_read["on_pre" if part == "transmitted" else part] if part != "psp" else ()
            language.check_names(output, {**self.units, **{a.name: "" for a in own if a.name not in self.units}})
            self._check_functions(output)
            if part == "psp" and not self.unchecked:
                dimensions.unit_of(output, self.units)
            trees[part] = self._coherent(output)
        used = set().union(*(names(tree) for tree in trees.values()), *(c.reads for c in courses.values()),
                           *(a.reads | {a.name} for block in blocks_read.values() for a in block),
                           *(names(self._coherent(derivatives[s].expression)) for s in stepped))
        occurring = tuple(n for n in (*self.parameters, RECEPTOR_TIME) if n in used or n == WEIGHT)
        pre, post = blocks_read["on_pre"], blocks_read["on_post"]
        classical = Rule(self.name, occurring, self.states, sides, courses, pre, post, trees["transmitted"],
                         dict(self.units))
        if not goes_on:
            return classical
        return self._stepped(classical, derivatives, stepped, blocks_read, trees, further)

    def _surroundings(
        self, parsed: list[Equation], statements: Mapping[str, list[Statement]], outputs: Mapping[str, Expression],
        further: _Further,
    ) -> None:
        """Note the names that only make sense where synapses are looked at in every step, with their units."""
        own = {*self.units, *(e.name for e in parsed), *(s.name for block in statements.values() for s in block)}
        expressions = [e.expression for e in parsed] + [s.expression for block in statements.values() for s in block]
        self.cells: dict[str, Expression] = {}
        self.surroundings: set[str] = set()
        units = dict(further.cell_units)
        for expression in (*expressions, *outputs.values()):
            for name in expression.names:
                if name in own or name in self.surroundings:
                    continue
                if name in (TIME, DT, *INDICES) or language.NOISE.fullmatch(name):
                    self.units[name] = "" if name in INDICES else "ms" if name in (TIME, DT) else "1/ms**0.5"
                elif CELL.fullmatch(name):
                    self.cells[name] = expression
                    self.units[name] = units.get(name, UNKNOWN)
                else:
                    continue
                self.surroundings.add(name)

    def _courses(self, derivatives: Mapping[str, Equation], stepped: set[str]) -> dict[str, Course]:
        """How states evolve between spikes; those that follow no linear equations are added to `stepped`."""
        courses = {state: Course(None, None) for state in self.states}
        for name, equation in derivatives.items():
            if name in stepped:
                continue
            try:
                courses[name] = self._course(name, equation.expression)
            except EquationError:
                if "event-driven" in equation.flags:
                    raise
                stepped.add(name)
        for state, course in courses.items():
            for other, _ in course.couplings:
                if other not in stepped and (courses[other].couplings or courses[other].drive is not None):
                    if "event-driven" in derivatives[state].flags:
                        derivatives[state].expression.fail(
                            f"d{state}/dt depends on '{other}', which does not just decay. Between events a state may "
                            "depend on itself and on states that only decay; leave event-driven away."
                        )
                    stepped.add(state)
        for state in stepped & set(courses):
            courses[state] = Course(None, None)
        return courses

    def _stepped(
        self, classical: Rule, derivatives: Mapping[str, Equation], stepped: set[str],
        blocks: Mapping[str, tuple[Assign, ...]], trees: Mapping[str, ast.expr], further: _Further,
    ) -> Rule:
        from pyNN.equations import stepped as steps

        courses = dict(classical.courses)
        around = (*blocks["before_step"], *blocks["each_step"])
        read = set().union(*(a.reads for a in around), names(trees["psp"]) if "psp" in trees else set())
        declared = {n: e.expression for n, e in derivatives.items() if "event-driven" in e.flags}
        chosen = steps.stepwise(
            {n: self._step(derivatives[n]) for n in stepped},
            {n: courses[n] for n in derivatives if n not in stepped}, read, {a.name for a in around}, declared,
        )
        for state in chosen & set(courses):
            courses[state] = Course(None, None)
        order = [n for n in derivatives if n in chosen]
        statements, methods = steps.integration({n: self._step(derivatives[n]) for n in order}, further.method)
        ways = [steps.Pathway("on_pre", steps.PRE, blocks["on_pre"], trees["transmitted"], "")]
        ways += [
            steps.Pathway(n, way.side, blocks[n], trees[n] if way.side == steps.PRE else None, way.delay, way.event)
            for n, way in further.pathways
        ]
        if blocks["on_post"]:
            ways.append(steps.Pathway("on_post", steps.POST, blocks["on_post"], None, ""))
        ways.sort(key=lambda way: way.side != steps.PRE)
        lazy = {n: steps.EVENT_DRIVEN for n in derivatives if n not in chosen}
        found = {n: value for n, where in self.cells.items() if (value := steps.cell_value(n, where)) is not None}
        return steps.SteppedRule(
            classical.name, classical.parameters, classical.states, classical.sides, courses, classical.on_pre,
            classical.on_post, classical.transmitted, classical.units, cells=found, pathways=tuple(ways),
            every_step=(*blocks["before_step"], *statements, *blocks["each_step"]), psp=trees.get("psp"),
            reduce=further.reduce,
            methods={**lazy, **methods},
        )

    def _step(self, equation: Equation) -> Step:
        tree = self._coherent(equation.expression)
        factor = dimensions.coherent_factor(self.units[equation.name])
        if factor != 1.0:
            tree = ast.BinOp(tree, ast.Div(), ast.Constant(factor))
        return Step(tree, equation.method, equation.expression)

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

    def _statements(self, statements: list[Statement], known: dict[str, str]) -> tuple[Assign, ...]:
        assigns = []
        for statement in statements:
            if statement.name in self.surroundings or CELL.fullmatch(statement.name.replace(".", "_")):
                self._check_target(statement, known)
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

    def _check_target(self, statement: Statement, known: Mapping[str, str]) -> None:
        """Values of cells are seen, and not changed."""
        if statement.name in known and statement.name not in self.surroundings:
            return
        if statement.name in self.surroundings or "." in statement.name:
            statement.expression.line.fail(
                f"'{statement.name}' cannot be changed from a synapse; what the synapse passes on to its receptor is "
                "transmitted= (psp= in every step), and a receptor may change any variable of the cell.",
                statement.name_column, len(statement.name),
            )

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

                    return ast.Constant({"pi": math.pi, "e": math.e, "inf": math.inf}[node.id])
                return node

        # A copy: the transformer changes nodes in place.
        copied = ast.parse(ast.unparse(expression.tree), mode="eval").body
        made: ast.expr = Convert().visit(copied)
        if language.size(made) > language.MAX_SIZE:
            expression.fail(f"with its formulas inserted, this expression has more than {language.MAX_SIZE} parts.")
        return made

    def _course(self, state: str, expression: Expression) -> Course:
        found = linear(self._coherent(expression), set(self.states), expression)
        factor = dimensions.coherent_factor(self.units[state])
        if factor != 1.0 or any(dimensions.coherent_factor(self.units[s]) != 1.0 for s in found if s):
            expression.fail(f"'{state}' must be in a unit that fits ms, mV and nA, such as 1, nA or uS.")
        own = found.pop(state, None)
        drive = found.pop("", None)
        return Course(None if own is None else _negative(own), drive, tuple(found.items()))


def _negative(tree: ast.expr) -> ast.expr:
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        return tree.operand
    return ast.UnaryOp(ast.USub(), tree)


def linear(tree: ast.expr, states: set[str], where: Expression) -> dict[str, ast.expr]:
    """An expression as a sum: state -> its factor, "" -> the rest; EquationError where it is not linear."""
    if not names(tree) & states:
        return {"": tree}
    if isinstance(tree, ast.Name):
        return {tree.id: ast.Constant(1.0)}
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub | ast.UAdd):
        inner = linear(tree.operand, states, where)
        return inner if isinstance(tree.op, ast.UAdd) else {k: ast.UnaryOp(ast.USub(), v) for k, v in inner.items()}
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub):
        total = linear(tree.left, states, where)
        for name, factor in linear(tree.right, states, where).items():
            if name in total:
                total[name] = ast.BinOp(total[name], tree.op, factor)
            else:
                total[name] = factor if isinstance(tree.op, ast.Add) else ast.UnaryOp(ast.USub(), factor)
        return total
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult | ast.Div):
        left = names(tree.left) & states
        if isinstance(tree.op, ast.Mult) and not left:
            return {k: ast.BinOp(tree.left, ast.Mult(), v) for k, v in linear(tree.right, states, where).items()}
        if not names(tree.right) & states:
            return {k: ast.BinOp(v, tree.op, tree.right) for k, v in linear(tree.left, states, where).items()}
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
            # As it is read again: infinity is 1e309.
            return ast.unparse(ast.Constant(float(node.value)))  # type: ignore[arg-type]
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
