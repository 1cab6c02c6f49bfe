"""The NESTML text of cell types: what can be seen without NESTML and without NEST."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyNN.equations import CellType
from pyNN.errors import CapabilityError
from pyNN.models import TimedArray
from pyNN.nest import nestml_text
from pyNN.standardmodels import cells


def value_of(text: str) -> float:
    """What NESTML's C++ makes of a number: nine digits of every literal, double arithmetic."""
    literals = re.sub(r"\d+\.\d+", lambda found: repr(float(f"{float(found[0]):.9g}")), text)
    return float(eval(literals, {"inf": math.inf}))


@given(st.floats(min_value=1e-280, max_value=1e300))
def test_every_number_survives_nine_digits_a_literal(value: float) -> None:
    constants = nestml_text._Constants()
    text = constants.text(value)
    written = nestml_text._exactly(value) if constants.names else text
    assert value_of(written) == value
    # An exponent would lose its last digit.
    assert "e" not in written.replace("inf", "")


@pytest.mark.parametrize("name", "IF_curr_exp IF_cond_alpha HH_cond_exp EIF_cond_exp_isfa_ista Izhikevich".split())
def test_the_text_declares_what_it_uses(name: str) -> None:
    text = nestml_text.export(getattr(cells, name).definition).text
    declared = set(re.findall(r"^\s*(\w+) (?:real|boolean|integer) = ", text, re.MULTILINE))
    body = "\n".join(line.split("#")[0] for line in text[text.index("update:") :].split("\n"))
    body = body.split("    function ")[0]
    words = set(re.findall(r"[A-Za-z_]\w*", body)) - set(
        "update onReceive onCondition true false and or not if else while real boolean integer inf exp expm1 ln abs "
        "min max emit_spike s exprel".split()
    )
    assert words - declared - {w for w in words if w.startswith("spikes_")} == set()


def test_names_are_told_apart() -> None:
    model: Any = CellType(
        name="Names",
        equations="dv/dt = -v/tau : mV\ndV/dt = -V/tau : mV\ndm/dt = -m/tau : 1",
        parameters={"tau": (10.0, "ms")},
    )
    export = nestml_text.export(model.definition)
    native = [*export.states.values(), *export.coefficients.values()]
    assert len({name.upper() for name in native}) == len(native)
    # Names of units and of NESTML's words are none of them.
    assert not {"v", "V", "m", "h", "t"} & set(native)


def test_a_table_of_values_is_refused() -> None:
    model: Any = CellType(
        name="Table",
        equations="dv/dt = (drive(t) - v)/(10*ms) : mV",
        tables={"drive": TimedArray(np.array([1.0, 2.0]), 5.0, "mV")},
    )
    with pytest.raises(CapabilityError, match=r"functions of time.*drive.*StepCurrentSource"):
        nestml_text.export(model.definition)


def test_a_function_that_nestml_lacks_is_refused() -> None:
    model: Any = CellType(name="Arc", equations="dv/dt = -arctan(v/mV)*mV/(10*ms) : mV (euler)")
    with pytest.raises(CapabilityError, match=r"Arc cannot run on NEST: NESTML has nothing for the function arctan"):
        nestml_text.export(model.definition)


def test_units_stand_beside_the_states() -> None:
    text = nestml_text.export(cells.IF_curr_exp.definition).text
    assert "v_ real = -65.0  # v, mV" in text
    assert "# v_thresh" in text
