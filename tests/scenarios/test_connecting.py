"""Connectors: the same connections on every backend, in the simulator as in the description."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pyNN.core import IndexBasedExpression
from pyNN.errors import ConnectorError, InvalidWeightError
from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.space import Grid2D, Space


class Banded(IndexBasedExpression):
    def __call__(self, i, j):
        return np.where(abs(i - j) < 2, 0.9, 0.1)


class Reversed(IndexBasedExpression):
    def __call__(self, i, j):
        return self.projection.post.size - j + 0.0 * i


def rightwards(d):
    return np.where(d[0] > 0, 0.9, 0.0)


def in_memory(projection):
    """(pre, post, weight) of every connection as the backend has it, sorted by post, then pre."""
    return projection.get("weight", "list")


CONNECTORS = {
    "all to all": lambda sim, rng: sim.AllToAllConnector(),
    "all to others": lambda sim, rng: sim.AllToAllConnector(allow_self_connections=False),
    "all, no mutual": lambda sim, rng: sim.AllToAllConnector(allow_self_connections="NoMutual"),
    "one to one": lambda sim, rng: sim.OneToOneConnector(),
    "probability": lambda sim, rng: sim.FixedProbabilityConnector(0.4, rng=rng),
    "probability 0": lambda sim, rng: sim.FixedProbabilityConnector(0.0, rng=rng),
    "probability 1": lambda sim, rng: sim.FixedProbabilityConnector(1.0, rng=rng),
    "distance": lambda sim, rng: sim.DistanceDependentProbabilityConnector("exp(-d/2)", rng=rng),
    "distance function": lambda sim, rng: sim.DistanceDependentProbabilityConnector(lambda d: d < 1.5, rng=rng),
    "displacement": lambda sim, rng: sim.DisplacementDependentProbabilityConnector(rightwards, rng=rng),
    "index": lambda sim, rng: sim.IndexBasedProbabilityConnector(Banded(), rng=rng),
    "number of pre": lambda sim, rng: sim.FixedNumberPreConnector(3, rng=rng),
    "random number of pre": lambda sim, rng: sim.FixedNumberPreConnector(
        RandomDistribution("uniform_int", (1, 5), rng=rng), rng=rng
    ),
    "number of pre, repeated": lambda sim, rng: sim.FixedNumberPreConnector(3, with_replacement=True, rng=rng),
    "number of post": lambda sim, rng: sim.FixedNumberPostConnector(np.int64(3), rng=rng),
    "total number": lambda sim, rng: sim.FixedTotalNumberConnector(12, rng=rng),
    "total number, different": lambda sim, rng: sim.FixedTotalNumberConnector(
        12, allow_self_connections=False, with_replacement=False, rng=rng
    ),
    "small world": lambda sim, rng: sim.SmallWorldConnector(1.5, 0.3, rng=rng),
    "list": lambda sim, rng: sim.FromListConnector([(3, 0, 0.3, 1.0), (1, 0, 0.1, 2.0), (3, 0, 0.4, 0.5)]),
    "array": lambda sim, rng: sim.ArrayConnector(np.arange(36).reshape(6, 6) % 5 == 0),
}


def build(sim, name, seed, **setup):
    sim.setup(timestep=0.1, rng_seed=3, **setup)
    cells = sim.Population(6, sim.IF_curr_exp(), structure=Grid2D(aspect_ratio=1.5))
    rng = None if seed is None else NumpyRNG(seed)
    synapse = sim.StaticSynapse(weight=RandomDistribution("uniform", (0.0, 1.0)), delay=1.0)
    return sim.Projection(cells, cells, CONNECTORS[name](sim, rng), synapse)


@pytest.mark.parametrize("seed", [None, 17])
@pytest.mark.parametrize("name", list(CONNECTORS))
def test_connections_are_the_same_on_every_backend(sim, name, seed):
    import pyNN.reference as reference

    expected = in_memory(build(reference, name, seed, engine="numpy"))
    projection = build(sim, name, seed)
    assert in_memory(projection) == expected
    sim.run(0.1)
    # Now the values come from the simulator.
    assert in_memory(projection) == expected
    assert projection.size() == len(projection) == len(expected)
    assert (not expected) == (name == "probability 0")


def pairs(projection):
    return [(i, j) for i, j, _ in projection.get("weight", "list")]


def group(sim, n=6):
    sim.setup(timestep=0.1)
    return sim.Population(n, sim.IF_curr_exp(), label="cells")


ALL = [(i, j) for j in range(6) for i in range(6)]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("all to all", ALL),
        ("all to others", [(i, j) for i, j in ALL if i != j]),
        ("one to one", [(i, i) for i in range(6)]),
        ("list", [(1, 0), (3, 0), (3, 0)]),
        ("array", [(i, j) for i, j in ALL if (6 * i + j) % 5 == 0]),
        ("probability 1", ALL),
    ],
)
def test_connections_by_rule_are_ordered_by_post_then_pre(sim, name, expected):
    assert pairs(build(sim, name, None)) == expected


@pytest.mark.trap("D43")
def test_no_mutual_makes_one_direction_of_each_pair(sim):
    found = pairs(build(sim, "all, no mutual", None))
    assert sorted(tuple(sorted(pair)) for pair in found) == list(itertools.combinations(range(6), 2))


@pytest.mark.trap("D43")
def test_fixed_numbers_are_met(sim):
    cells = group(sim, 10)
    for connector, axis in ((sim.FixedNumberPreConnector(4), 1), (sim.FixedNumberPostConnector(4), 0)):
        found = pairs(sim.Projection(cells, cells, connector))
        assert len(set(found)) == 40
        assert np.bincount([pair[axis] for pair in found], minlength=10).tolist() == [4] * 10
    assert len(pairs(sim.Projection(cells, cells, sim.FixedTotalNumberConnector(33)))) == 33
    many = pairs(sim.Projection(cells, cells, sim.FixedNumberPreConnector(23)))
    # More than there are cells: two of each, and three different ones more.
    assert set(np.bincount([i for i, j in many if j == 4])) <= {2, 3} and len(many) == 230


@pytest.mark.trap("D12")
def test_total_number_keeps_its_promises(sim):
    """Trap D12."""
    cells = group(sim)
    found = pairs(
        sim.Projection(
            cells, cells, sim.FixedTotalNumberConnector(30, allow_self_connections=False, with_replacement=False)
        )
    )
    assert sorted(found) == sorted((i, j) for i, j in ALL if i != j)
    with pytest.raises(ConnectorError, match="30"):
        sim.Projection(
            cells, cells, sim.FixedTotalNumberConnector(31, allow_self_connections=False, with_replacement=False)
        )


@pytest.mark.trap("D12")
def test_one_to_one_needs_equal_sizes(sim):
    """Trap D12."""
    cells = group(sim)
    with pytest.raises(ConnectorError, match="3.*5"):
        sim.Projection(cells[:3], cells[:5], sim.OneToOneConnector())
    assert sim.script.simulation.projections == []


@pytest.mark.parametrize("p", [-0.1, 1.7, float("nan"), "often"])
@pytest.mark.trap("D12")
def test_impossible_probabilities_are_refused(sim, p):
    """Trap D12."""
    cells = group(sim)
    with pytest.raises(ValueError):
        sim.Projection(cells, cells, sim.FixedProbabilityConnector(p))


@pytest.mark.parametrize("row", [(0, 6), (6, 0), (-1, 0), (0, -1), (0.5, 1)])
@pytest.mark.trap("D11")
def test_rows_that_name_no_cell_are_refused(sim, row):
    """Trap D11."""
    cells = group(sim)
    with pytest.raises(ConnectorError, match="Row 1"):
        sim.Projection(cells, cells, sim.FromListConnector([(0, 0), row]))


@pytest.mark.trap("D11")
def test_lists_with_weights_of_the_wrong_sign_are_refused(sim):
    """Trap D11."""
    cells = group(sim)
    rows = [(0, 1, 0.5, 1.0), (1, 2, -0.5, 1.0)]
    with pytest.raises(InvalidWeightError, match="-0.5"):
        sim.Projection(cells, cells, sim.FromListConnector(rows), receptor_type="excitatory")
    with pytest.raises(InvalidWeightError, match="partly"):
        sim.Projection(cells, cells, sim.FromListConnector(rows))


@pytest.mark.parametrize("name", list(CONNECTORS))
@pytest.mark.trap("D17")
def test_a_single_presynaptic_cell(sim, name):
    """Trap D17: a population of size 1 is like any other."""
    sim.setup(timestep=0.1)
    one, cells = sim.Population(1, sim.IF_curr_exp()), sim.Population(6, sim.IF_curr_exp())
    connectors = {
        **CONNECTORS,
        "array": lambda sim, rng: sim.ArrayConnector(np.ones((1, 6), dtype=bool)),
        "list": lambda sim, rng: sim.FromListConnector([(0, 3), (0, 1)]),
        "total number, different": lambda sim, rng: sim.FixedTotalNumberConnector(5, with_replacement=False),
        "small world": lambda sim, rng: sim.SmallWorldConnector(2.5, 0.0),
        "one to one": lambda sim, rng: sim.OneToOneConnector(),
    }
    post = cells[:1] if name == "one to one" else cells
    projection = sim.Projection(one, post, connectors[name](sim, NumpyRNG(3)), sim.StaticSynapse(weight=0.1, delay=1.0))
    assert {i for i, _ in pairs(projection)} <= {0}
    number = {"all to all": 6, "one to one": 1, "number of pre": 18, "number of post": 3, "list": 2, "total number": 12}
    if name in number:
        assert len(projection) == number[name]
    sim.run(0.1)
    assert np.array_equal([w for *_, w in projection.get("weight", "list")], np.full(len(projection), 0.1))


@pytest.mark.trap("D2", "U5")
def test_unseeded_connectors_differ_from_each_other(sim):
    """Trap D2."""
    cells = group(sim, 20)
    for connector in (
        lambda: sim.FixedProbabilityConnector(0.5),
        lambda: sim.FixedNumberPreConnector(5),
        lambda: sim.FixedNumberPostConnector(5),
        lambda: sim.FixedTotalNumberConnector(100),
        lambda: sim.DistanceDependentProbabilityConnector("0.5 + 0*d"),
    ):
        assert pairs(sim.Projection(cells, cells, connector())) != pairs(sim.Projection(cells, cells, connector()))
        again = connector()
        assert pairs(sim.Projection(cells, cells, again)) != pairs(sim.Projection(cells, cells, again))


def test_the_seed_of_setup_decides_on_unseeded_connectors(sim):
    def made(seed):
        sim.setup(rng_seed=seed)
        cells = sim.Population(20, sim.IF_curr_exp())
        return pairs(sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.5)))

    assert made(1) == made(1) != made(2)


@pytest.mark.trap("D1")
def test_a_shared_generator_gives_independent_values(sim):
    """Trap D1: weights, delays, connections and two projections from one rng."""
    cells = group(sim, 30)
    rng = NumpyRNG(8)
    value = RandomDistribution("uniform", (1.0, 2.0), rng=rng)
    other = RandomDistribution("uniform", (1.0, 20.0), rng=rng)
    synapse = sim.StaticSynapse(weight=value, delay=other)
    with pytest.warns(UserWarning, match="rounded"):
        a = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.5, rng=rng), synapse)
        b = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.5, rng=rng), synapse)
    assert pairs(a) != pairs(b)
    n = min(len(a), len(b))
    columns = [np.array(p.get(name, "list", with_address=False))[:n] for p in (a, b) for name in ("weight", "delay")]
    for projection in (a, b):
        projection.set(weight=value)
        columns.append(np.array(projection.get("weight", "list", with_address=False))[:n])
    # About 450 independent values: the standard deviation of a coefficient is 0.05.
    assert np.abs(np.corrcoef(columns) - np.eye(6)).max() < 0.25
    connected = np.array([u for u in a.get("weight", "array")])
    assert np.isfinite(connected).sum() == len(a)


def test_connections_from_a_generator_are_those_that_pynn_draws(sim):
    """Section 6 of the stream contract: one uniform a pair, post cell by post cell."""
    cells = group(sim, 12)
    projection = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.3, rng=NumpyRNG(99)))
    connected = np.random.RandomState(99).uniform(size=(12, 12)).T < 0.3
    assert np.array_equal(np.isfinite(projection.get("weight", "array")), connected)


def test_a_clone_has_the_same_pairs(sim):
    cells = group(sim, 12)
    original = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.3), sim.StaticSynapse(weight=1.0))
    clone = sim.Projection(cells, cells, sim.CloneConnector(original), sim.StaticSynapse(weight=2.0))
    assert pairs(clone) == pairs(original)
    with pytest.raises(ValueError):
        sim.Projection(cells, cells[:3], sim.CloneConnector(original))


def test_connections_from_a_saved_file(sim, tmp_path):
    cells = group(sim, 8)
    synapse = sim.StaticSynapse(weight=RandomDistribution("uniform", (0.0, 1.0)), delay=0.7)
    original = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.5), synapse)
    file = str(tmp_path / "connections.txt")
    original.save("all", file)
    copy = sim.Projection(cells, cells, sim.FromFileConnector(file), sim.StaticSynapse())
    assert copy.get(["weight", "delay"], "list") == original.get(["weight", "delay"], "list")


def test_named_columns_of_a_list(sim):
    cells = group(sim)
    rows = np.array([[1, 0, 2.0], [0, 1, 1.5]])
    projection = sim.Projection(
        cells, cells, sim.FromListConnector(rows, column_names=["delay"]), sim.StaticSynapse(weight=0.25)
    )
    assert projection.get(["weight", "delay"], "list") == [(1, 0, 0.25, 2.0), (0, 1, 0.25, 1.5)]
    with pytest.raises(KeyError, match="tau"):
        sim.Projection(cells, cells, sim.FromListConnector(rows, column_names=["tau"]))


def test_distances_are_those_of_the_space(sim):
    cells = group(sim, 10)
    near = sim.DistanceDependentProbabilityConnector("d < 1.5", allow_self_connections=False)
    ring = Space(axes="x", periodic_boundaries=((0, 10), None, None))
    assert pairs(sim.Projection(cells, cells, near)) == [
        (i, j) for j in range(10) for i in range(10) if abs(i - j) == 1
    ]
    found = pairs(sim.Projection(cells, cells, near, space=ring))
    assert found == [(i, j) for j in range(10) for i in range(10) if (i - j) % 10 in (1, 9)]


def test_an_index_based_value_knows_its_projection(sim):
    cells = group(sim, 3)
    projection = sim.Projection(cells, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=Reversed(), delay=1.0))
    assert projection.get("weight", "list") == [(0, 0, 3.0), (1, 1, 2.0), (2, 2, 1.0)]


@pytest.mark.trap("D23")
def test_a_connection_set(sim):
    csa = pytest.importorskip("csa")
    cells = group(sim)
    projection = sim.Projection(cells, cells, sim.CSAConnector(csa.cset(csa.oneToOne, 0.5, 2.0)))
    assert projection.get(["weight", "delay"], "list") == [(i, i, 0.5, 2.0) for i in range(6)]


def test_views_and_assemblies_count_within_themselves(sim):
    a, b = group(sim, 4), sim.Population(4, sim.IF_curr_exp())
    projection = sim.Projection(a[2:], b[1:3] + a[:1], sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1))
    assert pairs(projection) == [(i, j) for j in range(3) for i in range(2)]
    assert projection.shape == (2, 3)
    assert projection[0].presynaptic_cell == a[2] and projection[0].postsynaptic_cell == b[1]
    assert projection[-1].presynaptic_cell == a[3] and projection[-1].postsynaptic_cell == a[0]
    # The cell itself is the same, whatever its number in the view.
    overlap = sim.Projection(a[1:], a[:2], sim.AllToAllConnector(allow_self_connections=False))
    assert pairs(overlap) == [(0, 0), (1, 0), (2, 0), (1, 1), (2, 1)]


def test_a_connector_tells_its_progress(sim):
    cells = group(sim)
    told: list[float] = []
    sim.Projection(cells, cells, sim.AllToAllConnector(callback=told.append))
    assert told[-1] == 1.0


def test_a_connector_of_ones_own(sim):
    from pyNN.connectors import Connections, Connector

    class Chain(Connector):
        def connections(self, request):
            pre = np.arange(request.n_pre - 1)
            return Connections.from_pairs(pre, pre + 1, {"delay": 1.0 + pre})

    cells = group(sim, 4)
    projection = sim.Projection(cells, cells, Chain(), sim.StaticSynapse(weight=0.1))
    sim.run(0.1)
    assert projection.get(["weight", "delay"], "list") == [(0, 1, 0.1, 1.0), (1, 2, 0.1, 2.0), (2, 3, 0.1, 3.0)]


@pytest.mark.requires("native_rules")
@pytest.mark.parametrize("name", ["all to others", "one to one", "number of pre", "number of post", "total number"])
def test_connections_that_the_simulator_draws_keep_the_rule(sim, name):
    cells = group(sim)
    synapse = sim.StaticSynapse(weight=0.5, delay=1.0)
    projection = sim.Projection(cells, cells, CONNECTORS[name](sim, None), synapse, native=True)
    sim.run(1.0)
    found = pairs(projection)
    assert found == sorted(found, key=lambda pair: pair[::-1])
    expected = {"all to others": 30, "one to one": 6, "number of pre": 18, "number of post": 18, "total number": 12}
    assert len(found) == expected[name] == projection.size()
    assert {row[2:] for row in projection.get(["weight", "delay"], "list")} == {(0.5, 1.0)}
    if name.startswith("number"):
        axis = 1 if name == "number of pre" else 0
        assert np.bincount([pair[axis] for pair in found]).tolist() == [3] * 6
    projection.set(weight=0.25)
    assert {row[2] for row in projection.get("weight", "list")} == {0.25}


def test_what_nest_draws_is_the_same_after_a_reset() -> None:
    sim = pytest.importorskip("pyNN.nest")
    sim.setup(timestep=0.1, native=True)
    cells = sim.Population(50, sim.IF_curr_exp(i_offset=1.1))
    synapse = sim.StaticSynapse(weight=sim.RandomDistribution("uniform", low=0.1, high=0.2), delay=0.5)
    projection = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.2), synapse)
    source = sim.Population(20, sim.SpikeSourcePoisson(rate=200.0))
    source.record("spikes")
    sim.run(100.0)
    before, spikes_before = projection.get("weight", "list"), source.get_spike_counts()
    sim.reset()
    sim.run(100.0)
    assert len(before) > 0
    assert projection.get("weight", "list") == before
    # Trials differ: 20 independent counts of mean 20 agree by chance with a probability of about 1e-20.
    assert source.get_spike_counts() != spikes_before
    sim.end()
    sim.script.simulation.close()
