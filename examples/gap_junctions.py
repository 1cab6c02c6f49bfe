"""Gap junctions: two cells, of which one is stimulated, without and with an electrical synapse between them.

A gap junction is a conductance between two cells. It passes potentials on, smoothed, lets cells share what drives one
of them, and pulls their action potentials together. Two more cells, both driven but not alike, show that.

    python gap_junctions.py reference --figure gap.png

Literature: Bennett and Zukin 2004, Neuron 41:495.
"""

import numpy as np

from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--conductance", "of the gap junction, in uS", {"type": float, "default": 0.05}),
    ("--figure", "file for a figure of all membrane potentials", {"default": None}),
)

sim.setup(timestep=0.1)
pairs = {}
for coupled in (False, True):
    for name, currents in (("one driven", (0.4, 0.0)), ("both driven", (0.4, 0.5))):
        pair = sim.Population(2, sim.HH_cond_exp(), label=name)
        for k, amplitude in enumerate(currents):
            pair[k : k + 1].inject(sim.DCSource(amplitude=amplitude, start=20.0, stop=180.0))
        pair.record(["v", "spikes"])
        if coupled:
            # One connection is one junction, through which current flows in both directions.
            junction = sim.ElectricalSynapse(weight=options.conductance)
            sim.Projection(pair[0:1], pair[1:2], sim.OneToOneConnector(), junction)
        pairs[f"{name}, {'gap junction' if coupled else 'uncoupled'}"] = pair

sim.run(200.0)

print(f"Gap junctions of {1000.0 * options.conductance:g} nS on {options.simulator}")
segments = {name: pair.get_data().segments[0] for name, pair in pairs.items()}
for name, segment in segments.items():
    v = segment.filter(name="v")[0].magnitude
    counts = [len(train) for train in segment.spiketrains]
    print(f"  {name:<26} depolarised by {v.max(axis=0)[1] + 65.0:5.2f} mV in the second cell, spikes {counts}")
    if "both" in name and min(counts) > 1:
        last = [float(train[-1]) for train in segment.spiketrains]
        print(f"  {'':<26} last spikes {abs(np.diff(last)[0]):.1f} ms apart")

if options.figure:
    from pyNN.utility.plotting import Figure, Panel

    Figure(
        *(Panel(segment.filter(name="v")[0], ylabel=name.replace(", ", "\n") + "\nv (mV)") for name, segment in segments.items()),
        title="Electrical coupling", annotations=f"simulated with {options.simulator}",
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")

sim.end()
