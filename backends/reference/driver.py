"""The compiled run loop: one for all networks. Cell types are called through the addresses of their kernels.

In every interval, whose length is at most the smallest delay, all groups are updated, and then the interval's spikes
are delivered: step by step, route by route, cell by cell. So the order in which weights are added up, and with it the
result to the last bit, does not depend on how a run is cut into intervals. Nor does it depend on the number of threads:
cells are divided into slices, of which one thread at a time updates the cells, or delivers all spikes to them.

The text of this module is imported from the folder of compiled models, where Numba can keep its machine code.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from pyNN.random.streams import MULTIPLIER_0, MULTIPLIER_1, ROUNDS, WEYL_0, WEYL_1
from pyNN.reference.layout import (
    COUNT_ADDRESS,
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
    DELAY_BYTES,
    DELAY_STRIDE,
    FINISHED,
    FIRST_CELL,
    FIRST_DELIVERED,
    GROUP_FIELDS,
    HISTORY_CAPACITY,
    HISTORY_FIELDS,
    HISTORY_GROUP_ROW,
    HISTORY_KERNEL,
    HISTORY_LARGEST,
    INTERVAL,
    KERNEL_ADDRESS,
    LAST_CELL,
    LAST_DELIVERED,
    LIMIT_ADDRESS,
    LIMIT_ROW_ADDRESS,
    LIMIT_ROWS,
    LIMITS,
    LOG_CAPACITY,
    LOG_CELL_ADDRESS,
    LOG_COUNT,
    LOG_STEP_ADDRESS,
    PATHWAY_CURSOR,
    PATHWAY_EARLY,
    PATHWAY_FIELDS,
    PATHWAY_KERNEL,
    PATHWAY_QUEUE,
    PATHWAY_SLICE,
    POST_ADDRESS,
    POST_BYTES,
    QUEUE_CAPACITY,
    QUEUE_CELL_ADDRESS,
    QUEUE_COUNT,
    QUEUE_FIELDS,
    QUEUE_GROUP,
    QUEUE_STEP_ADDRESS,
    RANDOM_KEY,
    REASON,
    RECEPTOR,
    RECEPTORS,
    RING_ADDRESS,
    ROUTE_ONE_TO_ONE,
    ROUTE_SLICE,
    SIZE,
    SLICES,
    SLOTS,
    SOURCE,
    SPIKE_CELL_ADDRESS,
    SPIKE_COUNT,
    SPIKE_STEP_ADDRESS,
    START_ADDRESS,
    STEP,
    STEPS,
    TARGET,
    TARGET_STEP,
    TASK,
    UPDATING,
    WEIGHT_ADDRESS,
    WEIGHT_BYTES,
    WEIGHT_STRIDE,
    WORD_ADDRESS,
    WORD_BLOCK,
    YIELD_ADDRESS,
)

SPINS = 2000
"""How often a thread without a task looks for one before it gives way."""
PHASE_TASKS = 1 << 16
"""Tasks are numbered on from a multiple of this in each phase."""


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


@intrinsic
def _add_atomically(typing, address, value):
    """Add to the int64 at an address, of which the result is the number before."""

    def generate(context, builder, signature, arguments):
        pointer = builder.inttoptr(arguments[0], context.get_value_type(types.int64).as_pointer())
        return builder.atomic_rmw("add", pointer, arguments[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def _yield(typing, function):
    """Call the function int32() at an address."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(context.get_value_type(types.int32), [])
        return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [])

    from llvmlite import ir

    return types.int32(types.int64), generate


@intrinsic
def _replace_atomically(typing, address, old, new):
    """Put a number in the place of another at an address; whether that was there."""

    def generate(context, builder, signature, arguments):
        pointer = builder.inttoptr(arguments[0], context.get_value_type(types.int64).as_pointer())
        result = builder.cmpxchg(pointer, arguments[1], arguments[2], "seq_cst", "seq_cst")
        return builder.zext(builder.extract_value(result, 1), context.get_value_type(types.int64))

    return types.int64(types.int64, types.int64, types.int64), generate


