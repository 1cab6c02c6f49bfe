"""Processes of one simulation. The only module that imports mpi4py.

Every rank runs the same script and makes the same calls, so every collective operation is entered by all. None of them
blocks inside MPI: a rank that waits looks around meanwhile, and says who is missing if it waits for too long.
"""

from __future__ import annotations

import atexit
import logging
import os
import pickle
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyNN.errors import CapabilityError, CommunicationError, InvalidParameterValueError, MissingPackageError

LIMIT_VARIABLE = "PYNN_CORE_MPI_TIMEOUT"
DEFAULT_LIMIT_SECONDS = 300.0
"""How long a rank waits for the others; longer than rank 0 may take to write a file or draw a figure."""
BLOCK = 64
"""Cells that stay on one rank, and that one thread deals with: vector instructions work on the same cells together."""
_LAUNCHER_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "MPI_LOCALNRANKS")
_LARGEST_MESSAGE = 1 << 29
_BUSY_TURNS = 200
_LONGEST_PAUSE = 0.002
_LOOK_SECONDS = 0.2
_ANSWER_SECONDS = 3.0
_TAG = 21311
_ADVICE = (
    "All ranks must make the same calls in the same order: look for a call within an `if` on the rank, or an exception "
    "that one rank has caught."
)
_PRECEDENCE_SECONDS = 4.0
_OUTPUT_SECONDS = 0.5


