"""The points of a parameter study: names, ranges and lists of values, and how they are combined."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pyNN.errors import InvalidDimensionsError, InvalidParameterValueError

Value = int | float | str
Point = dict[str, Value]
"""One value for each parameter."""

SEED = "seed"
MOST_POINTS = 10**6
"""Of a study: each is a run, and has a row of its own."""
_RANGE = "start:stop:n (n values, both ends included), start:stop:n:log, or a list such as 1,2,5"


def parse_parameter(text: str) -> tuple[str, list[Value]]:
    """(name, values) of ``name=start:stop:n``, ``name=start:stop:n:log``, ``name=1,2,5`` or ``name=value``."""
    name, separator, values = text.partition("=")
    name = name.strip().lstrip("-")
    if not separator or not name or not values.strip():
        raise InvalidParameterValueError(f"'{text}': a parameter is given as name=values, with values as {_RANGE}.")
    return name, parse_values(values)


def parse_values(text: str) -> list[Value]:
    """The values that a text stands for: a range with both ends, a geometric one (``:log``), or a list."""
    if "," not in text and text.count(":") in (2, 3):
        return _parse_range(text)
    values = [_parse_value(word.strip()) for word in text.split(",") if word.strip()]
    if not values:
        raise InvalidParameterValueError(f"'{text}' holds no value. Possible: {_RANGE}.")
    return values


def _parse_range(text: str) -> list[Value]:
    words = [word.strip() for word in text.split(":")]
    start, stop, number = _parse_value(words[0]), _parse_value(words[1]), _parse_value(words[2])
    if isinstance(start, str) or isinstance(stop, str) or not isinstance(number, int):
        raise InvalidParameterValueError(f"'{text}' is not a range of numbers. Possible: {_RANGE}.")
    if number < 1 or number > MOST_POINTS:
        raise InvalidParameterValueError(
            f"'{text}': the number of values must be from 1 to {MOST_POINTS}."
        )
    if not (_is_finite(start) and _is_finite(stop)):
        raise InvalidParameterValueError(f"'{text}': a range begins and ends with finite numbers.")
    if number == 1 and start != stop:
        raise InvalidParameterValueError(f"'{text}': one value cannot include both ends; give at least 2.")
    if len(words) == 4:
        if words[3] != "log":
            raise InvalidParameterValueError(f"'{text}': a range ends with a number or with 'log', not '{words[3]}'.")
        if not (start > 0 and stop > 0):
            raise InvalidParameterValueError(f"'{text}': a logarithmic range lies above 0.")
        values = np.geomspace(start, stop, number)
    else:
        values = np.linspace(start, stop, number)
    # The last digits of a product such as 3 * 0.1 are rounding errors, which a script would get as a long text.
    found = [float(f"{value:.12g}") for value in values]
    found[0], found[-1] = float(start), float(stop)
    if isinstance(start, int) and isinstance(stop, int) and all(value.is_integer() for value in found):
        return [int(value) for value in found]
    return list(found)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        # A whole number that no float can hold.
        return False


def _parse_value(word: str) -> Value:
    for kind in (int, float):
        try:
            # Underscores, as in 1_000, are a text for a script rather than a number.
            if "_" not in word:
                return kind(word)
        except ValueError:
            continue
    return word


def parse_seeds(text: str) -> list[int]:
    """The seeds of ``0:10`` (0 to 9, as Python's range), ``0:10:2`` or ``1,2,5``."""
    words = [word.strip() for word in text.split("," if "," in text else ":") if word.strip()]
    try:
        numbers = [int(word) for word in words]
    except ValueError:
        numbers = []
    if ":" in text and "," not in text and len(numbers) in (2, 3) and numbers[-1] != 0:
        _check_number(_length(range(*numbers)))
        numbers = list(range(*numbers))
    elif ":" in text:
        numbers = []
    if not numbers or min(numbers) < 0:
        raise InvalidParameterValueError(
            f"'{text}': seeds are whole numbers from 0, as 0:10 (which is 0 to 9) or as a list such as 1,2,5."
        )
    return numbers


def _length(numbers: range) -> int:
    """How many; len() takes ranges of less than 2^63 only."""
    return max(0, (numbers.stop - numbers.start + numbers.step - (1 if numbers.step > 0 else -1)) // numbers.step)


def _check_number(number: int) -> None:
    if number > MOST_POINTS:
        raise InvalidParameterValueError(
            f"A study has at most {MOST_POINTS} points, and this one would have more. Make several of it."
        )


def points(
    parameters: Mapping[str, Any] | Iterable[Mapping[str, Any]],
    seeds: Any = None,
    together: bool = False,
) -> list[Point]:
    """All points of a study, each once: the grid of the values, seeds fastest.

    `parameters`: values by name (an iterable, a text such as "0:1:5", or one value), or points that are ready. With
    `together`, the values are not crossed: the first of each makes the first point, and so on. `seeds`: whole numbers,
    or a text such as "0:10"; they become the parameter "seed", crossed with all points.
    """
    if isinstance(parameters, Mapping):
        columns = {str(name): _column(str(name), values) for name, values in parameters.items()}
        if not together:
            _check_number(math.prod(map(len, columns.values())))
        found = _together(columns) if together else _crossed(columns)
    else:
        found = [{str(name): checked(str(name), value) for name, value in point.items()} for point in parameters]
        names = {tuple(sorted(point)) for point in found}
        if len(names) > 1:
            raise InvalidParameterValueError(
                f"All points of a study have the same parameters; these differ: {', '.join(map(str, sorted(names)))}."
            )
    if seeds is not None:
        if any(SEED in point for point in found):
            raise InvalidParameterValueError("Seeds are given twice: as the parameter 'seed' and as seeds.")
        chosen = _seeds(seeds)
        _check_number(len(found) * len(chosen))
        found = [{**point, SEED: seed} for point in found for seed in chosen]
    if not found:
        raise InvalidParameterValueError("A study needs at least one point, and there is none.")
    unique = {key: point for key, point in zip(map(identity, found), found, strict=True)}
    return list(unique.values())


def _column(name: str, values: Any) -> list[Value]:
    if isinstance(values, str):
        found = parse_values(values)
    elif isinstance(values, Iterable):
        found = [checked(name, value) for value in values]
    else:
        found = [checked(name, values)]
    if not found:
        raise InvalidParameterValueError(f"The parameter '{name}' has no values.")
    return found


def _seeds(seeds: Any) -> list[Value]:
    if isinstance(seeds, str):
        return list(parse_seeds(seeds))
    found = _column(SEED, seeds)
    if not all(isinstance(seed, int) and seed >= 0 for seed in found):
        raise InvalidParameterValueError(f"Seeds are whole numbers from 0, not {found}.")
    return found


def _crossed(columns: dict[str, list[Value]]) -> list[Point]:
    return [dict(zip(columns, values, strict=True)) for values in itertools.product(*columns.values())]


def _together(columns: dict[str, list[Value]]) -> list[Point]:
    lengths = {name: len(values) for name, values in columns.items()}
    longest = max(lengths.values(), default=1)
    if any(length not in (1, longest) for length in lengths.values()):
        raise InvalidDimensionsError(f"Parameters that vary together need as many values each; these have {lengths}.")
    return [
        {name: values[i if len(values) > 1 else 0] for name, values in columns.items()} for i in range(longest)
    ]


def checked(name: str, value: Any) -> Value:
    """A parameter's value as a plain number or text."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if not isinstance(value, (int, float, str)):
        raise InvalidParameterValueError(
            f"Values of parameters are numbers or texts; '{name}' has a {type(value).__name__}: {value!r}."
        )
    return value


def identity(point: Mapping[str, Value]) -> tuple[Any, ...]:
    """Equal for points that are the same; 1 and 1.0 are."""
    return tuple(sorted((name, isinstance(value, str), value) for name, value in point.items()))
