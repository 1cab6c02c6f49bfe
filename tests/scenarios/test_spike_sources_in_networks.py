"""Spike sources, as a network sees them, on every backend."""

from __future__ import annotations

import numpy as np
import pytest

from pyNN.errors import InvalidParameterValueError
from pyNN.random import NumpyRNG, RandomDistribution


def trains(cells, segment=-1):
    return [np.asarray(t.magnitude) for t in cells.get_data("spikes").segments[segment].spiketrains]




@pytest.mark.requires("dynamics")
@pytest.mark.parametrize("min_delay", [0.1, 0.5, 2.0])
@pytest.mark.trap("D7")
def test_early_spikes_are_not_lost(sim, min_delay):
    """Trap D7: spikes at 0, before and at min_delay are recorded and arrive."""
    sim.setup(timestep=0.1, min_delay=min_delay, max_delay=3.0)
    times = [0.0, 0.1, 0.3, 0.5, 2.0]
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=times))
    cell = sim.Population(1, sim.IF_curr_delta(tau_m=1e6, v_thresh=1000.0))
    sim.Projection(source, cell, sim.OneToOneConnector(), sim.StaticSynapse(weight=1.0, delay=2.0))
    source.record("spikes")
    cell.record("v")
    sim.run(6.0)
    assert trains(source)[0].tolist() == times
    v = cell.get_data().segments[0].filter(name="v")[0].magnitude[:, 0]
    # A jump of 1 mV appears in the state at the spike's time plus the delay; the membrane hardly decays.
    jumps = np.flatnonzero(np.diff(v) > 0.5) + 1
    assert jumps.tolist() == [20, 21, 23, 25, 40]
    assert v[-1] == pytest.approx(-60.0, abs=1e-3)


@pytest.mark.requires("dynamics")
def test_first_effect_of_a_spike(sim):
    """Spike at 10, delay 2: the current flows from 12 ms on, so the potential first differs at 12.1 ms."""
    sim.setup(timestep=0.1)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[10.0]))
    cell = sim.Population(1, sim.IF_curr_exp(tau_syn_E=5.0))
    sim.Projection(source, cell, sim.OneToOneConnector(), sim.StaticSynapse(weight=1.0, delay=2.0))
    cell.record("v")
    sim.run(40.0)
    v = cell.get_data().segments[0].filter(name="v")[0].magnitude[:, 0]
    assert np.flatnonzero(v != -65.0)[0] == 121
    t = 0.1 * np.arange(281)
    # PSP of an exponential current: w/cm tau_s tau_m/(tau_m - tau_s) (exp(-t/tau_m) - exp(-t/tau_s)).
    psp = 1.0 * 5.0 * 20.0 / 15.0 * (np.exp(-t / 20.0) - np.exp(-t / 5.0))
    assert np.allclose(v[120:], -65.0 + psp, rtol=0, atol=1e-11)


@pytest.mark.requires("dynamics")
@pytest.mark.trap("D38")
def test_spikes_between_steps_and_several_in_one_step(sim):
    """Times are rounded to the nearest step; two spikes in one step act twice (trap D38)."""
    sim.setup(timestep=0.1)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0, 1.02, 2.04, 3.07]))
    cell = sim.Population(1, sim.IF_curr_delta(tau_m=1e6, v_thresh=1000.0))
    sim.Projection(source, cell, sim.OneToOneConnector(), sim.StaticSynapse(weight=1.0, delay=1.0))
    cell.record("v")
    sim.run(6.0)
    v = cell.get_data().segments[0].filter(name="v")[0].magnitude[:, 0]
    steps = np.diff(v)
    assert (np.flatnonzero(steps > 0.5) + 1).tolist() == [20, 30, 41]
    assert np.allclose(steps[steps > 0.5], [2.0, 1.0, 1.0], rtol=0, atol=1e-4)


def test_spike_times_may_change_between_runs(sim):
    sim.setup(timestep=0.1, min_delay=1.0)
    sources = sim.Population(3, sim.SpikeSourceArray(spike_times=[5.0, 15.0]))
    sources.record("spikes")
    sim.run(10.0)
    sources[:1].set(spike_times=[12.0, 13.0])
    sources[1].spike_times = []
    sim.run(10.0)
    assert [t.tolist() for t in trains(sources)] == [[5.0, 12.0, 13.0], [5.0], [5.0, 15.0]]
    sim.reset()
    sim.run(20.0)
    assert [t.tolist() for t in trains(sources)] == [[12.0, 13.0], [], [5.0, 15.0]]


def test_spike_times_from_functions_lists_and_sequences(sim):
    sim.setup(timestep=0.1)
    by_function = sim.Population(3, sim.SpikeSourceArray(spike_times=lambda i: sim.Sequence([1.0 + i, 5.0])))
    by_list = sim.Population(2, sim.SpikeSourceArray(spike_times=[sim.Sequence([1.0]), sim.Sequence([2.0, 3.0])]))
    for cells in (by_function, by_list):
        cells.record("spikes")
    sim.run(10.0)
    assert [t.tolist() for t in trains(by_function)] == [[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]]
    assert [t.tolist() for t in trains(by_list)] == [[1.0], [2.0, 3.0]]


