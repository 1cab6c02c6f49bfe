# coding: utf-8
"""
Spike-timing dependent plasticity between one pair of cells, in the style of PyNN 0.6:

    python stdp_pair.py reference

The presynaptic cell fires 8 ms before a strong input makes the postsynaptic cell fire, so the weight grows.
"""

import sys

from pyNN.utility import get_script_args

simulator_name = get_script_args(1)[0]
sim = __import__("pyNN.%s" % simulator_name, None, None, [simulator_name])

sim.setup(0.1, 0.1, 10.0, api="0.6")

n_pairings = 10
pre_times = [20.0 + 50.0 * i for i in range(n_pairings)]
post_times = [t + 8.0 for t in pre_times]

pre = sim.Population(1, sim.SpikeSourceArray, {'spike_times': pre_times}, "pre")
teacher = sim.Population(1, sim.SpikeSourceArray, label="teacher")
teacher.set('spike_times', post_times)
post = sim.Population(1, sim.IF_curr_exp, {'tau_refrac': 2.0, 'tau_syn_E': 2.0}, "post")

stdp = sim.STDPMechanism(
    timing_dependence=sim.SpikePairRule(tau_plus=20.0, tau_minus=20.0),
    weight_dependence=sim.AdditiveWeightDependence(w_min=0.0, w_max=0.4, A_plus=0.02, A_minus=0.02),
)
plastic = sim.Projection(
    pre, post, sim.AllToAllConnector(weights=0.1, delays=1.0), target='excitatory',
    synapse_dynamics=sim.SynapseDynamics(slow=stdp),
)
forced = sim.Projection(teacher, post, sim.OneToOneConnector(weights=12.0, delays=0.1))

post.record()
sim.run(50.0 * n_pairings + 20.0)

times = post.getSpikes()[:, 1]
weight = plastic.getWeights()[0]
plastic.printWeights("Results/stdp_%s.w" % simulator_name)
plastic.saveConnections("Results/stdp_%s.conn" % simulator_name)

print("The postsynaptic cell fired %d times, first at %.1f ms" % (len(times), times[0]))
print("A_plus: %g, A_minus: %g" % (plastic.getSynapseDynamics('A_plus')[0], plastic.getSynapseDynamics('A_minus')[0]))
print("Weight after %d pairings: %.6f nA" % (n_pairings, weight))
if not weight > 0.1:
    sys.exit("The weight should have grown.")

sim.end()
