"""Parts of populations, and groups of several: one network addressed in four ways.

A view is a part of a population: a slice, a mask, a random sample. An assembly is several populations, or parts of
them, seen as one. Both take part in everything that a population does: parameters, currents, connections, recording.

    python views_and_assemblies.py reference --figure views.png
"""

import numpy as np

from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--cells", "number of cells", {"type": int, "default": 200}),
    ("--figure", "file for a figure of spikes and membrane potentials", {"default": None}),
)

sim.setup(timestep=0.1, min_delay=1.0, max_delay=5.0, rng_seed=8)
rng = NumpyRNG(seed=8)

n_excitatory = 4 * options.cells // 5
excitatory = sim.Population(n_excitatory, sim.IF_cond_exp(tau_m=20.0), label="excitatory")
inhibitory = sim.Population(options.cells - n_excitatory, sim.IF_cond_exp(tau_m=10.0), label="inhibitory")

everyone = excitatory + inhibitory  # an assembly
everyone.label = "everyone"
everyone.initialize(v=RandomDistribution("uniform", low=-65.0, high=-50.0, rng=rng))
everyone.set(tau_refrac=2.0)
everyone.record("spikes")

first_quarter = excitatory[: n_excitatory // 4]  # a slice
every_second = inhibitory[np.arange(inhibitory.size) % 2 == 0]  # a mask
anyone = everyone.sample(10, rng=rng)  # cells of both kinds

noise = sim.Population(options.cells, sim.SpikeSourcePoisson(rate=90.0), label="noise")
sim.Projection(noise, everyone, sim.FixedNumberPreConnector(10, rng=rng), sim.StaticSynapse(weight=0.003, delay=1.0))
sim.Projection(excitatory, everyone, sim.FixedProbabilityConnector(0.1, rng=rng), sim.StaticSynapse(weight=0.002, delay=1.5))
sim.Projection(
    inhibitory, everyone, sim.FixedProbabilityConnector(0.1, rng=rng), sim.StaticSynapse(weight=0.02, delay=1.5),
    receptor_type="inhibitory",
)  # fmt: skip

# Parts are stimulated and changed on their own.
first_quarter.inject(sim.DCSource(amplitude=0.3, start=150.0, stop=250.0))
every_second.set(v_thresh=-54.0)
anyone.record("v")

sim.run(400.0)

print(f"Views and assemblies on {options.simulator}")
groups = {"everyone": everyone, "excitatory": excitatory, "inhibitory": inhibitory,
          "first quarter": first_quarter, "lower threshold": every_second}  # fmt: skip
for name, group in groups.items():
    print(f"  {name:<16} {group.size:4d} cells  {group.mean_spike_count() / 0.4:6.2f} spikes/s")
print(f"  sample: positions in the assembly {sorted(everyone.id_to_index(cell) for cell in anyone)}")

if options.figure:
    from pyNN.utility.plotting import Figure, Panel

    Figure(
        Panel(everyone.get_data("spikes").segments[0].spiketrains, ylabel="everyone"),
        Panel(first_quarter.get_data("spikes").segments[0].spiketrains, ylabel="first quarter"),
        Panel(anyone.get_data("v").segments[0].filter(name="v")[0], ylabel="sample, v (mV)", xlabel="time (ms)"),
        title="Views and assemblies",
        annotations=f"simulated with {options.simulator}",
    ).save(options.figure)
    print(f"  figure written to {options.figure}")

sim.end()
