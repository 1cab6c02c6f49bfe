"""Connections that are not stored, because they can be drawn again from keyed streams whenever they are wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.connectors.base import ConnectionRequest, ConnectionsBySource
from pyNN.connectors.draws import Report, bernoulli_by_source, bernoulli_rows, by_column
from pyNN.random import RandomDistribution
from pyNN.random.transforms import Transform, transform
from pyNN.specs import FloatArray, IntArray


def _silent(fraction: float) -> None:
    return None


@dataclass(frozen=True)
class PairRule:
    """Each pair of cells with the same probability, independently of the others."""

    key: int
    """Of the random stream."""
    probability: float
    forbidden: IntArray
    """For each pre cell the post cell that it never connects to, or -1."""
    n_post: int

    @property
    def n_pre(self) -> int:
        return len(self.forbidden)

    def connections(self, request: ConnectionRequest, report: Report = _silent) -> ConnectionsBySource:
        """All connections onto the request's local cells."""
        starts, targets = bernoulli_by_source(request, self.key, self.probability, self.forbidden, report)
        return ConnectionsBySource(starts, targets, lambda pre, post: by_column(request, pre, post, request.n_post))

    def rows(self, pres: IntArray, first: int, last: int) -> tuple[IntArray, IntArray]:
        """Of some pre cells: (how many connections each has, post cells first to last - 1, row after row)."""
        forbidden = self.forbidden[pres]
        return bernoulli_rows(self.key, pres, self.probability, forbidden, self.n_post, first, last)


@dataclass(frozen=True)
class Drawn:
    """A value of its own for each connection, drawn from the stream `key`."""

    distribution: RandomDistribution
    key: int

    def values(self, pre: NDArray[Any], post: NDArray[Any]) -> FloatArray:
        return np.asarray(self.distribution.draw(self.key, post, pre.astype(np.int64)), dtype=float)

    @property
    def transform(self) -> Transform | None:
        """How compiled code draws it; None: it cannot."""
        return transform(self.distribution.name, self.distribution.parameters)


@dataclass
class RegeneratedTable:
    """A pyNN.specs.TableKeeper that has no connections, but makes them when a script asks: static ones."""

    rule: PairRule
    weight: float | Drawn
    delay: int | Drawn
    """In steps; in ms where it is drawn."""
    dt: float
    own: tuple[int, int]
    """The post cells of this MPI rank: first, one after the last."""
    size: int
    delay_limits: tuple[int, int]
    compiled: bool = True
    narrow: bool = False
    """Whether drawn weights are rounded to float32."""

    def _pairs(self) -> ConnectionsBySource:
        request = ConnectionRequest(
            pre_ids=np.arange(self.rule.n_pre), post_ids=np.arange(self.rule.n_post),
            local_post=np.arange(*self.own), compiled=self.compiled,
        )
        return self.rule.connections(request)

    @property
    def pre(self) -> NDArray[np.int32]:
        return self._pairs().pre

    @property
    def post(self) -> NDArray[np.int32]:
        return self._pairs().post

    @property
    def delay_steps(self) -> int | NDArray[np.int32]:
        if not isinstance(self.delay, Drawn):
            return self.delay
        pairs = self._pairs()
        return self.steps(self.delay.values(pairs.pre, pairs.post))

    @property
    def columns(self) -> dict[str, float | FloatArray]:
        if not isinstance(self.weight, Drawn):
            return {"weight": self.weight}
        pairs = self._pairs()
        return {"weight": self.rounded(self.weight.values(pairs.pre, pairs.post))}

    def steps(self, delays: FloatArray) -> NDArray[np.int32]:
        """Delays in ms as whole steps, as pyNN.lowering puts them on the grid."""
        return np.floor(delays / self.dt + 0.5 + 1e-9).astype(np.int32)

    def rounded(self, weights: FloatArray) -> FloatArray:
        return weights.astype(np.float32).astype(float) if self.narrow else weights
