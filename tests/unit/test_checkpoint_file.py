"""The file of a checkpoint: whole or refused, and the one before stays where a new one cannot be written."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pyNN.checkpoint.container import FORMAT_VERSION, HEADER_BYTES, read, write
from pyNN.errors import FileFormatError

TREE: dict[str, Any] = {
    "cells": {"v": np.linspace(-65.0, -50.0, 1000), "names": "Zellen – ü", "size": 1000, "dt": 0.1, "fresh": True},
    "ring": np.zeros((64, 2, 500)),
    "empty": np.zeros((0, 3)),
    "steps": np.arange(5000),
    "nothing": "",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "state.h5"
    write(file, TREE)
    return file


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return isinstance(b, dict) and set(a) == set(b) and all(same(a[name], b[name]) for name in a)
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


def test_what_is_written_is_read(path: Path) -> None:
    assert same(read(path), TREE)
    assert [file.name for file in path.parent.iterdir()] == ["state.h5"]


def test_any_hdf5_program_can_open_it(path: Path) -> None:
    with h5py.File(path) as file:
        assert np.array_equal(file["cells/v"], TREE["cells"]["v"])
        assert file["cells"].attrs["dt"] == 0.1


@pytest.mark.parametrize("kept", [0, 1, 20, 21, 300, HEADER_BYTES, HEADER_BYTES + 1, 5000, -1])
def test_a_truncated_file_is_refused(path: Path, kept: int) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:kept])
    with pytest.raises(FileFormatError, match="truncated|damaged"):
        read(path)


def test_a_byte_that_changed_is_found_wherever_it_is(path: Path) -> None:
    content = bytearray(path.read_bytes())
    places = np.random.default_rng(1).integers(HEADER_BYTES, len(content), 200)
    for place in places:
        changed = content.copy()
        changed[place] ^= 1 << int(place) % 8
        path.write_bytes(changed)
        with pytest.raises(FileFormatError, match="checksum"):
            read(path)


def test_no_change_of_the_header_gets_through(path: Path) -> None:
    content = bytearray(path.read_bytes())
    used = content.index(0)
    for place in range(used):
        changed = content.copy()
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(FileFormatError):
            read(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"x" * 4096, b"\x89HDF\r\n\x1a\n" + bytes(2000)])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "foreign"
    file.write_bytes(content)
    with pytest.raises(FileFormatError, match="not a checkpoint|truncated"):
        read(file)


def test_an_hdf5_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["spikes"] = np.arange(10)
    with pytest.raises(FileFormatError, match="not a checkpoint"):
        read(tmp_path / "other.h5")


@pytest.mark.parametrize(("version", "age"), [(FORMAT_VERSION - 1, "older"), (FORMAT_VERSION + 1, "newer")])
def test_other_versions_are_named(path: Path, version: int, age: str) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(f"version {FORMAT_VERSION}".encode(), f"version {version}".encode(), 1))
    with pytest.raises(FileFormatError, match=f"version {version} of the format, which an? {age}"):
        read(path)


def sealed(path: Path) -> None:
    """Give a file that somebody has changed a header that fits it."""
    import hashlib

    content = path.read_bytes()[HEADER_BYTES:]
    lines = [
        "pynn-core checkpoint", f"version {FORMAT_VERSION}", f"bytes {HEADER_BYTES + len(content)}",
        f"sha256 {hashlib.sha256(content).hexdigest()}", "",
    ]  # fmt: skip
    path.write_bytes("\n".join(lines).encode().ljust(HEADER_BYTES, b"\0") + content)


@pytest.mark.parametrize("kind", ["external link", "soft link", "external data", "objects", "huge"])
def test_a_file_that_was_made_to_do_harm_is_refused(tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"12345678")
    file = tmp_path / "bad.h5"
    with h5py.File(file, "w", userblock_size=HEADER_BYTES) as made:
        if kind == "external link":
            made["x"] = h5py.ExternalLink(str(secret), "/")
        elif kind == "soft link":
            made["x"] = h5py.SoftLink("/nowhere")
        elif kind == "external data":
            made.create_dataset("x", (1,), dtype=np.int64, external=[(str(secret), 0, 8)])
        elif kind == "objects":
            made.create_dataset("x", data=["a", "b"], dtype=h5py.string_dtype())
        else:
            made.create_dataset("x", (1 << 50,), dtype=np.float64, chunks=(1 << 10,))
    sealed(file)
    with pytest.raises(FileFormatError):
        read(file)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="cannot be opened: No such file"):
        read(tmp_path / "none.h5")


WRITE_UNDER_A_LIMIT = """
import resource, signal, sys
import numpy as np
from pyNN.checkpoint.container import write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    write(sys.argv[1], {"a": {"x": np.random.default_rng(0).random(200_000)}, "b": np.arange(10)})
except OSError as error:
    print(type(error).__name__, error.errno)
"""


@pytest.mark.parametrize("limit", [0, 100, 5_000, 700_000, 1_600_000])
def test_a_full_disk_leaves_the_file_that_was_there(path: Path, limit: int) -> None:
    # A limit on the size of files fails in write(), as a full disk does (the data take 1.6 MB).
    before = path.read_bytes()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", WRITE_UNDER_A_LIMIT, str(path), str(limit)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("OSError"), done.stderr
    assert not done.stderr
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["state.h5"]


def test_what_a_killed_process_left_is_removed_by_the_next(path: Path) -> None:
    import socket

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    leftover = path.with_name(f".{path.name}.{socket.gethostname()}.{dead.pid}.part")
    living = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getppid()}.part")
    for part in (leftover, living):
        part.write_bytes(b"half")
    write(path, TREE)
    assert sorted(file.name for file in path.parent.iterdir()) == sorted(["state.h5", living.name])
