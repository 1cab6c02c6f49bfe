"""Random connectors without a generator: what they promise, and their statistics.

Statistical tests have fixed seeds; each would fail for one seed in a thousand (p < 0.001) if the connector is right.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pyNN.connectors import (
    AllToAllConnector,
    ConnectionRequest,
    DistanceDependentProbabilityConnector,
    FixedNumberPostConnector,
    FixedNumberPreConnector,
    FixedProbabilityConnector,
    FixedTotalNumberConnector,
    IndexBasedExpression,
    IndexBasedProbabilityConnector,
    SmallWorldConnector,
)
from pyNN.errors import ConnectorError
from pyNN.random import NativeRNG, NumpyRNG, RandomDistribution

ALPHA = 0.001


def request(n_pre=60, n_post=40, recurrent=False, **options) -> ConnectionRequest:
    pre = np.arange(n_pre)
    post = pre if recurrent else np.arange(10_000, 10_000 + n_post)
    options.setdefault("distances", lambda i, j: np.abs(i % 40 - j % 40).astype(float))
    return ConnectionRequest(pre, post, **options)


@pytest.fixture
def rng(request):
    """No generator, or a new one with the seed that is given."""
    return None if request.param is None else NumpyRNG(request.param)


class Half(IndexBasedExpression):
    def __call__(self, i, j):
        return np.where((i + j) % 2, 0.5, 0.0)


CONNECTORS = {
    "probability": FixedProbabilityConnector(0.2),
    "low probability": FixedProbabilityConnector(0.001),
    "high probability": FixedProbabilityConnector(0.97, allow_self_connections=False),
    "no mutual": FixedProbabilityConnector(0.5, allow_self_connections="NoMutual"),
    "pre": FixedNumberPreConnector(7),
    "most pre": FixedNumberPreConnector(53, allow_self_connections=False),
    "pre, more than there are": FixedNumberPreConnector(130, allow_self_connections=False),
    "pre with replacement": FixedNumberPreConnector(70, with_replacement=True, allow_self_connections=False),
    "random number of pre": FixedNumberPreConnector(RandomDistribution("poisson", lambda_=6.0)),
    "post": FixedNumberPostConnector(7, allow_self_connections=False),
    "post with replacement": FixedNumberPostConnector(9, with_replacement=True),
    "random number of post": FixedNumberPostConnector(RandomDistribution("binomial", n=80, p=0.5)),
    "total": FixedTotalNumberConnector(500, allow_self_connections=False),
    "total without replacement": FixedTotalNumberConnector(500, with_replacement=False, allow_self_connections=False),
    "random total": FixedTotalNumberConnector(RandomDistribution("poisson", lambda_=300.0)),
    "distance": DistanceDependentProbabilityConnector("exp(-d/10)"),
    "index": IndexBasedProbabilityConnector(Half()),
    "small world": SmallWorldConnector(4, 0.3, allow_self_connections=False, n_connections=3),
}


def columns(connector, **options):
    made = connector.connections(request(**options))
    return np.stack([made.pre, made.post])


@pytest.mark.parametrize("connector", CONNECTORS.values(), ids=list(CONNECTORS))
@pytest.mark.parametrize("recurrent", [False, True])
class TestPromises:
    def test_sorted_by_post_then_pre(self, connector, recurrent):
        pre, post = columns(connector, recurrent=recurrent).astype(int)
        assert pre.size and (np.diff(post * 60 + pre) >= 0).all()
        assert pre.min() >= 0 and pre.max() < 60 and post.max() < (60 if recurrent else 40)

    def test_compiled_and_numpy_loops_make_the_same(self, connector, recurrent):
        compiled = columns(connector, recurrent=recurrent, compiled=True)
        assert np.array_equal(compiled, columns(connector, recurrent=recurrent, compiled=False))

    @pytest.mark.parametrize("compiled", [True, False])
    def test_a_post_cell_does_not_depend_on_which_others_are_local(self, connector, recurrent, compiled):
        everything = columns(connector, recurrent=recurrent)
        for local in (np.arange(1, 40, 3), np.array([39, 0]), np.array([], dtype=int)):
            made = columns(connector, recurrent=recurrent, compiled=compiled, local_post=local)
            assert np.array_equal(made, everything[:, np.isin(everything[1], local)])

    def test_again_the_same_and_other_for_another_seed_or_projection(self, connector, recurrent):
        first = columns(connector, recurrent=recurrent, seed=1, projection=1)
        assert np.array_equal(first, columns(connector, recurrent=recurrent, seed=1, projection=1))
        assert not np.array_equal(first, columns(connector, recurrent=recurrent, seed=1, projection=2))
        assert not np.array_equal(first, columns(connector, recurrent=recurrent, seed=2, projection=1))

    def test_forbidden_connections_are_not_made(self, connector, recurrent):
        pre, post = columns(connector, recurrent=recurrent)
        if recurrent and connector.allow_self_connections is False:
            assert (pre != post).all()
        if recurrent and connector.allow_self_connections == "NoMutual":
            assert (pre > post).all()


@pytest.mark.parametrize("connector", CONNECTORS.values(), ids=list(CONNECTORS))
def test_no_cells_on_a_side_give_no_connections(connector):
    for compiled in (True, False):
        assert columns(connector, n_pre=0, compiled=compiled).size == 0
        assert columns(connector, n_post=0, compiled=compiled).size == 0


def test_self_connections_are_recognised_between_views():
    pre_ids, post_ids = np.array([5, 2, 9, 7]), np.array([9, 5, 30])
    for kind, number in ((FixedNumberPreConnector, 3), (FixedNumberPostConnector, 2)):
        made = kind(number, allow_self_connections=False).connections(ConnectionRequest(pre_ids, post_ids))
        assert (pre_ids[made.pre] != post_ids[made.post]).all() and made.size >= 8


# --- statistics -----------------------------------------------------------------------------------------------------


def matrix(connector, n_pre, n_post, **options):
    made = connector.connections(request(n_pre, n_post, **options))
    counts = np.zeros((n_pre, n_pre if options.get("recurrent") else n_post), dtype=int)
    np.add.at(counts, (made.pre, made.post), 1)
    return counts


@pytest.mark.parametrize("p", [0.003, 0.1, 0.5, 0.95])
def test_fixed_probability_is_binomial_and_uniform(p):
    n_pre, n_post = 400, 500
    counts = matrix(FixedProbabilityConnector(p), n_pre, n_post, seed=8)
    assert stats.binomtest(int(counts.sum()), n_pre * n_post, p).pvalue > ALPHA
    # Numbers of a row and of a column are sums of independent decisions: their variance ratio is chi-squared.
    for axis, n in ((0, n_pre), (1, n_post)):
        numbers = counts.sum(axis=axis)
        statistic = ((numbers - n * p) ** 2).sum() / (n * p * (1 - p))
        tail = stats.chi2(numbers.size).cdf(statistic)
        assert ALPHA / 2 < tail < 1 - ALPHA / 2


def test_fixed_probability_has_no_correlation_between_neighbours():
    hits = matrix(FixedProbabilityConnector(0.3), 400, 500, seed=3) - 0.3
    n = hits.size
    for a, b in ((hits[1:], hits[:-1]), (hits[:, 1:], hits[:, :-1])):
        z = (a * b).sum() / (0.3 * 0.7 * np.sqrt(n))
        assert abs(z) < stats.norm.ppf(1 - ALPHA / 2)


@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize("rng", [None, 1], indirect=True)
def test_probabilities_0_and_1_are_exact(p, rng):
    connector = FixedProbabilityConnector(p, allow_self_connections=False, rng=rng)
    made = connector.connections(request(20, recurrent=True))
    everything = AllToAllConnector(allow_self_connections=False).connections(request(20, recurrent=True))
    assert made.size == p * everything.size
    if p:
        assert np.array_equal(made.pre, everything.pre) and np.array_equal(made.post, everything.post)


def test_a_tiny_probability_makes_nothing():
    for compiled in (True, False):
        for p in (5e-324, 1e-300, 1e-17):
            assert FixedProbabilityConnector(p).connections(request(1000, 100, compiled=compiled)).size == 0


@pytest.mark.parametrize("rng", [None, 2], indirect=True)
@pytest.mark.parametrize("n", [0, 1, 3, 12, 19, 20, 47])
def test_fixed_number_pre_is_exact_uniform_and_without_repetition(n, rng):
    n_pre, n_post = 20, 3000
    counts = matrix(FixedNumberPreConnector(n, rng=rng), n_pre, n_post, seed=4)
    assert (counts.sum(axis=0) == n).all()
    copies, rest = divmod(n, n_pre)
    assert set(np.unique(counts)) <= {copies, copies + 1}
    if rest:
        # Each pre cell is in the remainder with probability rest / n_pre; the negative correlation within a post cell
        # makes (n_pre - 1) / n_pre of the statistic chi-squared with n_pre - 1 degrees of freedom.
        p = rest / n_pre
        hits = (counts - copies).sum(axis=1)
        statistic = ((hits - n_post * p) ** 2).sum() / (n_post * p * (1 - p)) * (n_pre - 1) / n_pre
        assert stats.chi2(n_pre - 1).sf(statistic) > ALPHA


def test_all_subsets_are_equally_likely():
    """3 of 6 cells: each of the 20 subsets equally often."""
    counts = matrix(FixedNumberPreConnector(3), 6, 8000, seed=9)
    codes = (counts * (1 << np.arange(6))[:, None]).sum(axis=0)
    _, observed = np.unique(codes, return_counts=True)
    assert observed.size == 20 and stats.chisquare(observed).pvalue > ALPHA


@pytest.mark.parametrize("kind, axis", [(FixedNumberPreConnector, 0), (FixedNumberPostConnector, 1)])
@pytest.mark.parametrize("rng", [None, 6], indirect=True)
def test_with_replacement_all_partners_are_equally_likely(kind, axis, rng):
    counts = matrix(kind(50, with_replacement=True, allow_self_connections=False, rng=rng), 40, 0, recurrent=True)
    assert (counts.sum(axis=axis) == 50).all() and np.trace(counts) == 0
    others = counts[~np.eye(40, dtype=bool)]
    assert stats.chisquare(others).pvalue > ALPHA
    assert others.max() > 1


@pytest.mark.parametrize("rng", [None, 5], indirect=True)
def test_fixed_number_post_is_exact_and_uniform(rng):
    counts = matrix(FixedNumberPostConnector(5, rng=rng), 3000, 20)
    assert (counts.sum(axis=1) == 5).all() and counts.max() == 1
    statistic = ((counts.sum(axis=0) - 750.0) ** 2).sum() / (3000 * 0.25 * 0.75) * 19 / 20
    assert stats.chi2(19).sf(statistic) > ALPHA


@pytest.mark.parametrize("kind, axis", [(FixedNumberPreConnector, 0), (FixedNumberPostConnector, 1)])
@pytest.mark.parametrize("rng", [None, 11], indirect=True)
def test_random_numbers_follow_their_distribution(kind, axis, rng):
    n = RandomDistribution("binomial", n=20, p=0.3, rng=rng)
    numbers = matrix(kind(n, rng=rng), 600, 600).sum(axis=axis)
    observed = np.bincount(np.clip(numbers, 2, 11), minlength=12)[2:]
    cdf = stats.binom(20, 0.3).cdf
    expected = 600 * np.diff(np.concatenate([[0.0], cdf(np.arange(2, 11)), [1.0]]))
    assert stats.chisquare(observed, expected).pvalue > ALPHA


@pytest.mark.parametrize("rng", [None, 12], indirect=True)
@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("with_replacement, n", [(True, 9000), (False, 300), (False, 1400)])
def test_fixed_total_number_is_exact_and_uniform(rng, recurrent, with_replacement, n):
    connector = FixedTotalNumberConnector(n, allow_self_connections=False, with_replacement=with_replacement, rng=rng)
    repeats = 1 if with_replacement else 40
    tables = [matrix(connector, 40, 40, recurrent=recurrent, projection=k) for k in range(repeats)]
    allowed = ~np.eye(40, dtype=bool) if recurrent else np.ones((40, 40), dtype=bool)
    for counts in tables:
        assert counts.sum() == n and (counts[~allowed] == 0).all()
        assert with_replacement or counts.max() == 1
    total = sum(tables)[allowed]
    p = n / allowed.sum()
    scale = 1.0 if with_replacement else (1 - p) * allowed.sum() / (allowed.sum() - 1)
    statistic = ((total - repeats * p) ** 2).sum() / (repeats * p) / scale
    tail = stats.chi2(total.size - 1).cdf(statistic)
    assert ALPHA / 2 < tail < 1 - ALPHA / 2


def test_all_pairs_can_be_asked_for_without_replacement():
    for rng in (None, NumpyRNG(1)):
        connector = FixedTotalNumberConnector(90, allow_self_connections=False, with_replacement=False, rng=rng)
        assert matrix(connector, 10, 0, recurrent=True).sum() == 90


@pytest.mark.parametrize("rng", [None, 1], indirect=True)
@pytest.mark.parametrize("expression", ["0.8*exp(-d/20)", lambda d: 0.8 * np.exp(-d / 20)])
def test_distance_dependence_is_that_of_the_expression(rng, expression):
    connector = DistanceDependentProbabilityConnector(expression, rng=rng)
    counts = matrix(connector, 300, 300, distances=lambda i, j: np.abs(i - j).astype(float))
    d = np.abs(np.subtract.outer(np.arange(300), np.arange(300)))
    p = 0.8 * np.exp(-d / 20)
    for low, high in ((0, 5), (5, 20), (20, 60), (60, 300)):
        ring = (d >= low) & (d < high)
        z = (counts[ring].sum() - p[ring].sum()) / np.sqrt((p * (1 - p))[ring].sum())
        assert abs(z) < stats.norm.ppf(1 - ALPHA / 2)


def test_probabilities_outside_0_to_1_count_as_0_and_1():
    counts = matrix(DistanceDependentProbabilityConnector("3 - d"), 30, 30)
    d = np.abs(np.subtract.outer(np.arange(30), np.arange(30)))
    assert (counts[d <= 2] == 1).all() and (counts[d >= 3] == 0).all()


# --- small worlds ---------------------------------------------------------------------------------------------------


def ring(n=600, **options):
    """Cells on a ring with neighbours at distance 1."""

    def distances(i, j):
        d = np.abs(i - j)
        return np.minimum(d, n - d).astype(float)

    return request(n, recurrent=True, distances=distances, **options)


def clustering(made, n):
    """Fraction of pairs of a cell's targets of which the one connects to the other, for directed graphs."""
    graph = np.zeros((n, n))
    graph[made.pre, made.post] = 1.0
    k = graph.sum(axis=1)
    return np.einsum("ij,jk,ik->", graph, graph, graph, optimize=True) / (k * (k - 1)).sum()


