"""Recorded data as PyNN 0.6 has them: arrays with the index of the cell in a column, and text files with a header."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.errors import InvalidParameterValueError, NothingToWriteError
from pyNN.populations import BasePopulation
from pyNN.recording.columns import time_of
from pyNN.recording.files import StandardTextFile
from pyNN.recording.output import FORMATS
from pyNN.specs import FloatArray, IntArray

VARIABLES = {"spikes": ("spikes",), "v": ("v",), "gsyn": ("gsyn_exc", "gsyn_inh")}
"""What PyNN 0.6 calls a variable -> the variables that it consists of."""


class Recorded:
    """What some groups of cells recorded of one variable since the last reset(), one row a spike or sample.

    Rows are ordered by cell, then time. `ids`: of the cells, one a row. `times` in ms. `values`: one column a variable.
    """

    def __init__(self, groups: Sequence[BasePopulation], variable: str, gather: bool = True) -> None:
        self.groups = list(groups)
        self.variable = variable
        ids: list[IntArray] = []
        times: list[FloatArray] = []
        values: list[list[FloatArray]] = [[] for _ in VARIABLES[variable] if variable != "spikes"]
        self.points_a_cell = 0
        for group in self.groups:
            for population, indices, _ in group._parts():
                recorder, simulation = population.recorder, population._simulation
                present = f"segment{simulation.segment_index:03d}"
                for segment in recorder.segments(VARIABLES[variable], indices, gather):
                    if segment.name != present:
                        continue
                    for trains in segment.trains:
                        ids.append(trains.ids[trains.rows])
                        times.append(trains.times)
                    for column, name in enumerate(VARIABLES[variable] if values else ()):
                        for trace in segment.traces:
                            if trace.variable != name:
                                continue
                            samples = len(trace.values)
                            values[column].append(trace.values.T.ravel())
                            self.points_a_cell = max(self.points_a_cell, samples)
                            if column == 0:
                                ids.append(np.repeat(trace.ids, samples))
                                steps = trace.start_step + trace.every_steps * np.arange(samples)
                                times.append(np.tile(time_of(steps, simulation.dt), trace.ids.size))
        self.ids = np.concatenate(ids) if ids else np.empty(0, dtype=np.int64)
        self.times = np.concatenate(times) if times else np.empty(0)
        self.values = [np.concatenate(column) if column else np.empty(0) for column in values]
        order = np.lexsort((self.times, self.ids))
        self.ids, self.times = self.ids[order], self.times[order]
        self.values = [column[order] for column in self.values]

    @property
    def first_id(self) -> int:
        """Of the populations, so that a cell's number counts within its population."""
        return min(population.first_id for group in self.groups for population in group._roots())

    @property
    def last_id(self) -> int:
        return max(population.last_id for group in self.groups for population in group._roots())

    @property
    def numbers(self) -> IntArray:
        """Index in the population of the cell of each row."""
        return self.ids - self.first_id if self.ids.size else self.ids

    def array(self, compatible_output: bool, with_times: bool) -> FloatArray:
        """Columns: the cell (its index, or its id if not `compatible_output`), perhaps the time, and the values."""
        cells = self.numbers if compatible_output else self.ids
        times = [self.times] if with_times or self.variable == "spikes" else []
        return np.column_stack([cells.astype(float), *times, *self.values])

    @property
    def metadata(self) -> dict[str, Any]:
        """The header of a file."""
        roots = [population for group in self.groups for population in group._roots()]
        dimensions = getattr(roots[0], "_dims", None) if len(roots) == 1 else None
        return {
            "dimensions": list(dimensions or (self.last_id - self.first_id + 1,)),
            "first_id": self.first_id,
            "last_id": self.last_id,
            "dt": roots[0]._simulation.dt,
            "n": self.points_a_cell if self.values else len(self.ids),
        }

    def rows(self, compatible_output: bool) -> list[tuple[Any, ...]]:
        """Lines of a file: "t index", "v index" or "ge gi index"; raw, "id t", "id t v" or "id t ge gi"."""
        if not compatible_output:
            columns: list[Any] = [self.ids, self.times, *self.values]
        else:
            columns = [*(self.values or [self.times]), self.numbers]
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def write(self, file: Any, compatible_output: bool = True, gather: bool = True) -> None:
        """Write a text file, or into a file object of pyNN.recording.files.

        Raises NothingToWriteError if the variable has not been recorded.
        """
        names = VARIABLES[self.variable]
        roots = [population for group in self.groups for population in group._roots()]
        if not isinstance(file, (str, os.PathLike)) and not hasattr(file, "write"):
            raise InvalidParameterValueError(
                f"A file is its name, or a file object of pyNN.recording.files, not {file!r}."
            )
        if not any(name in population.recorder.recorded for population in roots for name in names):
            labels = ", ".join(f"'{population.label}'" for population in roots)
            raise NothingToWriteError(
                f"There is nothing to write to {file!r}: {', '.join(names)} of {labels} "
                "has not been recorded. Call record() before run()."
            )
        comm = roots[0]._simulation.comm
        if gather and comm.rank != 0:
            return
        if isinstance(file, (str, os.PathLike)):
            name = os.fspath(file) if gather or comm.size == 1 else f"{os.fspath(file)}.{comm.rank}"
            target: Any = StandardTextFile(name, mode="w")
        else:
            target = file
        target.write(self.rows(compatible_output), self.metadata)
        target.close()


def is_neo_file(file: Any) -> bool:
    """Whether a file is one that Neo writes: by its extension, or an object that is a Neo IO."""
    if isinstance(file, (str, os.PathLike)):
        return Path(file).suffix.lower() in FORMATS
    return hasattr(file, "write_block") or hasattr(file, "write_all_blocks")
