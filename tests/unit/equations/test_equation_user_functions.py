"""Python functions in equations: the same numbers as Python gives, on both engines, with units; what cannot is said."""

from __future__ import annotations

import math

import numpy as np
import pytest
import quantities as pq

import pyNN.reference as sim
from pyNN.equations import CellType, Synapse, function
from pyNN.equations.annarchy import Neuron
from pyNN.equations.brian_units import ms
from pyNN.equations.userfunctions import Constant, UserFunction, clear_functions_and_constants, list_constants
from pyNN.errors import EquationError, InvalidModelError, InvalidParameterValueError

HALF, STEEP = -40.0, 10


@function(units={"v": "mV"}, returns="1/ms")
def rate(v):
    """A rate of a channel."""
    x = (v - HALF) / STEEP
    if abs(x) < 1e-6:
        return 1.0
    y = x
    y /= 1.0 - math.exp(-x)
    return min(y, 3.0, 100.0)


@function
def other(x):
    return x if x > 0.5 else 2.0 * x


@function
def mixed(x, y):
    if 0.0 < x <= 1.0 and not y > 2.0:
        z: float = np.where(y < 1.0, max(x, y), np.clip(x, 0.2, 0.4))
    elif x > 1.0:
        z = float(x) ** 2 + x // 2.0 + x % 0.7 + pow(abs(y), 0.5)
    else:
        z = math.pi * np.sign(y) + round(2.6 * x) + int(3.7 * y)
    return -z + other(x)


def oracle(x, y):
    if 0.0 < x <= 1.0 and not y > 2.0:
        z = max(x, y) if y < 1.0 else min(max(x, 0.2), 0.4)
    elif x > 1.0:
        z = x**2 + x // 2.0 + x % 0.7 + abs(y) ** 0.5
    else:
        z = math.pi * np.sign(y) + np.rint(2.6 * x) + math.trunc(3.7 * y)
    return -z + (x if x > 0.5 else 2.0 * x)


@pytest.fixture(autouse=True)
def nothing_global():
    yield
    clear_functions_and_constants()


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_a_function_is_what_python_computes(engine):
    sim.setup(timestep=0.1, engine=engine)
    x, y = (values.ravel() for values in np.meshgrid([-1.2, 0.0, 0.3, 0.6, 1.0, 2.5], [-2.0, 0.5, 1.5, 2.5]))
    group = sim.NeuronGroup(x.size, "x : 1\ny : 1\nz = mixed(x, y) : 1\ndw/dt = z/ms : 1", method="euler")
    group.x, group.y = x, y
    expected = np.array([oracle(a, b) for a, b in zip(x, y, strict=True)])
    sim.run(0.1)
    assert np.allclose(group.w_, 0.1 * expected, rtol=1e-14, atol=1e-15)
    # As text of a script, which is another evaluator.
    assert np.allclose(group.z_, expected, rtol=1e-14)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_units_are_converted_and_checked(engine):
    sim.setup(timestep=0.1, engine=engine)
    Cell = CellType(equations="dn/dt = rate(v)*(1 - n) : 1\nv : mV", functions=rate, method="exponential_euler")
    v = np.array([-70.0, HALF, -20.0, 40.0])
    cells = sim.Population(4, Cell(v=v))
    cells.record("n")
    sim.run(1.0)
    n = cells.get_data().segments[0].analogsignals[0].magnitude[-1]
    assert np.allclose(n, 1.0 - np.exp(-rate(v)), rtol=1e-9)
    assert rate(-20 * pq.mV).units == 1 / pq.ms and np.isclose(float(rate(-0.02 * pq.V)), rate(-20.0))
    assert rate.text.startswith("rate(v) = ") and rate.__doc__ == "A rate of a channel."
    with pytest.raises(EquationError, match="line 1"):
        CellType(equations="dn/dt = rate(n) : 1", functions=[rate])
    with pytest.raises(EquationError, match=r"takes 1 argument\(s\) \(v\)"):
        sim.NeuronGroup(1, "dn/dt = rate(n, n) : 1")


def test_several_functions_and_other_names():
    sim.setup(timestep=0.1, engine="numpy")
    Cell = CellType(equations="dn/dt = (twice(x) + other(x))/ms : 1\nx : 1", functions=[other, "twice(x) = 2*x"])
    cells = sim.Population(1, Cell(x=3.0))
    cells.record("n")
    group = sim.NeuronGroup(1, "dn/dt = g(3.0)/ms : 1", namespace={"g": other, "ms": 1 * ms}, method="euler")
    sim.run(1.0)
    assert np.isclose(cells.get_data().segments[0].analogsignals[0].magnitude[-1, 0], 9.0)
    assert np.isclose(group.n_[0], 3.0)


