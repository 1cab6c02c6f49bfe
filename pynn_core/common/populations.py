"""Populations, views, assemblies and cells, under the names that PyNN 0.13 has for them."""

from pyNN.models import BaseCellType
from pyNN.parameters import LazyArray, ParameterSpace, simplify_parameter_array
from pyNN.populations import (
    ID,
    Assembly,
    BasePopulation,
    IDMixin,
    Population,
    PopulationView,
    is_conductance,
)

__all__ = [
    "ID",
    "Assembly",
    "BaseCellType",
    "BasePopulation",
    "IDMixin",
    "LazyArray",
    "ParameterSpace",
    "Population",
    "PopulationView",
    "is_conductance",
    "simplify_parameter_array",
]
