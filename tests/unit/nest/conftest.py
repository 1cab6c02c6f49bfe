"""Networks by the contract, without the front end, for the tests of the NEST adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pyNN.backend import Settings
from pyNN.nest.backend import NestBackend, NestSession
from pyNN.parallel import SerialCommunicator
from pyNN.specs import (
    ConnectionRule,
    ConnectionTable,
    CurrentSpec,
    NetworkSpec,
    PopulationSpec,
    ProjectionSpec,
    RecordingSpec,
)
from pyNN.standardmodels import cells, electrodes
from pyNN.standardmodels.synapses import StaticSynapse


class Build:
    """Makes specifications; ids are given in order."""

    def __init__(self) -> None:
        self.populations: list[PopulationSpec] = []
        self._projections = self._currents = self._recordings = 0

    def population(
        self, name: str, size: int = 1, init: dict[str, Any] | None = None, native: bool = False, **parameters: Any
    ) -> PopulationSpec:
        d = getattr(cells, name).definition
        first = sum(p.size for p in self.populations)
        values = {k: v.default for k, v in d.parameters.items()} | parameters
        states = {k: s.initial for k, s in d.states.items()} | (init or {})
        spec = PopulationSpec(len(self.populations), f"{name} cells", d, size, first, values, states, native)
        self.populations.append(spec)
        return spec

    def ids(self, population: PopulationSpec) -> Any:
        return np.arange(population.first_id, population.first_id + population.size)

    def projection(
        self, pre: Any, post: Any, weight: Any, delay_steps: Any = 1, pairs: Any = None, receptor: str = "excitatory"
    ) -> ProjectionSpec:
        pre_ids = self.ids(pre) if isinstance(pre, PopulationSpec) else np.asarray(pre)
        post_ids = self.ids(post) if isinstance(post, PopulationSpec) else np.asarray(post)
        if pairs is None:
            pairs = [(i, j) for j in range(len(post_ids)) for i in range(len(pre_ids))]
        pairs = np.asarray(pairs, dtype=np.int32).reshape(-1, 2)
        order = np.lexsort((pairs[:, 0], pairs[:, 1]))
        weight = weight if np.ndim(weight) == 0 else np.asarray(weight, dtype=float)[order]
        delay_steps = delay_steps if np.ndim(delay_steps) == 0 else np.asarray(delay_steps, dtype=np.int32)[order]
        table = ConnectionTable(pairs[order, 0], pairs[order, 1], delay_steps, {"weight": weight})
        return self._projection(pre_ids, post_ids, receptor, table, None)

    def native_projection(
        self,
        pre: Any,
        post: Any,
        name: str,
        receptor: str = "excitatory",
        weight: Any = 0.1,
        delay: Any = 0.1,
        **p: Any,
    ) -> ProjectionSpec:
        rule = ConnectionRule(name, p, {"weight": weight, "delay": delay})
        return self._projection(self.ids(pre), self.ids(post), receptor, None, rule)

    def _projection(self, pre: Any, post: Any, receptor: str, table: Any, rule: Any) -> ProjectionSpec:
        self._projections += 1
        id = self._projections - 1
        return ProjectionSpec(id, f"projection {id}", pre, post, receptor, StaticSynapse.definition, table, rule)

    def current(self, name: str, targets: Any, **parameters: Any) -> CurrentSpec:
        d = getattr(electrodes, name).definition
        self._currents += 1
        values = {k: v.default for k, v in d.parameters.items()} | parameters
        return CurrentSpec(self._currents - 1, d, values, np.asarray(targets))

    def record(
        self, population: PopulationSpec, variable: str, cells: Any = None, every: int = 1, start: int = 0
    ) -> RecordingSpec:
        self._recordings += 1
        chosen = np.arange(population.size) if cells is None else np.asarray(cells)
        return RecordingSpec(self._recordings - 1, population.id, variable, chosen, every, start)


@pytest.fixture
def build() -> Build:
    return Build()


@pytest.fixture(scope="session")
def backend() -> NestBackend:
    return NestBackend()


def make_settings(**changes: Any) -> Settings:
    return Settings(**{"dt": 0.1, "min_delay_steps": None, "max_delay_steps": None, "rng_seed": 5} | changes)


@pytest.fixture
def open_session(backend: NestBackend) -> Iterator[Callable[..., NestSession]]:
    """Opens sessions, the one before being closed: open_session(threads=2, options={...}, ...)."""
    sessions: list[NestSession] = []

    def opened(**changes: Any) -> NestSession:
        for session in sessions:
            session.close()
        sessions.append(backend.open(make_settings(**changes), SerialCommunicator()))
        return sessions[-1]

    yield opened
    for session in sessions:
        session.close()


@pytest.fixture
def part() -> Callable[..., NetworkSpec]:
    """part(spec, spec, ...): a network of specifications of any kind."""

    def made(*specs: Any) -> NetworkSpec:
        network = NetworkSpec()
        places: dict[type, list[Any]] = {
            PopulationSpec: network.populations,
            ProjectionSpec: network.projections,
            CurrentSpec: network.currents,
            RecordingSpec: network.recordings,
        }
        for spec in specs:
            places[type(spec)].append(spec)
        return network

    return made
