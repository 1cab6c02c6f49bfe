"""Mistakes in scripts: which exception, that it is also a builtin, and what its message says.

A message names what was given, what is possible and what to do. Every mistake of a script is found by the front end, so
each one is told alike on every backend.
"""

from __future__ import annotations

import importlib
import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from pyNN import errors
from pyNN.populations import CellIndexError, UnknownLabelError
from pyNN.random import NumpyRNG, RandomDistribution, UnknownDistributionError
from pyNN.scripting import Script
from pyNN.space import Grid2D, Line

BACKENDS = ("reference", "nest", "mock")
NAN = float("nan")


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """NEST holds one simulation a process, which other tests need too."""
    yield
    for name in BACKENDS:
        importlib.import_module(f"pyNN.{name}").setup()


@pytest.fixture(params=BACKENDS)
def sim(request: pytest.FixtureRequest) -> Any:
    module = importlib.import_module(f"pyNN.{request.param}")
    module.setup(timestep=0.1)
    return module


class Mistake(NamedTuple):
    """A wrong line of a script, and what the script is told."""

    name: str
    line: Callable[[Any], Any]
    own: type[Exception]
    builtin: type[Exception]
    says: tuple[str, ...]


def cond(sim: Any, n: Any = 3, label: str = "cells", **parameters: Any) -> Any:
    return sim.Population(n, sim.IF_cond_exp(**parameters), label=label)


def curr(sim: Any, n: Any = 3, label: str = "cells", **parameters: Any) -> Any:
    return sim.Population(n, sim.IF_curr_exp(**parameters), label=label)


def source(sim: Any, n: int = 3) -> Any:
    return sim.Population(n, sim.SpikeSourceArray(spike_times=[1.0]), label="input")


def static(sim: Any, pre: int = 3, post: int = 3, **synapse: Any) -> Any:
    """Conductance-based: all cells of "pre" onto all cells of "post"."""
    return sim.Projection(
        cond(sim, pre, "pre"), cond(sim, post, "post"), sim.AllToAllConnector(), sim.StaticSynapse(**synapse)
    )


def signed(sim: Any, post: Any, weight: Any, receptor: str | None) -> Any:
    return sim.Projection(
        source(sim), post, sim.AllToAllConnector(), sim.StaticSynapse(weight=weight, delay=1.0), receptor_type=receptor
    )


def connected(sim: Any, connector: Any, pre: int = 3, post: int = 4, **synapse: Any) -> Any:
    return sim.Projection(
        cond(sim, pre, "pre"), cond(sim, post, "post"), connector, sim.StaticSynapse(**synapse)
    )


def ran(sim: Any, time: float = 5.0) -> Any:
    sim.run(time)
    return sim


def check(sim: Any, mistake: Mistake) -> None:
    with pytest.raises(mistake.own) as caught:
        mistake.line(sim)
    assert isinstance(caught.value, errors.PyNNError)
    assert isinstance(caught.value, mistake.builtin)
    message = str(caught.value)
    for words in mistake.says:
        assert words in message, message


def parametrize(mistakes: list[Mistake]) -> Any:
    assert len({m.name for m in mistakes}) == len(mistakes)
    return pytest.mark.parametrize("mistake", mistakes, ids=[m.name for m in mistakes])


# --- names ----------------------------------------------------------------------------------------------------------

_CELL = "Valid parameters: cm, e_rev_E, e_rev_I, i_offset, tau_m, tau_refrac, tau_syn_E, tau_syn_I, v_reset"
_NO_TAU_MM = ("IF_cond_exp has no parameter 'tau_mm'.", "Did you mean 'tau_m'?", _CELL)
_NO_STATE_V = ("IF_cond_exp has no state variable 'V'.", "Did you mean 'v'?", "Valid state variables: gsyn_exc,")
_NO_WIEGHT = ("StaticSynapse has no parameter 'wieght'.", "Did you mean 'weight'?", "Valid parameters: delay, weight.")


def _name(name: str, line: Callable[[Any], Any], says: tuple[str, ...]) -> Mistake:
    return Mistake(name, line, errors.NonExistentParameterError, KeyError, says)


NAMES = [
    _name("cell type", lambda sim: sim.IF_cond_exp(tau_mm=3.0), _NO_TAU_MM),
    _name("class and dictionary", lambda sim: sim.Population(3, sim.IF_cond_exp, {"tau_mm": 3.0}), _NO_TAU_MM),
    _name("initial_values", lambda sim: sim.Population(3, sim.IF_cond_exp(), initial_values={"V": 1.0}), _NO_STATE_V),
    _name("set", lambda sim: cond(sim).set(tau_mm=3.0), _NO_TAU_MM),
    _name("get", lambda sim: cond(sim).get("tau_mm"), _NO_TAU_MM),
    _name("get of several", lambda sim: cond(sim).get(["cm", "tau_mm"]), _NO_TAU_MM),
    _name("set of a view", lambda sim: cond(sim)[:2].set(tau_mm=3.0), _NO_TAU_MM),
    _name(
        "set of an assembly that has a source",
        lambda sim: (cond(sim) + source(sim)).set(tau_m=3.0),
        ("SpikeSourceArray has no parameter 'tau_m'.", "Valid parameters: spike_times."),
    ),
    _name("procedural set", lambda sim: sim.set(cond(sim), tau_mm=3.0), _NO_TAU_MM),
    _name(
        "get of a state variable",
        lambda sim: cond(sim).get("v"),
        ("IF_cond_exp has no parameter 'v'.", "'v' is a state variable: see initialize() and record()."),
    ),
    _name("initialize", lambda sim: cond(sim).initialize(V=-60.0), _NO_STATE_V),
    _name("procedural initialize", lambda sim: sim.initialize(cond(sim), V=-60.0), _NO_STATE_V),
    _name(
        "initialize of a parameter",
        lambda sim: cond(sim).initialize(v_rest=-60.0),
        ("IF_cond_exp has no state variable 'v_rest'.", "'v_rest' is a parameter: see set() and get()."),
    ),
    _name(
        "initialize of an assembly that has a source",
        lambda sim: (cond(sim) + source(sim)).initialize(v=-60.0),
        ("SpikeSourceArray has no state variable 'v'.", "Valid state variables: none."),
    ),
    _name("attribute of a cell", lambda sim: cond(sim)[0].tau_mm, _NO_TAU_MM),
    _name("assignment to a cell", lambda sim: setattr(cond(sim)[0], "tau_mm", 3.0), _NO_TAU_MM),
    _name("set_parameters of a cell", lambda sim: cond(sim)[0].set_parameters(tau_mm=3.0), _NO_TAU_MM),
    _name("initial value of a cell", lambda sim: cond(sim)[0].get_initial_value("V"), _NO_STATE_V),
    _name("new initial value of a cell", lambda sim: cond(sim)[0].set_initial_value("V", -60.0), _NO_STATE_V),
    _name("synapse type", lambda sim: sim.StaticSynapse(wieght=0.1), _NO_WIEGHT),
    _name("Projection.get", lambda sim: static(sim).get("wieght", "list"), _NO_WIEGHT),
    _name("Projection.set", lambda sim: static(sim).set(wieght=0.1), _NO_WIEGHT),
    _name(
        "Projection.initialize",
        lambda sim: static(sim).initialize(u=0.1),
        ("StaticSynapse has no state variable 'u'.", "Valid state variables: none."),
    ),
    _name("attribute of a connection", lambda sim: static(sim)[0].wieght, _NO_WIEGHT),
    _name("assignment to a connection", lambda sim: setattr(static(sim)[0], "wieght", 0.1), _NO_WIEGHT),
    _name(
        "column of a list",
        lambda sim: connected(sim, sim.FromListConnector([(0, 1, 0.1)], column_names=["wieght"])),
        _NO_WIEGHT,
    ),
    _name(
        "current source",
        lambda sim: sim.DCSource(amp=0.5),
        ("DCSource has no parameter 'amp'.", "Did you mean 'amplitude'?", "Valid parameters: amplitude, start, stop."),
    ),
    _name(
        "attribute of a current source",
        lambda sim: sim.DCSource().amp,
        ("DCSource has no parameter 'amp'.", "Valid parameters: amplitude, start, stop."),
    ),
    _name(
        "assignment to a current source",
        lambda sim: setattr(sim.DCSource(), "amp", 0.5),
        ("DCSource has no parameter 'amp'.", "Valid parameters: amplitude, start, stop."),
    ),
    _name("unit of a variable", lambda sim: cond(sim).find_units("w"), ("cells has no variable 'w'.", "v_thresh")),
]


