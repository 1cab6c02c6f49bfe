"""Projections: get, set, save, indexing, delays, weights and their effect, on every backend."""

from __future__ import annotations

import numpy as np
import pytest

from pyNN.errors import (
    CapabilityError,
    ConnectionError,
    ExpressionError,
    InvalidDelayError,
    InvalidDimensionsError,
    InvalidParameterValueError,
    InvalidWeightError,
    NonExistentParameterError,
    RoundingWarning,
)
from pyNN.random import NumpyRNG, RandomDistribution

ROWS = [(0, 0, 0.1, 1.0), (2, 0, 0.2, 2.0), (1, 1, 0.3, 1.5), (0, 2, 0.4, 0.5), (2, 2, 0.5, 0.5)]
"""Ordered by post, then pre, as every list is."""


def make(sim, rows=ROWS, kind="IF_curr_exp", **setup):
    sim.setup(timestep=0.1, **setup)
    cells = sim.Population(3, getattr(sim, kind)(), label="cells")
    return sim.Projection(cells, cells, sim.FromListConnector(rows[::-1]), sim.StaticSynapse(), label="rows")


def weights(projection):
    return projection.get("weight", "list", with_address=False)


def potential(cells):
    return cells.get_data("v").segments[-1].filter(name="v")[0].magnitude


@pytest.fixture(params=["described", "built"])
def built(request):
    """Whether the network exists in the simulator already: what get() and set() do must not depend on it."""
    return request.param == "built"


def prepare(sim, built, **options):
    projection = make(sim, **options)
    if built:
        sim.run(0.1)
    return projection


# --- get ----------------------------------------------------------------------------------------------------------


def test_lists(sim, built):
    projection = prepare(sim, built)
    assert projection.get(["weight", "delay"], "list") == ROWS
    assert projection.get("weight", format="list") == [row[:3] for row in ROWS]
    assert projection.get(["weight"], "list", with_address=False) == [(row[2],) for row in ROWS]
    assert projection.get("delay", "list", with_address=False) == [row[3] for row in ROWS]
    assert projection.get(["delay", "weight"], "list", gather=False) == [(i, j, d, w) for i, j, w, d in ROWS]
    first = projection.get("weight", "list")[0]
    assert isinstance(first, tuple) and isinstance(first[0], int)


def test_arrays(sim, built):
    projection = prepare(sim, built)
    expected = np.full((3, 3), np.nan)
    for i, j, weight, _ in ROWS:
        expected[i, j] = weight
    assert np.array_equal(projection.get("weight", "array"), expected, equal_nan=True)
    both = projection.get(["weight", "delay"], format="array")
    assert isinstance(both, list) and np.array_equal(both[0], expected, equal_nan=True)
    assert both[1][2, 0] == 2.0
    with pytest.raises(InvalidParameterValueError, match="'list' or 'array'"):
        projection.get("weight", "table")
    with pytest.raises(NonExistentParameterError, match="weight"):
        projection.get("wieght", "list")


@pytest.mark.parametrize(
    "mode, expected", [("sum", 0.8), ("first", 0.4), ("last", 0.1), ("min", 0.1), ("max", 0.4)]
)
@pytest.mark.trap("D9")
def test_several_connections_of_a_pair(sim, built, mode, expected):
    """Trap D9."""
    rows = [(0, 1, 0.4, 1.0), (1, 1, 0.7, 1.0), (0, 1, 0.3, 2.0), (0, 1, 0.1, 3.0)]
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp())
    projection = sim.Projection(cells, cells, sim.FromListConnector(rows), sim.StaticSynapse())
    if built:
        sim.run(0.1)
    # Connections of one pair keep the order of the list.
    assert projection.get(["weight", "delay"], "list") == [rows[0], rows[2], rows[3], rows[1]]
    array = projection.get("weight", "array", multiple_synapses=mode)
    assert array[0, 1] == pytest.approx(expected, rel=1e-15) and array[1, 1] == 0.7
    assert np.isnan(array[:, 0]).all()
    with pytest.raises(InvalidParameterValueError, match="multiple_synapses"):
        projection.get("weight", "array", multiple_synapses="mean")


