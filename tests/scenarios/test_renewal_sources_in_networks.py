"""Gamma sources and Poisson sources with dead time, as a network sees them, on every backend."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.stats

from pyNN.errors import InvalidParameterValueError, PastSpikesWarning
from pyNN.random import RandomDistribution

SIGNIFICANCE = 1e-3
QUANTILE = scipy.stats.norm.isf(SIGNIFICANCE / 2)


def trains(cells, segment=-1):
    return [np.asarray(t.magnitude) for t in cells.get_data("spikes").segments[segment].spiketrains]


KINDS = {
    "gamma": lambda sim: sim.SpikeSourceGamma(alpha=3.0, beta=150.0),
    "refractory": lambda sim: sim.SpikeSourcePoissonRefractory(rate=50.0, tau_refrac=5.0),
    "inhomogeneous": lambda sim: sim.SpikeSourceInhGamma(a=[3.0, 1.0], b=[1 / 150, 0.01], tbins=[0.0, 400.0]),
}
"""Each at 50 Hz; the last at 100 Hz from 400 ms on."""


@pytest.mark.parametrize("kind", KINDS)
def test_trains_are_the_same_on_every_backend_however_a_run_is_cut(sim, kind):
    import pyNN.reference as reference

    def made(simulator, pieces, **options):
        simulator.setup(timestep=0.1, rng_seed=9, **options)
        cells = simulator.Population(20, KINDS[kind](simulator))
        cells.record("spikes")
        for piece in pieces:
            simulator.run(piece)
        return [t.tolist() for t in trains(cells)]

    expected = made(reference, [600.0], engine="numpy")
    assert made(sim, [100.0, 30.0, 470.0]) == expected
    assert sum(len(t) for t in expected) > 400


@pytest.mark.parametrize("kind", KINDS)
def test_rate_and_variation(sim, kind):
    """Counts to their asymptotic variance, rate*time*cv**2, and intervals by Kolmogorov-Smirnov, up to a grid step."""
    sim.setup(timestep=0.1, rng_seed=3)
    cells = sim.Population(200, KINDS[kind](sim))
    cells.record("spikes")
    sim.run(400.0)
    counts = cells.get_spike_counts()
    wanted = {
        "refractory": scipy.stats.expon(loc=5.0, scale=15.0),
    }.get(kind, scipy.stats.gamma(3.0, scale=20.0 / 3.0))
    cv = wanted.std() / wanted.mean()
    assert abs(sum(counts.values()) - 4000) < QUANTILE * cv * np.sqrt(4000) + 1
    drawn = np.concatenate([np.diff(t)[:5] for t in trains(cells)])
    # Intervals on the grid are spread evenly over one step again, which makes up for the rounding.
    drawn = drawn + np.random.default_rng(2).uniform(-0.05, 0.05, drawn.size)
    assert scipy.stats.kstest(drawn, wanted.cdf).pvalue > SIGNIFICANCE


def test_a_rate_that_changes_at_the_bins(sim):
    sim.setup(timestep=0.1, rng_seed=4)
    cells = sim.Population(200, KINDS["inhomogeneous"](sim))
    cells.record("spikes")
    sim.run(800.0)
    times = np.concatenate(trains(cells))
    # From 400 ms on a Poisson process of 100 Hz: its shape is 1.
    late = np.sum(times > 400.0)
    assert abs(late - 8000) < QUANTILE * np.sqrt(8000)


def test_parameters_may_change_between_runs_and_stay_after_reset(sim):
    sim.setup(timestep=0.1, min_delay=1.0)
    gamma = sim.Population(100, sim.SpikeSourceGamma(alpha=4.0, beta=400.0))
    dead = sim.Population(100, sim.SpikeSourcePoissonRefractory(rate=100.0, tau_refrac=2.0))
    bins = sim.Population(100, sim.SpikeSourceInhGamma(a=[2.0], b=[0.005], tbins=[0.0]))
    for cells in (gamma, dead, bins):
        cells.record("spikes")
    sim.run(100.0)
    gamma[:50].set(beta=0.0)
    gamma[50:].set(alpha=RandomDistribution("uniform", (0.99, 1.01)), beta=300.0)
    dead.set(rate=300.0, tau_refrac=1.0)
    bins.set(a=[2.0, 2.0], b=[1e9, 0.001], tbins=[0.0, 150.0])
    sim.run(100.0)
    before = [sum(np.sum(t <= 100.0) for t in trains(cells)) for cells in (gamma, dead, bins)]
    assert all(abs(n - 1000) < QUANTILE * np.sqrt(1000) for n in before)
    silent, changed = trains(gamma)[:50], trains(gamma)[50:]
    assert max(t.max() for t in silent) <= 100.0
    assert abs(sum(np.sum(t > 100.0) for t in changed) - 1500) < QUANTILE * np.sqrt(1500)
    assert abs(sum(np.sum(t > 100.0) for t in trains(dead)) - 3000) < QUANTILE * np.sqrt(3000)
    late = np.concatenate(trains(bins))
    assert not np.any((late > 100.0) & (late <= 150.0))
    # 500 Hz for 50 ms, shape 2; after a pause the first spike comes at the limit of the hazard, 1/b.
    assert abs(np.sum(late > 150.0) - 2500) < QUANTILE * np.sqrt(1250) + 100
    sim.reset()
    sim.run(100.0)
    assert max((t.size for t in trains(gamma)[:50]), default=0) == 0
    assert abs(sum(t.size for t in trains(dead)) - 3000) < QUANTILE * np.sqrt(3000)


@pytest.mark.requires("dynamics")
@pytest.mark.parametrize("kind", ["poisson", "gamma"])
def test_every_one_of_several_spikes_in_one_step_acts(sim, kind):
    """At 30 kHz a cell has three spikes a step: the potential is the sum of all of them."""
    sim.setup(timestep=0.1)
    gamma = sim.SpikeSourceGamma(alpha=2.0, beta=60_000.0)
    source = sim.Population(2, gamma if kind == "gamma" else sim.SpikeSourcePoisson(rate=30_000.0))
    cells = sim.Population(2, sim.IF_curr_delta(tau_m=1e9, v_thresh=1e9))
    sim.Projection(source, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=1.0, delay=0.5))
    source.record("spikes")
    cells.record("v")
    sim.run(20.0)
    v = cells.get_data("v").segments[0].analogsignals[0].magnitude + 65.0
    steps = [np.round(t / 0.1).astype(int) for t in trains(source)]
    assert max(np.unique(s, return_counts=True)[1].max() for s in steps) > 3
    for cell in range(2):
        arrived = np.searchsorted(steps[cell], np.arange(201) - 5, side="right")
        # The leak of 1e9 ms takes less than 1e-5 mV of 600 mV.
        assert np.allclose(v[:, cell], arrived, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("gamma", {"alpha": 0.0}),
        ("gamma", {"beta": -1.0}),
        ("refractory", {"rate": 300.0}),
        ("refractory", {"tau_refrac": 30.0}),
        ("inhomogeneous", {"a": [1.0]}),
        ("inhomogeneous", {"tbins": [5.0, 1.0]}),
        ("inhomogeneous", {"b": [0.1, 0.0]}),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(sim, kind, wrong):
    sim.setup(timestep=0.1)
    cells = sim.Population(4, KINDS[kind](sim))
    cells.record("spikes")
    sim.run(10.0)
    before = {name: cells.get(name) for name in wrong}
    with pytest.raises(InvalidParameterValueError):
        cells[1:3].set(**wrong)
    assert {name: cells.get(name) for name in wrong} == before
    sim.run(200.0)
    expected = [t.tolist() for t in trains(cells)]
    sim.setup(timestep=0.1)
    cells = sim.Population(4, KINDS[kind](sim))
    cells.record("spikes")
    sim.run(210.0)
    assert [t.tolist() for t in trains(cells)] == expected


# --- spike times in the past ------------------------------------------------------------------------------------------


def test_spike_times_that_are_past_give_a_warning_and_come_after_reset(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.SpikeSourceArray(spike_times=[5.0]))
    cells.record("spikes")
    sim.run(10.0)
    with pytest.warns(PastSpikesWarning, match="2 of the spike_times lie in the past \\(3 ms; it is 10 ms now\\)"):
        cells[:1].set(spike_times=[3.0, 10.0, 12.0])
    sim.run(10.0)
    assert [t.tolist() for t in trains(cells)] == [[5.0, 12.0], [5.0]]
    sim.reset()
    sim.run(20.0)
    assert [t.tolist() for t in trains(cells)] == [[3.0, 10.0, 12.0], [5.0]]


def test_times_that_were_played_may_stay_in_the_list(sim):
    """A script that adds to its list of times between runs has done nothing wrong."""
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.SpikeSourceArray(spike_times=[5.0]))
    cells.record("spikes")
    sim.run(10.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cells.set(spike_times=[5.0, 15.0])
    sim.run(10.0)
    assert [t.tolist() for t in trains(cells)] == [[5.0, 15.0], [5.0, 15.0]]


def test_before_the_run_no_time_is_past(sim):
    """Also where something has asked the simulator already, so that it is built."""
    sim.setup(timestep=0.1)
    cells = sim.Population(1, sim.SpikeSourceArray(spike_times=[5.0]))
    cells.record("spikes")
    assert sim.script.simulation.session.current_step == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cells.set(spike_times=[0.0, 1.0])
    sim.run(2.0)
    assert trains(cells)[0].tolist() == [0.0, 1.0]
