"""How long do reading and writing of weights and parameters take, for 400 000 connections and 2000 cells?

    python benchmarks/get_set.py --pynn ~/pynn-peer/bin/python
"""

from harness import arguments, measure, ratios, report

SIZE = 2000

if __name__ == "__main__":
    options = arguments(__doc__, repeats=1)
    results = measure(options, "get_set", SIZE)
    quantities = [name for name in next(iter(results.values())) if name not in ("import_s", "process_s", "connections")]
    report("get_set", results, ratios(results, quantities), repeats=options.repeats)
