"""Backends of other distributions: import, one module under two names, and plug-ins that are broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BACKEND = """
import builtins
builtins.loads = getattr(builtins, "loads", 0) + 1
from my_package.pynn.cells import Cell
"""
CELLS = """
import builtins
builtins.cell_loads = getattr(builtins, "cell_loads", 0) + 1
class Cell: pass
"""


def make_distribution(folder: Path, name: str, entry_points: str, files: dict[str, str]) -> None:
    """A distribution on the path, as an installer would leave it."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[pyNN.backends]\n{entry_points}\n")
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import sys; sys.path.append({str(folder)!r})\n{code}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    files = {"my_package/__init__.py": "", "my_package/pynn/__init__.py": BACKEND, "my_package/pynn/cells.py": CELLS}
    make_distribution(tmp_path, "my-package", "mybackend = my_package.pynn", files)
    return tmp_path


@pytest.mark.parametrize(
    "imports",
    [
        "import pyNN.mybackend as sim; from pyNN.mybackend.cells import Cell; import my_package.pynn as real",
        "from pyNN.mybackend.cells import Cell; import my_package.pynn as real; import pyNN.mybackend as sim",
        "import my_package.pynn as real; import pyNN.mybackend as sim; from pyNN.mybackend.cells import Cell",
    ],
)
def test_a_registered_backend_is_one_module_under_two_names(site: Path, imports: str) -> None:
    checks = """
import builtins, my_package.pynn.cells, pyNN.mybackend.cells
assert sim is real and pyNN.mybackend is real
assert Cell is real.Cell is my_package.pynn.cells.Cell
assert pyNN.mybackend.cells is my_package.pynn.cells
assert (builtins.loads, builtins.cell_loads) == (1, 1), (builtins.loads, builtins.cell_loads)
assert real.__name__ == real.__spec__.name == "my_package.pynn"
assert real.cells.__name__ == real.cells.__spec__.name == "my_package.pynn.cells"
print("fine")
"""
    result = run(site, imports + checks)
    assert result.stdout == "fine\n", result.stderr


def test_a_missing_submodule_of_a_registered_backend_is_an_import_error(site: Path) -> None:
    result = run(site, "import pyNN.mybackend.nothing")
    assert "ModuleNotFoundError: No module named 'pyNN.mybackend.nothing'" in result.stderr


def test_an_unknown_backend_is_an_import_error(site: Path) -> None:
    result = run(site, "import pyNN.otherbackend")
    assert "ModuleNotFoundError: No module named 'pyNN.otherbackend'" in result.stderr


def test_our_own_names_cannot_be_taken_over(tmp_path: Path) -> None:
    make_distribution(tmp_path, "taker", "errors = taker", {"taker.py": "raise RuntimeError('taken over')"})
    result = run(tmp_path, "import pyNN.errors; print(pyNN.errors.PyNNError.__module__)")
    assert result.stdout == "pyNN.errors\n", result.stderr


def test_broken_backends_warn_and_leave_the_others_usable(site: Path) -> None:
    make_distribution(site, "broken", "broken = broken_backend", {"broken_backend.py": "1/0"})
    make_distribution(site, "absent", "absent = no_such_module", {})
    make_distribution(site, "misnamed", "my-backend = my_package.pynn", {})
    make_distribution(site, "second", "mybackend = something_else", {})
    code = """
import warnings
from pyNN import plugins
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(sorted(plugins.load_all()))
for warning in caught:
    if issubclass(warning.category, plugins.PluginWarning):
        print(warning.message)
"""
    result = run(site, code)
    lines = result.stdout.splitlines()
    assert lines[0] == "['mybackend']", result.stderr
    text = "\n".join(lines[1:])
    assert "Backend 'broken' of broken is not available: importing broken_backend failed: ZeroDivisionError" in text
    assert "Backend 'absent' of absent is not available: importing no_such_module failed: ModuleNotFoundError" in text
    assert "the name must be an identifier" in text
    assert "Backend 'mybackend' of second is not available: my-package has registered that name already" in text


def test_a_broken_backend_raises_its_own_error_when_it_is_imported(tmp_path: Path) -> None:
    make_distribution(tmp_path, "broken", "broken = broken_backend", {"broken_backend.py": "1/0"})
    result = run(tmp_path, "import pyNN.broken")
    assert "ZeroDivisionError" in result.stderr
