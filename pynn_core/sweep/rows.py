"""One run of a parameter study is a row: its parameters, what it gave, and under which circumstances."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.errors import FileFormatError, NonExistentParameterError
from pyNN.recording.files import archived
from pyNN.sweep.grid import Point, Value, identity

OK, FAILED = "ok", "failed"
WRONG_CALL = 2
"""Exit code of a script that does not understand its command line."""


@dataclass
class Row:
    """What one run gave, and its manifest."""

    parameters: Point
    status: str
    """OK or FAILED."""
    results: dict[str, Any] = field(default_factory=dict)
    """Numbers, texts and arrays by name."""
    error: str = ""
    """The exception that ended the run, in one line."""
    traceback: str = ""
    exit_code: int = 0
    """Of the run's process; negative: the signal that ended it."""
    started: str = ""
    """UTC, ISO 8601."""
    wall_time_s: float = math.nan
    """Of the whole process, imports included."""
    peak_memory_mb: float = math.nan
    source_hash: str = ""
    """SHA-256 of the script or of the module in which the model is defined."""
    manifest: dict[str, Any] = field(default_factory=dict)
    """Versions, platform, host, and what the model adds."""
    output: str = ""
    """The end of what the run has printed."""

    @property
    def ok(self) -> bool:
        return self.status == OK

    @property
    def key(self) -> str:
        return key_of(self.parameters)

    def to_json(self) -> str:
        """Everything but the arrays, of which dtype and shape stand here."""
        content = asdict(self)
        content["results"] = {n: v for n, v in self.results.items() if not isinstance(v, np.ndarray)}
        content["arrays"] = {n: [a.dtype.str, list(a.shape)] for n, a in self.arrays.items()}
        content["order"] = list(self.results)
        return json.dumps(content)

    @property
    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        return {name: value for name, value in self.results.items() if isinstance(value, np.ndarray)}

    @classmethod
    def from_json(cls, text: str, arrays: dict[str, np.ndarray[Any, Any]]) -> Row:
        content = json.loads(text)
        shapes, order = content.pop("arrays"), content.pop("order")
        scalars = content["results"]
        content["results"] = {
            name: arrays[name].astype(shapes[name][0]).reshape(shapes[name][1]) if name in shapes else scalars[name]
            for name in order
        }
        return cls(**content)

    def to_bytes(self) -> bytes:
        """A .npz archive without pickles."""
        stream = io.BytesIO()
        arrays: dict[str, Any] = {f"a{i}": array for i, array in enumerate(self.arrays.values())}
        np.savez(stream, row=np.frombuffer(self.to_json().encode(), dtype=np.uint8), **arrays)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, source: str | Path) -> Row:
        """FileFormatError if that is not a row."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                text = archived(stored, "row").tobytes().decode()
                names = list(json.loads(text)["arrays"])
                return cls.from_json(text, {name: archived(stored, f"a{i}") for i, name in enumerate(names)})
        except Exception as error:
            # Damaged archives make zipfile, zlib and NumPy raise almost anything.
            raise FileFormatError(f"'{source}' does not hold the row of a study: {error}.") from error


def key_of(point: Point) -> str:
    """16 hexadecimal digits that identify a point."""
    return hashlib.sha256(repr([(n, text, _plain(v)) for n, text, v in identity(point)]).encode()).hexdigest()[:16]


def _plain(value: Value) -> str:
    # 1 and 1.0 are the same point.
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return repr(int(value)) if is_whole or isinstance(value, bool) else repr(value)


class Results(Sequence[Row]):
    """The rows of a study, in the order of its points.

    ``results["weight"]`` is a parameter's or a result's column: an array with one entry a row, NaN (or "") where a run
    has failed; a list where the entries are arrays of different shapes. ``results.columns()`` gives all of them, for
    example for ``pandas.DataFrame``.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = list(rows)

    @property
    def failed(self) -> list[Row]:
        """The rows of runs that have failed."""
        return [row for row in self.rows if not row.ok]

    @property
    def parameters(self) -> list[str]:
        """Names of the parameters."""
        return list(dict.fromkeys(name for row in self.rows for name in row.parameters))

    @property
    def names(self) -> list[str]:
        """Names of the results."""
        return list(dict.fromkeys(name for row in self.rows for name in row.results))

    def columns(self) -> dict[str, Any]:
        """Every parameter and every result that is a number or a text, as arrays with one entry a row."""
        names = [n for n in self.names if not any(isinstance(row.results.get(n), np.ndarray) for row in self.rows)]
        return {name: self[name] for name in [*self.parameters, *names]}

    def __getitem__(self, which: Any) -> Any:
        if not isinstance(which, str):
            return self.rows[which]
        if which in self.parameters:
            return scalar_column([row.parameters.get(which) for row in self.rows])
        if which not in self.names:
            raise NonExistentParameterError(which, "The study", [*self.parameters, *self.names], "parameter or result")
        values = [row.results.get(which) for row in self.rows]
        if not any(isinstance(value, np.ndarray) for value in values):
            return scalar_column(values)
        stacked = stacked_arrays(values)
        return values if stacked is None else stacked

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return (
            f"<Results of {len(self)} runs{failed}; parameters: {', '.join(self.parameters) or 'none'}; "
            f"results: {', '.join(self.names) or 'none'}>"
        )


def scalar_column(values: list[Any]) -> np.ndarray[Any, Any]:
    """One array of numbers where that is possible (NaN for None), otherwise of texts ("" for None)."""
    present = [value for value in values if value is not None]
    if len(present) == len(values) and present and all(isinstance(value, bool) for value in present):
        return np.array(values, dtype=bool)
    if all(isinstance(value, (bool, int, float)) for value in present):
        if len(present) == len(values) and all(_is_int64(value) for value in present):
            return np.array(values, dtype=np.int64)
        return np.array([math.nan if value is None else float(value) for value in values], dtype=float)
    return np.array(["" if value is None else str(value) for value in values], dtype=object)


def _is_int64(value: Any) -> bool:
    return isinstance(value, int) and -(2**63) <= value < 2**63


def stacked_arrays(values: list[Any]) -> np.ndarray[Any, Any] | None:
    """(rows, ...) of arrays that have the same shape, NaN where there is none; None if their shapes differ."""
    present = [value for value in values if value is not None]
    if not all(isinstance(value, np.ndarray) and value.shape == present[0].shape for value in present):
        return None
    kind = np.result_type(*present)
    if len(present) < len(values) and kind.kind not in "fc":
        kind = np.dtype(float)
    column = np.full((len(values), *present[0].shape), np.nan if kind.kind in "fc" else 0, dtype=kind)
    for i, value in enumerate(values):
        if value is not None:
            column[i] = value
    return column
