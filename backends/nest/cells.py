"""NEST's own cell models as cell types of a script."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from pyNN.errors import InvalidModelError
from pyNN.models import BaseCellType, Definition
from pyNN.nest import natives

__all__ = ["NativeCellType", "native_cell_type"]


class NativeCellType(BaseCellType):
    """A cell type that is one of NEST's models, with NEST's names, units and defaults; see native_cell_type()."""

    nest_model: ClassVar[str] = ""
    nest_name: ClassVar[dict[str, str]] = {}

    def __init__(self, **parameters: Any) -> None:
        if not self.nest_model:
            raise InvalidModelError(
                "NativeCellType is a base class. Write sim.native_cell_type('iaf_psc_alpha')(tau_m=10.0)."
            )
        super().__init__(**parameters)
        port_parameter = natives.native_model(self.nest_model).port_parameter
        if port_parameter:
            given = parameters.get(port_parameter, self.default_parameters[port_parameter])
            self._describe_ports(_count(given))

    @classmethod
    def _make_definition(cls) -> Definition:
        if not cls.nest_model:
            return Definition(cls.__name__, {})
        return _definition(natives.native_model(cls.nest_model), 1)

    def _describe_ports(self, count: int) -> None:
        """Give the instance the receptors that its parameters ask for."""
        definition = _definition(natives.native_model(self.nest_model), count)
        attributes = {
            "definition": definition,
            "states": definition.states,
            "receptors": definition.receptors,
            "units": definition.units,
            "recordable": definition.recordable,
            "receptor_types": tuple(definition.receptors),
        }
        self.__dict__.update(attributes)

    def get_receptor_type(self, name: str) -> int:
        """NEST's number of a receptor; 0 where NEST has none."""
        return natives.native_table(self.definition).receptor(name).port


def native_cell_type(model_name: str) -> type[NativeCellType]:
    """The NEST model `model_name` as a cell type: ``sim.native_cell_type("iaf_psc_delta")(tau_m=10.0)``.

    Parameters have NEST's names, units and defaults; what NEST's multimeter sees can be recorded under NEST's names.
    Receptors are those that NEST names, "1", "2" ... for the numbered ones of multisynapse models, otherwise
    "excitatory" and "inhibitory". Weights of standard synapse types are in nA or uS, as in PyNN: NEST gets 1000 times
    the number, in pA or nS (for a voltage jump in mV, too). A spike generator is a cell type, too.

    Raises NoModelAvailableError for a model that NEST does not have, InvalidModelError for a model without spikes or
    cells (a recorder, a current generator).
    """
    model = natives.native_model(model_name)
    if model_name in natives.CURRENT_DEVICES:
        raise InvalidModelError(
            f"'{model_name}' is a source of current, not a cell. Write sim.native_electrode_type('{model_name}')."
        )
    if model.kind not in ("neuron", "stimulator"):
        raise InvalidModelError(
            f"'{model_name}' is a device of NEST's kind '{model.kind}', not a cell. Recording is done by "
            "population.record()."
        )
    body = {
        "__doc__": f"NEST's model {model_name}, with NEST's names, units and defaults.",
        "__module__": __name__,
        "nest_model": model_name,
        "nest_name": {"on_grid": model_name, "off_grid": model_name},
        "parameters": natives.parameters_of(model),
        "states": natives.states_of(model, 1),
        "receptors": natives.receptors_of(model, 1),
        "injectable": "I_e" in model.parameters,
    }
    return type(model_name, (NativeCellType,), body)


def _definition(model: natives.NativeModel, ports: int) -> Definition:
    return Definition(
        natives.PREFIX + model.name,
        natives.parameters_of(model),
        natives.states_of(model, ports),
        natives.receptors_of(model, ports),
        injectable="I_e" in model.parameters,
    )


def _count(value: Any) -> int:
    """Number of receptors that an array-valued parameter asks for."""
    numbers = getattr(value, "value", value)
    return int(np.size(numbers))
