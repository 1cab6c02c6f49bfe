"""Synapse types that a script writes as equations: `SynapseType(...)` gives a class as of a standard type."""

from __future__ import annotations

import ast
import copy
import dataclasses
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, NoReturn

from pyNN.equations import language, synapses
from pyNN.equations.celltype import _Reader as ValueReader
from pyNN.equations.celltype import interface_unit
from pyNN.equations.language import Equation, Expression, Statement
from pyNN.equations.stepped import EVENT_DRIVEN, SteppedRule
from pyNN.errors import CapabilityError, EquationError, InvalidModelError, nearest
from pyNN.models import BaseSynapseType, Definition, Parameter, State, SynapticPathway

FLAGS = (
    *language.SYNAPSE_FLAGS, "event-driven", "clock-driven", *language.METHODS, *language.METHOD_ALIASES
)  # fmt: skip
PLASTIC = "plastic"
REDUCE = ("sum", "mean", "max", "min")
_OWN = {
    "weight": Parameter(0.0, "", "synaptic weight, in the unit of the receptor"),
    "delay": Parameter(None, "ms", "time from spike to effect"),
}
_FRACTION = Parameter(1.0, "", "part of the delay after the synapse", minimum=0.0)
_SWITCH = Parameter(1.0, "", "whether the weight changes (1) or stays as it is (0)", minimum=0.0)
_TIMES = {"t_pre": "pre", "t_post": "post", "t_last": ""}
"""Names of times of the last spike (ms), and which side's they are."""
_UPDATE = "lastupdate"
"""The time (ms) at which a spike or event has last acted; 0 before the first."""
_NO_SPIKE = -1e7
_CELLS = ("N", "lastspike", "not_refractory")


class EquationSynapseType(BaseSynapseType):
    """Base of the synapse types that `SynapseType` makes."""

    unchecked_units: ClassVar[bool] = False
    description: ClassVar[str] = ""
    first_pathways: ClassVar[Mapping[str, str]] = {}
    """How the script calls "on_pre" and "on_post"."""

    @classmethod
    def _make_definition(cls) -> Definition:
        return dataclasses.replace(super()._make_definition(), own=True, unchecked_units=cls.unchecked_units)

    @classmethod
    def methods(cls) -> dict[str, str]:
        """How each variable with an equation goes on: "event-driven", or the method of its steps."""
        rule = synapses.rule(cls.definition)
        return dict(rule.methods) if isinstance(rule, SteppedRule) else dict.fromkeys(rule.courses, EVENT_DRIVEN)


