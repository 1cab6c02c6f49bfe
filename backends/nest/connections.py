"""Connections of a session: columns into NEST by array, and back out of NEST in the order of the table."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.core import user_stacklevel
from pyNN.errors import CapabilityError, NonExistentParameterError
from pyNN.nest import plasticity, versions
from pyNN.nest.built import Built, Selection, check_signs
from pyNN.nest.lookup import Lookup
from pyNN.nest.ranks import Ranks
from pyNN.nest.synapses import SMALLEST_WEIGHT
from pyNN.nest.taps import Taps
from pyNN.specs import ConnectionTable, FloatArray, IntArray

_OWN_MODELS_AT_MOST = 300
"""Projections beyond this number share a synapse model with labels: NEST has room for a limited number of models."""
_MODELS_AT_MOST = 450
"""Own models that projections with rows told apart by labels may use in addition."""
_LABELLED = "pynn_labelled"
_NO_TRACE = 1e-9
"""A trace that is not worth mentioning."""


class ConnectionStore:
    """Makes, reads and changes connections."""

    def __init__(self, nest: Any, clock: Any, taps: Taps, threads: int, ranks: Ranks) -> None:
        self._nest = nest
        self._clock = clock
        self._ranks = ranks
        self._dt = clock.dt
        self._built: dict[int, Built] = {}
        self._models = 0
        self._labels = 0
        self._taus: dict[int, dict[int, float]] = {}
        """Time constant of the postsynaptic trace that each projection needs: projection -> id of a cell -> ms."""
        self._led_in = False
        self._log = plasticity.SpikeLog(taps, clock)
        self._lookup = Lookup(nest, clock.dt, threads)
        self.spiking_nodes: IntArray = np.empty(0, dtype=np.int64)
        """Node ids of all presynaptic cells."""

    @property
    def epoch(self) -> int:
        """Says when connections, or their order in NEST, may be others than before."""
        return self._lookup.epoch

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
        if built.synapse.short_term == "quantal":
            self._check_release(built)
        if built.synapse.from_receptor and built.receptor_taus is None:
            raise CapabilityError(
                f"'{spec.label}': NEST's {built.synapse.native} needs the time constant of the receptor "
                f"'{spec.receptor}', which has none. The backend 'reference' has it."
            )

    def _check_release(self, built: Built) -> None:
        spec = built.spec
        if np.any(np.asarray(spec.initial_values.get("depleted", 0.0)) != 0.0):
            raise CapabilityError(
                f"'{spec.label}': in NEST's {built.synapse.native} all release sites are full at the first spike. The "
                "backend 'reference' starts with any number."
            )
        given = spec.table.columns if spec.table is not None else spec.rule.values if spec.rule else {}
        lasting = np.asarray(spec.initial_values.get("u", 0.0)) * np.asarray(given["tau_facil"], dtype=float)
        if np.any(lasting != 0.0):
            warnings.warn(
                f"'{spec.label}': in NEST's {built.synapse.native} the initial value of u does not decay before the "
                "first spike. The backend 'reference' has the decay.",
                UserWarning,
                stacklevel=user_stacklevel(),
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
        """Id of a cell -> time constant of the postsynaptic trace that projections (but one) have asked for.

        Only cells of this MPI rank are known, or cells onto which NEST draws connections.
        """
        found: dict[int, float] = {}
        for projection, taus in self._taus.items():
            if projection != without:
                found.update(taus)
        return found

    def connect(self, built: Built) -> None:
        """Make the connections of one projection."""
        self._built[built.spec.id] = built
        self._lookup.epoch += 1
        self.spiking_nodes = np.union1d(self.spiking_nodes, built.pre_nodes)
        built.since = self._clock.now if self._led_in else -1
        if built.spec.table is None:
            self._connect_by_rule(built)
        else:
            self._connect_table(built)
        if self._led_in:
            # What is looked up now is looked up on some ranks only.
            self._ranks.settle()
            self._initialize(built)

    def _connect_table(self, built: Built) -> None:
        table = built.spec.table
        assert table is not None
        built.pre, built.post = table.pre, table.post
        # The table changes when a script sets values; these are the ones in NEST until `write`.
        built.columns = dict(table.columns)
        check_signs(built, built.columns["weight"])
        parallel = False
        if built.synapse.changing or built.synapse.rows:
            pairs = table.pre.astype(np.int64) * (len(built.spec.post) + 1) + table.post
            parallel = len(np.unique(pairs)) < table.size
        if built.synapse.symmetric:
            self._connect_both_ways(built)
            return
        numbered, largest = self._ranks.largest(parallel, table.size)
        built.numbered = bool(numbered)
        if largest:
            self._connect_rows(built, self._native_columns(built), int(largest))
        if not table.size:
            return
        if built.synapse.trace:
            self._set_taus(built, built.columns[built.synapse.trace])
        if built.followed:
            self._follow(built, built.pre_nodes[np.unique(built.pre)], built.post_nodes[np.unique(built.post)])

    def _native_columns(self, built: Built) -> dict[str, Any]:
        table = built.spec.table
        assert table is not None
        native = built.native_parameters(built.columns)
        native["weight"] = built.native_weights(built.columns["weight"])
        if not built.synapse.symmetric:
            native["delay"] = np.asarray(table.delay_steps) * self._dt
        port = built.of_post(built.ports)
        if np.any(port):
            native["receptor_type"] = np.asarray(port, dtype=np.int64)
        return native

    def _connect_rows(self, built: Built, native: dict[str, Any], largest: int) -> None:
        """Make all connections, in the order of their sources, in which NEST will want to have them.

        `largest`: the number of connections on the MPI rank that has the most.
        """
        assert built.pre is not None
        built.made = _sorted_by(built.pre_nodes[built.pre])
        for start in range(0, largest, versions.MAX_CONNECTIONS):
            self._connect_block(built, built.made[start : start + versions.MAX_CONNECTIONS], native)

    def _follow(self, built: Built, pre: IntArray, post: IntArray) -> None:
        if not built.plastic:
            # NEST keeps no postsynaptic spikes for these.
            post = post[:0]
        elif self._led_in:
            known = self._log.of_post(post)
            taus = self.taken()
            cells = dict(zip(built.post_nodes.tolist(), built.spec.post.tolist(), strict=True))
            tau = np.array([taus[cells[node]] for node in known.tolist()]) / self._dt
            trace = plasticity.post_trace(self._log, known, np.full(len(known), float(self._clock.now)), tau, True)
            if np.any(trace > _NO_TRACE):
                warnings.warn(
                    f"'{built.spec.label}' is made during a run onto cells that have plastic synapses already: NEST "
                    "keeps the postsynaptic trace in the cell, so the new synapses meet the trace of spikes before "
                    "they existed. The backend 'reference' begins with a trace of 0.",
                    UserWarning,
                    stacklevel=user_stacklevel(),
                )
        self._log.watch(pre, post)

    def _connect_both_ways(self, built: Built) -> None:
        """Make a connection in each direction. All MPI ranks know the whole table; each has what is onto its cells."""
        table, spec = built.spec.table, built.spec
        assert table is not None and isinstance(built.weight_factors, float)
        forth = (table.pre, table.post, built.pre_nodes, built.post_nodes, spec.pre, spec.post)
        back = (table.post, table.pre, built.post_nodes, built.pre_nodes, spec.post, spec.pre)
        for pre, post, pre_nodes, post_nodes, pre_ids, post_ids in (forth, back):
            rows = np.flatnonzero(self._ranks.here(post_nodes[post])) if self._ranks.several else None
            columns = {name: _rows(value, rows) for name, value in built.columns.items()}
            part = ConnectionTable(_rows(pre, rows), _rows(post, rows), _rows(table.delay_steps, rows), columns)
            one_way = replace(spec, pre=pre_ids, post=post_ids, table=part)
            share = Built(one_way, built.synapse, pre_nodes, post_nodes, built.weight_factors, built.sign)
            share.pre, share.post, share.columns = part.pre, part.post, dict(columns)
            (largest,) = self._ranks.largest(part.size)
            if largest:
                self._connect_rows(share, self._native_columns(share), int(largest))
            built.shares.append((share, rows))

    def _set_taus(self, built: Built, values: Any) -> None:
        assert built.post is not None
        self._taus[built.spec.id] = self._needed_taus(built, built.post, built.spec.post, values)
        nodes, first = np.unique(built.post_nodes[built.post], return_index=True)
        tau = np.broadcast_to(np.asarray(values, dtype=float), built.post.shape)[first]
        if len(nodes):
            versions.set_nodes(self._nest.NodeCollection(nodes), {}, {"tau_minus": tau.tolist()})

    def _connect_block(self, built: Built, rows: IntArray, native: dict[str, Any]) -> None:
        assert built.pre is not None and built.post is not None
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
                spec[name] = np.full(len(rows), values.item())
        if built.numbered:
            spec["synapse_label"] = rows
        elif selection.label is not None:
            spec["synapse_label"] = np.full(len(rows), selection.label)
        built.selections.append(selection)
        if not len(rows):
            self._ranks.connect_nothing()
            return
        if defaults:
            self._nest.SetDefaults(selection.synapse_model, defaults)
        self._nest.Connect(
            built.pre_nodes[built.pre[rows]], built.post_nodes[built.post[rows]], "one_to_one", syn_spec=spec
        )

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
        if built.followed:
            self._follow(built, built.pre_nodes, built.post_nodes[self._ranks.here(built.post_nodes)])
        if built.synapse.trace:
            tau = float(spec.rule.values[built.synapse.trace])
            self._taus[spec.id] = dict.fromkeys(spec.post.tolist(), tau)
            versions.set_nodes(post, {"tau_minus": tau})

    # --- time --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """NEST's smallest delay is known: begin to keep the spikes of cells with plastic synapses."""
        self._log.start()

    def begin(self) -> None:
        """The lead-in is over, the session's time is 0: give the synapses their initial states."""
        self._led_in = True
        self._lookup.epoch += 1
        for built in self._built.values():
            self._initialize(built)

    def settle(self) -> None:
        """Between two pieces of a run: drop spikes that nobody needs."""
        if self._log.crowded:
            plastic = [b for b in self._built.values() if b.followed]
            longest = max((int(np.max(b.delay_steps(), initial=0)) for b in plastic), default=0)
            tau = max((t for taus in self._taus.values() for t in taus.values()), default=0.0)
            pre = np.unique(np.concatenate([b.pre_nodes for b in plastic]))
            self._log.forget(pre, longest + 50.0 * tau / self._dt, self._clock.delivered)

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
        self._lookup.set(built, {"u": u})

    # --- looking -----------------------------------------------------------------------------------------------

    def read_connections(self, projection: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(pre, post) indices of a projection, sorted by post, then pre."""
        built = self._built[projection]
        if built.pre is None or built.post is None:
            self._lookup.order(built)
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
            return np.asarray(self._lookup.columns(built, ["weight"])["weight"] / built.factors(built.post))
        return self._lookup.columns(built, [name])[name]

    def _read_state(self, built: Built, name: str) -> FloatArray:
        assert built.post is not None
        if built.synapse.short_term and self._led_in:
            return self._short_term(built)[name]
        if built.plastic and self._led_in:
            if name == "x_pre":
                return self._present(built)[1]
            synapses = self._synapses(built)
            tau = np.broadcast_to(np.asarray(built.columns[built.synapse.trace], dtype=float), built.post.shape)
            times = self._clock.now - synapses.delays.astype(float)
            return plasticity.post_trace(self._log, synapses.post, times, tau / self._dt, True)
        state = built.spec.model.states[name]
        value = built.spec.initial_values.get(name, state.initial)
        return np.array(np.broadcast_to(np.asarray(value, dtype=float), built.post.shape))

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
        found = self._states(built, ["weight", "Kplus"]) if found is None else found
        rule = self._pair_rule(built, built.columns)
        step = self._clock.now if until is None else until
        return plasticity.present_weights(
            self._log, self._synapses(built), rule, found["weight"], found["Kplus"], self._clock.delivered, step
        )

    def _states(self, built: Built, names: list[str]) -> dict[str, FloatArray]:
        return self._lookup.states(built, names, self._clock.delivered, self._log)

    def _short_term(self, built: Built) -> dict[str, FloatArray]:
        tsodyks = built.synapse.short_term == "tsodyks"
        own = ["x", "y", "tau_psc"] if tsodyks else ["n", "a"]
        native = self._states(built, ["u", "U", "tau_rec", "tau_fac", *own])
        compute = plasticity.tsodyks_states if tsodyks else plasticity.quantal_states
        return compute(
            self._log,
            self._synapses(built),
            native,
            self._dt,
            -self._clock.lead_in,
            self._clock.delivered,
            self._clock.now,
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
        if built.plastic:
            native = self._plastic_changes(built, columns, changes, since)
        else:
            native = self._plain_changes(built, columns, changes)
        # Rows are told apart by the weights that NEST has, so they are found before these change.
        if built.synapse.symmetric:
            for share, rows in built.shares:
                self._lookup.set(share, {name: _rows(value, rows) for name, value in native.items()})
                share.columns.update({name: _rows(value, rows) for name, value in changes.items()})
        else:
            self._lookup.set(built, native)
        built.columns = columns
        if built.synapse.trace in changes:
            self._set_taus(built, changes[built.synapse.trace])

    def _plain_changes(self, built: Built, columns: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        native = built.native_parameters(columns, set(changes))
        if "weight" in changes:
            native["weight"] = built.native_weights(changes["weight"])
        if "n" in changes and built.synapse.short_term == "quantal":
            found = self._lookup.columns(built, ["n", "a"])
            native["a"] = np.clip(found["a"] + native["n"] - found["n"], 0, None).astype(np.int64)
        if "U" in changes and built.synapse.short_term == "quantal":
            step = self._clock.delivered if self._led_in else -1
            last = plasticity.pending(self._log, self._synapses(built), step, step, False, False).last
            use = built.first_release(native["U"], columns["tau_facil"])
            native["u"] = np.where(np.isfinite(last), self._lookup.columns(built, ["u"])["u"], use)
        return native

    def _plastic_changes(
        self, built: Built, columns: dict[str, Any], changes: dict[str, Any], since: int
    ) -> dict[str, Any]:
        native = built.native_parameters(columns, {*changes, "w_max"} if "weight" in changes else set(changes))
        if not self._led_in:
            if "weight" in changes:
                native["weight"] = built.native_weights(changes["weight"])
            return native
        found = self._states(built, ["weight", "Kplus"])
        present, traces = self._present(built, since, found)
        rule, synapses, boundary = self._pair_rule(built, columns), self._synapses(built), self._clock.delivered
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
            self._lookup.set(built, built.native_parameters(built.columns, {built.synapse.from_receptor}))

    def depending_on_receptors(self) -> list[Built]:
        """Projections whose synapses have a parameter that is the receptor's time constant."""
        return [built for built in self._built.values() if built.synapse.from_receptor]

    def incoming(self, nodes: IntArray) -> tuple[dict[str, FloatArray], dict[str, dict[str, FloatArray]]]:
        """Connections onto `nodes`, from NEST itself: (static ones, the others by synapse model).

        Delays are in steps; "since" is the step up to which spikes came too early for a connection.
        """
        names = ["source", "target", "weight", "delay", "receptor", "port", "synapse_id"]
        if not len(nodes):
            return {name: np.empty(0) for name in [*names, "since"]}, {}
        found = self._nest.GetConnections(target=self._nest.NodeCollection(nodes))
        columns = versions.connection_columns(versions.connections_of(found), names)
        columns["delay"] = np.rint(columns["delay"] / self._dt)
        columns["since"] = np.full(len(columns["source"]), -1.0)
        static = np.ones(len(columns["source"]), dtype=bool)
        varying = {}
        # Of projections that share a model, the first counts: NEST has sent spikes to that model since then.
        models = {s.synapse_model: b for b in reversed(self._built.values()) for s in b.selections}
        for model, built in models.items():
            chosen = columns["synapse_id"] == self._nest.GetDefaults(model, "synapse_modelid")
            columns["since"][chosen] = built.since
            if chosen.any() and not built.synapse.static:
                static &= ~chosen
                varying[model] = {name: values[chosen] for name, values in columns.items()}
        return {name: values[static] for name, values in columns.items()}, varying


def _rows(values: Any, rows: IntArray | None) -> Any:
    """What belongs to some rows of a table, or to all."""
    return values if rows is None or np.ndim(values) == 0 else np.asarray(values)[rows]


def _sorted_by(nodes: IntArray) -> IntArray:
    """Indices that sort node ids, equal ones in their order."""
    if not len(nodes):
        return np.empty(0, dtype=np.int64)
    offset = nodes - nodes.min()
    # NumPy sorts numbers of 16 bits many times faster.
    return np.argsort(offset.astype(np.uint16) if offset.max() < 2**16 else offset, kind="stable")
