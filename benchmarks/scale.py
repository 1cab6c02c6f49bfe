"""How do the times to build and to run grow with cells and with synapses, and how many bytes does a synapse take?

    python benchmarks/scale.py
    python benchmarks/scale.py --largest 500000000 --repeats 1

Cells fire regularly at 10 Hz of themselves; synapses are too weak to matter, so that every size has the same activity.
Series "cells": from 1000 cells with 100 synapses each. Series "synapses": as many cells for all, more synapses on each.
Exponents are slopes of a line through the logarithms over the whole series, and between the two largest.
Bytes a synapse are what arrays and objects keep after the run, from two networks of which one has twice the synapses;
`peak` is the same for the largest memory of the process, which it has while it builds.
"""

from __future__ import annotations

from typing import Any

from peers import Measured, exponent, finish, in_turns, ours, parser, table

EXPONENT = 1.05
BYTES = {"individual": 8.0, "shared": 4.0}
"""Targets: weight and delay of each synapse, or one for all."""
COLUMNS = {
    "cells": "cells", "synapses": "synapses", "build_s": "build s", "ns_per_synapse": "ns/synapse", "run_s": "run s",
    "ns_per_event": "ns/event", "memory_mb": "memory MB",
}  # fmt: skip


def sizes(largest: int) -> dict[str, list[tuple[int, int]]]:
    """(cells, synapses of each) for the two series, by powers of ten up to the largest number of synapses."""
    totals = [10**k for k in range(5, 10) if 10**k <= largest]
    if largest not in totals:
        totals.append(largest)
    # At most 10,000 synapses a cell, and enough cells that the costs of a step are those of memory.
    cells = max(10_000, min(100_000, largest // 1000))
    return {
        "cells": [(total // 100, 100) for total in totals if total // 100 <= 1_000_000],
        "synapses": [(cells, total // cells) for total in totals if total >= cells],
    }


def measured_series(name: str, series: list[tuple[int, int]], options: Any) -> dict[str, Measured]:
    results = {}
    for cells, inputs in series:
        arguments = {
            "cells": cells, "inputs": inputs, "duration": options.duration, "threads": options.threads,
            "weights": options.weights,
        }  # fmt: skip
        found = in_turns({f"{cells} x {inputs}": ours("random_network", **arguments)}, options.repeats, warm=False)
        for label, result in found.items():
            result["cells"] = cells
            result["ns_per_synapse"] = 1e9 * result["build_s"] / result["synapses"]
            result["ns_per_event"] = 1e9 * result["run_s"] / result["events"]
            results[label] = result
    table(f"series: {name}", results, COLUMNS)
    return results


def exponents(results: dict[str, Measured]) -> dict[str, float]:
    found = {}
    points = list(results.values())
    for quantity in ("build_s", "run_s"):
        for kind, chosen in (("", points), ("_at_the_end", points[-2:])):
            if len(chosen) > 1:
                found[quantity.removesuffix("_s") + kind] = exponent(
                    [point["synapses"] for point in chosen], [point[quantity] for point in chosen]
                )
    return found


def bytes_a_synapse(synapses: int) -> dict[str, Measured]:
    """For each kind of synapse: bytes that arrays and objects keep after the run, and by how much the process grows.

    It is the difference of two networks that have the same cells, and one of them twice the synapses.
    """
    inputs = 1000
    cells = synapses // inputs
    results = {}
    for kind in BYTES:
        for weights in ("float64", "float32"):
            arguments = {
                "cells": cells, "duration": 10.0, "individual": kind == "individual",
                "weights": weights if weights == "float32" else None,
            }  # fmt: skip
            found = {}
            for traced in (True, False):
                once, twice = (
                    ours("random_network", **arguments, inputs=n, traced=traced).run() for n in (inputs, 2 * inputs)
                )
                more = twice["synapses"] - once["synapses"]
                if traced:
                    found["kept"] = (twice["kept_bytes"] - once["kept_bytes"]) / more
                else:
                    found["peak_resident"] = 2**20 * (twice["memory_mb"] - once["memory_mb"]) / more
            results[f"{kind}, {weights}"] = found
    return results


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--largest", type=int, default=10_000_000, help="number of synapses (10000000)")
    arguments.add_argument("--duration", type=float, default=200.0, help="model time, ms (200)")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--weights", choices=["float64", "float32"], help="how weights are kept in the two series")
    arguments.add_argument("--bytes-at", type=int, default=2_000_000, help="synapses for bytes a synapse (2000000)")
    options = arguments.parse_args()
    ours("random_network", cells=100, inputs=10, duration=1.0, threads=options.threads, weights=options.weights).run()
    series = {name: measured_series(name, points, options) for name, points in sizes(options.largest).items()}
    growth = {name: exponents(results) for name, results in series.items()}
    table("exponent", growth, {name: name.replace("_at_the_end", ", end") for name in next(iter(growth.values()))})
    sizes_of = bytes_a_synapse(options.bytes_at)
    table("bytes a synapse", sizes_of, {"kept": "kept", "peak_resident": "peak"})
    goals = {
        f"{name}: exponent of {quantity}": (growth[name][quantity], "at most", EXPONENT)
        for name in growth
        for quantity in ("build", "run")
    }
    for kind, limit in BYTES.items():
        goals[f"bytes a synapse, {kind}, float32"] = (sizes_of[f"{kind}, float32"]["kept"], "at most", limit)
    finish(
        "scale", series, goals, exponents=growth, bytes_a_synapse=sizes_of, threads=options.threads,
        duration_ms=options.duration, repeats=options.repeats,
    )  # fmt: skip


if __name__ == "__main__":
    main()
