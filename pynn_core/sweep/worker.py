"""The process of one run: ``python -m pyNN.sweep.worker FOLDER``. Internal to `pyNN.sweep`."""

from __future__ import annotations

import importlib.metadata
import os
import pickle
import platform
import runpy
import sys
import threading
import traceback
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyNN.errors import InvalidParameterValueError
from pyNN.sweep.isolation import Job
from pyNN.sweep.reporting import checked_result, collecting
from pyNN.sweep.rows import FAILED, OK, Row

_EXIT_FAILED = 1


def main(folder: Path) -> int:
    """Do the run that the folder's file "job" describes, and leave its row in the file "row"."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # A pickle of our own process, in a folder that only this user can write.
    job: Job = pickle.loads((folder / "job").read_bytes())
    os.chdir(job.folder)
    # On another machine the environment may lie elsewhere, so that its own folders stay.
    sys.path[:] = [*job.path, *(path for path in sys.path[1:] if path not in job.path)]
    sys.argv = list(job.arguments)
    row, exit_code = _row(job)
    (folder / "row").write_bytes(row.to_bytes())
    return exit_code


def _end_with_parent() -> None:
    # Nobody writes to this pipe. It closes when the sweep ends, however it does, also by kill -9.
    # os.read() holds no lock of sys.stdin, for which the interpreter would wait when it ends.
    while os.read(0, 1):
        pass
    os._exit(_EXIT_FAILED)


def _row(job: Job) -> tuple[Row, int]:
    row = Row({}, OK)
    exit_code = 0
    with collecting() as collected:
        try:
            model = _model(job)
            collected.results.update(_checked(model(**job.parameters)))
        except KeyboardInterrupt:
            raise
        except SystemExit as leave:
            exit_code = _code(leave)
            if exit_code:
                said = leave.code if isinstance(leave.code, str) else f"exit code {exit_code}"
                row.status, row.error = FAILED, f"The model ended its process: {said}"
        except BaseException as error:
            row.status, row.error = FAILED, _one_line(error)
            row.traceback = _traceback(error)
            print(row.traceback, end="", file=sys.stderr)
            exit_code = _EXIT_FAILED
    row.results = dict(collected.results)
    row.manifest = _manifest() | collected.facts
    row.peak_memory_mb = round(peak_memory_mb(), 1)
    return row, exit_code


def _code(leave: SystemExit) -> int:
    if leave.code is None:
        return 0
    return leave.code if isinstance(leave.code, int) else _EXIT_FAILED


def _model(job: Job) -> Any:
    if job.main is not None:
        # As multiprocessing does: the script's definitions under the name that their pickles say.
        module = types.ModuleType("__mp_main__")
        module.__dict__.update(runpy.run_path(job.main, run_name="__mp_main__"))
        sys.modules["__main__"] = sys.modules["__mp_main__"] = module
    return pickle.loads(job.model)


def _checked(returned: Any) -> dict[str, Any]:
    if returned is None:
        return {}
    if not isinstance(returned, Mapping):
        raise InvalidParameterValueError(
            'A model returns its results by name, such as {"rate": 7.2}, or None if it calls report(); not a '
            f"{type(returned).__name__}."
        )
    return {name: checked_result(name, value) for name, value in returned.items()}


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _traceback(error: BaseException) -> str:
    """From the model on: the frames before it are not its author's."""
    own = (os.path.dirname(__file__), os.path.join(os.path.dirname(os.path.dirname(__file__)), "cli"), "<frozen runpy>")
    frames = traceback.extract_tb(error.__traceback__)
    while frames and (frames[0].filename.startswith(own) or os.path.basename(frames[0].filename) == "runpy.py"):
        del frames[0]
    shown = traceback.format_list(frames or traceback.extract_tb(error.__traceback__))
    last = traceback.format_exception_only(type(error), error)
    return "".join(["Traceback (most recent call last):\n", *shown, *last])


def _manifest() -> dict[str, Any]:
    names = ("pynn-core", "numpy", "scipy", "numba", "nest-simulator")
    return {
        "host": platform.node(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version for name in names if (version := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def peak_memory_mb() -> float:
    """The largest resident memory of this process, MB."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            # Unlike getrusage, this counts from the start of the program, without the process that has made it.
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import resource

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / 2**20 if sys.platform == "darwin" else largest / 1024


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
