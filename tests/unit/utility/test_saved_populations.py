"""A population of any kind comes back from its file with every value it had, on every backend that has its model."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyNN.errors import FileFormatError
from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.utility import load_population, save_population

BACKENDS = ("reference", "nest", "mock")
MAKERS: dict[str, Callable[[Any], Any]] = {
    "random parameters and initial values": lambda sim: sim.Population(
        3,
        sim.IF_cond_exp(tau_m=RandomDistribution("uniform", (10, 20), rng=NumpyRNG(1))),
        initial_values={"v": RandomDistribution("uniform", (-60, -50), rng=NumpyRNG(2)), "gsyn_exc": 0.1},
    ),
    "a grid": lambda sim: sim.Population((2, 3), sim.EIF_cond_exp_isfa_ista()),
    "one train for all": lambda sim: sim.Population(2, sim.SpikeSourceArray(spike_times=[1.0, 2.0])),
    "a train for each": lambda sim: sim.Population(3, sim.SpikeSourceArray(spike_times=[[1.0, 2.0], [], [1 / 3]])),
    "array parameters": lambda sim: sim.Population(2, sim.GIF_cond_exp(tau_eta=[1.0, 2.0, 3.0])),
    "a composed cell type": lambda sim: sim.Population(
        2, sim.PointNeuron(sim.LIF(tau_m=[10.0, 11.0]), AMPA=sim.AlphaPSR(tau_syn=2.0), GABA=sim.AlphaPSR(e_syn=-70.0))
    ),
}


def values(value: Any) -> list[Any]:
    """Numbers, or one list of numbers for each cell, as plain Python."""
    found = np.atleast_1d(np.asarray(getattr(value, "value", value), dtype=object))
    return [getattr(item, "value", np.asarray(item)).tolist() for item in found]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", MAKERS)
def test_a_population_comes_back(backend: str, kind: str, tmp_path: Path) -> None:
    sim = importlib.import_module(f"pyNN.{backend}")
    sim.setup(timestep=0.1)
    saved = MAKERS[kind](sim)
    saved.annotate(layer="L4", depth=np.array([0.1, 0.2]))
    save_population(saved, tmp_path / "cells.json")
    back = load_population(tmp_path / "cells.json", sim)
    assert (back.size, back.label, type(back.celltype)) == (saved.size, saved.label, type(saved.celltype))
    assert back.annotations == {"layer": "L4", "depth": [0.1, 0.2]}
    assert back.celltype.get_parameter_names() == saved.celltype.get_parameter_names()
    for name in saved.celltype.get_parameter_names():
        assert values(back.get(name)) == values(saved.get(name)), name
    for name, value in saved.initial_values.items():
        assert np.array_equal(back.initial_values[name].evaluate(), value.evaluate()), name
    np.testing.assert_array_equal(back.positions, saved.positions)


def test_a_native_model_of_nest_comes_back_on_nest_only(tmp_path: Path) -> None:
    import pyNN.nest as nest
    import pyNN.reference as reference

    nest.setup()
    saved = nest.Population(2, nest.native_cell_type("iaf_psc_alpha")(tau_m=11.0))
    save_population(saved, tmp_path / "cells.json")
    assert load_population(tmp_path / "cells.json", nest).get("tau_m") == 11.0
    reference.setup()
    with pytest.raises(FileFormatError, match="'iaf_psc_alpha', which this backend does not have"):
        load_population(tmp_path / "cells.json", reference)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"celltype": "setup"}, "'setup'"),
        ({"celltype": "Population"}, "'Population'"),
        ({"components": {"": "setup"}}, "'setup'"),
        ({"components": {"": "LIF", "x": "Population"}}, "'Population'"),
    ],
)
def test_a_file_cannot_name_what_is_no_model(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    import pyNN.nest as sim

    sim.setup()
    path = tmp_path / "cells.json"
    save_population(sim.Population(2, sim.IF_cond_exp()), path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(FileFormatError, match=message):
        load_population(path, sim)


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("size", None, "size must be of the type int"),
        ("size", True, "size must be of the type int"),
        ("parameters", None, "parameters must be of the type dict"),
        ("parameters", {"self": 1.0}, "cannot take"),
        ("components", {"AMPA": "ExpPSR"}, "have no neuron"),
        ("components", {"": 3}, "names of types"),
        ("positions", [["x"]], "not numbers"),
        ("positions", [[0.0, 1.0]], r"shape \(3, 2\)"),
        ("variables", {"record": 1}, "cannot have the name 'record'"),
        ("variables", {"_spec": 1}, "cannot have the name '_spec'"),
        ("celltype", "setup", "does not have|No such|no model"),
    ],
)
def test_a_file_with_wrong_content_is_refused(tmp_path, name, value, match):
    import pyNN.mock as sim

    sim.setup(timestep=0.1)
    path = tmp_path / "cells.json"
    save_population(sim.Population(2, sim.IF_curr_exp()), path)
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, name: value}), encoding="utf-8")
    with pytest.raises(FileFormatError, match=match):
        load_population(path, sim)
    sim.end()
