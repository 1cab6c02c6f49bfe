"""Units in equations: the unit of an expression, checked term by term, and the factors that make numbers coherent.

All numbers of a model are in PyNN's units. Most fit together (nA/nF is mV/ms, uS*mV is nA); others do not (Hz is not
1/ms). A coherent system with ms, mV and nA as base gives every unit a factor, 1 for those that fit.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from pyNN.equations.language import RANDOM_FUNCTIONS, UNIT_NAMES, Expression
from pyNN.errors import UnitsError
from pyNN.units import quantity

# Powers of ten of the coherent system's base units in SI: ms, nA, and the mass that makes mV = kg m^2 s^-3 A^-1.
_BASE_EXPONENTS = {"s": -3, "A": -9, "kg": -21}
_SAME_UNIT = ("abs", "floor", "ceil", "sum", "before")


@dataclass(frozen=True)
class Dimension:
    """Exponents of SI base units by symbol, without zeros; `text` is how the unit is shown."""

    exponents: tuple[tuple[str, Fraction], ...]
    text: str
    any: bool = False
    """The number 0, which fits every unit."""

    def fits(self, other: Dimension) -> bool:
        return self.any or other.any or self.exponents == other.exponents

    def times(self, other: Dimension, power: int = 1) -> Dimension:
        total = dict(self.exponents)
        for symbol, exponent in other.exponents:
            total[symbol] = total.get(symbol, Fraction(0)) + power * exponent
        return Dimension(_ordered(total), _combine(self, other, power), self.any)

    def power(self, exponent: Fraction) -> Dimension:
        text = f"({self.text})**{exponent}" if self.exponents else ""
        return Dimension(_ordered({s: e * exponent for s, e in self.exponents}), text)

    def __str__(self) -> str:
        return self.text or "dimensionless"


NUMBER = Dimension((), "")
ZERO = Dimension((), "", any=True)


@cache
def dimension(unit: str) -> Dimension:
    """The dimension of a unit; UnitsError where the text is not a unit."""
    exponents = {str(u.symbol): Fraction(e) for u, e in quantity(unit).simplified.dimensionality.items()}
    return Dimension(_ordered(exponents), unit.strip())


@cache
def coherent_factor(unit: str) -> float:
    """What a number in `unit` is multiplied by to become one of the coherent system (Hz: 0.001, being 1/ms)."""
    size = float(quantity(unit).simplified.magnitude)
    exponent = sum(_BASE_EXPONENTS.get(symbol, 0) * power for symbol, power in dimension(unit).exponents)
    exact = size * 10.0 ** float(-exponent)
    rounded = float(f"{exact:.12g}")
    return rounded if abs(rounded - exact) <= 1e-12 * abs(exact) else exact


def unit_of(expression: Expression, units: Mapping[str, str]) -> Dimension:
    """The dimension of an expression whose names have `units`; EquationError where terms do not fit."""
    return _Checker(expression, units).visit(expression.tree)


def require(expression: Expression, units: Mapping[str, str], wanted: str, what: str) -> None:
    """EquationError unless the expression has the unit `wanted`. A sum is reported term by term."""
    target = dimension(wanted)
    for term in _terms(expression.tree):
        found = _Checker(expression, units).visit(term)
        if not found.fits(target):
            expression.fail(
                f"'{expression.text(term)}' is in {found}, but {what} is in {target}.", term
            )


def check_unit(unit: str, expression: Expression) -> None:
    """EquationError where the unit that stands after an equation is none."""
    try:
        dimension(unit)
    except UnitsError as error:
        text = expression.line.text
        expression.line.fail(str(error), text.index(unit, text.rindex(":")), max(len(unit), 1))


def _terms(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        return [*_terms(node.left), *_terms(node.right)]
    return [node]


class _Checker:
    def __init__(self, expression: Expression, units: Mapping[str, str]) -> None:
        self.expression = expression
        self.units = units

    def visit(self, node: ast.expr) -> Dimension:
        if isinstance(node, ast.Constant):
            return ZERO if node.value == 0 else NUMBER
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.UnaryOp):
            return self._truth(node.operand) if isinstance(node.op, ast.Not) else self.visit(node.operand)
        if isinstance(node, ast.BoolOp):
            for value in node.values:
                self._truth(value)
            return NUMBER
        if isinstance(node, ast.Compare):
            return self._alike([node.left, *node.comparators], NUMBER)
        if isinstance(node, ast.IfExp):
            self._truth(node.test)
            return self._alike([node.body, node.orelse])
        if isinstance(node, ast.Call):
            return self._call(node)
        return self._binary(node)

    def _name(self, node: ast.Name) -> Dimension:
        if node.id in self.units:
            return dimension(self.units[node.id])
        return dimension(node.id) if node.id in UNIT_NAMES else NUMBER

    def _binary(self, node: ast.expr) -> Dimension:
        if not isinstance(node, ast.BinOp):
            self.expression.fail("this cannot be checked for its unit.", node)
        if isinstance(node.op, ast.Add | ast.Sub):
            return self._alike([node.left, node.right])
        left = self.visit(node.left)
        if isinstance(node.op, ast.Pow):
            return self._power(node, left)
        return left.times(self.visit(node.right), 1 if isinstance(node.op, ast.Mult) else -1)

    def _power(self, node: ast.BinOp, base: Dimension) -> Dimension:
        exponent = self.visit(node.right)
        if exponent.exponents:
            self.expression.fail(f"the exponent is in {exponent}; it must be a number.", node.right)
        if not base.exponents:
            return NUMBER
        value = _literal(node.right)
        if value is None:
            self.expression.fail(f"a quantity in {base} can only be raised to a number written out.", node.right)
        return base.power(value)

    def _call(self, node: ast.Call) -> Dimension:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("minimum", "maximum", "clip"):
            return self._alike(node.args)
        if name in RANDOM_FUNCTIONS:
            for number in node.args:
                if self.visit(number).exponents:
                    self.expression.fail(f"the arguments of {name} must be numbers.", number)
            return NUMBER
        argument = self.visit(node.args[0])
        if name in _SAME_UNIT:
            return argument
        if name == "sqrt":
            return argument.power(Fraction(1, 2))
        if name != "sign" and argument.exponents:
            self.expression.fail(f"the argument of {name} is in {argument}; it must be a number.", node.args[0])
        return NUMBER

    def _alike(self, nodes: list[ast.expr], result: Dimension | None = None) -> Dimension:
        common = ZERO
        for node in nodes:
            found = self.visit(node)
            if not found.fits(common):
                self.expression.fail(
                    f"'{self.expression.text(node)}' is in {found}, but "
                    f"'{self.expression.text(nodes[0])}' is in {common}.",
                    node,
                )
            common = found if common.any else common
        return common if result is None else result

    def _truth(self, node: ast.expr) -> Dimension:
        if not isinstance(node, ast.Compare | ast.BoolOp) and not (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        ):
            self.expression.fail(f"'{self.expression.text(node)}' is not a condition.", node)
        return self.visit(node)


def _literal(node: ast.expr) -> Fraction | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _literal(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return Fraction(node.value).limit_denominator(1000)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        above, below = _literal(node.left), _literal(node.right)
        return None if above is None or not below else above / below
    return None


def _ordered(exponents: Mapping[str, Fraction]) -> tuple[tuple[str, Fraction], ...]:
    return tuple(sorted((s, e) for s, e in exponents.items() if e))


def _combine(left: Dimension, right: Dimension, power: int) -> str:
    if not right.text:
        return left.text
    second = f"({right.text})" if "/" in right.text or "*" in right.text else right.text
    if power > 0:
        return f"{left.text}*{second}" if left.text else right.text
    return f"{left.text or '1'}/{second}"
