"""Random and mutated texts for the two parsers: expressions in d, i, j and the equations of models.

Nothing is executed, nothing hangs, and what is refused is refused with an exception of pyNN.errors.
PYNN_EXAMPLES multiplies the number of texts.
"""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyNN.equations.analysis import analyse, check
from pyNN.equations.language import parse_condition, parse_equations, parse_statements, parse_value
from pyNN.errors import EquationError, ExpressionError, PyNNError
from pyNN.expressions import FUNCTIONS, Expression
from pyNN.models import Definition, Parameter, Receptor, State
from pyNN.standardmodels import cells

FACTOR = int(os.environ.get("PYNN_EXAMPLES", "1"))

# --- strategies

ATTACKS = (
    "__import__('os').system('true')", "().__class__.__bases__[0].__subclasses__()", "eval('1')", "exec('x = 1')",
    "open('/etc/passwd').read()", "(lambda: 1)()", "[x for x in (1, 2)]", "{d: 1}", "f'{d}'", "d.__class__",
    "(d := 3)", "yield d", "await d", "print(d)", "*d", "**d", "d[0]", "d if d", "'a'*10**9", "9**9**9**9", "1e999",
    "b'a'", "...", "None", "d\x00", "\\", "\t\n", "ｅxp(d)", "dµ", "\ud800", "not", "lambda", "0o17", "0b1", "1_0",
    "1.e", "import os", "d;d", "#", "d\n+1", "(" * 90, "-" * 900, "d" + "+d" * 900, "not " * 400, "d<" * 500 + "d",
    "exp(" * 150 + "d" + ")" * 150, "d if d else " * 90 + "d", "~" * 1500 + "d", "d**" * 400 + "d", "[" * 200,
)  # fmt: skip
PIECES = (
    "d i j v w_2 AMPA.g pi e inf True False 0 1 2 0.5 1e-3 1e308 + - * / // % ** ( ) , < <= == != > and or not if else "
    "& | ^ ~ << @ = : ; . exp( sqrt( log( where( clip( min( max( sin( exprel( sum( before( uniform( dv/dt ms mV nA"
).split() + [" ", "\n", "#", "'", '"', "{", "[", "]", "->", ":=", "lambda ", "is ", "in ", "None"]

ONE = [name for name, (_, fewest, most) in FUNCTIONS.items() if fewest == most == 1]
TWO = [name for name, (_, fewest, most) in FUNCTIONS.items() if fewest == most == 2]

names = st.sampled_from(["d", "i", "j"]).map(lambda name: (name, name))
numbers = st.one_of(st.integers(0, 1000).map(str), st.floats(0.0, 1e6, allow_nan=False).map(repr))


def _grown(inner: Any) -> Any:
    """Larger expressions from smaller ones: as they are written, and as Python is to work them out, see F."""
    operators = st.sampled_from(["+", "-", "*", "/", "%", "**", "<", ">=", "==", "//", "and", "or"])
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda p: _operation(*p)),
        inner.map(lambda a: (f"-{a[0]}", f"-{a[1]}")),
        inner.map(lambda a: (f"(not {a[0]})", f"F(not {a[1]})")),
        st.tuples(st.sampled_from(ONE), inner).map(lambda p: (f"{p[0]}({p[1][0]})", f"F({p[0]}({p[1][1]}))")),
        st.tuples(st.sampled_from(TWO), inner, inner).map(
            lambda p: (f"{p[0]}({p[1][0]}, {p[2][0]})", f"F({p[0]}({p[1][1]}, {p[2][1]}))")
        ),
        st.tuples(inner, inner, inner).map(
            lambda p: (f"({p[0][0]} if {p[1][0]} else {p[2][0]})", f"({p[0][1]} if {p[1][1]} else {p[2][1]})")
        ),
    )


def _operation(left: tuple[str, str], operator: str, right: tuple[str, str]) -> tuple[str, str]:
    # "and" and "or" give one of the two numbers in Python, and a truth value here.
    exact = f"F(bool({left[1]}) {operator} bool({right[1]}))" if operator in ("and", "or") else (
        f"F({left[1]} {operator} {right[1]})"
    )
    return f"({left[0]} {operator} {right[0]})", exact


WITH_MEANING = st.recursive(st.one_of(names, numbers.map(lambda n: (n, f"F({n})"))), _grown, max_leaves=12)
VALID = WITH_MEANING.map(lambda pair: pair[0])


def texts(valid: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Pure noise, noise made of the language's own pieces, and valid texts with a few changes."""
    edits = st.lists(
        st.tuples(
            st.floats(0.0, 1.0),
            st.integers(0, 6),
            st.one_of(st.sampled_from([*PIECES, *ATTACKS]), st.text(max_size=3)),
        ),
        min_size=1,
        max_size=4,
    )  # fmt: skip
    return st.one_of(
        st.text(max_size=60),
        st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
        st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join),
        st.sampled_from(ATTACKS),
        st.tuples(valid, edits).map(lambda pair: _edited(*pair)),
    )


def _edited(text: str, edits: list[tuple[float, int, str]]) -> str:
    for where, removed, inserted in edits:
        place = int(where * len(text))
        text = text[:place] + inserted + text[place + removed :]
    return text


# --- expressions