@njit
def _take_task(control):
    """The number of a task that is not taken yet, as soon as there is one; -1: the threads stop.

    A task is only taken to be done at once, so that a thread which the system keeps waiting keeps no other waiting.
    """
    address = control.ctypes.data + 8 * TASK
    turns = 0
    while True:
        task = _add_atomically(address, 0)
        if task < 0:
            return -1
        if task % PHASE_TASKS < control[SLICES]:
            if _replace_atomically(address, task, task + 1) != 0:
                return task % PHASE_TASKS
            continue
        turns += 1
        if turns > SPINS and control[YIELD_ADDRESS] != 0:
            _yield(control[YIELD_ADDRESS])


@njit(error_model="numpy")
def _add_rows(starts, posts, weights, delays, weight_stride, delay_stride, ring, offset, slot_size, mask, spikes):
    """Add the weights of spikes (steps, cells) to the ring, row by row. Unsigned indices need no test for a sign."""
    steps, cells = spikes
    for spike in range(steps.shape[0]):
        step = steps[spike]
        begin, end = np.uint64(starts[cells[spike]]), np.uint64(starts[cells[spike] + 1])
        if delay_stride == 0:
            base = np.uint64(((step + np.int64(delays[0])) & mask) * slot_size + offset)
            if weight_stride == 0:
                weight = np.float64(weights[0])
                for k in range(begin, end):
                    ring[base + np.uint64(posts[k])] += weight
            else:
                for k in range(begin, end):
                    ring[base + np.uint64(posts[k])] += np.float64(weights[k])
        elif weight_stride == 0:
            weight = np.float64(weights[0])
            for k in range(begin, end):
                slot = np.uint64((step + np.int64(delays[k])) & mask) * np.uint64(slot_size) + np.uint64(offset)
                ring[slot + np.uint64(posts[k])] += weight
        else:
            for k in range(begin, end):
                slot = np.uint64((step + np.int64(delays[k])) & mask) * np.uint64(slot_size) + np.uint64(offset)
                ring[slot + np.uint64(posts[k])] += np.float64(weights[k])


@njit(error_model="numpy")
def _deliver(route, group, target, first, last):
    """Deliver a group's spikes number `first` to `last` - 1, all of one step, over one route."""
    starts = _integers(route[START_ADDRESS], group[SIZE] + 1)
    connections = starts[group[SIZE]]
    mask, size = target[SLOTS] - 1, target[SIZE]
    slot_size = target[RECEPTORS] * size
    ring = carray(_pointer(target[RING_ADDRESS]), (target[SLOTS] * slot_size,), np.float64)
    spikes = (
        _integers(group[SPIKE_STEP_ADDRESS], last)[first:last],
        _integers(group[SPIKE_CELL_ADDRESS], last)[first:last],
    )
    place = (ring, route[RECEPTOR] * size, slot_size, mask, spikes)
    strides = (route[WEIGHT_STRIDE], route[DELAY_STRIDE])
    weight_size, delay_size = connections * strides[0] + 1, connections * strides[1] + 1
    post_address, weight_address, delay_address = (
        _pointer(route[POST_ADDRESS]), _pointer(route[WEIGHT_ADDRESS]), _pointer(route[DELAY_ADDRESS])
    )
    wide_weights = carray(weight_address, (weight_size,), np.float64)
    narrow_weights = carray(weight_address, (weight_size,), np.float32)
    wide_delays = carray(delay_address, (delay_size,), np.int32)
    narrow_delays = carray(delay_address, (delay_size,), np.uint8)
    if route[POST_BYTES] == 2:
        posts = carray(post_address, (connections,), np.uint16)
        if route[WEIGHT_BYTES] == 8:
            if route[DELAY_BYTES] == 1:
                _add_rows(starts, posts, wide_weights, narrow_delays, *strides, *place)
            else:
                _add_rows(starts, posts, wide_weights, wide_delays, *strides, *place)
        elif route[DELAY_BYTES] == 1:
            _add_rows(starts, posts, narrow_weights, narrow_delays, *strides, *place)
        else:
            _add_rows(starts, posts, narrow_weights, wide_delays, *strides, *place)
    else:
        wide_posts = carray(post_address, (connections,), np.int32)
        if route[WEIGHT_BYTES] == 8:
            if route[DELAY_BYTES] == 1:
                _add_rows(starts, wide_posts, wide_weights, narrow_delays, *strides, *place)
            else:
                _add_rows(starts, wide_posts, wide_weights, wide_delays, *strides, *place)
        elif route[DELAY_BYTES] == 1:
            _add_rows(starts, wide_posts, narrow_weights, narrow_delays, *strides, *place)
        else:
            _add_rows(starts, wide_posts, narrow_weights, wide_delays, *strides, *place)


