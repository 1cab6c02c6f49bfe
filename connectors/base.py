"""What every connector is: an object that turns a request into columns of (pre, post) indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyNN.errors import CapabilityError, ConnectorError, InternalError, InvalidModelError

if TYPE_CHECKING:
    from pyNN.connectors.regeneration import PairRule

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
PairFunction = Callable[[IntArray, IntArray], FloatArray]

POINT_LOCATIONS = ("all", "soma")
"""What a location_selector may say of cells that are points."""

PAIRS_A_BLOCK = 1 << 20
"""Pairs that are looked at together where a rule looks at every pair: bounds the memory, whatever the sizes."""


def _no_geometry(pre: IntArray, post: IntArray) -> FloatArray:
    raise InternalError("This request for connections has no positions of the cells.")


@dataclass
class ConnectionRequest:
    """What a connector may know of a projection. Indices count within `pre_ids` and `post_ids`."""

    pre_ids: IntArray
    """Global ids of the presynaptic cells, in the order of the user's object."""
    post_ids: IntArray
    seed: int = 0
    """The seed given to setup()."""
    projection: int = 0
    """Number of the projection; with the seed it keys the random streams."""
    distances: PairFunction = _no_geometry
    """(pre indices, post indices) -> the distance of each pair, shape (n,)."""
    displacements: PairFunction = _no_geometry
    """(pre indices, post indices) -> post position minus pre position of each pair, shape (3, n)."""
    pre_label: str = "pre"
    post_label: str = "post"
    label: str = "projection"
    local_post: IntArray | None = None
    """Post indices whose connections are wanted; None means all."""
    compiled: bool = True
    """Whether to use compiled loops; the connections are the same without."""
    waits: bool = True
    """Whether to compile loops that nobody has compiled yet, also for few connections."""
    threads: int = 1
    """Threads that draw rows at the same time; the connections are the same for any number."""
    progress: Callable[[float], None] | None = None
    """Is told the fraction done."""
    rank: int = 0
    """Number of this process, for files written one a process."""
    cell_values: Mapping[tuple[str, str], FloatArray] = field(default_factory=dict, repr=False)
    """Of each ("pre" or "post", name) in the connector's `cell_variables`: a number for each cell of that side."""
    projection_object: Any = field(default=None, repr=False)
    """The user's Projection, for an IndexBasedExpression that asks for it."""

    def __post_init__(self) -> None:
        self.pre_ids = np.asarray(self.pre_ids, dtype=np.int64)
        self.post_ids = np.asarray(self.post_ids, dtype=np.int64)

    @property
    def n_pre(self) -> int:
        return len(self.pre_ids)

    @property
    def n_post(self) -> int:
        return len(self.post_ids)

    @cached_property
    def posts(self) -> IntArray:
        """The post indices to make, ascending."""
        if self.local_post is None:
            return np.arange(self.n_post, dtype=np.int64)
        return np.unique(np.asarray(self.local_post, dtype=np.int64))

    @cached_property
    def is_local(self) -> BoolArray:
        """For each post cell whether its connections are wanted."""
        mask = np.zeros(self.n_post, dtype=bool)
        mask[self.posts] = True
        return mask

    @cached_property
    def self_pre(self) -> IntArray:
        """For each post cell the index of the same cell among the pre cells, or -1."""
        return _find(self.pre_ids, self.post_ids)

    @cached_property
    def self_post(self) -> IntArray:
        """For each pre cell the index of the same cell among the post cells, or -1."""
        return _find(self.post_ids, self.pre_ids)

    @property
    def is_empty(self) -> bool:
        return self.n_pre == 0 or self.n_post == 0


