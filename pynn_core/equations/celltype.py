"""Cell types that a script writes as equations: `CellType(equations=...)` gives a class as of a standard type."""

from __future__ import annotations

import ast
import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from pyNN.equations import analysis, arrays, dimensions, kernels, language, rendering, report, store
from pyNN.equations.language import Equation, Expression
from pyNN.equations.userfunctions import text_of
from pyNN.errors import EquationError, InvalidModelError, InvalidParameterValueError, UnitsError, nearest
from pyNN.models import BaseCellType, Event, Parameter, Receptor, State, TimedArray
from pyNN.random import RandomDistribution

INTERFACE_UNITS = ("ms", "mV", "nA", "nF", "uS")
"""Units of the interface's numbers, whatever unit of the same kind a text declares; rates are in Hz."""
_RATES = ("Hz", "kHz", "MHz")
_DISTRIBUTIONS: Mapping[str, tuple[str, ...]] = {
    "Uniform": ("low", "high"), "Normal": ("mu", "sigma"), "Exponential": ("beta",), "Gamma": ("k", "theta"),
    "LogNormal": ("mu", "sigma"), "DiscreteUniform": ("low", "high"), "Binomial": ("n", "p"), "Poisson": ("lambda_",),
}  # fmt: skip


def interface_unit(unit: str) -> str:
    """The unit in which the interface has numbers of this kind: V is mV, kHz is Hz; others stay as they are."""
    plain = dimensions.plain(unit)
    if plain in _RATES:
        return "Hz"
    found = dimensions.dimension(plain)
    return next((u for u in INTERFACE_UNITS if dimensions.dimension(u).exponents == found.exponents), plain)


class _Description:
    """`describe` of a class tells what the model is, that of an instance is PyNN's."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        return owner._describe_type if instance is None else instance._describe_instance


class _Property:
    """A property of a class, made from its analysis when it is asked for."""

    def __init__(self, make: Any) -> None:
        self.make = make
        self.__doc__ = make.__doc__

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self.make(owner)


class EquationCellType(BaseCellType):
    """Base of the cell types that `CellType` makes."""

    own: ClassVar[bool] = True
    description: ClassVar[str] = ""
    original_equations: ClassVar[str] = ""
    """The text as it was given."""

    describe = _Description()  # type: ignore[assignment]
    method = _Property(lambda cls: report.method_text(cls.definition))
    """Which integration method each variable has, and why."""
    methods = _Property(lambda cls: report.methods(cls.definition))
    """The integration method of each variable that has an equation dx/dt."""

    def _describe_instance(self, template: str | None = "modeltype_default.txt", engine: str = "default") -> Any:
        return BaseCellType.describe(self, template, engine)

    @classmethod
    def _describe_type(cls, format: str = "text") -> str:
        """The model as "text", "latex" or "html"."""
        writers = {"text": rendering.text, "latex": rendering.latex, "html": rendering.html}
        if format not in writers:
            raise InvalidParameterValueError(
                f"describe(format={format!r}): the formats are {', '.join(map(repr, writers))}."
            )
        return writers[format](cls.definition, cls.description, report.methods(cls.definition))

    def _repr_html_(self) -> str:
        return self._describe_type("html")

    @classmethod
    def latex(cls) -> str:
        """The equations for LaTeX's `align`."""
        return cls._describe_type("latex")

    @classmethod
    def kernel_source(cls, target: str = "numba") -> str:
        """The source of the kernel that updates cells of this type: "numba" or "numpy"."""
        definition = arrays.expand(cls.definition).definition
        program = kernels.build(store.analysis(definition))
        if target == "numpy":
            return kernels.numpy_source(program)
        if target == "numba":
            return kernels.numba_source(program, per_cell=False)
        raise InvalidParameterValueError(f"kernel_source({target!r}): the targets are 'numba' and 'numpy'.")


