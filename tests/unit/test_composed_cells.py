"""PointNeuron: names with dots everywhere a script may use them, and what is refused."""

import pickle

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN import errors
from pyNN.random import RandomDistribution


@pytest.fixture
def cells():
    sim.setup(timestep=0.1)
    yield sim.Population(
        3, sim.PointNeuron(sim.AdExp(tau_m=10.0), NMDA=sim.AlphaPSR(tau_syn=5.0), AMPA=sim.BetaPSR(tau_rise=1.0))
    )
    sim.end()


def test_names_of_a_composed_cell_type():
    """What PyNN 0.13 shows for the same call: receptors sorted, their names before those of their variables."""
    celltype = sim.PointNeuron(sim.AdExp(), NMDA=sim.AlphaPSR(), AMPA=sim.AlphaPSR())
    assert celltype.receptor_types == ("AMPA", "NMDA")
    assert celltype.recordable == ["spikes", "v", "w", "AMPA.gsyn", "NMDA.gsyn"]
    assert celltype.default_initial_values == {"v": -70.6, "w": 0.0, "AMPA.gsyn": 0.0, "NMDA.gsyn": 0.0}
    assert celltype.units["NMDA.gsyn"] == "uS"
    assert celltype.conductance_based
    assert celltype.injectable
    assert celltype.can_record("AMPA.gsyn")
    assert "AMPA.tau_syn" in celltype.get_parameter_names()
    assert celltype.has_parameter("NMDA.e_syn")
    assert not sim.PointNeuron(sim.LIF(), X=sim.CurrExpPostSynapticResponse()).conductance_based


def test_the_definition_names_its_components_and_time_constants():
    definition = sim.PointNeuron(sim.LIF(), b=sim.BetaPSR(), a=sim.ExpPSR()).definition
    assert definition.name == "PointNeuron(LIF, CondBetaPostSynapticResponse, CondExpPostSynapticResponse)"
    assert definition.components == {
        "": "LIF", "a": "CondExpPostSynapticResponse", "b": "CondBetaPostSynapticResponse"
    }
    assert definition.receptors["a"].time_constant == "a.tau_syn"
    assert definition.receptors["b"].time_constant == "b.tau_decay"
    assert pickle.loads(pickle.dumps(definition)) == definition


def test_get_and_set_by_dotted_name(cells):
    assert cells.get("AMPA.tau_rise") == 1.0
    assert cells.get(["tau_m", "NMDA.tau_syn"]) == [10.0, 5.0]
    cells.set(**{"NMDA.tau_syn": [2.0, 3.0, 4.0], "AMPA.e_syn": -10.0})
    assert list(cells.get("NMDA.tau_syn")) == [2.0, 3.0, 4.0]
    cells[1:2].set(**{"NMDA.tau_syn": 9.0})
    assert list(cells.get("NMDA.tau_syn")) == [2.0, 9.0, 4.0]
    with pytest.raises(errors.NonExistentParameterError, match="AMPA.tau_rise"):
        cells.set(**{"AMPA.tau_rize": 1.0})


def test_initialize_and_record_by_dotted_name(cells):
    cells.initialize(**{"AMPA.gsyn": 0.01, "v": RandomDistribution("uniform", (-70.0, -60.0))})
    cells.record(["v", "AMPA.gsyn"])
    sim.run(1.0)
    signals = {s.name: s for s in cells.get_data().segments[0].analogsignals}
    g = np.array(signals["AMPA.gsyn"].magnitude)
    # Without a spike the rise stays 0, and what was there decays with tau_decay = 1.7 ms.
    assert np.max(np.abs(g[:, 0] - 0.01 * np.exp(-np.arange(11) * 0.1 / 1.7))) < 1e-15


def test_a_parameter_set_while_running_acts_from_the_next_step(cells):
    cells.initialize(**{"AMPA.gsyn": 0.01})
    cells.record("AMPA.gsyn")
    sim.run(1.0)
    cells.set(**{"AMPA.tau_decay": 0.5})
    sim.run(1.0)
    g = np.array(cells.get_data().segments[0].analogsignals[0].magnitude)[:, 0]
    assert g[20] / g[10] == pytest.approx(np.exp(-1.0 / 0.5), rel=1e-12)


def test_values_differ_from_cell_to_cell_through_the_components():
    sim.setup()
    cells = sim.Population(2, sim.PointNeuron(sim.LIF(tau_m=[10.0, 20.0]), E=sim.ExpPSR(tau_syn=[1.0, 2.0])))
    assert list(cells.get("tau_m")) == [10.0, 20.0]
    assert list(cells.get("E.tau_syn")) == [1.0, 2.0]
    sim.end()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sim.PointNeuron(sim.LIF(), a=sim.ExpPSR(), b=sim.CurrExpPostSynapticResponse()), "cannot be mixed"),
        (lambda: sim.PointNeuron(sim.IF_cond_exp()), "first argument"),
        (lambda: sim.PointNeuron(sim.LIF), "first argument"),
        (lambda: sim.PointNeuron(sim.LIF(), a=sim.ExpPSR), "takes a receptor"),
        (lambda: sim.PointNeuron(sim.LIF(), v_rest=sim.ExpPSR()), "cannot be the name"),
        (lambda: sim.PointNeuron(sim.LIF(), _a=sim.ExpPSR()), "cannot be the name"),
        (lambda: sim.PointNeuron(sim.LIF(), a__b=sim.ExpPSR()), "cannot be the name"),
    ],
)
def test_what_is_no_composition_is_refused(make, message):
    with pytest.raises(errors.InvalidModelError, match=message):
        make()


def test_arrays_that_belong_together_have_the_same_length():
    sim.setup()
    with pytest.raises(errors.InvalidDimensionsError, match="'a_eta' and 'tau_eta'"):
        sim.Population(1, sim.GIF_cond_exp(tau_eta=[1.0, 2.0], a_eta=[0.1]), label="wrong")
    sim.run(1.0)
    sim.end()


def test_array_parameters_are_set_between_runs():
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.GIF_cond_exp(lambda0=0.0))
    cells.record("v_t")
    sim.run(1.0)
    cells.set(a_gamma=[2.0, 0.0, 0.0], v_t_star=-60.0, lambda0=1e12)
    sim.run(0.2)
    v_t = np.array(cells.get_data().segments[0].analogsignals[0].magnitude)
    assert list(v_t[9]) == [-48.0, -48.0]
    assert list(v_t[11]) == [-58.0, -58.0]
    with pytest.raises(errors.InvalidDimensionsError, match="at most 3"):
        cells.set(a_gamma=[1.0, 1.0, 1.0, 1.0])
        sim.run(0.1)
    sim.end()
