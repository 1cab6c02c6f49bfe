"""Data and connections of all ranks, of one rank, in one file and in a file a rank, without a branch on the rank."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyNN.recording import read_block

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def runs(mpirun: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, list[dict[str, Any]]]]:
    """Folder and facts, one a rank, by number of ranks."""
    found = {}
    for ranks in (1, 3):
        folder = tmp_path_factory.mktemp(f"ranks{ranks}")
        run = mpirun(ranks, "files.py", folder)
        assert run.returncode == 0, run.stderr[-3000:]
        facts = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
        found[ranks] = folder, sorted(facts, key=lambda one: one["rank"])
    return found


def test_every_cell_and_every_connection_is_on_one_rank(runs: dict[int, Any]) -> None:
    ((_, (alone,)), (_, ranks)) = runs[1], runs[3]
    assert len(ranks) == 3
    assert np.sum([one["local"] for one in ranks], axis=0).tolist() == alone["local"] == [200, 1, 3, 51]
    assert np.sum([one["masks"] for one in ranks], axis=0).tolist() == alone["masks"]
    assert [one["sizes"][0] for one in ranks] == 3 * [alone["sizes"][0]]
    assert sum(one["sizes"][1] for one in ranks) == sum(one["sizes"][2] for one in ranks) == alone["sizes"][0]
    assert all(one["positions"] == [0, 1, 2] for one in ranks)


def test_gather_says_whose_data_one_gets(runs: dict[int, Any]) -> None:
    (_, (alone,)), (_, ranks) = runs[1], runs[3]
    whole = alone["connections in arrays"][0]
    own = [one["sizes"][1] for one in ranks]
    assert [one["connections in arrays"] for one in ranks] == [
        [whole, whole, own[0]], [own[1], whole, own[1]], [own[2], whole, own[2]]
    ]
    cells = [one["local"][0] for one in ranks]
    own = [[200, 200, cells[0]], [cells[1], 200, cells[1]], [cells[2], 200, cells[2]]]
    assert [one["trains"] for one in ranks] == own
    spikes = alone["counts"][0]
    assert [one["counts"][0] for one in ranks] == 3 * [spikes]
    assert [one["counts"][1] for one in ranks] == [spikes, *(one["counts"][2] for one in ranks[1:])]
    assert sum(one["counts"][2] for one in ranks) == spikes


def test_callbacks_and_segments_are_those_of_one_process(runs: dict[int, Any]) -> None:
    for _, facts in runs.values():
        for one in facts:
            assert one["called"] == [0.0, 3.0, 7.5, 10.0]
            assert one["segments"] == 2


def test_single_files_are_those_of_one_process(runs: dict[int, Any]) -> None:
    import neo.io

    (alone, _), (ranks, _) = runs[1], runs[3]
    assert (alone / "whole.txt").read_text() == (ranks / "whole.txt").read_text()
    for name in ("spikes.pkl", "single.pkl", "assembly.pkl"):
        blocks = [neo.io.PickleIO(str(folder / name)).read_block() for folder in (alone, ranks)]
        (first, second) = (block.segments[0] for block in blocks)
        assert len(first.spiketrains) == len(second.spiketrains) > 0
        for a, b in zip(first.spiketrains, second.spiketrains, strict=True):
            np.testing.assert_array_equal(a.magnitude, b.magnitude)
        for a, b in zip(first.analogsignals, second.analogsignals, strict=True):
            np.testing.assert_array_equal(a.magnitude, b.magnitude)


def test_files_a_rank_make_up_the_whole(runs: dict[int, Any]) -> None:
    import h5py

    (alone, _), (ranks, _) = runs[1], runs[3]
    rows = [np.atleast_2d(np.loadtxt(ranks / f"share.txt.{rank}")) for rank in range(3)]
    joined = np.concatenate(rows)
    whole = np.loadtxt(alone / "whole.txt")
    np.testing.assert_array_equal(joined[np.lexsort(joined[:, :2].T)], whole[np.lexsort(whole[:, :2].T)])
    assert all((ranks / f"share.pkl.{rank}").exists() for rank in range(3))

    def columns(path: Path) -> np.ndarray:
        with h5py.File(path) as stored:
            found: list[np.ndarray] = []
            stored.visititems(lambda name, item: found.append(item[:]) if name.endswith("v_000/values") else None)
        return found[0]

    widths = [columns(ranks / f"stream.h5.{rank}") for rank in range(3)]
    assert sorted(part.shape[1] for part in widths) == [0, 0, 2]
    np.testing.assert_array_equal(np.concatenate(widths, axis=1), columns(alone / "stream.h5"))


def test_the_files_of_a_stream_are_read_as_one(runs: dict[int, Any]) -> None:
    (alone, _), (ranks, _) = runs[1], runs[3]
    first, second = (read_block(folder / "stream.h5") for folder in (alone, ranks))
    assert len(first.segments) == len(second.segments) == 2
    for a, b in zip(first.segments, second.segments, strict=True):
        np.testing.assert_array_equal(a.analogsignals[0].magnitude, b.analogsignals[0].magnitude)


def test_files_of_ranks_are_read_by_the_ranks(runs: dict[int, Any]) -> None:
    for _, facts in runs.values():
        assert all(one["same weight"] and one["same delay"] for one in facts)
