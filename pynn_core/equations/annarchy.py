"""ANNarchy's notation for spiking neurons: parameters, equations, spike, reset ... -> a cell type of ours.

    parameters   name = number : flags                     one a line, or a dictionary
    equations    tau*dv/dt + v = E + g_exc : init=0.0      a differential equation in any linear arrangement
                 I = g_exc - g_inh                         an assignment, executed once a step in the order of the text

There are no units: every number is in PyNN's unit (ms, mV, nA, nF, uS, Hz). Time, refractoriness and delays are PyNN's:
see the page "Models from Brian2 and ANNarchy" of the documentation.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyNN.equations.explicit import is_explicit
from pyNN.equations.foreign_text import NAME, Piece, Text, parse
from pyNN.equations.language import is_representable
from pyNN.equations.userfunctions import added_functions, get_constant, list_constants, text_of
from pyNN.errors import CapabilityError, InvalidModelError, InvalidParameterValueError, nearest

METHODS = {
    "explicit": "euler", "implicit": "implicit", "semiimplicit": "semiimplicit", "exponential": "exponential_euler",
    "midpoint": "midpoint", "rk4": "rk4",
}  # fmt: skip
"""ANNarchy's names of methods and ours."""
LOCALITIES = ("local", "population")
KINDS = ("int", "bool", "float")
_VALUED = ("init", "min", "max")
DISTRIBUTIONS = {
    "Uniform": (2, 2), "DiscreteUniform": (2, 2), "Normal": (2, 4), "LogNormal": (2, 4), "Exponential": (1, 3),
    "Gamma": (1, 4), "Binomial": (2, 2),
}  # fmt: skip
FUNCTIONS = (
    "cos sin tan acos asin atan cosh sinh tanh exp expm1 abs fabs sqrt log ln log10 pos positive neg negative "
    "clip modulo "
    "power pow ite round floor ceil isnan isfinite"
).split()
GIVEN = ("t", "dt", "pi", "t_last", "True", "False", "e")
"""Names that have a meaning in every model."""
_DERIVATIVE = re.compile(rf"\bd({NAME})\s*/\s*dt\b")
_PLACEHOLDER = "_derivative_"
_CODE = re.compile(rf"\s*(?P<name>{NAME})\s*(?P<operator>[-+*/]?=)(?!=)")
_HINTS: dict[type, str] = {
    ast.Subscript: "indexing ('{0}') is not possible in a model; every cell sees its own values.",
    ast.Tuple: "'{0}' is a tuple; an expression has one value.",
    ast.List: "'{0}' is a list; an expression has one value.",
    ast.Lambda: "'{0}' defines a function; define it in functions=.",
    ast.BitOr: "the operator | is not available; write 'or'.",
    ast.BitAnd: "the operator & is not available; write 'and'.",
    ast.Invert: "the operator ~ is not available; write 'not'.",
    ast.keyword: "arguments are given by position: f(x), not f(a=x).",
}


@dataclass
class _Statement:
    """One line of `equations`."""

    name: str
    is_derivative: bool
    right: str
    """What the variable, or its derivative, is set to, in our own notation."""
    flags: dict[str, str]
    line: int
    offset: int


def Neuron(
    parameters: Any = "",
    equations: Any = "",
    spike: str | None = None,
    axon_spike: str | None = None,
    reset: str | None = None,
    axon_reset: str | None = None,
    refractory: Any = None,
    functions: Any = None,
    name: str = "",
    description: str = "",
    extra_values: Mapping[str, Any] | None = None,
    *,
    constants: Mapping[str, Any] | None = None,
    method: str = "explicit",
) -> Any:
    """A cell type from ANNarchy's notation, used like a standard one: ``sim.Population(100, MyNeuron(tau=20.0))``.

    Conductances that the equations name (g_exc, g_inh, ...) are receptors of the cell (receptor_type="exc", "inh").
    `method` is that of equations without a flag of their own. Raises EquationError, with line and caret, for text that
    is wrong, and CapabilityError for rate-coded neurons.
    """
    return _Reader(
        parameters, equations, spike, axon_spike, reset, axon_reset, refractory, functions, name, description,
        dict(extra_values or {}), dict(constants or {}), method,
    ).cell_type()  # fmt: skip


