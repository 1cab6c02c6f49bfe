"""Events on their way to many cells, in the order in which they are needed: by step of arrival, then by block of cells.

Where delays differ, a spike changes the input of every target cell in another step. With 100,000 cells and more, and
few connections each, nearly all these numbers are somewhere else in main memory, and each event brings a line of it
there and back. So instead an event is appended to the bin of its step and of the block of cells that its target is in:
ten bytes, next to others. Just before a block is updated what is in its bin of the step is added up, in the caches.

Sums are the same to the last bit, as events are added up in the order in which they would have been added to the ring.
The ring takes over if there is no room for more events, and when somebody wants to see what is on its way.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.reference import layout
from pyNN.reference.world import CellGroup, Route, World

WORTH_BINNING = 1 << 21
"""Bytes of input on its way to the cells of a slice from which on it pays."""
FEWEST_CELLS = 1 << 12
"""Of fewer cells in a slice too few events are in a bin for others to profit from the line of memory."""
ROOM = 0.8
"""Events that there is room for, to a number of the ring: as much memory as that takes. What is not used takes none."""
LARGEST_BLOCK = 1 << 15
"""Cells whose input is in a processor's own cache together."""
PLACES = 1 << 16
"""Numbers of input in a block, for which there are 16 bits. Cells that are updated together are in one block."""
MOST_CHUNKS = (1 << 31) // layout.EVENTS_A_CHUNK - 1


def binned(world: World, number: int, group: CellGroup, cells: int) -> bool:
    """Whether the events for the cells of a slice of a group should go to bins.

    All do, or none does: otherwise weights would be added up in another order. The tables are not in bundles.
    """
    if cells < FEWEST_CELLS or len(group.analysis.receptors) * layout.CELLS_AT_ONCE > PLACES:
        return False
    if any(part.target is group for synapses in world.ruled for part in synapses.parts):
        return False
    routes = [r for r in world.routes if r.target is group and r.slice_number == number and r.has_connections]
    if not routes or not all(can_be_binned(route) for route in routes):
        return False
    spread = max(r.largest_delay for r in routes) - min(r.smallest_delay for r in routes) + 1
    return 8 * cells * spread * len({route.receptor for route in routes}) >= WORTH_BINNING


def can_be_binned(route: Route) -> bool:
    """Whether connections are stored, in order of source, and spikes are listed one by one."""
    return route.rows is not None and not route.is_counted


class Bins:
    """The bins of the cells of a slice of a group, and their record; `step` is that which has been reached."""

    def __init__(self, group: CellGroup, cells: int, step: int) -> None:
        slots, receptors, size = group.ring.shape
        bits = min(LARGEST_BLOCK, PLACES >> (receptors - 1).bit_length()).bit_length() - 1
        blocks = -(-cells >> bits)
        chunks = min(slots * blocks + 1 + int(ROOM * slots * cells) // layout.EVENTS_A_CHUNK, MOST_CHUNKS)
        first = np.arange(slots * blocks, dtype=np.int32)
        following = np.full(chunks, -1, dtype=np.int32)
        free = np.arange(chunks - 1, slots * blocks - 1, -1, dtype=np.int32)
        # Kernels see rows that are as long as the group.
        self._input = np.zeros((receptors, max(size, 1 << bits)))
        columns: tuple[tuple[int, NDArray[Any]], ...] = (
            (layout.BINS_FIRST_ADDRESS, first),
            (layout.BINS_END_ADDRESS, first * np.int32(layout.EVENTS_A_CHUNK)),
            (layout.BINS_NEXT_ADDRESS, following),
            (layout.BINS_FREE_ADDRESS, np.concatenate([free, first])),
            (layout.BINS_EVENT_ADDRESS, np.empty(chunks * layout.EVENTS_A_CHUNK * layout.EVENT_BYTES, dtype=np.uint8)),
            (layout.BINS_INPUT_ADDRESS, self._input),
        )
        self._columns = [column for _, column in columns]
        self.record = np.zeros(layout.BINS_FIELDS, dtype=np.int64)
        for field, column in columns:
            self.record[field] = column.ctypes.data
        self.record[layout.BINS_BLOCKS], self.record[layout.BINS_BITS] = blocks, bits
        self.record[layout.BINS_FREE], self.record[layout.BINS_CHUNKS] = len(free), chunks
        # At the beginning there is nothing in the ring, which takes no memory as long as nobody looks.
        self.record[layout.BINS_FLUSHED] = step + slots if step > 0 else 0

    def describe(self, part: NDArray[np.int64]) -> None:
        """Have the record of a slice's cells refer to their bins."""
        part[layout.BINS_ADDRESS] = self.record.ctypes.data
        part[layout.INPUT_SLOTS], part[layout.SLOT_STRIDE] = 1, 0
        part[layout.RECEPTOR_STRIDE] = self._input.shape[1]
