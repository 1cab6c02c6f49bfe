"""Gap junctions: currents between cells that their membrane potentials determine, without delay.

The current of a time step is extrapolated from those at its beginning and at the beginning of the step before, to the
middle of the step: 1.5*I_n - 0.5*I_(n-1). So the error of the solution is of second order in the time step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.errors import CapabilityError, InternalError
from pyNN.models import Definition
from pyNN.reference.world import CellGroup, Group, Projection
from pyNN.specs import FloatArray, IntArray, PopulationSpec, split_by_population

_STANDARD = "weight*(v_pre-v_post)"


def check_coupling(model: Definition) -> None:
    """CapabilityError for a coupling other than a conductance between two membrane potentials."""
    if model.coupling.replace(" ", "") != _STANDARD:
        raise CapabilityError(
            f"{model.name}: the coupling '{model.coupling}' is not available on the reference backend; "
            "'weight*(v_pre - v_post)' is."
        )


@dataclass
class Coupling:
    """Gap junctions between the cells of two groups: junction k joins cell pre[k] of one with post[k] of the other."""

    source: CellGroup
    target: CellGroup
    pre: IntArray
    post: IntArray
    chosen: IntArray
    """Which of the projection's connections these are."""
    weights: FloatArray

    def currents(self) -> FloatArray:
        """Present currents (nA) into the target cells; their opposites flow into the source cells."""
        return self.weights * (self.source.row("v")[self.pre] - self.target.row("v")[self.post])


def make_couplings(
    projection: Projection, populations: list[PopulationSpec], groups: dict[int, Group]
) -> list[Coupling]:
    """The gap junctions of a projection, by pair of populations."""
    spec, table = projection.spec, projection.table
    couplings = []
    for source, _, _ in split_by_population(populations, spec.pre):
        for target, _, _ in split_by_population(populations, spec.post):
            pre, post = spec.pre[table.pre] - source.first_id, spec.post[table.post] - target.first_id
            here = (pre >= 0) & (pre < source.size) & (post >= 0) & (post < target.size)
            if not here.any():
                continue
            # The currents into own cells are all that this process needs; in which order they are added up is the same.
            chosen = np.flatnonzero(here & (_is_own(pre, groups[source.id]) | _is_own(post, groups[target.id])))
            ends = groups[source.id], groups[target.id]
            for end in ends:
                if not isinstance(end, CellGroup) or "v" not in end.analysis.states:
                    raise InternalError(f"{spec.label}: the cells of {end.spec.label} have no membrane potential.")
            couplings.append(
                Coupling(
                    ends[0], ends[1],  # type: ignore[arg-type]
                    _indices(pre[chosen]), _indices(post[chosen]), chosen, weights_of(projection, chosen),
                )
            )
    return couplings


def _is_own(cells: NDArray[Any], group: Group) -> NDArray[np.bool_]:
    first, last = group.own
    return (cells >= first) & (cells < last)


def weights_of(projection: Projection, chosen: IntArray) -> FloatArray:
    """The conductances (uS) of some connections."""
    column: Any = projection.columns["weight"]
    whole = np.broadcast_to(np.asarray(column, dtype=float), (projection.table.size,))
    return np.ascontiguousarray(whole[chosen])


def _indices(values: NDArray[Any]) -> IntArray:
    return np.ascontiguousarray(values, dtype=np.int64)


class CoupledCurrent:
    """The sum of the gap junction currents into each cell of a group."""

    def __init__(self, group: CellGroup) -> None:
        self.group = group
        self.values: FloatArray = np.zeros((3, group.size))
        """Extrapolated to the middle of the step that begins now; now; a step ago."""
        self.fresh = True
        """Whether there is no step before."""
