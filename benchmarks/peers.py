"""Environments of other simulators, measurements in processes of their own, and what every report has in common."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker import MARK

FOLDER = Path(__file__).resolve().parent
Measured = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """A simulator in an environment of its own."""

    title: str
    packages: tuple[str, ...]
    modules: str
    """What must be importable."""


PEERS = {
    "nest": Peer("NEST", ("nest-simulator==3.10.0", "numpy"), "nest"),
    "pynn": Peer("PyNN 0.13 on NEST", ("PyNN==0.13.0", "nest-simulator==3.10.0"), "pyNN.nest"),
    # Brian2 2.9 uses functions that NumPy 2.4 has no longer.
    "brian": Peer("Brian2", ("Brian2>=2.9", "numpy<2.4", "setuptools"), "brian2"),
    "annarchy": Peer("ANNarchy", ("ANNarchy>=5,<6", "cmake"), "ANNarchy"),
}
"""By the name of the folder of its environment."""


def add_peer_arguments(parser: argparse.ArgumentParser) -> None:
    known = ", ".join(PEERS)
    parser.add_argument("--peers", metavar="DIR", type=Path, help=f"folder with environments {known}")
    parser.add_argument("--make-peers", metavar="DIR", type=Path, help="the same; makes with pip what is not there")


def interpreters(options: argparse.Namespace, wanted: Sequence[str]) -> dict[str, str]:
    """Interpreter by name of peer, of those that are there; the others are told on stderr."""
    folder = options.make_peers or options.peers
    found = {}
    for name in wanted:
        python = None
        if folder is not None:
            python = _interpreter(folder.expanduser() / name, PEERS[name], options.make_peers is not None)
        if python is None and name == "nest" and _imports(sys.executable, PEERS[name]):
            python = sys.executable
        if python is None:
            hint = "--make-peers DIR makes an environment for it"
            print(f"{PEERS[name].title} is not measured; {hint}.", file=sys.stderr)
        else:
            found[name] = python
    return found


def _interpreter(folder: Path, peer: Peer, make: bool) -> str | None:
    python = str(folder / "bin" / "python")
    if not Path(python).exists():
        if not make:
            return None
        print(f"making an environment with {', '.join(peer.packages)} in {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    if not _imports(python, peer):
        if not make:
            return None
        subprocess.run([python, "-m", "pip", "install", "--quiet", *peer.packages], check=True)
    return python


def _imports(python: str, peer: Peer) -> bool:
    return subprocess.run([python, "-c", f"import {peer.modules}"], capture_output=True).returncode == 0


@dataclass(frozen=True)
class Job:
    """A function of a worker file with its arguments."""

    python: str
    worker: str
    function: str
    arguments: Mapping[str, Any]
    environment: Mapping[str, str] | None = None

    def run(self) -> Measured:
        """The result; `process_s` is the process from start to end."""
        line = [self.python, str(FOLDER / self.worker), self.function, json.dumps(dict(self.arguments))]
        # A simulator that takes all cores for linear algebra or OpenMP would not be the one thread that is compared.
        changed = {"OMP_NUM_THREADS": str(self.arguments.get("threads", 1))}
        # ANNarchy calls the cmake of its environment.
        changed["PATH"] = os.pathsep.join([str(Path(self.python).parent), os.environ.get("PATH", os.defpath)])
        start = time.perf_counter()
        output = output_of(line, env={**os.environ, **changed, **(self.environment or {})})
        elapsed = time.perf_counter() - start
        results = [text for text in output.splitlines() if text.startswith(MARK)]
        if not results:
            raise SystemExit(f"{' '.join(line)} has no result:\n{output}")
        return {**json.loads(results[-1].removeprefix(MARK)), "process_s": elapsed}


def output_of(command: list[str], **options: Any) -> str:
    """What a process prints, with options of subprocess.run; it ends the benchmark if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def ours(function: str, **arguments: Any) -> Job:
    """A measurement of this package in this environment."""
    return Job(sys.executable, "ours.py", function, arguments)


def in_turns(jobs: Mapping[str, Job], repeats: int, warm: bool = True) -> dict[str, Measured]:
    """Medians by name. Jobs take turns, so that a change of the machine's speed meets all of them.

    `warm`: jobs of this package run once more before, which fills the cache of compiled code.
    """
    if warm:
        for job in jobs.values():
            if job.worker == "ours.py":
                job.run()
    measured: dict[str, list[Measured]] = {name: [] for name in jobs}
    for _ in range(repeats):
        for name, job in jobs.items():
            print(f"{name} ...", file=sys.stderr, flush=True)
            measured[name].append(job.run())
    return {name: median(results) for name, results in measured.items()}


def median(measurements: list[Measured]) -> Measured:
    """Median of each number; what is no number is that of the first."""
    return {
        name: statistics.median(m[name] for m in measurements) if _is_number(value) else value
        for name, value in measurements[0].items()
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def faster(slow: Mapping[str, Measured], fast: Measured, quantities: Sequence[str]) -> dict[str, dict[str, float]]:
    """How many times less of each quantity `fast` takes than each of `slow`; of those that both have."""
    return {
        name: {q: other[q] / fast[q] for q in quantities if _is_number(other.get(q)) and fast.get(q)}
        for name, other in slow.items()
    }


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of a straight line through the logarithms; 1 is linear."""
    return statistics.linear_regression([math.log(n) for n in sizes], [math.log(c) for c in costs]).slope


Target = tuple[float, str, float]
"""What was measured, "at most" or "at least", the target."""


def print_targets(targets: Mapping[str, Target]) -> None:
    for name, (value, sense, limit) in targets.items():
        met = value <= limit if sense == "at most" else value >= limit
        print(f"{'met    ' if met else 'NOT MET'} {name}: {value:.4g}, {sense} {limit:g}")


def finish(benchmark: str, results: Mapping[str, Any], targets: Mapping[str, Target], **more: Any) -> None:
    """A verdict on each target, then the line of JSON."""
    print_targets(targets)
    summary = {
        "benchmark": benchmark,
        "results": results,
        **more,
        "targets": {
            name: {"value": value, sense.replace(" ", "_"): limit} for name, (value, sense, limit) in targets.items()
        },
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {processor()}, {os.cpu_count()} CPUs",
    }
    print(json.dumps(_rounded(summary)))


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    # JSON has no NaN.
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value


def table(title: str, rows: Mapping[str, Measured], columns: Mapping[str, str]) -> None:
    """Print rows of numbers; `columns`: heading by quantity. With --markdown as the documentation has them."""
    if "--markdown" in sys.argv:
        lines = [[title, *columns.values()], ["---"] * (1 + len(columns))]
        lines += [[name, *(_cell(row.get(q)) for q in columns)] for name, row in rows.items()]
        print("\n".join(f"| {' | '.join(line)} |" for line in lines), end="\n\n")
        return
    width = max(len(name) for name in [title, *rows])
    print(f"{title:{width}}  " + "  ".join(f"{heading:>12}" for heading in columns.values()))
    for name, row in rows.items():
        print(f"{name:{width}}  " + "  ".join(f"{_cell(row.get(q)):>12}" for q in columns))


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if _is_number(value) else str(value)


def parser(description: str | None, repeats: int = 3) -> argparse.ArgumentParser:
    """With what every benchmark understands."""
    result = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--repeats", type=int, default=repeats, help=f"measurements; the median counts ({repeats})")
    result.add_argument("--markdown", action="store_true", help="tables in Markdown")
    return result


