"""NEST as the simulator."""

from pyNN.common.namespace import *  # noqa: F403  the names that every backend has alike
from pyNN.compat import Script
from pyNN.compat.namespace import *  # noqa: F403
from pyNN.nest import nestml as nestml
from pyNN.nest.backend import NestBackend
from pyNN.nest.cells import NativeCellType as NativeCellType
from pyNN.nest.cells import native_cell_type as native_cell_type
from pyNN.nest.electrodes import NativeElectrodeType as NativeElectrodeType
from pyNN.nest.electrodes import native_electrode_type as native_electrode_type
from pyNN.nest.synapses import NativeSynapseType as NativeSynapseType
from pyNN.nest.synapses import native_synapse_type as native_synapse_type

script = Script(NestBackend())

setup = script.setup
end = script.end
run = script.run
run_for = script.run_for
run_until = script.run_until
reset = script.reset
save_state = script.save_state
restore_state = script.restore_state
get_current_time = script.get_current_time
get_time_step = script.get_time_step
get_min_delay = script.get_min_delay
get_max_delay = script.get_max_delay
num_processes = script.num_processes
rank = script.rank
list_standard_models = script.list_standard_models
profile = script.profile
create = script.create
connect = script.connect
set = script.set
initialize = script.initialize
record = script.record
record_v = script.record_v
record_gsyn = script.record_gsyn
state = script.state
simulator = script.simulator
Population = script.Population
PopulationView = script.PopulationView
Assembly = script.Assembly
Projection = script.Projection
NeuronGroup = script.NeuronGroup
network_operation = script.network_operation
every = script.every
stop = script.stop
callbacks_enabled = script.callbacks_enabled
disable_callbacks = script.disable_callbacks
enable_callbacks = script.enable_callbacks
clear_all_callbacks = script.clear_all_callbacks
enable_plasticity = script.enable_plasticity
disable_plasticity = script.disable_plasticity
scheduling_summary = script.scheduling_summary
profiling_summary = script.profiling_summary


def __getattr__(name: str) -> object:
    """NEST's own module as `sim.nest`, loaded when a script asks for it."""
    if name == "nest":
        from pyNN.nest.versions import load_nest

        return load_nest()
    import sys

    # With name and obj the interpreter adds which name is meant.
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'", name=name, obj=sys.modules[__name__])
