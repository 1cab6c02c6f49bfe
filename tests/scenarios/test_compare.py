"""`pynn compare`, `check`, `run` and `backends` on whole scripts, as a user types them."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
needs_nest = pytest.mark.skipif(importlib.util.find_spec("nest") is None, reason="NEST is not installed")

ARGV_SCRIPT = """
import importlib, sys
sim = importlib.import_module(f"pyNN.{sys.argv[1]}")
sim.setup(timestep=0.1, min_delay=0.5)
cells = sim.Population(20, sim.IF_curr_exp(i_offset=1.0), label="cells")
sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.01, delay=0.5))
sim.run(100.0)
"""


def pynn(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "pyNN", *map(str, arguments)], capture_output=True, text=True, timeout=300, cwd=cwd
    )


@pytest.fixture
def script(tmp_path):
    def write(text, name="script.py"):
        file = tmp_path / name
        file.write_text(text)
        return file

    return write


@needs_nest
def test_a_linear_network_is_identical_on_reference_and_nest(tmp_path):
    report, figure = tmp_path / "report.json", tmp_path / "figure.png"
    done = pynn(
        "compare", EXAMPLES / "grid_cuba.py", "--backends", "reference,nest", "--require", "identical",
        "--json", report, "--figure", figure,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed: agreement is identical" in done.stdout
    found = json.loads(report.read_text())
    reference, nest = found["backends"]["reference"], found["backends"]["nest"]
    assert reference["cells"] == nest["cells"] == 2000
    assert reference["connections"] == nest["connections"] > 100_000
    assert reference["connection_hash"] == nest["connection_hash"]
    assert reference["spike_hash"] == nest["spike_hash"]
    assert reference["rate_hz"] > 1.0
    # Both step exactly; what is left are roundings of the order of 1e-14 of the potential, summed over inputs.
    assert found["agreement"]["max_abs_dv_mv"] < 1e-9
    assert found["agreement"]["identical_spike_fraction"] == 1.0
    assert figure.read_bytes().startswith(b"\x89PNG")


@needs_nest
def test_options_of_the_script_are_passed_on(tmp_path):
    report = tmp_path / "report.json"
    arguments = ("--cells", "1000", "--probability", "0.08", "--duration", "200", "--benchmark", "CUBA")
    done = pynn("compare", EXAMPLES / "balanced_network.py", *arguments, "--json", report, "--require", "statistical")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text())
    assert found["backends"]["nest"]["cells"] == 1000
    assert found["manifest"]["arguments"] == list(arguments)
    assert found["agreement"]["connections_identical"] is True


def test_a_missed_requirement_is_exit_code_1(script):
    done = pynn("compare", script(ARGV_SCRIPT), "--backends", "reference,mock", "--require", "identical")
    assert done.returncode == 1
    assert "Failed: agreement is not identical" in done.stdout


def test_a_script_that_reads_the_backend_from_the_command_line_and_never_calls_end(script, tmp_path):
    report = tmp_path / "report.json"
    done = pynn("compare", script(ARGV_SCRIPT), "--backends", "reference,mock", "--json", report)
    assert done.returncode == 0, done.stderr
    backends = json.loads(report.read_text())["backends"]
    assert backends["reference"]["connections"] == backends["mock"]["connections"] == 400
    # The closed form of the first cell's interval with 1 nA: 27.8 ms and a refractory time of 0.1 ms on the grid.
    assert backends["reference"]["rate_hz"] == pytest.approx(30.0, abs=10.0)
    assert backends["mock"]["rate_hz"] == 0.0


def test_a_gate_fails_when_one_backend_is_silent(script):
    done = pynn("compare", script(ARGV_SCRIPT), "--backends", "reference,mock", "--require", "statistical")
    assert done.returncode == 1
    assert "only reference has spikes" in done.stdout


def test_the_recordings_of_a_comparison_are_invisible_to_the_script(script):
    text = ARGV_SCRIPT + (
        "sim.end()\nsegment = cells.get_data().segments[0]\n"
        "assert not len(segment.spiketrains) and not segment.analogsignals, 'the script recorded nothing'\n"
    )
    done = pynn("compare", script(text), "--backends", "reference,mock")
    assert done.returncode == 0, done.stderr


def test_the_error_of_a_failing_script_is_shown(script):
    file = script(ARGV_SCRIPT + "cells.set(tau_mm=3.0)\n")
    done = pynn("compare", file, "--backends", "reference,mock")
    assert done.returncode == 3
    assert "failed on reference" in done.stderr
    assert f'File "{file}", line 8' in done.stderr
    assert "tau_mm" in done.stderr
    assert "runpy" not in done.stderr


def test_a_script_that_ignores_the_backend_is_explained(script):
    file = script("import pyNN.mock as sim\nsim.setup()\nsim.Population(1, sim.IF_curr_exp())\nsim.run(1.0)\n")
    done = pynn("compare", file, "--backends", "reference,mock")
    assert done.returncode == 3
    assert "never calls setup() of pyNN.reference" in done.stderr
    assert "get_simulator()" in done.stderr


def test_run_prints_what_the_script_prints(tmp_path):
    done = pynn("run", EXAMPLES / "balanced_network.py", "mock", "--cells", "100", "--duration", "10", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Balanced network, COBA, 100 cells, 10 ms on mock" in done.stdout


def test_backends_are_listed_with_versions():
    done = pynn("backends", "--json")
    assert done.returncode == 0, done.stderr
    found = {backend["name"]: backend for backend in json.loads(done.stdout)}
    assert {"reference", "nest", "mock"} <= set(found)
    assert found["reference"]["versions"]["numpy"] == np.__version__
    assert found["mock"]["missing"]["dynamics"]
    done = pynn("backends")
    assert all(name in done.stdout for name in ("reference", "nest", "mock"))


def test_check_counts_and_warns(script):
    done = pynn("check", EXAMPLES / "balanced_network.py", "--cells", "500")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "500 cells and 20 spike sources" in done.stdout
    assert "Nothing looks wrong." in done.stdout
    text = """
from pyNN.utility import get_simulator
sim, options = get_simulator()
sim.setup(timestep=0.1, min_delay=0.1)
cells = sim.Population(10, sim.IF_cond_exp(cm=200.0), label="in pF")
noise = sim.Population(10, sim.SpikeSourcePoisson(rate=10.0), label="idle")
sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=4.0, delay=0.17), label="in nS")
sim.run(10.0)
sim.end()
"""
    done = pynn("check", script(text), "--json")
    assert done.returncode == 0, done.stderr
    messages = [f"{f['where']}: {f['message']}" for f in json.loads(done.stdout)["findings"]]
    for expected in (
        "in nS: delays are rounded to multiples of the time step, 0.1 ms",
        "in pF: Values of cm, 200 nF look like pF",
        "in nS: Weights of 4 uS look like nS",
        "idle: No cell",
    ):
        assert any(expected in message for message in messages), (expected, messages)
    assert any("Nothing is recorded" in message for message in messages)
    assert pynn("check", script(text), "--strict").returncode == 1


def test_check_shows_the_error_that_stops_a_script(script):
    text = (
        ARGV_SCRIPT.replace("weight=0.01", "weight=-0.01")
        .replace("IF_curr_exp(i_offset=1.0)", "IF_cond_exp()")
        .replace("delay=0.5))", "delay=0.5), receptor_type='inhibitory')")
    )
    done = pynn("check", script(text))
    assert done.returncode == 1
    assert "InvalidWeightError" in done.stdout
