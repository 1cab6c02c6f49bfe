"""Synapses with something to do in every step, or that see their cells: what both engines share, and the plain one.

pyNN.equations.stepped has the order of a step. Spikes act in the step in which they arrive: what would arrive within a
step does so at its end. The plain engine deals with one spike after the other, and is the oracle for the compiled one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyNN.equations import synapses
from pyNN.equations.stepped import (
    DURATION,
    LEARNING,
    NUMBERS,
    POST,
    PRE,
    SHARE,
    Pathway,
    SteppedRule,
    rule_between,
    switchable,
)
from pyNN.equations.synapses import DT, INDICES, RECEPTOR_TIME, TIME, WEIGHT
from pyNN.errors import EquationError, InternalError, InvalidDelayError
from pyNN.random.streams import derive_key, signed
from pyNN.reference.eager_synapses import TableSynapses
from pyNN.reference.plasticity import Evaluator, Part, RuledSynapses, Shift, _column, evolved
from pyNN.reference.synapse_kernels import EVENT_SHIFT
from pyNN.reference.world import CellGroup, Group, Projection
from pyNN.specs import FloatArray, IntArray, Plasticity

_ALL = 1 << 60
"""A step after all others."""


@dataclass
class EventClass:
    """Connections of a part on which the spikes of one side act after the same delay."""

    pathway: Pathway
    part: Part
    where: IntArray
    """Positions of the connections in the part."""
    delay: int
    away: int
    """Steps from a spike to the moment that statements see as `t`."""
    lag: int
    """Steps after which they are executed."""
    early: bool
    """Whether that is at the beginning of the step with the spike's effect."""
    starts: IntArray = field(init=False)
    order: IntArray = field(init=False)
    """Positions in the part in order of the spiking cell; those of cell i are starts[i]:starts[i + 1]."""
    waiting: deque[tuple[int, int, int]] = field(default_factory=deque)
    """(step, cell, how many spikes of it in this step came before) of spikes that have yet to act: plain engine."""

    def __post_init__(self) -> None:
        cells = np.asarray(self.part.pre if self.pathway.side == PRE else self.part.post)[self.where]
        order = np.argsort(cells, kind="stable")
        self.order = np.ascontiguousarray(self.where[order], dtype=np.int64)
        self.starts = np.zeros(self.group.size + 1, dtype=np.int64)
        np.cumsum(np.bincount(cells, minlength=self.group.size), out=self.starts[1:])

    @property
    def group(self) -> Group:
        """Whose spikes or events these are."""
        return self.part.source if self.pathway.side == PRE else self.part.target

    @property
    def key(self) -> str:
        """What it is called whatever the slices of the cells are."""
        part = self.part
        return f"{self.pathway.name}, {part.source.spec.id} to {part.target.spec.id}, {self.delay}"


