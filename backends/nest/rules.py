"""Connections that NEST draws itself (native=True): connectors as NEST's rules, distributions as its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyNN.errors import CapabilityError
from pyNN.nest.models import RULES
from pyNN.random import RandomDistribution
from pyNN.specs import ConnectionRule, ConnectionTable, ProjectionSpec
from pyNN.units import factor

DISTRIBUTIONS = ("uniform", "normal", "normal_clipped", "lognormal", "exponential")
"""Distributions of weights and delays that NEST can draw."""


def connection_rule(rule: ConnectionRule) -> dict[str, Any]:
    """NEST's conn_spec for a connector; CapabilityError where NEST has no equivalent."""
    given = rule.parameters
    autapses = given.get("allow_self_connections", True)
    if not isinstance(autapses, bool):
        raise CapabilityError(
            f"NEST cannot draw {rule.name} with allow_self_connections={autapses!r}; it knows True and False. "
            "Leave native=True away."
        )
    if rule.name == "OneToOneConnector":
        return {"rule": "one_to_one"}
    if rule.name == "AllToAllConnector":
        return {"rule": "all_to_all", "allow_autapses": autapses}
    if rule.name == "FixedProbabilityConnector":
        return {"rule": "pairwise_bernoulli", "p": float(given["p_connect"]), "allow_autapses": autapses}
    if rule.name not in RULES:
        raise CapabilityError(
            f"NEST cannot draw a {rule.name} itself; it can draw {', '.join(RULES)}. Leave native=True away."
        )
    native, count = {
        "FixedNumberPreConnector": ("fixed_indegree", "indegree"),
        "FixedNumberPostConnector": ("fixed_outdegree", "outdegree"),
        "FixedTotalNumberConnector": ("fixed_total_number", "N"),
    }[rule.name]
    return {
        "rule": native,
        count: _whole_number(rule.name, given["n"]),
        "allow_autapses": autapses,
        "allow_multapses": bool(given.get("with_replacement", False)),
    }


def synapse_value(nest: Any, value: Any, unit_factor: float) -> Any:
    """A number or a RandomDistribution as NEST takes it, in native units."""
    if not isinstance(value, RandomDistribution):
        return float(value) * unit_factor
    check_distribution(value)
    p = value.parameters
    if value.name == "uniform":
        drawn = nest.random.uniform(min=p["low"], max=p["high"])
    elif value.name == "normal":
        drawn = nest.random.normal(mean=p["mu"], std=p["sigma"])
    elif value.name == "normal_clipped":
        drawn = nest.math.redraw(nest.random.normal(mean=p["mu"], std=p["sigma"]), min=p["low"], max=p["high"])
    elif value.name == "lognormal":
        drawn = nest.random.lognormal(mean=p["mu"], std=p["sigma"])
    else:
        drawn = nest.random.exponential(beta=p["beta"])
    return drawn * unit_factor


def native_values(nest: Any, built: Any) -> dict[str, Any]:
    """Weight, delay and the other native parameters as NEST takes them when it draws the connections of `built`."""
    given = built.spec.rule.values
    definition, synapse = built.spec.model, built.synapse
    by = float(np.unique(built.weight_factors)[0])
    numbers = {name: value for name, value in given.items() if not isinstance(value, RandomDistribution)}
    native: dict[str, Any] = dict(synapse.constants)
    for row in synapse.rows:
        if set(row.depends_on) <= set(numbers):
            native[row.native] = row.to_native(numbers, definition, abs(by)).item()
        else:
            unit = 1.0 if not row.unit else factor(definition.units[row.name], row.unit)
            native[row.native] = synapse_value(nest, given[row.name], unit)
    if synapse.signed:
        native["Wmax"] *= 1.0 if by * (built.sign or 1) > 0 else -1.0
    if synapse.short_term == "quantal":
        native |= {"a": native["n"], "u": native["U"]}
    if synapse.from_receptor:
        native[synapse.from_receptor] = float(np.unique(built.receptor_taus)[0])
    port = int(np.unique(built.ports)[0])
    native |= {"receptor_type": port} if port else {}
    return {
        **native,
        "weight": synapse_value(nest, given["weight"], by),
        "delay": synapse_value(nest, given["delay"], factor("ms", "ms")),
    }


def check_values(projection: ProjectionSpec) -> None:
    """Raise CapabilityError for synapse parameters that NEST cannot draw, or cannot build."""
    from pyNN.nest.synapses import translation

    rule = projection.rule
    assert rule is not None
    synapse = translation(projection.model)
    drawn = {name for name, value in rule.values.items() if isinstance(value, RandomDistribution)}
    direct = {"weight", "delay"} | {row.name for row in synapse.rows if row.forward is None and not row.weight_like}
    wrong = sorted(drawn - direct)
    if wrong:
        raise CapabilityError(
            f"'{projection.label}': with native=True {', '.join(wrong)} must be a number: NEST has it only in "
            "combination with others. Leave native=True away."
        )
    if synapse.changing and rule.parameters.get("with_replacement", False):
        raise CapabilityError(
            f"'{projection.label}': parallel connections that change cannot be told apart when NEST draws them. Leave "
            "native=True or with_replacement=True away."
        )
    if synapse.symmetric:
        raise CapabilityError(f"'{projection.label}': NEST does not draw gap junctions itself. Leave native=True away.")
    if synapse.problems is not None:
        lowest = {name: value for name, value in rule.values.items() if name not in drawn} | dict.fromkeys(drawn, 0.0)
        nobody = np.empty(0, dtype=np.int32)
        problems = synapse.problems(ConnectionTable(nobody, nobody, 1, lowest), projection.label)
        if problems:
            raise CapabilityError(" ".join(problems))


def check_rule(rule: ConnectionRule) -> None:
    """Raise CapabilityError for what NEST cannot draw."""
    connection_rule(rule)
    for name, value in rule.values.items():
        if isinstance(value, RandomDistribution):
            check_distribution(value)
        elif not isinstance(value, (int, float)):
            raise CapabilityError(
                f"With native=True NEST draws the synapses itself, so '{name}' must be a number or a "
                f"RandomDistribution, not {value!r}. Leave native=True away."
            )


def check_distribution(value: RandomDistribution) -> None:
    """Raise CapabilityError for a distribution that NEST lacks."""
    if value.name not in DISTRIBUTIONS:
        raise CapabilityError(
            f"NEST cannot draw from the distribution '{value.name}'; it can draw from {', '.join(DISTRIBUTIONS)}. "
            "Leave native=True away."
        )


def drawn_range(value: Any) -> tuple[float, float]:
    """Smallest and largest number that may be drawn."""
    if not isinstance(value, RandomDistribution):
        return float(value), float(value)
    p = value.parameters
    if value.name in ("uniform", "normal_clipped"):
        return float(p["low"]), float(p["high"])
    return (-float("inf") if value.name == "normal" else 0.0), float("inf")


def _whole_number(name: str, n: Any) -> int:
    if isinstance(n, RandomDistribution) or int(n) != n:
        raise CapabilityError(f"NEST draws {name} for a whole number n only, not n={n!r}. Leave native=True away.")
    return int(n)
