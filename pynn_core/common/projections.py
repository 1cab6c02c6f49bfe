"""Projections and connections, under the names that PyNN 0.13 has for them."""

from pyNN.connectors import Connector
from pyNN.parameters import LazyArray, ParameterSpace
from pyNN.populations import Assembly, BasePopulation
from pyNN.projections import Connection, Projection
from pyNN.space import Space
from pyNN.standardmodels.base import StandardSynapseType

__all__ = [
    "Assembly",
    "BasePopulation",
    "Connection",
    "Connector",
    "LazyArray",
    "ParameterSpace",
    "Projection",
    "Space",
    "StandardSynapseType",
]
