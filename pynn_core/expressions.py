"""Arithmetic expressions in named variables, such as "0.5*exp(-d/100)", worked out on arrays without eval().

A text is parsed with `ast`; only the operators, functions and names listed here are let through, each of which becomes
a NumPy operation. So a network description from somebody else's file cannot do anything but arithmetic.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

import numpy as np

from pyNN.errors import ExpressionError, nearest

MAX_LENGTH = 2000

CONSTANTS = {"pi": np.pi, "e": np.e, "inf": np.inf, "True": True, "False": False}

_ONE_ARGUMENT = (
    "abs absolute arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil cos cosh deg2rad degrees exp exp2 expm1 "
    "fabs floor isfinite isinf isnan log log10 log1p log2 logical_not negative positive rad2deg radians reciprocal "
    "rint sign signbit sin sinc sinh sqrt square tan tanh trunc"
).split()
_TWO_ARGUMENTS = (
    "arctan2 copysign equal float_power floor_divide fmax fmin fmod greater greater_equal heaviside hypot less "
    "less_equal logaddexp logical_and logical_or logical_xor maximum minimum mod not_equal power remainder add "
    "subtract multiply divide true_divide"
).split()

FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    **{name: (getattr(np, name), 1, 1) for name in _ONE_ARGUMENT},
    **{name: (getattr(np, name), 2, 2) for name in _TWO_ARGUMENTS},
    "acos": (np.arccos, 1, 1),
    "asin": (np.arcsin, 1, 1),
    "atan": (np.arctan, 1, 1),
    "atan2": (np.arctan2, 2, 2),
    "pow": (np.power, 2, 2),
    "min": (lambda *x: reduce(np.minimum, x), 2, 20),
    "max": (lambda *x: reduce(np.maximum, x), 2, 20),
    "round": (np.rint, 1, 1),
    "clip": (np.clip, 3, 3),
    "where": (np.where, 3, 3),
}
"""Name -> (function of arrays, fewest arguments, most arguments)."""

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: np.logical_and,
    ast.BitOr: np.logical_or,
    ast.BitXor: np.logical_xor,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: np.positive,
    ast.USub: np.negative,
    ast.Not: np.logical_not,
    ast.Invert: np.logical_not,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}

_LOGICAL = (np.logical_and, np.logical_or, np.logical_xor, np.logical_not)

Evaluator = Callable[[dict[str, Any]], Any]


def _as_number(value: Any) -> Any:
    """A truth value as 0.0 or 1.0: NumPy adds booleans as "or", refuses to subtract them, and takes exp() of them in
    half precision."""
    return value.astype(float) if value.dtype == bool else value


class Expression:
    """A function of the given variables: ``Expression("0.5*exp(-d/100)", ("d",))(d)`` for a number or an array d.

    Operators: + - * / // % **, comparisons (also chained), and/or/not (& | ^ ~), ``a if condition else b``; functions
    and constants of this module. Variables are passed by position or by name and broadcast against each other; the
    result has their common shape. Raises ExpressionError for a text that is not such an expression, and where it
    evaluates to NaN (not for inf). Two expressions of the same text and variables are equal; pickling works.
    """

    def __init__(self, text: str, variables: Iterable[str] = ("d",)) -> None:
        self.text = str(text).strip()
        self.variables = tuple(variables)
        self._evaluate, self.used = _compile(self.text, self.variables)

    def __call__(self, *values: Any, **named: Any) -> Any:
        given = dict(zip(self.variables, values, strict=False)) | named
        missing = [name for name in self.variables if name in self.used and name not in given]
        unknown = [name for name in named if name not in self.variables]
        if missing or unknown or len(values) > len(self.variables):
            raise ExpressionError(
                f"'{self.text}' is evaluated with a value for each of its variables {', '.join(self.variables)}; "
                f"{'missing: ' + ', '.join(missing) if missing else 'there are too many values'}."
            )
        arrays = {name: np.asarray(value, dtype=float) for name, value in given.items()}
        with np.errstate(all="ignore"):
            result = np.asarray(self._evaluate(arrays))
        if result.dtype.kind == "f" and np.isnan(result).any():
            raise ExpressionError(self._nan_message(arrays, result))
        result = np.broadcast_to(result, np.broadcast_shapes(result.shape, *(a.shape for a in arrays.values())))
        return result.copy() if result.ndim else result[()]

    def _nan_message(self, arrays: dict[str, Any], result: Any) -> str:
        where = tuple(index[0] for index in np.nonzero(np.isnan(result))) if result.ndim else ()
        used = {name: value for name, value in arrays.items() if name in self.used}
        at = ", ".join(f"{name}={np.broadcast_to(value, result.shape)[where]:g}" for name, value in used.items())
        return f"'{self.text}' is not a number (NaN){' for ' + at if at else ''}."

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and (self.text, self.variables) == (other.text, other.variables)

    def __hash__(self) -> int:
        return hash((self.text, self.variables))

    def __reduce__(self) -> Any:
        return (Expression, (self.text, self.variables))

    def __repr__(self) -> str:
        return f"Expression({self.text!r}, {self.variables!r})"


def _compile(text: str, variables: tuple[str, ...]) -> tuple[Evaluator, frozenset[str]]:
    if not text or len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"An expression has 1 to {MAX_LENGTH} characters; this one has {len(text)}. {_allowed(variables)}"
        )
    try:
        tree = ast.parse(text, mode="eval")
        evaluate = _Compiler(text, variables).expression(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ExpressionError):
            raise
        reason = getattr(error, "msg", None) or str(error) or type(error).__name__
        raise ExpressionError(f"'{text}' is not an expression ({reason}). {_allowed(variables)}") from error
    used = frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id in variables)
    return evaluate, used


def _allowed(variables: tuple[str, ...]) -> str:
    return (
        f"Allowed are the variables {', '.join(variables)}; the constants {', '.join(sorted(CONSTANTS))}; "
        "the operators + - * / // % **, comparisons, and, or, not, if-else; "
        f"and the functions {', '.join(sorted(FUNCTIONS))}."
    )


class _Compiler:
    """Turns syntax nodes into functions of a dictionary of variables."""

    def __init__(self, text: str, variables: tuple[str, ...]) -> None:
        self.text = text
        self.variables = variables

    def refuse(self, what: str) -> ExpressionError:
        return ExpressionError(f"'{self.text}': {what} {_allowed(self.variables)}")

    def expression(self, node: ast.AST) -> Evaluator:
        method = getattr(self, "_" + type(node).__name__, None)
        if method is None:
            raise self.refuse(f"'{ast.unparse(node)}' is not allowed in an expression.")
        return method(node)

    def _Constant(self, node: ast.Constant) -> Evaluator:
        if not isinstance(node.value, int | float):
            raise self.refuse(f"{node.value!r} is not a real number.")
        # As a float, a tower of powers overflows to inf at once instead of computing a number of a billion digits.
        try:
            value = np.float64(node.value)
        except OverflowError:
            raise self.refuse(f"{str(node.value)[:20]}... is too large a number.") from None
        return lambda variables: value

    def _Name(self, node: ast.Name) -> Evaluator:
        name = node.id
        if name in self.variables:
            return lambda variables: variables[name]
        if name in CONSTANTS:
            value = np.float64(CONSTANTS[name])
            return lambda variables: value
        hint = nearest(name, [*self.variables, *CONSTANTS, *FUNCTIONS])
        raise self.refuse(f"the name '{name}' has no meaning here.{hint}")

    def _BinOp(self, node: ast.BinOp) -> Evaluator:
        if type(node.op) not in _BINARY:
            raise self.refuse(f"the operator in '{ast.unparse(node)}' is not allowed.")
        operation, left, right = _BINARY[type(node.op)], self.expression(node.left), self.expression(node.right)
        if operation in _LOGICAL:
            return lambda variables: operation(left(variables), right(variables))
        return lambda variables: operation(_as_number(left(variables)), _as_number(right(variables)))

    def _UnaryOp(self, node: ast.UnaryOp) -> Evaluator:
        operation, operand = _UNARY[type(node.op)], self.expression(node.operand)
        if operation in _LOGICAL:
            return lambda variables: operation(operand(variables))
        return lambda variables: operation(_as_number(operand(variables)))

    def _BoolOp(self, node: ast.BoolOp) -> Evaluator:
        operation = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        operands = [self.expression(value) for value in node.values]
        return lambda variables: reduce(operation, [operand(variables) for operand in operands])

    def _Compare(self, node: ast.Compare) -> Evaluator:
        for op in node.ops:
            if type(op) not in _COMPARISONS:
                raise self.refuse(f"the comparison in '{ast.unparse(node)}' is not allowed.")
        operations = [_COMPARISONS[type(op)] for op in node.ops]
        operands = [self.expression(value) for value in (node.left, *node.comparators)]

        def compare(variables: dict[str, Any]) -> Any:
            values = [operand(variables) for operand in operands]
            pairs = zip(operations, values[:-1], values[1:], strict=True)
            return reduce(np.logical_and, [operation(a, b) for operation, a, b in pairs])

        return compare

    def _IfExp(self, node: ast.IfExp) -> Evaluator:
        test, then, otherwise = (self.expression(part) for part in (node.test, node.body, node.orelse))
        return lambda variables: np.where(test(variables), then(variables), otherwise(variables))

    def _Call(self, node: ast.Call) -> Evaluator:
        name = ast.unparse(node.func)
        if not isinstance(node.func, ast.Name) or name not in FUNCTIONS:
            raise self.refuse(f"there is no function '{name}'.{nearest(name, FUNCTIONS)}")
        if node.keywords or any(isinstance(arg, ast.Starred) for arg in node.args):
            raise self.refuse(f"'{ast.unparse(node)}': arguments are given one by one, without names.")
        function, fewest, most = FUNCTIONS[name]
        if not fewest <= len(node.args) <= most:
            count = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise self.refuse(f"{name}() takes {count} argument(s), and {len(node.args)} were given.")
        arguments = [self.expression(arg) for arg in node.args]
        return lambda variables: function(*(_as_number(argument(variables)) for argument in arguments))
