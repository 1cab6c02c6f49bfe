"""Compiled loops that put connections into the order of source cells.

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
