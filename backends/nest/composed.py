"""Tables for composed cell types (PointNeuron): which of NEST's models has such receptors, and how it gets them."""

from __future__ import annotations

from collections.abc import Mapping

from pyNN.errors import NoModelAvailableError
from pyNN.models import Definition
from pyNN.nest.models import ADAPTIVE_EXPONENTIAL, LEAKY, LEAKY_CONDUCTANCE, V, W
from pyNN.translation import NativeReceptor, NativeState, Renamed, Row, Stacked, Translation

PREFIX = "PointNeuron("
"""Names of composed definitions begin with this."""
_EXP, _ALPHA, _BETA = (f"Cond{shape}PostSynapticResponse" for shape in ("Exp", "Alpha", "Beta"))
_CURRENT = "CurrExpPostSynapticResponse"
_PAIR = (("ex", 1), ("in", -1))
"""The two inputs of models without numbered ones: the sign of a weight chooses."""
# An aeif model whose exponential, adaptation and peak are away is a leaky integrate-and-fire cell: with Delta_T = 0
# NEST takes V_th for the threshold, and V_peak only has to be above it.
_NO_ADAPTATION = {"Delta_T": 0.0, "a": 0.0, "b": 0.0, "V_peak": 1e9}

Rows = tuple[Row, ...]


def composed_table(definition: Definition) -> Translation:
    """The table of a composed cell type; NoModelAvailableError if NEST has no model with such receptors."""
    components = definition.components
    neuron = components[""]
    kinds = {name: kind for name, kind in components.items() if name}
    if neuron not in ("LIF", "AdExp"):
        raise NoModelAvailableError(f"NEST has no {neuron} with named receptors; it has LIF and AdExp.")
    found = set(kinds.values())
    if neuron == "LIF" and found <= {_CURRENT}:
        return _currents(definition.name, list(kinds))
    if found <= {_ALPHA, _BETA}:
        return _conductances(definition.name, neuron, kinds)
    if found == {_EXP} and len(kinds) <= len(_PAIR):
        return _exponential_conductances(definition.name, neuron, list(kinds))
    raise NoModelAvailableError(f"NEST has no {neuron} with {_listed(kinds)}. {_possible(neuron)}")


def _listed(kinds: Mapping[str, str]) -> str:
    return "the receptors " + ", ".join(f"{name} ({kind})" for name, kind in kinds.items())


def _possible(neuron: str) -> str:
    currents = f"any number of {_CURRENT}, " if neuron == "LIF" else ""
    return (
        f"It has {neuron} with {currents}any number of {_ALPHA} and {_BETA}, or at most two {_EXP} and nothing else. "
        "The backend 'reference' has all of them."
    )


def _currents(name: str, receptors: list[str]) -> Translation:
    taus: Rows = ()
    if receptors:
        # NEST refuses a time constant that equals tau_m, though not one that differs in the ninth digit.
        taus = (Stacked(tuple(f"{r}.tau_syn" for r in receptors), "tau_syn", "ms", apart_from="tau_m"),)
    # A multimeter sees the currents, but nobody reads or sets them.
    states = (
        NativeState(f"{r}.isyn", "I_syn", "pA", settable=False, readable=False, element=k, receptor=r)
        for k, r in enumerate(receptors)
    )
    return Translation(
        name,
        "iaf_psc_exp_multisynapse",
        parameters=LEAKY + taus,
        states=(V, *states),
        receptors=tuple(NativeReceptor(r, "pA", port=k + 1) for k, r in enumerate(receptors)),
        injected="i_offset",
        reset_below="v_thresh",
    )


def _conductances(name: str, neuron: str, kinds: Mapping[str, str]) -> Translation:
    beta = _BETA in kinds.values()
    rows: Rows = ()
    if kinds:
        rows = (Stacked(tuple(f"{r}.e_syn" for r in kinds), "E_rev", "mV"),)
        if beta:
            # An alpha function is the beta function whose time constants are equal, and NEST treats it as that.
            for tau in ("tau_rise", "tau_decay"):
                names = tuple(f"{r}.{'tau_syn' if kind == _ALPHA else tau}" for r, kind in kinds.items())
                rows += (Stacked(names, tau, "ms"),)
        else:
            rows += (Stacked(tuple(f"{r}.tau_syn" for r in kinds), "tau_syn", "ms"),)
    states = []
    for k, r in enumerate(kinds):
        states.append(NativeState(f"{r}.gsyn", "g", "nS", settable=False, element=k))
        states.append(
            NativeState(f"{r}.gsyn_rise", "dg", "nS/ms", settable=False, recordable=False, element=k)
        )
    return Translation(
        name,
        f"aeif_cond_{'beta' if beta else 'alpha'}_multisynapse",
        parameters=(ADAPTIVE_EXPONENTIAL if neuron == "AdExp" else LEAKY_CONDUCTANCE) + rows,
        states=(V, W, *states) if neuron == "AdExp" else (V, *states),
        receptors=tuple(NativeReceptor(r, "nS", port=k + 1) for k, r in enumerate(kinds)),
        injected="i_offset",
        reset_below="v_spike" if neuron == "AdExp" else "v_thresh",
        constants={} if neuron == "AdExp" else _NO_ADAPTATION,
    )


def _exponential_conductances(name: str, neuron: str, receptors: list[str]) -> Translation:
    pairs = list(zip(receptors, _PAIR, strict=False))
    rows: Rows = tuple(
        row
        for r, (side, _) in pairs
        for row in (Renamed(f"{r}.tau_syn", f"tau_syn_{side}", "ms"), Renamed(f"{r}.e_syn", f"E_{side}", "mV"))
    )
    states = tuple(NativeState(f"{r}.gsyn", f"g_{side}", "nS") for r, (side, _) in pairs)
    adaptive = neuron == "AdExp"
    return Translation(
        name,
        "aeif_cond_exp" if adaptive else "iaf_cond_exp",
        parameters=(ADAPTIVE_EXPONENTIAL if adaptive else LEAKY_CONDUCTANCE) + rows,
        states=(V, W, *states) if adaptive else (V, *states),
        receptors=tuple(NativeReceptor(r, "nS", sign) for r, (_, sign) in pairs),
        injected="i_offset",
        reset_below="v_spike" if adaptive else "v_thresh",
    )
