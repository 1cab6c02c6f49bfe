"""Are spikes the same for any number of threads, and how much faster is the microcircuit with two?

    python benchmarks/threads.py --scale 0.1
    python benchmarks/threads.py --scale 1.0 --threads 1,2 --repeats 1

The example of the microcircuit as it is. Spikes are compared bit by bit, cell and step of each.
"""

from __future__ import annotations

from peers import FOLDER, finish, in_turns, ours, parser, table

SPEED_UP = 1.7
COLUMNS = {
    "run_s": "run s", "real_time_factor": "x real time", "build_s": "build s", "memory_mb": "memory MB",
    "spikes": "spikes",
}  # fmt: skip


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--scale", type=float, default=0.1, help="(0.1)")
    arguments.add_argument("--duration", type=float, default=1000.0, help="model time, ms (1000)")
    arguments.add_argument("--threads", default="1,2", help="numbers of threads (1,2)")
    options = arguments.parse_args()
    numbers = [int(text) for text in options.threads.split(",")]
    network = {
        "script": str(FOLDER.parent / "examples" / "microcircuit.py"), "backend": "reference", "scale": options.scale,
        "duration": options.duration, "seed": 55,
    }  # fmt: skip
    jobs = {str(n): ours("microcircuit", **network, threads=n) for n in numbers}
    # Fills the cache of compiled code.
    for n in numbers:
        ours("microcircuit", **{**network, "scale": 0.02, "duration": 10.0}, threads=n).run()
    results = in_turns(jobs, options.repeats, warm=False)
    table("threads", results, COLUMNS)
    first = results[str(numbers[0])]
    identical = {name: result["spikes_hash"] == first["spikes_hash"] for name, result in results.items()}
    speed_up = {name: first["run_s"] / result["run_s"] for name, result in results.items()}
    goals = {"threads with other spikes": (float(sum(not same for same in identical.values())), "at most", 0.0)}
    if "1" in results and "2" in results:
        goals["speed-up with 2 threads"] = (results["1"]["run_s"] / results["2"]["run_s"], "at least", SPEED_UP)
    finish(
        "threads", results, goals, identical_spikes=identical, speed_up=speed_up, scale=options.scale,
        duration_ms=options.duration, repeats=options.repeats,
    )  # fmt: skip
    if not all(identical.values()):
        raise SystemExit("Spikes depend on the number of threads.")


if __name__ == "__main__":
    main()
