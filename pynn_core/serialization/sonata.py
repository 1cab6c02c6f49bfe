"""SONATA, the Scalable Open Network Architecture TemplAte: Dai et al. 2020, PLoS Comput Biol 16:e1007696.

Under the names that PyNN 0.13 has for it; the modules beside this one do the work.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from pyNN.network import Network
from pyNN.parameters import Sequence
from pyNN.serialization.circuit import (
    EdgeGroup,
    EdgePopulation,
    NodeGroup,
    NodePopulation,
    import_from_sonata,
    sonata_id_to_index,
)
from pyNN.serialization.container import MAGIC, asciify, cast, condense, load_config, read_types_file, to_string
from pyNN.serialization.exporting import export_to_sonata
from pyNN.serialization.plan import SimulationPlan, load_sonata_simulation_plan
from pyNN.serialization.results import SonataIO

__all__ = [
    "MAGIC",
    "EdgeGroup",
    "EdgePopulation",
    "Network",
    "NodeGroup",
    "NodePopulation",
    "Sequence",
    "SimulationPlan",
    "SonataIO",
    "asciify",
    "cast",
    "condense",
    "export_to_sonata",
    "import_from_sonata",
    "load_config",
    "load_sonata_simulation_plan",
    "read_types_file",
    "sonata_id_to_index",
    "to_string",
]


def __getattr__(name: str) -> Any:
    if name == "HAVE_H5PY":
        return importlib.util.find_spec("h5py") is not None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
