"""Distributions as a kind and some numbers, from which compiled code makes the numbers that NumPy makes, bit by bit.

Others need functions that compiled code does not have (of SciPy), or whose last bits depend on the library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

UNIFORM = 0  # low, high - low
NORMAL = 1  # mu, sigma
NORMAL_TO_BOUNDARY = 2  # mu, sigma, low, high
NORMAL_CLIPPED = 3  # mu, sigma, low, high, and those of `limits_of_normal`
EXPONENTIAL = 4  # beta
UNIFORM_INT = 5  # low, high - low
NUMBERS = 7


class Transform(NamedTuple):
    """What makes numbers of a distribution from uniform numbers."""

    kind: int
    values: NDArray[np.float64]
    """(NUMBERS,)"""


def limits_of_normal(mu: float, sigma: float, low: float, high: float) -> tuple[float, float, float]:
    """(probability below the limits, between them, sign) of a normal distribution.

    In the upper tail the distribution function is 1 to all digits, so the lower tail stands in for it: the sign is -1.
    """
    from scipy.special import ndtr

    a, b = (low - mu) / sigma, (high - mu) / sigma
    sign = 1.0
    if a > 0:
        a, b, sign = -b, -a, -1.0
    return float(ndtr(a)), float(ndtr(b) - ndtr(a)), sign


def transform(name: str, parameters: Mapping[str, float]) -> Transform | None:
    """The transform of a distribution by PyNN's name and parameters; None if there is none."""
    p = {key: float(value) for key, value in parameters.items()}
    if name == "uniform":
        return _transform(UNIFORM, p["low"], p["high"] - p["low"])
    if name == "normal":
        return _transform(NORMAL, p["mu"], p["sigma"])
    if name == "normal_clipped_to_boundary":
        return _transform(NORMAL_TO_BOUNDARY, *p.values())
    if name == "normal_clipped" and p["sigma"] > 0:
        return _transform(NORMAL_CLIPPED, *p.values(), *limits_of_normal(**p))
    if name == "exponential":
        return _transform(EXPONENTIAL, p["beta"])
    if name == "uniform_int":
        return _transform(UNIFORM_INT, p["low"], p["high"] - p["low"])
    return None


POSSIBLE = ("uniform", "normal", "normal_clipped", "normal_clipped_to_boundary", "exponential", "uniform_int")


def _transform(kind: int, *values: float) -> Transform:
    numbers = np.zeros(NUMBERS)
    numbers[: len(values)] = values
    return Transform(kind, numbers)
