"""Tools for scripts: the backend from the command line, timers, progress bars, logging, plots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyNN.utility.progress_bar import ProgressBar, SimulationProgressBar
from pyNN.utility.saved_populations import load_population, save_population
from pyNN.utility.script_tools import (
    colour,
    get_script_args,
    get_simulator,
    init_logging,
    normalized_filename,
    notify,
)
from pyNN.utility.timer import Timer

__all__ = [
    "ProgressBar",
    "SimulationProgressBar",
    "Timer",
    "colour",
    "forgetful_memoize",
    "get_script_args",
    "get_simulator",
    "init_logging",
    "load_population",
    "normalized_filename",
    "notify",
    "save_population",
    "sort_by_column",
]


class forgetful_memoize:
    """Decorator that remembers only the latest call's result, and gives it again while the arguments stay equal."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func
        self._arguments: tuple[Any, ...] | None = None
        self._result: Any = None

    def __call__(self, *args: Any) -> Any:
        if self._arguments is None or not _all_equal(args, self._arguments):
            self._result = self.func(*args)
            self._arguments = args
        return self._result


def _all_equal(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    return len(a) == len(b) and all(x is y or np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def sort_by_column(a: Any, col: int) -> Any:
    """The rows of the 2-D array `a` in ascending order of column `col`; equal ones stay in order."""
    array = np.asarray(a)
    return array[np.argsort(array[:, col], kind="stable")]
