"""`pynn sweep`: what scripts are told, what their rows hold, and how the command ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pyNN.cli.app import pynn
from pyNN.cli.sweep import ScriptModel, options_of, script_model
from pyNN.sweep import load_results

h5py = pytest.importorskip("h5py")

SCRIPT = """
from pyNN.sweep import report
from pyNN.utility import get_simulator

sim, options = get_simulator(
    ("--current", "nA", {"type": float, "default": 0.0}), ("--cells", "number", {"type": int, "default": 3})
)
sim.setup(timestep=0.1)
cells = sim.Population(options.cells, sim.IF_curr_exp(i_offset=options.current), label="cells")
sources = sim.Population(2, sim.SpikeSourcePoisson(rate=100.0), label="sources")
sources.record("spikes")
sim.run(200.0)
report(poisson=sources.mean_spike_count(), offset=options.current)
if options.current < 0:
    raise ValueError("a negative current")
sim.end()
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("script.py").write_text(SCRIPT)
    return "script.py"


def invoke(*arguments):
    return CliRunner().invoke(pynn, ["sweep", *map(str, arguments)])


def period(current, tau=20.0, cm=1.0, refractory=0.1, threshold=15.0):
    """Of a leaky integrate-and-fire cell from rest and reset, ms: the closed form."""
    asymptote = current * tau / cm
    return refractory - tau * np.log(1.0 - threshold / asymptote) if asymptote > threshold else np.inf


def test_a_row_has_rates_and_what_the_script_reports(script):
    result = invoke(script, "reference", "--param", "current=0.5:1.5:3", "--out", "r.h5", "--workers", 2)
    assert result.exit_code == 0, result.output
    assert "3 runs, 3 ok, 0 failed" in result.output and "cells.rate_hz" in result.output
    rows = load_results("r.h5")
    np.testing.assert_array_equal(rows["current"], [0.5, 1.0, 1.5])
    np.testing.assert_array_equal(rows["offset"], rows["current"])
    # Spikes lie on the grid of 0.1 ms, which may make each interval that much longer.
    for current, spikes in zip(rows["current"], rows["cells.spikes"], strict=True):
        assert 3 * int(200.0 / (period(current) + 0.1)) <= spikes <= 3 * int(200.0 / period(current))
    np.testing.assert_allclose(rows["cells.rate_hz"], rows["cells.spikes"] / 3 / 0.2)
    assert np.isnan(rows["cells.cv_isi"][0]) and rows["cells.cv_isi"][2] == pytest.approx(0.0, abs=1e-6)
    facts = rows[0].manifest
    assert (facts["backend"], facts["simulated_ms"]) == ("reference", 200.0)
    assert (facts["timestep_ms"], facts["cells"]) == (0.1, 3)
    assert facts["backend_versions"]["pynn-core"] and facts["rng_seed"] == 42
    with h5py.File("r.h5") as file:
        np.testing.assert_array_equal(file["results/cells.spikes"], rows["cells.spikes"])


def test_seeds_of_a_script_without_an_option_for_them_go_to_setup(script):
    result = invoke(script, "reference", "--seeds", "0:3", "--out", "r.h5")
    assert result.exit_code == 0, result.output
    rows = load_results("r.h5")
    assert [row.manifest["rng_seed"] for row in rows] == [0, 1, 2]
    assert len(set(rows["poisson"])) > 1
    Path("script.py").write_text(SCRIPT.replace("timestep=0.1", "timestep=0.1, rng_seed=7"))
    result = invoke(script, "reference", "--seeds", "0:2", "--out", "s.h5")
    assert result.exit_code == 1
    assert "so --seeds has no effect" in load_results("s.h5")[0].error


def test_seeds_of_a_script_with_the_option_are_words(script):
    assert options_of(script) == {"current", "cells"}
    Path("other.py").write_text("sim, o = get_simulator(('--seed', 'it'), ('--n-cells', 'x', {}))\n--1\n")
    assert options_of("other.py") == {"seed", "n-cells"}
    assert not script_model("other.py", "mock", (), seeds=True).seed_by_setup
    assert script_model(script, "mock", (), seeds=True).seed_by_setup
    assert not script_model(script, "mock", ("{seed}",), seeds=True).seed_by_setup
    assert not script_model(script, "mock", (), seeds=False).seed_by_setup


def test_parameters_are_words_or_take_the_place_of_their_names():
    model = ScriptModel("s.py", "nest", ("--figure", "out_{w}_{seed}.png", "{w}"), True)
    assert model.words({"w": -0.5, "n": 3, "seed": 4}) == ["--figure", "out_-0.5_4.png", "-0.5", "--n=3"]
    assert ScriptModel("s.py", "nest").words({"w": 1e-6, "name": "a b"}) == ["--w=1e-06", "--name=a b"]


