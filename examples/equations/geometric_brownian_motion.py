"""Geometric Brownian motion, dX = mu X dt + sigma X dW in the sense of Stratonovich, for many paths at once.

The mean after T is exp((mu + sigma**2/2) T), the median exp(mu T); in the sense of Ito the mean would be exp(mu T).

    python geometric_brownian_motion.py reference --figure brownian.png

Brian2 2.9 with 100000 paths and T = 1 s, dt = 1 ms: mean 1.792 (Heun), median 1.093; theory 1.7860 and 1.0833.
"""

import numpy as np

from pyNN.equations.brian_units import second
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--paths", "number of paths", {"type": int, "default": 20000}),
    ("--method", "heun or milstein", {"default": "heun"}),
    ("--figure", "file for a figure of the mean and of the distribution", {"default": None}),
)

mu, sigma = 0.08 / second, 1.0 / second**0.5

sim.setup(timestep=1.0)
paths = sim.NeuronGroup(options.paths, "dX/dt = mu*X + sigma*X*xi : 1", method=options.method, name="paths")
paths.X = 1
course = []
if options.figure:

    @sim.network_operation(dt=50.0)
    def look(t):
        course.append((t, np.mean(paths.X_), np.median(paths.X_)))


sim.run(1000.0)

X = paths.X_
mean, median = float(np.mean(X)), float(np.median(X))
theory = float(np.exp(0.08 + 0.5))
print(f"  mean {mean:.4f} (theory {theory:.4f}), median {median:.4f} (theory {np.exp(0.08):.4f})")

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Panel

    t, means, medians = np.array([*course, (1000.0, mean, median)]).T
    edges = np.linspace(-3.5, 3.5, 57)
    density = np.histogram(np.log(X), edges, density=True)[0]
    centres = (edges[1:] + edges[:-1]) / 2
    marks = [{"markersize": 3}, {"linestyle": "-", "marker": ""}] * 2
    Figure(
        Panel(
            DataTable(t, means), DataTable(t, np.exp(0.58 * t / 1000.0)), DataTable(t, medians),
            DataTable(t, np.exp(0.08 * t / 1000.0)), data_labels=["mean", "exp(0.58 t)", "median", "exp(0.08 t)"],
            line_properties=marks, xlabel="time (ms)", ylabel="X", xticks=True,
        ),
        Panel(
            DataTable(centres, density), DataTable(centres, np.exp(-((centres - 0.08) ** 2) / 2) / np.sqrt(2 * np.pi)),
            data_labels=["paths", "normal density"], line_properties=marks[:2], xlabel="log X at 1 s", ylabel="density",
            xticks=True,
        ),
        title=f"Geometric Brownian motion, {options.paths} paths",
        annotations=f"simulated with {options.simulator}",
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")
sim.end()
