"""Compiled code for synapse types of pyNN.equations.stepped: a kernel for every step, and one for each pathway."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pyNN.equations.stepped import DURATION, LEARNING, NUMBERS, PRE, Pathway, SteppedRule
from pyNN.equations.synapses import DT, RECEPTOR_TIME, TIME, WEIGHT, Course
from pyNN.reference.synapse_kernels import _HEADER, EVENT_SHIFT, _Writer

_OVER_ALL = """
@njit(error_model="numpy")
def _mean(x):
    total = 0.0
    for v in x:
        total += v
    return total/len(x)


@njit(error_model="numpy")
def _norm1(x):
    total = 0.0
    for v in x:
        total += abs(v)
    return total


@njit(error_model="numpy")
def _norm2(x):
    total = 0.0
    for v in x:
        total += v*v
    return math.sqrt(total)


@njit(error_model="numpy")
def _min(x):
    least = np.inf
    for v in x:
        if not (v >= least):
            least = v
    return least


@njit(error_model="numpy")
def _max(x):
    most = -np.inf
    for v in x:
        if not (v <= most):
            most = v
    return most

"""
EVERY, FIRST = "_every", "_first"
_RING = "p[STEPPED_TARGET]", "p[STEPPED_RECEPTOR]"


@dataclass(frozen=True)
class StepPlan:
    """A rule together with what differs from connection to connection: that decides what the kernels look like."""

    rule: SteppedRule
    varying: frozenset[str]
    """Parameters that are columns."""

    @property
    def columns(self) -> list[str]:
        """What kernels find in arrays with a number for each connection."""
        parameters = [n for n in self.rule.parameters if n != WEIGHT and (n in self.varying or n == RECEPTOR_TIME)]
        return parameters + [n for n in NUMBERS if n in self.rule.reads]

    @property
    def scalars(self) -> list[str]:
        return [n for n in self.rule.parameters if n != WEIGHT and n not in self.columns]

    @property
    def numbers(self) -> list[str]:
        """What a kernel's array of numbers holds."""
        acting = [f"_active_{k}" for k in range(len(self.rule.pathways))]
        return [DT, "sign", LEARNING, DURATION, EVERY, FIRST, *acting, *(f"s_{n}" for n in self.scalars)]

    @property
    def kernels(self) -> tuple[str, ...]:
        """Names of the kernels; those of spikes are numbered as the rule's pathways are."""
        return ("go_on", *(f"act_{k}" for k in range(len(self.rule.pathways))))


