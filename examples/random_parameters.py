"""Random parameters: cells that differ, the same way on every simulator.

Time constants, thresholds and initial potentials are drawn from distributions; one parameter follows a rule, and one
a list. Distributions may share a generator: each still gets numbers of its own, so the columns are independent.

    python random_parameters.py reference --figure parameters.png
"""

import numpy as np

from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--cells", "number of cells", {"type": int, "default": 400}),
    ("--figure", "file for a figure of parameters and rates", {"default": None}),
)

sim.setup(timestep=0.1, rng_seed=17)
rng = NumpyRNG(seed=17)

cells = sim.Population(
    options.cells,
    sim.IF_cond_exp(
        tau_m=RandomDistribution("normal_clipped", mu=20.0, sigma=4.0, low=5.0, high=40.0, rng=rng),
        v_thresh=RandomDistribution("uniform", low=-55.0, high=-48.0, rng=rng),
        i_offset=lambda i: 0.7 + 0.6 * i / options.cells,  # nA, growing from cell to cell
        tau_refrac=2.0,
    ),
    initial_values={"v": RandomDistribution("normal", mu=-65.0, sigma=2.0, rng=rng)},
    label="cells",
)
# Part of the cells get a value each from a list.
cells[:4].set(tau_refrac=[1.0, 2.0, 5.0, 10.0])
cells.record("spikes")
cells[:4].record("v")

sim.run(500.0)

rates = np.array(list(cells.get_spike_counts().values())) / 0.5
tau_m, v_thresh, i_offset = cells.get(["tau_m", "v_thresh", "i_offset"])
correlation = np.corrcoef(tau_m, v_thresh)[0, 1]
print(f"Random parameters on {options.simulator}")
print(f"  tau_m {tau_m.mean():.2f} +- {tau_m.std():.2f} ms; correlation of tau_m and v_thresh {correlation:+.3f}")
print(f"  all cells {rates.mean():.2f} spikes/s")

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Histogram, Panel

    potentials = cells.get_data("v").segments[0].filter(name="v")[0]
    # The smallest current that makes the cell fire: with a resistance of tau_m/cm, cm = 1 nF.
    rheobase = (v_thresh + 65.0) / tau_m
    Figure(
        Panel(Histogram(tau_m), xlabel="tau_m (ms)", ylabel="cells"),
        Panel(DataTable(tau_m, v_thresh), xlabel="tau_m (ms)", ylabel="v_thresh (mV)"),
        Panel(DataTable(i_offset / rheobase, rates), xlabel="current / rheobase", ylabel="rate (spikes/s)"),
        Panel(potentials, xlabel="time (ms)", ylabel="v (mV)", xlim=(0.0, 100.0)),
        title="Cells with random parameters",
        annotations=f"simulated with {options.simulator}",
        size=(6.0, 8.5),
    ).save(options.figure)
    print(f"  figure written to {options.figure}")

sim.end()
