"""The classes that do not depend on a backend; ``isinstance(p, pyNN.common.Population)`` holds for every backend's."""

from pyNN.errors import (
    ConnectionError,
    InvalidDimensionsError,
    InvalidModelError,
    InvalidParameterValueError,
    InvalidWeightError,
    NonExistentParameterError,
    NothingToWriteError,
    NotLocalError,
    RecordingError,
    RoundingWarning,
)
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
from pyNN.space import Space
from pyNN.standardmodels.base import StandardCellType

__all__ = [
    "ID",
    "Assembly",
    "BasePopulation",
    "Connection",
    "ConnectionError",
    "IDMixin",
    "InvalidDimensionsError",
    "InvalidModelError",
    "InvalidParameterValueError",
    "InvalidWeightError",
    "NonExistentParameterError",
    "NotLocalError",
    "NothingToWriteError",
    "Population",
    "PopulationView",
    "Projection",
    "RecordingError",
    "RoundingWarning",
    "Space",
    "StandardCellType",
    "initialize",
    "is_conductance",
    "set",
]
