"""Script tools: the backend from the command line, timers, bars, logs, file names, saved populations."""

from __future__ import annotations

import importlib.util
import io
import json
import logging
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lazyarray import larray

from pyNN import utility
from pyNN.errors import (
    BackendNotInstalledError,
    CapabilityError,
    FileFormatError,
    InvalidParameterValueError,
    PyNNDeprecationWarning,
    SimulatorError,
)
from pyNN.utility import build, progress, script_tools


def test_get_simulator_gives_the_module_and_the_options(monkeypatch: Any) -> None:
    module = SimpleNamespace()
    monkeypatch.setattr(script_tools.importlib, "import_module", lambda name: {"pyNN.reference": module}[name])
    monkeypatch.setattr(sys, "argv", ["script.py", "Reference", "--plot", "-n", "3"])
    sim, options = utility.get_simulator(("--plot", "draw", {"action": "store_true"}), ("-n", "cells", {"type": int}))
    assert sim is module
    assert (options.simulator, options.plot, options.n) == ("reference", True, 3)


def test_get_simulator_lists_what_there_is(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["script.py", "refrence"])
    with pytest.raises(SystemExit) as exit_info:
        utility.get_simulator()
    assert exit_info.value.code == 2
    message = " ".join(capsys.readouterr().err.split())
    assert re.search(r"no simulator 'refrence'\. Did you mean 'reference'\? Known: reference, .*nest.*mock", message)


def test_get_simulator_gives_the_pip_line_for_a_missing_simulator(monkeypatch: Any) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == "nest" else find_spec(n, *a))
    monkeypatch.setattr(sys, "argv", ["script.py", "nest"])
    with pytest.raises(BackendNotInstalledError, match=r"pip install 'pynn-core\[nest\]'"):
        utility.get_simulator()


def test_get_simulator_knows_registered_backends(monkeypatch: Any) -> None:
    from pyNN import plugins

    monkeypatch.setattr(plugins, "discover", lambda: {"mybackend": object()})
    assert script_tools.available_simulators()["mybackend"] == ""


def test_get_script_args(monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["script.py", "nest", "3", "rest"])
    assert utility.get_script_args(2) == ["nest", "3"]
    with pytest.raises(InvalidParameterValueError, match="requires 4 arguments, you supplied 3"):
        utility.get_script_args(4)
    with pytest.raises(InvalidParameterValueError, match="Usage: me"):
        utility.get_script_args(4, "Usage: me")


@pytest.fixture
def logger_restored() -> Any:
    logger = logging.getLogger("PyNN")
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield
    for handler in logger.handlers:
        handler.close()
    logger.handlers, logger.level, logger.propagate = before


@pytest.mark.usefixtures("logger_restored")
def test_log_files_are_one_a_rank(tmp_path: Path) -> None:
    logger = utility.init_logging(tmp_path / "logs" / "run.log", debug=True)
    logger.debug("built")
    logger = utility.init_logging(tmp_path / "logs" / "run.log", num_processes=2, rank=1)
    logger.debug("not wanted")
    logger.info("ran")
    assert "built" in (tmp_path / "logs" / "run.log").read_text()
    second = (tmp_path / "logs" / "run.log.1").read_text()
    assert re.match(r"rank 1 of 2: .*INFO .*\[PyNN\] ran", second)
    assert "not wanted" not in second
    assert len(logger.handlers) == 1


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({}, r"Results/(\d{8})/net_nest_\1-\d{6}\.pkl"),
        ({"num_processes": 4}, r"Results/(\d{8})/net_nest_np4_\1-\d{6}\.pkl"),
        ({"use_iso8601": True}, r"Results/(\d{4}-\d\d-\d\d)/net_nest_\1T\d\d:\d\d:\d\d\.pkl"),
    ],
)
def test_normalized_filename(options: Any, pattern: str) -> None:
    assert re.fullmatch(pattern, utility.normalized_filename("Results", "net", "pkl", "nest", **options))