def CellType(
    equations: str,
    parameters: Mapping[str, Any] | str | None = None,
    threshold: str = "",
    reset: str = "",
    refractory: Any = "",
    events: Mapping[str, Any] | None = None,
    receptors: Mapping[str, Any] | None = None,
    name: str = "CellType",
    initial: Mapping[str, Any] | None = None,
    method: str = "auto",
    functions: Any = "",
    constants: Mapping[str, Any] | None = None,
    tables: Mapping[str, TimedArray] | None = None,
    update_interval: float = 0.0,
    description: str = "",
    literature: str = "",
    unchecked_units: bool = False,
    threshold_within_step: bool = False,
) -> type[EquationCellType]:
    """A cell type from its equations; the class is used as a standard one is: ``sim.Population(n, MyCell(tau=10.0))``.

    The language is that of docs/equations.md. `parameters`: numbers by name, or with units as quantities, (number,
    unit) or Parameter, or text "tau = 20*ms". `initial`: values of variables at t = 0. `receptors`: Receptor by name,
    or what a spike does, "g += weight". `functions`: text "f(x) = expression", or what `pyNN.equations.function` has
    made of Python functions, one or several. `events`: conditions by name, (condition, statements) or Event. Raises
    EquationError, with line and caret, for text that is wrong.
    """
    if not isinstance(equations, str):
        raise InvalidModelError(f"{name}: equations are text, such as 'dv/dt = -v/tau : mV', not {equations!r}.")
    if not name.isidentifier():
        raise InvalidModelError(f"name={name!r}: a cell type has a name as a class has, such as 'MyCell'.")
    functions = text_of(functions, name)
    reader = _Reader(name, unchecked_units, functions, constants or {}, tables or {})
    attributes = reader.read(
        equations, parameters, _texts(name, threshold=threshold, reset=reset, functions=functions),
        _refractory(refractory, name), events or {}, receptors or {}, initial or {},
    )
    attributes.update(
        __doc__=description or f"{name}: a cell type from equations.",
        __module__=__name__,
        own=True,
        description=description,
        literature=literature,
        original_equations=equations,
        integration_method=_method(method, name),
        functions=functions,
        update_interval=_interval(update_interval, name),
        unchecked_units=unchecked_units,
        threshold_within_step=threshold_within_step,
    )
    made: type[EquationCellType] = type(name, (EquationCellType,), attributes)
    store.analysis(arrays.expand(made.definition).definition)
    return made


def _texts(name: str, **parts: Any) -> dict[str, str]:
    for part, text in parts.items():
        if not isinstance(text, str):
            raise InvalidModelError(f"{name}: {part} is text, not {text!r}.")
    return parts


def _refractory(value: Any, name: str) -> str:
    """A refractory period as text."""
    if isinstance(value, str):
        return value
    if value is None or value is False:
        return ""
    if isinstance(value, bool):
        raise InvalidModelError(f"{name}: refractory is a time or a condition, not {value!r}.")
    number, unit = _number(value, f"{name}: refractory")
    if unit and not dimensions.dimension(unit).fits(dimensions.dimension("ms")):
        raise UnitsError(f"{name}: a refractory period is a time, not {value!r}.")
    factor = dimensions.coherent_factor(unit) if unit else 1.0
    return f"{number * factor!r}*ms"


def _method(method: Any, name: str) -> str:
    if not isinstance(method, str):
        raise InvalidModelError(f"{name}: method is the name of one, such as 'auto' or 'euler', not {method!r}.")
    return method


def _interval(value: Any, name: str) -> float:
    number, unit = _number(value, f"{name}: update_interval")
    interval = number * (dimensions.coherent_factor(unit) if unit else 1.0)
    if not 0.0 <= interval < math.inf:
        raise InvalidParameterValueError(f"{name}: update_interval={value!r} is not a time (ms); 0 means every step.")
    return interval


