"""NEST's own current generators as current sources of a script."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from pyNN.errors import CapabilityError, InvalidModelError
from pyNN.models import Definition
from pyNN.nest import natives
from pyNN.specs import CurrentSpec
from pyNN.standardmodels.base import StandardCurrentSource

__all__ = ["NativeElectrodeType", "native_electrode_type"]


class NativeElectrodeType(StandardCurrentSource):
    """A current source that is one of NEST's generators, with NEST's names, units (pA) and defaults."""

    nest_name: ClassVar[str] = ""

    def __init__(self, **parameters: Any) -> None:
        if not self.nest_name:
            raise InvalidModelError(
                "NativeElectrodeType is a base class. Write sim.native_electrode_type('noise_generator')(std=50.0)."
            )
        super().__init__(**parameters)

    @classmethod
    def _make_definition(cls) -> Definition:
        if not cls.nest_name:
            return Definition(cls.__name__, {})
        return Definition(natives.PREFIX + cls.nest_name, dict(cls.parameters))

    def _inject(self, simulation: Any, ids: Any) -> None:
        injection = self.__dict__["_injection"]
        if injection is None or injection[0] is not simulation:
            simulation.require_model(self.definition)
            spec = CurrentSpec(simulation.next_current_id(), self.definition, self._values(), np.asarray(ids))
            object.__setattr__(self, "_injection", (simulation, spec))
        else:
            spec = injection[1]
            spec.cells = np.concatenate([spec.cells, ids])
        simulation.inject(spec)

    def set_parameters(self, copy: bool = True, **parameters: Any) -> None:
        """Change parameters; NEST's generator obeys one min_delay later."""
        injection = self.__dict__["_injection"]
        object.__setattr__(self, "_injection", None)
        try:
            super().set_parameters(copy, **parameters)
        finally:
            object.__setattr__(self, "_injection", injection)
        if injection is not None:
            simulation, spec = injection
            spec.parameters = self._values()
            simulation.inject(spec)

    def record(self) -> None:
        """CapabilityError: NEST does not tell what its generators send."""
        raise CapabilityError(
            f"What NEST's {self.nest_name} sends cannot be recorded. The standard current sources (DCSource, ACSource, "
            "StepCurrentSource, NoisyCurrentSource) can be."
        )

    def get_data(self) -> Any:
        """CapabilityError: NEST does not tell what its generators send."""
        self.record()


def native_electrode_type(model_name: str) -> type[NativeElectrodeType]:
    """The NEST generator `model_name` as a current source: ``sim.native_electrode_type("noise_generator")(std=50.0)``.

    There are ac_generator, dc_generator, noise_generator and step_current_generator. NoModelAvailableError for a model
    that NEST does not have, InvalidModelError for one that is no current generator.
    """
    model = natives.native_model(model_name)
    if model_name not in natives.CURRENT_DEVICES:
        raise InvalidModelError(
            f"'{model_name}' is not a current generator. Those are {', '.join(natives.CURRENT_DEVICES)}."
        )
    body = {
        "__doc__": f"NEST's {model_name}, with NEST's names, units and defaults.",
        "__module__": __name__,
        "nest_name": model_name,
        "parameters": natives.parameters_of(model),
    }
    return type(model_name, (NativeElectrodeType,), body)
