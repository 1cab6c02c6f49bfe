"""Parameter values before and after they are evaluated: numbers, arrays, functions, distributions, expressions.

A `ParameterSpace` holds what a script wrote, checked as far as that is possible without knowing how many cells there
are. `lower_values` and `lower_sequences` turn one of those values into numbers once it is known.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np
import quantities as pq
from lazyarray import VectorizedIterable, larray, partial_shape
from numpy.typing import NDArray

from pyNN.core import is_listlike
from pyNN.errors import (
    ExpressionError,
    InvalidDimensionsError,
    InvalidParameterValueError,
    NonExistentParameterError,
    UnitsError,
)
from pyNN.expressions import Expression
from pyNN.random import AbstractRNG, NativeRNG, NumpyRNG, RandomDistribution
from pyNN.random.streams import derive_key
from pyNN.units import quantity

FloatArray = NDArray[np.float64]


class ArrayParameter:
    """A parameter value that is itself an array: one for each cell, such as the coefficients of a kernel.

    It has no length on purpose, so that NumPy and lazy arrays take it for one value.
    """

    value: FloatArray

    def __init__(self, value: Any) -> None:
        numbers = value.value if isinstance(value, ArrayParameter) else value
        if not isinstance(numbers, np.ndarray) and isinstance(numbers, Iterable):
            numbers = list(numbers)
        try:
            self.value = np.array(numbers, dtype=float)
        except (TypeError, ValueError) as error:
            raise InvalidParameterValueError(
                f"{type(self).__name__} takes numbers, such as [1.0, 2.5, 7.3], not {_short(value)}."
            ) from error

    def _combined(self, operation: Callable[[Any, Any], Any], val: Any) -> Any:
        """The operation with a scalar, or an array of one result for each element of `val`."""
        if isinstance(val, ArrayParameter):
            return type(self)(operation(self.value, val.value))
        if not is_listlike(val):
            return type(self)(operation(self.value, val))
        results = np.empty(len(val), dtype=object)
        for i, x in enumerate(val):
            results[i] = type(self)(operation(self.value, x))
        return results

    def __add__(self, val: Any) -> Any:
        return self._combined(np.add, val)

    def __sub__(self, val: Any) -> Any:
        return self._combined(np.subtract, val)

    def __mul__(self, val: Any) -> Any:
        return self._combined(np.multiply, val)

    def __truediv__(self, val: Any) -> Any:
        return self._combined(np.divide, val)

    __array_ufunc__ = None
    __radd__ = __add__
    __rmul__ = __mul__

    def __getitem__(self, item: Any) -> Any:
        return self.value[item]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrayParameter) and np.array_equal(self.value, other.value)

    def __hash__(self) -> int:
        return hash((self.value.shape, self.value.tobytes()))

    def max(self) -> float:
        """The largest element; -inf if there is none."""
        return float(self.value.max(initial=-np.inf))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value})"


class Sequence(ArrayParameter):
    """A list of numbers as the value of one cell's parameter, such as its spike times."""


class IonicSpecies:
    """An ion with its reversal potential (mV) and its concentrations inside and outside (mM), each None if unknown."""

    def __init__(
        self,
        ion_name: str,
        reversal_potential: float,
        internal_concentration: float | None = None,
        external_concentration: float | None = None,
    ) -> None:
        self.ion_name = ion_name
        self.reversal_potential = reversal_potential
        self.internal_concentration = internal_concentration
        self.external_concentration = external_concentration

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IonicSpecies) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    def __repr__(self) -> str:
        return f"IonicSpecies({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


