"""Connectors that make a given number of connections: for each post cell, for each pre cell, or in all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyNN.connectors.base import (
    ConnectionRequest,
    Connections,
    IntArray,
    MapConnector,
    checked_self_connections,
)
from pyNN.connectors.draws import (
    Int32Array,
    by_column,
    checked_number,
    checked_rng,
    connector_key,
    numbers_of,
    refuse_rank_seeds,
    sampled_rows,
    sequential_pairs,
    sequential_sample,
)
from pyNN.errors import ConnectorError
from pyNN.random import AbstractRNG, RandomDistribution


class FixedNumberConnector(MapConnector):
    """Base of the connectors that make a given number of connections."""

    parameter_names = ("allow_self_connections", "n")
    numbers_in_turn = False
    """Whether a generator draws the number of each cell's connections just before those, rather than all first."""

    def __init__(
        self,
        n: int | np.integer | RandomDistribution,
        allow_self_connections: bool = True,
        with_replacement: bool = False,
        location_selector: Any = None,
        rng: AbstractRNG | None = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(location_selector, safe, callback)
        self.allow_self_connections = checked_self_connections(self, allow_self_connections, no_mutual=False)
        self.n = checked_number(self, n)
        self.with_replacement = bool(with_replacement)
        self.rng = checked_rng(self, rng)

    def _drawn(self, request: ConnectionRequest, rows: IntArray, width: int, all_forbidden: IntArray) -> Any:
        """(connections a row, their columns) for `rows` of the table of cells; `all_forbidden` is for all its rows."""
        forbidden = np.full(all_forbidden.shape, -1) if self.allow_self_connections else all_forbidden
        if self.rng is not None:
            return self._from_generator(request, self.rng, rows, width, forbidden)
        numbers = numbers_of(self, request, self.n, forbidden.size)
        self._check_possible(request, numbers, width - (forbidden >= 0))
        columns = sampled_rows(
            request,
            connector_key(request),
            rows,
            width,
            numbers[rows],
            forbidden[rows],
            self.with_replacement,
            lambda fraction: self._report(request, fraction),
        )
        return numbers[rows], columns

    def _from_generator(
        self, request: ConnectionRequest, rng: AbstractRNG, rows: IntArray, width: int, forbidden: IntArray
    ) -> tuple[IntArray, Int32Array]:
        """As PyNN's order of draws has it: the generator is asked for every row of the table, also those not wanted."""
        size = forbidden.size
        in_turn = self.numbers_in_turn and isinstance(self.n, RandomDistribution)
        numbers = np.zeros(size, dtype=np.int64) if in_turn else numbers_of(self, request, self.n, size)
        wanted = np.zeros(size, dtype=bool)
        wanted[rows] = True
        possible = width - (forbidden >= 0)
        self._check_possible(request, numbers, possible)
        parts = [np.empty(0, dtype=np.int32)]
        report_every = max(1, size // 100)
        for row in range(size):
            if in_turn:
                numbers[row] = numbers_of(self, request, self.n, 1, first=row)[0]
                self._check_possible(request, numbers[row : row + 1], possible[row : row + 1], row)
            columns = sequential_sample(rng, width, int(numbers[row]), int(forbidden[row]), self.with_replacement)
            if wanted[row]:
                parts.append(columns.astype(np.int32))
            if (row + 1) % report_every == 0 or row + 1 == size:
                self._report(request, (row + 1) / size)
        return numbers[rows], np.concatenate(parts)

    def _check_possible(
        self, request: ConnectionRequest, numbers: IntArray, possible: IntArray, first: int = 0
    ) -> None:
        """Refuse a cell, from the one with the index `first` on, that wants connections and has no possible partner."""
        impossible = np.flatnonzero((numbers > 0) & (possible <= 0))
        if impossible.size:
            raise ConnectorError(
                f"{self!r} on '{request.label}': {numbers[impossible[0]]} connections are wanted for cell "
                f"{first + impossible[0]}, but the only possible partner is the cell itself, and "
                "allow_self_connections is False."
            )


class FixedNumberPreConnector(FixedNumberConnector):
    """`n` connections to each post cell, from pre cells drawn at random.

    `n`: a number, or a RandomDistribution from which each post cell's number is drawn. `with_replacement=False`: from
    different pre cells; if n is greater than the number of pre cells, each of them is connected as often as it goes,
    and the remainder is drawn. `with_replacement=True`: each connection is drawn anew. `rng`: as for
    FixedProbabilityConnector; a generator is used post cell by post cell.
    """

    def connections(self, request: ConnectionRequest) -> Connections:
        if request.is_empty:
            return Connections.none()
        numbers, pre = self._drawn(request, request.posts, request.n_pre, request.self_pre)
        return Connections(pre, np.repeat(request.posts.astype(np.int32), numbers))


class FixedNumberPostConnector(FixedNumberConnector):
    """`n` connections from each pre cell, to post cells drawn at random; otherwise as FixedNumberPreConnector."""

    numbers_in_turn = True

    def connections(self, request: ConnectionRequest) -> Connections:
        refuse_rank_seeds(self, request, self.rng)
        if request.is_empty:
            return Connections.none()
        rows = np.arange(request.n_pre)
        numbers, post = self._drawn(request, rows, request.n_post, request.self_post)
        pre = np.repeat(rows.astype(np.int32), numbers)
        if request.local_post is not None:
            keep = request.is_local[post]
            pre, post = pre[keep], post[keep]
        return Connections(*by_column(request, pre, post, request.n_post))


class FixedTotalNumberConnector(FixedNumberConnector):
    """`n` connections in all, between pairs drawn at random.

    `with_replacement=True`: each is drawn from all allowed pairs, so that a pair may be connected several times;
    False: `n` different pairs, and ConnectorError if there are fewer. `n` may be a RandomDistribution, from which one
    number is drawn. `rng`: as for FixedProbabilityConnector; a generator draws pre and post index in turn, after one
    binomial number; pairs that are not allowed, or already there without replacement, are drawn again.
    """

    def __init__(
        self,
        n: int | np.integer | RandomDistribution,
        allow_self_connections: bool = True,
        with_replacement: bool = True,
        location_selector: Any = None,
        rng: AbstractRNG | None = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(n, allow_self_connections, with_replacement, location_selector, rng, safe, callback)

    def connections(self, request: ConnectionRequest) -> Connections:
        refuse_rank_seeds(self, request, self.rng)
        if request.is_empty:
            return Connections.none()
        forbidden = np.full(request.n_post, -1) if self.allow_self_connections else request.self_pre
        possible = request.n_pre * request.n_post - int((forbidden >= 0).sum())
        total = int(numbers_of(self, request, self.n, 1)[0])
        if total > 0 and (possible == 0 or (total > possible and not self.with_replacement)):
            raise ConnectorError(
                f"{self!r} on '{request.label}': {total} connections between different pairs are wanted, but there are "
                f"{possible} possible pairs of {request.n_pre} pre and {request.n_post} post cells"
                f"{'' if self.allow_self_connections else ' without self-connections'}. "
                "Ask for fewer, or use with_replacement=True."
            )
        if self.rng is None:
            return self._from_streams(request, total, forbidden)
        return self._total_from_generator(request, self.rng, total, forbidden, possible)

    def _from_streams(self, request: ConnectionRequest, total: int, forbidden: IntArray) -> Connections:
        """The number of each post cell first, which every process works out alike; then its pre cells."""
        sizes = request.n_pre - (forbidden >= 0)
        numbers = _shares(connector_key(request, "shares"), total, sizes, self.with_replacement)
        posts = request.posts
        pre = sampled_rows(
            request,
            connector_key(request),
            posts,
            request.n_pre,
            numbers[posts],
            forbidden[posts],
            self.with_replacement,
            lambda fraction: self._report(request, fraction),
        )
        return Connections(pre, np.repeat(posts.astype(np.int32), numbers[posts]))

    def _total_from_generator(
        self, request: ConnectionRequest, rng: AbstractRNG, total: int, forbidden: IntArray, possible: int
    ) -> Connections:
        # PyNN draws how many of the connections are for this process's cells, which are all of them in one process.
        rng.next(1, distribution="binomial", parameters={"n": total, "p": 1.0})
        if self.with_replacement:
            pre, post = _allowed_pairs(rng, request, total, forbidden)
        elif 2 * total <= possible:
            pre, post = _different_pairs(rng, request, total, forbidden)
        else:
            pre, post = _all_pairs_but(*_different_pairs(rng, request, possible - total, forbidden), request, forbidden)
        keep = request.is_local[post]
        self._report(request, 1.0)
        return Connections.from_pairs(pre[keep], post[keep])


def _shares(key: int, total: int, sizes: IntArray, with_replacement: bool) -> IntArray:
    """How many of `total` balls fall into urns of `sizes` places: multinomial, or hypergeometric without replacement.

    RandomState, whose streams NumPy keeps as they are, draws one urn after the other, given what is left.
    """
    generator = np.random.RandomState([key & 0xFFFFFFFF, key >> 32])
    shares = np.zeros(sizes.size, dtype=np.int64)
    left, places = total, int(sizes.sum())
    for urn, size in enumerate(sizes.tolist()):
        if left == 0:
            break
        if size == places:
            share = left
        elif with_replacement:
            share = int(generator.binomial(left, size / places))
        else:
            share = int(generator.hypergeometric(size, places - size, left)) if size else 0
        shares[urn] = share
        left -= share
        places -= size
    return shares


def _allowed_pairs(
    rng: AbstractRNG, request: ConnectionRequest, count: int, forbidden: IntArray
) -> tuple[IntArray, IntArray]:
    """The first `count` pairs of the generator that are allowed."""
    pre, post = sequential_pairs(rng, request.n_pre, request.n_post, count)
    again = np.flatnonzero(pre == forbidden[post])
    while again.size:
        pre[again], post[again] = sequential_pairs(rng, request.n_pre, request.n_post, again.size)
        again = again[pre[again] == forbidden[post[again]]]
    return pre, post


def _different_pairs(
    rng: AbstractRNG, request: ConnectionRequest, count: int, forbidden: IntArray
) -> tuple[IntArray, IntArray]:
    """`count` different allowed pairs: pairs that are there already are drawn again."""
    codes = np.empty(0, dtype=np.int64)
    while codes.size < count:
        pre, post = _allowed_pairs(rng, request, count - codes.size, forbidden)
        codes = np.concatenate([codes, post * request.n_pre + pre])
        codes = codes[np.sort(np.unique(codes, return_index=True)[1])]
    return codes % request.n_pre, codes // request.n_pre


def _all_pairs_but(
    pre: IntArray, post: IntArray, request: ConnectionRequest, forbidden: IntArray
) -> tuple[IntArray, IntArray]:
    """All allowed pairs except those given."""
    keep = np.arange(request.n_pre)[None, :] != forbidden[:, None]
    keep[post, pre] = False
    rows, columns = np.nonzero(keep)
    return columns, rows


