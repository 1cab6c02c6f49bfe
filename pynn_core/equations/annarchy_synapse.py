"""ANNarchy's notation for synapses between spiking neurons: equations, pre_spike, post_spike -> a synapse type."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from pyNN.equations.annarchy import (
    _CODE,
    _DERIVATIVE,
    _HINTS,
    _VALUED,
    DISTRIBUTIONS,
    FUNCTIONS,
    KINDS,
    LOCALITIES,
    METHODS,
    _pieces,
    _Reader,
    _split_commas,
    _text,
)
from pyNN.equations.foreign_text import Piece, Text, parse
from pyNN.equations.language import REDUCTIONS
from pyNN.errors import CapabilityError, EquationError, nearest

WEIGHT = "w"
TARGET = "g_target"
_SENT = "to_target"
_TIMES = ("t", "dt", "t_last", "t_pre", "t_post")
_OWN_WEIGHT = re.compile(rf"(?<![.\w]){WEIGHT}\b")
"""The weight of the synapse; post.w is a variable of the cell."""
_PLACES = ("projection", "postsynaptic", "semiglobal")


def Synapse(
    parameters: Any = "",
    equations: Any = "",
    psp: str | None = None,
    operation: str = "sum",
    pre_spike: str | None = None,
    post_spike: str | None = None,
    pre_axon_spike: str | None = None,
    functions: str | None = None,
    pruning: str | None = None,
    creating: str | None = None,
    name: str = "",
    description: str = "",
    extra_values: Mapping[str, Any] | None = None,
    *,
    constants: Mapping[str, Any] | None = None,
) -> Any:
    """A synapse type from ANNarchy's notation: ``sim.Projection(a, b, connector, MySynapse(weight=0.1, delay=1.0))``.

    `w` is the weight and `g_target` what the presynaptic spike adds to the receptor of the projection; without
    `pre_spike` it is w. Linear equations that nothing reads between spikes are solved exactly from spike to spike, with
    and without the flag event-driven; others are integrated in every step, by Euler's method unless a flag says
    another. `psp` is passed on to the receptor in every step; there is nothing else then that a spike adds, unless
    `pre_spike` says so. `operation` says what is made of the psp of all synapses of a cell. `pre_axon_spike` is what
    `axon_spike` of the presynaptic cells does, besides `pre_spike` and its default. Raises EquationError, with line and
    caret, for text that is wrong, and CapabilityError for structural plasticity.
    """
    shown = re.sub(r"\W", "_", name) or "Synapse"
    unavailable = {"pruning": pruning, "creating": creating}
    for argument, given in unavailable.items():
        if given is not None:
            raise CapabilityError(f"{shown}: {argument}={given!r} is not available. {_REASONS[argument]}")
    reader = _SynapseReader(
        parameters, equations, None, None, None, None, None, functions, name or "Synapse", description,
        dict(extra_values or {}), dict(constants or {}), "explicit",
    )  # fmt: skip
    if pre_spike is None:
        pre_spike = f"{TARGET} += {WEIGHT}" if psp is None else ""
    return reader.synapse_type(pre_spike, post_spike or "", psp or "", pre_axon_spike, operation)


_REASONS = {
    "pruning": "Connections stay as they were made; a weight of 0 has no effect.",
    "creating": "Connections stay as they were made.",
}


def _block(rows: Mapping[int, Any]) -> str:
    """Texts by the line in which each stands."""
    found = {k: v if isinstance(v, str) else "; ".join(v) for k, v in rows.items()}
    return "\n".join(found.get(k, "") for k in range(1, max(found, default=0) + 1))


class _SynapseReader(_Reader):
    further = (WEIGHT,)

    def synapse_type(self, pre_spike: Any, post_spike: Any, psp: Any, pre_axon_spike: Any, operation: Any) -> Any:
        from pyNN.equations import SynapseType

        statements = [self._statement(begin, end, derived) for _, derived, begin, end in self.heads]
        rows: dict[int, str] = {}
        blocks: dict[bool, dict[int, list[str]]] = {True: {}, False: {}}
        last = max((k for k, s in enumerate(statements) if s.is_derivative), default=-1)
        begun = False
        for number, ((_, _, begin, _), s) in enumerate(zip(self.heads, statements, strict=True)):
            name = "weight" if s.name == WEIGHT else s.name
            begun |= s.is_derivative
            if s.is_derivative:
                self._check_limits(s, begin)
                flags = [METHODS[key] for key in s.flags if key in METHODS]
                flags += ["event-driven"] * ("event-driven" in s.flags)
                right = _OWN_WEIGHT.sub("weight", s.right)
                rows[s.line] = f"d{name}/dt = {right} : 1" + (f" ({', '.join(flags)})" if flags else "")
                if self._limited(name, s.flags) != name:
                    blocks[False].setdefault(s.line, []).append(f"{name} = {self._limited(name, s.flags)}")
                continue
            if begun and number < last:
                self._cannot(self.text, f"'{s.name}' is computed between two equations dx/dt. Put what is computed in "
                             "every step before the first or after the last of them.", begin, 1)
            value = self._limited(re.sub(rf"^{WEIGHT}\b", "weight", s.right), s.flags)
            blocks[not begun and last >= 0].setdefault(s.line, []).append(f"{name} = {value}")
            if s.name != WEIGHT:
                rows[s.line] = f"{name} : 1"
        pre, sent = self._code(_text(pre_spike, self.name, "pre_spike"), True)
        post, _ = self._code(_text(post_spike, self.name, "post_spike"), False)
        events: dict[str, str] = {}
        passed = {"pre": _SENT if sent else "0"}
        if pre_axon_spike is not None:
            axonal = _text(pre_axon_spike, self.name, "pre_axon_spike")
            events["axon_spike"], sent = self._code(axonal, True)
            passed |= {"axon_spike": _SENT} if sent else {}
        text = _text(psp, self.name, "psp")
        return SynapseType(
            name=self.name,
            equations=_block(rows),
            parameters={n: float(v) for n, v in self.defaults.items()},
            on_pre=pre,
            on_post=post,
            before_step=_block(blocks[True]),
            each_step=_block(blocks[False]),
            psp=self._expression(text, 0, len(text.code)) if text.code.strip() else "",
            reduce=operation,
            on_event=events,
            transmitted=passed,
            initial=self._initial([s for s in statements if s.name != WEIGHT]),
            functions=self.functions,
            constants={n: float(v) for n, v in self.constants.items()},
            description=self.description,
            unchecked_units=True,
            method="euler",
        )

    def _check_limits(self, statement: Any, begin: int) -> None:
        limited = [key for key in statement.flags if key in ("min", "max")]
        if limited and "event-driven" in statement.flags:
            self._cannot(self.text, f"'{limited[0]}' limits '{statement.name}' in every step, and event-driven "
                         "variables change at spikes only; use clip() in pre_spike or post_spike, or leave "
                         "event-driven away.", self.text.find(limited[0], begin), 3)

    def _limited(self, value: str, flags: Mapping[str, str]) -> str:
        value = f"maximum({value}, {flags['min']})" if "min" in flags else value
        return f"minimum({value}, {flags['max']})" if "max" in flags else value

    def _cannot(self, text: Text, message: str, offset: int, width: int) -> NoReturn:
        try:
            text.fail(message, offset, width)
        except EquationError as error:
            raise CapabilityError(str(error)) from None

    def _check_flag(self, text: Text, key: str, value: str, valued: bool, offset: int, width: int) -> None:
        possible = ["event-driven", *_VALUED, *METHODS, *KINDS, *LOCALITIES, *_PLACES]
        if key not in possible:
            shown = ", ".join(f"{p}=" if p in _VALUED else p for p in possible)
            text.fail(f"'{key}' is not a flag.{nearest(key, possible)} Flags: {shown}.", offset, max(width, 1))
        if valued != (key in _VALUED) or (valued and not value):
            text.fail(f"write '{key}=0.0'." if key in _VALUED else f"write '{key}'.", offset, width)

    def _parameter_flags(self, text: Text, key: str, tail: str, offset: int) -> None:
        kept = [word for word in (part.strip() for part in tail.split(",")) if word not in _PLACES]
        super()._parameter_flags(text, key, ",".join(kept), offset)

    def _check(self, piece: Piece, symbol: str = "") -> None:
        known = [*self.defaults, *self.variables, *self.constants, WEIGHT, "pi", "e", "True", "False", *_TIMES]
        sides = set()
        for node in ast.walk(piece.tree):
            if isinstance(node, ast.Attribute):
                if not (isinstance(node.value, ast.Name) and node.value.id in ("pre", "post")):
                    self._unavailable(piece, node, "is no variable; those of the cells are pre.x and post.x")
                sides.add(id(node.value))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                self._unavailable(piece, node, "is the input of a rate-coded neuron; a conductance of the cell is "
                                  "post.g_exc")
        for name, node in piece.names():
            if id(node) in sides:
                continue
            if name not in known and name != symbol:
                piece.fail(f"'{name}' is not known here.{nearest(name, known)} Known: {', '.join(known)}.", node)
        for name, call in piece.calls():
            everything = [*FUNCTIONS, *self.function_names, *DISTRIBUTIONS, *REDUCTIONS]
            if name not in everything:
                piece.fail(
                    f"'{name}' is not a function here.{nearest(name, everything)} Functions: {', '.join(everything)}.",
                    call,
                )

    def _unavailable(self, piece: Piece, node: ast.AST, reason: str) -> NoReturn:
        self._cannot(piece.text, f"'{piece.segment(node)}' {reason}.", piece.offset(node), piece.width(node))

    def _plain(self, piece: Piece) -> str:
        return _OWN_WEIGHT.sub("weight", super()._plain(piece))

    # -- statements

    def _code(self, text: Text, pre: bool) -> tuple[str, bool]:
        """Statements in our notation, each in its line, and whether something is sent to the target."""
        lines: dict[int, list[str]] = {}
        sent = False
        for begin, end in _pieces(text.code):
            code = text.code[begin:end]
            lead = begin + len(code) - len(code.lstrip())
            head = _CODE.match(text.code, begin, end)
            if head is None or _DERIVATIVE.search(code):
                text.fail("a statement is 'x = expression' or 'x += expression'.", lead, end - lead)
            name, operator = head["name"], head["operator"]
            body_end, flags = self._limits(text, head.end(), end)
            value = self._expression(text, head.end(), body_end)
            if name == TARGET:
                if not pre or operator not in ("=", "+=", "-="):
                    text.fail(f"write '{TARGET} += expression', in pre_spike.", head.start("name"), len(name))
                name, operator = _SENT, operator if sent else "="
                value = f"-({value})" if head["operator"] == "-=" and not sent else value
                sent = True
            elif name in self.defaults or name not in (*self.variables, WEIGHT):
                possible = [*self.variables, WEIGHT, TARGET]
                text.fail(
                    f"'{name}' is not a variable of this synapse.{nearest(name, possible)} Those are: "
                    f"{', '.join(possible)}.", head.start("name"), len(name),
                )  # fmt: skip
            name = "weight" if name == WEIGHT else name
            if flags:
                first = name == _SENT and operator == "="
                value = value if operator == "=" else f"{name} {operator[0]} ({value})"
                operator = "="
                value = self._limited(value, flags)
                if "unless_post" in flags:
                    value = f"({value}) if t - t_post > 1.5*dt else {'0.0' if first else name}"
            lines.setdefault(text.line_number(lead), []).append(f"{name} {operator} {value}")
        return _block(lines), sent

    def _limits(self, text: Text, begin: int, end: int) -> tuple[int, dict[str, str]]:
        """Where the expression ends, and its limits in our notation."""
        code = text.code[begin:end]
        colon = code.rfind(":")
        if colon < 0 or not re.match(r"\s*(unless_post\b|min\s*=|max\s*=)", code[colon + 1 :]):
            return end, {}
        flags, place = {}, begin + colon + 1
        for part in _split_commas(code[colon + 1 :]):
            key, _, value = (word.strip() for word in part.partition("="))
            if key == "unless_post":
                flags[key] = ""
                place += len(part) + 1
                continue
            if key not in ("min", "max") or not value:
                text.fail("after ':' come min= and max=.", place, max(len(part), 1))
            piece = parse(text, place + part.index("=") + 1, place + len(part), _HINTS)
            self._check(piece)
            flags[key] = self._plain(piece)
            place += len(part) + 1
        return begin + colon, flags

