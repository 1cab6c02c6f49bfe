"""How many bytes does a synaptic event move, and how near is its time to what the machine's memory allows?

    python benchmarks/roofline.py
    python benchmarks/roofline.py --threads 1,2 --cells 1000,10000,77000 --inputs 1000

A spike is delivered by reading a row of the table (target, weight and delay of each synapse; it comes from main memory
when the table is larger than the caches) and adding each weight to the input that a target cell gets in a later step
(16 bytes, read and written, in cache as long as these inputs fit). Measured are

- the memory bandwidth: reading a large array, and copying one, with so many threads;
- the scatter: what adding numbers at random places of an array of the inputs' size costs, nothing read from memory;
- an event: what a run takes longer with synapses than without, over the number of events.

The roof is the larger of bytes over bandwidth and scatter; the last column is its share of what an event takes.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from peers import Measured, finish, in_turns, ours, parser, table

LARGE_MB = 256
COLUMNS = {
    "synapses": "synapses", "table_mb": "table MB", "bytes_per_event": "bytes/event", "stream_ns": "stream ns",
    "scatter_ns": "scatter ns", "event_ns": "event ns", "gb_per_s": "GB/s", "of_roof": "of roof",
}  # fmt: skip
SLOTS, RECEPTORS = 64, 2
"""Steps ahead for delays of up to 5 ms, a power of two, and receptors of the cell type."""
UPDATED_BYTES = 16


def bandwidth(threads: int) -> Measured:
    """GB/s of reading and of copying (bytes read and bytes written), best of five."""
    import numpy as np

    parts = [np.ones(LARGE_MB * 2**20 // 8 // threads, dtype=np.int64) for _ in range(threads)]
    copies = [np.ones_like(part) for part in parts]

    def seconds(work: Any) -> float:
        best = float("inf")
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(5):
                start = time.perf_counter()
                list(pool.map(work, range(threads)))
                best = min(best, time.perf_counter() - start)
        return best

    read = seconds(lambda k: np.bitwise_or.reduce(parts[k]))
    copied = seconds(lambda k: np.copyto(copies[k], parts[k]))
    size = sum(part.nbytes for part in parts)
    return {"read_gb_per_s": 1e-9 * size / read, "copy_gb_per_s": 2e-9 * size / copied}


def scatter_ns(cells: int, threads: int) -> float:
    """Nanoseconds to add a number at a random place, of `threads` that each have their share of the cells."""
    import numba
    import numpy as np

    def add(inputs: Any, slots: Any, targets: Any, weights: Any, rounds: int) -> None:
        for _ in range(rounds):
            for k in range(len(targets)):
                inputs[slots[k], targets[k]] += weights[k]

    compiled: Any = numba.njit(nogil=True)(add)
    share = max(1, cells // threads)
    events, rounds = 1 << 12, 200
    rng = np.random.default_rng(1)
    tables = []
    for _ in range(threads):
        # A row after the other, each sorted by target, as rows of a table are.
        targets = np.sort(rng.integers(0, share, (4, events // 4)), axis=1).ravel().astype(np.uint32)
        slots = rng.integers(0, SLOTS, events).astype(np.uint8)
        tables.append((np.zeros((SLOTS, share * RECEPTORS)), slots, targets, rng.random(events)))
    compiled(*tables[0], 1)
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(3):
            start = time.perf_counter()
            list(pool.map(lambda columns: compiled(*columns, rounds), tables))
            best = min(best, time.perf_counter() - start)
    return 1e9 * best / (rounds * events * threads)


def event(cells: int, inputs: int, threads: int, options: Any, read_gb_per_s: float) -> Measured:
    network = {"cells": cells, "threads": threads, "duration": options.duration, "weights": options.weights}
    jobs = {
        "with": ours("random_network", **network, inputs=inputs),
        "without": ours("random_network", **network, inputs=0),
    }
    measured = in_turns(jobs, options.repeats, warm=False)
    found, alone = measured["with"], measured["without"]
    # Targets in as few bytes as they fit in, weight, delay in steps.
    width = (2 if cells <= 2**16 else 4) + (4 if options.weights == "float32" else 8) + 1
    nanoseconds = 1e9 * (found["run_s"] - alone["run_s"]) / found["events"]
    stream, scatter = width / read_gb_per_s, scatter_ns(cells, threads)
    # A table in the caches does not come from main memory.
    roof = max(scatter, stream) if found["synapses"] * width > options.cache_mb * 2**20 else scatter
    return {
        "synapses": found["synapses"], "table_mb": found["synapses"] * width / 2**20, "bytes_per_event": width,
        "updated_bytes_per_event": UPDATED_BYTES, "stream_ns": stream, "scatter_ns": scatter, "event_ns": nanoseconds,
        "gb_per_s": width / nanoseconds, "of_roof": roof / nanoseconds,
    }  # fmt: skip


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--cells", default="1000,10000", help="numbers of cells (1000,10000)")
    arguments.add_argument("--inputs", type=int, default=1000, help="synapses a cell (1000)")
    arguments.add_argument("--threads", default="1,2", help="numbers of threads (1,2)")
    arguments.add_argument("--duration", type=float, default=500.0, help="model time, ms (500)")
    arguments.add_argument("--weights", choices=["float64", "float32"], help="how weights are kept")
    arguments.add_argument("--cache-mb", type=float, default=32.0, help="size of the last cache (32)")
    options = arguments.parse_args()
    results: dict[str, Measured] = {}
    speeds = {}
    for threads in (int(text) for text in options.threads.split(",")):
        speeds[f"{threads} threads"] = bandwidth(threads)
        for cells in (int(text) for text in options.cells.split(",")):
            inputs = min(options.inputs, cells)
            label = f"{threads} threads, {cells} x {inputs}"
            results[label] = event(cells, inputs, threads, options, speeds[f"{threads} threads"]["read_gb_per_s"])
    table("bandwidth", speeds, {"read_gb_per_s": "read GB/s", "copy_gb_per_s": "copy GB/s"})
    table("event", results, COLUMNS)
    finish("roofline", results, {}, bandwidth=speeds, duration_ms=options.duration, repeats=options.repeats)


if __name__ == "__main__":
    main()
