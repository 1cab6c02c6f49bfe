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
from pyNN.errors import (
    FileFormatError,
    InvalidParameterValueError,
    NoModelAvailableError,
    NotSetUpError,
    PyNNDeprecationWarning,
    PyNNError,
)
from pyNN.models import BaseCellTypeComponent, BasePostSynapticResponse
from pyNN.recording.output import replacing

_FORMAT = "pyNN population 1"
_FIELDS = {
    "size": int,
    "label": str,
    "celltype": str,
    "parameters": dict,
    "initial_values": dict,
    "positions": list,
    "annotations": dict,
    "variables": dict,
}
"""What a file holds, besides the components of a PointNeuron."""


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
        "components": dict(getattr(getattr(population.celltype, "definition", None), "components", {})),
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
    positions = _check(content, os.fspath(filename), sim.Population)
    try:
        celltype = _celltype(content, sim, os.fspath(filename))
        initial_values = {name: _revived(value) for name, value in content["initial_values"].items()}
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        if isinstance(error, PyNNError):
            raise
        raise FileFormatError(f"'{os.fspath(filename)}' has values that its cells cannot take: {error}.") from error
    population = sim.Population(content["size"], celltype, initial_values=initial_values, label=content["label"])
    population.positions = positions
    population.annotations.update(content["annotations"])
    for name, value in content["variables"].items():
        setattr(population, name, _revived(value))
    return population


def _check(content: dict[str, Any], filename: str, population: type) -> Any:
    """The positions in a file's content; FileFormatError where that is not what save_population() writes."""
    for name, kind in _FIELDS.items():
        value = content.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise FileFormatError(f"'{filename}': {name} must be of the type {kind.__name__}, not {value!r:.80}.")
    components = content.get("components", {})
    if not isinstance(components, dict) or not all(isinstance(kind, str) for kind in components.values()):
        raise FileFormatError(f"'{filename}': components must be names of types, not {components!r:.80}.")
    if components and "" not in components:
        raise FileFormatError(f"'{filename}': the components {components!r:.80} have no neuron, whose name is ''.")
    try:
        positions = np.array(content["positions"], dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise FileFormatError(f"'{filename}': the positions are not numbers: {error}.") from error
    if positions.shape != (3, content["size"]):
        raise FileFormatError(
            f"'{filename}': the positions of {content['size']} cells must have the shape (3, {content['size']}), not "
            f"{positions.shape}."
        )
    for name in content["variables"]:
        # A method or a property that a file replaces would change what the population does.
        if not name.isidentifier() or name.startswith("_") or hasattr(population, name):
            raise FileFormatError(f"'{filename}': a variable of a population cannot have the name '{name}'.")
    return positions


def _celltype(content: dict[str, Any], sim: Any, filename: str) -> Any:
    """The cell type with its parameters. Only names of models are looked up, whatever the file says."""
    name = content["celltype"]
    parameters = {key: _revived(value) for key, value in content["parameters"].items()}
    if content.get("components"):
        return _composed(content["components"], parameters, sim, filename)
    if name in sim.list_standard_models():
        return getattr(sim, name)(**parameters)
    if hasattr(sim, "native_cell_type"):
        try:
            return sim.native_cell_type(name)(**parameters)
        except NoModelAvailableError as error:
            raise FileFormatError(f"'{filename}' holds cells of type '{name}'. {error}") from error
    raise FileFormatError(f"'{filename}' holds cells of type '{name}', which this backend does not have.")


def _composed(components: dict[str, str], parameters: dict[str, Any], sim: Any, filename: str) -> Any:
    """A PointNeuron: component types by the receptor's name, the neuron's under ""; parameters are prefixed alike."""
    parts = {}
    for receptor, kind in components.items():
        component = getattr(sim, kind, None)
        base = BasePostSynapticResponse if receptor else BaseCellTypeComponent
        if not isinstance(component, type) or not issubclass(component, base):
            raise FileFormatError(f"'{filename}' holds cells with '{kind}', which this backend does not have.")
        prefix = f"{receptor}." if receptor else ""
        own = {prefix + key for key in component.get_parameter_names()}
        parts[receptor] = component(**{k.removeprefix(prefix): v for k, v in parameters.items() if k in own})
    neuron = parts.pop("")
    return sim.PointNeuron(neuron, **parts)


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
