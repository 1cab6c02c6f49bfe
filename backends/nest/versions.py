"""Everything that depends on NEST's release, on how it was built or on how it is imported."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

import numpy as np

from pyNN.errors import BackendNotInstalledError, CapabilityError, SimulatorError
from pyNN.parallel import launched_by_mpi

OLDEST = (3, 10)
INSTALL = "pip install 'pynn-core[nest]'"
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

    Raises BackendNotInstalledError without NEST, CapabilityError under an MPI launcher or for a release that is
    too old.
    """
    if "nest" not in sys.modules:
        # NEST without MPI ends the process (exit status 127) when it sees an MPI launcher, so it must not be imported.
        if launched_by_mpi():
            raise CapabilityError(
                "NEST cannot be used in a process that mpirun, mpiexec or srun started: NEST from PyPI is built "
                "without MPI. Start the script with python and use several cores with setup(threads=...), or use the "
                "backend 'reference' under mpirun."
            )
        _import_quietly()
    nest = sys.modules["nest"]
    if release(nest) < OLDEST:
        raise CapabilityError(
            f"NEST {nest.__version__} is too old; {'.'.join(map(str, OLDEST))} or later is needed. Run: {INSTALL}"
        )
    return nest


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
