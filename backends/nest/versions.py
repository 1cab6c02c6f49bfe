"""Everything that depends on NEST's release, on how it was built or on how it is imported."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
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
_CONNECTIONS_AT_ONCE = 100_000


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


def connection_columns(collection: Any, names: list[str]) -> dict[str, Any]:
    """Attributes of the connections of a SynapseCollection as float64 arrays.

    NEST makes a dictionary of ten entries for each connection; piece by piece they do not fill the memory. Its own
    `get` goes over all of them several times.
    """
    kernel = importlib.import_module("nest.nestkernel_api")
    connections = collection._datum
    columns = {name: np.empty(len(connections)) for name in names}
    for start in range(0, len(connections), _CONNECTIONS_AT_ONCE):
        piece = connections[start : start + _CONNECTIONS_AT_ONCE]
        found = kernel.llapi_get_connection_status(piece)
        for name in names:
            columns[name][start : start + len(piece)] = np.fromiter(map(itemgetter(name), found), float, len(piece))
    return columns
