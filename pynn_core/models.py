"""What a model is: names, units, defaults and equations, as data; and the base classes that scripts instantiate.

A class in `standardmodels/` declares; an instance (``IF_cond_exp(tau_m=10.0)``) adds parameter values. What goes to a
backend is the `Definition`, which is inert and picklable, and evaluated values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pyNN.errors import InvalidModelError, NonExistentParameterError
from pyNN.parameters import ParameterSpace, Sequence


@dataclass(frozen=True)
class Parameter:
    """A number (or, with `is_array`, a list of numbers) that is fixed during a run unless a script sets it."""

    default: Any
    unit: str
    doc: str = ""
    is_array: bool = False
    minimum: float | None = None
    """Smallest allowed value; `exclusive` says that the minimum itself is not allowed (a time constant of 0)."""
    exclusive: bool = False
    shared: bool = False
    """Whether all cells of a population have the same value."""
    kind: str = "float"
    """"float", "integer" or "boolean" (0 or 1)."""


@dataclass(frozen=True)
class State:
    """A variable that changes during a run. Its initial value may be set unless `settable` is False."""

    initial: Any
    """A number, or where cells differ from each other a RandomDistribution."""
    unit: str
    doc: str = ""
    recordable: bool = True
    settable: bool = True
    starts_at: str = ""
    """The parameter whose value the state has at t = 0, unless it is set; "" where that is `initial`."""
    kind: str = "float"
    """"float", "integer" (what is assigned loses its fraction) or "boolean" (0 or 1)."""
    minimum: str = ""
    """Expression below which the state does not go when it is integrated or assigned once a step; "" for none."""
    maximum: str = ""


@dataclass(frozen=True)
class Event:
    """Something that happens in a cell: tested in every step after integration, on states that are not reset yet."""

    condition: str
    statements: str = ""
    """Executed in the cells in which the event happens, after the reset of those that spike."""
    order: int = 0
    """Statements of events that happen together are executed in order of this number, then of the events' names."""
    unless_refractory: bool = False
    """Whether the event cannot happen in a refractory cell."""


@dataclass(frozen=True)
class SynapticPathway:
    """A way in which spikes or events of one side act on a synapse, besides `on_pre` and `on_post` of its type."""

    side: str
    """"pre" or "post": whose spikes."""
    statements: str
    transmitted: str = "0"
    """What a presynaptic spike passes on to the receptor, evaluated after the statements."""
    delay: str = ""
    """The parameter that is its delay (ms); "" for that of the connection."""
    event: str = ""
    """The event of the cells that takes the place of their spikes; "" for spikes."""


@dataclass(frozen=True, eq=False)
class TimedArray:
    """A function of time in equations: values[k] from k*dt (ms) on, the first and last values before and after.

    Of a table, f(t, i) is the value in column i.
    """

    values: Any
    dt: float
    unit: str = ""
    name: str = ""


@dataclass(frozen=True)
class Receptor:
    """Where a weight arrives: its unit (uS, nA or mV), the sign it must have, and the statement that it triggers."""

    unit: str
    on_spike: str
    """Executed when a spike arrives, e.g. "gsyn_exc += weight"."""
    sign: int = 1
    """+1: weights must be >= 0; -1: <= 0; 0: any."""
    time_constant: str = ""
    """The parameter (ms) with which the effect of a spike decays; "" where there is none."""

    @property
    def kind(self) -> str:
        return {"uS": "conductance", "nA": "current", "mV": "voltage"}.get(self.unit, "other")


