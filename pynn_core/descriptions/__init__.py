"""Text that describes populations, projections, models: templates filled with the contexts that describe() makes.

Engines: "string" (`$name`) and "jinja2" (`{{ name }}`). "default" takes the one that the template is written for.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from pyNN.descriptions.readable import readable
from pyNN.descriptions.templates import TEMPLATES
from pyNN.errors import CapabilityError, InvalidParameterValueError, MissingPackageError, PyNNError

__all__ = [
    "DEFAULT_TEMPLATE_ENGINE",
    "TEMPLATES",
    "TEMPLATE_ENGINES",
    "Jinja2TemplateEngine",
    "StringTemplateEngine",
    "TemplateEngine",
    "get_default_template_engine",
    "readable",
    "render",
]

DEFAULT_TEMPLATE_ENGINE: str | None = None
"""Name of the engine to use where a call does not say; None: the one that the template is written for."""

_WIDTH = 110
_LONGEST_NAME = 40
_LONGEST_SHOWN = 200
_LARGEST_ARGUMENT = 10_000
_WIDE = re.compile(r"%[^a-zA-Z%]*(\d{4,}|\*)")
_NAME = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_JINJA = re.compile(r"\{\{|\{%")


class TemplateEngine:
    """Base of the engines."""

    @classmethod
    def get_template(cls, template: str) -> Any:
        """The engine's template object for a default template's name, a file, or the text of a template."""
        raise NotImplementedError

    @classmethod
    def render(cls, template: str, context: Mapping[str, Any]) -> str:
        """The text of `template` with the values of `context`."""
        raise NotImplementedError


class StringTemplateEngine(TemplateEngine):
    """Python's string templates: `$name` or `${name}`."""

    @classmethod
    def get_template(cls, template: str) -> Template:
        return Template(_source(template))

    @classmethod
    def render(cls, template: str, context: Mapping[str, Any]) -> str:
        text = {name: readable(value) for name, value in context.items()}
        if template in TEMPLATES:
            return _wrapped(Template(_lines_for(template, context)).substitute(text))
        try:
            return cls.get_template(template).substitute(text)
        except KeyError as error:
            raise InvalidParameterValueError(
                f"The template asks for ${error.args[0]}, but this description has only: {', '.join(context)}."
            ) from error
        except ValueError as error:
            raise InvalidParameterValueError(
                f"Not a template of the 'string' engine: {error}. Names look like $label; write $$ for a dollar sign."
            ) from error


class Jinja2TemplateEngine(TemplateEngine):
    """Jinja2 templates, which see the whole context: `{{ celltype.name }}`."""

    @classmethod
    def get_template(cls, template: str) -> Any:
        return cls._from_text(_source(template))

    @classmethod
    def render(cls, template: str, context: Mapping[str, Any]) -> str:
        if template in TEMPLATES:
            lines = _NAME.sub(r"{{ \1\2 }}", _lines_for(template, context))
            return _wrapped(cls._from_text(lines).render(**context))
        errors = cls._package().TemplateError
        try:
            return cls.get_template(template).render(**context)
        except PyNNError:
            raise
        except (errors, ArithmeticError, AttributeError, LookupError, MemoryError, NameError, RecursionError, TypeError,
                ValueError, SyntaxError) as error:  # fmt: skip
            raise InvalidParameterValueError(
                f"The template cannot be filled: {error}. This description has: {', '.join(context)}."
            ) from error

    @staticmethod
    def _package() -> Any:
        try:
            import jinja2
        except ImportError as error:
            raise MissingPackageError(
                "This template needs the package jinja2. Install it with: pip install jinja2"
            ) from error
        return jinja2

    @classmethod
    def _from_text(cls, text: str) -> Any:
        jinja2 = cls._package()
        sandbox = importlib.import_module("jinja2.sandbox")
        # A template may come from somebody else; it fills in values, and reaches nothing beyond them.
        environment = _modest(sandbox.ImmutableSandboxedEnvironment)(
            finalize=readable, undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
        )
        return environment.from_string(text)


def _modest(base: type) -> type:
    """A Jinja2 environment in which no single expression makes numbers or texts of any size."""

    class Modest(base):  # type: ignore[misc]
        intercepted_binops = frozenset(["*", "**", "%"])

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            # Texts at random of any length.
            self.globals.pop("lipsum", None)
            self.globals["range"] = _limited_range()
            for name in ("batch", "center", "format", "indent", "round", "slice", "truncate", "wordwrap"):
                self.filters[name] = _with_small_arguments(self.filters[name])

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            _check_sizes(operator, left, right)
            return super().call_binop(context, operator, left, right)

    return Modest


