"""Projections whose connections are drawn again whenever they are wanted, rather than stored."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pyNN.connectors import ConnectionRequest
from pyNN.connectors.draws import POSTS_A_BLOCK
from pyNN.connectors.regeneration import Drawn, PairRule, RegeneratedTable
from pyNN.errors import CapabilityError, RoundingWarning
from pyNN.parameters import LazyArray, stream_key
from pyNN.random import RandomDistribution
from pyNN.random.transforms import POSSIBLE
from pyNN.specs import ConnectionTable, FloatArray, IntArray

_CONNECTIONS_A_PIECE = 1 << 22
_ADVICE = "Say Projection(..., connectivity='stored') to have these connections stored."


def regenerated_table(projection: Any, request: ConnectionRequest) -> tuple[ConnectionTable, FloatArray]:
    """(the table of connections that are drawn again, the smallest and the largest weight).

    All are drawn once, piece by piece, so that what is wrong with a weight or a delay shows as it does where they are
    stored. Raises CapabilityError for what cannot be drawn again.
    """
    rule = _rule(projection, request)
    values = {name: projection.synapse_type.parameter_space[name] for name in ("weight", "delay")}
    kept = {name: _value(projection.label, name, value, projection._key(name)) for name, value in values.items()}
    size, weights, delays = 0, [], []
    posts = request.posts
    with warnings.catch_warnings():
        for number, part in enumerate(_pieces(posts, rule)):
            connections = rule.connections(replace(request, local_post=part))
            pairs = projection._pairs_of(connections.sources, connections.targets)
            found = projection._columns(values, pairs)
            size += connections.size
            if connections.size or not number:
                weights += [np.min(found["weight"]), np.max(found["weight"])] if np.size(found["weight"]) else []
                delays += [np.min(found["delay"]), np.max(found["delay"])] if np.size(found["delay"]) else []
            # What is said of delays off the grid is said once.
            warnings.simplefilter("ignore", RoundingWarning)
            if request.progress is not None:
                request.progress(min(1.0, (int(part[-1]) + 1) / request.n_post) if part.size else 1.0)
    delay = kept["delay"]
    table = RegeneratedTable(
        rule,
        kept["weight"],
        delay if isinstance(delay, Drawn) else int(delays[0]),
        projection._owner.settings.dt,
        (int(posts[0]), int(posts[-1]) + 1) if posts.size else (0, 0),
        size,
        (int(min(delays, default=1)), int(max(delays, default=1))),
        request.compiled,
    )
    limits = np.array([min(weights), max(weights)] if weights else [], dtype=float)
    return ConnectionTable.kept_by(table), limits


def _rule(projection: Any, request: ConnectionRequest) -> PairRule:
    label, connector = projection.label, projection.connector
    if not projection.synapse_type.definition.is_static:
        raise CapabilityError(
            f"{label}: with connectivity='procedural' synapses must be static, and a "
            f"{type(projection.synapse_type).__name__} has values of its own for each connection. {_ADVICE}"
        )
    for group, side in ((projection.pre, "presynaptic"), (projection.post, "postsynaptic")):
        roots = group._roots()
        if len(roots) != 1 or not np.array_equal(group.ids, roots[0].ids):
            raise CapabilityError(
                f"{label}: with connectivity='procedural' the {side} cells must be a whole population, and "
                f"'{group.label}' is not. {_ADVICE}"
            )
    rule = connector.rule(request)
    if rule is None:
        raise CapabilityError(
            f"{label}: the connections of {connector!r} cannot be drawn again cell by cell, as "
            "connectivity='procedural' needs. Possible are FixedProbabilityConnector and AllToAllConnector, without an "
            f"rng and 'NoMutual'. {_ADVICE}"
        )
    return rule


def _value(label: str, name: str, value: Any, key: int) -> float | Drawn:
    """A number (or None), or what draws one."""
    base = value.base_value if isinstance(value, LazyArray) and not value.operations else value
    if isinstance(base, RandomDistribution):
        keyed = stream_key(base, key)
        drawn = None if keyed is None else Drawn(base, keyed)
        if drawn is not None and drawn.transform is not None:
            return drawn
    elif base is None or isinstance(base, (int, float, np.number)):
        return float("nan") if base is None else float(base)
    raise CapabilityError(
        f"{label}: with connectivity='procedural' {name} must be a number or a RandomDistribution of the kinds "
        f"{', '.join(POSSIBLE)}, drawn by the simulation or a NumpyRNG, not {base!r}. {_ADVICE}"
    )


def _pieces(posts: IntArray, rule: PairRule) -> Iterator[IntArray]:
    """The local post cells in pieces, each with a number of connections that memory has room for."""
    of_cell = max(1.0, rule.n_pre * rule.probability)
    step = max(int(_CONNECTIONS_A_PIECE / of_cell) // POSTS_A_BLOCK, 1) * POSTS_A_BLOCK
    first = int(posts[0]) - int(posts[0]) % step if posts.size else 0
    last = int(posts[-1]) + 1 if posts.size else 0
    if not posts.size:
        yield posts
    for begin in range(first, last, step):
        yield posts[(posts >= begin) & (posts < begin + step)]
