"""The tables of pyproject.toml name every folder of the source tree, and the installation holds every module."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
FOLDERS: dict[str, str] = SETUPTOOLS["package-dir"]
"""Import name -> folder."""


def packages_in_the_tree() -> dict[str, Path]:
    """Import name -> folder of every package below the mapped folders."""
    found = {}
    for name, folder in FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inside = init.parent.relative_to(ROOT / folder)
            found[".".join([name, *inside.parts])] = init.parent
    return found


def modules_in_the_tree() -> list[str]:
    """Import name of every module below the mapped folders."""
    return sorted(
        f"{package}.{file.stem}"
        for package, folder in packages_in_the_tree().items()
        for file in folder.glob("*.py")
        if file.stem != "__init__"
    )


def test_every_backend_folder_is_mapped() -> None:
    mapped = set(FOLDERS.values())
    for folder in sorted((ROOT / "backends").iterdir()):
        if (folder / "__init__.py").exists():
            assert f"backends/{folder.name}" in mapped, (
                f"backends/{folder.name} is not installed. Add to [tool.setuptools.package-dir] in pyproject.toml:\n"
                f'    "pyNN.{folder.name}" = "backends/{folder.name}"\n'
                f'and "pyNN.{folder.name}" to packages in [tool.setuptools].'
            )


def test_every_package_is_listed() -> None:
    listed, present = set(SETUPTOOLS["packages"]), set(packages_in_the_tree())
    assert not present - listed, (
        f"Not installed: {', '.join(sorted(present - listed))}. Add the names to packages in [tool.setuptools] of "
        "pyproject.toml, then install again."
    )
    assert not listed - present, (
        f"Listed in [tool.setuptools] packages of pyproject.toml, but without an __init__.py in the tree: "
        f"{', '.join(sorted(listed - present))}. Make the file, or take the name off the list."
    )


def test_every_folder_with_modules_is_a_package() -> None:
    for folder in {file.parent for name in FOLDERS.values() for file in (ROOT / name).rglob("*.py")}:
        assert (folder / "__init__.py").exists(), (
            f"{folder.relative_to(ROOT)} has modules but no __init__.py, so it is not installed. Add an empty one."
        )


@pytest.mark.parametrize("module", modules_in_the_tree())
def test_every_module_is_installed(module: str) -> None:
    assert importlib.util.find_spec(module) is not None, (
        f"{module} is in the source tree but not in the installation. Install again: python -m pip install -e ."
    )


def test_data_files_are_listed() -> None:
    patterns: dict[str, list[str]] = SETUPTOOLS["package-data"]
    for package, folder in packages_in_the_tree().items():
        for file in folder.iterdir():
            if file.is_dir() or file.suffix in {".py", ".pyc"}:
                continue
            matches = [pattern for pattern in patterns.get(package, []) if file.match(pattern)]
            assert matches, (
                f"{file.relative_to(ROOT)} is not installed. Add to [tool.setuptools.package-data] in pyproject.toml:\n"
                f'    "{package}" = ["*{file.suffix or file.name}"]'
            )


def test_the_version_is_the_same_everywhere() -> None:
    import pyNN

    version = PYPROJECT["project"]["version"]
    assert pyNN.__version__ == version
    assert importlib.metadata.version("pynn-core") == version
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_extra_all_holds_every_extra_for_users() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    assert {"nest", "mpi", "plot", "formats", "docs", "test", "all"} <= set(extras)
    assert set(extras["all"]) == {"pynn-core[nest,mpi,plot,formats]"}
