"""What the benchmarks simulate. It runs on pynn-core and on PyNN 0.13 alike: `sim` is a module of either."""

from __future__ import annotations

import time
from typing import Any

from pyNN.random import NumpyRNG, RandomDistribution

SEED = 4711


def build_seconds(sim: Any, described: float) -> float:
    """Seconds until the network exists in the simulator; pynn-core builds in the first run(), PyNN while describing."""
    script = getattr(sim, "script", None)
    return described + (script.simulation.timings["build"] if script is not None else 0.0)


def coba4000_again(sim: Any) -> dict[str, float]:
    """The same once more in a process that has loaded its libraries and compiled code: times of the second one."""
    coba4000(sim)
    return coba4000(sim)


def coba4000(sim: Any) -> dict[str, float]:
    """Benchmark 1 of Brette et al. 2007: 4000 conductance-based cells, 1 s; times from setup() to spikes in hand."""
    start = time.perf_counter()
    sim.setup(timestep=0.1, min_delay=0.2, max_delay=0.2)
    ready = time.perf_counter()
    cell = sim.IF_cond_exp(
        cm=0.2, tau_m=20.0, v_rest=-60.0, v_reset=-60.0, v_thresh=-50.0, tau_refrac=5.0,
        tau_syn_E=5.0, tau_syn_I=10.0, e_rev_E=0.0, e_rev_I=-80.0,
    )  # fmt: skip
    excitatory = sim.Population(3200, cell)
    inhibitory = sim.Population(800, cell)
    stimulus = sim.Population(20, sim.SpikeSourcePoisson(rate=100.0, duration=50.0))
    potential = RandomDistribution("uniform", low=-60.0, high=-50.0, rng=NumpyRNG(seed=SEED))
    recurrent = sim.FixedProbabilityConnector(0.02)
    from_stimulus = sim.FixedProbabilityConnector(0.01)
    projections = []
    for cells in (excitatory, inhibitory):
        cells.initialize(v=potential)
        cells.record("spikes")
        for source, connector, weight, receptor in (
            (excitatory, recurrent, 0.004, "excitatory"),
            (inhibitory, recurrent, 0.051, "inhibitory"),
            (stimulus, from_stimulus, 0.1, "excitatory"),
        ):
            synapse = sim.StaticSynapse(weight=weight, delay=0.2)
            projections.append(sim.Projection(source, cells, connector, synapse, receptor_type=receptor))
    described = time.perf_counter() - ready
    sim.run(1000.0)
    ran = time.perf_counter() - start
    trains = [t for cells in (excitatory, inhibitory) for t in cells.get_data("spikes").segments[0].spiketrains]
    spikes = sum(len(train) for train in trains)
    total = time.perf_counter() - start
    build = build_seconds(sim, described)
    result = {
        "setup_to_spikes_s": total,
        "build_s": build,
        "run_s": ran - (ready - start) - build,
        "collect_s": total - ran,
        "connections": sum(p.size() for p in projections),
        "rate_hz": spikes / 4000.0,
    }
    sim.end()
    return result


def _square(sim: Any, size: int) -> tuple[Any, Any]:
    sim.setup(timestep=0.1, min_delay=0.1, max_delay=5.0)
    return sim.Population(size, sim.IF_cond_exp()), sim.Population(size, sim.IF_cond_exp())


def build_synapse(sim: Any, kind: str, size: int) -> dict[str, float]:
    """Microseconds a synapse of one projection with size*size/10 synapses, from the connector to the simulator.

    A small network comes first: loading of libraries and of compiled code does not grow with the number of synapses.
    """
    _build(sim, kind, 300)
    return _build(sim, kind, size)


