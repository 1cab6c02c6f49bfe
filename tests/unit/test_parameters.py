"""Parameter spaces, lazy arrays and their evaluation: against plain NumPy and against what PyNN 0.13 gives."""

import copy
import pickle

import numpy as np
import pytest
import quantities as pq

from pyNN.errors import (
    ExpressionError,
    InvalidDimensionsError,
    InvalidParameterValueError,
    NonExistentParameterError,
    UnitsError,
)
from pyNN.expressions import Expression
from pyNN.models import BaseCellType, BaseSynapseType, Parameter
from pyNN.parameters import (
    ArrayParameter,
    IonicSpecies,
    LazyArray,
    ParameterSpace,
    Sequence,
    check_range,
    draw_values,
    lower_sequences,
    lower_values,
    simplify,
    simplify_parameter_array,
)
from pyNN.random import AbstractRNG, NativeRNG, NumpyRNG, RandomDistribution


class Cell(BaseCellType):
    parameters = {
        "tau": Parameter(20.0, "ms", "time constant", minimum=0.0, exclusive=True),
        "cm": Parameter(1.0, "nF", "capacity", minimum=0.0),
        "i": Parameter(0.0, "nA", "current"),
        "times": Parameter(Sequence([]), "ms", "spike times", is_array=True, minimum=0.0),
    }
    source = "array"


class Synapse(BaseSynapseType):
    parameters = {"weight": Parameter(0.0, ""), "delay": Parameter(None, "ms")}


def uniform(rng=None):
    return RandomDistribution("uniform", (0, 1), rng=rng)


def space(**values):
    schema = {"a": float, "s": Sequence, "k": ArrayParameter}
    result = ParameterSpace({"a": 1.0, "s": [], "k": []}, schema, shape=(2,))
    result.update(**values)
    return result


# --- array parameters -----------------------------------------------------------------------------------------------


def test_array_parameter_arithmetic():
    a = ArrayParameter([1, 2])
    np.testing.assert_array_equal((a * 2).value, [2, 4])
    np.testing.assert_array_equal((2 * a).value, [2, 4])
    np.testing.assert_array_equal((a / 2).value, [0.5, 1])
    np.testing.assert_array_equal((a + a).value, [2, 4])
    np.testing.assert_array_equal((a - 1).value, [0, 1])
    per_element = a * np.array([1, 10])
    assert per_element.dtype == object
    assert list(per_element) == [ArrayParameter([1, 2]), ArrayParameter([10, 20])]
    assert list(np.array([1, 10]) * a) == list(per_element)


def test_array_parameter_is_one_value():
    a = Sequence([1, 5, 2])
    assert a == Sequence([1, 5, 2])
    assert a != Sequence([1, 5])
    assert a != 3
    assert a.max() == 5
    assert Sequence([]).max() == -np.inf
    assert a[1] == 5
    assert list(a) == [1, 5, 2]
    assert Sequence(a) == a
    assert Sequence(range(3)) == Sequence([0, 1, 2])
    assert repr(a) == "Sequence([1. 5. 2.])"
    with pytest.raises(TypeError):
        len(a)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameterValueError, match="takes numbers"):
        Sequence(["a"])
    source = np.array([1.0, 2.0])
    held = Sequence(source)
    source[0] = 9.0
    assert held == Sequence([1, 2])
    assert pickle.loads(pickle.dumps(a)) == a


# --- lazy arrays ----------------------------------------------------------------------------------------------------


def test_lazy_array_of_each_kind_of_value():
    i = np.arange(4)
    np.testing.assert_array_equal(LazyArray(3.0, shape=(4,)).evaluate(), np.full(4, 3.0))
    assert LazyArray(3.0, shape=(4,)).evaluate(simplify=True) == 3.0
    np.testing.assert_array_equal(LazyArray([1, 2, 3, 4], shape=(4,)).evaluate(), [1, 2, 3, 4])
    np.testing.assert_array_equal(LazyArray(lambda i: 2 * i, shape=(4,)).evaluate(), 2 * i)
    np.testing.assert_array_equal(LazyArray(lambda i: 5 if i > 1 else 2, shape=(4,)).evaluate(), [2, 2, 5, 5])
    np.testing.assert_array_equal(LazyArray(iter([1.0, 2, 3, 4]), shape=(4,)).evaluate(), [1, 2, 3, 4])
    np.testing.assert_array_equal(
        LazyArray(lambda i, j: 10 * i + j, shape=(2, 3)).evaluate(), [[0, 1, 2], [10, 11, 12]]
    )
    np.testing.assert_array_equal(LazyArray(uniform(NumpyRNG(1)), shape=(4,)).evaluate(), NumpyRNG(1).next(4))
    sequences = LazyArray(Sequence([1, 2]), shape=(2,), dtype=Sequence).evaluate()
    assert list(sequences) == [Sequence([1, 2]), Sequence([1, 2])]
    assert LazyArray(None, shape=(4,)).evaluate() is None
    assert LazyArray(np.array([3.5]), shape=(1,)).evaluate().shape == (1,)


