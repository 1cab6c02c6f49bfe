"""From what a script says to plain numbers: lazies evaluated, random values drawn, delays put on the grid, checks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
from lazyarray import larray
from numpy.typing import NDArray

from pyNN.core import IndexBasedExpression, is_listlike, user_stacklevel
from pyNN.errors import (
    InvalidDelayError,
    InvalidDimensionsError,
    InvalidParameterValueError,
    InvalidTimeError,
    InvalidWeightError,
    RoundingWarning,
)
from pyNN.expressions import Expression
from pyNN.models import BaseCellType, BaseModelType, Definition, Receptor, check_parameter_names, check_state_names
from pyNN.parallel import Communicator
from pyNN.parameters import (
    LazyArray,
    ParameterSpace,
    Sequence,
    check_range,
    draw_values,
    lower_sequences,
    lower_values,
    stream_key,
)
from pyNN.random import RandomDistribution
from pyNN.random.streams import derive_key, expect, mapped
from pyNN.specs import FloatArray, IntArray, Ragged, Value

_PIECE = 1 << 16
"""Connections that are looked at together where intermediate arrays would otherwise need much memory."""
_MOST_STEPS = (1 << 31) - 1
_PRE_BITS = 40
"""Of the number that keys a random value of a connection, the bits that are the index of its pre cell."""
_ON_GRID = 1e-6
"""A time that is within this fraction of a step of the grid is on it: it is a rounding error of the script's."""


T = TypeVar("T")


def _pieces(size: int) -> list[slice]:
    return [slice(begin, min(begin + _PIECE, size)) for begin in range(0, size, _PIECE)]


def round_to_steps(time_ms: float, dt: float) -> int:
    """The whole number of steps nearest to a time."""
    return int(np.floor(time_ms / dt + 0.5 + 1e-9))


def steps_of(time_ms: Any, dt: float, what: str) -> int:
    """The number of steps in a duration or time; RoundingWarning if it is off the grid.

    Raises InvalidTimeError for a negative time or something that is not a number.
    """
    try:
        time = float(time_ms)
    except (TypeError, ValueError) as error:
        raise InvalidTimeError(f"{what} must be a number of ms, not {time_ms!r}.") from error
    if not np.isfinite(time) or time < 0:
        raise InvalidTimeError(f"{what} must be a finite number of ms and not negative; {time_ms!r} was given.")
    steps = round_to_steps(time, dt)
    if abs(time / dt - steps) > _ON_GRID * max(1.0, abs(steps)):
        warnings.warn(
            f"{what} = {time:g} ms is not a multiple of the time step; {steps * dt:g} ms is used.",
            RoundingWarning,
            stacklevel=user_stacklevel(),
        )
    return steps


# --- cells ----------------------------------------------------------------------------------------------------


def lower_parameters(model: BaseModelType, names: Any, size: int, seed: int, *stream: int | str) -> dict[str, Value]:
    """Values of the parameters `names` of a model instance for `size` cells; random ones from keyed streams."""
    space = model.parameter_space
    values: dict[str, Value] = {}
    for name in names:
        declared = model.definition.parameters[name]
        if declared.is_array:
            values[name] = Ragged.from_list(lower_sequences(space[name], size))
        else:
            value = lower_values(space[name], size, derive_key(seed, "parameter", *stream, name))
            check_range(name, value, declared, type(model).__name__)
            values[name] = value
    return values


def checked_copy(model: BaseModelType, parameters: Mapping[str, Any], size: int) -> BaseModelType:
    """A model of the same type that has the new values, checked; the given one stays what it is."""
    check_parameter_names(parameters, model)
    new = object.__new__(type(model))
    new.__dict__.update(model.__dict__)
    declared = {name: model.definition.parameters[name].default for name in parameters}
    schema = {name: kind for name, kind in model.get_schema().items() if name in parameters}
    new.parameter_space = ParameterSpace(declared, schema, shape=(size,), component=type(model))
    new.parameter_space.update(**parameters)
    return new


