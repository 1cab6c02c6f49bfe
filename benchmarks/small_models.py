"""What does a time step of a small network cost, and how much memory does a long recording of one cell take?

    python benchmarks/small_models.py

Ten connected cells for 10 s of model time, microseconds a time step; one cell with its potential recorded for 10^6
steps, growth of the largest memory against the 8 MB that the samples are.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

STEPS = 100_000
SAMPLES = 1_000_000


def ten_cells() -> dict[str, float]:
    """Microseconds of processor time a step, median of five runs."""
    import pyNN.reference as sim

    sim.setup(timestep=0.1)
    cells = sim.Population(10, sim.IF_cond_exp(i_offset=0.8))
    cells.record("spikes")
    synapse = sim.StaticSynapse(weight=0.001, delay=1.0)
    sim.Projection(cells, cells, sim.AllToAllConnector(allow_self_connections=False), synapse)
    sim.run(100.0)
    found = []
    for _ in range(5):
        began = time.process_time()
        sim.run(STEPS * 0.1)
        found.append(1e6 * (time.process_time() - began) / STEPS)
    seconds = sim.get_current_time() / 1000.0
    return {"us_per_step": statistics.median(found), "rate_hz": cells.mean_spike_count() / seconds}


def one_cell() -> dict[str, float]:
    """MB by which the largest memory grows in the run, and then in get_data()."""
    import pyNN.reference as sim

    sim.setup(timestep=0.1)
    cell = sim.Population(1, sim.IF_cond_exp(i_offset=0.5))
    cell.record("v")
    sim.run(100.0)
    cell.get_data()
    before = _peak_mb()
    sim.run(0.1 * SAMPLES)
    ran = _peak_mb()
    samples = cell.get_data().segments[0].analogsignals[0].shape[0]
    return {"samples_mb": 8 * samples / 2**20, "run_mb": ran - before, "get_data_mb": _peak_mb() - ran}


def _peak_mb() -> float:
    """The largest memory of this process; what its parent had before it does not count, as it does in getrusage()."""
    found = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(globals()[sys.argv[1]]()))
        sys.exit()
    result = {}
    for part in ("ten_cells", "one_cell"):
        done = subprocess.run([sys.executable, __file__, part], capture_output=True, text=True, check=True)
        result.update(json.loads(done.stdout.splitlines()[-1]))
    for name, value in result.items():
        print(f"{name:16s} {value:10.4g}")
    print(json.dumps({"benchmark": "small_models", **{name: float(f"{v:.4g}") for name, v in result.items()}}))
