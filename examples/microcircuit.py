"""The cortical microcircuit of Potjans and Diesmann: the cells under one square millimetre of early sensory cortex.

Four layers (2/3, 4, 5, 6) with an excitatory and an inhibitory population each. Numbers of cells and probabilities of
connection come from anatomy and physiology; all cells and synapses are alike, and still each layer finds its own rate.

    python microcircuit.py reference
    python microcircuit.py nest --scale 0.2 --input dc --figure microcircuit.png

At full scale there are 77,169 cells with 0.3 billion synapses. `--scale` s leaves a fraction s of the cells, with a
fraction s of the inputs each. Weights then grow by 1/sqrt(s), which keeps the variance of the input, and a constant
current makes up for the mean that is lost: tau_syn (1 - sqrt(s)) sum(w K rate), with the rates of the full model.
From a tenth on, rates are those of the full model but for some tenths of a spike per second; at 0.02, where single
synapses are seven times as strong as they should be, they are about half.

Literature: Potjans and Diesmann 2014, Cereb Cortex 24:785; scaling: van Albada, Helias and Diesmann 2015, PLoS Comput
Biol 11:e1004490.
"""

import warnings

import numpy as np

from pyNN.errors import RoundingWarning
from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.utility import Timer, get_simulator

sim, options = get_simulator(
    ("--scale", "fraction of the cells, and of the inputs of each", {"type": float, "default": 0.1}),
    ("--input", "background from outside: 'poisson' or 'dc'", {"default": "poisson", "choices": ["poisson", "dc"]}),
    ("--duration", "biological time in ms", {"type": float, "default": 300.0}),
    ("--seed", "seed of connections, initial values and Poisson sources", {"type": int, "default": 55}),
    ("--threads", "threads of the simulator; spikes are the same for any number", {"type": int, "default": 1}),
    ("--weights", "how weights are kept on the reference backend: 'float64', 'float32'", {"default": None}),
    ("--figure", "file for a figure of spikes and rates", {"default": None}),
)

# --- the model: tables 4 and 5 of Potjans and Diesmann 2014

NAMES = ["L2/3E", "L2/3I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I"]
CELLS = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
PROBABILITIES = np.array(  # target in rows, source in columns
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ]
)
EXTERNAL_INPUTS = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])
EXTERNAL_RATE = 8.0  # spikes/s of each external input
FULL_RATES = np.array([0.86, 2.80, 4.45, 5.93, 7.59, 8.64, 1.09, 7.88])  # spikes/s, spontaneous activity
CELL = {
    "cm": 0.25, "tau_m": 10.0, "tau_refrac": 2.0, "tau_syn_E": 0.5, "tau_syn_I": 0.5,
    "v_rest": -65.0, "v_reset": -65.0, "v_thresh": -50.0,
}  # nF, ms, mV  # fmt: skip
WEIGHT = 0.0878  # nA: a postsynaptic potential of 0.15 mV
G = -4.0  # inhibition relative to excitation
SPREAD = 0.1  # standard deviation of weights, relative to their mean
DELAYS = {"E": (1.5, 0.75), "I": (0.75, 0.375)}  # ms: mean and standard deviation, by kind of source

# --- scaling

DT = 0.1  # ms
sizes = np.round(options.scale * CELLS).astype(int)
# So many synapses, drawn with replacement, that each pair is connected with the probability of the table.
synapses = np.log1p(-PROBABILITIES) / np.log1p(-1.0 / np.outer(CELLS, CELLS))
inputs = synapses / CELLS[:, np.newaxis]  # of each cell, at full scale
mean_weights = np.where([name[-1] == "E" for name in NAMES], WEIGHT, G * WEIGHT) * np.ones((8, 8))
mean_weights[NAMES.index("L2/3E"), NAMES.index("L4E")] *= 2.0
root = np.sqrt(options.scale)
full_input = (mean_weights * inputs) @ FULL_RATES + WEIGHT * EXTERNAL_INPUTS * EXTERNAL_RATE  # nA/s
compensation = 1e-3 * CELL["tau_syn_E"] * (1.0 - root) * full_input  # nA

