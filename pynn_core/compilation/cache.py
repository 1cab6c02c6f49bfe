"""Files that are made once and found by every later process: generated sources, analyses, machine code.

Files are named by a hash of everything they depend on, written whole and then renamed, and never changed. The folder is
PYNN_CORE_CACHE if that is set, otherwise the user's cache folder. A folder that cannot be written is still read, and
what is new goes to a temporary folder that lasts as long as the process, or, without one, to memory.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import tempfile
from functools import cache
from pathlib import Path

logger = logging.getLogger("PyNN")

_temporary: list[tempfile.TemporaryDirectory[str]] = []
_memory: dict[str, bytes] = {}


def wanted_folder() -> Path:
    """The folder in which files are kept if it can be written."""
    wanted = os.environ.get("PYNN_CORE_CACHE")
    if not wanted:
        import platformdirs

        wanted = platformdirs.user_cache_dir("pynn-core")
    return Path(wanted)


@cache
def _writable(wanted: Path) -> Path | None:
    try:
        wanted.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=wanted):
            pass
    except OSError as error:
        reason = error.strerror
    else:
        return wanted
    try:
        _temporary.append(tempfile.TemporaryDirectory(prefix="pynn-core-"))
    except OSError:
        place, result = "in memory", None
    else:
        place, result = "in a temporary folder", Path(_temporary[-1].name)
    logger.warning(
        "Compiled models cannot be kept in %s (%s). What is not there yet is compiled anew by each process, %s. Set "
        "PYNN_CORE_CACHE to a folder that can be written.",
        wanted,
        reason,
        place,
    )
    return result


def folder() -> Path | None:
    """The folder into which new files go; it exists and can be written. None: there is none."""
    return _writable(wanted_folder())


def find(name: str) -> Path | None:
    """The file of a name, or None."""
    places = [wanted_folder(), *(Path(folder.name) for folder in _temporary)]
    return next((place / name for place in places if (place / name).is_file()), None)


def read(name: str) -> bytes | None:
    """What is stored under a name, or None."""
    if name in _memory:
        return _memory[name]
    path = find(name)
    return path.read_bytes() if path is not None else None


def write(name: str, data: bytes) -> None:
    """Store data under a name, whole or not at all."""
    place = folder()
    if place is None:
        _memory[name] = data
        return
    descriptor, temporary = tempfile.mkstemp(dir=place, prefix=name, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, place / name)
    except BaseException:
        os.unlink(temporary)
        raise


def digest(*texts: str) -> str:
    """20 hexadecimal digits that identify the texts."""
    state = hashlib.blake2b(digest_size=10)
    for text in texts:
        state.update(len(text).to_bytes(8, "little"))
        state.update(text.encode("utf-8", "surrogatepass"))
    return state.hexdigest()


def identifier(name: str) -> str:
    """A name as part of a file's name."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)


@cache
def source_text(module: str) -> str:
    """The source of an importable module, without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"The source of {module} is not installed.")
    return Path(spec.origin).read_text(encoding="utf-8")
