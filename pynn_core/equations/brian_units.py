"""Brian2's unit names: which there are, what they mean, and the unit of PyNN that stands for a declared one.

``from pyNN.equations.brian_units import mV, ms, nA`` gives unit objects (of the package quantities) under those names,
so that a script can say ``tau=10*ms``. Brian2 names units by SI unit and prefix (mvolt, usiemens, kmetre2) and by short
symbols (mV, nS, cm2).
"""

from __future__ import annotations

import ast
import re
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from pyNN.equations.foreign_text import Text
from pyNN.errors import UnitsError, nearest
from pyNN.units import factor, quantity

_PREFIXES = {
    "y": -24, "z": -21, "a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "c": -2, "d": -1,
    "": 0, "da": 1, "h": 2, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18, "Z": 21, "Y": 24,
}  # fmt: skip
# Exponents of metre, kilogram, second, ampere, kelvin, mole, candela, and the power of ten.
_NAMED: dict[str, tuple[tuple[int, ...], int]] = {
    "metre": ((1, 0, 0, 0, 0, 0, 0), 0),
    "meter": ((1, 0, 0, 0, 0, 0, 0), 0),
    "kilogram": ((0, 1, 0, 0, 0, 0, 0), 0),
    "kilogramme": ((0, 1, 0, 0, 0, 0, 0), 0),
    "gram": ((0, 1, 0, 0, 0, 0, 0), -3),
    "gramme": ((0, 1, 0, 0, 0, 0, 0), -3),
    "second": ((0, 0, 1, 0, 0, 0, 0), 0),
    "amp": ((0, 0, 0, 1, 0, 0, 0), 0),
    "ampere": ((0, 0, 0, 1, 0, 0, 0), 0),
    "kelvin": ((0, 0, 0, 0, 1, 0, 0), 0),
    "mole": ((0, 0, 0, 0, 0, 1, 0), 0),
    "mol": ((0, 0, 0, 0, 0, 1, 0), 0),
    "molar": ((-3, 0, 0, 0, 0, 1, 0), 3),
    "liter": ((3, 0, 0, 0, 0, 0, 0), -3),
    "litre": ((3, 0, 0, 0, 0, 0, 0), -3),
    "candela": ((0, 0, 0, 0, 0, 0, 1), 0),
    "lumen": ((0, 0, 0, 0, 0, 0, 1), 0),
    "lux": ((-2, 0, 0, 0, 0, 0, 1), 0),
    "radian": ((0, 0, 0, 0, 0, 0, 0), 0),
    "steradian": ((0, 0, 0, 0, 0, 0, 0), 0),
    "hertz": ((0, 0, -1, 0, 0, 0, 0), 0),
    "becquerel": ((0, 0, -1, 0, 0, 0, 0), 0),
    "newton": ((1, 1, -2, 0, 0, 0, 0), 0),
    "pascal": ((-1, 1, -2, 0, 0, 0, 0), 0),
    "joule": ((2, 1, -2, 0, 0, 0, 0), 0),
    "watt": ((2, 1, -3, 0, 0, 0, 0), 0),
    "coulomb": ((0, 0, 1, 1, 0, 0, 0), 0),
    "volt": ((2, 1, -3, -1, 0, 0, 0), 0),
    "farad": ((-2, -1, 4, 2, 0, 0, 0), 0),
    "ohm": ((2, 1, -3, -2, 0, 0, 0), 0),
    "siemens": ((-2, -1, 3, 2, 0, 0, 0), 0),
    "weber": ((2, 1, -2, -1, 0, 0, 0), 0),
    "tesla": ((0, 1, -2, -1, 0, 0, 0), 0),
    "henry": ((2, 1, -2, -2, 0, 0, 0), 0),
    "gray": ((2, 0, -2, 0, 0, 0, 0), 0),
    "sievert": ((2, 0, -2, 0, 0, 0, 0), 0),
    "katal": ((0, 0, -1, 0, 0, 1, 0), 0),
}
_SHORT = {
    "s": "second", "A": "amp", "F": "farad", "S": "siemens", "V": "volt", "Hz": "hertz", "m": "metre", "M": "molar",
}  # fmt: skip
# Brian2 has short symbols only with these prefixes, so that names such as m, s and A stay free for variables.
_SHORT_PREFIXES = {
    "s": ("m", "u", "n"), "A": ("m", "u", "n", "p"), "F": ("m", "u", "n", "p"), "S": ("m", "u", "n"),
    "V": ("m", "u", "n"), "Hz": ("", "k", "M", "G"), "m": ("c", "m", "u", "n"), "M": ("m", "u", "n"),
}  # fmt: skip
_SI = ("m", "kg", "s", "A", "K", "mol", "cd")
# The unit in which PyNN counts a dimension; what is not here is made of the units of SI.
_PYNN: dict[tuple[int, ...], str] = {
    (2, 1, -3, -1, 0, 0, 0): "mV",
    (0, 0, 1, 0, 0, 0, 0): "ms",
    (0, 0, 0, 1, 0, 0, 0): "nA",
    (-2, -1, 4, 2, 0, 0, 0): "nF",
    (-2, -1, 3, 2, 0, 0, 0): "uS",
    (0, 0, -1, 0, 0, 0, 0): "Hz",
    (0, 0, 0, 0, 0, 0, 0): "1",
    (2, 1, -4, -1, 0, 0, 0): "mV/ms",
    (0, 0, -1, 1, 0, 0, 0): "nA/ms",
    (0, 0, 1, 1, 0, 0, 0): "nA*ms",
    (-2, -1, 2, 2, 0, 0, 0): "uS/ms",
    (2, 1, -3, -2, 0, 0, 0): "megaohm",
    (1, 0, 0, 0, 0, 0, 0): "um",
    (2, 0, 0, 0, 0, 0, 0): "um**2",
    (-3, 0, 0, 0, 0, 1, 0): "mM",
    (-2, 0, 0, 1, 0, 0, 0): "mA/cm**2",
    (-4, -1, 3, 2, 0, 0, 0): "S/cm**2",
    (-4, -1, 4, 2, 0, 0, 0): "uF/cm**2",
}
TYPES = ("boolean", "integer")
Exponents = tuple[Fraction, ...]


