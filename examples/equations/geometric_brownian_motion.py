"""Geometric Brownian motion, dX = mu X dt + sigma X dW in the sense of Stratonovich, for many paths at once.

The mean after T is exp((mu + sigma**2/2) T), the median exp(mu T); in the sense of Ito the mean would be exp(mu T).

    python geometric_brownian_motion.py reference

Brian2 2.9 with 100000 paths and T = 1 s, dt = 1 ms: mean 1.792 (Heun), median 1.093; theory 1.7860 and 1.0833.
"""

import numpy as np

from pyNN.equations.brian_units import second
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--paths", "number of paths", {"type": int, "default": 20000}),
    ("--method", "heun or milstein", {"default": "heun"}),
)

mu, sigma = 0.08 / second, 1.0 / second**0.5

sim.setup(timestep=1.0)
paths = sim.NeuronGroup(options.paths, "dX/dt = mu*X + sigma*X*xi : 1", method=options.method, name="paths")
paths.X = 1
sim.run(1000.0)

X = paths.X_
mean, median = float(np.mean(X)), float(np.median(X))
theory = float(np.exp(0.08 + 0.5))
print(f"  mean {mean:.4f} (theory {theory:.4f}), median {median:.4f} (theory {np.exp(0.08):.4f})")
sim.end()