class _Reader:
    further: tuple[str, ...] = ()
    """Names with a meaning of their own that have equations."""

    def __init__(
        self, parameters: Any, equations: Any, spike: Any, axon_spike: Any, reset: Any, axon_reset: Any,
        refractory: Any, functions: Any, name: str, description: str, extra: dict[str, Any],
        constants: dict[str, Any], method: str,
    ) -> None:  # fmt: skip
        self.name = re.sub(r"\W", "_", name) or "Neuron"
        self.description = description
        self.constants = {**constants}
        if method != "auto" and method not in METHODS and not is_explicit(str(method)):
            raise InvalidModelError(
                f"{self.name}: method={method!r} is not known.{nearest(method, METHODS)} Methods: auto, "
                f"{', '.join(METHODS)}."
            )
        self.method = METHODS.get(method, method)
        for what, given, needs in (
            ("reset", reset, spike), ("axon_reset", axon_reset, axon_spike), ("refractory", refractory, spike),
        ):  # fmt: skip
            if given is not None and needs is None:
                condition = "axon_spike" if what == "axon_reset" else "spike"
                raise InvalidModelError(f"{self.name}: {what}= needs {condition}=, the condition for it to happen.")
        self.functions, self.function_names = read_functions(functions, self.name)
        added = {n: line for n, line in added_functions().items() if n not in self.function_names}
        self.functions = "\n".join([*added.values(), self.functions]).strip()
        self.function_names = [*added, *self.function_names]
        common = {n: float(get_constant(n)) for n in list_constants() if n not in self.constants}
        self.constants = {**common, **self.constants}
        self.shared: set[str] = set()
        self.defaults = self._parameters(parameters, extra)
        if not isinstance(equations, str):
            equations = "\n".join(map(str, equations)) if isinstance(equations, list | tuple) else equations
        self.text = _text(equations, self.name, "equations")
        self.spike = None if spike is None else _text(spike, self.name, "spike")
        self.axon_spike = None if axon_spike is None else _text(axon_spike, self.name, "axon_spike")
        self.reset = None if reset is None else _text(reset, self.name, "reset")
        self.axon_reset = None if axon_reset is None else _text(axon_reset, self.name, "axon_reset")
        self.refractory = refractory
        self.used: dict[str, None] = {}
        self.heads = _heads(self.text, self.further)
        self.variables = list(dict.fromkeys(name for name, *_ in self.heads))
        # What the model defines itself comes before constants of all models.
        hidden = [n for n in common if n in self.defaults or n in self.variables]
        self.constants = {n: value for n, value in self.constants.items() if n not in hidden}

    # --- parameters ------------------------------------------------------------------------------------------

    def _parameters(self, given: Any, extra: dict[str, Any]) -> dict[str, Any]:
        if isinstance(given, Mapping):
            return {key: self._parameter_value(key, value) for key, value in given.items()}
        text = Text(given, self.name, "parameters")
        result: dict[str, Any] = {}
        for begin, end in _pieces(text.code):
            head = re.compile(rf"\s*({NAME})\s*=(?!=)").match(text.code, begin, end)
            if head is None:
                lead = begin + len(text.code[begin:end]) - len(text.code[begin:end].lstrip())
                text.fail("a parameter is 'name = number', with flags after ':' if need be.", lead, end - lead)
            key = head[1]
            _check_name(text, key, head.start(1))
            if key in result:
                text.fail(f"'{key}' is defined twice.", head.start(1), len(key))
            body, colon, tail = text.code[head.end() : end].partition(":")
            self._parameter_flags(text, key, tail, head.end() + len(body) + 1 if colon else end)
            result[key] = self._number(text, body, head.end(), extra)
        return result

    def _parameter_flags(self, text: Text, key: str, tail: str, offset: int) -> None:
        for word in filter(None, (part.strip() for part in tail.split(","))):
            if word == "population":
                self.shared.add(key)
            elif word not in (*LOCALITIES, *KINDS):
                possible = (*LOCALITIES, *KINDS)
                flags = ", ".join(possible)
                text.fail(f"'{word}' is not a flag of a parameter.{nearest(word, possible)} Flags: {flags}.",
                          text.find(word, offset), len(word))  # fmt: skip

    def _number(self, text: Text, body: str, offset: int, extra: dict[str, Any]) -> float:
        content = body.strip()
        place = offset + len(body) - len(body.lstrip())
        quoted = re.fullmatch(r"(['\"])(.*)\1", content)
        if quoted:
            if quoted[2] not in extra:
                text.fail(f"{content} is not in extra_values.{nearest(quoted[2], extra)}", place, len(content))
            return float(extra[quoted[2]])
        if content in ("True", "False"):
            return float(content == "True")
        if content in self.constants:
            return float(self.constants[content])
        try:
            return _literal(ast.parse(content, mode="eval").body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            text.fail(f"'{content}' is not a number; a parameter has one, and what is computed stands in equations.",
                      place, max(len(content), 1))  # fmt: skip

    def _parameter_value(self, key: str, value: Any) -> Any:
        _check_name(Text(str(key), self.name, "parameters"), str(key), 0)
        if not isinstance(value, bool | int | float) and hasattr(value, "value"):
            if str(getattr(value, "locality", "")) in ("global", "population"):
                self.shared.add(key)
            value = value.value
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            raise InvalidParameterValueError(
                f"{self.name}: parameter '{key}' must be a number, not {value!r}."
            ) from error

    # --- equations -------------------------------------------------------------------------------------------

    def cell_type(self) -> Any:
        from pyNN.equations import CellType, Event

        statements = [self._statement(begin, end, derived) for _, derived, begin, end in self.heads]
        threshold = self._condition(self.spike)
        event = self._condition(self.axon_spike)
        reset, axon_reset = self._block(self.reset), self._block(self.axon_reset)
        refractory = self._refractory()
        targets = [
            n for n in dict.fromkeys([*self.variables, *self.used]) if n.startswith("g_") and n not in self.defaults
        ]
        if "r" in self.variables and self.spike is None or any(n.startswith("sum(") for n in self.used):
            raise CapabilityError(
                f"{self.name}: rate-coded neurons (no spike=, a rate r, sum(target)) are not available; spiking "
                "neurons are."
            )
        return CellType(
            name=self.name,
            equations=self._lines(statements, targets),
            parameters=self._declared(),
            threshold=threshold,
            reset=reset,
            refractory=refractory,
            events={"axon_spike": Event(event, axon_reset)} if event else {},
            receptors=self._receptors(targets),
            initial=self._initial(statements),
            method=self.method,
            functions=self.functions,
            constants={name: float(value) for name, value in self.constants.items()},
            description=self.description,
            unchecked_units=True,
        )

    def _declared(self) -> dict[str, Any]:
        from pyNN.models import Parameter

        return {
            name: Parameter(default, "", shared=True) if name in self.shared else Parameter(default, "")
            for name, default in self.defaults.items()
        }

    def _receptors(self, targets: list[str]) -> dict[str, Any]:
        from pyNN.models import Receptor

        return {name[2:]: Receptor("uS", f"{name} += weight", sign=0) for name in targets}

    def _lines(self, statements: list[_Statement], targets: list[str]) -> str:
        lines: dict[int, list[str]] = {}
        for s in statements:
            flags = [f"{key}={value}" for key, value in s.flags.items() if key in ("min", "max")]
            flags += [METHODS[key] for key in s.flags if key in METHODS]
            flags += ["shared"] * ("population" in s.flags)
            # Conductances go on while the cell is refractory; everything else stands still.
            if self.refractory is not None and not s.name.startswith("g_"):
                flags.insert(0, "unless refractory")
            left = f"d{s.name}/dt" if s.is_derivative else s.name
            if not s.is_derivative:
                flags.insert(0, "stored")
            kind = "integer" if "int" in s.flags else "boolean" if "bool" in s.flags else ""
            lines.setdefault(s.line, []).append(
                f"{left} = {s.right} : {kind}" + (f" ({', '.join(flags)})" if flags else "")
            )
        result = []
        for number in range(1, max(lines, default=0) + 1):
            result += lines.get(number, [""])
        return "\n".join([*result, *(f"{name} = 0.0 : (stored)" for name in targets if name not in self.variables)])

    def _statement(self, begin: int, end: int, derived: bool) -> _Statement:
        text = self.text
        code = text.code[begin:end]
        body_end, flags = self._flags(text, begin, end)
        offset = begin + len(code) - len(code.lstrip())
        line = text.line_number(offset)
        if derived:
            name, right = self._derivative(text, begin, body_end)
            return _Statement(name, True, right, flags, line, offset)
        head = _CODE.match(text.code, begin, body_end)
        if head is None:
            text.fail("a statement is 'x = expression', or has one 'dx/dt'.", offset, body_end - offset)
        name = head["name"]
        methods = [key for key in flags if key in METHODS]
        if methods:
            text.fail(
                f"'{methods[0]}' is a method for equations with dx/dt.",
                text.find(methods[0], body_end),
                len(methods[0]),
            )
        right = self._expression(text, head.end(), body_end)
        if head["operator"] != "=":
            right = f"{name} {head['operator'][0]} ({right})"
        return _Statement(name, False, right, flags, line, offset)

    def _flags(self, text: Text, begin: int, end: int) -> tuple[int, dict[str, str]]:
        """Where the equation itself ends, and its flags by name. ":" also stands in "if c: a else: b"."""
        code = text.code[begin:end]
        colon = code.rfind(":")
        if colon < 0:
            return end, {}
        tail = code[colon + 1 :]
        first = tail.split(",")[0].strip().partition("=")[0].strip()
        conditional = re.search(r"\b(if|else)\b[^:]*$", code[:colon])
        if conditional and first not in (*_VALUED, *METHODS, *KINDS, *LOCALITIES, "event-driven"):
            return end, {}
        flags: dict[str, str] = {}
        place = begin + colon + 1
        for part in _split_commas(tail):
            word = part.strip()
            offset = place + len(part) - len(part.lstrip())
            key, equals, value = (p.strip() for p in word.partition("="))
            self._check_flag(text, key, value, bool(equals), offset, len(word))
            flags[key] = value
            place += len(part) + 1
        return begin + colon, flags

    def _check_flag(self, text: Text, key: str, value: str, valued: bool, offset: int, width: int) -> None:
        possible = [*_VALUED, *METHODS, *KINDS, *LOCALITIES]
        if key == "event-driven":
            text.fail(
                "'event-driven' is a flag of synapses; a neuron's equation is integrated in every step.", offset, width
            )
        if key in ("projection", "postsynaptic", "semiglobal"):
            text.fail(f"'{key}' is a flag of synapses; a neuron has local and population.", offset, width)
        if key not in possible:
            shown = ", ".join(f"{p}=" if p in _VALUED else p for p in possible)
            text.fail(f"'{key}' is not a flag.{nearest(key, possible)} Flags: {shown}.", offset, max(width, 1))
        if valued != (key in _VALUED) or (valued and not value):
            form = f"{key}=0.0" if key in _VALUED else key
            text.fail(f"write '{form}'.", offset, width)

    def _derivative(self, text: Text, begin: int, end: int) -> tuple[str, str]:
        code = text.code[begin:end]
        found = list(_DERIVATIVE.finditer(code))
        if len(found) != 1:
            place = found[1].span() if found else (0, len(code))
            text.fail("one equation has one derivative dx/dt.", begin + place[0], place[1] - place[0])
        match = found[0]
        name = match[1]
        sides = [m.start() for m in re.finditer(r"(?<![<>=!+\-*/])=(?!=)", code)]
        if len(sides) != 1:
            text.fail("an equation has one '=', as in tau*dv/dt + v = E.", begin + (sides[1] if len(sides) > 1 else 0))
        hidden = Text(
            # The name that stands for the derivative is as long as what it replaces, so that columns stay.
            text.source[: begin + match.start()] + _hidden(match[0]) + text.source[begin + match.end() :],
            text.model, text.part, text.source,
        )  # fmt: skip
        symbol = _hidden(match[0]).strip()
        left_range, right_range = (begin, begin + sides[0]), (begin + sides[0] + 1, end)
        if re.match(r"\s*if\b", code[sides[0] + 1 :]):
            conditional = self._expression(hidden, *right_range)
            left = parse(hidden, *left_range, _HINTS)
            factor, rest = _linear(left, left.tree, symbol)
            return name, self._solved(conditional, "0.0", factor, rest, True)
        left, right = parse(hidden, *left_range, _HINTS), parse(hidden, *right_range, _HINTS)
        self._check(left, symbol)
        self._check(right, symbol)
        left_factor, left_rest = _linear(left, left.tree, symbol)
        right_factor, right_rest = _linear(right, right.tree, symbol)
        if left_factor == "0" and right_factor == "0":
            hidden.fail("the derivative vanishes from this equation.", begin + match.start(), len(match[0]))
        if right_factor == "0":
            return name, self._solved(right_rest, "0", left_factor, left_rest, False)
        if left_factor == "0":
            return name, self._solved(left_rest, "0", right_factor, right_rest, False)
        return name, f"(({right_rest}) - ({left_rest}))/(({left_factor}) - ({right_factor}))"

    def _solved(self, right: str, _: str, factor: str, rest: str, conditional: bool) -> str:
        if conditional and (factor != "1" or rest != "0"):
            # A conditional must be the whole right side; ite() can stand inside.
            right = f"({_as_ite(right)})"
        if factor == "1" and rest == "0":
            return right
        above = f"({right})" if rest == "0" else f"({right} - ({rest}))"
        return above if factor == "1" else f"{above}/({factor})"

    # --- expressions -----------------------------------------------------------------------------------------

    def _expression(self, text: Text, begin: int, end: int) -> str:
        """An expression or conditional in our notation, checked."""
        code = text.code[begin:end]
        lead = len(code) - len(code.lstrip())
        if re.match(r"if\b", code[lead:]):
            return self._conditional(text, begin + lead, end)
        piece = parse(text, begin, end, _HINTS)
        self._check(piece)
        return self._plain(piece)

    def _plain(self, piece: Piece) -> str:
        changes: list[tuple[ast.AST, str]] = []
        for node in ast.walk(piece.tree):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
                text = piece.segment(node.left)
                for op, right in zip(node.ops, node.comparators, strict=True):
                    sign = {ast.Is: "==", ast.IsNot: "!="}.get(type(op))
                    if sign is None:
                        piece.fail("write == and != where comparisons are chained.", node)
                    text += f" {sign} {piece.segment(right)}"
                changes.append((node, text))
            elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
                changes.append((node, "1" if node.value else "0"))
        inside = {id(child) for node, _ in changes for child in ast.walk(node) if child is not node}
        return piece.with_replacements([(n, new) for n, new in changes if id(n) not in inside]).strip()

    def _conditional(self, text: Text, begin: int, end: int) -> str:
        """`if c: a else: b`, nested to any depth."""
        code = text.code
        colon = code.find(":", begin, end)
        if colon < 0:
            text.fail("a conditional is 'if condition: a else: b'; the ':' is missing.", begin, 2)
        depth, place, otherwise = 0, colon + 1, -1
        for word in re.compile(r"\b(if|else)\b").finditer(code, colon + 1, end):
            if word[1] == "if":
                depth += 1
            elif depth:
                depth -= 1
            else:
                otherwise = word.start()
                place = word.end()
                break
        if otherwise < 0:
            text.fail("'else:' is missing; a value is needed for every case.", begin, 2)
        second = code.find(":", place, end)
        if second < 0 or code[place:second].strip():
            text.fail("write 'else:' with a colon.", otherwise, 4)
        condition = self._expression(text, begin + 2, colon)
        return (f"if {condition}: {self._expression(text, colon + 1, otherwise)} "
                f"else: {self._expression(text, second + 1, end)}")  # fmt: skip

    def _check(self, piece: Piece, symbol: str = "") -> None:
        known = [*self.defaults, *self.variables, *GIVEN, *self.constants]
        for node in ast.walk(piece.tree):
            if isinstance(node, ast.Attribute):
                piece.fail(f"'{piece.segment(node)}' belongs to synapses; a neuron sees its own variables only.", node)
        for name, call in piece.calls():
            if name == "sum":
                raise CapabilityError(
                    f"{self.name}: '{piece.segment(call)}' is the input of a rate-coded neuron; a spiking neuron "
                    "names its "
                    "conductance, as in g_exc. Rate-coded neurons are not available."
                )
        for name, node in piece.names():
            if name in ("mean", "norm1", "norm2"):
                piece.fail(f"'{name}' takes the name of a variable.", node)
            if name in ("g_target", "w") or name.startswith(("pre.", "post.")):
                piece.fail(f"'{name}' belongs to synapses; a neuron names its conductances, as in g_exc.", node)
            self.used[name] = None
            if name not in known and name != symbol and not name.startswith("g_"):
                piece.fail(f"'{name}' is not known here.{nearest(name, known)} Known: {', '.join(known)}.", node)
        for name, call in piece.calls():
            if name in ("mean", "max", "min", "norm1", "norm2") and len(call.args) == 1:
                raise CapabilityError(
                    f"{self.name}: '{piece.segment(call)}' is a value of the whole population; a cell sees its "
                    "own variables."
                )
            if name in DISTRIBUTIONS:
                low, high = DISTRIBUTIONS[name]
                if not low <= len(call.args) <= high:
                    count = str(low) if low == high else f"{low} to {high}"
                    piece.fail(f"{name} takes {count} argument(s); {len(call.args)} are given.", call)
            elif name not in FUNCTIONS and name not in self.function_names:
                everything = [*FUNCTIONS, *self.function_names, *DISTRIBUTIONS]
                piece.fail(
                    f"'{name}' is not a function here.{nearest(name, everything)} Functions: {', '.join(everything)}.",
                    call,
                )

    def _condition(self, text: Text | None) -> str:
        if text is None:
            return ""
        lines = list(_pieces(text.code))
        if len(lines) != 1:
            text.fail("there must be one condition, such as v > v_thresh.", lines[1][0] if len(lines) > 1 else 0)
        begin, end = lines[0]
        piece = parse(text, begin, end, _HINTS)
        self._check(piece)
        if not isinstance(piece.tree, ast.Compare | ast.BoolOp | ast.Name) and not (
            isinstance(piece.tree, ast.UnaryOp) and isinstance(piece.tree.op, ast.Not)
        ):
            piece.fail("this is not a condition; a condition compares, as in v > v_thresh.")
        return self._plain(piece)

    def _block(self, text: Text | None) -> str:
        """Statements of a reset, each in its line."""
        if text is None:
            return ""
        lines: dict[int, list[str]] = {}
        for begin, end in _pieces(text.code):
            lead = begin + len(text.code[begin:end]) - len(text.code[begin:end].lstrip())
            if _DERIVATIVE.search(text.code[begin:end]):
                text.fail(
                    "a reset has no differential equations; write 'x = expression' or 'x += expression'.",
                    lead,
                    end - lead,
                )
            head = _CODE.match(text.code, begin, end)
            if head is None:
                text.fail("a statement is 'x = expression' or 'x += expression'.", lead, end - lead)
            name = head["name"]
            if name not in self.variables and name not in self.defaults and not name.startswith("g_"):
                text.fail(
                    f"'{name}' is not a variable of this neuron.{nearest(name, self.variables)}",
                    head.start("name"),
                    len(name),
                )
            self.used[name] = None
            self.used_in_reset = {**getattr(self, "used_in_reset", {}), name: None}
            right = self._expression(text, head.end(), end)
            lines.setdefault(text.line_number(lead), []).append(f"{name} {head['operator']} {right}")
        return "\n".join("; ".join(lines.get(k, [])) for k in range(1, max(lines, default=0) + 1))

    def _refractory(self) -> str:
        given = self.refractory
        if given is None:
            return ""
        if isinstance(given, str):
            text = Text(given, self.name, "refractory")
            try:
                given = float(given)
            except ValueError:
                return self._expression(text, 0, len(given))
        if isinstance(given, bool):
            raise InvalidModelError(f"{self.name}: refractory must be a time in ms or a name, not {given!r}.")
        if not isinstance(given, int | float):
            from pyNN.random import RandomDistribution

            if not isinstance(given, RandomDistribution):
                raise InvalidModelError(
                    f"{self.name}: refractory must be a number of ms, the name of a parameter or variable, or a "
                    f"RandomDistribution, not {given!r}."
                )
        # As in ANNarchy it is then a value of the cells, which can be set.
        self.defaults["refractory"] = float(given) if isinstance(given, int | float) else given
        return "refractory"

    def _initial(self, statements: list[_Statement]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for s in statements:
            if "init" not in s.flags:
                continue
            source = s.flags["init"]
            offset = self.text.source.find(source, s.offset)
            result[s.name] = self._initial_value(source, offset)
        return result

    def _initial_value(self, source: str, offset: int) -> Any:
        if source in self.defaults:
            return self.defaults[source]
        if source in self.constants:
            return float(self.constants[source])
        if source in ("True", "False"):
            return float(source == "True")
        try:
            tree = ast.parse(source, mode="eval").body
            if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and tree.func.id in DISTRIBUTIONS:
                return distribution(tree.func.id, [_literal(a) for a in tree.args])
            return _literal(tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            known = [*self.defaults, *self.constants]
            self.text.fail(
                f"'{source}' is not an initial value: that is a number, a parameter's name or a distribution such as "
                f"Uniform(0.0, 1.0).{nearest(source, known)}",
                max(offset, 0), len(source),
            )  # fmt: skip


def _text(given: Any, model: str, part: str) -> Text:
    """A block of text. A power may be written with ^ too, which Python takes for something else."""
    return Text(given.replace("^", "**") if isinstance(given, str) else given, model, part)


def distribution(name: str, arguments: list[float]) -> Any:
    """PyNN's RandomDistribution for one of ANNarchy's. Limits of a normal clip there and here.

    Raises ValueError for a number of arguments that the distribution does not have, and for a mean of infinity.
    """
    from pyNN.random import RandomDistribution

    fewest, most = {"Normal": (2, 4), "Exponential": (1, 1), "Gamma": (1, 2)}.get(name, (2, 2))
    if not fewest <= len(arguments) <= most or name == "Exponential" and arguments[0] == 0.0:
        raise ValueError(f"{name} takes other arguments")
    if name == "Uniform":
        return RandomDistribution("uniform", low=arguments[0], high=arguments[1])
    if name == "DiscreteUniform":
        return RandomDistribution("uniform_int", low=int(arguments[0]), high=int(arguments[1]))
    if name == "Normal":
        if len(arguments) == 2:
            return RandomDistribution("normal", mu=arguments[0], sigma=arguments[1])
        low, high = arguments[2], arguments[3] if len(arguments) == 4 else float("inf")
        return RandomDistribution("normal_clipped_to_boundary", mu=arguments[0], sigma=arguments[1], low=low, high=high)
    if name == "LogNormal":
        return RandomDistribution("lognormal", mu=arguments[0], sigma=arguments[1])
    if name == "Exponential":
        return RandomDistribution("exponential", beta=1.0 / arguments[0])
    if name == "Gamma":
        return RandomDistribution("gamma", k=arguments[0], theta=arguments[1] if len(arguments) > 1 else 1.0)
    return RandomDistribution("binomial", n=int(arguments[0]), p=arguments[1])


def _literal(node: ast.expr) -> float:
    """The number that plain arithmetic of numbers gives; ValueError for anything else."""
    value = _literal_of(node)
    if not is_representable(value):
        raise ValueError("too large")
    return float(value)


def _literal_of(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return -_literal(node.operand) if isinstance(node.op, ast.USub) else _literal(node.operand)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div):
        left, right = _literal(node.left), _literal(node.right)
        if isinstance(node.op, ast.Div):
            if right == 0.0:
                raise ValueError("division by zero")
            return left / right
        return (
            left + right
            if isinstance(node.op, ast.Add)
            else left - right
            if isinstance(node.op, ast.Sub)
            else left * right
        )
    raise ValueError("not a number")


def _hidden(derivative: str) -> str:
    """A name of the same length as the text of a derivative."""
    return ("_" + "d" * len(derivative))[: len(derivative)]


def _linear(piece: Piece, node: ast.expr, symbol: str) -> tuple[str, str]:
    """(a, b) of a*symbol + b; EquationError where the expression is not linear in the symbol."""

    def has(child: ast.AST) -> bool:
        return any(isinstance(n, ast.Name) and n.id == symbol for n in ast.walk(child))

    if not has(node):
        return "0", f"({piece.segment(node)})" if isinstance(node, ast.BinOp | ast.UnaryOp) else piece.segment(node)
    if isinstance(node, ast.Name):
        return "1", "0"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        a, b = _linear(piece, node.operand, symbol)
        return (a, b) if isinstance(node.op, ast.UAdd) else (f"-({a})", "0" if b == "0" else f"-({b})")
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Add | ast.Sub):
            sign = "+" if isinstance(node.op, ast.Add) else "-"
            (a1, b1), (a2, b2) = _linear(piece, node.left, symbol), _linear(piece, node.right, symbol)
            return _joined(a1, a2, sign), _joined(b1, b2, sign)
        if isinstance(node.op, ast.Mult) and not (has(node.left) and has(node.right)):
            factor, other = (node.right, node.left) if has(node.left) else (node.left, node.right)
            a, b = _linear(piece, other, symbol)
            text = piece.segment(factor)
            return (f"({text})" if a == "1" else f"({text})*({a})"), ("0" if b == "0" else f"({text})*({b})")
        if isinstance(node.op, ast.Div) and not has(node.right):
            a, b = _linear(piece, node.left, symbol)
            text = piece.segment(node.right)
            return f"({a})/({text})", ("0" if b == "0" else f"({b})/({text})")
    piece.fail("an equation must be linear in its derivative, as in tau*dv/dt + v = E.", node)


def _joined(left: str, right: str, sign: str) -> str:
    if right == "0":
        return left
    if left == "0":
        return right if sign == "+" else f"-({right})"
    return f"{left} {sign} {right}"


def _as_ite(text: str) -> str:
    """A translated conditional as ite(...), which can stand inside an expression."""
    if not text.startswith("if "):
        return text
    colon = text.index(":")
    depth, place = 0, colon + 1
    for word in re.compile(r"\b(if|else)\b").finditer(text, colon + 1):
        depth += 1 if word[1] == "if" else -1
        if depth < 0:
            place = word.start()
            break
    second = text.index(":", place)
    return (f"ite({text[3:colon].strip()}, {_as_ite(text[colon + 1 : place].strip())}, "
            f"{_as_ite(text[second + 1 :].strip())})")  # fmt: skip


def _split_commas(text: str) -> list[str]:
    """Parts between commas that are not in brackets."""
    parts, depth, begin = [], 0, 0
    for k, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append(text[begin:k])
            begin = k + 1
    return [*parts, text[begin:]]


def _pieces(code: str) -> list[tuple[int, int]]:
    """Places of statements: they end at ";" or a line's end; a line without "=" outside brackets goes on."""
    pieces: list[tuple[int, int]] = []
    begin, depth = 0, 0
    for place, character in enumerate(code + "\n"):
        depth += (character in "([{") - (character in ")]}")
        if character not in "\n;" or depth > 0:
            continue
        content = code[begin:place]
        if content.strip():
            starts = re.match(rf"\s*({NAME}\s*[-+*/]?=(?!=)|.*\bd{NAME}\s*/\s*dt\b)", content)
            open_conditional = bool(pieces) and re.search(r"=\s*if\b", code[pieces[-1][0] : pieces[-1][1]])
            if not starts and open_conditional and character == "\n":
                pieces[-1] = (pieces[-1][0], place)
            else:
                pieces.append((begin, place))
        begin, depth = place + 1, 0
    return pieces


def _heads(text: Text, further: tuple[str, ...]) -> list[tuple[str, bool, int, int]]:
    """(variable, whether by its derivative, begin, end) of each statement. `further`: names that it may be, too."""
    result: list[tuple[str, bool, int, int]] = []
    for begin, end in _pieces(text.code):
        code = text.code[begin:end]
        lead = begin + len(code) - len(code.lstrip())
        derivative = _DERIVATIVE.search(code)
        if derivative:
            name, place = derivative[1], begin + derivative.start(1)
        else:
            head = _CODE.match(code)
            if head is None:
                text.fail("a statement is 'x = expression', or an equation with one 'dx/dt'.", lead, end - lead)
            name, place = head["name"], begin + head.start("name")
        if name not in further:
            _check_name(text, name, place)
        if any(other == name for other, *_ in result):
            text.fail(
                f"'{name}' has an equation already; give what is computed in between a name of its own.",
                place,
                len(name),
            )
        result.append((name, bool(derivative), begin, end))
    return result


def _check_name(text: Text, name: str, offset: int) -> None:
    import keyword

    reason = ""
    if not re.fullmatch(NAME, name) or keyword.iskeyword(name):
        reason = "cannot be a name"
    elif name in GIVEN or name in ("w", "g_target", "t_pre", "t_post", "sum"):
        reason = "has a meaning of its own"
    elif name in FUNCTIONS or name in DISTRIBUTIONS:
        reason = "is a function"
    elif name.startswith("_"):
        reason = "begins with '_', which is reserved"
    if reason:
        text.fail(f"'{name}' {reason}; choose another name.", offset, max(len(name), 1))


def read_functions(given: Any, model: str) -> tuple[str, list[str]]:
    """Text of one-line functions without their type declarations, and their names."""
    if given is None:
        return "", []
    text = Text(text_of(given, model), model, "functions")
    lines, names = [], []
    for begin, end in _pieces_of_functions(text.code):
        head = re.compile(rf"\s*({NAME})\s*\(([^()]*)\)\s*=").match(text.code, begin, end)
        if head is None:
            lead = begin + len(text.code[begin:end]) - len(text.code[begin:end].lstrip())
            text.fail("a function is 'f(x, y) = expression'.", lead, end - lead)
        if head[1] in FUNCTIONS or head[1] in DISTRIBUTIONS:
            text.fail(f"'{head[1]}' is a function already; choose another name.", head.start(1), len(head[1]))
        body, colon, types = text.code[head.end() : end].rpartition(":")
        typed = bool(colon) and all(w.strip() in ("float", "int", "bool", "double") for w in types.split(","))
        parse(text, head.end(), head.end() + len(body) if typed else end, _HINTS)
        lines.append(" ".join(f"{head[1]}({head[2]}) = {body if typed else text.code[head.end() : end]}".split()))
        names.append(head[1])
    return "\n".join(lines), names


def _pieces_of_functions(code: str) -> list[tuple[int, int]]:
    result, begin = [], 0
    for line in code.split("\n"):
        if line.strip():
            result.append((begin, begin + len(line)))
        begin += len(line) + 1
    return result


def __getattr__(name: str) -> Any:
    """ANNarchy's own synapse types, made when they are asked for."""
    from pyNN.equations import annarchy_library

    if name not in annarchy_library.NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return annarchy_library.built_in(name)
