"""Synapse types on NEST: what NEST is told, what it is asked for, and what is refused with a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyNN.nest
from pyNN.errors import CapabilityError, NoModelAvailableError
from pyNN.nest import connections, synapses, versions
from pyNN.nest.synapses import TABLES
from pyNN.standardmodels import synapses as standard

sim: Any = pyNN.nest


def stdp(weight: Any = 0.5, delay: Any = 1.0, dependence: Any = None, **rule: Any) -> Any:
    dependence = sim.AdditiveWeightDependence(w_max=1.0) if dependence is None else dependence
    return sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(**rule), weight_dependence=dependence, weight=weight, delay=delay
    )


def in_nest(projection: Any) -> Any:
    """NEST's own connections of a projection."""
    built = projection._owner.session._connections._built[projection._number]
    return [selection.find(versions.load_nest()) for selection in built.selections][0]


def cells(n: int = 2, name: str = "IF_curr_exp", **parameters: Any) -> Any:
    return sim.Population(n, getattr(sim, name)(**parameters))


@pytest.fixture(autouse=True)
def setup() -> None:
    sim.setup(timestep=0.1, min_delay=1.0, max_delay=5.0)


def definitions() -> dict[str, Any]:
    dependences = ["AdditiveWeightDependence", "MultiplicativeWeightDependence", "GutigWeightDependence"]
    dependences.append("AdditivePotentiationMultiplicativeDepression")
    found = [standard.STDPMechanism(weight_dependence=getattr(standard, name)()).definition for name in dependences]
    found.append(standard.STDPMechanism(timing_dependence=standard.Vogels2011Rule()).definition)
    names = [name for name in TABLES if "(" not in name]
    return {d.name: d for d in [*found, *(getattr(standard, name).definition for name in names)]}


def test_every_table_belongs_to_a_standard_synapse_type() -> None:
    assert set(definitions()) == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_standard_to_native_to_standard_is_the_identity(name: str) -> None:
    definition, table = definitions()[name], TABLES[name]
    rng = np.random.default_rng(1)
    values = {p: rng.uniform(0.1, 0.9, 5) for p in definition.parameters}
    values = {p: np.arange(1.0, 6.0) if p == "n" else v for p, v in values.items()}
    native = table.native_parameters(definition, values, 1000.0)
    back = table.standard_parameters(definition, native, 1000.0)
    for parameter, value in back.items():
        np.testing.assert_allclose(value, values[parameter], rtol=1e-15)
    # What has no row is the weight, the delay, or what NEST takes for granted (`problems`).
    assumed = {"weight", "delay", "dendritic_delay_fraction", "w_min", table.trace}
    assert set(definition.parameters) - set(back) <= assumed


def test_nest_is_told_amplitudes_exponents_and_largest_weights_in_its_units() -> None:
    """D4: the exponents of Gütig arrive. D16: what is read is in PyNN's units."""
    pre, post = cells(), cells(2, "IF_cond_exp")
    dependence = sim.GutigWeightDependence(w_max=0.5, mu_plus=0.1, mu_minus=0.9)
    rule = {"tau_plus": 15.0, "tau_minus": 25.0, "A_plus": 0.01, "A_minus": 0.02}
    projection = sim.Projection(
        pre, post, sim.AllToAllConnector(), stdp(0.1, 2.0, dependence, **rule), receptor_type="inhibitory"
    )
    sim.run(1.0)
    told = in_nest(projection).get(["weight", "Wmax", "lambda", "alpha", "mu_plus", "mu_minus", "tau_plus", "delay"])
    wanted = {
        "weight": -100.0, "Wmax": -500.0, "lambda": 0.01, "alpha": 2.0, "mu_plus": 0.1, "mu_minus": 0.9,
        "tau_plus": 15.0, "delay": 2.0,
    }  # fmt: skip
    assert told == {name: [value] * 4 for name, value in wanted.items()}
    assert post._simulation.session._populations[post._spec.id].nodes.get("tau_minus") == (25.0, 25.0)
    given = {**rule, "w_max": 0.5, "w_min": 0.0, "mu_plus": 0.1, "mu_minus": 0.9, "dendritic_delay_fraction": 1.0}
    for name, value in {**given, "weight": 0.1, "delay": 2.0}.items():
        assert projection.get(name, "list", with_address=False) == [value] * 4, name


