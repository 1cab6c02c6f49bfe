"""Connections of a session: columns into NEST by array, and back out of NEST in the order of the table."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.core import user_stacklevel
from pyNN.errors import CapabilityError, InternalError, InvalidWeightError, NonExistentParameterError
from pyNN.nest import plasticity, versions
from pyNN.nest.synapses import SMALLEST_WEIGHT, SynapseTranslation
from pyNN.specs import ConnectionTable, FloatArray, IntArray, ProjectionSpec

_OWN_MODELS_AT_MOST = 300
"""Projections beyond this number share a synapse model with labels: NEST has room for a limited number of models."""
_MODELS_AT_MOST = 450
"""Own models that projections with rows told apart by labels may use in addition."""
_LABELLED = "pynn_labelled"
_SINGULAR = 1e-7
"""tsodyks_synapse divides by tau_psc - tau_rec, which is kept at least this fraction of them."""


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
    synapse: SynapseTranslation
    pre_nodes: IntArray
    """Node id of each entry of spec.pre."""
    post_nodes: IntArray
    weight_factors: FloatArray | float
    """Standard to native, one for each entry of spec.post or one for all."""
    sign: int
    """The sign that a standard weight must have; 0: any."""
    ports: IntArray | int = 0
    """NEST's number of the receptor, one for each entry of spec.post or one for all."""
    receptor_taus: FloatArray | float | None = None
    """Time constant (ms) of the receptor, likewise; None where it has none."""
    selections: list[Selection] = field(default_factory=list)
    pre: NDArray[np.int32] | None = None
    post: NDArray[np.int32] | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    """Standard values that were connected or set, numbers or one a connection; with the delays the weights tell
    parallel connections apart."""
    delays: IntArray | None = None
    """Delays in steps, where NEST drew them; otherwise the table has them."""
    numbered: bool = False
    """Whether the label of each connection is its row in the table."""
    since: int = -1
    """The step at which it was made; -1: before the first run."""
    mirror: Built | None = None
    """The same connections in the other direction, for synapses that work in both."""
    collections: list[Any] | None = None
    """NEST's collections, one a selection, ..."""
    order: IntArray | None = None
    """... and for each row of the table the position in them."""
    plastic: tuple[int, dict[str, FloatArray]] | None = None
    """The step at which NEST was asked for plastic weights last, and its answer: asking is what takes time."""
    collected: int = -1
    ordered: int = -1
    """The epochs in which the two were found."""

    def factors(self, post: NDArray[np.int32]) -> FloatArray | float:
        """What turns standard weights into native ones, for connections onto the cells `post`."""
        return self.weight_factors if isinstance(self.weight_factors, float) else self.weight_factors[post]

    def of_post(self, values: Any) -> Any:
        """One value for each connection (or one for all) from one for each entry of spec.post (or one for all)."""
        return values if np.ndim(values) == 0 else np.asarray(values)[self.post]

    def delay_steps(self) -> IntArray:
        """Delays in steps, one a connection."""
        if self.delays is not None:
            return self.delays
        assert self.spec.table is not None
        return self.spec.table.delays.astype(np.int64)

    def native_weights(self, weights: Any) -> Any:
        """Weights in NEST's units and sign."""
        assert self.post is not None
        native = np.asarray(weights, dtype=float) * self.factors(self.post)
        if not self.synapse.signed:
            return native
        return np.where((native == 0.0) & (self.largest_sign(native) < 0.0), -SMALLEST_WEIGHT, native)

    def standard_weights(self, native: FloatArray) -> FloatArray:
        """Weights in PyNN's units and sign."""
        assert self.post is not None
        if self.synapse.signed:
            native = np.where(np.abs(native) <= SMALLEST_WEIGHT, 0.0, native)
        return np.asarray(native / self.factors(self.post)) + 0.0

    def largest_sign(self, native_weights: Any) -> Any:
        """The sign that NEST's largest weight must have."""
        assert self.post is not None
        if self.sign:
            return np.sign(self.factors(self.post)) * self.sign
        return np.where(np.asarray(native_weights) < 0.0, -1.0, 1.0)

    def native_parameters(self, columns: dict[str, Any], changed: set[str] | None = None) -> dict[str, Any]:
        """All native parameters but weight and delay, or those that depend on the `changed` standard ones."""
        assert self.post is not None
        scale = np.abs(self.factors(self.post))
        native = self.synapse.native_parameters(self.spec.model, columns, scale, changed)
        if "Wmax" in native and self.synapse.signed:
            native["Wmax"] = native["Wmax"] * self.largest_sign(self.native_weights(columns["weight"]))
        if self.synapse.from_receptor and (changed is None or {"tau_rec", self.synapse.from_receptor} & changed):
            native[self.synapse.from_receptor] = self._receptor_time_constant(columns)
        if self.synapse.short_term == "quantal" and changed is None:
            # At its first spike NEST takes u as it is.
            native |= {"a": native["n"], "u": native["U"]}
        return native

    def _receptor_time_constant(self, columns: dict[str, Any]) -> Any:
        tau = np.asarray(self.of_post(self.receptor_taus), dtype=float)
        recovery = np.asarray(columns["tau_rec"], dtype=float)
        return np.where(np.abs(tau - recovery) < _SINGULAR * recovery, recovery * (1.0 + _SINGULAR), tau)


