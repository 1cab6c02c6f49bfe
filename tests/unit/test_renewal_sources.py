"""Gamma processes, inhomogeneous ones, and Poisson processes with dead time: statistics against closed forms.

Every statistical test has the significance 1e-3: a right generator fails one in a thousand seeds, and the seeds are
fixed. Times are on the grid of DT, which is fine enough not to matter for the tests of distributions.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from pyNN.backend import Settings
from pyNN.errors import InvalidParameterValueError, NonExistentParameterError
from pyNN.random.gamma import log_survival
from pyNN.specs import PopulationSpec, Ragged
from pyNN.spike_sources import lost_times, make_source
from pyNN.standardmodels.cells import SpikeSourceGamma, SpikeSourceInhGamma, SpikeSourcePoissonRefractory

DT = 0.001
SIGNIFICANCE = 1e-3
QUANTILE = scipy.stats.norm.isf(SIGNIFICANCE / 2)
FOREVER = 1e10


def source(model, size, dt=DT, seed=42, trial=0, start_step=0, population=0, **values):
    values = {"start": 0.0, "duration": FOREVER, **values}
    parameters = {
        name: Ragged.from_list([values[name]] * size if np.ndim(values[name][0]) == 0 else values[name])
        if declared.is_array
        else values[name]
        for name, declared in model.parameters.items()
    }
    settings = Settings(dt=dt, min_delay_steps=None, max_delay_steps=None, rng_seed=seed, trial=trial)
    spec = PopulationSpec(population, "noise", model.definition, size, 0, parameters, {})
    return make_source(spec, settings, start_step)


def gamma(size, alpha, beta, **kwargs):
    return source(SpikeSourceGamma, size, alpha=alpha, beta=beta, **kwargs)


def refractory(size, rate, tau_refrac, **kwargs):
    return source(SpikeSourcePoissonRefractory, size, rate=rate, tau_refrac=tau_refrac, **kwargs)


def inhomogeneous(size, a, b, tbins, **kwargs):
    return source(SpikeSourceInhGamma, size, a=a, b=b, tbins=tbins, **kwargs)


KINDS = {
    "gamma": lambda size, **kw: gamma(size, 3.0, 60.0, **kw),
    "refractory": lambda size, **kw: refractory(size, 20.0, 15.0, **kw),
    "inhomogeneous": lambda size, **kw: inhomogeneous(size, [3.0], [1.0 / 60.0], [0.0], **kw),
}
"""Each at 20 Hz."""
INTERVALS = {
    "gamma": scipy.stats.gamma(3.0, scale=1000.0 / 60.0),
    "refractory": scipy.stats.expon(loc=15.0, scale=35.0),
    "inhomogeneous": scipy.stats.gamma(3.0, scale=1000.0 / 60.0),
}
"""Of the intervals in ms."""


def intervals(steps, cells, dt=DT):
    order = np.lexsort((steps, cells))
    return np.diff(steps[order])[np.diff(cells[order]) == 0] * dt


def renewal_intervals(kind, cells=200, ms=4000.0, count=20, **kwargs):
    """The first `count` intervals of each cell, so that long ones are not cut off at the end."""
    steps, which = KINDS[kind](cells, **kwargs).advance(0, round(ms / DT))
    rows = [steps[which == cell] for cell in range(cells)]
    assert min(len(row) for row in rows) > count
    return np.concatenate([np.diff(row[: count + 1]) for row in rows]) * DT


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_have_their_distribution(kind):
    """Kolmogorov-Smirnov, 4000 intervals."""
    drawn = renewal_intervals(kind)
    assert scipy.stats.kstest(drawn, INTERVALS[kind].cdf).pvalue > SIGNIFICANCE


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_have_their_mean_and_coefficient_of_variation(kind):
    """The mean to its standard error; the coefficient of variation to that of a bootstrap of 4000 intervals."""
    drawn = renewal_intervals(kind, seed=5)
    wanted = INTERVALS[kind]
    assert abs(drawn.mean() - wanted.mean()) < QUANTILE * wanted.std() / np.sqrt(drawn.size)
    rng = np.random.default_rng(1)
    samples = rng.choice(drawn, (400, drawn.size))
    error = (samples.std(axis=1) / samples.mean(axis=1)).std()
    assert abs(drawn.std() / drawn.mean() - wanted.std() / wanted.mean()) < QUANTILE * error


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_are_independent_of_each_other(kind):
    """Serial correlation of intervals: 0 within the standard error 1/sqrt(n) of Pearson's coefficient."""
    steps, cells = KINDS[kind](200, seed=6).advance(0, round(2000.0 / DT))
    pairs = [np.diff(steps[cells == cell]) for cell in range(200)]
    before, after = (np.concatenate([row[part] for row in pairs]) for part in (slice(None, -1), slice(1, None)))
    assert abs(np.corrcoef(before, after)[0, 1]) < QUANTILE / np.sqrt(before.size)


