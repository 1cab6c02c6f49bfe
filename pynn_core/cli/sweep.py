"""`pynn sweep`: a script as the model of a parameter study."""

from __future__ import annotations

import ast
import importlib
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyNN.errors import InvalidParameterValueError
from pyNN.sweep.grid import SEED, Value, parse_parameter, parse_seeds, points
from pyNN.sweep.reporting import describe_run, report
from pyNN.sweep.store import Study

if TYPE_CHECKING:
    from rich.console import Console

    from pyNN.simulation import Simulation
    from pyNN.specs import RecordingSpec
    from pyNN.sweep.rows import Results, Row

_SHOWN_ROWS = 40
_SHOWN_COLUMNS = 10


@dataclass(frozen=True)
class ScriptModel:
    """A script on a backend as the model of a study: ``sweep(ScriptModel("network.py", "nest"), {"weight": [1, 2]})``.

    Each parameter goes to the script as the words ``--name value``, after the backend's name and `arguments`; where an
    argument contains {name}, the value goes there instead. `seed_by_setup`: the parameter "seed" is no word for the
    script, but the rng_seed of its setup(), which must not say another.

    The row of a run has what the script gives to pyNN.sweep.report(), and for each population of cells the number of
    cells and of spikes, the mean rate (Hz) and the mean coefficient of variation of inter-spike intervals.
    """

    script: str
    backend: str
    arguments: tuple[str, ...] = ()
    seed_by_setup: bool = False

    def words(self, parameters: Mapping[str, Value]) -> list[str]:
        """The script's command line, without the backend's name."""
        given = {name: v for name, v in parameters.items() if not (self.seed_by_setup and name == SEED)}
        text = "\n".join(self.arguments)
        words = []
        for argument in self.arguments:
            for name, value in parameters.items():
                argument = argument.replace("{" + name + "}", str(value))
            words.append(argument)
        for name, value in given.items():
            if "{" + name + "}" not in text:
                # In one word, as argparse takes a negative number in a word of its own for an option.
                words.append(f"--{name}={value}")
        return words

    def __call__(self, **parameters: Value) -> None:
        """Run the script, here and now."""
        from pyNN.cli.runner import run_script

        module = importlib.import_module(f"pyNN.{self.backend}")
        observer = SpikeObserver()
        module.script.observers.append(observer)
        if self.seed_by_setup:
            module.script.setup_defaults["rng_seed"] = parameters[SEED]
        run_script(self.script, self.backend, self.words(parameters))
        if not observer.closed and module.script.is_set_up:
            # A script need not call end().
            observer.before_close(module.script.simulation)
        if self.seed_by_setup and observer.rng_seed not in (None, parameters[SEED]):
            raise InvalidParameterValueError(
                f"The script says setup(rng_seed={observer.rng_seed}) itself, so --seeds has no effect. Let it take "
                "the seed from its command line, as an option --seed, or leave rng_seed out."
            )


class SpikeObserver:
    """Records all spikes of cells, and reports numbers, rates and irregularity when a simulation ends."""

    def __init__(self) -> None:
        self.closed = False
        self.rng_seed: int | None = None
        self._simulation: Simulation | None = None
        self._recordings: dict[int, RecordingSpec] = {}

    def before_build(self, simulation: Simulation) -> None:
        if simulation is not self._simulation:
            self._simulation, self._recordings, self.closed = simulation, {}, False
        self.rng_seed = simulation.settings.rng_seed
        for spec in simulation.network.populations:
            if not spec.is_source and spec.id not in self._recordings:
                self._recordings[spec.id] = simulation.start_recording(spec.id, "spikes", np.arange(spec.size))

    def before_close(self, simulation: Simulation) -> None:
        if simulation.current_step == 0 or simulation is not self._simulation:
            return
        self.closed = True
        describe_run(
            backend=simulation.backend.name,
            backend_versions=simulation.backend.versions(),
            rng_seed=simulation.settings.rng_seed,
            threads=simulation.settings.threads,
            timestep_ms=simulation.settings.dt,
            simulated_ms=simulation.t,
            build_s=simulation.timings["connect"] + simulation.timings["build"],
            run_s=simulation.timings["run"],
            cells=sum(spec.size for spec in simulation.network.populations if not spec.is_source),
        )
        labels: list[str] = []
        for spec in simulation.network.populations:
            recording = self._recordings.get(spec.id)
            if recording is not None:
                label = spec.label.replace("/", "_")
                labels.append(label)
                name = label if labels.count(label) == 1 else f"{label} #{labels.count(label)}"
                report(statistics(simulation, recording, spec.size, name))