def lower_state(
    definition: Definition, variable: str, value: Any, size: int, seed: int, *stream: int | str
) -> float | FloatArray:
    """Values of a state variable for `size` cells.

    A RandomDistribution with an rng of its own is drawn from that rng in sequence, as in PyNN; one without from a keyed
    stream. Raises NonExistentParameterError for a variable that the model does not have.
    """
    check_state_names([variable], definition.name, definition)
    if isinstance(value, LazyArray) and not value.operations:
        value = value.base_value
    if isinstance(value, RandomDistribution) and value.rng is not None:
        return np.asarray(value.next(size), dtype=float) if size else np.empty(0)
    try:
        return lower_values(value, size, derive_key(seed, "initialize", *stream, variable))
    except InvalidDimensionsError as error:
        raise InvalidDimensionsError(f"initialize({variable}=...): {error}") from error
    except InvalidParameterValueError as error:
        raise type(error)(f"initialize({variable}=...): {error}") from error


def is_computed(celltype: BaseCellType, variable: str) -> bool:
    """Whether PyNN gives the variable an initial value although it follows from other variables."""
    state = celltype.definition.states.get(variable)
    return state is not None and not state.settable and variable in type(celltype).default_initial_values


def check_computed(
    definition: Definition, variable: str, value: Any, size: int, parameters: Mapping[str, Value], label: str
) -> None:
    """Warn if an initial value of a computed variable differs from what the variable starts at, which stays."""
    state = definition.states[variable]
    start = parameters[state.starts_at] if state.starts_at else state.initial
    given = lower_values(value.base_value if isinstance(value, LazyArray) else value, size, 0)
    if np.any(np.asarray(given) != np.asarray(start)):
        advice = f"{state.starts_at}: set that instead" if state.starts_at else f"{state.initial:g} {state.unit}"
        warnings.warn(
            f"'{label}': the initial value of {variable} has no effect. {variable} of {definition.name} is computed "
            f"and starts at {advice}.",
            UserWarning,
            stacklevel=user_stacklevel(),
        )


def check_shared(definition: Definition, parameters: Mapping[str, Value], label: str) -> None:
    """InvalidDimensionsError where a parameter that all cells share has several values."""
    for name, parameter in definition.parameters.items():
        value = parameters.get(name)
        if parameter.shared and isinstance(value, np.ndarray) and np.any(value != value.flat[0]):
            raise InvalidDimensionsError(
                f"'{label}': '{name}' of {definition.name} is shared by all cells, so it takes a single value."
            )


def to_user(value: Value) -> Any:
    """A lowered value as scripts see it: numbers, arrays, and Sequence objects for array-valued parameters."""
    if isinstance(value, Ragged):
        sequences = np.empty(len(value), dtype=object)
        for i in range(len(value)):
            sequences[i] = Sequence(value[i])
        return sequences
    return value


def take(value: Value, where: IntArray) -> Value:
    """The value for some cells."""
    if isinstance(value, Ragged):
        return Ragged.from_list([value[int(i)] for i in where])
    return value if np.ndim(value) == 0 else np.asarray(value)[where]


def put(old: Value, where: IntArray, new: Value, size: int) -> Value:
    """`old`, for `size` cells, with the cells `where` changed; a scalar stays a scalar if all cells are changed."""
    if len(where) == size and (np.ndim(new) == 0 if not isinstance(new, Ragged) else False):
        return new
    if isinstance(new, Ragged):
        rows = [old[i] for i in range(size)] if isinstance(old, Ragged) else [np.empty(0)] * size
        for k, i in enumerate(where):
            rows[int(i)] = new[k]
        return Ragged.from_list(rows)
    values = np.array(np.broadcast_to(np.asarray(old, dtype=float), (size,)))
    values[where] = new
    return values


# --- synapses -------------------------------------------------------------------------------------------------


