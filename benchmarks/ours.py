"""What the benchmarks measure of this package, and of PyNN 0.13 in its own environment, by the same calls."""

from __future__ import annotations

import gc
import importlib
import time
from typing import Any

from worker import main, peak_mb, resident_mb

SEED = 4711


def balanced(
    benchmark: str = "COBA",
    backend: str = "reference",
    threads: int = 1,
    duration: float = 1000.0,
    cells: int = 4000,
    simulations: int = 1,
    engine: str | None = None,
) -> dict[str, Any]:
    """The balanced network, `simulations` times in this process; times are those of the last one.

    `first_s` is the whole of the first one, from setup() to spikes in hand, with the loading of compiled code.
    """
    began = time.perf_counter()
    sim = importlib.import_module(f"pyNN.{backend}")
    imported = time.perf_counter() - began
    options: dict[str, Any] = {"threads": threads} if threads > 1 else {}
    if engine:
        options["engine"] = engine
    results = [_balanced(sim, benchmark, duration, cells, options) for _ in range(simulations)]
    return {
        "import_s": imported, **results[-1], "first_s": results[0]["total_s"], "memory_mb": peak_mb(),
        "threads": threads,
    }  # fmt: skip


def _balanced(sim: Any, benchmark: str, duration: float, cells: int, options: dict[str, Any]) -> dict[str, float]:
    from pyNN.random import NumpyRNG, RandomDistribution

    start = time.perf_counter()
    sim.setup(timestep=0.1, min_delay=0.2, max_delay=0.2, **options)
    common = {
        "cm": 0.2, "tau_m": 20.0, "v_reset": -60.0, "v_thresh": -50.0, "tau_refrac": 5.0,
        "tau_syn_E": 5.0, "tau_syn_I": 10.0,
    }  # fmt: skip
    if benchmark == "COBA":
        cell = sim.IF_cond_exp(v_rest=-60.0, e_rev_E=0.0, e_rev_I=-80.0, **common)
        weights = (0.004, 0.051, 0.1)
    else:
        cell = sim.IF_curr_exp(v_rest=-49.0, **common)
        weights = (0.0162, -0.09, 0.1)
    described = time.perf_counter()
    n_excitatory = 4 * cells // 5
    excitatory = sim.Population(n_excitatory, cell)
    inhibitory = sim.Population(cells - n_excitatory, cell)
    stimulus = sim.Population(20, sim.SpikeSourcePoisson(rate=100.0, duration=50.0))
    potential = RandomDistribution("uniform", low=-60.0, high=-50.0, rng=NumpyRNG(seed=SEED))
    recurrent = sim.FixedProbabilityConnector(0.02)
    from_stimulus = sim.FixedProbabilityConnector(0.01)
    projections = []
    for target in (excitatory, inhibitory):
        target.initialize(v=potential)
        target.record("spikes")
        for source, connector, weight, receptor in (
            (excitatory, recurrent, weights[0], "excitatory"),
            (inhibitory, recurrent, weights[1], "inhibitory"),
            (stimulus, from_stimulus, weights[2], "excitatory"),
        ):
            synapse = sim.StaticSynapse(weight=weight, delay=0.2)
            projections.append(sim.Projection(source, target, connector, synapse, receptor_type=receptor))
    described = time.perf_counter() - described
    ran = time.perf_counter()
    sim.run(duration)
    ran = time.perf_counter() - ran
    collected = time.perf_counter()
    blocks = [target.get_data("spikes") for target in (excitatory, inhibitory)]
    spikes = sum(len(train) for block in blocks for train in block.segments[0].spiketrains)
    end = time.perf_counter()
    connections = sum(projection.size() for projection in projections)
    times = phases(sim, described, ran)
    sim.end()
    return {
        **times,
        "collect_s": end - collected,
        "total_s": end - start,
        "synapses": connections,
        "build_us_per_synapse": 1e6 * times["build_s"] / connections,
        "rate_hz": 1000.0 * spikes / (cells * duration),
    }