def statistics(simulation: Simulation, recording: RecordingSpec, size: int, name: str) -> dict[str, Any]:
    """<name>.size, .spikes, .rate_hz and .cv_isi (NaN without a cell of three spikes) of one population."""
    from pyNN.cli.analysis import cv_isi

    spikes: Any = simulation.collect(recording)
    steps, cells = np.asarray(spikes.steps), np.asarray(spikes.cells)
    duration_s = (simulation.current_step - recording.start_step) * simulation.dt / 1000.0
    irregularity = cv_isi(steps, cells)
    return {
        f"{name}.size": size,
        f"{name}.spikes": len(steps),
        f"{name}.rate_hz": len(steps) / (size * duration_s) if size and duration_s > 0 else float("nan"),
        f"{name}.cv_isi": float(irregularity.mean()) if len(irregularity) else float("nan"),
    }


def options_of(script: str) -> set[str]:
    """Names of the options that a script's text mentions, such as "seed" for "--seed"; nothing is executed."""
    try:
        tree = ast.parse(Path(script).read_bytes(), script)
    except (SyntaxError, ValueError, RecursionError):
        # Running it will say what is wrong.
        return set()
    words = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {word[2:] for word in words if re.fullmatch(r"--\w[\w-]*", word)}


def run_sweep(
    script: str,
    backend: str,
    arguments: tuple[str, ...],
    out: str,
    *,
    parameters: tuple[str, ...] = (),
    seeds: str | None = None,
    together: bool = False,
    workers: int | None = None,
    mpi: bool = False,
    timeout: float | None = None,
    **options: bool,
) -> Results | None:
    """The rows of what the command line asks for; None on MPI ranks that have only worked."""
    from pyNN.sweep.study import local_processes, run_on_ranks, run_study

    columns: dict[str, list[Value]] = {}
    for text in parameters:
        name, values = parse_parameter(text)
        if name in columns:
            raise InvalidParameterValueError(f"The parameter '{name}' is given twice. List all its values at once.")
        columns[name] = values
    chosen = points(columns, None if seeds is None else parse_seeds(seeds), together)
    model = script_model(script, backend, arguments, seeds is not None)
    manifest = {"command": sys.argv, "script": model.script, "backend": backend, "arguments": list(arguments)}
    words = " ".join([Path(script).name, *arguments])
    study = Study(f"{words} on {backend}", list(chosen[0]), manifest)

    def work(executor: Any) -> Results:
        return run_study(
            model, chosen, study, out, executor,
            source=script, check=refuse_wrong_call, timeout_s=timeout, progress=True, **options,
        )  # fmt: skip

    if mpi:
        return run_on_ranks(work)
    with local_processes(workers) as processes:
        return work(processes)


def script_model(script: str, backend: str, arguments: tuple[str, ...], seeds: bool) -> ScriptModel:
    """The model of a study. Seeds go to the script's option --seed or placeholder {seed}, otherwise to setup()."""
    takes_seed = SEED in options_of(script) or any("{" + SEED + "}" in argument for argument in arguments)
    return ScriptModel(os.path.abspath(script), backend, arguments, seeds and not takes_seed)


def refuse_wrong_call(row: Row) -> None:
    """Raise for a script that does not understand its command line, as it will not the next time either."""
    from pyNN.sweep.rows import WRONG_CALL

    if row.exit_code == WRONG_CALL and not row.ok:
        raise WrongCallError(row.output.strip() or row.error)


class WrongCallError(InvalidParameterValueError):
    """A script that ends with exit code 2, which says that its command line is wrong."""


def show_results(results: Results, out: str, console: Console) -> None:
    """A table of the rows, if they are few, and what has become of them."""
    from rich.table import Table

    columns = results.columns()
    ok = [row for row in results if row.ok]
    if 0 < len(results) <= _SHOWN_ROWS:
        names = [*results.parameters, *(n for n in columns if n not in results.parameters and not n.endswith(".size"))]
        shown = names[:_SHOWN_COLUMNS]
        table = Table(box=None)
        for name in shown:
            table.add_column(name, justify="right")
        for i, row in enumerate(results):
            entries = [_shown(columns[name][i]) for name in shown]
            if not row.ok:
                rest = len(results.parameters)
                entries = [*entries[:rest], f"[red]{_escaped(row.error)[:60]}[/red]"]
            table.add_row(*entries[: len(shown)] if len(entries) <= len(shown) else entries)
        console.print(table)
        if len(names) > len(shown):
            console.print(f"and {len(names) - len(shown)} more columns", style="dim")
        console.print()
    seconds = sum(row.wall_time_s for row in results)
    console.print(
        f"{len(results)} runs, {len(ok)} ok, {len(results) - len(ok)} failed; {seconds:.0f} s of work", highlight=False
    )
    for row in results.failed[:3]:
        where = ", ".join(f"{name}={value}" for name, value in row.parameters.items())
        console.print(f"failed: {where}: {row.error}", style="red", markup=False, highlight=False, soft_wrap=True)
    console.print(f"Results: {out}", highlight=False, soft_wrap=True)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _shown(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    return _escaped(str(value))
