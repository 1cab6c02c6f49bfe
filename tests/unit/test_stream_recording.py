"""Recorded columns that go to an HDF5 file during the run: the same data as in memory, and never lost."""

from __future__ import annotations

import errno
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import neo
import numpy as np
import pytest
import quantities as pq

from pyNN.errors import FileFormatError, InvalidParameterValueError, RecordingFileError
from pyNN.random import RandomDistribution
from pyNN.recording import read_block, read_blocks, stream

BACKENDS = [
    pytest.param("reference", {"engine": "numba"}, id="numba"),
    pytest.param("reference", {"engine": "numpy"}, id="numpy"),
    pytest.param("nest", {}, id="nest"),
    pytest.param("mock", {}, id="mock"),
]


def backend(name: str) -> Any:
    if name == "nest":
        pytest.importorskip("nest")
    return importlib.import_module(f"pyNN.{name}")


@pytest.fixture
def sim() -> Any:
    return backend("reference")


def network(sim: Any, to_file: Any, **options: Any) -> tuple[Any, Any]:
    """Cells that fire on their own and by noise, recorded with three sampling grids, in two runs."""
    sim.setup(timestep=0.1, **options)
    current = RandomDistribution("uniform", low=0.5, high=1.5)
    cells = sim.Population(20, sim.IF_cond_exp(i_offset=current), label="cells")
    noise = sim.Population(5, sim.SpikeSourcePoisson(rate=200.0), label="noise")
    sim.Projection(noise, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.001, delay=1.0))
    cells.record("spikes", to_file=to_file)
    cells[3:9].record("v", sampling_interval=0.3, to_file=to_file)
    cells[0:4].record(["v", "gsyn_exc"], to_file=to_file)
    noise.record("spikes", to_file=to_file)
    cells.annotate(area="V1", depth=[1, 2.5])
    for duration in (0.1, 33.3, 0.2, 26.4):
        sim.run(duration)
    sim.reset(annotations={"trial": 2})
    sim.run(40.0)
    return cells, noise


def assert_equal_blocks(one: Any, other: Any) -> None:
    assert one.name == other.name
    assert len(one.segments) == len(other.segments)
    for first, second in zip(one.segments, other.segments, strict=True):
        assert (first.name, first.annotations) == (second.name, second.annotations)
        signals = sorted(first.analogsignals, key=_key), sorted(second.analogsignals, key=_key)
        for a, b in zip(*signals, strict=True):
            np.testing.assert_array_equal(a.magnitude, b.magnitude)
            assert (a.units, a.t_start, a.sampling_period) == (b.units, b.t_start, b.sampling_period)
            np.testing.assert_array_equal(a.array_annotations["channel_index"], b.array_annotations["channel_index"])
            np.testing.assert_array_equal(a.annotations["channel_ids"], b.annotations["channel_ids"])
        for a, b in zip(first.spiketrains, second.spiketrains, strict=True):
            np.testing.assert_array_equal(a.magnitude, b.magnitude)
            assert (a.t_start, a.t_stop, a.annotations) == (b.t_start, b.t_stop, b.annotations)


def _key(signal: Any) -> tuple[str, float]:
    return signal.name, float(signal.sampling_period)


def loaded(block: Any) -> neo.Block:
    """A lazy block with everything read, signals of one variable put together as get_data() does."""
    result = neo.Block(name=block.name)
    for segment in block.segments:
        copy = neo.Segment(name=segment.name)
        copy.annotate(**segment.annotations)
        copy.analogsignals.extend([signal.load() for signal in segment.analogsignals])
        copy.spiketrains.extend([train.load() for train in segment.spiketrains])
        result.segments.append(copy)
    return result


