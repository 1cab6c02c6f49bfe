"""setup, run, callbacks, reset, end and the getters, on every backend."""

from __future__ import annotations

import numpy as np
import pytest

from pyNN.errors import (
    InvalidDelayError,
    InvalidParameterValueError,
    InvalidTimeError,
    RoundingWarning,
    UnknownOptionWarning,
)
from pyNN.random import NumpyRNG, RandomDistribution


def network(sim, n=20, kind="IF_curr_exp"):
    """A recurrent network with delays, driven by noise from the core and by constant currents."""
    cell = getattr(sim, kind)(i_offset=RandomDistribution("uniform", (0.5, 1.5), rng=NumpyRNG(11)))
    v = RandomDistribution("uniform", (-65.0, -50.0), rng=NumpyRNG(12))
    cells = sim.Population(n, cell, initial_values={"v": v})
    weights = RandomDistribution("uniform", (0.0, 0.01), rng=NumpyRNG(13))
    delays = RandomDistribution("uniform", (0.2, 2.0), rng=NumpyRNG(14))
    with pytest.warns(RoundingWarning):
        sim.Projection(
            cells, cells, sim.FixedProbabilityConnector(0.3, rng=NumpyRNG(15)),
            sim.StaticSynapse(weight=weights, delay=delays), receptor_type="excitatory",
        )  # fmt: skip
    cells.record(["spikes", "v"])
    return cells


def data(cells, segment=-1):
    """Potentials, and the spikes of all cells as rows (cell, time)."""
    found = cells.get_data().segments[segment]
    spikes = [(k, float(t)) for k, train in enumerate(found.spiketrains) for t in train.magnitude]
    return found.filter(name="v")[0].magnitude, spikes


def data_of_v(cells):
    return cells.get_data("v").segments[-1].filter(name="v")[0].magnitude


# --- run ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["IF_curr_exp", "IF_cond_alpha"])
def test_a_run_in_pieces_is_one_run(sim, kind):
    sim.setup(timestep=0.1)
    cells = network(sim, kind=kind)
    assert sim.run(50.0) == 50.0
    whole = data(cells)
    sim.setup(timestep=0.1)
    cells = network(sim, kind=kind)
    for piece in (0.1, 12.3, 0.0, 7.6, 30.0):
        sim.run(piece)
    assert sim.get_current_time() == 50.0
    pieces = data(cells)
    assert pieces[1] == whole[1] and (len(whole[1]) > 10 or sim.variant == "mock")
    assert np.array_equal(pieces[0], whole[0])


def test_run_for_and_run_until_reach_their_times(sim):
    sim.setup(timestep=0.1)
    network(sim)
    assert sim.run_for(10.0) == 10.0
    assert sim.run_until(25.5) == 25.5
    assert sim.run_until(25.5) == 25.5
    assert sim.run(0.0) == 25.5
    with pytest.raises(InvalidTimeError, match="past"):
        sim.run_until(10.0)
    with pytest.raises(InvalidTimeError, match="negative"):
        sim.run(-1.0)
    with pytest.raises(InvalidTimeError):
        sim.run("long")
    assert sim.get_current_time() == 25.5


@pytest.mark.trap("D39")
def test_time_does_not_drift(sim):
    """Trap D39: a hundred runs of 0.1 ms end at 10 ms."""
    sim.setup(timestep=0.1)
    sim.Population(1, sim.IF_curr_exp())
    assert [sim.run(0.1) for _ in range(100)] == [round(0.1 * (k + 1), 10) for k in range(100)]


@pytest.mark.trap("D39")
def test_a_duration_off_the_grid_is_rounded_with_a_warning(sim):
    """Trap D39."""
    sim.setup(timestep=0.1)
    sim.Population(1, sim.IF_curr_exp())
    with pytest.warns(RoundingWarning, match="0.4 ms is used"):
        assert sim.run(0.35) == 0.4