@parametrize(NAMES)
def test_a_name_that_does_not_exist(sim: Any, mistake: Mistake) -> None:
    check(sim, mistake)


def test_hasattr_of_a_cell_answers(sim: Any) -> None:
    cell = cond(sim)[0]
    assert hasattr(cell, "tau_m")
    assert not hasattr(cell, "tau_mm")


def test_a_name_error_survives_a_process_boundary() -> None:
    error = errors.NonExistentParameterError("V", "Cell", ["v"], kind="state variable")
    assert str(pickle.loads(pickle.dumps(error))) == str(error) == (
        "Cell has no state variable 'V'. Did you mean 'v'? Valid state variables: v."
    )


def test_a_distribution_that_does_not_exist() -> None:
    check(
        None,
        Mistake(
            "", lambda _: RandomDistribution("unform", (0, 1)), UnknownDistributionError, KeyError,
            ("There is no distribution 'unform'.", "Did you mean 'uniform'?", "Available: binomial, gamma"),
        ),
    )


# --- values ---------------------------------------------------------------------------------------------------------

_TWO_OF_THREE = ("2 values were given where 3 values were needed", "a single number for all")


def _value(name: str, line: Callable[[Any], Any], *says: str) -> Mistake:
    return Mistake(name, line, errors.InvalidParameterValueError, ValueError, says)


def _shape(name: str, line: Callable[[Any], Any], *says: str) -> Mistake:
    return Mistake(name, line, errors.InvalidDimensionsError, ValueError, says)


VALUES = [
    _shape("too few for the cells", lambda sim: cond(sim, tau_m=[1.0, 2.0]), "'tau_m'", *_TWO_OF_THREE),
    _shape("too few in set", lambda sim: cond(sim).set(tau_m=[1.0, 2.0]), "'tau_m'", *_TWO_OF_THREE),
    _shape("too few in initialize", lambda sim: cond(sim).initialize(v=[1.0, 2.0]), "initialize(v=", *_TWO_OF_THREE),
    _shape(
        "too few initial values",
        lambda sim: sim.Population(3, sim.IF_cond_exp(), initial_values={"v": [1.0, 2.0]}),
        *_TWO_OF_THREE,
    ),
    _shape(
        "two dimensions",
        lambda sim: cond(sim).set(tau_m=np.ones((3, 3))),
        "'tau_m'",
        "an array of shape (3, 3) was given"
    ),
    _shape(
        "a train too many",
        lambda sim: sim.Population(2, sim.SpikeSourceArray(spike_times=[[1.0], [2.0], [3.0]])),
        "'spike_times'",
        "3 values were given where 2 values were needed",
    ),
    _shape(
        "a function of the wrong shape", lambda sim: cond(sim).set(tau_m=lambda i: [1, 2]), "an array of shape (3, 2)"
    ),
    _shape(
        "weights for other numbers of connections",
        lambda sim: static(sim, weight=[1.0, 2.0]),
        "weight: 2 values were given",
        "one number, one number a connection (9), or an array of shape (pre, post) = (3, 3)",
    ),
    _shape(
        "weights for other cells",
        lambda sim: static(sim, weight=np.ones((2, 3))),
        "weight: an array of shape (2, 3) was given",
        "(pre, post) = (3, 3)",
    ),
    _shape(
        "Projection.set with too few",
        lambda sim: static(sim, weight=0.1).set(weight=[1.0, 2.0]),
        "weight: 2 values were given",
    ),
    _shape("positions", lambda sim: setattr(cond(sim), "positions", np.ones((2, 3))), "shape (3, 3), not (2, 3)"),
    _shape(
        "position of a cell",
        lambda sim: setattr(cond(sim)[0], "position", (1, 2)),
        "three numbers x, y, z",
        "(1, 2)",
    ),
    _shape("nearest", lambda sim: cond(sim).nearest((1, 2)), "three numbers x, y, z", "(1, 2)"),
    _shape(
        "mask",
        lambda sim: cond(sim)[np.array([True, False])],
        "A mask for 'cells' needs 3 values",
        "(2,) were given",
    ),
    _shape(
        "cells that do not fill a grid",
        lambda sim: sim.Population(5, sim.IF_cond_exp(), structure=Grid2D()).positions,
        "5 cells do not fill a Grid2D",
    ),
    _shape(
        "several amplitudes",
        lambda sim: cond(sim).inject(sim.DCSource(amplitude=[1.0, 2.0])),
        "DCSource: amplitude",
        "it takes a single value; 2 values were given",
        "make one source for each",
    ),
    _shape(
        "times without amplitudes",
        lambda sim: cond(sim).inject(sim.StepCurrentSource(times=[1.0, 2.0], amplitudes=[1.0])),
        "as many times as amplitudes; it has 2 and 1",
    ),
    _value("NaN", lambda sim: cond(sim, tau_m=NAN), "IF_cond_exp: parameter 'tau_m' must be a number, and not NaN"),
    _value("NaN in set", lambda sim: cond(sim).set(tau_m=NAN), "'tau_m' must be a number, and not NaN"),
    _value("NaN in a list", lambda sim: cond(sim).set(tau_m=[1.0, NAN, 1.0]), "'tau_m' must be a number, and not NaN"),
    _value("NaN in initialize", lambda sim: cond(sim).initialize(v=NAN), "initialize(v=...)", "not NaN"),
    _value("NaN as spike time", lambda sim: sim.SpikeSourceArray(spike_times=[NAN]), "'spike_times'", "not NaN"),
    _value("NaN as amplitude", lambda sim: sim.DCSource(amplitude=NAN), "DCSource: parameter 'amplitude'", "not NaN"),
    _value("negative time constant", lambda sim: cond(sim, tau_m=-5), "tau_m=-5 ms is not possible", "greater than 0"),
    _value("time constant of zero", lambda sim: cond(sim, tau_m=0.0), "tau_m=0 ms is not possible", "greater than 0"),
    _value("negative in set", lambda sim: cond(sim).set(tau_m=-5.0), "tau_m=-5 ms is not possible", "greater than 0"),
    _value("negative in a list", lambda sim: cond(sim).set(tau_m=[1.0, -5.0, 2.0]), "tau_m=-5 ms is not possible"),
    _value(
        "negative by chance",
        lambda sim: cond(sim, 50).set(tau_m=RandomDistribution("normal", (0.0, 1.0), rng=NumpyRNG(1))),
        "tau_m=-",
        "ms is not possible, it must be greater than 0",
    ),
    _value("negative refractory period", lambda sim: cond(sim, tau_refrac=-1.0), "tau_refrac=-1 ms", "at least 0"),
    _value("negative capacitance", lambda sim: cond(sim, cm=-1.0), "cm=-1 nF is not possible", "greater than 0"),
    _value(
        "negative rate",
        lambda sim: sim.Population(2, sim.SpikeSourcePoisson(rate=-1.0)),
        "SpikeSourcePoisson: rate=-1 Hz is not possible, it must be at least 0",
    ),
    _value("text", lambda sim: cond(sim, tau_m="ten"), "'tau_m' takes a number and not the text 'ten'"),
    _value("text for one cell", lambda sim: setattr(cond(sim)[0], "tau_m", "x"), "'tau_m'", "not the text 'x'"),
    _value(
        "None",
        lambda sim: cond(sim, tau_m=None),
        "'tau_m' needs a number, None is not possible",
        "default is 20.0",
    ),
    _value("complex", lambda sim: cond(sim).set(tau_m=1j), "'tau_m' takes numbers, and 1j is not"),
    _value("dictionary", lambda sim: cond(sim).set(tau_m={"a": 1}), "'tau_m' takes a number, an array", "{'a': 1}"),
]


