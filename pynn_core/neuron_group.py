"""Brian2's NeuronGroup: a population made from equations, with its variables as attributes.

A group is a Population in every respect (record, Projection, get_data ...). What comes on top is Brian2's way to
handle variables: ``group.v = -70*mV``, ``group.v["i > 5"] = "rand()*mV"``, events, links and code at intervals.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
import warnings
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from pyNN.core import user_stacklevel
from pyNN.equations import brian, brian_units
from pyNN.equations.foreign_text import Piece, Text
from pyNN.equations.userfunctions import UserFunction
from pyNN.errors import (
    CapabilityError,
    EquationError,
    InvalidDimensionsError,
    InvalidModelError,
    InvalidParameterValueError,
    InvalidTimeError,
    MissingPackageError,
    NonExistentParameterError,
    PyNNError,
    SimulatorError,
    UnitsError,
    nearest,
)
from pyNN.operations import AtTimes, NetworkOperation, check_order, check_slot, interval_of, whole_steps
from pyNN.populations import Population, PopulationView, _OnePopulation
from pyNN.random.streams import derive_key, normals, uniforms
from pyNN.units import factor, quantity

_CHANGES = {"+=": np.add, "-=": np.subtract, "*=": np.multiply, "/=": np.true_divide, "%=": np.mod}
_TEST_SLOTS = ("before_thresholds", "thresholds", "after_thresholds")
_CODE_SLOTS = ("resets", "after_resets")
_SPIKES_KEPT = 100_000
"""Spikes of a group that is asked which cells fired last; beyond, they are forgotten."""
_OTHER_OPTIONS: Mapping[str, tuple[Any, ...]] = {"simplify": (True, False)}
"""Options of methods by name, with what they may be; simplifying changes no result."""
_ADAPTIVE_OPTIONS: Mapping[str, tuple[Any, ...]] = {
    "adaptable_timestep": (True,), "use_last_timestep": (False,), "save_failed_steps": (False,),
    "save_step_count": (False,), "absolute_error": (None,), "absolute_error_per_variable": (None,),
    "max_steps": (None,),
}  # fmt: skip
_OWN = (
    "label",
    "annotations",
    "positions",
    "structure",
    "parent",
    "mask",
    "order",
    "namespace",
    "events",
    "event_codes",
)


class UnknownVariableError(PyNNError, AttributeError, KeyError):
    """A name that is neither a variable of a group nor an attribute."""

    def __str__(self) -> str:
        return str(self.args[0])


class UnlinkedVariableError(PyNNError, KeyError, TypeError):
    """A linked variable that no linked_var() was assigned to."""

    def __str__(self) -> str:
        return str(self.args[0])


class VariableView:
    """The values of one variable of a group's cells, as an array with a unit.

    `np.asarray(view)` gives numbers in PyNN's unit, shape (size,); arithmetic gives quantities. An index is an integer,
    a slice, integers, a mask, or a condition as text ("v > -50*mV"). Assigned are numbers in PyNN's unit, quantities,
    or an expression as text.
    """

    __array_priority__ = 100.0

    def __init__(self, group: _Variables, name: str) -> None:
        self._group = group
        self.name = name

    @property
    def unit(self) -> str:
        """PyNN's unit of the variable."""
        return self._group._unit(self.name)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self),)

    def __len__(self) -> int:
        return self._group.size

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        values = self._group._present(self.name)
        return np.array(values, dtype=dtype) if dtype is not None else values

    def get_item(self, index: Any) -> Any:
        return self._group._present(self.name)[self._group._where(index)]

    def __getitem__(self, index: Any) -> Any:
        return quantity_of(self.get_item(index), self.unit)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._group._assign(self.name, value, np.atleast_1d(self._group._where(index)))

    @property
    def quantities(self) -> Any:
        """All values as a Quantity."""
        return quantity_of(self._group._present(self.name), self.unit)

    def __iter__(self) -> Any:
        return iter(self.quantities)

    def mean(self) -> Any:
        return self.quantities.mean()

    def std(self) -> Any:
        return self.quantities.std()

    def min(self) -> Any:
        return self.quantities.min()

    def max(self) -> Any:
        return self.quantities.max()

    def sum(self) -> Any:
        return self.quantities.sum()

    def __repr__(self) -> str:
        return f"<{self._group.label}.{self.name}: {self.quantities}>"


def _operator(name: str) -> Any:
    def method(self: VariableView, *others: Any) -> Any:
        plain = [o.quantities if isinstance(o, VariableView) else o for o in others]
        return getattr(self.quantities, name)(*plain)

    method.__name__ = name
    return method


for _name in "add radd sub rsub mul rmul truediv rtruediv pow neg lt le gt ge eq ne abs".split():
    setattr(VariableView, f"__{_name}__", _operator(f"__{_name}__"))


def quantity_of(values: Any, unit: str) -> Any:
    """Numbers with their unit; plain numbers where the unit is that of a number, boolean or integer."""
    if unit in ("", "1", *brian_units.TYPES):
        return values
    return np.asarray(values) * quantity(unit).units


class LinkedVariable:
    """What linked_var() makes: the variable of another group that a linked variable is to follow."""

    def __init__(self, group: _Variables, name: str, index: Any = None) -> None:
        self.group, self.name, self.index = group, name, index