def test_run_without_anything_moves_the_clock(sim):
    sim.setup(timestep=0.5)
    assert sim.run(10.0) == 10.0


# --- callbacks ----------------------------------------------------------------------------------------------------


class Every:
    """A callback that wants to be called at a fixed interval and notes when it was."""

    def __init__(self, interval):
        self.interval = interval
        self.times = []

    def __call__(self, t):
        self.times.append(t)
        return t + self.interval


def test_callbacks_are_called_at_once_at_their_times_and_at_the_end(sim):
    sim.setup(timestep=0.1)
    cells = network(sim)
    calls = [Every(10.0), Every(10.0), Every(20.0), Every(25.0)]
    assert sim.run(100.0, callbacks=calls) == 100.0
    assert [len(call.times) for call in calls] == [11, 11, 6, 5]
    assert calls[0].times == [10.0 * k for k in range(11)] and calls[3].times == [0.0, 25.0, 50.0, 75.0, 100.0]
    with_callbacks = data(cells)
    sim.setup(timestep=0.1)
    cells = network(sim)
    sim.run(100.0)
    assert data(cells)[1] == with_callbacks[1] and np.array_equal(data(cells)[0], with_callbacks[0])


def test_the_last_interval_of_a_callback_is_cut_at_the_end(sim):
    sim.setup(timestep=0.1)
    sim.Population(1, sim.IF_curr_exp())
    call = Every(30.0)
    sim.run_until(100.0, callbacks=[call])
    assert call.times == [0.0, 30.0, 60.0, 90.0, 100.0]
    call = Every(30.0)
    sim.run(50.0, callbacks=[call])
    assert call.times == [100.0, 130.0, 150.0]


