"""Mistakes that a network's description shows without a simulation, and how much memory it takes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pyNN.cli.prediction import predict
from pyNN.models import Receptor
from pyNN.specs import ConnectionTable, NetworkSpec, PopulationSpec, ProjectionSpec, Ragged, Value, split_by_population

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pyNN.simulation import Simulation

_LARGEST_WEIGHT = {"uS": (1.0, "nS"), "nA": (20.0, "pA"), "mV": (100.0, "uV")}
"""Unit -> (what a synaptic weight hardly exceeds, the unit in which the number would be plausible)."""
_SMALLEST_WEIGHT = {"uS": (1e-6, "S"), "nA": (1e-6, "A"), "mV": (1e-4, "V")}
_LARGEST_PARAMETER = {"nF": (100.0, "pF"), "nA": (100.0, "pA"), "mV": (1000.0, "uV"), "uS": (10.0, "nS")}
_SMALLEST_PARAMETER = {"nF": (1e-6, "F"), "nA": (1e-6, "A"), "mV": (0.2, "V"), "uS": (1e-6, "S")}
_LONGEST_DELAY_MS = 200.0

# Bytes, and MB for an empty simulation. Measured as peak memory of processes with 1e2 to 1e4 cells, up to 4e6
# connections and 5e6 samples, NEST 3.10; the estimates are within 20 % of them. `column` is what a weight or delay
# costs that is not the same for all connections, `batch` what a connection costs while it is being made, `sample` what
# a number costs with the copy that get_data() makes.
_MEMORY = {
    "reference": {"base_mb": 128.0, "cell": 1500.0, "connection": 4.0, "column": 6.5, "batch": 10.0, "sample": 20.0},
    "nest": {"base_mb": 148.0, "cell": 38_000.0, "connection": 48.0, "column": 30.0, "batch": 100.0, "sample": 36.0},
}
_BATCHES = {"reference": sys.maxsize, "nest": 1_000_000}
"""Connections that are made at a time: on the reference backend those of a projection."""


@dataclass(frozen=True)
class Finding:
    """One mistake, or what is probably one."""

    level: str
    """"error" or "warning"."""
    where: str
    message: str


@dataclass(frozen=True)
class CheckResult:
    """What `pynn check` found."""

    facts: dict[str, Any]
    """populations, projections, cells, sources, connections, duration_ms, memory_mb, seconds, error, warnings."""
    findings_in_network: list[Finding]

    SUFFIX: ClassVar[str] = ".json"

    @property
    def error(self) -> str:
        return str(self.facts.get("error", ""))

    @property
    def findings(self) -> list[Finding]:
        """The script's own failure and the warnings that it caused, then what the network shows."""
        found = [Finding("error", "script", self.error)] if self.error else []
        found += [Finding("warning", "script", warning["message"]) for warning in self.facts.get("warnings", [])]
        return found + self.findings_in_network

    @property
    def has_errors(self) -> bool:
        return any(finding.level == "error" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        return {**self.facts, "findings": [asdict(finding) for finding in self.findings]}

    def save(self, path: Path) -> None:
        stored = {"facts": self.facts, "findings": [asdict(finding) for finding in self.findings_in_network]}
        path.write_text(json.dumps(stored), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> CheckResult:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return cls(stored["facts"], [Finding(**finding) for finding in stored["findings"]])


class Inspector:
    """Observer of a dry run: looks at the network when the simulation ends."""

    def __init__(self) -> None:
        self.observation: CheckResult | None = None
        self._began = time.process_time(), time.perf_counter()

    def before_close(self, simulation: Simulation) -> None:
        settings, profile, network = simulation.settings, simulation.profile(), simulation.network
        # What goes to a file during the run takes no memory.
        kept = replace(network, recordings=[r for r in network.recordings if r not in simulation.streams])
        self.observation = inspect(kept, settings.dt, simulation.current_step, settings.min_delay_steps)
        # What else the machine does meanwhile is not part of the prediction.
        share = (time.process_time() - self._began[0]) / max(time.perf_counter() - self._began[1], 1e-6)
        describe = profile.describe * min(share, 1.0)
        start = time.process_time() - describe
        self.observation.facts["seconds"] = predict(network, settings, simulation.current_step, describe, start)


def inspect(network: NetworkSpec, dt: float, steps: int, min_delay_steps: int | None) -> CheckResult:
    """Counts, memory and findings for a network that ran for `steps` time steps of `dt` ms."""
    facts = {
        "populations": [{"label": p.label, "model": p.model.name, "size": p.size} for p in network.populations],
        "projections": [
            {"label": p.label, "receptor": p.receptor, "connections": None if p.table is None else p.table.size}
            for p in network.projections
        ],
        "cells": sum(p.size for p in network.populations if not p.is_source),
        "sources": sum(p.size for p in network.populations if p.is_source),
        "connections": connection_count(network),
        "dt": dt,
        "duration_ms": float(f"{steps * dt:.12g}"),
        "memory_mb": {name: memory_mb(network, steps, name) for name in _MEMORY},
    }
    return CheckResult(facts, list(_findings(network, dt, steps, min_delay_steps)))


def connection_count(network: NetworkSpec) -> int:
    return sum(p.table.size for p in network.projections if p.table is not None)


def memory_mb(network: NetworkSpec, steps: int, backend: str) -> float:
    """Estimated peak memory of the process, MB, without the spikes, whose number is not known beforehand."""
    cost = _MEMORY[backend]
    samples = sum(
        len(r.cells) * ((steps - r.start_step) // r.every_steps + 1)
        for r in network.recordings
        if r.variable != "spikes"
    )
    tables = [projection.table for projection in network.projections if projection.table is not None]
    columns = sum(_column_values(table) for table in tables)
    batch = min(max((table.size for table in tables), default=0), _BATCHES[backend])
    variable = (
        cost["cell"] * network.size
        + cost["connection"] * connection_count(network)
        + cost["column"] * columns
        + cost["batch"] * batch
        + cost["sample"] * samples
    )
    return cost["base_mb"] + variable / 2**20


def _column_values(table: ConnectionTable) -> int:
    """How many numbers the table holds besides pre and post."""
    return sum(np.size(column) for column in (table.delay_steps, *table.columns.values()) if np.ndim(column))


def _findings(network: NetworkSpec, dt: float, steps: int, min_delay_steps: int | None) -> Iterator[Finding]:
    for projection in network.projections:
        if projection.table is not None:
            yield from _check_projection(network, projection, projection.table, dt, min_delay_steps)
    for population in network.populations:
        yield from _check_parameters(population, dt)
    yield from _check_connected(network)
    yield from _check_recorded(network)
    if steps == 0:
        yield Finding("warning", "script", "run() is never called, so nothing would be simulated.")


def _check_projection(
    network: NetworkSpec, projection: ProjectionSpec, table: ConnectionTable, dt: float, min_delay_steps: int | None
) -> Iterator[Finding]:
    if table.size == 0:
        yield Finding("warning", projection.label, "The projection has no connections.")
        return
    weights, delays = table.column("weight"), table.delays
    targets = split_by_population(network.populations, projection.post)
    receptors = {
        population.label: population.model.receptors[projection.receptor]
        for population, _, _ in targets
        if projection.receptor in population.model.receptors
    }
    for receptor in {r.unit: r for r in receptors.values()}.values():
        yield from _check_weights(projection, receptor, weights)
    if min_delay_steps is not None and delays.min() < min_delay_steps:
        few = int(np.count_nonzero(delays < min_delay_steps))
        yield Finding(
            "error",
            projection.label,
            f"{few} of {table.size} delays are under min_delay = {min_delay_steps * dt:g} ms; "
            f"the smallest is {delays.min() * dt:g} ms.",
        )
    if np.median(delays) * dt > _LONGEST_DELAY_MS:
        yield Finding(
            "warning", projection.label, f"Delays of {np.median(delays) * dt:g} ms look like us; delays are in ms."
        )


def _check_weights(projection: ProjectionSpec, receptor: Receptor, weights: Any) -> Iterator[Finding]:
    wrong = weights < 0 if receptor.sign > 0 else weights > 0 if receptor.sign < 0 else np.zeros(len(weights), bool)
    if np.any(wrong):
        rule = "at least 0" if receptor.sign > 0 else "at most 0"
        reason = (
            "a conductance is positive, and the reversal potential makes it inhibit"
            if receptor.kind == "conductance"
            else "the sign decides whether it excites or inhibits"
        )
        yield Finding(
            "error",
            projection.label,
            f"{int(np.count_nonzero(wrong))} of {len(weights)} weights have the wrong sign, such as "
            f"{weights[wrong][0]:g} {receptor.unit}. Weights of the receptor '{projection.receptor}' must be {rule}: "
            f"{reason}.",
        )
    nonzero = np.abs(weights[weights != 0])
    if not nonzero.size:
        yield Finding("warning", projection.label, "All weights are 0.")
        return
    message = _wrong_unit(float(np.median(nonzero)), receptor.unit, _LARGEST_WEIGHT, _SMALLEST_WEIGHT)
    if message:
        yield Finding("warning", projection.label, f"Weights {message}")


def _wrong_unit(
    value: float, unit: str, largest: dict[str, tuple[float, str]], smallest: dict[str, tuple[float, str]]
) -> str:
    """ "of 4 uS look like nS ..." if a magnitude is implausible in its unit, else ""."""
    if unit in largest and value > largest[unit][0]:
        looks_like = largest[unit][1]
    elif unit in smallest and 0 < value < smallest[unit][0]:
        looks_like = smallest[unit][1]
    else:
        return ""
    from pyNN.units import factor

    meant = value * factor(looks_like, unit)
    return f"of {value:g} {unit} look like {looks_like}: {value:g} {looks_like} would be {meant:g} {unit}."


def _check_parameters(population: PopulationSpec, dt: float) -> Iterator[Finding]:
    units = {name: parameter.unit for name, parameter in population.model.parameters.items()}
    values = {name: _numbers(value) for name, value in population.parameters.items() if units.get(name)}
    voltages = np.concatenate([np.empty(0), *(v for name, v in values.items() if units[name] == "mV")])
    # One potential near 0 is a choice of origin; when all of them are, they are in volts.
    all_tiny = voltages.size > 0 and np.any(voltages != 0) and np.abs(voltages).max() < _SMALLEST_PARAMETER["mV"][0]
    for name, numbers in values.items():
        if not numbers.size:
            continue
        middle = float(np.median(np.abs(numbers)))
        if units[name] != "mV" or all_tiny or middle > _LARGEST_PARAMETER["mV"][0]:
            message = _wrong_unit(middle, units[name], _LARGEST_PARAMETER, _SMALLEST_PARAMETER)
            if message:
                yield Finding("warning", population.label, f"Values {message.replace('of ', f'of {name}, ', 1)}")
        if units[name] == "ms" and name.startswith("tau") and 0 < numbers.min() < dt * (1 - 1e-9):
            yield Finding(
                "warning",
                population.label,
                f"{name} = {numbers.min():g} ms is shorter than the time step, {dt:g} ms. Time constants are in ms; "
                f"{numbers.min():g} s would be {1000 * numbers.min():g} ms.",
            )
    if "v_reset" in values and "v_thresh" in values and np.any(values["v_reset"] >= values["v_thresh"]):
        yield Finding(
            "error", population.label, "v_reset is not below v_thresh, so a cell that fires once fires without end."
        )


def _numbers(value: Value) -> Any:
    return value.values if isinstance(value, Ragged) else np.atleast_1d(np.asarray(value, dtype=float))


def _check_connected(network: NetworkSpec) -> Iterator[Finding]:
    sends, receives = np.zeros(network.size, bool), np.zeros(network.size, bool)
    for projection in network.projections:
        if projection.table is None:
            sends[projection.pre] = receives[projection.post] = True
        else:
            sends[projection.pre[projection.table.pre]] = True
            receives[projection.post[projection.table.post]] = True
    for current in network.currents:
        receives[current.cells] = True
    for population in network.populations:
        cells = slice(population.first_id, population.first_id + population.size)
        if population.is_source and not sends[cells].any():
            yield Finding("warning", population.label, "No cell gets its spikes: the population is never connected.")
        elif not population.is_source and not sends[cells].any() and not receives[cells].any():
            yield Finding("warning", population.label, "The population is never connected, and gets no current.")


def _check_recorded(network: NetworkSpec) -> Iterator[Finding]:
    recorded = {recording.population for recording in network.recordings if len(recording.cells)}
    cells = [population for population in network.populations if not population.is_source]
    if network.populations and not recorded:
        yield Finding("warning", "script", "Nothing is recorded, so the simulation would leave no data.")
        return
    for population in cells:
        if population.id not in recorded:
            yield Finding("warning", population.label, "The population is never recorded.")


def check_view(script: str, result: CheckResult, rows: int = 20) -> RenderableType:
    """The result as text: counts, memory, findings."""
    from rich.console import Group
    from rich.text import Text

    from pyNN.cli.tables import counts_table, findings_table

    facts = result.facts
    sources = f" and {facts['sources']:,} spike sources" if facts["sources"] else ""
    memory = ", ".join(f"{name} {size:,.0f} MB" for name, size in facts["memory_mb"].items())
    parts: list[RenderableType] = [
        Text(
            f"{script}: {facts['cells']:,} cells{sources}, {facts['connections']:,} connections, "
            f"{facts['duration_ms']:g} ms with a time step of {facts['dt']:g} ms",
            style="bold",
        ),
        Text(f"Estimated memory: {memory}"),
        *_time_lines(facts.get("seconds", {})),
        Text(),
        counts_table(_shortened(facts["populations"], rows), _shortened(facts["projections"], rows)),
        Text(),
    ]
    if result.findings:
        parts.append(findings_table(result.findings))
    else:
        parts.append(Text("Nothing looks wrong.", style="green"))
    return Group(*parts)


def _time_lines(seconds: dict[str, dict[str, Any]]) -> list[Any]:
    from rich.text import Text

    if not seconds:
        return []
    parts = [
        f"{name} {_duration(p['total'])} (build {_duration(p['describe'] + p['build'])}, run {_duration(p['run'])})"
        for name, p in seconds.items()
    ]
    basis = next(iter(seconds.values()))["basis"]
    return [Text(f"Estimated time: {', '.join(parts)}"), Text(f"  from {basis}", style="dim")]


def _duration(seconds: float) -> str:
    from pyNN.utility.progress import duration

    return f"{seconds:.2g} s" if seconds < 60 else duration(seconds)


def _shortened(entries: Sequence[dict[str, Any]], rows: int) -> list[dict[str, Any]]:
    if len(entries) <= rows:
        return list(entries)
    return [*entries[: rows - 1], {"label": f"... and {len(entries) - rows + 1} more"}]
