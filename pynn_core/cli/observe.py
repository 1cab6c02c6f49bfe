"""Watching a script from outside: what network it describes, and what the backend makes of it.

An observer is hung into a backend module's `script.observers`; the script itself stays as it is. What it takes down is
an `Observation`, arrays and plain values, which passes between processes as an .npz file.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pyNN.errors import FileFormatError
from pyNN.recording.files import archived
from pyNN.specs import NetworkSpec, ProjectionSpec, Ragged, RecordingSpec

if TYPE_CHECKING:
    from pyNN.simulation import Simulation

TRACED_POPULATIONS = 6
TRACED_CELLS = 2
"""The membrane potential of that many cells in each of the largest populations is compared."""

NEITHER, EXCITATORY, INHIBITORY = 0, 1, 2


@dataclass
class Observation:
    """One run of a script on one backend."""

    facts: dict[str, Any]
    """Plain values: cells, connections, build_s, run_s, process_s, peak_memory_mb, dt, steps, hashes, versions ..."""
    steps: NDArray[np.int64]
    """Spikes of all cells with dynamics, in order of step, then cell."""
    cells: NDArray[np.int64]
    """Global ids of the spiking cells, less those of spike sources, so that they count from 0 without gaps."""
    kinds: NDArray[np.int8]
    """EXCITATORY, INHIBITORY or NEITHER for each cell, by what its outgoing connections do."""
    potentials: NDArray[np.float64]
    """(samples, traced cells) in mV, one sample a time step."""
    traced: NDArray[np.int64]
    """The traced cells, numbered like `cells`."""

    SUFFIX: ClassVar[str] = ".npz"

    @property
    def n_cells(self) -> int:
        return len(self.kinds)

    @property
    def duration_ms(self) -> float:
        return float(self.facts["steps"] * self.facts["dt"])

    def save(self, path: Path) -> None:
        arrays = {name: getattr(self, name) for name in ("steps", "cells", "kinds", "potentials", "traced")}
        with open(path, "wb") as file:
            np.savez(file, facts=np.frombuffer(json.dumps(self.facts).encode(), dtype=np.uint8), **arrays)

    @classmethod
    def load(cls, path: Path) -> Observation:
        """What `save` has written; FileFormatError for anything else."""
        kinds = {"steps": "i", "cells": "i", "kinds": "i", "potentials": "f", "traced": "i"}
        try:
            with np.load(path, allow_pickle=False) as stored:
                facts = json.loads(archived(stored, "facts").tobytes().decode())
                arrays = {name: archived(stored, name) for name in kinds}
        except Exception as error:
            # Damaged archives make zipfile, zlib and NumPy raise almost anything.
            raise FileFormatError(f"'{path}' does not hold what a run was observed to do: {error}.") from error
        wrong = [
            name for name, kind in kinds.items()
            if arrays[name].dtype.kind != kind or arrays[name].ndim != 1 + (name == "potentials")
        ]  # fmt: skip
        if wrong or not isinstance(facts, dict) or len(arrays["steps"]) != len(arrays["cells"]):
            shown = ', '.join(wrong) or 'facts'
            raise FileFormatError(f"'{path}' does not hold what a run was observed to do: {shown}.")
        return cls(facts, **arrays)


@dataclass
class _Recordings:
    """The recordings that the observer has asked for, by population."""

    spikes: dict[int, RecordingSpec] = field(default_factory=dict)
    potentials: dict[int, RecordingSpec] = field(default_factory=dict)


class Observer:
    """Records all spikes and a few membrane potentials of a simulation, and takes down what it was when it ends.

    A script that sets up several simulations in a row has the last of them observed.
    """

    def __init__(self) -> None:
        self.observation: Observation | None = None
        self._simulation: Simulation | None = None
        self._recordings = _Recordings()

    def before_build(self, simulation: Simulation) -> None:
        if simulation is not self._simulation:
            self._simulation, self._recordings = simulation, _Recordings()
        populations = [spec for spec in simulation.network.populations if not spec.is_source]
        traced = sorted(populations, key=lambda spec: -spec.size)[:TRACED_POPULATIONS]
        for spec in populations:
            if spec.id not in self._recordings.spikes:
                everyone = np.arange(spec.size)
                self._recordings.spikes[spec.id] = simulation.start_recording(spec.id, "spikes", everyone)
            if spec in traced and "v" in spec.model.recordable and spec.id not in self._recordings.potentials:
                few = np.arange(min(TRACED_CELLS, spec.size))
                self._recordings.potentials[spec.id] = simulation.start_recording(spec.id, "v", few)

    def before_close(self, simulation: Simulation) -> None:
        if simulation.current_step > 0:
            self.observation = self._take_down(simulation)

    def _take_down(self, simulation: Simulation) -> Observation:
        # Peak memory comes first: taking down needs memory too, which is not the simulation's.
        peak = peak_memory_mb()
        network = simulation.network
        numbers = cell_numbers(network)
        steps, cells = self._spikes(simulation, numbers)
        potentials, traced = self._potentials(simulation, numbers)
        connections = [connection_columns(simulation, spec) for spec in network.projections]
        facts = {
            "backend": simulation.backend.name,
            "title": simulation.backend.title,
            "cells": int(np.count_nonzero(numbers >= 0)),
            "sources": int(np.count_nonzero(numbers < 0)),
            "connections": int(sum(len(columns[0]) for columns in connections)),
            "build_s": simulation.timings["connect"] + simulation.timings["build"],
            "run_s": simulation.timings["run"],
            "peak_memory_mb": peak,
            "dt": simulation.settings.dt,
            "steps": simulation.current_step,
            "rng_seed": simulation.settings.rng_seed,
            "threads": simulation.settings.threads,
            "options": {name: repr(value) for name, value in simulation.settings.options.items()},
            "native": bool(
                simulation.native
                or any(spec.table is None for spec in network.projections)
                or any(spec.native for spec in network.populations)
            ),
            "unobserved": [
                spec.label
                for spec in network.populations
                if not spec.is_source and spec.id not in self._recordings.spikes
            ],
            "versions": simulation.backend.versions(),
            "connection_hash": connection_hash(network, connections),
            "parameters_hash": parameters_hash(network, simulation.settings.dt),
        }
        kinds = cell_kinds(network, connections)[numbers >= 0]
        return Observation(facts, steps, cells, kinds, potentials, traced)

    def _spikes(
        self, simulation: Simulation, numbers: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        parts = []
        for spec in simulation.network.populations:
            if spec.id in self._recordings.spikes:
                spikes: Any = simulation.collect(self._recordings.spikes[spec.id])
                parts.append((spikes.steps, numbers[spec.first_id + np.asarray(spikes.cells)]))
        if not parts:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        steps = np.concatenate([np.asarray(part[0], dtype=np.int64) for part in parts])
        cells = np.concatenate([np.asarray(part[1], dtype=np.int64) for part in parts])
        order = np.lexsort((cells, steps))
        return steps[order], cells[order]

    def _potentials(
        self, simulation: Simulation, numbers: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        columns, traced = [], []
        for spec in simulation.network.populations:
            recording = self._recordings.potentials.get(spec.id)
            # A population that joins later has a shorter trace, which starts elsewhere.
            if recording is not None and recording.start_step == 0:
                columns.append(np.asarray(simulation.collect(recording), dtype=float))
                traced.append(numbers[spec.first_id + recording.cells])
        if not columns:
            return np.empty((0, 0)), np.empty(0, dtype=np.int64)
        return np.concatenate(columns, axis=1), np.concatenate(traced)


def peak_memory_mb() -> float:
    """The largest resident memory that this process has had, MB."""
    import resource

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / 2**20 if sys.platform == "darwin" else largest / 1024


def cell_numbers(network: NetworkSpec) -> NDArray[np.int64]:
    """For each global id the cell's number among the cells with dynamics, or -1 for spike sources."""
    has_dynamics = np.zeros(network.size, dtype=bool)
    for spec in network.populations:
        has_dynamics[spec.first_id : spec.first_id + spec.size] = not spec.is_source
    return np.where(has_dynamics, np.cumsum(has_dynamics) - 1, -1)


Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]
"""Global ids pre and post, weight, delay in steps; one value a connection."""


