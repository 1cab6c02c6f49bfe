"""How long does the cortical microcircuit take, how much memory, and is its activity the published one and NEST's?

    python benchmarks/microcircuit.py
    python benchmarks/microcircuit.py --scale 1.0 --repeats 1 --nest-runs 0
    python benchmarks/microcircuit.py --scale 0.1 --duration 3000 --nest-runs 5

It runs examples/microcircuit.py as it is (Potjans and Diesmann 2014; 77,169 cells and 0.3 billion synapses at scale 1),
with all spikes recorded. Rates are compared with the published ones at full scale: those of Potjans and Diesmann
2014 and those that the reference implementation of the model in NEST states; the band is the range of the two, widened
by 10 % for the one second and the one network of a run. At any scale rates, coefficients of variation of inter-spike
intervals and correlations of spike counts are compared with NEST runs of other seeds, population by population.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from peers import FOLDER, Measured, Target, finish, median, ours, parser, table

PUBLISHED = {
    "L2/3E": (0.86, 0.903), "L2/3I": (2.80, 2.965), "L4E": (4.45, 4.414), "L4I": (5.93, 5.876),
    "L5E": (7.59, 7.569), "L5I": (8.64, 8.633), "L6E": (1.09, 1.105), "L6I": (7.88, 7.829),
}  # fmt: skip
"""Mean rates in spikes/s, of the paper and of the reference implementation."""
WIDENED = 0.1
FULL_SCALE_TARGETS = {"build_s": 60.0, "memory_mb": 4096.0, "real_time_factor": 4.0}
SETTLED_MS = 100.0
"""What comes before is the initial transient."""
COUNT_MS = 5.0
COMPARED_CELLS = 200
SIGNIFICANCE = 0.01
"""Probability that one of all compared numbers is called different although none is."""
COLUMNS = {
    "build_s": "build s", "run_s": "run s", "real_time_factor": "x real time", "memory_mb": "memory MB",
    "spikes": "spikes",
}  # fmt: skip


def activity(file: Path) -> dict[str, dict[str, float]]:
    """rate_hz, cv and correlation by population, after the transient.

    cv: mean over cells with at least five intervals. correlation: mean over pairs of the cells that spike, at most
    200 of them, of the correlation coefficient of spike counts in bins of 5 ms.
    """
    import numpy as np

    found = {}
    with np.load(file) as stored:
        dt, end = float(stored["dt"]), int(stored["steps"])
        begin = round(SETTLED_MS / dt)
        for number, (label, size) in enumerate(zip(stored["labels"], stored["sizes"], strict=True)):
            steps, cells = stored[f"steps{number}"], stored[f"cells{number}"]
            steps, cells = steps[steps > begin], cells[steps > begin]
            counts = np.bincount(cells, minlength=size)
            found[str(label)] = {
                "rate_hz": 1000.0 * len(steps) / (size * (end - begin) * dt),
                "cv": _mean_cv(steps, cells, counts),
                "correlation": _mean_correlation(steps - begin - 1, cells, counts, round(COUNT_MS / dt), end - begin),
            }
    return found


def _mean_cv(steps: Any, cells: Any, counts: Any) -> float:
    import numpy as np

    order = np.lexsort((steps, cells))
    steps, cells = steps[order], cells[order]
    intervals = np.diff(steps)[np.diff(cells) == 0].astype(float)
    owners = cells[1:][np.diff(cells) == 0]
    number = np.maximum(np.bincount(owners, minlength=len(counts)), 1)
    mean = np.bincount(owners, intervals, len(counts)) / number
    square = np.bincount(owners, intervals**2, len(counts)) / number
    enough = counts >= 6
    if not enough.any():
        return float("nan")
    return float(np.mean(np.sqrt(np.maximum(square - mean**2, 0.0))[enough] / mean[enough]))


def _mean_correlation(steps: Any, cells: Any, counts: Any, width: int, duration: int) -> float:
    import numpy as np

    chosen = np.flatnonzero(counts > 0)[:COMPARED_CELLS]
    if len(chosen) < 2:
        return float("nan")
    row = np.full(len(counts), -1)
    row[chosen] = np.arange(len(chosen))
    bins = duration // width
    inside = (row[cells] >= 0) & (steps < bins * width)
    table = np.zeros((len(chosen), bins))
    np.add.at(table, (row[cells[inside]], steps[inside] // width), 1.0)
    table = table[table.std(axis=1) > 0]
    coefficients = np.corrcoef(table)
    return float(coefficients[np.triu_indices(len(table), 1)].mean())


def bands(ours_: list[dict[str, Any]], nest: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each population and statistic our mean, NEST's, the half-width of the band about it, and whether it is in it.

    The band is that of a t-test with pooled variance, for all compared numbers together (Bonferroni).
    """
    import numpy as np
    from scipy import stats

    freedom = len(ours_) + len(nest) - 2
    statistics = ("rate_hz", "cv", "correlation")
    level = SIGNIFICANCE / (len(statistics) * len(PUBLISHED))
    quantile = float(stats.t.ppf(1.0 - level / 2.0, freedom))
    found: dict[str, dict[str, Any]] = {}
    for label in PUBLISHED:
        for statistic in statistics:
            a = np.array([run[label][statistic] for run in ours_])
            b = np.array([run[label][statistic] for run in nest])
            # Cells of a small network may be too silent for the statistic.
            if not (np.isfinite(a).all() and np.isfinite(b).all()):
                continue
            variance = (((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum()) / freedom
            width = quantile * float(np.sqrt(variance * (1.0 / len(a) + 1.0 / len(b))))
            found[f"{label} {statistic}"] = {
                "ours": float(a.mean()), "nest": float(b.mean()), "band": width,
                "inside": bool(abs(a.mean() - b.mean()) <= width),
            }  # fmt: skip
    return found


def one_run(
    backend: str, folder: str, options: Any, seed: int, threads: int = 1, duration: float | None = None,
    scale: float | None = None,
) -> tuple[Measured, dict[str, dict[str, float]]]:
    """What was measured, and the activity."""
    file = Path(folder) / f"{backend}{seed}.npz"
    network: dict[str, Any] = {
        "script": str(FOLDER.parent / "examples" / "microcircuit.py"), "backend": backend, "seed": seed,
        "scale": scale or options.scale, "duration": duration or options.duration, "threads": threads,
        "spikes_to": str(file),
    }  # fmt: skip
    if options.weights and backend == "reference":
        network["weights"] = options.weights
    measured = ours("microcircuit", **network).run()
    return measured, activity(file)


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--scale", type=float, default=0.1, help="(0.1)")
    arguments.add_argument("--duration", type=float, default=1000.0, help="model time, ms (1000)")
    arguments.add_argument("--threads", default="1,2", help="numbers of threads to measure (1,2)")
    arguments.add_argument("--weights", choices=["float64", "float32"], help="how weights are kept")
    arguments.add_argument("--nest-runs", type=int, default=3, help="seeds on NEST, and as many of ours (3; 0: none)")
    options = arguments.parse_args()
    if options.nest_runs == 1:
        raise SystemExit("--nest-runs 1 has no spread; give 2 or more, or 0.")
    numbers = [int(text) for text in options.threads.split(",")]
    results: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory() as folder:
        # Fills the cache of compiled code.
        one_run("reference", folder, options, 1, numbers[0], 10.0, scale=0.02)
        runs: dict[int, list[Measured]] = {threads: [] for threads in numbers}
        for repeat in range(options.repeats):
            for threads in numbers:
                measured, shown = one_run("reference", folder, options, 55 + repeat, threads)
                runs[threads].append(measured)
        for threads in numbers:
            results[f"reference, {threads} thread{'s' * (threads > 1)}"] = median(runs[threads])
        agreement = {}
        if options.nest_runs:
            theirs = [one_run("nest", folder, options, 100 + k) for k in range(options.nest_runs)]
            mine = [one_run("reference", folder, options, 200 + k) for k in range(options.nest_runs)]
            results["pyNN.nest, 1 thread"] = median([measured for measured, _ in theirs])
            agreement = bands([found for _, found in mine], [found for _, found in theirs])
    finish(
        "microcircuit", results, goals(options.scale, results, shown, agreement), scale=options.scale,
        duration_ms=options.duration, activity=shown, published_rates_hz=PUBLISHED, against_nest=agreement,
        repeats=options.repeats, nest_runs=options.nest_runs,
    )  # fmt: skip


def goals(
    scale: float, results: dict[str, Measured], shown: dict[str, dict[str, float]], agreement: dict[str, dict[str, Any]]
) -> dict[str, Target]:
    """Prints what was found, and the targets that hold at this scale."""
    table(f"scale {scale:g}", results, COLUMNS)
    rows: dict[str, Measured] = {}
    for label, found in shown.items():
        low, high = min(PUBLISHED[label]) * (1.0 - WIDENED), max(PUBLISHED[label]) * (1.0 + WIDENED)
        inside = "yes" if low <= found["rate_hz"] <= high else "no"
        rows[label] = {**found, "low": low, "high": high, "inside": inside}
    headings = {
        "rate_hz": "rate Hz", "low": "from", "high": "to", "inside": "inside", "cv": "CV", "correlation": "correlation",
    }  # fmt: skip
    table("population", rows, headings)
    table("against NEST", agreement, {"ours": "ours", "nest": "NEST", "band": "+-", "inside": "inside"})
    found_goals: dict[str, Target] = {}
    if agreement:
        outside = float(sum(not row["inside"] for row in agreement.values()))
        found_goals["statistics outside NEST's band"] = (outside, "at most", 0.0)
    if scale == 1.0:
        outside = float(sum(row["inside"] == "no" for row in rows.values()))
        found_goals["populations outside the published band"] = (outside, "at most", 0.0)
        for quantity, limit in FULL_SCALE_TARGETS.items():
            best = min(result[quantity] for name, result in results.items() if name.startswith("reference"))
            found_goals[f"full scale: {quantity}"] = (best, "at most", limit)
    return found_goals


if __name__ == "__main__":
    main()
