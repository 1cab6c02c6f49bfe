"""Synapses with a rule in the compiled engine: the arrays that pyNN.reference.synapse_kernels works on."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from pyNN.compilation import load
from pyNN.equations.synapses import RECEPTOR_TIME, WEIGHT
from pyNN.reference import compiled, layout, synapse_kernels
from pyNN.reference.plasticity import Part, RuledSynapses, Shift, evolved, rate_of
from pyNN.reference.synapse_kernels import Plan
from pyNN.reference.world import CellGroup, Group
from pyNN.specs import FloatArray, IntArray

_NEVER = -(1 << 48)
"""A step before all others; NO_SPIKE is still earlier."""
NO_SPIKE = -1e15
_FIRST_CAPACITY = 64
_LARGEST_TABLE = 1 << 15


class Queue:
    """Spikes of a group of sources, or its events of one kind, in order, until every pathway has dealt with them."""

    def __init__(self, source: Group, event: str = "") -> None:
        self.source = source
        self.event = event
        """What is kept of the cells; "" for their spikes."""
        self.steps: IntArray = np.zeros(1024, dtype=np.int64)
        self.cells: IntArray = np.zeros(1024, dtype=np.int64)
        self.record = np.zeros(layout.QUEUE_FIELDS, dtype=np.int64)
        self.pathways: list[Pathway] = []

    def describe(self) -> None:
        self.record[layout.QUEUE_STEP_ADDRESS] = self.steps.ctypes.data
        self.record[layout.QUEUE_CELL_ADDRESS] = self.cells.ctypes.data
        self.record[layout.QUEUE_CAPACITY] = len(self.steps)
        if self.event and isinstance(self.source, CellGroup):
            self.record[layout.QUEUE_EVENT_ADDRESS] = self.source.row(self.event).ctypes.data
            self.record[layout.QUEUE_EVERY] = self.source.every

    def make_room(self, number: int) -> bool:
        """Make the queue take that many more spikes; whether anything moved."""
        count = int(self.record[layout.QUEUE_COUNT])
        if len(self.steps) - count >= number:
            return False
        done = min((int(p.record[layout.PATHWAY_CURSOR]) for p in self.pathways), default=count)
        # A spike that came twice in a step is told from the first by its predecessors in the queue.
        done = max(done - 16, 0)
        left = count - done
        size = len(self.steps)
        while size - left < number:
            size *= 2
        for name in ("steps", "cells"):
            new = np.zeros(size, dtype=np.int64)
            new[:left] = getattr(self, name)[done:count]
            setattr(self, name, new)
        self.record[layout.QUEUE_COUNT] = left
        self.describe()
        for pathway in self.pathways:
            pathway.record[layout.PATHWAY_CURSOR] -= done
        return True


class History:
    """Spikes of the cells of a target group since synapses were last settled, with postsynaptic states after each."""

    def __init__(self, synapses: CompiledSynapses, target: CellGroup) -> None:
        self.synapses = synapses
        self.target = target
        self.states = synapses.plan.states("post")
        self.capacity = _FIRST_CAPACITY
        self.entries: FloatArray = np.zeros((target.size, self.capacity, 1 + len(self.states)))
        self.recent: FloatArray = np.zeros((target.size, 2 + len(self.states)))
        self.entries[:, 0, 0] = self.recent[:, 0] = self.recent[:, 1] = NO_SPIKE
        for row, name in enumerate(self.states):
            self.entries[:, 0, 1 + row] = self.recent[:, 2 + row] = synapses.initial[name]
        self.counts: IntArray = np.ones(target.size, dtype=np.int64)
        self.record = np.zeros(layout.HISTORY_FIELDS, dtype=np.int64)
        self.record[layout.HISTORY_LARGEST] = 1

    def make_room(self, steps: int, now: int) -> bool:
        """Make it take the spikes of that many steps; forgets what nobody needs after settling."""
        if self.capacity - int(self.record[layout.HISTORY_LARGEST]) >= steps:
            return False
        self.synapses.settle(now)
        self._forget(now - self.synapses.largest_back(self.target))
        capacity = self.capacity
        while capacity - int(self.record[layout.HISTORY_LARGEST]) < max(steps, capacity // 2):
            capacity *= 2
        if capacity > self.capacity:
            entries: FloatArray = np.zeros((self.target.size, capacity, self.entries.shape[2]))
            entries[:, : self.capacity] = self.entries
            self.entries, self.capacity = entries, capacity
        self.record[layout.HISTORY_ENTRY_ADDRESS] = self.entries.ctypes.data
        self.record[layout.HISTORY_CAPACITY] = self.capacity
        return True

    def keep(self, states: list[str]) -> None:
        """Keep some of the states only."""
        rows = [self.states.index(state) for state in states]
        self.entries = np.ascontiguousarray(self.entries[:, :, [0, *(1 + row for row in rows)]])
        self.recent = np.ascontiguousarray(self.recent[:, [0, 1, *(2 + row for row in rows)]])
        self.states = states

    def restart(self) -> None:
        """All spikes so far have been dealt with; only the last stays, to which postsynaptic states refer."""
        last = self.entries[np.arange(len(self.counts)), self.counts - 1]
        self.entries[:, 0] = last
        self.counts[:] = 1
        self.record[layout.HISTORY_LARGEST] = 1
        # Makes kernels look at the entries, of which the first is never dealt with.
        self.recent[:, 1] = np.inf

    def describe(self, target_record: int) -> None:
        """Fill the record that the kernels read."""
        record = self.record
        values = self.synapses.values(next(p for p in self.synapses.parts if p.target is self.target))
        self.numbers, self.tables = self.synapses.numbers(values, 0.0)
        record[layout.HISTORY_KERNEL] = self.synapses.kernels["remember"].address
        record[layout.HISTORY_GROUP] = target_record
        record[layout.HISTORY_CAPACITY] = self.capacity
        record[layout.HISTORY_TABLE_SIZE] = self.tables.shape[1]
        record[layout.HISTORY_KEY] = self.synapses.key_post
        for field, array in (
            (layout.HISTORY_ENTRY_ADDRESS, self.entries),
            (layout.HISTORY_COUNT_ADDRESS, self.counts),
            (layout.HISTORY_RECENT_ADDRESS, self.recent),
            (layout.HISTORY_SCALAR_ADDRESS, self.numbers),
            (layout.HISTORY_TABLE_ADDRESS, self.tables),
        ):
            record[field] = array.ctypes.data

    def _forget(self, limit: int) -> None:
        """Drop the spikes up to `limit`, but keep the last of them, to which postsynaptic states refer."""
        valid = np.arange(self.capacity) < self.counts[:, np.newaxis]
        old = valid & (self.entries[:, :, 0] <= limit)
        drop = np.maximum(old.sum(axis=1) - 1, 0)
        moving = np.minimum(np.arange(self.capacity) + drop[:, np.newaxis], self.capacity - 1)
        self.entries = np.ascontiguousarray(np.take_along_axis(self.entries, moving[:, :, np.newaxis], axis=1))
        self.counts -= drop
        self.record[layout.HISTORY_LARGEST] = int(self.counts.max(initial=1))


def queue_key(source: Group | None, event: str = "") -> tuple[int, str]:
    """What the engine finds the queue of a group's spikes or events by."""
    return id(source), event


