"""Models with array-valued parameters: a definition that has a parameter and a state for each element.

In the equations of such a model, a line flagged (array) holds for each element of its array-valued parameters and
states, as does a statement that changes such a state; `sum(x)` adds up the elements of x. Names that occur together in
such a line have as many elements. Cells with fewer elements than others have the rest filled with zeros, or with ones
where a zero is not allowed; these elements stay 0 as long as what spikes add to them is such a zero.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyNN.equations import language
from pyNN.errors import InvalidDimensionsError
from pyNN.models import Definition, Parameter
from pyNN.specs import FloatArray, Ragged

FLAG = "array"
_NAME = r"(?<![\w.]){}(?![\w.])"


@dataclass(frozen=True)
class Expansion:
    """A definition without arrays, and what it was made from."""

    definition: Definition
    elements: Mapping[str, list[str]]
    """Names of the elements of every array-valued parameter and state."""

    def parameters(self, values: Mapping[str, Any], model: Definition, size: int) -> dict[str, Any]:
        """Parameters of the expanded definition, each a number or one number a cell."""
        result: dict[str, Any] = {}
        for name, value in values.items():
            if name in self.elements:
                result.update(self.split(name, value, model.parameters[name], size))
            else:
                result[name] = value
        return result

    def split(self, name: str, value: Any, parameter: Parameter, size: int) -> dict[str, FloatArray]:
        """The elements of an array-valued parameter, each as one number a cell; InvalidDimensionsError if too many."""
        names = self.elements[name]
        rows = _ragged(value, size)
        counts = np.diff(rows.offsets)
        if counts.size and int(counts.max()) > len(names):
            raise InvalidDimensionsError(
                f"'{name}' has {int(counts.max())} elements, but these cells were made for at most {len(names)}. Make "
                "the population with as many elements as it needs at most."
            )
        blank = 1.0 if parameter.minimum == 0.0 and parameter.exclusive else 0.0
        table = np.full((len(names), len(counts)), blank)
        cells = np.repeat(np.arange(len(counts)), counts)
        table[np.arange(len(rows.values)) - rows.offsets[cells], cells] = rows.values
        return {element: table[k] for k, element in enumerate(names)}

    def origin(self, name: str) -> str:
        """The name, in the model as declared, of what a parameter or state of the expanded definition belongs to."""
        return next((array for array, names in self.elements.items() if name in names), name)


def expand(definition: Definition, values: Mapping[str, Any] | None = None, size: int = 1) -> Expansion:
    """The definition with an own name for each element of its arrays, as many as some cell has at most.

    `values` (default: the parameters' defaults) are parameters as a PopulationSpec has them. InvalidDimensionsError
    where arrays that belong together differ in length. Definitions without arrays stay what they are.
    """
    arrays = _arrays(definition)
    if not arrays:
        return Expansion(definition, {})
    values = {n: p.default for n, p in definition.parameters.items()} if values is None else values
    lengths = _lengths(definition, arrays, values, size)
    elements = {name: [f"{name}_{k}" for k in range(lengths[name])] for name in arrays}
    parameters = {}
    for name, parameter in definition.parameters.items():
        for element in elements.get(name, [name]):
            plain = dataclasses.replace(parameter, is_array=False, default=0.0) if name in elements else parameter
            parameters[element] = plain
    states = {e: state for name, state in definition.states.items() for e in elements.get(name, [name])}
    return Expansion(
        dataclasses.replace(
            definition,
            parameters=parameters,
            states=states,
            equations="\n".join(_lines(definition.equations, elements)),
            threshold=_sums(definition.threshold, elements),
            reset="; ".join(_statements(definition.reset, elements)),
            receptors={
                name: dataclasses.replace(receptor, on_spike="; ".join(_statements(receptor.on_spike, elements)))
                for name, receptor in definition.receptors.items()
            },
        ),
        elements,
    )


def _arrays(definition: Definition) -> list[str]:
    if definition.source or not definition.equations:
        return []
    names = [name for name, parameter in definition.parameters.items() if parameter.is_array]
    if not names and not re.search(rf"\b{FLAG}\b", definition.equations):
        return []
    flagged = (e.name for e in language.parse_equations(definition.equations, definition.name) if FLAG in e.flags)
    return [*names, *flagged]


def _groups(definition: Definition, arrays: list[str]) -> list[set[str]]:
    """Names that occur together in a line that is repeated for each element."""
    groups = [{name} for name in arrays]
    statements = [s for text in (definition.reset, *(r.on_spike for r in definition.receptors.values()))
                  for s in _split(text)]
    for line in [*definition.equations.splitlines(), *statements]:
        text = re.sub(r"\bsum\s*\([^()]*\)", "", line)
        found = {name for name in arrays if re.search(_NAME.format(f"d?{re.escape(name)}"), text)}
        if len(found) > 1:
            groups = [g for g in groups if not g & found] + [set().union(*(g for g in groups if g & found))]
    return groups


def _lengths(definition: Definition, arrays: list[str], values: Mapping[str, Any], size: int) -> dict[str, int]:
    lengths = {}
    for group in _groups(definition, arrays):
        counts = {n: np.diff(_ragged(values[n], size).offsets) for n in sorted(group) if n in definition.parameters}
        first = next(iter(counts), "")
        for name, count in counts.items():
            if not np.array_equal(count, counts[first]):
                cell = int(np.flatnonzero(count != counts[first])[0])
                raise InvalidDimensionsError(
                    f"{definition.name}: '{first}' and '{name}' need as many elements as each other, but in cell {cell}"
                    f" they have {counts[first][cell]} and {count[cell]}."
                )
        longest = max((int(c.max()) for c in counts.values() if c.size), default=0)
        lengths.update(dict.fromkeys(group, longest))
    return lengths


def _ragged(value: Any, size: int) -> Ragged:
    if isinstance(value, Ragged):
        return value
    row = np.asarray(getattr(value, "value", value), dtype=float).ravel()
    return Ragged.from_list([row] * size)


def _lines(text: str, elements: Mapping[str, list[str]]) -> list[str]:
    lines = []
    for line in text.splitlines():
        flagged = re.search(r"\(([^()]*)\)\s*(?:#.*)?$", line)
        flags = [flag.strip() for flag in flagged[1].split(",")] if flagged else []
        if flagged is None or FLAG not in flags:
            lines.append(_sums(line, elements))
            continue
        rest = ", ".join(flag for flag in flags if flag != FLAG)
        plain = line[: flagged.start()] + (f"({rest})" if rest else "")
        lines += _repeated(plain, elements)
    return lines


def _split(text: str) -> list[str]:
    return [s for line in text.splitlines() for s in line.partition("#")[0].split(";") if s.strip()]


def _statements(text: str, elements: Mapping[str, list[str]]) -> list[str]:
    statements = []
    for statement in _split(text):
        target = re.split(r"[-+*/]?=", statement, maxsplit=1)[0].strip()
        statements += _repeated(statement, elements) if target in elements else [_sums(statement, elements)]
    return statements


def _repeated(text: str, elements: Mapping[str, list[str]]) -> list[str]:
    """The text once for each element of the arrays in it."""
    text = _sums(text, elements)
    found = [n for n in elements if re.search(_NAME.format(f"d?{re.escape(n)}"), text)]
    number = min((len(elements[n]) for n in found), default=0)
    lines = []
    for k in range(number):
        line = text
        for name in found:
            line = re.sub(_NAME.format(f"(d?){re.escape(name)}"), rf"\g<1>{elements[name][k]}", line)
        lines.append(line)
    return lines


def _sums(text: str, elements: Mapping[str, list[str]]) -> str:
    """The text with every sum(x) written out."""

    def written_out(match: re.Match[str]) -> str:
        names = elements.get(match[1])
        return match[0] if names is None else f"({' + '.join(names) or '0'})"

    return re.sub(r"\bsum\s*\(\s*([\w.]+)\s*\)", written_out, text)