class LazyArray(larray):
    """An array whose elements are worked out when they are asked for.

    `value` may be a number, an array, an iterator, a RandomDistribution, a function f(i) or f(i, j) of indices, or a
    text that is an expression in the distance d, such as "exp(-d/100)"; ExpressionError if it is not a valid one.
    """

    def __init__(self, value: Any, shape: Any = None, dtype: Any = None) -> None:
        if isinstance(value, str):
            value = Expression(value, ("d",))
        if isinstance(value, LazyArray):
            _check_shapes(value.shape, shape)
            super().__init__(value, shape, dtype)
            self.operations: list[Any] = list(value.operations)
        elif value is None or isinstance(value, ArrayParameter | Mapping) or callable(value):
            self.base_value, self._shape, self.dtype, self.operations = value, shape, dtype, []
        else:
            array = np.array(value, dtype=_array_type(dtype)) if is_listlike(value) else value
            _check_shapes(np.shape(array) if isinstance(array, np.ndarray) else (), shape)
            super().__init__(array, shape, dtype if not isinstance(array, np.ndarray) else None)
            self.dtype = dtype

    def __deepcopy__(self, memo: Any) -> LazyArray:
        # A copied generator would give the same numbers a second time, so distributions and functions are shared.
        new = LazyArray.__new__(type(self))
        base = self.base_value
        new.base_value = copy.deepcopy(base, memo) if isinstance(base, np.ndarray | ArrayParameter) else base
        new._shape, new.dtype = self._shape, self.dtype
        new.operations = [(f, copy.deepcopy(arg, memo)) for f, arg in self.operations]
        return new

    def _set_shape(self, value: Any) -> None:
        if isinstance(self.base_value, np.ndarray):
            _check_shapes(self.base_value.shape, value)
        super()._set_shape(value)

    shape = property(fget=lambda self: self._shape, fset=_set_shape, doc="Shape of the array, or None if not known.")

    @property
    def is_homogeneous(self) -> bool:
        """Whether all elements are surely equal."""
        same = self.base_value is None or isinstance(self.base_value, Number | np.generic | ArrayParameter | Mapping)
        return same and all(arg.is_homogeneous for _, arg in self.operations if isinstance(arg, larray))

    def evaluate(self, simplify: bool = False, empty_val: Any = 0) -> Any:
        """All elements as an array; a single value if `simplify` and all are the same. None stays None."""
        if self._shape is None and not (simplify and self.is_homogeneous):
            raise InvalidDimensionsError("The shape of this array is not known yet; set it, e.g. array.shape = (10,).")
        return self._evaluated(None, simplify)

    def _partially_evaluate(self, addr: Any, simplify: bool = False) -> Any:
        return self._evaluated(addr, simplify)

    def _evaluated(self, addr: Any, simplify: bool) -> Any:
        """The elements at `addr`, or all of them if it is None."""
        base = self.base_value
        if self.is_homogeneous:
            if base is None:
                return None
            if simplify:
                return self._apply_operations(base, addr, simplify=True)
            if addr is not None:
                self.check_bounds(addr)
            shape = self._shape if addr is None else self._partial_shape(addr)
            value = _filled(base, shape, self.dtype)
        elif isinstance(base, np.ndarray):
            value = base if addr is None else base[addr]
        elif isinstance(base, RandomDistribution):
            if addr is not None:
                self.check_bounds(addr)
            value = base.lazily_evaluate(mask=addr, shape=self._shape)
        elif callable(base):
            value = self._call(base, addr)
        elif addr is None:
            value = super().evaluate(simplify=simplify)
            return value
        else:
            return super()._partially_evaluate(addr, simplify=simplify)
        return self._apply_operations(value, addr, simplify=simplify)

    def _call(self, function: Callable[..., Any], addr: Any) -> Any:
        if isinstance(function, Expression):
            raise ExpressionError(
                f"'{function.text}' is an expression in the distance between two cells, and here there is none: "
                "give a number, an array, a distribution or a function of the index."
            )
        everything = tuple(slice(None) for _ in self._shape)
        indices = self._array_indices(everything if addr is None else addr)
        if len(indices) == 1:
            i = np.asarray(indices[0])
            values = call_for_cells(function, np.atleast_1d(i), _array_type(self.dtype) is object)
            return values if i.ndim else values[0]
        return np.asarray(function(*indices), dtype=_array_type(self.dtype))

    def by_column(self, mask: Any = None) -> Iterator[Any]:
        """Go through the columns of a 2-D array: a single number where the array is homogeneous, else a 1-D array.

        `mask` (boolean, one per column) selects columns. Random numbers are drawn for all columns, so that a column's
        values do not depend on the mask.
        """
        if self._shape is None or len(self._shape) != 2:
            raise InvalidDimensionsError(f"by_column() needs a 2-D array; this one has shape {self._shape}.")
        rows, columns = self._shape
        selected = np.ones(columns, dtype=bool) if mask is None else np.zeros(columns, dtype=bool)
        if mask is not None:
            selected[mask] = True
        random_base = isinstance(self.base_value, RandomDistribution)
        for j in range(columns):
            if random_base:
                values = self.base_value.next(rows)
                if selected[j]:
                    yield self._apply_operations(values, (slice(None), j))
            elif selected[j]:
                yield self._partially_evaluate((slice(None), j), simplify=True)

    if TYPE_CHECKING:  # larray makes its operators at import, where a type checker does not see them.

        def __add__(self, val: Any) -> LazyArray: ...
        def __radd__(self, val: Any) -> LazyArray: ...
        def __sub__(self, val: Any) -> LazyArray: ...
        def __rsub__(self, val: Any) -> LazyArray: ...
        def __mul__(self, val: Any) -> LazyArray: ...
        def __rmul__(self, val: Any) -> LazyArray: ...
        def __truediv__(self, val: Any) -> LazyArray: ...
        def __rtruediv__(self, val: Any) -> LazyArray: ...
        def __pow__(self, val: Any) -> LazyArray: ...

    def __eq__(self, other: object) -> Any:
        if isinstance(other, larray):
            return (
                self._shape == other.shape
                and self.operations == other.operations
                and _same(self.base_value, other.base_value)
            )
        if isinstance(other, Number) and not self.operations:
            return bool(np.all(self.base_value == other))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(a, b)
    return bool(a == b)