def _find(ids: IntArray, wanted: IntArray) -> IntArray:
    """Position of each wanted id in `ids`, or -1."""
    if ids.size == 0:
        return np.full(wanted.shape, -1, dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    where = np.minimum(np.searchsorted(ids, wanted, sorter=order), ids.size - 1)
    found = order[where]
    return np.where(ids[found] == wanted, found, -1)


@dataclass
class Connections:
    """Connections as columns, sorted by post, then pre; several connections of one pair stand next to each other."""

    pre: NDArray[np.int32]
    post: NDArray[np.int32]
    values: dict[str, FloatArray] = field(default_factory=dict)
    """Synapse parameters that the connector itself gives, one number a connection (weight, delay in ms, ...)."""

    @property
    def size(self) -> int:
        return len(self.pre)

    @classmethod
    def none(cls, names: tuple[str, ...] = ()) -> Connections:
        empty = np.empty(0, dtype=np.int32)
        return cls(empty, empty.copy(), {name: np.empty(0) for name in names})

    @classmethod
    def from_pairs(
        cls, pre: ArrayLike, post: ArrayLike, values: Mapping[str, ArrayLike] | None = None
    ) -> Connections:
        """Columns from pairs in any order; the order of several connections of one pair is kept."""
        pre, post = np.asarray(pre), np.asarray(post)
        order = np.lexsort((pre, post))
        columns = {name: np.asarray(column, dtype=float)[order] for name, column in (values or {}).items()}
        return cls(pre[order].astype(np.int32), post[order].astype(np.int32), columns)


class ConnectionsBySource(Connections):
    """Connections in order of source; columns by target are made on demand."""

    def __init__(self, starts: IntArray, targets: NDArray[Any], transpose: Callable[[Any, Any], tuple[Any, Any]]):
        self.starts = starts
        """Pre cell i connects to targets[starts[i]:starts[i + 1]], ascending."""
        self.targets = targets
        self.values = {}
        self._transpose = transpose

    @property
    def size(self) -> int:
        return len(self.targets)

    @property
    def sources(self) -> NDArray[np.int32]:
        """The pre cell of each of `targets`."""
        return np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), np.diff(self.starts))

    @cached_property
    def _by_target(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        return self._transpose(self.sources, self.targets.astype(np.int32))

    @property
    def pre(self) -> NDArray[np.int32]:  # type: ignore[override]
        return self._by_target[0]

    @property
    def post(self) -> NDArray[np.int32]:  # type: ignore[override]
        return self._by_target[1]


class ConnectedByHand:
    """The projection as it is seen by a connector that defines connect(projection): calls are noted, one by one.

    Everything else is the projection's own.
    """

    def __init__(self, request: ConnectionRequest, connector: Connector) -> None:
        self._request = request
        self._connector = connector
        self._parts: list[tuple[IntArray, IntArray, dict[str, FloatArray]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request.projection_object, name)

    def connect_with(self, connector: Connector) -> None:
        """What super().connect(projection) does in a connector that derives from one of ours."""
        made = connector.connections(self._request)
        self._parts.append((made.pre.astype(np.int64), made.post.astype(np.int64), made.values))

    def _convergent_connect(
        self, presynaptic_indices: Any, postsynaptic_index: Any, location_selector: Any = None, **parameters: Any
    ) -> None:
        """Connect the cells of `pre` with these indices to one cell of `post`; a parameter is a number, or one each."""
        pre = np.atleast_1d(np.asarray(presynaptic_indices))
        if pre.dtype == bool:
            pre = np.flatnonzero(pre)
        to = np.atleast_1d(postsynaptic_index)
        for indices, count, side in ((pre, self._request.n_pre, "pre"), (to, self._request.n_post, "post")):
            wrong = indices[(indices < 0) | (indices >= count)]
            if wrong.size:
                raise ConnectorError(f"{self._name}: the {side} index is {wrong[0]}; possible are 0 to {count - 1}.")
        post = np.full(pre.size, int(postsynaptic_index))
        try:
            values = {
                name: np.array(np.broadcast_to(np.asarray(value, dtype=float), pre.shape))
                for name, value in parameters.items()
            }
        except ValueError as error:
            raise ConnectorError(f"{self._name}: one number, or {pre.size}, for each parameter: {error}.") from error
        self._parts.append((pre.astype(np.int64), post, values))

    @property
    def _name(self) -> str:
        return type(self._connector).__name__

    def connections(self) -> Connections:
        """All that was noted, for the local post cells."""
        parts = [part for part in self._parts if part[0].size]
        if not parts:
            return Connections.none()
        names = list(parts[0][2])
        if any(sorted(values) != sorted(names) for _, _, values in parts):
            raise ConnectorError(f"{self._name}: each call must give the same parameters, such as weight and delay.")
        pre, post = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
        local = np.isin(post, self._request.posts)
        columns = {name: np.concatenate([values[name] for _, _, values in parts])[local] for name in names}
        return Connections.from_pairs(pre[local], post[local], columns)


class Connector:
    """Rule for who connects to whom.

    A connector of your own defines `connections(request)`; one that was written for PyNN and defines
    connect(projection) works too, and gives weights in the interface's units to projection._convergent_connect.
    `location_selector` may be "all" or "soma", since cells are points. `callback`, if given, is called with the
    fraction done. `safe` says whether the signs of weights are checked.
    """

    parameter_names: tuple[str, ...] = ()
    cell_variables: Any = ()
    """("pre" or "post", name) of the cells' parameters, variables and positions that the rule depends on."""

    def __init__(
        self, location_selector: Any = None, safe: bool = True, callback: Callable[[float], None] | None = None
    ) -> None:
        if location_selector is not None and not (
            isinstance(location_selector, str) and location_selector in POINT_LOCATIONS
        ):
            raise CapabilityError(
                f"{type(self).__name__} was given location_selector={location_selector!r}, but cells are points here: "
                "there are no compartments to choose from. Leave location_selector out; 'all' and 'soma' are accepted, "
                "since they mean the whole of such a cell."
            )
        if callback is not None and not callable(callback):
            raise ConnectorError(f"callback must be a function of the fraction done, not {callback!r}.")
        self.location_selector = location_selector
        self.safe = bool(safe)
        self.callback = callback

    def connections(self, request: ConnectionRequest) -> Connections:
        """The connections that this rule makes for the request's local post cells."""
        raise CapabilityError(
            f"{type(self).__name__} does not say what to connect: define connections(self, request), which returns "
            "a pyNN.connectors.Connections."
        )

    def rule(self, request: ConnectionRequest) -> PairRule | None:
        """What draws these connections again, so that they need not be stored; None: they cannot be drawn again."""
        return None

    def make(self, request: ConnectionRequest) -> Connections:
        """The connections by whichever of `connections` and `connect` a subclass defines last."""
        classes = type(self).__mro__
        first = {name: next(k for k, c in enumerate(classes) if name in vars(c)) for name in ("connections", "connect")}
        if first["connect"] >= first["connections"]:
            return _onto_local_cells(self.connections(request), request)
        by_hand = ConnectedByHand(request, self)
        self.connect(by_hand)
        return by_hand.connections()

    def connect(self, projection: Any) -> None:
        """Make the connections of `projection`, which must have been made by Projection(...)."""
        connect_with = getattr(projection, "connect_with", None)
        if connect_with is None:
            raise InvalidModelError(
                f"{type(self).__name__}.connect needs a Projection, not {type(projection).__name__}. A projection "
                "connects itself: Projection(pre, post, connector, synapse_type)."
            )
        connect_with(self)

    def get_parameters(self) -> dict[str, Any]:
        """The constructor's arguments that define the rule, by name."""
        return {name: getattr(self, name) for name in self.parameter_names}

    def describe(self, template: str | None = "connector_default.txt", engine: Any = "default") -> Any:
        """A description of the rule for people; with template=None, as a dictionary."""
        from pyNN import descriptions

        context = {"name": type(self).__name__, "parameters": self.get_parameters()}
        return descriptions.render(engine, template, context)

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={_short(value)}" for name, value in self.get_parameters().items())
        return f"{type(self).__name__}({given})"

    def _report(self, request: ConnectionRequest, fraction: float) -> None:
        for listener in (self.callback, request.progress):
            if listener is not None:
                listener(fraction)


def _onto_local_cells(connections: Connections, request: ConnectionRequest) -> Connections:
    """Connections without those that a rule of somebody's own makes onto cells of other MPI ranks."""
    if request.local_post is None or isinstance(connections, ConnectionsBySource):
        # Those that are drawn by source are drawn for local cells only.
        return connections
    if request.is_local[connections.post].all():
        return connections
    keep = request.is_local[connections.post]
    values = {name: value if np.ndim(value) == 0 else value[keep] for name, value in connections.values.items()}
    return Connections(connections.pre[keep], connections.post[keep], values)


class MapConnector(Connector):
    """A connector that decides for the pairs of pre and post cells (rather than from a list)."""


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<array of shape {value.shape}>"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def checked_self_connections(owner: Connector, value: Any, no_mutual: bool = True) -> bool | str:
    """True, False or 'NoMutual'; anything else is refused."""
    if isinstance(value, str) and value == "NoMutual" and no_mutual:
        return value
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    possible = "True, False or 'NoMutual'" if no_mutual else "True or False"
    raise ConnectorError(f"{type(owner).__name__}: allow_self_connections must be {possible}, not {value!r}.")


def is_allowed(
    request: ConnectionRequest, allow_self_connections: bool | str, pre: NDArray[Any], post: NDArray[Any]
) -> BoolArray:
    """For each pair whether it may be connected.

    False forbids a cell's connection to itself. 'NoMutual' forbids that too and, of two cells that are both on both
    sides, the connection from the one with the lower to the one with the higher id, so that no two cells connect
    mutually.
    """
    if allow_self_connections is True:
        return np.ones(np.broadcast(pre, post).shape, dtype=bool)
    if allow_self_connections is False:
        return request.self_pre[post] != pre
    shared = (request.self_pre[post] >= 0) & (request.self_post[pre] >= 0)
    return ~(shared & (request.pre_ids[pre] <= request.post_ids[post]))
