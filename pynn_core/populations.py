"""Populations, views and assemblies: groups of cells, as index arrays over one description."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pyNN import descriptions
from pyNN.core import user_stacklevel
from pyNN.errors import (
    CapabilityError,
    ConnectionError,
    InvalidDimensionsError,
    InvalidModelError,
    InvalidParameterValueError,
    NonExistentParameterError,
    NotLocalError,
    PastSpikesWarning,
    PyNNError,
    UnitsError,
)
from pyNN.lowering import (
    check_computed,
    check_shared,
    checked_copy,
    is_computed,
    lower_parameters,
    lower_state,
    put,
    take,
    to_user,
)
from pyNN.models import (
    BaseCellType,
    BaseCurrentSource,
    Definition,
    check_parameter_names,
    check_state_names,
    instantiate,
)
from pyNN.parameters import LazyArray, simplify_parameter_array
from pyNN.random import NumpyRNG
from pyNN.random.streams import derive_key, uniforms
from pyNN.recording import AssemblyPart, Recorder, assembly_block, write_block
from pyNN.recording.recorder import refuse_locations
from pyNN.recording.stream_layout import is_streamed
from pyNN.space import BaseStructure, Grid2D, Grid3D, Line
from pyNN.specs import FloatArray, IntArray, PopulationSpec, Ragged
from pyNN.spike_sources import check_source, lost_times

if TYPE_CHECKING:
    from pyNN.simulation import Simulation


class CellIndexError(PyNNError, IndexError):
    """An index beyond the cells that there are."""


class UnknownLabelError(PyNNError, KeyError):
    """A label that no part of an assembly has."""

    def __str__(self) -> str:
        return str(self.args[0])


class IDMixin:
    """What a single cell can do. Its parameters are attributes: ``p[3].tau_m = 10.0``."""

    parent: Population

    @property
    def _index(self) -> int:
        return int(self) - self.parent.first_id  # type: ignore[call-overload]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "parent":
            raise AttributeError(name)
        if name == "set":
            raise AttributeError(
                "A single cell has no set(). Assign to the parameter, as in population[0].tau_m = 20.0, or call "
                "set_parameters(tau_m=20.0), or set() of a view: population[0:1].set(tau_m=20.0)."
            )
        return self.as_view().get(name, simplify=True)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("parent", "position"):
            object.__setattr__(self, name, value)
        else:
            self.set_parameters(**{name: value})

    def set_parameters(self, **parameters: Any) -> None:
        """Set parameters of this cell; raises NonExistentParameterError for a name that its type does not have."""
        self.as_view().set(**parameters)

    def get_parameters(self) -> dict[str, Any]:
        """All parameters of this cell by name."""
        view = self.as_view()
        return {name: view.get(name, simplify=True) for name in self.celltype.get_parameter_names()}

    @property
    def celltype(self) -> BaseCellType:
        return self.parent.celltype

    @property
    def is_standard_cell(self) -> bool:
        from pyNN.standardmodels.base import StandardCellType

        return isinstance(self.celltype, StandardCellType)

    @property
    def local(self) -> bool:
        """Whether this cell lives on this MPI rank."""
        return bool(self.parent._mask_local[self._index])

    @property
    def position(self) -> FloatArray:
        """x, y, z."""
        return self.parent.positions[:, self._index].copy()

    @position.setter
    def position(self, position: Any) -> None:
        self.parent._set_position(self._index, position)

    def get_initial_value(self, variable: str) -> float:
        """The value that a state variable has at t = 0."""
        check_state_names([variable], self.parent.definition.name, self.parent.definition)
        return float(np.asarray(self.as_view().initial_values[variable].evaluate(simplify=False))[0])

    def set_initial_value(self, variable: str, value: float) -> None:
        """Set the value that a state variable has at t = 0, and has now."""
        self.as_view().initialize(**{variable: value})

    def inject(self, current_source: Any, location: Any = None) -> None:
        """Inject a current into this cell."""
        if location is not None:
            raise InvalidParameterValueError(f"location={location!r}: this cell is a point and has no locations.")
        self.as_view().inject(current_source)

    def as_view(self) -> PopulationView:
        """A view that holds only this cell."""
        return self.parent[[self._index]]

    def __reduce__(self) -> Any:
        return (int, (int(self),))  # type: ignore[call-overload]


class ID(IDMixin, int):
    """Global number of a cell, with access to its parameters."""

    def __new__(cls, number: int, parent: Population) -> ID:
        self = int.__new__(cls, number)
        object.__setattr__(self, "parent", parent)
        return self


class CellIDs(np.ndarray):
    """An array of cell ids; one element is an ID object, made when it is asked for."""

    _owner: Any

    @classmethod
    def make(cls, ids: IntArray, owner: Any) -> CellIDs:
        self = np.asarray(ids).view(cls)
        self._owner = owner
        return self

    def __array_finalize__(self, obj: Any) -> None:
        # Only what is selected from ids is ids; a sum or an order of them is numbers.
        self._owner = None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [x.view(np.ndarray) if isinstance(x, CellIDs) else x for x in inputs]
        if "out" in kwargs:
            kwargs["out"] = tuple(x.view(np.ndarray) if isinstance(x, CellIDs) else x for x in kwargs["out"])
        return getattr(ufunc, method)(*plain, **kwargs)

    def __getitem__(self, index: Any) -> Any:
        result = super().__getitem__(index)
        if isinstance(result, CellIDs):
            result._owner = self._owner
        return self._owner(int(result)) if isinstance(result, np.integer) and self._owner is not None else result

    def copy(self, order: Any = "C") -> CellIDs:
        return CellIDs.make(np.array(self, order=order), self._owner)

    def __iter__(self) -> Iterator[Any]:
        return (self._owner(int(i)) if self._owner is not None else i for i in self.view(np.ndarray))


Part = tuple["Population", IntArray, IntArray]
"""A population, indices in it, and their positions in the group they are a part of."""


class BasePopulation:
    """What populations, views and assemblies share: a group of cells in an order."""

    label: str
    annotations: dict[str, Any]

    # --- the cells ---------------------------------------------------------------------------------------------

    def _parts(self) -> list[Part]:
        raise NotImplementedError

    @property
    def _simulation(self) -> Simulation:
        raise NotImplementedError

    def _id(self, number: int) -> ID:
        for population in self._roots():
            if population.first_id <= number < population.first_id + population.size:
                return ID(number, population)
        raise CellIndexError(f"There is no cell with id {number} in '{self.label}'.")

    def _roots(self) -> list[Population]:
        return list({id(population): population for population, _, _ in self._parts()}.values())

    @property
    def ids(self) -> IntArray:
        """Global ids of the cells as plain integers, shape (size,)."""
        result = np.empty(self.size, dtype=np.int64)
        for population, indices, positions in self._parts():
            result[positions] = population.first_id + indices
        return result

    @property
    def size(self) -> int:
        """Number of cells, on all MPI ranks together."""
        raise NotImplementedError

    @property
    def all_cells(self) -> CellIDs:
        """Ids of all cells."""
        return CellIDs.make(self.ids, self._id)

    @property
    def local_cells(self) -> CellIDs:
        """Ids of the cells of this MPI rank."""
        return CellIDs.make(self.ids[self._mask_local], self._id)

    @property
    def _mask_local(self) -> NDArray[np.bool_]:
        mask = np.ones(self.size, dtype=bool)
        for population, indices, positions in self._parts():
            if population._owner.comm.size > 1:
                mask[positions] = population._is_local_cell[indices]
        return mask

    @property
    def local_size(self) -> int:
        return int(self._mask_local.sum())

    @property
    def first_id(self) -> int:
        return int(self.ids.min())

    @property
    def last_id(self) -> int:
        return int(self.ids.max())

    def all(self) -> Iterator[ID]:
        """Iterate over the cells of all ranks."""
        return iter(self.all_cells)

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[ID]:
        return iter(self.local_cells)

    def __bool__(self) -> bool:
        return True

    def is_local(self, id: int) -> bool:
        """Whether the cell with this id lives on this rank; CellIndexError if it is not one of these cells."""
        return bool(self._mask_local[self.id_to_index(id)])

    def id_to_index(self, id: Any) -> Any:
        """Position in this group of a cell, or of each of several, given by id."""
        wanted = np.atleast_1d(np.asarray(id, dtype=np.int64))
        ids = self.ids
        order = np.argsort(ids, kind="stable")
        where = np.searchsorted(ids, wanted, sorter=order)
        found = order[np.minimum(where, max(self.size - 1, 0))] if self.size else np.zeros(wanted.shape, dtype=int)
        if not self.size or not (ids[found] == wanted).all():
            missing = wanted if not self.size else wanted[ids[found] != wanted]
            raise CellIndexError(f"There is no cell with id {int(missing[0])} in '{self.label}' ({self._id_range()}).")
        return int(found[0]) if np.ndim(id) == 0 else found

    def _id_range(self) -> str:
        return f"ids {self.first_id} to {self.last_id}" if self.size else "it is empty"

    def _selected(self, index: Any) -> IntArray:
        """Ascending positions that a slice, mask or list selects."""
        if isinstance(index, slice):
            return np.arange(self.size)[index] if (index.step or 1) > 0 else np.sort(np.arange(self.size)[index])
        chosen = np.asarray(list(index) if isinstance(index, (tuple, set, range)) else index)
        if chosen.dtype == bool:
            if chosen.shape != (self.size,):
                raise InvalidDimensionsError(
                    f"A mask for '{self.label}' needs {self.size} values, one a cell; {chosen.shape} were given."
                )
            return np.flatnonzero(chosen)
        if chosen.size == 0:
            return np.empty(0, dtype=np.int64)
        if chosen.dtype.kind not in "iu" or chosen.ndim != 1:
            raise InvalidParameterValueError(
                f"Cells are selected by an integer, a slice, a list of integers or a mask, not {index!r}."
            )
        wrong = chosen[(chosen < -self.size) | (chosen >= self.size)]
        if wrong.size:
            raise self._out_of_range(int(wrong[0]))
        return np.unique(np.where(chosen < 0, chosen + self.size, chosen))

    def _cell(self, index: Any) -> ID:
        position = int(index)
        if not -self.size <= position < self.size:
            raise self._out_of_range(position)
        return self._id(int(self.ids[position]))

    def _out_of_range(self, index: int) -> CellIndexError:
        possible = f"possible are 0 to {self.size - 1}" if self.size else "none is possible"
        return CellIndexError(f"Index {index} is out of range: '{self.label}' has {self.size} cells, {possible}.")

    # --- parameters and state ----------------------------------------------------------------------------------

    def get(self, parameter_names: Any, gather: bool = False, simplify: bool = True) -> Any:
        """Values of a parameter, or of each of a list of parameters.

        Each is one number where all cells have the same (unless `simplify` is False), otherwise an array of shape
        (size,); array-valued parameters give Sequence objects. Raises NonExistentParameterError.
        """
        if isinstance(parameter_names, str):
            return self._get(parameter_names, simplify)
        return [self._get(name, simplify) for name in parameter_names]

    def _get(self, name: str, simplify: bool) -> Any:
        for population, _, _ in self._parts():
            population._owner.require_open()
            check_parameter_names([name], population.celltype)
        result: Any = np.empty(self.size, dtype=float)
        for population, indices, positions in self._parts():
            values = to_user(take(population._spec.parameters[name], indices))
            if np.asarray(values).dtype.kind == "O":
                result = result.astype(object)
            result[positions] = values
        return simplify_parameter_array(result) if simplify else result

    def set(self, **parameters: Any) -> None:
        """Set parameters; what a running simulation has of them changes from the next time step.

        A value is a number, a list or array of one number a cell, a RandomDistribution, or a function of the index.
        Nothing is changed if any of it is wrong: NonExistentParameterError, InvalidDimensionsError or
        InvalidParameterValueError.
        """
        draw = self._simulation.next_draw()
        seed = self._simulation.settings.rng_seed
        changes = []
        models = {id(population.celltype): population.celltype for population in self._roots()}
        for model in models.values():
            checked = checked_copy(model, parameters, self.size)
            lowered = lower_parameters(checked, parameters, self.size, seed, "set", draw)
            changes += [
                (population, indices, name, take(value, positions))
                for population, indices, positions in self._parts()
                if population.celltype is model
                for name, value in lowered.items()
            ]
        _check_sources(changes)
        for population, indices, name, value in changes:
            population._write(name, indices, value, population._spec.parameters)
        for population in {id(p): p for p, *_ in changes}.values():
            check_shared(population.definition, population._spec.parameters, population.label)

    def initialize(self, **initial_values: Any) -> None:
        """Set the values that state variables have at t = 0; in a simulation that has run, also their present values.

        A value is a number, an array of one number a cell, a RandomDistribution, or a function of the index. Raises
        NonExistentParameterError for a variable that the cells do not have.
        """
        draw = self._simulation.next_draw()
        seed = self._simulation.settings.rng_seed
        changes = []
        for variable, value in initial_values.items():
            for celltype in {p.definition.name: p.celltype for p in self._roots()}.values():
                definition = celltype.definition
                if is_computed(celltype, variable):
                    start = definition.states[variable].starts_at
                    present = {start: self.get(start)} if start else {}
                    check_computed(definition, variable, value, self.size, present, self.label)
                    continue
                lowered = lower_state(definition, variable, value, self.size, seed, draw)
                changes += [
                    (population, indices, variable, take(lowered, positions))
                    for population, indices, positions in self._parts()
                    if population.definition.name == definition.name
                ]
        for population, indices, variable, lowered_value in changes:
            population._write(variable, indices, lowered_value, population._spec.initial_values)

    @property
    def initial_values(self) -> dict[str, LazyArray]:
        """Values of the state variables at t = 0 by name."""
        names: list[str] = []
        for population, _, _ in self._parts():
            names += [n for n, s in population.definition.states.items() if s.settable and n not in names]
        values = {}
        for name in names:
            array = np.full(self.size, np.nan)
            for population, indices, positions in self._parts():
                if name in population._spec.initial_values:
                    array[positions] = take(population._spec.initial_values[name], indices)
            simple = simplify_parameter_array(array)
            values[name] = LazyArray(simple, shape=(self.size,), dtype=float)
        return values

    def inject(self, current_source: Any) -> None:
        """Inject a current into all these cells; TypeError where they cannot take one (spike sources)."""
        if not isinstance(current_source, BaseCurrentSource):
            raise InvalidModelError(
                "A current is injected from an instance such as sim.DCSource(amplitude=0.5), not from "
                f"{current_source!r}."
            )
        if not self.injectable:
            raise InvalidModelError(f"No current can be injected into '{self.label}': spike sources have no membrane.")
        current_source._inject(self._simulation, np.asarray(self.ids))

    # --- properties of the cell type -----------------------------------------------------------------------------

    @property
    def conductance_based(self) -> bool:
        """Whether all cells have conductance-based synapses."""
        return all(p.definition.conductance_based for p in self._roots())

    @property
    def injectable(self) -> bool:
        return all(p.definition.injectable for p in self._roots())

    @property
    def receptor_types(self) -> tuple[str, ...]:
        """Names of the receptors that all these cells have."""
        roots = self._roots()
        common = [set(p.definition.receptors) for p in roots]
        return tuple(name for name in roots[0].definition.receptors if all(name in c for c in common)) if roots else ()

    def can_record(self, variable: str, location: Any = None) -> bool:
        """Whether all cells can have `variable` recorded."""
        return all(p.celltype.can_record(variable, location) for p in self._roots())

    def find_units(self, variable: str) -> str:
        """Unit of a state variable or parameter."""
        units = {p.definition.units.get(variable) for p in self._roots()}
        if variable == "spikes":
            return "ms"
        if None in units or len(units) != 1:
            known = self._roots()[0].definition.units if units else ()
            raise NonExistentParameterError(variable, self.label, known, kind="variable")
        return str(units.pop())

    # --- space ---------------------------------------------------------------------------------------------------

    @property
    def positions(self) -> FloatArray:
        """Positions of the cells, shape (3, size)."""
        result = np.empty((3, self.size))
        for population, indices, positions in self._parts():
            result[:, positions] = population._all_positions()[:, indices]
        return result

    @property
    def position_generator(self) -> Any:
        """A function i -> position of cell i."""
        positions = self.positions
        return lambda i: positions.T[i]

    def nearest(self, position: Any) -> ID:
        """The cell nearest to a point (x, y, z)."""
        point = _point(position).reshape(3, 1)
        if not self.size:
            raise CellIndexError(f"'{self.label}' has no cells, so none is the nearest.")
        return self._cell(int(np.argmin(((self.positions - point) ** 2).sum(axis=0))))

    def save_positions(self, file: Any) -> None:
        """Write a text file (or pyNN.recording.files object) with the columns index x y z."""
        from pyNN.recording.files import StandardTextFile

        target = StandardTextFile(file, mode="w") if isinstance(file, str) else file
        ids = np.arange(self.size, dtype=float)
        target.write(np.vstack([ids, self.positions]).T, {"population": self.label})
        target.close()

    def sample(self, n: int, rng: Any = None) -> PopulationView | Assembly:
        """A view of n cells chosen at random without repetition."""
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 0 <= n <= self.size:
            raise InvalidParameterValueError(f"A sample of '{self.label}' has 0 to {self.size} cells, not {n!r}.")
        if rng is None:
            simulation = self._simulation
            key = derive_key(simulation.settings.rng_seed, "sample", simulation.next_draw())
            order = np.argsort(uniforms(key, np.arange(self.size), 0), kind="stable")
        elif isinstance(rng, NumpyRNG):
            order = np.asarray(rng.permutation(np.arange(self.size)))
        else:
            order = np.argsort(np.asarray(rng.next(self.size)), kind="stable")
        return self[np.sort(order[: int(n)])]

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError

    def __add__(self, other: Any) -> Assembly:
        if not isinstance(other, BasePopulation):
            return NotImplemented
        return _assembly_class(self)(self, other)

    def annotate(self, **annotations: Any) -> None:
        """Attach information, which recorded data carry too."""
        self.annotations.update(annotations)

    def describe(self, template: str | None = None, engine: str = "default") -> Any:
        """A description for people; with ``template=None`` as a dictionary."""
        raise NotImplementedError

    # --- recording -----------------------------------------------------------------------------------------------

    def record(
        self,
        variables: Any,
        to_file: Any = None,
        sampling_interval: float | None = None,
        locations: Any = None,
    ) -> None:
        """Record variables ("spikes", "v" ...: a name or a list) of these cells; None stops all recording.

        `sampling_interval` in ms, a multiple of the time step. `to_file`: a file that end() writes, or whose name ends
        in .h5 or .hdf5 and that grows during the run. Raises RecordingError, which lists what can be recorded.
        """
        for population, indices, _ in self._parts():
            population._owner.require_open()
            population.recorder.record(variables, indices, to_file, sampling_interval, locations)

    def get_data(
        self, variables: Any = "all", gather: bool = True, clear: bool = False, locations: Any = None,
        annotations: Mapping[str, Any] | None = None,
    ) -> Any:
        """What has been recorded from these cells, as a neo.Block with one segment for each run between resets."""
        raise NotImplementedError

    def write_data(
        self, io: Any, variables: Any = "all", gather: bool = True, clear: bool = False,
        annotations: Mapping[str, Any] | None = None, locations: Any = None,
    ) -> None:
        """Write what has been recorded to a file (format by extension: .nix, .h5, .nwb, .pkl, .mat) or a Neo IO."""
        raise NotImplementedError

    def get_spike_counts(self, gather: bool | str = True) -> dict[int, int]:
        """Number of recorded spikes of each cell since the start of the run, by id."""
        counts: dict[int, int] = {}
        for population, indices, _ in self._parts():
            counts.update(population.recorder.spike_counts(indices, gather))
        return counts

    def mean_spike_count(self, gather: bool = True) -> float:
        """Mean number of recorded spikes a cell; the same on every MPI rank, or of the own cells with gather=False."""
        counts = self.get_spike_counts("all" if gather else False)
        return float(sum(counts.values())) / len(counts) if counts else 0.0


def _assembly_class(group: BasePopulation) -> type[Assembly]:
    root = group if isinstance(group, Assembly) else group._roots()[0] if group._roots() else group
    script = getattr(root, "_script", None)
    return script.Assembly if script is not None else Assembly


class _OnePopulation(BasePopulation):
    """Cells of one population: the population itself, or a view of it."""

    _script: ClassVar[Any] = None

    @property
    def _root(self) -> Population:
        raise NotImplementedError

    @property
    def _simulation(self) -> Simulation:
        self._root._owner.require_open()
        return self._root._owner

    @property
    def celltype(self) -> BaseCellType:
        return self._root._celltype

    @property
    def definition(self) -> Definition:
        return self._root._celltype.definition

    @property
    def recorder(self) -> Recorder:
        return self._root._recorder

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (int, np.integer)) and not isinstance(index, (bool, np.bool_)):
            return self._cell(index)
        return _view_class(self)(self, index)

    def get_data(
        self, variables: Any = "all", gather: bool = True, clear: bool = False, locations: Any = None,
        annotations: Mapping[str, Any] | None = None,
    ) -> Any:
        with self._root._owner.phases.times.measure("collect"):
            return self.recorder.get(variables, self._indices_or_none(), gather, clear, annotations, locations)

    def write_data(
        self, io: Any, variables: Any = "all", gather: bool = True, clear: bool = False,
        annotations: Mapping[str, Any] | None = None, locations: Any = None,
    ) -> None:
        with self._root._owner.phases.times.measure("collect"):
            self.recorder.write(io, variables, self._indices_or_none(), gather, clear, annotations, locations)

    def _indices_or_none(self) -> IntArray | None:
        return None if isinstance(self, Population) else self._parts()[0][1] if self._parts() else np.empty(0, int)


def _view_class(group: _OnePopulation) -> type[PopulationView]:
    script = group._root._script
    return script.PopulationView if script is not None else PopulationView


class Population(_OnePopulation):
    """A group of cells of one type.

    `size`: how many, or a tuple of one to three numbers, which puts the cells on a line or a grid of those dimensions.
    `cellclass`: a cell type such as ``sim.IF_cond_exp(tau_m=10.0)``; a class (with `cellparams`, a dictionary) is
    accepted too. `structure`: a pyNN.space structure for the positions. `initial_values`: values of state variables at
    t = 0. `native=True` lets the backend use its own generator for a random spike source.
    """

    def __init__(
        self,
        size: Any,
        cellclass: Any,
        cellparams: Mapping[str, Any] | None = None,
        structure: BaseStructure | None = None,
        initial_values: Mapping[str, Any] | None = None,
        label: str | None = None,
        native: bool | None = None,
    ) -> None:
        began = time.perf_counter()
        simulation: Simulation = self._script.simulation
        count, structure = _size_and_structure(size, structure)
        celltype = instantiate(cellclass, cellparams)
        simulation.require_model(celltype.definition)
        if native:
            _check_native(celltype.definition, simulation)
        if initial_values is not None and not isinstance(initial_values, Mapping):
            raise InvalidParameterValueError(
                f"initial_values must be a dictionary of values by state variable, not {initial_values!r}."
            )
        number = len(simulation.populations)
        self._owner = simulation
        self._celltype = celltype
        self.label = f"population{number}" if label is None else str(label)
        self.annotations = {}
        self._structure = structure
        self._positions: FloatArray | None = None
        seed = simulation.settings.rng_seed
        definition = celltype.definition
        checked = checked_copy(celltype, _given(celltype), count)
        initial: dict[str, Any] = {
            name: state.initial if isinstance(state.initial, int | float)
            else lower_state(definition, name, state.initial, count, seed, "population", number)
            for name, state in definition.states.items()
        }
        computed = {n: value for n, value in (initial_values or {}).items() if is_computed(celltype, n)}
        for variable, value in (initial_values or {}).items():
            if variable not in computed:
                initial[variable] = lower_state(definition, variable, value, count, seed, "population", number)
        self._spec = PopulationSpec(
            id=number,
            label=self.label,
            model=definition,
            size=count,
            first_id=simulation.network.size,
            parameters=lower_parameters(checked, definition.parameters, count, seed, "population", number),
            initial_values=initial,
            native=(simulation.native if native is None else bool(native)) and bool(definition.source),
        )
        for variable, state in definition.states.items():
            if state.settable and state.starts_at and variable not in (initial_values or {}):
                self._spec.initial_values[variable] = self._spec.parameters[state.starts_at]
        check_shared(definition, self._spec.parameters, self.label)
        if definition.source:
            check_source(definition.source, self.label, self._spec.parameters)
        for variable, value in computed.items():
            check_computed(definition, variable, value, count, self._spec.parameters, self.label)
        self._recorder = Recorder(simulation, self)
        simulation.add_population(self, self._spec)
        simulation.phases.times.add(("describe", "populations"), time.perf_counter() - began)

    @property
    def id(self) -> int:
        """Position among the populations of the simulation."""
        return self._spec.id

    @property
    def size(self) -> int:
        return self._spec.size

    @property
    def first_id(self) -> int:
        return self._spec.first_id

    @property
    def last_id(self) -> int:
        return self._spec.first_id + self._spec.size - 1

    @property
    def _root(self) -> Population:
        return self

    def _parts(self) -> list[Part]:
        everything = np.arange(self._spec.size)
        return [(self, everything, everything)]

    @cached_property
    def _is_local_cell(self) -> NDArray[np.bool_]:
        """For each cell whether it is on this MPI rank."""
        mask = np.zeros(self.size, dtype=bool)
        mask[self._owner.local_cells(self._spec)] = True
        return mask

    def id_to_local_index(self, id: Any) -> Any:
        """Position of cells, given by id, among those of this rank."""
        position = np.asarray(self.id_to_index(id))
        if not self._mask_local[position].all():
            raise NotLocalError(f"Cell {id} of '{self.label}' lives on another MPI rank.")
        local = (np.cumsum(self._mask_local) - 1)[position]
        return int(local) if np.ndim(id) == 0 else local

    def _write(self, name: str, indices: IntArray, value: Any, store: dict[str, Any]) -> None:
        """Change the description, and the simulation if it exists already."""
        store[name] = put(store[name], indices, value, self.size)
        # What has not been built yet takes its values from the description.
        session = self._owner.session_to_change
        if session is not None and len(indices):
            session.write_cells(self._spec.id, name, np.asarray(indices, dtype=np.int64), value)

    @property
    def value_names(self) -> list[str]:
        """Names of the parameters and variables that the cells have one number each of."""
        definition = self.definition
        numbers = [n for n in definition.parameters if not isinstance(self._spec.parameters.get(n), Ragged)]
        return [*numbers, *(n for n in definition.states if n not in definition.parameters)]

    def present_values(self, name: str) -> FloatArray:
        """Present values of a parameter or variable in PyNN's unit, shape (size,); collective for variables."""
        spec, owner = self._spec, self._owner
        if name in self.definition.parameters:
            values: Any = spec.parameters[name]
        elif owner.built_session is not None:
            values = owner.read_cells(spec, name)
        else:
            values = spec.initial_values.get(name, self.definition.states[name].initial)
        return np.array(np.broadcast_to(np.asarray(values, dtype=float), (self.size,)))

    # --- links ---------------------------------------------------------------------------------------------------

    def link(self, name: str, source: Population, variable: str | None = None, index: Any = None) -> None:
        """Let a parameter follow a variable or parameter of another population (``variable``, by default of the name).

        From the next step on, the cells have the value that it has at the beginning of each step. `index`: the cell of
        the source for each cell; without it the sizes are equal, or the source has one cell. Raises
        NonExistentParameterError, UnitsError, InvalidDimensionsError, and CapabilityError on several MPI ranks.
        """
        from pyNN.operations import NetworkOperation

        if not isinstance(source, Population):
            raise InvalidModelError(f"The source of a link is a population, not {source!r}.")
        variable = name if variable is None else variable
        followed, chosen = self._linkable(name, source, variable), source._linked_cells(index, self)
        if self._owner.comm.parts > 1:
            raise CapabilityError(
                f"'{self.label}': links between populations are not available on several MPI ranks, which do not know "
                "each other's cells. Run the script in one process."
            )

        def copy() -> None:
            session = self._owner.session_to_change
            values = followed() if session is None else session.read_cells(source._spec.id, variable)
            whole = np.array(np.broadcast_to(np.asarray(values, dtype=float), (source.size,)))[chosen]
            self._write(name, np.arange(self.size), np.array(np.broadcast_to(whole, (self.size,))),
                        self._spec.parameters)

        operation = NetworkOperation(copy, None, None, "before_start", 0, f"{self.label}.{name} (linked)")
        self._owner.schedule.add(operation, self._owner.dt)

    def _linkable(self, name: str, source: Population, variable: str) -> Any:
        """What gives the source's value before anything is built, once it is known that the units agree."""
        check_parameter_names([name], self.celltype)
        known = source.definition.units
        if variable not in known:
            raise NonExistentParameterError(variable, source.definition.name, list(known))
        own, other = self.definition.units[name], known[variable]
        checked = not (self.definition.unchecked_units or source.definition.unchecked_units)
        if checked and own != other:
            raise UnitsError(
                f"'{name}' of {self.label} is in {own or '1'}, but '{variable}' of {source.label} is in {other or '1'}."
            )
        spec = source._spec
        return lambda: spec.parameters.get(variable, spec.initial_values.get(variable, 0.0))

    def _linked_cells(self, index: Any, target: Population) -> Any:
        """Which cells of this population a target follows."""
        if index is None:
            if self.size not in (1, target.size):
                raise InvalidDimensionsError(
                    f"'{target.label}' has {target.size} cells and '{self.label}' {self.size}; give index=, the cell "
                    "of the source for each cell."
                )
            return np.zeros(target.size, dtype=np.int64) if self.size == 1 else slice(None)
        array = np.asarray(index)
        if array.shape != (target.size,) or array.dtype.kind not in "iu":
            raise InvalidDimensionsError(f"index needs {target.size} whole numbers, one a cell, not {index!r}.")
        if array.size and (array.min() < 0 or array.max() >= self.size):
            raise InvalidDimensionsError(f"index has values outside 0 to {self.size - 1}.")
        return array

    # --- space ---------------------------------------------------------------------------------------------------

    def _all_positions(self) -> FloatArray:
        if self._positions is None:
            structure = self._structure if self._structure is not None else Line()
            key = derive_key(self._owner.settings.rng_seed, "positions", self._spec.id)
            self._positions = np.asarray(structure.keyed_positions(self.size, key), dtype=float)
        return self._positions

    @property
    def positions(self) -> FloatArray:
        """Positions of the cells, shape (3, size). Assigning an array of that shape copies it and drops `structure`."""
        return self._all_positions()

    @positions.setter
    def positions(self, positions: Any) -> None:
        array = np.array(positions, dtype=float)
        if array.shape != (3, self.size):
            raise InvalidDimensionsError(f"Positions of '{self.label}' have shape (3, {self.size}), not {array.shape}.")
        self._structure = None
        self._positions = array

    def _set_position(self, index: int, position: Any) -> None:
        self._all_positions()[:, index] = _point(position)

    @property
    def structure(self) -> BaseStructure | None:
        """The structure that made the positions; None if they were assigned. Assigning one makes new positions."""
        return self._structure if self._structure is not None or self._positions is not None else Line()

    @structure.setter
    def structure(self, structure: BaseStructure) -> None:
        if not isinstance(structure, BaseStructure):
            raise InvalidModelError(f"A structure is a pyNN.space structure such as Grid2D(), not {structure!r}.")
        self._structure = structure
        self._positions = None

    def describe(self, template: str | None = "population_default.txt", engine: str = "default") -> Any:
        """A description for people; with ``template=None`` as a dictionary."""
        context: dict[str, Any] = {
            "label": self.label,
            "celltype": self.celltype.describe(template=None),
            "structure": None,
            "size": self.size,
            "size_local": self.local_size,
            "first_id": self.first_id,
            "last_id": self.last_id,
            "local_first_id": "",
            "cell_parameters": {},
            "annotations": dict(self.annotations),
        }
        if self._structure is not None:
            context["structure"] = self._structure.describe(template=None)
        if len(self.local_cells):
            first = self.local_cells[0]
            context |= {"local_first_id": first, "cell_parameters": self[self.id_to_index(first)].get_parameters()}
        return descriptions.render(engine, template, context)

    def __repr__(self) -> str:
        return f"Population({self.size}, {type(self.celltype).__name__}(<parameters>), label={self.label!r})"


