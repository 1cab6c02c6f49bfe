"""Base classes of the standard models, under the names that PyNN 0.13 has for them."""

from __future__ import annotations

from typing import Any

from pyNN.errors import NoModelAvailableError
from pyNN.models import (
    BaseCellType,
    BaseCellTypeComponent,
    BaseCurrentSource,
    BaseIonChannelModel,
    BaseModelType,
    BasePostSynapticResponse,
    BaseSynapseType,
)


class StandardModelType(BaseModelType):
    """A model that every backend translates through its own table."""


class StandardCellType(StandardModelType, BaseCellType):
    """A standard cell type: its equations stand beside its parameters."""

    always_local = False


class StandardCellTypeComponent(StandardModelType, BaseCellTypeComponent):
    """Neuron part of a composed cell type."""


class StandardPostSynapticResponse(StandardModelType, BasePostSynapticResponse):
    """Receptor part of a composed cell type."""


class StandardSynapseType(StandardModelType, BaseSynapseType):
    """A standard synapse type."""


class StandardIonChannelModel(StandardModelType, BaseIonChannelModel):
    """A standard ion channel."""


class STDPWeightDependence(StandardModelType):
    """How a weight change depends on the weight."""


class STDPTimingDependence(StandardModelType):
    """How a weight change depends on spike times."""


class StandardCurrentSource(StandardModelType, BaseCurrentSource):
    """A standard current source; scripts inject it with `inject_into(cells)`."""


class ModelNotAvailable:
    """Stands for a model that a backend lacks: making one raises NoModelAvailableError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NoModelAvailableError(f"{type(self).__name__} is not available on this backend.")
