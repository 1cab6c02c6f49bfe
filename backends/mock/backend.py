"""A backend without dynamics: it builds, counts and answers everything, and simulates nothing.

State variables stay at the values they were given, so recorded traces are constant and cells emit no spikes. Spike
sources emit the trains that every backend plays. That is enough to unit-test a script and to look at its network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.backend import Capabilities, Option, Session, Settings, Spikes
from pyNN.errors import (
    CapabilityError,
    InternalError,
    InvalidDimensionsError,
    InvalidTimeError,
    NonExistentParameterError,
)
from pyNN.models import BaseModelType
from pyNN.parallel import Communicator
from pyNN.specs import (
    CurrentSpec,
    FloatArray,
    IntArray,
    NetworkSpec,
    Plasticity,
    PopulationSpec,
    ProjectionSpec,
    Ragged,
    RecordingSpec,
)
from pyNN.standardmodels import cells, electrodes, synapses


def _standard_models() -> dict[str, dict[str, str]]:
    # Names of parameters stay what they are, so the translations are empty.
    models: dict[str, dict[str, str]] = {}
    for module in (cells, synapses, electrodes):
        for name, value in vars(module).items():
            own = isinstance(value, type) and issubclass(value, BaseModelType) and value.__module__ == module.__name__
            if own and not name.startswith("_"):
                models[name] = {}
    return models


class MockBackend:
    """The dry-run backend, `import pyNN.mock as sim`."""

    name = "mock"
    title = "MockSimulator"
    models: Mapping[str, Any] = _standard_models()
    capabilities = Capabilities(
        options={
            "rank": Option(0, "the MPI rank that this process pretends to be"),
            "num_processes": Option(1, "the number of MPI processes that it pretends to be one of"),
        },
        dynamics=False,
        threads=True,
        mpi=True,
        equations=True,
        streaming=True,
        plasticity_switch=True,
        missing={
            "save_state, restore_state, run(checkpoint=)": "a dry run has no state to save.",
            "dynamics": "a dry run: membrane potentials stay at their initial values and cells never spike",
            "MultiCompartmentNeuron": "cells are points here; NEURON and Arbor have cells with compartments.",
        },
    )

    def check(self, part: NetworkSpec, settings: Settings) -> None:
        """Raise CapabilityError for a projection that only a simulator's own connector could draw."""
        for projection in part.projections:
            if projection.table is None:
                raise CapabilityError(
                    f"Projection '{projection.label}' has native=True, and the mock backend draws no connections of "
                    "its own. Leave native=True away for the dry run."
                )

    def open(self, settings: Settings, comm: Communicator) -> Session:
        return MockSession(settings)

    def versions(self) -> dict[str, str]:
        """The mock is part of this package and needs nothing else."""
        from importlib.metadata import version

        return {"pynn-core": version("pynn-core"), "numpy": np.__version__}


@dataclass
class _Cells:
    """What the mock knows of a population: its numbers, one array a name, and the trains of spike sources."""

    spec: PopulationSpec
    values: dict[str, FloatArray]
    source: Any = None


@dataclass
class _Synapses:
    """The present columns of a projection. Delays are in steps."""

    spec: ProjectionSpec
    values: dict[str, float | FloatArray]
    delay_steps: int | NDArray[np.int32]


@dataclass
class _Recording:
    """Samples as runs of equal rows (for constant states, one run), or chunks of spikes."""

    spec: RecordingSpec
    next_step: int
    rows: list[FloatArray] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    steps: list[IntArray] = field(default_factory=list)
    cells: list[IntArray] = field(default_factory=list)

    @property
    def of_spikes(self) -> bool:
        return self.spec.variable == "spikes"

    def add_rows(self, row: FloatArray, count: int) -> None:
        if self.rows and np.array_equal(self.rows[-1], row, equal_nan=True):
            self.counts[-1] += count
        else:
            self.rows.append(row)
            self.counts.append(count)

    def forget(self, step: int) -> None:
        self.next_step = step
        for kept in (self.rows, self.counts, self.steps, self.cells):
            kept.clear()


