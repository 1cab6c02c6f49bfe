"""Standard models: the base classes here, the models in the modules cells, synapses and electrodes."""

from pyNN.standardmodels.base import (
    ModelNotAvailable,
    StandardCellType,
    StandardCellTypeComponent,
    StandardCurrentSource,
    StandardIonChannelModel,
    StandardModelType,
    StandardPostSynapticResponse,
    StandardSynapseType,
    STDPTimingDependence,
    STDPWeightDependence,
)

__all__ = [
    "ModelNotAvailable",
    "STDPTimingDependence",
    "STDPWeightDependence",
    "StandardCellType",
    "StandardCellTypeComponent",
    "StandardCurrentSource",
    "StandardIonChannelModel",
    "StandardModelType",
    "StandardPostSynapticResponse",
    "StandardSynapseType",
]
