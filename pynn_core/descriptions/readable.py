"""Values of a description as text for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_MOST_ITEMS = 6


def readable(value: Any) -> str:
    """A value of a describe() context as short text: numbers, arrays, parameters, models, populations."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    if isinstance(value, slice):
        return ":".join("" if part is None else str(part) for part in (value.start, value.stop, value.step)).rstrip(":")
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, np.ndarray):
        if value.ndim > 1 and value.size > _MOST_ITEMS and np.issubdtype(value.dtype, np.number):
            return _table(value)
        return _items(value.tolist(), "[", "]") if value.ndim else readable(value.item())
    if isinstance(value, (list, tuple, set, frozenset)):
        return _items(list(value), "[", "]")
    return _object(value)


def _items(items: list[Any], left: str, right: str) -> str:
    shown = ", ".join(readable(item) for item in items[:_MOST_ITEMS])
    more = f", ... {len(items)} values" if len(items) > _MOST_ITEMS else ""
    return f"{left}{shown}{more}{right}"


def _table(array: np.ndarray[Any, Any]) -> str:
    """A large array of more than one dimension: its shape and the range of its numbers (NaN: no connection)."""
    present = array[~np.isnan(array)]
    shape = " x ".join(map(str, array.shape))
    if present.size == 0 or present.min() == present.max():
        return f"{shape} values, all {readable(present[0]) if present.size else 'nan'}"
    return f"{shape} values between {readable(present.min())} and {readable(present.max())}"


def _mapping(context: Mapping[str, Any]) -> str:
    """A population's, a model's or any other dictionary."""
    if "label" in context:
        return _named_group(context)
    if "timing_dependence" in context:
        parts = [context["timing_dependence"], context.get("weight_dependence"), context.get("voltage_dependence")]
        values = {name: readable(context.get(name)) for name in ("weight", "delay")}
        given = [f"{name}={value}" for name, value in values.items() if value != "none"]
        return "STDP with " + ", ".join([*(readable(part) for part in parts if part is not None), *given])
    if "name" in context:
        return _model(context)
    return ", ".join(f"{name}={readable(value)}" for name, value in context.items()) or "none"


def _named_group(context: Mapping[str, Any]) -> str:
    details = []
    if "size" in context:
        details.append(f"{context['size']} cells")
    if "populations" in context:
        details.append(readable(context["populations"]))
    if "celltype" in context:
        celltype = context["celltype"]
        details.append(str(celltype["name"]) if isinstance(celltype, Mapping) else readable(celltype))
    if "parent" in context:
        details.append(f'of "{readable(context["parent"])}"')
    return f'"{context["label"]}"' + (f" ({', '.join(details)})" if details else "")


def _model(context: Mapping[str, Any]) -> str:
    """Name(parameter=value, ...) with the parameters that differ from the defaults; a composed model by its parts."""
    if "post_synaptic_receptors" in context:
        receptors = [f"{name}={readable(part)}" for name, part in context["post_synaptic_receptors"].items()]
        return f"{context['name']}({', '.join([readable(context['neuron']), *receptors])})"
    defaults = {name: readable(value) for name, value in context.get("default_parameters", {}).items()}
    values = {name: readable(value) for name, value in context.get("parameters", {}).items()}
    changed = {name: value for name, value in values.items() if defaults.get(name) != value}
    return f"{context['name']}({', '.join(f'{name}={value}' for name, value in changed.items())})"


def _object(value: Any) -> str:
    if hasattr(value, "base_value") and hasattr(value, "operations"):
        return _lazy(value)
    if hasattr(value, "value") and isinstance(value.value, np.ndarray):
        return readable(value.value)
    if hasattr(value, "text") and hasattr(value, "variables"):
        return str(value.text)
    if hasattr(value, "parameters") and hasattr(value, "name") and not callable(value.parameters):
        return f"{value.name}({readable(value.parameters)})"
    if callable(value) and hasattr(value, "__name__"):
        return "a function" if value.__name__ == "<lambda>" else f"function {value.__name__}"
    text = str(value)
    # The default text of a Python object tells a reader nothing but an address.
    return type(value).__name__ if " object at 0x" in text else text


def _lazy(array: Any) -> str:
    if not array.operations:
        return readable(array.base_value)
    if array.shape is None:
        return f"computed from {readable(array.base_value)}"
    return readable(array.evaluate(simplify=True))
