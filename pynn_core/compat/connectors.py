"""Connectors as PyNN 0.6 writes them: with weights, delays and a space, and with cells given by their addresses."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np

from pyNN.compat.generators import Arguments
from pyNN.compat.table import deprecated
from pyNN.connectors import ConnectionRequest, Connections, FromListConnector
from pyNN.core import IndexBasedExpression
from pyNN.errors import (
    CapabilityError,
    ConnectorError,
    FileFormatError,
    InvalidDimensionsError,
    InvalidParameterValueError,
)
from pyNN.random import RandomDistribution
from pyNN.space import Space
from pyNN.specs import IntArray

_OLD_NAMES = ("weights", "delays", "space")
FIRST_OLD_SLOT = {
    "AllToAllConnector": 1,
    "OneToOneConnector": 0,
    "FixedProbabilityConnector": 2,
    "DistanceDependentProbabilityConnector": 2,
    "FixedNumberPreConnector": 2,
    "FixedNumberPostConnector": 2,
    "FixedTotalNumberConnector": 2,
    "SmallWorldConnector": 3,
    "IndexBasedProbabilityConnector": 2,
    "DisplacementDependentProbabilityConnector": 2,
    "ArrayConnector": 1,
}
"""Connector -> position of the argument that is `weights` in PyNN 0.6."""
_ADDRESS = re.compile(r"\[([^\[\]]*)\]\s*$")


def connector(self: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    """Weights, delays and space are kept with the connector for the projection that uses it."""
    name = type(self).__name__
    slot = next((FIRST_OLD_SLOT[c.__name__] for c in type(self).__mro__ if c.__name__ in FIRST_OLD_SLOT), None)
    by_name = {key: named[key] for key in (*_OLD_NAMES, "verbose") if key in named}
    positional: dict[str, Any] = {}
    if slot is not None and len(arguments) > slot and _is_weight(arguments[slot]):
        if len(arguments) > slot + len(_OLD_NAMES):
            raise InvalidParameterValueError(
                f"{name}: weights, delays and space are the last arguments by position; given: {arguments[slot:]!r}."
            )
        positional = dict(zip(_OLD_NAMES, arguments[slot:], strict=False))
        arguments = arguments[:slot]
    if not by_name and not positional:
        return arguments, named, {}
    twice = [key for key in positional if key in by_name]
    if twice:
        raise InvalidParameterValueError(f"{name}: {twice[0]} was given by position and by name.")
    given = {**positional, **by_name}
    if "verbose" in given:
        deprecated("sim.AllToAllConnector verbose", cls=name)
        del given["verbose"]
    if "space" in given:
        deprecated("sim.AllToAllConnector space", cls=name)
        if not isinstance(given["space"], Space):
            raise InvalidParameterValueError(f"{name}: space must be a pyNN.space.Space, not {given['space']!r}.")
    if "weights" in given or "delays" in given:
        deprecated("sim.AllToAllConnector weights", cls=name)
    named = {key: value for key, value in named.items() if key not in by_name}
    return arguments, named, {"_old": given, **given}


def _is_weight(value: Any) -> bool:
    """Whether an argument can only be a weight: a number, numbers or a distribution."""
    if isinstance(value, (bool, np.bool_)):
        return False
    if isinstance(value, (int, float, np.number, RandomDistribution)):
        return True
    if isinstance(value, (list, tuple, np.ndarray)):
        return bool(len(value)) and np.asarray(value).dtype.kind in "iuf"
    return False


class InOrder(IndexBasedExpression):
    """Values for connections in the order in which PyNN 0.6 makes them: by pre, then post cell.

    There may be more values than connections; the rest is not used.
    """

    def __init__(self, values: Any, name: str) -> None:
        super().__init__()
        self.values = np.asarray(values, dtype=float)
        self.name = name

    def __call__(self, i: Any, j: Any) -> Any:
        if self.projection is not None and self.projection._owner.comm.parts > 1:
            # A rank knows its own connections only, and not which numbers they have among all.
            raise CapabilityError(
                f"{self.name}: a list with one value a connection, in the order of PyNN 0.6, works in one process "
                "only. Under MPI give the weights and delays in the rows of a FromListConnector, or as arrays of shape "
                "(pre, post) to a synapse type."
            )
        if len(self.values) < len(i):
            raise InvalidDimensionsError(
                f"{self.name}: {len(self.values)} values were given for {len(i)} connections; at least one a "
                "connection is needed."
            )
        result = np.empty(len(i))
        result[np.lexsort((j, i))] = self.values[: len(i)]
        return result


def in_order(value: Any, name: str) -> Any:
    """A list of weights or delays as an expression; anything else as it is."""
    if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) == 1:
        return InOrder(value, name)
    return value


# --- addresses -----------------------------------------------------------------------------------------------------


def dimensions(group: Any, size: int) -> tuple[int, ...]:
    """Dimensions of a population; a view or an assembly has one."""
    return tuple(getattr(group, "_dims", (size,)))


def from_list(self: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    """FromListConnector([((i, j), (k, l), weight, delay)])."""
    rows = arguments[0] if arguments else named.get("conn_list")
    # The first row tells; a list may have a million.
    if not isinstance(rows, (list, tuple)) or not rows or not _has_address(rows[0]):
        return arguments, named, {}
    deprecated("sim.FromListConnector")
    # The dimensions of the populations are known only when the connector is used.
    if arguments:
        return ([], *arguments[1:]), named, {"_rows": list(rows)}
    return arguments, {**named, "conn_list": []}, {"_rows": list(rows)}


def _has_address(row: Any) -> bool:
    """Whether it is (address, address, weight, delay), of which at least one address is a tuple."""
    return (
        isinstance(row, (list, tuple))
        and len(row) == 4
        and any(isinstance(cell, (list, tuple, np.ndarray)) for cell in row[:2])
    )


def from_file(self: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    """FromFileConnector(filename=...)."""
    if "filename" in named:
        deprecated("sim.FromFileConnector filename")
        named = {"file": named["filename"], **{key: value for key, value in named.items() if key != "filename"}}
    return arguments, named, {}


def connect_list(original: Any, connector: Any, request: ConnectionRequest) -> Connections:
    """The connections of a FromListConnector; those of one with addresses when the populations are known."""
    rows = connector.__dict__.get("_rows")
    if rows is None:
        return original(connector, request)
    wrong = [k for k, row in enumerate(rows) if not isinstance(row, (list, tuple)) or len(row) != 4]
    if wrong:
        raise ConnectorError(
            f"Row {wrong[0]} of the list is {rows[wrong[0]]!r}; all need (pre address, post address, weight, delay)."
        )
    return _connect(connector, request, rows, [f"row {k}" for k in range(len(rows))])


def connect_file(original: Any, connector: Any, request: ConnectionRequest) -> Connections:
    """The connections of a FromFileConnector; the layout ``label[i, j]  label[k, l]  weight  delay`` is PyNN 0.6's."""
    if not isinstance(connector.file, (str, os.PathLike)):
        return original(connector, request)
    path = os.fspath(connector.file) + (f".{request.rank}" if connector.distributed else "")
    if not _has_old_layout(path):
        return original(connector, request)
    deprecated("sim.FromFileConnector")
    rows, places = [], []
    try:
        with open(path, encoding="utf-8") as stream:
            lines = stream.readlines()
    except UnicodeDecodeError as error:
        raise FileFormatError(f"'{path}' is not a text file in UTF-8: {error}.") from None
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.startswith("#"):
            rows.append(_parsed(line, path, number))
            places.append(f"file '{path}', line {number}")
    return _connect(connector, request, rows, places)