def phases(sim: Any, described: float, ran: float) -> dict[str, float]:
    """build_s with the drawing of connections, run_s, and compile_s for loading or compiling code, which is in neither.

    PyNN 0.13 has no profile; it builds while the script describes the network.
    """
    if not hasattr(sim, "profile"):
        return {"compile_s": 0.0, "build_s": described, "run_s": ran}
    profile = sim.profile()
    waits = {path: seconds for path, seconds in profile.as_dict().items() if path[-1] == "load or compile kernels"}
    loading = {name: sum(s for path, s in waits.items() if path[0] == name) for name in ("describe", "build", "run")}
    build = profile.connect + profile.build - loading["describe"] - loading["build"]
    return {"compile_s": profile.compile, "build_s": build, "run_s": profile.run - loading["run"]}


def random_network(
    cells: int,
    inputs: int,
    duration: float = 200.0,
    threads: int = 1,
    individual: bool = True,
    weights: str | None = None,
    traced: bool = False,
) -> dict[str, Any]:
    """Cells that fire regularly at 10 Hz of themselves, with `inputs` connections each that are too weak to matter.

    `individual`: weights and delays of their own, or one for all. `traced`: memory that arrays and objects take, which
    makes the rest slow. With no inputs it is what the cells cost alone.
    """
    import tracemalloc

    import pyNN.reference as sim
    from pyNN.random import RandomDistribution

    options = {"weights": weights} if weights else {}
    # Loads the compiled code.
    _random_network(sim, RandomDistribution, 100, min(inputs, 10), 1.0, threads, individual, options)
    gc.collect()
    if traced:
        tracemalloc.start()
    before = resident_mb()
    result = _random_network(sim, RandomDistribution, cells, inputs, duration, threads, individual, options, traced)
    if traced:
        result["kept_bytes"] = result.pop("held")
    return {**result, "memory_before_mb": before, "memory_mb": peak_mb()}


def _random_network(
    sim: Any, distribution: Any, cells: int, inputs: int, duration: float, threads: int, individual: bool,
    options: dict[str, Any], traced: bool = False,
) -> dict[str, Any]:  # fmt: skip
    import tracemalloc
    import warnings

    warnings.simplefilter("ignore")  # delays are drawn and then rounded
    sim.setup(timestep=0.1, min_delay=0.1, max_delay=5.0, threads=threads, **options)
    cell = sim.IF_curr_exp(tau_m=100.0, cm=0.25, tau_refrac=2.0, i_offset=0.06005, tau_syn_E=0.5, tau_syn_I=0.5)
    start = time.perf_counter()
    population = sim.Population(cells, cell)
    population.initialize(v=distribution("uniform", low=-65.0, high=-50.0))
    population.record("spikes")
    weight: Any = distribution("uniform", low=1e-9, high=2e-9) if individual else 1e-9
    delay: Any = distribution("uniform", low=0.1, high=5.0) if individual else 1.5
    if inputs:
        connector = sim.FixedNumberPreConnector(inputs, with_replacement=True)
        projection = sim.Projection(population, population, connector, sim.StaticSynapse(weight=weight, delay=delay))
    times, ran, counts = _timed(sim, population, start, duration)
    spikes = sum(counts)
    synapses = projection.size() if inputs else 0
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] if traced else 0
    sim.end()
    return {
        "build_s": times["build_s"], "run_s": ran, "synapses": synapses, "spikes": spikes,
        "events": spikes * inputs, "rate_hz": 1000.0 * spikes / (cells * duration),
        **({"held": held} if traced else {}),
    }  # fmt: skip


def _timed(sim: Any, population: Any, start: float, duration: float) -> tuple[dict[str, float], float, list[int]]:
    """(seconds by phase, seconds of the run, spikes of each cell); what is built at the first step is built before."""
    described = time.perf_counter() - start
    sim.run(0.1)
    ran = time.perf_counter()
    sim.run(duration)
    ran = time.perf_counter() - ran
    times = phases(sim, described, ran)
    return times, ran, [int(count) for count in population.get_spike_counts().values()]


