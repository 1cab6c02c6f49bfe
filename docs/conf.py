"""Settings of Sphinx, and tables that the documentation takes from the package itself, so that they cannot differ.

A line ``<!-- table: NAME -->`` in a page is replaced when the documentation is built; the pages of the models, in
models/, are written then.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

# Sphinx does not import its configuration from a package.
sys.path.insert(0, str(Path(__file__).parent))
import model_pages

project = "pynn-core"
author = "The pynn-core developers"
release = metadata.version("pynn-core")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "pynn-core"
myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]
myst_links_external_new_tab = True
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True, "show-inheritance": True}
# Docstrings are plain text with a little Markdown; only literal quotes and indented blocks are marked up.
default_role = "code"

_PLACE = re.compile(r"^<!-- table: (\w+) -->$", re.MULTILINE)
_FLAGS = {
    "dynamics": "cells have dynamics",
    "equations": "a script's own cell types, from their equations",
    "threads": "several threads",
    "mpi": "several processes (MPI)",
    "smaller_delay_after_run": "smaller delays after the first run",
    "exclusive": "one simulation at a time in a process",
}


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", _write_model_pages)
    app.connect("env-get-outdated", _pages_with_tables)
    app.connect("source-read", _insert_tables)


def _write_model_pages(app: Any) -> None:
    model_pages.write_pages(Path(app.srcdir) / "models", _backends())


def _pages_with_tables(app: Any, env: Any, *pages: set[str]) -> list[str]:
    # Their source stays the same when the package changes.
    return [page for page in env.found_docs if _PLACE.search(Path(env.doc2path(page)).read_text(encoding="utf-8"))]


def _insert_tables(app: Any, page: str, source: list[str]) -> None:
    # A name that does not exist ends the build.
    source[0] = _PLACE.sub(lambda match: TABLES[match.group(1)](), source[0])


def _backends() -> list[Any]:
    from pyNN.mock.backend import MockBackend
    from pyNN.nest.backend import NestBackend
    from pyNN.reference.backend import ReferenceBackend

    return [ReferenceBackend(), NestBackend(), MockBackend()]


def _table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("|" + "---|" * lines[0].count(" | ") + "---|")
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def capabilities() -> str:
    """One column a backend: what it can do."""
    backends = _backends()
    rows = [
        [text, *("yes" if getattr(backend.capabilities, name) else "no" for backend in backends)]
        for name, text in _FLAGS.items()
    ]
    for name, text in (
        ("native_rules", "connectors it can draw itself"),
        ("native_sources", "spike sources it has a generator for"),
    ):
        rows.append([text, *(", ".join(getattr(backend.capabilities, name)) or "none" for backend in backends)])
    return _table(["", *(f"`pyNN.{backend.name}`" for backend in backends)], rows)


def options() -> str:
    """The keywords of setup() that only one backend has."""
    rows = [
        [f"`{backend.name}`", f"`{name}`", f"`{option.default!r}`", ", ".join(map(repr, option.choices)), option.doc]
        for backend in _backends()
        for name, option in backend.capabilities.options.items()
    ]
    return _table(["backend", "keyword", "default", "choices", "meaning"], rows)


def missing() -> str:
    """What a backend cannot do, with its reason."""
    rows = [
        [f"`{backend.name}`", name, reason]
        for backend in _backends()
        for name, reason in backend.capabilities.missing.items()
    ]
    return _table(["backend", "what", "why"], rows)


def models() -> str:
    """Every model by kind, with a link to its page."""
    return model_pages.index(_backends())


def connectors() -> str:
    """Every connector with the first sentence on it."""
    import inspect

    import pyNN.connectors as module
    from pyNN.connectors import Connector

    rows = []
    for name, connector in sorted(vars(module).items()):
        if isinstance(connector, type) and issubclass(connector, Connector) and connector is not Connector:
            signature = ", ".join(p for p in inspect.signature(connector).parameters if p != "self")
            rows.append([f"`{name}({signature})`", (connector.__doc__ or "").strip().splitlines()[0]])
    return _table(["connector", "connections"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "capabilities": capabilities,
    "options": options,
    "missing": missing,
    "models": models,
    "connectors": connectors,
}
