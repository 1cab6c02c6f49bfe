"""Compiled code that takes events out of bins, and gives full ones more room: see pyNN.reference.bins.

Only processes that compile import this module.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import carray, njit

from pyNN.compilation.pointers import floats, integers, pointer
from pyNN.reference.layout import (
    BINS_ADDRESS,
    BINS_BITS,
    BINS_BLOCKS,
    BINS_CHUNKS,
    BINS_END_ADDRESS,
    BINS_EVENT_ADDRESS,
    BINS_FIELDS,
    BINS_FIRST_ADDRESS,
    BINS_FLUSHED,
    BINS_FREE,
    BINS_FREE_ADDRESS,
    BINS_INPUT_ADDRESS,
    BINS_NEXT_ADDRESS,
    EVENT_BYTES,
    EVENTS_A_CHUNK,
    FIRST_CELL,
    GROUP_FIELDS,
    HOME,
    INPUT_ADDRESS,
    LAST_CELL,
    RECEPTOR_STRIDE,
    RECEPTORS,
    RING_ADDRESS,
    SIZE,
    SLOTS,
)

_EVENT = np.dtype(
    {"names": ["weight", "place"], "formats": [np.float64, np.uint16], "offsets": [0, 8], "itemsize": EVENT_BYTES}
)
"""Both in one line of memory; `place` is receptor << BINS_BITS, and the cell of the block."""


@njit
def numbers(address, size):
    """An array of int32."""
    return carray(pointer(address), (size,), np.int32)


@njit
def events(address, size):
    """An array of events."""
    return carray(pointer(address), (size,), _EVENT)


@njit(error_model="numpy")
def _exchange_with_ring(group, bins, slot, block, is_in):
    """Have what the ring holds for a block in the block's input; or the other way round."""
    begin = group[FIRST_CELL] + (block << bins[BINS_BITS])
    size = min(1 << bins[BINS_BITS], group[LAST_CELL] - begin)
    for receptor in range(group[RECEPTORS]):
        row = (slot * group[RECEPTORS] + receptor) * group[SIZE] + begin
        ring = floats(group[RING_ADDRESS] + 8 * row, size)
        arrived = floats(bins[BINS_INPUT_ADDRESS] + 8 * receptor * group[RECEPTOR_STRIDE], size)
        source, target = (ring, arrived) if is_in else (arrived, ring)
        for cell in range(size):
            # Memory that was never written to takes no room.
            if source[cell] != 0.0:
                target[cell] = source[cell]
                source[cell] = 0.0


@njit(error_model="numpy")
def _empty(group, bins, number):
    """Add the events in a bin to its block's input, in the order in which they came."""
    bins_of_all = group[SLOTS] * bins[BINS_BLOCKS]
    ends, firsts = numbers(bins[BINS_END_ADDRESS], bins_of_all), numbers(bins[BINS_FIRST_ADDRESS], bins_of_all)
    following = numbers(bins[BINS_NEXT_ADDRESS], bins[BINS_CHUNKS])
    free = numbers(bins[BINS_FREE_ADDRESS], bins[BINS_CHUNKS])
    arrived = floats(bins[BINS_INPUT_ADDRESS], group[RECEPTORS] * group[RECEPTOR_STRIDE])
    bits, stride = np.uint64(bins[BINS_BITS]), np.uint64(group[RECEPTOR_STRIDE])
    mask = (np.uint64(1) << bits) - np.uint64(1)
    chunk = np.int64(firsts[number])
    while True:
        begin = chunk * EVENTS_A_CHUNK
        after = np.int64(following[chunk])
        size = EVENTS_A_CHUNK if after >= 0 else np.int64(ends[number]) - begin
        found = events(bins[BINS_EVENT_ADDRESS] + EVENT_BYTES * begin, size)
        for k in range(np.uint64(size)):
            place = np.uint64(found[k].place)
            arrived[(place >> bits) * stride + (place & mask)] += found[k].weight
        if after < 0:
            break
        free[bins[BINS_FREE]] = chunk
        bins[BINS_FREE] += 1
        chunk = after
    firsts[number], ends[number] = chunk, chunk * EVENTS_A_CHUNK


@njit(error_model="numpy")
def bring_input(group, step, begin):
    """Have the input of the cells from `begin` on in place, if a block begins with them."""
    bins = integers(group[BINS_ADDRESS], BINS_FIELDS)
    block, slot = (begin - group[FIRST_CELL]) >> bins[BINS_BITS], step & (group[SLOTS] - 1)
    if group[FIRST_CELL] + (block << bins[BINS_BITS]) != begin:
        return
    if step <= bins[BINS_FLUSHED]:
        _exchange_with_ring(group, bins, slot, block, True)
    _empty(group, bins, slot * bins[BINS_BLOCKS] + block)
    group[INPUT_ADDRESS] = bins[BINS_INPUT_ADDRESS] - 8 * begin
    group[HOME] = begin


@njit(error_model="numpy")
def flush(address, step, unused):
    """Bring all events that bins of some cells hold after a step into the ring."""
    group = integers(address, GROUP_FIELDS)
    bins = integers(group[BINS_ADDRESS], BINS_FIELDS)
    ends = numbers(bins[BINS_END_ADDRESS], group[SLOTS] * bins[BINS_BLOCKS])
    firsts = numbers(bins[BINS_FIRST_ADDRESS], group[SLOTS] * bins[BINS_BLOCKS])
    found = False
    for slot in range(group[SLOTS]):
        for block in range(bins[BINS_BLOCKS]):
            number = slot * bins[BINS_BLOCKS] + block
            if np.int64(ends[number]) != np.int64(firsts[number]) * EVENTS_A_CHUNK:
                _exchange_with_ring(group, bins, slot, block, True)
                _empty(group, bins, number)
                _exchange_with_ring(group, bins, slot, block, False)
                found = True
    if found:
        bins[BINS_FLUSHED] = step + group[SLOTS]
    return 0


@njit(error_model="numpy")
def make_room(address, number, step):
    """Give a bin whose last chunk is full another one. If there is none, everything goes to the ring."""
    group = integers(address, GROUP_FIELDS)
    bins = integers(group[BINS_ADDRESS], BINS_FIELDS)
    if bins[BINS_FREE] == 0:
        flush(address, step, 0)
        return
    ends = numbers(bins[BINS_END_ADDRESS], group[SLOTS] * bins[BINS_BLOCKS])
    following = numbers(bins[BINS_NEXT_ADDRESS], bins[BINS_CHUNKS])
    free = numbers(bins[BINS_FREE_ADDRESS], bins[BINS_CHUNKS])
    bins[BINS_FREE] -= 1
    chunk = np.int64(free[bins[BINS_FREE]])
    following[np.int64(ends[number]) // EVENTS_A_CHUNK - 1] = chunk
    following[chunk] = -1
    ends[number] = chunk * EVENTS_A_CHUNK
