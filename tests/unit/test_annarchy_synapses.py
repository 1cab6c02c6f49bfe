"""Synapse types in ANNarchy's notation: the same weights as the standard mechanism, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.equations import Synapse
from pyNN.errors import CapabilityError, EquationError, InvalidModelError


def stdp() -> Any:
    return Synapse(
        name="STDP",
        parameters="""
            tau_plus = 20.0 : projection
            tau_minus = 30.0 : projection
            A_plus = 0.02
            A_minus = 0.021
            w_max = 0.05
        """,
        equations="""
            tau_plus*dx/dt = -x : event-driven
            tau_minus*dy/dt = -y : event-driven
        """,
        pre_spike="""
            g_target += w
            w -= A_minus*w_max*y : min=0.0, max=w_max
            x += 1.0
        """,
        post_spike="""
            w = clip(w + A_plus*w_max*x, 0.0, w_max)
            y += 1.0
        """,
    )


def run(synapse: Any, engine: str) -> Any:
    sim.setup(timestep=0.1, rng_seed=5, engine=engine)
    sources = sim.Population(6, sim.SpikeSourcePoisson(rate=50.0))
    drive = sim.Population(3, sim.SpikeSourcePoisson(rate=40.0))
    cells = sim.Population(3, sim.IF_curr_exp(tau_syn_E=2.0))
    sim.Projection(drive, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=40.0, delay=0.5))
    projection = sim.Projection(sources, cells, sim.AllToAllConnector(), synapse)
    sim.run(300.0)
    weights = projection.get("weight", format="array")
    sim.end()
    return weights


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_stdp_in_annarchys_notation_gives_the_weights_of_the_standard_mechanism(engine: str) -> None:
    standard = sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(tau_plus=20.0, tau_minus=30.0, A_plus=0.02, A_minus=0.021),
        weight_dependence=sim.AdditiveWeightDependence(w_min=0.0, w_max=0.05), weight=0.025, delay=1.0,
    )  # fmt: skip
    own, reference = run(stdp()(weight=0.025, delay=1.0), engine), run(standard, engine)
    assert np.ptp(own) > 1e-3
    # Here the weight is transmitted before it is depressed; the cells fire by their own drive all the same.
    np.testing.assert_allclose(own, reference, rtol=0, atol=1e-12)


def test_without_code_a_spike_transmits_the_weight() -> None:
    sim.setup(timestep=0.1, engine="numpy")
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    cells = sim.Population(2, sim.IF_curr_delta(v_rest=-65.0, tau_m=1e9, v_thresh=0.0), initial_values={"v": -65.0})
    twice = Synapse(pre_spike="g_target += w; g_target += 2.0*w")
    for k, synapse in enumerate((Synapse()(weight=2.0, delay=1.0), twice(weight=2.0, delay=1.0))):
        sim.Projection(source, cells[k : k + 1], sim.AllToAllConnector(), synapse)
    cells.record("v")
    sim.run(5.0)
    last = cells.get_data().segments[0].filter(name="v")[0].magnitude[-1]
    np.testing.assert_allclose(last, [-63.0, -59.0], atol=1e-6)
    sim.end()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"psp": "w*pre.sum(exc)"}, CapabilityError, "rate-coded"),
        ({"psp": "w*cell.v"}, CapabilityError, "pre.x and post.x"),
        ({"equations": "dx/dt = -x\ny = x\ndz/dt = y"}, CapabilityError, "between two equations"),
        ({"operation": "max"}, InvalidModelError, "no psp="),
        ({"psp": "w*pre.r", "operation": "product"}, InvalidModelError, "sum, mean, max, min"),
        ({"pruning": "w < 0.1"}, CapabilityError, "stay as they were made"),
        ({"pre_axon_spike": "y += w"}, EquationError, "not a variable of this synapse"),
        ({"psp": "mean(w)"}, EquationError, "mean"),
        ({"pre_spike": "x += 1.0"}, EquationError, "not a variable of this synapse"),
        ({"pre_spike": "w += wmax"}, EquationError, "'wmax' is not known"),
        ({"post_spike": "g_target += w"}, EquationError, "in pre_spike"),
        ({"equations": "dx/dt = -x : event-driven, max=1.0"}, CapabilityError, "clip"),
        ({"equations": "dx/dt = -x*x : event-driven"}, EquationError, "linear"),
        ({"equations": "dx/dt = -x : eventdriven"}, EquationError, "not a flag"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_reason(arguments: dict[str, Any], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        Synapse(**arguments)
