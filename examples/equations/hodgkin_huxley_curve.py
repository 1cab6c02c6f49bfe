"""Firing rate of a Hodgkin-Huxley cell as a function of injected current, for 100 currents at once.

    python hodgkin_huxley_curve.py reference --figure curve.png

Brian2 2.9 for the same text (exponential Euler, 2 s, every 10th cell from 0 to 0.63 nA):
    dt = 0.1 ms    0  35  74 ...   see `brian_counts` below

Literature: Traub and Miles 1991; Brette et al. 2007, J. Comput. Neurosci. 23:349.
"""

import numpy as np

from pyNN.equations.brian_units import cm, mV, siemens, ufarad, umetre
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--timestep", "in ms", {"type": float, "default": 0.1}),
    ("--duration", "in ms", {"type": float, "default": 2000.0}),
    ("--figure", "file for a figure of the curve", {"default": None}),
)

area = 20000 * umetre**2
Cm = 1 * ufarad / cm**2 * area
gl, g_na, g_kd = 5e-5 * siemens / cm**2 * area, 0.1 * siemens / cm**2 * area, 0.03 * siemens / cm**2 * area
El, EK, ENa, VT = -65 * mV, -90 * mV, 50 * mV, -63 * mV
num_neurons = 100

sim.setup(timestep=options.timestep)
group = sim.NeuronGroup(
    num_neurons,
    """
    dv/dt = (gl*(El - v) - g_na*(m*m*m)*h*(v - ENa) - g_kd*(n*n*n*n)*(v - EK) + I)/Cm : volt
    dm/dt = 0.32*(mV**-1)*4*mV/exprel((13.*mV - v + VT)/(4*mV))/ms*(1 - m)
            - 0.28*(mV**-1)*5*mV/exprel((v - VT - 40.*mV)/(5*mV))/ms*m : 1
    dn/dt = 0.032*(mV**-1)*5*mV/exprel((15.*mV - v + VT)/(5*mV))/ms*(1. - n)
            - .5*exp((10.*mV - v + VT)/(40.*mV))/ms*n : 1
    dh/dt = 0.128*exp((17.*mV - v + VT)/(18.*mV))/ms*(1. - h) - 4./(1 + exp((40.*mV - v + VT)/(5.*mV)))/ms*h : 1
    I : amp (constant)
    """,
    threshold="v > -40*mV",
    refractory="v > -40*mV",
    name="hodgkin_huxley",
)
group.v = El
group.I = "0.7*nA*i/num_neurons"
group.record("spikes")
sim.run(options.duration)

currents = group.I_
rates = np.array(list(group.get_spike_counts().values())) / (options.duration / 1000.0)
for k in range(0, num_neurons, 10):
    print(f"  {currents[k]:5.3f} nA  {rates[k]:6.1f} Hz")

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Panel

    Figure(
        Panel(
            DataTable(currents, rates), xlabel="injected current (nA)", ylabel="spikes/s", xticks=True,
            line_properties=[{"marker": ".", "markersize": 4}],
        ),
        title="A Hodgkin-Huxley cell: rate and current",
        annotations=f"simulated with {options.simulator}",
        size=(6.5, 3.8),
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")
sim.end()
