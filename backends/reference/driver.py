"""The compiled run loop: one for all networks. Cell types, routes and rules are called by their kernels' addresses.

In every interval, whose length is at most the smallest delay, all groups are updated, and then the interval's spikes
are delivered: step by step, route by route, cell by cell. So the order in which weights are added up, and with it the
result to the last bit, does not depend on how a run is cut into intervals. Nor does it depend on the number of threads:
cells are divided into slices, of which one thread at a time updates the cells, or delivers all spikes to them.

Where the input of cells comes from bundles (see pyNN.reference.bundles), a spike is delivered in pieces: what arrives
in the next steps, of which there are control[REACH]. When they are over, it is the turn of the same number of steps;
until then new spikes add what arrives in these steps. The order of additions to each input is the same: by step, route
and cell.

Only processes that compile import this module.
"""

# mypy: ignore-errors

from __future__ import annotations

from numba import njit

from pyNN.compilation.pointers import (
    add_atomically,
    call,
    call_plain,
    floats,
    integers,
    read_atomically,
    records,
    replace_atomically,
)
from pyNN.reference.layout import (
    ALONE,
    ARRIVED,
    ASKED,
    BUNDLE_FIELDS,
    BUNDLE_FIRST,
    BUNDLE_GROUP,
    BUNDLE_IN_FLIGHT,
    BUNDLE_KERNEL,
    BUNDLE_LAST,
    BUNDLE_PIECES,
    BUNDLE_ROUTE_ADDRESS,
    BUNDLE_SHORTEST,
    BUNDLE_SLICE,
    BUNDLE_TABLE_ADDRESS,
    BUNDLE_TIME_ADDRESS,
    BUNDLED,
    BUNDLES,
    CLAIM_ADDRESS,
    CLOCK,
    CLOCK_KIND,
    CONTROL_FIELDS,
    COUNT_ADDRESS,
    COUNT_KERNEL,
    COUPLE_KERNEL,
    CURSOR,
    FINISHED,
    FIRST_CELL,
    FIRST_DELIVERED,
    FLIGHT_BEGIN,
    FLIGHT_CAPACITY,
    FLIGHT_CELL_ADDRESS,
    FLIGHT_END,
    FLIGHT_STEP_ADDRESS,
    GROUP_ADDRESS,
    GROUP_FIELDS,
    GROUP_TIME,
    GROUPS,
    HISTORIES,
    HISTORY_ADDRESS,
    HISTORY_CAPACITY,
    HISTORY_FIELDS,
    HISTORY_GROUP_ROW,
    HISTORY_KERNEL,
    HISTORY_LARGEST,
    INPUT_ADDRESS,
    INPUT_SLOTS,
    INTERVAL,
    KERNEL_ADDRESS,
    LAST_CELL,
    LAST_DELIVERED,
    LOG_CAPACITY,
    LOG_CELL_ADDRESS,
    LOG_COUNT,
    LOG_STEP_ADDRESS,
    LONGEST,
    MEASURED,
    PART_ADDRESS,
    PATHWAY_ADDRESS,
    PATHWAY_CURSOR,
    PATHWAY_EARLY,
    PATHWAY_FIELDS,
    PATHWAY_KERNEL,
    PATHWAY_QUEUE,
    PATHWAY_SLICE,
    PATHWAY_TIME,
    PATHWAYS,
    PATIENCE,
    PHASE,
    QUEUE_ADDRESS,
    QUEUE_CAPACITY,
    QUEUE_CELL_ADDRESS,
    QUEUE_COUNT,
    QUEUE_EVENT_ADDRESS,
    QUEUE_EVERY,
    QUEUE_FIELDS,
    QUEUE_GROUP,
    QUEUE_STEP_ADDRESS,
    QUEUES,
    RANKS,
    REACH,
    REASON,
    RECEPTOR_STRIDE,
    RECEPTORS,
    RING_ADDRESS,
    ROUTE_FIELDS,
    ROUTE_KERNEL,
    ROUTE_SLICE,
    ROUTE_TABLE_ADDRESS,
    ROUTE_TIME,
    ROUTES,
    SCRATCH,
    SCRATCH_WIDTH,
    SETTLED,
    SHORT,
    SIZE,
    SLICES,
    SLOT_STRIDE,
    SLOTS,
    SOURCE,
    SPIKE_CELL_ADDRESS,
    SPIKE_COUNT,
    SPIKE_STEP_ADDRESS,
    STEP,
    STEPPED,
    STEPS,
    TARGET_STEP,
    TIME_ADDRESS,
    UPDATING,
    WATCH,
    WORK,
    YIELD_ADDRESS,
)

