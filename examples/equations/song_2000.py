"""Spike-timing-dependent plasticity divides the synapses of a cell into weak and strong ones.

1000 Poisson sources of 15 Hz excite one cell. Weights begin anywhere between nothing and the maximum; depression
outweighs potentiation by 5 %, so that the rate of the cell settles and the weights gather at both ends.

    python song_2000.py reference
    python song_2000.py reference --duration 100 --figure song.png

Brian2 2.9 for the same model (Euler, delay of 0.1 ms), three draws of the random numbers:
    after 30 s    mean weight 0.473 to 0.481 of the maximum, 27 % below 0.2 and 23 % above 0.8 of it, 22 to 27 Hz
    after 100 s   mean weight 0.472 to 0.476 of the maximum, 34 % below 0.2 and 28 % above 0.8 of it, 20 to 24 Hz
Rates are those of the last 10 s.

Literature: Song, Miller and Abbott 2000, Nat. Neurosci. 3:919; Song and Abbott 2001, Neuron 32:339.
"""

import numpy as np

from pyNN.equations import CellType, SynapseType
from pyNN.random import RandomDistribution
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--duration", "in s", {"type": float, "default": 30.0}),
    ("--seed", "of spikes and of the first weights", {"type": int, "default": 1}),
    ("--figure", "file for a figure of the weights", {"default": None}),
)

N = 1000
G_MAX = 0.01  # uS, of a leak conductance of 1 uS

Cell = CellType(
    name="SongCell",
    equations="""
        dv/dt = (g/g_leak*(E_exc - v) + E_leak - v)/tau_m : mV (init=v_reset)
        dg/dt = -g/tau_exc : uS
    """,
    parameters="""
        tau_m = 10*ms
        tau_exc = 5*ms
        g_leak = 1*uS
        E_exc = 0*mV
        E_leak = -74*mV
        v_thresh = -54*mV
        v_reset = -60*mV
    """,
    threshold="v > v_thresh",
    reset="v = v_reset",
    receptors={"excitatory": "g += weight"},
)
# A presynaptic spike transmits the weight that it finds, and changes it then.
Plastic = SynapseType(
    name="SongSynapse",
    equations="""
        dx/dt = -x/tau_plus : 1
        dy/dt = -y/tau_minus : 1
    """,
    parameters={
        "tau_plus": (20.0, "ms"),
        "tau_minus": (20.0, "ms"),
        "A_plus": 0.01 * G_MAX,
        "A_minus": 1.05 * 0.01 * G_MAX,
        "w_max": G_MAX,
    },
    on_pre="sent = weight; x += A_plus; weight = clip(weight - y, 0, w_max)",
    on_post="y += A_minus; weight = clip(weight + x, 0, w_max)",
    transmitted="sent",
)

sim.setup(timestep=0.1, min_delay=0.1, rng_seed=options.seed)
sources = sim.Population(N, sim.SpikeSourcePoisson(rate=15.0))
cell = sim.Population(1, Cell(), label="cell")
first = RandomDistribution("uniform", low=0.0, high=G_MAX)
# With the fraction 0 a presynaptic spike meets the synapse when it reaches the cell, and before the spike that it causes.
projection = sim.Projection(
    sources, cell, sim.AllToAllConnector(), Plastic(weight=first, delay=0.1, dendritic_delay_fraction=0.0)
)
cell.record("spikes")

times, means, history = [0.0], [], []
weights = projection.get("weight", format="array").ravel() / G_MAX
means.append(weights.mean())
history.append(weights)
while times[-1] < options.duration - 1e-9:
    sim.run(min(1.0, options.duration - times[-1]) * 1000.0)
    weights = projection.get("weight", format="array").ravel() / G_MAX
    times.append(sim.get_current_time() / 1000.0)
    means.append(weights.mean())
    history.append(weights)

spikes = np.asarray(cell.get_data("spikes").segments[0].spiketrains[0].magnitude)
last = min(10.0, options.duration)
rate = np.count_nonzero(spikes > 1000.0 * (options.duration - last)) / last
mean, low, high = means[-1], np.mean(weights < 0.2), np.mean(weights > 0.8)
print(
    f"  after {options.duration:g} s: mean weight {mean:.3f} of the maximum, {low:.0%} below 0.2 and {high:.0%} above 0.8; "
    f"{rate:.1f} Hz in the last {last:g} s"
)

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Histogram, Panel

    chosen = np.array(history)[:, :5]
    Figure(
        Panel(
            *(DataTable(times, chosen[:, k]) for k in range(5)), DataTable(times, means),
            data_labels=[f"synapse {k}" for k in range(5)] + ["mean"],
            line_properties=[{"marker": "", "linestyle": "-"}] * 5
            + [{"marker": "", "linestyle": "-", "linewidth": 2.5, "color": "black"}],
            xlabel="time (s)", ylabel="weight/maximum",
        ),
        Panel(Histogram(weights), xlabel="weight/maximum", ylabel="synapses"),
        title=f"Song, Miller and Abbott 2000: weights after {options.duration:g} s",
        annotations=f"simulated with {options.simulator}",
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")
sim.end()
