"""Izhikevich's network of 1000 cells, from ANNarchy's notation: 800 excitatory, 200 inhibitory, all to all.

    python izhikevich_2003.py reference --figure izhikevich.png

ANNarchy 5.0.4 with the same text, 1 s, three draws of the random numbers: excitatory cells 8.6 to 9.2 Hz,
inhibitory cells 9.3 to 10.3 Hz.

Literature: Izhikevich 2003, IEEE Trans. Neural Networks 14:1569.
"""

import numpy as np

from pyNN.equations.annarchy import Neuron
from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--seed", "of all random numbers", {"type": int, "default": 1}),
    ("--duration", "in ms", {"type": float, "default": 1000.0}),
    ("--figure", "file for a figure of the spikes", {"default": None}),
)

Izhikevich = Neuron(
    parameters="""
        noise = 0.0
        a = 0.02
        b = 0.2
        c = -65.0
        d = 2.0
        v_thresh = 30.0
    """,
    equations="""
        I = g_exc - g_inh + noise * Normal(0.0, 1.0)
        dv/dt = 0.04 * v^2 + 5.0 * v + 140.0 - u + I : init=-65.
        du/dt = a * (b*v - u) : init=-13.
    """,
    spike="v >= v_thresh",
    reset="""
        v = c
        u += d
    """,
    name="Izhikevich2003",
)

sim.setup(timestep=1.0, rng_seed=options.seed)
rng = np.random.RandomState(options.seed)
re, ri = rng.rand(800), rng.rand(200)
exc = sim.Population(
    800, Izhikevich(noise=5.0, a=0.02, b=0.2, c=-65.0 + 15.0 * re**2, d=8.0 - 6.0 * re**2), label="exc"
)
inh = sim.Population(200, Izhikevich(noise=2.0, a=0.02 + 0.08 * ri, b=0.25 - 0.05 * ri, c=-65.0, d=2.0), label="inh")
exc.initialize(v=-65.0, u=-65.0 * 0.2)
inh.initialize(v=-65.0, u=-65.0 * (0.25 - 0.05 * ri))
everyone = exc + inh
for source, receptor, highest in ((exc, "exc", 0.5), (inh, "inh", 1.0)):
    weight = RandomDistribution("uniform", low=0.0, high=highest, rng=NumpyRNG(seed=options.seed + len(source)))
    synapse = sim.StaticSynapse(weight=weight, delay=1.0)
    sim.Projection(source, everyone, sim.AllToAllConnector(), synapse, receptor_type=receptor)
everyone.record("spikes")
sim.run(options.duration)

rates = {p.label: p.mean_spike_count() / (options.duration / 1000.0) for p in (exc, inh)}
print(", ".join(f"{name} {rate:.2f} Hz" for name, rate in rates.items()))

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Panel

    trains = everyone.get_data("spikes").segments[0].spiketrains
    every = np.concatenate([np.asarray(train.magnitude) for train in trains])
    bins = np.arange(0.0, options.duration + 2.5, 5.0)
    rate = np.histogram(every, bins)[0] / (len(trains) * 0.005)
    Figure(
        Panel(trains, ylabel="cell", xlabel=" ", xlim=(0.0, options.duration), markersize=1),
        Panel(
            DataTable(bins[:-1] + 2.5, rate), xlabel="time (ms)", ylabel="spikes/s", xlim=(0.0, options.duration),
            xticks=True, line_properties=[{"linestyle": "-", "marker": ""}],
        ),
        title="Izhikevich 2003: 800 excitatory and 200 inhibitory cells",
        annotations=f"simulated with {options.simulator}",
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")
sim.end()