def test_operations_on_a_lazy_array_wait():
    array = (LazyArray(lambda i: i, shape=(4,)) * 2 + LazyArray([1, 2, 3, 4], shape=(4,))) / 2.0
    np.testing.assert_array_equal(array.evaluate(), (np.arange(4) * 2 + [1, 2, 3, 4]) / 2)
    np.testing.assert_array_equal(array[1:3], ((np.arange(4) * 2 + [1, 2, 3, 4]) / 2)[1:3])
    assert array[2] == 3.5
    assert (LazyArray(3.0, shape=(4,)) * 2).evaluate(simplify=True) == 6.0


def test_an_operation_does_not_copy_the_generator():
    rng = NumpyRNG(1)
    doubled = LazyArray(uniform(rng), shape=(3,)) * 2
    np.testing.assert_array_equal(doubled.evaluate(), 2 * NumpyRNG(1).next(3))
    np.testing.assert_array_equal(rng.next(2), NumpyRNG(1).next(5)[3:])


def test_parts_of_a_random_lazy_array_are_drawn_in_sequence():
    numbers = NumpyRNG(1).next(12)

    def fresh():
        return LazyArray(uniform(NumpyRNG(1)), shape=(3, 4))

    np.testing.assert_array_equal(fresh()[:, 2], numbers[:3])
    np.testing.assert_array_equal(fresh()[np.array([0, 2]), 2], numbers[:2])
    np.testing.assert_array_equal(fresh().evaluate(), numbers.reshape(3, 4))


def test_columns_are_as_in_pynn():
    numbers = NumpyRNG(1).next(12).reshape(4, 3)
    mask = np.array([False, True, False, True])
    array = LazyArray(uniform(NumpyRNG(1)), shape=(3, 4))
    np.testing.assert_array_equal(list(array.by_column()), numbers)
    array = LazyArray(uniform(NumpyRNG(1)), shape=(3, 4))
    np.testing.assert_array_equal(list(array.by_column(mask)), numbers[mask])
    assert list(LazyArray(3, shape=(3, 4)).by_column()) == [3, 3, 3, 3]
    values = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(list(LazyArray(values, shape=(3, 4)).by_column(mask)), values.T[mask])
    np.testing.assert_array_equal(
        list(LazyArray(lambda i, j: i + j, shape=(3, 4)).by_column()), np.add.outer(np.arange(4), np.arange(3))
    )


def test_lazy_array_from_text():
    assert LazyArray("exp(-d/100)").base_value == Expression("exp(-d/100)", ("d",))
    with pytest.raises(InvalidParameterValueError, match="no meaning here"):
        LazyArray("2*i")
    with pytest.raises(ExpressionError, match="expression in the distance"):
        LazyArray("2*d", shape=(3,)).evaluate()


def test_lazy_array_shapes():
    with pytest.raises(InvalidDimensionsError, match="3 values were given where 2 values were needed"):
        LazyArray([1, 2, 3], shape=(2,))
    array = LazyArray([1, 2, 3])
    with pytest.raises(InvalidDimensionsError, match="given where"):
        array.shape = (4,)
    with pytest.raises(InvalidDimensionsError, match="not known yet"):
        LazyArray(3.0).evaluate()
    with pytest.raises(IndexError):
        LazyArray(3.0, shape=(3,))[5]
    with pytest.raises(IndexError):
        LazyArray(uniform(), shape=(3,))[5]


# --- parameter spaces -----------------------------------------------------------------------------------------------