@pytest.mark.parametrize("rng", [None, 4], indirect=True)
@pytest.mark.parametrize("rewiring", [0.0, 0.1, 0.5, 1.0])
def test_small_worlds_have_the_clustering_of_watts_and_strogatz(rng, rewiring):
    """C(p) = C(0) (1 - p)^3 with C(0) = 3 (K - 2) / (4 (K - 1)) (Barrat & Weigt 2000, Eur Phys J B 13:547).

    Their result is for n -> infinity; what is left for p = 1 is K / n, which with the scatter makes the tolerance.
    """
    n, half = 600, 6
    made = SmallWorldConnector(half, rewiring, allow_self_connections=False, rng=rng).connections(ring(n))
    assert (np.bincount(made.pre, minlength=n) == 2 * half).all()
    assert np.unique(made.pre.astype(int) * n + made.post).size == made.size
    theory = 3 * (2 * half - 2) / (4 * (2 * half - 1)) * (1 - rewiring) ** 3
    assert clustering(made, n) == pytest.approx(theory, abs=2 * half / n + 0.01)


def test_rewiring_moves_the_fraction_that_is_asked_for():
    made = SmallWorldConnector(5, 0.2, allow_self_connections=False).connections(ring())
    d = np.abs(made.pre.astype(int) - made.post)
    moved = int((np.minimum(d, 600 - d) > 5).sum())
    assert stats.binomtest(moved, 6000, 0.2).pvalue > ALPHA