@parametrize(VALUES)
def test_a_value_that_is_not_possible(sim: Any, mistake: Mistake) -> None:
    check(sim, mistake)


def test_nothing_is_set_if_one_value_of_several_is_wrong(sim: Any) -> None:
    cells = cond(sim)
    with pytest.raises(errors.InvalidParameterValueError):
        cells.set(cm=2.0, tau_m=-5.0)
    assert cells.get("cm") == 1.0
    projection = static(sim, weight=0.1, delay=1.0)
    with pytest.raises(errors.InvalidDelayError):
        projection.set(weight=0.2, delay=0.001)
    assert set(projection.get("weight", "list", with_address=False)) == {0.1}


def test_a_current_source_keeps_its_values_if_new_ones_are_wrong(sim: Any) -> None:
    step = sim.StepCurrentSource(times=[1.0, 2.0], amplitudes=[0.1, 0.2])
    cond(sim).inject(step)
    with pytest.raises(errors.InvalidTimeError, match="times must increase, and 1 ms comes after 3 ms"):
        step.set_parameters(times=[3.0, 1.0])
    assert step.times.value.tolist() == [1.0, 2.0]


# --- weights and delays ---------------------------------------------------------------------------------------------

_NONNEGATIVE = "must be zero or positive"
_NONPOSITIVE = "must be zero or negative"


def _weight(name: str, line: Callable[[Any], Any], *says: str) -> Mistake:
    return Mistake(name, line, errors.InvalidWeightError, ValueError, says)


def _delay(name: str, line: Callable[[Any], Any], *says: str) -> Mistake:
    return Mistake(name, line, errors.InvalidDelayError, ValueError, says)


def _with_setup(sim: Any, **options: Any) -> Any:
    sim.setup(timestep=0.1, **options)
    return sim


WEIGHTS_AND_DELAYS = [
    _weight(
        "conductance, inhibitory, negative",
        lambda sim: signed(sim, cond(sim), -0.1, "inhibitory"),
        "input→cells: a weight of -0.1 uS has the wrong sign",
        f"conductance-based 'inhibitory' synapses {_NONNEGATIVE}",
        "Change the sign or the receptor_type",
    ),
    _weight(
        "conductance, negative, no receptor",
        lambda sim: signed(sim, cond(sim), -0.1, None),
        f"conductance-based 'excitatory' synapses {_NONNEGATIVE}",
    ),
    _weight(
        "current, inhibitory, positive",
        lambda sim: signed(sim, curr(sim), 0.1, "inhibitory"),
        "a weight of 0.1 nA has the wrong sign",
        f"current-based 'inhibitory' synapses {_NONPOSITIVE}",
    ),
    _weight(
        "current, excitatory, negative",
        lambda sim: signed(sim, curr(sim), -0.1, "excitatory"),
        f"current-based 'excitatory' synapses {_NONNEGATIVE}",
    ),
    _weight(
        "voltage jump, inhibitory, positive",
        lambda sim: signed(sim, sim.Population(2, sim.IF_curr_delta()), 0.1, "inhibitory"),
        "a weight of 0.1 mV has the wrong sign",
        f"voltage-based 'inhibitory' synapses {_NONPOSITIVE}",
    ),
    _weight(
        "current, both signs",
        lambda sim: signed(sim, curr(sim, 1), [-0.1, 0.1, 0.1], None),
        "partly positive and partly negative",
        "Make one projection of each sign, or say receptor_type=",
    ),
    _weight("sign in set", lambda sim: static(sim, weight=0.1).set(weight=-1.0), "a weight of -1 uS", _NONNEGATIVE),
    _weight("sign of one connection", lambda sim: setattr(static(sim, weight=0.1)[0], "weight", -1.0), _NONNEGATIVE),
    _weight("NaN in set", lambda sim: static(sim, weight=0.1).set(weight=NAN), "weight must be a number, and not NaN"),
    _weight(
        "NaN from a function",
        lambda sim: static(sim, weight=lambda d: np.where(d > 1.5, np.nan, 0.1)),
        "weight must be a number, and not NaN. It is NaN for connection 2.",
    ),
    _weight("infinite", lambda sim: static(sim, weight=float("inf")), "weights must be finite numbers"),
    Mistake(
        "NaN weight", lambda sim: sim.StaticSynapse(weight=NAN), errors.InvalidParameterValueError, ValueError,
        ("StaticSynapse: parameter 'weight' must be a number, and not NaN",),
    ),
    Mistake(
        "weight that is no expression", lambda sim: static(sim, weight="0.1*x"), errors.ExpressionError, ValueError,
        ("'0.1*x': the name 'x' has no meaning here", "Allowed are the variables d"),
    ),
    Mistake(
        "weight that is code", lambda sim: static(sim, weight="__import__('os').getcwd()"), errors.ExpressionError,
        ValueError, ("Allowed are the variables d",),
    ),
    _delay(
        "under the time step",
        lambda sim: static(sim, weight=0.1, delay=0.01),
        "pre→post: a delay of 0.01 ms is under the time step",
        "at least 0.1 ms",
        "setup(timestep=...)",
    ),
    _delay("zero", lambda sim: static(sim, delay=0.0), "a delay of 0 ms is under the time step"),
    _delay("negative", lambda sim: static(sim, delay=-1.0), "a delay of -1 ms is under the time step"),
    _delay("infinite delay", lambda sim: static(sim, delay=float("inf")), "a delay must be a finite number of ms"),
    _delay("in set", lambda sim: static(sim, delay=1.0).set(delay=0.01), "a delay of 0.01 ms is under the time step"),
    _delay(
        "NaN delay in set",
        lambda sim: static(sim, delay=1.0).set(delay=NAN),
        "delay must be a number, and not NaN",
    ),
    _delay(
        "one of a list",
        lambda sim: connected(sim, sim.FromListConnector([(0, 1, 0.1, 1.0), (1, 1, 0.1, 0.01)])),
        "a delay of 0.01 ms is under the time step",
    ),
    _delay(
        "over max_delay",
        lambda sim: static(_with_setup(sim, max_delay=5.0), delay=6.0),
        "a delay of 6 ms is over max_delay = 5 ms, which setup() was given",
        "Say setup(max_delay=6) or max_delay='auto'",
    ),
    _delay(
        "more steps than can be counted",
        lambda sim: static(sim, delay=1e12),
        "a delay of 1e+12 ms is over 2,147,483,647 time steps of 0.1 ms, which is the most that is possible",
    ),
    _delay(
        "under min_delay",
        lambda sim: static(_with_setup(sim, min_delay=2.0), delay=1.0),
        "a delay of 1 ms is under min_delay = 2 ms, which setup() was given",
        "Say setup(min_delay=1) or min_delay='auto'",
    ),
]


