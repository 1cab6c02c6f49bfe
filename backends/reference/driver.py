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
    COUPLED_ADDRESS,
    COUPLED_FRESH,
    COUPLING_POST_ADDRESS,
    COUPLING_PRE_ADDRESS,
    COUPLING_SOURCE,
    COUPLING_SOURCE_V_ADDRESS,
    COUPLING_TARGET,
    COUPLING_TARGET_V_ADDRESS,
    COUPLING_WEIGHT_ADDRESS,
    COUPLINGS,
    CURSOR,
    DELAY_ADDRESS,
    DELAY_STRIDE,
    GROUP_FIELDS,
    HISTORY_CAPACITY,
    HISTORY_FIELDS,
    HISTORY_GROUP_ROW,
    HISTORY_KERNEL,
    HISTORY_LARGEST,
    INTERVAL,
    KERNEL_ADDRESS,
    LOG_CAPACITY,
    LOG_CELL_ADDRESS,
    LOG_COUNT,
    LOG_STEP_ADDRESS,
    PATHWAY_CURSOR,
    PATHWAY_EARLY,
    PATHWAY_FIELDS,
    PATHWAY_KERNEL,
    PATHWAY_QUEUE,
    POST_ADDRESS,
    QUEUE_CAPACITY,
    QUEUE_CELL_ADDRESS,
    QUEUE_COUNT,
    QUEUE_FIELDS,
    QUEUE_GROUP,
    QUEUE_STEP_ADDRESS,
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
def _take_over(groups, queues, histories, ends):
    """Give the spikes of a step to those who keep spikes."""
    for q in range(queues.shape[0]):
        queue = carray(_pointer(queues[q]), (QUEUE_FIELDS,), np.int64)
        g = queue[QUEUE_GROUP]
        first, last = groups[g, CURSOR], ends[g]
        if first < last:
            count = queue[QUEUE_COUNT]
            steps = _integers(groups[g, SPIKE_STEP_ADDRESS], last)
            cells = _integers(groups[g, SPIKE_CELL_ADDRESS], last)
            queue_steps = _integers(queue[QUEUE_STEP_ADDRESS], queue[QUEUE_CAPACITY])
            queue_cells = _integers(queue[QUEUE_CELL_ADDRESS], queue[QUEUE_CAPACITY])
            for k in range(first, last):
                queue_steps[count] = steps[k]
                queue_cells[count] = cells[k]
                count += 1
            queue[QUEUE_COUNT] = count
    for h in range(histories.shape[0]):
        history = carray(_pointer(histories[h]), (HISTORY_FIELDS,), np.int64)
        g = history[HISTORY_GROUP_ROW]
        if groups[g, CURSOR] < ends[g]:
            _call(history[HISTORY_KERNEL], histories[h], groups[g, CURSOR], ends[g])


@njit(error_model="numpy")
def _follow_rules(pathways, early, step):
    """Let the pathways that deal with spikes early, or those that do not, deal with what is due at a step."""
    for p in range(pathways.shape[0]):
        pathway = carray(_pointer(pathways[p]), (PATHWAY_FIELDS,), np.int64)
        queue = carray(_pointer(pathway[PATHWAY_QUEUE]), (QUEUE_FIELDS,), np.int64)
        if pathway[PATHWAY_EARLY] == early and pathway[PATHWAY_CURSOR] < queue[QUEUE_COUNT]:
            _call(pathway[PATHWAY_KERNEL], pathways[p], step, 0)


@njit(error_model="numpy")
def _keepers_have_room(groups, queues, histories, steps):
    for q in range(queues.shape[0]):
        queue = carray(_pointer(queues[q]), (QUEUE_FIELDS,), np.int64)
        g = queue[QUEUE_GROUP]
        number = groups[g, SIZE] * steps
        if groups[g, KERNEL_ADDRESS] == 0:
            number = groups[g, SPIKE_COUNT] - groups[g, CURSOR]
        if queue[QUEUE_CAPACITY] - queue[QUEUE_COUNT] < number:
            return False
    for h in range(histories.shape[0]):
        history = carray(_pointer(histories[h]), (HISTORY_FIELDS,), np.int64)
        if history[HISTORY_CAPACITY] - history[HISTORY_LARGEST] < steps:
            return False
    return True


