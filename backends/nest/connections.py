"""Connections of a session: columns into NEST by array, and back out of NEST in the order of the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.errors import CapabilityError, InternalError, InvalidWeightError, NonExistentParameterError
from pyNN.nest import models, versions
from pyNN.specs import FloatArray, IntArray, ProjectionSpec
from pyNN.units import factor

_OWN_MODELS_AT_MOST = 300
"""Projections beyond this number share a synapse model with labels: NEST has room for a limited number of models."""
_LABELLED = "pynn_labelled"


@dataclass
class Selection:
    """What picks a projection's connections out of all that NEST has."""

    synapse_model: str
    label: int | None = None

    def find(self, nest: Any) -> Any:
        if self.label is None:
            return nest.GetConnections(synapse_model=self.synapse_model)
        return nest.GetConnections(synapse_model=self.synapse_model, synapse_label=self.label)


@dataclass
class Built:
    """One projection in NEST."""

    spec: ProjectionSpec
    pre_nodes: IntArray
    """Node id of each entry of spec.pre."""
    post_nodes: IntArray
    weight_factors: FloatArray | float
    """Standard to native, one for each entry of spec.post or one for all."""
    sign: int
    """The sign that a standard weight must have; 0: any."""
    selections: list[Selection] = field(default_factory=list)
    pre: NDArray[np.int32] | None = None
    post: NDArray[np.int32] | None = None
    weights: FloatArray | None = None
    """Present standard weights in the order of the table: with the delays they tell parallel connections apart."""
    delays: IntArray | None = None
    """Delays in steps, where NEST drew them; otherwise the table has them."""
    found: list[Any] | None = None
    """NEST's collections, one a selection, ..."""
    order: IntArray | None = None
    """... and for each row of the table the position in them."""
    epoch: int = -1

    def factors(self, post: NDArray[np.int32]) -> FloatArray | float:
        """What turns standard weights into native ones, for connections onto the cells `post`."""
        return self.weight_factors if isinstance(self.weight_factors, float) else self.weight_factors[post]


