"""Checkpoints of several MPI ranks: one file, from which any number of ranks goes on, whatever happens to one of them.

All comparisons are exact: a simulation that goes on has every bit of one that was never stopped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyNN.checkpoint.container import read
from pyNN.recording import read_blocks

FACTOR = int(os.environ.get("PYNN_EXAMPLES", "1"))
"""How many times as many examples as usual."""
SCRIPT = Path(__file__).parent / "scripts" / "checkpoints.py"
NETWORK = Path(__file__).parent / "scripts" / "network.py"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def pynn(mpirun_command: list[str]) -> Run:
    """pynn(ranks, options, OUT, plan, arguments ...): `pynn run` on ranks; 0 ranks: without mpirun."""

    def run(ranks: int, options: list[Any], *arguments: Any, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command(mpirun_command, ranks, options, *arguments), capture_output=True, text=True, errors="replace",
            timeout=100,
        )  # fmt: skip
        assert done.returncode == code, done.stdout[-2000:] + done.stderr[-4000:]
        return done

    return run


def command(mpirun_command: list[str], ranks: int, options: list[Any], *arguments: Any) -> list[str]:
    launcher = [*mpirun_command, "-n", str(ranks)] if ranks else []
    own = [sys.executable, "-m", "pyNN", "run", *options, SCRIPT, "reference", *arguments]
    return [*launcher, *map(str, own)]


def results(out: Path) -> list[Any]:
    with np.load(out.with_suffix(".npz")) as stored:
        return [stored[name] for name in stored.files]


def assert_same(a: list[Any], b: list[Any]) -> None:
    assert len(a) == len(b)
    assert [k for k, (x, y) in enumerate(zip(a, b, strict=True)) if not np.array_equal(x, y)] == []


def streamed(folder: Path) -> list[Any]:
    """All that is in the files of the ranks."""
    found = []
    for block in read_blocks(folder / "stream.h5"):
        for segment in block.segments:
            found += [np.asarray(train.magnitude) for train in segment.spiketrains]
            found += [np.asarray(one.magnitude) for one in segment.analogsignals]
    return found


def digests(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))


# --- another number of ranks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["numba", "numpy"])
def test_a_state_is_restored_on_another_number_of_ranks_and_threads(
    mpirun: Run, tmp_path: Path, engine: str
) -> None:
    # The network has plastic, short-term and stochastic synapses, gap junctions, noise and changed values.
    def alone(*arguments: Any) -> dict[str, Any]:
        own = [sys.executable, str(NETWORK), engine, *map(str, arguments)]
        return digests(subprocess.run(own, capture_output=True, text=True, check=False))

    one, two = tmp_path / "one.h5", tmp_path / "two.h5"
    expected = alone(1, "save", one, 27.0)
    assert digests(mpirun(2, "network.py", engine, 1, "save", two, 27.0)) == expected, "saving changes nothing"
    assert digests(mpirun(3, "network.py", engine, 1, "restore", two)) == expected
    if engine == "numba":
        assert alone(2, "restore", two) == expected
        assert digests(mpirun(2, "network.py", engine, 2, "restore", one)) == expected
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one.h5", "two.h5"]
    assert_alike(read(one), read(two))


def assert_alike(one: dict[str, Any], two: dict[str, Any]) -> None:
    """The file does not show how many ranks there were."""
    assert one["network"]["description"] == two["network"]["description"]
    for name, population in one["session"]["populations"].items():
        for state, values in population.get("states", {}).items():
            assert np.array_equal(values, two["session"]["populations"][name]["states"][state])
    for name, recording in one["session"]["recordings"].items():
        for column, values in recording.items():
            assert np.array_equal(values, two["session"]["recordings"][name][column])


def test_values_that_one_rank_has_set_for_its_connections_are_kept(mpirun: Run, tmp_path: Path) -> None:
    state = tmp_path / "state.h5"
    for name, ranks in (("all", 2), ("three", 3), ("one", 1)):
        done = mpirun(ranks, "checkpoints.py", "reference", tmp_path / name, "single", f"file={state}")
        assert done.returncode == 0, done.stderr[-3000:]
        assert_same(results(tmp_path / name), results(tmp_path / "all"))
    changed = [entry["item"] for entry in read(state)["network"]["changed"].values()]
    assert changed == ["weight", "weight"]
    done = mpirun(2, "network.py", "numpy", 1, "restore", state, timeout=60.0)
    assert done.returncode != 0
    assert "of a simulation with another setup(): rng_seed=5 there, 7 here" in done.stderr


# --- signals ---------------------------------------------------------------------------------------------------------


def test_a_signal_that_reaches_one_rank_saves_and_ends_all(pynn: Run, tmp_path: Path) -> None:
    state, arguments = tmp_path / "state.h5", ("trials", "stream=1")
    pynn(0, [], tmp_path / "all", *arguments)
    whole = streamed(tmp_path)
    (tmp_path / "stream.h5").unlink()
    done = pynn(
        2, ["--checkpoint", state], tmp_path / "cut", *arguments, "at=17.0", "to=1", "signal=SIGTERM",
        code=128 + signal.SIGTERM,
    )  # fmt: skip
    assert done.stderr.count("Stopped by SIGTERM at 18.2 ms; the state is saved") == 1
    assert read(state)["clock"]["time_ms"] == 18.2
    assert not (tmp_path / "cut.npz").exists()
    # The second time the files of two ranks are divided among three.
    for ranks in (2, 3):
        pynn(ranks, ["--resume", state], tmp_path / "cut", *arguments, "to=none")
        assert_same(results(tmp_path / "cut"), results(tmp_path / "all"))
        assert_same(streamed(tmp_path), whole)


def test_sigusr1_saves_and_all_ranks_go_on(pynn: Run, tmp_path: Path) -> None:
    state = tmp_path / "state.h5"
    pynn(0, [], tmp_path / "all", "one")
    done = pynn(
        2, ["--checkpoint", state], tmp_path / "on", "one", "at=17.0", "to=0,1", "signal=SIGUSR1"
    )  # fmt: skip
    assert done.stderr.count("SIGUSR1: the state at 18.2 ms is saved") == 1
    assert_same(results(tmp_path / "on"), results(tmp_path / "all"))
    assert read(state)["clock"]["time_ms"] == 60.0


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [False, True])
def test_a_full_disk_of_one_rank_is_an_exception_on_all_and_nothing_is_lost(
    mpirun: Run, tmp_path: Path, streaming: bool
) -> None:
    # Rank 0 writes the checkpoint, and each rank the file that its recordings go to.
    victim, options = ("2", ["stream=1"]) if streaming else ("0", [])
    (tmp_path / "all").mkdir()
    mpirun(3, "checkpoints.py", "reference", tmp_path / "all" / "out", "full", "to=none", *options)
    done = mpirun(3, "checkpoints.py", "reference", tmp_path / "out", "full", f"to={victim}", *options, timeout=60.0)
    assert done.returncode == 0, done.stderr[-3000:]
    for rank in range(3):
        lines = [line[8:] for line in done.stdout.splitlines() if line.startswith(f"rank {rank}: ")]
        if streaming:
            # A run writes what has been recorded when it is over, unless it is short against the last write.
            assert 1 <= len(lines) <= 3
            assert all(line.startswith("RecordingFileError: Recorded data could not be written") for line in lines)
        else:
            assert [line[:19] for line in lines] == ["OSError: [Errno 27]", "CheckpointWarning a"]
    assert read(tmp_path / "out.h5")["clock"]["time_ms"] == 5.0
    assert read(tmp_path / "out.last.h5")["clock"]["time_ms"] == 20.0
    assert not [file for file in os.listdir(tmp_path) if file.endswith(".part") or ".no." in file]
    assert_same(results(tmp_path / "out"), results(tmp_path / "all" / "out"))
    if streaming:
        assert_same(streamed(tmp_path), streamed(tmp_path / "all"))


# --- kill -9 ---------------------------------------------------------------------------------------------------------


def test_a_job_of_which_one_rank_is_killed_at_random_moments_ends_as_if_it_had_not_been(
    pynn: Run, tmp_path: Path, mpirun_command: list[str]
) -> None:
    kills = 3 * FACTOR
    arguments = ["pieces", f"pieces={60 + 25 * kills}", "stream=1"]
    out, state = tmp_path / "out", tmp_path / "state.h5"
    (tmp_path / "whole").mkdir()
    pynn(2, [], tmp_path / "whole" / "all", *arguments)
    draw = np.random.default_rng(FACTOR)
    reached = [0.0]
    for k in range(kills):
        for file in tmp_path.glob("*.pid"):
            file.unlink()
        options = ["--checkpoint", state, "--every", "0.001", *(["--resume", state] if state.exists() else [])]
        job = subprocess.Popen(
            command(mpirun_command, 2, options, out, *arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        victim = tmp_path / f"out.{draw.integers(2)}.pid"
        _wait(lambda victim=victim: victim.exists() and victim.read_text(), job)
        if k % 3 < 2:
            # Otherwise it is killed while the network is built and the state is restored, or soon after.
            _wait(lambda: _time_of(state) > reached[-1], job)
        time.sleep(draw.uniform(0.0, 0.5))
        os.kill(int(victim.read_text()), signal.SIGKILL)
        began = time.monotonic()
        _, said = job.communicate(timeout=30)
        assert job.returncode != 0 and time.monotonic() - began < 20.0, said
        reached.append(_time_of(state))
    assert reached == sorted(reached) and reached[-1] > 0.0
    shutil.copy(state, tmp_path / "copy.h5")
    for ranks, file in ((2, state), (0, tmp_path / "copy.h5")):
        pynn(ranks, ["--checkpoint", file, "--resume", file], out, *arguments)
        assert_same(results(out), results(tmp_path / "whole" / "all"))
        assert_same(streamed(tmp_path), streamed(tmp_path / "whole"))
    # What killed jobs have left is gone.
    left = {re.sub(r"\.\d(?=\.|$)", "", file.name) for file in tmp_path.iterdir() if file.is_file()}
    assert left == {"copy.h5", "out.npz", "out.pid", "state.h5", "stream.h5", "stream.h5.before"}


def _time_of(state: Path) -> float:
    """ms; 0 before there is a checkpoint."""
    return read(state)["clock"]["time_ms"] if state.exists() else 0.0


def _wait(condition: Callable[[], Any], job: subprocess.Popen[Any]) -> None:
    deadline = time.monotonic() + 60.0
    while not condition():
        assert job.poll() is None and time.monotonic() < deadline, job.communicate()[1]
        time.sleep(0.02)
