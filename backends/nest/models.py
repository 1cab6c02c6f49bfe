"""Translation tables for NEST: native names and units. Tables only."""

from __future__ import annotations

from dataclasses import replace

from pyNN.translation import Computed, NativeReceptor, NativeState, Renamed, Translation

_MEMBRANE = (
    Renamed("v_rest", "E_L", "mV"),
    Renamed("v_reset", "V_reset", "mV"),
    Renamed("v_thresh", "V_th", "mV"),
    Renamed("cm", "C_m", "pF"),
    Renamed("tau_refrac", "t_ref", "ms", on_grid=True),
    Renamed("i_offset", "I_e", "pA"),
)
_TIME_CONSTANT = (Renamed("tau_m", "tau_m", "ms"),)
_LEAK = (
    Computed(
        "tau_m",
        "g_L",
        "nS",
        depends_on=("cm", "tau_m"),
        forward=lambda values: values["cm"] / values["tau_m"],
        forward_unit="nF/ms",
        reverse=lambda native: native["C_m"] / native["g_L"],
        reverse_unit="pF/nS",
    ),
)
_SYNAPTIC = (Renamed("tau_syn_E", "tau_syn_ex", "ms"), Renamed("tau_syn_I", "tau_syn_in", "ms"))
_REVERSAL = (Renamed("e_rev_E", "E_ex", "mV"), Renamed("e_rev_I", "E_in", "mV"))

V = NativeState("v", "V_m", "mV")
# iaf_psc_exp and iaf_psc_alpha let a multimeter see their synaptic currents, but nobody read or set them.
_CURRENTS = (
    NativeState("isyn_exc", "I_syn_ex", "pA", settable=False, readable=False, receptor="excitatory"),
    NativeState("isyn_inh", "I_syn_in", "pA", settable=False, readable=False, receptor="inhibitory"),
)
_HIDDEN_RISE = (
    NativeState("isyn_exc_rise", None, "pA/ms", settable=False, readable=False, recordable=False),
    NativeState("isyn_inh_rise", None, "pA/ms", settable=False, readable=False, recordable=False),
)
_CONDUCTANCES = (NativeState("gsyn_exc", "g_ex", "nS"), NativeState("gsyn_inh", "g_in", "nS"))
_CONDUCTANCE_RISE = (
    NativeState("gsyn_exc_rise", "dg_ex", "nS/ms", recordable=False),
    NativeState("gsyn_inh_rise", "dg_in", "nS/ms", recordable=False),
)

W = NativeState("w", "w", "pA")
LEAKY = _MEMBRANE + _TIME_CONSTANT
"""Parameters of the iaf models with currents."""
LEAKY_CONDUCTANCE = _MEMBRANE + _LEAK
"""Parameters of the iaf models with conductances."""
ADAPTIVE_EXPONENTIAL = (
    *LEAKY_CONDUCTANCE,
    Renamed("v_spike", "V_peak", "mV"),
    Renamed("a", "a", "nS"),
    Renamed("b", "b", "pA"),
    Renamed("delta_T", "Delta_T", "mV"),
    Renamed("tau_w", "tau_w", "ms"),
)
"""Parameters of the aeif models."""

_CURRENT_RECEPTORS = (NativeReceptor("excitatory", "pA"), NativeReceptor("inhibitory", "pA"))
_VOLTAGE_RECEPTORS = (NativeReceptor("excitatory", "mV"), NativeReceptor("inhibitory", "mV"))
_CONDUCTANCE_RECEPTORS = (NativeReceptor("excitatory", "nS"), NativeReceptor("inhibitory", "nS", sign=-1))

