"""How streamed recordings lie in an HDF5 file, and how such a file is opened while another process writes it.

    /                                   format, version, dt (ms), simulator
    /population_000                     label, size, first_id, description; group "annotations"
    /population_000/segment_000         recorded_at, description; group "annotations"; dataset "stop_step" (1,)
    .../v_000                           variable, unit, start_step, every_steps
    .../v_000/cell                      (cells,)  index of each column's cell in the population
    .../v_000/values                    (samples, cells)  in the unit; sample k is at start_step + k*every_steps
    .../spikes_000/recorded_cell        (cells,)  indices of the cells that are recorded, silent ones included
    .../spikes_000/step, cell           (spikes,)  in order of step; a spike is at step*dt ms
    .../spikes_000/offset               (spikes,)  ms by which a spike precedes its step, where times are off the grid

A segment is what was recorded between two calls of reset(). A part (v_000) is what was recorded in one go.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pyNN.errors import FileFormatError, MissingPackageError, PyNNError
from pyNN.recording.files import Attributes, check_heaps

Result = TypeVar("Result")
EXTENSIONS = (".h5", ".hdf5")
FORMAT = "pynn-core recording"
VERSION = 1
LIBRARY = ("v110", "v110")
"""The oldest format of HDF5 in which a file can be read while it is written."""
SPIKES = "spikes"
CHUNK_NUMBERS = 1 << 15
_WIDEST_CHUNK = 4096
_SPIKE_CHUNK = 1 << 14
_KINDS = {"step": "i8", "cell": "i4", "offset": "f8"}
_PATIENCE = 3.0
"""Seconds for which a reader waits for a writer to be done with what cannot be read meanwhile."""


def is_streamed(target: Any) -> bool:
    """Whether record(to_file=target) streams columns to the file while the simulation runs."""
    return isinstance(target, (str, os.PathLike)) and Path(target).suffix.lower() in EXTENSIONS


def h5py() -> Any:
    """The package h5py; MissingPackageError with the pip line without it."""
    try:
        import h5py
    except ImportError as error:
        raise MissingPackageError(
            "Streaming recorded data to an HDF5 file needs the package h5py. Install it with: "
            "pip install 'pynn-core[formats]'"
        ) from error
    return h5py


def _is_being_written(path: Path) -> bool:
    """Whether a writer has the file open, or was interrupted. Only then is HDF5 to repeat what it cannot read."""
    with open(path, "rb") as file:
        begin = file.read(12)
    return len(begin) == 12 and begin[11] != 0


_ATTEMPTS = 25
"""How often HDF5 reads again what a writer seems to be changing. It waits 1 ns before the second attempt, then twice as
long each time: 30 ms in all. The hundred attempts that it makes of itself have no end where a file is damaged."""


@cache
def _attempts_setter() -> Any:
    """The function of HDF5 that says how often, for which h5py has no name; None where it is not found.

    On Windows it cannot be found through h5py's module.
    """
    found = getattr(ctypes.CDLL(h5py().h5p.__file__), "H5Pset_metadata_read_attempts", None)
    if found is not None:
        found.argtypes = (ctypes.c_int64, ctypes.c_uint)
    return found


def _access() -> Any:
    """How HDF5 is to open a file of which one process may read what another one appends."""
    package = h5py()
    access = package.h5p.create(package.h5p.FILE_ACCESS)
    access.set_fclose_degree(package.h5f.CLOSE_STRONG)
    access.set_file_locking(False, True)
    set_attempts = _attempts_setter()
    if set_attempts is not None:
        set_attempts(access.id, _ATTEMPTS)
    return access


def _opened(path: Path) -> Any:
    """The open h5py.File, which a writer may have open too."""
    package = h5py()
    if not _is_being_written(path):
        return package.File(path, "r", locking=False)
    mode = package.h5f.ACC_RDONLY | package.h5f.ACC_SWMR_READ
    return package.File(package.h5f.open(os.fsencode(path), mode, _access()))


_WRONG_CONTENTS = (
    KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError, OSError, RuntimeError, MemoryError,
)  # fmt: skip


def read_steadily(paths: Sequence[Path], read: Callable[[], Result]) -> Result:
    """What a function reads from files, read again where a writer has changed one of them meanwhile.

    A writer that begins to append after a file has been opened leaves the reader with half of what it had. Raises
    FileFormatError for a file that nobody has changed for a second.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return read()
        except (PyNNError, FileNotFoundError, PermissionError):
            raise
        except _WRONG_CONTENTS as error:
            changed = max(path.stat().st_mtime for path in paths)
            if time.monotonic() > deadline or time.time() - changed > 1.0:
                raise FileFormatError(f"'{paths[0]}' is damaged: {error!r}.") from error
        time.sleep(0.01)


