"""Some of a projection's connections at a time: those onto one cell, between chosen cells, or that a condition names.

`Selecting` is what projections have of it, `SynapseView` what a selection is.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pyNN.connectors.expression import PairText
from pyNN.errors import (
    InvalidDimensionsError,
    InvalidParameterValueError,
    NonExistentParameterError,
    NotLocalError,
    nearest,
)
from pyNN.populations import ID, BasePopulation
from pyNN.space import Grid2D, Grid3D
from pyNN.specs import FloatArray, IntArray

if TYPE_CHECKING:
    from pyNN.projections import Connection, Projection

_AXES = ("x", "y", "z")
_POSITIONS = tuple(f"position.{axis}" for axis in _AXES)
"""Coordinates, also of cells that have variables of such names."""


class SynapseView:
    """Some connections of a projection, in its order (by post, then pre cell).

    ``view.weight`` is an array of one number a connection, and ``view.weight = ...`` sets it, as `set` does. Under MPI
    these are connections onto cells of this rank.
    """

    _projection: Projection
    _chosen: IntArray
    _post: int | None

    def __init__(self, projection: Projection, chosen: IntArray, post: int | None = None) -> None:
        object.__setattr__(self, "_projection", projection)
        object.__setattr__(self, "_chosen", np.asarray(chosen, dtype=np.int64))
        object.__setattr__(self, "_post", post)

    @property
    def indices(self) -> IntArray:
        """Numbers of the connections in the projection."""
        return self._chosen.copy()

    @property
    def size(self) -> int:
        """How many connections these are."""
        return len(self._chosen)

    def __len__(self) -> int:
        return len(self._chosen)

    def __bool__(self) -> bool:
        return True

    @property
    def pre_ranks(self) -> list[int]:
        """Index of the pre cell of each connection."""
        return [int(k) for k in self._projection._pairs.pre[self._chosen]]

    @property
    def post_ranks(self) -> list[int]:
        """Index of the post cell of each connection."""
        return [int(k) for k in self._projection._pairs.post[self._chosen]]

    @property
    def attributes(self) -> list[str]:
        """Names of what can be read: parameters and variables of the synapses."""
        return self._projection.attributes

    def get(self, names: str | list[str]) -> Any:
        """Present values of an attribute, one a connection; of a list of names a list of arrays."""
        if not isinstance(names, str):
            return [self.get(name) for name in names]
        column = self._projection._column(names)
        return np.array(np.broadcast_to(np.asarray(column), (len(self._projection._pairs.pre),)))[self._chosen]

    def set(self, **attributes: Any) -> None:
        """Set attributes of these connections; acts from the next time step.

        A value is a number, a list of one number a connection of the view, a RandomDistribution, a function of the
        distance, or an expression in i, j, d and variables of the synapse and its cells. Nothing is changed if any
        value is wrong. Raises NonExistentParameterError, InvalidDimensionsError, InvalidWeightError and their kin.
        """
        values = {
            name: self._evaluated(value, name) if isinstance(value, str) else value
            for name, value in attributes.items()
        }
        self._projection._set_some(self._chosen, values)

    def _evaluated(self, text: str, name: str) -> Any:
        values = self._projection._evaluate(text, f"value of {name}")
        return values[self._chosen] if np.ndim(values) else values

    def where(self, condition: str) -> SynapseView:
        """Those of these connections for which a condition holds."""
        return SynapseView(self._projection, np.intersect1d(self._chosen, self._projection.where(condition)._chosen))

    def synapse(self, pre: Any) -> Connection:
        """The connection from the pre cell with this index; the first, where there are several."""
        wanted = _index_of(pre, self._projection.pre, "pre")
        found = np.flatnonzero(self._projection._pairs.pre[self._chosen] == wanted)
        if not found.size:
            raise InvalidParameterValueError(
                f"'{self._projection.label}': there is no connection from pre cell {wanted} in this view. It has "
                f"connections from: {_some(sorted(set(self.pre_ranks)))}."
            )
        return self._projection[int(self._chosen[found[0]])]  # type: ignore[no-any-return]

    def receptive_field(self, name: str = "weight", fill: float = 0.0, shape: tuple[int, ...] | None = None) -> Any:
        """An attribute as a map of the pre cells: their grid's shape, or (n_pre,); `fill` where there is no connection.

        Several connections of a cell are added up. `shape` is the map's where the pre cells are on no grid.
        """
        wanted = _map_shape(self._projection.pre, shape, "pre")
        pre = self._projection._pairs.pre[self._chosen]
        field = np.full(self._projection.shape[0], float(fill))
        field[pre] = 0.0
        np.add.at(field, pre, self.get(name))
        return field.reshape(wanted)

    def __getitem__(self, index: Any) -> Any:
        """One connection, or a view of those that a slice, integers or a mask select."""
        if isinstance(index, (int, np.integer)) and not isinstance(index, (bool, np.bool_)):
            k = operator.index(index)
            if not -len(self) <= k < len(self):
                raise IndexError(f"Connection {k} of this view does not exist; it has {len(self)}.")
            return self._projection[int(self._chosen[k])]
        return SynapseView(self._projection, np.atleast_1d(self._chosen[index]), self._post)

    def __iter__(self) -> Iterator[Connection]:
        return (self._projection[int(k)] for k in self._chosen)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "post_rank" and self._post is not None:
            return self._post
        if name not in self.attributes:
            raise AttributeError(
                f"Connections of '{self._projection.label}' have no attribute '{name}'."
                f"{nearest(name, self.attributes)} They have: {', '.join(self.attributes)}."
            )
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.set(**{name: value})

    def __repr__(self) -> str:
        onto = "" if self._post is None else f" onto cell {self._post}"
        return f"<{len(self)} connections of {self._projection.label}{onto}>"


class Selecting:
    """How projections give out some of their connections, and numbers of connections of cells."""

    # --- values of pairs --------------------------------------------------------------------------------------

    def _cell_values(self: Any, wanted: Any) -> dict[tuple[str, str], FloatArray]:
        """Values of cells by (side, name), one a cell of that side; collective under MPI."""
        sides = {"pre": self.pre, "post": self.post}
        return {(side, name): _values_of_cells(sides[side], name) for side, name in wanted}

    def _evaluate(self: Any, text: str, what: str) -> Any:
        """The value of an expression for each connection."""
        self._owner.require_open()
        parsed = PairText(text, f"'{self.label}', {what}", {}, tuple(self.attributes))
        request = self._request()
        request.cell_values = self._cell_values(parsed.cell_variables)
        pairs = self._pairs
        further = {name: self._column(name) for name in parsed.used if name in self.attributes}
        value = parsed(request, np.asarray(pairs.pre), np.asarray(pairs.post), further)
        return np.broadcast_to(np.asarray(value), (pairs.size,))

    @property
    def attributes(self: Any) -> list[str]:
        """Names of parameters and variables of the synapses that can be read."""
        definition = self.synapse_type.definition
        states = [n for n, state in definition.states.items() if state.recordable]
        return [*definition.parameters, *(n for n in states if n not in definition.parameters)]

    # --- selections -------------------------------------------------------------------------------------------

    def where(self: Any, condition: str) -> SynapseView:
        """The connections for which a condition holds, such as "i < 5 and weight > 0.1".

        Names: i, j, N_pre, N_post, the distance d, attributes of the synapses, variables and positions of the cells
        (v_post, x_pre). Numbers are in PyNN's units. Under MPI each rank finds those onto its own cells.
        """
        return SynapseView(self, np.flatnonzero(self._evaluate(condition, "condition")))

    def onto(self: Any, post: Any) -> SynapseView:
        """All connections onto one post cell (its index, or the cell); NotLocalError for a cell of another MPI rank."""
        wanted = _index_of(post, self.post, "post")
        if self.is_shared and not self.post._mask_local[wanted]:
            raise NotLocalError(
                f"'{self.label}': post cell {wanted} is on another MPI rank, which has its connections. Ask only where "
                "population.is_local(cell) is true, or use get(..., gather='all')."
            )
        posts = self._pairs.post
        first, end = np.searchsorted(posts, [wanted, wanted + 1])
        return SynapseView(self, np.arange(first, end), wanted)

    dendrite = onto

    def between(self: Any, index: tuple[Any, ...]) -> SynapseView:
        """The connections from some pre cells to some post cells: indices, slices, lists or masks of them."""
        if len(index) != 2:
            raise InvalidDimensionsError(
                f"'{self.label}': connections are selected by (pre, post), and {len(index)} indices were given."
            )
        inside = []
        for one, group, cells in ((index[0], self.pre, self._pairs.pre), (index[1], self.post, self._pairs.post)):
            if isinstance(one, (ID, int, np.integer)) and not isinstance(one, (bool, np.bool_)):
                inside.append(cells == _index_of(one, group, "pre" if group is self.pre else "post"))
                continue
            mask = np.zeros(group.size, dtype=bool)
            mask[group._selected(one)] = True
            inside.append(mask[cells])
        return SynapseView(self, np.flatnonzero(inside[0] & inside[1]))

    def synapse(self: Any, pre: Any, post: Any) -> Connection:
        """The connection from one cell to another, by indices or cells; the first, where there are several."""
        return self.onto(post).synapse(pre)  # type: ignore[no-any-return]

    @property
    def dendrites(self: Any) -> Iterator[SynapseView]:
        """A view of the connections onto each post cell that has any; under MPI of this rank's cells."""
        return (self.onto(post) for post in self.post_ranks)

    # --- numbers ----------------------------------------------------------------------------------------------

    @property
    def post_ranks(self: Any) -> list[int]:
        """Indices of the post cells that have connections; under MPI of this rank's cells."""
        return [int(k) for k in np.unique(self._pairs.post)]

    @property
    def pre_ranks(self: Any) -> list[list[int]]:
        """For each of `post_ranks` the indices of the pre cells."""
        return [view.pre_ranks for view in self.dendrites]

    @property
    def nb_synapses(self: Any) -> int:
        """Number of connections on all MPI ranks, as size()."""
        return int(self.size())

    @property
    def nb_synapses_per_dendrite(self: Any) -> list[int]:
        """Number of connections onto each of `post_ranks`."""
        return [int(n) for n in np.unique(self._pairs.post, return_counts=True)[1]]

    @property
    def nb_efferent_synapses(self: Any) -> list[int]:
        """Number of connections from each pre cell; collective under MPI."""
        return [int(n) for n in self.N_outgoing_pre]

    @property
    def N_incoming_post(self: Any) -> IntArray:
        """Number of connections onto each post cell, shape (n_post,); collective under MPI."""
        return _counted(self, self._pairs.post, self.shape[1])

    @property
    def N_outgoing_pre(self: Any) -> IntArray:
        """Number of connections from each pre cell, shape (n_pre,); collective under MPI."""
        return _counted(self, self._pairs.pre, self.shape[0])

    @property
    def N_incoming(self: Any) -> IntArray:
        """For each connection the number of those onto its post cell; collective under MPI."""
        return self.N_incoming_post[self._pairs.post]  # type: ignore[no-any-return]

    @property
    def N_outgoing(self: Any) -> IntArray:
        """For each connection the number of those from its pre cell; collective under MPI."""
        return self.N_outgoing_pre[self._pairs.pre]  # type: ignore[no-any-return]

    # --- matrices ---------------------------------------------------------------------------------------------

    def connectivity_matrix(self: Any, fill: float = 0.0, name: str = "weight") -> FloatArray:
        """An attribute as a matrix of shape (n_post, n_pre), `fill` where there is no connection.

        Several connections of a pair are added up. Under MPI every rank gets all of it (collective).
        """
        matrix = self.get(name, "array", gather="all").T
        return np.where(np.isnan(matrix), float(fill), matrix)

    def receptive_fields(
        self: Any, variable: str = "weight", fill: float = 0.0, pre_shape: tuple[int, ...] | None = None,
        post_shape: tuple[int, ...] | None = None,
    ) -> FloatArray:
        """One image of the maps of all post cells side by side: shape (rows of post*rows of pre, columns likewise).

        Both sides are grids of two dimensions, or have their number of rows and columns given.
        """
        pre, post = _map_shape(self.pre, pre_shape, "pre"), _map_shape(self.post, post_shape, "post")
        pre, post = ((1, shape[0]) if len(shape) == 1 else shape for shape in (pre, post))
        for side, shape in (("pre", pre), ("post", post)):
            if len(shape) != 2:
                raise InvalidDimensionsError(
                    f"'{self.label}': an image of the {side} cells needs rows and columns, and they are on a grid of "
                    f"{shape}. Give {side}_shape=(rows, columns)."
                )
        matrix = self.connectivity_matrix(fill, variable).reshape(*post, *pre)
        return matrix.transpose(0, 2, 1, 3).reshape(post[0] * pre[0], post[1] * pre[1])


