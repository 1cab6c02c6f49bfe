"""Where NEST keeps the connections of a projection: between its order and that of the table."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyNN.errors import InternalError
from pyNN.nest import versions
from pyNN.nest.built import Built
from pyNN.specs import FloatArray, IntArray

_SAMPLES = 2000
"""So many connections are looked at to see whether NEST has kept the order in which they were made."""


class Lookup:
    """Finds, reads and sets connections. `epoch` says when NEST may have put its connections into a new order."""

    def __init__(self, nest: Any, dt: float, threads: int) -> None:
        self._nest = nest
        self._dt = dt
        self._threads = threads
        self.epoch = 0

    def columns(self, built: Built, names: list[str], rows: IntArray | None = None) -> dict[str, FloatArray]:
        """Native attributes of a projection's connections (or of some), in the order of the table."""
        found = self._find(built, names)
        assert built.order is not None
        if found is not None:
            return {name: found[name][built.order if rows is None else built.order[rows]] for name in names}
        members = self._members(built)
        if rows is None:
            return {name: values[built.order] for name, values in versions.connection_columns(members, names).items()}
        return versions.connection_columns([members[k] for k in built.order[rows].tolist()], names)

    def states(self, built: Built, names: list[str], delivered: int, log: Any) -> dict[str, FloatArray]:
        """Attributes that only spikes change; NEST has delivered those up to the step `delivered`.

        NEST is asked for those connections only whose presynaptic cell has fired since it was asked before.
        """
        if built.states is None or list(built.states) != names:
            built.states = self.columns(built, names)
        elif built.asked < delivered:
            assert built.pre is not None
            rows = np.flatnonzero(log.fired(built.pre_nodes, built.asked, delivered)[built.pre])
            for name, values in (self.columns(built, names, rows) if len(rows) else {}).items():
                built.states[name][rows] = values
        built.asked = delivered
        return built.states

    def order(self, built: Built) -> IntArray:
        """For each row of the table, the position among NEST's connections."""
        self._find(built, [])
        assert built.order is not None
        return built.order

    def set(self, built: Built, native: dict[str, Any]) -> None:
        """Set native attributes: numbers, or one a connection in the order of the table."""
        single: dict[str, Any] = {}
        several: dict[str, Any] = {}
        for name, given in native.items():
            values = np.asarray(given)
            same = values.ndim == 0 or bool((values == values.flat[0]).all())
            (single if same else several)[name] = values.flat[0].item() if same else values
            if built.states is not None and name in built.states:
                built.states[name][:] = values
        if {"weight", "Wmax"} & set(several):
            # NEST compares their signs whenever one of them is set.
            assert built.post is not None
            for name in {"weight", "Wmax"} & set(single):
                several[name] = np.full(len(built.post), single.pop(name))
        if built.made is not None and not len(built.made):
            return
        if several:
            order = self.order(built)
            several = {name: _scattered(values, order) for name, values in several.items()}
        versions.set_connections(self._members(built), single, several)

    def _members(self, built: Built) -> list[Any]:
        if built.members is None or built.collected != self.epoch:
            found = [versions.connections_of(selection.find(self._nest)) for selection in built.selections]
            built.members = [member for part in found for member in part]
            built.collected = self.epoch
        return built.members

    def _find(self, built: Built, names: list[str]) -> dict[str, FloatArray] | None:
        """Find the order of a projection's connections. If NEST was asked about all, it was about `names`, too."""
        if built.ordered == self.epoch:
            return None
        if self._as_made(built):
            built.ordered = self.epoch
            return None
        wanted = [*names, *self._identity(built)]
        if built.post is None:
            wanted += [row.native for row in built.synapse.rows]
        found = versions.connection_columns(self._members(built), list(dict.fromkeys(wanted)))
        self._order(built, found)
        built.ordered = self.epoch
        return found

    def _identity(self, built: Built) -> list[str]:
        """What tells connections apart."""
        names = ["source", "target", "weight"]
        if not built.synapse.symmetric:
            names.append("delay")
        return [*names, "synapse_label"] if built.numbered else names

    def _as_made(self, built: Built) -> bool:
        """Whether NEST has the connections in the order in which they were made, which is that of their sources.

        NEST sorts connections by source before it runs, and leaves alone what is sorted already, except in a small
        projection. With several threads it hands out the connections of each in an order that nobody knows.
        """
        if built.made is None or self._threads > 1 or len(built.made) <= _SAMPLES:
            return False
        assert built.pre is not None and built.post is not None
        members = self._members(built)
        if len(members) != len(built.made):
            return False
        chosen = np.unique(np.linspace(0, len(members) - 1, _SAMPLES).astype(np.int64))
        found = versions.connection_columns([members[k] for k in chosen.tolist()], self._identity(built))
        if not _agree(self._described(built), built.made[chosen], self._keys(found), slice(None)):
            return False
        built.order = np.empty(len(members), dtype=np.int64)
        built.order[built.made] = np.arange(len(members))
        return True

    def _order(self, built: Built, found: dict[str, FloatArray]) -> None:
        if built.post is None:
            self._adopt(built, found)
            return
        ours, nests = self._described(built), self._keys(found)
        # Parallel connections are told apart by delay, then weight; any that agree in both are interchangeable.
        rows = np.lexsort(list(ours.values()))
        there = np.lexsort([nests[name] for name in ours])
        if len(rows) != len(there) or not _agree(ours, rows, nests, there):
            raise InternalError(
                f"NEST holds {len(there)} connections for projection '{built.spec.label}', which are not the "
                f"{len(rows)} of its table."
            )
        built.order = np.empty(len(rows), dtype=np.int64)
        built.order[rows] = there

    def _described(self, built: Built) -> dict[str, Any]:
        """What identifies connections, in the order of the table; the most telling last."""
        assert built.pre is not None and built.post is not None
        found: dict[str, Any] = {}
        if not built.synapse.rule:
            found["weight"] = np.broadcast_to(built.native_weights(built.columns["weight"]), built.pre.shape)
        if not built.synapse.symmetric:
            found["delay"] = built.delay_steps()
        found |= {"source": built.pre_nodes[built.pre], "target": built.post_nodes[built.post]}
        return found | ({"synapse_label": np.arange(len(built.pre))} if built.numbered else {})

    def _keys(self, found: dict[str, FloatArray]) -> dict[str, Any]:
        """The same from NEST's values."""
        return {name: np.rint(v / self._dt) if name == "delay" else v for name, v in found.items()}

    def _adopt(self, built: Built, found: dict[str, FloatArray]) -> None:
        """Take over the connections that NEST has drawn."""
        pre = _positions(built.pre_nodes, found["source"])
        post = _positions(built.post_nodes, found["target"])
        steps = np.rint(found["delay"] / self._dt).astype(np.int64)
        built.order = np.lexsort((found["weight"], steps, pre, post))
        built.pre, built.post = pre[built.order].astype(np.int32), post[built.order].astype(np.int32)
        native = {name: values[built.order] for name, values in found.items()}
        assert built.spec.rule is not None
        scale = np.abs(built.factors(built.post))
        built.columns = {name: value for name, value in built.spec.rule.values.items() if np.ndim(value) == 0}
        built.columns |= built.synapse.standard_parameters(built.spec.model, native, scale)
        built.columns["weight"] = built.standard_weights(native["weight"])
        built.delays = steps[built.order]


def _agree(ours: dict[str, Any], rows: Any, nests: dict[str, Any], there: Any) -> bool:
    """Whether these rows of the table are these connections of NEST's; weights may differ by rounding."""
    return all(
        np.allclose(ours[name][rows], nests[name][there], rtol=1e-12, atol=0.0)
        if name == "weight"
        else np.array_equal(ours[name][rows], nests[name][there])
        for name in ours
    )


def _scattered(values: Any, order: IntArray) -> Any:
    found = np.empty_like(values)
    found[order] = values
    return found


def _positions(nodes: IntArray, wanted: Any) -> IntArray:
    order = np.argsort(nodes, kind="stable")
    return order[np.searchsorted(nodes, np.asarray(wanted, dtype=np.int64), sorter=order)]
