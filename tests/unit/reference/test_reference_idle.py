"""Receptors without input cost cells nothing, and the results are the same to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.equations import CellType
from pyNN.random import RandomDistribution
from pyNN.reference import layout, numba_engine

SIZE = 2500
"""Cells of three blocks that are updated together, of which the last is not full."""


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    sim.script.simulation.close()


def idle() -> list[int]:
    engine = sim.script.simulation._session._engine
    return [int(bits) for bits in np.unique(engine._parts[:, 0, layout.IDLE])]


def awake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba_engine, "idle_bits", lambda states, receptors: 0)


def network(cell: Any, receptor: str, **options: Any) -> Any:
    sim.setup(timestep=0.1, min_delay=0.1, max_delay=3.0, rng_seed=4, **options)
    cells = sim.Population(SIZE, cell, initial_values={"v": RandomDistribution("uniform", low=-70.0, high=-55.0)})
    noise = sim.Population(100, sim.SpikeSourcePoisson(rate=200.0))
    weight = 0.02 if receptor == "excitatory" else -0.02
    synapse = sim.StaticSynapse(weight=weight, delay=RandomDistribution("uniform", low=0.1, high=3.0))
    sim.Projection(noise, cells, sim.FixedProbabilityConnector(0.1), synapse, receptor_type=receptor)
    cells.record("spikes")
    cells[::100].record("v")
    return cells


def results(cells: Any) -> list[Any]:
    """Spike trains, recorded V, and all states of all cells."""
    segment = cells.get_data().segments[-1]
    trains = [np.asarray(train.magnitude) for train in segment.spiketrains]
    states = sim.script.simulation._session._world.cells[0].states.copy()
    return [*trains, np.asarray(segment.filter(name="v")[0].magnitude), states]


def equal(first: list[Any], second: list[Any]) -> None:
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


MODELS = {
    "IF_curr_exp": (lambda: sim.IF_curr_exp(i_offset=0.8), "excitatory"),
    "inhibition alone": (lambda: sim.IF_curr_exp(i_offset=0.95), "inhibitory"),
    "coupled states": (lambda: sim.IF_cond_alpha(i_offset=0.8), "excitatory"),
    "nonlinear": (lambda: sim.EIF_cond_exp_isfa_ista(i_offset=0.9), "excitatory"),
    "side by side": (lambda: sim.HH_cond_exp(i_offset=0.5), "excitatory"),
}


@pytest.mark.filterwarnings("ignore::pyNN.errors.RoundingWarning")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("model", MODELS)
def test_cells_with_an_idle_receptor_do_what_they_do_without_the_shortcut(
    monkeypatch: pytest.MonkeyPatch, model: str, threads: int
) -> None:
    found = []
    for shortcut in (True, False):
        if not shortcut:
            awake(monkeypatch)
        make, receptor = MODELS[model]
        cells = network(make(), receptor, threads=threads)
        sim.run(20.0)
        sim.run(20.0)
        assert (idle() != [0]) == shortcut
        found.append(results(cells))
    equal(*found)
    assert len({train.tobytes() for train in found[0][:SIZE]}) > 1


@pytest.mark.filterwarnings("ignore::pyNN.errors.RoundingWarning")
def test_a_state_that_somebody_sets_is_not_idle_until_it_is_zero_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found, bits = [], []
    for shortcut in (True, False):
        if not shortcut:
            awake(monkeypatch)
        cells = network(sim.IF_curr_exp(i_offset=0.8), "excitatory")
        sim.run(10.0)
        bits.append(idle())
        cells[1100:1200].initialize(isyn_inh=-2.0)
        sim.run(1.0)
        bits.append(idle())
        cells.initialize(isyn_inh=0.0)
        sim.run(10.0)
        bits.append(idle())
        found.append(results(cells))
    equal(*found)
    everything, receptor, again = (own[0] for own in bits[:3])
    assert everything == again
    assert bin(receptor).count("1") == bin(everything).count("1") - 1 == 1


@pytest.mark.filterwarnings("ignore::pyNN.errors.RoundingWarning")
def test_a_receptor_that_gets_its_first_connections_later_is_not_idle_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = []
    for shortcut in (True, False):
        if not shortcut:
            awake(monkeypatch)
        cells = network(sim.IF_curr_exp(i_offset=0.8), "excitatory")
        sim.run(5.0)
        more = sim.Population(10, sim.SpikeSourceArray(spike_times=[6.0, 8.0]))
        synapse = sim.StaticSynapse(weight=-0.5, delay=1.0)
        sim.Projection(more, cells, sim.FixedProbabilityConnector(0.2), synapse, receptor_type="inhibitory")
        sim.run(10.0)
        assert idle() == [0]
        found.append(results(cells))
    equal(*found)


@pytest.mark.filterwarnings("ignore::pyNN.errors.RoundingWarning")
def test_a_restored_state_with_input_on_its_way_is_not_idle(tmp_path: Path) -> None:
    """A state of a network whose inhibitory connections have a spike on its way, and one whose cells are inhibited."""

    def build() -> Any:
        cells = network(sim.IF_curr_exp(i_offset=0.8), "excitatory")
        kick = sim.Population(1, sim.SpikeSourceArray(spike_times=[4.9]))
        synapse = sim.StaticSynapse(weight=-0.5, delay=2.0)
        sim.Projection(kick, cells, sim.AllToAllConnector(), synapse, receptor_type="inhibitory")
        return cells

    cells = build()
    sim.run(5.0)
    sim.save_state(tmp_path / "state.h5")
    sim.run(15.0)
    uninterrupted = results(cells)
    cells = build()
    sim.restore_state(tmp_path / "state.h5")
    sim.run(15.0)
    assert idle() == [0]
    equal(uninterrupted, results(cells))


def test_states_and_receptors_of_large_models_have_bits_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 40 states, each with a receptor; that of the state at row 34 has input, and the second receptor has none."""
    names = [f"g{k}" for k in range(39)]
    model = CellType(
        "dv/dt = -v/(10*ms) : mV\n" + "\n".join(f"d{name}/dt = -{name}/(5*ms) : nA" for name in names),
        receptors={name: f"{name} += weight" for name in names},
        threshold="v > 1*mV", reset="v = 0*mV", name="Many",
    )  # fmt: skip
    found = []
    for shortcut in (True, False):
        if not shortcut:
            awake(monkeypatch)
        sim.setup(timestep=0.1)
        cells = sim.Population(SIZE, model())
        sources = sim.Population(SIZE, sim.SpikeSourceArray(spike_times=[1.0]))
        weights = sim.StaticSynapse(weight=RandomDistribution("uniform", low=0.1, high=1.0), delay=0.5)
        sim.Projection(sources, cells, sim.OneToOneConnector(), weights, receptor_type=names[33])
        sim.run(4.0)
        found.append(sim.script.simulation._session._world.cells[0].states.copy())
        assert (idle() != [0]) == shortcut
    assert np.array_equal(*found)
    assert len(np.unique(found[0])) > SIZE // 2


@pytest.mark.parametrize("engine", ["numba", "numpy"])
@pytest.mark.parametrize("period", [1e9, 1e300])
def test_a_refractory_period_beyond_all_counting_lets_a_cell_spike_once(engine: str, period: float) -> None:
    sim.setup(timestep=0.1, engine=engine)
    cell = sim.Population(3, sim.IF_curr_exp(i_offset=2.0, tau_refrac=period))
    cell.record("spikes")
    sim.run(100.0)
    assert cell.mean_spike_count() == 1.0
