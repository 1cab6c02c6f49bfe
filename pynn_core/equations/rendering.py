"""Models as text, LaTeX and HTML."""

from __future__ import annotations

import ast
import html as escaping
from collections.abc import Mapping

from pyNN.equations import language
from pyNN.equations.analysis import vocabulary
from pyNN.equations.language import Equation, Expression
from pyNN.models import Definition, Parameter

_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split()
)
_FUNCTIONS = frozenset("exp log sin cos tan sinh cosh tanh arcsin arccos arctan".split())
_COMPARISONS = {
    ast.Lt: "<", ast.LtE: r"\le", ast.Gt: ">", ast.GtE: r"\ge", ast.Eq: "=", ast.NotEq: r"\ne",
}  # fmt: skip
_SUM, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4


def text(definition: Definition, description: str, methods: Mapping[str, str]) -> str:
    """All of a model, one thing a line."""
    lines = [f"Cell type {definition.name}" + (f": {description}" if description else "")]
    if definition.literature:
        lines.append(f"  Literature: {definition.literature}")
    lines += ["  Equations:"]
    lines += [f"    {_line(e)}" for e in _equations(definition)]
    parts = [("Threshold", definition.threshold), ("Reset", definition.reset), ("Refractory", definition.refractory)]
    lines += [f"  {name}: {'; '.join(_split(part))}" for name, part in parts if part]
    for name, event in definition.events.items():
        then = f" -> {'; '.join(_split(event.statements))}" if event.statements else ""
        lines.append(f"  Event {name}: {event.condition}{then}")
    if definition.functions:
        lines += ["  Functions:", *(f"    {f}" for f in _split(definition.functions))]
    if definition.parameters:
        lines.append("  Parameters:")
        lines += [f"    {name} = {_value(p)}{_doc(p.doc)}" for name, p in definition.parameters.items()]
    if definition.states:
        lines.append("  Variables:")
        for name, state in definition.states.items():
            method = f", {methods[name]}" if name in methods else ""
            start = state.starts_at or state.initial
            lines.append(f"    {name} = {_shown(start)} {state.unit}".rstrip() + f" at t = 0{method}{_doc(state.doc)}")
    if definition.receptors:
        lines.append("  Receptors:")
        lines += [f"    {n}: {r.on_spike} (weight in {r.unit})" for n, r in definition.receptors.items()]
    return "\n".join(lines)


def latex(definition: Definition, description: str, methods: Mapping[str, str]) -> str:
    """The equations, threshold and reset for LaTeX's `align`."""
    rows = [_latex_line(e) for e in _equations(definition)]
    if definition.threshold:
        condition = language.parse_condition(definition.threshold, definition.name, "threshold", vocabulary(definition))
        row = rf"\text{{if }} {_Latex().of(condition.tree)}"
        statements = language.parse_statements(definition.reset, definition.name, "reset", vocabulary(definition))
        row += r": & " + r",\; ".join(_latex_statement(s) for s in statements) if statements else "& "
        rows.append(row)
    body = " \\\\\n".join(rows)
    return f"\\begin{{align}}\n{body}\n\\end{{align}}"


def latex_of_equation(name: str, is_derivative: bool, tree: ast.AST | None, unit: str) -> str:
    """One row of an alignment: the equation of a variable, or for one without an equation its unit."""
    symbol = _symbol(name)
    if tree is None:
        return rf"{symbol} &\quad (\text{{{unit.replace('_', ' ')}}})"
    left = rf"\frac{{d{symbol}}}{{dt}}" if is_derivative else symbol
    return f"{left} &= {_Latex().of(tree)}"


