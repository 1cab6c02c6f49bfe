"""The built-in simulator: NumPy arrays, and kernels compiled from the models' equations."""

from pyNN.installation import verify_imported

# PyNN installed later replaces our own pyNN/__init__.py, which looks for that, but not this file.
verify_imported()

from pyNN.common.namespace import *  # noqa: E402, F403  the names that every backend has alike
from pyNN.compat import Script  # noqa: E402
from pyNN.compat.namespace import *  # noqa: E402, F403
from pyNN.reference.backend import ReferenceBackend  # noqa: E402

script = Script(ReferenceBackend())

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
