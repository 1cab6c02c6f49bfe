"""The units of the API and the factors between units, computed and never typed.

PyNN's units are the interface's: ms, mV, nA, nF, uS, Hz, nS. Parsing and dimensions are those of the `quantities`
package; this module only adds the spellings that PyNN's tables use.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

import quantities as pq

from pyNN.errors import UnitsError

_LONGEST = 200
_LARGEST_POWER = 99
_SPELLINGS = {"": "dimensionless", "1": "dimensionless", "degrees": "degree"}


@cache
def quantity(unit: str) -> Any:
    """One `unit` as a `quantities.Quantity`; "mV/ms", "/ms" and "" (dimensionless) are understood.

    Raises UnitsError where the text is not a unit.
    """
    text = _SPELLINGS.get(unit.strip(), unit.strip())
    if text.startswith("/"):
        text = "1" + text
    wrong = f"'{unit:.{_LONGEST}}' is not a unit. Units look like mV, nA, uS, 1/ms or mV/ms."
    if not _is_product_of_powers(text):
        raise UnitsError(wrong)
    try:
        return pq.Quantity(1.0, text)
    except Exception as error:
        raise UnitsError(wrong) from error


def _is_product_of_powers(text: str) -> bool:
    """Whether `quantities`, which works out any arithmetic in a unit, will not have to do with huge numbers."""
    if len(text) > _LONGEST:
        return False
    try:
        tree = ast.parse(text.replace("^", "**").replace("\u00b7", "*").replace("%", "percent"), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    powers = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)]
    if any(isinstance(node, ast.Pow) for power in powers for node in ast.walk(power.left)):
        return False
    return all(_is_small(power.right) for power in powers) and all(_is_allowed(node) for node in ast.walk(tree))


def _is_small(exponent: ast.expr) -> bool:
    if isinstance(exponent, ast.UnaryOp):
        return _is_small(exponent.operand)
    if isinstance(exponent, ast.BinOp) and isinstance(exponent.op, ast.Div):
        return _is_small(exponent.left) and _is_small(exponent.right)
    value = exponent.value if isinstance(exponent, ast.Constant) else None
    return isinstance(value, (int, float)) and abs(value) <= _LARGEST_POWER


_ALLOWED = (
    ast.Expression, ast.Name, ast.Load, ast.BinOp, ast.UnaryOp, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd,
    ast.Attribute,
)  # fmt: skip


def _is_allowed(node: ast.AST) -> bool:
    """Whether a node is part of a product of powers; `quantities` takes the dot of "mV.s" for a product."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
    return isinstance(node, _ALLOWED)


@cache
def factor(given: str, wanted: str) -> float:
    """The number that turns a value in `given` units into one in `wanted` units; UnitsError if they do not fit."""
    try:
        exact = float(quantity(given).rescale(quantity(wanted).units).magnitude)
    except ValueError as error:
        raise UnitsError(f"'{given}' cannot be expressed in '{wanted}'.") from error
    # A decimal prefix must not cost a rounding error: 1 nF is 1000 pF, not 999.9999999999999 pF.
    rounded = float(f"{exact:.12g}")
    return rounded if abs(rounded - exact) <= 1e-15 * abs(exact) else exact
