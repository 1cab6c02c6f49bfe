"""Nothing that comes from a file or a string is executed: the sources call what could do so in named places only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("pynn_core", "backends", "standardmodels", "connectors", "benchmarks", "docs", "examples")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "_build" not in path.parts)

EXECUTING = {"eval", "exec", "compile", "__import__", "execfile"}
"""Functions of Python that run text."""
EXECUTING_METHODS = {
    "sympify", "parse_expr", "lambdify",  # SymPy's run text as Python
    "exec_module", "run_path", "run_module", "SourceFileLoader", "import_source",
    "popen", "getoutput",
    "read_pickle", "from_pickle", "Unpickler", "PickleIO", "execute_script",
}  # fmt: skip
"""Functions of modules that run text or files."""
LOADERS = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "jsonpickle"}
"""Modules whose load() and loads() can run what is in a file."""

ALLOWED = {
    ("pynn_core/recording/files.py", "pickle.load"): "PickleFile, after the user has said allow_pickle=True",
    ("pynn_core/equations/store.py", "exec_module"): (
        "the kernels that the package has written itself from parsed equations, in the user's own cache folder"
    ),
    ("pynn_core/compilation/worker.py", "exec"): "kernels that the package has written itself from parsed equations",
    ("pynn_core/compilation/worker.py", "compile"): "the same",
    ("pynn_core/equations/store.py", "exec"): "the same, where no folder can be written",
    ("pynn_core/equations/store.py", "compile"): "the same",
    ("pynn_core/parallel.py", "pickle.loads"): "what another rank of the same job has sent, as mpi4py's own methods do",
    ("pynn_core/sweep/worker.py", "pickle.loads"): (
        "the job that the process which started this one wrote into a folder of its own, as multiprocessing does"
    ),
    ("pynn_core/sweep/worker.py", "run_path"): "the script of the user who sweeps it",
    ("pynn_core/plugins.py", "exec_module"): "the method's own definition, of a loader of installed packages",
    ("pynn_core/cli/runner.py", "run_path"): "`pynn run script.py` runs the script that the user names",
    ("examples/data_handling.py", "PickleIO"): "reads the file that the same script has just written",
    ("examples/compat/grid_addresses.py", "exec"): "the idiom of its time, on the name of a backend",
    ("examples/compat/balanced_random_network.py", "exec"): "the idiom of its time, on the name of a backend",
    ("examples/compat/stdp_pair.py", "__import__"): "the idiom of its time, on the name of a backend",
}
"""(file, call) -> why it may."""


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def executing_calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(what is called, line) for all that could execute text or the content of a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in EXECUTING_METHODS:
            yield node.name, node.lineno
        if isinstance(node, ast.ImportFrom) and node.module in LOADERS:
            yield f"from {node.module} import {node.names[0].name}", node.lineno
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        *owners, last = name.split(".")
        keywords = {k.arg: k.value for k in node.keywords}
        if (not owners or owners == ["builtins"]) and last in EXECUTING:
            yield last, node.lineno
        elif last in EXECUTING_METHODS or name == "os.system":
            yield last, node.lineno
        elif owners and owners[-1] in LOADERS and last in ("load", "loads", "load_all", "unsafe_load", "open"):
            yield f"{owners[-1]}.{last}", node.lineno
        elif last == "load" and "allow_pickle" in keywords and not _is(keywords["allow_pickle"], False):
            yield "load(allow_pickle)", node.lineno
        elif "shell" in keywords and not _is(keywords["shell"], False):
            yield "shell", node.lineno


def _is(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def calls_of(path: Path) -> list[tuple[str, int]]:
    return list(executing_calls(ast.parse(path.read_text(encoding="utf-8"), str(path))))


def test_nothing_is_executed_but_in_named_places() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), name): line for path in SOURCES for name, line in calls_of(path)
    }
    surprises = [f"{file}:{line} {name}" for (file, name), line in found.items() if (file, name) not in ALLOWED]
    assert surprises == [], "use a parser, or give the place and its reason in ALLOWED"
    assert sorted(set(ALLOWED) - set(found)) == [], "these are not there any more"
    assert len(SOURCES) > 100


@pytest.mark.parametrize(
    "text",
    [
        "eval(x)", "builtins.exec(x)", "__import__(x)", "compile(x, 'f', 'eval')", "pickle.load(f)", "pickle.loads(b)",
        "pickle.Unpickler(f)", "from pickle import load", "yaml.load(f)", "np.load(f, allow_pickle=True)",
        "np.load(f, allow_pickle=allow)", "sympy.sympify(text)", "subprocess.run(x, shell=True)", "os.system(x)",
        "pandas.read_pickle(f)", "spec.loader.exec_module(m)", "marshal.loads(b)", "neo.io.PickleIO(f)",
    ],
)  # fmt: skip
def test_what_the_search_finds(text: str) -> None:
    assert list(executing_calls(ast.parse(text)))


@pytest.mark.parametrize(
    "text",
    [
        "re.compile(x)", "ast.literal_eval(x)", "json.load(f)", "np.load(f)", "np.load(f, allow_pickle=False)",
        "yaml.safe_load(f)",
        "pickle.dump(x, f)", "self.eval(x)", "platform.system()", "np.loadtxt(f)", "subprocess.run(x, shell=False)",
    ],
)  # fmt: skip
def test_what_the_search_lets_pass(text: str) -> None:
    assert not list(executing_calls(ast.parse(text)))
