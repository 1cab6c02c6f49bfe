"""Random numbers as PyNN 0.6 asks for them: parameter lists, boundaries, names of NumPy's and GSL's distributions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyNN.compat import dialect
from pyNN.compat.table import deprecated
from pyNN.errors import InvalidParameterValueError
from pyNN.random import MAX_REDRAWS, DrawError, RandomDistribution, available_distributions
from pyNN.random.streams import derive_key

Arguments = tuple[tuple[Any, ...], dict[str, Any], dict[str, Any]]
"""What the modern constructor gets: positional, by name; and what the object remembers besides."""

_RENAMED = {"gaussian": "normal", "flat": "uniform", "randint": "uniform_int"}
_DEFAULTS: dict[str, tuple[float, ...]] = {
    "uniform": (0.0, 1.0),
    "normal": (0.0, 1.0),
    "lognormal": (0.0, 1.0),
    "exponential": (1.0,),
    "poisson": (1.0,),
}
"""Parameters of a distribution without parameters: those of NumPy."""
_CONSTRAINTS = {"clip": "normal_clipped_to_boundary", "redraw": "normal_clipped"}


class OneNumber(np.ndarray):
    """An array of one number that also serves as a number: what PyNN 0.6 returns for n = 1 is used either way."""

    @classmethod
    def of(cls, values: Any) -> OneNumber:
        return np.asarray(values).view(cls)

    def __float__(self) -> float:
        return float(self.view(np.ndarray)[0])

    def __int__(self) -> int:
        return int(self.view(np.ndarray)[0])

    def __index__(self) -> int:
        return int(self.view(np.ndarray)[0].__index__())

    def __format__(self, specification: str) -> str:
        return format(self.view(np.ndarray)[0], specification)

    def __array_finalize__(self, obj: Any) -> None:
        return

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else array.view(OneNumber) if array.shape == (1,) else array.view(np.ndarray)

    def __getitem__(self, index: Any) -> Any:
        return self.view(np.ndarray)[index]


# --- generators ----------------------------------------------------------------------------------------------------


def numpy_rng(self: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    """NumpyRNG(seed, rank, num_processes, parallel_safe); where the second is a bool, it is parallel_safe."""
    return _generator(self, arguments, named, ("seed",))


def gsl_rng(self: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    """GSLRNG(seed, type, rank, num_processes, parallel_safe)."""
    return _generator(self, arguments, named, ("seed", "type"))


def _generator(self: Any, arguments: tuple[Any, ...], named: dict[str, Any], first: tuple[str, ...]) -> Arguments:
    rest = arguments[len(first) :]
    old = bool(rest) and not isinstance(rest[0], (bool, np.bool_))
    if not old and not {"rank", "num_processes"} & set(named):
        return arguments, named, {}
    deprecated("pyNN.random.NumpyRNG", cls=type(self).__name__)
    if not old:
        named = {key: value for key, value in named.items() if key not in ("rank", "num_processes")}
        return arguments, named, {}
    names = (*first, "rank", "num_processes", "parallel_safe")
    given = {**dict(zip(names, arguments, strict=False)), **named}
    if len(arguments) > len(names):
        raise InvalidParameterValueError(
            f"{type(self).__name__} takes {', '.join(names)}; {len(arguments)} values were given."
        )
    return (), {key: value for key, value in given.items() if key not in ("rank", "num_processes")}, {}


def next_arguments(arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments of a generator's next(): parameters as a list, and mask_local, become modern ones."""
    named = dict(named)
    names = ("n", "distribution", "parameters", "mask")
    if "mask_local" in named:
        deprecated("pyNN.random.NumpyRNG.next mask")
        mask = named.pop("mask_local")
        named["mask"] = None if mask is False else mask
    given = {**dict(zip(names, arguments, strict=False)), **named}
    if len(arguments) > len(names):
        return arguments, named
    if given.get("mask") is False:
        given["mask"] = None
    distribution, parameters = given.get("distribution"), given.get("parameters")
    if isinstance(parameters, (list, tuple, np.ndarray)) or distribution in _RENAMED:
        deprecated("pyNN.random.NumpyRNG.next")
        name = _RENAMED.get(str(distribution), str(distribution)) if distribution is not None else "uniform"
        values = parameters if isinstance(parameters, Mapping) else _completed(name, parameters or (), distribution)
        given["distribution"] = name
        given["parameters"] = (
            values
            if isinstance(values, Mapping)
            else RandomDistribution(name, tuple(values)).parameters
        )
    elif distribution in _DEFAULTS and parameters is None and distribution is not None:
        given["parameters"] = dict(
            zip(available_distributions[distribution], _DEFAULTS[distribution], strict=True)
        )
    return (), given


