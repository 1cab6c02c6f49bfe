"""Whatever is drawn, two ranks give to the last bit what one process gives: networks, and sequences of calls.

PYNN_EXAMPLES multiplies how many are drawn. A seed that a failure names is drawn again with
``python tests/mpi/scripts/random_networks.py networks SEED 1``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FACTOR = int(os.environ.get("PYNN_EXAMPLES", "1"))
SCRIPT = Path(__file__).parent / "scripts" / "random_networks.py"


def lines(done: subprocess.CompletedProcess[str], number: int) -> list[dict[str, Any]]:
    """What rank 0 has printed: a line for each seed, and nothing else."""
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["seed"] for line in found] == list(range(number))
    return found


@pytest.mark.parametrize(("kind", "number"), [("networks", 24 * FACTOR), ("sessions", 6 * FACTOR)])
def test_two_ranks_give_what_one_process_gives(
    mpirun: Callable[..., subprocess.CompletedProcess[str]], kind: str, number: int
) -> None:
    of_ranks = lines(mpirun(2, SCRIPT.name, kind, 0, number, timeout=100.0 * FACTOR), number)
    command = [sys.executable, str(SCRIPT), kind, "0", str(number)]
    of_one = lines(subprocess.run(command, capture_output=True, text=True, check=False), number)
    for found, expected in zip(of_ranks, of_one, strict=True):
        assert found == expected
    if kind == "networks":
        # Not all of them are empty or silent, and there is something to refuse.
        assert sum(line["number of connections"] > 100 for line in of_one) > 3
        assert sum(line["number of spikes"] > 20 for line in of_one) > 8
        assert any(line["refusals"] for line in of_one)
        assert len({name for line in of_one for name in line["connectors"]}) == 15
    else:
        assert {"run", "reset", "record", "set_values", "set_one_cell"} <= {c for line in of_one for c in line["calls"]}
