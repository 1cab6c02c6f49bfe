"""A file that can be changed and, if the process is killed meanwhile, changed back.

What is overwritten is first noted in a second file, which is removed when everything is done. HDF5 itself leaves a file
that nobody can read if the process ends while it creates something in it.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

from pyNN.errors import FileFormatError

_MAGIC = b"pynn-core undo\n\0"
_RECORD = struct.Struct("<qq")
"""Position and number of the bytes that follow."""


def notes_of(path: Path) -> Path:
    """The second file."""
    return path.with_name(f".{path.name}.undo")


class UndoableFile:
    """What a library that writes to Python file objects is given; all is kept when `commit` has been called."""

    def __init__(self, path: Path) -> None:
        self._path, self._notes_path = path, notes_of(path)
        self._raw: Any = open(path, "r+b", buffering=0)
        self._size = os.fstat(self._raw.fileno()).st_size
        self._notes: Any = open(self._notes_path, "wb", buffering=0)
        self._notes.write(_MAGIC + struct.pack("<q", self._size))
        self.error: OSError | None = None
        """The first that there was. HDF5, which cannot close a file once a write has failed, does not learn of it."""

    def _note(self, first: int, end: int) -> None:
        """Note the bytes that are there before they change."""
        end = min(end, self._size)
        if first >= end:
            return
        position = self._raw.tell()
        self._raw.seek(first)
        before = self._raw.read(end - first)
        self._notes.write(_RECORD.pack(first, len(before)) + before)
        self._raw.seek(position)

    def write(self, data: Any) -> int:
        if self.error is None:
            try:
                self._write(memoryview(data).cast("B"))
            except OSError as error:
                self.error = error
        return len(data)

    def _write(self, view: memoryview) -> None:
        first = self._raw.tell()
        self._note(first, first + len(view))
        while len(view):
            view = view[self._raw.write(view) :]

    def truncate(self, size: int | None = None) -> int:
        size = self._raw.tell() if size is None else size
        if self.error is None:
            try:
                self._note(size, self._size)
                self._raw.truncate(size)
            except OSError as error:
                self.error = error
        return size

    def read(self, size: int = -1) -> bytes:
        return bytes(self._raw.read(size))

    def readinto(self, buffer: Any) -> int:
        return int(self._raw.readinto(buffer))

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._raw.seek(offset, whence))

    def tell(self) -> int:
        return int(self._raw.tell())

    def flush(self) -> None:
        return None

    def commit(self) -> None:
        """Keep what has been written; OSError, with the file as it was, if not everything could be."""
        self._close()
        if self.error is not None:
            roll_back(self._path)
            raise self.error
        self._notes_path.unlink()

    def give_up(self) -> None:
        """Have the file as it was."""
        self._close()
        roll_back(self._path)

    def _close(self) -> None:
        self._raw.close()
        self._notes.close()


def _damaged(notes: Path) -> FileFormatError:
    return FileFormatError(
        f"'{notes}', which says what a process was changing when it was killed, is damaged. Remove it if the recording "
        "beside it can be read, or begin the simulation anew."
    )


def roll_back(path: Path) -> bool:
    """Take back what a process had not committed when it was killed; whether there was anything.

    Raises FileFormatError, and changes nothing, where the notes cannot be of that file.
    """
    notes = notes_of(path)
    if not notes.exists():
        return False
    content = notes.read_bytes()
    start = len(_MAGIC) + 8
    if path.exists() and content.startswith(_MAGIC) and len(content) >= start:
        records = []
        at = start
        (size,) = struct.unpack_from("<q", content, len(_MAGIC))
        while at + _RECORD.size <= len(content):
            first, number = _RECORD.unpack_from(content, at)
            at += _RECORD.size
            if first < 0 or not 0 <= number <= len(content) - at:
                # The process was killed before it noted this, so that it has not changed it.
                break
            if first + number > size:
                raise _damaged(notes)
            records.append((first, content[at : at + number]))
            at += number
        # A file that has become shorter has what was cut off in the notes.
        if not 0 <= size <= max([path.stat().st_size, *(first + len(before) for first, before in records)]):
            raise _damaged(notes)
        with open(path, "r+b") as raw:
            for first, before in reversed(records):
                raw.seek(first)
                raw.write(before)
            raw.truncate(size)
            raw.flush()
            os.fsync(raw.fileno())
    notes.unlink()
    return True