class MockSession:
    """A simulation in which only time passes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._step = 0
        self._populations: dict[int, _Cells] = {}
        self._projections: dict[int, _Synapses] = {}
        self._currents: dict[int, CurrentSpec] = {}
        self._recordings: dict[int, _Recording] = {}

    @property
    def current_step(self) -> int:
        return self._step

    def build(self, part: NetworkSpec) -> None:
        new_cells = {spec.id: self._make_cells(spec) for spec in part.populations}
        new_synapses = {spec.id: _make_synapses(spec) for spec in part.projections}
        # Everything that can fail has happened, so a failed build leaves the session as it was.
        self._populations.update(new_cells)
        self._projections.update(new_synapses)
        self._currents.update({spec.id: spec for spec in part.currents})
        for recording in part.recordings:
            self._recordings[recording.id] = _Recording(recording, recording.start_step)
            self._sample(self._recordings[recording.id], self._step)

    def _make_cells(self, spec: PopulationSpec) -> _Cells:
        values = {
            name: np.array(np.broadcast_to(np.asarray(value, dtype=float), (spec.size,)))
            for name, value in {**spec.parameters, **spec.initial_values}.items()
            if not isinstance(value, Ragged)
        }
        if not spec.is_source:
            return _Cells(spec, values)
        from pyNN.spike_sources import make_source

        return _Cells(spec, values, make_source(spec, self._settings, self._step))

    def advance(self, steps: int) -> None:
        """Let `steps` time steps pass."""
        if steps < 0:
            raise InvalidTimeError(f"Time cannot run backwards, but advance({steps}) was asked for.")
        end = self._step + steps
        for population_id, population in self._populations.items():
            if population.source is not None:
                self._emit(population_id, population, end)
        for recording in self._recordings.values():
            self._sample(recording, end)
        self._step = end

    def _emit(self, population_id: int, population: _Cells, end: int) -> None:
        steps, sources = population.source.advance(self._step, end)
        for recording in self._recordings.values():
            if recording.of_spikes and recording.spec.population == population_id:
                chosen = np.isin(sources, recording.spec.cells)
                recording.steps.append(np.asarray(steps, dtype=np.int64)[chosen])
                recording.cells.append(np.asarray(sources, dtype=np.int64)[chosen])

    def _sample(self, recording: _Recording, end: int) -> None:
        """Take the samples that are due up to and including step `end`."""
        if recording.of_spikes or end < recording.next_step:
            return
        count = (end - recording.next_step) // recording.spec.every_steps + 1
        values = self._population(recording.spec.population).values
        recording.add_rows(values[recording.spec.variable][recording.spec.cells], count)
        recording.next_step += count * recording.spec.every_steps

    def collect(self, recording: int) -> Spikes | FloatArray:
        kept = self._recording(recording)
        if kept.of_spikes:
            nothing = np.empty(0, dtype=np.int64)
            return Spikes(np.concatenate([nothing, *kept.steps]), np.concatenate([nothing, *kept.cells]))
        if not kept.rows:
            return np.empty((0, len(kept.spec.cells)))
        return np.repeat(np.array(kept.rows), kept.counts, axis=0)

    def take(self, recording: int) -> Spikes | FloatArray:
        kept, taken = self._recording(recording), self.collect(recording)
        kept.forget(kept.next_step)
        return taken

    def clear(self, recording: int) -> None:
        kept = self._recording(recording)
        kept.forget(self._step)
        self._sample(kept, self._step)

    def stop(self, recording: int) -> None:
        self._recording(recording)
        del self._recordings[recording]

    def read_cells(self, population: int, name: str) -> FloatArray:
        return self._numbers(population, name).copy()

    def write_cells(self, population: int, name: str, where: IntArray, values: Any) -> None:
        cells_of = self._population(population)
        model = cells_of.spec.model
        if name in model.parameters and cells_of.source is not None:
            cells_of.source.write(name, where, values, self._step)
        if isinstance(values, Ragged):
            if name not in model.parameters:
                raise NonExistentParameterError(name, model.name, model.parameters)
            return
        self._numbers(population, name)[where] = values

    def _numbers(self, population: int, name: str) -> FloatArray:
        cells_of = self._population(population)
        if name not in cells_of.values:
            raise NonExistentParameterError(name, cells_of.spec.model.name, cells_of.values)
        return cells_of.values[name]

    def read_synapses(self, projection: int, name: str) -> FloatArray:
        kept = self._projection(projection)
        if name == "delay":
            return np.array(np.broadcast_to(kept.delay_steps * self._settings.dt, (_size(kept),)))
        self._require_attribute(kept, name)
        return np.array(np.broadcast_to(kept.values[name], (_size(kept),)))

    def write_synapses(self, projection: int, name: str, values: Any) -> None:
        kept = self._projection(projection)
        numbers = np.array(values, dtype=float)
        if numbers.ndim and numbers.shape != (_size(kept),):
            raise InvalidDimensionsError(
                f"'{name}' of projection '{kept.spec.label}' takes one number or {_size(kept)}, one a connection, "
                f"not an array of shape {numbers.shape}."
            )
        if name == "delay":
            kept.delay_steps = np.rint(numbers / self._settings.dt).astype(np.int32)
            return
        self._require_attribute(kept, name)
        kept.values[name] = numbers

    def _require_attribute(self, kept: _Synapses, name: str) -> None:
        if name not in kept.values:
            raise NonExistentParameterError(name, kept.spec.model.name, [*kept.values, "delay"])

    def set_plasticity(self, projection: int, plasticity: Plasticity) -> None:
        self._projection(projection)

    def set_active(self, projection: int, pathway: str, active: bool) -> None:
        self._projection(projection)

    def read_connections(self, projection: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        table = self._projection(projection).spec.table
        if table is None:
            raise InternalError("The mock backend holds a projection without connections, which check() refuses.")
        return table.pre, table.post

    def write_current(self, current: CurrentSpec) -> None:
        self._currents[current.id] = current

    def close(self) -> None:
        for kept in (self._populations, self._projections, self._currents, self._recordings):
            kept.clear()

    def _population(self, population: int) -> _Cells:
        return _look_up(self._populations, population, "population")

    def _projection(self, projection: int) -> _Synapses:
        return _look_up(self._projections, projection, "projection")

    def _recording(self, recording: int) -> _Recording:
        return _look_up(self._recordings, recording, "recording")


def _make_synapses(spec: ProjectionSpec) -> _Synapses:
    if spec.table is None:
        raise InternalError(f"Projection '{spec.label}' has no connection table, which check() refuses.")
    values: dict[str, float | FloatArray] = {name: np.array(v, dtype=float) for name, v in spec.table.columns.items()}
    for name, state in spec.model.states.items():
        values[name] = np.array(spec.initial_values.get(name, state.initial), dtype=float)
    return _Synapses(spec, values, spec.table.delay_steps)


def _size(kept: _Synapses) -> int:
    return 0 if kept.spec.table is None else kept.spec.table.size


def _look_up(things: dict[int, Any], key: int, kind: str) -> Any:
    if key not in things:
        raise InternalError(f"The mock session has no {kind} {key}; it has {sorted(things)}.")
    return things[key]
