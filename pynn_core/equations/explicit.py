"""Explicit Runge-Kutta methods of a user's own, from a text in Brian2's notation.

    k1 = dt*f(x, t)
    k2 = dt*f(x + k1/2, t + dt/2)
    x_new = x + k2

The text becomes a Butcher tableau, and that the name of the method, "explicit(0 1/2; 1/2; 0 1)": nodes, a row for each
further stage, weights. Whatever takes a method's name takes that.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from fractions import Fraction

from pyNN.equations.methods import FIXED, Tableau
from pyNN.errors import EquationError

PREFIX = "explicit("
_FINAL = "x_new"
_LINE = re.compile(r"\s*([A-Za-z_]\w*)\s*=(?!=)(.*)")

Polynomial = Mapping[tuple[str, int], Fraction]
"""Coefficients by (x, t, the number of a stage's slope, or "" for a number; power of dt)."""


def explicit_method(text: str) -> str:
    """The name, for `method=`, of a Runge-Kutta method that is given as text; see the module.

    Assignments, one a line or parted by ";", of sums of x, dt*f(..., ...) and names assigned before, with numbers as
    factors; the last is x_new. The time of a stage must be t + c*dt with c the sum of its coefficients, and the weights
    must add up to 1. EquationError says which line does not fit.
    """
    if not isinstance(text, str):
        raise EquationError(f"explicit_method takes text such as 'x_new = x + dt*f(x, t)', not {text!r}.")
    reader = _Reader()
    lines = [piece for line in text.split("\n") for piece in line.partition("#")[0].split(";") if piece.strip()]
    for line in lines:
        reader.read(line)
    return reader.name(lines[-1] if lines else "")


def is_explicit(method: str) -> bool:
    """Whether a method is one that explicit_method() has made."""
    return method.startswith(PREFIX)


def tableau_of(method: str) -> Tableau:
    """The tableau of a method of fixed steps, by its name."""
    if not is_explicit(method):
        return FIXED[method]
    nodes, *rows, weights = ([Fraction(c) for c in part.split()] for part in method[len(PREFIX) : -1].split(";"))
    stages = ((), *(tuple(row) for row in rows))
    return Tableau("explicit", 0, tuple(nodes), stages, tuple(weights), (), "the script")


class _Reader:
    def __init__(self) -> None:
        one = Fraction(1)
        self.known: dict[str, Polynomial] = {"x": {("x", 0): one}, "t": {("t", 0): one}, "dt": {("", 1): one}}
        self.stages: list[list[Fraction]] = []
        self.nodes: list[Fraction] = []
        self.line = ""

    def fail(self, message: str) -> EquationError:
        return EquationError(f"explicit_method, '{self.line.strip()}': {message}")

    def read(self, line: str) -> None:
        self.line = line
        match = _LINE.fullmatch(line)
        if match is None:
            raise self.fail("a line is 'name = expression'.")
        name = match[1]
        if name in ("x", "t", "dt", "f", "g") or _FINAL in self.known:
            raise self.fail("x_new is assigned last, and x, t, dt and f are given.")
        try:
            tree = ast.parse(match[2].strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise self.fail(f"this is not an expression ({getattr(error, 'msg', error)}).") from error
        self.known[name] = self.value(tree)

    def name(self, last: str) -> str:
        self.line = last
        if _FINAL not in self.known:
            raise self.fail("the last line must be 'x_new = ...'.")
        weights = self.slopes(self.known[_FINAL])
        if sum(weights) != 1:
            raise self.fail(f"the weights of the slopes add up to {sum(weights)}, and must to 1.")
        rows = [self.nodes, *self.stages[1:], weights]
        return PREFIX + "; ".join(" ".join(map(str, row)) for row in rows) + ")"

    def slopes(self, value: Polynomial) -> list[Fraction]:
        """The factors of dt*f of each stage so far in an expression x + ..."""
        rest = {key: c for key, c in value.items() if c}
        if rest.pop(("x", 0), 0) != 1:
            raise self.fail("the state is x plus slopes times dt.")
        factors = [rest.pop((str(k), 1), Fraction(0)) for k in range(len(self.nodes))]
        if rest:
            raise self.fail("slopes are multiplied by dt once, and there is nothing else but x.")
        return factors

    def value(self, node: ast.expr) -> Polynomial:
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return {("", 0): Fraction(str(node.value))}
        if isinstance(node, ast.Name):
            if node.id not in self.known:
                raise self.fail(f"'{node.id}' is not known; there are {', '.join(self.known)} and f(x, t). Noise is "
                                "not available in methods of one's own.")
            return self.known[node.id]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            sign = -1 if isinstance(node.op, ast.USub) else 1
            return {key: sign * c for key, c in self.value(node.operand).items()}
        if isinstance(node, ast.BinOp):
            return self.binary(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "f":
            return self.slope(node)
        raise self.fail(f"'{ast.unparse(node)}' has no place here: there are + - * / and f(x, t).")

    def binary(self, node: ast.BinOp) -> Polynomial:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, (ast.Add, ast.Sub)):
            sign = 1 if isinstance(node.op, ast.Add) else -1
            return {key: left.get(key, Fraction(0)) + sign * right.get(key, Fraction(0)) for key in {**left, **right}}
        if isinstance(node.op, ast.Div):
            if set(right) != {("", 0)} or not right["", 0]:
                raise self.fail("only numbers that are not 0 divide.")
            return {key: c / right["", 0] for key, c in left.items()}
        if isinstance(node.op, ast.Mult):
            product: dict[tuple[str, int], Fraction] = {}
            for (a, m), c in left.items():
                for (b, n), d in right.items():
                    if a and b:
                        raise self.fail("states and slopes are not multiplied with each other.")
                    product[a + b, m + n] = product.get((a + b, m + n), Fraction(0)) + c * d
            return product
        raise self.fail("the operators are + - * /.")

    def slope(self, node: ast.Call) -> Polynomial:
        if len(node.args) != 2 or node.keywords:
            raise self.fail("f has two arguments, the state and the time.")
        row = self.slopes(self.value(node.args[0]))
        time = {key: c for key, c in self.value(node.args[1]).items() if c}
        after = time.pop(("", 1), Fraction(0))
        if time != {("t", 0): Fraction(1)} or after != sum(row):
            raise self.fail(f"the time of this stage must be t + {sum(row)}*dt, as its state.")
        if not 0 <= after <= 1:
            raise self.fail(f"a stage lies within the step, and this one at {after} of it.")
        row = [*row, *[Fraction(0)] * (len(self.nodes) - len(row))]
        self.stages.append(row)
        self.nodes.append(after)
        return {(str(len(self.nodes) - 1), 0): Fraction(1)}
