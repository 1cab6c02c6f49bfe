"""The frame of a compiled cell type: what unpacks a group's record for the generated `update`.

It is text because it only becomes a module together with the code of a cell type, which defines `update`, with the
constants of pyNN.reference.layout, and with PER_CELL.
"""

FRAME = """
from numba import carray

from pyNN.compilation.pointers import floats, integers, pointer


@njit(error_model="numpy")
def kernel(address, step, begin):
    # Update some cells, of which `begin` is the first; what `update` has met.
    group = integers(address, GROUP_FIELDS)
    size = group[SIZE]
    end = min(begin + CELLS_AT_ONCE, group[LAST_CELL])
    states = carray(pointer(group[STATE_ADDRESS]), (group[STATES], size), np.float64)
    scratch = carray(pointer(group[SCRATCH_ADDRESS]), (group[STATES], size), np.float64)
    refractory = carray(pointer(group[REFRACTORY_ADDRESS] + 4 * begin), (end - begin,), np.int32)
    # Without currents there are zeros, of which those of the first cells do for all.
    with_currents = group[CURRENTS] > 0 or group[COUPLED_ADDRESS] != 0
    injected = floats(group[INJECTED_ADDRESS] + 8 * (begin if with_currents else group[FIRST_CELL]), end - begin)
    flags = integers(group[FLAG_ADDRESS] + 8 * group[FIRST_CELL], end - begin)
    if PER_CELL:
        coefficients = carray(pointer(group[COEFFICIENT_ADDRESS]), (group[COEFFICIENTS], size), np.float64)
    else:
        coefficients = carray(pointer(group[COEFFICIENT_ADDRESS]), (group[COEFFICIENTS],), np.float64)
    slot = 8 * (step & (group[INPUT_SLOTS] - 1)) * group[SLOT_STRIDE]
    arrived = carray(pointer(group[INPUT_ADDRESS] + slot), (group[RECEPTORS], group[RECEPTOR_STRIDE]), np.float64)
    return update(
        begin, end, states, refractory, arrived, injected, coefficients, flags, scratch, group[RANDOM_KEY], step,
        group[IDLE], group[HOME],
    )
"""