def test_one_amplitude_may_be_zero() -> None:
    """NEST has that of depression as a multiple of that of potentiation."""
    projection = sim.Projection(cells(), cells(), sim.AllToAllConnector(), stdp(A_plus=0.0, A_minus=0.3))
    sim.run(1.0)
    told = in_nest(projection).get(["lambda", "alpha"])
    np.testing.assert_allclose(np.array(told["lambda"]) * told["alpha"], 0.3, rtol=1e-15)
    assert projection.get("A_plus", "list", with_address=False) == [0.0] * 4


def test_a_weight_of_zero_is_possible_where_nest_has_negative_ones() -> None:
    synapse = stdp([0.0, 0.1, 0.0, 0.2], dependence=sim.AdditiveWeightDependence(w_max=0.5))
    projection = sim.Projection(
        cells(), cells(2, "IF_cond_exp"), sim.AllToAllConnector(), synapse, receptor_type="inhibitory"
    )
    sim.run(2.0)
    assert projection.get("weight", "list", with_address=False) == [0.0, 0.1, 0.0, 0.2]
    projection.set(weight=0.0)
    sim.run(2.0)
    assert projection.get("weight", "list", with_address=False) == [0.0] * 4


def test_learning_cannot_be_switched() -> None:
    projection = sim.Projection(cells(), cells(), sim.AllToAllConnector(), stdp())
    with pytest.raises(CapabilityError, match="NEST's synapses learn as long as they exist"):
        projection.disable_plasticity()
    with pytest.raises(CapabilityError, match="cannot make pathways inactive"):
        projection.pathways["post"].active = False
    assert projection.plasticity


@pytest.mark.parametrize("after_run", [False, True])
def test_another_tau_minus_onto_the_same_cells_is_refused(after_run: bool) -> None:
    """D6: NEST keeps the trace in the cell; nothing is overwritten."""
    post = cells(3)
    first = sim.Projection(cells(), post[:2], sim.AllToAllConnector(), stdp(tau_minus=10.0))
    if after_run:
        sim.run(1.0)
    sim.Projection(cells(), post[2:], sim.AllToAllConnector(), stdp(tau_minus=30.0))
    sim.Projection(cells(), post[:2], sim.AllToAllConnector(), stdp(tau_minus=10.0))
    sim.run(1.0)
    nodes = post._simulation.session._populations[post._spec.id].nodes
    assert nodes.get("tau_minus") == (10.0, 10.0, 30.0)
    with pytest.raises(CapabilityError, match=r"tau_minus = 20 ms, but another plastic projection.* has 10 ms"):
        first.set(tau_minus=20.0)
    sim.Projection(cells(), post, sim.AllToAllConnector(), stdp(tau_minus=30.0), label="third")
    with pytest.raises(CapabilityError, match=r"'third' has tau_minus = 30 ms, but another .* has 10 ms.*'reference'"):
        sim.run(1.0)
    assert nodes.get("tau_minus") == (10.0, 10.0, 30.0)


