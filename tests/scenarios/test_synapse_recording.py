"""Recording of synaptic attributes and states over time, on every backend."""

from __future__ import annotations

import numpy as np
import pytest

from pyNN.errors import (
    CapabilityError,
    InvalidDimensionsError,
    InvalidParameterValueError,
    NonExistentParameterError,
    NothingToWriteError,
    RecordingError,
)


def network(sim, weight=0.01, **setup):
    """Three sources onto two cells, all to all: (0,0) (1,0) (2,0) (0,1) (1,1) (2,1)."""
    sim.setup(timestep=0.1, **setup)
    sources = sim.Population(3, sim.SpikeSourceArray(spike_times=[5.0]), label="in")
    cells = sim.Population(2, sim.IF_cond_exp(), label="out")
    return sim.Projection(
        sources, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=weight, delay=1.0), label="p"
    )


def signals(projection, segment=-1):
    return {signal.name: signal for signal in projection.get_data().segments[segment].analogsignals}


def times(signal):
    return signal.times.rescale("ms").magnitude.tolist()


def test_samples_over_several_runs_with_callbacks(sim):
    """The sample of a time is what was there before the callback of that time changed it."""
    projection = network(sim)
    projection.record("weight", sampling_interval=10.0)

    def change(t):
        projection.set(weight=0.01 * (1.0 + t / 10.0))
        return t + 20.0

    sim.run(20.0)
    sim.run(35.0, callbacks=[change])
    weight = signals(projection)["weight"]
    assert times(weight) == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    assert weight.shape == (6, 6) and weight.units.dimensionality.string == "uS"
    expected = [0.01, 0.01, 0.01, 0.03, 0.03, 0.05]
    assert np.allclose(weight.magnitude, np.array(expected)[:, None], rtol=1e-12, atol=0)


def test_each_column_says_which_connection_it_is(sim):
    projection = network(sim)
    projection.set(weight=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    projection.record("weight")
    sim.run(0.2)
    weight = signals(projection)["weight"]
    assert np.allclose(weight.magnitude, [[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]] * 3, rtol=1e-12, atol=0)
    listed = projection.get("weight", "list")
    notes = weight.array_annotations
    assert [(i, j) for i, j, _ in listed] == list(
        zip(notes["presynaptic_index"].tolist(), notes["postsynaptic_index"].tolist(), strict=True)
    )
    assert notes["presynaptic_id"].tolist() == [int(projection.pre[i]) for i, _, _ in listed]
    assert notes["postsynaptic_id"].tolist() == [int(projection.post[j]) for _, j, _ in listed]
    block = projection.get_data()
    assert block.name == "p" and block.annotations["simulator"] == sim.script.backend.title
    assert block.annotations["presynaptic_population"] == "in" and block.annotations["receptor_type"] == "excitatory"


def test_variables_with_their_own_intervals(sim):
    projection = network(sim)
    projection.record(["weight"], sampling_interval=0.5)
    projection.record("delay", sampling_interval=2.0)
    sim.run(4.0)
    found = signals(projection)
    assert times(found["weight"]) == pytest.approx(0.5 * np.arange(9)) and times(found["delay"]) == [0.0, 2.0, 4.0]
    assert found["delay"].units.dimensionality.string == "ms" and (found["delay"].magnitude == 1.0).all()
    assert [s.name for s in projection.get_data("delay").segments[0].analogsignals] == ["delay"]
    assert projection.get_data("delay").segments[0].analogsignals[0].shape == (3, 6)


def test_a_reset_begins_a_segment_at_zero_and_keeps_the_old_one(sim):
    projection = network(sim)
    projection.record("weight", sampling_interval=5.0)
    sim.run(10.0)
    sim.reset(annotations={"trial": 1})
    projection.set(weight=0.02)
    sim.run(7.0)
    block = projection.get_data()
    first, second = (segment.analogsignals[0] for segment in block.segments)
    assert [segment.name for segment in block.segments] == ["segment000", "segment001"]
    assert block.segments[0].annotations["trial"] == 1
    assert times(first) == [0.0, 5.0, 10.0] and np.allclose(first.magnitude, 0.01, rtol=1e-12, atol=0)
    assert times(second) == [0.0, 5.0] and np.allclose(second.magnitude, 0.02, rtol=1e-12, atol=0)


def test_recording_from_the_middle_and_clearing(sim):
    projection = network(sim)
    sim.run(3.0)
    projection.record("weight", sampling_interval=1.0)
    sim.run(2.5)
    first = projection.get_data(clear=True)
    assert times(first.segments[0].analogsignals[0]) == [3.0, 4.0, 5.0]
    assert all(len(segment.analogsignals) == 0 for segment in projection.get_data().segments)
    sim.run(2.0)
    assert times(signals(projection)["weight"]) == [5.5, 6.5, 7.5]


def test_none_ends_recording(sim):
    projection = network(sim)
    projection.record("weight")
    sim.run(1.0)
    projection.record(None)
    sim.run(1.0)
    assert signals(projection) == {}


def test_recording_again_goes_on(sim):
    projection = network(sim)
    projection.record("weight", sampling_interval=1.0)
    projection.record("weight", sampling_interval=0.5)
    sim.run(1.0)
    projection.record("weight")
    projection.record(["weight"], sampling_interval=0.5)
    sim.run(1.0)
    assert times(signals(projection)["weight"]) == [0.0, 0.5, 1.0, 1.5, 2.0]
    with pytest.raises(InvalidParameterValueError, match="every 0.5 ms since t = 0 ms.*get_data\\(clear=True\\)"):
        projection.record("weight", sampling_interval=0.3)


@pytest.mark.parametrize("interval", [0.25, 0.0, -1.0, float("nan"), "often"])
def test_an_impossible_interval_is_refused(sim, interval):
    projection = network(sim)
    with pytest.raises(InvalidParameterValueError, match="sampling_interval"):
        projection.record("weight", sampling_interval=interval)
    assert not projection.recorder.recorded


def test_a_name_that_is_nothing_lists_what_is_possible(sim):
    projection = network(sim)
    with pytest.raises(RecordingError, match="'wieght' from the connections of 'p'.*mean 'weight'.*weight, delay"):
        projection.record(["weight", "wieght"])
    assert not projection.recorder.recorded
    with pytest.raises(RecordingError, match="Recordable: weight, delay"):
        projection.get_data("u")


def test_get_data_before_a_run_has_no_samples(sim):
    projection = network(sim)
    assert [len(segment.analogsignals) for segment in projection.get_data().segments] == [0]
    projection.record("weight")
    assert len(projection.get_data().segments[0].analogsignals) == 0


def test_a_projection_without_connections(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_cond_exp())
    projection = sim.Projection(cells[:0], cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1, delay=1.0))
    projection.record("weight")
    sim.run(0.2)
    assert signals(projection)["weight"].shape == (3, 0)


