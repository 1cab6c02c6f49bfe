"""How far the runs of one script on several backends agree, as data: the report that `pynn compare --json` writes."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np

from pyNN.cli import analysis
from pyNN.cli.analysis import Distance, FloatArray
from pyNN.cli.observe import EXCITATORY, INHIBITORY, Observation

REQUIREMENTS = ("identical", "statistical")


@dataclass(frozen=True)
class Activity:
    """Summary and distributions of one run."""

    rates: FloatArray
    """Hz, one a cell."""
    rate_excitatory: float | None
    rate_inhibitory: float | None
    cv_isi: FloatArray
    """One a cell with at least three spikes."""
    correlations: FloatArray
    """One a pair of the sampled cells that spike."""
    spike_hash: str

    @property
    def rate(self) -> float:
        return float(self.rates.mean()) if self.rates.size else 0.0

    @property
    def mean_cv(self) -> float | None:
        return float(self.cv_isi.mean()) if self.cv_isi.size else None


@dataclass(frozen=True)
class Agreement:
    """How alike two runs are."""

    names: tuple[str, str]
    same_cells: bool
    connections_identical: bool
    first_difference_ms: float | None
    """None: no spike differs."""
    identical_spike_fraction: float
    """Of the spikes that either has, those that both have."""
    max_abs_dv_mv: float | None
    """Largest difference of the traced membrane potentials before the first different spike."""
    spikes: tuple[int, int]
    rate: Distance
    cv_isi: Distance
    correlation: Distance

    @property
    def distances(self) -> dict[str, Distance]:
        return {"rate": self.rate, "cv_isi": self.cv_isi, "correlation": self.correlation}

    @property
    def identical(self) -> bool:
        """Same cells, same connections and the same spikes in the same time steps."""
        return self.same_cells and self.connections_identical and self.first_difference_ms is None

    @property
    def statistical(self) -> bool:
        """Same cells, and no distribution differs by more than chance and a tenth: see Distance.agrees."""
        silent = tuple(count == 0 for count in self.spikes)
        return self.same_cells and silent[0] == silent[1] and all(d.agrees for d in self.distances.values())

    def satisfies(self, requirement: str) -> bool:
        return self.identical if requirement == "identical" else self.identical or self.statistical

    def shortcomings(self, requirement: str) -> list[str]:
        """Why the requirement is not met, one clause each."""
        if self.satisfies(requirement):
            return []
        found = []
        if not self.same_cells:
            found.append("the networks have different cells")
        if requirement == "identical":
            if not self.connections_identical:
                found.append("the connections differ")
            if self.first_difference_ms is not None:
                found.append(f"spikes differ from {self.first_difference_ms:g} ms on")
            return found
        if (self.spikes[0] == 0) != (self.spikes[1] == 0):
            found.append(f"only {self.names[self.spikes.index(0) - 1]} has spikes")
        for name, distance in self.distances.items():
            if not distance.agrees:
                label = DISTRIBUTIONS[name]
                if distance.distance is None:
                    found.append(f"only one of the two has a distribution of {label}")
                else:
                    found.append(
                        f"the distributions of {label} differ: KS distance {distance.distance:.3f} is over "
                        f"{analysis.LARGEST_DISTANCE:g} and significant (p = {distance.p_value:.2g})"
                    )
        return found


DISTRIBUTIONS = {"rate": "rates", "cv_isi": "CV ISI", "correlation": "pairwise correlations"}


def activity(run: Observation) -> Activity:
    """What the spikes of a run are like."""
    rates = analysis.rates(run.cells, run.n_cells, run.duration_ms)
    bin_steps = max(1, round(analysis.CORRELATION_BIN_MS / run.facts["dt"]))
    chosen = analysis.spread(np.flatnonzero(rates > 0), analysis.CORRELATION_CELLS)
    return Activity(
        rates=rates,
        rate_excitatory=_mean_of(rates, run.kinds == EXCITATORY),
        rate_inhibitory=_mean_of(rates, run.kinds == INHIBITORY),
        cv_isi=analysis.cv_isi(run.steps, run.cells),
        correlations=analysis.pairwise_correlations(run.steps, run.cells, run.facts["steps"], bin_steps, chosen),
        spike_hash=analysis.spike_hash(run.steps, run.cells),
    )


def _mean_of(values: FloatArray, where: Any) -> float | None:
    return float(values[where].mean()) if np.any(where) else None


def agreement(first: Observation, second: Observation, activities: tuple[Activity, Activity]) -> Agreement:
    """Compare two runs."""
    n_cells = max(first.n_cells, second.n_cells)
    keys = [analysis.spike_keys(run.steps, run.cells, n_cells) for run in (first, second)]
    difference = analysis.first_difference(keys[0], keys[1], n_cells)
    same_grid = first.facts["dt"] == second.facts["dt"]
    same_traced = same_grid and np.array_equal(first.traced, second.traced)
    return Agreement(
        names=(first.facts["backend"], second.facts["backend"]),
        same_cells=first.n_cells == second.n_cells and same_grid and first.facts["steps"] == second.facts["steps"],
        connections_identical=first.facts["connection_hash"] == second.facts["connection_hash"],
        first_difference_ms=None if difference is None else _time(difference, first.facts["dt"]),
        identical_spike_fraction=analysis.identical_fraction(keys[0], keys[1]),
        max_abs_dv_mv=analysis.largest_difference(first.potentials, second.potentials, difference)
        if same_traced
        else None,
        spikes=(len(first.steps), len(second.steps)),
        rate=analysis.ks_distance(activities[0].rates, activities[1].rates),
        cv_isi=analysis.ks_distance(activities[0].cv_isi, activities[1].cv_isi),
        correlation=analysis.ks_distance(activities[0].correlations, activities[1].correlations),
    )


def _time(step: int, dt: float) -> float:
    return float(f"{step * dt:.12g}")


@dataclass(frozen=True)
class Comparison:
    """Runs of one script on several backends. The first is what the others are compared with."""

    script: str
    arguments: Sequence[str]
    script_hash: str
    runs: Mapping[str, Observation]
    activities: Mapping[str, Activity]
    agreements: Sequence[Agreement]

    @classmethod
    def of(cls, script: str, arguments: Sequence[str], script_hash: str, runs: Mapping[str, Observation]) -> Comparison:
        activities = {name: activity(run) for name, run in runs.items()}
        names = list(runs)
        agreements = [
            agreement(runs[names[0]], runs[name], (activities[names[0]], activities[name])) for name in names[1:]
        ]
        return cls(script, list(arguments), script_hash, runs, activities, agreements)

    def report(self) -> dict[str, Any]:
        """Everything as JSON types. With more than two backends, `agreement` holds the worst of each figure."""
        return {
            "backends": {name: self._backend(name) for name in self.runs},
            "agreement": self._overall_agreement(),
            "manifest": self._manifest(),
        }

    def _backend(self, name: str) -> dict[str, Any]:
        facts, own = self.runs[name].facts, self.activities[name]
        return {
            "cells": facts["cells"],
            "connections": facts["connections"],
            "build_s": facts["build_s"],
            "run_s": facts["run_s"],
            "peak_memory_mb": facts["peak_memory_mb"],
            "rate_hz": own.rate,
            "cv_isi": own.mean_cv,
            "spike_hash": own.spike_hash,
            "connection_hash": facts["connection_hash"],
            "rate_excitatory_hz": own.rate_excitatory,
            "rate_inhibitory_hz": own.rate_inhibitory,
            "spikes": len(self.runs[name].steps),
            "spike_sources": facts["sources"],
            "duration_ms": self.runs[name].duration_ms,
            "process_s": facts["process_s"],
            "native": facts["native"],
            "parameters_hash": facts["parameters_hash"],
            "unobserved": facts["unobserved"],
            "warnings": facts["warnings"],
        }

    def _overall_agreement(self) -> dict[str, Any]:
        if not self.agreements:
            return {}
        differences = [a.first_difference_ms for a in self.agreements if a.first_difference_ms is not None]
        potentials = [a.max_abs_dv_mv for a in self.agreements if a.max_abs_dv_mv is not None]
        return {
            "connections_identical": all(a.connections_identical for a in self.agreements),
            "first_difference_ms": min(differences, default=None),
            "identical_spike_fraction": min(a.identical_spike_fraction for a in self.agreements),
            "max_abs_dv_mv": max(potentials, default=None),
            "identical": all(a.identical for a in self.agreements),
            "statistical": all(a.satisfies("statistical") for a in self.agreements),
            "pairs": [_pair(a) for a in self.agreements],
        }

    def _manifest(self) -> dict[str, Any]:
        hashes = {run.facts["parameters_hash"] for run in self.runs.values()}
        return {
            "versions": {
                "python": platform.python_version(),
                **{name: run.facts["versions"] for name, run in self.runs.items()},
            },
            "platform": platform.platform(),
            "seeds": {name: run.facts["rng_seed"] for name, run in self.runs.items()},
            "script": self.script,
            "arguments": list(self.arguments),
            "script_hash": self.script_hash,
            "parameters_hash": hashes.pop() if len(hashes) == 1 else None,
            "settings": {
                name: {key: run.facts[key] for key in ("dt", "threads", "options")} for name, run in self.runs.items()
            },
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }


def _pair(pair: Agreement) -> dict[str, Any]:
    return {
        "backends": list(pair.names),
        "connections_identical": pair.connections_identical,
        "first_difference_ms": pair.first_difference_ms,
        "identical_spike_fraction": pair.identical_spike_fraction,
        "max_abs_dv_mv": pair.max_abs_dv_mv,
        "distances": {
            name: {"ks_distance": d.distance, "p_value": d.p_value, "sizes": list(d.sizes)}
            for name, d in pair.distances.items()
        },
        "identical": pair.identical,
        "statistical": pair.satisfies("statistical"),
    }
