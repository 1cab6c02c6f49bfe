"""Recordings that stream to a file go on in it from a checkpoint, whatever was written there later."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.checkpoint.container import read
from pyNN.errors import CheckpointError
from pyNN.random import RandomDistribution
from pyNN.recording import read_blocks, stream
from pyNN.recording.undo import UndoableFile, notes_of, roll_back

pytestmark = pytest.mark.filterwarnings("ignore::pyNN.errors.RoundingWarning")


def build(folder: Path) -> Any:
    """Cells and sources whose spikes and samples on three grids go to one file."""
    sim.setup(timestep=0.1)
    drive = RandomDistribution("uniform", low=0.5, high=1.5)
    cells = sim.Population(20, sim.IF_cond_exp(i_offset=drive), label="cells")
    noise = sim.Population(5, sim.SpikeSourcePoisson(rate=200.0), label="noise")
    sim.Projection(noise, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.001, delay=1.0))
    file = folder / "run.h5"
    cells.record("spikes", to_file=file)
    cells[3:9].record("v", sampling_interval=0.3, to_file=file)
    cells[0:4].record(["v", "gsyn_exc"], to_file=file)
    noise.record("spikes", to_file=file)
    cells[5:8].record("gsyn_inh")
    return cells


def before(cells: Any) -> None:
    """Two trials, and data that are cleared on the way."""
    sim.run(10.1)
    cells.get_data(clear=True)
    sim.run(12.0)
    sim.reset(annotations={"trial": 1})
    sim.run(15.3)


def after() -> None:
    sim.run(8.2)
    sim.reset(annotations={"trial": 2})
    sim.run(9.0)


def columns(blocks: list[Any]) -> list[Any]:
    found: list[Any] = []
    for segment in [segment for block in blocks for segment in block.segments]:
        found += [segment.name, str(segment.annotations.get("trial"))]
        found += [np.asarray(train.magnitude) for train in segment.spiketrains]
        signals = sorted(segment.analogsignals, key=lambda one: (one.name, float(one.sampling_period)))
        found += [np.asarray(one.magnitude) for one in signals]
    return found


def assert_same(a: list[Any], b: list[Any]) -> None:
    assert len(a) == len(b)
    assert [k for k, (x, y) in enumerate(zip(a, b, strict=True)) if not np.array_equal(x, y)] == []


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], list[Any]]:
    """(what the simulation has, what is in its file)"""
    folder = tmp_path_factory.mktemp("whole")
    cells = build(folder)
    before(cells)
    after()
    data = columns([cells.get_data()])
    sim.end()
    return data, columns(read_blocks(folder / "run.h5"))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with a checkpoint, and a file to which more has been written since."""
    before(build(tmp_path))
    sim.save_state(tmp_path / "state.h5")
    after()
    sim.end()
    sim.setup()
    return tmp_path


def assert_goes_on(folder: Path, uninterrupted: tuple[list[Any], list[Any]]) -> None:
    """From the checkpoint in a folder on, everything is as it is without one."""
    cells = build(folder)
    sim.restore_state(folder / "state.h5")
    after()
    assert_same(columns([cells.get_data()]), uninterrupted[0])
    sim.end()
    assert_same(columns(read_blocks(folder / "run.h5")), uninterrupted[1])


def test_the_file_goes_on_where_the_checkpoint_was_written(
    saved: Path, uninterrupted: tuple[list[Any], list[Any]]
) -> None:
    for _ in range(2):
        # Again, from the same checkpoint.
        assert_goes_on(saved, uninterrupted)
    assert sorted(file.name for file in saved.iterdir()) == ["run.h5", "state.h5"]