class Pairs:
    """The connections that a value is wanted for: their indices and, on demand, their distances."""

    def __init__(
        self,
        pre: Any,
        post: Any,
        shape: tuple[int, int],
        distances: Callable[[Any, Any], FloatArray],
        projection: Any = None,
        threads: int = 1,
        comm: Communicator | None = None,
    ) -> None:
        self.pre = np.asarray(pre)
        self.post = np.asarray(post)
        self.shape = shape
        self.projection = projection
        self.threads = threads
        self._distances = distances
        self._d: FloatArray | None = None
        self._ordinals: NDArray[np.int32] | None = None
        self.comm = comm
        """What has the other connections where these are the share of one MPI rank."""
        self.total = len(self.pre)
        """Number of connections on all ranks."""
        self.places: IntArray | None = None
        """The number of each connection among those of all ranks; None: it is its own."""

    @property
    def size(self) -> int:
        return len(self.pre)

    def locate(self) -> None:
        """Find out which connections these are among those of all ranks (collective)."""
        if self.comm is None or self.comm.parts == 1 or self.places is not None:
            return
        # Each post cell has all its connections on one rank.
        own = np.bincount(self.post, minlength=self.shape[1])
        counts = self.comm.largest(own, "numbers of connections").astype(np.int64)
        starts = np.cumsum(counts) - counts
        self.places = starts[self.post] + self.ordinals
        self.total = int(counts.sum())

    def taken(self, values: NDArray[Any]) -> NDArray[Any]:
        """Of one value for each connection on all ranks those for these connections."""
        return values[self.places] if self.places is not None and values.shape == (self.total,) else values

    @property
    def d(self) -> FloatArray:
        """Distance of each pair."""
        if self._d is None:
            self._d = self._distances(self.pre, self.post)
        return self._d

    @property
    def ordinals(self) -> NDArray[np.int32]:
        """Number of each connection among those of its post cell."""
        if self._ordinals is None:
            # Memory is touched as little as possible: that costs more than the arithmetic.
            starts = np.searchsorted(self.post, np.arange(self.shape[1] + 1, dtype=self.post.dtype))
            counts = np.diff(starts)
            filled = np.flatnonzero(counts)
            ordinals = np.ones(self.size, dtype=np.int32)
            ordinals[starts[filled]] = 1 - np.concatenate([[1], counts[filled[:-1]]])
            self._ordinals = np.cumsum(ordinals, out=ordinals)
        return self._ordinals

    def drawn(self, distribution: RandomDistribution, key: int) -> FloatArray:
        """A random number for each connection."""
        values = np.empty(self.size)

        def keep(part: slice, numbers: FloatArray) -> None:
            values[part] = numbers

        self.draw(distribution, key, keep)
        return values

    def draw(self, distribution: RandomDistribution, key: int, take: Callable[[slice, FloatArray], T]) -> list[T]:
        """What `take` makes of a random number for each connection, in pieces that fit in a processor's cache.

        With keyed streams, the number of a connection depends on its two cells, and of several connections of one pair
        on how many stand before it: not on other connections, on their order or on MPI.
        """
        if not self.size:
            return []
        if stream_key(distribution, 0) is None:
            numbers = np.asarray(draw_values(distribution, self.post, self.pre, key), dtype=float)
            return [take(part, numbers[part]) for part in _pieces(self.size)]
        expect(self.size)

        def drawn(part: slice) -> T:
            columns = self.pre[part].astype(np.int64)
            self._number_copies(part.start, columns)
            return take(part, draw_values(distribution, self.post[part], columns, key))

        return list(mapped(drawn, _pieces(self.size), self.threads))

    def _number_copies(self, first: int, columns: IntArray) -> None:
        """Add to the pre cells of some connections, from the `first` on, how many of the same pair stand before it."""
        begin = first
        while begin > 0 and self.pre[begin] == self.pre[begin - 1] and self.post[begin] == self.post[begin - 1]:
            begin -= 1
        end = first + len(columns)
        pre, post = self.pre[begin:end], self.post[begin:end]
        again = np.flatnonzero((pre[1:] == pre[:-1]) & (post[1:] == post[:-1])) + 1
        # Numbers without a gap are those of one pair.
        places = np.arange(len(again))
        copies = places - np.maximum.accumulate(np.where(np.diff(again, prepend=-1) > 1, places, 0)) + 1
        wanted = again >= first - begin
        columns[again[wanted] - (first - begin)] += copies[wanted] << _PRE_BITS

    def forget(self) -> None:
        """Free the memory of distances and ordinals; they are computed again when they are needed again."""
        self._d = self._ordinals = None


