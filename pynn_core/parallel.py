"""Processes of one simulation. The only module that imports mpi4py."""

from __future__ import annotations

import os
from typing import Any, Protocol

_LAUNCHER_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "MPI_LOCALNRANKS")


class Communicator(Protocol):
    """What the package needs of MPI."""

    rank: int
    size: int

    def gather(self, value: Any) -> list[Any] | None:
        """All ranks' values on rank 0 (None elsewhere)."""

    def allgather(self, value: Any) -> list[Any]: ...

    def broadcast(self, value: Any) -> Any:
        """Rank 0's value on every rank."""

    def barrier(self) -> None: ...


class SerialCommunicator:
    """One process, or one that pretends to be rank `rank` of `size` (a dry run)."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank = rank
        self.size = size

    def gather(self, value: Any) -> list[Any]:
        return [value]

    def allgather(self, value: Any) -> list[Any]:
        return [value]

    def broadcast(self, value: Any) -> Any:
        return value

    def barrier(self) -> None:
        return None


class MPICommunicator:
    """MPI.COMM_WORLD through mpi4py."""

    def __init__(self) -> None:
        from mpi4py import MPI

        self._comm = MPI.COMM_WORLD
        self.rank = int(self._comm.Get_rank())
        self.size = int(self._comm.Get_size())

    def gather(self, value: Any) -> list[Any] | None:
        return self._comm.gather(value, root=0)

    def allgather(self, value: Any) -> list[Any]:
        return self._comm.allgather(value)

    def broadcast(self, value: Any) -> Any:
        return self._comm.bcast(value, root=0)

    def barrier(self) -> None:
        self._comm.Barrier()


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
        return MPICommunicator()
    except (ImportError, RuntimeError) as error:
        if int(os.environ.get("OMPI_COMM_WORLD_SIZE", os.environ.get("PMI_SIZE", "1"))) == 1:
            return SerialCommunicator()
        raise ImportError(
            "This process was started by an MPI launcher with more than one rank, but mpi4py cannot be used "
            f"({error}). Install both with: pip install 'pynn-core[mpi]'"
        ) from error