@parametrize(WEIGHTS_AND_DELAYS)
def test_a_weight_or_delay_that_is_not_possible(sim: Any, mistake: Mistake) -> None:
    check(sim, mistake)


def test_a_delay_off_the_grid_is_rounded_with_a_warning(sim: Any) -> None:
    with pytest.warns(errors.RoundingWarning, match="pre→post: delays are rounded .* 0.33 ms becomes 0.3 ms"):
        projection = static(sim, delay=0.33)
    assert projection.get("delay", "list", with_address=False) == pytest.approx([0.3] * 9)


def test_nothing_is_made_of_a_projection_that_is_refused(sim: Any) -> None:
    with pytest.raises(errors.InvalidDelayError):
        static(sim, delay=0.01)
    assert sim.script.simulation.projections == []


# --- connectors -----------------------------------------------------------------------------------------------------


def _connector(name: str, line: Callable[[Any], Any], *says: str) -> Mistake:
    return Mistake(name, line, errors.ConnectorError, ValueError, says)


CONNECTORS = [
    _connector("p over 1", lambda sim: sim.FixedProbabilityConnector(1.7), "a number from 0 to 1, not 1.7"),
    _connector("p under 0", lambda sim: sim.FixedProbabilityConnector(-0.1), "a number from 0 to 1, not -0.1"),
    _connector("p is text", lambda sim: sim.FixedProbabilityConnector("a"), "a number from 0 to 1, not 'a'"),
    _connector("p is NaN", lambda sim: sim.FixedProbabilityConnector(NAN), "a number from 0 to 1, not nan"),
    _connector(
        "procedural p", lambda sim: sim.connect(cond(sim), cond(sim), p=1.7), "a number from 0 to 1, not 1.7"
    ),
    _connector(
        "one to one of other sizes",
        lambda sim: connected(sim, sim.OneToOneConnector()),
        "as many pre as post cells, but 'pre' has 3 and 'post' has 4",
        "post[:3]",
    ),
    _connector("negative n, pre", lambda sim: sim.FixedNumberPreConnector(-1), "n must not be negative, and it is -1"),
    _connector(
        "negative n, post",
        lambda sim: sim.FixedNumberPostConnector(-1),
        "n must not be negative, and it is -1",
    ),
    _connector(
        "negative n, total",
        lambda sim: sim.FixedTotalNumberConnector(-2),
        "n must not be negative, and it is -2",
    ),
    _connector("n is no number", lambda sim: sim.FixedNumberPostConnector(2.5), "a whole number", "not 2.5"),
    _connector(
        "more than there are pairs",
        lambda sim: connected(sim, sim.FixedTotalNumberConnector(20, with_replacement=False)),
        "20 connections between different pairs are wanted, but there are 12 possible pairs",
        "Ask for fewer, or use with_replacement=True",
    ),
    _connector(
        "pre index out of range",
        lambda sim: connected(sim, sim.FromListConnector([(0, 1, 0.1, 1.0), (7, 1, 0.1, 1.0)])),
        "Row 1 of the list: the pre index is 7; possible indices in 'pre': 0 to 2",
    ),
    _connector(
        "post index out of range",
        lambda sim: connected(sim, sim.FromListConnector([(0, 4, 0.1, 1.0)])),
        "Row 0 of the list: the post index is 4; possible indices in 'post': 0 to 3",
    ),
    _connector(
        "negative index",
        lambda sim: connected(sim, sim.FromListConnector([(0, -1, 0.1, 1.0)])),
        "the post index is -1; possible indices in 'post': 0 to 3",
    ),
    _connector(
        "index that is no whole number",
        lambda sim: connected(sim, sim.FromListConnector([(0.5, 1, 0.1, 1.0)])),
        "the pre index is 0.5",
    ),
    _connector(
        "rows of three", lambda sim: connected(sim, sim.FromListConnector([(0, 1, 0.1)])),
        "Rows have 3 values", "column_names=['weight', ...]",
    ),
    _connector(
        "rows of different lengths",
        lambda sim: connected(sim, sim.FromListConnector([(0, 1), (1, 2, 3, 4)])),
        "Row 1 of the list has 4 values and the rows before it have 2",
    ),
    _connector(
        "NaN in a row",
        lambda sim: connected(sim, sim.FromListConnector([(0, 1, NAN, 1.0)])),
        "Row 0 of the list: weight is nan",
    ),
    _connector(
        "array of another shape",
        lambda sim: connected(sim, sim.ArrayConnector(np.ones((4, 3), bool))),
        "an array of shape (4, 3), but 'pre' has 3 and 'post' 4 cells",
        "The transposed array fits",
    ),
    _connector("array of numbers", lambda sim: sim.ArrayConnector(np.full((3, 3), 0.5)), "booleans", "float64"),
    _connector(
        "no index expression",
        lambda sim: sim.IndexBasedProbabilityConnector(lambda i, j: 0.5),
        "a subclass of pyNN.core.IndexBasedExpression",
    ),
    _connector("copy of nothing", lambda sim: sim.CloneConnector(3), "needs a Projection to copy from, not 3"),
    _connector(
        "copy for other cells",
        lambda sim: connected(sim, sim.CloneConnector(static(sim))),
        "CloneConnector copies 'pre→post', whose pre cells are not those of 'pre→post'",
    ),
    Mistake(
        "no file",
        lambda sim: connected(sim, sim.FromFileConnector("no/such/file.txt")),
        errors.FileFormatError,
        OSError,
        ("There is no file 'no/such/file.txt'", "the working directory is"),
    ),
    Mistake(
        "expression of an unknown name",
        lambda sim: connected(sim, sim.DistanceDependentProbabilityConnector("x < 3")),
        errors.ExpressionError,
        ValueError,
        ("'x < 3': the name 'x' has no meaning here", "Allowed are the variables d"),
    ),
]