@pytest.mark.parametrize("kind", KINDS)
def test_the_rate_is_right_from_the_first_moment(kind):
    """A process in equilibrium has no transient: counts in bins of 5 ms are alike. Chi-square over 20 bins."""
    steps, _ = KINDS[kind](10_000, seed=7).advance(0, round(100.0 / DT))
    counts = np.histogram(steps * DT, bins=20, range=(0.0, 100.0))[0]
    # A renewal process in a short bin is close to Poisson: at most one spike of a cell.
    expected = 10_000 * 20.0 * 0.005
    assert scipy.stats.chi2.sf(np.sum((counts - expected) ** 2 / expected), 20) > SIGNIFICANCE


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_spike_has_the_distribution_of_a_forward_recurrence_time(kind):
    """Density (1 - F(t))/mean (Cox 1962, Renewal Theory, 5.2). Kolmogorov-Smirnov, 2000 cells."""
    steps, cells = KINDS[kind](2000, seed=8).advance(0, round(1500.0 / DT))
    first = np.full(2000, np.iinfo(np.int64).max)
    np.minimum.at(first, cells, steps)
    grid = np.linspace(0.0, 1500.0, 150_001)
    survival = INTERVALS[kind].sf(grid) / INTERVALS[kind].mean()
    cdf = np.concatenate([[0.0], np.cumsum(0.5 * (survival[1:] + survival[:-1]) * np.diff(grid))])
    assert scipy.stats.kstest(first * DT, lambda t: np.interp(t, grid, cdf)).pvalue > SIGNIFICANCE


def test_nothing_in_the_dead_time_and_a_constant_hazard_after_it():
    """Intervals less the dead time are exponential, with the rate that makes the mean rate 50 Hz: 50/(1 - 0.05*5)."""
    steps, cells = refractory(400, 50.0, 5.0).advance(0, round(4000.0 / DT))
    drawn = intervals(steps, cells)
    assert drawn.min() >= 5.0 - 1e-9
    counts = np.array([np.sum((drawn >= t) & (drawn < t + 5.0)) for t in np.arange(5.0, 45.0, 5.0)])
    at_risk = np.array([np.sum(drawn >= t) for t in np.arange(5.0, 45.0, 5.0)])
    share = -np.expm1(-5.0 * 0.05 / (1.0 - 0.25))
    z = (counts - at_risk * share) / np.sqrt(at_risk * share * (1.0 - share))
    # Eight bins: Bonferroni.
    assert np.all(np.abs(z) < scipy.stats.norm.isf(SIGNIFICANCE / 16)), z


def test_without_dead_time_it_is_poisson():
    steps, cells = refractory(100, 40.0, 0.0).advance(0, round(4000.0 / DT))
    assert scipy.stats.kstest(intervals(steps, cells)[:5000], scipy.stats.expon(scale=25.0).cdf).pvalue > SIGNIFICANCE


def test_a_regular_gamma_process_has_hardly_any_variation():
    steps, cells = gamma(50, 1e6, 1e8).advance(0, round(500.0 / DT))
    drawn = intervals(steps, cells)
    assert drawn.mean() == pytest.approx(10.0, abs=0.01)
    assert drawn.std() < 0.02


