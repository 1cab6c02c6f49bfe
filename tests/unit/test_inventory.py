"""The inventory of PyNN 0.13: every public name, signature, default, unit, recordable and receptor type is here too.

`inventory_pynn_0_13.json` is what introspection of PyNN 0.13.0 (with NEST 3.10) showed, values as text of Python. A
signature of ours must take what PyNN's takes: the same names in the same order with the same defaults; what ours has
besides is optional. Where ours is different on purpose, `DIFFERENCES` says why; an entry that is not true any more
fails. The names of PyNN 0.6 are those of pyNN.compat.table.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyNN.errors import CapabilityError, NoModelAvailableError
from pyNN.parameters import ArrayParameter

BACKENDS = ("reference", "nest", "mock")
INVENTORY: dict[str, Any] = json.loads((Path(__file__).parent / "inventory_pynn_0_13.json").read_text(encoding="utf-8"))
MODULES: dict[str, Any] = INVENTORY["modules"]
MODELS: dict[str, Any] = INVENTORY["models"]

NOT_YET: dict[str, str] = {}
"""What is still to come, and why."""

_TABLES = "how a model is translated is a data table of each backend (pyNN.translation), and classes are shared by all"
_FACTORIES = "a backend's functions come from pyNN.scripting.Script, not from factories"
_NEURON = "belongs to NEURON, which is not a backend of this package"
_ADAPTER = "inside of PyNN's adapter to its simulator, which scripts do not use"
_HANDLES = "a script sees PyNN's ids; the nodes of NEST are made when the network is built, and stay in the adapter"
_CHECKS = "what a value may be is data beside its default (pyNN.models: Parameter.minimum, Receptor.sign), no function"
_ABSTRACT = "a base class declares nothing; what has these in PyNN are the cell types that derive from it"
_IMPORTED = "what PyNN's module imports for its own use; it is where it is defined"
_NAMED = "no ** needed: the arguments have names"
_INTERNAL = "not for scripts: the core makes these, and hands them out"
_DRAWN_ALIKE = "both derive from the class that draws by a probability, and not one from the other"

DIFFERENCES: dict[str, str] = {
    # models and their translation
    **dict.fromkeys(
        (
            "pyNN.standardmodels.base.StandardModelType.computed_parameters",
            "pyNN.standardmodels.base.StandardModelType.computed_parameters_include",
            "pyNN.standardmodels.base.StandardModelType.get_native_names",
            "pyNN.standardmodels.base.StandardModelType.reverse_translate",
            "pyNN.standardmodels.base.StandardModelType.scaled_parameters",
            "pyNN.standardmodels.base.StandardModelType.simple_parameters",
            "pyNN.standardmodels.base.StandardModelType.translate",
            "pyNN.standardmodels.base.StandardModelType.extra_parameters",
            "pyNN.standardmodels.base.StandardModelType.native_parameters",
            "pyNN.standardmodels.base.StandardCurrentSource.?et_native_parameters",
            "pyNN.standardmodels.base.build_scaling_functions",
            "pyNN.standardmodels.cells.PointNeuron.*_parameters",
            "pyNN.standardmodels.cells.PointNeuron.computed_parameters_include",
            "pyNN.standardmodels.cells.PointNeuron.scale_factors",
            "pyNN.standardmodels.cells.MultiCompartmentNeuron.translate",
            "pyNN.standardmodels.synapses.STDPMechanism.native_parameters",
            "pyNN.nest.synapses.NativeSynapseType.native_parameters",
            "pyNN.nest.synapses.NativeSynapseType.get_native_names",
            "pyNN.*.build_translations",
            "sim.build_translations",
            *(
                f"pyNN.{place}.standardmodels*.{name}"
                for place, names in {
                    "nest": (
                        "nest_name", "possible_models", "scale_factors", "standard_receptor_type", "variable_map",
                        "receptor_scale", "extra_parameters", "uses_parrot", "base_translations", "always_local",
                        "get_native_names", "get_receptor_type", "reverse_translate", "native_parameters",
                    ),
                    "mock": ("receptor_scale", "standard_receptor_type", "base_translations"),
                }.items()
                for name in names
            ),
        ),
        _TABLES,
    ),
    **dict.fromkeys(
        (
            "pyNN.models.BaseModelType.parameter_checks",
            "pyNN.standardmodels.base.StandardSynapseType.parameter_checks",
            "pyNN.standardmodels.base.check_*",
            "pyNN.standardmodels.base.*tory_receptor_types",
        ),
        _CHECKS,
    ),
    **dict.fromkeys(
        (
            "pyNN.standardmodels.base.StandardCellType.receptor_types",
            "pyNN.standardmodels.base.StandardCellType.recordable",
        ),
        _ABSTRACT,
    ),
    "pyNN.models.BasePostSynapticResponseModel": "a second name of BasePostSynapticResponse that nothing uses",
    "pyNN.standardmodels.base.StandardPostSynapticResponse.set_parent": "a component does not know what it is part of",
    "pyNN.standardmodels.cells.LIF.units": "PyNN gives LIF the unit of w, a variable that it does not have",
    "pyNN.standardmodels.cells.MultiCompartmentNeuron.units": (
        "PyNN's class has the units of one example's channels; ours those of its parameters, in which PyNN has none"
    ),
    "pyNN.standardmodels.cells.HH_cond_exp.receptor_types": (
        "'source_section.gap' is NEURON's; an ElectricalSynapse takes that name on every cell type (tested below)"
    ),
    **dict.fromkeys(("pyNN.standardmodels.cells.HasSections", "pyNN.standardmodels.cells.Section"), _NEURON),
    **dict.fromkeys(("sim.IntFire1", "sim.IntFire2", "sim.IntFire4", "sim.NeuronTemplate", "sim.h"), _NEURON),
    # populations, projections, connectors, recording
    "pyNN.*.populations.Assembly()": _NAMED,
    "pyNN.common.projections.Connection()": _INTERNAL,
    "pyNN.recording.Recorder*": _INTERNAL,
    **dict.fromkeys(
        (
            "pyNN.nest.populations.*node_collection*",
            "pyNN.nest.projections.Projection.nest_connections",
        ),
        _HANDLES,
    ),
    "pyNN.connectors.DisplacementDependentProbabilityConnector<IndexBasedProbabilityConnector": _DRAWN_ALIKE,
    **dict.fromkeys(
        (
            "pyNN.nest.projections.Projection() argument [12]",
            "pyNN.mock.projections.Projection() argument [12]",
        ),
        "PyNN's backends differ among themselves in these names; both are taken (tested below)",
    ),
    # functions
    **dict.fromkeys(
        (
            "pyNN.common.control.BaseState", "pyNN.common.control.build_*", "pyNN.common.control.end",
            "pyNN.common.control.setup", "pyNN.common.procedural_api.build_*",
        ),
        _FACTORIES,
    ),
    # descriptions
    "pyNN.descriptions.CheetahTemplateEngine": "Cheetah does not run on a Python that is maintained",
    "pyNN.descriptions.*Engine.env": "an environment is made for a template, so that importing needs no jinja2",
    "pyNN.descriptions.*Engine.template_dir": "the templates are in a module (pyNN.descriptions.TEMPLATES), not files",
    # networks in files
    **dict.fromkeys(
        ("pyNN.serialization.sonata.*Group()", "pyNN.serialization.sonata.*Population()"),
        "made from the content of a file by from_data(), and not by scripts",
    ),
    "pyNN.serialization.sonata.SonataIO<BaseIO": (
        "write_data() takes whatever has the methods of Neo's classes; Neo itself is loaded when it is needed"
    ),
    # what is nobody's but an adapter's
    **dict.fromkeys(
        (
            "pyNN.nest.*<*Mixin", "pyNN.nest.*Mixin", "pyNN.nest.projections.listify",
            "pyNN.nest.projections.split_array_to_avoid_repeats",
            "pyNN.nest.cells.get_*", "pyNN.nest.cells.UNITS_MAP", "pyNN.nest.synapses.get_synapse_defaults",
            "pyNN.nest.synapses.DEFAULT_TAU_MINUS", "pyNN.nest.electrodes.get_defaults",
            "pyNN.nest.*<Nest*CurrentSource", "pyNN.nest.*.Nest*CurrentSource",
            "pyNN.nest.connectors.*.native_connect", "pyNN.nest.connectors.*.cg_connect",
            "pyNN.nest.connectors.DefaultCSAConnector", "pyNN.nest.random.NEST*",
            "pyNN.nest.standardmodels.cells.adjust_spike_times_*", "pyNN.nest.standardmodels.cells.unsupported",
            "pyNN.nest.*.make_*_compatible",
            "pyNN.mock.*<MockCurrentSource", "pyNN.mock.standardmodels.MockCurrentSource",
            "pyNN.mock.projections.Connection",
            "pyNN.mock.simulator.State", "pyNN.mock.simulator.ID",
        ),
        _ADAPTER,
    ),
    **dict.fromkeys(
        (
            "pyNN.connectors.e", "pyNN.connectors.pi", "pyNN.connectors.haveCSA", "pyNN.nest.connectors.haveCSA",
            "pyNN.connectors.LazyArray", "pyNN.connectors.*RNG", "pyNN.connectors.RandomDistribution",
            "pyNN.connectors.StandardSynapseType", "pyNN.standardmodels.base.*Distribution",
            "pyNN.standardmodels.synapses.ParameterSpace",
            "pyNN.common.*.deprecated", "pyNN.utility.timer.deprecated", "pyNN.*.control.DEFAULT_*",
            "pyNN.*.control.get_io", "pyNN.*.populations.Recorder", "pyNN.*.simplify", "pyNN.*.Base*Type",
            "pyNN.nest.electrodes.BaseCurrentSource",
            "pyNN.nest.connectors.Connector", "pyNN.mock.projections.ezip",
        ),
        _IMPORTED,
    ),
}  # fmt: skip
"""What -> why it is different here. `*` stands for any text; sim is the module of a backend."""


# --- reading the inventory ------------------------------------------------------------------------------------------

_ANY = object()
"""A default or value that the inventory does not show."""


def value_of(text: str) -> Any:
    """The value that the inventory's text stands for; a model's list of numbers as an array."""
    if "..." in text:
        return _ANY
    return _value(ast.parse(text, mode="eval").body)


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in ("ArrayParameter", "Sequence"):
            return np.array(ast.literal_eval(node.args[0]), dtype=float)
        if name == "range":
            return list(range(*(ast.literal_eval(argument) for argument in node.args)))
        assert name == "Space", ast.dump(node)
        return None
    if isinstance(node, ast.Dict):
        keys = [_value(key) for key in node.keys if key is not None]
        return dict(zip(keys, map(_value, node.values), strict=True))
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Name):
        return -_value(node.operand)
    if isinstance(node, ast.Name):
        return {"inf": float("inf")}[node.id]
    return ast.literal_eval(node)


def same(ours: Any, theirs: Any) -> bool:
    if theirs is _ANY:
        return True
    if isinstance(ours, ArrayParameter):
        ours = ours.value
    if isinstance(theirs, np.ndarray) or isinstance(ours, np.ndarray):
        return np.array_equal(np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float))
    if isinstance(theirs, dict) and hasattr(ours, "keys"):
        return set(ours) == set(theirs) and all(same(ours[name], theirs[name]) for name in theirs)
    if theirs is None or theirs == {} or theirs == ["unknown"]:
        # None stands for the empty dictionary, list or Space that PyNN makes once and shares between calls.
        return ours is None or ours == theirs or ours == ()
    if isinstance(theirs, (list, tuple)) and isinstance(ours, (list, tuple, range)):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs) and isinstance(ours, str) == isinstance(theirs, str)


def arguments_of(text: str) -> ast.arguments:
    function = ast.parse(f"def f{text}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    return function.args


KINDS = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def signature_differences(ours: Any, text: str, operator: bool = False) -> Iterator[tuple[str, str]]:
    """(which argument, how) `ours` does not take what the signature `text` takes."""
    theirs = arguments_of(text)
    names = [a.arg for a in theirs.args]
    defaults: list[Any] = [inspect.Parameter.empty] * (len(names) - len(theirs.defaults))
    defaults += [_value(node) for node in theirs.defaults]
    wanted = [(n, d) for n, d in zip(names, defaults, strict=True) if n not in ("self", "cls")]
    mine = [p for p in inspect.signature(ours).parameters.values() if p.name not in ("self", "cls")]
    kinds = {p.kind for p in mine}
    positional = [p for p in mine if p.kind in KINDS]
    by_name = {p.name for p in mine if p.kind in (*KINDS, inspect.Parameter.KEYWORD_ONLY)}
    for k, (name, default) in enumerate(wanted):
        if k >= len(positional):
            if inspect.Parameter.VAR_POSITIONAL not in kinds:
                yield f" argument {k + 1}", f"'{name}' is missing"
        elif positional[k].name != name and not operator:
            yield f" argument {k + 1}", f"is '{positional[k].name}' and not '{name}'"
        elif default is not inspect.Parameter.empty and not same(positional[k].default, default):
            yield "", f"'{name}' is {positional[k].default!r} by default and not {default!r}"
    for parameter in positional[len(wanted) :]:
        if parameter.default is inspect.Parameter.empty:
            yield "", f"'{parameter.name}' is an addition and must be optional"
    for parameter in mine:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and parameter.default is inspect.Parameter.empty:
            yield "", f"'{parameter.name}' is an addition and must be optional"
    if theirs.vararg and inspect.Parameter.VAR_POSITIONAL not in kinds:
        yield "", f"*{theirs.vararg.arg} is missing"
    if theirs.kwarg and inspect.Parameter.VAR_KEYWORD not in kinds:
        named = set(getattr(ours, "default_parameters", ())) or {"?"}
        if not named <= by_name:
            yield "", f"**{theirs.kwarg.arg} is missing"


# --- the walk -------------------------------------------------------------------------------------------------------

INSTANCE_ATTRIBUTES = {"STDPMechanism": {"parameter_space"}, "NeuroMLMorphology": {"segments"}}
"""Attributes that a constructor sets, so that only instances have them: class -> names."""


def class_differences(path: str, ours: Any, facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(what, how) ours is less than the class of which the inventory tells `facts`."""
    if not isinstance(ours, type):
        yield path, "is not a class"
        return
    if "signature" in facts:
        for place, text in signature_differences(ours, facts["signature"]):
            yield f"{path}(){place}", text
    bases = {cls.__name__ for cls in ours.__mro__}
    yield from ((f"{path}<{base}", "is not among the bases") for base in facts.get("bases", ()) if base not in bases)
    for name, text in facts.get("methods", {}).items():
        yield from method_differences(path, ours, name, text)
    for backend in BACKENDS if "deprecated" in facts else ():
        # The old names are given to the classes of a backend's module.
        name = ours.__name__.removeprefix("Base")
        of_backend = getattr(importlib.import_module(f"pyNN.{backend}"), name, ours)
        for method, text in facts["deprecated"].items():
            yield from method_differences(f"pyNN.{backend}.{name}", of_backend, method, text)
    for name, text in facts.get("attributes", {}).items():
        if not hasattr(ours, name):
            yield f"{path}.{name}", "is missing"
        elif not attribute_agrees(name, getattr(ours, name), value_of(text)):
            yield f"{path}.{name}", f"is {getattr(ours, name)!r} and not {text}"
    for name in facts.get("properties", ()):
        if not hasattr(ours, name) and name not in INSTANCE_ATTRIBUTES.get(ours.__name__, ()):
            yield f"{path}.{name}", "is missing"


