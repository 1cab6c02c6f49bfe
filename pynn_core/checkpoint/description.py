"""Whether two networks are the same: digests of cells, parameters and connections, and what differs in a sentence.

The digest of connections is a sum over them, so it does not depend on their order, nor on how they are divided among
threads or processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.models import Definition
from pyNN.specs import ConnectionTable, CurrentSpec, Plasticity, PopulationSpec, ProjectionSpec, Ragged

Words = NDArray[np.uint64]
_AT_ONCE = 1 << 16
"""Connections that are dealt with together, so that what is in between stays in the processor's cache."""
_PARAMETER, _INITIAL, _PLASTICITY, _PATHWAY = "parameter", "initial value", "plasticity", "pathway"


def model_digest(model: Definition) -> str:
    """Identifies what a model does, and not its documentation or defaults."""
    receptors = [(n, r.unit, r.on_spike, r.sign, r.time_constant) for n, r in model.receptors.items()]
    texts = (
        model.name, model.equations, model.threshold, model.reset, model.refractory, model.source, model.on_pre,
        model.on_post, model.transmitted, model.coupling,
    )  # fmt: skip
    rest = (
        model.threshold_within_step, sorted(model.magnitudes), sorted(model.units.items()), receptors,
        sorted(model.components.items()),
    )  # fmt: skip
    if model.pathways or model.before_step or model.each_step or model.psp or model.method != "auto":
        ways = [(n, w.side, w.statements, w.transmitted, w.delay, *([w.event] if w.event else []))
                for n, w in model.pathways.items()]
        rest = (*rest, ways, model.before_step, model.each_step, model.psp, model.method)  # type: ignore[assignment]
    if model.reduce != "sum":
        rest = (*rest, model.reduce)  # type: ignore[assignment]
    return _hash(repr((texts, rest)).encode())


def value_digest(value: Any) -> str:
    """Of a scalar, an array or one array a cell."""
    if isinstance(value, Ragged):
        return "r" + _hash(
            np.ascontiguousarray(value.values, dtype=np.float64).tobytes(),
            np.ascontiguousarray(value.offsets, dtype=np.int64).tobytes(),
        )
    array = np.asarray(value)
    kind = np.int64 if array.dtype.kind in "iub" else np.float64
    return ("a" if array.ndim else "s") + _hash(np.ascontiguousarray(array, dtype=kind).tobytes())


