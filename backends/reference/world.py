"""What a simulation consists of while it runs: cells, sources, routes of spikes, injected currents, recordings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyNN.backend import Spikes
from pyNN.compilation.cache import digest
from pyNN.connectors.regeneration import RegeneratedTable
from pyNN.equations import arrays, kernels, propagators, store
from pyNN.equations.analysis import Analysis
from pyNN.errors import InternalError, InvalidDimensionsError, NonExistentParameterError
from pyNN.models import TimedArray
from pyNN.specs import (
    CurrentSpec,
    FloatArray,
    IntArray,
    PopulationSpec,
    ProjectionSpec,
    Ragged,
    RecordingSpec,
    SourceTable,
)
from pyNN.spike_sources import CountedPoissonSource

IndexArray = NDArray[Any]
"""Whole numbers of a type as narrow as can be."""


class SpikeTrain:
    """Spikes of one group in order of step, then cell; `count` of the entries are valid."""

    def __init__(self, capacity: int = 0) -> None:
        self.steps = np.empty(capacity, dtype=np.int64)
        self.cells = np.empty(capacity, dtype=np.int64)
        self.count = 0

    def at(self, step: int) -> IntArray:
        """Cells that spike at a step."""
        first, last = np.searchsorted(self.steps[: self.count], (step, step + 1))
        return self.cells[first:last]


class CellGroup:
    """The cells of one population with dynamics: states, parameters, and the input that is on its way."""

    def __init__(self, spec: PopulationSpec, dt: float, random_key: int = 0) -> None:
        self.spec = spec
        self.dt = dt
        self.random_key = random_key
        self.expansion = arrays.expand(spec.model, spec.parameters, spec.size)
        self.analysis: Analysis = store.analysis(self.expansion.definition)
        self.program = kernels.build(self.analysis)
        self.key = store.key(self.expansion.definition)
        self.module = store.module(
            spec.model.name, lambda: kernels.numpy_source(self.program), digest(self.key, "numpy")
        )
        self.states: FloatArray = np.empty((len(self.analysis.states), spec.size))
        for row, name in enumerate(self.analysis.states):
            start = spec.initial_values.get(self.expansion.origin(name), self.analysis.hidden.get(name, 0.0))
            self.states[row] = _numbers(spec, name, start)
        self.every = int(round(self.analysis.interval / dt)) if self.analysis.interval else 1
        self.tables = [tabulated(spec.model.tables[name]) for name in self.analysis.tables]
        self.refractory: NDArray[np.int32] = np.zeros(spec.size, dtype=np.int32)
        """Updates for which a cell is still held."""
        self.injected: FloatArray = np.zeros(spec.size)
        self.ring: FloatArray = np.zeros((1, len(self.analysis.receptors), spec.size))
        self.parameters: dict[str, Any] = {
            name: _collapsed(_numbers(spec, name, value))
            for name, value in self.expansion.parameters(spec.parameters, spec.model, spec.size).items()
        }
        self._derive()
        self.coefficients: list[float | FloatArray] | None = None
        self.train = SpikeTrain()
        self.own = (0, spec.size)
        """The cells of this MPI rank: first, one after the last. What is known of the others' states may be old."""

    @property
    def size(self) -> int:
        return self.spec.size

    def refresh(self) -> bool:
        """Compute the coefficients anew if a parameter changed; whether they did."""
        if self.coefficients is not None:
            return False
        self.coefficients = propagators.coefficients(
            self.program, self.module, self.parameters, self.size, self.dt * self.every, self.tables, self.every
        )
        return True

    @property
    def per_cell(self) -> bool:
        """Whether some coefficient differs from cell to cell."""
        return any(isinstance(value, np.ndarray) for value in self.coefficients or ())

    def row(self, state: str) -> FloatArray:
        """The values of a state, one a cell, as they are kept."""
        return self.states[self.analysis.states.index(state)]

    def _derive(self) -> None:
        """Compute the states that are formulas of others and of parameters."""
        if self.analysis.derived:
            self.module.derive(self.states, self.parameters, self.dt)

    def read(self, name: str) -> FloatArray:
        if name in self.analysis.states:
            return self.row(name).copy()
        if name in self.parameters:
            return np.array(np.broadcast_to(self.parameters[name], (self.size,)), dtype=float)
        raise self._unknown(name)

    def write(self, name: str, where: IntArray, values: Any) -> None:
        if name in self.expansion.elements and name in self.spec.model.parameters:
            elements = self.expansion.split(name, values, self.spec.model.parameters[name], len(where))
            for element, numbers in elements.items():
                self.write(element, where, numbers)
            return
        if isinstance(values, Ragged) or np.ndim(values) > 1:
            raise InvalidDimensionsError(f"'{name}' of {self.spec.label} takes one number a cell.")
        if name in self.analysis.states:
            self.row(name)[where] = values
        elif name in self.parameters:
            array = np.array(np.broadcast_to(self.parameters[name], (self.size,)), dtype=float)
            array[where] = values
            self.parameters[name] = _collapsed(array)
            self.coefficients = None
        else:
            raise self._unknown(name)
        self._derive()

    def make_room(self, slots: int, current_step: int) -> bool:
        """Make the ring hold input up to `slots` steps ahead, see `slots_of`; whether it had to grow."""
        old = len(self.ring)
        if slots <= old:
            return False
        ring = np.zeros((slots, *self.ring.shape[1:]))
        for step in range(current_step + 1, current_step + 1 + old):
            ring[step % slots] = self.ring[step % old]
        self.ring = ring
        return True

    def _unknown(self, name: str) -> NonExistentParameterError:
        return NonExistentParameterError(name, self.spec.model.name, [*self.parameters, *self.analysis.states])