@njit(error_model="numpy")
def _draw_words(part, step):
    """Random numbers of a slice's sources for the four steps to which `step` belongs."""
    first, last = part[FIRST_CELL], part[LAST_CELL]
    words = carray(_pointer(part[WORD_ADDRESS]), (4, last - first), np.uint32)
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
    """How many limits each word reaches, for pieces of the cells that stay in a processor's cache."""
    for begin in range(0, counts.shape[0], 1024):
        end = min(begin + 1024, counts.shape[0])
        own, found = words[begin:end], counts[begin:end]
        found[:] = 0
        for k in range(limits.shape[0]):
            if limits[k] > 0xFFFFFFFF:
                break
            limit = np.uint32(limits[k])
            for i in range(found.shape[0]):
                found[i] += np.uint32(1) if own[i] >= limit else np.uint32(0)


@njit(error_model="numpy")
def _draw_counts(part, first_step, steps):
    """Numbers of spikes of a slice's sources in the steps after `first_step`."""
    size, first, last = part[SIZE], part[FIRST_CELL], part[LAST_CELL]
    limits = carray(_pointer(part[LIMIT_ADDRESS]), (part[LIMIT_ROWS], part[LIMITS]), np.int64)
    rows = carray(_pointer(part[LIMIT_ROW_ADDRESS]), (size,), np.int32)
    words = carray(_pointer(part[WORD_ADDRESS]), (4, last - first), np.uint32)
    counts = carray(_pointer(part[COUNT_ADDRESS]), (steps, size), np.uint32)
    for step in range(first_step + 1, first_step + 1 + steps):
        if part[WORD_BLOCK] != step >> 2:
            _draw_words(part, step)
        drawn = words[step & 3]
        found = counts[step - first_step - 1][first:last]
        if limits.shape[0] == 1:
            _count(drawn, limits[0], found)
            continue
        for i in range(last - first):
            own = limits[rows[first + i]]
            k = 0
            while k < own.shape[0] and np.int64(drawn[i]) >= own[k]:
                k += 1
            found[i] = k