# --- parameters that change with time -------------------------------------------------------------------------------


def test_time_rescaling_of_an_inhomogeneous_process():
    """Brown et al. 2002, Neural Comput 14:325: the hazard accumulated from spike to spike is exponential of mean 1.

    SciPy's gamma distributions give the hazard of each bin; Kolmogorov-Smirnov, the first 15 intervals of 300 cells.
    """
    a, b, tbins = np.array([1.0, 4.0, 2.0]), np.array([0.02, 0.004, 0.02]), np.array([0.0, 100.0, 200.0])
    edges = np.append(tbins[1:], np.inf)
    steps, cells = inhomogeneous(300, a, b, tbins, seed=3).advance(0, round(1000.0 / DT))
    rows = [steps[cells == cell][:16] * DT for cell in range(300)]
    assert min(len(row) for row in rows) == 16
    last, now = (np.concatenate([row[part] for row in rows]) for part in (slice(None, -1), slice(1, None)))
    accumulated = np.zeros(last.size)
    for shape, scale, begin, end in zip(a, 1000.0 * b, tbins, edges, strict=True):
        low = np.maximum(begin, last)
        high = np.maximum(np.minimum(end, now), low)
        bin_hazard = scipy.stats.gamma(shape, scale=scale)
        accumulated += bin_hazard.logsf(low - last) - bin_hazard.logsf(high - last)
    assert scipy.stats.kstest(accumulated, scipy.stats.expon.cdf).pvalue > SIGNIFICANCE


def test_the_rate_follows_the_bins():
    """Long after each change the rate is 1/(a b): counts to their asymptotic variance, rate*time/a."""
    a, b, tbins = [4.0, 4.0, 2.0], [0.025, 0.005, 0.02], [100.0, 1000.0, 2000.0]
    steps, _ = inhomogeneous(500, a, b, tbins, seed=4).advance(0, round(3000.0 / DT))
    times = steps * DT
    assert times.min() > 100.0
    windows = ((100.0, 1000.0, 4.0, 0.025), (1300.0, 2000.0, 4.0, 0.005), (2300.0, 3000.0, 2.0, 0.02))
    for begin, end, shape, scale in windows:
        count = np.sum((times > begin) & (times <= end))
        expected = 500 * (end - begin) / 1000.0 / (shape * scale)
        # The next order of the variance of a count is 1/6 at most; 0.5 a cell is on the safe side.
        assert abs(count - expected) < QUANTILE * np.sqrt(expected / shape + 0.5 * 500), (begin, count, expected)


def test_cells_have_their_own_bins():
    rows = {"a": [[2.0], [2.0, 2.0]], "b": [[0.05], [1e9, 0.001]], "tbins": [[0.0], [0.0, 500.0]]}
    steps, cells = inhomogeneous(2, rows["a"], rows["b"], rows["tbins"], dt=0.1).advance(0, 10_000)
    assert (steps[cells == 1] > 5000).all()
    assert 200 < np.sum(cells == 1) < 300
    assert 2 <= np.sum(cells == 0) <= 25


def test_a_jump_of_the_rate_after_a_very_long_interval_acts_at_once():
    """The age is 10,000 mean intervals of the new process: its hazard has its limit, beta, from then on."""
    made = gamma(2000, 3.0, 1e-3, dt=0.1)
    first = made.advance(0, 10_000)[0]
    made.write("beta", np.arange(2000), 30_000.0, 10_000)
    steps, cells = made.advance(10_000, 11_000)
    assert first.size < 5
    waits = np.full(2000, np.inf)
    np.minimum.at(waits, cells, (steps - 10_000) * 0.1)
    # On a grid of 0.1 ms, a wait of mean 1/30 ms is over in the first step with the probability 1 - exp(-3).
    p = scipy.stats.binomtest(int(np.sum(waits == 0.1)), 2000, -np.expm1(-3.0)).pvalue
    assert p > SIGNIFICANCE


