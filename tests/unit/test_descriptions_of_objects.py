"""describe() of every kind of object: text that people can read, alike with both engines, and the same as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import pyNN.mock as sim
from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.space import Cuboid, Grid2D, Grid3D, Line, RandomStructure, Sphere


def cells() -> Any:
    tau_m = RandomDistribution("uniform", (10, 20), rng=NumpyRNG(1))
    return sim.Population(20, sim.IF_cond_exp(tau_m=tau_m), label="E")


def projection(synapse: Any, connector: Any = None) -> Any:
    group = cells()
    return sim.Projection(group, group[:4], connector or sim.FixedProbabilityConnector(0.5, rng=NumpyRNG(1)), synapse)


WEIGHTS = RandomDistribution("normal", (0.1, 0.01), rng=NumpyRNG(2))
OBJECTS: dict[str, Callable[[], Any]] = {
    "population": cells,
    "population on a grid": lambda: sim.Population((4, 5), sim.IF_cond_exp(), label="E"),
    "spike source": lambda: sim.Population(3, sim.SpikeSourceArray(spike_times=[[1.0], [2.0, 3.0], []]), label="E"),
    "composed cells": lambda: sim.Population(2, sim.PointNeuron(sim.LIF(), AMPA=sim.AlphaPSR()), label="E"),
    "view": lambda: cells()[2:5],
    "view by mask": lambda: cells()[np.arange(20) % 2 == 0],
    "view of a view": lambda: cells()[2:15][1:3],
    "assembly": lambda: sim.Assembly(cells(), cells()[:3], label="E"),
    "projection": lambda: projection(sim.StaticSynapse(weight=WEIGHTS, delay="0.5 + d/10")),
    "projection with a function": lambda: projection(sim.StaticSynapse(weight=np.exp)),
    "projection with arrays": lambda: projection(
        sim.StaticSynapse(weight=np.full((20, 4), 0.5)), sim.AllToAllConnector()
    ),
    "plastic projection": lambda: projection(sim.STDPMechanism(sim.SpikePairRule(tau_plus=10.0), weight=WEIGHTS)),
    "short-term plasticity": lambda: projection(sim.TsodyksMarkramSynapse(tau_rec=200.0)),
    "projection from a list": lambda: projection(sim.StaticSynapse(), sim.FromListConnector([(0, 1, 0.1, 1.0)] * 50)),
    "cell type": lambda: sim.EIF_cond_exp_isfa_ista(a=3.0),
    "cell type with arrays": lambda: sim.GIF_cond_exp(),
    "synapse type": lambda: sim.MultiQuantalSynapse(n=3),
    "stdp": lambda: sim.STDPMechanism(weight_dependence=sim.GutigWeightDependence(mu_plus=0.1)),
    "current source": lambda: sim.StepCurrentSource(times=[1.0, 2.0], amplitudes=[0.1, 0.2]),
    "receptor": lambda: sim.AlphaPSR(tau_syn=2.0),
    "connector": lambda: sim.FixedNumberPreConnector(3, rng=NumpyRNG(5)),
    "connector with an expression": lambda: sim.DistanceDependentProbabilityConnector("exp(-d/10)"),
    "connector with a function": lambda: sim.DisplacementDependentProbabilityConnector(lambda d: 0.5),
    "line": lambda: Line(dx=2.0),
    "grid": lambda: Grid2D(aspect_ratio=2.0),
    "grid in space": lambda: Grid3D(),
    "ball": lambda: RandomStructure(Sphere(10.0), rng=NumpyRNG(1)),
    "box": lambda: RandomStructure(Cuboid(1.0, 2.0, 3.0)),
}
RAW = re.compile(r"\$|larray|object at|0x[0-9a-f]{4}|[{}<>]|np\.|array\(|dtype|ParameterSpace")
"""What Python prints of its own objects."""


@pytest.fixture(autouse=True)
def simulation() -> None:
    sim.setup(timestep=0.1, min_delay=0.1, max_delay=10.0)


@pytest.mark.parametrize("kind", OBJECTS)
def test_the_text_is_for_people(kind: str) -> None:
    thing = OBJECTS[kind]()
    text = thing.describe()
    assert not RAW.search(text), text
    assert 1 < len(text.splitlines()) < 15
    assert max(map(len, text.splitlines())) <= 110, text
    assert thing.describe(engine="jinja2") == text == thing.describe(engine="string")


@pytest.mark.parametrize("kind", OBJECTS)
def test_without_a_template_it_is_data_that_a_template_can_use(kind: str) -> None:
    thing = OBJECTS[kind]()
    context = thing.describe(template=None)
    assert isinstance(context, Mapping)
    first = next(iter(context))
    assert thing.describe(template=f"says ${first}", engine="string").startswith("says ")
    both = thing.describe("{{ " + first + " }}", "jinja2"), thing.describe(f"${first}", "string")
    assert both[0] == both[1]


def test_a_projection_says_what_it_is() -> None:
    text = OBJECTS["projection"]().describe()
    for part in ('"E" (20 cells, IF_cond_exp)', "FixedProbabilityConnector", "p_connect=0.5", "StaticSynapse"):
        assert part in text
    assert "weight=normal(mu=0.1, sigma=0.01), delay=0.5 + d/10)" in " ".join(text.split())


def test_the_parts_of_a_plastic_projection() -> None:
    text = OBJECTS["plastic projection"]().describe()
    assert "STDP with SpikePairRule(tau_plus=10.0), AdditiveWeightDependence(), weight=normal" in " ".join(text.split())
    assert "delay" not in text


def test_a_matrix_of_weights_by_its_shape_and_range() -> None:
    weights = np.linspace(0.1, 0.5, 80).reshape(20, 4)
    text = projection(sim.StaticSynapse(weight=weights), sim.AllToAllConnector()).describe()
    assert "StaticSynapse(weight=20 x 4 values between 0.1 and 0.5)" in text


def test_the_parts_of_a_composed_cell_type() -> None:
    celltype = sim.PointNeuron(sim.AdExp(a=1.0), NMDA=sim.AlphaPSR(), AMPA=sim.AlphaPSR(tau_syn=2.0))
    text = sim.Population(2, celltype).describe()
    parts = "PointNeuron(AdExp(a=1.0), AMPA=CondAlphaPostSynapticResponse(tau_syn=2.0), NMDA="
    assert parts in " ".join(text.split())


@pytest.mark.parametrize("rng", [NumpyRNG(7), sim.NativeRNG(7)])
def test_a_generator_says_its_seed(rng: Any) -> None:
    assert "7" in (rng.describe() if hasattr(rng, "describe") else repr(rng))
