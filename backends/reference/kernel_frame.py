"""The frame of a compiled cell type: unpacks a group's record, and around the generated `update` does what all share.

It is text because it only becomes a module together with the code of a cell type, which defines `update`, with the
constants of pyNN.reference.layout, and with PER_CELL.
"""

CELLS_AT_ONCE = 1024
"""A multiple of the cells that vector instructions work on together."""

FRAME = """
from numba import carray

from pyNN.compilation.pointers import floats, integers, pointer


@njit(error_model="numpy")
def _inject(group, update_step):
    injected = floats(group[INJECTED_ADDRESS], group[SIZE])
    first, last = group[FIRST_CELL], group[LAST_CELL]
    if group[COUPLED_ADDRESS] != 0:
        coupled = floats(group[COUPLED_ADDRESS], group[SIZE])
        for cell in range(first, last):
            injected[cell] = coupled[cell]
    else:
        injected[first:last] = 0.0
    if group[CURRENTS] == 0:
        return
    currents = carray(pointer(group[CURRENT_ADDRESS]), (group[CURRENTS], CURRENT_FIELDS), np.int64)
    offset = update_step - group[SIGNAL_START]
    for c in range(currents.shape[0]):
        value = floats(currents[c, SIGNAL_ADDRESS], offset + 1)[offset]
        targets = integers(currents[c, TARGET_ADDRESS], currents[c, TARGETS])
        for k in range(targets.shape[0]):
            if first <= targets[k] < last:
                injected[targets[k]] += value


@njit(error_model="numpy")
def _record(group, step):
    recordings = carray(pointer(group[RECORDING_ADDRESS]), (group[RECORDINGS], RECORDING_FIELDS), np.int64)
    size = group[SIZE]
    for r in range(recordings.shape[0]):
        if recordings[r, NEXT_STEP] != step:
            continue
        count = recordings[r, RECORDED]
        states = floats(group[STATE_ADDRESS] + 8 * recordings[r, STATE_ROW] * size, size)
        cells = integers(recordings[r, RECORDED_ADDRESS], count)
        data = floats(recordings[r, DATA_ADDRESS] + 8 * recordings[r, SAMPLES] * recordings[r, ROW_LENGTH], count)
        for k in range(count):
            data[k] = states[cells[k]]
        recordings[r, SAMPLES] += 1
        recordings[r, NEXT_STEP] += recordings[r, EVERY]


@njit(error_model="numpy")
def _look_for_wrong(group, states, step):
    # Keep where states are not finite for the first time.
    if group[WRONG_STEP] != 0:
        return
    for cell in range(group[FIRST_CELL], group[LAST_CELL]):
        wrong = False
        for row in range(group[STATES]):
            if states[row, cell] - states[row, cell] == 0.0:
                continue
            wrong = True
            if group[WRONG_STEP] == 0:
                group[WRONG_STEP], group[WRONG_STATE], group[WRONG_CELL] = step, row, cell
                group[WRONG_SIGN] = (1 if states[row, cell] > 0.0 else 0) - (1 if states[row, cell] < 0.0 else 0)
        if wrong:
            group[WRONG_CELLS] += 1


@njit(error_model="numpy")
def kernel(address, first_step, count):
    # Take `count` updates of the cells of one thread; the spikes go to its lists, and their number is the result.
    group = integers(address, GROUP_FIELDS)
    size, first, last = group[SIZE], group[FIRST_CELL], group[LAST_CELL]
    states = carray(pointer(group[STATE_ADDRESS]), (group[STATES], size), np.float64)
    scratch = carray(pointer(group[SCRATCH_ADDRESS]), (group[STATES], size), np.float64)
    refractory = floats(group[REFRACTORY_ADDRESS], size)
    injected = floats(group[INJECTED_ADDRESS], size)
    flags = integers(group[FLAG_ADDRESS], size)[first:last]
    with_currents = group[CURRENTS] > 0 or group[COUPLED_ADDRESS] != 0
    if PER_CELL:
        coefficients = carray(pointer(group[COEFFICIENT_ADDRESS]), (group[COEFFICIENTS], size), np.float64)
    else:
        coefficients = carray(pointer(group[COEFFICIENT_ADDRESS]), (group[COEFFICIENTS],), np.float64)
    row = 8 * group[RECEPTORS] * size
    spikes = 0
    spike_steps = integers(group[SPIKE_STEP_ADDRESS], count * (last - first))
    spike_cells = integers(group[SPIKE_CELL_ADDRESS], count * (last - first))
    for step in range(first_step + 1, first_step + 1 + count):
        if with_currents:
            _inject(group, step - 1)
        arrived = carray(
            pointer(group[RING_ADDRESS] + (step & (group[SLOTS] - 1)) * row), (group[RECEPTORS], size), np.float64
        )
        key = group[RANDOM_KEY]
        met = 0
        # Some cells after the other: their flags, and zeros where no currents are, stay in the innermost cache.
        for begin in range(first, last, CELLS_AT_ONCE):
            end = min(begin + CELLS_AT_ONCE, last)
            currents = begin if with_currents else first
            found = update(
                begin, end, states, refractory[begin:end], arrived, injected[currents : currents + end - begin],
                coefficients, flags, scratch, key, step,
            )
            met |= found
            if found & SPIKES:
                for cell in range(end - begin):
                    if flags[cell] != 0:
                        spike_steps[spikes] = step
                        spike_cells[spikes] = begin + cell
                        spikes += 1
        if met & NOT_FINITE:
            _look_for_wrong(group, states, step)
        if group[RECORDINGS] > 0:
            _record(group, step)
    return spikes
"""
