"""Standard cell types: parameters, units, defaults, equations and their source in the literature."""

from __future__ import annotations

from pyNN.models import Parameter, Receptor, State
from pyNN.parameters import ArrayParameter, Sequence
from pyNN.standardmodels.base import StandardCellType, StandardCellTypeComponent
from pyNN.standardmodels.compartments import MultiCompartmentNeuron as MultiCompartmentNeuron
from pyNN.standardmodels.composed import PointNeuron as PointNeuron

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
_CONDUCTANCE_RISES = {
    "gsyn_exc_rise": State(0.0, "uS/ms", "rise of the excitatory conductance", recordable=False, settable=False),
    "gsyn_inh_rise": State(0.0, "uS/ms", "rise of the inhibitory conductance", recordable=False, settable=False),
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
        "excitatory": Receptor("nA", "isyn_exc += weight", sign=1, time_constant="tau_syn_E"),
        "inhibitory": Receptor("nA", "isyn_inh += weight", sign=-1, time_constant="tau_syn_I"),
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
        "excitatory": Receptor("nA", "isyn_exc_rise += weight*exp(1)/tau_syn_E", sign=1, time_constant="tau_syn_E"),
        "inhibitory": Receptor("nA", "isyn_inh_rise += weight*exp(1)/tau_syn_I", sign=-1, time_constant="tau_syn_I"),
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
        "excitatory": Receptor("uS", "gsyn_exc += weight", sign=1, time_constant="tau_syn_E"),
        "inhibitory": Receptor("uS", "gsyn_inh += weight", sign=1, time_constant="tau_syn_I"),
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
        **_CONDUCTANCE_RISES,
    }
    receptors = {
        "excitatory": Receptor("uS", "gsyn_exc_rise += weight*exp(1)/tau_syn_E", sign=1, time_constant="tau_syn_E"),
        "inhibitory": Receptor("uS", "gsyn_inh_rise += weight*exp(1)/tau_syn_I", sign=1, time_constant="tau_syn_I"),
    }
    equations = """
        dv/dt = (v_rest - v)/tau_m + (gsyn_exc*(e_rev_E - v) + gsyn_inh*(e_rev_I - v) + i_offset + i_inj)/cm : mV (unless refractory)
        dgsyn_exc/dt = gsyn_exc_rise - gsyn_exc/tau_syn_E : uS
        dgsyn_inh/dt = gsyn_inh_rise - gsyn_inh/tau_syn_I : uS
        dgsyn_exc_rise/dt = -gsyn_exc_rise/tau_syn_E : uS/ms
        dgsyn_inh_rise/dt = -gsyn_inh_rise/tau_syn_I : uS/ms
    """
    literature = "Meffin, Burkitt and Grayden 2004, J Comput Neurosci 16:159; Rall 1967, J Neurophysiol 30:1138"


