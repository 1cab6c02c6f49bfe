"""What one rank cannot do is the same exception on all; what the environment says of waiting is checked."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from pyNN import parallel
from pyNN.errors import InvalidParameterValueError, NonExistentParameterError, PyNNError, RecordingError
from pyNN.parallel import SerialCommunicator, agree, parts_of_exception, together


class OfTwo(SerialCommunicator):
    """Rank 0 of two, the other of which has met an exception, or has not."""

    parts = 2

    def __init__(self, other: Exception | None) -> None:
        super().__init__(0, 2)
        self.other = other

    def largest(self, values: Any, what: str = "") -> Any:
        return np.maximum(np.asarray(values, dtype=float), float(self.other is not None))

    def allgather(self, value: Any, what: str = "") -> list[Any]:
        return [value, pickle.loads(pickle.dumps(parts_of_exception(self.other)))]


@pytest.mark.parametrize(
    "error",
    [
        RecordingError("w", "IF_curr_exp", ["v", "spikes"]),
        NonExistentParameterError("tau_n", "IF_curr_exp", ["tau_m"]),
        InvalidParameterValueError("NaN"),
        FileNotFoundError(2, "No such file", "weights.txt"),
    ],
)
def test_an_exception_of_another_rank_is_raised_here_as_it_is_there(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, together(OfTwo(error), "connections"):
        pass
    assert str(caught.value) == str(error)
    assert vars(caught.value) == vars(error)


def test_the_own_exception_goes_first() -> None:
    with pytest.raises(PyNNError, match="mine"), together(OfTwo(ValueError("theirs")), "connections"):
        raise InvalidParameterValueError("mine")


def test_nothing_is_raised_if_no_rank_has_failed() -> None:
    agree(OfTwo(None), None, "connections")


@pytest.mark.parametrize("given", ["soon", "-1", "inf", "nan"])
def test_a_limit_that_is_no_number_of_seconds_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(parallel.LIMIT_VARIABLE, given)
    with pytest.raises(InvalidParameterValueError, match="a number of seconds, or 0 to wait for ever"):
        parallel._limit()


def test_the_default_limit_is_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(parallel.LIMIT_VARIABLE, raising=False)
    assert parallel._limit() == 300.0


def test_a_dry_run_shares_with_nobody() -> None:
    comm = SerialCommunicator(2, 4)
    rows = np.full((4, 3), 7)
    comm.share_rows(np.array([1, 2, 3]), rows)
    np.testing.assert_array_equal(rows, [[0, 0, 0], [0, 0, 0], [1, 2, 3], [0, 0, 0]])
    pieces = np.zeros(6)
    comm.share_pieces(np.array([4.0, 5.0]), pieces, [1, 1, 2, 2])
    np.testing.assert_array_equal(pieces, [0.0, 0.0, 4.0, 5.0, 0.0, 0.0])