def SynapseType(
    equations: str = "",
    parameters: Mapping[str, Any] | str | None = None,
    on_pre: str | Mapping[str, str] = "",
    on_post: str | Mapping[str, str] = "",
    transmitted: str | Mapping[str, str] = synapses.WEIGHT,
    name: str = "SynapseType",
    initial: Mapping[str, Any] | None = None,
    functions: str = "",
    constants: Mapping[str, Any] | None = None,
    magnitudes: tuple[str, ...] = (),
    description: str = "",
    literature: str = "",
    unchecked_units: bool = False,
    delays: Mapping[str, Any] | None = None,
    each_step: str = "",
    psp: str = "",
    method: str = "auto",
    before_step: str = "",
    on_event: Mapping[str, str] | None = None,
    reduce: str = "sum",
) -> type[EquationSynapseType]:
    """A synapse type from its equations; the class is used as a standard one is: ``MySynapse(weight=0.1, tau=20.0)``.

    `equations`: "dx/dt = -x/tau : 1". Linear ones that nothing reads between spikes are solved exactly from spike to
    spike; others are integrated in every step, by `method` or the flag of the equation. Flags (pre), (post): one value
    for each presynaptic or postsynaptic cell where that makes no difference, which is so by itself where spikes of one
    side only change the variable; "event-driven", "clock-driven" where the text insists. "x : unit" declares what
    statements change, or a parameter; "x : unit (shared)" one that has the same value for all connections. `on_pre` and
    `on_post` are statements that a presynaptic or postsynaptic spike executes at the synapse, and `transmitted` is what
    the presynaptic spike then adds to the receptor. Each may be a dictionary of several pathways; `delays` (ms, by
    name) gives a pathway a delay of its own, the parameter `delay_name`. `on_event` has what happens at events of the
    cells that are no spikes, ``{"axon_spike": "x += 1"}``, or "post.burst" of the postsynaptic ones: pathways with the
    names "axon_spike" and "post_burst". `each_step` and `before_step` are statements executed in every step, after and
    before the equations; `psp` is passed on to the receptor in every step: of all connections of a cell the sum, or
    what `reduce` says, "mean", "max" or "min"; for the last two, all connections have one delay. `pre.x` and `post.x`
    (or x_pre, x_post) are variables and parameters of the cells, `mean(pre.x)` (min, max, norm1, norm2) a number that
    all cells of the population have together at the beginning of the step. A type that changes `weight` has the
    parameter `plastic`: with 0, the weight stays. `magnitudes`: parameters of which statements see the absolute value.
    Raises EquationError, with line and caret, for text that is wrong, and CapabilityError for what synapses do not
    have.
    """
    for part, text in (("equations", equations), ("functions", functions), ("each_step", each_step), ("psp", psp),
                       ("before_step", before_step)):
        if not isinstance(text, str):
            raise InvalidModelError(f"{name}: {part} is text, not {text!r}.")
    if not name.isidentifier():
        raise InvalidModelError(f"name={name!r}: a synapse type has a name as a class has, such as 'MySynapse'.")
    reader = _Reader(name, unchecked_units, functions, constants or {}, method)
    ways = pathways(name, on_pre, on_post, transmitted, delays or {}, on_event or {})
    attributes = reader.read(equations, parameters, ways, before_step, each_step, psp, initial or {})
    if reduce not in REDUCE or reduce != "sum" and not psp.strip():
        raise InvalidModelError(
            f"{name}: reduce={reduce!r}; it says what is made of the psp= of a cell's connections: {', '.join(REDUCE)}."
            f"{nearest(str(reduce), REDUCE)}" + ("" if psp.strip() else " There is no psp= here.")
        )
    attributes["reduce"] = reduce
    wrong = [n for n in magnitudes if n not in attributes["parameters"]]
    if wrong:
        raise InvalidModelError(
            f"{name}: magnitudes has '{wrong[0]}', which is no parameter.{nearest(wrong[0], attributes['parameters'])}"
        )
    attributes["first_pathways"] = {way.part: way.name for way in ways if way.part in ("on_pre", "on_post")}
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


@dataclasses.dataclass(frozen=True)
class Way:
    """A pathway as a script gives it."""

    name: str
    side: str
    part: str
    """What it is called in errors, and the key of its text: the first ones are "on_pre" and "on_post"."""
    statements: str
    transmitted: str
    delay: str = ""
    """The parameter that is its delay."""
    default: float | None = None
    event: str = ""
    """What happens in the cells, where it is no spike."""

    @property
    def output(self) -> str:
        return "transmitted" if self.part == "on_pre" else f"transmitted '{self.name}'"


def pathways(
    model: str, on_pre: str | Mapping[str, str], on_post: str | Mapping[str, str], transmitted: str | Mapping[str, str],
    delays: Mapping[str, Any], on_event: Mapping[str, str],
) -> list[Way]:
    """The pathways of a synapse type. The first of presynaptic spikes has the delay of the connection."""
    texts = {side: _texts(model, f"on_{side}", given) for side, given in (("pre", on_pre), ("post", on_post))}
    events = _events(model, on_event)
    given_events = {name: text for name, (_, _, text) in events.items()}
    first = next(iter(texts["pre"]), "pre")
    passed = {first: transmitted} if isinstance(transmitted, str) else _texts(model, "transmitted", transmitted)
    sides = {name: side for side, found in texts.items() for name in found}
    sides |= {name: side for name, (side, _, _) in events.items()}
    both = set(texts["pre"]) & set(texts["post"]) | {n for n in given_events for found in texts.values() if n in found}
    sending = {"pre", *texts["pre"], *(name for name, (side, _, _) in events.items() if side == "pre")}
    for what, given, possible in (("transmitted", passed, sending), ("delays", delays, set(sides))):
        wrong = [n for n in given if n not in possible]
        if wrong:
            raise InvalidModelError(f"{model}: {what} has '{wrong[0]}', which is no pathway of such spikes."
                                    f"{nearest(wrong[0], possible)} Pathways: {', '.join(possible) or 'none'}.")
    if both:
        raise InvalidModelError(f"{model}: '{min(both)}' is the name of two pathways, of on_pre, on_post or on_event; "
                                "give each a name of its own.")
    ways = [Way(first, "pre", "on_pre", texts["pre"].get(first, ""), passed.get(first, "0"))]

    def timing(name: str) -> tuple[str, float | None]:
        if name not in delays:
            return "", None
        reader = ValueReader(model, True, "", {}, {})
        return f"delay_{name}", float(
            reader._given(f"delays of '{name}'", State(0.0, "ms"), delays[name], {}).initial)  # type: ignore[arg-type]

    for side, found in texts.items():
        for number, (name, text) in enumerate(found.items()):
            if not name.isidentifier():
                raise InvalidModelError(f"{model}: a pathway has a name such as 'late', not {name!r}.")
            if side == "pre" and name == first:
                continue
            if side == "post" and number == 0 and name not in delays:
                ways.append(Way(name, "post", "on_post", text, "0"))
                continue
            ways.append(Way(name, side, f"on_{side} '{name}'", text, passed.get(name, "0"), *timing(name)))
    for name, (side, event, text) in events.items():
        ways.append(Way(name, side, f"on_event '{name}'", text, passed.get(name, "0"), *timing(name), event))
    return ways


