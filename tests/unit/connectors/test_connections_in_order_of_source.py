"""Many connections are put in order of source before their values are drawn, which nobody can see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.connectors import ConnectionRequest, Connections, MapConnector, ordering
from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.specs import SourceTable

pytestmark = pytest.mark.filterwarnings("ignore:.*delays are rounded")
WEIGHT = RandomDistribution("uniform", low=0.1, high=0.6)
DELAY = RandomDistribution("uniform", low=0.1, high=4.0)


class Unordered(MapConnector):
    """A connector of somebody's own that does not sort what it makes."""

    def connections(self, request: ConnectionRequest) -> Connections:
        return Connections(np.array([5, 1, 5, 0], dtype=np.int32), np.array([2, 2, 1, 7], dtype=np.int32))


CONNECTORS = {
    "pre, with copies": lambda: sim.FixedNumberPreConnector(60, with_replacement=True),
    "pre": lambda: sim.FixedNumberPreConnector(20, rng=NumpyRNG(seed=7)),
    "post": lambda: sim.FixedNumberPostConnector(30, with_replacement=True),
    "total": lambda: sim.FixedTotalNumberConnector(3000),
    "probability": lambda: sim.FixedProbabilityConnector(0.3),
    "all": lambda: sim.AllToAllConnector(allow_self_connections=False),
    "list": lambda: sim.FromListConnector([(3, 1, 0.2, 1.0), (1, 1, 0.3, 0.5), (3, 1, 0.4, 2.0), (0, 59, 0.5, 1.5)]),
    "list of pairs": lambda: sim.FromListConnector([(3, 1), (1, 1), (3, 1), (0, 59)]),
    "own, not in order": Unordered,
    "none": lambda: sim.FixedProbabilityConnector(0.0),
}


def _found(connector: str, threads: int, weight: Any, delay: Any, weights: str = "float64") -> tuple[bool, list[Any]]:
    """Whether a table came in order of source; the connections, and the spikes and potentials of a run."""
    sim.setup(timestep=0.1, max_delay=10.0, threads=threads, rng_seed=3, weights=weights)
    cells = sim.Population(60, sim.IF_curr_exp(i_offset=RandomDistribution("uniform", low=0.7, high=1.3)))
    cells.record(["spikes", "v"])
    synapse = sim.StaticSynapse(weight=weight, delay=delay)
    connections = sim.Projection(cells, cells, CONNECTORS[connector](), synapse)
    by_source = isinstance(connections._spec.table.keeper, SourceTable)
    before = connections.get(["weight", "delay"], format="list")
    sim.run(60.0)
    after = connections.get(["weight", "delay"], format="list")
    segment = cells.get_data().segments[0]
    spikes = [np.asarray(train) for train in segment.spiketrains]
    found = [before, after, spikes, np.asarray(segment.analogsignals[0])]
    sim.end()
    return by_source, found


@pytest.mark.parametrize("connector", CONNECTORS)
@pytest.mark.parametrize(
    ("weight", "delay"), [(WEIGHT, DELAY), (WEIGHT, 1.5), (0.3, DELAY), ("0.2 + 0.001*d", "0.5 + 0.01*d"), (0.3, 1.5)]
)
def test_connections_and_results_are_the_same(
    monkeypatch: pytest.MonkeyPatch, connector: str, weight: Any, delay: Any
) -> None:
    by_source, expected = _found(connector, 1, weight, delay)
    assert by_source == (connector in ("probability", "all", "none"))
    monkeypatch.setattr(ordering, "WORTH_SORTING_FIRST", 0)
    by_source, found = _found(connector, 1, weight, delay)
    assert by_source == (connector not in ("list", "own, not in order"))
    for a, b in zip(found, expected, strict=True):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(one, other)


def test_only_values_of_a_pair_and_one_thread_are_in_order_of_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "WORTH_SORTING_FIRST", 0)
    several = np.linspace(0.1, 0.5, 60 * 60)
    assert _found("pre, with copies", 1, several, 1.5)[0] is False
    assert _found("pre, with copies", 2, WEIGHT, DELAY)[0] is False
    for a, b in zip(
        _found("pre, with copies", 1, WEIGHT, DELAY, "float32")[1][2:],
        _found("pre, with copies", 2, WEIGHT, DELAY, "float32")[1][2:],
        strict=True,
    ):
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(one, other)