class SteppedSynapses(RuledSynapses):
    """The synapses of one projection, in the order of the table."""

    general: SteppedRule
    rule: SteppedRule

    def __init__(self, projection: Projection, parts: list[Part], dt: float, step: int, seed: int, trial: int) -> None:
        super().__init__(projection, parts, dt, step, seed, trial)
        self.key_step = signed(derive_key(seed, "synaptic step", self.spec.id, trial))
        self.histories: dict[int, Any] = {}

    def _make_rule(self) -> SteppedRule:
        """The rule for the types of cells that are connected, whose units must agree."""
        found: list[SteppedRule] = []
        for part in self.parts:
            between = rule_between(self.model, part.source.spec.model, part.target.spec.model, self.spec.label)
            found += [between] if between not in found else []
        if len(found) > 1:
            raise EquationError(
                f"{self.spec.label}: the variables that {self.model.name} reads have different units in the cell types "
                "of this assembly. Make a projection for each type."
            )
        rule = found[0] if found else synapses.rule(self.model)
        if not isinstance(rule, SteppedRule):
            raise InternalError(f"{self.model.name} has no stepped rule.")
        return rule

    def _present_rule(self) -> SteppedRule:
        return switchable(self.general)

    @property
    def schedule(self) -> dict[str, float]:
        """What statements see of whether and when the synapses learn."""
        return {LEARNING: float(self.plasticity.on), DURATION: self.plasticity.every * self.dt}

    def is_due(self, step: int) -> bool:
        """Whether what goes on in every step does so in the one that begins at `step`."""
        return step >= self.plasticity.first and (step - self.plasticity.first) % self.plasticity.every == 0

    # -- pathways

    def make_classes(self) -> list[EventClass]:
        """All that spikes may do; on one moment postsynaptic spikes act first, unless the others are early."""
        found: list[EventClass] = []
        for pathway in sorted(self.rule.pathways, key=lambda p: p.side != POST):
            for part in self.parts:
                delays = np.broadcast_to(part.of(self._delay_steps(pathway)), (len(part.pre),))
                for delay in np.unique(delays):
                    where = np.flatnonzero(delays == delay)
                    found.append(self._event_class(pathway, part, where, int(delay)))
        return found

    def _event_class(self, pathway: Pathway, part: Part, where: IntArray, delay: int) -> EventClass:
        fraction = self.fraction if not pathway.delay else 0.0 if pathway.side == PRE else 1.0
        shift = Shift(delay, fraction)
        if pathway.side == POST:
            back = math.ceil(shift.back)
            return EventClass(pathway, part, where, delay, back, back, False)
        return EventClass(pathway, part, where, delay, math.ceil(shift.forth), shift.lag, shift.early)

    def _delay_steps(self, pathway: Pathway) -> Any:
        if not pathway.delay:
            return self.projection.delay_steps
        steps = np.rint(np.asarray(self.projection.columns[pathway.delay]) / self.dt).astype(np.int64)
        if pathway.side == PRE and steps.size and int(steps.min()) < 1:
            raise InvalidDelayError(
                f"{self.spec.label}: {pathway.delay} is under the time step of {self.dt:g} ms, which is the smallest "
                "delay of presynaptic spikes."
            )
        return int(steps) if steps.ndim == 0 else steps

    def largest_delay(self, target: CellGroup) -> int:
        largest = super().largest_delay(target)
        for pathway in self.rule.pathways:
            if pathway.delay and pathway.side == PRE:
                steps = self._delay_steps(pathway)
                found = [np.max(p.of(steps)) for p in self.parts if p.target is target and len(p.pre)]
                largest = max(largest, int(max(found, default=1)))
        return largest

    # -- values

    def cell_values(self, part: Part, name: str) -> FloatArray:
        """A variable of the cells on one side, one value a cell, as it is now."""
        value = self.rule.cells[name]
        group = part.source if value.side == PRE else part.target
        if not isinstance(group, CellGroup):
            raise InternalError(f"{self.spec.label}: {group.spec.label} has no '{value.variable}'.")
        if value.variable in group.analysis.states:
            return group.row(value.variable)
        return np.array(np.broadcast_to(group.parameters[value.variable], (group.size,)), dtype=float)

    def number_of(self, part: Part, name: str) -> FloatArray:
        """One of NUMBERS of each connection of a part."""
        table = self.projection.table
        if name == SHARE:
            post = np.asarray(table.post)
            counts = np.bincount(post) if len(post) else np.zeros(0)
            return np.asarray(part.of(1.0 / counts[post]), dtype=float)
        if name == INDICES[2]:
            return np.asarray(part.of(multisynaptic_index(table.pre, table.post)), dtype=float)
        return np.asarray(part.of(table.pre if name == INDICES[0] else table.post), dtype=float)

    def _only_delay(self) -> int:
        """The delay of all connections, in steps, where what they pass on is compared."""
        delays = np.asarray(self.projection.delay_steps)
        return int(delays.flat[0]) if delays.size else 1

    # -- what a session asks

    def set_plasticity(self, plasticity: Plasticity, step: int) -> None:
        """Learn or not, from now on: the rule is the same, and what its statements see is not."""
        self.plasticity = plasticity

    def set_active(self, pathway: str, active: bool, step: int) -> None:
        self.active[pathway] = active

    def write(self, name: str, value: Any, step: int) -> None:
        if name in {p.delay for p in self.rule.pathways if p.delay}:
            before = self.projection.columns[name]
            self.projection.columns[name] = _column(value)
            try:
                for pathway in self.rule.pathways:
                    self._delay_steps(pathway)
            except InvalidDelayError:
                self.projection.columns[name] = before
                raise
            self.projection.columns[name] = before
            self.flush(step)
            self.projection.columns[name] = _column(value)
            self.rebuild(step)
            return
        super().write(name, value, step)

    @property
    def interval(self) -> int:
        return 1 if any(len(part.pre) for part in self.parts) else 0

    def settle(self, step: int) -> None:
        return None

    def watched(self) -> set[tuple[str, str]]:
        """(side, variable) of cells that must be known on all MPI ranks: seen from afar, or events, which all keep."""
        seen = {(v.side, v.variable) for v in self.rule.cells.values() if v.side == PRE or v.over_all}
        return seen | {(pathway.side, pathway.event) for pathway in self.rule.pathways if pathway.event}


