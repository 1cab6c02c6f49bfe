"""Small helpers under the names that PyNN 0.13 has for them."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sized
from typing import Any, NoReturn

import numpy as np

from pyNN.errors import PyNNDeprecationWarning, SimulatorError


def is_listlike(obj: Any) -> bool:
    """Whether `obj` is a list, tuple, set, range or array with a length, rather than one value."""
    if isinstance(obj, np.ndarray):
        return obj.ndim > 0
    return isinstance(obj, list | tuple | set | frozenset | range) or (
        isinstance(obj, Sized) and hasattr(obj, "__array__")
    )


def user_stacklevel() -> int:
    """The `stacklevel` with which warnings.warn() in the calling function points at the user's line.

    That is the innermost line outside this package, however many of its functions are in between.
    """
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "pyNN":
        frame = frame.f_back
        level += 1
    return level


class deprecated:
    """A decorator for functions of an older API: a call gives PyNNDeprecationWarning that names `replacement`."""

    def __init__(self, replacement: str = "") -> None:
        self.replacement = replacement

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        advice = f" Use {self.replacement} instead." if self.replacement else ""

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            warnings.warn(f"{func.__name__}() is deprecated.{advice}", PyNNDeprecationWarning, stacklevel=2)
            return func(*args, **kwargs)

        wrapper.__doc__ = f"*Deprecated*.{f' Use ``{self.replacement}`` instead.' if self.replacement else ''}"
        return wrapper


def reraise(exception: Exception, message: str) -> NoReturn:
    """Raise `exception` again, with `message` appended to its text."""
    exception.args = (*exception.args[:-1], f"{exception.args[-1] if exception.args else ''}\n{message}".lstrip("\n"))
    raise exception


def ezip(*args: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Pairs of an element of the first argument and the tuple of the others' elements, up to the shortest."""
    for items in zip(*args, strict=False):
        yield items[0], items[1:]


class IndexBasedExpression:
    """Base of functions f(i, j) of pre- and post-synaptic index that also know their projection.

    A subclass implements ``__call__(self, i, j)`` for arrays i and j; `projection` is set before it is called.
    """

    def __init__(self) -> None:
        self._projection: Any = None

    @property
    def projection(self) -> Any:
        return getattr(self, "_projection", None)

    @projection.setter
    def projection(self, projection: Any) -> None:
        self._projection = projection

    def __call__(self, i: Any, j: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, i, j).")


def find(command: str) -> str:
    """Full path of a program, or "" if it is not on the search path."""
    return shutil.which(command) or ""


def run_command(path: str, working_directory: str | os.PathLike[str]) -> tuple[int, list[str]]:
    """Run a program in a directory: its exit status and the lines that it printed (both streams).

    Raises SimulatorError if it cannot be started.
    """
    try:
        result = subprocess.run(
            shlex.split(path),
            cwd=working_directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except OSError as error:
        raise SimulatorError(f"'{path}' could not be started in '{working_directory}': {error}.") from error
    return result.returncode, result.stdout.split("\n")