def test_tau_minus_differs_from_cell_to_cell_but_not_within_one() -> None:
    pre, post = cells(2), cells(2)
    sim.Projection(pre, post, sim.AllToAllConnector(), stdp(tau_minus=[10.0, 10.0, 30.0, 30.0]))
    sim.run(1.0)
    assert post._simulation.session._populations[post._spec.id].nodes.get("tau_minus") == (10.0, 30.0)
    sim.setup(timestep=0.1, min_delay=1.0)
    sim.Projection(cells(2), cells(2), sim.AllToAllConnector(), stdp(tau_minus=[10.0, 20.0, 30.0, 30.0]))
    with pytest.raises(CapabilityError, match="all plastic connections onto one cell must have the same tau_minus"):
        sim.run(1.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dendritic_delay_fraction": 0.5}, "dendritic_delay_fraction must be 1.0.*'reference'"),
        ({"weight_dependence": sim.AdditiveWeightDependence(w_min=0.1)}, "w_min must be 0.*'reference'"),
        ({"weight_dependence": sim.AdditiveWeightDependence(w_max=0.0)}, "w_max must not be 0"),
        ({"weight_dependence": sim.GutigWeightDependence(w_max=0.1)}, "Raise w_max"),
    ],
)
def test_what_nests_rule_cannot_do_is_refused_before_anything_is_created(values: dict[str, Any], message: str) -> None:
    with pytest.raises(CapabilityError, match=message):
        sim.Projection(cells(), cells(), sim.AllToAllConnector(), sim.STDPMechanism(**{"weight": 0.2, **values}))


def test_the_same_holds_for_changes() -> None:
    projection = sim.Projection(cells(), cells(), sim.AllToAllConnector(), stdp())
    sim.run(1.0)
    with pytest.raises(CapabilityError, match="w_min must be 0"):
        projection.set(w_min=0.1)
    assert projection.get("w_min", "list", with_address=False) == [0.0] * 4


def parallel(build: int) -> tuple[Any, np.ndarray]:
    """Sixty parallel connections of each of four pairs, of a random order of weights, with rules of their own."""
    rng = np.random.default_rng(build)
    pairs = [(i, j) for j in range(2) for i in range(2) for _ in range(60)]
    rows = [(i, j, 0.3, 1.0, a) for (i, j), a in zip(pairs, rng.permutation(np.linspace(0.001, 0.2, 240)), strict=True)]
    connector = sim.FromListConnector(rows, column_names=["weight", "delay", "A_plus"])
    pre = sim.Population(2, sim.SpikeSourceArray(spike_times=[5.0, 25.0]))
    driver = sim.Population(2, sim.SpikeSourceArray(spike_times=[9.0]))
    post = cells(2, "IF_curr_delta", tau_refrac=2.0)
    sim.Projection(driver, post, sim.OneToOneConnector(), sim.StaticSynapse(weight=40.0, delay=1.0))
    return sim.Projection(pre, post, connector, stdp(A_minus=0.0)), np.array([row[-1] for row in rows])


@pytest.mark.parametrize("threads", [1, 2])
def test_parallel_plastic_connections_keep_their_rows(threads: int) -> None:
    """All begin with the same weight and delay, so only their rows tell which amplitude belongs to which."""
    sim.setup(timestep=0.1, min_delay=1.0, max_delay=5.0, threads=threads)
    projection, amplitudes = parallel(1)
    sim.run(20.0)
    learned = np.array(projection.get("weight", "list", with_address=False)) - 0.3
    assert np.ptp(learned / amplitudes) < 1e-12 and learned[0] / amplitudes[0] > 0.5
    # Another projection makes NEST sort its connections again.
    sim.Projection(projection.pre, projection.post, sim.AllToAllConnector(), stdp(0.1, 2.0))
    sim.run(20.0)
    assert np.ptp((np.array(projection.get("weight", "list", with_address=False)) - 0.3) / amplitudes) < 1e-12
    wanted = np.linspace(0.4, 0.6, 240)
    projection.set(weight=wanted)
    sim.run(5.0)
    np.testing.assert_allclose(projection.get("weight", "list", with_address=False), wanted, rtol=1e-12)


