"""The reference backend against closed forms and SciPy's DOP853 at rtol 1e-12, and its distance to them against NEST's.

Tolerances: exact propagators may differ from a closed form by rounding only; after some hundred steps around 65 mV that
is under 1e-11 mV. The conductance models are held to what is documented for their method.
"""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from pyNN.backend import Settings
from pyNN.models import Definition, Parameter, Receptor, State
from pyNN.parallel import SerialCommunicator
from pyNN.reference.backend import ReferenceBackend
from pyNN.specs import ConnectionTable, CurrentSpec, NetworkSpec, PopulationSpec, ProjectionSpec, Ragged, RecordingSpec
from pyNN.standardmodels import cells, electrodes, synapses

ROUNDING = 1e-11
V_REST, TAU_M, CM = -65.0, 20.0, 1.0


def simulate(definition, steps, dt=0.1, events=(), variables=("v",), size=1, initial=None, currents=(), **parameters):
    """Samples (steps + 1, size) of each variable, and spikes; events are (step of arrival, receptor, weight)."""
    values = {**{n: p.default for n, p in definition.parameters.items()}, **parameters}
    states = {**{n: s.initial for n, s in definition.states.items()}, **(initial or {})}
    populations = [PopulationSpec(0, "cells", definition, size, 0, values, states)]
    projections: list[ProjectionSpec] = []
    if events:
        times = Ragged.from_list([[(step - 1) * dt] for step, _, _ in events])
        source = cells.SpikeSourceArray.definition
        populations.append(PopulationSpec(1, "input", source, len(events), size, {"spike_times": times}, {}))
    for receptor in definition.receptors if events else ():
        chosen = [k for k, event in enumerate(events) if event[1] == receptor]
        pre = np.tile(np.array(chosen, dtype=np.int32), size)
        post = np.repeat(np.arange(size, dtype=np.int32), len(chosen))
        weights = np.tile([events[k][2] for k in chosen], size)
        table = ConnectionTable(pre, post, 1, {"weight": weights})
        projections.append(
            ProjectionSpec(len(projections), receptor, size + np.arange(len(events)), np.arange(size), receptor,
                           synapses.StaticSynapse.definition, table)
        )
    recordings = [RecordingSpec(k, 0, name, np.arange(size)) for k, name in enumerate((*variables, "spikes"))]
    settings = Settings(dt, None, None, 1, options={"engine": "numba"})
    session = ReferenceBackend().open(settings, SerialCommunicator())
    session.build(NetworkSpec(populations, projections, list(currents), recordings))
    session.advance(steps)
    data = {name: session.collect(k) for k, name in enumerate((*variables, "spikes"))}
    session.close()
    return data


# -- closed forms


@pytest.mark.parametrize("cell_type", [cells.IF_curr_exp, cells.IF_curr_alpha, cells.IF_curr_delta])
def test_free_and_driven_membrane(cell_type):
    t = np.arange(1001) * 0.1
    i_offset = np.array([0.0, 0.3, -0.2])
    v = simulate(cell_type.definition, 1000, size=3, initial={"v": -60.0}, i_offset=i_offset)["v"]
    steady = V_REST + i_offset * TAU_M / CM
    expected = steady + (-60.0 - steady) * np.exp(-t / TAU_M)[:, np.newaxis]
    assert np.max(np.abs(v - expected)) < ROUNDING


@pytest.mark.parametrize("cell_type", [cells.IF_cond_exp, cells.IF_cond_alpha])
def test_free_and_driven_membrane_of_conductance_models(cell_type):
    """Without input they are linear too: the Runge-Kutta step of order 5 errs by (dt/tau_m)^6/720 of the way a step."""
    t = np.arange(1001) * 0.1
    v = simulate(cell_type.definition, 1000, initial={"v": -60.0}, i_offset=0.3)["v"][:, 0]
    expected = -59.0 - np.exp(-t / TAU_M)
    assert np.max(np.abs(v - expected)) < ROUNDING


