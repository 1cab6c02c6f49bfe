"""NESTML text compiled to a module that NEST loads, kept in the cache folder.

NEST from PyPI has headers, but its nest-config names a folder and a compiler of the machine on which it was built. So
the compiler is called with what such a module needs: the headers beside NEST's Python package, and that kind of C++
strings with which NEST was compiled (with the other kind a module compiles, but cannot be loaded).
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pyNN.compilation import cache as files
from pyNN.errors import InvalidModelError, MissingPackageError, SimulatorError
from pyNN.nest import versions
from pyNN.nest.versions import has_mpi
from pyNN.parallel import serial_environment

INSTALL = "pip install 'pynn-core[nestml]'"
OLDEST = (9, 0)
"""The first release of NESTML whose models do what this package expects of them."""
NEST_VERSION = "v3.10.0"
"""The release of NEST for which NESTML writes C++, if NEST does not tell its own."""
_FLAGS = ("-std=c++20", "-O2", "-fPIC", "-shared", "-fopenmp", "-DLTX_MODULE")
_NEW_STRINGS = b"_ZNK4nest4Node8get_nameB5cxx11Ev"
"""Part of a NEST that was compiled with the present kind of strings of GCC's C++ library."""
_OLD_STRINGS = b"_ZNK4nest4Node8get_nameEv"
_PIECE = 1 << 24
_MOST_LINES = 12
_temporary: list[tempfile.TemporaryDirectory[str]] = []


@dataclass(frozen=True)
class Toolchain:
    """What makes a module of NEST's out of C++."""

    compiler: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Module:
    """A compiled module and the models in it."""

    path: Path
    models: tuple[str, ...]


def missing(numeric: bool = False) -> list[str]:
    """What is missing on this machine, a sentence each; with `numeric` also for models that GSL integrates."""
    problems = []
    if importlib.util.find_spec("pynestml") is None:
        problems.append(f"NESTML is not installed: {INSTALL}.")
    elif _nestml_release() < OLDEST:
        problems.append(f"NESTML {metadata.version('nestml')} is too old: {INSTALL}.")
    compiler = _compiler()
    if shutil.which(compiler) is None:
        problems.append(f"There is no C++ compiler '{compiler}': install the package g++ (apt install g++).")
    headers = _headers()
    if headers is None:
        problems.append("This NEST has come without its C++ headers: use NEST from PyPI, or from conda-forge.")
    if has_mpi() and not _mpi_flags():
        problems.append(
            "This NEST was built with MPI, whose headers NEST's own need, and there is no 'mpicxx' that says where "
            "they are: install the package libopenmpi-dev (apt install libopenmpi-dev), or load the MPI module that "
            "NEST was built with."
        )
    if problems:
        return problems
    wanted = [("boost/version.hpp", "libboost-dev"), ("gsl/gsl_odeiv.h", "libgsl-dev")]
    found = _found_headers(compiler, tuple(name for name, _ in wanted[: 2 if numeric else 1]), str(headers))
    return [
        f"The compiler does not find <{name}>: install the package {package} (apt install {package})."
        for name, package in wanted
        if name in found and not found[name]
    ]


def require(what: str, numeric: bool = False) -> None:
    """MissingPackageError, with the names of packages, unless everything is there to compile NESTML."""
    problems = missing(numeric)
    if problems:
        raise MissingPackageError(
            f"{what[0].upper()}{what[1:]} must be compiled for NEST, and this cannot be done here. {' '.join(problems)}"
        )


def _compiler() -> str:
    return os.environ.get("CXX") or "g++"


def _nestml_release() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", metadata.version("nestml"))[:2])


def _package() -> Path:
    return Path(versions.load_nest().__file__).parent


