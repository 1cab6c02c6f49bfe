"""The same networks written for NEST itself: arrays of connections, one call of Connect for each kind."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from worker import main, peak_mb

SEED = 4711
READ_WEIGHTS = 100_000


def _kernel(threads: int) -> Any:
    began = time.perf_counter()
    import nest

    imported = time.perf_counter() - began
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.SetKernelStatus({"resolution": 0.1, "local_num_threads": threads, "rng_seed": SEED, "print_time": False})
    return nest, imported


def random_pairs(rng: np.random.Generator, sources: int, targets: int, probability: float) -> tuple[Any, Any]:
    """(pre, post), each pair of cells with a probability."""
    pre, post = np.nonzero(rng.random((sources, targets)) < probability)
    return pre, post


def balanced(
    benchmark: str = "COBA", threads: int = 1, duration: float = 1000.0, cells: int = 4000, simulations: int = 1
) -> dict[str, Any]:
    """The balanced network; `build_s` is Create, Connect and Prepare, the drawing of pairs by NumPy is `draw_s`."""
    nest, imported = _kernel(threads)
    results = []
    for _ in range(simulations):
        _kernel(threads)
        results.append(_balanced(nest, benchmark, duration, cells))
    return {
        "import_s": imported, "compile_s": 0.0, **results[-1], "first_s": results[0]["total_s"], "memory_mb": peak_mb(),
        "threads": threads,
    }  # fmt: skip


def _balanced(nest: Any, benchmark: str, duration: float, cells: int) -> dict[str, float]:
    start = time.perf_counter()
    rng = np.random.default_rng(SEED)
    n_excitatory = 4 * cells // 5
    sizes = (n_excitatory, cells - n_excitatory, 20)
    probabilities = (0.02, 0.02, 0.01)
    pairs = [random_pairs(rng, size, cells, p) for size, p in zip(sizes, probabilities, strict=True)]
    potentials = rng.uniform(-60.0, -50.0, cells)
    drawn = time.perf_counter()
    common = {
        "C_m": 200.0, "V_reset": -60.0, "V_th": -50.0, "t_ref": 5.0, "tau_syn_ex": 5.0, "tau_syn_in": 10.0,
    }  # fmt: skip
    if benchmark == "COBA":
        special = {"g_L": 10.0, "E_L": -60.0, "E_ex": 0.0, "E_in": -80.0}
        population = nest.Create("iaf_cond_exp", cells, {**common, **special})
        weights = (4.0, -51.0, 100.0)
    else:
        population = nest.Create("iaf_psc_exp", cells, {**common, "tau_m": 20.0, "E_L": -49.0})
        weights = (16.2, -90.0, 100.0)
    population.V_m = potentials
    generator = nest.Create("poisson_generator", params={"rate": 100.0, "stop": 50.0})
    stimulus = nest.Create("parrot_neuron", 20)
    recorder = nest.Create("spike_recorder")
    nest.Connect(generator, stimulus)
    ids = np.array(population.tolist())
    groups = (ids[:n_excitatory], ids[n_excitatory:], np.array(stimulus.tolist()))
    for (pre, post), group, weight in zip(pairs, groups, weights, strict=True):
        columns = {"weight": np.full(len(pre), weight), "delay": np.full(len(pre), 0.2)}
        nest.Connect(group[pre], ids[post], "one_to_one", {"synapse_model": "static_synapse", **columns})
    nest.Connect(population, recorder)
    nest.Prepare()
    built = time.perf_counter()
    nest.Run(duration)
    ran = time.perf_counter()
    nest.Cleanup()
    events = recorder.get("events")
    spikes = len(events["times"])
    end = time.perf_counter()
    synapses = sum(len(pre) for pre, _ in pairs)
    return {
        "draw_s": drawn - start,
        "build_s": built - drawn,
        "run_s": ran - built,
        "collect_s": end - ran,
        "total_s": end - start,
        "synapses": synapses,
        "build_us_per_synapse": 1e6 * (built - drawn) / synapses,
        "rate_hz": 1000.0 * spikes / (cells * duration),
    }


def plastic(rule: str, synapses: int, threads: int = 1, duration: float = 1000.0) -> dict[str, Any]:
    """Cells that fire at 10 Hz with plastic synapses from sources of 10 Hz that are too weak to matter.

    `rule`: "stdp", "tsodyks_markram" (tsodyks_synapse, whose states are those of PyNN), "tsodyks2" (NEST's shorter
    form of it) or "static".
    """
    nest, _ = _kernel(threads)
    inputs = min(1000, int(synapses**0.5))
    cells = synapses // inputs
    models: dict[str, dict[str, Any]] = {
        "stdp": {
            "synapse_model": "stdp_synapse", "tau_plus": 20.0, "lambda": 0.01, "alpha": 1.2, "mu_plus": 0.0,
            "mu_minus": 0.0, "Wmax": 0.2,
        },
        "tsodyks_markram": {
            "synapse_model": "tsodyks_synapse", "U": 0.5, "tau_rec": 100.0, "tau_fac": 50.0, "tau_psc": 0.1,
        },
        "tsodyks2": {"synapse_model": "tsodyks2_synapse", "U": 0.5, "tau_rec": 100.0, "tau_fac": 50.0},
        "static": {"synapse_model": "static_synapse"},
    }  # fmt: skip
    # Parameters that all connections share are defaults of the model: so each connection costs no copying of them.
    model = models[rule]
    nest.SetDefaults(model["synapse_model"], {name: value for name, value in model.items() if name != "synapse_model"})
    generator = nest.Create("poisson_generator", params={"rate": 10.0})
    source, drive = nest.Create("parrot_neuron", cells), nest.Create("parrot_neuron", cells)
    post = nest.Create("iaf_psc_exp", cells, {"tau_syn_ex": 0.1, "t_ref": 5.0, "tau_minus": 20.0})
    recorder = nest.Create("spike_recorder")
    nest.Connect(generator, source)
    nest.Connect(generator, drive)
    nest.Connect(drive, post, "one_to_one", {"weight": 500_000.0, "delay": 0.1})
    nest.Connect(post, recorder)
    rng = np.random.default_rng(SEED)
    pre = rng.integers(0, cells, cells * inputs) + source[0].global_id
    target = np.repeat(np.array(post.tolist()), inputs)
    start = time.perf_counter()
    columns = {"weight": np.full(len(pre), 0.1), "delay": np.full(len(pre), 1.5)}
    nest.Connect(pre, target, "one_to_one", {"synapse_model": model["synapse_model"], **columns})
    nest.Prepare()
    built = time.perf_counter()
    nest.Run(duration)
    ran = time.perf_counter()
    nest.Cleanup()
    # A handle of a connection takes more than a kilobyte, so not all of them are asked for.
    some = source[: min(cells, max(1, READ_WEIGHTS // inputs))]
    weights = np.asarray(nest.GetConnections(synapse_model=model["synapse_model"], source=some).get("weight"))
    got = time.perf_counter()
    return {
        "build_s": built - start,
        "run_s": ran - built,
        "get_us_per_weight": 1e6 * (got - ran) / len(weights),
        "synapses": len(pre),
        "mean_weight": 1e-3 * float(weights.mean()),
        "rate_hz": 1000.0 * recorder.n_events / (cells * duration),
        "memory_mb": peak_mb(),
        "threads": threads,
    }


if __name__ == "__main__":
    main(balanced, plastic)
