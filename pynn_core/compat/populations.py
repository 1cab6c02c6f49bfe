"""Populations, views, assemblies and cells that understand PyNN 0.6 besides PyNN 0.13."""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pyNN import populations, scripting
from pyNN.compat import dialect, models
from pyNN.compat.table import deprecated, old_keywords, shown_as
from pyNN.compat.textfiles import VARIABLES, Recorded, is_neo_file
from pyNN.errors import (
    CapabilityError,
    InvalidDimensionsError,
    InvalidModelError,
    InvalidParameterValueError,
    NonExistentParameterError,
)
from pyNN.models import BaseCellType
from pyNN.populations import BasePopulation, CellIDs
from pyNN.translation import Translation

_MODERN_SET = ("param", "val")


class CallableBool(int):
    """True or False that may also be called, as in PyNN 0.6."""

    def __call__(self) -> bool:
        deprecated("ID.is_standard_cell")
        return bool(self)

    def __repr__(self) -> str:
        return repr(bool(self))


class CallableIDs(np.ndarray):
    """Plain ids of cells; called, as in PyNN 0.6, an iterator over the cells of this rank."""

    _group: Any

    def __array_finalize__(self, obj: Any) -> None:
        self._group = None

    def __call__(self) -> Iterator[Any]:
        deprecated("Population.ids")
        return iter(self._group)

    def __reduce__(self) -> Any:
        return self.view(np.ndarray).__reduce__()


class ID(populations.ID):
    """A cell. The names of PyNN 0.6 are properties and methods, and ``v_init`` is an attribute."""

    def __new__(cls, n: int, parent: Any = None) -> ID:
        return super().__new__(cls, n, parent)  # type: ignore[return-value]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "parent":
            raise AttributeError(name)
        state = models.state_of(self.parent.definition, name)
        if state is not None:
            deprecated("ID.v_init", name=name, state=state)
            return self.get_initial_value(state)
        return super().__getattr__(name)

    def get_parameters(self) -> dict[str, Any]:
        values = super().get_parameters()
        if dialect.is_old():
            states = [name for name in ("v", "w") if name in self.celltype.default_initial_values]
            values.update({f"{name}_init": self.get_initial_value(name) for name in states})
        return values

    @property
    def cellclass(self) -> type[BaseCellType]:
        """The class of the cell's type."""
        deprecated("ID.cellclass")
        return type(self.celltype)

    @property
    def is_standard_cell(self) -> Any:
        standard = super().is_standard_cell
        return CallableBool(standard) if dialect.is_old() else standard

    def _table(self) -> Translation | None:
        table = self.parent._owner.backend.models.get(self.parent.definition.name)
        return table if isinstance(table, Translation) else None

    def get_native_parameters(self) -> dict[str, Any]:
        """The parameters that the simulator's own model has, by its names and in its units."""
        deprecated("ID.get_native_parameters")
        return self._native()

    def _native(self) -> dict[str, Any]:
        view = BasePopulation.get
        cell = self.as_view()
        values = {name: view(cell, name) for name in self.celltype.get_parameter_names()}
        table = self._table()
        return values if table is None else table.native_parameters(self.parent.definition, values)

    def set_native_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Set parameters by the names and in the units of the simulator's own model."""
        deprecated("ID.set_native_parameters")
        native, table = self._native(), self._table()
        for name in parameters:
            if name not in native:
                raise NonExistentParameterError(name, self.parent.definition.name, native, kind="native parameter")
        if table is None:
            changed = dict(parameters)
        else:
            before = table.standard_parameters(self.parent.definition, native)
            after = table.standard_parameters(self.parent.definition, {**native, **parameters})
            changed = {name: value for name, value in after.items() if value != before[name]}
        BasePopulation.set(self.as_view(), **changed)


