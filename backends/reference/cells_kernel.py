"""Compiled code that advances a group of cells: what is around the updates, of which each cell type has its own.

Only processes that compile import this module.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import carray, njit

from pyNN.compilation.pointers import call, floats, integers, pointer
from pyNN.equations.outcome import NOT_FINITE, SPIKES
from pyNN.reference.bins_kernel import bring_input
from pyNN.reference.layout import (
    BINS_ADDRESS,
    CELLS_AT_ONCE,
    COUPLED_ADDRESS,
    CURRENT_ADDRESS,
    CURRENT_FIELDS,
    CURRENTS,
    DATA_ADDRESS,
    EVERY,
    FIRST_CELL,
    FLAG_ADDRESS,
    GROUP_FIELDS,
    INJECTED_ADDRESS,
    LAST_CELL,
    NEXT_STEP,
    RECORDED,
    RECORDED_ADDRESS,
    RECORDING_ADDRESS,
    RECORDING_FIELDS,
    RECORDINGS,
    ROW_LENGTH,
    SAMPLES,
    SIGNAL_ADDRESS,
    SIGNAL_START,
    SIZE,
    SPIKE_CELL_ADDRESS,
    SPIKE_STEP_ADDRESS,
    STATE_ADDRESS,
    STATE_ROW,
    STATES,
    TARGET_ADDRESS,
    TARGETS,
    UPDATE_ADDRESS,
    WRONG_CELL,
    WRONG_CELLS,
    WRONG_SIGN,
    WRONG_STATE,
    WRONG_STEP,
)

FLAGS_AT_ONCE = 64
"""Of as many cells it is asked first whether any spikes."""


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
def _look_for_wrong(group, step):
    """Keep where states are not finite for the first time."""
    if group[WRONG_STEP] != 0:
        return
    states = carray(pointer(group[STATE_ADDRESS]), (group[STATES], group[SIZE]), np.float64)
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
def _any(flags):
    """Whether some flags are set, in vector instructions."""
    found = 0
    for cell in range(flags.shape[0]):
        found |= flags[cell]
    return found != 0


@njit(error_model="numpy")
def _list_spikes(flags, step, first, spike_steps, spike_cells, spikes):
    """Append the spikes of the cells from `first` on to lists of `spikes` spikes; how many there are then."""
    for row in range(0, flags.shape[0], FLAGS_AT_ONCE):
        some = flags[row : row + FLAGS_AT_ONCE]
        if not _any(some):
            continue
        for cell in range(some.shape[0]):
            if some[cell] != 0:
                spike_steps[spikes] = step
                spike_cells[spikes] = first + row + cell
                spikes += 1
    return spikes


@njit(error_model="numpy")
def advance(address, first_step, count):
    """Take `count` updates of the cells of one thread; the spikes go to its lists, and their number is the result.

    Some cells are updated after the other: their flags, and zeros where no currents are, stay in the innermost cache.
    """
    group = integers(address, GROUP_FIELDS)
    first, last = group[FIRST_CELL], group[LAST_CELL]
    flags = integers(group[FLAG_ADDRESS] + 8 * first, CELLS_AT_ONCE)
    spikes = 0
    spike_steps = integers(group[SPIKE_STEP_ADDRESS], count * (last - first))
    spike_cells = integers(group[SPIKE_CELL_ADDRESS], count * (last - first))
    for step in range(first_step + 1, first_step + 1 + count):
        if group[CURRENTS] > 0 or group[COUPLED_ADDRESS] != 0:
            _inject(group, step - 1)
        met = 0
        for begin in range(first, last, CELLS_AT_ONCE):
            if group[BINS_ADDRESS] != 0:
                bring_input(group, step, begin)
            found = call(group[UPDATE_ADDRESS], address, step, begin)
            met |= found
            if found & SPIKES:
                end = min(CELLS_AT_ONCE, last - begin)
                spikes = _list_spikes(flags[:end], step, begin, spike_steps, spike_cells, spikes)
        if met & NOT_FINITE:
            _look_for_wrong(group, step)
        if group[RECORDINGS] > 0:
            _record(group, step)
    return spikes
