"""Scripts of PyNN 0.6 on every backend: what they read back is what the modern API says, in the old form."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyNN.compat import dialect
from pyNN.errors import InvalidParameterValueError, NothingToWriteError
from pyNN.random import NumpyRNG, RandomDistribution

EXAMPLES = Path(__file__).parents[2] / "examples" / "compat"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def _undeclared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(dialect.VARIABLE, raising=False)
    dialect.declare(None)
    yield
    dialect.declare(None)


def driven(sim: Any, api: str) -> Any:
    """Six cells on a grid, driven so that all fire and some sooner."""
    sim.setup(0.1, 0.1, 5.0, api=api)
    cells = sim.Population((2, 3), sim.IF_cond_exp, {"tau_m": 10.0, "v_init": -62.0, "tau_refrac": 2.0}, "cells")
    cells.tset("i_offset", np.linspace(2.0, 3.0, 6).reshape(2, 3))
    source = sim.Population(1, sim.SpikeSourceArray, {"spike_times": [5.0, 10.0]})
    sim.Projection(source, cells, sim.AllToAllConnector(weights=0.01, delays=1.0), target="excitatory")
    cells.record()
    cells.record_v(cells.index([1, 5]))
    cells.record_gsyn([cells.index(3)])
    return cells


@pytest.mark.requires("dynamics")
def test_arrays_have_the_columns_of_the_document(sim):
    cells = driven(sim, "0.6")
    sim.run(30.0)
    segment = cells.get_data().segments[0]
    spikes = cells.getSpikes()
    trains = {t.annotations["source_index"]: t.magnitude for t in segment.spiketrains}
    assert spikes.shape[1] == 2 and len(spikes) == sum(map(len, trains.values())) > 6
    for index, times in trains.items():
        np.testing.assert_array_equal(spikes[spikes[:, 0] == index, 1], times)
    v = cells.get_v()
    assert v.shape == (2 * 301, 2) and set(v[:, 0]) == {1.0, 5.0}
    signal = segment.filter(name="v")[0].magnitude
    np.testing.assert_array_equal(v[v[:, 0] == 5, 1], signal[:, 1])
    assert v[0, 1] == -62.0
    g = cells.get_gsyn()
    assert g.shape == (301, 3) and set(g[:, 0]) == {3.0}
    np.testing.assert_array_equal(g[:, 1], segment.filter(name="gsyn_exc")[0].magnitude[:, 0])
    assert g[:, 1].max() > 0.009 and not g[:, 2].any()
    raw = cells.get_v(compatible_output=False)
    np.testing.assert_array_equal(raw[:, 0], v[:, 0] + cells.first_id)


def test_the_dialect_0_7_has_times(sim):
    cells = driven(sim, "0.7")
    sim.run(10.0)
    v, g = cells.get_v(), cells.get_gsyn()
    assert v.shape == (202, 3) and g.shape == (101, 4)
    np.testing.assert_allclose(v[:101, 1], np.arange(101) * 0.1, rtol=1e-15)


def test_without_a_dialect_a_block_comes_back(sim):
    cells = driven(sim, "0.13")
    sim.run(1.0)
    for block in (cells.getSpikes(), cells.get_v(), cells.get_gsyn()):
        assert len(block.segments) == 1


@pytest.mark.requires("dynamics")
def test_text_files_hold_what_the_arrays_hold(sim, tmp_path):
    cells = driven(sim, "0.6")
    sim.run(20.0)
    cells.printSpikes(str(tmp_path / "x.ras"))
    cells.print_v(str(tmp_path / "x.v"))
    cells.print_gsyn(str(tmp_path / "x.gsyn"))
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "x.ras")[:, ::-1], cells.getSpikes())
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "x.v")[:, ::-1], cells.get_v())
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "x.gsyn")[:, [2, 0, 1]], cells.get_gsyn())
    header = (tmp_path / "x.v").read_text().splitlines()[:5]
    assert header == [
        "# dimensions = [2, 3]", f"# first_id = {cells.first_id}", f"# last_id = {cells.last_id}", "# dt = 0.1",
        "# n = 201",
    ]  # fmt: skip
    assert (tmp_path / "x.ras").read_text().splitlines()[5].split("\t")[1].isdigit()


@pytest.mark.requires("dynamics")
def test_record_with_a_file_writes_text_at_the_end(sim, tmp_path):
    sim.setup(0.1)  # the extension says enough
    cells = sim.Population(2, sim.IF_curr_exp(i_offset=1.0))
    other = sim.Population(1, sim.IF_curr_exp(i_offset=2.0))
    sim.record([cells[1], other[0]], str(tmp_path / "both.ras"))
    sim.record_v(cells[0], str(tmp_path / "one.v"))
    sim.run(50.0)
    sim.end()
    spikes = np.loadtxt(tmp_path / "both.ras")
    assert set(spikes[:, 1]) == {1.0, 2.0}
    assert len(np.loadtxt(tmp_path / "one.v")) == 501


def test_printing_what_was_not_recorded_says_so(sim, tmp_path):
    sim.setup(api="0.6")
    cells = sim.Population(2, sim.IF_curr_exp)
    sim.run(1.0)
    with pytest.raises(NothingToWriteError, match="has not been recorded"):
        cells.print_v(str(tmp_path / "x.v"))


@pytest.mark.requires("dynamics")
def test_reset_deletes_data(sim):
    cells = driven(sim, "0.6")
    sim.run(30.0)
    first = cells.getSpikes()
    assert len(first) > 6
    sim.reset()
    assert cells.getSpikes().shape == (0, 2)
    sim.run(30.0)
    np.testing.assert_array_equal(cells.getSpikes(), first)
    assert len(cells.get_data().segments) == 1


@pytest.mark.requires("dynamics")
def test_an_old_network_is_the_modern_network(sim):
    """The same seeds, said in both ways, give the same connections, the same values and the same spikes."""

    def old() -> Any:
        sim.setup(0.1, 0.1, 10.0, api="0.6")
        rng = NumpyRNG(42, 0, 1)
        a = sim.Population(30, sim.IF_curr_exp, {"i_offset": 0.9, "v_init": -60.0, "tau_refrac": 1.0}, "a")
        a.randomInit(RandomDistribution("uniform", [-65.0, -51.0], rng))
        connector = sim.FixedProbabilityConnector(0.3, False, 0.5, "0.5+d/10.")
        prj = sim.Projection(a, a, connector, None, "excitatory", None, "p", rng)
        a.record()
        sim.run(60.0)
        return a.getSpikes(False), prj.getWeights("array"), prj.getDelays("array")

    def modern() -> Any:
        sim.setup(0.1, 0.1, 10.0)
        rng = NumpyRNG(42)
        a = sim.Population(30, sim.IF_curr_exp(i_offset=0.9, tau_refrac=1.0), initial_values={"v": -60.0})
        a.initialize(v=RandomDistribution("uniform", (-65.0, -51.0), rng))
        connector = sim.FixedProbabilityConnector(0.3, allow_self_connections=False, rng=rng)
        prj = sim.Projection(a, a, connector, sim.StaticSynapse(weight=0.5, delay="0.5+d/10."))
        a.record("spikes")
        sim.run(60.0)
        trains = a.get_data("spikes").segments[0].spiketrains
        spikes = [(t.annotations["source_index"], time) for t in trains for time in t.magnitude]
        return np.array(spikes), prj.get("weight", "array"), prj.get("delay", "array")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for ours, theirs in zip(old(), modern(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_native_parameters_go_there_and_back(sim):
    sim.setup()
    cells = sim.Population(3, sim.IF_curr_exp(tau_m=12.0, cm=0.4))
    native = cells[1].get_native_parameters()
    cells[0].set_native_parameters(native)
    # Factors of 1000 between units may cost the last digit.
    assert cells[0].get_parameters() == pytest.approx(cells[1].get_parameters(), rel=1e-14)
    with pytest.raises(KeyError, match="no native parameter 'nonsense'"):
        cells[0].set_native_parameters({"nonsense": 1.0})


def test_conductances_of_hodgkin_and_huxley_are_in_ns(sim):
    sim.setup(api="0.6")
    cells = sim.Population(2, sim.HH_cond_exp, {"gbar_Na": 15000.0})
    assert cells.get("gbar_Na") == pytest.approx([15000.0] * 2, rel=1e-14)
    assert cells[0].gbar_K == pytest.approx(6000.0, rel=1e-14)
    cells.set("g_leak", 20.0)
    cells[1].gbar_K = 5000.0
    dialect.declare("0.13")
    assert cells.get("gbar_Na") == pytest.approx(15.0, rel=1e-14)
    assert cells.get("g_leak") == pytest.approx(0.02, rel=1e-14)
    assert cells[1].gbar_K == pytest.approx(5.0, rel=1e-14)


def test_short_term_plasticity(sim):
    sim.setup(api="0.6")
    a = sim.Population(3, sim.SpikeSourceArray, {"spike_times": [1.0]})
    b = sim.Population(3, sim.IF_curr_exp)
    fast = sim.TsodyksMarkramMechanism(U=0.3, tau_rec=50.0, tau_facil=10.0)
    prj = sim.Projection(
        a, b, sim.OneToOneConnector([0.1, 0.2, 0.3, 9.9], 1.0), synapse_dynamics=sim.SynapseDynamics(fast=fast)
    )
    assert prj.getWeights() == [0.1, 0.2, 0.3]
    assert prj.getSynapseDynamics("tau_rec") == [50.0] * 3
    prj.setSynapseDynamics("U", 0.4)
    assert prj.getSynapseDynamics("U") == pytest.approx([0.4] * 3)
    prj.randomizeSynapseDynamics("U", RandomDistribution("uniform", [0.5, 0.6]))
    assert all(0.5 <= u <= 0.6 for u in prj.getSynapseDynamics("U"))


def test_amplitudes_on_the_weight_dependence(sim):
    sim.setup(api="0.6")
    a = sim.Population(2, sim.SpikeSourceArray, {"spike_times": [1.0]})
    b = sim.Population(2, sim.IF_curr_exp)
    slow = sim.STDPMechanism(sim.SpikePairRule(17.0, 34.0), sim.AdditiveWeightDependence(0.0, 0.5, 0.011, 0.012))
    prj = sim.Projection(a, b, sim.AllToAllConnector(True, 0.2, 1.0), synapse_dynamics=sim.SynapseDynamics(slow=slow))
    for name, value in {"A_plus": 0.011, "A_minus": 0.012, "tau_plus": 17.0, "w_max": 0.5}.items():
        assert prj.getSynapseDynamics(name) == pytest.approx([value] * 4, rel=1e-14), name
    assert prj.getWeights() == pytest.approx([0.2] * 4)


def test_a_file_of_connections_is_read_back(sim, tmp_path):
    sim.setup(api="0.6")
    a = sim.Population((2, 3), sim.IF_curr_exp, label="pre [1]")
    b = sim.Population((4, 2), sim.IF_curr_exp, label="post")
    weights = RandomDistribution("gamma", [2.0, 0.1], NumpyRNG(3), (0.05, 0.5), "redraw")
    prj = sim.Projection(a, b, sim.FixedProbabilityConnector(0.5, True, weights, 0.7))
    assert all(0.05 <= w <= 0.5 for w in prj.getWeights())
    file = str(tmp_path / "connections")
    prj.saveConnections(file)
    assert (tmp_path / "connections").read_text().startswith("pre [1][0, ")
    again = sim.Projection(a, b, sim.FromFileConnector(file, distributed=False))
    np.testing.assert_array_equal(again.getWeights("array"), prj.getWeights("array"))
    assert again.getDelays() == prj.getDelays()
    assert again.getWeights() == prj.getWeights()


def test_setup_takes_the_old_options_and_refuses_an_unknown_api(sim):
    assert sim.setup(0.1, 0.2, 7.0, debug=True, quit_on_end=False, api="0.6") == 0
    assert (sim.get_min_delay(), sim.get_max_delay()) == (0.2, 7.0)
    sim.setup(timestep=0.5, api="0.6")
    assert (sim.get_min_delay(), sim.get_max_delay()) == (0.5, 10.0)
    with pytest.raises(InvalidParameterValueError, match=r"Known: 0\.6, 0\.7, 0\.13"):
        sim.setup(api="0.5")


def test_cells_made_one_by_one(sim):
    sim.setup(api="0.6")
    one = sim.create(sim.IF_curr_exp, {"tau_m": 12.0})
    several = sim.create(sim.IF_curr_exp, n=3)
    assert one.tau_m == 12.0 and one.tau_refrac == 0.0 and one.cellclass is sim.IF_curr_exp
    assert isinstance(several, list) and len(several) == 3
    sim.set(several, "tau_m", 11.0)
    sim.set(one, {"v_init": -60.0, "cm": 0.5})
    assert several[2].tau_m == 11.0 and one.v_init == -60.0 and one.cm == 0.5
    prj = sim.connect(source=one, target=several, weight=0.3, delay=0.4, synapse_type="excitatory", p=1)
    assert prj.getWeights() == [0.3] * 3
    sim.connect(several, one)
    sim.run(1.0)


def environment(**variables: str) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name != dialect.VARIABLE}, **variables}


@pytest.mark.parametrize("name", sorted(file.name for file in EXAMPLES.glob("*.py")))
def test_scripts_of_that_time_give_the_same_on_both_simulators(name, tmp_path):
    printed = {}
    for backend in ("reference", "nest"):
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / name), backend],
            capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "PyNNDeprecationWarning" in done.stderr and f"{name}:" in done.stderr
        # What is left out is the time that it took.
        printed[backend] = [line for line in done.stdout.splitlines() if " s, simulated in " not in line]
    assert printed["reference"] == printed["nest"] and len(printed["nest"]) >= 3
    written = sorted(file.name for file in (tmp_path / "Results").glob("*_reference.ras"))
    for file in written:
        theirs = tmp_path / "Results" / file.replace("reference", "nest")
        assert (tmp_path / "Results" / file).read_text() == theirs.read_text()


@pytest.mark.parametrize("how", ["variable", "command"])
def test_the_dialect_from_outside(how, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import importlib, sys\n"
        "sim = importlib.import_module('pyNN.' + sys.argv[1])\n"
        "sim.setup(0.1)\n"
        "print(type(sim.create(sim.IF_curr_exp)).__name__)\n"
    )
    if how == "variable":
        command, variables = [sys.executable, str(script), "mock"], {dialect.VARIABLE: "0.6"}
    else:
        command = [sys.executable, "-m", "pyNN", "run", "--api", "0.6", str(script), "mock"]
        variables = {}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment(**variables))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "ID"


@pytest.mark.parametrize("how", ["variable", "command"])
def test_a_wrong_dialect_from_outside_is_an_error(how, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import pyNN.mock as sim\nsim.setup()\n")
    if how == "variable":
        command, variables = [sys.executable, str(script)], {dialect.VARIABLE: "6"}
    else:
        command, variables = [sys.executable, "-m", "pyNN", "run", "--api", "6", str(script), "mock"], {}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment(**variables))
    assert done.returncode != 0
    assert "Known: 0.6, 0.7, 0.13" in " ".join(done.stderr.replace("│", " ").split())
