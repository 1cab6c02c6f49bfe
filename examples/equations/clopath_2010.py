"""Plasticity that depends on the potential of the postsynaptic cell: pairings at low rates depress, at high rates potentiate.

A presynaptic spike weakens the synapse by a low-pass of the postsynaptic potential, a postsynaptic spike strengthens it by
another and by a trace of the presynaptic spikes. Two cells, connected both ways, are paired five times with 10 ms
between them, at seven rates. As cells of integrate-and-fire have no spikes, these raise the low-passes by 10 mV.

    python clopath_2010.py reference --figure clopath.png

Brian2 2.9 for the same model (rk4, dt = 10 us), weights in % of the first one, at 1, 5, 10, 15, 20, 30 and 50 Hz:
    pre before post    105.15 105.14 105.17 105.35 105.68 106.65 109.28
    post before pre     98.83  98.83  98.77  98.84  99.19 100.89 107.12

Literature: Clopath, Buesing, Vasilaki and Gerstner 2010, Nat. Neurosci. 13:344; protocol of Sjostrom, Turrigiano and
Nelson 2001, Neuron 32:1149.
"""

import numpy as np

from pyNN.equations import SynapseType
from pyNN.equations.brian_units import ms, mV, nS, pF
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--timestep", "in ms", {"type": float, "default": 0.1}),
    ("--figure", "file for a figure of the weights", {"default": None}),
)

RATES = np.array([1.0, 5.0, 10.0, 15.0, 20.0, 30.0, 50.0])  # Hz
PAIRINGS, LAG, BEGIN = 5, 10.0, 10.0  # ms
FIRST_WEIGHT, CONDUCTANCE = 0.5, 0.5e-3  # and the conductance of a weight of 1, in uS

gleak, C, V_rest, V_thresh, E_AMPA = 30 * nS, 300 * pF, -70 * mV, -50 * mV, 0 * mV
tau_AMPA, tau_lowpass1, tau_lowpass2, tau_x = 2 * ms, 40 * ms, 30 * ms, 15 * ms

Voltage = SynapseType(
    name="VoltageDependent",
    parameters={
        "A_LTD": (1.5e-4, "1/mV"), "A_LTP": (1.5e-2, "1/mV"), "theta": (-70.0, "mV"), "w_max": 1.0, "g_max": CONDUCTANCE,
    },
    on_pre="sent = weight; weight = clip(weight - A_LTD*maximum(post.v_lowpass1 - theta, 0), 0, w_max)",
    on_post="weight = clip(weight + A_LTP*pre.x_trace*maximum(post.v_lowpass2 - theta, 0), 0, w_max)",
    transmitted="sent*g_max",
)  # fmt: skip

sim.setup(timestep=options.timestep, min_delay=0.1)
cells = sim.NeuronGroup(
    2 * len(RATES),
    """
    dv/dt = (gleak*(V_rest - v) + g_ampa*(E_AMPA - v))/C : volt
    dv_lowpass1/dt = (v - v_lowpass1)/tau_lowpass1 : volt
    dv_lowpass2/dt = (v - v_lowpass2)/tau_lowpass2 : volt
    dg_ampa/dt = -g_ampa/tau_AMPA : siemens
    dx_trace/dt = -x_trace/tau_x : 1
    """,
    threshold="v > V_thresh",
    reset="v = V_rest; x_trace += ms/tau_x; v_lowpass1 += 10*mV; v_lowpass2 += 10*mV",
    name="pairs",
)
cells.v = V_rest
cells.v_lowpass1 = V_rest
cells.v_lowpass2 = V_rest
first, second = cells[: len(RATES)], cells[len(RATES) :]

# Each spike of a source lifts its cell above the threshold.
times = [BEGIN + 1000.0 / rate * np.arange(PAIRINGS) for rate in RATES]
for target, shift in ((first, 0.0), (second, LAG)):
    source = sim.Population(len(RATES), sim.SpikeSourceArray(spike_times=[t + shift for t in times]))
    sim.Projection(source, target, sim.OneToOneConnector(), sim.StaticSynapse(weight=25.0, delay=0.1), receptor_type="v")
synapse = Voltage(weight=FIRST_WEIGHT, delay=0.1, dendritic_delay_fraction=0.0)
forth, back = (
    sim.Projection(a, b, sim.OneToOneConnector(), synapse, receptor_type="g_ampa")
    for a, b in ((first, second), (second, first))
)
sim.run(BEGIN + 1000.0 / RATES.min() * PAIRINGS)


def percent(projection):
    return 100.0 * np.array(projection.get("weight", format="list", with_address=False)) / FIRST_WEIGHT


pre_post, post_pre = percent(forth), percent(back)
print("  Hz          " + " ".join(f"{rate:7.0f}" for rate in RATES))
print("  pre - post  " + " ".join(f"{weight:7.2f}" for weight in pre_post))
print("  post - pre  " + " ".join(f"{weight:7.2f}" for weight in post_pre))

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Panel

    Figure(
        Panel(
            DataTable(RATES, pre_post), DataTable(RATES, post_pre), DataTable(RATES, np.full(len(RATES), 100.0)),
            data_labels=["pre before post", "post before pre", "unchanged"],
            line_properties=[{"linestyle": "-"}, {"linestyle": "-"}, {"linestyle": ":", "marker": "", "color": "black"}],
            xlabel="rate of the pairings (Hz)", ylabel="weight (%)",
        ),
        title="Clopath et al. 2010: pairings with 10 ms", annotations=f"simulated with {options.simulator}",
        size=(6.5, 3.8),
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")
sim.end()
