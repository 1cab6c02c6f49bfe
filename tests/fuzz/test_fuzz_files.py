"""Damaged, foreign and random files for every reader.

Whatever the bytes: nothing is executed, nothing hangs, and what is refused is refused with an exception of pyNN.errors.
What is read is what it should be. PYNN_EXAMPLES multiplies the number of files.
"""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyNN.reference as sim
from pyNN.errors import FileFormatError
from pyNN.recording.files import HDF5ArrayFile, NumpyBinaryFile, PickleFile, StandardTextFile
from pyNN.utility import load_population, save_population

Copies = Callable[..., Iterator[bytes]]
Reading = Callable[[Callable[[], Any]], Any]

FACTOR = int(os.environ.get("PYNN_EXAMPLES", "1"))
SIZE = 5


class Explosive:
    """A pickle of it would run a program when it is read."""

    def __reduce__(self) -> Any:
        return (os.system, ("false",))


# --- strategies

LINES = st.one_of(
    st.sampled_from(
        [
            '# columns = ["i", "j", "weight", "delay"]', '# columns = ["i", "j", "p"]', '# columns = ["i", "j"]',
            "# columns = __import__('os').system('true')", "# columns = [", "#columns=('weight',)", "# a comment", "",
            "0 1 0.5 1.0", "4\t4\t0.25\t2.0", "1 2", "1 2 3", "-1 0 1 1", "9 9 9 9", "0.5 1 1 1", "nan 1 1 1",
            "1 inf 1 1",
            "1 1 nan 1", "1 1 1e400 1", "1 1 1 -1", "1 1 1 0", "1e300 1 1 1", "0 0 0 0.1 # end", "a b c d",
            "1,2,3,4", "0x1 1 1 1",
            "pre[0]\tpost[1]\t0.5\t1.0", "pre[0, 1]\tpost[2]\t0.5\t1.0", "pre[]\tpost[-1]\tx\t1", "[0]\t[0]\t1",
            "[99999999999999999999]\t[0]\t1\t1", "1_0 1 1 1", "\ufeff1 2", "\u0661 1 1 1", "\x00", "\x0b1 2",
            "1 2\x1c3 4",
        ]
    ),
    st.text(max_size=20),
)  # fmt: skip
TEXT_FILES = st.one_of(
    st.lists(LINES, max_size=8).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")),
    st.lists(LINES, max_size=4).map(lambda lines: "\r\n".join(lines).encode("utf-16", "surrogatepass")),
    st.binary(max_size=60),
)
WORDS = [b"nan", b"-1", b"1e400", b"9" * 20, b"#", b"\x00", b"\xff\xfe", b'"', b"(", b"[", b"{", b"}", b"null", b"\n"]


@pytest.fixture(scope="module")
def cells() -> Iterator[Any]:
    """A population on a simulation of its own, and everything imported that reading needs."""
    sim.setup(timestep=0.1)
    cells = sim.Population(SIZE, sim.IF_curr_exp(), label="cells")
    sim.Projection(cells, cells, sim.FromListConnector([(0, 1)]), sim.StaticSynapse(weight=0.1, delay=1.0))
    yield cells
    sim.script.simulation.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "file"


# --- lists of connections


