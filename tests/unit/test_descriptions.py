"""Descriptions: the text of the default templates, users' templates, and what goes wrong with them."""

from __future__ import annotations

import builtins
import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lazyarray import larray

from pyNN import descriptions
from pyNN.descriptions import TEMPLATES, readable, render
from pyNN.errors import CapabilityError, InvalidParameterValueError, MissingPackageError

CELL = {
    "name": "IF_cond_exp",
    "default_parameters": {"tau_m": 20.0, "cm": 1.0, "v_rest": -65.0},
    "default_initial_values": {"v": -65.0},
    "parameters": {"tau_m": larray(10.0, shape=None), "cm": larray(1.0), "v_rest": larray(np.arange(100.0), (100,))},
}
POPULATION = {
    "label": "E",
    "size": 100,
    "size_local": 100,
    "first_id": 0,
    "last_id": 99,
    "celltype": CELL,
    "structure": {"name": "Grid2D", "parameters": {"dx": 1.0, "fill_order": "sequential"}},
}
PROJECTION = {
    "label": "E-E",
    "pre": POPULATION,
    "post": {"label": "both", "populations": [POPULATION, POPULATION]},
    "receptor_type": "excitatory",
    "connector": {"name": "FixedProbabilityConnector", "parameters": {"p_connect": 0.02, "rng": None}},
    "plasticity": {"name": "StaticSynapse", "parameters": {"weight": larray(0.004) * 2.0}},
    "size": 200,
    "size_local": 200,
}
STDP = {"name": "STDPMechanism", "timing_dependence": CELL, "weight_dependence": CELL, "voltage_dependence": None}
CONTEXTS = {
    "population_default.txt": POPULATION,
    "populationview_default.txt": {"label": "view", "parent": "E", "size": 3, "mask": slice(0, 6, 2)},
    "assembly_default.txt": {"label": "both", "size": 200, "populations": [POPULATION, POPULATION]},
    "projection_default.txt": PROJECTION,
    "modeltype_default.txt": CELL,
    "connector_default.txt": PROJECTION["connector"],
    "structure_default.txt": POPULATION["structure"],
    "stdpmechanism_default.txt": STDP,
}
needs_jinja2 = pytest.mark.skipif(importlib.util.find_spec("jinja2") is None, reason="jinja2 is an optional package")


def test_every_default_template_has_an_example() -> None:
    assert set(CONTEXTS) == set(TEMPLATES)


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_default_text_has_no_raw_objects(template: str) -> None:
    text = render("default", template, CONTEXTS[template])
    assert text
    assert not re.search(r"\$|larray|object at|[{}]|<|>|np\.float", text), text
    assert max(map(len, text.splitlines())) < 200


def test_population_text() -> None:
    assert render("default", "population_default.txt", POPULATION).splitlines() == [
        'Population "E"',
        "    Cells       : 100 (100 on this process)",
        "    Cell type   : IF_cond_exp(tau_m=10.0, v_rest=[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, ... 100 values])",
        "    Structure   : Grid2D(dx=1.0, fill_order=sequential)",
        "    IDs         : 0 to 99",
    ]


def test_projection_text() -> None:
    assert render("default", "projection_default.txt", PROJECTION).splitlines() == [
        'Projection "E-E"',
        '    From        : "E" (100 cells, IF_cond_exp)',
        '    To          : "both" (["E" (100 cells, IF_cond_exp), "E" (100 cells, IF_cond_exp)])',
        "    Receptor    : excitatory",
        "    Connector   : FixedProbabilityConnector(p_connect=0.02, rng=none)",
        "    Synapse     : StaticSynapse(weight=computed from 0.004)",
        "    Connections : 200 (200 on this process)",
    ]


def test_no_template_gives_the_context_itself() -> None:
    assert render("default", None, POPULATION) is POPULATION


