"""One run in a process of its own: whatever happens to it, it becomes a row."""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

from pyNN.errors import InvalidModelError, SimulatorError
from pyNN.parallel import serial_environment
from pyNN.sweep.grid import Point
from pyNN.sweep.rows import FAILED, Row

_OUTPUT_LINES = 25
_OUTPUT_CHARACTERS = 4000
_SECONDS_TO_END = 5.0
_THREADS_OF_LIBRARIES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS")


@dataclass(frozen=True)
class Job:
    """One run, as it travels to where it is done."""

    model: bytes
    """The pickled model; only the run's own process opens it."""
    parameters: Point
    main: str | None
    """The file of the script that defines the model, if that is the main script."""
    path: tuple[str, ...]
    """sys.path, so that the model's modules are found."""
    arguments: tuple[str, ...]
    """sys.argv, which the main script may read when it is imported."""
    folder: str
    """The working directory."""
    source_hash: str
    timeout_s: float | None = None


def pickled_model(model: Callable[..., Any]) -> tuple[bytes, str | None]:
    """(the pickle of a model, the main script that it needs); InvalidModelError if it cannot be sent to a process."""
    main = getattr(sys.modules["__main__"], "__file__", None)
    in_main = getattr(model, "__module__", type(model).__module__) == "__main__"
    by_value = in_main and main is None
    try:
        if by_value:
            return _by_value(model), None
        return pickle.dumps(model), os.path.abspath(main) if in_main and main is not None else None
    except (pickle.PicklingError, AttributeError, TypeError, ImportError) as error:
        try:
            return _by_value(model), None
        except Exception:
            raise InvalidModelError(
                f"{model!r} is to be called in other processes, so it must be importable there: define it at the top "
                "level of a module or script, or install cloudpickle (pip install cloudpickle), which also sends "
                f"functions of notebooks and functions within functions ({type(error).__name__}: {error})."
            ) from error


def _by_value(model: Callable[..., Any]) -> bytes:
    return bytes(importlib.import_module("cloudpickle").dumps(model))


def run_isolated(job: Job, register: Callable[[subprocess.Popen[bytes]], None] | None = None) -> Row:
    """The row of one run. Errors of the run, also its violent death, are in the row.

    The process ends when this one does, whatever ends it. `register` is told of the process.
    """
    with tempfile.TemporaryDirectory(prefix="pynn-sweep-") as scratch:
        folder = Path(scratch)
        (folder / "job").write_bytes(pickle.dumps(job))
        started = datetime.now(timezone.utc).isoformat(timespec="seconds")
        began = time.monotonic()
        with open(folder / "output", "wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "pyNN.sweep.worker", scratch],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_environment(),
                # `python -m` looks for modules here first; a file of the user's must not hide one of Python's.
                cwd=scratch,
                # Ctrl-C is for the sweep, not for its runs, which would all take it for their own failure.
                start_new_session=True,
            )
        if register is not None:
            register(process)
        late = _wait(process, job.timeout_s)
        wall_time = time.monotonic() - began
        text = (folder / "output").read_text(encoding="utf-8", errors="replace")
        row = _result(folder, job, process.returncode, late)
    row.parameters = dict(job.parameters)
    row.started, row.wall_time_s = started, round(wall_time, 3)
    row.exit_code, row.source_hash = process.returncode, job.source_hash
    row.output = "\n".join(text.splitlines()[-_OUTPUT_LINES:])[-_OUTPUT_CHARACTERS:]
    return row


def _environment() -> dict[str, str]:
    environment = serial_environment()
    if "PYTHONPATH" in environment:
        # The process begins in a folder of its own.
        folders = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(folder) for folder in folders if folder)
    environment["PYTHONUNBUFFERED"] = "1"
    for name in _THREADS_OF_LIBRARIES:
        # As many runs at once as there are cores leave no cores for threads of the linear algebra.
        environment.setdefault(name, "1")
    return environment


def _wait(process: subprocess.Popen[bytes], timeout_s: float | None) -> bool:
    """Whether the process had to be ended because it took too long."""
    try:
        process.wait(timeout_s)
        return False
    except subprocess.TimeoutExpired:
        end(process)
        return True
    finally:
        if process.stdin is not None:
            process.stdin.close()


def end(process: subprocess.Popen[bytes]) -> None:
    """End a run and everything that it has started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            break
        try:
            process.wait(_SECONDS_TO_END)
            break
        except subprocess.TimeoutExpired:
            continue


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _result(folder: Path, job: Job, exit_code: int, late: bool) -> Row:
    stored = folder / "row"
    # What a run has given stays, also if its process came to grief after that.
    row = Row.from_bytes(stored.read_bytes(), stored) if stored.exists() else Row({}, FAILED)
    if late:
        row.status, row.error = FAILED, f"The run took longer than {job.timeout_s:g} s and was ended."
    elif exit_code < 0:
        name = signal.Signals(-exit_code).name
        why = " This is how Linux ends a process when memory runs out." if name == "SIGKILL" else ""
        row.status, row.error = FAILED, f"The process was ended by signal {name}.{why}"
    elif not row.ok and not row.error:
        row.error = f"The process ended with exit code {exit_code} before the run did."
    return row


class LocalProcesses(Executor):
    """An executor for `run_isolated` on this machine: `workers` runs at a time."""

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="sweep")
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._cancelled = False

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        return self._threads.submit(self._run, function, *arguments, **named)

    def _run(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if self._cancelled:
            raise SimulatorError("The sweep was interrupted.")
        return function(*arguments, register=self._register, **named)

    def _register(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._processes = {p for p in self._processes if p.poll() is None} | {process}
            if self._cancelled:
                _kill(process)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """With `cancel_futures`, also ends what is running."""
        if cancel_futures:
            with self._lock:
                self._cancelled = True
                for process in self._processes:
                    _kill(process)
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)


def importable_path() -> tuple[str, ...]:
    """sys.path, with the folder of the main script or the present one first, as absolute paths."""
    return tuple(os.path.abspath(p) if p else os.getcwd() for p in sys.path)


def file_of(model: Any) -> str | None:
    """The file in which a model is defined, if there is one."""
    module: ModuleType | None = sys.modules.get(getattr(model, "__module__", type(model).__module__))
    return getattr(module, "__file__", None)