@pytest.mark.parametrize(("name", "options"), BACKENDS)
def test_the_data_are_those_of_a_run_in_memory(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    # Exactly: the file holds float64 and whole steps. NEST's clock is not a power of two, but both runs have the same.
    sim = backend(name)
    in_memory = [population.get_data() for population in network(sim, None, **options)]
    path = tmp_path / "run.h5"
    populations = network(sim, path, **options)
    streamed = [population.get_data() for population in populations]
    counts = populations[0].get_spike_counts()
    sim.end()
    assert sum(len(train) for train in in_memory[1].segments[0].spiketrains) > 0
    for i, label in enumerate(("cells", "noise")):
        assert_equal_blocks(streamed[i], in_memory[i])
        assert_equal_blocks(read_block(path, label), in_memory[i])
        assert_equal_blocks(loaded(read_block(path, label, lazy=True)), in_memory[i])
    read = read_block(path, "cells")
    assert read.annotations == in_memory[0].annotations
    assert read.description == in_memory[0].description
    assert list(counts.values()) == [len(train) for train in in_memory[0].segments[1].spiketrains]
    assert [block.name for block in read_blocks(path)] == ["cells", "noise"]


@pytest.mark.parametrize(("name", "options"), BACKENDS)
def test_parts_of_the_data_can_be_asked_for(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    sim, path = backend(name), tmp_path / "run.hdf5"
    cells, _ = network(sim, path, **options)
    everything = cells.get_data("v").segments[1].filter(name="v")
    sim.end()
    block = read_block(path, "cells", variables="v", cells=[1, 3, 8])
    assert [len(s.spiketrains) for s in block.segments] == [0, 0]
    coarse, fine = sorted(block.segments[1].analogsignals, key=lambda s: -float(s.sampling_period))
    assert fine.array_annotations["channel_index"].tolist() == [1]
    assert coarse.array_annotations["channel_index"].tolist() == [3, 8]
    whole = max(everything, key=lambda s: float(s.sampling_period))
    np.testing.assert_array_equal(coarse.magnitude[:, 1], whole.magnitude[:, -1])
    lazy = read_block(path, "cells", variables=["v", "spikes"], cells=[1, 2], lazy=True).segments[0]
    (signal,) = (s for s in lazy.analogsignals if float(s.sampling_period) == 0.1)
    piece = signal.load(time_slice=(10.0 * pq.ms, 20.0 * pq.ms), channel_indexes=[1])
    assert piece.shape == (100, 1)
    assert float(piece.t_start) == 10.0
    np.testing.assert_array_equal(piece.magnitude, signal.load().magnitude[100:200, 1:])
    train = lazy.spiketrains[0]
    inside = train.load(time_slice=(5.0, 30.0))
    whole_train = train.load().magnitude
    np.testing.assert_array_equal(inside.magnitude, whole_train[(whole_train >= 5.0) & (whole_train <= 30.0)])
    with pytest.raises(ValueError, match="outside"):
        signal.load(time_slice=(0.0, 1e6))


@pytest.mark.parametrize(("name", "options"), BACKENDS)
def test_what_get_data_clears_stays_in_the_file(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    def run(to_file: Any) -> list[Any]:
        sim = backend(name)
        sim.setup(timestep=0.1, **options)
        cells = sim.Population(3, sim.IF_curr_exp(i_offset=1.5), label="cells")
        cells.record(["spikes", "v"], to_file=to_file)
        cells[:1].record("isyn_exc", to_file=to_file, sampling_interval=0.4)
        blocks = []
        for duration in (50.0, 30.1, 0.3, 20.0):
            sim.run(duration)
            blocks.append(cells.get_data(clear=True))
        sim.end()
        return blocks

    path = tmp_path / "run.h5"
    in_memory, streamed = run(None), run(path)
    for one, other in zip(streamed, in_memory, strict=True):
        assert_equal_blocks(one, other)
    (segment,) = read_block(path).segments
    (v,) = segment.filter(name="v")
    assert v.shape == (1005, 3)
    pieces = [block.segments[0].filter(name="v")[0].magnitude for block in in_memory]
    # Each piece begins with the sample with which the one before ended.
    np.testing.assert_array_equal(v.magnitude, np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])]))
    trains = [block.segments[0].spiketrains[0].magnitude for block in in_memory]
    np.testing.assert_array_equal(segment.spiketrains[0].magnitude, np.concatenate(trains))
    # A recording that began anew off its grid goes on with another one.
    starts = sorted({float(s.t_start) for s in segment.filter(name="isyn_exc")})
    assert starts[:2] == [0.0, 80.1]