def slots_of(steps: int) -> int:
    """How many slots there must be for input up to so many steps ahead: a power of two."""
    return 1 << max(steps - 1, 0).bit_length()


def tabulated(table: TimedArray) -> TimedArray:
    """The table with its values as kernels read them: one row a time, one number after the other."""
    values = np.ascontiguousarray(table.values, dtype=np.float64)
    return dataclasses.replace(table, values=values.reshape(len(values), -1))


def _numbers(spec: PopulationSpec, name: str, value: Any) -> FloatArray:
    if isinstance(value, Ragged):
        raise InvalidDimensionsError(f"'{name}' of {spec.label} takes one number a cell, not an array a cell.")
    array = np.asarray(value, dtype=float)
    if array.ndim and array.shape != (spec.size,):
        raise InvalidDimensionsError(f"'{name}' of {spec.label} has {array.size} values for {spec.size} cells.")
    return array


def _collapsed(array: FloatArray) -> float | FloatArray:
    """A number where all cells agree, so that kernels can keep it in a register."""
    if array.ndim == 0:
        return float(array)
    if array.size and np.all(array == array[0]):
        return float(array[0])
    return array.copy()


class Player(Protocol):
    """What pyNN.spike_sources makes."""

    def advance(self, from_step: int, to_step: int) -> tuple[IntArray, IntArray]: ...

    def write(self, name: str, where: IntArray, values: Any, step: int) -> None: ...