_CELLS = (
    Translation(
        "IF_curr_exp",
        "iaf_psc_exp",
        parameters=_MEMBRANE + _TIME_CONSTANT + _SYNAPTIC,
        states=(V, *_CURRENTS),
        receptors=_CURRENT_RECEPTORS,
        injected="i_offset",
        reset_below="v_thresh",
    ),
    Translation(
        "IF_curr_alpha",
        "iaf_psc_alpha",
        parameters=_MEMBRANE + _TIME_CONSTANT + _SYNAPTIC,
        states=(V, *_CURRENTS, *_HIDDEN_RISE),
        receptors=_CURRENT_RECEPTORS,
        injected="i_offset",
        reset_below="v_thresh",
    ),
    Translation(
        "IF_curr_delta",
        "iaf_psc_delta",
        parameters=_MEMBRANE + _TIME_CONSTANT,
        states=(V,),
        receptors=_VOLTAGE_RECEPTORS,
        injected="i_offset",
        reset_below="v_thresh",
    ),
    Translation(
        "IF_cond_exp",
        "iaf_cond_exp",
        parameters=_MEMBRANE + _LEAK + _SYNAPTIC + _REVERSAL,
        states=(V, *_CONDUCTANCES),
        receptors=_CONDUCTANCE_RECEPTORS,
        injected="i_offset",
        reset_below="v_thresh",
    ),
    Translation(
        "IF_cond_alpha",
        "iaf_cond_alpha",
        parameters=_MEMBRANE + _LEAK + _SYNAPTIC + _REVERSAL,
        states=(V, *_CONDUCTANCES, *_CONDUCTANCE_RISE),
        receptors=_CONDUCTANCE_RECEPTORS,
        injected="i_offset",
        reset_below="v_thresh",
    ),
    Translation(
        "IF_cond_exp_gsfa_grr",
        "iaf_cond_exp_sfa_rr",
        parameters=(
            *_MEMBRANE,
            *_LEAK,
            *_SYNAPTIC,
            *_REVERSAL,
            Renamed("tau_sfa", "tau_sfa", "ms"),
            Renamed("e_rev_sfa", "E_sfa", "mV"),
            Renamed("q_sfa", "q_sfa", "nS"),
            Renamed("tau_rr", "tau_rr", "ms"),
            Renamed("e_rev_rr", "E_rr", "mV"),
            Renamed("q_rr", "q_rr", "nS"),
        ),
        states=(V, NativeState("g_r", "g_rr", "nS"), NativeState("g_s", "g_sfa", "nS"), *_CONDUCTANCES),
        receptors=_CONDUCTANCE_RECEPTORS,
        injected="i_offset",
        reset_below="v_thresh",
    ),
    Translation(
        "IF_facets_hardware1",
        "iaf_cond_exp",
        parameters=(
            Renamed("g_leak", "g_L", "nS"),
            *_SYNAPTIC,
            Renamed("v_reset", "V_reset", "mV"),
            Renamed("e_rev_I", "E_in", "mV"),
            Renamed("v_rest", "E_L", "mV"),
            Renamed("v_thresh", "V_th", "mV"),
        ),
        states=(V, *_CONDUCTANCES),
        receptors=_CONDUCTANCE_RECEPTORS,
        current="I_e",
        reset_below="v_thresh",
        # The chip has one capacitance, refractory period and excitatory reversal potential.
        constants={"C_m": 200.0, "t_ref": 1.0, "E_ex": 0.0},
    ),
    Translation(
        "EIF_cond_exp_isfa_ista",
        "aeif_cond_exp",
        parameters=ADAPTIVE_EXPONENTIAL + _SYNAPTIC + _REVERSAL,
        states=(V, W, *_CONDUCTANCES),
        receptors=_CONDUCTANCE_RECEPTORS,
        injected="i_offset",
        reset_below="v_spike",
    ),
    Translation(
        "EIF_cond_alpha_isfa_ista",
        "aeif_cond_alpha",
        parameters=ADAPTIVE_EXPONENTIAL + _SYNAPTIC + _REVERSAL,
        states=(V, W, *_CONDUCTANCES, *_CONDUCTANCE_RISE),
        receptors=_CONDUCTANCE_RECEPTORS,
        injected="i_offset",
        reset_below="v_spike",
    ),
    Translation(
        "HH_cond_exp",
        "hh_cond_exp_traub",
        parameters=(
            Renamed("gbar_Na", "g_Na", "nS"),
            Renamed("gbar_K", "g_K", "nS"),
            Renamed("g_leak", "g_L", "nS"),
            Renamed("cm", "C_m", "pF"),
            Renamed("v_offset", "V_T", "mV"),
            Renamed("e_rev_Na", "E_Na", "mV"),
            Renamed("e_rev_K", "E_K", "mV"),
            Renamed("e_rev_leak", "E_L", "mV"),
            *_SYNAPTIC,
            *_REVERSAL,
            Renamed("i_offset", "I_e", "pA"),
        ),
        states=(
            V,
            # A multimeter sees the conductances, but nobody reads or sets them.
            NativeState("gsyn_exc", "g_ex", "nS", settable=False, readable=False, receptor="excitatory"),
            NativeState("gsyn_inh", "g_in", "nS", settable=False, readable=False, receptor="inhibitory"),
            NativeState("h", "Inact_h", ""),
            NativeState("m", "Act_m", ""),
            NativeState("n", "Act_n", ""),
        ),
        receptors=_CONDUCTANCE_RECEPTORS,
        injected="i_offset",
        # How long a spike is not taken for the next one; the membrane goes on.
        constants={"t_ref": 2.0},
    ),
    Translation(
        "Izhikevich",
        "izhikevich",
        parameters=(
            Renamed("a", "a", "1/ms"),
            Renamed("b", "b", "1/ms"),
            Renamed("c", "c", "mV"),
            Renamed("d", "d", "mV/ms"),
            # NEST's number is mV/ms: a current through the membrane capacitance of 1 pF that the model implies.
            Renamed("i_offset", "I_e", "pA"),
        ),
        states=(V, NativeState("u", "U_m", "mV/ms")),
        receptors=_VOLTAGE_RECEPTORS,
        injected="i_offset",
        constants={"consistent_integration": True, "V_th": 30.0},
    ),
    Translation(
        "GIF_cond_exp",
        "gif_cond_exp",
        parameters=(
            Renamed("v_rest", "E_L", "mV"),
            Renamed("v_reset", "V_reset", "mV"),
            Renamed("cm", "C_m", "pF"),
            Renamed("tau_refrac", "t_ref", "ms", on_grid=True),
            Renamed("i_offset", "I_e", "pA"),
            *_LEAK,
            *_SYNAPTIC,
            *_REVERSAL,
            Renamed("delta_v", "Delta_V", "mV"),
            Renamed("v_t_star", "V_T_star", "mV"),
            Renamed("lambda0", "lambda_0", "Hz"),
            Renamed("tau_eta", "tau_stc", "ms"),
            Renamed("tau_gamma", "tau_sfa", "ms"),
            Renamed("a_eta", "q_stc", "pA"),
            Renamed("a_gamma", "q_sfa", "mV"),
        ),
        # NEST shows i_eta and v_t as they were one step before, so they are computed from the cells' spikes.
        states=(
            V,
            *_CONDUCTANCES,
            NativeState("i_eta", None, "pA", settable=False, readable=False, kernels=("tau_eta", "a_eta")),
            NativeState(
                "v_t",
                None,
                "mV",
                settable=False,
                readable=False,
                kernels=("tau_gamma", "a_gamma"),
                base="v_t_star",
            ),
            NativeState("eta", None, "pA", settable=False, readable=False, recordable=False),
            NativeState("gamma", None, "mV", settable=False, readable=False, recordable=False),
        ),
        receptors=_CONDUCTANCE_RECEPTORS,
        injected="i_offset",
        # NEST's default of 1e-3 costs four digits of the potential.
        constants={"gsl_error_tol": 1e-6},
        refractory_needed=True,
    ),
)
_SOURCES = (
    # A spike_train_injector is a node like any other: it sends over every synapse type and exists once, not per thread.
    Translation("SpikeSourceArray", "spike_train_injector"),
    Translation("SpikeSourcePoisson", "spike_train_injector"),
    Translation("SpikeSourcePoissonRefractory", "spike_train_injector"),
    Translation("SpikeSourceGamma", "spike_train_injector"),
    Translation("SpikeSourceInhGamma", "spike_train_injector"),
)

