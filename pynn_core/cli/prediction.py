"""How long a network will take: a short simulation of it where that is cheap, and a cost model for the rest.

On the reference backend the network itself is built and run for about a second, and the rest of the run is extrapolated
from the second half of that. For NEST, and for networks that are too large, costs of a cell's time step, of a synaptic
event and of a connection are multiplied; they were measured on one machine and are scaled by how long this machine
takes for a small computation.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from pyNN.backend import Settings, Spikes
from pyNN.compilation.library import seconds_waited
from pyNN.errors import PyNNError
from pyNN.specs import IntArray, NetworkSpec, RecordingSpec, split_by_population
from pyNN.spike_sources import comes_in_counts

_LARGEST_PILOT = 50_000_000
"""Connections up to which the network is built for the prediction."""
_PILOT_SECONDS = 1.0
_FIRST_STEPS = 20
_ASSUMED_RATE_HZ = 5.0
_SPEED_SECONDS = 0.0165
"""What _speed_seconds() was on the machine on which the costs were measured (AMD EPYC, 2 cores, NumPy 2.4)."""

_LOAD_S = {"reference": 0.0, "nest": 0.25}
"""Loading of libraries that the dry run does without."""
_CELL_STEP_NS = {
    "reference": {"IF_curr": 2.0, "IF_cond": 5.0, "EIF": 45.0, "HH": 500.0, "Izhikevich": 20.0, "GIF": 60.0, "": 20.0},
    "nest": {"IF_curr": 9.0, "IF_cond": 175.0, "EIF": 300.0, "HH": 550.0, "Izhikevich": 17.0, "GIF": 300.0, "": 200.0},
}
"""By the beginning of the cell type's name."""
_EVENT_NS = {"reference": 2.0, "nest": 25.0}
_SOURCE_SPIKE_NS = {"reference": 100.0, "nest": 1500.0}
_COUNTED_STEP_NS = 2.0
"""A time step of a Poisson source of which the reference backend only draws how many spikes it has."""
_BUILD_NS = {"reference": 15.0, "nest": 350.0}
_BUILD_CELL_NS = {"reference": 500.0, "nest": 15_000.0}
_SAMPLE_NS = {"reference": 8.0, "nest": 130.0}
_TRAIN_NS = 12_000.0
"""One neo.SpikeTrain."""


@dataclass(frozen=True)
class Prediction:
    """Seconds on one backend."""

    describe: float
    """Populations and connections, as in the dry run."""
    build: float
    run: float
    collect: float
    start: float
    """Start of the process, loading of libraries, and what else the script does."""
    basis: str
    """What the prediction rests on."""

    @property
    def total(self) -> float:
        return self.start + self.describe + self.build + self.run + self.collect

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "total": self.total}


@dataclass(frozen=True)
class _Pilot:
    """What a short simulation has shown."""

    build: float
    step: float
    """Seconds a time step."""
    rates_hz: dict[int, float]
    """Mean rate of the cells of each population, by its id."""
    duration_ms: float


def predict(
    network: NetworkSpec, settings: Settings, steps: int, describe: float, start: float
) -> dict[str, dict[str, Any]]:
    """Seconds for `steps` time steps by backend, as in Prediction; `describe` and `start` are those of the dry run."""
    speed = _speed_seconds() / _SPEED_SECONDS
    pilot, reason = None, "too large to be tried"
    if steps and _connections(network) <= _LARGEST_PILOT:
        try:
            pilot, reason = _try(network, settings, steps), ""
        except PyNNError as error:
            reason = f"it cannot be tried here ({error})"
    rates = pilot.rates_hz if pilot is not None else _assumed_rates(network)
    basis = (
        f"the first {pilot.duration_ms:g} ms of the simulation"
        if pilot is not None
        else f"{_ASSUMED_RATE_HZ:g} spikes a second in each cell, as the network is {reason}"
    )
    found = {}
    for name in _LOAD_S:
        modelled = _modelled(network, settings, steps, describe, start, name, rates, speed, basis)
        if name == "reference" and pilot is not None:
            modelled = replace(modelled, build=pilot.build, run=pilot.step * steps)
        found[name] = modelled.as_dict()
    return found


def _connections(network: NetworkSpec) -> int:
    return sum(p.table.size for p in network.projections if p.table is not None)


def _speed_seconds() -> float:
    """Processor time of a small computation, the best of five."""
    values = np.linspace(0.0, 1.0, 200_000)
    found = []
    for _ in range(5):
        began = time.process_time()
        np.exp(values).sum()
        np.sort(values[::-1] % 0.37)
        sum(i * i for i in range(60_000))
        found.append(time.process_time() - began)
    return min(found)


