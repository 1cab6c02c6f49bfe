"""Synapses that see their cells, on any number of ranks.

    [mpirun -n RANKS] python seen_cells.py ENGINE THREADS [save FILE | restore FILE]
"""

import json
import sys

import numpy as np

import pyNN.reference as sim
from pyNN.equations import CellType, SynapseType
from pyNN.reference import numba_engine

engine, threads = sys.argv[1], int(sys.argv[2])
# For a network as small as this one thread would do all.
numba_engine._TURN_TAKING = numba_engine._STARTING = 0
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
Bursting = CellType(
    name="Bursting", equations="dv/dt = (drive - v)/(10*ms) : mV\ndrive : mV\nn : 1",
    threshold="v > 12*mV", reset="v = 0*mV", events={"high": ("v > 8*mV and n < 0.5", "n = 1")},
    receptors={"excitatory": "v += weight"},
)  # fmt: skip
Driven = SynapseType(
    name="Driven",
    equations="dz/dt = (mean(pre.v) - norm2(post.v)/10 + multisynaptic_index*mV)/mV/ms : 1 (euler)\nb : ms",
    on_pre="weight += 0.01*rand()", on_event={"high": "z += 1", "post.high": "b += t"}, delays={"high": 1.7},
    transmitted={"pre": "weight", "high": "10*weight"}, psp="0.0001*weight*v_pre/mV", reduce="max",
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
bursting = sim.Population(90, Bursting(drive=sim.RandomDistribution("uniform", low=7.0, high=25.0)))
bursting.record("v")
several = sim.FromListConnector([(k, (7 * k + 3 * n) % 90) for k in range(90) for n in (1, 1, 2, 5)])
synapse = Driven(weight=0.05, delay=0.6, delay_high=sim.RandomDistribution("uniform", low=0.3, high=2.5))
projections.append(sim.Projection(bursting, bursting, several, synapse))
projections[0].enable_plasticity(period=0.3)
projections[0].record("weight", sampling_interval=0.5)
if plan == "restore":
    sim.restore_state(*file)
else:
    sim.run(6.0)
if plan == "save":
    sim.save_state(*file)
projections[3].disable_plasticity()
sim.run_until(15.0)
largest = bursting.get_data(gather="all").segments[0].analogsignals[0].magnitude
found = {"max": [float(x).hex() for x in largest[::30].ravel()]}
for number, projection in enumerate(projections):
    for name in ("weight", "z", "b" if number == 3 else "n"):
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
