"""What groups tell and do in a run: cells that fired last, code at times, states, checks before the run."""

from __future__ import annotations

import sys
import types
import warnings

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.equations.brian import Equations
from pyNN.equations.brian_units import mV
from pyNN.errors import (
    AmbiguousNameWarning,
    CapabilityError,
    InvalidParameterValueError,
    InvalidTimeError,
    MissingPackageError,
    SimulatorError,
)
from pyNN.neuron_group import UnknownVariableError, UnlinkedVariableError


def counting(n=3):
    """Cells that fire every 1, 2 and 0 ms."""
    model = "dv/dt = k*mV/ms : volt\nk : 1"
    group = sim.NeuronGroup(n, model, threshold="v > 0.95*mV", reset="v = 0*mV", method="euler", namespace={})
    group.k = np.array([1.0, 0.5, 0.0])[:n]
    return group


@pytest.mark.parametrize(("engine", "threads"), [("numpy", 1), ("numba", 2)])
def test_cells_that_fired_in_the_last_step_are_those_that_are_recorded(engine, threads):
    sim.setup(timestep=0.1, engine=engine, threads=threads)
    group = counting()
    assert group.spikes.size == 0
    group.record("spikes")
    seen = []

    @sim.network_operation
    def look(t):
        seen.extend((round(t, 1), int(cell)) for cell in group.spikes)

    sim.run(5.0)
    seen.extend((5.0, int(cell)) for cell in group.spikes)
    trains = group.get_data().segments[0].spiketrains
    assert sorted(seen) == sorted((round(float(t), 1), k) for k, train in enumerate(trains) for t in train)
    assert len(seen) == 7


def test_spikes_are_known_from_the_first_question_on(monkeypatch):
    sim.setup(timestep=0.1, engine="numpy")
    group = counting()
    sim.run(1.0)
    with pytest.raises(InvalidTimeError, match="before the run"):
        _ = group.spikes
    monkeypatch.setattr("pyNN.neuron_group._SPIKES_KEPT", 2)
    sim.run(4.0)
    # Asked twice, also after old spikes were forgotten.
    assert group.spikes.tolist() == group.spikes.tolist() == [0]
    sim.run(0.1)
    assert group.spikes.size == 0


def test_code_at_times():
    sim.setup(timestep=0.1, engine="numpy")
    group = sim.NeuronGroup(2, "v : volt", namespace={})
    operation = group.run_at("v += (i + 1)*mV", [3.04, 1.0], name="kick")
    sim.run(1.0)
    assert group.v_.tolist() == [0.0, 0.0]
    sim.run(1.0)
    assert group.v_.tolist() == [1.0, 2.0] and operation.name == "kick"
    sim.run(1.1)
    assert group.v_.tolist() == [2.0, 4.0]
    late = group.run_at("v = 0*mV", 10.0)
    late.active = False
    sim.run(10.0)
    assert group.v_.tolist() == [2.0, 4.0] and "kick" in str(sim.scheduling_summary())
    for times, words in (([1.0, 1.02], "1 ms twice"), (-1.0, "not negative"), (["x"], "time in ms")):
        with pytest.raises(InvalidTimeError, match=words):
            group.run_at("v = 0*mV", times)