@dataclass(frozen=True)
class Definition:
    """One model, whole: everything that a backend may need to know about it, and no values of a script."""

    name: str
    parameters: Mapping[str, Parameter]
    states: Mapping[str, State] = field(default_factory=dict)
    receptors: Mapping[str, Receptor] = field(default_factory=dict)
    equations: str = ""
    """One statement a line: `dx/dt = expr : unit (flags)`, `x = expr : unit`; `i_inj` (nA) is injected current."""
    threshold: str = ""
    reset: str = ""
    threshold_within_step: bool = False
    """Whether the threshold is tested within steps too, for models whose spikes diverge: see pyNN.equations.kernels."""
    refractory: str = ""
    """For how long (ms; parameters) a spike holds the cell: variables flagged (unless refractory) stand still."""
    source: str = ""
    """For spike sources: the kind of train, "array", "poisson" ... (pyNN.spike_sources); "" for cells with dynamics."""
    injectable: bool = True
    literature: str = ""
    components: Mapping[str, str] = field(default_factory=dict)
    """Composed cell types: name of the neuron's component type under "", of each receptor's under its name."""
    on_pre: str = ""
    """Synapse types: statements executed when a presynaptic spike arrives at the synapse."""
    on_post: str = ""
    """Synapse types: statements executed when a postsynaptic spike arrives at the synapse."""
    transmitted: str = "weight"
    """Synapse types: what a presynaptic spike passes on to the receptor, evaluated after `on_pre`."""
    pathways: Mapping[str, SynapticPathway] = field(default_factory=dict)
    """Synapse types: further ways in which spikes act, each perhaps with a delay of its own."""
    before_step: str = ""
    """Synapse types: statements executed in every step, before the equations that are integrated step by step."""
    each_step: str = ""
    """Synapse types: statements executed in every step, after those equations."""
    psp: str = ""
    """Synapse types: what is passed on to the receptor in every step, whether there are spikes or not."""
    reduce: str = "sum"
    """Synapse types: what is made of the `psp` of all connections of a cell: "sum", "mean", "max" or "min"."""
    coupling: str = ""
    """Electrical synapses: the current (nA) into the postsynaptic cell, in terms of v_pre, v_post and parameters."""
    magnitudes: tuple[str, ...] = ()
    """Synapse types: parameters of which the statements see the absolute value; the weight keeps its sign."""
    method: str = "auto"
    """How equations are integrated, unless they have a flag of their own: see pyNN.equations.integration."""
    events: Mapping[str, Event] = field(default_factory=dict)
    functions: str = ""
    """One a line: `f(x, y) = expression`."""
    constants: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    """Numbers that equations name: (value, unit)."""
    tables: Mapping[str, TimedArray] = field(default_factory=dict)
    """Functions of time that are given by their values."""
    update_interval: float = 0.0
    """Time (ms) between updates of the cells; 0: every time step."""
    unchecked_units: bool = False
    """Whether the text has no units; all numbers are in the interface's then."""
    own: bool = False
    """Whether a script made the model: its equations say what it is, and not its name."""

    @property
    def units(self) -> dict[str, str]:
        """Unit of every parameter and state by name."""
        return {**{k: p.unit for k, p in self.parameters.items()}, **{k: s.unit for k, s in self.states.items()}}

    @property
    def recordable(self) -> list[str]:
        return ["spikes", *(name for name, state in self.states.items() if state.recordable)]

    @property
    def is_static(self) -> bool:
        """Whether a synapse type passes a constant weight on, and has nothing but that and a delay."""
        text = self.equations, self.on_pre, self.on_post, self.coupling
        plain = not any(part.strip() for part in text) and self.transmitted.strip() == "weight"
        return plain and not self.states and set(self.parameters) == {"weight", "delay"}

    @property
    def conductance_based(self) -> bool:
        return all(receptor.kind == "conductance" for receptor in self.receptors.values())