@pytest.mark.requires("dynamics")
@pytest.mark.trap("D9")
def test_every_connection_of_a_pair_acts(sim):
    """Trap D9: 0.1 and 0.3 with delays of 1 and 2 ms arrive one by one."""
    sim.setup(timestep=0.1)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    cells = sim.Population(1, sim.IF_curr_delta(tau_m=1e6))
    sim.Projection(source, cells, sim.FromListConnector([(0, 0, 0.1, 1.0), (0, 0, 0.3, 2.0), (0, 0, 0.5, 2.0)]))
    cells.record("v")
    sim.run(5.0)
    v = potential(cells)[:, 0] + 65.0
    assert np.allclose(v[[19, 20, 29, 30]], [0.0, 0.1, 0.1, 0.9], rtol=0, atol=1e-4)


@pytest.mark.trap("D37")
def test_indexing_and_iteration(sim, built):
    """Trap D37."""
    projection = prepare(sim, built)
    assert len(projection) == projection.size() == 5 and projection
    second = projection[1]
    assert (second.presynaptic_index, second.postsynaptic_index, second.weight, second.delay) == ROWS[1]
    assert second.as_tuple("weight", "postsynaptic_index", "delay") == (0.2, 0, 2.0)
    assert [c.weight for c in projection] == [row[2] for row in ROWS] == [c.weight for c in projection.connections]
    assert [c.weight for c in projection[1:4]] == [0.2, 0.3, 0.4]
    assert projection[-1].weight == 0.5
    with pytest.raises(IndexError):
        projection[5]
    second.weight = 0.9
    assert weights(projection) == [0.1, 0.9, 0.3, 0.4, 0.5]
    with pytest.raises(NonExistentParameterError):
        second.wieght = 0.9
    assert not hasattr(second, "wieght")
    with pytest.raises(InvalidWeightError):
        second.weight = float("inf")
    assert weights(projection) == [0.1, 0.9, 0.3, 0.4, 0.5]


# --- set ----------------------------------------------------------------------------------------------------------


def test_set_takes_every_kind_of_value(sim, built):
    projection = prepare(sim, built)
    projection.set(weight=0.7)
    assert weights(projection) == [0.7] * 5
    projection.set(weight=[0.1, 0.2, 0.3, 0.4, 0.5])
    assert weights(projection) == [0.1, 0.2, 0.3, 0.4, 0.5]
    array = np.arange(1.0, 10.0).reshape(3, 3)
    projection.set(weight=array)
    assert weights(projection) == [array[i, j] for i, j, *_ in ROWS]
    with_holes = np.full((3, 3), np.nan)
    for i, j, *_ in ROWS:
        with_holes[i, j] = 10.0 * i + j
    projection.set(weight=with_holes)
    assert weights(projection) == [0.0, 20.0, 11.0, 2.0, 22.0]
    projection.set(weight=lambda d: 1.0 + d)
    assert weights(projection) == [1.0 + abs(i - j) for i, j, *_ in ROWS]
    projection.set(weight="2*d + 0.5")
    assert weights(projection) == [2.0 * abs(i - j) + 0.5 for i, j, *_ in ROWS]
    projection.set(weight=RandomDistribution("uniform", (3.0, 4.0), rng=NumpyRNG(1)))
    drawn = weights(projection)
    assert len(set(drawn)) == 5 and all(3.0 <= w <= 4.0 for w in drawn)
    projection.set(weight=projection.get("weight", "array"))
    assert weights(projection) == drawn


@pytest.mark.parametrize(
    "value, error",
    [
        ([0.1, 0.2], InvalidDimensionsError),
        (np.ones((2, 3)), InvalidDimensionsError),
        (float("nan"), InvalidWeightError),
        (float("inf"), InvalidWeightError),
        ("2*q + 1", ExpressionError),
        ({"a": 1}, InvalidParameterValueError),
        (-0.1, InvalidWeightError),
    ],
)
def test_a_wrong_set_changes_nothing(sim, built, value, error):
    projection = prepare(sim, built)
    with pytest.raises(error):
        projection.set(weight=value)
    with pytest.raises(NonExistentParameterError, match="Did you mean 'weight'"):
        projection.set(weight=9.0, wieght=3.0)
    assert weights(projection) == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_set_delay_before_the_run(sim):
    projection = make(sim)
    projection.set(delay=[1.0, 2.0, 3.0, 4.0, 5.0])
    sim.run(0.1)
    assert projection.get("delay", "list", with_address=False) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert sim.get_max_delay() == 5.0


