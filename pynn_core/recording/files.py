"""Small files of one array with metadata: connection lists, positions, exported signals."""

from __future__ import annotations

import ast
import importlib.util
import math
import os
import pickle
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.errors import FileFormatError, MissingPackageError, PyNNError
from pyNN.recording.output import replacing

DEFAULT_BUFFER_SIZE = 10000


def __getattr__(name: str) -> Any:
    if name == "have_hdf5":
        return importlib.util.find_spec("h5py") is not None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def savez(file: Any, *args: Any, **kwds: Any) -> None:
    """numpy.savez."""
    np.savez(file, *args, **kwds)


def to_literal(value: Any) -> str:
    """A metadata value as the text of a Python literal; str() of what is not a number, text, list, tuple or dict."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    text = repr(value)
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return repr(str(value))
    return text


def from_literal(text: str) -> Any:
    """The value that `text` is the Python literal of, or else `text` itself. Nothing is executed."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


@contextmanager
def _reading(name: str, what: str) -> Iterator[None]:
    """FileFormatError for whatever goes wrong while a file that should be `what` is read."""
    try:
        yield
    except PyNNError:
        raise
    except Exception as error:
        # Damaged files make the libraries below raise almost anything: zlib.error, TypeError, EOFError, MemoryError ...
        raise FileFormatError(f"'{name}' is not {what}: {error or type(error).__name__}.") from error


