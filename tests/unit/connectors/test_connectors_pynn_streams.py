"""With an explicit NumpyRNG, the connections are those of PyNN 0.13.

The expected rows (pre indices of each post cell) were written down from PyNN 0.13.0 (pyNN.mock): 5 pre and 4 post
cells, or 5 cells onto themselves, with the seed that stands beside them.
"""

from __future__ import annotations

import numpy as np
import pytest

from pyNN.connectors import (
    ConnectionRequest,
    DisplacementDependentProbabilityConnector,
    DistanceDependentProbabilityConnector,
    FixedNumberPostConnector,
    FixedNumberPreConnector,
    FixedProbabilityConnector,
    FixedTotalNumberConnector,
    IndexBasedExpression,
    IndexBasedProbabilityConnector,
)
from pyNN.connectors.draws import sequential_pairs
from pyNN.random import AbstractRNG, NumpyRNG, RandomDistribution


def request(n_pre=5, n_post=4, recurrent=False, **options) -> ConnectionRequest:
    pre = np.arange(n_pre)
    return ConnectionRequest(
        pre,
        pre if recurrent else np.arange(100, 100 + n_post),
        distances=lambda i, j: np.abs(i - j).astype(float),
        displacements=lambda i, j: np.array([j - i, 0 * i, 0 * i], dtype=float),
        **options,
    )


def rows(made, n_post):
    return [made.pre[made.post == j].tolist() for j in range(n_post)]


class Falling(IndexBasedExpression):
    def __call__(self, i, j):
        return np.exp(-abs(i - j) / 2.0)


PRE, POST = FixedNumberPreConnector, FixedNumberPostConnector
CASES = [
    (FixedProbabilityConnector, (0.4,), {}, 7, False, [[0], [2, 3], [2, 3, 4], [1, 4]]),
    (
        FixedProbabilityConnector,
        (0.4,),
        {"allow_self_connections": False},
        7,
        True,
        [[], [2, 3], [3, 4], [1, 4], [2]],
    ),
    (DistanceDependentProbabilityConnector, ("exp(-d/2)",), {}, 7, False, [[0], [0, 1, 2, 3], [2, 3, 4], [1, 2, 3, 4]]),
    (IndexBasedProbabilityConnector, (Falling(),), {}, 7, False, [[0], [0, 1, 2, 3], [2, 3, 4], [1, 2, 3, 4]]),
    (
        DisplacementDependentProbabilityConnector,
        (lambda d: np.where(d[0] > 0, 0.9, 0.1),),
        {},
        7,
        False,
        [[0], [0, 2], [0, 1, 3], [1, 2, 4]],
    ),
    (PRE, (2,), {}, 7, False, [[0, 3], [1, 2], [3, 4], [1, 3]]),
    (PRE, (2,), {"allow_self_connections": False}, 7, True, [[2, 3], [2, 4], [1, 4], [0, 1], [1, 3]]),
    (
        PRE,
        (7,),
        {},
        7,
        False,
        [[0, 0, 1, 2, 3, 3, 4], [0, 1, 1, 2, 2, 3, 4], [0, 1, 2, 3, 3, 4, 4], [0, 1, 1, 2, 3, 3, 4]],
    ),
    (
        PRE,
        (12,),
        {"allow_self_connections": False},
        7,
        True,
        [sorted(3 * [i for i in range(5) if i != j]) for j in range(5)],
    ),
    (PRE, (2,), {"with_replacement": True}, 7, False, [[1, 4], [3, 3], [1, 4], [0, 1]]),
    (
        PRE,
        (3,),
        {"with_replacement": True, "allow_self_connections": False},
        0,
        True,
        [[3, 3, 4], [2, 3, 3], [0, 0, 4], [1, 2, 4], [0, 1, 1]],
    ),
    (POST, (2,), {}, 7, False, [[3], [0, 1, 2, 3, 4], [0], [1, 2, 4]]),
    (POST, (2,), {"allow_self_connections": False}, 7, True, [[3], [2, 3, 4], [0, 1], [0, 4], [1, 2]]),
    (
        POST,
        (7,),
        {},
        7,
        False,
        [
            [0, 0, 1, 1, 2, 2, 3, 3, 4],
            [0, 0, 1, 1, 2, 2, 3, 3, 4, 4],
            [0, 0, 1, 2, 3, 4, 4],
            [0, 1, 1, 2, 2, 3, 3, 4, 4],
        ],
    ),
    (POST, (2,), {"with_replacement": True}, 7, False, [[0, 4], [1, 4], [1], [0, 2, 2, 3, 3]]),
    (FixedTotalNumberConnector, (12,), {}, 7, False, [[3, 4, 4], [0, 4], [1, 2, 2], [0, 3, 3, 4]]),
    (FixedTotalNumberConnector, (12,), {}, 7, True, [[0, 1, 2, 3, 4, 4, 4], [], [1, 3], [1], [3, 3]]),
]


