"""The description of a network: inert data in PyNN units, which any backend can build. Picklable; acts on nothing.

Cells have global ids: population k holds first_id .. first_id + size - 1, in order of creation, from 0. All times are
whole time steps (`*_steps`), all other numbers are in the unit that the model's definition declares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyNN.models import Definition

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass
class Ragged:
    """One array of numbers a cell: cell i has values[offsets[i]:offsets[i + 1]]."""

    values: FloatArray
    offsets: IntArray

    @classmethod
    def from_list(cls, rows: Any) -> Ragged:
        arrays = [np.asarray(row, dtype=float).ravel() for row in rows]
        offsets = np.zeros(len(arrays) + 1, dtype=np.int64)
        np.cumsum([a.size for a in arrays], out=offsets[1:])
        return cls(np.concatenate(arrays) if arrays else np.empty(0), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> FloatArray:
        return self.values[self.offsets[i] : self.offsets[i + 1]]


Value = float | FloatArray | Ragged
"""A scalar (all cells alike), an array of one number a cell, or a Ragged of one array a cell."""


@dataclass
class PopulationSpec:
    """Cells of one model."""

    id: int
    """Position in NetworkSpec.populations; with the seed it keys the population's random streams."""
    label: str
    model: Definition
    size: int
    first_id: int
    parameters: dict[str, Value]
    """Every parameter of the model, in its declared unit."""
    initial_values: dict[str, Value]
    """Every state of the model, in its declared unit."""
    native: bool = False
    """True: the backend may use its own generator of random spikes rather than pyNN.spike_sources."""

    @property
    def is_source(self) -> bool:
        return bool(self.model.source)


class TableKeeper(Protocol):
    """What a backend keeps of a table's connections in a form of its own. It has the table's fields."""

    @property
    def size(self) -> int: ...

    @property
    def delay_limits(self) -> tuple[int, int]:
        """The smallest and the largest delay in steps."""

    @property
    def pre(self) -> NDArray[np.int32]: ...

    @property
    def post(self) -> NDArray[np.int32]: ...

    @property
    def delay_steps(self) -> int | NDArray[np.int32]: ...

    @property
    def columns(self) -> dict[str, float | FloatArray]: ...


_TABLE_FIELDS = ("pre", "post", "delay_steps", "columns")


@dataclass
class SourceTable:
    """A TableKeeper with static connections in order of source, as some connectors draw them.

    A backend whose Capabilities.tables_by_source is true may use these arrays as they are.
    """

    starts: IntArray
    """Source i, an index into ProjectionSpec.pre, connects to targets[starts[i]:starts[i + 1]], ascending."""
    targets: NDArray[Any]
    """uint16 or int32, indices into ProjectionSpec.post."""
    delays: int | NDArray[np.int32]
    """In steps: one for all, or one for each of `targets`, like the weights."""
    weights: float | FloatArray

    @property
    def size(self) -> int:
        return len(self.targets)

    @property
    def delay_limits(self) -> tuple[int, int]:
        return int(np.min(self.delays)), int(np.max(self.delays))

    def _by_target(self, column: Any) -> Any:
        return column[np.argsort(self.targets, kind="stable")] if np.ndim(column) else column

    @property
    def pre(self) -> NDArray[np.int32]:
        sources = np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), np.diff(self.starts))
        return np.asarray(self._by_target(sources))

    @property
    def post(self) -> NDArray[np.int32]:
        return np.sort(self.targets).astype(np.int32)

    @property
    def delay_steps(self) -> int | NDArray[np.int32]:
        return self._by_target(self.delays)

    @property
    def columns(self) -> dict[str, float | FloatArray]:
        return {"weight": self._by_target(self.weights)}


@dataclass
class ConnectionTable:
    """Connections as columns, sorted by post, then pre. A column that is the same everywhere is a scalar.

    Under MPI each rank has the connections onto its own cells; only electrical ones, which act on both ends, all.
    A backend may take the arrays over, so that they are not kept twice; they are made again whenever they are read.
    """

    pre: NDArray[np.int32]
    """Index into ProjectionSpec.pre."""
    post: NDArray[np.int32]
    """Index into ProjectionSpec.post."""
    delay_steps: int | NDArray[np.int32]
    """1, without a meaning, where the model has no delay (electrical connections)."""
    columns: dict[str, float | FloatArray]
    """"weight" (unit of the receptor) and the synapse model's other parameters, without delay."""

    @property
    def size(self) -> int:
        return len(self.pre) if self.keeper is None else self.keeper.size

    @classmethod
    def kept_by(cls, keeper: TableKeeper) -> ConnectionTable:
        """A table of connections that have another form from the beginning."""
        table = object.__new__(cls)
        table.hand_over(keeper)
        return table

    @property
    def keeper(self) -> TableKeeper | None:
        """What has the connections if the table has given them away."""
        return self.__dict__.get("_keeper")

    def hand_over(self, keeper: TableKeeper) -> None:
        """Leave the connections to a backend."""
        for name in _TABLE_FIELDS:
            self.__dict__.pop(name, None)
        self.__dict__["_keeper"] = keeper

    def take_back(self) -> None:
        """Have the connections as arrays again."""
        keeper = self.__dict__.pop("_keeper", None)
        if keeper is not None:
            self.__dict__.update({name: getattr(keeper, name) for name in _TABLE_FIELDS})

    def __getattr__(self, name: str) -> Any:
        keeper = self.__dict__.get("_keeper")
        if keeper is None or name not in _TABLE_FIELDS:
            raise AttributeError(f"A connection table has no attribute '{name}'.")
        return getattr(keeper, name)

    @property
    def delay_limits(self) -> tuple[int, int]:
        """The smallest and the largest delay in steps of a table that is not empty."""
        if self.keeper is not None:
            return self.keeper.delay_limits
        return int(np.min(self.delay_steps)), int(np.max(self.delay_steps))

    def column(self, name: str) -> FloatArray:
        """The column as an array of one value a connection."""
        return np.broadcast_to(np.asarray(self.columns[name], dtype=float), (self.size,))

    @property
    def delays(self) -> NDArray[np.int32]:
        """Delays in steps, one a connection."""
        return np.broadcast_to(np.asarray(self.delay_steps, dtype=np.int32), (self.size,))


