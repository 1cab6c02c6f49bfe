"""Cell types that NEST gets through NESTML: their tables, and the modules that are loaded.

NEST takes a module only while it has no nodes, and forgets all of them at ResetKernel. So a module is loaded where it
is first needed, and those that were are loaded again at the beginning of each session.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.compilation import cache as files
from pyNN.equations import kernels, propagators, store
from pyNN.equations.analysis import public
from pyNN.errors import CapabilityError, MissingPackageError, NoModelAvailableError, SimulatorError
from pyNN.models import Definition
from pyNN.nest import nestml_build, nestml_text, versions
from pyNN.nest.nestml_text import Export
from pyNN.translation import NativeReceptor, NativeState, Translation, Values

_wanted: dict[str, Path] = {}
"""Modules of this process by one of their models, in the order in which they were needed first."""


@dataclass(frozen=True)
class EquationTable(Translation):
    """The translation of a cell type into the model that was made of its equations.

    The native parameters are the coefficients of the kernels: propagators over a time step, and what depends on
    parameters only.
    """

    export: Export | None = field(default=None, compare=False)

    def native_parameters(
        self, definition: Definition, values: Values, changed: Iterable[str] | None = None
    ) -> dict[str, Any]:
        """The coefficients for standard `values`; all of them, whatever has changed."""
        export = self._exported
        if changed is not None and not set(changed) & set(definition.parameters):
            return {}
        size = max((len(value) for value in values.values() if np.ndim(value)), default=1)
        every = self._every
        dt = float(versions.load_nest().resolution) * every
        given = {n: np.asarray(value, dtype=float) if np.ndim(value) else float(value) for n, value in values.items()}
        computed = propagators.coefficients(export.program, _kernel(export), given, size, dt, every=every)
        found = dict(zip(export.program.coefficients, computed, strict=True))
        return {native: found[name] for name, native in export.coefficients.items()}

    def initial_states(self, parameters: Values, states: Mapping[str, Any], size: int, now: int) -> dict[str, Any]:
        """Native values, at the step `now`, of what no script gives a value: derived states, counters."""
        export = self._exported
        analysis = export.program.analysis
        found: dict[str, Any] = {}
        if export.step:
            found[export.step] = float(now)
        if export.index:
            found[export.index] = np.arange(size, dtype=float)
        if analysis.derived:
            table = np.zeros((len(analysis.states), size))
            for row, name in enumerate(analysis.states):
                table[row] = states.get(public(name), analysis.hidden.get(name, 0.0))
            given = {name: np.asarray(value, dtype=float) for name, value in parameters.items()}
            _kernel(export).derive(table, given, float(versions.load_nest().resolution) * self._every)
            found.update({export.states[public(n)]: table[analysis.states.index(n)] for n, _ in analysis.derived})
        return found

    @property
    def _every(self) -> int:
        """Time steps between updates."""
        interval = self._exported.definition.update_interval
        return max(round(interval / float(versions.load_nest().resolution)), 1)

    @property
    def _exported(self) -> Export:
        if self.export is None:
            raise CapabilityError(f"{self.name} has no model made of its equations.")
        return self.export


def _kernel(export: Export) -> Any:
    """The generated module that computes coefficients."""
    return _kernel_of(kernels.numpy_source(export.program), export.model)


@cache
def _kernel_of(source: str, name: str) -> Any:
    return store.module(f"nestml_{name}", lambda: source, files.digest(source))


def has_equations(model: Definition) -> bool:
    """Whether it makes sense to ask for a table."""
    return bool(model.equations) and not model.source


def table(model: Definition) -> EquationTable:
    """The table of a cell type that is given by equations, whose module NEST has loaded when this returns.

    Raises NoModelAvailableError that names what is missing on this machine, CapabilityError for what NESTML cannot
    express and for a module that comes too late.
    """
    export, native = _compiled(model)
    load(native)
    receptors = tuple(
        NativeReceptor(name, receptor.unit, port=number + 1 if len(model.receptors) > 1 else 0)
        for number, (name, receptor) in enumerate(model.receptors.items())
    )
    fixed = {public(name) for name, _ in export.program.analysis.derived}
    states = [
        NativeState(
            name, export.states[name], s.unit, settable=s.settable and name not in fixed, recordable=s.recordable
        )
        for name, s in model.states.items()
    ]
    events = [name for name in model.events if name in model.units and name not in model.states]
    states += [NativeState(name, export.states[name], "", settable=False) for name in events]
    return EquationTable(
        model.name, native, states=tuple(states), receptors=receptors, current=export.current, export=export
    )


_compiled_models: dict[str, tuple[Export, str]] = {}


def _compiled(model: Definition) -> tuple[Export, str]:
    identity = store.key(model) + repr([(name, s.initial) for name, s in model.states.items()]) + repr(model.injectable)
    if identity not in _compiled_models:
        if any(parameter.is_array for parameter in model.parameters.values()):
            raise CapabilityError(
                f"{model.name} cannot run on NEST: it has parameters that are arrays ("
                f"{', '.join(n for n, p in model.parameters.items() if p.is_array)}), and a compiled model has a fixed "
                "number of variables. Give each element a parameter of its own, or use the backend 'reference'."
            )
        export = nestml_text.export(model)
        what = f"the cell type {model.name}"
        try:
            module = nestml_build.build(what, export.text)
        except MissingPackageError as error:
            raise NoModelAvailableError(
                f"NEST has no cell type {model.name} of its own; it can have one made of the equations. {error}"
            ) from error
        native = module.models[0]
        _wanted[native] = module.path
        _compiled_models[identity] = (export, native)
    return _compiled_models[identity]


def register(models: Iterable[str], path: Path) -> None:
    """Have a module loaded now if NEST can, and in every session that follows."""
    for model in models:
        _wanted[model] = path
        load(model)


def load(model: str) -> None:
    """Make NEST know a compiled model; CapabilityError if it is too late in this session."""
    nest = versions.load_nest()
    if model in nest.node_models or model in nest.synapse_models:
        return
    if nest.network_size:
        raise CapabilityError(
            f"NEST can only load the compiled model {_plain(model)} while it has no cells yet, and some have been "
            "built. Create a population of every cell type that has equations before the first run(), or call setup() "
            "again: what this process has compiled is there from the beginning then."
        )
    _install(nest, _wanted[model])


def load_again() -> None:
    """All modules of this process, after ResetKernel."""
    if not _wanted:
        return
    nest = versions.load_nest()
    for path in dict.fromkeys(_wanted.values()):
        _install(nest, path)


def _install(nest: Any, path: Path) -> None:
    verbosity = nest.verbosity
    nest.verbosity = nest.VerbosityLevel.ERROR
    try:
        nest.Install(str(path))
    except nest.NESTError as error:
        raise SimulatorError(
            f"NEST cannot load {path}, which was compiled for it ({error}). Remove this file to have it compiled again."
        ) from error
    finally:
        nest.verbosity = verbosity


def _plain(model: str) -> str:
    """The name without what keeps models apart."""
    return re.sub(r"(_[0-9a-f]{10})+$", "", model).removeprefix("pynn_")