# --- the network

timer = Timer()
timer.start()
extra = {"weights": options.weights} if options.weights else {}
sim.setup(timestep=DT, min_delay=DT, max_delay=10.0, rng_seed=options.seed, threads=options.threads, **extra)
# Delays are drawn, and then rounded to the grid; that is how the model is defined.
warnings.simplefilter("ignore", RoundingWarning)
rng = NumpyRNG(seed=options.seed)

populations = []
for k, name in enumerate(NAMES):
    offset = compensation[k]
    if options.input == "dc":
        offset += 1e-3 * CELL["tau_syn_E"] * root * WEIGHT * EXTERNAL_INPUTS[k] * EXTERNAL_RATE
    cells = sim.Population(int(sizes[k]), sim.IF_curr_exp(i_offset=float(offset), **CELL), label=name)
    cells.initialize(v=RandomDistribution("normal", mu=-58.0, sigma=10.0, rng=rng))
    cells.record("spikes")
    populations.append(cells)
    if options.input == "poisson":
        rate = float(EXTERNAL_INPUTS[k] * options.scale * EXTERNAL_RATE)
        background = sim.Population(cells.size, sim.SpikeSourcePoisson(rate=rate))
        synapse = sim.StaticSynapse(weight=WEIGHT / root, delay=1.5)
        sim.Projection(background, cells, sim.OneToOneConnector(), synapse, receptor_type="excitatory")

for i, target in enumerate(populations):
    for j, source in enumerate(populations):
        number = int(round(inputs[i, j] * options.scale * target.size))
        if number == 0:
            continue
        kind = NAMES[j][-1]
        mean = float(mean_weights[i, j] / root)
        low, high = (0.0, np.inf) if kind == "E" else (-np.inf, 0.0)
        weight = RandomDistribution("normal_clipped", mu=mean, sigma=abs(SPREAD * mean), low=low, high=high, rng=rng)
        mu, sigma = DELAYS[kind]
        delay = RandomDistribution("normal_clipped", mu=mu, sigma=sigma, low=DT, high=10.0, rng=rng)
        sim.Projection(
            source,
            target,
            sim.FixedTotalNumberConnector(number, with_replacement=True),
            sim.StaticSynapse(weight=weight, delay=delay),
            receptor_type="excitatory" if kind == "E" else "inhibitory",
        )
seconds_to_describe = timer.diff()

sim.run(options.duration)

print(
    f"Microcircuit at scale {options.scale:g} ({sizes.sum()} cells), {options.input} input, on {options.simulator}: "
    f"described in {seconds_to_describe:.1f} s, built and run in {timer.diff():.1f} s"
)
rates = np.array([1000.0 * cells.mean_spike_count() / options.duration for cells in populations])
for name, rate, published in zip(NAMES, rates, FULL_RATES, strict=True):
    print(f"  {name:<6} {rate:6.2f} spikes/s  (full scale, published: {published:.2f})")

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Panel

    rows, first = [], 0
    for cells in reversed(populations):
        trains = cells.get_data("spikes").segments[0].spiketrains
        for train in trains:
            train.annotate(source_index=first + train.annotations["source_index"])
        rows.append(trains)
        first += cells.size
    Figure(
        Panel(
            *rows, data_labels=NAMES[::-1], ylabel="cell", xlabel="time (ms)",
            line_properties=[{"marker": ".", "markersize": 1.5, "markeredgewidth": 0}] * 8,
        ),
        Panel(
            DataTable(np.arange(8), rates), DataTable(np.arange(8), FULL_RATES),
            data_labels=[f"scale {options.scale:g}", "full scale, published"],
            xlabel="population: L2/3E, L2/3I, L4E, L4I, L5E, L5I, L6E, L6I", ylabel="rate (spikes/s)",
        ),
        title="Cortical microcircuit (Potjans and Diesmann 2014)",
        annotations=f"simulated with {options.simulator}",
        size=(7.0, 6.5),
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")

sim.end()