def test_sine_current_is_held_over_each_step():
    """With the current constant in a step, v[k+1] = v_inf + (v[k] - v_inf)*exp(-dt/tau): iterated here."""
    amplitude, frequency, dt = 0.4, 25.0, 0.1
    spec = CurrentSpec(0, electrodes.ACSource.definition,
                       {"amplitude": amplitude, "frequency": frequency, "offset": 0.1, "phase": 0.0, "start": 0.0,
                        "stop": 1e12}, np.array([0]))
    v = simulate(cells.IF_curr_exp.definition, 500, currents=[spec], v_thresh=1e3)["v"][:, 0]
    expected = [V_REST]
    for k in range(500):
        steady = V_REST + (0.1 + amplitude * np.sin(2 * np.pi * frequency * k * dt / 1000.0)) * TAU_M / CM
        expected.append(steady + (expected[-1] - steady) * np.exp(-dt / TAU_M))
    assert np.max(np.abs(v - expected)) < 1e-10


def exponential_psp(t, tau_s, weight):
    return weight / CM * (np.exp(-t / TAU_M) - np.exp(-t / tau_s)) / (1 / tau_s - 1 / TAU_M)


def alpha_psp(t, tau_s, weight):
    """Membrane response to weight*e*t/tau_s*exp(-t/tau_s), by variation of constants."""
    rate = 1 / tau_s - 1 / TAU_M
    return weight * np.e / (CM * tau_s) * (np.exp(-t / TAU_M) - np.exp(-t / tau_s) * (1 + rate * t)) / rate**2


@pytest.mark.parametrize(("receptor", "sign", "tau_s"), [("excitatory", 1, 3.0), ("inhibitory", -1, 7.0)])
@pytest.mark.parametrize(
    ("cell_type", "shape"),
    [(cells.IF_curr_exp, exponential_psp), (cells.IF_curr_alpha, alpha_psp),
     (cells.IF_curr_delta, lambda t, tau_s, w: w * np.exp(-t / TAU_M))],
)
def test_shape_of_a_postsynaptic_potential(cell_type, shape, receptor, sign, tau_s):
    times = {} if cell_type is cells.IF_curr_delta else {"tau_syn_E": 3.0, "tau_syn_I": 7.0}
    v = simulate(cell_type.definition, 600, events=[(100, receptor, sign * 0.8)], **times)["v"][:, 0]
    t = np.arange(501) * 0.1
    assert np.max(np.abs(v[:100] - V_REST)) < ROUNDING
    assert np.max(np.abs(v[100:] - V_REST - shape(t, tau_s, sign * 0.8))) < ROUNDING


@pytest.mark.parametrize(("cell_type", "tau_s"), [(cells.IF_cond_exp, 5.0), (cells.IF_cond_alpha, 2.0)])
def test_course_and_peak_of_a_conductance(cell_type, tau_s):
    g = simulate(cell_type.definition, 600, events=[(100, "excitatory", 0.01)], variables=("gsyn_exc",),
                 tau_syn_E=tau_s)["gsyn_exc"][100:, 0]
    t = np.arange(501) * 0.1
    expected = 0.01 * (np.exp(-t / tau_s) if cell_type is cells.IF_cond_exp else t / tau_s * np.exp(1 - t / tau_s))
    assert np.max(np.abs(g - expected)) < 1e-15
    assert g.max() == pytest.approx(0.01, rel=1e-12)


@pytest.mark.parametrize("tau_s", [20.0, 20.0 * (1 + 1e-10), 19.999])
@pytest.mark.parametrize("cell_type", [cells.IF_curr_exp, cells.IF_curr_alpha])
def test_synaptic_and_membrane_time_constants_that_are_equal_or_nearly_so(cell_type, tau_s):
    """The closed forms above lose all digits here; at equality their limits are t*exp(-t/tau) and t^2/2*exp(-t/tau).

    To first order in the difference of the rates the limits keep their form with the mean rate (relative error of the
    order of the squared difference times t^2, 1e-7 of at most 4 mV for 19.999 ms and nothing for the others).
    """
    v = simulate(cell_type.definition, 500, events=[(1, "excitatory", 0.5)], tau_syn_E=tau_s)["v"][1:, 0]
    t = np.arange(500) * 0.1
    if cell_type is cells.IF_curr_exp:
        expected = 0.5 * t * np.exp(-t * (1 / TAU_M + 1 / tau_s) / 2)
    else:
        expected = 0.5 * np.e / tau_s * t**2 / 2 * np.exp(-t * (1 / TAU_M + 2 / tau_s) / 3)
    assert np.max(np.abs(v - V_REST - expected)) < (1e-7 if tau_s == 19.999 else ROUNDING)


@pytest.mark.parametrize("cell_type", [cells.IF_curr_exp, cells.IF_curr_alpha, cells.IF_curr_delta, cells.IF_cond_exp,
                                       cells.IF_cond_alpha])
