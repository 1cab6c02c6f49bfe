"""A network with most of what NEST does here; rank 0 prints hashes of what came out.

    [mpirun -n RANKS] python nest_network.py [THREADS]
"""

import hashlib
import json
import sys

import numpy as np

import pyNN.nest as sim


def digest(values, decimals=9):
    rounded = np.round(np.asarray(values, dtype=float), decimals) + 0.0
    return hashlib.sha256(np.ascontiguousarray(rounded).tobytes()).hexdigest()[:16]


sim.setup(timestep=0.1, min_delay=0.5, max_delay=5.0, threads=int(sys.argv[1]) if len(sys.argv) > 1 else 1)
noise = sim.Population(23, sim.SpikeSourcePoisson(rate=60.0), label="noise")
current = sim.Population(
    37, sim.IF_curr_exp(i_offset=np.linspace(0.2, 1.1, 37)), label="current",
    initial_values={"v": sim.RandomDistribution("uniform", low=-65.0, high=-52.0)},
)
conductance = sim.Population(5, sim.IF_cond_exp(), label="conductance")
# A single cell, so that some ranks have none.
single = sim.Population(1, sim.EIF_cond_exp_isfa_ista(i_offset=1.0), label="single")
coupled = sim.Population(4, sim.native_cell_type("hh_psc_alpha_gap")(I_e=np.array([600.0, 0.0, 300.0, 0.0])))
uniform = sim.RandomDistribution("uniform_int", low=5, high=20)
fixed = sim.StaticSynapse(weight=0.4, delay=1.5)
sim.Projection(noise, current, sim.FixedProbabilityConnector(0.4), fixed)
stdp = sim.STDPMechanism(
    timing_dependence=sim.SpikePairRule(A_plus=0.1, A_minus=0.12),
    weight_dependence=sim.AdditiveWeightDependence(w_max=0.5), weight=0.2, delay=0.7,
)
plastic = sim.Projection(current, current, sim.FixedNumberPreConnector(5), stdp)
depressing = sim.Projection(
    current, conductance, sim.FixedProbabilityConnector(0.3),
    sim.TsodyksMarkramSynapse(U=0.4, tau_rec=80.0, weight=0.02, delay=1.0),
)
sim.Projection(conductance, single, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.01, delay=2.0))
sim.Projection(
    coupled, coupled, sim.FromListConnector([(0, 1, 0.01), (2, 3, 0.02)], column_names=["weight"]),
    sim.ElectricalSynapse(),
)
current.record(["spikes", "v", "isyn_exc"])
for cells in (conductance, single, coupled):
    cells.record(["spikes", "v"] if cells is not coupled else ["spikes", "V_m"])
noise.record("spikes")
sine = sim.ACSource(start=20.0, stop=70.0, amplitude=0.2, frequency=50.0)
sine.inject_into(current[3:20])
step = sim.StepCurrentSource(times=[10.0, 40.0], amplitudes=[0.4, -0.1])
step.inject_into(single)
seen = []


def change(t):
    seen.append(t)
    current[5:9].set(i_offset=0.3 + 0.01 * t)
    return t + 12.7


sim.run(60.3, callbacks=[change])
before = plastic.get(["weight"], format="list")
plastic.set(weight=0.25)
current[0:3].initialize(v=-60.0)
# Connections that come during a simulation, onto cells of few ranks.
sim.Projection(noise, single, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.002, delay=1.0))
sim.run(40.0)
after = plastic.get(["weight", "delay"], format="list")
release = depressing.get(["x", "u"], format="list")
found = {
    cells.label: cells.get_data().segments[0] for cells in (noise, current, conductance, single, coupled)
}
sim.reset()
sim.run(30.0)
again = current.get_data().segments[-1]
if sim.rank() == 0:
    facts = {"before": digest(before), "after": digest(after), "release": digest(release), "calls": digest(seen)}
    for label, segment in found.items():
        facts[f"{label} spikes"] = digest(np.concatenate([train.magnitude for train in segment.spiketrains]), 6)
        facts[f"{label} count"] = sum(map(len, segment.spiketrains))
        for signal in segment.analogsignals:
            facts[f"{label} {signal.name}"] = digest(signal.magnitude, 7)
    facts["again"] = digest(again.filter(name="v")[0].magnitude, 7)
    print(json.dumps(facts))
sim.end()
