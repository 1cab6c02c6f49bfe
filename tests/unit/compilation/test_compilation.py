"""Machine code: compiled once by a process of its own, found by the next ones without Numba; faults do no harm."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from pyNN.compilation import Unit, load, request
from pyNN.compilation import cache as files
from pyNN.errors import InternalError

SUM = """
from numba import njit

@njit(error_model="numpy")
def running(values, factor, result):
    total = 0.0
    for i in range(values.shape[0]):
        total += factor * values[i]
        result[i] = total
    return total
"""
UNIT = Unit("running sum", SUM, {"running": "f8* f8 f8* -> f8"})
PROGRAM = f"""
import sys
import numpy as np
from pyNN.compilation import Unit, load
unit = Unit("running sum", {SUM!r}, {{"running": "f8* f8 f8* -> f8"}})
result = np.zeros(4)
total = load(unit)["running"](np.arange(4.0), 2.0, result)
print(total, result.tolist(), "numba" in sys.modules)
"""
EXPECTED = "12.0 [0.0, 2.0, 6.0, 12.0] False"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PYNN_CORE_CACHE", str(tmp_path))
    return tmp_path


def start(folder, program=PROGRAM):
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYNN_CORE_CACHE": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    return output.strip(), errors


def test_a_second_process_loads_what_the_first_compiled(folder):
    assert finish(start(folder))[0] == EXPECTED
    (code,) = folder.glob("*.o")
    written = code.stat().st_mtime_ns
    assert finish(start(folder))[0] == EXPECTED
    assert code.stat().st_mtime_ns == written


def test_processes_that_start_at_once_compile_once(folder):
    program = PROGRAM + "\nfrom pyNN.compilation import pool\nprint(pool.number_of_workers_started())"
    outputs = [finish(p)[0].splitlines() for p in [start(folder, program) for _ in range(4)]]
    assert [lines[0] for lines in outputs] == [EXPECTED] * 4
    assert sum(int(lines[1]) for lines in outputs) == 1
    assert [path.suffix for path in folder.iterdir()] == [".o"]


def test_damaged_code_is_compiled_anew(folder):
    finish(start(folder))
    (code,) = folder.glob("*.o")
    data = bytearray(code.read_bytes())
    data[len(data) // 2] ^= 1
    code.write_bytes(data)
    output, errors = finish(start(folder))
    assert output == EXPECTED
    assert "damaged" in errors
    assert finish(start(folder)) == (EXPECTED, "")


def test_a_folder_that_cannot_be_written_is_read(folder, monkeypatch):
    finish(start(folder))
    monkeypatch.setattr(files, "_writable", lambda wanted: pytest.fail(f"tried to write in {wanted}"))
    result = np.zeros(2)
    assert load(UNIT)["running"](np.ones(2), 1.0, result) == 2.0


def test_without_any_folder_code_stays_in_memory(tmp_path, monkeypatch, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("PYNN_CORE_CACHE", str(blocked / "cache"))

    def refuse(*args, **kwargs):
        raise OSError("no temporary folder")

    monkeypatch.setattr(files.tempfile, "TemporaryDirectory", refuse)
    files.write("something", b"kept")
    assert files.read("something") == b"kept"
    assert files.folder() is None
    assert "in memory" in caplog.text and caplog.text.count("PYNN_CORE_CACHE") == 1
    assert list(tmp_path.iterdir()) == [blocked]


def test_a_function_checks_its_arrays():
    running = load(UNIT)["running"]
    with pytest.raises(InternalError, match="contiguous arrays of float64, not of int64"):
        running(np.arange(3), 1.0, np.zeros(3))
    with pytest.raises(InternalError, match="contiguous"):
        running(np.zeros(6)[::2], 1.0, np.zeros(3))
    with pytest.raises(ValueError, match="shorter"):
        running(np.zeros(3), 1.0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return np.zeros(n).sum()", "allocates memory"),
        ("if n > 2:\n        raise ValueError(n)\n    return 1.0", "raises an exception"),
        ("return n.nothing", "Unknown attribute"),
    ],
)
def test_code_that_needs_python_is_refused(body, said):
    text = f"import numpy as np\nfrom numba import njit\n@njit\ndef f(n):\n    {body}\n"
    unit = Unit("refused", text, {"f": "i8 -> f8"})
    request(unit)
    with pytest.raises(InternalError, match=said):
        load(unit)


def test_what_a_unit_imports_identifies_it():
    other = Unit(UNIT.name, SUM, UNIT.signatures, ("pyNN.random.streams",))
    assert other.identity != UNIT.identity
    assert Unit(UNIT.name, SUM, {"running": "f8* f8 f8*"}).identity != UNIT.identity
    assert Unit("another name", SUM, UNIT.signatures).identity == UNIT.identity


def test_the_text_of_a_unit_is_made_by_whoever_wants_it():
    """To make it may take parsing, which Python 3.11 cannot do in two threads at a time."""
    threads = []

    def text():
        threads.append(threading.current_thread())
        return SUM

    unit = Unit("made later", text, {"running": "f8* f8 f8* -> f8"}, key="made later")
    request(unit)
    assert load(unit)["running"](np.arange(4.0), 2.0, np.zeros(4)) == 12.0
    assert set(threads) == {threading.main_thread()}
