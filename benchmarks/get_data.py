"""How long does get_data() take, for 4001 samples of 500 membrane potentials, and for the spikes of these cells?

    python benchmarks/get_data.py --pynn ~/pynn-peer/bin/python
"""

from harness import arguments, measure, ratios, report

CELLS, SAMPLES = 500, 4001

if __name__ == "__main__":
    options = arguments(__doc__)
    results = measure(options, "get_data", CELLS, SAMPLES)
    quantities = [name for name in next(iter(results.values())) if name.startswith("get_data")]
    report("get_data", results, ratios(results, quantities), repeats=options.repeats)
