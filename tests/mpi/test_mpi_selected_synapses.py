"""Connections from text, and views of connections, are the same on any number of MPI ranks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

SCRIPT = Path(__file__).parent / "scripts" / "selected_synapses.py"


def test_ranks_select_and_change_what_one_process_does(
    mpirun: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    alone = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False)
    shared = mpirun(2, SCRIPT.name)
    expected, found = (
        json.loads(next(line for line in run.stdout.splitlines() if line.startswith("{"))) for run in (alone, shared)
    )
    assert len(expected["rows 0"]) > 300 and found.keys() == expected.keys()
    assert not [name for name in expected if found[name] != expected[name]]
