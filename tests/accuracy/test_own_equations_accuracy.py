"""Integration methods of own equations: observed order of convergence, closed forms, and statistics of noise.

The order is that of the error at a fixed time when the step is halved: a method of order p gains 2**p. Over one halving
the observed order is within 0.15 of p for the steps taken here, which are small compared to the time constants.
"""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pyNN.reference as sim
from pyNN.equations import CellType

PENDULUM = """
    dx/dt = y/ms : 1 (init=1)
    dy/dt = -sin(x)/ms - 0.1*y/ms + 0.5*cos(t/ms)/ms : 1
"""


def final(cell_type, dt, time, n=1, seed=3, engine="numpy"):
    """States at the end, one column a cell."""
    sim.setup(timestep=dt, engine=engine, rng_seed=seed)
    population = sim.Population(n, cell_type())
    population.record(list(cell_type.definition.states))
    sim.run(time)
    signals = population.get_data().segments[0].analogsignals
    sim.end()
    return {signal.name: signal.magnitude[-1] for signal in signals}


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("rk2", 2), ("heun", 2), ("rk4", 4)])
def test_methods_of_fixed_steps_have_their_order_also_with_explicit_time(method, order):
    cell_type = CellType(PENDULUM, method=method)
    exact = solve_ivp(lambda t, s: [s[1], -np.sin(s[0]) - 0.1 * s[1] + 0.5 * np.cos(t)], (0, 4), [1.0, 0.0],
                      method="DOP853", rtol=1e-13, atol=1e-14).y[:, -1]
    coarse, fine = (0.02, 0.01) if order == 1 else (0.1, 0.05)
    errors = [abs(final(cell_type, dt, 4.0)["x"][0] - exact[0]) for dt in (coarse, fine)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("method", ["auto", "rk45"])
def test_adaptive_steps_meet_scipys_solution_whatever_the_time_step(method, engine):
    """Tolerance of a step: 2e-8 relative; the error after 4 ms stays below 1e-6."""
    cell_type = CellType(PENDULUM, method=method)
    exact = solve_ivp(lambda t, s: [s[1], -np.sin(s[0]) - 0.1 * s[1] + 0.5 * np.cos(t)], (0, 4), [1.0, 0.0],
                      method="DOP853", rtol=1e-13, atol=1e-14).y[:, -1]
    for dt in (0.1, 1.0):
        found = final(cell_type, dt, 4.0, engine=engine)
        assert found["x"][0] == pytest.approx(exact[0], abs=1e-6)
        assert found["y"][0] == pytest.approx(exact[1], abs=1e-6)


@pytest.mark.parametrize(("method", "expected"), [
    ("euler", 0.1), ("explicit", 0.1), ("implicit", 0.09090909), ("exponential", 0.09516258), ("midpoint", 0.095),
    ("rk4", 0.0951625), ("semiimplicit", 0.09090909), ("exact", 0.09516258),
])  # fmt: skip
def test_one_step_is_what_annarchy_makes_of_it(method, expected):
    """10 dx/dt = 1 - x from 0 with a step of 1 ms: the values that ANNarchy 5.0.4.1 prints."""
    cell_type = CellType("dx/dt = (1 - x)/(10*ms) : 1", method=method)
    assert final(cell_type, 1.0, 1.0)["x"][0] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(("method", "order"), [("implicit", 1), ("semiimplicit", 1), ("exponential_euler", 1)])
def test_methods_for_stiff_linear_systems_have_order_one_and_do_not_blow_up(method, order):
    text = "dx/dt = (y - x)/tau : 1 (init=1)\n dy/dt = -(x + y)/(5*ms) : 1\n tau : ms (init={})"
    matrix = np.array([[-0.5, 0.5], [-0.2, -0.2]])
    from scipy.linalg import expm

    exact = (expm(matrix * 4.0) @ [1.0, 0.0])[0]
    errors = [abs(final(CellType(text.format(2), method=method), dt, 4.0)["x"][0] - exact) for dt in (0.02, 0.01)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)
    assert abs(final(CellType(text.format(0.01), method=method), 1.0, 200.0)["x"][0]) < 1.0


def test_what_is_linear_is_exact_also_with_complex_eigenvalues_and_a_singular_matrix():
    """Brian's exact solver refuses both; expm does not. Compared with cos, and with a straight line."""
    cell_type = CellType("""
        dx/dt = -y/(3*ms) : 1 (init=1)
        dy/dt = x/(3*ms) : 1
        dz/dt = 2/ms : 1
    """, method="exact")
    found = final(cell_type, 0.5, 10.0)
    assert found["x"][0] == pytest.approx(np.cos(10.0 / 3.0), abs=1e-13)
    assert found["z"][0] == pytest.approx(20.0, rel=1e-14)


def test_alpha_functions_are_exact():
    cell_type = CellType("dx/dt = (y - x)/tau : 1\n dy/dt = -y/tau : 1 (init=1)\n tau : ms (init=2)")
    assert final(cell_type, 0.1, 3.0)["x"][0] == pytest.approx(1.5 * np.exp(-1.5), rel=1e-12)


# -- noise


@pytest.mark.parametrize("method", ["heun", "milstein"])
def test_multiplicative_noise_is_stratonovichs(method):
    """Geometric Brownian motion at t = 1: the mean is exp(mu + sigma**2/2) = 1.786 (Ito's process: exp(mu) = 1.649).

    With 20 000 cells the standard error of the mean is sigma*1.8/sqrt(20000) = 0.005; four of them are allowed.
    """
    cell_type = CellType("dx/dt = 0.5/s*x + 0.4*x*xi/sqrt(s) : 1 (init=1)", method=method)
    x = final(cell_type, 10.0, 1000.0, n=20000, engine="numba")["x"]
    assert x.mean() == pytest.approx(np.exp(0.5 + 0.08), abs=0.024)
    assert np.log(x).mean() == pytest.approx(0.5, abs=0.012)
    assert np.log(x).std() == pytest.approx(0.4, rel=0.02)


@pytest.mark.parametrize(("method", "order"), [("heun", 1.0), ("milstein", 1.0)])
def test_paths_of_multiplicative_noise_converge_with_strong_order_one(method, order):
    """The path x = exp(mu*t + sigma*W) is known from the noise itself, of which y = W is the integral."""
    cell_type = CellType(
        "dx/dt = 0.5/s*x + 0.8*x*xi/sqrt(s) : 1 (init=1)\n dy/dt = xi/sqrt(s) : 1", method=method
    )
    errors = []
    for dt in (20.0, 5.0):
        found = final(cell_type, dt, 1000.0, n=4000, engine="numba")
        errors.append(np.abs(found["x"] - np.exp(0.5 + 0.8 * found["y"])).mean())
    assert np.log(errors[0] / errors[1]) / np.log(4.0) == pytest.approx(order, abs=0.2)


def test_additive_noise_has_the_variance_of_the_ornstein_uhlenbeck_process():
    """Euler's stationary standard deviation is sigma/sqrt(1 - dt/(2 tau)); 10 000 cells give it to 0.7 %."""
    cell_type = CellType("dx/dt = -x/tau + sqrt(2/tau)*xi : 1\n tau : ms (init=5)")
    assert cell_type.methods == {"x": "euler"}
    x = final(cell_type, 0.5, 50.0, n=10000, engine="numba")["x"]
    assert x.std() == pytest.approx(1.0 / np.sqrt(1.0 - 0.05), rel=0.03)


def test_noises_of_one_name_are_one_and_of_different_names_independent():
    cell_type = CellType("dx/dt = xi_a/sqrt(ms) : 1\n dy/dt = xi_a/sqrt(ms) : 1\n dz/dt = xi_b/sqrt(ms) : 1")
    found = final(cell_type, 0.1, 5.0, n=4000, engine="numba")
    assert np.array_equal(found["x"], found["y"])
    assert abs(np.corrcoef(found["x"], found["z"])[0, 1]) < 0.06
    assert found["x"].std() == pytest.approx(np.sqrt(5.0), rel=0.05)


def test_linear_states_stay_exact_beside_noise():
    cell_type = CellType("dv/dt = (g - v)/(10*ms) + xi/sqrt(ms) : 1\n dg/dt = -g/(2*ms) : 1 (init=1)")
    assert cell_type.methods == {"v": "euler", "g": "exact"}
    assert final(cell_type, 0.5, 4.0)["g"][0] == pytest.approx(np.exp(-2.0), rel=1e-13)


# -- published models


def test_an_adaptive_exponential_cell_in_own_text_fires_as_the_standard_one():
    """Brette and Gerstner 2005: both are the same equations, written independently."""
    cell_type = CellType("""
        dv/dt = (g_l*(E_l - v) + g_l*D*exp((v - V_t)/D) - w + I)/C : mV (unless refractory, init=E_l)
        dw/dt = (a*(v - E_l) - w)/tau_w : nA
        g_l : uS (init=30*nS)
        E_l : mV (init=-70.6)
        D : mV (init=2)
        V_t : mV (init=-50.4)
        C : nF (init=281*pF)
        a : uS (init=4*nS)
        tau_w : ms (init=144)
        I : nA (init=1)
    """, threshold="v > 20*mV", reset="v = E_l; w += 0.0805*nA", refractory="0.1*ms", threshold_within_step=True)
    trains = []
    standard = sim.EIF_cond_exp_isfa_ista
    for kind, values in ((cell_type, {}), (standard, {
        "cm": 0.281, "tau_m": 0.281 / 0.03, "v_rest": -70.6, "v_reset": -70.6, "v_thresh": -50.4, "delta_T": 2.0,
        "a": 4.0, "b": 0.0805, "tau_w": 144.0, "tau_refrac": 0.1, "i_offset": 1.0, "v_spike": 20.0,
    })):
        sim.setup(timestep=0.1, engine="numba")
        population = sim.Population(1, kind(**values), initial_values={"v": -70.6, "w": 0.0})
        population.record("spikes")
        sim.run(300.0)
        trains.append(population.get_data().segments[0].spiketrains[0].magnitude)
        sim.end()
    assert len(trains[0]) > 5
    assert np.array_equal(*trains)
