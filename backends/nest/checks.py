"""What NEST would refuse, or do otherwise, in a network: found before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyNN.backend import Settings
from pyNN.errors import CapabilityError, NoModelAvailableError
from pyNN.models import Definition
from pyNN.nest import composed, models, natives, nestml_models, synapses
from pyNN.specs import PopulationSpec, ProjectionSpec, Ragged
from pyNN.translation import Translation, Values

_GRID = 1e-3
"""A duration that exceeds a whole number of steps by less than this fraction of a step counts as that number."""


def tables(settings: Settings) -> dict[str, Translation]:
    """The translations of cell types, by model name."""
    return models.OFF_GRID_TABLES if settings.options.get("spike_precision") == "off_grid" else models.TABLES


def table_of(model: Definition, available: Mapping[str, Translation]) -> Translation:
    """The translation of a cell type; NoModelAvailableError."""
    if model.name.startswith(natives.PREFIX):
        return natives.native_table(model)
    if model.components:
        return _composed(model)
    if (model.own or model.name not in available) and nestml_models.has_equations(model):
        return nestml_models.table(model)
    require(model, available, "cell type")
    return available[model.name]


def _composed(model: Definition) -> Translation:
    """NEST's own model where it has one with such receptors, otherwise one made of the equations."""
    try:
        return composed.composed_table(model)
    except NoModelAvailableError as error:
        try:
            return nestml_models.table(model)
        except NoModelAvailableError as other:
            raise NoModelAvailableError(f"{error} {other}") from error


def require(model: Definition, available: Mapping[str, Any], kind: str) -> None:
    """Raise NoModelAvailableError for a model that is not available."""
    if model.name not in available:
        raise NoModelAvailableError(
            f"NEST has no {kind} {model.name} in this package. Available: {', '.join(sorted(available))}."
        )


def population_problems(population: PopulationSpec, table: Translation, settings: Settings) -> list[str]:
    """What is wrong with a population, a sentence each."""
    problems = []
    for row in table.states:
        value = population.initial_values.get(row.name, population.model.states[row.name].initial)
        if not row.settable and np.any(np.asarray(value) != population.model.states[row.name].initial):
            problems.append(
                f"'{population.label}': the initial value of {row.name} cannot be set, because NEST's {table.native} "
                f"always starts with {population.model.states[row.name].initial}."
            )
    p = population.parameters
    if not population.is_source and not table.native_model:
        problems += [
            f"'{population.label}': {name} = inf is not possible on NEST; give a large number."
            for name, value in p.items()
            if not finite(value)
        ]
    problems += [f"'{population.label}': {problem}" for problem in value_problems(p, table, settings.dt)]
    return problems


def finite(value: Any) -> bool:
    """Whether all numbers are finite."""
    return bool(np.isfinite(value.values if isinstance(value, Ragged) else np.asarray(value)).all())


def value_problems(p: Values, table: Translation, dt: float) -> list[str]:
    """What NEST would refuse, or do otherwise, in these parameters."""
    problems = []
    above = table.reset_below
    if above and np.any(np.asarray(p[table.reset]) >= np.asarray(p[above])):
        problems.append(f"NEST needs {table.reset} below {above}.")
    if above == "v_spike" and np.any(np.asarray(p["v_thresh"]) > np.asarray(p["v_spike"])):
        problems.append("NEST needs v_thresh below v_spike, or equal to it.")
    if table.refractory_needed and np.any(on_grid(p["tau_refrac"], dt) < dt):
        problems.append(f"NEST's {table.native} needs a tau_refrac of at least a time step ({dt:g} ms).")
    for row in table.states:
        if row.kernels is not None:
            times, amplitudes = (p[name] for name in row.kernels)
            if isinstance(times, Ragged) and not np.array_equal(times.offsets, amplitudes.offsets):
                problems.append(f"{row.kernels[0]} and {row.kernels[1]} must have the same number of elements.")
    return problems


def projection_problems(projection: ProjectionSpec) -> list[str]:
    """What is wrong with a projection, a sentence each; CapabilityError for what NEST cannot draw."""
    synapse = synapses.translation(projection.model)
    if projection.table is None:
        _check_native(projection)
        return []
    if synapse.problems is None or not projection.table.size:
        return []
    return synapse.problems(projection.table, projection.label)


def _check_native(projection: ProjectionSpec) -> None:
    from pyNN.nest.rules import check_rule, check_values

    if projection.rule is None:
        raise CapabilityError(f"Projection '{projection.label}' has neither connections nor a rule to draw them.")
    check_rule(projection.rule)
    check_values(projection)
    for side, ids in (("pre", projection.pre), ("post", projection.post)):
        if np.any(np.diff(ids) <= 0):
            raise CapabilityError(
                f"Projection '{projection.label}': with native=True NEST needs the {side} cells in ascending order, "
                "each once. Leave native=True away, or sort the view or assembly."
            )


def on_grid(duration: Any, dt: float) -> Any:
    """A duration in ms, rounded up to whole steps as NEST does, except where it exceeds them by a rounding error."""
    return np.ceil(np.asarray(duration, dtype=float) / dt - _GRID) * dt