class BaseFile:
    """One array and its metadata in a file. Modes "r" and "w" (also spelled "rb", "wb").

    A written file appears under its name only when it is complete.
    """

    def __init__(self, filename: str | os.PathLike[str], mode: str = "rb") -> None:
        kind = str(mode).replace("b", "").replace("t", "")
        if kind not in ("r", "w"):
            raise FileFormatError(f"mode={mode!r}: a file is opened with 'r' to read it or 'w' to write it.")
        self.name = os.fspath(filename)
        self.mode = kind
        if kind == "r" and not Path(self.name).is_file():
            raise FileNotFoundError(f"There is no file '{self.name}'.")

    def __enter__(self) -> BaseFile:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def write(self, data: Any, metadata: Mapping[str, Any]) -> None:
        """Write `data` (rows of numbers) and `metadata`; replaces what the file held."""
        if self.mode != "w":
            raise FileFormatError(f"'{self.name}' is open for reading. Open it with mode='w' to write.")
        with replacing(self.name) as temporary:
            self._write(temporary, data, metadata)

    def read(self) -> Any:
        """The array."""
        raise NotImplementedError

    def get_metadata(self) -> dict[str, Any]:
        raise NotImplementedError

    def _write(self, path: Path, data: Any, metadata: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def rename(self, filename: str | os.PathLike[str]) -> None:
        os.replace(self.name, filename)
        self.name = os.fspath(filename)

    def close(self) -> None:
        """No-op: nothing stays open between calls."""


class StandardTextFile(BaseFile):
    """Lines "# name = value" of metadata, then one row of tab-separated numbers a line."""

    def _write(self, path: Path, data: Any, metadata: Mapping[str, Any]) -> None:
        with open(path, "w", encoding="utf-8") as lines:
            for name, value in metadata.items():
                lines.write(f"# {name} = {to_literal(value)}\n")
            rows = data.tolist() if isinstance(data, np.ndarray) else data
            for row in rows:
                values = row if isinstance(row, (list, tuple, np.ndarray)) else [row]
                lines.write("\t".join(map(_number, values)) + "\n")

    def read(self) -> Any:
        """(rows, columns) of float64."""
        import warnings

        with warnings.catch_warnings():
            # A projection without connections makes a file without rows, and NumPy warns of those.
            warnings.filterwarnings("ignore", message=".*input contained no data.*")
            with _reading(self.name, "a table of numbers"):
                return np.loadtxt(self.name, ndmin=2)

    def get_metadata(self) -> dict[str, Any]:
        metadata = {}
        with _reading(self.name, "a text file"), open(self.name, encoding="utf-8") as lines:
            for line in lines:
                if not line.startswith("#"):
                    break
                name, separator, value = line[1:].partition("=")
                if separator:
                    metadata[name.strip()] = from_literal(value.strip())
        return metadata


def _number(value: Any) -> str:
    # The shortest text that reads back as the same number.
    return repr(value.item() if isinstance(value, np.generic) else value)


class PickleFile(BaseFile):
    """A pickle of (data, metadata). Reading one can run any code, so it must be allowed with `allow_pickle=True`."""

    def __init__(
        self, filename: str | os.PathLike[str], mode: str = "rb", allow_pickle: bool = False
    ) -> None:
        super().__init__(filename, mode)
        self._allow_pickle = allow_pickle

    def _write(self, path: Path, data: Any, metadata: Mapping[str, Any]) -> None:
        with open(path, "wb") as target:
            pickle.dump((data, dict(metadata)), target)

    def _load(self) -> tuple[Any, dict[str, Any]]:
        if not self._allow_pickle:
            raise FileFormatError(
                f"Reading the pickle '{self.name}' can execute any code that its author put there. If you trust the "
                "file, open it with PickleFile(filename, allow_pickle=True); otherwise use one of the other formats."
            )
        with _reading(self.name, "a pickle that can be read here"), open(self.name, "rb") as source:
            content = pickle.load(source)
        if not (isinstance(content, tuple) and len(content) == 2 and isinstance(content[1], dict)):
            raise FileFormatError(f"'{self.name}' is a pickle, but not one of data with metadata.")
        return content

    def read(self) -> Any:
        return self._load()[0]

    def get_metadata(self) -> dict[str, Any]:
        return self._load()[1]


def archived(archive: Any, name: str) -> NDArray[Any]:
    """An array of a NumPy archive; ValueError for what is none, which NumPy would hand out as bytes."""
    found = archive[name]
    if not isinstance(found, np.ndarray):
        raise ValueError(f"'{name}' is not an array")
    return found


class NumpyBinaryFile(BaseFile):
    """A .npz archive with `data` and `metadata`; no pickles inside."""

    def _write(self, path: Path, data: Any, metadata: Mapping[str, Any]) -> None:
        pairs = [(name, to_literal(value)) for name, value in metadata.items()]
        table = np.array(pairs, dtype=str).reshape(len(pairs), 2)
        with open(path, "wb") as target:
            savez(target, data=np.asarray(data), metadata=table)

    def _load(self, name: str) -> Any:
        what = f"a NumPy archive with an array '{name}'"
        with _reading(self.name, what), np.load(self.name, allow_pickle=False) as archive:
            return archived(archive, name)

    def read(self) -> Any:
        return self._load("data")

    def get_metadata(self) -> dict[str, Any]:
        table = self._load("metadata")
        if table.ndim != 2 or table.shape[1] != 2:
            raise FileFormatError(
                f"The metadata in '{self.name}' must be pairs of a name and a value; they have the shape {table.shape}."
            )
        return {str(name): from_literal(str(value)) for name, value in table}


_MUCH = 2**26
_LARGEST_RATIO = 1100
"""Of the sizes of data before and after compression; deflate reaches 1032."""


def stored_values(dataset: Any) -> Any:
    """All values of an HDF5 dataset; FileFormatError as `check_stored` raises it."""
    check_stored(dataset)
    return dataset[()]


def check_stored(dataset: Any) -> None:
    """FileFormatError where an HDF5 dataset claims more (in bytes) than its file can hold.

    HDF5 itself would take the memory first, and give zeros, or an error after a while.
    """
    if dataset.nbytes > _MUCH:
        held = min(dataset.id.get_storage_size(), os.path.getsize(dataset.file.filename))
        if dataset.nbytes > _LARGEST_RATIO * held or (dataset.chunks is None and dataset.nbytes > held):
            raise FileFormatError(
                f"'{dataset.file.filename}' is damaged: '{dataset.name}' is said to have {dataset.size} values, which "
                "the file does not hold."
            )
    if dataset.dtype.kind == "O":
        _check_lengths(dataset)


_REFERENCE = np.dtype([("length", "<u4"), ("place", "<u8"), ("index", "<u4")])
"""What a dataset has of a text, or of a list of numbers, of any length: how long it is, and where it is in a heap."""


def _check_lengths(dataset: Any) -> None:
    """FileFormatError where an item of any length claims to be longer than the file.

    HDF5 (2.0) would take memory for that, up to 32 GB, and fill it. References that are kept in another way than in one
    piece, or in chunks that are not compressed or only with deflate, are not looked at.
    """
    import h5py

    base = h5py.check_vlen_dtype(dataset.dtype)
    item = base.itemsize if isinstance(base, np.dtype) else 1
    path = dataset.file.filename
    size = os.path.getsize(path)
    for content in _kept_bytes(dataset, path, size):
        references = np.frombuffer(content[: len(content) // _REFERENCE.itemsize * _REFERENCE.itemsize], _REFERENCE)
        if item * int(references["length"].max(initial=0)) > size:
            raise FileFormatError(
                f"'{path}' is damaged: '{dataset.name}' is said to have an item that is longer than the file."
            )


def _kept_bytes(dataset: Any, path: str, size: int) -> Iterator[bytes]:
    """What a file of some size has of a dataset, piece by piece, as it stands there but for compression."""
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        if offset is not None:
            with open(path, "rb") as file:
                file.seek(offset)
                yield file.read(min(dataset.id.get_storage_size(), size))
        return
    from h5py import h5z

    layout = dataset.id.get_create_plist()
    filters = [layout.get_filter(number)[0] for number in range(layout.get_nfilters())]
    if filters not in ([], [h5z.FILTER_DEFLATE]):
        return
    largest = _REFERENCE.itemsize * math.prod(dataset.chunks)
    for number in range(dataset.id.get_num_chunks()):
        skipped, content = dataset.id.read_direct_chunk(dataset.id.get_chunk_info(number).chunk_offset)
        yield zlib.decompressobj().decompress(content, largest) if filters and not skipped else content


_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_COLLECTION = b"GCOL\x01"
_HEAP = b"HEAP\0"
_NO_MORE = 1
"""Instead of the place of a free block."""
_TEXT = bytes.fromhex("10000000 01000000 00000800")
"""The end of the datatype of texts of any length: a base type of one byte (section IV.A.2.d) ..."""
_SCALARS = ((bytes.fromhex("0200"), 4), (bytes.fromhex("00000000 0100"), 12))
"""... and in an attribute with one text how a dataspace without dimensions begins, and where the length comes after
it, in the two versions of attributes."""
_SEARCHED = 1 << 28
"""Bytes of a file in which heaps are looked for, which takes 0.2 s."""


def check_heaps(path: str | os.PathLike[str]) -> None:
    """FileFormatError where a heap of an HDF5 file, of texts or of names, leads in circles or nowhere.

    HDF5 (2.0) itself goes on for ever there, and takes all memory. What is looked at are objects of "global heap
    collections" and free blocks of "local heaps" (sections III.D and III.E of the HDF5 file format specification,
    version 3.0), and the lengths of texts that are attributes, for which HDF5 would take memory, up to 4 GB.
    """
    with open(path, "rb") as file:
        content = file.read(_SEARCHED)
        size = os.fstat(file.fileno()).st_size

    def number(at: int, width: int = 8) -> int:
        return int.from_bytes(content[at : at + width], "little")

    def places(pattern: bytes) -> Iterator[int]:
        at = content.find(pattern)
        while at >= 0:
            yield at
            at = content.find(pattern, at + len(pattern))

    for at in places(_COLLECTION):
        place, end = at + 16, at + number(at + 8)
        while place + 16 <= min(end, len(content)):
            is_free = content[place : place + 2] == b"\0\0"
            # That of free space counts its own header, and that of an object is rounded up to 8.
            step = number(place + 8) if is_free else 16 + (number(place + 8) + 7) // 8 * 8
            if step < 16 or place + step > end:
                raise FileFormatError(f"'{path}' is damaged: an object in a heap of texts does not lead to the next.")
            place += step
    for at in places(_TEXT):
        begin = at + len(_TEXT)
        for scalar, length in _SCALARS:
            if content.startswith(scalar, begin) and number(begin + length, 4) > size:
                raise FileFormatError(f"'{path}' is damaged: an attribute claims to be a text longer than the file.")
    base = max(content.find(_SIGNATURE), 0)
    for at in places(_HEAP):
        segment, free, seen = base + number(at + 24), number(at + 16), set[int]()
        while free != _NO_MORE and segment + free + 16 <= len(content):
            if free in seen:
                raise FileFormatError(f"'{path}' is damaged: the free blocks of a heap of names lead in circles.")
            seen.add(free)
            free = number(segment + free)


class Attributes(Mapping[str, Any]):
    """The attributes of an HDF5 object, which must be numbers, truth values and texts: FileFormatError for others.

    HDF5 (2.0) crashes where damage has made something else of a text.
    """

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def __getitem__(self, name: str) -> Any:
        from h5py import h5a, h5t

        owner = self._owner
        if name not in owner.attrs:
            raise KeyError(name)
        kind = h5a.open(owner.id, name.encode()).get_type()
        if not isinstance(kind, (h5t.TypeIntegerID, h5t.TypeFloatID, h5t.TypeEnumID, h5t.TypeStringID)):
            raise FileFormatError(
                f"'{owner.file.filename}': the attribute '{name}' of '{owner.name}' is neither a number nor text."
            )
        return owner.attrs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._owner.attrs)

    def __len__(self) -> int:
        return len(self._owner.attrs)


class HDF5ArrayFile(BaseFile):
    """An HDF5 file with the array "data", whose attributes are the metadata."""

    def __init__(
        self, filename: str | os.PathLike[str], mode: str = "r", title: str = "PyNN data file"
    ) -> None:
        super().__init__(filename, mode)
        self.title = title

    @staticmethod
    def _h5py() -> Any:
        try:
            import h5py
        except ImportError as error:
            raise MissingPackageError(
                "HDF5ArrayFile needs the package h5py. Install it with: pip install 'pynn-core[formats]'"
            ) from error
        return h5py

    def _write(self, path: Path, data: Any, metadata: Mapping[str, Any]) -> None:
        with self._h5py().File(path, "w") as target:
            target.attrs["TITLE"] = self.title
            array = target.create_dataset("data", data=np.asarray(data))
            for name, value in metadata.items():
                array.attrs[name] = to_literal(value)

    def read(self) -> Any:
        with self._opened() as array:
            return stored_values(array)

    def get_metadata(self) -> dict[str, Any]:
        with self._opened() as array:
            attributes = dict(Attributes(array))
        return {
            name: from_literal(value) if isinstance(value, str) else getattr(value, "tolist", lambda v=value: v)()
            for name, value in attributes.items()
        }

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The array "data" in the open file."""
        h5py = self._h5py()
        with _reading(self.name, "an HDF5 file with an array 'data'"):
            check_heaps(self.name)
            with h5py.File(self.name, "r") as source:
                array = source.get("data")
                if not isinstance(array, h5py.Dataset):
                    raise FileFormatError(f"'{self.name}' has no array 'data'; it holds {sorted(source)}.")
                yield array
