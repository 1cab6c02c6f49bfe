"""Connections from text and views of them, on any number of ranks.  mpirun -n RANKS python selected_synapses.py"""

import json

import numpy as np

import pyNN.reference as sim

sim.setup(timestep=0.1, rng_seed=3, engine="numpy")
cells = sim.Population((15, 10), sim.IF_curr_exp(i_offset=np.linspace(0.0, 2.0, 150)))
sim.run(10.0)
found = {}
for number, connector in enumerate([
    sim.ExpressionConnector(
        condition="v_post > -64.9 and i != j", p="exp(-d/3)", values={"weight": "0.01*i_offset_pre"}
    ),
    sim.ExpressionConnector(j="k for k in sample(N_post, size=5) if k != i", n=2),
    sim.GaussianConnector(0.1, 0.1, normalized=True),
]):  # fmt: skip
    synapse = sim.StaticSynapse(weight=0.1, delay=1.0)
    projection = sim.Projection(cells, cells, connector, synapse, receptor_type="excitatory")
    projection.where("v_pre > -60 and weight < 0.05").weight = 0.5
    for view in projection.dendrites:
        if view.post_rank % 7 == 0:
            view.delay = 2.0
    found[f"counts {number}"] = [*projection.nb_efferent_synapses, *projection.N_incoming_post.tolist()]
    rows = projection.get(["weight", "delay"], format="list", gather="all")
    found[f"rows {number}"] = [[float(x).hex() for x in row] for row in rows]
    found[f"matrix {number}"] = float(projection.connectivity_matrix().sum()).hex()
cells.record("v")
sim.run(10.0)
data = cells.get_data(gather="all").segments[0]
if sim.rank() == 0:
    found["v"] = [float(x).hex() for x in data.analogsignals[0].magnitude[-1]]
    print(json.dumps(found))
sim.end()
