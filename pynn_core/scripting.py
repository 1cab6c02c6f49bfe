"""What `import pyNN.<backend> as sim` gives a script: functions and classes over one Simulation.

A `Script` is the only thing that holds state on behalf of a module: the present simulation. The classes of a script
know it, so that ``sim.Population(...)`` needs no argument for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pyNN import populations, projections, simulation
from pyNN.backend import Backend
from pyNN.connectors import FixedProbabilityConnector
from pyNN.errors import InvalidTimeError, NotSetUpError
from pyNN.lowering import steps_of
from pyNN.populations import cells_of
from pyNN.simulation import DEFAULT_MAX_DELAY, DEFAULT_MIN_DELAY, DEFAULT_TIMESTEP
from pyNN.standardmodels.synapses import StaticSynapse


class _State:
    """The present simulation's clock and settings, as PyNN scripts read them from ``sim.state``."""

    def __init__(self, script: Script) -> None:
        self._script = script

    @property
    def t(self) -> float:
        return self._script.simulation.t

    @property
    def dt(self) -> float:
        return self._script.simulation.dt

    @property
    def min_delay(self) -> float:
        return self._script.simulation.min_delay

    @property
    def max_delay(self) -> float:
        return self._script.simulation.max_delay

    @property
    def mpi_rank(self) -> int:
        return self._script.simulation.comm.rank

    @property
    def num_processes(self) -> int:
        return self._script.simulation.comm.size

    @property
    def running(self) -> bool:
        return self._script.simulation.running

    @property
    def segment_counter(self) -> int:
        return self._script.simulation.segment_index


class _Simulator:
    """What PyNN scripts read from ``sim.simulator``: the simulator's name and the state of the simulation."""

    def __init__(self, name: str, state: _State) -> None:
        self.name = name
        """As in the annotations of recorded data."""
        self.state = state


