"""What `import pyNN.<backend> as sim` gives a script: functions and classes over one Simulation.

A `Script` is the only thing that holds state on behalf of a module: the present simulation. The classes of a script
know it, so that ``sim.Population(...)`` needs no argument for it.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pyNN import neuron_group, operations, populations, projections, simulation
from pyNN.backend import Backend
from pyNN.checkpoint.journal import Resumption
from pyNN.checkpoint.keeper import Keeper, remember_signals
from pyNN.connectors import FixedProbabilityConnector
from pyNN.errors import CheckpointError, InvalidParameterValueError, InvalidTimeError, NotSetUpError
from pyNN.lowering import steps_of
from pyNN.parallel import default_communicator
from pyNN.populations import cells_of
from pyNN.profiling import Profile
from pyNN.simulation import DEFAULT_MAX_DELAY, DEFAULT_MIN_DELAY, DEFAULT_TIMESTEP
from pyNN.standardmodels.synapses import StaticSynapse

_NUMBERS_OF_A_SIMULATION = 20_000
"""What a simulation of a few cells holds, in numbers of 8 bytes; measured."""
_NUMBERS_WORTH_COLLECTING = 500_000
"""4 MB; collecting takes some 30 ms."""


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
        self.setup_defaults: dict[str, Any] = {}
        """Options of setup() where the script says none itself, such as the seed of a parameter study."""
        self._simulation: simulation.Simulation | None = None
        self._discarded = 0
        """Numbers in arrays of closed simulations that may not be freed yet."""
        self.setups = 0
        """How many times setup() has been called."""
        self.resumption: Resumption | None = None
        """What `pynn run --resume` goes on from."""
        self.checkpoint: tuple[Any, float | None] | None = None
        """The file, and the time in s, for checkpoints of runs that name none."""
        self._signals: list[str] | None = None
        self.state = _State(self)
        self.simulator = _Simulator(backend.title, self.state)
        self.Population = _bound(populations.Population, self)
        self.PopulationView = _bound(populations.PopulationView, self)
        self.Assembly = _bound(populations.Assembly, self)
        self.Projection = _bound(projections.Projection, self)
        self.NeuronGroup = _bound(neuron_group.NeuronGroup, self)

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
        input are made by the core, alike on every backend), profile (False: True also measures what profile() cannot
        know otherwise), and the backend's own options. An unknown option is a warning.
        """
        options = self.setup_options(timestep, min_delay, max_delay, {**self.setup_defaults, **extra})
        self._discard()
        self._simulation = simulation.open_simulation(self.backend, **options)
        self._simulation.observers = self.observers
        self._simulation.journal.setup = self.setups
        if self.resumption is not None and self.resumption.setup == self.setups:
            self._simulation.resumption = self.resumption
        self.setups += 1
        return self._simulation.comm.rank

    def _discard(self) -> None:
        """Close the present simulation, and free what it holds before the next one needs the memory."""
        if self._simulation is None:
            return
        self._simulation.close()
        self._discarded += _NUMBERS_OF_A_SIMULATION + self._simulation.numbers_held
        self._simulation = None
        # Populations, recorders and projections refer to each other, so that only the garbage collector frees them. By
        # itself it comes late: it counts objects, however large their arrays are.
        if self._discarded > _NUMBERS_WORTH_COLLECTING:
            gc.collect()
            self._discarded = 0

    def setup_options(self, timestep: Any, min_delay: Any, max_delay: Any, extra: dict[str, Any]) -> dict[str, Any]:
        """What opens the simulation, from what a script says to setup(); for front ends that understand more."""
        return {"timestep": timestep, "min_delay": min_delay, "max_delay": max_delay, **extra}

    def end(self, compatible_output: bool = True) -> None:
        """Write the files that record(to_file=) asked for. Recorded data stay available until the next setup()."""
        self.simulation.end()

    def run(
        self,
        simtime: float,
        callbacks: Iterable[Callable[[float], float]] | None = None,
        checkpoint: Any = None,
        every: float | None = None,
        report: Any = None,
        report_period: Any = 10000.0,
    ) -> float:
        """Simulate for `simtime` ms and return the time then.

        Each callback is called with the present time (ms) at once, then at the times it returns, and at the end.
        `report`: "text" prints how far the run is, every `report_period` (ms of wall time); or a function of the wall
        time (s), the completed share, the start and the duration (ms).
        `checkpoint`: a file that the state is saved in every `every` seconds of wall time (600), at the end, and on
        SIGUSR1 and SIGTERM, of which the second then ends the process with exit code 143.
        """
        present = self.simulation
        target = present.current_step + steps_of(simtime, present.dt, "simtime")
        return self._run_to(target, callbacks, report, report_period, keeper=self._keeper(checkpoint, every))

    run_for = run

    def run_until(
        self,
        time_point: float,
        callbacks: Iterable[Callable[[float], float]] | None = None,
        checkpoint: Any = None,
        every: float | None = None,
    ) -> float:
        """Simulate until `time_point` (ms) and return the time then; InvalidTimeError if that is in the past.

        `checkpoint` and `every` as for run().
        """
        present = self.simulation
        target = steps_of(time_point, present.dt, "time_point")
        if target < present.current_step:
            raise InvalidTimeError(
                f"run_until({time_point}): that time is past; it is {present.t} ms now. reset() goes back to 0."
            )
        return self._run_to(target, callbacks, keeper=self._keeper(checkpoint, every))

    def _run_to(
        self,
        target: int,
        callbacks: Iterable[Callable[[float], float]] | None,
        report: Any = None,
        period: Any = 1e4,
        keeper: Keeper | None = None,
    ) -> float:
        present = self.simulation
        if isinstance(report, str) and present.comm.rank != 0:
            report = None
        present.schedule.begin(present.current_step, report, period, present.t, present.time_of(target))
        present.run(target, callbacks, self._keeper(None, None) if keeper is None else keeper)
        present.schedule.finish()
        return present.t

    def _keeper(self, checkpoint: Any, every: float | None) -> Keeper | None:
        """What writes the checkpoints of a run, if anything does."""
        if checkpoint is None and every is not None:
            raise InvalidParameterValueError(
                f"run(every={every!r}) needs the file for the checkpoints: checkpoint='name.h5'."
            )
        if checkpoint is None:
            if self.checkpoint is None:
                return None
            checkpoint, every = self.checkpoint
        from pyNN.checkpoint.saving import require_capability

        require_capability(self.simulation)
        return Keeper(checkpoint, every, self._signals)

    def write_checkpoints(self, path: Any, every: float | None = None) -> None:
        """Have all runs that name no file themselves save their state, as run(checkpoint=path, every=every) does."""
        from pyNN.checkpoint.saving import require_checkpoints

        require_checkpoints(self.backend)
        keeper = Keeper(path, every)
        self.checkpoint = (keeper.path, every)
        self._signals = remember_signals(keeper.path)

    def resume(self, path: Any) -> None:
        """Have a script that is about to run from its beginning skip what was done before a checkpoint was written."""
        from pyNN.checkpoint.container import open_checkpoint
        from pyNN.checkpoint.saving import require_checkpoints

        require_checkpoints(self.backend)
        file = open_checkpoint(path, default_communicator())
        try:
            self.resumption = Resumption(Path(os.path.abspath(path)), file)
        except BaseException:
            file.close()
            raise

    def check_resumed(self) -> None:
        """CheckpointError if the script is over and never came to the checkpoint."""
        if self.resumption is not None and not self.resumption.is_done:
            raise CheckpointError(
                f"The script ended before it came to the checkpoint '{self.resumption.path}'. Only the script that "
                "wrote a checkpoint, with the same arguments, can be resumed."
            )

    def save_state(self, path: Any) -> None:
        """Write the whole state of the simulation, and all that is recorded, into an HDF5 file.

        The file appears under its name only when it is whole. OSError if it cannot be written; CapabilityError where
        the backend has no checkpoints. Under MPI all ranks call this, and any number of ranks can go on from the file.
        """
        self.simulation.save_state(path)

    def restore_state(self, path: Any) -> None:
        """Go on from what save_state() or run(checkpoint=...) wrote, bit for bit as if the simulation had not stopped.

        The network must be there as it was when it began to run; what the script changed since comes from the file,
        with everything recorded. FileFormatError for a file that is not whole, CheckpointError if it is of another
        network or another setup(); nothing is changed then.
        """
        self.simulation.restore_state(path)

    def stop(self) -> None:
        """End the present run after the step in which this is called; for network operations and callbacks."""
        self.simulation.schedule.stopping = True

    def network_operation(self, *args: Any, **settings: Any) -> Any:
        """A decorator: call the function in every step of a run, or every `dt` ms, before the states are updated.

        The function takes no argument, or the time in ms. `dt` or `clock`, `when`, `order`, `name` as in
        pyNN.operations.NetworkOperation, which it becomes.
        """
        if len(args) == 1 and callable(args[0]) and not settings:
            return self._add(operations.NetworkOperation(args[0]))
        return lambda function: self._add(operations.NetworkOperation(function, *args, **settings))

    def every(self, period: Any, offset: Any = 0.0, wait: Any = 0.0) -> Any:
        """A decorator: call f(n), n = 0, 1, ..., every `period` ms of each run, from its start + wait + offset on.

        A negative offset counts from the end of the period.
        """
        return lambda function: self._add(operations.Every(function, period, offset, wait))

    def _add(self, operation: Any) -> Any:
        self.simulation.schedule.add(operation, self.simulation.dt)
        return operation

    def remove_operation(self, operation: Any) -> None:
        """Do not call a network operation any more."""
        self.simulation.schedule.remove(operation)

    def callbacks_enabled(self) -> bool:
        """Whether functions decorated with every() are called."""
        return self.simulation.schedule.enabled

    def disable_callbacks(self) -> None:
        """Leave out the calls of functions decorated with every()."""
        self.simulation.schedule.enabled = False

    def enable_callbacks(self) -> None:
        """Call functions decorated with every() again."""
        self.simulation.schedule.enabled = True

    def clear_all_callbacks(self) -> None:
        """Forget all functions decorated with every()."""
        self.simulation.schedule.clear("every")

    def enable_plasticity(self, projections: Any = None, period: Any = None, offset: Any = None) -> None:
        """Let synapses learn again: those of all projections that do, or of some; see Projection.enable_plasticity."""
        for projection in self._learning(projections):
            projection.enable_plasticity(period if projection._goes_on else None,
                                         offset if projection._goes_on else None)

    def disable_plasticity(self, projections: Any = None) -> None:
        """Have weights stay as they are; those of all projections that learn, or of some."""
        for projection in self._learning(projections):
            projection.disable_plasticity()

    def _learning(self, projections: Any) -> list[Any]:
        if projections is not None:
            return [projections] if hasattr(projections, "enable_plasticity") else list(projections)
        return [projection for projection in self.simulation.projections if projection._learns]

    def scheduling_summary(self) -> operations.SchedulingSummary:
        """What is done in each time step, in order: printed a table."""
        present = self.simulation
        return operations.SchedulingSummary(operations.rows_of(present), present.dt)

    def profiling_summary(self, show: int | None = None) -> operations.ProfilingSummary:
        """Wall time by what it was spent on, network operations among it; `show` rows at most."""
        present = self.simulation
        return operations.ProfilingSummary(operations.profile_of(present), show)

    def reset(self, annotations: Mapping[str, Any] | None = None) -> None:
        """Back to t = 0 with initial values; the data so far become a Neo segment with these annotations."""
        self.simulation.reset(annotations)

    def profile(self) -> Profile:
        """Where the time since setup() went, phase by phase: printed a table, with the numbers as attributes.

        With ``setup(profile=True)`` also by population and projection, where the simulator can tell.
        """
        return self.simulation.profile()

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

