"""Compiled code for a synapse type's rule: what spikes do, as the source of a module that is kept on disk.

Three kernels. `deliver` deals with presynaptic spikes: for each connection of the spiking cell it first catches up with
the postsynaptic spikes since the last presynaptic one, then executes `on_pre`, and adds to the target's ring what is
transmitted. `settle` catches up for all connections. `remember` notes postsynaptic spikes, with the states that are
kept once for each postsynaptic cell.

Times are in steps. A postsynaptic spike p and a presynaptic spike s meet at the synapse where p = s + shift, with
shift = (1 - 2*fraction)*delay; so times at the synapse are counted by the postsynaptic spike that arrives then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pyNN.equations.synapses import WEIGHT, Assign, Course, Rule, text

_HEADER = """
import math

import numpy as np
from numba import carray, njit

from pyNN.compilation.pointers import floats, integers, pointer
from pyNN.random.compiled import uniform as _stream


@njit(error_model="numpy")
def _decay(rate, t):
    return math.exp(-rate*t) if t > 0.0 else 1.0


@njit(error_model="numpy")
def _factor(table, size, k, rate, dt):
    # exp(-rate*k*dt) for a whole number of steps.
    if k < size:
        return table[k]
    return math.exp(-rate*(k*dt))


@njit(error_model="numpy")
def _mix(a, b, t):
    # The integral of exp(-a*(t - s))*exp(-b*s) over s from 0 to t.
    if t <= 0.0:
        return 0.0
    z = abs(a - b)*t
    return math.exp(-min(a, b)*t)*t*(1.0 if z == 0.0 else -math.expm1(-z)/z)


@njit(error_model="numpy")
def _clip(x, low, high):
    return min(max(x, low), high)


@njit(error_model="numpy")
def _sign(x):
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0)


@njit(error_model="numpy")
def _exprel(x):
    return 1.0 if x == 0.0 else math.expm1(x)/x


@njit
def _uniform(key, row, ordinal):
    return _stream(key, row, ordinal)


@njit
def _binomial(key, row, ordinal, n, p):
    count = 0.0
    for j in range(int(n)):
        if _stream(key, row, ordinal + j) < p:
            count += 1.0
    return count

"""
_MATH = "arccos arcsin arctan ceil cos cosh exp expm1 floor log log10 log1p sin sinh sqrt tan tanh".split()
_MATH_NAMES = {"arccos": "acos", "arcsin": "asin", "arctan": "atan"}
EVENT_SHIFT = 28
"""An event's random numbers have ordinals from (step << EVENT_SHIFT): SITE for each call, one for each draw in it."""
SITE = 1 << 16


@dataclass(frozen=True)
class Plan:
    """A rule together with what differs from connection to connection: that decides what a kernel looks like."""

    rule: Rule
    varying: frozenset[str]
    """Parameters that are columns, and states that need a value for each connection."""
    varying_delay: bool

    @property
    def levels(self) -> dict[str, str]:
        return self.rule.levels(self.varying)

    def states(self, level: str) -> list[str]:
        return [name for name, found in self.levels.items() if found == level]

    @property
    def kernels(self) -> tuple[str, ...]:
        """Names of the kernels."""
        return ("remember", "settle", "deliver") if self.has_post else ("deliver",)

    @property
    def columns(self) -> list[str]:
        """Parameters that are columns, without the weight."""
        return [name for name in self.rule.parameters if name in self.varying and name != WEIGHT]

    @property
    def weight_column(self) -> bool:
        return self.rule.is_plastic or WEIGHT in self.varying

    @property
    def scalars(self) -> list[str]:
        fixed = [n for n in self.rule.parameters if n not in self.varying and (n != WEIGHT or not self.weight_column)]
        return fixed

    @property
    def tabled(self) -> list[str]:
        """States with a table of their decay over whole numbers of steps."""
        return [s for s, level in self.levels.items() if level and self.rule.courses[s].rate is not None]

    @property
    def has_post(self) -> bool:
        """Whether postsynaptic spikes matter."""
        return bool(self.rule.on_post)

    @property
    def numbers(self) -> list[str]:
        """What a kernel's array of numbers holds.

        Time step, sign of the weights, the shift's part of a step, parameters, and of tabled states the rate and the
        factor that this part of a step makes.
        """
        return [
            "dt", "sign", "left", *(f"s_{n}" for n in self.scalars), *(f"rate_{s}" for s in self.tabled),
            *(f"gain_{s}" for s in self.tabled),
        ]


