"""Runs scripts under a real mpirun."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent / "scripts"


def _launcher() -> str:
    """The mpirun of this environment, or another that there is."""
    own = Path(sys.executable).parent / "mpirun"
    return str(own) if own.exists() else shutil.which("mpirun") or ""


@pytest.fixture(scope="session")
def mpirun_command() -> list[str]:
    """mpirun with what it needs on a single machine; tests are skipped where there is no MPI."""
    pytest.importorskip("mpi4py", reason="mpi4py is not installed")
    launcher = _launcher()
    if not launcher:
        pytest.skip("there is no mpirun")
    return [launcher, "--allow-run-as-root", "--oversubscribe"]


@pytest.fixture(scope="session")
def mpirun(mpirun_command: list[str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """mpirun(ranks, script, *arguments, timeout=...) -> what became of it."""

    def run(ranks: int, script: str, *arguments: object, timeout: float = 100.0, **environment: str) -> (
        subprocess.CompletedProcess[str]
    ):
        command = [*mpirun_command, "-n", str(ranks), sys.executable]
        return subprocess.run(
            [*command, str(SCRIPTS / script), *map(str, arguments)],
            env={**os.environ, **environment}, capture_output=True, text=True, errors="replace", timeout=timeout,
            check=False,
        )

    return run
