"""Lines as users of PyNN write them, with what PyNN 0.13 on NEST 3.10 gave for them, on every backend."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from pyNN.connectors import Connector, FixedProbabilityConnector, MapConnector
from pyNN.errors import (
    CapabilityError,
    ConnectionError,
    ConnectorError,
    InvalidDimensionsError,
    InvalidParameterValueError,
    InvalidTimeError,
    NonExistentParameterError,
)
from pyNN.random import NativeRNG, NumpyRNG, RandomDistribution
from pyNN.utility.plotting import DataTable, Figure, Panel

# --- generators of the simulator ----------------------------------------------------------------------------------


@pytest.mark.trap("F8")
def test_native_generators_decide_on_connections_and_values(sim):
    """NativeRNG leaves the numbers to the simulator: here the simulation's own streams, which no other draw shifts."""
    sim.setup(timestep=0.1)
    cells = sim.Population(40, sim.IF_curr_exp(tau_m=RandomDistribution("uniform", (10.0, 20.0), rng=NativeRNG(5))))
    taus = np.asarray(cells.get("tau_m"))
    assert len(set(taus)) == 40 and taus.min() >= 10.0 and taus.max() < 20.0
    rng = NativeRNG(seed=1)
    connectors = [
        sim.FixedProbabilityConnector(0.5, rng=rng),
        sim.DistanceDependentProbabilityConnector("0.5", rng=rng),
        sim.FixedNumberPreConnector(20, rng=rng),
        sim.FixedNumberPostConnector(20, rng=rng),
        sim.FixedTotalNumberConnector(800, rng=rng),
    ]
    made = []
    for connector in connectors:
        weights = RandomDistribution("normal", (1.0, 0.1), rng=rng)
        projection = sim.Projection(cells, cells, connector, sim.StaticSynapse(weight=weights, delay=1.0))
        # 1600 pairs with p = 1/2 have a standard deviation of 20.
        assert abs(projection.size() - 800) < 100
        values = projection.get("weight", "list", with_address=False)
        assert np.mean(values) == pytest.approx(1.0, abs=0.02) and np.std(values) == pytest.approx(0.1, rel=0.2)
        made.append([(i, j) for i, j, _ in projection.get("weight", "list")])
    assert all(a != b for k, a in enumerate(made) for b in made[:k])


def test_a_native_generator_cannot_be_asked_for_numbers(sim):
    with pytest.raises(InvalidParameterValueError, match="NumpyRNG"):
        RandomDistribution("uniform", (0, 1), rng=sim.NativeRNG(3)).next(2)


# --- initial values -----------------------------------------------------------------------------------------------


@pytest.mark.requires("dynamics")
def test_the_threshold_of_a_gif_cell_is_computed(sim):
    """PyNN takes initial values of v_t and i_eta, shows them at t = 0 and has the computed values from then on."""
    sim.setup(timestep=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cells = sim.Population(
            2, sim.GIF_cond_exp(v_t_star=-55.0), initial_values={"v": -60.0, "v_t": -55.0, "i_eta": 0.0}
        )
        cells.initialize(v_t=-55.0)
    with pytest.warns(UserWarning, match="v_t has no effect.*set that instead"):
        others = sim.Population(2, sim.GIF_cond_exp(), initial_values={"v_t": -30.0})
    with pytest.warns(UserWarning, match="i_eta has no effect"):
        others.initialize(i_eta=0.5)
    for group in (cells, others):
        group.record(["v", "v_t", "i_eta"])
    sim.run(1.0)
    for group, threshold in ((cells, -55.0), (others, -48.0)):
        segment = group.get_data().segments[0]
        assert np.all(segment.filter(name="v_t")[0].magnitude == threshold)
        assert np.all(segment.filter(name="i_eta")[0].magnitude == 0.0)
    assert cells.get_data("v").segments[0].analogsignals[0].magnitude[0].tolist() == [-60.0, -60.0]


def quantal(sim, **initial):
    """Conductances (uS) that 200 synapses with 4 sites gave at their first spike, which is at 5 ms."""
    sim.setup(timestep=0.1, min_delay=1.0)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[5.0]))
    cells = sim.Population(200, sim.IF_cond_exp(tau_syn_E=1e9))
    synapse = sim.MultiQuantalSynapse(n=4, U=0.25, tau_rec=1e9, tau_facil=0.0, weight=0.001, delay=1.0)
    projection = sim.Projection(source, cells, sim.AllToAllConnector(), synapse)
    if initial:
        projection.initialize(**initial)
    cells.record("gsyn_exc")
    sim.run(10.0)
    return cells.get_data().segments[0].analogsignals[0].magnitude[-1] / 0.001, projection


