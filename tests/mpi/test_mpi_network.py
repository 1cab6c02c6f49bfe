"""Results do not depend on how many MPI ranks and threads work on a network, to the last bit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from pyNN.parallel import block_share

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def results(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert run.returncode == 0, run.stderr[-3000:]
    lines = [line for line in run.stdout.splitlines() if line.startswith("{")]
    assert len(lines) == 1, "rank 0 alone prints"
    return json.loads(lines[0])


@pytest.fixture(scope="module")
def of_one_process() -> Callable[[str], dict[str, Any]]:
    """The results of a process that knows nothing of MPI, by engine."""
    from pathlib import Path

    found: dict[str, dict[str, Any]] = {}

    def get(engine: str) -> dict[str, Any]:
        if engine not in found:
            script = Path(__file__).parent / "scripts" / "network.py"
            command = [sys.executable, str(script), engine, "1"]
            found[engine] = results(subprocess.run(command, capture_output=True, text=True, check=False))
        return found[engine]

    return get


@pytest.mark.parametrize(
    ("ranks", "threads", "engine"),
    [(1, 1, "numba"), (2, 1, "numba"), (2, 2, "numba"), (3, 1, "numba"), (4, 2, "numba"), (9, 1, "numba"),
     (3, 1, "numpy")],
)  # fmt: skip
def test_every_result_is_the_same_to_the_last_bit(
    mpirun: Run, of_one_process: Callable[[str], dict[str, Any]], ranks: int, threads: int, engine: str
) -> None:
    # 9 ranks: more than the populations have blocks of cells, so that some ranks have no cells at all of most of them.
    found = results(mpirun(ranks, "network.py", engine, threads))
    expected = of_one_process(engine)
    different = [name for name in expected if found[name] != expected[name]]
    assert not different
    assert found["counts"][-1] > 200, "cells must spike for the comparison to mean something"


def test_connections_in_bundles_and_events_in_bins_give_the_same_to_the_last_bit(mpirun: Run) -> None:
    expected = results(mpirun(1, "kept.py", 1, "neither"))
    assert not expected.pop("bundles") and not expected.pop("bins") and int(expected["count"]) > 300
    kinds = [(1, 2, "bundles"), (2, 1, "bundles"), (3, 2, "bundles"), (2, 1, "bins"), (3, 2, "bins")]
    for ranks, threads, kept in kinds:
        found = results(mpirun(ranks, "kept.py", threads, kept))
        assert [name for name in ("bundles", "bins") if found.pop(name)] == [kept]
        assert [name for name in expected if found[name] != expected[name]] == []


@pytest.mark.parametrize("ranks", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1000])
@pytest.mark.parametrize("first_id", [0, 64, 130, 6400])
def test_shares_are_disjoint_blocks_that_make_up_the_population(size: int, first_id: int, ranks: int) -> None:
    shares = [block_share(size, first_id, rank, ranks) for rank in range(ranks)]
    cells = sorted(cell for first, last in shares for cell in range(first, last))
    assert cells == list(range(size))
    assert all(first % 64 == 0 or first == last for first, last in shares)
    lengths = [last - first for first, last in shares]
    assert max(lengths) - min(lengths) <= 64 + 63


def test_small_populations_are_spread_over_ranks() -> None:
    owners = [next(rank for rank in range(4) if length(block_share(64, 64 * k, rank, 4))) for k in range(8)]
    assert owners == [0, 1, 2, 3, 0, 1, 2, 3]


def length(share: tuple[int, int]) -> int:
    return share[1] - share[0]
