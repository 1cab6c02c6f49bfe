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
from pyNN.connectors.expression import ExpressionConnector
from pyNN.connectors.fixed_number import (
    FixedNumberConnector,
    FixedNumberPostConnector,
    FixedNumberPreConnector,
    FixedTotalNumberConnector,
)
from pyNN.connectors.lists import ArrayConnector, CloneConnector, FromFileConnector, FromListConnector
from pyNN.connectors.matrices import (
    LILConnector,
    MatrixConnector,
    sparse_delays_from_weights,
    sparse_random_matrix,
)
from pyNN.connectors.probabilistic import (
    FixedProbabilityConnector,
    IndexBasedProbabilityConnector,
    ProbabilityConnector,
)
from pyNN.connectors.profiles import DoGConnector, GaussianConnector
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
    "DoGConnector",
    "ExpressionConnector",
    "FixedNumberConnector",
    "FixedNumberPostConnector",
    "FixedNumberPreConnector",
    "FixedProbabilityConnector",
    "FixedTotalNumberConnector",
    "FromFileConnector",
    "FromListConnector",
    "GaussianConnector",
    "IndexBasedExpression",
    "IndexBasedProbabilityConnector",
    "LILConnector",
    "MapConnector",
    "MatrixConnector",
    "OneToOneConnector",
    "ProbabilityConnector",
    "SmallWorldConnector",
    "sparse_delays_from_weights",
    "sparse_random_matrix",
]
