"""Cell types on NEST beyond the five integrate-and-fire ones, composed ones, and NEST's own models by name."""

from __future__ import annotations

import importlib
import pickle
from typing import Any

import numpy as np
import pytest

from pyNN.errors import (
    CapabilityError,
    InvalidModelError,
    InvalidWeightError,
    NoModelAvailableError,
    NonExistentParameterError,
)
from pyNN.nest import natives
from pyNN.nest.composed import composed_table
from pyNN.standardmodels import cells, receptors

sim: Any = importlib.import_module("pyNN.nest")
DT = 0.1
NEW = [
    "HH_cond_exp",
    "IF_cond_exp_gsfa_grr",
    "EIF_cond_exp_isfa_ista",
    "EIF_cond_alpha_isfa_ista",
    "Izhikevich",
    "GIF_cond_exp",
    "IF_facets_hardware1",
]


@pytest.fixture(autouse=True)
def new_network() -> None:
    sim.setup(timestep=DT, min_delay=0.3)


def trace(population: Any, variable: str) -> Any:
    return population.get_data(variable).segments[0].analogsignals[0].magnitude


def alpha(**parameters: float) -> Any:
    return receptors.CondAlphaPostSynapticResponse(**parameters)


def exponential(**parameters: float) -> Any:
    return receptors.CondExpPostSynapticResponse(**parameters)


def current(**parameters: float) -> Any:
    return receptors.CurrExpPostSynapticResponse(**parameters)


@pytest.mark.parametrize("name", NEW)
def test_sample_0_is_the_initial_state_and_does_not_change(name: str) -> None:
    celltype = getattr(cells, name)
    settable = [k for k, s in celltype.definition.states.items() if s.settable and s.recordable]
    if name == "HH_cond_exp":
        settable = ["v", "h", "m", "n"]
    start = {k: np.linspace(0.1, 0.3, 4) if k != "v" else np.linspace(-70.0, -60.0, 4) for k in settable}
    population = sim.Population(4, celltype(), initial_values=start)
    population.record(celltype.recordable)
    for _ in range(2):
        sim.run(1.0)
        for variable, values in start.items():
            np.testing.assert_allclose(trace(population, variable)[0], values, rtol=1e-12)


@pytest.mark.parametrize("name", NEW)
def test_a_change_between_runs_acts_from_the_next_step(name: str) -> None:
    population = sim.Population(2, getattr(cells, name)())
    population.record("v")
    sim.run(20.0)
    if name == "IF_facets_hardware1":
        sim.DCSource(amplitude=0.5, start=20.0).inject_into(population[:1])
    else:
        population[:1].set(i_offset=0.2 if name != "Izhikevich" else 0.005)
    sim.run(5.0)
    v = trace(population, "v")
    differs = np.flatnonzero(v[:, 0] != v[:, 1])
    assert differs[0] == 201
    population.initialize(v=-61.0)
    sim.run(0.1)
    # What is past stays as it was; the new state is that of the next step.
    np.testing.assert_array_equal(trace(population, "v")[:250], v[:250])
    assert np.abs(trace(population, "v")[251] + 61.0).max() < 2.0


@pytest.mark.parametrize("name", NEW)
def test_parameters_are_read_back_as_they_were_set(name: str) -> None:
    celltype = getattr(cells, name)
    population = sim.Population(3, celltype())
    for parameter, declared in celltype.parameters.items():
        value = population.get(parameter)
        if declared.is_array:
            assert value == declared.default
        else:
            assert value == declared.default
            population[1:2].set(**{parameter: declared.default + 0.5})
            assert population.get(parameter).tolist() == [declared.default, declared.default + 0.5, declared.default]
    sim.run(1.0)