@pytest.mark.requires("dynamics")
def test_a_callback_can_change_the_network(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(1, sim.IF_curr_exp())
    cells.record("v")

    def switch(t):
        cells.set(i_offset=0.5 if t >= 10.0 else 0.0)
        return t + 10.0

    sim.run(20.0, callbacks=[switch])
    v = data_of_v(cells)[:, 0]
    assert (v[:101] == -65.0).all() and (v[101:] > -65.0).all()


def test_a_run_that_is_interrupted_keeps_its_data(sim):
    sim.setup(timestep=0.1)
    cells = network(sim)

    def interrupt(t):
        if t >= 20.0:
            raise KeyboardInterrupt
        return t + 10.0

    with pytest.raises(KeyboardInterrupt):
        sim.run(100.0, callbacks=[interrupt])
    assert sim.get_current_time() == 20.0 and data_of_v(cells).shape == (201, 20)
    sim.run_until(30.0)
    interrupted = data(cells)
    sim.setup(timestep=0.1)
    cells = network(sim)
    sim.run(30.0)
    assert data(cells)[1] == interrupted[1] and np.array_equal(data(cells)[0], interrupted[0])


def test_threads_do_not_change_results(sim):
    import warnings

    results = []
    for threads in (1, 2):
        with warnings.catch_warnings():
            # A backend that has no threads says that the option has no effect.
            warnings.simplefilter("ignore", UnknownOptionWarning)
            sim.setup(timestep=0.1, threads=threads)
        cells = network(sim)
        sim.run(50.0)
        results.append(data(cells))
    assert results[0][1] == results[1][1]
    # Inputs of one step are added in another order.
    assert np.abs(results[0][0] - results[1][0]).max() < 1e-9


# --- changes between runs -----------------------------------------------------------------------------------------


@pytest.mark.requires("dynamics")
@pytest.mark.parametrize("min_delay", [0.1, 1.0, 5.0])
@pytest.mark.trap("D8", "U7")
def test_a_change_between_runs_acts_from_the_next_step(sim, min_delay):
    """Trap D8: whatever min_delay is."""
    sim.setup(timestep=0.1, min_delay=min_delay, max_delay=10.0)
    cells = sim.Population(2, sim.IF_curr_exp(tau_m=10.0))
    cells.record("v")
    sim.run(20.0)
    cells[0:1].set(i_offset=0.5)
    sim.run(20.0)
    v = data_of_v(cells)
    t = 0.1 * np.arange(201)
    assert (v[:201] == -65.0).all()
    assert np.allclose(v[200:, 0], -65.0 + 0.5 * 10.0 * (1.0 - np.exp(-t / 10.0)), rtol=0, atol=1e-11)
    assert (v[:, 1] == -65.0).all()


@pytest.mark.requires("dynamics")
def test_a_changed_time_constant_acts_from_the_next_step(sim):
    sim.setup(timestep=0.1, min_delay=2.0)
    cells = sim.Population(1, sim.IF_curr_exp(tau_m=20.0), initial_values={"v": -60.0})
    cells.record("v")
    sim.run(10.0)
    cells[0].tau_m = 5.0
    sim.run(10.0)
    t = 0.1 * np.arange(101)
    first = -65.0 + 5.0 * np.exp(-t / 20.0)
    second = -65.0 + (first[-1] + 65.0) * np.exp(-t / 5.0)
    assert np.allclose(data_of_v(cells)[:, 0], np.r_[first, second[1:]], rtol=0, atol=1e-11)


# --- reset, end, setup --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["IF_curr_exp", "IF_curr_alpha", "IF_curr_delta", "IF_cond_exp", "IF_cond_alpha"])
def test_a_deterministic_network_repeats_exactly_after_reset(sim, kind):
    sim.setup(timestep=0.1)
    cells = network(sim, kind=kind)
    sim.run(33.3)
    sim.run(16.7)
    sim.reset()
    assert sim.get_current_time() == 0.0
    sim.run(50.0)
    first, second = data(cells, 0), data(cells, 1)
    assert first[1] == second[1] and (len(first[1]) > 10 or sim.variant == "mock")
    assert np.array_equal(first[0], second[0])


@pytest.mark.requires("dynamics")
def test_spikes_under_way_arrive_in_the_next_run_but_not_after_reset(sim):
    sim.setup(timestep=0.1)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[9.0]))
    cells = sim.Population(1, sim.IF_curr_delta(tau_m=1e6))
    cells.record("v")
    sim.Projection(source, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=2.0, delay=5.0))
    sim.run(10.0)
    sim.run(10.0)
    v = data_of_v(cells)[:, 0]
    assert (np.flatnonzero(np.diff(v) > 1.0) + 1).tolist() == [140]
    sim.reset()
    sim.run(10.0)
    sim.reset()
    source.set(spike_times=[])
    sim.run(10.0)
    assert (data_of_v(cells) == -65.0).all()


@pytest.mark.trap("U7")
def test_reset_keeps_what_was_set(sim):
    sim.setup()
    cells = network(sim)
    sim.run(5.0)
    cells.set(tau_m=7.0)
    cells.initialize(v=-61.0)
    sim.reset()
    sim.run(1.0)
    assert cells.get("tau_m") == 7.0
    assert (data(cells)[0][0] == -61.0).all()


def test_data_are_there_after_end(sim):
    sim.setup()
    cells = network(sim)
    sim.run(5.0)
    sim.end()
    assert data(cells)[0].shape == (51, 20)
    sim.end(compatible_output=True)


def test_setup_begins_anew(sim):
    sim.setup(timestep=0.2)
    sim.Population(3, sim.IF_curr_exp())
    sim.run(10.0)
    assert sim.setup(timestep=0.1) == 0
    assert sim.get_current_time() == 0.0 and sim.get_time_step() == 0.1
    cells = sim.Population(3, sim.IF_curr_exp())
    assert int(cells.first_id) == 0
    cells.record("v")
    sim.run(1.0)
    assert data_of_v(cells).shape == (11, 3)


