"""Rows of a study on disk: what is written is read back, whatever is refused, and nothing else is overwritten."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pyNN.errors import FileFormatError, InvalidParameterValueError, NonExistentParameterError
from pyNN.sweep import Results, Row, load_results, report
from pyNN.sweep.reporting import checked_result, collecting
from pyNN.sweep.rows import FAILED, OK, key_of
from pyNN.sweep.store import Store, Study, read_results

h5py = pytest.importorskip("h5py")

STUDY = Study("the function model()", ["w", "kind"], {"command": ["x"]})


def row(w, kind="a", **results):
    return Row({"w": w, "kind": kind}, OK, results, source_hash="s", wall_time_s=1.5, started="2026-01-01T00:00:00")


def failed(w, kind="a"):
    return Row({"w": w, "kind": kind}, FAILED, error="ValueError: no", exit_code=1)


def store_rows(path, rows, study=STUDY):
    store = Store(path)
    with store.opened(study) as found:
        for new in rows:
            store.add(new)
            found[new.key] = new
        store.merge(study, found.values())


VALUES = st.one_of(
    st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5),
    npst.arrays(st.sampled_from([np.float64, np.float32, np.int32, np.int64, np.uint8, np.bool_, np.complex128]),
                npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)),
)  # fmt: skip


def same(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and (a == b or (a != a and b != b))


@given(st.dictionaries(st.text("abc.é ", min_size=1, max_size=4), VALUES, max_size=4))
def test_a_row_is_read_back_as_it_was(results):
    before = row(0.25, **{}) if not results else Row({"w": 1}, OK, results)
    after = Row.from_bytes(before.to_bytes(), "memory")
    assert list(after.results) == list(before.results)
    assert all(same(before.results[name], after.results[name]) for name in before.results)
    assert (after.parameters, after.status, after.key) == (before.parameters, before.status, before.key)


@given(
    st.lists(
        st.fixed_dictionaries({}, optional={"x": VALUES, "y": VALUES, "z": npst.arrays(np.int64, 3)}),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_a_file_of_rows_is_read_back_as_it_was(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "r.h5"
    before = [row(i, **results) for i, results in enumerate(rows)]
    store_rows(path, before)
    after = list(load_results(path))
    assert len(after) == len(before)
    for old, new in zip(before, after, strict=True):
        assert old.parameters == new.parameters and old.started == new.started
        assert list(old.results) == list(new.results)
        assert all(same(old.results[name], new.results[name]) for name in old.results)


def test_the_columns_of_the_file_are_plain_hdf5(tmp_path):
    path = tmp_path / "r.h5"
    rows = [row(0.5, psth=np.array([1, 2]), n=3, name="x", ragged=np.zeros(2)), failed(1.5, "b"),
            row(2.5, psth=np.array([3, 4]), n=4, name="y", ragged=np.zeros(3))]  # fmt: skip
    store_rows(path, rows)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["parameters/w"], [0.5, 1.5, 2.5])
        assert file["parameters/kind"].asstr()[:].tolist() == ["a", "b", "a"]
        np.testing.assert_array_equal(file["results/psth"], [[1, 2], [math.nan, math.nan], [3, 4]])
        np.testing.assert_array_equal(file["results/n"], [3, math.nan, 4])
        assert file["results/name"].asstr()[:].tolist() == ["x", "", "y"]
        assert sorted(file["results/ragged"]) == ["0", "2"]
        assert file["runs/status"].asstr()[:].tolist() == ["ok", "failed", "ok"]
        assert file["runs/error"].asstr()[1] == "ValueError: no"


def test_results_are_columns_of_arrays():
    results = Results([row(1, n=1, a=np.arange(2)), row(2, n=2, a=np.arange(2)), failed(3)])
    np.testing.assert_array_equal(results["w"], [1, 2, 3])
    np.testing.assert_array_equal(results["n"], [1, 2, math.nan])
    assert results["a"].shape == (3, 2)
    assert list(results.columns()) == ["w", "kind", "n"]
    assert len(results) == 3 and results[2] in results.failed and "1 failed" in repr(results)
    with pytest.raises(NonExistentParameterError, match="no parameter or result 'm'"):
        results["m"]


def test_the_file_of_something_else_is_refused_and_kept(tmp_path):
    foreign = tmp_path / "data.h5"
    with h5py.File(foreign, "w") as file:
        file["precious"] = 1
    garbage = tmp_path / "text.h5"
    garbage.write_text("hello")
    for path, message in ((foreign, "not one of a sweep"), (garbage, "not the results of a sweep")):
        before = path.read_bytes()
        for restart in (False, True):
            with pytest.raises(FileFormatError, match=message), Store(path).opened(STUDY, restart):
                pass
        assert path.read_bytes() == before
        assert sorted(p.name for p in tmp_path.iterdir()) == ["data.h5", "text.h5"]


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (Study("the function other()", ["w", "kind"], {}), r"a sweep of the function model\(\), not of"),
        (Study("the function model()", ["w", "x"], {}), "a sweep over w, kind, not over w, x"),
    ],
)
@pytest.mark.parametrize("merged", [True, False])
def test_another_study_under_the_same_name_is_refused(tmp_path, study, message, merged):
    path = tmp_path / "r.h5"
    store = Store(path)
    with store.opened(STUDY) as found:
        store.add(row(1))
        if merged:
            store.merge(STUDY, [row(1)])
    with pytest.raises(InvalidParameterValueError, match=message), store.opened(study):
        pass
    assert len(load_results(path)) == 1
    with store.opened(study, restart=True) as found:
        assert found == {}


def test_two_processes_cannot_write_to_the_same_file(tmp_path):
    store = Store(tmp_path / "r.h5")
    with store.opened(STUDY), pytest.raises(FileFormatError, match="Another sweep is writing"):
        code = (
            "import sys\nfrom pyNN.errors import FileFormatError\nfrom pyNN.sweep.store import Store, Study\n"
            "try:\n    with Store(sys.argv[1]).opened(Study('m', [], {})): pass\n"
            "except FileFormatError as error:\n    sys.exit(str(error))\n"
        )
        done = subprocess.run([sys.executable, "-c", code, str(store.path)], capture_output=True, text=True)
        raise FileFormatError(done.stderr)


def test_a_damaged_row_is_done_again_with_a_warning(tmp_path):
    store = Store(tmp_path / "r.h5")
    with store.opened(STUDY):
        store.add(row(1))
        store.add(row(2))
    file = store.folder / f"{row(1).key}.row.npz"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.warns(UserWarning, match="done again"), store.opened(STUDY) as found:
        assert [r.parameters["w"] for r in found.values()] == [2]


@pytest.mark.parametrize("moment", ["os.replace", "h5py.File.close", "pyNN.sweep.store.Store._remove_rows"])
def test_a_kill_while_the_file_is_made_loses_nothing(tmp_path, moment):
    """The process kills itself with SIGKILL where the HDF5 file is written, renamed, and where the small files go."""
    path = tmp_path / "r.h5"
    store_rows(path, [row(0, n=1)])
    before = path.read_bytes()
    code = f"""
