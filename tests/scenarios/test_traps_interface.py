"""Traps of the interface: rows D29 to D31, D35, D36, D38 to D43 and the users' traps of docs/traps.md."""

from __future__ import annotations

import importlib
import pickle
import warnings

import numpy as np
import pytest

from pyNN.errors import (
    InvalidDimensionsError,
    InvalidParameterValueError,
    NonExistentParameterError,
    RoundingWarning,
)
from pyNN.random import NumpyRNG, RandomDistribution


def network(sim, rows=((0, 0, 0.1, 1.0), (1, 2, 0.2, 2.0)), **setup):
    sim.setup(timestep=0.1, **setup)
    cells = sim.Population(3, sim.IF_curr_exp(), label="cells")
    return cells, sim.Projection(cells, cells, sim.FromListConnector(list(rows)), sim.StaticSynapse(), label="rows")


def samples(cells, name="v", segment=-1):
    return cells.get_data(name).segments[segment].filter(name=name)[0]


# --- D1, on writing --------------------------------------------------------------------------------------------------


@pytest.mark.trap("D1")
def test_connection_decisions_and_weights_from_one_generator_are_unrelated(sim):
    """PyNN begins the weights with the very numbers that decided on the connections: weight < p for every one."""
    sim.setup(timestep=0.1)
    cells = sim.Population(40, sim.IF_curr_exp())
    rng = NumpyRNG(seed=21)
    weight = RandomDistribution("uniform", (0.0, 1.0), rng=rng)
    projection = sim.Projection(
        cells, cells, sim.FixedProbabilityConnector(0.3, rng=rng), sim.StaticSynapse(weight=weight, delay=1.0)
    )
    weights = np.array(projection.get("weight", "list", with_address=False))
    # 480 uniform numbers: the mean's standard deviation is 0.013.
    assert abs(weights.mean() - 0.5) < 0.08 and (weights > 0.3).mean() > 0.6


# --- D29, D30, D31: names and values ---------------------------------------------------------------------------------


@pytest.mark.trap("D29")
def test_a_class_without_parameters_is_a_cell_type(sim):
    sim.setup()
    assert sim.Population(10, sim.IF_cond_exp).size == 10
    assert sim.create(sim.IF_cond_exp, n=10).size == 10
    assert sim.create(sim.IF_cond_exp, {"tau_m": 12.0}, n=2).get("tau_m") == 12.0


@pytest.mark.trap("D30")
@pytest.mark.parametrize("built", [False, True])
def test_an_unknown_name_is_one_error_everywhere(sim, built):
    """The error is also KeyError and AttributeError; it names the model and what is meant."""
    cells, projection = network(sim)
    if built:
        sim.run(0.1)
    cell_calls = [
        lambda: sim.IF_curr_exp(tau_mm=1.0),
        lambda: cells.set(tau_mm=1.0),
        lambda: cells.get("tau_mm"),
        lambda: cells.get(["cm", "tau_mm"]),
        lambda: cells[1:].set(tau_mm=1.0),
        lambda: cells[0].set_parameters(tau_mm=1.0),
        lambda: setattr(cells[0], "tau_mm", 1.0),
        lambda: cells[0].tau_mm,
    ]
    for call in cell_calls:
        with pytest.raises(NonExistentParameterError, match="IF_curr_exp has no .*'tau_mm'.*Did you mean 'tau_m'"):
            call()
    for call in (lambda: cells.initialize(foo=1.0), lambda: cells[0].set_initial_value("foo", 1.0)):
        with pytest.raises(NonExistentParameterError, match="IF_curr_exp has no state variable 'foo'.*Valid.*v"):
            call()
    synapse_calls = [
        lambda: sim.StaticSynapse(wieght=1.0),
        lambda: projection.set(wieght=1.0),
        lambda: projection.get("wieght", "list"),
        lambda: projection.get(["weight", "wieght"], "array"),
        lambda: projection.save("wieght", "never-written.txt"),
        lambda: projection[0].wieght,
    ]
    for call in synapse_calls:
        with pytest.raises(NonExistentParameterError, match="StaticSynapse has no .*'wieght'.*Did you mean 'weight'"):
            call()


@pytest.mark.trap("D31")
def test_a_wrong_number_of_values_is_one_error_everywhere(sim):
    cells, projection = network(sim)
    for call in (
        lambda: sim.Population(3, sim.IF_curr_exp(tau_m=[10.0, 20.0])),
        lambda: cells.set(tau_m=[10.0, 20.0]),
        lambda: cells.initialize(v=[-60.0, -61.0]),
        lambda: projection.set(weight=[0.1, 0.2, 0.3]),
        lambda: projection.set(weight=np.ones((2, 2))),
        lambda: sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=[0.1, 0.2])),
    ):
        with pytest.raises(InvalidDimensionsError):
            call()
    assert cells.get("tau_m") == 20.0


