"""What all fuzz tests share: a watch that fails the test when a reader executes something or does not end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

# What Python reports when code from a text or a file would run. "compile" is not among them: a syntax tree is made of
# each expression, and is not executed.
FORBIDDEN = (
    "exec", "os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen", "pickle.find_class",
    "socket.connect", "ctypes.dlopen", "shutil.rmtree", "os.remove", "webbrowser.open",
)  # fmt: skip
SECONDS = 20
"""Far above what any of these small inputs needs (milliseconds), also on a loaded machine."""

_seen: list[str] | None = None


class TooLongError(BaseException):
    """A reader that does not come to an end; no `except Exception` may take it for a defect of the file."""



def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event in FORBIDDEN:
        _seen.append(f"{event} {arguments!r:.200}")


@contextmanager
def _watched() -> Iterator[None]:
    global _seen
    _seen = []

    def too_long(*_: Any) -> None:
        raise TooLongError(f"no end after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        seen, _seen = _seen, None
    assert not seen, f"executed: {seen}"


@pytest.fixture(scope="session")
def watched() -> Callable[[], AbstractContextManager[None]]:
    """``with watched():`` fails if anything is executed meanwhile, or if it takes too long."""
    if not getattr(sys, "_pynn_audited", False):
        # An audit hook cannot be taken away again, so there is one a process.
        sys.addaudithook(_audit)
        sys._pynn_audited = True  # type: ignore[attr-defined]
    return _watched
