"""Traps of plastic synapses: rows D4, D5, D6, D10, D15, D16 and what docs/traps.md says of STDP, on every backend.

Closed forms are those of one pair of spikes: a presynaptic spike at t, a postsynaptic one at t' whose back-propagated
action potential reaches the synapse at t' + d, because the whole delay d is dendritic.
"""

from __future__ import annotations

import numpy as np
import pytest

from pyNN.errors import CapabilityError, PyNNError

TAU_PLUS, TAU_MINUS, A_PLUS, A_MINUS = 20.0, 30.0, 0.1, 0.12
DELAY = 1.0
# Doubles on both sides, and a handful of operations each.
TOLERANCE = {"rtol": 1e-12, "atol": 0.0}


def mechanism(sim, dependence, fraction=1.0, weight=0.5, **rule):
    values = {"tau_plus": TAU_PLUS, "tau_minus": TAU_MINUS, "A_plus": A_PLUS, "A_minus": A_MINUS, **rule}
    return sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(**values),
        weight_dependence=dependence,
        dendritic_delay_fraction=fraction,
        weight=weight,
        delay=DELAY,
    )


def pairing(sim, synapse, pre_times, post_times, receptor="excitatory", **setup):
    """(projection, post population) of a cell that fires at `post_times` exactly, whatever the synapse under test does.

    A weight of some tenths of a millivolt never makes it fire; the driver's 30 mV always does.
    """
    sim.setup(timestep=0.1, min_delay=DELAY, max_delay=DELAY, **setup)
    pre = sim.Population(1, sim.SpikeSourceArray(spike_times=pre_times))
    driver = sim.Population(1, sim.SpikeSourceArray(spike_times=[t - DELAY for t in post_times]))
    post = sim.Population(1, sim.IF_curr_delta())
    post.record("spikes")
    sim.Projection(driver, post, sim.OneToOneConnector(), sim.StaticSynapse(weight=30.0, delay=DELAY))
    plastic = sim.Projection(pre, post, sim.OneToOneConnector(), synapse, receptor_type=receptor)
    return plastic, post


def fired(post):
    return [float(t) for t in post.get_data("spikes").segments[-1].spiketrains[0].magnitude]


def weight_of(projection):
    return projection.get("weight", "list", with_address=False)[0]


# --- D4, D5: weight dependences --------------------------------------------------------------------------------------


def potentiation(name, w, w_max):
    return {
        "AdditiveWeightDependence": A_PLUS * w_max,
        "MultiplicativeWeightDependence": A_PLUS * (w_max - w),
        "AdditivePotentiationMultiplicativeDepression": A_PLUS * w_max,
        "GutigWeightDependence": A_PLUS * w_max * (1.0 - w / w_max) ** 0.1,
    }[name]


def depression(name, w, w_max):
    return {
        "AdditiveWeightDependence": A_MINUS * w_max,
        "MultiplicativeWeightDependence": A_MINUS * w,
        "AdditivePotentiationMultiplicativeDepression": A_MINUS * w,
        "GutigWeightDependence": A_MINUS * w_max * (w / w_max) ** 0.9,
    }[name]


RULES = [
    "AdditiveWeightDependence",
    "MultiplicativeWeightDependence",
    "AdditivePotentiationMultiplicativeDepression",
    "GutigWeightDependence",
]


def dependence(sim, name, w_max=1.0):
    exponents = {"mu_plus": 0.1, "mu_minus": 0.9} if name == "GutigWeightDependence" else {}
    return getattr(sim, name)(w_min=0.0, w_max=w_max, **exponents)


@pytest.mark.requires("dynamics")
@pytest.mark.trap("D5", "D4")
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("order", ["pre before post", "post before pre"])
def test_each_weight_dependence_changes_the_weight_as_it_says(sim, name, order):
    """The four rules differ at w = 0.5, so none can pass as another."""
    pre, post = ([10.0], [20.0]) if order == "pre before post" else ([20.0], [10.0])
    projection, cell = pairing(sim, mechanism(sim, dependence(sim, name)), pre, post)
    sim.run(30.0)
    (t_post,) = fired(cell)
    interval = t_post + DELAY - pre[0]
    if interval > 0:
        expected = 0.5 + potentiation(name, 0.5, 1.0) * np.exp(-interval / TAU_PLUS)
    else:
        expected = 0.5 - depression(name, 0.5, 1.0) * np.exp(interval / TAU_MINUS)
    assert np.allclose(weight_of(projection), expected, **TOLERANCE)


