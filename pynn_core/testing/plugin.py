"""A pytest plugin: option ``--pynn-backend NAME`` and the fixture ``backend`` that `pyNN.testing.conformance` needs."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

pytest.register_assert_rewrite("pyNN.testing.conformance")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pynn-backend",
        action="append",
        default=[],
        metavar="NAME",
        help="run pyNN.testing.conformance on the backend pyNN.NAME; may be given several times",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "pynn_backend_name" in metafunc.fixturenames:
        names = metafunc.config.getoption("--pynn-backend")
        if not names:
            raise pytest.UsageError("Say which backend to test: --pynn-backend NAME, as in `import pyNN.NAME`.")
        metafunc.parametrize("pynn_backend_name", names, scope="module")


@pytest.fixture(scope="module")
def backend(pynn_backend_name: str) -> Any:
    """The backend instance behind ``pyNN.<name>``."""
    return importlib.import_module(f"pyNN.{pynn_backend_name}").script.backend