def _headers() -> Path | None:
    """The folder of NEST's headers: beside its Python package, or under the prefix of its installation."""
    package = _package()
    # .../lib/python3.12/site-packages/nest of an installation with a prefix
    prefixes = [package.parents[3]] if len(package.parents) > 3 else []
    places = [package / "include" / "nest", *(prefix / "include" / "nest" for prefix in prefixes)]
    return next((place for place in places if (place / "nest.h").is_file() and (place / "node.h").is_file()), None)


@cache
def _found_headers(compiler: str, names: tuple[str, ...], include: str) -> dict[str, bool]:
    """Which headers the compiler finds."""
    text = "".join(f"#if __has_include(<{name}>)\nfound {name}\n#endif\n" for name in names)
    command = [compiler, "-E", "-P", "-x", "c++", f"-I{include}", "-"]
    run = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return {name: f"found {name}" in run.stdout for name in names}


@cache
def _mpi_flags() -> tuple[str, ...]:
    """Where the headers of MPI are, as its compiler tells: Open MPI's and MPICH's answer to different questions."""
    for question in ("--showme:compile", "-compile_info"):
        try:
            told = subprocess.run(
                ["mpicxx", question], env=serial_environment(), capture_output=True, text=True, check=False
            )
        except OSError:
            return ()
        found = tuple(word for word in shlex.split(told.stdout) if word.startswith(("-I", "-D")))
        if told.returncode == 0 and found:
            return found
    return ()


@cache
def _old_strings(library: str, modified: float) -> bool:
    """Whether NEST was compiled with the older kind of strings, as it is on PyPI."""
    overlap = len(_NEW_STRINGS)
    old, tail = False, b""
    with open(library, "rb") as file:
        while piece := file.read(_PIECE):
            text = tail + piece
            if _NEW_STRINGS in text:
                return False
            old = old or _OLD_STRINGS in text
            tail = text[-overlap:]
    return old


def toolchain() -> Toolchain:
    """Compiler and flags for this NEST; call `require` before."""
    library = next(iter(sorted(_package().glob("nestkernel_api*.so"))), None)
    old = library is not None and _old_strings(str(library), library.stat().st_mtime)
    abi = ("-D_GLIBCXX_USE_CXX11_ABI=0",) if old else ()
    mpi = _mpi_flags() if has_mpi() else ()
    return Toolchain(_compiler(), (*_FLAGS, *abi, f"-I{_headers()}", *mpi))


def build(what: str, text: str, options: Mapping[str, Any] | None = None) -> Module:
    """The module of the models in a NESTML text, from the cache folder if it is there.

    `what` stands for the text in messages. Models get a suffix that depends on the text, for NEST cannot tell two
    models of one name apart. Raises MissingPackageError, InvalidModelError for text that NESTML does not accept,
    SimulatorError with the compiler's message. Two processes that want the same module make it once.
    """
    found = str(versions.load_nest().__version__)
    release = f"v{found}" if re.fullmatch(r"\d+\.\d+\.\d+", found) else NEST_VERSION
    options = dict(options or {})
    # What decides about the file is known without a compiler, so that a machine without one can use it.
    key = files.digest(text, json.dumps(options, sort_keys=True), release, str(_package()), *_installed())
    name = f"nestml_{key}"
    stored = _stored(name)
    if stored is not None:
        return stored
    require(what)
    from filelock import FileLock

    folder = _folder()
    with FileLock(folder / f"{name}.lock"):
        stored = _stored(name)
        return stored if stored is not None else _build(what, text, options, release, name, key, folder)


def _installed() -> tuple[str, ...]:
    """Releases on which a module depends."""
    library = next(iter(sorted(_package().glob("nestkernel_api*.so"))), None)
    size = library.stat().st_size if library is not None else 0
    try:
        return (metadata.version("nestml"), str(size), sys.platform)
    except metadata.PackageNotFoundError:
        return ("", str(size), sys.platform)


def _folder() -> Path:
    place = files.folder()
    if place is not None:
        return place
    _temporary.append(tempfile.TemporaryDirectory(prefix="pynn-core-"))
    return Path(_temporary[-1].name)


