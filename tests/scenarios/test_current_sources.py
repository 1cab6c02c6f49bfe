"""Current sources, on every backend."""

from __future__ import annotations

import numpy as np
import pytest

from pyNN.errors import InvalidDimensionsError, InvalidParameterValueError, InvalidTimeError

DT = 0.1
TAU, CM = 20.0, 1.0


def potentials(cells):
    return cells.get_data("v").segments[-1].filter(name="v")[0].magnitude


def response(current, v0=-65.0):
    """v of a passive IF cell at 0, dt, 2 dt ...: `current[k]` flows during the step from k to k + 1."""
    decay = np.exp(-DT / TAU)
    v = [v0]
    for i in current:
        v.append(-65.0 + (v[-1] + 65.0) * decay + i * TAU / CM * (1.0 - decay))
    return np.array(v)


def passive(sim, n=1, **setup):
    sim.setup(timestep=DT, **setup)
    cells = sim.Population(n, sim.IF_curr_exp(v_thresh=1000.0))
    cells.record("v")
    return cells


def expected_current(name, t):
    return {
        "dc": np.where((t >= 2.0) & (t < 5.0), 0.4, 0.0),
        "ac": np.where((t >= 1.0) & (t < 8.0), 0.1 + 0.3 * np.sin(2e-3 * np.pi * 100.0 * (t - 1.0) + np.pi / 4), 0.0),
        "step": np.select([t >= 6.0, t >= 3.0, t >= 1.0], [0.1, -0.2, 0.5], 0.0),
    }[name]


def source_of(sim, name):
    return {
        "dc": lambda: sim.DCSource(amplitude=0.4, start=2.0, stop=5.0),
        "ac": lambda: sim.ACSource(start=1.0, stop=8.0, amplitude=0.3, offset=0.1, frequency=100.0, phase=45.0),
        "step": lambda: sim.StepCurrentSource(times=[1.0, 3.0, 6.0], amplitudes=[0.5, -0.2, 0.1]),
    }[name]()


@pytest.mark.requires("dynamics")
@pytest.mark.parametrize("min_delay", [0.1, 1.0])
@pytest.mark.parametrize("name", ["dc", "ac", "step"])
@pytest.mark.trap("D8")
def test_currents_have_their_closed_form(sim, name, min_delay):
    """Trap D8: the potential first differs one step after the start, whatever min_delay is."""
    cells = passive(sim, min_delay=min_delay)
    source_of(sim, name).inject_into(cells)
    sim.run(10.0)
    t = np.round(DT * np.arange(100), 10)
    current = expected_current(name, t)
    v = potentials(cells)[:, 0]
    assert np.allclose(v, response(current), rtol=0, atol=1e-10)
    assert np.flatnonzero(v != -65.0)[0] == np.flatnonzero(current)[0] + 1


@pytest.mark.requires("dynamics")
@pytest.mark.trap("D8")
def test_a_current_from_zero_acts_on_the_first_step(sim):
    cells = passive(sim, min_delay=1.0)
    sim.DCSource(amplitude=0.4).inject_into(cells)
    sim.run(1.0)
    assert np.allclose(potentials(cells)[:, 0], response(np.full(10, 0.4)), rtol=0, atol=1e-11)


@pytest.mark.requires("dynamics")
@pytest.mark.parametrize("kind", ["IF_curr_exp", "IF_curr_alpha", "IF_curr_delta", "IF_cond_exp", "IF_cond_alpha"])
def test_every_cell_type_takes_a_current(sim, kind):
    sim.setup(timestep=DT)
    cells = sim.Population(1, getattr(sim, kind)(v_thresh=1000.0))
    cells.record("v")
    sim.StepCurrentSource(times=[1.0, 3.0], amplitudes=[0.5, 0.1]).inject_into(cells)
    sim.run(5.0)
    t = np.round(DT * np.arange(50), 10)
    current = np.select([t >= 3.0, t >= 1.0], [0.1, 0.5], 0.0)
    # The conductance models are integrated numerically, with errors under a microvolt here.
    tolerance = 1e-11 if "curr" in kind else 1e-3
    assert np.allclose(potentials(cells)[:, 0], response(current), rtol=0, atol=tolerance)


