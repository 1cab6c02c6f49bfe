"""Synapses of pyNN.reference.stepped in the compiled engine: the arrays that their kernels work on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyNN.compilation import load
from pyNN.equations.stepped import NUMBERS, PRE
from pyNN.equations.synapses import WEIGHT
from pyNN.random.streams import signed
from pyNN.reference import compiled, layout, stepped_kernels
from pyNN.reference.compiled_synapses import Queue, queue_key
from pyNN.reference.plasticity import Part, evolved
from pyNN.reference.stepped import EventClass, SteppedSynapses, over_all
from pyNN.reference.stepped_kernels import EVERY, FIRST, StepPlan
from pyNN.reference.world import Group
from pyNN.specs import FloatArray

_EARLY, _ALWAYS = 2, 3
"""See layout.PATHWAY_EARLY."""
_ALL = 1 << 50


class SteppedPart:
    """The connections of one part, in the order of the table."""

    def __init__(self, synapses: SteppedCompiled, part: Part, step: int) -> None:
        self.synapses = synapses
        self.part = part
        number = len(part.pre)
        self.pre = np.ascontiguousarray(part.pre, dtype=np.int32)
        self.post = np.ascontiguousarray(part.post, dtype=np.int32)
        self.table: Any = np.arange(number) if part.chosen is None else part.chosen
        self.weights = self._column(synapses.columns[WEIGHT])
        states = synapses.rule.states
        self.states: FloatArray = np.zeros((len(states), number))
        for row, name in enumerate(states):
            self.states[row] = self._column(synapses.initial[name])
        self.touched: FloatArray = np.full(number, float(step))
        self.before: FloatArray = np.zeros((len(synapses.rule.late), number))
        self.last_post: FloatArray = np.full(number, -np.inf)
        keys = synapses.keys() if synapses.rule.is_random else np.zeros(0, dtype=np.int64)
        self.keys = np.ascontiguousarray(keys[self.table]) if len(keys) else keys
        self.together = [np.array([self._now(name)]) for name in synapses.rule.cells]
        """What all cells of a population have together, for each that is seen."""
        self.extreme: FloatArray = np.zeros(0)
        """The largest or smallest that the connections of each cell pass on in a step; shared between parts."""
        self.is_first = self.is_last = False
        self.record = np.zeros(layout.STEPPED_FIELDS, dtype=np.int64)

    def _now(self, name: str) -> float:
        function = self.synapses.rule.cells[name].over_all
        return over_all(function, self.synapses.cell_values(self.part, name)) if function else 0.0

    def _column(self, values: Any) -> FloatArray:
        """One number a connection."""
        return np.array(np.broadcast_to(self.part.of(values), (len(self.pre),)), dtype=float)

    def describe(self, target_record: int) -> None:
        """Fill the record that the kernels read; the arrays must stay alive and in place."""
        synapses, plan, part = self.synapses, self.synapses.plan, self.part
        values = synapses.values(part)
        values |= {name: synapses.number_of(part, name) for name in NUMBERS if name in plan.columns}
        self.columns = [np.array(np.broadcast_to(values[n], (len(self.pre),)), dtype=float) for n in plan.columns]
        self.pointers = np.array([c.ctypes.data for c in self.columns] or [0], dtype=np.int64)
        self.cells = [synapses.cell_values(part, name) for name in synapses.rule.cells]
        addresses = [c.ctypes.data for c in self.cells] + [array.ctypes.data for array in self.together]
        self.cell_pointers = np.array(addresses or [0], dtype=np.int64)
        numbers = {"dt": synapses.dt, "sign": synapses.sign, **synapses.schedule}
        numbers |= {EVERY: synapses.plasticity.every, FIRST: synapses.plasticity.first}
        for number, pathway in enumerate(synapses.rule.pathways):
            numbers[f"_active_{number}"] = float(synapses.active.get(pathway.name, True))
        numbers |= {f"s_{n}": float(values[n]) for n in plan.scalars}
        self.numbers = np.array([numbers[name] for name in plan.numbers])
        delays = np.broadcast_to(part.of(synapses.projection.delay_steps), (len(self.pre),))
        self.delays = np.ascontiguousarray(delays, dtype=np.int32)
        record = self.record
        record[layout.STEPPED_CONNECTIONS] = len(self.pre)
        record[layout.STEPPED_SOURCES], record[layout.STEPPED_TARGETS] = part.source.size, part.target.size
        record[layout.STEPPED_STEP_KEY] = synapses.key_step
        record[layout.STEPPED_TARGET], record[layout.STEPPED_RECEPTOR] = target_record, part.receptor
        record[layout.STEPPED_EXTREME_ADDRESS] = self.extreme.ctypes.data
        record[layout.STEPPED_FIRST], record[layout.STEPPED_LAST] = int(self.is_first), int(self.is_last)
        for number, array in (
            (layout.STEPPED_PRE_ADDRESS, self.pre),
            (layout.STEPPED_POST_ADDRESS, self.post),
            (layout.STEPPED_DELAY_ADDRESS, self.delays),
            (layout.STEPPED_WEIGHT_ADDRESS, self.weights),
            (layout.STEPPED_STATE_ADDRESS, self.states),
            (layout.STEPPED_TOUCHED_ADDRESS, self.touched),
            (layout.STEPPED_BEFORE_ADDRESS, self.before),
            (layout.STEPPED_LAST_POST_ADDRESS, self.last_post),
            (layout.STEPPED_COLUMN_ADDRESS, self.pointers),
            (layout.STEPPED_CELL_ADDRESS, self.cell_pointers),
            (layout.STEPPED_SCALAR_ADDRESS, self.numbers),
            (layout.STEPPED_KEY_ADDRESS, self.keys),
        ):
            record[number] = array.ctypes.data


class StepPathway:
    """A record that the run loop calls: in every step, or for the spikes of one side on some connections of a part."""

    def __init__(self, synapses: SteppedCompiled, stepped: SteppedPart, chosen: EventClass | None) -> None:
        self.synapses = synapses
        self.stepped = stepped
        self.chosen = chosen
        self.posts = stepped.post
        self.target = stepped.part.target
        self.in_queue = False
        self.queue: Queue | None = None
        self.target_record = 0
        self.record = np.zeros(layout.PATHWAY_FIELDS, dtype=np.int64)

    @property
    def source(self) -> Group | None:
        """Whose spikes or events it deals with."""
        return self.chosen.group if self.chosen is not None else None

    @property
    def event(self) -> str:
        return self.chosen.pathway.event if self.chosen is not None else ""

    def describe(self, queue: Queue | None, history: Any, target_record: int) -> None:
        record, kernels, stepped = self.record, self.synapses.kernels, self.stepped
        self.queue, self.target_record = queue, target_record
        stepped.describe(target_record)
        record[layout.PATHWAY_SLICE] = stepped.part.slice_number
        record[layout.PATHWAY_PART] = stepped.record.ctypes.data
        chosen = self.chosen
        if chosen is None or queue is None:
            record[layout.PATHWAY_EARLY] = _ALWAYS
            record[layout.PATHWAY_KERNEL] = kernels["go_on"].address
            return
        number = self.synapses.rule.pathways.index(chosen.pathway)
        key = self.synapses.key_pre if chosen.pathway.side == PRE else self.synapses.key_post
        record[layout.PATHWAY_KEY] = signed((key + number) % (1 << 64))
        record[layout.PATHWAY_EARLY] = _EARLY if chosen.early else 0
        record[layout.PATHWAY_KERNEL] = kernels[f"act_{number}"].address
        record[layout.PATHWAY_QUEUE] = queue.record.ctypes.data
        record[layout.PATHWAY_LAG] = chosen.lag
        record[layout.PATHWAY_AWAY] = chosen.away
        record[layout.PATHWAY_DELAY] = chosen.delay
        record[layout.PATHWAY_SOURCES] = chosen.group.size
        record[layout.PATHWAY_START_ADDRESS] = chosen.starts.ctypes.data
        record[layout.PATHWAY_INDEX_ADDRESS] = chosen.order.ctypes.data


class SteppedCompiled(SteppedSynapses):
    """What the compiled engine keeps of a projection."""

    described = False
    """Set by the engine when it has filled the records."""

    def start(self, engine: Any) -> None:
        self.engine = engine
        self._plan_anew()
        self.steps = [SteppedPart(self, part, self.start_step) for part in self.parts]
        if self.rule.reduce in ("max", "min"):
            self._share_extremes()
        self._make_pathways()

    def _share_extremes(self) -> None:
        """Let the parts onto the same cells compare what they pass on."""
        together: dict[tuple[int, int], list[SteppedPart]] = {}
        for stepped in self.steps:
            if len(stepped.pre):
                together.setdefault((id(stepped.part.target), stepped.part.slice_number), []).append(stepped)
        for parts in together.values():
            extreme = np.zeros(parts[0].part.target.size)
            for stepped in parts:
                stepped.extreme = extreme
            parts[0].is_first = parts[-1].is_last = True

    def _plan_anew(self) -> None:
        varying = frozenset(name for name, value in self.columns.items() if np.ndim(value))
        self.plan = StepPlan(self.rule, varying)
        unit = compiled.rule(self.model.name, stepped_kernels.source(self.plan), self.plan.kernels)
        self.kernels = load(unit)

    def _make_pathways(self) -> None:
        of = {id(stepped.part): stepped for stepped in self.steps}
        self.pathways = [StepPathway(self, stepped, None) for stepped in self.steps]
        self.pathways += [StepPathway(self, of[id(c.part)], c) for c in self.make_classes()]

    # -- what a session asks

    def refresh(self, step: int) -> None:
        return None

    def flush(self, step: int) -> None:
        for pathway in self.pathways:
            if pathway.chosen is not None and pathway.queue is not None:
                # Parameters may have changed since the engine filled the record.
                pathway.describe(pathway.queue, None, pathway.target_record)
                number = self.rule.pathways.index(pathway.chosen.pathway)
                self.kernels[f"act_{number}"](pathway.record.ctypes.data, _ALL, 0)

    def rebuild(self, step: int) -> None:
        self._make_pathways()

    def _gathered(self, of: Any) -> FloatArray:
        table = np.zeros(self.size)
        for stepped in self.steps:
            table[stepped.table] = of(stepped)
        return table

    def read_weight(self) -> FloatArray:
        return self._gathered(lambda stepped: stepped.weights)

    def read_state(self, name: str, step: int) -> FloatArray:
        row = self.rule.states.index(name)
        if name not in self.rule.lazy:
            return self._gathered(lambda stepped: stepped.states[row])
        return self._gathered(lambda stepped: self._present(stepped, name, step))

    def _present(self, stepped: SteppedPart, name: str, step: int) -> FloatArray:
        found = {s: stepped.states[self.rule.states.index(s)] for s in self.rule.lazy}
        time = np.maximum(step - stepped.touched, 0.0) * self.dt
        return np.asarray(evolved(self.rule, found, self.values(stepped.part), time)[name])

    def write_state(self, name: str, values: float | FloatArray, step: int) -> None:
        now = {state: self.read_state(state, step) for state in self.rule.lazy}
        now[name] = np.array(np.broadcast_to(values, (self.size,)), dtype=float)
        for stepped in self.steps:
            for state, column in now.items():
                stepped.states[self.rule.states.index(state)] = column[stepped.table]
            stepped.touched[:] = step

    def write_parameter(self, name: str, step: int) -> None:
        if name == WEIGHT:
            for stepped in self.steps:
                stepped.weights[:] = stepped._column(self.columns[WEIGHT])
        self._plan_anew()

    # -- snapshots

    def kept(self) -> dict[str, FloatArray]:
        """What decides the future of each connection, in the order of the table."""
        states = {
            f"states {n}": self._gathered(lambda s, row=row: s.states[row]) for row, n in enumerate(self.rule.states)
        }
        return {"weight": self.read_weight(), "touched": self._gathered(lambda s: s.touched), **states}

    def under_way(self) -> dict[str, dict[str, Any]]:
        """How many spikes, which are the last of the queue, each class of connections has not dealt with."""
        found = {}
        for pathway in self.pathways:
            if pathway.chosen is not None and pathway.in_queue:
                queue = self.engine.queues[queue_key(pathway.source, pathway.event)]
                queued = queue.record[layout.QUEUE_COUNT]
                found[pathway.chosen.key] = {"behind": int(queued - pathway.record[layout.PATHWAY_CURSOR])}
        return found

    def restored(self, kept: Mapping[str, Any], under_way: Mapping[str, Any]) -> None:
        """Go on from what `kept` and `under_way` gave."""
        for stepped in self.steps:
            stepped.weights[:] = kept["weight"][stepped.table]
            stepped.touched[:] = kept["touched"][stepped.table]
            for row, name in enumerate(self.rule.states):
                stepped.states[row] = kept[f"states {name}"][stepped.table]
        for pathway in self.pathways:
            if pathway.chosen is None or pathway.source is None or not len(pathway.posts):
                continue
            key = pathway.chosen.key
            behind = int(under_way[key]["behind"]) if key in under_way else 0
            queued = self.engine.queues[queue_key(pathway.source, pathway.event)].record[layout.QUEUE_COUNT]
            pathway.record[layout.PATHWAY_CURSOR] = queued - behind
            pathway.in_queue = True
