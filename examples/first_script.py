"""A first network: 100 cells driven by 100 Poisson sources. Run it with: python first_script.py reference"""

from pyNN.utility import get_simulator

sim, options = get_simulator()
sim.setup(timestep=0.1, min_delay=1.0)

noise = sim.Population(100, sim.SpikeSourcePoisson(rate=50.0), label="noise")
cells = sim.Population(100, sim.IF_cond_exp(tau_m=15.0), label="cells")
sim.Projection(noise, cells, sim.FixedProbabilityConnector(0.2), sim.StaticSynapse(weight=0.004, delay=1.5))
cells.record(["spikes", "v"])

sim.run(500.0)
print(f"{cells.mean_spike_count() / 0.5:.1f} spikes/s")
sim.end()