class _Writer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rule = plan.rule
        self.levels = plan.levels
        self.lines: list[str] = []
        self.site = 0
        self.random = ("", "", "")

    def add(self, indent: int, *lines: str) -> None:
        self.lines.extend("    " * indent + line for line in lines)

    # -- expressions

    def _call(self, name: str, arguments: list[str]) -> str:
        if name in ("uniform", "binomial"):
            key, row, event = self.random
            ordinal = f"{event} + {self.site * SITE}"
            self.site += 1
            return f"_{name}({', '.join([key, row, ordinal, *arguments])})"
        if name == "not":
            return f"(not {arguments[0]})"
        if name in ("and", "or"):
            return f"({arguments[0]} {name} {arguments[1]})"
        if name in ("minimum", "maximum"):
            return f"{name[:3]}({', '.join(arguments)})"
        if name == "abs":
            return f"abs({arguments[0]})"
        if name in ("clip", "sign", "exprel"):
            return f"_{name}({', '.join(arguments)})"
        return f"math.{_MATH_NAMES.get(name, name)}({', '.join(arguments)})"

    def _names(self) -> dict[str, str]:
        plan = self.plan
        names = {n: f"m_{n}" if n in plan.columns else f"s_{n}" for n in self.rule.parameters}
        names |= {name: f"l_{name}" for name in self.rule.assigned if name not in self.rule.states}
        names |= {name: f"v_{name}" for name in self.rule.states}
        names[WEIGHT] = "v_weight" if plan.weight_column else "s_weight"
        return names

    def expression(self, tree: object) -> str:
        return text(tree, self._names(), self._call, "({yes} if {test} else {no})")  # type: ignore[arg-type]

    def statements(self, indent: int, statements: Iterable[Assign], random: tuple[str, str, str]) -> None:
        """Execute statements; the n-th random call of a part always has the same number."""
        self.random, self.site = random, 0
        names = self._names()
        for assign in statements:
            self.add(indent, f"{names[assign.name]} = {self.expression(assign.tree)}")

    # -- time

    def evolve(
        self, indent: int, states: Iterable[str], old: str, new: str,
        steps: str = "", time: str = "", gain: bool = False,
    ) -> None:
        """From `{old}_x` to `{new}_x`, over whole `steps` (times the gain for what is left) or a `time` in ms."""
        rule, chosen = self.rule, list(states)
        for state in chosen:
            course = rule.courses[state]
            if course.rate is None:
                factor = ""
            elif steps and state in self.plan.tabled:
                row = f"table_{state}"
                factor = f"_factor({row}, table_size, {steps}, rate_{state}, dt)" + (f"*gain_{state}" if gain else "")
            else:
                factor = f"_decay({self._rate(state)}, {time or f'{steps}*dt'})"
            self.add(indent, f"n_{state} = " + self._value(state, course, old, factor, time or f"({steps})*dt"))
        self.add(indent, *(f"{new}_{state} = n_{state}" for state in chosen))

    def _rate(self, state: str) -> str:
        rate = self.rule.courses[state].rate
        return "0.0" if rate is None else f"rate_{state}" if state in self.plan.tabled else self.expression(rate)

    def _value(self, state: str, course: Course, old: str, factor: str, time: str) -> str:
        value = f"{old}_{state}*{factor}" if factor else f"{old}_{state}"
        if course.drive is not None:
            drive = self.expression(course.drive)
            value += f" + {drive}/{self._rate(state)}*(1.0 - {factor})" if factor else f" + {drive}*({time})"
        for other, tree in course.couplings:
            mix = f"_mix({self._rate(state)}, {self._rate(other)}, {time})"
            value += f" + {self.expression(tree)}*{old}_{other}*{mix}"
        return value

    # -- kernels

    def source(self) -> str:
        self.lines = []
        self.add(0, f"EVENT_SHIFT = {EVENT_SHIFT}", "NEVER = -1e18", _HEADER)
        if self.plan.has_post:
            self._remember()
            self._settle()
        self._deliver()
        return "\n".join(self.lines) + "\n"

    def _kernel(self, name: str, arguments: str) -> None:
        self.add(0, '@njit(error_model="numpy")')
        self.add(0, f"def {name}({arguments}):")

    def _numbers(self, address: str) -> None:
        names = self.plan.numbers
        self.add(1, f"_numbers = floats({address}, {len(names)})")
        self.add(1, *(f"{name} = _numbers[{k}]" for k, name in enumerate(names)))

    def _tables(self, address: str, size: str) -> None:
        self.add(1, f"table_size = {size}")
        for row, state in enumerate(self.plan.tabled):
            self.add(1, f"table_{state} = floats({address} + {8 * row}*table_size, table_size)")

    def _remember(self) -> None:
        """Note the spikes number `first` to `last` - 1 of the target group."""
        states = self.plan.states("post")
        wide = 1 + len(states)
        self._kernel("remember", "address, first, last")
        self.add(1, "h = integers(address, HISTORY_FIELDS)")
        self.add(1, "group = integers(h[HISTORY_GROUP], GROUP_FIELDS)")
        self.add(1, "steps = integers(group[SPIKE_STEP_ADDRESS], last)")
        self.add(1, "cells = integers(group[SPIKE_CELL_ADDRESS], last)")
        self.add(1, "size, capacity = group[SIZE], h[HISTORY_CAPACITY]")
        self.add(1, f"entries = floats(h[HISTORY_ENTRY_ADDRESS], size*capacity*{wide})")
        self.add(1, f"recent = floats(h[HISTORY_RECENT_ADDRESS], size*{wide + 1})")
        self.add(1, "counts = integers(h[HISTORY_COUNT_ADDRESS], size)")
        self._numbers("h[HISTORY_SCALAR_ADDRESS]")
        self._tables("h[HISTORY_TABLE_ADDRESS]", "h[HISTORY_TABLE_SIZE]")
        self.add(1, "for _number in range(first, last):")
        self.add(2, "p = steps[_number]", "c = cells[_number]", f"_r = c*{wide + 1}")
        self.add(2, "_k = int(p - recent[_r])")
        self.add(2, *(f"b_{s} = recent[_r + {2 + j}]" for j, s in enumerate(states)))
        self.evolve(2, states, "b", "v", steps="_k")
        self.statements(2, self.rule.shared("post", self.levels, self.plan.varying), ("0", "0", "0"))
        self.add(2, "_count = counts[c]", f"_e = (c*capacity + _count)*{wide}")
        self.add(2, "entries[_e] = p", "recent[_r + 1] = recent[_r]", "recent[_r] = p")
        for j, state in enumerate(states):
            self.add(2, f"entries[_e + {1 + j}] = v_{state}", f"recent[_r + {2 + j}] = v_{state}")
        self.add(2, "counts[c] = _count + 1")
        self.add(2, "if _count + 1 > h[HISTORY_LARGEST]:", "    h[HISTORY_LARGEST] = _count + 1")
        self.add(1, "return 0", "")

    def _open(self) -> None:
        """Unpack a pathway's record."""
        plan = self.plan
        self.add(1, "r = integers(address, PATHWAY_FIELDS)")
        self.add(1, "sources = r[PATHWAY_SOURCES]", "starts = integers(r[PATHWAY_START_ADDRESS], sources + 1)")
        self.add(1, "connections = starts[sources]")
        self.add(1, "posts = carray(pointer(r[PATHWAY_POST_ADDRESS]), (connections,), np.int32)")
        self.add(1, "delays = carray(pointer(r[PATHWAY_DELAY_ADDRESS]), (connections + 1,), np.int32)")
        self.add(1, "row_step = integers(r[PATHWAY_ROW_STEP_ADDRESS], sources)")
        self.add(1, "row_done = integers(r[PATHWAY_ROW_DONE_ADDRESS], sources)")
        shared = len(plan.states("pre"))
        self.add(1, f"row_state = floats(r[PATHWAY_ROW_STATE_ADDRESS], sources*{shared})")
        if plan.weight_column:
            self.add(1, "weights = floats(r[PATHWAY_WEIGHT_ADDRESS], connections)")
        own = plan.states("")
        if own:
            self.add(1, "touched = floats(r[PATHWAY_TOUCHED_ADDRESS], connections)")
            for j, state in enumerate(own):
                self.add(1, f"own_{state} = floats(r[PATHWAY_STATE_ADDRESS] + {8 * j}*connections, connections)")
        self.add(1, f"pointers = integers(r[PATHWAY_COLUMN_ADDRESS], {len(plan.columns)})")
        for j, name in enumerate(plan.columns):
            self.add(1, f"column_{name} = floats(pointers[{j}], connections)")
        if self.rule.is_random:
            self.add(1, "keys = integers(r[PATHWAY_KEY_ADDRESS], connections)", "key_pre = r[PATHWAY_KEY]")
        self._numbers("r[PATHWAY_SCALAR_ADDRESS]")
        self._tables("r[PATHWAY_TABLE_ADDRESS]", "r[PATHWAY_TABLE_SIZE]")
        self.add(1, "whole_shift, tie = r[PATHWAY_SHIFT], r[PATHWAY_TIE]")
        self.add(1, "strict_shift = -1 if r[PATHWAY_EXACT] == 1 else 0")
        if plan.has_post:
            wide = 1 + len(plan.states("post"))
            self.add(1, "h = integers(r[PATHWAY_HISTORY], HISTORY_FIELDS)")
            self.add(1, "group = integers(h[HISTORY_GROUP], GROUP_FIELDS)")
            self.add(1, "cells, capacity = group[SIZE], h[HISTORY_CAPACITY]")
            self.add(1, f"entries = floats(h[HISTORY_ENTRY_ADDRESS], cells*capacity*{wide})")
            self.add(1, f"recent = floats(h[HISTORY_RECENT_ADDRESS], cells*{wide + 1})")
            self.add(1, "counts = integers(h[HISTORY_COUNT_ADDRESS], cells)")
            if self.rule.is_random:
                self.add(1, "key_post = h[HISTORY_KEY]")

    def _load(self, indent: int) -> None:
        """The values of connection k."""
        plan = self.plan
        self.add(indent, "c = np.int64(posts[k])")
        self.add(indent, "shift = -np.int64(delays[k])" if plan.varying_delay else "shift = whole_shift")
        self.add(indent, "back = shift - tie", "low = done + back")
        self.add(indent, *(f"m_{name} = column_{name}[k]" for name in plan.columns))
        if plan.weight_column:
            self.add(indent, "v_weight = weights[k]")
        if plan.states(""):
            self.add(indent, "since = touched[k]")
            self.add(indent, *(f"o_{state} = own_{state}[k]" for state in plan.states("")))

    def _store(self, indent: int) -> None:
        plan = self.plan
        if self.rule.is_plastic:
            self.add(indent, "weights[k] = v_weight")
        if plan.states(""):
            self.add(indent, "touched[k] = since")
            self.add(indent, *(f"own_{state}[k] = o_{state}" for state in plan.states("")))

    def _own_states(self, indent: int, now: str) -> None:
        """Bring a connection's own states to the time `now`, in v_x."""
        own = self.plan.states("")
        if own:
            self.add(indent, f"_t = ({now} - since)*dt")
            self.evolve(indent, own, "o", "v", time="_t")

    def _keep_own(self, indent: int, now: str) -> None:
        own = self.plan.states("")
        if own:
            self.add(indent, *(f"o_{state} = v_{state}" for state in own), f"since = {now}")

    def _on_post(self, indent: int) -> None:
        """Postsynaptic spike p; z_y are the postsynaptic states after the one before, at step z."""
        self.add(indent, "_k = max(np.int64(p) - s_prev - shift, 0)")
        self.evolve(indent, self.plan.states("pre"), "b", "v", steps="_k", time="(_k - left)*dt", gain=True)
        if self._post_reads:
            self.add(indent, "_k = np.int64(p - z)")
            self.evolve(indent, self.plan.states("post"), "z", "v", steps="_k")
        self._own_states(indent, "p")
        self.add(indent, *(f"w_{state} = v_{state}" for state in self._late), *(["last_p = p"] if self._late else []))
        statements = self.rule.on_post
        if not self._post_reads:
            statements = tuple(a for a in statements if a.name not in self.plan.states("post"))
        self.statements(indent, statements, ("key_post", "keys[k]", "(np.int64(p) << EVENT_SHIFT)"))
        self._keep_own(indent, "p")

    @property
    def _late(self) -> list[str]:
        """Postsynaptic states that are kept for each connection."""
        return [state for state in self.rule.post_side if state in self.plan.states("")]

    @property
    def _post_reads(self) -> bool:
        """Whether on_post needs postsynaptic states for what is kept for each connection."""
        post = set(self.plan.states("post"))
        return any(a.reads & post for a in self.rule.on_post if a.name not in post)

    def _catch_up(self, indent: int, bound: str) -> None:
        """Execute on_post for the spikes after `low` up to `bound`; `jj` is then the first entry after."""
        wide = 1 + len(self.plan.states("post"))
        self.add(indent, "count = counts[c]", "j = count - 1", f"e = c*capacity*{wide}")
        self.add(indent, f"while j > 0 and entries[e + j*{wide}] > low:", "    j -= 1")
        self.add(indent, "jj = j + 1")
        if self._post_reads:
            self.add(indent, f"z = entries[e + j*{wide}]")
            for n, state in enumerate(self.plan.states("post")):
                self.add(indent, f"z_{state} = entries[e + j*{wide} + {1 + n}]")
        self.add(indent, "while jj < count:")
        self.add(indent + 1, f"p = entries[e + jj*{wide}]", f"if p > {bound}:", "    break")
        self._on_post(indent + 1)
        if self._post_reads:
            self.add(indent + 1, "z = p")
            for n, state in enumerate(self.plan.states("post")):
                self.add(indent + 1, f"z_{state} = entries[e + jj*{wide} + {1 + n}]")
        self.add(indent + 1, "jj += 1")

    def _load_row(self, indent: int) -> None:
        states = self.plan.states("pre")
        self.add(indent, "s_prev, done = row_step[i], row_done[i]")
        self.add(indent, *(f"b_{s} = row_state[i*{len(states)} + {j}]" for j, s in enumerate(states)))

    def _open_ring(self, target: str, receptor: str) -> None:
        """Unpack where the target cells take their input from."""
        self.add(1, f"target = integers({target}, GROUP_FIELDS)")
        self.add(1, "mask, size = target[SLOTS] - 1, target[SIZE]", "slot_size = target[RECEPTORS]*size")
        self.add(1, "ring = floats(target[RING_ADDRESS], target[SLOTS]*slot_size)")
        self.add(1, f"offset = {receptor}*size")

    def _each_spike(self) -> None:
        """The head of the loop over the spikes of the pathway's queue that are due: of cell i in step s."""
        self.add(1, "queue = integers(r[PATHWAY_QUEUE], QUEUE_FIELDS)")
        self.add(1, "queued = queue[QUEUE_COUNT]")
        self.add(1, "queue_steps = integers(queue[QUEUE_STEP_ADDRESS], queued)")
        self.add(1, "queue_cells = integers(queue[QUEUE_CELL_ADDRESS], queued)")
        self.add(1, "cursor, limit = r[PATHWAY_CURSOR], step - r[PATHWAY_LAG]")
        self.add(1, "while cursor < queued and queue_steps[cursor] <= limit:")
        self.add(2, "s, i = queue_steps[cursor], queue_cells[cursor]")
        if self.rule.is_random:
            self.add(2, "repeat = 0")
            self.add(2, "while cursor - repeat > 0 and repeat < 15 and queue_cells[cursor - repeat - 1] == i and "
                        "queue_steps[cursor - repeat - 1] == s:")
            self.add(3, "repeat += 1")
            self.add(2, "event = (s << EVENT_SHIFT) + (np.int64(repeat) << (EVENT_SHIFT - 4))")
        self.add(2, "cursor += 1")

    def _settle(self) -> None:
        """Catch up with postsynaptic spikes to `until` (less the shift), or if `all_steps` to the step `until`."""
        self._kernel("settle", "address, until, all_steps")
        self._open()
        self.add(1, "for i in range(sources):")
        self._load_row(2)
        self.add(2, "if until <= done and all_steps == 0:", "    continue")
        self.add(2, "for k in range(starts[i], starts[i + 1]):")
        self._load(3)
        self.add(3, "bound = until if all_steps == 1 else until + back")
        self.add(3, f"if recent[c*{2 + len(self.plan.states('post'))}] <= low:", "    continue")
        self._catch_up(3, "bound")
        self._store(3)
        self.add(2, "if all_steps == 0:", "    row_done[i] = until")
        self.add(1, "return 0", "")

    def _deliver(self) -> None:
        """Deal with the spikes up to a step."""
        plan = self.plan
        pre = plan.states("pre")
        self._kernel("deliver", "address, step, unused")
        self._open()
        self._open_ring("r[PATHWAY_TARGET]", "r[PATHWAY_RECEPTOR]")
        self._each_spike()
        if self._late:
            self.add(2, "together = tie == 0 and strict_shift == -1")
        self._load_row(2)
        self.evolve(2, pre, "b", "p", steps="(s - s_prev)")
        if not plan.varying_delay:
            self.add(2, "base = ((s + np.int64(delays[0])) & mask)*slot_size + offset")
        self.add(2, "for k in range(starts[i], starts[i + 1]):")
        self._load(3)
        if plan.has_post:
            self._pending(3)
        self.add(3, *(f"v_{state} = p_{state}" for state in pre))
        self._own_states(3, "s + shift + left")
        for state in self._late:
            # A postsynaptic spike that arrives now has been dealt with, but does not count yet.
            self.add(3, f"kept_{state} = v_{state}")
            self.add(3, "if together and last_p == s + shift:", f"    v_{state} = w_{state}")
        self.statements(3, self.rule.on_pre, ("key_pre", "keys[k]", "event"))
        self.add(3, *(f"v_{state} = kept_{state}" for state in self._late))
        self._keep_own(3, "s + shift + left")
        if plan.varying_delay:
            self.add(3, "base = ((s + np.int64(delays[k])) & mask)*slot_size + offset")
        self.add(3, f"ring[base + c] += sign*{self.expression(self.rule.transmitted)}")
        self._store(3)
        self.add(2, *(f"v_{state} = p_{state}" for state in pre))
        self.statements(2, self.rule.shared("pre", self.levels, plan.varying), ("0", "0", "0"))
        self.add(2, *(f"row_state[i*{len(pre)} + {j}] = v_{state}" for j, state in enumerate(pre)))
        self.add(2, "row_step[i] = s", "row_done[i] = s")
        self.add(1, "r[PATHWAY_CURSOR] = cursor", "return 0", "")

    def _pending(self, indent: int) -> None:
        """Catch up with the postsynaptic spikes before s; then v_y are the postsynaptic states as s arrives."""
        post = self.plan.states("post")
        wide = 1 + len(post)
        if self._late:
            self.add(indent, "last_p = NEVER", *(f"w_{state} = 0.0" for state in self._late))
        self.add(indent, "u = s + shift", "bound, strict = u - tie, u + strict_shift")
        self.add(indent, f"_r = c*{wide + 1}", "newest = recent[_r]")
        from_recent = ["z = newest", *(f"z_{y} = recent[_r + {2 + j}]" for j, y in enumerate(post))]
        self.add(indent, "if newest <= low and newest <= strict:")
        self.add(indent + 1, *from_recent)
        if not self._post_reads:
            # By far the most frequent cases are no spike and one spike; neither needs the history.
            self.add(indent, "elif recent[_r + 1] <= low and newest <= strict:")
            self.add(indent + 1, "p = newest")
            self._on_post(indent + 1)
            self.add(indent + 1, *from_recent)
        self.add(indent, "else:")
        self._catch_up(indent + 1, "bound")
        self.add(indent + 1, "jj -= 1", f"while jj > 0 and entries[e + jj*{wide}] > strict:", "    jj -= 1")
        self.add(indent + 1, f"z = entries[e + jj*{wide}]")
        self.add(indent + 1, *(f"z_{y} = entries[e + jj*{wide} + {1 + j}]" for j, y in enumerate(post)))
        self.add(indent, "_k = max(u - np.int64(z), 0)")
        self.evolve(indent, post, "z", "v", steps="_k", time="(_k + left)*dt", gain=True)


def source(plan: Plan) -> str:
    """The source of the module with the kernels of a plan, without the constants of pyNN.reference.layout."""
    return _Writer(plan).source()


def plan(rule: Rule, varying: Collection[str], varying_delay: bool) -> Plan:
    """The plan of a rule; states that cannot be shared are among `varying` then."""
    known = {*rule.parameters, *rule.states}
    chosen = frozenset(name for name in varying if name in known)
    own = frozenset(name for name, level in rule.levels(chosen).items() if not level)
    return Plan(rule, chosen | own, varying_delay)
