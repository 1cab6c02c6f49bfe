"""The rows of a study on disk: a small file for each finished run, and one HDF5 file made of all of them.

HDF5 files do not survive a kill while they are written. So each finished run becomes a file of its own, in the folder
``<name>.runs`` beside the results: written under another name, flushed to disk, and renamed. The HDF5 file is made from
these the same way, whole, when the study ends or is interrupted; only then are the small files removed. A kill at any
moment therefore costs the runs that had not finished, and nothing else.
"""

from __future__ import annotations

import contextlib
import glob
import importlib.util
import json
import os
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.errors import FileFormatError, InvalidParameterValueError, MissingPackageError
from pyNN.recording.files import Attributes, check_heaps, check_stored, stored_values
from pyNN.recording.output import replacing
from pyNN.sweep.grid import Point
from pyNN.sweep.rows import Results, Row, key_of, scalar_column, stacked_arrays

FORMAT, VERSION = "pynn-core sweep", 1
_SUFFIX = ".row.npz"
_STUDY = "study.json"


@dataclass(frozen=True)
class Study:
    """What the rows of one file have in common."""

    model: str
    """What is run, as a user would say it: "network.py on reference", or a function's name."""
    parameters: list[str]
    """Names, in order."""
    manifest: dict[str, Any]
    """Anything else worth keeping: the command, the backend ..."""

    def as_dict(self) -> dict[str, Any]:
        return {"model": self.model, "parameters": self.parameters, "manifest": self.manifest}


class Store:
    """Rows on disk, under the name of the HDF5 file that they become; one process at a time, see `opened`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.folder = self.path.with_name(self.path.name + ".runs")
        require_h5py()
        if self.path.is_dir():
            raise FileFormatError(f"'{self.path}' is a folder; a sweep is written to a file.")

    @contextlib.contextmanager
    def opened(self, study: Study, restart: bool = False) -> Iterator[dict[str, Row]]:
        """The rows that there are, by key, with the folder locked; FileFormatError if they are another study's."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileFormatError(f"The folder '{self.folder}' cannot be made: {error.strerror}.") from error
        with self._locked():
            try:
                self._remove_unfinished()
                if restart:
                    if self.path.exists():
                        # What is no sweep is not ours to remove.
                        read_results(self.path)
                    self._remove_rows()
                    self.path.unlink(missing_ok=True)
                rows = self._existing(study)
                with replacing(self.folder / _STUDY) as temporary:
                    temporary.write_text(json.dumps(study.as_dict(), indent=1), encoding="utf-8")
                yield rows
            finally:
                if not self.has_new_rows:
                    shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        import filelock

        # The operating system gives up the lock of a process that is killed.
        lock = filelock.FileLock(self.folder / "lock", timeout=0)
        try:
            lock.acquire()
            if not (self.folder / "lock").exists():
                # The folder went, with the sweep that it was of, after the lock had been opened here.
                lock.release()
                self.folder.mkdir(parents=True, exist_ok=True)
                lock.acquire()
        except filelock.Timeout as error:
            raise FileFormatError(
                f"Another sweep is writing to '{self.path}'. Wait for it, or choose another file."
            ) from error
        try:
            yield
        finally:
            lock.release()

    @property
    def has_new_rows(self) -> bool:
        """Whether there are rows that are not in the HDF5 file."""
        return any(self.folder.glob(f"*{_SUFFIX}"))

    def _remove_unfinished(self) -> None:
        """What a killed process was writing, under its temporary names."""
        for folder, pattern in (
            (self.folder, ".*.tmp*"),
            (self.path.absolute().parent, f".{glob.escape(self.path.stem)}.*.tmp{glob.escape(self.path.suffix)}"),
        ):
            for file in folder.glob(pattern):
                file.unlink(missing_ok=True)

    def _remove_rows(self) -> None:
        for file in self.folder.glob(f"*{_SUFFIX}"):
            file.unlink()
        (self.folder / _STUDY).unlink(missing_ok=True)

    def _existing(self, study: Study) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        if self.path.exists():
            earlier, found = read_results(self.path)
            _require_same(self.path, earlier, study)
            rows = {row.key: row for row in found}
        described = self.folder / _STUDY
        if described.exists():
            _require_same(self.path, _study_of(described.read_text(encoding="utf-8"), described), study)
        rows.update(_rows_in(self.folder))
        return rows

    def add(self, row: Row) -> None:
        """Keep a finished run: from here on it is not lost."""
        with replacing(self.folder / f"{row.key}{_SUFFIX}") as temporary:
            temporary.write_bytes(row.to_bytes())
        _flush_folder(self.folder)

    def merge(self, study: Study, rows: Iterable[Row]) -> None:
        """Write all rows to the HDF5 file, then remove the small files; if the first fails, all stays as it is."""
        # An interrupt may have come just after a row was written, before the caller could note it.
        everything = {row.key: row for row in rows} | _rows_in(self.folder)
        with replacing(self.path) as temporary:
            write_results(temporary, study, list(everything.values()))
        _flush_folder(self.path.absolute().parent)
        self._remove_rows()