def test_array_parameters_may_differ_from_cell_to_cell() -> None:
    # One kernel each, so that the variables are plain exponentials after the first spike.
    population = sim.Population(
        2,
        sim.GIF_cond_exp(
            i_offset=3.0,
            delta_v=1e-6,
            tau_refrac=30.0,
            tau_eta=[sim.ArrayParameter([5.0]), sim.ArrayParameter([20.0, 40.0])],
            a_eta=[sim.ArrayParameter([0.5]), sim.ArrayParameter([0.25, 0.125])],
            tau_gamma=sim.ArrayParameter([10.0]),
            a_gamma=sim.ArrayParameter([7.0]),
        ),
    )
    population.record(["spikes", "i_eta", "v_t", "v"])
    for _ in range(3):
        sim.run(9.7)
    data = population.get_data().segments[0]
    i_eta, v_t = data.filter(name="i_eta")[0].magnitude, data.filter(name="v_t")[0].magnitude
    kernels = (lambda t: 0.5 * np.exp(-t / 5), lambda t: np.exp(-t / 20) / 4 + np.exp(-t / 40) / 8)
    for cell, kernel in enumerate(kernels):
        spike = int(round(float(data.spiketrains[cell][0].magnitude) / DT))
        t = DT * np.arange(len(i_eta) - spike)
        assert (i_eta[:spike, cell] == 0.0).all() and (v_t[:spike, cell] == -48.0).all()
        # Closed forms; one exponential of a step is multiplied a few hundred times.
        np.testing.assert_allclose(i_eta[spike:, cell], kernel(t), rtol=1e-11)
        np.testing.assert_allclose(v_t[spike:, cell], -48.0 + 7.0 * np.exp(-t / 10.0), rtol=1e-11)
    assert population.get("tau_eta")[1] == sim.ArrayParameter([20.0, 40.0])


def test_the_potential_of_gif_obeys_the_current_that_is_shown() -> None:
    # NEST itself integrates with its own current: dv/dt*cm from its potential must be that of the one computed here.
    population = sim.Population(1, sim.GIF_cond_exp(i_offset=3.0, delta_v=1e-6, tau_refrac=2.0, cm=0.5))
    population.record(["spikes", "i_eta", "v"])
    sim.run(20.0)
    data = population.get_data().segments[0]
    v, i_eta = data.filter(name="v")[0].magnitude[:, 0], data.filter(name="i_eta")[0].magnitude[:, 0]
    spikes = [round(float(t) / DT) for t in data.spiketrains[0].magnitude]
    assert len(spikes) > 1
    free = np.arange(spikes[0] + 22, spikes[1] - 1)
    rest = -65.0 + 20.0 / 0.5 * (3.0 - i_eta[free])
    # With the current held over a step, as NEST does, the step is exact.
    np.testing.assert_allclose(v[free + 1], rest + (v[free] - rest) * np.exp(-DT / 20.0), atol=1e-6)


def test_gif_refuses_what_nest_would_do_otherwise() -> None:
    with pytest.raises(CapabilityError, match="tau_refrac of at least a time step"):
        sim.Population(1, sim.GIF_cond_exp(tau_refrac=0.0))
    with pytest.raises(CapabilityError, match="tau_eta and a_eta must have the same number"):
        sim.Population(1, sim.GIF_cond_exp(tau_eta=sim.ArrayParameter([1.0])))
    population = sim.Population(1, sim.GIF_cond_exp())
    sim.run(1.0)
    with pytest.raises(CapabilityError, match="number of elements of tau_eta cannot be changed"):
        population.set(tau_eta=sim.ArrayParameter([1.0]))
    population.set(tau_eta=sim.ArrayParameter([1.0, 2.0, 3.0]))
    sim.run(1.0)


def test_random_spikes_of_gif_depend_on_the_seed_alone() -> None:
    found = []
    for seed in (1, 1, 2):
        sim.setup(timestep=DT, rng_seed=seed)
        population = sim.Population(50, sim.GIF_cond_exp(i_offset=1.0, delta_v=3.0, lambda0=20.0))
        population.record("spikes")
        sim.run(100.0)
        found.append([train.magnitude.tolist() for train in population.get_data().segments[0].spiketrains])
    assert found[0] == found[1] != found[2]


def test_reset_potentials_are_compared_with_what_nest_compares_them_with() -> None:
    sim.Population(1, sim.EIF_cond_exp_isfa_ista(v_reset=-45.0))  # above v_thresh, as in bursting cells
    with pytest.raises(CapabilityError, match="v_reset below v_spike"):
        sim.Population(1, sim.EIF_cond_exp_isfa_ista(v_reset=-40.0))
    with pytest.raises(CapabilityError, match="v_thresh below v_spike"):
        sim.Population(1, sim.EIF_cond_exp_isfa_ista(v_thresh=-30.0))
    sim.setup(timestep=DT)
    population = sim.Population(2, sim.EIF_cond_exp_isfa_ista())
    sim.run(0.1)
    with pytest.raises(CapabilityError, match="v_reset below v_spike"):
        population.set(v_spike=-80.0)


