"""How long does the balanced network of 4000 conductance-based cells take, from setup() to spikes in hand?

    python benchmarks/coba4000.py --make-peers ~/pynn-peer

The first simulation of a process also loads libraries and compiled code; `again_s` is what a second one takes.
"""

from harness import arguments, measure, ratios, report

QUANTITIES = ["setup_to_spikes_s", "again_s", "build_s", "run_s", "process_s"]

if __name__ == "__main__":
    options = arguments(__doc__)
    results = measure(options, "coba4000")
    for name, again in measure(options, "coba4000_again").items():
        results[name]["again_s"] = again["setup_to_spikes_s"]
    report("coba4000", results, ratios(results, QUANTITIES), repeats=options.repeats)
