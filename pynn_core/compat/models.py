"""Cell types, synapse dynamics and current sources as PyNN 0.6 writes them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from pyNN.compat import dialect
from pyNN.compat.generators import Arguments
from pyNN.compat.table import deprecated
from pyNN.errors import InvalidModelError, InvalidParameterValueError, NoModelAvailableError
from pyNN.models import BaseCellType, BaseModelType, Definition
from pyNN.parameters import LazyArray, Sequence
from pyNN.random import RandomDistribution
from pyNN.standardmodels.base import StandardCurrentSource
from pyNN.units import factor

_INIT = "_init"
_OLD_UNITS = {"HH_cond_exp": dict.fromkeys(("gbar_Na", "gbar_K", "g_leak"), "nS")}
"""Model -> parameter -> its unit in PyNN 0.6, where that is another one."""
_OLD_DEFAULTS = {"tau_refrac": (0.1, 0.0), "duration": (1e10, 1e6)}
"""Parameter -> (default now, default in PyNN 0.6)."""
_WITHOUT_EFFECT = {"SpikeSourceInhGamma": ("rmax",)}


# --- cell types ----------------------------------------------------------------------------------------------------


def state_of(definition: Definition, name: str) -> str | None:
    """The state variable whose initial value the parameter `name` ("v_init") was; None if it is no such name."""
    stem = name[: -len(_INIT)] if name.endswith(_INIT) else ""
    state = definition.states.get(stem)
    return stem if state is not None and state.settable and name not in definition.parameters else None


def split_initial_values(
    definition: Definition, parameters: Mapping[str, Any], cls: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(parameters, initial values) of a dictionary in which ``v_init`` stands among the parameters."""
    kept: dict[str, Any] = {}
    initial: dict[str, Any] = {}
    for name, value in parameters.items():
        state = state_of(definition, name)
        if state is not None:
            deprecated("sim.cells init", cls=cls, name=name, state=state)
            initial[state] = value
        elif name in _WITHOUT_EFFECT.get(definition.name, ()):
            deprecated("sim.cells rmax")
        else:
            kept[name] = value
    return kept, initial


def unit_factor(definition: Definition, name: str) -> float:
    """What turns the number that a script of the present dialect has for a parameter into the modern one."""
    old = _OLD_UNITS.get(definition.name, {}).get(name) if dialect.is_old() else None
    return 1.0 if old is None else factor(old, definition.units[name])


def scaled(value: Any, by: float) -> Any:
    """A parameter's value, in whatever form, times a number."""
    if by == 1.0:
        return value
    if isinstance(value, (RandomDistribution, LazyArray)) or callable(value):
        return LazyArray(value) * by
    return np.asarray(value, dtype=float) * by if np.ndim(value) else float(value) * by


def to_modern(definition: Definition, name: str, value: Any) -> Any:
    """A parameter value of the dialect in modern units."""
    if name not in definition.parameters:
        return value
    if definition.parameters[name].is_array and _is_one_list(value):
        return Sequence(value)
    return scaled(value, unit_factor(definition, name))


def from_modern(definition: Definition, name: str, value: Any) -> Any:
    """A parameter value in the units of the dialect."""
    return scaled(value, 1.0 / unit_factor(definition, name))


def _is_one_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray)) and all(np.ndim(item) == 0 for item in value) and not any(
        isinstance(item, Sequence) for item in value
    )


