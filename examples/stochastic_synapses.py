"""Synapses that transmit by chance: some spikes fail, others release more or less.

Three models answer the same regular train over fifty synapses each: all or nothing with a fixed probability, the same
with depression and facilitation of that probability, and several release sites of which each may release a quantum.

    python stochastic_synapses.py reference --figure stochastic.png

Literature: Fuhrmann, Segev, Markram and Tsodyks 2002, J Neurophysiol 87:140; Loebel et al. 2009, Front Comput Neurosci
3:27.
"""

import numpy as np

from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--synapses", "number of synapses of each model", {"type": int, "default": 50}),
    ("--figure", "file for a figure of what arrived", {"default": None}),
)

TRAIN = np.arange(50.0, 1050.0, 100.0)  # ms
SYNAPSES = {
    "SimpleStochasticSynapse": {"p": 0.5},
    "StochasticTsodyksMarkramSynapse": {"U": 0.6, "tau_rec": 400.0, "tau_facil": 0.0},
    "MultiQuantalSynapse": {"U": 0.5, "n": 5, "tau_rec": 300.0, "tau_facil": 0.0},
}

sim.setup(timestep=0.1, min_delay=1.0, rng_seed=99)
source = sim.Population(1, sim.SpikeSourceArray(spike_times=TRAIN))
targets = {}
for name, parameters in SYNAPSES.items():
    # A cell whose potential hardly decays counts what arrives: 1 mV a unit.
    cells = sim.Population(options.synapses, sim.IF_curr_delta(tau_m=1e6, v_thresh=1e3), label=name)
    weight = 1.0 / parameters.get("n", 1)  # mV
    try:
        synapse = getattr(sim, name)(weight=weight, delay=1.0, **parameters)
        sim.Projection(source, cells, sim.AllToAllConnector(), synapse)
    except NotImplementedError as error:
        print(f"{name}: {error}")
        continue
    cells.record("v")
    targets[name] = cells

sim.run(1100.0)

print(f"Stochastic synapses on {options.simulator}")
steps = np.round((TRAIN + 1.0) / 0.1).astype(int)
arrived = {}
for name, cells in targets.items():
    v = cells.get_data("v").segments[0].filter(name="v")[0].magnitude
    arrived[name] = v[steps + 2] - v[steps - 2]  # (spikes, synapses)
    means = " ".join(f"{value:.2f}" for value in arrived[name].mean(axis=1))
    print(f"  {name:<32} mean of {options.synapses} synapses, spike by spike: {means}")

if options.figure and arrived:
    from pyNN.utility.plotting import DataTable, Figure, Panel

    panels = [
        Panel(values.T, ylabel=f"{name}\nsynapse", xlabel="spike", data_labels=["arrived (mV)"])
        for name, values in arrived.items()
    ]
    number = np.arange(1, len(TRAIN) + 1)
    panels.append(
        Panel(
            *(DataTable(number, values.mean(axis=1)) for values in arrived.values()), data_labels=list(arrived),
            xlabel="spike", ylabel="mean (mV)",
        )
    )  # fmt: skip
    Figure(
        *panels, title="Transmission by chance", annotations=f"simulated with {options.simulator}", size=(7.0, 8.0)
    ).save(options.figure)
    print(f"  figure written to {options.figure}")

sim.end()
