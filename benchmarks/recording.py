"""What does recording cost: all spikes of a network like the microcircuit, and the potential of 1000 of its cells?

    python benchmarks/recording.py --scale 0.1 --duration 1000

Each kind of recording runs in a process of its own; they take turns, and the median of the run's processor time counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

KINDS = ("nothing", "spikes", "spikes and v", "spikes and v to a file")
CELLS = 1000


def measure(kind: str, cells: int, synapses: int, duration: float, file: str) -> dict[str, float]:
    """Seconds of a balanced random network with the microcircuit's cells and input, recorded or not."""
    import pyNN.reference as sim

    sim.setup(timestep=0.1)
    rows = synapses // cells
    cell = sim.IF_curr_exp(cm=0.25, tau_m=10.0, tau_refrac=2.0, tau_syn_E=0.5, tau_syn_I=0.5)
    excitatory = sim.Population(4 * cells // 5, cell)
    inhibitory = sim.Population(cells - 4 * cells // 5, cell)
    for target in (excitatory, inhibitory):
        for source, share, weight, receptor in (
            (excitatory, 0.8, 0.0878, "excitatory"), (inhibitory, 0.2, -0.42, "inhibitory"),
        ):  # fmt: skip
            connector = sim.FixedNumberPreConnector(max(1, int(share * rows)))
            synapse = sim.StaticSynapse(weight=weight, delay=1.5)
            sim.Projection(source, target, connector, synapse, receptor_type=receptor)
        noise = sim.Population(target.size, sim.SpikeSourcePoisson(rate=15_000.0))
        drive = sim.StaticSynapse(weight=0.0878, delay=1.5)
        sim.Projection(noise, target, sim.OneToOneConnector(), drive, receptor_type="excitatory")
    target_file = file if "file" in kind else None
    if kind != "nothing":
        excitatory.record("spikes", to_file=target_file)
        inhibitory.record("spikes", to_file=target_file)
    if " v" in kind:
        excitatory[:CELLS].record("v", to_file=target_file)
    sim.run(100.0)
    began, wall = time.process_time(), time.perf_counter()
    sim.run(duration)
    seconds, wall = time.process_time() - began, time.perf_counter() - wall
    rate = excitatory.mean_spike_count() / (0.001 * (duration + 100.0)) if kind != "nothing" else float("nan")
    sim.end()
    return {"run_s": seconds, "wall_s": wall, "rate_hz": rate}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.1, help="of the microcircuit's 77,169 cells (0.1)")
    parser.add_argument("--duration", type=float, default=1000.0, help="ms (1000)")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    cells = round(77_169 * options.scale)
    synapses = min(round(3874 * cells), cells * cells // 5)
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    rate = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.repeats):
            for kind in KINDS:
                request = [kind, cells, synapses, options.duration, str(Path(folder) / "recorded.h5")]
                command = [sys.executable, __file__, "--one", json.dumps(request)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found = json.loads(done.stdout.splitlines()[-1])
                times[kind].append(found["run_s"])
                rate = max(rate, found["rate_hz"] if kind != "nothing" else 0.0)
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    costs: dict[str, Any] = {kind: medians[kind] / medians["nothing"] - 1.0 for kind in KINDS[1:]}
    for kind, seconds in medians.items():
        print(f"{kind:24s} {seconds:8.3f} s" + (f" {100 * costs[kind]:+7.1f} %" if kind in costs else ""))
    result = {
        "benchmark": "recording", "cells": cells, "synapses": synapses, "duration_ms": options.duration,
        "rate_hz": round(rate, 2), "run_s": {k: round(v, 4) for k, v in medians.items()},
        "cost": {k: round(v, 4) for k, v in costs.items()},
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    if "--one" in sys.argv:
        print(json.dumps(measure(*json.loads(sys.argv[-1]))))
    else:
        main()