import os, signal, sys
from unittest import mock
import h5py
import pyNN.sweep.store
from pyNN.sweep.store import Store, Study
from pyNN.sweep.rows import Row
study = Study({STUDY.model!r}, {STUDY.parameters!r}, {{}})
store = Store(sys.argv[1])
with store.opened(study) as rows:
    new = Row({{"w": 7, "kind": "b"}}, "ok", {{"n": 2}})
    store.add(new)
    rows[new.key] = new
    with mock.patch({moment!r}, lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)):
        store.merge(study, rows.values())
"""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    if moment != "pyNN.sweep.store.Store._remove_rows":
        assert path.read_bytes() == before
    assert sorted(load_results(path)["w"]) == [0, 7]
    store = Store(path)
    with store.opened(STUDY) as found:
        store.merge(STUDY, found.values())
    assert sorted(r.parameters["w"] for r in read_results(path)[1]) == [0, 7]
    assert os.listdir(tmp_path) == ["r.h5"]


def test_a_key_tells_points_apart():
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2.0, "a": 1})
    others = [{"a": 1}, {"a": 2}, {"b": 1}, {"a": "1"}, {"a": 1.5}, {}, {"a": 1, "b": 1}]
    assert len({key_of(point) for point in others}) == len(others)


def test_report_prints_where_no_study_is_under_way(capsys):
    report(rate=7.5)
    assert capsys.readouterr().out == "rate = 7.5\n"
    with collecting() as collected:
        report({"rate": 1, "a b": np.float32(2)}, psth=[1, 2])
        report(rate=2)
    assert capsys.readouterr().out == ""
    assert collected.results["rate"] == 2 and collected.results["a b"] == 2.0
    np.testing.assert_array_equal(collected.results["psth"], [1, 2])


def test_magnitudes_of_quantities_are_kept():
    quantities = pytest.importorskip("quantities")
    np.testing.assert_array_equal(checked_result("v", [1, 2] * quantities.mV), [1, 2])


@pytest.mark.parametrize("value", [None, {"a": 1}, [[1], [1, 2]], object(), np.array([object()]), ["a", "b"], 1 + 2j])
def test_results_that_are_no_numbers_are_refused(value):
    if isinstance(value, complex):
        assert checked_result("x", value).dtype == np.complex128
        return
    with pytest.raises(InvalidParameterValueError, match="result 'x' is a"):
        checked_result("x", value)


@pytest.mark.parametrize("name", ["", "a/b", 3, " a", "."])
def test_names_that_cannot_be_datasets_are_refused(name):
    with pytest.raises(InvalidParameterValueError, match="name of a result"):
        checked_result(name, 1)
