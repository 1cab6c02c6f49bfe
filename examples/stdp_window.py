"""The window of spike-timing-dependent plasticity: how a weight changes with the time between two spikes.

For each interval there is a pair of cells of its own. The presynaptic cell fires once; the postsynaptic cell is made to
fire by a strong input, some time before or after. What the synapse has become is compared with the rule.

    python stdp_window.py reference --figure window.png

The synaptic delay is dendritic here: the postsynaptic spike needs it to reach the synapse, the presynaptic one nothing.

Literature: Bi and Poo 1998, J Neurosci 18:10464; Song, Miller and Abbott 2000, Nat Neurosci 3:919.
"""

import numpy as np

from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--step", "ms between two intervals", {"type": float, "default": 2.0}),
    ("--figure", "file for a figure of the window and of both kinds of trace", {"default": None}),
)

TAU_PLUS, TAU_MINUS, A_PLUS, A_MINUS, W_MAX = 20.0, 30.0, 0.05, 0.04, 0.02  # ms, ms, 1, 1, uS
WEIGHT, DELAY, T_PRE = 0.01, 1.0, 120.0  # uS, ms, ms
intervals = np.arange(-100.0 + options.step / 2, 100.0, options.step)  # post - pre, at the soma

sim.setup(timestep=0.1, min_delay=DELAY, max_delay=DELAY)

n = len(intervals)
pre = sim.Population(n, sim.SpikeSourceArray(spike_times=[T_PRE]), label="pre")
post = sim.Population(n, sim.IF_cond_exp(tau_m=10.0, tau_refrac=5.0, tau_syn_E=0.5), label="post")
# The driver's spike arrives one delay later and makes the cell fire once, about 0.2 ms after that.
driver = sim.Population(
    n, sim.SpikeSourceArray(spike_times=[sim.Sequence([T_PRE + interval - DELAY]) for interval in intervals])
)
sim.Projection(driver, post, sim.OneToOneConnector(), sim.StaticSynapse(weight=2.0, delay=DELAY))

plasticity = sim.STDPMechanism(
    timing_dependence=sim.SpikePairRule(tau_plus=TAU_PLUS, tau_minus=TAU_MINUS, A_plus=A_PLUS, A_minus=A_MINUS),
    weight_dependence=sim.AdditiveWeightDependence(w_min=0.0, w_max=W_MAX),
    weight=WEIGHT,
    delay=DELAY,
)
plastic = sim.Projection(pre, post, sim.OneToOneConnector(), plasticity)
post.record("spikes")

sim.run(T_PRE + 150.0)

weights = np.array(plastic.get("weight", format="list", with_address=False))
trains = post.get_data("spikes").segments[0].spiketrains
fired = np.array([float(train[0]) if len(train) else np.nan for train in trains])
print(f"STDP window on {options.simulator}: {n} pairs of cells, {np.isfinite(fired).sum()} of them fired")
found = fired - T_PRE
at_synapse = found + DELAY
expected = np.where(
    at_synapse > 0.0,
    A_PLUS * W_MAX * np.exp(-at_synapse / TAU_PLUS),
    -A_MINUS * W_MAX * np.exp(at_synapse / TAU_MINUS),
)
if np.isfinite(fired).all():
    print(f"  largest difference from the rule: {np.abs(weights - WEIGHT - expected).max():.2g} uS")
print(f"  weights from {1000.0 * weights.min():.3f} to {1000.0 * weights.max():.3f} nS, at first {1000.0 * WEIGHT:.3f}")

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Panel

    Figure(
        Panel(
            DataTable(found, 1000.0 * (weights - WEIGHT)), DataTable(found, 1000.0 * expected),
            data_labels=["simulated", "rule"], line_properties=[{"markersize": 5}, {"marker": ".", "markersize": 3}],
            xlabel="postsynaptic - presynaptic spike (ms)", ylabel="change of the weight (nS)",
        ),
        title="STDP window", annotations=f"simulated with {options.simulator}", size=(6.5, 3.8),
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")

sim.end()
