"""Populations, views, assemblies and single cells, on every backend."""

from __future__ import annotations

import numpy as np
import pytest

from pyNN.errors import (
    ConnectionError,
    InvalidDimensionsError,
    InvalidModelError,
    InvalidParameterValueError,
    NonExistentParameterError,
    NotSetUpError,
)
from pyNN.populations import CellIndexError
from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.space import Cuboid, Grid2D, Grid3D, Line, RandomStructure, Sphere


def voltage(cells):
    """The recorded potential, shape (samples, cells)."""
    return cells.get_data().segments[-1].filter(name="v")[0].magnitude


# --- size, structure, label ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size, expected",
    [
        ((4,), [[0, 1, 2, 3], [0] * 4, [0] * 4]),
        ((2, 3), [[0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2], [0] * 6]),
        ((2, 1, 3), [[0, 0, 0, 1, 1, 1], [0] * 6, [0, 1, 2, 0, 1, 2]]),
    ],
)
def test_a_tuple_of_sizes_puts_cells_on_a_grid(sim, size, expected):
    sim.setup()
    cells = sim.Population(size, sim.IF_curr_exp())
    assert cells.size == len(cells) == np.prod(size)
    assert np.array_equal(cells.positions, expected)
    assert isinstance(cells.structure, {1: Line, 2: Grid2D, 3: Grid3D}[len(size)])


@pytest.mark.parametrize("size", [5, np.int64(5), np.int32(5)])
@pytest.mark.trap("D35")
def test_a_whole_number_of_any_kind_is_a_size(sim, size):
    sim.setup()
    cells = sim.Population(size, sim.IF_curr_exp())
    assert cells.size == 5
    assert np.array_equal(cells.positions[0], np.arange(5))


@pytest.mark.parametrize("size", [-1, 2.5, "3", [3], (2, 2.5), (1, 2, 3, 4), True])
def test_other_sizes_are_refused(sim, size):
    sim.setup()
    with pytest.raises(InvalidParameterValueError):
        sim.Population(size, sim.IF_curr_exp())


def test_a_tuple_of_sizes_excludes_a_structure(sim):
    sim.setup()
    with pytest.raises(InvalidParameterValueError, match="structure"):
        sim.Population((2, 2), sim.IF_curr_exp(), structure=Line())


def test_structures_give_the_positions_and_assigned_positions_replace_them(sim):
    sim.setup()
    cells = sim.Population(8, sim.IF_cond_exp(), structure=Grid2D(aspect_ratio=2.0, dx=10.0, dy=20.0))
    assert set(cells.positions[0]) == {0.0, 10.0, 20.0, 30.0} and set(cells.positions[1]) == {0.0, 20.0}
    given = np.arange(24.0).reshape(3, 8)
    cells.positions = given
    given[:] = 0.0
    assert cells.structure is None
    assert np.array_equal(cells.positions, np.arange(24.0).reshape(3, 8))
    cells.structure = Line(dx=2.0, x0=1.0)
    assert np.array_equal(cells.positions[0], 1.0 + 2.0 * np.arange(8))
    with pytest.raises(InvalidDimensionsError, match=r"\(3, 8\)"):
        cells.positions = np.zeros((8, 3))


@pytest.mark.parametrize("shape, extent", [(Cuboid(2.0, 4.0, 6.0), (1.0, 2.0, 3.0)), (Sphere(5.0), (5.0, 5.0, 5.0))])
def test_random_positions_lie_in_their_shape_and_are_the_same_on_every_backend(sim, shape, extent):
    sim.setup(rng_seed=8)
    cells = sim.Population(200, sim.IF_curr_exp(), structure=RandomStructure(shape))
    found = cells.positions
    assert (np.abs(found) <= np.array(extent)[:, None]).all()
    # Half the extent would be missed with probability 2**-200.
    assert (np.abs(found).max(axis=1) > 0.5 * np.array(extent)).all()
    import pyNN.mock as dry_run

    dry_run.setup(rng_seed=8)
    assert np.array_equal(
        found, dry_run.Population(200, dry_run.IF_curr_exp(), structure=RandomStructure(shape)).positions
    )


