"""Checkpoints while a simulation runs: every so often, and when the system says that time is up."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyNN.core import user_stacklevel
from pyNN.errors import CheckpointWarning, InvalidParameterValueError

if TYPE_CHECKING:
    from pyNN.simulation import Simulation

DEFAULT_EVERY_SECONDS = 600.0
_STOP, _GO_ON = "SIGTERM", "SIGUSR1"


class Keeper:
    """Writes a checkpoint every `every` seconds of wall time, at the end of the run and on SIGUSR1 or SIGTERM.

    SIGTERM then ends the process, with exit code 143.
    """

    def __init__(self, path: Any, every: float | None = None, pending: list[str] | None = None) -> None:
        if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
            raise InvalidParameterValueError(f"checkpoint must be the name of a file, not {path!r}.")
        self.path = Path(os.path.abspath(path))
        if not self.path.parent.is_dir():
            raise InvalidParameterValueError(f"checkpoint={os.fspath(path)!r}: the folder does not exist.")
        self.every = DEFAULT_EVERY_SECONDS if every is None else _seconds(every)
        self._last = time.monotonic()
        self._pending: list[str] = [] if pending is None else pending
        """Names of signals that have come and not been answered."""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Keeper:
        self._last = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            for name in (_STOP, _GO_ON):
                number = getattr(signal, name, None)
                if number is not None:
                    self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(self, *_: Any) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _remember(self, number: int, frame: Any) -> None:
        self._pending.append(signal.Signals(number).name)

    def look(self, simulation: Simulation) -> None:
        """Write if it is time to on any rank; called between two steps, on all ranks."""
        stop, go_on, is_due = self._agreed(simulation)
        if stop or go_on:
            self._answer(simulation, stop)
        elif is_due:
            self._write(simulation)

    def finish(self, simulation: Simulation) -> None:
        """The run is over."""
        stop, go_on, _ = self._agreed(simulation)
        if stop or go_on:
            self._answer(simulation, stop)
        else:
            self._write(simulation)

    def _agreed(self, simulation: Simulation) -> tuple[bool, bool, bool]:
        """Whether a signal to stop, or another, has reached any rank, and whether it is time for a checkpoint."""
        names = list(self._pending)
        del self._pending[: len(names)]
        own = [_STOP in names, _GO_ON in names, time.monotonic() - self._last >= self.every]
        if simulation.comm.parts > 1:
            own = [bool(one) for one in simulation.comm.largest(own, "look for signals")]
        return own[0], own[1], own[2]

    def _answer(self, simulation: Simulation, stop: bool) -> None:
        written = self._write(simulation)
        speaks = simulation.comm.rank == 0
        if not stop:
            if written and speaks:
                print(f"{_GO_ON}: the state at {simulation.t:g} ms is saved in {self.path}.", file=sys.stderr)
            return
        if written:
            text = f"Stopped by {_STOP} at {simulation.t:g} ms; the state is saved in {self.path}."
        else:
            text = f"Stopped by {_STOP} at {simulation.t:g} ms; the state of now could not be saved."
        if speaks:
            print(
                f"{text} Go on with: pynn run SCRIPT {simulation.backend.name} --resume {self.path}",
                file=sys.stderr,
                flush=True,
            )
        raise SystemExit(128 + signal.SIGTERM)

    def _write(self, simulation: Simulation) -> bool:
        """Save the state; a disk that is full must not end a simulation that is well."""
        try:
            simulation.save_state(self.path, in_run=True)
        except OSError as error:
            left = "The one before is still there." if self.path.exists() else "There is none yet."
            warnings.warn(
                f"The checkpoint of {simulation.t:g} ms could not be written to '{self.path}': "
                f"{error.strerror or error}. {left} The simulation goes on.",
                CheckpointWarning,
                stacklevel=user_stacklevel(),
            )
            return False
        finally:
            self._last = time.monotonic()
        return True


def remember_signals(path: Path) -> list[str]:
    """Have the signals of time that is up obeyed outside runs too; the names of those that the next run has to answer.

    SIGTERM ends the process then: what can be saved was saved when the last run ended.
    """
    pending: list[str] = []

    def stop(number: int, frame: Any) -> None:
        last = f"The last checkpoint is {path}." if path.exists() else "There is no checkpoint yet."
        print(f"Stopped by {_STOP} outside run(). {last}", file=sys.stderr, flush=True)
        raise SystemExit(128 + number)

    def go_on(number: int, frame: Any) -> None:
        pending.append(_GO_ON)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)
        if hasattr(signal, _GO_ON):
            signal.signal(signal.SIGUSR1, go_on)
    return pending


def _seconds(every: Any) -> float:
    try:
        seconds = float(every)
    except (TypeError, ValueError):
        seconds = math.nan
    if isinstance(every, bool) or not (math.isfinite(seconds) and seconds > 0.0):
        raise InvalidParameterValueError(f"every must be a positive number of seconds of wall time, not {every!r}.")
    return seconds
