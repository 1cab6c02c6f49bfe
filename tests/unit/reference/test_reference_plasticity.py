"""Spike-timing-dependent plasticity against a calculation of its own: sums over all pairs of spikes, in exact times."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.models import BaseSynapseType, Parameter, State

ENGINES = ("numba", "numpy")
FRACTIONS = (0.0, 0.25, 0.3, 0.5, 0.8, 1.0)
DT = 0.1
RULE = dict(tau_plus=15.0, tau_minus=22.0, A_plus=0.03, A_minus=0.024)
BOUNDS = dict(w_min=0.004, w_max=0.05)
GUTIG = dict(mu_plus=0.3, mu_minus=0.7)


def trains(seed, cells, spikes, last):
    """Spike steps of `cells` cells; some coincide with those of other seeds."""
    rng = np.random.default_rng(seed)
    return [np.sort(rng.choice(np.arange(5, last), spikes, replace=False)) for _ in range(cells)]


def arrivals(pre, post, delay, fraction):
    """Events at a synapse in order: (time, "pre" or "post"), in exact steps."""
    f = Fraction(str(fraction))
    events = [(int(s) + (1 - f) * delay, fraction > 0, "pre") for s in pre]
    events += [(int(p) + f * delay, fraction == 0, "post") for p in post]
    return [(time, side) for time, _, side in sorted(events)]


def pairs(events, fraction, tau_pre, tau_post):
    """For each event, the sum over all earlier events of the other side; of events at one time see `arrivals`."""
    traces = []
    for n, (time, side) in enumerate(events):
        tau = tau_post if side == "pre" else tau_pre
        total = 0.0
        for other_time, other in events[:n]:
            if other != side and (other_time < time or fraction == 0):
                total += math.exp(-float(time - other_time) * DT / tau)
        traces.append(total)
    return traces


def expected(rule, events, traces, w, w_min, w_max, **exponents):
    """The weight after all events, by the published formulas."""
    a_plus, a_minus = RULE["A_plus"], RULE["A_minus"]
    for (_, side), trace in zip(events, traces, strict=True):
        span = w_max - w_min
        if rule == "vogels":
            w += 2e-4 * trace if side == "post" else 2e-4 * (trace - 2 * 5.0 * 1e-3 * 17.0)
        elif side == "post":
            w += a_plus * trace * {
                "additive": w_max,
                "multiplicative": w_max - w,
                "mixed": w_max,
                "gutig": span * ((w_max - w) / span) ** GUTIG["mu_plus"],
            }[rule]
        else:
            w -= a_minus * trace * {
                "additive": w_max,
                "multiplicative": w - w_min,
                "mixed": w - w_min,
                "gutig": span * ((w - w_min) / span) ** GUTIG["mu_minus"],
            }[rule]
        w = min(max(w, w_min), w_max)
    return w


def synapse(rule, fraction, **values):
    dependence = {
        "additive": sim.AdditiveWeightDependence,
        "multiplicative": sim.MultiplicativeWeightDependence,
        "mixed": sim.AdditivePotentiationMultiplicativeDepression,
        "gutig": lambda **bounds: sim.GutigWeightDependence(**bounds, **GUTIG),
        "vogels": sim.AdditiveWeightDependence,
    }[rule](**BOUNDS)
    timing = sim.Vogels2011Rule(tau=17.0, eta=2e-4, rho=5.0) if rule == "vogels" else sim.SpikePairRule(**RULE)
    return sim.STDPMechanism(timing, dependence, dendritic_delay_fraction=fraction, **values)


def taus(rule):
    return (17.0, 17.0) if rule == "vogels" else (RULE["tau_plus"], RULE["tau_minus"])


def driven(pre_trains, post_trains):
    """Sources that spike at `pre_trains`, and cells that spike at `post_trains` (steps, from 2)."""
    pre = sim.Population(
        len(pre_trains), sim.SpikeSourceArray(spike_times=[np.asarray(t) * DT for t in pre_trains])
    )
    drive = sim.Population(
        len(post_trains), sim.SpikeSourceArray(spike_times=[(np.asarray(t) - 1) * DT for t in post_trains])
    )
    post = sim.Population(len(post_trains), sim.IF_curr_delta(tau_refrac=0.0))
    post.record("spikes")
    sim.Projection(drive, post, sim.OneToOneConnector(), sim.StaticSynapse(weight=500.0, delay=DT))
    return pre, post


def spiked(post):
    return [np.rint(np.asarray(t) / DT).astype(int) for t in post.get_data().segments[0].spiketrains]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fraction", FRACTIONS)
@pytest.mark.parametrize("rule", ["additive", "multiplicative", "mixed", "gutig", "vogels"])
def test_weights_are_those_of_all_pairs(engine, rule, fraction):
    """Heterogeneous delays, many spikes that arrive together; 1e-12 is some 1000 roundings of a weight of 0.05."""
    sim.setup(timestep=DT, min_delay=DT, engine=engine)
    pre_trains, post_trains = trains(1, 4, 60, 400), trains(2, 3, 50, 400)
    pre, post = driven(pre_trains, post_trains)
    delays = np.array([[1, 4, 9], [10, 1, 3], [5, 20, 2], [8, 7, 6]])
    projection = sim.Projection(
        pre, post, sim.AllToAllConnector(), synapse(rule, fraction, weight=0.02, delay=delays * DT)
    )
    sim.run(60.0)
    measured = projection.get("weight", "array")
    assert [list(t) for t in spiked(post)] == [list(t) for t in post_trains]
    coincidences = 0
    for i in range(4):
        for j in range(3):
            events = arrivals(pre_trains[i], post_trains[j], int(delays[i, j]), fraction)
            coincidences += sum(a[0] == b[0] for a, b in zip(events, events[1:], strict=False))
            traces = pairs(events, fraction, *taus(rule))
            wanted = expected(rule, events, traces, 0.02, **BOUNDS)
            assert measured[i, j] == pytest.approx(wanted, rel=1e-12, abs=1e-15)
    assert coincidences > 0 or fraction in (0.25, 0.3)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fraction", (0.0, 0.5, 1.0))
def test_one_delay_for_all(engine, fraction):
    sim.setup(timestep=DT, min_delay=DT, engine=engine)
    pre_trains, post_trains = trains(3, 5, 80, 700), trains(4, 4, 80, 700)
    pre, post = driven(pre_trains, post_trains)
    projection = sim.Projection(
        pre, post, sim.AllToAllConnector(), synapse("additive", fraction, weight=0.02, delay=1.2)
    )
    sim.run(80.0)
    measured = projection.get("weight", "array")
    for i in range(5):
        for j in range(4):
            events = arrivals(pre_trains[i], post_trains[j], 12, fraction)
            wanted = expected("additive", events, pairs(events, fraction, 15.0, 22.0), 0.02, **BOUNDS)
            assert measured[i, j] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fraction", (0.0, 0.5, 1.0))
@pytest.mark.parametrize("rule", ["additive", "gutig", "vogels"])
def test_every_parameter_may_differ_from_connection_to_connection(engine, fraction, rule):
    """Then traces are kept for each connection; values that are alike must give what one value gives."""
    results = []
    for heterogeneous in (False, True):
        sim.setup(timestep=DT, min_delay=DT, engine=engine)
        pre_trains, post_trains = trains(5, 3, 60, 400), trains(6, 3, 60, 400)
        pre, post = driven(pre_trains, post_trains)
        projection = sim.Projection(
            pre, post, sim.AllToAllConnector(), synapse(rule, fraction, weight=0.02, delay=0.6)
        )
        if heterogeneous:
            for name, value in projection.synapse_type.parameter_space.as_dict().items():
                if name not in ("weight", "delay", "dendritic_delay_fraction"):
                    # One value differs at one connection, which is left out below.
                    projection.set(**{name: np.r_[np.full(8, value), 1.1 * value]})
        sim.run(60.0)
        results.append(np.array(projection.get("weight", "list", with_address=False))[:8])
    assert np.allclose(results[0], results[1], rtol=1e-12, atol=0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fraction", (0.0, 0.3, 0.5, 1.0))
def test_looking_at_weights_shows_what_has_arrived_and_changes_nothing(engine, fraction):
    """Reading at every stop: the values are those of the events so far, and the end is the same to the bit."""
    pre_trains, post_trains = trains(7, 2, 40, 300), trains(8, 2, 40, 300)
    delays = np.array([[3, 7], [12, 4]])
    ends = []
    for stops in (1, 100):
        sim.setup(timestep=DT, min_delay=DT, engine=engine)
        pre, post = driven(pre_trains, post_trains)
        projection = sim.Projection(
            pre, post, sim.AllToAllConnector(), synapse("multiplicative", fraction, weight=0.02, delay=delays * DT)
        )
        for stop in range(stops):
            sim.run(40.0 / stops)
            if stops == 1:
                continue
            now = (stop + 1) * 400 // stops
            measured = projection.get("weight", "array")
            for i in range(2):
                for j in range(2):
                    events = arrivals(pre_trains[i], post_trains[j], int(delays[i, j]), fraction)
                    events = [event for event in events if event[0] <= now]
                    wanted = expected("multiplicative", events, pairs(events, fraction, 15.0, 22.0), 0.02, **BOUNDS)
                    assert measured[i, j] == pytest.approx(wanted, rel=1e-12), (now, i, j)
        ends.append(projection.get("weight", "array"))
    assert (ends[0] == ends[1]).all()


def test_long_histories_are_forgotten_without_a_trace():
    """500 spikes a cell, more than a history holds at first, while one source is silent until the end."""
    sim.setup(timestep=DT, min_delay=DT)
    post_trains = trains(9, 2, 500, 4000)
    pre_trains = [*trains(10, 1, 500, 4000), np.array([3980])]
    pre, post = driven(pre_trains, post_trains)
    delays = np.array([[5, 9], [3, 40]]) * DT
    projection = sim.Projection(
        pre, post, sim.AllToAllConnector(), synapse("additive", 1.0, weight=0.02, delay=delays)
    )
    sim.run(410.0)
    measured = projection.get("weight", "array")
    for i, j, delay in ((0, 0, 5), (0, 1, 9), (1, 0, 3), (1, 1, 40)):
        events = arrivals(pre_trains[i], post_trains[j], delay, 1.0)
        wanted = expected("additive", events, pairs(events, 1.0, 15.0, 22.0), 0.02, **BOUNDS)
        assert measured[i, j] == pytest.approx(wanted, rel=1e-11)
    synapses = sim.script.simulation.session._projections[1].synapses
    assert [history.capacity <= 128 for history in synapses.histories.values()] == [True]


@pytest.mark.parametrize("engine", ENGINES)
def test_inhibitory_weights_change_in_magnitude(engine):
    """Negative weights onto current-based cells do what positive ones do, with the sign; w_max may have either."""
    ends = {}
    for kind, weight, w_max in (("excitatory", 0.02, 0.05), ("inhibitory", -0.02, 0.05), ("inhibitory", -0.02, -0.05)):
        sim.setup(timestep=DT, min_delay=DT, engine=engine)
        pre, post = driven(trains(11, 2, 20, 300), trains(12, 2, 20, 300))
        dependence = sim.AdditiveWeightDependence(w_min=0.0, w_max=w_max)
        timing = sim.SpikePairRule(**{**RULE, "A_minus": 0.01})
        rule = sim.STDPMechanism(timing, dependence, weight=weight, delay=0.5)
        projection = sim.Projection(pre, post, sim.AllToAllConnector(), rule, receptor_type=kind)
        sim.run(40.0)
        ends[kind, w_max] = projection.get("weight", "array")
        assert projection.get("w_max", "list", with_address=False)[0] == w_max
    assert (ends["inhibitory", 0.05] == -ends["excitatory", 0.05]).all()
    assert (ends["inhibitory", -0.05] == ends["inhibitory", 0.05]).all()
    assert len(np.unique(ends["excitatory", 0.05])) > 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fraction", (0.25, 1.0))
def test_changes_between_runs_act_from_the_next_event(engine, fraction):
    """A weight and an amplitude set in between, against the calculation in two parts."""
    sim.setup(timestep=DT, min_delay=DT, engine=engine)
    pre_trains, post_trains = trains(13, 2, 40, 400), trains(14, 2, 40, 400)
    pre, post = driven(pre_trains, post_trains)
    plastic = synapse("additive", fraction, weight=0.02, delay=0.8)
    projection = sim.Projection(pre, post, sim.AllToAllConnector(), plastic)
    sim.run(20.0)
    projection.set(weight=np.array([0.01, 0.02, 0.03, 0.04]))
    projection.set(A_plus=0.06)
    sim.run(25.0)
    measured = projection.get("weight", "array")
    for i in range(2):
        for j in range(2):
            events = arrivals(pre_trains[i], post_trains[j], 8, fraction)
            traces = pairs(events, fraction, 15.0, 22.0)
            w = [[0.01, 0.03], [0.02, 0.04]][i][j]
            for (time, side), trace in zip(events, traces, strict=True):
                if time > 200:
                    w += 0.06 * 0.05 * trace if side == "post" else -RULE["A_minus"] * 0.05 * trace
                    w = min(max(w, BOUNDS["w_min"]), BOUNDS["w_max"])
            assert measured[i, j] == pytest.approx(w, rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_reset_brings_back_the_weights_that_were_set(engine):
    sim.setup(timestep=DT, min_delay=DT, engine=engine)
    pre, post = driven(trains(15, 2, 40, 300), trains(16, 2, 40, 300))
    projection = sim.Projection(pre, post, sim.AllToAllConnector(), synapse("additive", 1.0, weight=0.02, delay=0.5))
    sim.run(40.0)
    first = projection.get("weight", "array")
    assert not (first == 0.02).any()
    sim.reset()
    assert (projection.get("weight", "array") == 0.02).all()
    sim.run(40.0)
    assert (projection.get("weight", "array") == first).all()


def test_connections_of_the_same_pair_have_weights_of_their_own():
    sim.setup(timestep=DT, min_delay=DT)
    pre, post = driven(trains(17, 1, 40, 300), trains(18, 1, 40, 300))
    connections = sim.FromListConnector([(0, 0, 0.02, 0.5), (0, 0, 0.03, 0.5), (0, 0, 0.02, 1.5)])
    projection = sim.Projection(pre, post, connections, synapse("multiplicative", 1.0))
    alone = sim.Projection(pre, post, sim.AllToAllConnector(), synapse("multiplicative", 1.0, weight=0.03, delay=0.5))
    sim.run(40.0)
    weights = projection.get("weight", "list", with_address=False)
    assert len(set(weights)) == 3
    assert weights[1] == alone.get("weight", "list", with_address=False)[0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fraction", (0.0, 0.25, 1.0))
def test_delays_can_be_changed(engine, fraction):
    """With spikes well apart from the change, the events before have the old delay and those after the new one."""
    sim.setup(timestep=DT, min_delay=DT, max_delay=5.0, engine=engine)
    pre_trains = [np.r_[np.arange(10, 100, 7), np.arange(210, 300, 7)]]
    post_trains = [np.r_[np.arange(12, 100, 9), np.arange(212, 300, 9)]]
    pre, post = driven(pre_trains, post_trains)
    plastic = synapse("additive", fraction, weight=0.02, delay=0.8)
    projection = sim.Projection(pre, post, sim.AllToAllConnector(), plastic)
    sim.run(15.0)
    projection.set(delay=2.1)
    sim.run(25.0)
    old = arrivals(pre_trains[0][pre_trains[0] < 150], post_trains[0][post_trains[0] < 150], 8, fraction)
    new = arrivals(pre_trains[0][pre_trains[0] > 150], post_trains[0][post_trains[0] > 150], 21, fraction)
    events = old + new
    wanted = expected("additive", events, pairs(events, fraction, 15.0, 22.0), 0.02, **BOUNDS)
    # What remains of the traces after 11 ms is counted from another arrival time: 1e-3 of the weight.
    assert projection.get("weight", "array")[0, 0] == pytest.approx(wanted, rel=5e-3)


@pytest.mark.parametrize("fraction", (0.0, 0.5, 1.0))
def test_views_and_assemblies_and_several_delays(fraction):
    """Connections from and to parts of populations are the same as between whole populations."""
    pre_trains, post_trains = trains(19, 6, 30, 300), trains(20, 4, 30, 300)
    delays = np.arange(1, 25).reshape(6, 4) * DT
    sim.setup(timestep=DT, min_delay=DT)
    pre, post = driven(pre_trains, post_trains)
    whole = sim.Projection(pre, post, sim.AllToAllConnector(), synapse("additive", fraction, weight=0.02, delay=delays))
    parts = sim.Projection(
        pre[[0, 2, 4]] + pre[[1, 3, 5]], post[[3, 1]] + post[[0, 2]], sim.AllToAllConnector(),
        synapse("additive", fraction, weight=0.02, delay=delays[np.ix_([0, 2, 4, 1, 3, 5], [1, 3, 0, 2])]),
    )
    sim.run(40.0)
    a, b = whole.get("weight", "array"), parts.get("weight", "array")
    assert (a[np.ix_([0, 2, 4, 1, 3, 5], [1, 3, 0, 2])] == b).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_transmitted_has_the_weight_at_its_time(engine):
    """The potential of the target jumps by the weight that the synapse has after the spike's own depression."""
    sim.setup(timestep=DT, min_delay=DT, engine=engine)
    pre, post = driven([[50, 90]], [[30]])
    rule = sim.STDPMechanism(sim.SpikePairRule(**RULE), sim.AdditiveWeightDependence(w_max=1.0), weight=0.5, delay=0.7)
    sim.Projection(pre, post, sim.AllToAllConnector(), rule)
    post.record("v")
    sim.run(12.0)
    v = post.get_data().segments[-1].filter(name="v")[0].magnitude[:, 0]
    w1 = 0.5 - 0.024 * math.exp(-(50 - 37) * DT / 22.0)
    w2 = w1 - 0.024 * math.exp(-(90 - 37) * DT / 22.0)
    assert v[57] + 65.0 == pytest.approx(w1, rel=1e-10)
    assert v[97] - (-65.0 + w1 * math.exp(-4.0 / 20.0)) == pytest.approx(w2, rel=1e-10)


