"""Connections from text: what they promise against NumPy, the statistics of draws, and the same on any ranks."""

from __future__ import annotations

import numpy as np
import pytest
import quantities as pq
from scipy import stats

from pyNN.connectors import ConnectionRequest, ExpressionConnector, FixedProbabilityConnector
from pyNN.errors import ConnectorError, ExpressionError

N_PRE, N_POST = 30, 24


def request(recurrent=False, **options) -> ConnectionRequest:
    pre = np.arange(N_PRE)
    post = pre if recurrent else np.arange(1000, 1000 + N_POST)
    options.setdefault("distances", lambda i, j: np.abs(i - j) * 10.0)
    options.setdefault("cell_values", {("pre", "x"): pre * 2.0, ("post", "v"): -70.0 + np.arange(len(post))})
    return ConnectionRequest(pre, post, **options)


def pairs(connector, asked=None, **options):
    made = connector.make(request(**options) if asked is None else asked)
    return sorted(zip(made.pre.tolist(), made.post.tolist(), strict=True))


def grid(condition, n_post=N_POST):
    return [(i, j) for i in range(N_PRE) for j in range(n_post) if condition(i, j)]


@pytest.mark.parametrize(
    ("text", "oracle"),
    [
        ("i != j", lambda i, j: i != j),
        ("abs(i - j) < 3 and i % 2 == 0", lambda i, j: abs(i - j) < 3 and i % 2 == 0),
        ("i == j or i + j == N_pre - 1", lambda i, j: i == j or i + j == N_PRE - 1),
        ("d <= 25*um", lambda i, j: abs(i - j) <= 2),
        ("x_pre > 10 and post.v < -60*mV", lambda i, j: 2 * i > 10 and j < 10),
        ("pre.x > limit", lambda i, j: 2 * i > 5),
        ("False", lambda i, j: False),
    ],
)
def test_a_condition_selects_pairs(text, oracle):
    connector = ExpressionConnector(condition=text, namespace={"limit": 5e-3 * pq.V})
    assert pairs(connector) == grid(oracle)


def test_a_condition_alone_draws_nothing_and_equal_probabilities_are_those_of_a_fixed_probability():
    assert pairs(ExpressionConnector(p=0.3)) == pairs(FixedProbabilityConnector(0.3))
    assert pairs(ExpressionConnector(p="0.1 + 0.2*k", namespace={"k": 1})) == pairs(
        FixedProbabilityConnector(0.1 + 0.2)
    )
    others = pairs(ExpressionConnector(condition="i != j", p=0.3), recurrent=True)
    assert others == pairs(FixedProbabilityConnector(0.3, allow_self_connections=False), recurrent=True)
    assert ExpressionConnector(condition="i != j", p=0.3).rule(request(recurrent=True)) is not None
    assert ExpressionConnector(condition="i < j", p=0.3).rule(request(recurrent=True)) is None


def test_a_probability_of_the_pair_is_kept():
    # 200 draws of each pair: the counts of distances are binomial. Seeds are fixed; p < 0.001 would fail.
    counts, trials = np.zeros(N_PRE), 0
    for seed in range(200):
        made = ExpressionConnector(p="exp(-d/50)").make(request(seed=seed))
        counts += np.bincount(np.abs(made.pre - made.post), minlength=N_PRE)
        trials += 1
    for distance in (1, 5, 10):
        n = trials * len(grid(lambda i, j, wanted=distance: abs(i - j) == wanted))
        assert stats.binomtest(int(counts[distance]), n, np.exp(-distance / 5.0)).pvalue > 0.001
    assert counts[0] == trials * N_POST