def test_reset_restores_what_the_script_has_set() -> None:
    """D10."""
    projection, _ = parallel(2)
    for _ in range(2):
        sim.run(20.0)
        assert min(projection.get("weight", "list", with_address=False)) > 0.3
        sim.reset()
        assert projection.get("weight", "list", with_address=False) == [0.3] * 240


def test_what_was_connected_is_known_without_asking_nest(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.0, 1.0, 400)
    projection = sim.Projection(
        cells(20), cells(20), sim.AllToAllConnector(), sim.SimpleStochasticSynapse(weight=weights, p=0.4)
    )
    sim.run(1.0)

    def asked(*_: Any) -> Any:
        raise AssertionError("NEST was asked")

    with monkeypatch.context() as patch:
        patch.setattr(connections.versions, "connection_columns", asked)
        assert projection.get("weight", "list", with_address=False) == weights.tolist()
        assert projection.get("p", "list", with_address=False) == [0.4] * 400
    projection.set(weight=2.0, p=0.3)
    sim.run(1.0)
    assert in_nest(projection).get(["weight", "p_transmit"]) == {"weight": [2000.0] * 400, "p_transmit": [0.3] * 400}


def test_tau_psc_follows_the_time_constant_of_the_receptor() -> None:
    """D15, one value a cell, and away from the point where NEST would divide by zero."""
    post = cells(3, tau_syn_E=[2.0, 3.0, 4.0])
    synapse = sim.TsodyksMarkramSynapse(tau_rec=50.0, weight=0.1, delay=1.0)
    projection = sim.Projection(cells(1), post, sim.AllToAllConnector(), synapse)
    sim.run(1.0)
    assert sorted(in_nest(projection).get("tau_psc")) == [2.0, 3.0, 4.0]
    post.set(tau_syn_I=9.0)
    post[1:2].set(tau_syn_E=7.0)
    assert sorted(in_nest(projection).get("tau_psc")) == [2.0, 4.0, 7.0]
    post.set(tau_syn_E=50.0)
    np.testing.assert_allclose(in_nest(projection).get("tau_psc"), 50.0, rtol=2e-7)
    assert 50.0 not in in_nest(projection).get("tau_psc")


def test_short_term_plasticity_needs_a_receptor_with_a_time_constant() -> None:
    sim.Projection(cells(), cells(2, "IF_curr_delta"), sim.AllToAllConnector(), sim.TsodyksMarkramSynapse(weight=1.0))
    with pytest.raises(CapabilityError, match="tsodyks_synapse needs the time constant of the receptor.*'reference'"):
        sim.run(1.0)


def releases(synapse: Any, interval: float, number: int) -> np.ndarray:
    """Jumps of potential (in weights) at `number` spikes, for 200 synapses of their own cells."""
    times = 10.0 + interval * np.arange(number)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=times))
    targets = cells(200, "IF_curr_delta", v_thresh=1e6, tau_m=1e9, v_rest=0.0, v_reset=0.0)
    targets.initialize(v=0.0)
    targets.record("v")
    sim.Projection(source, targets, sim.AllToAllConnector(), synapse)
    sim.run(float(times[-1]) + 5.0)
    v = targets.get_data("v").segments[0].analogsignals[0].magnitude
    at = np.rint((times + 1.0) / 0.1).astype(int)
    jumps = v[at + 1] - v[at - 1]
    np.testing.assert_allclose(jumps, np.rint(jumps), rtol=0.0, atol=1e-5)
    return np.rint(jumps)


def test_a_simple_stochastic_synapse_releases_with_probability_p() -> None:
    jumps = releases(sim.SimpleStochasticSynapse(weight=1.0, p=0.3, delay=1.0), 1.0, 100)
    assert set(np.unique(jumps)) == {0.0, 1.0}
    # 20000 Bernoulli trials: standard deviation 0.0032; five of them, a false alarm in two million.
    assert abs(jumps.mean() - 0.3) < 0.0163