class HH_cond_exp(StandardCellType):
    """Hodgkin-Huxley cell with one compartment and exponentially decaying post-synaptic conductances.

    The currents are those of Traub and Miles, as in the benchmark of Brette et al. 2007. A spike is the first step in
    which v falls while it is 30 mV or more above v_offset, and then none for 2 ms.
    """

    parameters = {
        "gbar_Na": Parameter(20.0, "uS", "largest sodium conductance", minimum=0.0),
        "gbar_K": Parameter(6.0, "uS", "largest potassium conductance", minimum=0.0),
        "g_leak": Parameter(0.01, "uS", "leak conductance", minimum=0.0),
        "cm": Parameter(0.2, "nF", "membrane capacitance", minimum=0.0, exclusive=True),
        "v_offset": Parameter(-63.0, "mV", "shifts the voltage dependence of all channels"),
        "e_rev_Na": Parameter(50.0, "mV", "reversal potential of sodium"),
        "e_rev_K": Parameter(-90.0, "mV", "reversal potential of potassium"),
        "e_rev_leak": Parameter(-65.0, "mV", "reversal potential of the leak"),
        "e_rev_E": Parameter(0.0, "mV", "reversal potential of excitatory synapses"),
        "e_rev_I": Parameter(-80.0, "mV", "reversal potential of inhibitory synapses"),
        **_synaptic_time_constants(0.2, 2.0),
        "i_offset": Parameter(0.0, "nA", "constant injected current"),
    }
    states = {
        "v": _V,
        **_CONDUCTANCES,
        "h": State(1.0, "", "inactivation of sodium"),
        "m": State(0.0, "", "activation of sodium"),
        "n": State(0.0, "", "activation of potassium"),
    }
    receptors = dict(IF_cond_exp.receptors)
    equations = """
        x = (v - v_offset)/mV : 1
        dv/dt = (gbar_Na*m**3*h*(e_rev_Na - v) + gbar_K*n**4*(e_rev_K - v) + g_leak*(e_rev_leak - v) + gsyn_exc*(e_rev_E - v) + gsyn_inh*(e_rev_I - v) + i_offset + i_inj)/cm : mV
        alpha_m = 1.28/exprel((13 - x)/4)/ms : 1/ms
        beta_m = 1.4/exprel((x - 40)/5)/ms : 1/ms
        alpha_h = 0.128*exp((17 - x)/18)/ms : 1/ms
        beta_h = 4/(1 + exp((40 - x)/5))/ms : 1/ms
        alpha_n = 0.16/exprel((15 - x)/5)/ms : 1/ms
        beta_n = 0.5*exp((10 - x)/40)/ms : 1/ms
        dm/dt = alpha_m*(1 - m) - beta_m*m : 1
        dh/dt = alpha_h*(1 - h) - beta_h*h : 1
        dn/dt = alpha_n*(1 - n) - beta_n*n : 1
        dgsyn_exc/dt = -gsyn_exc/tau_syn_E : uS
        dgsyn_inh/dt = -gsyn_inh/tau_syn_I : uS
    """
    threshold = "v >= v_offset + 30*mV and v < before(v)"
    refractory = "2*ms"
    literature = "Traub and Miles 1991, Neuronal Networks of the Hippocampus, Cambridge; Brette et al. 2007, J Comput Neurosci 23:349"


class IF_cond_exp_gsfa_grr(_IntegrateAndFire):
    """Leaky integrate-and-fire cell with conductance synapses, spike-frequency adaptation and relative refractoriness.

    Each spike adds q_sfa to a slow and q_rr to a fast conductance of potassium type.
    """

    parameters = {
        **IF_cond_exp.parameters,
        "tau_sfa": Parameter(100.0, "ms", "time constant of adaptation", minimum=0.0, exclusive=True),
        "e_rev_sfa": Parameter(-75.0, "mV", "reversal potential of adaptation"),
        "q_sfa": Parameter(15.0, "nS", "conductance of adaptation that a spike adds"),
        "tau_rr": Parameter(2.0, "ms", "time constant of relative refractoriness", minimum=0.0, exclusive=True),
        "e_rev_rr": Parameter(-75.0, "mV", "reversal potential of relative refractoriness"),
        "q_rr": Parameter(3000.0, "nS", "conductance of relative refractoriness that a spike adds"),
    }
    states = {
        "v": _V,
        "g_r": State(0.0, "nS", "conductance of relative refractoriness"),
        "g_s": State(0.0, "nS", "conductance of adaptation"),
        **_CONDUCTANCES,
    }
    receptors = dict(IF_cond_exp.receptors)
    equations = """
        dv/dt = (v_rest - v)/tau_m + (gsyn_exc*(e_rev_E - v) + gsyn_inh*(e_rev_I - v) + g_s*(e_rev_sfa - v) + g_r*(e_rev_rr - v) + i_offset + i_inj)/cm : mV (unless refractory)
        dg_s/dt = -g_s/tau_sfa : nS
        dg_r/dt = -g_r/tau_rr : nS
        dgsyn_exc/dt = -gsyn_exc/tau_syn_E : uS
        dgsyn_inh/dt = -gsyn_inh/tau_syn_I : uS
    """
    reset = "v = v_reset; g_s += q_sfa; g_r += q_rr"
    literature = "Muller, Buesing, Schemmel and Meier 2007, Neural Comput 19:2958; Dayan and Abbott 2001, chapter 5"