def test_f_i_curve(cell_type):
    """Every interval is the first whole number of steps in which v crosses the threshold, plus the refractory ones."""
    dt, tau_refrac = 0.1, 2.0
    current = np.array([0.70, 0.76, 0.8, 0.9, 1.0, 1.5, 2.0, 4.0])
    spikes = simulate(cell_type.definition, 10_000, size=8, i_offset=current, tau_refrac=tau_refrac)["spikes"]
    drive = current * TAU_M / CM
    for cell in range(8):
        found = spikes.steps[spikes.cells == cell]
        if drive[cell] <= 15.0:
            assert len(found) == 0
            continue
        crossing = int(np.ceil(TAU_M * np.log(drive[cell] / (drive[cell] - 15.0)) / dt))
        assert found[0] == crossing
        assert np.all(np.diff(found) == crossing + round(tau_refrac / dt))


# -- SciPy


def conductance_rhs(alpha, p):
    def rhs(t, y):
        v, ge, gi = y[:3]
        dv = (V_REST - v) / TAU_M + (ge * (0.0 - v) + gi * (-70.0 - v) + p["i_offset"]) / p["cm"]
        if alpha:
            return [dv, y[3] - ge / p["tau_syn_E"], y[4] - gi / p["tau_syn_I"], -y[3] / p["tau_syn_E"],
                    -y[4] / p["tau_syn_I"]]
        return [dv, -ge / p["tau_syn_E"], -gi / p["tau_syn_I"]]

    return rhs


def solved(rhs, y, steps, dt, jumps):
    """DOP853 from one arrival to the next; `jumps` maps steps to increments of y. Samples of y[0].

    Steps are kept short because SciPy's interpolation between them is less accurate than the steps.
    """
    samples = np.empty(steps + 1)
    samples[0], at = y[0], 0
    for until in [*sorted(jumps), steps]:
        if until > at:
            grid = np.arange(at, until + 1) * dt
            part = solve_ivp(rhs, (grid[0], grid[-1]), y, "DOP853", t_eval=grid, rtol=1e-12, atol=1e-14, max_step=0.2)
            samples[at : until + 1], y, at = part.y[0], part.y[:, -1], until
        y = y + jumps.get(until, 0.0)
    return samples


def drawn_input(scale, dt, number=60):
    """The same events in ms whatever the time step."""
    rng = np.random.default_rng(8)
    steps, kinds = rng.integers(10, 900, number), rng.integers(0, 2, number)
    scaled = steps * round(0.2 / dt) if dt <= 0.2 else steps
    receptors = ["excitatory", "inhibitory"]
    return [(int(k), receptors[r], float(w)) for k, r, w in zip(scaled, kinds, rng.random(number) * scale, strict=True)]


PARAMETERS = {"tau_syn_E": 2.0, "tau_syn_I": 5.0, "cm": 0.2, "i_offset": 0.1, "v_thresh": 1e3}


def exact_solution(cell_type, events, steps, dt):
    alpha = cell_type is cells.IF_cond_alpha
    jumps: dict[int, np.ndarray] = {}
    for step, receptor, weight in events:
        row = 0 if receptor == "excitatory" else 1
        jump = np.zeros(5 if alpha else 3)
        jump[(3 if alpha else 1) + row] = weight * (np.e / (PARAMETERS["tau_syn_E"], PARAMETERS["tau_syn_I"])[row]
                                                    if alpha else 1.0)
        jumps[step] = jumps.get(step, 0.0) + jump
    start = np.zeros(5 if alpha else 3)
    start[0] = V_REST
    return solved(conductance_rhs(alpha, PARAMETERS), start, steps, dt, jumps)


@pytest.mark.parametrize("cell_type", [cells.IF_cond_exp, cells.IF_cond_alpha])
def test_order_of_convergence_of_the_conductance_models(cell_type):
    """Errors over dt = 0.2 .. 0.0125 ms fall with order 5 until they reach rounding (a slope of 4.5 is asked for)."""
    errors, total = [], 180.0
    time_steps = [0.2, 0.1, 0.05, 0.025, 0.0125]
    for dt in time_steps:
        events, steps = drawn_input(0.06, dt), round(total / dt)
        v = simulate(cell_type.definition, steps, dt, events, **PARAMETERS)["v"][:, 0]
        errors.append(np.max(np.abs(v - exact_solution(cell_type, events, steps, dt))))
    assert errors[0] < 1e-4
    floor = 1e-10
    slopes = [np.log2(a / b) for a, b in zip(errors, errors[1:], strict=False) if b > floor]
    assert len(slopes) >= 2, errors
    # Where the error estimate asks for sub-steps, at the largest time steps, the error is smaller than the order says.
    assert max(slopes) > 4.5, (errors, slopes)
    assert errors[-1] < 1e-9, errors


