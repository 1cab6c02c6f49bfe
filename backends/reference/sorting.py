"""Compiled loops over connections in order of source cells: back into that of target cells, and some of them alone.

Only processes that compile import this module.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import njit


@njit
def count_targets(posts, counts):
    """Add to `counts` how many connections each target cell has."""
    for k in range(posts.shape[0]):
        counts[np.int64(posts[k])] += 1


@njit
def restore(posts, places, column, table):
    """Put a column into the order of targets; `places` are where those of each target begin, and end up at its end."""
    for k in range(posts.shape[0]):
        post = np.int64(posts[k])
        table[places[post]] = column[k]
        places[post] += 1


@njit
def restore_sources(starts, posts, places, table):
    """Put source cells into the order of targets; see `restore`."""
    for source in range(starts.shape[0] - 1):
        for k in range(starts[source], starts[source + 1]):
            post = np.int64(posts[k])
            table[places[post]] = source
            places[post] += 1


@njit
def _find(posts, begin, end, cell):
    """Where connections to `cell` and the cells after it begin in a row."""
    while begin < end:
        middle = (begin + end) // 2
        if np.int64(posts[middle]) < cell:
            begin = middle + 1
        else:
            end = middle
    return begin


@njit
def find_rows(starts, posts, first, last, begins, own_starts):
    """Where each row's connections to the cells first to last - 1 begin, and the starts of rows of these alone."""
    for row in range(starts.shape[0] - 1):
        begins[row] = _find(posts, starts[row], starts[row + 1], first)
        end = _find(posts, begins[row], starts[row + 1], last)
        own_starts[row + 1] = own_starts[row] + end - begins[row]


@njit
def rows_to_places(begins, own_starts, places):
    """For each connection of the rows that `find_rows` has found, its place in the table."""
    for row in range(begins.shape[0]):
        for k in range(own_starts[row + 1] - own_starts[row]):
            places[own_starts[row] + k] = begins[row] + k
