"""Old and modern forms of one call, side by side: told apart by the types of their arguments, or by the dialect."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyNN.mock
import pyNN.reference as sim
from pyNN.compat import dialect
from pyNN.errors import (
    ConnectorError,
    InvalidDimensionsError,
    InvalidModelError,
    InvalidParameterValueError,
    NoModelAvailableError,
    PyNNDeprecationWarning,
)
from pyNN.random import NumpyRNG, RandomDistribution

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def _undeclared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(dialect.VARIABLE, raising=False)
    dialect.declare(None)
    yield
    dialect.declare(None)


def grid(api: str = "0.13", dims: Any = (3, 4)) -> Any:
    sim.setup(api=api)
    return sim.Population(dims, sim.IF_cond_exp, {"tau_m": 15.0}, "grid")


# --- warnings -------------------------------------------------------------------------------------------------------


def test_a_warning_points_at_the_line_of_the_script_and_shows_the_modern_one():
    p = grid()
    with pytest.warns(PyNNDeprecationWarning, match=r"Now: p\.set\(tau_m=20\.0\)") as caught:
        p.set("tau_m", 20.0)
    assert Path(caught[0].filename) == Path(__file__)


def test_once_a_place_by_the_default_filter(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import pyNN.mock as sim\n"
        "sim.setup()\n"
        "p = sim.Population(3, sim.IF_cond_exp())\n"
        "for i in range(3):\n"
        "    p.set('tau_m', 20.0)\n"
        "p.meanSpikeCount()\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=120)
    lines = [line for line in done.stderr.splitlines() if "PyNNDeprecationWarning" in line]
    assert [line.split(":")[1] for line in lines] == ["5", "6"], done.stderr


def test_modern_lines_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", PyNNDeprecationWarning)
        sim.setup()
        p = sim.Population(4, sim.IF_cond_exp(tau_m=10.0), label="p", initial_values={"v": -60.0})
        p.set(tau_m=[1.0, 2.0, 3.0, 4.0])
        p.record(["spikes", "v"])
        p.record(None)
        synapse = sim.StaticSynapse(weight=RandomDistribution("uniform", (0.0, 0.1), NumpyRNG(1, True)), delay=0.5)
        prj = sim.Projection(p, p[1:3], sim.FixedProbabilityConnector(0.5, False, None, NumpyRNG(2)), synapse)
        sim.Projection(p, p, sim.FromListConnector([(0, 1, 0.1, 0.5)]), None, None, "inhibitory", sim.Space(), "x")
        prj.get("weight", "list")
        p.inject(sim.DCSource(amplitude=0.1))
        sim.connect(p, p, 0.1, 0.2, "excitatory", 0.5)
        p[0].tau_m = 3.0
        assert p[0].is_standard_cell is True
        NumpyRNG(1).next(3, "normal", {"mu": 0.0, "sigma": 1.0})
        sim.run(0.5)
        sim.end()


# --- populations ----------------------------------------------------------------------------------------------------


def test_addresses():
    p = grid("0.6")
    assert p[1, 2] == p.first_id + 6 and p.locate(p[1, 2]) == (1, 2)
    assert (p.dim, p.ndim, p.cell.shape) == ((3, 4), 2, (3, 4))
    assert list(p.addresses()) == list(np.ndindex(3, 4))
    assert [p.id_to_index(cell) for cell in p[0, 1:3]] == [1, 2]
    np.testing.assert_array_equal(p[0:2, 1:3], p.first_id + np.array([[1, 2], [5, 6]]))
    assert p.index(5) == p[1, 1] and list(p.index([0, 11])) == [p[0, 0], p[2, 3]]
    assert [int(cell) for cell in p.ids()] == p.ids.tolist()
    # Positions of PyNN 0.6 are the addresses.
    np.testing.assert_array_equal(p.positions[:2].T, list(p.addresses()))
    with pytest.raises(InvalidDimensionsError, match="does not fit"):
        p[1, 2, 3]
    with pytest.raises(IndexError, match="out of range"):
        p[1, 4]


def test_a_pair_of_indices_is_two_cells_where_nothing_is_declared():
    p = grid()
    assert p[1, 2].size == 2 and type(p[1:3]).__name__ == "PopulationView"
    assert p[1, 0:2].size == 2  # a slice within a tuple has the old meaning only


def test_slices_are_arrays_of_ids_in_the_old_dialect():
    p = grid("0.6", 5)
    np.testing.assert_array_equal(p[1:3], p.ids[1:3])
    assert p[1:3][0].tau_m == 15.0


def test_parameters():
    p = grid("0.6")
    assert p.get("tau_m") == p.get(parameter_name="tau_m") == [15.0] * 12 and p.get("tau_refrac") == [0.0] * 12
    assert p.get("tau_m", as_array=True).shape == (3, 4) and p.get("tau_m", True).shape == (3, 4)
    p.set({"tau_m": 9.0, "v_init": -61.0})
    p.set(param="cm", val=2.0)
    values = np.arange(12.0).reshape(3, 4)
    p.tset("i_offset", values)
    np.testing.assert_array_equal(p.get("i_offset", as_array=True), values)
    assert p[2, 1].i_offset == 9.0 and p[0].v_init == -61.0 and p[0].get_parameters()["v_init"] == -61.0
    p.tset("v_init", -values)
    p[0, 1].v_init = -3.5
    assert p.initial_values["v"].evaluate().tolist() == [0.0, -3.5, *range(-2, -12, -1)]
    p.rset("cm", RandomDistribution("uniform", [1.0, 2.0], NumpyRNG(1)))
    assert 1.0 < min(p.get("cm")) < max(p.get("cm")) < 2.0
    p.randomInit(RandomDistribution("uniform", [-65.0, -60.0], NumpyRNG(1)))
    with pytest.raises(InvalidDimensionsError, match=r"dimensions \(3, 4\)"):
        p.tset("cm", values.T)
    with pytest.raises(KeyError, match="tau_mm"):
        p.set("tau_mm", 3.0)
    with pytest.raises(InvalidParameterValueError, match="without a value"):
        p.set("tau_m")


def test_spike_times_of_a_whole_population_and_of_each_cell():
    sim.setup(api="0.6")
    p = sim.Population((2, 2), sim.SpikeSourceArray, {"spike_times": [1.0, 2.0]})
    assert [t.value.tolist() for t in p.get("spike_times")] == [[1.0, 2.0]] * 4
    p.set("spike_times", [3.0, 4.0, 5.0, 6.0])
    assert [t.value.tolist() for t in p.get("spike_times")] == [[3.0, 4.0, 5.0, 6.0]] * 4
    p.tset("spike_times", np.arange(8.0).reshape(2, 2, 2))
    assert [t.value.tolist() for t in p.get("spike_times")] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]]


def test_defaults_of_the_time():
    sim.setup(api="0.6")
    assert sim.Population(1, sim.SpikeSourcePoisson).get("duration") == [1e6]
    assert sim.Population(1, sim.IF_curr_alpha, {"tau_refrac": 3.0}).get("tau_refrac") == [3.0]
    # An instance is the modern form, and has modern defaults.
    assert sim.Population(1, sim.IF_curr_alpha()).get("tau_refrac") == [0.1]
    assert sim.IF_cond_exp.default_parameters["v_init"] == -65.0
    assert sim.Population(2, sim.IF_cond_exp({"tau_m": 3.0, "v_init": -50.0}))[1].v_init == -50.0


def test_a_text_is_a_native_model_or_a_mistake():
    pyNN.mock.setup()
    with pytest.raises(InvalidModelError, match="not 'IF_cond_exp'"):
        pyNN.mock.Population(3, "IF_cond_exp")
    with pytest.raises(NotImplementedError, match="iaf_neuron"):
        pyNN.mock.Population(3, "iaf_neuron")


def test_what_is_recorded():
    p = grid("0.6")
    p.record(5, NumpyRNG(3))
    assert len(p.recorder.recorded["spikes"]) == 5
    p.record_v([p[0, 1], p[2, 2]])
    assert p.recorder.recorded["v"].tolist() == [1, 10]
    p.record_gsyn(2)
    assert len(p.recorder.recorded["gsyn_inh"]) == 2
    p.record(None)
    assert len(p.recorder.recorded["spikes"]) == 12
    p.record("gsyn")
    assert len(p.recorder.recorded["gsyn_exc"]) == 12 and p.can_record("gsyn")
    dialect.declare("0.13")
    p.record(None)
    assert not p.recorder.recorded


def test_a_sub_population():
    p = grid()
    assert p.getSubPopulation([p[3], p[1]]).ids.tolist() == [p.first_id + 1, p.first_id + 3]
    assert p.describe("standard") == p.describe() == p.describe(template="standard", fill=lambda x: x)


# --- connectors and projections --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "weight", "delay"),
    [
        (lambda: sim.AllToAllConnector(True, 0.2, 0.5), 0.2, 0.5),
        (lambda: sim.AllToAllConnector(weights=0.2), 0.2, 0.1),
        (lambda: sim.AllToAllConnector(delays=0.5), 0.0, 0.5),
        (lambda: sim.OneToOneConnector(0.2, 0.5), 0.2, 0.5),
        (lambda: sim.FixedProbabilityConnector(1.0, False, 0.2, 0.5, sim.Space()), 0.2, 0.5),
        (lambda: sim.DistanceDependentProbabilityConnector("d<3", True, 0.2, 0.5), 0.2, 0.5),
        (lambda: sim.FixedNumberPreConnector(2, True, 0.2, 0.5), 0.2, 0.5),
        (lambda: sim.FixedNumberPostConnector(2, True, 0.2, 0.5), 0.2, 0.5),
        (lambda: sim.FixedNumberPostConnector(2, True, True), 0.0, 0.1),
    ],
)
def test_weights_and_delays_on_a_connector(make, weight, delay):
    sim.setup()
    p = sim.Population(4, sim.IF_cond_exp())
    prj = sim.Projection(p, p, make(), target="inhibitory")
    assert len(prj) >= 4 and prj.receptor_type == prj.target == "inhibitory"
    assert set(prj.get("weight", "list", with_address=False)) == {weight}
    assert set(prj.get("delay", "list", with_address=False)) == {delay}


def test_arguments_of_a_projection_by_position():
    sim.setup()
    p = sim.Population(4, sim.IF_cond_exp())
    rng = NumpyRNG(5)
    connector = sim.FixedProbabilityConnector(0.5)
    prj = sim.Projection(p, p, connector, None, "inhibitory", None, "name", rng)
    assert (prj.receptor_type, prj.label, prj.rng) == ("inhibitory", "name", rng)
    assert connector.rng is None  # the connector of the script stays what it is
    named = sim.Projection(presynaptic_population=p, postsynaptic_population=p, method=connector, rng=NumpyRNG(5))
    assert named.get([], "list") == prj.get([], "list")
    with pytest.raises(InvalidParameterValueError, match="twice"):
        sim.Projection(p, p, connector, receptor_type="inhibitory", target="excitatory")


def test_lists_of_weights_are_in_the_order_of_the_old_connectors():
    sim.setup(api="0.6")
    a, b = sim.Population(2, sim.IF_cond_exp), sim.Population(3, sim.IF_cond_exp)
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    prj = sim.Projection(a, b, sim.AllToAllConnector(weights=[*values, 7.0, 8.0]))
    expected = np.reshape(values, (2, 3))  # pre cell by pre cell
    np.testing.assert_array_equal(prj.getWeights("array"), expected)
    assert prj.getWeights() == values == prj.weights
    prj.setWeights(values[::-1])
    np.testing.assert_array_equal(prj.getWeights(format="array"), np.reshape(values[::-1], (2, 3)))
    prj.setWeights(expected)
    assert prj.getWeights() == values
    prj.setWeights(0.5)
    prj.setDelays([1.0, 1.1, 1.2, 1.3, 1.4, 1.5])
    assert prj.getDelays() == pytest.approx([1.0, 1.1, 1.2, 1.3, 1.4, 1.5], rel=1e-14)
    prj.randomizeWeights(RandomDistribution("uniform", [0.2, 0.3]))
    prj.randomizeDelays(RandomDistribution("uniform", [1.0, 2.0]))
    assert all(0.2 <= w <= 0.3 for w in prj.getWeights()) and all(1.0 <= d <= 2.0 for d in prj.getDelays())
    counts, edges = prj.weightHistogram(0.0, 0.5, 5)
    assert counts.tolist() == [0, 0, 6, 0, 0] and edges == pytest.approx(np.linspace(0, 0.5, 6))
    with pytest.raises(InvalidDimensionsError, match="3 values were given for 6 connections"):
        sim.Projection(a, b, sim.AllToAllConnector(weights=[0.1, 0.2, 0.3]))


def test_the_order_is_that_of_get_where_nothing_is_declared():
    sim.setup()
    a, b = sim.Population(2, sim.IF_cond_exp()), sim.Population(3, sim.IF_cond_exp())
    prj = sim.Projection(a, b, sim.AllToAllConnector(), sim.StaticSynapse(weight=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    assert prj.getWeights() == prj.get("weight", "list", with_address=False) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def test_a_list_of_addresses():
    sim.setup()
    a, b = sim.Population((2, 3), sim.IF_cond_exp()), sim.Population(4, sim.IF_cond_exp())
    rows = [((1, 2), (3,), 0.1, 0.5), ((0, 1), (0,), 0.2, 0.6)]
    prj = sim.Projection(a, b, sim.FromListConnector(rows))
    assert prj.get("weight", "list") == [(1, 0, 0.2), (5, 3, 0.1)]
    with pytest.raises(ConnectorError, match=r"Row 0: the pre address \(2, 0\) does not exist"):
        sim.Projection(a, b, sim.FromListConnector([((2, 0), (0,), 0.1, 0.5)]))


def test_files_of_connections_and_weights(tmp_path):
    sim.setup(api="0.6")
    p = sim.Population(3, sim.IF_cond_exp, label="p")
    prj = sim.Projection(p, p, sim.AllToAllConnector(False, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 0.5))
    prj.saveConnections(filename=str(tmp_path / "c"))
    assert (tmp_path / "c").read_text().splitlines()[:2] == ["p[0]\tp[1]\t0.1\t0.5", "p[0]\tp[2]\t0.2\t0.5"]
    prj.printWeights(str(tmp_path / "w"))
    assert np.loadtxt(tmp_path / "w").tolist() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    prj.printWeights(filename=str(tmp_path / "a"), format="array")
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "a"), [[0.0, 0.1, 0.2], [0.3, 0.0, 0.4], [0.5, 0.6, 0.0]])
    (tmp_path / "c.0").write_text("p[0]\tp[1]\t0.1\t0.5\np[0]\tp\t1\t2\n")
    with pytest.raises(OSError, match="line 2"):
        sim.Projection(p, p, sim.FromFileConnector(filename=str(tmp_path / "c"), distributed=True))


def test_both_kinds_of_plasticity_at_once_have_no_model():
    slow = sim.STDPMechanism(sim.SpikePairRule(), sim.AdditiveWeightDependence())
    with pytest.raises(NoModelAvailableError, match="both short-term plasticity"):
        sim.SynapseDynamics(fast=sim.TsodyksMarkramMechanism(), slow=slow)
    with pytest.raises(InvalidModelError, match="fast must be"):
        sim.SynapseDynamics(fast=slow)


@pytest.mark.parametrize(
    ("api", "arguments", "amplitudes", "mu_plus"),
    [
        ("0.13", (0.0, 1.0, 0.3, 0.4), None, 0.3),
        ("0.6", (0.0, 1.0, 0.3, 0.4), {"A_plus": 0.3, "A_minus": 0.4}, 0.5),
        ("0.13", (0.0, 1.0, 0.01, 0.02, 0.3, 0.4), {"A_plus": 0.01, "A_minus": 0.02}, 0.3),
    ],
)
def test_positions_in_the_weight_dependence_of_guetig(api, arguments, amplitudes, mu_plus):
    dialect.declare(api)
    rule = sim.GutigWeightDependence(*arguments) if api == "0.6" or len(arguments) > 4 else None
    if rule is None:
        rule = sim.GutigWeightDependence(w_min=0.0, w_max=1.0, mu_plus=0.3, mu_minus=0.4)
    assert getattr(rule, "_amplitudes", None) == amplitudes
    assert float(rule.parameter_space["mu_plus"].evaluate(simplify=True)) == mu_plus


# --- currents ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: sim.DCSource(0.5, 10.0, 20.0), {"amplitude": 0.5, "start": 10.0, "stop": 20.0}),
        (lambda: sim.DCSource(0.5, 10.0, None), {"stop": 1e12}),
        (lambda: sim.ACSource(1.0, 0.2, 5.0, 90.0, 1.0), {"offset": 0.2, "frequency": 5.0, "phase": 90.0}),
        (lambda: sim.NoisyCurrentSource(0.1, 0.2, 0.5, 3.0, 4.0, None), {"mean": 0.1, "stdev": 0.2, "dt": 0.5}),
    ],
)
def test_current_sources_by_position(made, expected):
    assert {name: getattr(made(), name).evaluate(simplify=True) if hasattr(getattr(made(), name), "evaluate")
            else getattr(made(), name) for name in expected} == expected  # fmt: skip


def test_noise_without_dt_has_that_of_the_simulation():
    sim.setup(timestep=0.25)
    source = sim.NoisyCurrentSource(0.1, 0.2, dt=None)
    sim.Population(1, sim.IF_cond_exp()).inject(source)
    assert source._injection[1].parameters["dt"] == 0.25


# --- random numbers ---------------------------------------------------------------------------------------------


def test_distributions_with_boundaries_keep_them():
    clipped = RandomDistribution("gamma", [2.0, 1.0], NumpyRNG(1), (0.5, 1.5), "clip")
    reference = np.clip(np.random.RandomState(1).gamma(2.0, 1.0, 200), 0.5, 1.5)
    np.testing.assert_array_equal(clipped.next(200), reference)
    redrawn = RandomDistribution("exponential", parameters=[1.0], boundaries=(0.0, 1.0), constrain="redraw")
    keyed = redrawn.draw(7, np.arange(20000), 0)
    assert 0.0 <= keyed.min() and keyed.max() <= 1.0
    # Mean of an exponential cut at 1: 1 - 1/(e - 1); its standard error here is 0.002.
    assert keyed.mean() == pytest.approx(1.0 - 1.0 / (np.e - 1.0), abs=0.01)
    np.testing.assert_array_equal(redrawn.draw(7, np.arange(5), 0), keyed[:5])
    with pytest.raises(InvalidParameterValueError, match="clip"):
        RandomDistribution("gamma", [2.0, 1.0], None, (0.5, 1.5), "fold")
    with pytest.raises(InvalidParameterValueError, match="pair"):
        RandomDistribution("gamma", [2.0, 1.0], boundaries=3.0)


@pytest.mark.parametrize(
    ("given", "name", "parameters"),
    [
        ((), "uniform", {"low": 0.0, "high": 1.0}),
        (("uniform", []), "uniform", {"low": 0.0, "high": 1.0}),
        (("gaussian", [1.0, 2.0]), "normal", {"mu": 1.0, "sigma": 2.0}),
        (("gaussian", [2.0]), "normal", {"mu": 0.0, "sigma": 2.0}),
        (("randint", [1, 5]), "uniform_int", {"low": 1, "high": 5}),
        (("flat", [1, 5]), "uniform", {"low": 1, "high": 5}),
        (("normal", [0.0, 1.0], None, (-1.0, 1.0), "redraw"), "normal_clipped",
         {"mu": 0.0, "sigma": 1.0, "low": -1.0, "high": 1.0}),
    ],
)  # fmt: skip
def test_names_and_parameters_of_distributions(given, name, parameters):
    distribution = RandomDistribution(*given)
    assert (distribution.name, distribution.parameters) == (name, parameters)


def test_generators():
    numbers = np.random.RandomState(9)
    rng = NumpyRNG(9, 0, 1, False)
    assert rng.parallel_safe is False and NumpyRNG(9, False).parallel_safe is False
    np.testing.assert_array_equal(rng.next(3, "uniform", [1.0, 2.0]), numbers.uniform(1.0, 2.0, 3))
    np.testing.assert_array_equal(rng.next(4, "normal", [0.0, 2.0], mask_local=False), numbers.normal(0.0, 2.0, 4))
    mask = np.array([True, False, True])
    np.testing.assert_array_equal(NumpyRNG(9).next(3, mask_local=mask), np.random.RandomState(9).rand(3)[mask])


def test_one_number_is_a_number_and_an_array():
    dialect.declare("0.6")
    expected = np.random.RandomState(4).rand(3)
    rng = NumpyRNG(4)
    one = rng.next(1)
    assert float(one) == one[0] == expected[0] and len(one) == 1 and f"{one:.3f}" == f"{expected[0]:.3f}"
    assert float(rng.next()) == expected[1] and float(one * 2) == 2 * expected[0]
    assert float(RandomDistribution("uniform", [0, 1], rng).next()) == expected[2]
    dialect.declare("0.13")
    assert isinstance(rng.next(), float) and rng.next(1).shape == (1,)


# --- around ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["neuron", "neuron2", "brian", "pcsim", "moose"])
def test_a_backend_that_is_not_there(name):
    with pytest.raises(ImportError, match=f"no backend pyNN.{name} .* pyNN.reference, pyNN.nest"):
        importlib.import_module(f"pyNN.{name}")


def test_an_old_name_of_nest_is_nest():
    nest = importlib.import_module("pyNN.nest")
    sys.modules.pop("pyNN.nest2", None)
    with pytest.warns(DeprecationWarning, match="Now: pyNN.nest"):
        assert importlib.import_module("pyNN.nest2") is nest


def test_a_population_from_a_file_without_the_backend(tmp_path):
    from pyNN.utility import colour, load_population, save_population

    pyNN.mock.script._simulation = None
    importlib.import_module("pyNN.nest").script._simulation = None
    sim.setup()
    file = str(tmp_path / "population.json")
    save_population(sim.Population(3, sim.IF_cond_exp(tau_m=7.0), label="kept"), file)
    loaded = load_population(file)
    assert loaded.label == "kept" and loaded.get("tau_m") == 7.0
    assert colour("red", "text") == "\x1b[31mtext\x1b[0m"
    with pytest.raises(InvalidParameterValueError, match="Known: black"):
        colour("pink", "text")


def test_a_text_file_tells_its_metadata_in_the_default_mode(tmp_path):
    from pyNN.recording.files import StandardTextFile

    target = StandardTextFile(str(tmp_path / "x"), "w")
    target.write([(1.0, 2)], {"dt": 0.1, "label": "a b"})
    target.close()
    assert StandardTextFile(str(tmp_path / "x")).get_metadata() == {"dt": 0.1, "label": "a b"}