@pytest.mark.parametrize("kind", ["gamma", "refractory"])
def test_a_change_in_the_middle_is_the_age_dependent_hazard_of_the_new_parameters(kind):
    """Waits from the change on, given the ages there, by the probability integral transform: uniform numbers."""
    made = KINDS[kind](3000, seed=11)
    change = round(300.0 / DT)
    steps, cells = made.advance(0, change)
    last = np.full(3000, -1)
    np.maximum.at(last, cells, steps)
    if kind == "gamma":
        made.write("alpha", np.arange(3000), 6.0, change)
        made.write("beta", np.arange(3000), 400.0, change)
        new = scipy.stats.gamma(6.0, scale=2.5)
    else:
        made.write("tau_refrac", np.arange(3000), 4.0, change)
        made.write("rate", np.arange(3000), 100.0, change)
        new = scipy.stats.expon(loc=4.0, scale=6.0)
    steps, cells = made.advance(change, change + round(150.0 / DT))
    following = np.full(3000, np.iinfo(np.int64).max)
    np.minimum.at(following, cells, steps)
    known = (last >= 0) & (following < np.iinfo(np.int64).max)
    assert known.sum() > 2900
    age, wait = (change - last[known]) * DT, (following[known] - change) * DT
    u = np.exp(new.logsf(age + wait) - new.logsf(age))
    assert scipy.stats.kstest(u, "uniform").pvalue > SIGNIFICANCE
    # After that, intervals are those of the new parameters.
    later = np.concatenate([np.diff(steps[cells == c])[:2] for c in range(1000)]) * DT
    assert scipy.stats.kstest(later, new.cdf).pvalue > SIGNIFICANCE


# --- exact properties -----------------------------------------------------------------------------------------------

BORDERS = {
    "one": [0, 20_000],
    "seven": [0, 1, 1, 2, 500, 501, 9_999, 20_000],
    "fifty": [*range(0, 20_000, 400), 20_000],
}


