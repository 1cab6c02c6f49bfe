"""Building of simulator extensions, which this package does not need; and finding and running of programs."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from typing import NoReturn

from pyNN.errors import CapabilityError, SimulatorError


def compile_nmodl(mechanism_directory: str) -> NoReturn:
    """Raises CapabilityError: no backend here uses NMODL."""
    raise CapabilityError(
        f"NMODL files ('{mechanism_directory}') are compiled for NEURON, which is not a backend of this package. Write "
        "the model as equations of a cell type or synapse type instead; every backend understands those."
    )


def compile_nest_extensions(extension_directory: str, nest_build_dir: str = "_build") -> NoReturn:
    """Raises CapabilityError: the NEST adapter uses NEST's own models only."""
    raise CapabilityError(
        f"The NEST adapter needs no extension module, so '{extension_directory}' is not compiled. Leave this call out."
    )


def find(command: str) -> str | None:
    """The path of a program on PATH, or None."""
    return shutil.which(command)


def run_command(path: str, working_directory: str | os.PathLike[str]) -> tuple[int, list[str]]:
    """Run a command line in a folder: (exit code, lines of output). Raises SimulatorError if it cannot be started."""
    try:
        done = subprocess.run(
            shlex.split(path),
            cwd=working_directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as error:
        raise SimulatorError(f"'{path}' could not be started in '{os.fspath(working_directory)}': {error}.") from error
    return done.returncode, done.stdout.splitlines()
