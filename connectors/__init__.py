"""Connectors: rules for who connects to whom."""

from pyNN.connectors.base import (
    ConnectionRequest,
    Connections,
    ConnectionsBySource,
    Connector,
    MapConnector,
)
from pyNN.connectors.csa import CSAConnector
from pyNN.connectors.deterministic import AllToAllConnector, OneToOneConnector
from pyNN.connectors.distance import (
    DisplacementDependentProbabilityConnector,
    DistanceDependentProbabilityConnector,
    SmallWorldConnector,
)
from pyNN.connectors.fixed_number import (
    FixedNumberConnector,
    FixedNumberPostConnector,
    FixedNumberPreConnector,
    FixedTotalNumberConnector,
)
from pyNN.connectors.lists import ArrayConnector, CloneConnector, FromFileConnector, FromListConnector
from pyNN.connectors.probabilistic import (
    FixedProbabilityConnector,
    IndexBasedProbabilityConnector,
    ProbabilityConnector,
)
from pyNN.core import IndexBasedExpression

__all__ = [
    "AllToAllConnector",
    "ArrayConnector",
    "CSAConnector",
    "CloneConnector",
    "ConnectionRequest",
    "Connections",
    "ConnectionsBySource",
    "Connector",
    "DisplacementDependentProbabilityConnector",
    "DistanceDependentProbabilityConnector",
    "FixedNumberConnector",
    "FixedNumberPostConnector",
    "FixedNumberPreConnector",
    "FixedProbabilityConnector",
    "FixedTotalNumberConnector",
    "FromFileConnector",
    "FromListConnector",
    "IndexBasedExpression",
    "IndexBasedProbabilityConnector",
    "MapConnector",
    "OneToOneConnector",
    "ProbabilityConnector",
    "SmallWorldConnector",
]