def _array_type(dtype: Any) -> Any:
    """The NumPy type for elements of a lazy array's `dtype`: sequences are objects."""
    return object if isinstance(dtype, type) and issubclass(dtype, ArrayParameter | Mapping) else dtype


def _filled(value: Any, shape: Any, dtype: Any) -> Any:
    if shape == ():
        return value
    if isinstance(value, ArrayParameter | Mapping):
        result = np.empty(shape, dtype=object)
        for index in np.ndindex(result.shape):
            result[index] = value
        return result
    return np.full(shape, value, dtype=_array_type(dtype))


def _check_shapes(given: Any, wanted: Any) -> None:
    if given and wanted and tuple(given) != tuple(wanted):
        raise InvalidDimensionsError(
            f"{_count(given)} given where {_count(wanted)} needed: one value for each cell, or a single number for all."
        )


def _count(shape: Any) -> str:
    if len(shape) == 1:
        return f"{shape[0]} value{'s were' if shape[0] != 1 else ' was'}" if shape[0] != 0 else "no values were"
    return f"an array of shape {tuple(shape)} was"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


# --- one value, checked ---------------------------------------------------------------------------------------------


def check_range(name: str, values: Any, parameter: Any, owner: str) -> None:
    """Raise InvalidParameterValueError if any of the numbers is NaN, or below the minimum that `parameter` declares.

    `parameter` is a pyNN.models.Parameter, or None where only NaN is refused; `owner` is the model's name.
    """
    array = np.asarray(values, dtype=float)
    if not array.size:
        return
    smallest = array.min()
    if np.isnan(smallest):
        raise InvalidParameterValueError(f"{owner}: parameter '{name}' must be a number, and not NaN.")
    if parameter is None or parameter.minimum is None:
        return
    if smallest <= parameter.minimum if parameter.exclusive else smallest < parameter.minimum:
        bad = array <= parameter.minimum if parameter.exclusive else array < parameter.minimum
        rule = f"greater than {parameter.minimum:g}" if parameter.exclusive else f"at least {parameter.minimum:g}"
        given = f"{name}={array[bad].flat[0]:g} {parameter.unit}".rstrip()
        raise InvalidParameterValueError(f"{owner}: {given} is not possible, it must be {rule}.")


def _without_unit(value: Any, name: str, unit: str | None, owner: str) -> Any:
    """Numbers in the declared unit, where the user gave quantities."""
    if isinstance(value, pq.Quantity):
        if unit is None:
            raise UnitsError(f"{owner}: '{name}' has no declared unit, so give a number, not {value!r}.")
        try:
            return value.rescale(quantity(unit).units).magnitude.astype(float)[()]
        except ValueError as error:
            raise UnitsError(
                f"{owner}: {name}={value} cannot be converted to the unit of the parameter, "
                f"which is {unit or 'a plain number'}."
            ) from error
    if isinstance(value, list | tuple) and any(isinstance(v, pq.Quantity) for v in value):
        return [_without_unit(v, name, unit, owner) for v in value]
    return value