class OldGroup(BasePopulation):
    """What populations, views and assemblies understand of PyNN 0.6."""

    def _id(self, number: int) -> ID:
        for population in self._roots():
            if population.first_id <= number < population.first_id + population.size:
                return ID(number, population)
        return super()._id(number)  # type: ignore[return-value]

    @property
    def ids(self) -> Any:
        numbers = super().ids.view(CallableIDs)
        numbers._group = self
        return numbers

    # --- parameters ------------------------------------------------------------------------------------------------

    @shown_as(BasePopulation.set)
    def set(self, *arguments: Any, **parameters: Any) -> None:
        given = old_settings(arguments, parameters)
        old_form = given is not parameters
        for name, value in given.items() if old_form else ():
            deprecated("Population.set", name=name, value=value)
        self.set_values(given, old_form)

    def set_values(self, given: Mapping[str, Any], old_form: bool) -> None:
        """Set parameters, and initial values under names such as v_init; in `old_form`, in units of the dialect."""
        initial = {name: state for name in given if (state := self._state_of(name)) is not None}
        for name, state in initial.items():
            deprecated("Population.set init", name=name, state=state)
        values = {name: self._to_modern(name, value, old_form) for name, value in given.items() if name not in initial}
        if values or not initial:
            BasePopulation.set(self, **values)
        if initial:
            self.initialize(**{state: given[name] for name, state in initial.items()})

    def _state_of(self, name: str) -> str | None:
        found = [models.state_of(population.definition, name) for population in self._roots()]
        return found[0] if found and all(state is not None for state in found) else None

    def _to_modern(self, name: str, value: Any, old_form: bool) -> Any:
        definition = self._roots()[0].definition if self._roots() else None
        if definition is None or not (old_form or dialect.is_old()):
            return value
        return models.to_modern(definition, name, value)

    def _from_modern(self, name: str, value: Any) -> Any:
        roots = self._roots()
        return models.from_modern(roots[0].definition, name, value) if roots else value

    @shown_as(BasePopulation.get)
    @old_keywords(parameter_name="parameter_names")
    def get(self, parameter_names: Any, *arguments: Any, **named: Any) -> Any:
        old_form = "as_array" in named
        if old_form or (dialect.is_old() and isinstance(parameter_names, str) and not named):
            deprecated("Population.get", name=str(parameter_names))
            as_array = named.get("as_array", arguments[0] if arguments else False)
            values = np.asarray(self._get_old(parameter_names))
            return values.reshape(self._shape()) if as_array else values.tolist()
        if isinstance(parameter_names, str):
            return self._from_modern(parameter_names, super().get(parameter_names, *arguments, **named))
        values = super().get(parameter_names, *arguments, **named)
        return [self._from_modern(name, value) for name, value in zip(parameter_names, values, strict=True)]

    def _get_old(self, name: str) -> Any:
        """One value a cell, of a parameter or of an initial value."""
        state = self._state_of(name)
        if state is not None:
            return self.initial_values[state].evaluate(simplify=False)
        return self._from_modern(name, super().get(name, simplify=False))

    def _shape(self) -> tuple[int, ...]:
        return (self.size,)

    def tset(self, parametername: str, value_array: Any) -> None:
        """Set a parameter from an array of the shape of the population, or from one value a cell in a list."""
        deprecated("Population.tset", name=parametername)
        self._set_without_warning(parametername, self._flattened(parametername, value_array))

    def _flattened(self, name: str, value_array: Any) -> Any:
        shape = self._shape()
        declared = self._roots()[0].definition.parameters.get(name)
        if declared is not None and declared.is_array:
            lists = list(value_array)
            for _ in shape[1:]:
                lists = list(itertools.chain.from_iterable(lists))
            flat: Any = lists
            given: tuple[int, ...] = (len(lists),)
        else:
            array = np.asarray(value_array, dtype=float)
            flat, given = array.ravel(), array.shape
        if given not in (shape, (self.size,)):
            raise InvalidDimensionsError(
                f"tset({name!r}): '{self.label}' has the dimensions {shape}, but the values have {given}."
            )
        return flat

    def _set_without_warning(self, name: str, value: Any) -> None:
        state = self._state_of(name)
        if state is not None:
            self.initialize(**{state: value})
        else:
            definition = self._roots()[0].definition
            BasePopulation.set(self, **{name: models.scaled(value, models.unit_factor(definition, name))})

    def rset(self, parametername: str, rand_distr: Any) -> None:
        """Set a parameter to values of a random distribution."""
        deprecated("Population.rset", name=parametername)
        self._set_without_warning(parametername, rand_distr)

    def randomInit(self, rand_distr: Any) -> None:
        """Set the initial membrane potentials to values of a random distribution."""
        deprecated("Population.randomInit")
        self.initialize(v=rand_distr)

    # --- the cells -------------------------------------------------------------------------------------------------

    def index(self, n: Any) -> Any:
        """The n-th cell, or an array of cells for a list of numbers."""
        deprecated("Population.index")
        if np.ndim(n) == 0:
            return self._cell(n)
        return self.all_cells[np.asarray(n, dtype=np.int64)]

    def getSubPopulation(self, cell_list: Any, label: str | None = None) -> Any:
        """A view of some cells, given as ids or indices."""
        deprecated("Population.getSubPopulation")
        view = self[self._indices_of(cell_list)]
        if label is not None:
            view.label = label
        return view

    def _indices_of(self, cells: Any) -> list[int]:
        """Positions in this group of cells given by ids."""
        listed = np.asarray(list(cells))
        if listed.size and (listed.dtype.kind not in "iu" or listed.ndim != 1):
            raise InvalidParameterValueError(f"Cells of '{self.label}' are a list of ids, not {cells!r}.")
        return list(self.id_to_index(listed)) if listed.size else []

    # --- recording -------------------------------------------------------------------------------------------------

    def can_record(self, variable: str, location: Any = None) -> bool:
        if variable == "gsyn":
            return all(super(OldGroup, self).can_record(name, location) for name in VARIABLES["gsyn"])
        return super().can_record(variable, location)

    def record(self, *arguments: Any, **named: Any) -> None:
        """Record variables, or as in PyNN 0.6 spikes: ``record(record_from=None, rng=None, to_file=True)``."""
        # An iterator is looked at more than once.
        arguments = (*map(_as_list, arguments[:1]), *arguments[1:])
        named = {name: _as_list(value) for name, value in named.items()}
        first = arguments[0] if arguments else named.get("record_from", named.get("variables"))
        old = "record_from" in named or "rng" in named or not (arguments or "variables" in named)
        if first is None and arguments and not old:
            old = dialect.is_old()
        if not old and first is not None and not _is_names(first):
            old = True
        if old:
            deprecated("Population.record" if first is None else "Population.record some")
            rest = dict(zip(("record_from", "rng", "to_file"), arguments, strict=False))
            self._record_old(("spikes",), **{**rest, **named})
            return
        if arguments:
            arguments = (_without_gsyn(arguments[0]), *arguments[1:])
        elif "variables" in named:
            named["variables"] = _without_gsyn(named["variables"])
        super().record(*arguments, **named)

    def _record_old(
        self, names: tuple[str, ...], record_from: Any = None, rng: Any = None, to_file: Any = True
    ) -> None:
        """Record from all cells, from a random sample of them, or from those given."""
        target: Any = None if isinstance(to_file, bool) else to_file
        if record_from is None:
            cells: Any = self
        elif isinstance(record_from, BasePopulation):
            cells = record_from
        elif np.ndim(record_from) == 0 and not isinstance(record_from, populations.IDMixin):
            cells = self.sample(record_from, rng)
        else:
            chosen = [record_from] if np.ndim(record_from) == 0 else record_from
            cells = self[self._indices_of(chosen)]
        super(OldGroup, cells).record(list(names), to_file=target)

    def record_v(self, *arguments: Any, **named: Any) -> None:
        """Record the membrane potential: ``record_v(record_from=None, rng=None, to_file=True)``."""
        deprecated("Population.record_v")
        self._record_old(VARIABLES["v"], **_of_record_v(arguments, named))

    def record_gsyn(self, *arguments: Any, **named: Any) -> None:
        """Record the synaptic conductances: ``record_gsyn(record_from=None, rng=None, to_file=True)``."""
        deprecated("Population.record_gsyn")
        self._record_old(VARIABLES["gsyn"], **_of_record_v(arguments, named))

    @shown_as(BasePopulation.get_data)
    def get_data(self, variables: Any = "all", *arguments: Any, **named: Any) -> Any:
        return super().get_data(_without_gsyn(variables), *arguments, **named)

    @shown_as(BasePopulation.write_data)
    def write_data(self, io: Any, variables: Any = "all", *arguments: Any, **named: Any) -> None:
        super().write_data(io, _without_gsyn(variables), *arguments, **named)

    def _data(self, key: str, variable: str, gather: bool, compatible_output: bool) -> Any:
        deprecated(f"Population.{key}")
        if not dialect.is_old():
            return super().get_data(list(VARIABLES[variable]), gather=gather)
        recorded = Recorded([self], variable, gather)
        return recorded.array(compatible_output, dialect.current() == dialect.WITH_TIMES)

    def getSpikes(self, gather: bool = True, compatible_output: bool = True) -> Any:
        """Spikes: in the dialect 0.6 an array with the columns index of the cell and time (ms); else a Neo block."""
        return self._data("getSpikes", "spikes", gather, compatible_output)

    def get_v(self, gather: bool = True, compatible_output: bool = True) -> Any:
        """Membrane potentials: in the dialect 0.6 an array with the columns index and mV; else a Neo block."""
        return self._data("get_v", "v", gather, compatible_output)

    def get_gsyn(self, gather: bool = True, compatible_output: bool = True) -> Any:
        """Synaptic conductances: in the dialect 0.6 an array with the columns index, uS, uS; else a Neo block."""
        return self._data("get_gsyn", "gsyn", gather, compatible_output)

    def _print(self, key: str, file: Any, variable: str, gather: bool, compatible_output: bool) -> None:
        deprecated(f"Population.{key}")
        by_name = isinstance(file, (str, os.PathLike))
        if is_neo_file(file) and not (by_name and dialect.is_old()):
            super().write_data(file, list(VARIABLES[variable]), gather=gather)
        else:
            Recorded([self], variable, gather).write(file, compatible_output, gather)

    def printSpikes(self, file: Any, gather: bool = True, compatible_output: bool = True) -> None:
        """Write spikes: lines "t index" after a header; with Neo where the extension is one of Neo's."""
        self._print("printSpikes", file, "spikes", gather, compatible_output)

    def print_v(self, file: Any, gather: bool = True, compatible_output: bool = True) -> None:
        """Write membrane potentials: lines "v index" after a header; with Neo where the extension is one of Neo's."""
        self._print("print_v", file, "v", gather, compatible_output)

    def print_gsyn(self, file: Any, gather: bool = True, compatible_output: bool = True) -> None:
        """Write conductances: lines "ge gi index" after a header; with Neo where the extension is one of Neo's."""
        self._print("print_gsyn", file, "gsyn", gather, compatible_output)

    def meanSpikeCount(self, gather: bool = True) -> float:
        """Mean number of spikes a cell."""
        deprecated("Population.meanSpikeCount")
        return self.mean_spike_count(gather)