def _point(position: Any) -> FloatArray:
    point = np.asarray(position, dtype=float)
    if point.shape != (3,):
        raise InvalidDimensionsError(f"A position is three numbers x, y, z, not {position!r}.")
    return point


def _given(celltype: BaseCellType) -> dict[str, Any]:
    return dict(celltype.parameter_space.items())


def _check_sources(changes: list[tuple[Population, IntArray, str, Any]]) -> None:
    """Raise for parameters of spike sources that would not go together; warn of spike times that are past."""
    sources = {id(population): population for population, *_ in changes if population.definition.source}
    for population in sources.values():
        old = population._spec.parameters
        new = dict(old)
        for changed, indices, name, value in changes:
            if changed is population:
                new[name] = put(new[name], indices, value, population.size)
        check_source(population.definition.source, population.label, new)
        if population.definition.source == "array":
            _warn_of_past_spikes(population, old["spike_times"], new["spike_times"])


def _warn_of_past_spikes(population: Population, old: Any, new: Any) -> None:
    simulation = population._owner
    if not simulation.current_step:
        return
    lost = lost_times(old, new, simulation.dt, simulation.current_step)
    if lost.size:
        warnings.warn(
            f"'{population.label}': {lost.size} of the spike_times lie in the past ({float(lost[0]):g} ms; it is "
            f"{simulation.t:g} ms now). They are not played in this run, and are after a reset().",
            PastSpikesWarning,
            stacklevel=user_stacklevel(),
        )


