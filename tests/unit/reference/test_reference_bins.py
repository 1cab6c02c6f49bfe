"""Large networks whose events are kept in bins run, read and change as they do without, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.random import RandomDistribution
from pyNN.reference import bins, layout
from pyNN.reference.numba_engine import NumbaEngine

pytestmark = pytest.mark.filterwarnings("ignore::pyNN.errors.RoundingWarning")

SIZES = (3000, 700, 1300)
INHIBITORY = 1
"""The population whose weights are negative."""


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    sim.script.simulation.close()


def use(monkeypatch: pytest.MonkeyPatch, *, binned: bool, room: float = 0.8) -> None:
    monkeypatch.setattr(bins, "WORTH_BINNING", 0 if binned else 1 << 62)
    monkeypatch.setattr(bins, "FEWEST_CELLS", 0)
    # Several blocks in the largest population.
    monkeypatch.setattr(bins, "LARGEST_BLOCK", layout.CELLS_AT_ONCE)
    monkeypatch.setattr(bins, "ROOM", room)


def made() -> dict[Any, Any]:
    engine = sim.script.simulation._session._engine
    return engine._bins if isinstance(engine, NumbaEngine) else {}


def uniform(low: float, high: float) -> RandomDistribution:
    return RandomDistribution("uniform", low=low, high=high)


def network(min_delay: float = 0.1, connections: int = 20, **options: Any) -> tuple[list[Any], list[Any]]:
    """Three populations and sources of listed spikes, connected to each other; weights and delays of all kinds."""
    sim.setup(timestep=0.1, min_delay=min_delay, max_delay=10.0, rng_seed=3, **options)
    cells = [
        sim.Population(
            size, sim.IF_curr_exp(tau_syn_E=2.0, tau_syn_I=3.0, i_offset=uniform(0.8, 1.2)), label=f"cells{k}",
            initial_values={"v": uniform(-65.0, -50.0)},
        )
        for k, size in enumerate(SIZES)
    ]
    for population in cells:
        population.record("spikes")
        population[:5].record("v")
    arrays = sim.Population(20, sim.SpikeSourceArray(spike_times=sim.Sequence([0.1, 2.0, 5.0, 5.1, 9.7, 20.0])))
    noise = sim.Population(20, sim.SpikeSourcePoisson(rate=200.0))
    projections = []
    for source, number in ((arrays, 40), (noise, 30)):
        synapse = sim.StaticSynapse(weight=0.3, delay=uniform(min_delay, 4.0))
        projections.append(sim.Projection(source, cells[0], sim.FixedNumberPostConnector(number), synapse))
    for post, target in enumerate(cells):
        for pre, source in enumerate(cells):
            mu, receptor = (-6.0, "inhibitory") if pre == INHIBITORY else (1.0, "excitatory")
            mu /= connections
            weight: Any = uniform(min(1.5 * mu, 0.5 * mu), max(1.5 * mu, 0.5 * mu))
            delay: Any = uniform(min_delay, 6.0)
            if (pre, post) == (2, 0):
                weight = mu
            if (pre, post) == (0, 2):
                delay = 1.5
            synapse = sim.StaticSynapse(weight=weight, delay=delay)
            connector = sim.FixedTotalNumberConnector(connections * target.size)
            projections.append(sim.Projection(source, target, connector, synapse, receptor_type=receptor))
    return cells, projections


def observed(cells: list[Any], **options: Any) -> list[Any]:
    found = []
    for population in cells:
        for segment in population.get_data(**options).segments:
            found += [np.asarray(train.magnitude) for train in segment.spiketrains]
            found.append(np.asarray(segment.analogsignals[0].magnitude))
    return found


def assert_same(a: list[Any], b: list[Any]) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def run(duration: Any = 30.0, **options: Any) -> tuple[list[Any], int]:
    """(all that one sees, number of slices of cells with bins)."""
    cells, _ = network(**options)
    for piece in np.atleast_1d(duration):
        sim.run(piece)
    number = len(made())
    assert sum(population.mean_spike_count() for population in cells) > 1.0
    return observed(cells), number


@pytest.mark.parametrize("min_delay", [0.1, 0.3])
def test_results_are_those_of_other_layouts_and_engines(monkeypatch: pytest.MonkeyPatch, min_delay: float) -> None:
    use(monkeypatch, binned=False)
    expected, number = run(min_delay=min_delay)
    assert number == 0
    if min_delay == 0.1:
        assert_same(run(min_delay=min_delay, engine="numpy")[0], expected)
    use(monkeypatch, binned=True)
    for threads in (1, 2, 3):
        found, number = run(min_delay=min_delay, threads=threads)
        assert number == 3 * threads
        assert_same(found, expected)
    assert_same(run([0.1, 0.2, 9.7, 20.0], min_delay=min_delay)[0], expected)


def test_bins_get_more_room_and_the_rings_take_over_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, binned=False)
    expected, _ = run(connections=120)
    for threads, room in ((1, 0.8), (1, 0.0), (2, 0.8), (2, 0.0)):
        use(monkeypatch, binned=True, room=room)
        monkeypatch.setattr(bins, "LARGEST_BLOCK", 4 * layout.CELLS_AT_ONCE)
        cells, _ = network(threads=threads, connections=120)
        sim.run(30.0)
        records = [one.record for one in made().values()]
        assert len(records) == 3 * threads
        if room:
            assert all(record[layout.BINS_FLUSHED] == 0 for record in records)
            # Some have more than the one chunk that each has from the beginning.
            bins_of_all = [len(one._columns[0]) for one in made().values()]
            in_use = [record[layout.BINS_CHUNKS] - record[layout.BINS_FREE] for record in records]
            assert any(used > number for used, number in zip(in_use, bins_of_all, strict=True))
        else:
            # At first they are looked at because of what they had before: for 64 steps.
            assert max(record[layout.BINS_FLUSHED] for record in records) > 64
        assert_same(observed(cells), expected)


def test_narrow_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, binned=False)
    expected, _ = run(weights="float32")
    use(monkeypatch, binned=True)
    assert_same(run(weights="float32", threads=2)[0], expected)


def story(threads: int) -> list[Any]:
    """What one sees of a network that is read, run, changed, run, reset and run again."""
    cells, projections = network(threads=threads)
    found = []
    sim.run(5.0)
    found += observed(cells)
    # Data that are cleared, and a new recording, make the engine look at everything again.
    cells[1].record("v")
    sim.run(5.0)
    found += observed(cells, clear=True)
    projections[5].set(weight=np.linspace(0.02, 0.1, len(projections[5])))
    sim.run(5.0)
    found += observed(cells, clear=True)
    projections[2].set(delay=uniform(0.5, 9.0))
    projections[2][17].weight = 0.5
    sim.run(5.0)
    found += observed(cells, clear=True)
    sim.reset()
    sim.run(5.0)
    found += observed(cells)
    sim.reset()
    sim.run(5.0)
    found += observed(cells)
    return found


def test_everything_can_be_read_and_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, binned=False)
    expected = story(1)
    use(monkeypatch, binned=True)
    for threads in (1, 2):
        assert_same(story(threads), expected)


@pytest.mark.parametrize(("before", "after"), [(True, True), (True, False), (False, True)])
def test_a_checkpoint_has_what_is_on_its_way(
    monkeypatch: pytest.MonkeyPatch, assert_checkpoints_carry_over: Callable[..., None], before: bool, after: bool
) -> None:
    assert_checkpoints_carry_over(
        network, observed, lambda is_used: use(monkeypatch, binned=is_used), lambda: bool(made()), before, after
    )


def _counted(cells: list[Any]) -> None:
    noise = sim.Population(cells[0].size, sim.SpikeSourcePoisson(rate=9000.0))
    sim.Projection(noise, cells[0], sim.OneToOneConnector(), sim.StaticSynapse(weight=0.01, delay=1.5))


def _plastic(cells: list[Any]) -> None:
    rule = sim.STDPMechanism(sim.SpikePairRule(), sim.AdditiveWeightDependence(w_max=0.2), weight=0.1, delay=0.5)
    sim.Projection(cells[2], cells[0], sim.FixedProbabilityConnector(0.01), rule)


def _procedural(cells: list[Any]) -> None:
    synapse = sim.StaticSynapse(weight=0.02, delay=1.0)
    sim.Projection(cells[2], cells[0], sim.FixedProbabilityConnector(0.01), synapse, connectivity="procedural")


@pytest.mark.parametrize("add", [_counted, _plastic, _procedural])
@pytest.mark.parametrize("late", [False, True], ids=["before", "after a run"])
def test_a_population_with_other_input_has_no_bins(
    monkeypatch: pytest.MonkeyPatch, add: Callable[[list[Any]], None], late: bool
) -> None:
    found = []
    for binned in (False, True):
        use(monkeypatch, binned=binned)
        cells, _ = network(threads=2)
        if late:
            sim.run(5.0)
            assert len(made()) == (6 if binned else 0)
        add(cells)
        sim.run(15.0)
        assert len(made()) == (4 if binned else 0)
        found.append(observed(cells))
    assert_same(found[1], found[0])


def test_more_receptors_than_there_are_places_for(monkeypatch: pytest.MonkeyPatch) -> None:
    group = type("Group", (), {"analysis": type("Analysis", (), {"receptors": [str(k) for k in range(65)]})})
    use(monkeypatch, binned=True)
    assert not bins.binned(None, 0, group, 10**6)  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "number"), [(4500, 1), (4000, 0)])
def test_only_large_populations_have_bins(size: int, number: int) -> None:
    sim.setup(timestep=0.1, max_delay=10.0)
    cells = sim.Population(size, sim.IF_curr_exp())
    synapse = sim.StaticSynapse(weight=0.0, delay=uniform(0.1, 10.0))
    sim.Projection(cells, cells, sim.FixedNumberPreConnector(2), synapse)
    sim.run(1.0)
    assert len(made()) == number
