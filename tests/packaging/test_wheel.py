"""What a built wheel holds: all packages, py.typed, the licence; and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("pynn_core", "standardmodels", "connectors", "backends", "tests", "examples", "benchmarks")
FILES = ("pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    # From a copy, because a build in the tree would leave its files there, and take over those of an earlier one.
    tree = tmp_path_factory.mktemp("tree")
    for name in SOURCES:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, tree / name)
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(tree)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


def expected_modules() -> set[str]:
    """Paths in the wheel of all modules of the source tree."""
    folders = {"pynn_core": "pyNN", "standardmodels": "pyNN/standardmodels", "connectors": "pyNN/connectors"}
    folders |= {f"backends/{p.name}": f"pyNN/{p.name}" for p in (ROOT / "backends").iterdir() if p.is_dir()}
    return {
        f"{target}/{file.relative_to(ROOT / source).as_posix()}"
        for source, target in folders.items()
        for file in (ROOT / source).rglob("*.py")
    }


def test_it_holds_every_module_and_no_other(wheel: zipfile.ZipFile) -> None:
    modules = {name for name in wheel.namelist() if name.endswith(".py")}
    assert modules == expected_modules()


def test_it_is_pure_python_for_any_platform(wheel: zipfile.ZipFile) -> None:
    assert Path(str(wheel.filename)).name.endswith("-py3-none-any.whl")


def test_it_tells_type_checkers_that_it_has_types(wheel: zipfile.ZipFile) -> None:
    assert "pyNN/py.typed" in wheel.namelist()


def test_it_holds_the_licence_and_the_commands(wheel: zipfile.ZipFile) -> None:
    metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    folder = metadata.rsplit("/", 1)[0]
    assert "MIT License" in wheel.read(f"{folder}/licenses/LICENSE").decode()
    assert "License-Expression: MIT" in wheel.read(metadata).decode()
    assert "pynn = pyNN.cli:main" in wheel.read(f"{folder}/entry_points.txt").decode()


def test_it_has_one_top_level_package(wheel: zipfile.ZipFile) -> None:
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"pyNN"}


def test_it_holds_no_tests_and_no_examples(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        parts = Path(name).parts
        assert not {"tests", "examples", "benchmarks", "backends", "pynn_core"} & set(parts), name
        assert not parts[-1].startswith("test_"), name
