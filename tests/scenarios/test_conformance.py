"""Our own backends keep the contract, by the suite that is shipped for other people's backends."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
from typing import Any

import pytest

from pyNN.errors import NotSetUpError
from pyNN.testing import conformance
from pyNN.testing.conformance import *  # noqa: F403


class _WithOptions:
    """A backend of which some options have other defaults."""

    def __init__(self, backend: Any, **defaults: Any) -> None:
        self._backend = backend
        options = dict(backend.capabilities.options)
        for name, value in defaults.items():
            options[name] = dataclasses.replace(options[name], default=value)
        self.capabilities = dataclasses.replace(backend.capabilities, options=options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


@pytest.fixture(
    scope="module",
    params=[("reference", {"engine": "numba"}), ("reference", {"engine": "numpy"}), ("nest", {}), ("mock", {})],
    ids=["reference-numba", "reference-numpy", "nest", "mock"],
)
def backend(request: pytest.FixtureRequest) -> Any:
    name, defaults = request.param
    script = importlib.import_module(f"pyNN.{name}").script
    # Tests of another file, run before in this process, may have left one open, and NEST holds one a process.
    with contextlib.suppress(NotSetUpError):
        script.simulation.close()
    return _WithOptions(script.backend, **defaults)


def test_every_check_of_the_suite_is_exported() -> None:
    """A check that is missing in __all__ would not run for backends that import the suite."""
    checks = {name for name in vars(conformance) if name.startswith("test_")}
    assert checks == {name for name in conformance.__all__ if name.startswith("test_")}
