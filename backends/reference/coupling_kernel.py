"""Compiled code for the currents of gap junctions; pyNN.reference.coupling has the method.

Only processes that compile import this module.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import carray, njit

from pyNN.compilation.pointers import floats, integers, pointer, records
from pyNN.reference.layout import (
    CONTROL_FIELDS,
    COUPLED_ADDRESS,
    COUPLED_FRESH,
    COUPLING_ADDRESS,
    COUPLING_FIELDS,
    COUPLING_POST_ADDRESS,
    COUPLING_PRE_ADDRESS,
    COUPLING_SOURCE,
    COUPLING_SOURCE_V_ADDRESS,
    COUPLING_TABLES,
    COUPLING_TARGET,
    COUPLING_TARGET_V_ADDRESS,
    COUPLING_WEIGHT_ADDRESS,
    COUPLINGS,
    GROUP_ADDRESS,
    GROUP_FIELDS,
    GROUPS,
    SIZE,
)


@njit(error_model="numpy")
def couple(address, unused_1, unused_2):
    """Gap junction currents of the step that begins, extrapolated to its middle; see pyNN.reference.coupling."""
    control = integers(address, CONTROL_FIELDS)
    groups = records(control[GROUP_ADDRESS], control[GROUPS], GROUP_FIELDS)
    couplings = records(control[COUPLING_ADDRESS], control[COUPLING_TABLES], COUPLING_FIELDS)
    for g in range(groups.shape[0]):
        if groups[g, COUPLED_ADDRESS] != 0:
            size = groups[g, SIZE]
            currents = carray(pointer(groups[g, COUPLED_ADDRESS]), (3, size), np.float64)
            for cell in range(size):
                currents[2, cell] = currents[1, cell]
                currents[1, cell] = 0.0
    for c in range(couplings.shape[0]):
        source, target = couplings[c, COUPLING_SOURCE], couplings[c, COUPLING_TARGET]
        v_source = floats(couplings[c, COUPLING_SOURCE_V_ADDRESS], groups[source, SIZE])
        v_target = floats(couplings[c, COUPLING_TARGET_V_ADDRESS], groups[target, SIZE])
        into_source = carray(pointer(groups[source, COUPLED_ADDRESS]), (3, groups[source, SIZE]), np.float64)
        into_target = carray(pointer(groups[target, COUPLED_ADDRESS]), (3, groups[target, SIZE]), np.float64)
        number = couplings[c, COUPLINGS]
        pre = integers(couplings[c, COUPLING_PRE_ADDRESS], number)
        post = integers(couplings[c, COUPLING_POST_ADDRESS], number)
        weights = floats(couplings[c, COUPLING_WEIGHT_ADDRESS], number)
        for k in range(number):
            current = weights[k] * (v_source[pre[k]] - v_target[post[k]])
            into_target[1, post[k]] += current
            into_source[1, pre[k]] -= current
    for g in range(groups.shape[0]):
        if groups[g, COUPLED_ADDRESS] != 0:
            size = groups[g, SIZE]
            currents = carray(pointer(groups[g, COUPLED_ADDRESS]), (3, size), np.float64)
            for cell in range(size):
                before = currents[1, cell] if groups[g, COUPLED_FRESH] == 1 else currents[2, cell]
                currents[0, cell] = 1.5 * currents[1, cell] - 0.5 * before
            groups[g, COUPLED_FRESH] = 0
    return 0
