"""Recorder against a simulation whose every value is a formula of step and cell."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import Any

import neo
import numpy as np
import pytest
import quantities as pq

from pyNN.backend import Spikes
from pyNN.errors import CapabilityError, InvalidParameterValueError, RecordingError
from pyNN.models import Definition, State
from pyNN.parallel import SerialCommunicator
from pyNN.recording import AssemblyPart, Recorder, assembly_block
from pyNN.specs import RecordingSpec

CELL = Definition(
    "IF_cond_exp",
    parameters={},
    states={"v": State(-65.0, "mV"), "gsyn_exc": State(0.0, "uS"), "w": State(0.0, "unknown")},
)
SOURCE = Definition("SpikeSourceArray", parameters={}, source="array")


def v(step: Any, cell: Any) -> Any:
    return -65.0 + 0.001 * np.asarray(step) + np.asarray(cell)


def spike_steps(cell: int, first: int, last: int) -> list[int]:
    """Cell i fires at every multiple of 3 + i; cell 4 never does."""
    return [] if cell == 4 else [s for s in range(first + 1, last + 1) if s % (3 + cell) == 0]


@dataclass
class Simulation:
    """Time, and data that are functions of it."""

    dt: float = 0.1
    current_step: int = 0
    title: str = "Formula"
    comm: Any = field(default_factory=SerialCommunicator)
    segment_index: int = 0
    specs: list[RecordingSpec] = field(default_factory=list)

    def start_recording(self, population_id: int, variable: str, cells: Any, every_steps: int) -> RecordingSpec:
        own = cells[cells % self.comm.size == self.comm.rank]
        spec = RecordingSpec(len(self.specs), population_id, variable, own, every_steps, self.current_step)
        self.specs.append(spec)
        return spec

    def collect(self, spec: RecordingSpec) -> Any:
        if spec.variable == "spikes":
            events = sorted((s, c) for c in spec.cells for s in spike_steps(c, spec.start_step, self.current_step))
            return Spikes(np.array([s for s, _ in events], dtype=int), np.array([c for _, c in events], dtype=int))
        steps = np.arange(spec.start_step, self.current_step + 1, spec.every_steps)
        return v(steps[:, None], spec.cells[None, :])

    def clear_recording(self, spec: RecordingSpec) -> None:
        spec.start_step = self.current_step

    def stop_recording(self, spec: RecordingSpec) -> None:
        self.specs.remove(spec)

    def reset(self, recorders: list[Recorder], annotations: dict[str, Any] | None = None) -> None:
        for recorder in recorders:
            recorder.finish_segment(annotations)
        self.segment_index += 1
        self.current_step = 0
        for spec in self.specs:
            spec.start_step = 0


@dataclass
class Cells:
    id: int = 0
    label: str = "P"
    size: int = 5
    first_id: int = 40
    definition: Definition = CELL
    annotations: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> str:
        return f"description of {self.label}"


@pytest.fixture
def sim() -> Simulation:
    return Simulation()


@pytest.fixture
def recorder(sim: Simulation) -> Recorder:
    return Recorder(sim, Cells())


def ms(quantity: Any) -> float:
    return float(quantity.rescale("ms").magnitude)


def test_block_carries_names_annotations_and_description(sim: Simulation) -> None:
    recorder = Recorder(sim, Cells(annotations={"layer": "L4"}))
    recorder.record(["spikes", "v"])
    sim.current_step = 100
    block = recorder.get(annotations={"experiment": 7})
    assert isinstance(block, neo.Block)
    assert (block.name, block.description) == ("P", "description of P")
    assert block.rec_datetime is not None
    assert block.annotations == {
        "size": 5,
        "first_index": 0,
        "last_index": 5,
        "first_id": 40,
        "last_id": 44,
        "label": "P",
        "simulator": "Formula",
        "dt": 0.1,
        "mpi_processes": 1,
        "layer": "L4",
        "experiment": 7,
    }
    (segment,) = block.segments
    assert segment.name == "segment000"
    assert segment.block is block
    assert segment.rec_datetime is not None


def test_signal_has_both_ends_units_times_and_channels(sim: Simulation, recorder: Recorder) -> None:
    recorder.record(["v", "gsyn_exc", "w"], cells=[3, 1])
    sim.current_step = 100
    signals = recorder.get().segments[0].analogsignals
    assert [s.name for s in signals] == ["gsyn_exc", "v", "w"]
    assert [s.units for s in signals] == [pq.uS, pq.mV, pq.dimensionless]
    signal = signals[1]
    assert signal.shape == (101, 2)
    assert ms(signal.t_start) == 0.0
    assert ms(signal.sampling_period) == 0.1
    assert ms(signal.t_stop) == pytest.approx(10.1, abs=1e-12)
    assert signal.annotations["source_population"] == "P"
    assert signal.annotations["channel_ids"].tolist() == [41, 43]
    assert signal.array_annotations["channel_index"].tolist() == [1, 3]
    np.testing.assert_array_equal(signal.magnitude, v(np.arange(101)[:, None], [1, 3]))


def test_every_recorded_cell_has_a_spike_train_silent_ones_too(sim: Simulation, recorder: Recorder) -> None:
    recorder.record("spikes")
    sim.current_step = 100
    segment = recorder.get().segments[0]
    assert type(segment.spiketrains).__name__ == "SpikeTrainList"
    assert len(segment.spiketrains) == 5
    for cell, train in enumerate(segment.spiketrains):
        # Times are the doubles nearest to the decimal numbers, so they compare equal to literals.
        assert train.magnitude.tolist() == [s / 10 for s in spike_steps(cell, 0, 100)]
        assert train.units == pq.ms
        assert (ms(train.t_start), ms(train.t_stop)) == (0.0, 10.0)
        assert train.annotations == {"source_population": "P", "channel_id": 40 + cell, "source_index": cell}
        assert train.segment is segment
    ids, times = segment.spiketrains.multiplexed
    assert len(ids) == len(times) == sum(len(spike_steps(c, 0, 100)) for c in range(5))
    assert set(ids.tolist()) == {40, 41, 42, 43}


def test_precise_spike_times_precede_their_step(sim: Simulation, recorder: Recorder, monkeypatch: Any) -> None:
    recorder.record("spikes", [2])
    sim.current_step = 10
    precise = Spikes(np.array([4, 4, 9]), np.array([2, 2, 2]), np.array([0.01, 0.07, 0.05]))
    monkeypatch.setattr(sim, "collect", lambda spec: precise)
    (train,) = recorder.get().segments[0].spiketrains
    np.testing.assert_allclose(train.magnitude, [0.33, 0.39, 0.85], rtol=0, atol=1e-15)


def test_before_any_run_there_is_one_sample_and_no_spike(recorder: Recorder) -> None:
    recorder.record(["v", "spikes"])
    (segment,) = recorder.get().segments
    np.testing.assert_array_equal(segment.analogsignals[0].magnitude, [v(0, np.arange(5))])
    assert [train.size for train in segment.spiketrains] == [0] * 5
    assert recorder.spike_counts() == {40: 0, 41: 0, 42: 0, 43: 0, 44: 0}


def test_a_variable_that_is_not_recorded_gives_an_empty_segment(sim: Simulation, recorder: Recorder) -> None:
    recorder.record("spikes")
    sim.current_step = 10
    (segment,) = recorder.get("v").segments
    assert len(segment.analogsignals) == 0
    assert len(segment.spiketrains) == 0


@pytest.mark.parametrize("call", ["record", "get"])
def test_an_unknown_variable_is_refused_with_those_that_exist(recorder: Recorder, call: str) -> None:
    with pytest.raises(RecordingError, match=r"'gsyn_ex' from IF_cond_exp.*'gsyn_exc'.*spikes, v, gsyn_exc, w"):
        getattr(recorder, call)(["v", "gsyn_ex"])
    assert recorder.recorded == {}


def test_a_view_gets_its_own_cells_only(sim: Simulation, recorder: Recorder) -> None:
    recorder.record(["v", "spikes"])
    sim.current_step = 20
    segment = recorder.get(cells=np.array([1, 4])).segments[0]
    np.testing.assert_array_equal(segment.analogsignals[0].magnitude, v(np.arange(21)[:, None], [1, 4]))
    assert segment.analogsignals[0].array_annotations["channel_index"].tolist() == [1, 4]
    assert [t.annotations["source_index"] for t in segment.spiketrains] == [1, 4]
    assert [t.size for t in segment.spiketrains] == [5, 0]


def test_each_variable_keeps_its_own_sampling_interval(sim: Simulation, recorder: Recorder) -> None:
    recorder.record("v", sampling_interval=1.0)
    recorder.record("gsyn_exc")
    recorder.record("w", sampling_interval=0.3)
    recorder.record("v")
    sim.current_step = 100
    signals = {s.name: s for s in recorder.get().segments[0].analogsignals}
    assert {name: (len(s), ms(s.sampling_period)) for name, s in signals.items()} == {
        "gsyn_exc": (101, 0.1),
        "v": (11, 1.0),
        "w": (34, 0.3),
    }
    np.testing.assert_array_equal(signals["v"].magnitude, v(np.arange(0, 101, 10)[:, None], np.arange(5)))


@pytest.mark.parametrize(
    ("interval", "advice"),
    [
        (0.25, r"0\.2 ms or 0\.3 ms"),
        (0.0, r"0\.1 ms"),
        (-1.0, r"0\.1 ms"),
        (0.05, r"0\.1 ms"),
        (float("nan"), r"0\.1 ms"),
        ("fast", "number of ms"),
    ],
)
def test_a_sampling_interval_off_the_grid_is_refused(recorder: Recorder, interval: Any, advice: str) -> None:
    with pytest.raises(InvalidParameterValueError, match=advice):
        recorder.record("v", sampling_interval=interval)
    assert recorder.recorded == {}


def test_an_interval_can_change_only_before_data_exist(sim: Simulation, recorder: Recorder) -> None:
    recorder.record("v")
    recorder.record("v", cells=[0, 1], sampling_interval=0.5)
    sim.current_step = 10
    slow, fast = sorted(recorder.get().segments[0].analogsignals, key=len)
    assert (slow.shape, slow.array_annotations["channel_index"].tolist()) == ((3, 2), [0, 1])
    assert (fast.shape, fast.array_annotations["channel_index"].tolist()) == ((11, 3), [2, 3, 4])
    with pytest.raises(InvalidParameterValueError, match=r"every 0\.5 ms since t = 0 ms.*record\(None\)"):
        recorder.record("v", cells=[1], sampling_interval=0.2)
    recorder.get(clear=True)
    recorder.record("v", sampling_interval=0.2)
    sim.current_step = 20
    (signal,) = recorder.get().segments[0].analogsignals
    assert (signal.shape, ms(signal.t_start), ms(signal.sampling_period)) == ((6, 5), 1.0, 0.2)


def test_cells_that_join_later_are_nan_until_then(sim: Simulation, recorder: Recorder) -> None:
    recorder.record(["v", "spikes"], [3])
    sim.current_step = 10
    recorder.record(["v", "spikes"], [0, 3])
    sim.current_step = 20
    segment = recorder.get().segments[0]
    (signal,) = segment.analogsignals
    expected = v(np.arange(21)[:, None], [0, 3])
    expected[:10, 0] = np.nan
    np.testing.assert_array_equal(signal.magnitude, expected)
    assert signal.annotations["channel_ids"].tolist() == [40, 43]
    assert [ms(t.t_start) for t in segment.spiketrains] == [1.0, 0.0]
    assert [t.magnitude.tolist() for t in segment.spiketrains] == [[1.2, 1.5, 1.8], [0.6, 1.2, 1.8]]


def test_sampling_grids_that_do_not_meet_stay_separate_signals(sim: Simulation, recorder: Recorder) -> None:
    recorder.record("v", [0], sampling_interval=1.0)
    sim.current_step = 5
    recorder.record("v", [1], sampling_interval=1.0)
    sim.current_step = 30
    signals = recorder.get().segments[0].analogsignals
    assert [(s.name, ms(s.t_start), len(s)) for s in signals] == [("v", 0.0, 4), ("v", 0.5, 3)]


def test_clear_restarts_at_the_present_time(sim: Simulation, recorder: Recorder) -> None:
    recorder.record(["v", "spikes"])
    sim.current_step = 500
    assert len(recorder.get(clear=True).segments[0].analogsignals[0]) == 501
    sim.current_step = 503
    (segment,) = recorder.get().segments
    assert ms(segment.analogsignals[0].t_start) == 50.0
    np.testing.assert_array_equal(segment.analogsignals[0].magnitude, v(np.arange(500, 504)[:, None], np.arange(5)))
    assert [t.magnitude.tolist() for t in segment.spiketrains[:2]] == [[50.1], []]
    assert ms(segment.spiketrains[0].t_start) == 50.0


def test_each_reset_leaves_a_segment_with_its_annotations(sim: Simulation, recorder: Recorder) -> None:
    recorder.record(["v", "spikes"])
    sim.current_step = 30
    sim.reset([recorder], {"current": 0.1})
    sim.current_step = 60
    sim.reset([recorder], {"current": 0.2})
    sim.reset([recorder])
    block = recorder.get()
    assert [s.name for s in block.segments] == ["segment000", "segment001"]
    assert [s.annotations for s in block.segments] == [{"current": 0.1}, {"current": 0.2}]
    assert [len(s.analogsignals[0]) for s in block.segments] == [31, 61]
    sim.current_step = 10
    block = recorder.get(clear=True)
    assert [(s.name, len(s.analogsignals[0])) for s in block.segments] == [
        ("segment000", 31),
        ("segment001", 61),
        ("segment003", 11),
    ]
    sim.reset([recorder])
    assert [len(s.analogsignals[0]) for s in recorder.get().segments] == [1]


def test_data_of_an_earlier_run_do_not_change_with_the_buffer(
    sim: Simulation, recorder: Recorder, monkeypatch: Any
) -> None:
    buffer = np.zeros((4, 5))
    monkeypatch.setattr(sim, "collect", lambda spec: buffer)
    recorder.record("v")
    sim.current_step = 3
    present = recorder.get().segments[0].analogsignals[0]
    sim.reset([recorder])
    buffer += 1.0
    assert recorder.get().segments[0].analogsignals[0].magnitude.max() == 0.0
    assert present.magnitude.max() == 0.0


def test_record_none_stops_everything(sim: Simulation, recorder: Recorder) -> None:
    recorder.record(["v", "spikes"], to_file="x.pkl")
    sim.current_step = 10
    recorder.record(None)
    assert recorder.recorded == {}
    assert sim.specs == []
    assert len(recorder.get().segments[0].analogsignals) == 0
    recorder.write_pending_files()


def test_spike_counts_are_by_id_for_recorded_cells(sim: Simulation, recorder: Recorder) -> None:
    recorder.record("spikes", [0, 2, 4])
    sim.current_step = 60
    assert recorder.spike_counts() == {40: 20, 42: 12, 44: 0}
    assert recorder.spike_counts(cells=[1, 2]) == {42: 12}


def test_cells_outside_the_population_are_refused(recorder: Recorder) -> None:
    with pytest.raises(InvalidParameterValueError, match=r"0\.\.4 for 'P', not 2\.\.5"):
        recorder.record("v", [2, 5])


def test_locations_are_refused(recorder: Recorder) -> None:
    with pytest.raises(CapabilityError, match="compartments"):
        recorder.record("v", locations="soma")


def test_spike_trains_can_be_pickled_and_read_without_this_package(sim: Simulation, recorder: Recorder) -> None:
    recorder.record(["v", "spikes"])
    sim.current_step = 30
    content = pickle.dumps(recorder.get())
    assert b"pyNN" not in content
    copy = pickle.loads(content)
    assert copy.segments[0].spiketrains[1].magnitude.tolist() == [s / 10 for s in spike_steps(1, 0, 30)]


class Rank(SerialCommunicator):
    """One of several ranks, the collectives of which exchange through a shared dictionary, rank 0 last."""

    def __init__(self, rank: int, size: int, mailbox: dict[int, Any]) -> None:
        super().__init__(rank, size)
        self._mailbox = mailbox

    def gather(self, value: Any, what: str = "") -> Any:
        self._mailbox[self.rank] = value
        return [self._mailbox[r] for r in range(self.size)] if self.rank == 0 else None


def test_rank_0_gathers_what_one_process_records() -> None:
    mailbox: dict[int, Any] = {}
    alone = Simulation()
    ranks = [Simulation(comm=Rank(r, 3, mailbox)) for r in range(3)]
    recorders = [Recorder(s, Cells()) for s in [alone, *ranks]]
    for recorder in recorders:
        recorder.record(["v", "spikes"])
    for simulation, recorder in zip([alone, *ranks], recorders, strict=True):
        simulation.current_step = 50
        simulation.reset([recorder])
        simulation.current_step = 20
    expected, *others = recorders
    blocks = [recorder.get() for recorder in reversed(others)]
    wanted = expected.get()
    for mine, reference in zip(blocks[-1].segments, wanted.segments, strict=True):
        np.testing.assert_array_equal(mine.analogsignals[0].magnitude, reference.analogsignals[0].magnitude)
        assert mine.analogsignals[0].annotations["channel_ids"].tolist() == [40, 41, 42, 43, 44]
        assert [t.tolist() for t in mine.spiketrains] == [t.tolist() for t in reference.spiketrains]
    assert blocks[0].segments[0].analogsignals[0].annotations["channel_ids"].tolist() == [42]
    assert blocks[-1].annotations["mpi_processes"] == 3
    counts = [recorder.spike_counts() for recorder in reversed(others)][-1]
    assert counts == expected.spike_counts()
    mine_only = others[1].get(gather=False)
    assert mine_only.segments[1].analogsignals[0].annotations["channel_ids"].tolist() == [41, 44]


def test_an_assembly_is_one_block_with_channels_side_by_side(sim: Simulation) -> None:
    a = Recorder(sim, Cells(annotations={"layer": "L4", "n": 1}))
    b = Recorder(sim, Cells(id=1, label="Q", size=4, first_id=45, annotations={"layer": "L5", "n": 2}))
    c = Recorder(sim, Cells(id=2, label="S", size=2, first_id=49, definition=SOURCE))
    for recorder in (a, b):
        recorder.record(["v", "spikes"])
    c.record("spikes")
    sim.current_step = 10
    sim.reset([a, b, c], {"trial": 1})
    sim.current_step = 20
    parts = [AssemblyPart(a, 5), AssemblyPart(b, 2, np.array([3, 1])), AssemblyPart(c, 2)]
    block = assembly_block(parts, "all", "all cells")
    assert (block.name, block.description) == ("all", "all cells")
    assert block.annotations == {
        "size": 9,
        "first_index": 0,
        "last_index": 9,
        "first_id": 40,
        "last_id": 50,
        "label": "all",
        "simulator": "Formula",
        "dt": 0.1,
        "mpi_processes": 1,
        "layer": "L4;L5",
        "n": [1, 2],
    }
    assert [s.annotations for s in block.segments] == [{"trial": 1}, {}]
    segment = block.segments[1]
    (signal,) = segment.analogsignals
    assert signal.annotations["channel_ids"].tolist() == [40, 41, 42, 43, 44, 48, 46]
    assert signal.annotations["source_population"] == "P;Q"
    assert signal.array_annotations["channel_index"].tolist() == [0, 1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(signal.magnitude, v(np.arange(21)[:, None], [0, 1, 2, 3, 4, 3, 1]))
    assert [t.annotations["channel_id"] for t in segment.spiketrains] == [40, 41, 42, 43, 44, 48, 46, 49, 50]
    assert [t.annotations["source_population"] for t in segment.spiketrains] == [*"PPPPP", *"QQ", *"SS"]
    only_v = assembly_block(parts, "all", "", variables="v", clear=True)
    assert [len(s.spiketrains) for s in only_v.segments] == [0, 0]
    assert len(assembly_block(parts, "all", "").segments) == 1
    with pytest.raises(RecordingError, match="IF_cond_exp;SpikeSourceArray"):
        assembly_block(parts, "all", "", variables="u")