@parametrize(CONNECTORS)
def test_a_connector_that_is_asked_for_the_impossible(sim: Any, mistake: Mistake) -> None:
    check(sim, mistake)


# --- things of the wrong kind ---------------------------------------------------------------------------------------


def _kind(name: str, line: Callable[[Any], Any], *says: str) -> Mistake:
    return Mistake(name, line, errors.InvalidModelError, TypeError, says)


def _projection(name: str, line: Callable[[Any], Any], *says: str) -> Mistake:
    return Mistake(name, line, errors.ConnectionError, ValueError, says)


KINDS = [
    _kind(
        "cell type as text",
        lambda sim: sim.Population(10, "IF_cond_exp"),
        "sim.IF_cond_exp(tau_m=10.0), not 'IF_cond_exp'",
    ),
    _kind("cell type None", lambda sim: sim.Population(10, None), "must be a cell type", "not None"),
    _kind("synapse type as cell type", lambda sim: sim.Population(10, sim.StaticSynapse()), "not StaticSynapse("),
    _kind("procedural create", lambda sim: sim.create("IF_cond_exp"), "not 'IF_cond_exp'"),
    _kind(
        "parameters twice",
        lambda sim: sim.Population(4, sim.IF_cond_exp(), {"tau_m": 3.0}),
        "is an instance already, so cellparams={'tau_m': 3.0} has no place",
        "Write IF_cond_exp(**cellparams)",
    ),
    _kind("cellparams as list", lambda sim: sim.Population(4, sim.IF_cond_exp, [3]), "must be a dictionary", "not [3]"),
    _kind(
        "structure as text",
        lambda sim: sim.Population(4, sim.IF_cond_exp(), structure="grid"),
        "Grid2D(), not 'grid'",
    ),
    _kind("structure as class", lambda sim: sim.Population(4, sim.IF_cond_exp(), structure=Line), "such as Grid2D()"),
    _kind(
        "connector as class",
        lambda sim: sim.Projection(cond(sim), cond(sim), sim.AllToAllConnector),
        "The connector must be an instance such as sim.FixedProbabilityConnector(0.1)",
    ),
    _kind(
        "synapse type as class",
        lambda sim: sim.Projection(cond(sim), cond(sim), sim.AllToAllConnector(), sim.StaticSynapse),
        "The synapse type must be an instance such as sim.StaticSynapse(weight=0.1)",
    ),
    _kind(
        "weight as synapse type",
        lambda sim: sim.Projection(cond(sim), cond(sim), sim.AllToAllConnector(), 0.5),
        "sim.StaticSynapse(weight=0.1), not 0.5",
    ),
    _kind(
        "space as text",
        lambda sim: sim.Projection(cond(sim), cond(sim), sim.AllToAllConnector(), space="xy"),
        "sim.Space(axes='xy'), not 'xy'",
    ),
    _kind("number in an assembly", lambda sim: sim.Assembly(3), "holds populations, views and assemblies, not 3"),
    _kind(
        "view of an assembly",
        lambda sim: sim.PopulationView(sim.Assembly(cond(sim)), [0]),
        "Population or another view",
    ),
    _kind("procedural connect", lambda sim: sim.connect(3, 4), "a population, a view, an assembly, a cell", "not 3"),
    _kind(
        "procedural set of a number",
        lambda sim: sim.set(3, tau_m=1.0),
        "a population, a view, an assembly",
        "not 3",
    ),
    _kind(
        "current into a spike source",
        lambda sim: source(sim).inject(sim.DCSource(amplitude=0.5)),
        "No current can be injected into 'input': spike sources have no membrane",
    ),
    _kind(
        "current into an assembly with a spike source",
        lambda sim: (cond(sim) + source(sim)).inject(sim.DCSource(amplitude=0.5)),
        "spike sources have no membrane",
    ),
    _kind(
        "current as class",
        lambda sim: cond(sim).inject(sim.DCSource),
        "sim.DCSource(amplitude=0.5), not from <class",
    ),
    _kind("current as number", lambda sim: cond(sim).inject(0.5), "sim.DCSource(amplitude=0.5), not from 0.5"),
    _kind("current into a number", lambda sim: sim.DCSource().inject_into([3]), "a population, a view", "not into 3"),
    _projection(
        "list as presynaptic cells",
        lambda sim: sim.Projection([1, 2], cond(sim), sim.AllToAllConnector()),
        "The presynaptic cells must be a population, a view or an assembly, not [1, 2]",
    ),
    _projection(
        "spike source as target",
        lambda sim: sim.Projection(
            cond(sim), sim.Population(3, sim.SpikeSourceArray, label="input"), sim.AllToAllConnector()
        ),
        "'input' cannot receive connections: its cells have no receptors (SpikeSourceArray)",
    ),
    _projection(
        "receptor that does not exist",
        lambda sim: signed(sim, cond(sim), 0.1, "inhibitry"),
        "'cells' has no receptor type 'inhibitry'. Did you mean 'inhibitory'? It has: excitatory, inhibitory.",
    ),
    _projection(
        "conductance-based and current-based targets",
        lambda sim: signed(sim, cond(sim) + curr(sim), 0.1, None),
        "mixes conductance-based and current-based synapses",
        "Make one projection to each kind of cell",
    ),
    _projection(
        "a cell twice in an assembly",
        lambda sim: (lambda cells: sim.Assembly(cells[:2], cells))(cond(sim)),
        "has cells that are in the assembly already",
        "views that do not overlap",
    ),
    _value("negative size", lambda sim: cond(sim, -1), "0 or more cells, not -1"),
    _value("size that is no whole number", lambda sim: cond(sim, 2.5), "a whole number", "not 2.5"),
    _value("size as list", lambda sim: cond(sim, [2, 2]), "a tuple of one to three", "not [2, 2]"),
    _value("four dimensions", lambda sim: cond(sim, (2, 2, 2, 2)), "a tuple of one to three", "not (2, 2, 2, 2)"),
    _value(
        "grid and structure",
        lambda sim: sim.Population((2, 2), sim.IF_cond_exp(), structure=Line()),
        "size=(2, 2) puts the cells on a grid",
        "Give one of the two",
    ),
    _value(
        "initial_values as list",
        lambda sim: sim.Population(4, sim.IF_cond_exp(), initial_values=[3]),
        "initial_values must be a dictionary of values by state variable, not [3]",
    ),
    _value("format", lambda sim: static(sim).get("weight", "lists"), "format must be 'list' or 'array', not 'lists'"),
    _value(
        "combination",
        lambda sim: static(sim).get("weight", "array", multiple_synapses="mean"),
        "must be one of last, first, sum, min, max, not 'mean'",
    ),
    _value("sample", lambda sim: cond(sim).sample(7), "A sample of 'cells' has 0 to 3 cells, not 7"),
    _value("location", lambda sim: cond(sim)[0].inject(sim.DCSource(), location="soma"), "location='soma'", "a point"),
    _value("template", lambda sim: cond(sim).describe("no.txt"), "no template 'no.txt'", "population_default.txt"),
    _value("engine", lambda sim: cond(sim).describe(engine="foo"), "no template engine 'foo'", "string, jinja2"),
    Mistake(
        "source of a projection",
        lambda sim: sim.Projection(cond(sim), cond(sim), sim.AllToAllConnector(), source="soma"),
        errors.CapabilityError, NotImplementedError, ("source='soma'", "point neurons have no parts"),
    ),
    Mistake(
        "native cells", lambda sim: sim.Population(3, sim.IF_cond_exp(), native=True),
        errors.CapabilityError,
        NotImplementedError,
        ("has no generator of its own for IF_cond_exp", "Leave native away"),
    ),
]


