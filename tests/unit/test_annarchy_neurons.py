"""ANNarchy's notation: numbers that ANNarchy 5.0.4 gives, closed forms, and where errors point."""

from __future__ import annotations

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.equations.annarchy import Neuron
from pyNN.errors import CapabilityError, EquationError, InvalidModelError, InvalidParameterValueError


@pytest.fixture(autouse=True)
def simulation():
    sim.setup(timestep=1.0, engine="numpy")


# One step of 10 dx/dt = 1 - x from 0 with dt = 1 in ANNarchy 5.0.4; its last digits are those it prints.
ONE_STEP = {"explicit": 0.1, "implicit": 0.09090909, "exponential": 0.09516258, "midpoint": 0.095, "rk4": 0.0951625}


@pytest.mark.parametrize(("method", "expected"), ONE_STEP.items())
def test_one_step_of_each_method_is_annarchys(method: str, expected: float) -> None:
    cell = Neuron(equations=f"10.0*dx/dt = 1.0 - x : init=0.0, {method}", spike="x > 10.0", reset="x = 0.0")
    cells = sim.Population(1, cell())
    cells.record("x")
    sim.run(1.0)
    assert cells.get_data().segments[0].filter(name="x")[0].magnitude[-1, 0] == pytest.approx(expected, abs=6e-8)


@pytest.mark.parametrize(
    "equation",
    ["tau*dx/dt + x = E", "tau*dx/dt = E - x", "E = x + dx/dt*tau", "dx/dt = (E - x)/tau", "-dx/dt + E/tau = x/tau"],
)
def test_every_arrangement_is_the_same_equation(equation: str) -> None:
    cells = sim.Population(
        1, Neuron("tau = 10.0\nE = 5.0", f"{equation} : exponential", "x > 100.0", reset="x = 0.0")()
    )
    cells.record("x")
    sim.run(10.0)
    x = cells.get_data().segments[0].filter(name="x")[0].magnitude[-1, 0]
    assert x == pytest.approx(5.0 * (1.0 - np.exp(-1.0)), rel=1e-12)


def test_refractoriness_holds_as_many_steps_as_in_annarchy() -> None:
    # ANNarchy 5.0.4, dt = 0.1: a ramp of 20 steps with refractory = 1.0 has intervals of 30 steps.
    sim.setup(timestep=0.1, engine="numpy")
    cells = sim.Population(1, Neuron(equations="dv/dt = 1.0", spike="v > 1.95", reset="v = 0.0", refractory=1.0)())
    cells.record("spikes")
    sim.run(12.0)
    times = np.asarray(cells.get_data().segments[0].spiketrains[0])
    assert np.allclose(np.diff(times), 3.0)
    assert cells.get("refractory") == 1.0


def test_conductances_without_an_equation_last_one_step() -> None:
    cell = Neuron(equations="v += g_exc - g_inh", spike="v > 100.0", reset="v = 0.0")
    cells = sim.Population(1, cell())
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[2.0, 5.0]))
    for receptor, weight in (("exc", 3.0), ("inh", 1.0)):
        synapse = sim.StaticSynapse(weight=weight, delay=1.0)
        sim.Projection(source, cells, sim.AllToAllConnector(), synapse, receptor_type=receptor)
    cells.record("v")
    sim.run(8.0)
    v = cells.get_data().segments[0].filter(name="v")[0].magnitude[:, 0]
    assert v.tolist() == [0, 0, 0, 0, 2, 2, 2, 4, 4]


def test_statements_are_executed_in_order() -> None:
    cells = sim.Population(1, Neuron(equations="a += 1\nb = 2*a\nc = a + b", spike="a > 1000.0", reset="a = 0.0")())
    cells.record(["a", "b", "c"])
    sim.run(2.0)
    data = {s.name: s.magnitude[:, 0].tolist() for s in cells.get_data().segments[0].analogsignals}
    assert data == {"a": [0, 1, 2], "b": [0, 2, 4], "c": [0, 3, 6]}


