"""Translation tables: how a backend's native model says what a standard model says. Data and arithmetic, no simulator.

A row states a native name and a native unit; the factor between the two units comes from `pyNN.units.factor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyNN.errors import NonExistentParameterError
from pyNN.models import Definition
from pyNN.units import factor

Values = Mapping[str, Any]
"""Name -> number, or array of one number a cell."""


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
        return values[self.name] * factor(definition.units[self.name], self.unit)

    def to_standard(self, native: Values, definition: Definition) -> Any:
        return native[self.native] * factor(self.unit, definition.units[self.name])


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

    def to_standard(self, native: Values, definition: Definition) -> Any:
        return self.reverse(native) * factor(self.reverse_unit, definition.units[self.name])


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


@dataclass(frozen=True)
class NativeReceptor:
    """Where a weight arrives: the native unit and the factor that gives it the native sign."""

    name: str
    unit: str
    sign: int = 1
    """-1: the native model takes weights of the opposite sign (negative ones for an inhibitory conductance)."""


@dataclass(frozen=True)
class Translation:
    """All that is needed to build one standard model from one native model."""

    name: str
    native: str
    parameters: tuple[Renamed | Computed, ...] = ()
    states: tuple[NativeState, ...] = ()
    receptors: tuple[NativeReceptor, ...] = ()
    injected: str = ""
    """Name of the parameter that is a constant current, to which injected currents may be added."""
    grid: bool = True
    """Whether spikes are restricted to the grid."""

    def native_parameters(
        self, definition: Definition, values: Values, changed: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """Native parameters for standard `values`; with `changed` only those that depend on one of these names."""
        wanted = None if changed is None else set(changed)
        rows = [row for row in self.parameters if wanted is None or wanted & set(row.names)]
        return {row.native: row.to_native(values, definition) for row in rows}

    def standard_parameters(self, definition: Definition, native: Values) -> dict[str, Any]:
        """Standard parameters for native values."""
        return {row.name: row.to_standard(native, definition) for row in self.parameters}

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
