"""The three kinds of files that SONATA consists of: HDF5, space-separated tables and JSON with variables for paths."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.errors import FileFormatError, InvalidParameterValueError, MissingPackageError, PyNNError
from pyNN.recording.files import Attributes, check_heaps, stored_values

MAGIC = 0x0A7A
"""Attribute `magic` of every HDF5 file of the format."""
VERSION = (0, 1)
"""Attribute `version`: of the format's specification."""
NULL = "NULL"
"""Stands in a table for no value."""
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


# --- HDF5 ------------------------------------------------------------------------------------------------------------


def h5py_module() -> Any:
    """The package h5py; MissingPackageError with the pip line where it is not installed."""
    if importlib.util.find_spec("h5py") is None:
        raise MissingPackageError(
            "SONATA keeps networks in HDF5 files, which needs the package h5py. Install it with: "
            "pip install 'pynn-core[formats]'"
        )
    import h5py

    return h5py


@contextmanager
def new_h5(path: Path) -> Iterator[Any]:
    """A new HDF5 file with the format's two attributes."""
    h5py = h5py_module()
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.attrs["magic"] = np.uint32(MAGIC)
        file.attrs["version"] = np.array(VERSION, dtype=np.uint32)
        yield file


@contextmanager
def opened_h5(path: Path) -> Iterator[Any]:
    """An HDF5 file of the format to read; FileFormatError if it is none."""
    h5py = h5py_module()
    if not path.is_file():
        raise FileFormatError(f"There is no file '{path}'.")
    try:
        check_heaps(path)
        file = h5py.File(path, "r")
    except FileFormatError:
        raise
    except OSError as error:
        raise FileFormatError(f"'{path}' is not an HDF5 file: {error}") from error
    with file, damage_reported(path):
        # Files of the first years of the format have no such attribute.
        magic = Attributes(file).get("magic", MAGIC)
        if np.size(magic) != 1 or int(np.ravel(magic)[0]) != MAGIC:
            raise FileFormatError(f"'{path}' is not a SONATA file: its attribute magic is {magic!r}, not {MAGIC:#06x}.")
        yield file


@contextmanager
def damage_reported(path: Path) -> Iterator[None]:
    """What h5py and NumPy raise at the contents of a damaged file is a FileFormatError."""
    try:
        yield
    except PyNNError:
        raise
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError, OSError, RuntimeError,
            MemoryError) as error:  # fmt: skip
        raise FileFormatError(f"'{path}' is damaged: {error!r}.") from error


def group_in(parent: Any, name: str) -> Any:
    """The group `name` of an HDF5 group; FileFormatError where there is none."""
    h5py = h5py_module()
    found = parent.get(name)
    if not isinstance(found, h5py.Group):
        raise FileFormatError(f"'{parent.file.filename}': there is no group '{name}' in '{parent.name}'.")
    return found


def column(parent: Any, name: str, size: int | None = None) -> Any:
    """The dataset `name` of a group as an array; FileFormatError where it is missing or of another length."""
    h5py = h5py_module()
    found = parent.get(name)
    if not isinstance(found, h5py.Dataset) or found.ndim < 1:
        raise FileFormatError(f"'{parent.file.filename}': there is no dataset '{name}' in '{parent.name}'.")
    if size is not None and len(found) != size:
        raise FileFormatError(
            f"'{parent.file.filename}': '{found.name}' has {len(found)} values, but {size} are needed."
        )
    values = stored_values(found)
    if h5py.check_string_dtype(found.dtype) is not None:
        return np.array([to_string(value) for value in values], dtype=object)
    return values


def integers(parent: Any, name: str, size: int | None = None) -> Any:
    """A dataset of whole numbers that are not negative, as int64."""
    values = np.asarray(column(parent, name, size))
    if values.dtype.kind not in "iu" or values.ndim != 1 or (values.size and values.min() < 0):
        raise FileFormatError(
            f"'{parent.file.filename}': '{parent.name}/{name}' must hold whole numbers that are not negative."
        )
    return values.astype(np.int64)


def datasets(parent: Any) -> Iterator[str]:
    """Names of the datasets in a group."""
    h5py = h5py_module()
    return (name for name, item in parent.items() if isinstance(item, h5py.Dataset))


# --- tables ----------------------------------------------------------------------------------------------------------


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows as a table of the format: ASCII, separated by spaces; what a row does not have is NULL."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, delimiter=" ", lineterminator="\n")
        writer.writerow(names)
        for row in rows:
            writer.writerow([NULL if row.get(name) is None else _field(row[name]) for name in names])


def _field(value: Any) -> str:
    return repr(float(value)) if isinstance(value, (float, np.floating)) else str(value)


