"""Files: every format read back through Neo, and failures that must leave no half-written file."""

from __future__ import annotations

import importlib.util
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import neo
import numpy as np
import pytest
import quantities as pq

from pyNN.errors import FileFormatError, InvalidParameterValueError, MissingPackageError, NothingToWriteError
from pyNN.models import Definition, State
from pyNN.parallel import SerialCommunicator
from pyNN.recording import get_io, write_block
from pyNN.recording.blocks import make_block
from pyNN.recording.columns import SegmentData, Trace, Trains
from pyNN.recording.recorder import Recorder

SERIAL = SerialCommunicator()
READERS = {".pkl": "PickleIO", ".pickle": "PickleIO", ".mat": "NeoMatlabIO", ".h5": "NixIO", ".nix": "NixIO"}


def recorded(name: str, stop: int, scale: float = 1.0) -> SegmentData:
    from datetime import datetime

    ids = np.array([40, 41, 43])
    channels = ids - 40
    values = scale * np.arange(3.0 * (stop + 1)).reshape(stop + 1, 3)
    trace = Trace("v", "mV", "P", ids, channels, values, 0, 1)
    trains = Trains("P", ids, channels, np.zeros(3, dtype=int), np.array([0.1, 0.2, 0.4]), np.array([0, 0, 2]))
    return SegmentData(name, datetime(2026, 1, 2), stop, {"trial": 1}, "a population", [trace], [trains])


@pytest.fixture
def block() -> Any:
    annotations = {"size": 4, "first_id": 40, "dt": 0.1, "label": "P"}
    return make_block("P", "a population", annotations, [recorded("segment000", 10), recorded("segment001", 5)], 0.1)


def read(path: Path, extension: str) -> Any:
    if extension == ".nwb":
        return neo.io.NWBIO(str(path), mode="r").read_block()
    reader = getattr(neo.io, READERS[extension])
    return (reader(str(path), "ro") if reader is neo.io.NixIO else reader(str(path))).read_block()


@pytest.mark.parametrize("extension", [".pkl", ".pickle", ".mat", ".h5", ".nix", ".nwb"])
def test_a_block_reads_back_as_it_was_written(tmp_path: Path, block: Any, extension: str) -> None:
    path = tmp_path / f"data{extension}"
    write_block(block, str(path), SERIAL)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    back = read(path, extension)
    assert len(back.segments) == 2
    for mine, original in zip(back.segments, block.segments, strict=True):
        (signal,) = mine.analogsignals
        (written,) = original.analogsignals
        # Units may become SI units, which costs one rounding.
        np.testing.assert_allclose(signal.rescale("mV").magnitude, written.magnitude, rtol=1e-14, atol=1e-14)
        assert float(signal.sampling_period.rescale("ms")) == pytest.approx(0.1, rel=1e-12)
        assert [t.size for t in mine.spiketrains] == [2, 0, 1]
        np.testing.assert_allclose(mine.spiketrains[0].rescale("ms").magnitude, [0.1, 0.2], rtol=1e-14)


def test_writing_again_replaces_the_file(tmp_path: Path, block: Any) -> None:
    path = tmp_path / "data.h5"
    write_block(block, path, SERIAL)
    write_block(block, path, SERIAL)
    with neo.io.NixIO(str(path), "ro") as reader:
        assert len(reader.read_all_blocks()) == 1


def test_a_missing_folder_is_made(tmp_path: Path, block: Any) -> None:
    write_block(block, tmp_path / "results" / "run1" / "data.pkl", SERIAL)
    assert (tmp_path / "results" / "run1" / "data.pkl").is_file()


def test_neo_io_objects_are_written_through(tmp_path: Path, block: Any) -> None:
    pickled = neo.io.PickleIO(str(tmp_path / "a.pkl"))
    write_block(block, pickled, SERIAL)
    assert pickled.filename == str(tmp_path / "a.pkl")
    assert pickled.read_block().name == "P"
    with neo.io.NixIO(str(tmp_path / "b.h5"), "ow") as nix:
        write_block(block, nix, SERIAL)
    with neo.io.NixIO(str(tmp_path / "b.h5"), "ro") as nix:
        assert nix.read_block().name == "P"


@pytest.mark.parametrize("extension", [".txt", ".ras", ".v", ".gsyn"])
def test_text_formats_are_refused_with_advice(extension: str) -> None:
    with pytest.raises(OSError, match=r"ASCII-based formats.*\.pkl.*numpy\.savetxt"):
        get_io(f"data{extension}")


def test_an_unknown_extension_is_refused_with_the_known_ones() -> None:
    with pytest.raises(FileFormatError, match=r"'\.xyz'.*\.nix, \.h5, \.nwb, \.pkl, \.pickle, \.mat"):
        get_io("data.xyz")


@pytest.mark.parametrize(("name", "package"), [("x.h5", "nixio"), ("x.nwb", "pynwb")])
def test_a_missing_package_is_named_with_the_pip_line(monkeypatch: Any, name: str, package: str) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == package else find_spec(n, *a))
    with pytest.raises(MissingPackageError, match=rf"{package}.*pip install 'pynn-core\[formats\]'"):
        get_io(name)


def test_an_empty_block_is_refused(tmp_path: Path) -> None:
    empty = make_block("P", "", {}, [], 0.1)
    with pytest.raises(NothingToWriteError, match="'P' has recorded none.*record"):
        write_block(empty, tmp_path / "x.pkl", SERIAL)
    assert list(tmp_path.iterdir()) == []