@pytest.mark.parametrize("scale", [0.004, 0.05, 0.5])
@pytest.mark.parametrize("cell_type", [cells.IF_cond_exp, cells.IF_cond_alpha])
def test_distance_to_scipy_is_not_larger_than_nests(cell_type, scale):
    nest = pytest.importorskip("nest")
    dt, steps = 0.1, 1900
    events = drawn_input(scale, dt)
    exact = exact_solution(cell_type, events, steps, dt)
    ours = simulate(cell_type.definition, steps, dt, events, **PARAMETERS)["v"][:, 0]

    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.resolution = dt
    cell = nest.Create(
        "iaf_cond_exp" if cell_type is cells.IF_cond_exp else "iaf_cond_alpha",
        params={"E_L": V_REST, "V_reset": V_REST, "V_m": V_REST, "C_m": 200.0, "g_L": 10.0, "I_e": 100.0, "V_th": 1e3,
                "E_ex": 0.0, "E_in": -70.0, "tau_syn_ex": 2.0, "tau_syn_in": 5.0},
    )
    for step, receptor, weight in events:
        generator = nest.Create("spike_generator", params={"spike_times": [(step - 1) * dt]})
        sign = 1000.0 if receptor == "excitatory" else -1000.0
        nest.Connect(generator, cell, syn_spec={"weight": sign * weight, "delay": dt})
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": dt})
    nest.Connect(meter, cell)
    nest.Simulate(steps * dt + dt)
    theirs = meter.events["V_m"][: steps]

    our_error = np.max(np.abs(ours - exact))
    assert our_error <= np.max(np.abs(theirs - exact[1:]))
    assert our_error < {0.004: 1e-9, 0.05: 1e-6, 0.5: 1e-4}[scale]


def test_a_stiff_conductance_is_refined_rather_than_unstable():
    """10 uS on 0.1 nF is a time constant of 0.01 ms, a tenth of the time step: an explicit step alone would explode."""
    parameters = {**PARAMETERS, "cm": 0.1}
    v = simulate(cells.IF_cond_exp.definition, 300, 0.1, [(10, "excitatory", 10.0)], **parameters)["v"][:, 0]
    start, jump = np.array([V_REST, 0.0, 0.0]), np.array([0.0, 10.0, 0.0])
    exact = solved(conductance_rhs(False, parameters), start, 300, 0.1, {10: jump})
    assert np.max(np.abs(v - exact)) < 1e-5


FITZHUGH_NAGUMO = Definition(
    "FitzHughNagumo",
    {"a": Parameter(0.7, ""), "b": Parameter(0.8, ""), "tau": Parameter(12.5, "ms"), "unit_time": Parameter(1.0, "ms"),
     "drive": Parameter(0.5, "")},
    {"v": State(-1.0, ""), "w": State(1.0, "")},
    equations="""
        dv/dt = (v - v**3/3 - w + drive)/unit_time : 1
        dw/dt = (v + a - b*w)/tau : 1
    """,
)
ADEX = Definition(
    "Adaptive",
    {"C": Parameter(281.0, "pF"), "g": Parameter(30.0, "nS"), "E": Parameter(-70.6, "mV"),
     "V_T": Parameter(-50.4, "mV"), "Delta": Parameter(2.0, "mV"), "a": Parameter(4.0, "nS"),
     "tau_w": Parameter(144.0, "ms"),
     "I": Parameter(700.0, "pA"), "b": Parameter(80.5, "pA"), "peak": Parameter(0.0, "mV"),
     "t_ref": Parameter(2.0, "ms")},
    {"v": State(-70.6, "mV"), "w": State(0.0, "pA")},
    equations="""
        dv/dt = (g*(E - v) + g*Delta*exp((minimum(v, peak) - V_T)/Delta) - w + I)/C : mV (unless refractory)
        dw/dt = (a*(v - E) - w)/tau_w : pA
    """,
    threshold="v > peak",
    reset="v = E; w += b",
    refractory="t_ref",
)
ADAPTIVE_LINEAR = Definition(
    "AdaptiveLinear",
    {"tau": Parameter(10.0, "ms"), "tau_w": Parameter(50.0, "ms"), "k": Parameter(0.5, ""),
     "drive": Parameter(20.0, "mV"), "t_ref": Parameter(3.0, "ms")},
    {"v": State(0.0, "mV"), "w": State(0.0, "mV")},
    {"excitatory": Receptor("mV", "v += weight")},
    equations="dv/dt = (drive - v - w)/tau : mV (unless refractory)\n dw/dt = (k*v - w)/tau_w : mV",
    threshold="v >= 10*mV",
    reset="v = 0*mV; w += 1*mV",
    refractory="t_ref",
)