def _try(network: NetworkSpec, settings: Settings, steps: int) -> _Pilot:
    """Build the network on the reference backend and run it for a second or so."""
    from pyNN.parallel import SerialCommunicator
    from pyNN.reference.backend import ReferenceBackend

    backend = ReferenceBackend()
    options = {name: option.default for name, option in backend.capabilities.options.items()}
    own = replace(settings, options=options, trial=0, profile=False)
    backend.check(network, own)
    session = backend.open(own, SerialCommunicator())
    try:
        recordings = [replace(r, start_step=0) for r in network.recordings]
        # Watching sources whose spikes are only counted would make trains of them.
        watched = [
            RecordingSpec(-1 - population.id, population.id, "spikes", np.arange(population.size))
            for population in network.populations
            if not comes_in_counts(population, settings)
        ]
        timed = _cpu_seconds if settings.threads == 1 else _seconds
        build = timed(lambda: session.build(replace(network, recordings=[*recordings, *watched])))
        done, step = _run_pilot(session, steps, timed)
        seconds = done * settings.dt / 1000.0
        rates = _assumed_rates(network)
        for spec in watched:
            spikes = session.collect(spec.id)
            number = len(spikes.steps) if isinstance(spikes, Spikes) else 0
            rates[spec.population] = number / max(network.populations[spec.population].size, 1) / seconds
        return _Pilot(build, step, rates, done * settings.dt)
    finally:
        session.close()


_Timed = Callable[[Callable[[], Any]], float]


def _run_pilot(session: Any, steps: int, timed: _Timed) -> tuple[int, float]:
    """(steps that were simulated, seconds a step)."""
    began, waited, done, piece = time.perf_counter(), seconds_waited(), 0, _FIRST_STEPS
    pieces: list[tuple[int, float]] = []
    while done < steps and time.perf_counter() - began - (seconds_waited() - waited) < _PILOT_SECONDS:
        number = min(piece, steps - done)
        pieces.append((number, timed(partial(session.advance, number))))
        done += number
        piece = 2 * piece if pieces[-1][1] < 0.1 * _PILOT_SECONDS else piece
    # The first piece is the preparation of the loop, and the beginning of a run is rarely what follows.
    later = pieces[len(pieces) // 2 :] if len(pieces) > 1 else pieces
    return done, sum(seconds for _, seconds in later) / sum(number for number, _ in later)


def _cpu_seconds(action: Callable[[], Any]) -> float:
    """Processor time of an action: neither what else the machine does counts, nor waiting for kernels."""
    began = time.process_time()
    action()
    return time.process_time() - began


def _seconds(action: Callable[[], Any]) -> float:
    """Time of an action that uses several threads, without waiting for kernels: they are there the next time."""
    began, waited = time.perf_counter(), seconds_waited()
    action()
    return max(time.perf_counter() - began - (seconds_waited() - waited), 0.0)


def _assumed_rates(network: NetworkSpec) -> dict[int, float]:
    rates = {}
    for population in network.populations:
        rate = population.parameters.get("rate")
        is_number = population.is_source and isinstance(rate, (int, float, np.ndarray))
        rates[population.id] = float(np.mean(np.asarray(rate))) if is_number else _ASSUMED_RATE_HZ
    return rates


def _modelled(
    network: NetworkSpec,
    settings: Settings,
    steps: int,
    describe: float,
    start: float,
    backend: str,
    rates: dict[int, float],
    speed: float,
    basis: str,
) -> Prediction:
    seconds = steps * settings.dt / 1000.0
    updates = sum(
        p.size * steps * _of_type(_CELL_STEP_NS[backend], p.model.name) for p in network.populations if not p.is_source
    )
    sources = [p for p in network.populations if p.is_source]
    counted = {p.id: p.size for p in sources if backend == "reference" and comes_in_counts(p, settings)}
    played = sum(p.size * rates[p.id] * seconds for p in sources if p.id not in counted)
    # The spikes that are counted in a step are delivered together.
    rates = rates | {number: min(rates[number], 1000.0 / settings.dt) for number in counted}
    events = sum(_events(network, p.pre, _pre(p), rates) for p in network.projections) * seconds
    samples = sum(
        len(r.cells) * ((steps - r.start_step) // r.every_steps + 1)
        for r in network.recordings
        if r.variable != "spikes"
    )
    trains = sum(len(r.cells) for r in network.recordings if r.variable == "spikes")
    build = _BUILD_NS[backend] * _connections(network) + _BUILD_CELL_NS[backend] * network.size
    run = updates + _EVENT_NS[backend] * events + _SOURCE_SPIKE_NS[backend] * played
    run += _COUNTED_STEP_NS * steps * sum(counted.values())
    collect = _TRAIN_NS * trains + _SAMPLE_NS[backend] * samples
    scale = 1e-9 * speed
    start += _LOAD_S[backend] * speed
    return Prediction(describe, build * scale, run * scale, collect * scale, start, basis)


def _of_type(costs: dict[str, float], name: str) -> float:
    return next(cost for beginning, cost in costs.items() if name.startswith(beginning))


def _pre(projection: Any) -> IntArray:
    return np.empty(0, dtype=np.int64) if projection.table is None else np.asarray(projection.table.pre)


def _events(network: NetworkSpec, ids: IntArray, pre: IntArray, rates: dict[int, float]) -> float:
    """Synaptic events a second of one projection."""
    counts = np.bincount(pre, minlength=len(ids))
    parts = split_by_population(network.populations, ids)
    return float(sum(counts[where].sum() * rates[population.id] for population, where, _ in parts))
