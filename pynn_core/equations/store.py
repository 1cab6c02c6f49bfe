"""Analyses of models and generated NumPy modules on disk, so that a second process need not make them again."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Callable
from functools import cache
from types import ModuleType

from pyNN.compilation import cache as files
from pyNN.compilation import expect
from pyNN.equations.analysis import Analysis, analyse
from pyNN.models import Definition

_SOURCES = (
    "language", "dimensions", "arrays", "analysis", "methods", "program", "functions", "refinement", "lockstep",
    "kernels", "extended", "fixed", "explicit", "economy",
)  # fmt: skip
_importing = threading.RLock()


@cache
def _generator() -> str:
    return files.digest(*(files.source_text(f"pyNN.equations.{name}") for name in _SOURCES))


def key(definition: Definition) -> str:
    """Identifies a model's dynamics: everything but default values and documentation."""
    units = repr(sorted(definition.units.items())) + repr(list(definition.states))
    receptors = repr([(n, r.unit, r.on_spike) for n, r in definition.receptors.items()])
    texts = [definition.equations, definition.threshold, definition.reset, definition.refractory]
    texts += ["within step"] if definition.threshold_within_step else []
    if definition.constants or definition.tables or definition.events or definition.functions:
        texts += [definition.functions, repr(sorted(definition.constants.items())), repr(definition.events)]
        texts.append(repr([(n, t.unit) for n, t in definition.tables.items()]))
    settings = (definition.method, definition.update_interval, definition.unchecked_units)
    texts += [repr(settings)] if settings != ("auto", 0.0, False) else []
    texts += [
        repr((n, s.kind, s.minimum, s.maximum))
        for n, s in definition.states.items() if (s.kind, s.minimum, s.maximum) != ("float", "", "")
    ]
    texts += [f"shared {n}" for n, p in definition.parameters.items() if p.shared]
    return files.digest(definition.name, units, receptors, *texts, _generator())


def analysis(definition: Definition) -> Analysis:
    """The analysis of a model, from disk if it is there."""
    name = f"{files.identifier(definition.name)}_{key(definition)}.json"

    def made() -> str:
        # A new model: next is its kernel.
        expect()
        return analyse(definition).to_json()

    return Analysis.from_json(_text(name, made))


def module(name: str, make_source: Callable[[], str], identity: str) -> ModuleType:
    """The module whose source `make_source` gives and `identity` identifies; written once, imported once a process."""
    full_name = f"_pynn_{files.identifier(name)}_{identity}"
    # Another thread must not find a module that is only half there.
    with _importing:
        known = sys.modules.get(full_name)
        return known or _imported(full_name, f"{files.identifier(name)}_{identity}.py", make_source)


def _imported(full_name: str, file: str, make_source: Callable[[], str]) -> ModuleType:
    text = _text(file, make_source)
    path = files.find(file)
    if path is None:
        made = ModuleType(full_name)
        exec(compile(text, f"<{file}>", "exec"), made.__dict__)
        sys.modules[full_name] = made
        return made
    spec = importlib.util.spec_from_file_location(full_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported.")
    made = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = made
    try:
        spec.loader.exec_module(made)
    except BaseException:
        del sys.modules[full_name]
        raise
    return made


def _text(name: str, make: Callable[[], str]) -> str:
    stored = files.read(name)
    if stored is not None:
        return stored.decode("utf-8")
    text = make()
    files.write(name, text.encode("utf-8"))
    return text