def method_differences(path: str, ours: Any, name: str, text: str) -> Iterator[tuple[str, str]]:
    method = getattr(ours, name, None)
    if method is None:
        yield f"{path}.{name}", "is missing"
        return
    # Nobody gives the arguments of an operator by name.
    for place, difference in signature_differences(method, text, operator=name.startswith("__")):
        yield f"{path}.{name}{place}", difference


def attribute_agrees(name: str, ours: Any, theirs: Any) -> bool:
    if name == "units" and isinstance(theirs, Mapping):
        return all(ours.get(key) == unit for key, unit in theirs.items())
    if name == "recordable":
        # What can be recorded besides (the currents of current-based cells) is an addition.
        return [variable for variable in ours if variable in theirs] == list(theirs)
    return same(ours, theirs)


@cache
def differences(module: str) -> tuple[tuple[str, str], ...]:
    """(what, how) everything of a module of PyNN that is not here, or not alike."""
    return tuple(_differences(module))


def _differences(module: str) -> Iterator[tuple[str, str]]:
    facts = MODULES[module]
    there = place_of(module)
    if there is None:
        yield module, "cannot be imported"
        return
    for name, known in facts.get("classes", {}).items():
        if hasattr(there, name):
            yield from class_differences(f"{module}.{name}", getattr(there, name), known)
        else:
            yield f"{module}.{name}", "is missing"
    for name, text in facts.get("functions", {}).items():
        if hasattr(there, name):
            yield from method_differences(module, there, name, text)
        else:
            yield f"{module}.{name}", "is missing"
    for name, text in facts.get("constants", {}).items():
        if not hasattr(there, name):
            yield f"{module}.{name}", "is missing"
        elif not name.lower().startswith("have") and not same(getattr(there, name), value_of(text)):
            # (What is installed beside differs from place to place.)
            yield f"{module}.{name}", f"is {getattr(there, name)!r} and not {text}"
    for name, original in facts.get("aliases", {}).items():
        if not hasattr(there, name) or getattr(there, name) is not getattr(there, original):
            yield f"{module}.{name}", f"is not {original}"
    yield from ((f"{module}.{name}", "is missing") for name in facts.get("imported", ()) if not hasattr(there, name))


