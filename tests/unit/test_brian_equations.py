"""Brian2's notation: what is read, what it becomes, and where errors point."""

from __future__ import annotations

import re

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.equations import brian, brian_units
from pyNN.equations.brian_units import Mohm, cm, mS, ms, mV, nA, nF, nS, second, uF
from pyNN.equations.foreign_text import Text
from pyNN.errors import (
    CapabilityError,
    EquationError,
    InvalidDimensionsError,
    InvalidModelError,
    InvalidParameterValueError,
    UnitsError,
)
from pyNN.neuron_group import UnlinkedVariableError, linked_var


@pytest.fixture(autouse=True)
def simulation():
    sim.setup(timestep=0.1, engine="numpy")


def caret(message: str) -> tuple[str, str]:
    """The line shown in a message, and what its caret underlines."""
    shown, marks = message.splitlines()[-2:]
    begin = marks.index("^")
    return shown.strip(), shown[begin : begin + marks.count("^")]


# What Brian2 2.9 refuses (each tried there), where the caret must stand, and a word of the message.
REFUSED = [
    ("dv/dt = -v/(10*ms)", ")", "unit of 'v' is missing"),
    ("dv/dt = -v/(10*ms) : mV", "mV", "volt"),
    ("dv/dt = -v/(10*ms) : 1*volt", "1", "no number before"),
    ("b : bool", "bool", "boolean"),
    ("dv/dt = -v/tau : volt", "tau", "not known"),
    ("x : 1\nx : 1", "x", "twice"),
    ("dn/dt = 1/second : integer", "integer", "cannot have a derivative"),
    ("dv/dt = -v/second : volt (unless refractry)", "unless refractry", "unless refractory"),
    ("dv/dt = -v/second : volt (constant)", "constant", "differential equation"),
    ("x : 1 (event-driven)", "event-driven", "synapses"),
    ("x : 1 (linked, constant)", "(linked, constant)", "linked"),
    ("a = b : 1\nb = a : 1", "a", "a -> b -> a"),
    ("dx/dt = xi/second**.5 : 1\ndy/dt = xi/second**.5 : 1", "xi", "xi_1"),
    ("x = xi : second**-0.5", "xi", "differential equation"),
    ("dv/dt = (v > 0)*2.0/second : 1", "v > 0", "int(v > 0)"),
    ("x = 1 if t > 1*ms else 2 : 1", "1 if t > 1*ms else 2", "int(condition)"),
    ("x = y[0] : 1\ny : 1", "y[0]", "indexing"),
    ("x = y.z : 1\ny : 1", "y.z", "attribute"),
    ("exp : 1", "exp", "function"),
    ("_x : 1", "_x", "reserved"),
    ("v_post : volt", "v_post", "_post"),
    ("ms : second", "ms", "unit"),
    ("N : integer", "N", "meaning"),
    ("x = exp(1, 2) : 1", "exp(1, 2)", "1 argument"),
    ("x = foo(1) : 1", "foo(1)", "not a function"),
    ("x = rand() : 1", "rand()", "constant over dt"),
    ("x = y : 1 (shared)\ny : 1", "y", "shared"),
    ("x += 1 : 1", "x += 1 : 1", "reset="),
    ("x = 2 ^ 3 : 1", "2 ^ 3", "x**2"),
    ("x = not_refractory : 1", "not_refractory", "refractory="),
]


@pytest.mark.parametrize(("text", "underlined", "word"), REFUSED)
def test_what_is_wrong_is_underlined(text: str, underlined: str, word: str) -> None:
    with pytest.raises(EquationError) as error:
        sim.NeuronGroup(1, text, namespace={})
    message = str(error.value)
    assert caret(message)[1] == underlined
    assert word in message


def test_units_are_checked_when_a_group_is_made_and_the_line_is_that_of_the_text() -> None:
    text = "\n# a comment\ndv/dt = (E -   # potential\n   v)/(10*ms) : volt\nE : volt\ndw/dt = v/second : amp\n"
    with pytest.raises(EquationError, match="line 6") as error:
        sim.NeuronGroup(1, text)
    assert "mV" in str(error.value) and "nA" in str(error.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("volt", "mV"), ("second", "ms"), ("amp", "nA"), ("farad", "nF"), ("siemens", "uS"), ("Hz", "Hz"),
     ("1/second", "Hz"), ("amp/volt", "uS"), ("1", "1"), ("volt*second**-0.5", "mV/ms**0.5"),
     ("mmolar", "mM"), ("volt/second", "mV/ms")],
)  # fmt: skip
def test_a_declared_unit_is_counted_in_pynns_unit(given: str, expected: str) -> None:
    assert brian_units.declared(Text(given, "m", "model"), 0, len(given)) == expected


