# coding: utf-8
"""
Two grids of cells, connected by distance, with cells picked by their addresses, in the style of PyNN 0.6:

    python grid_addresses.py reference

Writes spikes, membrane potentials, conductances and connections to text files.
"""

from pyNN.random import NumpyRNG
from pyNN.utility import get_script_args

simulator_name = get_script_args(1)[0]
exec("from pyNN.%s import *" % simulator_name)

setup(timestep=0.1, min_delay=0.1, max_delay=5.0, api="0.6")

grid = Population((6, 8), IF_cond_exp, {'tau_m': 15.0, 'v_init': -62.0}, "grid")
target = Population((6, 8), IF_cond_alpha, label="target")

# One cell of the grid is driven by a current, a row of it by a weaker one.
grid[2, 3].inject(DCSource(2.0, 10.0, 150.0))
for cell in grid[4, 0:8]:
    cell.tau_m = 12.0
    cell.inject(DCSource(amplitude=1.6, start=20.0))

space = Space(periodic_boundaries=((0, 6), (0, 8), None))
near = Projection(
    grid, target,
    DistanceDependentProbabilityConnector("exp(-d/2.0)", allow_self_connections=False, weights=0.03, delays="0.2+0.3*d",
                                          space=space),
    target='excitatory', label="near", rng=NumpyRNG(1234),
)
pairs = FromListConnector([((2, 3), (0, 0), 0.2, 1.0), ((4, 0), (5, 7), 0.2, 2.0)])
special = Projection(grid, target, pairs, target='excitatory', label="special")

grid.record()
target.record()
target.record_v([target[0, 0], target[5, 7]])
target.record_gsyn(3, NumpyRNG(99))

run(200.0)

grid.printSpikes("Results/grid_%s.ras" % simulator_name)
target.printSpikes("Results/target_%s.ras" % simulator_name)
target.print_v("Results/target_%s.v" % simulator_name)
target.print_gsyn("Results/target_%s.gsyn" % simulator_name)
near.saveConnections("Results/near_%s.conn" % simulator_name)
near.printWeights("Results/near_%s.w" % simulator_name, format='array')

again = Projection(grid, target, FromFileConnector("Results/near_%s.conn" % simulator_name), target='excitatory')
print("%d connections written and read, %d special ones" % (again.size(), special.size()))

active = sorted({int(index) for index, time in grid.getSpikes()})
print("Active cells of the grid: %s" % [grid.locate(grid.index(index)) for index in active])
print("The target fired %.2f spikes a cell" % target.meanSpikeCount())
counts, edges = near.weightHistogram(min=0.0, max=0.08, nbins=4)
print("Weights: %s" % list(counts))

end()