def place_of(module: str) -> Any:
    """The module of that name, or where its things are here; None: nowhere."""
    if module == "pyNN.mock.simulator":
        return importlib.import_module("pyNN.mock").simulator
    _, *parts = module.split(".")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        found = None
    if len(parts) > 1 and parts[0] in BACKENDS:
        # PyNN keeps the parts of a backend in modules whose names are no part of its API: what scripts use is in the
        # backend's module.
        return _Either(found, importlib.import_module(f"pyNN.{parts[0]}"))
    return found


class _Either:
    """The names of two modules."""

    def __init__(self, *modules: Any) -> None:
        self._modules = [module for module in modules if module is not None]

    def __getattr__(self, name: str) -> Any:
        for module in self._modules:
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(name)


def explanation(what: str) -> str | None:
    """The pattern of DIFFERENCES or NOT_YET that speaks of `what`."""
    return next((pattern for pattern in (*DIFFERENCES, *NOT_YET) if fnmatchcase(what, pattern)), None)


def assert_explained(found: Iterator[tuple[str, str]] | tuple[tuple[str, str], ...]) -> None:
    unexplained = [f"{what}: {how}" for what, how in found if explanation(what) is None]
    assert not unexplained, "less than PyNN 0.13:\n" + "\n".join(unexplained)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_all_that_pynns_has(module: str) -> None:
    assert_explained(differences(module))


