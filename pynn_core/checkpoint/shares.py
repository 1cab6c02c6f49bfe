"""What MPI ranks have of one simulation: brought together for one file, and given out again, on any number of ranks.

Each rank has some cells, and the connections onto them. In a file there are whole populations and projections, in the
order of the description: cells by index, connections by postsynaptic cell and, within one, as they are in its table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pyNN.parallel import Communicator, SerialCommunicator, agree
from pyNN.specs import IntArray, ProjectionSpec

Piece = TypeVar("Piece")
Later = Callable[["Gathering"], Any]
"""A part of a tree that is made when it is its turn to be written, so that no two parts need be in memory together.

Collective: all ranks call it, in the order of the tree. What it gives counts on rank 0.
"""


class Gathering:
    """Brings pieces of all ranks together on rank 0. What fails on one rank is raised on all, and none is left waiting.

    `failure` is what has gone wrong on this rank since the ranks met last; they learn of it when they meet next.
    """

    def __init__(self, comm: Communicator | None = None) -> None:
        self.comm: Communicator = SerialCommunicator() if comm is None else comm
        self.failure: Exception | None = None
        self.is_over = False
        """Whether a failure has been raised on all ranks."""

    @property
    def is_parallel(self) -> bool:
        return self.comm.parts > 1

    def check(self, what: str) -> None:
        """Raise on all ranks if anything has failed on any."""
        try:
            agree(self.comm, self.failure, what)
        except Exception:
            self.is_over = True
            raise

    def attempt(self, make: Callable[[], Piece]) -> Piece | None:
        """What a function gives, unless something has failed before or does so now."""
        if self.failure is None:
            try:
                return make()
            except Exception as error:
                self.failure = error
        return None

    def everyone(self, make: Callable[[], Piece], what: str) -> list[Piece]:
        """What the function gives on each rank, on all ranks: for something small."""
        own = self.attempt(make)
        self.check(what)
        found: list[Piece] = self.comm.allgather(own, what)
        return found

    def joined(self, make: Callable[[], Piece], join: Callable[[list[Piece]], Any], what: str) -> Any:
        """The pieces of all ranks made one on rank 0; None on the others."""
        own = self.attempt(make)
        self.check(what)
        pieces: list[Piece] | None = self.comm.gather(own, what)
        del own
        return None if pieces is None else self.attempt(lambda: join(pieces))


def first_to_have(everyone: Sequence[Sequence[str]], rank: int) -> list[str]:
    """Of names that several ranks know alike, those that a rank hands in: no rank before it has them."""
    known = {name for names in everyone[:rank] for name in names}
    return [name for name in everyone[rank] if name not in known]


def whole(pieces: Sequence[tuple[tuple[int, int], NDArray[Any]]], size: int) -> NDArray[Any]:
    """Values of all cells, which are the last axis, from ((first, end), values of these cells) of each rank."""
    if len(pieces) == 1:
        return pieces[0][1]
    result = np.zeros((*pieces[0][1].shape[:-1], size), dtype=pieces[0][1].dtype)
    for (first, end), values in pieces:
        result[..., first:end] = values
    return result


# --- connections -----------------------------------------------------------------------------------------------------


def order_of(posts: Sequence[NDArray[Any]]) -> IntArray | None:
    """How to put in order what ranks have of connections, one rank after the other; None: it is in order.

    `posts` are the postsynaptic indices on each rank. A cell has all its connections on one rank, where they are in
    order.
    """
    if len(posts) == 1:
        return None
    return np.argsort(np.concatenate(posts), kind="stable")


def ordered(columns: Sequence[NDArray[Any]], order: IntArray | None) -> NDArray[Any]:
    """Values of all connections, which are the last axis, from those of each rank."""
    if order is None:
        return columns[0]
    return np.concatenate(columns, axis=-1)[..., order]


def is_shared(comm: Communicator, spec: ProjectionSpec) -> bool:
    """Whether each rank has the connections onto its own cells; electrical ones are known to all ranks."""
    return comm.parts > 1 and not spec.model.coupling


def own_places(comm: Communicator, spec: ProjectionSpec) -> IntArray | None:
    """The positions of this rank's connections among all of a projection; None: it has all. Collective."""
    if not is_shared(comm, spec) or spec.table is None:
        return None
    post = np.asarray(spec.table.post)
    own = np.bincount(post, minlength=len(spec.post))
    counts = comm.largest(own, f"numbers of connections of {spec.label}").astype(np.int64)
    before = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])[:-1]
    first_here = np.cumsum(own) - own
    return before[post] + np.arange(len(post)) - first_here[post]


def chosen(values: Any, places: IntArray | None) -> Any:
    """Of values of all connections, which are the last axis, those of this rank; a scalar stays one."""
    return values if places is None or not np.ndim(values) else np.asarray(values)[..., places]
