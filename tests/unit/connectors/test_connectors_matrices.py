"""Matrices, lists of lists and profiles of weights; the profiles against what ANNarchy 5.0.4 prints."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from pyNN.connectors import (
    ConnectionRequest,
    DoGConnector,
    GaussianConnector,
    LILConnector,
    MatrixConnector,
    sparse_delays_from_weights,
    sparse_random_matrix,
)
from pyNN.errors import ConnectorError
from pyNN.random import NumpyRNG, RandomDistribution

nan = np.nan


def request(n_pre, n_post, **options):
    return ConnectionRequest(np.arange(n_pre), np.arange(100, 100 + n_post), **options)


def matrix(connector, asked):
    made = connector.make(asked)
    result = np.full((asked.n_post, asked.n_pre), nan)
    result[made.post, made.pre] = made.values["weight"]
    return result


def grids(pre, post):
    """Positions of grids as a request has them."""
    values = {}
    for side, shape in (("pre", pre), ("post", post)):
        x, y = (axis.ravel().astype(float) for axis in np.indices(shape))
        values |= {(side, "position.x"): x, (side, "position.y"): y, (side, "position.z"): 0.0 * x}
    return request(int(np.prod(pre)), int(np.prod(post)), cell_values=values)


def test_profiles_are_those_of_annarchy():
    # connectivity_matrix() of gaussian(amp=2.0, sigma=0.4, limit=0.1) and of dog(2.0, 0.3, 1.0, 0.6, limit=0.1) from a
    # geometry of (4, 3) to one of (3, 2), printed with six digits: rows 0 and 3.
    gaussian = matrix(GaussianConnector(2.0, 0.4, limit=0.1, normalized=True), grids((4, 3), (3, 2)))
    expected = [2.0, 0.915667, nan, 1.413297, 0.647054, nan, 0.498704, 0.228324, nan, nan, nan, nan]
    assert np.allclose(gaussian[0], expected, rtol=0, atol=6e-7, equal_nan=True)
    expected = [nan, 0.419223, 0.915667, nan, 0.839534, 1.833711, nan, 0.839534, 1.833711, nan, 0.419223, 0.915667]
    assert np.allclose(gaussian[3], expected, rtol=0, atol=6e-7, equal_nan=True)
    dog = matrix(DoGConnector(2.0, 0.3, 1.0, 0.6, limit=0.1, normalized=True), grids((4, 3), (3, 2)))
    expected = [1.0, -0.207944, -0.24162, 0.221818, -0.33659, -0.209523, -0.370092, -0.338952, -0.133848, -0.24162,
                -0.174276, nan]  # fmt: skip
    assert np.allclose(dog[0], expected, rtol=0, atol=6e-7, equal_nan=True)


def test_a_profile_of_distances_leaves_out_the_cell_itself_unless_told():
    cells = np.arange(20)
    asked = ConnectionRequest(cells, cells, distances=lambda i, j: np.abs(i - j) * 1.5)
    d = np.abs(cells[:, None] - cells) * 1.5
    weights = 3.0 * np.exp(-(d**2) / 8.0)
    with_self = np.where(weights > 0.06, weights, nan)
    found = matrix(GaussianConnector(3.0, 2.0, limit=0.02, allow_self_connections=True), asked)
    assert np.allclose(found, with_self, rtol=1e-14, equal_nan=True)
    without = np.where(np.eye(20, dtype=bool), nan, with_self)
    assert np.allclose(matrix(GaussianConnector(3.0, 2.0, 0.02), asked), without, rtol=1e-14, equal_nan=True)
    here = ConnectionRequest(cells, cells, distances=asked.distances, local_post=np.arange(5))
    part = matrix(GaussianConnector(3.0, 2.0, 0.02), here)
    assert np.array_equal(part[:5], without[:5], equal_nan=True) and np.isnan(part[5:]).all()


@pytest.mark.parametrize("sparse", [False, True])
def test_a_matrix_is_its_connections(sparse):
    weights = np.where(np.random.default_rng(1).random((6, 4)) < 0.5, np.arange(24.0).reshape(6, 4), nan)
    pre, post = np.nonzero(~np.isnan(weights))
    delays = np.full((6, 4), nan)
    delays[pre, post] = 1.0 + pre
    given = [scipy.sparse.coo_matrix((m[pre, post], (pre, post)), shape=(6, 4)) for m in (weights, delays)]
    connector = MatrixConnector(*given) if sparse else MatrixConnector(weights, delays)
    made = connector.make(request(6, 4))
    assert np.array_equal(np.lexsort((made.pre, made.post)), np.arange(made.size))
    assert np.array_equal(made.values["weight"], weights[made.pre, made.post]) and made.size == len(pre)
    assert np.array_equal(made.values["delay"], 1.0 + made.pre)
    halves = [connector.make(request(6, 4, local_post=np.array(part))) for part in ([0, 3], [1, 2])]
    assert sum(half.size for half in halves) == made.size and set(halves[0].post.tolist()) <= {0, 3}
    none = MatrixConnector([[None, 1.0], [2.0, None]], 1.5).make(request(2, 2))
    assert none.pre.tolist() == [1, 0] and none.values["delay"].tolist() == [1.5, 1.5]


def test_helpers_for_sparse_matrices():
    values = RandomDistribution("uniform", (0.1, 0.2), rng=NumpyRNG(1))
    weights = sparse_random_matrix(200, 100, 0.1, values, NumpyRNG(2))
    assert weights.shape == (200, 100) and abs(weights.nnz - 2000) < 4 * np.sqrt(20000 * 0.09)
    assert 0.1 <= weights.data.min() < weights.data.max() <= 0.2
    delays = sparse_delays_from_weights(weights, 2.5)
    assert set(delays.data) == {2.5} and np.array_equal(delays.indices, weights.indices)
    diagonal = sparse_random_matrix(50, 50, 1.0, allow_self_connections=False).diagonal()
    assert not diagonal.any()


def test_lists_of_lists():
    connector = LILConnector()
    connector.add(3, [0, 2], [0.1, 0.2], 1.0)
    connector.add(1, [5], 0.3, [2.0])
    connector.add(3, [1], 0.4, 3.0)
    made = connector.make(request(6, 4))
    rows = list(zip(made.pre.tolist(), made.post.tolist(), made.values["weight"], made.values["delay"], strict=True))
    assert rows == [(5, 1, 0.3, 2.0), (0, 3, 0.1, 1.0), (1, 3, 0.4, 3.0), (2, 3, 0.2, 1.0)] and connector.size == 4
    assert LILConnector().make(request(6, 4)).size == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MatrixConnector(np.ones(3)), "shape"),
        (lambda: MatrixConnector("x"), "matrix of numbers"),
        (lambda: MatrixConnector(np.ones((2, 3)), np.ones((3, 2))), "shape"),
        (lambda: MatrixConnector(np.ones((4, 6))).make(request(6, 4)), "transposed"),
        (lambda: MatrixConnector(np.ones((1, 1)), np.full((1, 1), nan)).make(request(1, 1)), "no delay"),
        (lambda: LILConnector().add(0, [0.5], 1.0), "indices"),
        (lambda: LILConnector().add(0, [0, 1], [1.0, 2.0, 3.0]), "one number or 2"),
        (lambda: GaussianConnector(1.0, 0.0), "over 0"),
        (lambda: GaussianConnector("a", 1.0), "finite number"),
        (lambda: DoGConnector(1.0, 1.0, 1.0, 1.0, limit=-1), "negative"),
        (lambda: sparse_random_matrix(2, 2, 2.0), "probability"),
    ],
)
def test_what_does_not_fit_is_refused(make, words):
    with pytest.raises(ConnectorError, match=words):
        make()
