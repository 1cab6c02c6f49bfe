"""Ion channels of cells with compartments: the base class of those that a script declares."""

from pyNN.standardmodels.base import StandardIonChannelModel

__all__ = ["StandardIonChannelModel"]
