# coding: utf-8
"""
A balanced random network of integrate-and-fire cells with current-based synapses, in the style of PyNN 0.6:

    python balanced_random_network.py reference

Writes the spikes of all cells and the membrane potentials of two to text files, and prints the firing rates.
"""

from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.utility import Timer, get_script_args

simulator_name = get_script_args(1)[0]
exec("from pyNN.%s import *" % simulator_name)

n_exc, n_inh = 160, 40
simtime = 300.0  # (ms)
w_exc = 0.06  # (nA)
w_inh = -0.3  # (nA)

timer = Timer()
setup(timestep=0.1, min_delay=0.1, max_delay=2.0, debug=False, api="0.6")

cell_params = {
    'tau_m': 20.0, 'tau_syn_E': 5.0, 'tau_syn_I': 10.0, 'tau_refrac': 2.0,
    'v_rest': -65.0, 'v_reset': -65.0, 'v_thresh': -50.0, 'v_init': -65.0, 'cm': 0.25,
}

rng = NumpyRNG(seed=8658764, rank=rank(), num_processes=num_processes())
exc = Population(n_exc, IF_curr_exp, cell_params, "Excitatory")
inh = Population(n_inh, IF_curr_exp, cell_params, "Inhibitory")
noise = Population(50, SpikeSourcePoisson, {'rate': 120.0}, label="Noise")

uniform = RandomDistribution('uniform', [-65.0, -50.0], rng)
exc.randomInit(uniform)
inh.randomInit(uniform)

from_exc = FixedProbabilityConnector(0.1, weights=w_exc, delays=0.5)
from_inh = FixedProbabilityConnector(0.1, allow_self_connections=False, weights=w_inh, delays=0.5)
delays = RandomDistribution('uniform', [0.2, 1.0], rng=rng)
from_noise = FixedProbabilityConnector(0.2, weights=0.08, delays=delays)

connections = {
    'ee': Projection(exc, exc, from_exc, target='excitatory', rng=rng),
    'ei': Projection(exc, inh, from_exc, target='excitatory', rng=rng),
    'ie': Projection(inh, exc, from_inh, target='inhibitory', rng=rng),
    'ii': Projection(inh, inh, from_inh, target='inhibitory', rng=rng),
    'ne': Projection(noise, exc, from_noise, target='excitatory', rng=rng),
    'ni': Projection(noise, inh, from_noise, target='excitatory', rng=rng),
}

exc.record()
inh.record()
exc.record_v([exc[0], exc[1]])
build_time = timer.diff()

run(simtime)
run_time = timer.diff()

exc.printSpikes("Results/balanced_exc_%s.ras" % simulator_name)
inh.printSpikes("Results/balanced_inh_%s.ras" % simulator_name)
exc.print_v("Results/balanced_exc_%s.v" % simulator_name)

if rank() == 0:
    spikes = exc.getSpikes()
    print("Built %d connections in %.2f s, simulated in %.2f s" % (
        sum(prj.size() for prj in connections.values()), build_time, run_time))
    print("Mean rate (excitatory): %.2f spikes/s" % (exc.meanSpikeCount() * 1000.0 / simtime))
    print("Mean rate (inhibitory): %.2f spikes/s" % (inh.meanSpikeCount() * 1000.0 / simtime))
    print("First spike: cell %d at %.1f ms" % tuple(spikes[spikes[:, 1].argmin()]))

end()
