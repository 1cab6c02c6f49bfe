"""Recorded data: samples, segments, clearing, annotations and files, on every backend."""

from __future__ import annotations

import numpy as np
import pytest

from pyNN.errors import NothingToWriteError, RecordingError


def signal(cells, name="v", segment=-1):
    found = cells.get_data(name).segments[segment].filter(name=name)
    assert len(found) == 1
    return found[0]


def times(cells, segment=-1):
    return [np.asarray(t.magnitude) for t in cells.get_data("spikes").segments[segment].spiketrains]


def firing(sim, n=3):
    return sim.Population(n, sim.IF_curr_exp(i_offset=1.0 + 0.5 * np.arange(n)), label="firing")


def test_a_signal_has_both_ends_and_carries_its_origin(sim):
    sim.setup(timestep=0.1)
    cells = firing(sim)
    cells.record("v")
    sim.run(12.5)
    v = signal(cells)
    assert v.shape == (126, 3)
    assert float(v.t_start.rescale("ms")) == 0.0 and float(v.sampling_period.rescale("ms")) == 0.1
    assert v.units.dimensionality.string == "mV"
    assert v.annotations["source_population"] == "firing"
    assert np.array_equal(v.annotations["channel_ids"], cells.all_cells)
    assert np.array_equal(v.array_annotations["channel_index"], [0, 1, 2])


def test_units_of_every_recordable_variable(sim):
    sim.setup()
    for kind in (sim.IF_curr_exp, sim.IF_curr_alpha, sim.IF_curr_delta, sim.IF_cond_exp, sim.IF_cond_alpha):
        cells = sim.Population(1, kind())
        cells.record(kind.recordable)
        sim.run(1.0)
        segment = cells.get_data().segments[0]
        expected = {"v": "mV", "isyn_exc": "nA", "isyn_inh": "nA", "gsyn_exc": "uS", "gsyn_inh": "uS"}
        found = {s.name: s.units.dimensionality.string for s in segment.analogsignals}
        assert found == {name: expected[name] for name in kind.recordable if name != "spikes"}
        assert len(segment.spiketrains) == 1
        sim.setup()


def test_sampling_interval_keeps_every_nth_sample(sim):
    sim.setup(timestep=0.1)
    cells, coarse = firing(sim), firing(sim)
    cells.record("v")
    coarse.record("v", sampling_interval=0.5)
    sim.run(10.0)
    v = signal(coarse)
    assert v.shape == (21, 3) and float(v.sampling_period.rescale("ms")) == 0.5
    assert np.array_equal(v.magnitude, signal(cells).magnitude[::5])


@pytest.mark.trap("D39", "U9")
def test_two_variables_with_their_own_intervals(sim):
    """Trap D39: each signal has its own time axis."""
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_cond_exp())
    cells.record("v", sampling_interval=1.0)
    cells.record("gsyn_exc")
    sim.run(5.0)
    assert signal(cells, "v").shape == (6, 2) and signal(cells, "gsyn_exc").shape == (51, 2)
    assert float(signal(cells, "v").sampling_period.rescale("ms")) == 1.0


def test_a_run_that_ends_between_samples(sim):
    sim.setup(timestep=0.1)
    cells = firing(sim)
    cells.record("v", sampling_interval=1.0)
    sim.run(2.5)
    assert signal(cells).shape == (3, 3)
    sim.run(0.5)
    assert signal(cells).shape == (4, 3)


@pytest.mark.parametrize("interval", [0.25, 0.0, -1.0, "often", float("nan")])
def test_an_impossible_sampling_interval_is_refused(sim, interval):
    sim.setup(timestep=0.1)
    with pytest.raises(ValueError):
        firing(sim).record("v", sampling_interval=interval)


def test_recording_a_subset_and_getting_a_subset(sim):
    sim.setup()
    cells = firing(sim, 5)
    cells[1:4].record("v")
    cells[[3, 4]].record("spikes")
    sim.run(30.0)
    v = signal(cells)
    assert np.array_equal(v.array_annotations["channel_index"], [1, 2, 3])
    trains = cells.get_data("spikes").segments[0].spiketrains
    assert [t.annotations["source_index"] for t in trains] == [3, 4]
    assert [t.annotations["channel_id"] for t in trains] == [cells[3], cells[4]]
    part = cells[[0, 2, 3]].get_data()
    assert np.array_equal(part.segments[0].filter(name="v")[0].magnitude, v.magnitude[:, [1, 2]])
    assert [t.annotations["source_index"] for t in part.segments[0].spiketrains] == [3]