class BaseModelType:
    """Base of everything that takes named parameters. Subclasses declare `parameters` (name -> Parameter)."""

    parameters: ClassVar[Mapping[str, Parameter]] = {}
    definition: ClassVar[Definition]
    default_parameters: ClassVar[dict[str, Any]] = {}
    default_initial_values: ClassVar[dict[str, float]] = {}
    units: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.default_parameters = {name: p.default for name, p in cls.parameters.items()}
        cls.definition = cls._make_definition()
        cls.units = cls.definition.units
        cls.default_initial_values = {
            name: state.initial for name, state in cls.definition.states.items() if state.settable
        }

    def __init__(self, **parameters: Any) -> None:
        self.parameter_space = ParameterSpace(
            dict(self.default_parameters), self.get_schema(), shape=None, component=type(self)
        )
        if parameters:
            self.parameter_space.update(**parameters)

    @classmethod
    def _make_definition(cls) -> Definition:
        return Definition(cls.__name__, dict(cls.parameters))

    @classmethod
    def get_parameter_names(cls) -> list[str]:
        return list(cls.default_parameters)

    @classmethod
    def has_parameter(cls, name: str) -> bool:
        return name in cls.default_parameters

    def get_schema(self) -> dict[str, type]:
        """Type of each parameter: float, or Sequence for array-valued ones."""
        return {name: Sequence if p.is_array else float for name, p in self.definition.parameters.items()}

    def describe(self, template: str | None = "modeltype_default.txt", engine: str = "default") -> Any:
        """A sentence or so on the model and its values; the raw context dictionary with ``template=None``."""
        from pyNN import descriptions

        context = {
            "name": type(self).__name__,
            "default_parameters": dict(self.default_parameters),
            "default_initial_values": dict(self.default_initial_values),
            "parameters": self.parameter_space.as_dict(),
        }
        return descriptions.render(engine, template, context)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<parameters>)"


class BaseCellType(BaseModelType):
    """A cell type: `parameters`, `states`, `receptors`, equations, threshold, reset, refractory."""

    states: ClassVar[Mapping[str, State]] = {}
    receptors: ClassVar[Mapping[str, Receptor]] = {}
    equations: ClassVar[str] = ""
    threshold: ClassVar[str] = ""
    threshold_within_step: ClassVar[bool] = False
    reset: ClassVar[str] = ""
    refractory: ClassVar[str] = ""
    source: ClassVar[str] = ""
    literature: ClassVar[str] = ""
    injectable: ClassVar[bool] = True
    recordable: ClassVar[list[str]] = ["spikes"]
    receptor_types: ClassVar[tuple[str, ...]] = ()
    conductance_based: ClassVar[bool] = True
    voltage_based_synapses: ClassVar[bool] = False
    integration_method: ClassVar[str] = "auto"
    events: ClassVar[Mapping[str, Event]] = {}
    functions: ClassVar[str] = ""
    constants: ClassVar[Mapping[str, tuple[float, str]]] = {}
    tables: ClassVar[Mapping[str, TimedArray]] = {}
    update_interval: ClassVar[float] = 0.0
    unchecked_units: ClassVar[bool] = False
    own: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.recordable = cls.definition.recordable
        cls.receptor_types = tuple(cls.receptors)
        cls.conductance_based = cls.definition.conductance_based
        cls.voltage_based_synapses = any(r.kind == "voltage" for r in cls.receptors.values())

    @classmethod
    def _make_definition(cls) -> Definition:
        # A subclass that only changes defaults is still the model it derives from.
        own = "equations" in cls.__dict__ or "source" in cls.__dict__
        name = cls.__name__ if own or not hasattr(cls, "definition") else cls.definition.name
        return Definition(
            name=name,
            parameters=dict(cls.parameters),
            states=dict(cls.states),
            receptors=dict(cls.receptors),
            equations=cls.equations,
            threshold=cls.threshold,
            threshold_within_step=cls.threshold_within_step,
            reset=cls.reset,
            refractory=cls.refractory,
            source=cls.source,
            injectable=cls.injectable,
            literature=cls.literature,
            method=cls.integration_method,
            events=dict(cls.events),
            functions=cls.functions,
            constants=dict(cls.constants),
            tables=dict(cls.tables),
            update_interval=cls.update_interval,
            unchecked_units=cls.unchecked_units,
            own=cls.own,
        )

    def can_record(self, variable: str, location: Any = None) -> bool:
        """Whether `variable` (a name; "spikes" too) can be recorded from cells of this type."""
        return location is None and variable in self.recordable