class _StepWriter(_Writer):
    def __init__(self, plan: StepPlan) -> None:
        self.steps = plan
        self.rule: SteppedRule = plan.rule
        self.lines: list[str] = []
        self.site = 0
        self.random = ("", "", "")

    def _names(self) -> dict[str, str]:
        plan, rule = self.steps, self.rule
        names = {n: f"m_{n}" if n in plan.columns else f"s_{n}" for n in (*rule.parameters, *NUMBERS)}
        names |= {name: f"l_{name}" for name in rule.assigned}
        names |= {name: f"v_{name}" for name in rule.states}
        names |= {name: f"c_{name}" for name in rule.cells}
        return {**names, WEIGHT: "v_weight", TIME: "now", **{n: n for n in (DT, LEARNING, DURATION)}}

    def _rate(self, state: str) -> str:
        rate = self.rule.courses[state].rate
        return "0.0" if rate is None else self.expression(rate)

    def _evolve(self, indent: int, states: Iterable[str]) -> None:
        """Bring states to the moment `now`, over a time `_t`."""
        chosen = list(states)
        for state in chosen:
            course: Course = self.rule.courses[state]
            factor = "" if course.rate is None else f"_decay({self._rate(state)}, _t)"
            self.add(indent, f"n_{state} = " + self._value(state, course, "v", factor, "_t"))
        self.add(indent, *(f"v_{state} = n_{state}" for state in chosen))

    def source(self) -> str:
        self.add(0, f"EVENT_SHIFT = {EVENT_SHIFT}", _HEADER)
        if self.over_all:
            self.add(0, _OVER_ALL)
        self._go_on()
        for number, pathway in enumerate(self.rule.pathways):
            self._act(number, pathway)
        return "\n".join(self.lines) + "\n"

    def _open(self) -> None:
        plan = self.steps
        self.add(1, "r = integers(address, PATHWAY_FIELDS)", "p = integers(r[PATHWAY_PART], STEPPED_FIELDS)")
        self.add(1, "connections = p[STEPPED_CONNECTIONS]")
        for name, field in (("pres", "STEPPED_PRE_ADDRESS"), ("posts", "STEPPED_POST_ADDRESS"),
                            ("delays", "STEPPED_DELAY_ADDRESS")):
            self.add(1, f"{name} = carray(pointer(p[{field}]), (connections,), np.int32)")
        self.add(1, "weights = floats(p[STEPPED_WEIGHT_ADDRESS], connections)")
        for j, state in enumerate(self.rule.states):
            self.add(1, f"a_{state} = floats(p[STEPPED_STATE_ADDRESS] + {8 * j}*connections, connections)")
        self.add(1, "touched = floats(p[STEPPED_TOUCHED_ADDRESS], connections)")
        if self.rule.late:
            self.add(1, "last_post = floats(p[STEPPED_LAST_POST_ADDRESS], connections)")
        for j, state in enumerate(self.rule.late):
            self.add(1, f"before_{state} = floats(p[STEPPED_BEFORE_ADDRESS] + {8 * j}*connections, connections)")
        self.add(1, f"columns = integers(p[STEPPED_COLUMN_ADDRESS], {max(len(plan.columns), 1)})")
        for j, name in enumerate(plan.columns):
            self.add(1, f"column_{name} = floats(columns[{j}], connections)")
        self.add(1, f"values = integers(p[STEPPED_CELL_ADDRESS], {max(2 * len(self.rule.cells), 1)})")
        for j, (name, value) in enumerate(self.rule.cells.items()):
            if value.over_all:
                self.add(1, f"all_{name} = floats(values[{len(self.rule.cells) + j}], 1)", f"c_{name} = all_{name}[0]")
                continue
            size = "SOURCES" if value.side == PRE else "TARGETS"
            self.add(1, f"cells_{name} = floats(values[{j}], p[STEPPED_{size}])")
        if self.rule.is_random:
            self.add(1, "keys = integers(p[STEPPED_KEY_ADDRESS], connections)")
        self.add(1, f"_numbers = floats(p[STEPPED_SCALAR_ADDRESS], {len(plan.numbers)})")
        self.add(1, *(f"{name} = _numbers[{k}]" for k, name in enumerate(plan.numbers)))

    def _load(self, indent: int) -> None:
        """The values of connection k."""
        self.add(indent, "v_weight = weights[k]", *(f"v_{state} = a_{state}[k]" for state in self.rule.states))
        self.add(indent, *(f"m_{name} = column_{name}[k]" for name in self.steps.columns))
        for name, value in self.rule.cells.items():
            if value.over_all:
                continue
            self.add(indent, f"c_{name} = cells_{name}[{'pres' if value.side == PRE else 'posts'}[k]]")

    def _put_back(self, indent: int, states: Iterable[str]) -> None:
        if self.rule.is_plastic:
            self.add(indent, "weights[k] = v_weight")
        self.add(indent, *(f"a_{state}[k] = v_{state}" for state in states))

    def _go_on(self) -> None:
        """What happens in the step that begins."""
        rule = self.rule
        self._kernel("go_on", "address, step, unused")
        self._open()
        self.add(1, "now = step*dt")
        self._look_at_all()
        if rule.is_random:
            self.add(1, "key, event = p[STEPPED_STEP_KEY], step << EVENT_SHIFT")
        if rule.psp is not None:
            self._open_ring(*_RING)
        if rule.every_step:
            self.add(1, f"due = step >= {FIRST} and (step - np.int64({FIRST})) % np.int64({EVERY}) == 0")
        if rule.every_step and rule.psp is None:
            self.add(1, "if not due:", "    return 0")
        if self.compares:
            self.add(1, f"worst = {'-' if rule.reduce == 'max' else ''}np.inf")
            self.add(1, "size = p[STEPPED_TARGETS]", "extreme = floats(p[STEPPED_EXTREME_ADDRESS], size)")
            self.add(1, "if p[STEPPED_FIRST] == 1:", "    extreme[:] = worst")
        if rule.psp is not None or rule.every_step:
            self.add(1, "for k in range(connections):")
            self._load(2)
            if self.compares:
                self.add(2, f"passed = sign*{self.expression(rule.psp)}", "c = np.int64(posts[k])")
                # What is not a number stays: no comparison with it is true.
                self.add(2, f"if not (passed {'<=' if rule.reduce == 'max' else '>='} extreme[c]):")
                self.add(3, "extreme[c] = passed")
            elif rule.psp is not None:
                self.add(2, "slot = ((step + np.int64(delays[k])) & mask)*slot_size + offset")
                self.add(2, f"ring[slot + np.int64(posts[k])] += sign*{self.expression(rule.psp)}")
            if rule.every_step:
                self.add(2, "if not due:", "    continue")
                self.statements(2, rule.every_step, ("key", "keys[k]", "event"))
                self._put_back(2, [s for s in rule.states if s not in rule.lazy])
        if self.compares:
            self.add(1, "if p[STEPPED_LAST] == 1 and connections > 0:")
            self.add(2, "slot = ((step + np.int64(delays[0])) & mask)*slot_size + offset")
            self.add(2, "for c in range(size):", "    if extreme[c] != worst:", "        ring[slot + c] += extreme[c]")
        self.add(1, "return 0", "")

    @property
    def over_all(self) -> bool:
        """Whether something is seen that all cells of a population have together."""
        return any(value.over_all for value in self.rule.cells.values())

    @property
    def compares(self) -> bool:
        """Whether the largest or smallest of what the connections of a cell pass on counts."""
        return self.rule.psp is not None and self.rule.reduce in ("max", "min")

    def _look_at_all(self) -> None:
        """Note what all cells of a population have together at the beginning of the step."""
        for j, (name, value) in enumerate(self.rule.cells.items()):
            if value.over_all:
                size = "SOURCES" if value.side == PRE else "TARGETS"
                self.add(1, f"cells_{name} = floats(values[{j}], p[STEPPED_{size}])")
                self.add(1, f"all_{name}[0] = _{value.over_all}(cells_{name})", f"c_{name} = all_{name}[0]")

    def _act(self, number: int, pathway: Pathway) -> None:
        """Deal with the spikes of one side that are due at a step."""
        rule = self.rule
        self._kernel(f"act_{number}", "address, step, unused")
        self._open()
        if pathway.transmitted is not None:
            self._open_ring(*_RING)
        self.add(1, "sources = r[PATHWAY_SOURCES]", "starts = integers(r[PATHWAY_START_ADDRESS], sources + 1)")
        self.add(1, "order = integers(r[PATHWAY_INDEX_ADDRESS], starts[sources])")
        self._each_spike()
        self.add(2, f"if _active_{number} == 0.0:", "    continue")
        if rule.is_random:
            self.add(2, "key = r[PATHWAY_KEY]")
        self.add(2, "arrival = s + r[PATHWAY_AWAY]", "now = arrival*dt")
        if pathway.transmitted is not None:
            self.add(2, "slot = ((s + r[PATHWAY_DELAY]) & mask)*slot_size + offset")
        self.add(2, "for number in range(starts[i], starts[i + 1]):")
        self.add(3, "k = order[number]")
        self._load(3)
        if rule.lazy:
            self.add(3, "_t = max((arrival - touched[k])*dt, 0.0)")
            self._evolve(3, rule.lazy)
        late = self.rule.late
        if late and pathway.side == PRE:
            self.add(3, *(f"kept_{state} = v_{state}" for state in late), "if last_post[k] == arrival:")
            self.add(4, *(f"v_{state} = before_{state}[k]" for state in late))
        elif late:
            self.add(3, "if last_post[k] != arrival:", "    last_post[k] = arrival")
            self.add(4, *(f"before_{state}[k] = v_{state}" for state in late))
        self.statements(3, pathway.statements, ("key", "keys[k]", "event"))
        if pathway.side == PRE:
            self.add(3, *(f"v_{state} = kept_{state}" for state in late))
        if pathway.transmitted is not None:
            self.add(3, f"ring[slot + np.int64(posts[k])] += sign*{self.expression(pathway.transmitted)}")
        self._put_back(3, rule.states)
        self.add(3, "if arrival > touched[k]:", "    touched[k] = arrival")
        self.add(1, "r[PATHWAY_CURSOR] = cursor", "return 0", "")


def source(plan: StepPlan) -> str:
    """The source of the module with the kernels of a plan, without the constants of pyNN.reference.layout."""
    return _StepWriter(plan).source()
