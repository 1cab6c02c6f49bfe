"""Standard current sources. What signal each one plays is in pyNN.waveforms, alike for every backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyNN.errors import InvalidDimensionsError, InvalidParameterValueError, InvalidTimeError
from pyNN.models import Parameter
from pyNN.parameters import Sequence
from pyNN.random import AbstractRNG
from pyNN.specs import FloatArray
from pyNN.standardmodels.base import StandardCurrentSource

_FOREVER = 1e12
_WINDOW = {
    "start": Parameter(0.0, "ms", "time at which it is switched on", minimum=0.0),
    "stop": Parameter(_FOREVER, "ms", "time from which it is zero again"),
}


def check_steps(name: str, times: FloatArray, amplitudes: FloatArray) -> None:
    """Raise InvalidDimensionsError, InvalidTimeError or InvalidParameterValueError if these make no step current."""
    if times.size != amplitudes.size:
        raise InvalidDimensionsError(
            f"{name} needs as many times as amplitudes; it has {times.size} and {amplitudes.size}."
        )
    if np.isnan(amplitudes).any():
        raise InvalidParameterValueError(f"{name}: an amplitude is NaN.")
    if not np.isfinite(times).all() or (times < 0.0).any():
        wrong = times[~np.isfinite(times) | (times < 0.0)][0]
        raise InvalidTimeError(f"{name}: {wrong:g} ms is not a time; times are finite and not negative.")
    if (np.diff(times) <= 0.0).any():
        k = int(np.argmax(np.diff(times) <= 0.0))
        raise InvalidTimeError(f"{name}: times must increase, and {times[k + 1]:g} ms comes after {times[k]:g} ms.")


class DCSource(StandardCurrentSource):
    """A constant current from `start` on, zero from `stop` on."""

    parameters = {"amplitude": Parameter(1.0, "nA", "current"), **_WINDOW}


class ACSource(StandardCurrentSource):
    """A sine: offset + amplitude*sin(2 pi frequency (t - start) + phase), between `start` and `stop`."""

    parameters = {
        "amplitude": Parameter(1.0, "nA", "amplitude of the sine"),
        **_WINDOW,
        "frequency": Parameter(10.0, "Hz", "frequency"),
        "offset": Parameter(0.0, "nA", "constant part"),
        "phase": Parameter(0.0, "degrees", "phase at `start`"),
    }


class StepCurrentSource(StandardCurrentSource):
    """A current that takes a new value at each of `times` and holds it; zero before the first."""

    parameters = {
        "amplitudes": Parameter(Sequence([]), "nA", "values", is_array=True),
        "times": Parameter(Sequence([]), "ms", "when each value begins", is_array=True),
    }

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        values = self._values()
        check_steps(type(self).__name__, values["times"][0], values["amplitudes"][0])


class NoisyCurrentSource(StandardCurrentSource):
    """Gaussian noise: every `dt` ms a new value with the given mean and standard deviation, alike for all targets.

    `rng`: a generator such as NumpyRNG(seed), whose seed then decides on the noise instead of the simulation's. Two
    sources that share it have different noise.
    """

    parameters = {
        "mean": Parameter(0.0, "nA", "mean"),
        "stdev": Parameter(1.0, "nA", "standard deviation", minimum=0.0),
        **_WINDOW,
        "dt": Parameter(0.1, "ms", "time between two values", minimum=0.0, exclusive=True),
    }

    def __init__(self, rng: AbstractRNG | None = None, **parameters: Any) -> None:
        if rng is not None and (not isinstance(rng, AbstractRNG) or rng.seed is None):
            raise InvalidParameterValueError(
                f"{type(self).__name__}: rng must be a generator with a seed, such as sim.NumpyRNG(seed=1), not {rng!r}."
            )
        object.__setattr__(self, "rng", rng)
        super().__init__(**parameters)

    def _seed(self) -> int | None:
        return None if self.rng is None else int(self.rng.seed)
