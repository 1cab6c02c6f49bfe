"""Brunel's sparsely connected network, in the four states of activity that he describes.

Excitatory and inhibitory integrate-and-fire cells, four to one, each receive input from a tenth of the cells and
excitation from outside. Inhibition is g times as strong as excitation; the external rate is eta times the rate that
brings the mean potential to threshold. The pair (g, eta) decides on the state: synchronous regular (SR), asynchronous
irregular (AI), and synchronous irregular with fast (SI-fast) or slow (SI-slow) oscillations.

    python brunel.py reference
    python brunel.py nest --state SR --figure sr.png

Synapses are delta pulses: a spike moves the potential by J. Brunel's cells have 1000 excitatory inputs with J = 0.1 mV;
smaller networks have fewer inputs, and J is larger in the same proportion, so that the mean input stays what it is.

Literature: Brunel 2000, J Comput Neurosci 8:183.
"""

from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.utility import get_simulator

STATES = {"SR": (3.0, 2.0), "AI": (5.0, 2.0), "SI-fast": (6.0, 4.0), "SI-slow": (4.5, 0.9)}  # g, eta: figure 8

sim, options = get_simulator(
    ("--state", f"state of activity: {', '.join(STATES)}", {"default": "AI", "choices": list(STATES)}),
    ("--cells", "number of cells", {"type": int, "default": 2500}),
    ("--duration", "biological time in ms", {"type": float, "default": 300.0}),
    ("--seed", "seed of connections, initial values and Poisson sources", {"type": int, "default": 2000}),
    ("--figure", "file for a figure of spikes and of the population's rate", {"default": None}),
)

g, eta = STATES[options.state]
TAU_M, THETA = 20.0, 20.0  # ms, mV
DELAY = 1.5  # ms

n_excitatory = 4 * options.cells // 5
c_excitatory = n_excitatory // 10  # inputs of each cell
c_inhibitory = (options.cells - n_excitatory) // 10
J = 0.1 * 1000.0 / c_excitatory  # mV
threshold_rate = 1000.0 * THETA / (J * TAU_M)  # spikes/s, all external inputs of a cell together

sim.setup(timestep=0.1, min_delay=DELAY, max_delay=DELAY, rng_seed=options.seed)

cell_type = sim.IF_curr_delta(
    tau_m=TAU_M, cm=1.0, v_rest=0.0, v_reset=10.0, v_thresh=THETA, tau_refrac=2.0
)
excitatory = sim.Population(n_excitatory, cell_type, label="excitatory")
inhibitory = sim.Population(options.cells - n_excitatory, cell_type, label="inhibitory")

rng = NumpyRNG(seed=options.seed)
excitation = sim.StaticSynapse(weight=J, delay=DELAY)
inhibition = sim.StaticSynapse(weight=-g * J, delay=DELAY)
for cells in (excitatory, inhibitory):
    cells.initialize(v=RandomDistribution("uniform", low=0.0, high=THETA, rng=rng))
    cells.record("spikes")
    external = sim.Population(cells.size, sim.SpikeSourcePoisson(rate=eta * threshold_rate))
    sim.Projection(external, cells, sim.OneToOneConnector(), excitation)
    sim.Projection(excitatory, cells, sim.FixedNumberPreConnector(c_excitatory, rng=rng), excitation)
    sim.Projection(
        inhibitory, cells, sim.FixedNumberPreConnector(c_inhibitory, rng=rng), inhibition, receptor_type="inhibitory"
    )

sim.run(options.duration)

print(f"Brunel's network in the state {options.state} (g = {g:g}, eta = {eta:g}), on {options.simulator}")
for cells in (excitatory, inhibitory):
    print(f"  {cells.label:<11} {1000.0 * cells.mean_spike_count() / options.duration:6.2f} spikes/s")

if options.figure:
    import neo
    import numpy as np
    from quantities import ms

    from pyNN.utility.plotting import Figure, Panel

    trains = excitatory.get_data("spikes").segments[0].spiketrains
    times = np.concatenate([train.magnitude for train in trains])
    counts, edges = np.histogram(times, bins=np.arange(0.0, options.duration + 0.5, 1.0))
    rate = neo.AnalogSignal(1000.0 * counts / excitatory.size, units="Hz", sampling_period=1.0 * ms, t_start=0.5 * ms)
    Figure(
        Panel(list(trains)[:100], ylabel="excitatory cell", xlim=(0.0, options.duration)),
        Panel(rate, xlabel="time (ms)", ylabel="rate (spikes/s)", xlim=(0.0, options.duration)),
        title=f"Brunel 2000, {options.state}: g = {g:g}, eta = {eta:g}",
        annotations=f"simulated with {options.simulator}",
    ).save(options.figure)
    print(f"  figure written to {options.figure}")

sim.end()
