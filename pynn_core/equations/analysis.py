"""From a model's text to what a simulator needs: which states are jointly linear, coefficients, increments, reset.

The states split in two. The linear part is the largest set of states whose derivatives are linear in the set, with
coefficients that only parameters enter (plus injected current); it is solved exactly. The rest is integrated
numerically, with the exact course of the linear part. An `Analysis` holds expressions as text and is inert, so that it
can be stored: reading one back needs no computer algebra.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import json
import keyword
import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyNN.equations import arrays, dimensions, language
from pyNN.equations.language import Equation, Expression, Statement
from pyNN.errors import EquationError, nearest
from pyNN.models import Definition

INJECTED = "i_inj"
"""Name of injected current (nA) in equations."""
WEIGHT = "weight"
TIME = "_time"
"""Name of the time at the beginning of a step (ms) in a kernel, and at a stage of it."""
TIME_AT_END = "_time_at_end"
INDEX = "_cell"
FREE = "_free"
"""1 in a cell that is not refractory when a step begins, otherwise 0."""
LAST_SPIKE = "lastspike"
LONG_AGO = -1e7
"""Time (ms) of the last spike of a cell that had none."""
RANDOM = "_random"
"""Name of the value of uniform() in a kernel."""
OLD = "_old_"
"""Comes before the name of a state whose value at the beginning of the step is meant."""
DOT = "__"
"""What a dot in a name becomes in generated code and in the expressions of an analysis."""
TIME_STEP = "dt"
_LARGEST_SHIFT = 100.0
_LARGEST_POWER = 100
_LARGEST_EXPONENT = 700
_EXACT_BITS = 5000
"""Powers of numbers are worked out exactly up to that size of the result, and in double precision beyond."""
_LARGEST_SIZE = 20_000
"""Of an equation with its formulas inserted; SymPy needs seconds for that many parts."""
"""Exponentials that differ by a factor of more than exp of this are computed each."""
RESERVED = (
    INJECTED, WEIGHT, "where", "logical_not", "inf", *language.SPECIAL_NAMES, *language.CONSTANTS, *language.DRAWS,
    *keyword.kwlist,
)  # fmt: skip


@dataclass
class Analysis:
    """A model in the form kernels are made from. Expressions in `matrix`, `drive`, `injection`, `refractory` and
    `coefficients` are in parameters (and dt, ms); all others are in states, coefficients and inputs."""

    name: str
    states: list[str]
    held: list[str]
    """States that stand still while the cell is refractory."""
    linear: list[str]
    """States solved exactly, in the order of `states`."""
    nonlinear: list[str]
    matrix: list[tuple[int, int, str]]
    """Entries (row, column, expression) in 1/ms of the linear part's matrix; indices into `linear`."""
    drive: list[tuple[int, str]]
    """The constant part of a linear state's derivative."""
    injection: list[tuple[int, str]]
    """The factor of injected current in a linear state's derivative."""
    receptors: list[str]
    coefficients: list[tuple[str, str]] = field(default_factory=list)
    inputs: list[tuple[str, str]] = field(default_factory=list)
    """Values that stay the same within a step: (name, expression in coefficients and injected current)."""
    increments: dict[str, str] = field(default_factory=dict)
    """Increment of each state over a step, dt*f; only where some states are nonlinear."""
    common: list[tuple[str, str]] = field(default_factory=list)
    """Exponentials that several increments share: (name, expression); computed once at each evaluation."""
    arrivals: list[tuple[str, int, str]] = field(default_factory=list)
    """(state, receptor, factor): the state grows by factor times the sum of weights that arrived."""
    threshold: str = ""
    reset: list[tuple[str, str]] = field(default_factory=list)
    refractory: str = ""
    """Refractory period in ms."""
    within_step: bool = False
    """Whether the threshold is tested within steps too."""
    derived: list[tuple[str, str]] = field(default_factory=list)
    """States that a formula gives at any time, in terms of the others, which are integrated."""
    extended: bool = False
    """Whether there is anything of what follows; see pyNN.equations.extended."""
    still: list[str] = field(default_factory=list)
    """States without a derivative: stored assignments, variables that statements change, and what is hidden."""
    hidden: dict[str, float] = field(default_factory=dict)
    """States that the definition does not have, with their initial values."""
    before: list[tuple[str, str]] = field(default_factory=list)
    """Assignments of a step that precede its first system of equations: local values, and new values of states."""
    systems: list[list[str]] = field(default_factory=list)
    """States of which the derivatives are taken together, in order; all but the last have assignments after them."""
    between: list[list[tuple[str, str]]] = field(default_factory=list)
    """Assignments after each system."""
    fixed: dict[str, str] = field(default_factory=dict)
    """Method of each state that is integrated by fixed steps."""
    noise: dict[str, dict[str, str]] = field(default_factory=dict)
    """sqrt(dt) times the factor of each white noise in a state's derivative, by the name of a normal number."""
    affine: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Derivatives as a*x + b, each times dt, of states whose method needs that."""
    solved: dict[str, str] = field(default_factory=dict)
    """States after an implicit step."""
    limits: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Least and largest value of states, "" for none."""
    events: list[tuple[str, str, list[tuple[str, str]], bool]] = field(default_factory=list)
    """(name, condition, statements, whether only cells that are not refractory have it)."""
    completion_draws: list[tuple[str, str, str]] = field(default_factory=list)
    """Random numbers of threshold, reset, events and refractory period: (name, call, part that needs it)."""
    refractory_condition: str = ""
    """While this is true a cell stays refractory."""
    refractory_value: str = ""
    """Refractory period (ms) where more than parameters enter it; evaluated after a reset."""
    tables: list[str] = field(default_factory=list)
    interval: float = 0.0
    """Time (ms) between updates; 0: every step."""
    uses: list[str] = field(default_factory=list)
    """Which of the special values occur: TIME, INDEX, FREE, "_number", "_key"."""

    @property
    def integrated(self) -> list[str]:
        derived = {name for name, _ in self.derived} | set(self.still)
        return [name for name in self.states if name not in derived]

    @property
    def kept(self) -> list[str]:
        """States that are not derived."""
        derived = {name for name, _ in self.derived}
        return [name for name in self.states if name not in derived]

    @property
    def random(self) -> bool:
        """Whether the threshold needs a random number."""
        return RANDOM in self.threshold

    def with_identifiers(self) -> Analysis:
        """The same with names that can stand in code: "AMPA.gsyn" is AMPA__gsyn."""
        if not any("." in name for name in self.states):
            return self
        return dataclasses.replace(
            self,
            states=[identifier(n) for n in self.states],
            held=[identifier(n) for n in self.held],
            linear=[identifier(n) for n in self.linear],
            nonlinear=[identifier(n) for n in self.nonlinear],
            increments={identifier(n): e for n, e in self.increments.items()},
            arrivals=[(identifier(n), receptor, e) for n, receptor, e in self.arrivals],
            reset=[(identifier(n), e) for n, e in self.reset],
            derived=[(identifier(n), e) for n, e in self.derived],
        )

    @property
    def dependencies(self) -> set[tuple[int, int]]:
        """Pairs (i, j): linear state i is influenced, directly or through others, by linear state j; and (i, i)."""
        return closure(len(self.linear), [(i, j) for i, j, _ in self.matrix])

    @property
    def idle(self) -> dict[str, tuple[list[int], set[int]]]:
        """States that stay 0 if some states (rows) are 0 to begin with, while nothing arrives at some receptors.

        They are linear, and so are those that influence them; nothing else changes any of them.
        """
        if self.extended:
            return {}
        driven = {i for i, *_ in (*self.drive, *self.injection)}
        driven |= {i for i, name in enumerate(self.linear) if name in dict(self.reset)}
        dependencies, found = self.dependencies, {}
        for row, name in enumerate(self.linear):
            rows = {j for i, j in dependencies if i == row}
            if not rows & driven:
                names = [self.linear[j] for j in sorted(rows)]
                receptors = {receptor for state, receptor, _ in self.arrivals if state in names}
                found[name] = ([self.states.index(n) for n in names], receptors)
        return found

    @property
    def held_linear(self) -> list[int]:
        return [i for i, name in enumerate(self.linear) if name in self.held]

    @property
    def separate_when_held(self) -> list[int]:
        """Linear states that go on while the cell is refractory, but under the influence of states that do not."""
        held = set(self.held_linear)
        return sorted({i for i, j in self.dependencies if j in held and i not in held})

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Analysis:
        data = json.loads(text)
        for name in ("before", "completion_draws"):
            data[name] = [tuple(row) for row in data[name]]
        data["between"] = [[tuple(row) for row in rows] for rows in data["between"]]
        for name in ("affine", "limits"):
            data[name] = {state: tuple(pair) for state, pair in data[name].items()}
        data["events"] = [(n, c, [tuple(row) for row in rows], only) for n, c, rows, only in data["events"]]
        pairs = ("matrix", "drive", "injection", "coefficients", "inputs", "common", "arrivals", "reset", "derived")
        for name in pairs:
            data[name] = [tuple(row) for row in data[name]]
        return cls(**data)