def test_n_connections_thins_the_local_ones():
    made = SmallWorldConnector(5, 0.0, allow_self_connections=False, n_connections=4).connections(ring())
    assert (np.bincount(made.pre) == 4).all()
    d = (made.post.astype(int) - made.pre) % 600
    observed = np.unique(d, return_counts=True)[1]
    assert observed.size == 10 and stats.chisquare(observed).pvalue > ALPHA
    with pytest.raises(ConnectorError, match="only 10 post cells"):
        SmallWorldConnector(5, 0.0, allow_self_connections=False, n_connections=11).connections(ring())


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [-0.1, 1.7, float("nan"), "0.5", None, True])
def test_p_connect_must_be_a_probability(p):
    with pytest.raises(ConnectorError, match="number from 0 to 1"):
        FixedProbabilityConnector(p)


@pytest.mark.parametrize("kind", [FixedNumberPreConnector, FixedNumberPostConnector, FixedTotalNumberConnector])
@pytest.mark.parametrize("n", [-1, 2.5, "3", None, True, RandomDistribution("normal", (5, 1), rng=NumpyRNG(1))])
def test_n_must_be_a_whole_number(kind, n):
    with pytest.raises(ConnectorError, match="n "):
        kind(n)


def test_numpy_integers_are_whole_numbers():
    assert FixedNumberPreConnector(np.int64(3)).connections(request()).size == 120