def test_ranks_write_files_of_their_own(tmp_path: Path, block: Any) -> None:
    for rank in range(2):
        write_block(block, tmp_path / "each.pkl", SerialCommunicator(rank, 2), gather=False)
        write_block(block, tmp_path / "all.pkl", SerialCommunicator(rank, 2), gather=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["all.pkl", "each.pkl.0", "each.pkl.1"]


@pytest.mark.parametrize("old_content", [None, b"older data"])
def test_an_io_that_fails_midway_leaves_the_old_state(
    tmp_path: Path, block: Any, monkeypatch: Any, old_content: bytes | None
) -> None:
    path = tmp_path / "data.pkl"
    if old_content is not None:
        path.write_bytes(old_content)

    def write_half(self: Any, block: Any) -> None:
        Path(self.filename).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(neo.io.PickleIO, "write_block", write_half)
    for target in (str(path), neo.io.PickleIO(str(path))):
        with pytest.raises(OSError, match="No space left"):
            write_block(block, target, SERIAL)
        assert [p.read_bytes() for p in tmp_path.iterdir()] == ([] if old_content is None else [old_content])


_UNDER_A_SIZE_LIMIT = """
import resource, sys
import numpy as np
from datetime import datetime
from pyNN.parallel import SerialCommunicator
from pyNN.recording import write_block
from pyNN.recording.blocks import make_block
from pyNN.recording.columns import SegmentData, Trace
cells = np.arange(50)
trace = Trace("v", "mV", "P", cells, cells, np.random.default_rng(1).normal(size=(4000, 50)), 0, 1)
block = make_block("P", "", {}, [SegmentData("segment000", datetime.now(), 3999, traces=[trace])], 0.1)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    write_block(block, sys.argv[1], SerialCommunicator())
except Exception as error:
    print("refused:", type(error).__name__, flush=True)
"""


@pytest.mark.parametrize("extension", [".pkl", ".mat", ".h5", ".nwb"])
def test_a_disk_that_fills_up_leaves_nothing_under_the_final_name(tmp_path: Path, extension: str) -> None:
    """The operating system itself refuses to let the file grow past 200 kB; the data are 1.6 MB."""
    assert hasattr(resource, "RLIMIT_FSIZE")
    path = tmp_path / f"data{extension}"
    path.write_bytes(b"older data")
    run = subprocess.run(
        [sys.executable, "-c", _UNDER_A_SIZE_LIMIT, str(path)], capture_output=True, text=True, timeout=100, check=False
    )
    assert "refused:" in run.stdout, run.stderr
    assert path.read_bytes() == b"older data"


class _Simulation:
    dt = 0.1
    current_step = 0
    title = "Formula"
    comm = SERIAL
    segment_index = 0

    def start_recording(self, population_id: int, variable: str, cells: Any, every_steps: int) -> Any:
        from pyNN.specs import RecordingSpec

        return RecordingSpec(0, population_id, variable, cells, every_steps, 0)

    def collect(self, spec: Any) -> Any:
        return np.zeros((self.current_step - spec.start_step + 1, len(spec.cells)))

    def clear_recording(self, spec: Any) -> None:
        spec.start_step = self.current_step

    def stop_recording(self, spec: Any) -> None:
        return None


class _Cells:
    id = 0
    label = "P"
    size = 3
    first_id = 0
    definition = Definition("IF_curr_exp", {}, {"v": State(0.0, "mV"), "isyn_exc": State(0.0, "nA")})

    def __init__(self) -> None:
        self.annotations: dict[str, Any] = {}

    def describe(self) -> str:
        return ""


def test_files_asked_for_with_record_are_written_at_the_end(tmp_path: Path) -> None:
    simulation = _Simulation()
    recorder = Recorder(simulation, _Cells())
    recorder.record("v", [0, 1], to_file=str(tmp_path / "a.pkl"))
    recorder.record("isyn_exc", [2], to_file=str(tmp_path / "a.pkl"))
    recorder.record("v", to_file=neo.io.PickleIO(str(tmp_path / "b.pkl")))
    simulation.current_step = 20
    recorder.write_pending_files()
    recorder.write_pending_files()
    both = read(tmp_path / "a.pkl", ".pkl").segments[0].analogsignals
    assert [(s.name, s.units, s.shape) for s in both] == [("isyn_exc", pq.nA, (21, 1)), ("v", pq.mV, (21, 3))]
    assert read(tmp_path / "b.pkl", ".pkl").segments[0].analogsignals[0].shape == (21, 3)


def test_a_file_that_cannot_be_written_is_refused_by_record_already() -> None:
    recorder = Recorder(_Simulation(), _Cells())
    with pytest.raises(FileFormatError, match="ASCII"):
        recorder.record("v", to_file="x.txt")
    with pytest.raises(InvalidParameterValueError, match="3 is neither a file name nor a Neo IO object"):
        recorder.record("v", to_file=3)
    assert recorder.recorded == {}


def test_one_file_that_fails_does_not_cost_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").mkdir()
    recorder = Recorder(_Simulation(), _Cells())
    recorder.record("v", to_file=tmp_path / "a.pkl")
    recorder.record("v", to_file=tmp_path / "b.pkl")
    with pytest.raises(FileFormatError, match="is a folder"):
        recorder.write_pending_files()
    assert (tmp_path / "b.pkl").is_file()


def test_data_are_kept_when_writing_fails(tmp_path: Path) -> None:
    simulation = _Simulation()
    recorder = Recorder(simulation, _Cells())
    recorder.record("v")
    simulation.current_step = 10
    (tmp_path / "a.pkl").mkdir()
    with pytest.raises(FileFormatError):
        recorder.write(tmp_path / "a.pkl", clear=True)
    assert recorder.get().segments[0].analogsignals[0].shape == (11, 3)
    recorder.write(tmp_path / "b.pkl", clear=True, annotations={"kept": True})
    assert read(tmp_path / "b.pkl", ".pkl").annotations["kept"] is True
    assert recorder.get().segments[0].analogsignals[0].shape == (1, 3)
