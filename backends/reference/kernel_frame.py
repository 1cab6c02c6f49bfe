"""The frame of a compiled cell type: unpacks a group's record, and around the generated `update` does what all share.

It is text because it only becomes a module together with the code of a cell type, which defines `update`, with the
constants of pyNN.reference.layout, and with PER_CELL.
"""

FRAME = """
from numba import carray, cfunc, types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def _pointer(typing, address):
    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


@njit
def _floats(address, size):
    return carray(_pointer(address), (size,), np.float64)


@njit
def _integers(address, size):
    return carray(_pointer(address), (size,), np.int64)


@njit(error_model="numpy")
def _inject(group, update_step):
    injected = _floats(group[INJECTED_ADDRESS], group[SIZE])
    first, last = group[FIRST_CELL], group[LAST_CELL]
    if group[COUPLED_ADDRESS] != 0:
        injected[first:last] = _floats(group[COUPLED_ADDRESS], group[SIZE])[first:last]
    else:
        injected[first:last] = 0.0
    if group[CURRENTS] == 0:
        return
    currents = carray(_pointer(group[CURRENT_ADDRESS]), (group[CURRENTS], CURRENT_FIELDS), np.int64)
    offset = update_step - group[SIGNAL_START]
    for c in range(currents.shape[0]):
        value = _floats(currents[c, SIGNAL_ADDRESS], offset + 1)[offset]
        targets = _integers(currents[c, TARGET_ADDRESS], currents[c, TARGETS])
        for k in range(targets.shape[0]):
            if first <= targets[k] < last:
                injected[targets[k]] += value


@njit(error_model="numpy")
def _record(group, step):
    recordings = carray(_pointer(group[RECORDING_ADDRESS]), (group[RECORDINGS], RECORDING_FIELDS), np.int64)
    size = group[SIZE]
    for r in range(recordings.shape[0]):
        if recordings[r, NEXT_STEP] != step:
            continue
        count = recordings[r, RECORDED]
        states = _floats(group[STATE_ADDRESS] + 8 * recordings[r, STATE_ROW] * size, size)
        cells = _integers(recordings[r, RECORDED_ADDRESS], count)
        data = _floats(recordings[r, DATA_ADDRESS] + 8 * recordings[r, SAMPLES] * recordings[r, ROW_LENGTH], count)
        for k in range(count):
            data[k] = states[cells[k]]
        recordings[r, SAMPLES] += 1
        recordings[r, NEXT_STEP] += recordings[r, EVERY]


@cfunc("int64(int64, int64, int64)", cache=True, error_model="numpy")
def kernel(address, first_step, count):
    # Take `count` updates of the cells of one thread; the spikes go to its lists, and their number is the result.
    group = carray(_pointer(address), (GROUP_FIELDS,), np.int64)
    size, first, last = group[SIZE], group[FIRST_CELL], group[LAST_CELL]
    states = carray(_pointer(group[STATE_ADDRESS]), (group[STATES], size), np.float64)
    scratch = carray(_pointer(group[SCRATCH_ADDRESS]), (group[STATES], size), np.float64)
    refractory = _floats(group[REFRACTORY_ADDRESS], size)[first:last]
    injected = _floats(group[INJECTED_ADDRESS], size)[first:last]
    flags = _integers(group[FLAG_ADDRESS], size)[first:last]
    if PER_CELL:
        coefficients = carray(_pointer(group[COEFFICIENT_ADDRESS]), (group[COEFFICIENTS], size), np.float64)
    else:
        coefficients = carray(_pointer(group[COEFFICIENT_ADDRESS]), (group[COEFFICIENTS],), np.float64)
    row = 8 * group[RECEPTORS] * size
    spikes = 0
    spike_steps = _integers(group[SPIKE_STEP_ADDRESS], count * (last - first))
    spike_cells = _integers(group[SPIKE_CELL_ADDRESS], count * (last - first))
    for step in range(first_step + 1, first_step + 1 + count):
        if group[CURRENTS] > 0 or group[COUPLED_ADDRESS] != 0:
            _inject(group, step - 1)
        arrived = carray(
            _pointer(group[RING_ADDRESS] + (step & (group[SLOTS] - 1)) * row), (group[RECEPTORS], size), np.float64
        )
        key = group[RANDOM_KEY]
        if update(first, last, states, refractory, arrived, injected, coefficients, flags, scratch, key, step) != 0:
            for cell in range(last - first):
                if flags[cell] != 0:
                    spike_steps[spikes] = step
                    spike_cells[spikes] = first + cell
                    spikes += 1
        if group[RECORDINGS] > 0:
            _record(group, step)
    return spikes
"""
