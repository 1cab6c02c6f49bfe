"""A network whose connections are in bundles, or whose events are in bins, or neither; one digest of each result.

    [mpirun -n RANKS] python kept.py THREADS bundles|bins|neither
"""

import hashlib
import json
import sys
import warnings

import numpy as np

import pyNN.reference as sim
from pyNN.connectors import ordering
from pyNN.random import RandomDistribution
from pyNN.reference import bins, bundles, numba_engine, packing

warnings.simplefilter("ignore")  # random delays are not on the grid
threads, kept = int(sys.argv[1]), sys.argv[2]
# For a network as small as this one thread would do all.
numba_engine._TURN_TAKING = numba_engine._STARTING = 0
packing.WORTH_PACKING = bundles.CONNECTIONS_A_DELAY = 0
bundles.CONNECTIONS_A_DELAY_IN_BINS = bundles.CONNECTIONS_AT_ONCE = 0
bundles.WORTH_BUNDLING = 0 if kept == "bundles" else 1 << 62
ordering.WORTH_SORTING_FIRST = 1 << 62 if kept == "neither" else 0
bins.WORTH_BINNING, bins.FEWEST_CELLS = 0 if kept == "bins" else 1 << 62, 0


def digest(*arrays):
    parts = [np.ascontiguousarray(np.asarray(array, dtype=float)) for array in arrays]
    return hashlib.sha256(b"".join(str(part.shape).encode() + part.tobytes() for part in parts)).hexdigest()[:16]


sim.setup(timestep=0.1, min_delay=0.2, max_delay=10.0, rng_seed=7, threads=threads)
uniform = RandomDistribution("uniform", low=-65.0, high=-52.0)
cells = [
    sim.Population(size, sim.IF_curr_exp(tau_syn_E=2.0), initial_values={"v": uniform}, label=label)
    for size, label in ((400, "exc"), (90, "inh"))
]
projections = []
for target in cells:
    # Counted spikes do not go to bins.
    rate, weight = (9000.0, 0.1) if target is cells[1] else (300.0, 3.0)
    noise = sim.Population(target.size, sim.SpikeSourcePoisson(rate=rate))
    sim.Projection(noise, target, sim.OneToOneConnector(), sim.StaticSynapse(weight=weight, delay=1.5))
    target.record("spikes")
    target[::7].record("v")
    for source, low, receptor in ((cells[0], 0.0, "excitatory"), (cells[1], -0.5, "inhibitory")):
        weight = RandomDistribution("uniform", low=low, high=low + 0.1)
        delay = RandomDistribution("normal_clipped", mu=1.5, sigma=0.75, low=0.2, high=6.0)
        connector = sim.FixedTotalNumberConnector(int(0.2 * source.size * target.size))
        synapse = sim.StaticSynapse(weight=weight, delay=delay)
        projections.append(sim.Projection(source, target, connector, synapse, receptor))
sim.run(12.3)
engine = sim.script.simulation._session._engine
found = {"bundles": bool(engine._plans), "bins": bool(engine._bins)}
tables = [projection.get(["weight", "delay"], "list", gather="all") for projection in projections]
results = {f"connections {k}": digest(table) for k, table in enumerate(tables)}
# A new recording makes the engine look at everything again.
cells[1][3:5].record("isyn_exc")
sim.run(7.7)
projections[1].set(weight=-0.3)
sim.run(10.0)
for population in cells:
    (segment,) = population.get_data(gather="all").segments
    trains = [np.asarray(train.magnitude) for train in segment.spiketrains]
    results[f"spikes of {population.label}"] = digest([len(t) for t in trains], np.concatenate(trains))
    results[f"states of {population.label}"] = digest(*(signal.magnitude for signal in segment.analogsignals))
results["count"] = sum(sum(population.get_spike_counts(gather="all").values()) for population in cells)
if sim.rank() == 0:
    print(json.dumps({**found, **{name: str(value) for name, value in results.items()}}))
sim.end()
