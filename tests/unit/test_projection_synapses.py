"""The front end of synapse types: parameters as columns, ranges, signs and bounds, electrical connections."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
import pytest

from pyNN.connectors.base import Connector
from pyNN.errors import (
    CapabilityError,
    ConnectionError,
    InvalidParameterValueError,
    InvalidWeightError,
    NonExistentParameterError,
    RoundingWarning,
)
from pyNN.random import NumpyRNG

sim: Any = importlib.import_module("pyNN.mock")


@pytest.fixture(autouse=True)
def fresh():
    sim.setup(timestep=0.1)


def cells(n=3, celltype="IF_cond_exp", **parameters):
    return sim.Population(n, getattr(sim, celltype)(**parameters))


def projection(synapse, celltype="IF_cond_exp", **kwargs):
    return sim.Projection(cells(2), cells(3, celltype), sim.AllToAllConnector(), synapse, **kwargs)


def column(prj, name):
    return prj.get(name, "list", with_address=False)


def stdp(weight=0.05, w_min=0.0, w_max=0.1, **rule):
    return sim.STDPMechanism(
        sim.SpikePairRule(**rule), sim.AdditiveWeightDependence(w_min=w_min, w_max=w_max), weight=weight, delay=1.0
    )


# --- columns ----------------------------------------------------------------------------------------------------------

DISTANCES = [0.0, 1.0, 1.0, 0.0, 2.0, 1.0]
"""Of two cells and three on lines, in the order of get(): by post, then pre."""
VALUES = {
    "number": (20.0, [20.0] * 6),
    "list": ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    "array": (np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]),
    "expression": ("10 + d", [10.0 + d for d in DISTANCES]),
    "function": (lambda d: 5.0 + d * d, [5.0 + d * d for d in DISTANCES]),
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda **kw: sim.TsodyksMarkramSynapse(weight=0.1, delay=1.0, **kw), "tau_rec"),
        (lambda **kw: sim.MultiQuantalSynapse(weight=0.1, delay=1.0, **kw), "n"),
        (lambda **kw: sim.ElectricalSynapse(**kw), "weight"),
    ],
)
def test_every_parameter_takes_every_kind_of_value(make, name, kind):
    given, expected = VALUES[kind]
    prj = projection(make(**{name: given}))
    assert column(prj, name) == pytest.approx(expected, rel=1e-12)
    other = projection(make(**{name: 7.0}))
    other.set(**{name: given})
    assert column(other, name) == pytest.approx(expected, rel=1e-12)
    sim.run(1.0)
    assert column(other, name) == pytest.approx(expected, rel=1e-12)


def test_random_parameters_are_drawn_for_each_connection_and_independently():
    uniform = sim.RandomDistribution("uniform", (0.2, 0.4), rng=NumpyRNG(3))
    pre, post = cells(40), cells(50)
    prj = sim.Projection(
        pre, post, sim.AllToAllConnector(), sim.TsodyksMarkramSynapse(weight=uniform, delay=1.0, U=uniform)
    )
    weight, use = (np.array(column(prj, name)) for name in ("weight", "U"))
    assert 0.2 <= use.min() < use.max() <= 0.4 and np.unique(use).size == 2000
    # 2000 pairs: the standard deviation of a correlation is 0.022.
    assert abs(np.corrcoef(weight, use)[0, 1]) < 5 * 0.0224


def test_plastic_parameters_are_flat_columns_in_pynns_units():
    prj = projection(stdp(tau_plus=[10.0, 11.0, 12.0, 13.0, 14.0, 15.0], A_minus=0.02))
    assert column(prj, "tau_plus") == [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]
    assert column(prj, "A_minus") == [0.02] * 6 and column(prj, "w_max") == [0.1] * 6
    prj.set(w_max=0.2)
    assert column(prj, "w_max") == [0.2] * 6


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: sim.TsodyksMarkramSynapse(weight=0.1, tau_rec=0.0), "tau_rec=0 ms .* greater than 0"),
        (lambda: sim.TsodyksMarkramSynapse(weight=0.1, tau_facil=-1.0), "tau_facil=-1 ms .* at least 0"),
        (lambda: sim.TsodyksMarkramSynapse(weight=0.1, U=[0.1, 0.2, -0.3, 0.4, 0.5, 0.6]), "U=-0.3 .* at least 0"),
        (lambda: sim.ElectricalSynapse(weight=-0.1), "weight=-0.1 uS .* at least 0"),
        (lambda: stdp(tau_plus=0.0), "tau_plus=0 ms .* greater than 0"),
    ],
)
def test_values_out_of_their_range_are_refused(make, match):
    with pytest.raises(InvalidParameterValueError, match=match):
        projection(make())


def test_a_wrong_set_changes_nothing():
    prj = projection(sim.TsodyksMarkramSynapse(weight=0.1, delay=1.0, U=0.5, tau_rec=100.0))
    with pytest.raises(InvalidParameterValueError, match="tau_rec=-1 ms"):
        prj.set(U=0.2, tau_rec=-1.0)
    with pytest.raises(NonExistentParameterError, match="no parameter 'u'.*state variable"):
        prj.set(U=0.2, u=0.1)
    assert column(prj, "U") == [0.5] * 6 and column(prj, "tau_rec") == [100.0] * 6


# --- signs and bounds -------------------------------------------------------------------------------------------------


def test_bounds_have_the_sign_of_the_weights():
    with pytest.raises(InvalidWeightError, match="w_max = -0.1 uS has the wrong sign"):
        projection(stdp(w_max=-0.1))
    prj = projection(stdp())
    with pytest.raises(InvalidWeightError, match="w_min = -0.1 uS has the wrong sign"):
        prj.set(w_min=-0.1)
    assert column(prj, "w_min") == [0.0] * 6


def test_inhibition_by_current_has_bounds_of_either_sign():
    for w_max in (0.1, -0.1):
        prj = projection(stdp(weight=-0.05, w_max=w_max), "IF_curr_exp", receptor_type="inhibitory")
        assert column(prj, "weight") == [-0.05] * 6
    with pytest.raises(InvalidWeightError, match="wrong sign"):
        projection(stdp(weight=0.05), "IF_curr_exp", receptor_type="inhibitory")


def test_bounds_that_no_weight_lies_between_are_refused():
    with pytest.raises(InvalidWeightError, match="w_min = 0.3 and w_max = 0.1 uS"):
        projection(stdp(w_min=0.3))
    with pytest.raises(InvalidWeightError, match="negative, w_max bounds the strongest.*w_min=0, w_max=0.1"):
        projection(stdp(weight=-0.05, w_min=-0.1, w_max=0.0), "IF_curr_exp", receptor_type="inhibitory")
    prj = projection(stdp(w_min=[0.0, 0.01, 0.02, 0.03, 0.04, 0.05]))
    with pytest.raises(InvalidWeightError, match="w_min = 0.05 and w_max = 0.045"):
        prj.set(w_max=0.045)
    with pytest.raises(InvalidWeightError, match="finite"):
        prj.set(w_max=np.inf)


# --- electrical connections -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("receptor", [None, "gap", "source_section.gap"])
def test_electrical_connections_have_no_delay_and_no_receptor(receptor):
    source = "source_section" if receptor == "source_section.gap" else None
    prj = projection(sim.ElectricalSynapse(weight=0.01), receptor_type=receptor, source=source)
    assert prj.receptor_type == "gap" and prj.recordable == {"weight": "uS"}
    with pytest.raises(NonExistentParameterError, match="no parameter 'delay'"):
        prj.get("delay", "list")
    sim.Projection(cells(), cells(), sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1, delay=2.0))
    # What has no delay does not count for the smallest.
    assert sim.get_min_delay() == 2.0


def test_electrical_connections_need_membrane_potentials_and_nothing_else():
    sources = sim.Population(2, sim.SpikeSourcePoisson())
    synapse = sim.ElectricalSynapse(weight=0.01)
    for pre, post in ((sources, cells()), (cells(), sources)):
        with pytest.raises(ConnectionError, match="SpikeSourcePoisson.* have none"):
            sim.Projection(pre, post, sim.AllToAllConnector(), synapse)
    with pytest.raises(ConnectionError, match="receptor_type='excitatory' has no place"):
        projection(synapse, receptor_type="excitatory")
    with pytest.raises(CapabilityError, match="made by the core"):
        projection(synapse, native=True)
    rows = sim.FromListConnector([(0, 1, 0.1, 1.0)])
    with pytest.raises(NonExistentParameterError, match="delay"):
        sim.Projection(cells(), cells(), rows, synapse)


# --- connectors -------------------------------------------------------------------------------------------------------

CONNECTORS = {
    "AllToAllConnector": (),
    "OneToOneConnector": (),
    "FixedProbabilityConnector": (0.5,),
    "DistanceDependentProbabilityConnector": ("d < 2",),
    "DisplacementDependentProbabilityConnector": (lambda d: d[0] > 0,),
    "FixedNumberPreConnector": (2,),
    "FixedNumberPostConnector": (2,),
    "FixedTotalNumberConnector": (5,),
    "SmallWorldConnector": (1.5, 0.1),
    "FromListConnector": ([(0, 1)],),
    "ArrayConnector": (np.eye(4),),
}


@pytest.mark.parametrize("name", CONNECTORS)
@pytest.mark.parametrize("location", [None, "all", "soma"])
def test_points_are_all_soma(name, location):
    connector = getattr(sim, name)(*CONNECTORS[name], location_selector=location)
    group = cells(4)
    prj = sim.Projection(group, group, connector, sim.StaticSynapse(weight=0.1))
    assert len(prj) > 0 and connector.location_selector == location


@pytest.mark.parametrize("location", ["dendrite", 0.5, ["soma"]])
def test_other_locations_are_refused_with_the_reason(location):
    for name, arguments in CONNECTORS.items():
        with pytest.raises(CapabilityError, match=f"{name} was given .* cells are points here.*'all' and 'soma'"):
            getattr(sim, name)(*arguments, location_selector=location)


@pytest.mark.parametrize("name", CONNECTORS)
def test_every_connector_tells_its_progress(name):
    told: list[float] = []
    group = cells(4)
    sim.Projection(group, group, getattr(sim, name)(*CONNECTORS[name], callback=told.append), sim.StaticSynapse())
    assert told == sorted(told) and told[-1] == 1.0


def test_a_clone_tells_its_progress_too():
    told: list[float] = []
    prj = projection(sim.StaticSynapse())
    sim.Projection(prj.pre, prj.post, sim.CloneConnector(prj, callback=told.append), sim.StaticSynapse())
    assert told[-1] == 1.0


def test_a_callback_is_a_function():
    with pytest.raises(ConnectionError, match="callback must be a function"):
        Connector(callback=3)  # type: ignore[arg-type]


# --- delays -----------------------------------------------------------------------------------------------------------


def test_many_delays_off_the_grid_give_one_warning():
    delays = sim.RandomDistribution("uniform", (1.0, 2.0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        prj = sim.Projection(
            cells(20), cells(20), sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1, delay=delays)
        )
        prj.get("delay", "list")
        sim.run(1.0)
    assert [w.category for w in caught] == [RoundingWarning]
    given = np.array(column(prj, "delay"))
    assert np.allclose(given, np.round(given, 1), rtol=0, atol=1e-12)


# --- current sources --------------------------------------------------------------------------------------------------


def test_a_subclass_of_a_current_source_is_still_that_model():
    class StrongDC(sim.DCSource):
        """With other defaults, or methods of its own."""

        def double(self):
            self.set_parameters(amplitude=2.0 * self.get_parameters()["amplitude"])

    class StrongerDC(StrongDC):
        pass

    for kind in (StrongDC, StrongerDC):
        assert kind.definition.name == "DCSource"
        source = kind(amplitude=0.5)
        group = cells()
        source.inject_into(group)
        source.record()
        sim.run(1.0)
        source.double()
        sim.run(1.0)
        expected = np.r_[np.full(10, 0.5), np.full(11, 1.0)]
        assert np.array_equal(source.get_data().magnitude[-21:, 0], expected)
        sim.setup(timestep=0.1)


def test_noise_with_generators():
    """Sources that share a generator differ from each other, as do trials; other values are refused."""
    rng = NumpyRNG(5)
    first, second = (sim.NoisyCurrentSource(stdev=1.0, rng=rng) for _ in range(2))
    group = cells()
    for source in (first, second):
        source.inject_into(group)
        source.record()
    sim.run(10.0)
    values = [source.get_data().magnitude[:, 0] for source in (first, second)]
    sim.reset()
    sim.run(10.0)
    values.append(first.get_data().magnitude[:, 0])
    # 101 independent values each; the standard deviation of a correlation is 0.1.
    assert np.abs(np.corrcoef(values) - np.eye(3)).max() < 0.5
    assert first.rng is rng and "rng" not in first.get_parameters()
    for wrong in (5, sim.NativeRNG()):
        with pytest.raises(InvalidParameterValueError, match="rng must be a generator with a seed"):
            sim.NoisyCurrentSource(rng=wrong)


def test_a_source_without_a_signal_is_named():
    from pyNN.errors import NoModelAvailableError
    from pyNN.models import Parameter
    from pyNN.standardmodels.base import StandardCurrentSource

    class Chirp(StandardCurrentSource):
        parameters = {"amplitude": Parameter(1.0, "nA", "")}

    assert Chirp.definition.name == "Chirp"
    with pytest.raises(NoModelAvailableError, match="Chirp"):
        Chirp().inject_into(cells())
