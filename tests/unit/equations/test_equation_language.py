"""The text of models: what is accepted, and that errors name the fault and point at it."""

import pytest

from pyNN.equations import analysis, language
from pyNN.errors import EquationError
from pyNN.models import Definition, Parameter, Receptor, State


def model(**changes):
    settings = {
        "name": "Cell",
        "parameters": {
            "tau": Parameter(10.0, "ms"),
            "cm": Parameter(1.0, "nF"),
            "g": Parameter(1.0, "nS"),
            "E": Parameter(-65.0, "mV"),
            "t_ref": Parameter(1.0, "ms"),
        },
        "states": {"v": State(-65.0, "mV"), "x": State(0.0, "nA")},
        "receptors": {"excitatory": Receptor("nA", "x += weight")},
        "equations": "dv/dt = (E - v)/tau + x/cm : mV (unless refractory)\n dx/dt = -x/tau : nA",
        "threshold": "v >= E + 15*mV",
        "reset": "v = E",
        "refractory": "t_ref",
    }
    return Definition(**{**settings, **changes})


def test_derivatives_formulas_units_and_flags_are_read():
    text = "# a comment\n dv/dt = (E - v)/tau + I/cm : mV (unless refractory)\n\n I = x + i_inj : nA  # current"
    first, second = language.parse_equations(text, "Cell")
    assert (first.name, first.is_derivative, first.unit, first.flags) == ("v", True, "mV", ("unless refractory",))
    assert (second.name, second.is_derivative, second.unit, second.flags) == ("I", False, "nA", ())
    assert sorted(first.expression.names) == ["E", "I", "cm", "tau", "v"]


def test_statements_may_share_a_line():
    parsed = language.parse_statements("v = E; x += 2*x\nx -= 1", "Cell", "reset")
    assert [(s.name, s.operator) for s in parsed] == [("v", "="), ("x", "+="), ("x", "-=")]


