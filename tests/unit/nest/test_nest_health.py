"""Potentials that are no numbers are reported after the run in which they became so; NEST itself goes on with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nest")

import pyNN.nest as sim
from pyNN.errors import SimulatorError
from pyNN.nest import health
from pyNN.nest.health import Health, Watched
from pyNN.nest.ranks import Ranks
from pyNN.parallel import SerialCommunicator


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    sim.script.simulation.close()


def network() -> Any:
    """Two of 20 cells get infinite currents of both signs, one after the other, at 6 ms."""
    sim.setup(timestep=0.1)
    cells = sim.Population(20, sim.IF_curr_exp(), label="cells")
    cells.record("v")
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[5.0, 5.1]))
    for weight, receptor in ((1e305, "excitatory"), (-1e305, "inhibitory")):
        synapse = sim.StaticSynapse(weight=weight, delay=1.0)
        sim.Projection(source, cells[7:9], sim.AllToAllConnector(), synapse, receptor_type=receptor)
    return cells


def test_the_report_has_variable_cell_population_and_time() -> None:
    cells = network()
    sim.run(3.0)
    for _ in range(2):
        with pytest.raises(SimulatorError, match=r"'v' of cell 7 of cells became nan between 3 and 23 ms \(2 cell"):
            sim.run(20.0)
    assert sim.get_current_time() == 23.0
    (signal,) = cells.get_data().segments[0].analogsignals
    assert len(signal) == 231
    wrong = np.flatnonzero(~np.isfinite(signal.magnitude).all(axis=0))
    assert wrong.tolist() == [7, 8]


def test_after_a_reset_all_is_well() -> None:
    cells = network()
    with pytest.raises(SimulatorError, match="became nan"):
        sim.run(10.0)
    sim.reset()
    sim.run(4.0)
    assert np.isfinite(cells.get_data().segments[-1].analogsignals[0].magnitude).all()


def test_what_was_not_looked_at_after_a_short_run_is_reported_when_data_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = network()
    sim.run(1.0)
    monkeypatch.setattr(health, "_SECONDS_A_CELL", 1e6)
    sim.run(10.0)
    with pytest.raises(SimulatorError, match="became nan between 1 and 11 ms"):
        cells.get_data()
    assert np.isnan(cells.get_data().segments[0].analogsignals[0].magnitude).any()
    with pytest.raises(SimulatorError, match="became nan between 1 and 11 ms"):
        sim.run(10.0)


def test_many_short_runs_are_not_looked_at_each() -> None:
    looked = []

    def read() -> Any:
        looked.append(1)
        return np.zeros(10_000)

    own = Health(Ranks(None, SerialCommunicator()), 0.1)
    watched = [Watched("cells", "v", np.arange(10_000), read)]
    for step in range(1, 101):
        own.look(watched, step, 0.1)
    # 10000 cells take 0.2 s: once at the beginning, and then after every 2 s of 10.
    assert len(looked) == 1 + 4
