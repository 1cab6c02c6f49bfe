"""The compiled run loop: one for all networks. Cell types are called through the addresses of their kernels.

In every interval, whose length is at most the smallest delay, all groups are updated, and then the interval's spikes
are delivered: step by step, route by route, cell by cell. So the order in which weights are added up, and with it the
result to the last bit, does not depend on how a run is cut into intervals.

The text of this module is imported from the folder of compiled models, where Numba can keep its machine code.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from pyNN.reference.layout import (
    CURSOR,
    DELAY_ADDRESS,
    DELAY_STRIDE,
    GROUP_FIELDS,
    INTERVAL,
    KERNEL_ADDRESS,
    LOG_CAPACITY,
    LOG_CELL_ADDRESS,
    LOG_COUNT,
    LOG_STEP_ADDRESS,
    POST_ADDRESS,
    RECEPTOR,
    RECEPTORS,
    RING_ADDRESS,
    SIZE,
    SLOTS,
    SOURCE,
    SPIKE_CELL_ADDRESS,
    SPIKE_COUNT,
    SPIKE_STEP_ADDRESS,
    START_ADDRESS,
    STEP,
    TARGET,
    TARGET_STEP,
    WEIGHT_ADDRESS,
    WEIGHT_STRIDE,
)


@intrinsic
def _pointer(typing, address):
    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@intrinsic
def _call(typing, function, group, first_step, count):
    """Call the kernel at an address: int64(int64, int64, int64)."""

    def generate(context, builder, signature, arguments):
        integer = context.get_value_type(types.int64)
        kind = ir.FunctionType(integer, [integer, integer, integer])
        target = builder.inttoptr(arguments[0], kind.as_pointer())
        return builder.call(target, arguments[1:])

    from llvmlite import ir

    return types.int64(types.int64, types.int64, types.int64, types.int64), generate


@njit
def _integers(address, size):
    return carray(_pointer(address), (size,), np.int64)


@njit(error_model="numpy")
def _deliver(route, group, target, first, last):
    """Deliver a group's spikes number `first` to `last` - 1, all of one step, over one route."""
    starts = _integers(route[START_ADDRESS], group[SIZE] + 1)
    connections = starts[group[SIZE]]
    posts = carray(_pointer(route[POST_ADDRESS]), (connections,), np.int32)
    weights = carray(_pointer(route[WEIGHT_ADDRESS]), (connections * route[WEIGHT_STRIDE] + 1,), np.float64)
    delays = carray(_pointer(route[DELAY_ADDRESS]), (connections * route[DELAY_STRIDE] + 1,), np.int32)
    mask, size = target[SLOTS] - 1, target[SIZE]
    slot_size = target[RECEPTORS] * size
    ring = carray(_pointer(target[RING_ADDRESS]), (target[SLOTS] * slot_size,), np.float64)
    steps = _integers(group[SPIKE_STEP_ADDRESS], last)
    cells = _integers(group[SPIKE_CELL_ADDRESS], last)
    offset = route[RECEPTOR] * size
    for spike in range(first, last):
        step = steps[spike]
        begin, end = starts[cells[spike]], starts[cells[spike] + 1]
        if route[DELAY_STRIDE] == 0:
            base = ((step + delays[0]) & mask) * slot_size + offset
            if route[WEIGHT_STRIDE] == 0:
                for k in range(begin, end):
                    ring[base + posts[k]] += weights[0]
            else:
                for k in range(begin, end):
                    ring[base + posts[k]] += weights[k]
        else:
            for k in range(begin, end):
                place = ((step + delays[k]) & mask) * slot_size + offset + posts[k]
                ring[place] += weights[k * route[WEIGHT_STRIDE]]


@njit(error_model="numpy")
def _deliver_step(groups, routes, ends, step):
    for g in range(groups.shape[0]):
        steps = _integers(groups[g, SPIKE_STEP_ADDRESS], groups[g, SPIKE_COUNT])
        end = groups[g, CURSOR]
        while end < groups[g, SPIKE_COUNT] and steps[end] <= step:
            end += 1
        ends[g] = end
    for r in range(routes.shape[0]):
        source = routes[r, SOURCE]
        if groups[source, CURSOR] < ends[source]:
            _deliver(routes[r], groups[source], groups[routes[r, TARGET]], groups[source, CURSOR], ends[source])
    for g in range(groups.shape[0]):
        groups[g, CURSOR] = ends[g]


@njit(error_model="numpy")
def _log(group):
    count, new = group[LOG_COUNT], group[SPIKE_COUNT]
    log_steps = _integers(group[LOG_STEP_ADDRESS], group[LOG_CAPACITY])
    log_cells = _integers(group[LOG_CELL_ADDRESS], group[LOG_CAPACITY])
    steps = _integers(group[SPIKE_STEP_ADDRESS], new)
    cells = _integers(group[SPIKE_CELL_ADDRESS], new)
    for k in range(new):
        log_steps[count + k] = steps[k]
        log_cells[count + k] = cells[k]
    group[LOG_COUNT] = count + new


@njit(error_model="numpy")
def _log_has_room(groups, steps):
    for g in range(groups.shape[0]):
        capacity = groups[g, LOG_CAPACITY]
        if capacity > 0 and capacity - groups[g, LOG_COUNT] < groups[g, SIZE] * steps:
            return False
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def drive(control, groups, routes):
    """Run to control[TARGET_STEP]; False if a log of spikes must be emptied first."""
    ends = np.zeros(groups.shape[0], dtype=np.int64)
    for g in range(groups.shape[0]):
        if groups[g, KERNEL_ADDRESS] != 0:
            groups[g, SPIKE_COUNT] = 0
            groups[g, CURSOR] = 0
    _deliver_step(groups, routes, ends, control[STEP])
    while control[STEP] < control[TARGET_STEP]:
        first = control[STEP]
        steps = min(control[INTERVAL], control[TARGET_STEP] - first)
        if not _log_has_room(groups, steps):
            return False
        for g in range(groups.shape[0]):
            if groups[g, KERNEL_ADDRESS] != 0:
                groups[g, CURSOR] = 0
                groups[g, SPIKE_COUNT] = _call(
                    groups[g, KERNEL_ADDRESS], groups.ctypes.data + g * GROUP_FIELDS * 8, first, steps
                )
        for step in range(first + 1, first + 1 + steps):
            _deliver_step(groups, routes, ends, step)
        for g in range(groups.shape[0]):
            if groups[g, LOG_CAPACITY] > 0:
                _log(groups[g])
        control[STEP] = first + steps
    return True


@njit(cache=True, nogil=True)
def count_sources(pre, starts):
    """Turn `starts`, of zeros, into the first index of each source's row, shifted by one place; see `place`."""
    for k in range(pre.shape[0]):
        starts[pre[k] + 2] += 1
    for row in range(2, starts.shape[0]):
        starts[row] += starts[row - 1]


@njit(cache=True, nogil=True)
def place(pre, starts, post, posts, weight, weights, delay, delays):
    """Put connections where their rows are; columns of length 0 are left out. `starts[:-1]` is then right."""
    with_weight, with_delay = weight.shape[0] > 0, delay.shape[0] > 0
    for k in range(pre.shape[0]):
        row = pre[k] + 1
        target = starts[row]
        starts[row] = target + 1
        posts[target] = post[k]
        if with_weight:
            weights[target] = weight[k]
        if with_delay:
            delays[target] = delay[k]
