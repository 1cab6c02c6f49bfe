"""Connections that depend on distance: probability, weight and delay as functions of d, on a sheet and on a torus.

Cells stand on a grid. The probability that two of them connect falls off as a Gaussian of their distance, the weight
exponentially, and the delay grows with it. A disc of stimulated cells in the middle excites its neighbours.

    python distance_dependent.py reference --figure distance.png
"""

import numpy as np

from pyNN.random import NumpyRNG
from pyNN.space import Grid2D, Space
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--side", "cells along one side of the grid", {"type": int, "default": 30}),
    ("--figure", "file for a figure of the connections and of the activity", {"default": None}),
)

SPACING = 50.0  # um
WIDTH = 150.0  # um, standard deviation of the probability
SPEED = 300.0  # um/ms, of conduction

sim.setup(timestep=0.1, min_delay=0.5, max_delay=10.0, rng_seed=5)

side = options.side * SPACING
sheet = sim.Population(
    options.side**2, sim.IF_cond_exp(tau_m=15.0), structure=Grid2D(dx=SPACING, dy=SPACING), label="sheet"
)
sheet.record("spikes")

# The torus has no border: distances are measured round it.
torus = Space(axes="xy", periodic_boundaries=((0.0, side), (0.0, side), None))
near = sim.DistanceDependentProbabilityConnector(
    f"0.5*exp(-d**2/{2.0 * WIDTH**2})", allow_self_connections=False, rng=NumpyRNG(seed=11)
)
local = sim.StaticSynapse(
    weight=f"0.004*exp(-d/{WIDTH})",  # uS
    delay=lambda d: 0.5 + np.round(d / SPEED, 1),  # ms
)
recurrent = sim.Projection(sheet, sheet, near, local, space=torus)

middle = np.array([side / 2, side / 2])
distances = np.hypot(*(sheet.positions[:2].T - middle).T)
stimulated = sheet[distances < 4 * SPACING]
kick = sim.Population(stimulated.size, sim.SpikeSourcePoisson(rate=400.0, start=20.0, duration=30.0))
sim.Projection(kick, stimulated, sim.OneToOneConnector(), sim.StaticSynapse(weight=0.05, delay=0.5))

sim.run(150.0)

found = np.array(recurrent.get(["weight", "delay"], format="list"))
i, j = found[:, 0].astype(int), found[:, 1].astype(int)
offsets = np.abs(sheet.positions[:2, j] - sheet.positions[:2, i])
d = np.hypot(*np.minimum(offsets, side - offsets))
print(f"Distance-dependent connections on {options.simulator}: {len(found)}, mean distance {d.mean():.0f} um")
print(f"  sheet {sheet.mean_spike_count() / 0.15:6.2f} spikes/s")

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Histogram, Panel

    some = np.random.RandomState(1).choice(len(found), min(2000, len(found)), replace=False)
    counts = np.array(list(sheet.get_spike_counts().values())).reshape(options.side, options.side)
    Figure(
        Panel(Histogram(d), xlabel="distance (um)", ylabel="connections"),
        Panel(DataTable(d[some], 1000.0 * found[some, 2]), xlabel="distance (um)", ylabel="weight (nS)"),
        Panel(DataTable(d[some], found[some, 3]), xlabel="distance (um)", ylabel="delay (ms)"),
        Panel(counts, xlabel="x (cells)", ylabel="y (cells)", data_labels=["spikes"]),
        title="Connections and activity on a sheet of cells",
        annotations=f"simulated with {options.simulator}",
        size=(6.0, 9.0),
    ).save(options.figure)
    print(f"  figure written to {options.figure}")

sim.end()
