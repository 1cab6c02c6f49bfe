"""Fast-spiking interneuron of the hippocampus: about 10 ms between spikes at a drive of 2 uA/cm2.

    python wang_buzsaki.py reference --figure interneuron.png

Brian2 2.9 for the same text (exponential Euler, dt = 0.01 ms): first crossing of 0 mV at 8.92 ms, intervals of 10.12 ms.

Literature: Wang and Buzsaki 1996, J. Neurosci. 16:6402.
"""

import numpy as np

from pyNN.equations.brian_units import msiemens, mV, uA, uF
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--timestep", "in ms", {"type": float, "default": 0.01}),
    ("--figure", "file for a figure of the potential", {"default": None}),
)

# Of one square centimetre of membrane.
Cm, Iapp = 1 * uF, 2 * uA
gL, gNa, gK = 0.1 * msiemens, 35 * msiemens, 9 * msiemens
EL, ENa, EK = -65 * mV, 55 * mV, -90 * mV

sim.setup(timestep=options.timestep)
cell = sim.NeuronGroup(
    1,
    """
    dv/dt = (-gNa*m**3*h*(v - ENa) - gK*n**4*(v - EK) - gL*(v - EL) + Iapp)/Cm : volt
    m = alpha_m/(alpha_m + beta_m) : 1
    alpha_m = 0.1/mV*10*mV/exprel(-(v + 35*mV)/(10*mV))/ms : Hz
    beta_m = 4*exp(-(v + 60*mV)/(18*mV))/ms : Hz
    dh/dt = 5*(alpha_h*(1 - h) - beta_h*h) : 1
    alpha_h = 0.07*exp(-(v + 58*mV)/(20*mV))/ms : Hz
    beta_h = 1./(exp(-0.1/mV*(v + 28*mV)) + 1)/ms : Hz
    dn/dt = 5*(alpha_n*(1 - n) - beta_n*n) : 1
    alpha_n = 0.01/mV*10*mV/exprel(-(v + 34*mV)/(10*mV))/ms : Hz
    beta_n = 0.125*exp(-(v + 44*mV)/(80*mV))/ms : Hz
    """,
    threshold="v > 0*mV",
    refractory="v > 0*mV",
    name="interneuron",
)
cell.v = -70 * mV
cell.h = 1
cell.record(["v", "spikes"])
sim.run(100.0)

segment = cell.get_data().segments[0]
spikes = np.asarray(segment.spiketrains[0].magnitude)
v = segment.filter(name="v")[0].magnitude[:, 0]
print(f"  first spike at {spikes[0]:.2f} ms, intervals of {np.diff(spikes).mean():.2f} ms")

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Panel

    Figure(
        Panel(
            DataTable(options.timestep * np.arange(len(v)), v), xlabel="time (ms)", ylabel="membrane potential (mV)",
            xticks=True, line_properties=[{"linestyle": "-", "marker": ""}],
        ),
        title="Wang and Buzsaki 1996: a fast-spiking interneuron",
        annotations=f"simulated with {options.simulator}",
        size=(6.5, 3.8),
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")
sim.end()
