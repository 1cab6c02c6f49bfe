"""Translation tables for synapse types: NEST's names, units and restrictions.

Values are columns of a projection, numbers or arrays of one number a connection. A row turns standard values into a
native one and back; `scale` is what turns the absolute value of a standard weight into that of a native one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pyNN.errors import CapabilityError, InvalidModelError, NoModelAvailableError, nearest
from pyNN.models import BaseSynapseType, Definition, Parameter
from pyNN.nest import versions
from pyNN.nest.natives import PREFIX
from pyNN.specs import ConnectionTable, FloatArray
from pyNN.units import factor

Columns = Mapping[str, Any]

TINY = 1e-150
"""Stands for an amplitude of potentiation of 0 where NEST states that of depression as its multiple."""
SMALLEST_WEIGHT = 1e-300
"""Stands for a weight of 0 where NEST's plastic weights are negative: it takes 0 for a positive number."""
_REFERENCE = "The backend 'reference' has it."


@dataclass(frozen=True)
class Row:
    """One standard parameter (or several) as one native parameter."""

    name: str
    native: str
    unit: str = ""
    weight_like: bool = False
    """Whether it is in the unit of the weight."""
    names: tuple[str, ...] = ()
    """The standard parameters that `forward` uses; by default `name` alone."""
    forward: Callable[[Columns], Any] | None = None
    """The native value, or for `weight_like` rows the value that `scale` makes native, from the standard ones."""
    reverse: Callable[[Columns], Any] | None = None
    """The standard value (divided by `scale` for weight-like rows) from the native ones."""
    whole: bool = False
    """Whether NEST wants a whole number."""

    @property
    def depends_on(self) -> tuple[str, ...]:
        return self.names or (self.name,)

    def to_native(self, values: Columns, definition: Definition, scale: Any = 1.0) -> Any:
        """The native value: a number or an array."""
        value = values[self.name] if self.forward is None else self.forward(values)
        by = scale if self.weight_like else self._factor(definition)
        found = np.asarray(value, dtype=float) * by
        return np.rint(found).astype(np.int64) if self.whole else found

    def to_standard(self, native: Columns, definition: Definition, scale: Any = 1.0) -> Any:
        """The standard value: a number or an array."""
        value = native[self.native] if self.reverse is None else self.reverse(native)
        return np.asarray(value, dtype=float) / (scale if self.weight_like else self._factor(definition))

    def _factor(self, definition: Definition) -> float:
        return factor(definition.units[self.name], self.unit) if self.unit else 1.0


@dataclass(frozen=True)
class SynapseTranslation:
    """All that is needed to build one synapse type from one of NEST's synapse models."""

    name: str
    native: str
    rows: tuple[Row, ...] = ()
    constants: Mapping[str, Any] = field(default_factory=dict)
    """Native parameters that always have the same value."""
    rule: str = ""
    """How the weight changes: "" (never), "stdp" or "vogels" (pyNN.nest.plasticity), "native" (only NEST knows)."""
    trace: str = ""
    """The parameter (ms) that is the time constant of the postsynaptic trace, which NEST keeps in the cell."""
    short_term: str = ""
    """States that change at presynaptic spikes: "", "tsodyks" or "quantal" (pyNN.nest.plasticity)."""
    from_receptor: str = ""
    """The native parameter that is the time constant (ms) of the receptor."""
    symmetric: bool = False
    """Whether a connection stands for both directions."""
    native_weight: bool = False
    """Whether weights are in NEST's units."""
    problems: Callable[[ConnectionTable, str], list[str]] | None = None
    """What NEST cannot do with a table of a projection of that label, a sentence each."""

    @property
    def signed(self) -> bool:
        """Whether NEST wants weight and largest weight to be of the same sign."""
        return self.rule in ("stdp", "vogels")

    @property
    def static(self) -> bool:
        """Whether each spike is transmitted with the weight."""
        return self.native == "static_synapse"

    @property
    def changing(self) -> bool:
        """Whether NEST changes anything at the synapse that a script can read."""
        return bool(self.rule or self.short_term)

    def native_parameters(
        self, definition: Definition, values: Columns, scale: Any, changed: set[str] | None = None
    ) -> dict[str, Any]:
        """Native parameters without weight and delay; with `changed` only those that depend on one of the names."""
        rows = [row for row in self.rows if changed is None or changed & set(row.depends_on)]
        native = {row.native: row.to_native(values, definition, scale) for row in rows}
        return native if changed is not None else {**self.constants, **native}

    def standard_parameters(self, definition: Definition, native: Columns, scale: Any) -> dict[str, Any]:
        """Standard parameters for native values."""
        return {row.name: row.to_standard(native, definition, scale) for row in self.rows}