@dataclass
class ConnectionRule:
    """What a connector would do, for backends that draw the connections themselves (native=True)."""

    name: str
    """Name of the connector class, e.g. "FixedProbabilityConnector"."""
    parameters: dict[str, Any]
    values: dict[str, Any]
    """Synapse parameters: a number, or a pyNN.random.RandomDistribution. `delay` is in ms here."""


@dataclass(frozen=True)
class Plasticity:
    """Whether and when the synapses of a projection learn."""

    on: bool = True
    """False: weights stay as they are, whatever else goes on."""
    every: int = 1
    """What goes on in every step does so in every so manieth step, and over as many steps."""
    first: int = 0
    """The first of these steps."""


@dataclass
class ProjectionSpec:
    """Connections from the cells `pre` to the cells `post` (global ids, in the order of the user's object)."""

    id: int
    label: str
    pre: IntArray
    post: IntArray
    receptor: str
    model: Definition
    table: ConnectionTable | None
    rule: ConnectionRule | None = None
    """Given, with `table` None, only where native=True."""
    initial_values: dict[str, float | FloatArray] = field(default_factory=dict)
    """The states set with Projection.initialize: a number, or one a connection; the others start as the model says."""
    limits: tuple[int, int] | None = None
    """The smallest and the largest delay of the connections on all MPI ranks, where `table` is only a share."""
    plasticity: Plasticity | None = None
    """None: always, as nobody has said anything."""
    active: dict[str, bool] = field(default_factory=dict)
    """Pathways ("on_pre", "on_post", or a name) of which a script has said whether they act; the others do."""


@dataclass
class CurrentSpec:
    """A current source and its targets. `model.name` and `parameters` determine the signal (pyNN.waveforms)."""

    id: int
    model: Definition
    parameters: dict[str, Value]
    cells: IntArray
    """Global ids; a cell that is listed twice gets the current twice."""
    seed: int | None = None
    """Of a generator that the script gave for noise; None: the simulation's."""


@dataclass
class RecordingSpec:
    """One variable of some cells of one population, from `start_step` on."""

    id: int
    population: int
    variable: str
    """"spikes" or a state variable."""
    cells: IntArray
    """Indices within the population, ascending."""
    every_steps: int = 1
    """Sampling interval (ignored for spikes)."""
    start_step: int = 0
    """Sample 0 is the state at this step."""


@dataclass
class NetworkSpec:
    """A network, or the part of one that has not been built yet."""

    populations: list[PopulationSpec] = field(default_factory=list)
    projections: list[ProjectionSpec] = field(default_factory=list)
    currents: list[CurrentSpec] = field(default_factory=list)
    recordings: list[RecordingSpec] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.populations or self.projections or self.currents or self.recordings)

    @property
    def size(self) -> int:
        """Number of cells."""
        return sum(p.size for p in self.populations)

    def min_delay_steps(self) -> int | None:
        """Smallest delay of any stored connection; None without connections."""
        return min((low for low, _ in self._delay_limits()), default=None)

    def max_delay_steps(self) -> int | None:
        return max((high for _, high in self._delay_limits()), default=None)

    def _delay_limits(self) -> list[tuple[int, int]]:
        """Those of each projection that has connections with a delay, which electrical ones do not have."""
        return [
            p.table.delay_limits if p.limits is None else p.limits
            for p in self.projections
            if p.table is not None and (p.table.size or p.limits) and not p.model.coupling
        ]


def split_by_population(
    populations: list[PopulationSpec], ids: IntArray
) -> list[tuple[PopulationSpec, IntArray, IntArray]]:
    """For each population that has cells among `ids`: (it, positions in `ids`, indices in the population)."""
    ids = np.asarray(ids)
    parts = []
    for population in populations:
        where = np.flatnonzero((ids >= population.first_id) & (ids < population.first_id + population.size))
        if where.size:
            parts.append((population, where, ids[where] - population.first_id))
    return parts
