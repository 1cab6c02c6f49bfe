"""Random networks and random sequences of calls; rank 0 prints a digest of everything each of them gives.

    [mpirun -n RANKS] python random_networks.py networks FIRST_SEED NUMBER
    [mpirun -n RANKS] python random_networks.py sessions FIRST_SEED NUMBER

What is drawn depends on the seed alone. Each line of the output is for one seed. The networks are those of
tests/property/test_random_networks.py, with up to 200 cells in a population: more than a block of 64, so that each
rank has some.
"""

import hashlib
import json
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "property"))

import test_random_networks as drawn

import pyNN.reference as sim
from pyNN.errors import PyNNError
from pyNN.random import NumpyRNG, RandomDistribution

warnings.simplefilter("ignore")  # random delays are not on the grid, and some spike times are past
MAX_SIZE = {"numba": 200, "numpy": 90}
"""Of a population: plastic synapses are slow in plain NumPy."""
COMPILED = ("IF_curr_exp", "IF_cond_exp")
"""Cells of the compiled networks: few, because the kernels of each kind take seconds to compile."""
SYNAPSES = {
    "numba": ("StaticSynapse", "TsodyksMarkramSynapse", "STDP additive"),
    "numpy": ("StaticSynapse", *drawn.PLASTIC),
}


def digest(value):
    """Sixteen characters that stand for nested lists, numbers and arrays, to the last bit."""
    return hashlib.sha256(_bytes(value)).hexdigest()[:16]


def _bytes(value):
    try:
        array = np.ascontiguousarray(np.asarray(value, dtype=float))
    except ValueError:
        # Text, or lists of different lengths.
        if isinstance(value, str):
            return value.encode() + b"\0"
        return b"[" + b"".join(_bytes(item) for item in value) + b"]"
    return str(array.shape).encode() + array.tobytes()


# --- networks


def plan(rng, engine):
    """What `plans` of the property tests draws, from a NumPy generator."""

    kinds, largest = COMPILED if engine == "numba" else drawn.CELL_TYPES, MAX_SIZE[engine]

    def size():
        few = int(rng.integers(0, 4))
        return few if rng.random() < 0.3 else int(rng.integers(4, largest + 1))

    def one_of(choice):
        return choice[int(rng.integers(len(choice)))]

    def population(choice):
        kind, n = one_of(choice), size()
        structure = one_of(("Line", "Grid2D", "RandomStructure"))
        return drawn.Cells(kind, min(n, 3) if kind == "HH_cond_exp" else n, int(rng.integers(10_000)), structure)

    def selector():
        kind = one_of(("slice", "mask", "indices"))
        if kind == "slice":
            return (kind, int(rng.integers(40)), int(rng.integers(largest + 1)), int(rng.integers(1, 4)))
        return (kind, int(rng.integers(10_000)))

    def group(choice):
        chosen = rng.permutation(choice)[: int(rng.integers(1, 4))]
        return tuple(
            drawn.Member(int(number), tuple(selector() for _ in range(int(rng.integers(3))))) for number in chosen
        )

    senders = [population(drawn.SOURCES) for _ in range(int(rng.integers(1, 3)))]
    cells = (*senders, *(population(kinds) for _ in range(int(rng.integers(1, 4)))))
    targets = range(len(senders), len(cells))

    def wiring():
        target = one_of(targets)
        alike = [number for number, other in enumerate(cells) if other.kind == cells[target].kind]
        return drawn.Wiring(
            group(range(len(cells))), group(alike), one_of(drawn.CONNECTORS), one_of(SYNAPSES[engine]),
            int(rng.integers(10_000)), bool(rng.integers(2)), bool(rng.integers(2)),
        )  # fmt: skip

    wirings = tuple(wiring() for _ in range(int(rng.integers(1, 5))))
    currents = tuple((one_of(drawn.CURRENTS), one_of(targets)) for _ in range(int(rng.integers(3))))
    return drawn.Plan(cells, wirings, currents, int(rng.integers(1, 150)))