def connection_columns(simulation: Simulation, spec: ProjectionSpec) -> Columns:
    """The connections of a projection as the simulator holds them.

    A simulator's units may cost a weight its last digits on the way there and back. Where that is all, the weight is
    the described one; otherwise it is the simulator's, to the precision of float32.
    """
    if spec.table is None:
        pre, post = simulation.session.read_connections(spec.id)
    else:
        pre, post = spec.table.pre, spec.table.post
    weights = np.asarray(simulation.session.read_synapses(spec.id, "weight"), dtype=float)
    delays = np.rint(np.asarray(simulation.session.read_synapses(spec.id, "delay")) / simulation.settings.dt)
    described = None if spec.table is None else spec.table.column("weight")
    if described is not None and np.allclose(weights, described, rtol=1e-12, atol=0.0):
        weights = described
    else:
        weights = weights.astype(np.float32).astype(float)
    return spec.pre[pre], spec.post[post], weights, delays.astype(np.int64)


def connection_hash(network: NetworkSpec, connections: list[Columns]) -> str:
    """SHA-256 over all connections as sorted rows (pre, post, receptor, delay, weight)."""
    names = sorted({spec.receptor for spec in network.projections})
    receptors = [
        np.full(len(columns[0]), names.index(spec.receptor), dtype=np.int64)
        for spec, columns in zip(network.projections, connections, strict=True)
    ]
    digest = hashlib.sha256(json.dumps(names).encode())
    if not connections:
        return digest.hexdigest()
    pre, post, weight, delay = (np.concatenate([columns[k] for columns in connections]) for k in range(4))
    receptor = np.concatenate(receptors)
    order = np.lexsort((weight, delay, receptor, pre, post))
    for column in (pre, post, receptor, delay):
        digest.update(np.ascontiguousarray(column[order], dtype="<i8").tobytes())
    digest.update(np.ascontiguousarray(weight[order], dtype="<f8").tobytes())
    return digest.hexdigest()


