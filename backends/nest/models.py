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

_V = NativeState("v", "V_m", "mV")
# iaf_psc_exp and iaf_psc_alpha let a multimeter see their synaptic currents, but nobody read or set them.
_CURRENTS = (
    NativeState("isyn_exc", "I_syn_ex", "pA", settable=False, readable=False),
    NativeState("isyn_inh", "I_syn_in", "pA", settable=False, readable=False),
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

_CURRENT_RECEPTORS = (NativeReceptor("excitatory", "pA"), NativeReceptor("inhibitory", "pA"))
_VOLTAGE_RECEPTORS = (NativeReceptor("excitatory", "mV"), NativeReceptor("inhibitory", "mV"))
_CONDUCTANCE_RECEPTORS = (NativeReceptor("excitatory", "nS"), NativeReceptor("inhibitory", "nS", sign=-1))

_CELLS = (
    Translation(
        "IF_curr_exp",
        "iaf_psc_exp",
        parameters=_MEMBRANE + _TIME_CONSTANT + _SYNAPTIC,
        states=(_V, *_CURRENTS),
        receptors=_CURRENT_RECEPTORS,
        injected="i_offset",
    ),
    Translation(
        "IF_curr_alpha",
        "iaf_psc_alpha",
        parameters=_MEMBRANE + _TIME_CONSTANT + _SYNAPTIC,
        states=(_V, *_CURRENTS, *_HIDDEN_RISE),
        receptors=_CURRENT_RECEPTORS,
        injected="i_offset",
    ),
    Translation(
        "IF_curr_delta",
        "iaf_psc_delta",
        parameters=_MEMBRANE + _TIME_CONSTANT,
        states=(_V,),
        receptors=_VOLTAGE_RECEPTORS,
        injected="i_offset",
    ),
    Translation(
        "IF_cond_exp",
        "iaf_cond_exp",
        parameters=_MEMBRANE + _LEAK + _SYNAPTIC + _REVERSAL,
        states=(_V, *_CONDUCTANCES),
        receptors=_CONDUCTANCE_RECEPTORS,
        injected="i_offset",
    ),
    Translation(
        "IF_cond_alpha",
        "iaf_cond_alpha",
        parameters=_MEMBRANE + _LEAK + _SYNAPTIC + _REVERSAL,
        states=(_V, *_CONDUCTANCES, *_CONDUCTANCE_RISE),
        receptors=_CONDUCTANCE_RECEPTORS,
        injected="i_offset",
    ),
)
_SOURCES = (
    # A spike_train_injector is a node like any other: it sends over every synapse type and exists once, not per thread.
    Translation("SpikeSourceArray", "spike_train_injector"),
    Translation("SpikeSourcePoisson", "spike_train_injector"),
)

TABLES: dict[str, Translation] = {table.name: table for table in _CELLS + _SOURCES}
"""Model name -> translation, spikes on the grid."""

OFF_GRID_TABLES: dict[str, Translation] = {
    **TABLES,
    "IF_curr_exp": replace(
        TABLES["IF_curr_exp"],
        native="iaf_psc_exp_ps",
        states=(
            _V,
            NativeState("isyn_exc", "I_syn_ex", "pA", recordable=False),
            NativeState("isyn_inh", "I_syn_in", "pA", recordable=False),
        ),
        grid=False,
    ),
    "IF_curr_alpha": replace(
        TABLES["IF_curr_alpha"],
        native="iaf_psc_alpha_ps",
        states=(
            _V,
            NativeState("isyn_exc", "I_syn_ex", "pA", settable=False),
            NativeState("isyn_inh", "I_syn_in", "pA", settable=False),
            NativeState("isyn_exc_rise", "dI_syn_ex", "pA/ms", settable=False, recordable=False),
            NativeState("isyn_inh_rise", "dI_syn_in", "pA/ms", settable=False, recordable=False),
        ),
        grid=False,
    ),
    "IF_curr_delta": replace(TABLES["IF_curr_delta"], native="iaf_psc_delta_ps", grid=False),
}
"""The same with NEST's models that compute the precise time of each spike, where it has them."""

NATIVE_POISSON = "poisson_generator"
"""Generator of random spikes for populations with native=True; a RELAY repeats what it sends to each cell."""
RELAY = "parrot_neuron"

SYNAPSES: dict[str, str] = {"StaticSynapse": "static_synapse"}
"""Synapse model name -> NEST's."""

RULES = (
    "AllToAllConnector",
    "OneToOneConnector",
    "FixedProbabilityConnector",
    "FixedNumberPreConnector",
    "FixedNumberPostConnector",
    "FixedTotalNumberConnector",
)
"""Connectors that NEST can draw itself."""