def test_a_negative_draw_of_n_is_refused():
    with pytest.raises(ConnectorError, match="gave -"):
        FixedNumberPreConnector(RandomDistribution("uniform_int", (-5, 2))).connections(request())


def test_no_mutual_has_no_meaning_for_fixed_numbers():
    with pytest.raises(ConnectorError, match="True or False"):
        FixedNumberPreConnector(3, allow_self_connections="NoMutual")  # type: ignore[arg-type]


@pytest.mark.parametrize("rng", [None, 1], indirect=True)
def test_a_cell_whose_only_partner_is_itself_is_refused(rng):
    alone = ConnectionRequest(np.array([4]), np.array([4]))
    for kind in (FixedNumberPreConnector, FixedNumberPostConnector):
        with pytest.raises(ConnectorError, match="the cell itself"):
            kind(1, allow_self_connections=False, rng=rng).connections(alone)
        assert kind(0, allow_self_connections=False, rng=rng).connections(alone).size == 0


def test_more_different_pairs_than_there_are_are_refused():
    with pytest.raises(ConnectorError, match="there are 90 possible pairs"):
        FixedTotalNumberConnector(91, allow_self_connections=False, with_replacement=False).connections(
            request(10, recurrent=True)
        )


def test_a_probability_that_is_not_a_number_is_refused():
    class Partly(IndexBasedExpression):
        def __call__(self, i, j):
            return np.where((i == 3) & (j >= 5), np.nan, 0.1)

    with pytest.raises(ConnectorError, match="pre cell 3 to post cell 5 is not a number"):
        IndexBasedProbabilityConnector(Partly()).connections(request())


