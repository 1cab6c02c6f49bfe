"""Synapses with a rule (plastic, short-term, stochastic): values, times and parts, alike for both engines.

Everything at a synapse is timed by when spikes arrive there: a presynaptic spike s at s + (1 - fraction)*delay, a
postsynaptic spike p at p + fraction*delay. Of spikes that arrive together the postsynaptic one comes first, and for
the presynaptic one it does not count yet; only with fraction 0 the presynaptic one, which can be its cause, is first.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.equations import synapses
from pyNN.equations.language import FUNCTIONS, RANDOM_FUNCTIONS
from pyNN.equations.synapses import FRACTION, RECEPTOR_TIME, WEIGHT, Rule
from pyNN.errors import InternalError, InvalidParameterValueError, InvalidWeightError, NonExistentParameterError
from pyNN.random.streams import derive_key, signed
from pyNN.reference.world import CellGroup, Group, Projection
from pyNN.specs import FloatArray, IntArray, Plasticity

_ON_GRID = 1e-9
_MOST_DRAWS = 1 << 16


@dataclass(frozen=True)
class Shift:
    """How a delay (in steps) is divided between axon and dendrite: spikes s and p arrive together if p = s + shift."""

    delay: int
    fraction: float

    @property
    def shift(self) -> float:
        return _snapped((1.0 - 2.0 * self.fraction) * self.delay)

    @property
    def whole(self) -> int:
        return math.floor(self.shift)

    @property
    def left(self) -> float:
        """The part of a step by which the shift is more than `whole` steps."""
        return self.shift - self.whole

    @property
    def back(self) -> float:
        """Steps from a postsynaptic spike to its arrival at the synapse."""
        return _snapped(self.fraction * self.delay)

    @property
    def forth(self) -> float:
        """Steps from a presynaptic spike to its arrival at the synapse."""
        return _snapped((1.0 - self.fraction) * self.delay)

    @property
    def pre_first(self) -> bool:
        return self.fraction == 0.0

    @property
    def early(self) -> bool:
        """Whether a spike reaches the synapse in the very step that ends with its effect on the target."""
        return math.ceil(self.forth) >= self.delay

    @property
    def lag(self) -> int:
        """Steps after which a presynaptic spike is dealt with: when it has arrived, but before its effect is due."""
        return min(math.ceil(self.forth), self.delay - 1)

    @property
    def interval(self) -> int:
        """Steps that can be taken at a time."""
        return max(self.delay - self.lag, 1)


def _snapped(value: float) -> float:
    nearest = round(value)
    return float(nearest) if abs(value - nearest) < _ON_GRID else value


@dataclass
class Part:
    """The connections of a projection from one group to another."""

    source: Group
    target: CellGroup
    receptor: int
    pre: NDArray[Any]
    post: NDArray[Any]
    chosen: IntArray | None
    """Which of the projection's connections; None: all."""
    slice_number: int = 0
    """The number of the slice that has all the target cells."""

    def of(self, column: Any) -> Any:
        """A column's values for these connections; a scalar stays one."""
        return column if self.chosen is None or not np.ndim(column) else np.asarray(column)[self.chosen]


