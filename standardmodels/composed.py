"""Cell types composed of a neuron and any number of named receptors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pyNN.errors import InvalidModelError
from pyNN.models import BaseCellTypeComponent, BasePostSynapticResponse, Definition, Parameter, Receptor, State
from pyNN.parameters import ParameterSpace
from pyNN.standardmodels.base import StandardCellType


class PointNeuron(StandardCellType):
    """A neuron with receptors of the script's choice: ``PointNeuron(AdExp(tau_m=10.0), AMPA=AlphaPSR(tau_syn=1.0))``.

    The receptors' names are those that projections take as receptor_type, and come before the names of their parameters
    and variables: ``cells.set(**{"AMPA.tau_syn": 3.0})``, ``cells.record("AMPA.gsyn")``. Raises InvalidModelError for
    what is no component, and where receptors with conductances and with currents are mixed.
    """

    def __init__(self, neuron: BaseCellTypeComponent, **post_synaptic_receptors: BasePostSynapticResponse) -> None:
        if not isinstance(neuron, BaseCellTypeComponent):
            raise InvalidModelError(
                f"The first argument of PointNeuron is a neuron, such as AdExp() or LIF(), not {neuron!r}."
            )
        for name, receptor in post_synaptic_receptors.items():
            _check_receptor(name, receptor, neuron)
        self.neuron = neuron
        self.post_synaptic_receptors = dict(sorted(post_synaptic_receptors.items()))
        kinds = {receptor.conductance_based for receptor in self.post_synaptic_receptors.values()}
        if len(kinds) > 1:
            raise InvalidModelError(
                "Receptors with conductances and receptors with currents cannot be mixed in one PointNeuron: "
                + ", ".join(f"{n} is a {type(r).__name__}" for n, r in self.post_synaptic_receptors.items())
                + "."
            )
        self._describe_itself()
        self.parameter_space = self._collect_parameters()

    def _describe_itself(self) -> None:
        """Give the instance what other cell types have as class attributes."""
        definition = compose(self.neuron, self.post_synaptic_receptors)
        attributes = {
            "definition": definition,
            "parameters": definition.parameters,
            "states": definition.states,
            "receptors": definition.receptors,
            "equations": definition.equations,
            "threshold": definition.threshold,
            "threshold_within_step": definition.threshold_within_step,
            "reset": definition.reset,
            "refractory": definition.refractory,
            "injectable": definition.injectable,
            "literature": definition.literature,
            "default_parameters": {name: p.default for name, p in definition.parameters.items()},
            "default_initial_values": {n: s.initial for n, s in definition.states.items() if s.settable},
            "units": definition.units,
            "recordable": definition.recordable,
            "receptor_types": tuple(definition.receptors),
            "conductance_based": definition.conductance_based,
        }
        self.__dict__.update(attributes)

    def get_parameter_names(self) -> list[str]:  # type: ignore[override]
        """Names of all parameters, those of receptors with their receptor's name and a dot."""
        return list(self.default_parameters)

    def has_parameter(self, name: str) -> bool:  # type: ignore[override]
        return name in self.default_parameters

    def describe(self, template: str | None = "modeltype_default.txt", engine: str = "default") -> Any:
        """A description for people; with ``template=None`` as a dictionary, in which the parts are described too."""
        from pyNN import descriptions

        context = {
            **super().describe(template=None),
            "neuron": self.neuron.describe(template=None),
            "post_synaptic_receptors": {
                name: receptor.describe(template=None) for name, receptor in self.post_synaptic_receptors.items()
            },
        }
        return descriptions.render(engine, template, context)

    def _collect_parameters(self) -> ParameterSpace:
        values = dict(self.neuron.parameter_space.items())
        for name, receptor in self.post_synaptic_receptors.items():
            values.update({f"{name}.{key}": value for key, value in receptor.parameter_space.items()})
        space = ParameterSpace(dict(self.default_parameters), self.get_schema(), shape=None, component=type(self))
        space.update(**values)
        return space


def compose(neuron: BaseCellTypeComponent, receptors: Mapping[str, BasePostSynapticResponse]) -> Definition:
    """The definition of a neuron with receptors; the names of a receptor's own things begin with its name and a dot."""
    base = neuron.definition
    parameters: dict[str, Parameter] = dict(base.parameters)
    states: dict[str, State] = dict(base.states)
    ports: dict[str, Receptor] = {}
    equations = [base.equations.rstrip()]
    currents = []
    for name, receptor in receptors.items():
        part = receptor.definition
        parameters.update({f"{name}.{key}": value for key, value in part.parameters.items()})
        states.update({f"{name}.{key}": value for key, value in part.states.items()})
        own = [*part.parameters, *part.states]
        port = receptor.receptor
        ports[name] = Receptor(
            port.unit, _prefixed(port.on_spike, name, own), port.sign,
            f"{name}.{port.time_constant}" if port.time_constant else "",
        )
        equations += [_prefixed(line.strip(), name, own) for line in part.equations.splitlines() if line.strip()]
        currents.append(_prefixed(receptor.current, name, own))
    equations.append(f"i_syn = {' + '.join(currents) or '0*nA'} : nA")
    kinds = [type(receptor).definition.name for receptor in receptors.values()]
    return Definition(
        name=f"PointNeuron({', '.join([base.name, *sorted(set(kinds))])})",
        parameters=parameters,
        states=states,
        receptors=ports,
        equations="\n        ".join(equations) + "\n",
        threshold=base.threshold,
        threshold_within_step=base.threshold_within_step,
        reset=base.reset,
        refractory=base.refractory,
        injectable=base.injectable,
        literature="; ".join(dict.fromkeys([base.literature, *(r.literature for r in receptors.values())])),
        components={"": base.name, **dict(zip(receptors, kinds, strict=True))},
    )


def _prefixed(text: str, receptor: str, names: list[str]) -> str:
    """The text with the receptor's name and a dot before each of `names`; also in dx/dt."""
    pattern = rf"(?<![\w.])(d?)({'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})(?![\w.])"
    return re.sub(pattern, lambda match: f"{match[1]}{receptor}.{match[2]}", text)


def _check_receptor(name: str, receptor: Any, neuron: BaseCellTypeComponent) -> None:
    if not isinstance(receptor, BasePostSynapticResponse):
        raise InvalidModelError(
            f"{name}= takes a receptor, such as AlphaPSR(tau_syn=2.0) or CurrExpPostSynapticResponse(), "
            f"not {receptor!r}."
        )
    if not name.isascii() or name.startswith("_") or "__" in name or name in neuron.definition.units:
        raise InvalidModelError(
            f"'{name}' cannot be the name of a receptor: it must be made of ASCII letters, digits and single "
            f"underscores, begin with a letter, and not be a parameter or variable of {type(neuron).__name__}."
        )