@pytest.mark.trap("D31")
@pytest.mark.parametrize("name, value", [("tau_m", -5.0), ("tau_m", 0.0), ("cm", -1.0), ("tau_syn_E", float("nan"))])
def test_impossible_values_are_refused(sim, name, value):
    sim.setup()
    cells = sim.Population(2, sim.IF_curr_exp())
    for call in (
        lambda: sim.Population(2, sim.IF_curr_exp(**{name: value})),
        lambda: cells.set(**{name: value}),
        lambda: setattr(cells[0], name, value),
    ):
        with pytest.raises(InvalidParameterValueError, match=name):
            call()
    assert cells.get(name) == sim.IF_curr_exp.default_parameters[name]


# --- D35, D36: recording and the run ---------------------------------------------------------------------------------


@pytest.mark.trap("D35")
def test_data_before_the_run_files_as_objects_and_empty_slices(sim, tmp_path):
    from neo.io import PickleIO

    sim.setup(timestep=0.1)
    cells = sim.Population(np.int64(4), sim.IF_curr_exp(), initial_values={"v": -60.0})
    file = tmp_path / "at_the_end.pkl"
    cells.record("v", to_file=PickleIO(str(file)))
    assert samples(cells).magnitude.tolist() == [[-60.0] * 4]
    assert cells[0:0].size == 0 and cells[0:0].get_data().segments[0].spiketrains is not None
    view = cells[1:3]
    assert view.initial_values["v"].evaluate(simplify=True) == -60.0
    part = view[[1]]
    indices = part.index_from_parent_index(np.array([1])) if hasattr(part, "index_from_parent_index") else None
    assert indices is None or np.issubdtype(np.asarray(indices).dtype, np.integer)
    assert cells.sample(np.int64(2), NumpyRNG(np.int64(3))).size == 2
    sim.run(1.0)
    sim.end()
    written = pickle.loads(file.read_bytes())
    assert written.segments[0].filter(name="v")[0].shape == (11, 4)


@pytest.mark.trap("D36")
def test_reset_and_end_take_what_pynn_documents(sim):
    cells, _ = network(sim)
    cells.record("v")
    sim.run(2.0)
    sim.reset()
    assert sim.get_current_time() == 0.0
    sim.run(3.0)
    sim.reset(annotations={"trial": "b"})
    sim.run(1.0)
    segments = cells.get_data("v").segments
    assert [s.filter(name="v")[0].shape[0] for s in segments] == [21, 31, 11]
    sim.end(compatible_output=True)


# --- D38: little things that fail ------------------------------------------------------------------------------------


@pytest.mark.trap("D38")
def test_one_connection_is_a_list_of_one(sim):
    cells, projection = network(sim, rows=[(0, 1, 0.3, 1.0)])
    for _ in range(2):
        assert projection.get("weight", "list") == [(0, 1, 0.3)]
        assert projection.get(["weight", "delay"], "list", with_address=False) == [(0.3, 1.0)]
        assert projection.get("weight", "list", with_address=False) == [0.3]
        sim.run(0.1)


@pytest.mark.requires("dynamics")
@pytest.mark.trap("D38", "U8")
def test_clearing_in_the_middle_of_a_run_with_spikes(sim):
    """Two halves, the first one taken out in between, are the whole."""

    def halves(clear):
        sim.setup(timestep=0.1)
        cells = sim.Population(4, sim.IF_curr_exp(i_offset=[0.0, 1.0, 1.5, 2.0]))
        cells.record(["spikes", "v"])
        sim.run(50.0)
        first = cells.get_data(clear=clear).segments[-1]
        sim.run(50.0)
        return first, cells.get_data().segments[-1]

    _, whole = halves(clear=False)
    first, second = halves(clear=True)
    for k in range(4):
        joined = [*first.spiketrains[k].magnitude, *second.spiketrains[k].magnitude]
        assert joined == list(whole.spiketrains[k].magnitude)
    assert len(whole.spiketrains[3]) > 5
    v = whole.filter(name="v")[0].magnitude
    assert np.array_equal(first.filter(name="v")[0].magnitude, v[:501])
    after = second.filter(name="v")[0]
    assert np.array_equal(after.magnitude, v[500:]) and float(after.t_start) == 50.0


