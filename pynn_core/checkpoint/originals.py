"""How a network was when it was built, to tell what has been changed since."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyNN.checkpoint.description import changeable, columns_of, table_digests, value_digest
from pyNN.errors import CapabilityError
from pyNN.specs import CurrentSpec, NetworkSpec, PopulationSpec, ProjectionSpec

Part = PopulationSpec | ProjectionSpec | CurrentSpec
ABSENT = "-"
"""Stands for the digest of a state of synapses that no script has initialised."""


class Originals:
    """How the network was when it was built: what a script that builds it anew comes to.

    Values are kept as they are, since changes put others in their place; of the columns of tables, digests are.
    """

    def __init__(self) -> None:
        self.values: dict[tuple[str, int], dict[str, Any]] = {}
        self.columns: dict[tuple[int, str], str] = {}
        """Digests of columns before they were changed for the first time."""
        self.present: dict[tuple[int, str], str] = {}
        """Digests of columns that are known; a change forgets them."""
        self.digests: dict[tuple[str, int], dict[str, str]] = {}
        """Of a network that was restored: what the file says of its beginning."""

    def keep(self, part: NetworkSpec) -> None:
        """Remember parts of the network that are being built."""
        for kind, spec in parts(part):
            self.values.setdefault((kind, spec.id), changeable(spec))

    def before_change(self, spec: ProjectionSpec, name: str, narrow: bool) -> None:
        """A column of a projection that has been built is about to change."""
        if spec.table is not None and (spec.id, name) not in self.columns:
            self.columns[spec.id, name] = self.digest(spec, name, narrow)
        self.present.pop((spec.id, name), None)

    def forget(self, spec: ProjectionSpec, name: str) -> None:
        """A column changes before anything has been built."""
        self.present.pop((spec.id, name), None)

    def digest(self, spec: ProjectionSpec, name: str, narrow: bool) -> str:
        """Of a column as it is now."""
        known = self.present.get((spec.id, name))
        if known is None:
            if spec.table is None:
                raise CapabilityError(f"{spec.label}: connections that a simulator drew itself cannot be compared.")
            # All at once: a table that the backend keeps in a form of its own is made anew for this.
            whole = spec.table.keeper is not None
            missing = [n for n in columns_of(spec) if (spec.id, n) not in self.present and (whole or n == name)]
            for column, digest in table_digests(spec.table, missing, narrow).items():
                self.present[spec.id, column] = digest
            known = self.present[spec.id, name]
        return known

    def original(self, kind: str, spec: Part, item: str, present: str) -> str:
        """Digest of a value when the network was built."""
        digests = self.digests.get((kind, spec.id))
        if digests is not None:
            return digests.get(item, ABSENT)
        values = self.values.get((kind, spec.id))
        if values is None:
            return present
        return value_digest(values[item]) if item in values else ABSENT


def parts(network: NetworkSpec) -> Iterator[tuple[str, Part]]:
    yield from (("population", spec) for spec in network.populations)
    yield from (("projection", spec) for spec in network.projections)
    yield from (("current", spec) for spec in network.currents)
