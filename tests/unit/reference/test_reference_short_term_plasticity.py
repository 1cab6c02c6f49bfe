"""Short-term plasticity, stochastic release and gap junctions against SciPy, closed forms and statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

import pyNN.reference as sim

ENGINES = ("numba", "numpy")
DT = 0.1
SPIKES = np.array([5.0, 12.5, 13.0, 40.0, 41.0, 42.0, 43.0, 90.0])


def released(times, U, tau_rec, tau_facil, tau_psc, u=0.0, since=0.0):
    """u*x at each spike: the equations of Tsodyks, Uziel and Markram (2000) solved with SciPy's matrix exponential."""
    rates = [0.0 if tau_facil == 0 else -1.0 / tau_facil, -1.0 / tau_psc, -1.0 / tau_rec]
    # State: u, y, z with x = 1 - y - z; dz/dt = y/tau_psc - z/tau_rec.
    matrix = np.diag(rates)
    matrix[2, 1] = 1.0 / tau_psc
    state, amounts = np.array([u, 0.0, 0.0]), []
    for time in times:
        state = scipy.linalg.expm(matrix * (time - since)) @ state
        if tau_facil == 0:
            state[0] = 0.0
        state[0] += U * (1.0 - state[0])
        amount = state[0] * (1.0 - state[1] - state[2])
        state[1] += amount
        amounts.append(amount)
        since = time
    return np.array(amounts)


def jumps(cells, times, delay=1.0):
    """How much the current of each cell (cells without leak of their own) jumps at each spike's arrival."""
    signal = cells.get_data().segments[-1].filter(name="isyn_exc")[0].magnitude
    decay = np.exp(-DT / np.asarray(cells.get("tau_syn_E")))
    at = np.rint((np.asarray(times) + delay) / DT).astype(int)
    return signal[at] - signal[at - 1] * decay


def one_synapse(engine, synapse, times=SPIKES, n=1, tau_syn=3.0, **setup):
    sim.setup(timestep=DT, min_delay=DT, engine=engine, **setup)
    pre = sim.Population(1, sim.SpikeSourceArray(spike_times=times))
    post = sim.Population(n, sim.IF_curr_exp(tau_syn_E=tau_syn))
    post.record("isyn_exc")
    return post, sim.Projection(pre, post, sim.AllToAllConnector(), synapse)


