"""connectivity="procedural": connections that are drawn at each spike are those that are stored otherwise."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import pyNN.mock
import pyNN.nest
import pyNN.reference as sim
from pyNN.errors import (
    CapabilityError,
    InvalidDelayError,
    InvalidParameterValueError,
    InvalidWeightError,
    RoundingWarning,
)
from pyNN.random import NumpyRNG, RandomDistribution

INFINITE = float("inf")
WEIGHTS = {
    "number": 0.0008,
    "uniform": RandomDistribution("uniform", low=0.0, high=0.0016),
    "normal": RandomDistribution("normal", mu=0.0008, sigma=0.0001),
    "normal_clipped": RandomDistribution("normal_clipped", mu=0.0008, sigma=0.0004, low=0.0, high=INFINITE),
    "normal_clipped_to_boundary": RandomDistribution(
        "normal_clipped_to_boundary", mu=0.0008, sigma=0.0004, low=0.0, high=0.001
    ),
    "exponential": RandomDistribution("exponential", beta=0.0008),
    "of a NumpyRNG": RandomDistribution("uniform", low=0.0, high=0.0016, rng=NumpyRNG(3)),
}
DELAYS = {
    "shared": 0.5,
    "smallest": None,
    "uniform": RandomDistribution("uniform", low=0.2, high=3.0),
    "uniform_int": RandomDistribution("uniform_int", low=1, high=30),
}


def _run(
    connectivity: str | None, weight: Any = 0.0008, delay: Any = 0.5, connector: Any = None, size: int = 300,
    **options: Any,
) -> tuple[list[np.ndarray], list[list[Any]]]:
    """(spike times cell by cell, connections of each projection) of a network with both kinds of source."""
    sim.setup(timestep=0.1, rng_seed=11, **options)
    noise = sim.Population(40, sim.SpikeSourcePoisson(rate=400.0), label="noise")
    cells = sim.Population(
        size, sim.IF_cond_exp(i_offset=np.linspace(0.2, 1.8, size)), label="cells",
        initial_values={"v": RandomDistribution("uniform", low=-65.0, high=-51.0)},
    )
    connector = connector or sim.FixedProbabilityConnector(0.15, allow_self_connections=False)
    projections = [
        sim.Projection(pre, cells, rule, sim.StaticSynapse(weight=weight, delay=delay), connectivity=connectivity)
        for pre, rule in ((cells, connector), (noise, sim.FixedProbabilityConnector(0.3)))
    ]
    cells.record("spikes")
    sim.run(30.0)
    connections = [p.get(["weight", "delay"], format="list") for p in projections]
    trains = [np.array(train) for train in cells.get_data("spikes").segments[0].spiketrains]
    sim.end()
    return trains, connections


def _assert_same(first: tuple[Any, Any], second: tuple[Any, Any]) -> None:
    assert sum(map(len, first[0])) > 100
    assert first[1] == second[1]
    for one, other in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS)
def test_weights_are_those_that_are_stored_otherwise(weight: Any) -> None:
    _assert_same(_run("stored", weight), _run("procedural", weight))


@pytest.mark.parametrize("delay", DELAYS.values(), ids=DELAYS)
def test_delays_are_those_that_are_stored_otherwise(delay: Any) -> None:
    _assert_same(_run("stored", delay=delay), _run("procedural", delay=delay))


@pytest.mark.parametrize("options", [{"threads": 2}, {"weights": "float32"}, {"engine": "numpy"}], ids=str)
def test_every_layout_gives_the_same_spikes(options: dict[str, Any]) -> None:
    stored = _run("stored", WEIGHTS["normal_clipped"], DELAYS["uniform"], **options)
    _assert_same(stored, _run("procedural", WEIGHTS["normal_clipped"], DELAYS["uniform"], **options))


@pytest.mark.parametrize(
    "connector",
    [
        sim.AllToAllConnector(), sim.AllToAllConnector(allow_self_connections=False),
        sim.FixedProbabilityConnector(1.0), sim.FixedProbabilityConnector(0.0), sim.FixedProbabilityConnector(0.001),
    ],
    ids=repr,
)
def test_every_rule_that_can_be_drawn_again(connector: Any) -> None:
    _assert_same(_run("stored", 0.0002, connector=connector), _run("procedural", 0.0002, connector=connector))


def test_rows_of_several_blocks() -> None:
    """Post cells are drawn in blocks of 2048; the second and third begin within a slice of a thread."""
    stored = _run("stored", WEIGHTS["uniform"], size=4500, connector=sim.FixedProbabilityConnector(0.01))
    drawn = _run("procedural", WEIGHTS["uniform"], size=4500, connector=sim.FixedProbabilityConnector(0.01), threads=2)
    _assert_same(stored, drawn)


def test_for_all_projections_by_setup_and_otherwise_for_one() -> None:
    sim.setup(connectivity="procedural")
    cells = sim.Population(10, sim.IF_curr_exp())
    with pytest.raises(CapabilityError, match="procedural.* needs"):
        sim.Projection(cells, cells, sim.OneToOneConnector())
    sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.5))
    stored = sim.Projection(cells, cells, sim.OneToOneConnector(), connectivity="stored")
    stored.set(weight=0.5)
    assert stored.get("weight", format="list", with_address=False) == [0.5] * 10
    sim.end()


def test_connections_take_no_memory() -> None:
    """25 million connections would take 300 MB with weights and delays of their own."""
    import tracemalloc

    sim.setup(timestep=0.1)
    cells = sim.Population(5000, sim.IF_curr_exp())
    weight = RandomDistribution("uniform", low=0.0, high=1e-6)
    small = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.01), connectivity="procedural")
    sim.run(0.1)
    tracemalloc.start()
    large = sim.Projection(
        cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=weight, delay=0.1), connectivity="procedural"
    )
    sim.run(0.1)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    sim.end()
    assert len(large) == 25_000_000 and abs(len(small) - 250_000) < 5 * 500
    assert kept < 2_000_000


def _projection(connector: Any = None, synapse: Any = None, pre: Any = slice(None), **options: Any) -> Any:
    cells = sim.Population(20, sim.IF_cond_exp(), label="cells")
    connector = sim.AllToAllConnector() if connector is None else connector
    return sim.Projection(cells[pre], cells, connector, synapse, connectivity="procedural", **options)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"connector": sim.FixedNumberPreConnector(3)}, CapabilityError, ["FixedNumberPreConnector", "'stored'"]),
        ({"connector": sim.FixedProbabilityConnector(0.1, rng=NumpyRNG(1))}, CapabilityError, ["without an rng"]),
        ({"connector": sim.AllToAllConnector(allow_self_connections="NoMutual")}, CapabilityError, ["'NoMutual'"]),
        ({"synapse": sim.TsodyksMarkramSynapse(weight=0.1)}, CapabilityError, ["static", "TsodyksMarkramSynapse"]),
        ({"synapse": sim.StaticSynapse(weight="0.1 * exp(-d)")}, CapabilityError, ["weight", "uniform_int"]),
        ({"synapse": sim.StaticSynapse(delay=RandomDistribution("gamma", k=2, theta=1))}, CapabilityError, ["delay"]),
        ({"pre": slice(0, 5)}, CapabilityError, ["whole population"]),
        ({"synapse": sim.StaticSynapse(weight=-0.1)}, InvalidWeightError, ["wrong sign"]),
        (
            {"synapse": sim.StaticSynapse(weight=RandomDistribution("normal", mu=0.1, sigma=1.0))},
            InvalidWeightError, ["wrong sign"],
        ),
        (
            {"synapse": sim.StaticSynapse(delay=RandomDistribution("uniform", low=-1.0, high=1.0))},
            InvalidDelayError, ["under the time step"],
        ),
        ({"native": True}, CapabilityError, ["native=True"]),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_again_says_so(
    arguments: dict[str, Any], error: type[Exception], words: list[str]
) -> None:
    sim.setup(timestep=0.1)
    with pytest.raises(error) as caught:
        _projection(**arguments)
    assert all(word in str(caught.value) for word in words)
    sim.end()


def test_a_value_that_is_drawn_again_cannot_be_set() -> None:
    sim.setup(timestep=0.1)
    projection = _projection()
    with pytest.raises(CapabilityError, match="weight cannot be set.*connectivity='stored'"):
        projection.set(weight=0.1)
    sim.end()


def test_delays_off_the_grid_are_rounded_with_one_warning() -> None:
    sim.setup(timestep=0.1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _projection(synapse=sim.StaticSynapse(delay=RandomDistribution("uniform", low=1.0, high=2.0)))
    assert [one.category for one in caught] == [RoundingWarning]
    sim.end()


@pytest.mark.parametrize("backend", [pyNN.nest, pyNN.mock], ids=["nest", "mock"])
def test_other_backends_say_that_they_store_connections(backend: Any) -> None:
    backend.setup(timestep=0.1)
    cells = backend.Population(5, backend.IF_cond_exp())
    backend.Projection(cells, cells, backend.AllToAllConnector(), connectivity="stored")
    with pytest.raises(CapabilityError, match="stores all connections"):
        backend.Projection(cells, cells, backend.AllToAllConnector(), connectivity="procedural")
    with pytest.raises(InvalidParameterValueError, match="'stored' or 'procedural'"):
        backend.Projection(cells, cells, backend.AllToAllConnector(), connectivity="lazy")
    backend.end()
