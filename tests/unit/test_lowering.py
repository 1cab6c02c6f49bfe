"""From what a script says to plain numbers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from pyNN.core import IndexBasedExpression
from pyNN.errors import (
    InvalidDelayError,
    InvalidDimensionsError,
    InvalidParameterValueError,
    InvalidTimeError,
    InvalidWeightError,
    NonExistentParameterError,
    RoundingWarning,
)
from pyNN.lowering import (
    Pairs,
    check_weights,
    checked_copy,
    choose_receptor,
    lower_delays,
    lower_parameters,
    lower_state,
    lower_synaptic,
    put,
    round_to_steps,
    steps_of,
    take,
)
from pyNN.models import Receptor
from pyNN.parameters import LazyArray, Sequence
from pyNN.random import NumpyRNG, RandomDistribution
from pyNN.specs import Ragged
from pyNN.standardmodels.cells import IF_curr_exp, SpikeSourceArray

EXC, INH, ANY = Receptor("nA", "i += weight", 1), Receptor("nA", "i += weight", -1), Receptor("nA", "i += weight", 0)


def pairs(pre=(0, 2, 1), post=(0, 0, 1), shape=(3, 2)):
    return Pairs(np.array(pre), np.array(post), shape, lambda i, j: np.abs(np.asarray(i, dtype=float) - j))


# --- times --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dt", [0.1, 0.025, 1.0 / 3.0, 0.05, 1e-3])
def test_multiples_of_the_step_are_on_the_grid(dt):
    """k*dt is off by roundings only, up to 10**6 steps."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for steps in (0, 1, 3, 7, 1000, 999_999):
            assert steps_of(steps * dt, dt, "t") == steps
            assert steps_of(float(f"{steps * dt:.12g}"), dt, "t") == steps


@pytest.mark.parametrize("time, steps", [(0.14, 1), (0.15, 2), (0.16, 2), (0.05, 1), (0.25, 3), (0.35, 4)])
def test_times_between_steps_are_rounded_halves_up(time, steps):
    assert round_to_steps(time, 0.1) == steps
    with pytest.warns(RoundingWarning):
        assert steps_of(time, 0.1, "t") == steps


@pytest.mark.parametrize("time", [-0.1, float("nan"), float("inf"), "soon", None, [1.0, 2.0]])
def test_what_is_no_time_is_refused(time):
    with pytest.raises(InvalidTimeError, match="simtime"):
        steps_of(time, 0.1, "simtime")


# --- cells --------------------------------------------------------------------------------------------------------


def test_scalars_stay_scalars_and_random_values_follow_their_keys():
    model = IF_curr_exp(tau_m=12.0, cm=RandomDistribution("uniform", (0.5, 1.0)))
    first = lower_parameters(model, ["tau_m", "cm"], 4, 1, "population", 0)
    again = lower_parameters(model, ["tau_m", "cm"], 4, 1, "population", 0)
    other = lower_parameters(model, ["tau_m", "cm"], 4, 1, "population", 1)
    assert first["tau_m"] == 12.0 and isinstance(first["tau_m"], float)
    cm = [np.asarray(values["cm"]) for values in (first, again, other)]
    assert np.array_equal(cm[0], cm[1]) and not np.array_equal(cm[0], cm[2])


def test_a_checked_copy_leaves_the_model_alone():
    model = IF_curr_exp(tau_m=12.0)
    copy = checked_copy(model, {"tau_m": [1.0, 2.0]}, 2)
    assert np.array_equal(copy.parameter_space["tau_m"].evaluate(), [1.0, 2.0])
    assert model.parameter_space["tau_m"].base_value == 12.0
    with pytest.raises(NonExistentParameterError):
        checked_copy(model, {"tau": 1.0}, 2)