@pytest.mark.parametrize(
    ("equations", "message", "marked"),
    [
        ("dv/dt = (E - v)/tau + x : mV", "'x' is in nA, but dv/dt is in mV/ms", "x"),
        ("dv/dt = (E - v)/tau + x/g/tau + E : mV", "'E' is in mV, but dv/dt is in mV/ms", "E"),
        ("dv/dt = (E - x)/tau : mV", "'x' is in nA, but 'E' is in mV", "x"),
        ("dv/dt = (E - v)/tau_m : mV", "'tau_m' is not known here. Did you mean 'tau'?", "tau_m"),
        ("dv/dt = (E - v)/tau*exp(v) : mV", "the argument of exp is in mV", "v"),
        ("dv/dt = (E - v)/tau*exq(1) : mV", "'exq' is not a function here. Did you mean 'exp'?", "exq(1)"),
        ("dv/dt = (E - v)/tau*exp(1, 2) : mV", "exp takes 1 argument", "exp(1, 2)"),
        ("dv/dt = (E - v).real/tau : mV", "has no place in an expression", "(E - v).real"),
        ("dv/dt = __import__('os') : mV", "'__import__' is not a function", "__import__('os')"),
        ("dv/dt = (E - v)@tau : mV", "there are + - * / // % **", "(E - v)@tau"),
        ("dv/dt = E**x/tau : mV", "the exponent is in nA", "x"),
        ("dv/dt = (E - v)/tau : mVolt3", "'mVolt3' is not a unit", "mVolt3"),
        ("dv/dt = (E - v)/tau : nA", "'v' is declared in mV, but its equation says nA", None),
        ("dv/dt = (E - v)/tau", "the unit of 'v' is missing", None),
        ("dv/dt = (E - v)/tau : mV (unless tired)", "'unless tired' is not a flag", "unless tired"),
        ("dv/dt = (E - v/tau : mV", "is not an expression", None),
        ("v' = (E - v)/tau : mV", "neither 'dx/dt = expression : unit'", None),
        ("dw/dt = (E - v)/tau : mV", "'w' has a derivative but is not among the states", None),
        ("E = v : mV", "'E' is a parameter already", None),
        ("dv/dt = -v/tau : mV\ndv/dt = -v/tau : mV", "'v' has an equation already", None),
        ("dv/dt = 'a'*v/tau : mV", "is not a number", "'a'"),
    ],
)
def test_wrong_equations_are_refused_with_a_caret_under_the_place(equations, message, marked):
    with pytest.raises(EquationError) as caught:
        analysis.check(model(equations=equations))
    first, source, caret = str(caught.value).splitlines()
    assert message in first
    assert first.startswith("Cell, equations, line")
    assert source.strip() in [line.strip() for line in equations.splitlines()]
    start, width = caret.index("^"), caret.count("^")
    assert start + width <= len(source) + 1
    if marked is not None:
        assert source[start : start + width].strip() == marked


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": "v"}, "a threshold is a condition"),
        ({"threshold": "v > x"}, "'x' is in nA, but 'v' is in mV"),
        ({"reset": "E = v"}, "'E' is not a state"),
        ({"reset": "v = x"}, "'x' is in nA, but 'v' is in mV"),
        ({"reset": "v *= x"}, "'x' is in nA, but a factor is in dimensionless"),
        ({"reset": "v"}, "a statement is 'x = expression' or 'x += expression'"),
        ({"refractory": "t_rev"}, "'t_rev' is not known here. Did you mean 't_ref'?"),
        ({"refractory": "2*t_ref*g"}, "but a refractory period is in ms"),
        ({"refractory": "u/E*t_ref"}, "'u' is not known here"),
        ({"threshold": "v > before(E)"}, "before() takes the name of a state"),
        ({"threshold": "v > before(v)", "threshold_within_step": True}, "before() can only stand in a threshold"),
        ({"threshold": "", "threshold_within_step": True}, "threshold_within_step needs a threshold"),
        ({"reset": "v = before(v)"}, "before() can only stand in a threshold"),
        ({"reset": "v = E*uniformly()"}, "'uniformly' is not a function here. Did you mean 'Uniform'?"),
        ({"threshold": ""}, "a reset needs a threshold"),
        ({"threshold": "", "reset": ""}, "a refractory period needs a threshold"),
        ({"reset": "v = E + xi*mV*sqrt(ms)"}, "white noise 'xi' can only enter an equation dx/dt"),
        ({"threshold": "", "threshold_within_step": True, "reset": ""}, "threshold_within_step needs a threshold"),
        ({"threshold": "v > sum(E)"}, "sum takes the name of an array"),
        ({"equations": "dv/dt = (E - v)/tau : mV\nx = g*v : nA", "reset": "x = 0"}, "'x' is not a state"),
        ({"refractory": "E"}, "'E' is in mV, but a refractory period is in ms"),
        ({"receptors": {"excitatory": Receptor("mV", "x += weight")}}, "'weight' is in mV, but 'x' is in nA"),
        ({"states": {"v": State(0.0, "mV"), "x": State(0.0, "nA"), "exp": State(0.0, "")}}, "'exp' is reserved"),
    ],
)
def test_wrong_statements_and_conditions_are_refused(changes, message):
    with pytest.raises(EquationError, match=".*") as caught:
        analysis.analyse(model(**changes))
    assert message in str(caught.value)


@pytest.mark.parametrize("on_spike", ["x = weight", "x += weight*v/E + weight**2/nA", "x += weight + nA"])
def test_weights_must_add_up(on_spike):
    with pytest.raises(EquationError, match="weights that arrive together add up"):
        analysis.analyse(model(receptors={"excitatory": Receptor("nA", on_spike)}))


def test_a_formula_that_depends_on_itself_is_refused():
    with pytest.raises(EquationError, match="depends on itself"):
        analysis.analyse(model(equations="dv/dt = a/tau : mV\na = b : mV\nb = a : mV"))


@pytest.mark.parametrize(
    "text",
    ["-" * 3000 + "v", "v+" * 3000 + "v", "(" * 3000 + "v" + ")" * 3000, "v" + ".x" * 2000],
)
def test_an_expression_that_is_nested_too_deeply_is_refused(text):
    with pytest.raises(EquationError, match=r"model, refractory, line 1"):
        language.parse_value(text, "model", "refractory")
