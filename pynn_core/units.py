"""The units of the API and the factors between units, computed and never typed.

PyNN's units are the interface's: ms, mV, nA, nF, uS, Hz, nS. Parsing and dimensions are those of the `quantities`
package; this module only adds the spellings that PyNN's tables use.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import quantities as pq

from pyNN.errors import UnitsError

_SPELLINGS = {"": "dimensionless", "1": "dimensionless", "degrees": "degree"}


@cache
def quantity(unit: str) -> Any:
    """One `unit` as a `quantities.Quantity`; "mV/ms", "/ms" and "" (dimensionless) are understood.

    Raises UnitsError where the text is not a unit.
    """
    text = _SPELLINGS.get(unit.strip(), unit.strip())
    if text.startswith("/"):
        text = "1" + text
    try:
        return pq.Quantity(1.0, text)
    except Exception as error:
        raise UnitsError(f"'{unit}' is not a unit. Units look like mV, nA, uS, 1/ms or mV/ms.") from error


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
