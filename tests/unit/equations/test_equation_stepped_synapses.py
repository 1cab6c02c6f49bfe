"""Synapses that see their cells or of which something happens in every step: Brian2's, ANNarchy's and SciPy's numbers.

Both engines are run everywhere, so that the plain one is the oracle of the compiled one; what they print must agree to
rounding (sums of exponentials, in the same order): a tolerance of 1e-12 relative.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.equations import CellType, Synapse, SynapseType
from pyNN.equations.annarchy import Neuron
from pyNN.errors import EquationError, InvalidDelayError, InvalidModelError

ENGINES = ["numpy", "numba"]
EXACT = {"rtol": 1e-12, "atol": 1e-12}

Decaying = CellType(
    name="Decaying", equations="dv/dt = -v/tau : mV\ng : uS", parameters={"tau": (20.0, "ms")}, initial={"v": 10.0},
    receptors={"excitatory": "g += weight"},
)  # fmt: skip


def firing_cells(times: list[float], number: int = 1) -> Any:
    """Cells that fire 0.3 ms after each of the times."""
    kick = sim.Population(1, sim.SpikeSourceArray(spike_times=times))
    cells = sim.Population(number, sim.IF_curr_exp(tau_refrac=1.0, tau_syn_E=0.5))
    sim.Projection(kick, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=100.0, delay=0.1))
    return cells


@pytest.mark.parametrize("engine", ENGINES)
def test_a_nonlinear_rule_with_clock_driven_equations_gives_brians_values(engine: str) -> None:
    """Calcium-based plasticity (Graupner and Brunel 2012); Brian2 2.9, numpy target, Euler, delay 2.9 ms = 3 ms - dt.

    There the postsynaptic spikes are given 0.1 ms earlier, as Brian2 counts them by the beginning of the step.
    """
    Calcium = SynapseType(
        name="Calcium",
        equations="""
            dc/dt = -c/tau_ca : 1 (euler)
            drho/dt = (-rho*(1 - rho)*(rho_star - rho) + gamma_p*(1 - rho)*int(c > theta_p)
                       - gamma_d*rho*int(c > theta_d))/tau : 1 (euler)
        """,
        parameters={"tau_ca": (20.0, "ms"), "tau": (1500.0, "ms"), "rho_star": 0.5, "gamma_p": 32.0, "gamma_d": 20.0,
                    "theta_p": 1.3, "theta_d": 1.0},
        on_pre="c += 1", on_post="c += 2; weight = rho", initial={"rho": 0.3},
    )  # fmt: skip
    assert Calcium.methods() == {"c": "euler", "rho": "euler"}
    sim.setup(timestep=0.1, engine=engine)
    times = [[10.0, 30.0, 50.0, 80.0], [15.0, 40.0, 41.0, 70.0]]
    source = sim.Population(2, sim.SpikeSourceArray(spike_times=times))
    cell = firing_cells([12.0, 45.0, 52.0])
    projection = sim.Projection(source, cell, sim.AllToAllConnector(), Calcium(weight=0.0, delay=3.0))
    sim.run(60.0)
    sim.run(40.0)
    found = {name: projection.get(name, format="array").ravel() for name in ("c", "rho", "weight")}
    # The same arithmetic in the same order: Brian2 printed these to the last or last but one bit.
    np.testing.assert_allclose(found["c"], [0.9055039712511598, 0.7292169276846628], rtol=0, atol=1e-15)
    np.testing.assert_allclose(found["rho"], [0.527661763090845, 0.5360613920338789], rtol=0, atol=1e-15)
    np.testing.assert_allclose(found["weight"], [0.49005600528692544, 0.4737732280982612], rtol=0, atol=1e-15)
    sim.end()


@pytest.mark.parametrize("engine", ENGINES)
def test_continuous_transmission_and_assignments_give_annarchys_values(engine: str) -> None:
    """ANNarchy 5.0.4.1. It updates synapses after the cells: so v begins a step later here, 0.995 for 1.0."""
    sim.setup(timestep=0.1, engine=engine)
    never = {"spike": "v > 1000.0", "reset": "v = 0.0"}
    First = Neuron(parameters="tau = 20.0", equations="dv/dt = -v/tau : init=0.995", **never)
    Second = Neuron(parameters="tau = 10.0", equations="dv/dt = -v/tau + g_gap : init=0.0", **never)
    Graded = Synapse(
        parameters="eta = 0.1\ntau = 5.0",
        equations="dz/dt = (pre.v*pre.v - z*z)/tau : init=0.1\nw += eta*pre.v*z : max=0.3", psp="w*z",
    )  # fmt: skip
    source, target = sim.Population(2, First()), sim.Population(1, Second())
    synapse = Graded(weight=0.1, delay=0.1)
    projection = sim.Projection(source, target, sim.AllToAllConnector(), synapse, receptor_type="gap")
    target.record("v")
    sim.run(5.0)
    v = target.get_data().segments[0].analogsignals[0].magnitude[:, 0]
    # ANNarchy's sample k is that of (k + 1)*dt, and what is transmitted acts within the step; here after a delay of dt.
    np.testing.assert_allclose(
        v[[2, 3, 4, 11, 21, 31, 49]],
        [0.0020000000000000005, 0.004656665164044976, 0.008101187907250545, 0.06823094373459263, 0.2635692560994755,
         0.5143766355261911, 1.0249237849917812], rtol=1e-14,
    )  # fmt: skip
    np.testing.assert_allclose(projection.get("z", format="array"), 0.6576336973591707, rtol=1e-15)
    np.testing.assert_allclose(projection.get("weight", format="array"), 0.3, rtol=0, atol=0)
    sim.end()


@pytest.mark.parametrize("engine", ENGINES)
def test_spikes_see_the_cells_of_the_step_in_which_they_arrive(engine: str) -> None:
    """v decays from 10 mV with 20 ms on one side and 50 ms on the other: the values are those of the closed form."""
    Seeing = SynapseType(
        name="Seeing", equations="a : mV\nb : mV\nc : ms\nd : mV",
        on_pre="a = post.v; b = v_pre; c = post.tau; d = v_post*(1 + i + 10*j)",
    )  # fmt: skip
    sim.setup(timestep=0.1, engine=engine)
    Spiking = CellType(
        name="Spiking", equations="dv/dt = -v/tau : mV\nn : 1\ng : uS", parameters={"tau": (50.0, "ms")},
        initial={"v": 10.0}, threshold="n < 0.5 and t > 4.95*ms", reset="n = 1",
        receptors={"excitatory": "g += weight"},
    )  # fmt: skip
    source, target = sim.Population(2, Spiking()), sim.Population(2, Decaying(tau=[20.0, 30.0]))
    late = sim.Projection(source, target, sim.AllToAllConnector(), Seeing(weight=0.0, delay=2.0))
    soon = sim.Projection(source, target, sim.AllToAllConnector(),
                          Seeing(weight=0.0, delay=2.0, dendritic_delay_fraction=1.0))
    sim.run(20.0)
    taus = np.array([20.0, 30.0])
    for projection, arrival in ((late, 6.9), (soon, 5.0)):
        # Spikes at 5 ms. They arrive at 7 ms, before the cells' update to 7 ms; where the delay is dendritic at 5 ms.
        a, b, c, d = (projection.get(name, format="array") for name in "abcd")
        np.testing.assert_allclose(a, np.tile(10.0 * np.exp(-arrival / taus), (2, 1)), rtol=1e-12)
        np.testing.assert_allclose(b, np.full((2, 2), 10.0 * np.exp(-arrival / 50.0)), rtol=1e-12)
        np.testing.assert_allclose(c, np.tile(taus, (2, 1)))
        np.testing.assert_allclose(d, a * np.array([[1.0, 11.0], [2.0, 12.0]]), rtol=1e-12)
    sim.end()


@pytest.mark.parametrize("engine", ENGINES)
def test_integration_methods_have_their_order(engine: str) -> None:
    """dz/dt = (v_pre - z**2)/tau with v_pre = 10*exp(-t/20 ms): SciPy's solution, and the error at two time steps.

    The cell's value stays as it is during a step, so what is of first order is also the drive; a logistic equation
    without cells shows the orders of the methods themselves.
    """
    from scipy.integrate import solve_ivp

    def logistic(method: str, dt: float) -> float:
        Growing = SynapseType(
            name="Growing", equations=f"dz/dt = z*(1 - z)/tau : 1 ({method})", parameters={"tau": (2.0, "ms")},
            initial={"z": 0.1},
        )  # fmt: skip
        sim.setup(timestep=dt, engine=engine)
        source, target = sim.Population(1, sim.SpikeSourceArray()), sim.Population(1, Decaying())
        projection = sim.Projection(source, target, sim.AllToAllConnector(), Growing(weight=0.0, delay=dt))
        sim.run(4.0)
        value = float(projection.get("z", format="array")[0, 0])
        sim.end()
        return value

    solution = solve_ivp(lambda t, z: z * (1 - z) / 2.0, (0.0, 4.0), [0.1], rtol=1e-12, atol=1e-14).y[0, -1]
    for method, order in (("euler", 1), ("rk2", 2), ("heun", 2), ("rk4", 4)):
        errors = [abs(logistic(method, dt) - solution) for dt in (0.2, 0.1)]
        assert abs(np.log2(errors[0] / errors[1]) - order) < 0.25, (method, errors)


def test_linear_equations_are_exact_and_what_stands_still_needs_no_steps() -> None:
    Mixed = SynapseType(
        name="Mixed",
        equations="""
            dx/dt = -x/(10*ms) : 1
            dy/dt = -y/(10*ms) : 1
            dz/dt = (y - z)/(5*ms) : 1
            dw/dt = (y*w - w**2)/ms : 1
            du/dt = -u/(3*ms) + pre.v/mV/ms : 1
        """,
        on_pre="x += 1; y += 1",
    )
    assert Mixed.methods() == {"x": "event-driven", "y": "rk4", "z": "rk4", "w": "rk4", "u": "rk4"}
    Lone = SynapseType(name="Lone", equations="du/dt = -u/(3*ms) + pre.v/mV/ms : 1")
    assert Lone.methods() == {"u": "exact"}
    sim.setup(timestep=0.5, engine="numpy")
    source = sim.Population(1, Decaying(tau=1e12))
    projection = sim.Projection(source, source, sim.AllToAllConnector(), Lone(weight=0.0, delay=0.5))
    sim.run(6.0)
    np.testing.assert_allclose(projection.get("u", format="array"), 30.0 * (1.0 - np.exp(-2.0)), rtol=1e-10)
    sim.end()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fraction", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("traces", ["", " (clock-driven)"])
def test_stdp_that_goes_on_in_every_step_gives_the_weights_of_the_standard_mechanism(
    engine: str, traces: str, fraction: float
) -> None:
    """Delays in axon and dendrite of whole steps, so that spikes arrive together, too."""
    own = SynapseType(
        name="SteppedSTDP",
        equations=f"dx/dt = -x/tau_plus : 1{traces}\ndy/dt = -y/tau_minus : 1{traces}\nn : 1",
        parameters={"tau_plus": (20.0, "ms"), "tau_minus": (30.0, "ms"), "A_plus": 0.02, "A_minus": 0.021,
                    "w_max": 0.05},
        on_pre="weight = clip(weight - A_minus*w_max*y, 0, w_max); x += 1",
        on_post="weight = clip(weight + A_plus*w_max*x, 0, w_max); y += 1",
        each_step="n += 1",
    )(weight=0.025, delay=1.5, dendritic_delay_fraction=fraction)  # fmt: skip
    standard = sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(tau_plus=20.0, tau_minus=30.0, A_plus=0.02, A_minus=0.021),
        weight_dependence=sim.AdditiveWeightDependence(w_min=0.0, w_max=0.05),
        weight=0.025, delay=1.5, dendritic_delay_fraction=fraction,
    )  # fmt: skip
    results = []
    for synapse in (own, standard):
        sim.setup(timestep=0.1, rng_seed=3, engine=engine)
        sources = sim.Population(8, sim.SpikeSourcePoisson(rate=60.0))
        drive = sim.Population(4, sim.SpikeSourcePoisson(rate=40.0))
        cells = sim.Population(4, sim.IF_curr_exp(tau_syn_E=2.0))
        cells.record("spikes")
        sim.Projection(drive, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=40.0, delay=0.5))
        projection = sim.Projection(sources, cells, sim.AllToAllConnector(), synapse)
        sim.run(300.0)
        results.append((projection.get("weight", format="array"), cells.get_spike_counts()))
        sim.end()
    assert np.ptp(results[0][0]) > 1e-3
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=0, atol=1e-12)
    assert results[0][1] == results[1][1]


@pytest.mark.parametrize("engine", ENGINES)
def test_pathways_have_delays_of_their_own(engine: str) -> None:
    """Known moments: spikes at 1 and 3 ms, weight 1 mV after 1 ms, -0.5 mV after 4 ms; the cell fires at 6.3 ms."""
    Two = SynapseType(
        name="Two", equations="n : 1\nm : 1\nlast : ms\nseen : ms",
        on_pre={"early": "n += 1", "late": "m += 1; last = t"}, on_post={"now": "seen = t", "then": "seen = t"},
        transmitted={"early": "weight", "late": "-0.5*weight"}, delays={"late": 5.0, "then": 2.0},
    )  # fmt: skip
    sim.setup(timestep=0.1, engine=engine)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0, 3.0]))
    cells = sim.Population(1, sim.IF_curr_delta(v_rest=-65.0, tau_m=1e9, v_thresh=0.0), initial_values={"v": -65.0})
    cells.record("v")
    projection = sim.Projection(source, cells, sim.AllToAllConnector(), Two(weight=1.0, delay=1.0, delay_late=4.0))
    sim.run(4.0)
    assert projection.get(["n", "m"], format="list") == [(0, 0, 2.0, 0.0)]
    sim.run(6.0)
    v = cells.get_data().segments[0].analogsignals[0].magnitude[:, 0]
    steps = {round(0.1 * k, 1): round(float(v[k] - v[k - 1]), 6) for k in range(1, 101) if abs(v[k] - v[k - 1]) > 1e-5}
    assert steps == {2.0: 1.0, 4.0: 1.0, 5.0: -0.5, 7.0: -0.5}
    assert projection.get(["n", "m", "last", "delay_late"], format="list") == [(0, 0, 2.0, 2.0, 7.0, 4.0)]
    sim.end()
    sim.setup(timestep=0.1, engine=engine)
    source, cells = sim.Population(1, sim.SpikeSourceArray()), firing_cells([6.0])
    projection = sim.Projection(source, cells, sim.AllToAllConnector(), Two(weight=1.0, delay=1.0))
    sim.run(8.0)
    np.testing.assert_allclose(projection.get("seen", format="array"), 6.3, atol=1e-9)
    sim.run(2.0)
    np.testing.assert_allclose(projection.get("seen", format="array"), 8.3, atol=1e-9)
    sim.end()


def network(
    engine: str, threads: int = 1, pieces: tuple[float, ...] = (60.0,), cells_in_it: int = 150, saved: str = ""
) -> dict[str, Any]:
    """A recurrent network in which everything at once happens at the synapses."""
    Everything = SynapseType(
        name="Everything",
        equations="""
            dx/dt = -x/tau : 1
            dz/dt = (v_pre - post.v)/mV/tau - z*z/(100*ms) : 1
            dweight/dt = 0.001*(x - weight)/ms :
        """,
        parameters={"tau": (12.0, "ms"), "p": 0.5},
        on_pre={"first": "x += 1 + int(rand() < p)", "second": "weight += 0.0001*z"},
        on_post="x *= 0.9; weight += 0.01*(post.v + 65*mV)/mV/100",
        transmitted="weight", delays={"second": 2.3}, psp="0.00001*z",
        each_step="z = clip(z, -10, 10)",
    )  # fmt: skip
    sim.setup(timestep=0.1, rng_seed=11, engine=engine, threads=threads)
    cells = sim.Population(cells_in_it, sim.IF_curr_exp(i_offset=np.linspace(0.7, 1.2, cells_in_it)))
    noise = sim.Population(20, sim.SpikeSourcePoisson(rate=80.0))
    cells.record(["v", "spikes"])
    first = sim.Projection(noise, cells, sim.FixedProbabilityConnector(0.3), sim.StaticSynapse(weight=0.5, delay=0.7))
    assert first.size()
    delay = sim.RandomDistribution("uniform", low=0.3, high=0.8)
    synapse = Everything(weight=sim.RandomDistribution("uniform", low=0.0, high=0.05), delay=delay, tau=15.0)
    projection = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.1), synapse)
    for piece in pieces:
        if saved and piece == pieces[-1]:
            sim.save_state(saved)
            sim.run(5.0)
            sim.restore_state(saved)
        sim.run(piece)
    found = {name: np.array(projection.get(name, format="list", with_address=False)) for name in ("weight", "x", "z")}
    data = cells.get_data().segments[0]
    found["v"] = data.filter(name="v")[0].magnitude
    found["spikes"] = np.concatenate([np.asarray(train) for train in data.spiketrains])
    sim.end()
    return found


def test_both_engines_agree_in_a_recurrent_network() -> None:
    plain, compiled = network("numpy", 1, (30.0,), 40), network("numba", 1, (13.0, 17.0), 40)
    assert len(plain["spikes"]) > 40 and np.ptp(plain["weight"]) > 0.05
    for name in plain:
        np.testing.assert_allclose(compiled[name], plain[name], rtol=1e-9, atol=1e-9)


def test_threads_and_pieces_of_a_run_change_no_bit() -> None:
    one, two = network("numba", 1, (23.0, 37.0)), network("numba", 2)
    for name in one:
        assert np.array_equal(one[name], two[name]), name


@pytest.mark.parametrize("engine", ENGINES)
def test_a_saved_state_goes_on_as_if_nothing_had_been(engine: str, tmp_path: Path) -> None:
    cells = 70 if engine == "numba" else 20
    one = network(engine, 1, (9.0, 8.0), cells)
    two = network(engine, 2 if engine == "numba" else 1, (9.0, 8.0), cells, str(tmp_path / "state"))
    for name in one:
        assert np.array_equal(one[name], two[name]), name


@pytest.mark.parametrize("engine", ENGINES)
def test_values_and_delays_change_between_runs(engine: str) -> None:
    Plain = SynapseType(name="Plain", equations="dz/dt = rate*post.v/mV : 1\nn : 1", parameters={"rate": (1.0, "1/ms")},
                        on_pre="n += 1")
    sim.setup(timestep=0.1, engine=engine)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0, 2.0, 3.0]))
    cells = sim.Population(2, Decaying(tau=1e12))
    projection = sim.Projection(source, cells, sim.AllToAllConnector(), Plain(weight=0.0, delay=1.0))
    sim.run(1.0)
    np.testing.assert_allclose(projection.get("z", format="array"), 10.0, rtol=1e-9)
    projection.set(rate=[[0.0, 2.0]])
    sim.run(1.0)
    np.testing.assert_allclose(projection.get("z", format="array"), [[10.0, 30.0]], rtol=1e-9)
    cells.set(tau=1e13)
    projection.initialize(z=5.0)
    cells.initialize(v=1.0)
    projection.set(rate=1.0)
    projection.set(delay=0.5)
    # What is on its way when the delay changes acts at once: the spikes of 1 and 2 ms.
    assert projection.get("n", format="array").ravel().tolist() == [2.0, 2.0]
    sim.run(2.0)
    np.testing.assert_allclose(projection.get("z", format="array"), 7.0, rtol=1e-9)
    assert projection.get("n", format="array").ravel().tolist() == [3.0, 3.0]
    sim.end()


@pytest.mark.parametrize("engine", ENGINES)
def test_noise_in_synapses_has_its_variance(engine: str) -> None:
    Noisy = SynapseType(name="Noisy", equations="dz/dt = -z/tau + sqrt(2/tau)*xi : 1", parameters={"tau": (5.0, "ms")})
    assert Noisy.methods() == {"z": "euler"}
    sim.setup(timestep=0.1, engine=engine, rng_seed=4)
    source, cells = sim.Population(40, sim.SpikeSourceArray()), sim.Population(50, Decaying())
    projection = sim.Projection(source, cells, sim.AllToAllConnector(), Noisy(weight=0.0, delay=1.0))
    sim.run(25.0)
    z = projection.get("z", format="array").ravel()
    # 2000 values of variance 1/(1 - dt/(2 tau)) = 1.01: the standard error of the variance is 0.032; 4 are allowed.
    assert abs(z.var() - 1.01) < 0.13 and abs(z.mean()) < 0.09
    sim.end()


def test_times_of_last_spikes_and_unless_post() -> None:
    Timed = Synapse(
        equations="n = 0.0*w + n",
        pre_spike="g_target += w\nw += 1.0 : unless_post\nn += 1.0*(t - t_pre < 5.0)", post_spike="n += 10.0",
    )  # fmt: skip
    for engine in ENGINES:
        sim.setup(timestep=0.1, engine=engine)
        # The cell fires at 10.3 ms; spikes of 9.4 and 9.3 ms arrive a step after that and in the same step.
        source = sim.Population(2, sim.SpikeSourceArray(spike_times=[[3.0, 9.4], [5.0, 9.3]]))
        cells = firing_cells([10.0])
        projection = sim.Projection(source, cells, sim.AllToAllConnector(), Timed(weight=0.0, delay=1.0))
        sim.run(20.0)
        found = projection.get(["weight", "n", "t_pre", "t_post"], format="list")
        np.testing.assert_allclose([row[2:] for row in found], [(1.0, 10.0, 10.4, 10.3), (2.0, 11.0, 10.3, 10.3)])
        sim.end()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"on_pre": "weight += post.q"}, "'q' is no variable or parameter of the postsynaptic cells"),
        ({"on_pre": "weight += post.vv/mV"}, "mean 'v'"),
        ({"on_pre": "weight += pre.v/mV"}, "spike sources"),
        ({"on_pre": "x = post.v", "equations": "x : nA"}, "in mV, but"),
        ({"psp": "post.v*(1*mV + tau_m_post)"}, "tau_m_post"),
    ],
)
def test_cells_without_what_a_synapse_sees_are_refused_when_they_are_connected(
    arguments: dict[str, Any], words: str
) -> None:
    sim.setup(timestep=0.1, engine="numpy")
    source, cells = sim.Population(1, sim.SpikeSourceArray()), sim.Population(1, sim.IF_curr_exp())
    with pytest.raises(EquationError, match=words) as caught:
        sim.Projection(source, cells, sim.AllToAllConnector(), SynapseType(**arguments)())
    assert "^" in str(caught.value)
    sim.end()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"on_pre": "post.v += 1*mV"}, EquationError, "cannot be changed by a synapse"),
        ({"equations": "dx/dt = -x*x/ms : 1 (event-driven)"}, EquationError, "must follow linear equations"),
        ({"equations": "dx/dt = -x/ms : 1 (event-driven)\ndy/dt = x*y/ms : 1"}, EquationError, "is event-driven, but"),
        ({"equations": "dx/dt = -x/ms : 1 (event-driven, clock-driven)"}, EquationError, "either"),
        ({"equations": "dx/dt = -x*x/ms + xi/sqrt(1*ms) : 1 (rk4)"}, EquationError, "euler or heun"),
        ({"equations": "dx/dt = -x/ms + x*xi/sqrt(1*ms) : 1 (euler)"}, EquationError, "takes the method heun"),
        ({"equations": "dx/dt = -x*x/ms : 1 (rk4)\ndy/dt = -y*y/ms : 1 (heun)"}, EquationError, "take one method"),
        ({"equations": "dx/dt = -x*x/ms : 1 (exact)"}, EquationError, "solved exactly"),
        ({"equations": "dx/dt = -x*x/ms : 1 (milstein)"}, EquationError, "no method"),
        ({"on_pre": {"a": "n += 1"}, "delays": {"b": 1.0}}, InvalidModelError, "no pathway"),
        ({"on_pre": {"a": ""}, "on_post": {"a": ""}}, InvalidModelError, "a name of"),
        ({"each_step": ["x = 1"]}, InvalidModelError, "is text"),
        ({"psp": "weight*rand()"}, Exception, "random numbers"),
    ],
)
def test_wrong_text_is_refused_with_its_reason(arguments: dict[str, Any], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        SynapseType(**arguments)


def test_a_pathway_of_presynaptic_spikes_takes_a_time_step_at_least() -> None:
    Two = SynapseType(name="Two", on_pre={"a": "n += 1", "b": "n += 1"}, equations="n : 1", delays={"b": 0.0})
    sim.setup(timestep=0.1, engine="numpy")
    source, cells = sim.Population(1, sim.SpikeSourceArray()), sim.Population(1, sim.IF_curr_exp())
    sim.Projection(source, cells, sim.AllToAllConnector(), Two(weight=1.0, delay=1.0))
    with pytest.raises(InvalidDelayError, match="delay_b is under the time step"):
        sim.run(1.0)
    sim.end()