@pytest.mark.trap("D38")
def test_get_simplifies_and_spikes_that_nobody_recorded_are_none(sim):
    sim.setup()
    cells = sim.Population(3, sim.IF_curr_exp(tau_m=[5.0, 5.0, 5.0]))
    assert cells.get("tau_m") == 5.0
    assert np.array_equal(cells.get("tau_m", simplify=False), [5.0] * 3)
    sim.run(1.0)
    assert cells.get("tau_m") == 5.0
    assert cells.get_spike_counts() == {} and cells.mean_spike_count() == 0.0


# --- D40, D41: old names, files, descriptions ------------------------------------------------------------------------


@pytest.mark.trap("D40")
def test_old_names_of_projections_and_assemblies_work(sim, tmp_path):
    importlib.import_module("pyNN.compat")
    sim.setup(timestep=0.1)
    cells = sim.Population(4, sim.IF_cond_exp())
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1, delay=1.0))
    both = sim.Assembly(cells)
    with pytest.warns(DeprecationWarning):
        both.rset("tau_m", RandomDistribution("uniform", (10.0, 20.0)))
    assert len(set(cells.get("tau_m"))) == 4
    with pytest.warns(DeprecationWarning):
        projection.setWeights(0.2)
    assert set(projection.get("weight", "list", with_address=False)) == {0.2}


@pytest.mark.trap("D40")
def test_a_plastic_projection_takes_the_old_setters(sim):
    importlib.import_module("pyNN.compat")
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_cond_exp())
    synapse = sim.TsodyksMarkramSynapse(U=0.5, weight=0.1, delay=1.0)
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), synapse)
    with pytest.warns(DeprecationWarning):
        projection.setSynapseDynamics("U", 0.3)
    assert projection.get("U", "list", with_address=False) == [0.3] * 4
    with pytest.warns(DeprecationWarning):
        projection.randomizeSynapseDynamics("U", RandomDistribution("uniform", (0.2, 0.4)))
    assert len(set(projection.get("U", "list", with_address=False))) == 4


@pytest.mark.trap("D40")
def test_populations_are_saved_and_loaded(sim, tmp_path):
    from pyNN.utility import load_population, save_population

    sim.setup(timestep=0.1)
    cells = sim.Population(3, sim.IF_curr_exp(tau_m=[10.0, 11.0, 12.0]), label="saved")
    file = str(tmp_path / "cells.pkl")
    save_population(cells, file)
    again = load_population(file, sim.module)
    assert again.size == 3 and again.label == "saved" and np.array_equal(again.get("tau_m"), [10.0, 11.0, 12.0])


@pytest.mark.trap("D40")
def test_two_attributes_are_saved_as_arrays(sim, tmp_path):
    _, projection = network(sim)
    file = tmp_path / "arrays.txt"
    projection.save(["weight", "delay"], str(file), format="array")
    table = np.loadtxt(file)
    assert table.shape == (6, 3) and table[0, 0] == 0.1 and table[3 + 1, 2] == 2.0


@pytest.mark.trap("D41")
def test_metadata_of_a_text_file_are_read_whatever_the_mode(sim, tmp_path):
    from pyNN.recording.files import StandardTextFile

    cells, projection = network(sim)
    file = str(tmp_path / "connections.txt")
    projection.save(["weight", "delay"], file)
    assert StandardTextFile(file).get_metadata() == {"columns": ["i", "j", "weight", "delay"]}
    assert StandardTextFile(file, "r").get_metadata() == StandardTextFile(file, "rb").get_metadata()
    text = (tmp_path / "connections.txt").read_text()
    (tmp_path / "tuple.txt").write_text(text.replace("[", "(", 1).replace("]", ")", 1))
    copy = sim.Projection(cells, cells, sim.FromFileConnector(str(tmp_path / "tuple.txt")), sim.StaticSynapse())
    assert copy.get(["weight", "delay"], "list") == projection.get(["weight", "delay"], "list")


@pytest.mark.trap("D41")
@pytest.mark.parametrize("built", [False, True])
def test_descriptions_are_sentences(sim, built):
    cells, projection = network(sim)
    if built:
        sim.run(0.1)
    for thing in (cells, cells[:2], cells + cells[:0], projection, cells.celltype, projection.synapse_type):
        text = thing.describe()
        assert isinstance(text, str) and text.strip()
        assert "larray" not in text and "object at 0x" not in text and "LazyArray" not in text
    assert "jinja" in projection.describe("{{ pre.label }} jinja", engine="jinja2")


# --- D42: listing ----------------------------------------------------------------------------------------------------


