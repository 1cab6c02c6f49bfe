"""The functions of a backend's module that understand PyNN 0.6 besides PyNN 0.13."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyNN import scripting
from pyNN.backend import Backend
from pyNN.compat import dialect
from pyNN.compat.attach import attach
from pyNN.compat.populations import Assembly, Population, PopulationView, old_settings
from pyNN.compat.projections import Projection
from pyNN.compat.table import deprecated, shown_as
from pyNN.compat.textfiles import VARIABLES, Recorded
from pyNN.errors import InvalidParameterValueError
from pyNN.populations import BasePopulation, IDMixin, cells_of
from pyNN.recording.output import TEXT_EXTENSIONS
from pyNN.simulation import DEFAULT_MAX_DELAY, DEFAULT_MIN_DELAY

_WITHOUT_EFFECT = ("debug", "quit_on_end", "logfile")
_CONNECT = {"source": "pre", "target": "post", "synapse_type": "receptor_type"}


class Script(scripting.Script):
    """The functions and classes of one backend's module; both APIs."""

    def __init__(self, backend: Backend) -> None:
        attach()
        super().__init__(backend)
        self.Population = scripting._bound(Population, self)
        self.PopulationView = scripting._bound(PopulationView, self)
        self.Assembly = scripting._bound(Assembly, self)
        self.Projection = scripting._bound(Projection, self)
        self._text_files: dict[tuple[str, str], list[BasePopulation]] = {}

    # --- the run -----------------------------------------------------------------------------------------------------

    def setup_options(self, timestep: Any, min_delay: Any, max_delay: Any, extra: dict[str, Any]) -> dict[str, Any]:
        dialect.declare(extra.pop("api", None))
        self._text_files = {}
        for name in _WITHOUT_EFFECT:
            if name in extra and name not in self.backend.capabilities.options:
                deprecated("sim.setup", name=name)
                del extra[name]
        if dialect.is_old():
            if min_delay == DEFAULT_MIN_DELAY:
                min_delay = max(0.1, float(timestep))
            if max_delay == DEFAULT_MAX_DELAY:
                max_delay = max(10.0, float(min_delay))
        return {"timestep": timestep, "min_delay": min_delay, "max_delay": max_delay, **extra}

    def end(self, compatible_output: bool = True) -> None:
        """Write the files that record() asked for. Recorded data stay available until the next setup()."""
        while self._text_files:
            (file, variable), groups = next(iter(self._text_files.items()))
            Recorded(groups, variable).write(file, compatible_output)
            del self._text_files[file, variable]
        super().end()

    @shown_as(scripting.Script.reset)
    def reset(self, annotations: Mapping[str, Any] | None = None) -> None:
        super().reset(annotations)
        if dialect.is_old():
            for population in self.simulation.populations:
                population.recorder.forget_earlier()

    def list_standard_models(self) -> list[Any]:
        """The standard cell types that this backend has: their names, in the dialect 0.6 the classes."""
        names = super().list_standard_models()
        if not dialect.is_old():
            return names
        from pyNN.standardmodels import cells

        deprecated("sim.list_standard_models")
        return [getattr(cells, name) for name in names]

    # --- the procedural API ------------------------------------------------------------------------------------------

    def create(self, cellclass: Any, cellparams: Mapping[str, Any] | None = None, n: int = 1) -> Any:
        """A population of n cells; in the dialect 0.6 the cell's id, or a list of ids."""
        population = self.Population(n, cellclass, cellparams)
        if not dialect.is_old():
            return population
        deprecated("sim.create", cls=type(population.celltype).__name__)
        return population[0] if n == 1 else list(population.all())

    @shown_as(scripting.Script.connect)
    def connect(self, *arguments: Any, **named: Any) -> Any:
        for old, modern in _CONNECT.items():
            if old in named:
                deprecated("sim.connect", name=old, value=modern)
                named[modern] = named.pop(old)
        names = ("pre", "post", "weight", "delay", "receptor_type", "p", "rng")
        given = {**dict(zip(names, arguments, strict=False)), **named}
        if len(arguments) <= len(names) and given.get("weight", 0.0) is None:
            return super().connect(**{**given, "weight": 0.0})
        return super().connect(*arguments, **named)

    @shown_as(scripting.Script.set)
    def set(self, cells: Any, *arguments: Any, **parameters: Any) -> None:
        groups: list[Any] = list(cells_of(cells))
        known = {name for group in groups for root in group._roots() for name in root.definition.parameters}
        old = bool(arguments) or ("param" in parameters and "param" not in known)
        given = old_settings(arguments, parameters) if old else parameters
        for name, value in given.items() if old else ():
            deprecated("sim.set", name=name, value=value)
        for group in groups:
            group.set_values(given, old)

    @shown_as(scripting.Script.record)
    def record(self, *arguments: Any, **named: Any) -> None:
        first = arguments[0] if arguments else named.get("variables")
        if isinstance(first, (BasePopulation, IDMixin)) or _holds_cells(first) or (not arguments and first is None):
            call = {**dict(zip(("source", "filename"), arguments, strict=False)), **named}
            if "source" not in call:
                raise InvalidParameterValueError("record() needs the cells: record('spikes', cells, 'name.pkl').")
            self._record("spikes", **call)
            return
        super().record(*arguments, **named)

    def record_v(self, source: Any, filename: Any = None) -> None:
        """Record the membrane potential; end() writes it to `filename`, as text if that ends in .txt or .v."""
        self._record("v", source, filename)

    def record_gsyn(self, source: Any, filename: Any = None) -> None:
        """Record the conductances; end() writes them to `filename`, as text if that ends in .txt or .gsyn."""
        self._record("gsyn", source, filename)

    def _record(self, variable: str, source: Any, filename: Any = None) -> None:
        key = {"spikes": "sim.record", "v": "sim.record_v", "gsyn": "sim.record_gsyn"}[variable]
        deprecated(key, name=str(filename))
        names = list(VARIABLES[variable])
        if isinstance(filename, str) and (dialect.is_old() or filename.lower().endswith(TEXT_EXTENSIONS)):
            groups = cells_of(source)
            for group in groups:
                group.record(names)
            self._text_files.setdefault((filename, variable), []).extend(groups)
        else:
            scripting.Script.record(self, names, source, filename)


def _holds_cells(thing: Any) -> bool:
    """Whether it is a list of cells, rather than one of names."""
    if isinstance(thing, (str, Mapping)) or not hasattr(thing, "__iter__"):
        return False
    return any(isinstance(item, (BasePopulation, IDMixin)) for item in thing)