def old_settings(arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """Parameters by name, from set('tau_m', 20.0), set({'tau_m': 20.0}) or set(tau_m=20.0)."""
    old = dict(zip(_MODERN_SET, arguments, strict=False))
    if len(arguments) > 2:
        raise InvalidParameterValueError(f"set() takes a name and a value, or a dictionary; {arguments!r} were given.")
    if not arguments and not ("param" in named and set(named) <= set(_MODERN_SET)):
        return named
    old.update({name: named[name] for name in _MODERN_SET if name in named})
    param = old.get("param")
    if isinstance(param, str) and "val" in old:
        return {param: old["val"]}
    if isinstance(param, Mapping) and old.get("val") is None:
        return {**param, **{name: value for name, value in named.items() if name not in _MODERN_SET}}
    raise InvalidParameterValueError(
        f"set() takes parameters by name: set(tau_m=20.0); or, as in PyNN 0.6, a name and a value, or a dictionary. "
        f"{param!r} was given{'' if 'val' in old else ' without a value'}."
    )


def _is_names(first: Any) -> bool:
    return isinstance(first, str) or (
        isinstance(first, (list, tuple, set, frozenset)) and all(isinstance(name, str) for name in first)
    )


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, Iterator) else value


def _without_gsyn(variables: Any) -> Any:
    """PyNN 0.6's variable 'gsyn' is two."""
    variables = _as_list(variables)
    names = [variables] if isinstance(variables, str) else variables
    if names is None or "gsyn" not in names:
        return variables
    deprecated("Population.record gsyn")
    return [part for name in names for part in (VARIABLES["gsyn"] if name == "gsyn" else (name,))]


