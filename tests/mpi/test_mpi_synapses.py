"""Synapses that see their cells give the same to the last bit on any number of ranks and threads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "scripts" / "seen_cells.py"


def results(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(next(line for line in run.stdout.splitlines() if line.startswith("{")))


@pytest.mark.parametrize(("ranks", "threads", "engine"), [(3, 2, "numba"), (2, 1, "numpy")])
def test_what_synapses_see_of_other_ranks_is_what_it_is_there(
    mpirun: Callable[..., subprocess.CompletedProcess[str]], ranks: int, threads: int, engine: str
) -> None:
    alone = subprocess.run([sys.executable, str(SCRIPT), engine, "1"], capture_output=True, text=True, check=False)
    expected, found = results(alone), results(mpirun(ranks, SCRIPT.name, engine, threads))
    assert expected["spikes"][0] > 30
    assert [name for name in expected if found[name] != expected[name]] == []


def test_synapses_that_go_on_in_every_step_are_restored_on_another_number_of_ranks(
    mpirun: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """With what they have seen under way: delays of 0.3 to 2.3 ms, states, random numbers, recorded weights."""

    def alone(*arguments: object) -> dict[str, Any]:
        own = [sys.executable, str(SCRIPT), "numba", "1", *map(str, arguments)]
        return results(subprocess.run(own, capture_output=True, text=True, check=False))

    one, two = tmp_path / "one.h5", tmp_path / "two.h5"
    expected = alone()
    assert len(set(expected["recorded weights"])) > 1000
    assert results(mpirun(2, SCRIPT.name, "numba", 1, "save", two)) == expected
    assert alone("restore", two) == expected
    assert alone("save", one) == expected
    assert results(mpirun(2, SCRIPT.name, "numba", 1, "restore", one)) == expected
