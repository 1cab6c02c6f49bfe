"""Compiled code that puts spikes into messages between MPI ranks, and takes them out.

A spike is one integer: the row of its group, its step within the interval (11 bits) and its cell (32 bits).
Only processes that compile import this module.
"""

# mypy: ignore-errors

from __future__ import annotations

from numba import njit

from pyNN.compilation.pointers import integers, records
from pyNN.reference.layout import (
    CONTROL_FIELDS,
    FIRST_OWNER,
    GROUP_ADDRESS,
    GROUP_FIELDS,
    GROUPS,
    KERNEL_ADDRESS,
    MESSAGE_ADDRESS,
    PLACE_ADDRESS,
    RANKS,
    RECEIVED_ADDRESS,
    SPIKE_CELL_ADDRESS,
    SPIKE_COUNT,
    SPIKE_STEP_ADDRESS,
    STEP,
    STEPS,
)


@njit(error_model="numpy")
def pack(address, unused_1, unused_2):
    """Write the spikes of the own cells in this interval, and before them their number, which is the result."""
    control = integers(address, CONTROL_FIELDS)
    groups = records(control[GROUP_ADDRESS], control[GROUPS], GROUP_FIELDS)
    total = 0
    for g in range(groups.shape[0]):
        if groups[g, KERNEL_ADDRESS] != 0:
            total += groups[g, SPIKE_COUNT]
    message = integers(control[MESSAGE_ADDRESS], total + 1)
    message[0] = total
    at = 1
    for g in range(groups.shape[0]):
        if groups[g, KERNEL_ADDRESS] == 0:
            continue
        number = groups[g, SPIKE_COUNT]
        steps = integers(groups[g, SPIKE_STEP_ADDRESS], number)
        cells = integers(groups[g, SPIKE_CELL_ADDRESS], number)
        for k in range(number):
            message[at] = (((g << 11) | (steps[k] - control[STEP])) << 32) | cells[k]
            at += 1
    return total


@njit(error_model="numpy")
def unpack(address, words, unused):
    """Make the spikes that all ranks have sent, `words` of them, those of the groups, in order of step, then cell."""
    control = integers(address, CONTROL_FIELDS)
    groups = records(control[GROUP_ADDRESS], control[GROUPS], GROUP_FIELDS)
    received = integers(control[RECEIVED_ADDRESS], words)
    ranks = control[RANKS]
    places = records(control[PLACE_ADDRESS], ranks, 2)
    left = 0
    for r in range(ranks):
        left += places[r, 1] - places[r, 0]
    for g in range(groups.shape[0]):
        if groups[g, KERNEL_ADDRESS] == 0:
            continue
        count = 0
        steps = integers(groups[g, SPIKE_STEP_ADDRESS], left)
        cells = integers(groups[g, SPIKE_CELL_ADDRESS], left)
        for step in range(1, control[STEPS] + 1):
            if count == left:
                break
            wanted = (g << 11) | step
            for k in range(ranks):
                r = (groups[g, FIRST_OWNER] + k) % ranks
                while places[r, 0] < places[r, 1] and received[places[r, 0]] >> 32 == wanted:
                    steps[count] = control[STEP] + step
                    cells[count] = received[places[r, 0]] & 0xFFFFFFFF
                    places[r, 0] += 1
                    count += 1
        groups[g, SPIKE_COUNT] = count
        left -= count
    return 0
