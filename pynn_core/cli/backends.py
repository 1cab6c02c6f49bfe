"""Which backends there are, whether they work here, and what they can do."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pyNN.backend import Backend

BUILT_IN = ("reference", "nest", "mock")


@dataclass(frozen=True)
class BackendInfo:
    """One backend as `pynn backends` shows it."""

    name: str
    installed: bool
    title: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    abilities: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    """Why it cannot be used, with the remedy."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def backend_names() -> list[str]:
    """Names of this package's backends and of those that other distributions have registered."""
    from pyNN.plugins import discover

    return [*BUILT_IN, *(name for name in discover() if name not in BUILT_IN)]


def inspect_backends() -> list[BackendInfo]:
    """Every backend, usable or not."""
    return [_inspect(name) for name in backend_names()]


def _inspect(name: str) -> BackendInfo:
    try:
        module = importlib.import_module(f"pyNN.{name}")
        backend: Backend = module.script.backend
        versions = backend.versions()
    except Exception as error:
        # A simulator can fail to load in any way; the table is the place where that is shown.
        reason = str(error) if isinstance(error, ImportError) else f"{type(error).__name__}: {error}"
        return BackendInfo(name, installed=False, problem=reason)
    capabilities = backend.capabilities
    return BackendInfo(
        name,
        installed=True,
        title=backend.title,
        versions=versions,
        abilities=abilities(backend),
        options={option: entry.doc for option, entry in capabilities.options.items()},
        missing=dict(capabilities.missing),
    )


def abilities(backend: Backend) -> list[str]:
    """What a backend can do, in words."""
    capabilities = backend.capabilities
    words = [f"{len(backend.models)} models"]
    if capabilities.threads:
        words.append("threads")
    if capabilities.mpi:
        words.append("MPI")
    if not capabilities.exclusive:
        words.append("several simulations at a time")
    if capabilities.smaller_delay_after_run:
        words.append("connecting after a run with any delay")
    native = [*capabilities.native_rules, *capabilities.native_sources]
    if native:
        words.append(f"native=True for {', '.join(native)}")
    return words


def backends_view(found: Sequence[BackendInfo]) -> RenderableType:
    """A table of backends."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), header_style="dim")
    table.add_column("backend", style="bold", no_wrap=True)
    table.add_column("versions", no_wrap=True)
    table.add_column("can", ratio=1)
    table.add_column("cannot", ratio=1)
    for backend in found:
        if not backend.installed:
            table.add_row(backend.name, Text("not usable", style="red"), Text(), Text(backend.problem, style="red"))
            continue
        versions = "\n".join(f"{name} {version}" for name, version in backend.versions.items())
        options = f"; options of setup(): {', '.join(backend.options)}" if backend.options else ""
        missing = "\n".join(f"{name}: {reason}" for name, reason in backend.missing.items())
        table.add_row(backend.name, Text(versions), Text("; ".join(backend.abilities) + options), Text(missing))
    return table
