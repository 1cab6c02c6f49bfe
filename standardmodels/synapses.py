"""Standard synapse types: parameters, states, equations and their source in the literature.

`equations` hold between spikes, `on_pre` and `on_post` are executed when a spike arrives at the synapse, `transmitted` is
what a presynaptic spike then passes on to the receptor. `tau_psc` is the time constant of the receptor that the
projection ends on. Weights are in the unit of the receptor: uS (conductance), nA (current) or mV (voltage jump).
"""

from __future__ import annotations

from typing import Any, ClassVar

from pyNN.errors import InvalidModelError, InvalidParameterValueError
from pyNN.models import Definition, Parameter, State
from pyNN.standardmodels.base import StandardSynapseType, STDPTimingDependence, STDPWeightDependence

_WEIGHT = Parameter(0.0, "", "synaptic weight, in the unit of the receptor")
_DELAY = Parameter(None, "ms", "time from spike to effect")
_U = Parameter(0.5, "", "use: the fraction of resources (or the probability) that a spike adds", minimum=0.0)
_TAU_FACIL = Parameter(0.0, "ms", "time constant of facilitation; 0: none", minimum=0.0)


def _tau_rec(default: float) -> Parameter:
    return Parameter(default, "ms", "time constant of recovery from depression", minimum=0.0, exclusive=True)


class StaticSynapse(StandardSynapseType):
    """A synapse whose weight stays what it is.

    The weight's unit is that of the receptor: uS (conductance), nA (current) or mV (voltage jump). ``delay=None`` (the
    default) means the smallest delay of the simulation.
    """

    parameters = {"weight": _WEIGHT, "delay": _DELAY}


class ElectricalSynapse(StandardSynapseType):
    """A gap junction: a conductance (uS) between two cells. It works in both directions and has no delay."""

    parameters = {"weight": Parameter(0.0, "uS", "conductance of the gap junction", minimum=0.0)}
    coupling = "weight*(v_pre - v_post)"
    literature = "Bennett and Zukin 2004, Neuron 41:495; Hahne et al. 2015, Front Neuroinform 9:22"


class TsodyksMarkramSynapse(StandardSynapseType):
    """A synapse with short-term depression and facilitation: u of the recovered resources x become active (y)."""

    parameters = {"weight": _WEIGHT, "delay": _DELAY, "U": _U, "tau_rec": _tau_rec(100.0), "tau_facil": _TAU_FACIL}
    states = {
        "u": State(0.0, "", "use of resources"),
        "x": State(1.0, "", "recovered resources", settable=False),
        "y": State(0.0, "", "active resources", settable=False),
    }
    equations = """
        du/dt = -u/tau_facil : 1 (pre)
        dx/dt = (1 - x - y)/tau_rec : 1 (pre)
        dy/dt = -y/tau_psc : 1 (pre)
    """
    on_pre = """
        u += U*(1 - u)
        released = u*x
        x -= released
        y += released
    """
    transmitted = "weight*released"
    literature = "Tsodyks, Uziel and Markram 2000, J Neurosci 20:RC50"


class SimpleStochasticSynapse(StandardSynapseType):
    """A synapse that passes each spike on with probability p."""

    parameters = {"weight": _WEIGHT, "delay": _DELAY, "p": Parameter(0.5, "", "probability of release", minimum=0.0)}
    on_pre = "released = binomial(1, p)"
    transmitted = "weight*released"
    literature = "Katz 1969, The release of neural transmitter substances, Liverpool University Press"


class MultiQuantalSynapse(StandardSynapseType):
    """A synapse with n release sites, each of which passes on one quantum (of size `weight`) with probability u.

    A site that released recovers with time constant tau_rec; u facilitates.
    """

    parameters = {
        "weight": _WEIGHT,
        "delay": _DELAY,
        "U": _U,
        "n": Parameter(1, "", "number of release sites", minimum=1.0),
        "tau_rec": _tau_rec(800.0),
        "tau_facil": _TAU_FACIL,
    }
    states = {
        "u": State(0.0, "", "probability of release"),
        "depleted": State(0.0, "", "release sites that have not recovered", settable=False),
        # From t = 0 on: sites that are empty then recover from then.
        "unrecovered": State(1.0, "", "probability of having not recovered since the last spike", False, False),
    }
    complements = {"a": ("depleted", "n")}
    equations = """
        du/dt = -u/tau_facil : 1 (pre)
        dunrecovered/dt = -unrecovered/tau_rec : 1 (pre)
    """
    on_pre = """
        u += U*(1 - u)
        depleted = binomial(depleted, unrecovered)
        released = binomial(n - depleted, u)
        depleted += released
        unrecovered = 1
    """
    transmitted = "weight*released"
    literature = "Fuhrmann, Segev, Markram and Tsodyks 2002, J Neurophysiol 87:140; Loebel et al. 2009, Front Comput Neurosci 3:27"