def test_a_failing_run_is_a_row_and_the_exit_code_says_so(script):
    result = invoke(script, "reference", "--param", "current=-1,1", "--cells", "2", "--out", "r.h5")
    assert result.exit_code == 1, result.output
    assert "failed: current=-1: ValueError: a negative current" in result.output
    rows = load_results("r.h5")
    assert [row.ok for row in rows] == [False, True]
    assert rows[0].traceback.splitlines()[1].strip().startswith('File "') and "script.py" in rows[0].traceback
    assert rows["cells.size"].tolist()[1] == 2 and rows[0].results["offset"] == -1.0
    # Again: nothing is done again, and the exit code is the same.
    again = invoke(script, "reference", "--param", "current=-1,1", "--cells", "2", "--out", "r.h5")
    assert again.exit_code == 1
    assert [row.started for row in load_results("r.h5")] == [row.started for row in rows]


def test_a_wrong_option_ends_the_sweep_at_once(script):
    result = invoke(script, "reference", "--param", "curent=1:2:20", "--out", "r.h5", "--workers", 1)
    assert result.exit_code == 2
    assert "unrecognized arguments: --curent=1" in result.output
    assert not list(Path().glob("r.h5*"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nset", "--out", "r.h5"], 2, "Did you mean 'nest'"),
        (["reference", "--out", "no/r.h5"], 2, "folder"),
        (["reference"], 2, "--out"),
        (["reference", "--param", "x", "--out", "r.h5"], 1, "name=values"),
        (["reference", "--param", "x=1", "--param", "x=2", "--out", "r.h5"], 1, "given twice"),
        (["reference", "--param", "x=1,2", "--param", "y=1,2,3", "--zip", "--out", "r.h5"], 1, "as many values"),
        (["reference", "--seeds", "x", "--out", "r.h5"], 1, "seeds are whole numbers"),
        (["reference", "--workers", "0", "--out", "r.h5"], 2, "--workers"),
        (["reference", "--mpi", "--out", "r.h5"], 1, "at least two"),
    ],
)
def test_wrong_calls_say_what_is_wrong(script, arguments, code, message):
    if "--mpi" in arguments:
        pytest.importorskip("mpi4py")
        try:
            from mpi4py import MPI  # noqa: F401
        except RuntimeError:
            pytest.skip("no MPI library")
    result = invoke(script, *arguments)
    assert result.exit_code == code, result.output
    assert message in " ".join(result.output.replace("│", " ").split())
    assert not list(Path().glob("r.h5*"))


def test_another_sweep_in_the_file_is_not_overwritten(script):
    assert invoke(script, "mock", "--param", "current=1", "--out", "r.h5").exit_code == 0
    for arguments, message in (
        (("reference", "--param", "current=1"), "holds a sweep of script.py on mock, not of script.py on reference"),
        (("mock", "--param", "cells=1"), "holds a sweep over current, not over cells"),
        (("mock", "--param", "current=1", "--cells", "4"), "not of script.py --cells 4 on mock"),
    ):
        result = invoke(script, *arguments, "--out", "r.h5")
        assert result.exit_code == 1 and message in " ".join(result.output.split())
    assert invoke(script, "mock", "--param", "cells=1", "--out", "r.h5", "--restart").exit_code == 0
    assert load_results("r.h5").parameters == ["cells"]


def test_ctrl_c_says_how_to_go_on(script):
    command = [sys.executable, "-m", "pyNN", "sweep", script, "mock", "--seeds", "0:200", "--out", "r.h5"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    end = time.monotonic() + 60
    while not list(Path().glob("r.h5.runs/*.row.npz")) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=30)[1]
    assert process.returncode == 130 and "the same command goes on from there" in errors, errors
    assert "Traceback" not in errors
    assert 0 < len(load_results("r.h5")) < 200


@pytest.mark.parametrize("futures", [True, False])
def test_mpi_ranks_do_the_runs(script, futures):
    """Under ``-m mpi4py.futures`` and as a plain MPI program; rank 0 hands out, the others work."""
    mpirun = Path(sys.executable).with_name("mpirun")
    pytest.importorskip("mpi4py")
    if not mpirun.exists() and shutil.which("mpirun") is None:
        pytest.skip("no mpirun")
    launcher = [str(mpirun) if mpirun.exists() else "mpirun", "--oversubscribe", "-n", "3", sys.executable]
    environment = os.environ | dict.fromkeys(("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"), "1")
    environment |= {"PRTE_ALLOW_RUN_AS_ROOT": "1", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    command = [*launcher, *(["-m", "mpi4py.futures"] if futures else []), "-m", "pyNN", "sweep", script, "mock"]
    command += ["--param", "current=1:4:4", "--out", "r.h5", "--mpi"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("4 runs, 4 ok") == 1
    assert load_results("r.h5")["offset"].tolist() == [1, 2, 3, 4]