def _check_native(definition: Definition, simulation: Simulation) -> None:
    possible = simulation.backend.capabilities.native_sources
    if definition.name not in possible:
        raise CapabilityError(
            f"native=True: the backend '{simulation.backend.name}' has no generator of its own for {definition.name}. "
            f"It has one for: {', '.join(possible) or 'no model'}. Leave native away."
        )


def _size_and_structure(size: Any, structure: BaseStructure | None) -> tuple[int, BaseStructure | None]:
    if structure is not None and not isinstance(structure, BaseStructure):
        raise InvalidModelError(f"structure must be a pyNN.space structure such as Grid2D(), not {structure!r}.")
    if isinstance(size, (int, np.integer)) and not isinstance(size, bool):
        if size < 0:
            raise InvalidParameterValueError(f"A population has 0 or more cells, not {size}.")
        return int(size), structure
    numbers = size if isinstance(size, tuple) else ()
    if not 1 <= len(numbers) <= 3 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in numbers):
        raise InvalidParameterValueError(
            f"The size of a population is a whole number, or a tuple of one to three of them, not {size!r}."
        )
    if structure is not None:
        raise InvalidParameterValueError(
            f"size={size!r} puts the cells on a grid, so structure={structure!r} has no place. Give one of the two."
        )
    n = [int(number) for number in numbers]
    grid: BaseStructure
    if len(n) == 1:
        grid = Line()
    elif len(n) == 2:
        grid = Grid2D(n[0] / n[1])
    else:
        grid = Grid3D(n[0] / n[1], n[0] / n[2])
    return int(np.prod(n)), grid


