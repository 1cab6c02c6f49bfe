"""Everything that depends on NEST's release, on how it was built or on how it is imported."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.errors import BackendNotInstalledError, CapabilityError, SimulatorError
from pyNN.parallel import MPICommunicator, default_communicator, launched_by_mpi, serial_environment

OLDEST = (3, 10)
INSTALL = "pip install 'pynn-core[nest]'"
INSTALL_WITH_MPI = (
    "sudo apt install libopenmpi-dev openmpi-bin libgsl-dev libboost-dev libltdl-dev g++ && "
    "pip install --no-binary nest-simulator,mpi4py nest-simulator mpi4py -Ccmake.define.with-mpi=ON"
)
MAX_CONNECTIONS = 134_217_726
"""Most connections that one synapse model may have on one thread (27 bits number them)."""
MAX_SYNAPSE_MODELS = 511
TICS_PER_MS = 1000
"""NEST counts time in tics; a time step must be a whole number of them."""
VERBOSITIES = ("all", "debug", "status", "info", "progress", "deprecated", "warning", "error", "fatal", "quiet")
"""Names of nest.VerbosityLevel, from the most to the least talkative."""
_LARGEST_TIC_MULTIPLE = 1000
_CONNECTIONS_AT_ONCE = 100


def load_nest() -> Any:
    """The module `nest`, imported without its banner and without reading the script's command line.

    Raises BackendNotInstalledError without NEST, CapabilityError for a release that is too old and, under an MPI
    launcher, for a NEST without MPI or with another MPI library than mpi4py.
    """
    if "nest" not in sys.modules:
        if launched_by_mpi():
            _import_under_mpi()
        else:
            _import_quietly()
    nest = sys.modules["nest"]
    if release(nest) < OLDEST:
        raise CapabilityError(
            f"NEST {nest.__version__} is too old; {'.'.join(map(str, OLDEST))} or later is needed. Run: {INSTALL}"
        )
    return nest


def _import_under_mpi() -> None:
    if importlib.util.find_spec("nest") is not None and not has_mpi():
        # NEST without MPI ends the process (exit status 127) when it sees an MPI launcher. With the communicator, an
        # exception that all ranks have is shown once; without mpi4py each shows its own.
        with suppress(ImportError):
            default_communicator()
        raise CapabilityError(
            "This process was started by mpirun, mpiexec or srun, but the NEST that is installed has no MPI, as none "
            "from PyPI has. Start the script with python and use the cores of this machine with setup(threads=...), or "
            "use the backend 'reference' under mpirun, or build a NEST with MPI in a new virtual environment (10 to 45 "
            f"minutes): {INSTALL_WITH_MPI}. The page 'NEST on several MPI ranks' of the documentation has more."
        )
    # mpi4py begins MPI, and NEST finds it begun.
    comm = default_communicator()
    _import_quietly()
    if isinstance(comm, MPICommunicator):
        # NEST ends MPI when the interpreter ends. What is registered last comes first, and must come before that.
        atexit.unregister(comm.leave)
        atexit.register(comm.leave)
    ranks = sys.modules["nest"].num_processes
    if ranks != comm.size:
        raise CapabilityError(
            f"NEST is on {ranks} MPI ranks, but mpi4py on {comm.size}: they were built with different MPI libraries, "
            "or the mpirun is that of another one. Build both with the same: pip install --no-binary mpi4py mpi4py, "
            "and start the script with the mpirun of the MPI that NEST was built with."
        )


def has_mpi() -> bool:
    """Whether the NEST that is installed was built with MPI; it is not imported."""
    found = importlib.util.find_spec("nest")
    if found is None or found.origin is None:
        return False
    for library in Path(found.origin).parent.glob("nestkernel_api*.so"):
        with open(library, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(b"MPI_Comm_size") >= 0:
                return True
    # A kernel in a library of its own: NEST itself knows, in a process that no MPI launcher has started.
    code = "import nest; print(nest.build_info['have_mpi'])"
    asked = subprocess.run(
        [sys.executable, "-c", code], env=serial_environment(), capture_output=True, text=True, check=False
    )
    return asked.stdout.strip().endswith("True")


def _import_quietly() -> None:
    arguments, flags, quiet = sys.argv, sys.getdlopenflags(), os.environ.get("PYNEST_QUIET")
    # NEST hands sys.argv to its kernel, which would take the script's own words for its options.
    sys.argv = arguments[:1]
    os.environ["PYNEST_QUIET"] = "1"
    try:
        import nest  # noqa: F401
    except ImportError as error:
        raise BackendNotInstalledError(f"NEST cannot be imported ({error}). Install it with: {INSTALL}") from error
    finally:
        sys.argv = arguments
        sys.setdlopenflags(flags)
        if quiet is None:
            del os.environ["PYNEST_QUIET"]
        else:
            os.environ["PYNEST_QUIET"] = quiet


def release(nest: Any) -> tuple[int, ...]:
    """NEST's version as numbers: (3, 10)."""
    parts = str(nest.__version__).split(".")[:2]
    return tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in parts)


