"""A script on a backend in a process of its own, with a line that says how long it has been at it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pyNN.cli.runner import EXIT_NOT_OBSERVED

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Outcome:
    """How a process ended and what it printed."""

    backend: str
    exit_code: int
    output: str
    errors: str
    folder: Path

    @property
    def ok(self) -> bool:
        return self.exit_code == 0

    @property
    def unobserved(self) -> bool:
        return self.exit_code == EXIT_NOT_OBSERVED

    def result(self, suffix: str) -> Path:
        """The file in which the observer's findings are, if it got that far."""
        return self.folder / f"{self.backend}{suffix}"

    def last_words(self, lines: int = 25) -> str:
        """The end of what it wrote to stderr, or to stdout where that is empty."""
        shown = (self.errors.strip() or self.output.strip()).splitlines()[-lines:]
        if self.exit_code < 0:
            shown.append(f"The process was ended by signal {signal.Signals(-self.exit_code).name}.")
        return "\n".join(shown) or f"The process ended with exit code {self.exit_code} and said nothing."


def run_observed(
    mode: str, backend: str, script: str, arguments: Sequence[str], folder: Path, console: Console
) -> Outcome:
    """Run the script; `mode` is "compare" or "check". Ctrl-C ends the process and then this one."""
    out, err = folder / f"{backend}.out", folder / f"{backend}.err"
    request = json.dumps([mode, str(folder), backend, script, *arguments])
    with open(out, "wb") as stdout, open(err, "wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "pyNN.cli.runner", request], stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )
        try:
            _wait(process, f"{backend}: {Path(script).name}", console)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in (out, err)]
    return Outcome(backend, process.returncode, texts[0], texts[1], folder)


def _wait(process: subprocess.Popen[bytes], label: str, console: Console) -> None:
    began = time.monotonic()
    with console.status(label) as status:
        _poll(
            process, lambda: status.update(f"{label}  [dim]{time.monotonic() - began:.0f} s[/dim]"), console.is_terminal
        )


def _poll(process: subprocess.Popen[bytes], tick: Callable[[], None], interactive: bool) -> None:
    while interactive and process.poll() is None:
        tick()
        time.sleep(_POLL_SECONDS)
    process.wait()
