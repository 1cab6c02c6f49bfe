"""Short-term plasticity: one train of spikes through a static, a depressing and a facilitating synapse.

Depression uses up a resource that recovers with tau_rec; facilitation raises the fraction that each spike uses, and
decays with tau_facil. Ten spikes at 20 per second are followed, after half a second, by one that shows the recovery.

    python tsodyks_markram.py reference --figure short_term.png

Literature: Tsodyks, Uziel and Markram 2000, J Neurosci 20:RC50.
"""

import numpy as np

from pyNN.utility import get_simulator

sim, options = get_simulator(("--figure", "file for a figure of currents and potentials", {"default": None}),)

TRAIN = np.append(np.arange(50.0, 550.0, 50.0), 1050.0)  # ms
TAU_SYN = 3.0  # ms
KINDS = {
    "static": {},
    "depressing": {"U": 0.5, "tau_rec": 800.0, "tau_facil": 0.0},
    "facilitating": {"U": 0.04, "tau_rec": 100.0, "tau_facil": 1000.0},
}
WEIGHTS = {"static": 0.4, "depressing": 1.0, "facilitating": 2.5}  # nA

sim.setup(timestep=0.1, min_delay=1.0)
source = sim.Population(1, sim.SpikeSourceArray(spike_times=TRAIN))
cells = sim.Population(3, sim.IF_curr_exp(tau_m=20.0, tau_syn_E=TAU_SYN, v_thresh=0.0), label="cells")
cells.record(["v", "isyn_exc", "spikes"])
for k, (kind, parameters) in enumerate(KINDS.items()):
    model = sim.TsodyksMarkramSynapse if parameters else sim.StaticSynapse
    synapse = model(weight=WEIGHTS[kind], delay=1.0, **parameters)
    sim.Projection(source, cells[k : k + 1], sim.AllToAllConnector(), synapse, receptor_type="excitatory")

sim.run(1200.0)

segment = cells.get_data().segments[0]
current = segment.filter(name="isyn_exc")[0]
print(f"Short-term plasticity on {options.simulator}")
for k, kind in enumerate(KINDS):
    steps = np.round((TRAIN + 1.0) / 0.1).astype(int)  # when the spikes arrive
    added = [current.magnitude[s, k] - current.magnitude[s - 1, k] * np.exp(-0.1 / TAU_SYN) for s in steps]
    print(f"  {kind:<13} each spike adds (nA): " + " ".join(f"{value:.3f}" for value in added))

if options.figure:
    from pyNN.utility.plotting import Figure, Panel

    v = segment.filter(name="v")[0]
    panels = [Panel(current[:, k], ylabel=f"{kind}\ncurrent (nA)") for k, kind in enumerate(KINDS)]
    panels.append(Panel(*(v[:, k] for k in range(3)), data_labels=list(KINDS), ylabel="v (mV)", xlabel="time (ms)"))
    Figure(
        *panels, title="Short-term depression and facilitation", annotations=f"simulated with {options.simulator}"
    ).save(options.figure)
    print(f"  figure written to {options.figure}")

sim.end()
