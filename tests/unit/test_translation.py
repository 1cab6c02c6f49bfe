"""Translation tables: what they say is consistent, and standard -> native -> standard is the identity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyNN.errors import NonExistentParameterError
from pyNN.nest.models import OFF_GRID_TABLES, TABLES
from pyNN.specs import Ragged
from pyNN.standardmodels import cells
from pyNN.translation import Translation
from pyNN.units import factor

CELLS = [
    pytest.param(table, id=f"{kind}-{name}")
    for kind, tables in (("on_grid", TABLES), ("off_grid", OFF_GRID_TABLES))
    for name, table in tables.items()
    if not getattr(cells, name).source
]


def definition(table: Translation) -> Any:
    return getattr(cells, table.name).definition


@pytest.mark.parametrize("table", CELLS)
def test_standard_to_native_to_standard_is_the_identity(table: Translation) -> None:
    d = definition(table)
    rng = np.random.default_rng(1)
    values = {
        name: Ragged.from_list([p.default.value, rng.uniform(0.5, 80.0, 4)])
        if p.is_array
        else np.append(rng.uniform(0.5, 80.0, 20), p.default)
        for name, p in d.parameters.items()
    }
    native = table.native_parameters(d, values)
    back = table.standard_parameters(d, native)
    assert set(back) == set(d.parameters)
    for name, value in values.items():
        # A division by a factor and a multiplication by its reverse may each cost half a unit in the last place.
        if isinstance(value, Ragged):
            np.testing.assert_array_equal(back[name].offsets, value.offsets)
            np.testing.assert_allclose(back[name].values, value.values, rtol=1e-15 * 4)
        else:
            np.testing.assert_allclose(back[name], value, rtol=1e-15 * 4)


@pytest.mark.parametrize("table", CELLS)
def test_a_changed_parameter_changes_exactly_the_native_values_that_depend_on_it(table: Translation) -> None:
    d = definition(table)
    values = {name: 1.0 if p.is_array else p.default for name, p in d.parameters.items()}
    before = table.native_parameters(d, values)
    for name in d.parameters:
        changed = {**values, name: values[name] + 1.5}
        after = table.native_parameters(d, changed)
        assert {k for k in after if after[k] != before[k]} == set(table.native_parameters(d, changed, [name]))


@pytest.mark.parametrize("table", CELLS)
def test_every_state_and_receptor_of_the_model_has_a_row(table: Translation) -> None:
    d = definition(table)
    assert [row.name for row in table.states] == list(d.states)
    assert [row.name for row in table.receptors] == list(d.receptors)
    assert (table.injected in d.parameters) != bool(table.current)
    assert not {row.native for row in table.parameters} & {*table.constants, table.current}
    for row in table.states:
        assert table.state_factor(d, row.name) == factor(d.states[row.name].unit, row.unit)


@pytest.mark.parametrize(
    ("name", "receptor", "expected"),
    [
        ("IF_curr_exp", "excitatory", 1000.0),  # 1 nA = 1000 pA
        ("IF_curr_exp", "inhibitory", 1000.0),  # inhibitory currents are negative already
        ("IF_curr_delta", "inhibitory", 1.0),  # mV
        ("IF_cond_exp", "excitatory", 1000.0),  # 1 uS = 1000 nS
        ("IF_cond_exp", "inhibitory", -1000.0),  # NEST takes negative weights for its inhibitory conductance
        ("IF_cond_alpha", "inhibitory", -1000.0),
        ("HH_cond_exp", "inhibitory", -1000.0),
        ("EIF_cond_exp_isfa_ista", "excitatory", 1000.0),
        ("Izhikevich", "inhibitory", 1.0),  # mV
    ],
)
def test_weights_have_the_unit_and_sign_that_nest_documents(name: str, receptor: str, expected: float) -> None:
    assert TABLES[name].weight_factor(definition(TABLES[name]), receptor) == expected


def test_leak_conductance_of_the_default_cell_is_50_ns() -> None:
    # 1 nF / 20 ms = 50 nS
    d = cells.IF_cond_exp.definition
    native = TABLES["IF_cond_exp"].native_parameters(d, {name: p.default for name, p in d.parameters.items()})
    assert native["g_L"] == 50.0
    assert native["C_m"] == 1000.0


def test_unknown_state_and_receptor_are_named_with_the_valid_ones() -> None:
    with pytest.raises(NonExistentParameterError, match=r"'gsyn_exx'.*Did you mean 'gsyn_exc'"):
        TABLES["IF_cond_exp"].state("gsyn_exx")
    with pytest.raises(NonExistentParameterError, match="excitatory, inhibitory"):
        TABLES["IF_cond_exp"].receptor("exc")