def _number(value: Any, what: str) -> tuple[float, str]:
    """A number, and its unit if it has one."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        return float(value[0]), value[1]
    unit = ""
    if hasattr(value, "dimensionality") and hasattr(value, "magnitude"):
        unit, value = value.dimensionality.string, value.magnitude
        unit = "" if unit == "dimensionless" else unit
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InvalidParameterValueError(
            f"{what} takes a number, (number, unit), or a quantity such as 20 * pq.ms (import quantities as pq), not "
            f"{value!r}."
        ) from error
    return number, unit


class _Reader:
    """From what a script gives to the attributes of a class."""

    def __init__(
        self, name: str, unchecked: bool, functions: str, constants: Mapping[str, Any], tables: Mapping[str, Any]
    ) -> None:
        self.name = name
        self.unchecked = unchecked
        self.constants = {n: self._constant(n, value) for n, value in constants.items()}
        self.tables = {n: self._table(n, table) for n, table in tables.items()}
        self.vocabulary = language.Vocabulary(
            draws=True,
            functions=language.parse_functions(functions, name) if functions else {},
            tables=tuple(self.tables),
            units_required=not unchecked,
        )

    def read(
        self, equations: str, parameters: Any, texts: Mapping[str, str], refractory: str, events: Mapping[str, Any],
        receptors: Mapping[str, Any], initial: Mapping[str, Any],
    ) -> dict[str, Any]:
        lines = language.parse_equations(equations, self.name, vocabulary=self.vocabulary, declarations=True)
        for line in lines:
            self._check_name(line)
            if not self.unchecked:
                dimensions.check_unit(line.unit, line.expression)
        given = self._parameters(parameters)
        all_events = {n: self._event(n, e) for n, e in events.items()}
        parsed = self._statements(texts["reset"], "reset")
        changed = set(parsed)
        for event, e in all_events.items():
            changed |= set(self._statements(e.statements, f"event '{event}'"))
        for receptor, value in receptors.items():
            changed |= set(self._statements(_on_spike(value), f"receptor '{receptor}'"))
        states: dict[str, State] = {}
        declared: dict[str, Parameter] = {}
        for line in lines:
            is_state = not line.is_declaration or line.name in changed
            if line.is_declaration and is_state and "constant" in line.flags:
                line.expression.line.fail(f"'{line.name}' is constant, but statements change it.", 0, len(line.name))
            if not is_state:
                declared[line.name] = self._declared(line)
            elif line.is_derivative or line.is_stored or line.is_declaration or "recordable" in line.flags:
                states[line.name] = self._state(line)
        found = {**declared, **given}
        for parameter in given:
            if parameter in states:
                # A value for a variable that statements change is where it starts.
                states[parameter] = _starting(states[parameter], found.pop(parameter).default)
            elif parameter in declared:
                found[parameter] = self._merged(declared[parameter], given[parameter])
        for event in all_events:
            if event in states or event in found or event in analysis.RESERVED or not event.isidentifier():
                raise EquationError(f"{self.name}: the event '{event}' needs a name that nothing else has.")
            states[event] = State(0.0, "", f"1 in the step in which {event} happens", settable=False)
        self._initial(states, found, lines, initial)
        return {
            "parameters": found,
            "states": states,
            "receptors": {r: self._receptor(r, value, states) for r, value in receptors.items()},
            "equations": _without(equations, lines),
            "threshold": texts["threshold"],
            "reset": texts["reset"],
            "refractory": refractory,
            "events": all_events,
            "constants": self.constants,
            "tables": self.tables,
            "injectable": re.search(r"\bi_inj\b", equations) is not None,
        }

    # -- names and units

    def _check_name(self, line: Equation) -> None:
        parts = line.name.split(".")
        fits = all(p.isidentifier() and not p.startswith("_") for p in parts) and analysis.DOT not in line.name
        taken = (*analysis.RESERVED, *language.FUNCTIONS, *language.ALIASES, *self.constants, *self.tables)
        if not fits or line.name in taken or language.NOISE.fullmatch(line.name):
            text = line.expression.line
            column = text.text.index(line.name)
            text.fail(f"'{line.name}' is reserved; it cannot name a variable.", column, len(line.name))

    def _unit(self, line: Equation) -> str:
        return "" if self.unchecked else interface_unit(line.unit)

    # -- parts

    def _constant(self, name: str, value: Any) -> tuple[float, str]:
        number, unit = _number(value, f"{self.name}: the constant {name}")
        return number, "" if self.unchecked else unit

    def _table(self, name: str, table: Any) -> TimedArray:
        if not isinstance(table, TimedArray):
            raise InvalidModelError(f"{self.name}: the table '{name}' is a TimedArray(values, dt), not {table!r}.")
        return timed_array(table.values, table.dt, table.unit, name)

    def _statements(self, text: str, part: str) -> list[str]:
        return [s.name for s in language.parse_statements(text, self.name, part, self.vocabulary)] if text else []

    def _event(self, name: str, value: Any) -> Event:
        if isinstance(value, Event):
            return value
        if isinstance(value, str):
            return Event(value)
        if isinstance(value, tuple) and 1 <= len(value) <= 2 and all(isinstance(part, str) for part in value):
            return Event(*value)
        raise InvalidModelError(
            f"{self.name}: the event '{name}' is a condition, (condition, statements) or an Event, not {value!r}."
        )

    def _parameters(self, given: Any) -> dict[str, Parameter]:
        if given is None:
            return {}
        if isinstance(given, str):
            return self._parameter_lines(given)
        if not isinstance(given, Mapping):
            raise InvalidModelError(f"{self.name}: parameters are numbers by name, or text, not {given!r}.")
        found = {}
        for name, value in given.items():
            if isinstance(value, Parameter):
                found[name] = value
                continue
            number, unit = _number(value, f"{self.name}: the parameter '{name}'")
            own = "" if self.unchecked or not unit else interface_unit(unit)
            scale = dimensions.coherent_factor(unit) / dimensions.coherent_factor(own) if own else 1.0
            found[name] = Parameter(float(f"{number * scale:.15g}"), own)
        return found

    def _parameter_lines(self, text: str) -> dict[str, Parameter]:
        """Lines "name = number : unit (flags)", of which the unit may be left out where the number has it."""
        found = {}
        for line, content in language.lines(text, self.name, "parameters"):
            head = re.match(r"\s*([A-Za-z_]\w*)\s*=(?!=)", content)
            if not head:
                line.fail("a parameter is 'name = number : unit'.", 0, len(content))
            body, _, tail = content[head.end() :].partition(":")
            unit, _, flags = tail.partition("(")
            expression = language.parse_inside(body, line, head.end())
            value, dimension = self._evaluate(expression)
            written = unit if unit.strip() else dimension.text if dimension.exponents else ""
            given = interface_unit(written) if written else ""
            if not self.unchecked and unit.strip() and dimension.exponents:
                dimensions.require(expression, {}, unit, f"'{head[1]}'")
            number = value / dimensions.coherent_factor(given) if dimension.exponents else value
            found[head[1]] = Parameter(
                float(f"{number:.15g}"), "" if self.unchecked else given, shared="shared" in flags
            )
        return found

    def _declared(self, line: Equation) -> Parameter:
        default = 0.0
        if "init" in line.values:
            default = self._value(line.values["init"], self._unit(line))
        return Parameter(default, self._unit(line), shared="shared" in line.flags, kind=_kind(line))

    def _merged(self, declared: Parameter, given: Parameter) -> Parameter:
        """The unit is that of the text, the number that of the script; one without a unit is in the interface's."""
        value = given.default
        if given.unit:
            try:
                from pyNN.units import factor

                value = float(value) * factor(given.unit, declared.unit)
            except UnitsError as error:
                raise UnitsError(f"{self.name}: {error}") from error
        return dataclasses.replace(given, default=value, unit=declared.unit, shared=declared.shared, kind=declared.kind)

    def _state(self, line: Equation) -> State:
        kind = _kind(line)
        if line.is_derivative and kind != "float":
            line.expression.fail(
                f"'{line.name}' is {kind}, so it has no derivative. Give it a unit, or assign it once a step: "
                f"'{line.name} = expression : {kind} (stored)'."
            )
        return State(
            0.0, self._unit(line), settable="recordable" not in line.flags, kind=kind,
            minimum=line.values["min"].text() if "min" in line.values else "",
            maximum=line.values["max"].text() if "max" in line.values else "",
        )

    def _receptor(self, name: str, value: Any, states: Mapping[str, State]) -> Receptor:
        if isinstance(value, Receptor):
            return value
        text = _on_spike(value)
        if isinstance(value, tuple):
            return Receptor(value[1], text, sign=0)
        statements = language.parse_statements(text, self.name, f"receptor '{name}'", self.vocabulary)
        target = states.get(statements[0].name) if statements else None
        if target is None:
            message = (f"the receptor '{name}' changes no variable of the equations: {text!r}. Write, for example, "
                       "'g += weight'.")
            if not statements:
                raise EquationError(f"{self.name}: {message}")
            first = statements[0]
            first.expression.line.fail(message, first.name_column, len(first.name))
        unit = "nA" if self.unchecked else target.unit
        if unit not in ("uS", "nA", "mV"):
            statements[0].expression.line.fail(
                f"'{statements[0].name}' is in '{unit}', which is no unit of weights (uS, nA, mV). Give the receptor "
                f"as ({text!r}, unit of the weight).", statements[0].name_column, len(statements[0].name),
            )
        return Receptor(unit, text, sign=1 if unit == "uS" else 0)

    # -- initial values

    def _initial(
        self, states: dict[str, State], parameters: Mapping[str, Parameter], lines: list[Equation],
        initial: Mapping[str, Any],
    ) -> None:
        for line in lines:
            if "init" in line.values and line.name in states:
                states[line.name] = self._from_text(states[line.name], line.values["init"], parameters)
        for name, value in initial.items():
            if name not in states or not states[name].settable:
                possible = [n for n, s in states.items() if s.settable]
                raise InvalidModelError(
                    f"{self.name}: initial has '{name}', which is no variable that changes.{nearest(name, possible)} "
                    f"Those are: {', '.join(possible)}."
                )
            states[name] = self._given(name, states[name], value, parameters)

    def _given(self, name: str, state: State, value: Any, parameters: Mapping[str, Parameter]) -> State:
        if isinstance(value, RandomDistribution):
            return _starting(state, value)
        if isinstance(value, str):
            expression = language.parse_value(value, self.name, f"initial value of '{name}'", self.vocabulary)
            return self._from_text(state, expression, parameters)
        number, unit = _number(value, f"{self.name}: the initial value of '{name}'")
        if unit and not self.unchecked:
            if not dimensions.dimension(unit).fits(dimensions.dimension(state.unit)):
                raise UnitsError(
                    f"{self.name}: the initial value of '{name}' is in {unit}, but '{name}' in {state.unit}."
                )
            number *= dimensions.coherent_factor(unit) / dimensions.coherent_factor(state.unit)
        return _starting(state, float(f"{number:.15g}"))

    def _from_text(self, state: State, expression: Expression, parameters: Mapping[str, Parameter]) -> State:
        tree = expression.tree
        if isinstance(tree, ast.Name) and tree.id in parameters:
            return dataclasses.replace(state, starts_at=tree.id)
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in _DISTRIBUTIONS:
            return _starting(state, self._distribution(expression, tree, state.unit))
        return _starting(state, self._value(expression, state.unit))

    def _distribution(self, expression: Expression, call: ast.Call, unit: str) -> RandomDistribution:
        name = call.func.id  # type: ignore[attr-defined]
        values = [self._value(dataclasses.replace(expression, tree=a), unit) for a in call.args]
        kinds = {"Uniform": "uniform", "Normal": "normal", "Exponential": "exponential", "Gamma": "gamma",
                 "LogNormal": "lognormal", "DiscreteUniform": "uniform_int", "Binomial": "binomial",
                 "Poisson": "poisson"}
        if name == "Normal" and len(values) == 4:
            low, high = values[2:]
            return RandomDistribution("normal_clipped_to_boundary", mu=values[0], sigma=values[1], low=low, high=high)
        if name == "Exponential":
            values = [1.0 / values[0]]
        keys = _DISTRIBUTIONS[name][: len(values)]
        return RandomDistribution(kinds[name], **dict(zip(keys, values, strict=True)))  # type: ignore[arg-type]

    def _value(self, expression: Expression, unit: str) -> float:
        """The number that a constant expression is, in `unit`; one without a unit is in `unit` already."""
        value, found = self._evaluate(expression)
        if self.unchecked or not found.exponents:
            return value
        if not found.fits(dimensions.dimension(unit)):
            expression.fail(f"this is in {found}, but should be in {unit or 'no unit'}.")
        return float(f"{value / dimensions.coherent_factor(unit):.15g}")

    def _evaluate(self, expression: Expression) -> tuple[float, dimensions.Dimension]:
        """A constant expression's value in coherent units, and its dimension."""
        units = {n: unit for n, (_, unit) in self.constants.items()}
        language.check_names(expression, units)
        found = dimensions.NUMBER if self.unchecked else dimensions.unit_of(expression, units)
        return self._number_of(expression, expression.tree), found

    def _number_of(self, expression: Expression, node: ast.expr) -> float:
        if isinstance(node, ast.Constant):
            return float(node.value)  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            if node.id in self.constants:
                value, unit = self.constants[node.id]
                return value * dimensions.coherent_factor(unit)
            if node.id in language.CONSTANTS:
                return {"pi": math.pi, "e": math.e, "inf": math.inf}[node.id]
            return dimensions.coherent_factor(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            value = self._number_of(expression, node.operand)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp):
            left, right = self._number_of(expression, node.left), self._number_of(expression, node.right)
            operations: dict[type, Any] = {
                ast.Add: lambda: left + right, ast.Sub: lambda: left - right, ast.Mult: lambda: left * right,
                ast.Div: lambda: left / right, ast.Pow: lambda: left**right,
            }
            if type(node.op) in operations:
                return float(operations[type(node.op)]())
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("exp", "sqrt", "log"):
            return float(getattr(math, node.func.id)(self._number_of(expression, node.args[0])))
        expression.fail("a value that stays the same is needed here: numbers, units, constants, + - * / **.", node)


