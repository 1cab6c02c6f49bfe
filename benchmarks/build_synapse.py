"""How many microseconds does a synapse cost, from the connector to the simulator?

    python benchmarks/build_synapse.py --pynn-python ~/pynn-peer/bin/python
"""

from harness import arguments, measure, ratios, report
from networks import BUILD_KINDS

SIZE = 2000

if __name__ == "__main__":
    options = arguments(__doc__)
    by_kind = {kind: measure(options, "build_synapse", kind, SIZE) for kind in BUILD_KINDS}
    results = {
        name: {kind: by_kind[kind][name]["us_per_synapse"] for kind in BUILD_KINDS} for name in options.runs
    }
    report("build_synapse", results, ratios(results, list(BUILD_KINDS)), unit="us per synapse", repeats=options.repeats)