def test_conductances_of_hh_are_recorded_with_their_last_sample() -> None:
    source = sim.Population(2, sim.SpikeSourceArray(spike_times=[1.0, 4.0]))
    population = sim.Population(2, sim.HH_cond_exp())
    population.record(["gsyn_exc", "gsyn_inh"])
    weight = sim.StaticSynapse(weight=0.01, delay=0.5)
    sim.Projection(source, population, sim.OneToOneConnector(), weight, receptor_type="inhibitory")
    sim.run(4.7)
    g = trace(population, "gsyn_inh")[:, 0]
    t = DT * np.arange(48)
    # Two exponentials of 2 ms that begin at 1.5 and 4.5 ms; NEST's solver is good to 1e-6 in nS a step.
    expected = sum(0.01 * np.exp(-(t - at) / 2.0) * (t > at - 1e-9) for at in (1.5, 4.5))
    np.testing.assert_allclose(g, expected, atol=1e-7)
    assert (trace(population, "gsyn_exc") == 0.0).all()


# --- composed cell types --------------------------------------------------------------------------------------------


def test_each_receptor_gets_its_own_input() -> None:
    celltype = cells.PointNeuron(cells.LIF(), c=current(tau_syn=9.0), a=current(tau_syn=3.0), b=current(tau_syn=20.0))
    population = sim.Population(2, celltype)
    population.record(["a.isyn", "b.isyn", "c.isyn"])
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    for k, name in enumerate("abc"):
        synapse = sim.StaticSynapse(weight=k - 0.5, delay=0.5)
        sim.Projection(source, population, sim.AllToAllConnector(), synapse, receptor_type=name)
    sim.run(10.0)
    t = DT * np.arange(101)
    for k, (name, tau) in enumerate((("a", 3.0), ("b", 20.0), ("c", 9.0))):
        expected = (k - 0.5) * np.exp(-(t - 1.5) / tau) * (t > 1.49)
        # Exponentials multiplied step by step; tau of b equals tau_m and is moved by 1e-9 of itself.
        np.testing.assert_allclose(trace(population, f"{name}.isyn")[:, 0], expected, atol=1e-8)


def test_parameters_of_receptors_are_set_cell_by_cell() -> None:
    population = sim.Population(3, cells.PointNeuron(cells.AdExp(), AMPA=alpha(tau_syn=2.0), GABA=alpha(e_syn=-70.0)))
    population.set(**{"GABA.tau_syn": [3.0, 4.0, 5.0]})
    population[0:1].set(**{"AMPA.e_syn": 10.0})
    population.record("GABA.gsyn")
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    synapse = sim.StaticSynapse(weight=0.002, delay=0.5)
    sim.Projection(source, population, sim.AllToAllConnector(), synapse, receptor_type="GABA")
    sim.run(20.0)
    assert population.get("GABA.tau_syn").tolist() == [3.0, 4.0, 5.0]
    g = trace(population, "GABA.gsyn")
    # An alpha function has its peak, the weight, at tau; steps of 0.1 ms fall on it exactly.
    assert (g.argmax(axis=0) - 15).tolist() == [30, 40, 50]
    np.testing.assert_allclose(g.max(axis=0), 0.002, rtol=1e-6)


def test_an_assembly_of_cells_with_other_port_numbers_is_connected_rightly() -> None:
    one = sim.Population(1, cells.PointNeuron(cells.LIF(), A=alpha(tau_syn=3.0), B=alpha()))
    two = sim.Population(1, cells.PointNeuron(cells.LIF(), B=alpha(), A0=alpha(), A=alpha(tau_syn=3.0)))
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    synapse = sim.StaticSynapse(weight=0.01, delay=0.5)
    projection = sim.Projection(source, one + two, sim.AllToAllConnector(), synapse, receptor_type="B")
    for population in (one, two):
        population.record(["A.gsyn", "B.gsyn"])
    sim.run(10.0)
    for population in (one, two):
        assert trace(population, "A.gsyn").max() == 0.0
        np.testing.assert_allclose(trace(population, "B.gsyn").max(), 0.01, rtol=1e-6)
    assert projection.get("weight", format="list") == [(0, 0, 0.01), (0, 1, 0.01)]


