"""What a script reports of its run, for the row of a parameter study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyNN.errors import InvalidParameterValueError

Result = Any
"""A number, a text, or an array of numbers."""


@dataclass
class Collected:
    """What a run has said of itself."""

    results: dict[str, Result] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    """Circumstances of the run, for its manifest."""


_collected: ContextVar[Collected | None] = ContextVar("pynn_sweep_report", default=None)


def report(values: Mapping[str, Any] | None = None, /, **named: Any) -> None:
    """Put results of this run into its row of the parameter study: ``report(rate=7.2, psth=counts)``.

    A result is a number, a text or an array of numbers of any shape; also Neo's and quantities' arrays, of which the
    magnitude is kept. Where no study is under way, the values are printed. A name that is reported again has the new
    value.
    """
    found = {name: checked_result(name, value) for name, value in {**(values or {}), **named}.items()}
    collected = _collected.get()
    if collected is None:
        for name, value in found.items():
            print(f"{name} = {value}")
    else:
        collected.results.update(found)


def describe_run(**facts: Any) -> None:
    """Put circumstances of this run into its manifest, if a study is under way."""
    collected = _collected.get()
    if collected is not None:
        collected.facts.update(facts)


@contextmanager
def collecting() -> Iterator[Collected]:
    """What report() and describe_run() fill meanwhile."""
    found = Collected()
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


def checked_result(name: Any, value: Any) -> Result:
    """A result as int, float, bool, str or array of numbers; InvalidParameterValueError for anything else."""
    if not isinstance(name, str) or not name or "/" in name or name != name.strip(". \n"):
        raise InvalidParameterValueError(f"The name of a result is a text without '/', not {name!r}.")
    if isinstance(value, (bool, int, float, str)):
        return value
    try:
        array = np.array(getattr(value, "magnitude", value))
    except (TypeError, ValueError) as error:
        raise InvalidParameterValueError(_refused(name, value)) from error
    if array.dtype.kind == "U" and array.ndim == 0:
        return str(array)
    if array.dtype.kind not in "biufc":
        raise InvalidParameterValueError(_refused(name, value))
    return array.item() if array.ndim == 0 and array.dtype.kind != "c" else array


def _refused(name: str, value: Any) -> str:
    return (
        f"The result '{name}' is a {type(value).__name__}; a result is a number, a text, or an array of numbers "
        "(rows of the same length). Report lists of unequal length under a name each."
    )
