"""The commands of `pynn`: what they take, what they print and how they exit.

Exit codes: 0 success, 1 a requirement that is not met or a script that fails, 2 a wrong call, 3 a backend that failed,
130 an interrupt.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from pyNN.cli.comparison import Comparison
    from pyNN.cli.processes import Outcome

EXIT_NOT_MET = 1
EXIT_BACKEND_FAILED = 3
EXIT_INTERRUPTED = 130

_FOR_SCRIPT = {"ignore_unknown_options": True, "allow_interspersed_args": True}
_SCRIPT = click.argument("script", type=click.Path(exists=True, dir_okay=False))
_ARGUMENTS = click.argument("arguments", nargs=-1, type=click.UNPROCESSED)


def _version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"pynn-core {version('pynn-core')}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Show the version.")
def pynn() -> None:
    """Write a spiking network once, run it on any simulator, and see whether the simulators agree."""


@pynn.command(context_settings=_FOR_SCRIPT, short_help="Run a script on several backends and compare.")
@_SCRIPT
@_ARGUMENTS
@click.option(
    "--backends",
    default="reference,nest",
    show_default=True,
    help="Names, with commas between; the first is the measure of the others.",
)
@click.option(
    "--figure",
    type=click.Path(dir_okay=False),
    help="Write a figure: spikes, rates, one membrane potential, differences.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write the report as JSON.")
@click.option(
    "--require",
    type=click.Choice(["identical", "statistical"]),
    help="Exit with 1 unless the backends agree that well.",
)
@click.option("--verbose", is_flag=True, help="Also show what the script prints on each backend.")
def compare(
    script: str,
    arguments: tuple[str, ...],
    backends: str,
    figure: str | None,
    json_file: str | None,
    require: str | None,
    verbose: bool,
) -> None:
    """Run SCRIPT once on each backend, each in a process of its own, and say how far the results agree.

    The script needs no changes: it gets the backend's name as its first argument, which get_simulator() of
    pyNN.utility understands; where an argument contains {backend}, the name goes there instead. Options that are not
    listed below are the script's, as is all that follows "--".

    "identical" means the same connections and the same spikes in the same time steps. "statistical" means that rates,
    CV of inter-spike intervals and pairwise correlations have distributions whose Kolmogorov-Smirnov distance is below
    0.1 or not significant at 1 %.
    """
    from pyNN.cli.comparison import Comparison
    from pyNN.cli.observe import script_hash

    names = _backend_names(backends)
    for file in (figure, json_file):
        _require_folder(file)
    if figure is not None:
        _require_figures(figure)
    console = _console()
    with tempfile.TemporaryDirectory(prefix="pynn-compare-") as folder:
        runs = _observe_all(script, names, arguments, Path(folder), console, verbose)
    comparison = Comparison.of(script, arguments, script_hash(script), runs)
    _print_comparison(comparison, require, console)
    if json_file is not None:
        _write_text(json_file, json.dumps(comparison.report(), indent=2, allow_nan=False) + "\n")
        console.print(f"Report: {json_file}", highlight=False, soft_wrap=True)
    if figure is not None:
        from pyNN.cli.figure import comparison_figure

        comparison_figure(comparison, figure)
        console.print(f"Figure: {figure}", highlight=False, soft_wrap=True)
    if require is not None and not all(pair.satisfies(require) for pair in comparison.agreements):
        raise SystemExit(EXIT_NOT_MET)


def _backend_names(text: str) -> list[str]:
    from pyNN.cli.backends import backend_names
    from pyNN.errors import nearest

    names = [name.strip() for name in text.split(",") if name.strip()]
    known = backend_names()
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"there is no backend '{name}'.{nearest(name, known)} Known: {', '.join(known)}.",
                param_hint="--backends",
            )
    if len(names) < 2 or len(set(names)) < len(names):
        raise click.BadParameter(
            f"a comparison needs two or more different backends, not '{text}'. Known: {', '.join(known)}.",
            param_hint="--backends",
        )
    return names


def _require_folder(file: str | None) -> None:
    if file is not None and not Path(file).absolute().parent.is_dir():
        raise click.UsageError(f"The folder of '{file}' does not exist.")


def _require_figures(file: str) -> None:
    # Before the simulations, which may take hours.
    import importlib.util

    if importlib.util.find_spec("matplotlib") is None:
        raise click.UsageError("--figure needs matplotlib. Install it with: pip install 'pynn-core[plot]'")
    from pyNN.cli.figure import formats

    suffix = Path(file).suffix.lstrip(".").lower()
    if suffix not in formats():
        raise click.UsageError(f"--figure {file}: the name must end in one of .{', .'.join(formats())}.")


def _write_text(file: str, text: str) -> None:
    """Write under another name first, so that the final name never holds half a file."""
    target = Path(file).absolute()
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr)
    # Without a terminal there is no width to keep to, and a table that is cut is no use in a log.
    return console if console.is_terminal else Console(stderr=stderr, width=max(console.width, 120))


def _observe_all(
    script: str, names: list[str], arguments: tuple[str, ...], folder: Path, console: Console, verbose: bool
) -> dict[str, Any]:
    from pyNN.cli.observe import Observation
    from pyNN.cli.processes import run_observed

    runs = {}
    for name in names:
        outcome = run_observed("compare", name, script, arguments, folder, console)
        if verbose and outcome.output.strip():
            console.rule(f"output on {name}", align="left")
            console.print(outcome.output.rstrip(), markup=False, highlight=False)
        if not outcome.ok:
            _fail(outcome, script)
        runs[name] = Observation.load(outcome.result(Observation.SUFFIX))
    if verbose:
        console.rule()
    return runs


def _fail(outcome: Outcome, script: str) -> None:
    errors = _console(stderr=True)
    if outcome.unobserved:
        message = (
            f"{outcome.last_words(1)}\nDoes the script take its backend from the command line? Either "
            "`sim, options = get_simulator()` of pyNN.utility, or importlib.import_module(f'pyNN.{sys.argv[1]}') does."
        )
    else:
        message = outcome.last_words()
    errors.print(f"{script} failed on {outcome.backend}:", style="bold red", markup=False, highlight=False)
    errors.print(message, markup=False, highlight=False, soft_wrap=True)
    raise SystemExit(EXIT_BACKEND_FAILED)


def _print_comparison(comparison: Comparison, require: str | None, console: Console) -> None:
    from pyNN.cli.tables import agreement_table, backends_table, verdict

    first = next(iter(comparison.runs.values()))
    words = " ".join([Path(comparison.script).name, *comparison.arguments])
    console.print(
        f"[bold]{words}[/bold]  {first.duration_ms:g} ms, time step {first.facts['dt']:g} ms", highlight=False
    )
    console.print()
    console.print(backends_table(comparison))
    for pair in comparison.agreements:
        console.print()
        console.print(agreement_table(pair))
    console.print()
    for name, run in comparison.runs.items():
        if run.facts["native"]:
            console.print(f"{name} drew connections or spikes itself (native=True), so its network is its own.")
        if run.facts["unobserved"]:
            labels = ", ".join(run.facts["unobserved"])
            console.print(
                f"{name}: created after the first run(), so their spikes are not compared: {labels}.",
                style="yellow",
                markup=False,
                highlight=False,
            )
        for warning in run.facts["warnings"]:
            console.print(
                f"{name}: {warning['category']}: {warning['message']}", style="dim", markup=False, highlight=False
            )
    console.print(verdict(comparison, require))


@pynn.command(context_settings=_FOR_SCRIPT, short_help="Run a script on one backend.")
@_SCRIPT
@click.argument("backend")
@_ARGUMENTS
@click.option("--api", help="The PyNN that the script is written for, e.g. 0.6, where it differs from 0.13.")
@click.option("--checkpoint", type=click.Path(dir_okay=False), help="Save the state in this file while it runs.")
@click.option("--every", type=float, help="Seconds of wall time from one checkpoint to the next.  [default: 600]")
@click.option(
    "--resume", type=click.Path(exists=True, dir_okay=False), help="Go on from this checkpoint of the same script."
)
def run(
    script: str,
    backend: str,
    arguments: tuple[str, ...],
    api: str | None,
    checkpoint: str | None,
    every: float | None,
    resume: str | None,
) -> None:
    """Run SCRIPT on BACKEND, as `python SCRIPT BACKEND ARGUMENTS` does.

    Options that are not listed below are the script's, as is all that follows "--". With --checkpoint, runs that name
    no file themselves save their state; SIGTERM then ends the process with exit code 143, and SIGUSR1 saves at once.
    With --resume, the script begins anew, but what it has simulated already is not simulated again.
    """
    if every is not None and checkpoint is None:
        raise click.UsageError("--every needs --checkpoint FILE.")
    if api is not None:
        _declare_api(api)
    from pyNN.cli.backends import backend_names
    from pyNN.cli.runner import run_script, script_traceback
    from pyNN.errors import BackendNotInstalledError, nearest
    from pyNN.parallel import end_all_ranks

    known = backend_names()
    if backend not in known:
        raise click.BadParameter(
            f"there is no backend '{backend}'.{nearest(backend, known)} Known: {', '.join(known)}.",
            param_hint="BACKEND",
        )
    try:
        with _checkpoints(backend, checkpoint, every, resume):
            run_script(script, backend, list(arguments))
    except BackendNotInstalledError as error:
        click.secho(str(error), fg="red", err=True)
        raise SystemExit(EXIT_BACKEND_FAILED) from error
    except Exception as error:
        text = script_traceback(error, script)
        end_all_ranks(lambda: click.echo(text, nl=False, err=True))
        raise SystemExit(EXIT_NOT_MET) from error


@pynn.command(context_settings=_FOR_SCRIPT, short_help="Run a script for many parameter values and seeds.")
@_SCRIPT
@click.argument("backend")
@_ARGUMENTS
@click.option(
    "--param",
    "parameters",
    multiple=True,
    metavar="NAME=VALUES",
    help="A parameter and its values: start:stop:n (with both ends), start:stop:n:log, or a list 1,2,5. Repeatable.",
)
@click.option("--seeds", metavar="SEEDS", help="Seeds, crossed with all else: 0:10 (0 to 9) or a list 1,2,5.")
@click.option("--zip", "together", is_flag=True, help="Vary the parameters together instead of crossing them.")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False), help="The HDF5 file for the rows; what it holds is kept."
)
@click.option("--workers", type=click.IntRange(min=1), help="Runs at a time.  [default: the number of cores]")
@click.option("--mpi", is_flag=True, help="Work on the ranks of `mpirun -n K python -m mpi4py.futures -m pyNN sweep`.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="End a run after that many seconds.")
@click.option("--retry", is_flag=True, help="Repeat runs that have failed before.")
@click.option("--restart", is_flag=True, help="Throw away what the file holds.")
@click.option("--keep-changed", is_flag=True, help="Keep rows of an earlier version of the script.")
def sweep(script: str, backend: str, arguments: tuple[str, ...], out: str, **options: Any) -> None:
    """Run SCRIPT on BACKEND once for each combination of parameter values and seeds, one row of results a run.

    The script gets each parameter as a word --NAME=VALUE, which options of get_simulator() understand; where an
    argument contains {NAME}, the value goes there instead. Seeds go to the script's option --seed, or to its setup(). A
    row has rates and irregularity of each population, and what the script gives to pyNN.sweep.report().

    The same command goes on after an interruption, and exits with 1 if runs have failed: each is a row with its error.
    """
    from pyNN.cli.sweep import WrongCallError, run_sweep, show_results
    from pyNN.errors import PyNNError

    _require_folder(out)
    _require_backend(backend)
    try:
        results = run_sweep(script, backend, arguments, out, **options)
    except WrongCallError as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from error
    except PyNNError as error:
        click.secho(str(error), fg="red", err=True)
        raise SystemExit(EXIT_NOT_MET) from error
    except KeyboardInterrupt:
        click.secho(f"Interrupted. What has finished is in {out}; the same command goes on from there.", err=True)
        raise SystemExit(EXIT_INTERRUPTED) from None
    if results is not None:
        show_results(results, out, _console())
        if results.failed:
            raise SystemExit(EXIT_NOT_MET)


def _require_backend(backend: str) -> None:
    from pyNN.cli.backends import backend_names
    from pyNN.errors import nearest
    from pyNN.utility.script_tools import available_simulators

    known = backend_names()
    if backend not in known:
        raise click.BadParameter(
            f"there is no backend '{backend}'.{nearest(backend, known)} Known: {', '.join(known)}.",
            param_hint="BACKEND",
        )
    advice = available_simulators().get(backend, "")
    if advice:
        click.secho(f"The backend '{backend}' is not installed. Install it with: {advice}", fg="red", err=True)
        raise SystemExit(EXIT_BACKEND_FAILED)


@contextmanager
def _checkpoints(backend: str, checkpoint: str | None, every: float | None, resume: str | None) -> Iterator[None]:
    """What the options of `pynn run` say about checkpoints, for the script that runs within."""
    from importlib import import_module

    if every is not None and checkpoint is None:
        raise click.UsageError("--every needs --checkpoint FILE.")
    if checkpoint is None and resume is None:
        yield
        return
    session = import_module(f"pyNN.{backend}").script
    if checkpoint is not None:
        session.write_checkpoints(checkpoint, every)
    if resume is not None:
        session.resume(resume)
    yield
    if resume is not None:
        session.check_resumed()


def _declare_api(api: str) -> None:
    from pyNN.compat import dialect
    from pyNN.errors import InvalidParameterValueError

    try:
        os.environ[dialect.VARIABLE] = dialect.checked(api)
    except InvalidParameterValueError as error:
        raise click.BadParameter(str(error), param_hint="--api") from error


@pynn.command(short_help="Show which backends are installed and what they can do.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def backends(as_json: bool) -> None:
    """Show each backend: whether it is installed, versions, what it can do, what it cannot and why."""
    from pyNN.cli.backends import backends_view, inspect_backends

    found = inspect_backends()
    if as_json:
        click.echo(json.dumps([backend.as_dict() for backend in found], indent=2))
    else:
        _console().print(backends_view(found))


@pynn.command(context_settings=_FOR_SCRIPT, short_help="Look for mistakes in a script without simulating.")
@_SCRIPT
@_ARGUMENTS
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def check(script: str, arguments: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """Run SCRIPT on the mock backend, which simulates nothing, and look at the network it describes.

    Counts cells and connections, estimates the memory that they need, and warns of values that are probably mistakes:
    weights of the wrong sign, delays off the time grid, magnitudes that look like another unit, populations that are
    never connected or recorded.
    """
    from pyNN.cli.check import CheckResult, check_view
    from pyNN.cli.processes import run_observed

    console = _console()
    with tempfile.TemporaryDirectory(prefix="pynn-check-") as folder:
        outcome = run_observed("check", "mock", script, arguments, Path(folder), _console(stderr=True))
        stored = outcome.result(CheckResult.SUFFIX)
        if not stored.exists():
            _fail(outcome, script)
        result = CheckResult.load(stored)
    if as_json:
        click.echo(json.dumps(result.as_dict(), indent=2))
    else:
        console.print(check_view(script, result))
        if result.error:
            _console(stderr=True).print(outcome.last_words(), markup=False, highlight=False, soft_wrap=True)
    if result.has_errors or (strict and result.findings):
        raise SystemExit(EXIT_NOT_MET)


@pynn.command(short_help="Compile the standard models before the first simulation.")
@click.argument("names", nargs=-1)
def warmup(names: tuple[str, ...]) -> None:
    """Compile the kernels of all standard cell types, synapse types and connectors, for which no simulation then waits.

    NAMES limit that to what has one of them in its name, such as IF_cond_exp. What is there already is not compiled
    again. The kernels are kept in the folder that is shown at the end; the variable PYNN_CORE_CACHE names another.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from pyNN.cli.warmup import jobs, warm_up
    from pyNN.errors import nearest

    known = [name for name, _ in jobs()]
    for name in names:
        if not any(name in job for job in known):
            plain = [job for job in known if "differ" not in job]
            raise click.BadParameter(f"nothing is called '{name}'.{nearest(name, plain)} Known: {'; '.join(plain)}.")
    console = _console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("compiling", total=len(known))
        result = warm_up(
            names, lambda done, total, name: bar.update(task, completed=done, total=total, description=name)
        )
    click.echo(str(result))
    for name, reason in result.failures.items():
        click.secho(f"{name}: {reason}", fg="red", err=True)
    if result.failures:
        raise SystemExit(EXIT_NOT_MET)


if __name__ == "__main__":
    sys.exit(pynn())
