"""Ion channels of cells with compartments. They are parts of a MultiCompartmentNeuron, which names them.

Cells of this package's backends are points; HH_cond_exp has the same kinds of currents in one.
"""

from __future__ import annotations

from pyNN.models import Parameter
from pyNN.standardmodels.base import StandardIonChannelModel

__all__ = ["KdrChannel", "NaChannel", "PassiveLeak", "PassiveLeakHH", "StandardIonChannelModel"]

_HODGKIN_HUXLEY = "Hodgkin and Huxley 1952, J Physiol 117:500"


def _density(value: float) -> dict[str, Parameter]:
    return {"conductance_density": Parameter(value, "S/cm**2", "largest conductance per area of membrane", minimum=0.0)}


class NaChannel(StandardIonChannelModel):
    """Sodium channel of Hodgkin and Huxley, with three gates m and one gate h."""

    parameters = _density(0.12)
    literature = _HODGKIN_HUXLEY


class KdrChannel(StandardIonChannelModel):
    """Delayed-rectifier potassium channel of Hodgkin and Huxley, with four gates n."""

    parameters = _density(0.036)
    literature = _HODGKIN_HUXLEY


class PassiveLeak(StandardIonChannelModel):
    """Leak with a constant conductance."""

    parameters = {**_density(0.0003), "e_rev": Parameter(-65.0, "mV", "reversal potential")}
    literature = "Rall 1962, Ann N Y Acad Sci 96:1071"


class PassiveLeakHH(StandardIonChannelModel):
    """Leak of the model of Hodgkin and Huxley."""

    parameters = {**_density(0.0003), "e_rev": Parameter(-54.3, "mV", "reversal potential")}
    literature = _HODGKIN_HUXLEY
