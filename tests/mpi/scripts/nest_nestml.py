"""Cells from equations, compiled by NESTML; rank 0 prints a digest of spikes and potentials."""

import hashlib

import numpy as np

import pyNN.nest as sim
from pyNN.equations import CellType

Adaptive = CellType(
    name="Adaptive",
    equations="""
        dv/dt = (-65*mV - v)/(20*ms) + (isyn - w + i_offset)/(1*nF) : mV (unless refractory)
        disyn/dt = -isyn/(5*ms) : nA
        dw/dt = -w/(100*ms) : nA
    """,
    parameters={"i_offset": (0.0, "nA")}, threshold="v >= -50*mV", reset="v = -65*mV; w += 0.1*nA",
    refractory="2*ms", receptors={"synaptic": "isyn += weight"}, initial={"v": -65.0},
)  # fmt: skip
sim.setup(timestep=0.1)
cells = sim.Population(10, Adaptive(i_offset=np.linspace(0.8, 1.7, 10)))
cells.record(["v", "spikes"])
synapse = sim.StaticSynapse(weight=0.05, delay=1.0)
sim.Projection(cells, cells, sim.AllToAllConnector(), synapse, receptor_type="synaptic")
sim.run(200.0)
data = cells.get_data(gather="all").segments[0]
if sim.rank() == 0:
    trains = [np.asarray(train.magnitude) for train in data.spiketrains]
    digest = hashlib.sha256(np.concatenate([data.filter(name="v")[0].magnitude.ravel(), *trains]).tobytes()).hexdigest()
    print(f"{sum(map(len, trains))} spikes {digest}")
sim.end()
