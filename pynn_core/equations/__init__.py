"""Models as equations: their language, unit check, analysis, and the kernels that are made from them.

    language    text -> syntax trees, with a white list and errors that point at the place
    dimensions  units of expressions; factors that make numbers coherent
    arrays      array-valued parameters and states -> one of each element
    analysis    which states are linear and solved exactly, coefficients, increments, reset
    extended    the analysis of what is not equations, threshold and reset: noise, events, assignments ...
    methods     Runge-Kutta tableaux
    program     what an update consists of
    refinement  one step of the nonlinear states, repeated in sub-steps where it is not precise enough
    explicit    Runge-Kutta methods of a user's own
    fixed       one step of fixed length, perhaps with noise
    lockstep    adaptive sub-steps that many cells take side by side
    functions   what the expressions of kernels call
    outcome     what an update tells
    kernels     analysis -> source text of an update, in NumPy or for Numba
    propagators the numbers in a kernel, from parameters
    store       analyses and modules on disk
    celltype    cell types of scripts
    synapsetype synapse types of scripts
    userfunctions  Python functions in models
    report      which method a variable has, and why
    rendering   models as text, LaTeX and HTML

SymPy is imported only when a model is analysed for the first time on a machine.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyNN.equations.annarchy import Neuron as Neuron
    from pyNN.equations.annarchy_synapse import Synapse as Synapse
    from pyNN.equations.celltype import CellType as CellType
    from pyNN.equations.celltype import timed_array as TimedArray  # noqa: F401
    from pyNN.equations.explicit import explicit_method as explicit_method
    from pyNN.equations.synapsetype import SynapseType as SynapseType
    from pyNN.equations.userfunctions import function as function
    from pyNN.models import Event as Event
    from pyNN.models import Parameter as Parameter
    from pyNN.models import Receptor as Receptor

_NAMES = {
    "CellType": ("pyNN.equations.celltype", "CellType"),
    "Neuron": ("pyNN.equations.annarchy", "Neuron"),
    "Synapse": ("pyNN.equations.annarchy_synapse", "Synapse"),
    "SynapseType": ("pyNN.equations.synapsetype", "SynapseType"),
    "TimedArray": ("pyNN.equations.celltype", "timed_array"),
    "explicit_method": ("pyNN.equations.explicit", "explicit_method"),
    "function": ("pyNN.equations.userfunctions", "function"),
    "Event": ("pyNN.models", "Event"),
    "Parameter": ("pyNN.models", "Parameter"),
    "Receptor": ("pyNN.models", "Receptor"),
}


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _NAMES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_NAMES])