def _numbers(value: Any, name: str, owner: str) -> FloatArray:
    """A copy of `value` as floats, or the error that says what is wrong with it."""
    try:
        array = np.array(value)
        if array.dtype.kind not in "biuf":
            if array.dtype.kind != "O":
                raise TypeError(array.dtype)
            array = np.array(array.tolist())
            if array.dtype.kind not in "biuf":
                raise TypeError(array.dtype)
        return array.astype(float)
    except (TypeError, ValueError) as error:
        raise InvalidParameterValueError(
            f"{owner}: parameter '{name}' takes numbers, and {_short(value)} is not (only) numbers."
        ) from error


def _as_sequences(value: Any, kind: type[ArrayParameter], name: str, owner: str) -> Any:
    """One `kind` for all cells, or an object array of one for each cell."""

    def one(numbers: Any) -> ArrayParameter:
        if isinstance(numbers, ArrayParameter):
            return kind(_numbers(numbers.value, name, owner))
        return kind(_numbers(numbers, name, owner))

    if isinstance(value, ArrayParameter) or isinstance(value, Number | np.generic):
        return one(value)
    rows = list(value)
    nested = [isinstance(row, ArrayParameter) or is_listlike(row) for row in rows]
    if not any(nested):
        return one(rows)
    if not all(nested):
        raise InvalidParameterValueError(
            f"{owner}: '{name}' takes a list of numbers (for all cells), or a list of lists (one for each cell), and "
            f"{_short(value)} mixes numbers and lists."
        )
    result = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        result[i] = one(row)
    return result


