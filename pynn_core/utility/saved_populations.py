"""Populations in a file: cell type, parameters, positions and annotations, as readable JSON."""

from __future__ import annotations

import functools
import json
import os
import sys
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from pyNN.core import user_stacklevel
from pyNN.errors import FileFormatError, InvalidParameterValueError, NotSetUpError, PyNNDeprecationWarning
from pyNN.recording.output import replacing

_FORMAT = "pyNN population 1"


def save_population(
    population: Any, filename: str | os.PathLike[str], variables: Iterable[str] | None = None
) -> None:
    """Save a population so that load_population() can make it again, on any backend.

    `variables` names further attributes of the population (numbers, text, arrays) to be saved with it.
    """
    content = {
        "format": _FORMAT,
        "size": population.size,
        "label": population.label,
        "celltype": type(population.celltype).__name__,
        "parameters": {
            name: _plain(population.get(name, gather=True)) for name in population.celltype.get_parameter_names()
        },
        "initial_values": {name: _plain(value) for name, value in population.initial_values.items()},
        "positions": np.asarray(population.positions).tolist(),
        "annotations": {name: _plain(value) for name, value in population.annotations.items()},
        "variables": {name: _plain(getattr(population, name)) for name in variables or ()},
    }
    try:
        text = json.dumps(content, indent=1)
    except TypeError as error:
        raise InvalidParameterValueError(
            f"The population '{population.label}' has a value that cannot be saved as JSON: {error}."
        ) from error
    with replacing(filename) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _on_backend(filename: str | os.PathLike[str], sim: Any) -> Any:
    with open(filename, encoding="utf-8") as source:
        try:
            content = json.load(source)
        except ValueError as error:
            raise FileFormatError(f"'{os.fspath(filename)}' was not written by save_population(): {error}") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise FileFormatError(f"'{os.fspath(filename)}' was not written by save_population().")
    celltype = getattr(sim, content["celltype"], None)
    if celltype is None or content["celltype"] not in sim.list_standard_models():
        raise FileFormatError(
            f"'{os.fspath(filename)}' holds cells of type '{content['celltype']}', which this backend does not have."
        )
    population = sim.Population(
        content["size"],
        celltype(**{name: _revived(value) for name, value in content["parameters"].items()}),
        initial_values={name: _revived(value) for name, value in content["initial_values"].items()},
        label=content["label"],
    )
    population.positions = np.array(content["positions"], dtype=float)
    population.annotate(**content["annotations"])
    for name, value in content["variables"].items():
        setattr(population, name, _revived(value))
    return population


@functools.wraps(_on_backend, assigned=("__module__",))
def load_population(filename: str | os.PathLike[str], sim: Any = None) -> Any:
    """A new population on the backend `sim`, as save_population() saved it. Nothing in the file is executed.

    `sim` may be left out, which PyNN 0.6 does, where a single backend is set up.
    """
    if sim is None:
        warnings.warn(
            "load_population(file) is an old form (PyNN 0.6). Now: load_population(file, sim)",
            PyNNDeprecationWarning,
            stacklevel=user_stacklevel(),
        )
        sim = _only_backend()
    return _on_backend(filename, sim)


def _only_backend() -> Any:
    """The one backend that a simulation is set up on."""
    found = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("pyNN.") and name.count(".") == 1 and getattr(module, "script", None) is not None
        and module.script.is_set_up
    ]
    if len(found) != 1:
        names = ", ".join(module.__name__ for module in found) or "none"
        raise NotSetUpError(f"load_population(file, sim): say which backend. Those that are set up: {names}.")
    return found[0]


def _plain(value: Any) -> Any:
    """A value as JSON can hold it; one list of numbers that each cell has is marked, as it looks like one a cell."""
    if hasattr(value, "evaluate"):
        value = value.evaluate(simplify=True)
    if hasattr(value, "value") and isinstance(value.value, np.ndarray):
        return {"sequence": value.value.tolist()}
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.tolist()
    if isinstance(value, (np.ndarray, list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _revived(value: Any) -> Any:
    from pyNN.parameters import Sequence

    if isinstance(value, dict) and set(value) == {"sequence"}:
        return Sequence(value["sequence"])
    if isinstance(value, list):
        return [_revived(item) for item in value]
    return value
