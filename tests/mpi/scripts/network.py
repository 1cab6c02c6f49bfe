"""A network with everything whose result could depend on how cells are divided; prints one digest of each result.

    [mpirun -n RANKS] python network.py ENGINE THREADS [save FILE TIME | restore FILE]
"""

import hashlib
import json
import sys
import warnings

import numpy as np

import pyNN.reference as sim
from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.reference import numba_engine

warnings.simplefilter("ignore")  # random delays are not on the grid


def digest(*arrays):
    parts = [np.ascontiguousarray(np.asarray(array, dtype=float)) for array in arrays]
    return hashlib.sha256(b"".join(str(part.shape).encode() + part.tobytes() for part in parts)).hexdigest()[:16]


def trains(group):
    """Spikes of all cells as columns, and their number."""
    (segment,) = group.get_data("spikes", gather="all").segments
    times = [np.asarray(train.magnitude) for train in segment.spiketrains]
    # On every rank the mean is that of all cells.
    assert group.mean_spike_count() == sum(map(len, times)) / max(len(times), 1), sim.rank()
    return [np.array([len(t) for t in times]), np.concatenate([*times, np.zeros(0)])]


def traces(group, name):
    """A recorded state of all cells."""
    (segment,) = group.get_data(name, gather="all").segments
    return segment.analogsignals[0].magnitude


engine, threads = sys.argv[1], int(sys.argv[2])
# For a network as small as this one thread would do all.
numba_engine._TURN_TAKING = numba_engine._STARTING = 0
plan, *options = sys.argv[3:] or ["plain"]
large = engine == "numba"
sim.setup(timestep=0.1, engine=engine, threads=threads, rng_seed=7)
uniform = RandomDistribution("uniform", low=-65.0, high=-52.0)
size = 400 if large else 130
exc = sim.Population(
    size, sim.IF_curr_exp(tau_m=RandomDistribution("normal", mu=20.0, sigma=2.0), i_offset=0.3),
    initial_values={"v": uniform}, label="exc",
)
inh = sim.Population(70, sim.IF_curr_exp(tau_refrac=1.0, i_offset=0.5), initial_values={"v": uniform}, label="inh")
cond = sim.Population(5, sim.EIF_cond_exp_isfa_ista(i_offset=0.6), label="cond")
coupled = sim.Population(80, sim.IF_curr_exp(i_offset=0.8), initial_values={"v": uniform}, label="coupled")
nobody = sim.Population(0, sim.IF_curr_exp(), label="nobody")
poisson = sim.Population(size, sim.SpikeSourcePoisson(rate=60.0), label="poisson")
rates = RandomDistribution("uniform", low=5.0, high=90.0)
drive = sim.Population(60, sim.SpikeSourcePoisson(rate=rates), label="drive")
clock = sim.Population(3, sim.SpikeSourceArray(spike_times=np.arange(1.0, 60.0, 3.7)), label="clock")
everybody = exc[::3] + inh[5:40]

