"""The mock backend as a session: states stay, time passes, everything is answered."""

from typing import Any

import numpy as np
import pytest

from pyNN.backend import Settings, Spikes
from pyNN.errors import (
    CapabilityError,
    InternalError,
    InvalidDimensionsError,
    InvalidTimeError,
    NonExistentParameterError,
)
from pyNN.mock.backend import MockBackend
from pyNN.parallel import SerialCommunicator
from pyNN.specs import ConnectionTable, NetworkSpec, PopulationSpec, ProjectionSpec, Ragged, RecordingSpec
from pyNN.standardmodels.cells import IF_cond_exp, SpikeSourceArray
from pyNN.standardmodels.synapses import StaticSynapse

SETTINGS = Settings(dt=0.1, min_delay_steps=None, max_delay_steps=None, rng_seed=1)
TIMES = [[0.0, 1.0], [], [0.5, 0.5, 2.0]]


def describe():
    sources = PopulationSpec(
        0, "sources", SpikeSourceArray.definition, 3, 0, {"spike_times": Ragged.from_list(TIMES)}, {}
    )
    parameters = {name: p.default for name, p in IF_cond_exp.parameters.items()}
    initial: dict[str, Any] = {"v": np.array([-70.0, -60.0]), "gsyn_exc": 0.0, "gsyn_inh": 0.0}
    cells = PopulationSpec(1, "cells", IF_cond_exp.definition, 2, 3, parameters, initial)
    table = ConnectionTable(
        np.array([0, 2, 1], np.int32), np.array([0, 0, 1], np.int32), np.array([10, 20, 30], np.int32), {"weight": 0.5}
    )
    projection = ProjectionSpec(
        0, "sources→cells", np.arange(3), np.arange(3, 5), "excitatory", StaticSynapse.definition, table
    )
    recordings = [
        RecordingSpec(0, 1, "v", np.arange(2), every_steps=5),
        RecordingSpec(1, 1, "spikes", np.arange(2)),
        RecordingSpec(2, 0, "spikes", np.array([0, 2])),
    ]
    return NetworkSpec([sources, cells], [projection], [], recordings)


@pytest.fixture
def session():
    opened = MockBackend().open(SETTINGS, SerialCommunicator())
    opened.build(describe())
    return opened


def test_recorded_states_stay_at_their_initial_values(session):
    np.testing.assert_array_equal(session.collect(0), [[-70.0, -60.0]])
    session.advance(12)
    np.testing.assert_array_equal(session.collect(0), [[-70.0, -60.0]] * 3)
    session.advance(3)
    assert session.collect(0).shape == (4, 2)
    assert session.current_step == 15


def test_a_state_written_between_runs_is_in_the_samples_after_it(session):
    session.advance(10)
    session.write_cells(1, "v", np.array([1]), -55.0)
    session.advance(10)
    np.testing.assert_array_equal(session.collect(0)[:, 1], [-60.0, -60.0, -60.0, -55.0, -55.0])
    np.testing.assert_array_equal(session.read_cells(1, "v"), [-70.0, -55.0])


def test_sources_emit_their_trains_and_cells_are_silent(session):
    session.advance(7)
    session.advance(20)
    of_sources, of_cells = session.collect(2), session.collect(1)
    assert isinstance(of_cells, Spikes)
    assert len(of_cells.steps) == 0
    assert sorted(set(zip(of_sources.steps.tolist(), of_sources.cells.tolist(), strict=True))) == [
        (0, 0),
        (5, 2),
        (10, 0),
        (20, 2),
    ]


def test_only_recorded_sources_are_collected(session):
    session.build(NetworkSpec(recordings=[RecordingSpec(3, 0, "spikes", np.array([2]))]))
    session.advance(30)
    assert set(session.collect(3).cells.tolist()) == {2}


def test_spike_times_can_be_changed_between_runs(session):
    session.advance(15)
    session.write_cells(0, "spike_times", np.array([0, 1, 2]), Ragged.from_list([[3.0], [], []]))
    session.advance(30)
    spikes = session.collect(2)
    assert (30, 0) in set(zip(spikes.steps.tolist(), spikes.cells.tolist(), strict=True))
    assert (20, 2) not in set(zip(spikes.steps.tolist(), spikes.cells.tolist(), strict=True))


def test_clear_starts_again_at_the_current_step(session):
    session.advance(12)
    session.clear(0)
    session.clear(2)
    session.advance(10)
    assert session.collect(0).shape == (3, 2)  # steps 12, 17 and 22
    assert session.collect(2).steps.tolist() == [20] * len(session.collect(2).steps)


def test_a_stopped_recording_is_gone(session):
    session.stop(0)
    with pytest.raises(InternalError, match="no recording 0"):
        session.collect(0)


def test_synapses_can_be_read_and_written(session):
    np.testing.assert_array_equal(session.read_synapses(0, "weight"), [0.5, 0.5, 0.5])
    np.testing.assert_allclose(session.read_synapses(0, "delay"), [1.0, 2.0, 3.0], rtol=1e-15)
    session.write_synapses(0, "weight", np.array([1.0, 2.0, 3.0]))
    session.write_synapses(0, "delay", 1.5)
    np.testing.assert_array_equal(session.read_synapses(0, "weight"), [1.0, 2.0, 3.0])
    np.testing.assert_allclose(session.read_synapses(0, "delay"), [1.5, 1.5, 1.5], rtol=1e-15)
    pre, post = session.read_connections(0)
    assert (pre.tolist(), post.tolist()) == ([0, 2, 1], [0, 0, 1])


def test_writing_does_not_change_the_description():
    network = describe()
    session = MockBackend().open(SETTINGS, SerialCommunicator())
    session.build(network)
    session.write_cells(1, "v", np.array([0, 1]), 0.0)
    session.write_synapses(0, "weight", 9.0)
    np.testing.assert_array_equal(network.populations[1].initial_values["v"], [-70.0, -60.0])
    assert network.projections[0].table.columns["weight"] == 0.5


def test_what_does_not_exist_is_named(session):
    with pytest.raises(NonExistentParameterError, match="tau_mm.*tau_m"):
        session.read_cells(1, "tau_mm")
    with pytest.raises(NonExistentParameterError, match="wieght.*weight"):
        session.write_synapses(0, "wieght", 1.0)
    with pytest.raises(InvalidDimensionsError, match="one number or 3"):
        session.write_synapses(0, "weight", np.zeros(2))
    with pytest.raises(InvalidTimeError, match="backwards"):
        session.advance(-1)
    with pytest.raises(InternalError, match="no population 7"):
        session.read_cells(7, "v")


def test_a_projection_that_only_a_simulator_can_draw_is_refused():
    network = describe()
    network.projections[0].table = None
    with pytest.raises(CapabilityError, match="native=True"):
        MockBackend().check(network, SETTINGS)


def test_closing_twice_is_harmless(session):
    session.close()
    session.close()


def test_every_model_is_available_and_the_standard_ones_are_listed():
    models = MockBackend.models
    assert {"IF_cond_exp", "SpikeSourcePoisson", "StaticSynapse", "DCSource"} <= set(models)
    assert MockBackend.capabilities.equations
    assert "StandardCellType" not in set(models)


def test_versions_name_the_package():
    assert "pynn-core" in MockBackend().versions()
