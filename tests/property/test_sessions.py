"""Any sequence of set, get, record, run, reset and get_data on a small network, against a simple model.

The same calls go to the reference backend and to NEST at the same time: besides the model (clock, values read back,
number of samples, segments), both must give the same spikes and potentials after every call.
"""

from __future__ import annotations

import importlib
import os
import warnings
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pyNN.errors import InvalidParameterValueError, InvalidTimeError, PastSpikesWarning

FACTOR = int(os.environ.get("PYNN_EXAMPLES", "1"))
"""How many times as many examples as usual."""
DT = 0.1
CELLS = 5
SOURCES = 3
DELAY = 0.3
# Both integrate these cells exactly; rounding differs by some 1e-13 mV, and shrinks with the leak.
TOLERANCE_MV = 1e-9

STEPS = st.integers(0, 120)
SUBSETS = st.lists(st.integers(0, CELLS - 1), min_size=1, unique=True).map(sorted)
INTERVALS = st.sampled_from([1, 2, 5])
# Odd numbers: a cell that comes to lie exactly on its threshold would spike or not as rounding has it.
CURRENTS = st.integers(0, 40).map(lambda k: 0.0317 * k)
WEIGHTS = st.integers(0, 20).map(lambda k: 0.0713 * k)
POTENTIALS = st.integers(0, 30).map(lambda k: -77.0013 + 0.7117 * k)