class PopulationView(_OnePopulation):
    """Some cells of a population, in ascending order; changes through the view are changes of the population.

    `parent`: a population or another view. `selector`: a slice, a list of indices, a boolean mask, all within the
    parent; a cell that is named twice is in the view once.
    """

    def __init__(self, parent: _OnePopulation, selector: Any, label: str | None = None) -> None:
        if not isinstance(parent, _OnePopulation):
            raise InvalidModelError(f"A view is of a Population or another view, not of {parent!r}.")
        self.parent = parent
        self.mask = parent._selected(selector)
        parts = parent._parts()
        self._indices = parts[0][1][self.mask]
        self.label = f"view of '{parent.label}' with size {len(self.mask)}" if label is None else str(label)
        self.annotations = {}

    @property
    def _root(self) -> Population:
        return self.parent._root

    @property
    def grandparent(self) -> Population:
        """The population at the root of views of views."""
        return self._root

    @property
    def size(self) -> int:
        return len(self._indices)

    def _parts(self) -> list[Part]:
        return [(self._root, self._indices, np.arange(len(self._indices)))]

    @property
    def structure(self) -> BaseStructure | None:
        return self._root.structure

    def index_in_grandparent(self, indices: Any) -> Any:
        """Positions in the population of cells given by their positions in this view."""
        return self._indices[indices]

    def index_from_parent_index(self, indices: Any) -> Any:
        """Positions in this view of cells given by their positions in the parent; CellIndexError if not in it."""
        wanted = np.atleast_1d(np.asarray(indices, dtype=np.int64))
        where = np.minimum(np.searchsorted(self.mask, wanted), max(len(self.mask) - 1, 0))
        if not len(self.mask) or not (self.mask[where] == wanted).all():
            raise CellIndexError(f"Not all of {indices!r} are in '{self.label}'.")
        return int(where[0]) if np.ndim(indices) == 0 else where

    def describe(self, template: str | None = "populationview_default.txt", engine: str = "default") -> Any:
        """A description for people; with ``template=None`` as a dictionary."""
        context = {"label": self.label, "parent": self.parent.label, "mask": self.mask, "size": self.size}
        return descriptions.render(engine, template, context)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PopulationView):
            return NotImplemented
        return self._root is other._root and np.array_equal(self._indices, other._indices)

    def __hash__(self) -> int:
        return hash((id(self._root), self._indices.tobytes()))

    def __repr__(self) -> str:
        return f"PopulationView(parent={self.parent.label!r}, size={self.size}, label={self.label!r})"