def test_set_delay_after_a_run_acts_or_is_refused(sim):
    projection = prepare(sim, built=True, max_delay=9.0)
    before = projection.get("delay", "list", with_address=False)
    if "delay of existing connections" in sim.script.backend.capabilities.missing:
        with pytest.raises(CapabilityError, match="delays"):
            projection.set(delay=3.0)
        assert projection.get("delay", "list", with_address=False) == before
    else:
        projection.set(delay=3.0)
        assert projection.get("delay", "list", with_address=False) == [3.0] * 5
    sim.run(5.0)


@pytest.mark.requires("dynamics")
@pytest.mark.parametrize("min_delay", [0.1, 1.0])
@pytest.mark.parametrize("kind, sign", [("IF_curr_delta", 1), ("IF_curr_delta", -1)])
@pytest.mark.trap("D8")
def test_a_changed_weight_acts_on_spikes_that_arrive_later(sim, min_delay, kind, sign):
    """Trap D8."""
    sim.setup(timestep=0.1, min_delay=min_delay, max_delay=2.0)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0, 11.5]))
    cells = sim.Population(1, getattr(sim, kind)(tau_m=1e6))
    cells.record("v")
    projection = sim.Projection(source, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=sign, delay=1.0))
    sim.run(10.0)
    projection.set(weight=3.0 * sign)
    sim.run(5.0)
    v = sign * (potential(cells)[:, 0] + 65.0)
    # The decay with a time constant of 1000 s is under 1e-4 mV here.
    assert np.allclose(v[[19, 20, 124, 125]], [0.0, 1.0, 1.0, 4.0], rtol=0, atol=1e-3)


# --- save ---------------------------------------------------------------------------------------------------------


@pytest.mark.trap("D40")
def test_saved_lists(sim, built, tmp_path):
    """Trap D40: a single name is one column."""
    projection = prepare(sim, built)
    file = tmp_path / "all.txt"
    projection.save("all", str(file))
    assert "columns" in file.read_text().splitlines()[0]
    assert np.array_equal(np.loadtxt(file), np.array(ROWS))
    projection.save("weight", str(file))
    assert file.read_text().splitlines()[0].replace('"', "'") == "# columns = ['i', 'j', 'weight']"
    assert np.array_equal(np.loadtxt(file), np.array(ROWS)[:, :3])
    projection.save(["delay"], str(file), with_address=False)
    assert np.array_equal(np.loadtxt(file), [row[3] for row in ROWS])


def test_saved_arrays(sim, tmp_path):
    projection = make(sim)
    file = tmp_path / "weights.txt"
    projection.save("weight", str(file), format="array")
    assert np.array_equal(np.loadtxt(file), np.nan_to_num(projection.get("weight", "array")))
    projection.save(["weight", "delay"], str(file), format="array")
    assert np.loadtxt(file).shape == (6, 3)


