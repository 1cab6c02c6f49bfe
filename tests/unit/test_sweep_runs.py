"""Studies from Python: every run in a process of its own, resumed after kills, on executors of others."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from pyNN.errors import InvalidModelError, InvalidParameterValueError, SimulatorError
from pyNN.sweep import load_results, sweep
from pyNN.sweep.isolation import run_isolated

pytest.importorskip("h5py")

MODELS = '''
import os, signal, sys, time
import numpy as np
from pyNN.sweep import report

def line(x, slope=2.0, seed=0):
    print("hello from", x)
    return {"y": slope * x + seed, "powers": np.arange(3.0) ** x}

def difficult(x):
    report(before=x)
    if x == 1:
        raise ValueError("one is\\nnot possible")
    if x == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if x == 3:
        sys.exit("no threes")
    if x == 4:
        time.sleep(60)
    if x == 5:
        os._exit(7)
    if x == 6:
        return 3.0
    if x == 7:
        return {"y": object()}
    return {"y": x}

def facts():
    report(mpi="OMPI_COMM_WORLD_SIZE" in os.environ)
    return {"pid": os.getpid(), "argv": " ".join(sys.argv), "folder": os.getcwd()}

def slow(x, log):
    with open(log, "a") as file:
        file.write(f"{x}\\n")
    time.sleep(0.02)
    return {"y": x, "pid": os.getpid()}

def endless(log):
    with open(log, "a") as file:
        file.write(f"{os.getpid()}\\n")
    while True:
        time.sleep(0.1)
'''


@pytest.fixture
def models(tmp_path, monkeypatch):
    name = f"sweep_models_{os.getpid()}"
    (tmp_path / f"{name}.py").write_text(MODELS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return __import__(name)


def alive(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_every_point_is_a_row_with_results_and_manifest(models):
    results = sweep(models.line, {"x": [0, 1, 2]}, seeds=[0, 10], workers=2, progress=False)
    np.testing.assert_array_equal(results["y"], [0, 10, 2, 12, 4, 14])
    np.testing.assert_array_equal(results["powers"], [[1, 1, 1]] * 2 + [[0, 1, 2]] * 2 + [[0, 1, 4]] * 2)
    for row in results:
        assert row.ok and row.exit_code == 0 and row.started and 0 < row.wall_time_s < 60
        assert 5 < row.peak_memory_mb < 2000
        assert row.manifest["versions"]["numpy"] == np.__version__ and row.manifest["host"]
        assert len(row.source_hash) == 64
        assert row.output == f"hello from {row.parameters['x']}"


def test_each_run_has_a_process_of_its_own_in_the_folder_of_the_caller(models, monkeypatch):
    # As on a rank of an MPI job, of which the run is no part.
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "4")
    rows = sweep(models.facts, [{}], workers=1, progress=False)
    assert rows[0].results["pid"] != os.getpid()
    assert rows[0].results["folder"] == os.getcwd()
    assert rows[0].results["argv"] == " ".join(sys.argv)
    assert rows[0].results["mpi"] is False


def test_a_run_that_fails_is_a_row_with_its_error(models):
    results = sweep(models.difficult, {"x": range(9)}, workers=4, timeout_s=3, progress=False)
    errors = [row.error for row in results]
    assert [row.ok for row in results] == [True] + 7 * [False] + [True]
    assert errors[1] == "ValueError: one is not possible"
    assert results[1].traceback.splitlines()[1].endswith("in difficult") and "worker.py" not in results[1].traceback
    assert "signal SIGKILL" in errors[2] and "memory" in errors[2] and results[2].exit_code == -signal.SIGKILL
    assert errors[3] == "The model ended its process: no threes"
    assert errors[4] == "The run took longer than 3 s and was ended."
    assert errors[5] == "The process ended with exit code 7 before the run did." and results[5].exit_code == 7
    assert "returns its results by name" in errors[6]
    assert "result 'y' is a object" in errors[7]
    # What was reported before an exception is kept.
    assert results[1].results == {"before": 1}


def test_a_study_goes_on_where_it_was(models, tmp_path):
    log = str(tmp_path / "log")
    sweep(models.slow, {"x": [1, 2], "log": log}, out="r.h5", workers=2, progress=False)
    results = sweep(models.slow, {"x": [3, 2, 1], "log": log}, out="r.h5", workers=2, progress=False)
    assert results["x"].tolist() == [3, 2, 1]
    assert sorted(Path(log).read_text().split()) == ["1", "2", "3"]
    smaller = sweep(models.slow, {"x": [2], "log": log}, out="r.h5", workers=2, progress=False)
    assert smaller["y"].tolist() == [2]
    assert sorted(load_results("r.h5")["x"]) == [1, 2, 3]


def test_failed_runs_are_repeated_only_on_request(models):
    options = {"out": "r.h5", "workers": 1, "progress": False}
    first = sweep(models.difficult, {"x": [0, 1]}, **options)
    assert [row.started for row in sweep(models.difficult, {"x": [0, 1]}, **options)] == [r.started for r in first]
    again = sweep(models.difficult, {"x": [0, 1]}, retry=True, **options)
    assert again[0].started == first[0].started and again[0].wall_time_s == first[0].wall_time_s
    assert again[1].wall_time_s != first[1].wall_time_s or again[1].started != first[1].started


def test_rows_of_another_version_of_the_model_are_not_mixed_in_unasked(models, tmp_path):
    options = {"out": "r.h5", "workers": 1, "progress": False}
    sweep(models.line, {"x": [1]}, **options)
    file = Path(models.__file__)
    file.write_text(MODELS + "\n# a change\n")
    with pytest.raises(InvalidParameterValueError, match="another version of the model"):
        sweep(models.line, {"x": [1, 2]}, **options)
    kept = sweep(models.line, {"x": [1, 2]}, keep_changed=True, **options)
    assert kept[0].source_hash != kept[1].source_hash
    assert len({row.source_hash for row in sweep(models.line, {"x": [1, 2]}, restart=True, **options)}) == 1


class Threads(ThreadPoolExecutor):
    """Somebody else's executor."""


