"""AllToAll, OneToOne and what all connectors share, against the definitions worked out with plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from pyNN.connectors import AllToAllConnector, ConnectionRequest, Connections, Connector, OneToOneConnector
from pyNN.errors import CapabilityError, ConnectionError, ConnectorError, InvalidModelError


def pairs(made: Connections) -> list[tuple[int, int]]:
    return list(zip(made.pre.tolist(), made.post.tolist(), strict=True))


def request(pre, post, **options) -> ConnectionRequest:
    return ConnectionRequest(np.asarray(pre, dtype=np.int64), np.asarray(post, dtype=np.int64), **options)


def by_loops(pre_ids, post_ids, allowed) -> list[tuple[int, int]]:
    """Sorted by post, then pre."""
    return [(i, j) for j, b in enumerate(post_ids) for i, a in enumerate(pre_ids) if allowed(a, b)]


PRE = [3, 4, 5, 6]
POST = [5, 9, 3]


@pytest.mark.parametrize("local", [None, [0], [2, 1], []])
def test_all_to_all_joins_every_pair_of_the_local_post_cells(local):
    made = AllToAllConnector().connections(request(PRE, POST, local_post=local))
    wanted = range(3) if local is None else local
    assert pairs(made) == [(i, j) for (i, j) in by_loops(PRE, POST, lambda a, b: True) if j in wanted]
    assert made.pre.dtype == made.post.dtype == np.int32


def test_self_connections_are_those_of_one_cell_also_between_views():
    made = AllToAllConnector(allow_self_connections=False).connections(request(PRE, POST))
    assert pairs(made) == by_loops(PRE, POST, lambda a, b: a != b)


def test_no_mutual_keeps_one_direction_between_cells_of_both_sides():
    ids = [7, 8, 9]
    made = AllToAllConnector(allow_self_connections="NoMutual").connections(request(ids, ids))
    assert pairs(made) == by_loops(ids, ids, lambda a, b: a > b)
    both = set(PRE) & set(POST)
    made = AllToAllConnector(allow_self_connections="NoMutual").connections(request(PRE, POST))
    assert pairs(made) == by_loops(PRE, POST, lambda a, b: a > b or not {a, b} <= both)


def test_one_to_one_joins_equal_indices():
    made = OneToOneConnector().connections(request([1, 2, 3], [7, 8, 9], local_post=[0, 2]))
    assert pairs(made) == [(0, 0), (2, 2)]


def test_one_to_one_works_for_a_single_cell():
    assert pairs(OneToOneConnector().connections(request([4], [5]))) == [(0, 0)]


def test_one_to_one_refuses_different_sizes_and_says_them():
    with pytest.raises(ConnectorError, match=r"'input' has 3 and 'output' has 5"):
        OneToOneConnector().connections(request(range(3), range(10, 15), pre_label="input", post_label="output"))


@pytest.mark.parametrize("pre, post", [([], [1, 2]), ([1, 2], []), ([], [])])
def test_no_cells_on_a_side_give_no_connections(pre, post):
    assert AllToAllConnector(allow_self_connections=False).connections(request(pre, post)).size == 0


@pytest.mark.parametrize("value", ["nomutual", 1, None, "True"])
def test_allow_self_connections_takes_three_values(value):
    with pytest.raises(ConnectorError, match="True, False or 'NoMutual'"):
        AllToAllConnector(allow_self_connections=value)


def test_the_callback_and_the_request_hear_the_progress():
    heard: list[tuple[str, float]] = []
    connector = AllToAllConnector(callback=lambda fraction: heard.append(("callback", fraction)))
    connector.connections(request(PRE, POST, progress=lambda fraction: heard.append(("progress", fraction))))
    assert ("callback", 1.0) in heard and ("progress", 1.0) in heard


def test_a_callback_that_cannot_be_called_is_refused():
    with pytest.raises(ConnectorError, match="callback"):
        AllToAllConnector(callback=3)  # type: ignore[arg-type]


def test_a_location_selector_is_refused_because_cells_are_points():
    with pytest.raises(CapabilityError, match="location_selector"):
        OneToOneConnector(location_selector="dendrite")


def test_connect_without_a_projection_says_what_is_needed():
    with pytest.raises(InvalidModelError, match="Projection"):
        AllToAllConnector().connect(object())


def test_connect_hands_the_connector_to_the_projection():
    class Projection:
        def connect_with(self, connector):
            self.connector = connector

    projection, connector = Projection(), AllToAllConnector()
    connector.connect(projection)
    assert projection.connector is connector


def test_a_connector_without_connections_says_what_to_define():
    with pytest.raises(CapabilityError, match="define connections"):
        Connector().connections(request(PRE, POST))


def test_get_parameters_and_describe_name_the_rule():
    connector = AllToAllConnector(allow_self_connections=False)
    assert connector.get_parameters() == {"allow_self_connections": False}
    assert connector.describe(template=None) == {
        "name": "AllToAllConnector",
        "parameters": {"allow_self_connections": False},
    }
    assert "AllToAllConnector" in connector.describe()


def test_errors_are_value_errors_too():
    assert issubclass(ConnectorError, ConnectionError) and issubclass(ConnectorError, ValueError)