@pytest.mark.trap("D4")
@pytest.mark.parametrize("built", [False, True])
def test_the_exponents_of_gutig_are_those_that_were_set(sim, built):
    synapse = mechanism(sim, sim.GutigWeightDependence(w_min=0.0, w_max=0.8, mu_plus=0.1, mu_minus=0.9))
    projection, _ = pairing(sim, synapse, [50.0], [60.0])
    if built:
        sim.run(1.0)
    assert projection.get(["mu_plus", "mu_minus"], "list", with_address=False) == [(0.1, 0.9)]


# --- D6: two plastic projections onto one population ------------------------------------------------------------------


@pytest.mark.requires("dynamics")
@pytest.mark.trap("D6")
def test_two_projections_with_their_own_tau_minus(sim):
    """Each has its own, or the second is refused with a sentence: never one value for both in silence."""
    time_constants = (10.0, 30.0)
    sim.setup(timestep=0.1, min_delay=DELAY, max_delay=DELAY)
    pre = sim.Population(1, sim.SpikeSourceArray(spike_times=[25.0]))
    driver = sim.Population(1, sim.SpikeSourceArray(spike_times=[9.0]))
    post = sim.Population(1, sim.IF_curr_delta())
    post.record("spikes")
    sim.Projection(driver, post, sim.OneToOneConnector(), sim.StaticSynapse(weight=30.0, delay=DELAY))
    try:
        projections = [
            sim.Projection(
                pre,
                post,
                sim.OneToOneConnector(),
                mechanism(sim, sim.AdditiveWeightDependence(w_min=0.0, w_max=1.0), tau_minus=tau),
            )
            for tau in time_constants
        ]
        sim.run(40.0)
    except CapabilityError as error:
        assert sim.variant == "nest" and "tau_minus" in str(error)
        return
    (t_post,) = fired(post)
    interval = 25.0 - (t_post + DELAY)
    for projection, tau in zip(projections, time_constants, strict=True):
        assert projection.get("tau_minus", "list", with_address=False) == [tau]
        assert np.allclose(weight_of(projection), 0.5 - A_MINUS * np.exp(-interval / tau), **TOLERANCE)


# --- D10: reset -------------------------------------------------------------------------------------------------------


@pytest.mark.requires("dynamics")
@pytest.mark.trap("D10", "U7")
def test_reset_restores_plastic_weights(sim):
    synapse = mechanism(sim, sim.AdditiveWeightDependence(w_min=0.0, w_max=1.0))
    projection, _ = pairing(sim, synapse, [10.0], [20.0])
    sim.run(30.0)
    learned = weight_of(projection)
    assert learned > 0.55
    sim.reset()
    assert weight_of(projection) == 0.5
    sim.run(30.0)
    assert weight_of(projection) == learned
    sim.reset()
    projection.set(weight=0.25)
    sim.run(30.0)
    assert np.allclose(weight_of(projection) - 0.25, learned - 0.5, rtol=1e-12, atol=0.0)
    sim.reset()
    assert weight_of(projection) == 0.25


# --- D15: Tsodyks and Markram ----------------------------------------------------------------------------------------


@pytest.mark.requires("dynamics")
@pytest.mark.trap("D15")
@pytest.mark.parametrize("when", ["before", "between runs"])
def test_tau_psc_follows_the_receptor(sim, when):
    """A cell whose tau_syn_E becomes 1 ms before any spike is the cell that had 1 ms from the start."""

    def potential(first):
        sim.setup(timestep=0.1, min_delay=1.0)
        times = np.arange(20.0, 120.0, 8.0)
        source = sim.Population(1, sim.SpikeSourceArray(spike_times=times))
        cell = sim.Population(1, sim.IF_curr_exp(tau_syn_E=first))
        synapse = sim.TsodyksMarkramSynapse(U=0.5, tau_rec=100.0, tau_facil=10.0, weight=0.5, delay=1.0)
        sim.Projection(source, cell, sim.OneToOneConnector(), synapse)
        cell.record("v")
        if when == "between runs":
            sim.run(10.0)
        cell.set(tau_syn_E=1.0)
        sim.run(140.0 - sim.get_current_time())
        return cell.get_data("v").segments[0].filter(name="v")[0].magnitude[:, 0]

    changed, always = potential(5.0), potential(1.0)
    assert always.max() > -64.9
    # The order of roundings may differ; 1e-12 of 65 mV.
    assert np.allclose(changed, always, rtol=0.0, atol=1e-10)


