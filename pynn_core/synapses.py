"""The standard synapse types under the name that PyNN 0.6 has for their module; now pyNN.standardmodels.synapses."""

from __future__ import annotations

from typing import Any

from pyNN.compat import models
from pyNN.compat.table import deprecated
from pyNN.standardmodels import synapses


def __getattr__(name: str) -> Any:
    place = models if name in ("SynapseDynamics", "TsodyksMarkramMechanism") else synapses
    if name.startswith("__") or not hasattr(place, name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    deprecated("pyNN.synapses")
    return getattr(place, name)
