"""Connections from a connection set of the Connection Set Algebra (Djurfeldt 2012, Neuroinformatics 10:287)."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from pyNN.connectors.base import ConnectionRequest, Connections, MapConnector
from pyNN.errors import ConnectorError, MissingPackageError


def _csa() -> Any:
    try:
        return importlib.import_module("csa")
    except ImportError as error:
        raise MissingPackageError(
            f"CSAConnector needs the package csa, which cannot be imported ({error}). Install it with: pip install csa"
        ) from error


class CSAConnector(MapConnector):
    """The connections of the connection set `cset`, made with the package csa.

    A set of arity 0 is a mask; one of arity 2 also gives weight and delay (ms) of each connection.
    """

    parameter_names = ("cset",)

    def __init__(
        self,
        cset: Any,
        location_selector: Any = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(location_selector, safe, callback)
        csa = _csa()
        if not isinstance(cset, (csa.connset.CSet, csa.connset.ConnectionSet)):
            raise ConnectorError(f"CSAConnector needs a connection set of the package csa, not {cset!r}.")
        self.cset = cset
        self.arity = int(csa.arity(cset))
        if self.arity not in (0, 2):
            raise ConnectorError(
                f"CSAConnector was given a connection set of arity {self.arity}; it must have arity 0 (who connects to "
                "whom) or 2 (also weight and delay)."
            )

    def connections(self, request: ConnectionRequest) -> Connections:
        if request.is_empty:
            return Connections.none()
        csa = _csa()
        finite = csa.cross(range(request.n_pre), range(request.n_post)) * self.cset
        rows = np.array([tuple(row) for row in finite], dtype=float).reshape(-1, 2 + self.arity)
        local = request.is_local[rows[:, 1].astype(np.int64)]
        rows = rows[local]
        names = ("weight", "delay") if self.arity == 2 else ()
        self._report(request, 1.0)
        return Connections.from_pairs(
            rows[:, 0], rows[:, 1], {name: rows[:, 2 + number] for number, name in enumerate(names)}
        )