def test_the_file_is_found_beside_a_checkpoint_that_has_been_moved(
    saved: Path, uninterrupted: tuple[list[Any], list[Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copy(saved / "state.h5", elsewhere)
    build(elsewhere)
    # What is still where it was is taken from there.
    sim.restore_state(elsewhere / "state.h5")
    sim.end()
    assert not (elsewhere / "run.h5").exists()
    shutil.move(saved / "run.h5", elsewhere)
    assert_goes_on(elsewhere, uninterrupted)
    assert [file.name for file in saved.iterdir()] == ["state.h5"]


def test_a_file_of_that_name_beside_the_checkpoint_may_be_another(saved: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    build(elsewhere)
    sim.run(5.0)
    sim.end()
    other = (elsewhere / "run.h5").read_bytes()
    shutil.move(saved / "state.h5", elsewhere)
    (saved / "run.h5").unlink()
    build(saved)
    with pytest.raises(CheckpointError, match=r"elsewhere.*run\.h5' does not belong to the checkpoint"):
        sim.restore_state(elsewhere / "state.h5")
    sim.end()
    assert (elsewhere / "run.h5").read_bytes() == other


def test_what_was_written_since_is_gone_as_soon_as_the_state_is_restored(saved: Path) -> None:
    build(saved)
    sim.restore_state(saved / "state.h5")
    (cells, _) = read_blocks(saved / "run.h5")
    assert [segment.name for segment in cells.segments] == ["segment000", "segment001"]
    assert max(float(train.t_stop) for train in cells.segments[1].spiketrains) == 15.3
    assert len(cells.segments[1].filter(name="gsyn_exc")[0]) == 154


def test_a_process_can_go_back_and_saved_states_can_follow_each_other(
    tmp_path: Path, uninterrupted: tuple[list[Any], list[Any]]
) -> None:
    cells = build(tmp_path)
    before(cells)
    sim.save_state(tmp_path / "state.h5")
    sim.run(3.0)
    sim.restore_state(tmp_path / "state.h5")
    sim.run(4.0)
    sim.save_state(tmp_path / "state.h5")
    cells = build(tmp_path)
    sim.restore_state(tmp_path / "state.h5")
    sim.run(4.2)
    sim.reset(annotations={"trial": 2})
    sim.run(9.0)
    assert_same(columns([cells.get_data()]), uninterrupted[0])
    sim.end()
    assert_same(columns(read_blocks(tmp_path / "run.h5")), uninterrupted[1])


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import test_checkpoint_streams as test
from pyNN.recording import stream, stream_layout
folder, where = Path(sys.argv[2]), sys.argv[3]
test.before(test.build(folder))
test.sim.save_state(folder / "state.h5")

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def later(function, count):
    calls = []
    def call(*arguments, **options):
        calls.append(1)
        return die() if len(calls) > count else function(*arguments, **options)
    return call

if where == "creating":
    stream._create_part = later(stream._create_part, 2)
elif where == "created":
    stream.UndoableFile.commit = die
elif where == "noting":
    stream.UndoableFile._write = later(stream.UndoableFile._write, 3)
elif where == "appending":
    stream._extend = later(stream._extend, 6)
elif where == "appended":
    stream_layout.h5py().File.close = die
test.after()
test.sim.script.simulation.streams.write()
die()
"""


@pytest.mark.parametrize("where", ["creating", "created", "noting", "appending", "appended", "later"])
def test_a_process_that_is_killed_while_it_writes_can_be_resumed(
    tmp_path: Path, uninterrupted: tuple[list[Any], list[Any]], where: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(Path(__file__).parent), str(tmp_path), where],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr
    cells = build(tmp_path)
    sim.restore_state(tmp_path / "state.h5")
    after()
    assert_same(columns([cells.get_data()]), uninterrupted[0])
    sim.end()
    assert_same(columns(read_blocks(tmp_path / "run.h5")), uninterrupted[1])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["run.h5", "state.h5"]


# --- refusals --------------------------------------------------------------------------------------------------------


def missing(folder: Path) -> None:
    (folder / "run.h5").unlink()


def of_another_simulation(folder: Path) -> None:
    (folder / "other").mkdir()
    before(build(folder / "other"))
    sim.end()
    shutil.copy(folder / "other" / "run.h5", folder / "run.h5")


def shorter(folder: Path) -> None:
    with h5py.File(folder / "run.h5", "r+") as file:
        file["population_000/segment_001/gsyn_exc_000/values"].resize(100, axis=0)


def damaged(folder: Path) -> None:
    (folder / "run.h5").write_bytes(b"nothing")


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (missing, "there is no such file"),
        (of_another_simulation, "does not belong to the checkpoint .*: another simulation has written it"),
        (shorter, r"is shorter than when .* 'population_000/segment_001/gsyn_exc_000' had 154 rows then, and has 100"),
        (damaged, "cannot be read"),
    ],
)
def test_a_file_that_is_not_that_of_the_checkpoint_is_refused_and_nothing_is_changed(
    saved: Path, harm: Any, sentence: str
) -> None:
    harm(saved)
    content = (saved / "run.h5").read_bytes() if (saved / "run.h5").exists() else b""
    build(saved)
    with pytest.raises(CheckpointError, match=sentence):
        sim.restore_state(saved / "state.h5")
    assert sim.get_current_time() == 0.0
    assert content == ((saved / "run.h5").read_bytes() if content else b"")


def test_a_stream_that_cannot_be_written_leaves_the_checkpoint_before(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(saved)
    sim.restore_state(saved / "state.h5")
    content = (saved / "state.h5").read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stream.StreamFile, "_reserve", full)
    monkeypatch.setattr(stream.Streams, "after_run", lambda *_: None)
    monkeypatch.setattr(stream.Streams, "after_advance", lambda *_: None)
    sim.run(1.0)
    with pytest.raises(OSError, match="No space left"):
        sim.save_state(saved / "state.h5")
    monkeypatch.undo()
    assert (saved / "state.h5").read_bytes() == content
    sim.save_state(saved / "state.h5")
    assert read(saved / "state.h5")["clock"]["time_ms"] == 16.3


def test_streamed_data_of_a_time_that_is_skipped_are_refused(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, signal, sys; import pyNN.reference as sim\nsim.setup()\n"
        "p = sim.Population(5, sim.SpikeSourcePoisson(rate=300.0)); p.record('spikes', to_file=sys.argv[2])\n"
        "sim.run(10.0); sim.reset(); sim.run(5.0)\np.get_data()\n"
        "sim.run(5.0, callbacks=[lambda t: os.kill(os.getpid(), signal.SIGTERM) or 1e9])\n"
    )
    state = tmp_path / "state.h5"
    command = [sys.executable, "-m", "pyNN", "run"]
    rest = [str(script), "reference", str(tmp_path / "run.h5")]
    done = subprocess.run([*command, "--checkpoint", str(state), *rest], capture_output=True, text=True, timeout=100)
    assert done.returncode == 143, done.stderr
    done = subprocess.run([*command, "--resume", str(state), *rest], capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    assert re.search(r"The script reads recorded data .* that went to a file .* a time that is skipped", done.stderr)


# --- files that can be changed back ----------------------------------------------------------------------------------


def change(path: Path, seed: int) -> UndoableFile:
    """Overwrite, extend and cut a file at random."""
    draw = np.random.default_rng(seed)
    file = UndoableFile(path)
    for _ in range(30):
        file.seek(int(draw.integers(0, 1500)))
        file.write(draw.bytes(int(draw.integers(0, 300))))
        if draw.random() < 0.2:
            file.truncate(int(draw.integers(0, 1200)))
    return file


@pytest.mark.parametrize("seed", range(20))
def test_a_file_is_what_it_was_unless_its_changes_were_committed(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "file"
    content = np.random.default_rng(seed).bytes(1000)
    path.write_bytes(content)
    file = change(path, seed)
    changed = path.read_bytes()
    assert changed != content
    # The process is killed while it notes what it is about to change.
    with open(notes_of(path), "ab") as notes:
        notes.write(os.urandom(seed))
    assert roll_back(path)
    assert path.read_bytes() == content
    file = change(path, seed)
    file.commit()
    assert not roll_back(path)
    assert path.read_bytes() == changed
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