class IF_facets_hardware1(_IntegrateAndFire):
    """Leaky integrate-and-fire cell with conductance synapses as the first FACETS wafer-scale hardware has it.

    The capacitance (0.2 nF), the refractory period (1 ms) and the excitatory reversal potential (0 mV) are fixed.
    """

    parameters = {
        "g_leak": Parameter(40.0, "nS", "leak conductance", minimum=0.0),
        **_synaptic_time_constants(30.0, 30.0),
        "v_reset": Parameter(-80.0, "mV", "potential after a spike"),
        "e_rev_I": Parameter(-80.0, "mV", "reversal potential of inhibitory synapses"),
        "v_rest": Parameter(-65.0, "mV", "resting membrane potential"),
        "v_thresh": Parameter(-55.0, "mV", "spike threshold"),
    }
    states = {"v": _V, **_CONDUCTANCES}
    receptors = dict(IF_cond_exp.receptors)
    equations = """
        dv/dt = (g_leak*(v_rest - v) - gsyn_exc*v + gsyn_inh*(e_rev_I - v) + i_inj)/(0.2*nF) : mV (unless refractory)
        dgsyn_exc/dt = -gsyn_exc/tau_syn_E : uS
        dgsyn_inh/dt = -gsyn_inh/tau_syn_I : uS
    """
    refractory = "1*ms"
    literature = "Schemmel, Bruederle, Meier and Ostendorf 2007, Proc ISCAS 2007:3367; Schemmel et al. 2010, Proc ISCAS 2010:1947"


_ADEXP_PARAMETERS = {
    "cm": Parameter(0.281, "nF", "membrane capacitance", minimum=0.0, exclusive=True),
    "tau_refrac": Parameter(0.1, "ms", "absolute refractory period", minimum=0.0),
    "v_spike": Parameter(-40.0, "mV", "potential at which a spike is detected"),
    "v_reset": Parameter(-70.6, "mV", "potential after a spike"),
    "v_rest": Parameter(-70.6, "mV", "resting membrane potential"),
    "tau_m": Parameter(9.3667, "ms", "membrane time constant", minimum=0.0, exclusive=True),
    "i_offset": Parameter(0.0, "nA", "constant injected current"),
    "a": Parameter(4.0, "nS", "adaptation conductance below the threshold"),
    "b": Parameter(0.0805, "nA", "adaptation current that a spike adds"),
    "delta_T": Parameter(2.0, "mV", "sharpness of the exponential; 0: a threshold at v_thresh", minimum=0.0),
    "tau_w": Parameter(144.0, "ms", "time constant of the adaptation current", minimum=0.0, exclusive=True),
    "v_thresh": Parameter(-50.4, "mV", "threshold of spike initiation"),
}
_ADEXP_STATES = {
    "v": State(-70.6, "mV", "membrane potential"),
    "w": State(0.0, "nA", "adaptation current"),
}
_ADEXP_EQUATIONS = """
        dv/dt = (v_rest - v + i_exp)/tau_m + (i_syn - w + i_offset + i_inj)/cm : mV (unless refractory)
        dw/dt = (a*(v - v_rest) - w)/tau_w : nA
        i_exp = delta_T*exp((v - v_thresh)/delta_T) if delta_T > 0*mV else 0*mV : mV
"""
_ADEXP_LITERATURE = "Brette and Gerstner 2005, J Neurophysiol 94:3637"


class _AdaptiveExponential(StandardCellType):
    """What adaptive exponential integrate-and-fire types share; their spikes arise within a step."""

    threshold = "v >= (v_spike if delta_T > 0*mV else v_thresh)"
    threshold_within_step = True
    reset = "v = v_reset; w += b"
    refractory = "tau_refrac"
    literature = _ADEXP_LITERATURE