SPINS = 2000
"""How often a thread without a task looks for one before it gives way."""
SPINS_FOR_OTHERS = 300
"""How often it looks for that of its own slice before it takes another."""
INTERVALS_A_MEASUREMENT = 8
"""How often it is measured whether there is enough to do for several threads."""
LONGER = 1.5
"""By how much the work of an interval must be longer than what is short for one thread to get help."""
ASK_FOR_HELP = 4
"""How many measured intervals in a row must be so long."""
LARGEST_PATIENCE = 256
"""How many must be short at most for it to be alone again: that number is doubled at each change."""


@njit
def _groups(control):
    return records(control[GROUP_ADDRESS], control[GROUPS], GROUP_FIELDS)


@njit
def _scratch(control, task, row):
    """Room for a number a group, or a slice; each task has two rows, and so has what is done alone (task SLICES)."""
    width = control[SCRATCH_WIDTH]
    return integers(control[SCRATCH] + 8 * width * (2 * task + row), width)


@njit
def _time(clock, control, task):
    """Time in ns, which the operating system writes as seconds and ns; 0 without a clock."""
    if clock == 0:
        return 0
    address = control[TIME_ADDRESS] + 64 * task
    call(clock, control[CLOCK_KIND], address, 0)
    time = integers(address, 2)
    return 1000000000 * time[0] + time[1]


@njit
def _now(control, task):
    return _time(control[CLOCK], control, task)


@njit
def _takes(claims, slice_number, phase):
    """Whether the task of a slice was not taken in this phase, and now is."""
    claim = claims + 64 * slice_number
    return read_atomically(claim) == phase - 1 and replace_atomically(claim, phase - 1, phase) != 0


@njit
def _take_task(address, thread):
    """The slice of a task that nobody has taken yet, as soon as there is one; -1: the threads stop.

    A thread's own slice comes first, whose cells are in the caches of its processor. Others are taken where that does
    not happen for a while: a thread that the system keeps waiting keeps no other waiting.
    """
    control = integers(address, CONTROL_FIELDS)
    claims, slices = control[CLAIM_ADDRESS], control[SLICES]
    patience = 0 if control[ALONE] != 0 else SPINS_FOR_OTHERS
    turns = 0
    while True:
        phase = read_atomically(address + 8 * PHASE)
        if phase < 0:
            return -1
        if _takes(claims, thread, phase):
            return thread
        if turns >= patience:
            for number in range(slices):
                if _takes(claims, number, phase):
                    return number
        turns += 1
        if turns > SPINS and control[YIELD_ADDRESS] != 0:
            call_plain(control[YIELD_ADDRESS])


@njit(error_model="numpy")
def _take_over_events(queue, size, step):
    """Give the events of a step to the queue that keeps them."""
    if step < 0 or step % queue[QUEUE_EVERY] != 0:
        return
    count = queue[QUEUE_COUNT]
    happens = floats(queue[QUEUE_EVENT_ADDRESS], size)
    steps = integers(queue[QUEUE_STEP_ADDRESS], queue[QUEUE_CAPACITY])
    cells = integers(queue[QUEUE_CELL_ADDRESS], queue[QUEUE_CAPACITY])
    for c in range(size):
        if happens[c] != 0.0:
            steps[count] = step
            cells[count] = c
            count += 1
    queue[QUEUE_COUNT] = count


