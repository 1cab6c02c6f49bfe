"""A large table that the engine has taken over reads, writes and runs as one that it has not."""

import pickle
from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.random import RandomDistribution
from pyNN.reference import packing

pytestmark = pytest.mark.filterwarnings("ignore::pyNN.errors.RoundingWarning")


@pytest.fixture(params=[1, 3], ids=["one thread", "three threads"])
def threads(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def network(threads: int = 1, weight: Any = None, delay: Any = None, size: int = 300, **options: Any) -> Any:
    sim.setup(timestep=0.1, rng_seed=3, threads=threads, **options)
    pre = sim.Population(40, sim.SpikeSourcePoisson(rate=300.0))
    post = sim.Population(size, sim.IF_cond_exp())
    post.record("spikes")
    post[:10].record("v")
    weight = RandomDistribution("uniform", low=0.001, high=0.004) if weight is None else weight
    delay = RandomDistribution("uniform", low=0.1, high=4.0) if delay is None else delay
    # Drawn with replacement from few pairs: most pairs are connected several times, with different delays.
    return post, sim.Projection(
        pre, post, sim.FixedTotalNumberConnector(20_000), sim.StaticSynapse(weight=weight, delay=delay)
    )


def rows(projection: Any) -> Any:
    return np.array(projection.get(["weight", "delay"], "list"))


def observed(post: Any) -> list[Any]:
    block = post.get_data(clear=True).segments[-1]
    return [*(np.asarray(t.magnitude) for t in block.spiketrains), np.asarray(block.analogsignals[0].magnitude)]


def assert_same(a: list[Any], b: list[Any]) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.fixture
def pack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "WORTH_PACKING", 0)


def story(threads: int, *, packed: bool, **values: Any) -> list[Any]:
    """What one sees of a network that is read, run, changed, run, reset and run again."""
    post, projection = network(threads, **values)
    found = [rows(projection)]
    sim.run(5.0)
    assert (projection._spec.table.keeper is not None) == packed
    found += [rows(projection), projection.get("weight", "array", multiple_synapses="last"), *observed(post)]
    projection.set(weight=np.linspace(0.001, 0.003, len(projection)))
    sim.run(5.0)
    assert (projection._spec.table.keeper is not None) == packed
    found += [rows(projection), *observed(post)]
    projection.set(delay=RandomDistribution("uniform", low=0.5, high=40.0))
    projection[17].weight = 0.5
    sim.run(5.0)
    found += [rows(projection), *observed(post)]
    sim.reset()
    found.append(rows(projection))
    projection.set(weight=0.002)
    sim.run(5.0)
    found += [rows(projection), *observed(post)]
    found.append([connection.as_tuple("presynaptic_index", "weight", "delay") for connection in projection[100:110]])
    sim.end()
    return found


VALUES = [{}, {"weight": 0.003}, {"delay": 0.5}, {"weight": 0.002, "delay": 1.0}]


@pytest.mark.parametrize("values", VALUES, ids=lambda v: "+".join(v) or "individual")
def test_a_table_that_was_taken_over_seems_to_be_there(
    monkeypatch: pytest.MonkeyPatch, threads: int, values: dict[str, Any]
) -> None:
    kept = story(1, packed=False, **values)
    monkeypatch.setattr(packing, "WORTH_PACKING", 0)
    assert_same(kept, story(threads, packed=True, **values))


@pytest.mark.usefixtures("pack")
def test_views_keep_their_table() -> None:
    sim.setup(timestep=0.1)
    cells = sim.Population(60, sim.IF_cond_exp())
    part = cells[5:50:2]
    projection = sim.Projection(part, part, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.01, delay=0.2))
    before = rows(projection)
    sim.run(1.0)
    assert projection._spec.table.keeper is None
    np.testing.assert_array_equal(before, rows(projection))


@pytest.mark.usefixtures("pack")
def test_bytes_of_a_connection(threads: int) -> None:
    """2 for the target, 1 for the delay, 8 or 4 for the weight; where rows are long, their starts cost nothing."""
    for kind, size in (("float64", 11), ("float32", 7)):
        _, projection = network(threads, weights=kind)
        sim.run(0.1)
        routes = projection._spec.table.keeper._routes
        columns = [column for route in routes for column in route.stored.columns()[1:]]
        assert sum(column.nbytes for column in columns) == size * len(projection)


@pytest.mark.usefixtures("pack")
def test_float32_rounds_weights_alike_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def weights_and_data(**options: Any) -> list[Any]:
        post, projection = network(weights="float32", **options)
        drawn = np.array(projection.get("weight", "list", with_address=False))
        sim.run(20.0)
        read = np.array(projection.get("weight", "list", with_address=False))
        np.testing.assert_array_equal(read, drawn.astype(np.float32).astype(float))
        assert not np.array_equal(read, drawn)
        return [read, *observed(post)]

    packed = weights_and_data()
    for a, b in zip(packed, weights_and_data(engine="numpy"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=0)
    monkeypatch.setattr(packing, "WORTH_PACKING", 1 << 40)
    assert_same(packed, weights_and_data(threads=2))


@pytest.mark.usefixtures("pack")
def test_a_description_with_a_table_taken_over_can_be_pickled() -> None:
    _, projection = network()
    before = rows(projection)
    sim.run(0.1)
    copy = pickle.loads(pickle.dumps(projection._spec))
    np.testing.assert_array_equal(copy.table.column("weight"), before[:, 2])
    np.testing.assert_array_equal(copy.table.pre, before[:, 0])
    assert copy.table.delay_limits == (1, 40)


def test_large_projections_are_built_while_the_network_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    import pyNN.simulation

    post, _ = network()
    sim.run(30.0)
    late = observed(post)
    monkeypatch.setattr(pyNN.simulation, "_CONNECTIONS_WORTH_BUILDING", 100)
    monkeypatch.setattr(packing, "WORTH_PACKING", 0)
    post, projection = network()
    assert projection._spec.table.keeper is not None
    assert "_pairs" not in vars(projection)
    sim.run(30.0)
    assert_same(late, observed(post))
