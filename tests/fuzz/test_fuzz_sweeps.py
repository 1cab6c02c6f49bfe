"""Damaged and foreign files where the rows of a parameter study are expected: read, or refused with FileFormatError.

PYNN_EXAMPLES multiplies the number of files, PYNN_FUZZ_SEED gives others.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyNN.errors import FileFormatError
from pyNN.sweep.rows import OK, Row
from pyNN.sweep.store import Study, read_results, write_results

Copies = Callable[..., Iterator[bytes]]

ROWS = [
    Row({"w": 0.5, "kind": "a"}, OK, {"n": 3, "psth": np.arange(4), "text": "x"}, started="2026-01-01T00:00:00+00:00"),
    Row({"w": 1.5, "kind": "b"}, OK, {"n": 4, "psth": np.arange(5), "text": "y"}),
]


class Explosive:
    """A pickle of it would run a program when it is read."""

    def __reduce__(self) -> Any:
        return (os.system, ("false",))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "results.h5"


@pytest.fixture(scope="module")
def valid(path: Path) -> bytes:
    pytest.importorskip("h5py")
    write_results(path, Study("the function f()", ["w", "kind"], {}), ROWS)
    return path.read_bytes()


def test_the_row_of_a_run_is_read_or_refused(watched: Callable[[], Any], damaged_copies: Copies) -> None:
    for content in damaged_copies([ROWS[0].to_bytes(), pickle.dumps(Explosive())], 150):
        with watched():
            try:
                row = Row.from_bytes(content, "row")
            except FileFormatError as error:
                assert "row" in str(error)
            else:
                assert len(row.key) == 16


def test_the_results_of_a_study_are_read_or_refused(
    watched: Callable[[], Any], valid: bytes, path: Path, damaged_copies: Copies
) -> None:
    for content in damaged_copies([valid], 150):
        path.write_bytes(content)
        with watched():
            try:
                study, rows = read_results(path)
            except FileFormatError as error:
                assert str(path) in str(error)
            else:
                assert isinstance(study.model, str) and all(len(row.key) == 16 for row in rows)