def linked_var(group_or_variable: Any, name: str | None = None, index: Any = None) -> LinkedVariable:
    """A variable of another group, to be assigned to one that is declared (linked).

    `group_or_variable`: a group, with `name`; or a variable of one (``other.v``). `index`: for each cell of the target
    the cell of the source; without it the sizes are equal, or the source has one cell.
    """
    if isinstance(group_or_variable, VariableView):
        if name is not None:
            raise InvalidParameterValueError(
                "linked_var(group.x) needs no name; give a group and a name, or a variable."
            )
        return LinkedVariable(group_or_variable._group, group_or_variable.name, index)
    if not isinstance(group_or_variable, _Variables) or name is None:
        raise InvalidModelError(
            f"linked_var takes a NeuronGroup and the name of a variable, or a variable such as group.v, not "
            f"{group_or_variable!r}."
        )
    group_or_variable._unit(name)
    return LinkedVariable(group_or_variable, name, index)


def TimedArray(values: Any, dt: Any, unit: str = "", name: str = "") -> Any:
    """A function of time for equations: values[k] (or row k) from k*dt (ms, or a quantity) on; the last one stays.

    Raises InvalidParameterValueError for values that are neither one number nor one row of numbers a time.
    """
    from pyNN.equations.celltype import timed_array

    return timed_array(values, dt, unit, name)


