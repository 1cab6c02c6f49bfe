"""Analyses and generated modules on disk, so that a second process neither analyses nor compiles.

Files are named by a hash of everything they depend on, written whole and then renamed, and never changed. The folder is
PYNN_CORE_CACHE if that is set, otherwise the user's cache folder; where it cannot be written, a temporary folder that
lasts as long as the process.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType

from pyNN.equations.analysis import Analysis, analyse
from pyNN.models import Definition

logger = logging.getLogger("PyNN")

_SOURCES = (
    "language", "dimensions", "arrays", "analysis", "methods", "program", "functions", "refinement", "lockstep",
    "kernels",
)  # fmt: skip
# Numba compares a module's modification time with that of its stored machine code. With the same time in every copy,
# two processes that write the same module at once do not invalidate each other's code.
_MODIFICATION_TIME = 1_000_000_000
_temporary: list[tempfile.TemporaryDirectory[str]] = []


@cache
def _folder_for(wanted: str) -> Path:
    folder = Path(wanted)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        _temporary.append(tempfile.TemporaryDirectory(prefix="pynn-core-"))
        logger.warning(
            "Compiled models cannot be kept in %s (%s); this process compiles them anew. Set PYNN_CORE_CACHE to a "
            "folder that can be written.",
            folder,
            error.strerror,
        )
        return Path(_temporary[-1].name)
    return folder


def folder() -> Path:
    """The folder that holds what is stored; it exists and can be written."""
    wanted = os.environ.get("PYNN_CORE_CACHE")
    if not wanted:
        import platformdirs

        wanted = platformdirs.user_cache_dir("pynn-core")
    return _folder_for(wanted)


def digest(*texts: str) -> str:
    """20 hexadecimal digits that identify the texts."""
    state = hashlib.blake2b(digest_size=10)
    for text in texts:
        state.update(len(text).to_bytes(8, "little"))
        state.update(text.encode())
    return state.hexdigest()


@cache
def source_text(module: str) -> str:
    """The source of an importable module, without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"The source of {module} is not installed.")
    return Path(spec.origin).read_text(encoding="utf-8")


@cache
def _generator() -> str:
    return digest(*(source_text(f"pyNN.equations.{name}") for name in _SOURCES))


def key(definition: Definition) -> str:
    """Identifies a model's dynamics: everything but default values and documentation."""
    units = repr(sorted(definition.units.items())) + repr(list(definition.states))
    receptors = repr([(n, r.unit, r.on_spike) for n, r in definition.receptors.items()])
    texts = [definition.equations, definition.threshold, definition.reset, definition.refractory]
    texts += ["within step"] if definition.threshold_within_step else []
    return digest(definition.name, units, receptors, *texts, _generator())


def analysis(definition: Definition) -> Analysis:
    """The analysis of a model, from disk if it is there."""
    path = folder() / f"{_identifier(definition.name)}_{key(definition)}.json"
    return Analysis.from_json(_text(path, lambda: analyse(definition).to_json()))


def module(name: str, make_source: Callable[[], str], identity: str) -> ModuleType:
    """The module whose source `make_source` gives and `identity` identifies; written once, imported once a process."""
    path = folder() / f"{_identifier(name)}_{identity}.py"
    full_name = f"_pynn_{path.stem}"
    if full_name in sys.modules:
        return sys.modules[full_name]
    _text(path, make_source)
    spec = importlib.util.spec_from_file_location(full_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported.")
    made = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = made
    try:
        spec.loader.exec_module(made)
    except BaseException:
        del sys.modules[full_name]
        raise
    return made


def _identifier(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)


def _text(path: Path, make: Callable[[], str]) -> str:
    if path.is_file():
        return path.read_text(encoding="utf-8")
    text = make()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.utime(temporary, (_MODIFICATION_TIME, _MODIFICATION_TIME))
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return text
