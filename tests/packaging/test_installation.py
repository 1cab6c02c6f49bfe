"""PyNN's own files among ours are found at import, with the remedy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pyNN import installation

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("__init__.py", "installation.py", "plugins.py")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a package pyNN that has our first modules."""
    package = tmp_path / "pyNN"
    package.mkdir()
    for name in MODULES:
        shutil.copy(ROOT / "pynn_core" / name, package / name)
    return tmp_path


def run(site: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=site, timeout=60)


def test_a_clean_installation_imports(site: Path) -> None:
    result = run(site, "import pyNN; print(pyNN.__path__[0])")
    assert result.stdout.strip() == str(site / "pyNN"), result.stderr


@pytest.mark.parametrize("name", installation.FOREIGN_FILES)
def test_a_file_of_pynn_beside_ours_is_refused_with_the_remedy(site: Path, name: str) -> None:
    foreign = site / "pyNN" / name
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("")
    result = run(site, "import pyNN")
    assert result.returncode != 0
    assert f"Files of PyNN ({name}) lie among those of pynn-core" in result.stderr
    assert "python -m pip uninstall -y PyNN pynn-core" in result.stderr


def test_an_init_of_pynn_over_ours_is_found_by_the_modules_that_are_left(site: Path) -> None:
    (site / "pyNN" / "__init__.py").write_text('__version__ = "0.13.0"\n')
    result = run(site, "from pyNN import installation; installation.verify_imported()")
    assert result.returncode != 0
    assert "PyNN has been installed over pynn-core" in result.stderr
    assert "python -m pip uninstall -y PyNN pynn-core" in result.stderr


def test_none_of_the_named_files_is_ours() -> None:
    folder = ROOT / "pynn_core"
    assert installation.foreign_files(str(folder)) == []
