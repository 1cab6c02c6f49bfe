"""Receptors of composed cell types: the base class of those that a script declares."""

from pyNN.standardmodels.base import StandardPostSynapticResponse

__all__ = ["StandardPostSynapticResponse"]
