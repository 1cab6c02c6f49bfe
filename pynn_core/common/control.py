"""The defaults of setup() and the control of a run, under the names that PyNN 0.13 has for them."""

from pyNN.scripting import Script
from pyNN.simulation import DEFAULT_MAX_DELAY, DEFAULT_MIN_DELAY, DEFAULT_SEED, DEFAULT_TIMESTEP, Simulation

__all__ = [
    "DEFAULT_MAX_DELAY",
    "DEFAULT_MIN_DELAY",
    "DEFAULT_SEED",
    "DEFAULT_TIMESTEP",
    "Script",
    "Simulation",
]