def test_any_executor_can_do_the_work(models):
    with Threads(2) as executor:
        results = sweep(models.line, {"x": [1, 2, 3]}, executor=executor, progress=False)
    assert results["y"].tolist() == [2, 4, 6], [row.error for row in results]


def test_an_executor_that_breaks_ends_the_study_with_its_rows_kept(models):
    from concurrent.futures import Future, process

    class Breaking(ThreadPoolExecutor):
        def submit(self, function, job):
            if job.parameters["x"] < 2:
                return super().submit(function, job)
            broken = Future()
            super().submit(broken.set_exception, process.BrokenProcessPool("x"))
            return broken

    with Breaking(1) as executor, pytest.raises(SimulatorError, match="cannot be handed out any more"):
        sweep(models.line, {"x": [0, 1, 2]}, executor=executor, out="r.h5", progress=False)
    assert load_results("r.h5")["x"].tolist() == [0, 1]
    assert sweep(models.line, {"x": [0, 1, 2]}, out="r.h5", workers=1, progress=False)["y"].tolist() == [0, 2, 4]


def test_models_that_cannot_be_sent_are_refused(models, monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(InvalidModelError, match="top level of a module"):
        sweep(lambda x: {"y": x}, {"x": [1]}, progress=False)
    with pytest.raises(InvalidModelError, match="function of the parameters"):
        sweep({"x": 1}, {"x": [1]}, progress=False)
    for workers in (0, 1.5, True):
        with pytest.raises(InvalidParameterValueError, match="workers"):
            sweep(models.line, {"x": [1]}, workers=workers, progress=False)
    with pytest.raises(InvalidParameterValueError, match="time limit"):
        sweep(models.line, {"x": [1]}, timeout_s=0, progress=False)


STUDY = '''
import sys
from pyNN.sweep import sweep
{imports}
def model(x, log):
    return slow(x, log)

if __name__ == "__main__":
    results = sweep(model, {{"x": range({n}), "log": sys.argv[1]}}, out="r.h5", workers=2, progress=False)
    print(len(results), len(results.failed))
'''


def study(models, n, name="slow"):
    """A script of a study whose model is in the script itself."""
    script = Path("study.py")
    script.write_text(STUDY.format(imports=f"from {models.__name__} import {name} as slow", n=n))
    return [sys.executable, str(script), "log"]


def test_a_model_may_be_defined_in_the_main_script(models):
    done = subprocess.run(study(models, 3), capture_output=True, text=True)
    assert done.stdout == "3 0\n", done.stderr
    assert load_results("r.h5")["y"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("seed", range(int(os.environ.get("PYNN_EXAMPLES", "1"))))
def test_a_study_survives_kills_at_any_moment(models, seed):
    """SIGKILL again and again, until it gets through: no row that was complete is lost or done again."""
    n, draw = 12, random.Random(seed)
    command, kills, kept = study(models, n), 0, {}
    for attempt in range(40):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            output, errors = process.communicate(timeout=draw.uniform(0.5, 2.0) * (1 + attempt / 10))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
        else:
            assert output == f"{n} 0\n", errors
            break
        if Path("r.h5").exists() or Path("r.h5.runs").exists():
            assert not [row.error for row in load_results("r.h5").failed]
            now = {row.key: (row.started, row.results["pid"]) for row in load_results("r.h5")}
            assert {key: now[key] for key in kept} == kept
            kept = now
    else:
        pytest.fail("the study has not come to an end")
    assert kills
    results = load_results("r.h5")
    assert results["y"].tolist() == list(range(n)) and not results.failed
    # A kill costs the runs that had not finished, at most one for each of the two workers and one being written.
    assert len(Path("log").read_text().split()) <= n + 3 * kills
    assert not Path("r.h5.runs").exists()


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_a_complete_file_and_no_processes(models, signal_number):
    command = study(models, 200)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(list(Path().glob("r.h5.runs/*.row.npz"))) >= 2)
    process.send_signal(signal_number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode not in (0, None) and "KeyboardInterrupt" in errors
    results = load_results("r.h5")
    assert 2 <= len(results) < 200 and not results.failed
    assert not Path("r.h5.runs").exists()


def test_an_interrupt_just_after_a_row_was_written_does_not_lose_it(models, monkeypatch):
    from pyNN.sweep.store import Store

    add = Store.add

    def interrupted(self, row):
        add(self, row)
        if row.parameters["x"] == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Store, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(models.line, {"x": [1, 2, 3]}, out="r.h5", workers=1, progress=False)
    assert load_results("r.h5")["x"].tolist() == [1, 2]
    assert not Path("r.h5.runs").exists()


def test_runs_end_with_the_study_that_started_them(models):
    command = study(models, 2)
    Path("study.py").write_text(
        f"from {models.__name__} import endless\nfrom pyNN.sweep import sweep\n"
        "if __name__ == '__main__':\n    sweep(endless, {'log': 'log'}, out='r.h5')\n"
    )
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    wait_for(lambda: Path("log").exists() and Path("log").read_text().strip())
    pid = int(Path("log").read_text())
    assert alive(pid)
    process.kill()
    process.wait()
    wait_for(lambda: not alive(pid))


def wait_for(condition, seconds=40.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_a_full_disk_ends_the_study_and_keeps_its_rows(models, monkeypatch):
    """The file system reports that it is full when the second row is flushed to it."""
    import errno

    from pyNN.recording import output

    count, flush = iter(range(100)), output._flush_to_disk

    def full(path):
        if ".row" in path.name and next(count) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(path)

    monkeypatch.setattr(output, "_flush_to_disk", full)
    with pytest.raises(OSError, match="No space left"):
        sweep(models.line, {"x": range(5)}, out="r.h5", workers=1, progress=False)
    assert load_results("r.h5")["x"].tolist() == [0]
    assert len(sweep(models.line, {"x": range(5)}, out="r.h5", workers=2, progress=False)) == 5


def test_run_isolated_removes_its_folder(models, tmp_path, monkeypatch):
    import tempfile

    from pyNN.sweep import isolation

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    payload, main = isolation.pickled_model(models.line)
    job = isolation.Job(payload, {"x": 1}, main, isolation.importable_path(), ("a",), str(tmp_path), "")
    assert run_isolated(job).results["y"] == 2
    assert list((tmp_path / "scratch").iterdir()) == []