def test_states_as_dictionary_and_as_table(monkeypatch):
    sim.setup(timestep=0.1, engine="numpy")
    group = sim.NeuronGroup(3, "v : volt\nx = 2*v : volt\nk : integer", namespace={})
    group.v = "i*mV"
    assert set(group.get_states()) == {"v", "k"} and str(group.get_states(["v"])["v"].units.dimensionality) == "mV"
    everything = group.get_states(units=False, subexpressions=True, read_only_variables=True)
    assert everything["x"].tolist() == [0.0, 2.0, 4.0] and everything["i"].tolist() == [0, 1, 2]
    assert everything["N"] == 3 and everything["dt"] == 0.1
    group.set_states({"v": [1, 2, 3] * mV, "k": 4})
    assert group.v_.tolist() == [1.0, 2.0, 3.0] and group.k_.tolist() == [4, 4, 4]
    with pytest.raises(UnknownVariableError):
        group.set_states({"v": 0.0, "w": 1.0})
    assert group.v_.tolist() == [1.0, 2.0, 3.0]

    class Table(dict):
        columns = property(lambda self: list(self))

    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=Table))
    table = group.get_states(units=False, format="pandas", read_only_variables=True)
    assert table["v"].tolist() == [1.0, 2.0, 3.0] and table["N"].tolist() == [3, 3, 3]
    group.set_states(Table(v=np.array([5.0, 6.0, 7.0])), format="pandas")
    assert group.v_.tolist() == [5.0, 6.0, 7.0]
    with pytest.raises(CapabilityError, match="units=False"):
        group.get_states(format="pandas")
    with pytest.raises(InvalidParameterValueError):
        group.get_states(format="csv")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackageError, match="pip install pandas"):
        group.get_states(units=False, format="pandas")


def test_checks_and_other_values_before_the_run():
    sim.setup(timestep=0.1, engine="numpy")
    tau = 10.0
    group = sim.NeuronGroup(1, "dx/dt = k/(tau*ms) : 1\nk : 1", method="euler", name="g")
    group.k = 2.0
    group.before_run()
    group.before_run({"tau": tau / 2})
    sim.run(10.0)
    # 10 ms of 2/(5 ms).
    assert np.isclose(group.x_[0], 4.0)
    with pytest.raises(CapabilityError, match="has run"):
        group.before_run({"tau": 1.0})
    with pytest.raises(UnknownVariableError, match="Did you mean 'tau'"):
        group.before_run({"tua": 1.0})
    linked = sim.NeuronGroup(1, "y : 1 (linked)\ndz/dt = y/ms : 1")
    with pytest.raises(UnlinkedVariableError):
        linked.before_run()
    broken = sim.NeuronGroup(2, "y : 1")
    broken.y = [1.0, np.inf]
    with pytest.raises(SimulatorError, match="'y' of cell 1"):
        broken.before_run()


def test_a_name_with_two_meanings_is_a_warning():
    sim.setup(timestep=0.1, engine="numpy")
    with pytest.warns(AmbiguousNameWarning, match="'a' is a variable of the model"):
        sim.NeuronGroup(1, "dx/dt = a/ms : 1\na : 1", namespace={"a": 3})
    with pytest.warns(AmbiguousNameWarning, match="'mV' is a unit"):
        sim.NeuronGroup(1, "dx/dt = 1*mV/ms : volt", namespace={"mV": 3})
    a = 4.0
    with pytest.warns(AmbiguousNameWarning, match="variable of the script"):
        sim.NeuronGroup(1, "dx/dt = a/ms : 1\na : 1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sim.NeuronGroup(1, "dx/dt = b/ms : 1\nb : 1", namespace={"unused": a})


def test_options_of_methods():
    sim.setup(timestep=0.1, engine="numpy")
    sim.NeuronGroup(1, "dx/dt = -x/ms : 1", method="exact", method_options={"simplify": False}, namespace={})
    with pytest.raises(KeyError, match="'simplyfy' is no option"):
        sim.NeuronGroup(1, "x : 1", method_options={"simplyfy": True})
    with pytest.raises(CapabilityError, match="adaptable_timestep=False"):
        sim.NeuronGroup(1, "x : 1", method="gsl", method_options={"adaptable_timestep": False})


def test_groups_and_equations_show_themselves():
    sim.setup(timestep=0.1, engine="numpy")
    equations = Equations("dx/dt = -x/tau_m : volt\ntau_m : second\ny = x**2 : volt**2")
    shown = equations._repr_latex_()
    assert shown.startswith("$$\\begin{aligned}") and r"\frac{dx}{dt} &= \frac{-x}{\tau_{m}}" in shown
    group = sim.NeuronGroup(2, equations, name="shown <1>")
    assert group._repr_latex_() == shown and "shown &lt;1&gt;" in group._repr_html_()
    assert "{align}" not in group._repr_html_()
