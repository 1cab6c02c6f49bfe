"""Potentials that a train of spikes evokes through depressing and facilitating synapses.

A presynaptic spike releases a part of the resource that has recovered. Through a synapse between pyramidal cells, spikes
of 20 Hz come to evoke a seventh of the first potential; through one to an interneuron, potentials grow, and with 70 Hz
they pass a maximum.

    python tsodyks_1998.py reference --figure tsodyks.png

Brian2 2.9 for the same model (exponential Euler, dt = 1 us), peaks 1, 2, 3, 5, 10 and 20 in mV:
    depression, 20 Hz     0.912 0.685 0.413 0.181 0.128 0.127
    facilitation, 20 Hz   1.051 2.408 3.724 5.809 8.366 9.839
    facilitation, 70 Hz   1.051 2.842 5.050 9.650 16.341 16.421

Literature: Tsodyks, Pawelzik and Markram 1998, Neural Comput. 10:821, figure 1.
"""

import numpy as np

from pyNN.equations import CellType, SynapseType
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--timestep", "in ms", {"type": float, "default": 0.01}),
    ("--figure", "file for a figure of the potentials", {"default": None}),
)

Cell = CellType(
    name="PassiveCell",
    equations="""
        dv/dt = (-v + r_input*i_syn)/tau_m : mV
        di_syn/dt = -i_syn/tau_inact : nA
    """,
    parameters="""
        tau_m = 40*ms
        r_input = 100*mV/nA
        tau_inact = 3*ms
    """,
    receptors={"excitatory": "i_syn += weight"},
)
# x has recovered, y is active; the rest, 1 - x - y, is inactive. The weight is the current that all of it would give.
Depressing = SynapseType(
    name="DepressingSynapse",
    equations="""
        dx/dt = (1 - x - y)/tau_rec : 1
        dy/dt = -y/tau_inact : 1
    """,
    parameters={"U": 0.6, "tau_rec": (800.0, "ms"), "tau_inact": (3.0, "ms")},
    initial={"x": 1.0},
    on_pre="released = U*x; x -= released; y += released",
    transmitted="weight*released",
)
Facilitating = SynapseType(
    name="FacilitatingSynapse",
    equations="""
        du/dt = -u/tau_facil : 1
        dx/dt = (1 - x - y)/tau_rec : 1
        dy/dt = -y/tau_inact : 1
    """,
    parameters={"U": 0.03, "tau_rec": (130.0, "ms"), "tau_facil": (530.0, "ms"), "tau_inact": (1.5, "ms")},
    initial={"x": 1.0},
    on_pre="u += U*(1 - u); released = u*x; x -= released; y += released",
    transmitted="weight*released",
)

delay = options.timestep
pyramidal = Cell(tau_m=40.0, r_input=100.0, tau_inact=3.0)
interneuron = Cell(tau_m=60.0, r_input=1000.0, tau_inact=1.5)
slow, fast = np.arange(100.0, 1100.0, 50.0), np.arange(100.0, 375.0, 1000.0 / 70.0)  # ms
panels = {
    "depression, 20 Hz": (pyramidal, Depressing(weight=0.25, delay=delay), slow),
    "facilitation, 20 Hz": (interneuron, Facilitating(weight=1.54, delay=delay), slow),
    "facilitation, 70 Hz": (interneuron, Facilitating(weight=1.54, delay=delay), fast),
}

sim.setup(timestep=options.timestep, min_delay=delay)
cells = []
for name, (cell_type, synapse, train) in panels.items():
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=train))
    cells.append(sim.Population(1, cell_type, label=name))
    sim.Projection(source, cells[-1], sim.AllToAllConnector(), synapse)
    cells[-1].record("v")
sim.run(1200.0)

peaks, signals = {}, []
for cell, (name, (_, _, train)) in zip(cells, panels.items(), strict=True):
    signals.append(cell.get_data().segments[0].filter(name="v")[0])
    v = signals[-1].magnitude[:, 0]
    ends = np.append(train[1:], train[-1] + train[1] - train[0])
    steps = [(round(a / options.timestep), round(b / options.timestep)) for a, b in zip(train, ends, strict=True)]
    peaks[name] = np.array([v[a:b].max() for a, b in steps])
    shown = " ".join(f"{peaks[name][k]:.3f}" for k in (0, 1, 2, 4, 9, 19))
    print(f"  {name:<20} peaks 1, 2, 3, 5, 10, 20: {shown} mV")

if options.figure:
    from pyNN.utility.plotting import Figure, Panel

    Figure(
        *(
            Panel(signal, ylabel=f"{name}\nv (mV)", xlim=(0.0, 500.0 if "70" in name else 1200.0), xlabel="time (ms)", xticks=True)
            for name, signal in zip(panels, signals, strict=True)
        ),
        title="Tsodyks, Pawelzik and Markram 1998",
        annotations=f"simulated with {options.simulator}",
    ).save(options.figure)
    print(f"  figure written to {options.figure}")
sim.end()
