"""The table of docs/brian2-annarchy.md: every row that says yes names an example on the page, and the example runs."""

from __future__ import annotations

import linecache
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "brian2-annarchy.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| (F\d\d-\d+) \| ([^|]+) \| (yes|no|partly) \| (?:\[([^]]+)\]\(#[^)]+\))? ?\| ?(.*)\|$", re.MULTILINE
)
ROWS = ROW.findall(TEXT)
BLOCKS = dict(re.findall(r"^### ([^\n]+)\n\n```python\n(.*?)```", TEXT, re.MULTILINE | re.DOTALL))
COMMON = re.search(r"Each needs these lines first[^\n]*\n\n```python\n(.*?)```", TEXT, re.DOTALL)
GROUPS = {
    "F01": range(1, 35), "F02": range(1, 14), "F04": range(1, 21), "F05": range(1, 11), "F10": (1, 2),
    "F11": range(1, 9),
    "F03": (5, 6, 7, 8, 12, 15, 16, 17, 19, 20), "F06": [n for n in range(1, 32) if n != 17 and not 24 <= n <= 29],
}  # fmt: skip
_done: dict[str, BaseException | None] = {}


def run(name: str) -> None:
    """Run an example once; what it raised is raised for each row that shows it."""
    if name not in _done:
        assert COMMON is not None
        code = COMMON[1] + BLOCKS[name]
        place = f"{PAGE.name}: {name}"
        # As a notebook does: a function of the example can be asked for its source.
        linecache.cache[place] = (len(code), None, code.splitlines(True), place)
        try:
            exec(compile(code, place, "exec"), {"__name__": "example"})
        except BaseException as error:
            _done[name] = error
        else:
            _done[name] = None
    error = _done[name]
    if error is not None:
        raise error


def test_there_is_one_row_for_every_capability() -> None:
    wanted = [f"{group}-{n}" for group, numbers in sorted(GROUPS.items()) for n in numbers]
    assert sorted(row[0] for row in ROWS) == sorted(wanted)


def test_every_example_of_the_page_is_shown_by_a_row() -> None:
    assert {row[3] for row in ROWS} - {""} == set(BLOCKS)


@pytest.mark.parametrize(("row", "shown"), [(row[0], row[3]) for row in ROWS if row[2] == "yes"])
def test_what_a_row_promises_runs(row: str, shown: str) -> None:
    assert shown, f"{row} says yes but shows no example"
    run(shown)


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_an_example_runs(name: str) -> None:
    run(name)