def _events(model: str, given: Mapping[str, str]) -> dict[str, tuple[str, str, str]]:
    """(side, event, statements) by the name of the pathway, which is the event's: "post_burst" for "post.burst"."""
    found = {}
    if not isinstance(given, Mapping):
        raise InvalidModelError(f"{model}: on_event is a dictionary such as {{'axon_spike': 'x += 1'}}, not {given!r}.")
    for key, text in given.items():
        side, _, event = key.rpartition(".") if isinstance(key, str) else ("", "", "")
        if side not in ("", "pre", "post") or not event.isidentifier() or not isinstance(text, str):
            raise InvalidModelError(
                f"{model}: on_event has {key!r}: {text!r}. It takes an event of the presynaptic cells, 'burst' or "
                " 'pre.burst', or of the postsynaptic ones, 'post.burst', and statements as text."
            )
        found[key.replace(".", "_")] = (side or "pre", event, text)
    return found


def _texts(model: str, part: str, given: str | Mapping[str, str]) -> dict[str, str]:
    side = part.partition("_")[2] or part
    found = dict(given) if isinstance(given, Mapping) else {side: given} if str(given).strip() else {}
    for name, text in found.items():
        if not isinstance(text, str) or not isinstance(name, str):
            raise InvalidModelError(f"{model}: {part} is text, or texts by the name of the pathway, not {given!r}.")
    return found