class ParameterSpace:
    """Named parameter values of `component` (a model class), for cells or connections of the given shape.

    `schema` gives the type of each parameter: float, Sequence or ArrayParameter (lists become one value for all cells,
    lists of lists one for each cell), or a dictionary, for the parameters of a part of the component. Values are
    copied, so what the caller passed stays his own. Raises NonExistentParameterError, InvalidParameterValueError (no
    number, NaN, below the minimum, wrong unit) and InvalidDimensionsError.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any],
        schema: Mapping[str, Any] | None = None,
        shape: tuple[int, ...] | None = None,
        component: type | None = None,
    ) -> None:
        self._parameters: dict[str, Any] = {}
        self.schema = schema
        self._shape = shape
        self.component = component
        self._evaluated = False
        self._evaluated_shape: tuple[int, ...] | None = None
        self.update(**parameters)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of every value: (n,) for n cells, (n_pre, n_post) for connections, None if not known yet."""
        return self._shape

    @shape.setter
    def shape(self, shape: tuple[int, ...] | None) -> None:
        self._need_lazy("set the shape of")
        for name, value in self._parameters.items():
            if isinstance(value, LazyArray) and isinstance(value.base_value, np.ndarray):
                self._check_length(name, value.base_value.shape, shape)
        for value in self._parameters.values():
            value.shape = shape
        self._shape = shape

    @property
    def _owner(self) -> str:
        return "unknown" if self.component is None else self.component.__name__

    def _declared(self, name: str) -> Any:
        """The model's declaration of the parameter, or None."""
        definition = getattr(self.component, "definition", None)
        return None if definition is None else definition.parameters.get(name)

    def _check_length(self, name: str, given: tuple[int, ...], wanted: tuple[int, ...] | None) -> None:
        try:
            _check_shapes(given, wanted)
        except InvalidDimensionsError as error:
            raise InvalidDimensionsError(f"{self._owner}: parameter '{name}': {error}") from None

    def update(self, **parameters: Any) -> None:
        """Set some values. Either all of them are taken, or an exception is raised and nothing is changed."""
        self._need_lazy("change")
        if self.schema is not None:
            for name in parameters:
                if name not in self.schema:
                    raise NonExistentParameterError(name, self._owner, self.schema)
        self._parameters.update({name: self._checked(name, value) for name, value in parameters.items()})

    def _checked(self, name: str, value: Any) -> Any:
        kind = None if self.schema is None else self.schema[name]
        if isinstance(value, ParameterSpace) or isinstance(kind, Mapping):
            return self._checked_space(name, value, kind)
        declared = self._declared(name)
        value = _without_unit(value, name, None if declared is None else declared.unit, self._owner)
        if isinstance(value, LazyArray):
            new = copy.deepcopy(value)
            if isinstance(new.base_value, np.ndarray):
                self._check_length(name, new.base_value.shape, self._shape)
            new._shape = self._shape if self._shape is not None else new.shape
            new.dtype = kind if kind is not None else new.dtype
            return new
        if isinstance(kind, type) and issubclass(kind, ArrayParameter):
            value = self._checked_sequences(name, value, kind, declared)
        elif kind is float or kind is int:
            value = self._checked_numbers(name, value, kind, declared)
        elif isinstance(value, pq.Quantity | np.ndarray):
            value = np.array(value)
        if isinstance(value, np.ndarray):
            self._check_length(name, value.shape, self._shape)
        return LazyArray(value, shape=self._shape, dtype=kind)

    def _checked_space(self, name: str, value: Any, kind: Any) -> ParameterSpace:
        if isinstance(value, ParameterSpace):
            new = copy.deepcopy(value)
            new.shape = self._shape
            return new
        if isinstance(value, Mapping):
            return ParameterSpace(value, kind, self._shape, self.component)
        raise InvalidParameterValueError(
            f"{self._owner}: '{name}' stands for a group of parameters ({', '.join(kind)}); give a dictionary, "
            f"not {_short(value)}."
        )

    def _checked_sequences(self, name: str, value: Any, kind: type[ArrayParameter], declared: Any) -> Any:
        if callable(value) or isinstance(value, RandomDistribution):
            return value
        if isinstance(value, str | Mapping) or not (
            is_listlike(value) or isinstance(value, Number | np.generic | ArrayParameter | Iterable)
        ):
            raise InvalidParameterValueError(
                f"{self._owner}: parameter '{name}' takes a list of numbers, not {_short(value)}."
            )
        value = _as_sequences(value, kind, name, self._owner)
        for one in value if isinstance(value, np.ndarray) else [value]:
            check_range(name, one.value, declared, self._owner)
        return value

    def _checked_numbers(self, name: str, value: Any, kind: type, declared: Any) -> Any:
        if value is None:
            if declared is not None and declared.default is not None:
                raise InvalidParameterValueError(
                    f"{self._owner}: parameter '{name}' needs a number, None is not possible. "
                    f"Its default is {declared.default}."
                )
            return None
        if isinstance(value, str):
            return self._checked_expression(name, value)
        if isinstance(value, RandomDistribution | VectorizedIterable | Iterator) or callable(value):
            return value
        if isinstance(value, ArrayParameter | Mapping | set) or not (
            isinstance(value, Number | np.generic | np.ndarray) or is_listlike(value)
        ):
            raise InvalidParameterValueError(
                f"{self._owner}: parameter '{name}' takes a number, an array, a RandomDistribution, a function of the "
                f"index or (between cells) an expression in d, not {_short(value)}."
            )
        numbers = _numbers(value, name, self._owner)
        check_range(name, numbers, declared, self._owner)
        if kind is int:
            if (numbers != np.floor(numbers)).any():
                raise InvalidParameterValueError(f"{self._owner}: parameter '{name}' takes whole numbers, not {value}.")
            numbers = numbers.astype(int)
        return numbers if numbers.ndim else numbers.item()

    def _checked_expression(self, name: str, text: str) -> Expression:
        definition: Any = getattr(self.component, "definition", None)
        # A synapse type may have states too, and is told from a cell type by its weight.
        if (
            definition is not None
            and "weight" not in definition.parameters
            and (definition.states or definition.receptors or definition.source)
        ):
            raise InvalidParameterValueError(
                f"{self._owner}: parameter '{name}' takes a number and not the text {text!r}. A number is in PyNN's "
                f"unit{_of(definition, name)}; a quantity is converted, as in {_as_quantity(text)}. Expressions in the "
                "distance d are for connections."
            )
        try:
            return Expression(text, ("d",))
        except ExpressionError as error:
            raise ExpressionError(f"{self._owner}: parameter '{name}': {error}") from None

    # --- reading ---

    def keys(self) -> Any:
        """Names of the parameters."""
        return self._parameters.keys()

    def items(self) -> Any:
        """Pairs of name and LazyArray; after evaluate(), of name and value."""
        return self._parameters.items()

    def __getitem__(self, name: str) -> Any:
        try:
            return self._parameters[name]
        except KeyError:
            raise NonExistentParameterError(name, self._owner, self._parameters) from None

    def __contains__(self, name: object) -> bool:
        return name in self._parameters

    def pop(self, name: str, d: Any = None) -> Any:
        """Remove a parameter and return its value, or `d` if there is none of that name."""
        return self._parameters.pop(name, d)

    @property
    def is_homogeneous(self) -> bool:
        """Whether every parameter surely has the same value for all cells."""
        return all(
            value.is_homogeneous for value in self._parameters.values() if isinstance(value, LazyArray | ParameterSpace)
        )

    @property
    def _generators(self) -> list[AbstractRNG]:
        found = []
        for value in self._parameters.values():
            if isinstance(value, ParameterSpace):
                found += value._generators
            elif isinstance(value, LazyArray):
                bases = [value, *(arg for _, arg in value.operations if isinstance(arg, LazyArray))]
                distributions = [base.base_value for base in bases if isinstance(base.base_value, RandomDistribution)]
                found += [d.rng for d in distributions if d.rng is not None]
        return found

    @property
    def parallel_safe(self) -> bool:
        """Whether the values do not depend on the number of MPI processes."""
        return all(getattr(rng, "parallel_safe", False) for rng in self._generators)

    @property
    def has_native_rngs(self) -> bool:
        """Whether the simulator itself shall draw any of the values."""
        return any(isinstance(rng, NativeRNG) for rng in self._generators)

    # --- evaluating ---

    def _need_lazy(self, action: str) -> None:
        if self._evaluated:
            raise InvalidParameterValueError(f"Cannot {action} a parameter space that has been evaluated already.")

    def _need_evaluated(self, action: str) -> None:
        if not self._evaluated:
            raise InvalidParameterValueError(f"Call evaluate() before {action} a parameter space.")

    def evaluate(self, mask: Any = None, simplify: bool = False) -> None:
        """Replace every value by numbers: arrays, or single values where `simplify` and all are the same.

        `mask` (indices, or one boolean for each element of the shape) selects cells; random numbers are drawn for all
        cells first, so that a cell's value does not depend on the mask.
        """
        if self._shape is None:
            raise InvalidDimensionsError("The shape of the parameter space is not known yet; set it before evaluate().")
        for name, value in self._parameters.items():
            if isinstance(value, ParameterSpace):
                value.evaluate(mask=mask, simplify=simplify)
            elif mask is None:
                self._parameters[name] = value.evaluate(simplify=simplify)
            elif isinstance(value.base_value, RandomDistribution):
                self._parameters[name] = value.evaluate()[mask]
            else:
                self._parameters[name] = value._partially_evaluate(mask, simplify=simplify)
        self._evaluated = True
        self._evaluated_shape = self._shape if mask is None else partial_shape(mask, self._shape)

    def as_dict(self) -> dict[str, Any]:
        """Values by name: after evaluate() numbers and arrays; before, what was given (function, distribution, ...)."""
        result = {}
        for name, value in self._parameters.items():
            if isinstance(value, ParameterSpace):
                result[name] = value.as_dict()
            elif isinstance(value, LazyArray):
                result[name] = value if value.operations else value.base_value
            else:
                result[name] = value
        return result

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """One dictionary of values for each cell, in order; evaluate() comes first."""
        self._need_evaluated("iterating over")
        shape = self._evaluated_shape or ()
        if len(shape) != 1:
            raise InvalidDimensionsError(f"Iterating needs values for a row of cells; the shape is {shape}.")
        for i in range(shape[0]):
            yield self._element(i)

    def columns(self) -> Iterator[dict[str, Any]]:
        """One dictionary of values for each column (post-synaptic cell) of a 2-D space; evaluate() comes first."""
        self._need_evaluated("going through the columns of")
        shape = self._evaluated_shape or ()
        if len(shape) != 2:
            raise InvalidDimensionsError(f"columns() needs a 2-D parameter space; the shape is {shape}.")
        for j in range(shape[1]):
            yield self._element((slice(None), j))

    def _element(self, index: Any) -> dict[str, Any]:
        result = {}
        for name, value in self._parameters.items():
            if isinstance(value, ParameterSpace):
                result[name] = value._element(index)
            else:
                result[name] = value[index] if isinstance(value, np.ndarray) and value.ndim else value
        return result

    def expand(self, new_shape: tuple[int, ...], mask: Any) -> None:
        """Give the space a larger shape, in which the present elements are at `mask`; other elements become NaN."""
        self._need_lazy("expand")
        for value in self._parameters.values():
            if isinstance(value, ParameterSpace):
                value.expand(new_shape, mask)
                continue
            if isinstance(value.base_value, np.ndarray):
                old = value.base_value
                new = np.full(new_shape, np.nan, dtype=object if old.dtype == object else float)
                new[mask] = old
                value.base_value = new
            value.shape = new_shape
        self._shape = new_shape

    def flatten(self, with_prefix: bool = True) -> ParameterSpace:
        """A space without groups: the parameters of a group get the prefix "<group>." unless `with_prefix` is False."""
        flat = ParameterSpace({}, None, self._shape, self.component)
        for name, value in self._parameters.items():
            if isinstance(value, ParameterSpace):
                for inner, inner_value in value.flatten(with_prefix)._parameters.items():
                    flat._parameters[f"{name}.{inner}" if with_prefix else inner] = inner_value
            else:
                flat._parameters[name] = value
        flat._evaluated, flat._evaluated_shape = self._evaluated, self._evaluated_shape
        return flat

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ParameterSpace):
            return NotImplemented
        return (
            self._shape == other._shape
            and self._parameters.keys() == other._parameters.keys()
            and all(_same(value, other._parameters[name]) for name, value in self._parameters.items())
        )

    __hash__ = None  # type: ignore[assignment]

    def __deepcopy__(self, memo: Any) -> ParameterSpace:
        new = ParameterSpace({}, self.schema, self._shape, self.component)
        new._parameters = {name: copy.deepcopy(value, memo) for name, value in self._parameters.items()}
        new._evaluated, new._evaluated_shape = self._evaluated, self._evaluated_shape
        return new

    def __repr__(self) -> str:
        return f"<ParameterSpace {', '.join(self._parameters)}, shape={self._shape}>"


