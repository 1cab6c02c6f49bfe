"""How a network was when it was built, to tell what has been changed since."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pyNN.checkpoint.description import (
    Share,
    changeable,
    column_share,
    columns_of,
    in_sums,
    is_one_number,
    joined_digest,
    table_shares,
    value_digest,
)
from pyNN.checkpoint.shares import Gathering, is_shared
from pyNN.errors import CapabilityError
from pyNN.specs import CurrentSpec, NetworkSpec, PopulationSpec, ProjectionSpec

Part = PopulationSpec | ProjectionSpec | CurrentSpec
ABSENT = "-"
"""Stands for the digest of a state of synapses that no script has initialised."""


class Originals:
    """How the network was when it was built: what a script that builds it anew comes to.

    Values are kept as they are, since changes put others in their place; of the columns of tables, digests are. Under
    MPI a rank keeps what it has to say of its own connections, and no rank has to wait for others before a checkpoint.
    """

    def __init__(self) -> None:
        self.values: dict[tuple[str, int], dict[str, Any]] = {}
        self.columns: dict[tuple[int, str], Share] = {}
        """Columns before they were changed for the first time."""
        self.present: dict[tuple[int, str], Share] = {}
        """Columns as they are, as far as that is known; a change forgets them."""
        self.digests: dict[tuple[str, int], dict[str, str]] = {}
        """Of a network that was restored: what the file says of its beginning."""

    def keep(self, part: NetworkSpec) -> None:
        """Remember parts of the network that are being built."""
        for kind, spec in parts(part):
            self.values.setdefault((kind, spec.id), changeable(spec))

    def before_change(self, spec: ProjectionSpec, name: str, narrow: bool) -> None:
        """A column of a projection that has been built is about to change."""
        restored = ("projection", spec.id) in self.digests
        if spec.table is not None and not restored and (spec.id, name) not in self.columns:
            self.columns[spec.id, name] = self.share(spec, name, narrow)
        self.forget(spec, name)

    def forget(self, spec: ProjectionSpec, name: str) -> None:
        """A column changes."""
        self.present.pop((spec.id, name), None)

    def share(self, spec: ProjectionSpec, name: str, narrow: bool) -> Share:
        """What this rank says of a column as it is now."""
        known = self.present.get((spec.id, name))
        if known is None:
            if spec.table is None:
                raise CapabilityError(f"{spec.label}: connections that a simulator drew itself cannot be compared.")
            # All at once: a table that the backend keeps in a form of its own is made anew for this.
            whole = spec.table.keeper is not None
            missing = [n for n in columns_of(spec) if (spec.id, n) not in self.present and (whole or n == name)]
            for column, share in table_shares(spec.table, missing, narrow).items():
                self.present[spec.id, column] = share
            known = self.present[spec.id, name]
        return known

    def items(self, kind: str, spec: Part, narrow: bool, gathering: Gathering) -> dict[str, tuple[str, str]]:
        """Digests of all that can change of a part of the network: at the beginning, and now. Collective."""
        if isinstance(spec, ProjectionSpec):
            return self._projection_items(spec, narrow, gathering)
        now = {item: value_digest(value) for item, value in changeable(spec).items()}
        return {item: (self._original(kind, spec, item, digest), digest) for item, digest in now.items()}

    def digest_of_first(self, kind: str, spec: Part, item: str, gathering: Gathering) -> str:
        """Digest of the value in `values`; ABSENT for what has none there. Collective."""
        values = self.values[kind, spec.id]
        if item not in values:
            return ABSENT
        if not isinstance(spec, ProjectionSpec):
            return value_digest(values[item])

        def own() -> Share:
            return _share_of(spec, values[item])

        shared = is_shared(gathering.comm, spec)
        shares = gathering.everyone(own, f"comparison of {spec.label}") if shared else [own()]
        return _digest(spec, shares, gathering)

    def _original(self, kind: str, spec: Part, item: str, present: str) -> str:
        """Digest of a value when the network was built."""
        digests = self.digests.get((kind, spec.id))
        if digests is not None:
            return digests.get(item, ABSENT)
        values = self.values.get((kind, spec.id))
        if values is None:
            return present
        return value_digest(values[item]) if item in values else ABSENT

    def _projection_items(
        self, spec: ProjectionSpec, narrow: bool, gathering: Gathering
    ) -> dict[str, tuple[str, str]]:
        key = ("projection", spec.id)
        restored = self.digests.get(key)

        def own() -> dict[str, tuple[Share | None, Share]]:
            found: dict[str, tuple[Share | None, Share]] = {}
            for name in columns_of(spec):
                share = self.share(spec, name, narrow)
                found[name] = (self.columns.get((spec.id, name), share), share)
            values = self.values.get(key)
            for item, value in changeable(spec).items():
                now = _share_of(spec, value)
                before = now if values is None else _share_of(spec, values[item]) if item in values else None
                found[item] = (before, now)
            return found

        shared = is_shared(gathering.comm, spec)
        shares = gathering.everyone(own, f"comparison of {spec.label}") if gathering.is_parallel else [own()]
        shares = shares if shared else shares[:1]
        digests = {}
        for item in shares[0]:
            first, now = ([rank[item][k] for rank in shares] for k in (0, 1))
            if restored is not None:
                before = restored.get(item, ABSENT)
            else:
                before = ABSENT if None in first else _digest(spec, first, gathering)
            digests[item] = (before, before if first == now and restored is None else _digest(spec, now, gathering))
        return digests


def _share_of(spec: ProjectionSpec, value: Any) -> Share:
    if not np.ndim(value):
        return Share(0 if spec.table is None else spec.table.size, value)
    if spec.table is None:
        raise CapabilityError(f"{spec.label}: connections that a simulator drew itself cannot be compared.")
    return column_share(spec.table.pre, spec.table.post, value)


def _digest(spec: ProjectionSpec, shares: list[Any], gathering: Gathering) -> str:
    """Of what all ranks say, which say it again where some have one number and others do not."""
    if is_one_number(shares) is None:
        own, table = shares[gathering.comm.rank if len(shares) > 1 else 0], spec.table

        def again() -> Share:
            return own if table is None else in_sums(own, table.pre, table.post)

        shares = gathering.everyone(again, f"comparison of {spec.label}") if len(shares) > 1 else [again()]
    return joined_digest(shares)


def parts(network: NetworkSpec) -> Iterator[tuple[str, Part]]:
    yield from (("population", spec) for spec in network.populations)
    yield from (("projection", spec) for spec in network.projections)
    yield from (("current", spec) for spec in network.currents)
