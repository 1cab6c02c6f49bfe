"""The functions that scripts import from pyNN.recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import neo
import numpy as np
import quantities as pq

import pyNN.recording as recording
from pyNN.recording.columns import time_of


def segment() -> Any:
    made = neo.Segment(name="segment000", trial=3)
    for name in ("v", "gsyn_exc"):
        made.analogsignals.append(neo.AnalogSignal(np.zeros((3, 2)), units="mV", sampling_period=1 * pq.ms, name=name))
    for channel, spikes in ((1, [1.0]), (0, [1.0, 2.0]), (1, [1.0, 3.0])):
        made.spiketrains.append(
            neo.SpikeTrain(spikes, t_stop=5.0, units="ms", channel_id=channel, source_index=channel)
        )
    return made


def test_filter_by_variables_keeps_what_is_asked_for() -> None:
    filtered = recording.filter_by_variables(segment(), ["v"])
    assert [s.name for s in filtered.analogsignals] == ["v"]
    assert len(filtered.spiketrains) == 0
    assert (filtered.name, filtered.annotations) == ("segment000", {"trial": 3})
    assert len(recording.filter_by_variables(segment(), "spikes").spiketrains) == 3
    assert len(recording.filter_by_variables(segment(), "all").analogsignals) == 2


def test_duplicate_trains_leave_the_fuller_one() -> None:
    block = neo.Block()
    block.segments.append(segment())
    trains = recording.remove_duplicate_spiketrains(block).segments[0].spiketrains
    assert [train.magnitude.tolist() for train in trains] == [[1.0, 2.0], [1.0, 3.0]]


def test_gathering_in_one_process_gives_the_data_back() -> None:
    assert recording.gather_array([1, 2]).tolist() == [1, 2]
    assert recording.gather_dict({1: 2}) == {1: 2}
    assert recording.mpi_sum(3) == 3
    assert recording.get_mpi_comm().size == 1
    block = neo.Block()
    block.segments.append(segment())
    trains = recording.gather_blocks(block).segments[0].spiketrains
    assert [train.annotations["source_index"] for train in trains] == [0, 1, 1]


def test_cache_and_variable() -> None:
    cache = recording.DataCache()
    cache.store("a")
    cache.store("b")
    assert list(cache) == ["a", "b"]
    cache.clear()
    assert len(cache) == 0
    assert recording.Variable(name="v", location=None, label=None) == ("v", None, None)
    assert recording.MPI_ROOT == 0


def test_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    recording.rename_existing(tmp_path / "a")
    recording.rename_existing(tmp_path / "missing")
    assert (tmp_path / "a_old").read_text() == "old"
    recording.safe_makedirs(tmp_path / "x" / "y")
    recording.safe_makedirs(tmp_path / "x" / "y")
    recording.safe_makedirs("")
    assert (tmp_path / "x" / "y").is_dir()


def test_times_are_the_doubles_nearest_to_the_decimals() -> None:
    steps = np.arange(100_000)
    assert time_of(steps, 0.1).tolist() == [float(f"{s // 10}.{s % 10}") for s in steps.tolist()]
    assert time_of(3, 0.1) == 0.3
    assert time_of(500, 0.1) == 50.0
    assert time_of(7, 0.025) == 0.175
    assert time_of(2, 1 / 3) == 2 * (1 / 3)
    irrational = 0.1234567890123
    assert time_of(np.array([3]), irrational).tolist() == [3 * irrational]