def _hash(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


# --- connections -----------------------------------------------------------------------------------------------------


def _mixed(words: Words) -> Words:
    """Each word thoroughly mixed: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _summed(pairs: Words, values: Words | None) -> tuple[int, int]:
    """Two sums, modulo 2**64, of what becomes of each connection when it is mixed in two ways."""
    sums = []
    for salt in (0x9E3779B97F4A7C15, 0xD1342543DE82EF95):
        mixed = _mixed(pairs + np.uint64(salt))
        if values is not None:
            mixed = _mixed(mixed ^ (values * np.uint64(salt | 1)))
        sums.append(int(np.add.reduce(mixed)))
    return sums[0], sums[1]


@dataclass(frozen=True)
class Share:
    """What one MPI rank says of a column of a projection."""

    size: int
    """Its connections."""
    scalar: Any = None
    """The value that all of them have; None: they differ, and the sums tell them apart."""
    sums: tuple[int, int] = (0, 0)


def table_shares(table: ConnectionTable, names: list[str], narrow: bool) -> dict[str, Share]:
    """Share by name of "connections" (who connects to whom), "delay" and columns; `narrow`: weights are float32."""
    pre, post = table.pre, table.post
    found = {}
    for name in names:
        if name == "connections":
            found[name] = Share(len(pre), None, _sums(pre, post, None))
            continue
        column: Any = table.delay_steps if name == "delay" else table.columns[name]
        if np.ndim(column) and narrow and name == "weight":
            column = np.asarray(column, dtype=np.float32)
        found[name] = column_share(pre, post, column)
    return found


def column_share(pre: NDArray[Any], post: NDArray[Any], column: Any) -> Share:
    """Of one value a connection, or one for all."""
    if not np.ndim(column):
        return Share(len(pre), column)
    return Share(len(pre), None, _sums(pre, post, np.asarray(column)))


def in_sums(share: Share, pre: NDArray[Any], post: NDArray[Any]) -> Share:
    """The same with sums, for ranks that do not all have the same number."""
    if share.scalar is None:
        return share
    return Share(share.size, None, _sums(pre, post, np.broadcast_to(np.asarray(share.scalar), (len(pre),))))


def is_one_number(shares: Sequence[Share]) -> bool | None:
    """Whether all connections of all ranks have the same value; None: some ranks must say so `in_sums` first."""
    filled = [share for share in shares if share.size] or list(shares[:1])
    alike = [share.scalar is not None for share in filled]
    if not any(alike):
        return False
    if all(alike) and len({value_digest(share.scalar) for share in filled}) == 1:
        return True
    return None


def joined_digest(shares: Sequence[Share]) -> str:
    """Of the shares of all ranks: it does not depend on how many there are."""
    filled = [share for share in shares if share.size] or list(shares[:1])
    if filled[0].scalar is not None:
        return value_digest(filled[0].scalar)
    first, second = (sum(share.sums[k] for share in filled) % (1 << 64) for k in (0, 1))
    return f"c{sum(share.size for share in filled)}-{first:016x}{second:016x}"


def _sums(pre: NDArray[Any], post: NDArray[Any], column: NDArray[Any] | None) -> tuple[int, int]:
    first = second = 0
    for pairs, values in _pieces(pre, post, column):
        a, b = _summed(pairs, values)
        first, second = (first + a) % (1 << 64), (second + b) % (1 << 64)
    return first, second


def _pieces(
    pre: NDArray[Any], post: NDArray[Any], column: NDArray[Any] | None
) -> Iterator[tuple[Words, Words | None]]:
    for begin in range(0, len(pre), _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        pairs = (post[part].astype(np.uint64) << np.uint64(32)) + pre[part].astype(np.uint64)
        if column is None:
            yield pairs, None
            continue
        values = column[part]
        is_whole = values.dtype.kind in "iu"
        kind = np.uint64 if is_whole else np.float64
        yield pairs, np.ascontiguousarray(values, dtype=kind).view(np.uint64)


# --- the parts of a network ------------------------------------------------------------------------------------------


def fixed_facts(spec: PopulationSpec | ProjectionSpec | CurrentSpec) -> dict[str, Any]:
    """What no script can change of a part of the network."""
    if isinstance(spec, PopulationSpec):
        return {
            "size": spec.size, "cell type": spec.model.name, "equations": model_digest(spec.model),
        }  # fmt: skip
    if isinstance(spec, ProjectionSpec):
        return {
            "presynaptic cells": value_digest(spec.pre), "postsynaptic cells": value_digest(spec.post),
            "receptor type": spec.receptor, "synapse type": spec.model.name, "equations": model_digest(spec.model),
        }  # fmt: skip
    return {"current source": spec.model.name, "seed": -1 if spec.seed is None else spec.seed}


def changeable(spec: PopulationSpec | ProjectionSpec | CurrentSpec) -> dict[str, Any]:
    """What a script may change of a part of the network by (kind, name) as text, the columns of tables apart."""
    if isinstance(spec, CurrentSpec):
        return {f"{_PARAMETER} {n}": v for n, v in spec.parameters.items()} | {"cells": spec.cells}
    found = {f"{_INITIAL} {n}": v for n, v in spec.initial_values.items()}
    if isinstance(spec, PopulationSpec):
        found |= {f"{_PARAMETER} {n}": v for n, v in spec.parameters.items()}
    else:
        found |= {f"{_PATHWAY} {n}": int(v) for n, v in spec.active.items()}
        if spec.plasticity is not None:
            found |= {f"{_PLASTICITY} {n}": int(v) for n, v in asdict(spec.plasticity).items()}
    return found


def change(spec: PopulationSpec | ProjectionSpec | CurrentSpec, item: str, value: Any) -> None:
    """Give what `changeable` names another value."""
    value = np.array(value) if isinstance(value, np.ndarray) else value
    if item.startswith(_INITIAL):
        spec.initial_values[item[len(_INITIAL) + 1 :]] = value  # type: ignore[union-attr]
    elif item.startswith(_PLASTICITY):
        name = item[len(_PLASTICITY) + 1 :]
        before = spec.plasticity or Plasticity()  # type: ignore[union-attr]
        spec.plasticity = replace(  # type: ignore[union-attr]
            before, **{name: bool(value) if name == "on" else int(value)})
    elif item.startswith(_PATHWAY):
        spec.active[item[len(_PATHWAY) + 1 :]] = bool(value)  # type: ignore[union-attr]
    elif item == "cells":
        spec.cells = value  # type: ignore[union-attr]
    else:
        spec.parameters[item[len(_PARAMETER) + 1 :]] = value  # type: ignore[union-attr]


def columns_of(spec: ProjectionSpec) -> list[str]:
    """What there is to compare of a projection's table."""
    if spec.table is None:
        return []
    # A backend takes over only tables that have no column but the weight, and makes the columns anew to show them.
    columns = list(spec.table.columns) if spec.table.keeper is None else ["weight"]
    return ["connections", *([] if spec.model.coupling else ["delay"]), *columns]
