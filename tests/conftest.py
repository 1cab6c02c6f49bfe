"""What all tests share: nothing of a user's configuration, and no files but in temporary folders."""

from __future__ import annotations

import os

import pytest

# Before matplotlib is imported by anything: a test has no screen.
os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "requires(*capabilities): fields of pyNN.backend.Capabilities that the backend must have; "
        "elsewhere the test is expected to fail",
    )