class Script:
    """The functions and classes of one backend's module, and the simulation that they act on."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.observers: list[Any] = []
        """Are told before_build(simulation) and before_close(simulation) of every simulation of this module."""
        self._simulation: simulation.Simulation | None = None
        self.state = _State(self)
        self.simulator = _Simulator(backend.title, self.state)
        self.Population = _bound(populations.Population, self)
        self.PopulationView = _bound(populations.PopulationView, self)
        self.Assembly = _bound(populations.Assembly, self)
        self.Projection = _bound(projections.Projection, self)

    @property
    def simulation(self) -> simulation.Simulation:
        """The present simulation; NotSetUpError before setup()."""
        if self._simulation is None:
            raise NotSetUpError("There is no simulation yet. Call sim.setup(timestep=0.1) first.")
        return self._simulation

    @property
    def is_set_up(self) -> bool:
        """Whether there is a simulation."""
        return self._simulation is not None

    # --- the run -------------------------------------------------------------------------------------------------

    def setup(
        self,
        timestep: float = DEFAULT_TIMESTEP,
        min_delay: float | str = DEFAULT_MIN_DELAY,
        max_delay: float | str = DEFAULT_MAX_DELAY,
        **extra: Any,
    ) -> int:
        """Begin a new simulation; the previous one of this module ends. Returns the MPI rank.

        `timestep`, `min_delay` and `max_delay` in ms; 'auto' delays are those of the network. `extra`: rng_seed (42)
        for everything random that has no generator of its own, threads (1), native (False: the network and its random
        input are made by the core, alike on every backend), and the backend's own options. An unknown option is a
        warning.
        """
        options = self.setup_options(timestep, min_delay, max_delay, extra)
        if self._simulation is not None:
            self._simulation.close()
            self._simulation = None
        self._simulation = simulation.open_simulation(self.backend, **options)
        self._simulation.observers = self.observers
        return self._simulation.comm.rank

    def setup_options(self, timestep: Any, min_delay: Any, max_delay: Any, extra: dict[str, Any]) -> dict[str, Any]:
        """What opens the simulation, from what a script says to setup(); for front ends that understand more."""
        return {"timestep": timestep, "min_delay": min_delay, "max_delay": max_delay, **extra}

    def end(self, compatible_output: bool = True) -> None:
        """Write the files that record(to_file=) asked for. Recorded data stay available until the next setup()."""
        self.simulation.end()

    def run(self, simtime: float, callbacks: Iterable[Callable[[float], float]] | None = None) -> float:
        """Simulate for `simtime` ms and return the time then.

        Each callback is called with the present time (ms) at once, then at the times it returns, and at the end.
        """
        present = self.simulation
        return self._run_to(present.current_step + steps_of(simtime, present.dt, "simtime"), callbacks)

    run_for = run

    def run_until(self, time_point: float, callbacks: Iterable[Callable[[float], float]] | None = None) -> float:
        """Simulate until `time_point` (ms) and return the time then; InvalidTimeError if that is in the past."""
        present = self.simulation
        target = steps_of(time_point, present.dt, "time_point")
        if target < present.current_step:
            raise InvalidTimeError(
                f"run_until({time_point}): that time is past; it is {present.t} ms now. reset() goes back to 0."
            )
        return self._run_to(target, callbacks)

    def _run_to(self, target: int, callbacks: Iterable[Callable[[float], float]] | None) -> float:
        present = self.simulation
        if callbacks:
            present.run_with_callbacks(target, callbacks)
        else:
            present.run_to(target)
        return present.t

    def reset(self, annotations: Mapping[str, Any] | None = None) -> None:
        """Back to t = 0 with initial values; the data so far become a Neo segment with these annotations."""
        self.simulation.reset(annotations)

    def get_current_time(self) -> float:
        """The present time in ms."""
        return self.simulation.t

    def get_time_step(self) -> float:
        """The time step in ms."""
        return self.simulation.dt

    def get_min_delay(self) -> float:
        """The smallest possible delay in ms; if 'auto', the smallest of the network so far."""
        return self.simulation.min_delay

    def get_max_delay(self) -> float:
        """The largest possible delay in ms; if 'auto', the largest of the network so far."""
        return self.simulation.max_delay

    def num_processes(self) -> int:
        """Number of MPI processes."""
        return self.simulation.comm.size

    def rank(self) -> int:
        """Number of this MPI process."""
        return self.simulation.comm.rank

    def list_standard_models(self) -> list[str]:
        """Names of the standard cell types that this backend has."""
        from pyNN.standardmodels import cells
        from pyNN.standardmodels.base import StandardCellType

        return sorted(
            name
            for name, value in vars(cells).items()
            if isinstance(value, type)
            and issubclass(value, StandardCellType)
            and value is not StandardCellType
            and not name.startswith("_")
            and value.definition.name in self.backend.models
        )

    # --- the procedural API ----------------------------------------------------------------------------------------

    def create(self, cellclass: Any, cellparams: Mapping[str, Any] | None = None, n: int = 1) -> Any:
        """A population of n cells."""
        return self.Population(n, cellclass, cellparams)

    def connect(
        self,
        pre: Any,
        post: Any,
        weight: Any = 0.0,
        delay: Any = None,
        receptor_type: str | None = None,
        p: float = 1,
        rng: Any = None,
    ) -> Any:
        """Connect each pair of cells with probability p; `pre` and `post` may also be single cells."""
        groups = []
        for cells in (pre, post):
            parts = cells_of(cells)
            groups.append(parts[0] if len(parts) == 1 else self.Assembly(*parts))
        connector = FixedProbabilityConnector(p_connect=p, rng=rng)
        synapse = StaticSynapse(weight=weight, delay=delay)
        return self.Projection(groups[0], groups[1], connector, synapse, receptor_type=receptor_type)

    def set(self, cells: Any, **parameters: Any) -> None:
        """Set parameters of cells."""
        populations.set_parameters(cells, **parameters)

    def initialize(self, cells: Any, **initial_values: Any) -> None:
        """Set initial values of cells."""
        populations.initialize(cells, **initial_values)

    def record(
        self,
        variables: Any,
        source: Any,
        filename: Any = None,
        sampling_interval: float | None = None,
        annotations: Mapping[str, Any] | None = None,
    ) -> None:
        """Record variables of cells; end() writes them to `filename`."""
        for group in cells_of(source):
            group.record(variables, to_file=filename, sampling_interval=sampling_interval)
            if annotations:
                group.annotate(**annotations)

    def record_v(self, source: Any, filename: Any = None) -> None:
        """Record the membrane potential of cells."""
        self.record("v", source, filename)

    def record_gsyn(self, source: Any, filename: Any = None) -> None:
        """Record the synaptic conductances of cells."""
        self.record(["gsyn_exc", "gsyn_inh"], source, filename)


def _bound(cls: type, script: Script) -> Any:
    """A subclass that differs from `cls` only in knowing its script."""
    return type(cls.__name__, (cls,), {"_script": script, "__doc__": cls.__doc__, "__module__": cls.__module__})

