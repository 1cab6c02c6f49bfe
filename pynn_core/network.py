"""A network as one object: populations, views, assemblies and projections that are handled together.

The inert description that a backend builds is pyNN.specs.NetworkSpec; this is the script's own collection of objects.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from pyNN.errors import InvalidModelError, InvalidParameterValueError, RecordingError
from pyNN.populations import Assembly, BasePopulation, Population, PopulationView
from pyNN.projections import Projection
from pyNN.recording import write_blocks

__all__ = ["Assembly", "Network", "Population", "PopulationView", "Projection"]

Component = BasePopulation | Projection


class Network:
    """Components of a simulation that are recorded, read and exported together.

    ``Network(exc, inh, exc_inh)`` holds these components and the populations that they consist of: those of an
    assembly, the one that a view looks at, those that a projection connects. Raises InvalidModelError for anything else
    and InvalidParameterValueError for components of different simulations.
    """

    def __init__(self, *components: Component) -> None:
        # Dictionaries keep the order in which components were added, which decides the order of data and of files.
        self._populations: dict[Population, None] = {}
        self._views: dict[PopulationView, None] = {}
        self._assemblies: dict[Assembly, None] = {}
        self._projections: dict[Projection, None] = {}
        self.add(*components)

    @property
    def populations(self) -> frozenset[Population]:
        """The populations."""
        return frozenset(self._populations)

    @property
    def views(self) -> frozenset[PopulationView]:
        """The views that were added; two views of the same cells are one."""
        return frozenset(self._views)

    @property
    def assemblies(self) -> frozenset[Assembly]:
        """The assemblies that were added."""
        return frozenset(self._assemblies)

    @property
    def projections(self) -> frozenset[Projection]:
        """The projections."""
        return frozenset(self._projections)

    def add(self, *components: Component) -> None:
        """Add populations, views, assemblies or projections; nothing is added if one of them is wrong."""
        for component in components:
            if not isinstance(component, (Population, PopulationView, Assembly, Projection)):
                raise InvalidModelError(
                    "A network holds populations, views, assemblies and projections, not "
                    f"{component!r}. Give them one by one: Network(*list)."
                )
        self._check_same_simulation(components)
        for component in components:
            self._add_one(component)

    def _add_one(self, component: Component) -> None:
        if isinstance(component, Projection):
            self._projections.setdefault(component)
            for group in (component.pre, component.post):
                self._populations.update(dict.fromkeys(group._roots()))
            return
        self._populations.update(dict.fromkeys(component._roots()))
        if isinstance(component, PopulationView):
            self._views.setdefault(component)
        elif isinstance(component, Assembly):
            self._assemblies.setdefault(component)
            for element in component.populations:
                if isinstance(element, PopulationView):
                    self._views.setdefault(element)

    def _check_same_simulation(self, components: tuple[Component, ...]) -> None:
        owners = {id(population._owner) for population in self._populations}
        for component in components:
            groups = (component.pre, component.post) if isinstance(component, Projection) else (component,)
            owners |= {id(population._owner) for group in groups for population in group._roots()}
        if len(owners) > 1:
            raise InvalidParameterValueError(
                "The components of a network belong to one simulation; these are of several, made before and after a "
                "setup() or on different backends."
            )

    @property
    def _components(self) -> list[Any]:
        return [*self._populations, *self._views, *self._assemblies, *self._projections]

    def get_component(self, label: str) -> Any:
        """The population, view, assembly or projection with this label; None if there is none."""
        return next((component for component in self._components if component.label == label), None)

    def filter(self, cell_types: Any = None) -> Assembly:
        """An assembly of the populations of these cell types (a class or a list of classes; None: of all types)."""
        if cell_types is None:
            return self._assembly_of(list(self._populations))
        wanted = tuple(cell_types) if isinstance(cell_types, (list, tuple, set, frozenset)) else (cell_types,)
        for cell_type in wanted:
            if not isinstance(cell_type, type):
                raise InvalidModelError(
                    f"cell_types takes classes of cells such as [sim.IF_cond_exp], not {cell_type!r}."
                )
        return self._assembly_of([p for p in self._populations if isinstance(p.celltype, wanted)])

    def _assembly_of(self, populations: list[Population]) -> Assembly:
        # The class of the backend's module, so that also an empty assembly knows its simulation.
        script = next((population._script for population in self._populations), None)
        return Assembly(*populations) if script is None else script.Assembly(*populations)

    @property
    def sim(self) -> Any:
        """The backend's module, as ``import pyNN.<backend> as sim`` gives it; None for a network without components."""
        if not self._populations:
            return None
        return importlib.import_module(f"pyNN.{next(iter(self._populations))._owner.backend.name}")

    def record(
        self,
        variables: Any,
        to_file: Any = None,
        sampling_interval: float | None = None,
        include_spike_source: bool = True,
    ) -> None:
        """Record variables (a name or a list) from every population that has them.

        `include_spike_source=False` leaves out the spike sources. `variables` may also be a dictionary of such lists by
        the label of a population, view or assembly. None stops all recording. Raises RecordingError, before anything is
        recorded, for a variable that no population has; see Population.record for the rest.
        """
        if isinstance(variables, Mapping):
            self._record_by_label(variables, to_file, sampling_interval)
            return
        chosen = [p for p in self._populations if include_spike_source or not p.definition.source]
        if variables is None:
            for population in chosen:
                population.record(None)
            return
        names = [variables] if isinstance(variables, str) else list(variables)
        for name in names:
            if not any(population.can_record(name) for population in chosen):
                raise self._unrecordable(name, chosen)
        for population in chosen:
            own = [name for name in names if population.can_record(name)]
            if own:
                population.record(own, to_file, sampling_interval)

    def _record_by_label(self, variables: Mapping[str, Any], to_file: Any, sampling_interval: float | None) -> None:
        groups = {label: self.get_component(label) for label in variables}
        for label, group in groups.items():
            if not isinstance(group, BasePopulation):
                labels = ", ".join(c.label for c in self._components if isinstance(c, BasePopulation))
                raise InvalidParameterValueError(
                    f"The network has no population, view or assembly '{label}' to record. It has: {labels or 'none'}."
                )
        for label, group in groups.items():
            group.record(variables[label], to_file, sampling_interval)

    def get_data(
        self, variables: Any = "all", gather: bool = True, clear: bool = False,
        annotations: Mapping[str, Any] | None = None,
    ) -> list[Any]:
        """What has been recorded: one neo.Block for each assembly, then one for each population that is in none.

        A name in `variables` that a population cannot record is left out there; RecordingError if none can.
        """
        blocks = [
            group.get_data(self._of(group, variables), gather, annotations=annotations) for group in self._groups()
        ]
        if clear:
            self._clear()
        return blocks

    def write_data(
        self, io: Any, variables: Any = "all", gather: bool = True, clear: bool = False,
        annotations: Mapping[str, Any] | None = None,
    ) -> None:
        """Write what get_data() gives, to a file that holds several blocks (.nix, .h5, .nwb) or with a Neo IO object.

        Raises NothingToWriteError, and leaves the file as it is, if nothing was recorded.
        """
        if not self._populations:
            raise InvalidParameterValueError("This network has no populations, so there are no data to write.")
        blocks = self.get_data(variables, gather, annotations=annotations)
        write_blocks(blocks, io, next(iter(self._populations))._owner.comm, gather)
        # Data are cleared only after they are safely in the file.
        if clear:
            self._clear()

    def _clear(self) -> None:
        for population in self._populations:
            population.recorder.clear()

    def _groups(self) -> list[Any]:
        """The assemblies, and the populations that are in none."""
        covered = {root for assembly in self._assemblies for root in assembly.populations}
        return [*self._assemblies, *(p for p in self._populations if p not in covered)]

    def _of(self, group: Any, variables: Any) -> Any:
        """Of the variables asked for those that cells of the group can have."""
        if variables is None or (isinstance(variables, str) and variables == "all"):
            return variables
        names = [variables] if isinstance(variables, str) else list(variables)
        for name in names:
            if not any(p.can_record(name) for p in self._populations):
                raise self._unrecordable(name, list(self._populations))
        return [name for name in names if any(p.can_record(name) for p in group._roots())]

    @staticmethod
    def _unrecordable(name: str, populations: list[Population]) -> RecordingError:
        possible = sorted({variable for p in populations for variable in p.celltype.recordable})
        return RecordingError(name, "any population of this network", possible)

    def count_neurons(self) -> int:
        """Number of cells, each counted once."""
        return sum(population.size for population in self._populations)

    def count_connections(self) -> int:
        """Number of connections."""
        return sum(projection.size() for projection in self._projections)

    def __repr__(self) -> str:
        return (
            f"Network({len(self._populations)} populations, {len(self._views)} views, "
            f"{len(self._assemblies)} assemblies, {len(self._projections)} projections)"
        )