@pytest.mark.trap("D42")
def test_listing_models_lists_cell_types_and_makes_nothing(sim):
    sim.setup()
    first = sim.Population(1, sim.IF_curr_exp())
    names = sim.list_standard_models()
    second = sim.Population(1, sim.IF_curr_exp())
    assert second.first_id == first.first_id + 1
    assert "StandardCellType" not in names and {"IF_curr_exp", "IF_cond_exp", "SpikeSourcePoisson"} <= set(names)
    assert names == sorted(set(names))
    for name in names:
        assert sim.Population(1, getattr(sim, name)()).size == 1


# --- D43: what is documented works -----------------------------------------------------------------------------------


@pytest.mark.trap("D43")
def test_documented_connectors_work(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(12, sim.IF_curr_exp())
    by_function = sim.DistanceDependentProbabilityConnector(lambda d: d < 2.5, allow_self_connections=False)
    assert {abs(i - j) for i, j, _ in sim.Projection(cells, cells, by_function).get("weight", "list")} == {1, 2}
    one_way = sim.Projection(cells, cells, sim.AllToAllConnector(allow_self_connections="NoMutual"))
    assert len(one_way) == 12 * 11 // 2
    free = NumpyRNG(seed=4, parallel_safe=False)
    fixed = sim.Projection(cells, cells, sim.FixedNumberPostConnector(4, rng=free)).get("weight", "list")
    assert np.bincount([i for i, _, _ in fixed], minlength=12).tolist() == [4] * 12
    small_world = sim.Projection(cells, cells, sim.SmallWorldConnector(1.5, 0.0))
    assert len(small_world) > 0
    each = sim.StaticSynapse(weight=[0.1, 0.2, 0.3, 0.4], delay=1.0)
    square = sim.Projection(cells[:2], cells[:2], sim.AllToAllConnector(), each)
    assert square.get("weight", "list", with_address=False) == [0.1, 0.2, 0.3, 0.4]


@pytest.mark.requires("dynamics")
@pytest.mark.trap("D43")
def test_synaptic_currents_of_current_based_cells_are_recordable(sim):
    """isyn_exc decays from the weight with tau_syn_E after each spike."""
    sim.setup(timestep=0.1)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[5.0]))
    cell = sim.Population(1, sim.IF_curr_exp(tau_syn_E=4.0))
    sim.Projection(source, cell, sim.OneToOneConnector(), sim.StaticSynapse(weight=0.5, delay=1.0))
    cell.record("isyn_exc")
    sim.run(20.0)
    found = samples(cell, "isyn_exc").magnitude[:, 0]
    t = 0.1 * np.arange(201) - 6.0
    assert np.allclose(found, np.where(t > -0.01, 0.5 * np.exp(-t / 4.0), 0.0), rtol=0, atol=1e-12)


@pytest.mark.trap("D43")
def test_noise_takes_a_generator(sim):
    """With a seed of its own, the noise is the same in another simulation, whatever the simulation's seed is."""

    def noise(seed, simulation_seed):
        sim.setup(timestep=0.1, rng_seed=simulation_seed)
        cells = sim.Population(1, sim.IF_curr_exp())
        source = sim.NoisyCurrentSource(mean=0.1, stdev=0.2, start=0.0, stop=50.0, dt=1.0, rng=NumpyRNG(seed=seed))
        source.inject_into(cells)
        source.record()
        sim.run(20.0)
        return source.get_data().magnitude.ravel().tolist()

    assert noise(5, 1) == noise(5, 2) != noise(6, 1)
    assert len(set(noise(5, 1))) > 10


@pytest.mark.trap("D43")
def test_defaults_do_not_depend_on_the_backend(sim):
    import pyNN.reference as reference

    for name in sim.list_standard_models():
        assert getattr(sim, name) is getattr(reference, name) or (
            getattr(sim, name).default_parameters == getattr(reference, name).default_parameters
        )


# --- users' traps ----------------------------------------------------------------------------------------------------


@pytest.mark.requires("dynamics")
@pytest.mark.trap("U3")
@pytest.mark.parametrize("delay", [0.1, 1.5])
def test_automatic_delays_with_spike_sources(sim, delay):
    """Spikes at 0 and soon after arrive one delay later, whatever the smallest delay is."""
    sim.setup(timestep=0.1, min_delay="auto")
    times = [0.0, 0.1, 0.7, 3.0]
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=times))
    cell = sim.Population(1, sim.IF_curr_delta(tau_m=1e6, v_thresh=1000.0))
    sim.Projection(source, cell, sim.OneToOneConnector(), sim.StaticSynapse(weight=1.0, delay=delay))
    source.record("spikes")
    cell.record("v")
    sim.run(6.0)
    assert sim.get_min_delay() == pytest.approx(delay, abs=1e-12)
    assert source.get_data().segments[0].spiketrains[0].magnitude.tolist() == times
    jumps = np.flatnonzero(np.diff(samples(cell).magnitude[:, 0]) > 0.5) + 1
    assert jumps.tolist() == [round((t + delay) / 0.1) for t in times]