projections = {
    "one_to_one": sim.Projection(poisson, exc, sim.OneToOneConnector(), sim.StaticSynapse(weight=1.0, delay=0.8)),
    "not_stored": sim.Projection(
        exc, inh, sim.FixedProbabilityConnector(0.1),
        sim.StaticSynapse(
            weight=RandomDistribution("exponential", beta=0.1), delay=RandomDistribution("uniform", low=0.8, high=3.0)
        ),
        connectivity="procedural",
    ),
    "recurrent": sim.Projection(
        exc, inh, sim.FixedProbabilityConnector(0.2),
        sim.StaticSynapse(weight=RandomDistribution("uniform", low=0.0, high=0.6), delay=1.1),
    ),
    "inhibition": sim.Projection(
        inh, everybody, sim.FixedNumberPreConnector(7, rng=NumpyRNG(3)),
        sim.StaticSynapse(weight=-0.3, delay=RandomDistribution("uniform", low=0.5, high=3.0)),
        receptor_type="inhibitory",
    ),
    "clocked": sim.Projection(clock, cond, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.01, delay=0.5)),
    "short_term": sim.Projection(
        drive, exc, sim.FixedProbabilityConnector(0.1),
        sim.TsodyksMarkramSynapse(U=0.3, tau_rec=90.0, weight=1.5, delay=1.0),
    ),
    "stochastic": sim.Projection(
        exc, cond, sim.FixedProbabilityConnector(0.3), sim.SimpleStochasticSynapse(p=0.4, weight=0.002, delay=0.7)
    ),
    "plastic": sim.Projection(
        exc, exc, sim.FixedProbabilityConnector(0.05),
        sim.STDPMechanism(
            timing_dependence=sim.SpikePairRule(tau_plus=20.0, tau_minus=20.0, A_plus=0.02, A_minus=0.025),
            weight_dependence=sim.AdditiveWeightDependence(w_min=0.0, w_max=1.0),
            weight=RandomDistribution("uniform", low=0.1, high=0.5),
            delay=RandomDistribution("uniform", low=0.5, high=2.0),
        ),
    ),
    "dendritic": sim.Projection(
        inh, coupled, sim.AllToAllConnector(),
        sim.STDPMechanism(
            timing_dependence=sim.SpikePairRule(), weight_dependence=sim.MultiplicativeWeightDependence(w_max=0.2),
            weight=0.05, delay=1.5, dendritic_delay_fraction=0.4,
        ),
    ),
    "gap": sim.Projection(
        coupled, coupled, sim.FixedProbabilityConnector(0.1, allow_self_connections=False),
        sim.ElectricalSynapse(weight=RandomDistribution("uniform", low=0.0, high=0.002)),
    ),
    "empty": sim.Projection(nobody, exc, sim.AllToAllConnector(), sim.StaticSynapse(weight=1.0)),
}
inh.inject(sim.NoisyCurrentSource(mean=0.1, stdev=0.4, start=5.0, stop=50.0, dt=0.1))
everybody.record("spikes")
exc.record(["spikes", "v"])
exc[10:12].record("isyn_exc")
inh.record("spikes")
inh[0:1].record("v", sampling_interval=0.5)
cond.record(["v", "w"])
coupled.record(["spikes", "v"])
for source in (poisson, drive, clock):
    source.record("spikes")
projections["plastic"].record("weight", sampling_interval=10.0)

lowest = sim.get_min_delay()
number = projections["recurrent"].size()
if plan == "restore":
    sim.restore_state(options[0])
else:
    sim.run(20.0)
    exc[3:9].set(i_offset=0.9)
    projections["recurrent"].set(weight=np.linspace(0.1, 0.7, number))
    projections["clocked"].set(weight=0.02, delay=0.9)
if plan == "save":
    sim.run_until(float(options[1]))
    sim.save_state(options[0])
sim.run_until(45.0)

results = {f"spikes of {group.label}": digest(*trains(group)) for group in (exc, inh, coupled, poisson, drive, clock)}
results["spikes of assembly"] = digest(*trains(everybody))
for group, name in ((exc, "v"), (exc, "isyn_exc"), (inh, "v"), (cond, "v"), (cond, "w"), (coupled, "v")):
    results[f"{name} of {group.label}"] = digest(traces(group, name))
for name, projection in projections.items():
    results[f"weights of {name}"] = digest(projection.get("weight", "list", gather="all"))
results["array of recurrent"] = digest(projections["recurrent"].get("delay", "array", gather="all"))
(segment,) = projections["plastic"].get_data("weight", gather="all").segments
results["recorded weights"] = digest(segment.analogsignals[0].magnitude)
counts = exc.get_spike_counts(gather="all")
results["counts"] = [*sorted(counts.items())[:9], sum(counts.values())]
results["numbers"] = [lowest, sim.get_min_delay(), sim.get_max_delay(), number]
if sim.rank() == 0:
    print(json.dumps(results))
sim.end()
