"""Examples of the documentation and of docstrings run, links lead somewhere, and the README shows the real script."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pyNN

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(
    r"(<!-- not run: (?P<reason>.+?) -->\s*\n)?^```(?P<kind>python|pycon)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


def blocks(page: Path) -> list[tuple[int, str, str]]:
    """(line, kind, code) of every block that is to run."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in BLOCK.finditer(text):
        if match["reason"] is None:
            found.append((text.count("\n", 0, match.start("code")), match["kind"], match["code"]))
    return found


def pages_with_code() -> list[Path]:
    # The README's script takes the backend from the command line; a test of its own compares it with the file.
    return [page for page in PAGES if page.name != "README.md" and blocks(page)]


def modules() -> Iterator[str]:
    # By files, because pkgutil.walk_packages imports, and one module that fails would hide all others.
    folder = Path(pyNN.__path__[0])
    for file in folder.rglob("*.py"):
        parts = file.relative_to(folder).with_suffix("").parts
        name = ".".join(["pyNN", *(part for part in parts if part != "__init__")])
        if not name.endswith("__main__") and not name.startswith("pyNN.testing"):
            yield name


def run_doctest(test: doctest.DocTest) -> None:
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(test, out=report.append, clear_globs=False)
    if runner.summarize(verbose=False).failed:
        pytest.fail("".join(report), pytrace=False)


@pytest.mark.parametrize("page", pages_with_code(), ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one page share one namespace and run in order."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for line, kind, code in blocks(page):
        if kind == "pycon":
            run_doctest(doctest.DocTestParser().get_doctest(code, namespace, page.name, str(page), line))
        else:
            # Empty lines in front make the line numbers of a traceback those of the page.
            exec(compile("\n" * line + code, str(page), "exec"), namespace)


@pytest.mark.parametrize("name", sorted(modules()))
def test_the_examples_of_docstrings_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        # Modules under old names may warn when they are imported.
        warnings.simplefilter("ignore", DeprecationWarning)
        module = importlib.import_module(name)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        if test.examples:
            run_doctest(test)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_to_files_lead_to_files(page: Path) -> None:
    for match in LINK.finditer(page.read_text(encoding="utf-8")):
        target = match["target"].split("#")[0]
        if target and "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").splitlines()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.stem in {"index", *navigation}, f"add {page.stem} to a toctree in docs/index.md"


def test_the_script_in_the_readme_is_the_example() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / "examples" / "first_script.py").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.S)
    docstring = ast.get_docstring(ast.parse(script), clean=False)
    assert script.replace(f'"""{docstring}"""', "").strip() == code.strip()
    assert len(script.strip().splitlines()) == 15


def test_the_readme_has_the_two_commands() -> None:
    commands = re.findall(r"```sh\n(.*?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    assert len(commands) == 2
    assert commands[0].count("\n") == 0 and "pynn compare examples/balanced_network.py" in commands[0]
    assert commands[1] == "bash tests/run"
    assert "bash tests/run" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_benchmarks_that_a_page_names_exist(page: Path) -> None:
    for name in re.findall(r"benchmarks/(\w+\.py)", page.read_text(encoding="utf-8")):
        assert (ROOT / "benchmarks" / name).exists(), f"{page.name} names benchmarks/{name}"
