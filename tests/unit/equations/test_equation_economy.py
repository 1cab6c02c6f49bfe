"""Shorter text for the same computation: what the lines compute, by executing them before and after."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pyNN.equations.economy import needed, shared


def value_of(lines, **names):
    space = {"exp": np.exp, "where": np.where, **names}
    exec("\n".join(lines), space)
    return space


def test_assignments_that_nothing_reads_are_left_away():
    lines = ["a = x + 1", "b = a*2", "c = b + a", "a = 7", "_rows[_i] = b"]
    assert needed(lines) == ["a = x + 1", "b = a*2", "_rows[_i] = b"]
    assert needed(["a = 1", "a = a + 1", "_any |= a"]) == ["a = 1", "a = a + 1", "_any |= a"]


def test_an_operation_on_the_same_values_is_done_once():
    lines = ["a = exp(v/10.0) + 1.0", "b = exp(v/10.0)*2.0", "_y[0] = a*b"]
    assert shared(lines) == ["_s0 = exp(v / 10.0)", "a = _s0 + 1.0", "b = _s0 * 2.0", "_y[0] = a*b"]


def test_a_name_that_changes_is_another_value():
    lines = ["a = exp(v)", "v = v + 1.0", "b = exp(v)", "c = exp(v)"]
    found = value_of(shared(lines), v=0.5)
    assert (found["a"], found["b"], found["c"]) == (np.exp(0.5), np.exp(1.5), np.exp(1.5))
    assert sum(line.count("exp") for line in shared(lines)) == 2


def test_what_stands_in_a_branch_or_a_subscript_is_not_moved():
    lines = ["a = exp(v) if v < 1.0 else 0.0", "b = exp(v) if v < 2.0 else 1.0", "c = table[i + 1] + (i + 1)"]
    assert shared(lines) == lines


terms = st.recursive(
    st.sampled_from(["u", "v", "w", "0.5", "3.0"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"exp(-abs({t}))"),
        inner.map(lambda t: f"-{t}"),
    ),
    max_leaves=12,
)


@given(st.lists(st.tuples(st.sampled_from("uvwab"), terms), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_the_result_keeps_every_bit(assignments):
    lines = [f"{name} = {text}" for name, text in assignments]
    with np.errstate(all="ignore"):
        before, after = (value_of(text, u=0.3, v=-1.7, w=2.9) for text in (lines, shared(lines)))
    for name in {name for name, _ in assignments}:
        np.testing.assert_equal(after[name], before[name])