class RuledSynapses(ABC):
    """The synapses of one projection whose type has a rule. An engine keeps what changes from spike to spike."""

    def __init__(self, projection: Projection, parts: list[Part], dt: float, step: int, seed: int, trial: int) -> None:
        self.projection = projection
        self.spec = projection.spec
        self.model = projection.spec.model
        self.parts = parts
        self.general: Rule = self._make_rule()
        self.plasticity = self.spec.plasticity or Plasticity()
        self.active = dict(self.spec.active)
        self.rule: Rule = self._present_rule()
        self.dt = dt
        self.start_step = step
        self.size = projection.table.size
        self.key_pre = signed(derive_key(seed, "presynaptic event", self.spec.id, trial))
        self.key_post = signed(derive_key(seed, "postsynaptic event", self.spec.id, trial))
        self.sign = self._sign(projection.columns[WEIGHT])
        self.columns: dict[str, float | FloatArray] = {}
        for name in self.rule.parameters:
            if name != RECEPTOR_TIME:
                self.columns[name] = self._stored(name, projection.columns[name])
        self.initial: dict[str, float | FloatArray] = {}
        for name in self.rule.states:
            given = self.spec.initial_values.get(name, self.model.states[name].initial)
            self.initial[name] = _column(given)
        self._check()

    def _make_rule(self) -> Rule:
        return synapses.rule(self.model)

    def _present_rule(self) -> Rule:
        """What is done now: nothing to weights where the synapses do not learn."""
        if self.plasticity.on and all(self.active.values()):
            return self.general
        return synapses.partly(self.general, self.plasticity.on, self.active)

    def set_plasticity(self, plasticity: Plasticity, step: int) -> None:
        """Learn or not, from now on."""
        self.settle(step)
        self.plasticity = plasticity
        self.rule = self._present_rule()
        self.take_rule(step)

    def set_active(self, pathway: str, active: bool, step: int) -> None:
        """Have the spikes of a pathway act or not, from now on."""
        self.settle(step)
        self.active[pathway] = active
        self.rule = self._present_rule()
        self.take_rule(step)

    def take_rule(self, step: int) -> None:
        """Take over a changed rule."""
        return None

    @property
    def fraction(self) -> float:
        """The part of the delay between synapse and soma of the target."""
        fractions = np.asarray(self.projection.columns.get(FRACTION, 1.0))
        # An MPI rank may have none of the connections.
        return float(fractions.flat[0]) if fractions.size else 1.0

    def _sign(self, weights: Any) -> float:
        """What the stored weights are multiplied by: -1 where the rule works with the magnitude of negative weights."""
        if WEIGHT not in self.model.magnitudes or not self.parts:
            return 1.0
        receptor = self.parts[0].target.spec.model.receptors[self.spec.receptor]
        values = np.asarray(weights)
        if receptor.sign != 0:
            return float(receptor.sign)
        if (values < 0).any() and (values > 0).any():
            raise InvalidWeightError(
                f"{self.spec.label}: {self.model.name} changes the magnitude of weights, and these are partly positive "
                "and partly negative. Make one projection for each sign."
            )
        return -1.0 if (values < 0).any() else 1.0

    def _stored(self, name: str, value: Any) -> float | FloatArray:
        column = _column(value)
        if name == WEIGHT:
            return self.sign * column if self.sign != 1.0 else column
        return _column(np.abs(column)) if name in self.model.magnitudes else column

    def receptor_time(self, part: Part) -> float | FloatArray:
        """The time constant of the receptor (ms): one number, or one a connection; 0 where it has none."""
        value = self.time_constant(part.target)
        return value if np.ndim(value) == 0 else np.asarray(value)[part.post]

    def time_constant(self, target: CellGroup) -> float | FloatArray:
        """That of the receptor (ms) in the cells of a group: one number, or one a cell; 0 where it has none."""
        name = target.spec.model.receptors[self.spec.receptor].time_constant
        return target.parameters[name] if name else 0.0

    @property
    def targets(self) -> list[CellGroup]:
        """The groups onto whose cells the projection goes, also if no connection onto them is on this MPI rank."""
        return self.projection.targets or [part.target for part in self.parts]

    def values(self, part: Part) -> dict[str, float | FloatArray]:
        """All parameters of the rule for the connections of a part."""
        found = {name: part.of(value) for name, value in self.columns.items()}
        if RECEPTOR_TIME in self.rule.parameters:
            found[RECEPTOR_TIME] = self.receptor_time(part)
        return found

    def _check(self) -> None:
        fractions = np.asarray(self.projection.columns.get(FRACTION, 1.0))
        if fractions.size and (np.any(fractions != fractions.flat[0]) or not 0.0 <= fractions.flat[0] <= 1.0):
            raise InvalidParameterValueError(
                f"{self.spec.label}: {FRACTION} must be one number between 0 and 1 for all connections."
            )
        sites = np.asarray(self.columns.get("n", 1.0)) if self.rule.is_random else np.asarray(1.0)
        if sites.size and (np.any(sites != np.rint(sites)) or sites.min() < 1 or sites.max() >= _MOST_DRAWS):
            raise InvalidParameterValueError(
                f"{self.spec.label}: n must be a whole number from 1 to {_MOST_DRAWS - 1}, the number of release sites."
            )

    def keys(self) -> NDArray[np.int64]:
        """What identifies a connection in random streams: its post cell and its number among those of that cell."""
        post = self.projection.table.post.astype(np.int64)
        first = np.r_[True, post[1:] != post[:-1]] if len(post) else np.zeros(0, dtype=bool)
        starts = np.flatnonzero(first)
        ordinal = np.arange(len(post)) - np.repeat(starts, np.diff(np.r_[starts, len(post)]))
        return (post << 32) + ordinal

    # -- what a session asks

    def read(self, name: str, step: int) -> FloatArray:
        """Present values in the order of the table; of the weight and of states those after all that has arrived."""
        if name == "delay":
            return self.projection.read(name, self.dt)
        if name in self.rule.states:
            self.settle(step)
            return self.read_state(name, step)
        if name == WEIGHT and self.rule.is_plastic:
            self.settle(step)
            return self.sign * self.read_weight() + 0.0
        if name == RECEPTOR_TIME or name not in self.model.parameters:
            raise NonExistentParameterError(name, self.model.name, [*self.model.parameters, *self.rule.states])
        return self.projection.read(name, self.dt)

    def write(self, name: str, value: Any, step: int) -> None:
        """Set a parameter or state; acts from the next spike."""
        column = _column(value)
        if name == "delay":
            self.change_delay(column, step)
            return
        self.settle(step)
        if name in self.rule.states:
            self.write_state(name, column, step)
            return
        before = self.projection.columns[name]
        self.projection.columns[name] = column
        if name in self.rule.parameters:
            stored = self.columns[name]
            self.columns[name] = self._stored(name, column)
            try:
                self._check()
            except Exception:
                self.columns[name], self.projection.columns[name] = stored, before
                raise
            self.write_parameter(name, step)
        elif name == FRACTION and not np.array_equal(before, column):
            self.projection.columns[name] = before
            raise InvalidParameterValueError(
                f"{self.spec.label}: {FRACTION} cannot be changed once the network is built. Call reset() first."
            )

    def change_delay(self, delay: Any, step: int) -> None:
        steps = np.rint(np.asarray(delay) / self.dt).astype(np.int32)
        self.flush(step)
        self.projection.delay_steps = int(steps) if steps.ndim == 0 else steps
        self.rebuild(step)

    # -- what an engine does

    @property
    @abstractmethod
    def interval(self) -> int:
        """Steps that can be taken before spikes must be dealt with; 0 without connections."""

    @abstractmethod
    def refresh(self, step: int) -> None:
        """Take over the present time constants of receptors."""

    @abstractmethod
    def settle(self, step: int) -> None:
        """Bring weights up to date with the postsynaptic spikes that have arrived by `step`."""

    @abstractmethod
    def flush(self, step: int) -> None:
        """Deal with all spikes that are on their way, as if they arrived now."""

    @abstractmethod
    def rebuild(self, step: int) -> None:
        """Take over changed delays; nothing is on its way."""

    @abstractmethod
    def read_weight(self) -> FloatArray:
        """Stored weights, in the order of the table."""

    @abstractmethod
    def read_state(self, name: str, step: int) -> FloatArray: ...

    @abstractmethod
    def write_state(self, name: str, values: float | FloatArray, step: int) -> None: ...

    @abstractmethod
    def write_parameter(self, name: str, step: int) -> None:
        """Take over a changed value in `columns`."""

    def largest_delay(self, target: CellGroup) -> int:
        """Of the connections to a group, in steps."""
        delays = [np.max(p.of(self.projection.delay_steps)) for p in self.parts if p.target is target and len(p.pre)]
        return int(max(delays, default=1))


