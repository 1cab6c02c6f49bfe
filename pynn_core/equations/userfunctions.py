"""Python functions for models: their syntax tree becomes a function of the language, which every backend has.

A function that computes one number from numbers, with assignments, if/else and known functions, is an expression. It is
written as such, "f(x, y) = expression", and inserted wherever a model calls it. So it runs on every backend that has
the model, its cells are as fast as if its author had written the expression, and units are checked as they are there.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

from pyNN.equations import language
from pyNN.errors import EquationError, InvalidModelError, InvalidParameterValueError, nearest
from pyNN.units import factor

_LONGEST = 20_000
"""Characters of an expression: one that is larger has grown by values that are used again and again."""
_BUILTINS = {"abs": "abs", "min": "minimum", "max": "maximum", "round": "round", "int": "int", "pow": "power"}
_MODULES = ("math", "np", "numpy")
_OF_MODULES = {
    "where": "ite", "mod": "modulo", "rint": "round", "absolute": "abs", "float_power": "power", "fmod": "modulo",
}  # fmt: skip
_NUMBERS = {"pi": "pi", "e": "e", "inf": "inf"}


class UserFunction:
    """A function that models call by its name, and Python too: with numbers, arrays or quantities.

    Called with quantities, arguments are converted to `units` and the result has the unit `returns`; numbers are taken
    to be in those units.
    """

    def __init__(self, python: Callable[..., Any], units: Mapping[str, str] | None = None, returns: str = "") -> None:
        self.python = python
        self.name = python.__name__
        self.__doc__ = python.__doc__
        reader = _Reader(python)
        self.arguments = reader.arguments
        for name in units or {}:
            if name not in self.arguments:
                raise EquationError(
                    f"function {self.name}: units= names '{name}', which is no argument."
                    f"{nearest(name, self.arguments)} Arguments: {', '.join(self.arguments)}."
                )
        self.units = {name: (units or {}).get(name, "") for name in self.arguments}
        self.returns = returns
        body = ast.unparse(reader.expression({n: _without_unit(n, u) for n, u in self.units.items()}))
        if returns.strip() not in ("", "1"):
            body = f"({body})*({returns})"
        if len(body) > _LONGEST:
            raise EquationError(
                f"function {self.name}: as an expression it has {len(body)} characters. Split it into functions, or "
                "name intermediate values in the equations: 'x = expression : unit'."
            )
        self.text = f"{self.name}({', '.join(self.arguments)}) = {body}"
        """As it stands in a model's functions."""
        language.parse_functions(self.text, f"function {self.name}")

    def __call__(self, *values: Any) -> Any:
        if len(values) != len(self.arguments):
            raise InvalidParameterValueError(
                f"{self.name} takes {len(self.arguments)} argument(s) ({', '.join(self.arguments)}); {len(values)} "
                "were given."
            )
        numbers, quantities = [], False
        for value, unit in zip(values, self.units.values(), strict=True):
            dimension = getattr(value, "dimensionality", None)
            quantities |= dimension is not None
            scale = 1.0 if dimension is None else factor(str(dimension.string), unit)
            numbers.append(np.asarray(getattr(value, "magnitude", value), dtype=float) * scale)
        if all(number.ndim == 0 for number in numbers):
            result: Any = self.python(*(float(number) for number in numbers))
        else:
            result = np.vectorize(self.python, otypes=[float])(*numbers)
        if quantities and self.returns.strip() not in ("", "1"):
            from pyNN.units import quantity

            return result * quantity(self.returns).units
        return result

    def __repr__(self) -> str:
        return f"<function {self.text}>"


def function(python: Any = None, *, units: Mapping[str, str] | None = None, returns: str = "") -> Any:
    """Make a Python function one that equations can call; used as a decorator, plain or with units.

    `units`: of arguments, by name (PyNN's way to write them: "mV", "1/ms"); others are plain numbers. `returns`: unit
    of the result. Inside, arguments are numbers in those units. The function may assign, use if/else and conditional
    expressions, arithmetic, comparisons, the functions of equations from math, numpy or the builtins, numbers that are
    known where it is defined, and other such functions. EquationError says, with the line, what it may not: loops,
    lists, further functions; and where there is no source to read (an interactive line).
    """
    if python is None:
        return lambda f: UserFunction(f, units, returns)
    if not callable(python) or not hasattr(python, "__name__"):
        raise InvalidModelError(f"sim.function decorates a function, not {python!r}.")
    return UserFunction(python, units, returns)