# --- getters and options ------------------------------------------------------------------------------------------


def test_getters(sim):
    sim.setup(timestep=0.2, min_delay=0.4, max_delay=8.0)
    assert (sim.get_time_step(), sim.get_min_delay(), sim.get_max_delay()) == (0.2, 0.4, 8.0)
    assert (sim.get_current_time(), sim.rank(), sim.num_processes()) == (0.0, 0, 1)
    assert (sim.state.dt, sim.state.t, sim.state.min_delay, sim.state.num_processes) == (0.2, 0.0, 0.4, 1)
    models = sim.list_standard_models()
    assert {"IF_curr_exp", "IF_cond_exp", "SpikeSourceArray"} <= set(models) and "StandardCellType" not in models
    assert all(isinstance(name, str) and hasattr(sim, name) for name in models)
    assert int(sim.Population(1, sim.IF_curr_exp()).first_id) == 0


def test_no_module_of_a_backend_hides_a_name_of_its_interface(sim):
    """Python binds a submodule to its package's attribute of that name when it is first imported."""
    import pkgutil

    modules = {module.name for module in pkgutil.iter_modules(sim.module.__path__)}
    sim.setup()
    # The names that a script uses; `sim.script.backend` is not one of the module.
    interface = set(dir(sim.script)) - {"backend"}
    assert {"run", "state", "connect", "record"} <= interface
    assert not modules & interface


def test_automatic_delays_are_those_of_the_network(sim):
    sim.setup(timestep=0.1)
    assert sim.get_min_delay() == 0.1
    cells = sim.Population(3, sim.IF_curr_exp())
    sim.Projection(cells, cells, sim.FromListConnector([(0, 1, 0.1, 0.5), (1, 2, 0.1, 7.5)]), sim.StaticSynapse())
    assert (sim.get_min_delay(), sim.get_max_delay()) == (0.5, 7.5)
    sim.run(1.0)
    assert (sim.get_min_delay(), sim.get_max_delay()) == (0.5, 7.5)


@pytest.mark.trap("D33")
def test_max_delay_is_kept_without_min_delay(sim):
    """Trap D33."""
    with pytest.warns(RoundingWarning, match="9.9 ms"):
        sim.setup(timestep=0.1, max_delay=9.87)
    assert sim.get_max_delay() == 9.9
    cells = sim.Population(2, sim.IF_curr_exp())
    sim.Projection(cells, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=0.1, delay=9.9))
    sim.run(1.0)
    assert sim.get_max_delay() == 9.9


@pytest.mark.parametrize(
    "options, error",
    [
        ({"timestep": 0.0}, InvalidTimeError),
        ({"timestep": -0.1}, InvalidTimeError),
        ({"timestep": float("nan")}, InvalidTimeError),
        ({"min_delay": 2.0, "max_delay": 1.0}, InvalidDelayError),
        ({"timestep": 0.5, "min_delay": 0.1}, InvalidDelayError),
        ({"dt": 0.1}, InvalidParameterValueError),
        ({"mindelay": 0.1}, InvalidParameterValueError),
        ({"rng_seed": -1}, InvalidParameterValueError),
        ({"threads": 0}, InvalidParameterValueError),
    ],
)
def test_wrong_options_of_setup_are_refused(sim, options, error):
    with pytest.raises(error):
        sim.setup(**options)


def test_an_unknown_option_is_a_warning_that_names_the_known_ones(sim):
    with pytest.warns(UnknownOptionWarning, match="no effect.*timestep"):
        sim.setup(frobnicate=3)


def test_numbers_of_numpy_are_numbers(sim):
    sim.setup(timestep=np.float64(0.1), rng_seed=np.int64(3), threads=np.int64(1))
    cells = sim.Population(np.int64(2), sim.IF_curr_exp())
    sim.run(np.float64(1.0))
    assert sim.get_current_time() == 1.0 and cells.size == 2
