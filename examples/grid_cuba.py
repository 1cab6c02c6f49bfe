"""Current-based cells on a sheet, with all spikes on the time grid: equal spike for spike on every backend.

1600 excitatory cells on a 40 x 40 grid and 400 inhibitory ones between them connect to neighbours with a probability
that falls off as a Gaussian of their distance. Cells are those of the CUBA benchmark of Brette et al. 2007: linear
between spikes, so that a simulator can step them exactly, and with a resting potential above threshold, so that they
stay active without input.

Backends then differ only by rounding, about 1e-13 mV. Between spikes the leak shrinks such a difference and a reset
removes it; and on the time grid a spike does not move unless a cell comes within that distance of its threshold just
at a grid point, which happens in fewer than one of a million runs of this length. So although activity is irregular,

    pynn compare grid_cuba.py --backends reference,nest --require identical

succeeds. Conductance-based cells have no exact step: integrators differ by about 1e-6 mV there, and now and then that
moves a spike, after which a network of this kind takes another path.
"""

from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.space import Grid2D, Space
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--duration", "biological time in ms", {"type": float, "default": 1000.0}),
    ("--side", "excitatory cells along one side of the sheet, an even number", {"type": int, "default": 40}),
    ("--seed", "seed of connections and initial values", {"type": int, "default": 1789}),
)

DELAY = 1.0  # ms
WIDTH = 4.0  # standard deviation of the connection probability, in units of the excitatory cells' spacing

sim.setup(timestep=0.1, min_delay=DELAY, max_delay=DELAY, rng_seed=options.seed)

cell_type = sim.IF_curr_exp(
    cm=0.2, tau_m=20.0, v_rest=-49.0, v_reset=-60.0, v_thresh=-50.0, tau_refrac=5.0, tau_syn_E=5.0, tau_syn_I=10.0
)
half = options.side // 2
excitatory = sim.Population(options.side**2, cell_type, structure=Grid2D(dx=1.0, dy=1.0), label="excitatory")
inhibitory = sim.Population(half**2, cell_type, structure=Grid2D(dx=2.0, dy=2.0, x0=0.5, y0=0.5), label="inhibitory")

rng = NumpyRNG(seed=options.seed)
v_initial = RandomDistribution("uniform", low=-60.0, high=-50.0, rng=rng)
sheet = Space(periodic_boundaries=((0.0, options.side), (0.0, options.side), None))
neighbours = sim.DistanceDependentProbabilityConnector(f"0.64*exp(-d**2/{2.0 * WIDTH**2})", rng=rng)
excitation = sim.StaticSynapse(weight=0.0162, delay=DELAY)  # nA
inhibition = sim.StaticSynapse(weight=-0.09, delay=DELAY)  # nA

for cells in (excitatory, inhibitory):
    cells.initialize(v=v_initial)
    cells.record("spikes")
    sim.Projection(excitatory, cells, neighbours, excitation, receptor_type="excitatory", space=sheet)
    sim.Projection(inhibitory, cells, neighbours, inhibition, receptor_type="inhibitory", space=sheet)

sim.run(options.duration)

print(f"Sheet of {excitatory.size} + {inhibitory.size} cells, {options.duration:g} ms on {options.simulator}")
for cells in (excitatory, inhibitory):
    print(f"  {cells.label:<11} {1000.0 * cells.mean_spike_count() / options.duration:6.2f} spikes/s")
sim.end()