class Assembly(BasePopulation):
    """Several populations or views, treated as one group, which holds each cell once.

    A population or view all of whose cells are in the group already adds nothing; one that overlaps in part is an
    error.
    """

    _script: ClassVar[Any] = None

    def __init__(self, *populations: BasePopulation, label: str | None = None) -> None:
        self.annotations = {}
        self.populations: list[_OnePopulation] = []
        for population in populations:
            self._insert(population)
        self.label = (
            "assembly of " + ", ".join(p.label for p in self.populations) if label is None else str(label)
        )

    def _insert(self, element: Any) -> None:
        if isinstance(element, Assembly):
            for population in element.populations:
                self._insert(population)
            return
        if not isinstance(element, _OnePopulation):
            raise InvalidModelError(f"An assembly holds populations, views and assemblies, not {element!r}.")
        if any(element is p or (isinstance(p, PopulationView) and p == element) for p in self.populations):
            return
        present = np.isin(element.ids, self.ids)
        if present.size and present.all():
            return
        if present.any():
            raise ConnectionError(
                f"'{element.label}' has cells that are in the assembly already. An assembly holds each cell once; use "
                "views that do not overlap."
            )
        self.populations.append(element)

    @property
    def _simulation(self) -> Simulation:
        if not self.populations:
            return self._script.simulation
        return self.populations[0]._simulation

    @property
    def size(self) -> int:
        return sum(p.size for p in self.populations)

    def _parts(self) -> list[Part]:
        parts, first = [], 0
        for element in self.populations:
            for population, indices, positions in element._parts():
                parts.append((population, indices, positions + first))
            first += element.size
        return parts

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (int, np.integer)) and not isinstance(index, (bool, np.bool_)):
            return self._cell(index)
        chosen = self._selected(index)
        views, first = [], 0
        for element in self.populations:
            inside = chosen[(chosen >= first) & (chosen < first + element.size)] - first
            if inside.size:
                views.append(element[inside])
            first += element.size
        return type(self)(*views)

    def __iadd__(self, other: Any) -> Assembly:
        self._insert(other)
        return self

    def get_population(self, label: str) -> _OnePopulation:
        """The element with this label; UnknownLabelError, a KeyError, lists the labels there are."""
        for population in self.populations:
            if population.label == label:
                return population
        labels = ", ".join(p.label for p in self.populations)
        raise UnknownLabelError(f"The assembly '{self.label}' has no population '{label}'. It has: {labels}.")

    def get_annotations(self, annotation_keys: Any, simplify: bool = True) -> dict[str, Any]:
        """For each key the annotations of the elements; one value where all have the same, if `simplify`."""
        keys = [annotation_keys] if isinstance(annotation_keys, str) else list(annotation_keys)
        result: dict[str, Any] = {}
        for key in keys:
            values = [p.annotations.get(key) for p in self.populations]
            result[key] = values[0] if simplify and values and all(v == values[0] for v in values) else values
        return result

    def record(
        self,
        variables: Any,
        to_file: Any = None,
        sampling_interval: float | None = None,
        locations: Any = None,
    ) -> None:
        if variables is not None:
            variables = variables if isinstance(variables, str) else list(variables)
            # What one of the populations cannot record is not recorded from the others either.
            for element in self.populations:
                element.recorder.check(variables, element._indices_or_none(), to_file, sampling_interval, locations)
        streamed = is_streamed(to_file)
        for element in self.populations:
            element.record(variables, to_file if streamed else None, sampling_interval, locations)
        if to_file is not None and not isinstance(to_file, bool) and not streamed:
            self._simulation.write_at_end(self, to_file, variables)

    def _assembly_parts(self) -> list[AssemblyPart]:
        return [AssemblyPart(p.recorder, p.size, p._indices_or_none()) for p in self.populations]

    def get_data(  # type: ignore[override]  # PyNN 0.13 has this order for assemblies, and that for populations
        self, variables: Any = "all", gather: bool = True, clear: bool = False,
        annotations: Mapping[str, Any] | None = None, locations: Any = None,
    ) -> Any:
        refuse_locations(locations)
        parts, description = self._assembly_parts(), str(self.describe())
        everything = {**self.annotations, **(annotations or {})}
        if not parts:
            return assembly_block(parts, self.label, description, variables, gather, clear, everything)
        with self._simulation.phases.times.measure("collect"):
            return assembly_block(parts, self.label, description, variables, gather, clear, everything)

    def write_data(
        self, io: Any, variables: Any = "all", gather: bool = True, clear: bool = False,
        annotations: Mapping[str, Any] | None = None, locations: Any = None,
    ) -> None:
        # Data are cleared only after they are safely in the file.
        block = self.get_data(variables, gather, annotations=annotations, locations=locations)
        write_block(block, io, self._simulation.comm, gather)
        if clear:
            for element in self.populations:
                element.recorder.clear()

    def describe(self, template: str | None = "assembly_default.txt", engine: str = "default") -> Any:
        """A description for people; with ``template=None`` as a dictionary."""
        context = {
            "label": self.label,
            "size": self.size,
            "populations": [p.describe(template=None) for p in self.populations],
        }
        return descriptions.render(engine, template, context)

    def __repr__(self) -> str:
        return f"Assembly({', '.join(repr(p.label) for p in self.populations)}, label={self.label!r})"


