"""Many short simulations in one process: memory stays where it is.

PYNN_SOAK sets their number, 200 by default; a soak test proper takes 10000.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUNS = int(os.environ.get("PYNN_SOAK", "200"))
LARGEST_GROWTH_MB = 16.0
"""Allowed whatever the number of runs: a leak of 1 kB a run is 10 MB in 10000. The allocator and the garbage collector
take and give back some megabytes at a time."""

CODE = """
import importlib, sys
backend, runs = sys.argv[1], int(sys.argv[2])
sim = importlib.import_module(f"pyNN.{backend}")

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20

def simulate(seed):
    sim.setup(timestep=0.1, rng_seed=seed, min_delay=1.0)
    noise = sim.Population(10, sim.SpikeSourcePoisson(rate=200.0))
    cells = sim.Population(20, sim.IF_curr_exp(tau_m=15.0, i_offset=0.5))
    sim.Projection(noise, cells, sim.FixedProbabilityConnector(0.5), sim.StaticSynapse(weight=0.4, delay=1.5))
    sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.2), sim.TsodyksMarkramSynapse(weight=0.1, delay=1.0))
    cells.record(["spikes", "v"])
    sim.run(10.0)
    segment = cells.get_data().segments[0]
    sim.end()
    return len(segment.spiketrains)

for seed in range(60):
    assert simulate(seed) == 20
before = resident_mb()
for seed in range(runs):
    simulate(seed)
print(before, resident_mb())
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the resident memory is read from /proc")
@pytest.mark.parametrize("backend", ["reference", "nest", "mock"])
def test_many_short_simulations_do_not_grow(backend: str) -> None:
    if backend == "nest":
        pytest.importorskip("nest")
    importlib.import_module("neo")
    done = subprocess.run([sys.executable, "-c", CODE, backend, str(RUNS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, after = map(float, done.stdout.split()[-2:])
    print(f"{backend}: {RUNS} runs, {before:.1f} MB before, {after:.1f} MB after")
    assert after - before < LARGEST_GROWTH_MB