def test_evaluation_gives_arrays_or_single_values():
    def fresh():
        return ParameterSpace({"a": 2, "b": [1, 2, 3.0], "c": uniform(NumpyRNG(1))}, shape=(3,))

    numbers = NumpyRNG(1).next(3)
    p = fresh()
    p.evaluate()
    np.testing.assert_array_equal(p["a"], [2, 2, 2])
    np.testing.assert_array_equal(p["c"], numbers)
    assert [cell["b"] for cell in p] == [1, 2, 3]
    p = fresh()
    p.evaluate(mask=np.array([1, 2]), simplify=True)
    assert p["a"] == 2
    np.testing.assert_array_equal(p["b"], [2, 3])
    # A cell's number does not depend on which other cells are asked for.
    np.testing.assert_array_equal(p["c"], numbers[1:])
    assert len(list(p)) == 2
    p = fresh()
    p.evaluate(mask=np.array([True, False, True]))
    np.testing.assert_array_equal(p["b"], [1, 3])
    with pytest.raises(InvalidParameterValueError, match="evaluated already"):
        p.update(a=3)


def test_columns_of_a_space():
    p = ParameterSpace({"a": 2.0, "b": np.arange(6.0).reshape(2, 3)}, shape=(2, 3))
    with pytest.raises(InvalidParameterValueError, match="Call evaluate"):
        next(p.columns())
    p.evaluate(simplify=True)
    columns = list(p.columns())
    assert [c["a"] for c in columns] == [2.0, 2.0, 2.0]
    np.testing.assert_array_equal([c["b"] for c in columns], np.arange(6.0).reshape(2, 3).T)


def test_as_dict_before_and_after_evaluation():
    d = uniform()
    p = space(a=d, s=[1, 2])
    assert p.as_dict() == {"a": d, "s": Sequence([1, 2]), "k": ArrayParameter([])}
    assert list(p.keys()) == ["a", "s", "k"]
    p.evaluate(simplify=True)
    assert p.as_dict()["a"].shape == (2,)
    assert p.as_dict()["s"] == Sequence([1, 2])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, 2, 3], Sequence([1, 2, 3])),
        ((1, 2), Sequence([1, 2])),
        (np.array([1.0, 2.0]), Sequence([1, 2])),
        (3, Sequence([3]).value),
        ([], Sequence([])),
        (ArrayParameter([1, 2]), Sequence([1, 2])),
        ([[1, 2], [3]], [Sequence([1, 2]), Sequence([3])]),
        ([Sequence([1]), [2, 3]], [Sequence([1]), Sequence([2, 3])]),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), [Sequence([1, 2]), Sequence([3, 4])]),
    ],
)
def test_lists_for_array_valued_parameters(value, expected):
    base = space(s=value)["s"].base_value
    if isinstance(expected, list):
        assert list(base) == expected
    elif isinstance(expected, np.ndarray):
        assert base.value == expected
    else:
        assert type(base) is Sequence
        assert base == expected


@pytest.mark.parametrize(
    ("values", "error", "match"),
    [
        ({"tau": -5}, InvalidParameterValueError, "Cell: tau=-5 ms is not possible, it must be greater than 0"),
        ({"tau": 0}, InvalidParameterValueError, "tau=0 ms.*greater than 0"),
        ({"tau": [10.0, -1.0]}, InvalidParameterValueError, "tau=-1 ms"),
        ({"cm": -1e-3}, InvalidParameterValueError, "cm=-0.001 nF is not possible, it must be at least 0"),
        ({"times": [1.0, -2.0]}, InvalidParameterValueError, "times=-2 ms"),
        ({"times": [[1.0], [2.0, np.nan]]}, InvalidParameterValueError, "times.*NaN"),
        ({"times": [1.0, [2.0]]}, InvalidParameterValueError, "mixes numbers and lists"),
        ({"times": "abc"}, InvalidParameterValueError, "takes a list of numbers"),
        ({"tau": float("nan")}, InvalidParameterValueError, "'tau' must be a number, and not NaN"),
        ({"tau": [1.0, np.nan]}, InvalidParameterValueError, "NaN"),
        ({"tau": None}, InvalidParameterValueError, "None is not possible. Its default is 20.0"),
        ({"tau": "10"}, InvalidParameterValueError, "not the text '10'"),
        ({"tau": 3 + 2j}, InvalidParameterValueError, "takes numbers"),
        ({"tau": {}}, InvalidParameterValueError, "takes a number, an array"),
        ({"tau": ["a", "b"]}, InvalidParameterValueError, "takes numbers"),
        ({"tau": [1, None]}, InvalidParameterValueError, "takes numbers"),
        ({"tau": [[1, 2], [3]]}, InvalidParameterValueError, "takes numbers"),
        ({"tau": object()}, InvalidParameterValueError, "takes a number, an array"),
        ({"taum": 3}, NonExistentParameterError, "Cell has no parameter 'taum'.*Did you mean 'tau'.*cm, i, tau, times"),
        ({"tau": 3 * pq.mV}, UnitsError, "tau=3.0 mV cannot be converted.*ms"),
    ],
)
def test_bad_values_are_refused_by_name(values, error, match):
    with pytest.raises(error, match=match):
        Cell(**values)


