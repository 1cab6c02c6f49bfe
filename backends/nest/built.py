"""A projection in NEST, and its values in NEST's units and sign."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.errors import InvalidWeightError
from pyNN.nest.synapses import SMALLEST_WEIGHT, SynapseTranslation
from pyNN.specs import FloatArray, IntArray, ProjectionSpec

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
    made: IntArray | None = None
    """The rows of the table in the order in which they were given to NEST: that of the sources."""
    delays: IntArray | None = None
    """Delays in steps, where NEST drew them; otherwise the table has them."""
    numbered: bool = False
    """Whether the label of each connection is its row in the table."""
    since: int = -1
    """The step at which it was made; -1: before the first run."""
    shares: list[tuple[Built, IntArray | None]] = field(default_factory=list)
    """For synapses that work in both directions, what is in NEST here of each: its rows of the table (None: all)."""
    members: list[Any] | None = None
    """NEST's connections as they follow one another there, ..."""
    order: IntArray | None = None
    """... and for each row of the table the position among them."""
    states: dict[str, FloatArray] | None = None
    """What NEST answered when it was asked for states of synapses, which takes time, ..."""
    asked: int = -1
    """... and up to which step it had delivered spikes then."""
    collected: int = -1
    ordered: int = -1
    """The epochs in which members and order were found."""

    def factors(self, post: NDArray[np.int32]) -> FloatArray | float:
        """What turns standard weights into native ones, for connections onto the cells `post`."""
        return self.weight_factors if isinstance(self.weight_factors, float) else self.weight_factors[post]

    @property
    def plastic(self) -> bool:
        """Whether weights change with pairs of spikes, in a way that pyNN.nest.plasticity knows."""
        return self.synapse.rule in ("stdp", "vogels")

    @property
    def followed(self) -> bool:
        """Whether what changes at the synapses is computed up to the present step."""
        return self.synapse.changing and self.synapse.rule != "native"

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
            native |= {"a": native["n"], "u": self.first_release(native["U"], native["tau_fac"])}
        return native

    def first_release(self, use: Any, facilitation: Any) -> Any:
        """The probability with which sites release at the first spike: what that makes of the initial u."""
        lasting = np.where(np.asarray(facilitation) > 0.0, self.spec.initial_values.get("u", 0.0), 0.0)
        return use + lasting * (1.0 - use)

    def _receptor_time_constant(self, columns: dict[str, Any]) -> Any:
        tau = np.asarray(self.of_post(self.receptor_taus), dtype=float)
        recovery = np.asarray(columns["tau_rec"], dtype=float)
        return np.where(np.abs(tau - recovery) < _SINGULAR * recovery, recovery * (1.0 + _SINGULAR), tau)


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