def _any(table: ConnectionTable, name: str, wrong: Callable[[FloatArray], Any]) -> bool:
    return bool(np.any(wrong(np.asarray(table.columns[name], dtype=float))))


def _stdp_problems(table: ConnectionTable, label: str) -> list[str]:
    problems = []
    if _any(table, "dendritic_delay_fraction", lambda f: f != 1.0):
        problems.append(
            f"'{label}': NEST takes the whole delay for dendritic, so dendritic_delay_fraction must be 1.0. "
            f"{_REFERENCE}"
        )
    if _any(table, "w_min", lambda w: w != 0.0):
        problems.append(
            f"'{label}': the smallest weight of NEST's plastic synapses is 0, so w_min must be 0. {_REFERENCE}"
        )
    if _any(table, "w_max", lambda w: w == 0.0):
        problems.append(f"'{label}': NEST measures plastic weights in units of w_max, so w_max must not be 0.")
    weight, largest = np.asarray(table.columns["weight"]), np.asarray(table.columns["w_max"])
    if np.any(np.abs(weight) > np.abs(largest)) and np.any(_exponent(table, "mu_plus") % 1.0 != 0.0):
        problems.append(
            f"'{label}': NEST's power of 1 - weight/w_max is not a number for weights over w_max. Raise w_max."
        )
    return problems


def _exponent(table: ConnectionTable, name: str) -> FloatArray:
    return np.asarray(table.columns.get(name, 0.0), dtype=float)


def _potentiation(values: Columns) -> Any:
    amplitude = np.asarray(values["A_plus"], dtype=float)
    return np.where(amplitude == 0.0, TINY, amplitude)


_W_MAX = Row(
    "w_max", "Wmax", weight_like=True, forward=lambda v: np.abs(v["w_max"]), reverse=lambda n: np.abs(n["Wmax"])
)
_PAIR_RULE = (
    Row("tau_plus", "tau_plus", "ms"),
    Row(
        "A_plus",
        "lambda",
        forward=_potentiation,
        reverse=lambda n: np.where(np.asarray(n["lambda"]) == TINY, 0.0, n["lambda"]),
    ),
    # NEST's alpha is a multiple of lambda.
    Row(
        "A_minus",
        "alpha",
        names=("A_plus", "A_minus"),
        forward=lambda v: np.asarray(v["A_minus"], dtype=float) / _potentiation(v),
        reverse=lambda n: np.asarray(n["alpha"], dtype=float) * n["lambda"],
    ),
    _W_MAX,
)


def _pair_rule(dependence: str, exponents: Mapping[str, float] | None) -> SynapseTranslation:
    given = (Row("mu_plus", "mu_plus"), Row("mu_minus", "mu_minus")) if exponents is None else ()
    return SynapseTranslation(
        f"STDPMechanism(SpikePairRule, {dependence})",
        "stdp_synapse",
        rows=_PAIR_RULE + given,
        constants=exponents or {},
        rule="stdp",
        trace="tau_minus",
        problems=_stdp_problems,
    )


_VOGELS = SynapseTranslation(
    "STDPMechanism(Vogels2011Rule, AdditiveWeightDependence)",
    "vogels_sprekeler_synapse",
    rows=(
        Row("tau", "tau", "ms"),
        Row("eta", "eta", weight_like=True),
        Row(
            "rho",
            "alpha",
            names=("rho", "tau"),
            forward=lambda v: 2.0 * np.asarray(v["rho"]) * v["tau"] * factor("Hz*ms", ""),
            reverse=lambda n: np.asarray(n["alpha"]) / (2.0 * np.asarray(n["tau"])) / factor("Hz*ms", ""),
        ),
        _W_MAX,
    ),
    rule="vogels",
    trace="tau",
    problems=_stdp_problems,
)

_TSODYKS = SynapseTranslation(
    "TsodyksMarkramSynapse",
    "tsodyks_synapse",
    rows=(Row("U", "U"), Row("tau_rec", "tau_rec", "ms"), Row("tau_facil", "tau_fac", "ms")),
    short_term="tsodyks",
    from_receptor="tau_psc",
)

_RELEASE = (Row("U", "U"), Row("tau_rec", "tau_rec", "ms"), Row("tau_facil", "tau_fac", "ms"))

