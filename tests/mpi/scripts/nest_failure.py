"""One rank fails while the others are in NEST's own exchange of spikes.  mpirun -n RANKS python nest_failure.py"""

import pyNN.nest as sim

sim.setup(timestep=0.1)
cells = sim.Population(50, sim.IF_curr_exp(i_offset=1.0))
sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.01))
sim.run(20.0)
if sim.rank() == 1:
    raise ValueError("only rank 1 says this")
sim.run(1000.0)
sim.end()