@pytest.mark.requires("dynamics")
def test_populations_views_assemblies_cells_and_lists_are_targets(sim):
    cells = passive(sim, 8)
    other = sim.Population(2, sim.IF_curr_exp(v_thresh=1000.0))
    other.record("v")

    def source(amplitude):
        return sim.DCSource(amplitude=amplitude)

    cells.inject(source(0.1))
    cells[2:6].inject(source(0.2))
    cells[3].inject(source(0.4))
    source(0.8).inject_into(cells[4:5] + other[1:])
    source(1.6).inject_into([cells[0], cells[1]])
    source(3.2).inject_into(cells[[6, 7]])
    sim.run(1.0)
    v, w = potentials(cells), potentials(other)
    for cell, amplitude in enumerate([1.7, 1.7, 0.3, 0.7, 1.1, 0.3, 3.3, 3.3]):
        assert np.allclose(v[:, cell], response(np.full(10, amplitude)), rtol=0, atol=1e-11), cell
    assert (w[:, 0] == -65.0).all()
    assert np.allclose(w[:, 1], response(np.full(10, 0.8)), rtol=0, atol=1e-11)


@pytest.mark.requires("dynamics")
def test_several_currents_and_one_current_twice_add_up(sim):
    cells = passive(sim)
    source = sim.DCSource(amplitude=0.1)
    source.inject_into(cells)
    cells[0].inject(source)
    sim.ACSource(amplitude=0.2, frequency=50.0).inject_into(cells)
    sim.run(5.0)
    t = DT * np.arange(50)
    current = 0.2 + 0.2 * np.sin(2e-3 * np.pi * 50.0 * t)
    assert np.allclose(potentials(cells)[:, 0], response(current), rtol=0, atol=1e-11)


@pytest.mark.requires("dynamics")
@pytest.mark.parametrize("min_delay", [0.1, 1.0])
@pytest.mark.trap("U7")
def test_a_source_is_changed_between_runs(sim, min_delay):
    cells = passive(sim, 2, min_delay=min_delay)
    source = sim.DCSource(amplitude=0.1)
    source.inject_into(cells[:1])
    sim.run(5.0)
    source.amplitude = 0.3
    assert source.amplitude == 0.3
    sim.run(5.0)
    source.set_parameters(amplitude=-0.2, stop=12.0)
    sim.DCSource(amplitude=0.7).inject_into(cells[1])
    sim.run(5.0)
    current = np.r_[np.full(50, 0.1), np.full(50, 0.3), np.full(20, -0.2), np.zeros(30)]
    v = potentials(cells)
    assert np.allclose(v[:, 0], response(current), rtol=0, atol=1e-11)
    assert np.allclose(v[:, 1], response(np.r_[np.zeros(100), np.full(50, 0.7)]), rtol=0, atol=1e-11)


@pytest.mark.requires("dynamics")
@pytest.mark.parametrize("min_delay", [0.1, 1.0])
def test_a_source_is_changed_while_running(sim, min_delay):
    """A callback's change acts on the step that begins at its time, in the cells as in the record."""
    cells = passive(sim, 2, min_delay=min_delay)
    source = sim.DCSource(amplitude=0.0)
    source.inject_into(cells[:1])
    source.record()

    def ramp(t):
        source.amplitude = 0.1 * t
        return t + 2.5

    sim.run(10.0, callbacks=[ramp])
    current = np.repeat([0.0, 0.25, 0.5, 0.75], 25)
    assert np.allclose(source.get_data().magnitude[:-1, 0], current, rtol=0, atol=1e-12)
    v = potentials(cells)
    assert np.allclose(v[:, 0], response(current), rtol=0, atol=1e-10) and (v[:, 1] == -65.0).all()


@pytest.mark.requires("dynamics")
def test_targets_may_be_added_between_runs(sim):
    cells = passive(sim, 2)
    source = sim.DCSource(amplitude=0.1)
    source.inject_into(cells[0])
    sim.run(1.0)
    cells[1].inject(source)
    sim.run(1.0)
    v = potentials(cells)
    assert np.allclose(v[:, 0], response(np.full(20, 0.1)), rtol=0, atol=1e-11)
    assert np.allclose(v[:, 1], response(np.r_[np.zeros(10), np.full(10, 0.1)]), rtol=0, atol=1e-11)


@pytest.mark.requires("dynamics")
def test_a_current_goes_on_after_reset(sim):
    cells = passive(sim)
    source_of(sim, "step").inject_into(cells)
    sim.run(10.0)
    sim.reset()
    sim.run(10.0)
    first, second = (s.filter(name="v")[0].magnitude for s in cells.get_data().segments)
    assert np.array_equal(first, second) and first.max() > -65.0


@pytest.mark.parametrize("name", ["dc", "ac", "step"])
def test_a_recorded_current_is_its_definition(sim, name):
    cells = passive(sim)
    source = source_of(sim, name)
    source.inject_into(cells)
    source.record()
    sim.run(4.0)
    sim.run(6.0)
    signal = source.get_data()
    assert signal.shape == (101, 1) and signal.units.dimensionality.string == "nA"
    assert float(signal.t_start) == 0.0 and float(signal.sampling_period.rescale("ms")) == DT
    expected = expected_current(name, np.round(DT * np.arange(101), 10))
    assert np.allclose(signal.magnitude[:, 0], expected, rtol=0, atol=1e-12)


