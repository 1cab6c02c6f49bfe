"""Some of a projection's connections at a time, on every backend: the same numbers as NumPy makes of get()."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyNN.errors import (
    ConnectorError,
    InvalidDimensionsError,
    InvalidParameterValueError,
    InvalidWeightError,
    NonExistentParameterError,
)


@pytest.fixture
def projection(sim: Any) -> Any:
    """12 cells on a grid of 4 by 3 to 6 on one of 3 by 2; weights are the index of the pre cell + 1."""
    sim.setup(timestep=0.1, min_delay=0.1, max_delay=5.0)
    pre = sim.Population((4, 3), sim.IF_cond_exp(tau_m=np.arange(10.0, 22.0)), label="pre")
    post = sim.Population((3, 2), sim.IF_cond_exp(), label="post")
    connector = sim.ExpressionConnector(condition="(i + j) % 3 == 0", values={"weight": "i + 1"})
    return sim.Projection(pre, post, connector, sim.StaticSynapse(delay=1.0), label="p")


def test_numbers_of_connections(projection: Any) -> None:
    array = projection.get("weight", format="array")
    there = ~np.isnan(array)
    assert projection.nb_synapses == projection.size() == there.sum() == 24
    assert projection.N_outgoing_pre.tolist() == projection.nb_efferent_synapses == there.sum(axis=1).tolist()
    assert projection.N_incoming_post.tolist() == projection.nb_synapses_per_dendrite == there.sum(axis=0).tolist()
    assert projection.N_incoming.tolist() == [4] * 24 and projection.N_outgoing.tolist() == [2] * 24
    assert projection.post_ranks == list(range(6))
    assert projection.pre_ranks == [np.flatnonzero(column).tolist() for column in there.T]
    assert np.array_equal(projection.connectivity_matrix(fill=-1.0), np.where(there, array, -1.0).T)


def test_the_connections_onto_a_cell(projection: Any) -> None:
    array = projection.get("weight", format="array")
    view = projection.onto(4)
    assert view.size == len(view) == 4 and view.pre_ranks == [2, 5, 8, 11] and set(view.post_ranks) == {4}
    assert view.weight.tolist() == array[view.pre_ranks, 4].tolist() == view.get("weight").tolist()
    assert view.post_rank == 4 and "delay" in view.attributes and [c.weight for c in view] == [3.0, 6.0, 9.0, 12.0]
    assert projection.onto(projection.post[4]).pre_ranks == view.pre_ranks
    assert [onto.size for onto in projection.dendrites] == [4] * 6
    assert projection.synapse(5, 4).weight == view.synapse(5).weight == 6.0
    field = view.receptive_field()
    assert field.shape == (4, 3) and np.array_equal(field.ravel(), np.nan_to_num(array[:, 4]))
    image = projection.receptive_fields()
    # The cell 4 of the post side is in row 2, column 0 of its grid.
    assert image.shape == (12, 6) and np.array_equal(image[8:12, 0:3], field)


def test_conditions_and_pairs_select(projection: Any) -> None:
    rows = np.array(projection.get(["weight", "delay"], format="list"))
    view = projection.where("i > 3 and (weight < 8 or tau_m_pre > 20) and j != 1")
    wanted = (rows[:, 0] > 3) & ((rows[:, 2] < 8) | (rows[:, 0] + 10 > 20)) & (rows[:, 1] != 1)
    assert view.indices.tolist() == np.flatnonzero(wanted).tolist() and 0 < view.size < 24
    assert projection["x_pre == x_post"].size == sum((i // 3) == (j // 2) for i, j in rows[:, :2].astype(int))
    assert projection[2:5, [0, 1]].weight.tolist() == [4.0, 3.0] and projection[3, 0].pre_ranks == [3]
    both = projection.where("i>3 and j==1").indices.tolist()
    assert projection.where("i > 3").where("j == 1").indices.tolist() == both and both
    assert view[0].weight == view.weight[0] and view[1:3].size == 2


def test_what_is_set_of_some_leaves_the_others(projection: Any) -> None:
    before = projection.get("weight", format="array")
    projection.onto(2).weight = "0.5*i + d"
    distance = np.linalg.norm(projection.pre.positions - projection.post.positions[:, [2]], axis=0)
    expected = before.copy()
    rows = np.flatnonzero(~np.isnan(before[:, 2]))
    expected[rows, 2] = 0.5 * rows + distance[rows]
    assert np.allclose(projection.get("weight", format="array"), expected, rtol=1e-12, equal_nan=True)
    view = projection.where("j == 3")
    view.set(weight=[1.0, 2.0, 3.0, 4.0], delay=2.0)
    assert view.weight.tolist() == [1.0, 2.0, 3.0, 4.0] and set(projection.onto(3).delay) == {2.0}
    assert set(projection.onto(0).delay) == {1.0}


@pytest.mark.requires("dynamics")
def test_a_view_acts_in_the_running_simulation(sim: Any) -> None:
    sim.setup(timestep=0.1, min_delay=0.1, max_delay=5.0)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0, 11.0]))
    cells = sim.Population(3, sim.IF_curr_delta(tau_m=1e6, v_rest=-65.0))
    projection = sim.Projection(source, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=1.0, delay=1.0))
    sim.run(10.0)
    projection.where("j == 1").weight = 3.0
    assert projection.where("v_post > -64.5").size == 3
    cells.record("v")
    sim.run(10.0)
    v = cells.get_data().segments[0].analogsignals[0].magnitude[-1]
    # Nothing leaks in 20 ms of 1000 s: 1 mV, then 1, 3 and 1 mV.
    assert np.allclose(v, [-63.0, -61.0, -63.0], rtol=0, atol=1e-3)


def test_what_does_not_exist_is_said(projection: Any) -> None:
    with pytest.raises(ConnectorError, match="'weigth'.*Did you mean 'weight'"):
        projection.where("weigth > 1")
    with pytest.raises(NonExistentParameterError, match="foo"):
        projection.where("foo_pre > 1")
    with pytest.raises(InvalidParameterValueError, match="no connection from pre cell 0"):
        projection.onto(4).synapse(0)
    with pytest.raises(IndexError, match="6"):
        projection.onto(6)
    with pytest.raises(InvalidDimensionsError, match="3 indices"):
        projection[0, 1, 2]
    with pytest.raises(AttributeError, match="weight"):
        _ = projection.onto(1).weigt
    with pytest.raises(InvalidWeightError):
        projection.onto(1).weight = -1.0
    with pytest.raises(InvalidDimensionsError):
        projection.onto(1).weight = [1.0, 2.0]
    assert projection.onto(1).weight.tolist() == [3.0, 6.0, 9.0, 12.0]