class _Variables(_OnePopulation):
    """What a group and its parts share: variables as attributes."""

    @property
    def _group(self) -> NeuronGroup:
        raise NotImplementedError

    def _cells(self) -> Any:
        """Indices in the group."""
        return self._parts()[0][1]

    # --- attributes ------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        group = self._group
        known = group._variable_names()
        if name in known:
            return VariableView(self, name)
        if name.endswith("_") and name[:-1] in known:
            return self._present(name[:-1])
        if name == "N":
            return self.size
        if name == "i":
            return np.arange(self.size)
        if name == "t":
            return quantity_of(self._simulation.t, "ms")
        if name == "dt":
            return quantity_of(self._simulation.dt, "ms")
        raise UnknownVariableError(
            f"'{self.label}' has no variable or attribute '{name}'.{nearest(name, known)} Variables: "
            f"{', '.join(known)}."
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or name in _OWN or "_model" not in self._root.__dict__:
            object.__setattr__(self, name, value)
            return
        plain = name[:-1] if name.endswith("_") and name[:-1] in self._group._variable_names() else name
        if plain in self._group._variable_names() and not hasattr(type(self), name):
            self._assign(plain, value, None)
            return
        if hasattr(type(self), name) or name in self.__dict__ or name in self._group._extra:
            object.__setattr__(self, name, value)
            return
        raise UnknownVariableError(
            f"'{self.label}' has no variable '{name}'.{nearest(name, self._group._variable_names())} Variables: "
            f"{', '.join(self._group._variable_names())}. add_attribute('{name}') allows another attribute."
        )

    def state(self, name: str, use_units: bool = True) -> Any:
        """A variable by its name, also where an attribute of populations has the same name."""
        self._unit(name)
        return VariableView(self, name) if use_units else self._present(name)

    def _unit(self, name: str) -> str:
        units = self._group._units
        if name not in units:
            raise UnknownVariableError(
                f"'{self.label}' has no variable '{name}'.{nearest(name, units)} Variables: {', '.join(units)}."
            )
        return units[name]

    # --- values ----------------------------------------------------------------------------------------------

    def _present(self, name: str) -> Any:
        """Present values in PyNN's unit, shape (size,)."""
        group = self._group
        equation = group._model.equations.get(name)
        if equation is not None and "linked" in equation.flags and name not in group._links:
            raise UnlinkedVariableError(f"'{group.label}': '{name}' is not linked yet; assign linked_var(...) to it.")
        cells = self._cells()
        definition = group.definition
        if name in group._links:
            return group._linked_values(name)[cells]
        if equation is not None and equation.kind == "subexpression":
            if "constant over dt" not in equation.flags or name not in definition.states:
                if equation.expression is None:
                    raise InvalidModelError(f"'{name}' has no expression.")
                values = self._evaluate(equation.expression, group._units[name])
                return np.array(np.broadcast_to(values, (self.size,)))
        if name in definition.parameters:
            values = group.get(name, simplify=False)
        else:
            if group._owner.built_session is not None:
                values = group._owner.read_cells(group._spec, name)
            else:
                values = group._spec.initial_values[name]
        array = np.array(np.broadcast_to(np.asarray(values, dtype=float), (group.size,)))[cells]
        kind = group._units[name]
        return array.astype(bool) if kind == "boolean" else array.astype(int) if kind == "integer" else array

    def _where(self, index: Any) -> Any:
        if isinstance(index, str):
            condition = brian.condition(index, self.label, "index")
            return np.flatnonzero(np.broadcast_to(self._evaluate(condition, None), (self.size,)))
        if isinstance(index, int | np.integer) and not isinstance(index, bool):
            if not -self.size <= index < self.size:
                raise self._out_of_range(int(index))
            return int(index)
        return self._selected(index)

    def indices(self, item: Any) -> Any:
        """Indices of the cells that an index, slice, mask or condition as text selects."""
        return np.atleast_1d(self._where(item))

    def _assign(self, name: str, value: Any, where: Any) -> None:
        group = self._group
        equation = group._model.equations.get(name)
        if equation is not None and equation.kind == "subexpression":
            raise ReadOnlyVariableError(
                f"'{group.label}': '{name}' is a subexpression and follows from other variables; set those."
            )
        linked = equation is not None and "linked" in equation.flags
        if isinstance(value, LinkedVariable):
            if not linked:
                raise InvalidParameterValueError(
                    f"'{group.label}': '{name}' is not declared as linked; write '{name} : ... (linked)' in the model."
                )
            if self is not group:
                raise InvalidParameterValueError(f"'{name}' is linked for a whole group, not for a part of it.")
            group._link(name, value)
            return
        if linked:
            raise InvalidParameterValueError(
                f"'{group.label}': '{name}' follows another group's variable; it is linked with linked_var() and "
                "not set."
            )
        unit = group._units[name]
        if isinstance(value, VariableView):
            value = value.quantities
        if isinstance(value, str):
            cells = self if where is None else self[where]
            numbers = cells._evaluate(brian.value(value, self.label, f"value of {name}"), unit)
            value = numbers if np.ndim(numbers) == 0 else np.array(numbers)
        else:
            value = brian_units.in_unit(value, "1" if unit in brian_units.TYPES else unit, f"'{group.label}': '{name}'")
        if equation is not None and "shared" in equation.flags and np.ndim(value) and np.size(value) > 1:
            if np.unique(np.asarray(value, dtype=float)).size > 1:
                raise InvalidDimensionsError(f"'{group.label}': '{name}' is shared by all cells and takes one number.")
        if isinstance(value, np.ndarray | list | tuple) and unit == "boolean":
            value = np.asarray(value, dtype=float)
        elif isinstance(value, bool | np.bool_):
            value = float(value)
        target: Any = self if where is None else group[np.sort(self._cells()[where])]
        if where is not None and np.ndim(value):
            # The cells of a view are in ascending order.
            value = np.asarray(value)[np.argsort(self._cells()[where], kind="stable")]
        if name in group.definition.parameters:
            _OnePopulation.set(target, **{name: value})
        else:
            _OnePopulation.initialize(target, **{name: value})

    def _evaluate(self, piece: Piece, unit: str | None) -> Any:
        """The value of an expression for each cell, in `unit`; a condition's truth without one."""
        evaluator = _Evaluator(self, piece)
        values, exponents = evaluator.visit(piece.tree)
        if unit is None:
            return np.asarray(values, dtype=bool)
        return evaluator.in_unit(values, exponents, unit)

    def get_states(
        self, vars: Any = None, units: bool = True, format: str = "dict", subexpressions: bool = False,
        read_only_variables: bool = False,
    ) -> Any:
        """Copies of the values of variables, by name; as quantities, or (`units=False`) numbers in PyNN's units.

        `vars`: a name or a list of names (None: all, of which subexpressions and i, N, t and dt only if asked for).
        `format`: "dict", or "pandas" for a DataFrame of one row a cell, which has no units and needs the package.
        """
        group = self._group
        simple = {"i": np.arange(self.size), "N": self.size, "t": self._simulation.t, "dt": self._simulation.dt}
        if vars is None:
            equations = group._model.equations
            names = [
                n for n in group._variable_names()
                if subexpressions or n not in equations or equations[n].kind != "subexpression"
            ] + (list(simple) if read_only_variables else [])
        else:
            names = [vars] if isinstance(vars, str) else list(vars)
        if format not in ("dict", "pandas"):
            raise InvalidParameterValueError(f"get_states: format must be 'dict' or 'pandas', not {format!r}.")
        result: dict[str, Any] = {}
        for name in names:
            if name in simple and name not in group._units:
                known = units and name in ("t", "dt")
                result[name] = quantity_of(simple[name], "ms") if known else simple[name]
                continue
            unit = self._unit(name)
            values = self._present(name)
            result[name] = quantity_of(values, unit) if units else values
        if format == "dict":
            return result
        if units:
            raise CapabilityError("get_states(format='pandas') has no units: say units=False.")
        return _pandas().DataFrame({n: np.broadcast_to(values, (self.size,)) for n, values in result.items()})

    def set_states(self, values: Any, units: bool = True, format: str = "dict") -> None:
        """Assign to several variables, from a dictionary or (`format="pandas"`) a DataFrame as get_states() gives.

        Nothing is changed if a name is not that of a variable. Numbers without a unit are in PyNN's.
        """
        if format not in ("dict", "pandas"):
            raise InvalidParameterValueError(f"set_states: format must be 'dict' or 'pandas', not {format!r}.")
        given = {str(n): np.asarray(values[n]) for n in values.columns} if format == "pandas" else dict(values)
        for name in given:
            self._unit(name)
        for name, value in given.items():
            self._assign(name, value, None)

    def run_at(
        self, code: str, times: Any, when: str = "start", order: int = 0, name: str | None = None
    ) -> NetworkOperation:
        """Execute statements for all cells at the times given (ms or a quantity), before the states are updated.

        Times are rounded to the grid; InvalidTimeError for one that is there twice. Returns the operation, which
        ``active = False`` pauses.
        """
        return self._schedule_code(
            code, "run_at", lambda execute, label: AtTimes(execute, times, when, order, name or label)
        )

    def run_regularly(
        self, code: str, dt: Any = None, clock: Any = None, when: str = "start", order: int = 0, name: str | None = None
    ) -> NetworkOperation:
        """Execute statements for all cells in every step, or every `dt` ms, before the states are updated.

        Returns the operation, which ``active = False`` pauses.
        """
        return self._schedule_code(
            code, "run_regularly",
            lambda execute, label: NetworkOperation(execute, dt, clock, when, order, name or label),
        )  # fmt: skip

    def _schedule_code(self, code: str, part: str, make: Any) -> NetworkOperation:
        """Have statements executed by an operation that `make` gives for a function and a name."""
        text = Text(code, self.label, part)
        parsed = list(brian.statements(text))
        for variable, _, offset, _ in parsed:
            equation = self._group._model.equations.get(variable)
            if equation is not None and equation.kind == "subexpression":
                text.fail(f"'{variable}' is a subexpression and cannot be changed.", offset, len(variable))
        count = sum(o.kind == "network operation" for o in self._simulation.schedule.operations)
        operation: NetworkOperation = make(lambda: self._execute(parsed), f"{self.label}_{part}_{count}")
        self._execute(parsed, dry=True)
        self._simulation.schedule.add(operation, self._simulation.dt)
        return operation

    def _execute(self, parsed: Any, dry: bool = False) -> None:
        local: dict[str, Any] = {}
        units = self._group._units
        for name, operator, offset, piece in parsed:
            evaluator = _Evaluator(self, piece, local)
            values, exponents = evaluator.visit(piece.tree)
            if name not in units:
                if operator != "=":
                    piece.text.fail(f"'{name}' is not known here.{nearest(name, units)}", offset, len(name))
                local[name] = (values, exponents)
                continue
            if operator in ("=", "+=", "-="):
                new = evaluator.in_unit(values, exponents, units[name])
            elif any(exponents):
                piece.fail(f"'{name} {operator}' takes a plain number, not one in {brian_units.pynn_unit(exponents)}.")
            else:
                new = values
            if operator != "=":
                old = self._present(name).astype(float)
                new = _CHANGES[operator](old, new)
            if not dry:
                self._assign(name, np.array(np.broadcast_to(new, (self.size,)), dtype=float), None)


class ReadOnlyVariableError(PyNNError, TypeError):
    """An assignment to what cannot be assigned to."""


class NeuronGroup(Population, _Variables):
    """A population from Brian2's description of it.

    `N`: number of cells, or a tuple (a grid). `model`: equations as text or `Equations`. `threshold`: condition of a
    spike; `reset`: statements; `refractory`: a time (ms or a quantity) or text, a time or a condition to stay
    refractory. `events`: further conditions by name. `namespace`: values of names that the model takes from outside;
    without it they are looked up where the group is made. `dt` or `clock`: an own interval of update. `method`: of
    integration; by default the best that fits, see ``group.celltype.method``. `method_options`: Brian2's options of
    methods; those that would change a result are a CapabilityError. Raises EquationError, with line and
    caret, for text that is wrong. Time, refractoriness and delays are PyNN's.
    """

    _script: ClassVar[Any] = None

    def __init__(
        self,
        N: Any,
        model: Any,
        method: Any = None,
        threshold: str | None = None,
        reset: str | None = None,
        refractory: Any = False,
        events: Mapping[str, str] | None = None,
        namespace: Mapping[str, Any] | None = None,
        dtype: Any = None,
        dt: Any = None,
        clock: Any = None,
        order: int = 0,
        name: str = "neurongroup*",
        codeobj_class: Any = None,
        method_options: Mapping[str, Any] | None = None,
    ) -> None:
        check_method_options(method, method_options)
        simulation = self._script.simulation
        frame = None if namespace is not None else sys._getframe(1)
        label = _label(name, [p.label for p in simulation.populations])
        type_name = re.sub(r"\W", "_", label)
        if not isinstance(N, tuple) and (isinstance(N, bool) or not isinstance(N, int | np.integer) or N < 1):
            raise InvalidParameterValueError(f"NeuronGroup: N must be a whole number of at least 1, not {N!r}.")
        if codeobj_class is not None:
            raise CapabilityError(
                "codeobj_class is not available; the backend generates its code itself. sim.setup(engine=...) "
                "chooses how."
            )
        parsed = brian.read_model(model, type_name, threshold, reset, refractory, events)
        _check_dtype(dtype, parsed)
        if namespace is not None:
            _check_namespace(namespace)
        surroundings = None if frame is None else {**frame.f_globals, **frame.f_locals}
        brian.resolve(parsed, namespace or {}, surroundings)
        interval = interval_of(dt, clock, "NeuronGroup")
        self._interval = interval if interval and whole_steps(interval, simulation.dt, "dt of the group") > 1 else 0.0
        self._method = method
        self._type_name = type_name
        self._links: dict[str, LinkedVariable] = {}
        self._extra: set[str] = set()
        self.order = check_order(order, "NeuronGroup")
        self.namespace = dict(parsed.namespace)
        if threshold is not None and reset is None and parsed.refractory is None and "rand" not in str(threshold):
            warnings.warn(
                f"'{label}' has a threshold, but neither reset nor refractory: a cell spikes in every step in "
                "which the "
                "condition holds.",
                UserWarning,
                stacklevel=user_stacklevel(),
            )
        cell_type = brian.make_cell_type(parsed, type_name, method, self._interval, simulation.dt)
        self._watch: Any = None
        self._last_spikes: tuple[int, Any] = (-1, None)
        # From here on attributes are variables.
        super().__init__(N, cell_type(), label=label)
        self._units = _units(parsed, cell_type)
        self._schedules = {event: ("after_thresholds", 0) for event in parsed.events}
        self._model = parsed
        for variable, equation in parsed.equations.items():
            if "linked" in equation.flags:
                self._follow(variable)

    @property
    def _group(self) -> NeuronGroup:
        return self

    def _variable_names(self) -> list[str]:
        return list(self._units)

    @property
    def value_names(self) -> list[str]:
        """Names of the variables."""
        return [*self._units, *(n for n in super().value_names if n not in self._units)]

    def present_values(self, name: str) -> Any:
        """Present values of a variable in PyNN's unit, subexpressions and linked variables among them."""
        return np.asarray(self._present(name), dtype=float) if name in self._units else super().present_values(name)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int | np.integer) and not isinstance(index, bool | np.bool_):
            return self._cell(index)
        return Subgroup(self, index)

    @property
    def spikes(self) -> Any:
        """Indices of the cells that fired in the last step, those of this MPI rank.

        They are watched from the first time on that they are asked for; InvalidTimeError where that is after a run.
        """
        owner = self._owner
        owner.require_open()
        if self._watch is None:
            begun = owner.current_step > 0 and owner.is_built(self._spec)
            self._watch = owner.start_recording(self.id, "spikes", np.arange(self.size))
            if begun:
                raise InvalidTimeError(
                    f"'{self.label}': which cells fired last is known from now on, since .spikes is asked for the "
                    "first time. Ask for it once before the run."
                )
        if not owner.is_built(self._spec) or owner.current_step == 0:
            return np.empty(0, dtype=np.int64)
        found: Any = owner.collect(self._watch)
        last = np.sort(np.asarray(found.cells)[np.asarray(found.steps) == owner.current_step])
        if len(found.steps) > _SPIKES_KEPT:
            owner.clear_recording(self._watch)
            self._last_spikes = owner.current_step, last
        elif not last.size and self._last_spikes[0] == owner.current_step:
            last = self._last_spikes[1]
        return last.astype(np.int64)

    def before_run(self, run_namespace: Mapping[str, Any] | None = None) -> None:
        """Check that all is there for a run, without one; with `run_namespace` other values of names from outside.

        Equations were checked when the group was made. Raises UnlinkedVariableError for a linked variable that nothing
        was assigned to, SimulatorError for a variable that is not a number, CapabilityError for other values after a
        run, and UnknownVariableError for names that the model does not take from outside.
        """
        self._owner.require_open()
        if run_namespace:
            _check_namespace(run_namespace)
            unknown = [n for n in run_namespace if n not in self._model.namespace]
            if unknown:
                raise UnknownVariableError(
                    f"'{self.label}' takes no '{unknown[0]}' from outside.{nearest(unknown[0], self._model.namespace)} "
                    f"It takes: {', '.join(self._model.namespace) or 'nothing'}."
                )
            outside = {n: v for n, v in self._model.namespace.items() if n not in run_namespace}
            before, self.namespace = self.namespace, {**self.namespace, **run_namespace}
            try:
                self._replace_model(brian.without(self._model, namespace=outside))
            except PyNNError:
                self.namespace = before
                raise
        for name in self._variable_names():
            values = np.asarray(self._present(name), dtype=float)
            bad = np.flatnonzero(~np.isfinite(values))
            if bad.size and name != "lastspike":
                raise SimulatorError(f"'{name}' of cell {bad[0]} of {self.label} is {values[bad[0]]} before the run.")

    # --- introspection ---------------------------------------------------------------------------------------

    @property
    def N(self) -> int:
        """Number of cells."""
        return self.size

    @property
    def name(self) -> str:
        """The label."""
        return self.label

    @property
    def events(self) -> dict[str, str]:
        """Conditions by event; "spike" among them."""
        result = {} if self._model.threshold is None else {"spike": self._model.threshold.text.source}
        return {**result, **{name: piece.text.source for name, piece in self._model.events.items()}}

    @property
    def event_codes(self) -> dict[str, str]:
        """Statements by event."""
        result = {} if self._model.reset is None else {"spike": self._model.reset.source}
        return {**result, **{name: text.source for name, text in self._model.codes.items()}}

    @property
    def user_equations(self) -> brian.Equations:
        """The equations as they were given."""
        return brian.Equations(self._model.text.source)

    @property
    def equations(self) -> str:
        """The equations as the backend gets them, in our own notation."""
        return str(self.definition.equations)

    @property
    def method_choice(self) -> Any:
        """The method that was asked for; ``celltype.method`` says which was taken."""
        return self._method

    def add_attribute(self, name: str) -> None:
        """Allow an attribute that is not a variable."""
        if name in self._units or hasattr(type(self), name):
            raise UnknownVariableError(f"'{self.label}' has a variable or attribute '{name}' already.")
        self._extra.add(name)

    # --- events ----------------------------------------------------------------------------------------------

    def run_on_event(self, event: str, code: str, when: str = "after_resets", order: int | None = None) -> None:
        """Execute statements in the cells in which `event` happens, after the reset of those that spike.

        Must come before the first run. One block of code an event: a second one is an InvalidParameterValueError.
        """
        what = f"'{self.label}', event '{event}'"
        self._check_event(event)
        if event in self.event_codes:
            raise InvalidParameterValueError(f"{what} has code already: {self.event_codes[event]!r}.")
        check_slot(when, _CODE_SLOTS, what, "Code of events is executed after the reset.")
        text = Text(code, self._type_name, f"event '{event}'")
        orders = {**self._model.orders, event: self.order if order is None else check_order(order, what)}
        if event == "spike" and self._model.threshold is not None:
            changed = brian.without(self._model, reset=text)
        else:
            changed = brian.without(self._model, codes={**self._model.codes, event: text}, orders=orders)
        self._replace_model(changed)

    def set_event_schedule(self, event: str, when: str = "after_thresholds", order: int | None = None) -> None:
        """Say in which slot the condition of `event` is tested; one of those around the thresholds."""
        what = f"'{self.label}', event '{event}'"
        self._check_event(event)
        check_slot(
            when, _TEST_SLOTS, what,
            "Conditions are tested once a step, on the new values, before spikes arrive and before the reset.",
        )  # fmt: skip
        self._schedules[event] = (when, self.order if order is None else check_order(order, what))

    def _check_event(self, event: str) -> None:
        if event not in self.events:
            hint = " Did you forget to give a threshold?" if event == "spike" else nearest(event, self.events)
            raise InvalidParameterValueError(
                f"'{self.label}' has no event '{event}'.{hint} Events: {', '.join(self.events) or 'none'}."
            )

    def _replace_model(self, model: brian.Model) -> None:
        if self._owner.is_built(self._spec):
            raise CapabilityError(f"'{self.label}' has run already; code of events must be given before the first run.")
        surroundings = {**self.namespace}
        brian.resolve(model, surroundings, None)
        cell_type = brian.make_cell_type(model, self._type_name, self._method, self._interval, self._owner.dt)
        old = self._spec
        instance = cell_type()
        definition = instance.definition
        moved = {**old.parameters, **old.initial_values}
        self._celltype = instance
        old.model = definition
        old.parameters = {n: moved.get(n, p.default) for n, p in definition.parameters.items()}
        old.initial_values = {n: moved.get(n, s.initial) for n, s in definition.states.items()}
        self._model = model
        self._units = _units(model, cell_type)

    # --- links -----------------------------------------------------------------------------------------------

    def _link(self, name: str, link: LinkedVariable) -> None:
        source = link.group
        unit, other = self._units[name], source._unit(link.name)
        if {unit, other} & set(brian_units.TYPES) and unit != other:
            raise UnitsError(f"'{name}' is {unit}, but {source.label}.{link.name} is {other}.")
        if unit not in brian_units.TYPES:
            try:
                factor(other, unit)
            except UnitsError as error:
                raise UnitsError(f"'{name}' is in {unit}, but {source.label}.{link.name} is in {other}.") from error
        if link.index is None:
            if source.size not in (1, self.size):
                raise InvalidDimensionsError(
                    f"'{self.label}' has {self.size} cells and '{source.label}' {source.size}; give index=, the "
                    "cell of "
                    "the source for each cell."
                )
        else:
            index = link.index if not isinstance(link.index, str) else self._present(link.index)
            array = np.asarray(index)
            if array.shape != (self.size,) or array.dtype.kind not in "iu":
                raise InvalidDimensionsError(f"index needs {self.size} whole numbers, one a cell, not {link.index!r}.")
            if array.size and (array.min() < 0 or array.max() >= source.size):
                raise InvalidDimensionsError(f"index has values outside 0 to {source.size - 1}.")
            link.index = array
        self._links[name] = link

    def _linked_values(self, name: str) -> Any:
        """Present values of what a linked variable follows, in its own unit."""
        link = self._links.get(name)
        if link is None:
            raise UnlinkedVariableError(f"'{self.label}': '{name}' is not linked yet; assign linked_var(...) to it.")
        values = link.group._present(link.name)
        index = (
            link.index if link.index is not None else np.zeros(self.size, int) if link.group.size == 1 else slice(None)
        )
        numbers = np.array(np.broadcast_to(values[index], (self.size,)), dtype=float)
        if self._units[name] not in brian_units.TYPES:
            numbers *= factor(link.group._unit(link.name), self._units[name])
        return numbers

    def _follow(self, name: str) -> None:
        def copy() -> None:
            numbers = self._linked_values(name)
            store = self._spec.parameters if name in self.definition.parameters else self._spec.initial_values
            self._write(name, np.arange(self.size), numbers, store)

        operation = NetworkOperation(copy, None, None, "before_start", self.order, f"{self.label}.{name} (linked)")
        self._owner.schedule.add(operation, self._owner.dt)

    def _repr_html_(self) -> str:
        from html import escape

        return f"<div><b>{escape(self.label)}</b>, {self.size} cells</div>{self._shown_type()}"

    def _shown_type(self) -> str:
        described: str = getattr(self.celltype, "_repr_html_")()  # noqa: B009  # as notebooks find it
        return described

    def _repr_latex_(self) -> str:
        return self.user_equations._repr_latex_()

    def __repr__(self) -> str:
        return f"NeuronGroup({self.size}, {self._type_name}, label={self.label!r})"


