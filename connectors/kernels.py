"""Compiled loops of the random connectors. Each gives the same connections as its NumPy version in `draws`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from pyNN.random.compiled import log, uniform

_ONE, _58, _63 = np.uint64(1), np.uint64(58), np.uint64(63)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT_OF = np.zeros(64, dtype=np.int64)
_BIT_OF[[((1 << bit) * 0x03F79D71B4CB0A89 & 0xFFFFFFFFFFFFFFFF) >> 58 for bit in range(64)]] = np.arange(64)
_SCAN_RATIO = 256
"""A set of bits is scanned word by word, unless it is sparser than one in this many: then its members are sorted."""


@njit(cache=True, nogil=True)
def skip_rows(
    key: Any, rows: Any, forbidden: Any, width: int, log_q: float, first: int, columns: Any, counts: Any
) -> tuple[int, int]:  # pragma: no cover - compiled
    """Fill `columns` with the hits of rows[first:], jumping from hit to hit; counts[k] gets the hits of rows[k].

    Stops before a row that does not fit: (number of the first row not done, number of columns filled).
    """
    filled = 0
    for k in range(first, rows.size):
        start = filled
        position = 0
        ordinal = 0
        while True:
            skip = log(1.0 - uniform(key, rows[k], ordinal)) / log_q
            ordinal += 1
            if skip >= width - position:
                break
            position += int(math.floor(skip))
            if position != forbidden[k]:
                if filled == columns.size:
                    return k, start
                columns[filled] = position
                filled += 1
            position += 1
            if position >= width:
                break
        counts[k] = filled - start
    return rows.size, filled


@njit(cache=True, nogil=True)
def _lowest_bit(word: Any) -> int:  # pragma: no cover - compiled
    """Number of the lowest bit that is set: its product with a de Bruijn sequence has that in its upper six bits."""
    return int(_BIT_OF[((word & (~word + _ONE)) * _DE_BRUIJN) >> _58])


@njit(cache=True, nogil=True)
def sample_rows(
    key: Any, rows: Any, forbidden: Any, width: int, numbers: Any, columns: Any
) -> None:  # pragma: no cover - compiled
    """Fill `columns` with numbers[k] of the allowed columns for each row, ascending, whole copies of all first.

    Floyd's sampling (Bentley & Floyd 1987, Commun ACM 30:754), of the columns left out where these are fewer.
    """
    words = np.zeros((width >> 6) + 1, dtype=np.uint64)
    chosen = np.empty(width // 2 + 1, dtype=np.int32)
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
            part.sort()
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


@njit(cache=True, nogil=True)
def choose_rows(
    key: Any, rows: Any, forbidden: Any, width: int, numbers: Any, columns: Any
) -> None:  # pragma: no cover - compiled
    """Fill `columns` with numbers[k] of the allowed columns for each row, drawn with replacement, ascending."""
    words = np.zeros((width >> 6) + 1, dtype=np.uint64)
    times = np.zeros(width, dtype=np.int32)
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
            columns[start:filled].sort()
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


@njit(cache=True, nogil=True)
def transpose(rows: Any, columns: Any, width: int, new_rows: Any, new_columns: Any) -> None:  # pragma: no cover
    """Pairs sorted by row and column, sorted by column and row instead."""
    starts = np.zeros(width + 1, dtype=np.int64)
    for c in columns:
        starts[c + 1] += 1
    for c in range(width):
        starts[c + 1] += starts[c]
    for k in range(rows.size):
        c = columns[k]
        new_rows[starts[c]] = rows[k]
        new_columns[starts[c]] = c
        starts[c] += 1
