"""`import pyNN.mock as sim`, as someone uses it to unit-test a script."""

import numpy as np
import pytest

import pyNN.mock as sim


@pytest.fixture(autouse=True)
def fresh():
    sim.setup(timestep=0.1, min_delay=0.5)
    yield
    sim.end()


def test_a_whole_script_runs_and_answers():
    noise = sim.Population(4, sim.SpikeSourceArray(spike_times=[1.0, 2.0, 30.0]), label="noise")
    cells = sim.Population(6, sim.IF_cond_exp(tau_m=[10.0, 11.0, 12.0, 13.0, 14.0, 15.0]), label="cells")
    projection = sim.Projection(noise, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.01, delay=1.0))
    cells.initialize(v=-60.0)
    cells.record(["spikes", "v"])
    noise.record("spikes")
    assert sim.run(20.0) == 20.0
    assert projection.size() == 24
    assert set(projection.get("weight", format="list", with_address=False)) == {0.01}
    np.testing.assert_array_equal(cells.get("tau_m"), [10.0, 11.0, 12.0, 13.0, 14.0, 15.0])
    segment = cells.get_data().segments[0]
    (v,) = segment.analogsignals
    assert v.shape == (201, 6)
    assert np.all(v.magnitude == -60.0)
    assert [len(train) for train in segment.spiketrains] == [0] * 6
    trains = noise.get_data().segments[0].spiketrains
    # The third spike lies after the end of the run.
    assert [train.magnitude.tolist() for train in trains] == [[1.0, 2.0]] * 4
    assert noise.mean_spike_count() == 2.0
    assert cells.mean_spike_count() == 0


def test_time_callbacks_and_reset():
    cells = sim.Population(1, sim.IF_curr_exp())
    cells.record("v")
    called = []

    def callback(t):
        called.append(t)
        return t + 5.0

    sim.run(20.0, callbacks=[callback])
    assert called == [0.0, 5.0, 10.0, 15.0, 20.0]
    sim.reset()
    assert sim.get_current_time() == 0.0
    sim.run(10.0)
    assert [len(segment.analogsignals[0]) for segment in cells.get_data().segments] == [201, 101]


def test_values_written_between_runs_show_in_the_recording():
    cells = sim.Population(2, sim.IF_curr_exp())
    cells.record("v")
    cells.initialize(v=-65.0)
    sim.run(1.0)
    cells.initialize(v=-50.0)
    sim.run(1.0)
    v = cells.get_data().segments[0].analogsignals[0].magnitude
    assert np.all(v[:10] == -65.0)
    assert np.all(v[12:] == -50.0)


def test_a_script_is_told_its_mistakes_as_on_any_backend():
    from pyNN.errors import ConnectionError, NonExistentParameterError

    cells = sim.Population(2, sim.IF_cond_exp())
    with pytest.raises(NonExistentParameterError, match="tau_m"):
        cells.set(tau_mm=3.0)
    with pytest.raises(ConnectionError):
        sim.Projection(
            cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=-1.0, delay=1.0), receptor_type="inhibitory"
        )


def test_it_can_pretend_to_be_a_process_of_several():
    sim.setup(rank=1, num_processes=4)
    assert sim.rank() == 1
    assert sim.num_processes() == 4
