"""How long does a second of a network take whose synapses are all plastic, against NEST?

    python benchmarks/plasticity.py
    python benchmarks/plasticity.py --synapses 10000000 --repeats 1

Synapses with spike-timing-dependent plasticity or short-term plasticity (Tsodyks and Markram), 1000 a cell; both sides
of each fire independently with 10 Hz. NEST has two models of the latter: tsodyks_synapse, which keeps what PyNN
defines, and the shorter tsodyks2_synapse. Static synapses show what the plasticity costs.
"""

from __future__ import annotations

from peers import Job, Target, add_peer_arguments, faster, finish, in_turns, interpreters, ours, parser, table

RULES = {"stdp": ("stdp",), "tsodyks_markram": ("tsodyks_markram", "tsodyks2"), "static": ("static",)}
"""What the same is called in NEST."""
TIMES_FASTER = 5.0
QUANTITIES = ("run_s", "build_s", "get_us_per_weight", "memory_mb")
COLUMNS = {
    "run_s": "run s", "build_s": "build s", "get_us_per_weight": "us/weight read", "memory_mb": "memory MB",
    "rate_hz": "rate Hz",
}  # fmt: skip


def main() -> None:
    arguments = parser(__doc__)
    add_peer_arguments(arguments)
    arguments.add_argument("--synapses", type=int, default=1_000_000, help="(1000000)")
    arguments.add_argument("--duration", type=float, default=1000.0, help="model time, ms (1000)")
    arguments.add_argument("--threads", type=int, default=1, help="of ours and of NEST (1)")
    arguments.add_argument("--rules", default=",".join(RULES), help=f"of {', '.join(RULES)}")
    options = arguments.parse_args()
    network = {"synapses": options.synapses, "duration": options.duration, "threads": options.threads}
    pythons = interpreters(options, ("nest",))
    results, ratios = {}, {}
    goals: dict[str, Target] = {}
    for rule in options.rules.split(","):
        jobs = {"reference": ours("plastic", rule=rule, **network)}
        if "nest" in pythons:
            for name in RULES[rule]:
                jobs[f"NEST, {name}"] = Job(pythons["nest"], "peer_nest.py", "plastic", {"rule": name, **network})
        results[rule] = in_turns(jobs, options.repeats)
        table(f"{rule}, {options.synapses} synapses", results[rule], COLUMNS)
        others = {name: measured for name, measured in results[rule].items() if name != "reference"}
        ratios[rule] = faster(others, results[rule]["reference"], QUANTITIES)
        if rule != "static":
            for name, ratio in ratios[rule].items():
                goals[f"{rule}: run, times faster than {name}"] = (ratio["run_s"], "at least", TIMES_FASTER)
    finish("plasticity", results, goals, times_faster=ratios, **network, repeats=options.repeats)


if __name__ == "__main__":
    main()
