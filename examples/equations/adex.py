"""Adaptive exponential integrate-and-fire cell in three regimes, from Brian2's notation.

Regular spiking, bursting and fast spiking differ in four parameters. A step of 1 nA lasts from 20 to 120 ms.

    python adex.py reference --figure adex.png

Spike times (ms) of Brian2 2.9 for the same text (rk4, dt = 1 us):
    regular   31.728  45.248  61.003  79.517 101.322
    bursting  31.915  32.843  37.775  78.489  79.702 118.294 119.515
    fast      31.727  43.538  55.427  67.390  79.422  91.518 103.674 115.886

Literature: Brette and Gerstner 2005, J. Neurophysiol. 94:3637.
"""

import numpy as np

from pyNN.equations.brian_units import ms, mV, nA, nS, pF
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--timestep", "in ms", {"type": float, "default": 0.01}),
    ("--figure", "file for a figure of the three potentials", {"default": None}),
)

C, gL, EL, VT, DeltaT = 281 * pF, 30 * nS, -70.6 * mV, -50.4 * mV, 2 * mV
Vcut = VT + 5 * DeltaT
regimes = {
    "regular": {"tauw": 144 * ms, "a": 4 * nS, "b": 0.0805 * nA, "Vr": -70.6 * mV},
    "bursting": {"tauw": 20 * ms, "a": 4 * nS, "b": 0.5 * nA, "Vr": VT + 5 * mV},
    "fast": {"tauw": 144 * ms, "a": 2 * C / (144 * ms), "b": 0 * nA, "Vr": -70.6 * mV},
}

sim.setup(timestep=options.timestep)
cells = sim.NeuronGroup(
    3,
    """
    dvm/dt = (gL*(EL - vm) + gL*DeltaT*exp((vm - VT)/DeltaT) + I - w)/C : volt
    dw/dt = (a*(vm - EL) - w)/tauw : amp
    I : amp
    tauw : second
    a : siemens
    b : amp
    Vr : volt
    """,
    threshold="vm > Vcut",
    reset="vm = Vr; w += b",
    method="rk4",
    name="adex",
)
cells.vm = EL
for name in ("tauw", "a", "b", "Vr"):
    for k, parameters in enumerate(regimes.values()):
        getattr(cells, name)[k] = parameters[name]
cells.record("spikes")
if options.figure:
    cells.record("vm", sampling_interval=0.1)

for current, duration in ((0 * nA, 20.0), (1 * nA, 100.0), (0 * nA, 20.0)):
    cells.I = current
    sim.run(duration)

spikes = {
    name: np.asarray(train.magnitude)
    for name, train in zip(regimes, cells.get_data("spikes").segments[0].spiketrains, strict=True)
}
for name, times in spikes.items():
    print(f"  {name:<9}", " ".join(f"{t:7.2f}" for t in times), "ms")

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Panel

    potentials = cells.get_data("vm").segments[0].analogsignals[0]
    times = np.asarray(potentials.times.rescale("ms"))
    Figure(
        *(
            Panel(
                DataTable(times, potentials.magnitude[:, k]), ylabel=f"{name} (mV)", xticks=k == 2,
                xlabel="time (ms)" if k == 2 else " ", line_properties=[{"linestyle": "-", "marker": ""}],
            )
            for k, name in enumerate(regimes)
        ),
        title="Brette and Gerstner 2005: three regimes of one cell",
        annotations=f"simulated with {options.simulator}",
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")
sim.end()
