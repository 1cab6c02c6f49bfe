"""The contract between the API and a simulator. A backend implements this and nothing else.

Time is counted in whole steps. An update k takes the state from k*dt to (k+1)*dt; a cell whose threshold is crossed in
it has a spike of step k+1. A spike of step s over a connection of d steps is in the target's state at step s+d, so its
membrane potential first differs at s+d+1 (s+d where the weight is a voltage jump). A recorded value at step s is the
state at s; sample 0 is the initial state. Injected current of update k is the source's value at k*dt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pyNN.parallel import Communicator, block_share
from pyNN.specs import CurrentSpec, FloatArray, IntArray, NetworkSpec, Plasticity, PopulationSpec


@dataclass(frozen=True)
class Settings:
    """What setup() was told, resolved."""

    dt: float
    """Time step in ms."""
    min_delay_steps: int | None
    """None: 'auto', that is the smallest delay of the network."""
    max_delay_steps: int | None
    """None: 'auto', that is the largest delay of the network."""
    rng_seed: int
    threads: int = 1
    trial: int = 0
    """Number of reset() calls since setup(): Poisson spikes and noise differ from trial to trial."""
    profile: bool = False
    """Whether the time that each population and projection takes is to be measured, where that is possible."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The backend's own options, those of Capabilities.options, with defaults filled in."""


@dataclass(frozen=True)
class Option:
    """One backend-specific keyword of setup()."""

    default: Any
    doc: str
    choices: tuple[Any, ...] = ()
    """The allowed values, or () for any."""


Placement = Callable[[PopulationSpec, Settings, Communicator], IntArray]
"""(population, settings, communicator) -> the indices of the cells that are on this rank, ascending."""


