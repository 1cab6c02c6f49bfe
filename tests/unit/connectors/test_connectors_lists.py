"""FromList, FromFile, Array, Clone, and the errors that name the row or line that is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from pyNN.connectors import (
    AllToAllConnector,
    ArrayConnector,
    CloneConnector,
    ConnectionRequest,
    FromFileConnector,
    FromListConnector,
)
from pyNN.errors import ConnectorError, FileFormatError


def request(n_pre=4, n_post=3, **options) -> ConnectionRequest:
    return ConnectionRequest(np.arange(n_pre), np.arange(100, 100 + n_post), pre_label="a", post_label="b", **options)


def pairs(made):
    return list(zip(made.pre.tolist(), made.post.tolist(), strict=True))


# --- FromList -------------------------------------------------------------------------------------------------------


def test_rows_become_sorted_columns_and_the_list_stays_as_it_is():
    rows = [(3, 2, 0.1, 1.0), (0, 0, 0.2, 2.0), (1, 2, 0.3, 3.0)]
    given = list(rows)
    made = FromListConnector(rows).connections(request())
    assert pairs(made) == [(0, 0), (1, 2), (3, 2)]
    assert made.values["weight"].tolist() == [0.2, 0.3, 0.1]
    assert made.values["delay"].tolist() == [2.0, 3.0, 1.0]
    assert rows == given


def test_an_array_is_copied():
    rows = np.array([[3.0, 2.0], [0.0, 0.0]])
    connector = FromListConnector(rows)
    rows[:] = 0.0
    assert pairs(connector.connections(request())) == [(0, 0), (3, 2)]


def test_a_pair_listed_twice_gets_two_connections_in_the_order_of_the_list():
    made = FromListConnector([(0, 0, 0.3, 1.0), (1, 0, 0.5, 1.0), (0, 0, 0.1, 2.0)]).connections(request())
    assert pairs(made) == [(0, 0), (0, 0), (1, 0)]
    assert made.values["weight"].tolist() == [0.3, 0.1, 0.5]


@pytest.mark.parametrize("names", [["U", "weight"], ("i", "j", "U", "weight")])
def test_column_names_name_the_columns_after_the_indices(names):
    made = FromListConnector([(1, 1, 0.5, 2.5)], column_names=names).connections(request())
    assert {name: column.tolist() for name, column in made.values.items()} == {"U": [0.5], "weight": [2.5]}


def test_only_local_post_cells_are_made():
    rows = [(i, j, i + 10 * j) for i in range(4) for j in range(3)]
    made = FromListConnector(rows, ["weight"]).connections(request(local_post=[2]))
    assert pairs(made) == [(0, 2), (1, 2), (2, 2), (3, 2)]
    assert made.values["weight"].tolist() == [20, 21, 22, 23]


@pytest.mark.parametrize("empty", [[], np.empty((0, 4))])
def test_an_empty_list_makes_no_connections(empty):
    assert FromListConnector(empty).connections(request()).size == 0


@pytest.mark.parametrize(
    "row, message",
    [
        ((4, 0), "pre index is 4; possible indices in 'a': 0 to 3"),
        ((0, 3), "post index is 3; possible indices in 'b': 0 to 2"),
        ((-1, 0), "pre index is -1"),
        ((0, -1), "post index is -1"),
        ((0.5, 0), "pre index is 0.5"),
        ((0, float("nan")), "post index is nan"),
        ((float("inf"), 0), "pre index is inf"),
    ],
)
def test_an_index_that_is_not_possible_is_refused_with_its_row(row, message):
    with pytest.raises(ConnectorError, match=f"(?s)Row 1 of the list.*{message}"):
        FromListConnector([(0, 0), row]).connections(request())


def test_an_impossible_index_is_refused_also_where_it_is_not_local():
    with pytest.raises(ConnectorError, match="Row 0"):
        FromListConnector([(0, 7)]).connections(request(local_post=[1]))


def test_a_value_that_is_not_finite_is_refused_with_its_row_and_name():
    with pytest.raises(ConnectorError, match="Row 1 .* delay is nan"):
        FromListConnector([(0, 0, 1.0, 1.0), (0, 1, 1.0, float("nan"))]).connections(request())


@pytest.mark.parametrize(
    "rows, names, message",
    [
        ([(0, 0, 1.0)], None, "column_names"),
        ([(0, 0, 1.0, 1.0, 1.0)], None, "column_names"),
        ([(0, 0, 1.0)], ["weight", "delay"], "names 2 columns, but rows have 1"),
        ([(0, 0, 1.0)], "weight", "list of names"),
        ([(0, 0, 1.0, 1.0)], ["weight", "weight"], "once"),
        ([(0, 0), (0, 1, 2)], None, "Row 1 of the list has 3 values"),
        ([(0, 0), (0, "x")], None, "Row 1 of the list is"),
        ([0, 1], None, "Row 0|shape"),
        (5, None, "list of rows"),
        ("ab", None, "list of rows"),
        ([((0, 0), (0, 1))], None, "shape|Row 0"),
    ],
)
def test_lists_that_are_not_tables_are_refused(rows, names, message):
    with pytest.raises(ConnectorError, match=message):
        FromListConnector(rows, names)


def test_a_list_for_no_cells_says_that_there_are_none():
    with pytest.raises(ConnectorError, match="none, since it has no cells"):
        FromListConnector([(0, 0)]).connections(request(n_pre=0))


# --- FromFile -------------------------------------------------------------------------------------------------------


HEADERS = [
    '# columns = ["i", "j", "weight", "U"]',
    "# columns = ('i', 'j', 'weight', 'U')",
    "#columns=['weight', 'U']",
]


@pytest.mark.parametrize("header", HEADERS)
def test_files_give_what_their_header_names(tmp_path, header):
    path = tmp_path / "connections.txt"
    path.write_text(f"# label = 'x'\n{header}\n3\t2\t0.5\t0.1\n\n0.0 1.000e+00 0.25 0.2\n")
    for file in (path, str(path)):
        made = FromFileConnector(file).connections(request())
        assert pairs(made) == [(0, 1), (3, 2)]
        assert made.values["weight"].tolist() == [0.25, 0.5]
        assert made.values["U"].tolist() == [0.2, 0.1]


@pytest.mark.parametrize("row, names", [("0 1", ()), ("0 1 0.5 2.0", ("weight", "delay"))])
def test_files_without_a_header_have_two_or_four_columns(tmp_path, row, names):
    path = tmp_path / "c.txt"
    path.write_text(row + "\n")
    assert tuple(FromFileConnector(path).connections(request()).values) == names


def test_a_file_with_a_header_only_makes_no_connections(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text('# columns = ["i", "j", "weight"]\n')
    made = FromFileConnector(path).connections(request())
    assert made.size == 0 and list(made.values) == ["weight"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("0 1\n0 x\n", "line 2: 'x' is not a number"),
        ("# comment\n0 1\n\n0 1 2\n", "line 4: 3 values"),
        ("0\n", "line 1: 1 values"),
        ("0 1 2\n", "column_names"),
        ("# columns = [i, j]\n0 1\n", "line 1: .* is not a list of names"),
        ("# columns = __import__('os').getcwd()\n0 1\n", "line 1: .* is not a list of names"),
        ("# columns = ['i', 'j', 'weight']\n0 1\n", "names 1 columns"),
    ],
)
def test_files_that_are_not_tables_are_refused_with_the_line(tmp_path, text, message):
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=message):
        FromFileConnector(path).connections(request())


def test_an_index_that_is_not_possible_is_refused_with_its_line(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text("# columns = ['i', 'j']\n0 1\n\n9 1\n")
    with pytest.raises(ConnectorError, match="line 4: the pre index is 9"):
        FromFileConnector(path).connections(request())


def test_binary_and_missing_files_are_refused(tmp_path):
    path = tmp_path / "c.npz"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(FileFormatError, match="not a text file"):
        FromFileConnector(path).connections(request())
    with pytest.raises(FileFormatError, match="no file"):
        FromFileConnector(tmp_path / "none.txt").connections(request())


def test_a_distributed_file_is_that_of_the_process(tmp_path):
    for rank, row in enumerate(["0 0", "1 1"]):
        (tmp_path / f"c.txt.{rank}").write_text(row + "\n")
    connector = FromFileConnector(tmp_path / "c.txt", distributed=True)
    for rank in range(2):
        assert pairs(connector.connections(request(rank=rank, local_post=[rank]))) == [(rank, rank)]
    with pytest.raises(ConnectorError, match="does not belong to process 1"):
        connector.connections(request(rank=1, local_post=[0]))


def test_file_objects_of_the_recording_module_work():
    class Table:
        name = "table"

        def read(self):
            return [[0, 1, 0.5]]

        def get_metadata(self):
            return {"columns": ("i", "j", "weight")}

    made = FromFileConnector(Table()).connections(request())
    assert pairs(made) == [(0, 1)] and made.values["weight"].tolist() == [0.5]
    with pytest.raises(ConnectorError, match="path"):
        FromFileConnector(Table(), distributed=True)
    with pytest.raises(ConnectorError, match="path"):
        FromFileConnector(17)


# --- Array ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [bool, int, float])
@pytest.mark.parametrize("local", [None, [1, 2]])
def test_an_array_makes_what_is_true(dtype, local):
    array = np.random.default_rng(0).random((4, 3)) < 0.5
    made = ArrayConnector(array.astype(dtype)).connections(request(local_post=local))
    wanted = range(3) if local is None else local
    assert pairs(made) == [(i, j) for j in wanted for i in range(4) if array[i, j]]


@pytest.mark.parametrize(
    "array, message",
    [
        (np.ones(4), "two-dimensional"),
        (np.full((4, 3), 0.5), "0 and 1"),
        (np.full((4, 3), np.nan), "0 and 1"),
        ([["a"]], "booleans"),
    ],
)
def test_arrays_that_are_not_masks_are_refused(array, message):
    with pytest.raises(ConnectorError, match=message):
        ArrayConnector(array)


def test_an_array_of_the_wrong_shape_is_refused():
    with pytest.raises(ConnectorError, match=r"must be \(4, 3\). The transposed array fits"):
        ArrayConnector(np.ones((3, 4), dtype=bool)).connections(request())


# --- Clone ----------------------------------------------------------------------------------------------------------


class Reference:
    label = "reference"

    def __init__(self, made, asked):
        self.columns = asked.pre_ids, asked.post_ids, made.pre, made.post

    def connection_columns(self):
        return self.columns


def test_a_clone_has_the_same_pairs():
    made = FromListConnector([(3, 2), (0, 0), (0, 0)]).connections(request())
    clone = CloneConnector(Reference(made, request()))
    assert pairs(clone.connections(request())) == pairs(made)
    assert pairs(clone.connections(request(local_post=[0]))) == [(0, 0), (0, 0)]


def test_a_clone_of_other_cells_is_refused():
    asked = ConnectionRequest(np.arange(4), np.arange(200, 203))
    reference = Reference(AllToAllConnector().connections(asked), asked)
    with pytest.raises(ConnectorError, match="post cells are not those"):
        CloneConnector(reference).connections(request())
    with pytest.raises(ConnectorError, match="needs a Projection"):
        CloneConnector("projection")