@settings(max_examples=300 * FACTOR)
@given(TEXT_FILES)
def test_a_list_of_connections_is_read_or_refused(
    read_or_refuse: Reading, cells: Any, path: Path, content: bytes
) -> None:
    path.write_bytes(content)

    def connect() -> Any:
        projection = sim.Projection(cells, cells, sim.FromFileConnector(str(path)), sim.StaticSynapse(delay=1.0))
        return projection.get(["weight", "delay"], format="list")

    rows = read_or_refuse(connect)
    if rows is None:
        return
    assert all(0 <= i < SIZE and 0 <= j < SIZE and weight >= 0 and delay >= 0.1 for i, j, weight, delay in rows)
    lines = [line for line in content.decode().splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(rows) <= len(lines)


# --- pyNN.recording.files

DATA = np.arange(12.0).reshape(4, 3) / 7
METADATA = {"columns": ["i", "j", "weight"], "size": 4, "label": "a = b", "text": "# 1"}


@functools.cache
def valid(kind: type, path: Path) -> bytes:
    """What a file of a kind holds."""
    file = kind(str(path), mode="w")
    file.write(DATA, METADATA)
    file.close()
    kind(str(path)).read()
    return path.read_bytes()


@pytest.mark.parametrize("kind", [StandardTextFile, NumpyBinaryFile, HDF5ArrayFile])
def test_a_damaged_file_is_read_or_refused(
    kind: type, watched: Callable[[], Any], path: Path, damaged_copies: Copies
) -> None:
    if kind is HDF5ArrayFile:
        pytest.importorskip("h5py")
    for content in damaged_copies([valid(kind, path)], 80, WORDS):
        path.write_bytes(content)
        _read(kind, path, watched)


@pytest.mark.parametrize("kind", [StandardTextFile, NumpyBinaryFile, HDF5ArrayFile])
@settings(max_examples=40 * FACTOR)
@given(st.one_of(TEXT_FILES, st.sampled_from(["npy", "pickle", "objects", "foreign npz", "group"])))
def test_a_foreign_file_is_read_or_refused(
    kind: type, watched: Callable[[], Any], path: Path, content: bytes | str
) -> None:
    if kind is HDF5ArrayFile:
        pytest.importorskip("h5py")
    path.write_bytes(foreign(content, path) if isinstance(content, str) else content)
    _read(kind, path, watched)


def _read(kind: type, path: Path, watched: Callable[[], Any]) -> None:
    with watched():
        for read in ("read", "get_metadata"):
            try:
                found = getattr(kind(str(path)), read)()
            except FileFormatError as error:
                assert str(path) in str(error)
            else:
                assert isinstance(found, dict if read == "get_metadata" else (np.ndarray, np.generic))


def foreign(what: str, path: Path) -> bytes:
    """A well-formed file of another program, or of somebody with bad intentions."""
    stream = io.BytesIO()
    if what == "npy":
        np.save(stream, DATA)
    elif what == "pickle":
        pickle.dump(Explosive(), stream)
    elif what == "objects":
        np.savez(stream, data=np.array([Explosive()], dtype=object), metadata=np.array([Explosive()], dtype=object))
    elif what == "foreign npz":
        np.savez(stream, data=np.array("text"), metadata=np.arange(3))
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w") as file:
            file.create_group("data").attrs["columns"] = h5py.Empty("f")
        return path.read_bytes()
    return stream.getvalue()


@settings(max_examples=40 * FACTOR)
@given(st.one_of(TEXT_FILES, st.sampled_from([pickle.dumps(Explosive()), pickle.dumps((DATA, METADATA))])))
def test_a_pickle_is_not_opened_unasked(watched: Callable[[], Any], path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with watched():
        for read in (PickleFile(str(path)).read, PickleFile(str(path)).get_metadata):
            with pytest.raises(FileFormatError, match="allow_pickle"):
                read()


def test_a_damaged_pickle_that_is_trusted_is_read_or_refused(path: Path, damaged_copies: Copies) -> None:
    """No watch here: reading a trusted pickle may execute what it says. Plain numbers only, so that nothing happens."""
    for content in damaged_copies([pickle.dumps(([[1.0, 2.0]], {"size": 1}))], 80):
        path.write_bytes(content)
        try:
            PickleFile(str(path), allow_pickle=True).read()
        except FileFormatError as error:
            assert str(path) in str(error)


# --- saved populations

JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-5, 10), st.floats(), st.text(max_size=4), st.just(10**30),
        st.sampled_from(["IF_curr_exp", "SpikeSourceArray", "StandardCellType", "setup", "__init__", "label"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["v", "tau_m", "sequence", "size", "record", "_root", "x"]), inner, max_size=3),
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=150 * FACTOR)
@given(
    st.dictionaries(
        st.sampled_from(
            "format size label celltype components parameters initial_values positions annotations variables".split()
        ),
        JSON,
        min_size=1,
        max_size=2,
    ),
    st.lists(st.sampled_from(["size", "celltype", "parameters", "positions", "variables"]), max_size=1),
)  # fmt: skip
def test_a_saved_population_is_made_or_refused(
    read_or_refuse: Reading, cells: Any, path: Path, changes: dict[str, Any], missing: list[str]
) -> None:
    save_population(cells, path)
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    for name in missing:
        del content[name]
    path.write_text(json.dumps(content), encoding="utf-8")
    _load_population(path, read_or_refuse)


def test_a_damaged_saved_population_is_made_or_refused(
    read_or_refuse: Reading, cells: Any, path: Path, damaged_copies: Copies
) -> None:
    save_population(cells, path)
    for content in damaged_copies([path.read_bytes()], 80, WORDS):
        path.write_bytes(content)
        _load_population(path, read_or_refuse)


def _load_population(path: Path, read_or_refuse: Reading) -> None:
    found = read_or_refuse(lambda: load_population(path, sim))
    assert found is None or found.size == len(found.all_cells)