def test_a_nonlinear_model_of_a_users_own():
    data = simulate(FITZHUGH_NAGUMO, 2000, variables=("v", "w"))
    exact = solve_ivp(lambda t, y: [y[0] - y[0] ** 3 / 3 - y[1] + 0.5, (y[0] + 0.7 - 0.8 * y[1]) / 12.5], (0, 200),
                      [-1.0, 1.0], "DOP853", t_eval=np.arange(2001) * 0.1, rtol=1e-12, atol=1e-14)
    assert np.max(np.abs(data["v"][:, 0] - exact.y[0])) < 1e-6
    assert np.max(np.abs(data["w"][:, 0] - exact.y[1])) < 1e-6


def event_driven(rhs, held_rhs, y, crossed, reset, steps, hold, dt=0.1):
    """Step by step with DOP853: threshold at the end of a step, reset, and `hold` steps with the held equations."""
    samples, spikes, left = [np.array(y, dtype=float)], [], 0
    for step in range(1, steps + 1):
        part = solve_ivp(held_rhs if left else rhs, (0, dt), samples[-1], "DOP853", rtol=1e-12, atol=1e-13)
        state = part.y[:, -1]
        if left:
            left -= 1
        elif crossed(state):
            spikes.append(step)
            state, left = reset(state), hold
        samples.append(state)
    return np.array(samples), spikes


def test_what_is_not_held_goes_on_during_refractoriness_in_a_linear_model():
    data = simulate(ADAPTIVE_LINEAR, 1500, variables=("v", "w"))
    exact, spikes = event_driven(
        lambda t, y: [(20.0 - y[0] - y[1]) / 10.0, (0.5 * y[0] - y[1]) / 50.0],
        lambda t, y: [0.0, (0.5 * y[0] - y[1]) / 50.0],
        [0.0, 0.0], lambda y: y[0] >= 10.0, lambda y: np.array([0.0, y[1] + 1.0]), 1500, 30,
    )
    assert data["spikes"].steps.tolist() == spikes and len(spikes) > 3
    assert np.max(np.abs(data["v"][:, 0] - exact[:, 0])) < 1e-9
    assert np.max(np.abs(data["w"][:, 0] - exact[:, 1])) < 1e-9


def test_an_exponential_integrate_and_fire_cell_in_units_that_are_not_coherent():
    data = simulate(ADEX, 1500, variables=("v", "w"))

    def current(v, w):
        return 30.0 * (-70.6 - v) + 60.0 * np.exp((min(v, 0.0) + 50.4) / 2.0) - w + 700.0

    exact, spikes = event_driven(
        lambda t, y: [current(*y) / 281.0, (4.0 * (y[0] + 70.6) - y[1]) / 144.0],
        lambda t, y: [0.0, (4.0 * (y[0] + 70.6) - y[1]) / 144.0],
        [-70.6, 0.0], lambda y: y[0] > 0.0, lambda y: np.array([-70.6, y[1] + 80.5]), 400, 20,
    )
    found = data["spikes"].steps
    assert found[found <= 400].tolist() == spikes and len(spikes) >= 1
    before = spikes[0] - 1
    assert np.max(np.abs(data["v"][:before, 0] - exact[:before, 0])) < 1e-5
    assert np.max(np.abs(data["w"][:before, 0] - exact[:before, 1])) < 1e-5
    # Going on to the end of the step of the upstroke, v would reach 1e9 mV and w 2e6 pA. The cell's step ends where the
    # solution can no longer be followed, so w gains b, and of the rest of the step less than a*(peak - E)*dt/tau_w.
    gained = data["w"][spikes[0], 0] - data["w"][before, 0]
    assert 80.5 <= gained < 80.5 + 4.0 * 70.6 * 0.1 / 144.0