@njit(error_model="numpy")
def _take_over(control, cursors, ends, updated):
    """Give the spikes of a step to those who keep spikes, and the events of the step to which cells were `updated`."""
    groups = _groups(control)
    queues = integers(control[QUEUE_ADDRESS], control[QUEUES])
    for q in range(queues.shape[0]):
        queue = integers(queues[q], QUEUE_FIELDS)
        g = queue[QUEUE_GROUP]
        first, last = cursors[g], ends[g]
        if queue[QUEUE_EVENT_ADDRESS] != 0:
            _take_over_events(queue, groups[g, SIZE], updated)
        elif first < last:
            count = queue[QUEUE_COUNT]
            steps = integers(groups[g, SPIKE_STEP_ADDRESS], last)
            cells = integers(groups[g, SPIKE_CELL_ADDRESS], last)
            queue_steps = integers(queue[QUEUE_STEP_ADDRESS], queue[QUEUE_CAPACITY])
            queue_cells = integers(queue[QUEUE_CELL_ADDRESS], queue[QUEUE_CAPACITY])
            for k in range(first, last):
                queue_steps[count] = steps[k]
                queue_cells[count] = cells[k]
                count += 1
            queue[QUEUE_COUNT] = count
    histories = integers(control[HISTORY_ADDRESS], control[HISTORIES])
    for h in range(histories.shape[0]):
        history = integers(histories[h], HISTORY_FIELDS)
        g = history[HISTORY_GROUP_ROW]
        if cursors[g] < ends[g]:
            call(history[HISTORY_KERNEL], histories[h], cursors[g], ends[g])


@njit(error_model="numpy")
def _follow_rules(control, early, step, task):
    """Let a slice's pathways that deal with spikes early, or those that do not, deal with what is due at a step."""
    pathways = integers(control[PATHWAY_ADDRESS], control[PATHWAYS])
    for p in range(pathways.shape[0]):
        pathway = integers(pathways[p], PATHWAY_FIELDS)
        if pathway[PATHWAY_SLICE] != task or pathway[PATHWAY_EARLY] != early:
            continue
        queue = integers(pathway[PATHWAY_QUEUE], QUEUE_FIELDS)
        if pathway[PATHWAY_CURSOR] < queue[QUEUE_COUNT]:
            begin = _now(control, task)
            call(pathway[PATHWAY_KERNEL], pathways[p], step, 0)
            pathway[PATHWAY_TIME] += _now(control, task) - begin


@njit(error_model="numpy")
def _go_on(control, task):
    """Let a slice's synapses that do something in every step do so, and what they do with spikes before the update."""
    pathways = integers(control[PATHWAY_ADDRESS], control[PATHWAYS])
    for p in range(pathways.shape[0]):
        pathway = integers(pathways[p], PATHWAY_FIELDS)
        if pathway[PATHWAY_SLICE] == task and pathway[PATHWAY_EARLY] >= 2:
            begin = _now(control, task)
            call(pathway[PATHWAY_KERNEL], pathways[p], control[STEP], 0)
            pathway[PATHWAY_TIME] += _now(control, task) - begin


@njit(error_model="numpy")
def _keepers_have_room(control, steps):
    groups = _groups(control)
    queues = integers(control[QUEUE_ADDRESS], control[QUEUES])
    for q in range(queues.shape[0]):
        queue = integers(queues[q], QUEUE_FIELDS)
        g = queue[QUEUE_GROUP]
        number = groups[g, SIZE] * steps
        if groups[g, KERNEL_ADDRESS] == 0:
            number = groups[g, SPIKE_COUNT] - groups[g, CURSOR]
        if queue[QUEUE_CAPACITY] - queue[QUEUE_COUNT] < number:
            return False
    histories = integers(control[HISTORY_ADDRESS], control[HISTORIES])
    for h in range(histories.shape[0]):
        history = integers(histories[h], HISTORY_FIELDS)
        if history[HISTORY_CAPACITY] - history[HISTORY_LARGEST] < steps:
            return False
    return True


@njit(error_model="numpy")
def _first_after(address, begin, number, step):
    """The first of `number` spikes, from `begin` on, that is after a step."""
    steps = integers(address, number)
    while begin < number and steps[begin] <= step:
        begin += 1
    return begin


@njit(error_model="numpy")
def _find_ends(groups, cursors, ends, step):
    """For each group the first spike after a step."""
    for g in range(groups.shape[0]):
        ends[g] = _first_after(groups[g, SPIKE_STEP_ADDRESS], cursors[g], groups[g, SPIKE_COUNT], step)


