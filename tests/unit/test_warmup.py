"""`pynn warmup`: afterwards nothing is left to compile. The predictions of `pynn check`: what they rest on.

How good they are is measured by benchmarks/prediction.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import pyNN.reference as sim
from pyNN.cli import warmup
from pyNN.cli.app import pynn

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_every_standard_model_has_a_job() -> None:
    names = [name for name, _ in warmup.jobs()]
    assert len(names) == len(set(names))
    wanted = {"IF_cond_exp", "HH_cond_exp, cells that differ", "Izhikevich", "TsodyksMarkramSynapse", "Vogels2011Rule"}
    assert wanted <= set(names)
    assert set(warmup.cell_types()) <= set(names)
    assert "SpikeSourcePoisson" not in names


def test_a_model_that_is_warm_is_not_compiled_again(tmp_path: Path) -> None:
    script = (
        "import json; from pyNN.cli.warmup import warm_up\n"
        "from pyNN.compilation.pool import number_of_workers_started\n"
        "w = warm_up(['IF_curr_delta'])\n"
        "print(json.dumps([w.files, w.new_files, w.failures, str(w), number_of_workers_started()]))"
    )

    def run() -> Any:
        environment = {"PYNN_CORE_CACHE": str(tmp_path), "PATH": "/usr/bin:/bin"}
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    first, second = run(), run()
    assert first[0] == first[1] >= 2
    assert first[2] == {}
    assert str(tmp_path) in first[3]
    assert second[:2] == [first[0], 0]
    assert second[4] == 0


def test_the_command_says_where_kernels_are_and_what_is_not_known() -> None:
    runner = CliRunner()
    done = runner.invoke(pynn, ["warmup", "IF_curr_exp"])
    assert done.exit_code == 0, done.output
    assert "MB, in " in done.output
    wrong = runner.invoke(pynn, ["warmup", "IF_curr_expo"])
    assert wrong.exit_code == 2
    assert "Did you mean 'IF_curr_exp'?" in " ".join(wrong.output.split())


@pytest.mark.parametrize("script", ["balanced_network.py", "brunel.py", "microcircuit.py", "cell_type_tour.py"])
def test_check_tries_the_examples_to_predict_their_time(script: str) -> None:
    command = [sys.executable, "-m", "pyNN", "check", "--json", str(EXAMPLES / script)]
    done = subprocess.run(command, capture_output=True, text=True)
    predicted = json.loads(done.stdout)["seconds"]["reference"]
    assert predicted["basis"].startswith("the first")
    parts = [predicted[name] for name in ("start", "describe", "build", "run", "collect")]
    assert all(seconds > 0.0 for seconds in parts)
    assert predicted["total"] == pytest.approx(sum(parts))


def test_sources_whose_spikes_are_counted_cost_the_same_at_any_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are drawn and delivered step by step, also where the network is too large to be tried."""
    from pyNN.cli import prediction

    monkeypatch.setattr(prediction, "_LARGEST_PILOT", 0)
    monkeypatch.setattr(prediction, "_speed_seconds", lambda: prediction._SPEED_SECONDS)

    def seconds(rate: float) -> float:
        sim.setup(timestep=0.1)
        cells = sim.Population(100, sim.IF_curr_exp())
        noise = sim.Population(100, sim.SpikeSourcePoisson(rate=rate))
        sim.Projection(noise, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=0.01, delay=1.0))
        simulation = sim.script.simulation
        found = prediction.predict(simulation.network, simulation.settings, 10_000, 0.0, 0.5)
        sim.end()
        return float(found["reference"]["run"])

    # A million steps of cells and sources, some ns each; at 900 Hz spikes are listed one by one.
    assert seconds(20_000.0) == seconds(10_000.0) < 0.01
    assert seconds(900.0) > 1.5 * seconds(20_000.0)