@pytest.mark.requires("dynamics")
def test_a_quantal_synapse_starts_with_the_sites_that_a_script_says(sim):
    synapse = sim.MultiQuantalSynapse(n=4, U=0.25)
    released, _ = quantal(sim, a=synapse.parameter_space["n"], u=synapse.parameter_space["U"])
    # Binomial (4, 1/4): the mean of 200 has a standard error of 0.06; with tau_facil = 0 the initial u is gone.
    assert released.mean() == pytest.approx(1.0, abs=0.3) and released.max() <= 4.01
    for wrong in (5, -1, 0.5):
        with pytest.raises(InvalidParameterValueError, match="whole number from 0 to n"):
            quantal(sim, a=wrong)


@pytest.mark.requires("dynamics")
def test_a_quantal_synapse_with_no_full_site_releases_nothing(sim):
    full, _ = quantal(sim, a=4)
    assert full.mean() > 0.5
    try:
        released, _ = quantal(sim, a=0)
    except CapabilityError as error:
        assert "reference" in str(error) and sim.variant == "nest"
        return
    assert np.all(released == 0.0)


@pytest.mark.requires("dynamics")
def test_facilitation_of_a_quantal_synapse_has_an_initial_value(sim):
    """The first release has the probability U + u (1 - U) with the decayed u; NEST's model leaves out the decay."""
    sim.setup(timestep=0.1, min_delay=1.0)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[5.0]))
    cells = sim.Population(2000, sim.IF_cond_exp(tau_syn_E=1e9))
    synapse = sim.MultiQuantalSynapse(n=1, U=0.1, tau_facil=5.0, weight=0.001, delay=1.0)
    projection = sim.Projection(source, cells, sim.AllToAllConnector(), synapse)
    projection.initialize(u=0.8)
    cells.record("gsyn_exc")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sim.run(10.0)
    decayed = 0.8 if sim.variant == "nest" else None
    assert (decayed is not None) == any("does not decay" in str(w.message) for w in caught)
    # The spike is at the synapse between 5 and 6 ms, as the backend places the delay.
    range_of_u = [0.8, 0.8] if decayed else [0.8 * np.exp(-6.0 / 5.0), 0.8 * np.exp(-5.0 / 5.0)]
    p = [0.1 + u * 0.9 for u in range_of_u]
    mean = cells.get_data().segments[0].analogsignals[0].magnitude[-1].mean() / 0.001
    # Four standard errors of a share of 2000: below 0.045.
    assert p[0] - 0.045 < mean < p[1] + 0.045


# --- connectors of PyNN's kind ------------------------------------------------------------------------------------


class EveryOther(MapConnector):
    """A connector as users write them for PyNN: it makes the calls itself."""

    parameter_names = ("step",)

    def __init__(self, step, safe=True, callback=None):
        super().__init__(safe=safe, callback=callback)
        self.step = step

    def connect(self, projection):
        for j in range(projection.post.size):
            pre = np.arange(j % self.step, projection.pre.size, self.step)
            projection._convergent_connect(pre, j, weight=0.1 * (pre + 1), delay=1.0)


class AndTheFirst(FixedProbabilityConnector):
    """One of ours, with a connection more."""

    def connect(self, projection):
        super().connect(projection)
        projection._convergent_connect(np.array([0]), 0)


class Wrong(Connector):
    def __init__(self, indices, target):
        super().__init__()
        self.indices, self.target = indices, target

    def connect(self, projection):
        projection._convergent_connect(self.indices, self.target, weight=[0.1, 0.2])


def test_connectors_that_connect_by_hand(sim):
    sim.setup(timestep=0.1)
    pre, post = sim.Population(5, sim.IF_curr_exp()), sim.Population(3, sim.IF_curr_exp())
    synapse = sim.StaticSynapse(weight=7.0, delay=2.0)
    projection = sim.Projection(pre, post, EveryOther(2), synapse)
    expected = [(i, j, 0.1 * (i + 1), 1.0) for j in range(3) for i in range(j % 2, 5, 2)]
    np.testing.assert_allclose(projection.get(["weight", "delay"], "list"), expected, rtol=1e-15)
    mixed = sim.Projection(pre, post, AndTheFirst(1.0), synapse)
    assert mixed.size() == 16 and mixed.get(["weight", "delay"], "list")[0] == (0, 0, 7.0, 2.0)
    for connector, words in ((Wrong([0, 5], 0), "possible are 0 to 4"), (Wrong([0, 1], 3), "possible are 0 to 2"),
                             (Wrong([0, 1, 2], 1), "one number, or 3")):
        with pytest.raises(ConnectorError, match=words):
            sim.Projection(pre, post, connector, synapse)