@pytest.mark.parametrize(
    ("name", "size"),
    [("mV", 1e-3), ("usiemens", 1e-6), ("nS", 1e-9), ("cm2", 1e-4), ("Mohm", 1e6), ("umetre", 1e-6), ("kHz", 1e3),
     ("msecond", 1e-3), ("pfarad", 1e-12)],
)  # fmt: skip
def test_unit_names_have_the_size_of_their_prefix(name: str, size: float) -> None:
    assert float(getattr(brian_units, name).simplified.magnitude) == pytest.approx(size, rel=1e-14)


@pytest.mark.parametrize("name", ["m", "s", "A", "V", "F", "v", "gram2x", "mm4"])
def test_short_names_stay_free_for_variables(name: str) -> None:
    assert brian_units.meaning(name) is None


def test_numbers_are_in_pynns_unit_and_quantities_are_converted() -> None:
    group = sim.NeuronGroup(2, "v : volt\ng : siemens\nc : farad\nr : Hz")
    group.v, group.g, group.c = -70, 2 * mS, [1.0, 2.0] * nF
    group.r = 3 / second
    assert group.v_.tolist() == [-70, -70] and group.g_.tolist() == [2000, 2000]
    assert group.c_.tolist() == [1, 2] and group.r_.tolist() == [3, 3]
    assert str(group.v[0]) == "-70.0 mV" and float((group.v / mV)[0]) == -70.0
    with pytest.raises(UnitsError, match="mV"):
        group.v = 1 * nA
    with pytest.raises(EquationError, match="nA"):
        group.v = "1*nA"


def test_brian2s_own_quantities_are_understood() -> None:
    class Dimension:
        _dims = (2, 1, -3, -1, 0, 0, 0)

    class Quantity(float):
        dim = Dimension()

    group = sim.NeuronGroup(1, "v : volt")
    group.v = Quantity(-0.065)
    assert group.v_[0] == pytest.approx(-65.0, rel=1e-15)


def test_a_membrane_per_area_has_the_closed_form() -> None:
    Cm, gL, E = 1 * uF / cm**2, 0.1 * mS / cm**2, -65 * mV
    group = sim.NeuronGroup(1, "dv/dt = gL*(E - v)/Cm : volt", namespace={"Cm": Cm, "gL": gL, "E": E})
    sim.run(10.0)
    assert group.v_[0] == pytest.approx(-65.0 * (1.0 - np.exp(-1.0)), rel=1e-12)


def test_a_cell_spikes_one_step_later_than_in_brian2_and_is_held_one_step_longer() -> None:
    # Brian2 2.9 with dt = 0.1 ms: steps 19 48 77 106 with refractory=1*ms, and 19 39 59 79 without the flag.
    for flag, period in ((" (unless refractory)", 30), ("", 20)):
        sim.setup(timestep=0.1, engine="numpy")
        group = sim.NeuronGroup(
            1, f"dv/dt = 1*mV/ms : volt{flag}", threshold="v > 1.95*mV", reset="v = 0*mV", refractory=1 * ms
        )
        group.record("spikes")
        sim.run(12.0)
        steps = np.round(np.asarray(group.get_data().segments[0].spiketrains[0]) / 0.1).astype(int)
        assert steps[0] == 20 and set(np.diff(steps)) == {period}


def test_a_voltage_jump_arrives_after_the_delay() -> None:
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    group = sim.NeuronGroup(1, "dv/dt = -v/(1e9*second) : volt")
    sim.Projection(source, group, sim.AllToAllConnector(), sim.StaticSynapse(weight=2.0, delay=0.5), receptor_type="v")
    group.record("v")
    sim.run(3.0)
    v = group.get_data().segments[0].filter(name="v")[0].magnitude[:, 0]
    assert int(np.argmax(v > 1.0)) == 15


@pytest.mark.parametrize(
    ("arguments", "kind", "word"),
    [
        ({"N": 0}, ValueError, "at least 1"),
        ({"threshold": 3}, TypeError, "text"),
        ({"reset": "v = 0*mV"}, EquationError, "threshold"),
        ({"refractory": True}, TypeError, "no meaning"),
        ({"refractory": 3 * nA}, UnitsError, "ms"),
        ({"events": {"spike": "v > 1*mV"}, "threshold": "v > 2*mV", "reset": ""}, ValueError, "spike"),
        ({"events": {"2x": "v > 1*mV"}}, TypeError, "name"),
        ({"namespace": {"_a": 1}}, ValueError, "_a"),
        ({"dtype": {"v": int}}, TypeError, "float"),
        ({"dtype": np.float32}, CapabilityError, "double"),
        ({"dt": 0.15}, ValueError, "multiple"),
        ({"dt": 0.2, "clock": 0.2}, ValueError, "both"),
        ({"method": "runge"}, InvalidModelError, "Methods"),
        ({"codeobj_class": int}, CapabilityError, "codeobj_class"),
        ({"order": 1.5}, ValueError, "order"),
        ({"threshold": "v + 1*mV"}, EquationError, "condition"),
        ({"threshold": "v > 1*mV", "reset": "v **= 2"}, EquationError, "v = v**"),
        ({"threshold": "v > 1*mV", "reset": "x = 1*mV; v 3"}, EquationError, "statement"),
    ],
)
def test_a_wrong_argument_is_its_own_error(arguments: dict, kind: type, word: str) -> None:
    with pytest.raises(kind, match=re.escape(word)):
        sim.NeuronGroup(**{"N": 1, "model": "dv/dt = -v/(10*ms) : volt", **arguments})


