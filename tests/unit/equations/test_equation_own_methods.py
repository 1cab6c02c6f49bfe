"""Runge-Kutta methods of a user's own: built-in ones come out the same, others have the order that is theirs."""

from __future__ import annotations

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.equations import CellType, explicit_method
from pyNN.equations.annarchy import Neuron
from pyNN.equations.explicit import tableau_of
from pyNN.errors import EquationError, InvalidModelError

MIDPOINT = "k = dt*f(x, t)\nx_new = x + dt*f(x + k/2, t + dt/2)"
KUTTA_3 = """
    k1 = dt*f(x, t)
    k2 = dt*f(x + 0.5*k1, t + 0.5*dt)     # the middle
    k3 = dt*f(x - k1 + 2*k2, t + dt)
    x_new = x + (k1 + 4*k2 + k3)/6
"""
THREE_EIGHTHS = """
    k1 = f(x, t); k2 = f(x + dt*k1/3, t + dt/3)
    k3 = f(x - dt*k1/3 + dt*k2, t + 2*dt/3); k4 = f(x + dt*(k1 - k2 + k3), t + dt)
    x_new = x + dt*(k1 + 3*k2 + 3*k3 + k4)/8
"""


def end(method, dt, engine="numpy"):
    """x(3 ms) of x' = x*cos(t) - x**2/4, x(0) = 1, with t in ms."""
    sim.setup(timestep=dt, engine=engine)
    group = sim.NeuronGroup(1, "dx/dt = (x*cos(t/(1*ms)) - x**2/4)/(1*ms) : 1", method=method, namespace={})
    group.x = 1
    sim.run(3.0)
    return group.x_[0]


def test_texts_become_tableaus():
    assert explicit_method("x_new = x + dt*f(x, t)") == "explicit(0; 1)"
    assert explicit_method(MIDPOINT) == "explicit(0 1/2; 1/2; 0 1)"
    assert explicit_method(THREE_EIGHTHS) == "explicit(0 1/3 2/3 1; 1/3; -1/3 1; 1 -1 1; 1/8 3/8 3/8 1/8)"
    assert [str(node) for node in tableau_of(explicit_method(KUTTA_3)).nodes] == ["0", "1/2", "1"]


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_a_known_method_as_text_gives_the_same_numbers(engine):
    assert end(explicit_method(MIDPOINT), 0.1, engine) == end("rk2", 0.1, engine)


def slope(t, x):
    return x * np.cos(t) - x**2 / 4


def kutta(t, x, h):
    k1 = slope(t, x)
    k2 = slope(t + h / 2, x + h * k1 / 2)
    k3 = slope(t + h, x - h * k1 + 2 * h * k2)
    return x + h * (k1 + 4 * k2 + k3) / 6


def three_eighths(t, x, h):
    k1 = slope(t, x)
    k2 = slope(t + h / 3, x + h * k1 / 3)
    k3 = slope(t + 2 * h / 3, x - h * k1 / 3 + h * k2)
    k4 = slope(t + h, x + h * (k1 - k2 + k3))
    return x + h * (k1 + 3 * k2 + 3 * k3 + k4) / 8


@pytest.mark.parametrize(("text", "step", "order"), [(KUTTA_3, kutta, 3), (THREE_EIGHTHS, three_eighths, 4)])
def test_steps_are_those_of_the_formulas_and_have_their_order(text, step, order):
    from scipy.integrate import solve_ivp

    exact = solve_ivp(slope, (0.0, 3.0), [1.0], rtol=1e-12, atol=1e-14).y[0, -1]
    ends = {dt: end(explicit_method(text), dt) for dt in (0.2, 0.1, 0.05)}
    x = 1.0
    for k in range(30):
        x = step(0.1 * k, x, 0.1)
    assert np.isclose(ends[0.1], x, rtol=1e-13)
    # The three-eighths rule comes to its order from above here: 4.49, 4.28 in NumPy, too.
    errors = np.abs(np.array(list(ends.values())) - exact)
    assert order - 0.1 < np.log2(errors[1] / errors[2]) < order + 0.35


def test_every_notation_takes_them():
    name = explicit_method(KUTTA_3)
    sim.setup(timestep=0.1, engine="numpy")
    types = [
        CellType(equations="dx/dt = -x**2/ms : 1", method=name, initial={"x": 1.0}),
        Neuron(equations="dx/dt = -x^2 : init=1.0", method=name),
    ]
    cells = [sim.Population(1, kind()) for kind in types]
    for one in cells:
        one.record("x")
    sim.run(1.0)
    ends = [one.get_data().segments[0].analogsignals[0].magnitude[-1, 0] for one in cells]
    x = 1.0
    for _ in range(10):
        k1 = -0.1 * x**2
        k2 = -0.1 * (x + k1 / 2) ** 2
        k3 = -0.1 * (x - k1 + 2 * k2) ** 2
        x += (k1 + 4 * k2 + k3) / 6
    assert np.allclose(ends, x, rtol=1e-14) and "3 stages" in types[0].method


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "x_new"),
        ("k = dt*f(x, t)", "last line must be"),
        ("x_new = x + 2*dt*f(x, t)", "add up to 2"),
        ("x_new = x + f(x, t)", "multiplied by dt once"),
        ("x_new = dt*f(x, t)", "x plus slopes"),
        ("k = dt*f(x, t)\nx_new = x + dt*f(x + k/2, t)", r"t \+ 1/2\*dt"),
        ("k = dt*f(x, t)\nx_new = x + dt*f(x + 2*k, t + 2*dt)", "within the step"),
        ("x_new = x + dt*f(x, t) + dW*g(x, t)", "Noise"),
        ("x_new = x*x", "not multiplied"),
        ("x_new = x + dt*f(x, t)/t", "only numbers"),
        ("x_new = x**2", "operators"),
        ("x_new = x +", "not an expression"),
        ("x_new = x + dt*f(x)", "two arguments"),
        ("x_new = x + dt*exp(x, t)", "no place"),
        ("x_new = x + dt*f(x, t)\ny = x", "assigned last"),
        ("just words", "name = expression"),
        (3, "takes text"),
    ],
)
def test_what_is_no_method_is_said(text, words):
    with pytest.raises(EquationError, match=words):
        explicit_method(text)


def test_functions_and_noise_are_refused():
    sim.setup(timestep=0.1, engine="numpy")
    with pytest.raises(InvalidModelError, match="explicit_method"):
        sim.NeuronGroup(1, "dx/dt = -x/ms : 1", method=lambda equations: "")
    with pytest.raises(EquationError, match="takes no white noise"):
        sim.NeuronGroup(1, "dx/dt = -x/ms + xi/ms**0.5 : 1", method=explicit_method(MIDPOINT))
