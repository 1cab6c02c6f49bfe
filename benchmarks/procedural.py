"""What does it cost to draw connections again at each spike, rather than to store them, and what memory does it spare?

    python benchmarks/procedural.py
    python benchmarks/procedural.py --cells 50000 --inputs 5000 --threads 2

Cells fire at 10 Hz of themselves; each pair is connected with the same probability, with a weight and a delay for all,
or with normal weights and uniform delays of their own. `ns/event` is the time of the run, with the update of the cells,
by synaptic event. The spikes of each cell have to be as many both ways.
"""

from __future__ import annotations

from peers import finish, in_turns, ours, parser, table

COLUMNS = {
    "synapses": "synapses", "build_s": "build s", "run_s": "run s", "ns_per_event": "ns/event",
    "memory_mb": "memory MB",
}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--cells", type=int, default=10_000)
    arguments.add_argument("--inputs", type=int, default=1000, help="synapses of each cell (1000)")
    arguments.add_argument("--duration", type=float, default=200.0, help="model time, ms (200)")
    arguments.add_argument("--threads", type=int, default=1)
    options = arguments.parse_args()
    given = {name: getattr(options, name) for name in ("cells", "inputs", "duration", "threads")}
    jobs = {
        f"{kind}, {'own values' if individual else 'shared values'}": ours(
            "connectivity", kind=kind, individual=individual, **given
        )
        for individual in (False, True)
        for kind in ("stored", "procedural")
    }
    results = in_turns(jobs, options.repeats, warm=True)
    table("connectivity", results, COLUMNS)
    ratios = {}
    for values in ("shared values", "own values"):
        stored, drawn = results[f"stored, {values}"], results[f"procedural, {values}"]
        if stored["counts"] != drawn["counts"]:
            raise SystemExit(f"{values}: the spikes differ.")
        ratios[values] = drawn["run_s"] / stored["run_s"]
        print(f"{values}: drawing takes {ratios[values]:.1f} times as long; the spikes are the same")
    finish("procedural", results, {}, times_as_long=ratios, **given)


if __name__ == "__main__":
    main()
