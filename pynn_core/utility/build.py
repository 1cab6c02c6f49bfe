"""Building of simulator extensions, which this package does not need; and finding and running of programs."""

from __future__ import annotations

from typing import NoReturn

from pyNN.core import find, run_command
from pyNN.errors import CapabilityError

__all__ = ["compile_nest_extensions", "compile_nmodl", "find", "run_command"]


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
