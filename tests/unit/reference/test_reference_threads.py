"""Threads change how long a simulation takes, and nothing else: every bit of what it computes stays the same."""

from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.random import RandomDistribution
from pyNN.reference import layout, numba_engine

pytestmark = pytest.mark.filterwarnings("ignore::pyNN.errors.RoundingWarning")

CONDUCTANCE = {"cell": "IF_cond_exp", "weight": 0.006, "inhibition": 0.05}
CURRENT = {"cell": "IF_curr_exp", "weight": 0.15, "inhibition": -0.6}


def uniform(low: float, high: float) -> RandomDistribution:
    return RandomDistribution("uniform", low=low, high=high)


def static(case: dict[str, Any]) -> Any:
    return sim.StaticSynapse(weight=uniform(0.5 * case["weight"], case["weight"]), delay=uniform(0.1, 3.0))


def stdp(case: dict[str, Any]) -> Any:
    return sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(),
        weight_dependence=sim.AdditiveWeightDependence(w_max=2 * case["weight"]),
        weight=uniform(0.5 * case["weight"], case["weight"]),
        delay=uniform(0.2, 2.0),
    )


def stochastic(case: dict[str, Any]) -> Any:
    return sim.SimpleStochasticSynapse(weight=case["weight"], p=0.5, delay=0.4)


def electrical(case: dict[str, Any]) -> Any:
    return sim.ElectricalSynapse(weight=0.0005)


def simulate(case: dict[str, Any], synapse: Any, size: int = 300, **options: Any) -> list[Any]:
    """Everything that a recurrent network with views, assemblies, currents and recordings has to tell."""
    sim.setup(timestep=0.1, rng_seed=7, **options)
    cell = getattr(sim, case["cell"])
    excitatory = sim.Population(size, cell(tau_m=uniform(15.0, 25.0)))
    inhibitory = sim.Population(size // 4, cell())
    noise = sim.Population(40, sim.SpikeSourcePoisson(rate=250.0))
    cells = (excitatory, inhibitory)
    for population in cells:
        population.initialize(v=uniform(-65.0, -51.0))
        population.record("spikes")
        population[2:61:5].record("v", sampling_interval=0.3)
    projections = [sim.Projection(excitatory, excitatory, sim.FixedProbabilityConnector(0.1), synapse(case))]
    for population in cells:
        projections += [
            sim.Projection(noise, population, sim.FixedProbabilityConnector(0.3), static(case)),
            sim.Projection(excitatory, inhibitory, sim.FixedProbabilityConnector(0.1), synapse(case)),
            sim.Projection(
                inhibitory, population, sim.FixedProbabilityConnector(0.1),
                sim.StaticSynapse(weight=case["inhibition"], delay=0.4), receptor_type="inhibitory",
            ),
        ]  # fmt: skip
    mixed = sim.Assembly(excitatory[::3], inhibitory)
    projections.append(sim.Projection(mixed, mixed, sim.FixedProbabilityConnector(0.05), static(case)))
    sim.DCSource(amplitude=0.2, start=5.0, stop=45.0).inject_into(excitatory[::2])
    found: list[Any] = []
    for duration in (20.0, 17.3, 22.7):
        sim.run(duration)
        projections[1].set(weight=case["weight"])
    for population in cells:
        block = population.get_data().segments[0]
        found += [np.asarray(train.magnitude) for train in block.spiketrains]
        found += [np.asarray(signal.magnitude) for signal in block.analogsignals]
    found += [np.array(projection.get("weight", "list")) for projection in projections]
    sim.end()
    return found


@pytest.mark.parametrize("synapse", [static, stdp, stochastic, electrical])
@pytest.mark.parametrize("case", [CONDUCTANCE, CURRENT], ids=lambda case: str(case["cell"]))
def test_no_bit_depends_on_the_number_of_threads(case: dict[str, Any], synapse: Any) -> None:
    one = simulate(case, synapse)
    assert sum(len(found) for found in one[:300]) > 100, "a network without spikes shows nothing"
    for threads in (2, 3, 7):
        several = simulate(case, synapse, threads=threads)
        assert len(several) == len(one)
        for a, b in zip(one, several, strict=True):
            np.testing.assert_array_equal(a, b)


def test_threads_agree_with_the_plain_engine() -> None:
    plain = simulate(CONDUCTANCE, static, engine="numpy")
    threaded = simulate(CONDUCTANCE, static, threads=2)
    for a, b in zip(plain, threaded, strict=True):
        # Sums of the same terms in the same order; exponentials may differ in their last digit.
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=0)


def test_more_threads_than_blocks_of_cells() -> None:
    one = simulate(CURRENT, static, size=20)
    for a, b in zip(one, simulate(CURRENT, static, size=20, threads=16), strict=True):
        np.testing.assert_array_equal(a, b)


def test_results_do_not_depend_on_how_a_threaded_run_is_cut() -> None:
    def run(durations: list[float]) -> list[Any]:
        sim.setup(timestep=0.1, threads=3)
        cells = sim.Population(500, sim.IF_cond_exp(i_offset=uniform(0.0, 1.0)))
        cells.record("spikes")
        sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.1), static(CONDUCTANCE))
        for duration in durations:
            sim.run(duration)
        trains = cells.get_data().segments[0].spiketrains
        return [np.asarray(train.magnitude) for train in trains]

    whole, cut = run([60.0]), run([0.1, 0.2, 9.7, 30.0, 20.0])
    assert sum(map(len, whole)) > 500
    for a, b in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(a, b)


def is_alone() -> bool:
    return bool(sim.script.simulation._session._engine._control[layout.ALONE])


def test_one_thread_does_what_is_short_alone_and_gets_help_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(threads: int, limits: list[int]) -> tuple[list[Any], list[bool]]:
        sim.setup(timestep=0.1, rng_seed=3, threads=threads)
        cells = sim.Population(500, sim.IF_cond_exp(i_offset=uniform(0.0, 1.0)))
        cells.record("spikes")
        sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.1), static(CONDUCTANCE))
        alone = []
        for limit in limits:
            monkeypatch.setattr(numba_engine, "_TURN_TAKING", limit)
            sim.run(60.0)
            alone.append(is_alone())
        return [np.asarray(train.magnitude) for train in cells.get_data().segments[0].spiketrains], alone

    second = 1_000_000_000
    one, never = run(1, [0, 0, 0, 0])
    several, changes = run(2, [0, second, 0, second])
    assert changes == [False, True, False, True]
    assert never == [False] * 4
    assert sum(map(len, one)) > 500
    for a, b in zip(one, several, strict=True):
        np.testing.assert_array_equal(a, b)


def test_small_networks_start_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba_engine, "_TURN_TAKING", 1_000_000_000)
    monkeypatch.setattr(numba_engine.threading, "Thread", None)
    sim.setup(timestep=0.1, threads=2)
    cells = sim.Population(10, sim.IF_curr_exp())
    sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.01, delay=0.1))
    sim.run(100.0)
    sim.run(1.0)
    assert is_alone()