def test_labels_are_numbered_in_each_simulation_anew(sim):
    for _ in range(2):
        sim.setup()
        names = [sim.Population(1, sim.IF_curr_exp()).label, sim.Population(1, sim.IF_curr_exp(), label="me").label]
        assert names == ["population0", "me"]


@pytest.mark.trap("D29")
def test_a_cell_type_class_is_accepted(sim):
    """Trap D29: also without parameters."""
    sim.setup()
    assert sim.Population(2, sim.IF_curr_exp, {"tau_m": 12.0}).get("tau_m") == 12.0
    assert sim.Population(2, sim.IF_curr_exp).get("tau_m") == 20.0
    with pytest.raises(InvalidModelError):
        sim.Population(2, "IF_curr_exp")


def test_the_users_cell_type_is_never_changed(sim):
    sim.setup()
    kind = sim.IF_curr_exp(tau_m=12.0, i_offset=RandomDistribution("uniform", (0.0, 1.0), rng=NumpyRNG(1)))
    first, second = sim.Population(3, kind), sim.Population(5, kind)
    first.set(tau_m=[1.0, 2.0, 3.0])
    first[0].v_thresh = -40.0
    sim.run(1.0)
    first.set(tau_m=9.0)
    assert second.get("tau_m") == 12.0 and second.get("v_thresh") == -50.0
    assert kind.parameter_space["tau_m"].base_value == 12.0
    assert kind.parameter_space.shape is None
    assert sim.Population(2, kind).get("tau_m") == 12.0


# --- parameters ---------------------------------------------------------------------------------------------------


def test_set_and_get_take_every_kind_of_value(sim):
    sim.setup()
    cells = sim.Population(4, sim.IF_curr_exp())
    assert cells.get("tau_m") == 20.0
    assert isinstance(cells.get("tau_m"), float)
    cells.set(tau_m=10.0, cm=[0.1, 0.2, 0.3, 0.4], v_rest=np.array([-60.0, -61.0, -62.0, -63.0]))
    assert cells.get("tau_m") == 10.0
    assert np.array_equal(cells.get("tau_m", simplify=False), np.full(4, 10.0))
    tau_m, cm = cells.get(["tau_m", "cm"])
    assert tau_m == 10.0 and np.array_equal(cm, [0.1, 0.2, 0.3, 0.4])
    cells.set(i_offset=lambda i: 0.1 * i)
    assert np.allclose(cells.get("i_offset"), [0.0, 0.1, 0.2, 0.3], rtol=0, atol=1e-15)
    cells.set(tau_refrac=RandomDistribution("uniform", (1.0, 2.0), rng=NumpyRNG(3)))
    drawn = cells.get("tau_refrac")
    assert ((drawn >= 1.0) & (drawn <= 2.0)).all() and len(set(drawn)) == 4


def test_array_valued_parameters_come_back_as_sequences(sim):
    sim.setup()
    sources = sim.Population(2, sim.SpikeSourceArray(spike_times=[1.0, 2.0]))
    assert np.array_equal(sources.get("spike_times").value, [1.0, 2.0])
    sources.set(spike_times=[[3.0], [4.0, 5.0]])
    found = sources.get("spike_times")
    assert [list(s.value) for s in found] == [[3.0], [4.0, 5.0]]
    sources[1].spike_times = [7.0]
    assert [list(s.value) for s in sources.get("spike_times")] == [[3.0], [7.0]]
    assert list(sources[1].spike_times.value) == [7.0]


def test_a_wrong_set_changes_nothing(sim):
    sim.setup()
    cells = sim.Population(3, sim.IF_curr_exp())
    with pytest.raises(NonExistentParameterError, match="Did you mean 'tau_m'"):
        cells.set(cm=2.0, tau_mm=3.0)
    with pytest.raises(InvalidDimensionsError):
        cells.set(cm=2.0, tau_m=[1.0, 2.0])
    with pytest.raises(InvalidParameterValueError):
        cells.set(cm=2.0, tau_m=-5.0)
    with pytest.raises(InvalidParameterValueError):
        cells.set(cm=2.0, tau_m=float("nan"))
    with pytest.raises(InvalidParameterValueError):
        cells.set(cm=2.0, tau_m="long")
    assert cells.get(["cm", "tau_m"]) == [1.0, 20.0]
    with pytest.raises(KeyError, match="tau_mm"):
        cells.get("tau_mm")