class StochasticTsodyksMarkramSynapse(StandardSynapseType):
    """A synapse with short-term plasticity and a single release site, which a spike empties with probability u."""

    parameters = {"weight": _WEIGHT, "delay": _DELAY, "U": _U, "tau_rec": _tau_rec(100.0), "tau_facil": _TAU_FACIL}
    states = MultiQuantalSynapse.states
    equations = MultiQuantalSynapse.equations
    on_pre = """
        u += U*(1 - u)
        depleted = binomial(depleted, unrecovered)
        released = binomial(1 - depleted, u)
        depleted += released
        unrecovered = 1
    """
    transmitted = "weight*released"
    literature = "Fuhrmann, Segev, Markram and Tsodyks 2002, J Neurophysiol 87:140"


# --- spike-timing-dependent plasticity


def _bounds(w_min: float = 0.0, w_max: float = 1.0) -> dict[str, Parameter]:
    return {
        "w_min": Parameter(w_min, "", "smallest weight, in the unit of the weight"),
        "w_max": Parameter(w_max, "", "largest weight, in the unit of the weight"),
    }


class AdditiveWeightDependence(STDPWeightDependence):
    """Changes are in proportion to w_max, whatever the weight; the weight is clipped to w_min and w_max."""

    parameters = _bounds()
    potentiation: ClassVar[str] = "w_max"
    """The change of weight for A_plus = 1 and a trace of 1; `depression`: for A_minus = 1."""
    depression: ClassVar[str] = "w_max"
    literature: ClassVar[str] = "Song, Miller and Abbott 2000, Nat Neurosci 3:919"

    def __init__(self, w_min: Any = 0.0, w_max: Any = 1.0) -> None:
        super().__init__(w_min=w_min, w_max=w_max)


class MultiplicativeWeightDependence(STDPWeightDependence):
    """Potentiation in proportion to w_max - w, depression in proportion to w - w_min."""

    parameters = _bounds()
    potentiation: ClassVar[str] = "(w_max - weight)"
    depression: ClassVar[str] = "(weight - w_min)"
    literature: ClassVar[str] = "Rubin, Lee and Sompolinsky 2001, Phys Rev Lett 86:364"

    def __init__(self, w_min: Any = 0.0, w_max: Any = 1.0) -> None:
        super().__init__(w_min=w_min, w_max=w_max)


class AdditivePotentiationMultiplicativeDepression(STDPWeightDependence):
    """Potentiation in proportion to w_max, whatever the weight; depression in proportion to w - w_min."""

    parameters = _bounds()
    potentiation: ClassVar[str] = "w_max"
    depression: ClassVar[str] = "(weight - w_min)"
    literature: ClassVar[str] = "van Rossum, Bi and Turrigiano 2000, J Neurosci 20:8812"

    def __init__(self, w_min: Any = 0.0, w_max: Any = 1.0) -> None:
        super().__init__(w_min=w_min, w_max=w_max)


class GutigWeightDependence(STDPWeightDependence):
    """Between additive (mu = 0) and multiplicative (mu = 1), with the range w_max - w_min as scale."""

    parameters = {
        **_bounds(),
        "mu_plus": Parameter(0.5, "", "exponent of potentiation", minimum=0.0),
        "mu_minus": Parameter(0.5, "", "exponent of depression", minimum=0.0),
    }
    potentiation: ClassVar[str] = "(w_max - w_min)*(maximum(w_max - weight, 0)/(w_max - w_min))**mu_plus"
    depression: ClassVar[str] = "(w_max - w_min)*(maximum(weight - w_min, 0)/(w_max - w_min))**mu_minus"
    literature: ClassVar[str] = "Gütig, Aharonov, Rotter and Sompolinsky 2003, J Neurosci 23:3697"

    def __init__(self, w_min: Any = 0.0, w_max: Any = 1.0, mu_plus: Any = 0.5, mu_minus: Any = 0.5) -> None:
        super().__init__(w_min=w_min, w_max=w_max, mu_plus=mu_plus, mu_minus=mu_minus)