class Pathway:
    """Connections of one part of a projection that are dealt with alike, sorted by source cell."""

    event = ""

    def __init__(self, synapses: CompiledSynapses, part: Part, chosen: IntArray | None, delay: Any, step: int) -> None:
        self.synapses = synapses
        self.part = part
        self.index = chosen
        """Position of these connections in the table; None: all, in the table's order."""
        self.pre = part.pre if chosen is None or chosen is part.chosen else synapses.within(part.pre, part, chosen)
        post = part.post if chosen is None or chosen is part.chosen else synapses.within(part.post, part, chosen)
        self.starts, order = synapses.engine.order(self.pre, part.source.size)
        self.posts = np.ascontiguousarray(np.asarray(post, dtype=np.int32)[order])
        self.delays = np.ascontiguousarray(np.atleast_1d(delay)[order] if np.ndim(delay) else [delay], dtype=np.int32)
        self.varying_delay = bool(np.ndim(delay))
        smallest = int(self.delays.min())
        self.shift = Shift(smallest, synapses.fraction)
        self.source = part.source
        self.target = part.target
        plan = synapses.plan
        size = part.source.size
        self.row_step: IntArray = np.full(size, step, dtype=np.int64)
        self.row_done: IntArray = np.full(size, _NEVER, dtype=np.int64)
        shared = plan.states("pre")
        self.row_state: FloatArray = np.zeros((size, len(shared)))
        for column, name in enumerate(shared):
            self.row_state[:, column] = synapses.initial[name]
        own = plan.states("")
        self.weights: FloatArray = self.sorted(synapses.columns[WEIGHT], order) if plan.weight_column else np.zeros(1)
        self.states: FloatArray = np.zeros((len(own), len(self.posts)))
        for row, name in enumerate(own):
            self.states[row] = self.sorted(synapses.initial[name], order)
        self.touched: FloatArray = np.zeros(len(self.posts) if own else 0)
        self.touched[:] = step + self._shifts()[: len(self.touched)]
        self.keys = np.zeros(0, dtype=np.int64)
        if synapses.rule.is_random:
            keys = synapses.keys()
            self.keys = np.ascontiguousarray((keys if chosen is None else keys[chosen])[order])
        self.columns: dict[str, FloatArray] = {}
        self.pointers = np.zeros(1, dtype=np.int64)
        self.numbers: FloatArray = np.zeros(1)
        self.tables: FloatArray = np.zeros((1, 1))
        self.record = np.zeros(layout.PATHWAY_FIELDS, dtype=np.int64)
        self.in_queue = False
        """Whether the cursor into the queue has been set."""
        self._order: IntArray | None = order if plan.columns else None
        self.refresh()

    def _shifts(self) -> FloatArray:
        """Step of the target less step of the source for spikes that arrive together, one a connection."""
        delays = np.broadcast_to(self.delays, (len(self.posts),))
        return -delays.astype(float) if self.varying_delay else np.full(len(self.posts), self.shift.shift)

    def sorted(self, column: Any, order: IntArray) -> FloatArray:
        if not np.ndim(column):
            return np.full(len(order), float(column))
        chosen = np.asarray(column, dtype=float)
        return np.ascontiguousarray((chosen if self.index is None else chosen[self.index])[order])

    def order(self) -> IntArray:
        """Positions of the sorted connections among those of this pathway in the table's order."""
        if self._order is not None:
            return self._order
        return self.synapses.engine.order(self.pre, self.part.source.size)[1]

    def places(self) -> IntArray:
        """Positions of the sorted connections in the table."""
        order = self.order()
        return order if self.index is None else self.index[order]

    def to_table(self, values: FloatArray, table: FloatArray) -> None:
        """Put sorted values where their connections are in the table."""
        table[self.places()] = values

    def refresh(self) -> None:
        """Take over the present parameters."""
        synapses, plan = self.synapses, self.synapses.plan
        values = synapses.values(self.part)
        order = None
        for name in plan.columns:
            column = values[name]
            if np.ndim(column) and len(np.asarray(column)) != len(self.posts):
                column = synapses.within(np.asarray(column), self.part, self.index)
            if np.ndim(column):
                order = self.order() if order is None else order
                self.columns[name] = np.ascontiguousarray(np.asarray(column, dtype=float)[order])
            else:
                self.columns[name] = np.full(len(self.posts), float(column))
        self.pointers = np.array([self.columns[n].ctypes.data for n in plan.columns] or [0], dtype=np.int64)
        self.numbers, self.tables = synapses.numbers(values, self.shift.left)

    def describe(self, queue: Queue, history: History | None, target_record: int) -> None:
        """Fill the record that the kernels read; the arrays must stay alive and in place."""
        record, synapses = self.record, self.synapses
        record[layout.PATHWAY_KERNEL] = synapses.kernels["deliver"].address
        record[layout.PATHWAY_QUEUE] = queue.record.ctypes.data
        record[layout.PATHWAY_LAG] = self.shift.lag
        record[layout.PATHWAY_EARLY] = int(self.shift.early)
        record[layout.PATHWAY_TARGET] = target_record
        record[layout.PATHWAY_RECEPTOR] = self.part.receptor
        record[layout.PATHWAY_SLICE] = self.part.slice_number
        record[layout.PATHWAY_SOURCES] = self.part.source.size
        record[layout.PATHWAY_SHIFT] = self.shift.whole
        record[layout.PATHWAY_TIE] = int(self.shift.pre_first)
        record[layout.PATHWAY_EXACT] = int(self.shift.left == 0.0)
        record[layout.PATHWAY_HISTORY] = history.record.ctypes.data if history is not None else 0
        record[layout.PATHWAY_TABLE_SIZE] = self.tables.shape[1]
        record[layout.PATHWAY_KEY] = synapses.key_pre
        for field, array in (
            (layout.PATHWAY_START_ADDRESS, self.starts),
            (layout.PATHWAY_POST_ADDRESS, self.posts),
            (layout.PATHWAY_WEIGHT_ADDRESS, self.weights),
            (layout.PATHWAY_DELAY_ADDRESS, self.delays),
            (layout.PATHWAY_ROW_STEP_ADDRESS, self.row_step),
            (layout.PATHWAY_ROW_DONE_ADDRESS, self.row_done),
            (layout.PATHWAY_ROW_STATE_ADDRESS, self.row_state),
            (layout.PATHWAY_STATE_ADDRESS, self.states),
            (layout.PATHWAY_TOUCHED_ADDRESS, self.touched),
            (layout.PATHWAY_COLUMN_ADDRESS, self.pointers),
            (layout.PATHWAY_SCALAR_ADDRESS, self.numbers),
            (layout.PATHWAY_TABLE_ADDRESS, self.tables),
            (layout.PATHWAY_KEY_ADDRESS, self.keys),
        ):
            record[field] = array.ctypes.data

    def settle(self, step: int, everything: bool = False) -> None:
        """Catch up with the postsynaptic spikes that have arrived by `step`; with `everything` with all until then."""
        until = step
        if not everything and not self.varying_delay:
            back = self.shift.whole - int(self.shift.pre_first)
            until = math.floor(step - self.shift.back) - back
        self.synapses.kernels["settle"](self.record.ctypes.data, until, int(everything))