def test_wrong_number_of_values():
    p = Cell(tau=[10.0, 20.0, 30.0]).parameter_space
    with pytest.raises(InvalidDimensionsError, match="Cell: parameter 'tau': 3 values were given where 2 values"):
        p.shape = (2,)
    p.shape = (3,)
    for name, value in [("cm", [1.0, 2.0]), ("times", [[1.0], [2.0]]), ("i", np.zeros((3, 2))), ("cm", [])]:
        with pytest.raises(InvalidDimensionsError, match=f"'{name}'"):
            p.update(**{name: value})


def test_update_changes_all_or_nothing():
    p = Cell().parameter_space
    with pytest.raises(InvalidParameterValueError):
        p.update(cm=3.0, tau=-1.0)
    assert p["cm"].base_value == 1.0


def test_quantities_are_converted_to_the_declared_unit():
    p = Cell(tau=0.02 * pq.s, cm=[100.0, 200.0] * pq.pF, i=[1 * pq.pA, 2e-6 * pq.mA], times=[1, 2] * pq.s)
    values = p.parameter_space.as_dict()
    assert values["tau"] == pytest.approx(20.0, rel=1e-15)
    np.testing.assert_allclose(values["cm"], [0.1, 0.2], rtol=1e-15)
    np.testing.assert_allclose(values["i"], [1e-3, 2.0], rtol=1e-15)
    assert values["times"] == Sequence([1000, 2000])
    with pytest.raises(UnitsError, match="no declared unit"):
        space(a=3 * pq.mV)


def test_none_where_it_is_the_default():
    assert Synapse().parameter_space["delay"].base_value is None
    assert Synapse(delay=2.0).parameter_space["delay"].base_value == 2.0
    assert Synapse(delay=None).parameter_space["delay"].is_homogeneous
    assert Synapse(weight=None).parameter_space["weight"].base_value == Synapse.default_parameters["weight"]
    with pytest.raises(InvalidParameterValueError, match="'weight' needs a number"):
        Synapse().parameter_space.update(weight=None)


def test_expressions_are_for_connections():
    assert Synapse(weight="0.1*exp(-d)").parameter_space["weight"].base_value.text == "0.1*exp(-d)"
    with pytest.raises(ExpressionError, match="Synapse: parameter 'weight'.*'foo'"):
        Synapse(weight="foo*d")


def test_the_users_objects_stay_his_own():
    values = np.array([1.0, 2.0])
    p = Cell(tau=values).parameter_space
    values[0] = 99.0
    np.testing.assert_array_equal(p["tau"].base_value, [1, 2])
    assert p["tau"].base_value.dtype == float
    lazy = LazyArray([1.0, 2.0])
    p.update(cm=lazy)
    p["cm"].base_value[0] = 5.0
    assert lazy.base_value[0] == 1.0
    assert lazy.shape == (2,)
    assert copy.deepcopy(p) == p


def test_equality_homogeneity_generators():
    assert ParameterSpace({"a": 1, "b": [1, 2]}) == ParameterSpace({"a": 1, "b": [1, 2]})
    assert ParameterSpace({"a": [1, 2]}) != ParameterSpace({"a": [1, 3]})
    assert space().is_homogeneous
    assert not space(a=[1, 2]).is_homogeneous
    assert not space(a=uniform()).is_homogeneous
    assert not space(a=uniform(NumpyRNG(1, parallel_safe=False))).parallel_safe
    assert space(a=uniform(NumpyRNG(1))).parallel_safe
    assert space(a=uniform(NativeRNG(1))).has_native_rngs
    assert not space(a=uniform(NumpyRNG(1))).has_native_rngs