@pytest.mark.trap("D1")
def test_the_same_distribution_gives_two_populations_different_values(sim):
    """Trap D1: copies of the generator must not make independent values equal."""
    sim.setup()
    values = RandomDistribution("normal", (20.0, 1.0), rng=NumpyRNG(5))
    kind = sim.IF_curr_exp(tau_m=values, v_rest=values)
    a, b = sim.Population(200, kind), sim.Population(200, kind)
    columns = [a.get("tau_m"), a.get("v_rest"), b.get("tau_m"), b.get("v_rest")]
    b.set(v_reset=values)
    columns.append(b.get("v_reset"))
    correlation = np.corrcoef(columns) - np.eye(5)
    # Independent values: the standard deviation of each coefficient is 1/sqrt(200) = 0.07.
    assert np.abs(correlation).max() < 0.3


def test_drawn_parameters_are_the_same_on_every_backend(sim):
    import pyNN.mock as dry_run

    def values(simulator):
        simulator.setup(rng_seed=77)
        without = simulator.Population(5, simulator.IF_curr_exp(tau_m=RandomDistribution("uniform", (10.0, 20.0))))
        own = RandomDistribution("uniform", (10.0, 20.0), rng=NumpyRNG(4))
        with_rng = simulator.Population(5, simulator.IF_curr_exp(tau_m=own), initial_values={"v": own})
        return np.array([without.get("tau_m"), with_rng.get("tau_m"), with_rng.initial_values["v"].evaluate()])

    expected = values(dry_run)
    found = values(sim)
    assert np.array_equal(found, expected)
    # initialize() draws from the generator itself, as numpy would.
    assert np.array_equal(found[2], np.random.RandomState(4).uniform(10.0, 20.0, size=5))


# --- initial values -----------------------------------------------------------------------------------------------


@pytest.mark.trap("D3")
def test_initial_values_are_the_first_sample(sim):
    """Trap D3: also random ones, however often the data are asked for."""
    sim.setup()
    drawn = RandomDistribution("uniform", (-70.0, -55.0), rng=NumpyRNG(2))
    cells = sim.Population(5, sim.IF_curr_exp(), initial_values={"v": drawn})
    expected = np.random.RandomState(2).uniform(-70.0, -55.0, size=5)
    others = sim.Population(3, sim.IF_cond_exp())
    others.initialize(v=[-60.0, -61.0, -62.0], gsyn_exc=0.01)
    others[1:].initialize(gsyn_inh=lambda i: 0.001 * (i + 1))
    cells.record("v")
    others.record(["v", "gsyn_exc", "gsyn_inh"])
    sim.run(1.0)
    for _ in range(2):
        assert np.array_equal(voltage(cells)[0], expected)
    assert np.array_equal(voltage(others)[0], [-60.0, -61.0, -62.0])
    segment = others.get_data().segments[0]
    assert np.allclose(segment.filter(name="gsyn_exc")[0].magnitude[0], 0.01, rtol=1e-15, atol=0)
    assert np.allclose(segment.filter(name="gsyn_inh")[0].magnitude[0], [0.0, 0.001, 0.002], rtol=1e-15, atol=0)
    assert np.array_equal(cells.initial_values["v"].evaluate(), expected)


def test_v_rest_does_not_move_the_initial_potential(sim):
    sim.setup()
    cells = sim.Population(1, sim.IF_curr_exp(v_rest=-55.0))
    cells.record("v")
    sim.run(1.0)
    assert voltage(cells)[0, 0] == -65.0


def test_initialize_refuses_what_is_no_state(sim):
    sim.setup()
    cells = sim.Population(2, sim.IF_curr_exp())
    with pytest.raises(NonExistentParameterError, match="foo"):
        cells.initialize(foo=1.0)
    with pytest.raises(InvalidDimensionsError):
        cells.initialize(v=[1.0, 2.0, 3.0])
    with pytest.raises(NonExistentParameterError, match="foo"):
        sim.Population(2, sim.IF_curr_exp(), initial_values={"foo": 1.0})


# --- single cells -------------------------------------------------------------------------------------------------