@pytest.mark.parametrize(
    ("text", "oracle"),
    [
        ("i", lambda i: [i]),
        ("i + 1 if i < N_pre - 1", lambda i: [i + 1] if i < N_PRE - 1 else []),
        ("i // 2", lambda i: [i // 2]),
        ("k for k in range(i - 3, i + 4) if k != i", lambda i: [k for k in range(i - 3, i + 4) if k != i]),
        ("k for k in range(N_post - 1, -1, -5)", lambda i: list(range(N_POST - 1, -1, -5))),
        ("k*l for k in [1, 2] for l in range(i % 3)", lambda i: [k * m for k in (1, 2) for m in range(i % 3)]),
        ("k for k in range(N_post) if x_pre > 20 if k % 2", lambda i: list(range(1, N_POST, 2)) if i > 10 else []),
        ("N_post - 1 - k for k in range(0)", lambda i: []),
    ],
)  # fmt: skip
def test_a_generator_gives_what_python_gives(text, oracle):
    expected = sorted((i, j) for i in range(N_PRE) for j in oracle(i) if 0 <= j < N_POST)
    assert pairs(ExpressionConnector(j=text, skip_if_invalid=True)) == expected


def test_a_generator_of_pre_cells():
    connector = ExpressionConnector(i="k for k in range(j, j + 3)")
    assert pairs(connector) == sorted((k, j) for j in range(N_POST) for k in range(j, j + 3))


def test_samples_have_their_sizes_and_are_uniform():
    made = ExpressionConnector(j="k for k in sample(N_post, size=5)").make(request())
    assert (np.bincount(made.pre, minlength=N_PRE) == 5).all()
    assert len(set(zip(made.pre, made.post, strict=True))) == 150
    counts = np.zeros(N_POST)
    for seed in range(60):
        connector = ExpressionConnector(j="k for k in sample(N_post, size=5)")
        counts += np.bincount(connector.make(request(seed=seed)).post, minlength=N_POST)
    assert stats.chisquare(counts).pvalue > 0.001
    numbers = [ExpressionConnector(j="k for k in sample(4, N_post, 2, p=0.4)").make(request(seed=s)) for s in range(60)]
    assert all(set(made.post.tolist()) <= set(range(4, N_POST, 2)) for made in numbers)
    assert stats.binomtest(sum(made.size for made in numbers), 60 * N_PRE * 10, 0.4).pvalue > 0.001


def test_several_connections_of_a_pair_and_values():
    connector = ExpressionConnector(condition="i == j", n="1 + i % 2", values={"weight": "0.1*(i + 1)", "delay": 2.0})
    made = connector.make(request())
    assert np.bincount(made.pre).tolist() == [1 + i % 2 for i in range(N_POST)]
    assert np.array_equal(made.values["weight"], 0.1 * (made.pre + 1)) and set(made.values["delay"]) == {2.0}
    assert ExpressionConnector(condition="i == j", n=0).make(request()).size == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"condition": "i < j", "p": 0.5, "n": 2, "values": {"weight": "d"}},
        {"p": "exp(-d/100)"},
        {"j": "k for k in sample(N_post, p=0.5) if k > i"},
        {"j": "k for k in sample(N_post, size=4)", "p": 0.5},
        {"i": "k for k in sample(N_pre, size=7)", "p": "0.5"},
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_ranks_and_loops_make_the_same_network(arguments, compiled):
    whole = pairs(ExpressionConnector(**arguments))
    assert len(whole) > 20
    parts = [np.arange(0, N_POST, 3), np.arange(1, N_POST, 3), np.arange(2, N_POST, 3)]
    apart = [pairs(ExpressionConnector(**arguments), request(local_post=part, compiled=compiled)) for part in parts]
    assert sorted(sum(apart, [])) == whole


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"condition": "i != jj"}, "'jj'.*Did you mean 'j'"),
        ({"condition": "__import__('os')"}, "no function"),
        ({"condition": "i.real"}, "not allowed"),
        ({"condition": "rand() < 0.5"}, "sample"),
        ({"condition": "i", "j": "i"}, "one of condition="),
        ({"j": "i + 10"}, "gives 24 for i=14.*skip_if_invalid"),
        ({"j": "i/2"}, "gives 0.5 for i=1"),
        ({"j": "j + 1"}, "j has no value here"),
        ({"j": "k for k in range(N_post) if v_post > 0"}, "v_post has no value here"),
        ({"j": "k for k in open('x')"}, "not possible. Sequences"),
        ({"j": "k for k in sample(3)"}, "takes p= or size="),
        ({"j": "k for k in sample(3, size=4)"}, "size=4 is not possible"),
        ({"j": "k for k in range(0, 3, 0)"}, "step .* is 0"),
        ({"j": "k for k in range(0.5)"}, "whole numbers"),
        ({"j": "k for"}, "neither an expression nor a generator"),
        ({"n": -1}, "whole number"),
        ({"n": "i/2"}, "n is 0.5 from pre cell 1"),
        ({"p": 1.5}, "probability"),
        ({"p": None}, "number or text"),
        ({"namespace": {"i": 3}}, "cannot name"),
        ({"namespace": {"k": [1, 2]}}, "one number"),
    ],
)
def test_what_is_wrong_is_said(arguments, words):
    with pytest.raises(ConnectorError, match=f"(?s){words}"):
        ExpressionConnector(**arguments).make(request())


def test_a_probability_that_is_no_number_is_an_error():
    with pytest.raises(ExpressionError, match="NaN"):
        ExpressionConnector(p="log(i - 5)").make(request())