def _limited_range() -> Any:
    """range() that gives so many numbers in all, also where one loop is inside another."""
    left = _LARGEST_ARGUMENT

    def limited(*arguments: int) -> range:
        nonlocal left
        numbers = range(*arguments)
        left -= len(numbers)
        if left < 0:
            raise InvalidParameterValueError(f"The loops of a template run over at most {_LARGEST_ARGUMENT} numbers.")
        return numbers

    return limited


def _with_small_arguments(function: Any) -> Any:
    @functools.wraps(function)
    def limited(*arguments: Any, **named: Any) -> Any:
        for value in (*arguments, *named.values()):
            if isinstance(value, int) and abs(value) > _LARGEST_ARGUMENT:
                raise InvalidParameterValueError(f"A filter of a template takes numbers up to {_LARGEST_ARGUMENT}.")
            if isinstance(value, str) and function.__name__ == "do_format":
                _check_sizes("%", value, None)
        return function(*arguments, **named)

    return limited


def _check_sizes(operator: str, left: Any, right: Any) -> None:
    if operator == "%":
        too_large = isinstance(left, str) and _WIDE.search(left) is not None
    elif operator == "**":
        too_large = isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > _LARGEST_ARGUMENT
    else:
        sized, times = (left, right) if hasattr(left, "__len__") else (right, left)
        too_large = hasattr(sized, "__len__") and isinstance(times, int) and len(sized) * times > _LARGEST_ARGUMENT
    if too_large:
        raise InvalidParameterValueError(f"A template does not make texts and numbers of that size: '{operator}'.")


TEMPLATE_ENGINES: dict[str, type[TemplateEngine]] = {"string": StringTemplateEngine, "jinja2": Jinja2TemplateEngine}


def get_default_template_engine() -> type[TemplateEngine]:
    """The engine named by DEFAULT_TEMPLATE_ENGINE, or else jinja2 where it is installed, or else "string"."""
    if DEFAULT_TEMPLATE_ENGINE is not None:
        return TEMPLATE_ENGINES[DEFAULT_TEMPLATE_ENGINE]
    return Jinja2TemplateEngine if importlib.util.find_spec("jinja2") else StringTemplateEngine


def render(engine: str | type[TemplateEngine] | TemplateEngine | None, template: str | None, context: Any) -> Any:
    """The text of `template` filled from `context`; the context itself with ``template=None``.

    `template` is the name of a default template (the keys of TEMPLATES), a file, or a template's text. Raises
    InvalidParameterValueError for a template that does not exist or asks for what the context does not have.
    """
    if template is None:
        return context
    return _engine(engine, template).render(template, context)


def _engine(engine: Any, template: str) -> Any:
    if engine is None or engine == "default":
        if DEFAULT_TEMPLATE_ENGINE is not None:
            return TEMPLATE_ENGINES[DEFAULT_TEMPLATE_ENGINE]
        # The same call gives the same text whether jinja2 is installed or not.
        return Jinja2TemplateEngine if _JINJA.search(_source(template)) else StringTemplateEngine
    if isinstance(engine, str):
        if engine == "cheetah":
            raise CapabilityError("Cheetah templates are not supported; write the template for 'string' or 'jinja2'.")
        if engine not in TEMPLATE_ENGINES:
            known = ", ".join(["default", *TEMPLATE_ENGINES])
            raise InvalidParameterValueError(f"There is no template engine '{engine}'. Engines: {known}.")
        return TEMPLATE_ENGINES[engine]
    return engine


def _source(template: str) -> str:
    """The text of a template."""
    if template in TEMPLATES:
        return TEMPLATES[template]
    if "\n" in template or "$" in template or _JINJA.search(template):
        return template
    path = Path(template)
    try:
        if path.is_file():
            return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidParameterValueError(
            f"'{template:.{_LONGEST_SHOWN}}' cannot be read as a template: {error}."
        ) from error
    raise InvalidParameterValueError(
        f"There is no template '{template:.{_LONGEST_SHOWN}}'. Give the name of a default template "
        f"({', '.join(TEMPLATES)}), a file, or the text of a template with names such as $label."
    )


def _lines_for(template: str, context: Mapping[str, Any]) -> str:
    """A default template without the lines for which the context has no value."""
    lines = []
    for line in TEMPLATES[template].splitlines():
        names = [braced or plain for braced, plain in _NAME.findall(line)]
        if all(name in context and not _nothing(context[name]) for name in names):
            lines.append(line)
    return "\n".join(lines)


def _wrapped(text: str) -> str:
    """The text of a default template with long values on several lines, below each other."""
    lines = []
    for line in text.splitlines():
        name, colon, _ = line.partition(": ")
        indent = " " * len(name + colon) if colon and len(name) < _LONGEST_NAME else ""
        wrapper = textwrap.TextWrapper(
            _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        lines.append(wrapper.fill(line))
    return "\n".join(lines)


def _nothing(value: Any) -> bool:
    return value is None or (isinstance(value, (Mapping, list, tuple)) and not value)
