"""Every row of docs/traps.md names tests that exist and say that they show it, and the other way round."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "traps.md"
ROW = re.compile(r"^\| (?P<key>[DFU]\d+) \|(?P<cells>.*)\|$", re.MULTILINE)
NODE = re.compile(r"`(?P<file>test_\w+\.py)::(?P<test>test_\w+)`")


def documented() -> dict[str, set[tuple[str, str]]]:
    """Key of a row -> (file, test) that it names."""
    rows: dict[str, set[tuple[str, str]]] = {}
    for row in ROW.finditer(PAGE.read_text(encoding="utf-8")):
        assert row["key"] not in rows, f"{row['key']} has two rows"
        rows[row["key"]] = {(node["file"], node["test"]) for node in NODE.finditer(row["cells"])}
    return rows


def marked() -> dict[str, set[tuple[str, str]]]:
    """Key -> (file, test) with the mark ``@pytest.mark.trap(key)``."""
    found: dict[str, set[tuple[str, str]]] = {}
    for file in TESTS.rglob("test_*.py"):
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef) or not function.name.startswith("test"):
                continue
            for decorator in function.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.trap":
                    for key in decorator.args:
                        found.setdefault(ast.literal_eval(key), set()).add((file.name, function.name))
    return found


def test_every_defect_has_a_row() -> None:
    keys = set(documented())
    assert {f"D{k}" for k in range(1, 44)} <= keys
    assert {f"F{k}" for k in range(1, 13)} <= keys
    assert {f"U{k}" for k in range(1, 11)} <= keys


def test_every_row_names_tests_that_exist_and_carry_its_mark() -> None:
    tests = marked()
    for key, named in documented().items():
        assert named, f"{key} names no test"
        assert named <= tests.get(key, set()), f"{key}: {named - tests.get(key, set())} do not exist or lack the mark"


def test_every_marked_test_stands_in_its_row() -> None:
    rows = documented()
    for key, tests in marked().items():
        assert tests <= rows.get(key, set()), f"add to the row {key}: {tests - rows.get(key, set())}"