def is_list_of_values(value: Any) -> bool:
    """Whether a synaptic parameter is given as one number a connection, so that connections must be located first."""
    if isinstance(value, LazyArray):
        operands = (operand for _, operand in value.operations)
        return is_list_of_values(value.base_value) or any(is_list_of_values(operand) for operand in operands)
    return isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim == 1)


def is_value_of_pair(value: Any) -> bool:
    """Whether a synaptic parameter of a connection follows from its two cells, whatever other connections there are."""
    if isinstance(value, LazyArray):
        operands = [operand for _, operand in value.operations if isinstance(operand, larray)]
        return is_value_of_pair(value.base_value) and all(is_value_of_pair(operand) for operand in operands)
    if isinstance(value, RandomDistribution):
        return stream_key(value, 0) is not None
    return value is None or isinstance(value, (int, float, np.number, str, Expression))


def lower_synaptic(name: str, value: Any, pairs: Pairs, key: int) -> float | FloatArray:
    """A number, or one number a connection, for a synaptic parameter.

    `value` is a number, a list of one number a connection (in the order of `Projection.get(format="list")`), an array
    of shape (pre, post), a RandomDistribution, a function of distance, an expression in d as text, or an
    IndexBasedExpression. Raises InvalidParameterValueError, InvalidDimensionsError, ExpressionError; for NaN
    InvalidWeightError or InvalidDelayError.
    """
    result = _synaptic(name, value, pairs, key)
    try:
        numbers = np.asarray(result, dtype=float)
    except (TypeError, ValueError) as error:
        raise InvalidParameterValueError(f"{name} must be a number or numbers, not {value!r}.") from error
    if numbers.ndim and numbers.shape != (pairs.size,):
        given = f"{numbers.size} values were" if numbers.ndim == 1 else f"an array of shape {numbers.shape} was"
        raise InvalidDimensionsError(
            f"{name}: {given} given; possible are one number, one number a connection ({pairs.total}), or an array of "
            f"shape (pre, post) = {pairs.shape}."
        )
    if numbers.size and np.isnan(np.min(numbers)):
        kind = {"weight": InvalidWeightError, "delay": InvalidDelayError}.get(name, InvalidParameterValueError)
        number = "" if numbers.ndim == 0 else f" It is NaN for connection {int(np.argmax(np.isnan(numbers)))}."
        raise kind(f"{name} must be a number, and not NaN.{number}")
    return float(numbers) if numbers.ndim == 0 else numbers


def _synaptic(name: str, value: Any, pairs: Pairs, key: int) -> Any:
    if isinstance(value, LazyArray):
        result = _synaptic(name, value.base_value, pairs, key)
        for k, (operation, operand) in enumerate(value.operations):
            if operand is None:
                result = operation(result)
            elif isinstance(operand, larray):
                result = operation(result, _synaptic(name, operand, pairs, derive_key(key, "operand", k)))
            else:
                result = operation(result, operand)
        return result
    if isinstance(value, RandomDistribution):
        return pairs.drawn(value, key)
    if isinstance(value, str):
        value = Expression(value, ("d",))
    if isinstance(value, Expression):
        return value(pairs.d)
    if isinstance(value, IndexBasedExpression):
        value.projection = pairs.projection
        return value(pairs.pre, pairs.post)
    if callable(value):
        return _of_distance(value, pairs.d)
    if isinstance(value, (list, tuple, np.ndarray)) or is_listlike(value):
        array = np.asarray(value, dtype=float)
        return array[pairs.pre, pairs.post] if array.shape == pairs.shape and array.ndim == 2 else pairs.taken(array)
    return value


