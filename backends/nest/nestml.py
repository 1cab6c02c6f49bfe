"""Cell and synapse types from NESTML descriptions.

NESTML is turned into C++ and compiled into a module that NEST loads. NEST from PyPI cannot have that: it comes without
headers, its nest-config names the compiler of the machine it was built on, and ResetKernel, which every setup() needs,
unloads modules.
"""

from __future__ import annotations

from typing import Any, NoReturn

from pyNN.errors import CapabilityError

__all__ = ["nestml_cell_type", "nestml_synapse_type"]


def nestml_cell_type(name: str, nestml_description: Any) -> NoReturn:
    """CapabilityError that says what NESTML needs, and how a new cell type is made without it."""
    raise CapabilityError(_sentence(f"the cell type '{name}'", "docs/add-a-cell-type.md"))


def nestml_synapse_type(
    synapse_name: str,
    nestml_description: Any,
    postsynaptic_neuron_nestml_description: Any = None,
    weight_variable: str = "w",
    delay_variable: str | None = None,
) -> NoReturn:
    """CapabilityError that says what NESTML needs."""
    raise CapabilityError(_sentence(f"the synapse type '{synapse_name}'", "docs/add-a-cell-type.md"))


def _sentence(what: str, page: str) -> str:
    return (
        f"NESTML cannot make {what} here: it compiles C++ against NEST, and NEST from PyPI has neither headers nor a "
        "usable nest-config, and forgets loaded modules at each setup(). It needs NEST built from source, PyNESTML and "
        f"a C++ compiler. Without them, give the equations in a class of your own for the backend 'reference' ({page})."
    )