class SpikePairRule(STDPTimingDependence):
    """Every pair of a pre- and a postsynaptic spike changes the weight, exponentially with their distance in time."""

    parameters = {
        "tau_plus": Parameter(20.0, "ms", "time constant of potentiation", minimum=0.0, exclusive=True),
        "tau_minus": Parameter(20.0, "ms", "time constant of depression", minimum=0.0, exclusive=True),
        "A_plus": Parameter(0.01, "", "amplitude of potentiation"),
        "A_minus": Parameter(0.01, "", "amplitude of depression"),
    }
    states: ClassVar[dict[str, State]] = {
        "x_pre": State(0.0, "", "presynaptic trace", settable=False),
        "x_post": State(0.0, "", "postsynaptic trace", settable=False),
    }
    equations: ClassVar[str] = """
        dx_pre/dt = -x_pre/tau_plus : 1 (pre)
        dx_post/dt = -x_post/tau_minus : 1 (post)
    """
    on_pre: ClassVar[str] = """
        weight = clip(weight - A_minus*{depression}*x_post, w_min, w_max)
        x_pre += 1
    """
    on_post: ClassVar[str] = """
        weight = clip(weight + A_plus*{potentiation}*x_pre, w_min, w_max)
        x_post += 1
    """
    literature: ClassVar[str] = "Morrison, Diesmann and Gerstner 2008, Biol Cybern 98:459"

    def __init__(
        self, tau_plus: Any = 20.0, tau_minus: Any = 20.0, A_plus: Any = 0.01, A_minus: Any = 0.01
    ) -> None:
        super().__init__(tau_plus=tau_plus, tau_minus=tau_minus, A_plus=A_plus, A_minus=A_minus)


class Vogels2011Rule(STDPTimingDependence):
    """Pairs potentiate in either order, a presynaptic spike alone depresses, so that cells fire at the rate rho."""

    parameters = {
        "tau": Parameter(20.0, "ms", "time constant of both traces", minimum=0.0, exclusive=True),
        "eta": Parameter(1e-10, "", "learning rate, in the unit of the weight"),
        "rho": Parameter(3.0, "Hz", "target rate of the postsynaptic cell"),
    }
    states: ClassVar[dict[str, State]] = SpikePairRule.states
    equations: ClassVar[str] = """
        dx_pre/dt = -x_pre/tau : 1 (pre)
        dx_post/dt = -x_post/tau : 1 (post)
    """
    on_pre: ClassVar[str] = """
        weight = clip(weight + eta*(x_post - 2*rho*tau), w_min, w_max)
        x_pre += 1
    """
    on_post: ClassVar[str] = """
        weight = clip(weight + eta*x_pre, w_min, w_max)
        x_post += 1
    """
    literature: ClassVar[str] = "Vogels, Sprekeler, Zenke, Clopath and Gerstner 2011, Science 334:1569"

    def __init__(self, tau: Any = 20.0, eta: Any = 1e-10, rho: Any = 3.0) -> None:
        super().__init__(tau=tau, eta=eta, rho=rho)