def test_written_files_hold_the_data(sim, tmp_path):
    import neo

    projection = network(sim)
    with pytest.raises(NothingToWriteError):
        projection.write_data(tmp_path / "nothing.pkl")
    projection.record("weight", sampling_interval=1.0)
    sim.run(2.0)
    path = tmp_path / "weights.pkl"
    projection.write_data(str(path), "weight", clear=True)
    read = neo.io.PickleIO(str(path)).read_block()
    signal = read.segments[0].analogsignals[0]
    assert signal.shape == (3, 6) and signal.array_annotations["postsynaptic_index"].tolist() == [0, 0, 0, 1, 1, 1]
    assert signals(projection) == {}


def test_recording_costs_nothing_when_it_is_off(sim, monkeypatch):
    projection = network(sim)
    sim.run(1.0)
    session = sim.script.simulation.session
    reads: list[str] = []
    original = session.read_synapses

    def counted(number, name):
        reads.append(name)
        return original(number, name)

    monkeypatch.setattr(session, "read_synapses", counted)
    sim.run(5.0)
    assert reads == []
    projection.record("weight", sampling_interval=1.0)
    sim.run(5.0)
    assert len(reads) == 6


def test_recording_does_not_change_what_happens(sim):
    """Stopping at every sample leaves potentials as they are, to the last bit."""

    def potentials(record):
        projection = network(sim, weight=0.02)
        projection.post.record("v")
        if record:
            projection.record("weight", sampling_interval=0.3)
        sim.run(20.0)
        return projection.post.get_data().segments[0].analogsignals[0].magnitude

    assert np.array_equal(potentials(False), potentials(True))


# --- states -----------------------------------------------------------------------------------------------------------


def depressing(sim, **initial):
    """One source with five spikes onto two cells, through Tsodyks-Markram synapses."""
    sim.setup(timestep=0.1)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[5.0, 15.0, 25.0, 60.0, 61.0]))
    cells = sim.Population(2, sim.IF_curr_exp(tau_syn_E=3.0))
    synapse = sim.TsodyksMarkramSynapse(weight=0.1, delay=1.0, U=0.3, tau_rec=80.0, tau_facil=50.0)
    projection = sim.Projection(source, cells, sim.AllToAllConnector(), synapse, receptor_type="excitatory")
    if initial:
        projection.initialize(**initial)
    return projection


@pytest.mark.requires("dynamics")
def test_the_use_of_resources_over_time(sim):
    """u decays with tau_facil and rises by U(1 - u) at each presynaptic spike: closed form between samples."""
    projection = depressing(sim)
    projection.record("u", sampling_interval=1.0)
    sim.run(40.0)
    sim.run(40.0)
    found = signals(projection)["u"]
    assert found.shape == (81, 2)
    u, last, expected = 0.0, 0.0, []
    spikes = iter([5.0, 15.0, 25.0, 60.0, 61.0, np.inf])
    following = next(spikes)
    for t in np.arange(81.0):
        while following <= t:
            u = u * np.exp(-(following - last) / 50.0)
            u, last = u + 0.3 * (1.0 - u), following
            following = next(spikes)
        expected.append(u * np.exp(-(t - last) / 50.0))
    for column in found.magnitude.T:
        assert np.allclose(column, expected, rtol=0, atol=1e-10)