class Subgroup(PopulationView, _Variables):
    """Some cells of a group, with the group's variables as attributes."""

    @property
    def _group(self) -> NeuronGroup:
        root = self._root
        if not isinstance(root, NeuronGroup):
            raise InvalidModelError(f"'{self.label}' is not a part of a NeuronGroup.")
        return root

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int | np.integer) and not isinstance(index, bool | np.bool_):
            return self._cell(index)
        return Subgroup(self, index)


def _units(model: brian.Model, cell_type: Any) -> dict[str, str]:
    units = {name: equation.unit for name, equation in model.equations.items()}
    if model.refractory is not None:
        for name, unit in cell_type.definition.units.items():
            if name in ("lastspike", "not_refractory"):
                units[name] = unit or "boolean"
    return units


def _pandas() -> Any:
    try:
        return importlib.import_module("pandas")
    except ImportError as error:
        raise MissingPackageError(
            f"format='pandas' needs the package pandas, which cannot be imported ({error}): pip install pandas"
        ) from error


def _label(name: str, used: Iterable[str]) -> str:
    if not isinstance(name, str):
        raise InvalidParameterValueError(f"NeuronGroup: name must be text, not {name!r}.")
    taken = set(used)
    if not name.endswith("*"):
        if name in taken:
            raise InvalidParameterValueError(f"There is a population '{name}' already; choose another name.")
        return name
    base, number = name[:-1], 0
    while (base if not number else f"{base}_{number}") in taken:
        number += 1
    return base if not number else f"{base}_{number}"