def identifier(name: str) -> str:
    """A model's name of something as it stands in code."""
    return name.replace(".", DOT)


def public(name: str) -> str:
    """The reverse of `identifier`."""
    return name.replace(DOT, ".")


def closure(size: int, pairs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """The reflexive and transitive closure of a relation on range(size)."""
    reach = {(i, i) for i in range(size)} | set(pairs)
    for k in range(size):
        into = [i for i in range(size) if (i, k) in reach]
        out = [j for j in range(size) if (k, j) in reach]
        reach |= {(i, j) for i in into for j in out}
    return reach


@dataclass
class _Text:
    """A model's parsed text, with units checked."""

    derivatives: dict[str, Equation]
    formulas: dict[str, Equation]
    receptors: dict[str, list[Statement]]
    threshold: Expression | None
    reset: list[Statement]
    refractory: Expression | None
    derived: list[str]
    """States that a formula gives."""
    stored: dict[str, Equation] = field(default_factory=dict)
    """Assignments that are executed once a step."""
    order: list[Equation] = field(default_factory=list)
    """Derivatives and stored assignments in the order of the text."""
    events: dict[str, tuple[Expression, list[Statement]]] = field(default_factory=dict)
    limits: dict[str, dict[str, Expression]] = field(default_factory=dict)


def check(definition: Definition) -> None:
    """EquationError for a model whose text cannot be parsed, or whose names or units do not fit."""
    _read(arrays.expand(definition).definition)


def analyse(definition: Definition) -> Analysis:
    """The analysis of a model; EquationError, with line and caret, for text that is wrong."""
    from pyNN.equations import extended

    definition = arrays.expand(definition).definition
    text = _read(definition)
    if extended.is_extended(definition, text):
        return extended.ExtendedAnalyser(definition, text).result()
    return Analyser(definition, text).result()


def vocabulary(definition: Definition) -> language.Vocabulary:
    """What the expressions of a cell type may call."""
    return language.Vocabulary(
        draws=True,
        functions=language.parse_functions(definition.functions, definition.name) if definition.functions else {},
        tables=tuple(definition.tables),
        units_required=not definition.unchecked_units,
    )


def _read(definition: Definition) -> _Text:
    name = definition.name
    _check_reserved(definition)
    words = vocabulary(definition)
    equations = language.parse_equations(definition.equations, name, vocabulary=words)
    formulas = {e.name: e for e in equations if not e.is_derivative and not e.is_stored}

    def statements(text: str, part: str) -> list[Statement]:
        return language.parse_statements(text, name, part, words) if text else []

    text = _Text(
        derivatives={e.name: e for e in equations if e.is_derivative},
        formulas=formulas,
        receptors={r: statements(d.on_spike, f"receptor '{r}'") for r, d in definition.receptors.items()},
        threshold=(
            language.parse_condition(definition.threshold, name, "threshold", words) if definition.threshold else None
        ),
        reset=statements(definition.reset, "reset"),
        refractory=(
            language.parse_value(definition.refractory, name, "refractory", words) if definition.refractory else None
        ),
        derived=[n for n in definition.states if n in formulas],
        stored={e.name: e for e in equations if e.is_stored},
        order=[e for e in equations if e.is_derivative or e.is_stored],
        events={
            event: (
                language.parse_condition(e.condition, name, f"event '{event}'", words),
                statements(e.statements, f"event '{event}'"),
            )
            for event, e in definition.events.items()
        },
        limits={
            state: {
                part: language.parse_value(limit, name, f"{part} of '{state}'", words)
                for part, limit in (("min", s.minimum), ("max", s.maximum)) if limit
            }
            for state, s in definition.states.items()
        },
    )
    _check_equations(definition, text)
    _check_statements(definition, text)
    _check_size(text)
    return text


def _check_size(text: _Text) -> None:
    """EquationError where formulas within formulas make an equation too large to be worked with."""
    sizes: dict[str, int] = {}
    for _ in range(len(text.formulas) + 1):
        before = dict(sizes)
        sizes = {name: _size(equation.expression, before) for name, equation in text.formulas.items()}
        if sizes == before:
            break
    else:
        # Formulas in a circle, which are reported where they are worked out.
        return
    for equation in (*text.formulas.values(), *text.derivatives.values(), *text.stored.values()):
        if _size(equation.expression, sizes) > _LARGEST_SIZE:
            equation.expression.fail(
                f"with its formulas inserted, '{equation.name}' has more than {_LARGEST_SIZE} parts. Give formulas "
                "that are used often the flag (stored), so that they are worked out once a step."
            )


def _size(expression: Expression, sizes: Mapping[str, int]) -> int:
    """How many names, numbers and operations an expression has when its formulas are inserted."""
    return sum(1 + sizes.get(getattr(node, "id", ""), 0) for node in ast.walk(expression.tree))


def known_units(definition: Definition, text: _Text | None = None, **more: str) -> dict[str, str]:
    """Units of the names that may stand in expressions; those of tables under their name and "()"."""
    units = {**language.SPECIAL_NAMES, **{n: unit for n, (_, unit) in definition.constants.items()}}
    units.update({f"{n}()": table.unit for n, table in definition.tables.items()})
    units.update(definition.units)
    units.update({n: "boolean" for n, p in definition.parameters.items() if p.kind == "boolean"})
    units.update({n: "boolean" for n, s in definition.states.items() if s.kind == "boolean"})
    if text is not None:
        units.update({n: e.unit for n, e in text.formulas.items() if n not in definition.states})
    return {**units, **more}


def _check_reserved(definition: Definition) -> None:
    """The names that generated code and expressions give a meaning cannot be a model's own."""
    for name in definition.units:
        parts = name.split(".")
        fits = len(parts) <= 2 and all(p.isidentifier() and not p.startswith("_") for p in parts) and DOT not in name
        if name in RESERVED or name in language.FUNCTIONS or not fits:
            raise EquationError(f"{definition.name}: '{name}' is reserved; it cannot name a parameter or state.")


def _check_equations(definition: Definition, text: _Text) -> None:
    units = known_units(definition, text, **{INJECTED: "nA"})
    for equation in (*text.derivatives.values(), *text.formulas.values(), *text.stored.values()):
        expression = equation.expression
        dimensions.check_unit(equation.unit, expression)
        if equation.is_derivative and equation.name not in definition.states:
            expression.fail(
                f"'{equation.name}' has a derivative but is not among the states ({', '.join(definition.states)})."
            )
        if not equation.is_derivative and equation.name in definition.parameters:
            expression.fail(f"'{equation.name}' is a parameter already.")
        if equation.is_derivative and definition.states[equation.name].kind != "float":
            expression.fail(
                f"'{equation.name}' is {definition.states[equation.name].kind}, so it has no derivative. Declare it "
                "with a unit, or assign it: 'x = expression : unit (stored)'."
            )
        _check_calls(expression, ("uniform",))
        _check_noise(expression, equation.is_derivative)
        declared = units.get(equation.name, equation.unit)
        language.check_names(_without_noise(expression), [n for n in units if not n.endswith("()")])
        if definition.unchecked_units:
            continue
        factors = (dimensions.coherent_factor(declared), dimensions.coherent_factor(equation.unit))
        same_size = definition.own or factors[0] == factors[1]
        fits = dimensions.dimension(declared).fits(dimensions.dimension(equation.unit))
        if not same_size or not fits:
            power = (
                f" 1 {equation.unit} is {factors[1] / factors[0]:g} {declared}." if fits else ""
            )
            expression.fail(
                f"'{equation.name}' is declared in {declared}, but its equation says {equation.unit}.{power}"
            )
        if equation.is_derivative:
            wanted = f"{equation.unit}/ms" if equation.unit.strip() else "1/ms"
            dimensions.require(expression, units, wanted, f"d{equation.name}/dt")
        else:
            dimensions.require(expression, units, equation.unit, f"'{equation.name}'")


def _without_noise(expression: Expression) -> Expression:
    """The expression for a check of its names."""
    if not any(language.NOISE.fullmatch(name) for name in expression.names):
        return expression

    class Remove(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return ast.copy_location(ast.Constant(0), node) if language.NOISE.fullmatch(node.id) else node

    return dataclasses.replace(expression, tree=Remove().visit(copy.deepcopy(expression.tree)))


def _check_noise(expression: Expression, allowed: bool) -> None:
    for node in ast.walk(expression.tree):
        if isinstance(node, ast.Name) and language.NOISE.fullmatch(node.id) and not allowed:
            expression.fail(
                f"white noise '{node.id}' can only enter an equation dx/dt. Elsewhere, randn() is a random number.",
                node,
            )


def _check_statements(definition: Definition, text: _Text) -> None:
    units = known_units(definition, text)
    unchecked = definition.unchecked_units

    def condition(expression: Expression, what: str) -> None:
        _check_noise(expression, False)
        language.check_names(expression, [n for n in units if not n.endswith("()")])
        is_boolean = isinstance(expression.tree, ast.Name) and units.get(expression.tree.id) == "boolean"
        if not isinstance(expression.tree, ast.Compare | ast.BoolOp | ast.UnaryOp) and not is_boolean:
            expression.fail(f"{what} is a condition, such as v >= v_thresh.")
        if not unchecked:
            dimensions.unit_of(expression, units)

    if text.threshold is not None:
        condition(text.threshold, "a threshold")
        _check_calls(text.threshold, () if definition.threshold_within_step else ("before", "uniform"))
    elif definition.threshold_within_step:
        raise EquationError(f"{definition.name}: threshold_within_step needs a threshold.")
    elif text.reset:
        text.reset[0].expression.line.fail(
            "a reset needs a threshold, which says when it is executed. Give threshold='v > v_thresh' or the like.", 0,
            len(text.reset[0].expression.line.text),
        )
    elif text.refractory is not None:
        text.refractory.fail("a refractory period needs a threshold; without spikes no cell becomes refractory.")
    _check_block(definition, text, text.reset, units)
    for receptor, statements in text.receptors.items():
        for statement in statements:
            _check_statement(definition, text, statement, {**units, WEIGHT: definition.receptors[receptor].unit})
    for expression, statements in text.events.values():
        condition(expression, "the condition of an event")
        _check_calls(expression, ("before", "uniform"))
        _check_block(definition, text, statements, units)
    for state, limits in text.limits.items():
        for limit in limits.values():
            language.check_names(limit, [n for n in units if not n.endswith("()")])
            if not unchecked:
                dimensions.require(limit, units, definition.states[state].unit, f"'{state}'")
    if text.refractory is not None:
        _check_noise(text.refractory, False)
        language.check_names(text.refractory, [n for n in units if not n.endswith("()")])
        _check_calls(text.refractory, ("uniform",))
        if is_condition(text.refractory, units):
            if not unchecked:
                dimensions.unit_of(text.refractory, units)
        elif not unchecked:
            dimensions.require(text.refractory, units, "ms", "a refractory period")


def is_condition(expression: Expression, units: Mapping[str, str]) -> bool:
    """Whether an expression is true or false rather than a number."""
    tree = expression.tree
    if isinstance(tree, ast.Name):
        return units.get(tree.id) == "boolean"
    if isinstance(tree, ast.Constant):
        return isinstance(tree.value, bool)
    negated = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
    return negated or isinstance(tree, ast.Compare | ast.BoolOp)


def _check_calls(expression: Expression, allowed: tuple[str, ...]) -> None:
    """before(), uniform() and sum() have a meaning in few places."""
    for node in ast.walk(expression.tree):
        name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if name == "sum":
            expression.fail("sum takes the name of an array: a parameter or state that has several elements.", node)
        if name in ("before", "uniform") and name not in allowed:
            expression.fail(f"{name}() can only stand in a threshold that is tested at the end of a step.", node)


def _check_block(
    definition: Definition, text: _Text, statements: list[Statement], units: Mapping[str, str]
) -> None:
    """Statements that are executed one after the other; a name that the model does not have is a local one."""
    known = dict(units)
    for statement in statements:
        _check_noise(statement.expression, False)
        local = statement.name not in definition.states and statement.name not in units
        if not local or statement.operator != "=":
            _check_statement(definition, text, statement, known, allowed=[n for n in known if n not in units])
            continue
        _check_calls(statement.expression, ("uniform",))
        language.check_names(statement.expression, [n for n in known if not n.endswith("()")])
        if not language.local_name_fits(statement.name):
            statement.expression.line.fail(f"'{statement.name}' is reserved; it cannot name a local value.",
                                           statement.name_column, len(statement.name))
        unit = "" if definition.unchecked_units else dimensions.unit_of(statement.expression, known).text
        known[statement.name] = "boolean" if is_condition(statement.expression, known) else unit


def _check_statement(
    definition: Definition, text: _Text, statement: Statement, units: Mapping[str, str],
    allowed: Collection[str] = (),
) -> None:
    expression = statement.expression
    _check_calls(expression, ("uniform",))
    if statement.name in allowed:
        unit = units[statement.name]
    elif statement.name not in definition.states or statement.name in text.derived:
        possible = [name for name in definition.states if name not in text.derived]
        expression.line.fail(
            f"'{statement.name}' is not a state; only states ({', '.join(possible)}) can be changed."
            f"{nearest(statement.name, possible)}",
            statement.name_column,
            len(statement.name),
        )
    else:
        unit = definition.states[statement.name].unit
    language.check_names(expression, [n for n in units if not n.endswith("()")])
    if definition.unchecked_units:
        return
    wanted = unit if statement.operator in ("=", "+=", "-=", "%=") else ""
    dimensions.require(expression, units, wanted, f"'{statement.name}'" if wanted else "a factor")


class Analyser:
    """From a model's parsed text to its analysis."""

    def __init__(self, definition: Definition, text: _Text) -> None:
        import sympy

        self.sympy = sympy
        self.definition = definition
        self.text = text
        self.states = list(definition.states)
        self.formulas: dict[str, Any] = {}
        self.coefficients: dict[Any, str] = {}
        self.inputs: dict[Any, str] = {}
        self.common: dict[str, Any] = {}
        self.integrated = [name for name in self.states if name not in text.derived]
        self.derivatives = {name: self._derivative(name) for name in self.integrated}

    def result(self) -> Analysis:
        linear = self._linear_states()
        matrix, drive, injection = self._linear_system(linear)
        analysis = Analysis(
            name=self.definition.name,
            states=self.states,
            held=[n for n, e in self.text.derivatives.items() if "unless refractory" in e.flags],
            linear=linear,
            nonlinear=[s for s in self.integrated if s not in linear],
            matrix=matrix,
            drive=drive,
            injection=injection,
            receptors=list(self.definition.receptors),
            within_step=self.definition.threshold_within_step,
        )
        if analysis.nonlinear:
            self._share_exponentials()
            analysis.common = [(name, self._print_rate(self._hoist(e))) for name, e in self.common.items()]
            analysis.increments = {s: self._increment(s, analysis.nonlinear) for s in self.integrated}
        analysis.arrivals = self._arrivals()
        if self.text.threshold is not None:
            condition = self._convert(self.text.threshold, {TIME_STEP: "ms"})
            analysis.threshold = self._after_input(condition, self.text.threshold)
        analysis.reset = [(s.name, self._after_input(self._new_value(s), s.expression)) for s in self.text.reset]
        analysis.derived = [(name, self._derived(name)) for name in self.text.derived]
        if self.text.refractory is not None:
            analysis.refractory = self._print(self._convert(self.text.refractory, {}))
        analysis.coefficients = [(name, self._print(e)) for e, name in self.coefficients.items()]
        analysis.inputs = [(name, self._print(e)) for e, name in self.inputs.items()]
        return analysis

    def _after_input(self, value: Any, where: Expression) -> str:
        """Text of what is computed at the end of a step, when there is no injected current any more."""
        if self._plain(INJECTED) in value.free_symbols:
            where.fail(f"{INJECTED} can only enter equations dx/dt.")
        return self._print(self._hoist(value))

    def _derived(self, state: str) -> str:
        """A derived state in its declared unit."""
        expression = self.text.formulas[state].expression
        factor = self._number(dimensions.coherent_factor(self.definition.states[state].unit))
        return self._after_input(self._formula(state, expression, {}) / factor, expression)

    # -- from syntax trees to algebra, in coherent units

    def _plain(self, name: str) -> Any:
        """The symbol of a name."""
        return self.sympy.Symbol(identifier(name), real=True)

    def _symbol(self, name: str, unit: str | None = None) -> Any:
        """A name's value in coherent units."""
        symbol = self._plain(name)
        unit = self.definition.units[name] if unit is None else unit
        return self._number(dimensions.coherent_factor(unit)) * symbol

    def _number(self, value: float) -> Any:
        return self.sympy.Rational(repr(value)) if isinstance(value, float) else self.sympy.Integer(value)

    def _derivative(self, state: str) -> Any:
        """d(state)/dt in the state's declared unit per ms."""
        equation = self.text.derivatives.get(state)
        if equation is None:
            return self.sympy.Integer(0)
        factor = self._number(dimensions.coherent_factor(self.definition.states[state].unit))
        return self._value(equation.expression, {INJECTED: "nA"}) / factor

    def _new_value(self, statement: Statement) -> Any:
        """What a statement makes of its state, in the state's declared unit."""
        factor = self._number(dimensions.coherent_factor(self.definition.states[statement.name].unit))
        old = self._plain(statement.name)
        value = self._value(statement.expression, {})
        return {
            "=": value / factor,
            "+=": old + value / factor,
            "-=": old - value / factor,
            "*=": old * value,
            "/=": old / value,
            "%=": self.sympy.Function("modulo")(old, value / factor),
        }[statement.operator]

    def _formula(self, name: str, expression: Expression, extra: Mapping[str, str]) -> Any:
        if name not in self.formulas:
            self.formulas[name] = None
            self.formulas[name] = self._convert(self.text.formulas[name].expression, {INJECTED: "nA"})
        if self.formulas[name] is None:
            expression.fail(f"the formula '{name}' depends on itself.")
        return self.formulas[name]

    def _value(self, expression: Expression, extra: Mapping[str, str]) -> Any:
        return self._as_number(self._convert(expression, extra))

    def _convert(self, expression: Expression, extra: Mapping[str, str]) -> Any:
        try:
            return self._node(expression.tree, expression, extra)
        except EquationError:
            raise
        except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
            # What has no value for SymPy: the sine of a condition, a comparison of complex numbers ...
            expression.fail(f"this cannot be worked out ({error}).")

    def _node(self, node: ast.expr, where: Expression, extra: Mapping[str, str]) -> Any:
        sympy = self.sympy

        def go(child: ast.expr) -> Any:
            return self._node(child, where, extra)

        if isinstance(node, ast.Constant):
            return self._number(node.value + 0)  # type: ignore[operator,arg-type]
        if isinstance(node, ast.Name):
            return self._name(node.id, where, extra)
        if isinstance(node, ast.UnaryOp):
            operand = go(node.operand)
            if isinstance(node.op, ast.Not):
                return sympy.Not(operand)
            return -self._as_number(operand) if isinstance(node.op, ast.USub) else operand
        if isinstance(node, ast.BoolOp):
            return (sympy.And if isinstance(node.op, ast.And) else sympy.Or)(*map(go, node.values))
        if isinstance(node, ast.Compare):
            return self._comparison(node, go)
        if isinstance(node, ast.IfExp):
            return sympy.Piecewise((go(node.body), go(node.test)), (go(node.orelse), True))
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name == "before":
                return self._old_value(node.args[0], where)
            return self._plain(RANDOM) if name == "uniform" else self._call(
                node, [self._as_number(go(a)) for a in node.args], where
            )
        if isinstance(node, ast.BinOp):
            left, right = self._as_number(go(node.left)), self._as_number(go(node.right))
            if isinstance(node.op, ast.Pow):
                return self._power(left, right, where, node.right)
            return {
                ast.Add: lambda: left + right,
                ast.Sub: lambda: left - right,
                ast.Mult: lambda: left * right,
                ast.Div: lambda: left / right,
                ast.Mod: lambda: sympy.Function("modulo")(left, right),
                ast.FloorDiv: lambda: sympy.floor(left / right),
            }[type(node.op)]()
        where.fail("this cannot be analysed.", node)

    def _old_value(self, node: ast.expr, where: Expression) -> Any:
        if not isinstance(node, ast.Name) or node.id not in self.integrated:
            where.fail(f"before() takes the name of a state: {', '.join(self.integrated)}.", node)
        factor = self._number(dimensions.coherent_factor(self.definition.units[node.id]))
        return factor * self._plain(OLD + node.id)

    def _name(self, name: str, where: Expression, extra: Mapping[str, str]) -> Any:
        if name in self.text.derived:
            return self._formula(name, where, extra)
        if name in self.definition.units:
            return self._symbol(name)
        if name in extra:
            return self._symbol(name, extra[name])
        if name in self.text.formulas:
            return self._formula(name, where, extra)
        if name in self.definition.constants:
            value, unit = self.definition.constants[name]
            return self._number(float(value)) * self._number(dimensions.coherent_factor(unit))
        if name in self.text.stored:
            where.fail(f"'{name}' is not among the states.")
        if name == TIME_STEP:
            return self._plain(TIME_STEP)
        if name in language.UNIT_NAMES:
            return self._number(dimensions.coherent_factor(name))
        return {"pi": self.sympy.pi, "e": self.sympy.E, "inf": self.sympy.Symbol("inf", real=True)}[name]

    def _comparison(self, node: ast.Compare, go: Any) -> Any:
        sympy = self.sympy
        classes = {ast.Lt: sympy.Lt, ast.LtE: sympy.Le, ast.Gt: sympy.Gt, ast.GtE: sympy.Ge, ast.Eq: sympy.Eq}
        values = [go(n) for n in (node.left, *node.comparators)]
        parts = [
            classes.get(type(op), sympy.Ne)(left, right)
            for op, left, right in zip(node.ops, values[:-1], values[1:], strict=True)
        ]
        return sympy.And(*parts)

    def _as_number(self, value: Any) -> Any:
        """A condition as 1 or 0."""
        if value in (True, False) or value.is_Boolean or value.is_Relational:
            return self.sympy.Piecewise((1, value), (0, True))
        return value

    def _power(self, base: Any, exponent: Any, where: Expression, node: ast.expr) -> Any:
        """base**exponent, without the exact numbers of millions of digits that large exponents would give."""
        if not exponent.is_number:
            return base**exponent
        if not base.is_number:
            if abs(exponent) > _LARGEST_POWER:
                where.fail(f"an exponent of what varies is a number from -{_LARGEST_POWER} to {_LARGEST_POWER}.", node)
            return base**exponent
        digits = max(base.p.bit_length(), base.q.bit_length()) if base.is_Rational else 64
        if abs(exponent) * digits <= _EXACT_BITS:
            return base**exponent
        try:
            value = complex(base) ** complex(exponent)
        except (OverflowError, ZeroDivisionError):
            value = complex(math.inf)
        if value.imag or not math.isfinite(value.real):
            where.fail("this power is no number in double precision.", node)
        return self._number(value.real)

    def _call(self, node: ast.Call, arguments: list[Any], where: Expression) -> Any:
        sympy = self.sympy
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        known = {
            "exp": sympy.exp, "log": sympy.log, "sqrt": sympy.sqrt, "sin": sympy.sin, "cos": sympy.cos,
            "tan": sympy.tan, "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan, "sinh": sympy.sinh,
            "cosh": sympy.cosh, "tanh": sympy.tanh, "abs": sympy.Abs, "sign": sympy.sign, "floor": sympy.floor,
            "ceil": sympy.ceiling, "minimum": sympy.Min, "maximum": sympy.Max,
        }
        if name == "clip":
            value, low, high = arguments
            return sympy.Max(low, sympy.Min(value, high))
        if name in ("positive", "negative"):
            return (sympy.Max if name == "positive" else sympy.Min)(arguments[0], 0)
        if name == "power":
            return self._power(arguments[0], arguments[1], where, node)
        if name in ("exp", "sinh", "cosh") and arguments[0].is_number and abs(arguments[0]) > _LARGEST_EXPONENT:
            # SymPy would keep such a number, and work for ever on whether e**e**e**99 is more than 2.
            if name != "exp" or arguments[0] > 0:
                where.fail("this is no number in double precision.", node)
            return sympy.Integer(0)
        return known.get(name, sympy.Function(name))(*arguments)

    # -- the linear part

    def _varying(self) -> set[Any]:
        old = (OLD + name for name in self.integrated)
        return {self._plain(n) for n in (*self.integrated, *old, *self.common, INJECTED, WEIGHT, RANDOM)}

    def _linear_states(self) -> list[str]:
        members = [name for name in self.integrated if name not in self._interrupted()]
        while True:
            keep = [s for s in members if self._is_linear(self.derivatives[s], members)]
            if keep == members:
                return members
            members = keep

    def _interrupted(self) -> set[str]:
        """States whose course a spike within a step interrupts, so that no propagator covers the whole step."""
        if not self.definition.threshold_within_step or self.text.threshold is None:
            return set()
        held = {name for name, equation in self.text.derivatives.items() if "unless refractory" in equation.flags}
        return held | {s.name for s in self.text.reset} | set(self.text.threshold.names)

    def _is_linear(self, derivative: Any, members: list[str]) -> bool:
        variables = [self._plain(n) for n in (*members, INJECTED)]
        others = {self._plain(n) for n in self.integrated if n not in members}
        if derivative.free_symbols & others or not derivative.is_polynomial(*variables):
            return False
        try:
            return self.sympy.Poly(derivative, *variables).total_degree() <= 1
        except self.sympy.PolynomialError:
            # A choice between expressions is not a polynomial, though SymPy may take it for one at first.
            return False

    def _linear_system(
        self, linear: list[str]
    ) -> tuple[list[tuple[int, int, str]], list[tuple[int, str]], list[tuple[int, str]]]:
        variables = [self._plain(n) for n in (*linear, INJECTED)]
        matrix, drive, injection = [], [], []
        for row, state in enumerate(linear):
            polynomial = self.sympy.Poly(self.derivatives[state], *variables)
            for column, variable in enumerate(variables):
                entry = self.sympy.simplify(polynomial.coeff_monomial(variable))
                if entry == 0:
                    continue
                if column < len(linear):
                    matrix.append((row, column, self._print(entry)))
                else:
                    injection.append((row, self._print(entry)))
            constant = self.sympy.expand(polynomial.coeff_monomial(1))
            if constant != 0:
                drive.append((row, self._print(constant)))
        return matrix, drive, injection

    # -- the rest

    def _share_exponentials(self) -> None:
        """Replace exponentials whose arguments differ by a sign and a number by one, computed once.

        exp(s*x + d) is exp(d)*exp(x)**s. The exponentials are most of what channels cost.
        """
        sympy = self.sympy
        exprel = sympy.Function("exprel")
        groups: list[tuple[Any, list[tuple[Any, int, float]]]] = []
        calls = set().union(*(d.atoms(sympy.exp, exprel) for d in self.derivatives.values()))
        for call in sorted(calls, key=str):
            argument = sympy.expand(call.args[0])
            if not argument.free_symbols & self._varying():
                continue
            for base, members in groups:
                shifts = [(sign, sympy.expand(argument - sign * base)) for sign in (1, -1)]
                found = [(sign, float(d)) for sign, d in shifts if d.is_number and abs(float(d)) < _LARGEST_SHIFT]
                if found:
                    members.append((call, *found[0]))
                    break
            else:
                groups.append((argument, [(call, 1, 0.0)]))
        new = {}
        for base, members in groups:
            if len(members) == 1:
                continue
            name = f"_x{len(self.common)}"
            self.common[name] = sympy.exp(base)
            for call, sign, shift in members:
                value = sympy.Symbol(name, real=True) ** sign
                value = value if shift == 0.0 else sympy.Float(math.exp(shift)) * value
                argument = call.args[0]
                new[call] = value if call.func is sympy.exp else sympy.Function("exprel_of")(argument, value)
        self.derivatives = {name: self._inverted(d.xreplace(new)) for name, d in self.derivatives.items()}

    def _inverted(self, derivative: Any) -> Any:
        """With 1/exprel(x), which is x/(exp(x) - 1), as one function, which divides once instead of twice."""
        function = self.sympy.Function
        names = {"exprel": "inverse_exprel", "exprel_of": "inverse_exprel_of"}
        found = [p for p in derivative.atoms(self.sympy.Pow) if p.exp == -1 and p.base.func.__name__ in names]
        return derivative.xreplace({p: function(names[p.base.func.__name__])(*p.base.args) for p in found})

    def _increment(self, state: str, nonlinear: list[str]) -> str:
        """dt*f of a state, arranged so that little is left to compute per cell and stage."""
        dt = self.sympy.Symbol("dt", real=True)
        derivative = self.derivatives[state] * dt
        varying = sorted(self._varying() & derivative.free_symbols, key=str)
        if not derivative.is_polynomial(*varying) or derivative.free_symbols & set(map(self._plain, self.common)):
            return self._print_rate(self._hoist(derivative, with_inputs=True))
        unknowns = [self._plain(n) for n in nonlinear]
        polynomial = self.sympy.Poly(self.sympy.expand(derivative), *unknowns)
        terms = []
        for powers, coefficient in polynomial.terms():
            monomial = "*".join(
                f"{u}**{p}" if p > 1 else str(u) for u, p in zip(unknowns, powers, strict=True) if p
            )
            factor = self._print(self._hoist(self.sympy.expand(coefficient), with_inputs=True))
            terms.append(f"({factor})*{monomial}" if monomial else f"({factor})")
        return " + ".join(terms) or "0.0"

    def _arrivals(self) -> list[tuple[str, int, str]]:
        weight = self.sympy.Symbol(WEIGHT, real=True)
        arrivals = []
        for index, (receptor, statements) in enumerate(self.text.receptors.items()):
            unit = self.definition.receptors[receptor].unit
            for statement in statements:
                factor = self._number(dimensions.coherent_factor(self.definition.states[statement.name].unit))
                value = self._value(statement.expression, {WEIGHT: unit}) / factor
                value = -value if statement.operator == "-=" else value
                slope = value.diff(weight)
                fixed = not (slope.free_symbols & self._varying()) and value.subs(weight, 0) == 0
                if statement.operator not in ("+=", "-=") or not fixed:
                    statement.expression.fail(
                        "what an incoming weight does must be 'state += weight*factor', in which the factor depends on "
                        "parameters only, so that weights that arrive together add up."
                    )
                arrivals.append((statement.name, index, self._print(self._hoist(slope))))
        return arrivals

    def _hoist(self, expression: Any, with_inputs: bool = False) -> Any:
        """The expression with every part that only parameters enter replaced by a coefficient, computed once.

        With `with_inputs`, parts of sums that only injected current enters are replaced too, computed once a step.
        """
        if expression.is_number or expression.is_Boolean and not expression.free_symbols:
            return expression
        varying = self._varying()
        if not expression.free_symbols & varying and not expression.is_Boolean:
            return self._coefficient(expression)
        if isinstance(expression, self.sympy.Piecewise):
            return self.sympy.Piecewise(*((self._hoist(e, with_inputs), self._hoist(c)) for e, c in expression.args))
        arguments = list(expression.args)
        if not arguments:
            return expression
        if with_inputs and expression.is_Add:
            arguments = self._gather_inputs(arguments)
        if expression.is_Add or expression.is_Mul:
            fixed = [a for a in arguments if not a.free_symbols & varying]
            rest = [a for a in arguments if a.free_symbols & varying]
            known = {self.sympy.Symbol(n, real=True) for n in self.inputs.values()}
            fixed, rest = [a for a in fixed if a not in known], [*rest, *(a for a in fixed if a in known)]
            parts = [self._hoist(expression.func(*fixed))] if fixed else []
            return expression.func(*parts, *(a if a in known else self._hoist(a, with_inputs) for a in rest))
        return expression.func(*(self._hoist(a, with_inputs) for a in arguments))

    def _gather_inputs(self, arguments: list[Any]) -> list[Any]:
        injected = {self.sympy.Symbol(INJECTED, real=True)}
        own = [a for a in arguments if a.free_symbols & self._varying() <= injected]
        if not any(a.free_symbols & injected for a in own):
            return arguments
        value = self._hoist(self.sympy.Add(*own))
        name = self.inputs.setdefault(value, f"_u{len(self.inputs)}")
        return [a for a in arguments if a not in own] + [self.sympy.Symbol(name, real=True)]

    def _coefficient(self, expression: Any) -> Any:
        name = self.coefficients.setdefault(expression, f"_k{len(self.coefficients)}")
        return self.sympy.Symbol(name, real=True)

    def _print_rate(self, expression: Any) -> str:
        """Text in which divisions by numbers are multiplications, which take a fraction of their time."""
        return re.sub(r"/\((\d+\.0)\)", r"*(1.0/\1)", self._print(expression))

    def _print(self, expression: Any) -> str:
        return str(_printer().doprint(expression))


_PRINTERS: list[Any] = []


def _printer() -> Any:
    if not _PRINTERS:
        _PRINTERS.append(_make_printer())
    return _PRINTERS[0]


def _make_printer() -> Any:
    from sympy.printing.precedence import PRECEDENCE
    from sympy.printing.str import StrPrinter

    class Printer(StrPrinter):
        """Python text that means the same for a number and for an array."""

        def _print_Float(self, expr: Any) -> str:
            return repr(float(expr))

        def _print_Integer(self, expr: Any) -> str:
            return f"{int(expr)}.0"

        def _print_Rational(self, expr: Any) -> str:
            return f"({int(expr.p)}.0/{int(expr.q)}.0)"

        def _print_Exp1(self, expr: Any) -> str:
            return repr(float(expr))

        def _print_Pi(self, expr: Any) -> str:
            return repr(float(expr))

        def _print_Pow(self, expr: Any, rational: bool = False) -> str:
            base = self.parenthesize(expr.base, PRECEDENCE["Pow"])
            if expr.exp.is_Integer:
                power = abs(int(expr.exp))
                text = base if power == 1 else f"{base}**{power}"
                return text if expr.exp > 0 else f"1.0/{text}" if power == 1 else f"1.0/({text})"
            if expr.exp.is_Rational and (abs(expr.exp.p), expr.exp.q) == (1, 2):
                root = f"sqrt({self._print(expr.base)})"
                return root if expr.exp.p > 0 else f"1.0/{root}"
            return f"{base}**({self._print(expr.exp)})"

        def _print_Mul(self, expr: Any) -> str:
            above, below = expr.as_numer_denom()
            if below != 1 and not (above.is_Add and expr.is_Add):
                return f"{self._product(above)}/({self._print(below)})"
            return self._product(expr)

        def _product(self, expr: Any) -> str:
            if not expr.is_Mul:
                return str(self.parenthesize(expr, PRECEDENCE["Mul"]))
            factors = expr.as_ordered_factors()
            sign = ""
            if factors[0] == -1:
                sign, factors = "-", factors[1:]
            return sign + "*".join(self.parenthesize(f, PRECEDENCE["Mul"]) for f in factors)

        def _print_And(self, expr: Any) -> str:
            return " & ".join(f"({self._print(a)})" for a in sorted(expr.args, key=str))

        def _print_Or(self, expr: Any) -> str:
            return " | ".join(f"({self._print(a)})" for a in sorted(expr.args, key=str))

        def _print_Not(self, expr: Any) -> str:
            return f"logical_not({self._print(expr.args[0])})"

        def _print_Relational(self, expr: Any) -> str:
            return f"({self._print(expr.lhs)}) {expr.rel_op} ({self._print(expr.rhs)})"

        def _print_Piecewise(self, expr: Any) -> str:
            text = self._print(expr.args[-1][0])
            for value, condition in reversed(expr.args[:-1]):
                text = f"where({self._print(condition)}, {self._print(value)}, {text})"
            return str(text)

        def _print_Min(self, expr: Any) -> str:
            return self._nested("minimum", expr)

        def _print_Max(self, expr: Any) -> str:
            return self._nested("maximum", expr)

        def _nested(self, name: str, expr: Any) -> str:
            first, *others = [self._print(a) for a in sorted(expr.args, key=str)]
            for other in others:
                first = f"{name}({first}, {other})"
            return str(first)

        def _print_Function(self, expr: Any) -> str:
            renamed = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "ceiling": "ceil", "Abs": "abs"}
            name = expr.func.__name__
            return f"{renamed.get(name, name)}({', '.join(self._print(a) for a in expr.args)})"

        _print_Abs = _print_Function
        _print_exp = _print_Function

    return Printer({"order": None})