@njit(error_model="numpy")
def _deliver_steps(control, task):
    """Deliver the spikes of some steps to the cells of one slice."""
    groups = _groups(control)
    routes = records(control[ROUTE_TABLE_ADDRESS], control[ROUTES], ROUTE_FIELDS)
    cursors, ends = _scratch(control, task, 0), _scratch(control, task, 1)
    for g in range(groups.shape[0]):
        cursors[g] = groups[g, CURSOR]
    begin = control[STEP]
    for step in range(control[FIRST_DELIVERED], control[LAST_DELIVERED] + 1):
        _find_ends(groups, cursors, ends, step)
        for r in range(routes.shape[0]):
            if routes[r, ROUTE_SLICE] != task:
                continue
            source = routes[r, SOURCE]
            first, last = cursors[source], ends[source]
            if groups[source, COUNT_ADDRESS] != 0:
                # Those of the step at which an interval begins belong to the interval before.
                first, last = begin, step
            if first < last:
                start = _now(control, task)
                address = control[ROUTE_TABLE_ADDRESS] + 8 * ROUTE_FIELDS * r
                call(routes[r, ROUTE_KERNEL], address, first, last)
                routes[r, ROUTE_TIME] += _now(control, task) - start
        _follow_rules(control, 0, step, task)
        for g in range(groups.shape[0]):
            cursors[g] = ends[g]
    end = control[STEP] + control[STEPS]
    if control[BUNDLES] > 0 and control[LAST_DELIVERED] == end:
        # Of spikes before these, what arrives in some more steps than the next ones has been brought already.
        arrived = control[ARRIVED]
        _bring(control, task, control[STEP] + 1, end + 1, arrived, end)
        if arrived < end + control[INTERVAL]:
            _bring_next(control, task, arrived + 1, end + control[REACH], end)


@njit(error_model="numpy")
def _parts(control, task):
    number = control[GROUPS]
    return records(control[PART_ADDRESS] + 8 * GROUP_FIELDS * number * task, number, GROUP_FIELDS)


@njit(error_model="numpy")
def _exchange_with_rings(control, task, first, last, is_in):
    """Bring what the rings of one slice have for some steps into the input of bundles; or the other way round."""
    parts = _parts(control, task)
    for g in range(parts.shape[0]):
        part = parts[g]
        if part[BUNDLED] == 0:
            continue
        # A ring had the steps after the one at which all input was in it, and is to have those after the present one.
        end = min(last, (control[SETTLED] if is_in else control[STEP]) + part[SLOTS])
        for step in range(first, end + 1):
            for receptor in range(part[RECEPTORS]):
                row = (step & (part[SLOTS] - 1)) * part[RECEPTORS] + receptor
                ring = floats(part[RING_ADDRESS] + 8 * row * part[SIZE], part[SIZE])
                place = (step & (part[INPUT_SLOTS] - 1)) * part[SLOT_STRIDE] + receptor * part[RECEPTOR_STRIDE]
                own = floats(part[INPUT_ADDRESS] + 8 * place, part[LAST_CELL])
                source, target = (ring, own) if is_in else (own, ring)
                for cell in range(part[FIRST_CELL], part[LAST_CELL]):
                    target[cell] = source[cell]
                    source[cell] = 0.0


@njit(error_model="numpy")
def _bring(control, task, since, first, last, present):
    """Add up what arrives at one slice's cells in the steps first to last, from bundles.

    That is of the spikes of the steps `since` to `present`.
    """
    if first > last or since > present:
        return
    start = _now(control, task)
    groups = _groups(control)
    bundles = records(control[BUNDLE_TABLE_ADDRESS], control[BUNDLES], BUNDLE_FIELDS)
    cursors, ends = _scratch(control, task, 0), _scratch(control, task, 1)
    for g in range(groups.shape[0]):
        flight, end = groups[g, FLIGHT_STEP_ADDRESS], groups[g, FLIGHT_END]
        cursors[g] = _first_after(flight, groups[g, FLIGHT_BEGIN], end, since - 1)
    for step in range(since, present + 1):
        for g in range(groups.shape[0]):
            ends[g] = _first_after(groups[g, FLIGHT_STEP_ADDRESS], cursors[g], groups[g, FLIGHT_END], step)
        for b in range(bundles.shape[0]):
            if bundles[b, BUNDLE_SLICE] != task:
                continue
            address = control[BUNDLE_TABLE_ADDRESS] + 8 * BUNDLE_FIELDS * b
            g = bundles[b, BUNDLE_GROUP]
            if bundles[b, BUNDLE_ROUTE_ADDRESS] != 0:
                if step > control[SETTLED] and first <= step + bundles[b, BUNDLE_SHORTEST] <= last:
                    call(bundles[b, BUNDLE_KERNEL], bundles[b, BUNDLE_ROUTE_ADDRESS], step - 1, step)
                    bundles[b, BUNDLE_PIECES] += 1
            elif cursors[g] < ends[g]:
                bundles[b, BUNDLE_FIRST], bundles[b, BUNDLE_LAST] = first, last
                bundles[b, BUNDLE_IN_FLIGHT] = groups[g, FLIGHT_END]
                call(bundles[b, BUNDLE_KERNEL], address, cursors[g], ends[g])
                bundles[b, BUNDLE_PIECES] += ends[g] - cursors[g]
        for g in range(groups.shape[0]):
            cursors[g] = ends[g]
    integers(control[BUNDLE_TIME_ADDRESS], control[SLICES])[task] += _now(control, task) - start