class STDPMechanism(StandardSynapseType):
    """A synapse with spike-timing-dependent plasticity: a timing rule, and how its changes depend on the weight.

    `dendritic_delay_fraction` (0 to 1) of the delay lies between synapse and soma, so that a postsynaptic spike needs
    that long to reach the synapse; the rest lies between the presynaptic soma and the synapse. The weights of
    inhibitory current-based synapses are negative: rules then act on their magnitude, and for w_min, w_max only the
    absolute value counts.
    """

    parameters = {
        "weight": _WEIGHT,
        "delay": _DELAY,
        "dendritic_delay_fraction": Parameter(1.0, "", "part of the delay after the synapse", minimum=0.0),
    }
    magnitudes = ("weight", "w_min", "w_max")

    def __init__(
        self,
        timing_dependence: STDPTimingDependence | None = None,
        weight_dependence: STDPWeightDependence | None = None,
        voltage_dependence: Any = None,
        dendritic_delay_fraction: float = 1.0,
        weight: Any = 0.0,
        delay: Any = None,
    ) -> None:
        timing = SpikePairRule() if timing_dependence is None else timing_dependence
        dependence = AdditiveWeightDependence() if weight_dependence is None else weight_dependence
        _check_rule("timing_dependence", timing, STDPTimingDependence, "sim.SpikePairRule()")
        _check_rule("weight_dependence", dependence, STDPWeightDependence, "sim.AdditiveWeightDependence()")
        if voltage_dependence is not None:
            raise InvalidModelError(
                f"voltage_dependence={voltage_dependence!r}: there is no rule that depends on the membrane potential. "
                "Leave it away."
            )
        self.timing_dependence = timing
        self.weight_dependence = dependence
        self.voltage_dependence = voltage_dependence
        self.dendritic_delay_fraction = _fraction(dendritic_delay_fraction)
        self._describe_model(timing, dependence)
        values = {**timing.parameter_space.as_dict(), **dependence.parameter_space.as_dict()}
        super().__init__(
            weight=weight, delay=delay, dendritic_delay_fraction=self.dendritic_delay_fraction, **values
        )

    def _describe_model(self, timing: Any, dependence: Any) -> None:
        """Give this instance the definition of its combination of rules; InvalidModelError where there is none."""
        if isinstance(timing, Vogels2011Rule) and not isinstance(dependence, AdditiveWeightDependence):
            raise InvalidModelError(
                f"Vogels2011Rule does not depend on the weight, so {type(dependence).__name__} has no place with it. "
                "Use AdditiveWeightDependence, whose w_min and w_max are the bounds."
            )
        terms = {"potentiation": dependence.potentiation, "depression": dependence.depression}
        parameters = {**type(self).parameters, **timing.parameters, **dependence.parameters}
        self.definition = Definition(  # type: ignore[misc]
            name=f"STDPMechanism({timing.definition.name}, {dependence.definition.name})",
            parameters=parameters,
            states=dict(timing.states),
            equations=timing.equations,
            on_pre=timing.on_pre.format(**terms),
            on_post=timing.on_post.format(**terms),
            magnitudes=self.magnitudes,
            literature="; ".join(text for text in (timing.literature, dependence.literature) if text),
        )
        self.default_parameters = {name: p.default for name, p in parameters.items()}  # type: ignore[misc]
        self.units = self.definition.units  # type: ignore[misc]
        self.default_initial_values = {}  # type: ignore[misc]

    @property
    def model(self) -> str:
        """Name of the combination of rules, by which a backend's table knows it."""
        return self.definition.name

    @property
    def possible_models(self) -> set[str]:
        """The models that can stand for this combination: one, as the rules say everything."""
        return {self.definition.name}

    def get_parameter_names(self) -> list[str]:  # type: ignore[override]
        return list(self.default_parameters)

    def has_parameter(self, name: str) -> bool:  # type: ignore[override]
        return name in self.default_parameters

    def describe(self, template: str | None = "stdpmechanism_default.txt", engine: str = "default") -> Any:
        """A description for people; with ``template=None`` as a dictionary."""
        from pyNN import descriptions

        context = {
            "name": self.definition.name,
            "timing_dependence": self.timing_dependence.describe(template=None),
            "weight_dependence": self.weight_dependence.describe(template=None),
            "voltage_dependence": None,
            "dendritic_delay_fraction": self.dendritic_delay_fraction,
            "weight": self.parameter_space["weight"],
            "delay": self.parameter_space["delay"],
        }
        return descriptions.render(engine, template, context)


def _check_rule(argument: str, value: Any, kind: type, example: str) -> None:
    if not isinstance(value, kind):
        raise InvalidModelError(f"{argument} must be an instance such as {example}, not {value!r}.")


def _fraction(value: Any) -> float:
    try:
        fraction = float(value)
    except (TypeError, ValueError) as error:
        raise InvalidParameterValueError(f"dendritic_delay_fraction must be one number, not {value!r}.") from error
    if not 0.0 <= fraction <= 1.0:
        raise InvalidParameterValueError(f"dendritic_delay_fraction must be between 0 and 1, not {value!r}.")
    return fraction