def in_blocks(population: PopulationSpec, settings: Settings, comm: Communicator) -> IntArray:
    """Whole blocks of neighbouring cells."""
    return np.arange(*block_share(population.size, population.first_id, comm.rank, comm.size), dtype=np.int64)


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do, as data: the API asks these fields and never the backend's name."""

    options: Mapping[str, Option] = field(default_factory=dict)
    exclusive: bool = False
    """Only one session at a time in a process (a simulator with global state)."""
    dynamics: bool = True
    """False: cells have no dynamics, a dry run."""
    equations: bool = False
    """Whether a cell type that is not a key of `models` is built from its equations."""
    threads: bool = True
    mpi: bool = False
    native_rules: tuple[str, ...] = ()
    """Names of connectors that the backend can draw itself with native=True."""
    native_sources: tuple[str, ...] = ()
    """Names of spike sources for which the backend has a generator of its own."""
    smaller_delay_after_run: bool = True
    """Whether a projection added after a run may have a delay under the smallest so far."""
    builds_early: bool = False
    """Whether large projections are built while the network is still described, which saves memory."""
    tables_by_source: bool = False
    """Whether tables of static connections may come as pyNN.specs.SourceTable, which spares sorting them."""
    regenerates: bool = False
    """Whether static connections may come as pyNN.connectors.regeneration.RegeneratedTable, and are not stored then."""
    streaming: bool = False
    """Whether its sessions are StreamingSessions, so that recorded data can go to a file during a run."""
    plasticity_switch: bool = False
    """Whether its sessions are LearningSessions: synapses can stop learning, and pathways acting, during a run."""
    placement: Placement = in_blocks
    """Which cells of a population are on this MPI rank."""
    checkpoints: bool = False
    """Whether it is a RestorableBackend with sessions that are RestorableSession: a simulation can be saved whole."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """What it cannot do: feature -> reason. Shown by `pynn backends` and in the docs."""


class Spikes(NamedTuple):
    """Recorded spikes of one recording, in order of step, then cell."""

    steps: IntArray
    cells: IntArray
    """Index within the population."""
    offsets: FloatArray | None = None
    """ms by which a spike precedes its step; None: on the grid."""


class Session(Protocol):
    """One simulation in a simulator: everything that exists between setup() and end()."""

    def build(self, part: NetworkSpec) -> None:
        """Create what is new: populations, then projections, currents, recordings. All or nothing."""

    def advance(self, steps: int) -> None:
        """Simulate whole time steps. KeyboardInterrupt may be raised; `current_step` then says how far it got."""

    @property
    def current_step(self) -> int: ...

    def collect(self, recording: int) -> Spikes | FloatArray:
        """What a recording holds: Spikes, or an array (samples, cells); sample k is at start_step + k*every_steps."""

    def clear(self, recording: int) -> None:
        """Forget a recording's data. It goes on from the current step, whose state is its new sample 0."""

    def stop(self, recording: int) -> None:
        """End a recording and forget its data."""

    def read_cells(self, population: int, name: str) -> FloatArray:
        """Present value of a state variable for all cells of a population, in the model's unit."""

    def write_cells(self, population: int, name: str, where: IntArray, values: Any) -> None:
        """Set a parameter or state variable of the cells `where` (indices); acts from the next step.

        `values` is a scalar, one number a cell, or a Ragged.
        """

    def read_synapses(self, projection: int, name: str) -> FloatArray:
        """Present value of a synaptic attribute ("weight", ...; "delay" in ms), in the order of the table."""

    def write_synapses(self, projection: int, name: str, values: Any) -> None:
        """Set an attribute of all connections of a projection: a scalar, or one value a connection."""

    def read_connections(self, projection: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(pre, post) indices as in ConnectionTable, sorted by post, then pre; for projections drawn natively."""

    def write_current(self, current: CurrentSpec) -> None:
        """Take over changed parameters, or targets, of a current source; acts from the next step."""

    def close(self) -> None:
        """Free everything. Calling it twice is harmless."""


class LearningSession(Session, Protocol):
    """A session whose synapses can be told when to learn."""

    def set_plasticity(self, projection: int, plasticity: Plasticity) -> None:
        """Have the synapses of a projection learn, or not, from the next step on."""

    def set_active(self, projection: int, pathway: str, active: bool) -> None:
        """Have the spikes of a pathway act, or not, from the next step on."""


class StreamingSession(Session, Protocol):
    """A session that can give recorded data away while it runs."""

    def take(self, recording: int) -> Spikes | FloatArray:
        """What a recording holds of the steps that have been simulated; it is forgotten, and sampling goes on.

        Sample 0 of the next answer follows the last of this one. The sample of the step at which a recording has begun
        is there once a step has been simulated. The arrays may change when the session advances.
        """


class RestorableSession(Session, Protocol):
    """A session that can be saved whole between two steps."""

    def snapshot(self) -> dict[str, Any]:
        """All that decides the future besides the network: arrays, texts, numbers and mappings of those, by name.

        A value may also be a function that makes it later, of a pyNN.checkpoint.shares.Gathering, with which all MPI
        ranks bring their shares together. Cells and connections are in the order of the description, so that any number
        of threads and ranks can go on from it. Collective.
        """

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot of a session of the same network; this one has built it and not run. Collective."""


class Backend(Protocol):
    """A simulator that can be opened."""

    name: str
    """As in `import pyNN.<name>`."""
    title: str
    """As in Neo's annotation `simulator`, e.g. "NEST"."""
    models: Mapping[str, Any]
    """Model name -> the backend's translation; a model that is not a key is not available there."""
    capabilities: Capabilities

    def check(self, part: NetworkSpec, settings: Settings) -> None:
        """Raise CapabilityError (NoModelAvailableError) for what cannot be built, before anything is created."""

    def open(self, settings: Settings, comm: Communicator) -> Session: ...

    def versions(self) -> dict[str, str]:
        """Names and versions of the software behind this backend, for manifests."""


class RestorableBackend(Backend, Protocol):
    """A simulator whose simulations can be saved whole."""

    def check_snapshot(self, network: NetworkSpec, settings: Settings, state: Mapping[str, Any]) -> None:
        """Raise CapabilityError for a snapshot that a session with these settings could not go on from."""
