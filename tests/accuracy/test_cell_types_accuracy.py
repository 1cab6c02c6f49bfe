"""The cell types with spike initiation, adaptation, channels and composed receptors, against SciPy's DOP853.

The right-hand sides are written here a second time, from the articles, and integrated at rtol 1e-11 from event to
event: arrivals of spikes, crossings of thresholds (located by SciPy where the model is tested within steps), ends of
refractory periods. TOLERANCE is what the kernels allow in a step (1e-7 of the size of a variable and its change), times
the few steps over which an error lasts: 2e-5 of the range of a variable. Spikes must be those of the same step.
"""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pyNN.reference as sim

DT = 0.1
TOLERANCE = 2e-5
INPUT = (10.0, 20.0, 21.0, 22.0, 40.0, 60.5)


def simulate(celltype, variables, steps, weights=(), engine="numba", size=1, dt=DT, initial=None, seed=None):
    """Samples (steps + 1, size) of each variable and the steps of each cell's spikes, under the standard input."""
    sim.setup(timestep=dt, engine=engine, **({} if seed is None else {"rng_seed": seed}))
    cells = sim.Population(size, celltype, initial_values=initial or {})
    cells.record(["spikes", *variables])
    for receptor, weight in weights:
        source = sim.Population(1, sim.SpikeSourceArray(spike_times=INPUT))
        sim.Projection(source, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=weight, delay=dt),
                       receptor_type=receptor)
    sim.run(steps * dt)
    segment = cells.get_data().segments[0]
    data = {signal.name: np.array(signal.magnitude) for signal in segment.analogsignals}
    data["spikes"] = [np.rint(np.array(train) / dt).astype(int) for train in segment.spiketrains]
    sim.end()
    return data


def integrate(model, steps, dt=DT):
    """The model's states at every step, and the steps of its spikes."""
    y, held, spikes = np.array(model.start, dtype=float), 0, []
    course = [y.copy()]
    arrivals = {round(t / dt) + 1 for t in INPUT}

    def solve(y, span, still, events=None):
        def f(t, y):
            slope = np.array(model.slope(*y))
            slope[list(model.still)] *= not still
            return slope

        return solve_ivp(f, (0.0, span), y, method="DOP853", rtol=1e-11, atol=1e-13, events=events)

    for step in range(1, steps + 1):
        before, spiked, left = y.copy(), False, dt
        if model.crossing is not None and held == 0:
            def crossing(t, y):
                return model.crossing(y)
            crossing.terminal, crossing.direction = True, 1
            solution = solve(y, left, False, crossing)
            y = solution.y[:, -1].copy()
            left -= solution.t[-1]
            if solution.status == 1:
                y, spiked = model.reset(y), True
        if left > 0.0:
            y = solve(y, left, held > 0 or (spiked and model.period > 0)).y[:, -1].copy()
        if step in arrivals:
            y = model.arrive(y)
        if model.crossing is None and held == 0 and model.spikes(y, before):
            y, spiked = model.reset(y), True
        held = model.period if spiked else max(held - 1, 0)
        if spiked:
            spikes.append(step)
        course.append(y.copy())
    return np.array(course), spikes


class Model:
    """A model as SciPy sees it: indices of states that stand still while refractory, `period` in steps."""

    still: tuple = (0,)
    period = 1
    crossing = None

    def reset(self, y):
        return y

    def arrive(self, y):
        return y


class AdaptingConductances(Model):
    """Muller et al. 2007: v, g_s, g_r (nS), gsyn_exc, gsyn_inh."""

    start = (-65.0, 0.0, 0.0, 0.0, 0.0)

    def slope(self, v, g_s, g_r, e, i):
        current = e * -v + i * (-70.0 - v) + 1e-3 * (g_s + g_r) * (-75.0 - v) + 1.2
        return (-65.0 - v) / 20.0 + current, -g_s / 100.0, -g_r / 2.0, -e / 5.0, -i / 5.0

    def spikes(self, y, before):
        return y[0] >= -50.0

    def reset(self, y):
        return y + np.array([-65.0 - y[0], 15.0, 3000.0, 0.0, 0.0])

    def arrive(self, y):
        return y + np.array([0.0, 0.0, 0.0, 0.1, 0.02])


