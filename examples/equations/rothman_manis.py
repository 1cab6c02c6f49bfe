"""Six cell types of the ventral cochlear nucleus, which differ only in their maximal conductances.

A step of current, which begins at 50 ms, makes type I cells fire regularly, type II cells once.

    python rothman_manis.py reference --figure nucleus.png

Spikes from 50 to 150 ms of Brian2 2.9 for the same text (exponential Euler, dt = 5 us): type1c 15, type1t 5, type12 14,
type21 3, type2 1, type2o 1; resting potentials -64.724, -64.826, -64.719, -64.668, -64.340, -62.929 mV.

Literature: Rothman and Manis 2003, J. Neurophysiol. 89:3097.
"""

import numpy as np

from pyNN.equations.brian_units import mV, nS, pA, pF
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--timestep", "in ms", {"type": float, "default": 0.025}),
    ("--figure", "file for a figure of the six potentials", {"default": None}),
)

C, Eh, EK, El, ENa = 12 * pF, -43 * mV, -70 * mV, -65 * mV, 50 * mV
nf, zss, frac = 0.85, 0.5, 0.0
temp = 22.0
q10, qt = 3.0 ** ((temp - 22) / 10.0), 4.5 ** ((temp - 33.0) / 10.0)
# Of Na, high- and low-threshold K, A, h, h of octopus cells, and leak, in nS; and the current of the step in pA.
cell_types = {
    "type1c": (1000, 150, 0, 0, 0.5, 0, 2, 250),
    "type1t": (1000, 80, 0, 65, 0.5, 0, 2, 250),
    "type12": (1000, 150, 20, 0, 2, 0, 2, 250),
    "type21": (1000, 150, 35, 0, 3.5, 0, 2, 400),
    "type2": (1000, 150, 200, 0, 20, 0, 2, 1000),
    "type2o": (1000, 150, 600, 0, 0, 40, 2, 2000),
}
names = ("gnabar", "gkhtbar", "gkltbar", "gkabar", "ghbar", "gbarno", "gl")

