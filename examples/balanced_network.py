"""The balanced network of Vogels and Abbott, as in benchmarks 1 and 2 of Brette et al. 2007.

4000 integrate-and-fire cells, four excitatory for each inhibitory one, connect at random with a probability of 2 %.
Twenty Poisson sources kick the network for the first 50 ms; after that it keeps itself going, and its spikes are
irregular. Synapses are conductances (benchmark 1, COBA) or currents (benchmark 2, CUBA).

    python balanced_network.py reference
    python balanced_network.py nest --benchmark CUBA --figure cuba.png
    pynn compare balanced_network.py --backends reference,nest

Peak conductances are 4 and 51 nS for COBA. For CUBA, peak currents are 0.27 and 4.5 nS times the distance of the
reversal potentials, 0 and -80 mV, from a mean potential of -60 mV, that is 16.2 and -90 pA.

Literature: Vogels and Abbott 2005, J Neurosci 25:10786; Brette et al. 2007, J Comput Neurosci 23:349.
"""

from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.utility import Timer, get_simulator

sim, options = get_simulator(
    (
        "--benchmark",
        "conductance-based (COBA) or current-based (CUBA) synapses",
        {"default": "COBA", "choices": ["COBA", "CUBA"]},
    ),
    ("--duration", "biological time in ms", {"type": float, "default": 1000.0}),
    ("--cells", "number of cells", {"type": int, "default": 4000}),
    ("--probability", "connection probability", {"type": float, "default": 0.02}),
    ("--seed", "seed of connections, initial values and Poisson sources", {"type": int, "default": 4711}),
    ("--threads", "number of threads", {"type": int, "default": 1}),
    ("--figure", "file for a figure of spikes and membrane potentials", {"default": None}),
)

CELL = {
    "cm": 0.2,
    "tau_m": 20.0,
    "v_reset": -60.0,
    "v_thresh": -50.0,
    "tau_refrac": 5.0,
    "tau_syn_E": 5.0,
    "tau_syn_I": 10.0,
}  # nF, mV, ms
DELAY = 0.2  # ms
STIMULUS = {"rate": 100.0, "start": 0.0, "duration": 50.0}  # Hz, ms, ms

if options.benchmark == "COBA":
    cell_type = sim.IF_cond_exp(v_rest=-60.0, e_rev_E=0.0, e_rev_I=-80.0, **CELL)
    excitation, inhibition, kick = 0.004, 0.051, 0.1  # uS
else:
    cell_type = sim.IF_curr_exp(v_rest=-49.0, **CELL)
    excitation, inhibition, kick = 0.0162, -0.09, 0.1  # nA

timer = Timer()
timer.start()
sim.setup(timestep=0.1, min_delay=DELAY, max_delay=DELAY, rng_seed=options.seed, threads=options.threads)

n_excitatory = 4 * options.cells // 5
excitatory = sim.Population(n_excitatory, cell_type, label="excitatory")
inhibitory = sim.Population(options.cells - n_excitatory, cell_type, label="inhibitory")
stimulus = sim.Population(20, sim.SpikeSourcePoisson(**STIMULUS), label="stimulus")

rng = NumpyRNG(seed=options.seed)
v_initial = RandomDistribution("uniform", low=CELL["v_reset"], high=CELL["v_thresh"], rng=rng)
recurrent = sim.FixedProbabilityConnector(options.probability, rng=rng)
from_stimulus = sim.FixedProbabilityConnector(0.01, rng=rng)

for cells in (excitatory, inhibitory):
    cells.initialize(v=v_initial)
    cells.record("spikes")
    sim.Projection(
        excitatory, cells, recurrent, sim.StaticSynapse(weight=excitation, delay=DELAY), receptor_type="excitatory"
    )
    sim.Projection(
        inhibitory, cells, recurrent, sim.StaticSynapse(weight=inhibition, delay=DELAY), receptor_type="inhibitory"
    )
    sim.Projection(
        stimulus, cells, from_stimulus, sim.StaticSynapse(weight=kick, delay=DELAY), receptor_type="excitatory"
    )
excitatory[0:2].record("v")
seconds_to_describe = timer.diff()

sim.run(options.duration)
seconds_to_run = timer.diff()

print(f"Balanced network, {options.benchmark}, {options.cells} cells, {options.duration:g} ms on {options.simulator}")
for cells in (excitatory, inhibitory):
    rate = 1000.0 * cells.mean_spike_count() / options.duration
    print(f"  {cells.label:<11} {cells.size:5d} cells  {rate:6.2f} spikes/s")
print(f"  described in {seconds_to_describe:.2f} s, built and run in {seconds_to_run:.2f} s")

if options.figure:
    from pyNN.utility.plotting import Figure, Panel

    spikes = excitatory.get_data("spikes").segments[0].spiketrains
    potentials = excitatory.get_data("v").segments[0].filter(name="v")[0]
    Figure(
        Panel(spikes, ylabel="excitatory cell", xticks=False),
        Panel(potentials, ylabel="membrane potential (mV)", xlabel="time (ms)", xticks=True),
        title=f"Balanced network ({options.benchmark})",
        annotations=f"simulated with {options.simulator}",
    ).save(options.figure)
    print(f"  figure written to {options.figure}")

sim.end()