@njit(error_model="numpy")
def _deliver_counts(route, group, part, target, first_step, step):
    """Deliver the spikes of counted sources of a step over one route: weights times numbers."""
    size = group[SIZE]
    row = np.int64(4) * size * (step - first_step - 1)
    counts = carray(_pointer(group[COUNT_ADDRESS] + row), (size,), np.uint32)
    mask, targets = target[SLOTS] - 1, target[SIZE]
    slot_size = target[RECEPTORS] * targets
    ring = carray(_pointer(target[RING_ADDRESS]), (target[SLOTS] * slot_size,), np.float64)
    starts = _integers(route[START_ADDRESS], size + 1)
    offset = route[RECEPTOR] * targets
    if route[ROUTE_ONE_TO_ONE] == 1:
        first, last = part[FIRST_CELL], part[LAST_CELL]
        weight = carray(_pointer(route[WEIGHT_ADDRESS]), (1,), np.float64)[0]
        delay = np.int64(carray(_pointer(route[DELAY_ADDRESS]), (1,), np.int32)[0])
        base = ((step + delay) & mask) * slot_size + offset
        own, found = ring[base + first : base + last], counts[first:last]
        for i in range(own.shape[0]):
            own[i] += weight * np.float64(found[i])
        return
    for cell in range(size):
        if counts[cell] == 0:
            continue
        number = np.float64(counts[cell])
        for k in range(starts[cell], starts[cell + 1]):
            at_weight, at_delay = k * route[WEIGHT_STRIDE], k * route[DELAY_STRIDE]
            if route[WEIGHT_BYTES] == 8:
                weight = carray(_pointer(route[WEIGHT_ADDRESS] + 8 * at_weight), (1,), np.float64)[0]
            else:
                weight = np.float64(carray(_pointer(route[WEIGHT_ADDRESS] + 4 * at_weight), (1,), np.float32)[0])
            if route[DELAY_BYTES] == 4:
                delay = np.int64(carray(_pointer(route[DELAY_ADDRESS] + 4 * at_delay), (1,), np.int32)[0])
            else:
                delay = np.int64(carray(_pointer(route[DELAY_ADDRESS] + at_delay), (1,), np.uint8)[0])
            if route[POST_BYTES] == 4:
                post = np.int64(carray(_pointer(route[POST_ADDRESS] + 4 * k), (1,), np.int32)[0])
            else:
                post = np.int64(carray(_pointer(route[POST_ADDRESS] + 2 * k), (1,), np.uint16)[0])
            ring[((step + delay) & mask) * slot_size + offset + post] += weight * number


@njit(error_model="numpy")
def _take_over(groups, queues, histories, cursors, ends):
    """Give the spikes of a step to those who keep spikes."""
    for q in range(queues.shape[0]):
        queue = carray(_pointer(queues[q]), (QUEUE_FIELDS,), np.int64)
        g = queue[QUEUE_GROUP]
        first, last = cursors[g], ends[g]
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
        if cursors[g] < ends[g]:
            _call(history[HISTORY_KERNEL], histories[h], cursors[g], ends[g])


@njit(error_model="numpy")
def _follow_rules(pathways, early, step, task):
    """Let a slice's pathways that deal with spikes early, or those that do not, deal with what is due at a step."""
    for p in range(pathways.shape[0]):
        pathway = carray(_pointer(pathways[p]), (PATHWAY_FIELDS,), np.int64)
        queue = carray(_pointer(pathway[PATHWAY_QUEUE]), (QUEUE_FIELDS,), np.int64)
        if pathway[PATHWAY_SLICE] != task:
            continue
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
def _find_ends(groups, cursors, ends, step):
    """For each group the first spike after a step."""
    for g in range(groups.shape[0]):
        steps = _integers(groups[g, SPIKE_STEP_ADDRESS], groups[g, SPIKE_COUNT])
        end = cursors[g]
        while end < groups[g, SPIKE_COUNT] and steps[end] <= step:
            end += 1
        ends[g] = end


@njit(error_model="numpy")
def _deliver_steps(control, groups, parts, routes, pathways, task):
    """Deliver the spikes of some steps to the cells of one slice."""
    cursors = groups[:, CURSOR].copy()
    ends = np.zeros(groups.shape[0], dtype=np.int64)
    begin = control[STEP]
    for step in range(control[FIRST_DELIVERED], control[LAST_DELIVERED] + 1):
        _find_ends(groups, cursors, ends, step)
        for r in range(routes.shape[0]):
            source = routes[r, SOURCE]
            if routes[r, ROUTE_SLICE] != task:
                continue
            if groups[source, COUNT_ADDRESS] != 0:
                # Those of the step at which an interval begins belong to the interval before.
                if step > begin:
                    target = routes[r, TARGET]
                    _deliver_counts(routes[r], groups[source], parts[task, target], groups[target], begin, step)
            elif cursors[source] < ends[source]:
                _deliver(routes[r], groups[source], groups[routes[r, TARGET]], cursors[source], ends[source])
        _follow_rules(pathways, 0, step, task)
        cursors[:] = ends


