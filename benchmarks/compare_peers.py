"""The balanced network on every simulator: import, compile, build, run, memory and rate, each relative to ours.

    python benchmarks/compare_peers.py --make-peers ~/peers
    python benchmarks/compare_peers.py --peers ~/peers --benchmark CUBA --repeats 3

--make-peers makes an environment of its own for each of NEST, PyNN 0.13 on NEST, Brian2 and ANNarchy with pip, where it
is not there yet; Brian2 and ANNarchy also need a C++ compiler. Every measurement is the first simulation of a process:
`compile` is what a compiler takes, or the loading of code that was compiled before, `build` is connections and cells,
`run` one second of model time with all spikes recorded; for Brian2 the loop alone, as its program measures it.
"""

from __future__ import annotations

import argparse
import importlib.util

from peers import (
    PEERS,
    Job,
    Measured,
    add_peer_arguments,
    faster,
    finish,
    in_turns,
    interpreters,
    ours,
    parser,
    table,
)

COLUMNS = {
    "import_s": "import s", "compile_s": "compile s", "build_s": "build s", "run_s": "run s", "process_s": "process s",
    "memory_mb": "memory MB", "rate_hz": "rate Hz",
}  # fmt: skip
RELATIVE = [name for name in COLUMNS if name != "rate_hz"]
OURS = "pynn-core reference"
WORKERS = {"nest": "peer_nest.py", "pynn": "ours.py", "brian": "peer_brian.py", "annarchy": "peer_annarchy.py"}


def jobs(options: argparse.Namespace, pythons: dict[str, str]) -> dict[str, Job]:
    """By "engine, threads"."""
    found: dict[str, Job] = {}
    for threads in (int(text) for text in options.threads.split(",")):
        network = {"benchmark": options.benchmark, "duration": options.duration, "threads": threads}
        found[f"{OURS}, {threads}"] = ours("balanced", **network)
        if importlib.util.find_spec("nest") is not None:
            found[f"pynn-core nest, {threads}"] = ours("balanced", **network, backend="nest")
        for name, python in pythons.items():
            arguments = {**network, "backend": "nest"} if name == "pynn" else network
            found[f"{PEERS[name].title}, {threads}"] = Job(python, WORKERS[name], "balanced", arguments)
    return found


def print_table(options: argparse.Namespace, results: dict[str, Measured]) -> None:
    """With rich where it is there; each number and, in brackets, how many times ours with one thread it is."""
    title = f"{options.benchmark}-4000, {options.duration:g} ms"
    one = next(iter(results.values()))
    rows = {
        name: {q: _relative(q, result, one, bare=result is one) for q in COLUMNS} for name, result in results.items()
    }
    if options.markdown:
        table(title, rows, COLUMNS)
        return
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        table(title, rows, COLUMNS)
        return
    shown = Table(title=title, caption="in brackets: times ours with one thread")
    shown.add_column("engine")
    for heading in ("threads", *COLUMNS.values()):
        shown.add_column(heading, justify="right", no_wrap=True)
    for name, row in rows.items():
        shown.add_row(*name.rsplit(", ", 1), *row.values())
    console = Console()
    # A pipe has no width of its own, and a table that is cut tells nothing.
    (console if console.is_terminal and console.width >= 150 else Console(width=150)).print(shown)


def _relative(quantity: str, result: Measured, one: Measured, bare: bool) -> str:
    value = float(result[quantity])
    text = f"{value:.0f}" if quantity == "memory_mb" else f"{value:.3g}"
    if bare or quantity not in RELATIVE or not one[quantity] or not value:
        return text
    return f"{text} ({value / one[quantity]:.2g}x)"


def main() -> None:
    arguments = parser(__doc__)
    add_peer_arguments(arguments)
    arguments.add_argument("--benchmark", choices=["COBA", "CUBA"], default="COBA")
    arguments.add_argument("--duration", type=float, default=1000.0, help="model time, ms (1000)")
    arguments.add_argument("--threads", default="1,2", help="numbers of threads (1,2)")
    options = arguments.parse_args()
    pythons = interpreters(options, tuple(PEERS))
    results = in_turns(jobs(options, pythons), options.repeats)
    print_table(options, results)
    others = dict(list(results.items())[1:])
    finish(
        "compare_peers", results, {}, times_ours_with_1_thread=faster(others, next(iter(results.values())), RELATIVE),
        network=f"{options.benchmark}-4000", duration_ms=options.duration, repeats=options.repeats,
    )  # fmt: skip


if __name__ == "__main__":
    main()
