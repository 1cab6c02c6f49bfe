"""The balanced network in Brian2, compiled to a program of its own (cpp_standalone)."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from worker import main

SEED = 4711

COBA = """
dv/dt = (el - v + (ge*(0*mV - v) + gi*(-80*mV - v))/gl)/(20*ms) : volt (unless refractory)
dge/dt = -ge/(5*ms) : siemens
dgi/dt = -gi/(10*ms) : siemens
"""
CUBA = """
dv/dt = (el - v + (ge + gi)/gl)/(20*ms) : volt (unless refractory)
dge/dt = -ge/(5*ms) : amp
dgi/dt = -gi/(10*ms) : amp
"""


def balanced(benchmark: str = "COBA", threads: int = 1, duration: float = 1000.0, cells: int = 4000) -> dict[str, Any]:
    """`run_s` is the loop alone, as the program itself measures it; `build_s` the rest of that program."""
    began = time.perf_counter()
    import brian2 as b

    imported = time.perf_counter() - began
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        b.set_device("cpp_standalone", directory=folder, build_on_run=False)
        b.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
        b.seed(SEED)
        b.defaultclock.dt = 0.1 * b.ms
        conductance = benchmark == "COBA"
        namespace = {"el": (-60 if conductance else -49) * b.mV, "gl": 10 * b.nS}
        group = b.NeuronGroup(
            cells, COBA if conductance else CUBA, threshold="v > -50*mV", reset="v = -60*mV", refractory=5 * b.ms,
            method="exponential_euler" if conductance else "exact", namespace=namespace,
        )  # fmt: skip
        group.v = "-60*mV + 10*mV*rand()"
        n_excitatory = 4 * cells // 5
        stimulus = b.PoissonGroup(20, rates="100*Hz*int(t < 50*ms)")
        unit, weights = (b.nS, (4.0, 51.0, 100.0)) if conductance else (b.pA, (16.2, -90.0, 100.0))
        # A delay of one step is what the others call two: Brian2 delivers at the end of the step of the spike.
        connected = [
            b.Synapses(source, group, on_pre=f"{name} += w", namespace={"w": weight * unit}, delay=0.1 * b.ms)
            for source, name, weight in zip(
                (group[:n_excitatory], group[n_excitatory:], stimulus), ("ge", "gi", "ge"), weights, strict=True
            )
        ]
        for synapses, probability in zip(connected, (0.02, 0.02, 0.01), strict=True):
            synapses.connect(p=probability)
        monitor = b.SpikeMonitor(group)
        network = b.Network(group, stimulus, connected, monitor)
        network.run(duration * b.ms)
        described = time.perf_counter()
        b.device.build(directory=folder, compile=True, run=False)
        compiled = time.perf_counter()
        b.device.run(directory=folder)
        ran = time.perf_counter()
        loop = float(b.device._last_run_time)
        spikes = len(monitor.i)
        end = time.perf_counter()
        return {
            "import_s": imported,
            "compile_s": compiled - described,
            "build_s": ran - compiled - loop,
            "run_s": loop,
            "collect_s": end - ran,
            "total_s": end - start,
            "first_s": end - start,
            "synapses": sum(len(synapses) for synapses in connected),
            "rate_hz": 1000.0 * spikes / (cells * duration),
            "memory_mb": _peak_mb(folder),
            "threads": threads,
        }


def _peak_mb(folder: str) -> float:
    """The largest memory of the compiled program; it runs once more for that."""
    process = subprocess.Popen([str(Path(folder) / "main")], cwd=folder, stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    return usage.ru_maxrss / 1024


if __name__ == "__main__":
    main(balanced)