TM = [
    dict(U=0.5, tau_rec=100.0, tau_facil=0.0),
    dict(U=0.1, tau_rec=30.0, tau_facil=200.0),
    dict(U=0.3, tau_rec=3.0, tau_facil=50.0),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("parameters", TM)
def test_tsodyks_markram(engine, parameters):
    """In the last case tau_rec = tau_psc: the usual formula divides 0 by 0. 1e-11 is the rounding of the jumps."""
    post, projection = one_synapse(engine, sim.TsodyksMarkramSynapse(weight=0.7, delay=1.0, **parameters))
    sim.run(100.0)
    wanted = 0.7 * released(SPIKES, tau_psc=3.0, **parameters)
    assert jumps(post, SPIKES)[:, 0] == pytest.approx(wanted, rel=1e-11)
    assert (projection.get("weight", "array") == 0.7).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_tsodyks_markram_with_different_parameters_and_time_constants(engine):
    """Each connection has its own U, and each target its own tau_syn_E, which is the synapse's tau_psc."""
    taus = np.array([2.0, 3.0, 8.0])
    synapse = sim.TsodyksMarkramSynapse(U=[0.2, 0.5, 0.9], tau_rec=50.0, tau_facil=20.0, weight=0.7, delay=1.0)
    post, _ = one_synapse(engine, synapse, n=3, tau_syn=taus)
    sim.run(100.0)
    found = jumps(post, SPIKES)
    for cell, U in enumerate((0.2, 0.5, 0.9)):
        wanted = 0.7 * released(SPIKES, U, 50.0, 20.0, taus[cell])
        assert found[:, cell] == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize("engine", ENGINES)
def test_tsodyks_markram_uses_the_receptors_present_time_constant(engine):
    post, _ = one_synapse(engine, sim.TsodyksMarkramSynapse(U=0.4, tau_rec=60.0, weight=0.7, delay=1.0))
    post.set(tau_syn_E=9.0)
    sim.run(100.0)
    assert jumps(post, SPIKES)[:, 0] == pytest.approx(0.7 * released(SPIKES, 0.4, 60.0, 0.0, 9.0), rel=1e-11)


@pytest.mark.parametrize("engine", ENGINES)
def test_tsodyks_markram_starts_with_the_given_u_and_shows_its_state(engine):
    post, projection = one_synapse(
        engine, sim.TsodyksMarkramSynapse(U=0.2, tau_rec=60.0, tau_facil=100.0, weight=0.7, delay=1.0)
    )
    projection.initialize(u=0.8)
    sim.run(100.0)
    wanted = 0.7 * released(SPIKES, 0.2, 60.0, 100.0, 3.0, u=0.8)
    assert jumps(post, SPIKES)[:, 0] == pytest.approx(wanted, rel=1e-11)
    u = 0.8 * math.exp(-5.0 / 100.0)
    for interval in [*np.diff(SPIKES), 10.0]:
        u = (u + 0.2 * (1.0 - u)) * math.exp(-interval / 100.0)
    assert projection.get("u", "list", with_address=False) == [pytest.approx(u, rel=1e-11)]


@pytest.mark.parametrize("engine", ENGINES)
def test_parameters_of_short_term_plasticity_can_be_changed_in_between(engine):
    post, projection = one_synapse(engine, sim.TsodyksMarkramSynapse(U=0.5, tau_rec=100.0, weight=0.7, delay=1.0))
    sim.run(30.0)
    projection.set(U=0.25, weight=1.4)
    sim.run(70.0)
    first = released(SPIKES[:3], 0.5, 100.0, 0.0, 3.0)
    matrix = np.array([[-1 / 3.0, 0.0], [1 / 3.0, -1 / 100.0]])
    state = np.zeros(2)
    before, wanted = 0.0, []
    for time, U, weight in zip(SPIKES, [0.5] * 3 + [0.25] * 5, [0.7] * 3 + [1.4] * 5, strict=True):
        state = scipy.linalg.expm(matrix * (time - before)) @ state
        amount = U * (1.0 - state.sum())
        state[0] += amount
        wanted.append(weight * amount)
        before = time
    assert wanted[:3] == pytest.approx(0.7 * first, rel=1e-12)
    assert jumps(post, SPIKES)[:, 0] == pytest.approx(np.array(wanted), rel=1e-11)


def stochastic(engine, synapse, cells, times, seed=1, repeats=1):
    post, _ = one_synapse(engine, synapse, times, n=cells, rng_seed=seed)
    results = []
    for _ in range(repeats):
        sim.run(float(times[-1]) + 5.0)
        results.append(np.rint(jumps(post, times) / 0.5).astype(int))
        sim.reset()
    return results[0] if repeats == 1 else results


def test_simple_stochastic_synapses_release_with_probability_p():
    """20 spikes over 2000 synapses: counts are binomial, tested two-sided at 1e-4; synapses and spikes independent."""
    counts = stochastic("numba", sim.SimpleStochasticSynapse(p=0.3, weight=0.5, delay=1.0), 2000, np.arange(1, 21.0))
    assert set(np.unique(counts)) == {0, 1}
    assert scipy.stats.binomtest(int(counts.sum()), counts.size, 0.3).pvalue > 1e-4
    per_cell = np.bincount(counts.sum(axis=0), minlength=21)
    expected = 2000 * scipy.stats.binom.pmf(np.arange(21), 20, 0.3)
    few = expected >= 5
    observed = np.r_[per_cell[few], per_cell[~few].sum()]
    assert scipy.stats.chisquare(observed, np.r_[expected[few], expected[~few].sum()]).pvalue > 1e-4


@pytest.mark.parametrize("name", ["SimpleStochasticSynapse", "StochasticTsodyksMarkramSynapse", "MultiQuantalSynapse"])
def test_both_engines_draw_the_same(name):
    times = np.array([1.0, 1.1, 2.0, 7.0, 8.0, 20.0])
    synapse = getattr(sim, name)(weight=0.5, delay=1.0)
    assert (stochastic("numba", synapse, 50, times) == stochastic("numpy", synapse, 50, times)).all()


def test_trials_and_seeds_differ_and_repeat():
    synapse = sim.SimpleStochasticSynapse(weight=0.5, delay=1.0)
    times = np.arange(1.0, 11.0)
    first = stochastic("numba", synapse, 100, times, repeats=2)
    again = stochastic("numba", synapse, 100, times, repeats=2)
    other = stochastic("numba", synapse, 100, times, seed=2, repeats=2)
    assert (first[0] == again[0]).all() and (first[1] == again[1]).all()
    assert (first[0] != first[1]).any() and (first[0] != other[0]).any()


def test_multiquantal_release_follows_its_distribution():
    """First: binomial(n, U). Then recovery with 1 - exp(-t/tau_rec), and u = U + U*(1 - U)*exp(-t/tau_facil)."""
    n, U, tau_rec, tau_facil, gap = 5, 0.4, 20.0, 30.0, 10.0
    synapse = sim.MultiQuantalSynapse(n=n, U=U, tau_rec=tau_rec, tau_facil=tau_facil, weight=0.5, delay=1.0)
    counts = stochastic("numba", synapse, 5000, np.array([3.0, 3.0 + gap]))
    k = np.arange(n + 1)
    first = scipy.stats.binom.pmf(k, n, U)
    assert scipy.stats.chisquare(np.bincount(counts[0], minlength=n + 1), 5000 * first).pvalue > 1e-4
    u = U + U * (1 - U) * math.exp(-gap / tau_facil)
    second = np.zeros(n + 1)
    for gone in k:
        for empty in range(gone + 1):
            weight = first[gone] * scipy.stats.binom.pmf(empty, gone, math.exp(-gap / tau_rec))
            second += weight * scipy.stats.binom.pmf(k, n - empty, u)
    assert scipy.stats.chisquare(np.bincount(counts[1], minlength=n + 1), 5000 * second).pvalue > 1e-4


def test_stochastic_tsodyks_markram_has_the_deterministic_mean():
    """Fuhrmann et al. 2002: the mean release is u*x of the deterministic synapse with instantaneous inactivation."""
    times, U, tau_rec, tau_facil = np.array([2.0, 12.0, 22.0, 60.0]), 0.5, 40.0, 25.0
    synapse = sim.StochasticTsodyksMarkramSynapse(U=U, tau_rec=tau_rec, tau_facil=tau_facil, weight=0.5, delay=1.0)
    counts = stochastic("numba", synapse, 20000, times)
    u, x, before = 0.0, 1.0, 0.0
    for spike, time in enumerate(times):
        u *= math.exp(-(time - before) / tau_facil)
        x = 1.0 - (1.0 - x) * math.exp(-(time - before) / tau_rec)
        u += U * (1.0 - u)
        assert scipy.stats.binomtest(int(counts[spike].sum()), 20000, u * x).pvalue > 1e-4
        x *= 1.0 - u
        before = time


# --- gap junctions


def coupled(engine, dt, conductance, cm=(0.1, 0.2)):
    sim.setup(timestep=dt, min_delay=dt, engine=engine)
    cells = sim.Population(2, sim.IF_cond_exp(cm=list(cm), tau_m=[10.0, 25.0], v_rest=-65.0, v_thresh=1e9))
    cells.initialize(v=[-55.0, -70.0])
    cells.record("v")
    projection = sim.Projection(
        cells, cells, sim.FromListConnector([(0, 1)]), sim.ElectricalSynapse(weight=conductance), receptor_type="gap"
    )
    return cells, projection


def coupled_error(engine, dt):
    cm, g = np.array([0.1, 0.2]), 0.008
    cells, _ = coupled(engine, dt, g, cm)
    sim.run(20.0)
    v = cells.get_data().segments[-1].filter(name="v")[0].magnitude
    matrix = np.diag(-1.0 / np.array([10.0, 25.0])) + g * np.array([[-1.0, 1.0], [1.0, -1.0]]) / cm[:, np.newaxis]
    times = np.arange(len(v)) * dt
    exact = np.array([-65.0 + scipy.linalg.expm(matrix * t) @ np.array([10.0, -5.0]) for t in times])
    return np.abs(v - exact).max()


@pytest.mark.parametrize("engine", ENGINES)
def test_gap_junctions_between_passive_cells_are_second_order(engine):
    """Against the exact solution of the two coupled cells: a tenth of the step makes a hundredth of the error."""
    errors = [coupled_error(engine, dt) for dt in (0.4, 0.2, 0.1)]
    assert errors[2] < 2e-3
    assert 3.5 < errors[0] / errors[1] < 4.6
    assert 3.5 < errors[1] / errors[2] < 4.6


def test_gap_junctions_conserve_charge_and_engines_agree():
    traces = []
    for engine in ENGINES:
        cells, _ = coupled(engine, 0.1, 0.01)
        cells.set(tau_m=1e9)
        sim.run(50.0)
        traces.append(cells.get_data().segments[-1].filter(name="v")[0].magnitude)
        charge = traces[-1] @ np.array([0.1, 0.2])
        assert np.ptp(charge) < 1e-6
        assert abs(np.diff(traces[-1][-1])[0]) < 0.1
    assert np.abs(traces[0] - traces[1]).max() < 1e-11


@pytest.mark.parametrize("engine", ENGINES)
def test_a_gap_junction_can_be_changed_and_joins_other_cell_types(engine):
    sim.setup(timestep=0.1, min_delay=0.1, engine=engine)
    a = sim.Population(1, sim.IF_curr_exp(v_thresh=1e9))
    b = sim.Population(2, sim.IF_curr_delta(v_thresh=1e9))
    b.record("v")
    sim.DCSource(amplitude=0.5).inject_into(a)
    projection = sim.Projection(a, b[1:2], sim.AllToAllConnector(), sim.ElectricalSynapse(weight=0.0))
    sim.run(20.0)
    projection.set(weight=0.02)
    assert projection.get("weight", "list") == [(0, 0, 0.02)]
    sim.run(200.0)
    v = b.get_data().segments[-1].filter(name="v")[0].magnitude
    assert (v[:, 0] == -65.0).all()
    assert (v[:201, 1] == -65.0).all()
    # In the steady state 0.05 uS leak in each cell, and 0.02 uS between them, divide 0.5 nA.
    depolarised = np.linalg.solve([[0.07, -0.02], [-0.02, 0.07]], [0.5, 0.0])
    assert v[-1, 1] == pytest.approx(-65.0 + depolarised[1], abs=1e-3)


def test_gap_junctions_need_membrane_potentials():
    sim.setup(timestep=0.1, min_delay=0.1)
    source = sim.Population(1, sim.SpikeSourceArray())
    cells = sim.Population(1, sim.IF_cond_exp())
    with pytest.raises(sim.errors.ConnectionError, match="membrane potential"):
        sim.Projection(source, cells, sim.AllToAllConnector(), sim.ElectricalSynapse(weight=0.1))
