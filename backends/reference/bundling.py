"""Compiled loops that put rows of connections into bundles, and take them out again.

A bundle has the connections of several tables with the same source cells, by source cell, then by delay. `ends` has
`width` numbers a source cell: where its connections begin, and where those with each delay end, from the shortest on.
Only processes that compile import this module.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import njit


@njit
def count_by_delay(starts, delays, first, last, shortest, width, ends):
    """Add the connections of the source cells first to last - 1 to the numbers by delay in `ends`."""
    for row in range(first, last):
        for k in range(starts[row], starts[row + 1]):
            ends[row * width + np.int64(delays[k]) - shortest + 1] += np.uint32(1)


@njit
def begin_by_delay(width, ends):
    """Turn the numbers into where connections begin, one place after that of the delay; how many there are."""
    total = 0
    for row in range(ends.shape[0] // width):
        ends[row * width] = total
        for place in range(row * width + 1, (row + 1) * width):
            number = np.int64(ends[place])
            ends[place] = total
            total += number
    return total


@njit
def place_posts(starts, posts, delays, first, last, offset, shortest, width, ends, targets):
    """Put the target cells, plus `offset`, of some source cells where `begin_by_delay` says, which is moved on."""
    for row in range(first, last):
        for k in range(starts[row], starts[row + 1]):
            at = row * width + np.int64(delays[k]) - shortest + 1
            place = np.int64(ends[at])
            ends[at] = place + 1
            targets[place] = np.int64(posts[k]) + offset


@njit
def place_weights(starts, weights, delays, first, last, shortest, width, ends, values):
    """The same for weights. What says where connections begin, says where they end after all of them."""
    for row in range(first, last):
        for k in range(starts[row], starts[row + 1]):
            at = row * width + np.int64(delays[k]) - shortest + 1
            place = np.int64(ends[at])
            ends[at] = place + 1
            values[place] = weights[k]


@njit
def _after_pair(posts, k, end):
    """The end of the connections between the same two cells that begin at k."""
    after = k + 1
    while after < end and posts[after] == posts[k]:
        after += 1
    return after


@njit
def _is_by_delay(delays, k, after):
    for m in range(k + 1, after):
        if delays[m] < delays[m - 1]:
            return False
    return True


@njit
def count_moved(starts, posts, delays, numbers):
    """Pairs of cells with two connections that are not by delay, and connections of such pairs with more; 1: done.

    0: rows are not by target.
    """
    for row in range(starts.shape[0] - 1):
        k, end = starts[row], starts[row + 1]
        while k < end:
            after = _after_pair(posts, k, end)
            if after < end and posts[after] < posts[k]:
                return 0
            if not _is_by_delay(delays, k, after):
                if after - k == 2:
                    numbers[0] += 1
                else:
                    numbers[1] += after - k
            k = after
    return 1


@njit
def list_moved(starts, posts, delays, swapped, sorted_places, places):
    """Where the pairs begin that `count_moved` counts; of its connections, where they would be by delay, and are."""
    pairs = count = 0
    for row in range(starts.shape[0] - 1):
        k, end = starts[row], starts[row + 1]
        while k < end:
            after = _after_pair(posts, k, end)
            if not _is_by_delay(delays, k, after):
                if after - k == 2:
                    swapped[pairs] = k
                    pairs += 1
                else:
                    for m in range(k, after):
                        place = k
                        for other in range(k, after):
                            if delays[other] < delays[m] or (delays[other] == delays[m] and other < m):
                                place += 1
                        sorted_places[count] = place
                        places[count] = m
                        count += 1
            k = after


@njit
def count_in_bundle(width, ends, targets, first, last, starts, places):
    """Starts of the rows of those connections whose targets are first to last - 1, and in `places` those by target.

    Both are zeros before, and have one number more than there are rows, or targets.
    """
    for row in range(starts.shape[0] - 1):
        number = 0
        for k in range(np.int64(ends[row * width]), np.int64(ends[row * width + width - 1])):
            target = np.int64(targets[k])
            if first <= target < last:
                number += 1
                places[target - first + 1] += 1
        starts[row + 1] = starts[row] + number
    for target in range(1, places.shape[0]):
        places[target] += places[target - 1]


@njit
def take_from_bundle(
    shortest, width, ends, targets, values, first, last, places, filled, sources, by_target, delays_by_target,
    starts, posts, weights, delays,
):
    """Rows by target, and pairs by delay. `filled` are zeros, one a row; `sources` and the two columns are for work.

    The first post is that of the target `first`.
    """
    for row in range(starts.shape[0] - 1):
        for delay in range(width - 1):
            for k in range(np.int64(ends[row * width + delay]), np.int64(ends[row * width + delay + 1])):
                target = np.int64(targets[k])
                if first <= target < last:
                    place = places[target - first]
                    places[target - first] += 1
                    sources[place] = row
                    by_target[place] = values[k]
                    delays_by_target[place] = delay + shortest
    place = 0
    for target in range(last - first):
        # places[target] has gone on to the end of the target.
        while place < places[target]:
            row = np.int64(sources[place])
            k = starts[row] + filled[row]
            filled[row] += 1
            posts[k] = target
            weights[k] = by_target[place]
            delays[k] = delays_by_target[place]
            place += 1
