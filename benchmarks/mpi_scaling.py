"""How a balanced random network scales over MPI ranks, and what one rank of many needs. Prints one line of JSON.

    python benchmarks/mpi_scaling.py --ranks 1,2                       weak and strong scaling with mpirun
    python benchmarks/mpi_scaling.py --dry-run 1024 --cells 100000     memory and build time of rank 0 of 1024

Weak scaling: as many cells on every rank; strong scaling: as many cells on all ranks together. Each cell has the same
number of connections and an own Poisson source. Each figure is the median of several runs in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def measure(cells: int, synapses: int, duration: float, delay: float, dry_run: int, rank: int) -> dict[str, Any]:
    """Seconds, memory and traffic of this rank."""
    import pyNN.reference as sim

    began = time.perf_counter()
    if dry_run:
        sim.setup(timestep=0.1, rank=rank, num_processes=dry_run)
    else:
        sim.setup(timestep=0.1)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cell = sim.IF_curr_exp(cm=0.25, tau_m=10.0, tau_refrac=2.0, tau_syn_E=0.5, tau_syn_I=0.5)
    neurons = sim.Population(cells, cell)
    excitatory, inhibitory = neurons[: 4 * cells // 5], neurons[4 * cells // 5 :]
    for source, share, weight, receptor in (
        (excitatory, 0.8, 0.05, "excitatory"), (inhibitory, 0.2, -0.3, "inhibitory"),
    ):  # fmt: skip
        synapse = sim.StaticSynapse(weight=weight, delay=delay)
        connector = sim.FixedNumberPreConnector(max(1, int(share * synapses)))
        sim.Projection(source, neurons, connector, synapse, receptor_type=receptor)
    noise = sim.Population(cells, sim.SpikeSourcePoisson(rate=11_000.0))
    drive = sim.StaticSynapse(weight=0.0878, delay=delay)
    sim.Projection(noise, neurons, sim.OneToOneConnector(), drive, receptor_type="excitatory")
    neurons.record("spikes")
    sim.run(1.0)
    built = time.perf_counter() - began
    began = time.perf_counter()
    sim.run(duration)
    ran = time.perf_counter() - began
    spikes = sum(neurons.get_spike_counts(gather=not dry_run).values())
    exchange = sim.profile().as_dict().get(("run", "cells and synapses", "exchange"), 0.0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "rank": sim.rank(), "build_s": built, "run_s": ran, "exchange_s": exchange, "peak_MB": peak / 1024.0,
        "network_MB": (peak - base) / 1024.0, "rate_hz": spikes / cells / (0.001 * (duration + 1.0)),
    }  # fmt: skip


def launched(ranks: int, cells: int, options: argparse.Namespace) -> dict[str, float]:
    """Figures of a run on some ranks: of the slowest, and of the largest."""
    own = Path(sys.executable).parent / "mpirun"
    launcher = str(own) if own.exists() else shutil.which("mpirun")
    if launcher is None:
        raise SystemExit("There is no mpirun. Install one with: pip install 'pynn-core[mpi]'")
    worker = [
        sys.executable, __file__, "--worker", "--cells", str(cells), "--synapses", str(options.synapses),
        "--duration", str(options.duration), "--delay", str(options.delay),
    ]  # fmt: skip
    command = [launcher, "--allow-run-as-root", "--oversubscribe", "-n", str(ranks), *worker]
    found = []
    for _ in range(options.repeats):
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        each = [json.loads(line) for line in lines if line.startswith("{")]
        found.append({key: max(one[key] for one in each) for key in each[0] if key != "rank"})
        found[-1]["rate_hz"] = next(one["rate_hz"] for one in each if one["rank"] == 0)
    return {key: round(statistics.median(one[key] for one in found), 4) for key in found[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", default="1,2", help="numbers of ranks (1,2)")
    parser.add_argument("--cells", type=int, default=10_000, help="on each rank, or on all for strong scaling (10000)")
    parser.add_argument("--synapses", type=int, default=1000, help="of each cell (1000)")
    parser.add_argument("--duration", type=float, default=500.0, help="ms (500)")
    parser.add_argument("--delay", type=float, default=1.5, help="ms (1.5)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dry-run", type=int, default=0, help="build one rank of so many, in this process")
    parser.add_argument("--rank", type=int, default=0, help="which one")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker or options.dry_run:
        figures = measure(
            options.cells, options.synapses, options.duration, options.delay, options.dry_run, options.rank
        )
        print(json.dumps(figures), flush=True)
        return
    numbers = [int(number) for number in options.ranks.split(",")]
    result: dict[str, Any] = {"cells": options.cells, "synapses_a_cell": options.synapses, "ms": options.duration}
    for number in numbers:
        strong = launched(number, options.cells, options)
        result[f"strong, {number} ranks"] = strong
        result[f"weak, {number} ranks"] = strong if number == 1 else launched(number, options.cells * number, options)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
