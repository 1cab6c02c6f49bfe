"""A plastic network that is saved and resumed; rank 0 puts all results into OUT.npz.

    [mpirun -n RANKS] python checkpoints.py reference OUT PLAN [NAME=VALUE ...]
"""

import os
import resource
import signal
import sys
import warnings

import numpy as np

import pyNN.reference as sim
from pyNN.random import RandomDistribution

warnings.simplefilter("ignore")  # random delays are not on the grid
backend, out, plan = sys.argv[1:4]
options = dict(item.split("=") for item in sys.argv[4:])
sim.setup(timestep=0.1, threads=int(options.get("threads", 1)), rng_seed=5)
cells = sim.Population(150, sim.IF_cond_exp(tau_refrac=2.0), label="cells")
source = sim.Population(70, sim.SpikeSourcePoisson(rate=250.0), label="source")
stdp = sim.STDPMechanism(
    timing_dependence=sim.SpikePairRule(), weight_dependence=sim.AdditiveWeightDependence(w_max=0.02),
    weight=0.008, delay=RandomDistribution("uniform", low=0.4, high=2.0),
)  # fmt: skip
wires = sim.Projection(source, cells, sim.FixedProbabilityConnector(0.3), stdp, label="wires")
static = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.05), sim.StaticSynapse(weight=0.001, delay=0.9))
noise = sim.NoisyCurrentSource(mean=0.1, stdev=0.3, dt=0.2)
noise.inject_into(cells[::2])
stream = os.path.join(os.path.dirname(out), "stream.h5")
cells.record("spikes")
cells[3:100:4].record("v", sampling_interval=0.3)
if "stream" in options:
    cells[10:140:3].record("gsyn_exc", to_file=stream, sampling_interval=0.5)
    source.record("spikes", to_file=stream)
wires.record("weight", sampling_interval=9.0)
rank = sim.rank()
with open(f"{out}.{rank}.pid", "w") as file:
    file.write(str(os.getpid()))


def send(t):
    """Send a signal to one rank, or to itself on each, at a time."""
    at = float(options.get("at", "inf"))
    if t >= at and str(rank) in options["to"].split(","):
        os.kill(os.getpid(), getattr(signal, options["signal"]))
    return t + 1.3 if t < at else 1e9


def limit(size):
    """Let no file of this process grow beyond a size."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


if plan == "pieces":
    # Each run saves the state when it is over.
    for end in range(1, int(options["pieces"]) + 1):
        sim.run_until(0.5 * end)
elif plan == "one":
    sim.run(60.0, callbacks=[send])
elif plan == "trials":
    sim.run(15.0)
    sim.reset(annotations={"trial": 1})
    cells.set(tau_m=RandomDistribution("uniform", low=15.0, high=25.0))
    sim.run(30.0, callbacks=[send])
    sim.run(5.0)
elif plan == "single":
    # Values that only the rank knows which has the cell.
    if os.path.exists(options["file"]):
        sim.restore_state(options["file"])
    else:
        sim.run(9.0)
        for projection in (wires, static):
            for connection in projection:
                if connection.postsynaptic_index in (70, 90):
                    connection.weight = 0.004 + 1e-4 * connection.presynaptic_index
        sim.run(3.0)
        sim.save_state(options["file"])
    sim.run_until(32.0)
elif plan == "full":
    # Only one rank finds its disk full, and all must come to know of it.
    sim.run(5.0)
    sim.save_state(out + ".h5")
    if str(rank) == options["to"]:
        limit(1000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        steps = [
            lambda: sim.run_until(10.0),
            lambda: sim.save_state(out + ".no.h5"),
            lambda: sim.run_until(15.0, checkpoint=out + ".no.h5"),
        ]
        for step in steps:
            try:
                step()
            except OSError as error:
                print(f"rank {rank}: {type(error).__name__}: {error}", flush=True)
    for warning in caught:
        print(f"rank {rank}: {warning.category.__name__} at {sim.get_current_time():g}", flush=True)
    limit(resource.RLIM_INFINITY)
    sim.run_until(20.0)
    sim.save_state(out + ".last.h5")

blocks = [cells.get_data(), wires.get_data()]
weights = [np.array(projection.get("weight", "list")) for projection in (wires, static)]
if "stream" in options:
    blocks.append(source.get_data())
sim.end()
if rank == 0:
    found = []
    for segment in [segment for block in blocks for segment in block.segments]:
        found += [np.asarray(train.magnitude) for train in segment.spiketrains]
        signals = sorted(segment.analogsignals, key=lambda signal: signal.name)
        found += [np.asarray(signal.magnitude) for signal in signals]
    np.savez(out, *found, *weights)
