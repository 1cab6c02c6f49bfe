"""A volley of spikes that travels through a chain of ten groups of 100 cells: a synfire chain.

Each cell of a group excites every cell of the next. Noise alone makes cells fire with 2 to 4 Hz; 85 input spikes, which are
1 ms apart in the mean square, make nearly all cells of the first group fire within a millisecond, and so on to the last.

    python diesmann_1999.py reference --figure synfire.png

Brian2 2.9 for the same model (delay of 0.1 ms), ten draws of the random numbers: 87 to 98 spikes within 5 ms in the first
group, 97 to 105 in the second, 99 to 108 in the others, 0.61 to 0.66 ms from group to group, 2.8 to 3.3 Hz before the packet.

Literature: Diesmann, Gewaltig and Aertsen 1999, Nature 402:529.
"""

import numpy as np

from pyNN.equations.brian_units import ms, mV
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--spikes", "number of spikes of the input", {"type": int, "default": 85}),
    ("--spread", "their standard deviation, in ms", {"type": float, "default": 1.0}),
    ("--seed", "of all random numbers", {"type": int, "default": 1}),
    ("--figure", "file for a figure of the spikes", {"default": None}),
)

n_groups, group_size = 10, 100
Vr, Vt = -70 * mV, -55 * mV
taum, taupsp = 10 * ms, 0.325 * ms
drift, noise = 25.27 * mV / ms, 39.24 * mV / ms**0.5

sim.setup(timestep=0.1, min_delay=0.1, rng_seed=options.seed)
rng = np.random.RandomState(options.seed)
arrivals = 50.0 + options.spread * rng.standard_normal(options.spikes)
source = sim.Population(options.spikes, sim.SpikeSourceArray(spike_times=[[t] for t in arrivals]), label="volley")
chain = sim.NeuronGroup(
    n_groups * group_size,
    """
    dV/dt = (-(V - Vr) + x)/taum : volt
    dx/dt = (-x + y)/taupsp : volt
    dy/dt = -y/taupsp + drift + noise*xi : volt
    """,
    threshold="V > Vt",
    reset="V = Vr",
    refractory=1 * ms,
    method="euler",
    name="chain",
)
chain.V = "Vr + rand()*(Vt - Vr)"
groups = [chain[k * group_size : (k + 1) * group_size] for k in range(n_groups)]
synapse = sim.StaticSynapse(weight=4.86, delay=0.1)
for earlier, later in zip([source, *groups], groups, strict=False):
    sim.Projection(earlier, later, sim.AllToAllConnector(), synapse, receptor_type="y")
chain.record("spikes")
sim.run(100.0)

WINDOW = 5.0  # ms
trains = chain.get_data("spikes").segments[0].spiketrains
counts, centres, spreads = [], [], []
for k in range(n_groups):
    times = np.sort(np.concatenate([t.magnitude for t in trains[k * group_size : (k + 1) * group_size]]))
    times = times[times > 45.0]
    first = max(times, key=lambda begin: np.count_nonzero((times >= begin) & (times < begin + WINDOW)))
    packet = times[(times >= first) & (times < first + WINDOW)]
    counts.append(len(packet))
    centres.append(float(np.median(packet)))
    spreads.append(float(np.std(packet)))
background = np.mean([np.count_nonzero((t.magnitude > 5.0) & (t.magnitude < 45.0)) for t in trains]) / 0.04
print("  spikes of the packet, by group:", " ".join(map(str, counts)))
print("  their median (ms):             ", " ".join(f"{t:.1f}" for t in centres))
print(f"  {(centres[-1] - centres[0]) / 9:.2f} ms from group to group, {background:.1f} Hz before the packet")

if options.figure:
    from pyNN.utility.plotting import Figure, Panel

    Figure(
        Panel(trains, ylabel="cell", xlabel="time (ms)", xlim=(0.0, 100.0), xticks=True),
        Panel(trains, ylabel="cell", xlabel="time (ms)", xlim=(46.0, 60.0), xticks=True),
        title="Diesmann, Gewaltig and Aertsen 1999: ten groups of 100 cells",
        annotations=f"simulated with {options.simulator}",
    ).save(options.figure)
    print(f"  figure written to {options.figure}")
sim.end()
