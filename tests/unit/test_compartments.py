"""Cells with compartments: they can be described; a population of them needs another simulator."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from pyNN import morphology
from pyNN.errors import InvalidModelError, InvalidParameterValueError, NoModelAvailableError, NonExistentParameterError
from pyNN.models import BaseIonChannelModel
from pyNN.parameters import IonicSpecies
from pyNN.standardmodels.base import StandardIonChannelModel
from pyNN.standardmodels.cells import MultiCompartmentNeuron
from pyNN.standardmodels.ion_channels import KdrChannel, NaChannel, PassiveLeak, PassiveLeakHH
from pyNN.standardmodels.receptors import CondExpPostSynapticResponse


class Pyramidal(MultiCompartmentNeuron):
    label = "pyramidal"
    ion_channels = {"na": NaChannel, "pas": PassiveLeak}
    post_synaptic_entities = {"AMPA": CondExpPostSynapticResponse}


DEFAULTS = {
    NaChannel: {"conductance_density": 0.12},
    KdrChannel: {"conductance_density": 0.036},
    PassiveLeak: {"conductance_density": 0.0003, "e_rev": -65.0},
    PassiveLeakHH: {"conductance_density": 0.0003, "e_rev": -54.3},
}
"""Hodgkin and Huxley 1952 (120, 36 and 0.3 mS/cm2), as PyNN 0.13 has them."""


@pytest.mark.parametrize("channel", DEFAULTS)
def test_channels_have_the_densities_of_hodgkin_and_huxley(channel: Any) -> None:
    assert channel.default_parameters == DEFAULTS[channel]
    assert issubclass(channel, StandardIonChannelModel) and issubclass(channel, BaseIonChannelModel)
    instance = channel(conductance_density=0.5)
    assert instance.parameter_space["conductance_density"].evaluate(simplify=True) == 0.5
    with pytest.raises(InvalidParameterValueError, match="at least 0"):
        channel(conductance_density=-1.0)
    with pytest.raises(NonExistentParameterError):
        channel(density=1.0)


def test_a_cell_keeps_what_it_was_given() -> None:
    everywhere = morphology.uniform("all", 0.01)
    places = morphology.centre(morphology.dendrites())
    species = {"na": IonicSpecies("na", 50.0)}
    cell = Pyramidal(
        cm=0.9, Ra=150.0, ionic_species=species, na={"conductance_density": everywhere},
        AMPA={"locations": places, "tau_syn": 2.0},
    )
    values = cell.parameter_space.as_dict()
    assert values["cm"] == 0.9 and values["Ra"] == 150.0 and values["morphology"] is None
    assert values["ionic_species"] == species
    assert values["na"] == {"conductance_density": everywhere}
    assert values["AMPA"]["locations"] is places
    assert values["AMPA"]["e_syn"] == 0.0
    assert cell.receptor_types == ("AMPA",) and cell.recordable == ["spikes"]
    assert cell.can_record("v") and cell.can_record("na.m") and not cell.can_record("gsyn_exc")
    assert "Pyramidal" in cell.describe()


def test_pynns_defaults() -> None:
    assert MultiCompartmentNeuron.default_parameters == {
        "morphology": None, "cm": 1.0, "Ra": 35.4, "ionic_species": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"cm": -1.0}, InvalidParameterValueError, "cm must be positive"),
        ({"Ra": "much"}, InvalidParameterValueError, "Ra must be positive"),
        ({"tau_m": 10.0}, NonExistentParameterError, "Valid parameters: AMPA, Ra, cm"),
        ({"morphology": "cell.swc"}, InvalidModelError, "load_morphology"),
        ({"ionic_species": {"na": 50.0}}, InvalidModelError, "IonicSpecies by ion"),
        ({"na": 0.1}, InvalidModelError, "takes a dictionary of parameters of NaChannel"),
        ({"na": {"density": 0.1}}, NonExistentParameterError, "conductance_density"),
        ({"pas": {"conductance_density": -0.1}}, InvalidParameterValueError, "at least 0"),
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Pyramidal(**parameters)


def test_a_channel_is_a_class() -> None:
    with pytest.raises(InvalidModelError, match="ion_channels\\['na'\\] must be a class"):
        type("Wrong", (MultiCompartmentNeuron,), {"ion_channels": {"na": NaChannel()}})


@pytest.mark.parametrize("backend", ["reference", "nest", "mock"])
def test_a_population_of_them_needs_another_simulator(backend: str) -> None:
    sim = importlib.import_module(f"pyNN.{backend}")
    assert sim.MultiCompartmentNeuron is MultiCompartmentNeuron and sim.NaChannel is NaChannel
    assert sim.morphology is morphology and sim.NeuriteDistribution is morphology.NeuriteDistribution
    sim.setup()
    with pytest.raises(NoModelAvailableError, match="NEURON and Arbor have cells with compartments"):
        sim.Population(2, Pyramidal())
    assert "MultiCompartmentNeuron" in sim.script.backend.capabilities.missing
    assert "MultiCompartmentNeuron" not in sim.list_standard_models()
    sim.end()
