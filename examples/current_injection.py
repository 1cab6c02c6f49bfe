"""Five current sources, each injected into a cell, and what the cell makes of it.

A constant current, a sine, steps, and noise are sources of their own. The noise is injected into two cells at once, so
that both get the same fluctuations; the last current is changed by the script between two runs.

    python current_injection.py reference --figure currents.png
"""

from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--figure", "file for a figure of currents and membrane potentials", {"default": None}),
)

sim.setup(timestep=0.1, rng_seed=31)

names = ["constant", "sine", "steps", "noise", "noise, other cell", "changed by the script"]
cells = sim.Population(len(names), sim.IF_curr_exp(tau_m=20.0, cm=0.5, v_thresh=-50.0, tau_refrac=2.0), label="cells")
cells[4:5].set(tau_m=5.0)  # follows the noise faster

constant = sim.DCSource(amplitude=0.5, start=20.0, stop=180.0)
sine = sim.ACSource(amplitude=1.2, offset=0.2, frequency=20.0, phase=180.0, start=20.0, stop=180.0)
steps = sim.StepCurrentSource(times=[50.0, 110.0, 150.0], amplitudes=[0.4, 0.7, -0.2])
noise = sim.NoisyCurrentSource(mean=0.7, stdev=2.0, start=20.0, stop=180.0, dt=1.0)
by_hand = sim.DCSource(amplitude=0.3)

constant.inject_into(cells[0:1])
sine.inject_into([cells[1]])
cells[2].inject(steps)
cells[3:5].inject(noise)
by_hand.inject_into(cells[5:6])

sources = [constant, sine, steps, noise, by_hand]
for source in sources:
    source.record()
cells.record(["v", "spikes"])

sim.run(100.0)
by_hand.amplitude = 0.6  # acts from the next time step
sim.run(100.0)

print(f"Current injection on {options.simulator}")
for name, count in zip(names, cells.get_spike_counts().values(), strict=True):
    print(f"  {name:<22} {count / 0.2:6.1f} spikes/s")

if options.figure:
    from pyNN.utility.plotting import Figure, Panel

    potentials = cells.get_data("v").segments[0].filter(name="v")[0]
    currents = [source.get_data() for source in sources]
    Figure(
        Panel(
            *currents, data_labels=[*names[:4], names[5]], ylabel="injected current (nA)",
            line_properties=[{"linewidth": 0.8}] * 3 + [{"linewidth": 0.4}] + [{"linewidth": 0.8}],
        ),
        *(Panel(potentials[:, k], ylabel=f"{name}\nv (mV)") for k, name in enumerate(names)),
        title="Current injection",
        annotations=f"simulated with {options.simulator}",
        size=(7.0, 9.0),
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")

sim.end()
