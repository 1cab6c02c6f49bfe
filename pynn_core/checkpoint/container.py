"""The file of a checkpoint: an HDF5 file behind a header of 512 bytes with the format's version and a SHA-256 sum.

What is kept is a tree: mappings from names to further mappings, arrays, texts, numbers and truth values. A mapping is
an HDF5 group, an array or a text is a dataset, a number or a truth value is an attribute. The header is HDF5's user
block, so every HDF5 tool opens the file. The sum is looked at before HDF5 sees a single byte.
"""

from __future__ import annotations

import glob
import hashlib
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pyNN.checkpoint.shares import Gathering
from pyNN.errors import FileFormatError, InternalError, MissingPackageError
from pyNN.parallel import Communicator, SerialCommunicator, together

Tree = dict[str, Any]
"""Names -> Tree, array, str, int, float, bool, or a pyNN.checkpoint.shares.Later that makes one of these."""

FORMAT_VERSION = 2
"""Goes up with every change of what a file holds; others are refused, as they cannot give the same future."""
HEADER_BYTES = 512
_MAGIC = b"pynn-core checkpoint\n"
_BLOCK = 1 << 22
_WORTH_COMPRESSING = 1 << 12
_LARGEST_RATIO = 1100
"""Deflate makes no more than 1032 bytes of one."""


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingPackageError(
            "Checkpoints are HDF5 files, which need the package h5py. Install it with: pip install 'pynn-core[formats]'"
        ) from error
    return h5py


# --- writing ---------------------------------------------------------------------------------------------------------


def write(path: str | os.PathLike[str], tree: Tree, comm: Communicator | None = None) -> int:
    """Write a file and return its size in bytes; OSError leaves what was under that name before as it was.

    The file gets its name only when it is whole and on the disk. Under MPI all ranks call this, and rank 0 writes; the
    other ranks get 0, and whatever exception there is on any rank.
    """
    _h5py()
    gathering = Gathering(comm)
    size = 0
    if gathering.comm.rank != 0:
        _take_part(tree, gathering)
    else:
        try:
            size = _write_file(Path(os.path.abspath(path)), tree, gathering)
        except Exception as error:
            if gathering.is_over:
                raise
            gathering.failure = error
    gathering.check("writing of a checkpoint")
    return size


def _write_file(target: Path, tree: Tree, gathering: Gathering) -> int:
    _remove_leftovers(target)
    temporary = target.with_name(f"{_part_prefix(target)}{os.getpid()}.part")
    try:
        with open(temporary, "w+b") as raw:
            _write_tree(raw, tree, gathering)
            size = _write_header(raw)
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)
    return size


def _take_part(tree: Mapping[str, Any], gathering: Gathering) -> None:
    """Do what a rank does that does not write."""
    for value in tree.values():
        if isinstance(value, Mapping):
            _take_part(value, gathering)
        elif callable(value):
            value(gathering)


def _part_prefix(target: Path) -> str:
    return f".{target.name}.{socket.gethostname()}."


