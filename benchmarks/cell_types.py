"""How many nanoseconds of processor time does a time step of 0.1 ms cost in one cell, by cell type?

    python benchmarks/cell_types.py
    python benchmarks/cell_types.py --backends reference --repeats 5

The cells get noisy input and fire. The last line tells how many times faster the reference backend is than NEST.
"""

from harness import arguments, measure, report

SIZE = 1000
CELL_TYPES = (
    "IF_cond_exp",
    "IF_cond_exp_gsfa_grr",
    "EIF_cond_exp_isfa_ista",
    "EIF_cond_alpha_isfa_ista",
    "Izhikevich",
    "HH_cond_exp",
)
COST = "ns_per_cell_and_step"

if __name__ == "__main__":
    options = arguments(__doc__)
    results, faster = {}, {}
    for name in CELL_TYPES:
        measured = measure(options, "cell_type", name, SIZE)
        results.update({f"{name}, {backend}": values for backend, values in measured.items()})
        if {"reference", "nest"} <= set(measured):
            faster[name] = measured["nest"][COST] / measured["reference"][COST]
    report("cell_types", results, {}, times_faster_than_nest=faster, size=SIZE, repeats=options.repeats)
