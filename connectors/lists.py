"""Connectors that are told the connections: a list, a file, an array, another projection."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyNN.connectors.base import (
    BoolArray,
    ConnectionRequest,
    Connections,
    Connector,
    FloatArray,
    IntArray,
    MapConnector,
)
from pyNN.errors import ConnectorError, FileFormatError

_HEADER = re.compile(r"#\s*columns\s*=\s*(.*)$")


class FromListConnector(Connector):
    """Connections from a list of rows or a 2-D array.

    Each row is (pre index, post index), (pre index, post index, weight, delay in ms), or (pre index, post index, ...)
    with the further values named by `column_names`. They take precedence over the synapse type's. A pair that is
    listed twice gets two connections. ConnectorError names the first row that is wrong.
    """

    parameter_names: tuple[str, ...] = ("conn_list",)

    def __init__(
        self,
        conn_list: Any,
        column_names: Sequence[str] | None = None,
        location_selector: Any = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(location_selector, safe, callback)
        self.conn_list = _table(conn_list)
        width = self.conn_list.shape[1]
        self.column_names = _value_names(column_names, None if self.conn_list.shape[0] == 0 else width)

    def connections(self, request: ConnectionRequest) -> Connections:
        made = _connections_of_rows(request, self.conn_list, self.column_names, _row_of_list)
        self._report(request, 1.0)
        return made


class FromFileConnector(FromListConnector):
    """Connections from a text file with one row a connection, as Projection.save() writes them.

    `file`: a path, or an object with `read()` and `get_metadata()` such as those of pyNN.recording.files. Columns are
    separated by white space and named by a header line `# columns = ["i", "j", "weight", "delay"]` (list or tuple);
    without one, rows have two or four columns, as in FromListConnector. `distributed=True` reads `<file>.<rank>`,
    which holds the connections to the cells of this process. FileFormatError names the line that is wrong.
    """

    parameter_names = ("file", "distributed")

    def __init__(
        self,
        file: Any,
        distributed: bool = False,
        location_selector: Any = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        Connector.__init__(self, location_selector, safe, callback)
        if not isinstance(file, (str, os.PathLike)) and not (
            callable(getattr(file, "read", None)) and callable(getattr(file, "get_metadata", None))
        ):
            raise ConnectorError(
                f"FromFileConnector needs the path of a text file, or a file object of pyNN.recording.files, "
                f"not {file!r}."
            )
        if distributed and not isinstance(file, (str, os.PathLike)):
            raise ConnectorError("FromFileConnector(distributed=True) needs a path, to which the rank is appended.")
        self.file = file
        self.distributed = bool(distributed)

    def connections(self, request: ConnectionRequest) -> Connections:
        if isinstance(self.file, (str, os.PathLike)):
            path = os.fspath(self.file)
            name = f"{path}.{request.rank}" if self.distributed else path
            rows, names, lines = _read_text(name)
        else:
            name = str(getattr(self.file, "name", self.file))
            rows = _table(self.file.read())
            given = self.file.get_metadata().get("columns")
            names = _value_names(given, None if rows.shape[0] == 0 else rows.shape[1])
            lines = np.arange(1, len(rows) + 1)

        def place(row: int) -> str:
            return f"file '{name}', line {lines[row]}"

        if self.distributed:
            _check_all_local(request, rows, place)
        made = _connections_of_rows(request, rows, names, place)
        self._report(request, 1.0)
        return made


class ArrayConnector(MapConnector):
    """Connections where `array[i, j]` is true: booleans, or 0 and 1, of shape (pre cells, post cells)."""

    parameter_names = ("array",)

    def __init__(
        self,
        array: ArrayLike,
        location_selector: Any = None,
        safe: bool = True,
        callback: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(location_selector, safe, callback)
        self.array = _boolean_array(array)

    def connections(self, request: ConnectionRequest) -> Connections:
        expected = (request.n_pre, request.n_post)
        if self.array.shape != expected:
            raise ConnectorError(
                f"ArrayConnector was given an array of shape {self.array.shape}, but '{request.pre_label}' has "
                f"{expected[0]} and '{request.post_label}' {expected[1]} cells: the shape must be {expected}."
                + (" The transposed array fits." if self.array.shape == expected[::-1] else "")
            )
        column, pre = np.nonzero(self.array.T[request.posts])
        self._report(request, 1.0)
        return Connections(pre.astype(np.int32), request.posts[column].astype(np.int32))


class CloneConnector(MapConnector):
    """The same pairs as another projection, which must connect the same cells."""

    parameter_names = ("reference_projection",)

    def __init__(
        self, reference_projection: Any, safe: bool = True, callback: Callable[[float], None] | None = None
    ) -> None:
        super().__init__(None, safe, callback)
        if not callable(getattr(reference_projection, "connection_columns", None)):
            raise ConnectorError(f"CloneConnector needs a Projection to copy from, not {reference_projection!r}.")
        self.reference_projection = reference_projection

    def connections(self, request: ConnectionRequest) -> Connections:
        pre_ids, post_ids, pre, post = self.reference_projection.connection_columns()
        for side, theirs, ours in (("pre", pre_ids, request.pre_ids), ("post", post_ids, request.post_ids)):
            if not np.array_equal(theirs, ours):
                raise ConnectorError(
                    f"CloneConnector copies '{self.reference_projection.label}', whose {side} cells are not those of "
                    f"'{request.label}' ({len(theirs)} and {len(ours)} cells). Both must connect the same cells in the "
                    "same order."
                )
        wanted = request.is_local[post] if len(post) else np.zeros(0, dtype=bool)
        self._report(request, 1.0)
        return Connections.from_pairs(np.asarray(pre)[wanted], np.asarray(post)[wanted])


def _row_of_list(row: int) -> str:
    return f"row {row} of the list"


def _table(rows: Any) -> FloatArray:
    """Rows as a new 2-D array of numbers; ConnectorError names the first row that cannot be one."""
    if not isinstance(rows, np.ndarray):
        if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
            raise ConnectorError(f"A list of rows (pre index, post index, ...) is needed, not {rows!r}.")
        rows = list(rows)
    if len(rows) == 0:
        return np.empty((0, 2))
    try:
        table = np.array(rows, dtype=float)
    except (ValueError, TypeError):
        raise ConnectorError(_bad_row(rows)) from None
    if table.ndim != 2 or table.shape[1] < 2:
        raise ConnectorError(
            "Each row must be (pre index, post index) or (pre index, post index, weight, delay); the list given has "
            f"the shape {table.shape}."
        )
    return table


def _bad_row(rows: Any) -> str:
    """What is wrong with rows that do not make a table."""
    width: int | None = None
    for number, row in enumerate(rows):
        try:
            values = np.array(row, dtype=float)
        except (ValueError, TypeError):
            return f"Row {number} of the list is {row!r}, but each row must hold numbers: (pre index, post index, ...)."
        if values.ndim != 1:
            return f"Row {number} of the list is {row!r}, but each row must be (pre index, post index, ...)."
        if width is not None and len(values) != width:
            return f"Row {number} of the list has {len(values)} values and the rows before it have {width}: {row!r}."
        width = len(values)
    return f"The list cannot be read as rows of numbers: {rows!r:.200}."


def _value_names(column_names: Sequence[str] | None, width: int | None) -> tuple[str, ...]:
    """Names of the columns after the two indices; `width` None: no rows to compare with."""
    if column_names is None:
        if width in (None, 2):
            return ()
        if width == 4:
            return ("weight", "delay")
        raise ConnectorError(
            f"Rows have {width} values. Without column_names they may have 2 (pre index, post index) or 4 (pre index, "
            f"post index, weight, delay). Name all after the first two: column_names=['weight', ...]."
        )
    if isinstance(column_names, str) or not all(isinstance(name, str) for name in column_names):
        raise ConnectorError(f"column_names must be a list of names such as ['weight', 'delay'], not {column_names!r}.")
    names = tuple(column_names)
    if names[:2] == ("i", "j"):
        names = names[2:]
    if len(set(names)) != len(names) or {"i", "j"} & set(names):
        raise ConnectorError(f"column_names must name each column after the two indices once: {list(column_names)}.")
    if width is not None and len(names) != width - 2:
        raise ConnectorError(
            f"column_names {list(names)} names {len(names)} columns, but rows have {width - 2} after the two indices."
        )
    return names


def _first(mask: BoolArray) -> int | None:
    where = np.flatnonzero(mask)
    return int(where[0]) if where.size else None


def _indices(values: FloatArray, size: int, side: str, label: str, place: Callable[[int], str]) -> IntArray:
    """A column of indices as integers."""
    row = _first(~((values >= 0) & (values < size) & (values == np.floor(values))))
    if row is not None:
        possible = f"0 to {size - 1}" if size else "none, since it has no cells"
        raise ConnectorError(
            f"{place(row)}: the {side} index is {values[row]:g}; possible indices in '{label}': {possible}."
        )
    return values.astype(np.int64)


def _connections_of_rows(
    request: ConnectionRequest, rows: FloatArray, names: tuple[str, ...], place: Callable[[int], str]
) -> Connections:
    """Checked rows as columns, for the local post cells."""

    def sentence(row: int) -> str:
        text = place(row)
        return text[0].upper() + text[1:]

    pre = _indices(rows[:, 0], request.n_pre, "pre", request.pre_label, sentence)
    post = _indices(rows[:, 1], request.n_post, "post", request.post_label, sentence)
    for number, name in enumerate(names):
        row = _first(~np.isfinite(rows[:, 2 + number])) if len(rows) else None
        if row is not None:
            raise ConnectorError(f"{sentence(row)}: {name} is {rows[row, 2 + number]}, which is not a finite number.")
    if len(rows) == 0:
        return Connections.none(names)
    values = {name: rows[:, 2 + number] for number, name in enumerate(names)}
    if request.local_post is not None:
        keep = request.is_local[post]
        pre, post = pre[keep], post[keep]
        values = {name: column[keep] for name, column in values.items()}
    return Connections.from_pairs(pre, post, values)


def _check_all_local(request: ConnectionRequest, rows: FloatArray, place: Callable[[int], str]) -> None:
    """Refuse a row of a distributed file for a cell of another process, which would be lost."""
    if request.local_post is None:
        return
    foreign = _first(~np.isin(rows[:, 1], request.posts))
    if foreign is not None:
        raise ConnectorError(
            f"{place(foreign)}: post cell {rows[foreign, 1]:g} of '{request.post_label}' does not belong to process "
            f"{request.rank}. Files written one a process are for the same number of processes; for another number, "
            "save with gather=True and read with distributed=False."
        )


def _read_text(path: str) -> tuple[FloatArray, tuple[str, ...], NDArray[Any]]:
    """Rows, names of the columns after the indices, and the number of the line of each row."""
    try:
        with open(path, encoding="utf-8") as stream:
            lines = stream.readlines()
    except UnicodeDecodeError:
        raise FileFormatError(
            f"'{path}' is not a text file. FromFileConnector reads text with one row a connection, as "
            "Projection.save() writes it."
        ) from None
    except FileNotFoundError:
        raise FileFormatError(f"There is no file '{path}' (the working directory is '{os.getcwd()}').") from None
    columns: Any = None
    numbers: list[int] = []
    for number, line in enumerate(lines, start=1):
        stripped = line.strip()
        if stripped.startswith("#"):
            columns = _header_columns(stripped, path, number, columns)
        elif stripped:
            numbers.append(number)
    if not numbers:
        return np.empty((0, 2)), _names_in_file(columns, None, path), np.empty(0, dtype=np.int64)
    rows = _parse_rows([lines[number - 1] for number in numbers], numbers, path)
    return rows, _names_in_file(columns, rows.shape[1], path), np.array(numbers)


def _header_columns(line: str, path: str, number: int, before: Any) -> Any:
    """The names in a line `# columns = ...`; `before` for any other comment."""
    match = _HEADER.match(line)
    if match is None:
        return before
    try:
        columns = ast.literal_eval(match[1])
    except (ValueError, SyntaxError):
        columns = None
    if not isinstance(columns, (list, tuple)) or not all(isinstance(name, str) for name in columns):
        raise FileFormatError(
            f"File '{path}', line {number}: {match[1]!r} is not a list of names. It should look like "
            '# columns = ["i", "j", "weight", "delay"].'
        )
    return list(columns)


def _names_in_file(columns: Any, width: int | None, path: str) -> tuple[str, ...]:
    try:
        return _value_names(columns, width)
    except ConnectorError as error:
        raise FileFormatError(f"File '{path}', header: {error}") from None


def _parse_rows(lines: list[str], numbers: list[int], path: str) -> FloatArray:
    """Lines of numbers separated by white space."""
    try:
        rows = np.loadtxt(lines, dtype=float, comments="#", ndmin=2)
        if rows.shape[1] >= 2:
            return rows
    except ValueError:
        pass  # what is wrong with which line is found out below
    words = [line.split("#", 1)[0].split() for line in lines]
    width = len(words[0])
    for count, number in zip(map(len, words), numbers, strict=True):
        if count != width or count < 2:
            raise FileFormatError(
                f"File '{path}', line {number}: {count} values, but "
                + (f"the rows before it have {width}." if count != width else "a row needs at least (pre, post).")
            )
    for row, number in zip(words, numbers, strict=True):
        for word in row:
            if not _is_number(word):
                raise FileFormatError(f"File '{path}', line {number}: '{word}' is not a number.")
    return np.array(words, dtype=float)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _boolean_array(array: ArrayLike) -> BoolArray:
    values = np.asarray(array)
    if values.ndim != 2:
        raise ConnectorError(
            f"ArrayConnector needs a two-dimensional array (pre cells, post cells), not one of shape {values.shape}."
        )
    if values.dtype == bool:
        return values.copy()
    if values.dtype.kind not in "iuf" or not np.isin(values, (0, 1)).all():
        raise ConnectorError(
            "ArrayConnector needs an array of booleans, or of 0 and 1; for example, weights != 0. "
            f"The array given has elements of type {values.dtype}"
            + (f", from {values.min()} to {values.max()}." if values.dtype.kind in "iuf" and values.size else ".")
        )
    return values.astype(bool)