# --- weights, delays, receptors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, weight, receptor, expected",
    [
        ("IF_curr_exp", 0.1, None, "excitatory"),
        ("IF_curr_exp", -0.1, None, "inhibitory"),
        ("IF_curr_exp", -0.1, "inhibitory", "inhibitory"),
        ("IF_cond_exp", 0.1, "inhibitory", "inhibitory"),
        ("IF_cond_exp", 0.1, None, "excitatory"),
        ("IF_curr_delta", -0.1, None, "inhibitory"),
        ("IF_curr_exp", 0.1, "inhibitory", None),
        ("IF_curr_exp", -0.1, "excitatory", None),
        ("IF_cond_exp", -0.1, None, None),
        ("IF_cond_exp", -0.1, "inhibitory", None),
        ("IF_curr_exp", float("nan"), None, None),
    ],
)
@pytest.mark.trap("U1")
def test_the_sign_of_a_weight_and_the_receptor_must_fit(sim, kind, weight, receptor, expected):
    sim.setup()
    cells = sim.Population(2, getattr(sim, kind)())

    def connect():
        synapse = sim.StaticSynapse(weight=weight, delay=1.0)
        return sim.Projection(cells, cells, sim.AllToAllConnector(), synapse, receptor_type=receptor)

    if expected is None:
        with pytest.raises(ValueError):
            connect()
        assert sim.script.simulation.projections == []
    else:
        assert connect().receptor_type == expected
        sim.run(1.0)


@pytest.mark.requires("dynamics")
@pytest.mark.parametrize("kind", ["IF_curr_exp", "IF_curr_alpha", "IF_curr_delta", "IF_cond_exp", "IF_cond_alpha"])
@pytest.mark.trap("U1")
def test_excitation_depolarises_and_inhibition_hyperpolarises(sim, kind):
    sim.setup(timestep=0.1)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[2.0]))
    cells = sim.Population(2, getattr(sim, kind)())
    cells.record("v")
    sign = 1 if "cond" in kind else -1
    for k, (receptor, weight) in enumerate((("excitatory", 0.01), ("inhibitory", sign * 0.01))):
        synapse = sim.StaticSynapse(weight=weight, delay=1.0)
        sim.Projection(source, cells[k : k + 1], sim.AllToAllConnector(), synapse, receptor_type=receptor)
    sim.run(10.0)
    v = potential(cells)
    assert (v[31:, 0] > -65.0).all() and (v[31:, 1] < -65.0).all()
    assert (v[:30] == -65.0).all()


def test_unknown_receptors_and_targets_without_receptors_are_refused(sim):
    sim.setup()
    cells = sim.Population(2, sim.IF_curr_exp(), label="cells")
    source = sim.Population(2, sim.SpikeSourcePoisson(), label="noise")
    with pytest.raises(ConnectionError, match="excitatory, inhibitory"):
        sim.Projection(source, cells, sim.AllToAllConnector(), receptor_type="AMPA")
    with pytest.raises(ConnectionError, match="'noise' cannot receive"):
        sim.Projection(cells, source, sim.AllToAllConnector())
    mixed = cells + sim.Population(1, sim.IF_cond_exp())
    with pytest.raises(ConnectionError, match="mixes"):
        sim.Projection(source, mixed, sim.AllToAllConnector())
    assert sim.script.simulation.projections == []


@pytest.mark.trap("D32")
def test_delays_are_rounded_to_the_grid_with_a_warning(sim):
    """Trap D32."""
    sim.setup(timestep=0.1)
    cells = sim.Population(3, sim.IF_curr_exp())
    rows = [(0, 0, 0.1, 0.17), (1, 1, 0.1, 0.25), (2, 2, 0.1, 0.3)]
    with pytest.warns(RoundingWarning, match="0.1 ms"):
        projection = sim.Projection(cells, cells, sim.FromListConnector(rows), sim.StaticSynapse())
    assert projection.get("delay", "list", with_address=False) == pytest.approx([0.2, 0.3, 0.3], abs=1e-12)
    sim.run(1.0)
    assert projection.get("delay", "list", with_address=False) == pytest.approx([0.2, 0.3, 0.3], abs=1e-12)


@pytest.mark.parametrize(
    "delay, match",
    [(0.5, "min_delay"), (15.0, "max_delay"), (0.0, "time step"), (-1.0, "time step"), (np.inf, "finite")],
)
@pytest.mark.trap("D32")
def test_delays_outside_their_range_are_refused(sim, delay, match):
    """Trap D32."""
    sim.setup(timestep=0.1, min_delay=1.0, max_delay=5.0)
    cells = sim.Population(3, sim.IF_curr_exp())
    with pytest.raises(InvalidDelayError, match=match):
        sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1, delay=delay))
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1, delay=2.0))
    with pytest.raises(InvalidDelayError, match=match):
        projection.set(delay=delay)
    sim.run(1.0)
    assert set(projection.get("delay", "list", with_address=False)) == {2.0}