def test_a_cell_has_its_parameters_as_attributes(sim):
    sim.setup()
    cells = sim.Population(3, sim.IF_curr_exp(tau_m=[10.0, 20.0, 30.0]))
    cell = cells[1]
    assert cell == cells.first_id + 1 and issubclass(type(cell), int)
    assert cell.tau_m == 20.0
    cell.tau_m = 5.0
    cell.set_parameters(cm=0.5, v_rest=-66.0)
    assert np.array_equal(cells.get("tau_m"), [10.0, 5.0, 30.0])
    assert cell.get_parameters()["cm"] == 0.5 and set(cell.get_parameters()) == set(sim.IF_curr_exp.default_parameters)
    assert cell.celltype is cells.celltype and cell.is_standard_cell and cell.local
    assert list(cell.as_view().all_cells) == [cell]
    cell.position = (1.0, 2.0, 3.0)
    assert np.array_equal(cells.positions[:, 1], [1.0, 2.0, 3.0]) and np.array_equal(cell.position, [1.0, 2.0, 3.0])
    assert cells[-1] == cells.last_id and cells.id_to_index(cell) == 1
    assert cells.nearest((0.9, 2.1, 3.0)) == cell


@pytest.mark.trap("D14", "D34")
def test_a_typo_on_a_cell_is_an_error(sim):
    """Traps D14 and D34."""
    sim.setup()
    cell = sim.Population(2, sim.IF_curr_exp())[1]
    with pytest.raises(NonExistentParameterError, match="Did you mean 'tau_m'"):
        cell.tau_mm = 3.0
    with pytest.raises(AttributeError):
        cell.tau_mm  # noqa: B018
    assert not hasattr(cell, "tau_mm") and hasattr(cell, "tau_m")


@pytest.mark.trap("D34")
def test_ids_are_numbers_to_numpy_and_pickle(sim):
    """Trap D34; and what is computed from ids is no id."""
    import pickle

    sim.setup()
    sim.Population(2, sim.IF_curr_exp())
    cells = sim.Population(3, sim.IF_curr_exp(tau_m=[1.0, 2.0, 3.0]))
    assert pickle.loads(pickle.dumps(cells[1])) == 3
    ids = cells.all_cells
    assert [cell.tau_m for cell in ids] == [cell.tau_m for cell in ids.copy()] == [1.0, 2.0, 3.0]
    assert ids[1].tau_m == 2.0 and ids[1:][0].tau_m == ids[ids > 2][0].tau_m == 2.0
    for numbers in (ids - cells.first_id, ids + 100, ids.argsort(), 2 * ids):
        assert all(not hasattr(number, "tau_m") for number in numbers)
    assert (ids - cells.first_id).tolist() == [0, 1, 2] and ids.max() == cells.last_id and ids.sum() == 9
    ids += 1
    assert cells.all_cells.tolist() == [2, 3, 4]


@pytest.mark.requires("dynamics")
@pytest.mark.trap("D13")
def test_set_initial_value_acts(sim):
    """Trap D13: v relaxes from it, v(t) = v_rest + (v0 - v_rest) exp(-t/tau_m)."""
    sim.setup()
    cells = sim.Population(3, sim.IF_curr_exp())
    cells[1].set_initial_value("v", -55.0)
    assert cells[1].get_initial_value("v") == -55.0 and cells[0].get_initial_value("v") == -65.0
    cells.record("v")
    sim.run(10.0)
    t = np.arange(101) * 0.1
    # Exact propagators: what remains are roundings.
    assert np.allclose(voltage(cells)[:, 1], -65.0 + 10.0 * np.exp(-t / 20.0), rtol=0, atol=1e-11)
    assert (voltage(cells)[:, [0, 2]] == -65.0).all()


def test_set_initial_value_after_a_run_sets_the_present_value(sim):
    sim.setup()
    cells = sim.Population(3, sim.IF_curr_exp())
    cells.record("v")
    sim.run(1.0)
    cells[1].set_initial_value("v", -55.0)
    sim.run(1.0)
    v = voltage(cells)
    assert abs(v[11, 1] - (-65.0 + 10.0 * np.exp(-0.1 / 20.0))) < 1e-11 or sim.variant == "mock"
    sim.reset()
    sim.run(1.0)
    assert voltage(cells)[0, 1] == -55.0