def _kind(line: Equation) -> str:
    if line.unit.strip() == "boolean" or "bool" in line.flags:
        return "boolean"
    return "integer" if line.unit.strip() == "integer" or "int" in line.flags else "float"


def _on_spike(value: Any) -> str:
    if isinstance(value, Receptor):
        return value.on_spike
    if isinstance(value, str):
        return value
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, str) for part in value):
        return value[0]
    raise InvalidModelError(f"A receptor is a Receptor or text such as 'g += weight', not {value!r}.")


def _starting(state: State, value: Any) -> State:
    return dataclasses.replace(state, initial=value, starts_at="")


def _without(equations: str, lines: list[Equation]) -> str:
    """The text without lines that only declare; all others keep their numbers."""
    declared = {line.expression.line.number for line in lines if line.is_declaration}
    kept = ["" if number in declared else text for number, text in enumerate(equations.splitlines(), start=1)]
    return "\n".join(kept)


def timed_array(values: Any, dt: Any, unit: str = "", name: str = "") -> TimedArray:
    """A function of time for equations: values[k] (or the row) from k*dt (ms) on; the last stays."""
    number, given = _number(dt, "TimedArray: dt")
    interval = number * (dimensions.coherent_factor(given) if given else 1.0)
    if hasattr(values, "dimensionality"):
        own = interface_unit(values.dimensionality.string.replace("dimensionless", ""))
        values, unit = values.rescale(own or "dimensionless").magnitude, own
    array = np.asarray(values, dtype=float)
    if array.ndim not in (1, 2) or not array.size:
        raise InvalidParameterValueError(
            f"TimedArray: values has the shape {array.shape}; one number a time, or one row of numbers, is needed."
        )
    if not 0.0 < interval < math.inf:
        raise InvalidParameterValueError(f"TimedArray: dt={dt!r} is not a time (ms) greater than 0.")
    return TimedArray(array, interval, unit, name)