class Session(RuleBasedStateMachine):
    """Two simulators that get the same calls, and the model: what a script may expect."""

    kind = "IF_curr_exp"

    @initialize(weight=WEIGHTS)
    def build(self, weight: float) -> None:
        self.sims = [importlib.import_module(f"pyNN.{name}") for name in ("reference", "nest")]
        self.cells: list[Any] = []
        self.sources: list[Any] = []
        self.wires: list[Any] = []
        for sim in self.sims:
            sim.setup(timestep=DT, min_delay=DT, max_delay=5.0)
            cells = sim.Population(CELLS, getattr(sim, self.kind)(tau_m=13.0, tau_refrac=1.0))
            sources = sim.Population(SOURCES, sim.SpikeSourceArray())
            self.cells.append(cells)
            self.sources.append(sources)
            synapse = sim.StaticSynapse(weight=weight, delay=DELAY)
            self.wires.append(sim.Projection(sources, cells, sim.AllToAllConnector(), synapse))
            self.wires.append(sim.Projection(cells, cells, sim.AllToAllConnector(), synapse))
        self.step = 0
        self.finished = 0
        """Segments of earlier runs."""
        self.values = {name: np.full(CELLS, cells.get(name)) for name in ("i_offset", "tau_m")}
        self.weight = weight
        self.trains: list[list[float]] = [[] for _ in range(SOURCES)]
        self.start: dict[str, dict[int, int]] = {"v": {}, "spikes": {}}
        """Variable -> recorded cell -> the step since which it is."""
        self.every: dict[int, int] = {}
        """Cell -> sampling interval of v in steps."""

    # --- what a script does

    @rule(steps=STEPS)
    def run(self, steps: int) -> None:
        self.step += steps
        times = [sim.run(steps * DT) for sim in self.sims]
        assert times == [self.now, self.now]

    @rule(steps=STEPS)
    def run_until(self, steps: int) -> None:
        target = round(steps * DT, 9)
        for sim in self.sims:
            if steps < self.step:
                try:
                    sim.run_until(target)
                except InvalidTimeError:
                    continue
                raise AssertionError(f"run_until({target}) at {self.now} went back in time")
            assert sim.run_until(target) == target
        self.step = max(self.step, steps)

    @rule()
    def reset(self) -> None:
        self.finished += self.has_advanced
        self.step = 0
        for sim in self.sims:
            sim.reset()
        self.start = {name: dict.fromkeys(cells, 0) for name, cells in self.start.items()}

    @rule(where=SUBSETS, value=CURRENTS, slope=CURRENTS)
    def set_current(self, where: list[int], value: float, slope: float) -> None:
        values = value + slope * np.arange(len(where)) / CELLS
        self.values["i_offset"][where] = values
        for cells in self.cells:
            cells[where].set(i_offset=values)

    @rule(index=st.integers(0, CELLS - 1), tau=st.integers(5, 40))
    def set_one_cell(self, index: int, tau: int) -> None:
        self.values["tau_m"][index] = tau
        for cells in self.cells:
            cells[index].tau_m = float(tau)

    @rule(where=SUBSETS, v=POTENTIALS)
    def initialize_potential(self, where: list[int], v: float) -> None:
        for cells in self.cells:
            cells[where].initialize(v=v)
            assert np.all(np.asarray(cells[where].initial_values["v"].evaluate()) == v)

    @rule(weight=WEIGHTS)
    def set_weight(self, weight: float) -> None:
        self.weight = weight
        for wire in self.wires:
            wire.set(weight=weight)

    @rule(index=st.integers(0, SOURCES - 1), steps=st.lists(st.integers(1, 400), max_size=5, unique=True))
    def set_spike_times(self, index: int, steps: list[int]) -> None:
        self.trains[index] = [round(step * DT, 9) for step in sorted(steps)]
        for sim, sources in zip(self.sims, self.sources, strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PastSpikesWarning)
                sources[index : index + 1].set(spike_times=sim.Sequence(self.trains[index]))

    @rule(where=SUBSETS, every=INTERVALS)
    def record_potential(self, where: list[int], every: int) -> None:
        clash = any(
            cell in self.every and self.every[cell] != every and self.start["v"][cell] != self.step for cell in where
        )
        for cells in self.cells:
            try:
                cells[where].record("v", sampling_interval=every * DT)
            except InvalidParameterValueError:
                assert clash
            else:
                assert not clash
        if not clash:
            for cell in where:
                self.start["v"].setdefault(cell, self.step)
                self.every[cell] = every

    @rule(where=SUBSETS)
    def record_spikes(self, where: list[int]) -> None:
        for cells in self.cells:
            cells[where].record("spikes")
        for cell in where:
            self.start["spikes"].setdefault(cell, self.step)

    @rule()
    def stop_recording(self) -> None:
        for cells in self.cells:
            cells.record(None)
        self.start = {"v": {}, "spikes": {}}
        self.every = {}

    @rule()
    def clear(self) -> None:
        for cells in self.cells:
            cells.get_data(clear=True)
        self.finished = 0
        self.start = {name: dict.fromkeys(cells, self.step) for name, cells in self.start.items()}

    # --- what must hold at any time

    @property
    def now(self) -> float:
        return round(self.step * DT, 9)

    @property
    def has_advanced(self) -> bool:
        return any(start < self.step for cells in self.start.values() for start in cells.values())

    @invariant()
    def the_clock_is_right(self) -> None:
        for sim in getattr(self, "sims", []):
            assert sim.get_current_time() == self.now
            assert sim.state.t == self.now

    @invariant()
    def what_was_set_is_read_back(self) -> None:
        for cells, sources in zip(getattr(self, "cells", []), getattr(self, "sources", []), strict=True):
            for name, values in self.values.items():
                np.testing.assert_array_equal(cells.get(name, simplify=False), values)
                np.testing.assert_array_equal([cell.get_parameters()[name] for cell in cells], values)
            found = sources.get("spike_times", simplify=False)
            assert [list(train.value) for train in found] == self.trains
        for wire in getattr(self, "wires", []):
            weights = np.asarray(wire.get("weight", format="array"))
            # NEST's weights are in pA: a rounding there and one back.
            np.testing.assert_allclose(weights, np.full(wire.shape, self.weight), rtol=1e-15)

    @invariant()
    def data_are_what_was_recorded(self) -> None:
        if not getattr(self, "sims", []):
            return
        blocks = [cells.get_data() for cells in self.cells]
        segments = self.finished + (self.has_advanced or not self.finished)
        assert [len(block.segments) for block in blocks] == [segments] * 2
        for ours, theirs in zip(*(block.segments for block in blocks), strict=True):
            assert _trains(ours) == _trains(theirs)
            columns, others = _columns(ours), _columns(theirs)
            assert columns.keys() == others.keys()
            for cell in columns:
                np.testing.assert_allclose(columns[cell][1], others[cell][1], rtol=0.0, atol=TOLERANCE_MV)
        if self.has_advanced or not self.finished:
            for block in blocks:
                self._check_present(block.segments[-1])

    def _check_present(self, segment: Any) -> None:
        columns = _columns(segment)
        assert columns.keys() == self.start["v"].keys()
        for cell, (start, values) in columns.items():
            begin = self.start["v"][cell]
            assert start == round(begin * DT, 9)
            assert len(values) == (self.step - begin) // self.every[cell] + 1
            assert np.isfinite(values).all()
        trains = _trains(segment)
        assert trains.keys() == self.start["spikes"].keys()
        for cell, times in trains.items():
            assert times == sorted(times)
            assert all(round(self.start["spikes"][cell] * DT, 9) < time <= self.now for time in times)

    def teardown(self) -> None:
        for sim in getattr(self, "sims", []):
            sim.script.simulation.close()


class DeltaSession(Session):
    """The same with cells whose synapses move the potential itself."""

    kind = "IF_curr_delta"


def _trains(segment: Any) -> dict[int, list[float]]:
    """Index of a cell -> its spike times (ms)."""
    return {int(train.annotations["source_index"]): train.magnitude.tolist() for train in segment.spiketrains}


def _columns(segment: Any) -> dict[int, tuple[float, Any]]:
    """Index of a cell -> (t_start in ms, potentials); each cell stands in one signal only."""
    found: dict[int, tuple[float, Any]] = {}
    for signal in segment.filter(name="v"):
        for number, cell in enumerate(signal.array_annotations["channel_index"].tolist()):
            assert cell not in found
            found[cell] = (float(signal.t_start.rescale("ms")), signal.magnitude[:, number])
    return found


TestSession = Session.TestCase
TestSession.settings = settings(max_examples=20 * FACTOR, stateful_step_count=20)
TestDeltaSession = DeltaSession.TestCase
TestDeltaSession.settings = settings(max_examples=10 * FACTOR, stateful_step_count=20)
