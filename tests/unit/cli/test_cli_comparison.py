"""The report of `pynn compare` on runs made by hand."""

import dataclasses
import json

import numpy as np
import pytest

from pyNN.cli.comparison import Comparison
from pyNN.cli.figure import comparison_figure, raster_cells
from pyNN.cli.observe import EXCITATORY, INHIBITORY, Observation

N_CELLS, N_STEPS = 200, 5000
BACKEND_KEYS = {"cells", "connections", "build_s", "run_s", "peak_memory_mb", "rate_hz", "cv_isi"}
BACKEND_KEYS |= {"spike_hash", "connection_hash"}


def observation(name="reference", seed=0, shift=None, rate=20.0, **facts):
    """Poisson spikes of 200 cells over 500 ms; from step `shift` on they are those of another seed."""
    spikes = np.random.default_rng(seed).random((N_STEPS, N_CELLS)) < rate * 1e-4
    if shift is not None:
        spikes[shift - 1 :] = np.random.default_rng(seed + 1).random((N_STEPS - shift + 1, N_CELLS)) < rate * 1e-4
    steps, cells = np.nonzero(spikes)
    potentials = np.random.default_rng(99).normal(-60.0, 2.0, (N_STEPS + 1, 2))
    kinds = np.where(np.arange(N_CELLS) < 150, EXCITATORY, INHIBITORY).astype(np.int8)
    known = {
        "backend": name, "cells": N_CELLS, "sources": 3, "connections": 1234, "build_s": 0.5, "run_s": 1.5,
        "peak_memory_mb": 200.0, "dt": 0.1, "steps": N_STEPS, "rng_seed": 42, "threads": 1, "options": {},
        "native": False, "versions": {name: "1.0"}, "connection_hash": "same", "parameters_hash": "p",
        "process_s": 3.0, "warnings": [], "unobserved": [], "error": "",
    }  # fmt: skip
    return Observation({**known, **facts}, steps + 1, cells, kinds, potentials, np.array([0, 1]))


def compare(*runs):
    return Comparison.of("script.py", ["--n", "3"], "hash", {run.facts["backend"]: run for run in runs})


def test_report_has_the_documented_keys():
    report = compare(observation(), observation("nest")).report()
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert set(report) == {"backends", "agreement", "manifest"}
    for name in ("reference", "nest"):
        assert BACKEND_KEYS <= set(report["backends"][name])
    assert {"connections_identical", "first_difference_ms", "identical_spike_fraction", "max_abs_dv_mv"} <= set(
        report["agreement"]
    )
    assert {"versions", "platform", "seeds", "script_hash", "parameters_hash"} <= set(report["manifest"])


def test_equal_runs_are_identical():
    report = compare(observation(), observation("nest")).report()
    agreement = report["agreement"]
    assert agreement["connections_identical"] is True
    assert agreement["first_difference_ms"] is None
    assert agreement["identical_spike_fraction"] == 1.0
    assert agreement["max_abs_dv_mv"] == 0.0
    assert report["backends"]["nest"]["spike_hash"] == report["backends"]["reference"]["spike_hash"]


def test_rates_by_kind_of_cell():
    run = observation()
    backend = compare(run, observation("nest")).report()["backends"]["reference"]
    assert backend["rate_hz"] == pytest.approx(len(run.steps) / N_CELLS / 0.5)
    assert backend["rate_excitatory_hz"] == pytest.approx(np.count_nonzero(run.cells < 150) / 150 / 0.5)
    assert backend["rate_inhibitory_hz"] == pytest.approx(np.count_nonzero(run.cells >= 150) / 50 / 0.5)


def test_runs_that_part_are_alike_in_distribution_but_not_identical():
    comparison = compare(observation(), observation("nest", shift=2000))
    (pair,) = comparison.agreements
    assert pair.first_difference_ms == pytest.approx(200.0, abs=1.0)
    assert 0.2 < pair.identical_spike_fraction < 0.5
    assert not pair.satisfies("identical")
    assert pair.satisfies("statistical")
    assert pair.shortcomings("identical") == [f"spikes differ from {pair.first_difference_ms:g} ms on"]
    assert pair.shortcomings("statistical") == []


def test_another_rate_is_not_statistical_agreement():
    (pair,) = compare(observation(), observation("nest", rate=30.0)).agreements
    assert not pair.satisfies("statistical")
    assert any("distributions of rates differ" in reason for reason in pair.shortcomings("statistical"))


def test_silence_does_not_agree_with_activity():
    (pair,) = compare(observation(), observation("nest", rate=0.0)).agreements
    assert not pair.satisfies("statistical")
    assert "only reference has spikes" in pair.shortcomings("statistical")


def test_different_connections_prevent_identity_even_with_equal_spikes():
    (pair,) = compare(observation(), observation("nest", connection_hash="other")).agreements
    assert not pair.satisfies("identical")
    assert pair.shortcomings("identical") == ["the connections differ"]


def test_runs_of_different_length_do_not_agree():
    longer = observation("nest", steps=N_STEPS + 1)
    (pair,) = compare(observation(), longer).agreements
    assert not pair.satisfies("identical")
    assert not pair.satisfies("statistical")


def test_largest_difference_is_that_before_the_spikes_part():
    second = observation("nest", shift=2000)
    potentials = second.potentials.copy()
    potentials[100, 1] += 1e-6
    potentials[3000, 0] += 10.0
    (pair,) = compare(observation(), dataclasses.replace(second, potentials=potentials)).agreements
    assert pair.max_abs_dv_mv == pytest.approx(1e-6, rel=1e-6)


def test_the_worst_of_several_pairs_is_reported():
    agreement = compare(observation(), observation("nest"), observation("other", shift=1000)).report()["agreement"]
    assert agreement["identical_spike_fraction"] < 0.5
    assert agreement["first_difference_ms"] is not None
    assert [pair["backends"] for pair in agreement["pairs"]] == [["reference", "nest"], ["reference", "other"]]
    assert agreement["pairs"][0]["identical"] is True


def test_observations_pass_through_a_file_unchanged(tmp_path):
    run = observation(warnings=[{"category": "RoundingWarning", "message": "µ"}])
    run.save(tmp_path / "run.npz")
    loaded = Observation.load(tmp_path / "run.npz")
    assert loaded.facts == run.facts
    for name in ("steps", "cells", "kinds", "potentials", "traced"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(run, name))


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_figure_is_written_in_the_format_of_its_name(tmp_path, ending):
    file = tmp_path / f"figure.{ending}"
    comparison_figure(compare(observation(), observation("nest", shift=2000), observation("third")), str(file))
    head = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[ending]
    assert file.read_bytes().startswith(head)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_figure_of_silent_networks(tmp_path):
    file = tmp_path / "silent.png"
    comparison_figure(compare(observation(rate=0.0), observation("nest", rate=0.0)), str(file))
    assert file.stat().st_size > 10_000


def test_raster_shows_kinds_in_proportion():
    chosen = raster_cells(observation(), 40)
    assert len(chosen) == 40
    assert np.count_nonzero(chosen < 150) == 30
