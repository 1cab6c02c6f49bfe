"""The shares of all ranks, built one after the other in a single process, are the whole network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pyNN.mock
import pyNN.reference
from pyNN.core import IndexBasedExpression
from pyNN.errors import InvalidParameterValueError
from pyNN.random import NumpyRNG, RandomDistribution

PRE = POST = 200
pytestmark = pytest.mark.filterwarnings("ignore:A dry run")
CONNECTORS: dict[str, Callable[[Any], Any]] = {
    "AllToAll": lambda sim: sim.AllToAllConnector(allow_self_connections=False),
    "OneToOne": lambda sim: sim.OneToOneConnector(),
    "FixedProbability": lambda sim: sim.FixedProbabilityConnector(0.2),
    "FixedProbability, rng": lambda sim: sim.FixedProbabilityConnector(0.2, rng=NumpyRNG(5)),
    "FixedTotalNumber": lambda sim: sim.FixedTotalNumberConnector(900),
    "FixedTotalNumber, rng": lambda sim: sim.FixedTotalNumberConnector(900, rng=NumpyRNG(5)),
    "FixedNumberPre": lambda sim: sim.FixedNumberPreConnector(7, with_replacement=True),
    "FixedNumberPre, rng": lambda sim: sim.FixedNumberPreConnector(7, rng=NumpyRNG(5)),
    "FixedNumberPost": lambda sim: sim.FixedNumberPostConnector(9),
    "FixedNumberPost, rng": lambda sim: sim.FixedNumberPostConnector(9, rng=NumpyRNG(5)),
    "DistanceDependent": lambda sim: sim.DistanceDependentProbabilityConnector("exp(-d/30)"),
    "SmallWorld": lambda sim: sim.SmallWorldConnector(degree=3.0, rewiring=0.2),
    "IndexBased": lambda sim: sim.IndexBasedProbabilityConnector(_Stripes()),
    "FromList": lambda sim: sim.FromListConnector([(i % PRE, 3 * i % POST, 0.1 + 0.001 * i, 1.0) for i in range(300)]),
    "Array": lambda sim: sim.ArrayConnector(np.arange(PRE * POST).reshape(PRE, POST) % 7 == 0),
}


class _Stripes(IndexBasedExpression):
    def __call__(self, i: Any, j: Any) -> Any:
        return ((i + j) % 5) / 8.0


def share(make: Callable[[Any], Any], rank: int, ranks: int) -> np.ndarray:
    """Rows (pre, post, weight, delay) of one rank, or of the whole network."""
    sim = pyNN.reference
    given = {"rank": rank, "num_processes": ranks} if ranks > 1 else {}
    sim.setup(timestep=0.1, engine="numpy", **given)
    pre = sim.Population(PRE, sim.IF_curr_exp())
    post = sim.Population(POST, sim.IF_curr_exp())
    weight = RandomDistribution("normal", mu=0.5, sigma=0.01)
    delay = RandomDistribution("uniform_int", low=1, high=9)
    projection = sim.Projection(pre, post, make(sim), sim.StaticSynapse(weight=weight, delay=delay))
    assert projection.size(gather=False) == len(projection)
    rows = np.array(projection.get(["weight", "delay"], "list", gather=False)).reshape(-1, 4)
    local = np.flatnonzero(post._mask_local)
    assert np.isin(rows[:, 1], local).all()
    return rows


@pytest.mark.parametrize("name", CONNECTORS)
def test_shares_of_all_ranks_are_the_whole_projection(name: str) -> None:
    whole = share(CONNECTORS[name], 0, 1)
    assert len(whole)
    shares = [share(CONNECTORS[name], rank, 3) for rank in range(3)]
    joined = np.concatenate(shares)
    np.testing.assert_array_equal(joined[np.argsort(joined[:, 1], kind="stable")], whole)


def test_a_dry_run_says_that_its_results_have_no_meaning() -> None:
    sim = pyNN.reference
    with pytest.warns(UserWarning, match="share of rank 3 of 1024"):
        sim.setup(rank=3, num_processes=1024, engine="numpy")
    assert (sim.rank(), sim.num_processes()) == (3, 1024)
    cells = sim.Population(100_000, sim.IF_curr_exp())
    assert [cells.local_size, cells.local_cells[0]] == [128, 64 * 5]  # of 1563 blocks
    cells.record("v")
    sim.run(0.2)
    (signal,) = cells.get_data().segments[0].analogsignals
    assert signal.shape == (3, 128)
    sim.end()


def test_a_rank_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidParameterValueError, match="possible are 0 to 3"):
        pyNN.reference.setup(rank=4, num_processes=4)


@pytest.mark.parametrize("rank", [0, 1])
def test_the_mock_backend_has_the_same_shares(rank: int) -> None:
    local = []
    for sim in (pyNN.mock, pyNN.reference):
        sim.setup(rank=rank, num_processes=2)
        local.append(np.array(sim.Population(130, sim.IF_curr_exp()).local_cells).tolist())
    assert local[0] == local[1]
