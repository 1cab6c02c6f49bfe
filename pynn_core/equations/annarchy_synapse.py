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
from pyNN.errors import CapabilityError, EquationError, nearest

WEIGHT = "w"
TARGET = "g_target"
_SENT = "to_target"
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
    `pre_spike` it is w. Linear equations are solved exactly from event to event, with and without the flag
    event-driven. Raises EquationError, with line and caret, for text that is wrong, and CapabilityError for continuous
    transmission, values of the cells and structural plasticity.
    """
    shown = re.sub(r"\W", "_", name) or "Synapse"
    unavailable = {"psp": psp, "pre_axon_spike": pre_axon_spike, "pruning": pruning, "creating": creating}
    for argument, given in unavailable.items():
        if given is not None:
            raise CapabilityError(f"{shown}: {argument}={given!r} is not available. {_REASONS[argument]}")
    if operation != "sum":
        raise CapabilityError(f"{shown}: operation={operation!r} is not available; what arrives in a step is summed.")
    reader = _SynapseReader(
        parameters, equations, None, None, None, None, None, functions, name or "Synapse", description,
        dict(extra_values or {}), dict(constants or {}), "explicit",
    )  # fmt: skip
    return reader.synapse_type(f"{TARGET} += {WEIGHT}" if pre_spike is None else pre_spike, post_spike or "")


_REASONS = {
    "psp": "A synapse acts on its target when a presynaptic spike arrives: write 'g_target += ...' in pre_spike.",
    "pre_axon_spike": "Axonal events are recorded, and reach no synapse.",
    "pruning": "Connections stay as they were made; a weight of 0 has no effect.",
    "creating": "Connections stay as they were made.",
}


class _SynapseReader(_Reader):
    def synapse_type(self, pre_spike: Any, post_spike: Any) -> Any:
        from pyNN.equations import SynapseType

        statements = [self._statement(begin, end, derived) for _, derived, begin, end in self.heads]
        rows: dict[int, str] = {}
        for (_, derived, begin, _), s in zip(self.heads, statements, strict=True):
            if not derived:
                self._cannot(self.text, f"'{s.name}' would be computed in every step; what changes at a spike stands "
                             "in pre_spike or post_spike.", begin, 1)
            limited = [key for key in s.flags if key in ("min", "max")]
            if limited:
                self._cannot(self.text, f"'{limited[0]}' limits '{s.name}' between spikes, which is not available; use "
                             "clip() in pre_spike or post_spike.", self.text.find(limited[0], begin), 3)
            rows[s.line] = f"d{s.name}/dt = {s.right} : 1"
        pre, sent = self._code(_text(pre_spike, self.name, "pre_spike"), True)
        post, _ = self._code(_text(post_spike, self.name, "post_spike"), False)
        return SynapseType(
            name=self.name,
            equations="\n".join(rows.get(k, "") for k in range(1, max(rows, default=0) + 1)),
            parameters={n: float(v) for n, v in self.defaults.items()},
            on_pre=pre,
            on_post=post,
            transmitted=_SENT if sent else "0",
            initial=self._initial(statements),
            functions=self.functions,
            constants={n: float(v) for n, v in self.constants.items()},
            description=self.description,
            unchecked_units=True,
        )

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
        known = [*self.defaults, *self.variables, *self.constants, WEIGHT, "pi", "e", "True", "False"]
        for node in ast.walk(piece.tree):
            if isinstance(node, ast.Attribute):
                self._unavailable(piece, node, "is a value of a cell; a synapse sees its own variables, parameters and "
                                  "spikes only")
        for name, node in piece.names():
            if name in ("t", "dt", "t_last", "t_pre", "t_post", "pre", "post"):
                self._unavailable(piece, node, "is not available in synapses; what passes between spikes can be "
                                  "written as an equation, such as tau*dx/dt = -x")
            if name not in known and name != symbol:
                piece.fail(f"'{name}' is not known here.{nearest(name, known)} Known: {', '.join(known)}.", node)
        for name, call in piece.calls():
            everything = [*FUNCTIONS, *self.function_names, *DISTRIBUTIONS]
            if name not in everything:
                piece.fail(
                    f"'{name}' is not a function here.{nearest(name, everything)} Functions: {', '.join(everything)}.",
                    call,
                )

    def _unavailable(self, piece: Piece, node: ast.AST, reason: str) -> NoReturn:
        self._cannot(piece.text, f"'{piece.segment(node)}' {reason}.", piece.offset(node), piece.width(node))

    def _plain(self, piece: Piece) -> str:
        return re.sub(rf"\b{WEIGHT}\b", "weight", super()._plain(piece))

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
                value = value if operator == "=" else f"{name} {operator[0]} ({value})"
                operator = "="
                value = f"maximum({value}, {flags['min']})" if "min" in flags else value
                value = f"minimum({value}, {flags['max']})" if "max" in flags else value
            lines.setdefault(text.line_number(lead), []).append(f"{name} {operator} {value}")
        return "\n".join("; ".join(lines.get(k, [])) for k in range(1, max(lines, default=0) + 1)), sent

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
                self._cannot(text, "'unless_post' is not available: of spikes that arrive together, the postsynaptic "
                             "one comes first.", text.find(key, place), len(key))
            if key not in ("min", "max") or not value:
                text.fail("after ':' come min= and max=.", place, max(len(part), 1))
            piece = parse(text, place + part.index("=") + 1, place + len(part), _HINTS)
            self._check(piece)
            flags[key] = self._plain(piece)
            place += len(part) + 1
        return begin + colon, flags