@pytest.mark.parametrize("module", INVENTORY["import_paths"])
def test_a_module_that_scripts_import(module: str) -> None:
    if explanation(module) is None:
        importlib.import_module(module)


@pytest.mark.parametrize("module", INVENTORY["listed"])
def test_names_that_scripts_import_from_a_module(module: str) -> None:
    there = importlib.import_module(module)
    assert [name for name in INVENTORY["listed"][module] if not hasattr(there, name)] == []


# --- the module of a backend ----------------------------------------------------------------------------------------

EVERYWHERE = [
    name for group, names in INVENTORY["backend_modules"].items() if group not in ("nest", "neuron") for name in names
]
NEST_ONLY = ("NativeElectrodeType", "NativeSynapseType", "native_cell_type", "native_electrode_type",
             "native_synapse_type", "nestml")  # fmt: skip


def missing_names(backend: str) -> Iterator[tuple[str, str]]:
    module = importlib.import_module(f"pyNN.{backend}")
    groups = INVENTORY["backend_modules"]
    wanted = {name for names in groups.values() for name in names} | set(MODELS)
    if backend != "nest":
        wanted -= {*NEST_ONLY, "NativeCellType"}
    yield from ((f"sim.{name}", "is missing") for name in sorted(wanted) if not hasattr(module, name))


