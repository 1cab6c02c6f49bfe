"""Memory of each MPI rank before and while a checkpoint is gathered and written.

    [mpirun -n RANKS] python benchmarks/checkpoint_memory.py [--cells N] [--indegree K] [--engine numba|numpy]

A network of STDP synapses, of which the state consists almost wholly; prints a line a rank and the size of the file.
Linux only: the peak is reset by /proc/self/clear_refs.
"""

import argparse
import os
import tempfile
import time

import pyNN.reference as sim


def memory(name: str) -> float:
    """A line of /proc/self/status in MB: VmRSS is the present memory, VmHWM the peak."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name + ":")) / 1024


parser = argparse.ArgumentParser()
parser.add_argument("--cells", type=int, default=10_000)
parser.add_argument("--indegree", type=int, default=200)
parser.add_argument("--engine", default="numba")
options = parser.parse_args()

sim.setup(timestep=0.1, engine=options.engine, rng_seed=1)
cells = sim.Population(options.cells, sim.IF_curr_exp(i_offset=0.9))
stdp = sim.STDPMechanism(
    timing_dependence=sim.SpikePairRule(), weight_dependence=sim.AdditiveWeightDependence(w_max=0.01),
    weight=0.002, delay=sim.RandomDistribution("uniform_int", low=1, high=5),
)  # fmt: skip
wires = sim.Projection(cells, cells, sim.FixedNumberPreConnector(options.indegree), stdp)
cells.record("spikes")
sim.run(10.0)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "state.h5")
    with open("/proc/self/clear_refs", "w", encoding="ascii") as refs:
        refs.write("5")
    before, begin = memory("VmRSS"), time.perf_counter()
    sim.save_state(path)
    seconds = time.perf_counter() - begin
    size = os.path.getsize(path) / 2**20 if sim.rank() == 0 else 0.0
    print(
        f"rank {sim.rank()} of {sim.num_processes()}: {before:.0f} MB before, {memory('VmHWM'):.0f} MB at most while "
        f"saving {options.cells * options.indegree:.0e} connections in {seconds:.1f} s"
        + (f"; file {size:.0f} MB" if sim.rank() == 0 else ""),
        flush=True,
    )
sim.end()