def _build(sim: Any, kind: str, size: int) -> dict[str, float]:
    if kind == "all_to_all":
        size = round(size / 10**0.5)
    weight = RandomDistribution("uniform", low=0.001, high=0.002) if kind == "random_weights" else 0.001
    pre, post = _square(sim, size)
    start = time.perf_counter()
    connectors = {
        "fixed_probability": lambda: sim.FixedProbabilityConnector(0.1),
        "random_weights": lambda: sim.FixedProbabilityConnector(0.1),
        "fixed_number_pre": lambda: sim.FixedNumberPreConnector(size // 10),
        "all_to_all": lambda: sim.AllToAllConnector(),
    }
    projection = sim.Projection(pre, post, connectors[kind](), sim.StaticSynapse(weight=weight, delay=1.0))
    described = time.perf_counter() - start
    sim.run(0.1)
    seconds = build_seconds(sim, described)
    synapses = projection.size()
    sim.end()
    return {"us_per_synapse": 1e6 * seconds / synapses, "synapses": synapses}


BUILD_KINDS = ("fixed_probability", "random_weights", "fixed_number_pre", "all_to_all")


def get_set(sim: Any, size: int) -> dict[str, float]:
    """Seconds for reading and writing one projection of size*size/10 connections and the parameters of `size` cells.

    A backend may keep a change until the network next runs, so `..._and_step_s` also has one time step.
    """
    pre, post = _square(sim, size)
    synapse = sim.StaticSynapse(weight=0.001, delay=1.0)
    projection = sim.Projection(pre, post, sim.FixedProbabilityConnector(0.1), synapse)
    sim.run(0.1)
    weights = RandomDistribution("uniform", low=0.001, high=0.002)
    constants = RandomDistribution("uniform", low=10.0, high=20.0)

    def and_step(action: Any) -> None:
        action()
        sim.run(0.1)

    actions = {
        "projection_get_list_first_s": lambda: projection.get(["weight", "delay"], format="list"),
        "projection_get_list_s": lambda: projection.get(["weight", "delay"], format="list"),
        "projection_get_array_s": lambda: projection.get("weight", format="array"),
        "projection_set_number_s": lambda: projection.set(weight=0.002),
        "projection_set_number_and_step_s": lambda: and_step(lambda: projection.set(weight=0.003)),
        "projection_set_random_s": lambda: projection.set(weight=weights),
        "projection_set_random_and_step_s": lambda: and_step(lambda: projection.set(weight=weights)),
        "projection_get_array_after_set_s": lambda: projection.get("weight", format="array"),
        "population_set_number_s": lambda: post.set(tau_m=15.0),
        "population_set_random_s": lambda: post.set(tau_m=constants),
        "population_get_s": lambda: post.get("tau_m"),
    }
    result: dict[str, float] = {"connections": projection.size()}
    for name, action in actions.items():
        start = time.perf_counter()
        action()
        result[name] = time.perf_counter() - start
    sim.end()
    return result


def get_data(sim: Any, cells: int, samples: int) -> dict[str, float]:
    """Seconds for the recorded potentials of `cells` cells, `samples` of each, and for their spikes, as Neo blocks."""
    sim.setup(timestep=0.1, min_delay=0.1)
    # A small one first: loading of libraries does not grow with the data.
    others = sim.Population(2, sim.IF_cond_exp())
    population = sim.Population(cells, sim.IF_cond_exp(i_offset=RandomDistribution("uniform", low=0.5, high=1.5)))
    others.record("v")
    population.record(["spikes", "v"])
    sim.run(0.1 * (samples - 1))
    others.get_data()
    result: dict[str, float] = {}
    for name, variables in (("v_first", "v"), ("v", "v"), ("spikes", "spikes"), ("all", "all")):
        start = time.perf_counter()
        block = population.get_data(variables)
        result[f"get_data_{name}_s"] = time.perf_counter() - start
    segment = block.segments[0]
    result["samples"] = segment.analogsignals[0].shape[0]
    result["spikes"] = sum(len(train) for train in segment.spiketrains)
    sim.end()
    return result


CELL_TYPES: dict[str, tuple[dict[str, float], tuple[float, float]]] = {
    "IF_cond_exp": ({"i_offset": 0.8}, (0.002, 0.002)),
    "IF_cond_exp_gsfa_grr": ({"i_offset": 1.2}, (0.002, 0.002)),
    "EIF_cond_exp_isfa_ista": ({"i_offset": 0.7}, (0.002, 0.002)),
    "EIF_cond_alpha_isfa_ista": ({"i_offset": 0.7}, (0.002, 0.002)),
    "Izhikevich": ({"i_offset": 0.007}, (2.0, -1.0)),
    "HH_cond_exp": ({"i_offset": 0.3}, (0.02, 0.002)),
}
"""Parameters, and the weights of excitatory and inhibitory inputs."""


def cell_type(sim: Any, name: str, size: int) -> dict[str, float]:
    """Nanoseconds a cell and step of 0.1 ms, over 200 ms, of cells that fire.

    Each gets 500 excitatory and 500 inhibitory spikes a second.
    """
    parameters, weights = CELL_TYPES[name]
    sim.setup(timestep=0.1, min_delay=0.1, max_delay=1.0)
    cells = sim.Population(size, getattr(sim, name)(**parameters))
    cells.record("spikes")
    sources = sim.Population(100, sim.SpikeSourcePoisson(rate=50.0))
    for weight, receptor in zip(weights, ("excitatory", "inhibitory"), strict=True):
        synapse = sim.StaticSynapse(weight=weight, delay=0.1)
        sim.Projection(sources, cells, sim.FixedNumberPreConnector(10), synapse, receptor_type=receptor)
    sim.run(20.0)
    # Processor time: what else the machine does is not counted.
    start = time.process_time()
    sim.run(200.0)
    seconds = time.process_time() - start
    rate = cells.mean_spike_count() / 0.22
    sim.end()
    return {"ns_per_cell_and_step": 1e9 * seconds / (2000 * size), "rate_hz": rate}
