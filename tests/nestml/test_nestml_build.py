"""What is said where something is missing, or goes wrong, on the way from NESTML to a module of NEST's."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyNN.errors import BackendNotInstalledError, InvalidModelError, MissingPackageError, SimulatorError
from pyNN.nest import nestml_build, nestml_models, versions


@pytest.fixture(autouse=True)
def nest() -> Any:
    try:
        return versions.load_nest()
    except BackendNotInstalledError as error:
        pytest.skip(str(error))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PYNN_CORE_CACHE", str(tmp_path))
    yield tmp_path


@pytest.fixture
def present(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has everything, whatever this one has."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found("pyNN") if name == "pynestml" else found(name))
    monkeypatch.setattr(nestml_build, "_nestml_release", lambda: (9, 0))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(nestml_build, "_found_headers", lambda compiler, names, folder: dict.fromkeys(names, True))


def test_everything_that_is_missing_is_named_by_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pynestml" else found(name))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingPackageError) as caught:
        nestml_build.require("the cell type X")
    text = str(caught.value)
    assert "pip install 'pynn-core[nestml]'" in text
    assert "install the package g++" in text


@pytest.mark.parametrize(
    ("header", "package"), [("boost/version.hpp", "libboost-dev"), ("gsl/gsl_odeiv.h", "libgsl-dev")]
)
def test_a_missing_header_is_named_by_its_package(
    present: None, monkeypatch: pytest.MonkeyPatch, header: str, package: str
) -> None:
    monkeypatch.setattr(
        nestml_build, "_found_headers", lambda compiler, names, folder: {name: name != header for name in names}
    )
    assert nestml_build.missing(numeric=True) == [
        f"The compiler does not find <{header}>: install the package {package} (apt install {package})."
    ]
    # GSL is needed for models only that NESTML integrates numerically.
    assert bool(nestml_build.missing()) == (package == "libboost-dev")


def test_an_old_release_of_nestml_is_refused(present: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nestml_build, "_nestml_release", lambda: (8, 1))
    monkeypatch.setattr(nestml_build.metadata, "version", lambda name: "8.1.0")
    assert nestml_build.missing() == ["NESTML 8.1.0 is too old: pip install 'pynn-core[nestml]'."]


def test_the_compiler_finds_headers_or_does_not(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("there is no g++")
    (tmp_path / "here.h").write_text("", encoding="utf-8")
    found = nestml_build._found_headers("g++", ("here.h", "nowhere.h"), str(tmp_path))
    assert found == {"here.h": True, "nowhere.h": False}


def test_the_kind_of_strings_is_read_from_nest(tmp_path: Path) -> None:
    for text, old in ((b"_ZNK4nest4Node8get_nameEv", True), (b"_ZNK4nest4Node8get_nameB5cxx11Ev", False), (b"", False)):
        library = tmp_path / f"library{len(text)}"
        # Across the border of what is read at once.
        library.write_bytes(b"\0" * (nestml_build._PIECE - 5) + text + b"\0" * 9)
        assert nestml_build._old_strings(str(library), 0.0) == old


def test_a_compiler_error_is_shown_by_its_lines(present: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    if shutil.which("g++") is None:
        pytest.skip("there is no g++")
    (tmp_path / "a.cpp").write_text("int f() { return nothing; }\n", encoding="utf-8")
    with pytest.raises(SimulatorError, match=r"of the model X does not compile:\n.*a\.cpp:1:\d+: error:.*nothing"):
        nestml_build._compile("the model X", tmp_path, tmp_path / "a.so")
    assert not (tmp_path / "a.so").exists()


def test_nestml_that_ends_is_reported(cache: Path, present: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nestml_build.files, "source_text", lambda name: "import sys; sys.exit('out of memory')")
    with pytest.raises(SimulatorError, match="NESTML ended while it read the model X:\nout of memory"):
        nestml_build.build("the model X", "model X:\n")
    assert not list(cache.glob("*.so"))


def test_messages_of_nestml_have_their_line(cache: Path, present: None, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = '{"models": ["X"], "messages": [[2, 4, "no such variable"]], "printed": ""}'
    monkeypatch.setattr(nestml_build.files, "source_text", lambda name: f"print({reply!r})")
    with pytest.raises(InvalidModelError) as caught:
        nestml_build.build("the model X", "model X:\n    here real = there\n")
    assert str(caught.value) == (
        "NESTML does not accept the model X:\nline 2: no such variable\n        here real = there\n        ^"
    )


def test_a_module_is_made_once(cache: Path, present: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def generate(*arguments: Any) -> list[str]:
        made.append(arguments)
        time.sleep(0.2)
        return ["X_0123456789"]

    monkeypatch.setattr(nestml_build, "_generate", generate)
    monkeypatch.setattr(nestml_build, "_compile", lambda what, folder, library: library.write_bytes(b"code"))
    found: list[nestml_build.Module] = []
    threads = [
        threading.Thread(target=lambda: found.append(nestml_build.build("the model X", "model X:\n"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(found) == 3 and len(set(found)) == 1
    assert found[0].path.read_bytes() == b"code" and found[0].models == ("X_0123456789",)
    # A machine without a compiler uses what is there.
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert nestml_build.build("the model X", "model X:\n") == found[0]
    with pytest.raises(MissingPackageError):
        nestml_build.build("the model Y", "model Y:\n")


def test_a_file_that_nest_cannot_load_is_named(nest: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nest.ResetKernel()
    broken = tmp_path / "brokenmodule.so"
    broken.write_bytes(b"not a library")
    monkeypatch.setattr(nestml_models, "_wanted", {"X_0123456789": broken})
    with pytest.raises(SimulatorError, match=r"(?s)brokenmodule\.so.*Remove this file"):
        nestml_models.load("X_0123456789")
    # NEST goes on.
    assert nest.Create("iaf_psc_exp").V_m == -70.0
    nest.ResetKernel()


@pytest.mark.skipif(sys.platform != "linux", reason="the message is that of Linux' packages")
def test_a_cell_type_without_the_tools_says_what_is_missing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyNN.nest as sim
    from pyNN.equations import CellType
    from pyNN.errors import NoModelAvailableError

    monkeypatch.setattr(shutil, "which", lambda name: None)
    model: Any = CellType(name="Unseen", equations="dv/dt = -v/(17*ms) : mV")
    sim.setup()
    with pytest.raises(NoModelAvailableError, match=r"Unseen of its own.*made of the equations.*package g\+\+"):
        sim.Population(1, model())
    # NEST's own models are there as before.
    cells = sim.Population(1, sim.IF_curr_exp())
    cells.record("v")
    sim.run(1.0)
    assert cells.get_data().segments[0].analogsignals[0].shape == (11, 1)
    sim.end()