class EIF_cond_exp_isfa_ista(_AdaptiveExponential):
    """Adaptive exponential integrate-and-fire cell with exponentially decaying post-synaptic conductances."""

    parameters = {
        **_ADEXP_PARAMETERS,
        "e_rev_E": Parameter(0.0, "mV", "reversal potential of excitatory synapses"),
        "tau_syn_E": _synaptic_time_constants(5.0, 5.0)["tau_syn_E"],
        "e_rev_I": Parameter(-80.0, "mV", "reversal potential of inhibitory synapses"),
        "tau_syn_I": _synaptic_time_constants(5.0, 5.0)["tau_syn_I"],
    }
    states = {**_ADEXP_STATES, **_CONDUCTANCES}
    receptors = dict(IF_cond_exp.receptors)
    equations = (
        _ADEXP_EQUATIONS
        + """
        i_syn = gsyn_exc*(e_rev_E - v) + gsyn_inh*(e_rev_I - v) : nA
        dgsyn_exc/dt = -gsyn_exc/tau_syn_E : uS
        dgsyn_inh/dt = -gsyn_inh/tau_syn_I : uS
    """
    )


class EIF_cond_alpha_isfa_ista(_AdaptiveExponential):
    """Adaptive exponential integrate-and-fire cell with alpha-shaped post-synaptic conductances, peak = weight."""

    parameters = dict(EIF_cond_exp_isfa_ista.parameters)
    states = {**_ADEXP_STATES, **_CONDUCTANCES, **_CONDUCTANCE_RISES}
    receptors = dict(IF_cond_alpha.receptors)
    equations = (
        _ADEXP_EQUATIONS
        + """
        i_syn = gsyn_exc*(e_rev_E - v) + gsyn_inh*(e_rev_I - v) : nA
        dgsyn_exc/dt = gsyn_exc_rise - gsyn_exc/tau_syn_E : uS
        dgsyn_inh/dt = gsyn_inh_rise - gsyn_inh/tau_syn_I : uS
        dgsyn_exc_rise/dt = -gsyn_exc_rise/tau_syn_E : uS/ms
        dgsyn_inh_rise/dt = -gsyn_inh_rise/tau_syn_I : uS/ms
    """
    )


class Izhikevich(StandardCellType):
    """Izhikevich's quadratic cell with a recovery variable; a weight (mV) is a jump of the membrane potential.

    Current enters as if the capacitance were 1 pF: 0.01 nA adds 10 mV/ms, the "I = 10" of the article.
    """

    parameters = {
        "a": Parameter(0.02, "/ms", "rate of recovery"),
        "b": Parameter(0.2, "/ms", "how strongly recovery follows the membrane potential"),
        "c": Parameter(-65.0, "mV", "potential after a spike"),
        "d": Parameter(2.0, "mV/ms", "what a spike adds to the recovery variable"),
        "i_offset": Parameter(0.0, "nA", "constant injected current"),
    }
    states = {
        "v": State(-70.0, "mV", "membrane potential"),
        "u": State(-14.0, "mV/ms", "recovery variable"),
    }
    receptors = {
        "excitatory": Receptor("mV", "v += weight", sign=1),
        "inhibitory": Receptor("mV", "v += weight", sign=-1),
    }
    equations = """
        dv/dt = 0.04*v**2/mV/ms + 5*v/ms + 140*mV/ms - u + (i_offset + i_inj)/pF : mV
        du/dt = a*(b*v - u) : mV/ms
    """
    threshold = "v >= 30*mV"
    threshold_within_step = True
    reset = "v = c; u += d"
    literature = "Izhikevich 2003, IEEE Trans Neural Netw 14:1569"