@njit(error_model="numpy")
def _couple(groups, couplings):
    """Gap junction currents of the step that begins, extrapolated to its middle; see pyNN.reference.coupling."""
    for g in range(groups.shape[0]):
        if groups[g, COUPLED_ADDRESS] != 0:
            size = groups[g, SIZE]
            currents = carray(_pointer(groups[g, COUPLED_ADDRESS]), (3, size), np.float64)
            for cell in range(size):
                currents[2, cell] = currents[1, cell]
                currents[1, cell] = 0.0
    for c in range(couplings.shape[0]):
        source, target = couplings[c, COUPLING_SOURCE], couplings[c, COUPLING_TARGET]
        v_source = carray(_pointer(couplings[c, COUPLING_SOURCE_V_ADDRESS]), (groups[source, SIZE],), np.float64)
        v_target = carray(_pointer(couplings[c, COUPLING_TARGET_V_ADDRESS]), (groups[target, SIZE],), np.float64)
        into_source = carray(_pointer(groups[source, COUPLED_ADDRESS]), (3, groups[source, SIZE]), np.float64)
        into_target = carray(_pointer(groups[target, COUPLED_ADDRESS]), (3, groups[target, SIZE]), np.float64)
        number = couplings[c, COUPLINGS]
        pre = _integers(couplings[c, COUPLING_PRE_ADDRESS], number)
        post = _integers(couplings[c, COUPLING_POST_ADDRESS], number)
        weights = carray(_pointer(couplings[c, COUPLING_WEIGHT_ADDRESS]), (number,), np.float64)
        for k in range(number):
            current = weights[k] * (v_source[pre[k]] - v_target[post[k]])
            into_target[1, post[k]] += current
            into_source[1, pre[k]] -= current
    for g in range(groups.shape[0]):
        if groups[g, COUPLED_ADDRESS] != 0:
            size = groups[g, SIZE]
            currents = carray(_pointer(groups[g, COUPLED_ADDRESS]), (3, size), np.float64)
            for cell in range(size):
                before = currents[1, cell] if groups[g, COUPLED_FRESH] == 1 else currents[2, cell]
                currents[0, cell] = 1.5 * currents[1, cell] - 0.5 * before
            groups[g, COUPLED_FRESH] = 0


@njit(error_model="numpy")
def _deliver_step(groups, routes, queues, histories, pathways, ends, step):
    for g in range(groups.shape[0]):
        steps = _integers(groups[g, SPIKE_STEP_ADDRESS], groups[g, SPIKE_COUNT])
        end = groups[g, CURSOR]
        while end < groups[g, SPIKE_COUNT] and steps[end] <= step:
            end += 1
        ends[g] = end
    _take_over(groups, queues, histories, ends)
    for r in range(routes.shape[0]):
        source = routes[r, SOURCE]
        if groups[source, CURSOR] < ends[source]:
            _deliver(routes[r], groups[source], groups[routes[r, TARGET]], groups[source, CURSOR], ends[source])
    _follow_rules(pathways, 0, step)
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
def drive(control, groups, routes, queues, histories, pathways, couplings):
    """Run to control[TARGET_STEP] and return 0; 1 if a log of spikes must be emptied first, 2 if keepers need room.

    `queues`, `histories` and `pathways` are addresses of records.
    """
    if not _keepers_have_room(groups, queues, histories, 1):
        return 2
    ends = np.zeros(groups.shape[0], dtype=np.int64)
    for g in range(groups.shape[0]):
        if groups[g, KERNEL_ADDRESS] != 0:
            groups[g, SPIKE_COUNT] = 0
            groups[g, CURSOR] = 0
    _deliver_step(groups, routes, queues, histories, pathways, ends, control[STEP])
    while control[STEP] < control[TARGET_STEP]:
        first = control[STEP]
        steps = min(control[INTERVAL], control[TARGET_STEP] - first)
        if not _log_has_room(groups, steps):
            return 1
        if not _keepers_have_room(groups, queues, histories, steps):
            return 2
        _follow_rules(pathways, 1, first)
        if couplings.shape[0] > 0:
            _couple(groups, couplings)
        for g in range(groups.shape[0]):
            if groups[g, KERNEL_ADDRESS] != 0:
                groups[g, CURSOR] = 0
                groups[g, SPIKE_COUNT] = _call(
                    groups[g, KERNEL_ADDRESS], groups.ctypes.data + g * GROUP_FIELDS * 8, first, steps
                )
        for step in range(first + 1, first + 1 + steps):
            _deliver_step(groups, routes, queues, histories, pathways, ends, step)
        for g in range(groups.shape[0]):
            if groups[g, LOG_CAPACITY] > 0:
                _log(groups[g])
        control[STEP] = first + steps
    return 0


@njit(cache=True, nogil=True)
def count_sources(pre, starts):
    """Turn `starts`, of zeros, into the first index of each source's row, shifted by one place; see `place`."""
    for k in range(pre.shape[0]):
        starts[pre[k] + 2] += 1
    for row in range(2, starts.shape[0]):
        starts[row] += starts[row - 1]


@njit(cache=True, nogil=True)
def positions(pre, starts, order):
    """Fill `order` with the positions of connections in order of source; `starts` is as for `place`."""
    for k in range(pre.shape[0]):
        row = pre[k] + 1
        order[starts[row]] = k
        starts[row] += 1


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