class ConnectionStore:
    """Makes, reads and changes connections. `epoch` says when NEST may have put its connections into a new order."""

    def __init__(self, nest: Any, clock: Any) -> None:
        self._nest = nest
        self._clock = clock
        self._dt = clock.dt
        self._built: dict[int, Built] = {}
        self._models = 0
        self._labels = 0
        self._taus: dict[int, dict[int, float]] = {}
        """Time constant of the postsynaptic trace that each projection needs: projection -> id of a cell -> ms."""
        self._led_in = False
        self._log = plasticity.SpikeLog(nest, clock)
        self.epoch = 0
        self.spiking_nodes: IntArray = np.empty(0, dtype=np.int64)
        """Node ids of all presynaptic cells."""

    # --- making ------------------------------------------------------------------------------------------------

    def check(self, built: Built, taken: dict[int, float]) -> None:
        """Raise for what NEST cannot build; `taken`: id of a cell -> time constant of its postsynaptic trace.

        The time constants that this projection needs are added to `taken`.
        """
        spec = built.spec
        if built.synapse.trace and (spec.table is None or spec.table.size):
            post = np.arange(len(spec.post)) if spec.table is None else spec.table.post
            given = spec.table.columns if spec.table is not None else spec.rule.values if spec.rule else {}
            needed = self._needed_taus(built, post, spec.post, given[built.synapse.trace])
            self._check_taus(built, needed, taken)
            taken.update(needed)
        if built.synapse.short_term == "quantal" and np.any(np.asarray(spec.initial_values.get("u", 0.0)) != 0.0):
            raise CapabilityError(
                f"'{spec.label}': NEST's {built.synapse.native} releases with probability U at its first spike, so the "
                "initial value of u cannot be set. The backend 'reference' has it."
            )
        if built.synapse.from_receptor and built.receptor_taus is None:
            raise CapabilityError(
                f"'{spec.label}': NEST's {built.synapse.native} needs the time constant of the receptor "
                f"'{spec.receptor}', which has none. The backend 'reference' has it."
            )

    def _needed_taus(self, built: Built, post: Any, cells: Any, values: Any) -> dict[int, float]:
        tau = np.broadcast_to(np.asarray(values, dtype=float), (len(post),))
        present, first = np.unique(post, return_index=True)
        known = np.zeros(len(cells))
        known[present] = tau[first]
        if not np.array_equal(known[post], tau):
            raise CapabilityError(
                f"'{built.spec.label}': NEST keeps the postsynaptic trace in the cell, so all plastic connections onto "
                f"one cell must have the same {built.synapse.trace}. The backend 'reference' takes one for each."
            )
        return dict(zip(np.asarray(cells)[present].tolist(), known[present].tolist(), strict=True))

    def _check_taus(self, built: Built, needed: dict[int, float], taken: dict[int, float]) -> None:
        for cell, tau in needed.items():
            other = taken.get(cell, tau)
            if other != tau:
                raise CapabilityError(
                    f"'{built.spec.label}' has {built.synapse.trace} = {tau:g} ms, but another plastic projection onto "
                    f"the same cells has {other:g} ms: NEST keeps the postsynaptic trace in the cell, with one time "
                    "constant (tau_minus, or tau of Vogels2011Rule). Give both projections the same, or use the "
                    "backend 'reference'."
                )

    def taken(self, without: int | None = None) -> dict[int, float]:
        """Id of a cell -> time constant of the postsynaptic trace that projections (but one) have asked for."""
        found: dict[int, float] = {}
        for projection, taus in self._taus.items():
            if projection != without:
                found.update(taus)
        return found

    def connect(self, built: Built) -> None:
        """Make the connections of one projection."""
        self._built[built.spec.id] = built
        self.epoch += 1
        self.spiking_nodes = np.union1d(self.spiking_nodes, built.pre_nodes)
        built.since = self._clock.now if self._led_in else -1
        if built.spec.table is None:
            self._connect_by_rule(built)
        elif built.spec.table.size:
            self._connect_table(built)
        else:
            built.pre, built.post = built.spec.table.pre, built.spec.table.post
            built.columns = dict(built.spec.table.columns)
        if self._led_in:
            self._initialize(built)

    def _connect_table(self, built: Built) -> None:
        table = built.spec.table
        assert table is not None
        built.pre, built.post = table.pre, table.post
        # The table changes when a script sets values; these are the ones in NEST until `write`.
        built.columns = dict(table.columns)
        check_signs(built, built.columns["weight"])
        if built.synapse.changing or built.synapse.rows:
            pairs = table.pre.astype(np.int64) * (len(built.spec.post) + 1) + table.post
            built.numbered = len(np.unique(pairs)) < table.size
        native = built.native_parameters(built.columns)
        native["weight"] = built.native_weights(built.columns["weight"])
        if not built.synapse.symmetric:
            native["delay"] = np.asarray(table.delay_steps) * self._dt
        port = built.of_post(built.ports)
        if np.any(port):
            native["receptor_type"] = np.asarray(port, dtype=np.int64)
        for start in range(0, table.size, versions.MAX_CONNECTIONS):
            rows = slice(start, min(start + versions.MAX_CONNECTIONS, table.size))
            self._connect_block(built, rows, native)
        if built.synapse.trace:
            self._set_taus(built, built.columns[built.synapse.trace])
        if built.synapse.changing and built.synapse.rule != "native":
            self._log.watch(built.pre_nodes[np.unique(built.pre)], built.post_nodes[np.unique(built.post)])
        if built.synapse.symmetric:
            self._connect_mirror(built)

    def _connect_mirror(self, built: Built) -> None:
        table = built.spec.table
        assert table is not None
        swapped = ConnectionTable(table.post, table.pre, table.delay_steps, dict(table.columns))
        spec = replace(built.spec, pre=built.spec.post, post=built.spec.pre, table=swapped)
        one_way = replace(built.synapse, symmetric=False)
        factors = built.weight_factors if isinstance(built.weight_factors, float) else 1.0
        mirror = Built(spec, one_way, built.post_nodes, built.pre_nodes, factors, built.sign)
        mirror.pre, mirror.post, mirror.columns = swapped.pre, swapped.post, dict(built.columns)
        self._connect_block(mirror, slice(0, table.size), {"weight": mirror.native_weights(mirror.columns["weight"])})
        built.mirror = mirror

    def _set_taus(self, built: Built, values: Any) -> None:
        assert built.post is not None
        self._taus[built.spec.id] = self._needed_taus(built, built.post, built.spec.post, values)
        nodes, first = np.unique(built.post_nodes[built.post], return_index=True)
        tau = np.broadcast_to(np.asarray(values, dtype=float), built.post.shape)[first]
        if len(nodes):
            same = bool((tau == tau[0]).all())
            self._nest.NodeCollection(nodes).set(tau_minus=float(tau[0]) if same else tau)

    def _connect_block(self, built: Built, rows: slice, native: dict[str, Any]) -> None:
        table = built.spec.table
        assert table is not None
        n = rows.stop - rows.start
        own = self._models < (_MODELS_AT_MOST if built.numbered else _OWN_MODELS_AT_MOST)
        selection = self._new_model(built, own)
        defaults: dict[str, Any] = {}
        spec: dict[str, Any] = {"synapse_model": selection.synapse_model}
        # Of weight and largest weight, NEST compares the signs whenever one of them is set.
        together = {"weight", "Wmax"} if any(np.ndim(native.get(k, 0.0)) for k in ("weight", "Wmax")) else set()
        for name, given in native.items():
            values = np.asarray(given)
            if values.ndim:
                spec[name] = values[rows]
            elif own and name not in together:
                # A scalar column stays one: it is the default of the projection's own model.
                defaults[name] = values.item()
            else:
                spec[name] = np.full(n, values.item())
        if built.numbered:
            spec["synapse_label"] = np.arange(rows.start, rows.stop)
        elif selection.label is not None:
            spec["synapse_label"] = np.full(n, selection.label)
        if defaults:
            self._nest.SetDefaults(selection.synapse_model, defaults)
        self._nest.Connect(
            built.pre_nodes[table.pre[rows]], built.post_nodes[table.post[rows]], "one_to_one", syn_spec=spec
        )
        built.selections.append(selection)

    def _new_model(self, built: Built, own: bool) -> Selection:
        native = built.synapse.native
        if built.numbered:
            if not own or f"{native}_lbl" not in self._nest.synapse_models:
                raise CapabilityError(
                    f"'{built.spec.label}': NEST cannot tell parallel connections of a pair by {native} apart. "
                    "Make several projections, each with one connection a pair."
                )
            native = f"{native}_lbl"
        if own:
            name = f"pynn_{native}_{self._models}"
            self._models += 1
            self._nest.CopyModel(native, name)
            return Selection(name)
        if f"{native}_lbl" not in self._nest.synapse_models:
            raise CapabilityError(
                f"'{built.spec.label}': NEST has no room for more than {self._models} projections when {native} is "
                "among them. Merge projections with the help of an Assembly."
            )
        labelled = f"{_LABELLED}_{native}"
        if labelled not in self._nest.synapse_models:
            self._nest.CopyModel(f"{native}_lbl", labelled)
        self._labels += 1
        return Selection(labelled, self._labels)

    def _connect_by_rule(self, built: Built) -> None:
        from pyNN.nest.rules import connection_rule, native_values

        spec = built.spec
        assert spec.rule is not None
        if not len(spec.pre) or not len(spec.post):
            return
        conn_spec = connection_rule(spec.rule)
        selection = self._new_model(built, own=self._models < _OWN_MODELS_AT_MOST)
        syn_spec: dict[str, Any] = {
            "synapse_model": selection.synapse_model,
            **native_values(self._nest, built),
        }
        if selection.label is not None:
            syn_spec["synapse_label"] = selection.label
        pre = self._nest.NodeCollection(built.pre_nodes)
        post = self._nest.NodeCollection(built.post_nodes)
        self._nest.Connect(pre, post, conn_spec, syn_spec)
        built.selections.append(selection)
        if built.synapse.changing and built.synapse.rule != "native":
            self._log.watch(built.pre_nodes, built.post_nodes)
        if built.synapse.trace:
            tau = float(spec.rule.values[built.synapse.trace])
            self._taus[spec.id] = dict.fromkeys(spec.post.tolist(), tau)
            post.set(tau_minus=tau)

    # --- time --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """NEST's smallest delay is known: begin to keep the spikes of cells with plastic synapses."""
        self._log.start()

    def begin(self) -> None:
        """The lead-in is over, the session's time is 0: give the synapses their initial states."""
        self._led_in = True
        self.epoch += 1
        for built in self._built.values():
            self._initialize(built)

    def settle(self) -> None:
        """Between two pieces of a run: take the spikes out of NEST's recorder, and drop those that nobody needs."""
        self._log.settle()
        if self._log.crowded:
            plastic = [b for b in self._built.values() if b.synapse.changing and b.synapse.rule != "native"]
            longest = max((int(np.max(b.delay_steps(), initial=0)) for b in plastic), default=0)
            tau = max((t for taus in self._taus.values() for t in taus.values()), default=0.0)
            pre = np.unique(np.concatenate([b.pre_nodes for b in plastic]))
            self._log.forget(pre, longest + 50.0 * tau / self._dt)

    def _initialize(self, built: Built) -> None:
        values = built.spec.initial_values.get("u")
        if built.synapse.short_term != "tsodyks" or values is None or built.post is None or not len(built.post):
            return
        # NEST lets an initial state decay from its own time 0 on.
        elapsed = (self._clock.now + self._clock.lead_in) * self._dt
        tau = np.asarray(built.columns["tau_facil"], dtype=float)
        with np.errstate(divide="ignore", over="ignore"):
            u = np.where(tau > 0.0, np.asarray(values) * np.exp(elapsed / np.where(tau > 0.0, tau, 1.0)), 0.0)
        if np.any(u > 1.0):
            largest = float(np.exp(-elapsed / tau[tau > 0.0]).min())
            raise CapabilityError(
                f"'{built.spec.label}': the initial value of u must not be above {largest:.3g}, because "
                "NEST lets it decay from its own time 0 on."
            )
        self._set(built, {"u": u})

    # --- looking -----------------------------------------------------------------------------------------------

    def read_connections(self, projection: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(pre, post) indices of a projection, sorted by post, then pre."""
        built = self._built[projection]
        if built.pre is None or built.post is None:
            self._columns(built, [])
        assert built.pre is not None and built.post is not None
        return built.pre, built.post

    def read(self, projection: int, name: str) -> FloatArray:
        """An attribute or a state of all connections in the order of the table; delays in ms.

        NEST is asked for what it alone knows. What was connected or set is given back as it is.
        """
        built = self._built[projection]
        model, synapse = built.spec.model, built.synapse
        self._require(built, name, [*model.parameters, *model.states, "weight", "delay"])
        _, post = self.read_connections(projection)
        if name == "delay":
            return np.asarray(built.delay_steps() * self._dt, dtype=float)
        if not len(post):
            return np.empty(0)
        if name in model.states and name not in model.parameters:
            return self._read_state(built, name)
        if synapse.rule == "native":
            return self._read_native(built, name)
        if name == "weight" and synapse.rule and self._led_in:
            return built.standard_weights(self._present(built)[0])
        return np.array(np.broadcast_to(np.asarray(built.columns[name], dtype=float), post.shape))

    def _require(self, built: Built, name: str, valid: list[str]) -> None:
        if name not in valid:
            raise NonExistentParameterError(name, built.spec.model.name, valid)

    def _read_native(self, built: Built, name: str) -> FloatArray:
        assert built.post is not None
        if name == "weight":
            return np.asarray(self._columns(built, ["weight"])["weight"] / built.factors(built.post))
        return self._columns(built, [name])[name]

    def _read_state(self, built: Built, name: str) -> FloatArray:
        assert built.post is not None
        if built.synapse.short_term and self._led_in:
            return self._short_term(built)[name]
        if built.synapse.rule in ("stdp", "vogels") and self._led_in:
            if name == "x_pre":
                return self._present(built)[1]
            synapses = self._synapses(built)
            tau = np.broadcast_to(np.asarray(built.columns[built.synapse.trace], dtype=float), built.post.shape)
            times = self._clock.now - synapses.delays.astype(float)
            return plasticity.post_trace(self._log, synapses.post, times, tau / self._dt, True)
        state = built.spec.model.states[name]
        value = built.spec.initial_values.get(name, state.initial)
        return np.array(np.broadcast_to(np.asarray(value, dtype=float), built.post.shape))

    def _boundary(self) -> int:
        """NEST has delivered the spikes up to this step."""
        lag, lead_in = self._clock.lag, self._clock.lead_in
        return int((self._clock.now + lead_in - 1) // lag * lag - lead_in)

    def _synapses(self, built: Built) -> plasticity.Synapses:
        assert built.pre is not None and built.post is not None
        return plasticity.Synapses(
            built.pre_nodes[built.pre], built.post_nodes[built.post], built.delay_steps(), built.since
        )

    def _pair_rule(self, built: Built, columns: dict[str, Any]) -> plasticity.PairRule:
        assert built.post is not None
        n = len(built.post)
        tau = np.array(np.broadcast_to(np.asarray(columns[built.synapse.trace], dtype=float), (n,)))
        return plasticity.PairRule(built.synapse.rule, built.native_parameters(columns), tau, self._dt, n)

    def _present(
        self, built: Built, until: int | None = None, found: dict[str, FloatArray] | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """(native weights, presynaptic traces) at the present step, or at one before it; `found`: what NEST has."""
        found = self._plastic_columns(built) if found is None else found
        rule = self._pair_rule(built, built.columns)
        step = self._clock.now if until is None else until
        return plasticity.present_weights(
            self._log, self._synapses(built), rule, found["weight"], found["Kplus"], self._boundary(), step
        )

    def _plastic_columns(self, built: Built) -> dict[str, FloatArray]:
        """Native weights and presynaptic traces, which are the same as long as NEST does not run."""
        if built.plastic is None or built.plastic[0] != self._clock.now:
            built.plastic = (self._clock.now, self._columns(built, ["weight", "Kplus"]))
        return built.plastic[1]

    def _short_term(self, built: Built) -> dict[str, FloatArray]:
        tsodyks = built.synapse.short_term == "tsodyks"
        own = ["x", "y", "tau_psc"] if tsodyks else ["n", "a"]
        native = self._columns(built, ["u", "U", "tau_rec", "tau_fac", *own])
        compute = plasticity.tsodyks_states if tsodyks else plasticity.quantal_states
        return compute(
            self._log, self._synapses(built), native, self._dt, -self._clock.lead_in, self._boundary(), self._clock.now
        )

    # --- changing ----------------------------------------------------------------------------------------------

    def prepare(self, projection: int, name: str, values: Any, waiting: dict[str, Any]) -> Any:
        """Values that `write` may be given: a number, or one a connection; raises for what NEST cannot set.

        `waiting`: changes of the projection that have not been written yet.
        """
        built = self._built[projection]
        if name == "delay":
            raise CapabilityError(
                "NEST cannot change delays of connections that exist. Give the delays when the projection is created."
            )
        if name in built.spec.model.states and name not in built.spec.model.parameters:
            raise CapabilityError(
                f"'{built.spec.label}': NEST takes the state '{name}' of synapses only when the network is built. Call "
                "initialize() before the first run(), or right after reset()."
            )
        self._require(built, name, [p for p in built.spec.model.parameters if p != "delay"])
        if name == "weight":
            check_signs(built, values)
        pre, post = self.read_connections(projection)
        if built.synapse.problems is not None:
            columns = {**built.columns, **waiting, name: values}
            table = ConnectionTable(pre, post, 1, columns)
            problems = built.synapse.problems(table, built.spec.label)
            if problems:
                raise CapabilityError(" ".join(problems))
        if name == built.synapse.trace:
            needed = self._needed_taus(built, post, built.spec.post, values)
            self._check_taus(built, needed, self.taken(without=projection))
        array = np.asarray(values, dtype=float)
        return float(array) if array.ndim == 0 else np.array(np.broadcast_to(array, pre.shape))

    def write(self, projection: int, changes: dict[str, Any], since: int) -> None:
        """Set attributes of all connections: numbers, or one a connection in the order of the table.

        `since`: the step at which a script asked for it, from which on they act.
        """
        built = self._built[projection]
        if built.post is None or not len(built.post):
            built.columns.update(changes)
            return
        columns = {**built.columns, **changes}
        if built.synapse.rule in ("stdp", "vogels"):
            native = self._plastic_changes(built, columns, changes, since)
        else:
            native = self._plain_changes(built, columns, changes)
        # Rows are told apart by the weights that NEST has, so they are found before these change.
        self._set(built, native)
        if built.mirror is not None:
            self._set(built.mirror, native)
            built.mirror.columns.update(changes)
        built.columns = columns
        if built.synapse.trace in changes:
            self._set_taus(built, changes[built.synapse.trace])

    def _plain_changes(self, built: Built, columns: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        native = built.native_parameters(columns, set(changes))
        if "weight" in changes:
            native["weight"] = built.native_weights(changes["weight"])
        if "n" in changes and built.synapse.short_term == "quantal":
            found = self._columns(built, ["n", "a"])
            native["a"] = np.clip(found["a"] + native["n"] - found["n"], 0, None).astype(np.int64)
        if "U" in changes and built.synapse.short_term == "quantal":
            step = self._boundary() if self._led_in else -1
            last = plasticity.pending(self._log, self._synapses(built), step, step, False, False).last
            native["u"] = np.where(np.isfinite(last), self._columns(built, ["u"])["u"], native["U"])
        return native

    def _plastic_changes(
        self, built: Built, columns: dict[str, Any], changes: dict[str, Any], since: int
    ) -> dict[str, Any]:
        native = built.native_parameters(columns, {*changes, "w_max"} if "weight" in changes else set(changes))
        if not self._led_in:
            if "weight" in changes:
                native["weight"] = built.native_weights(changes["weight"])
            return native
        found = self._plastic_columns(built)
        present, traces = self._present(built, since, found)
        rule, synapses, boundary = self._pair_rule(built, columns), self._synapses(built), self._boundary()
        stored = found["Kplus"]
        if {"tau_plus", "tau"} & set(changes):
            stored = plasticity.trace_to_store(self._log, synapses, rule, traces, stored, boundary, since)
            native["Kplus"] = stored
        wanted = present
        if "weight" in changes:
            wanted = np.broadcast_to(built.native_weights(changes["weight"]), present.shape)
        weights, stored, compromises = plasticity.weights_to_store(
            self._log, synapses, rule, np.asarray(wanted), stored, boundary, since
        )
        if len(compromises):
            native["Kplus"] = stored
            warnings.warn(
                f"'{built.spec.label}': {len(compromises)} of the new weights are so small that NEST forgets part of "
                "what the last presynaptic spike does with the postsynaptic spikes to come: it has yet to apply those "
                "before the change. The backend 'reference' sets weights exactly.",
                UserWarning,
                stacklevel=user_stacklevel(),
            )
        sign = built.largest_sign(weights)
        native["weight"] = np.where((weights == 0.0) & (sign < 0.0), -SMALLEST_WEIGHT, weights)
        return native

    def receptor_changed(self, projection: int, taus: Any) -> None:
        """Take over a new time constant (ms) of the receptor, one for each entry of spec.post or one for all."""
        built = self._built[projection]
        built.receptor_taus = taus
        if built.post is not None and len(built.post):
            self._set(built, built.native_parameters(built.columns, {built.synapse.from_receptor}))

    def depending_on_receptors(self) -> list[Built]:
        """Projections whose synapses have a parameter that is the receptor's time constant."""
        return [built for built in self._built.values() if built.synapse.from_receptor]

    def _set(self, built: Built, native: dict[str, Any]) -> None:
        built.plastic = None
        single: dict[str, Any] = {}
        several: dict[str, Any] = {}
        for name, given in native.items():
            values = np.asarray(given)
            same = values.ndim == 0 or bool((values == values.flat[0]).all())
            (single if same else several)[name] = values.flat[0].item() if same else values
        if {"weight", "Wmax"} & set(several):
            assert built.post is not None
            for name in {"weight", "Wmax"} & set(single):
                several[name] = np.full(len(built.post), single.pop(name))
        if several:
            self._columns(built, [])
            assert built.order is not None
            several = {name: _scattered(values, built.order) for name, values in several.items()}
        start = 0
        for collection in self._collections(built):
            stop = start + len(collection)
            if stop > start:
                collection.set(**single, **{name: values[start:stop] for name, values in several.items()})
            start = stop

    def incoming(self, nodes: Any) -> tuple[IntArray, IntArray, FloatArray, IntArray, IntArray]:
        """(source, target, native weight, delay in steps, port) of all connections onto `nodes`, from NEST itself."""
        found = self._nest.GetConnections(target=nodes)
        values = versions.connection_columns(found, ["source", "target", "weight", "delay", "receptor"])
        steps = np.rint(values["delay"] / self._dt).astype(np.int64)
        source, target, port = (values[name].astype(np.int64) for name in ("source", "target", "receptor"))
        return source, target, values["weight"], steps, port

    # --- finding -----------------------------------------------------------------------------------------------

    def _collections(self, built: Built) -> list[Any]:
        if built.collections is None or built.collected != self.epoch:
            built.collections = [selection.find(self._nest) for selection in built.selections]
            built.collected = self.epoch
        return built.collections

    def _columns(self, built: Built, names: list[str]) -> dict[str, FloatArray]:
        """Native attributes of a projection's connections, in the order of the table; finds that order if need be."""
        known = built.ordered == self.epoch
        if known and not names:
            return {}
        wanted = list(names)
        if not known:
            wanted += ["source", "target", "weight"] + ([] if built.synapse.symmetric else ["delay"])
            wanted += ["synapse_label"] if built.numbered else []
        if built.post is None:
            wanted += [row.native for row in built.synapse.rows]
        wanted = list(dict.fromkeys(wanted))
        parts = [versions.connection_columns(collection, wanted) for collection in self._collections(built)]
        found = {name: np.concatenate([part[name] for part in parts]) if parts else np.empty(0) for name in wanted}
        if not known:
            self._order(built, found)
            built.ordered = self.epoch
        assert built.order is not None
        return {name: found[name][built.order] for name in names}

    def _order(self, built: Built, found: dict[str, FloatArray]) -> None:
        source, target = found["source"], found["target"]
        steps = np.rint(found["delay"] / self._dt).astype(np.int64) if "delay" in found else None
        if built.pre is None or built.post is None:
            assert steps is not None
            self._adopt(built, source, target, found, steps)
        elif built.numbered:
            self._match_numbers(built, source, target, found["synapse_label"].astype(np.int64))
        else:
            self._match(built, source, target, found["weight"], steps)

    def _adopt(self, built: Built, source: Any, target: Any, found: dict[str, FloatArray], steps: IntArray) -> None:
        pre = _positions(built.pre_nodes, source)
        post = _positions(built.post_nodes, target)
        built.order = np.lexsort((found["weight"], steps, pre, post))
        built.pre, built.post = pre[built.order].astype(np.int32), post[built.order].astype(np.int32)
        native = {name: values[built.order] for name, values in found.items()}
        assert built.spec.rule is not None
        scale = np.abs(built.factors(built.post))
        built.columns = {name: value for name, value in built.spec.rule.values.items() if np.ndim(value) == 0}
        built.columns |= built.synapse.standard_parameters(built.spec.model, native, scale)
        built.columns["weight"] = built.standard_weights(native["weight"])
        built.delays = steps[built.order]

    def _match_numbers(self, built: Built, source: Any, target: Any, label: IntArray) -> None:
        assert built.pre is not None and built.post is not None
        order = np.argsort(label, kind="stable")
        pre, post = built.pre_nodes[built.pre], built.post_nodes[built.post]
        if not (
            np.array_equal(label[order], np.arange(len(pre)))
            and np.array_equal(source[order], pre)
            and np.array_equal(target[order], post)
        ):
            self._complain(built, len(label))
        built.order = order

    def _match(self, built: Built, source: Any, target: Any, weight: FloatArray, steps: IntArray | None) -> None:
        assert built.pre is not None and built.post is not None
        pre, post = built.pre_nodes[built.pre], built.post_nodes[built.post]
        compared = [(pre, source), (post, target)]
        keys, found = [pre, post], [source, target]
        if steps is not None:
            delays = built.delay_steps()
            compared.append((delays, steps))
            keys.insert(0, delays)
            found.insert(0, steps)
        weights = np.broadcast_to(built.native_weights(built.columns["weight"]), built.pre.shape)
        if not built.synapse.rule:
            # Parallel connections are told apart by delay, then weight; any that agree in both are interchangeable.
            keys.insert(0, weights)
            found.insert(0, weight)
        rows, there = np.lexsort(keys), np.lexsort(found)
        same = len(rows) == len(there) and all(np.array_equal(ours[rows], nests[there]) for ours, nests in compared)
        if same and not built.synapse.rule:
            same = np.allclose(weights[rows], weight[there], rtol=1e-12, atol=0.0)
        if not same:
            self._complain(built, len(there))
        order = np.empty(len(rows), dtype=np.int64)
        order[rows] = there
        built.order = order

    def _complain(self, built: Built, number: int) -> None:
        assert built.pre is not None
        raise InternalError(
            f"NEST holds {number} connections for projection '{built.spec.label}', which are not the "
            f"{len(built.pre)} of its table."
        )


def _scattered(values: Any, order: IntArray) -> Any:
    found = np.empty_like(values)
    found[order] = values
    return found


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
