"""What all tests share: nothing of a user's configuration, and no files but in temporary folders."""

from __future__ import annotations

import os

import hypothesis
import pytest

# Before matplotlib is imported by anything: a test has no screen.
os.environ.setdefault("MPLBACKEND", "Agg")

# The same examples in every run, and no time limit for one, which would depend on the machine's load. Fresh ones are
# drawn with `pytest --hypothesis-profile random`.
hypothesis.settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "random", hypothesis.settings.get_profile("repeatable"), derandomize=False, print_blob=True
)
hypothesis.settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "requires(*capabilities): fields of pyNN.backend.Capabilities that the backend must have; "
        "elsewhere the test is expected to fail",
    )
    # The networks of tests are so small that one thread would do all, however many it is asked to be.
    from pyNN.reference import numba_engine

    numba_engine._TURN_TAKING = numba_engine._STARTING = 0
    config.addinivalue_line(
        "markers",
        "trap(*keys): rows of docs/traps.md, where PyNN goes wrong, that the test shows us to get right",
    )