def test_notify_without_a_desktop_writes_and_with_half_an_address_refuses(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(script_tools.shutil, "which", lambda name: None)
    utility.notify("done", subject="Run")
    assert capsys.readouterr().err == "\aRun: done\n"
    with pytest.raises(InvalidParameterValueError, match="server and an address"):
        utility.notify(address="me@example.org")


def test_timer_measures_laps_and_words() -> None:
    timer = utility.Timer()
    time.sleep(0.02)
    timer.mark("build")
    time.sleep(0.03)
    timer.mark("run")
    (first, build_s), (second, run_s) = timer.marks
    assert (first, second) == ("build", "run")
    assert build_s >= 0.02
    assert run_s >= 0.03
    assert float(timer.elapsed_time()) >= build_s + run_s
    assert float(timer.diff()) < 0.01
    assert timer.elapsed_time("long") == "0 seconds"
    with pytest.warns(PyNNDeprecationWarning, match="elapsed_time"):
        assert float(timer.elapsedTime()) >= 0.05
    timer.reset()
    assert timer.marks == []
    assert float(timer.elapsed_time()) < 0.01


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (61, "1 minute, 1 second"),
        (3725.5, "1 hour, 2 minutes, 5 seconds"),
        (183600, "2 days, 3 hours"),
    ],
)
def test_time_in_words(seconds: float, words: str) -> None:
    assert utility.Timer.time_in_words(seconds) == words


@pytest.mark.parametrize("mode", ["fixed", "dynamic"])
def test_progress_bar_draws_its_level(capsys: Any, mode: str) -> None:
    bar = utility.ProgressBar(width=40, char="=", mode=mode)
    bar.set_level(0.5)
    bar(1.7)
    drawn = [line.strip() for line in re.split(r"[\r\n]", capsys.readouterr().err) if line.strip()]
    assert any(line.endswith("50%") and "=" in line for line in drawn)
    assert drawn[-1].endswith("100%")
    assert len(drawn[-1]) <= 40
    assert bar.level == 1.0


def test_simulation_progress_bar_asks_for_the_next_time(capsys: Any) -> None:
    bar = utility.SimulationProgressBar(10.0, 100.0)
    assert [bar(t) for t in (0.0, 10.0, 100.0)] == [10.0, 20.0, 110.0]
    assert "100%" in capsys.readouterr().err
    with pytest.raises(InvalidParameterValueError, match="above 0 ms"):
        utility.SimulationProgressBar(0.0, 100.0)
    with pytest.raises(InvalidParameterValueError, match="'fixed' or 'dynamic'"):
        utility.ProgressBar(mode="wavy")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_log_file_gets_a_line_every_half_minute() -> None:
    stream, clock = io.StringIO(), Clock()
    with progress.RunProgress(1000.0, "run", "ms", stream=stream, clock=clock) as shown:
        for second in range(0, 91):
            clock.now = 100.0 + second
            shown(second * 10.0)
    lines = stream.getvalue().splitlines()
    assert lines == [
        "run: 30 %, 300 of 1000 ms, 30 s elapsed, 0.01 x real time, 1:10 left",
        "run: 60 %, 600 of 1000 ms, 1:00 elapsed, 0.01 x real time, 40 s left",
        "run: 90 %, 900 of 1000 ms, 1:30 elapsed, 0.01 x real time, 10 s left",
    ]


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    stream, clock = Terminal(), Clock()
    with progress.RunProgress(1000.0, "run", "ms", stream=stream, clock=clock) as shown:
        shown(100.0)
        assert stream.getvalue() == ""
        clock.now += 2.0
        time.sleep(0.12)
        shown(500.0)
        time.sleep(0.12)
        shown(600.0)
    text = stream.getvalue()
    assert "run:  60%" in text
    assert "600 of 1000 ms, 2 s elapsed, 0.3 x real time, 1 s left" in text
    assert text.endswith("\r")


def test_what_is_quick_or_not_wanted_shows_nothing() -> None:
    stream, clock = Terminal(), Clock()
    with progress.Progress(10, "build", "cells", stream=stream, clock=clock) as shown:
        shown(10)
    with progress.Progress(10, "build", "cells", enabled=False, stream=stream, clock=clock) as shown:
        clock.now += 100.0
        shown(10)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(("seconds", "text"), [(44.6, "45 s"), (185, "3:05"), (3723, "1:02:03")])
def test_durations(seconds: float, text: str) -> None:
    assert progress.duration(seconds) == text


def test_build_progress_counts_things() -> None:
    shown = progress.build_progress(2000, enabled=False)
    shown(500)
    assert shown.line(2.0) == "build: 25 %, 500 of 2000 connections, 2 s elapsed, 250 connections/s, 6 s left"


def test_forgetful_memoize_remembers_the_latest_call_only() -> None:
    calls: list[Any] = []

    @utility.forgetful_memoize
    def total(values: Any, factor: float) -> float:
        calls.append(factor)
        return float(np.sum(values) * factor)

    assert [total(np.arange(3), 2.0), total(np.arange(3), 2.0), total(np.arange(3), 3.0)] == [6.0, 6.0, 9.0]
    assert total(np.arange(3), 2.0) == 6.0
    assert calls == [2.0, 3.0, 2.0]


