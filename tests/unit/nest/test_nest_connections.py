"""Connections on NEST: what is asked for is there, in the order of the table; natively drawn ones follow their rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyNN.errors import CapabilityError, InvalidWeightError, NonExistentParameterError
from pyNN.nest import connections, versions
from pyNN.random import RandomDistribution


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("receptor", ["excitatory", "inhibitory"])
def test_weights_and_delays_come_back_in_the_order_of_the_table(
    build: Any, part: Any, open_session: Any, threads: int, receptor: str
) -> None:
    rng = np.random.default_rng(2)
    pre, post = build.population("IF_curr_exp", 30), build.population("IF_cond_exp", 20)
    # Far more connections than pairs: most are parallel ones.
    pairs = np.stack([rng.integers(0, 30, 3000), rng.integers(0, 20, 3000)], axis=1)
    weights, delays = rng.choice([0.001, 0.002, 0.003], 3000), rng.integers(1, 4, 3000)
    projection = build.projection(pre, post, weights, delays, pairs, receptor)
    session = open_session(threads=threads)
    session.build(part(pre, post, projection))
    for _ in range(2):  # NEST sorts connections when it first runs
        np.testing.assert_array_equal(session.read_synapses(0, "weight"), projection.table.columns["weight"])
        np.testing.assert_allclose(session.read_synapses(0, "delay"), projection.table.delay_steps * 0.1, rtol=1e-14)
        session.advance(10)
    new = rng.uniform(0.0, 0.01, 3000)
    session.write_synapses(0, "weight", new)
    session.advance(1)
    session.build(part(build.projection(pre, post, 0.5, 2)))
    np.testing.assert_array_equal(session.read_synapses(0, "weight"), new)
    assert session.read_connections(0)[0].tolist() == projection.table.pre.tolist()


def test_what_nest_holds_is_in_its_own_units_and_sign(build: Any, part: Any, open_session: Any) -> None:
    nest = versions.load_nest()

    pre, post = build.population("IF_curr_exp", 2), build.population("IF_cond_alpha", 1)
    session = open_session()
    session.build(part(pre, post, build.projection(pre, post, np.array([0.05, 0.07]), 15, receptor="inhibitory")))
    found = nest.GetConnections().get(["source", "target", "weight", "delay"])
    assert found == {"source": [1, 2], "target": [3, 3], "weight": [-50.0, -70.0], "delay": [1.5, 1.5]}


def test_an_assembly_of_targets_gets_each_models_own_unit(build: Any, part: Any, open_session: Any) -> None:
    source = build.population("SpikeSourceArray", spike_times=np.array([0.5]))
    delta, current = build.population("IF_curr_delta", 2), build.population("IF_curr_exp", 2)
    targets = np.concatenate([build.ids(current)[:1], build.ids(delta), build.ids(current)[1:]])
    projection = build.projection(source, targets, np.array([1.0, 2.0, 3.0, 4.0]), 1)
    session = open_session()
    session.build(part(delta, current, projection, source))
    nest = versions.load_nest()

    found = nest.GetConnections(synapse_model=session._connections._built[0].selections[0].synapse_model)
    assert sorted(found.get("weight")) == [2.0, 3.0, 1000.0, 4000.0]
    assert session.read_synapses(0, "weight").tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("own_models", [300, 1])
def test_blocks_and_shared_models_give_the_same_connections(
    build: Any, part: Any, open_session: Any, monkeypatch: pytest.MonkeyPatch, own_models: int
) -> None:
    monkeypatch.setattr(versions, "MAX_CONNECTIONS", 7)
    monkeypatch.setattr(connections, "_OWN_MODELS_AT_MOST", own_models)
    rng = np.random.default_rng(3)
    pre, post = build.population("IF_curr_exp", 5), build.population("IF_curr_exp", 6)
    projections = [
        build.projection(pre, post, rng.uniform(0, 1, 30), rng.integers(1, 9, 30)),
        build.projection(pre, post, 0.25, 3),
        build.projection(pre, post, rng.uniform(0, 1, 30), 4),
    ]
    session = open_session()
    session.build(part(pre, post, *projections))
    session.advance(1)
    for p in projections:
        np.testing.assert_array_equal(session.read_synapses(p.id, "weight"), p.table.column("weight"))
        np.testing.assert_allclose(session.read_synapses(p.id, "delay"), p.table.delays * 0.1, rtol=1e-14)
    session.write_synapses(1, "weight", np.arange(30.0))
    session.advance(1)
    assert session.read_synapses(1, "weight").tolist() == list(range(30))
    np.testing.assert_array_equal(session.read_synapses(2, "weight"), projections[2].table.column("weight"))
    assert len(session._connections._built[0].selections) == 5


def test_more_projections_than_nest_has_synapse_models(build: Any, part: Any, open_session: Any) -> None:
    a, b = build.population("IF_curr_exp", 1), build.population("IF_curr_exp", 1)
    projections = [build.projection(a, b, 0.001 * k, 1 + k % 5) for k in range(versions.MAX_SYNAPSE_MODELS + 50)]
    session = open_session()
    session.build(part(a, b, *projections))
    assert session.read_synapses(projections[-1].id, "weight").tolist() == [0.001 * (len(projections) - 1)]
    assert session.read_synapses(3, "weight").tolist() == [0.003]


def test_nothing_is_connected_by_an_empty_projection(build: Any, part: Any, open_session: Any) -> None:
    none, some = build.population("IF_curr_exp", 0), build.population("IF_curr_exp", 3)
    empty = build.projection(some, some, 0.1, 1, pairs=[])
    session = open_session()
    session.build(part(none, some, empty, build.projection(none, some, 0.1, 1), build.record(none, "v")))
    session.advance(3)
    assert session.read_synapses(0, "weight").shape == (0,)
    assert session.collect(0).shape == (4, 0)
    session.write_synapses(0, "weight", 3.0)
    assert session.read_cells(0, "v").shape == (0,)


def test_weights_of_the_wrong_sign_are_refused_before_anything_is_created(
    build: Any, part: Any, open_session: Any
) -> None:
    nest = versions.load_nest()

    cells = build.population("IF_curr_exp", 2)
    session = open_session()
    with pytest.raises(InvalidWeightError, match=r"weight -0\.5, .*'excitatory' must be positive"):
        session.build(part(cells, build.projection(cells, cells, np.array([1, 1, -0.5, 1]), 1)))
    assert nest.network_size == 0
    build.populations.clear()
    cells = build.population("IF_curr_exp", 2)
    projection = build.projection(cells, cells, -0.5, 1, receptor="inhibitory")
    session.build(part(cells, projection))
    with pytest.raises(InvalidWeightError, match="'inhibitory' must be negative"):
        session.write_synapses(projection.id, "weight", 1.0)


def test_delays_and_unknown_attributes_cannot_be_set(build: Any, part: Any, open_session: Any) -> None:
    cells = build.population("IF_curr_exp", 2)
    session = open_session()
    session.build(part(cells, build.projection(cells, cells, 0.5, 1)))
    with pytest.raises(CapabilityError, match="cannot change delays"):
        session.write_synapses(0, "delay", 1.0)
    with pytest.raises(NonExistentParameterError, match="'weigt'.*Did you mean 'weight'"):
        session.read_synapses(0, "weigt")


def test_delays_outside_the_range_of_the_first_run_are_refused(build: Any, part: Any, open_session: Any) -> None:
    cells = build.population("IF_curr_exp", 2)
    session = open_session()
    session.build(part(cells, build.projection(cells, cells, 0.5, 5)))
    session.build(part(build.projection(cells, cells, 0.5, 3)))  # before the first step anything goes
    session.advance(1)
    for delay in (2, 6):
        with pytest.raises(CapabilityError, match=r"delays of 0\.3 to 0\.5 ms"):
            session.build(part(build.projection(cells, cells, 0.5, delay)))
    session.build(part(build.projection(cells, cells, 0.5, 4)))
    assert session.read_synapses(4, "delay").tolist() == [0.4] * 4


def test_setup_can_make_room_for_later_delays(build: Any, part: Any, open_session: Any) -> None:
    cells = build.population("IF_curr_exp", 2)
    session = open_session(min_delay_steps=2, max_delay_steps=50)
    session.build(part(cells, build.projection(cells, cells, 0.5, 5)))
    session.advance(1)
    session.build(part(build.projection(cells, cells, 0.5, 2), build.projection(cells, cells, 0.5, 50)))
    assert session.read_synapses(2, "delay").tolist() == [5.0] * 4


NATIVE = [
    ("AllToAllConnector", {"allow_self_connections": True}, 900),
    ("AllToAllConnector", {"allow_self_connections": False}, 870),
    ("OneToOneConnector", {}, 30),
    ("FixedNumberPreConnector", {"n": 7, "with_replacement": False, "allow_self_connections": False}, 210),
    ("FixedNumberPostConnector", {"n": 4, "with_replacement": True, "allow_self_connections": True}, 120),
    ("FixedTotalNumberConnector", {"n": 55, "with_replacement": True, "allow_self_connections": True}, 55),
    ("FixedProbabilityConnector", {"p_connect": 0.3, "allow_self_connections": True}, None),
]


@pytest.mark.parametrize(("name", "parameters", "count"), NATIVE)
def test_nest_draws_connections_by_the_rule_and_says_which(
    build: Any, part: Any, open_session: Any, name: str, parameters: dict[str, Any], count: int | None
) -> None:
    cells = build.population("IF_curr_exp", 30)
    weight = RandomDistribution("uniform", low=0.1, high=0.2)
    projection = build.native_projection(cells, cells, name, weight=weight, delay=0.7, **parameters)
    session = open_session()
    session.build(part(cells, projection))
    session.advance(5)
    pre, post = session.read_connections(0)
    weights = session.read_synapses(0, "weight")
    assert len(pre) == len(weights) == (count if count is not None else len(pre))
    assert np.array_equal(np.lexsort((pre, post)), np.arange(len(pre)))
    assert ((weights >= 0.1) & (weights < 0.2)).all() and len(np.unique(weights)) > 1
    assert session.read_synapses(0, "delay").tolist() == [0.7000000000000001] * len(pre)
    if parameters.get("allow_self_connections") is False:
        assert (pre != post).all()
    if name == "FixedNumberPreConnector":
        assert (np.bincount(post) == 7).all() and len(set(zip(pre, post, strict=True))) == 210
    if name == "FixedNumberPostConnector":
        assert (np.bincount(pre) == 4).all()
    if name == "FixedProbabilityConnector":
        # 900 pairs, p = 0.3: mean 270, standard deviation 13.7; five of them.
        assert abs(len(pre) - 270) < 69
    session.write_synapses(0, "weight", weights * 2)
    session.advance(1)
    np.testing.assert_array_equal(session.read_synapses(0, "weight"), weights * 2)


def test_the_seed_determines_what_nest_draws(build: Any, part: Any, open_session: Any) -> None:
    found = []
    for seed in (1, 1, 2):
        build.populations.clear()
        cells = build.population("IF_curr_exp", 20)
        session = open_session(rng_seed=seed)
        projection = build.native_projection(cells, cells, "FixedProbabilityConnector", p_connect=0.5)
        session.build(part(cells, projection))
        found.append([x.tolist() for x in session.read_connections(projection.id)])
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("DistanceDependentProbabilityConnector", {}, "cannot draw a DistanceDependentProbabilityConnector"),
        ("AllToAllConnector", {"allow_self_connections": "NoMutual"}, "allow_self_connections='NoMutual'"),
        ("FixedNumberPreConnector", {"n": RandomDistribution("uniform_int", low=1, high=5)}, "whole number n only"),
        ("AllToAllConnector", {"weight": RandomDistribution("vonmises", mu=0.0, kappa=1.0)}, "'vonmises'"),
        ("AllToAllConnector", {"weight": "d*0.1"}, "must be a number or a RandomDistribution"),
    ],
)
def test_what_nest_cannot_draw_is_refused_first(
    build: Any, part: Any, backend: Any, name: str, values: dict[str, Any], message: str
) -> None:
    from pyNN.backend import Settings

    cells = build.population("IF_curr_exp", 3)
    projection = build.native_projection(cells, cells, name, **values)
    with pytest.raises(CapabilityError, match=message):
        backend.check(part(cells, projection), Settings(0.1, None, None, 1))


@pytest.mark.parametrize(
    ("weight", "receptor"),
    [
        (RandomDistribution("normal", mu=1.0, sigma=0.1), "excitatory"),
        (RandomDistribution("uniform", low=-0.1, high=0.2), "inhibitory"),
        (-0.1, "excitatory"),
    ],
)
def test_natively_drawn_weights_must_have_one_sign(
    build: Any, part: Any, open_session: Any, weight: Any, receptor: str
) -> None:
    cells = build.population("IF_curr_exp", 3)
    session = open_session()
    with pytest.raises(InvalidWeightError, match=f"may draw the weight .*'{receptor}' must be"):
        session.build(part(cells, build.native_projection(cells, cells, "AllToAllConnector", receptor, weight=weight)))


@pytest.mark.parametrize(
    "weight",
    [
        RandomDistribution("normal_clipped", mu=0.5, sigma=0.5, low=0.4, high=0.6),
        RandomDistribution("lognormal", mu=-1.0, sigma=0.5),
        RandomDistribution("exponential", beta=0.2),
    ],
)
def test_natively_drawn_weights_have_the_distribution(build: Any, part: Any, open_session: Any, weight: Any) -> None:
    from scipy.stats import kstest

    cells = build.population("IF_cond_exp", 60)
    session = open_session()
    session.build(part(cells, build.native_projection(cells, cells, "AllToAllConnector", "inhibitory", weight=weight)))
    drawn = session.read_synapses(0, "weight")
    quantiles = weight.draw(7, np.arange(20000), 0)
    # Two samples of one distribution: p < 1e-4 once in ten thousand seeds, and this seed is fixed.
    assert kstest(drawn, quantiles).pvalue > 1e-4


def test_cells_out_of_order_cannot_be_connected_natively(build: Any, part: Any, open_session: Any) -> None:
    cells = build.population("IF_curr_exp", 3)
    projection = build.native_projection(cells, cells, "OneToOneConnector")
    projection.post = projection.post[::-1]
    session = open_session()
    with pytest.raises(CapabilityError, match="post cells in ascending order"):
        session.build(part(cells, projection))


def test_spikes_in_flight_survive_a_change_of_the_network(build: Any, part: Any, open_session: Any) -> None:
    source = build.population("SpikeSourceArray", 40, spike_times=np.array([1.0]))
    counter = {"tau_m": 1e9, "v_rest": 0.0, "v_reset": -100.0, "v_thresh": 1e6}
    target = build.population("IF_curr_delta", 30, init={"v": 0.0}, **counter)
    session = open_session(max_delay_steps=5)
    session.build(part(source, target, build.projection(source, target, 1.0, 5)))
    session.advance(10)  # the spikes have been sent in the step that just ended
    late = build.population("IF_curr_delta", 5, init={"v": 0.0}, **counter)
    session.build(part(late, build.projection(late, target, 9.0, 5), build.projection(source, late, 1.0, 5)))
    session.advance(10)
    np.testing.assert_allclose(session.read_cells(1, "v"), 40.0, rtol=1e-6)
    np.testing.assert_allclose(session.read_cells(2, "v"), 0.0, atol=1e-6)