@pytest.mark.parametrize("backend", BACKENDS)
def test_names_of_a_backends_module(backend: str) -> None:
    """What any backend of PyNN exports, each of ours does; models of NEST's own are NEST's."""
    assert_explained(tuple(missing_names(backend)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_star_import_gives_them_all(backend: str) -> None:
    """As `from pyNN.<backend> import *` does it: what is public, or in __all__ where there is one."""
    module = importlib.import_module(f"pyNN.{backend}")
    public = set(getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")]))
    assert [name for name in EVERYWHERE if hasattr(module, name) and name not in public] == []


def test_every_difference_is_one() -> None:
    """An entry that nothing matches any more goes."""
    found = [what for module in MODULES for what, _ in differences(module)]
    found += [what for backend in BACKENDS for what, _ in missing_names(backend)]
    stale = [p for p in (*DIFFERENCES, *NOT_YET) if not any(fnmatchcase(what, p) for what in found)]
    assert stale == []
    assert all([*DIFFERENCES.values(), *NOT_YET.values()])


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_module_of_a_backend(backend: str) -> None:
    from pyNN import common

    module = importlib.import_module(f"pyNN.{backend}")
    assert module.run_for == module.run
    assert module.logger.name == "PyNN"
    assert module.simulator.state is module.state
    for name in ("Population", "PopulationView", "Assembly", "Projection"):
        assert issubclass(getattr(module, name), getattr(common, name))


# --- models on every backend ----------------------------------------------------------------------------------------


def models_of(kind: str) -> list[str]:
    return [name for name, facts in MODELS.items() if facts["kind"] == kind and explanation(f"sim.{name}") is None]


CELLS = [name for name in models_of("Cell types & components") if name not in ("PointNeuron", "LIF", "AdExp")]
NEURONS = ["LIF", "AdExp"]
RECEPTORS = models_of("Post-synaptic responses")
PLASTICITY = models_of("Synapse types / plasticity components")
SYNAPSES = [name for name in PLASTICITY if name.endswith(("Synapse", "Mechanism"))]
TIMING_RULES = ["SpikePairRule", "Vogels2011Rule"]
WEIGHT_DEPENDENCES = [name for name in PLASTICITY if name not in (*SYNAPSES, *TIMING_RULES)]
SOURCES = models_of("Current sources")
CHANNELS = models_of("Ion channels")


def test_every_model_is_tested() -> None:
    tested = {*CELLS, *NEURONS, "PointNeuron", *RECEPTORS, *SYNAPSES, *WEIGHT_DEPENDENCES, *TIMING_RULES, *SOURCES}
    assert {name for name in MODELS if explanation(f"sim.{name}") is None} == tested | set(CHANNELS)


def defaults_of(name: str) -> dict[str, Any]:
    """Parameter -> default; None: the least delay."""
    shown = {key: fact["value"] for key, fact in MODELS[name].get("parameters", {}).items()}
    return {key: np.array(value["array"]) if isinstance(value, dict) else value for key, value in shown.items()}


def set_up(backend: str) -> Any:
    sim = importlib.import_module(f"pyNN.{backend}")
    sim.setup(timestep=0.1, min_delay=0.1, max_delay=1.0)
    return sim


def made(sim: Any, name: str, make: Any) -> Any:
    """What `make()` gives; None where the backend says that it lacks the model, and names it."""
    missing = sim.script.backend.capabilities.missing
    try:
        return make()
    except (CapabilityError, NoModelAvailableError) as error:
        assert any(name in lacking for lacking in missing), error
        return None


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CELLS)
def test_a_cell_type(backend: str, name: str) -> None:
    sim = set_up(backend)
    facts = MODELS[name]
    celltype = getattr(sim, name)
    cells = made(sim, name, lambda: sim.Population(2, celltype()))
    if cells is None:
        return
    assert name in sim.list_standard_models()
    assert set(celltype.get_parameter_names()) == set(defaults_of(name))
    for parameter, default in defaults_of(name).items():
        # Backends keep values in their own units: the last bits may differ.
        found = cells.get(parameter)
        assert np.allclose(getattr(found, "value", found), default, rtol=1e-12, atol=0.0), parameter
        assert celltype.units[parameter] == facts["parameters"][parameter]["unit"], parameter
    for variable, state in facts.get("initial_values", {}).items():
        assert celltype.default_initial_values[variable] == state["value"], variable
        assert celltype.units[variable] == state["unit"], variable
        if celltype.definition.states[variable].settable:
            assert cells.initial_values[variable].evaluate(simplify=True) == state["value"], variable
    assert set(celltype.default_initial_values) == set(facts.get("initial_values", {}))
    for variable in facts["recordable"]:
        assert cells.can_record(variable)
        assert variable == "spikes" or cells.find_units(variable) == facts["initial_values"][variable]["unit"]
    assert list(cells.receptor_types) == [r for r in facts["receptor_types"] if r != "source_section.gap"]
    assert cells.injectable is facts["injectable"]
    assert cells.conductance_based is facts["conductance_based"]
    assert celltype.voltage_based_synapses is facts["voltage_based_synapses"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("receptor", RECEPTORS)
def test_a_composed_cell_type(backend: str, neuron: str, receptor: str) -> None:
    sim = set_up(backend)
    celltype = sim.PointNeuron(getattr(sim, neuron)(), r=getattr(sim, receptor)())
    cells = made(sim, "PointNeuron", lambda: sim.Population(2, celltype))
    if cells is None:
        return
    for parameter, default in {
        **defaults_of(neuron), **{f"r.{k}": v for k, v in defaults_of(receptor).items() if k != "locations"}
    }.items():
        assert np.isclose(cells.get(parameter), default, rtol=1e-12, atol=0.0), parameter
    recordable = [*MODELS[neuron]["recordable"], *(f"r.{state}" for state in MODELS[receptor]["initial_values"])]
    assert [variable for variable in recordable if not cells.can_record(variable)] == []
    for variable, state in MODELS[neuron]["initial_values"].items():
        assert cells.find_units(variable) == state["unit"]
    assert tuple(cells.receptor_types) == ("r",)
    assert cells.injectable and cells.conductance_based is receptor.startswith("Cond")


def plastic(sim: Any, name: str) -> Any:
    """A synapse type that has the rule of this name as a part, or is it."""
    if name in TIMING_RULES:
        return sim.STDPMechanism(timing_dependence=getattr(sim, name)())
    if name in WEIGHT_DEPENDENCES:
        return sim.STDPMechanism(weight_dependence=getattr(sim, name)())
    return getattr(sim, name)()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [*SYNAPSES, *WEIGHT_DEPENDENCES, *TIMING_RULES])
def test_a_synapse_type(backend: str, name: str) -> None:
    sim = set_up(backend)
    cells = sim.Population(2, sim.IF_curr_exp())
    ours = getattr(sim, name).default_parameters
    assert {parameter: ours[parameter] for parameter in defaults_of(name)} == defaults_of(name)
    synapse = plastic(sim, name)
    projection = made(sim, name, lambda: sim.Projection(cells, cells, sim.OneToOneConnector(), synapse))
    if projection is None:
        return
    for parameter, default in defaults_of(name).items():
        wanted = 0.1 if default is None else default
        found = projection.get(parameter, "list", with_address=False)
        np.testing.assert_allclose(found, [wanted, wanted], rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", SOURCES)
def test_a_current_source(backend: str, name: str) -> None:
    sim = set_up(backend)
    cells = sim.Population(2, sim.IF_curr_exp())
    source = getattr(sim, name)()
    for parameter, default in defaults_of(name).items():
        assert same(source.get_parameters()[parameter], default), parameter
        assert same(getattr(source, parameter), default), parameter
    cells.inject(source)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CHANNELS)
def test_an_ion_channel(backend: str, name: str) -> None:
    """A part of a MultiCompartmentNeuron, of which no backend here can make a population."""
    channel = getattr(importlib.import_module(f"pyNN.{backend}"), name)
    assert channel.default_parameters == defaults_of(name)
    assert set(channel().parameter_space.keys()) == set(defaults_of(name))


@pytest.mark.parametrize("backend", BACKENDS)
def test_both_names_of_the_groups_of_a_projection(backend: str, recwarn: pytest.WarningsRecorder) -> None:
    sim = set_up(backend)
    a, b = sim.Population(2, sim.IF_curr_exp()), sim.Population(3, sim.IF_curr_exp())
    connector = sim.AllToAllConnector()
    for projection in (
        sim.Projection(presynaptic_neurons=a, postsynaptic_neurons=b, connector=connector),
        sim.Projection(presynaptic_population=a, postsynaptic_population=b, connector=connector),
    ):
        assert (projection.pre, projection.post) == (a, b)
    assert len(recwarn) == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_neurons_name_of_a_gap_junction(backend: str) -> None:
    sim = set_up(backend)
    cells = sim.Population(2, sim.HH_cond_exp())
    connector, synapse, gap = sim.FromListConnector([(0, 1)]), sim.ElectricalSynapse(weight=0.1), "source_section.gap"
    projection = made(
        sim,
        "ElectricalSynapse",
        lambda: sim.Projection(cells, cells, connector, synapse, source=gap, receptor_type=gap),
    )
    if projection is not None:
        assert projection.get("weight", "list") == [(0, 1, 0.1)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_arguments_of_an_assemblys_data(backend: str) -> None:
    """PyNN's Assembly.get_data() has annotations where Population.get_data() has locations."""
    sim = set_up(backend)
    cells = sim.Assembly(sim.Population(2, sim.IF_curr_exp()), sim.Population(2, sim.IF_cond_exp()))
    cells.record("spikes")
    sim.run(1.0)
    assert cells.get_data("spikes", True, False, {"trial": 3}).annotations["trial"] == 3
    for group in (cells, cells.populations[0]):
        with pytest.raises(CapabilityError, match="locations='soma'"):
            group.get_data(locations="soma")


def test_the_package_names_its_modules_and_imports_none_of_them() -> None:
    code = "import sys, pyNN; print(set(pyNN.__all__) & {n.split('.')[1] for n in sys.modules if n[:5] == 'pyNN.'})"
    assert output_of(code) == "set()"
    modules = "common random recording errors space descriptions standardmodels parameters core morphology".split()
    modules += ["serialization", "utility"]
    assert output_of(f"from pyNN import *; print([globals()[name].__name__ for name in {modules}])") == str(
        [f"pyNN.{name}" for name in modules]
    )


def output_of(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


# --- the old names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", INVENTORY["old_forms"], ids=lambda form: form["old"])
def test_an_old_form_is_covered(form: dict[str, Any]) -> None:
    """Each difference between 0.6 and 0.13 has lines in the table of old forms, which the tests of pyNN.compat walk."""
    from pyNN.compat.table import TABLE

    if "covered_because" in form:
        assert form["covered_because"]
    else:
        assert [key for key in form["covered_by"] if key not in TABLE] == []


BESIDES = ("ID.v_init", "sim.cells", "sim.IF_cond_exp.synapse_types", "sim.IF_cond_exp.default_parameters",
           "Projection.randomizeWeights", "Projection.setDelays", "Projection.randomizeDelays", "Projection.getDelays",
           "Projection.printDelays", "sim.FromFileConnector", "Projection.weights")  # fmt: skip
"""Lines that belong to a form of another name."""


def test_every_line_of_the_table_is_an_old_form() -> None:
    from pyNN.compat.table import TABLE

    listed = {key.split(" ")[0] for form in INVENTORY["old_forms"] for key in form.get("covered_by", ())}
    assert {key.split(" ")[0] for key in TABLE} - listed - set(BESIDES) == set()


# --- objects, bases and constants -----------------------------------------------------------------------------------

ATTRIBUTES = {
    "population": """all_cells local_cells local_size first_id last_id size label annotations celltype structure
        positions initial_values recorder conductance_based injectable receptor_types position_generator""",
    "view": """all_cells local_cells local_size first_id last_id size label annotations celltype structure
        positions initial_values recorder conductance_based injectable receptor_types position_generator
        parent grandparent mask""",
    "assembly": """all_cells local_cells first_id last_id size label annotations positions conductance_based injectable
        receptor_types position_generator populations""",
    "cell": "celltype is_standard_cell local position parent",
    "projection": "pre post label shape connector synapse_type receptor_type space connections",
    "connection": "weight delay presynaptic_index postsynaptic_index",
    "state": "t dt min_delay max_delay mpi_rank num_processes running segment_counter",
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_attributes_of_an_object(backend: str, kind: str) -> None:
    sim = importlib.import_module(f"pyNN.{backend}")
    sim.setup()
    cells = sim.Population(3, sim.IF_cond_exp(), label="cells")
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.1, delay=1.0))
    objects = {
        "population": cells,
        "view": cells[:2],
        "assembly": sim.Assembly(cells),
        "cell": cells[0],
        "projection": projection,
        "connection": projection[0],
        "state": sim.state,
    }
    for name in ATTRIBUTES[kind].split():
        getattr(objects[kind], name)  # an AttributeError names what is missing


def test_attributes_of_a_synapse_type() -> None:
    from pyNN.standardmodels.synapses import StaticSynapse

    assert (StaticSynapse.connection_type, StaticSynapse.has_presynaptic_components) == (None, False)
    assert (StaticSynapse.weight_variable, StaticSynapse.delay_variable) == ("weight", "delay")


SUBCLASSES = {
    "StandardCellType": ("StandardModelType", "BaseCellType"),
    "StandardCellTypeComponent": ("StandardModelType", "BaseCellTypeComponent"),
    "StandardPostSynapticResponse": ("StandardModelType", "BasePostSynapticResponse"),
    "StandardSynapseType": ("StandardModelType", "BaseSynapseType"),
    "StandardCurrentSource": ("StandardModelType", "BaseCurrentSource"),
    "StandardIonChannelModel": ("StandardModelType", "BaseIonChannelModel"),
    "STDPWeightDependence": ("StandardModelType",),
    "STDPTimingDependence": ("StandardModelType",),
    "StandardModelType": ("BaseModelType",),
}


@pytest.mark.parametrize("name", SUBCLASSES)
def test_bases_of_a_class_of_models(name: str) -> None:
    base = importlib.import_module("pyNN.standardmodels.base")
    assert {c.__name__ for c in getattr(base, name).__mro__} >= set(SUBCLASSES[name])


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InvalidDimensionsError", ValueError),
        ("InvalidParameterValueError", ValueError),
        ("InvalidWeightError", ValueError),
        ("NonExistentParameterError", KeyError),
        ("NothingToWriteError", OSError),
        ("RoundingWarning", Warning),
    ],
)
def test_an_exception_is_caught_as_the_builtin_that_pynn_derives_it_from(name: str, builtin: type) -> None:
    assert issubclass(getattr(importlib.import_module("pyNN.errors"), name), builtin)




DISTRIBUTIONS = {
    "binomial": ("n", "p"),
    "gamma": ("k", "theta"),
    "exponential": ("beta",),
    "lognormal": ("mu", "sigma"),
    "normal": ("mu", "sigma"),
    "normal_clipped": ("mu", "sigma", "low", "high"),
    "normal_clipped_to_boundary": ("mu", "sigma", "low", "high"),
    "poisson": ("lambda_",),
    "uniform": ("low", "high"),
    "uniform_int": ("low", "high"),
    "vonmises": ("mu", "kappa"),
}

def test_the_distributions_and_their_parameters() -> None:
    from pyNN.random import available_distributions

    assert {name: tuple(parameters) for name, parameters in available_distributions.items()} == DISTRIBUTIONS


def test_how_values_of_parallel_connections_are_combined() -> None:
    from pyNN.projections import Projection

    assert set(Projection.MULTI_SYNAPSE_OPERATIONS) == {"last", "first", "sum", "min", "max"}
