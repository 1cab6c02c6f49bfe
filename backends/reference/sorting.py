"""Compiled loops over tables of connections: into the order of source cells, and back into that of target cells.

Only processes that compile import this module.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import njit


@njit
def count_sources(pre, starts):
    """Turn `starts`, of zeros, into the first index of each source's row, shifted by one place; see `place`."""
    for k in range(pre.shape[0]):
        starts[pre[k] + 2] += 1
    for row in range(2, starts.shape[0]):
        starts[row] += starts[row - 1]


@njit
def positions(pre, starts, order):
    """Fill `order` with the positions of connections in order of source; `starts` is as for `place`."""
    for k in range(pre.shape[0]):
        row = pre[k] + 1
        order[starts[row]] = k
        starts[row] += 1


@njit
def _place(rows, first_row, starts, post, posts, weight, weights, delay, delays):
    with_weight, with_delay = weight.shape[0] > 0, delay.shape[0] > 0
    for k in range(rows.shape[0]):
        row = first_row + np.int64(rows[k]) + 1
        target = starts[row]
        starts[row] = target + 1
        posts[target] = post[k]
        if with_weight:
            weights[target] = weight[k]
        if with_delay:
            delays[target] = delay[k]


@njit
def place(pre, starts, post, posts, weight, weights, delay, delays):
    """Put connections where their rows are; columns of length 0 are left out. `starts[:-1]` is then right."""
    _place(pre, 0, starts, post, posts, weight, weights, delay, delays)


@njit
def place_by_parts(
    pre, starts, post, posts, weight, weights, delay, delays, bits, ends, rows, room_post, room_weight, room_delay
):
    """Do what `place` does for tables that are larger than the caches: first into parts of 2**bits rows, then in these.

    `ends` has room for the number of parts, `rows` for all connections, the others for those of the largest part.
    """
    with_weight, with_delay = weight.shape[0] > 0, delay.shape[0] > 0
    for part in range(ends.shape[0]):
        ends[part] = starts[(part << bits) + 1]
    mask = (1 << bits) - 1
    for k in range(pre.shape[0]):
        part = np.int64(pre[k]) >> bits
        target = ends[part]
        ends[part] = target + 1
        rows[target] = pre[k] & mask
        posts[target] = post[k]
        if with_weight:
            weights[target] = weight[k]
        if with_delay:
            delays[target] = delay[k]
    begin = np.int64(0)
    for part in range(ends.shape[0]):
        end = ends[part]
        for k in range(end - begin):
            room_post[k] = posts[begin + k]
        if with_weight:
            for k in range(end - begin):
                room_weight[k] = weights[begin + k]
        if with_delay:
            for k in range(end - begin):
                room_delay[k] = delays[begin + k]
        _place(rows[begin:end], part << bits, starts, room_post, posts, room_weight, weights, room_delay, delays)
        begin = end


@njit
def is_sorted(pre, post):
    """Whether connections are in order of target, then source."""
    for k in range(1, pre.shape[0]):
        if post[k] < post[k - 1] or (post[k] == post[k - 1] and pre[k] < pre[k - 1]):
            return 0
    return 1


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