class SourceGroup:
    """The cells of one population of spike sources; its spikes are known a chunk ahead."""

    def __init__(self, spec: PopulationSpec, player: Player, start_step: int) -> None:
        self.spec = spec
        self.player = player
        self.train = SpikeTrain()
        self.known_until = start_step
        self.parameters: dict[str, Any] = dict(spec.parameters)
        self.own = (0, spec.size)
        """The sources of this MPI rank: first, one after the last."""

    @property
    def size(self) -> int:
        return self.spec.size

    @property
    def is_counted(self) -> bool:
        """Whether engines draw how many spikes each cell has in a step; trains are made for others that want them."""
        return isinstance(self.player, CountedPoissonSource)

    def counts_at(self, step: int) -> IntArray:
        """How many spikes each cell of a counted source has in a step."""
        if not isinstance(self.player, CountedPoissonSource):
            raise InternalError(f"The spikes of {self.spec.label} are not counted.")
        return np.asarray(self.player.counts(step, step)[0])

    def skip(self, to_step: int) -> None:
        """Go on without a train."""
        if isinstance(self.player, CountedPoissonSource):
            self.player.skip(self.known_until, to_step)
        self.train.count = 0
        self.train.steps = self.train.cells = np.empty(0, dtype=np.int64)
        self.known_until = to_step

    def play(self, to_step: int) -> None:
        """Fetch the spikes up to a step; they replace those of the chunk before."""
        steps, cells = self.player.advance(self.known_until, to_step)
        self.train.steps = np.ascontiguousarray(steps, dtype=np.int64)
        self.train.cells = np.ascontiguousarray(cells, dtype=np.int64)
        self.train.count = len(self.train.steps)
        self.known_until = to_step

    def read(self, name: str) -> FloatArray:
        if name not in self.parameters:
            raise NonExistentParameterError(name, self.spec.model.name, self.parameters)
        value = self.parameters[name]
        if isinstance(value, Ragged):
            raise InvalidDimensionsError(f"'{name}' of {self.spec.label} is an array a cell, not one number.")
        return np.array(np.broadcast_to(value, (self.size,)), dtype=float)

    def write(self, name: str, where: IntArray, values: Any, step: int) -> None:
        if name not in self.parameters:
            raise NonExistentParameterError(name, self.spec.model.name, self.parameters)
        self.player.write(name, where, values, step)
        if not isinstance(values, Ragged) and not isinstance(self.parameters[name], Ragged):
            array = np.array(np.broadcast_to(self.parameters[name], (self.size,)), dtype=float)
            array[where] = values
            self.parameters[name] = array


Group = CellGroup | SourceGroup

_LARGEST_SPARE = 1 << 18
"""Numbers that a block of samples may have room for beyond what is needed."""


Columns = tuple[IntArray, IndexArray, "float | FloatArray", "int | IndexArray"]
"""Starts of rows, target cells, weights and delays. Row i, of source cell i, is starts[i]:starts[i + 1]."""


class Keeper(Protocol):
    """What has taken over columns, and makes them again when they are asked for."""

    def columns(self) -> Columns: ...


class Rows:
    """Stored connections by source cell, as columns, or in the hands of what keeps them together with others."""

    def __init__(self, starts: IntArray, posts: IndexArray, weights: Any, delays: Any) -> None:
        self._columns: Columns | None = (starts, posts, weights, delays)
        self.keeper: Keeper | None = None
        self.size = len(posts)
        self.has_own_weights, self.has_own_delays = bool(np.ndim(weights)), bool(np.ndim(delays))
        self.delay_limits = (int(np.min(delays)), int(np.max(delays))) if self.size else (0, 0)

    def columns(self) -> Columns:
        """All columns; those that something has taken over are made anew."""
        if self._columns is not None:
            return self._columns
        if self.keeper is None:
            raise InternalError("Nobody has the columns.")
        return self.keeper.columns()

    def hand_over(self, keeper: Keeper) -> None:
        self._columns, self.keeper = None, keeper

    def take_back(self) -> None:
        self._columns, self.keeper = self.columns(), None


@dataclass
class Route:
    """Connections from the cells of one group to those of another."""

    source: Group
    target: CellGroup
    receptor: int
    rows: Rows | None
    """None: they are drawn at each spike."""
    slice_number: int = 0
    """The number of the slice that has all the targets."""
    label: str = ""
    """That of the projection."""
    regenerated: RegeneratedTable | None = None
    """What draws the connections at each spike, where they are not stored."""

    @property
    def stored(self) -> Rows:
        if self.rows is None:
            raise InternalError(f"The connections of {self.label} are not stored.")
        return self.rows

    @property
    def has_connections(self) -> bool:
        return bool(self.stored.size if self.regenerated is None else self.regenerated.size)

    @property
    def is_counted(self) -> bool:
        """Whether the spikes of the source are counted, not listed."""
        return isinstance(self.source, SourceGroup) and self.source.is_counted

    @property
    def smallest_delay(self) -> int:
        return self._delay_limits[0]

    @property
    def largest_delay(self) -> int:
        return self._delay_limits[1]

    @property
    def _delay_limits(self) -> tuple[int, int]:
        return self.stored.delay_limits if self.regenerated is None else self.regenerated.delay_limits