class GIF_cond_exp(StandardCellType):
    """Generalised integrate-and-fire cell: it fires at random, with a rate exponential in v - v_t.

    Each spike adds a_eta to currents (which hyperpolarise, being subtracted) and a_gamma to movements of the threshold,
    which decay with the time constants tau_eta and tau_gamma; lists of any length, another for each cell if need be.
    The probability of a spike in a step is 1 - exp(-rate*dt), with the rate at the end of the step.
    """

    parameters = {
        "v_rest": Parameter(-65.0, "mV", "resting membrane potential"),
        "cm": Parameter(1.0, "nF", "membrane capacitance", minimum=0.0, exclusive=True),
        "tau_m": Parameter(20.0, "ms", "membrane time constant", minimum=0.0, exclusive=True),
        "tau_refrac": Parameter(4.0, "ms", "absolute refractory period", minimum=0.0),
        **_synaptic_time_constants(5.0, 5.0),
        **_REVERSAL_POTENTIALS,
        "v_reset": Parameter(-65.0, "mV", "potential after a spike"),
        "i_offset": Parameter(0.0, "nA", "constant injected current"),
        "delta_v": Parameter(0.5, "mV", "how sharp the threshold is", minimum=0.0, exclusive=True),
        "v_t_star": Parameter(-48.0, "mV", "threshold of a cell that has been silent"),
        "lambda0": Parameter(1.0, "Hz", "firing rate at the threshold", minimum=0.0),
        "tau_eta": Parameter(
            ArrayParameter([1.0, 10.0, 100.0]), "ms", "time constants of the spike-triggered currents", True, 0.0, True
        ),
        "tau_gamma": Parameter(
            ArrayParameter([1.0, 10.0, 100.0]), "ms", "time constants of the threshold's movements", True, 0.0, True
        ),
        "a_eta": Parameter(ArrayParameter([1.0, 1.0, 1.0]), "nA", "spike-triggered currents", is_array=True),
        "a_gamma": Parameter(ArrayParameter([1.0, 1.0, 1.0]), "mV", "movements of the threshold", is_array=True),
    }
    states = {
        "v": _V,
        **_CONDUCTANCES,
        "i_eta": State(0.0, "nA", "sum of the spike-triggered currents", settable=False),
        "v_t": State(-48.0, "mV", "threshold", settable=False, starts_at="v_t_star"),
        "eta": State(0.0, "nA", "each spike-triggered current", recordable=False, settable=False),
        "gamma": State(0.0, "mV", "each movement of the threshold", recordable=False, settable=False),
    }
    receptors = dict(IF_cond_exp.receptors)
    equations = """
        dv/dt = (v_rest - v)/tau_m + (gsyn_exc*(e_rev_E - v) + gsyn_inh*(e_rev_I - v) - i_eta + i_offset + i_inj)/cm : mV (unless refractory)
        dgsyn_exc/dt = -gsyn_exc/tau_syn_E : uS
        dgsyn_inh/dt = -gsyn_inh/tau_syn_I : uS
        deta/dt = -eta/tau_eta : nA (array)
        dgamma/dt = -gamma/tau_gamma : mV (array)
        i_eta = sum(eta) : nA
        v_t = v_t_star + sum(gamma) : mV
        rate = lambda0*exp((v - v_t)/delta_v) : Hz
    """
    threshold = "uniform() < -expm1(-rate*dt)"
    reset = "v = v_reset; eta += a_eta; gamma += a_gamma"
    refractory = "tau_refrac"
    literature = "Mensi et al. 2012, J Neurophysiol 107:1756; Pozzorini et al. 2015, PLoS Comput Biol 11:e1004275"


# PyNN gives both sums an initial value although only their terms can have one.
GIF_cond_exp.default_initial_values = {"v": -65.0, "v_t": -48.0, "i_eta": 0.0, "gsyn_exc": 0.0, "gsyn_inh": 0.0}


class LIF(StandardCellTypeComponent):
    """Leaky integrate-and-fire neuron without receptors: the first argument of PointNeuron."""

    parameters = {
        "cm": _LIF_PARAMETERS["cm"],
        "tau_refrac": _LIF_PARAMETERS["tau_refrac"],
        "v_reset": _LIF_PARAMETERS["v_reset"],
        "v_rest": _LIF_PARAMETERS["v_rest"],
        "tau_m": _LIF_PARAMETERS["tau_m"],
        "i_offset": _LIF_PARAMETERS["i_offset"],
        "v_thresh": _LIF_PARAMETERS["v_thresh"],
    }
    states = {"v": _V}
    equations = """
        dv/dt = (v_rest - v)/tau_m + (i_syn + i_offset + i_inj)/cm : mV (unless refractory)
    """
    threshold = _IntegrateAndFire.threshold
    reset = _IntegrateAndFire.reset
    refractory = _IntegrateAndFire.refractory
    literature = "Lapicque 1907, J Physiol Pathol Gen 9:620"


