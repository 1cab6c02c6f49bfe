"""Projections: connections between groups of cells, as columns."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from pyNN import descriptions
from pyNN.compilation.library import seconds_waited
from pyNN.connectors import ConnectionRequest, Connections, ConnectionsBySource, Connector
from pyNN.connectors.ordering import in_order_of_source
from pyNN.connectors.regeneration import RegeneratedTable
from pyNN.errors import (
    CapabilityError,
    ConnectionError,
    InvalidDelayError,
    InvalidModelError,
    InvalidParameterValueError,
    NonExistentParameterError,
    nearest,
)
from pyNN.lowering import (
    Pairs,
    check_bounds,
    check_weights,
    choose_receptor,
    is_list_of_values,
    is_value_of_pair,
    lower_delays,
    lower_synaptic,
)
from pyNN.models import BaseSynapseType, Receptor, check_parameter_names, check_state_names
from pyNN.operations import whole_steps
from pyNN.parallel import gather_columns, rank_name, together
from pyNN.parameters import check_range
from pyNN.populations import ID, BasePopulation
from pyNN.procedural import regenerated_table
from pyNN.random.streams import derive_key
from pyNN.recording import SynapseRecorder
from pyNN.space import Space
from pyNN.specs import (
    ConnectionRule,
    ConnectionTable,
    FloatArray,
    IntArray,
    Plasticity,
    ProjectionSpec,
    SourceTable,
)
from pyNN.standardmodels.synapses import StaticSynapse
from pyNN.synapse_views import Selecting
from pyNN.utility.progress import build_progress

if TYPE_CHECKING:
    from pyNN.backend import LearningSession
    from pyNN.simulation import Simulation

_ADDRESSES = ("presynaptic_index", "postsynaptic_index")
FRACTION = "dendritic_delay_fraction"
GAP_JUNCTION = "gap"
"""The receptor type of an electrical connection."""
_GAP_NAMES = (None, "default", GAP_JUNCTION, "source_section.gap")
_GAP_SOURCES = ("source_section", "source_section.gap")
_CONNECTIVITY = ("stored", "procedural")
_ANY_SIGN = Receptor("uS", "", sign=0)


class Connection:
    """One connection of a projection: a small view, made on demand."""

    __slots__ = ("_index", "_projection")
    _index: int
    _projection: Projection

    def __init__(self, projection: Projection, index: int) -> None:
        object.__setattr__(self, "_projection", projection)
        object.__setattr__(self, "_index", index)

    @property
    def presynaptic_index(self) -> int:
        return int(self._projection._pairs.pre[self._index])

    @property
    def postsynaptic_index(self) -> int:
        return int(self._projection._pairs.post[self._index])

    @property
    def presynaptic_cell(self) -> Any:
        return self._projection.pre[self.presynaptic_index]

    @property
    def postsynaptic_cell(self) -> Any:
        return self._projection.post[self.postsynaptic_index]

    def __getattr__(self, name: str) -> float:
        if name.startswith("_"):
            raise AttributeError(name)
        return float(self._projection._column(name)[self._index])

    def __setattr__(self, name: str, value: float) -> None:
        self._projection._set_one(self._index, name, value)

    def as_tuple(self, *attribute_names: str) -> tuple[Any, ...]:
        """The values of some attributes; presynaptic_index and postsynaptic_index are possible too."""
        return tuple(getattr(self, name) for name in attribute_names)

    def __repr__(self) -> str:
        return f"Connection({self.presynaptic_index} -> {self.postsynaptic_index}, weight={self.weight:g})"


class SynapticPathway:
    """A way in which the spikes, or the events, of one side act on the synapses of a projection.

    `name`, `side` ("pre" or "post"), `event` ("" for spikes), `order` (of what acts at the same moment), `delay` (ms)
    and `active`, whether it acts at all; the last two can be set.
    """

    def __init__(self, projection: Projection, key: str, name: str, side: str, event: str, delay: str, order: int):
        self._projection, self._key, self._delay = projection, key, delay
        self.name, self.side, self.event, self.order = name, side, event, order

    @property
    def delay(self) -> FloatArray:
        """One number a connection, in the order of ``Projection.get(format="list")``."""
        if self._delay:
            return np.array(self._projection.get(self._delay, format="list", with_address=False))
        definition = self._projection.synapse_type.definition
        whole = np.array(self._projection.get("delay", format="list", with_address=False))
        if self.side == "pre":
            return whole
        fraction = self._projection._column(FRACTION) if FRACTION in definition.parameters else 1.0
        return np.asarray(whole * fraction)

    @delay.setter
    def delay(self, value: Any) -> None:
        if not self._delay and self.side == "post":
            raise CapabilityError(
                f"{self._projection.label}: the delay of '{self.name}' is {FRACTION}*delay. For one of its own, "
                f"the type needs delays={{'{self.name}': ...}}."
            )
        self._projection.set(**{self._delay or "delay": value})

    @property
    def active(self) -> bool:
        return self._projection._spec.active.get(self._key, True)

    @active.setter
    def active(self, value: bool) -> None:
        self._projection._set_active(self._key, bool(value))

    def __repr__(self) -> str:
        what = f"event {self.event}" if self.event else "spikes"
        state = "active" if self.active else "silent"
        return f"SynapticPathway({self.name!r}, {what} of the {self.side} cells, {state})"


class Projection(Selecting):
    """Connections from the cells of one group to those of another.

    `connector` says who connects to whom, `synapse_type` how strong, how late and by which rule of plasticity (default:
    StaticSynapse()). `receptor_type`: name of a receptor of the post-synaptic cells; by default the first, or for
    negative weights onto current-based cells the one for inhibition. `space` measures distances. `native=True` lets
    the simulator draw the connections itself. `connectivity`: "stored", or "procedural" to draw the connections again
    at each spike rather than to store them (default: what setup(connectivity=...) says). Raises ConnectionError and its
    kin; nothing is made then.
    """

    _script: ClassVar[Any] = None
    MULTI_SYNAPSE_OPERATIONS: ClassVar[dict[str, Callable[[Any, Any], Any]]] = {
        "last": lambda a, b: b,
        "first": lambda a, b: a,
        "sum": operator.add,
        "min": np.minimum,
        "max": np.maximum,
    }

    def __init__(
        self,
        presynaptic_neurons: BasePopulation,
        postsynaptic_neurons: BasePopulation,
        connector: Connector,
        synapse_type: BaseSynapseType | None = None,
        source: str | None = None,
        receptor_type: str | None = None,
        space: Space | None = None,
        label: str | None = None,
        native: bool | None = None,
        connectivity: str | None = None,
    ) -> None:
        for group, side in ((presynaptic_neurons, "presynaptic"), (postsynaptic_neurons, "postsynaptic")):
            if isinstance(group, ID):
                raise ConnectionError(
                    f"The {side} cells must be a population, a view or an assembly, not a single cell. A view of one "
                    "cell is possible: population[0:1]."
                )
            if not isinstance(group, BasePopulation):
                raise ConnectionError(
                    f"The {side} cells must be a population, a view or an assembly, not {group!r}."
                )
        if not isinstance(connector, Connector):
            raise InvalidModelError(
                f"The connector must be an instance such as sim.FixedProbabilityConnector(0.1), not {connector!r}."
            )
        synapse_type = StaticSynapse() if synapse_type is None else synapse_type
        if not isinstance(synapse_type, BaseSynapseType):
            raise InvalidModelError(
                f"The synapse type must be an instance such as sim.StaticSynapse(weight=0.1), not {synapse_type!r}."
            )
        if space is not None and not isinstance(space, Space):
            raise InvalidModelError(f"space must be an instance such as sim.Space(axes='xy'), not {space!r}.")
        if source not in (None, "") and not (synapse_type.definition.coupling and source in _GAP_SOURCES):
            raise CapabilityError(f"source={source!r}: point neurons have no parts that a projection could start from.")
        simulation: Simulation = self._script.simulation
        simulation.require_model(synapse_type.definition)
        for group in (presynaptic_neurons, postsynaptic_neurons):
            if group.size and group._simulation is not simulation:
                raise ConnectionError(f"'{group.label}' belongs to another simulation than the present one.")
        self.pre = presynaptic_neurons
        self.post = postsynaptic_neurons
        self.label = f"{self.pre.label}→{self.post.label}" if label is None else str(label)
        self.connector = connector
        self.synapse_type = synapse_type
        self.space = Space() if space is None else space
        self.annotations: dict[str, Any] = {}
        self._owner = simulation
        self._number = len(simulation.projections)
        self._distance_cache: tuple[FloatArray, FloatArray] | None = None
        started, waited = time.perf_counter(), seconds_waited()
        self._check_receptor(receptor_type)
        self._check_cell_variables()
        if native and synapse_type.definition.coupling:
            raise CapabilityError(
                f"{self.label}: electrical connections are always made by the core. Leave native=True away."
            )
        if connectivity == "procedural" and native:
            raise CapabilityError(f"{self.label}: native=True lets the simulator draw connections, which it stores.")
        if (simulation.native if native is None else native) and not synapse_type.definition.coupling:
            self._spec = self._native_spec(receptor_type)
        else:
            self._spec = self._make(receptor_type, self._is_procedural(connectivity))
        simulation.add_projection(self, self._spec)
        simulation.timings["connect"] += time.perf_counter() - started
        simulation.phases.times.add_waited(("describe", "draw connections"), waited)

    # --- making ------------------------------------------------------------------------------------------------

    def _receptors(self) -> dict[str, Receptor]:
        """Receptors of the post-synaptic cells that all of them have."""
        receptors: dict[str, Receptor] = {}
        for population in self.post._roots():
            for name, receptor in population.definition.receptors.items():
                known = receptors.setdefault(name, receptor)
                if known.kind != receptor.kind and name in self.post.receptor_types:
                    raise ConnectionError(
                        f"'{self.post.label}' mixes {known.kind}-based and {receptor.kind}-based synapses. Make one "
                        "projection to each kind of cell."
                    )
        return {name: receptors[name] for name in self.post.receptor_types}

    def _check_cell_variables(self) -> None:
        """EquationError unless the cells have the variables that the synapse type sees."""
        definition = self.synapse_type.definition
        if definition.own:
            from pyNN.equations.stepped import check_between

            check_between(
                definition, [p.definition for p in self.pre._roots()], [p.definition for p in self.post._roots()],
                f"'{self.label}'",
            )

    def _check_receptor(self, receptor_type: str | None) -> None:
        if self.synapse_type.definition.coupling:
            self._check_electrical(receptor_type)
            return
        receptors = self._receptors()
        if not receptors and self.post.size:
            raise ConnectionError(
                f"'{self.post.label}' cannot receive connections: its cells have no receptors "
                f"({', '.join(p.definition.name for p in self.post._roots())})."
            )
        if receptor_type not in (None, "default") and receptor_type not in receptors:
            raise ConnectionError(
                f"'{self.post.label}' has no receptor type '{receptor_type}'.{nearest(str(receptor_type), receptors)} "
                f"It has: {', '.join(receptors) or 'none'}."
            )

    def _check_electrical(self, receptor_type: str | None) -> None:
        """Electrical connections end on no receptor, and need a membrane potential on both sides."""
        name = type(self.synapse_type).__name__
        if receptor_type not in _GAP_NAMES:
            raise ConnectionError(
                f"{name} couples membrane potentials and has no receptor, so receptor_type={receptor_type!r} has no "
                f"place. Leave it away, or say receptor_type='{GAP_JUNCTION}'."
            )
        for group in (self.pre, self.post):
            for population in group._roots():
                if not any(state.unit == "mV" for state in population.definition.states.values()):
                    raise ConnectionError(
                        f"{name} couples membrane potentials, and the cells of '{population.label}' "
                        f"({population.definition.name}) have none."
                    )

    def _request(self, connector: Connector | None = None) -> ConnectionRequest:
        simulation = self._owner
        return ConnectionRequest(
            cell_values=self._cell_values(connector.cell_variables if connector is not None else ()),
            pre_ids=self.pre.ids,
            post_ids=self.post.ids,
            seed=simulation.settings.rng_seed,
            projection=self._number,
            distances=self._distances,
            displacements=self._displacements,
            pre_label=self.pre.label,
            post_label=self.post.label,
            label=self.label,
            compiled=simulation.compiles(self.pre.size * self.post.size),
            waits=False,
            threads=simulation.settings.threads,
            projection_object=self,
            rank=simulation.comm.rank,
            local_post=np.flatnonzero(self.post._mask_local) if self.is_shared else None,
        )

    @property
    def is_shared(self) -> bool:
        """Whether each MPI rank has the connections onto its own cells. Electrical ones are known to all ranks."""
        return self._owner.comm.size > 1 and not self.synapse_type.definition.coupling

    def connect_with(self, connector: Connector) -> Connections:
        """What a connector would connect here, as columns; the projection itself stays as it is."""
        return connector.make(self._request(connector))

    def _positions(self) -> tuple[FloatArray, FloatArray]:
        if self._distance_cache is None:
            self._distance_cache = (self.pre.positions, self.post.positions)
        return self._distance_cache

    def _distances(self, pre: IntArray, post: IntArray) -> FloatArray:
        a, b = self._positions()
        return self.space.pairwise(a[:, pre], b[:, post])

    def _displacements(self, pre: IntArray, post: IntArray) -> FloatArray:
        a, b = self._positions()
        return b[:, post] - a[:, pre]

    def _key(self, name: str, draw: int = 0) -> int:
        return derive_key(self._owner.settings.rng_seed, "synapse", self._number, name, draw)

    def _is_procedural(self, connectivity: str | None) -> bool:
        if connectivity not in (None, *_CONNECTIVITY):
            raise InvalidParameterValueError(
                f"{self.label}: connectivity={connectivity!r} is not possible, only "
                f"{' or '.join(map(repr, _CONNECTIVITY))}."
            )
        chosen = connectivity or self._owner.settings.options.get("connectivity", "stored")
        if chosen == "procedural" and not self._owner.backend.capabilities.regenerates:
            raise CapabilityError(
                f"{self.label}: connectivity='procedural' is not possible on the backend "
                f"'{self._owner.backend.name}', which stores all connections. The backend 'reference' can draw them "
                "again."
            )
        return chosen == "procedural"

    def _make(self, receptor_type: str | None, procedural: bool) -> ProjectionSpec:
        comm = self._owner.comm
        space = self.synapse_type.parameter_space
        with build_progress(100.0, f"connecting {self.label}", "%", self._owner.comm.rank == 0) as progress:
            request = self._request(self.connector)
            request.progress = lambda fraction: progress(100.0 * fraction)
            with together(comm, f"connections of {self.label}"):
                if procedural:
                    table, weights = regenerated_table(self, request)
                else:
                    connections = self.connector.make(request)
        if not procedural:
            check_parameter_names(connections.values, self.synapse_type)
            given = {name: space[name] for name in space.keys() if name not in connections.values}
            by_source = self._may_be_by_source(given)
            if by_source:
                connections = in_order_of_source(connections, request)
            if isinstance(connections, ConnectionsBySource) and by_source:
                table, weights = self._table_by_source(connections, given)
            else:
                table, weights = self._table(connections, given)
        receptors = self._receptors()
        receptor = self._receptor(receptor_type, receptors, self._survey(table, weights))
        with together(comm, f"weights of {self.label}"):
            if receptors or self.synapse_type.definition.coupling:
                declared = receptors.get(receptor, _ANY_SIGN)
                check_weights(weights, receptor, declared, self.label, self.connector.safe)
                if table.keeper is None:
                    check_bounds(table.columns, declared, self.label)
        self._distance_cache = None
        return self._described(receptor, table)

    def _table(self, connections: Connections, given: Mapping[str, Any]) -> tuple[ConnectionTable, Any]:
        """The table of connections by target, and their weights."""
        pairs = self._pairs = self._pairs_of(connections.pre, connections.post)
        if any(is_list_of_values(value) for value in given.values()):
            pairs.locate()
        with together(self._owner.comm, f"values of {self.label}"):
            columns = self._columns(given, pairs)
            # Values that come from the connector are those of the connections that it has made here.
            columns |= self._columns(connections.values, self._pairs_of(connections.pre, connections.post))
        pairs.forget()
        delays = columns.pop("delay", 1)
        return ConnectionTable(connections.pre, connections.post, delays, columns), columns["weight"]

    def _may_be_by_source(self, given: Mapping[str, Any]) -> bool:
        """Whether connections may come in order of source, and their values be drawn in that order."""
        return (
            self._owner.backend.capabilities.tables_by_source
            and self.synapse_type.definition.is_static
            and all(is_value_of_pair(value) for value in given.values())
        )

    def _table_by_source(
        self, connections: ConnectionsBySource, given: Mapping[str, Any]
    ) -> tuple[ConnectionTable, Any]:
        pairs = self._pairs_of(connections.sources, connections.targets)
        with together(self._owner.comm, f"values of {self.label}"):
            columns = self._columns(given, pairs)
        keeper = SourceTable(connections.starts, connections.targets, columns["delay"], columns["weight"])
        return ConnectionTable.kept_by(keeper), columns["weight"]

    def _columns(self, given: Mapping[str, Any], pairs: Pairs) -> dict[str, Any]:
        """Values of synaptic parameters; the delay in steps."""
        settings, columns = self._owner.settings, {}
        for name, value in given.items():
            if name == "delay":
                columns[name] = lower_delays(
                    value, pairs, self._key("delay"), settings.dt, settings.min_delay_steps,
                    settings.max_delay_steps, self.label,
                )
                self._check_one_delay(columns[name])
            else:
                columns[name] = lower_synaptic(name, value, pairs, self._key(name))
                self._check_range(name, columns[name])
        return columns

    def _check_one_delay(self, delays: Any) -> None:
        """InvalidDelayError where connections whose psp is compared have several delays."""
        definition, steps = self.synapse_type.definition, np.asarray(delays)
        if definition.reduce in ("max", "min") and steps.size and np.any(steps != steps.flat[0]):
            low, high = (float(limit) * self._owner.dt for limit in (steps.min(), steps.max()))
            raise InvalidDelayError(
                f"{self.label}: with reduce='{definition.reduce}' what the connections of a cell pass on is compared, "
                f"so they have one delay. These are from {low:g} to {high:g} ms."
            )

    def _survey(self, table: ConnectionTable, weights: Any) -> Any:
        """Learn how many connections all ranks have, and their delays; numbers with the signs of their weights."""
        weights = np.asarray(weights)
        self._limits: tuple[int, int] | None = None
        self._total = table.size
        if not self.is_shared or self._owner.comm.parts == 1:
            return weights
        low, high = table.delay_limits if table.size else (0, 0)
        signs = [weights.size > 0 and np.min(weights) < 0, weights.size > 0 and np.max(weights) > 0]
        everyone = np.zeros((self._owner.comm.size, 5), dtype=np.int64)
        own = np.array([table.size, low, high, *signs], dtype=np.int64)
        self._owner.comm.share_rows(own, everyone, f"numbers of {self.label}")
        self._total = int(everyone[:, 0].sum())
        filled = everyone[everyone[:, 0] > 0]
        if len(filled):
            self._limits = int(filled[:, 1].min()), int(filled[:, 2].max())
        return np.array([sign for sign, present in ((-1.0, filled[:, 3].any()), (1.0, filled[:, 4].any())) if present])

    def _check_range(self, name: str, values: Any) -> None:
        """InvalidParameterValueError for values under the minimum of the type, or for several where one is shared."""
        model = self.synapse_type
        if np.ndim(values) and model.definition.parameters[name].shared:
            raise InvalidParameterValueError(
                f"{self.label}: '{name}' of {type(model).__name__} is shared, so it is one number for all connections."
            )
        check_range(name, values, model.definition.parameters[name], type(model).__name__)

    def _described(
        self, receptor: str, table: ConnectionTable | None, rule: ConnectionRule | None = None
    ) -> ProjectionSpec:
        return ProjectionSpec(
            id=self._number,
            label=self.label,
            pre=np.asarray(self.pre.ids),
            post=np.asarray(self.post.ids),
            receptor=receptor,
            model=self.synapse_type.definition,
            table=table,
            limits=self._limits if table is not None else None,
            rule=rule,
        )

    def _receptor(self, receptor_type: str | None, receptors: dict[str, Receptor], weights: Any) -> str:
        if self.synapse_type.definition.coupling:
            return GAP_JUNCTION
        if receptor_type not in (None, "default"):
            return str(receptor_type)
        return choose_receptor(receptors, weights, self.label) if receptors else "excitatory"

    def _native_spec(self, receptor_type: str | None) -> ProjectionSpec:
        name = type(self.connector).__name__
        possible = self._owner.backend.capabilities.native_rules
        if name not in possible:
            raise CapabilityError(
                f"{self.label}: native=True is not possible with {name} on the backend '{self._owner.backend.name}'. "
                f"Possible: {', '.join(possible) or 'no connector'}. Leave native away to let the core connect."
            )
        values = {}
        for parameter, lazy in self.synapse_type.parameter_space.items():
            if getattr(lazy, "operations", None):
                raise CapabilityError(
                    f"{self.label}: with native=True {parameter} must be a number or a RandomDistribution, without "
                    "arithmetic on it. Change the distribution's parameters, or leave native away."
                )
            values[parameter] = getattr(lazy, "base_value", lazy)
        settings = self._owner.settings
        if values.get("delay") is None:
            values["delay"] = (settings.min_delay_steps or 1) * settings.dt
        receptors = self._receptors()
        weight = values["weight"] if isinstance(values["weight"], (int, float)) else 0.0
        receptor = self._receptor(receptor_type, receptors, weight)
        check_weights(weight, receptor, receptors[receptor], self.label, self.connector.safe)
        parameters = self.connector.get_parameters()
        for extra in ("allow_self_connections", "with_replacement"):
            if hasattr(self.connector, extra):
                parameters[extra] = getattr(self.connector, extra)
        return self._described(receptor, None, ConnectionRule(name, parameters, values))

    # --- looking -----------------------------------------------------------------------------------------------

    def _pairs_of(self, pre: Any, post: Any) -> Pairs:
        comm = self._owner.comm if self.is_shared else None
        return Pairs(pre, post, self.shape, self._distances, self, self._owner.settings.threads, comm)

    def forget_drawn(self) -> None:
        """Keep no copy of connections that are the simulator's.

        Those that it draws itself it draws anew when the network is built again; others it may have taken over.
        """
        if self._spec.table is None or self._spec.table.keeper is not None:
            self.__dict__.pop("_pairs", None)

    def _load_pairs(self) -> None:
        """Fetch which connections the simulator has, once."""
        if "_pairs" not in self.__dict__:
            table = self._spec.table
            if table is None:
                self._pairs = self._pairs_of(*self._owner.session.read_connections(self._number))
            else:
                self._pairs = self._pairs_of(table.pre, table.post)

    def __getattr__(self, name: str) -> Any:
        if name == "_pairs" and "_spec" in self.__dict__:
            self._load_pairs()
            return self.__dict__["_pairs"]
        raise AttributeError(f"Projection has no attribute '{name}'.")

    @property
    def receptor_type(self) -> str:
        return self._spec.receptor

    @property
    def shape(self) -> tuple[int, int]:
        """(number of presynaptic cells, number of postsynaptic cells)."""
        return (self.pre.size, self.post.size)

    def size(self, gather: bool = True) -> int:
        """Number of connections; with ``gather=False`` those onto cells of this MPI rank."""
        if self._owner.comm.size == 1:
            return len(self)
        if self.is_shared and gather and self._spec.table is None:
            return sum(self._owner.comm.allgather(len(self), f"number of connections of {self.label}"))
        if self.is_shared:
            return self._total if gather else len(self)
        return len(self) if gather else int(self.is_here().sum())

    def is_here(self) -> NDArray[np.bool_]:
        """For each connection whether it is onto a cell of this MPI rank."""
        return self.post._mask_local[self._pairs.post]

    def __len__(self) -> int:
        return self._pairs.size if self._spec.table is None else self._spec.table.size

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, index: Any) -> Any:
        """One connection, or a list of them for a slice; ordered by post, then pre.

        A pair (pre, post) of indices, slices or lists, or a condition as text, gives a view of connections as `where`.
        """
        if isinstance(index, str):
            return self.where(index)
        if isinstance(index, tuple):
            return self.between(index)
        if isinstance(index, slice):
            return [Connection(self, k) for k in range(*index.indices(len(self)))]
        k = operator.index(index)
        if not -len(self) <= k < len(self):
            raise IndexError(f"Connection {k} of '{self.label}' does not exist; there are {len(self)}.")
        return Connection(self, k % len(self))

    def __iter__(self) -> Iterator[Connection]:
        return (Connection(self, k) for k in range(len(self)))

    @property
    def connections(self) -> Iterator[Connection]:
        """All connections, one small object each."""
        return iter(self)

    def connection_columns(self) -> tuple[IntArray, IntArray, Any, Any]:
        """(ids of the pre cells, ids of the post cells, pre index, post index), the last two one a connection."""
        self._owner.require_open()
        return self._spec.pre, self._spec.post, self._pairs.pre, self._pairs.post

    def _column(self, name: str) -> Any:
        """Present values of an attribute or state, one a connection, in PyNN's units."""
        if name in _ADDRESSES:
            return self._pairs.pre if name == _ADDRESSES[0] else self._pairs.post
        definition = self.synapse_type.definition
        if name not in definition.parameters and name not in definition.states:
            names = [*definition.parameters, *(n for n, state in definition.states.items() if state.recordable)]
            raise NonExistentParameterError(name, type(self.synapse_type).__name__, names)
        self._owner.require_open()
        table = self._spec.table
        session = self._owner.built_session
        if table is None or session is not None:
            if name != "delay" or table is None:
                return self._owner.session.read_synapses(self._number, name)
        if name in definition.states:
            initial = self._spec.initial_values.get(name, definition.states[name].initial)
            return np.array(np.broadcast_to(np.asarray(initial, dtype=float), (self._pairs.size,)))
        return table.delays * self._owner.dt if name == "delay" else table.column(name)

    def get(
        self,
        attribute_names: Any,
        format: str,
        gather: Any = True,
        with_address: bool = True,
        multiple_synapses: str = "sum",
    ) -> Any:
        """Attributes of the connections ("weight", "delay" ...: a name or a list of names).

        format "list": tuples (pre index, post index, value ...), ordered by post, then pre; without the indices if
        `with_address` is False, and then bare numbers for a single name. format "array": an array of shape (pre,
        post) for a name, a list of arrays for a list; NaN where there is no connection; several connections of a pair
        are combined by `multiple_synapses`: 'last', 'first', 'sum', 'min' or 'max'.

        Under MPI `gather` says whose connections: True, rank 0 gets all, the others those onto their own cells; "all",
        everyone gets all; False, everyone those onto its own cells.
        """
        single = isinstance(attribute_names, str)
        names = [attribute_names] if single else list(attribute_names)
        pre, post, columns = self._gathered([self._column(name) for name in names], gather)
        if format == "list":
            if with_address:
                columns = [pre, post, *columns]
            elif single:
                return np.asarray(columns[0]).tolist()
            return list(zip(*(np.asarray(column).tolist() for column in columns), strict=True))
        if format == "array":
            arrays = [self._as_array(pre, post, np.asarray(column), multiple_synapses) for column in columns]
            return arrays[0] if single else arrays
        raise InvalidParameterValueError(f"format must be 'list' or 'array', not {format!r}.")

    def _gathered(self, columns: list[Any], gather: Any) -> tuple[Any, Any, list[Any]]:
        """(pre indices, post indices, columns) of the connections that `gather` asks for."""
        pre, post, comm = self._pairs.pre, self._pairs.post, self._owner.comm
        if comm.size == 1:
            return pre, post, columns
        if not self.is_shared:
            here = np.ones(len(pre), dtype=bool) if gather else self.is_here()
            return pre[here], post[here], [np.asarray(column)[here] for column in columns]
        return gather_columns(comm, pre, post, columns, gather)

    def _as_array(self, pre: Any, post: Any, column: Any, multiple_synapses: str) -> FloatArray:
        if multiple_synapses not in self.MULTI_SYNAPSE_OPERATIONS:
            raise InvalidParameterValueError(
                f"multiple_synapses must be one of {', '.join(self.MULTI_SYNAPSE_OPERATIONS)}, not "
                f"{multiple_synapses!r}."
            )
        array = np.full(self.shape, np.nan)
        array[pre, post] = column
        if not len(pre):
            return array
        repeated = np.flatnonzero((pre[1:] == pre[:-1]) & (post[1:] == post[:-1]))
        if repeated.size:
            flat = pre.astype(np.int64) * self.shape[1] + post
            starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]])
            combined = {
                "sum": lambda: np.add.reduceat(column, starts),
                "min": lambda: np.minimum.reduceat(column, starts),
                "max": lambda: np.maximum.reduceat(column, starts),
                "first": lambda: column[starts],
                "last": lambda: column[np.r_[starts[1:], len(column)] - 1],
            }[multiple_synapses]()
            array[pre[starts], post[starts]] = combined
        return array

    def save(
        self, attribute_names: Any, file: Any, format: str = "list", gather: Any = True, with_address: bool = True
    ) -> None:
        """Write attributes to a text file, or an object of pyNN.recording.files.

        "all" and "connections" mean every synapse parameter. In "array" format 0 stands for no connection.
        """
        from pyNN.recording.files import StandardTextFile

        if isinstance(attribute_names, str):
            everything = attribute_names in ("all", "connections")
            names = list(self.synapse_type.definition.parameters) if everything else [attribute_names]
        else:
            names = list(attribute_names)
        comm = self._owner.comm
        found = self.get(names, format, gather=gather, with_address=with_address)
        with together(comm, f"writing of {self.label}"):
            if gather and comm.rank != 0:
                return
            if not gather and comm.size > 1 and isinstance(file, str):
                file = rank_name(file, comm.rank)
            target = StandardTextFile(file, mode="wb") if isinstance(file, str) else file
            if format == "array":
                data = np.stack([np.nan_to_num(array) for array in found])
                target.write(data[0] if len(names) == 1 else np.concatenate(list(data)), {"columns": names})
            else:
                header = ["i", "j", *names] if with_address else names
                target.write(np.array(found, dtype=float).reshape(-1, len(header)), {"columns": header})
            target.close()

    # --- changing ----------------------------------------------------------------------------------------------

    def set(self, **attributes: Any) -> None:
        """Set attributes of all connections; acts from the next time step.

        A value is a number, a list of one number a connection (in the order of ``get(format="list")``), an array of
        shape (pre, post), a RandomDistribution, a function of distance, or an expression in d. All connections of a
        pair get the same from an array. Nothing is changed if any value is wrong.
        """
        self._owner.require_open()
        check_parameter_names(attributes, self.synapse_type)
        draw = self._owner.next_draw()
        if any(is_list_of_values(value) for value in attributes.values()):
            self._pairs.locate()
        with together(self._owner.comm, f"new values of {self.label}"):
            changes = {name: self._lower(name, value, draw) for name, value in attributes.items()}
            self._check_bounds(changes)
        for name, value in changes.items():
            self._store(name, value)
        if "delay" in changes and self._spec.table is not None:
            self._survey(self._spec.table, self._spec.table.columns["weight"])
            self._spec.limits = self._limits

    def _check_bounds(self, changes: Mapping[str, Any]) -> None:
        if "w_min" in changes or "w_max" in changes:
            bounds = {name: changes[name] if name in changes else self._column(name) for name in ("w_min", "w_max")}
            check_bounds(bounds, self._receptors()[self._spec.receptor], self.label)

    def _lower(self, name: str, value: Any, draw: int, of: Pairs | None = None) -> Any:
        """What the simulator gets for a value of all connections, or those `of` a selection."""
        settings, pairs = self._owner.settings, self._pairs if of is None else of
        if name == "delay":
            delays = lower_delays(
                value, pairs, self._key(name, draw), settings.dt, settings.min_delay_steps,
                settings.max_delay_steps, self.label,
            )
            self._check_one_delay(delays)
            return delays
        lowered = lower_synaptic(name, value, pairs, self._key(name, draw))
        self._check_range(name, lowered)
        if name == "weight":
            receptor = self._receptors().get(self._spec.receptor, _ANY_SIGN)
            check_weights(lowered, self._spec.receptor, receptor, self.label, self.connector.safe)
        return lowered

    def _store(self, name: str, value: Any) -> None:
        table = self._spec.table
        if table is not None and isinstance(table.keeper, RegeneratedTable):
            raise CapabilityError(
                f"{self.label}: {name} cannot be set, because with connectivity='procedural' it is drawn again at each "
                "spike. Say Projection(..., connectivity='stored')."
            )
        # The simulator may refuse (a delay that it cannot change), so it is told first.
        session = self._owner.session_to_change
        self._owner.before_change(self._spec, name)
        if session is not None or table is None:
            native = np.asarray(value) * self._owner.dt if name == "delay" else value
            self._owner.session.write_synapses(self._number, name, native)
        if table is None:
            return
        table.take_back()
        if name == "delay":
            table.delay_steps = value
        else:
            table.columns[name] = value

    def _set_one(self, index: int, name: str, value: float) -> None:
        check_parameter_names([name], self.synapse_type)
        self._set_some(np.array([index]), {name: value})

    def _set_some(self, chosen: IntArray, attributes: Mapping[str, Any]) -> None:
        """Set attributes or variables of the connections `chosen` (numbers); under MPI a matter of this rank alone."""
        self._owner.require_open()
        definition = self.synapse_type.definition
        states = {n: v for n, v in attributes.items() if n in definition.states and n not in definition.parameters}
        attributes = {n: v for n, v in attributes.items() if n not in states}
        check_parameter_names(attributes, self.synapse_type)
        check_state_names(list(states), definition.name, definition)
        draw = self._owner.next_draw() if not self.is_shared else 0
        some = Pairs(self._pairs.pre[chosen], self._pairs.post[chosen], self.shape, self._distances, self)
        changes = {}
        for name, value in attributes.items():
            if name == "delay":
                column = np.rint(np.broadcast_to(self._column(name), (self._pairs.size,)) / self._owner.dt)
                column = column.astype(np.int32)
            else:
                column = np.array(np.broadcast_to(self._column(name), (self._pairs.size,)), dtype=float)
            column[chosen] = self._lower(name, value, draw, some)
            changes[name] = column
        for name, value in states.items():
            column = np.array(self._column(name), dtype=float)
            column[chosen] = lower_synaptic(name, value, some, self._key(name, draw))
            states[name] = column
        self._check_bounds(changes)
        if "delay" in changes:
            self._check_one_delay(changes["delay"])
        self._store_states(states)
        for name, column in changes.items():
            self._store(name, column)
        if "delay" in changes and self._spec.table is not None and not self.is_shared:
            self._survey(self._spec.table, self._spec.table.columns["weight"])
            self._spec.limits = self._limits

    def initialize(self, **initial_values: Any) -> None:
        """Set the values that state variables of the synapses have at t = 0; after a run, also their present values.

        A value is what set() takes: a number, a list of one number a connection, an array of shape (pre, post), a
        RandomDistribution, a function of distance or an expression in d. Raises NonExistentParameterError for a
        variable that these synapses do not have or that cannot be set; nothing is changed then.
        """
        self._owner.require_open()
        definition = self.synapse_type.definition
        complements = {n: c for n, c in self.synapse_type.complements.items() if n in initial_values}
        check_state_names([n for n in initial_values if n not in complements], definition.name, definition)
        draw = self._owner.next_draw()
        if any(is_list_of_values(value) for value in initial_values.values()):
            self._pairs.locate()
        with together(self._owner.comm, f"initial values of {self.label}"):
            changes = {
                name: lower_synaptic(name, value, self._pairs, self._key(name, draw))
                for name, value in initial_values.items()
            }
        for name, (state, total) in complements.items():
            value, whole = changes.pop(name), self._column(total)
            if np.any(value < 0) or np.any(value > whole) or np.any(value != np.rint(value)):
                raise InvalidParameterValueError(
                    f"initialize({name}=...): a whole number from 0 to {total} is needed for each connection of "
                    f"{self.label}."
                )
            changes[state] = whole - value
        self._store_states(changes)

    def _store_states(self, changes: Mapping[str, Any]) -> None:
        session = self._owner.session_to_change
        for name, value in changes.items():
            if session is not None:
                session.write_synapses(self._number, name, value)
            self._spec.initial_values[name] = value

    # --- learning ----------------------------------------------------------------------------------------------

    @property
    def _learns(self) -> bool:
        """Whether weights change by themselves."""
        from pyNN.equations.synapses import needs_rule, rule

        definition = self.synapse_type.definition
        return not definition.coupling and needs_rule(definition) and rule(definition).is_plastic

    @property
    def _goes_on(self) -> bool:
        """Whether something but transmission happens in every time step."""
        from pyNN.equations.stepped import SteppedRule
        from pyNN.equations.synapses import needs_rule, rule

        definition = self.synapse_type.definition
        found = rule(definition) if not definition.coupling and needs_rule(definition) else None
        return isinstance(found, SteppedRule) and bool(found.every_step)

    @property
    def plasticity(self) -> bool:
        """Whether weights change by themselves; it can be set."""
        return self._learns and (self._spec.plasticity or Plasticity()).on

    @plasticity.setter
    def plasticity(self, value: bool) -> None:
        if value:
            self.enable_plasticity()
        else:
            self.disable_plasticity()

    def enable_plasticity(self, period: Any = None, offset: Any = None) -> None:
        """Let the weights change again.

        `period` (ms): equations and statements of every step are executed only so often, over so long a time, for the
        first time after `offset` (ms) from now. What spikes do, they do at once. Both are multiples of the time step.
        Raises CapabilityError for synapses that do not learn, and on backends that cannot say so.
        """
        if period is None and offset is None:
            self._require_learning("enable_plasticity()")
            self._set_plasticity(Plasticity())
            return
        if not self._goes_on:
            raise CapabilityError(
                f"{self.label}: nothing of {type(self.synapse_type).__name__} but transmission happens in every step, "
                "so period and offset have no meaning. Leave them away."
            )
        dt = self._owner.dt
        every = 1 if period is None else whole_steps(period, dt, "period")
        ahead = whole_steps(offset, dt, "offset") if offset else 0
        self._set_plasticity(Plasticity(True, every, self._owner.current_step + ahead))

    def disable_plasticity(self) -> None:
        """Have the weights stay as they are. Everything else goes on: transmission, and the other variables.

        Raises CapabilityError for synapses that do not learn, and on backends that cannot say so.
        """
        self._require_learning("disable_plasticity()")
        self._set_plasticity(replace(self._spec.plasticity or Plasticity(), on=False))

    def _require_learning(self, what: str) -> None:
        if not self._learns:
            raise CapabilityError(
                f"{self.label}: {what} is for synapses whose weights change by themselves, and those of "
                f"{type(self.synapse_type).__name__} do not."
            )

    @property
    def pathways(self) -> dict[str, SynapticPathway]:
        """The ways in which spikes and events act on these synapses, by name: "pre", "post" or what the type says."""
        definition = self.synapse_type.definition
        first = {"on_pre": "pre", "on_post": "post", **getattr(self.synapse_type, "first_pathways", {})}
        found = [] if definition.coupling else [("on_pre", first["on_pre"], "pre", "", "delay")]
        ways = definition.pathways
        found += [(n, n, way.side, way.event, way.delay) for n, way in ways.items() if way.side == "pre"]
        found += [("on_post", first["on_post"], "post", "", "")] if definition.on_post.strip() else []
        found += [(n, n, way.side, way.event, way.delay) for n, way in ways.items() if way.side == "post"]
        return {row[1]: SynapticPathway(self, *row, order) for order, row in enumerate(found)}

    def _set_active(self, pathway: str, active: bool) -> None:
        definition = self.synapse_type.definition
        if definition.is_static:
            raise CapabilityError(
                f"{self.label}: {definition.name} has nothing but spikes that pass a weight on. Set the weight to 0."
            )
        session = self._learning_session("make pathways inactive")
        if session is not None:
            session.set_active(self._number, pathway, active)
        self._spec.active[pathway] = active

    def _learning_session(self, what: str) -> LearningSession | None:
        """What is told of changes, if there is something; CapabilityError on backends that cannot `what`."""
        owner = self._owner
        owner.require_open()
        if not owner.backend.capabilities.plasticity_switch:
            reason = owner.backend.capabilities.missing.get("enable_plasticity, disable_plasticity", "")
            raise CapabilityError(
                f"{self.label}: the backend '{owner.backend.name}' cannot {what}. {reason} pyNN.reference can."
            )
        return cast("LearningSession | None", owner.session_to_change)

    def _set_plasticity(self, plasticity: Plasticity) -> None:
        session = self._learning_session("switch learning on and off")
        if session is not None:
            session.set_plasticity(self._number, plasticity)
        self._spec.plasticity = plasticity

    # --- recording ---------------------------------------------------------------------------------------------

    @property
    def recordable(self) -> dict[str, str]:
        """Unit of each attribute and state that can be recorded, by name."""
        definition = self.synapse_type.definition
        units = {name: parameter.unit for name, parameter in definition.parameters.items()}
        units |= {name: state.unit for name, state in definition.states.items() if state.recordable}
        receptor = self._receptors().get(self._spec.receptor)
        if receptor is not None:
            units |= dict.fromkeys(["weight", *definition.magnitudes], receptor.unit)
        return units

    @property
    def recorder(self) -> SynapseRecorder:
        """What samples the connections during a run."""
        if "_recorder" not in self.__dict__:
            self._recorder = SynapseRecorder(self._owner, self)
        return self._recorder

    @property
    def is_recorded(self) -> bool:
        """Whether record() was ever called."""
        return "_recorder" in self.__dict__

    def record(self, variables: Any, sampling_interval: float | None = None) -> None:
        """Record attributes or states of the connections ("weight", "u" ...: a name or a list) from now on.

        `sampling_interval` in ms, a multiple of the time step (None: every time step, which takes 8 bytes for each
        connection and time step). The sample of a time holds what a script has not changed yet at that time, except
        for the first, which is taken when the run begins. None for `variables` stops all recording. Raises
        RecordingError, which lists what can be recorded.
        """
        self._owner.require_open()
        self.recorder.record(variables, sampling_interval)

    def get_data(self, variables: Any = "all", gather: bool = True, clear: bool = False) -> Any:
        """What has been recorded of the connections, as a neo.Block with one segment for each run between resets.

        Each variable is a neo.AnalogSignal of shape (samples, connections), the connections in the order of
        ``get(format="list")``; its array annotations presynaptic_index, postsynaptic_index, presynaptic_id and
        postsynaptic_id say which they are.
        """
        self._owner.require_present("recorded data of synapses")
        with self._owner.phases.times.measure("collect"):
            return self.recorder.get(variables, gather, clear)

    def write_data(self, io: Any, variables: Any = "all", gather: bool = True, clear: bool = False) -> None:
        """Write what has been recorded to a file (format by extension: .nix, .h5, .nwb, .pkl, .mat) or a Neo IO."""
        self._owner.require_present("recorded data of synapses")
        with self._owner.phases.times.measure("collect"):
            self.recorder.write(io, variables, gather, clear)

    def present_values(self, name: str) -> FloatArray:
        """Present values of an attribute or state, one a connection, in the order of ``get(format="list")``."""
        values: FloatArray = self._column(name)
        return values

    def metadata(self) -> dict[str, Any]:
        """Annotations of the blocks with data of the connections."""
        return {
            "label": self.label,
            "size": self.size(),
            "presynaptic_population": self.pre.label,
            "postsynaptic_population": self.post.label,
            "receptor_type": self.receptor_type,
            "synapse_type": self.synapse_type.definition.name,
        }

    def annotate(self, **annotations: Any) -> None:
        """Attach information."""
        self.annotations.update(annotations)

    def describe(self, template: str | None = "projection_default.txt", engine: str = "default") -> Any:
        """A description for people; with ``template=None`` as a dictionary."""
        context = {
            "label": self.label,
            "pre": self.pre.describe(template=None),
            "post": self.post.describe(template=None),
            "source": None,
            "receptor_type": self.receptor_type,
            "size": self.size(),
            "size_local": self.size(gather=False),
            "connector": self.connector.describe(template=None),
            "plasticity": self.synapse_type.describe(template=None),
        }
        return descriptions.render(engine, template, context)

    def __repr__(self) -> str:
        return f'Projection("{self.label}")'
