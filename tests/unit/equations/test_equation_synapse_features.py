"""Events, learning on and off, reductions, ANNarchy's synapses, pathways: beside numbers of Brian2, ANNarchy and PyNN.

Both engines are run everywhere. Where the original did the same arithmetic, results agree to rounding (1e-13 relative).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyNN.mock
import pyNN.reference as sim
from pyNN.equations import CellType, Synapse, SynapseType
from pyNN.equations import annarchy as library
from pyNN.errors import (
    CapabilityError,
    EquationError,
    InvalidDelayError,
    InvalidModelError,
    InvalidParameterValueError,
    InvalidTimeError,
)

ENGINES = ["numpy", "numba"]
ROUNDING = {"rtol": 1e-13, "atol": 1e-13}
NEVER = {"spike": "r > 1e9", "reset": "r = 0.0"}


def listed(projection: Any, name: str) -> np.ndarray:
    return np.array(projection.get(name, format="list", with_address=False))


def ramp(threshold: float) -> Any:
    return CellType(
        name="Ramp", equations="dv/dt = 1*mV/ms : mV (euler)", threshold=f"v > {threshold}*mV", reset="v = 0*mV",
        events={"burst": "v > 2.95*mV and v < 3.05*mV"}, receptors={"excitatory": "v += weight"},
    )  # fmt: skip


# --- events ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_events_of_both_sides_give_brians_weights(engine: str) -> None:
    """Brian2 2.9, `on_event` for all pathways, delays of 1 and 2.5 ms; it prints nine digits."""
    sim.setup(timestep=0.1, engine=engine)
    first = sim.Population(3, ramp(7.95)(), initial_values={"v": [0.0, 1.02, 2.04]})
    second = sim.Population(2, ramp(6.95)(), initial_values={"v": [0.51, 1.53]})
    Pairing = SynapseType(
        name="Pairing", equations="n : 1\ndx/dt = -x/(10*ms) : 1\ndy/dt = -y/(15*ms) : 1\nw : 1", on_pre="n += 1",
        on_event={"burst": "x += 1; w -= y", "post.burst": "y += 1; w += x"}, delays={"burst": 2.5}, transmitted={},
    )  # fmt: skip
    projection = sim.Projection(first, second, sim.AllToAllConnector(), Pairing(weight=0.0, delay=1.0))
    sim.run(60.0)
    brian = [[-1.82859087, -2.15211018], [-1.50145063, -1.82859087], [-3.63970396, -3.81312765]]
    np.testing.assert_allclose(projection.get("w", format="array"), brian, rtol=0, atol=5e-9)
    assert set(listed(projection, "n")) == {7.0}
    assert {n: (p.side, p.event) for n, p in projection.pathways.items()} == {
        "pre": ("pre", ""), "burst": ("pre", "burst"), "post_burst": ("post", "burst"),
    }  # fmt: skip
    sim.end()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_axonal_spike_acts_besides_the_spike_and_can_teach(engine: str) -> None:
    """Events at 2.1 and 3.1 ms, spikes at 5.1 ms; both with the default pre_spike, g_target += w, as in ANNarchy."""
    Cell = library.Neuron(equations="dv/dt = 1.0\nn += 0", spike="v > 5.05", reset="v = 0.0",
                          axon_spike="v > 2.05 + n and n < 2", axon_reset="n += 1", refractory=1.0)  # fmt: skip
    Sum = library.Neuron(equations="v += g_exc", spike="v > 1e9", reset="v = 0.0")
    Axonal = Synapse(pre_axon_spike="g_target += 10*w; w += 0.25")
    sim.setup(timestep=0.1, engine=engine)
    cell, target = sim.Population(1, Cell()), sim.Population(1, Sum())
    projection = sim.Projection(cell, target, sim.AllToAllConnector(), Axonal(weight=1.0, delay=0.5),
                                receptor_type="exc")  # fmt: skip
    target.record("v")
    sim.run(8.0)
    v = target.get_data().segments[0].analogsignals[0].magnitude[:, 0]
    # What arrives at 2.6 ms is in g_exc then, and in v, which adds it up, a step later.
    np.testing.assert_allclose(v[[26, 27, 36, 37, 56, 57]], [0.0, 10.0, 10.0, 22.5, 22.5, 24.0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(listed(projection, "weight"), 1.5, rtol=0, atol=0)
    sim.end()


@pytest.mark.parametrize("engine", ENGINES)
def test_events_of_cells_that_are_updated_rarely_happen_once(engine: str) -> None:
    Slow = CellType(
        name="Slow", equations="dv/dt = 1*mV/ms : mV (euler)", events={"burst": "v > 0.95*mV and v < 1.05*mV"},
        update_interval=0.5, receptors={"excitatory": "v += weight"},
    )  # fmt: skip
    Counting = SynapseType(name="Counting", equations="n : 1\nat : ms", on_event={"burst": "n += 1; at = t"},
                           transmitted={})  # fmt: skip
    sim.setup(timestep=0.1, engine=engine)
    cells = sim.Population(2, Slow())
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), Counting(weight=0.0, delay=0.3))
    sim.run(3.0)
    assert set(listed(projection, "n")) == {1.0}
    np.testing.assert_allclose(listed(projection, "at"), 1.3, rtol=1e-12)
    sim.end()


def test_an_event_that_cells_do_not_have() -> None:
    Bursting = SynapseType(name="Bursting", on_event={"post.burts": "weight += 1"})
    sim.setup(engine="numpy")
    cells = sim.Population(1, ramp(5.0)())
    with pytest.raises(InvalidModelError, match=r"'burts' of the postsynaptic cells .*Did you mean 'burst'"):
        sim.Projection(cells, cells, sim.AllToAllConnector(), Bursting(weight=0.0, delay=1.0))
    sources = sim.Population(1, sim.SpikeSourceArray())
    with pytest.raises(InvalidModelError, match="Its events: none; what spikes do is on_pre"):
        sim.Projection(sources, cells, sim.AllToAllConnector(),
                       SynapseType(name="B", on_event={"burst": ""})(weight=0.0, delay=1.0))  # fmt: skip
    sim.end()
    for wrong in ({"both.burst": ""}, {"burst": 3}, {"a b": ""}):
        with pytest.raises(InvalidModelError, match="on_event has"):
            SynapseType(name="Wrong", on_event=wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidModelError, match="is the name of two pathways"):
        SynapseType(name="Wrong", on_pre={"burst": ""}, on_event={"burst": ""})


# --- reductions ------------------------------------------------------------------------------------------------------


def rates(engine: str) -> tuple[Any, Any, np.ndarray]:
    """Four presynaptic and two postsynaptic cells with a rate, a step ahead: ANNarchy updates synapses last."""
    sim.setup(timestep=0.1, engine=engine)
    Rate = library.Neuron(parameters="a = 1.0\ntau = 10.0",
                          equations="dr/dt = (a - r)/tau + 0*g_exc : init=0.2", **NEVER)  # fmt: skip
    populations = []
    for a, tau in (([0.5, 1.0, 1.5, -2.0], [10.0, 20.0, 30.0, 40.0]), ([1.0, 2.0], [15.0, 25.0])):
        start = 0.2 + 0.1 * (np.array(a) - 0.2) / np.array(tau)
        populations.append(sim.Population(len(a), Rate(a=a, tau=tau), initial_values={"r": start}))
    return populations[0], populations[1], np.array([0.5, 1.0, 1.5, -2.0])


@pytest.mark.parametrize("engine", ENGINES)
def test_rate_coded_rules_and_global_operations_give_annarchys_weights(engine: str) -> None:
    """ANNarchy 5.0.4.1, Euler, 300 steps of 0.1 ms; rows are the postsynaptic cells."""
    pre, post, _ = rates(engine)
    Global = Synapse(parameters="eta = 0.05", equations="""
        dw/dt = eta*(pre.r - mean(pre.r))*post.r + 0.01*max(pre.r) - 0.02*min(pre.r) + 0.001*norm1(pre.r) + 0.002*norm2(pre.r) + 0.003*mean(post.r)
    """)  # noqa: E501
    expected = {
        library.Hebb(eta=0.05, weight=0.3, delay=0.1): [
            [0.7214638117798419, 0.9288133303857748, 1.0369467792617633, 0.0],
            [0.9216416693536353, 1.2357529626211317, 1.4006606000780866, 0.0]],
        library.Oja(eta=0.05, alpha=2.0, weight=0.3, delay=0.1): [
            [0.2931291544099924, 0.41394853030718337, 0.47921341441612897, 0.0],
            [0.18440678210291564, 0.289332448735233, 0.34812356869354955, 0.0]],
        library.IBCM(eta=0.05, tau=20.0, weight=0.3, delay=0.1): [
            [0.5127387089905809, 0.6188088716364508, 0.6740372396515666, 0.020027835374969164],
            [0.6859293071801837, 0.879923545885116, 0.9808422605030062, 0.0]],
        Global(weight=0.3, delay=0.1): [
            [1.0910379472617882, 1.2983874658677204, 1.4065209147437094, 0.12656826000994112],
            [1.1453809473147831, 1.45949224058228, 1.6243998780392352, -0.306758478053136]],
    }  # fmt: skip
    made = [sim.Projection(pre, post, sim.AllToAllConnector(), synapse, receptor_type="exc") for synapse in expected]
    sim.run(30.0)
    for projection, weights in zip(made, expected.values(), strict=True):
        np.testing.assert_allclose(projection.get("weight", format="array").T, weights, **ROUNDING)
    sim.end()


@pytest.mark.parametrize("engine", ENGINES)
def test_operations_on_what_connections_pass_on_give_annarchys_sums(engine: str) -> None:
    """ANNarchy 5.0.4.1, 300 steps. Of two steps more here, one is the delay, one that g_exc is seen a step later."""
    expected = {
        "sum": [0.5736042590124235, -0.0030057541547798827], "max": [0.4106363015715591, 0.3395973861060908],
        "min": [-0.1918333852090133, -0.3836667704180266], "mean": [0.14340106475310588, -0.0010019180515932942],
    }  # fmt: skip
    weights = [[0.1, 0.5, 0.3, 0.2], [0.7, 0.05, None, 0.4]]
    rows = [(i, j, w) for j, row in enumerate(weights) for i, w in enumerate(row) if w is not None]
    pre, _, _ = rates(engine)
    pre.initialize(r=0.2)
    Sink = library.Neuron(equations="s = g_exc", spike="s > 1e9", reset="s = 0.0")
    sinks = {}
    for operation in expected:
        sinks[operation] = sim.Population(2, Sink())
        sinks[operation].record("s")
        Passing = Synapse(psp="w*pre.r", operation=operation)
        sim.Projection(pre, sinks[operation], sim.FromListConnector(rows, column_names=["weight"]),
                       Passing(weight=1.0, delay=0.1), receptor_type="exc")  # fmt: skip
    sim.run(30.1)
    for operation, values in expected.items():
        found = sinks[operation].get_data().segments[0].analogsignals[0].magnitude[-1]
        np.testing.assert_allclose(found, values, **ROUNDING)
    sim.end()


@pytest.mark.parametrize("reduce", ["max", "min", "mean"])
def test_assemblies_and_threads_are_compared_as_one(reduce: str) -> None:
    """Against NumPy: values of a constant variable of two populations, onto cells that two threads deal with."""
    Still = CellType(name="Still", equations="dv/dt = 0*mV/ms : mV", receptors={"excitatory": "v += weight"})
    Passing = SynapseType(name="Passing", psp="weight*v_pre/mV", reduce=reduce)
    values = [np.linspace(-3.0, 2.0, n) + n for n in (5, 3)]
    for engine, threads in (("numpy", 1), ("numba", 2)):
        sim.setup(timestep=0.1, engine=engine, rng_seed=4, **({"threads": threads} if engine == "numba" else {}))
        first, second = (sim.Population(len(v), Still(), initial_values={"v": v}) for v in values)
        post = sim.Population(140, Still())
        post.record("v")
        weight = sim.RandomDistribution("uniform", low=-1.0, high=1.0)
        projection = sim.Projection(first + second, post, sim.FixedProbabilityConnector(0.5),
                                    Passing(weight=weight, delay=0.3))  # fmt: skip
        sim.run(2.0)
        passed = projection.get("weight", format="array") * np.concatenate(values)[:, np.newaxis]
        some = ~np.isnan(passed).all(axis=0)
        expected = np.zeros(140)
        # Each of the steps 3 to 20 adds the number to v.
        expected[some] = 18 * getattr(np, f"nan{reduce}")(passed[:, some], axis=0)
        found = post.get_data().segments[0].analogsignals[0].magnitude[-1]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        sim.end()


def test_what_is_compared_has_one_delay() -> None:
    with pytest.raises(InvalidModelError, match="There is no psp= here"):
        SynapseType(name="Wrong", reduce="max")
    with pytest.raises(InvalidModelError, match="Did you mean 'max'"):
        SynapseType(name="Wrong", psp="weight", reduce="maxx")
    Largest = SynapseType(name="Largest", psp="weight*pre.v/mV", reduce="max")
    sim.setup(engine="numpy")
    cells = sim.Population(3, sim.IF_curr_exp())
    with pytest.raises(InvalidDelayError, match="from 1 to 2 ms"):
        sim.Projection(cells, cells, sim.FromListConnector([(0, 1, 0.1, 1.0), (0, 2, 0.1, 2.0)]), Largest(weight=0.1))
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), Largest(weight=0.1, delay=1.0))
    with pytest.raises(InvalidDelayError, match="they have one delay"):
        projection.set(delay=np.linspace(1.0, 2.0, 9).reshape(3, 3))
    projection.set(delay=2.0)
    sim.end()
    with pytest.raises(EquationError, match=r"such as mean\(pre.v\)"):
        SynapseType(name="Wrong", psp="mean(weight)")


# --- ANNarchy's own synapses of spiking cells ------------------------------------------------------------------------

PRE, POST = [5.0, 20.0, 24.0, 60.0, 61.0, 90.0], [8.0, 22.0, 40.0, 59.0, 88.0]
TIMES = [10.0, 22.0, 25.0, 45.0, 65.0, 100.0]


def closed_form(lost: float) -> list[list[float]]:
    """[w, x, y, u*x summed] at TIMES, if each presynaptic spike counts `lost` ms less of decay than have passed."""
    w, x, y, free, used, total, last_pre, last = 1.0, 0.0, 0.0, 1.0, 0.3, 0.0, None, None
    events = sorted([(t, "pre") for t in PRE] + [(t, "post") for t in POST] + [(t - 0.01, "look") for t in TIMES])
    found = []
    for time, kind in events:
        if kind == "look":
            found.append([w, total])
            continue
        if last is not None:
            since = time - last - (lost if kind == "pre" else 0.0)
            x, y = x * np.exp(-since / 20.0), y * np.exp(-since / 30.0)
        last = time
        if kind == "post":
            y -= 0.12 * 2.0
            w = min(max(w + x, 0.0), 2.0)
            continue
        if last_pre is not None:
            since = time - last_pre - lost
            free = 1.0 - (1.0 - free) * np.exp(-since / 100.0)
            used = 0.3 + (used - 0.3) * np.exp(-since / 50.0)
        last_pre = time
        total += 1.5 * used * free
        free *= 1.0 - used
        used += 0.3 * (1.0 - used)
        x += 0.1 * 2.0
        w = min(max(w + y, 0.0), 2.0)
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_spike_timing_and_short_term_plasticity_of_annarchy(engine: str) -> None:
    """ANNarchy 5.0.4.1 printed the numbers below. It loses a step of decay at every presynaptic spike: with that, the
    closed form gives them, and without it those here."""
    annarchy = [[1.1721415952850116, 0.45], [1.0107276334456734, 0.95707619], [0.9105983955917523, 1.33765515],
                [1.1095129574474079, 1.33765515], [0.2653599971544858, 1.86635995], [0.0, 2.12255736]]  # fmt: skip
    np.testing.assert_allclose(closed_form(0.1), annarchy, rtol=0, atol=5e-9)
    sim.setup(timestep=0.1, engine=engine)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=PRE))
    kick = sim.Population(1, sim.SpikeSourceArray(spike_times=POST))
    cell = sim.Population(1, library.Neuron(equations="v = g_exc", spike="v > 50.0", reset="v = 0.0")())
    target = sim.Population(1, library.Neuron(equations="v += g_exc", spike="v > 1e9", reset="v = 0.0")())
    target.record("v")
    to_all = sim.AllToAllConnector()
    sim.Projection(kick, cell, to_all, sim.StaticSynapse(weight=100.0, delay=0.1), receptor_type="exc")
    # The cell fires 0.2 ms after the kick, so the presynaptic spikes take as long.
    learning = sim.Projection(source, cell, to_all, library.STDP(
        tau_plus=20.0, tau_minus=30.0, A_plus=0.1, A_minus=0.12, w_max=2.0, weight=1.0, delay=0.2,
        dendritic_delay_fraction=0.0), receptor_type="exc")  # fmt: skip
    short = sim.Projection(source, target, to_all, library.STP(
        tau_rec=100.0, tau_facil=50.0, U=0.3, weight=1.5, delay=0.1), receptor_type="exc")  # fmt: skip
    short.initialize(u=0.3)
    found, now = [], 0.0
    for time in TIMES:
        sim.run(time + 0.1 - now)
        now = time + 0.1
        v = target.get_data().segments[0].analogsignals[0].magnitude[-1, 0]
        found.append([float(listed(learning, "weight")[0]), float(v)])
    np.testing.assert_allclose(found, closed_form(0.0), rtol=1e-12, atol=1e-12)
    sim.end()


# --- learning on and off ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_periods_of_updates_are_those_of_annarchy(engine: str) -> None:
    """ANNarchy 5.0.4.1, steps of 0.5 ms: equations over the longer step, assignments once; off, the weight stays."""
    Growing = Synapse(equations="dx/dt = 1.0\ndw/dt = 0.1\nn += 1.0 + 0.0*x", psp="0.0*w")
    sim.setup(timestep=0.5, engine=engine)
    Cell = library.Neuron(equations="dv/dt = 0.0*g_exc", spike="v > 1.0", reset="v = 0.0")
    cells = sim.Population(1, Cell())
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), Growing(weight=1.0, delay=0.5),
                                receptor_type="exc")  # fmt: skip

    def state() -> list[float]:
        return [float(listed(projection, name)[0]) for name in ("x", "n", "weight")]

    sim.run(3.0)
    np.testing.assert_allclose(state(), [3.0, 6.0, 1.3], **ROUNDING)
    projection.enable_plasticity(period=2.0, offset=1.0)
    found = []
    for _ in range(10):
        sim.run(0.5)
        found.append(state())
    annarchy = [[3, 6, 1.3]] * 2 + [[5, 7, 1.5]] * 4 + [[7, 8, 1.7]] * 4
    np.testing.assert_allclose(found, annarchy, **ROUNDING)
    sim.disable_plasticity()
    assert not projection.plasticity
    sim.run(20.0)
    np.testing.assert_allclose(state(), [27.0, 18.0, 1.7], **ROUNDING)
    sim.enable_plasticity()
    assert projection.plasticity
    sim.run(1.0)
    np.testing.assert_allclose(state(), [28.0, 20.0, 1.8], **ROUNDING)
    # What has been switched off stays so in the next trial.
    sim.disable_plasticity(projection)
    sim.reset()
    sim.run(3.0)
    assert not projection.plasticity
    np.testing.assert_allclose(state(), [3.0, 6.0, 1.0], **ROUNDING)
    sim.end()


def standard(**more: Any) -> Any:
    return sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(tau_plus=20.0, tau_minus=20.0, A_plus=0.02, A_minus=0.021),
        weight_dependence=sim.AdditiveWeightDependence(w_min=0.0, w_max=4.0), weight=2.0, delay=1.3, **more,
    )  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fraction", [0.0, 0.5, 1.0])
def test_a_standard_rule_that_is_switched_off_transmits_as_static_synapses_do(engine: str, fraction: float) -> None:
    def run(synapse: Any, script: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        sim.setup(timestep=0.1, rng_seed=3, engine=engine)
        sources = sim.Population(20, sim.SpikeSourcePoisson(rate=50.0))
        cells = sim.Population(6, sim.IF_curr_exp())
        projection = sim.Projection(sources, cells, sim.AllToAllConnector(), synapse)
        cells.record("spikes")
        weights = script(projection)
        trains = [np.asarray(train) for train in cells.get_data().segments[0].spiketrains]
        sim.end()
        return weights, trains

    def off(projection: Any) -> list[np.ndarray]:
        projection.plasticity = False
        sim.run(100.0)
        found = [listed(projection, "weight")]
        projection.plasticity = True
        sim.run(50.0)
        found.append(listed(projection, "weight"))
        projection.plasticity = False
        sim.run(50.0)
        return [*found, listed(projection, "weight")]

    def plain(projection: Any) -> list[np.ndarray]:
        sim.run(200.0)
        return []

    weights, trains = run(standard(dendritic_delay_fraction=fraction), off)
    _, static = run(sim.StaticSynapse(weight=2.0, delay=1.3), plain)
    assert sum(len(train) for train in trains) > 50
    for own, others in zip(trains, static, strict=True):
        assert np.array_equal(own[own < 100.0], others[others < 100.0])
    assert set(weights[0]) == {2.0} and np.ptp(weights[1]) > 0.1 and np.array_equal(weights[1], weights[2])


def test_what_cannot_be_switched() -> None:
    sim.setup(engine="numpy")
    cells = sim.Population(2, sim.IF_curr_exp())
    static = sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1, delay=1.0))
    plastic = sim.Projection(cells, cells, sim.AllToAllConnector(), standard())
    for call in (static.disable_plasticity, static.enable_plasticity):
        with pytest.raises(CapabilityError, match="StaticSynapse do not"):
            call()
    assert not static.plasticity and plastic.plasticity
    with pytest.raises(CapabilityError, match="period and offset have no meaning"):
        plastic.enable_plasticity(period=1.0)
    with pytest.raises(CapabilityError, match="Set the weight to 0"):
        static.pathways["pre"].active = False
    with pytest.raises(CapabilityError, match="has nothing|delays="):
        plastic.pathways["post"].delay = 2.0
    growing = sim.Projection(cells, cells, sim.AllToAllConnector(),
                             SynapseType(name="Growing", each_step="weight += 0.1")(weight=0.1, delay=1.0))  # fmt: skip
    with pytest.raises(InvalidTimeError, match="nearest is 0.2 ms"):
        growing.enable_plasticity(period=0.23)
    sim.end()
    pyNN.mock.setup()
    cells = pyNN.mock.Population(2, pyNN.mock.IF_curr_exp())
    projection = pyNN.mock.Projection(cells, cells, pyNN.mock.AllToAllConnector(), pyNN.mock.STDPMechanism(
        timing_dependence=pyNN.mock.SpikePairRule(), weight_dependence=pyNN.mock.AdditiveWeightDependence(),
        weight=0.0, delay=1.0))  # fmt: skip
    pyNN.mock.run(1.0)
    pyNN.mock.disable_plasticity()
    assert not projection.plasticity
    pyNN.mock.end()


def test_what_is_shared_is_one_number() -> None:
    with pytest.raises(EquationError, match="'x' is shared, but statements change it"):
        SynapseType(name="Wrong", equations="x : 1 (shared)", on_pre="x += 1")
    Scaled = SynapseType(name="Scaled", equations="gain : 1 (shared)", transmitted="gain*weight")
    sim.setup(engine="numpy")
    cells = sim.Population(2, sim.IF_curr_exp())
    with pytest.raises(InvalidParameterValueError, match="'gain' of Scaled is shared"):
        sim.Projection(cells, cells, sim.AllToAllConnector(), Scaled(weight=0.1, delay=1.0, gain="d"))
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), Scaled(weight=0.1, delay=1.0, gain=2.0))
    with pytest.raises(InvalidParameterValueError, match="one number for all connections"):
        projection.set(gain=[1.0, 2.0, 3.0, 4.0])
    projection.set(gain=3.0)
    assert set(listed(projection, "gain")) == {3.0}
    sim.end()


# --- pathways --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_pathways_have_a_delay_and_can_be_silent(engine: str) -> None:
    Two = SynapseType(
        name="Two", equations="n : 1\nprior : ms", on_pre={"early": "n += 1", "late": "n += 10; prior = lastupdate"},
        on_post={"post": "n += 100"}, transmitted={"early": "weight", "late": "-weight"}, delays={"late": 5.0},
    )  # fmt: skip
    sim.setup(timestep=0.1, engine=engine)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0, 20.0, 40.0]))
    target = sim.Population(1, sim.IF_curr_exp())
    projection = sim.Projection(source, target, sim.AllToAllConnector(), Two(weight=0.1, delay=1.0))
    Depressing = SynapseType(name="Depressing", equations="dx/dt = (1 - x)/(100*ms) : 1", initial={"x": 1.0},
                             on_pre="x *= 0.5", transmitted="weight*x")  # fmt: skip
    short = sim.Projection(source, target, sim.AllToAllConnector(), Depressing(weight=0.1, delay=1.0))
    ways = projection.pathways
    assert [(p.name, p.side, p.order, p.delay.tolist()) for p in ways.values()] == [
        ("early", "pre", 0, [1.0]), ("late", "pre", 1, [5.0]), ("post", "post", 2, [0.0])
    ]  # fmt: skip
    assert list(short.pathways) == ["pre"] and "silent" not in repr(ways["late"])

    def state() -> list[float]:
        return [float(listed(projection, name)[0]) for name in ("n", "prior", "lastupdate")]

    sim.run(10.0)
    assert state() == [11.0, 2.0, 6.0]
    ways["late"].active = short.pathways["pre"].active = False
    sim.run(20.0)
    assert state() == [12.0, 2.0, 21.0] and "silent" in repr(ways["late"])
    ways["late"].active = True
    ways["late"].delay = 2.0
    ways["early"].active = False
    sim.run(20.0)
    assert state() == [22.0, 21.0, 42.0]
    # One spike has acted, at 1 ms: where there are no postsynaptic spikes, the delay is behind the synapse.
    np.testing.assert_allclose(listed(short, "x"), 1.0 - 0.5 * np.exp(-(50.0 - 1.0) / 100.0), rtol=1e-12)
    sim.end()


# --- together --------------------------------------------------------------------------------------------------------


def network(engine: str, threads: int, pieces: tuple[float, ...], saved: str = "") -> dict[str, np.ndarray]:
    """Cells of which 70 make two slices; `saved`: state, something else, and back before the last piece."""
    Bursting = CellType(
        name="Bursting", equations="dv/dt = (drive - v)/(10*ms) : mV\ndrive : mV\nn : 1", threshold="v > 12*mV",
        reset="v = 0*mV; n = 0", events={"high": ("v > 8*mV and n < 0.5", "n = 1")},
        receptors={"excitatory": "v += weight"},
    )  # fmt: skip
    Driven = SynapseType(
        name="Driven", equations="dz/dt = (mean(pre.v) - multisynaptic_index*mV)/mV/ms : 1 (euler)\nb : ms\n"
                                 "dy/dt = -y/(5*ms) : 1",
        on_pre="weight += 0.01*rand()*(1 + y)", on_post="y += 1; weight -= 0.001",
        on_event={"high": "z += 1", "post.high": "b += t"}, delays={"high": 1.7},
        transmitted={"pre": "weight", "high": "10*weight"}, psp="0.0001*weight*v_pre/mV", reduce="max",
    )  # fmt: skip
    options = {"threads": threads} if engine == "numba" else {}
    sim.setup(timestep=0.1, rng_seed=2, engine=engine, **options)
    cells = sim.Population(70, Bursting(drive=sim.RandomDistribution("uniform", low=7.0, high=25.0)))
    cells.record("v")
    rows = [(k, (7 * k + 3 * n) % 70) for k in range(70) for n in (1, 1, 2, 5)]
    synapse = Driven(weight=0.05, delay=0.6, delay_high=sim.RandomDistribution("uniform", low=0.3, high=2.5),
                     dendritic_delay_fraction=0.5)  # fmt: skip
    projection = sim.Projection(cells, cells, sim.FromListConnector(rows), synapse)
    plain = sim.Projection(cells, cells, sim.FromListConnector(rows), standard(dendritic_delay_fraction=0.5))
    for number, piece in enumerate(pieces):
        if number == len(pieces) - 1:
            projection.enable_plasticity(period=0.3)
            plain.disable_plasticity()
            projection.pathways["post_high"].active = False
        sim.run(piece / 2.0)
        if saved and number == len(pieces) - 1:
            sim.save_state(saved)
            sim.enable_plasticity()
            projection.pathways["post_high"].active = True
            sim.run(2.0)
            sim.restore_state(saved)
            assert not plain.plasticity and not projection.pathways["post_high"].active
        sim.run(piece / 2.0)
    found = {name: listed(projection, name) for name in ("weight", "z", "b", "y")}
    found["plain"] = listed(plain, "weight")
    found["v"] = cells.get_data().segments[0].analogsignals[0].magnitude
    sim.end()
    return found


def test_engines_threads_and_saved_states_agree(tmp_path: Path) -> None:
    results = [
        network(engine, threads, (9.0, 8.0), str(tmp_path / f"{engine}{threads}") if threads != 1 else "")
        for engine, threads in (("numpy", 1), ("numpy", 2), ("numba", 1), ("numba", 2))
    ]
    plain, plain_again, compiled, compiled_again = results
    assert np.ptp(plain["b"]) > 1.0 and np.ptp(plain["plain"]) > 0.01
    for name in plain:
        assert np.array_equal(plain[name], plain_again[name]), name
        assert np.array_equal(compiled[name], compiled_again[name]), name
        np.testing.assert_allclose(compiled[name], plain[name], rtol=1e-10, atol=1e-10, err_msg=name)