@njit(error_model="numpy")
def _bring_next(control, task, first, last, present):
    """Have all input of one slice's cells in the steps first to last, in which nothing has been brought, in place."""
    _exchange_with_rings(control, task, first, last, True)
    _bring(control, task, first - control[LONGEST], first, last, present)


@njit(error_model="numpy")
def _take_off(control):
    """Keep the spikes of an interval until all of them is delivered from bundles, and forget those that are."""
    groups = _groups(control)
    for g in range(groups.shape[0]):
        group = groups[g]
        capacity = group[FLIGHT_CAPACITY]
        if capacity == 0:
            continue
        steps = integers(group[FLIGHT_STEP_ADDRESS], capacity)
        cells = integers(group[FLIGHT_CELL_ADDRESS], capacity)
        begin, end = group[FLIGHT_BEGIN], group[FLIGHT_END]
        while begin < end and steps[begin] + control[LONGEST] <= control[ARRIVED]:
            begin += 1
        new = group[SPIKE_COUNT]
        if end + new > capacity:
            for k in range(end - begin):
                steps[k], cells[k] = steps[begin + k], cells[begin + k]
            begin, end = 0, end - begin
        new_steps = integers(group[SPIKE_STEP_ADDRESS], new)
        new_cells = integers(group[SPIKE_CELL_ADDRESS], new)
        for k in range(new):
            steps[end + k], cells[end + k] = new_steps[k], new_cells[k]
        group[FLIGHT_BEGIN], group[FLIGHT_END] = begin, end + new


@njit(error_model="numpy")
def settle(address, task, unused):
    """Bring all that is still to be delivered from bundles to one slice into the rings.

    What the slices share is to be set by the caller afterwards.
    """
    control = integers(address, CONTROL_FIELDS)
    present = control[STEP]
    _exchange_with_rings(control, task, present + 1, control[ARRIVED], False)
    first, end = control[ARRIVED] + 1, present + control[LONGEST]
    while first <= end:
        last = min(first + control[REACH] - 1, end)
        _bring_next(control, task, first, last, present)
        _exchange_with_rings(control, task, first, last, False)
        first = last + 1
    return 0


@njit(error_model="numpy")
def _update(control, task):
    """Update the cells of one slice in the steps of an interval."""
    first, steps = control[STEP], control[STEPS]
    _follow_rules(control, 1, first, task)
    number, parts = control[GROUPS], _parts(control, task)
    for g in range(number):
        address = control[PART_ADDRESS] + 8 * GROUP_FIELDS * (number * task + g)
        if parts[g, KERNEL_ADDRESS] != 0:
            begin = _now(control, task)
            parts[g, SPIKE_COUNT] = call(parts[g, KERNEL_ADDRESS], address, first, steps)
            parts[g, GROUP_TIME] += _now(control, task) - begin
        elif parts[g, COUNT_ADDRESS] != 0:
            begin = _now(control, task)
            call(parts[g, COUNT_KERNEL], address, first, steps)
            parts[g, GROUP_TIME] += _now(control, task) - begin


