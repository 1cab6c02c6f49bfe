"""Connectors that decide on each pair of cells by a probability."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.connectors.base import (
    ConnectionRequest,
    Connections,
    FloatArray,
    IntArray,
    MapConnector,
    checked_self_connections,
    is_allowed,
)
from pyNN.connectors.draws import (
    blocks,
    checked_rng,
    connector_key,
    keyed_uniforms,
    sequential_uniforms,
)
from pyNN.connectors.regeneration import PairRule
from pyNN.core import IndexBasedExpression
from pyNN.errors import CapabilityError, ConnectorError
from pyNN.random import AbstractRNG


class FixedProbabilityConnector(MapConnector):
    """Each pair with the same probability, independently of the others.

    `p_connect`: from 0 to 1. `allow_self_connections`: True, False, or 'NoMutual' (of two cells on both sides only one
    direction is made). `rng`: None for streams of the simulation's seed, different for each projection and the same on
    any number of processes; or a generator, whose numbers are used in PyNN's order: one a pair, post cell by post
    cell. It is advanced, so two connectors that share it differ.
    """

    parameter_names = ("allow_self_connections", "p_connect")

    def __init__(
        self,
        p_connect: float,
        allow_self_connections: bool | str = True,
        location_selector: Any = None,
        rng: AbstractRNG | None = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(location_selector, safe, callback)
        self.p_connect = _checked_probability(p_connect)
        self.allow_self_connections = checked_self_connections(self, allow_self_connections)
        self.rng = checked_rng(self, rng)

    def connections(self, request: ConnectionRequest) -> Connections:
        if request.is_empty:
            return Connections.none()
        if self.rng is not None:
            pre, post = self._from_generator(request, self.rng)
        else:
            rule = self._rule(request, self.allow_self_connections is not False)
            made = rule.connections(request, lambda fraction: self._report(request, fraction))
            if self.allow_self_connections != "NoMutual":
                return made
            pre, post = made.pre, made.post
        keep = is_allowed(request, self.allow_self_connections, pre, post)
        return Connections(pre[keep], post[keep])

    def rule(self, request: ConnectionRequest) -> PairRule | None:
        if self.rng is not None or self.allow_self_connections == "NoMutual":
            return None
        return self._rule(request, self.allow_self_connections is True)

    def _rule(self, request: ConnectionRequest, allow_self: bool) -> PairRule:
        forbidden = np.full(request.n_pre, -1, dtype=np.int64) if allow_self else request.self_post
        return PairRule(connector_key(request), self.p_connect, forbidden, request.n_post)

    def _from_generator(self, request: ConnectionRequest, rng: AbstractRNG) -> tuple[Any, Any]:
        pres, posts = [], []
        for part in blocks(request.n_post, request.n_pre):
            rows = np.arange(part.start, part.stop)
            u = sequential_uniforms(rng, rows.size * request.n_pre).reshape(rows.size, request.n_pre)
            hits = u < self.p_connect
            hits[~request.is_local[rows]] = False
            row, pre = np.nonzero(hits)
            pres.append(pre.astype(np.int32))
            posts.append(rows[row].astype(np.int32))
            self._report(request, part.stop / request.n_post)
        return np.concatenate(pres), np.concatenate(posts)


class ProbabilityConnector(MapConnector):
    """Base of connectors whose probability differs between pairs, as `probabilities(request, pre, post)` says.

    A subclass defines that. Probabilities above 1 count as 1, those below 0 as 0. `rng` is as for
    FixedProbabilityConnector.
    """

    def __init__(
        self,
        allow_self_connections: bool | str = True,
        location_selector: Any = None,
        rng: AbstractRNG | None = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(location_selector, safe, callback)
        self.allow_self_connections = checked_self_connections(self, allow_self_connections)
        self.rng = checked_rng(self, rng)

    def probabilities(self, request: ConnectionRequest, pre: IntArray, post: IntArray) -> Any:
        """The probability of each pair of the two index arrays, shape (n,)."""
        raise CapabilityError(f"{type(self).__name__} must define probabilities(self, request, pre, post).")

    def connections(self, request: ConnectionRequest) -> Connections:
        if request.is_empty:
            return Connections.none()
        pres: list[NDArray[np.int32]] = []
        posts: list[NDArray[np.int32]] = []
        # A generator is asked for all post cells, so that the numbers do not depend on which of them are local.
        rows = request.posts if self.rng is None else np.arange(request.n_post)
        for part in blocks(rows.size, request.n_pre):
            pre, post = self._block(request, rows[part])
            pres.append(pre.astype(np.int32))
            posts.append(post.astype(np.int32))
            self._report(request, part.stop / rows.size)
        if not pres:
            return Connections.none()
        return Connections(np.concatenate(pres), np.concatenate(posts))

    def _block(self, request: ConnectionRequest, rows: IntArray) -> tuple[IntArray, IntArray]:
        """Connections of some post cells."""
        if self.rng is not None:
            u = sequential_uniforms(self.rng, rows.size * request.n_pre).reshape(rows.size, request.n_pre)
            local = request.is_local[rows]
            rows, u = rows[local], u[local]
        pre = np.tile(np.arange(request.n_pre), rows.size)
        post = np.repeat(rows, request.n_pre)
        p = self._checked(self.probabilities(request, pre, post), pre, post) if rows.size else np.empty(0)
        if self.rng is not None:
            keep = u.ravel() < p
        else:
            keep = p >= 1.0
            uncertain = np.flatnonzero((p > 0.0) & ~keep)
            u = keyed_uniforms(request, connector_key(request), post[uncertain], pre[uncertain])
            keep[uncertain] = u < p[uncertain]
        pre, post = pre[keep], post[keep]
        allowed = is_allowed(request, self.allow_self_connections, pre, post)
        return pre[allowed], post[allowed]

    def _checked(self, values: Any, pre: IntArray, post: IntArray) -> FloatArray:
        p = np.asarray(values)
        if p.dtype.kind not in "biuf" or p.shape not in ((), pre.shape):
            given = f"an array of shape {p.shape}" if p.dtype.kind in "biuf" else f"values of type {p.dtype}"
            raise ConnectorError(
                f"{self!r}: the probabilities of {pre.size} pairs must be one number or {pre.size} numbers, not "
                f"{given}. The function is called with arrays and must work elementwise."
            )
        p = np.broadcast_to(p.astype(float), pre.shape)
        bad = np.flatnonzero(np.isnan(p))
        if bad.size:
            raise ConnectorError(
                f"{self!r}: the probability from pre cell {pre[bad[0]]} to post cell {post[bad[0]]} is not a number."
            )
        return p


class IndexBasedProbabilityConnector(ProbabilityConnector):
    """Each pair with the probability `index_expression(i, j)` of pre index i and post index j (arrays of equal length).

    `index_expression`: an instance of a subclass of pyNN.core.IndexBasedExpression, which also has the `projection`.
    """

    parameter_names = ("allow_self_connections", "index_expression")

    def __init__(
        self,
        index_expression: IndexBasedExpression,
        allow_self_connections: bool | str = True,
        location_selector: Any = None,
        rng: AbstractRNG | None = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(allow_self_connections, location_selector, rng, safe, callback)
        if not isinstance(index_expression, IndexBasedExpression):
            raise ConnectorError(
                "index_expression must be an instance of a subclass of pyNN.core.IndexBasedExpression that defines "
                f"__call__(self, i, j), not {index_expression!r}."
            )
        self.index_expression = index_expression

    def connections(self, request: ConnectionRequest) -> Connections:
        self.index_expression.projection = request.projection_object
        return super().connections(request)

    def probabilities(self, request: ConnectionRequest, pre: IntArray, post: IntArray) -> Any:
        return self.index_expression(pre, post)


def _checked_probability(p: Any) -> float:
    if isinstance(p, (int, float, np.number)) and not isinstance(p, bool) and 0.0 <= float(p) <= 1.0:
        return float(p)
    raise ConnectorError(f"p_connect must be a probability, a number from 0 to 1, not {p!r}.")
