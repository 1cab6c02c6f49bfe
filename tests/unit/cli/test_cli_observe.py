"""What an observer takes down of a script that knows nothing of it."""

import hashlib
import json

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.cli.observe import EXCITATORY, INHIBITORY, NEITHER, Observer


@pytest.fixture
def observer():
    watching = Observer()
    sim.script.observers.append(watching)
    yield watching
    sim.script.observers.remove(watching)


def script(weight=0.01, tau_m=20.0, end=True):
    """Three driven cells after two sources; all three excite the first two, the last one inhibits them too."""
    sim.setup(timestep=0.1, min_delay=0.5)
    sim.Population(2, sim.SpikeSourceArray(spike_times=[5.0]), label="sources")
    cells = sim.Population(3, sim.IF_curr_exp(i_offset=[1.0, 1.1, 0.0], tau_m=tau_m), label="cells")
    synapse = sim.StaticSynapse(weight=weight, delay=0.5)
    sim.Projection(cells[0:2], cells[0:2], sim.AllToAllConnector(), synapse)
    sim.Projection(cells[2:3], cells[0:2], sim.AllToAllConnector(), sim.StaticSynapse(weight=-0.1, delay=1.0))
    sim.run(100.0)
    if end:
        sim.end()
    return cells


def test_spikes_and_potentials_are_those_that_the_script_would_record(observer):
    script()
    observed = observer.observation
    sim.setup(timestep=0.1, min_delay=0.5)
    cells = sim.Population(3, sim.IF_curr_exp(i_offset=[1.0, 1.1, 0.0]))
    sim.Projection(cells[0:2], cells[0:2], sim.AllToAllConnector(), sim.StaticSynapse(weight=0.01, delay=0.5))
    cells.record(["spikes", "v"])
    sim.run(100.0)
    segment = cells.get_data().segments[0]
    for i, train in enumerate(segment.spiketrains):
        np.testing.assert_array_equal(observed.steps[observed.cells == i], np.rint(train.magnitude / 0.1).astype(int))
    assert len(observed.steps) > 0
    np.testing.assert_array_equal(observed.traced, [0, 1])
    np.testing.assert_array_equal(observed.potentials, segment.analogsignals[0].magnitude[:, :2])


def test_facts(observer):
    script()
    facts = observer.observation.facts
    assert (facts["cells"], facts["sources"], facts["connections"]) == (3, 2, 6)
    assert (facts["dt"], facts["steps"], facts["native"], facts["unobserved"]) == (0.1, 1000, False, [])
    assert 20 < facts["peak_memory_mb"] < 10_000


def test_kinds_follow_from_outgoing_connections(observer):
    script()
    assert observer.observation.kinds.tolist() == [EXCITATORY, EXCITATORY, INHIBITORY]
    sim.setup()
    sim.Population(2, sim.IF_curr_exp())
    sim.run(1.0)
    sim.end()
    assert observer.observation.kinds.tolist() == [NEITHER, NEITHER]


def test_connection_hash_is_that_of_the_sorted_table(observer):
    script()
    # Global ids: the sources are 0 and 1, the cells 2, 3 and 4; rows are sorted by post, then pre.
    pre, post = [2, 3, 4, 2, 3, 4], [2, 2, 2, 3, 3, 3]
    receptor, delay, weight = [0, 0, 1] * 2, [5, 5, 10] * 2, [0.01, 0.01, -0.1] * 2
    digest = hashlib.sha256(json.dumps(["excitatory", "inhibitory"]).encode())
    for column in (pre, post, receptor, delay):
        digest.update(np.array(column, "<i8").tobytes())
    digest.update(np.array(weight, "<f8").tobytes())
    assert observer.observation.facts["connection_hash"] == digest.hexdigest()


def test_hashes_tell_networks_apart(observer):
    found = []
    for changes in ({}, {}, {"weight": 0.02}, {"tau_m": 19.0}):
        script(**changes)
        facts = observer.observation.facts
        found.append((facts["connection_hash"], facts["parameters_hash"]))
    assert found[0] == found[1]
    assert found[0][0] != found[2][0] and found[0][1] == found[2][1]
    assert found[0][0] == found[3][0] and found[0][1] != found[3][1]


def test_one_value_for_all_cells_and_one_for_each_are_the_same_parameters(observer):
    found = []
    for tau_m in (20.0, [20.0, 20.0, 20.0]):
        script(tau_m=tau_m)
        found.append(observer.observation.facts["parameters_hash"])
    assert found[0] == found[1]


def test_cells_that_join_later_are_observed_or_named(observer):
    script(end=False)
    sim.Population(1, sim.IF_curr_exp(i_offset=2.0), label="late")
    sim.run(100.0)
    sim.end()
    observed = observer.observation
    assert (3 in observed.cells) != ("late" in observed.facts["unobserved"])


def test_a_simulation_that_never_ran_is_not_an_observation(observer):
    sim.setup()
    sim.end()
    assert observer.observation is None
