"""A disk that is full: an error that says so, earlier files as they were, recorded data still there.

The limit on a file's size stands in for the disk: a write beyond it fails in the operating system, as on a full disk.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import resource, signal, sys
from pathlib import Path
import numpy as np
import pyNN.reference as sim
from pyNN.recording.files import StandardTextFile, NumpyBinaryFile, HDF5ArrayFile

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file, how = Path(sys.argv[1]), sys.argv[2]
sim.setup(timestep=0.1)
cells = sim.Population(20, sim.IF_curr_exp(i_offset=1.0), label="cells")
cells.record(["spikes", "v"])
sim.run(10.0)
cells.write_data(str(file)) if how != "array" else None
if how == "array":
    NumpyBinaryFile(str(file), "w").write(np.arange(5.0), {"n": 5})
before = file.read_bytes()
sim.run(1000.0)
if how == "end":
    cells.record("v", to_file=str(file))
resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, resource.RLIM_INFINITY))
try:
    if how == "write":
        cells.write_data(str(file))
    elif how == "end":
        sim.end()
    else:
        NumpyBinaryFile(str(file), "w").write(np.arange(5e5), {"n": 5})
except BaseException as error:
    said = f"{type(error).__name__}: {error}"
    kinds = [kind.__name__ for kind in type(error).__mro__]
else:
    said, kinds = "nothing", []
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert file.read_bytes() == before, "the earlier file is damaged"
assert sorted(path.name for path in file.parent.iterdir()) == [file.name], sorted(file.parent.iterdir())
shape = cells.get_data().segments[0].analogsignals[0].shape
assert shape[0] == 10101, shape
if how == "write":
    cells.write_data(str(file))
    assert len(file.read_bytes()) > len(before)
print(said, kinds)
"""


@pytest.mark.parametrize("name", ["data.pkl", "data.nix", "data.mat", "data.nwb"])
@pytest.mark.parametrize("how", ["write", "end"])
def test_a_full_disk_while_data_are_written(tmp_path: Path, name: str, how: str) -> None:
    """The file that was there stays, no other is left, and the data can be written again."""
    _run(tmp_path, name, how)


def test_a_full_disk_while_an_array_is_written(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    _run(tmp_path, "array.npz", "array")


def _run(folder: Path, name: str, how: str) -> None:
    package = {".nix": "nixio", ".nwb": "pynwb"}.get(Path(name).suffix)
    if package is not None:
        pytest.importorskip(package)
    (folder / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(folder / "out" / name), how], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.strip().splitlines()[-1]
    assert not said.startswith("nothing"), said
    assert "OSError" in said, said