@njit(error_model="numpy")
def _merge(control, g):
    """Bring the spikes of a group that were found slice by slice into one list, in order of step, then cell."""
    slices, number = control[SLICES], control[GROUPS]
    group = integers(control[GROUP_ADDRESS] + 8 * GROUP_FIELDS * g, GROUP_FIELDS)
    parts = records(control[PART_ADDRESS], slices * number, GROUP_FIELDS)
    at = _scratch(control, slices, 0)
    total = 0
    for t in range(slices):
        at[t] = 0
        total += parts[t * number + g, SPIKE_COUNT]
    merged_steps = integers(group[SPIKE_STEP_ADDRESS], total)
    merged_cells = integers(group[SPIKE_CELL_ADDRESS], total)
    count = 0
    for step in range(control[STEP] + 1, control[STEP] + 1 + control[STEPS]):
        if count == total:
            break
        for t in range(slices):
            part = parts[t * number + g]
            end = part[SPIKE_COUNT]
            own_steps = integers(part[SPIKE_STEP_ADDRESS], end)
            own_cells = integers(part[SPIKE_CELL_ADDRESS], end)
            while at[t] < end and own_steps[at[t]] == step:
                merged_steps[count] = step
                merged_cells[count] = own_cells[at[t]]
                at[t] += 1
                count += 1
    group[SPIKE_COUNT] = total


@njit(error_model="numpy")
def _log(group):
    count, new = group[LOG_COUNT], group[SPIKE_COUNT]
    log_steps = integers(group[LOG_STEP_ADDRESS], group[LOG_CAPACITY])
    log_cells = integers(group[LOG_CELL_ADDRESS], group[LOG_CAPACITY])
    steps = integers(group[SPIKE_STEP_ADDRESS], new)
    cells = integers(group[SPIKE_CELL_ADDRESS], new)
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
def _begin_delivery(control, first, last):
    """Let the spikes of some steps be delivered: one by one if somebody keeps spikes for later."""
    control[FIRST_DELIVERED] = first
    control[LAST_DELIVERED] = first if control[QUEUES] > 0 else last
    if control[BUNDLES] > 0 and control[STEPS] > 0 and control[LAST_DELIVERED] == control[STEP] + control[STEPS]:
        _take_off(control)
    if control[QUEUES] > 0:
        groups = _groups(control)
        cursors, ends = _scratch(control, control[SLICES], 0), _scratch(control, control[SLICES], 1)
        for g in range(groups.shape[0]):
            cursors[g] = groups[g, CURSOR]
        _find_ends(groups, cursors, ends, first)
        _take_over(control, cursors, ends, first if first > control[STEP] else -1)


@njit(error_model="numpy")
def _begin_interval(control, address):
    """Decide on the next interval: 0, or why there is none."""
    if control[STEP] >= control[TARGET_STEP]:
        return 3
    steps = min(control[INTERVAL], control[TARGET_STEP] - control[STEP])
    if not _log_has_room(_groups(control), steps):
        return 1
    if not _keepers_have_room(control, steps):
        return 2
    control[STEPS] = steps
    if control[COUPLE_KERNEL] != 0:
        call(control[COUPLE_KERNEL], address, 0, 0)
    return 0


@njit(error_model="numpy")
def _changes_threads(control):
    """Whether one thread is to go on alone, or no longer: what that saves, and costs, depends on the work measured."""
    if control[WATCH] == 0:
        return False
    work, alone = control[WORK], control[ALONE] != 0
    if control[MEASURED] != 0:
        asks = work > LONGER * control[SHORT] if alone else work < control[SHORT]
        control[ASKED] = control[ASKED] + 1 if asks else 0
    interval = control[STEP] // control[INTERVAL]
    control[MEASURED] = 1 if control[ASKED] > 0 or interval % INTERVALS_A_MEASUREMENT == 0 else 0
    control[WORK] = 0
    if control[ASKED] < (ASK_FOR_HELP if alone else control[PATIENCE]):
        return False
    control[ALONE], control[ASKED] = 0 if alone else 1, 0
    control[PATIENCE] = min(2 * control[PATIENCE], LARGEST_PATIENCE)
    return True