def multisynaptic_index(pre: Any, post: Any) -> IntArray:
    """The number of each connection among those of its pair of cells, in the order of the table."""
    pairs = (np.asarray(post, dtype=np.int64) << 32) + np.asarray(pre, dtype=np.int64)
    order = np.argsort(pairs, kind="stable")
    ordered = pairs[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(pairs) else np.zeros(0, dtype=np.int64)
    found = np.zeros(len(pairs), dtype=np.int64)
    found[order] = np.arange(len(pairs)) - np.repeat(starts, np.diff(np.r_[starts, len(pairs)]))
    return found


def over_all(function: str, values: FloatArray) -> float:
    """A number that all cells have together. Sums are from the first cell to the last, as in compiled code."""
    if not len(values):
        return 0.0
    if function in ("min", "max"):
        return float(values.min() if function == "min" else values.max())
    terms = {"mean": values, "norm1": np.abs(values), "norm2": values * values}[function]
    total = float(np.add.accumulate(terms)[-1])
    return total / len(values) if function == "mean" else math.sqrt(total) if function == "norm2" else total


class SteppedEagerly(TableSynapses, SteppedSynapses):
    """What the plain engine keeps."""

    def start(self) -> None:
        self._together: dict[tuple[int, str], float] = {}
        self.start_columns(float(self.start_step))
        self.before: dict[str, FloatArray] = {name: np.zeros(self.size) for name in self.rule.late}
        """States just before the last postsynaptic spike, which arrived at the step `last_post`."""
        self.last_post: FloatArray = np.full(self.size, -math.inf)
        self.classes = self.make_classes()

    # -- what the engine asks

    def add(self, group: Group, step: int, cells: IntArray) -> None:
        """Take over the spikes of a group, and its events."""
        before, repeat = -1, 0
        own = [chosen for chosen in self.classes if chosen.group is group]
        for cell in np.asarray(cells).tolist():
            repeat = repeat + 1 if cell == before else 0
            before = cell
            for chosen in own:
                if not chosen.pathway.event:
                    chosen.waiting.append((step, cell, repeat))
        for chosen in own:
            if chosen.pathway.event and isinstance(group, CellGroup) and step % group.every == 0:
                happens = np.flatnonzero(group.row(chosen.pathway.event))
                chosen.waiting.extend((step, cell, 0) for cell in happens.tolist())

    def follow_early(self, step: int) -> None:
        """What happens at the beginning of the step after `step`."""
        self._look_at_all()
        passed: dict[int, tuple[Part, FloatArray]] = {}
        for part in self.parts:
            self._go_on(part, step, passed)
        for part, values in passed.values():
            some = np.flatnonzero(values != -self._worst)
            ring = part.target.ring
            ring[(step + self._only_delay()) % len(ring), part.receptor, some] += values[some]
        for chosen in self.classes:
            if chosen.early:
                self._act(chosen, step)

    def follow(self, step: int) -> None:
        """Deal with the other spikes that have arrived by a step."""
        for chosen in self.classes:
            if not chosen.early:
                self._act(chosen, step)

    @property
    def _worst(self) -> float:
        """The infinity that the reduction is furthest from keeping, negated."""
        return math.inf if self.rule.reduce == "max" else -math.inf

    def _look_at_all(self) -> None:
        """Note what all cells of a population have together at the beginning of a step."""
        for part in self.parts:
            for name, value in self.rule.cells.items():
                if value.over_all:
                    self._together[id(part), name] = over_all(value.over_all, self.cell_values(part, name))

    def _go_on(self, part: Part, step: int, reduced: dict[int, tuple[Part, FloatArray]]) -> None:
        table = self._table(part, np.arange(len(part.pre)))
        known = self._values(part, np.arange(len(part.pre)), step)
        if self.rule.psp is not None:
            passed = self.sign * np.broadcast_to(Evaluator(known)(self.rule.psp), (len(part.pre),))
            post = np.asarray(part.post)
            if self.rule.reduce in ("max", "min"):
                worst = np.full(part.target.size, -self._worst)
                extreme = np.maximum if self.rule.reduce == "max" else np.minimum
                extreme.at(reduced.setdefault(id(part.target), (part, worst))[1], post, passed)
        if self.rule.psp is not None and self.rule.reduce not in ("max", "min"):
            slots = (step + np.broadcast_to(part.of(self.projection.delay_steps), (len(part.pre),)))
            ring = part.target.ring
            np.add.at(ring[:, part.receptor], (slots % len(ring), post), passed)
        if self.rule.every_step and self.is_due(step):
            self.execute(self.rule.every_step, known, table, self.key_step, step << EVENT_SHIFT)
            self._keep(known, table, [s for s in self.states if s not in self.rule.lazy])

    def _act(self, chosen: EventClass, step: int) -> None:
        while chosen.waiting and chosen.waiting[0][0] + chosen.lag <= step:
            spike, cell, repeat = chosen.waiting.popleft()
            if not self.active.get(chosen.pathway.name, True):
                continue
            where = chosen.order[chosen.starts[cell] : chosen.starts[cell + 1]]
            if not len(where):
                continue
            arrival = spike + chosen.away
            table = self._table(chosen.part, where)
            known = self._values(chosen.part, where, arrival)
            time = np.maximum(arrival - self.last[table], 0.0) * self.dt
            known |= evolved(self.rule, {n: self.states[n][table] for n in self.rule.lazy}, known, time)
            event = (spike << EVENT_SHIFT) + (repeat << (EVENT_SHIFT - 4))
            key = self.key_pre if chosen.pathway.side == PRE else self.key_post
            number = self.rule.pathways.index(chosen.pathway)
            seen = self._before_together(chosen.pathway, known, table, arrival)
            self.execute(chosen.pathway.statements, known, table, key + number, event)
            self._keep(known | seen, table, list(self.states))
            known |= seen
            self.last[table] = np.maximum(arrival, self.last[table])
            if chosen.pathway.transmitted is not None:
                passed = self.sign * Evaluator(known)(chosen.pathway.transmitted)
                ring = chosen.part.target.ring
                slot = ring[(spike + chosen.delay) % len(ring), chosen.part.receptor]
                np.add.at(slot, np.asarray(chosen.part.post)[where], passed)

    def _before_together(
        self, pathway: Pathway, known: dict[str, Any], table: IntArray, arrival: int
    ) -> dict[str, FloatArray]:
        """Let a presynaptic spike see what a postsynaptic one that arrives with it has changed as it was before that.

        The present values, which the spike does not change.
        """
        together = self.last_post[table] == arrival
        if pathway.side == POST:
            for name, before in self.before.items():
                before[table] = np.where(together, before[table], known[name])
            self.last_post[table] = arrival
            return {}
        present = {name: known[name] for name in self.before}
        known |= {name: np.where(together, before[table], known[name]) for name, before in self.before.items()}
        return present

    def _keep(self, known: dict[str, Any], table: IntArray, states: list[str]) -> None:
        for name in states:
            self.states[name][table] = known[name]
        if self.rule.is_plastic:
            self.weight[table] = known[WEIGHT]

    def _together_now(self, part: Part, name: str) -> float:
        if (id(part), name) not in self._together:
            self._look_at_all()
        return self._together[id(part), name]

    def _table(self, part: Part, where: IntArray) -> IntArray:
        return where if part.chosen is None else part.chosen[where]

    def _values(self, part: Part, where: IntArray, step: int) -> dict[str, Any]:
        """All that expressions may name, for some connections of a part."""
        table = self._table(part, where)
        found: dict[str, Any] = {n: v[table] if isinstance(v, np.ndarray) else v for n, v in self.columns.items()}
        found[WEIGHT] = self.weight[table]
        found |= {name: state[table] for name, state in self.states.items()}
        found |= {TIME: step * self.dt, DT: self.dt, **self.schedule}
        for name, value in self.rule.cells.items():
            if value.over_all:
                found[name] = self._together_now(part, name)
                continue
            cells = part.pre if value.side == PRE else part.post
            found[name] = self.cell_values(part, name)[np.asarray(cells)[where]]
        found |= {name: self.number_of(part, name)[where] for name in NUMBERS if name in self.rule.reads}
        if RECEPTOR_TIME in self.rule.parameters:
            time = self.receptor_time(part)
            found[RECEPTOR_TIME] = time[where] if isinstance(time, np.ndarray) else time
        return found

    # -- what a session asks

    def flush(self, step: int) -> None:
        for chosen in self.classes:
            self._act(chosen, _ALL)

    def rebuild(self, step: int) -> None:
        self.classes = self.make_classes()

    def read_state(self, name: str, step: int) -> FloatArray:
        if name not in self.rule.lazy:
            return self.states[name].copy()
        result = np.zeros(self.size)
        for part in self.parts:
            where = np.arange(len(part.pre))
            table = self._table(part, where)
            time = np.maximum(step - self.last[table], 0.0) * self.dt
            found = {n: self.states[n][table] for n in self.rule.lazy}
            result[table] = evolved(self.rule, found, self._values(part, where, step), time)[name]
        return result

    # -- snapshots

    def kept(self) -> dict[str, FloatArray]:
        """What decides the future of each connection, in the order of the table."""
        return {"weight": self.weight, "last": self.last, **{f"states {n}": v for n, v in self.states.items()}}

    def under_way(self) -> dict[str, dict[str, Any]]:
        """Spikes that have yet to act, by class of connections."""
        columns = {c.key: np.array(c.waiting, dtype=np.int64).reshape(-1, 3) for c in self.classes}
        return {key: {"spikes": rows} for key, rows in columns.items()}

    def restored(self, kept: Mapping[str, Any], under_way: Mapping[str, Any]) -> None:
        """Go on from what `kept` and `under_way` gave."""
        self.weight, self.last = kept["weight"], kept["last"]
        self.states = {name: kept[f"states {name}"] for name in self.states}
        for chosen in self.classes:
            rows = under_way[chosen.key]["spikes"] if chosen.key in under_way else np.zeros((0, 3))
            chosen.waiting = deque((int(a), int(b), int(c)) for a, b, c in rows)