def cell_kinds(network: NetworkSpec, connections: list[Columns]) -> NDArray[np.int8]:
    """EXCITATORY or INHIBITORY for each global id, by receptor and sign of its outgoing connections, else NEITHER.

    A connection inhibits if its receptor is called so or its weight is negative. A cell that does both counts as
    inhibitory.
    """
    kinds = np.full(network.size, NEITHER, dtype=np.int8)
    inhibits = [
        (columns[2] < 0) | ("inh" in spec.receptor.lower())
        for spec, columns in zip(network.projections, connections, strict=True)
    ]
    for columns, inhibitory in zip(connections, inhibits, strict=True):
        kinds[columns[0][~inhibitory]] = EXCITATORY
    for columns, inhibitory in zip(connections, inhibits, strict=True):
        kinds[columns[0][inhibitory]] = INHIBITORY
    return kinds


def parameters_hash(network: NetworkSpec, dt: float) -> str:
    """SHA-256 over the time step and the model, parameters and initial values of every population and current."""
    digest = hashlib.sha256(repr(dt).encode())
    for population in network.populations:
        digest.update(json.dumps([population.model.name, population.size]).encode())
        _digest_values(digest, population.parameters)
        _digest_values(digest, population.initial_values)
    for projection in network.projections:
        digest.update(json.dumps([projection.model.name, projection.receptor]).encode())
    for current in network.currents:
        digest.update(json.dumps([current.model.name]).encode())
        _digest_values(digest, current.parameters)
        digest.update(np.asarray(current.cells, dtype="<i8").tobytes())
    return digest.hexdigest()


def _digest_values(digest: Any, values: dict[str, Any]) -> None:
    for name in sorted(values):
        value = values[name]
        digest.update(name.encode())
        arrays = (value.values, value.offsets) if isinstance(value, Ragged) else (value,)
        for array in arrays:
            numbers = np.asarray(array, dtype="<f8")
            # A number for all cells and an array of that number for each are the same parameters.
            if numbers.ndim and numbers.size and np.all(numbers == numbers.flat[0]) and not isinstance(value, Ragged):
                numbers = numbers.flat[0]
            digest.update(np.asarray(numbers, dtype="<f8").tobytes())


def script_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a script's text."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
