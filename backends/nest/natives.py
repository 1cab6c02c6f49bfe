"""NEST's own models as cell types: what NEST says of them, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from pyNN.errors import NoModelAvailableError, nearest
from pyNN.models import Definition, Parameter, Receptor, State
from pyNN.nest import versions
from pyNN.parameters import ArrayParameter
from pyNN.translation import NativeReceptor, NativeState, Translation

PREFIX = "nest:"
"""Names of definitions of native models begin with this."""
CURRENT_DEVICES = ("ac_generator", "dc_generator", "noise_generator", "step_current_generator")
PRECISE_GENERATORS = ("pulsepacket_generator", "spike_generator")
"""Generators that are told the times of their spikes."""
_BOOKKEEPING = frozenset(
    "archiver_length available Ca capacity element_type elementsize frozen global_id has_connections instantiations "
    "label local model model_id n_synapses node_uses_wfr post_trace recordables receptor_types stimulus_source "
    "synaptic_elements t_spike tau_minus tau_minus_triplet thread thread_local_id type_id vp".split()
)
_PORT_PARAMETERS = ("tau_syn", "tau_rise", "tau_syn_fast")
"""Arrays that have one number for each of a model's numbered receptors."""
_UNITS = {"V_m": "mV", "w": "pA", "g_ex": "nS", "g_in": "nS"}
_SIGNS = {"excitatory": 1, "inhibitory": -1}


@dataclass(frozen=True)
class NativeModel:
    """What NEST says of one of its models."""

    name: str
    kind: str
    """NEST's element type: "neuron", "stimulator", "recorder" or "other"."""
    parameters: Mapping[str, Any]
    """Settable numbers and arrays, with NEST's defaults."""
    states: Mapping[str, float]
    """Recordable variables that can be given a value, with the value that they start with."""
    recordables: tuple[str, ...]
    readable: frozenset[str]
    ports: Mapping[str, int]
    """Receptors that have names and numbers in NEST."""
    conductances: bool
    port_parameter: str
    """The parameter that has one number for each numbered receptor; "" without such."""


@cache
def native_model(name: str) -> NativeModel:
    """A model of NEST's; NoModelAvailableError with similar names if NEST has none of this name."""
    nest = versions.load_nest()
    if name not in nest.node_models:
        raise NoModelAvailableError(
            f"NEST has no model '{name}'.{nearest(name, nest.node_models)} nest.node_models lists all."
        )
    defaults = nest.GetDefaults(name)
    recordables = tuple(defaults.get("recordables", ()))
    settable = {
        key: value
        for key, value in defaults.items()
        # What begins with two underscores NESTML computes for itself.
        if key not in _BOOKKEEPING
        and not key.startswith("__")
        and _is_numeric(value)
        and _can_be_set(nest, name, key, value)
    }
    scalars = {k: v for k, v in defaults.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
    numbered = [p for p in _PORT_PARAMETERS if isinstance(settable.get(p), np.ndarray)]
    return NativeModel(
        name,
        str(defaults["element_type"]),
        {key: value for key, value in settable.items() if key not in recordables},
        {key: float(settable[key]) for key in recordables if key in settable},
        recordables,
        frozenset(key for key in recordables if key in scalars),
        dict(defaults.get("receptor_types", {})),
        any(key.startswith("g_") for key in recordables) or "E_rev" in defaults,
        numbered[0] if numbered else "",
    )


def _is_numeric(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1 and value.dtype.kind in "iuf"
    return isinstance(value, (bool, int, float))


def _can_be_set(nest: Any, model: str, key: str, value: Any) -> bool:
    # NEST does not tell which entries are read only, but refuses them, and a default that is set again changes nothing.
    if isinstance(value, np.ndarray) and not value.size:
        return True
    try:
        nest.SetDefaults(model, {key: value})
    except nest.NESTError:
        return False
    return True


def parameters_of(model: NativeModel) -> dict[str, Parameter]:
    """Parameters as a definition has them: native units, which the package does not know."""
    found = {}
    for name, value in model.parameters.items():
        array = isinstance(value, np.ndarray)
        found[name] = Parameter(ArrayParameter(value) if array else value, "", is_array=array)
    return found


def states_of(model: NativeModel, ports: int) -> dict[str, State]:
    """Recordable variables, those of each numbered receptor included."""
    names = list(model.recordables)
    for port in range(2, ports + 1):
        names += [f"{name[:-1]}{port}" for name in model.recordables if name.endswith("_1")]
    return {
        name: State(model.states.get(name, 0.0), _unit(name), settable=name in model.states)
        for name in dict.fromkeys(names)
    }


def _unit(name: str) -> str:
    if name.startswith("I_syn"):
        return "pA"
    if name.startswith("g_") and name[2:].isdigit():
        return "nS"
    return _UNITS.get(name, "")


def receptors_of(model: NativeModel, ports: int) -> dict[str, Receptor]:
    """Receptors by name; those that have only a number in NEST are called "1", "2" ..."""
    unit = "uS" if model.conductances else "nA"
    if model.kind != "neuron":
        return {}
    if model.ports:
        return {name: Receptor(unit, "", sign=0) for name in sorted(model.ports)}
    if model.port_parameter:
        return {str(port): Receptor(unit, "", sign=0) for port in range(1, ports + 1)}
    return {name: Receptor(unit, "", sign=1 if model.conductances else sign) for name, sign in _SIGNS.items()}


@dataclass(frozen=True)
class Untranslated:
    """A parameter that is the native one, as it is."""

    name: str
    kind: str
    """NumPy's letter for the type that NEST wants."""
    native: str
    on_grid: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def to_native(self, values: Mapping[str, Any], definition: Definition) -> Any:
        value = values[self.name]
        # NEST takes no 2.0 for a whole number, and no 1.0 for a truth value.
        return np.asarray(value).astype({"b": bool, "i": np.int64}[self.kind]) if self.kind in "bi" else value

    def to_standard(self, native: Mapping[str, Any], definition: Definition) -> dict[str, Any]:
        return {self.name: native[self.native]}


def native_table(definition: Definition) -> Translation:
    """The table of a native cell type."""
    model = native_model(definition.name.removeprefix(PREFIX))
    rows = tuple(
        Untranslated(name, np.asarray(value).dtype.kind, name) for name, value in model.parameters.items()
    )
    states = tuple(
        NativeState(name, name, state.unit, settable=state.settable, readable=name in model.readable)
        for name, state in definition.states.items()
    )
    unit = "nS" if model.conductances else "pA"
    numbered = model.ports or {name: int(name) for name in definition.receptors if name.isdigit()}
    receptors = tuple(
        NativeReceptor(
            name,
            unit,
            sign=-1 if model.conductances and name == "inhibitory" and not numbered else 1,
            port=numbered.get(name, 0),
        )
        for name in definition.receptors
    )
    return Translation(
        definition.name,
        model.name,
        parameters=rows,
        states=states,
        receptors=receptors,
        injected="I_e" if "I_e" in model.parameters else "",
        relayed=model.kind == "stimulator",
        native_model=True,
    )
