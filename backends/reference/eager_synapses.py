"""Synapses with a rule in the plain engine: every event is dealt with when it happens, for all connections it concerns.

Nothing is shared between connections and nothing is put off, so this is the oracle for the compiled engine.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from pyNN.equations.synapses import RECEPTOR_TIME, WEIGHT, Assign
from pyNN.random.streams import uniforms
from pyNN.reference.plasticity import Evaluator, Part, RuledSynapses, Shift, evolved
from pyNN.reference.synapse_kernels import EVENT_SHIFT, SITE
from pyNN.reference.world import Group
from pyNN.specs import FloatArray, IntArray

_PRE, _POST = 0, 1


class DelayClass:
    """Connections of a part that have the same delay, and the spikes that are on their way to them."""

    def __init__(self, part: Part, where: IntArray, delay: int, fraction: float) -> None:
        self.part = part
        self.shift = Shift(delay, fraction)
        self.delay = delay
        self.table = where if part.chosen is None else part.chosen[where]
        """Positions of the connections in the table."""
        self.cells = np.asarray(part.pre)[where], np.asarray(part.post)[where]
        self.orders = [np.argsort(cells, kind="stable") for cells in self.cells]
        self.starts = [
            np.searchsorted(cells[order], np.arange(size + 1))
            for cells, order, size in zip(self.cells, self.orders, (part.source.size, part.target.size), strict=True)
        ]
        self.events: list[tuple[float, int, int, int, int, int]] = []
        """Heap of (arrival, rank, step, cell, repetition, side)."""

    def add(self, side: int, step: int, cells: IntArray) -> None:
        way = self.shift.forth if side == _PRE else self.shift.back
        rank = 0 if (side == _PRE) == self.shift.pre_first else 1
        before, repeat = -1, 0
        for cell in cells.tolist():
            repeat = repeat + 1 if cell == before else 0
            before = cell
            heapq.heappush(self.events, (step + way, rank, step, cell, repeat, side))

    def connections(self, side: int, cell: int) -> IntArray:
        """Positions, within this class, of the connections of a source or target cell."""
        starts = self.starts[side]
        return self.orders[side][starts[cell] : starts[cell + 1]]


class TableSynapses(RuledSynapses):
    """What the plain engine keeps of any projection whose synapses have a rule: columns in the order of the table."""

    def start_columns(self, last: float) -> None:
        self.states: dict[str, FloatArray] = {
            name: np.array(np.broadcast_to(value, (self.size,)), dtype=float) for name, value in self.initial.items()
        }
        self.weight: FloatArray = np.array(np.broadcast_to(self.columns[WEIGHT], (self.size,)), dtype=float)
        self.last: FloatArray = np.full(self.size, last)
        """When the states that events bring up to date were so, counted in steps by arrival at the synapse."""
        self.random_keys = self.keys() if self.rule.is_random else np.zeros(0, dtype=np.int64)

    def execute(
        self, statements: tuple[Assign, ...], known: dict[str, Any], table: IntArray, key: int, event: int
    ) -> None:
        """Execute statements for some connections; `known` has the values, and gets those that are assigned."""

        def draw(site: int, *arguments: Any) -> FloatArray:
            keys, ordinal = self.random_keys[table], event + site * SITE
            if not arguments:
                return uniforms(key % (1 << 64), keys, ordinal)
            number, probability = (np.broadcast_to(a, (len(table),)) for a in arguments)
            count = np.zeros(len(table))
            for k in range(int(number.max(initial=0.0))):
                count += (uniforms(key % (1 << 64), keys, ordinal + k) < probability) & (k < number)
            return count

        evaluator = Evaluator(known, draw)
        for assign in statements:
            known[assign.name] = np.broadcast_to(evaluator(assign.tree), (len(table),))

    def refresh(self, step: int) -> None:
        return None

    def read_weight(self) -> FloatArray:
        return self.weight.copy()

    def write_state(self, name: str, values: float | FloatArray, step: int) -> None:
        now = {state: self.read_state(state, step) for state in self.states}
        self.states = {**now, name: np.array(np.broadcast_to(values, (self.size,)), dtype=float)}
        self.last[:] = step

    def write_parameter(self, name: str, step: int) -> None:
        if name == WEIGHT:
            self.weight = np.array(np.broadcast_to(self.columns[WEIGHT], (self.size,)), dtype=float)


class EagerSynapses(TableSynapses):
    """Synapses of which something happens at spikes only."""

    def start(self) -> None:
        self.start_columns(0.0)
        self.before = {name: self.states[name].copy() for name in self.rule.post_side}
        """Postsynaptic states just before the last postsynaptic spike, which arrived at `last_post`."""
        self.last_post: FloatArray = np.full(self.size, -np.inf)
        self._make_classes()
        for group in self.classes:
            self.last[group.table] = self.start_step + group.shift.forth

    def _make_classes(self) -> None:
        self.classes: list[DelayClass] = []
        for part in self.parts:
            delays = np.broadcast_to(part.of(self.projection.delay_steps), (len(part.pre),))
            for delay in np.unique(delays):
                self.classes.append(DelayClass(part, np.flatnonzero(delays == delay), int(delay), self.fraction))

    # -- what the engine asks

    def add(self, group: Group, step: int, cells: IntArray) -> None:
        """Take over the spikes of a group."""
        if not len(cells):
            return
        for chosen in self.classes:
            if chosen.part.source is group:
                chosen.add(_PRE, step, cells)
            if chosen.part.target is group and self.rule.on_post:
                chosen.add(_POST, step, cells)

    def follow(self, step: int) -> None:
        """Deal with all that has arrived by a step."""
        for chosen in self.classes:
            while chosen.events and chosen.events[0][0] <= step:
                self._deal_with(chosen, heapq.heappop(chosen.events))

    def follow_early(self, step: int) -> None:
        """Deal with what arrives before the effect of a presynaptic spike that is due in the next update."""
        for chosen in self.classes:
            if not chosen.shift.early:
                continue
            due = [e for e in chosen.events if e[5] == _PRE and e[2] + chosen.shift.lag <= step]
            while due and chosen.events and chosen.events[0] <= max(due):
                self._deal_with(chosen, heapq.heappop(chosen.events))

    def _deal_with(self, chosen: DelayClass, event: tuple[float, int, int, int, int, int]) -> None:
        arrival, _, step, cell, repeat, side = event
        where = chosen.connections(side, cell)
        if not len(where):
            return
        table = chosen.table[where]
        values = self._values(chosen.part, table)
        time = np.maximum(arrival - self.last[table], 0.0) * self.dt
        known = {**values, **evolved(self.rule, {n: s[table] for n, s in self.states.items()}, values, time)}
        late = {name: known[name] for name in self.before}
        if side == _POST:
            for name, values_before in late.items():
                self.before[name][table] = values_before
            self.last_post[table] = arrival
            self._execute(self.rule.on_post, known, table, step, repeat, side)
        else:
            if not chosen.shift.pre_first:
                # A postsynaptic spike that arrives now has been dealt with, but does not count yet.
                together = self.last_post[table] == arrival
                known |= {n: np.where(together, self.before[n][table], value) for n, value in late.items()}
            self._execute(self.rule.on_pre, known, table, step, repeat, side)
            known |= late
        for name, state in self.states.items():
            state[table] = known[name]
        self.last[table] = arrival
        if self.rule.is_plastic:
            self.weight[table] = known[WEIGHT]
        if side == _PRE:
            passed = self.sign * Evaluator(known)(self.rule.transmitted)
            ring = chosen.part.target.ring
            slot = ring[(step + chosen.delay) % len(ring), chosen.part.receptor]
            np.add.at(slot, chosen.cells[_POST][where], passed)

    def _execute(
        self, statements: tuple[Assign, ...], known: dict[str, Any], table: IntArray, step: int, repeat: int, side: int
    ) -> None:
        event = (step << EVENT_SHIFT) + (repeat << (EVENT_SHIFT - 4))
        self.execute(statements, known, table, self.key_pre if side == _PRE else self.key_post, event)

    def _values(self, part: Part, table: IntArray) -> dict[str, Any]:
        found: dict[str, Any] = {n: v[table] if isinstance(v, np.ndarray) else v for n, v in self.columns.items()}
        found[WEIGHT] = self.weight[table]
        if RECEPTOR_TIME in self.rule.parameters:
            time = self.receptor_time(part)
            position = table if part.chosen is None else np.searchsorted(part.chosen, table)
            found[RECEPTOR_TIME] = time[position] if isinstance(time, np.ndarray) else time
        return found

    # -- what a session asks

    @property
    def interval(self) -> int:
        return 1

    def settle(self, step: int) -> None:
        return None

    def flush(self, step: int) -> None:
        for chosen in self.classes:
            while chosen.events:
                self._deal_with(chosen, heapq.heappop(chosen.events))

    def rebuild(self, step: int) -> None:
        self._make_classes()

    def read_state(self, name: str, step: int) -> FloatArray:
        result = np.zeros(self.size)
        for chosen in self.classes:
            table = chosen.table
            time = np.maximum(step - self.last[table], 0.0) * self.dt
            found = {n: s[table] for n, s in self.states.items()}
            result[table] = evolved(self.rule, found, self._values(chosen.part, table), time)[name]
        return result