@pytest.mark.requires("dynamics")
@pytest.mark.trap("U4")
def test_step_currents_off_the_grid_act_at_the_nearest_step_and_warn_once(sim):
    sim.setup(timestep=0.1)
    cell = sim.Population(1, sim.IF_curr_exp(tau_m=1e6, cm=1.0))
    cell.record("v")
    source = sim.StepCurrentSource(times=[1.02, 2.07, 3.0], amplitudes=[1.0, 2.0, 0.0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        source.inject_into(cell)
        sim.run(5.0)
    rounded = [w for w in caught if issubclass(w.category, RoundingWarning)]
    assert len(rounded) == 1 and "1.02" in str(rounded[0].message)
    slope = np.diff(samples(cell).magnitude[:, 0]) / 0.1
    # dv/dt = I/cm in the step after each time; the leak of 1e6 ms is below 1e-5.
    expected = np.zeros(50)
    expected[10:21], expected[21:30] = 1.0, 2.0
    assert np.allclose(slope, expected, rtol=0, atol=1e-4)


@pytest.mark.trap("U6")
def test_views_of_assemblies_keep_the_cells_and_their_ids(sim):
    sim.setup(timestep=0.1)
    a = sim.Population(3, sim.IF_curr_exp(tau_m=[1.0, 2.0, 3.0]), label="a")
    b = sim.Population(4, sim.IF_cond_exp(tau_m=[4.0, 5.0, 6.0, 7.0]), label="b")
    both = b + a
    part = both[3:6]
    assert [int(cell) for cell in part] == [b[3], a[0], a[1]] == part.all_cells.tolist()
    assert [cell.tau_m for cell in part] == [7.0, 1.0, 2.0]
    assert [both.id_to_index(cell) for cell in part] == [3, 4, 5]
    assert [part.id_to_index(cell) for cell in part] == [0, 1, 2]
    part.set(cm=0.5)
    assert a.get("cm").tolist() == [0.5, 0.5, 1.0] and b.get("cm").tolist() == [1.0, 1.0, 1.0, 0.5]
    masked = both[np.array([True, False, False, False, False, False, True])]
    assert masked.all_cells.tolist() == [b[0], a[2]]
    part.record("v")
    sim.run(1.0)
    signal = samples(part)
    assert signal.shape == (11, 3) and np.array_equal(samples(a[:2]).magnitude, signal.magnitude[:, 1:])


@pytest.mark.requires("dynamics")
@pytest.mark.trap("U7")
def test_changes_after_reset_take_effect(sim):
    sim.setup(timestep=0.1)
    cell = sim.Population(1, sim.IF_curr_exp(tau_m=20.0, cm=1.0))
    cell.record("v")
    sim.run(10.0)
    sim.reset()
    cell.set(i_offset=0.1, tau_m=10.0)
    cell.initialize(v=-60.0)
    sim.run(10.0)
    t = 0.1 * np.arange(101)
    # Steady state: v_rest + I tau_m/cm = -64 mV.
    expected = -64.0 + 4.0 * np.exp(-t / 10.0)
    assert np.allclose(samples(cell).magnitude[:, 0], expected, rtol=0, atol=1e-11)


@pytest.mark.trap("U9")
def test_a_subset_with_its_own_interval_keeps_both_axes(sim):
    """The first record() keeps its interval, and the other variable has its own."""
    sim.setup(timestep=0.1)
    cells = sim.Population(6, sim.IF_cond_exp())
    cells[:3].record("v", sampling_interval=1.0)
    cells.record("gsyn_exc")
    sim.run(11.0)
    v, g = samples(cells, "v"), samples(cells, "gsyn_exc")
    assert v.shape == (12, 3) and float(v.sampling_period.rescale("ms")) == pytest.approx(1.0, abs=1e-12)
    assert g.shape == (111, 6) and float(g.sampling_period.rescale("ms")) == pytest.approx(0.1, abs=1e-12)
    assert float(v.times[-1]) == pytest.approx(11.0, abs=1e-9)