@cache
def meaning(name: str) -> tuple[Exponents, float] | None:
    """Exponents of the SI base units and the size in SI of a unit that Brian2 knows; None for any other name."""
    match = re.fullmatch(r"(?P<unit>[A-Za-z]+?)(?P<power>[23]?)", name)
    if match is None:
        return None
    found = _without_power(match["unit"])
    if found is None:
        return None
    exponents, ten = found
    power = int(match["power"] or 1)
    return tuple(Fraction(e * power) for e in exponents), float(f"1e{ten * power}")


def _without_power(name: str) -> tuple[tuple[int, ...], int] | None:
    for long, (exponents, ten) in _NAMED.items():
        if name.endswith(long) and name[: -len(long)] in _PREFIXES and not (long.startswith("kilo") and name != long):
            return exponents, ten + _PREFIXES[name[: -len(long)]]
    for short, prefixes in _SHORT_PREFIXES.items():
        if name.endswith(short) and name[: -len(short)] in prefixes:
            exponents, ten = _NAMED[_SHORT[short]]
            return exponents, ten + _PREFIXES[name[: -len(short)]]
    return None


def si_unit(exponents: Exponents) -> str:
    """A unit text for exponents of the SI base units."""
    parts = [symbol if e == 1 else f"{symbol}**{float(e):g}" for symbol, e in zip(_SI, exponents, strict=True) if e]
    return "*".join(parts) or "1"