# --- D16: names and units --------------------------------------------------------------------------------------------


@pytest.mark.trap("D16")
@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize("celltype", ["IF_cond_exp", "IF_curr_exp"])
def test_get_has_every_parameter_of_the_mechanism_in_the_units_of_the_interface(sim, built, celltype):
    given = {
        "weight": 0.1, "delay": 2.0, "tau_plus": 15.0, "tau_minus": 25.0, "A_plus": 0.01, "A_minus": 0.02,
        "w_min": 0.0, "w_max": 0.5, "dendritic_delay_fraction": 1.0,
    }  # fmt: skip
    sim.setup(timestep=0.1, min_delay=1.0, max_delay=3.0)
    cells = sim.Population(2, getattr(sim, celltype)())
    synapse = sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(**{k: given[k] for k in ("tau_plus", "tau_minus", "A_plus", "A_minus")}),
        weight_dependence=sim.AdditiveWeightDependence(w_min=given["w_min"], w_max=given["w_max"]),
        dendritic_delay_fraction=1.0,
        weight=given["weight"],
        delay=given["delay"],
    )
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), synapse)
    if built:
        sim.run(1.0)
    for name, value in given.items():
        # A factor of 1000 and back may cost one rounding.
        assert np.allclose(projection.get(name, "list", with_address=False), [value] * 4, rtol=1e-15, atol=0), name
    with pytest.raises(KeyError, match="tau_pluss"):
        projection.get("tau_pluss", "list")


# --- features --------------------------------------------------------------------------------------------------------


@pytest.mark.requires("dynamics")
@pytest.mark.trap("F1")
def test_one_script_with_the_default_delay_fraction_runs_everywhere(sim):
    """No dendritic_delay_fraction is given, and no backend is asked for."""
    synapse = sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(A_plus=A_PLUS),
        weight_dependence=sim.AdditiveWeightDependence(w_max=1.0),
        weight=0.5,
        delay=DELAY,
    )
    projection, cell = pairing(sim, synapse, [10.0], [20.0])
    sim.run(30.0)
    (t_post,) = fired(cell)
    expected = 0.5 + A_PLUS * np.exp(-(t_post + DELAY - 10.0) / 20.0)
    assert np.allclose(weight_of(projection), expected, **TOLERANCE)


@pytest.mark.requires("dynamics")
@pytest.mark.trap("F1")
@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_another_delay_fraction_is_honoured_or_refused(sim, fraction):
    """With fraction f the presynaptic spike needs (1 - f) d and the postsynaptic one f d to the synapse."""
    synapse = mechanism(sim, sim.AdditiveWeightDependence(w_min=0.0, w_max=1.0), fraction=fraction)
    try:
        projection, cell = pairing(sim, synapse, [10.0], [20.0])
        sim.run(30.0)
    except CapabilityError as error:
        assert sim.variant == "nest" and "dendritic_delay_fraction" in str(error)
        return
    (t_post,) = fired(cell)
    interval = (t_post + fraction * DELAY) - (10.0 + (1.0 - fraction) * DELAY)
    assert np.allclose(weight_of(projection), 0.5 + A_PLUS * np.exp(-interval / TAU_PLUS), **TOLERANCE)


@pytest.mark.requires("dynamics")
@pytest.mark.trap("F2")
def test_a_smallest_weight_above_zero_is_kept_or_refused(sim):
    """Ten depressing pairs of 0.12 each would take 0.5 far below 0.45."""
    synapse = mechanism(sim, sim.AdditiveWeightDependence(w_min=0.45, w_max=1.0))
    pre = [20.0 + 100.0 * k for k in range(10)]
    try:
        projection, _ = pairing(sim, synapse, pre, [t - 10.0 for t in pre])
        sim.run(1000.0)
    except CapabilityError as error:
        assert sim.variant == "nest" and "w_min" in str(error)
        return
    assert np.allclose(weight_of(projection), 0.45, **TOLERANCE)


