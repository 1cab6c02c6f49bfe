"""Numbers from spikes, against values worked out by hand and against SciPy and NumPy."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyNN.cli import analysis

STEPS = np.array([10, 20, 20, 30, 50, 60])
CELLS = np.array([0, 0, 1, 1, 0, 0])


def test_rates_are_spikes_over_duration():
    assert analysis.rates(CELLS, 4, 200.0).tolist() == [20.0, 10.0, 0.0, 0.0]


def test_cv_of_intervals_by_hand():
    # Cell 0 has intervals 10, 30, 10: mean 50/3, variance 800/9. Cell 1 has one interval only.
    expected = np.sqrt(800 / 9) / (50 / 3)
    assert analysis.cv_isi(STEPS, CELLS) == pytest.approx([expected], rel=1e-14)


def test_regular_spikes_have_a_cv_of_zero():
    assert analysis.cv_isi(np.arange(10, 110, 10), np.zeros(10, dtype=int)).tolist() == [0.0]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_spikes_have_no_cv(count):
    assert analysis.cv_isi(np.arange(count), np.zeros(count, dtype=int)).size == 0


def test_cv_against_scipy_cell_by_cell():
    from scipy.stats import variation

    rng = np.random.default_rng(0)
    keys = np.sort(rng.choice(2000 * 30, 900, replace=False))
    steps, cells = keys // 30, keys % 30
    expected = [variation(np.diff(steps[cells == c])) for c in range(30) if np.count_nonzero(cells == c) > 2]
    # Sums of the same numbers in another order.
    np.testing.assert_allclose(analysis.cv_isi(steps, cells), expected, rtol=1e-12)


def test_correlations_against_numpy():
    rng = np.random.default_rng(1)
    keys = np.sort(rng.choice(np.arange(1, 1001) * 10, 800, replace=False) + rng.integers(0, 5, 800))
    steps, cells = keys // 10, keys % 10
    counts = np.array([np.histogram(steps[cells == c], bins=np.arange(0.5, 1001, 50))[0] for c in range(5)])
    expected = np.corrcoef(counts)[np.triu_indices(5, 1)]
    np.testing.assert_allclose(
        analysis.pairwise_correlations(steps, cells, 1000, 50, np.arange(5)), expected, rtol=1e-12
    )


def test_a_cell_without_spikes_is_in_no_pair():
    steps, cells = np.array([1, 7, 3]), np.array([0, 0, 1])
    assert analysis.pairwise_correlations(steps, cells, 10, 5, np.array([0, 1, 2])).size == 0
    assert analysis.pairwise_correlations(steps, cells, 20, 5, np.array([0, 1, 2])).size == 1


def test_a_spike_at_the_end_of_a_bin_belongs_to_it():
    # Steps 5 and 10 end the first and the second bin of five steps.
    steps, cells = np.array([5, 5, 10]), np.array([0, 1, 1])
    first, second = [1, 0, 0], [1, 1, 0]
    expected = np.corrcoef(first, second)[0, 1]
    assert analysis.pairwise_correlations(steps, cells, 15, 5, np.array([0, 1])) == pytest.approx([expected])


def test_spread_keeps_both_ends():
    assert analysis.spread(np.arange(100), 5).tolist() == [0, 25, 50, 74, 99]
    assert analysis.spread(np.arange(3), 5).tolist() == [0, 1, 2]


def test_ks_distance_by_hand():
    # Distribution functions are farthest apart between 2 and 3: 2/3 and 0.
    result = analysis.ks_distance(np.array([1.0, 2.0, 9.0]), np.array([3.0, 4.0, 9.0]))
    assert result.distance == pytest.approx(2 / 3)
    assert result.sizes == (3, 3)


def test_samples_agree_unless_far_apart_and_significantly():
    rng = np.random.default_rng(2)
    many = rng.normal(size=5000)
    assert analysis.ks_distance(many, many + 0.1).agrees  # significant, but a distance of about 0.04
    assert not analysis.ks_distance(many, many + 0.5).agrees  # 0.2
    few = rng.normal(size=8)
    assert analysis.ks_distance(few, few + 0.5).agrees  # far apart by chance


def test_one_sample_without_values_disagrees_with_one_that_has_some():
    values = np.arange(10.0)
    assert not analysis.ks_distance(values, np.empty(0)).agrees
    assert analysis.ks_distance(np.empty(0), np.empty(0)).agrees


def test_identical_spikes_are_counted_by_hand():
    first = analysis.spike_keys(np.array([1, 2, 3]), np.array([0, 0, 1]), 2)
    second = analysis.spike_keys(np.array([1, 2, 4]), np.array([0, 1, 1]), 2)
    assert analysis.identical_fraction(first, first) == 1.0
    assert analysis.identical_fraction(first, second) == pytest.approx(1 / 5)
    assert analysis.identical_fraction(first, first[:0]) == 0.0
    assert analysis.identical_fraction(first[:0], first[:0]) == 1.0


@pytest.mark.parametrize(
    ("second", "step"),
    [
        ([(1, 0), (2, 0), (3, 1)], None),
        ([(1, 0), (2, 1), (3, 1)], 2),
        ([(1, 0), (2, 0)], 3),
        ([(1, 0), (2, 0), (3, 1), (7, 0)], 7),
        ([(1, 1), (2, 0), (3, 1)], 1),
        ([], 1),
    ],
)
def test_first_difference(second, step):
    first = [(1, 0), (2, 0), (3, 1)]
    keys = [
        analysis.spike_keys(np.array([s for s, _ in x], dtype=int), np.array([c for _, c in x], dtype=int), 2)
        for x in (first, second)
    ]
    assert analysis.first_difference(keys[0], keys[1], 2) == step
    assert analysis.first_difference(keys[1], keys[0], 2) == step


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 4)), unique=True),
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 4)), unique=True),
)
def test_spike_comparisons_against_sets(one, other):
    keys = [
        analysis.spike_keys(np.array([s for s, _ in x], int), np.array([c for _, c in x], int), 5) for x in (one, other)
    ]
    differing = set(one) ^ set(other)
    assert analysis.first_difference(keys[0], keys[1], 5) == min((s for s, _ in differing), default=None)
    union = set(one) | set(other)
    expected = len(set(one) & set(other)) / len(union) if union else 1.0
    assert analysis.identical_fraction(keys[0], keys[1]) == pytest.approx(expected)


def test_largest_difference_stops_before_the_first_different_spike():
    first, second = np.zeros((10, 2)), np.zeros((10, 2))
    second[3, 1] = -0.25
    second[4, 0] = 5.0
    assert analysis.largest_difference(first, second, None) == 5.0
    assert analysis.largest_difference(first, second, 4) == 0.25
    assert analysis.largest_difference(first, second, 0) is None
    assert analysis.largest_difference(first, np.zeros((10, 3)), None) is None


def test_spike_hash_is_that_of_the_sorted_columns():
    digest = hashlib.sha256(np.array([2, 5, 5], "<i8").tobytes() + np.array([1, 0, 3], "<i8").tobytes()).hexdigest()
    assert analysis.spike_hash(np.array([5, 2, 5]), np.array([3, 1, 0])) == digest
    assert analysis.spike_hash(np.array([5, 2, 5]), np.array([3, 1, 1])) != digest


def test_rate_over_time_by_hand():
    # Two cells, bins of 1 ms (10 steps of 0.1 ms) and a last one of half that width.
    times, rate = analysis.rate_over_time(np.array([10, 11, 25]), 2, 25, 10, 0.1)
    np.testing.assert_allclose(times, [0.5, 1.5, 2.5])
    np.testing.assert_allclose(rate, [500.0, 500.0, 1000.0])
