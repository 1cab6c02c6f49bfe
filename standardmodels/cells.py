"""Standard cell types: parameters, units, defaults, equations and their source in the literature."""

from __future__ import annotations

from pyNN.models import Parameter, Receptor, State
from pyNN.parameters import Sequence
from pyNN.standardmodels.base import StandardCellType

_LIF_PARAMETERS = {
    "v_rest": Parameter(-65.0, "mV", "resting membrane potential"),
    "cm": Parameter(1.0, "nF", "membrane capacitance", minimum=0.0, exclusive=True),
    "tau_m": Parameter(20.0, "ms", "membrane time constant", minimum=0.0, exclusive=True),
    "tau_refrac": Parameter(0.1, "ms", "absolute refractory period", minimum=0.0),
    "i_offset": Parameter(0.0, "nA", "constant injected current"),
    "v_reset": Parameter(-65.0, "mV", "potential after a spike"),
    "v_thresh": Parameter(-50.0, "mV", "spike threshold"),
}


def _synaptic_time_constants(excitatory: float, inhibitory: float) -> dict[str, Parameter]:
    return {
        "tau_syn_E": Parameter(excitatory, "ms", "time constant of excitatory synapses", minimum=0.0, exclusive=True),
        "tau_syn_I": Parameter(inhibitory, "ms", "time constant of inhibitory synapses", minimum=0.0, exclusive=True),
    }


_REVERSAL_POTENTIALS = {
    "e_rev_E": Parameter(0.0, "mV", "reversal potential of excitatory synapses"),
    "e_rev_I": Parameter(-70.0, "mV", "reversal potential of inhibitory synapses"),
}
_V = State(-65.0, "mV", "membrane potential")
_CURRENTS = {
    "isyn_exc": State(0.0, "nA", "excitatory synaptic current"),
    "isyn_inh": State(0.0, "nA", "inhibitory synaptic current"),
}
_CONDUCTANCES = {
    "gsyn_exc": State(0.0, "uS", "excitatory synaptic conductance"),
    "gsyn_inh": State(0.0, "uS", "inhibitory synaptic conductance"),
}


class _IntegrateAndFire(StandardCellType):
    """What all leaky integrate-and-fire types share: spike condition, reset, refractoriness."""

    threshold = "v >= v_thresh"
    reset = "v = v_reset"
    refractory = "tau_refrac"


class IF_curr_exp(_IntegrateAndFire):
    """Leaky integrate-and-fire cell with exponentially decaying post-synaptic currents."""

    parameters = {**_LIF_PARAMETERS, **_synaptic_time_constants(5.0, 5.0)}
    states = {"v": _V, **_CURRENTS}
    receptors = {
        "excitatory": Receptor("nA", "isyn_exc += weight", sign=1),
        "inhibitory": Receptor("nA", "isyn_inh += weight", sign=-1),
    }
    equations = """
        dv/dt = (v_rest - v)/tau_m + (isyn_exc + isyn_inh + i_offset + i_inj)/cm : mV (unless refractory)
        disyn_exc/dt = -isyn_exc/tau_syn_E : nA
        disyn_inh/dt = -isyn_inh/tau_syn_I : nA
    """
    literature = "Rotter and Diesmann 1999, Biol Cybern 81:381; Lapicque 1907, J Physiol Pathol Gen 9:620"


class IF_curr_alpha(_IntegrateAndFire):
    """Leaky integrate-and-fire cell with alpha-shaped post-synaptic currents, whose peak is the weight."""

    parameters = {**_LIF_PARAMETERS, **_synaptic_time_constants(0.5, 0.5)}
    states = {
        "v": _V,
        **_CURRENTS,
        "isyn_exc_rise": State(0.0, "nA/ms", "rise of the excitatory current", recordable=False, settable=False),
        "isyn_inh_rise": State(0.0, "nA/ms", "rise of the inhibitory current", recordable=False, settable=False),
    }
    receptors = {
        "excitatory": Receptor("nA", "isyn_exc_rise += weight*exp(1)/tau_syn_E", sign=1),
        "inhibitory": Receptor("nA", "isyn_inh_rise += weight*exp(1)/tau_syn_I", sign=-1),
    }
    equations = """
        dv/dt = (v_rest - v)/tau_m + (isyn_exc + isyn_inh + i_offset + i_inj)/cm : mV (unless refractory)
        disyn_exc/dt = isyn_exc_rise - isyn_exc/tau_syn_E : nA
        disyn_inh/dt = isyn_inh_rise - isyn_inh/tau_syn_I : nA
        disyn_exc_rise/dt = -isyn_exc_rise/tau_syn_E : nA/ms
        disyn_inh_rise/dt = -isyn_inh_rise/tau_syn_I : nA/ms
    """
    literature = "Rotter and Diesmann 1999, Biol Cybern 81:381; Rall 1967, J Neurophysiol 30:1138"