def test_cells_of_an_earlier_setup_are_refused(sim):
    sim.setup()
    cells = sim.Population(2, sim.IF_curr_exp())
    sim.setup()
    with pytest.raises(NotSetUpError, match=r"setup\(\)"):
        cells.set(tau_m=3.0)
    with pytest.raises(NotSetUpError):
        cells.record("v")


# --- views --------------------------------------------------------------------------------------------------------


def test_views_by_slice_mask_list_and_tuple(sim):
    sim.setup()
    cells = sim.Population(6, sim.IF_curr_exp(tau_m=np.arange(1.0, 7.0)))
    first = cells.first_id
    mask = np.array([True, False, True, False, False, True])
    for selector, expected in (
        (slice(1, 4), [1, 2, 3]),
        (slice(None, None, 2), [0, 2, 4]),
        (mask, [0, 2, 5]),
        ([4, 1], [1, 4]),
        ((2, 3), [2, 3]),
        (np.array([5, -6, 5]), [0, 5]),
        ([], []),
        (slice(0, 0), []),
    ):
        view = cells[selector]
        assert isinstance(view, sim.PopulationView)
        assert np.array_equal(view.all_cells, first + np.array(expected, dtype=int))
        assert np.array_equal(view.get("tau_m", simplify=False), np.array(expected, dtype=float) + 1.0)
        assert len(view) == view.size == len(expected) == len(list(view))
        assert view == sim.PopulationView(cells, selector)
    with pytest.raises(IndexError):
        cells[6]
    with pytest.raises(CellIndexError):
        cells[[0, 6]]
    with pytest.raises(InvalidDimensionsError, match="mask"):
        cells[np.array([True, False])]
    with pytest.raises(InvalidParameterValueError):
        cells[[0.5, 1.0]]


def test_views_of_views(sim):
    sim.setup()
    cells = sim.Population(10, sim.IF_curr_exp())
    view = cells[2:9]
    inner = view[[0, 3, 6]]
    assert np.array_equal(inner.all_cells, cells.first_id + np.array([2, 5, 8]))
    assert inner.parent is view and inner.grandparent is cells
    assert np.array_equal(inner.index_in_grandparent([0, 2]), [2, 8])
    assert np.array_equal(inner.index_from_parent_index([3, 6]), [1, 2])
    assert inner.index_from_parent_index(3) == 1
    with pytest.raises(CellIndexError):
        inner.index_from_parent_index(1)
    inner.set(tau_m=[1.0, 2.0, 3.0])
    inner[1].cm = 0.25
    expected = np.full(10, 20.0)
    expected[[2, 5, 8]] = [1.0, 2.0, 3.0]
    assert np.array_equal(cells.get("tau_m"), expected)
    assert cells[5].cm == 0.25
    assert np.array_equal(inner.positions, cells.positions[:, [2, 5, 8]])
    assert inner.initial_values["v"].evaluate(simplify=True) == -65.0


def test_a_sample_has_different_cells_and_follows_its_generator(sim):
    sim.setup()
    cells = sim.Population(20, sim.IF_curr_exp())
    view = cells.sample(np.int64(6), NumpyRNG(3))
    expected = np.sort(np.random.RandomState(3).permutation(np.arange(20))[:6])
    assert np.array_equal(view.all_cells, cells.first_id + expected)
    one, two = cells.sample(10), cells.sample(10)
    assert len(set(one.all_cells)) == len(set(two.all_cells)) == 10 and one != two
    assert cells.sample(0).size == 0
    with pytest.raises(InvalidParameterValueError, match="20"):
        cells.sample(21)


@pytest.mark.trap("D35", "U10")
def test_empty_populations_and_views_do_everything_with_no_cells(sim):
    sim.setup()
    none = sim.Population(0, sim.IF_curr_exp())
    cells = sim.Population(3, sim.IF_curr_exp())
    for group in (none, cells[[]], none + cells[0:0]):
        group.set(tau_m=5.0)
        group.initialize(v=-60.0)
        group.record(["spikes", "v"])
        assert group.size == len(list(group.all_cells)) == 0
        assert group.positions.shape == (3, 0)
        assert group.get("tau_m", simplify=False).shape == (0,)
    sim.Projection(none, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=1.0, delay=1.0))
    projection = sim.Projection(cells[0:0], cells, sim.FixedNumberPreConnector(0), sim.StaticSynapse(weight=1.0))
    assert len(projection) == 0 and projection.get("weight", "list") == [] and list(projection) == []
    assert projection.get("weight", "array").shape == (0, 3)
    sim.run(1.0)
    projection.set(weight=2.0)
    assert cells.get("tau_m") == 20.0
    assert none.get_spike_counts() == {} and none.mean_spike_count() == 0.0
    assert len(cells[[]].get_data().segments[0].spiketrains) == 0


