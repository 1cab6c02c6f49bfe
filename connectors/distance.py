"""Connectors that depend on where the cells are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyNN.connectors.base import (
    ConnectionRequest,
    Connections,
    Connector,
    FloatArray,
    IntArray,
    checked_self_connections,
    is_allowed,
)
from pyNN.connectors.draws import (
    blocks,
    checked_rng,
    connector_key,
    keyed_uniforms,
    refuse_rank_seeds,
    sequential_uniforms,
)
from pyNN.connectors.probabilistic import ProbabilityConnector
from pyNN.errors import ConnectorError
from pyNN.expressions import Expression
from pyNN.random import AbstractRNG


class DistanceDependentProbabilityConnector(ProbabilityConnector):
    """Each pair with a probability that is a function of its distance d.

    `d_expression`: an expression such as "exp(-d/100)" or "d < 50" (pyNN.expressions), or a function of an array of
    distances. Distances are those of the projection's `space`. Values above 1 count as 1, those below 0 as 0.
    """

    parameter_names = ("allow_self_connections", "d_expression")

    def __init__(
        self,
        d_expression: str | Callable[[FloatArray], Any],
        allow_self_connections: bool | str = True,
        location_selector: Any = None,
        rng: AbstractRNG | None = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(allow_self_connections, location_selector, rng, safe, callback)
        if not isinstance(d_expression, str) and not callable(d_expression):
            raise ConnectorError(
                "d_expression must be an expression in the distance d, such as 'exp(-d/100)', or a function of an "
                f"array of distances, not {d_expression!r}."
            )
        self.d_expression = d_expression
        self._function = Expression(d_expression, ("d",)) if isinstance(d_expression, str) else d_expression

    def probabilities(self, request: ConnectionRequest, pre: IntArray, post: IntArray) -> Any:
        return self._function(request.distances(pre, post))


class DisplacementDependentProbabilityConnector(ProbabilityConnector):
    """Each pair with the probability `disp_function(d)`, d being the displacements from pre to post, shape (3, n)."""

    parameter_names = ("allow_self_connections", "disp_function")

    def __init__(
        self,
        disp_function: Callable[[FloatArray], Any],
        allow_self_connections: bool | str = True,
        location_selector: Any = None,
        rng: AbstractRNG | None = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(allow_self_connections, location_selector, rng, safe, callback)
        if not callable(disp_function):
            raise ConnectorError(
                f"disp_function must be a function of an array of displacements, shape (3, n), not {disp_function!r}."
            )
        self.disp_function = disp_function

    def probabilities(self, request: ConnectionRequest, pre: IntArray, post: IntArray) -> Any:
        return self.disp_function(request.displacements(pre, post))


class SmallWorldConnector(Connector):
    """A small-world network (Watts & Strogatz 1998, Nature 393:440).

    Each pre cell is connected to the post cells within the distance `degree`; then each of its connections is, with
    the probability `rewiring`, moved to a post cell that it did not reach so far, drawn without repetition from those
    (where there are fewer of them than connections to move, as many are moved as there are). `n_connections`: if
    given, each pre cell keeps that many of its local connections, chosen at random; ConnectorError if it has fewer. On
    a ring (cells on a line and a periodic space), degree=k gives the 2k nearest neighbours of Watts and Strogatz.
    """

    parameter_names = ("allow_self_connections", "degree", "rewiring", "n_connections")

    def __init__(
        self,
        degree: float,
        rewiring: float,
        allow_self_connections: bool | str = True,
        n_connections: int | None = None,
        location_selector: Any = None,
        rng: AbstractRNG | None = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(location_selector, safe, callback)
        if not _is_number(degree) or not degree >= 0:
            raise ConnectorError(f"degree must be a distance, a number that is not negative, not {degree!r}.")
        if not _is_number(rewiring) or not 0 <= rewiring <= 1:
            raise ConnectorError(f"rewiring must be a probability, a number from 0 to 1, not {rewiring!r}.")
        if n_connections is not None and (
            isinstance(n_connections, bool) or not isinstance(n_connections, (int, np.integer)) or n_connections < 0
        ):
            raise ConnectorError(
                f"n_connections must be a whole number that is not negative, or None, not {n_connections!r}."
            )
        self.degree = degree
        self.rewiring = float(rewiring)
        self.allow_self_connections = checked_self_connections(self, allow_self_connections)
        self.n_connections = n_connections
        self.rng = checked_rng(self, rng)

    def connections(self, request: ConnectionRequest) -> Connections:
        refuse_rank_seeds(self, request, self.rng)
        if request.is_empty:
            return Connections.none()
        pres, posts = [], []
        # All of a pre cell's connections are drawn on every process: a connection may move between processes.
        for part in blocks(request.n_pre, request.n_post):
            rows = np.arange(part.start, part.stop)
            pre, post = self._block(request, rows)
            keep = request.is_local[post]
            pres.append(pre[keep])
            posts.append(post[keep])
            self._report(request, part.stop / request.n_pre)
        return Connections.from_pairs(np.concatenate(pres), np.concatenate(posts))

    def _block(self, request: ConnectionRequest, rows: IntArray) -> tuple[IntArray, IntArray]:
        shape = (rows.size, request.n_post)
        pre = np.repeat(rows, request.n_post)
        post = np.tile(np.arange(request.n_post), rows.size)
        allowed = is_allowed(request, self.allow_self_connections, pre, post).reshape(shape)
        local = allowed & (np.asarray(request.distances(pre, post)) <= self.degree).reshape(shape)
        if self.n_connections is not None:
            local = self._thinned(request, rows, local, int(self.n_connections))
        if self.rewiring > 0.0:
            local = self._rewired(request, rows, local, allowed)
        row, post = np.nonzero(local)
        return rows[row], post

    def _uniforms(self, request: ConnectionRequest, purpose: str, rows: IntArray, wanted: Any) -> FloatArray:
        """A number for each pair of a pre cell of `rows` and a post cell that the mask `wanted` has; elsewhere 2."""
        shape = (rows.size, request.n_post)
        if self.rng is not None:
            # A generator of the user's is drawn from for all pairs, so that its state does not depend on the result.
            return np.where(wanted, sequential_uniforms(self.rng, rows.size * request.n_post).reshape(shape), 2.0)
        row, post = np.nonzero(wanted)
        values = np.full(shape, 2.0)
        values[row, post] = keyed_uniforms(request, connector_key(request, purpose), rows[row], post)
        return values

    def _thinned(self, request: ConnectionRequest, rows: IntArray, local: Any, number: int) -> Any:
        """`number` of each row's local connections."""
        available = local.sum(axis=1)
        short = np.flatnonzero(available < number)
        if short.size:
            raise ConnectorError(
                f"{self!r} on '{request.label}': n_connections is {number}, but only {available[short[0]]} post cells "
                f"are within degree={self.degree:g} of pre cell {rows[short[0]]}. Use a larger degree, or a smaller "
                "number."
            )
        return smallest(self._uniforms(request, "local", rows, local), np.full(rows.size, number))

    def _rewired(self, request: ConnectionRequest, rows: IntArray, local: Any, allowed: Any) -> Any:
        """Some connections of each row moved to other post cells."""
        moving = local & (self._uniforms(request, "rewiring", rows, local) < self.rewiring)
        free = allowed & ~local
        numbers = np.minimum(moving.sum(axis=1), free.sum(axis=1))
        order = self._uniforms(request, "targets", rows, (free | moving) & (numbers > 0)[:, None])
        leaving = smallest(np.where(moving, order, 2.0), numbers)
        return (local & ~leaving) | smallest(np.where(free, order, 2.0), numbers)


def smallest(values: FloatArray, numbers: IntArray) -> Any:
    """In each row k, a mask of the numbers[k] places with the smallest values."""
    result = np.zeros(values.shape, dtype=bool)
    most = int(numbers.max(initial=0))
    if not most:
        return result
    # Sorting only the smallest of each row is many times faster than sorting all of it.
    low = np.argpartition(values, most - 1, axis=1)[:, :most]
    ranked = np.take_along_axis(low, np.argsort(np.take_along_axis(values, low, axis=1), axis=1, kind="stable"), axis=1)
    np.put_along_axis(result, ranked, np.arange(most)[None, :] < numbers[:, None], axis=1)
    return result


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and bool(np.isfinite(value))
