"""One script, two simulators: for linear models every spike in the same step, and potentials equal to rounding.

Both sides step exactly (matrix exponentials), so they differ by roundings only: 1e-9 mV is some 100 times the largest
difference seen in a second of simulation, and a million times smaller than what an error of scheme would make.
"""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import pyNN.mock
import pyNN.nest
import pyNN.reference
from pyNN.random import NumpyRNG, RandomDistribution

pytestmark = pytest.mark.skipif(importlib.util.find_spec("nest") is None, reason="NEST is not installed")

SIDES = {"reference": (pyNN.reference, {"engine": "numba"}), "oracle": (pyNN.reference, {"engine": "numpy"})}


@pytest.fixture(autouse=True)
def free_nest():
    """NEST holds one simulation a process, and other tests open theirs without a script."""
    yield
    pyNN.nest.script.simulation.close()


def uniform(low, high, seed):
    return RandomDistribution("uniform", (low, high), rng=NumpyRNG(seed))


def balanced_network(sim, kind, min_delay, **options):
    """Excitatory and inhibitory cells, all different, random delays, Poisson input, a current; recorded for 1 s."""
    sim.setup(timestep=0.1, min_delay=min_delay, max_delay=5.0, rng_seed=21, **options)
    unit = {"IF_curr_exp": 0.08, "IF_curr_alpha": 0.3, "IF_curr_delta": 0.4}[kind]
    cell = getattr(sim, kind)(
        tau_m=uniform(15.0, 25.0, 1), v_thresh=uniform(-52.0, -48.0, 2), tau_refrac=uniform(0.5, 4.0, 3), cm=0.5,
        i_offset=uniform(0.2, 0.5, 4),
    )  # fmt: skip
    cells = sim.Population(60, cell, initial_values={"v": uniform(-65.0, -50.0, 5)})
    if kind != "IF_curr_delta":
        cells.set(tau_syn_E=uniform(1.0, 6.0, 6), tau_syn_I=uniform(4.0, 12.0, 7))
    noise = sim.Population(20, sim.SpikeSourcePoisson(rate=40.0))
    early = sim.Population(2, sim.SpikeSourceArray(spike_times=[[0.0, 0.1, 5.0], [min_delay, 7.0]]))
    low, high = max(min_delay, 0.5), 4.5

    def synapse(strength, seed):
        low_weight, high_weight = sorted((0.5 * strength, 1.5 * strength))
        weight = uniform(low_weight, high_weight, seed)
        return sim.StaticSynapse(weight=weight, delay=round(low + 0.1 * seed, 1))

    # Delays on the grid: rounding is not the subject here.
    heterogeneous = sim.StaticSynapse(
        weight=uniform(0.5 * unit, 1.5 * unit, 9),
        delay=lambda d: np.round(low + (high - low) * (d % 7) / 7.0, 1),
    )
    exc, inh = cells[:48], cells[48:]
    projections = [
        sim.Projection(noise, cells, sim.FixedProbabilityConnector(0.2, rng=NumpyRNG(10)), synapse(2 * unit, 11)),
        sim.Projection(exc, cells, sim.FixedProbabilityConnector(0.1, rng=NumpyRNG(12)), heterogeneous),
        sim.Projection(inh, cells, sim.FixedNumberPreConnector(4), synapse(-3 * unit, 13)),
        sim.Projection(early, cells, sim.AllToAllConnector(), synapse(unit, 14)),
    ]
    sim.StepCurrentSource(times=[100.0, 300.0], amplitudes=[0.2, 0.0]).inject_into(cells[:10])
    cells.record(["spikes", "v"])
    if kind != "IF_curr_delta":
        cells[5:8].record("isyn_exc")
    sim.run(400.0)
    cells[:5].set(i_offset=0.6)
    cells[5:25].set(tau_m=uniform(12.0, 22.0, 16), v_thresh=-51.0, v_reset=-63.0, tau_refrac=1.5, cm=0.6, v_rest=-64.0)
    cells[25:30].initialize(v=[-60.0, -59.0, -58.0, -57.0, -56.0])
    if kind != "IF_curr_delta":
        cells[30:35].set(tau_syn_E=2.5, tau_syn_I=[3.0, 4.0, 5.0, 6.0, 7.0])
    projections[1].set(weight=uniform(0.5 * unit, 1.5 * unit, 15))
    sim.run(600.0)
    segment = cells.get_data().segments[0]
    spikes = [(k, round(float(t) / 0.1)) for k, train in enumerate(segment.spiketrains) for t in train.magnitude]
    signals = {signal.name: signal.magnitude for signal in segment.analogsignals}
    connections = [p.get(["weight", "delay"], "list") for p in projections]
    return spikes, signals, connections


@pytest.mark.parametrize("min_delay", [0.1, 0.5])
@pytest.mark.parametrize("kind", ["IF_curr_exp", "IF_curr_alpha", "IF_curr_delta"])
@pytest.mark.parametrize("side", list(SIDES))
def test_linear_networks_are_equal_on_reference_and_nest(side, kind, min_delay):
    module, options = SIDES[side]
    spikes, signals, connections = balanced_network(module, kind, min_delay, **options)
    in_nest, of_nest, nests_connections = balanced_network(pyNN.nest, kind, min_delay)
    assert connections == nests_connections
    assert spikes == in_nest
    assert 300 < len(spikes) < 10_000 and len({cell for cell, _ in spikes}) > 40
    assert signals.keys() == of_nest.keys()
    for name in signals:
        # Currents are of the order of 1 nA, so the same bound serves them.
        assert np.abs(signals[name] - of_nest[name]).max() < 1e-9, name


@pytest.mark.parametrize("kind", ["IF_cond_exp", "IF_cond_alpha"])
def test_conductance_models_agree_under_threshold(kind):
    """Both integrate numerically; here NEST's error (tolerance 1e-3 of its stepper) is what is seen."""

    def potentials(sim):
        sim.setup(timestep=0.1)
        source = sim.Population(20, sim.SpikeSourcePoisson(rate=40.0))
        cells = sim.Population(20, getattr(sim, kind)(tau_m=uniform(10.0, 20.0, 1), v_thresh=1000.0))
        synapse = sim.StaticSynapse(weight=0.01, delay=1.0)
        for receptor, seed in (("excitatory", 3), ("inhibitory", 4)):
            connector = sim.FixedProbabilityConnector(0.3, rng=NumpyRNG(seed))
            sim.Projection(source, cells, connector, synapse, receptor_type=receptor)
        cells.record("v")
        sim.run(300.0)
        return cells.get_data().segments[0].filter(name="v")[0].magnitude

    ours, nests = potentials(pyNN.reference), potentials(pyNN.nest)
    assert np.abs(ours - nests).max() < 5e-3
    assert ours.max() - ours.min() > 5.0


def test_the_dry_run_has_the_same_network():
    """What pyNN.mock counts and shows is what the simulators get."""

    def described(sim):
        sim.setup(timestep=0.1, rng_seed=3)
        cells = sim.Population(30, sim.IF_curr_exp(tau_m=RandomDistribution("normal", (20.0, 1.0))))
        synapse = sim.StaticSynapse(weight=RandomDistribution("gamma", (2.0, 0.1)), delay=1.0)
        projection = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.2), synapse)
        return cells.get("tau_m").tolist(), projection.get("weight", "list")

    assert described(pyNN.mock) == described(pyNN.reference) == described(pyNN.nest)