@pytest.mark.parametrize(
    ("neuron", "made", "native"),
    [
        (cells.LIF, {}, "iaf_psc_exp_multisynapse"),
        (cells.LIF, {"a": current()}, "iaf_psc_exp_multisynapse"),
        (cells.LIF, {"a": alpha()}, "aeif_cond_alpha_multisynapse"),
        (cells.LIF, {"a": exponential(), "b": exponential()}, "iaf_cond_exp"),
        (cells.AdExp, {}, "aeif_cond_alpha_multisynapse"),
        (cells.AdExp, {"x": exponential()}, "aeif_cond_exp"),
        (cells.AdExp, {"x": alpha(), "y": receptors.CondBetaPostSynapticResponse()}, "aeif_cond_beta_multisynapse"),
    ],
)
def test_composed_cells_use_the_model_that_has_such_receptors(neuron: Any, made: Any, native: str) -> None:
    celltype = cells.PointNeuron(neuron(), **made)
    table = composed_table(celltype.definition)
    assert table.native == native
    assert [row.name for row in table.states] == list(celltype.definition.states)
    assert [row.name for row in table.receptors] == list(celltype.definition.receptors)
    values = {name: np.full(3, p.default) for name, p in celltype.definition.parameters.items()}
    back = table.standard_parameters(celltype.definition, table.native_parameters(celltype.definition, values))
    assert set(celltype.definition.parameters) - set(back) == {f"{name}.locations" for name in made}
    for name, value in back.items():
        # A time constant that equals tau_m is moved by 1e-9 of itself.
        np.testing.assert_allclose(value, values[name], rtol=2e-9)
    population = sim.Population(2, celltype)
    population.record(population.celltype.recordable)
    sim.run(1.0)


@pytest.mark.parametrize(
    ("neuron", "made"),
    [
        (cells.LIF, {"a": exponential(), "b": exponential(), "c": exponential()}),
        (cells.LIF, {"a": exponential(), "b": alpha()}),
        (cells.AdExp, {"x": current()}),
    ],
)
def test_receptors_that_nest_lacks_are_refused_with_what_there_is(neuron: Any, made: Any) -> None:
    with pytest.raises(NoModelAvailableError, match=r"NEST has no .* with the receptors [ax] .*backend 'reference'"):
        sim.Population(1, cells.PointNeuron(neuron(), **made))


def test_weights_of_composed_conductances_must_not_be_negative() -> None:
    population = sim.Population(1, cells.PointNeuron(cells.LIF(), a=exponential(), b=exponential()))
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    with pytest.raises(InvalidWeightError):
        sim.Projection(
            source, population, sim.AllToAllConnector(), sim.StaticSynapse(weight=-0.1), receptor_type="b"
        )


# --- NEST's own models ----------------------------------------------------------------------------------------------


def test_a_native_cell_has_nests_names_and_defaults() -> None:
    nest: Any = importlib.import_module("nest")
    celltype = sim.native_cell_type("iaf_psc_delta")
    defaults = nest.GetDefaults("iaf_psc_delta")
    assert {"C_m", "E_L", "I_e", "V_reset", "V_th", "t_ref", "tau_m"} <= set(celltype.default_parameters)
    assert all(defaults[name] == value for name, value in celltype.default_parameters.items())
    assert celltype.default_initial_values == {"V_m": -70.0}
    assert celltype.receptor_types == ("excitatory", "inhibitory")
    assert set(celltype.recordable) == {"spikes", "V_m"}
    assert issubclass(celltype, sim.NativeCellType)
    assert pickle.loads(pickle.dumps(celltype.definition)) == celltype.definition
    with pytest.raises(NonExistentParameterError, match="'tau_n'.*Did you mean 'tau_m'"):
        celltype(tau_n=3.0)