@pytest.mark.parametrize("sites", [1, 5])
def test_release_sites_are_depleted_and_recover(sites: int) -> None:
    """Without facilitation the mean follows p(k+1) = 1 - (1 - p(k)*(1 - U))*exp(-T/tau), times n*U (Fuhrmann 2002)."""
    u, tau, interval = 0.6, 50.0, 20.0
    parameters = {"U": u, "tau_rec": tau, "tau_facil": 0.0, "weight": 1.0, "delay": 1.0}
    if sites == 1:
        synapse = sim.StochasticTsodyksMarkramSynapse(**parameters)
    else:
        synapse = sim.MultiQuantalSynapse(n=sites, **parameters)
    jumps = releases(synapse, interval, 12)
    assert jumps.max() <= sites
    full, expected = 1.0, []
    for _ in range(12):
        expected.append(sites * u * full)
        full = 1.0 - (1.0 - full * (1.0 - u)) * np.exp(-interval / tau)
    # Means of 200 sums of `sites` variables, standard deviation at most 0.5 each; five of them.
    np.testing.assert_allclose(jumps.mean(axis=1), expected, rtol=0.0, atol=5 * 0.5 * np.sqrt(sites / 200))


def test_states_of_release_can_be_read() -> None:
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[10.0]))
    synapse = sim.MultiQuantalSynapse(n=3, U=1.0, tau_rec=100.0, tau_facil=50.0, weight=0.1, delay=1.0)
    projection = sim.Projection(source, cells(2), sim.AllToAllConnector(), synapse)
    sim.run(20.0)
    session = projection._owner.session
    assert session.read_synapses(0, "depleted").tolist() == [3.0, 3.0]
    np.testing.assert_allclose(session.read_synapses(0, "u"), np.exp(-10.0 / 50.0), rtol=1e-12)
    np.testing.assert_allclose(session.read_synapses(0, "unrecovered"), np.exp(-10.0 / 100.0), rtol=1e-12)


def test_gap_junctions_between_point_neurons_are_refused() -> None:
    population = cells(2)
    with pytest.raises(CapabilityError, match=r"iaf_psc_exp .* cannot have gap .*hh_psc_alpha_gap.*'reference'"):
        sim.Projection(population, population, sim.FromListConnector([(0, 1)]), sim.ElectricalSynapse(weight=0.01))
        sim.run(1.0)


def test_a_gap_junction_works_in_both_directions_where_nest_has_them() -> None:
    """A current into either of two cells moves the other one; the junction is 0.03 uS, that is 30 nS."""
    gap_cells = sim.native_cell_type("hh_psc_alpha_gap")
    moved = []
    for driven in (0, 1):
        sim.setup(timestep=0.1, min_delay=1.0)
        currents = np.zeros(2)
        currents[driven] = 100.0
        population = sim.Population(2, gap_cells(I_e=currents))
        projection = sim.Projection(
            population, population, sim.FromListConnector([(0, 1)]), sim.ElectricalSynapse(weight=0.03)
        )
        population.record("V_m")
        sim.run(20.0)
        v = population.get_data("V_m").segments[0].analogsignals[0].magnitude
        moved.append(v[-1, 1 - driven] - v[0, 1 - driven])
        both = versions.load_nest().GetConnections(source=population._simulation.session._populations[0].nodes)
        gaps = [c for c in both if c.get("synapse_model").startswith("pynn_gap_junction")]
        assert sorted((c.source, c.target, c.weight) for c in gaps) == [(1, 2, 30.0), (2, 1, 30.0)]
        assert projection.get("weight", "list") == [(0, 1, 0.03)]
        projection.set(weight=0.05)
        sim.run(1.0)
        assert [c.get("weight") for c in gaps] == [50.0, 50.0]
    # The two cells are alike, so the currents of both directions are the same but for rounding.
    assert moved[0] > 0.5 and np.isclose(moved[0], moved[1], rtol=1e-6)


