"""The balanced network in ANNarchy, whose compiled library runs in this process."""

from __future__ import annotations

import tempfile
import time
from typing import Any

from worker import main, peak_mb

SEED = 4711

COBA = """
20.0 * dv/dt = -60.0 - v + (g_exc * (0.0 - v) + g_inh * (-80.0 - v)) / 10.0
5.0 * dg_exc/dt = -g_exc
10.0 * dg_inh/dt = -g_inh
"""
CUBA = """
20.0 * dv/dt = -49.0 - v + (g_exc - g_inh) / 10.0
5.0 * dg_exc/dt = -g_exc
10.0 * dg_inh/dt = -g_inh
"""


def balanced(benchmark: str = "COBA", threads: int = 1, duration: float = 1000.0, cells: int = 4000) -> dict[str, Any]:
    """`build_s` is the description with its connections and the start of the compiled library."""
    began = time.perf_counter()
    import ANNarchy as ann

    imported = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        network = ann.Network(dt=0.1, seed=SEED)
        network.config(num_threads=threads)
        conductance = benchmark == "COBA"
        neuron = ann.Neuron(
            equations=COBA if conductance else CUBA, spike="v > -50.0", reset="v = -60.0", refractory=5.0
        )
        group = network.create(geometry=cells, neuron=neuron)
        group.v = ann.Uniform(-60.0, -50.0)
        n_excitatory = 4 * cells // 5
        stimulus = network.create(ann.PoissonPopulation(20, rates=100.0))
        # Peak currents in pA over the leak of 10 nS are mV.
        weights = (4.0, 51.0, 100.0) if conductance else (16.2, 90.0, 100.0)
        sources = (group[:n_excitatory], group[n_excitatory:], stimulus)
        projections = []
        for source, target, weight, probability in zip(
            sources, ("exc", "inh", "exc"), weights, (0.02, 0.02, 0.01), strict=True
        ):
            projection = network.connect(source, group, target)
            projection.fixed_probability(probability=probability, weights=weight, delays=0.2)
            projections.append(projection)
        monitor = network.monitor(group, ["spike"])
        described = time.perf_counter()
        network.compile(directory=folder, silent=True)
        compiled = time.perf_counter()
        network.simulate(50.0)
        stimulus.rates = 0.0
        network.simulate(duration - 50.0)
        ran = time.perf_counter()
        spikes = sum(len(times) for times in monitor.get("spike").values())
        end = time.perf_counter()
        return {
            "import_s": imported,
            "compile_s": compiled - described,
            "build_s": described - start,
            "run_s": ran - compiled,
            "collect_s": end - ran,
            "total_s": end - start,
            "first_s": end - start,
            "synapses": sum(projection.nb_synapses for projection in projections),
            "rate_hz": 1000.0 * spikes / (cells * duration),
            "memory_mb": peak_mb(),
            "threads": threads,
        }


if __name__ == "__main__":
    main(balanced)