def read_table(path: Path) -> list[dict[str, str | None]]:
    """The rows of a table by column; NULL is None. FileFormatError for rows that do not fit the header."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            # Columns are parted by one or several spaces; lines may end with some.
            text = "\n".join(line.strip() for line in file.read().splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(f"The table '{path}' cannot be read: {error}") from error
    try:
        lines = [row for row in csv.reader(text.splitlines(), delimiter=" ", skipinitialspace=True, strict=True) if row]
    except csv.Error as error:
        raise FileFormatError(f"'{path}' is not a table of columns parted by spaces: {error}") from error
    if not lines:
        raise FileFormatError(f"The table '{path}' is empty; its first line must name the columns.")
    header = lines[0]
    if len(set(header)) != len(header):
        raise FileFormatError(f"The table '{path}' has two columns of the same name: {' '.join(header)}.")
    for number, line in enumerate(lines[1:], start=1):
        if len(line) != len(header):
            raise FileFormatError(f"'{path}': row {number} has {len(line)} columns, the header has {len(header)}.")
    return [{n: None if v in (NULL, "") else v for n, v in zip(header, line, strict=True)} for line in lines[1:]]


def types_of(rows: list[dict[str, str | None]], kind: str, population: str | None, path: Path) -> dict[int, Any]:
    """Attributes by type id of the rows that concern a population; `kind` is "node" or "edge"."""
    key = f"{kind}_type_id"
    types: dict[int, Any] = {}
    for row in rows:
        if key not in row:
            raise FileFormatError(f"The table '{path}' has no column {key}. It has: {', '.join(row)}.")
        if population is not None and row.get("population") not in (None, population):
            continue
        number = cast(row[key])
        if not isinstance(number, int):
            raise FileFormatError(f"'{path}': {key} must be a whole number, not '{row[key]}'.")
        if number in types:
            raise FileFormatError(f"'{path}': the {key} {number} occurs twice.")
        types[number] = {name: value for name, value in row.items() if name not in (key, "population")}
    return types


def read_types_file(file_path: Any, node_or_edge: str) -> dict[int, Any]:
    """Attributes by type id from a table of types of "node" or "edge", of whichever population."""
    if node_or_edge not in ("node", "edge"):
        raise InvalidParameterValueError(f"Types are those of 'node' or 'edge', not {node_or_edge!r}.")
    return types_of(read_table(Path(file_path)), node_or_edge, None, Path(file_path))


def cast(value: Any) -> Any:
    """The number that a text is, or the text."""
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def condense(value: Any, types_array: Any) -> Any:
    """One value a node type, by type id, of an array of one value a node; the array itself where types are mixed."""
    values, types = np.asarray(value), np.asarray(types_array)
    found: dict[int, Any] = {}
    for number in np.unique(types):
        own = values[types == number]
        if not (own == own[0]).all():
            return value
        found[int(number)] = own[0]
    return found


# --- JSON ------------------------------------------------------------------------------------------------------------


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """A file with a JSON object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FileFormatError(f"The JSON file '{path}' cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise FileFormatError(f"'{path}' must hold a JSON object, {{...}}, not {type(content).__name__}.")
    return content


def load_config(config_file: Any) -> dict[str, Any]:
    """A configuration with the variables of its manifest filled in; those hold absolute paths then.

    Raises FileFormatError for a variable that the manifest does not have or that refers to itself.
    """
    path = Path(config_file)
    content = read_json(path)
    given = content.get("manifest", {})
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise FileFormatError(f"'{path}': the manifest must give a text for each variable.")
    manifest = {name.lstrip("$").strip("{}"): value for name, value in given.items()}
    variables = {name: str(_absolute(path, _resolved(name, manifest, (), path))) for name in manifest}
    return {
        **{name: _filled(value, variables, path) for name, value in content.items() if name != "manifest"},
        "manifest": {f"${name}": value for name, value in variables.items()},
    }


def _variable(name: str, variables: Mapping[str, str], path: Path) -> str:
    if name not in variables:
        known = ", ".join(f"${known}" for known in variables) or "none"
        raise FileFormatError(f"'{path}' uses the variable ${name}, which its manifest lacks. It has: {known}.")
    return variables[name]


def _resolved(name: str, manifest: Mapping[str, str], within: tuple[str, ...], path: Path) -> str:
    if name in within:
        raise FileFormatError(f"'{path}': the variable ${name} of the manifest refers to itself.")
    text = _variable(name, manifest, path)
    return _VARIABLE.sub(lambda match: _resolved(match[1] or match[2], manifest, (*within, name), path), text)


def _filled(value: Any, variables: Mapping[str, str], path: Path) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: _variable(match[1] or match[2], variables, path), value)
    if isinstance(value, list):
        return [_filled(item, variables, path) for item in value]
    if isinstance(value, dict):
        return {name: _filled(item, variables, path) for name, item in value.items()}
    return value


def _absolute(config_file: Path, text: str) -> Path:
    return (config_file.parent / text).absolute()


def located(config_file: Any, text: Any, what: str) -> Path:
    """The path that a text in a configuration stands for; relative ones start at the configuration's folder."""
    if not isinstance(text, str) or not text:
        raise FileFormatError(f"'{config_file}': {what} must be the name of a file, not {text!r}.")
    return _absolute(Path(config_file), text)


# --- names -----------------------------------------------------------------------------------------------------------


def asciify(label: str) -> str:
    """A label as the name of a population in a file: ASCII letters, digits and "_.-", an arrow as "-to-"."""
    text = unicodedata.normalize("NFKD", str(label).replace("→", "-to-"))
    text = text.encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^A-Za-z0-9_.\-]+", "_", text).strip("_.") or "unnamed"


def to_string(s: Any) -> str:
    """Text from an HDF5 file, which gives it as bytes or as text."""
    return s.decode("utf-8") if isinstance(s, bytes) else str(s)