def network(seed):
    """Digests of connections, spikes and potentials of the network of a seed."""
    rng = np.random.default_rng(seed)
    engine = "numba" if seed % 2 else "numpy"
    made = plan(rng, engine)
    found = drawn.outcome("reference", made, pieces=int(rng.integers(1, 4)), engine=engine)
    return {
        "connectors": [wiring.connector for wiring in made.wirings],
        "refusals": found.refusals,
        "connections": digest(found.connections),
        "number of connections": sum(map(len, found.connections)),
        "spikes": digest(found.spikes),
        "number of spikes": sum(len(train) for trains in found.spikes for train in trains),
        "potentials": digest([values for _, values in found.potentials]),
    }


# --- sessions


class Session:
    """A network of blocks of cells on all ranks, and calls that a script may make in any order."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        sim.setup(timestep=0.1, min_delay=0.2, max_delay=5.0, rng_seed=seed, engine="numba" if seed % 2 else "numpy")
        self.cells = [
            sim.Population(150, sim.IF_curr_exp(tau_refrac=1.0), label="many"),
            sim.Population(70, sim.IF_cond_exp(), label="some"),
            sim.Population(3, sim.IF_curr_exp(i_offset=0.8), label="few"),
        ]
        self.sources = sim.Population(66, sim.SpikeSourceArray(), label="sources")
        self.poisson = sim.Population(90, sim.SpikeSourcePoisson(rate=40.0), label="poisson")
        many, some, few = self.cells
        static = sim.StaticSynapse(weight=RandomDistribution("uniform", (0.0, 0.5)), delay=0.7)
        plastic = sim.STDPMechanism(
            timing_dependence=sim.SpikePairRule(A_plus=0.05), weight_dependence=sim.AdditiveWeightDependence(w_max=0.5),
            weight=0.2, delay=RandomDistribution("uniform", (0.2, 3.0)),
        )  # fmt: skip
        weak = sim.TsodyksMarkramSynapse(U=0.4, weight=0.01, delay=0.5)
        self.wires = [
            sim.Projection(self.sources, many, sim.FixedProbabilityConnector(0.2), static),
            sim.Projection(self.poisson, some, sim.FixedNumberPreConnector(9), weak),
            sim.Projection(self.poisson, many + few, sim.FixedProbabilityConnector(0.1), static),
            sim.Projection(many, many, sim.FixedProbabilityConnector(0.05), plastic),
        ]

    def group(self):
        """A population of cells, or part of one."""
        cells = self.cells[int(self.rng.integers(3))]
        how = int(self.rng.integers(3))
        if how == 0:
            return cells
        if how == 1:
            return cells[int(self.rng.integers(cells.size)) :: int(self.rng.integers(1, 4))]
        return cells[np.sort(self.rng.permutation(cells.size)[: int(self.rng.integers(1, cells.size + 1))])]

    def step(self):
        """One call drawn, and what it gives."""
        calls = (
            self.run, self.run, self.run_until, self.reset, self.set_values, self.set_one_cell, self.initialize,
            self.set_weights, self.set_spike_times, self.set_rates, self.record, self.record, self.record_weights,
            self.stop_recording, self.data, self.data, self.clear, self.values, self.connections, self.inject,
            self.counts, self.sampled,
        )  # fmt: skip
        call = calls[int(self.rng.integers(len(calls)))]
        try:
            return call.__name__, call()
        except PyNNError as error:
            return call.__name__, f"{type(error).__name__}: {error}"

    def run(self):
        return sim.run(0.1 * int(self.rng.integers(0, 150)))

    def run_until(self):
        return sim.run_until(0.1 * int(self.rng.integers(0, 300)))

    def reset(self):
        return sim.reset()

    def set_values(self):
        group, how = self.group(), int(self.rng.integers(3))
        values = self.rng.uniform(0.0, 1.5, group.size)
        if how == 0:
            group.set(i_offset=values)
        elif how == 1:
            group.set(i_offset=float(self.rng.uniform(0.0, 1.5)))
        else:
            # A generator that is drawn from again and again goes on alike on all ranks.
            group.set(tau_m=RandomDistribution("uniform", (8.0, 25.0), rng=NumpyRNG(int(self.rng.integers(99)))))
        return digest(group.get(["i_offset", "tau_m"], simplify=False))

    def set_one_cell(self):
        group = self.group()
        cell = group[int(self.rng.integers(group.size))]
        cell.tau_m = float(self.rng.uniform(8.0, 25.0))
        return digest([cell.tau_m, cell.i_offset, group.get("tau_m", simplify=False)])

    def initialize(self):
        group = self.group()
        group.initialize(v=RandomDistribution("uniform", (-75.0, -52.0)) if self.rng.random() < 0.5 else -60.5)
        return digest(group.initial_values["v"].evaluate(simplify=False))

    def set_weights(self):
        wires = self.wires[int(self.rng.integers(4))]
        how, top = int(self.rng.integers(3)), 0.01 if wires is self.wires[1] else 0.4
        if how == 0:
            wires.set(weight=float(self.rng.uniform(0.0, top)))
        elif how == 1:
            wires.set(weight=self.rng.uniform(0.0, top, wires.size()))
        else:
            wires.set(weight=RandomDistribution("uniform", (0.0, top)), delay=0.9)
        return digest(wires.get(["weight", "delay"], format="list", gather="all"))

    def set_spike_times(self):
        first, last = np.sort(self.rng.integers(0, 67, 2))
        numbers = self.rng.integers(0, 5, last - first)
        times = [np.sort(self.rng.choice(400, number, replace=False)) * 0.1 for number in numbers]
        self.sources[first:last].set(spike_times=[sim.Sequence(train) for train in times])
        return digest([train.value for train in self.sources.get("spike_times", simplify=False)])

    def set_rates(self):
        self.poisson[int(self.rng.integers(90)) :].set(rate=float(self.rng.uniform(0.0, 90.0)))
        return digest(self.poisson.get("rate", simplify=False))

    def record(self):
        group = (self.group(), self.sources, self.poisson)[int(self.rng.choice(3, p=[0.8, 0.1, 0.1]))]
        what = "spikes" if group in (self.sources, self.poisson) else ("v", "spikes")[int(self.rng.integers(2))]
        return group.record(what, sampling_interval=0.1 * int(self.rng.integers(1, 4)) if what == "v" else None)

    def record_weights(self):
        return self.wires[3].record("weight", sampling_interval=float(self.rng.integers(1, 9)))

    def stop_recording(self):
        return self.cells[int(self.rng.integers(3))].record(None)

    def data(self, clear=False):
        """On every rank, of everything."""
        groups = (*self.cells, self.sources, self.poisson, self.cells[0] + self.cells[2])
        return digest([self.block(group.get_data(gather="all", clear=clear)) for group in groups])

    def clear(self):
        return self.data(clear=True)

    def block(self, block):
        """Nested lists of what stands in a Neo block."""
        return [
            [
                *([float(train.annotations["source_index"]), train.magnitude] for train in segment.spiketrains),
                *(
                    [signal.name, float(signal.t_start), signal.array_annotations["channel_index"], signal.magnitude]
                    for signal in segment.analogsignals
                ),
            ]
            for segment in block.segments
        ]

    def values(self):
        return digest([self.group().get(["tau_m", "i_offset"], simplify=False), sim.get_current_time()])

    def connections(self):
        found = [wires.get(["weight", "delay"], format="list", gather="all") for wires in self.wires]
        return digest([found, [wires.size() for wires in self.wires]])

    def inject(self):
        start = sim.get_current_time() + 0.1 * int(self.rng.integers(50))
        kinds = (
            lambda: sim.DCSource(amplitude=0.3, start=start),
            lambda: sim.NoisyCurrentSource(mean=0.2, stdev=0.3, start=start, dt=0.2),
        )
        return kinds[int(self.rng.integers(2))]().inject_into(self.group())

    def counts(self):
        return digest([sorted(self.cells[0].get_spike_counts(gather="all").items()), self.cells[0].mean_spike_count()])

    def sampled(self):
        return digest(self.cells[0].sample(7, rng=NumpyRNG(int(self.rng.integers(99)))).ids)


def session(seed):
    """What each call of the sequence of a seed gives, and in the end the data."""
    made = Session(seed)
    try:
        steps = [made.step() for _ in range(30)]
        return {"calls": [name for name, _ in steps], "results": [f"{name}: {value}" for name, value in steps],
                "data": made.data()}  # fmt: skip
    finally:
        sim.script.simulation.close()


if __name__ == "__main__":
    kind, first, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    for seed in range(first, first + number):
        result = network(seed) if kind == "networks" else session(seed)
        if sim.rank() == 0:
            print(json.dumps({"seed": seed, **result}), flush=True)
