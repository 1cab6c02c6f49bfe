"""Base classes of the standard models, under the names that PyNN 0.13 has for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pyNN.errors import (
    InvalidDimensionsError,
    InvalidModelError,
    InvalidParameterValueError,
    NoModelAvailableError,
)
from pyNN.models import (
    BaseCellType,
    BaseCellTypeComponent,
    BaseCurrentSource,
    BaseIonChannelModel,
    BaseModelType,
    BasePostSynapticResponse,
    BaseSynapseType,
    check_parameter_names,
)
from pyNN.parameters import ParameterSpace, lower_sequences, lower_values
from pyNN.specs import CurrentSpec, Ragged


class StandardModelType(BaseModelType):
    """A model that every backend translates through its own table."""


class StandardCellType(StandardModelType, BaseCellType):
    """A standard cell type: its equations stand beside its parameters."""

    always_local = False


class StandardCellTypeComponent(StandardModelType, BaseCellTypeComponent):
    """Neuron part of a composed cell type."""


class StandardPostSynapticResponse(StandardModelType, BasePostSynapticResponse):
    """Receptor part of a composed cell type."""


class StandardSynapseType(StandardModelType, BaseSynapseType):
    """A standard synapse type."""


class StandardIonChannelModel(StandardModelType, BaseIonChannelModel):
    """A standard ion channel."""


class STDPWeightDependence(StandardModelType):
    """How a weight change depends on the weight."""


class STDPTimingDependence(StandardModelType):
    """How a weight change depends on spike times."""


class StandardCurrentSource(StandardModelType, BaseCurrentSource):
    """A standard current source. Its parameters are attributes: ``source.amplitude = 0.5`` acts from the next step."""

    def __init__(self, **parameters: Any) -> None:
        object.__setattr__(self, "_injection", None)
        super().__init__(**parameters)

    def _values(self) -> dict[str, Any]:
        """The parameters as the description of a network has them."""
        values: dict[str, Any] = {}
        for name, parameter in self.definition.parameters.items():
            given = self.parameter_space[name]
            try:
                if parameter.is_array:
                    values[name] = Ragged.from_list(lower_sequences(given, 1))
                else:
                    values[name] = float(np.asarray(lower_values(given, 1, 0)).reshape(()))
            except InvalidDimensionsError as error:
                raise InvalidDimensionsError(
                    f"{type(self).__name__}: {name} is the same for all cells that the current is injected into, so it "
                    f"takes a single value; {error} For different currents, make one source for each."
                ) from error
        return values

    def _seed(self) -> int | None:
        """Of the source's own generator of random numbers; None: it has none."""
        return None

    def inject_into(self, cells: Any) -> None:
        """Inject the current into a population, a view, an assembly, a cell or a list of cells."""
        groups = list(cells) if isinstance(cells, Iterable) and not hasattr(cells, "inject") else [cells]
        for group in groups:
            if not hasattr(group, "inject"):
                raise InvalidModelError(
                    "A current is injected into a population, a view, an assembly, a cell or a list of those, not into "
                    f"{group!r}."
                )
        for group in groups:
            group.inject(self)

    def _inject(self, simulation: Any, ids: Any) -> None:
        injection: tuple[Any, CurrentSpec] | None = self.__dict__["_injection"]
        if injection is None or injection[0] is not simulation:
            simulation.require_model(self.definition)
            number = simulation.next_current_id()
            spec = CurrentSpec(number, self.definition, self._values(), np.asarray(ids), seed=self._seed())
            simulation.check_current(spec)
            object.__setattr__(self, "_injection", (simulation, spec))
        else:
            spec = injection[1]
            spec.cells = np.concatenate([spec.cells, ids])
        simulation.inject(spec, self)

    def set_parameters(self, copy: bool = True, **parameters: Any) -> None:
        """Change parameters; a running simulation takes them over from the next time step."""
        old = self.parameter_space
        space = ParameterSpace(old.as_dict(), self.get_schema(), shape=None, component=type(self))
        space.update(**parameters)
        object.__setattr__(self, "parameter_space", space)
        injection = self.__dict__["_injection"]
        if injection is None:
            return
        simulation, spec = injection
        before = spec.parameters
        spec.parameters = self._values()
        try:
            simulation.check_current(spec)
        except Exception:
            object.__setattr__(self, "parameter_space", old)
            spec.parameters = before
            raise
        simulation.inject(spec)

    def take_values(self, values: Mapping[str, Any]) -> None:
        """Have the parameters that the description of a network has, without telling the simulation."""
        plain = {name: list(value[0]) if isinstance(value, Ragged) else float(value) for name, value in values.items()}
        space = ParameterSpace(self.parameter_space.as_dict(), self.get_schema(), shape=None, component=type(self))
        space.update(**plain)
        object.__setattr__(self, "parameter_space", space)

    def get_parameters(self) -> dict[str, Any]:
        """All parameters by name."""
        return dict(self.parameter_space.as_dict())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "parameter_space":
            raise AttributeError(f"{type(self).__name__} has no attribute '{name}'.")
        check_parameter_names([name], self)
        return self.get_parameters()[name]

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "parameter_space":
            object.__setattr__(self, name, value)
        else:
            self.set_parameters(**{name: value})

    def record(self) -> None:
        """Keep the current that is injected; call it after inject_into() and before the first run()."""
        self._injected("record()")
        simulation, spec = self.__dict__["_injection"]
        simulation.record_current(spec)

    def get_data(self) -> Any:
        """The recorded current as a neo.AnalogSignal in nA: samples at 0, dt, 2 dt ... up to now."""
        self._injected("get_data()")
        simulation, spec = self.__dict__["_injection"]
        return simulation.current_signal(spec)

    def _injected(self, call: str) -> None:
        if self.__dict__["_injection"] is None:
            raise InvalidParameterValueError(f"{call} needs a current that is injected. Call inject_into(cells) first.")


class ModelNotAvailable:
    """Stands for a model that a backend lacks: making one raises NoModelAvailableError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NoModelAvailableError(f"{type(self).__name__} is not available on this backend.")