_DYNAMICS = (
    "states", "equations", "on_pre", "on_post", "transmitted", "pathways", "before_step", "each_step", "psp", "coupling"
)  # fmt: skip
"""What makes a synapse type another one than that which it derives from."""


class BaseSynapseType(BaseModelType):
    """A synapse type: parameters, of which `weight` always exists and `delay` unless it is electrical.

    What changes from spike to spike are `states` and `weight`. `equations` say how states evolve between the spikes
    (flags: (pre) or (post), one value for each presynaptic or postsynaptic cell); `on_pre` and `on_post` are statements
    that a spike executes when it arrives at the synapse, and `transmitted` is what then goes to the receptor.
    """

    states: ClassVar[Mapping[str, State]] = {}
    equations: ClassVar[str] = ""
    on_pre: ClassVar[str] = ""
    on_post: ClassVar[str] = ""
    transmitted: ClassVar[str] = "weight"
    pathways: ClassVar[Mapping[str, SynapticPathway]] = {}
    before_step: ClassVar[str] = ""
    each_step: ClassVar[str] = ""
    psp: ClassVar[str] = ""
    reduce: ClassVar[str] = "sum"
    method: ClassVar[str] = "auto"
    coupling: ClassVar[str] = ""
    magnitudes: ClassVar[tuple[str, ...]] = ()
    complements: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Further names for initialize(): what is left of a parameter without a state, as name -> (state, parameter)."""
    literature: ClassVar[str] = ""
    connection_type: ClassVar[str | None] = None
    delay_variable: ClassVar[str] = "delay"
    weight_variable: ClassVar[str] = "weight"
    has_presynaptic_components: ClassVar[bool] = False

    def __init__(self, **parameters: Any) -> None:
        if parameters.get("weight", 0.0) is None:
            # As in PyNN, no weight is the default one.
            del parameters["weight"]
        super().__init__(**parameters)

    @classmethod
    def _make_definition(cls) -> Definition:
        # A subclass that only changes defaults is still the model it derives from.
        own = set(_DYNAMICS) & set(cls.__dict__)
        name = cls.__name__
        if not own and cls.__mro__[1].__dict__.get("definition") and cls.__mro__[1].__dict__.get("parameters"):
            name = cls.__mro__[1].definition.name  # type: ignore[attr-defined]
        return Definition(
            name=name,
            parameters=dict(cls.parameters),
            states=dict(cls.states),
            equations=cls.equations,
            on_pre=cls.on_pre,
            on_post=cls.on_post,
            transmitted=cls.transmitted,
            pathways=dict(cls.pathways),
            before_step=cls.before_step,
            each_step=cls.each_step,
            psp=cls.psp,
            reduce=cls.reduce,
            method=cls.method,
            coupling=cls.coupling,
            magnitudes=cls.magnitudes,
            literature=cls.literature,
        )


class BaseCurrentSource(BaseModelType):
    """A source of current that is injected into cells."""

    @classmethod
    def _make_definition(cls) -> Definition:
        # A subclass that only changes defaults is still the model it derives from.
        parents = (base for base in cls.__mro__[1:] if base.__dict__.get("parameters"))
        parent: Any = next(parents, None)
        return Definition(cls.__name__ if parent is None else parent.definition.name, dict(cls.parameters))

    def _inject(self, simulation: Any, ids: Any) -> None:
        raise NotImplementedError


def _model_name(cls: type[BaseModelType], *own: str) -> str:
    """The class's name; of a subclass that leaves all of `own` as they are, the name of the model it derives from."""
    return cls.__name__ if set(own) & set(cls.__dict__) or not hasattr(cls, "definition") else cls.definition.name


