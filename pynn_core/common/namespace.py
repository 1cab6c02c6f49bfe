"""The names that scripts find in every backend's module and that do not depend on the backend."""

import logging

from pyNN import errors, random, recording, space
from pyNN.connectors import (
    AllToAllConnector,
    ArrayConnector,
    CloneConnector,
    CSAConnector,
    DisplacementDependentProbabilityConnector,
    DistanceDependentProbabilityConnector,
    FixedNumberPostConnector,
    FixedNumberPreConnector,
    FixedProbabilityConnector,
    FixedTotalNumberConnector,
    FromFileConnector,
    FromListConnector,
    IndexBasedProbabilityConnector,
    OneToOneConnector,
    SmallWorldConnector,
)
from pyNN.parameters import ArrayParameter, LazyArray, ParameterSpace, Sequence
from pyNN.random import GSLRNG, NativeRNG, NumpyRNG, RandomDistribution
from pyNN.space import Space
from pyNN.standardmodels.base import StandardCellType, StandardCurrentSource
from pyNN.standardmodels.cells import (
    IF_cond_alpha,
    IF_cond_exp,
    IF_curr_alpha,
    IF_curr_delta,
    IF_curr_exp,
    SpikeSourceArray,
    SpikeSourcePoisson,
)
from pyNN.standardmodels.electrodes import ACSource, DCSource, NoisyCurrentSource, StepCurrentSource
from pyNN.standardmodels.synapses import StaticSynapse

logger = logging.getLogger("PyNN")

__all__ = [
    "GSLRNG",
    "ACSource",
    "AllToAllConnector",
    "ArrayConnector",
    "ArrayParameter",
    "CSAConnector",
    "CloneConnector",
    "DCSource",
    "DisplacementDependentProbabilityConnector",
    "DistanceDependentProbabilityConnector",
    "FixedNumberPostConnector",
    "FixedNumberPreConnector",
    "FixedProbabilityConnector",
    "FixedTotalNumberConnector",
    "FromFileConnector",
    "FromListConnector",
    "IF_cond_alpha",
    "IF_cond_exp",
    "IF_curr_alpha",
    "IF_curr_delta",
    "IF_curr_exp",
    "IndexBasedProbabilityConnector",
    "LazyArray",
    "NativeRNG",
    "NoisyCurrentSource",
    "NumpyRNG",
    "OneToOneConnector",
    "ParameterSpace",
    "RandomDistribution",
    "Sequence",
    "SmallWorldConnector",
    "Space",
    "SpikeSourceArray",
    "SpikeSourcePoisson",
    "StandardCellType",
    "StandardCurrentSource",
    "StaticSynapse",
    "StepCurrentSource",
    "errors",
    "logger",
    "random",
    "recording",
    "space",
]