def connectivity(
    kind: str, cells: int = 10_000, inputs: int = 1000, individual: bool = True, duration: float = 200.0,
    threads: int = 1,
) -> dict[str, Any]:  # fmt: skip
    """Cells that fire at 10 Hz of themselves, each pair connected with the same probability, stored or "procedural"."""
    import warnings

    import pyNN.reference as sim

    warnings.simplefilter("ignore")  # delays are drawn and then rounded
    _connected(sim, kind, 100, 10, individual, 1.0, threads)
    gc.collect()
    return {**_connected(sim, kind, cells, inputs, individual, duration, threads), "memory_mb": peak_mb()}


def _connected(
    sim: Any, kind: str, cells: int, inputs: int, individual: bool, duration: float, threads: int
) -> dict[str, Any]:
    from pyNN.random import RandomDistribution

    sim.setup(timestep=0.1, min_delay=0.1, max_delay=5.0, threads=threads, connectivity=kind)
    start = time.perf_counter()
    cell = sim.IF_curr_exp(tau_m=100.0, cm=0.25, tau_refrac=2.0, i_offset=0.06005, tau_syn_E=0.5, tau_syn_I=0.5)
    population = sim.Population(cells, cell)
    population.initialize(v=RandomDistribution("uniform", low=-65.0, high=-50.0))
    population.record("spikes")
    weight: Any = RandomDistribution("normal", mu=1e-8, sigma=1e-9) if individual else 1e-8
    delay: Any = RandomDistribution("uniform", low=0.1, high=5.0) if individual else 1.5
    synapse = sim.StaticSynapse(weight=weight, delay=delay)
    projection = sim.Projection(population, population, sim.FixedProbabilityConnector(inputs / cells), synapse)
    times, ran, counts = _timed(sim, population, start, duration)
    spikes = sum(counts)
    synapses = projection.size()
    sim.end()
    return {
        "build_s": times["build_s"], "run_s": ran, "synapses": synapses, "spikes": spikes, "threads": threads,
        "ns_per_event": 1e9 * ran * cells / (spikes * synapses), "counts": hash(tuple(counts)),
    }  # fmt: skip


def plastic(
    rule: str, synapses: int, backend: str = "reference", threads: int = 1, duration: float = 1000.0
) -> dict[str, Any]:
    """Cells that fire at 10 Hz with plastic synapses from sources of 10 Hz that are too weak to matter.

    At most 1000 synapses a cell. `rule`: "stdp", "tsodyks_markram" or "static".
    """
    sim = importlib.import_module(f"pyNN.{backend}")
    _plastic(sim, rule, 1000, threads, 10.0)
    gc.collect()
    return {**_plastic(sim, rule, synapses, threads, duration), "memory_mb": peak_mb(), "threads": threads}


def _plastic(sim: Any, rule: str, synapses: int, threads: int, duration: float) -> dict[str, Any]:
    inputs = min(1000, int(synapses**0.5))
    cells = synapses // inputs
    sim.setup(timestep=0.1, min_delay=0.1, max_delay=1.5, threads=threads)
    source = sim.Population(cells, sim.SpikeSourcePoisson(rate=10.0))
    drive = sim.Population(cells, sim.SpikeSourcePoisson(rate=10.0))
    post = sim.Population(cells, sim.IF_curr_exp(tau_syn_E=0.1, tau_refrac=5.0))
    post.record("spikes")
    sim.Projection(drive, post, sim.OneToOneConnector(), sim.StaticSynapse(weight=500.0, delay=0.1))
    if rule == "stdp":
        timing = sim.SpikePairRule(tau_plus=20.0, tau_minus=20.0, A_plus=0.01, A_minus=0.012)
        synapse = sim.STDPMechanism(timing, sim.AdditiveWeightDependence(w_max=2e-4), weight=1e-4, delay=1.5)
    elif rule == "tsodyks_markram":
        synapse = sim.TsodyksMarkramSynapse(U=0.5, tau_rec=100.0, tau_facil=50.0, weight=1e-4, delay=1.5)
    else:
        synapse = sim.StaticSynapse(weight=1e-4, delay=1.5)
    start = time.perf_counter()
    projection = sim.Projection(source, post, sim.FixedNumberPreConnector(inputs), synapse)
    sim.run(0.1)
    built = time.perf_counter()
    sim.run(duration)
    ran = time.perf_counter()
    weights = projection.get("weight", "list", with_address=False)
    got = time.perf_counter()
    result = {
        "build_s": built - start,
        "run_s": ran - built,
        "get_us_per_weight": 1e6 * (got - ran) / len(weights),
        "synapses": len(weights),
        "mean_weight": sum(weights) / len(weights),
        "rate_hz": 1000.0 * post.mean_spike_count() / (duration + 0.1),
    }
    sim.end()
    return result