class Triplets(BaseSynapseType):
    """Nearest to the rule of Pfister and Gerstner 2006, J Neurosci 26:9673: postsynaptic spikes read a slow trace."""

    parameters = {
        "weight": Parameter(0.0, ""),
        "delay": Parameter(None, "ms"),
        "tau_fast": Parameter(15.0, "ms"),
        "tau_slow": Parameter(90.0, "ms"),
    }
    states = {"r": State(0.0, ""), "o": State(0.0, ""), "slow": State(0.0, ""), "events": State(0.0, "")}
    equations = """
        dr/dt = -r/tau_fast : 1 (pre)
        do/dt = -o/tau_fast : 1 (post)
        dslow/dt = -slow/tau_slow : 1 (post)
    """
    on_pre = """
        weight = maximum(weight - 0.002*o, 0)
        r += 1
        events += 1
    """
    on_post = """
        weight += r*(0.001 + 0.0005*slow) if weight < 0.5 else 0
        o += 1; slow += 1
        events += 100
    """
    transmitted = "2*weight"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_rule_of_a_users_own(engine):
    """A triplet rule against sums over all spikes; with the state that counts events, one a connection."""
    sim.setup(timestep=DT, min_delay=DT, engine=engine)
    pre_trains, post_trains = trains(21, 3, 50, 400), trains(22, 2, 50, 400)
    pre, post = driven(pre_trains, post_trains)
    projection = sim.Projection(pre, post, sim.AllToAllConnector(), Triplets(weight=0.02, delay=0.9))
    sim.run(50.0)
    weights, counts = projection.get(["weight", "events"], "array")
    for i in range(3):
        for j in range(2):
            events = arrivals(pre_trains[i], post_trains[j], 9, 1.0)
            traces, w = pairs(events, 1.0, 15.0, 15.0), 0.02
            for (time, side), trace in zip(events, traces, strict=True):
                if side == "pre":
                    w = max(w - 0.002 * trace, 0.0)
                elif w < 0.5:
                    earlier = [t for t, other in events if other == "post" and t < time]
                    w += trace * (0.001 + 0.0005 * sum(math.exp(-float(time - t) * DT / 90.0) for t in earlier))
            assert weights[i, j] == pytest.approx(w, rel=1e-12)
            assert counts[i, j] == 50 + 100 * 50


