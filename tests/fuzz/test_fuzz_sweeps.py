"""Damaged and foreign files where the rows of a parameter study are expected: read, or refused with FileFormatError.

PYNN_EXAMPLES multiplies the number of files.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyNN.errors import FileFormatError
from pyNN.sweep.rows import OK, Row
from pyNN.sweep.store import Study, read_results, write_results

# The name of a file in a damaged archive may be in this code, which is imported when it is needed.
"".encode("cp437")

FACTOR = int(os.environ.get("PYNN_EXAMPLES", "1"))
EDITS = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.integers(0, 12), st.binary(max_size=6)), min_size=1, max_size=5
)
KEPT = st.one_of(st.just(1.0), st.floats(0.0, 1.0))
ROWS = [
    Row({"w": 0.5, "kind": "a"}, OK, {"n": 3, "psth": np.arange(4), "text": "x"}, started="2026-01-01T00:00:00+00:00"),
    Row({"w": 1.5, "kind": "b"}, OK, {"n": 4, "psth": np.arange(5), "text": "y"}),
]


class Explosive:
    """A pickle of it would run a program when it is read."""

    def __reduce__(self) -> Any:
        return (os.system, ("false",))


def damaged(content: bytes, edits: list[tuple[float, int, bytes]], kept: float) -> bytes:
    for where, removed, inserted in edits:
        place = int(where * len(content))
        content = content[:place] + inserted + content[place + removed :]
    return content[: int(kept * len(content))]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "results.h5"


@pytest.fixture(scope="module")
def valid(path: Path) -> bytes:
    pytest.importorskip("h5py")
    write_results(path, Study("the function f()", ["w", "kind"], {}), ROWS)
    return path.read_bytes()


@settings(max_examples=150 * FACTOR)
@given(st.one_of(st.tuples(EDITS, KEPT), st.binary(max_size=60), st.just(pickle.dumps(Explosive()))))
def test_the_row_of_a_run_is_read_or_refused(watched: Callable[[], Any], change: Any) -> None:
    content = change if isinstance(change, bytes) else damaged(ROWS[0].to_bytes(), *change)
    with watched():
        try:
            row = Row.from_bytes(content, "row")
        except FileFormatError as error:
            assert "row" in str(error)
        else:
            assert len(row.key) == 16


@settings(max_examples=150 * FACTOR)
@given(st.one_of(st.tuples(EDITS, KEPT), st.binary(max_size=60)))
def test_the_results_of_a_study_are_read_or_refused(
    watched: Callable[[], Any], valid: bytes, path: Path, change: Any
) -> None:
    path.write_bytes(change if isinstance(change, bytes) else damaged(valid, *change))
    with watched():
        try:
            study, rows = read_results(path)
        except FileFormatError as error:
            assert str(path) in str(error)
        else:
            assert isinstance(study.model, str) and all(len(row.key) == 16 for row in rows)