@njit(error_model="numpy")
def _update(control, groups, parts, pathways, task):
    """Update the cells of one slice in the steps of an interval."""
    first, steps = control[STEP], control[STEPS]
    _follow_rules(pathways, 1, first, task)
    for g in range(groups.shape[0]):
        if groups[g, KERNEL_ADDRESS] != 0:
            parts[task, g, SPIKE_COUNT] = _call(
                groups[g, KERNEL_ADDRESS],
                parts.ctypes.data + (task * groups.shape[0] + g) * GROUP_FIELDS * 8,
                first,
                steps,
            )
        elif groups[g, COUNT_ADDRESS] != 0:
            _draw_counts(parts[task, g], first, steps)


@njit(error_model="numpy")
def _merge(groups, parts, g, first, steps):
    """Bring the spikes of a group that were found slice by slice into one list, in order of step, then cell."""
    slices = parts.shape[0]
    at = np.zeros(slices, dtype=np.int64)
    total = 0
    for t in range(slices):
        total += parts[t, g, SPIKE_COUNT]
    merged_steps = _integers(groups[g, SPIKE_STEP_ADDRESS], total)
    merged_cells = _integers(groups[g, SPIKE_CELL_ADDRESS], total)
    count = 0
    for step in range(first + 1, first + 1 + steps):
        if count == total:
            break
        for t in range(slices):
            end = parts[t, g, SPIKE_COUNT]
            own_steps = _integers(parts[t, g, SPIKE_STEP_ADDRESS], end)
            own_cells = _integers(parts[t, g, SPIKE_CELL_ADDRESS], end)
            while at[t] < end and own_steps[at[t]] == step:
                merged_steps[count] = step
                merged_cells[count] = own_cells[at[t]]
                at[t] += 1
                count += 1
    groups[g, SPIKE_COUNT] = total


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


@njit(error_model="numpy")
def _begin_delivery(control, groups, queues, histories, first, last):
    """Let the spikes of some steps be delivered: one by one if somebody keeps spikes for later."""
    control[FIRST_DELIVERED] = first
    control[LAST_DELIVERED] = first if queues.shape[0] > 0 else last
    if queues.shape[0] > 0:
        cursors, ends = groups[:, CURSOR].copy(), np.zeros(groups.shape[0], dtype=np.int64)
        _find_ends(groups, cursors, ends, first)
        _take_over(groups, queues, histories, cursors, ends)


@njit(error_model="numpy")
def _begin_interval(control, groups, queues, histories, couplings):
    """Decide on the next interval: 0, or why there is none."""
    if control[STEP] >= control[TARGET_STEP]:
        return 3
    steps = min(control[INTERVAL], control[TARGET_STEP] - control[STEP])
    if not _log_has_room(groups, steps):
        return 1
    if not _keepers_have_room(groups, queues, histories, steps):
        return 2
    control[STEPS] = steps
    if couplings.shape[0] > 0:
        _couple(groups, couplings)
    return 0


@njit(error_model="numpy")
def _end_phase(control, groups, parts, queues, histories, couplings):
    """What a single thread does when all tasks of a phase are done: prepare the next; 0, or why the threads stop."""
    end = control[STEP] + control[STEPS]
    if control[UPDATING] == 1:
        for g in range(groups.shape[0]):
            if groups[g, KERNEL_ADDRESS] != 0:
                groups[g, CURSOR] = 0
                if parts.shape[0] > 1:
                    _merge(groups, parts, g, control[STEP], control[STEPS])
                if groups[g, LOG_CAPACITY] > 0:
                    _log(groups[g])
        control[UPDATING] = 0
        _begin_delivery(control, groups, queues, histories, control[STEP] + 1, end)
        return 0
    done = control[LAST_DELIVERED]
    ends = np.zeros(groups.shape[0], dtype=np.int64)
    _find_ends(groups, groups[:, CURSOR].copy(), ends, done)
    groups[:, CURSOR] = ends
    if done < end:
        _begin_delivery(control, groups, queues, histories, done + 1, end)
        return 0
    control[STEP], control[STEPS] = end, 0
    control[UPDATING] = 1
    return _begin_interval(control, groups, queues, histories, couplings)


