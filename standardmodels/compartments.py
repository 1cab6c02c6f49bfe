"""Cells with compartments, as descriptions: the backends of this package have cells that are points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pyNN.errors import InvalidModelError, InvalidParameterValueError, NonExistentParameterError
from pyNN.models import (
    BaseIonChannelModel,
    BasePostSynapticResponse,
    Definition,
    Parameter,
    check_parameter_names,
)
from pyNN.morphology import LocationGenerator, Morphology, NeuriteDistribution
from pyNN.parameters import IonicSpecies
from pyNN.standardmodels.base import StandardCellType


class MultiCompartmentNeuron(StandardCellType):
    """A cell with a shape, ion channels and receptors, of which a script derives its own class::

        class Pyramidal(sim.MultiCompartmentNeuron):
            ion_channels = {"na": sim.NaChannel, "pas": sim.PassiveLeak}
            post_synaptic_entities = {"AMPA": sim.CondExpPostSynapticResponse}

        Pyramidal(morphology=load_morphology("cell.swc"), Ra=100.0, na={"conductance_density": uniform("soma", 0.12)},
                  pas={"conductance_density": uniform("all", 0.0003)}, AMPA={"locations": centre(dendrites())})

    Parameters: `morphology`, `cm` (uF/cm2), `Ra` (ohm cm), `ionic_species` (IonicSpecies by ion), and a dictionary of
    parameters for each channel and receptor, whose values are numbers, distributions or locations. A population of such
    cells needs a simulator with compartments: NoModelAvailableError says which there are.
    """

    parameters = {
        "morphology": Parameter(None, "", "shape of the cell"),
        "cm": Parameter(1.0, "uF/cm**2", "capacitance per area of membrane", minimum=0.0, exclusive=True),
        "Ra": Parameter(35.4, "ohm*cm", "resistivity of the cytoplasm", minimum=0.0, exclusive=True),
        "ionic_species": Parameter(None, "", "reversal potentials and concentrations of ions"),
    }
    label: ClassVar[str | None] = None
    ion_channels: ClassVar[Mapping[str, type[BaseIonChannelModel]]] = {}
    post_synaptic_entities: ClassVar[Mapping[str, type[BasePostSynapticResponse]]] = {}
    literature = "Rall 1962, Ann N Y Acad Sci 96:1071"

    def __init__(self, **parameters: Any) -> None:
        values = dict(self.default_parameters)
        components = {**self.ion_channels, **self.post_synaptic_entities}
        for name, value in parameters.items():
            if name in components:
                values[name] = _component(name, components[name], value)
            elif name not in values:
                raise NonExistentParameterError(name, type(self).__name__, [*values, *components])
            else:
                values[name] = _own(name, value)
        self.parameter_space = _Values(values)  # type: ignore[assignment]

    @classmethod
    def _make_definition(cls) -> Definition:
        for attribute, kind in (("ion_channels", BaseIonChannelModel), ("post_synaptic_entities", BasePostSynapticResponse)):
            for name, component in getattr(cls, attribute, {}).items():
                if not isinstance(component, type) or not issubclass(component, kind):
                    raise InvalidModelError(f"{cls.__name__}.{attribute}['{name}'] must be a class, not {component!r}.")
        receptors = {name: psr.receptor for name, psr in getattr(cls, "post_synaptic_entities", {}).items()}
        # Every class of a script is built by the same means of a simulator, so they share the model's name.
        return Definition(
            "MultiCompartmentNeuron", dict(cls.parameters), receptors=receptors, literature=cls.literature
        )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.receptor_types = tuple(getattr(cls, "post_synaptic_entities", {}))

    def can_record(self, variable: str, location: Any = None) -> bool:
        """Spikes, the membrane potential at a location, and variables of channels and receptors ("na.m")."""
        component = variable.partition(".")[0]
        return variable in ("spikes", "v") or component in {**self.ion_channels, **self.post_synaptic_entities}


class _Values:
    """Parameter values as they were given: shapes, distributions and dictionaries are not numbers of a cell."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def as_dict(self) -> dict[str, Any]:
        return dict(self._values)

    def keys(self) -> Any:
        return self._values.keys()

    def items(self) -> Any:
        return self._values.items()

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)


def _own(name: str, value: Any) -> Any:
    """A parameter of the cell itself, checked."""
    if name == "morphology":
        if value is not None and not isinstance(value, Morphology):
            raise InvalidModelError(f"morphology is that of pyNN.morphology.load_morphology(file), not {value!r}.")
        return value
    if name == "ionic_species":
        good = value is None or (
            isinstance(value, Mapping) and all(isinstance(species, IonicSpecies) for species in value.values())
        )
        if not good:
            raise InvalidModelError(f"ionic_species is a dictionary of IonicSpecies by ion, not {value!r}.")
        return value
    return value if isinstance(value, NeuriteDistribution) else _positive(name, value)


def _positive(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0.0 < number < float("inf"):
        raise InvalidParameterValueError(f"MultiCompartmentNeuron: {name} must be positive, not {value!r}.")
    return number


def _component(name: str, model: Any, values: Any) -> dict[str, Any]:
    """Parameters of a channel or receptor, with its defaults for those that are not given."""
    if not isinstance(values, Mapping):
        raise InvalidModelError(
            f"'{name}' takes a dictionary of parameters of {model.__name__}, such as "
            f"{{'{next(iter(model.parameters))}': ...}}, not {values!r}."
        )
    check_parameter_names(values, model())
    numbers = {
        key: value
        for key, value in values.items()
        if not isinstance(value, (NeuriteDistribution, LocationGenerator))
    }
    # The model itself checks plain numbers.
    checked = model(**numbers).parameter_space.as_dict()
    return {**dict(model.default_parameters), **{key: checked[key] for key in numbers}, **{
        key: value for key, value in values.items() if key not in numbers
    }}
