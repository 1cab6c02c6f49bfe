"""Neo blocks into files: the format by the file's extension, and never a half-written file under the final name."""

from __future__ import annotations

import errno
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pyNN.errors import FileFormatError, MissingPackageError, NothingToWriteError
from pyNN.parallel import Communicator, together


@dataclass(frozen=True)
class FileFormat:
    """One Neo IO class that can write a block, and the package that it needs."""

    io: str
    """Name of the class in neo.io."""
    package: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


_NIX = FileFormat("NixIO", "nixio", {"mode": "ow"})
_PICKLE = FileFormat("PickleIO")
FORMATS: dict[str, FileFormat] = {
    ".nix": _NIX,
    ".h5": _NIX,
    ".nwb": FileFormat("NWBIO", "pynwb", {"mode": "w"}),
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".mat": FileFormat("NeoMatlabIO"),
}
TEXT_EXTENSIONS = (".txt", ".ras", ".v", ".gsyn")


def file_format(filename: str | os.PathLike[str]) -> FileFormat:
    """The format that belongs to the extension of `filename`; FileFormatError where there is none.

    Also raises MissingPackageError, so that a script that asks for a file learns of it before it simulates.
    """
    extension = Path(filename).suffix.lower()
    known = ", ".join(FORMATS)
    if extension in TEXT_EXTENSIONS:
        raise FileFormatError(
            f"ASCII-based formats such as '{extension}' ({filename}) cannot hold units, cells and segments, and are "
            f"not written. Use one of {known}; or take the arrays from get_data() and write them with numpy.savetxt()."
        )
    if extension not in FORMATS:
        raise FileFormatError(
            f"The format of '{filename}' cannot be told from its extension '{extension}'. Use one of {known}, "
            "or pass a Neo IO object."
        )
    found = FORMATS[extension]
    if found.package is not None and importlib.util.find_spec(found.package) is None:
        raise MissingPackageError(
            f"Writing '{filename}' needs the package {found.package}. Install it with: pip install 'pynn-core[formats]'"
        )
    return found


def get_io(filename: str | os.PathLike[str]) -> Any:
    """A Neo IO object that writes the format of the extension of `filename`: .nix .h5 .nwb .pkl .pickle or .mat."""
    import neo.io

    found = file_format(filename)
    return getattr(neo.io, found.io)(os.fspath(filename), **found.options)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path beside `path`, which takes the place of `path` when the block ends without an error.

    After an error, `path` is what it was before and the temporary file is gone. A missing folder is made.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.is_dir():
        raise FileFormatError(f"'{final}' is a folder; a file name is needed.")
    temporary = final.with_name(f".{final.stem}.{os.getpid()}.tmp{final.suffix}")
    try:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _flush_to_disk(path: Path) -> None:
    # Some file systems report a full disk only here, and the old file must not be replaced before that is known.
    with open(path, "rb+") as written:
        os.fsync(written.fileno())


def is_empty(block: Any) -> bool:
    """Whether a Neo block holds neither a signal nor a spike train."""
    return not any(
        len(segment.analogsignals) or len(segment.irregularlysampledsignals) or len(segment.spiketrains)
        for segment in block.segments
    )


def write_block(block: Any, io: Any, comm: Communicator, gather: bool = True) -> None:
    """Write a Neo block to a file name or a Neo IO object.

    With `gather`, rank 0 writes (it has everyone's data); without, every rank writes its own file, whose name ends with
    ".<rank>" where there is more than one rank. Raises NothingToWriteError, on all ranks, if there are no data; of
    several ranks that each write their own, some may have none.
    """
    with together(comm, f"writing of {block.name}"):
        if not gather or comm.rank == 0:
            _write_block(block, io, comm, gather)


def _write_block(block: Any, io: Any, comm: Communicator, gather: bool) -> None:
    if is_empty(block) and (gather or comm.size == 1):
        raise NothingToWriteError(
            f"There is nothing to write to {io!r}: '{block.name}' has recorded none of the variables asked for. "
            "Call record() before run()."
        )
    rank = None if gather or comm.size == 1 else comm.rank
    if isinstance(io, (str, os.PathLike)):
        _write_file(block, Path(io), rank)
    else:
        _write_to_io(block, io, rank)