def _column(value: Any) -> float | FloatArray:
    array = np.asarray(value, dtype=float)
    return float(array) if array.ndim == 0 else np.array(array)


class Evaluator:
    """Evaluates a rule's expressions on arrays. `draw(site, n, p)` gives binomial, `draw(site)` uniform numbers."""

    def __init__(self, values: Mapping[str, Any], draw: Callable[..., Any] | None = None) -> None:
        self.values = values
        self.draw = draw
        self.site = 0

    def __call__(self, tree: ast.expr) -> Any:
        with np.errstate(all="ignore"):
            return self._value(tree)

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return np.float64(node.value)  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            value = self.values[node.id]
            return np.float64(value) if np.ndim(value) == 0 else value
        if isinstance(node, ast.BinOp):
            left = self._value(node.left)
            return _OPERATIONS[type(node.op)](left, self._value(node.right))
        if isinstance(node, ast.UnaryOp):
            return _OPERATIONS[type(node.op)](self._value(node.operand))
        if isinstance(node, ast.BoolOp):
            join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return functools.reduce(join, [self._value(v) for v in node.values])
        if isinstance(node, ast.Compare):
            terms = [self._value(v) for v in (node.left, *node.comparators)]
            parts = [_OPERATIONS[type(o)](a, b) for o, a, b in zip(node.ops, terms, terms[1:], strict=False)]
            return functools.reduce(np.logical_and, parts)
        if isinstance(node, ast.IfExp):
            return np.where(self._value(node.test), self._value(node.body), self._value(node.orelse))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            arguments = [self._value(a) for a in node.args]
            if node.func.id not in RANDOM_FUNCTIONS:
                return _FUNCTIONS[node.func.id](*arguments)
            if self.draw is not None:
                self.site += 1
                return self.draw(self.site - 1, *arguments)
        raise InternalError(f"'{ast.unparse(node)}' cannot be evaluated.")


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