def simplify(value: Any) -> Any:
    """The common value of a 1-D array whose elements are all equal (NaN equals NaN); anything else unchanged."""
    if not isinstance(value, np.ndarray) or value.ndim != 1 or not value.size:
        return value
    first = value[0]
    if value.dtype == object:
        return first if all(_same(first, other) for other in value[1:]) else value
    same = value == first
    if value.dtype.kind == "f" and np.isnan(first):
        same = np.isnan(value)
    return first if same.all() else value


def simplify_parameter_array(value: Any) -> Any:
    """As `simplify`: one number, or one Sequence, where all cells have the same."""
    return simplify(value)


# --- evaluating one value for a known number of cells ---------------------------------------------------------------


def call_for_cells(function: Callable[[Any], Any], index: NDArray[np.int_], sequences: bool = False) -> Any:
    """Values of f(i) for an array of indices: in one call if `function` takes arrays, otherwise one call a cell.

    With `sequences` each value is a Sequence. A function that takes an array then returns a list of Sequence objects;
    lists of numbers would leave open which of their two dimensions is the cells'.
    """
    try:
        values = _row_of(function(index), index.size, ArrayParameter if sequences else Number)
    except Exception:
        # Whether a function takes arrays cannot be known but by trying; what is really wrong shows in the calls below.
        values = None
    if values is not None:
        return values
    single = [function(int(i)) for i in index]
    if sequences:
        single = [v if isinstance(v, ArrayParameter) else Sequence(np.atleast_1d(v)) for v in single]
    return _row(single)