def block_share(size: int, first_id: int, rank: int, ranks: int) -> tuple[int, int]:
    """The cells (first, one after the last) of a population that a rank has: whole blocks of 64.

    Which rank has the first block depends on the population's first id, so that small populations are spread out.
    """
    if ranks == 1:
        return 0, size
    blocks = -(-size // BLOCK)
    place = (rank - first_owner(first_id, ranks)) % ranks
    first, last = (min(BLOCK * -(-blocks * k // ranks), size) for k in (place, place + 1))
    return first, last


def first_owner(first_id: int, ranks: int) -> int:
    """The rank that has the first cells of a population; the following ranks have the following cells."""
    return first_id // BLOCK % ranks


class Communicator(Protocol):
    """What the package needs of MPI. Every operation is collective: all ranks call it, in the same order.

    `what` names an operation for people, who read it if some rank does not take part.
    """

    rank: int
    size: int
    parts: int
    """How many ranks give something: `size`, or 1 in a dry run."""

    def gather(self, value: Any, what: str = "") -> list[Any] | None:
        """All ranks' values on rank 0 (None elsewhere)."""

    def allgather(self, value: Any, what: str = "") -> list[Any]: ...

    def broadcast(self, value: Any, what: str = "") -> Any:
        """Rank 0's value on every rank."""

    def barrier(self, what: str = "") -> None: ...

    def largest(self, values: Any, what: str = "") -> NDArray[np.float64]:
        """For each of some numbers the largest that any rank has."""

    def share_rows(self, own: NDArray[Any], everyone: NDArray[Any], what: str = "") -> None:
        """Fill row k of `everyone` with what rank k has in `own`, an array of the same length on all ranks."""

    def share_pieces(self, own: NDArray[Any], everyone: NDArray[Any], sizes: list[int], what: str = "") -> None:
        """Fill `everyone` with what all ranks have in `own`, one after the other; rank k has sizes[k] elements."""


class SerialCommunicator:
    """One process, or one that pretends to be rank `rank` of `size` (a dry run)."""

    parts = 1

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    def gather(self, value: Any, what: str = "") -> list[Any]:
        return [value]

    def allgather(self, value: Any, what: str = "") -> list[Any]:
        return [value]

    def broadcast(self, value: Any, what: str = "") -> Any:
        return value

    def barrier(self, what: str = "") -> None:
        return None

    def largest(self, values: Any, what: str = "") -> NDArray[np.float64]:
        return np.array(values, dtype=float)

    def share_rows(self, own: NDArray[Any], everyone: NDArray[Any], what: str = "") -> None:
        everyone[:] = 0
        everyone[self.rank] = own

    def share_pieces(self, own: NDArray[Any], everyone: NDArray[Any], sizes: list[int], what: str = "") -> None:
        first = sum(sizes[: self.rank])
        everyone[first : first + len(own)] = own


@dataclass
class _Place:
    """Where a rank is."""

    number: int
    """Of the collective operation that it is in, counted from 1; or of the last one, if it has left."""
    what: str
    line: str
    """The line of the script."""
    left: bool = False
    """Whether it has come to the end of the script."""

    def __str__(self) -> str:
        return "the end of the script" if self.left else f"'{self.what}'{f' ({self.line})' if self.line else ''}"


class MPICommunicator:
    """All processes that were started together, through mpi4py."""

    def __init__(self, limit_seconds: float | None = None) -> None:
        from mpi4py import MPI

        self._mpi = MPI
        self._world = MPI.COMM_WORLD
        self.rank = int(self._world.Get_rank())
        self.size = self.parts = int(self._world.Get_size())
        self.limit_seconds = _limit() if limit_seconds is None else limit_seconds
        self._number = 0
        self._sent: list[Any] = []
        self._known: dict[int, _Place] = {}
        self._asked_at = 0.0
        self._speaker: int | None = None
        self._alive: Any = None
        # Messages of a script's own use of MPI and of ours must not meet.
        self._comm, request = self._world.Idup()
        self._finish(request, "setup")

    # -- operations

    def gather(self, value: Any, what: str = "gather") -> list[Any] | None:
        data = np.frombuffer(pickle.dumps(value, protocol=5), dtype=np.uint8)
        sizes = self._sizes(data, what)
        if self.rank != 0:
            self._finish([self._comm.Isend(piece, dest=0) for piece in _pieces(data)], what, data, counts=False)
            return None
        received = [np.empty(size, dtype=np.uint8) for size in sizes]
        for source in range(1, self.size):
            requests = [self._comm.Irecv(piece, source=source) for piece in _pieces(received[source])]
            self._finish(requests, what, received, counts=False)
        return [value, *(pickle.loads(one.data) for one in received[1:])]

    def allgather(self, value: Any, what: str = "gather") -> list[Any]:
        data = np.frombuffer(pickle.dumps(value, protocol=5), dtype=np.uint8)
        sizes = self._sizes(data, what)
        if sum(sizes) <= _LARGEST_MESSAGE:
            everyone = np.empty(sum(sizes), dtype=np.uint8)
            self.share_pieces(data, everyone, sizes, what)
            ends = np.cumsum(sizes)
            return [pickle.loads(everyone[end - size : end].data) for end, size in zip(ends, sizes, strict=True)]
        found = []
        for source, size in enumerate(sizes):
            own = data if source == self.rank else np.empty(size, dtype=np.uint8)
            found.append(pickle.loads(self._broadcast(own, source, what).data))
        return found

    def broadcast(self, value: Any, what: str = "broadcast") -> Any:
        own = self.rank == 0
        data = np.frombuffer(pickle.dumps(value, protocol=5) if own else b"", dtype=np.uint8)
        size = np.array([len(data)], dtype=np.int64)
        self._finish(self._comm.Ibcast(size, root=0), what, size)
        data = self._broadcast(data if own else np.empty(int(size[0]), dtype=np.uint8), 0, what)
        return value if own else pickle.loads(data.data)

    def _broadcast(self, data: NDArray[np.uint8], root: int, what: str) -> NDArray[np.uint8]:
        # mpi4py takes only arrays that could be written to.
        data = data if data.flags.writeable else data.copy()
        for piece in _pieces(data):
            self._finish(self._comm.Ibcast(piece, root=root), what, data)
        return data

    def barrier(self, what: str = "barrier") -> None:
        self._finish(self._comm.Ibarrier(), what)

    def largest(self, values: Any, what: str = "agreement") -> NDArray[np.float64]:
        own = np.array(values, dtype=float)
        result = np.empty_like(own)
        self._finish(self._comm.Iallreduce(own, result, op=self._mpi.MAX), what, (own, result))
        return result

    def share_rows(self, own: NDArray[Any], everyone: NDArray[Any], what: str = "exchange") -> None:
        self._finish(self._comm.Iallgather(own, everyone), what, (own, everyone))

    def share_pieces(
        self, own: NDArray[Any], everyone: NDArray[Any], sizes: list[int], what: str = "exchange"
    ) -> None:
        self._finish(self._comm.Iallgatherv(own, [everyone, sizes]), what, (own, everyone))

    def _sizes(self, data: NDArray[np.uint8], what: str) -> list[int]:
        everyone = np.zeros(self.size, dtype=np.int64)
        self.share_rows(np.array([len(data)], dtype=np.int64), everyone, what)
        return [int(size) for size in everyone]

    # -- waiting

    def _finish(self, request: Any, what: str, alive: Any = None, counts: bool = True) -> None:
        """Wait until an operation is done; `alive` is what it works on."""
        self._number += int(counts)
        test = request.Test if not isinstance(request, list) else lambda: self._mpi.Request.Testall(request)
        try:
            for _ in range(_BUSY_TURNS):
                if test():
                    return
                time.sleep(0)
            # The memory must outlast the operation, also if an interrupt ends the waiting.
            self._alive = (request, alive)
            self._watch(test, _Place(self._number, what, ""), self.limit_seconds)
            self._alive = None
        except self._mpi.Exception as error:
            raise CommunicationError(
                f"Rank {self.rank} of {self.size}: '{what}' ({_line_of_script()}) failed: {error}. Most likely another "
                f"rank was in another operation. {_ADVICE}"
            ) from error

    def _watch(self, test: Callable[[], bool], place: _Place, limit: float) -> None:
        began = looked = time.monotonic()
        asked: float | None = None
        while not test():
            now = time.monotonic()
            # Short waits are answered at once, and long ones leave the processor to others.
            time.sleep(min(0.02 * (now - began), _LONGEST_PAUSE))
            if now - looked < _LOOK_SECONDS:
                continue
            looked = now
            place.line = place.line or _line_of_script()
            self._answer(place)
            gone = [rank for rank, other in self._known.items() if other.left and other.number < place.number]
            if gone and not place.left:
                raise CommunicationError(self._complaint(place, now - began, gone))
            if not limit or now - began < limit:
                continue
            if asked is None and now - self._asked_at > 2 * _ANSWER_SECONDS:
                asked = now
                self._known = {rank: other for rank, other in self._known.items() if other.left}
                self._tell("where are you", place, [rank for rank in range(self.size) if rank != self.rank])
            elif asked is not None and now - asked > _ANSWER_SECONDS:
                missing = [rank for rank in range(self.size) if rank != self.rank and rank not in self._known]
                raise CommunicationError(self._complaint(place, now - began, missing))

    def _complaint(self, place: _Place, seconds: float, missing: list[int]) -> str:
        elsewhere = {
            rank: other for rank, other in sorted(self._known.items())
            if rank not in missing and (other.left or other.number != place.number or other.what != place.what)
        }
        waits = f"has waited for {seconds:.0f} s" if seconds >= 1.0 else "waits"
        text = f"Rank {self.rank} of {self.size} {waits} in {place}, where all ranks must come."
        if missing and all(rank in self._known and self._known[rank].left for rank in missing):
            text += f" {_ranks(missing).capitalize()} came to the end of the script without it."
        elif missing:
            text += f" Missing, and in no other common operation: {_ranks(missing)}."
        if elsewhere:
            listed = "; ".join(f"rank {rank}, {other}" for rank, other in elsewhere.items())
            text += f" Waiting elsewhere: {listed}."
        return f"{text} {_ADVICE} {LIMIT_VARIABLE} sets how many seconds a rank waits (0: for ever)."

    def _tell(self, kind: str, place: _Place, ranks: list[int]) -> None:
        self._sent = [request for request in self._sent if not request.Test()]
        self._sent += [self._world.isend((kind, place), dest=rank, tag=_TAG) for rank in ranks]

    def _answer(self, place: _Place) -> None:
        """Take notice of what others have told, and answer those who ask."""
        status = self._mpi.Status()
        while self._world.iprobe(source=self._mpi.ANY_SOURCE, tag=_TAG, status=status):
            source = status.Get_source()
            kind, other = self._world.recv(source=source, tag=_TAG)
            if kind == "failed":
                if self._speaker is None:
                    self._speaker = source
                    self._tell("show it", place, [source])
                continue
            if kind == "show it":
                self._speaker = self.rank
                continue
            self._known[source] = other
            if kind == "where are you":
                self._asked_at = time.monotonic()
                self._tell("here", place, [source])

    # -- the end

    def leave(self) -> None:
        """Wait for the others at the end of the script; who waits for this rank in some operation learns of it."""
        place = _Place(self._number, "", "", left=True)
        # Only ranks that are waiting read this; with very many of them, those that ask are told.
        self._tell("left", place, [rank for rank in range(min(self.size, 64)) if rank != self.rank])
        together = self._world.Ibarrier()
        try:
            self._watch(together.Test, place, 0.0)
        except BaseException:
            self._world.Abort(1)
            raise

    def abort(self, show: Callable[[], None]) -> None:
        """End all processes after an exception of this one; `show` prints it.

        An exception that several ranks have is shown by one of them, which then ends the others: rank 0 shows its own,
        and lets the first of the others show theirs when it has none. It may be at work and not answer.
        """
        try:
            self._give_precedence()
        except self._mpi.Exception:
            # MPI itself is what has failed; then every rank shows what it knows.
            pass
        print(f"Rank {self.rank} of {self.size} ends the job:", file=sys.stderr)
        show()
        sys.stdout.flush()
        sys.stderr.flush()
        # Output is passed on by the launcher, which ends with the job.
        time.sleep(_OUTPUT_SECONDS)
        self._world.Abort(1)

    def _give_precedence(self) -> None:
        """Wait until this rank may show its exception; in most cases where another does, that ends this process."""
        place = _Place(self._number, "", "")
        if self.rank == 0 and self._speaker is None:
            self._speaker = 0
        elif self.rank != 0:
            self._tell("failed", place, [0])
        until = time.monotonic() + _PRECEDENCE_SECONDS
        while self._speaker != self.rank and time.monotonic() < until:
            self._answer(place)
            time.sleep(_LONGEST_PAUSE)


def _pieces(data: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    return [data[first : first + _LARGEST_MESSAGE] for first in range(0, len(data), _LARGEST_MESSAGE)]


def _ranks(ranks: list[int]) -> str:
    listed = ", ".join(str(rank) for rank in ranks[:20]) + (f" and {len(ranks) - 20} more" if len(ranks) > 20 else "")
    return f"rank {listed}" if len(ranks) == 1 else f"ranks {listed}"


def _limit() -> float:
    given = os.environ.get(LIMIT_VARIABLE, "").strip()
    try:
        seconds = float(given or DEFAULT_LIMIT_SECONDS)
    except ValueError:
        seconds = -1.0
    if not 0.0 <= seconds < float("inf"):
        raise InvalidParameterValueError(
            f"{LIMIT_VARIABLE}={given!r} is not possible: it is a number of seconds, or 0 to wait for ever."
        )
    return seconds


def _line_of_script() -> str:
    """Where the script has called this package."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("pyNN", "contextlib"):
        frame = frame.f_back
    return "" if frame is None else f"{os.path.basename(frame.f_code.co_filename)}, line {frame.f_lineno}"


def parts_of_exception(failure: Exception | None) -> tuple[type[Exception], Any, dict[str, Any]] | None:
    """(type, arguments, attributes), which can be sent to other ranks."""
    return None if failure is None else (type(failure), failure.__reduce__()[1], dict(vars(failure)))


def agree(comm: Communicator, failure: Exception | None, what: str) -> None:
    """Raise on every rank if any rank has failed: its own exception, or that of the first that has."""
    if comm.parts > 1 and comm.largest([float(failure is not None)], what)[0]:
        everyone = comm.allgather(parts_of_exception(failure), what)
        if failure is None:
            kind, arguments, attributes = next(one for one in everyone if one is not None)
            # Exceptions whose __init__ makes the message of other arguments cannot be pickled as they are.
            failure = kind.__new__(kind, *arguments)
            vars(failure).update(attributes)
    if failure is not None:
        raise failure


@contextmanager
def together(comm: Communicator, what: str) -> Iterator[None]:
    """What fails in the block on one rank fails on all. There must be no collective operation in it."""
    failure = None
    try:
        yield
    except Exception as error:
        failure = error
    agree(comm, failure, what)


def gather_columns(
    comm: Communicator, pre: NDArray[Any], post: NDArray[Any], columns: list[Any], gather: Any
) -> tuple[NDArray[Any], NDArray[Any], list[Any]]:
    """(pre indices, post indices, columns) of the connections that `gather` asks for, ordered by post, then pre.

    Each rank has all connections onto its own cells, in that order. `gather`: True, rank 0 gets all, and the others
    keep their own; "all", everyone gets all; False, everyone keeps its own.
    """
    own = [np.asarray(pre), np.asarray(post), *(np.broadcast_to(column, (len(pre),)) for column in columns)]
    everyone: list[Any] | None = None
    if gather:
        what = "gathering of connections"
        everyone = comm.allgather(own, what) if isinstance(gather, str) else comm.gather(own, what)
    if everyone is None:
        return own[0], own[1], own[2:]
    joined = [np.concatenate(parts) for parts in zip(*everyone, strict=True)]
    order = np.argsort(joined[1], kind="stable")
    whole = [column[order] for column in joined]
    return whole[0], whole[1], whole[2:]


def rank_name(file: str, rank: int) -> str:
    """The name of a file that each rank writes for itself."""
    return f"{file}.{rank}"


def launched_by_mpi() -> bool:
    """Whether this process was started by mpirun, mpiexec or srun with MPI support."""
    return any(name in os.environ for name in _LAUNCHER_VARIABLES)


def default_communicator() -> Communicator:
    """MPI's world when the process was launched by mpirun and mpi4py works; otherwise a single process.

    mpi4py without an MPI library raises RuntimeError at import; a process that nobody launched through MPI does not
    need it and does not try.
    """
    if not launched_by_mpi():
        return SerialCommunicator()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        if int(os.environ.get("OMPI_COMM_WORLD_SIZE", os.environ.get("PMI_SIZE", "1"))) == 1:
            return SerialCommunicator()
        raise ImportError(
            "This process was started by an MPI launcher with more than one rank, but mpi4py cannot be used "
            f"({error}). Install both with: pip install 'pynn-core[mpi]'"
        ) from error
    return SerialCommunicator() if MPI.COMM_WORLD.Get_size() == 1 else _world()


@cache
def _world() -> MPICommunicator:
    """All processes. From the first use on an exception in one of them ends all, and only rank 0 warns and logs."""
    world = MPICommunicator()
    atexit.register(world.leave)
    before = sys.excepthook

    def end_all(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        world.abort(lambda: before(kind, error, traceback))

    sys.excepthook = end_all
    if world.rank != 0:
        warnings.simplefilter("ignore")
        logging.getLogger("PyNN").setLevel(logging.CRITICAL)
    return world


def end_all_ranks(show: Callable[[], None]) -> None:
    """Show an exception that ends the script; where it runs on several ranks one shows it, and all end."""
    if _world.cache_info().currsize:
        _world().abort(show)
    show()


_LAUNCHER_PREFIXES = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "PALS_", "HYDRA_", "HYDI_", "MPI_LOCAL", "I_MPI_INFO_")


def serial_environment() -> dict[str, str]:
    """The environment without what an MPI launcher has put there: for a process that is no rank of this job."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_LAUNCHER_PREFIXES)}


@contextmanager
def mpi_executor() -> Iterator[Any]:
    """An executor (concurrent.futures) whose workers are the other ranks; None on those, once they have served.

    All ranks enter, also where ``python -m mpi4py.futures`` lets only one get here. MissingPackageError without
    mpi4py, CapabilityError without a second rank.
    """
    try:
        from mpi4py import MPI
        from mpi4py.futures import MPICommExecutor
    except (ImportError, RuntimeError) as error:
        raise MissingPackageError(
            f"Working on MPI ranks needs mpi4py and an MPI library ({error}). Install both with: "
            "pip install 'pynn-core[mpi]'"
        ) from error
    if MPI.COMM_WORLD.Get_size() < 2:
        raise CapabilityError(
            "One MPI rank hands out the work and the others do it, so at least two are needed. Start with: "
            "mpirun -n 4 python -m mpi4py.futures -m pyNN ..."
        )
    with MPICommExecutor(MPI.COMM_WORLD, root=0) as executor:
        yield executor


def served_by_mpi_futures() -> bool:
    """Whether this is the one rank that ``python -m mpi4py.futures`` runs the program on."""
    return "mpi4py.futures" in sys.orig_argv


@contextmanager
def interrupts_deferred() -> Iterator[list[Callable[[], Any]]]:
    """Collects Ctrl-C instead of letting it fall between two lines, or two common operations, that belong together.

    The list is empty until an interrupt comes; its first element then does what the interrupt would have done.
    """
    pending: list[Callable[[], Any]] = []
    if threading.current_thread() is not threading.main_thread():
        yield pending
        return
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):
        yield pending
        return

    def remember(number: int, frame: Any) -> None:
        pending.append(lambda: before(number, frame))

    signal.signal(signal.SIGINT, remember)
    try:
        yield pending
    finally:
        signal.signal(signal.SIGINT, before)


def interrupt(own: Collection[Any]) -> KeyboardInterrupt:
    """What stops a rank when all have agreed on it; `own`: the interrupts that have come to this one."""
    return KeyboardInterrupt() if own else KeyboardInterrupt("Another MPI rank was interrupted.")
