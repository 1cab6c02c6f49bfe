"""Spike trains of sources: exact properties, and the statistics of Poisson processes against SciPy."""

import numpy as np
import pytest
import scipy.stats

from pyNN.backend import Settings
from pyNN.errors import (
    InternalError,
    InvalidDimensionsError,
    InvalidParameterValueError,
    NoModelAvailableError,
    NonExistentParameterError,
)
from pyNN.models import Definition
from pyNN.random import streams
from pyNN.specs import PopulationSpec, Ragged
from pyNN.spike_sources import make_source, nearest_steps
from pyNN.standardmodels.cells import SpikeSourceArray, SpikeSourcePoisson

DT = 0.1
FOREVER = 1e10


def settings(seed=42, trial=0):
    return Settings(dt=DT, min_delay_steps=None, max_delay_steps=None, rng_seed=seed, trial=trial)


def array_source(rows, start_step=0):
    spec = PopulationSpec(
        0, "input", SpikeSourceArray.definition, len(rows), 0, {"spike_times": Ragged.from_list(rows)}, {}
    )
    return make_source(spec, settings(), start_step)


def poisson_source(size, rate, start=0.0, duration=FOREVER, start_step=0, population=0, **kwargs):
    parameters = {"rate": rate, "start": start, "duration": duration}
    spec = PopulationSpec(population, "noise", SpikeSourcePoisson.definition, size, 0, parameters, {})
    return make_source(spec, settings(**kwargs), start_step)


def pairs(spikes):
    return list(zip(spikes[0].tolist(), spikes[1].tolist(), strict=True))


