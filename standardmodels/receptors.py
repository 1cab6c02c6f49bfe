"""Receptors of composed cell types: what an incoming spike does, and the current into the cell.

Each is given to PointNeuron under a name of the script's choice, which comes before the names of its parameters and
variables: "AMPA.tau_syn", "AMPA.gsyn". `locations` has a meaning for cells with compartments only.
"""

from __future__ import annotations

from pyNN.models import Parameter, Receptor, State
from pyNN.standardmodels.base import StandardPostSynapticResponse

__all__ = [
    "AlphaPSR",
    "BetaPSR",
    "CondAlphaPostSynapticResponse",
    "CondBetaPostSynapticResponse",
    "CondExpPostSynapticResponse",
    "CurrExpPostSynapticResponse",
    "ExpPSR",
    "StandardPostSynapticResponse",
]

_LOCATIONS = {"locations": Parameter(0.5, "", "where on a cell with compartments")}
_E_SYN = {"e_syn": Parameter(0.0, "mV", "reversal potential")}
_TAU_SYN = {"tau_syn": Parameter(5.0, "ms", "time constant", minimum=0.0, exclusive=True)}
_GSYN = State(0.0, "uS", "synaptic conductance")
_RISE = State(0.0, "uS/ms", "rise of the conductance", recordable=False, settable=False)


class CurrExpPostSynapticResponse(StandardPostSynapticResponse):
    """A current that jumps by the weight (nA) and decays exponentially."""

    parameters = {**_LOCATIONS, **_TAU_SYN}
    states = {"isyn": State(0.0, "nA", "synaptic current")}
    receptor = Receptor("nA", "isyn += weight", sign=0, time_constant="tau_syn")
    equations = "disyn/dt = -isyn/tau_syn : nA"
    current = "isyn"
    literature = "Rotter and Diesmann 1999, Biol Cybern 81:381"


class CondExpPostSynapticResponse(StandardPostSynapticResponse):
    """A conductance that jumps by the weight (uS) and decays exponentially."""

    parameters = {**_LOCATIONS, **_E_SYN, **_TAU_SYN}
    states = {"gsyn": _GSYN}
    receptor = Receptor("uS", "gsyn += weight", sign=1, time_constant="tau_syn")
    equations = "dgsyn/dt = -gsyn/tau_syn : uS"
    current = "gsyn*(e_syn - v)"
    literature = "Destexhe, Mainen and Sejnowski 1994, J Comput Neurosci 1:195"


class CondAlphaPostSynapticResponse(StandardPostSynapticResponse):
    """A conductance that follows an alpha function after each spike, whose peak is the weight (uS)."""

    parameters = {**_LOCATIONS, **_E_SYN, **_TAU_SYN}
    states = {"gsyn": _GSYN, "gsyn_rise": _RISE}
    receptor = Receptor("uS", "gsyn_rise += weight*exp(1)/tau_syn", sign=1, time_constant="tau_syn")
    equations = """
        dgsyn/dt = gsyn_rise - gsyn/tau_syn : uS
        dgsyn_rise/dt = -gsyn_rise/tau_syn : uS/ms
    """
    current = "gsyn*(e_syn - v)"
    literature = "Rall 1967, J Neurophysiol 30:1138"


class CondBetaPostSynapticResponse(StandardPostSynapticResponse):
    """A conductance that follows a difference of two exponentials after each spike, whose peak is the weight (uS)."""

    parameters = {
        **_LOCATIONS,
        **_E_SYN,
        "tau_rise": Parameter(0.2, "ms", "time constant of the rise", minimum=0.0, exclusive=True),
        "tau_decay": Parameter(1.7, "ms", "time constant of the decay", minimum=0.0, exclusive=True),
    }
    states = {"gsyn": _GSYN, "gsyn_rise": _RISE}
    # With q = tau_decay/tau_rise a peak of 1 needs a slope of q**(1/(q - 1))/tau_rise; log(q)/(q - 1) is written so that
    # nothing is lost where the time constants are equal or nearly so.
    receptor = Receptor(
        "uS",
        "gsyn_rise += weight/tau_rise*exp(1/exprel(log(tau_decay/tau_rise)))",
        sign=1,
        time_constant="tau_decay",
    )
    equations = """
        dgsyn/dt = gsyn_rise - gsyn/tau_decay : uS
        dgsyn_rise/dt = -gsyn_rise/tau_rise : uS/ms
    """
    current = "gsyn*(e_syn - v)"
    literature = "Destexhe, Mainen and Sejnowski 1994, J Comput Neurosci 1:195"


ExpPSR = CondExpPostSynapticResponse
AlphaPSR = CondAlphaPostSynapticResponse
BetaPSR = CondBetaPostSynapticResponse
