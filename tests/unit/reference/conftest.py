"""What is asked of every layout of large networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim

Lists = list[Any]


@pytest.fixture
def assert_checkpoints_carry_over(tmp_path: Path) -> Callable[..., None]:
    """A checkpoint has what is on its way in one layout, and can be restored in another."""

    def check(
        network: Callable[..., tuple[Lists, Lists]], observed: Callable[[Lists], Lists], use: Callable[[bool], None],
        is_used: Callable[[], bool], before: bool, after: bool,
    ) -> None:  # fmt: skip
        pytest.importorskip("h5py")

        def assert_same(found: Lists) -> None:
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b)

        use(False)
        cells, _ = network()
        sim.run(20.0)
        expected = observed(cells)
        use(before)
        cells, _ = network(threads=2)
        sim.run(8.3)
        sim.save_state(tmp_path / "state.h5")
        assert is_used() == before
        sim.run(11.7)
        assert_same(observed(cells))
        use(after)
        cells, _ = network()
        sim.restore_state(tmp_path / "state.h5")
        sim.run(11.7)
        assert is_used() == after
        assert_same(observed(cells))

    return check
