"""Poisson sources of high rate: how many spikes there are in each step, against the Poisson distribution."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, poisson

import pyNN.reference as sim
from pyNN.spike_sources import FEWEST_COUNTED, CountedPoissonSource, _count_limits

DT = 0.1


def test_limits_are_the_distribution_function() -> None:
    means = np.array([0.1, 0.5, 1.28, 2.32, 20.0, 300.0, 9000.0])
    for mean, limits in zip(means, _count_limits(means), strict=True):
        exact = poisson.cdf(np.arange(len(limits)), mean)
        # Rounded to multiples of 2**-32; the sums have an error of some units in the last place of 1.
        np.testing.assert_allclose(limits / 2.0**32, np.minimum(exact, 1.0), rtol=0, atol=2.0**-32)


def trains(rate: float, cells: int = 200, **parameters: Any) -> list[Any]:
    sim.setup(timestep=DT, rng_seed=11)
    sources = sim.Population(cells, sim.SpikeSourcePoisson(rate=rate, **parameters))
    sources.record("spikes")
    sim.run(300.0)
    found = [np.rint(np.asarray(t.magnitude) / DT).astype(int) for t in sources.get_data().segments[0].spiketrains]
    sim.end()
    return found


@pytest.mark.parametrize("rate", [1500.0, 12_800.0, 23_200.0])
def test_numbers_in_steps_have_a_poisson_distribution(rate: float) -> None:
    steps, mean = 3000, rate * DT / 1000.0
    assert mean > FEWEST_COUNTED
    counts = np.array([np.bincount(train, minlength=steps + 1)[1:] for train in trains(rate)])
    largest = int(poisson.ppf(1.0 - 1e-5, mean))
    observed = np.bincount(np.minimum(counts.ravel(), largest), minlength=largest + 1)
    expected = np.append(poisson.pmf(np.arange(largest), mean), poisson.sf(largest - 1, mean)) * counts.size
    statistic = float(((observed - expected) ** 2 / expected).sum())
    assert statistic < chi2.ppf(1.0 - 1e-6, largest)
    # Steps and cells are independent: the variance of sums over either is that of a Poisson number, to 5 standard
    # deviations of the estimate.
    for sums in (counts.sum(axis=0), counts.sum(axis=1)):
        assert sums.var() / sums.mean() == pytest.approx(1.0, abs=5.0 * np.sqrt(2.0 / len(sums)))


def test_a_source_is_on_for_its_time_only() -> None:
    rate = 20_000.0
    found = trains(rate, start=20.05, duration=100.0, cells=2000)
    counts = np.array([np.bincount(train, minlength=3001) for train in found])
    means = counts.mean(axis=0)
    assert not means[:201].any() and not means[1202:].any()
    # The steps of which half lies within the time have half the mean: 1, with a standard error of 1/sqrt(2000).
    np.testing.assert_allclose(means[[201, 1201]], 1.0, atol=5 / np.sqrt(2000))
    np.testing.assert_allclose(means[202:1201], 2.0, atol=6 * np.sqrt(2 / 2000))


def network(record: bool, cut: list[float], **options: Any) -> tuple[list[Any], list[Any]]:
    sim.setup(timestep=DT, rng_seed=5, **options)
    cells = sim.Population(150, sim.IF_curr_exp(tau_syn_E=0.5))
    cells.record("spikes")
    cells[:30].record("v")
    own = sim.Population(150, sim.SpikeSourcePoisson(rate=16_000.0, start=3.25))
    shared = sim.Population(20, sim.SpikeSourcePoisson(rate=sim.RandomDistribution("uniform", low=4e3, high=9e3)))
    sim.Projection(own, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=0.14, delay=1.5))
    several = sim.StaticSynapse(weight=sim.RandomDistribution("uniform", low=0.001, high=0.01), delay=0.4)
    sim.Projection(shared, cells, sim.FixedProbabilityConnector(0.2), several)
    plastic = sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(),
        weight_dependence=sim.AdditiveWeightDependence(w_max=0.01), weight=0.001, delay=0.5,
    )  # fmt: skip
    if record:
        own.record("spikes")
    sim.Projection(shared, cells, sim.FixedProbabilityConnector(0.1), plastic)
    for duration in cut:
        sim.run(duration)
    own.set(rate=9000.0)
    sim.run(10.0)
    segment = cells.get_data().segments[0]
    found = [np.asarray(t.magnitude) for t in segment.spiketrains] + [np.asarray(segment.analogsignals[0].magnitude)]
    drawn = [np.asarray(t.magnitude) for t in own.get_data().segments[0].spiketrains] if record else []
    sim.end()
    return found, drawn


def test_nothing_depends_on_recording_threads_or_how_a_run_is_cut() -> None:
    usual, _ = network(False, [30.0])
    assert sum(map(len, usual[:150])) > 50
    recorded, drawn = network(True, [30.0])
    for other in (recorded, network(False, [0.1, 0.2, 9.7, 20.0], threads=3)[0]):
        for a, b in zip(usual, other, strict=True):
            np.testing.assert_array_equal(a, b)
    plain, drawn_plain = network(True, [30.0], engine="numpy")
    for a, b in zip(drawn, drawn_plain, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(usual, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=0)


def test_few_spikes_a_step_are_timed_one_by_one() -> None:
    sim.setup(timestep=DT)
    low = sim.Population(3, sim.SpikeSourcePoisson(rate=[900.0, 5000.0, 20_000.0]))
    high = sim.Population(3, sim.SpikeSourcePoisson(rate=[1100.0, 5000.0, 20_000.0]))
    cells = sim.Population(3, sim.IF_cond_exp())
    for population in (low, high):
        sim.Projection(population, cells, sim.OneToOneConnector())
    sim.run(1.0)
    session: Any = sim.script.simulation.session
    sources = session._world.sources
    assert [isinstance(source.player, CountedPoissonSource) for source in sources] == [False, True]
