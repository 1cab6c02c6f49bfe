"""What the MPI ranks of a simulation tell each other while it runs: spikes of cells, and states that synapses see.

Every rank gets the spikes of all. In an interval there is one message of a fixed length from each rank to all; only if
some rank has more spikes than fit does a second one follow, and from then on messages are longer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.parallel import Communicator, block_share
from pyNN.reference.world import CellGroup, Group, World
from pyNN.specs import IntArray

_FIRST_LENGTH = 64
_SPIKES, _POTENTIALS = "exchange of spikes", "exchange of states that synapses see"


class Exchange:
    """Messages between all ranks."""

    def __init__(self, comm: Communicator) -> None:
        self.comm = comm
        self._length = _FIRST_LENGTH
        self._everyone = np.zeros((comm.size, _FIRST_LENGTH), dtype=np.int64)
        self.places = np.zeros((comm.size, 2), dtype=np.int64)
        """Where the spikes of each rank begin and end in what has been received."""
        self.message = np.zeros(_FIRST_LENGTH, dtype=np.int64)
        """The own spikes, after their number."""
        self.seconds = 0.0
        """Spent on telling and waiting for others."""

    def make_room(self, spikes: int) -> None:
        """Let the message hold that many spikes."""
        if len(self.message) <= spikes:
            self.message = np.zeros(max(spikes + 1, self._length), dtype=np.int64)

    def spikes(self) -> IntArray:
        """The spikes in the messages of all ranks; `places` says where they are."""
        message = self.message
        self.comm.share_rows(message[: self._length], self._everyone, _SPIKES)
        counts = self._everyone[:, 0]
        largest = int(counts.max())
        if largest < self._length:
            self.places[:, 0] = self._length * np.arange(self.comm.size) + 1
            self.places[:, 1] = self.places[:, 0] + counts
            return self._everyone.reshape(-1)
        ends = np.cumsum(counts)
        self.places[:, 0], self.places[:, 1] = ends - counts, ends
        sizes = [int(count) for count in counts]
        received = np.zeros(int(ends[-1]), dtype=np.int64)
        self.comm.share_pieces(np.ascontiguousarray(message[1 : 1 + int(message[0])]), received, sizes, _SPIKES)
        # A quarter more than was needed, so that few intervals need a second message.
        self._length = 1 << (largest + largest // 4).bit_length()
        self._everyone = np.zeros((self.comm.size, self._length), dtype=np.int64)
        self.make_room(self._length - 1)
        return received

    def potentials(self, world: World) -> None:
        """Bring up to date the membrane potentials of coupled groups, and other states that synapses see."""
        seen = {(current.group.spec.id, "v"): current.group for current in world.coupled.values()} | world.watched
        for (_, state), group in sorted(seen.items(), key=lambda item: item[0]):
            values = group.row(state)
            everyone: NDArray[np.float64] = np.empty(group.size)
            shares = [self._share(group, rank) for rank in range(self.comm.size)]
            first, last = group.own
            own = np.ascontiguousarray(values[first:last])
            self.comm.share_pieces(own, everyone, [end - begin for begin, end in shares], _POTENTIALS)
            at = 0
            for begin, end in shares:
                if (begin, end) != group.own and self.comm.parts > 1:
                    values[begin:end] = everyone[at : at + end - begin]
                at += end - begin

    def _share(self, group: Group, rank: int) -> tuple[int, int]:
        return block_share(group.size, group.spec.first_id, rank, self.comm.size)

    def cells(self, group: CellGroup, cells: IntArray) -> IntArray:
        """All spiking cells of a group in a step, ascending; `cells` are the own ones."""
        found: list[Any] = self.comm.allgather(cells, _SPIKES)
        return np.sort(np.concatenate(found))
