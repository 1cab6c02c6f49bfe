"""Parameter studies: one model, many parameter values and seeds, one row of results for each run.

``sweep(model, {"weight": "0.1:0.5:5"}, seeds=range(10), out="results.h5")`` calls ``model(weight=..., seed=...)`` for
each combination, every time in a process of its own, and keeps what it returns. `pynn sweep` does the same with a
script.
"""

from pyNN.sweep.grid import Point, parse_parameter, parse_seeds, parse_values, points
from pyNN.sweep.reporting import report
from pyNN.sweep.rows import Results, Row
from pyNN.sweep.store import load_results
from pyNN.sweep.study import sweep

__all__ = [
    "Point",
    "Results",
    "Row",
    "load_results",
    "parse_parameter",
    "parse_seeds",
    "parse_values",
    "points",
    "report",
    "sweep",
]