def test_a_users_template_as_text_and_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("$label has ${size} cells for $$1")
    assert render("default", "$label has ${size} cells", POPULATION) == "E has 100 cells"
    assert render("string", str(tmp_path / "mine.txt"), POPULATION) == "E has 100 cells for $1"


@pytest.mark.parametrize(
    ("engine", "template", "message"),
    [
        ("default", "nothing.txt", "no template 'nothing.txt'.*population_default.txt"),
        ("default", "$lable", r"\$lable.*has only: label, size"),
        ("string", "$label costs $ 5", r"\$\$"),
        ("mako", "$label", "no template engine 'mako'.*string, jinja2"),
    ],
)
def test_a_template_that_cannot_be_filled_says_why(engine: str, template: str, message: str) -> None:
    with pytest.raises(InvalidParameterValueError, match=message):
        render(engine, template, POPULATION)


def test_cheetah_is_refused() -> None:
    with pytest.raises(CapabilityError, match="string"):
        render("cheetah", "$label", POPULATION)


@needs_jinja2
@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_both_engines_give_the_same_default_text(template: str) -> None:
    assert render("jinja2", template, CONTEXTS[template]) == render("string", template, CONTEXTS[template])


@needs_jinja2
def test_jinja2_templates_see_inside_the_context() -> None:
    text = "{{ celltype.name }}: {% for k, v in celltype.parameters.items() %}{{ k }}={{ v }};{% endfor %}"
    expected = "IF_cond_exp: tau_m=10.0;cm=1.0;v_rest=[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, ... 100 values];"
    assert render("default", text, POPULATION) == expected
    with pytest.raises(InvalidParameterValueError, match="lable"):
        render("jinja2", "{{ lable }}", POPULATION)


@needs_jinja2
@pytest.mark.parametrize(
    "text",
    [
        "{{ label.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ celltype.parameters.clear() }}",
        "{% for k in celltype.parameters.pop('cm') %}{% endfor %}",
    ],
)
def test_a_template_of_somebody_else_reaches_nothing_but_the_values(text: str) -> None:
    before = dict(CELL["parameters"])
    with pytest.raises(InvalidParameterValueError, match="cannot be filled"):
        render("jinja2", text, POPULATION)
    assert CELL["parameters"] == before


def test_missing_jinja2_gives_the_pip_line(monkeypatch: Any) -> None:
    real = builtins.__import__

    def without_jinja2(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "jinja2":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_jinja2)
    with pytest.raises(MissingPackageError, match="pip install jinja2"):
        render("default", "{{ label }}", POPULATION)
    assert render("string", "$label", POPULATION) == "E"


def test_the_default_engine_can_be_named(monkeypatch: Any) -> None:
    monkeypatch.setattr(descriptions, "DEFAULT_TEMPLATE_ENGINE", "string")
    assert descriptions.get_default_template_engine() is descriptions.StringTemplateEngine
    assert render("default", "{{ label }} $label", POPULATION) == "{{ label }} E"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "yes"),
        (np.float64(0.1), "0.1"),
        (np.int32(3), "3"),
        (slice(1, None), "1"),
        (np.array(2.5), "2.5"),
        (np.array([[np.nan, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]), "3 x 3 values between 1.0 and 8.0"),
        (np.full((3, 3), np.nan), "3 x 3 values, all nan"),
        (np.full((3, 3), 2), "3 x 3 values, all 2"),
        (np.ones((3, 3), dtype=bool), "[[yes, yes, yes], [yes, yes, yes], [yes, yes, yes]]"),
        (np.array([[1, 2], [3, 4]]), "[[1, 2], [3, 4]]"),
        ({}, "none"),
        ({"a": 1, "b": [1.5, 2]}, "a=1, b=[1.5, 2]"),
        (larray(2.0, shape=(3,)) * 2.0, "4.0"),
        (np.sqrt, "function sqrt"),
        (object(), "object"),
    ],
)
def test_values_read_well(value: Any, text: str) -> None:
    assert readable(value) == text
