"""Synapse types of which something happens in every time step, or that see the variables of the cells they connect.

A step from n to n + 1: (1) `psp` is evaluated, and arrives a delay later; (2) statements before the equations, the
equations that are integrated step by step, statements after them; (3) presynaptic spikes whose effect is due at
n + 1; then the cells are updated; (4) postsynaptic and other presynaptic spikes that have arrived by n + 1. All of that
sees the cells as they are at that moment: in (1) to (3) as they are at n.

States that decay on their own, and that nothing reads between spikes, are brought up to date at spikes only.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from pyNN.equations import language
from pyNN.equations.language import Expression
from pyNN.equations.synapses import (
    CELL,
    DT,
    INDICES,
    TIME,
    Assign,
    Course,
    Rule,
    Step,
    held,
    linear,
    names,
    rule,
)
from pyNN.errors import EquationError, InvalidModelError, nearest
from pyNN.models import Definition

PRE, POST = "pre", "post"
SIDES = {PRE: "presynaptic", POST: "postsynaptic"}
_EXPONENTIAL, _STOCHASTIC = "exponential_euler", ("euler", "heun")
_ONE_STAGE = ("euler", _EXPONENTIAL)
METHODS = ("euler", _EXPONENTIAL, "rk2", "heun", "rk4")
EXACT = "exact"
"""What `exponential_euler` is where nothing in an equation changes within a step but its own variable."""
EVENT_DRIVEN = "event-driven"


@dataclass(frozen=True)
class CellValue:
    """A variable or parameter of the cells on one side of a connection."""

    side: str
    variable: str
    where: Expression
    """A place where the text names it."""
    over_all: str = ""
    """"mean", "min" ... of all cells of the population; "" for the cell that the connection ends at."""


@dataclass(frozen=True)
class Pathway:
    """What the spikes, or the events, of one side do."""

    name: str
    side: str
    statements: tuple[Assign, ...]
    transmitted: ast.expr | None
    delay: str
    """The parameter that is its delay; "" for that of the connection."""
    event: str = ""
    """The event of the cells that acts; "" for spikes."""


@dataclass(frozen=True)
class SteppedRule(Rule):
    """A synapse type of which something happens in every step, or that sees the cells."""

    cells: dict[str, CellValue] = field(default_factory=dict)
    """By the name that expressions have for it, "v_post"."""
    pathways: tuple[Pathway, ...] = ()
    """All of them, `on_pre` and `on_post` too: first those of presynaptic spikes, then the others."""
    every_step: tuple[Assign, ...] = ()
    """Statements, the integration of equations among them."""
    psp: ast.expr | None = None
    reduce: str = "sum"
    methods: dict[str, str] = field(default_factory=dict)
    """How each state with an equation goes on."""

    @property
    def lazy(self) -> list[str]:
        """States that are brought up to date at spikes."""
        return [s for s, method in self.methods.items() if method == EVENT_DRIVEN]

    @property
    def late(self) -> list[str]:
        """States that spikes of the postsynaptic side only change: a presynaptic one that arrives together with such a
        spike acts after it, and sees them as before it."""
        changed = {side: {a.name for p in self.pathways if p.side == side for a in p.statements} for side in SIDES}
        return [s for s in self.states if s in changed[POST] - changed[PRE]]

    @property
    def assigned(self) -> set[str]:
        blocks = (self.every_step, *(p.statements for p in self.pathways))
        return {a.name for block in blocks for a in block}

    @property
    def is_random(self) -> bool:
        return any(a.is_random for block in (self.every_step, *(p.statements for p in self.pathways)) for a in block)

    @property
    def reads(self) -> set[str]:
        """All names in expressions."""
        found: set[str] = set()
        for assign in (*self.every_step, *(a for p in self.pathways for a in p.statements)):
            found |= assign.reads
        for tree in (self.psp, *(p.transmitted for p in self.pathways)):
            found |= names(tree) if tree is not None else set()
        return found.union(*(self.courses[s].reads for s in self.lazy))


LEARNING, DURATION = "_learning", "_duration"
"""Names in the statements of `switchable`: 1 or 0, and the time (ms) between two updates."""
SHARE = "_share"
"""Stands for 1 divided by the number of connections of the postsynaptic cell."""
NUMBERS = (*INDICES, SHARE)
"""What each connection has a number of its own of, besides parameters and states."""


def switchable(rule: SteppedRule) -> SteppedRule:
    """A rule whose weight stays as it is while LEARNING is 0, and whose updates are over a time DURATION."""
    learns = ast.parse(f"{LEARNING} > 0.0", mode="eval").body
    psp = rule.psp
    if psp is not None and rule.reduce == "mean":
        psp = ast.BinOp(psp, ast.Mult(), ast.Name(SHARE))
    longer = [Assign(a.name, _replaced(a.tree, {DT: DURATION})) for a in rule.every_step]
    return replace(
        rule, psp=psp, every_step=held(longer, learns),
        pathways=tuple(replace(p, statements=held(p.statements, learns)) for p in rule.pathways),
    )


def is_stepped(definition: Definition) -> bool:
    """Whether a synapse type is one of these; EquationError for text that is wrong."""
    return isinstance(rule(definition), SteppedRule)


def rule_between(definition: Definition, source: Definition, target: Definition, label: str) -> SteppedRule:
    """The rule for connections between cells of two types, whose units are known; EquationError if they do not fit."""
    general = rule(definition)
    if not isinstance(general, SteppedRule):
        raise TypeError(f"{definition.name} has no stepped rule.")
    units = tuple((name, _unit(value, source if value.side == PRE else target, label))
                  for name, value in general.cells.items())
    found = rule(definition, units)
    if not isinstance(found, SteppedRule):
        raise TypeError(f"{definition.name} has no stepped rule.")
    return found


def check_between(
    definition: Definition, sources: Iterable[Definition], targets: Iterable[Definition], label: str
) -> None:
    """EquationError, with line and caret, unless all cells have what a synapse type reads of them."""
    general = rule(definition)
    if isinstance(general, SteppedRule):
        sources, targets = list(sources), list(targets)
        _check_events(general, {PRE: sources, POST: targets}, label)
        for source in sources if general.cells else []:
            for target in targets:
                rule_between(definition, source, target, label)


def _check_events(rule: SteppedRule, models: Mapping[str, Iterable[Definition]], label: str) -> None:
    for pathway in rule.pathways:
        for model in models[pathway.side] if pathway.event else ():
            if pathway.event not in model.events:
                raise InvalidModelError(
                    f"{rule.name} acts at the event '{pathway.event}' of the {SIDES[pathway.side]} cells of {label}, "
                    f"and {model.name} has no such event.{nearest(pathway.event, model.events)} Its events: "
                    f"{', '.join(model.events) or 'none'}; what spikes do is on_{pathway.side}."
                )


def _unit(value: CellValue, model: Definition, label: str) -> str:
    side = SIDES[value.side]
    if model.source:
        value.where.fail(
            f"'{value.variable}' of the {side} cells of {label}: these are spike sources ({model.name}), which have no "
            "variables that a synapse could see.", _node(value),
        )
    known = {**{n: p.unit for n, p in model.parameters.items() if not p.is_array},
             **{n: s.unit for n, s in model.states.items()}}
    if value.variable not in known:
        value.where.fail(
            f"'{value.variable}' is no variable or parameter of the {side} cells of {label} ({model.name})."
            f"{nearest(value.variable, known)} They have: {', '.join(known)}.", _node(value),
        )
    return "?" if model.unchecked_units else known[value.variable]


def _node(value: CellValue) -> ast.AST | None:
    name = f"{value.variable}_{value.side}"
    if value.over_all:
        name = language.reduction_name(value.over_all, value.variable, value.side)
    return next((n for n in ast.walk(value.where.tree) if isinstance(n, ast.Name) and n.id == name), None)


# --- integration as statements ---------------------------------------------------------------------------------------


def integration(steps: Mapping[str, Step], method: str) -> tuple[list[Assign], dict[str, str]]:
    """Statements that take the states in `steps` from one time step to the next, and the method of each.

    What the cells have, and whatever else has no equation here, stays as it is during the step.
    """
    chosen = _chosen_methods(steps, method)
    if not steps:
        return [], {}
    statements: list[Assign] = []
    noises = sorted({n for step in steps.values() for n in names(step.tree) if language.NOISE.fullmatch(n)})
    for noise in noises:
        # A draw by Box and Muller; divided by sqrt(dt), so that dt times it has the variance dt.
        statements.append(Assign(f"_{noise}", _parsed(
            f"sqrt(-2.0*log(1.0 - uniform()))*cos({2.0 * 3.141592653589793!r}*uniform())/sqrt({DT})")))
    trees = {s: _replaced(step.tree, {n: f"_{n}" for n in noises}) for s, step in steps.items()}
    if len(set(chosen.values()) - set(_ONE_STAGE)) == 0:
        for state, tree in trees.items():
            if chosen[state] == "euler":
                new = _combined(f"{state} + {DT}*_f", _f=tree)
            else:
                rate, drive = _own_rate(state, tree, steps[state])
                new = _combined(f"{state}*exp(_a*{DT}) + _b*{DT}*exprel(_a*{DT})", _a=rate, _b=drive)
            statements.append(Assign(f"_new_{state}", new))
        statements += [Assign(state, _parsed(f"_new_{state}")) for state in trees]
        return statements, _shown(steps, chosen)
    return [*statements, *_stages(trees, next(iter(chosen.values())))], chosen


_STAGES = {
    "rk2": ((0.5,), "{x} + {dt}*_k2_{x}"),
    "heun": ((1.0,), "{x} + {dt}/2.0*(_k1_{x} + _k2_{x})"),
    "rk4": ((0.5, 0.5, 1.0), "{x} + {dt}/6.0*(_k1_{x} + 2.0*_k2_{x} + 2.0*_k3_{x} + _k4_{x})"),
}
"""The parts of a step after which the right sides are evaluated again, and what becomes of the variable."""


def _stages(trees: Mapping[str, ast.expr], method: str) -> list[Assign]:
    parts, result = _STAGES[method]
    statements = [Assign(f"_k1_{x}", tree) for x, tree in trees.items()]
    for number, part in enumerate(parts, start=2):
        statements += [Assign(f"_u_{x}", _parsed(f"{x} + {part!r}*{DT}*_k{number - 1}_{x}")) for x in trees]
        statements.append(Assign("_u_t", _parsed(f"{TIME} + {part!r}*{DT}")))
        moved = {**{x: f"_u_{x}" for x in trees}, TIME: "_u_t"}
        statements += [Assign(f"_k{number}_{x}", _replaced(tree, moved)) for x, tree in trees.items()]
    return statements + [Assign(x, _parsed(result.format(x=x, dt=DT))) for x in trees]


def _chosen_methods(steps: Mapping[str, Step], method: str) -> dict[str, str]:
    general = language.METHOD_ALIASES.get(method, method)
    chosen = {state: step.method or general for state, step in steps.items()}
    for state, name in chosen.items():
        if name in ("auto", EXACT):
            chosen[state] = _automatic(state, steps, name)
        elif name not in METHODS:
            steps[state].where.fail(
                f"'{name}' is no method for equations of synapses. There are: auto, exact, {', '.join(METHODS)}."
            )
    several = {name for name in chosen.values() if name not in _ONE_STAGE}
    if several and len(set(chosen.values())) > 1:
        first = next(iter(chosen.values()))
        other = next(state for state, name in chosen.items() if name != first)
        steps[other].where.fail(
            f"equations that are integrated together take one method, and these have "
            f"{', '.join(sorted(set(chosen.values())))}. Only {' and '.join(_ONE_STAGE)} go together."
        )
    for state, step in steps.items():
        found = sorted(n for n in names(step.tree) if language.NOISE.fullmatch(n))
        if found and chosen[state] not in _STOCHASTIC:
            step.where.fail(f"with white noise ('{found[0]}') the method is {' or '.join(_STOCHASTIC)}, not "
                            f"{chosen[state]}.")
        for noise in found:
            factor = linear(step.tree, {noise}, step.where)[noise]
            if chosen[state] == "euler" and names(factor) & set(steps):
                step.where.fail(f"the noise '{noise}' is multiplied by a variable, which takes the method heun.")
    return chosen


def _automatic(state: str, steps: Mapping[str, Step], asked: str) -> str:
    """The method where none is given: exact where that is possible, otherwise one for all equations."""
    if all(_is_own(s, steps) for s in ([state] if asked == EXACT else steps)):
        return _EXPONENTIAL
    if asked == EXACT:
        steps[state].where.fail(
            f"d{state}/dt cannot be solved exactly within a step: it must be linear in '{state}', and nothing else in "
            "it may change within the step. Leave the method away, or take rk4."
        )
    noisy = [(s, n) for s, step in steps.items() for n in names(step.tree) if language.NOISE.fullmatch(n)]
    if not noisy:
        return "rk4"
    multiplied = any(names(linear(steps[s].tree, {n}, steps[s].where)[n]) & set(steps) for s, n in noisy)
    return "heun" if multiplied else "euler"


def _is_own(state: str, steps: Mapping[str, Step]) -> bool:
    """Whether an equation is linear in its own variable, and nothing else in it changes within a step."""
    tree = steps[state].tree
    found = names(tree)
    if found & (set(steps) - {state}) or TIME in found or any(language.NOISE.fullmatch(n) for n in found):
        return False
    try:
        linear(tree, {state}, steps[state].where)
    except EquationError:
        return False
    return True


def _own_rate(state: str, tree: ast.expr, step: Step) -> tuple[ast.expr, ast.expr]:
    terms = linear(tree, {state}, step.where)
    zero: ast.expr = ast.Constant(0.0)
    return terms.get(state, zero), terms.get("", zero)


def _shown(steps: Mapping[str, Step], chosen: Mapping[str, str]) -> dict[str, str]:
    return {s: EXACT if name == _EXPONENTIAL and _is_own(s, steps) else name for s, name in chosen.items()}


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _combined(text: str, **trees: ast.expr) -> ast.expr:
    """An expression in which some names stand for others; those are spared that `trees` do not name."""

    class Fill(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return trees.get(node.id, node)

        def visit_Call(self, node: ast.Call) -> ast.expr:
            return ast.Call(node.func, [self.visit(a) for a in node.args], [])

    return Fill().visit(_parsed(text))  # type: ignore[no-any-return]


def _replaced(tree: ast.expr, names_for: Mapping[str, str]) -> ast.expr:
    class Rename(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return ast.Name(names_for.get(node.id, node.id))

        def visit_Call(self, node: ast.Call) -> ast.expr:
            return ast.Call(node.func, [self.visit(a) for a in node.args], [])

    return Rename().visit(_parsed(ast.unparse(tree)))  # type: ignore[no-any-return]


# --- which states go on step by step ---------------------------------------------------------------------------------


def stepwise(
    candidates: Mapping[str, Step], lazy: Mapping[str, Course], read: Collection[str], assigned: Collection[str],
    declared: Mapping[str, Expression],
) -> set[str]:
    """The states with an equation that are integrated step by step.

    `candidates`: those that must be; `lazy`: those that could be brought up to date at spikes, unless they are in
    `read` or `assigned`, names that matter in every step. `declared`: those that the text says are event-driven.
    """
    chosen = set(candidates)
    wanted = set(read).union(*(names(step.tree) for step in candidates.values())) | set(assigned)
    while True:
        more = {s for s in lazy if s not in chosen and (s in wanted or lazy[s].reads & chosen or
                                                        any(other in chosen for other, _ in lazy[s].couplings))}
        if not more:
            return chosen
        for state in more:
            if state in declared:
                declared[state].fail(
                    f"'{state}' is event-driven, but something that goes on in every step depends on it, or it on "
                    "that. Leave the flag away."
                )
            chosen |= {state}
            wanted |= lazy[state].reads | {other for other, _ in lazy[state].couplings}


def cell_value(name: str, where: Expression) -> CellValue | None:
    """What "v_post", "tau_m_pre" or "mean__v_pre" names."""
    match = CELL.fullmatch(name)
    if not match:
        return None
    function, _, variable = match["variable"].partition("__")
    if variable and function in language.REDUCTIONS:
        return CellValue(match["side"], variable, where, function)
    return CellValue(match["side"], match["variable"], where)
