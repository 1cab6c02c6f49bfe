"""Connections with their weights from a matrix, dense or sparse, or from lists of pre cells; and such matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyNN.connectors.base import ConnectionRequest, Connections, Connector, FloatArray, MapConnector
from pyNN.errors import ConnectorError
from pyNN.random import AbstractRNG, NumpyRNG, RandomDistribution


class MatrixConnector(MapConnector):
    """Connections with the weights, and perhaps delays (ms), of matrices of shape (pre cells, post cells).

    `weights`: an array in which NaN (or None) means no connection, as ``projection.get("weight", format="array")``
    gives it, or a sparse matrix of SciPy, of which each stored element is a connection, also one of 0. `delays`: one
    number, or a matrix with a number for each connection; without them, the synapse type's.
    """

    parameter_names = ("weights", "delays")

    def __init__(
        self, weights: Any, delays: Any = None, location_selector: Any = None, safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(location_selector, safe, callback)
        self.weights = _matrix(weights, "weights")
        constant = delays is None or isinstance(delays, (int, float, np.number))
        self.delays = delays if constant else _matrix(delays, "delays")
        if not constant and self.delays.shape != self.weights.shape:
            raise ConnectorError(
                f"MatrixConnector: delays have the shape {self.delays.shape}, and weights {self.weights.shape}."
            )

    def connections(self, request: ConnectionRequest) -> Connections:
        expected = (request.n_pre, request.n_post)
        if self.weights.shape != expected:
            hint = " The transposed matrix fits." if self.weights.shape == expected[::-1] else ""
            raise ConnectorError(
                f"MatrixConnector was given a matrix of shape {self.weights.shape}, but '{request.pre_label}' has "
                f"{expected[0]} and '{request.post_label}' {expected[1]} cells: the shape must be {expected}.{hint}"
            )
        pre, post, values = _elements(self.weights)
        keep = request.is_local[post] if post.size else np.zeros(0, dtype=bool)
        pre, post = pre[keep], post[keep]
        columns: dict[str, Any] = {"weight": values[keep]}
        if self.delays is not None:
            columns["delay"] = self._delays(pre, post)
        self._report(request, 1.0)
        return Connections.from_pairs(pre, post, columns)

    def _delays(self, pre: Any, post: Any) -> FloatArray:
        if isinstance(self.delays, (int, float, np.number)):
            return np.full(len(pre), float(self.delays))
        dense = self.delays if isinstance(self.delays, np.ndarray) else self.delays.tocsr()
        found = np.asarray(dense[pre, post], dtype=float).ravel()
        missing = np.flatnonzero(np.isnan(found) | (found == 0.0))
        if missing.size:
            k = missing[0]
            raise ConnectorError(
                f"MatrixConnector: there is no delay for the connection from pre cell {pre[k]} to post cell {post[k]}."
            )
        return found


class LILConnector(Connector):
    """Connections from lists that a script fills: ``connector.add(post, pre_cells, weights, delays)`` for post cells.

    ("LIL": a list of lists.) A post cell that is added twice has the connections of both.
    """

    def __init__(
        self, location_selector: Any = None, safe: bool = True, callback: Callable[[float], None] | None = None
    ) -> None:
        super().__init__(location_selector, safe, callback)
        self._rows: list[tuple[int, FloatArray, FloatArray, FloatArray | None]] = []

    def add(self, post: int, pre_cells: Any, weights: Any, delays: Any = None) -> None:
        """Connections from some pre cells (indices) to one post cell; weights and delays (ms) one number, or one each.

        ConnectorError where numbers do not go together. All calls give delays, or none.
        """
        pre = np.atleast_1d(np.asarray(pre_cells))
        if pre.ndim != 1 or (pre.size and pre.dtype.kind not in "iu"):
            raise ConnectorError(f"LILConnector.add: pre_cells are indices, not {pre_cells!r}.")
        if isinstance(post, bool) or not isinstance(post, (int, np.integer)):
            raise ConnectorError(f"LILConnector.add: post is the index of one cell, not {post!r}.")
        if self._rows and (delays is None) != (self._rows[0][3] is None):
            raise ConnectorError("LILConnector.add: either all calls give delays, or none does.")
        columns = []
        for name, values in (("weights", weights), ("delays", delays)):
            array = np.asarray(0.0 if values is None else values, dtype=float)
            if array.shape not in ((), pre.shape):
                raise ConnectorError(f"LILConnector.add: {name} are one number or {pre.size}, not {array.size}.")
            columns.append(np.array(np.broadcast_to(array, pre.shape)))
        self._rows.append((int(post), pre.astype(float), columns[0], None if delays is None else columns[1]))

    @property
    def size(self) -> int:
        """How many connections have been added."""
        return sum(pre.size for _, pre, _, _ in self._rows)

    def connections(self, request: ConnectionRequest) -> Connections:
        from pyNN.connectors.lists import FromListConnector

        given = bool(self._rows) and self._rows[0][3] is not None
        names = ["weight", "delay"] if given else ["weight"]
        tables = [
            np.column_stack([pre, np.full(pre.size, post), weight, *([] if delay is None else [delay])])
            for post, pre, weight, delay in self._rows
        ]
        rows = np.concatenate(tables) if tables else np.empty((0, 2 + len(names)))
        if not rows.size:
            return Connections.none(tuple(names))
        return FromListConnector(rows, names).connections(request)


def sparse_random_matrix(
    n_pre: int, n_post: int, p: float, weights: float | RandomDistribution = 1.0, rng: AbstractRNG | None = None,
    allow_self_connections: bool = True,
) -> Any:
    """A sparse matrix (SciPy's CSR, pre by post cells) for MatrixConnector, in which each pair is with probability p.

    `weights`: one number or a distribution. `rng` draws the pairs; by default NumPy's with a seed of its own, so that a
    script that is to give the same network again names one. Without `allow_self_connections` the diagonal is empty.
    """
    import scipy.sparse

    if not 0.0 <= p <= 1.0:
        raise ConnectorError(f"sparse_random_matrix: p must be a probability, from 0 to 1, not {p!r}.")
    generator = NumpyRNG() if rng is None else rng
    rows, columns = [], []
    for i in range(int(n_pre)):
        u = np.asarray(generator.next(int(n_post), distribution="uniform", parameters={"low": 0.0, "high": 1.0}))
        chosen = np.flatnonzero(u < p)
        if not allow_self_connections:
            chosen = chosen[chosen != i]
        rows.append(np.full(chosen.size, i))
        columns.append(chosen)
    pre = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
    post = np.concatenate(columns) if columns else np.empty(0, dtype=np.int64)
    return scipy.sparse.csr_matrix((_values(weights, pre.size), (pre, post)), shape=(int(n_pre), int(n_post)))


def sparse_delays_from_weights(weights: Any, delays: float | RandomDistribution) -> Any:
    """A sparse matrix of delays (ms) with the elements that a sparse matrix of weights has."""
    made = weights.tocsr().copy().astype(float)
    made.data = _values(delays, made.data.size)
    return made


def _values(given: float | RandomDistribution, number: int) -> FloatArray:
    if isinstance(given, RandomDistribution):
        return np.atleast_1d(np.asarray(given.next(number), dtype=float)) if number else np.empty(0)
    return np.full(number, float(given))


def _is_sparse(matrix: Any) -> bool:
    return hasattr(matrix, "tocoo") and hasattr(matrix, "tocsr")


def _matrix(given: Any, name: str) -> Any:
    """An array with NaN for no connection, or a sparse matrix."""
    if _is_sparse(given):
        return given
    try:
        values = np.array(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise ConnectorError(
            f"MatrixConnector: {name} are a matrix of numbers, in which NaN or None is no connection: {error}."
        ) from error
    if values.ndim != 2:
        raise ConnectorError(f"MatrixConnector: {name} are a matrix (pre cells, post cells), not of shape "
                             f"{values.shape}.")
    return values


def _elements(matrix: Any) -> tuple[Any, Any, FloatArray]:
    """(pre indices, post indices, values) of what is connected."""
    if _is_sparse(matrix):
        found = matrix.tocoo()
        return found.row.astype(np.int64), found.col.astype(np.int64), np.asarray(found.data, dtype=float)
    pre, post = np.nonzero(~np.isnan(matrix))
    return pre, post, matrix[pre, post]
