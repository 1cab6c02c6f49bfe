"""How long do the balanced networks of 4000 cells run, and how long do they take to build, against NEST and Brian2?

    python benchmarks/balanced.py --peers ~/peers
    python benchmarks/balanced.py --make-peers ~/peers --repeats 5

CUBA and COBA after Vogels and Abbott, benchmarks 2 and 1 of Brette et al. 2007, 1 s with all spikes recorded. Peers
are NEST itself with one thread (a script for PyNEST, connections as arrays) and the loop alone of Brian2's compiled
program. Runs and builds of ours and of NEST are those of the second simulation in a process; `first_s` is the whole of
the first.
"""

from __future__ import annotations

from peers import Job, Measured, Target, add_peer_arguments, faster, finish, in_turns, interpreters, ours, parser, table

BENCHMARKS = {"CUBA": 10.0, "COBA": 5.0}
"""How many times faster than NEST a run is to be."""
BUILD_US = 0.03
COLUMNS = {
    "run_s": "run s", "build_s": "build s", "build_us_per_synapse": "us/synapse", "compile_s": "compile s",
    "first_s": "first s", "rate_hz": "rate Hz",
}  # fmt: skip


def jobs(benchmark: str, duration: float, pythons: dict[str, str]) -> dict[str, Job]:
    network = {"benchmark": benchmark, "duration": duration}
    found = {
        f"reference, {threads} thread{'s' * (threads > 1)}": ours("balanced", **network, threads=threads, simulations=2)
        for threads in (1, 2)
    }
    if "nest" in pythons:
        found["NEST"] = Job(pythons["nest"], "peer_nest.py", "balanced", {**network, "simulations": 2})
    if "brian" in pythons:
        found["Brian2 cpp_standalone"] = Job(pythons["brian"], "peer_brian.py", "balanced", network)
    return found


def targets(benchmark: str, results: dict[str, Measured]) -> dict[str, Target]:
    one = results["reference, 1 thread"]
    found: dict[str, Target] = {
        f"{benchmark}: us a synapse to build": (one["build_us_per_synapse"], "at most", BUILD_US)
    }
    if "NEST" in results:
        ratio = results["NEST"]["run_s"] / one["run_s"]
        found[f"{benchmark}: run, times faster than NEST"] = (ratio, "at least", BENCHMARKS[benchmark])
    if "Brian2 cpp_standalone" in results:
        ratio = results["Brian2 cpp_standalone"]["run_s"] / one["run_s"]
        found[f"{benchmark}: run, times faster than Brian2's loop"] = (ratio, "at least", 1.0)
    return found


def main() -> None:
    arguments = parser(__doc__)
    add_peer_arguments(arguments)
    arguments.add_argument("--duration", type=float, default=1000.0, help="model time, ms (1000)")
    options = arguments.parse_args()
    pythons = interpreters(options, ("nest", "brian"))
    results, ratios, goals = {}, {}, {}
    for benchmark in BENCHMARKS:
        measured = in_turns(jobs(benchmark, options.duration, pythons), options.repeats)
        table(f"{benchmark}, {options.duration:g} ms", measured, COLUMNS)
        results[benchmark] = measured
        others = {name: result for name, result in measured.items() if not name.startswith("reference")}
        ratios[benchmark] = faster(others, measured["reference, 1 thread"], ("run_s", "build_s", "first_s"))
        goals.update(targets(benchmark, measured))
    finish("balanced", results, goals, times_faster_with_1_thread=ratios, repeats=options.repeats)


if __name__ == "__main__":
    main()