@njit(error_model="numpy")
def _end_phase(control, address):
    """What a single thread does when all tasks of a phase are done: prepare the next; 0, or why the threads stop."""
    end = control[STEP] + control[STEPS]
    groups = _groups(control)
    if control[UPDATING] == 2:
        control[UPDATING] = 1
        return 0
    if control[UPDATING] == 1:
        for g in range(groups.shape[0]):
            if groups[g, KERNEL_ADDRESS] != 0:
                groups[g, CURSOR] = 0
                if control[SLICES] > 1:
                    _merge(control, g)
                if groups[g, LOG_CAPACITY] > 0:
                    _log(groups[g])
        control[UPDATING] = 0
        if control[RANKS] > 0:
            return 4
        _begin_delivery(control, control[STEP] + 1, end)
        return 0
    done = control[LAST_DELIVERED]
    cursors, ends = _scratch(control, control[SLICES], 0), _scratch(control, control[SLICES], 1)
    for g in range(groups.shape[0]):
        cursors[g] = groups[g, CURSOR]
    _find_ends(groups, cursors, ends, done)
    for g in range(groups.shape[0]):
        groups[g, CURSOR] = ends[g]
    if done < end:
        _begin_delivery(control, done + 1, end)
        return 0
    if control[ARRIVED] < end + control[INTERVAL]:
        control[ARRIVED] = end + control[REACH]
    changes = control[STEPS] > 0 and _changes_threads(control)
    control[STEP], control[STEPS] = end, 0
    control[UPDATING] = 1 + control[STEPPED]
    if changes and end < control[TARGET_STEP]:
        return 5
    return _begin_interval(control, address)


@njit
def _begin_phases(control):
    for number in range(control[SLICES]):
        integers(control[CLAIM_ADDRESS] + 64 * number, 1)[0] = 0
    control[PHASE], control[FINISHED] = 1, 0


@njit(error_model="numpy")
def begin(address, unused_1, unused_2):
    """Prepare what `drive` does, and return 0; 2 if keepers need room."""
    control = integers(address, CONTROL_FIELDS)
    groups = _groups(control)
    if not _keepers_have_room(control, 1):
        return 2
    for g in range(groups.shape[0]):
        if groups[g, KERNEL_ADDRESS] != 0:
            groups[g, SPIKE_COUNT] = 0
            groups[g, CURSOR] = 0
    control[STEPS] = control[UPDATING] = 0
    _begin_phases(control)
    _begin_delivery(control, control[STEP], control[STEP])
    return 0


@njit(error_model="numpy")
def resume(address, unused_1, unused_2):
    """Prepare what `drive` does after the spikes of an interval have been exchanged with other ranks, and return 0."""
    control = integers(address, CONTROL_FIELDS)
    _begin_phases(control)
    _begin_delivery(control, control[STEP] + 1, control[STEP] + control[STEPS])
    return 0


@njit(error_model="numpy")
def drive(address, thread, unused):
    """Run to control[TARGET_STEP] and return 0; 1 if a log of spikes must be emptied first, 2 if keepers need room.

    4: the spikes of an interval must be exchanged with other ranks; `resume` is to be called then.
    5: control[ALONE] has changed, which says whether other threads are of use.
    `address` is that of the control record. Several threads may call this at the same time, each with its number. Two
    phases alternate: cells are updated, and their spikes are delivered; before the update there is a third one if there
    are synapses that go on in every step. Each has a task for each slice of the cells, which any thread may do; there
    is a table of records of groups for each slice. The thread that does the last task prepares the next phase.
    With a single slice, its table is that of the groups.
    """
    control = integers(address, CONTROL_FIELDS)
    while True:
        task = _take_task(address, thread)
        if task < 0:
            return 0 if control[REASON] == 3 else control[REASON]
        watch = control[WATCH] if control[MEASURED] != 0 else 0
        start = _time(watch, control, task)
        if control[UPDATING] == 1:
            _update(control, task)
        elif control[UPDATING] == 2:
            _go_on(control, task)
        else:
            _deliver_steps(control, task)
        if watch != 0:
            add_atomically(address + 8 * WORK, _time(watch, control, task) - start)
        if add_atomically(address + 8 * FINISHED, 1) == control[SLICES] - 1:
            add_atomically(address + 8 * FINISHED, -control[SLICES])
            control[REASON] = _end_phase(control, address)
            add_atomically(address + 8 * PHASE, 1 if control[REASON] == 0 else -1 - control[PHASE])