def test_no_delay_means_the_smallest(sim):
    sim.setup(timestep=0.1, min_delay=0.7)
    cells = sim.Population(3, sim.IF_curr_exp())
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1))
    assert projection.get("delay", "list", with_address=False) == pytest.approx([0.7] * 9, abs=1e-12)


@pytest.mark.trap("D43")
def test_weights_and_delays_by_distance_list_array_and_distribution(sim):
    """Trap D43: documented values that the synapse type takes."""
    sim.setup(timestep=0.1)
    cells = sim.Population(3, sim.IF_curr_exp())

    def made(**values):
        projection = sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(**values))
        return projection.get("weight", "array"), projection.get("delay", "array")

    distance = np.abs(np.subtract.outer(np.arange(3.0), np.arange(3.0)))
    w, d = made(weight="0.1*d", delay=lambda d: 0.5 + d)
    assert np.allclose(w, 0.1 * distance, rtol=1e-15) and np.allclose(d, 0.5 + distance, rtol=1e-12)
    w, d = made(weight=list(np.arange(9.0)), delay=np.full((3, 3), 2.0))
    assert np.array_equal(w, np.arange(9.0).reshape(3, 3).T) and (d == 2.0).all()
    w, d = made(weight=np.arange(9.0).reshape(3, 3), delay=1.0)
    assert np.array_equal(w, np.arange(9.0).reshape(3, 3))
    with pytest.raises(InvalidDimensionsError):
        made(weight=[0.1, 0.2], delay=1.0)


def test_the_users_synapse_type_is_never_changed(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(3, sim.IF_curr_exp())
    synapse = sim.StaticSynapse(weight=0.5, delay=1.0)
    a = sim.Projection(cells, cells, sim.AllToAllConnector(), synapse)
    b = sim.Projection(cells, cells[:2], sim.AllToAllConnector(), synapse)
    a.set(weight=0.1)
    assert weights(b) == [0.5] * 6 and synapse.parameter_space["weight"].base_value == 0.5


def test_a_projection_made_after_a_run(sim):
    sim.setup(timestep=0.1, min_delay=0.5, max_delay=3.0)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0, 11.0]))
    cells = sim.Population(2, sim.IF_curr_delta(tau_m=1e6))
    cells.record("v")
    sim.run(10.0)
    projection = sim.Projection(source, cells[1:], sim.AllToAllConnector(), sim.StaticSynapse(weight=2.0, delay=1.0))
    sim.run(5.0)
    assert weights(projection) == [2.0]
    v = potential(cells)
    assert (v[:, 0] == -65.0).all()
    if sim.script.backend.capabilities.dynamics:
        assert np.allclose(v[[119, 120], 1], [-65.0, -63.0], rtol=0, atol=1e-3)


def test_what_is_no_connector_synapse_or_population_is_refused(sim):
    sim.setup()
    cells = sim.Population(2, sim.IF_curr_exp())
    with pytest.raises(TypeError, match="connector"):
        sim.Projection(cells, cells, sim.AllToAllConnector)
    with pytest.raises(TypeError, match="synapse"):
        sim.Projection(cells, cells, sim.AllToAllConnector(), 0.1)
    with pytest.raises(ConnectionError, match="presynaptic"):
        sim.Projection([0, 1], cells, sim.AllToAllConnector())
    other = cells
    sim.setup()
    cells = sim.Population(2, sim.IF_curr_exp())
    with pytest.raises((ConnectionError, RuntimeError)):
        sim.Projection(other, cells, sim.AllToAllConnector())


def test_a_description_names_both_sides(sim):
    projection = make(sim)
    text = projection.describe()
    assert "cells" in text and "rows" in text
    assert projection.describe(template=None)["size"] == 5
    assert repr(projection) == 'Projection("rows")'
    cells = projection.post
    assert sim.Projection(cells, cells, sim.OneToOneConnector()).label == "cells→cells"
