"""The classes that do not depend on a backend; ``isinstance(p, pyNN.common.Population)`` holds for every backend's."""

from pyNN.populations import (
    ID,
    Assembly,
    BasePopulation,
    IDMixin,
    Population,
    PopulationView,
    initialize,
    is_conductance,
)
from pyNN.populations import set_parameters as set
from pyNN.projections import Connection, Projection

__all__ = [
    "ID",
    "Assembly",
    "BasePopulation",
    "Connection",
    "IDMixin",
    "Population",
    "PopulationView",
    "Projection",
    "initialize",
    "is_conductance",
    "set",
]