def check_method_options(method: Any, options: Mapping[str, Any] | None) -> None:
    """Accept options that hold here anyway; KeyError for unknown ones, CapabilityError for what is done otherwise."""
    adaptive = isinstance(method, str) and (method.startswith("gsl") or method == "rk45")
    possible = _ADAPTIVE_OPTIONS if adaptive else _OTHER_OPTIONS
    for name, value in (options or {}).items():
        if name not in possible:
            raise UnknownVariableError(
                f"method_options: '{name}' is no option of method {method!r}.{nearest(str(name), possible)} Options: "
                f"{', '.join(possible)}."
            )
        if value not in possible[name]:
            raise CapabilityError(
                f"method_options: {name}={value!r} is not available; {possible[name][0]!r} is what is done. Adaptive "
                "steps keep errors relative to each variable and its change; see docs/equations.md."
            )


def _check_namespace(namespace: Any) -> None:
    if not isinstance(namespace, Mapping):
        raise InvalidModelError(f"namespace must be a dictionary of values by name, not {namespace!r}.")
    for name in namespace:
        if not isinstance(name, str) or name.startswith("_") or not name.isidentifier():
            raise InvalidParameterValueError(
                f"namespace: {name!r} cannot be a name in a model; names begin with a letter."
            )


def _check_dtype(dtype: Any, model: brian.Model) -> None:
    if dtype is None:
        return
    given = (
        dtype
        if isinstance(dtype, Mapping)
        else {name: dtype for name, e in model.equations.items() if e.type == "float"}
    )
    kinds = {"float": "f", "integer": "iu", "boolean": "b"}
    for name, kind in given.items():
        if name not in model.equations:
            raise NonExistentParameterError(str(name), "dtype", model.equations, kind="variable")
        wanted = model.equations[name].type
        found = np.dtype(kind)
        if found.kind not in kinds[wanted]:
            raise InvalidModelError(f"dtype: '{name}' is a {wanted} variable and cannot be stored as {found}.")
        if found.itemsize < 8 and found.kind == "f":
            raise CapabilityError(f"dtype: '{name}' cannot be {found}; variables are stored in double precision.")


