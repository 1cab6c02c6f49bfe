"""Inhibitory plasticity quietens a network of 10000 cells that fire all too fast.

Inhibition of the 8000 excitatory cells learns from the second second on. Spikes of both sides within 20 ms strengthen a
synapse, each presynaptic spike alone weakens it, so that every cell comes closer to 3 Hz.

    python vogels_2011.py reference
    python vogels_2011.py reference --duration 10 --figure vogels.png

Rates of the excitatory cells by Brian2 2.9 for the same model (Euler, delay of 0.1 ms), three draws of the random numbers:
    second         1             2            3            4            5            10
    Hz             167           71 to 74     17 to 18     14 to 15     10 to 12     8.9 to 9.3
    mean weight    0             1.29 to 1.34 1.34 to 1.39 1.37 to 1.43 1.40 to 1.45 1.48 to 1.53 nS

Literature: Vogels, Sprekeler, Zenke, Clopath and Gerstner 2011, Science 334:1569.
"""

import numpy as np

from pyNN.equations import SynapseType
from pyNN.equations.brian_units import ms, mV, nS, pA, pF
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--duration", "in s", {"type": float, "default": 4.0}),
    ("--cells", "number of cells", {"type": int, "default": 10000}),
    ("--seed", "of the connections", {"type": int, "default": 1}),
    ("--figure", "file for a figure of spikes, rates and weights", {"default": None}),
)

N = options.cells
n_exc = 4 * N // 5
# The number of inputs of a cell, 200, stays what it is where the network is smaller.
p_connect = min(1.0, 200.0 / N)
TARGET, TAU_STDP, LEARNING_RATE = 3.0, 20.0, 1e-2  # Hz, ms, nS

gl, el, er, vt, memc, bgcurrent = 10 * nS, -60 * mV, -80 * mV, -50 * mV, 200 * pF, 200 * pA
tau_ampa, tau_gaba = 5 * ms, 10 * ms

Inhibitory = SynapseType(
    name="VogelsSynapse",
    equations="""
        dx/dt = -x/tau : 1
        dy/dt = -y/tau : 1
    """,
    parameters={"tau": (TAU_STDP, "ms"), "alpha": 2.0 * TARGET * TAU_STDP / 1000.0, "eta": 0.0, "w_max": 0.1},
    on_pre="x += 1; weight = clip(weight + (y - alpha)*eta, 0, w_max)",
    on_post="y += 1; weight = clip(weight + x*eta, 0, w_max)",
)

# Brian2's 5 ms: there a cell stands still one step less after its spike.
refractory = 4.9 * ms

sim.setup(timestep=0.1, min_delay=0.1, rng_seed=options.seed)
neurons = sim.NeuronGroup(
    N,
    """
    dv/dt = (-gl*(v - el) - (g_ampa*v + g_gaba*(v - er)) + bgcurrent)/memc : volt (unless refractory)
    dg_ampa/dt = -g_ampa/tau_ampa : siemens
    dg_gaba/dt = -g_gaba/tau_gaba : siemens
    """,
    threshold="v > vt",
    reset="v = el",
    refractory=refractory,
    name="neurons",
)
exc, inh = neurons[:n_exc], neurons[n_exc:]
connector = sim.FixedProbabilityConnector(p_connect)
sim.Projection(exc, neurons, connector, sim.StaticSynapse(weight=0.3e-3, delay=0.1), receptor_type="g_ampa")
sim.Projection(inh, inh, connector, sim.StaticSynapse(weight=3e-3, delay=0.1), receptor_type="g_gaba")
learning = sim.Projection(
    inh,
    exc,
    connector,
    Inhibitory(weight=1e-13, delay=0.1, dendritic_delay_fraction=0.0),
    receptor_type="g_gaba",
)
exc.record("spikes")

rates, weights = [], []
for second in range(round(options.duration)):
    if second == 1:
        learning.set(eta=LEARNING_RATE * 1e-3)
    before = exc.mean_spike_count()
    sim.run(1000.0)
    rates.append(exc.mean_spike_count() - before)
    weights.append(1000.0 * np.nanmean(learning.get("weight", format="list", with_address=False)))
    print(f"  {second + 1:2d} s  {rates[-1]:6.2f} Hz, mean weight {weights[-1]:.3f} nS")

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Panel

    trains = exc.get_data("spikes").segments[0].spiketrains[:100]
    end = 1000.0 * options.duration
    seconds = np.arange(1, len(rates) + 1)
    Figure(
        Panel(trains, ylabel="cell: before", xlim=(800.0, 1000.0), xlabel="time (ms)", xticks=True),
        Panel(trains, ylabel="cell: after", xlim=(end - 200.0, end), xlabel="time (ms)", xticks=True),
        Panel(DataTable(seconds, rates), ylabel="rate (Hz)", xlabel="time (s)"),
        Panel(DataTable(seconds, weights), ylabel="weight (nS)", xlabel="time (s)"),
        title="Vogels et al. 2011: inhibition learns",
        annotations=f"simulated with {options.simulator}",
    ).save(options.figure)
    print(f"  figure written to {options.figure}")
sim.end()
