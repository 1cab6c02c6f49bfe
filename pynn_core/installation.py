"""Whether the files of the package `pyNN` are all this distribution's.

PyNN has the same import name. If both are installed into one environment, each overwrites some files of the other, and
what is left is neither: it might still run, and compute something else. That is found here, before anything is used.
"""

from __future__ import annotations

import os
import sys

_OURS = "pynn-core"

FOREIGN_FILES = ("connectors.py", "random.py", "spiNNaker.py", "nineml/__init__.py", "hardware/__init__.py")
"""Relative paths that PyNN's distribution has and this one does not."""

REMEDY = (
    "Both use the import name pyNN, so only one of them can live in an environment. To keep pynn-core:\n"
    "    python -m pip uninstall -y PyNN pynn-core\n"
    "and install pynn-core again; to keep PyNN, do the same and install PyNN again. "
    "To compare the two, give each an environment of its own."
)


def foreign_files(folder: str) -> list[str]:
    """Those of `FOREIGN_FILES` that lie in `folder`."""
    return [name for name in FOREIGN_FILES if os.path.exists(os.path.join(folder, *name.split("/")))]


def verify(folder: str, distribution: str | None) -> None:
    """Raise ImportError if PyNN's files lie among this package's.

    `folder` is that of the imported package `pyNN`, `distribution` what its ``__distribution__`` says: None there means
    that PyNN's own ``__init__.py`` has replaced ours.
    """
    if distribution != _OURS:
        raise ImportError(f"PyNN has been installed over pynn-core in {folder}. {REMEDY}")
    found = foreign_files(folder)
    if found:
        raise ImportError(
            f"Files of PyNN ({', '.join(found)}) lie among those of pynn-core in {folder}. {REMEDY}"
        )


def verify_imported() -> None:
    """The same for the package `pyNN` as it was imported; for modules that can be reached past our ``__init__.py``."""
    package = sys.modules["pyNN"]
    verify(list(package.__path__)[0], getattr(package, "__distribution__", None))