def test_sort_by_column() -> None:
    rows = np.array([[3, 1], [1, 2], [3, 0], [2, 9]])
    assert utility.sort_by_column(rows, 0).tolist() == [[1, 2], [2, 9], [3, 1], [3, 0]]


def test_nothing_needs_to_be_compiled(tmp_path: Path) -> None:
    with pytest.raises(CapabilityError, match="equations"):
        build.compile_nmodl("mod")
    with pytest.raises(CapabilityError, match="needs no extension"):
        build.compile_nest_extensions("ext")
    assert build.find("sh").endswith("sh")
    assert build.find("no-such-program-here") == ""
    assert build.run_command("echo 'a b'", tmp_path) == (0, ["a b", ""])
    with pytest.raises(SimulatorError, match="no-such-program-here"):
        build.run_command("no-such-program-here", tmp_path)


class Cell:
    def __init__(self, **parameters: Any) -> None:
        self.parameters = parameters

    @staticmethod
    def get_parameter_names() -> list[str]:
        return ["tau_m", "spike_times"]


class Sequence:
    """Stands for pyNN.parameters.Sequence: wraps an array."""

    def __init__(self, value: Any) -> None:
        self.value = np.asarray(value, dtype=float)


class Cells:
    def __init__(self, size: int, celltype: Cell, initial_values: Any = None, label: str = "") -> None:
        self.size, self.celltype, self.label = size, celltype, label
        self.initial_values = initial_values or {}
        self.positions = np.zeros((3, size))
        self.annotations: dict[str, Any] = {}

    def get(self, name: str, gather: bool) -> Any:
        return self.celltype.parameters[name]

    def annotate(self, **annotations: Any) -> None:
        self.annotations.update(annotations)


SIM = SimpleNamespace(Cell=Cell, Population=Cells, list_standard_models=lambda: ["Cell"])


def test_a_saved_population_comes_back(tmp_path: Path, monkeypatch: Any) -> None:
    import pyNN.parameters

    monkeypatch.setattr(pyNN.parameters, "Sequence", Sequence)
    trains = np.array([Sequence([1.0, 2.5]), Sequence([]), Sequence([1 / 3])], dtype=object)
    cells = Cells(3, Cell(tau_m=np.array([10.0, 20.0, 0.1 + 0.2]), spike_times=trains), {"v": larray(-60.0, (3,))}, "E")
    cells.positions = np.arange(9.0).reshape(3, 3) / 7
    cells.annotate(layer="L4")
    cells.colour = "red"  # type: ignore[attr-defined]
    utility.save_population(cells, tmp_path / "e.json", variables=["colour"])
    back = utility.load_population(tmp_path / "e.json", SIM)
    assert (back.size, back.label, back.annotations, back.colour) == (3, "E", {"layer": "L4"}, "red")
    assert back.celltype.parameters["tau_m"] == [10.0, 20.0, 0.1 + 0.2]
    assert [s.value.tolist() for s in back.celltype.parameters["spike_times"]] == [[1.0, 2.5], [], [1 / 3]]
    assert back.initial_values == {"v": -60.0}
    np.testing.assert_array_equal(back.positions, cells.positions)


def test_a_file_that_is_no_population_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text in ("no json", json.dumps([1, 2]), json.dumps({"format": "other"})):
        path.write_text(text)
        with pytest.raises(FileFormatError, match="was not written by save_population"):
            utility.load_population(path, SIM)
    path.write_text(json.dumps({"format": "pyNN population 1", "celltype": "setup"}))
    with pytest.raises(FileFormatError, match="size must be of the type int, not None"):
        utility.load_population(path, SIM)
    cells = Cells(1, Cell(tau_m=object(), spike_times=1.0))
    with pytest.raises(InvalidParameterValueError, match="cannot be saved as JSON"):
        utility.save_population(cells, tmp_path / "y.json")
    assert not (tmp_path / "y.json").exists()


def test_importing_these_modules_loads_nothing_heavy() -> None:
    code = (
        "import sys, pyNN.recording, pyNN.utility, pyNN.utility.plotting, pyNN.descriptions; "
        "print([m for m in ('neo', 'matplotlib', 'tqdm', 'h5py', 'numba', 'jinja2') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"