def _counted(projection: Any, cells: NDArray[Any], size: int) -> IntArray:
    counts = np.bincount(cells, minlength=size)
    comm = projection._owner.comm
    if projection.is_shared and comm.parts > 1:
        everyone = comm.allgather(counts, f"numbers of connections of {projection.label}")
        counts = np.sum(everyone, axis=0)
    return counts.astype(np.int64)


def _index_of(cell: Any, group: BasePopulation, side: str) -> int:
    """The index in the group of a cell, given as such or by the index."""
    if isinstance(cell, ID):
        return int(group.id_to_index(cell))
    if isinstance(cell, (bool, np.bool_)) or not isinstance(cell, (int, np.integer)):
        raise InvalidParameterValueError(f"A {side} cell is given by its index in '{group.label}', not by {cell!r}.")
    index = int(cell)
    if not -group.size <= index < group.size:
        raise group._out_of_range(index)
    return index % group.size


def _map_shape(group: BasePopulation, given: tuple[int, ...] | None, side: str) -> tuple[int, ...]:
    """The shape of a map of all cells."""
    if given is not None:
        if int(np.prod(given)) != group.size:
            raise InvalidDimensionsError(
                f"A map of shape {given} has {int(np.prod(given))} places, and '{group.label}' has {group.size} "
                f"{side} cells."
            )
        return tuple(int(n) for n in given)
    structure = getattr(group, "structure", None)
    if isinstance(structure, Grid2D | Grid3D) and structure.fill_order == "sequential":
        shape = tuple(structure.calculate_size(group.size))
        if int(np.prod(shape)) == group.size:
            return shape
    return (group.size,)


def _values_of_cells(group: BasePopulation, name: str) -> FloatArray:
    """Present values of a parameter or variable of all cells, or one of their coordinates (um); collective."""
    result = np.empty(group.size)
    for population, indices, positions in group._parts():
        known = population.value_names
        if name in known:
            result[positions] = population.present_values(name)[indices]
        elif name in (*_AXES, *_POSITIONS):
            result[positions] = population.positions["xyz".index(name[-1])][indices]
        else:
            raise NonExistentParameterError(name, population.label, [*known, *_AXES], kind="variable")
    return result


def _some(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:20]))
    return (shown or "none") + (" ..." if len(numbers) > 20 else "")