def test_pop_expand_flatten():
    p = ParameterSpace({"a": np.array([2.0, 3.0]), "b": 1.0}, shape=(2,))
    p.expand((4,), np.array([1, 3]))
    assert p.shape == (4,)
    np.testing.assert_array_equal(p["a"].base_value, [np.nan, 2, np.nan, 3])
    assert p.pop("b").base_value == 1.0
    assert p.pop("zz", 3) == 3
    with pytest.raises(NonExistentParameterError):
        p["b"]
    nested = ParameterSpace({"a": 1.0, "soma": ParameterSpace({"g": 2.0})}, shape=(2,))
    assert list(nested.flatten().keys()) == ["a", "soma.g"]
    assert list(nested.flatten(with_prefix=False).keys()) == ["a", "g"]
    nested.evaluate()
    assert list(nested)[1] == {"a": 1.0, "soma": {"g": 2.0}}
    schema = {"a": float, "soma": {"g": float}}
    assert ParameterSpace({"soma": {"g": 2}}, schema)["soma"]["g"].base_value == 2.0
    with pytest.raises(NonExistentParameterError):
        ParameterSpace({"soma": {"h": 2}}, schema)
    with pytest.raises(InvalidParameterValueError, match="group of parameters"):
        ParameterSpace({"soma": 2}, schema)


def test_simplify():
    assert simplify(np.array([1, 1])) == 1
    assert np.isnan(simplify(np.array([np.nan, np.nan])))
    np.testing.assert_array_equal(simplify(np.array([1.0, 2.0])), [1, 2])
    np.testing.assert_array_equal(simplify(np.array([np.nan, 2.0])), [np.nan, 2])
    assert simplify([1, 1]) == [1, 1]
    assert simplify(3) == 3
    assert simplify(np.array([])).shape == (0,)
    same = LazyArray(Sequence([1]), shape=(2,), dtype=Sequence).evaluate()
    assert simplify(same) == Sequence([1])
    assert simplify_parameter_array(same) == Sequence([1])
    assert len(simplify(np.array([Sequence([1]), Sequence([2])], dtype=object))) == 2


def test_ionic_species():
    assert IonicSpecies("na", 50.0) == IonicSpecies("na", reversal_potential=50.0)
    assert IonicSpecies("na", 50.0).internal_concentration is None


# --- lowering -------------------------------------------------------------------------------------------------------


def test_lowering_of_each_kind_of_value():
    assert lower_values(3, 4, 1) == 3.0
    assert isinstance(lower_values(LazyArray(3), 4, 1), float)
    np.testing.assert_array_equal(lower_values([1, 2, 3], 3, 1), [1, 2, 3])
    np.testing.assert_array_equal(lower_values(lambda i: i**2, 3, 1), [0, 1, 4])
    np.testing.assert_array_equal(lower_values(lambda i: 1.5 if i else 2.5, 3, 1), [2.5, 1.5, 1.5])
    np.testing.assert_array_equal(lower_values(lambda i: 7.0, 3, 1), [7, 7, 7])
    np.testing.assert_array_equal(lower_values(LazyArray([1, 2, 3]) * 2 + 1, 3, 1), [3, 5, 7])
    assert lower_values(LazyArray(3.0, shape=(3,)) * 2, 3, 1) == 6.0
    np.testing.assert_array_equal(lower_values((x for x in [1, 2, 3]), 3, 1), [1, 2, 3])
    assert np.shape(lower_values(uniform(), 0, 1)) == (0,)


def test_a_function_is_called_once_for_all_cells_if_it_can_be():
    calls = []

    def vectorised(i):
        calls.append(i)
        return np.sqrt(i)

    lower_values(vectorised, 1000, 1)
    assert len(calls) == 1


def test_random_values_are_keyed():
    d = uniform()
    a = lower_values(d, 50, 1)
    np.testing.assert_array_equal(a, lower_values(uniform(), 50, 1))
    np.testing.assert_array_equal(np.asarray(a)[:20], lower_values(d, 20, 1))
    assert not np.array_equal(a, lower_values(d, 50, 2))


def test_random_values_with_an_rng_do_not_advance_it_and_do_not_coincide():
    rng = NumpyRNG(42)
    weights, delays = lower_values(uniform(rng), 5000, 1), lower_values(uniform(rng), 5000, 2)
    # Independent: the correlation of 5000 pairs has the standard deviation 0.014.
    assert abs(np.corrcoef(weights, delays)[0, 1]) < 0.07
    assert not np.array_equal(weights, lower_values(uniform(NumpyRNG(43)), 5000, 1))
    assert not np.array_equal(weights, lower_values(uniform(), 5000, 1))
    np.testing.assert_array_equal(weights, lower_values(uniform(NumpyRNG(42)), 5000, 1))
    np.testing.assert_array_equal(rng.next(3), NumpyRNG(42).next(3))