def next_result(value: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """In the old dialect one number is an array too, and the other way round."""
    if not dialect.is_old():
        return value
    n = arguments[0] if arguments else named.get("n")
    if n is None or (isinstance(value, np.ndarray) and value.shape == (1,)):
        return OneNumber.of(np.atleast_1d(value))
    return value


# --- distributions -------------------------------------------------------------------------------------------------


def _completed(name: str, parameters: Any, given_name: Any = None) -> tuple[Any, ...]:
    values = tuple(np.asarray(parameters).tolist()) if isinstance(parameters, np.ndarray) else tuple(parameters)
    if not values and name in _DEFAULTS:
        return _DEFAULTS[name]
    # GSL's gaussian has a standard deviation only.
    return (0.0, *values) if given_name == "gaussian" and len(values) == 1 else values


def random_distribution(self: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    """RandomDistribution(distribution='uniform', parameters=[], rng=None, boundaries=None, constrain='clip')."""
    old_names = ("distribution", "parameters", "rng", "boundaries", "constrain")
    old = {"parameters", "boundaries", "constrain"} & set(named) or len(arguments) > 3
    if not old and len(arguments) < 4:
        given = {**dict(zip(("distribution", "parameters_pos", "rng"), arguments, strict=False)), **named}
        name = given.get("distribution", "uniform")
        positional = given.get("parameters_pos")
        by_name = set(given) - {"distribution", "parameters_pos", "rng"}
        empty = not by_name and (positional is None or len(positional) == 0 if _sized(positional) else False)
        if name not in _RENAMED and not (empty and name in _DEFAULTS):
            return arguments, named, {}
        given["parameters"] = given.pop("parameters_pos", None)
    else:
        given = {**dict(zip(old_names, arguments, strict=False)), **named}
        by_name = set()
    name = given.pop("distribution", "uniform")
    modern = _RENAMED.get(name, name) if isinstance(name, str) else name
    if modern != name:
        deprecated("pyNN.random.RandomDistribution name", name=name, value=modern)
    parameters = given.pop("parameters", None)
    boundaries, constrain = given.pop("boundaries", None), given.pop("constrain", "clip")
    if by_name and parameters is None:
        return (modern,), given, {}
    if isinstance(parameters, Mapping):
        return (modern,), {**given, **parameters}, {}
    values = _completed(modern, () if parameters is None else parameters, name)
    if boundaries is None:
        if old or parameters is None:
            deprecated("pyNN.random.RandomDistribution parameters", name=modern)
        return (modern, values), given, {}
    return _bounded(modern, values, given, boundaries, constrain)


def _sized(value: Any) -> bool:
    return value is None or isinstance(value, (list, tuple, np.ndarray))


def _bounded(name: str, values: tuple[Any, ...], given: dict[str, Any], boundaries: Any, constrain: Any) -> Arguments:
    deprecated("pyNN.random.RandomDistribution boundaries")
    if constrain not in _CONSTRAINTS:
        raise InvalidParameterValueError(
            f"constrain={constrain!r}: what lies outside the boundaries is treated by one of {list(_CONSTRAINTS)}."
        )
    limits = tuple(boundaries) if isinstance(boundaries, (list, tuple, np.ndarray)) else ()
    if len(limits) != 2 or not float(limits[0]) <= float(limits[1]):
        raise InvalidParameterValueError(f"boundaries are a pair (lowest, highest), not {boundaries!r}.")
    low, high = float(limits[0]), float(limits[1])
    if name == "normal":
        return (_CONSTRAINTS[constrain], (*values, low, high)), given, {}
    return (name, values), given, {"_boundaries": (low, high, constrain)}


def bounded_next(original: Any, distribution: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """RandomDistribution.next with the boundaries of PyNN 0.6."""
    if "mask_local" in named:
        deprecated("pyNN.random.NumpyRNG.next mask")
        named = dict(named)
        mask = named.pop("mask_local")
        named["mask"] = None if mask is False else mask
    value = original(distribution, *arguments, **named)
    limits = distribution.__dict__.get("_boundaries")
    if limits is not None:
        inside = _kept_inside(
            np.atleast_1d(value), limits, lambda count, _: original(distribution, count), distribution
        )
        value = inside if isinstance(value, np.ndarray) and value.ndim else inside[0]
    return next_result(value, arguments, named)


def bounded_draw(original: Any, distribution: Any, key: int, rows: Any, ordinals: Any) -> Any:
    """RandomDistribution.draw with boundaries; what is drawn again has a stream of its own for each round."""
    values = original(distribution, key, rows, ordinals)
    limits = distribution.__dict__.get("_boundaries")
    if limits is None:
        return values
    rows, ordinals = np.broadcast_arrays(rows, ordinals)
    flat_rows, flat_ordinals = rows.ravel(), ordinals.ravel()
    flat = np.array(values, dtype=float).reshape(-1)

    def again(outside: Any, attempt: int) -> Any:
        return original(distribution, derive_key(key, "redraw", attempt), flat_rows[outside], flat_ordinals[outside])

    return _kept_inside(flat, limits, again, distribution, by_index=True).reshape(np.shape(values))


def _kept_inside(
    values: Any, limits: tuple[float, float, str], again: Any, what: Any, by_index: bool = False
) -> Any:
    low, high, constrain = limits
    if constrain == "clip":
        return np.clip(values, low, high)
    values = np.array(values, dtype=float)
    for attempt in range(MAX_REDRAWS):
        outside = np.flatnonzero((values < low) | (values > high))
        if not outside.size:
            return values
        values[outside] = again(outside if by_index else outside.size, attempt)
    raise DrawError(
        f"{what!r} between {low:g} and {high:g}: {MAX_REDRAWS} redraws were not enough. The boundaries leave out "
        "nearly all of the distribution."
    )