def _of_distance(function: Callable[[Any], Any], d: FloatArray) -> Any:
    try:
        result = np.asarray(function(d), dtype=float)
    except Exception:
        # A function for single numbers (with `if`, or math.exp) fails on an array; what is really wrong with it shows
        # in the calls below.
        result = None
    if result is not None and result.shape in ((), d.shape):
        return result
    return np.array([function(float(x)) for x in d], dtype=float)


def lower_delays(
    value: Any, pairs: Pairs, key: int, dt: float, lowest: int | None, highest: int | None, label: str
) -> Any:
    """Delays in steps: an int or an int32 array. None means the smallest delay of the simulation.

    Raises InvalidDelayError for delays under the time step, under `lowest` or over `highest` steps; RoundingWarning
    where a delay is not on the grid.
    """
    if isinstance(value, LazyArray) and not value.operations:
        value = value.base_value
    if value is None:
        return lowest or 1
    steps: NDArray[np.int32]
    if isinstance(value, RandomDistribution):
        # Times of all connections would be the largest array of all.
        steps = np.empty(pairs.size, dtype=np.int32)
        found = pairs.draw(value, key, lambda part, drawn: _put_on_grid(drawn, dt, steps[part]))
    else:
        times = np.asarray(lower_synaptic("delay", value, pairs, key))
        steps = np.empty(times.shape, dtype=np.int32)
        flat, result = times.reshape(-1), steps.reshape(-1)
        found = [_put_on_grid(flat[part], dt, result[part]) for part in _pieces(flat.size)]
    if not all(piece.is_finite for piece in found):
        raise InvalidDelayError(f"{label}: a delay must be a finite number of ms.")
    if not found:
        return steps
    smallest, largest = min(piece.smallest for piece in found), max(piece.largest for piece in found)
    first, last = round_to_steps(smallest, dt), round_to_steps(largest, dt)
    if first < 1:
        raise InvalidDelayError(
            f"{label}: a delay of {smallest:g} ms is under the time step. Delays must be at least {dt:g} ms: make "
            "them longer, or say setup(timestep=...) with a smaller step."
        )
    if lowest is not None and first < lowest:
        raise InvalidDelayError(
            f"{label}: a delay of {smallest:g} ms is under min_delay = {lowest * dt:g} ms, which setup() was "
            f"given. Say setup(min_delay={smallest:g}) or min_delay='auto', or make the delay longer."
        )
    if highest is not None and last > highest:
        raise InvalidDelayError(
            f"{label}: a delay of {largest:g} ms is over max_delay = {highest * dt:g} ms, which setup() was given. "
            f"Say setup(max_delay={largest:g}) or max_delay='auto', or make the delay shorter."
        )
    if last > _MOST_STEPS:
        raise InvalidDelayError(
            f"{label}: a delay of {largest:g} ms is over {_MOST_STEPS:,} time steps of {dt:g} ms, which is the most "
            "that is possible. Make it shorter."
        )
    worst = max(found, key=lambda piece: piece.error)
    if worst.error > _ON_GRID * max(1.0, float(last)):
        warnings.warn(
            f"{label}: delays are rounded to multiples of the time step, {dt:g} ms: "
            f"{worst.rounded:g} ms becomes {round_to_steps(worst.rounded, dt) * dt:g} ms.",
            RoundingWarning,
            stacklevel=user_stacklevel(),
        )
    return int(steps) if steps.ndim == 0 else steps


class _Found(NamedTuple):
    """What there is to know about some times that were put on the grid."""

    smallest: float
    largest: float
    is_finite: bool
    error: float
    """The greatest rounding error, in steps ..."""
    rounded: float
    """... and the time that has it."""