@pytest.mark.parametrize("kind, arguments, options, seed, recurrent, expected", CASES)
def test_connections_are_those_of_pynn(kind, arguments, options, seed, recurrent, expected):
    connector = kind(*arguments, rng=NumpyRNG(seed), **options)
    assert rows(connector.connections(request(recurrent=recurrent)), len(expected)) == expected


@pytest.mark.parametrize("kind, arguments, options, seed, recurrent, expected", CASES)
def test_they_do_not_depend_on_which_post_cells_are_local(kind, arguments, options, seed, recurrent, expected):
    for local in ([1], [0, 3], []):
        connector = kind(*arguments, rng=NumpyRNG(seed), **options)
        made = rows(connector.connections(request(recurrent=recurrent, local_post=local)), len(expected))
        assert made == [row if j in local else [] for j, row in enumerate(expected)]


def test_no_mutual_is_that_of_pynn():
    connector = FixedProbabilityConnector(0.6, allow_self_connections="NoMutual", rng=NumpyRNG(7))
    expected = [[2, 5], [2, 3], [4, 5], [4, 5], [5], []]
    assert rows(connector.connections(request(6, recurrent=True)), 6) == expected


def test_total_number_for_sizes_that_differ():
    made = FixedTotalNumberConnector(10, rng=NumpyRNG(7)).connections(request(9, 3))
    assert rows(made, 3) == [[4, 5, 6, 6, 7, 7], [0, 8], [0, 8]]


@pytest.mark.parametrize(
    "kind, expected, following",
    [
        (PRE, [[0, 1, 2, 3, 4], [0, 1, 2, 2, 3, 4], [0, 1, 2, 3, 4], [1, 2, 3, 4]], 0.9450482237927939),
        (POST, [[0, 1, 2, 4], [0, 1, 2, 3, 4], [0, 0, 1, 2], [0, 1, 2, 4]], 0.6617097991814964),
    ],
)
def test_random_numbers_of_connections_are_drawn_in_pynns_order(kind, expected, following):
    rng = NumpyRNG(7)
    connector = kind(RandomDistribution("uniform_int", (1, 8), rng=rng), rng=rng)
    assert rows(connector.connections(request()), 4) == expected
    assert rng.next() == following


@pytest.mark.parametrize("n_pre, n_post", [(5, 4), (4, 5), (64, 64), (1, 7), (7, 1), (1, 1), (1000, 3), (65, 33)])
def test_pairs_in_turn_are_those_of_single_calls(n_pre, n_post):
    """Oracle: RandomState.randint called for one number after the other."""
    rng, oracle = NumpyRNG(5), np.random.RandomState(5)
    pre, post = sequential_pairs(rng, n_pre, n_post, 500)
    one_by_one = [(oracle.randint(n_pre), oracle.randint(n_post)) for _ in range(500)]
    assert list(zip(pre, post, strict=True)) == one_by_one
    assert rng.next() == oracle.uniform()


def test_a_generator_that_two_connectors_share_is_advanced():
    rng = NumpyRNG(3)
    first, second = (FixedProbabilityConnector(0.5, rng=rng).connections(request()) for _ in range(2))
    assert rows(first, 4) != rows(second, 4)


class Halton(AbstractRNG):
    """A user's generator: multiples of the golden ratio, which fill [0, 1) evenly."""

    def __init__(self):
        super().__init__()
        self.drawn = 0

    def next(self, n=None, distribution=None, parameters=None, mask=None):
        k = np.arange(self.drawn, self.drawn + (n or 1)) + 1
        self.drawn += k.size
        u = (k * 0.6180339887498949) % 1.0
        if distribution == "binomial":
            return np.full(k.size, parameters["n"])
        values = parameters["low"] + u * (parameters["high"] - parameters["low"])
        return np.floor(values).astype(int) if distribution == "uniform_int" else values


def test_a_users_own_generator_is_asked_through_next():
    u = (np.arange(1, 21) * 0.6180339887498949 % 1.0).reshape(4, 5)
    made = FixedProbabilityConnector(0.4, rng=Halton()).connections(request())
    assert rows(made, 4) == [np.flatnonzero(row < 0.4).tolist() for row in u]
    made = FixedNumberPreConnector(2, rng=Halton()).connections(request())
    assert rows(made, 4) == [sorted(np.argsort(row)[:2].tolist()) for row in u]
    assert FixedTotalNumberConnector(9, rng=Halton()).connections(request()).size == 9


def test_a_generator_that_returns_the_wrong_number_is_named():
    class Short(AbstractRNG):
        def next(self, n=None, distribution=None, parameters=None, mask=None):
            return np.zeros(3)

    with pytest.raises(ValueError, match="Short.next"):
        FixedProbabilityConnector(0.4, rng=Short()).connections(request())