def test_asking_for_what_was_not_recorded_gives_no_signal(sim):
    sim.setup()
    cells = firing(sim)
    cells.record("spikes")
    sim.run(1.0)
    assert list(cells.get_data("v").segments[0].analogsignals) == []
    with pytest.raises(RecordingError, match="Recordable: spikes, v"):
        cells.get_data("vv")
    with pytest.raises(RecordingError, match="gsyn_exc"):
        cells.record("gsyn_exc")


def test_record_none_stops_recording(sim):
    sim.setup()
    cells = firing(sim)
    cells.record(["v", "spikes"])
    cells.record(None)
    sim.run(1.0)
    block = cells.get_data()
    assert all(not s.analogsignals and not len(s.spiketrains) for s in block.segments)


@pytest.mark.trap("D35")
def test_get_data_before_run(sim):
    """Trap D35: there is one sample, the initial state."""
    sim.setup()
    cells = firing(sim)
    cells.record(["v", "spikes"])
    segment = cells.get_data().segments[0]
    assert segment.filter(name="v")[0].magnitude.tolist() == [[-65.0, -65.0, -65.0]]
    assert [len(t) for t in segment.spiketrains] == [0, 0, 0]
    assert cells.get_spike_counts() == {int(cell): 0 for cell in cells.all_cells}
    assert cells.mean_spike_count() == 0.0
    sim.run(0.0)
    assert signal(cells).shape == (1, 3)


def test_recording_from_the_middle_of_a_run(sim):
    sim.setup()
    cells, early = firing(sim), firing(sim)
    early.record("v")
    sim.run(10.0)
    cells.record(["v", "spikes"])
    sim.run(10.0)
    v = signal(cells)
    assert v.shape == (101, 3) and float(v.t_start.rescale("ms")) == 10.0
    assert np.array_equal(v.magnitude, signal(early).magnitude[100:])
    assert all(float(t.t_start.rescale("ms")) == 10.0 for t in cells.get_data().segments[0].spiketrains)


@pytest.mark.trap("U8")
def test_clear_starts_anew_at_the_present_time(sim):
    sim.setup()
    cells, whole = firing(sim), firing(sim)
    cells.record(["v", "spikes"])
    whole.record(["v", "spikes"])
    sim.run(20.0)
    first = cells.get_data(clear=True).segments[0]
    sim.run(30.0)
    second = cells.get_data(clear=True).segments[0]
    everything = whole.get_data().segments[0]
    v = [part.filter(name="v")[0] for part in (first, second, everything)]
    assert [float(x.t_start.rescale("ms")) for x in v] == [0.0, 20.0, 0.0]
    assert [len(x) for x in v] == [201, 301, 501]
    assert np.array_equal(np.vstack([v[0].magnitude, v[1].magnitude[1:]]), v[2].magnitude)
    for cell in range(3):
        joined = np.concatenate([first.spiketrains[cell].magnitude, second.spiketrains[cell].magnitude])
        assert np.array_equal(joined, everything.spiketrains[cell].magnitude)
    assert float(second.spiketrains[0].t_start.rescale("ms")) == 20.0
    assert float(second.spiketrains[0].t_stop.rescale("ms")) == 50.0
    assert all(n == 0 for n in cells.get_spike_counts().values())


def test_two_segments_after_reset(sim):
    sim.setup()
    cells = firing(sim)
    cells.record(["v", "spikes"])
    cells.annotate(area="V1")
    sim.run(20.0)
    sim.reset(annotations={"condition": "weak"})
    cells.set(i_offset=5.0)
    sim.run(10.0)
    block = cells.get_data()
    assert [s.name for s in block.segments] == ["segment000", "segment001"]
    assert block.segments[0].annotations["condition"] == "weak" and "condition" not in block.segments[1].annotations
    assert [s.filter(name="v")[0].shape for s in block.segments] == [(201, 3), (101, 3)]
    assert [float(s.spiketrains[0].t_stop.rescale("ms")) for s in block.segments] == [20.0, 10.0]
    assert block.annotations["area"] == "V1"