class BaseCellTypeComponent(BaseModelType):
    """Neuron part of a composed cell type: like a cell type, with `i_syn` (nA) for the current of its receptors."""

    states: ClassVar[Mapping[str, State]] = {}
    equations: ClassVar[str] = ""
    threshold: ClassVar[str] = ""
    threshold_within_step: ClassVar[bool] = False
    reset: ClassVar[str] = ""
    refractory: ClassVar[str] = ""
    literature: ClassVar[str] = ""
    injectable: ClassVar[bool] = True
    recordable: ClassVar[list[str]] = ["spikes"]
    receptor_types: ClassVar[tuple[str, ...]] = ()
    conductance_based: ClassVar[bool | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.recordable = cls.definition.recordable

    @classmethod
    def _make_definition(cls) -> Definition:
        return Definition(
            name=_model_name(cls, "equations"),
            parameters=dict(cls.parameters),
            states=dict(cls.states),
            equations=cls.equations,
            threshold=cls.threshold,
            threshold_within_step=cls.threshold_within_step,
            reset=cls.reset,
            refractory=cls.refractory,
            injectable=cls.injectable,
            literature=cls.literature,
        )


class BasePostSynapticResponse(BaseModelType):
    """Receptor part of a composed cell type: equations, what a spike does (`receptor`) and the `current` (nA).

    `current` may name the membrane potential `v` of the neuron; current into the cell is positive.
    """

    states: ClassVar[Mapping[str, State]] = {}
    equations: ClassVar[str] = ""
    receptor: ClassVar[Receptor] = Receptor("nA", "")
    current: ClassVar[str] = ""
    literature: ClassVar[str] = ""
    recordable: ClassVar[list[str]] = []
    conductance_based: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.recordable = [name for name in cls.definition.recordable if name != "spikes"]
        cls.conductance_based = cls.receptor.kind == "conductance"

    @classmethod
    def _make_definition(cls) -> Definition:
        return Definition(
            name=_model_name(cls, "equations"),
            parameters=dict(cls.parameters),
            states=dict(cls.states),
            receptors={"": cls.receptor},
            equations=cls.equations,
            literature=cls.literature,
        )


class BaseIonChannelModel(BaseModelType):
    """An ion channel of a multi-compartment cell."""


def check_parameter_names(names: Any, model: BaseModelType) -> None:
    """Raise NonExistentParameterError for the first of `names` that is no parameter of `model`."""
    definition = model.definition
    for name in names:
        if name not in definition.parameters:
            hint = f"'{name}' is a state variable: see initialize() and record()." if name in definition.states else ""
            raise NonExistentParameterError(name, type(model).__name__, definition.parameters, hint=hint)


def check_state_names(names: Any, model_name: str, definition: Definition) -> None:
    """Raise NonExistentParameterError for the first of `names` that is no state variable with an initial value."""
    settable = [name for name, state in definition.states.items() if state.settable]
    for name in names:
        if name not in settable:
            hint = f"'{name}' is a parameter: see set() and get()." if name in definition.parameters else ""
            raise NonExistentParameterError(name, model_name, settable, kind="state variable", hint=hint)


def instantiate(celltype: Any, cellparams: Mapping[str, Any] | None) -> BaseCellType:
    """A cell type instance from an instance, or from a class and perhaps a dictionary of parameters."""
    if isinstance(celltype, BaseCellType):
        if cellparams:
            raise InvalidModelError(
                f"{celltype!r} is an instance already, so cellparams={cellparams!r} has no place. "
                f"Write {type(celltype).__name__}(**cellparams) instead."
            )
        return celltype
    if cellparams is not None and not isinstance(cellparams, Mapping):
        raise InvalidModelError(f"cellparams must be a dictionary of parameters by name, not {cellparams!r}.")
    if isinstance(celltype, type) and issubclass(celltype, BaseCellType):
        return celltype(**(cellparams or {}))
    raise InvalidModelError(
        f"The cell type must be a cell type such as sim.IF_cond_exp(tau_m=10.0), not {celltype!r}."
    )