@settings(max_examples=600 * FACTOR)
@given(texts(VALID))
def test_an_expression_is_evaluated_or_refused(watched: Callable[[], Any], text: str) -> None:
    d = np.array([0.0, 0.5, 3.0, 1e9])
    with watched():
        try:
            expression = Expression(text, ("d", "i", "j"))
            result = expression(d, 2.0, d)
        except ExpressionError as error:
            assert str(error)
            return
    assert result.shape == d.shape
    assert result.dtype in (np.float64, np.bool_)
    assert not np.isnan(result).any()
    assert np.array_equal(pickle.loads(pickle.dumps(expression))(d, 2.0, d), result)


@settings(max_examples=300 * FACTOR)
@given(WITH_MEANING, st.tuples(*[st.floats(-50.0, 50.0)] * 3))
def test_a_valid_expression_means_what_python_makes_of_it(
    pair: tuple[str, str], values: tuple[float, float, float]
) -> None:
    """Against Python's own eval() of a text in which each number is a float64, also what a comparison gives."""
    text, exact = pair
    scope: dict[str, Any] = {name: function for name, (function, _, _) in FUNCTIONS.items()}
    scope |= dict(zip("dij", map(np.float64, values), strict=True))
    scope |= {"F": np.float64, "bool": bool, "inf": math.inf, "__builtins__": {}}
    with np.errstate(all="ignore"):
        expected = float(eval(exact, scope))
    try:
        found = float(Expression(text, ("d", "i", "j"))(*values))
    except ExpressionError:
        assert math.isnan(expected)
    else:
        assert found == expected


# --- equations

EQUATIONS = """dv/dt = (v_rest - v)/tau_m + (isyn + i_inj)/cm : mV (unless refractory)
disyn/dt = -isyn/tau_syn : nA
excess = v - v_thresh : mV"""
PART = st.sampled_from(["equations", "statements", "condition", "value"])
SOURCES = st.sampled_from(
    [EQUATIONS]
    + [c.definition.equations for c in vars(cells).values() if getattr(getattr(c, "definition", None), "equations", "")]
)


@settings(max_examples=400 * FACTOR)
@given(PART, texts(st.one_of(VALID, SOURCES)))
@example("equations", "dv/dt = " + "-" * 3000 + "v : mV")
@example("equations", "dv/dt = " + "v+" * 3000 + "v : mV")
@example("condition", "(" * 3000 + "v" + ")" * 3000)
@example("value", "a" + ".b" * 2000)
def test_a_text_of_a_model_is_parsed_or_refused(watched: Callable[[], Any], part: str, text: str) -> None:
    read: dict[str, Callable[[str], Any]] = {
        "equations": lambda text: parse_equations(text, "model"),
        "statements": lambda text: parse_statements(text, "model", "on_pre"),
        "condition": lambda text: parse_condition(text, "model", "threshold"),
        "value": lambda text: parse_value(text, "model", "refractory"),
    }
    with watched():
        try:
            read[part](text)
        except EquationError as error:
            assert "model" in str(error)


def definition(**changes: str) -> Definition:
    """A leaky integrate-and-fire cell, with some of its texts replaced."""
    texts = {
        "equations": EQUATIONS,
        "threshold": "v > v_thresh",
        "reset": "v = v_reset",
        "refractory": "tau_refrac",
        "on_spike": "isyn += weight",
    } | changes
    number = {"v_rest": -65.0, "v_thresh": -50.0, "v_reset": -65.0}
    times = {"tau_m": 20.0, "tau_syn": 5.0, "tau_refrac": 0.1}
    parameters = {name: Parameter(value, "mV", name) for name, value in number.items()}
    parameters |= {name: Parameter(value, "ms", name) for name, value in times.items()}
    parameters["cm"] = Parameter(1.0, "nF", "capacity")
    return Definition(
        name="fuzzed",
        parameters=parameters,
        states={"v": State(-65.0, "mV", "potential"), "isyn": State(0.0, "nA", "current")},
        receptors={"excitatory": Receptor("nA", texts["on_spike"], sign=1)},
        equations=texts["equations"],
        threshold=texts["threshold"],
        reset=texts["reset"],
        refractory=texts["refractory"],
    )


MODEL_TEXTS = {
    "equations": st.just(EQUATIONS),
    "threshold": st.sampled_from(["v > v_thresh", "v >= v_thresh and isyn < 3*nA", "uniform() < dt/tau_m"]),
    "reset": st.sampled_from(["v = v_reset", "v = v_reset; isyn = 0*nA", "v -= 5*mV"]),
    "refractory": st.sampled_from(["tau_refrac", "2*tau_refrac + 1*ms"]),
    "on_spike": st.sampled_from(["isyn += weight", "isyn = weight/2; v += 1*mV"]),
}


@settings(max_examples=150 * FACTOR)
@given(st.sampled_from(sorted(MODEL_TEXTS)).flatmap(lambda part: st.tuples(st.just(part), texts(MODEL_TEXTS[part]))))
def test_a_model_is_analysed_or_refused(watched: Callable[[], Any], change: tuple[str, str]) -> None:
    analyse(definition())  # what is imported for that is imported before the watch begins
    with watched():
        try:
            model = definition(**{change[0]: change[1]})
            check(model)
        except PyNNError as error:
            assert str(error)