def _remove_leftovers(target: Path) -> None:
    """Remove what processes of this machine have left half-written when they were killed."""
    prefix = _part_prefix(target)
    for part in target.parent.glob(f"{glob.escape(prefix)}*.part"):
        number = part.name[len(prefix) : -len(".part")]
        if number.isdigit() and not _is_running(int(number)):
            part.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk too, where the system can do that for folders."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Sink:
    """The file that HDF5 writes to. HDF5 cannot be closed cleanly once a write has failed, so it never learns of one.

    The first error is kept, for the caller to raise when HDF5 is done.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        number = len(data)
        if self.error is None:
            try:
                self._raw.write(data)
            except OSError as error:
                self.error = error
        return number

    def truncate(self, size: int | None = None) -> int:
        if self.error is None:
            try:
                self._raw.truncate(size)
            except OSError as error:
                self.error = error
        return size or 0

    def flush(self) -> None:
        if self.error is None:
            try:
                self._raw.flush()
            except OSError as error:
                self.error = error

    def readinto(self, buffer: Any) -> int:
        return self._raw.readinto(buffer)  # type: ignore[attr-defined,no-any-return]

    def read(self, size: int = -1) -> bytes:
        return self._raw.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()


def _write_tree(raw: BinaryIO, tree: Tree, gathering: Gathering) -> None:
    h5py = _h5py()
    sink = _Sink(raw)
    try:
        with h5py.File(sink, "w", userblock_size=HEADER_BYTES, libver=("earliest", "v110")) as file:
            _put(file, tree, gathering, sink)
    finally:
        if sink.error is not None and not gathering.is_over:
            raise sink.error
    if gathering.failure is not None:
        raise gathering.failure


def _put(group: Any, tree: Mapping[str, Any], gathering: Gathering, sink: _Sink) -> None:
    """Write a tree into a group. What fails is told when all ranks meet next, which wait for that."""
    for name, value in tree.items():
        if callable(value):
            gathering.failure = gathering.failure or sink.error
            value = value(gathering)
        if isinstance(value, Mapping):
            inner = gathering.attempt(lambda name=name: group.create_group(name, track_order=True))  # type: ignore[misc]
            _put(inner, value, gathering, sink)
        else:
            gathering.attempt(lambda name=name, value=value: _put_value(group, name, value))  # type: ignore[misc]


def _put_value(group: Any, name: str, value: Any) -> None:
    if isinstance(value, str):
        group[name] = np.frombuffer(value.encode("utf-8"), dtype=np.uint8)
        group[name].attrs["encoding"] = "utf-8"
    elif isinstance(value, (bool, np.bool_)):
        group.attrs[name] = np.bool_(value)
    elif isinstance(value, (int, np.integer)):
        group.attrs[name] = np.int64(value)
    elif isinstance(value, (float, np.floating)):
        group.attrs[name] = np.float64(value)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "iufb":
        _put_array(group, name, value)
    else:
        raise InternalError(f"'{name}': {type(value).__name__} is nothing that a checkpoint can hold.")


def _put_array(group: Any, name: str, value: np.ndarray[Any, Any]) -> None:
    # Whole numbers shrink to a fraction, and so does what is mostly zero; other numbers do not, and take long to try.
    sparse = value.dtype.kind == "f" and value.nbytes > _WORTH_COMPRESSING and _is_sparse(value)
    if value.nbytes > _WORTH_COMPRESSING and (value.dtype.kind != "f" or sparse):
        group.create_dataset(name, data=value, compression="gzip", compression_opts=1, shuffle=True)
    else:
        group.create_dataset(name, data=value)


def _is_sparse(value: np.ndarray[Any, Any]) -> bool:
    sample = value.reshape(-1)[:: max(value.size // 4096, 1)]
    return bool(np.count_nonzero(sample) < 0.5 * sample.size)


def _write_header(raw: BinaryIO) -> int:
    size, digest = _digest(raw)
    raw.seek(0)
    raw.write(_header(size, digest))
    return size


def _header(size: int, digest: str) -> bytes:
    lines = f"version {FORMAT_VERSION}\nbytes {size}\nsha256 {digest}\n"
    return (_MAGIC + lines.encode("ascii")).ljust(HEADER_BYTES, b"\0")


def _digest(raw: BinaryIO) -> tuple[int, str]:
    """(size of the whole file, sum of what follows the header)."""
    raw.seek(HEADER_BYTES)
    digest, size = hashlib.sha256(), HEADER_BYTES
    while block := raw.read(_BLOCK):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()


# --- reading ---------------------------------------------------------------------------------------------------------


def read(path: str | os.PathLike[str]) -> Tree:
    """What a file holds; FileFormatError for one that is not whole, foreign, changed or of another version."""
    with opened(path) as tree, _damage_named(path):
        return tree.everything()


@contextmanager
def opened(path: str | os.PathLike[str], comm: Communicator | None = None) -> Iterator[StoredTree]:
    """What a file holds, to be read piece by piece; FileFormatError as for `read`, under MPI on all ranks."""
    file = open_checkpoint(path, comm)
    try:
        yield file
    finally:
        file.close()


def open_checkpoint(path: str | os.PathLike[str], comm: Communicator | None = None) -> StoredTree:
    """Like `opened`, until close(). All ranks read; rank 0 looks whether the file is whole."""
    comm = SerialCommunicator() if comm is None else comm
    opening = _Opening(path)
    try:
        with together(comm, "opening of a checkpoint"):
            opening.open(check=comm.rank == 0)
        header = comm.broadcast(opening.header, "header of a checkpoint")
        with together(comm, "opening of a checkpoint"):
            if header != opening.header:
                raise FileFormatError(
                    f"On rank {comm.rank} of {comm.size} the checkpoint '{path}' is another file than on rank 0. All "
                    "ranks must see the same folder."
                )
            return opening.tree()
    except BaseException:
        opening.close()
        raise


_DAMAGE = (OSError, RuntimeError, ValueError, TypeError, MemoryError, UnicodeDecodeError)
"""What HDF5 raises for a file that is not as it should be."""


@contextmanager
def _damage_named(path: Any) -> Iterator[None]:
    try:
        yield
    except FileFormatError:
        raise
    except (*_DAMAGE, KeyError) as error:
        raise FileFormatError(f"The checkpoint '{path}' is damaged: {error}.") from error


class _Opening:
    """A file that is being opened."""

    def __init__(self, path: Any) -> None:
        self.path = path
        self.raw: Any = None
        self.file: Any = None
        self.header = b""

    def open(self, check: bool) -> None:
        _h5py()
        try:
            self.raw = open(self.path, "rb")
        except OSError as error:
            raise FileFormatError(
                f"The checkpoint '{self.path}' cannot be opened: {error.strerror or error}."
            ) from error
        with _damage_named(self.path):
            if check:
                _check_header(self.raw, self.path)
            self.raw.seek(0)
            self.header = self.raw.read(HEADER_BYTES)
            self.raw.seek(0)

    def tree(self) -> StoredTree:
        with _damage_named(self.path):
            self.file = _h5py().File(self.raw, "r")
            return StoredTree(self.file, self.path, self.close)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
        if self.raw is not None:
            self.raw.close()


class StoredTree(Mapping[str, Any]):
    """A part of a file. Its own parts are read when they are asked for; FileFormatError if they are damaged."""

    def __init__(self, group: Any, path: Any, close: Any = None) -> None:
        self._group = group
        self._path = path
        self._close = close

    def __getitem__(self, name: str) -> Any:
        try:
            known = name in self._group, name in self._group.attrs
        except _DAMAGE as error:
            raise FileFormatError(f"The checkpoint '{self._path}' is damaged: {error}.") from error
        if not any(known):
            raise KeyError(name)
        with _damage_named(self._path):
            if known[1]:
                return _attribute(self._group.attrs[name], name, self._path)
            return _member(self._group, name, self._path)

    def __iter__(self) -> Iterator[str]:
        with _damage_named(self._path):
            return iter([*self._group.attrs, *self._group])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def everything(self) -> Tree:
        """All of it, read."""
        return {name: value.everything() if isinstance(value, StoredTree) else value for name, value in self.items()}

    def close(self) -> None:
        if self._close is not None:
            self._close()


def _check_header(raw: BinaryIO, path: Any) -> None:
    header = raw.read(HEADER_BYTES)
    if not header.startswith(_MAGIC):
        if _MAGIC.startswith(header) and len(header) < len(_MAGIC):
            raise FileFormatError(f"The checkpoint '{path}' is truncated: it has only {len(header)} bytes.")
        raise FileFormatError(
            f"'{path}' is not a checkpoint. Checkpoints are written by save_state() and run(checkpoint=...)."
        )
    fields = _fields(header[len(_MAGIC) :])
    version = _number(fields, "version", path)
    if version != FORMAT_VERSION:
        age = "an older" if version < FORMAT_VERSION else "a newer"
        raise FileFormatError(
            f"The checkpoint '{path}' has version {version} of the format, which {age} pynn-core wrote; this one reads "
            f"version {FORMAT_VERSION}. Go on with the pynn-core that wrote it, or begin the simulation anew."
        )
    expected = _number(fields, "bytes", path)
    size, digest = _digest(raw)
    if size < expected:
        raise FileFormatError(f"The checkpoint '{path}' is truncated: it has {size} of {expected} bytes.")
    if size > expected or header != _header(size, digest):
        raise FileFormatError(
            f"The checkpoint '{path}' is not as it was written: its checksum does not fit. Use an earlier copy, or "
            "begin the simulation anew."
        )
    raw.seek(0)


def _fields(text: bytes) -> dict[str, str]:
    lines = text.rstrip(b"\0").decode("ascii", errors="replace").split("\n")
    return {name: value for name, _, value in (line.partition(" ") for line in lines)}


def _number(fields: Mapping[str, str], name: str, path: Any) -> int:
    text = fields.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise FileFormatError(f"The checkpoint '{path}' is damaged: its header does not give its {name}.")
    return int(text)


def _member(group: Any, name: str, path: Any) -> Any:
    h5py = _h5py()
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise FileFormatError(f"The checkpoint '{path}' refers to something outside itself ('{name}').")
    item = group[name]
    if isinstance(item, h5py.Group):
        return StoredTree(item, path)
    if isinstance(item, h5py.Dataset):
        return _dataset(item, path)
    raise FileFormatError(f"The checkpoint '{path}' holds something unknown ('{name}').")


def _attribute(value: Any, name: str, path: Any) -> Any:
    kind = np.asarray(value)
    if kind.ndim or kind.dtype.kind not in "iufb":
        raise FileFormatError(f"The checkpoint '{path}' holds something unknown ('{name}').")
    return kind.item()


def _dataset(item: Any, path: Any) -> Any:
    if item.external or item.is_virtual or item.dtype.kind not in "iufb" or item.shape is None:
        raise FileFormatError(f"The checkpoint '{path}' holds something unknown ('{item.name}').")
    if item.nbytes > _LARGEST_RATIO * item.id.get_storage_size():
        raise FileFormatError(f"The checkpoint '{path}' lacks the values of '{item.name}'.")
    values = np.asarray(item[()])
    if item.attrs.get("encoding", "") == "utf-8":
        return values.astype(np.uint8).tobytes().decode("utf-8")
    return values
