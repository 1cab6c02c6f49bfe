"""Synapses that see their cells, on any number of ranks.

    [mpirun -n RANKS] python seen_cells.py ENGINE THREADS [save FILE | restore FILE]
"""

import json
import sys

import numpy as np

import pyNN.reference as sim
from pyNN.equations import SynapseType

engine, threads = sys.argv[1], int(sys.argv[2])
plan, *file = sys.argv[3:] or ["plain"]
Seeing = SynapseType(
    name="Seeing",
    equations="""
        dz/dt = (v_pre - post.v)/mV/(10*ms) - z/(20*ms) : 1
        dx/dt = -x/(15*ms) : 1
        n : 1
    """,
    on_pre={"first": "x += 1; weight += 0.001*z*rand()", "second": "n += pre.v/mV"},
    on_post="weight += 0.01*x", transmitted="weight", delays={"second": 2.3}, psp="0.00001*(v_pre - v_post)/mV",
)  # fmt: skip
sim.setup(timestep=0.1, rng_seed=2, engine=engine, threads=threads)
cells = sim.Population(200, sim.IF_curr_exp(i_offset=np.linspace(0.9, 2.5, 200)))
others = sim.Population(3, sim.IF_curr_exp(i_offset=2.0))
cells.record(["v", "spikes"])
delay = sim.RandomDistribution("uniform", low=0.3, high=0.8)
projections = [
    sim.Projection(pre, post, sim.FixedProbabilityConnector(0.1), Seeing(weight=0.02, delay=delay))
    for pre, post in ((cells, cells), (others, cells), (cells, others))
]
projections[0].record("weight", sampling_interval=0.5)
if plan == "restore":
    sim.restore_state(*file)
else:
    sim.run(6.0)
if plan == "save":
    sim.save_state(*file)
sim.run_until(15.0)
found = {}
for number, projection in enumerate(projections):
    for name in ("weight", "z", "n"):
        rows = projection.get(name, format="list", gather="all")
        found[f"{name} {number}"] = [float(row[2]).hex() for row in sorted(rows)]
data = cells.get_data(gather="all").segments[0]
recorded = projections[0].get_data("weight", gather="all").segments[0].analogsignals[0].magnitude
v = data.filter(name="v")[0].magnitude
if sim.rank() == 0:
    found["v"] = [float(x).hex() for x in v[::50].ravel()]
    found["recorded weights"] = [float(x).hex() for x in recorded.ravel()[::7]]
    found["spikes"] = [int(sum(len(train) for train in data.spiketrains))]
    print(json.dumps(found))
sim.end()
