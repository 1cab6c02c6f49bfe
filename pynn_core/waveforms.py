"""The currents of the standard current sources, as arrays, alike on every backend."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from pyNN.backend import Settings
from pyNN.core import user_stacklevel
from pyNN.errors import (
    InvalidDimensionsError,
    InvalidParameterValueError,
    InvalidTimeError,
    NoModelAvailableError,
    RoundingWarning,
)
from pyNN.random import streams
from pyNN.specs import CurrentSpec, FloatArray, IntArray, Ragged
from pyNN.spike_sources import nearest_steps
from pyNN.standardmodels.electrodes import check_steps


def signal(spec: CurrentSpec, settings: Settings, first_step: int, n: int) -> FloatArray:
    """Current (nA, shape (n,)) at the steps first_step .. first_step + n - 1, for the updates of those numbers.

    Times are rounded to the nearest step. Raises InvalidTimeError for times of a step current that are negative or do
    not increase, InvalidDimensionsError where they are not as many as the amplitudes, NoModelAvailableError for a
    source that has no signal here.
    """
    try:
        make = _SIGNALS[spec.model.name]
    except KeyError:
        raise NoModelAvailableError(
            f"The current source {spec.model.name} has no signal; there are: {', '.join(sorted(_SIGNALS))}."
        ) from None
    return make(spec, settings, first_step + np.arange(n, dtype=np.int64))


def check(spec: CurrentSpec, settings: Settings) -> None:
    """Raise as `signal` would; RoundingWarning for times that are not multiples of the time step, one for all."""
    signal(spec, settings, 0, 0)
    rounded = [
        f"{name} = {times[off][0]:g} ms becomes {_on_grid(times[off][:1], settings, name)[0]:g} ms"
        for name, times in _times(spec).items()
        if (off := ~_is_on_grid(times, settings)).any()
    ]
    if rounded:
        warnings.warn(
            f"{spec.model.name}: times are rounded to multiples of the time step, {settings.dt:g} ms: "
            f"{', '.join(rounded)}.",
            RoundingWarning,
            stacklevel=user_stacklevel(),
        )


def _times(spec: CurrentSpec) -> dict[str, FloatArray]:
    """What a source has of times (ms), by the name of the parameter."""
    return {
        name: _numbers(spec, name) for name, parameter in spec.model.parameters.items() if parameter.unit == "ms"
    }


def _is_on_grid(times: FloatArray, settings: Settings) -> Any:
    """Whether each time is a multiple of the time step; one that never comes is."""
    with np.errstate(invalid="ignore"):
        position = times / settings.dt
        nearest = np.round(position)
        off = np.abs(position - nearest) > 1e-6 * np.maximum(1.0, np.abs(nearest))
    return ~np.isfinite(times) | ~off


def _on_grid(times: FloatArray, settings: Settings, name: str) -> FloatArray:
    """The times that are taken. The interval of noise, `dt`, is at least one time step."""
    steps = nearest_steps(times, settings.dt)
    return np.maximum(steps, 1 if name == "dt" else 0) * settings.dt


def _number(spec: CurrentSpec, name: str) -> float:
    value = np.asarray(spec.parameters[name], dtype=float)
    if value.size != 1:
        raise InvalidDimensionsError(f"{spec.model.name}: '{name}' is one number for a source, not {value.size}.")
    number = float(value.reshape(()))
    if np.isnan(number):
        raise InvalidParameterValueError(f"{spec.model.name}: '{name}' must be a number, and not NaN.")
    return number


def _numbers(spec: CurrentSpec, name: str) -> FloatArray:
    value: Any = spec.parameters[name]
    if isinstance(value, Ragged):
        if len(value) != 1:
            raise InvalidDimensionsError(f"{spec.model.name}: '{name}' is one list for a source, not {len(value)}.")
        value = value[0]
    return np.atleast_1d(np.asarray(value, dtype=float)).ravel()


def _step(spec: CurrentSpec, name: str, settings: Settings) -> float:
    """The step nearest to a time; a time that never comes is inf."""
    time = _number(spec, name)
    return float(nearest_steps(time, settings.dt)) if abs(time) < 1e15 else time


def _window(spec: CurrentSpec, settings: Settings, steps: IntArray) -> tuple[Any, IntArray]:
    """Which steps lie between start and stop, and how many steps each is after start (0 before it)."""
    start = _step(spec, "start", settings)
    on = (steps >= start) & (steps < _step(spec, "stop", settings))
    return on, np.where(on, steps - (int(start) if np.isfinite(start) else 0), 0)


def _dc(spec: CurrentSpec, settings: Settings, steps: IntArray) -> FloatArray:
    on, _ = _window(spec, settings, steps)
    return np.where(on, _number(spec, "amplitude"), 0.0)


def _ac(spec: CurrentSpec, settings: Settings, steps: IntArray) -> FloatArray:
    on, elapsed = _window(spec, settings, steps)
    cycles = _number(spec, "frequency") * (elapsed * settings.dt) / 1000.0
    sine = np.sin(2.0 * np.pi * cycles + np.deg2rad(_number(spec, "phase")))
    return np.where(on, _number(spec, "offset") + _number(spec, "amplitude") * sine, 0.0)


def _step_current(spec: CurrentSpec, settings: Settings, steps: IntArray) -> FloatArray:
    times, amplitudes = _numbers(spec, "times"), _numbers(spec, "amplitudes")
    check_steps(spec.model.name, times, amplitudes)
    if not times.size:
        return np.zeros(steps.size)
    # The last of several changes in one step is the one that `side="right"` finds.
    changes = np.searchsorted(nearest_steps(times, settings.dt), steps, side="right")
    return np.concatenate([[0.0], amplitudes])[changes]


def _noise(spec: CurrentSpec, settings: Settings, steps: IntArray) -> FloatArray:
    on, elapsed = _window(spec, settings, steps)
    interval = _number(spec, "dt")
    if not 0.0 < interval < np.inf:
        raise InvalidTimeError(f"{spec.model.name}: dt must be a finite time greater than 0, not {interval:g} ms.")
    length = max(1, int(nearest_steps(interval, settings.dt)))
    seed, purpose = (settings.rng_seed, "noise") if spec.seed is None else (spec.seed, "noise of a generator")
    key = streams.derive_key(seed, purpose, settings.trial, spec.id)
    values = _number(spec, "mean") + _number(spec, "stdev") * streams.normals(key, 0, elapsed // length)
    return np.where(on, values, 0.0)


_SIGNALS: dict[str, Callable[[CurrentSpec, Settings, IntArray], FloatArray]] = {
    "DCSource": _dc,
    "ACSource": _ac,
    "StepCurrentSource": _step_current,
    "NoisyCurrentSource": _noise,
}