def _flush_folder(folder: Path) -> None:
    # A rename is in the folder, which has buffers of its own.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rows_in(folder: Path) -> dict[str, Row]:
    rows = {}
    for file in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            row = Row.from_bytes(file.read_bytes(), file)
        except FileFormatError as error:
            warnings.warn(f"{error} That run is done again.", stacklevel=2)
            file.unlink()
        else:
            rows[row.key] = row
    return rows


def _require_same(path: Path, earlier: Study, present: Study) -> None:
    advice = "Choose another file with --out, or begin anew with --restart (in Python: restart=True)."
    if earlier.model != present.model:
        raise InvalidParameterValueError(
            f"'{path}' holds a sweep of {earlier.model}, not of {present.model}. {advice}"
        )
    if set(earlier.parameters) != set(present.parameters):
        raise InvalidParameterValueError(
            f"'{path}' holds a sweep over {', '.join(earlier.parameters) or 'nothing'}, not over "
            f"{', '.join(present.parameters) or 'nothing'}. {advice}"
        )


def _study_of(text: str | bytes, source: Path) -> Study:
    try:
        content = json.loads(text)
        return Study(str(content["model"]), [str(name) for name in content["parameters"]], dict(content["manifest"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FileFormatError(f"'{source}' does not describe a sweep: {error!r}.") from error


def require_h5py() -> Any:
    """The module h5py; MissingPackageError, with the pip line, without it."""
    if importlib.util.find_spec("h5py") is None:
        raise MissingPackageError(
            "A sweep's results need the package h5py. Install it with: pip install 'pynn-core[formats]'"
        )
    import h5py

    return h5py


def write_results(path: Path, study: Study, rows: list[Row]) -> None:
    """An HDF5 file: datasets parameters/<name>, results/<name> and runs/<property>, one entry a row.

    Results that are arrays are stacked; where their shapes or types differ from run to run, results/<name> is a group
    with one dataset a row, named by the row's number. `rows` holds each row as JSON, without arrays.
    """
    h5py = require_h5py()
    results = Results(rows)
    with h5py.File(path, "w") as file:
        file.attrs["format"] = FORMAT
        file.attrs["version"] = VERSION
        file.attrs["study"] = json.dumps(study.as_dict())
        texts = h5py.string_dtype()
        file.create_dataset("rows", data=np.array([row.to_json() for row in rows], dtype=object), dtype=texts)
        for name in study.parameters:
            _put(file, f"parameters/{name}", scalar_column([row.parameters.get(name) for row in rows]))
        for name in results.names:
            _put_result(file, f"results/{name}", [row.results.get(name) for row in rows])
        for name in ("status", "error", "exit_code", "started", "wall_time_s", "peak_memory_mb", "source_hash", "key"):
            _put(file, f"runs/{name}", scalar_column([getattr(row, name) for row in rows]))


def _put(file: Any, path: str, column: np.ndarray[Any, Any]) -> None:
    h5py = require_h5py()
    if column.dtype == object:
        # HDF5 has no texts with a zero in them.
        column = np.array([text.replace("\x00", " ") for text in column], dtype=object)
        file.create_dataset(path, data=column, dtype=h5py.string_dtype())
    else:
        file.create_dataset(path, data=column)


def _put_result(file: Any, path: str, values: list[Any]) -> None:
    if not any(isinstance(value, np.ndarray) for value in values):
        _put(file, path, scalar_column(values))
        return
    stacked = stacked_arrays(values)
    if stacked is not None and _stacks_exactly(values, stacked.dtype):
        file.create_dataset(path, data=stacked)
        return
    group = file.create_group(path)
    for i, value in enumerate(values):
        if value is not None:
            group.create_dataset(str(i), data=value)


def _stacks_exactly(values: list[Any], kind: np.dtype[Any]) -> bool:
    """Whether arrays can be read back from their stack as they were."""
    present = [value for value in values if value is not None]
    if any(value.dtype != present[0].dtype for value in present):
        return False
    # Beside rows without a value, whole numbers become floats.
    return kind == present[0].dtype or all(np.all(np.abs(value.astype(float)) < 2**53) for value in present)


def read_results(path: str | os.PathLike[str]) -> tuple[Study, list[Row]]:
    """What `write_results` has written; FileFormatError for anything else."""
    h5py = require_h5py()
    try:
        check_heaps(path)
        with h5py.File(path, "r") as file:
            attributes = Attributes(file)
            if attributes.get("format") != FORMAT:
                raise FileFormatError(f"'{path}' is an HDF5 file, but not one of a sweep.")
            if int(attributes["version"]) > VERSION:
                raise FileFormatError(
                    f"'{path}' has version {attributes['version']} of the format; this package knows up to {VERSION}. "
                    "Install a newer pynn-core."
                )
            study = _study_of(attributes["study"], Path(path))
            if h5py.check_string_dtype(file["rows"].dtype) is None:
                # HDF5 (2.0) crashes where damage has made something else of the texts.
                raise FileFormatError(f"'{path}' is damaged: its rows are no texts.")
            texts = [text.decode() for text in stored_values(file["rows"])]
            return study, [Row.from_json(text, _arrays(file, text, i)) for i, text in enumerate(texts)]
    except FileFormatError:
        raise
    except Exception as error:
        # Damaged HDF5 files make h5py raise almost anything.
        raise FileFormatError(f"'{path}' is not the results of a sweep: {error}.") from error


def _arrays(file: Any, text: str, row: int) -> dict[str, np.ndarray[Any, Any]]:
    arrays = {}
    for name in json.loads(text)["arrays"]:
        stored = file[f"results/{name}"]
        if isinstance(stored, require_h5py().Dataset):
            check_stored(stored)
            arrays[name] = np.asarray(stored[row])
        else:
            arrays[name] = np.asarray(stored_values(stored[str(row)]))
    return arrays


def load_results(path: str | os.PathLike[str]) -> Results:
    """The rows of a study's file, also of one that is still running or has been killed."""
    store = Store(path)
    rows: dict[str, Row] = {}
    if store.path.exists():
        rows = {row.key: row for row in read_results(store.path)[1]}
    elif not store.folder.is_dir():
        raise FileFormatError(f"There is no sweep '{path}'.")
    for file in sorted(store.folder.glob(f"*{_SUFFIX}")):
        with contextlib.suppress(FileNotFoundError):
            # The study may end, and put its rows into the HDF5 file, while they are read here.
            row = Row.from_bytes(file.read_bytes(), file)
            rows[row.key] = row
    return Results(list(rows.values()))


def in_order(points: Iterable[Point], rows: Mapping[str, Row]) -> list[Row]:
    """The rows of these points in their order, then all others."""
    keys = list(dict.fromkeys(key_of(point) for point in points))
    wanted = set(keys)
    return [rows[key] for key in keys if key in rows] + [row for key, row in rows.items() if key not in wanted]