@pytest.mark.requires("dynamics")
@pytest.mark.trap("F3")
def test_the_rule_of_vogels_runs_or_names_what_has_it(sim):
    """One pair of Vogels et al. 2011: both spikes add eta exp(-|dt|/tau), a presynaptic one takes eta*alpha away,
    where alpha = 2 rho tau."""
    eta, tau, rho = 0.01, 20.0, 5.0  # 1, ms, Hz
    try:
        synapse = sim.STDPMechanism(
            timing_dependence=sim.Vogels2011Rule(eta=eta, tau=tau, rho=rho),
            weight_dependence=sim.AdditiveWeightDependence(w_min=0.0, w_max=1.0),
            weight=0.5,
            delay=DELAY,
        )
        projection, cell = pairing(sim, synapse, [10.0], [20.0])
        sim.run(30.0)
    except PyNNError as error:
        assert isinstance(error, NotImplementedError) and sim.variant == "nest" and "reference" in str(error)
        return
    (t_post,) = fired(cell)
    expected = 0.5 + eta * (np.exp(-(t_post + DELAY - 10.0) / tau) - 2.0 * rho * tau / 1000.0)
    assert np.allclose(weight_of(projection), expected, **TOLERANCE)


@pytest.mark.requires("dynamics")
@pytest.mark.trap("F3")
def test_gap_junctions_between_point_neurons(sim):
    """Two passive cells: the sum of potentials decays with tau_m, their difference also through the junction, at the
    rate 1/tau_m + 2 g/cm."""
    g, tau, cm = 0.02, 20.0, 1.0
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp(v_thresh=1000.0, tau_m=tau, cm=cm), initial_values={"v": [-55.0, -65.0]})
    cells.record("v")
    try:
        sim.Projection(cells, cells, sim.FromListConnector([(0, 1)]), sim.ElectricalSynapse(weight=g))
        sim.run(50.0)
    except NotImplementedError as error:
        assert sim.variant == "nest" and "reference" in str(error)
        return
    v = cells.get_data("v").segments[0].filter(name="v")[0].magnitude + 65.0
    t = 0.1 * np.arange(501)
    expected_sum = 10.0 * np.exp(-t / tau)
    expected_difference = 10.0 * np.exp(-t * (1.0 / tau + 2.0 * g / cm))
    # Coupling is exchanged once a step of 0.1 ms: first-order error, 10 mV * 2 g/cm * dt/2 at the most.
    assert np.allclose(v[:, 0] + v[:, 1], expected_sum, rtol=0, atol=0.03)
    assert np.allclose(v[:, 0] - v[:, 1], expected_difference, rtol=0, atol=0.03)


@pytest.mark.requires("dynamics")
@pytest.mark.trap("U2")
@pytest.mark.parametrize("celltype, sign", [("IF_cond_exp", 1.0), ("IF_curr_exp", -1.0)])
def test_plastic_inhibition_stays_inhibition(sim, celltype, sign):
    """Ten depressing pairs: the weight ends at zero, and never on the other side.

    Current-based inhibition has negative weights, of which the rule changes the magnitude.
    """
    sim.setup(timestep=0.1, min_delay=DELAY, max_delay=DELAY)
    times = [20.0 + 100.0 * k for k in range(10)]
    pre = sim.Population(1, sim.SpikeSourceArray(spike_times=times))
    driver = sim.Population(1, sim.SpikeSourceArray(spike_times=[t - 10.0 for t in times]))
    # A short synaptic time constant, so that each spike of the driver gives one spike.
    post = sim.Population(1, getattr(sim, celltype)(tau_refrac=5.0, tau_syn_E=0.5))
    post.record("spikes")
    strong = 2.0 if celltype == "IF_cond_exp" else 100.0
    sim.Projection(driver, post, sim.OneToOneConnector(), sim.StaticSynapse(weight=strong, delay=DELAY))
    try:
        plastic = sim.Projection(
            pre,
            post,
            sim.OneToOneConnector(),
            mechanism(sim, sim.AdditiveWeightDependence(w_min=0.0, w_max=0.02), weight=sign * 0.01),
            receptor_type="inhibitory",
        )
        sim.run(1000.0)
    except CapabilityError as error:
        assert sim.variant == "nest" and sign < 0 and "weight" in str(error)
        return
    assert len(fired(post)) == 10
    # Each pair takes about 0.12*0.02*exp(-9/30) away, so that ten reach the bound.
    assert sign * weight_of(plastic) == 0.0