def _has_old_layout(path: str) -> bool:
    try:
        with open(path, encoding="utf-8") as lines:
            first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    except (OSError, UnicodeDecodeError):
        # What is wrong with the file is for its modern reader to say.
        return False
    return _ADDRESS.search(first.split("\t")[0]) is not None


def _parsed(line: str, path: str, number: int) -> tuple[Any, ...]:
    words = line.rstrip("\n").split("\t")
    found = [_ADDRESS.search(word) for word in words[:2]]
    try:
        addresses = [tuple(int(n) for n in match[1].split(",") if n.strip()) for match in found if match]
        values = [float(word) for word in words[2:]]
    except ValueError as error:
        raise FileFormatError(f"File '{path}', line {number}: {error}.") from None
    if len(addresses) != 2:
        raise FileFormatError(
            f"File '{path}', line {number}: {line.strip()!r} is not label[i, j], label[k, l], weight, delay, "
            "separated by tabs."
        )
    return (*addresses, *values)


def _connect(connector: Any, request: ConnectionRequest, rows: list[Any], places: list[str]) -> Connections:
    projection = request.projection_object
    pre = _numbers([row[0] for row in rows], dimensions(getattr(projection, "pre", None), request.n_pre), places, "pre")
    post = _numbers(
        [row[1] for row in rows], dimensions(getattr(projection, "post", None), request.n_post), places, "post"
    )
    table = [(i, j, *row[2:]) for i, j, row in zip(pre.tolist(), post.tolist(), rows, strict=True)]
    modern = FromListConnector(table, safe=connector.safe, callback=connector.callback)
    return modern.connections(request)


def _numbers(addresses: list[Any], shape: tuple[int, ...], places: list[str], side: str) -> IntArray:
    """Indices of cells from their addresses; an integer is the address in one dimension, or an index."""
    numbers = np.empty(len(addresses), dtype=np.int64)
    for k, address in enumerate(addresses):
        parts = tuple(int(n) for n in address) if np.ndim(address) else (int(address),)
        bounds = shape if np.ndim(address) else (int(np.prod(shape)),)
        if len(parts) != len(bounds) or not all(0 <= n < bound for n, bound in zip(parts, bounds, strict=True)):
            raise ConnectorError(
                f"{places[k][0].upper()}{places[k][1:]}: the {side} address {parts} does not exist; the population "
                f"has the dimensions {shape}."
            )
        numbers[k] = np.ravel_multi_index(parts, bounds)
    return numbers