def test_a_recorded_current_remembers_what_it_was_before_a_change(sim):
    cells = passive(sim)
    source = sim.DCSource(amplitude=0.1)
    source.inject_into(cells)
    source.record()
    sim.run(1.0)
    source.amplitude = 0.2
    sim.run(1.0)
    assert np.array_equal(source.get_data().magnitude[:, 0], np.r_[np.full(10, 0.1), np.full(11, 0.2)])


@pytest.mark.requires("dynamics")
def test_noise_is_what_is_recorded_and_has_its_moments(sim):
    cells = passive(sim, 2)
    source = sim.NoisyCurrentSource(mean=0.5, stdev=0.2, start=10.0, stop=110.0, dt=0.2)
    source.inject_into(cells)
    source.record()
    sim.run(120.0)
    current = source.get_data().magnitude[:, 0]
    assert (current[:100] == 0.0).all() and (current[1100:] == 0.0).all()
    noise = current[100:1100].reshape(-1, 2)
    assert np.array_equal(noise[:, 0], noise[:, 1])
    # 500 independent values: 5 standard errors of the mean and of the standard deviation.
    assert abs(noise[:, 0].mean() - 0.5) < 5 * 0.2 / np.sqrt(500)
    assert abs(noise[:, 0].std() - 0.2) < 5 * 0.2 / np.sqrt(1000)
    assert abs(np.corrcoef(noise[:-1, 0], noise[1:, 0])[0, 1]) < 5 / np.sqrt(500)
    v = potentials(cells)
    assert np.array_equal(v[:, 0], v[:, 1])
    assert np.allclose(v[:, 0], response(current[:-1]), rtol=0, atol=1e-10)


def test_noise_is_the_same_on_every_backend_and_differs_between_sources_and_trials(sim):
    import pyNN.mock as dry_run

    def currents(simulator):
        simulator.setup(timestep=DT, rng_seed=4)
        cells = simulator.Population(1, simulator.IF_curr_exp())
        sources = [simulator.NoisyCurrentSource(stdev=1.0) for _ in range(2)]
        for source in sources:
            source.inject_into(cells)
            source.record()
        simulator.run(10.0)
        first = [source.get_data().magnitude[:, 0] for source in sources]
        simulator.reset()
        simulator.run(10.0)
        return np.array(first + [sources[0].get_data().magnitude[:, 0]])

    expected = currents(dry_run)
    assert np.array_equal(currents(sim), expected)
    # 101 independent values each; the standard deviation of a correlation is 0.1.
    assert np.abs(np.corrcoef(expected) - np.eye(3)).max() < 0.5


def test_wrong_sources_are_refused_and_nothing_is_injected(sim):
    cells = passive(sim, 2)
    with pytest.raises(InvalidTimeError, match="increase"):
        sim.StepCurrentSource(times=[3.0, 1.0], amplitudes=[0.1, 0.2]).inject_into(cells)
    with pytest.raises(InvalidTimeError):
        sim.StepCurrentSource(times=[-3.0, 1.0], amplitudes=[0.1, 0.2]).inject_into(cells)
    with pytest.raises(InvalidDimensionsError):
        sim.StepCurrentSource(times=[3.0], amplitudes=[0.1, 0.2]).inject_into(cells)
    with pytest.raises(TypeError, match="membrane"):
        sim.Population(1, sim.SpikeSourceArray()).inject(sim.DCSource())
    with pytest.raises(InvalidParameterValueError, match="inject_into"):
        sim.DCSource().record()
    source = sim.DCSource(amplitude=0.1)
    with pytest.raises(AttributeError, match="amplitud"):
        source.amplitud = 3.0
    sim.run(2.0)
    assert (potentials(cells) == -65.0).all()


@pytest.mark.requires("dynamics")
def test_a_wrong_change_of_a_source_leaves_it_as_it_was(sim):
    cells = passive(sim)
    source = sim.StepCurrentSource(times=[0.0], amplitudes=[0.3])
    source.inject_into(cells)
    sim.run(1.0)
    with pytest.raises(InvalidTimeError):
        source.set_parameters(times=[5.0, 1.0], amplitudes=[1.0, 2.0])
    sim.run(1.0)
    assert np.allclose(potentials(cells)[:, 0], response(np.full(20, 0.3)), rtol=0, atol=1e-11)


@pytest.mark.requires("dynamics")
def test_an_anonymous_source_lives_on(sim):
    import gc

    cells = passive(sim)
    cells.inject(sim.DCSource(amplitude=0.2))
    gc.collect()
    sim.run(1.0)
    assert np.allclose(potentials(cells)[:, 0], response(np.full(10, 0.2)), rtol=0, atol=1e-11)