def old_parameters(cls: type[BaseCellType], parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(parameters, initial values), in modern units and with the dialect's defaults, of a dictionary of PyNN 0.6."""
    definition = cls.definition
    kept, initial = split_initial_values(definition, parameters, cls.__name__)
    values = {name: to_modern(definition, name, value) for name, value in kept.items()}
    if dialect.is_old():
        for name, (now, then) in _OLD_DEFAULTS.items():
            if name not in values and name in definition.parameters and definition.parameters[name].default == now:
                values[name] = then
    return values, initial


def cell_type(self: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    """IF_cond_exp({...}): a dictionary in place of named parameters, with initial values among them."""
    if not arguments and not any(name.endswith(_INIT) for name in named):
        return arguments, named, {}
    if len(arguments) > 1 or (arguments and not isinstance(arguments[0], Mapping)):
        raise InvalidModelError(
            f"{type(self).__name__} takes its parameters by name, or as one dictionary; {arguments!r} were given."
        )
    if arguments:
        deprecated("sim.cells positional", cls=type(self).__name__)
        values, initial = old_parameters(type(self), arguments[0])
    else:
        values, initial = split_initial_values(type(self).definition, named, type(self).__name__)
        named = {}
    return (), {**values, **named}, {"_initial_values": initial}


class Defaults(dict[str, Any]):
    """Default parameters of a cell type; `v_init`, which is none any more, is looked up among the initial values."""

    def __init__(self, values: Mapping[str, Any], definition: Definition) -> None:
        super().__init__(values)
        self._definition = definition

    def __missing__(self, name: str) -> Any:
        state = state_of(self._definition, name)
        if state is None:
            raise KeyError(name)
        deprecated("sim.IF_cond_exp.default_parameters", name=name, state=state)
        return self._definition.states[state].initial


class ReceptorTypes:
    """``celltype.synapse_types``, of a class as well as of an instance."""

    def __get__(self, instance: Any, owner: Any) -> tuple[str, ...]:
        deprecated("sim.IF_cond_exp.synapse_types")
        return owner.receptor_types


# --- synapse dynamics ----------------------------------------------------------------------------------------------


class TsodyksMarkramMechanism:
    """Short-term plasticity, to be given to SynapseDynamics(fast=...). Time constants in ms.

    `u0`, `x0`, `y0`: values of the state variables at t = 0.
    """

    def __init__(
        self,
        U: float = 0.5,
        tau_rec: float = 100.0,
        tau_facil: float = 0.0,
        u0: float = 0.0,
        x0: float = 1.0,
        y0: float = 0.0,
    ) -> None:
        deprecated("sim.TsodyksMarkramMechanism")
        self.parameters = {"U": U, "tau_rec": tau_rec, "tau_facil": tau_facil}
        self.initial_values = {"u": u0, "x": x0, "y": y0}

    def describe(self, template: Any = "standard") -> str:
        values = ", ".join(f"{name} = {value:g}" for name, value in {**self.parameters, **self.initial_values}.items())
        return f"Tsodyks-Markram short-term plasticity: {values}"

    def __repr__(self) -> str:
        return f"TsodyksMarkramMechanism({self.parameters})"


class SynapseDynamics:
    """What is plastic about a synapse: `fast`, a TsodyksMarkramMechanism, or `slow`, an STDPMechanism."""

    def __init__(self, fast: Any = None, slow: Any = None) -> None:
        from pyNN.standardmodels import synapses

        deprecated("sim.SynapseDynamics")
        if fast is not None and not isinstance(fast, TsodyksMarkramMechanism):
            raise InvalidModelError(f"fast must be a TsodyksMarkramMechanism, not {fast!r}.")
        if slow is not None and not isinstance(slow, synapses.STDPMechanism):
            raise InvalidModelError(f"slow must be an STDPMechanism, not {slow!r}.")
        if fast is not None and slow is not None:
            raise NoModelAvailableError(
                "There is no standard synapse that has both short-term plasticity (fast) and STDP (slow). Give one of "
                "the two, or two projections."
            )
        self.fast = fast
        self.slow = slow

    def describe(self, template: Any = "standard") -> str:
        """A sentence or so on the synapse."""
        if self.fast is not None:
            return str(self.fast.describe())
        return str(self.slow.describe()) if self.slow is not None else "Static synapses"

    def __repr__(self) -> str:
        return f"SynapseDynamics(fast={self.fast!r}, slow={self.slow!r})"


def synapse_type(dynamics: SynapseDynamics | None, weight: Any, delay: Any) -> tuple[Any, dict[str, Any]]:
    """(a modern synapse type, initial values of its states) for synapse dynamics and a connector's weights, delays."""
    from pyNN.standardmodels import synapses

    if dynamics is not None and dynamics.fast is not None:
        mechanism = dynamics.fast
        synapse = synapses.TsodyksMarkramSynapse(weight=weight, delay=delay, **mechanism.parameters)
        declared = synapse.definition.states
        initial = {
            name: value
            for name, value in mechanism.initial_values.items()
            if name not in declared or declared[name].initial != value
        }
        return synapse, initial
    if dynamics is not None and dynamics.slow is not None:
        return with_values(dynamics.slow, {"weight": weight, "delay": delay}), {}
    return synapses.StaticSynapse(weight=weight, delay=delay), {}


def with_values(model: Any, values: Mapping[str, Any]) -> Any:
    """A copy of a model with other values of some parameters."""
    changed = copy.copy(model)
    changed.parameter_space = copy.copy(model.parameter_space)
    changed.parameter_space._parameters = dict(model.parameter_space._parameters)
    changed.parameter_space.update(**values)
    return changed


_AMPLITUDES = ("A_plus", "A_minus")


def weight_dependence(self: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    """XWeightDependence(w_min, w_max, A_plus, A_minus): the amplitudes belong to the timing rule now."""
    declared = list(type(self).parameters)
    extra = [name for name in declared if name not in ("w_min", "w_max")]
    names = ["w_min", "w_max", *_AMPLITUDES, *extra]
    if extra and len(arguments) in (3, 4) and not dialect.is_old():
        names = declared
    if len(arguments) > len(names):
        raise InvalidParameterValueError(f"{type(self).__name__} takes {', '.join(names)}; {arguments!r} were given.")
    given = {**dict(zip(names, arguments, strict=False)), **named}
    amplitudes = {name: given.pop(name) for name in _AMPLITUDES if name in given}
    if not amplitudes:
        return arguments, named, {}
    deprecated("sim.AdditiveWeightDependence A_plus", cls=type(self).__name__)
    return (), given, {"_amplitudes": amplitudes}


def stdp_mechanism(self: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    """STDPMechanism: amplitudes that stand on the weight dependence go to the timing rule."""
    names = ("timing_dependence", "weight_dependence", "voltage_dependence", "dendritic_delay_fraction")
    given = {**dict(zip(names, arguments, strict=False)), **named}
    amplitudes = getattr(given.get("weight_dependence"), "_amplitudes", None)
    timing = given.get("timing_dependence")
    if not amplitudes or timing is None:
        return arguments, named, {}
    if not all(timing.has_parameter(name) for name in amplitudes):
        raise InvalidParameterValueError(
            f"{', '.join(amplitudes)} of the weight dependence have no place in {type(timing).__name__}, which has "
            f"{', '.join(timing.get_parameter_names())}."
        )
    timing = with_values(timing, amplitudes)
    if arguments:
        return (timing, *arguments[1:]), named, {}
    return arguments, {**named, "timing_dependence": timing}, {}


# --- current sources -----------------------------------------------------------------------------------------------

CURRENT_SOURCES = {
    "DCSource": ("amplitude", "start", "stop"),
    "ACSource": ("amplitude", "offset", "frequency", "phase", "start", "stop"),
    "StepCurrentSource": ("times", "amplitudes"),
    "NoisyCurrentSource": ("mean", "stdev", "dt", "start", "stop", "rng"),
}


def current_source(self: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Arguments:
    """DCSource(amplitude, start, stop) and the others by position; None where a default is meant."""
    absent = [name for name in ("dt", "stop", "rng") if name in named and named[name] is None]
    if not arguments and not absent:
        return arguments, named, {}
    cls = next(c for c in type(self).__mro__ if c.__name__ in CURRENT_SOURCES)
    order = CURRENT_SOURCES[cls.__name__]
    if len(arguments) > len(order):
        raise InvalidParameterValueError(f"{cls.__name__} takes {', '.join(order)}; given: {arguments!r}.")
    twice = [name for name in order[: len(arguments)] if name in named]
    if twice:
        raise InvalidParameterValueError(f"{cls.__name__}: {twice[0]} was given by position and by name.")
    given = {**dict(zip(order, arguments, strict=False)), **named}
    if arguments:
        words = ", ".join(f"{name}=..." for name in order[: len(arguments)])
        deprecated("sim.DCSource", cls=cls.__name__, value=words)
    else:
        deprecated("sim.NoisyCurrentSource None", cls=cls.__name__, name=absent[0])
    follows = "NoisyCurrentSource" == cls.__name__ and "dt" in given and given["dt"] is None
    given = {name: value for name, value in given.items() if value is not None}
    return (), given, {"_dt_of_simulation": True} if follows else {}


def inject_noise(original: Any, source: StandardCurrentSource, simulation: Any, ids: Any) -> None:
    """NoisyCurrentSource with dt=None: a new value every time step of the simulation that it is injected in."""
    if source.__dict__.get("_dt_of_simulation") and source.__dict__["_injection"] is None:
        source.set_parameters(dt=simulation.dt)
    original(source, simulation, ids)


# --- descriptions --------------------------------------------------------------------------------------------------


def described(original: Any, thing: BaseModelType, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """describe(template='standard', fill=...)."""
    if arguments[:1] == ("standard",) or named.get("template") == "standard" or "fill" in named or callable(
        arguments[1] if len(arguments) > 1 else None
    ):
        deprecated("Population.describe")
        return original(thing)
    return original(thing, *arguments, **named)