class Projection:
    """A projection's synaptic attributes in the order of its table, and the routes made from it."""

    def __init__(self, spec: ProjectionSpec) -> None:
        if spec.table is None:
            raise InternalError(f"Projection {spec.label} has no connection table.")
        self.spec = spec
        self.table = spec.table
        self._columns: dict[str, float | FloatArray] | None = None
        self._delay_steps: int | IndexArray | None = None
        self.routes: list[Route] = []
        self.synapses: Any = None
        """A pyNN.reference.plasticity.RuledSynapses where the synapse type has a rule; there are no routes then."""
        self.couplings: list[Any] = []
        """pyNN.reference.coupling.Coupling where the synapses are electrical."""
        self.targets: list[CellGroup] = []
        """The groups that its postsynaptic cells belong to."""
        self.changed = False

    @property
    def columns(self) -> dict[str, float | FloatArray]:
        """Values of each attribute but the delay; if the engine has taken over the table, a copy."""
        if self.table.keeper is not None:
            return self.table.columns
        if self._columns is None:
            self._columns = dict(self.table.columns)
        return self._columns

    @property
    def delay_steps(self) -> int | IndexArray:
        if self.table.keeper is not None or self._delay_steps is None:
            return self.table.delay_steps
        return self._delay_steps

    @delay_steps.setter
    def delay_steps(self, value: int | IndexArray) -> None:
        self._delay_steps = value

    def take_back(self) -> None:
        """Have the columns as arrays, which can be changed."""
        self.table.take_back()

    def hand_over(self, keeper: Any) -> None:
        """Leave the columns to what the engine keeps."""
        self.table.hand_over(keeper)
        self._columns = self._delay_steps = None

    def read(self, name: str, dt: float) -> FloatArray:
        size = (self.table.size,)
        if name == "delay":
            return np.array(np.broadcast_to(self.delay_steps, size), dtype=float) * dt
        if name not in self.columns:
            raise NonExistentParameterError(name, self.spec.model.name, [*self.columns, "delay"])
        return np.array(np.broadcast_to(self.columns[name], size), dtype=float)


class Recording(Protocol):
    """What is kept of one variable of one group."""

    spec: RecordingSpec

    def collect(self, current_step: int) -> Spikes | FloatArray: ...

    def take(self) -> Spikes | FloatArray: ...

    def clear(self, current_step: int) -> None: ...