def microcircuit(
    script: str, backend: str, scale: float, duration: float, seed: int, threads: int = 1, spikes_to: str | None = None,
    weights: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The example of the microcircuit as it is, watched from outside: phases, memory, and its spikes in a file."""
    from pyNN.cli.runner import run_script

    sim = importlib.import_module(f"pyNN.{backend}")
    watcher = Watcher(sim, spikes_to)
    sim.script.observers.append(watcher)
    arguments = {"scale": scale, "duration": duration, "seed": seed, "threads": threads}
    words = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
    run_script(script, backend, words + (["--weights", weights] if weights else []))
    if not watcher.result:
        raise SystemExit(f"{script} has ended without a simulation.")
    return {**watcher.result, "memory_mb": watcher.peak_mb, "threads": threads, "seed": seed}


class Watcher:
    """Takes down what a script has simulated when its simulation ends."""

    def __init__(self, sim: Any, spikes_to: str | None) -> None:
        self._sim, self._spikes_to = sim, spikes_to
        self.result: dict[str, Any] = {}
        self.peak_mb = float("nan")

    def before_build(self, simulation: Any) -> None:
        """Nothing is added to what the script records."""

    def before_close(self, simulation: Any) -> None:
        import hashlib

        import numpy as np

        if simulation.current_step == 0:
            return
        # Before the spikes are copied, which is not the simulation.
        self.peak_mb = peak_mb()
        profile = simulation.profile()
        times = phases(self._sim, 0.0, 0.0)
        populations = [spec for spec in simulation.network.populations if not spec.is_source]
        recordings = {spec.population: spec for spec in simulation.network.recordings if spec.variable == "spikes"}
        digest, spikes = hashlib.sha256(), 0
        arrays: dict[str, Any] = {}
        for number, spec in enumerate(populations):
            found = simulation.collect(recordings[spec.id])
            steps, cells = np.asarray(found.steps, dtype=np.int64), np.asarray(found.cells, dtype=np.int64)
            order = np.lexsort((cells, steps))
            steps, cells = steps[order], cells[order]
            spikes += len(steps)
            digest.update(steps.tobytes())
            digest.update(cells.tobytes())
            arrays[f"steps{number}"], arrays[f"cells{number}"] = steps, cells
        if self._spikes_to:
            arrays["dt"], arrays["steps"] = np.array(simulation.settings.dt), np.array(simulation.current_step)
            arrays["sizes"] = np.array([spec.size for spec in populations])
            arrays["labels"] = np.array([spec.label for spec in populations])
            np.savez(self._spikes_to, **arrays)
        self.result = {
            **times,
            "real_time_factor": 1000.0 * times["run_s"] / profile.duration_ms,
            "cells": sum(spec.size for spec in populations),
            "spikes": spikes,
            "spikes_hash": digest.hexdigest(),
        }


if __name__ == "__main__":
    main(balanced, random_network, connectivity, plastic, microcircuit)
