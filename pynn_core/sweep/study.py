"""Running a study: which points are left, who works on them, and what becomes of their rows."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from functools import partial
from pathlib import Path
from typing import Any

from pyNN.errors import InvalidModelError, InvalidParameterValueError, PyNNError, SimulatorError
from pyNN.parallel import default_communicator, mpi_executor, served_by_mpi_futures
from pyNN.sweep.grid import Point, points
from pyNN.sweep.isolation import Job, LocalProcesses, file_of, importable_path, pickled_model, run_isolated
from pyNN.sweep.rows import FAILED, Results, Row, key_of
from pyNN.sweep.store import Store, Study, in_order
from pyNN.utility.progress import Progress

_TICK_SECONDS = 1.0
Check = Callable[[Row], None]


def sweep(
    model: Callable[..., Any],
    parameters: Mapping[str, Any] | Iterable[Mapping[str, Any]],
    *,
    seeds: Any = None,
    together: bool = False,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    mpi: bool = False,
    timeout_s: float | None = None,
    restart: bool = False,
    retry: bool = False,
    keep_changed: bool = False,
    progress: bool = True,
) -> Results:
    """Call `model(**point)` for each point, every time in a process of its own, and return one row for each call.

    `model`: a function at the top level of a module or script that returns a dictionary of numbers, texts and arrays;
    what it gives to report() is added. `parameters`, `seeds`, `together`: see points().

    `out`: an HDF5 file for the rows. What it holds already is not done again: a study that was interrupted or killed
    goes on where it was, and a larger grid only adds points. `restart` throws earlier rows away, `retry` repeats runs
    that have failed, `keep_changed` accepts rows of an earlier version of the model's file, otherwise refused.

    `workers`: runs at a time, by default one for each core. `executor`: any concurrent.futures.Executor to work on
    instead, such as Dask's ``Client(...).get_executor()``. `mpi`: work on the other ranks of an MPI job; every rank
    gets the results. `timeout_s` ends a run that takes longer.

    A run that fails is a row with its error. Raises InvalidModelError if the model cannot be sent to a process, and
    FileFormatError or InvalidParameterValueError for an `out` that holds something else.
    """
    if not callable(model):
        raise InvalidModelError(f"A study's model is a function of the parameters, not {model!r}.")
    chosen = points(parameters, seeds, together)
    names = list(chosen[0])
    study = Study(model_name(model), names, {"command": sys.argv})
    options: dict[str, Any] = {"timeout_s": timeout_s, "restart": restart, "retry": retry, "keep_changed": keep_changed}
    if mpi:
        if executor is not None or workers is not None:
            raise InvalidParameterValueError("With mpi=True the ranks do the work; give neither workers nor executor.")
        return _everywhere(lambda ranks: run_study(model, chosen, study, out, ranks, progress=progress, **options))
    if executor is not None:
        return run_study(model, chosen, study, out, executor, progress=progress, **options)
    with local_processes(workers) as processes:
        return run_study(model, chosen, study, out, processes, progress=progress, **options)


def model_name(model: Any) -> str:
    """As users call it: a function's name."""
    return f"the function {getattr(model, '__qualname__', type(model).__qualname__)}()"


def run_on_ranks(work: Callable[[Executor], Results]) -> Results | None:
    """What `work` makes of an executor whose workers are the other MPI ranks; None on those."""
    results = None
    with mpi_executor() as ranks:
        if ranks is not None:
            results = work(ranks)
    return results


def _everywhere(work: Callable[[Executor], Results]) -> Results:
    """The same on every rank that the script runs on; an error on rank 0 is one on all."""
    results, failure = None, ""
    try:
        results = run_on_ranks(work)
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
        raise
    finally:
        if not served_by_mpi_futures():
            results, failure = default_communicator().broadcast((results, failure))
    if results is None:
        raise SimulatorError(f"The sweep has ended on rank 0. {failure}")
    return results