def pynn_unit(exponents: Exponents) -> str:
    """The unit in which numbers of this dimension are given and shown."""
    known = _PYNN.get(tuple(int(e) for e in exponents)) if all(e.denominator == 1 for e in exponents) else None
    if known is not None:
        return known
    # What is not a dimension of its own counts time in ms and voltage in mV, as the others do.
    possible = []
    for extra in map(Fraction, ("1/2", "-1/2", "1", "-1", "3/2", "-3/2", "2", "-2")):
        shifted = tuple(e - (extra if k == 2 else 0) for k, e in enumerate(exponents))
        base = _PYNN.get(tuple(int(e) for e in shifted)) if all(e.denominator == 1 for e in shifted) else None
        if base is not None:
            time = f"ms**{float(abs(extra)):g}" if abs(extra) != 1 else "ms"
            possible.append(f"{base.replace('Hz', '1/ms')}{'*' if extra > 0 else '/'}{time}")
    if possible:
        return min(possible, key=len)
    return si_unit(exponents)


def declared(text: Text, begin: int, end: int) -> str:
    """PyNN's unit for the unit that stands after ":" in a model; "boolean" and "integer" stay.

    As in Brian2 only base units may be declared (volt, not mV); the error says which.
    """
    raw = text.code[begin:end]
    lead = len(raw) - len(raw.lstrip())
    content = raw.strip()
    start = begin + lead
    if not content:
        text.fail("a unit is missing; write volt, amp, siemens, farad, second, hertz, or 1 for a plain number.", start)
    if content in TYPES:
        return content
    if content in ("bool", "int", "float"):
        word = {"bool": "boolean", "int": "integer", "float": "1"}[content]
        text.fail(f"'{content}' is not a unit; write '{word}'.", start, len(content))
    try:
        tree = ast.parse(content, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        text.fail(f"'{content}' is not a unit. Units look like volt, siemens/meter**2 or 1.", start, len(content))
    return pynn_unit(_exponents(tree, text, start, content))


def _exponents(node: ast.expr, text: Text, start: int, content: str) -> Exponents:
    zero = tuple(Fraction(0) for _ in _SI)
    place = start + getattr(node, "col_offset", 0)
    width = getattr(node, "end_col_offset", 1) - getattr(node, "col_offset", 0)
    if isinstance(node, ast.Name):
        return _base(node.id, text, place, width)
    if isinstance(node, ast.Constant) and node.value == 1 and (content.strip() == "1" or content.startswith("1/")):
        return zero
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        left = _exponents(node.left, text, start, content)
        right = _exponents(node.right, text, start, content)
        sign = 1 if isinstance(node.op, ast.Mult) else -1
        return tuple(a + sign * b for a, b in zip(left, right, strict=True))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        power = _number(node.right)
        if power is None:
            text.fail("the power of a unit is a number, as in meter**2.", place, width)
        return tuple(a * power for a in _exponents(node.left, text, start, content))
    text.fail(f"'{content}' is not a unit; a unit has no number before it: volt, not 1*volt.", place, width)


_LARGEST_POWER = 99


def _number(node: ast.expr) -> Fraction | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        if not -_LARGEST_POWER <= node.value <= _LARGEST_POWER:
            return None
        return Fraction(node.value).limit_denominator(12)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        above, below = _number(node.left), _number(node.right)
        return None if above is None or not below else above / below
    return None


def _base(name: str, text: Text, place: int, width: int) -> Exponents:
    found = meaning(name)
    if found is None:
        known = [n for n in _NAMED if n not in ("gram", "gramme")] + ["Hz", "boolean", "integer", "mmolar"]
        text.fail(
            f"'{name}' is not a unit.{nearest(name, known)} Units are base units such as volt, amp, siemens, "
            "farad, second, hertz, meter; 1 for a plain number.",
            place,
            width,
        )
    exponents, size = found
    # Brian2 takes mmolar, which is mol/m**3, for the base unit of a concentration.
    if size != 1.0:
        possible = [n for n, (e, ten) in _NAMED.items() if tuple(map(Fraction, e)) == exponents and ten == 0]
        word = "mmolar" if "molar" in name or name.endswith("M") else possible[0] if possible else si_unit(exponents)
        text.fail(
            f"'{name}' has a prefix; declare the base unit '{word}'. Numbers that a script gives are in PyNN's unit "
            f"({pynn_unit(exponents)}) all the same.",
            place, width,
        )  # fmt: skip
    return exponents


def unit_of_name(name: str) -> tuple[float, str] | None:
    """A unit name of an expression as (number, unit text); None where Brian2 has no such unit."""
    found = meaning(name)
    return None if found is None else (found[1], si_unit(found[0]))


def is_quantity(value: Any) -> bool:
    """Whether a value carries a unit: a Quantity of the package quantities, or one of Brian2's."""
    return hasattr(value, "dimensionality") or _brian_exponents(value) is not None


def _brian_exponents(value: Any) -> Exponents | None:
    # Brian2's own quantities are arrays in SI with the exponents of the seven base units in `dim`.
    exponents = getattr(getattr(value, "dim", None), "_dims", None)
    return tuple(Fraction(float(e)).limit_denominator(12) for e in exponents) if exponents is not None else None


def split(value: Any) -> tuple[Any, str]:
    """A quantity as (numbers, unit text), in PyNN's unit if the dimension has one; that of a plain number is "1"."""
    brian = _brian_exponents(value)
    if brian is not None:
        unit, given = pynn_unit(brian), si_unit(brian)
        numbers = np.asarray(value, dtype=float) * factor(given, unit)
        return (float(numbers), unit) if numbers.ndim == 0 else (numbers, unit)
    if hasattr(value, "dimensionality"):
        unit = str(value.dimensionality.string) if str(value.dimensionality.string) != "dimensionless" else "1"
        numbers = np.asarray(value.magnitude, dtype=float)
        return (float(numbers), unit) if numbers.ndim == 0 else (numbers, unit)
    return value, "1"


def in_unit(value: Any, unit: str, what: str) -> Any:
    """A value in `unit`: a quantity is converted, anything else is in that unit already. UnitsError if it cannot be."""
    if not is_quantity(value):
        return value
    numbers, given = split(value)
    try:
        number = factor(given, unit)
    except UnitsError as error:
        raise UnitsError(f"{what} is in {unit}; {value!r} cannot be expressed in that.") from error
    return numbers * number if number != 1.0 else numbers


def __getattr__(name: str) -> Any:
    found = unit_of_name(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no unit {name!r}.{nearest(name, __all__)}")
    return _unit_object(name)


@cache
def _unit_object(name: str) -> Any:
    import quantities as pq

    size, text = unit_of_name(name) or (1.0, "1")
    unit = pynn_unit((meaning(name) or ((), 1.0))[0])
    number = factor(text, unit) * size
    shown = float(f"{number:.12g}")
    return pq.Quantity(shown, quantity(unit).units)


__all__ = [  # noqa: F822  made on demand by __getattr__
    "GHz",
    "Hz",
    "MHz",
    "Mohm",
    "amp",
    "cm",
    "cm2",
    "cmeter",
    "cmetre",
    "coulomb",
    "farad",
    "hertz",
    "joule",
    "kHz",
    "kelvin",
    "mA",
    "mS",
    "mV",
    "meter",
    "metre",
    "mfarad",
    "mm",
    "mmeter",
    "mmetre",
    "mmolar",
    "molar",
    "mole",
    "ms",
    "msecond",
    "msiemens",
    "mvolt",
    "nA",
    "nF",
    "nS",
    "namp",
    "nfarad",
    "nsiemens",
    "ohm",
    "pA",
    "pF",
    "pamp",
    "pfarad",
    "psiemens",
    "second",
    "siemens",
    "uA",
    "uF",
    "uS",
    "uV",
    "uamp",
    "ufarad",
    "um",
    "um2",
    "umeter",
    "umetre",
    "us",
    "usecond",
    "usiemens",
    "uvolt",
    "volt",
    "watt",
]  # fmt: skip
