"""Sums of kernels that each spike of a cell starts, such as the moving threshold and the currents of GIF_cond_exp.

NEST shows the sums as they were one step before, without their terms. They follow from the cell's spikes alone, and
those of the present step can be read from the cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyNN.specs import FloatArray, IntArray, Ragged
from pyNN.translation import NativeState


class SpikeKernels:
    """One such variable of some cells of one population, in the model's unit, followed step by step from step 0 on."""

    def __init__(self, clock: Any, cells: Any, state: NativeState, chosen: IntArray) -> None:
        assert state.kernels is not None
        self._clock = clock
        self._cells = cells
        self._chosen = np.asarray(chosen, dtype=np.int64)
        self._times, self._amplitudes = state.kernels
        self._base = state.base
        self._step = clock.now
        self._nodes = cells.nodes[self._chosen.tolist()] if len(self._chosen) else None
        self._tables: dict[str, tuple[Any, FloatArray]] = {}
        self._terms = np.zeros_like(self._table(self._amplitudes, 0.0))

    def value(self) -> FloatArray:
        """The variable at the session's present step; to be asked for in every step of a run."""
        if self._step < self._clock.now:
            self._step = self._clock.now
            self._terms *= np.exp(-self._clock.dt / self._table(self._times, 1.0))
            self._terms += self._spiked()[:, np.newaxis] * self._table(self._amplitudes, 0.0)
        return self._sum()

    def _sum(self) -> FloatArray:
        total = self._terms.sum(axis=1)
        if self._base:
            base = np.asarray(self._cells.values[self._base], dtype=float)
            total = total + np.broadcast_to(base, (self._cells.spec.size,))[self._chosen]
        return np.asarray(total)

    def _spiked(self) -> FloatArray:
        """1.0 for each cell whose last spike is of the present step."""
        if self._nodes is None:
            return np.zeros(0)
        last = np.atleast_1d(np.asarray(self._nodes.get("t_spike"), dtype=float))
        present = (self._clock.now + self._clock.lead_in) * self._clock.dt
        return (np.abs(last - present) < 0.5 * self._clock.dt).astype(float)

    def _table(self, name: str, filler: float) -> FloatArray:
        """An array-valued parameter of the chosen cells as a table; short rows end with the filler."""
        values = self._cells.values[name]
        known = self._tables.get(name)
        if known is None or known[0] is not values:
            known = self._tables[name] = (values, self._as_table(values, filler))
        return known[1]

    def _as_table(self, values: Ragged, filler: float) -> FloatArray:
        rows = [values[int(i)] for i in self._chosen]
        width = max((row.size for row in rows), default=0)
        table = np.full((len(rows), width), filler)
        for k, row in enumerate(rows):
            table[k, : row.size] = row
        return table

    def settle(self) -> None:
        """Nothing is left to do at the end of a run."""

    def before_change(self, everything: bool) -> None:
        """Synapses do not matter here."""

    def reload(self) -> None:
        """Synapses do not matter here."""

    def load(self) -> None:
        """Synapses do not matter here."""