class _Reader:
    """From what a script gives to the attributes of a class, in the language of pyNN.equations.synapses."""

    def __init__(
        self, name: str, unchecked: bool, functions: str, constants: Mapping[str, Any], method: str
    ) -> None:
        self.name = name
        self.method = method
        self.unchecked = unchecked
        self.values = ValueReader(name, unchecked, functions, constants, {})
        self.vocabulary = dataclasses.replace(self.values.vocabulary, reductions=True)

    def read(
        self, equations: str, parameters: Any, ways: list[Way], before_step: str, each_step: str, psp: str,
        initial: Mapping[str, Any],
    ) -> dict[str, Any]:
        lines = language.parse_equations(equations, self.name, FLAGS, self.vocabulary, declarations=True)
        parsed = {way.part: self._parsed(way.statements, way.part) for way in ways}
        parsed |= {"before_step": self._parsed(before_step, "before_step"),
                   "each_step": self._parsed(each_step, "each_step")}
        outputs = {way.part: language.parse_value(way.transmitted, self.name, way.output, self.vocabulary)
                   for way in ways if way.side == "pre"}
        if psp.strip():
            outputs["psp"] = language.parse_value(psp, self.name, "psp", self.vocabulary)
        times = self._times_of(lines, parsed, outputs, parameters, initial)
        if any(_TIMES.get(n) in ("post", "") for n in times) and not any(way.side == "post" for way in ways):
            ways = [*ways, Way("post", "post", "on_post", "", "0")]
            parsed["on_post"] = []
        changed = {s.name for block in parsed.values() for s in block}
        slopes = {line.name for line in lines if line.is_derivative}
        given = self.values._parameters(parameters)
        states: dict[str, State] = {}
        declared: dict[str, Parameter] = {}
        for line in lines:
            self._check_line(line)
            unit = self._unit(line)
            if line.name == synapses.WEIGHT:
                continue
            fixed = [flag for flag in ("shared", "constant") if flag in line.flags]
            if fixed and line.name in changed:
                line.expression.line.fail(f"'{line.name}' is {fixed[0]}, but statements change it.",
                                          line.expression.line.text.index(line.name), len(line.name))  # fmt: skip
            if line.is_derivative or line.is_declaration and line.name in changed:
                states[line.name] = State(0.0, unit)
            elif line.is_declaration:
                declared[line.name] = Parameter(0.0, unit, shared="shared" in line.flags)
        found = {**_OWN, **declared}
        has_post = any(way.part == "on_post" for way in ways)
        if has_post:
            found[synapses.FRACTION] = _FRACTION
        for way in ways:
            if way.delay:
                found[way.delay] = Parameter(way.default, "ms", f"delay of the pathway '{way.name}'", minimum=0.0)
        for parameter, value in given.items():
            if parameter in states:
                states[parameter] = dataclasses.replace(states[parameter], initial=value.default)
            elif parameter in found and parameter not in declared:
                found[parameter] = dataclasses.replace(found[parameter], default=value.default)
            else:
                found[parameter] = self.values._merged(declared[parameter], value) if parameter in declared else value
        self._initial(states, initial)
        switched = synapses.WEIGHT in changed | slopes and PLASTIC not in found
        if switched:
            found[PLASTIC] = _SWITCH
        unit = "" if self.unchecked else "ms"
        states |= {name: State(0.0 if name == _UPDATE else _NO_SPIKE, unit) for name in times}
        known = {*found, *states, *(line.name for line in lines), synapses.RECEPTOR_TIME}
        before, after = (self._sides(ways, parsed, side) for side in ("pre", "post"))
        texts = {part: self._statements(block, known, switched) for part, block in parsed.items()}
        for way in ways:
            added = [f"{n} = t" for n in times
                     if n == _UPDATE or not way.event and _TIMES[n] in (way.side, "")]
            texts[way.part] = "\n".join([t for t in (texts[way.part],) if t.strip()] + added)
        values = {part: self._text(output, known | {s.name for s in parsed.get(part, [])})
                  for part, output in outputs.items()}
        attributes = {
            "method": self.method,
            "parameters": found,
            "states": states,
            "equations": self._equations(equations, lines, known, before, after, switched),
            "on_pre": texts.pop("on_pre"),
            "on_post": texts.pop("on_post", ""),
            "transmitted": values.pop("on_pre"),
            "before_step": texts.pop("before_step"),
            "each_step": texts.pop("each_step"),
            "psp": values.pop("psp", ""),
            "pathways": {way.name: SynapticPathway(way.side, texts[way.part], values.get(way.part, "0"), way.delay,
                                                  way.event)
                         for way in ways if way.part in texts},
        }
        self._default_fraction(attributes, found, given, has_post)
        return attributes

    def _default_fraction(
        self, attributes: dict[str, Any], found: dict[str, Parameter], given: Mapping[str, Any], has_post: bool
    ) -> None:
        """What goes on in every step sees the cells when a weight arrives: spikes then take their time in the axon."""
        base: type[EquationSynapseType] = type(self.name, (EquationSynapseType,),
                                               {**attributes, "unchecked_units": self.unchecked})
        if not isinstance(synapses.rule(base.definition), SteppedRule):
            return
        default = given[synapses.FRACTION].default if synapses.FRACTION in given else 0.0
        found[synapses.FRACTION] = dataclasses.replace(_FRACTION, default=default)

    def _sides(self, ways: list[Way], parsed: Mapping[str, list[Statement]], side: str) -> set[str]:
        """Names that spikes of a side change; what goes on in every step belongs to neither."""
        always = {s.name for part in ("before_step", "each_step") for s in parsed[part]}
        return always | {s.name for way in ways if way.side == side for s in parsed[way.part]}

    def _times_of(
        self, lines: list[Equation], parsed: Mapping[str, list[Statement]], outputs: Mapping[str, Expression],
        parameters: Any, initial: Mapping[str, Any],
    ) -> list[str]:
        """Times of last spikes that the text names and does not define; they become variables."""
        expressions = [line.expression for line in lines] + list(outputs.values())
        expressions += [s.expression for block in parsed.values() for s in block]
        own = {*(line.name for line in lines), *self.values._parameters(parameters), *initial}
        own |= {s.name for block in parsed.values() for s in block}
        named = {n for e in expressions for n in e.names} - own
        return [n for n in (*_TIMES, _UPDATE) if n in named]

    def _unit(self, line: Equation) -> str:
        """The unit of the interface's numbers; "" for what is a number."""
        unit = "" if self.unchecked else interface_unit(line.unit)
        return "" if unit == "1" else unit

    def _parsed(self, text: str, part: str) -> list[Statement]:
        statements = language.parse_statements(text, self.name, part, self.vocabulary) if text.strip() else []
        for statement in statements:
            if statement.name.startswith(("pre.", "post.")):
                statement.expression.line.fail(
                    f"'{statement.name}' cannot be changed by a synapse. What a presynaptic spike adds to the receptor "
                    "is transmitted= (psp= in every step), and a receptor may change any variable of the cell.",
                    statement.name_column, len(statement.name),
                )
        return statements

    def _check_line(self, line: Equation) -> None:
        if line.name in (*_OWN, synapses.FRACTION) and not (line.name == synapses.WEIGHT and line.is_derivative):
            line.expression.line.fail(
                f"'{line.name}' is a parameter of every synapse type; give its value in parameters=.",
                line.expression.line.text.index(line.name), len(line.name),
            )
        if {"event-driven", "clock-driven"} <= set(line.flags):
            line.expression.line.fail(f"'{line.name}' is either event-driven or clock-driven.",
                                      line.expression.line.text.index("event-driven"), 12)

    def _initial(self, states: dict[str, State], initial: Mapping[str, Any]) -> None:
        for name, value in initial.items():
            if name not in states:
                raise InvalidModelError(
                    f"{self.name}: initial has '{name}', which is no variable that changes.{nearest(name, states)} "
                    f"Those are: {', '.join(states) or 'none'}."
                )
            states[name] = self.values._given(name, states[name], value, {})

    # -- text

    def _equations(
        self, text: str, lines: list[Equation], known: set[str], pre: set[str], post: set[str], switched: bool
    ) -> str:
        """The equations. Those of variables that spikes of one side change only belong to that side."""
        rows = [""] * len(text.splitlines())
        for line in lines:
            if line.is_declaration:
                continue
            unit = self._unit(line) if line.is_derivative else "" if line.unit.strip() == "1" else line.unit
            flags = [flag for flag in line.flags if flag in FLAGS]
            places = [flag for flag in flags if flag in language.SYNAPSE_FLAGS]
            if line.is_derivative and not places and (line.name in pre) != (line.name in post):
                flags.append("pre" if line.name in pre else "post")
            left = f"d{line.name}/dt" if line.is_derivative else line.name
            right = self._text(line.expression, known)
            if switched and line.name == synapses.WEIGHT:
                right, unit = f"sign({PLASTIC})*({right})", ""
            row = f"{left} = {right} : {unit}"
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
            if variable and cell in ("pre", "post") or synapses.CELL.fullmatch(name):
                continue
            if name in (synapses.TIME, synapses.DT, *synapses.INDICES) or language.NOISE.fullmatch(name):
                continue
            if name in _CELLS:
                _cannot(expression, f"'{name}' is not available in synapses; a variable of the cell is 'post.x' or "
                        "'pre.x'.", node)
            possible = sorted(known)
            expression.fail(f"'{name}' is not known here.{nearest(name, possible)} Known: {', '.join(possible)}.", node)
        tree = copy.deepcopy(expression.tree)
        return ast.unparse(_Plain(expression, constants, known).visit(tree))


class _Plain(ast.NodeTransformer):
    """Writes what synapses have no function for in terms of what they have."""

    def __init__(
        self, expression: Expression, constants: Mapping[str, tuple[float, str]], known: Collection[str]
    ) -> None:
        self.expression = expression
        self.constants = constants
        self.known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        side, _, variable = node.id.partition(".")
        if variable and node.id not in self.known:
            return ast.copy_location(ast.Name(f"{variable}_{side}"), node)
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
        if name in language.DRAWS and not self.expression.line.part.startswith(language.EVENT_PARTS):
            _cannot(self.expression, "random numbers are drawn in on_pre, on_post and each_step only.", node)
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
