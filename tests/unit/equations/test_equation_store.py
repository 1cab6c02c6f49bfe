"""Stored analyses and kernels: warm processes need no computer algebra, unwritable folders and races do no harm."""

import os
import subprocess
import sys

import pytest

from pyNN.compilation import cache as files
from pyNN.equations import store
from pyNN.standardmodels import cells

PROGRAM = """
import sys
from pyNN.equations import store
from pyNN.standardmodels import cells
found = store.analysis(cells.IF_cond_exp.definition)
module = store.module("IF_cond_exp", lambda: "VALUE = 3", "abc")
print(found.nonlinear, module.VALUE, "sympy" in sys.modules)
"""


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYNN_CORE_CACHE": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    return output.strip()


def test_the_second_process_does_not_import_sympy(tmp_path):
    assert finish(start(tmp_path)) == "['v'] 3 True"
    assert finish(start(tmp_path)) == "['v'] 3 False"


def test_many_processes_at_once(tmp_path):
    results = [finish(p) for p in [start(tmp_path) for _ in range(4)]]
    assert {result.rsplit(" ", 1)[0] for result in results} == {"['v'] 3"}
    assert finish(start(tmp_path)) == "['v'] 3 False"
    assert not list(tmp_path.glob("*.tmp"))


def test_a_folder_that_cannot_be_written_is_replaced_and_said_once(tmp_path, monkeypatch, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("PYNN_CORE_CACHE", str(blocked / "cache"))
    with caplog.at_level("WARNING", logger="PyNN"):
        first = files.folder()
        assert files.folder() == first
        assert store.analysis(cells.IF_curr_delta.definition).linear == ["v"]
    assert first.is_dir()
    assert len([r for r in caplog.records if "PYNN_CORE_CACHE" in r.getMessage()]) == 1


def test_a_module_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("PYNN_CORE_CACHE", str(tmp_path))
    with pytest.raises(ZeroDivisionError):
        store.module("Broken", lambda: "1/0", "one")
    assert "_pynn_Broken_one" not in sys.modules


def test_an_error_while_making_a_text_stores_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PYNN_CORE_CACHE", str(tmp_path))

    def fail():
        raise RuntimeError("no text")

    with pytest.raises(RuntimeError, match="no text"):
        store.module("Never", fail, "two")
    assert list(tmp_path.iterdir()) == []
