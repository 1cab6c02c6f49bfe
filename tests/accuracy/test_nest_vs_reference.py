"""NEST and the reference backend, driven through the contract with the same description, do the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pyNN.backend import Settings
from pyNN.nest.backend import NestBackend
from pyNN.parallel import SerialCommunicator
from pyNN.reference.backend import ReferenceBackend
from pyNN.specs import (
    ConnectionTable,
    CurrentSpec,
    NetworkSpec,
    PopulationSpec,
    ProjectionSpec,
    Ragged,
    RecordingSpec,
)
from pyNN.standardmodels import cells, electrodes
from pyNN.standardmodels.synapses import StaticSynapse

# Both integrate the linear models exactly; what differs is the order of floating-point operations (NEST keeps V
# relative to E_L and currents in pA). 1e-9 mV is 1e4 times that, and far below anything that moves a spike.
LINEAR_TOLERANCE_MV = 1e-9
LINEAR = ["IF_curr_exp", "IF_curr_alpha", "IF_curr_delta"]
CONDUCTANCE = ["IF_cond_exp", "IF_cond_alpha"]
WEIGHT_SCALE = {
    "IF_curr_exp": 0.5,
    "IF_curr_alpha": 0.6,
    "IF_curr_delta": 3.0,
    "IF_cond_exp": 0.01,
    "IF_cond_alpha": 0.03,
}


def population(
    id: int, name: str, size: int, first: int, init: dict[str, Any] | None = None, **p: Any
) -> PopulationSpec:
    d = getattr(cells, name).definition
    values = {k: v.default for k, v in d.parameters.items()} | p
    states = {k: s.initial for k, s in d.states.items()} | (init or {})
    return PopulationSpec(id, f"{name} {id}", d, size, first, values, states)


def random_table(
    rng: np.random.Generator, n_pre: int, n_post: int, n: int, weights: Any, max_steps: int
) -> ConnectionTable:
    pre, post = rng.integers(0, n_pre, n), rng.integers(0, n_post, n)
    order = np.lexsort((pre, post))
    delays = rng.integers(1, max_steps + 1, n)
    return ConnectionTable(
        pre[order].astype(np.int32), post[order].astype(np.int32), delays.astype(np.int32), {"weight": weights}
    )


def network(name: str, seed: int = 7, n: int = 60, min_steps: int = 1) -> NetworkSpec:
    """Sources onto excitatory and inhibitory cells with their own parameters, recurrently connected, with parallel
    connections, delays of 0.1 to 3 ms, started at random potentials of which some are above threshold."""
    rng = np.random.default_rng(seed)
    n_inh, n_src = n // 4, 20
    size = n + n_inh

    def varied(low: float, high: float, count: int) -> Any:
        return rng.uniform(low, high, count)

    def neurons(id: int, count: int, first: int) -> PopulationSpec:
        p = {
            "tau_m": varied(8.0, 25.0, count),
            "cm": varied(0.2, 1.1, count),
            "v_rest": varied(-68.0, -62.0, count),
            "v_reset": varied(-72.0, -66.0, count),
            "v_thresh": varied(-55.0, -50.0, count),
            "tau_refrac": rng.choice([0.0, 0.1, 0.25, 2.0, 3.3], count),
            "i_offset": varied(0.1, 0.6, count),
        }
        if name != "IF_curr_delta":
            p["tau_syn_E"] = varied(0.5, 6.0, count)
            p["tau_syn_I"] = np.where(np.arange(count) % 5 == 0, p["tau_m"], varied(1.0, 9.0, count))
        return population(id, name, count, first, {"v": varied(-70.0, -45.0, count)}, **p)

    times = Ragged.from_list([[0.0, 0.1, 5.0, 5.0], [7.3, 400.2]])
    populations = [
        neurons(0, n, 0),
        neurons(1, n_inh, n),
        population(2, "SpikeSourcePoisson", n_src, size, rate=varied(20.0, 120.0, n_src)),
        population(3, "SpikeSourceArray", 2, size + n_src, spike_times=times),
    ]
    w = WEIGHT_SCALE[name]
    inhibition = 1.0 if name in CONDUCTANCE else -1.0
    static = StaticSynapse.definition
    all_cells = np.arange(size)

    def projection(id: int, pre: Any, count: int, receptor: str, scale: float) -> ProjectionSpec:
        weights = rng.uniform(0.2, 1.0, count) * scale
        table = random_table(rng, len(pre), size, count, weights, 30)
        table.delay_steps = np.maximum(table.delay_steps, min_steps)
        return ProjectionSpec(id, f"projection {id}", pre, all_cells, receptor, static, table)

    projections = [
        projection(0, populations[2].first_id + np.arange(n_src), 8 * size, "excitatory", w),
        projection(1, np.arange(n), 10 * size, "excitatory", 0.3 * w),
        projection(2, n + np.arange(n_inh), 5 * size, "inhibitory", 0.6 * w * inhibition),
        projection(3, populations[3].first_id + np.arange(2), size, "excitatory", 2 * w),
    ]
    ac, dc = electrodes.ACSource.definition, electrodes.DCSource.definition

    def current(id: int, d: Any, targets: Any, **p: Any) -> CurrentSpec:
        return CurrentSpec(id, d, {k: v.default for k, v in d.parameters.items()} | p, np.asarray(targets))

    currents = [
        current(0, dc, [0, 1, 2, 2, n], amplitude=0.15, start=0.0, stop=300.0),
        current(1, ac, [2, 5, n + 1], amplitude=0.2, start=50.0, stop=600.0, frequency=17.0, offset=0.05, phase=30.0),
    ]
    recordings = [RecordingSpec(p.id, p.id, "spikes", np.arange(p.size)) for p in populations]
    states = [(p, v) for p in (0, 1) for v in populations[0].model.recordable if v != "spikes"]
    recordings += [RecordingSpec(10 + k, p, variable, np.arange(8)) for k, (p, variable) in enumerate(states)]
    return NetworkSpec(populations, projections, currents, recordings)


def run(backend: Any, net: NetworkSpec, pieces: list[int], threads: int = 1) -> dict[int, Any]:
    s = Settings(0.1, None, None, 11, threads=threads)
    session = backend.open(s, SerialCommunicator())
    try:
        session.build(net)
        for steps in pieces:
            session.advance(steps)
        return {r.id: session.collect(r.id) for r in net.recordings}
    finally:
        session.close()


def assert_same(found: dict[int, Any], expected: dict[int, Any], net: NetworkSpec, tolerance: float) -> int:
    n_spikes = 0
    for r in net.recordings:
        a, b = found[r.id], expected[r.id]
        if r.variable == "spikes":
            np.testing.assert_array_equal(a.steps, b.steps)
            np.testing.assert_array_equal(a.cells, b.cells)
            n_spikes += len(a.steps)
        else:
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=0.0, atol=tolerance)
    return n_spikes


@pytest.fixture(scope="module")
def nest() -> Iterator[NestBackend]:
    yield NestBackend()


@pytest.mark.parametrize("name", LINEAR)
def test_linear_models_have_the_same_spikes_and_potentials_over_one_second(name: str, nest: NestBackend) -> None:
    net = network(name)
    found = run(nest, net, [10000])
    expected = run(ReferenceBackend(), net, [10000])
    assert assert_same(found, expected, net, LINEAR_TOLERANCE_MV) > 3000


@pytest.mark.parametrize("name", LINEAR)
def test_a_larger_smallest_delay_and_a_run_in_pieces_change_nothing(name: str, nest: NestBackend) -> None:
    net = network(name, seed=8, min_steps=7)
    pieces = [1, 2, 3, 50, 7, 7, 13, 217, 1700]
    found = run(nest, net, pieces)
    expected = run(ReferenceBackend(), net, [2000])
    assert assert_same(found, expected, net, LINEAR_TOLERANCE_MV) > 500


def change_everything(session: Any, net: NetworkSpec, name: str) -> list[Any]:
    """A run with changes between its pieces; returns all that was recorded or read."""
    seen: list[Any] = []
    session.build(net)
    session.advance(503)
    session.write_cells(0, "i_offset", np.array([3, 1, 7]), np.array([0.9, 0.0, 0.5]))
    session.write_cells(0, "v", np.array([9, 10]), -60.0)
    session.write_cells(1, "tau_m", np.arange(15), 12.0)
    session.write_cells(1, "cm", np.array([2, 3]), np.array([0.4, 0.3]))
    for parameter, value in (("v_rest", -66.5), ("v_thresh", -54.0), ("v_reset", -70.5), ("tau_refrac", 1.0)):
        session.write_cells(0, parameter, np.arange(20, 40), value)
    session.write_cells(2, "rate", np.arange(20), 60.0)
    seen.append(session.read_cells(0, "v"))
    session.advance(111)
    direct, alternating = net.currents
    direct.parameters["amplitude"] = 0.4
    session.write_current(direct)
    alternating.parameters["frequency"] = 70.0
    session.write_current(alternating)
    session.advance(3)
    alternating.cells = np.array([5, 6, 6])
    session.write_current(alternating)
    session.advance(2)
    direct.cells = np.array([0, 6])
    session.write_current(direct)
    session.advance(220)
    for r in net.recordings[-2:]:
        session.clear(r.id)
    now = session.current_step
    late = population(4, name, 10, 97, {"v": -60.0}, i_offset=np.linspace(0.5, 1.0, 10))
    table = ConnectionTable(
        np.zeros(60, np.int32), np.arange(60, dtype=np.int32), 9, {"weight": WEIGHT_SCALE[name]}
    )
    projection = ProjectionSpec(
        4, "late", np.arange(97, 107), np.arange(60), "excitatory", StaticSynapse.definition, table
    )
    recordings = [
        RecordingSpec(40, 4, "v", np.array([0, 2]), 3, now),
        RecordingSpec(41, 4, "spikes", np.arange(10), 1, now),
        RecordingSpec(42, 0, "v", np.array([5, 6, 9]), 7, now),
    ]
    session.build(NetworkSpec([late], [projection], [], recordings))
    session.advance(session.current_step % 7 or 7)
    session.advance(-session.current_step % 7)
    # At a multiple of min_delay NEST, too, keeps the old weights for spikes that have been sent.
    session.write_synapses(1, "weight", session.read_synapses(1, "weight") * 1.5)
    seen.append(session.read_synapses(1, "weight"))
    session.advance(400)
    for r in net.recordings + recordings:
        data = session.collect(r.id)
        seen += [data.steps, data.cells] if r.variable == "spikes" else [data]
    return seen


@pytest.mark.parametrize("min_steps", [1, 7])
@pytest.mark.parametrize("name", LINEAR)
def test_changes_between_runs_act_in_the_same_step(name: str, min_steps: int, nest: NestBackend) -> None:
    results = []
    for backend in (nest, ReferenceBackend()):
        net = network(name, min_steps=min_steps)
        session = backend.open(Settings(0.1, None, None, 11), SerialCommunicator())
        try:
            results.append(change_everything(session, net, name))
        finally:
            session.close()
    for found, expected in zip(*results, strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=0.0, atol=LINEAR_TOLERANCE_MV)


@pytest.mark.parametrize("name", CONDUCTANCE)
def test_conductance_models_agree_within_the_accuracy_of_nests_solver(name: str, nest: NestBackend) -> None:
    net = network(name)
    for p in net.populations[:2]:
        p.parameters["v_thresh"] = 0.0  # a spike would turn a small difference into a large one
        p.initial_values["v"] = np.minimum(np.asarray(p.initial_values["v"]), -50.0)
    found = run(nest, net, [2000])
    expected = run(ReferenceBackend(), net, [2000])
    for r in net.recordings:
        if r.variable == "v":
            # Both use methods of order 4 or more; measured are 3e-7 mV and 1e-8 uS between them.
            assert np.ptp(expected[r.id]) > 5.0
            np.testing.assert_allclose(found[r.id], expected[r.id], rtol=0.0, atol=1e-5)
        elif r.variable != "spikes":
            np.testing.assert_allclose(found[r.id], expected[r.id], rtol=0.0, atol=1e-7)
