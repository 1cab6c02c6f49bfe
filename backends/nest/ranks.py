"""One network in NEST on several MPI ranks: which nodes are here, and what all ranks must do alike.

NEST puts node n on rank n modulo the number of ranks. Every rank makes the same nodes and synapse models in the same
order, and only the connections onto its own cells. NEST's own common operations wait for all ranks without a limit, and
some of them come unasked: after `Connect`, whatever asks for connections or for the kernel's status is one, on the
ranks that have connected something. So all ranks connect at the same moments, and `settle` follows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.backend import Settings
from pyNN.parallel import Communicator
from pyNN.specs import IntArray, PopulationSpec

_UNUSED = "pynn_unused"
"""A synapse model without connections."""
_RELAY = "parrot_neuron"


def placement(population: PopulationSpec, settings: Settings, comm: Communicator) -> IntArray:
    """Indices of the cells of a population that are on this rank: every n-th, as NEST deals out its nodes."""
    return np.arange((comm.rank - population.first_id) % comm.size, population.size, comm.size, dtype=np.int64)


class Ranks:
    """The ranks of a session; with a single one nothing is to be done. All ranks must call `align`, `connect_nothing`
    (or `nest.Connect`), `settle`, `largest` and `share` alike; the rest is local.
    """

    def __init__(self, nest: Any, comm: Communicator) -> None:
        self._nest = nest
        self.comm = comm
        self.rank = comm.rank
        self.size = comm.size

    @property
    def several(self) -> bool:
        return self.size > 1

    def begin(self) -> None:
        """To be called with an empty kernel."""
        if self.several:
            # NEST 3.10 delivers some compressed spikes twice on several ranks if connections are arranged repeatedly.
            self._nest.use_compressed_spikes = False
            self._nest.CopyModel("static_synapse", _UNUSED)
            self._nest.Create(_RELAY, 2)

    def align(self, first_id: int) -> None:
        """Let the next node be on the rank that `placement` says for the first cell of a population."""
        if self.several:
            missing = (first_id - 1 - int(self._nest.network_size)) % self.size
            if missing:
                self._nest.Create(_RELAY, missing)

    def here(self, nodes: IntArray) -> NDArray[np.bool_]:
        """For each node (its id) whether it is on this rank; generators and recorders are on all."""
        return np.asarray(nodes) % self.size == self.rank

    def own(self, nodes: Any, first_node: int) -> Any:
        """Those of neighbouring nodes, the first of which has the id `first_node`, that are here; None without any."""
        if not self.several:
            return nodes
        first = (self.rank - first_node) % self.size
        return nodes[first :: self.size] if first < len(nodes) else None

    def connect_nothing(self) -> None:
        """Take part in other ranks' connecting without a connection onto a cell of this rank."""
        if self.several:
            # NEST leaves a connection onto a node of another rank to that rank; the nodes are those of `begin`.
            elsewhere = np.array([2 if self.rank == 1 else 1], dtype=np.int64)
            spec = {"synapse_model": _UNUSED, "weight": np.ones(1), "delay": np.ones(1)}
            self._nest.Connect(elsewhere, elsewhere, "one_to_one", syn_spec=spec)

    def settle(self) -> None:
        """Let NEST arrange new connections, so that from here on a rank may ask for its own alone."""
        if self.several:
            self._nest.GetConnections(synapse_model=_UNUSED)

    def largest(self, *values: float) -> list[float]:
        """For each number the largest that any rank has."""
        if not self.several:
            return list(values)
        return [float(value) for value in self.comm.largest(values, "agreement on what NEST does next")]

    def share(self, columns: dict[str, Any]) -> dict[str, Any]:
        """Columns of the same names from all ranks, one after the other."""
        if not self.several:
            return columns
        everyone = self.comm.allgather(columns, "exchange of spikes that were recorded")
        return {name: np.concatenate([one[name] for one in everyone]) for name in columns}