def _exprel(x: Any) -> Any:
    zero = np.asarray(x) == 0.0
    return np.where(zero, 1.0, np.expm1(x) / np.where(zero, 1.0, x))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "clip": _clip,
    "exprel": _exprel,
    **{name: getattr(np, name) for name in FUNCTIONS if hasattr(np, name) and name != "clip"},
}
_OPERATIONS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: np.logical_not,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def evaluate(tree: ast.expr, values: Mapping[str, Any]) -> Any:
    """The value of a rule's expression, without random numbers, for arrays of parameters and states."""
    return Evaluator(values)(tree)


def rate_of(rule: Rule, state: str, values: Mapping[str, Any]) -> Any:
    """The rate (1/ms) with which a state decays; infinite for a time constant of 0."""
    tree = rule.courses[state].rate
    if tree is None:
        return np.float64(0.0)
    return evaluate(tree, values)


def decay(rate: Any, time: Any) -> Any:
    """exp(-rate*time); 1 at time 0 whatever the rate."""
    with np.errstate(all="ignore"):
        return np.where(np.asarray(time) > 0.0, np.exp(-rate * np.asarray(time, dtype=float)), 1.0)


def mixed(a: Any, b: Any, time: Any) -> Any:
    """The integral of exp(-a*(time - s))*exp(-b*s) over s from 0 to `time`."""
    time = np.asarray(time, dtype=float)
    with np.errstate(all="ignore"):
        z = np.abs(a - b) * time
        ratio = np.where(z == 0.0, 1.0, -np.expm1(-z) / np.where(z == 0.0, 1.0, z))
        return np.where(time > 0.0, np.exp(-np.minimum(a, b) * time) * time * ratio, 0.0)


def evolved(rule: Rule, states: Mapping[str, Any], values: Mapping[str, Any], time: Any) -> dict[str, Any]:
    """States after a `time` (ms) without events."""
    rates = {name: rate_of(rule, name, values) for name in states}
    new = {}
    for name, old in states.items():
        course = rule.courses[name]
        factor = decay(rates[name], time) if course.rate is not None else 1.0
        value = old * factor
        if course.drive is not None:
            drive = evaluate(course.drive, values)
            value = value + (drive / rates[name] * (1.0 - factor) if course.rate is not None else drive * time)
        for other, tree in course.couplings:
            value = value + evaluate(tree, values) * states[other] * mixed(rates[name], rates[other], time)
        new[name] = value
    return new