class SpikeRecording:
    """Spikes of some cells of a group."""

    def __init__(self, spec: RecordingSpec, group: Group) -> None:
        self.spec = spec
        self.group = group
        self.wanted: NDArray[np.bool_] | None = None
        if len(spec.cells) < group.size:
            self.wanted = np.zeros(group.size, dtype=bool)
            self.wanted[spec.cells] = True
        self._steps: list[IntArray] = []
        self._cells: list[IntArray] = []

    def append(self, steps: IntArray, cells: IntArray) -> None:
        """Take over the wanted ones of a group's spikes."""
        if self.wanted is not None:
            chosen = self.wanted[cells]
            steps, cells = steps[chosen], cells[chosen]
        if len(steps):
            self._steps.append(np.array(steps))
            self._cells.append(np.array(cells))

    def collect(self, current_step: int) -> Spikes:
        if len(self._steps) > 1:
            self._steps, self._cells = [np.concatenate(self._steps)], [np.concatenate(self._cells)]
        if not self._steps:
            return Spikes(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
        return Spikes(self._steps[0].copy(), self._cells[0].copy())

    def take(self) -> Spikes:
        """All spikes, which are forgotten."""
        taken = self.collect(0)
        self._steps, self._cells = [], []
        return taken

    def clear(self, current_step: int) -> None:
        self._steps, self._cells = [], []


class StateRecording:
    """Samples of a state of some cells, in blocks: a block that is full is kept, and the next is begun."""

    def __init__(self, spec: RecordingSpec, group: CellGroup) -> None:
        self.spec = spec
        self.group = group
        self.row = group.analysis.states.index(spec.variable)
        self.cells = np.ascontiguousarray(spec.cells, dtype=np.int64)
        self.start_step = spec.start_step
        """Step of the first sample of the block that is being filled."""
        self.every = spec.every_steps
        self.data: FloatArray = np.empty((0, len(self.cells)))
        """The block that is being filled."""
        self.count = 0
        """Samples in it."""
        self._full: list[FloatArray] = []
        self._kept = 0
        """Samples in full blocks."""

    def is_due(self, step: int) -> bool:
        """Whether a sample of the state at `step` belongs to the recording and is not there yet."""
        return step >= self.start_step and self.start_step + self.count * self.every == step

    def samples_until(self, step: int) -> int:
        """How many samples the block has at or before a step."""
        return max((step - self.start_step) // self.every + 1, 0)

    def make_room(self, until_step: int) -> bool:
        """Have room for all samples up to a step; whether a new block was begun for it."""
        if self.samples_until(until_step) <= len(self.data):
            return False
        if self.count:
            self._full.append(self.data[: self.count])
            self._kept += self.count
            self.start_step += self.count * self.every
            self.count = 0
        smallest = min(max(self._kept // 8, 1), max(_LARGEST_SPARE // max(len(self.cells), 1), 1))
        self.data = np.empty((max(self.samples_until(until_step), smallest), len(self.cells)))
        return True

    def sample(self) -> None:
        """Add the present state."""
        self.data[self.count] = self.group.states[self.row][self.cells]
        self.count += 1

    @property
    def samples(self) -> FloatArray:
        """All samples, in an array of its own."""
        return np.concatenate([*self._full, self.data[: self.count]])

    @property
    def first_step(self) -> int:
        """Step of the first of them."""
        return self.start_step - self._kept * self.every

    def put_back(self, samples: FloatArray, first_step: int) -> None:
        """Have these samples, the first of which is of `first_step`, in the place of those that are there."""
        self._full, self._kept = [], 0
        self.data = np.array(samples, dtype=float).reshape(len(samples), len(self.cells))
        self.count = len(self.data)
        self.start_step = first_step

    def collect(self, current_step: int) -> FloatArray:
        samples = [*self._full, self.data[: self.count]]
        if self.is_due(current_step):
            samples.append(self.group.states[self.row][self.cells][np.newaxis])
        return np.concatenate(samples)

    def take(self) -> FloatArray:
        """All samples that have been taken, which are forgotten; the block's memory serves for the next."""
        block = self.data[: self.count]
        taken = np.concatenate([*self._full, block]) if self._full else block
        self._full, self._kept = [], 0
        self.start_step += self.count * self.every
        self.count = 0
        return taken

    def clear(self, current_step: int) -> None:
        self._full, self._kept = [], 0
        self.data = np.empty((0, len(self.cells)))
        self.count = 0
        self.start_step = current_step


@dataclass
class Current:
    """A current source and its targets by group."""

    spec: CurrentSpec
    targets: list[tuple[CellGroup, IntArray]]
    signal: FloatArray = field(default_factory=lambda: np.zeros(0))
    """Its values in the updates of the chunk."""


@dataclass
class World:
    """Everything of a session that engines work on."""

    cells: list[CellGroup] = field(default_factory=list)
    sources: list[SourceGroup] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    ruled: list[Any] = field(default_factory=list)
    """pyNN.reference.plasticity.RuledSynapses, one a projection."""
    couplings: list[Any] = field(default_factory=list)
    coupled: dict[int, Any] = field(default_factory=dict)
    """pyNN.reference.coupling.CoupledCurrent of each group with gap junctions, by id() of the group."""
    watched: dict[tuple[int, str], CellGroup] = field(default_factory=dict)
    """Groups of which synapses see a state, which all MPI ranks must know then; by population and name of the state."""
    currents: dict[int, Current] = field(default_factory=dict)
    recordings: dict[int, SpikeRecording | StateRecording] = field(default_factory=dict)
    current_step: int = 0
    run_start: int = 0
    """Step at which the present run() began: in the middle of it nobody changes states."""
    chunk_start: int = 0
    """Step of the first value of the currents' signals."""
    common_interval: int = 0
    """Steps between two exchanges of spikes, on which all MPI ranks agree; 0: there is a single process."""

    @property
    def interval(self) -> int:
        """Number of steps that can be taken before spikes must be delivered; 0 without connections."""
        steps = [route.smallest_delay for route in self.routes if route.has_connections]
        steps += [synapses.interval for synapses in self.ruled if synapses.interval]
        return 1 if self.couplings else min(steps, default=0)

    def wants_train(self, source: SourceGroup) -> bool:
        """Whether the spikes of a source that is counted must be there as a train too."""
        if not source.is_counted or self.spike_recordings(source):
            return True
        return any(part.source is source for synapses in self.ruled for part in synapses.parts)

    def state_recordings(self, group: CellGroup) -> list[StateRecording]:
        return [r for r in self.recordings.values() if isinstance(r, StateRecording) and r.group is group]

    def spike_recordings(self, group: Group) -> list[SpikeRecording]:
        return [r for r in self.recordings.values() if isinstance(r, SpikeRecording) and r.group is group]


@dataclass(frozen=True)
class NotFinite:
    """The first step after which states of a group are not finite."""

    step: int
    group: CellGroup
    variable: str
    cell: int
    value: float
    cells: int
    """How many cells have such states after that step."""

    @classmethod
    def found_in(cls, group: CellGroup, step: int) -> NotFinite | None:
        """What is not finite in the present states of the own cells."""
        first, last = group.own
        wrong = np.argwhere(~np.isfinite(group.states[:, first:last].T))
        if not len(wrong):
            return None
        cell, row = wrong[0]
        return cls(
            step, group, group.analysis.states[row], int(cell) + first, float(group.states[row, first + cell]),
            len(np.unique(wrong[:, 0])),
        )  # fmt: skip


class Engine(Protocol):
    """What computes."""

    def slices(self, group: Group) -> list[tuple[int, int]]:
        """The own cells of a group (first, one after the last) of each slice, which one thread at a time deals with."""

    def longest_interval(self, world: World) -> int:
        """Steps that can be taken, as far as this rank's cells and connections decide, before spikes are exchanged."""

    def sort(self, pre: Any, post: Any, weights: Any, delays: Any, size: int, targets: int) -> Any:
        """Columns of a Route: see pyNN.reference.routing.sort_by_source."""

    def take_rows(self, table: SourceTable, first: int, last: int) -> Any:
        """The columns of a Route, with the connections of a table onto the cells first to last - 1."""

    def pack(self, projection: Projection) -> Any:
        """A pyNN.specs.TableKeeper that takes the place of the projection's table; None: the table stays."""

    def make_synapses(
        self, projection: Projection, parts: list[Any], dt: float, step: int, seed: int, trial: int
    ) -> Any:
        """The pyNN.reference.plasticity.RuledSynapses of a projection."""

    def phase_seconds(self) -> Mapping[tuple[str, ...], float]:
        """Seconds in `run` by path below "cells and synapses", such as ("update", label) and ("deliver", label)."""

    def prepare(self, group: CellGroup) -> None:
        """Do what takes long for a group of a new cell type: compile it."""

    def bundle(self, world: World) -> None:
        """Have connections in the order in which they are read, where that pays; nothing else changes."""

    def refresh(self, world: World) -> None:
        """Take over that groups, routes, coefficients, currents or recordings changed."""

    def settle(self, world: World) -> None:
        """Have all input that is on its way in the groups' rings, where others look for it, and change it."""

    def run(self, world: World, until_step: int) -> None:
        """Compute up to a step, keep what recordings want, and leave `world.current_step` there."""

    def not_finite(self, world: World) -> NotFinite | None:
        """Where a state was not finite first in the last run()."""