Exponents = brian_units.Exponents
_PLAIN: Exponents = (Fraction(0),) * 7


class _Evaluator:
    """The value of an expression in SI units, with the exponents of its unit, by NumPy, cell by cell."""

    def __init__(self, cells: _Variables, piece: Piece, local: Mapping[str, Any] | None = None) -> None:
        self.cells, self.piece, self.local = cells, piece, local or {}

    def in_unit(self, values: Any, exponents: Exponents, unit: str) -> Any:
        if unit in brian_units.TYPES:
            return np.asarray(values, dtype=float)
        wanted, size = _si(unit)
        zero = not np.any(values)
        if exponents != wanted and not zero:
            self.piece.fail(
                f"this is in {brian_units.pynn_unit(exponents)}, but {unit} is needed."
                if any(exponents) else f"this is a plain number, but {unit} is needed; give it a unit, as in 1*mV."
            )  # fmt: skip
        rounded = np.asarray(values, dtype=float) / size
        return np.where(
            np.isfinite(rounded),
            np.asarray([float(f"{x:.15g}") for x in np.atleast_1d(rounded).ravel()]).reshape(np.shape(rounded))
            if np.size(rounded) < 1000
            else rounded,
            rounded,
        )

    def visit(self, node: ast.expr) -> tuple[Any, Exponents]:
        if isinstance(node, ast.Constant):
            # Whole numbers as floats, because products of 64-bit integers overflow without a word.
            return node.value if isinstance(node.value, bool) else float(node.value), _PLAIN  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.UnaryOp):
            value, exponents = self.visit(node.operand)
            if isinstance(node.op, ast.Not):
                return np.logical_not(value), _PLAIN
            return (-np.asarray(value) if isinstance(node.op, ast.USub) else value), exponents
        if isinstance(node, ast.BoolOp):
            values = [np.asarray(self.visit(v)[0], dtype=bool) for v in node.values]
            combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            result = values[0]
            for value in values[1:]:
                result = combine(result, value)
            return result, _PLAIN
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        self.piece.fail("this has no place in an expression.", node)

    def _name(self, node: ast.Name) -> tuple[Any, Exponents]:
        name, cells, group = node.id, self.cells, self.cells._group
        if name in self.local:
            return self.local[name]  # type: ignore[no-any-return]
        if name in group._units:
            unit = group._units[name]
            values = cells._present(name)
            if unit in brian_units.TYPES:
                return values, _PLAIN
            exponents, size = _si(unit)
            return values * size, exponents
        simple = {"pi": np.pi, "e": np.e, "inf": np.inf, "i": np.arange(cells.size), "N": cells.size,
                  "True": True, "False": False}  # fmt: skip
        if name in simple:
            return simple[name], _PLAIN
        second = _si("s")[0]
        simulation = group._owner
        if name in ("t", "dt"):
            return (simulation.t if name == "t" else simulation.dt) * 1e-3, second
        if name == "t_in_timesteps":
            return simulation.current_step, _PLAIN
        if name in group.namespace:
            number, unit = brian_units.split(group.namespace[name])
            exponents, size = _si(unit)
            return number * size, exponents
        found = brian_units.meaning(name)
        if found is not None:
            return found[1], found[0]
        given = _surrounding(name)
        if given is not None:
            number, unit = brian_units.split(given)
            exponents, size = _si(unit)
            return float(np.asarray(number)) * size, exponents
        known = [*group._units, *group.namespace, *simple]
        self.piece.fail(f"'{name}' is not known here.{nearest(name, known)} Known: {', '.join(known)}.", node)

    def _compare(self, node: ast.Compare) -> tuple[Any, Exponents]:
        operators = {ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal,
                     ast.Eq: np.equal, ast.NotEq: np.not_equal}  # fmt: skip
        sides = [self.visit(n) for n in (node.left, *node.comparators)]
        result: Any = True
        for k, operator in enumerate(node.ops):
            (a, first), (b, second) = sides[k], sides[k + 1]
            self._alike(a, first, b, second, node)
            if type(operator) not in operators:
                self.piece.fail("comparisons are < <= > >= == !=.", node)
            result = np.logical_and(result, operators[type(operator)](a, b))
        return result, _PLAIN

    def _alike(self, a: Any, first: Exponents, b: Any, second: Exponents, node: ast.expr) -> None:
        if first != second and np.any(a) and np.any(b):
            names = [brian_units.pynn_unit(e) if any(e) else "a plain number" for e in (first, second)]
            self.piece.fail(f"units do not fit: {names[0]} and {names[1]}.", node)

    def _binary(self, node: ast.BinOp) -> tuple[Any, Exponents]:
        (a, first), (b, second) = self.visit(node.left), self.visit(node.right)
        op = node.op
        if isinstance(op, ast.Add | ast.Sub | ast.Mod):
            self._alike(a, first, b, second, node)
            function = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mod: np.mod}[type(op)]  # type: ignore[index]
            return function(a, b), first if any(first) else second
        if isinstance(op, ast.Mult):
            return np.multiply(a, b), tuple(x + y for x, y in zip(first, second, strict=True))
        if isinstance(op, ast.Div | ast.FloorDiv):
            value = np.true_divide(a, b) if isinstance(op, ast.Div) else np.floor_divide(a, b)
            return value, tuple(x - y for x, y in zip(first, second, strict=True))
        if isinstance(op, ast.Pow):
            if any(second) or (any(first) and np.ndim(b)):
                self.piece.fail("an exponent is one plain number.", node.right)
            if any(first) and not np.isfinite(b):
                self.piece.fail("an exponent of a unit is a finite number.", node.right)
            power = Fraction(float(b)).limit_denominator(12) if any(first) else Fraction(1)
            return np.power(np.asarray(a, dtype=float), b), tuple(x * power for x in first)
        self.piece.fail("the operators are + - * / // % **.", node)

    def _call(self, node: ast.Call) -> tuple[Any, Exponents]:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        own = self.cells._group.namespace.get(name)
        if isinstance(own, UserFunction):
            return self._own_function(own, node)
        if name not in brian.FUNCTIONS:
            self.piece.fail(f"'{name}' is not a function here.{nearest(name, brian.FUNCTIONS)}", node)
        if len(node.args) != brian.FUNCTIONS[name]:
            self.piece.fail(f"{name} takes {brian.FUNCTIONS[name]} argument(s).", node)
        arguments = [self.visit(a) for a in node.args]
        values = [v for v, _ in arguments]
        if name in brian.STATEFUL:
            return self._random(name, values), _PLAIN
        exponents = arguments[0][1]
        if name == "clip":
            return np.clip(values[0], values[1], values[2]), exponents
        if name == "timestep":
            return np.floor((np.asarray(values[0]) + 1e-3 * values[1]) / values[1]), _PLAIN
        if name == "int":
            return np.trunc(np.asarray(values[0], dtype=float)), _PLAIN
        if name in ("abs", "ceil", "floor"):
            return getattr(np, name)(values[0]), exponents
        if name == "sqrt":
            return np.sqrt(values[0]), tuple(e / 2 for e in exponents)
        if name == "sign":
            return np.sign(values[0]), _PLAIN
        if any(exponents):
            self.piece.fail(
                f"the argument of {name} must be a plain number; it is in {brian_units.pynn_unit(exponents)}.", node
            )
        if name == "exprel":
            x = np.asarray(values[0], dtype=float)
            small = np.abs(x) < 1e-5
            return np.where(small, 1.0 + x / 2.0, np.expm1(x) / np.where(small, 1.0, x)), _PLAIN
        return getattr(np, name)(values[0]), _PLAIN

    def _own_function(self, function: UserFunction, node: ast.Call) -> tuple[Any, Exponents]:
        if len(node.args) != len(function.arguments):
            self.piece.fail(f"{function.name} takes {len(function.arguments)} argument(s).", node)
        numbers = []
        for argument, unit in zip(node.args, function.units.values(), strict=True):
            value, exponents = self.visit(argument)
            wanted, size = _si(unit)
            if exponents != wanted and np.any(value):
                self.piece.fail(f"this argument of {function.name} must be in {unit or 'no unit'}.", argument)
            numbers.append(np.asarray(value, dtype=float) / size)
        exponents, size = _si(function.returns)
        return np.asarray(function(*numbers)) * size, exponents

    def _random(self, name: str, values: list[Any]) -> Any:
        simulation = self.cells._group._owner
        key = derive_key(simulation.settings.rng_seed, "expression", self.cells._group.id, simulation.next_draw())
        rows = np.asarray(self.cells._cells())
        if name == "rand":
            return uniforms(key, rows, 0)
        if name == "randn":
            return normals(key, rows, 0)
        generator = np.random.Generator(np.random.Philox(key=key))
        return generator.poisson(values[0], size=self.cells._group.size)[rows]


def _surrounding(name: str) -> Any:
    """The number or quantity that a name stands for where a script uses a group; None for anything else."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "pyNN":
        frame = frame.f_back
    given = frame.f_locals.get(name, frame.f_globals.get(name))
    number = isinstance(given, int | float | np.number) or brian_units.is_quantity(given)
    return given if number and np.size(given) == 1 else None


def _si(unit: str) -> tuple[Exponents, float]:
    if unit in ("", "1"):
        return _PLAIN, 1.0
    simple = quantity(unit).simplified
    exponents = dict.fromkeys(("m", "kg", "s", "A", "K", "mol", "cd"), Fraction(0))
    for symbol, power in simple.dimensionality.items():
        exponents[str(symbol.symbol)] = Fraction(power).limit_denominator(12)
    return tuple(exponents.values()), float(f"{float(simple.magnitude):.12g}")


__all__ = [
    "EquationError", "LinkedVariable", "NeuronGroup", "Subgroup", "TimedArray", "VariableView", "linked_var"
]  # fmt: skip
