"""Standard synapse types."""

from __future__ import annotations

from pyNN.models import Parameter
from pyNN.standardmodels.base import StandardSynapseType


class StaticSynapse(StandardSynapseType):
    """A synapse whose weight stays what it is.

    The weight's unit is that of the receptor: uS (conductance), nA (current) or mV (voltage jump). ``delay=None`` (the
    default) means the smallest delay of the simulation.
    """

    parameters = {
        "weight": Parameter(0.0, "", "synaptic weight, in the unit of the receptor"),
        "delay": Parameter(None, "ms", "time from spike to effect"),
    }
