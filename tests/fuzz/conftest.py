"""What all fuzz tests share: damage, and a watch that fails when a reader executes something or does not end."""

from __future__ import annotations

import encodings
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

import pyNN
from pyNN.errors import PyNNError

# What Python reports when code from a text or a file would run. "compile" is not among them: a syntax tree is made of
# each expression, and is not executed.
FORBIDDEN = (
    "exec", "os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen", "pickle.find_class",
    "socket.connect", "ctypes.dlopen", "shutil.rmtree", "os.remove", "webbrowser.open",
)  # fmt: skip
MAKERS = tuple(os.path.join("site-packages", name, "") for name in ("jinja2", "sympy"))
HARMLESS = tuple(os.path.dirname(package.__file__) for package in (pyNN, encodings))
OWN_FILES = (".undo", ".before", ".part")
SECONDS = 20
"""Far above what any of these small inputs needs (milliseconds), also on a loaded machine."""

_seen: list[str] | None = None
_reader = 0
"""The thread that is watched."""


class TooLongError(BaseException):
    """A reader that does not come to an end; no `except Exception` may take it for a defect of the file."""


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    # `quantities` works out the product of powers that a unit is, whose names are units only, from a file named "".
    is_made_here = event == "exec" and getattr(arguments[0], "co_filename", None) == ""
    # SymPy makes the products of monomials of so many variables from a text of its own, Jinja2 makes Python of a
    # template for its sandbox, and both import some modules late.
    if event == "exec" and not is_made_here:
        files = sys._getframe(1).f_code.co_filename, arguments[0].co_filename
        is_made_here = any(package in file for package in MAKERS for file in files)
        # Our own modules, and those that decode text, may be imported late, too.
        is_module = arguments[0].co_name == "<module>"
        is_made_here |= is_module and os.path.dirname(files[1]).startswith(HARMLESS)
    # Recordings that stream remove what they have put beside themselves.
    is_made_here |= event == "os.remove" and str(arguments[0]).endswith(OWN_FILES)
    # Kernels that an earlier test has asked for are compiled in threads of their own.
    if _seen is not None and event in FORBIDDEN and not is_made_here and threading.get_ident() == _reader:
        _seen.append(f"{event} {arguments!r:.200}")


@contextmanager
def _watched() -> Iterator[None]:
    global _seen, _reader
    _seen, _reader = [], threading.get_ident()

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


@pytest.fixture(scope="session")
def read_or_refuse(watched: Callable[[], AbstractContextManager[None]]) -> Callable[[Callable[[], Any]], Any]:
    """read_or_refuse(read): what `read` gives, or None if it refuses with an exception of pyNN.errors, in a watch."""

    def attempt(read: Callable[[], Any]) -> Any:
        with warnings.catch_warnings(), watched():
            # What is read in spite of something (another layout, delays off the grid) is told by a warning.
            warnings.simplefilter("ignore")
            try:
                return read()
            except PyNNError as error:
                assert str(error)
                return None

    return attempt


# What often means something in a file: lengths, offsets and floats at the ends of their ranges.
_NUMBERS = [bytes([byte]) * size for byte in (0x00, 0x7F, 0x80, 0xFF) for size in (1, 2, 4, 8)]
_NUMBERS += [(1).to_bytes(8, "little"), b"\x00" * 6 + b"\xf0\x7f", b"\xc3\x28", b"\n", b" ", b"\t"]


def _damaged(content: bytes, draw: random.Random, words: Sequence[bytes]) -> bytes:
    """The content with a few bytes replaced, removed, repeated or added, and sometimes its end cut off."""
    for _ in range(draw.choice((1, 1, 1, 2, 3, 5))):
        place = draw.randrange(len(content) + 1)
        kind = draw.randrange(6)
        if kind == 0 and content:
            place = min(place, len(content) - 1)
            content = content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]
        elif kind == 1:
            content = content[:place] + draw.randbytes(draw.randrange(7)) + content[place + draw.randrange(13) :]
        elif kind == 2:
            number = draw.choice(_NUMBERS)
            content = content[:place] + number + content[place + len(number) :]
        elif kind == 3:
            other = draw.randrange(len(content) + 1)
            content = content[:place] + content[other : other + draw.randrange(40)] + content[place:]
        elif kind == 4:
            content = content[:place] + content[place + draw.randrange(40) :]
        else:
            content = content[:place] + draw.choice(words) + content[place + draw.choice((0, 0, 1, 4)) :]
    return content[: draw.randrange(len(content) + 1)] if draw.random() < 0.15 else content


def _rounds(number: int) -> Iterator[random.Random]:
    seed, end = int(os.environ.get("PYNN_FUZZ_SEED", "1")), float(os.environ.get("PYNN_FUZZ_SECONDS", "inf"))
    draw = random.Random(seed)
    begin, count = time.monotonic(), 0
    for count in range(number * int(os.environ.get("PYNN_EXAMPLES", "1"))):
        try:
            yield draw
        except GeneratorExit:
            print(f"round {count} of PYNN_FUZZ_SEED={seed}")
            raise
        if time.monotonic() - begin > end:
            break
    print(f"{count + 1} rounds")


def _numbered_copies(contents: Sequence[bytes], number: int, words: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    for draw in _rounds(number):
        which = draw.randrange(len(contents))
        copy = _damaged(contents[which], draw, words)
        try:
            yield which, copy
        except GeneratorExit:
            print(f"copy of number {which}: {copy!r}")
            raise


@pytest.fixture(scope="session")
def rounds() -> Callable[[int], Iterator[random.Random]]:
    """rounds(number): `number` times PYNN_EXAMPLES, what random choices are to be made with.

    They are the same in every run, unless PYNN_FUZZ_SEED is set. PYNN_FUZZ_SECONDS ends early. `pytest -rP` shows how
    many there were; the number of the one that fails is shown.
    """
    return _rounds


@pytest.fixture(scope="session")
def damaged_copies() -> Callable[..., Iterator[bytes]]:
    """damaged_copies(contents, number, words): in as many `rounds`, damaged copies of one of the contents.

    `words`: what else is put in at random places. What fails is shown with its bytes.
    """

    def copies(contents: Sequence[bytes], number: int, words: Sequence[bytes] = (b"",)) -> Iterator[bytes]:
        for _, copy in _numbered_copies(contents, number, words):
            yield copy

    return copies


@pytest.fixture(scope="session")
def damaged_files() -> Callable[..., Iterator[Path]]:
    """damaged_files(files, number, words): in as many `rounds`, one of the files, which is damaged meanwhile."""

    def damage(files: Sequence[Path], number: int, words: Sequence[bytes] = (b"",)) -> Iterator[Path]:
        contents = [file.read_bytes() for file in files]
        for which, copy in _numbered_copies(contents, number, words):
            files[which].write_bytes(copy)
            yield files[which]
            files[which].write_bytes(contents[which])

    return damage
