"""Connections that NEST draws itself (native=True): connectors as NEST's rules, distributions as its parameters."""

from __future__ import annotations

from typing import Any

from pyNN.errors import CapabilityError
from pyNN.nest.models import RULES
from pyNN.random import RandomDistribution
from pyNN.specs import ConnectionRule

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
