"""Arguments, repeated measurements in processes of their own, environments of peers, and the last line of JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from peers import output_of

FOLDER = Path(__file__).resolve().parent
PEER_PACKAGES = ("PyNN==0.13.0", "nest-simulator==3.10.0")
PEER = "PyNN 0.13 nest"
Command = tuple[str, str]
"""A Python interpreter, and the backend that it is to run."""


def arguments(description: str | None, backends: str = "reference,nest", repeats: int = 3) -> argparse.Namespace:
    """What every benchmark understands; `.runs` has what to measure, by name."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backends", default=backends, help=f"of this package, separated by commas ({backends})")
    parser.add_argument("--repeats", type=int, default=repeats, help=f"measurements; the median counts ({repeats})")
    parser.add_argument("--make-peers", metavar="DIR", type=Path, help="make or use an environment with PyNN 0.13")
    parser.add_argument("--pynn-python", "--pynn", metavar="PATH", help="interpreter of an environment with PyNN 0.13")
    options = parser.parse_args()
    options.runs = {name: (sys.executable, name) for name in options.backends.split(",") if name}
    if options.make_peers is not None:
        options.pynn_python = str(make_peers(options.make_peers))
    if options.pynn_python:
        options.runs[PEER] = (options.pynn_python, "nest")
    return options


def make_peers(folder: Path) -> Path:
    """The interpreter of an environment with the peers, made in `folder` if it is not there yet."""
    python = folder.expanduser() / "bin" / "python"
    if not python.exists():
        print(f"making an environment with {', '.join(PEER_PACKAGES)} in {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder.expanduser())], check=True)
    if subprocess.run([str(python), "-c", "import pyNN, nest"], capture_output=True).returncode != 0:
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEER_PACKAGES], check=True)
    return python


def run(command: Command, function: str, *values: Any, environment: dict[str, str] | None = None) -> dict[str, float]:
    """One run of a function of networks.py in a process of its own; `process_s` is that process from start to end."""
    python, backend = command
    line = [python, str(FOLDER / "peer_pynn.py"), backend, function, *map(str, values)]
    # NEST greets on standard output, and the peers warn there; the result is the last line that is JSON.
    start = time.perf_counter()
    output = output_of(line, env={**os.environ, **(environment or {})})
    elapsed = time.perf_counter() - start
    found = [text for text in output.splitlines() if text.startswith('{"import_s"')]
    return {**json.loads(found[-1]), "process_s": elapsed}


def medians(measurements: list[dict[str, float]]) -> dict[str, float]:
    """Median of each quantity; a count stays a whole number."""
    return {name: statistics.median_low([m[name] for m in measurements]) for name in measurements[0]}


def measure(options: argparse.Namespace, function: str, *values: Any) -> dict[str, dict[str, float]]:
    """Medians by name of run. Runs take turns, so that a change of the machine's speed meets all of them."""
    for name, command in options.runs.items():
        if name != PEER:
            run(command, function, *values)  # fills the cache of compiled kernels
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in options.runs}
    for _ in range(options.repeats):
        for name, command in options.runs.items():
            measured[name].append(run(command, function, *values))
    return {name: medians(results) for name, results in measured.items()}


def ratios(results: dict[str, dict[str, float]], quantities: list[str]) -> dict[str, dict[str, float]]:
    """How many times faster than PyNN each run is; empty without PyNN."""
    if PEER not in results:
        return {}
    return {
        name: {q: results[PEER][q] / result[q] for q in quantities}
        for name, result in results.items()
        if name != PEER
    }


def report(benchmark: str, results: dict[str, Any], against_pynn: dict[str, Any], **more: Any) -> None:
    """A table for people, then the line of JSON."""
    for name, result in results.items():
        print(f"{name}:")
        for quantity, value in result.items():
            print(f"    {quantity:28s} {value:12.6g}")
    for name, result in against_pynn.items():
        print(f"{name}, times faster than {PEER}:")
        for quantity, value in result.items():
            print(f"    {quantity:28s} {value:12.3g}")
    summary = {
        "benchmark": benchmark,
        "results": _rounded(results),
        "times_faster_than_pynn": _rounded(against_pynn),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        **more,
    }
    print(json.dumps(summary))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value
