"""Connection sets of the package csa, which is optional: with it, against what the sets are defined to contain."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from pyNN.connectors import ConnectionRequest, CSAConnector
from pyNN.errors import ConnectorError, MissingPackageError


def request(**options):
    return ConnectionRequest(np.arange(5), np.arange(10, 14), **options)


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "csa", None)
    with pytest.raises(MissingPackageError, match="pip install csa"):
        CSAConnector(object())


def test_masks_and_sets_with_values():
    csa = pytest.importorskip("csa")
    made = CSAConnector(csa.full - csa.oneToOne).connections(request(local_post=[1]))
    assert made.pre.tolist() == [0, 2, 3, 4] and made.post.tolist() == [1] * 4
    made = CSAConnector(csa.cset(csa.oneToOne, 0.5, 2.0)).connections(request())
    assert made.pre.tolist() == made.post.tolist() == [0, 1, 2, 3]
    assert made.values["weight"].tolist() == [0.5] * 4 and made.values["delay"].tolist() == [2.0] * 4
    with pytest.raises(ConnectorError, match="arity 1"):
        CSAConnector(csa.cset(csa.full, 0.5))
    with pytest.raises(ConnectorError, match="connection set"):
        CSAConnector(5)