def run(made, borders):
    parts = [made.advance(a, b) for a, b in zip(borders[:-1], borders[1:], strict=True)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


@pytest.mark.parametrize("cut", ["seven", "fifty"])
@pytest.mark.parametrize("kind", KINDS)
def test_trains_do_not_depend_on_how_a_run_is_cut(kind, cut):
    whole = run(KINDS[kind](300, dt=0.1), BORDERS["one"])
    pieces = run(KINDS[kind](300, dt=0.1), BORDERS[cut])
    assert len(whole[0]) > 10_000
    np.testing.assert_array_equal(np.array(whole), np.array(pieces))


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_that_changes_nothing_changes_no_spike(kind):
    """Also at a step that has been passed: the backend may have asked for more than the script has seen."""
    whole = run(KINDS[kind](300, dt=0.1), BORDERS["one"])
    made = KINDS[kind](300, dt=0.1)
    first = made.advance(0, 7000)
    made.write("duration", np.arange(300), FOREVER, 6000)
    rest = made.advance(6000, 20_000)
    keep = first[0] <= 6000
    np.testing.assert_array_equal(whole[1], np.concatenate([first[1][keep], rest[1]]))
    np.testing.assert_array_equal(whole[0], np.concatenate([first[0][keep], rest[0]]))


@pytest.mark.parametrize("kind", KINDS)
def test_populations_trials_and_seeds_have_their_own_trains(kind):
    trains = [
        KINDS[kind](5, dt=0.1, **difference).advance(0, 20_000)[0]
        for difference in ({}, {"seed": 43}, {"trial": 1}, {"population": 1})
    ]
    for i in range(4):
        for j in range(i):
            assert not np.array_equal(trains[i], trains[j])


@pytest.mark.parametrize("kind", KINDS)
def test_spikes_lie_within_start_and_duration(kind):
    steps, _ = KINDS[kind](500, dt=0.1, start=100.0, duration=300.0).advance(0, 20_000)
    assert 1000 < steps.min() < 1010
    assert 3990 < steps.max() <= 4000


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_that_is_moved_before_it_comes(kind):
    made = KINDS[kind](200, dt=0.1, start=500.0)
    assert made.advance(0, 1000)[0].size == 0
    made.write("start", np.arange(200), 200.0, 1000)
    steps, _ = made.advance(1000, 4000)
    assert 2000 < steps.min() < 2020


def test_a_rate_of_zero_is_silence_and_can_be_ended():
    for made in (gamma(50, 2.0, 0.0, dt=0.1), refractory(50, 0.0, 3.0, dt=0.1)):
        assert made.advance(0, 5000)[0].size == 0
        made.write("beta" if "beta" in made._parameters else "rate", np.arange(50), 100.0, 5000)
        assert made.advance(5000, 10_000)[0].size > 500


def test_several_spikes_of_a_cell_in_one_step():
    steps, cells = gamma(3, 2.0, 200_000.0, dt=0.1).advance(0, 1000)
    counts = np.bincount(cells)
    # 100 spikes per ms for 100 ms; the standard deviation is sqrt(n/2).
    assert np.all(np.abs(counts - 10_000) < QUANTILE * np.sqrt(5000) + 1)
    assert np.max(np.unique(steps * 3 + cells, return_counts=True)[1]) > 5


def test_sources_without_cells():
    for kind in KINDS:
        steps, cells = KINDS[kind](0, dt=0.1).advance(0, 100)
        assert steps.size == cells.size == 0


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: gamma(2, 0.0, 1.0), "alpha .* must be finite and greater than 0"),
        (lambda: gamma(2, 2.0, np.array([1.0, -1.0])), "beta of cell 1 of 'noise'.*-1"),
        (lambda: refractory(2, 100.0, 10.0), "rate of 100 Hz .* tau_refrac = 10 ms .* under 100 Hz"),
        (lambda: inhomogeneous(2, [1.0, 2.0], [1.0], [0.0, 1.0]), "of one length.*they have 2, 1 and 2"),
        (lambda: inhomogeneous(2, [1.0, 2.0], [1.0, 1.0], [5.0, 1.0]), "tbins must increase"),
        (lambda: inhomogeneous(2, [1.0], [0.0], [0.0]), "b of cell 0 .* is 0; it must be greater than 0"),
    ],
)
def test_impossible_parameters_are_refused(make, match):
    with pytest.raises(InvalidParameterValueError, match=match):
        make()


def test_a_name_that_is_no_parameter():
    with pytest.raises(NonExistentParameterError, match="SpikeSourceGamma has no parameter 'rate'"):
        gamma(2, 2.0, 1.0).write("rate", np.arange(2), 1.0, 0)


def test_bins_are_changed_together():
    made = inhomogeneous(3, [2.0], [0.5], [0.0], dt=0.1)
    made.advance(0, 1000)
    for name, row in (("a", [2.0, 2.0]), ("b", [1e9, 0.002]), ("tbins", [0.0, 300.0])):
        made.write(name, np.arange(3), Ragged.from_list([row]), 1000)
    steps, _ = made.advance(1000, 10_000)
    assert 3000 < steps.min() < 3100
    made.write("a", np.arange(3), Ragged.from_list([[1.0, 2.0, 3.0]]), 10_000)
    with pytest.raises(InvalidParameterValueError, match="they have 3, 2 and 2 values. Change them together"):
        made.advance(10_000, 10_001)


def test_survival_is_used_with_an_age_of_zero():
    assert float(log_survival(2.5, 0.0)) == 0.0


def test_lost_times_are_those_that_are_past_and_new():
    old = Ragged.from_list([[1.0, 2.0, 9.0], []])
    new = Ragged.from_list([[1.0, 2.5, 9.0], [1.0, 7.0]])
    assert lost_times(old, new, 0.1, 50).tolist() == [2.5, 1.0]
    assert lost_times(old, old, 0.1, 50).size == 0
    assert lost_times(old, new, 0.1, 5).size == 0
