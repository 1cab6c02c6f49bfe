"""The benchmarks' own measures, against closed forms and SciPy, and one small run of what they measure."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS, DT, CELLS = 100.0, 0.1, 60


def benchmark(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the folder of benchmarks, as a benchmark sees it."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module(name)


def stored(folder: Path, steps: Any, cells: Any, size: int = CELLS) -> Path:
    """Spikes of one population as ours.py leaves them."""
    order = np.lexsort((cells, steps))
    file = folder / "spikes.npz"
    np.savez(
        file, steps0=steps[order], cells0=cells[order], dt=DT, steps=round(1000.0 * SECONDS / DT), sizes=[size],
        labels=["L4E"],
    )  # fmt: skip
    return file


def test_irregular_independent_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    bins = round(1000.0 * SECONDS / DT)
    cells, steps = np.nonzero(rng.random((CELLS, bins)) < 1e-3)
    found = benchmark("microcircuit", monkeypatch).activity(stored(tmp_path, steps + 1, cells))["L4E"]
    # A Bernoulli train of 10 Hz: CV = sqrt(1 - p); 1000 spikes a cell, so a cell's CV varies by about 0.03.
    assert found["rate_hz"] == pytest.approx(10.0, rel=0.02)
    assert found["cv"] == pytest.approx(1.0, abs=0.02)
    # 1770 pairs of 20,000 bins each.
    assert abs(found["correlation"]) < 5.0 / np.sqrt(1770 * 20_000)


def test_regular_cells_that_share_half_of_their_spikes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    module = benchmark("microcircuit", monkeypatch)
    regular = np.arange(100, round(1000.0 * SECONDS / DT), 500)
    found = module.activity(stored(tmp_path, np.tile(regular, CELLS), np.repeat(np.arange(CELLS), len(regular))))
    assert found["L4E"]["cv"] == pytest.approx(0.0, abs=1e-6)
    # Each spike of a common train of 20 Hz is kept by a cell with probability one half: the correlation is that half.
    common = np.flatnonzero(rng.random(round(1000.0 * SECONDS / DT)) < 2e-3) + 1
    cells, which = np.nonzero(rng.random((CELLS, len(common))) < 0.5)
    found = module.activity(stored(tmp_path, common[which], cells))
    assert found["L4E"]["correlation"] == pytest.approx(0.5, abs=0.02)


def test_bands_are_those_of_a_t_test(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy import stats

    module = benchmark("microcircuit", monkeypatch)
    rng = np.random.default_rng(5)

    def runs(shift: float) -> list[dict[str, Any]]:
        values = rng.normal(5.0, 1.0, (4, len(module.PUBLISHED), 3))
        values[:, 0, 0] += shift
        names = ("rate_hz", "cv", "correlation")
        return [
            {label: dict(zip(names, row, strict=True)) for label, row in zip(module.PUBLISHED, run, strict=True)}
            for run in values
        ]

    ours, nest = runs(20.0), runs(0.0)
    found = module.bands(ours, nest)
    assert len(found) == 24
    for name, row in found.items():
        label, statistic = name.split(" ")
        a, b = ([run[label][statistic] for run in side] for side in (ours, nest))
        assert row["inside"] == (stats.ttest_ind(a, b).pvalue >= 0.01 / 24)
    assert [name for name, row in found.items() if not row["inside"]] == ["L2/3E rate_hz"]


def test_exponents_medians_and_targets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    peers = benchmark("peers", monkeypatch)
    assert peers.exponent([1e3, 1e4, 1e6], [7.0 * n**1.3 for n in (1e3, 1e4, 1e6)]) == pytest.approx(1.3)
    assert peers.median([{"a": 1.0, "b": "x"}, {"a": 5.0, "b": "y"}, {"a": 2.0, "b": "z"}]) == {"a": 2.0, "b": "x"}
    peers.finish("name", {"x": float("nan")}, {"slow": (2.0, "at most", 1.0), "fast": (2.0, "at least", 1.0)})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("NOT MET slow") and lines[1].startswith("met     fast")
    assert json.loads(lines[-1])["results"] == {"x": None}


def test_a_worker_measures_the_balanced_network() -> None:
    arguments = {"benchmark": "CUBA", "cells": 400, "duration": 50.0, "simulations": 2}
    command = [sys.executable, "ours.py", "balanced", json.dumps(arguments)]
    done = subprocess.run(command, cwd=ROOT / "benchmarks", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1].removeprefix("result: "))
    # Each of 420 x 400 pairs with its probability: 0.02, and 0.01 from the 20 sources.
    expected = 400 * 400 * 0.02 + 20 * 400 * 0.01
    assert abs(found["synapses"] - expected) < 5.0 * np.sqrt(expected)
    assert found["rate_hz"] > 0.0
    assert 0.0 < found["run_s"] < found["total_s"]
    assert found["build_us_per_synapse"] == pytest.approx(1e6 * found["build_s"] / found["synapses"])