def _put_on_grid(times: FloatArray, dt: float, steps: NDArray[np.int32]) -> _Found:
    """Write whole steps for times in ms."""
    smallest, largest = float(np.min(times)), float(np.max(times))
    if not np.isfinite([smallest, largest]).all():
        return _Found(smallest, largest, False, 0.0, smallest)
    exact = times / dt
    rounded = np.floor(exact + 0.5 + 1e-9)
    with np.errstate(invalid="ignore"):
        # What no number of steps stands for is refused when the longest delay of all is known.
        steps[...] = rounded
    errors = np.abs(np.subtract(exact, rounded, out=exact), out=exact)
    worst = int(np.argmax(errors))
    return _Found(smallest, largest, True, float(errors[worst]), float(times[worst]))


def check_weights(weights: Any, receptor_name: str, receptor: Receptor, label: str, safe: bool = True) -> None:
    """Raise InvalidWeightError for weights that are not finite or, if `safe`, of the wrong sign for the receptor."""
    values = np.asarray(weights)
    if values.size == 0:
        return
    smallest, largest = float(np.min(values)), float(np.max(values))
    if not np.isfinite(smallest) or not np.isfinite(largest):
        raise InvalidWeightError(f"{label}: weights must be finite numbers.")
    if not safe or receptor.sign == 0:
        return
    if smallest < 0 if receptor.sign > 0 else largest > 0:
        wrong = values[values < 0] if receptor.sign > 0 else values[values > 0]
        rule = "zero or positive" if receptor.sign > 0 else "zero or negative"
        raise InvalidWeightError(
            f"{label}: a weight of {float(wrong.flat[0]):g} {receptor.unit} has the wrong sign. Weights of "
            f"{receptor.kind}-based '{receptor_name}' synapses must be {rule}. Change the sign or the receptor_type."
        )


def check_bounds(columns: Mapping[str, Any], receptor: Receptor, label: str) -> None:
    """Raise InvalidWeightError for w_min and w_max that no weight lies between, or of the wrong sign.

    Where weights are negative only the absolute values of the bounds count.
    """
    if "w_min" not in columns or "w_max" not in columns:
        return
    for name in ("w_min", "w_max"):
        bound = np.asarray(columns[name], dtype=float)
        if bound.size and not np.isfinite(bound).all():
            raise InvalidWeightError(f"{label}: {name} must be a finite number.")
        if receptor.sign > 0 and np.any(bound < 0.0):
            negative = float(bound[bound < 0.0].flat[0])
            raise InvalidWeightError(
                f"{label}: {name} = {negative:g} {receptor.unit} has the wrong sign. Weights of these "
                f"{receptor.kind}-based synapses are zero or positive, and so are their bounds."
            )
    low, high = (np.abs(np.asarray(columns[name], dtype=float)) for name in ("w_min", "w_max"))
    wrong = np.ravel(low > high)
    if wrong.any():
        k = int(np.argmax(wrong))
        values = [float(bound.flat[k]) for bound in np.broadcast_arrays(low, high)]
        advice = "Where weights are negative, w_max bounds the strongest ones: " if receptor.sign < 0 else ""
        raise InvalidWeightError(
            f"{label}: no weight lies between absolute values of w_min = {values[0]:g} and w_max = {values[1]:g} "
            f"{receptor.unit}. {advice}Make w_max the larger one, e.g. w_min={values[1]:g}, w_max={values[0]:g}."
        )


def choose_receptor(receptors: Mapping[str, Receptor], weights: Any, label: str) -> str:
    """The receptor that a projection without receptor_type uses: by the sign of the weights where that decides."""
    names = list(receptors)
    values = np.asarray(weights)
    if not names or not values.size or receptors[names[0]].sign == 0 or not (values < 0).any():
        return names[0]
    negative = [name for name in names if receptors[name].sign < 0]
    if not negative:
        return names[0]
    if (values > 0).any():
        raise InvalidWeightError(
            f"{label}: the weights are partly positive and partly negative, so the receptor cannot be told from them. "
            "Make one projection of each sign, or say receptor_type=..."
        )
    return negative[0]
