"""Tables in order of source cells: the compiled loops against NumPy's stable sort."""

from typing import Any

import numpy as np
import pytest

from pyNN.connectors import ordering
from pyNN.reference.numba_engine import NumbaEngine
from pyNN.reference.routing import sort_by_source

SIZES = {
    "many rows": (100_000, 70_000, 300_000),
    "more rows than an index of 16 bits, mostly empty": (500_000, 200, 40_000),
    "few long rows": (37, 1000, 200_000),
    "one row": (1, 1000, 100_000),
    "none": (1000, 1000, 0),
}


@pytest.mark.parametrize("own", ["both", "weights", "delays", "none"])
@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("size", SIZES)
def test_tables_that_are_sorted_in_parts(monkeypatch: pytest.MonkeyPatch, size: str, kind: str, own: str) -> None:
    sources, targets, number = SIZES[size]
    rng = np.random.default_rng(3)
    # Some cells have most of the connections.
    pre = (sources * rng.random(number) ** 3).astype(np.int32)
    post = np.sort(rng.integers(0, targets, number).astype(np.int32))
    weights: Any = rng.random(number) if own in ("both", "weights") else 0.5
    delays: Any = rng.integers(1, 300, number).astype(np.int32) if own in ("both", "delays") else 7
    expected = sort_by_source(pre, post, weights, delays, sources, targets)
    for in_cache, worth in ((1 << 12, 1), (1 << 16, 1), (1 << 40, 1)):
        monkeypatch.setattr(ordering, "_IN_CACHE", in_cache)
        monkeypatch.setattr(ordering, "_WORTH_PARTS", worth)
        found = NumbaEngine(weight_type=kind).sort(pre, post, weights, delays, sources, targets)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, np.asarray(b, dtype=kind) if np.asarray(b).dtype.kind == "f" else b)