def test_a_native_cell_does_what_the_standard_one_does() -> None:
    standard = sim.Population(3, sim.IF_cond_alpha(i_offset=[0.5, 0.7, 0.9], tau_refrac=2.0))
    native = sim.Population(
        3,
        sim.native_cell_type("iaf_cond_alpha")(
            I_e=[500.0, 700.0, 900.0],
            C_m=1000.0,
            g_L=50.0,
            E_L=-65.0,
            V_reset=-65.0,
            V_th=-50.0,
            t_ref=2.0,
            tau_syn_ex=0.3,
            tau_syn_in=0.5,
            E_in=-70.0,
        ),
        initial_values={"V_m": -65.0},
    )
    source = sim.Population(2, sim.SpikeSourceArray(spike_times=[[5.0, 20.0], [7.0, 30.0]]))
    for population in (standard, native):
        for receptor in ("excitatory", "inhibitory"):
            synapse = sim.StaticSynapse(weight=0.1, delay=0.5)
            sim.Projection(source, population, sim.AllToAllConnector(), synapse, receptor_type=receptor)
        sim.DCSource(amplitude=0.3, start=10.0, stop=50.0).inject_into(population)
    standard.record(["spikes", "v", "gsyn_inh"])
    native.record(["spikes", "V_m", "g_in"])
    sim.run(60.0)
    np.testing.assert_array_equal(trace(standard, "v"), trace(native, "V_m"))
    np.testing.assert_allclose(trace(standard, "gsyn_inh") * 1000.0, trace(native, "g_in"), rtol=1e-12)
    assert str(native.get_data("g_in").segments[0].analogsignals[0].units) == "1.0 nS"
    one, other = (p.get_data("spikes").segments[0].spiketrains for p in (standard, native))
    assert sum(len(train) for train in one) > 3
    assert [train.magnitude.tolist() for train in one] == [train.magnitude.tolist() for train in other]
    native.set(I_e=0.0, tau_syn_ex=[1.0, 2.0, 3.0])
    assert native.get(["I_e", "tau_syn_ex"])[1].tolist() == [1.0, 2.0, 3.0]
    native.initialize(V_m=-68.0)
    sim.run(0.1)


def test_receptors_of_native_models_are_those_of_nest() -> None:
    several = sim.native_cell_type("iaf_psc_exp_multisynapse")(tau_syn=sim.ArrayParameter([2.0, 5.0, 8.0]))
    assert several.receptor_types == ("1", "2", "3")
    assert several.get_receptor_type("3") == 3
    assert set(several.recordable) == {"spikes", "V_m", "I_syn", "I_syn_1", "I_syn_2", "I_syn_3"}
    population = sim.Population(2, several)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    synapse = sim.StaticSynapse(weight=0.2, delay=0.5)
    sim.Projection(source, population, sim.AllToAllConnector(), synapse, receptor_type="2")
    population.record(["I_syn_1", "I_syn_2"])
    sim.run(3.0)
    first, second = trace(population, "I_syn_1"), trace(population, "I_syn_2")
    assert np.nanmax(first) == 0.0
    # As in PyNN a weight of 0.2 is 0.2 nA; NEST's multimeter shows pA.
    np.testing.assert_allclose(second[15:25, 0], 200.0 * np.exp(-DT * np.arange(10) / 5.0), rtol=1e-12)
    # NEST has not handed out the last min_delay; the next run brings it.
    assert np.isnan(second[-1]).all()
    sim.run(1.0)
    assert not np.isnan(trace(population, "I_syn_2")[1:35]).any()
    assert sim.native_cell_type("ht_neuron").receptor_types == ("AMPA", "GABA_A", "GABA_B", "NMDA")


def test_native_numbers_keep_their_types() -> None:
    population = sim.Population(2, sim.native_cell_type("izhikevich")(consistent_integration=False, d=6.0))
    sim.run(0.1)
    population.set(consistent_integration=True)
    assert population.get("consistent_integration") == 1.0
    sim.Population(1, sim.native_cell_type("aeif_cond_alpha_multisynapse")(a=3.0))
    sim.run(0.1)


def test_a_native_generator_is_a_source_of_spikes() -> None:
    given = sim.native_cell_type("spike_generator")(spike_times=sim.Sequence([5.0, 6.0, 7.0]))
    precise = sim.Population(2, given)
    random = sim.Population(200, sim.native_cell_type("poisson_generator")(rate=100.0, start=10.0, stop=60.0))
    target = sim.Population(1, sim.IF_curr_delta(tau_m=1e9, v_rest=0.0, v_thresh=1e9), initial_values={"v": 0.0})
    target.record("v")
    synapse = sim.StaticSynapse(weight=1.0, delay=0.5)
    sim.Projection(precise, target, sim.AllToAllConnector(), synapse)
    precise.record("spikes")
    random.record("spikes")
    sim.run(50.0)
    random.set(rate=0.0)
    sim.run(50.0)
    trains = precise.get_data().segments[0].spiketrains
    np.testing.assert_allclose([train.magnitude for train in trains], [[5.0, 6.0, 7.0]] * 2)
    assert (np.flatnonzero(np.diff(trace(target, "v")[:, 0]) > 0.5) + 1).tolist() == [55, 65, 75]
    times = np.concatenate([train.magnitude for train in random.get_data().segments[0].spiketrains])
    assert times.min() > 10.0 and times.max() < 50.5
    # Poisson: 200 cells * 100 Hz * 40 ms = 800 spikes, within five standard deviations.
    assert abs(len(times) - 800) < 142