def run(source, borders):
    """All spikes of a run that is cut at `borders`."""
    parts = [source.advance(a, b) for a, b in zip(borders[:-1], borders[1:], strict=True)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


# --- given times ----------------------------------------------------------------------------------------------------


def test_times_are_rounded_to_the_nearest_step():
    assert nearest_steps([0.0, 0.04, 0.05, 0.1, 0.149, 0.15, 0.25, 0.35, 10.0], 0.1).tolist() == [
        0, 0, 1, 1, 1, 2, 3, 4, 100
    ]  # fmt: skip
    assert nearest_steps(0.0499999, 0.1) == 0


def test_every_half_step_is_rounded_up_in_spite_of_binary_fractions():
    k = np.arange(200_000)
    for dt in (0.1, 0.05, 0.025, 0.2, 0.3, 1.0):
        decimals = np.array([float(f"{x:.6f}") for x in (k[:2000] + 0.5) * dt])
        np.testing.assert_array_equal(nearest_steps(decimals, dt), k[:2000] + 1)
        np.testing.assert_array_equal(nearest_steps(k * dt, dt), k)


def test_given_times_come_in_order_and_once_each():
    source = array_source([[5.0, 1.0, 1.0, 0.0], [], [1.02, 5.0, 7.0]])
    assert pairs(source.advance(0, 10)) == [(0, 0), (10, 0), (10, 0), (10, 2)]
    assert pairs(source.advance(10, 49)) == []
    assert pairs(source.advance(49, 50)) == [(50, 0), (50, 2)]
    assert pairs(source.advance(50, 1000)) == [(70, 2)]
    steps, cells = source.advance(1000, 1001)
    assert steps.dtype == cells.dtype == np.int64


def test_a_source_made_later_has_no_spikes_in_the_past():
    source = array_source([[1.0, 2.0, 3.0]], start_step=20)
    assert pairs(source.advance(20, 20)) == [(20, 0)]
    assert pairs(source.advance(20, 100)) == [(30, 0)]


def test_new_times_act_after_the_step_of_the_change():
    source = array_source([[1.0, 9.0], [1.0, 9.0], [9.0]])
    source.advance(0, 50)
    source.write("spike_times", np.array([1, 2]), Ragged.from_list([[0.5, 5.0, 6.0], [8.0, 7.0]]), 50)
    assert pairs(source.advance(50, 100)) == [(60, 1), (70, 2), (80, 2), (90, 0)]


def test_one_list_for_several_cells():
    source = array_source([[], [], []])
    source.write("spike_times", np.array([0, 2]), Ragged.from_list([[3.0]]), 0)
    assert pairs(source.advance(0, 100)) == [(30, 0), (30, 2)]
    with pytest.raises(InvalidDimensionsError, match="2 lists of spike times were given for 3 cells"):
        source.write("spike_times", np.arange(3), Ragged.from_list([[3.0], [4.0]]), 100)


def test_a_change_before_the_end_of_the_last_interval_hands_out_anew():
    source = array_source([[1.0, 2.0, 3.0]])
    source.advance(0, 25)
    source.write("spike_times", np.array([0]), Ragged.from_list([[1.5, 2.2]]), 18)
    assert pairs(source.advance(18, 100)) == [(22, 0)]


@pytest.mark.parametrize("time", [-0.1, np.nan, np.inf])
def test_impossible_times_are_refused(time):
    with pytest.raises(InvalidParameterValueError, match="cell 1 of 'input' has (-0.1|nan|inf)"):
        array_source([[1.0], [2.0, time]])
    source = array_source([[1.0], [2.0]])
    with pytest.raises(InvalidParameterValueError, match="cell 1"):
        source.write("spike_times", np.array([1]), Ragged.from_list([[time]]), 0)
    # A refused change leaves the trains as they were.
    assert pairs(source.advance(0, 100)) == [(10, 0), (20, 1)]


# --- Poisson --------------------------------------------------------------------------------------------------------

BORDERS = {
    "one": [0, 20_000],
    "seven": [0, 1, 1, 2, 500, 501, 9_999, 20_000],
    "fifty": [*range(0, 20_000, 400), 20_000],
}


def reference_train(key, cell, rate_hz, until_ms):
    """Spike times of one cell by the definition: running sums of keyed exponential waiting times."""
    times: list[float] = []
    t, k = 0.0, 0
    while True:
        t = t + streams.exponentials(key, cell, k).item() / (rate_hz / 1000.0)
        if t > until_ms:
            return times
        times.append(t)
        k += 1


def test_trains_are_the_running_sums_of_the_keyed_waiting_times():
    rates = np.array([5.0, 80.0, 0.0, 2000.0])
    steps, cells = poisson_source(4, rates, population=3).advance(0, 20_000)
    key = streams.derive_key(42, "poisson", 0, 3)
    for cell in (0, 1, 3):
        expected = np.ceil(np.array(reference_train(key, cell, rates[cell], 2000.0)) / DT)
        np.testing.assert_array_equal(steps[cells == cell], expected)
    assert not (cells == 2).any()


@pytest.mark.parametrize("cut", ["seven", "fifty"])
@pytest.mark.parametrize(("size", "rate"), [(300, 20.0), (20, 4000.0), (1, 0.3)])
def test_spikes_do_not_depend_on_how_the_run_is_cut(cut, size, rate):
    whole = run(poisson_source(size, rate), BORDERS["one"])
    parts = run(poisson_source(size, rate), BORDERS[cut])
    np.testing.assert_array_equal(whole, parts)


def test_spikes_are_sorted_by_step_then_cell():
    steps, cells = poisson_source(50, 3000.0).advance(0, 1000)
    order = np.lexsort((cells, steps))
    np.testing.assert_array_equal(order, np.arange(steps.size))
    # At 0.3 spikes a step, several in one step are common, and all are there.
    assert np.unique(steps * 50 + cells).size < steps.size


def test_a_cell_does_not_depend_on_the_others():
    small, large = run(poisson_source(3, 50.0), [0, 9000]), run(poisson_source(300, 50.0), [0, 9000])
    keep = large[1] < 3
    np.testing.assert_array_equal(small, (large[0][keep], large[1][keep]))


def test_seed_trial_and_population_give_other_trains():
    base = run(poisson_source(20, 50.0), [0, 5000])
    for other in ({"seed": 43}, {"trial": 1}, {"population": 1}):
        assert not np.array_equal(base[0], run(poisson_source(20, 50.0, **other), [0, 5000])[0])
    np.testing.assert_array_equal(base, run(poisson_source(20, 50.0), [0, 5000]))


def test_counts_are_poisson():
    cells = poisson_source(4000, 30.0).advance(0, 10_000)[1]
    counts = np.bincount(cells, minlength=4000)
    k, observed = np.unique(np.clip(counts, 18, 44), return_counts=True)
    pmf = scipy.stats.poisson(30.0)
    expected = pmf.pmf(k)
    expected[0], expected[-1] = pmf.cdf(18), pmf.sf(43)
    # Fixed seed; a correct process fails here with probability 1e-4.
    assert k.size == 27
    assert scipy.stats.chisquare(observed, expected * 4000).pvalue > 1e-4


def test_intervals_are_exponential():
    steps, cells = poisson_source(200, 25.0).advance(0, 200_000)
    intervals = np.concatenate([np.diff(steps[cells == c]) for c in range(200)]) * DT
    # The grid of 0.1 ms shifts the distribution function by at most 0.1/40 at one point; jitter takes the steps out.
    jitter = np.random.default_rng(0).triangular(-DT, 0, DT, intervals.size)
    assert intervals.size > 90_000
    assert scipy.stats.kstest(np.abs(intervals + jitter), "expon", (0, 40.0)).pvalue > 1e-4
    assert intervals.std() / intervals.mean() == pytest.approx(1.0, abs=0.02)


def test_cells_are_uncorrelated():
    steps, cells = poisson_source(60, 40.0).advance(0, 100_000)
    binned = np.histogram2d(cells, steps, bins=[60, 1000])[0]
    correlation = np.corrcoef(binned)[np.triu_indices(60, 1)]
    # 1770 correlations of 1000 bins: standard deviation 0.0316, their mean's 0.00075.
    assert abs(correlation.mean()) < 0.004
    assert correlation.std() == pytest.approx(1 / np.sqrt(1000), rel=0.1)


def test_start_and_duration():
    starts, durations = np.array([0.0, 300.0, 950.0, 2000.0]), np.array([100.0, 200.0, 500.0, 10.0])
    steps, cells = poisson_source(4, 5000.0, start=starts, duration=durations).advance(0, 10_000)
    for cell in range(3):
        train = steps[cells == cell] * DT
        stop = min(starts[cell] + durations[cell], 1000.0)
        assert train.min() > starts[cell]
        assert train.max() <= stop + 1e-9
        assert train.size == pytest.approx(5.0 * (stop - starts[cell]), abs=5 * np.sqrt(5.0 * (stop - starts[cell])))
    assert not (cells == 3).any()


def test_a_source_made_later_begins_then():
    steps, _ = poisson_source(100, 1000.0, start_step=500).advance(500, 600)
    assert steps.min() == 501
    # 1000 expected; five standard deviations.
    assert steps.size == pytest.approx(1000, abs=160)


def test_change_of_rate_stretches_what_is_left_of_the_waiting_time():
    halved, kept = poisson_source(500, 40.0), poisson_source(500, 40.0)
    first = halved.advance(0, 1000)
    np.testing.assert_array_equal(first, kept.advance(0, 1000))
    halved.write("rate", np.arange(500), 20.0, 1000)
    after, usual = halved.advance(1000, 4000), kept.advance(1000, 2500)
    # Seen from the change, every interval is twice as long: steps k and 2k, or one less by rounding up to the grid.
    assert len(after[0]) == len(usual[0])
    for cell in range(500):
        slow, fast = after[0][after[1] == cell] - 1000, usual[0][usual[1] == cell] - 1000
        assert ((slow == 2 * fast) | (slow == 2 * fast - 1)).all()


def test_change_of_rate_keeps_the_statistics():
    source = poisson_source(4000, 10.0)
    source.advance(0, 777)
    source.write("rate", np.arange(2000), 100.0, 777)
    source.write("rate", np.arange(2000, 4000), np.linspace(0.0, 50.0, 2000), 777)
    steps, cells = source.advance(777, 10_777)
    counts = np.bincount(cells, minlength=4000)
    dispersion = counts[:2000].var() / counts[:2000].mean()
    # Standard error of the mean 0.22, of the dispersion index 0.032.
    assert counts[:2000].mean() == pytest.approx(100.0, abs=1.1)
    assert dispersion == pytest.approx(1.0, abs=0.16)
    assert np.polyfit(np.linspace(0.0, 50.0, 2000), counts[2000:], 1)[0] == pytest.approx(1.0, abs=0.04)
    first = np.full(2000, 10_777)
    np.minimum.at(first, cells[cells < 2000], steps[cells < 2000])
    assert scipy.stats.kstest((first - 777) * DT - DT / 2, "expon", (0, 10.0)).pvalue > 1e-4


def test_a_rate_of_zero_pauses_and_the_train_goes_on():
    source, kept = poisson_source(50, 40.0), poisson_source(50, 40.0)
    source.advance(0, 1000)
    kept.advance(0, 1000)
    source.write("rate", np.arange(50), 0.0, 1000)
    assert source.advance(1000, 3000)[0].size == 0
    source.write("rate", np.arange(50), 40.0, 3000)
    steps, cells = source.advance(3000, 5000)
    usual = kept.advance(1000, 3000)
    # The pause of 2000 steps only shifts the train (by one step less where the sum rounds the other way).
    assert pairs((steps - 2000, cells)) == pairs(usual) or np.abs(np.sort(steps) - 2000 - np.sort(usual[0])).max() <= 1


def test_change_of_start_and_duration():
    source = poisson_source(20, 1000.0, start=1e6)
    assert source.advance(0, 500)[0].size == 0
    source.write("start", np.arange(20), 60.0, 500)
    source.write("duration", np.arange(20), 20.0, 500)
    steps, _ = source.advance(500, 2000)
    assert steps.min() > 600
    assert steps.max() <= 800
    assert steps.size == pytest.approx(400, abs=100)
    source.write("duration", np.arange(20), np.full(20, FOREVER), 2000)
    assert source.advance(2000, 2100)[0].size == pytest.approx(200, abs=71)


@pytest.mark.parametrize("back_to", [2000, 1500, 900, 120])
def test_a_change_before_the_end_of_the_last_interval_acts_as_if_it_had_come_in_time(back_to):
    ahead, in_time = poisson_source(100, 300.0), poisson_source(100, 300.0)
    run(ahead, [*range(0, 2001, 100)])
    run(in_time, [0, back_to])
    for source in (ahead, in_time):
        source.write("rate", np.arange(30), 500.0, back_to)
    np.testing.assert_array_equal(ahead.advance(back_to, 6000), in_time.advance(back_to, 6000))
    with pytest.raises(InternalError, match="before the last one"):
        ahead.write("rate", np.arange(30), 500.0, back_to - 1)


def test_intervals_must_follow_each_other():
    source = poisson_source(3, 10.0)
    source.advance(0, 10)
    with pytest.raises(InternalError, match="stands at step 10"):
        source.advance(11, 20)


def test_bad_parameters():
    for parameters in ({"rate": -1.0}, {"rate": np.inf}, {"rate": np.nan}, {"rate": 1.0, "start": np.nan}):
        with pytest.raises(InvalidParameterValueError, match="of 'noise' .*SpikeSourcePoisson.* is"):
            poisson_source(3, **parameters)
    source = poisson_source(3, 10.0)
    with pytest.raises(InvalidParameterValueError, match="rate .* is -2; it must be finite and not negative"):
        source.write("rate", np.arange(3), np.array([1.0, -2.0, 3.0]), 0)
    with pytest.raises(NonExistentParameterError, match="'rat'.*Did you mean 'rate'"):
        source.write("rat", np.arange(3), 1.0, 0)
    with pytest.raises(NonExistentParameterError, match="spike_times"):
        array_source([[]]).write("times", np.arange(1), 1.0, 0)


def test_unknown_kind_of_source():
    spec = PopulationSpec(0, "p", Definition("Bursts", {}, source="bursts"), 1, 0, {}, {})
    with pytest.raises(NoModelAvailableError, match="Bursts.*there are: array, gamma, .*poisson"):
        make_source(spec, settings(), 0)
