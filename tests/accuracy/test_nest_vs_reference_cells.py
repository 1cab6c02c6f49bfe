"""The other cell types on NEST and on the reference backend: the same trains and currents give the same traces."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from pyNN.standardmodels import cells, receptors

DT = 0.1
N = 12
DURATION = 150.0


@dataclass(frozen=True)
class Case:
    """A cell type with parameters spread over the cells, and how far the two backends may be apart."""

    spread: dict[str, tuple[float, float]]
    weight: float
    silent: dict[str, Any]
    """Parameters with which no cell fires."""
    tolerance: float
    """Largest difference of any variable of silent cells, in its own unit."""
    shift: int
    """Largest difference of the steps of a spike."""


# Silent cells: both integrate with adaptive or fine steps of order 4 or more, NEST to 1e-6 of the variable in a step,
# of which the leak forgets most; measured 1e-11 to 3e-9 mV, for HH_cond_exp with its steep gates 2e-5 mV.
# Spikes: the linear threshold cells agree to the step. A spike of the exponential cells and of HH_cond_exp moves by the
# difference of the time in the step at which the steep upstroke was met, so it may fall into the next step; in this
# test all of them are in the same steps.
CASES = {
    "IF_cond_exp_gsfa_grr": Case(
        {"i_offset": (0.8, 1.8), "tau_sfa": (50.0, 150.0), "q_sfa": (5.0, 30.0), "q_rr": (500.0, 3000.0)},
        0.01,
        {"v_thresh": 0.0},
        1e-7,
        0,
    ),
    "IF_facets_hardware1": Case({"g_leak": (10.0, 40.0), "v_rest": (-60.0, -50.0)}, 0.005, {"v_thresh": 20.0}, 1e-7, 0),
    "EIF_cond_exp_isfa_ista": Case(
        {"i_offset": (0.4, 1.2), "a": (0.0, 8.0), "b": (0.02, 0.1), "tau_w": (50.0, 150.0)},
        0.005,
        {"v_thresh": 0.0, "v_spike": 10.0},
        1e-7,
        1,
    ),
    "EIF_cond_alpha_isfa_ista": Case(
        {"i_offset": (0.4, 1.2), "a": (0.0, 8.0), "b": (0.02, 0.1), "tau_w": (50.0, 150.0)},
        0.005,
        {"v_thresh": 0.0, "v_spike": 10.0},
        1e-7,
        1,
    ),
    "HH_cond_exp": Case({"i_offset": (0.3, 1.5), "g_leak": (0.008, 0.012)}, 0.005, {"gbar_Na": 0.0}, 1e-4, 1),
}
RECEPTORS = ("excitatory", "inhibitory")


def simulate(
    backend: str, make: Callable[[Any], Any], names: tuple[str, ...], weight: float, dt: float = DT
) -> tuple[list[Any], dict[str, Any]]:
    """Spike steps of each cell and all recorded variables of N cells with random trains and an alternating current."""
    sim = importlib.import_module(f"pyNN.{backend}")
    rng = np.random.default_rng(5)
    sim.setup(timestep=dt, min_delay=0.5)
    population = sim.Population(N, make(rng))
    population.record(population.celltype.recordable)
    for name in names:
        trains = [sim.Sequence(np.sort(np.round(rng.uniform(1.0, DURATION, 15), 1))) for _ in range(6)]
        source = sim.Population(6, sim.SpikeSourceArray(spike_times=trains))
        pairs = [(i, j, weight, 0.5 + 0.1 * (j % 3)) for i in range(6) for j in range(N) if (i + j) % 2]
        sim.Projection(source, population, sim.FromListConnector(pairs), sim.StaticSynapse(), receptor_type=name)
    sim.ACSource(amplitude=0.2, frequency=20.0, start=20.0, stop=100.0).inject_into(population[: N // 2])
    sim.run(DURATION)
    segment = population.get_data().segments[0]
    steps = [np.rint(train.magnitude / dt).astype(int) for train in segment.spiketrains]
    return steps, {signal.name: signal.magnitude for signal in segment.analogsignals}


def both(make: Callable[[Any], Any], names: tuple[str, ...], weight: float) -> tuple[Any, Any]:
    return simulate("nest", make, names, weight), simulate("reference", make, names, weight)


def spread(case: Case, name: str, **fixed: Any) -> Callable[[Any], Any]:
    def make(rng: Any) -> Any:
        values = {key: rng.uniform(low, high, N) for key, (low, high) in case.spread.items()}
        return getattr(cells, name)(**{**values, **fixed})

    return make


def largest(found: dict[str, Any], expected: dict[str, Any]) -> float:
    assert list(found) == list(expected)
    for name, values in found.items():
        assert values.shape == expected[name].shape
    return max(float(np.abs(values - expected[name]).max()) for name, values in found.items())


@pytest.mark.parametrize("name", CASES)
def test_silent_cells_have_the_same_traces(name: str) -> None:
    case = CASES[name]
    (spikes, found), (_, expected) = both(spread(case, name, **case.silent), RECEPTORS, case.weight)
    assert sum(map(len, spikes)) == 0
    assert np.ptp(found["v"]) > 5.0
    assert largest(found, expected) < case.tolerance


@pytest.mark.parametrize("name", CASES)
def test_spikes_come_in_the_same_steps(name: str) -> None:
    case = CASES[name]
    (found, _), (expected, _) = both(spread(case, name), RECEPTORS, case.weight)
    assert sum(map(len, expected)) > 50
    assert [len(train) for train in found] == [len(train) for train in expected]
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - other).max(initial=0) <= case.shift


COMPOSED: dict[str, tuple[Any, dict[str, Any], float, float]] = {
    # The same solver tolerances as above; a time constant equal to tau_m is moved by 1e-9 of itself on NEST.
    "LIF, currents": (
        cells.LIF,
        {
            "fast": lambda: receptors.CurrExpPostSynapticResponse(tau_syn=2.0),
            "equal": lambda: receptors.CurrExpPostSynapticResponse(tau_syn=20.0),
            "slow": lambda: receptors.CurrExpPostSynapticResponse(tau_syn=40.0),
        },
        0.1,
        1e-6,
    ),
    "LIF, alpha": (
        cells.LIF,
        {
            "AMPA": lambda: receptors.CondAlphaPostSynapticResponse(tau_syn=2.0),
            "GABA": lambda: receptors.CondAlphaPostSynapticResponse(tau_syn=5.0, e_syn=-70.0),
            "NMDA": lambda: receptors.CondAlphaPostSynapticResponse(tau_syn=30.0),
        },
        0.002,
        1e-6,
    ),
    "LIF, alpha and beta": (
        cells.LIF,
        {
            "AMPA": lambda: receptors.CondAlphaPostSynapticResponse(tau_syn=2.0),
            "GABA": lambda: receptors.CondBetaPostSynapticResponse(tau_rise=1.0, tau_decay=7.0, e_syn=-70.0),
        },
        0.003,
        1e-6,
    ),
    "LIF, exponential": (
        cells.LIF,
        {
            "AMPA": lambda: receptors.CondExpPostSynapticResponse(tau_syn=2.0),
            "GABA": lambda: receptors.CondExpPostSynapticResponse(tau_syn=7.0, e_syn=-70.0),
        },
        0.006,
        1e-6,
    ),
    # Adaptation carries on the differences of the times within a step at which spikes arise.
    "AdExp, beta": (
        cells.AdExp,
        {
            "A": lambda: receptors.CondBetaPostSynapticResponse(tau_rise=1.0, tau_decay=7.0),
            "B": lambda: receptors.CondBetaPostSynapticResponse(tau_rise=0.5, tau_decay=3.0, e_syn=-80.0),
            "C": lambda: receptors.CondBetaPostSynapticResponse(tau_rise=3.0, tau_decay=3.0, e_syn=-70.0),
        },
        0.003,
        0.2,
    ),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_cells_agree_receptor_by_receptor(name: str) -> None:
    neuron, made, weight, tolerance = COMPOSED[name]

    def make(rng: Any) -> Any:
        parts = {key: receptor() for key, receptor in made.items()}
        return cells.PointNeuron(neuron(i_offset=rng.uniform(0.5, 1.3, N), tau_refrac=2.0), **parts)

    (found, traces), (expected, others) = both(make, tuple(made), weight)
    assert sum(map(len, expected)) > 10
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    for receptor in made:
        variable = next(key for key in traces if key.startswith(f"{receptor}."))
        assert np.ptp(traces[variable]) > 0.0
    assert largest(traces, others) < tolerance


def test_izhikevich_on_nest_converges_to_the_reference_as_the_step_shrinks() -> None:
    # NEST takes one explicit Euler step in each time step: order 1, so that half the step halves the difference.
    def make(rng: Any) -> Any:
        return cells.Izhikevich(i_offset=rng.uniform(0.003, 0.005, N))

    def difference(dt: float) -> tuple[float, int]:
        results = []
        for backend in ("nest", "reference"):
            sim = importlib.import_module(f"pyNN.{backend}")
            sim.setup(timestep=dt, min_delay=dt)
            population = sim.Population(N, make(np.random.default_rng(1)))
            population.record(["spikes", "v"])
            sim.run(40.0)
            segment = population.get_data().segments[0]
            before = segment.analogsignals[0].magnitude[: round(4.0 / dt)]
            results.append((before, [train.magnitude for train in segment.spiketrains]))
        (one, spikes), (other, expected) = results
        assert all(len(a) == len(b) > 0 for a, b in zip(spikes, expected, strict=True))
        late = max(float(np.abs(a[0] - b[0]).max()) for a, b in zip(spikes, expected, strict=True))
        # The first spike comes late by a few steps, whatever the step is.
        return float(np.abs(one - other).max()), round(late / dt)

    errors = [difference(dt) for dt in (0.1, 0.05, 0.025)]
    (coarse, _), (middle, _), (fine, _) = errors
    assert coarse < 1.0
    assert 1.6 < coarse / middle < 2.4 and 1.6 < middle / fine < 2.4
    assert all(late <= 3 for _, late in errors)


def gif(sim: Any, **parameters: Any) -> Any:
    return sim.Population(N, cells.GIF_cond_exp(i_offset=np.linspace(0.8, 2.0, N), **parameters))


def test_gif_with_a_sharp_threshold_is_the_same_to_a_step() -> None:
    # With delta_v = 1e-6 mV nothing is random. NEST compares v at the end of a step with v_t at its beginning, the
    # reference with v_t at the end, so a spike may come one step later on NEST, and what follows it as much.
    results = []
    for backend in ("nest", "reference"):
        sim = importlib.import_module(f"pyNN.{backend}")
        sim.setup(timestep=DT)
        population = gif(sim, delta_v=1e-6)
        population.record(["spikes", "v"])
        sim.run(100.0)
        segment = population.get_data().segments[0]
        steps = [np.rint(train.magnitude / DT).astype(int) for train in segment.spiketrains]
        results.append((steps, segment.analogsignals[0].magnitude))
    (found, v), (expected, w) = results
    assert sum(map(len, expected)) > N
    for cell, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert len(one) == len(other)
        assert ((one - other) >= 0).all() and ((one - other) <= np.arange(len(one))).all()
        quiet = one[0] if len(one) else len(v)
        # NEST solves to 1e-6 of the potential in a step; measured 1e-11 mV.
        np.testing.assert_allclose(v[:quiet, cell], w[:quiet, cell], rtol=0.0, atol=1e-6)


def test_gif_fires_at_the_same_rate_on_both() -> None:
    # Spikes per cell, of independent cells: the difference of two means within four standard errors (p = 6e-5).
    counts = []
    for backend in ("nest", "reference"):
        sim = importlib.import_module(f"pyNN.{backend}")
        sim.setup(timestep=DT, rng_seed=3)
        population = sim.Population(400, cells.GIF_cond_exp(i_offset=1.2, delta_v=2.0, lambda0=20.0))
        population.record("spikes")
        sim.run(200.0)
        trains = population.get_data().segments[0].spiketrains
        counts.append(np.array([len(train) for train in trains]))
    one, other = counts
    assert one.mean() > 1.0 and one.std() > 0.0
    error = np.sqrt(one.var() / len(one) + other.var() / len(other))
    assert abs(one.mean() - other.mean()) < 4.0 * error
