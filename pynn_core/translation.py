"""Translation tables: how a backend's native model says what a standard model says. Data and arithmetic, no simulator.

A row states a native name and a native unit; the factor between the two units comes from `pyNN.units.factor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from pyNN.errors import NonExistentParameterError
from pyNN.models import Definition
from pyNN.specs import Ragged
from pyNN.units import factor

Values = Mapping[str, Any]
"""Name -> number, array of one number a cell, or Ragged of one array a cell."""


class Row(Protocol):
    """How one native parameter follows from standard ones, and the other way round."""

    @property
    def native(self) -> str: ...

    @property
    def on_grid(self) -> bool: ...

    @property
    def names(self) -> tuple[str, ...]:
        """The standard parameters on which the native one depends."""

    def to_native(self, values: Values, definition: Definition) -> Any:
        """The native value for standard ones."""

    def to_standard(self, native: Values, definition: Definition) -> dict[str, Any]:
        """The standard parameters that the native ones tell."""


TRIFLE = 1e-9
"""The fraction by which an element of a Stacked row is moved."""


@dataclass(frozen=True)
class Renamed:
    """One standard parameter that is one native parameter in another unit."""

    name: str
    native: str
    unit: str
    on_grid: bool = False
    """True: a duration that the native model counts in whole time steps."""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def to_native(self, values: Values, definition: Definition) -> Any:
        return _scaled(values[self.name], factor(definition.units[self.name], self.unit))

    def to_standard(self, native: Values, definition: Definition) -> dict[str, Any]:
        return {self.name: _scaled(native[self.native], factor(self.unit, definition.units[self.name]))}


@dataclass(frozen=True)
class Computed:
    """One standard parameter that a native one determines together with others.

    `forward` gets standard values and returns the native one in `forward_unit`; `reverse` gets native values and
    returns the standard one in `reverse_unit`.
    """

    name: str
    native: str
    unit: str
    depends_on: tuple[str, ...]
    """Standard parameters that `forward` uses."""
    forward: Callable[[Values], Any]
    forward_unit: str
    reverse: Callable[[Values], Any]
    reverse_unit: str
    on_grid: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return self.depends_on

    def to_native(self, values: Values, definition: Definition) -> Any:
        return self.forward(values) * factor(self.forward_unit, self.unit)

    def to_standard(self, native: Values, definition: Definition) -> dict[str, Any]:
        return {self.name: self.reverse(native) * factor(self.reverse_unit, definition.units[self.name])}


@dataclass(frozen=True)
class Stacked:
    """Standard parameters of the same unit that are the elements of one native array, in this order."""

    elements: tuple[str, ...]
    native: str
    unit: str
    apart_from: str = ""
    """A parameter from which the native model wants the elements to differ: an equal one is moved by a trifle."""
    on_grid: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.elements, self.apart_from) if self.apart_from else self.elements

    def to_native(self, values: Values, definition: Definition) -> Any:
        """An array of shape (cells, elements), or (1, elements) where all cells are alike."""
        scaled = [values[name] * factor(definition.units[name], self.unit) for name in self.elements]
        if self.apart_from:
            other = np.asarray(values[self.apart_from]) * factor(definition.units[self.apart_from], self.unit)
            scaled = [np.where(np.abs(one - other) < TRIFLE * other, other * (1.0 + TRIFLE), one) for one in scaled]
        return np.stack(np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, dtype=float)) for value in scaled)), 1)

    def to_standard(self, native: Values, definition: Definition) -> dict[str, Any]:
        return {
            name: native[self.native][:, k] * factor(self.unit, definition.units[name])
            for k, name in enumerate(self.elements)
        }


@dataclass(frozen=True)
class NativeState:
    """A state variable; `native` None: the native model has no such variable."""

    name: str
    native: str | None
    unit: str
    settable: bool = True
    """Whether it can be given a value."""
    readable: bool = True
    """Whether its present value can be read (not only recorded)."""
    recordable: bool = True
    element: int | None = None
    """Where `native` is an array when it is read: which element. Recorders know it as `<native>_<element + 1>`."""
    receptor: str = ""
    """The receptor of which it is the current, where the present value follows from the input only."""
    kernels: tuple[str, str] | None = None
    """Parameters (time constants, amplitudes) of the kernels that each of the cell's spikes adds, and ..."""
    base: str = ""
    """... the parameter to which they are added."""

    @property
    def recorded(self) -> str | None:
        """The name that recorders know."""
        return self.native if self.element is None else f"{self.native}_{self.element + 1}"


@dataclass(frozen=True)
class NativeReceptor:
    """Where a weight arrives: the native unit and the factor that gives it the native sign."""

    name: str
    unit: str
    sign: int = 1
    """-1: the native model takes weights of the opposite sign (negative ones for an inhibitory conductance)."""
    port: int = 0
    """Number of the native model's receptor; 0 where it has no numbered ones."""


@dataclass(frozen=True)
class Translation:
    """All that is needed to build one standard model from one native model."""

    name: str
    native: str
    parameters: tuple[Row, ...] = ()
    states: tuple[NativeState, ...] = ()
    receptors: tuple[NativeReceptor, ...] = ()
    injected: str = ""
    """Name of the parameter that is a constant current, to which injected currents may be added."""
    current: str = ""
    """Where the standard model has no such parameter: the native one, in pA."""
    grid: bool = True
    """Whether spikes are restricted to the grid."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """Native parameters that have the same value in all cells, for ever, in native units."""
    reset_below: str = ""
    """The parameter that the native model wants to be above the reset potential, where there is one."""
    reset: str = "v_reset"
    """The parameter that is the reset potential."""
    native_model: bool = False
    """True: the model is the backend's own, with all its parameters; what has its default need not be said."""
    refractory_needed: bool = False
    """True: the refractory period must be a time step at least."""
    relayed: bool = False
    """True: the native model is a device, and what it sends is repeated by cells."""

    def native_parameters(
        self, definition: Definition, values: Values, changed: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Native parameters for standard `values`; with `changed` only those that depend on one of these names."""
        wanted = None if changed is None else set(changed)
        rows = [row for row in self.parameters if wanted is None or wanted & set(row.names)]
        return {row.native: row.to_native(values, definition) for row in rows}

    def standard_parameters(self, definition: Definition, native: Values) -> dict[str, Any]:
        """Standard parameters for native values."""
        found: dict[str, Any] = {}
        for row in self.parameters:
            found |= row.to_standard(native, definition)
        return found

    def state(self, name: str) -> NativeState:
        for row in self.states:
            if row.name == name:
                return row
        raise NonExistentParameterError(name, self.name, [row.name for row in self.states])

    def receptor(self, name: str) -> NativeReceptor:
        for row in self.receptors:
            if row.name == name:
                return row
        raise NonExistentParameterError(name, self.name, [row.name for row in self.receptors])

    def state_factor(self, definition: Definition, name: str) -> float:
        """What turns a standard value of a state variable into a native one."""
        return factor(definition.units[name], self.state(name).unit)

    def weight_factor(self, definition: Definition, receptor: str) -> float:
        """What turns a standard weight into a native one, sign included."""
        row = self.receptor(receptor)
        return row.sign * factor(definition.receptors[receptor].unit, row.unit)


def _scaled(value: Any, by: float) -> Any:
    return Ragged(value.values * by, value.offsets) if isinstance(value, Ragged) else value * by