@contextlib.contextmanager
def local_processes(workers: int | None) -> Iterator[LocalProcesses]:
    """An executor for this machine; whatever ends the block ends its processes."""
    number = available_cores() if workers is None else workers
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InvalidParameterValueError(f"workers is a whole number of at least 1, not {workers!r}.")
    executor = LocalProcesses(number)
    try:
        yield executor
    except BaseException:
        executor.shutdown(cancel_futures=True)
        raise
    executor.shutdown()


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_study(
    model: Callable[..., Any],
    chosen: list[Point],
    study: Study,
    out: str | os.PathLike[str] | None,
    executor: Executor,
    *,
    timeout_s: float | None = None,
    restart: bool = False,
    retry: bool = False,
    keep_changed: bool = False,
    progress: bool = True,
    source: str | os.PathLike[str] | None = None,
    check: Check | None = None,
) -> Results:
    """Do what is left of a study on an executor. `source` is the file whose hash tells versions of the model apart.

    `check` sees each new row before it is kept, and may raise to end the study.
    """
    if timeout_s is not None and not timeout_s > 0:
        raise InvalidParameterValueError(f"A run's time limit is a number of seconds above 0, not {timeout_s!r}.")
    payload, main = pickled_model(model)
    source_hash = hash_of_file(file_of(model) if source is None else source)

    def job(point: Point) -> Job:
        return Job(
            payload, point, main, importable_path(), tuple(sys.argv), os.getcwd(), source_hash, timeout_s
        )

    if out is None:
        new = {row.key: row for row in _done([job(point) for point in chosen], executor, progress, len(chosen), check)}
        return Results(in_order(chosen, new))
    store = Store(out)
    with store.opened(study, restart) as rows:
        _require_same_source(store.path, rows.values(), source_hash, keep_changed)
        left = [point for point in chosen if _is_left(rows.get(key_of(point)), retry)]
        try:
            with _termination_as_interrupt():
                for row in _done([job(point) for point in left], executor, progress, len(chosen), check):
                    store.add(row)
                    rows[row.key] = row
        finally:
            if store.has_new_rows:
                store.merge(study, in_order(chosen, rows))
        return Results(in_order(chosen, rows)[: len(chosen)])


def _is_left(row: Row | None, retry: bool) -> bool:
    return row is None or (retry and not row.ok)


def hash_of_file(file: str | os.PathLike[str] | None) -> str:
    """SHA-256 of a file, or "" for a model that is not in one."""
    return "" if file is None or not Path(file).is_file() else hashlib.sha256(Path(file).read_bytes()).hexdigest()


def _require_same_source(path: Path, rows: Iterable[Row], source_hash: str, keep_changed: bool) -> None:
    others = sum(row.source_hash != source_hash for row in rows)
    if others and not keep_changed:
        raise InvalidParameterValueError(
            f"'{path}' holds {others} run(s) of another version of the model: its file has changed. Keep them with "
            "--keep-changed (in Python: keep_changed=True), or begin anew with --restart (restart=True)."
        )


def _done(
    jobs: list[Job], executor: Executor, progress: bool, total: int, check: Check | None
) -> Iterator[Row]:
    """The rows of jobs in the order in which they finish."""
    finished: queue.SimpleQueue[tuple[Job, Future[Row]]] = queue.SimpleQueue()
    futures = []
    label = "sweep" if len(jobs) == total else f"sweep ({total - len(jobs)} of {total} done before)"
    complete = False
    try:
        for job in jobs:
            future = executor.submit(run_isolated, job)
            future.add_done_callback(partial(_put, finished, job))
            futures.append(future)
        with Progress(len(jobs), label, "runs", enabled=progress) as shown:
            for done in range(len(jobs)):
                shown(done)
                row = _row_of(*_next(finished, partial(shown, done)))
                if check is not None:
                    check(row)
                yield row
            shown(len(jobs))
        complete = True
    finally:
        if not complete:
            for future in futures:
                future.cancel()


def _put(finished: queue.SimpleQueue[Any], job: Job, future: Future[Row]) -> None:
    finished.put((job, future))


def _next(finished: queue.SimpleQueue[Any], tick: Callable[[], None]) -> Any:
    while True:
        try:
            return finished.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            tick()


def _row_of(job: Job, future: Future[Row]) -> Row:
    try:
        return future.result()
    except (BrokenExecutor, CancelledError, PyNNError, OSError) as error:
        # Nothing is wrong with the run itself, so it must not become a row.
        raise SimulatorError(
            f"The runs cannot be handed out any more ({type(error).__name__}: {error}). What has finished is kept; the "
            "same call goes on from there."
        ) from error
    except Exception as error:
        # An executor's own word for a worker that was lost with this run, several times.
        return Row(dict(job.parameters), FAILED, error=f"The worker was lost: {type(error).__name__}: {error}")


@contextlib.contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """SIGTERM, which batch systems send before the limit, ends a study as Ctrl-C does: with its rows written."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:
        # Only the main thread has signals; elsewhere they are somebody else's affair.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