def open_for_reading(path: Path) -> Any:
    """The open h5py.File; waits while a writer creates something in it, and reads what an interrupted one has left."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'.")
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            check_heaps(path)
            source = _opened(path)
            break
        except (OSError, FileFormatError) as error:
            # A file that is open for anything but appending cannot be read for some milliseconds.
            if time.monotonic() > deadline or "signature" in str(error):
                raise FileFormatError(f"'{path}' is not an HDF5 file that can be read: {error}.") from error
            time.sleep(0.01)
    try:
        _check_format(source, path)
    except BaseException:
        source.close()
        raise
    return source


def _check_format(source: Any, path: Path) -> None:
    attributes = Attributes(source)
    if attributes.get("format") != FORMAT:
        raise FileFormatError(
            f"'{path}' is an HDF5 file, but not one that record(to_file=...) has streamed. "
            "What write_data() wrote is a NIX file; neo.io.NixIO reads it."
        )
    version = int(attributes["version"])
    if version > VERSION:
        raise FileFormatError(f"'{path}' has version {version} of the format, and this release reads up to {VERSION}.")


def has_spikes(part: Any) -> bool:
    """Whether a part has columns of spikes, not samples of a variable."""
    return bool(Attributes(part)["variable"] == SPIKES)


def open_for_appending(path: Path, cache_bytes: int) -> Any:
    """The open h5py.File; datasets can be extended, and what is there stays readable whatever happens to the process.

    Opening and then saying so, as h5py's `swmr_mode` does, would leave a moment in which a process that is killed
    leaves a file that no reader accepts.
    """
    package, access = h5py(), _access()
    access.set_libver_bounds(package.h5f.LIBVER_V110, package.h5f.LIBVER_V110)
    metadata, slots, _, preemption = access.get_cache()
    access.set_cache(metadata, slots, cache_bytes, preemption)
    flags = package.h5f.ACC_RDWR | package.h5f.ACC_SWMR_WRITE
    return package.File(package.h5f.open(os.fsencode(path), flags, access))


def population_name(number: int) -> str:
    return f"population_{number:03d}"


def segment_name(number: int) -> str:
    return f"segment_{number:03d}"


def rank_path(path: Path, rank: int, size: int) -> Path:
    """The file of one of several processes."""
    return path if size == 1 else path.with_name(f"{path.name}.{rank}")


def create_values(part: Any, cells: int) -> Any:
    """The dataset for samples of a number of cells, empty."""
    width = min(max(cells, 1), _WIDEST_CHUNK)
    # A rank without any of the cells has a column set of width 0, which HDF5 chunks only where it could grow.
    return part.create_dataset(
        "values", (0, cells), "f8", maxshape=(None, cells or None), chunks=(CHUNK_NUMBERS // width, width)
    )


def create_spikes(part: Any, name: str) -> Any:
    """The dataset for "step", "cell" or "offset" of spikes, empty."""
    return part.create_dataset(name, (0,), _KINDS[name], maxshape=(None,), chunks=(_SPIKE_CHUNK,))