def test_array_parameters_become_ragged_rows():
    model = SpikeSourceArray(spike_times=[Sequence([1.0]), Sequence([2.0, 3.0])])
    rows = lower_parameters(model, ["spike_times"], 2, 1)["spike_times"]
    assert isinstance(rows, Ragged) and [rows[i].tolist() for i in range(2)] == [[1.0], [2.0, 3.0]]
    part = take(rows, np.array([1]))
    assert isinstance(part, Ragged) and part[0].tolist() == [2.0, 3.0]
    changed = put(rows, np.array([0]), Ragged.from_list([np.array([9.0])]), 2)
    assert isinstance(changed, Ragged) and [changed[i].tolist() for i in range(2)] == [[9.0], [2.0, 3.0]]


def test_put_keeps_what_is_the_same_everywhere_a_scalar():
    assert put(np.arange(3.0), np.arange(3), 7.0, 3) == 7.0
    some: Any = put(1.0, np.array([0, 2]), np.array([5.0, 6.0]), 3)
    none: Any = put(1.0, np.empty(0, dtype=int), 5.0, 3)
    assert some.tolist() == [5.0, 1.0, 6.0] and none.tolist() == [1.0, 1.0, 1.0]


def test_initial_values_come_from_a_generator_in_sequence():
    rng = NumpyRNG(6)
    value = RandomDistribution("uniform", (0.0, 1.0), rng=rng)
    first = lower_state(IF_curr_exp.definition, "v", value, 3, 1, 0)
    second = lower_state(IF_curr_exp.definition, "v", value, 3, 1, 1)
    assert np.array_equal(np.r_[first, second], np.random.RandomState(6).uniform(size=6))
    with pytest.raises(InvalidDimensionsError, match="v"):
        lower_state(IF_curr_exp.definition, "v", [1.0, 2.0], 3, 1, 0)


# --- synapses -----------------------------------------------------------------------------------------------------


class Product(IndexBasedExpression):
    def __call__(self, i, j):
        return 10.0 * i + j


@pytest.mark.parametrize(
    "value, expected",
    [
        (0.5, 0.5),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
        (np.arange(6.0).reshape(3, 2), [0.0, 4.0, 3.0]),
        ("2*d + 1", [1.0, 5.0, 1.0]),
        (lambda d: d**2, [0.0, 4.0, 0.0]),
        (lambda d: 3.0 if d > 1 else 1.0, [1.0, 3.0, 1.0]),
        (Product(), [0.0, 20.0, 11.0]),
        (LazyArray(lambda d: d + 1.0) * 2.0, [2.0, 6.0, 2.0]),
    ],
)
def test_synaptic_values(value, expected):
    assert np.array_equal(lower_synaptic("weight", value, pairs(), 3), expected)


def test_random_synaptic_values_do_not_depend_on_the_other_cells():
    """A value is keyed by post cell and number at that cell, so a rank can draw its own."""
    value = RandomDistribution("normal", (0.0, 1.0))
    everything = np.asarray(lower_synaptic("weight", value, pairs(), 3))
    last = np.asarray(lower_synaptic("weight", value, pairs(pre=(1,), post=(1,)), 3))
    assert last[0] == everything[2] and len(set(everything)) == 3
    assert not np.array_equal(everything, lower_synaptic("weight", value, pairs(), 4))


@pytest.mark.parametrize(
    "value, error",
    [
        ([1.0, 2.0], InvalidDimensionsError),
        (np.ones((2, 3)), InvalidDimensionsError),
        ({}, InvalidParameterValueError),
        ("2*q", InvalidParameterValueError),
    ],
)
def test_wrong_synaptic_values_are_refused(value, error):
    with pytest.raises(error):
        lower_synaptic("weight", value, pairs(), 3)


@pytest.mark.parametrize(
    "delay, steps", [(0.2, 2), ([0.1, 0.2, 0.3], [1, 2, 3]), ("0.1*d + 0.3", [3, 5, 3]), (None, 4)]
)
def test_delays_in_steps(delay, steps):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(lower_delays(delay, pairs(), 1, 0.1, 4 if delay is None else None, None, "p"), steps)