def test_initial_states_are_the_first_sample_and_come_back_after_reset(sim):
    projection = depressing(sim, u=0.4)
    assert projection.get("u", "list", with_address=False) == [0.4, 0.4]
    projection.record("u", sampling_interval=1.0)
    sim.run(2.0)
    sim.reset()
    projection.initialize(u=[0.1, 0.2])
    sim.run(1.0)
    block = projection.get_data()
    assert np.allclose(block.segments[0].analogsignals[0].magnitude[0], 0.4, rtol=1e-12, atol=0)
    assert np.allclose(block.segments[1].analogsignals[0].magnitude[0], [0.1, 0.2], rtol=1e-12, atol=0)


def test_initialize_after_a_run_sets_the_present_value_or_is_refused(sim):
    projection = depressing(sim, u=0.4)
    sim.run(2.0)
    try:
        projection.initialize(u=0.2)
    except CapabilityError as error:
        assert sim.variant == "nest" and "before the first run" in str(error)
        expected = 0.4 * np.exp(-2.0 / 50.0)
    else:
        expected = 0.2
    assert np.allclose(projection.get("u", "list", with_address=False), expected, rtol=0, atol=1e-10)
    sim.reset()
    initial = 0.4 if expected > 0.3 else 0.2
    assert np.allclose(projection.get("u", "list", with_address=False), initial, rtol=1e-12, atol=0)


def test_initialize_takes_every_kind_of_value(sim):
    projection = depressing(sim)
    for value, expected in (
        (0.25, [0.25, 0.25]),
        ([0.1, 0.2], [0.1, 0.2]),
        (np.array([[0.3, 0.4]]), [0.3, 0.4]),
        (lambda d: 0.1 * d, [0.0, 0.1]),
        ("0.2*d", [0.0, 0.2]),
    ):
        projection.initialize(u=value)
        assert np.allclose(projection.get("u", "list", with_address=False), expected, rtol=1e-12, atol=0)
    projection.initialize(u=sim.RandomDistribution("uniform", (0.2, 0.6)))
    drawn = projection.get("u", "list", with_address=False)
    assert all(0.2 <= u <= 0.6 for u in drawn) and drawn[0] != drawn[1]


def test_initialize_refuses_what_is_no_state_and_changes_nothing(sim):
    projection = depressing(sim, u=0.4)
    for wrong, error in (
        ({"weight": 0.1}, NonExistentParameterError),
        ({"u": 0.2, "w": 0.1}, NonExistentParameterError),
        ({"u": [0.1, 0.2, 0.3]}, InvalidDimensionsError),
    ):
        with pytest.raises(error):
            projection.initialize(**wrong)
    assert projection.get("u", "list", with_address=False) == [0.4, 0.4]
    with pytest.raises(NonExistentParameterError, match="'uu'.*Valid parameters: .*u"):
        projection.get("uu", "list")


@pytest.mark.requires("dynamics")
def test_plastic_weights_over_time(sim):
    """One pre-post pair potentiates by A_plus w_max exp(-dt/tau_plus), and the record shows the step."""
    sim.setup(timestep=0.1, min_delay=1.0)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[20.0]))
    driver = sim.Population(1, sim.SpikeSourceArray(spike_times=[30.0]))
    cell = sim.Population(1, sim.IF_curr_exp(tau_refrac=50.0))
    cell.record("spikes")
    sim.Projection(driver, cell, sim.OneToOneConnector(), sim.StaticSynapse(weight=30.0, delay=1.0))
    synapse = sim.STDPMechanism(
        sim.SpikePairRule(tau_plus=20.0, tau_minus=20.0, A_plus=0.05, A_minus=0.05),
        sim.AdditiveWeightDependence(w_min=0.0, w_max=0.1),
        weight=0.05,
        delay=1.0,
    )
    projection = sim.Projection(source, cell, sim.OneToOneConnector(), synapse, receptor_type="excitatory")
    projection.record("weight", sampling_interval=5.0)
    sim.run(60.0)
    post = float(cell.get_data().segments[0].spiketrains[0].magnitude[0])
    weight = signals(projection)["weight"].magnitude[:, 0]
    # The dendritic delay is the whole delay: the presynaptic spike is at the synapse at 20 ms, the other 1 ms later.
    change = 0.05 * 0.1 * np.exp(-(post + 1.0 - 20.0) / 20.0)
    assert np.allclose(weight[:7], 0.05, rtol=1e-12, atol=0)
    assert np.allclose(weight[7:], 0.05 + change, rtol=0, atol=1e-9)