@lru_cache(maxsize=64)
def _decays(rate: float, dt: float, size: int) -> FloatArray:
    """exp(-rate*k*dt) for k = 0 .. size - 1, by the function that compiled code calls beyond the table."""
    # At 0 an infinite rate gives no number; nothing decays in no time.
    return np.array([1.0, *(math.exp(-rate * (k * dt)) for k in range(1, size))])


def _same(a: IntArray | None, b: IntArray | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


class CompiledSynapses(RuledSynapses):
    """What the compiled engine keeps of a projection."""

    engine: Any

    def start(self, engine: Any) -> None:
        """Make the arrays; the engine gives `order` and describes groups."""
        self.engine = engine
        self.own_states: set[str] = set()
        self.plan: Plan
        self._plan_anew()
        self._receptor_times = self._times()
        self.histories: dict[int, History] = {}
        self.pathways: list[Pathway] = []
        if self.plan.has_post:
            for part in self.parts:
                if id(part.target) not in self.histories:
                    self.histories[id(part.target)] = History(self, part.target)
        self._make_pathways(self.start_step)

    def _wanted_plan(self) -> Plan:
        """The plan for what varies now."""
        varying = {name for name, value in (*self.columns.items(), *self.initial.items()) if np.ndim(value)}
        if RECEPTOR_TIME in self.rule.parameters:
            # Of all targets, so that all MPI ranks have the same plan.
            times = [self.time_constant(target) for target in self.targets]
            if any(np.ndim(time) for time in times) or len({float(t) for t in times if not np.ndim(t)}) > 1:
                varying.add(RECEPTOR_TIME)
        varying_delay = bool(np.ndim(self.projection.delay_steps)) and self.fraction == 1.0
        return synapse_kernels.plan(self.rule, varying | self.own_states, varying_delay)

    def _plan_anew(self) -> None:
        self.plan = self._wanted_plan()
        # A state that is kept for each connection stays so: its values may differ by now.
        self.own_states |= set(self.plan.states(""))
        self.kernels = load(compiled.rule(self.model.name, synapse_kernels.source(self.plan), self.plan.kernels))

    def _times(self) -> list[Any]:
        if RECEPTOR_TIME not in self.rule.parameters:
            return []
        return [np.array(self.receptor_time(part)) for part in self.parts]

    def within(self, values: Any, part: Part, index: IntArray | None) -> Any:
        """Of one value for each connection of a part, those of a pathway."""
        if index is None or index is part.chosen:
            return values
        where = index if part.chosen is None else np.searchsorted(part.chosen, index)
        return values[where]

    def _make_pathways(self, step: int) -> None:
        self.pathways = []
        for part in self.parts:
            delays = part.of(self.projection.delay_steps)
            if not np.ndim(delays) or self.fraction == 1.0:
                whole = not np.ndim(delays) and not self.plan.varying_delay
                delay = int(delays) if whole else np.broadcast_to(np.asarray(delays), (len(part.pre),))
                self.pathways.append(Pathway(self, part, part.chosen, delay, step))
                continue
            # Spikes wait for as long as the delay says, so connections of one delay are dealt with together.
            for delay in np.unique(delays):
                where = np.flatnonzero(np.asarray(delays) == delay)
                chosen = where if part.chosen is None else part.chosen[where]
                self.pathways.append(Pathway(self, part, chosen, int(delay), step))

    def numbers(self, values: dict[str, Any], left: float) -> tuple[FloatArray, FloatArray]:
        """The numbers of a kernel, and the tables of decays over whole steps."""
        plan, dt = self.plan, self.dt
        rates = {s: float(rate_of(self.rule, s, values)) for s in plan.tabled}
        found: dict[str, float] = {"dt": dt, "sign": self.sign, "left": left}
        found |= {f"s_{n}": float(values[n]) for n in plan.scalars}
        found |= {f"rate_{s}": rate for s, rate in rates.items()}
        with np.errstate(all="ignore"):
            for state, rate in rates.items():
                toward = 1.0 if plan.levels[state] == "pre" else -1.0
                found[f"gain_{state}"] = float(np.exp(toward * rate * (left * dt))) if left else 1.0
            slowest = min((r for r in rates.values() if r > 0.0), default=1.0)
            size = int(min(max(40.0 / (slowest * dt), 2.0), _LARGEST_TABLE)) + 1
            tables = np.ones((max(len(rates), 1), size))
            for row, rate in enumerate(rates.values()):
                tables[row] = _decays(rate, dt, size)
        return np.array([found[name] for name in plan.numbers]), tables

    def largest_back(self, target: CellGroup) -> int:
        """Steps that a postsynaptic spike takes to the farthest synapse."""
        return math.ceil(self.fraction * self.largest_delay(target)) + 1

    # -- what a session asks

    @property
    def interval(self) -> int:
        return min((p.shift.interval for p in self.pathways if len(p.posts)), default=0)

    def refresh(self, step: int) -> None:
        if RECEPTOR_TIME not in self.rule.parameters:
            return
        now = self._times()
        if all(np.array_equal(a, b) for a, b in zip(now, self._receptor_times, strict=True)):
            return
        self._receptor_times = now
        self.write_parameter(RECEPTOR_TIME, step)

    def settle(self, step: int) -> None:
        if self.plan.has_post and self.described:
            for pathway in self.pathways:
                pathway.settle(step)

    described = False
    """Whether the engine has filled the records."""

    def flush(self, step: int) -> None:
        if not self.described:
            return
        for pathway in self.pathways:
            lag = int(pathway.record[layout.PATHWAY_LAG])
            pathway.record[layout.PATHWAY_LAG] = 0
            self.kernels["deliver"](pathway.record.ctypes.data, step, 0)
            pathway.record[layout.PATHWAY_LAG] = lag
            if self.plan.has_post:
                pathway.settle(step, everything=True)

    def _carry_over(self, step: int) -> None:
        """Give the present values to kernels for another plan, or to pathways for other delays."""
        old, old_plan = self.pathways, self.plan
        now = {state: self.read_state(state, step) for state in self.rule.states} if self.size else {}
        weights = self.read_weight() if old_plan.weight_column else None
        self._plan_anew()
        if old_plan.states("post") != self.plan.states("post"):
            for history in self.histories.values():
                history.keep(self.plan.states("post"))
        self._make_pathways(self.start_step)
        for pathway in self.pathways:
            same = [p for p in old if p.part is pathway.part and _same(p.index, pathway.index)]
            before = (same or [p for p in old if p.part is pathway.part])[0]
            pathway.row_step[:], pathway.row_done[:] = before.row_step, before.row_done
            pathway.record[layout.PATHWAY_CURSOR] = before.record[layout.PATHWAY_CURSOR]
            pathway.in_queue = before.in_queue
            for column, state in enumerate(self.plan.states("pre")):
                pathway.row_state[:, column] = before.row_state[:, old_plan.states("pre").index(state)]
            take = pathway.places()
            if weights is not None and self.rule.is_plastic:
                pathway.weights[:] = weights[take]
            self._set_own(pathway, now, take, step)
        self.described = False

    def _set_own(self, pathway: Pathway, now: dict[str, FloatArray], take: IntArray, step: int) -> None:
        own = self.plan.states("")
        for row, state in enumerate(own):
            pathway.states[row] = now[state][take]
        if own:
            pathway.touched[:] = step - self.fraction * np.broadcast_to(pathway.delays, pathway.touched.shape)

    def rebuild(self, step: int) -> None:
        self._carry_over(step)
        for history in self.histories.values():
            history.restart()
        for pathway in self.pathways:
            # All spikes until now have been dealt with, whatever the delays were.
            back = -int(pathway.delays.min()) if pathway.varying_delay else (
                pathway.shift.whole - int(pathway.shift.pre_first)
            )
            pathway.row_done[:] = step - back

    def read_weight(self) -> FloatArray:
        table = np.zeros(self.size)
        for pathway in self.pathways:
            pathway.to_table(pathway.weights, table)
        return table

    def read_state(self, name: str, step: int) -> FloatArray:
        table = np.zeros(self.size)
        for pathway in self.pathways:
            pathway.to_table(self._state_now(pathway, name, step), table)
        return table

    def _state_now(self, pathway: Pathway, name: str, step: int) -> FloatArray:
        """A state's present values, one a connection in the pathway's order."""
        plan = self.plan
        level = plan.levels[name]
        values: dict[str, Any] = dict(zip(plan.numbers, pathway.numbers, strict=True))
        values = {n: values[f"s_{n}"] for n in plan.scalars} | pathway.columns
        delays = np.broadcast_to(pathway.delays, (len(pathway.posts),)).astype(float)
        back = self.fraction * delays
        if level == "post":
            return self._post_state(pathway, name, step, back, values)
        if level == "pre":
            count = np.diff(pathway.starts)
            found = {s: np.repeat(pathway.row_state[:, j], count) for j, s in enumerate(plan.states("pre"))}
            since = np.repeat(pathway.row_step, count) + (1.0 - self.fraction) * delays
        else:
            found = {s: pathway.states[j] for j, s in enumerate(plan.states(""))}
            since = pathway.touched + back
        time = np.maximum(step - since, 0.0) * self.dt
        return np.broadcast_to(evolved(self.rule, found, values, time)[name], (len(pathway.posts),))

    def _post_state(
        self, pathway: Pathway, name: str, step: int, back: FloatArray, values: dict[str, Any]
    ) -> FloatArray:
        history = self.histories[id(pathway.target)]
        result = np.empty(len(pathway.posts))
        limit = np.floor(step - back + 1e-9)
        cells = pathway.posts
        for k in range(0, len(cells), 65536):
            part = slice(k, k + 65536)
            entries = history.entries[cells[part]]
            arrived = (entries[:, :, 0] <= limit[part, np.newaxis]) & (
                np.arange(history.capacity) < history.counts[cells[part], np.newaxis]
            )
            last = np.maximum(arrived.sum(axis=1) - 1, 0)
            found = entries[np.arange(len(last)), last]
            states = {s: found[:, 1 + j] for j, s in enumerate(history.states)}
            time = np.maximum(step - back[part] - found[:, 0], 0.0) * self.dt
            result[part] = evolved(self.rule, states, values, time)[name]
        return result

    def write_state(self, name: str, values: float | FloatArray, step: int) -> None:
        # One value a connection is the general case: what is set may be anything, at any time.
        self.own_states |= set(self.rule.states)
        self._carry_over(step)
        now = {state: self.read_state(state, step) for state in self.rule.states}
        now[name] = np.array(np.broadcast_to(values, (self.size,)), dtype=float)
        for pathway in self.pathways:
            self._set_own(pathway, now, pathway.places(), step)

    def take_rule(self, step: int) -> None:
        if self._wanted_plan() != self.plan:
            self._carry_over(step)

    def write_parameter(self, name: str, step: int) -> None:
        if self._wanted_plan() != self.plan:
            self._carry_over(step)
        else:
            for pathway in self.pathways:
                pathway.refresh()
        if name == WEIGHT and self.plan.weight_column:
            for pathway in self.pathways:
                pathway.weights = pathway.sorted(self.columns[WEIGHT], pathway.order())
        self.described = False