def _of_record_v(arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """record_v(to_file) of PyNN 0.13 or record_v(record_from, rng, to_file) of PyNN 0.6."""
    if arguments and isinstance(arguments[0], (bool, str, os.PathLike)):
        return {"to_file": arguments[0], **named}
    return {**dict(zip(("record_from", "rng", "to_file"), arguments, strict=False)), **named}


class Population(OldGroup, populations.Population):  # type: ignore[misc]
    __doc__ = populations.Population.__doc__

    @shown_as(populations.Population.__init__)
    def __init__(self, *arguments: Any, **named: Any) -> None:
        call = _of_population(self._script, arguments, named)
        size = call.get("size")
        super().__init__(**call)
        self._dims: tuple[int, ...] = tuple(int(n) for n in size) if isinstance(size, tuple) else (self.size,)

    def _shape(self) -> tuple[int, ...]:
        return self._dims

    @property
    def dim(self) -> tuple[int, ...]:
        """Dimensions, e.g. (10, 10)."""
        deprecated("Population.dim")
        return self._dims

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        deprecated("Population.ndim")
        return len(self._dims)

    @property
    def cell(self) -> Any:
        """Ids of the cells in an array of the population's dimensions."""
        deprecated("Population.cell")
        return CellIDs.make(BasePopulation.ids.fget(self).reshape(self._dims), self._id)  # type: ignore[attr-defined]

    @property
    def cellparams(self) -> dict[str, Any]:
        """The parameters that the cell type was made with."""
        deprecated("Population.cellparams")
        return dict(self.celltype.parameter_space.as_dict())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple) and (dialect.is_old() or any(isinstance(part, slice) for part in index)):
            return self._at_address(index)
        if isinstance(index, slice) and dialect.is_old():
            return self.all_cells[index]
        return super().__getitem__(index)

    def _at_address(self, address: tuple[Any, ...]) -> Any:
        """The cell at an address, or those of a block of addresses."""
        deprecated("Population.__getitem__")
        if len(address) != len(self._dims):
            raise InvalidDimensionsError(
                f"'{self.label}' has {len(self._dims)} dimensions, {self._dims}, so the address {address} does not fit."
            )
        grid = np.arange(self.size).reshape(self._dims)
        try:
            chosen = grid[address]
        except IndexError as error:
            raise populations.CellIndexError(
                f"The address {address} is out of range: '{self.label}' has the dimensions {self._dims}."
            ) from error
        if np.ndim(chosen) == 0:
            return self._cell(chosen)
        return self.all_cells[chosen] if dialect.is_old() else super().__getitem__(chosen.ravel())

    def addresses(self) -> Iterator[tuple[int, ...]]:
        """Addresses of the cells of this rank."""
        deprecated("Population.addresses")
        return (self._address(int(number)) for number in np.flatnonzero(self._mask_local))

    def _address(self, number: int) -> tuple[int, ...]:
        return tuple(int(n) for n in np.unravel_index(number, self._dims))

    def locate(self, id: Any) -> tuple[int, ...]:
        """The address of a cell."""
        deprecated("Population.locate")
        return self._address(self.id_to_index(id))