def _row_of(values: Any, size: int, kind: type) -> Any:
    """`values` as an array of `size` elements of one kind, or None if it is something else."""
    if not isinstance(values, list | tuple | np.ndarray) or not is_listlike(values) or len(values) != size:
        return None
    elements = list(values)
    return _row(elements) if all(isinstance(v, kind) for v in elements) else None


def _row(elements: list[Any]) -> Any:
    """A 1-D array of numbers, or of objects where the elements are not all numbers."""
    if all(isinstance(v, Number) for v in elements):
        return np.array(elements)
    row = np.empty(len(elements), dtype=object)
    for i, element in enumerate(elements):
        row[i] = element
    return row


def lower_values(value: Any, size: int, key: int) -> float | FloatArray:
    """Numbers for `size` cells: a float where all have the same by construction, else an array of shape (size,).

    `value` is a LazyArray or anything that one is made from. A RandomDistribution with no rng, a NumpyRNG or a
    NativeRNG is drawn from the stream `key` (and the rng's seed), which neither advances the rng nor depends on MPI;
    another rng is asked for `size` numbers in sequence. Raises InvalidDimensionsError, InvalidParameterValueError
    (no number, NaN) and ExpressionError.
    """
    values = _lowered(value, size, key)
    if values is None:
        raise InvalidParameterValueError("None is not a number, and nothing tells which number to take instead.")
    numbers = _numbers(values, "value", "a parameter") if not isinstance(values, float) else np.asarray(values)
    if np.isnan(numbers).any():
        raise InvalidParameterValueError("A parameter must be a number, and not NaN.")
    if numbers.ndim == 0:
        return float(numbers)
    _check_shapes(numbers.shape, (size,))
    return numbers