@njit(cache=True, nogil=True, error_model="numpy")
def begin(control, groups, queues, histories):
    """Prepare what `drive` does, and return 0; 2 if keepers need room."""
    if not _keepers_have_room(groups, queues, histories, 1):
        return 2
    for g in range(groups.shape[0]):
        if groups[g, KERNEL_ADDRESS] != 0:
            groups[g, SPIKE_COUNT] = 0
            groups[g, CURSOR] = 0
    control[STEPS] = control[UPDATING] = control[FINISHED] = control[TASK] = 0
    _begin_delivery(control, groups, queues, histories, control[STEP], control[STEP])
    return 0


@njit(cache=True, nogil=True, error_model="numpy")
def drive(control, groups, parts, routes, queues, histories, pathways, couplings):
    """Run to control[TARGET_STEP] and return 0; 1 if a log of spikes must be emptied first, 2 if keepers need room.

    `queues`, `histories` and `pathways` are addresses of records. Several threads may call this at the same time. Two
    phases alternate: cells are updated, and their spikes are delivered. Each has a task for each slice of the cells,
    which any thread may do; parts[task] are the records of these cells. The thread that does the last task prepares the
    next phase. With a single slice, parts[0] are the groups themselves.
    """
    address = control.ctypes.data
    while True:
        task = _take_task(control)
        if task < 0:
            return control[REASON] % 3
        if control[UPDATING] == 1:
            _update(control, groups, parts, pathways, task)
        else:
            _deliver_steps(control, groups, parts, routes, pathways, task)
        if _add_atomically(address + 8 * FINISHED, 1) == control[SLICES] - 1:
            _add_atomically(address + 8 * FINISHED, -control[SLICES])
            control[REASON] = _end_phase(control, groups, parts, queues, histories, couplings)
            phase = _add_atomically(address + 8 * TASK, 0) // PHASE_TASKS
            following = (phase + 1) * PHASE_TASKS if control[REASON] == 0 else -1
            _add_atomically(address + 8 * TASK, following - phase * PHASE_TASKS - control[SLICES])


@njit(cache=True, nogil=True)
def count_sources(pre, starts):
    """Turn `starts`, of zeros, into the first index of each source's row, shifted by one place; see `place`."""
    for k in range(pre.shape[0]):
        starts[pre[k] + 2] += 1
    for row in range(2, starts.shape[0]):
        starts[row] += starts[row - 1]


@njit(cache=True, nogil=True)
def is_sorted(pre, post):
    """Whether connections are in order of target, then source."""
    for k in range(1, pre.shape[0]):
        if post[k] < post[k - 1] or (post[k] == post[k - 1] and pre[k] < pre[k - 1]):
            return False
    return True


@njit(cache=True, nogil=True)
def count_targets(posts, counts):
    """Add to `counts` how many connections each target cell has."""
    for k in range(posts.shape[0]):
        counts[np.int64(posts[k])] += 1


@njit(cache=True, nogil=True)
def restore(posts, places, column, table):
    """Put a column into the order of targets; `places` are where those of each target begin, and end up at its end."""
    for k in range(posts.shape[0]):
        post = np.int64(posts[k])
        table[places[post]] = column[k]
        places[post] += 1


@njit(cache=True, nogil=True)
def restore_sources(starts, posts, places, table):
    """Put source cells into the order of targets; see `restore`."""
    for source in range(starts.shape[0] - 1):
        for k in range(starts[source], starts[source + 1]):
            post = np.int64(posts[k])
            table[places[post]] = source
            places[post] += 1


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