def _stored(name: str) -> Module | None:
    """A module that is there; the list of its models is written last."""
    listed = files.find(f"{name}.json")
    library = files.find(f"{name}module.so")
    for place in (Path(folder.name) for folder in _temporary):
        listed = listed or next(iter(place.glob(f"{name}.json")), None)
        library = library or next(iter(place.glob(f"{name}module.so")), None)
    if listed is None or library is None:
        return None
    return Module(library, tuple(json.loads(listed.read_text(encoding="utf-8"))["models"]))


def _build(
    what: str, text: str, options: Mapping[str, Any], release: str, name: str, key: str, folder: Path
) -> Module:
    with tempfile.TemporaryDirectory(prefix=f"{name}_", dir=folder) as workplace:
        generated, source = Path(workplace) / "target", Path(workplace) / "model.nestml"
        generated.mkdir()
        source.write_text(text, encoding="utf-8")
        models = _generate(what, text, source, generated, f"{name}module", f"_{key[:10]}", release, options)
        library = Path(workplace) / f"{name}module.so"
        _compile(what, generated, library)
        os.replace(source, folder / f"{name}.nestml")
        os.replace(library, folder / f"{name}module.so")
        listed = Path(workplace) / "models.json"
        listed.write_text(json.dumps({"models": models, "of": what}), encoding="utf-8")
        os.replace(listed, folder / f"{name}.json")
    return Module(folder / f"{name}module.so", tuple(models))


def _generate(
    what: str, text: str, source: Path, target: Path, module: str, suffix: str, release: str, options: Mapping[str, Any]
) -> list[str]:
    """C++ in `target`; the names of the models."""
    task = {
        "file": str(source),
        "folder": str(target),
        "module": module,
        "suffix": suffix,
        "nest": release,
        "options": options,
    }
    command = [sys.executable, "-c", files.source_text("pyNN.nest.nestml_generate"), json.dumps(task)]
    run = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, check=False)
    try:
        result = json.loads(run.stdout[run.stdout.index("{") :])
    except ValueError as error:
        raise SimulatorError(f"NESTML ended while it read {what}:\n{_last(run.stderr)}") from error
    if result["messages"] or not result["models"]:
        raise InvalidModelError(
            f"NESTML does not accept {what}:\n{_shown(result['messages'], text) or _last(result['printed'])}"
        )
    return [str(model) for model in result["models"]]


def _shown(messages: list[tuple[int, int, str]], text: str) -> str:
    """Messages with the lines of the text to which they belong."""
    lines, shown = text.split("\n"), []
    for line, column, message in messages[:_MOST_LINES]:
        if not 0 < line <= len(lines):
            shown.append(message)
            continue
        shown.append(f"line {line}: {message}\n    {lines[line - 1]}\n    {' ' * column}^")
    return "\n".join(shown)


def _compile(what: str, folder: Path, library: Path) -> None:
    if any("<gsl/" in path.read_text(encoding="utf-8") for path in folder.glob("*.h")):
        require(what, numeric=True)
    tools = toolchain()
    sources = sorted(str(path) for path in folder.glob("*.cpp"))
    command = [tools.compiler, *tools.flags, f"-I{folder}", *sources, "-o", str(library)]
    # Its messages in English, so that those of errors are found.
    english = {**os.environ, "LC_ALL": "C"}
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=english)
    if run.returncode != 0:
        raise SimulatorError(
            f"The C++ that NESTML made of {what} does not compile:\n{_relevant(run.stderr)}\n"
            f"The command was: {' '.join(command)}"
        )


def _relevant(output: str) -> str:
    """The lines of a compiler's output that say what is wrong."""
    wrong = [line for line in output.split("\n") if re.search(r"\berror:|undefined reference", line)]
    return "\n".join(wrong[:_MOST_LINES]) if wrong else _last(output)


def _last(output: str) -> str:
    return "\n".join(output.strip().split("\n")[-_MOST_LINES:])
