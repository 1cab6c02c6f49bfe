"""Runs one script on one backend, in this process: ``python -m pyNN.cli.runner``. Internal to the command line tool."""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

BACKEND_PLACEHOLDER = "{backend}"

EXIT_SCRIPT_FAILED = 1
EXIT_NOT_OBSERVED = 4


def script_arguments(script: str, backend: str, arguments: list[str]) -> list[str]:
    """sys.argv for a script: the backend's name comes first, or wherever an argument says {backend}."""
    if any(BACKEND_PLACEHOLDER in argument for argument in arguments):
        return [script, *(argument.replace(BACKEND_PLACEHOLDER, backend) for argument in arguments)]
    return [script, backend, *arguments]


def run_script(script: str, backend: str, arguments: list[str]) -> None:
    """Execute a script as ``python script backend arguments`` would; it may raise whatever the script raises."""
    sys.argv = script_arguments(script, backend, arguments)
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as leave:
        if leave.code not in (None, 0):
            raise


def main(arguments: list[str]) -> int:
    """Arguments: the mode ("compare" or "check"), a folder for results, the backend, the script, its arguments."""
    mode, folder, backend, script, *rest = arguments
    caught = _remember_warnings()
    module = importlib.import_module(f"pyNN.{backend}")
    observer = _observer(mode)
    module.script.observers.append(observer)
    began = time.perf_counter()
    error = _attempt(script, backend, rest)
    elapsed = time.perf_counter() - began
    simulation = _simulation_of(module)
    if observer.observation is None and simulation is not None and (mode == "check" or not error):
        # A script need not call end().
        observer.before_close(simulation)
    if observer.observation is not None:
        observer.observation.facts.update(process_s=elapsed, warnings=caught, error=error)
        observer.observation.save(Path(folder) / f"{backend}{observer.observation.SUFFIX}")
    if error:
        return EXIT_SCRIPT_FAILED
    if observer.observation is None:
        why = "never calls setup()" if simulation is None else "never calls run()"
        print(f"{script} {why} of pyNN.{backend}.", file=sys.stderr)
        return EXIT_NOT_OBSERVED
    return 0


def _simulation_of(module: Any) -> Any:
    """The simulation of a backend's module, or None if the script has made none."""
    from pyNN.errors import NotSetUpError

    try:
        return module.script.simulation
    except NotSetUpError:
        return None


def _observer(mode: str) -> Any:
    if mode == "check":
        from pyNN.cli.check import Inspector

        return Inspector()
    from pyNN.cli.observe import Observer

    return Observer()


def _attempt(script: str, backend: str, arguments: list[str]) -> str:
    """Run the script; the text of the exception that ended it, or ''."""
    try:
        run_script(script, backend, arguments)
    except SystemExit as leave:
        return f"the script ended itself with exit code {leave.code}"
    except BaseException as error:
        print(script_traceback(error, script), end="", file=sys.stderr)
        return f"{type(error).__name__}: {error}"
    return ""


def script_traceback(error: BaseException, script: str) -> str:
    """The traceback from the script on: its own frames are what its author needs, not those of this runner."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [i for i, frame in enumerate(frames) if os.path.abspath(frame.filename) == os.path.abspath(script)]
    shown = traceback.format_list(frames[own[0] :] if own else frames)
    last = traceback.format_exception_only(type(error), error)
    return "".join(["Traceback (most recent call last):\n", *shown, *last])


def _remember_warnings() -> list[dict[str, str]]:
    """A list that every warning is added to, besides being shown."""
    caught: list[dict[str, str]] = []
    show = warnings.showwarning

    def remember(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        entry = {"category": category.__name__, "message": str(message)}
        if entry not in caught:
            caught.append(entry)
        show(message, category, filename, lineno, file, line)

    warnings.showwarning = remember
    return caught


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
