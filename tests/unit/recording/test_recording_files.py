"""Array files: every format gives back what was written; text is readable by NumPy; nothing in a file is executed."""

from __future__ import annotations

import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pyNN.cli.observe import Observation
from pyNN.errors import FileFormatError, MissingPackageError
from pyNN.recording import files
from pyNN.sweep.rows import Row

COLUMNS = ["i", "j", "weight"]
METADATA = {"columns": COLUMNS, "dt": 0.1, "label": "E's = cells", "n": np.int64(3), "a": np.array([1.5, 2])}
EXPECTED = {"columns": COLUMNS, "dt": 0.1, "label": "E's = cells", "n": 3, "a": [1.5, 2.0]}
DATA = np.array([[0, 1, 0.1], [2, 3, 1 / 3], [4, 5, -1e-300]])


def open_file(kind: str, path: Path, mode: str) -> Any:
    options = {"allow_pickle": True} if kind == "PickleFile" else {}
    return getattr(files, kind)(str(path), mode, **options)


@pytest.mark.parametrize("kind", ["StandardTextFile", "PickleFile", "NumpyBinaryFile", "HDF5ArrayFile"])
@pytest.mark.parametrize(("read", "write"), [("r", "w"), ("rb", "wb")])
def test_numbers_and_metadata_survive_exactly(tmp_path: Path, kind: str, read: str, write: str) -> None:
    path = tmp_path / "connections"
    with open_file(kind, path, write) as target:
        target.write(DATA, METADATA)
    with open_file(kind, path, read) as source:
        np.testing.assert_array_equal(source.read(), DATA)
        found = {name: np.asarray(v).tolist() for name, v in source.get_metadata().items()}
    assert {name: np.asarray(v).tolist() for name, v in EXPECTED.items()} == found


def test_text_in_the_default_mode_has_metadata_and_plain_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    files.StandardTextFile(path, "w").write([(0, 1, np.float64(0.1)), (2, 3, 0.25)], {"columns": ("i", "j", "weight")})
    assert path.read_text() == "# columns = ('i', 'j', 'weight')\n0\t1\t0.1\n2\t3\t0.25\n"
    np.testing.assert_array_equal(np.loadtxt(path), [[0, 1, 0.1], [2, 3, 0.25]])
    assert files.StandardTextFile(path).get_metadata() == {"columns": ("i", "j", "weight")}


def test_text_metadata_is_never_executed(tmp_path: Path) -> None:
    path, trace = tmp_path / "x.txt", tmp_path / "executed"
    text = f"__import__('pathlib').Path({str(trace)!r}).touch()"
    path.write_text(f"# columns = {text}\n# free text\n1 2\n")
    assert files.StandardTextFile(path).get_metadata() == {"columns": text}
    assert not trace.exists()


def test_a_file_without_rows_reads_as_an_empty_table(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    files.StandardTextFile(path, "w").write([], {"n": 0})
    assert files.StandardTextFile(path).read().size == 0


class _Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_read_only_when_allowed(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(_Trap(tmp_path / "executed")))
    with pytest.raises(FileFormatError, match="allow_pickle=True"):
        files.PickleFile(path).read()
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("kind", ["StandardTextFile", "NumpyBinaryFile", "HDF5ArrayFile"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"no numbers here")
    with pytest.raises(FileFormatError, match="x'"):
        open_file(kind, path, "r").read()


def test_wrong_modes_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="'r' to read it or 'w'"):
        files.StandardTextFile(tmp_path / "x", "a+")
    with pytest.raises(FileNotFoundError, match="nothing"):
        files.StandardTextFile(tmp_path / "nothing")
    (tmp_path / "x").touch()
    with pytest.raises(FileFormatError, match="mode='w'"):
        files.StandardTextFile(tmp_path / "x").write(DATA, {})


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    files.StandardTextFile(path, "w").write([[1.0]], {})

    def rows() -> Any:
        yield (2.0,)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        files.StandardTextFile(path, "w").write(rows(), {})
    assert [p.read_text() for p in tmp_path.iterdir()] == ["1.0\n"]


def test_hdf5_is_a_plain_array_with_attributes(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    files.HDF5ArrayFile(path, "w", title="weights").write(DATA, {"label": "5"})
    with h5py.File(path) as found:
        assert found.attrs["TITLE"] == "weights"
        np.testing.assert_array_equal(found["data"][()], DATA)
    assert files.HDF5ArrayFile(path).get_metadata() == {"label": "5"}
    assert files.have_hdf5 is True


def test_without_h5py_the_pip_line_is_given(tmp_path: Path, monkeypatch: Any) -> None:
    files.HDF5ArrayFile(tmp_path / "x.h5", "w").write(DATA, {})
    monkeypatch.setitem(sys.modules, "h5py", None)
    for use in (files.HDF5ArrayFile(tmp_path / "x.h5").read, lambda: files.HDF5ArrayFile("y", "w").write(DATA, {})):
        with pytest.raises(MissingPackageError, match=r"h5py.*pip install 'pynn-core\[formats\]'"):
            use()


def test_a_file_can_be_renamed(tmp_path: Path) -> None:
    target = files.NumpyBinaryFile(tmp_path / "a.npz", "w")
    target.write(DATA, {})
    target.rename(tmp_path / "b.npz")
    np.testing.assert_array_equal(files.NumpyBinaryFile(tmp_path / "b.npz").read(), DATA)


def test_a_damaged_file_is_refused_by_every_reader(tmp_path):
    for kind, content in (
        (files.StandardTextFile, b"# a = 1\n\xff\xfe"),
        (files.NumpyBinaryFile, b""),
        (files.NumpyBinaryFile, b"PK\x03\x04 and no archive"),
        (files.HDF5ArrayFile, b"\x89HDF\r\n\x1a\n"),
    ):
        path = tmp_path / "file"
        path.write_bytes(content)
        for read in (kind(path).read, kind(path).get_metadata):
            with pytest.raises(FileFormatError, match="file' is not"):
                read()
    np.save(tmp_path / "array.npy", np.arange(3.0))
    with pytest.raises(FileFormatError, match="not a NumPy archive"):
        files.NumpyBinaryFile(tmp_path / "array.npy").read()
    np.savez(tmp_path / "other.npz", data=np.arange(3.0), metadata=np.arange(3))
    with pytest.raises(FileFormatError, match=r"pairs of a name and a value.*\(3,\)"):
        files.NumpyBinaryFile(tmp_path / "other.npz").get_metadata()
    (tmp_path / "cut.pkl").write_bytes(pickle.dumps(([1.0], {}))[:-3])
    with pytest.raises(FileFormatError, match="not a pickle that can be read"):
        files.PickleFile(tmp_path / "cut.pkl", allow_pickle=True).read()


def test_a_member_of_an_archive_that_is_no_array_is_refused(tmp_path: Path) -> None:
    """NumPy hands out as bytes what does not begin as an array does."""
    path = tmp_path / "data.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("data", "metadata", "row", "facts"):
            archive.writestr(name, b"no array")
    for read in (files.NumpyBinaryFile(path).read, files.NumpyBinaryFile(path).get_metadata,
                 lambda: Row.from_bytes(path.read_bytes(), path), lambda: Observation.load(path)):  # fmt: skip
        with pytest.raises(FileFormatError, match=r"data\.npz.* is not an array"):
            read()
