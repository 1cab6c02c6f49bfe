"""Large networks whose connections are kept in bundles run, read and change as they do without, to the last bit."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.random import RandomDistribution
from pyNN.reference import bundles, layout, packing
from pyNN.reference.numba_engine import NumbaEngine

pytestmark = pytest.mark.filterwarnings("ignore::pyNN.errors.RoundingWarning")

Network = Callable[..., "tuple[list[Any], list[Any]]"]
SIZES = (300, 70, 130)
INHIBITORY = 1
"""The population whose weights are negative."""


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    sim.script.simulation.close()


@pytest.fixture(params=[True, False], ids=["bundles", "no bundles"])
def bundled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    use(monkeypatch, bundled=request.param)
    return bool(request.param)


def use(monkeypatch: pytest.MonkeyPatch, *, bundled: bool) -> None:
    monkeypatch.setattr(packing, "WORTH_PACKING", 0)
    monkeypatch.setattr(bundles, "WORTH_BUNDLING", 0 if bundled else 1 << 62)
    monkeypatch.setattr(bundles, "CONNECTIONS_A_DELAY", 0)
    monkeypatch.setattr(bundles, "CONNECTIONS_A_DELAY_IN_BINS", 0)
    monkeypatch.setattr(bundles, "CONNECTIONS_AT_ONCE", 0)


def engine() -> Any:
    return sim.script.simulation._session._engine


def delays(low: float, high: float = 6.0) -> Any:
    return RandomDistribution("normal_clipped", mu=1.5, sigma=0.75, low=low, high=high)


def network(min_delay: float = 0.1, order: int = 1, **options: Any) -> tuple[list[Any], list[Any]]:
    """Three populations with noise from outside, each connected to each, many pairs of cells several times."""
    sim.setup(timestep=0.1, min_delay=min_delay, max_delay=10.0, rng_seed=3, **options)
    cells = [
        sim.Population(
            size, sim.IF_curr_exp(tau_syn_E=2.0, tau_syn_I=3.0), label=f"cells{k}",
            initial_values={"v": RandomDistribution("uniform", low=-65.0, high=-50.0)},
        )
        for k, size in enumerate(SIZES)
    ]
    for k, population in enumerate(cells):
        population.record("spikes")
        population[:5].record("v")
        noise = sim.Population(population.size, sim.SpikeSourcePoisson(rate=9000.0))
        if k:
            sim.Projection(noise, population, sim.OneToOneConnector(), sim.StaticSynapse(weight=0.1, delay=1.5))
        else:
            # Not one to one, and with a delay that is longer than all others.
            some = sim.FixedNumberPreConnector(2)
            sim.Projection(noise, population, some, sim.StaticSynapse(weight=0.05, delay=7.0))
    projections = []
    for post, target in list(enumerate(cells))[::order]:
        for pre, source in enumerate(cells):
            mu, receptor = (-0.3, "inhibitory") if pre == INHIBITORY else (0.05, "excitatory")
            weight = RandomDistribution("uniform", low=min(1.5 * mu, 0.5 * mu), high=max(1.5 * mu, 0.5 * mu))
            connector = sim.FixedTotalNumberConnector(int(0.15 * source.size * target.size))
            synapse = sim.StaticSynapse(weight=weight, delay=delays(min_delay))
            label = f"{pre} to {post}"
            projection = sim.Projection(source, target, connector, synapse, receptor_type=receptor, label=label)
            projections.append(projection)
    return cells, projections


def rows(projections: list[Any]) -> list[Any]:
    return [np.array(projection.get(["weight", "delay"], "list")) for projection in projections]


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


def plans() -> list[Any]:
    return engine()._plans if isinstance(engine(), NumbaEngine) else []


def run(duration: Any = 30.0, **options: Any) -> tuple[list[Any], bool]:
    """(all that one sees, whether there were bundles)."""
    cells, projections = network(**options)
    for piece in np.atleast_1d(duration):
        sim.run(piece)
    has_bundles = bool(plans())
    spikes = sum(population.mean_spike_count() for population in cells)
    assert spikes > 2.0
    return [*observed(cells), *rows(projections)], has_bundles


@pytest.mark.parametrize("min_delay", [0.1, 0.3])
@pytest.mark.parametrize(
    ("at_once", "intervals"), [(0, (1, 1)), (40_000, (1, 10)), (1 << 62, (20, 70))], ids=["least", "some", "all"]
)
def test_results_do_not_depend_on_how_much_is_brought_at_once(
    monkeypatch: pytest.MonkeyPatch, min_delay: float, at_once: int, intervals: tuple[int, int]
) -> None:
    use(monkeypatch, bundled=False)
    expected, _ = run(min_delay=min_delay)
    use(monkeypatch, bundled=True)
    monkeypatch.setattr(bundles, "INPUT_AT_ONCE", at_once)
    for threads in (1, 2):
        # Pieces of a run end between two steps for which input is brought.
        found, has_bundles = run([7.0, 0.1, 0.5, 22.4], min_delay=min_delay, threads=threads)
        control = engine()._control
        assert has_bundles
        assert intervals[0] <= control[layout.REACH] / control[layout.INTERVAL] <= intervals[1]
        assert_same(found, expected)


@pytest.mark.parametrize("min_delay", [0.1, 0.3])
@pytest.mark.parametrize("order", [1, -1])
def test_results_are_those_of_other_layouts_and_engines(
    monkeypatch: pytest.MonkeyPatch, min_delay: float, order: int
) -> None:
    use(monkeypatch, bundled=False)
    expected, has_bundles = run(min_delay=min_delay, order=order)
    assert not has_bundles
    if order == 1:
        assert_same(run(min_delay=min_delay, engine="numpy")[0], expected)
    use(monkeypatch, bundled=True)
    for threads in (1, 2, 3):
        found, has_bundles = run(min_delay=min_delay, order=order, threads=threads)
        assert has_bundles
        assert_same(found, expected)


def test_a_run_in_pieces_is_the_run_as_a_whole(bundled: bool) -> None:
    whole, _ = run()
    pieces, has_bundles = run([1.0, 0.1, 0.3, 7.6, 21.0], threads=2)
    assert has_bundles == bundled
    assert_same(pieces, whole)


def test_narrow_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, bundled=False)
    expected, _ = run(weights="float32")
    use(monkeypatch, bundled=True)
    found, has_bundles = run(weights="float32", threads=2)
    assert has_bundles
    assert_same(found, expected)


def story(threads: int) -> tuple[list[Any], list[bool]]:
    """What one sees of a network that is read, run, changed, run, reset and run again; when there were bundles."""
    cells, projections = network(threads=threads)
    found, having = rows(projections), []
    sim.run(5.0)
    having.append(bool(plans()))
    found += [*rows(projections), projections[0].get("weight", "array", multiple_synapses="sum"), *observed(cells)]
    # Data that are cleared, and a new recording, make the engine look at everything again.
    cells[1].record("v")
    sim.run(5.0)
    having.append(bool(plans()))
    found += observed(cells, clear=True)
    projections[4].set(weight=np.linspace(-0.4, -0.2, len(projections[4])))
    sim.run(5.0)
    having.append(bool(plans()))
    found += [*rows(projections), *observed(cells, clear=True)]
    projections[0].set(delay=delays(0.5, 9.0))
    projections[2][17].weight = 0.5
    sim.run(5.0)
    found += [*rows(projections), *observed(cells, clear=True)]
    sim.reset()
    found += rows(projections)
    sim.run(5.0)
    having.append(bool(plans()))
    found += [*rows(projections), *observed(cells)]
    found += [c.as_tuple("presynaptic_index", "weight", "delay") for c in projections[1][100:110]]
    return found, having


def test_everything_can_be_read_and_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, bundled=False)
    expected, having = story(1)
    assert not any(having)
    use(monkeypatch, bundled=True)
    for threads in (1, 2):
        found, having = story(threads)
        # Once connections have been changed there are no bundles until the next reset.
        assert having == [True, True, False, True]
        assert_same(found, expected)


def test_a_simulation_that_is_reset_keeps_its_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, bundled=True)
    network(threads=2)
    sim.run(12.0)
    made = [bundle for _, plan in plans() for bundle in plan.bundles.values()]
    sim.reset()
    sim.run(12.0)
    again = [bundle for _, plan in plans() for bundle in plan.bundles.values()]
    assert len(made) == 6 and all(a is b for a, b in zip(made, again, strict=True))


@pytest.mark.parametrize(("before", "after"), [(True, True), (True, False), (False, True)])
def test_a_checkpoint_has_what_is_on_its_way(
    monkeypatch: pytest.MonkeyPatch, assert_checkpoints_carry_over: Callable[..., None], before: bool, after: bool
) -> None:
    assert_checkpoints_carry_over(
        network, observed, lambda is_used: use(monkeypatch, bundled=is_used), lambda: bool(plans()), before, after
    )


def test_an_interrupt_while_bundles_are_made_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, bundled=False)
    expected, _ = run()
    use(monkeypatch, bundled=True)
    cells, projections = network()
    monkeypatch.setattr(bundles, "_give_back_memory", lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        sim.run(30.0)
    assert sim.get_current_time() == 0.0
    monkeypatch.undo()
    sim.run(30.0)
    assert_same([*observed(cells), *rows(projections)], expected)


def _other_source(cells: list[Any]) -> None:
    sim.Projection(
        sim.Population(3, sim.SpikeSourceArray(spike_times=[2.0, 5.0])), cells[0], sim.AllToAllConnector(),
        sim.StaticSynapse(weight=0.5, delay=1.0),
    )  # fmt: skip


def _plastic(cells: list[Any]) -> None:
    rule = sim.STDPMechanism(sim.SpikePairRule(), sim.AdditiveWeightDependence(w_max=0.2), weight=0.1, delay=0.5)
    sim.Projection(cells[2], cells[0], sim.FixedProbabilityConnector(0.1), rule)


def _second(cells: list[Any]) -> None:
    synapse = sim.StaticSynapse(weight=RandomDistribution("uniform", low=0.0, high=0.1), delay=delays(0.1))
    sim.Projection(cells[2], cells[0], sim.FixedProbabilityConnector(0.1), synapse)


def _one_delay(cells: list[Any]) -> None:
    synapse = sim.StaticSynapse(weight=0.02, delay=1.0)
    sim.Projection(cells[2], cells[0][100:], sim.FixedProbabilityConnector(0.1), synapse)


def _procedural(cells: list[Any]) -> None:
    synapse = sim.StaticSynapse(weight=0.02, delay=1.0)
    sim.Projection(cells[2], cells[0], sim.FixedProbabilityConnector(0.1), synapse, connectivity="procedural")


@pytest.mark.parametrize("add", [_other_source, _plastic, _second, _one_delay, _procedural])
@pytest.mark.parametrize("late", [False, True], ids=["before", "after a run"])
def test_a_population_with_other_input_gets_none_from_bundles(
    monkeypatch: pytest.MonkeyPatch, add: Callable[[list[Any]], None], late: bool
) -> None:
    found = []
    for bundled in (False, True):
        use(monkeypatch, bundled=bundled)
        cells, projections = network(threads=2)
        if late:
            sim.run(5.0)
            assert bool(plans()) == bundled
        add(cells)
        sim.run(20.0)
        targets = {id(group) for _, plan in plans() for group, *_ in plan.places.values()}
        # What has been in bundles and cannot stay there is not bundled again.
        assert len(targets) == (2 if bundled and not late else 0)
        found.append([*observed(cells), *rows(projections)])
    assert_same(found[1], found[0])


def test_an_order_of_routes_that_bundles_cannot_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Onto one population a comes before b, onto the other b before a."""
    found = []
    for bundled in (False, True):
        use(monkeypatch, bundled=bundled)
        sim.setup(timestep=0.1, rng_seed=5, max_delay=6.0)
        drive = {"i_offset": 0.8, "tau_syn_E": 2.0}
        cells = [sim.Population(100, sim.IF_curr_exp(**drive), initial_values={"v": -60.0 - k}) for k in range(2)]
        for pre, post in ((0, 0), (1, 0), (1, 1), (0, 1)):
            synapse = sim.StaticSynapse(weight=RandomDistribution("uniform", low=0.0, high=0.1), delay=delays(0.1))
            sim.Projection(cells[pre], cells[post], sim.FixedProbabilityConnector(0.3), synapse)
        for population in cells:
            population.record(["spikes", "v"])
        sim.run(50.0)
        assert not plans()
        found.append(observed(cells))
    assert_same(found[1], found[0])


def test_only_large_networks_have_bundles() -> None:
    network()
    sim.run(1.0)
    assert not plans()


def test_time_is_shared_out_among_the_projections(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, bundled=True)
    _, projections = network(profile=True)
    began = time.perf_counter()
    sim.run(50.0)
    spent = time.perf_counter() - began
    assert plans()
    path = ("run", "cells and synapses", "deliver")
    profile = sim.profile()
    assert 0.0 < profile["build", "bundle connections"].seconds
    assert profile.run < spent - profile["build", "bundle connections"].seconds
    own = [profile[(*path, projection.label)].seconds for projection in projections]
    # The rest is that of the noise.
    assert min(own) > 0.0 and sum(own) < profile[path].seconds
