"""How near is the time that `pynn check` predicts for the examples to what they need?

    python benchmarks/prediction.py --repeats 3

Processor time of whole processes, because what else the machine does is not to be predicted. The first run of each
compiles what it needs and does not count. Predicted and needed times are medians of runs that take turns.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile

from peers import FOLDER, finish, output_of, parser, table

SCRIPTS = ["balanced_network.py", "brunel.py", "microcircuit.py", "cell_type_tour.py"]
FACTOR = 2.0


def child_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    options = parser(__doc__).parse_args()
    results = {}
    for script in SCRIPTS:
        path = str(FOLDER.parent / "examples" / script)
        predicted, needed = [], []
        with tempfile.TemporaryDirectory() as folder:
            run = [sys.executable, path, "reference"]
            output_of(run, cwd=folder)
            for _ in range(options.repeats):
                check = [sys.executable, "-m", "pyNN", "check", "--json", path]
                predicted.append(json.loads(output_of(check, cwd=folder))["seconds"]["reference"]["total"])
                before = child_seconds()
                output_of(run, cwd=folder)
                needed.append(child_seconds() - before)
        times = {"predicted_s": statistics.median(predicted), "needed_s": statistics.median(needed)}
        results[script] = {**times, "ratio": times["predicted_s"] / times["needed_s"]}
    table("pynn check", results, {"predicted_s": "predicted s", "needed_s": "needed s", "ratio": "predicted/needed"})
    goals = {
        f"{script}: the larger one to the other": (max(one["ratio"], 1.0 / one["ratio"]), "at most", FACTOR)
        for script, one in results.items()
    }
    finish("prediction", results, goals, repeats=options.repeats)


if __name__ == "__main__":
    main()