_TABLES = (
    SynapseTranslation("StaticSynapse", "static_synapse"),
    _pair_rule("AdditiveWeightDependence", {"mu_plus": 0.0, "mu_minus": 0.0}),
    _pair_rule("MultiplicativeWeightDependence", {"mu_plus": 1.0, "mu_minus": 1.0}),
    _pair_rule("AdditivePotentiationMultiplicativeDepression", {"mu_plus": 0.0, "mu_minus": 1.0}),
    _pair_rule("GutigWeightDependence", None),
    _VOGELS,
    _TSODYKS,
    SynapseTranslation("SimpleStochasticSynapse", "bernoulli_synapse", rows=(Row("p", "p_transmit"),)),
    SynapseTranslation(
        "MultiQuantalSynapse",
        "quantal_stp_synapse",
        rows=(*_RELEASE, Row("n", "n", whole=True)),
        short_term="quantal",
    ),
    # A single release site is the same process as the one of Fuhrmann et al. 2002.
    SynapseTranslation(
        "StochasticTsodyksMarkramSynapse",
        "quantal_stp_synapse",
        rows=_RELEASE,
        constants={"n": 1, "a": 1},
        short_term="quantal",
    ),
    SynapseTranslation("ElectricalSynapse", "gap_junction", symmetric=True),
)

TABLES: dict[str, SynapseTranslation] = {table.name: table for table in _TABLES}
"""Synapse model name -> translation."""

GAP_JUNCTION_MODELS = ("hh_psc_alpha_gap", "hh_cond_beta_gap_traub")
"""NEST's cell models that can have gap junctions."""

# --- NEST's own synapse models by name ---------------------------------------------------------------------

_BOOKKEEPING = frozenset(
    "delay element_type has_delay num_connections receptor_type requires_symmetric sizeof synapse_label synapse_model "
    "synapse_modelid volume_transmitter weight weight_recorder".split()
)


class NativeSynapseType(BaseSynapseType):
    """A synapse type that is one of NEST's models, with NEST's names, units and defaults; see native_synapse_type()."""

    nest_model: ClassVar[str] = ""
    nest_name: ClassVar[str] = ""

    def __init__(self, **parameters: Any) -> None:
        if not self.nest_model:
            raise InvalidModelError(
                "NativeSynapseType is a base class. Write sim.native_synapse_type('stdp_synapse')(weight=50.0)."
            )
        super().__init__(**parameters)

    @classmethod
    def _make_definition(cls) -> Definition:
        return Definition(PREFIX + cls.nest_model if cls.nest_model else cls.__name__, dict(cls.parameters))


def native_synapse_type(model_name: str) -> type[NativeSynapseType]:
    """NEST's synapse model as a synapse type: ``sim.native_synapse_type("stdp_triplet_synapse")(weight=50.0)``.

    Parameters have NEST's names, units (pA, nS, mV for weights) and defaults; the delay is in ms, by default the
    smallest. Weights onto receptors of inhibitory conductances are positive, as everywhere. The postsynaptic
    parameters of a rule (tau_minus ...) are those of the cells. Values read are those that NEST has: it brings them up
    to date at presynaptic spikes. Raises NoModelAvailableError for a model that NEST does not have.
    """
    nest = versions.load_nest()
    if model_name not in nest.synapse_models:
        raise NoModelAvailableError(
            f"NEST has no synapse model '{model_name}'.{nearest(model_name, nest.synapse_models)} nest.synapse_models "
            "lists all."
        )
    defaults = nest.GetDefaults(model_name)
    parameters = {
        name: Parameter(value, "")
        for name, value in defaults.items()
        if name not in _BOOKKEEPING and isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    body = {
        "__doc__": f"NEST's model {model_name}, with NEST's names, units and defaults.",
        "__module__": __name__,
        "nest_model": model_name,
        "nest_name": model_name,
        "parameters": {
            "weight": Parameter(float(defaults.get("weight", 1.0)), "", "synaptic weight, in NEST's unit"),
            "delay": Parameter(None, "ms", "time from spike to effect"),
            **parameters,
        },
    }
    return type(model_name, (NativeSynapseType,), body)


def translation(definition: Definition) -> SynapseTranslation:
    """The translation of a synapse type, standard or native; NoModelAvailableError where there is none."""
    if definition.name.startswith(PREFIX):
        names = [name for name in definition.parameters if name not in ("weight", "delay")]
        whole = {name for name in names if isinstance(definition.parameters[name].default, int)}
        rows = tuple(Row(name, name, whole=name in whole) for name in names)
        model = definition.name[len(PREFIX) :]
        return SynapseTranslation(definition.name, model, rows, rule="native", native_weight=True)
    if definition.own:
        raise CapabilityError(
            f"{definition.name} is a synapse type in equations, which NEST does not run: its synapses are compiled "
            "into NEST, and see neither the variables of their cells nor time steps without spikes. The backend "
            "'reference' runs it; NEST has the standard types, and its own by sim.native_synapse_type()."
        )
    if definition.name not in TABLES:
        raise NoModelAvailableError(
            f"NEST has no synapse type {definition.name} in this package. Available: {', '.join(sorted(TABLES))}. "
            "The backend 'reference' builds synapse types from their equations."
        )
    return TABLES[definition.name]