def test_a_file_can_be_read_by_another_process_during_the_run(sim: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    reader = (
        "import json, sys; from pyNN.recording import read_block; block = read_block(sys.argv[1], lazy=True);"
        "s = block.segments[0]; v = s.analogsignals[0];"
        "print(json.dumps([v.shape[0], float(v.load().magnitude[-1, 0]), float(s.spiketrains[0].t_stop)]))"
    )
    found: list[Any] = []

    def look(t: float) -> float:
        if t > 0:
            sim.script.simulation.streams.write()
            done = subprocess.run([sys.executable, "-c", reader, str(path)], capture_output=True, text=True, check=True)
            found.append([t, *json.loads(done.stdout)])
        return t + 100.0

    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp(i_offset=1.5))
    cells.record(["v", "spikes"], to_file=path)
    sim.run(300.0, callbacks=[look])
    v = cells.get_data("v").segments[0].analogsignals[0].magnitude
    assert [row[0] for row in found] == [100.0, 200.0, 300.0]
    for t, samples, last, until in found:
        assert samples == 10 * t + 1
        assert until == t
        assert last == v[int(samples) - 1, 0]


def test_a_reader_that_polls_sees_a_growing_file_that_is_never_broken(tmp_path: Path) -> None:
    """A process simulates and writes as often as it can; this one reads all the while."""
    path = tmp_path / "run.h5"
    script = (
        "import sys, pyNN.reference as sim; from pyNN.recording import stream; stream.WRITE_SECONDS = 0.0\n"
        "sim.setup(timestep=0.1)\n"
        "cells = sim.Population(50, sim.IF_curr_exp(i_offset=1.5))\n"
        "cells.record(['v', 'spikes'], to_file=sys.argv[1])\n"
        "for k in range(150): sim.run(20.0)\n"
        "sim.reset(); sim.run(20.0); sim.end()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(path)])
    lengths = []
    while process.poll() is None:
        if path.exists():
            try:
                (block,) = read_blocks(path) or [None]
            except FileFormatError as error:
                # Only before the first write has there been nothing that could be read.
                assert not lengths, error
                continue
            if block is not None and block.segments and block.segments[0].analogsignals:
                segment = block.segments[0]
                v = segment.analogsignals[0]
                lengths.append(len(v))
                assert np.all(v.magnitude < -49.9)
                assert float(segment.spiketrains[0].t_stop) == pytest.approx(0.1 * max(len(v) - 1, 0))
                assert np.all(v.magnitude != 0.0)
    assert process.returncode == 0
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 3
    assert [len(s.analogsignals[0]) for s in read_block(path).segments] == [30001, 201]


def test_a_process_that_is_killed_leaves_what_it_has_written(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    script = (
        "import os, signal, sys, pyNN.reference as sim\n"
        "sim.setup(timestep=0.1); cells = sim.Population(3, sim.IF_curr_exp(i_offset=1.5))\n"
        "cells.record(['v', 'spikes'], to_file=sys.argv[1]); sim.run(100.0)\n"
        "sim.script.simulation.streams.write(); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)])
    assert done.returncode == -9
    assert read_block(path).segments[0].analogsignals[0].shape == (1001, 3)
    with h5py.File(path) as plain:
        assert plain["population_000/segment_000/v_000/values"].shape == (1001, 3)


def test_a_script_without_end_has_everything_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    script = (
        "import sys, pyNN.reference as sim\n"
        "sim.setup(timestep=0.1); cells = sim.Population(3, sim.IF_curr_exp(i_offset=1.5))\n"
        "cells.record('v', to_file=sys.argv[1])\n"
        "for k in range(100): sim.run(0.1)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    assert read_block(path).segments[0].analogsignals[0].shape == (101, 3)


_FULL = """
import resource, signal, sys
import pyNN.reference as sim
from pyNN.errors import RecordingFileError
from pyNN.recording import read_block
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sim.setup(timestep=0.1)
cells = sim.Population(100, sim.IF_curr_exp(i_offset=1.5), label="cells")
cells.record(["v", "spikes"], to_file=sys.argv[1])
sim.run(100.0)
sim.script.simulation.streams.write()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, hard))
try:
    for k in range(100):
        sim.run(100.0)
        sim.script.simulation.streams.write()
except RecordingFileError as error:
    print(error)
stopped = sim.get_current_time()
print(stopped, read_block(sys.argv[1]).segments[0].analogsignals[0].shape[0])
assert cells.get_data("v").segments[0].analogsignals[0].shape[0] == 10 * stopped + 1
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
sim.run(100.0)
sim.end()
print(read_block(sys.argv[1]).segments[0].analogsignals[0].shape[0])
"""


def test_a_file_that_cannot_grow_stays_readable_and_the_run_can_go_on(tmp_path: Path) -> None:
    """The operating system refuses to make the file larger than 3 MB, as it would on a full disk."""
    path = tmp_path / "run.h5"
    done = subprocess.run([sys.executable, "-c", _FULL, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    message, state, after = done.stdout.strip().splitlines()
    stopped, rows = state.split()
    assert str(path) in message
    assert f"at t = {float(stopped):g} ms" in message
    assert f"everything up to t = {(int(rows) - 1) / 10:g} ms" in message
    assert "File too large" in message
    assert 1001 <= int(rows) < 10 * float(stopped) + 1
    assert int(after) == 10 * (float(stopped) + 100.0) + 1


def test_a_full_disk_is_noticed_before_the_file_is_touched(
    sim: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.h5"
    sim.setup(timestep=0.1)
    cells = sim.Population(3, sim.IF_curr_exp(i_offset=1.5))
    cells.record("v", to_file=path)
    sim.run(10.0)
    sim.script.simulation.streams.write()
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(stream.os, "posix_fallocate", full, raising=False)
        with pytest.raises(RecordingFileError, match=r"run\.h5' at t = 20 ms: No space left .* up to t = 10 ms"):
            sim.run(10.0)
            sim.script.simulation.streams.write()
    assert path.read_bytes() == before
    assert cells.get_data().segments[0].analogsignals[0].shape == (201, 3)
    sim.end()
    assert read_block(path).segments[0].analogsignals[0].shape == (201, 3)


_MEMORY = """
import re, sys
import pyNN.reference as sim

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])

sim.setup(timestep=0.1)
cells = sim.Population(1000, sim.IF_curr_exp(i_offset=1.5))
cells.record(["v", "spikes"], to_file=sys.argv[1] or None)
sim.run(1000.0)
before = peak()
sim.run(float(sys.argv[2]))
print((peak() - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/status is Linux's")
def test_memory_does_not_grow_with_the_number_of_samples(tmp_path: Path) -> None:
    # 10 and 30 million samples are 76 and 229 MB. Until buffers have their full size of 16 MB memory grows a little.
    grown = {}
    for file, duration in ((str(tmp_path / "run.h5"), 1000), (str(tmp_path / "run.h5"), 3000), ("", 1000)):
        command = [sys.executable, "-c", _MEMORY, file, str(duration)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        grown[bool(file), duration] = float(done.stdout)
    assert grown[False, 1000] > 70.0
    assert grown[True, 1000] < 48.0
    assert grown[True, 3000] - grown[True, 1000] < 12.0


def test_a_recording_in_memory_can_go_to_a_file_later(sim: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    sim.setup(timestep=0.1)
    cells = sim.Population(4, sim.IF_curr_exp(i_offset=1.5))
    cells.record("v")
    cells[:2].record("v", to_file=path)
    sim.run(10.0)
    with pytest.raises(InvalidParameterValueError, match=r"in memory since t = 0 ms, from 2 cells; 1 of them"):
        cells[1:3].record("v", to_file=path)
    cells[2:].record("v", to_file=path)
    sim.run(10.0)
    with pytest.raises(InvalidParameterValueError, match=r"into '.*run.h5' since t = 0 ms, and goes into one file"):
        cells.record("v", to_file=tmp_path / "other.h5")
    sim.end()
    expected = cells.get_data("v").segments[0].analogsignals[0]
    assert expected.shape == (201, 4)
    np.testing.assert_array_equal(read_block(path).segments[0].analogsignals[0].magnitude, expected.magnitude)


def test_the_state_that_a_script_sets_before_the_run_is_the_first_sample(sim: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp())
    cells.record("v", to_file=path)
    cells.initialize(v=-70.0)
    assert cells.get_data().segments[0].analogsignals[0].magnitude.tolist() == [[-70.0, -70.0]]
    sim.run(1.0)
    sim.end()
    assert read_block(path).segments[0].analogsignals[0].magnitude[0].tolist() == [-70.0, -70.0]


def test_an_assembly_goes_into_one_file(sim: Any, tmp_path: Path) -> None:
    path = tmp_path / "both.h5"
    sim.setup(timestep=0.1)
    a = sim.Population(2, sim.IF_curr_exp(i_offset=1.5), label="a")
    b = sim.Population(3, sim.IF_cond_exp(i_offset=1.5), label="b")
    (a + b).record(["spikes", "v"], to_file=path)
    sim.run(50.0)
    sim.end()
    assert [(block.name, block.segments[0].analogsignals[0].shape) for block in read_blocks(path)] == [
        ("a", (501, 2)), ("b", (501, 3)),
    ]  # fmt: skip
    assert (a + b).get_data("v").segments[0].analogsignals[0].shape == (501, 5)


def test_a_later_simulation_replaces_the_file_of_an_earlier_one(sim: Any, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "run.h5"
    for size in (2, 3):
        sim.setup(timestep=0.1)
        cells = sim.Population(size, sim.IF_curr_exp())
        cells.record("v", to_file=path)
        sim.run(5.0)
        sim.end()
    assert read_block(path).segments[0].analogsignals[0].shape == (51, 3)


def test_recording_that_stops_leaves_its_data_in_the_file(sim: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.h5"
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp())
    cells.record("v", to_file=path)
    sim.run(5.0)
    cells.record(None)
    sim.run(5.0)
    cells.record("v", to_file=path)
    sim.run(5.0)
    sim.end()
    (signal,) = read_block(path).segments[0].analogsignals
    assert signal.shape == (151, 2)
    assert np.isnan(signal.magnitude[:, 0]).nonzero()[0].tolist() == list(range(51, 100))
    assert float(cells.get_data().segments[0].analogsignals[0].t_start) == 10.0


def test_wrong_files_are_refused_with_a_reason(sim: Any, tmp_path: Path) -> None:
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp(), label="cells")
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(FileFormatError, match="is a folder"):
        cells.record("v", to_file=tmp_path / "folder.h5")
    cells.record("v", to_file=tmp_path / "run.h5")
    sim.run(1.0)
    sim.end()
    with pytest.raises(InvalidParameterValueError, match=r"no population 'cell'. Did you mean 'cells'\? It holds: 'ce"):
        read_block(tmp_path / "run.h5", "cell")
    with pytest.raises(InvalidParameterValueError, match=r"'spikes' of 'cells' is not in the file. It holds: v"):
        read_block(tmp_path / "run.h5", variables="spikes")
    with pytest.raises(FileNotFoundError, match="no file"):
        read_block(tmp_path / "nothing.h5")
    cells.write_data(tmp_path / "nix.h5")
    with pytest.raises(FileFormatError, match="NIX"):
        read_block(tmp_path / "nix.h5")
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(FileFormatError, match="not an HDF5 file"):
        read_block(tmp_path / "text.h5")


def test_files_of_several_processes_are_read_as_one(tmp_path: Path) -> None:
    """The mock plays two ranks one after the other; each has some of the cells."""
    sim = backend("mock")
    path = tmp_path / "run.h5"
    for rank in (0, 1):
        sim.setup(timestep=0.1, num_processes=2, rank=rank)
        cells = sim.Population(100, sim.IF_curr_exp(), label="cells")
        cells[60:70].record("v", to_file=path)
        assert cells[60:70].local_size == (4, 6)[rank]
        sim.run(5.0)
        sim.end()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.h5.0", "run.h5.1"]
    (signal,) = read_block(path).segments[0].analogsignals
    assert signal.shape == (51, 10)
    assert signal.array_annotations["channel_index"].tolist() == list(range(60, 70))


def test_short_runs_in_a_loop_do_not_spend_their_time_on_the_file(
    sim: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = []
    write = stream.StreamFile.write
    monkeypatch.setattr(stream.StreamFile, "write", lambda *given: writes.append(1) or write(*given))
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp())
    cells.record("v", to_file=tmp_path / "run.h5")
    sim.run(1.0)
    for _ in range(500):
        sim.run(0.1)
    number = len(writes)
    sim.end()
    # One write in 20 times its duration, which is longer than a run of one step; and the first, which creates the file.
    assert 0 < number < 100
    assert read_block(tmp_path / "run.h5").segments[0].analogsignals[0].shape == (511, 2)