@pytest.mark.parametrize("delay", [0.0, -0.2, 0.04, float("inf"), [0.1, 0.2, 0.0]])
def test_impossible_delays_are_refused(delay):
    with pytest.raises(InvalidDelayError, match="p: "):
        lower_delays(delay, pairs(), 1, 0.1, None, None, "p")


def test_delays_are_checked_after_rounding():
    with pytest.warns(RoundingWarning):
        assert lower_delays(0.96, pairs(), 1, 0.1, 10, 10, "p") == 10
    with pytest.raises(InvalidDelayError, match="min_delay"):
        lower_delays(0.94, pairs(), 1, 0.1, 10, None, "p")
    with pytest.raises(InvalidDelayError, match="max_delay"):
        lower_delays(1.06, pairs(), 1, 0.1, None, 10, "p")


@pytest.mark.parametrize("rng", [None, "generator"])
def test_drawn_values_do_not_depend_on_the_pieces_in_which_they_are_drawn(monkeypatch, rng):
    """Of several connections of a pair each has its own, also where a piece begins with the second or third."""
    source = np.random.default_rng(1)
    post = np.sort(source.integers(0, 4, 200))
    pre = np.concatenate([np.sort(source.integers(0, 9, n)) for n in np.bincount(post)])

    class Generator(NumpyRNG):
        """A kind of which only next() is known."""

    def drawn():
        uniform = RandomDistribution("uniform", low=0.1, high=3.0, rng=Generator(seed=5) if rng else None)
        with pytest.warns(RoundingWarning):
            delays = lower_delays(LazyArray(uniform, shape=(9, 4)), pairs(pre, post, (9, 4)), 3, 0.1, 1, 30, "p")
        uniform = RandomDistribution("uniform", low=0.1, high=3.0, rng=Generator(seed=5) if rng else None)
        return lower_synaptic("weight", uniform, pairs(pre, post, (9, 4)), 3), delays

    weights, delays = drawn()
    assert len(np.unique(weights)) == 200
    np.testing.assert_array_equal(delays, np.floor(weights / 0.1 + 0.5))
    for piece in (1, 3, 64, 199):
        monkeypatch.setattr("pyNN.lowering._PIECE", piece)
        for found, expected in zip(drawn(), (weights, delays), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_no_delays_are_no_error():
    none = pairs(pre=(), post=())
    assert lower_delays([], none, 1, 0.1, 1, 2, "p").shape == (0,)


@pytest.mark.parametrize(
    "weights, receptor, fits",
    [
        (0.0, EXC, True), (0.0, INH, True), (1.0, EXC, True), (-1.0, EXC, False), (1.0, INH, False), (-1.0, INH, True),
        ([1.0, -1.0], EXC, False), ([1.0, -1.0], ANY, True), (np.inf, ANY, False), ([], EXC, True),
    ],
)  # fmt: skip
def test_signs_of_weights(weights, receptor, fits):
    if fits:
        check_weights(weights, "r", receptor, "p")
    else:
        with pytest.raises(InvalidWeightError, match="p: "):
            check_weights(weights, "r", receptor, "p")


def test_an_unsafe_connector_skips_the_sign_but_not_infinity():
    check_weights(-1.0, "r", EXC, "p", safe=False)
    with pytest.raises(InvalidWeightError):
        check_weights(np.inf, "r", EXC, "p", safe=False)


def test_the_receptor_follows_the_sign_where_that_decides():
    receptors = {"excitatory": EXC, "inhibitory": INH}
    assert choose_receptor(receptors, 1.0, "p") == choose_receptor(receptors, 0.0, "p") == "excitatory"
    assert choose_receptor(receptors, [-1.0, 0.0], "p") == "inhibitory"
    assert choose_receptor({"excitatory": EXC, "other": EXC}, -1.0, "p") == "excitatory"
    with pytest.raises(InvalidWeightError, match="partly"):
        choose_receptor(receptors, [-1.0, 1.0], "p")