def test_resets_without_a_run_add_no_segment(sim):
    sim.setup()
    cells = firing(sim)
    cells.record("v")
    sim.run(5.0)
    sim.reset()
    sim.reset()
    sim.run(5.0)
    assert len(cells.get_data().segments) == 2
    cells.get_data(clear=True)
    sim.reset()
    sim.run(5.0)
    assert len(cells.get_data().segments) == 1


def test_the_block_says_what_it_is(sim):
    sim.setup(timestep=0.1)
    cells = firing(sim)
    cells.record("v")
    sim.run(1.0)
    block = cells.get_data(annotations={"why": "test"})
    expected = {
        "size": 3, "first_index": 0, "last_index": 3, "first_id": int(cells.first_id), "last_id": int(cells.last_id),
        "label": "firing", "dt": 0.1, "mpi_processes": 1, "simulator": sim.script.backend.title, "why": "test",
    }  # fmt: skip
    assert {name: block.annotations[name] for name in expected} == expected
    assert block.name == "firing"


@pytest.mark.parametrize("suffix", ["pkl", "nix", "h5", "mat", "nwb"])
@pytest.mark.trap("D27")
def test_written_files_hold_the_data(sim, tmp_path, suffix):
    import neo

    for package in {"nix": ["nixio"], "h5": ["nixio"], "nwb": ["pynwb"], "mat": ["scipy"]}.get(suffix, []):
        pytest.importorskip(package)
    sim.setup()
    cells = firing(sim)
    cells.record(["v", "spikes"])
    sim.run(40.0)
    file = tmp_path / f"data.{suffix}"
    cells.write_data(str(file))
    assert file.stat().st_size > 0
    readers = {
        "pkl": neo.io.PickleIO, "nix": neo.io.NixIO, "h5": neo.io.NixIO, "mat": neo.io.NeoMatlabIO, "nwb": neo.io.NWBIO,
    }  # fmt: skip
    reader = readers[suffix](str(file), "ro") if suffix in ("nix", "h5") else readers[suffix](str(file))
    block = reader.read_all_blocks()[0] if suffix == "nwb" else reader.read_block()
    segment = block.segments[0]
    signals = np.hstack([np.asarray(s.magnitude).reshape(401, -1) for s in segment.analogsignals])
    assert np.allclose(signals, signal(cells).magnitude, rtol=1e-6, atol=0)
    trains = [np.sort(np.asarray(t.rescale("ms").magnitude)) for t in segment.spiketrains]
    # Formats with trains of seconds lose a rounding error, which is far under a time step.
    assert len(trains) == 3
    assert all(np.allclose(a, b, rtol=0, atol=1e-6) for a, b in zip(trains, times(cells), strict=True))
    if hasattr(reader, "close"):
        reader.close()


def test_write_data_with_clear_and_files_at_the_end(sim, tmp_path):
    import neo

    sim.setup()
    cells, others = firing(sim), firing(sim)
    cells.record("v")
    others.record("spikes", to_file=str(tmp_path / "end.pkl"))
    sim.run(5.0)
    cells.write_data(str(tmp_path / "now.pkl"), clear=True, annotations={"trial": 3})
    assert neo.io.PickleIO(str(tmp_path / "now.pkl")).read_block().annotations["trial"] == 3
    assert signal(cells).shape == (1, 3)
    assert not (tmp_path / "end.pkl").exists()
    sim.end()
    assert len(neo.io.PickleIO(str(tmp_path / "end.pkl")).read_block().segments[0].spiketrains) == 3
    assert len(others.get_data().segments[0].spiketrains) == 3


def test_an_assembly_writes_one_file(sim, tmp_path):
    import neo

    sim.setup()
    both = firing(sim) + firing(sim, 2)
    both.record("v", to_file=str(tmp_path / "both.pkl"))
    sim.run(2.0)
    sim.end()
    block = neo.io.PickleIO(str(tmp_path / "both.pkl")).read_block()
    assert block.segments[0].analogsignals[0].shape == (21, 5)