def test_event_code_comes_once_and_before_the_run() -> None:
    group = sim.NeuronGroup(1, "dv/dt = 1*mV/ms : volt\nn : integer", events={"mark": "v > 1*mV"})
    with pytest.raises(InvalidParameterValueError, match="Did you forget"):
        group.run_on_event("spike", "n = 1")
    with pytest.raises(CapabilityError, match="after the reset"):
        group.run_on_event("mark", "n += 1", when="start")
    with pytest.raises(CapabilityError, match="before spikes arrive"):
        group.set_event_schedule("mark", when="end")
    with pytest.raises(InvalidParameterValueError, match="no slot"):
        group.set_event_schedule("mark", when="sometime")
    group.run_on_event("mark", "n += 1")
    with pytest.raises(InvalidParameterValueError, match="has code already"):
        group.run_on_event("mark", "n = 2")
    sim.run(1.0)
    other = sim.NeuronGroup(1, "dv/dt = 1*mV/ms : volt\nn : integer", events={"mark": "v > 1*mV"})
    other.run_on_event("mark", "n += 1")
    sim.run(2.0)
    assert group.n_[0] > 10 and other.n_[0] > 5
    late = sim.NeuronGroup(1, "dv/dt = 1*mV/ms : volt\nn : integer", events={"mark": "v > 1*mV"})
    sim.run(0.1)
    with pytest.raises(CapabilityError, match="before the first run"):
        late.run_on_event("mark", "n += 1")


def test_links_are_checked() -> None:
    source = sim.NeuronGroup(2, "x : volt\nk : 1", name="source")
    target = sim.NeuronGroup(3, "y : volt (linked)\ndz/dt = y/ms : volt", name="target")
    with pytest.raises(UnlinkedVariableError, match="not linked yet"):
        sim.run(0.1)
    with pytest.raises(InvalidDimensionsError, match="index="):
        target.y = linked_var(source, "x")
    with pytest.raises(UnitsError, match="mV"):
        target.y = linked_var(source, "k", index=[0, 1, 0])
    with pytest.raises(InvalidDimensionsError, match="outside"):
        target.y = linked_var(source, "x", index=[0, 2, 0])
    with pytest.raises(InvalidParameterValueError, match="linked_var"):
        target.y = 3
    target.y = linked_var(source.x, index=[0, 1, 0])
    source.x = [1.0, 2.0]
    sim.run(1.0)
    assert target.z_ == pytest.approx([1.0, 2.0, 1.0], rel=1e-9)


def test_a_name_that_exists_twice_is_refused() -> None:
    assert [sim.NeuronGroup(1, "x : 1").label for _ in range(2)] == ["neurongroup", "neurongroup_1"]
    sim.NeuronGroup(1, "x : 1", name="mine")
    with pytest.raises(InvalidParameterValueError, match="mine"):
        sim.NeuronGroup(1, "x : 1", name="mine")


def test_equations_can_be_added_and_renamed() -> None:
    equations = brian.Equations("dx/dt = -x/tau + dx : 1\ndx : Hz", x="v")
    assert str(equations) == "dv/dt = -v/tau + dx : 1\ndx : Hz"
    assert (equations + "tau : second").parameter_names == {"dx", "tau"}
    assert "(2.5)" in str(brian.Equations("x = a*y : 1\ny : 1", a=2.5))
    with pytest.raises(InvalidParameterValueError, match="nothing"):
        brian.Equations("x : 1", nothing="y")
    with pytest.raises(EquationError, match="twice"):
        _ = equations + "v : 1"


def test_the_same_seed_gives_the_same_random_values() -> None:
    values = []
    for _ in range(2):
        sim.setup(timestep=0.1, engine="numpy", rng_seed=7)
        group = sim.NeuronGroup(1000, "v : volt\nw : volt")
        group.v, group.w = "rand()*mV", "randn()*mV"
        values.append((group.v_, group.w_))
    assert np.array_equal(values[0][0], values[1][0]) and np.array_equal(values[0][1], values[1][1])
    # Standard errors of the two means are 0.009 and 0.032.
    assert abs(values[0][0].mean() - 0.5) < 0.04 and abs(values[0][1].mean()) < 0.13


def test_resistance_and_conductance_agree() -> None:
    group = sim.NeuronGroup(1, "a = 2*nA*(10*Mohm) : volt\nb = 2*nA/(100*nS) : volt", namespace={"unused": 1})
    assert group.a_[0] == pytest.approx(20.0, rel=1e-12) and group.b_[0] == pytest.approx(20.0, rel=1e-12)
    assert nA is not None and Mohm is not None and nS is not None
