"""The fixture `sim`: every scenario runs on every backend.

What a backend cannot do is not skipped: a scenario that says ``@pytest.mark.requires("dynamics")`` is expected to fail
where the backend's capabilities lack that field, and the reason shown is the backend's own.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

from pyNN.errors import NotSetUpError

BACKENDS: dict[str, tuple[str, dict[str, Any]]] = {
    "reference-numba": ("reference", {"engine": "numba"}),
    "reference-numpy": ("reference", {"engine": "numpy"}),
    "nest": ("nest", {}),
    "mock": ("mock", {}),
}
"""Name of the test's variant -> (module, what setup() gets besides what the scenario says)."""


class Simulator:
    """A backend's module, whose setup() also gets the variant's options."""

    def __init__(self, variant: str) -> None:
        name, self._options = BACKENDS[variant]
        self._module = importlib.import_module(f"pyNN.{name}")
        self.variant = variant

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def setup(self, *arguments: Any, **options: Any) -> Any:
        return self._module.setup(*arguments, **{**self._options, **options})

    @property
    def module(self) -> Any:
        """The module itself, as a script imports it."""
        return self._module


@pytest.fixture(params=list(BACKENDS))
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """One backend after the other, as `import pyNN.<backend> as sim` gives it."""
    simulator = Simulator(request.param)
    capabilities = simulator.script.backend.capabilities
    for marker in request.node.iter_markers("requires"):
        for name in marker.args:
            if not getattr(capabilities, name):
                reason = capabilities.missing.get(name, f"{request.param} has no {name}")
                request.node.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    yield simulator
    try:
        simulator.end()
        # A simulator with global state is free again for whatever test comes next.
        simulator.script.simulation.close()
    except NotSetUpError:
        # The scenario never called setup().
        return