sim.setup(timestep=options.timestep)
cells = sim.NeuronGroup(
    len(cell_types),
    """
    dv/dt = (ileak + ina + ikht + iklt + ika + ih + ihcno + I)/C : volt
    vu = v/mV : 1  # unitless v
    I : amp
    ileak = gl*(El-v) : amp
    ina = gnabar*m**3*h*(ENa-v) : amp
    dm/dt=q10*(minf-m)/mtau : 1
    dh/dt=q10*(hinf-h)/htau : 1
    minf = 1./(1+exp(-(vu + 38.) / 7.)) : 1
    hinf = 1./(1+exp((vu + 65.) / 6.)) : 1
    mtau =  ((10. / (5*exp((vu+60.) / 18.) + 36.*exp(-(vu+60.) / 25.))) + 0.04)*ms : second
    htau =  ((100. / (7*exp((vu+60.) / 11.) + 10.*exp(-(vu+60.) / 25.))) + 0.6)*ms : second
    ikht = gkhtbar*(nf*n**2 + (1-nf)*p)*(EK-v) : amp
    dn/dt=q10*(ninf-n)/ntau : 1
    dp/dt=q10*(pinf-p)/ptau : 1
    ninf =   (1 + exp(-(vu + 15) / 5.))**-0.5 : 1
    pinf =  1. / (1 + exp(-(vu + 23) / 6.)) : 1
    ntau =  ((100. / (11*exp((vu+60) / 24.) + 21*exp(-(vu+60) / 23.))) + 0.7)*ms : second
    ptau = ((100. / (4*exp((vu+60) / 32.) + 5*exp(-(vu+60) / 22.))) + 5)*ms : second
    ih = ghbar*r*(Eh-v) : amp
    dr/dt=q10*(rinf-r)/rtau : 1
    rinf = 1. / (1+exp((vu + 76.) / 7.)) : 1
    rtau = ((100000. / (237.*exp((vu+60.) / 12.) + 17.*exp(-(vu+60.) / 14.))) + 25.)*ms : second
    iklt = gkltbar*w**4*z*(EK-v) : amp
    dw/dt=q10*(winf-w)/wtau : 1
    dz/dt=q10*(zinf-z)/ztau : 1
    winf = (1. / (1 + exp(-(vu + 48.) / 6.)))**0.25 : 1
    zinf = zss + ((1.-zss) / (1 + exp((vu + 71.) / 10.))) : 1
    wtau = ((100. / (6.*exp((vu+60.) / 6.) + 16.*exp(-(vu+60.) / 45.))) + 1.5)*ms : second
    ztau = ((1000. / (exp((vu+60.) / 20.) + exp(-(vu+60.) / 8.))) + 50)*ms : second
    ika = gkabar*a**4*b*c*(EK-v): amp
    da/dt=q10*(ainf-a)/atau : 1
    db/dt=q10*(binf-b)/btau : 1
    dc/dt=q10*(cinf-c)/ctau : 1
    ainf = (1. / (1 + exp(-(vu + 31) / 6.)))**0.25 : 1
    binf = 1. / (1 + exp((vu + 66) / 7.))**0.5 : 1
    cinf = 1. / (1 + exp((vu + 66) / 7.))**0.5 : 1
    atau =  ((100. / (7*exp((vu+60) / 14.) + 29*exp(-(vu+60) / 24.))) + 0.1)*ms : second
    btau =  ((1000. / (14*exp((vu+60) / 27.) + 29*exp(-(vu+60) / 24.))) + 1)*ms : second
    ctau = ((90. / (1 + exp((-66-vu) / 17.))) + 10)*ms : second
    ihcno = gbarno*(h1*frac + h2*(1-frac))*(Eh-v) : amp
    dh1/dt=(hinfno-h1)/tau1 : 1
    dh2/dt=(hinfno-h2)/tau2 : 1
    hinfno = 1./(1+exp((vu+66.)/7.)) : 1
    tau1 = bet1/(qt*0.008*(1+alp1))*ms : second
    tau2 = bet2/(qt*0.0029*(1+alp2))*ms : second
    alp1 = exp(1e-3*3*(vu+50)*9.648e4/(8.315*(273.16+temp))) : 1
    bet1 = exp(1e-3*3*0.3*(vu+50)*9.648e4/(8.315*(273.16+temp))) : 1
    alp2 = exp(1e-3*3*(vu+84)*9.648e4/(8.315*(273.16+temp))) : 1
    bet2 = exp(1e-3*3*0.6*(vu+84)*9.648e4/(8.315*(273.16+temp))) : 1
    gnabar : siemens
    gkhtbar : siemens
    gkltbar : siemens
    gkabar : siemens
    ghbar : siemens
    gbarno : siemens
    gl : siemens
    """,
    threshold="v > -20*mV",
    refractory="v > -20*mV",
    method="exponential_euler",
    name="cochlear_nucleus",
)
cells.v = El
for k, name in enumerate(names):
    setattr(cells, name, np.array([row[k] for row in cell_types.values()]) * nS)
cells.record("spikes")
if options.figure:
    cells.record("v", sampling_interval=0.1)
sim.run(50.0)
rest = dict(zip(cell_types, cells.v_, strict=True))
cells.I = np.array([row[-1] for row in cell_types.values()]) * pA
sim.run(100.0)

spikes = {
    name: np.asarray(train.magnitude)
    for name, train in zip(cell_types, cells.get_data("spikes").segments[0].spiketrains, strict=True)
}
for name, times in spikes.items():
    print(
        f"  {name:<7} rest {rest[name]:8.3f} mV, {len(times):2d} spikes from {times[0] if len(times) else np.nan:6.2f} ms on"
    )

if options.figure:
    from pyNN.utility.plotting import DataTable, Figure, Panel

    potentials = cells.get_data("v").segments[0].analogsignals[0]
    times = np.asarray(potentials.times.rescale("ms"))
    last = len(cell_types) - 1
    Figure(
        *(
            Panel(
                DataTable(times, potentials.magnitude[:, k]), ylabel=f"{name} (mV)", xlim=(40.0, 150.0), xticks=k == last,
                xlabel="time (ms)" if k == last else " ", line_properties=[{"linestyle": "-", "marker": ""}],
            )
            for k, name in enumerate(cell_types)
        ),
        title="Rothman and Manis 2003: six types of cells of the cochlear nucleus",
        annotations=f"simulated with {options.simulator}",
        size=(6.5, 9.0),
    ).save(options.figure)  # fmt: skip
    print(f"  figure written to {options.figure}")
sim.end()