class ConnectionStore:
    """Makes, reads and changes connections. `epoch` says when NEST may have put its connections into a new order."""

    def __init__(self, nest: Any, dt: float) -> None:
        self._nest = nest
        self._dt = dt
        self._built: dict[int, Built] = {}
        self._models = 0
        self._labels = 0
        self.epoch = 0
        self.spiking_nodes: IntArray = np.empty(0, dtype=np.int64)
        """Node ids of all presynaptic cells."""

    # --- making ------------------------------------------------------------------------------------------------

    def connect(self, built: Built) -> None:
        """Make the connections of one projection."""
        self._built[built.spec.id] = built
        self.epoch += 1
        self.spiking_nodes = np.union1d(self.spiking_nodes, built.pre_nodes)
        if built.spec.table is None:
            self._connect_by_rule(built)
        elif built.spec.table.size:
            self._connect_table(built)

    def _connect_table(self, built: Built) -> None:
        table = built.spec.table
        assert table is not None
        built.pre, built.post = table.pre, table.post
        check_signs(built, table.columns["weight"])
        factors = built.factors(table.post)
        # The table changes when a script sets weights; these are the ones in NEST until `write`.
        built.weights = np.asarray(table.columns["weight"], dtype=float)
        weights = built.weights * factors
        delays = np.asarray(table.delay_steps) * self._dt
        native = models.SYNAPSES[built.spec.model.name]
        for start in range(0, table.size, versions.MAX_CONNECTIONS):
            rows = slice(start, min(start + versions.MAX_CONNECTIONS, table.size))
            self._connect_block(built, native, rows, weights, delays)

    def _connect_block(
        self, built: Built, native: str, rows: slice, weights: FloatArray, delays: FloatArray
    ) -> None:
        table = built.spec.table
        assert table is not None
        n = rows.stop - rows.start
        own = self._models < _OWN_MODELS_AT_MOST
        selection, defaults = self._new_model(native, own)
        spec: dict[str, Any] = {"synapse_model": selection.synapse_model}
        for name, values in (("weight", weights), ("delay", delays)):
            if values.ndim:
                spec[name] = values[rows]
            elif own:
                # A scalar column stays one: it is the default of the projection's own model.
                defaults[name] = float(values)
            else:
                spec[name] = np.full(n, float(values))
        if selection.label is not None:
            spec["synapse_label"] = np.full(n, selection.label)
        if defaults:
            self._nest.SetDefaults(selection.synapse_model, defaults)
        self._nest.Connect(
            built.pre_nodes[table.pre[rows]], built.post_nodes[table.post[rows]], "one_to_one", syn_spec=spec
        )
        built.selections.append(selection)

    def _new_model(self, native: str, own: bool) -> tuple[Selection, dict[str, float]]:
        if own:
            name = f"pynn_{native}_{self._models}"
            self._models += 1
            self._nest.CopyModel(native, name)
            return Selection(name), {}
        labelled = f"{_LABELLED}_{native}"
        if labelled not in self._nest.synapse_models:
            self._nest.CopyModel(f"{native}_lbl", labelled)
        self._labels += 1
        return Selection(labelled, self._labels), {}

    def _connect_by_rule(self, built: Built) -> None:
        from pyNN.nest.rules import connection_rule, synapse_value

        spec = built.spec
        assert spec.rule is not None
        if not len(spec.pre) or not len(spec.post):
            return
        conn_spec = connection_rule(spec.rule)
        native = models.SYNAPSES[spec.model.name]
        selection, _ = self._new_model(native, own=self._models < _OWN_MODELS_AT_MOST)
        weight_factor = float(np.unique(built.weight_factors)[0])
        syn_spec: dict[str, Any] = {
            "synapse_model": selection.synapse_model,
            "weight": synapse_value(self._nest, spec.rule.values["weight"], weight_factor),
            "delay": synapse_value(self._nest, spec.rule.values["delay"], factor("ms", "ms")),
        }
        if selection.label is not None:
            syn_spec["synapse_label"] = selection.label
        pre = self._nest.NodeCollection(built.pre_nodes)
        post = self._nest.NodeCollection(built.post_nodes)
        self._nest.Connect(pre, post, conn_spec, syn_spec)
        built.selections.append(selection)

    # --- looking -----------------------------------------------------------------------------------------------

    def read_connections(self, projection: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(pre, post) indices of a projection, sorted by post, then pre."""
        built = self._built[projection]
        if built.pre is None or built.post is None:
            self._find(built)
        assert built.pre is not None and built.post is not None
        return built.pre, built.post

    def read(self, projection: int, name: str) -> FloatArray:
        """An attribute of all connections in the order of the table; delays in ms.

        Weights of static synapses are compared with those in NEST whenever connections are looked up.
        """
        built = self._built[projection]
        if name not in ("weight", "delay"):
            raise NonExistentParameterError(name, built.spec.model.name, ["weight", "delay"])
        self._find(built)
        assert built.post is not None and built.weights is not None
        if name == "weight":
            return np.array(np.broadcast_to(built.weights, built.post.shape))
        table = built.spec.table
        steps = built.delays if table is None else table.delays
        assert steps is not None
        return np.asarray(steps * self._dt, dtype=float)

    def prepare(self, projection: int, name: str, values: Any) -> FloatArray:
        """Values that `write` may be given, one a connection; raises for what NEST cannot set."""
        built = self._built[projection]
        if name == "delay":
            raise CapabilityError(
                "NEST cannot change delays of connections that exist. Give the delays when the projection is created."
            )
        if name != "weight":
            raise NonExistentParameterError(name, built.spec.model.name, ["weight"])
        check_signs(built, values)
        pre, _ = self.read_connections(projection)
        return np.array(np.broadcast_to(np.asarray(values, dtype=float), pre.shape))

    def write(self, projection: int, values: FloatArray) -> None:
        """Set the weights of all connections, given in the order of the table."""
        built = self._built[projection]
        self._find(built)
        assert built.order is not None and built.post is not None and built.found is not None
        native = values * built.factors(built.post)
        in_nest = np.empty_like(native)
        in_nest[built.order] = native
        start = 0
        for collection in built.found:
            stop = start + len(collection)
            if stop > start:
                part = in_nest[start:stop]
                collection.set(weight=float(part[0]) if (part == part[0]).all() else part)
            start = stop
        built.weights = values

    def incoming(self, nodes: Any) -> tuple[IntArray, IntArray, FloatArray, IntArray]:
        """(source, target, native weight, delay in steps) of all connections onto `nodes`, from NEST itself."""
        found = self._nest.GetConnections(target=nodes)
        values = versions.connection_columns(found, ["source", "target", "weight", "delay"])
        steps = np.rint(values["delay"] / self._dt).astype(np.int64)
        return values["source"].astype(np.int64), values["target"].astype(np.int64), values["weight"], steps

    def _find(self, built: Built) -> None:
        """Get a projection's connections from NEST and match them to the rows of the table."""
        if built.epoch == self.epoch:
            return
        built.found = [selection.find(self._nest) for selection in built.selections]
        names = ["source", "target", "weight", "delay"]
        parts = [versions.connection_columns(collection, names) for collection in built.found]
        source, target, weight, delay = (
            np.concatenate([part[name] for part in parts]) if parts else np.empty(0) for name in names
        )
        steps = np.rint(delay / self._dt).astype(np.int64)
        if built.pre is None or built.post is None:
            self._adopt(built, source, target, weight, steps)
        else:
            self._match(built, source, target, weight, steps)
        built.epoch = self.epoch

    def _adopt(self, built: Built, source: Any, target: Any, weight: FloatArray, steps: IntArray) -> None:
        pre = _positions(built.pre_nodes, source)
        post = _positions(built.post_nodes, target)
        built.order = np.lexsort((weight, steps, pre, post))
        built.pre, built.post = pre[built.order].astype(np.int32), post[built.order].astype(np.int32)
        built.weights = weight[built.order] / built.factors(built.post)
        built.delays = steps[built.order]

    def _match(self, built: Built, source: Any, target: Any, weight: FloatArray, steps: IntArray) -> None:
        table = built.spec.table
        assert built.pre is not None and built.post is not None
        if built.weights is None:
            # The projection has no connections, so there was nothing to connect.
            built.weights = np.empty(0)
        weights = np.broadcast_to(built.weights * built.factors(built.post), built.pre.shape)
        delays = built.delays
        if delays is None:
            assert table is not None
            delays = table.delays.astype(np.int64)
        pre, post = built.pre_nodes[built.pre], built.post_nodes[built.post]
        # Parallel connections are told apart by delay, then weight; any that agree in both are interchangeable.
        rows = np.lexsort((weights, delays, pre, post))
        there = np.lexsort((weight, steps, source, target))
        same = (
            len(rows) == len(there)
            and all(
                np.array_equal(ours[rows], nests[there])
                for ours, nests in ((pre, source), (post, target), (delays, steps))
            )
            and np.allclose(weights[rows], weight[there], rtol=1e-12, atol=0.0)
        )
        if not same:
            raise InternalError(
                f"NEST holds {len(there)} connections for projection '{built.spec.label}', which are not the "
                f"{len(rows)} of its table."
            )
        order = np.empty(len(rows), dtype=np.int64)
        order[rows] = there
        built.order = order


def check_signs(built: Built, weights: Any) -> None:
    """Raise InvalidWeightError for weights that NEST would take for those of the other receptor."""
    weights = np.asarray(weights, dtype=float)
    if built.sign and weights.size and bool((weights * built.sign < 0).any()):
        wanted = "positive" if built.sign > 0 else "negative"
        wrong = float(weights.ravel()[np.argmax(weights.ravel() * built.sign < 0)])
        raise InvalidWeightError(
            f"Projection '{built.spec.label}' {'may draw' if built.spec.table is None else 'has'} the weight {wrong}, "
            f"but weights for the receptor '{built.spec.receptor}' must be {wanted} or zero: NEST chooses "
            "the receptor by the sign."
            + (" Draw them from 'normal_clipped'." if np.isinf(wrong) else "")
        )


def _positions(nodes: IntArray, wanted: Any) -> IntArray:
    order = np.argsort(nodes, kind="stable")
    return order[np.searchsorted(nodes, np.asarray(wanted, dtype=np.int64), sorter=order)]