@pytest.mark.parametrize("model", ["multimeter", "dc_generator", "volume_transmitter"])
def test_what_is_no_cell_is_no_cell_type(model: str) -> None:
    with pytest.raises(InvalidModelError, match=model):
        sim.native_cell_type(model)


def test_an_unknown_native_model_is_named_with_a_similar_one() -> None:
    with pytest.raises(NoModelAvailableError, match="no model 'iaf_psc_dleta'. Did you mean 'iaf_psc_delta'"):
        sim.native_cell_type("iaf_psc_dleta")
    with pytest.raises(InvalidModelError, match="base class"):
        sim.NativeCellType()


def test_every_neuron_model_of_nest_becomes_a_cell_type() -> None:
    nest: Any = importlib.import_module("nest")
    made = [name for name in nest.node_models if nest.GetDefaults(name, "element_type") == "neuron"]
    assert len(made) > 50
    for name in made:
        celltype = sim.native_cell_type(name)
        table = natives.native_table(celltype().definition)
        assert {row.native for row in table.parameters} == set(celltype.default_parameters)
    population = sim.Population(2, sim.native_cell_type("hh_psc_alpha")(I_e=[0.0, 900.0]))
    population.record("spikes")
    sim.run(50.0)
    silent, active = population.get_data().segments[0].spiketrains
    assert len(silent) == 0 and len(active) > 1


@pytest.mark.parametrize("kind", ["dc_generator", "step_current_generator"])
def test_a_native_current_flows_when_the_standard_one_does(kind: str) -> None:
    one, other = sim.Population(2, sim.IF_curr_exp()), sim.Population(2, sim.IF_curr_exp())
    for population in (one, other):
        population.record("v")
    sim.DCSource(amplitude=0.25, start=10.0, stop=20.0).inject_into(one)
    parameters: dict[str, Any] = {"amplitude": 250.0, "start": 10.0, "stop": 20.0}
    if kind == "step_current_generator":
        parameters = {
            "amplitude_times": sim.Sequence([10.0, 20.0]),
            "amplitude_values": sim.Sequence([250.0, 0.0]),
        }
    sim.native_electrode_type(kind)(**parameters).inject_into(other)
    sim.run(30.0)
    # The current comes in one sum or as two numbers, so the last digits may differ.
    np.testing.assert_allclose(trace(other, "v"), trace(one, "v"), atol=1e-12)
    assert trace(one, "v").max() > -64.0


def test_a_native_current_can_be_changed_but_not_recorded() -> None:
    population = sim.Population(2, sim.IF_curr_exp())
    population.record("v")
    source = sim.native_electrode_type("noise_generator")(mean=300.0, std=0.0, dt=0.1)
    source.inject_into(population[:1])
    sim.run(20.0)
    source.mean = 0.0
    source.inject_into(population[1:])
    sim.run(30.0)
    v = trace(population, "v")
    assert v[200, 0] > -63.0 and v[-1, 0] < v[210, 0]
    assert (v[:, 1] == -65.0).all()
    with pytest.raises(CapabilityError, match="cannot be recorded"):
        source.record()
    with pytest.raises(InvalidModelError, match="not a current generator"):
        sim.native_electrode_type("poisson_generator")


def test_nestml_says_which_description_is_missing() -> None:
    with pytest.raises(InvalidModelError, match=r"no file my_neuron\.nestml that describes 'my_neuron'"):
        sim.nestml.nestml_cell_type("my_neuron", "my_neuron.nestml")
    with pytest.raises(InvalidModelError, match="no model 'my_synapse'.*It has: other"):
        sim.nestml.nestml_synapse_type("my_synapse", "model other:\n    output:\n        spike\n")


def test_listing_the_standard_models_creates_nothing() -> None:
    nest: Any = importlib.import_module("nest")
    before = nest.network_size
    names = sim.list_standard_models()
    assert set(NEW) <= set(names)
    assert "StandardCellType" not in names
    assert nest.network_size == before