def test_random_operands_of_one_expression_are_independent():
    both = LazyArray(uniform(), shape=(5000,)) - LazyArray(uniform(), shape=(5000,))
    # The difference of two equal streams would be zero; of two independent ones it has the variance 1/6.
    assert np.var(lower_values(both, 5000, 1)) == pytest.approx(1 / 6, rel=0.1)


def test_a_native_rng_is_a_stream_of_the_simulation():
    first, again, other = (lower_values(uniform(NativeRNG(seed)), 50, 1) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert len({*first, *other}) == 100 and not np.array_equal(first, lower_values(uniform(NativeRNG(1)), 50, 2))


def test_a_users_own_rng_is_asked_in_sequence():
    class Counter(AbstractRNG):
        def next(self, n=None, distribution=None, parameters=None, mask=None):
            self.seed += n
            return np.arange(self.seed - n, self.seed, dtype=float)

    rng = Counter(0)
    np.testing.assert_array_equal(lower_values(uniform(rng), 3, 1), [0, 1, 2])
    np.testing.assert_array_equal(draw_values(uniform(rng), np.arange(2)[:, None], np.arange(2), 1), [[3, 4], [5, 6]])


@pytest.mark.parametrize(
    ("value", "error", "match"),
    [
        ([1, 2], InvalidDimensionsError, "2 values were given where 3 values were needed"),
        (np.zeros((3, 3)), InvalidDimensionsError, r"shape \(3, 3\)"),
        (None, InvalidParameterValueError, "None"),
        (lambda i: "a", InvalidParameterValueError, "not .only. numbers"),
        (lambda i: i / i, InvalidParameterValueError, "NaN"),
        ("2*d", ExpressionError, "a cell has none"),
        (3 * pq.mV, UnitsError, "has a unit"),
        (np.nan, InvalidParameterValueError, "NaN"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_values_that_cannot_be_lowered(value, error, match):
    with pytest.raises(error, match=match):
        lower_values(value, 3, 1)


def test_an_error_in_the_users_function_comes_through():
    def broken(i):
        raise LookupError("no such cell")

    with pytest.raises(LookupError, match="no such cell"):
        lower_values(broken, 3, 1)


def test_lowering_of_sequences():
    rows = lower_sequences(LazyArray(Sequence([1, 2]), dtype=Sequence), 3)
    assert rows[0] is rows[2]
    np.testing.assert_array_equal(rows[1], [1, 2])
    per_cell = space(s=[[1, 2], []])["s"]
    np.testing.assert_array_equal(lower_sequences(per_cell, 2)[0], [1, 2])
    assert lower_sequences(per_cell, 2)[1].shape == (0,)
    np.testing.assert_array_equal(lower_sequences(per_cell * 10, 2)[0], [10, 20])
    with pytest.raises(InvalidDimensionsError):
        lower_sequences(per_cell, 3)

    def times(i):
        return [Sequence([10.0 * k]) for k in i] if hasattr(i, "__len__") else Sequence([10.0 * i])

    assert [row.tolist() for row in lower_sequences(times, 3)] == [[0], [10], [20]]
    assert [row.tolist() for row in lower_sequences(lambda i: [i, i + 1], 3)] == [[0, 1], [1, 2], [2, 3]]
    assert [row.tolist() for row in lower_sequences(lambda i: [i, i + 10], 2)] == [[0, 10], [1, 11]]
    assert [row.tolist() for row in lower_sequences(lambda i: np.array([5.0, 9.0]), 2)] == [[5, 9], [5, 9]]
    assert [row.tolist() for row in lower_sequences(lambda i: 2.0 * i, 3)] == [[0], [2], [4]]
    with pytest.raises(InvalidParameterValueError, match="gives one number"):
        lower_sequences(uniform(), 3)


def test_check_range_on_lowered_values():
    parameter = Parameter(1.0, "ms", minimum=0.0)
    check_range("tau", np.array([0.0, 1.0]), parameter, "Cell")
    check_range("tau", np.array([]), parameter, "Cell")
    with pytest.raises(InvalidParameterValueError, match="tau=-1 ms is not possible, it must be at least 0"):
        check_range("tau", np.array([0.0, -1.0]), parameter, "Cell")