@contextmanager
def reporting(nest: Any, doing: str) -> Iterator[None]:
    """Turn an error of NEST's into a SimulatorError that has its text and says what was going on."""
    try:
        yield
    except nest.NESTError as error:
        raise SimulatorError(f"NEST reported an error while {doing}: {type(error).__name__}: {error}") from error


def tics_per_ms(dt: float) -> int:
    """Smallest number of tics a ms, a multiple of NEST's usual one, of which `dt` ms is a whole number."""
    for multiple in range(1, _LARGEST_TIC_MULTIPLE + 1):
        tics = dt * TICS_PER_MS * multiple
        if round(tics) >= 1 and abs(tics - round(tics)) < 1e-6:
            return TICS_PER_MS * multiple
    raise CapabilityError(
        f"NEST cannot use a time step of {dt} ms: it must be a whole number of its time units (tics), which can be "
        f"as short as {1 / (TICS_PER_MS * _LARGEST_TIC_MULTIPLE)} ms. Choose a time step such as "
        f"{round(dt, 3) or 0.001} ms."
    )


def reset_kernel(nest: Any, dt: float, threads: int, seed: int, verbosity: str) -> None:
    """An empty kernel with this time step (ms), number of threads and seed (1 .. 2**32 - 1)."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel[verbosity.upper()]
    tics = tics_per_ms(dt)
    if tics != TICS_PER_MS:
        nest.set(tics_per_ms=tics, resolution=dt)
    else:
        nest.resolution = dt
    nest.local_num_threads = threads
    nest.rng_seed = seed


def take_events(recorder: Any) -> dict[str, Any]:
    """What a recorder has stored, as arrays by name; the recorder forgets it.

    Setting n_events through the NodeCollection would read, and so copy, all of it twice more.
    """
    kernel = importlib.import_module("nest.nestkernel_api")
    events: dict[str, Any] = recorder.events
    if events["times"].size:
        kernel.llapi_set_nc_status(recorder._datum, [{"n_events": 0}])
    return events


def set_nodes(nodes: Any, common: Mapping[str, Any], columns: Mapping[str, list[Any]] | None = None) -> None:
    """Give parameters to a NodeCollection: `common` ones the same to all, and of `columns` one value to each.

    NodeCollection.set would first ask every node whether it is local, which takes longer than the setting itself.
    """
    kernel = importlib.import_module("nest.nestkernel_api")
    if columns:
        names = list(columns)
        rows = zip(*columns.values(), strict=True)
        kernel.llapi_set_nc_status(nodes._datum, [{**common, **dict(zip(names, row, strict=True))} for row in rows])
    elif common:
        kernel.llapi_set_nc_status(nodes._datum, [dict(common)])


def connection_columns(connections: list[Any], names: list[str]) -> dict[str, Any]:
    """Attributes of connections, as listed by `connections_of`, as float64 arrays.

    NEST makes a dictionary of a dozen entries for each connection. It takes a third of the time where a few of them
    are made at a time: they stay in the processor's cache, and Python does not look for garbage among them.
    """
    kernel = importlib.import_module("nest.nestkernel_api")
    columns = {name: np.empty(len(connections)) for name in names}
    for start in range(0, len(connections), _CONNECTIONS_AT_ONCE):
        piece = connections[start : start + _CONNECTIONS_AT_ONCE]
        found = kernel.llapi_get_connection_status(piece)
        for name in names:
            columns[name][start : start + len(piece)] = np.fromiter(map(itemgetter(name), found), float, len(piece))
    return columns


def set_connections(connections: list[Any], common: dict[str, Any], columns: dict[str, Any]) -> None:
    """Give attributes to connections: `common` ones the same to all, and of `columns` one number to each.

    SynapseCollection.set would make all dictionaries before it uses the first.
    """
    kernel = importlib.import_module("nest.nestkernel_api")
    if not connections:
        return
    if not columns:
        kernel.llapi_set_connection_status(connections, common)
        return
    names = list(columns)
    for start in range(0, len(connections), _CONNECTIONS_AT_ONCE):
        rows = zip(*(columns[name][start : start + _CONNECTIONS_AT_ONCE].tolist() for name in names), strict=True)
        given = [{**common, **dict(zip(names, row, strict=True))} for row in rows]
        kernel.llapi_set_connection_status(connections[start : start + _CONNECTIONS_AT_ONCE], given)


def connections_of(collection: Any) -> list[Any]:
    """The members of a SynapseCollection, in its order, as NEST's own functions take them."""
    return list(collection._datum or ())