def test_an_assembly_records_from_all_or_none(sim):
    sim.setup()
    a, b = sim.Population(2, sim.IF_cond_exp()), sim.Population(2, sim.IF_curr_exp())
    with pytest.raises(RecordingError, match="gsyn_exc.*IF_curr_exp"):
        (a + b).record(["v", "gsyn_exc"])
    with pytest.raises(OSError):
        (a + b).record("v", to_file="old.txt")
    sim.run(1.0)
    assert not a.get_data().segments[0].analogsignals
    (a + b).record(name for name in ("v", "spikes"))
    assert [len(p.get_data("spikes").segments[0].spiketrains) for p in (a, b)] == [2, 2]


def test_writing_nothing_is_an_error(sim, tmp_path):
    sim.setup()
    cells = firing(sim)
    sim.run(1.0)
    with pytest.raises(NothingToWriteError):
        cells.write_data(str(tmp_path / "nothing.pkl"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError):
        cells.write_data(str(tmp_path / "old.txt"))


@pytest.mark.requires("dynamics")
def test_spike_counts_are_those_of_the_trains(sim):
    sim.setup()
    cells = firing(sim, 4)
    cells[:3].record("spikes")
    sim.run(60.0)
    counts = cells.get_spike_counts()
    assert list(counts) == [int(c) for c in cells.all_cells[:3]]
    assert list(counts.values()) == [len(t) for t in times(cells)] and min(counts.values()) > 0
    assert cells[:3].mean_spike_count() == np.mean(list(counts.values()))
    assert cells[2:].get_spike_counts() == {int(cells[2]): counts[int(cells[2])]}


@pytest.mark.requires("dynamics")
def test_an_analytic_spike_time(sim):
    """IF_curr_exp with 1 nA: tau_m ln(RI/(RI - 15 mV)) = 27.7259 ms, at the end of its step 27.8 ms."""
    sim.setup(timestep=0.1)
    cells = sim.Population(1, sim.IF_curr_exp(i_offset=1.0))
    cells.record(["spikes", "v"])
    sim.run(40.0)
    assert times(cells)[0].tolist() == [27.8]
    v = signal(cells).magnitude[:, 0]
    assert v[278] == -65.0 and v[277] < -50.0


@pytest.mark.trap("D39")
def test_a_population_made_after_a_run(sim):
    """Trap D39."""
    sim.setup()
    firing(sim).record("v")
    sim.run(3.0)
    late = firing(sim)
    late.record(["v", "spikes"])
    sim.run(2.0)
    v = signal(late)
    assert v.shape == (21, 3) and float(v.t_start.rescale("ms")) == 3.0
    assert (v.magnitude[0] == -65.0).all()


@pytest.mark.requires("dynamics")
def test_the_first_sample_is_the_state_that_was_set_after_record(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp())
    sim.run(1.0)
    cells.record("v")
    cells[:1].initialize(v=-70.0)
    assert signal(cells).magnitude.tolist() == [[-70.0, -65.0]]
    sim.run(0.2)
    cells.initialize(v=-60.0)
    found = signal(cells).magnitude
    # A sample that has been simulated stays what it is.
    assert found.shape == (3, 2)
    assert found[0].tolist() == [-70.0, -65.0]
    assert found[2] == pytest.approx([-65.0 - 5.0 * np.exp(-0.2 / 20.0), -65.0], abs=1e-9)


def test_the_sampling_interval_of_some_cells_changes_before_anything_is_recorded(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(4, sim.IF_curr_exp())
    cells.record("v", sampling_interval=0.2)
    cells[[0, 2]].record("v", sampling_interval=0.5)
    cells[:1].record("v", sampling_interval=0.1)
    sim.run(1.0)
    found = cells.get_data("v").segments[0].filter(name="v")
    lengths = {tuple(s.array_annotations["channel_index"].tolist()): len(s) for s in found}
    assert lengths == {(1, 3): 6, (2,): 3, (0,): 11}