TABLES: dict[str, Translation] = {table.name: table for table in _CELLS + _SOURCES}
"""Model name -> translation, spikes on the grid."""

OFF_GRID_TABLES: dict[str, Translation] = {
    **TABLES,
    "IF_curr_exp": replace(
        TABLES["IF_curr_exp"],
        native="iaf_psc_exp_ps",
        states=(
            V,
            NativeState("isyn_exc", "I_syn_ex", "pA", recordable=False),
            NativeState("isyn_inh", "I_syn_in", "pA", recordable=False),
        ),
        grid=False,
        refractory_needed=True,
    ),
    "IF_curr_alpha": replace(
        TABLES["IF_curr_alpha"],
        native="iaf_psc_alpha_ps",
        states=(
            V,
            NativeState("isyn_exc", "I_syn_ex", "pA", settable=False),
            NativeState("isyn_inh", "I_syn_in", "pA", settable=False),
            NativeState("isyn_exc_rise", "dI_syn_ex", "pA/ms", settable=False, recordable=False),
            NativeState("isyn_inh_rise", "dI_syn_in", "pA/ms", settable=False, recordable=False),
        ),
        grid=False,
        refractory_needed=True,
    ),
    "IF_curr_delta": replace(
        TABLES["IF_curr_delta"], native="iaf_psc_delta_ps", grid=False, refractory_needed=True
    ),
}
"""The same with NEST's models that compute the precise time of each spike, where it has them."""

NATIVE_POISSON = "poisson_generator"
"""Generator of random spikes for populations with native=True; a RELAY repeats what it sends to each cell."""
RELAY = "parrot_neuron"

RULES = (
    "AllToAllConnector",
    "OneToOneConnector",
    "FixedProbabilityConnector",
    "FixedNumberPreConnector",
    "FixedNumberPostConnector",
    "FixedTotalNumberConnector",
)
"""Connectors that NEST can draw itself."""