@pytest.mark.parametrize("function", [lambda d: d[:5], lambda d: "half", lambda d: d[None, :]])
def test_a_function_that_does_not_work_elementwise_is_refused(function):
    with pytest.raises(ConnectorError, match="elementwise"):
        DistanceDependentProbabilityConnector(function).connections(request())


def test_what_is_no_expression_function_or_generator_is_refused():
    with pytest.raises(ConnectorError, match="d_expression"):
        DistanceDependentProbabilityConnector(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="x"):
        DistanceDependentProbabilityConnector("exp(-x)")
    with pytest.raises(ConnectorError, match="IndexBasedExpression"):
        IndexBasedProbabilityConnector(lambda i, j: 0.5)  # type: ignore[arg-type]
    with pytest.raises(ConnectorError, match="NumpyRNG"):
        FixedProbabilityConnector(0.5, rng=np.random.default_rng(1))  # type: ignore[arg-type]
    with pytest.raises(ConnectorError, match="degree"):
        SmallWorldConnector(-1, 0.1)
    with pytest.raises(ConnectorError, match="rewiring"):
        SmallWorldConnector(1, 1.1)


def test_a_native_generator_stands_for_the_keyed_streams():
    for rule, argument in ((FixedProbabilityConnector, 0.5), (FixedNumberPreConnector, 5)):
        native, none = (rule(argument, rng=rng).connections(request()) for rng in (NativeRNG(1), None))
        np.testing.assert_array_equal(native.pre, none.pre)
        np.testing.assert_array_equal(native.post, none.post)


def test_a_generator_that_differs_between_processes_is_refused_where_all_draw_together():
    rng = NumpyRNG(1, parallel_safe=False)
    for connector in (FixedNumberPostConnector(5, rng=rng), FixedTotalNumberConnector(5, rng=rng)):
        with pytest.raises(ConnectorError, match="parallel_safe"):
            connector.connections(request(local_post=[0, 1]))


def test_an_index_expression_gets_the_projection():
    expression, projection = Half(), object()
    IndexBasedProbabilityConnector(expression).connections(request(projection_object=projection))
    assert expression.projection is projection


@pytest.mark.parametrize("connector", CONNECTORS.values(), ids=list(CONNECTORS))
@pytest.mark.parametrize("compiled", [True, False])
def test_progress_ends_at_1(connector, compiled):
    heard: list[float] = []
    connector.connections(request(compiled=compiled, progress=heard.append))
    assert heard[-1] == 1.0 and heard == sorted(heard)
