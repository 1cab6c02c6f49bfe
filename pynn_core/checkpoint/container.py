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
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pyNN.errors import FileFormatError, InternalError, MissingPackageError

Tree = dict[str, Any]
"""Names -> Tree, array, str, int, float or bool."""

FORMAT_VERSION = 1
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


def write(path: str | os.PathLike[str], tree: Tree) -> int:
    """Write a file and return its size in bytes; OSError leaves what was under that name before as it was.

    The file gets its name only when it is whole and on the disk.
    """
    _h5py()
    target = Path(os.path.abspath(path))
    _remove_leftovers(target)
    temporary = target.with_name(f"{_part_prefix(target)}{os.getpid()}.part")
    try:
        with open(temporary, "w+b") as raw:
            _write_tree(raw, tree)
            size = _write_header(raw)
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)
    return size


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


def _write_tree(raw: BinaryIO, tree: Tree) -> None:
    h5py = _h5py()
    sink = _Sink(raw)
    try:
        with h5py.File(sink, "w", userblock_size=HEADER_BYTES, libver=("earliest", "v110")) as file:
            _put(file, tree)
    finally:
        if sink.error is not None:
            raise sink.error


def _put(group: Any, tree: Mapping[str, Any]) -> None:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            _put(group.create_group(name, track_order=True), value)
        elif isinstance(value, str):
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
    h5py = _h5py()
    try:
        raw = open(path, "rb")
    except OSError as error:
        raise FileFormatError(f"The checkpoint '{path}' cannot be opened: {error.strerror or error}.") from error
    with raw:
        try:
            _check_header(raw, path)
            with h5py.File(raw, "r") as file:
                return _get(file, path)
        except FileFormatError:
            raise
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError, UnicodeDecodeError) as error:
            raise FileFormatError(f"The checkpoint '{path}' is damaged: {error}.") from error


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


def _get(group: Any, path: Any) -> Tree:
    h5py = _h5py()
    tree: Tree = {name: _attribute(value, name, path) for name, value in group.attrs.items()}
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise FileFormatError(f"The checkpoint '{path}' refers to something outside itself ('{name}').")
        item = group[name]
        if isinstance(item, h5py.Group):
            tree[name] = _get(item, path)
        elif isinstance(item, h5py.Dataset):
            tree[name] = _dataset(item, path)
        else:
            raise FileFormatError(f"The checkpoint '{path}' holds something unknown ('{name}').")
    return tree


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