def test_a_synapse_model_of_nests_own_has_its_names_and_units() -> None:
    triplet = sim.native_synapse_type("stdp_triplet_synapse")
    assert triplet.default_parameters["Aplus_triplet"] == 0.0062
    source = sim.Population(2, sim.SpikeSourceArray(spike_times=[5.0, 15.0]))
    for celltype, receptor, sign in (("IF_curr_exp", "excitatory", 1.0), ("IF_cond_exp", "inhibitory", -1.0)):
        quantal = sim.native_synapse_type("quantal_stp_synapse")
        synapse = quantal(weight=[10.0, 20.0, 30.0, 40.0], delay=2.0, n=3, a=3, U=1.0, u=1.0)
        projection = sim.Projection(
            source, cells(2, celltype), sim.AllToAllConnector(), synapse, receptor_type=receptor
        )
        sim.run(1.0)
        found = in_nest(projection).get(["weight", "n", "U", "delay"])
        assert sorted(found["weight"]) == sorted(sign * w for w in (10.0, 20.0, 30.0, 40.0))
        assert (found["n"], found["U"], found["delay"]) == ([3] * 4, [1.0] * 4, [2.0] * 4)
        assert projection.get("weight", "list", with_address=False) == [10.0, 20.0, 30.0, 40.0]
    sim.run(10.0)
    assert projection.get("a", "list", with_address=False) == [0.0] * 4  # U = 1 empties all three sites
    projection.set(U=0.5, weight=5.0)
    sim.run(1.0)
    assert in_nest(projection).get("U") == [0.5] * 4
    with pytest.raises(NoModelAvailableError, match="no synapse model 'stdp_triplet_synaps'. Did you mean"):
        sim.native_synapse_type("stdp_triplet_synaps")


def test_plastic_synapses_may_be_drawn_by_nest() -> None:
    post = cells(20)
    synapse = stdp(0.3, 1.5, sim.MultiplicativeWeightDependence(w_max=0.8), tau_minus=33.0, A_plus=0.02, A_minus=0.03)
    projection = sim.Projection(cells(20), post, sim.FixedProbabilityConnector(0.5), synapse, native=True)
    sim.run(1.0)
    assert set(post._simulation.session._populations[post._spec.id].nodes.get("tau_minus")) == {33.0}
    for name, value in {"w_max": 0.8, "A_plus": 0.02, "A_minus": 0.03, "weight": 0.3, "tau_minus": 33.0}.items():
        np.testing.assert_allclose(projection.get(name, "list", with_address=False), value, rtol=1e-15)


def test_receptors_with_numbers_get_their_port() -> None:
    post = sim.Population(2, sim.native_cell_type("iaf_psc_exp_multisynapse")(tau_syn=[1.0, 2.0, 3.0]))
    for receptor in ("1", "3"):
        projection = sim.Projection(cells(1), post, sim.AllToAllConnector(), stdp(), receptor_type=receptor)
        sim.run(1.0)
        assert in_nest(projection).get("receptor") == [int(receptor)] * 2


def test_the_module_has_the_native_types() -> None:
    assert issubclass(sim.native_synapse_type("static_synapse"), sim.NativeSynapseType)
    assert sim.native_synapse_type is synapses.native_synapse_type


def test_synapse_types_in_equations_are_refused_with_a_sentence_and_stand_among_what_is_missing() -> None:
    from pyNN.equations import SynapseType
    from pyNN.nest.backend import NestBackend

    Seeing = SynapseType(name="StaticSynapse", on_pre="weight += 0.01*post.v/mV")
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp())
    with pytest.raises(CapabilityError, match="synapse type in equations, which NEST does not run.*'reference' runs"):
        sim.Projection(cells, cells, sim.AllToAllConnector(), Seeing(weight=0.1, delay=1.0))
        sim.run(1.0)
    sim.end()
    assert "synapse types in equations" in NestBackend.capabilities.missing