class Facets(Model):
    """PyNN's IF_facets_hardware1: 200 pF, 1 ms, 0 mV: v, gsyn_exc, gsyn_inh."""

    start = (-65.0, 0.0, 0.0)
    period = 10

    def slope(self, v, e, i):
        return (0.04 * (-65.0 - v) - e * v + i * (-80.0 - v)) / 0.2, -e / 30.0, -i / 30.0

    def spikes(self, y, before):
        return y[0] >= -55.0

    def reset(self, y):
        return np.array([-80.0, *y[1:]])

    def arrive(self, y):
        return y + np.array([0.0, 0.02, 0.01])


class HodgkinHuxley(Model):
    """Traub and Miles 1991 as in Brette et al. 2007: v, h, m, n, gsyn_exc, gsyn_inh."""

    start = (-65.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    still = ()
    period = 20

    def slope(self, v, h, m, n, e, i):
        x = v + 63.0
        current = (20.0 * m**3 * h * (50.0 - v) + 6.0 * n**4 * (-90.0 - v) + 0.01 * (-65.0 - v) - e * v
                   + i * (-80.0 - v) + 0.3)
        return (
            current / 0.2,
            0.128 * np.exp((17.0 - x) / 18.0) * (1.0 - h) - 4.0 / (1.0 + np.exp((40.0 - x) / 5.0)) * h,
            0.32 * (13.0 - x) / np.expm1((13.0 - x) / 4.0) * (1.0 - m)
            - 0.28 * (x - 40.0) / np.expm1((x - 40.0) / 5.0) * m,
            0.032 * (15.0 - x) / np.expm1((15.0 - x) / 5.0) * (1.0 - n) - 0.5 * np.exp((10.0 - x) / 40.0) * n,
            -e / 0.2,
            -i / 2.0,
        )

    def spikes(self, y, before):
        return y[0] >= -33.0 and y[0] < before[0]

    def arrive(self, y):
        return y + np.array([0.0, 0.0, 0.0, 0.0, 0.1, 0.02])


class AdaptiveExponential(Model):
    """Brette and Gerstner 2005: v, w, gsyn_exc, gsyn_inh."""

    start = (-70.6, 0.0, 0.0, 0.0)

    def __init__(self, delta_t=2.0, v_spike=-40.0, period=1):
        self.delta_t, self.v_spike, self.period = delta_t, v_spike, period

    def crossing(self, y):
        # From 30 delta_T above the threshold on it is exp(-30)*tau_m = 1e-12 ms to infinity, below what SciPy resolves.
        return y[0] - (min(self.v_spike, -50.4 + 30.0 * self.delta_t) if self.delta_t else self.v_spike)

    def membrane(self, v, w, current):
        # Beyond the spike the course does not matter; bounded there, SciPy's trial steps do not overflow.
        rise = self.delta_t * np.exp((min(v, self.v_spike + 1.0) + 50.4) / self.delta_t) if self.delta_t else 0.0
        return (-70.6 - v + rise) / 9.3667 + (current - w + 0.9) / 0.281, (0.004 * (v + 70.6) - w) / 144.0

    def slope(self, v, w, e, i):
        return *self.membrane(v, w, -e * v + i * (-80.0 - v)), -e / 5.0, -i / 5.0

    def reset(self, y):
        return np.array([-70.6, y[1] + 0.0805, *y[2:]])

    def arrive(self, y):
        return y + np.array([0.0, 0.0, 0.02, 0.01])


class AdaptiveExponentialAlpha(AdaptiveExponential):
    """The same with gsyn_exc, gsyn_inh and their rises."""

    start = (-70.6, 0.0, 0.0, 0.0, 0.0, 0.0)

    def slope(self, v, w, e, i, er, ir):
        return (*self.membrane(v, w, -e * v + i * (-80.0 - v)), er - e / 5.0, ir - i / 5.0, -er / 5.0, -ir / 5.0)

    def arrive(self, y):
        return y + np.array([0.0, 0.0, 0.0, 0.0, 0.02 * np.e / 5.0, 0.01 * np.e / 5.0])


class Composed(AdaptiveExponential):
    """AdExp with a beta receptor A (rise 0.5, decay 4 ms) and an exponential one B (3 ms, -80 mV)."""

    start = (-70.6, 0.0, 0.0, 0.0, 0.0)

    def slope(self, v, w, decay, rise, b):
        return *self.membrane(v, w, -(decay - rise) * v + b * (-80.0 - v)), -decay / 4.0, -rise / 0.5, -b / 3.0

    def arrive(self, y):
        peak = np.log(4.0 / 0.5) * 4.0 * 0.5 / (4.0 - 0.5)
        size = 0.02 / (np.exp(-peak / 4.0) - np.exp(-peak / 0.5))
        return y + np.array([0.0, 0.0, size, size, 0.01])


class Quadratic(Model):
    """Izhikevich 2003 with I = 14: v, u."""

    start = (-70.0, -14.0)
    still = ()
    period = 0

    def crossing(self, y):
        return y[0] - 30.0

    def slope(self, v, u):
        return 0.04 * v**2 + 5.0 * v + 140.0 - u + 14.0, 0.02 * (0.2 * v - u)

    def reset(self, y):
        return np.array([-65.0, y[1] + 2.0])

    def arrive(self, y):
        return y + np.array([2.0 - 0.5, 0.0])


STANDARD = (("excitatory", 0.02), ("inhibitory", 0.01))
CASES = {
    "HH_cond_exp": (
        lambda: sim.HH_cond_exp(i_offset=0.3), HodgkinHuxley(), "v h m n gsyn_exc gsyn_inh".split(),
        (("excitatory", 0.1), ("inhibitory", 0.02)),
    ),
    "IF_cond_exp_gsfa_grr": (
        lambda: sim.IF_cond_exp_gsfa_grr(i_offset=1.2), AdaptingConductances(),
        "v g_s g_r gsyn_exc gsyn_inh".split(), (("excitatory", 0.1), ("inhibitory", 0.02)),
    ),
    "IF_facets_hardware1": (sim.IF_facets_hardware1, Facets(), "v gsyn_exc gsyn_inh".split(), STANDARD),
    "EIF_cond_exp_isfa_ista": (
        lambda: sim.EIF_cond_exp_isfa_ista(i_offset=0.9), AdaptiveExponential(),
        "v w gsyn_exc gsyn_inh".split(), STANDARD,
    ),
    "EIF without refractory period": (
        lambda: sim.EIF_cond_exp_isfa_ista(i_offset=0.9, tau_refrac=0.0), AdaptiveExponential(period=0),
        "v w gsyn_exc gsyn_inh".split(), STANDARD,
    ),
    "EIF with a steep upstroke": (
        lambda: sim.EIF_cond_exp_isfa_ista(i_offset=0.9, v_spike=20.0, delta_T=0.8, tau_refrac=2.0),
        AdaptiveExponential(0.8, 20.0, 20), "v w gsyn_exc gsyn_inh".split(), STANDARD,
    ),
    "EIF with delta_T = 0": (
        lambda: sim.EIF_cond_exp_isfa_ista(i_offset=0.9, delta_T=0.0), AdaptiveExponential(0.0, -50.4),
        "v w gsyn_exc gsyn_inh".split(), STANDARD,
    ),
    "EIF_cond_alpha_isfa_ista": (
        lambda: sim.EIF_cond_alpha_isfa_ista(i_offset=0.9, tau_refrac=3.0), AdaptiveExponentialAlpha(period=30),
        "v w gsyn_exc gsyn_inh".split(), STANDARD,
    ),
    "Izhikevich": (
        lambda: sim.Izhikevich(i_offset=0.014), Quadratic(), ["v", "u"], (("excitatory", 2.0), ("inhibitory", -0.5))
    ),
    "PointNeuron": (
        lambda: sim.PointNeuron(
            sim.AdExp(i_offset=0.9), A=sim.BetaPSR(tau_rise=0.5, tau_decay=4.0), B=sim.ExpPSR(e_syn=-80.0, tau_syn=3.0)
        ),
        Composed(), ["v", "w"], (("A", 0.02), ("B", 0.01)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_course_and_spikes_are_those_of_a_precise_integration(name):
    make, model, variables, weights = CASES[name]
    data = simulate(make(), variables, 1000, weights)
    expected, spikes = integrate(model, 1000)
    assert len(spikes) >= 2
    assert list(data["spikes"][0]) == spikes
    for column, variable in enumerate(variables):
        size = np.ptp(expected[:, column])
        assert np.max(np.abs(data[variable][:, 0] - expected[:, column])) < TOLERANCE * size, variable


@pytest.mark.parametrize("name", CASES)
def test_both_engines_do_the_same(name):
    """The same operations in the same order; NumPy's exp may differ from the compiler's in the last bit.

    In sub-steps of HH that grows to 1e-10 mV within some hundred steps, which is 1e-12 of the range of v.
    """
    make, _, variables, weights = CASES[name]
    steps = 150 if name == "HH_cond_exp" else 400
    compiled = simulate(make(), variables, steps, weights)
    plain = simulate(make(), variables, steps, weights, engine="numpy")
    assert np.array_equal(compiled["spikes"][0], plain["spikes"][0])
    for variable in variables:
        assert np.max(np.abs(compiled[variable] - plain[variable])) <= 1e-10 * np.ptp(compiled[variable])


@pytest.mark.parametrize("name", [n for n in CASES if "EIF" in n or n in ("Izhikevich", "PointNeuron")])
def test_no_sample_is_beyond_the_spike(name):
    make, _, _, weights = CASES[name]
    v = simulate(make(), ["v"], 2000, weights)["v"]
    limit = {"Izhikevich": 30.0, "EIF with a steep upstroke": 20.0, "EIF with delta_T = 0": -50.4}.get(name, -40.0)
    assert np.all(np.isfinite(v))
    assert v.max() < limit
    assert v.max() > v.min() + 10.0


@pytest.mark.parametrize("dt", [0.5, 1.0])
def test_spikes_within_long_steps_are_where_they_are_in_short_ones(dt):
    """The crossing is located, so a step as long as a millisecond moves spikes by its own rounding up and no more.

    With tau_refrac = 0 nothing else is on the grid; a spike's step is the one in which it falls.
    """
    fine = simulate(sim.EIF_cond_exp_isfa_ista(i_offset=0.9, tau_refrac=0.0), [], 20_000, dt=0.01)["spikes"][0] * 0.01
    coarse = simulate(sim.EIF_cond_exp_isfa_ista(i_offset=0.9, tau_refrac=0.0), [], round(200 / dt), dt=dt)["spikes"][0]
    assert len(fine) > 5
    assert np.all(np.abs(np.ceil(np.round(fine / dt, 6)) - coarse) <= np.isclose(fine / dt % 1.0, 0.0, atol=0.02))


def test_a_jump_beyond_the_threshold_is_a_spike_at_once():
    data = simulate(sim.Izhikevich(), ["v", "u"], 150, (("excitatory", 200.0),))
    assert list(data["spikes"][0]) == [101]
    assert data["v"][101, 0] == -65.0


def test_strong_drive_gives_one_spike_a_step_and_finite_numbers():
    data = simulate(sim.Izhikevich(i_offset=50.0), ["v", "u"], 200)
    spikes = data["spikes"][0]
    assert np.all(np.diff(spikes) >= 1)
    assert len(spikes) > 20
    assert np.all(np.isfinite(data["v"]))
    assert data["v"].max() < 30.01


# -- composed cell types


def test_composed_cell_with_one_receptor_of_each_sign_is_the_standard_type():
    """AdExp with two exponential receptors is EIF_cond_exp_isfa_ista: the same operations but for their order."""
    standard = simulate(sim.EIF_cond_exp_isfa_ista(i_offset=0.9), ["v", "w", "gsyn_exc"], 1000, STANDARD)
    composed = simulate(
        sim.PointNeuron(sim.AdExp(i_offset=0.9), exc=sim.ExpPSR(e_syn=0.0), inh=sim.ExpPSR(e_syn=-80.0)),
        ["v", "w", "exc.gsyn"], 1000, (("exc", 0.02), ("inh", 0.01)),
    )
    assert np.array_equal(standard["spikes"][0], composed["spikes"][0])
    assert np.max(np.abs(standard["v"] - composed["v"])) < 1e-9
    assert np.array_equal(standard["gsyn_exc"], composed["exc.gsyn"])


@pytest.mark.parametrize(("tau_rise", "tau_decay"), [(0.2, 1.7), (2.0, 2.0), (2.0, 2.0 * (1 + 1e-9)), (3.0, 1.0)])
def test_peak_of_a_beta_conductance_is_the_weight(tau_rise, tau_decay):
    """Sampled every 0.01 ms, the largest sample is below the peak by (dt/2)^2/2 times the curvature there."""
    cell = sim.PointNeuron(sim.LIF(), S=sim.BetaPSR(tau_rise=tau_rise, tau_decay=tau_decay))
    g = simulate(cell, ["S.gsyn"], 1500, (("S", 0.01),), dt=0.01)["S.gsyn"]
    assert g.max() == pytest.approx(0.01, rel=0.005**2 / 2 / (tau_rise * tau_decay))


def test_currents_of_named_receptors_add_up():
    """Two current receptors: each postsynaptic potential has its closed form, and the cell is linear."""
    cell = sim.PointNeuron(
        sim.LIF(), fast=sim.CurrExpPostSynapticResponse(tau_syn=2.0), slow=sim.CurrExpPostSynapticResponse(tau_syn=10.0)
    )
    v = simulate(cell, ["v"], 300, (("fast", 0.3), ("slow", -0.2)))["v"][:, 0]
    t = np.arange(301) * DT
    expected = np.full(301, -65.0)
    for onset in INPUT:
        since = np.maximum(t - onset - DT, 0.0)
        for weight, tau in ((0.3, 2.0), (-0.2, 10.0)):
            expected += weight * (np.exp(-since / 20.0) - np.exp(-since / tau)) / (1 / tau - 1 / 20.0)
    assert np.max(np.abs(v - expected)) < 1e-11


# -- the generalised integrate-and-fire cell


def test_threshold_and_current_of_gif_are_sums_over_its_spikes():
    """Between spikes the elements decay exponentially, which propagators do exactly: rounding only."""
    tau_eta, a_eta = np.array([2.0, 30.0]), np.array([0.4, 0.05])
    tau_gamma, a_gamma = np.array([5.0, 50.0, 200.0]), np.array([3.0, -1.0, 0.5])
    cell = sim.GIF_cond_exp(tau_eta=tau_eta, a_eta=a_eta, tau_gamma=tau_gamma, a_gamma=a_gamma, i_offset=1.2,
                            lambda0=10.0)
    data = simulate(cell, ["i_eta", "v_t"], 3000)
    t, spikes = np.arange(3001) * DT, data["spikes"][0] * DT
    assert len(spikes) > 5
    since = t[:, np.newaxis, np.newaxis] - spikes[:, np.newaxis]
    happened = since >= -1e-9
    for name, tau, a, rest in (("i_eta", tau_eta, a_eta, 0.0), ("v_t", tau_gamma, a_gamma, -48.0)):
        kernels = np.where(happened, a * np.exp(-np.where(happened, since, 0.0) / tau), 0.0)
        expected = rest + np.sum(kernels, axis=(1, 2))
        assert np.max(np.abs(data[name][:, 0] - expected)) < 1e-11


def test_membrane_of_gif_between_its_spikes():
    """With the recorded spikes given, v is that of a precise integration."""
    cell = sim.GIF_cond_exp(tau_eta=[20.0], a_eta=[0.3], tau_gamma=[50.0], a_gamma=[2.0], i_offset=1.2, lambda0=10.0)
    data = simulate(cell, ["v"], 1000, STANDARD)
    spikes = set(data["spikes"][0])
    assert len(spikes) > 2

    class Given(Model):
        start, period = (-65.0, 0.0, 0.0, 0.0), 40

        def slope(self, v, eta, e, i):
            return (-65.0 - v) / 20.0 - e * v + i * (-70.0 - v) - eta + 1.2, -eta / 20.0, -e / 5.0, -i / 5.0

        def spikes(self, y, before):
            return next(answers)

        def reset(self, y):
            return np.array([-65.0, y[1] + 0.3, *y[2:]])

        def arrive(self, y):
            return y + np.array([0.0, 0.0, 0.02, 0.01])

    # The model is asked in every step in which the cell is not refractory.
    held = set().union(*(range(s + 1, s + 41) for s in spikes))
    assert not spikes & held
    answers = iter([step in spikes for step in range(1, 1001) if step not in held])
    model = Given()
    expected, found = integrate(model, 1000)
    assert set(found) == spikes
    assert np.max(np.abs(data["v"][:, 0] - expected[:, 0])) < TOLERANCE * np.ptp(expected[:, 0])


def test_rate_of_gif_is_exponential_in_the_distance_from_the_threshold():
    """With v at rest and no memory, spikes are independent with p = 1 - exp(-lambda0 exp(x/delta_v) dt) a step.

    Counts in 200 cells x 2000 steps are binomial; each of 5 must be within 4.5 standard deviations (significance
    5 x 7e-6), for one fixed seed. Pairs of spikes in adjacent steps are binomial too: no memory.
    """
    distances = np.repeat(np.array([-1.0, -0.5, 0.0, 0.5, 1.0]), 200)
    cell = sim.GIF_cond_exp(v_rest=-48.0 + distances, v_reset=-48.0 + distances, v_t_star=-48.0, delta_v=0.5,
                            tau_refrac=0.0, lambda0=50.0, a_eta=[0.0], tau_eta=[1.0], a_gamma=[0.0], tau_gamma=[1.0])
    data = simulate(cell, [], 2000, size=1000, initial={"v": -48.0 + distances}, seed=1)
    counts = np.array([len(s) for s in data["spikes"]]).reshape(5, 200).sum(axis=1)
    p = -np.expm1(-50.0e-3 * np.exp(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])) * DT)
    deviations = (counts - 400_000 * p) / np.sqrt(400_000 * p * (1 - p))
    assert np.max(np.abs(deviations)) < 4.5
    pairs = np.array([np.sum(np.diff(s) == 1) for s in data["spikes"]]).reshape(5, 200).sum(axis=1)[2:]
    expected = 200 * 1999 * p[2:] ** 2
    # Overlapping pairs are correlated: the variance of their number is expected*(1 + 2p) to leading order.
    assert np.all(np.abs(pairs - expected) < 4.5 * np.sqrt(expected * (1 + 2 * p[2:])))


def test_spikes_of_gif_are_keyed_by_seed_population_trial_cell_and_step():
    cell = {"i_offset": 1.2, "lambda0": 10.0, "a_eta": [0.2], "tau_eta": [10.0], "a_gamma": [1.0], "tau_gamma": [20.0]}

    def trains(size, seed, engine="numba"):
        data = simulate(sim.GIF_cond_exp(**cell), [], 2000, size=size, seed=seed, engine=engine)
        return [tuple(steps) for steps in data["spikes"]]

    first = trains(20, 3)
    assert trains(20, 3) == first
    assert trains(20, 3, "numpy") == first
    assert trains(5, 3) == first[:5]
    assert trains(20, 4) != first
    assert len(set(first)) == 20
    sim.setup(timestep=DT, rng_seed=3)
    both = [sim.Population(20, sim.GIF_cond_exp(**cell)) for _ in range(2)]
    for population in both:
        population.record("spikes")
    sim.run(200.0)
    sim.reset()
    sim.run(200.0)
    segments = [population.get_data().segments for population in both]
    sim.end()
    runs = [
        [tuple(np.rint(np.array(train) / DT).astype(int)) for train in segment.spiketrains]
        for population in segments for segment in population
    ]
    assert runs[0] == first
    assert len({tuple(run) for run in runs}) == 4


def test_gif_cells_may_have_different_numbers_of_elements():
    """A cell in company is bit for bit the cell alone; shorter lists are filled up with elements that stay zero."""
    lists = [([1.0, 30.0], [0.3, 0.1]), ([10.0], [0.5]), ([], [])]
    common = {"i_offset": 1.5, "lambda0": 1e9, "tau_gamma": [10.0], "a_gamma": [1.0]}
    together = sim.GIF_cond_exp(tau_eta=[sim.ArrayParameter(t) for t, _ in lists],
                                a_eta=[sim.ArrayParameter(a) for _, a in lists], **common)
    data = simulate(together, ["v", "i_eta"], 600, size=3)
    for cell, (tau, a) in enumerate(lists):
        alone = simulate(sim.GIF_cond_exp(tau_eta=tau, a_eta=a, **common), ["v", "i_eta"], 600)
        assert len(alone["spikes"][0]) > 3
        # At 1e9 Hz the probability of a spike goes from 0 to 1 within 10 mV; the random number hardly matters.
        assert abs(len(alone["spikes"][0]) - len(data["spikes"][cell])) <= 1
        first = min(alone["spikes"][0][0], data["spikes"][cell][0])
        assert np.max(np.abs(alone["v"][:first, 0] - data["v"][:first, cell])) < 1e-12
    assert np.all(data["i_eta"][:, 2] == 0.0)
