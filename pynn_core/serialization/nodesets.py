"""Node sets: named subsets of a circuit's nodes, by their attributes or as unions of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.errors import FileFormatError
from pyNN.serialization.container import asciify, read_json
from pyNN.specs import IntArray


@dataclass
class Nodes:
    """The cells of a node population."""

    cells: Any
    """A population or an assembly."""
    ids: IntArray
    """Node id of each cell, by position in `cells`."""
    attributes: dict[str, Any] = field(default_factory=dict)
    """Further attributes: one value a cell, by position."""

    def positions_of(self, ids: IntArray) -> IntArray:
        """Positions in `cells` of the nodes with these ids; FileFormatError for one that does not exist."""
        order = np.argsort(self.ids, kind="stable")
        if not len(ids):
            return np.empty(0, dtype=np.int64)
        where = np.minimum(np.searchsorted(self.ids, ids, sorter=order), max(len(order) - 1, 0))
        found = order[where] if len(order) else where
        if not len(order) or not (self.ids[found] == ids).all():
            missing = np.setdiff1d(ids, self.ids)
            raise FileFormatError(f"'{self.cells.label}' has no node {missing[0]}.")
        return np.asarray(found)


def nodes_of(network: Any) -> dict[str, Nodes]:
    """The node populations of an imported network; of another one its populations, numbered from 0, by name."""
    known: dict[str, Nodes] | None = getattr(network, "nodes", None)
    if known is not None:
        return known
    found: dict[str, Nodes] = {}
    for population in network._populations:
        found[unique_name(population.label, found)] = Nodes(population, np.arange(population.size))
    return found


def unique_name(label: str, taken: Any) -> str:
    """A label as a name in a file that none of `taken` has."""
    name = asciify(label)
    number = 2
    while name in taken:
        name = f"{asciify(label)}_{number}"
        number += 1
    return name


def read_node_sets(path: Path) -> dict[str, Any]:
    """The node sets of a file by name."""
    sets = read_json(path)
    for name, rule in sets.items():
        if not isinstance(rule, dict) and not (isinstance(rule, list) and all(isinstance(n, str) for n in rule)):
            raise FileFormatError(
                f"'{path}': the node set '{name}' must be an object of attributes or a list of names, not {rule!r}."
            )
    return sets


def select(rule: Any, sets: Mapping[str, Any], nodes: Mapping[str, Nodes]) -> dict[str, IntArray]:
    """Positions by node population of what a node set means: its name, its rule, or the name of a population."""
    return _select(rule, sets, nodes, ())


def _select(rule: Any, sets: Mapping[str, Any], nodes: Mapping[str, Nodes], within: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(rule, str):
        if rule in within:
            raise FileFormatError(f"The node set '{rule}' contains itself.")
        if rule in sets:
            return _select(sets[rule], sets, nodes, (*within, rule))
        if rule in nodes:
            return {rule: np.arange(len(nodes[rule].ids))}
        known = ", ".join([*sets, *nodes]) or "none"
        raise FileFormatError(f"There is no node set and no node population '{rule}'. There are: {known}.")
    if isinstance(rule, list):
        union: dict[str, Any] = {}
        for part in rule:
            for name, positions in _select(part, sets, nodes, within).items():
                union[name] = np.union1d(union[name], positions) if name in union else positions
        return union
    if not isinstance(rule, dict):
        raise FileFormatError(f"A node set is a name, a list of names or an object of attributes, not {rule!r}.")
    return _matching(rule, nodes)


def _matching(rule: Mapping[str, Any], nodes: Mapping[str, Nodes]) -> dict[str, Any]:
    """The nodes that have all the attributes of a rule, each one value or one of a list."""
    wanted = rule.get("population", list(nodes))
    found = {}
    for name in wanted if isinstance(wanted, list) else [wanted]:
        if not isinstance(name, str) or name not in nodes:
            raise FileFormatError(f"There is no node population '{name}'. There are: {', '.join(nodes) or 'none'}.")
        own = nodes[name]
        mask = np.ones(len(own.ids), dtype=bool)
        for attribute, value in rule.items():
            if attribute == "population":
                continue
            column = own.ids if attribute == "node_id" else own.attributes.get(attribute)
            values = value if isinstance(value, list) else [value]
            mask &= False if column is None else _is_one_of(np.asarray(column), values)
        if mask.any():
            found[name] = np.flatnonzero(mask)
    return found


def _is_one_of(column: Any, values: list[Any]) -> Any:
    """Which values of a column are in the list; a text is no number, and no number a text."""
    if column.dtype.kind not in "biuf":
        return np.isin(column, np.array([value for value in values if isinstance(value, str)], dtype=column.dtype))
    numbers = [value for value in values if isinstance(value, (int, float)) and abs(value) < 2**63]
    return np.isin(column.astype(float), np.array(numbers, dtype=float))


def explicit_sets(sets: Mapping[str, Any], nodes: Mapping[str, Nodes], sim: Any) -> list[Any]:
    """A view for each node set that lists nodes of one population, an assembly for each list of other sets."""
    made: dict[str, Any] = {}
    for name, rule in sets.items():
        if isinstance(rule, dict) and set(rule) == {"population", "node_id"} and isinstance(rule["population"], str):
            cells = nodes[rule["population"]].cells if rule["population"] in nodes else None
            if hasattr(cells, "celltype"):
                positions = select(name, sets, nodes).get(rule["population"], np.empty(0, dtype=int))
                made[name] = sim.PopulationView(cells, positions, label=name)
    for name, rule in sets.items():
        if isinstance(rule, list):
            known = {**{population: own.cells for population, own in nodes.items()}, **made}
            parts = [known[part] for part in rule if part in known]
            if len(parts) == len(rule):
                made[name] = sim.Assembly(*parts, label=name)
    return list(made.values())