class IF_curr_delta(_IntegrateAndFire):
    """Leaky integrate-and-fire cell whose membrane potential jumps by the weight (mV) at each incoming spike."""

    parameters = dict(_LIF_PARAMETERS)
    states = {"v": _V}
    receptors = {
        "excitatory": Receptor("mV", "v += weight", sign=1),
        "inhibitory": Receptor("mV", "v += weight", sign=-1),
    }
    equations = """
        dv/dt = (v_rest - v)/tau_m + (i_offset + i_inj)/cm : mV (unless refractory)
    """
    literature = "Rotter and Diesmann 1999, Biol Cybern 81:381; Brunel 2000, J Comput Neurosci 8:183"


class IF_cond_exp(_IntegrateAndFire):
    """Leaky integrate-and-fire cell with exponentially decaying post-synaptic conductances."""

    parameters = {**_LIF_PARAMETERS, **_synaptic_time_constants(5.0, 5.0), **_REVERSAL_POTENTIALS}
    states = {"v": _V, **_CONDUCTANCES}
    receptors = {
        "excitatory": Receptor("uS", "gsyn_exc += weight", sign=1),
        "inhibitory": Receptor("uS", "gsyn_inh += weight", sign=1),
    }
    equations = """
        dv/dt = (v_rest - v)/tau_m + (gsyn_exc*(e_rev_E - v) + gsyn_inh*(e_rev_I - v) + i_offset + i_inj)/cm : mV (unless refractory)
        dgsyn_exc/dt = -gsyn_exc/tau_syn_E : uS
        dgsyn_inh/dt = -gsyn_inh/tau_syn_I : uS
    """
    literature = "Meffin, Burkitt and Grayden 2004, J Comput Neurosci 16:159; Brette et al. 2007, J Comput Neurosci 23:349"


class IF_cond_alpha(_IntegrateAndFire):
    """Leaky integrate-and-fire cell with alpha-shaped post-synaptic conductances, whose peak is the weight."""

    parameters = {**_LIF_PARAMETERS, **_synaptic_time_constants(0.3, 0.5), **_REVERSAL_POTENTIALS}
    states = {
        "v": _V,
        **_CONDUCTANCES,
        "gsyn_exc_rise": State(0.0, "uS/ms", "rise of the excitatory conductance", recordable=False, settable=False),
        "gsyn_inh_rise": State(0.0, "uS/ms", "rise of the inhibitory conductance", recordable=False, settable=False),
    }
    receptors = {
        "excitatory": Receptor("uS", "gsyn_exc_rise += weight*exp(1)/tau_syn_E", sign=1),
        "inhibitory": Receptor("uS", "gsyn_inh_rise += weight*exp(1)/tau_syn_I", sign=1),
    }
    equations = """
        dv/dt = (v_rest - v)/tau_m + (gsyn_exc*(e_rev_E - v) + gsyn_inh*(e_rev_I - v) + i_offset + i_inj)/cm : mV (unless refractory)
        dgsyn_exc/dt = gsyn_exc_rise - gsyn_exc/tau_syn_E : uS
        dgsyn_inh/dt = gsyn_inh_rise - gsyn_inh/tau_syn_I : uS
        dgsyn_exc_rise/dt = -gsyn_exc_rise/tau_syn_E : uS/ms
        dgsyn_inh_rise/dt = -gsyn_inh_rise/tau_syn_I : uS/ms
    """
    literature = "Meffin, Burkitt and Grayden 2004, J Comput Neurosci 16:159; Rall 1967, J Neurophysiol 30:1138"


class SpikeSourceArray(StandardCellType):
    """Cells that emit spikes at given times, each rounded to the nearest time step."""

    parameters = {"spike_times": Parameter(Sequence([]), "ms", "times of the spikes", is_array=True)}
    source = "array"
    injectable = False


class SpikeSourcePoisson(StandardCellType):
    """Cells that emit a Poisson process of spikes, independent of each other."""

    parameters = {
        "rate": Parameter(1.0, "Hz", "mean rate", minimum=0.0),
        "start": Parameter(0.0, "ms", "time at which it starts"),
        "duration": Parameter(1e10, "ms", "how long it lasts", minimum=0.0),
    }
    source = "poisson"
    injectable = False
    literature = "Cox and Isham 1980, Point Processes, Chapman and Hall"