def cells_of(cells: Any) -> list[BasePopulation]:
    """The groups of cells that a script means by a population, view, assembly, cell id or list of those."""
    if isinstance(cells, BasePopulation):
        return [cells]
    if isinstance(cells, IDMixin):
        return [cells.as_view()]
    if isinstance(cells, Iterable) and not isinstance(cells, (str, Mapping)):
        groups: list[BasePopulation] = []
        by_population: dict[int, tuple[Population, list[int]]] = {}
        for cell in cells:
            if isinstance(cell, IDMixin):
                by_population.setdefault(cell.parent.id, (cell.parent, []))[1].append(cell._index)
            else:
                groups += cells_of(cell)
        return groups + [population[indices] for population, indices in by_population.values()]
    raise InvalidModelError(f"Cells are a population, a view, an assembly, a cell or a list of cells, not {cells!r}.")


def set_parameters(cells: Any, **parameters: Any) -> None:
    """Set parameters of cells: a population, a view, an assembly, a cell or a list of those."""
    for group in cells_of(cells):
        group.set(**parameters)


def initialize(cells: Any, **initial_values: Any) -> None:
    """Set initial values of cells: a population, a view, an assembly, a cell or a list of those."""
    for group in cells_of(cells):
        group.initialize(**initial_values)


def is_conductance(target_cell: Any) -> bool:
    """Whether a cell has conductance-based synapses."""
    return bool(cells_of(target_cell)[0].conductance_based)


__all__ = [
    "ID",
    "Assembly",
    "BasePopulation",
    "CellIDs",
    "CellIndexError",
    "IDMixin",
    "Population",
    "PopulationView",
    "UnknownLabelError",
    "cells_of",
    "initialize",
    "is_conductance",
    "set_parameters",
]