@parametrize(KINDS)
def test_a_thing_of_the_wrong_kind(sim: Any, mistake: Mistake) -> None:
    check(sim, mistake)


# --- indices --------------------------------------------------------------------------------------------------------


def _index(name: str, line: Callable[[Any], Any], *says: str) -> Mistake:
    return Mistake(name, line, CellIndexError, IndexError, says)


_POSSIBLE = "'cells' has 3 cells, possible are 0 to 2"
INDICES = [
    _index("too large", lambda sim: cond(sim)[7], "Index 7 is out of range", _POSSIBLE),
    _index("too small", lambda sim: cond(sim)[-4], "Index -4 is out of range", _POSSIBLE),
    _index("in a list", lambda sim: cond(sim)[[0, 7]], "Index 7 is out of range", _POSSIBLE),
    _index("negative in a list", lambda sim: cond(sim)[[0, -7]], "Index -7 is out of range", _POSSIBLE),
    _index("view", lambda sim: sim.PopulationView(cond(sim), [7]), "Index 7 is out of range", _POSSIBLE),
    _index("assembly", lambda sim: sim.Assembly(cond(sim), label="cells")[9], "Index 9 is out of range", _POSSIBLE),
    _index("empty", lambda sim: cond(sim, 0)[0], "'cells' has 0 cells, none is possible"),
    _index("id", lambda sim: cond(sim).id_to_index(77), "no cell with id 77 in 'cells' (ids 0 to 2)"),
    _index("is_local", lambda sim: cond(sim).is_local(77), "no cell with id 77 in 'cells' (ids 0 to 2)"),
    _value("float", lambda sim: cond(sim)[1.5], "an integer, a slice, a list of integers or a mask, not 1.5"),
    _value("text index", lambda sim: cond(sim)["a"], "an integer, a slice, a list of integers or a mask, not 'a'"),
    Mistake(
        "label", lambda sim: sim.Assembly(cond(sim), label="all").get_population("x"), UnknownLabelError, KeyError,
        ("The assembly 'all' has no population 'x'. It has: cells.",),
    ),
]


@parametrize(INDICES)
def test_an_index_that_does_not_exist(sim: Any, mistake: Mistake) -> None:
    check(sim, mistake)


def test_a_connection_that_does_not_exist(sim: Any) -> None:
    with pytest.raises(IndexError, match="Connection 9 of 'pre→post' does not exist; there are 9"):
        static(sim)[9]


# --- recording ------------------------------------------------------------------------------------------------------

_COND = "Recordable: spikes, v, gsyn_exc, gsyn_inh"


def _recording(name: str, line: Callable[[Any], Any], *says: str) -> Mistake:
    return Mistake(name, line, errors.RecordingError, ValueError, says)


RECORDING = [
    _recording("unknown", lambda sim: cond(sim).record("w"), "Cannot record 'w' from IF_cond_exp", _COND),
    _recording(
        "upper case",
        lambda sim: cond(sim).record(["spikes", "V"]),
        "Cannot record 'V'",
        "Did you mean 'v'?",
        _COND,
    ),
    _value("number of cells", lambda sim: cond(sim, 4).record(5), "A sample of", "0 to 4 cells, not 5"),
    _recording(
        "source",
        lambda sim: source(sim).record("v"),
        "Cannot record 'v' from SpikeSourceArray",
        "Recordable: spikes",
    ),
    _recording(
        "assembly",
        lambda sim: (cond(sim) + source(sim)).record("v"),
        "Cannot record 'v' from SpikeSourceArray",
    ),
    _recording("procedural", lambda sim: sim.record("w", cond(sim), "x.pkl"), "Cannot record 'w'", _COND),
    _recording("get_data", lambda sim: cond(sim).get_data("w"), "'w'", _COND),
    _value(
        "interval off the grid", lambda sim: cond(sim).record("v", sampling_interval=0.25),
        "sampling_interval=0.25 ms is not a positive multiple of the time step 0.1 ms", "0.2 ms or 0.3 ms",
    ),
    _value(
        "negative interval",
        lambda sim: cond(sim).record("v", sampling_interval=-1),
        "sampling_interval=-1 ms is not",
    ),
    _value("interval as text", lambda sim: cond(sim).record("v", sampling_interval="a"), "a number of ms, not 'a'"),
    _value(
        "file as number",
        lambda sim: cond(sim).record("v", to_file=3),
        "to_file=3 is neither a file name nor a Neo IO",
    ),
    Mistake(
        "text file", lambda sim: cond(sim).record("v", to_file="a.txt"), errors.FileFormatError, OSError,
        ("'.txt' (a.txt)", ".nix, .h5, .nwb, .pkl", "numpy.savetxt()"),
    ),
    Mistake(
        "locations", lambda sim: cond(sim).record("v", locations=["soma"]), errors.CapabilityError, NotImplementedError,
        ("locations=['soma']", "Leave `locations` out"),
    ),
    _value(
        "current that is not injected", lambda sim: sim.DCSource().record(),
        "record() needs a current that is injected", "inject_into(cells)",
    ),
]


@parametrize(RECORDING)
def test_what_cannot_be_recorded(sim: Any, mistake: Mistake) -> None:
    check(sim, mistake)


