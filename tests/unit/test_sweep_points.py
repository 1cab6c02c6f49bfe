"""Which points a parameter study has: ranges, lists, grids and seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyNN.errors import InvalidDimensionsError, InvalidParameterValueError
from pyNN.sweep import parse_parameter, parse_seeds, parse_values, points


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0:1:5", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("100:500:5", [100, 200, 300, 400, 500]),
        ("0.1:0.3:3", [0.1, 0.2, 0.3]),
        ("1:1000:4:log", [1, 10, 100, 1000]),
        ("5:1:3", [5, 3, 1]),
        ("-1:1:3", [-1, 0, 1]),
        ("2:2:1", [2]),
        ("1,2,5", [1, 2, 5]),
        ("1, 2.5,1e-3", [1, 2.5, 0.001]),
        ("COBA,CUBA", ["COBA", "CUBA"]),
        ("4", [4]),
        ("1_000", ["1_000"]),
        ("a:b", ["a:b"]),
    ],
)
def test_values(text, values):
    found = parse_values(text)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@given(st.integers(2, 50), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_range_is_numpy_linspace_to_twelve_digits(number, start, stop):
    expected = np.linspace(start, stop, number)
    scale = max(abs(start), abs(stop))
    # The values are rounded to 12 digits, so half a unit of the twelfth; next to 0, linspace's own rounding.
    np.testing.assert_allclose(parse_values(f"{start!r}:{stop!r}:{number}"), expected, rtol=5e-12, atol=1e-15 * scale)
    assert parse_values(f"{start!r}:{stop!r}:{number}")[0] == start


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0:1:0", "number of values must be"), ("0:1:1", "both ends"), ("0:1:2.5", "not a range"),
        ("a:1:2", "not a range"), ("-1:1:3:log", "above 0"), ("1:2:3:lin", "'log', not 'lin'"), (",", "no value"),
        ("inf:1:3", "finite"), ("1:2:99999999999", "number of values must be"),
    ],
)  # fmt: skip
def test_values_that_are_refused(text, message):
    with pytest.raises(InvalidParameterValueError, match=message):
        parse_values(text)


def test_a_parameter_is_a_name_and_values():
    assert parse_parameter("weight=0.1,0.2") == ("weight", [0.1, 0.2])
    assert parse_parameter("--weight=1") == ("weight", [1])
    assert parse_parameter("label=a=b") == ("label", ["a=b"])
    for text in ("weight", "=1", "weight=", ""):
        with pytest.raises(InvalidParameterValueError, match="name=values"):
            parse_parameter(text)


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text):
    try:
        _, values = parse_parameter(text)
    except InvalidParameterValueError as error:
        assert str(error)
    else:
        assert values and all(isinstance(value, (int, float, str)) for value in values)


def test_seeds():
    assert parse_seeds("0:10") == list(range(10))
    assert parse_seeds("0:10:5") == [0, 5]
    assert parse_seeds("3,1,4") == [3, 1, 4]
    assert parse_seeds("7") == [7]
    for text in ("a", "-1", "5:5", "1.5", "", "0:1:2:3", "0:9:0", ":5"):
        with pytest.raises(InvalidParameterValueError, match="seeds are whole numbers"):
            parse_seeds(text)


def test_a_grid_has_every_combination_with_seeds_fastest():
    found = points({"a": [1, 2], "b": "x,y"}, seeds=range(2))
    assert found[:3] == [{"a": 1, "b": "x", "seed": 0}, {"a": 1, "b": "x", "seed": 1}, {"a": 1, "b": "y", "seed": 0}]
    assert len(found) == 8


def test_points_occur_once():
    assert points({"a": [1, 2, 1.0, np.int64(2)]}) == [{"a": 1}, {"a": 2}]
    assert points({"a": ["1", 1]}) == [{"a": "1"}, {"a": 1}]


def test_parameters_together():
    assert points({"a": [1, 2], "b": [3, 4], "c": 5}, together=True) == [
        {"a": 1, "b": 3, "c": 5}, {"a": 2, "b": 4, "c": 5},
    ]  # fmt: skip
    with pytest.raises(InvalidDimensionsError, match="as many values each"):
        points({"a": [1, 2], "b": [3, 4, 5]}, together=True)


def test_points_that_are_ready():
    assert points([{"a": 1}, {"a": 3}], seeds="0:2") == [
        {"a": 1, "seed": 0}, {"a": 1, "seed": 1}, {"a": 3, "seed": 0}, {"a": 3, "seed": 1},
    ]  # fmt: skip
    with pytest.raises(InvalidParameterValueError, match="same parameters"):
        points([{"a": 1}, {"b": 3}])


def test_no_parameters_is_one_run_and_seeds_alone_are_runs():
    assert points({}) == [{}]
    assert points({}, seeds=[3, 4]) == [{"seed": 3}, {"seed": 4}]


def test_points_that_are_refused():
    with pytest.raises(InvalidParameterValueError, match="numbers or texts; 'a' has a list"):
        points({"a": [[1, 2]]})
    with pytest.raises(InvalidParameterValueError, match="given twice"):
        points({"seed": [1]}, seeds=[2])
    with pytest.raises(InvalidParameterValueError, match="at least one point"):
        points([])
    with pytest.raises(InvalidParameterValueError, match="no values"):
        points({"a": []})
