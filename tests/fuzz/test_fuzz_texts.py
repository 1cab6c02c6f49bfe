"""Damaged short texts and small files: units, points of studies, templates, saved data of `pynn` commands.

Each is read, or refused with an exception of pyNN.errors; nothing is executed, and reading ends. PYNN_EXAMPLES
multiplies the number of texts, PYNN_FUZZ_SEED gives others.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyNN.cli.observe import Observation
from pyNN.descriptions import render
from pyNN.errors import FileFormatError
from pyNN.sweep import parse_parameter, parse_seeds, points
from pyNN.units import factor, quantity

Copies = Callable[..., Iterator[bytes]]
Reading = Callable[[Callable[[], Any]], Any]
Watched = Callable[[], Any]
WORDS = [
    word.encode("utf-8")
    for word in (
        "nan", "inf", "-1", "0", "1e400", "9" * 400, "1e-300", "__import__('os').system('true')", "9**9**9**9", "\x00",
        "\r", "\n", "\x1c", "\u0661", "\u00b5", "\ufeff", "(", ")", "[", "'", '"', "**", "/", "*", ".", "-", "_", "^",
        "1_0",
        "(" * 300, "-" * 900, "lambda: 0", "{}", "\\", "0x10", "%", " ",
    )
]  # fmt: skip


def test_a_unit_is_read_or_refused(read_or_refuse: Reading, damaged_copies: Copies) -> None:
    units = ["mV", "1/ms", "mV/ms", "uS", "nA*ms**2", "mm^2", "1/(mV*ms)", "mV**0.5", "mA/cm**2", "degrees"]
    units += ["/ms", "Mohm"]
    words = [*WORDS, b"mV", b"ms", b"**2", b"**-1", b"1/", b"**(1/3)", b"Hz", b"m", b"u"]
    for content in damaged_copies([unit.encode() for unit in units], 200, words):
        text = content.decode("utf-8", "surrogateescape")
        found = read_or_refuse(partial(quantity.__wrapped__, text))
        if found is not None:
            assert found.shape == () and np.isfinite(found.magnitude)
            read_or_refuse(partial(factor.__wrapped__, text, "mV"))


def test_the_points_of_a_study_are_read_or_refused(read_or_refuse: Reading, damaged_copies: Copies) -> None:
    """``--param name=start:stop:n`` and ``--seeds``."""
    texts = [b"w=0:1:5", b"rate=1:1000:4:log", b"model=COBA,CUBA", b"n=1,2,5", b"tau=-1e-3:2.5:3", b"seed=7"]
    texts.append(b"w=100:500:5")
    words = [*WORDS, b":", b",", b"=", b"log", b"10000000", b"99999999", b":3", b"0:1:2"]
    for content in damaged_copies(texts, 200, words):
        text = content.decode("utf-8", "surrogateescape")
        found = read_or_refuse(partial(parse_parameter, text))
        if found is not None:
            name, values = found
            assert name and values and all(isinstance(value, (int, float, str)) for value in values)
            if len(values) < 1000:
                made = read_or_refuse(partial(points, {name: values}, text.partition("=")[2]))
                assert made is None or all(set(point) == {name, "seed"} for point in made)
        seeds = read_or_refuse(partial(parse_seeds, text.partition("=")[2]))
        assert seeds is None or min(seeds) >= 0


CONTEXT = {
    "label": "cells", "size": 3, "celltype": {"name": "IF", "parameters": {"tau_m": np.arange(3.0)}}, "pre": None,
}  # fmt: skip


@pytest.mark.parametrize("engine", ["string", "jinja2"])
def test_a_template_is_filled_or_refused(engine: str, read_or_refuse: Reading, damaged_copies: Copies) -> None:
    if engine == "jinja2":
        pytest.importorskip("jinja2")
    texts = {
        "string": ["$label has ${size} cells\n$$ $celltype", "$pre\n", "population_default.txt"],
        "jinja2": ["{{ label }} has {{ size + 1 }} cells: {{ celltype.name|upper }}\n",
                   "{% for k in range(3) %}{{ k }}{{ loop.index }}{% endfor %}{% if size > 2 %}{{ pre }}{% endif %}",
                   "{% set x = celltype.parameters.tau_m %}{{ x }}{{ '%5.2f' % 3.0 }}{{ [1, 2]|sum }}"],
    }  # fmt: skip
    words = [
        *WORDS, b"$", b"${", b"}", b"{{", b"}}", b"{%", b"%}", b"{#", b"label", b"size", b"|", b"self", b"cycler",
        b"{{ ''.__class__.__mro__[1].__subclasses__() }}", b"{{ 9**(9**9) }}", b"{{ 'a'*10**9 }}",
        b"{{ range(10**9) }}",
        b"{{ size.__init__.__globals__ }}", b"{% include '/etc/passwd' %}", b"{% import 'os' as os %}", b"{{ 1/0 }}",
        b"{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}", b"{{ label.a.b }}",
        b"{{ lipsum(n=10**7) }}", b"|replace('', 'aaaa')", b"|list", b"|batch(0)", b"|indent(10**9)", b"|center(10**9)",
        b"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", b"'%999999999d' % 1", b"|format(1)", b"|int", b"[0]", b"<<",
    ]  # fmt: skip
    for content in damaged_copies([text.encode() for text in texts[engine]], 100, words):
        text = content.decode("utf-8", "surrogateescape")
        found = read_or_refuse(partial(render, engine, text, CONTEXT))
        assert found is None or (isinstance(found, str) and len(found) < 10**7)


def test_a_template_in_a_file_is_filled_or_refused(
    tmp_path: Path, read_or_refuse: Reading, damaged_copies: Copies
) -> None:
    path = tmp_path / "template.txt"
    for content in damaged_copies([b"$label has ${size} cells\n"], 50, [*WORDS, b"$", b"\xff", b"{{"]):
        path.write_bytes(content)
        found = read_or_refuse(partial(render, "string", str(path), CONTEXT))
        assert found is None or isinstance(found, str)


class Explosive:
    """A pickle of it would run a program when it is read."""

    def __reduce__(self) -> Any:
        import os

        return (os.system, ("false",))


def test_what_a_command_has_saved_is_read_or_refused(
    tmp_path: Path, watched: Watched, read_or_refuse: Reading, damaged_copies: Copies
) -> None:
    path = tmp_path / "observation.npz"
    steps, cells = np.arange(5), np.array([0, 1, 0, 2, 1])
    facts = {"cells": 3, "steps": 100, "dt": 0.1, "backend": "reference"}
    Observation(facts, steps, cells, np.zeros(3, dtype=np.int8), np.zeros((4, 1)), np.array([0])).save(path)
    valid = path.read_bytes()
    assert Observation.load(path).facts == facts
    with open(path, "wb") as file:
        np.savez(file, facts=np.array([Explosive()], dtype=object))
    with watched(), pytest.raises(FileFormatError, match=r"observation\.npz"):
        Observation.load(path)
    for content in damaged_copies([valid], 150, [*WORDS, pickle.dumps(Explosive())]):
        path.write_bytes(content)
        found = read_or_refuse(lambda: Observation.load(path))
        assert found is None or (isinstance(found.facts, dict) and len(found.steps) == len(found.cells))
