"""A cell of one rank gets infinite currents of both signs; each rank prints what it is told.

    mpirun -n RANKS python nest_not_finite.py
"""

import numpy as np

import pyNN.nest as sim
from pyNN.errors import SimulatorError

sim.setup(timestep=0.1)
cells = sim.Population(20, sim.IF_curr_exp(), label="cells")
cells.record("v")
source = sim.Population(1, sim.SpikeSourceArray(spike_times=[5.0, 5.1]))
for weight, receptor in ((1e305, "excitatory"), (-1e305, "inhibitory")):
    synapse = sim.StaticSynapse(weight=weight, delay=1.0)
    sim.Projection(source, cells[7:8], sim.AllToAllConnector(), synapse, receptor_type=receptor)
sim.run(3.0)
for _ in range(2):
    # A further run reports it again.
    try:
        sim.run(20.0)
    except SimulatorError as error:
        print(f"rank {sim.rank()} at {sim.get_current_time():g} ms: {error}", flush=True)
# Data are there, and asking for them leaves no rank waiting.
(signal,) = cells.get_data(gather="all").segments[0].analogsignals
wrong = np.flatnonzero(~np.isfinite(signal.magnitude).all(axis=0))
sim.reset()
sim.run(4.0)
fine = np.isfinite(cells.get_data(gather="all").segments[-1].analogsignals[0].magnitude).all()
print(f"wrong: {wrong.tolist()}, after a reset all is well: {bool(fine)}", flush=True)
sim.end()
