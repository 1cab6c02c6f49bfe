"""Saving a simulation and going on from it, on every backend that can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

SYNAPSES = ("static", "depressing", "stdp")


def build(sim: Any, kind: str) -> tuple[Any, Any]:
    sim.setup(timestep=0.1, min_delay=0.1)
    cells = sim.Population(12, sim.IF_cond_exp(tau_refrac=2.0))
    source = sim.Population(12, sim.SpikeSourcePoisson(rate=200.0))
    synapse = {
        "static": lambda: sim.StaticSynapse(weight=0.01, delay=1.3),
        "depressing": lambda: sim.TsodyksMarkramSynapse(U=0.5, tau_rec=50.0, weight=0.02, delay=1.3),
        "stdp": lambda: sim.STDPMechanism(
            timing_dependence=sim.SpikePairRule(A_plus=0.05, A_minus=0.05),
            weight_dependence=sim.AdditiveWeightDependence(w_max=0.03),
            weight=0.01,
            delay=1.3,
        ),
    }[kind]()
    wires = sim.Projection(source, cells, sim.FixedProbabilityConnector(0.7), synapse)
    cells.record(["spikes", "v"])
    return cells, wires


def data(cells: Any, wires: Any) -> list[Any]:
    segment = cells.get_data().segments[0]
    found = [np.asarray(train.magnitude) for train in segment.spiketrains]
    return [*found, np.asarray(segment.analogsignals[0].magnitude), np.array(wires.get("weight", "list"))]


@pytest.mark.requires("checkpoints")
@pytest.mark.parametrize("kind", SYNAPSES)
def test_a_restored_simulation_goes_on_as_if_it_had_not_stopped(sim: Any, kind: str, tmp_path: Path) -> None:
    cells, wires = build(sim, kind)
    sim.run(23.7)
    sim.save_state(tmp_path / "state.h5")
    sim.run(20.0)
    expected = data(cells, wires)
    assert sum(map(len, expected[:12])) > 10
    cells, wires = build(sim, kind)
    sim.restore_state(tmp_path / "state.h5")
    assert sim.run(20.0) == 43.7
    found = data(cells, wires)
    assert len(found) == len(expected)
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
