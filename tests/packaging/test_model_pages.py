"""The documentation's pages of the models say what the declarations say."""

from __future__ import annotations

import ast
import importlib.util
import math
import random
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sympy

DOCS = Path(__file__).resolve().parents[2] / "docs"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("model_pages", DOCS / "model_pages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


model_pages = load()
MODELS = [model for group in model_pages.models().values() for model in group]


def expressions(model: Any) -> list[str]:
    """The right-hand sides in a model's equations and statements."""
    found = []
    for line in model_pages._lines(model_pages._text(model, "equations")):
        found.append(model_pages._EQUATION.fullmatch(line)["body"])
    for name in ("on_pre", "on_post", "reset"):
        for line in model_pages._lines(model_pages._text(model, name).replace(";", "\n")):
            found.append(model_pages._STATEMENT.fullmatch(line)["body"])
    return found


SCALARS = {
    "exp": math.exp, "expm1": math.expm1, "log": math.log, "sqrt": math.sqrt, "abs": abs, "minimum": min,
    "maximum": max, "floor": math.floor, "ceil": math.ceil,
}  # fmt: skip
OWN = ["-u/tau", "a - b*(c - d)/e*2 + exp(-x/y)**2", "-(a + b)*c", "a/b/c", "1 - (a - b)", "x if a > b else -y"]


@pytest.mark.parametrize("text", OWN + sorted({text for model in MODELS for text in expressions(model)}))
def test_what_is_printed_has_the_value_of_what_is_declared(text: str) -> None:
    """SymPy's tree at random values against Python's own evaluation of the text: 1e-12 for roundings."""
    tree = ast.parse(text.strip(), mode="eval")
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - called
    draw = random.Random(text)
    values = {name: draw.uniform(0.2, 0.9) for name in sorted(names)}
    converted = model_pages._convert(tree.body)
    assert {symbol.name for symbol in converted.free_symbols} <= names
    assert model_pages.latex(text)
    if called <= set(SCALARS):
        expected = eval(text.strip(), {"__builtins__": {}, **SCALARS}, values)
        symbols = sorted(converted.free_symbols, key=str)
        found = sympy.lambdify(symbols, converted, "math")(*(values[symbol.name] for symbol in symbols))
        assert float(found) == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_page_has_every_parameter_state_and_receptor(model: Any) -> None:
    text = model_pages.page(model, [])
    assert text.startswith(f"# {model.__name__}\n")
    for name, parameter in model.definition.parameters.items():
        (row,) = re.findall(rf"^\| `{name}` \|.*\| {re.escape(parameter.doc)} \|$", text, re.MULTILINE)
        assert parameter.unit in ("", "dimensionless") or f"| {parameter.unit} |" in row
    for name in (*model.definition.states, *model.definition.receptors):
        assert f"| `{name}` |" in text
    if model.definition.equations.strip():
        assert "```{math}" in text


def test_every_standard_model_of_the_interface_has_a_page() -> None:
    import pyNN.reference as sim
    from pyNN.standardmodels.base import StandardModelType

    bases = {"StandardCellType", "StandardCurrentSource", "StandardModelType"}
    exported = {
        value.__name__
        for value in vars(sim).values()
        if isinstance(value, type) and issubclass(value, StandardModelType) and value.__name__ not in bases
    }
    assert exported <= {model.__name__ for model in MODELS} | {"StandardSynapseType"}


def test_pages_are_brought_up_to_date(tmp_path: Path) -> None:
    old = tmp_path / "NoSuchModel.md"
    old.write_text("# gone")
    model_pages.write_pages(tmp_path, [])
    assert {file.stem for file in tmp_path.glob("*.md")} == {model.__name__ for model in MODELS}
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.md")}
    model_pages.write_pages(tmp_path, [])
    assert {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.md")} == before