def _lowered(value: Any, size: int, key: int) -> Any:
    if isinstance(value, LazyArray):
        result = _lowered(value.base_value, size, derive_key(key, "base"))
        for k, (operation, operand) in enumerate(value.operations):
            if operand is None:
                result = operation(result)
            elif isinstance(operand, larray):
                result = operation(result, _lowered(operand, size, derive_key(key, "operand", k)))
            else:
                result = operation(result, operand)
        return result
    if isinstance(value, RandomDistribution):
        return draw_values(value, np.arange(size), 0, key)
    if isinstance(value, str):
        value = Expression(value, ("d",))
    if isinstance(value, Expression):
        raise ExpressionError(f"'{value.text}' is an expression in the distance between two cells; a cell has none.")
    if isinstance(value, larray):
        return value.evaluate(simplify=True)
    if callable(value):
        return call_for_cells(value, np.arange(size))
    if isinstance(value, VectorizedIterable):
        return value.next(size)
    if isinstance(value, Iterator):
        return np.fromiter(value, dtype=float, count=size)
    if isinstance(value, pq.Quantity):
        raise UnitsError(f"{value!r} has a unit, and the unit that is needed is not known here. Give a number.")
    return value


def draw_values(distribution: RandomDistribution, rows: Any, ordinals: Any, key: int) -> Any:
    """One number for each pair of `rows` and `ordinals` (broadcast), with the meaning of rng as in `lower_values`."""
    keyed = stream_key(distribution, key)
    if keyed is not None:
        return distribution.draw(keyed, rows, ordinals)
    shape = np.broadcast_shapes(np.shape(rows), np.shape(ordinals))
    return np.asarray(distribution.next(int(np.prod(shape, dtype=int)))).reshape(shape)


def stream_key(distribution: RandomDistribution, key: int) -> int | None:
    """The key of the stream that numbers for the purpose `key` come from; None: a generator of the script's."""
    rng = distribution.rng
    if rng is None:
        return key
    if type(rng) is NumpyRNG:
        return derive_key(rng.seed, "rng", key)
    if isinstance(rng, NativeRNG):
        # The generator of the simulation itself is that of the keyed streams.
        return derive_key(rng.seed or 0, "native", key)
    return None


def lower_sequences(value: Any, size: int) -> list[FloatArray]:
    """One array of numbers for each of `size` cells (the same object where all cells share it), of an array-valued
    parameter. Raises InvalidDimensionsError and InvalidParameterValueError (no number, NaN)."""
    base = value.base_value if isinstance(value, LazyArray) else value
    if callable(base):
        base = call_for_cells(base, np.arange(size), sequences=True)
    elif isinstance(base, RandomDistribution):
        raise InvalidParameterValueError(f"Each cell needs a list of numbers, and {base!r} gives one number.")
    base = _as_sequences(base, Sequence, "value", "a parameter")
    if isinstance(value, LazyArray) and value.operations:
        base = value._apply_operations(base)
    if isinstance(base, ArrayParameter):
        check_range("value", base.value, None, "a parameter")
        return [base.value.ravel()] * size
    _check_shapes(base.shape, (size,))
    for one in base:
        check_range("value", one.value, None, "a parameter")
    return [one.value.ravel() for one in base]


def _of(definition: Any, name: str) -> str:
    unit = definition.parameters[name].unit if name in definition.parameters else ""
    return f" ({unit})" if unit else ""


def _as_quantity(text: str) -> str:
    """How a text such as "-65 mV" is written as a quantity of the package quantities."""
    match = re.fullmatch(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*\*?\s*([A-Za-z]+)\s*", text)
    number, unit = match.groups() if match else ("-65", "mV")
    return f"{number} * pq.{unit} (import quantities as pq)"
