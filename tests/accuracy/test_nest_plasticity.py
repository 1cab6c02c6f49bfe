"""Plastic synapses on NEST: weights at any time against pairs of spikes counted one by one, and against the reference.

Both sides compute with doubles, by the same formulas in another order. The largest difference seen is 4e-16; 1e-12 of
the largest weight allows for other processors and libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import pyNN.nest
import pyNN.reference
from pyNN.nest import plasticity

DT, PRE, POST, END = 0.05, 12, 9, 200.0
# Multiples of the smallest delay (0.5 ms) and times between them, where NEST has spikes that it has not delivered.
TIMES = (3.3, 10.0, 25.05, 50.0, 77.7, 120.0, END)
TOLERANCE: Any = {"rtol": 0.0, "atol": 1e-12}

DEPENDENCES = {
    "AdditiveWeightDependence": (0.0, 0.0),
    "MultiplicativeWeightDependence": (1.0, 1.0),
    "AdditivePotentiationMultiplicativeDepression": (0.0, 1.0),
    "GutigWeightDependence": (None, None),
}


def trains(rng: np.random.Generator, n: int) -> list[Any]:
    return [np.unique(np.round(rng.uniform(1.0, END, rng.integers(0, 14)) / DT)) * DT for _ in range(n)]


class Experiment:
    """Twelve sources onto nine cells that fire when a driver wants it, all to all, every parameter heterogeneous."""

    def __init__(
        self,
        dependence: str,
        vogels: bool = False,
        cell: str = "IF_curr_delta",
        receptor: str = "excitatory",
        unit: float = 1.0,
    ) -> None:
        rng = np.random.default_rng(3)
        n = PRE * POST
        self.dependence, self.vogels, self.cell, self.receptor = dependence, vogels, cell, receptor
        self.pre_trains, self.drives = trains(rng, PRE), trains(rng, POST)
        # Connections are in the order of post, then pre; NEST keeps the postsynaptic trace once a cell.
        self.tau_post = np.repeat(rng.uniform(10.0, 30.0, POST), PRE)
        rule = {"tau_plus": (10.0, 30.0), "A_plus": (0.01, 0.1), "A_minus": (0.01, 0.1)}
        if vogels:
            rule = {"eta": (0.001, 0.02), "rho": (3.0, 10.0)}
        self.rule = {name: rng.uniform(*bounds, n) for name, bounds in rule.items()}
        self.rule["tau" if vogels else "tau_minus"] = self.tau_post
        # vogels_sprekeler_synapse clips twice at a presynaptic spike, which coincides away from the largest weight.
        self.bounds = {"w_max": abs(unit) * rng.uniform(*((3.0, 4.0) if vogels else (0.5, 1.0)), n)}
        if dependence == "GutigWeightDependence":
            self.bounds |= {"mu_plus": rng.uniform(0.1, 0.9, n), "mu_minus": rng.uniform(0.1, 0.9, n)}
        self.weights = unit * rng.uniform(0.0, 0.5, n)
        self.delays = np.round(rng.uniform(0.5, 5.0, n) / DT) * DT

    def run(
        self, sim: ModuleType, changes: dict[float, dict[str, Any]] | None = None, **options: Any
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """(weights at TIMES and after each change, spikes of the cells)."""
        sim.setup(timestep=DT, min_delay=0.5, max_delay=5.0, **options)
        pre = sim.Population(PRE, sim.SpikeSourceArray(spike_times=self.pre_trains))
        driver = sim.Population(POST, sim.SpikeSourceArray(spike_times=self.drives))
        post = sim.Population(POST, getattr(sim, self.cell)(tau_refrac=0.1))
        post.record("spikes")
        sim.Projection(driver, post, sim.OneToOneConnector(), sim.StaticSynapse(weight=40.0, delay=0.5))
        timing = sim.Vogels2011Rule if self.vogels else sim.SpikePairRule
        synapse = sim.STDPMechanism(
            timing_dependence=timing(**self.rule),
            weight_dependence=getattr(sim, self.dependence)(**self.bounds),
            weight=self.weights,
            delay=self.delays,
        )
        plastic = sim.Projection(pre, post, sim.AllToAllConnector(), synapse, receptor_type=self.receptor)
        found = []
        for time in TIMES:
            sim.run_until(time)
            found.append(plastic.get("weight", "list", with_address=False))
            if changes and time in changes:
                plastic.set(**changes[time])
                found.append(plastic.get("weight", "list", with_address=False))
        spikes = [np.asarray(train.magnitude) for train in post.get_data("spikes").segments[0].spiketrains]
        return np.array(found), spikes


def by_pairs(e: Experiment, k: int, pre: np.ndarray, post: np.ndarray, until: float) -> float:
    """The weight of connection k at `until`, every pair of spikes summed by itself; steps are whole numbers."""
    pre, post = np.rint(pre / DT), np.rint(post / DT) + np.rint(e.delays[k] / DT)
    pre, post = pre[pre <= round(until / DT)], post[post <= round(until / DT)]
    w, largest = e.weights[k], e.bounds["w_max"][k]
    mu_plus, mu_minus = DEPENDENCES[e.dependence]
    if mu_plus is None:
        mu_plus, mu_minus = e.bounds["mu_plus"][k], e.bounds["mu_minus"][k]
    # Of spikes that arrive together the postsynaptic one comes first; they are no pair.
    for time, is_pre in sorted([(t, 0) for t in post] + [(t, 1) for t in pre]):
        if is_pre:
            trace = np.exp(-(time - post[post < time]) * DT / e.tau_post[k]).sum()
            w = max(w - e.rule["A_minus"][k] * largest * (w / largest) ** mu_minus * trace, 0.0)
        else:
            trace = np.exp(-(time - pre[pre < time]) * DT / e.rule["tau_plus"][k]).sum()
            w = min(w + e.rule["A_plus"][k] * largest * (1.0 - w / largest) ** mu_plus * trace, largest)
    return float(w)


@pytest.mark.parametrize("dependence", DEPENDENCES)
@pytest.mark.parametrize("threads", [1, 2])
def test_weights_are_those_of_all_pairs_at_any_time(dependence: str, threads: int) -> None:
    experiment = Experiment(dependence)
    found, spikes = experiment.run(pyNN.nest, threads=threads)
    assert sum(map(len, spikes)) > 50
    for row, time in enumerate(TIMES):
        expected = [
            by_pairs(experiment, k, experiment.pre_trains[k % PRE], spikes[k // PRE], time) for k in range(PRE * POST)
        ]
        np.testing.assert_allclose(found[row], expected, **TOLERANCE)


def setting() -> dict[float, dict[str, Any]]:
    """Changes of everything, at multiples of the smallest delay and between them."""
    rng = np.random.default_rng(9)
    n = PRE * POST
    return {
        25.05: {"weight": rng.uniform(0.3, 0.5, n)},
        50.0: {"weight": 0.45},
        77.7: {"A_plus": 0.02, "tau_plus": rng.uniform(10.0, 30.0, n), "w_max": 1.2},
        120.0: {"A_minus": 0.02},
    }


@pytest.mark.filterwarnings("error:.*NEST forgets")
@pytest.mark.parametrize("changes", [None, setting])
@pytest.mark.parametrize("dependence", DEPENDENCES)
def test_weights_are_those_of_the_reference(dependence: str, changes: Callable[[], Any] | None) -> None:
    """Also when they, and the parameters of the rule, are changed while NEST has spikes that it has not dealt with."""
    experiment = Experiment(dependence)
    given = changes and changes()
    nest, nest_spikes = experiment.run(pyNN.nest, given)
    reference, reference_spikes = experiment.run(pyNN.reference, given)
    assert [len(t) for t in nest_spikes] == [len(t) for t in reference_spikes]
    np.testing.assert_allclose(nest, reference, **TOLERANCE)


@pytest.mark.parametrize("when", [50.0, 77.7])
def test_weights_set_below_what_nest_will_still_add_are_said_to_be_a_compromise(when: float) -> None:
    """What was set is there; until the next presynaptic spike the rest differs from the reference, with a warning."""
    experiment = Experiment("MultiplicativeWeightDependence")
    with pytest.warns(UserWarning, match="of the new weights are so small that NEST forgets"):
        found, _ = experiment.run(pyNN.nest, {when: {"weight": 0.0}})
    assert (found[TIMES.index(when) + 1] == 0.0).all()
    assert (found >= 0.0).all() and (found[-1] > 0.0).any()


def test_the_rule_of_vogels_is_that_of_the_reference() -> None:
    experiment = Experiment("AdditiveWeightDependence", vogels=True)
    nest, _ = experiment.run(pyNN.nest)
    reference, _ = experiment.run(pyNN.reference)
    np.testing.assert_allclose(nest, reference, **TOLERANCE)
    assert np.abs(nest[-1] - nest[0]).max() > 0.01


@pytest.mark.parametrize(
    ("cell", "unit"), [("IF_cond_exp", 0.01), ("IF_curr_exp", -0.01), ("IF_curr_delta", -0.01)]
)
def test_plastic_inhibition_is_that_of_the_reference(cell: str, unit: float) -> None:
    """Conductances are negative in NEST, inhibitory currents everywhere: the rule acts on magnitudes."""
    experiment = Experiment("AdditiveWeightDependence", cell=cell, receptor="inhibitory", unit=unit)
    nest, nest_spikes = experiment.run(pyNN.nest)
    reference, reference_spikes = experiment.run(pyNN.reference)
    for ours, its in zip(nest_spikes, reference_spikes, strict=True):
        np.testing.assert_allclose(ours, its, rtol=0.0, atol=1e-9)
    np.testing.assert_allclose(nest, reference, **TOLERANCE)
    assert (np.sign(unit) * nest >= 0.0).all() and (nest[-1] == 0.0).any()


def short_term(sim: ModuleType, initial: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    sim.setup(timestep=0.1, min_delay=0.4, max_delay=5.0)
    rng = np.random.default_rng(5)
    n = 20
    times = [np.unique(np.round(rng.uniform(0.0, 300.0, 20), 1)) for _ in range(5)]
    pre = sim.Population(5, sim.SpikeSourceArray(spike_times=times))
    post = sim.Population(4, sim.IF_cond_exp(v_thresh=1e3, tau_syn_E=[2.0, 3.0, 4.0, 40.0]))
    synapse = sim.TsodyksMarkramSynapse(
        U=rng.uniform(0.1, 0.9, n),
        tau_rec=rng.uniform(50.0, 200.0, n),
        tau_facil=np.r_[np.zeros(5), rng.uniform(20.0, 300.0, n - 5)],
        weight=0.01,
        delay=np.round(rng.uniform(0.4, 5.0, n), 1),
    )
    projection = sim.Projection(pre, post, sim.AllToAllConnector(), synapse)
    if initial:
        projection.initialize(**initial)
    post.record("gsyn_exc")
    states = []
    for time in (10.0, 33.3, 100.1, 300.0):
        sim.run_until(time)
        session = projection._owner.session
        states.append([session.read_synapses(projection._number, name) for name in ("u", "x", "y")])
    return np.array(states), post.get_data("gsyn_exc").segments[0].analogsignals[0].magnitude


@pytest.mark.parametrize("initial", [{}, {"u": 0.3}])
def test_short_term_plasticity_is_that_of_the_reference(initial: dict[str, float]) -> None:
    nest_states, nest_conductances = short_term(pyNN.nest, initial)
    states, conductances = short_term(pyNN.reference, initial)
    np.testing.assert_allclose(nest_states, states, rtol=0.0, atol=1e-12)
    # NEST integrates conductances with an adaptive method, whose tolerance is 1e-6 mV; nothing spikes here.
    np.testing.assert_allclose(nest_conductances, conductances, rtol=0.0, atol=1e-9)
    assert conductances.max() > 0.02


def test_amplitudes_of_short_term_plasticity_follow_the_recursion() -> None:
    """Tsodyks, Uziel and Markram 2000, eqs. 3 and 4, for one synapse and tau_psc = tau_syn_E; 1e-9 of the largest."""
    sim: Any = pyNN.nest
    interval = 20.0
    u_fraction, tau_rec, tau_facil, tau = 0.3, 150.0, 60.0, 5.0
    sim.setup(timestep=0.1, min_delay=1.0)
    times = 10.0 + interval * np.arange(8)
    pre = sim.Population(1, sim.SpikeSourceArray(spike_times=times))
    post = sim.Population(1, sim.IF_cond_exp(v_thresh=1e3, tau_syn_E=tau))
    synapse = sim.TsodyksMarkramSynapse(U=u_fraction, tau_rec=tau_rec, tau_facil=tau_facil, weight=0.01, delay=1.0)
    sim.Projection(pre, post, sim.OneToOneConnector(), synapse)
    post.record("gsyn_exc")
    sim.run(200.0)
    g = post.get_data("gsyn_exc").segments[0].analogsignals[0].magnitude[:, 0]
    u, x, y, expected = 0.0, 1.0, 0.0, []
    for k in range(8):
        if k:
            z = 1.0 - x - y
            recovered = np.exp(-interval / tau_rec)
            still = np.exp(-interval / tau)
            z = z * recovered + y * tau_rec / (tau - tau_rec) * (still - recovered)
            u, y = u * np.exp(-interval / tau_facil), y * still
            x = 1.0 - y - z
        u += u_fraction * (1.0 - u)
        expected.append(0.01 * u * x)
        y, x = y + u * x, x - u * x
    arrivals = np.rint((times + 1.0) / 0.1).astype(int)
    jumps = g[arrivals] - g[arrivals - 1] * np.exp(-0.1 / tau)
    np.testing.assert_allclose(jumps, expected, rtol=0.0, atol=1e-11)


def test_spikes_that_no_synapse_needs_any_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds of spikes with time constants of 1 ms: the log stays small, the weights are the reference's."""
    monkeypatch.setattr(plasticity, "_PRUNE_AT", 10)
    weights = []
    for module in (pyNN.nest, pyNN.reference):
        sim: Any = module
        sim.setup(timestep=0.1, min_delay=1.0)
        pre = sim.Population(3, sim.SpikeSourceArray(spike_times=[np.arange(5.0 + k, 2000.0, 20.0) for k in range(3)]))
        driver = sim.Population(1, sim.SpikeSourceArray(spike_times=np.arange(5.0, 2000.0, 25.0)))
        post = sim.Population(1, sim.IF_curr_delta(tau_refrac=2.0))
        sim.Projection(driver, post, sim.OneToOneConnector(), sim.StaticSynapse(weight=40.0, delay=1.0))
        synapse = sim.STDPMechanism(
            timing_dependence=sim.SpikePairRule(tau_plus=1.0, tau_minus=1.0, A_plus=0.01, A_minus=0.01),
            weight_dependence=sim.MultiplicativeWeightDependence(w_max=1.0),
            weight=0.5,
            delay=1.0,
        )
        projection = sim.Projection(pre, post, sim.AllToAllConnector(), synapse)
        found = []
        for _ in range(20):
            sim.run(100.0)
            found.append(projection.get("weight", "list", with_address=False))
        weights.append(found)
        if sim is pyNN.nest:
            log = projection._owner.session._connections._log
            assert len(log._times) < 40  # of 380
    np.testing.assert_allclose(weights[0], weights[1], **TOLERANCE)
    assert np.abs(np.array(weights[0][-1]) - 0.5).max() > 0.01