_OLD_POPULATION = ("dims", "cellclass", "cellparams", "label")
_POPULATION = ("size", "cellclass", "cellparams", "structure", "initial_values", "label", "native")


def _of_population(script: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the modern constructor by name."""
    if len(arguments) > len(_POPULATION):
        raise InvalidParameterValueError(f"Population takes {', '.join(_POPULATION)}; {len(arguments)} were given.")
    call = {**dict(zip(_POPULATION, arguments, strict=False)), **named}
    if "dims" in call:
        deprecated("sim.Population dims", value=call["dims"])
        call["size"] = call.pop("dims")
    if len(arguments) > 3 and isinstance(arguments[3], str):
        deprecated("sim.Population label", name=call["structure"])
        call["label"] = call.pop("structure")
    missing = [name for name in ("size", "cellclass") if name not in call]
    if missing:
        raise TypeError(f"Population() needs {' and '.join(missing)}: Population(10, sim.IF_cond_exp()).")
    cellclass, parameters = call["cellclass"], call.get("cellparams")
    initial: dict[str, Any] = {}
    if isinstance(cellclass, str) and cellclass not in standard_names(script):
        deprecated("sim.Population native", name=cellclass)
        call["cellclass"] = native_cell_type(script, cellclass)
    elif isinstance(cellclass, type) and issubclass(cellclass, BaseCellType):
        if parameters is not None and not isinstance(parameters, Mapping):
            raise InvalidModelError(f"cellparams must be a dictionary of parameters by name, not {parameters!r}.")
        if parameters or dialect.is_old():
            deprecated("sim.Population cellparams", cls=cellclass.__name__)
        call["cellparams"], initial = models.old_parameters(cellclass, parameters or {})
    else:
        initial = dict(getattr(cellclass, "_initial_values", {}))
    if initial:
        call["initial_values"] = {**initial, **(call.get("initial_values") or {})}
    return call


def standard_names(script: Any) -> list[str]:
    """Names of the standard cell types: such a text is a mistake, and no native model's name."""
    return scripting.Script.list_standard_models(script)


def native_cell_type(script: Any, name: str) -> Any:
    """A cell type of the simulator's own, by name; CapabilityError where the backend offers none."""
    module = importlib.import_module(f"pyNN.{script.backend.name}")
    make = getattr(module, "native_cell_type", None)
    if make is None:
        raise CapabilityError(
            f"{name!r}: the backend '{script.backend.name}' has no cell types of its own. Use a standard one: "
            f"{', '.join(standard_names(script))}."
        )
    return make(name)


class PopulationView(OldGroup, populations.PopulationView):  # type: ignore[misc]
    __doc__ = populations.PopulationView.__doc__


class Assembly(OldGroup, populations.Assembly):  # type: ignore[misc]
    __doc__ = populations.Assembly.__doc__