@pytest.mark.parametrize("times", [[-1.0, 2.0], [float("nan")], [float("inf")]])
def test_impossible_spike_times_are_refused(sim, times):
    sim.setup()
    sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    with pytest.raises(InvalidParameterValueError):
        sim.Population(1, sim.SpikeSourceArray(spike_times=times))
        sim.run(1.0)


def test_poisson_statistics(sim):
    """Counts, intervals and independence; limits are five standard errors."""
    sim.setup(timestep=0.1, rng_seed=5)
    rates = np.r_[np.full(200, 20.0), np.full(200, 100.0)]
    cells = sim.Population(400, sim.SpikeSourcePoisson(rate=rates))
    cells.record("spikes")
    sim.run(1000.0)
    found = trains(cells)
    counts = np.array([len(t) for t in found])
    for part, rate in ((counts[:200], 20.0), (counts[200:], 100.0)):
        assert abs(part.mean() - rate) < 5 * np.sqrt(rate / 200)
        # The variance of a Poisson count equals its mean; the standard error of a variance is var*sqrt(2/(n-1)).
        assert abs(part.var(ddof=1) - rate) < 5 * rate * np.sqrt(2 / 199)
    intervals = np.concatenate([np.diff(t) for t in found[200:]])
    # Coefficient of variation 1 for exponential intervals; the window of 1 s cuts off next to nothing at 100 Hz.
    assert abs(intervals.std() / intervals.mean() - 1.0) < 0.05
    all_times = np.concatenate(found)
    assert all_times.min() > 0.0 and all_times.max() <= 1000.0
    assert np.allclose(all_times, np.round(all_times, 1), rtol=0, atol=1e-9)


def test_poisson_window(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(100, sim.SpikeSourcePoisson(rate=200.0, start=20.0, duration=30.0))
    cells.record("spikes")
    sim.run(80.0)
    times = np.concatenate(trains(cells))
    assert times.min() >= 20.0 and times.max() <= 50.0
    assert abs(times.size - 600) < 5 * np.sqrt(600)


def test_poisson_trains_are_the_same_on_every_backend(sim):
    import pyNN.reference as reference

    def made(simulator, pieces, **options):
        simulator.setup(timestep=0.1, rng_seed=9, **options)
        cells = simulator.Population(20, simulator.SpikeSourcePoisson(rate=50.0))
        others = simulator.Population(20, simulator.SpikeSourcePoisson(rate=50.0))
        for group in (cells, others):
            group.record("spikes")
        for piece in pieces:
            simulator.run(piece)
        return [t.tolist() for t in trains(cells)], [t.tolist() for t in trains(others)]

    expected = made(reference, [200.0], engine="numpy")
    found = made(sim, [100.0, 30.0, 70.0])
    assert found == expected and sum(len(t) for t in found[0]) > 100
    assert found[0] != found[1]
    changed = made(sim, [200.0])
    assert changed == found
    sim.setup(timestep=0.1, rng_seed=10)
    cells = sim.Population(20, sim.SpikeSourcePoisson(rate=50.0))
    cells.record("spikes")
    sim.run(200.0)
    assert [t.tolist() for t in trains(cells)] != found[0]


def test_a_rate_may_change_between_runs(sim):
    sim.setup(timestep=0.1, min_delay=1.0)
    cells = sim.Population(100, sim.SpikeSourcePoisson(rate=100.0))
    cells.record("spikes")
    sim.run(100.0)
    cells[:50].set(rate=0.0)
    cells[50:].set(rate=RandomDistribution("uniform", (299.0, 301.0), rng=NumpyRNG(1)))
    sim.run(100.0)
    found = trains(cells)
    before = [sum((t <= 100.0).sum() for t in found[part]) for part in (slice(0, 50), slice(50, 100))]
    after = [sum((t > 100.0).sum() for t in found[part]) for part in (slice(0, 50), slice(50, 100))]
    assert all(abs(n - 500) < 5 * np.sqrt(500) for n in before)
    assert after[0] == 0 and abs(after[1] - 1500) < 5 * np.sqrt(1500)


def test_each_run_between_resets_has_its_own_noise(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(20, sim.SpikeSourcePoisson(rate=100.0))
    cells.record("spikes")
    sim.run(100.0)
    sim.reset()
    sim.run(100.0)
    assert [t.tolist() for t in trains(cells, 0)] != [t.tolist() for t in trains(cells, 1)]


@pytest.mark.parametrize("parameters", [{"rate": -1.0}, {"rate": float("nan")}, {"duration": -1.0}])
def test_impossible_poisson_parameters_are_refused(sim, parameters):
    sim.setup()
    with pytest.raises(InvalidParameterValueError):
        sim.Population(1, sim.SpikeSourcePoisson(**parameters))
