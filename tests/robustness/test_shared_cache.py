"""Several processes that find one kernel cache empty at the same time: all compile, none breaks what another wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROCESSES = 8

CODE = """
import sys, time
import pyNN.reference as sim
# All begin at the same moment, whenever they were started.
time.sleep(max(0.0, float(sys.argv[1]) - time.time()))
sim.setup(timestep=0.1, rng_seed=1, engine="numba")
noise = sim.Population(20, sim.SpikeSourcePoisson(rate=100.0))
cells = sim.Population(20, sim.IF_cond_exp(tau_m=15.0))
sim.Projection(noise, cells, sim.FixedProbabilityConnector(0.5), sim.StaticSynapse(weight=0.01, delay=1.5))
cells.record(["spikes", "v"])
sim.run(100.0)
v = cells.get_data().segments[0].analogsignals[0].magnitude
print(sorted(cells.get_spike_counts().items()), v.sum().hex())
"""


def test_eight_processes_share_one_cache_from_cold(tmp_path: Path) -> None:
    """Each gives the same spikes and potentials, also a ninth that finds what they have left."""
    import time

    environment = os.environ | {"PYNN_CORE_CACHE": str(tmp_path / "cache")}
    start = time.time() + 4.0
    command = [sys.executable, "-W", "error", "-c", CODE, str(start)]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    outputs = [process.communicate(timeout=300) for process in processes]
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors
    found = {output for output, _ in outputs}
    assert len(found) == 1 and found != {""}
    left = sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert left and not [path.name for path in left if path.name.endswith(".tmp")]
    before = {path: path.stat().st_mtime_ns for path in left}
    ninth = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ninth.returncode == 0 and {ninth.stdout} == found, ninth.stderr
    # It has compiled nothing anew.
    assert {path: path.stat().st_mtime_ns for path in left if path.suffix not in (".lock",)} == {
        path: before[path] for path in left if path.suffix not in (".lock",)
    }
