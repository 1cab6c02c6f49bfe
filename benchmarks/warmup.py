"""How long does one wait for a first result: with compiled kernels on disk, with none, and without a compiler?

    python benchmarks/warmup.py --repeats 5

Wall time of whole processes: ``python examples/balanced_network.py reference --duration 100``, with the cache that an
earlier process has filled and with an empty one, and a network of ten cells with engine="numpy".
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from peers import FOLDER, finish, output_of, parser

EXAMPLE = [sys.executable, str(FOLDER.parent / "examples" / "balanced_network.py"), "reference", "--duration", "100"]
NUMPY = """
import pyNN.reference as sim
sim.setup(timestep=0.1, engine="numpy")
cells = sim.Population(10, sim.IF_cond_exp(i_offset=0.8))
cells.record("spikes")
sim.run(100.0)
print(cells.mean_spike_count())
"""
WITH_CACHE_S, EMPTY_S = 1.5, 8.0


def wall(command: list[str], cache: Path) -> float:
    """Seconds of a process. Every cache of compiled code is in `cache`."""
    folder = str(cache)
    caches = {"XDG_CACHE_HOME": folder, "NUMBA_CACHE_DIR": folder, "PYNN_CORE_CACHE": folder}
    start = time.perf_counter()
    output_of(command, env={**os.environ, **caches})
    return time.perf_counter() - start


def main() -> None:
    options = parser(__doc__).parse_args()
    times: dict[str, list[float]] = {"empty_cache_s": [], "with_cache_s": [], "numpy_engine_s": []}
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            times["empty_cache_s"].append(wall(EXAMPLE, Path(folder)))
            times["with_cache_s"].append(wall(EXAMPLE, Path(folder)))
        with tempfile.TemporaryDirectory() as folder:
            times["numpy_engine_s"].append(wall([sys.executable, "-c", NUMPY], Path(folder)))
    results = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in results.items():
        print(f"{name:16s} {seconds:8.2f}")
    goals = {
        "with the cache, s": (results["with_cache_s"], "at most", WITH_CACHE_S),
        "empty cache, s": (results["empty_cache_s"], "at most", EMPTY_S),
    }
    finish("warmup", results, goals, repeats=options.repeats)


if __name__ == "__main__":
    main()