def test_limits_hold_after_each_update() -> None:
    cells = sim.Population(
        1, Neuron(equations="dv/dt = -3.0 : min=-5.0, init=1.0", spike="v > 10.0", reset="v = 0.0")()
    )
    cells.record("v")
    sim.run(4.0)
    assert cells.get_data().segments[0].filter(name="v")[0].magnitude[:, 0].tolist() == [1.0, -2.0, -5.0, -5.0, -5.0]


REFUSED = [
    ({"parameters": "tau = x"}, "x", "number"),
    ({"parameters": "tau 3"}, "tau 3", "name = number"),
    ({"parameters": "tau = 3 : populaton"}, "populaton", "population"),
    ({"parameters": "tau = 1\ntau = 2"}, "tau", "twice"),
    ({"parameters": "tau = 'x'"}, "'x'", "extra_values"),
    ({"equations": "tau*dv/dt = -v"}, "tau", "not known"),
    ({"equations": "dv/dt*dv/dt = -v"}, "dv/dt", "one derivative"),
    ({"equations": "exp(dv/dt) = -v"}, "exp(dv/dt)", "linear"),
    ({"equations": "dv/dt = -v : inti=3"}, "inti=3", "init"),
    ({"equations": "dv/dt = -v : event-driven"}, "event-driven", "synapses"),
    ({"equations": "dv/dt = pre.r"}, "pre.r", "synapses"),
    ({"equations": "dv/dt = foo(v)"}, "foo(v)", "floor"),
    ({"equations": "x = 1 : exponential"}, "exponential", "dx/dt"),
    ({"equations": "x = if t > 1: 2"}, "if", "else"),
    ({"equations": "x = Uniform(1)"}, "Uniform(1)", "2 argument"),
    ({"equations": "dv/dt = -v : init=foo"}, "foo", "initial value"),
    ({"equations": "dv/dt = -v", "spike": "v + 1"}, "v + 1", "condition"),
    ({"equations": "dv/dt = -v", "spike": "v > 1", "reset": "v 0"}, "v 0", "statement"),
    ({"equations": "dv/dt = -v", "spike": "v > 1", "reset": "dv/dt = 0"}, "dv/dt = 0", "differential"),
    ({"equations": "dv/dt = -v", "functions": "f(x = 3"}, "f(x = 3", "function"),
    ({"equations": "a = 1\na = 2"}, "a", "already"),
    ({"equations": "t = 3"}, "t", "meaning"),
]


@pytest.mark.parametrize(("arguments", "underlined", "word"), REFUSED)
def test_what_is_wrong_is_underlined(arguments: dict[str, str], underlined: str, word: str) -> None:
    with pytest.raises(EquationError) as error:
        Neuron(**{"spike": "t > 1.0", **arguments})
    shown, marks = str(error.value).splitlines()[-2:]
    begin = marks.index("^")
    assert shown[begin : begin + marks.count("^")] == underlined
    assert word in str(error.value)


def test_what_is_not_available_says_so() -> None:
    with pytest.raises(CapabilityError, match="rate-coded"):
        Neuron(equations="x = sum(exc)", spike="x > 1.0")
    with pytest.raises(CapabilityError, match="rate-coded"):
        Neuron(equations="tau = 1\ndr/dt = -r")
    with pytest.raises(CapabilityError, match="whole population"):
        Neuron(equations="x = mean(x)", spike="x > 1.0")


def test_arguments_that_do_not_fit_are_errors() -> None:
    with pytest.raises(InvalidModelError, match="reset= needs spike="):
        Neuron(equations="dv/dt = -v", reset="v = 0")
    with pytest.raises(InvalidModelError, match="Methods"):
        Neuron(equations="dv/dt = -v", spike="v > 1", method="eulr")
    with pytest.raises(InvalidModelError, match="refractory"):
        Neuron(equations="dv/dt = -v", spike="v > 1", refractory=True)
    with pytest.raises(InvalidParameterValueError, match="tau"):
        Neuron({"tau": "x"}, "dv/dt = -v", "v > 1")
