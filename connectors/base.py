"""What every connector is: an object that turns a request into columns of (pre, post) indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyNN.errors import CapabilityError, ConnectorError, InternalError, InvalidModelError

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
    threads: int = 1
    """Threads that draw rows at the same time; the connections are the same for any number."""
    progress: Callable[[float], None] | None = None
    """Is told the fraction done."""
    rank: int = 0
    """Number of this process, for files written one a process."""
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


class Connector:
    """Rule for who connects to whom.

    A connector of your own defines `connections(request)`. `location_selector` may be "all" or "soma", since cells are
    points. `callback`, if given, is called with the fraction done.
    `safe` says whether the signs of weights are checked.
    """

    parameter_names: tuple[str, ...] = ()

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
