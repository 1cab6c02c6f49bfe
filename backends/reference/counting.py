"""Compiled code that draws how many spikes each Poisson source has in a step.

Only processes that compile import this module.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import carray, njit

from pyNN.compilation.pointers import integers, pointer
from pyNN.random.streams import MULTIPLIER_0, MULTIPLIER_1, ROUNDS, WEYL_0, WEYL_1
from pyNN.reference.layout import (
    CELLS_AT_ONCE,
    COUNT_ADDRESS,
    COUNT_ROWS,
    FIRST_CELL,
    GROUP_FIELDS,
    LAST_CELL,
    LIMIT_ADDRESS,
    LIMIT_ROW_ADDRESS,
    LIMIT_ROWS,
    LIMITS,
    RANDOM_KEY,
    SIZE,
    WORD_ADDRESS,
    WORD_BLOCK,
)


@njit(error_model="numpy")
def _draw_words(part, step):
    """Random numbers of a slice's sources for the four steps to which `step` belongs."""
    first, last = part[FIRST_CELL], part[LAST_CELL]
    words = carray(pointer(part[WORD_ADDRESS]), (4, last - first), np.uint32)
    low, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    key, ordinal = np.uint64(part[RANDOM_KEY]), np.uint64(step >> 2)
    words0, words1, words2, words3 = words[0], words[1], words[2], words[3]
    for i in range(last - first):
        # pyNN.random.compiled.philox, written out here because it is worked out for several cells at once then.
        row = np.uint64(first + i)
        c0, c1, c2, c3 = ordinal & low, ordinal >> shift, row & low, row >> shift
        k0, k1 = key & low, key >> shift
        for _ in range(ROUNDS):
            p0 = c0 * np.uint64(MULTIPLIER_0)
            p1 = c2 * np.uint64(MULTIPLIER_1)
            c0 = (p1 >> shift) ^ c1 ^ k0
            c2 = (p0 >> shift) ^ c3 ^ k1
            c1 = p1 & low
            c3 = p0 & low
            k0 = (k0 + np.uint64(WEYL_0)) & low
            k1 = (k1 + np.uint64(WEYL_1)) & low
        words0[i], words1[i], words2[i], words3[i] = c0, c1, c2, c3
    part[WORD_BLOCK] = step >> 2


@njit(error_model="numpy")
def _count(words, limits, counts):
    """How many limits each word reaches, for pieces of the cells that stay in the innermost cache.

    Most limits are reached by so few words that there is none of them in a piece.
    """
    for begin in range(0, counts.shape[0], CELLS_AT_ONCE):
        end = min(begin + CELLS_AT_ONCE, counts.shape[0])
        own, found = words[begin:end], counts[begin:end]
        largest = np.uint32(0)
        for i in range(found.shape[0]):
            largest = max(largest, own[i])
        found[:] = 0
        k = 0
        # Two at a time, for half as many reads and writes.
        while k + 1 < limits.shape[0] and limits[k + 1] <= largest:
            low, high = np.uint32(limits[k]), np.uint32(limits[k + 1])
            for i in range(found.shape[0]):
                found[i] += np.uint32(own[i] >= low) + np.uint32(own[i] >= high)
            k += 2
        if k < limits.shape[0] and limits[k] <= largest:
            limit = np.uint32(limits[k])
            for i in range(found.shape[0]):
                found[i] += np.uint32(own[i] >= limit)


@njit(error_model="numpy")
def draw(address, first_step, steps):
    """Numbers of spikes of a slice's sources in the steps after `first_step`."""
    part = integers(address, GROUP_FIELDS)
    size, first, last = part[SIZE], part[FIRST_CELL], part[LAST_CELL]
    limits = carray(pointer(part[LIMIT_ADDRESS]), (part[LIMIT_ROWS], part[LIMITS]), np.int64)
    rows = carray(pointer(part[LIMIT_ROW_ADDRESS]), (size,), np.int32)
    words = carray(pointer(part[WORD_ADDRESS]), (4, last - first), np.uint32)
    counts = carray(pointer(part[COUNT_ADDRESS]), (part[COUNT_ROWS], size), np.uint32)
    for step in range(first_step + 1, first_step + 1 + steps):
        if part[WORD_BLOCK] != step >> 2:
            _draw_words(part, step)
        drawn = words[step & 3]
        found = counts[step % part[COUNT_ROWS]][first:last]
        if limits.shape[0] == 1:
            _count(drawn, limits[0], found)
            continue
        for i in range(last - first):
            own = limits[rows[first + i]]
            k = 0
            while k < own.shape[0] and np.int64(drawn[i]) >= own[k]:
                k += 1
            found[i] = k
    return 0
