"""Compiled loops of the random connectors. Each gives the same connections as its NumPy version in `draws`.

Only processes that compile import this module.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from pyNN.connectors.draws import MORE_SKIPS, POSTS_A_BLOCK
from pyNN.random.compiled import log, uniform, uniform_inlined

_ONE, _58, _63 = np.uint64(1), np.uint64(58), np.uint64(63)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT_OF = np.zeros(64, dtype=np.int64)
_BIT_OF[[((1 << bit) * 0x03F79D71B4CB0A89 & 0xFFFFFFFFFFFFFFFF) >> 58 for bit in range(64)]] = np.arange(64)
_SCAN_RATIO = 8
"""A set of bits is scanned word by word, unless it is sparser than one in this many: then its members are sorted.

It is more than 6, so that there is room for sorting in that for half of the columns.
"""


@njit(error_model="numpy")
def _draw_skips(
    key: Any, row: Any, first: int, factor: float, number: int, uniforms: Any, skips: Any
) -> None:  # pragma: no cover - compiled
    """The cells skipped before each of some hits of a row, from that with the uniform number `first` on.

    Loops without branches use the vector unit.
    """
    for k in range(number):
        uniforms[k] = uniform_inlined(key, row, first + k)
    for k in range(number):
        skips[k] = int(min(log(1.0 - uniforms[k]) * factor, float(POSTS_A_BLOCK)))


@njit(error_model="numpy")
def draw_block(
    key: Any, row: Any, block: int, width: int, factor: float, uniforms: Any, skips: Any, hits: Any
) -> int:  # pragma: no cover - compiled
    """Fill `hits` with the post cells of a pre cell from `block` to `block` + `width` - 1; how many there are.

    `factor` is draws.skip_factor(p), 0 where all are hit; `uniforms` and `skips` are working memory.
    """
    if factor == 0.0:
        for k in range(width):
            hits[k] = block + k
        return width
    filled = 0
    position = 0
    ordinal = 2 * block
    number = skips.size
    while True:
        _draw_skips(key, row, ordinal, factor, number, uniforms, skips)
        for k in range(number):
            position += skips[k]
            if position >= width:
                return filled
            hits[filled] = block + position
            filled += 1
            position += 1
        if position >= width:
            return filled
        ordinal += number
        # The first draw is of about as many as there are in most rows.
        number = min(number, MORE_SKIPS)


@njit(error_model="numpy")
def draw_rows(
    key: Any, forbidden: Any, size: int, first: int, last: int, factor: float, uniforms: Any, skips: Any, columns: Any,
    starts: Any, done: Any,
) -> None:  # fmt: skip  # pragma: no cover - compiled
    """Fill `columns` with the post cells first to last - 1 of the pre cells from done[0] on; starts[i + 1] gets an end.

    Ends count from done[1]. Stops before a row that may not fit: `done` is then (its pre cell, the end of the last).
    """
    begin = done[1]
    filled = 0
    for pre in range(done[0], starts.size - 1):
        if columns.size - filled < last - first + POSTS_A_BLOCK:
            done[0], done[1] = pre, begin + filled
            return
        for block in range(first - first % POSTS_A_BLOCK, last, POSTS_A_BLOCK):
            width = min(POSTS_A_BLOCK, size - block)
            hits = columns[filled:]
            number = draw_block(key, pre, block, width, factor, uniforms, skips, hits)
            if block >= first and block + width <= last and not block <= forbidden[pre] < block + width:
                filled += number
                continue
            for k in range(number):
                if first <= hits[k] < last and hits[k] != forbidden[pre]:
                    columns[filled] = hits[k]
                    filled += 1
        starts[pre + 1] = begin + filled
    done[0], done[1] = starts.size - 1, begin + filled


draw_rows_short = draw_rows
"""The same for columns of 16 bits."""


@njit(error_model="numpy")
def _lowest_bit(word: Any) -> int:  # pragma: no cover - compiled
    """Number of the lowest bit that is set: its product with a de Bruijn sequence has that in its upper six bits."""
    return int(_BIT_OF[((word & (~word + _ONE)) * _DE_BRUIJN) >> _58])


@njit(error_model="numpy")
def sort(values: Any, width: int, room: Any) -> None:  # pragma: no cover - compiled
    """Sort whole numbers from 0 to `width` - 1 in place that are spread evenly, as random numbers are.

    Each goes to one of as many intervals of equal length as there are numbers, then those of an interval are sorted.
    `room` is for twice as many numbers and one.
    """
    n = values.size
    scale = n / width
    ends, copy = room[: n + 1], room[n + 1 : 2 * n + 1]
    ends[:] = 0
    for k in range(n):
        ends[int(values[k] * scale) + 1] += 1
    for interval in range(n):
        ends[interval + 1] += ends[interval]
    for k in range(n):
        interval = int(values[k] * scale)
        copy[ends[interval]] = values[k]
        ends[interval] += 1
    for k in range(n):
        value = copy[k]
        place = k
        while place > 0 and values[place - 1] > value:
            values[place] = values[place - 1]
            place -= 1
        values[place] = value


@njit(error_model="numpy")
def sample_rows(
    key: Any, rows: Any, forbidden: Any, width: int, numbers: Any, columns: Any, words: Any, chosen: Any
) -> None:  # pragma: no cover - compiled
    """Fill `columns` with numbers[k] of the allowed columns for each row, ascending, whole copies of all first.

    Floyd's sampling (Bentley & Floyd 1987, Commun ACM 30:754), of the columns left out where these are fewer. `words`
    are zeros for width/64 + 1 sets of bits, `chosen` is room for width/2 + 1 columns.
    """
    filled = 0
    for k in range(rows.size):
        f = forbidden[k]
        m = width - 1 if f >= 0 else width
        if numbers[k] == 0:
            continue
        copies = numbers[k] // m
        rest = numbers[k] % m
        complement = rest > m - rest
        n = m - rest if complement else rest
        for t in range(n):
            last = m - n + t
            c = int(uniform(key, rows[k], t) * (last + 1))
            if (words[c >> 6] >> (np.uint64(c) & _63)) & _ONE:
                c = last
            words[c >> 6] |= _ONE << (np.uint64(c) & _63)
            chosen[t] = c
        if copies > 0 or complement:
            for c in range(m):
                hit = ((words[c >> 6] >> (np.uint64(c) & _63)) & _ONE) != 0
                times = copies + 1 if hit != complement else copies
                for _ in range(times):
                    columns[filled] = c + 1 if 0 <= f <= c else c
                    filled += 1
            for t in range(n):
                words[chosen[t] >> 6] = np.uint64(0)
        elif n * _SCAN_RATIO < m:
            part = chosen[:n]
            sort(part, m, chosen[n:])
            for t in range(n):
                c = part[t]
                words[c >> 6] = np.uint64(0)
                columns[filled] = c + 1 if 0 <= f <= c else c
                filled += 1
        else:
            for i in range(words.size):
                word = words[i]
                words[i] = np.uint64(0)
                while word != np.uint64(0):
                    c = (i << 6) + _lowest_bit(word)
                    word &= word - _ONE
                    columns[filled] = c + 1 if 0 <= f <= c else c
                    filled += 1


@njit(error_model="numpy")
def choose_rows(
    key: Any, rows: Any, forbidden: Any, width: int, numbers: Any, columns: Any, words: Any, times: Any
) -> None:  # pragma: no cover - compiled
    """Fill `columns` with numbers[k] of the allowed columns for each row, drawn with replacement, ascending.

    `words` are zeros for width/64 + 1 sets of bits, `times` zeros for width + 1 columns.
    """
    filled = 0
    for k in range(rows.size):
        f = forbidden[k]
        m = width - 1 if f >= 0 else width
        if numbers[k] * _SCAN_RATIO < m:
            start = filled
            for t in range(numbers[k]):
                c = int(uniform(key, rows[k], t) * m)
                columns[filled] = c + 1 if 0 <= f <= c else c
                filled += 1
            sort(columns[start:filled], width, times)
            times[: 2 * numbers[k] + 1] = 0
            continue
        for t in range(numbers[k]):
            c = int(uniform(key, rows[k], t) * m)
            words[c >> 6] |= _ONE << (np.uint64(c) & _63)
            times[c] += 1
        for i in range(words.size):
            word = words[i]
            words[i] = np.uint64(0)
            while word != np.uint64(0):
                c = (i << 6) + _lowest_bit(word)
                word &= word - _ONE
                for _ in range(times[c]):
                    columns[filled] = c + 1 if 0 <= f <= c else c
                    filled += 1
                times[c] = 0


@njit(error_model="numpy")
def transpose(
    rows: Any, columns: Any, width: int, new_rows: Any, new_columns: Any, starts: Any
) -> None:  # pragma: no cover - compiled
    """Pairs sorted by row and column, sorted by column and row instead; `starts` are width + 1 zeros."""
    for c in columns:
        starts[c + 1] += 1
    for c in range(width):
        starts[c + 1] += starts[c]
    for k in range(rows.size):
        c = columns[k]
        new_rows[starts[c]] = rows[k]
        new_columns[starts[c]] = c
        starts[c] += 1