def html(definition: Definition, description: str, methods: Mapping[str, str]) -> str:
    """A description for notebooks: equations, and a table of parameters and variables."""
    rows = [("parameter", n, _value(p), p.doc) for n, p in definition.parameters.items()]
    rows += [
        (f"variable, {methods[n]}" if n in methods else "variable", n, f"{_shown(s.starts_at or s.initial)} {s.unit}",
         s.doc)
        for n, s in definition.states.items()
    ]
    rows += [("receptor", n, r.on_spike, f"weight in {r.unit}") for n, r in definition.receptors.items()]
    table = "".join(
        "<tr>" + "".join(f"<td>{escaping.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    about = f"<p>{escaping.escape(description)}</p>" if description else ""
    return (
        f"<div><b>{escaping.escape(definition.name)}</b>{about}"
        f"$${escaping.escape(within_display(latex(definition, description, methods)))}$$"
        f"<table><tr><th>kind</th><th>name</th><th>value</th><th>meaning</th></tr>{table}</table></div>"
    )


def within_display(text: str) -> str:
    """An alignment as it may stand between $$ and $$."""
    return text.replace("{align}", "{aligned}")


def _equations(definition: Definition) -> list[Equation]:
    return language.parse_equations(definition.equations, definition.name, vocabulary=vocabulary(definition))


def _split(part: str) -> list[str]:
    return [piece.strip() for line in part.splitlines() for piece in line.partition("#")[0].split(";") if piece.strip()]


def _line(equation: Equation) -> str:
    left = f"d{equation.name}/dt" if equation.is_derivative else equation.name
    flags = f" ({', '.join(equation.flags)})" if equation.flags else ""
    unit = f" : {equation.unit}" if equation.unit else " :" if flags else ""
    return f"{left} = {_source(equation.expression)}{unit}{flags}"


def _source(expression: Expression) -> str:
    return (expression.written or expression.text()).strip()


def _value(parameter: Parameter) -> str:
    return f"{_shown(parameter.default)} {parameter.unit}".rstrip()


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _doc(doc: str) -> str:
    return f"  ({doc})" if doc else ""


def _latex_line(equation: Equation) -> str:
    name = _symbol(equation.name)
    left = rf"\frac{{d{name}}}{{dt}}" if equation.is_derivative else name
    return f"{left} &= {_Latex().of(equation.expression.tree)}"


def _latex_statement(statement: language.Statement) -> str:
    name, value = _symbol(statement.name), statement.expression.tree
    operator = {"+=": "+", "-=": "-", "*=": r"\,", "%=": r"\bmod "}.get(statement.operator, "")
    if statement.operator == "=":
        return rf"{name} \leftarrow {_Latex().of(value)}"
    if statement.operator == "/=":
        return rf"{name} \leftarrow \frac{{{name}}}{{{_Latex().of(value)}}}"
    return rf"{name} \leftarrow {name} {operator} {_Latex().of(value, _PRODUCT)}"


def _symbol(name: str) -> str:
    """tau_m as \\tau_{m}, v as v, g_exc as g_{exc}."""
    head, *rest = name.replace(".", "_").split("_")
    letter = f"\\{head}" if head in _GREEK else head if len(head) == 1 else rf"\mathit{{{head}}}"
    below = ",".join(part for part in rest if part)
    return f"{letter}_{{{below}}}" if below else letter


class _Latex:
    """Syntax trees as LaTeX."""

    def of(self, node: ast.AST, inside: int = 0) -> str:
        written, strength = self._written(node)
        return rf"\left({written}\right)" if strength < inside else written

    def _written(self, node: ast.AST) -> tuple[str, int]:
        if isinstance(node, ast.Constant):
            return str(node.value), _ATOM
        if isinstance(node, ast.Name):
            return (rf"\mathrm{{{node.id}}}" if node.id in language.UNIT_NAMES else _symbol(node.id)), _ATOM
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Not):
                return rf"\neg {self.of(node.operand, _ATOM)}", _PRODUCT
            return f"{'-' if isinstance(node.op, ast.USub) else '+'}{self.of(node.operand, _PRODUCT)}", _SUM
        if isinstance(node, ast.BoolOp):
            word = r" \wedge " if isinstance(node.op, ast.And) else r" \vee "
            return word.join(self.of(value, _SUM) for value in node.values), 0
        if isinstance(node, ast.Compare):
            parts = [self.of(node.left, _SUM)]
            for operator, value in zip(node.ops, node.comparators, strict=True):
                parts += [_COMPARISONS[type(operator)], self.of(value, _SUM)]
            return " ".join(parts), 0
        if isinstance(node, ast.IfExp):
            return self._cases(node.test, node.body, node.orelse)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._call(node.func.id, node.args)
        return rf"\text{{{ast.unparse(node)}}}", _ATOM

    def _binary(self, node: ast.BinOp) -> tuple[str, int]:
        left, right = node.left, node.right
        if isinstance(node.op, ast.Add):
            return f"{self.of(left, _SUM)} + {self.of(right, _SUM)}", _SUM
        if isinstance(node.op, ast.Sub):
            return f"{self.of(left, _SUM)} - {self.of(right, _PRODUCT)}", _SUM
        if isinstance(node.op, ast.Mult):
            return rf"{self.of(left, _PRODUCT)}\,{self.of(right, _PRODUCT)}", _PRODUCT
        if isinstance(node.op, ast.Div):
            return rf"\frac{{{self.of(left)}}}{{{self.of(right)}}}", _POWER
        if isinstance(node.op, ast.Pow):
            return f"{{{self.of(left, _ATOM)}}}^{{{self.of(right)}}}", _POWER
        if isinstance(node.op, ast.FloorDiv):
            return rf"\left\lfloor\frac{{{self.of(left)}}}{{{self.of(right)}}}\right\rfloor", _ATOM
        return rf"{self.of(left, _PRODUCT)} \bmod {self.of(right, _PRODUCT)}", _SUM

    def _cases(self, test: ast.AST, yes: ast.AST, no: ast.AST) -> tuple[str, int]:
        rows = rf"{self.of(yes)} & \text{{if }} {self.of(test)} \\ {self.of(no)} & \text{{otherwise}}"
        return rf"\begin{{cases}}{rows}\end{{cases}}", _ATOM

    def _call(self, name: str, arguments: list[ast.expr]) -> tuple[str, int]:
        if name == "ite":
            return self._cases(*arguments)
        inner = ", ".join(self.of(argument) for argument in arguments)
        if name == "sqrt":
            return rf"\sqrt{{{inner}}}", _ATOM
        if name == "abs":
            return rf"\left|{inner}\right|", _ATOM
        word = f"\\{name}" if name in _FUNCTIONS else rf"\mathrm{{{name}}}"
        return rf"{word}\left({inner}\right)", _ATOM