class AdExp(StandardCellTypeComponent):
    """Adaptive exponential integrate-and-fire neuron without receptors: the first argument of PointNeuron."""

    parameters = dict(_ADEXP_PARAMETERS)
    states = dict(_ADEXP_STATES)
    equations = _ADEXP_EQUATIONS
    threshold = _AdaptiveExponential.threshold
    threshold_within_step = True
    reset = _AdaptiveExponential.reset
    refractory = _AdaptiveExponential.refractory
    literature = _ADEXP_LITERATURE


class SpikeSourceArray(StandardCellType):
    """Cells that emit spikes at given times, each rounded to the nearest time step."""

    parameters = {"spike_times": Parameter(Sequence([]), "ms", "times of the spikes", is_array=True)}
    source = "array"
    injectable = False


_WINDOW = {
    "start": Parameter(0.0, "ms", "time at which it starts"),
    "duration": Parameter(1e10, "ms", "how long it lasts", minimum=0.0),
}


class SpikeSourcePoisson(StandardCellType):
    """Cells that emit a Poisson process of spikes, independent of each other."""

    parameters = {"rate": Parameter(1.0, "Hz", "mean rate", minimum=0.0), **_WINDOW}
    source = "poisson"
    injectable = False
    literature = "Cox and Isham 1980, Point Processes, Chapman and Hall"


class SpikeSourcePoissonRefractory(StandardCellType):
    """Cells that emit a Poisson process with dead time: no spike for `tau_refrac` after one, then a constant hazard.

    The process is in equilibrium when it starts.
    """

    parameters = {
        "rate": Parameter(1.0, "Hz", "mean rate, dead times included; under 1/tau_refrac", minimum=0.0),
        "tau_refrac": Parameter(0.0, "ms", "dead time after a spike", minimum=0.0),
        **_WINDOW,
    }
    source = "poisson with dead time"
    injectable = False
    literature = "Cox and Isham 1980, Point Processes; Deger et al. 2012, J Comput Neurosci 32:443"


class SpikeSourceGamma(StandardCellType):
    """Cells that emit a gamma process: intervals of mean alpha/beta and coefficient of variation 1/sqrt(alpha).

    The process is in equilibrium when it starts.
    """

    parameters = {
        "alpha": Parameter(2.0, "dimensionless", "shape of the intervals", minimum=0.0, exclusive=True),
        "beta": Parameter(1.0, "Hz", "rate parameter of the intervals; the mean rate is beta/alpha", minimum=0.0),
        **_WINDOW,
    }
    source = "gamma"
    injectable = False
    literature = "Cox 1962, Renewal Theory, Methuen; Deger et al. 2012, J Comput Neurosci 32:443"


class SpikeSourceInhGamma(StandardCellType):
    """Cells that emit a gamma process whose shape a and scale b change at the times `tbins`.

    a[i] and b[i] hold from tbins[i] on, the last for ever; before tbins[0] there are no spikes. The hazard at a time is
    that of the present gamma distribution at the present time since the last spike. The process is in equilibrium when
    it starts.
    """

    parameters = {
        "a": Parameter(Sequence([1.0]), "dimensionless", "shape of the intervals in each bin", is_array=True),
        "b": Parameter(Sequence([1.0]), "s", "scale of the intervals in each bin; their mean is a*b", is_array=True),
        "tbins": Parameter(Sequence([0.0]), "ms", "when each bin begins", is_array=True),
        **_WINDOW,
    }
    source = "inhomogeneous gamma"
    injectable = False
    literature = "Muller, Buesing, Schemmel and Meier 2007, Neural Comput 19:2958"