@pytest.mark.parametrize("name", ["data.foo", "data.txt"])
def test_a_format_that_cannot_be_written(sim: Any, tmp_path: Path, name: str) -> None:
    cells = cond(sim)
    cells.record("v")
    sim.run(1.0)
    with pytest.raises(errors.FileFormatError, match=r"\.nix, \.h5, \.nwb, \.pkl, \.pickle, \.mat") as caught:
        cells.write_data(tmp_path / name)
    assert isinstance(caught.value, OSError)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_write(sim: Any, tmp_path: Path) -> None:
    cells = cond(sim)
    sim.run(1.0)
    with pytest.raises(errors.NothingToWriteError, match=r"There is nothing to write to .*'cells'.*Call record\(\)"):
        cells.write_data(str(tmp_path / "data.pkl"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file_and_the_data(sim: Any, tmp_path: Path) -> None:
    cells = cond(sim, 200)
    cells.record("v")
    sim.run(50.0)
    path = tmp_path / "data.pkl"
    path.write_bytes(b"older data")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores SIGXFSZ, so a write beyond the limit is an OSError, as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError):
            cells.write_data(str(path), clear=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"data.pkl": b"older data"}
    # clear=True has not been carried out either, so another disk can still take the data.
    assert cells.get_data().segments[0].analogsignals[0].shape == (501, 200)
    cells.write_data(str(path))
    assert path.stat().st_size > 100_000


# --- time -----------------------------------------------------------------------------------------------------------


def _time(name: str, line: Callable[[Any], Any], *says: str) -> Mistake:
    return Mistake(name, line, errors.InvalidTimeError, ValueError, says)


TIMES = [
    _time(
        "negative run",
        lambda sim: sim.run(-1),
        "simtime must be a finite number of ms and not negative; -1 was given",
    ),
    _time("NaN run", lambda sim: sim.run(NAN), "simtime must be a finite number", "nan was given"),
    _time("endless run", lambda sim: sim.run(float("inf")), "simtime must be a finite number", "inf was given"),
    _time("text", lambda sim: sim.run("a"), "simtime must be a number of ms, not 'a'"),
    _time(
        "past",
        lambda sim: ran(sim).run_until(2.0),
        "run_until(2.0): that time is past; it is 5.0 ms now",
        "reset()",
    ),
    _time("negative run_until", lambda sim: sim.run_until(-2.0), "time_point must be", "-2.0 was given"),
    _time("callback without an answer", lambda sim: sim.run(5.0, callbacks=[lambda t: None]), "returned None at 0 ms"),
    _time(
        "callback of NaN", lambda sim: sim.run(5.0, callbacks=[lambda t: NAN]), "returned nan at 0 ms", "the time in ms"
    ),
    _value("callback that is none", lambda sim: sim.run(5.0, callbacks=[3]), "must be functions of the time", "not 3"),
    _time(
        "steps that go back",
        lambda sim: cond(sim).inject(sim.StepCurrentSource(times=[2.0, 1.0], amplitudes=[1.0, 2.0])),
        "times must increase, and 1 ms comes after 2 ms",
    ),
    _time(
        "negative time of a step",
        lambda sim: cond(sim).inject(sim.StepCurrentSource(times=[-2.0, 1.0], amplitudes=[1.0, 2.0])),
        "-2 ms is not a time",
    ),
    _value("a million threads", lambda sim: sim.setup(threads=10**6), "threads must be at most 1024, not 1000000"),
    _time("time step of zero", lambda sim: sim.setup(timestep=0), "timestep must be a positive number of ms, not 0"),
    _time("negative time step", lambda sim: sim.setup(timestep=-0.1), "timestep must be a positive number of ms"),
    _time("time step as text", lambda sim: sim.setup(timestep="a"), "timestep must be a number of ms, not 'a'"),
    _time("min_delay as text", lambda sim: sim.setup(min_delay="aut"), "a number of ms or 'auto', not 'aut'"),
    _delay("min_delay over max_delay", lambda sim: sim.setup(min_delay=5.0, max_delay=2.0), "5.0 ms", "2.0 ms"),
    _delay(
        "min_delay under the time step",
        lambda sim: sim.setup(min_delay=0.01),
        "smaller than the time step, 0.1 ms",
    ),
]


@parametrize(TIMES)
def test_a_time_that_is_not_possible(sim: Any, mistake: Mistake) -> None:
    check(sim, mistake)


def test_a_time_off_the_grid_is_rounded_with_a_warning(sim: Any) -> None:
    with pytest.warns(errors.RoundingWarning, match="simtime = 0.33 ms is not a multiple .*; 0.3 ms is used"):
        assert sim.run(0.33) == 0.3


# --- setup() --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("dt", "timestep"), ("time_step", "timestep"), ("mindelay", "min_delay"), ("maxdelay", "max_delay")],
)
def test_a_misspelled_argument_of_setup_is_refused_with_the_right_name(sim: Any, wrong: str, right: str) -> None:
    with pytest.raises(errors.InvalidParameterValueError) as caught:
        sim.setup(**{wrong: 0.1})
    assert f"setup() has no argument '{wrong}'. Say {right}=" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_an_unknown_option_of_setup_is_a_warning_that_names_those_there_are(sim: Any) -> None:
    backend = sim.script.backend
    known = "Known: timestep, min_delay, max_delay, rng_seed, threads, native"
    with pytest.warns(errors.UnknownOptionWarning) as caught:
        sim.setup(thread=3)
    (message,) = [str(w.message) for w in caught]
    assert f"The backend '{backend.name}' does not know the option 'thread', which has no effect. {known}" in message
    assert all(option in message for option in backend.capabilities.options)


OPTIONS = [
    ("reference", {"engine": "c"}, "engine='c' is not possible; choose one of ['numba', 'numpy']"),
    ("nest", {"spike_precision": "x"}, "spike_precision='x' is not possible; choose one of ['on_grid', 'off_grid']"),
    ("nest", {"verbosity": "loud"}, "verbosity='loud' is not possible; choose one of ['all', 'debug'"),
    ("mock", {"rank": 5, "num_processes": 2}, "rank=5 is not possible with num_processes=2; possible are 0 to 1"),
    ("mock", {"num_processes": 0}, "num_processes must be a whole number of at least 1, not 0"),
    ("mock", {"rank": "a", "num_processes": 2}, "rank must be a whole number of at least 0, not 'a'"),
    ("reference", {"rng_seed": "a"}, "rng_seed must be a whole number of at least 0, not 'a'"),
    ("reference", {"rng_seed": 1.5}, "rng_seed must be a whole number of at least 0, not 1.5"),
    ("reference", {"threads": 0}, "threads must be a whole number of at least 1, not 0"),
]


@pytest.mark.parametrize(("backend", "options", "message"), OPTIONS)
def test_a_value_that_an_option_cannot_have(backend: str, options: dict[str, Any], message: str) -> None:
    sim = importlib.import_module(f"pyNN.{backend}")
    with pytest.raises(errors.InvalidParameterValueError) as caught:
        sim.setup(**options)
    assert message in str(caught.value)
    assert isinstance(caught.value, ValueError)


# --- before setup() and after the next one --------------------------------------------------------------------------

BEFORE_SETUP: dict[str, Callable[[Any], Any]] = {
    "run": lambda script: script.run(1.0),
    "run_until": lambda script: script.run_until(1.0),
    "reset": lambda script: script.reset(),
    "end": lambda script: script.end(),
    "get_current_time": lambda script: script.get_current_time(),
    "get_time_step": lambda script: script.get_time_step(),
    "state": lambda script: script.state.t,
    "Population": lambda script: script.Population(3, importlib.import_module("pyNN.mock").IF_cond_exp()),
}


@pytest.mark.parametrize("name", BEFORE_SETUP)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_call_before_setup(backend: str, name: str) -> None:
    script = Script(importlib.import_module(f"pyNN.{backend}").script.backend)
    with pytest.raises(errors.NotSetUpError, match=r"Call sim.setup\(timestep=0.1\) first") as caught:
        BEFORE_SETUP[name](script)
    assert isinstance(caught.value, RuntimeError)