# --- single lines -------------------------------------------------------------------------------------------------


def test_a_weight_of_none_is_the_default(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp())
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=None, delay=None))
    assert projection.get(["weight", "delay"], "list", with_address=False) == [(0.0, 0.1)] * 4
    rule = sim.STDPMechanism(sim.SpikePairRule(), sim.AdditiveWeightDependence(), weight=None)
    assert rule.parameter_space["weight"].base_value == 0.0


def test_step_currents_are_checked_when_they_are_made(sim):
    for times, amplitudes, error in (
        ([5.0, 2.0], [1.0, 2.0], InvalidTimeError),
        ([5.0, 5.0], [1.0, 2.0], InvalidTimeError),
        ([-1.0, 2.0], [1.0, 2.0], InvalidTimeError),
        ([5.0], [1.0, 2.0], InvalidDimensionsError),
    ):
        with pytest.raises(error, match="StepCurrentSource"):
            sim.StepCurrentSource(times=times, amplitudes=amplitudes)


def test_mistakes_with_single_cells_are_answered_with_what_to_do(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(3, sim.IF_curr_exp(), label="cells")
    with pytest.raises(AttributeError, match=r"population\[0:1\]\.set"):
        cells[0].set(tau_m=10.0)
    assert not hasattr(cells[0], "set")
    with pytest.raises(ConnectionError, match=r"population\[0:1\]"):
        sim.Projection(cells[0], cells, sim.AllToAllConnector())
    with pytest.raises(NonExistentParameterError, match="cells has no variable 'vv'. Did you mean 'v'"):
        cells.find_units("vv")


def test_templates_of_descriptions_find_what_pynn_gives_them(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(3, sim.IF_curr_exp(tau_m=[1.0, 2.0, 3.0]), label="cells")
    names = {"label", "celltype", "structure", "size", "size_local", "first_id", "last_id", "local_first_id"}
    context = cells.describe(template=None)
    assert names < set(context)
    assert context["local_first_id"] == cells[0] and context["cell_parameters"] == cells[0].get_parameters()


def test_an_assembly_takes_what_it_has_already(sim):
    sim.setup(timestep=0.1)
    cells, others = sim.Population(4, sim.IF_curr_exp()), sim.Population(2, sim.IF_curr_exp())
    both = sim.Assembly(cells, cells[1:3], others, cells)
    assert both.size == 6 and len(both.populations) == 2


def test_a_figure_may_leave_the_fitted_curve_away(sim, tmp_path):
    table = DataTable(np.arange(5.0), 2.0 * np.arange(5.0))
    lines = []
    for options in ({"show_fit": False}, {}):
        figure = Figure(Panel(table, **options))
        lines.append(len(figure.fig.axes[0].lines))
    table.fit_curve(lambda x, a: a * x, [1.0])
    for show in (True, False):
        lines.append(len(Figure(Panel(table, show_fit=show)).fig.axes[0].lines))
    assert lines == [1, 1, 2, 1]


@pytest.mark.requires("dynamics")
def test_numbers_that_pynn_gives(sim):
    """Potentials of current-driven cells that PyNN 0.13 on NEST 3.10 gave (mV), and its draws for a seed."""
    sim.setup(timestep=0.1, min_delay=0.1)
    cells = sim.Population(2, sim.IF_curr_exp(i_offset=[0.5, 0.7], tau_m=10.0, v_thresh=0.0))
    cells.record("v")
    sim.run(20.0)
    signal = cells.get_data("v").segments[0].analogsignals[0]
    time = np.arange(201) * 0.1
    # The membrane equation has this solution; all of it is machine precision with exact integration.
    expected = -65.0 + np.outer(1.0 - np.exp(-time / 10.0), [5.0, 7.0])
    assert signal.shape == (201, 2) and np.allclose(signal.magnitude, expected, rtol=0, atol=1e-9)
    draws = RandomDistribution("uniform", (0.0, 1.0), rng=NumpyRNG(42)).next(3)
    assert np.array_equal(draws, np.random.RandomState(42).uniform(size=3))


def test_nest_is_within_reach_of_scripts_that_ask_for_it(sim):
    if sim.variant == "nest":
        assert callable(sim.module.nest.GetKernelStatus)
    else:
        with pytest.raises(AttributeError):
            _ = sim.module.nest