def refused(body, words):
    """The error of a function with this body."""
    import linecache

    source = "@function\ndef f(x):\n" + "".join(f"    {line}\n" for line in body.split("\n"))
    name = f"<{body}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    with pytest.raises(EquationError, match=f"(?s){words}"):
        exec(compile(source, name, "exec"), {"function": function, "math": math, "np": np, "text": "t"})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("for k in range(3):\n    x += k\nreturn x", r"line 3: this cannot be part.*\^\^\^"),
        ("while x > 0:\n    x -= 1\nreturn x", "cannot be part"),
        ("return math.gamma(x)", "'math.gamma' is not a function of equations"),
        ("return np.positive(x)", "not a function"),
        ("if x > 1:\n    return 2", "not every way"),
        ("return", "must return a number"),
        ("return [x][0]", "cannot be part"),
        ("return (lambda y: y)(x)", "not a function"),
        ("return y*x", "'y' is not known"),
        ("return text*x", "'text' is not known"),
        ("return 'a'", "not a number"),
        ("a, b = x, x\nreturn a", "cannot be part|plain names"),
        ("return np.exp(x, out=x)", "by position"),
        ("return math.exp(x, x)", "takes 1"),
        ("return x.real", "not a number that equations have"),
    ],
)
def test_what_is_no_expression_is_said(body, words):
    refused(body, words)


def test_what_has_no_source_or_is_no_function_is_refused():
    with pytest.raises(EquationError, match="source"):
        exec("@function\ndef f(x):\n    return x\n", {"function": function})
    with pytest.raises(EquationError, match="def"):
        function(lambda x: x)
    with pytest.raises(EquationError, match="plain names"):

        @function
        def f(x, *more):
            return x

    with pytest.raises(EquationError, match="no argument"):

        @function(units={"y": "mV"})
        def g(x):
            return x

    with pytest.raises(InvalidModelError):
        function(3)
    with pytest.raises(InvalidParameterValueError, match=r"takes 1 argument"):
        rate(1.0, 2.0)
    with pytest.raises(EquationError, match="sim.function"):
        plain = math.gamma
        sim.setup(timestep=0.1, engine="numpy")
        sim.NeuronGroup(1, "dn/dt = plain(n)/ms : 1", namespace={"plain": plain})
    assert isinstance(rate, UserFunction)


def test_functions_and_constants_of_all_models():
    sim.setup(timestep=0.1, engine="numpy")
    sim.add_function("relu(x, slope) = slope*pos(x) : float, float, float")
    sim.add_function("bent(x) = ite(x > 1, relu(x, 2.0), exprel(x) + neg(x))")
    sim.add_function(other)
    values = np.array([-1.0, 0.0, 2.0])
    expected = [np.expm1(-1.0) / -1.0 - 1.0, 1.0, 4.0]
    assert np.allclose(sim.functions("bent")(values), expected, rtol=1e-10)
    top = sim.Constant("top", 2.0)
    assert top == 2.0 and top * 2 == 4.0 and sim.get_constant("top").value == 2.0 and list_constants() == ["top"]
    Cell = Neuron(equations="dv/dt = relu(top, local(top)) + other(0.25)", functions="local(x) = x/4.0", name="A")
    Hidden = Neuron(parameters="top = 7.0", equations="dv/dt = top", name="B")
    Learning = Synapse(pre_spike="w += relu(top, 1.0)")
    top.set(3.0)
    Later = Neuron(equations="dv/dt = top", name="C")
    cells = [sim.Population(1, kind()) for kind in (Cell, Hidden, Later)]
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[0.2]))
    target = sim.Population(1, sim.IF_curr_exp())
    projection = sim.Projection(source, target, sim.AllToAllConnector(), Learning(weight=1.0, delay=0.1))
    for one in cells:
        one.record("v")
    sim.run(1.0)
    ends = [one.get_data().segments[0].analogsignals[0].magnitude[-1, 0] for one in cells]
    assert np.allclose(ends, [1.5, 7.0, 3.0]) and projection.get("weight", format="list")[0][2] == 3.0
    with pytest.raises(InvalidParameterValueError, match="Did you mean 'bent'"):
        sim.functions("brent")
    with pytest.raises(InvalidParameterValueError, match="Did you mean 'top'"):
        sim.get_constant("tob")
    with pytest.raises(EquationError, match="one function"):
        sim.add_function("f(x) = x\ng(x) = x")
    with pytest.raises(EquationError):
        sim.add_function("f(x) = y")
    with pytest.raises(InvalidParameterValueError):
        Constant("exp", 1.0)