def write_blocks(blocks: list[Any], io: Any, comm: Communicator, gather: bool = True) -> None:
    """Write several Neo blocks into one file, or to a Neo IO object; those that are empty are left out.

    As write_block(), where that is enough. Raises FileFormatError for a format that holds a single block.
    """
    with together(comm, f"writing of {len(blocks)} blocks"):
        if gather and comm.rank != 0:
            return
        full = [block for block in blocks if not is_empty(block)]
        rank = None if gather or comm.size == 1 else comm.rank
        if len(full) < 2:
            _write_block(full[0] if full else blocks[0], io, comm, gather)
        elif isinstance(io, (str, os.PathLike)):
            _write_file(full, Path(io), rank)
        else:
            _write_all(full, io)


def _write_all(blocks: list[Any], io: Any) -> None:
    if len(blocks) == 1:
        _write(blocks[0], io)
    elif hasattr(io, "write_all_blocks"):
        io.write_all_blocks(blocks)
    elif hasattr(io, "write_blocks"):
        io.write_blocks(blocks)
    else:
        raise FileFormatError(
            f"{type(io).__name__} holds one block in a file, and these are {len(blocks)}. Write to a .nix file, or put "
            "the populations into one assembly."
        )


def _write_file(block: Any, path: Path, rank: int | None) -> None:
    """`block`: one Neo block, or a list of them."""
    import neo.io

    found = file_format(path)
    final = path if rank is None else path.with_name(f"{path.name}.{rank}")
    blocks = block if isinstance(block, list) else [block]
    metadata = _required_metadata(found, blocks[0], final)
    with replacing(final) as temporary:
        if found.package is not None:
            _require_space(temporary, blocks)
        writer = getattr(neo.io, found.io)(str(temporary), **found.options, **metadata)
        try:
            _write_all(blocks, writer)
        finally:
            _close(writer)


_BYTES_OF_AN_OBJECT = 16_384
"""What a signal or spike train takes in a NIX file beside its numbers, about; measured."""


def _require_space(path: Path, blocks: list[Any]) -> None:
    """OSError if the disk, or a quota, has no room for the blocks.

    The HDF5 library cannot close a file that it has no room for, and ends the process with a segmentation fault later.
    """
    sizes = [
        data.nbytes + _BYTES_OF_AN_OBJECT
        for block in blocks
        for segment in block.segments
        for data in (*segment.analogsignals, *segment.irregularlysampledsignals, *segment.spiketrains)
    ]
    try:
        with open(path, "wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, max(sum(sizes), 1))
    except OSError as error:
        # Not every file system can say.
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise OSError(error.errno, f"{error.strerror}: {sum(sizes)} bytes are needed", str(path)) from error
    finally:
        path.unlink(missing_ok=True)


def _required_metadata(found: FileFormat, block: Any, final: Path) -> dict[str, Any]:
    """What the format demands and Neo does not take from the block: NWB wants a start time with a time zone."""
    if found.io != "NWBIO":
        return {}
    started = block.rec_datetime or datetime.now()
    identifier = f"{block.name} {started.isoformat()} {final.name}"
    return {"session_start_time": started.astimezone(), "identifier": identifier}


def _write_to_io(block: Any, io: Any, rank: int | None) -> None:
    """Through the caller's IO object; those that open their file only to write get a temporary one meanwhile."""
    import neo.io

    filename = getattr(io, "filename", None)
    if filename is None or not isinstance(io, (neo.io.PickleIO, neo.io.NeoMatlabIO)):
        _write(block, io)
        return
    final = Path(filename) if rank is None else Path(f"{filename}.{rank}")
    with replacing(final) as temporary:
        io.filename = str(temporary)
        try:
            _write(block, io)
        finally:
            io.filename = filename


def _write(block: Any, io: Any) -> None:
    if hasattr(io, "write_block"):
        io.write_block(block)
    elif hasattr(io, "write_all_blocks"):
        io.write_all_blocks([block])
    else:
        raise FileFormatError(f"{io!r} cannot write: it has neither write_block() nor write_all_blocks().")


def _close(io: Any) -> None:
    # Neo gives only those IO classes a close() that keep a file open.
    if hasattr(io, "close"):
        io.close()
