"""Backends of other distributions: entry-point group ``pyNN.backends``.

A distribution that declares ``mybackend = "my_package.pynn"`` in that group makes ``import pyNN.mybackend`` work. The
module is the very same object under both names, and so is each of its sub-modules: nothing is executed twice. A name
that this package has itself cannot be taken over.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "pyNN.backends"
_PREFIX = "pyNN."


FORMER_NAMES = {"nest1": "nest", "nest2": "nest", "neuron2": "neuron"}
"""Backends of PyNN 0.6 and 0.7 -> the name under which the same simulator is found now."""
ABSENT = ("arbor", "brian", "brian2", "facetshardware1", "hardware", "moose", "neuron", "pcsim")
"""Backends of some PyNN that this package does not have; a distribution may register one under the name."""


class PluginWarning(UserWarning):
    """A backend of another distribution that cannot be used."""


def discover() -> dict[str, EntryPoint]:
    """The registered entry points by name; one that is malformed, or a second one of a name, is left with a warning."""
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, _distribution(e), e.value)):
        if not entry.name.isidentifier():
            _warn(entry, f"'{entry.name}' cannot be imported as pyNN.{entry.name}; the name must be an identifier")
        elif not all(part.isidentifier() for part in entry.value.split(".")):
            _warn(entry, f"'{entry.value}' is not the dotted name of a module")
        elif entry.name not in found:
            found[entry.name] = entry
        elif entry.value != found[entry.name].value:
            _warn(entry, f"{_distribution(found[entry.name])} has registered that name already and is used")
    return found


def load_all() -> dict[str, ModuleType]:
    """Every registered backend that can be imported, by name; those that cannot are left with a warning."""
    loaded = {}
    for name, entry in discover().items():
        try:
            loaded[name] = importlib.import_module(_PREFIX + name)
        except Exception as error:  # a plug-in may fail in any way, and must not take the caller with it
            _warn(entry, f"importing {entry.value} failed: {type(error).__name__}: {error}")
    return loaded


def install() -> None:
    """Make registered backends importable. Costs nothing until a name under ``pyNN`` is not found otherwise."""
    if not any(isinstance(finder, _BackendFinder) for finder in sys.meta_path):
        aliases: dict[str, str] = {}
        # Sub-modules come first: the path finder would load their files a second time, under the other name.
        sys.meta_path.insert(0, _SubmoduleFinder(aliases))
        sys.meta_path.append(_BackendFinder(aliases))


class _Alias:
    """Loader that hands out a module which has been imported under its own name."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._target)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has put the alias's spec into the module; the module keeps its own.
        module.__spec__ = self._spec


class _BackendFinder:
    """Finds ``pyNN.NAME`` for a registered NAME; last on the meta path, so that our own modules win."""

    def __init__(self, aliases: dict[str, str]) -> None:
        self._aliases = aliases

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not name.startswith(_PREFIX) or name.count(".") != 1:
            return None
        wanted = name[len(_PREFIX) :]
        found = discover()
        entry = found.get(wanted)
        if entry is None and wanted in FORMER_NAMES and FORMER_NAMES[wanted] not in (*ABSENT, *found):
            return self._former(name, _PREFIX + FORMER_NAMES[wanted])
        if entry is None:
            entry = found.get(FORMER_NAMES.get(wanted, ""))
        if entry is None:
            if wanted in ABSENT or wanted in FORMER_NAMES:
                _refuse(wanted, found)
            return None
        self._aliases[name] = entry.value
        return ModuleSpec(name, _loader(entry.value), origin=entry.value)


    def _former(self, name: str, now: str) -> ModuleSpec:
        self._aliases[name] = now
        # 3: the line that imports; the frames of the import system are not counted.
        warnings.warn(f"{name} is an old name (PyNN 0.6). Now: {now}", DeprecationWarning, stacklevel=3)
        return ModuleSpec(name, _loader(now), origin=now)


def _refuse(wanted: str, registered: dict[str, EntryPoint]) -> None:
    names = ", ".join(f"pyNN.{name}" for name in ("reference", "nest", "mock", *registered))
    raise ModuleNotFoundError(
        f"There is no backend pyNN.{wanted} in this installation. The script runs on any of: {names}.",
        name=_PREFIX + wanted,
    )


class _SubmoduleFinder:
    """Finds ``pyNN.NAME.sub`` for a NAME that is an alias."""

    def __init__(self, aliases: dict[str, str]) -> None:
        self._aliases = aliases

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not self._aliases or not name.startswith(_PREFIX):
            return None
        backend = ".".join(name.split(".", 2)[:2])
        real = self._aliases.get(backend)
        if real is None or name == backend:
            return None
        submodule = real + name[len(backend) :]
        if importlib.util.find_spec(submodule) is None:
            return None
        return ModuleSpec(name, _loader(submodule), origin=submodule)


def _loader(target: str) -> Any:
    return _Alias(target)


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unnamed distribution"


def _warn(entry: EntryPoint, problem: str) -> None:
    warnings.warn(
        f"Backend '{entry.name}' of {_distribution(entry)} is not available: {problem}.", PluginWarning, stacklevel=3
    )