# --- assemblies ---------------------------------------------------------------------------------------------------


def test_an_assembly_is_one_group(sim):
    sim.setup()
    a = sim.Population(3, sim.IF_curr_exp(tau_m=1.0), label="a")
    b = sim.Population(4, sim.IF_cond_exp(tau_m=2.0), label="b")
    both = a + b[1:3]
    assert isinstance(both, sim.Assembly)
    assert both.size == len(both) == 5
    assert np.array_equal(both.all_cells, [*a.all_cells, *b.all_cells[1:3]])
    assert np.array_equal(both.get("tau_m"), [1.0, 1.0, 1.0, 2.0, 2.0])
    both.set(tau_m=[5.0, 6.0, 7.0, 8.0, 9.0], cm=0.5)
    assert np.array_equal(a.get("tau_m"), [5.0, 6.0, 7.0]) and np.array_equal(b.get("tau_m"), [2.0, 8.0, 9.0, 2.0])
    assert both.get("cm") == 0.5 and b[0].cm == 1.0
    both.initialize(v=-60.0)
    assert np.array_equal(b.initial_values["v"].evaluate(), [-65.0, -60.0, -60.0, -65.0])
    assert both[3] == b[1] and both[-1] == b[2]
    part = both[2:4]
    assert isinstance(part, sim.Assembly)
    assert np.array_equal(part.all_cells, [a[2], b[1]])
    assert both.get_population("a") is a
    with pytest.raises(KeyError, match="a, "):
        both.get_population("c")
    assert np.array_equal(both.positions, np.hstack([a.positions, b.positions[:, 1:3]]))
    assert both.receptor_types == ("excitatory", "inhibitory")
    assert both.sample(4).size == 4
    both += sim.Population(2, sim.IF_curr_exp(), label="c")
    assert both.size == 7
    with pytest.raises(NonExistentParameterError):
        both.get("e_rev_E")
    with pytest.raises(NonExistentParameterError):
        both.set(tau_m=100.0, e_rev_E=1.0)
    assert a[0].tau_m == 5.0


def test_an_assembly_holds_a_cell_once(sim):
    sim.setup()
    a = sim.Population(4, sim.IF_curr_exp(), label="a")
    with pytest.raises(ConnectionError, match="already"):
        a[:3] + a[2:]
    assert (a + a).size == 4
    with pytest.raises(InvalidModelError):
        sim.Assembly(a, "b")


@pytest.mark.requires("dynamics")
def test_data_of_an_assembly_have_positions_in_the_assembly(sim):
    sim.setup()
    a = sim.Population(3, sim.IF_curr_exp(i_offset=[0.0, 1.0, 2.0]), label="a")
    b = sim.Population(2, sim.IF_cond_exp(i_offset=1.0), label="b")
    both = sim.Assembly(a, b, label="both")
    both.record(["spikes", "v"])
    sim.run(50.0)
    block = both.get_data()
    assert block.name == "both"
    signal = block.segments[0].filter(name="v")[0]
    assert signal.shape == (501, 5)
    assert np.array_equal(signal.array_annotations["channel_index"], np.arange(5))
    assert np.array_equal(signal.magnitude, np.hstack([voltage(a), voltage(b)]))
    trains = block.segments[0].spiketrains
    assert [t.annotations["source_index"] for t in trains] == [0, 1, 2, 3, 4]
    assert [len(t) for t in trains] == list(both.get_spike_counts().values())
    assert len(trains[0]) == 0 and len(trains[1]) > 0 and len(trains[3]) > 0
    part = both[1:4].get_data().segments[0].filter(name="v")[0]
    assert np.array_equal(part.magnitude, signal.magnitude[:, 1:4])
