"""Connectors without chance: everything to everything, one to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyNN.connectors.base import (
    ConnectionRequest,
    Connections,
    MapConnector,
    checked_self_connections,
    is_allowed,
)
from pyNN.connectors.regeneration import PairRule
from pyNN.errors import ConnectorError


class AllToAllConnector(MapConnector):
    """Every pre cell to every post cell.

    `allow_self_connections`: True, False, or 'NoMutual' (of two cells on both sides only one direction is made).
    """

    parameter_names = ("allow_self_connections",)

    def __init__(
        self,
        allow_self_connections: bool | str = True,
        location_selector: Any = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(location_selector, safe, callback)
        self.allow_self_connections = checked_self_connections(self, allow_self_connections)

    def connections(self, request: ConnectionRequest) -> Connections:
        if request.is_empty:
            return Connections.none()
        rule = self.rule(request)
        if rule is not None:
            return rule.connections(request, lambda fraction: self._report(request, fraction))
        pre = np.tile(np.arange(request.n_pre, dtype=np.int32), len(request.posts))
        post = np.repeat(request.posts.astype(np.int32), request.n_pre)
        keep = is_allowed(request, self.allow_self_connections, pre, post)
        self._report(request, 1.0)
        return Connections(pre[keep], post[keep])

    def rule(self, request: ConnectionRequest) -> PairRule | None:
        if self.allow_self_connections == "NoMutual":
            return None
        forbidden = np.full(request.n_pre, -1) if self.allow_self_connections is True else request.self_post
        return PairRule(0, 1.0, forbidden, request.n_post)


class OneToOneConnector(MapConnector):
    """Pre cell i to post cell i; both sides must have the same number of cells."""

    def connections(self, request: ConnectionRequest) -> Connections:
        if request.n_pre != request.n_post:
            raise ConnectorError(
                f"OneToOneConnector needs as many pre as post cells, but '{request.pre_label}' has {request.n_pre} "
                f"and '{request.post_label}' has {request.n_post}. Connect a view of the larger one, such as "
                f"{request.post_label if request.n_post > request.n_pre else request.pre_label}"
                f"[:{min(request.n_pre, request.n_post)}], or use another connector."
            )
        posts = request.posts.astype(np.int32)
        self._report(request, 1.0)
        return Connections(posts.copy(), posts)
