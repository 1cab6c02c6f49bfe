"""Units in equations: the unit of an expression, checked term by term, and the factors that make numbers coherent.

All numbers of a model are in PyNN's units. Most fit together (nA/nF is mV/ms, uS*mV is nA); others do not (Hz is not
1/ms). A coherent system with ms, mV and nA as base gives every unit a factor, 1 for those that fit.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from pyNN.equations.language import DRAWS, NOISE, UNIT_ALIASES, UNIT_NAMES, Expression
from pyNN.errors import UnitsError
from pyNN.units import quantity

# Powers of ten of the coherent system's base units in SI: ms, nA, and the mass that makes mV = kg m^2 s^-3 A^-1.
_BASE_EXPONENTS = {"s": -3, "A": -9, "kg": -21}
_SAME_UNIT = ("abs", "floor", "ceil", "sum", "before", "trunc", "round", "positive", "negative")
_ALIKE = ("minimum", "maximum", "clip", "modulo", "Uniform", "DiscreteUniform", "Normal", "LogNormal")
_NUMBERS = ("rand", "uniform", "randn", "poisson", "binomial", "Poisson", "Binomial")
_ALIAS = re.compile(r"\b(" + "|".join(sorted(UNIT_ALIASES, key=len, reverse=True)) + r")\b")
UNKNOWN = "?"
"""The unit of a name of which the unit is not known yet: it fits every other."""
KINDS = ("integer", "boolean")
"""What may stand in the place of a unit: whole numbers, and 0 or 1; both have none."""


@dataclass(frozen=True)
class Dimension:
    """Exponents of SI base units by symbol, without zeros; `text` is how the unit is shown."""

    exponents: tuple[tuple[str, Fraction], ...]
    text: str
    any: bool = False
    """The number 0, or something whose unit is not known: fits every unit."""

    def fits(self, other: Dimension) -> bool:
        return self.any or other.any or self.exponents == other.exponents

    def times(self, other: Dimension, power: int = 1) -> Dimension:
        total = dict(self.exponents)
        for symbol, exponent in other.exponents:
            total[symbol] = total.get(symbol, Fraction(0)) + power * exponent
        if UNKNOWN in (self.text, other.text):
            return OPEN
        return Dimension(_ordered(total), _combine(self, other, power), self.any)

    def power(self, exponent: Fraction) -> Dimension:
        text = f"({self.text})**{exponent}" if self.exponents else ""
        return OPEN if self.text == UNKNOWN else Dimension(_ordered({s: e * exponent for s, e in self.exponents}), text)

    def __str__(self) -> str:
        return self.text or "dimensionless"


NUMBER = Dimension((), "")
ZERO = Dimension((), "", any=True)
OPEN = Dimension((), UNKNOWN, any=True)


NOISE_DIMENSION = Dimension((("s", Fraction(-1, 2)),), "1/sqrt(ms)")
"""White noise: its integral over a time T has the variance T."""
_SHOWN = ("mV", "ms", "nA", "nF", "uS", "Hz", "V", "s", "A", "F", "S", "mV/ms", "1/ms", "nA/ms", "uS/ms", "ohm")


def plain(unit: str) -> str:
    """A unit without the spellings that only equations have."""
    unit = unit.strip()
    return "" if unit in KINDS else _ALIAS.sub(lambda match: UNIT_ALIASES[match[1]], unit)


@cache
def dimension(unit: str) -> Dimension:
    """The dimension of a unit; UnitsError where the text is not a unit."""
    if unit == UNKNOWN:
        return OPEN
    unit = plain(unit)
    exponents = {str(u.symbol): Fraction(e) for u, e in quantity(unit).simplified.dimensionality.items()}
    return Dimension(_ordered(exponents), unit.strip())


@cache
def coherent_factor(unit: str) -> float:
    """What a number in `unit` is multiplied by to become one of the coherent system (Hz: 0.001, being 1/ms)."""
    if unit == UNKNOWN:
        return 1.0
    unit = plain(unit)
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
                f"'{expression.text(term)}' is in {found}, but {what} is in {target}.{_advice(found, target)}", term
            )


def _advice(found: Dimension, target: Dimension) -> str:
    """What a term must be multiplied by, as a sentence: the simplest unit that makes up the difference."""
    missing = target.times(found, -1)
    for unit in _SHOWN:
        for power, shown in ((1, f" Multiply it by {unit}, or by something in {unit}."),
                             (-1, f" Divide it by {unit}, or by something in {unit}.")):
            if NUMBER.times(dimension(unit), power).exponents == missing.exponents:
                return shown
    return ""


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


_LARGEST_POWER = 99


class _Checker:
    def __init__(self, expression: Expression, units: Mapping[str, str]) -> None:
        self.expression = expression
        self.units = units
        # A table's name ends in "()", so that it is no variable.
        self.tables = {name[:-2]: unit for name, unit in units.items() if name.endswith("()")}

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
        if NOISE.fullmatch(node.id):
            return NOISE_DIMENSION
        return dimension(node.id) if node.id in UNIT_NAMES else NUMBER

    def _binary(self, node: ast.expr) -> Dimension:
        if not isinstance(node, ast.BinOp):
            self.expression.fail("this cannot be checked for its unit.", node)
        if isinstance(node.op, ast.Add | ast.Sub):
            return self._alike([node.left, node.right])
        if isinstance(node.op, ast.Mod):
            return self._alike([node.left, node.right])
        left = self.visit(node.left)
        if isinstance(node.op, ast.Pow):
            return self._power(node, left)
        if isinstance(node.op, ast.FloorDiv):
            return self._alike([node.left, node.right], NUMBER)
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
        if abs(value) > _LARGEST_POWER:
            self.expression.fail(f"units have exponents up to {_LARGEST_POWER}.", node.right)
        return base.power(value)

    def _call(self, node: ast.Call) -> Dimension:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in _ALIKE:
            return self._alike(node.args)
        if name in _NUMBERS:
            for number in node.args:
                if self.visit(number).exponents:
                    self.expression.fail(f"the arguments of {name} must be numbers.", number)
            return NUMBER
        if name in DRAWS:
            return self._distribution(name, node)
        if name == "ite":
            self._truth(node.args[0])
            return self._alike(node.args[1:])
        if name == "power":
            return self._power(ast.copy_location(ast.BinOp(node.args[0], ast.Pow(), node.args[1]), node),
                               self.visit(node.args[0]))
        if name in self.tables:
            return self._table(name, node)
        if name == "int" and isinstance(node.args[0], ast.Compare | ast.BoolOp):
            return self._truth(node.args[0]).times(NUMBER)
        argument = self.visit(node.args[0])
        if name in _SAME_UNIT:
            return argument
        if name == "sqrt":
            return argument.power(Fraction(1, 2))
        if name not in ("sign", "isnan", "isfinite") and argument.exponents:
            self.expression.fail(f"the argument of {name} is in {argument}; it must be a number.", node.args[0])
        return NUMBER

    def _distribution(self, name: str, node: ast.Call) -> Dimension:
        """Exponential(rate) has the unit of 1/rate, Gamma(shape, scale) that of its scale."""
        found = [self.visit(argument) for argument in node.args]
        if name == "Exponential":
            return NUMBER.times(found[0], -1)
        if found[0].exponents:
            self.expression.fail(f"the first argument of {name} must be a number.", node.args[0])
        return found[1] if len(found) > 1 else NUMBER

    def _table(self, name: str, node: ast.Call) -> Dimension:
        for argument, unit in zip(node.args, ("ms", ""), strict=False):
            found = self.visit(argument)
            if not found.fits(dimension(unit)):
                self.expression.fail(f"'{self.expression.text(argument)}' is in {found}; {name} takes a time and, if "
                                     "it has several columns, a number.", argument)
        return dimension(self.tables[name])

    def _alike(self, nodes: list[ast.expr], result: Dimension | None = None) -> Dimension:
        common = ZERO
        for node in nodes:
            found = self.visit(node)
            if not found.fits(common):
                self.expression.fail(
                    f"'{self.expression.text(node)}' is in {found}, but "
                    f"'{self.expression.text(nodes[0])}' is in {common}.{_advice(found, common)}",
                    node,
                )
            common = found if common.any else common
        return common if result is None else result

    def _truth(self, node: ast.expr) -> Dimension:
        if not isinstance(node, ast.Compare | ast.BoolOp) and not (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        ) and not self._is_boolean(node):
            self.expression.fail(f"'{self.expression.text(node)}' is not a condition.", node)
        return self.visit(node)


    def _is_boolean(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return self.units.get(node.id, "").strip() == "boolean"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id in ("isnan", "isfinite")
        return isinstance(node, ast.Constant) and isinstance(node.value, bool)


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