@pytest.mark.parametrize("engine", ENGINES)
def test_traces_can_be_read(engine):
    """The sums of exponentials of all spikes that have arrived."""
    sim.setup(timestep=DT, min_delay=DT, engine=engine)
    pre, post = driven([[20, 55]], [[30, 31, 70]])
    projection = sim.Projection(pre, post, sim.AllToAllConnector(), synapse("additive", 0.5, weight=0.02, delay=1.0))
    sim.run(7.2)
    x_pre, x_post = projection.get(["x_pre", "x_post"], "array")
    assert x_pre[0, 0] == pytest.approx(sum(math.exp(-(72 - s - 5) * DT / 15.0) for s in (20, 55)), rel=1e-12)
    # The spike at 7.0 ms arrives at 7.5 ms.
    assert x_post[0, 0] == pytest.approx(sum(math.exp(-(72 - p - 5) * DT / 22.0) for p in (30, 31)), rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_plastic_projection_without_connections(engine):
    sim.setup(timestep=DT, min_delay=DT, engine=engine)
    pre, post = driven([[20]], [[30]])
    projection = sim.Projection(pre, post, sim.FromListConnector([]), synapse("additive", 1.0, weight=0.02, delay=1.0))
    sim.run(5.0)
    projection.set(weight=0.03)
    sim.run(5.0)
    assert projection.get("weight", "list") == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(equations="dr/dt = -r*r/tau_fast : 1 (pre, event-driven)"), "linear"),
        (dict(on_pre="tau_fast = 3*ms"), "cannot be changed"),
        (dict(on_pre="weigth += 1"), "no value yet"),
        (dict(on_post="weight += 2*ms"), "in ms"),
        (dict(on_pre="weight = before(r)"), "not a function"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line(wrong, message):
    kind = type("Wrong", (Triplets,), {"on_pre": "r += 1", "on_post": "", "transmitted": "weight", **wrong})
    sim.setup(timestep=DT, min_delay=DT)
    pre, post = driven([[20]], [[30]])
    with pytest.raises(sim.errors.EquationError, match=message):
        sim.Projection(pre, post, sim.AllToAllConnector(), kind(weight=0.1, delay=1.0))
