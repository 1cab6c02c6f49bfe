"""Synapse types from equations: the standard rules written as text give the same weights; values, switches, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.equations import SynapseType
from pyNN.errors import CapabilityError, EquationError, InvalidModelError

STDP = """
    dx/dt = -x/tau_plus : 1
    dy/dt = -y/tau_minus : 1 (post)
"""
STDP_PARAMETERS = {
    "tau_plus": (20.0, "ms"), "tau_minus": (30.0, "ms"), "A_plus": 0.02, "A_minus": 0.021, "w_min": 0.0, "w_max": 0.05,
}  # fmt: skip


def additive() -> Any:
    return SynapseType(
        name="AdditiveSTDP",
        equations=STDP,
        parameters=STDP_PARAMETERS,
        on_pre="weight = clip(weight - A_minus*w_max*y, w_min, w_max); x += 1",
        on_post="weight = clip(weight + A_plus*w_max*x, w_min, w_max); y += 1",
    )


def tsodyks_markram() -> Any:
    return SynapseType(
        name="ShortTerm",
        equations="""
            du/dt = -u/tau_facil : 1 (pre)
            dx/dt = (1 - x - y)/tau_rec : 1 (pre)
            dy/dt = -y/tau_psc : 1 (pre)
        """,
        parameters={"U": 0.3, "tau_rec": (80.0, "ms"), "tau_facil": (40.0, "ms")},
        initial={"x": 1.0},
        on_pre="u += U*(1 - u); released = u*x; x -= released; y += released",
        transmitted="weight*released",
    )


def network(engine: str, synapse: Any) -> tuple[Any, Any]:
    """Poisson cells onto cells that fire by a strong input of their own."""
    sim.setup(timestep=0.1, rng_seed=3, engine=engine)
    sources = sim.Population(8, sim.SpikeSourcePoisson(rate=60.0))
    drive = sim.Population(4, sim.SpikeSourcePoisson(rate=40.0))
    cells = sim.Population(4, sim.IF_curr_exp(tau_syn_E=2.0))
    cells.record(["v", "spikes"])
    sim.Projection(drive, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=40.0, delay=0.5))
    projection = sim.Projection(sources, cells, sim.AllToAllConnector(), synapse)
    return cells, projection


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("fraction", [1.0, 0.0, 0.4])
def test_stdp_as_text_gives_the_weights_of_the_standard_mechanism(engine: str, fraction: float) -> None:
    results = []
    own = additive()(weight=0.025, delay=1.5, dendritic_delay_fraction=fraction)
    standard = sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(tau_plus=20.0, tau_minus=30.0, A_plus=0.02, A_minus=0.021),
        weight_dependence=sim.AdditiveWeightDependence(w_min=0.0, w_max=0.05),
        weight=0.025, delay=1.5, dendritic_delay_fraction=fraction,
    )  # fmt: skip
    for synapse in (own, standard):
        cells, projection = network(engine, synapse)
        sim.run(400.0)
        results.append((projection.get("weight", format="array"), cells.get_spike_counts()))
        sim.end()
    assert sum(results[0][1].values()) > 20
    assert np.ptp(results[0][0]) > 1e-3
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=0, atol=1e-12)
    assert results[0][1] == results[1][1]


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_short_term_plasticity_as_text_gives_the_potentials_of_the_standard_synapse(engine: str) -> None:
    traces = []
    for synapse in (
        tsodyks_markram()(weight=1.0, delay=1.0),
        sim.TsodyksMarkramSynapse(weight=1.0, delay=1.0, U=0.3, tau_rec=80.0, tau_facil=40.0),
    ):
        cells, _ = network(engine, synapse)
        sim.run(200.0)
        traces.append(cells.get_data().segments[0].filter(name="v")[0].magnitude)
        sim.end()
    assert np.ptp(traces[0]) > 5.0
    np.testing.assert_allclose(traces[0], traces[1], rtol=0, atol=1e-12)


def test_switching_plasticity_off_keeps_weights_and_not_traces() -> None:
    _, projection = network("numpy", additive()(weight=0.025, delay=1.0, plastic=0.0))
    sim.run(200.0)
    assert np.all(projection.get("weight", format="array") == 0.025)
    assert np.any(projection.get("x", format="array") > 0.0)
    projection.set(plastic=1.0)
    sim.run(200.0)
    assert np.ptp(projection.get("weight", format="array")) > 1e-3
    sim.end()


def test_variables_of_a_connection_are_set_and_got() -> None:
    Counting = SynapseType(
        name="Counting", equations="n : 1\nlimit : 1", on_pre="n += 1", parameters={"limit": 2.0},
        transmitted="weight if n <= limit else 0",
    )  # fmt: skip
    sim.setup(timestep=0.1, engine="numpy")
    source = sim.Population(2, sim.SpikeSourceArray(spike_times=[1.0, 3.0, 5.0, 7.0]))
    cells = sim.Population(1, sim.IF_curr_delta(v_rest=-65.0, tau_m=1e9, v_thresh=0.0), initial_values={"v": -65.0})
    synapse = Counting(weight=1.0, delay=0.5, limit=[2.0, 3.0])
    projection = sim.Projection(source, cells, sim.AllToAllConnector(), synapse)
    cells.record("v")
    projection.initialize(n=1.0)
    sim.run(10.0)
    # From 1 on, one spike of the first source and two of the second are within the limits of 2 and 3.
    v = cells.get_data().segments[0].filter(name="v")[0].magnitude[-1, 0]
    assert abs(v - (-65.0 + 3.0)) < 1e-6
    assert projection.get("n", format="array").ravel().tolist() == [5.0, 5.0]
    assert projection.get("limit", format="array").ravel().tolist() == [2.0, 3.0]
    sim.end()


def test_random_release_is_binomial() -> None:
    Random = SynapseType(
        name="Random", equations="n : 1", parameters={"p": 0.3}, transmitted="weight*released",
        on_pre="released = int(rand() < p); n += released",
    )  # fmt: skip
    for engine in ("numpy", "numba"):
        sim.setup(timestep=0.1, engine=engine)
        source = sim.Population(1, sim.SpikeSourceArray(spike_times=np.arange(1.0, 41.0)))
        cells = sim.Population(500, sim.IF_curr_exp())
        projection = sim.Projection(source, cells, sim.AllToAllConnector(), Random(weight=0.0, delay=1.0))
        sim.run(60.0)
        n = projection.get("n", format="array").ravel()
        # 20000 draws: the standard error of the mean is sqrt(40*0.21/500) = 0.13, and 4 of them are allowed.
        assert abs(n.mean() - 12.0) < 0.52 and abs(n.var() - 8.4) < 2.2
        sim.end()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"equations": "dx/dt = -x/tau : 1"}, EquationError, "'tau' is not known"),
        ({"equations": "dx/dt = -x**2/(1*ms) : 1 (event-driven)"}, EquationError, "must follow linear equations"),
        ({"equations": "dx/dt = -x : 1"}, EquationError, "line 1"),
        ({"on_pre": "weight += lastspike/ms"}, CapabilityError, "not available in synapses"),
        ({"on_pre": {"a b": "weight += 1"}}, InvalidModelError, "a name such as"),
        ({"on_pre": "weight ++ 1"}, EquationError, "statement"),
        ({"transmitted": "weight*rand()"}, CapabilityError, "on_pre, on_post and each_step"),
        ({"transmitted": "weight*released"}, EquationError, "'released' is not known"),
        ({"initial": {"u": 1.0}}, InvalidModelError, "no variable that changes"),
        ({"equations": "weight : 1"}, EquationError, "parameter of every synapse type"),
        ({"name": "my synapse"}, InvalidModelError, "name"),
        ({"magnitudes": ("w",)}, InvalidModelError, "no parameter"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_reason(arguments: dict[str, Any], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        SynapseType(**arguments)