OF_AN_EARLIER_SETUP: dict[str, Callable[[Any, Any], Any]] = {
    "set": lambda sim, old: old.cells.set(tau_m=3.0),
    "get": lambda sim, old: old.cells.get("tau_m"),
    "attribute of a cell": lambda sim, old: old.cells[0].tau_m,
    "assignment to a cell": lambda sim, old: setattr(old.cells[0], "tau_m", 3.0),
    "view": lambda sim, old: old.cells[:2].set(tau_m=3.0),
    "assembly": lambda sim, old: sim.Assembly(old.cells).record("v"),
    "initialize": lambda sim, old: old.cells.initialize(v=-60.0),
    "record": lambda sim, old: old.cells.record("spikes"),
    "get_data": lambda sim, old: old.cells.get_data(),
    "get_spike_counts": lambda sim, old: old.cells.get_spike_counts(),
    "write_data": lambda sim, old: old.cells.write_data("data.pkl"),
    "inject": lambda sim, old: old.cells.inject(sim.DCSource()),
    "Projection.get": lambda sim, old: old.projection.get("weight", "list"),
    "Projection.set": lambda sim, old: old.projection.set(weight=0.2),
    "CloneConnector": lambda sim, old: connected(sim, sim.CloneConnector(old.projection), 3, 3),
    "current source": lambda sim, old: setattr(old.current, "amplitude", 0.2),
    "data of a current source": lambda sim, old: old.current.get_data(),
    "new projection": lambda sim, old: sim.Projection(old.cells, old.cells, sim.AllToAllConnector()),
}


class Old(NamedTuple):
    cells: Any
    projection: Any
    current: Any


@pytest.mark.parametrize("name", OF_AN_EARLIER_SETUP)
def test_an_object_of_an_earlier_setup(sim: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cells = cond(sim)
    old = Old(cells, sim.Projection(cells, cells, sim.AllToAllConnector()), sim.DCSource(amplitude=0.1))
    cells.inject(old.current)
    old.current.record()
    cells.record(["v", "spikes"])
    sim.run(1.0)
    sim.setup()
    with pytest.raises(errors.NotSetUpError, match=r"a later setup\(\) has removed. Create .* after") as caught:
        OF_AN_EARLIER_SETUP[name](sim, old)
    assert isinstance(caught.value, RuntimeError)
    assert list(tmp_path.iterdir()) == []


def test_cells_of_another_backend_are_refused() -> None:
    reference, mock = (importlib.import_module(f"pyNN.{name}") for name in ("reference", "mock"))
    reference.setup()
    mock.setup()
    with pytest.raises(errors.ConnectionError, match="'cells' belongs to another simulation than the present one"):
        mock.Projection(cond(reference), cond(mock, label="others"), mock.AllToAllConnector())


# --- what differs between backends ----------------------------------------------------------------------------------


def test_nest_cannot_take_a_smaller_delay_after_a_run() -> None:
    sim = importlib.import_module("pyNN.nest")
    sim.setup(timestep=0.1)
    static(sim, weight=0.1, delay=2.0)
    sim.run(1.0)
    with pytest.raises(errors.InvalidDelayError) as caught:
        static(sim, weight=0.1, delay=1.0)
    message = str(caught.value)
    assert "pre→post has a delay of 1.0 ms, but the backend 'nest' has already run" in message
    assert "with a smallest delay of 2.0 ms" in message
    assert "Say setup(min_delay=1.0) at the start, or create the projection before the first run()" in message


def test_nest_cannot_change_delays_after_a_run() -> None:
    sim = importlib.import_module("pyNN.nest")
    sim.setup(timestep=0.1)
    projection = static(sim, weight=0.1, delay=2.0)
    sim.run(1.0)
    with pytest.raises(errors.CapabilityError, match="cannot change delays of connections .*created") as caught:
        projection.set(delay=3.0)
    assert isinstance(caught.value, NotImplementedError)
    assert set(projection.get("delay", "list", with_address=False)) == {2.0}


@pytest.mark.parametrize("backend", ["reference", "mock"])
def test_native_connections_where_the_backend_has_none(backend: str) -> None:
    sim = importlib.import_module(f"pyNN.{backend}")
    sim.setup()
    with pytest.raises(errors.CapabilityError) as caught:
        sim.Projection(cond(sim), cond(sim), sim.OneToOneConnector(), native=True)
    assert f"OneToOneConnector on the backend '{backend}'. Possible: no connector" in str(caught.value)
    assert isinstance(caught.value, NotImplementedError)


def test_a_state_that_grows_without_bound_is_reported_with_its_cell() -> None:
    sim = importlib.import_module("pyNN.reference")
    sim.setup()
    cells = cond(sim, 2, cm=1e-300, i_offset=1e300)
    with pytest.raises(errors.SimulatorError, match="of cell 0 of cells became .*smaller timestep") as caught:
        sim.run(5.0)
    assert isinstance(caught.value, RuntimeError)
    assert cells.size == 2


# --- what is not installed ------------------------------------------------------------------------------------------


def _script(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OMPI_", "PMI_", "PMIX_", "MPI_"))}
    return subprocess.run(
        [sys.executable, "-c", code], env={**clean, **environment}, capture_output=True, text=True, timeout=120
    )


_WITHOUT_NEST = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "nest":
            raise ModuleNotFoundError("No module named 'nest'", name="nest")
sys.meta_path.insert(0, Without())
from pyNN.errors import BackendNotInstalledError
import pyNN.nest as sim
try:
    sim.setup()
except BackendNotInstalledError as error:
    assert isinstance(error, ImportError)
    print(error)
"""


def test_a_backend_that_is_not_installed_gives_the_pip_line_at_setup() -> None:
    result = _script(_WITHOUT_NEST)
    assert result.returncode == 0, result.stderr
    assert "pip install 'pynn-core[nest]'" in result.stdout


_SERIAL = "import pyNN.reference as sim; print(sim.setup(), sim.num_processes(), sim.rank())"


@pytest.fixture
def broken_mpi4py(tmp_path: Path) -> str:
    """A folder with an mpi4py as it is without an MPI library: installed, but not to be imported."""
    package = tmp_path / "mpi4py"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "MPI.py").write_text('raise RuntimeError("cannot load MPI library")\n')
    return str(tmp_path)


@pytest.mark.parametrize("environment", [{}, {"OMPI_COMM_WORLD_SIZE": "1"}, {"PMI_SIZE": "1"}])
def test_mpi4py_without_an_mpi_library_is_a_single_process(broken_mpi4py: str, environment: dict[str, str]) -> None:
    result = _script(_SERIAL, PYTHONPATH=broken_mpi4py, **environment)
    assert result.stdout.split() == ["0", "1", "0"], result.stderr


def test_several_processes_without_an_mpi_library_are_refused_with_the_pip_line(broken_mpi4py: str) -> None:
    result = _script(_SERIAL, PYTHONPATH=broken_mpi4py, OMPI_COMM_WORLD_SIZE="4")
    assert result.returncode != 0
    assert "cannot load MPI library" in result.stderr
    assert "pip install 'pynn-core[mpi]'" in result.stderr
