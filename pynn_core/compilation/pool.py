"""Workers: processes that compile units, as many at a time as there are processors."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

from pyNN.compilation import cache as files
from pyNN.compilation.library import Unit, sealed
from pyNN.errors import InternalError
from pyNN.parallel import serial_environment

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from pyNN.compilation.worker import main; main()"
_IDLE_SECONDS = 2.0
_MOST_WORKERS = 8

_Find = Callable[[], "bytes | None"]
_Job = tuple["Future[bytes]", Unit, str, _Find]


class _Worker:
    """A process that compiles. It goes on when its user interrupts the program, and ends with its standard input."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=serial_environment(),
            start_new_session=True,
        )

    def compile(self, job: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise InternalError("A worker was started without pipes.")
        stdin.write(json.dumps(job).encode() + b"\n")
        stdin.flush()
        reply = stdout.readline()
        if not reply:
            raise OSError(f"it ended with exit code {self._process.wait()}")
        return dict(json.loads(reply))

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()


class _Pool:
    def __init__(self) -> None:
        self.workers_started = 0
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._waiting = 0

    def submit(self, unit: Unit, find: _Find) -> Future[bytes]:
        future: Future[bytes] = Future()
        # Made here, as Python 3.11 may fail when two threads parse at a time (github.com/python/cpython/issues/106905).
        text = unit.text
        with self._lock:
            self._jobs.put((future, unit, text, find))
            if self._waiting < self._jobs.qsize() and self._threads < _number_of_workers():
                self._threads += 1
                threading.Thread(target=self._serve, daemon=True, name="pynn-compile").start()
        return future

    def wake(self) -> None:
        """Have a worker that waits for units for some seconds, unless there is one."""
        with self._lock:
            if not self._threads:
                self._threads += 1
                threading.Thread(target=self._serve, args=(True,), daemon=True, name="pynn-compile").start()

    def _next(self) -> _Job | None:
        with self._lock:
            self._waiting += 1
        try:
            return self._jobs.get(timeout=_IDLE_SECONDS)
        except queue.Empty:
            with self._lock:
                if self._jobs.empty():
                    self._threads -= 1
                    return None
            return self._jobs.get()
        finally:
            with self._lock:
                self._waiting -= 1

    def _start_worker(self) -> _Worker:
        worker = _Worker()
        self.workers_started += 1
        return worker

    def _serve(self, at_once: bool = False) -> None:
        worker: _Worker | None = None
        try:
            if at_once:
                # What prevents it is the answer to whoever wants a unit.
                with contextlib.suppress(OSError):
                    worker = self._start_worker()
            while (job := self._next()) is not None:
                future, unit, text, find = job
                try:
                    with _only_process(unit):
                        code = find()
                        if code is None:
                            if worker is None:
                                worker = self._start_worker()
                            code = _compiled(worker, unit, text)
                    future.set_result(code)
                except BaseException as error:
                    future.set_exception(error)
        finally:
            if worker is not None:
                worker.close()


def _compiled(worker: _Worker, unit: Unit, text: str) -> bytes:
    symbols = {name: unit.symbol(name) for name in unit.signatures}
    job = {"name": unit.name, "text": text, "signatures": dict(unit.signatures), "symbols": symbols}
    try:
        reply = worker.compile(job)
    except OSError as error:
        raise InternalError(f"The process that compiles {unit.name} failed: {error}.") from error
    if "error" in reply:
        raise InternalError(f"{unit.name} could not be compiled:\n{reply['error']}")
    code = base64.b64decode(reply["code"])
    files.write(unit.file, sealed(code))
    return code


@contextlib.contextmanager
def _only_process(unit: Unit) -> Iterator[None]:
    """Let one process at a time compile a unit, where the file system knows locks: others then find it there."""
    from filelock import FileLock

    place = files.folder()
    if place is None:
        yield
        return
    lock = FileLock(place / f"{unit.file}.lock")
    try:
        lock.acquire()
    except (OSError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            os.unlink(lock.lock_file)


def _number_of_workers() -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(available, _MOST_WORKERS))


_pool = _Pool()
submit = _pool.submit
wake = _pool.wake


def number_of_workers_started() -> int:
    """How many processes this one has started to compile."""
    return _pool.workers_started
