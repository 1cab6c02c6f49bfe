"""The standard cell types under the name that PyNN 0.6 has for their module; now pyNN.standardmodels.cells."""

from __future__ import annotations

from typing import Any

from pyNN.compat.table import deprecated
from pyNN.standardmodels import cells


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(cells, name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    deprecated("pyNN.cells")
    return getattr(cells, name)
