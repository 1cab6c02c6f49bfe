"""Connectors whose weights follow from the distance by a profile, and that leave out small weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyNN.connectors.base import (
    ConnectionRequest,
    Connections,
    FloatArray,
    IntArray,
    MapConnector,
    checked_self_connections,
    is_allowed,
)
from pyNN.connectors.draws import blocks
from pyNN.errors import ConnectorError

_AXES = ("position.x", "position.y", "position.z")


class _ProfileConnector(MapConnector):
    """Weights from squared distances; pairs with a weight of at most `smallest` in magnitude are not connected."""

    smallest: float

    def __init__(
        self, limit: float, allow_self_connections: bool | str, normalized: bool, location_selector: Any, safe: bool,
        callback: Callable[[float], None] | None,
    ) -> None:
        super().__init__(location_selector, safe, callback)
        self.limit = _number(self, "limit", limit)
        if self.limit < 0:
            raise ConnectorError(f"{type(self).__name__}: limit must not be negative, and it is {limit!r}.")
        self.allow_self_connections = checked_self_connections(self, allow_self_connections)
        self.normalized = bool(normalized)
        self.cell_variables = (
            tuple((side, axis) for side in ("pre", "post") for axis in _AXES) if self.normalized else ()
        )

    def weights(self, squares: FloatArray) -> FloatArray:
        """The weight at each squared distance."""
        raise NotImplementedError

    def connections(self, request: ConnectionRequest) -> Connections:
        if request.is_empty:
            return Connections.none(("weight",))
        places = {key: _from_0_to_1(values) for key, values in request.cell_values.items()}
        parts = []
        for part in blocks(request.posts.size, request.n_pre):
            pre = np.tile(np.arange(request.n_pre), part.stop - part.start)
            post = np.repeat(request.posts[part], request.n_pre)
            weights = self.weights(self._squares(request, places, pre, post))
            keep = (np.abs(weights) > self.smallest) & is_allowed(request, self.allow_self_connections, pre, post)
            parts.append((pre[keep], post[keep], weights[keep]))
            self._report(request, part.stop / request.posts.size)
        if not parts:
            return Connections.none(("weight",))
        pre, post, weights = (np.concatenate([part[k] for part in parts]) for k in range(3))
        return Connections(pre.astype(np.int32), post.astype(np.int32), {"weight": weights})

    def _squares(self, request: ConnectionRequest, places: Any, pre: IntArray, post: IntArray) -> FloatArray:
        if not self.normalized:
            return np.asarray(request.distances(pre, post)) ** 2
        total = np.zeros(pre.size)
        for axis in _AXES:
            total += (places["pre", axis][pre] - places["post", axis][post]) ** 2
        return total


class GaussianConnector(_ProfileConnector):
    """Weights amp*exp(-d**2/(2*sigma**2)) of the distance d, where they are over limit*amp.

    `sigma`: in um, as the distances of the projection's space; with `normalized=True` as a fraction of the populations'
    size: coordinates run from 0 to 1 on each side along each axis. Weights come before those of the synapse type.
    """

    parameter_names = ("amp", "sigma", "limit", "allow_self_connections", "normalized")

    def __init__(
        self, amp: float, sigma: float, limit: float = 0.01, allow_self_connections: bool | str = False,
        normalized: bool = False, location_selector: Any = None, safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(limit, allow_self_connections, normalized, location_selector, safe, callback)
        self.amp, self.sigma = _number(self, "amp", amp), _width(self, "sigma", sigma)
        self.smallest = self.limit * abs(self.amp)

    def weights(self, squares: FloatArray) -> FloatArray:
        return self.amp * np.exp(-squares / (2.0 * self.sigma**2))


class DoGConnector(_ProfileConnector):
    """Weights of a difference of Gaussians, amp_pos*exp(-d**2/(2*sigma_pos**2)) - amp_neg*exp(-d**2/(2*sigma_neg**2)).

    Pairs are connected where the weight is over limit*abs(amp_pos - amp_neg) in magnitude. Positive and negative
    weights are in one projection, so receptor_type names a receptor that takes both. `sigma_pos`,
    `sigma_neg` and `normalized` are as GaussianConnector has them.
    """

    parameter_names = ("amp_pos", "sigma_pos", "amp_neg", "sigma_neg", "limit", "allow_self_connections", "normalized")

    def __init__(
        self, amp_pos: float, sigma_pos: float, amp_neg: float, sigma_neg: float, limit: float = 0.01,
        allow_self_connections: bool | str = False, normalized: bool = False, location_selector: Any = None,
        safe: bool = True, callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(limit, allow_self_connections, normalized, location_selector, safe, callback)
        self.amp_pos, self.amp_neg = _number(self, "amp_pos", amp_pos), _number(self, "amp_neg", amp_neg)
        self.sigma_pos, self.sigma_neg = _width(self, "sigma_pos", sigma_pos), _width(self, "sigma_neg", sigma_neg)
        self.smallest = self.limit * abs(self.amp_pos - self.amp_neg)

    def weights(self, squares: FloatArray) -> FloatArray:
        positive = self.amp_pos * np.exp(-squares / (2.0 * self.sigma_pos**2))
        return np.asarray(positive - self.amp_neg * np.exp(-squares / (2.0 * self.sigma_neg**2)))


def _from_0_to_1(values: FloatArray) -> FloatArray:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _number(owner: Any, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not np.isfinite(value):
        raise ConnectorError(f"{type(owner).__name__}: {name} must be a finite number, not {value!r}.")
    return float(value)


def _width(owner: Any, name: str, value: Any) -> float:
    number = _number(owner, name, value)
    if number <= 0:
        raise ConnectorError(f"{type(owner).__name__}: {name} must be over 0, and it is {value!r}.")
    return number
