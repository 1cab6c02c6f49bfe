"""What importing the package costs, and who may import what."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {"pynn_core": "pyNN", "standardmodels": "pyNN.standardmodels", "connectors": "pyNN.connectors"} | {
    f"backends/{p.name}": f"pyNN.{p.name}" for p in (ROOT / "backends").iterdir() if p.is_dir()
}
HEAVY = ("numba", "sympy", "scipy.stats", "scipy.linalg", "neo", "nest", "matplotlib", "h5py", "nixio", "mpi4py")

IMPORTERS = {
    "nest": {"pyNN.nest"},
    "mpi4py": {"pyNN.parallel"},
    "neo": {"pyNN.recording", "pyNN.utility.plotting", "pyNN.cli"},
    "matplotlib": {"pyNN.utility.plotting", "pyNN.cli"},
}
"""Who alone may import a package, sub-modules included."""


def modules_after(statement: str) -> set[str]:
    """Names in sys.modules after a statement in a new process."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


def module_names() -> dict[str, Path]:
    """Import name -> file, of the whole source tree."""
    found = {}
    for folder, package in SOURCES.items():
        for file in sorted((ROOT / folder).rglob("*.py")):
            parts = file.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join([package, *(part for part in parts if part != "__init__")])] = file
    return found


def imported_by(file: Path) -> set[str]:
    """Top-level names of all packages that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_import_of_the_package_loads_nothing_but_the_standard_library() -> None:
    loaded = modules_after("import pyNN")
    assert not {name for name in ("numpy", *HEAVY) if name in loaded}
    ours = {name for name in loaded if name.startswith("pyNN.")}
    assert ours == {"pyNN.installation", "pyNN.plugins"}


@pytest.mark.parametrize("backend", ["reference", "mock"])
def test_import_of_a_backend_loads_nothing_heavy(backend: str) -> None:
    # lazyarray imports scipy.sparse, which in older SciPy brings scipy.linalg along.
    loaded = modules_after(f"import pyNN.{backend}") - modules_after("import lazyarray")
    assert not {name for name in HEAVY if name in loaded}


def test_import_of_a_backend_leaves_the_working_directory_alone(tmp_path: Path) -> None:
    code = "import pyNN.reference, pyNN.mock"
    subprocess.run([sys.executable, "-B", "-c", code], cwd=tmp_path, check=True, timeout=120)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("package", sorted(IMPORTERS))
def test_only_the_named_modules_import(package: str) -> None:
    allowed = IMPORTERS[package]
    offenders = [
        name
        for name, file in module_names().items()
        if package in imported_by(file) and not any(name == a or name.startswith(a + ".") for a in allowed)
    ]
    assert not offenders, f"{package} may be imported by {sorted(allowed)} only, not by {offenders}"


def test_no_folder_name_is_imported() -> None:
    folders = {"pynn_core", "backends", "standardmodels", "connectors", "tests"}
    for name, file in module_names().items():
        wrong = folders & imported_by(file)
        assert not wrong, f"{name} imports {wrong}; write pyNN.<name> instead"
