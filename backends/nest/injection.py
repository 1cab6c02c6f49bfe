"""Injected currents, exact in every step: NEST's generators where a signal changes often, `I_e` elsewhere.

A value that a step_current_generator is given for time T reaches its targets in update T + min_delay, so whatever it
sends in one run is in flight at the beginning of the next. The part of a signal that the generator does not deliver, or
delivered wrongly because the signal has changed since, is added to the cells' constant current step by step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyNN.backend import Settings
from pyNN.specs import CurrentSpec, FloatArray, IntArray, PopulationSpec, split_by_population
from pyNN.units import factor
from pyNN.waveforms import signal

_FEW_CHANGES = 8
_DENSE = 0.05
"""A signal that changes more than `_FEW_CHANGES` times, and in more than this fraction of steps, gets a generator."""


@dataclass
class _Target:
    population: int
    cells: IntArray
    """Indices in the population, each once."""
    times: FloatArray
    """How often each of them gets the current."""


class _Source:
    """One current source."""

    def __init__(self, spec: CurrentSpec, populations: list[PopulationSpec]) -> None:
        self.ids = np.array(spec.cells, dtype=np.int64)
        self.spec = spec
        self.retired = False
        """Whether its targets have been taken away, so that only what is in flight has to be undone."""
        self.finished = False
        """Whether nothing of it is left to undo."""
        self.generator: Any = None
        self.in_flight: FloatArray = np.zeros(0)
        """What the generator has sent for the updates from the present one on, nA."""
        self.level = 0.0
        """What the cells' constant current now contains of it, nA."""
        self.targets = []
        for population, _, cells in split_by_population(populations, self.ids):
            unique, times = np.unique(cells, return_counts=True)
            self.targets.append(_Target(population.id, unique, times.astype(float)))
        self.update(spec)

    def update(self, spec: CurrentSpec) -> None:
        # A copy: the front end changes its own object, and says so afterwards.
        self.spec = CurrentSpec(spec.id, spec.model, dict(spec.parameters), self.ids)

    def values(self, settings: Settings, first: int, n: int) -> FloatArray:
        return np.zeros(n) if self.retired else signal(self.spec, settings, first, n)


class Injection:
    """All current sources of a session."""

    def __init__(self, nest: Any, settings: Settings) -> None:
        self._nest = nest
        self._settings = settings
        self._sources: dict[int, _Source] = {}
        self._leaving: list[_Source] = []
        self._to_native = factor("nA", "pA")

    def write(self, spec: CurrentSpec, populations: list[PopulationSpec]) -> None:
        """Add a source, or take over changed parameters or targets of one."""
        old = self._sources.get(spec.id)
        if old is not None and np.array_equal(old.ids, spec.cells):
            old.update(spec)
            return
        if old is not None:
            old.retired = True
            self._leaving.append(old)
        self._sources[spec.id] = _Source(spec, populations)

    def plan(
        self, now: int, stop: int, lag: int, lead_in: int, nodes: dict[int, IntArray]
    ) -> dict[int, list[tuple[_Source, float]]]:
        """Feed the generators for the updates now .. stop - 1; returns step -> [(source, its part of I_e from then)].

        `lag`: min_delay in steps; `lead_in`: NEST's step minus ours; `nodes`: population -> node ids.
        """
        plan: dict[int, list[tuple[_Source, float]]] = {}
        self._leaving = [source for source in self._leaving if not source.finished]
        for source in (*self._sources.values(), *self._leaving):
            rest = self._feed(source, now, stop, lag, lead_in, nodes)
            changes = np.flatnonzero(np.diff(rest, prepend=source.level))
            for k in changes:
                plan.setdefault(now + int(k), []).append((source, float(rest[k])))
            source.finished = source.retired and not rest[-1] and not source.in_flight.any()
        return plan

    def _feed(
        self, source: _Source, now: int, stop: int, lag: int, lead_in: int, nodes: dict[int, IntArray]
    ) -> FloatArray:
        n, ahead = stop - now, lag + 1
        wanted = source.values(self._settings, now, n + ahead)
        sent = np.zeros(n + ahead)
        sent[: source.in_flight.size] = source.in_flight
        changes = np.count_nonzero(np.diff(wanted))
        if changes > max(_FEW_CHANGES, _DENSE * wanted.size):
            sent[ahead:] = wanted[ahead:]
        if source.generator is None and sent.any():
            source.generator = self._connect_generator(source, lag, nodes)
        if source.generator is not None:
            self._set_generator(source, sent, now, ahead, lead_in)
        source.in_flight = sent[n:]
        return wanted[:n] - sent[:n]

    def _set_generator(self, source: _Source, sent: FloatArray, now: int, ahead: int, lead_in: int) -> None:
        # An entry of time T is in force from update T + lag on; the earliest that NEST still obeys is now + 1.
        changed = np.flatnonzero(np.diff(sent[ahead - 1 :])) + ahead
        if sent.size > ahead:
            changed = np.union1d(changed, [ahead])
        times = (changed - ahead + 1 + now + lead_in) * self._settings.dt
        source.generator.set(amplitude_times=times, amplitude_values=sent[changed] * self._to_native)

    def _connect_generator(self, source: _Source, lag: int, nodes: dict[int, IntArray]) -> Any:
        generator = self._nest.Create("step_current_generator")
        first = generator.tolist()[0]
        for target in source.targets:
            n = len(target.cells)
            self._nest.Connect(
                np.full(n, first),
                nodes[target.population][target.cells],
                "one_to_one",
                syn_spec={
                    "synapse_model": "static_synapse",
                    "weight": target.times,
                    "delay": np.full(n, lag * self._settings.dt),
                },
            )
        return generator

    def apply(self, changes: list[tuple[_Source, float]]) -> set[int]:
        """Take over the changes of one step of the plan; returns the populations whose I_e must be set."""
        for source, level in changes:
            source.level = level
        return {target.population for source, _ in changes for target in source.targets}

    def extra(self, population: int, size: int) -> FloatArray | float:
        """What injection adds to the constant current of each cell, nA; 0.0 where nothing is injected."""
        total: FloatArray | float = 0.0
        for source in (*self._sources.values(), *self._leaving):
            for target in source.targets:
                if target.population == population and source.level:
                    if isinstance(total, float):
                        total = np.zeros(size)
                    total[target.cells] += target.times * source.level
        return total