def text_of(functions: Any, model: str) -> str:
    """Functions as text: from text, a function of `function`, or several of either."""
    if functions is None:
        return ""
    if isinstance(functions, UserFunction):
        return functions.text
    if isinstance(functions, str):
        return functions
    if isinstance(functions, Iterable):
        return "\n".join(text_of(one, model) for one in functions)
    raise InvalidModelError(
        f"{model}: functions are text, 'f(x) = expression', or functions that sim.function has made, not {functions!r}."
    )


def _without_unit(name: str, unit: str) -> ast.expr:
    """An argument as a plain number of its unit."""
    if unit.strip() in ("", "1"):
        return ast.Name(name, ast.Load())
    return ast.parse(f"({name}/({unit}))", mode="eval").body


class _Reader:
    """From a Python function to an expression."""

    def __init__(self, python: Callable[..., Any]) -> None:
        self.name = getattr(python, "__name__", "function")
        try:
            source, self.first = inspect.getsourcelines(python)
        except (OSError, TypeError) as error:
            raise EquationError(
                f"function {self.name}: its source cannot be read ({error}). Write it in a file or a notebook, or as "
                "text: functions='f(x) = expression'."
            ) from error
        self.lines = textwrap.dedent("".join(source)).split("\n")
        try:
            tree = ast.parse("\n".join(self.lines))
        except SyntaxError as error:
            raise EquationError(f"function {self.name}: it must be a function of its own, written with def.") from error
        found = tree.body[0] if tree.body else None
        if not isinstance(found, ast.FunctionDef):
            raise EquationError(f"function {self.name}: it must be written with def.")
        self.tree = found
        given = found.args
        if given.vararg or given.kwarg or given.kwonlyargs or given.defaults:
            self.fail("arguments are plain names, without *, ** and default values.", found)
        self.arguments = [a.arg for a in (*given.posonlyargs, *given.args)]
        closure = inspect.getclosurevars(python)
        self.outside = {**closure.builtins, **closure.globals, **closure.nonlocals}

    def fail(self, message: str, node: ast.AST) -> NoReturn:
        number = getattr(node, "lineno", 1)
        line = self.lines[number - 1] if number <= len(self.lines) else ""
        column = getattr(node, "col_offset", 0) - (len(line) - len(line.lstrip()))
        width = max(1, getattr(node, "end_col_offset", 1) - getattr(node, "col_offset", 0))
        if getattr(node, "end_lineno", number) != number:
            width = len(line.strip())
        raise EquationError(
            f"function {self.name}, line {self.first + number - 1}: {message}\n    {line.strip()}\n    "
            f"{' ' * max(column, 0)}{'^' * width}"
        )

    def expression(self, values: Mapping[str, ast.expr]) -> ast.expr:
        """The function's result, with other expressions for its arguments."""
        result = self._block(self.tree.body, dict(values))
        if result is None:
            self.fail("not every way through the function ends in 'return expression'.", self.tree)
        return result

    def _block(self, statements: list[ast.stmt], values: dict[str, ast.expr]) -> ast.expr | None:
        for place, statement in enumerate(statements):
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            if isinstance(statement, ast.Return):
                if statement.value is None:
                    self.fail("the function must return a number.", statement)
                return self._value(statement.value, values)
            if isinstance(statement, ast.If):
                rest = statements[place + 1 :]
                yes = self._block([*statement.body, *rest], dict(values))
                no = self._block([*statement.orelse, *rest], dict(values))
                if yes is None or no is None:
                    return None
                return _call("ite", self._value(statement.test, values), yes, no)
            self._assign(statement, values)
        return None

    def _assign(self, statement: ast.stmt, values: dict[str, ast.expr]) -> None:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target, value = statement.targets[0], self._value(statement.value, values)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target, value = statement.target, self._value(statement.value, values)
        elif isinstance(statement, ast.AugAssign):
            target = statement.target
            old = self._value(ast.copy_location(ast.Name(getattr(target, "id", ""), ast.Load()), target), values)
            value = ast.BinOp(old, statement.op, self._value(statement.value, values))
        else:
            self.fail(
                "this cannot be part of an expression; possible are assignments to a name, if/else and return. A loop "
                "over cells is not needed: the function is called for each.", statement,
            )  # fmt: skip
        if not isinstance(target, ast.Name):
            self.fail("values are assigned to plain names.", target)
        values[target.id] = value

    def _value(self, node: ast.expr, values: Mapping[str, ast.expr]) -> ast.expr:
        if isinstance(node, ast.Name):
            return self._name(node, values)
        if isinstance(node, ast.Constant):
            if isinstance(node.value, (int, float)):
                return node
            self.fail(f"{node.value!r} is not a number.", node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Call):
            return self._called(node, values)
        if isinstance(node, ast.IfExp):
            return _call("ite", *(self._value(n, values) for n in (node.test, node.body, node.orelse)))
        if isinstance(node, ast.BinOp):
            return ast.BinOp(self._value(node.left, values), node.op, self._value(node.right, values))
        if isinstance(node, ast.UnaryOp):
            return ast.UnaryOp(node.op, self._value(node.operand, values))
        if isinstance(node, ast.BoolOp):
            return ast.BoolOp(node.op, [self._value(value, values) for value in node.values])
        if isinstance(node, ast.Compare):
            sides = [self._value(side, values) for side in (node.left, *node.comparators)]
            pairs = [ast.Compare(a, [op], [b]) for a, op, b in zip(sides, node.ops, sides[1:], strict=False)]
            return pairs[0] if len(pairs) == 1 else ast.BoolOp(ast.And(), list(pairs))
        self.fail(f"'{ast.unparse(node)}' cannot be part of an expression.", node)

    def _name(self, node: ast.Name, values: Mapping[str, ast.expr]) -> ast.expr:
        if node.id in values:
            return values[node.id]
        given = self.outside.get(node.id)
        if isinstance(given, (int, float, np.integer, np.floating)):
            return ast.Constant(given if isinstance(given, bool) else float(given))
        self.fail(
            f"'{node.id}' is not known here.{nearest(node.id, [*values, *self.outside])} Possible are arguments, what "
            "was assigned before, and numbers that are known where the function is defined.", node,
        )  # fmt: skip

    def _attribute(self, node: ast.Attribute) -> ast.expr:
        if isinstance(node.value, ast.Name) and node.value.id in _MODULES and node.attr in _NUMBERS:
            return ast.Name(_NUMBERS[node.attr], ast.Load())
        self.fail(f"'{ast.unparse(node)}' is not a number that equations have.", node)

    def _called(self, node: ast.Call, values: Mapping[str, ast.expr]) -> ast.expr:
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            self.fail("arguments are given by position.", node)
        arguments = [self._value(argument, values) for argument in node.args]
        given = self.outside.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if isinstance(given, UserFunction):
            return self._inserted(given, arguments, node)
        name = self._function_name(node.func)
        if name == "float" and len(arguments) == 1:
            return arguments[0]
        if name in ("minimum", "maximum") and len(arguments) > 2:
            result = arguments[0]
            for argument in arguments[1:]:
                result = _call(name, result, argument)
            return result
        known = {k: n for k, n in language.FUNCTIONS.items() if k not in ("sum", "before")}
        if name not in known:
            self.fail(
                f"'{ast.unparse(node.func)}' is not a function of equations.{nearest(name, known)} Functions: "
                f"{', '.join(known)}; and those that sim.function has made before this one.", node,
            )  # fmt: skip
        if len(arguments) != known[name]:
            self.fail(f"{name} takes {known[name]} argument(s).", node)
        return _call(name, *arguments)

    def _inserted(self, given: UserFunction, arguments: list[ast.expr], node: ast.Call) -> ast.expr:
        """What another function is; numbers are in its units, as in Python."""
        if len(arguments) != len(given.arguments):
            self.fail(f"{given.name} takes {len(given.arguments)} argument(s).", node)
        return _Reader(given.python).expression(dict(zip(given.arguments, arguments, strict=True)))

    def _function_name(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            given = self.outside.get(node.id)
            own = getattr(given, "__name__", node.id)
            name = _BUILTINS.get(node.id, node.id if node.id == "float" else own)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in _MODULES:
            name = node.attr
        else:
            return ast.unparse(node)
        name = _OF_MODULES.get(name, name)
        # The positive part of equations, "pos", is another function than NumPy's positive.
        return "" if name in ("positive", "negative") else language.ALIASES.get(name, name)


def _call(name: str, *arguments: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


# --- functions and constants of all models in ANNarchy's notation ------------------------------------------------

_ADDED: dict[str, str] = {}
_CONSTANTS: dict[str, Constant] = {}


def add_function(text: str | UserFunction) -> None:
    """Let all models in ANNarchy's notation that are made from now on call a function: "f(x, y) = expression".

    A text may say types after a colon, as in "f(x) = x**2 : float, float". Functions added before may be called. A
    second one of the same name takes its place.
    """
    from pyNN.equations.annarchy import read_functions

    given = text.text if isinstance(text, UserFunction) else text
    lines, names = read_functions(given, "add_function")
    if len(names) != 1:
        raise EquationError(f"add_function takes one function, 'f(x) = expression', not {given!r}.")
    before = {name: line for name, line in _ADDED.items() if name != names[0]}
    language.parse_functions("\n".join([*before.values(), lines]), "add_function")
    _ADDED.clear()
    _ADDED.update({**before, names[0]: lines})


def functions(name: str) -> Callable[..., Any]:
    """A function that add_function() added, to be called with numbers or arrays, which broadcast."""
    if name not in _ADDED:
        raise InvalidParameterValueError(
            f"There is no function '{name}'.{nearest(name, _ADDED)} Added are: {', '.join(_ADDED) or 'none'}."
        )
    made = language.parse_functions("\n".join(_ADDED.values()), "add_function")[name]
    from pyNN.expressions import Expression

    return Expression(ast.unparse(_AsNumPy().visit(made.tree)), made.arguments)


class _AsNumPy(ast.NodeTransformer):
    """Writes functions of the language in the words of pyNN.expressions."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        arguments = [self.visit(argument) for argument in node.args]
        name = getattr(node.func, "id", "")
        if name in ("positive", "negative"):
            return _call("maximum" if name == "positive" else "minimum", arguments[0], ast.Constant(0.0))
        if name == "exprel":
            x = ast.unparse(arguments[0])
            text = f"where(abs({x}) < 1e-5, 1 + ({x})/2, expm1({x})/({x}))"
            return ast.parse(text, mode="eval").body
        return _call({"ite": "where", "modulo": "mod", "int": "trunc"}.get(name, name), *arguments)


def added_functions() -> dict[str, str]:
    """Text of the functions of add_function() by name."""
    return dict(_ADDED)


class Constant(float):
    """A number with a name that all models in ANNarchy's notation know, unless they have a parameter of that name.

    ``Constant("g", 9.81)``. It is a number itself, and what is computed from it is not changed by `set`.
    """

    name: str

    def __new__(cls, name: str, value: float) -> Constant:
        if not isinstance(name, str) or not name.isidentifier() or name in (*language.FUNCTIONS, *language.CONSTANTS):
            raise InvalidParameterValueError(f"Constant: {name!r} cannot be the name of a number.")
        try:
            made = super().__new__(cls, value)
        except (TypeError, ValueError) as error:
            raise InvalidParameterValueError(f"Constant '{name}' is one number, not {value!r}.") from error
        made.name = name
        _CONSTANTS[name] = made
        return made

    def set(self, value: float) -> Constant:
        """Give another value to models that are made from now on; the new constant."""
        return Constant(self.name, value)

    @property
    def value(self) -> float:
        """The number."""
        return float(self)

    def __repr__(self) -> str:
        return f"Constant({self.name!r}, {float(self)!r})"


def get_constant(name: str) -> Constant:
    """The constant of this name, with its present value."""
    if name not in _CONSTANTS:
        raise InvalidParameterValueError(
            f"There is no constant '{name}'.{nearest(name, _CONSTANTS)} Constants: {', '.join(_CONSTANTS) or 'none'}."
        )
    return _CONSTANTS[name]


def list_constants() -> list[str]:
    """Names of all constants."""
    return list(_CONSTANTS)


def clear_functions_and_constants() -> None:
    """Forget what add_function() and Constant() have made; models that exist keep it."""
    _ADDED.clear()
    _CONSTANTS.clear()
