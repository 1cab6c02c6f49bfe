"""The commands themselves: options, messages and exit codes that need no simulation."""

import json
import sys

import pytest
from click.testing import CliRunner

from pyNN.cli.app import pynn
from pyNN.cli.runner import run_script, script_arguments


@pytest.fixture
def script(tmp_path):
    file = tmp_path / "script.py"
    file.write_text("pass\n")
    return str(file)


def invoke(*arguments):
    return CliRunner().invoke(pynn, arguments)


def test_version_is_that_of_the_distribution():
    from importlib.metadata import version

    assert invoke("--version").output == f"pynn-core {version('pynn-core')}\n"


@pytest.mark.parametrize("command", ["compare", "run", "backends", "check"])
def test_every_command_explains_itself(command):
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 5


def test_a_missing_script_is_a_wrong_call(tmp_path):
    result = invoke("compare", str(tmp_path / "nothing.py"))
    assert result.exit_code == 2
    assert "does not exist" in result.output


@pytest.mark.parametrize(
    ("backends", "message"),
    [
        ("reference,nset", "there is no backend 'nset'. Did you mean 'nest'? Known: reference, nest, mock"),
        ("reference", "needs two or more different backends"),
        ("nest,nest", "needs two or more different backends"),
    ],
)
def test_backends_that_cannot_be_compared(script, backends, message):
    result = invoke("compare", script, "--backends", backends)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())


def test_files_that_cannot_be_written_are_refused_before_anything_runs(script, tmp_path):
    result = invoke("compare", script, "--json", str(tmp_path / "no" / "report.json"))
    assert result.exit_code == 2
    assert "folder" in result.output
    result = invoke("compare", script, "--figure", str(tmp_path / "figure.xyz"))
    assert result.exit_code == 2
    assert "must end in one of" in result.output


def test_run_refuses_an_unknown_backend(script):
    result = invoke("run", script, "brain")
    assert result.exit_code == 2
    assert "there is no backend 'brain'" in " ".join(result.output.split())


def test_a_script_gets_the_backend_first_or_where_it_wants_it():
    assert script_arguments("s.py", "nest", ["--n", "3"]) == ["s.py", "nest", "--n", "3"]
    assert script_arguments("s.py", "nest", ["--sim={backend}", "x"]) == ["s.py", "--sim=nest", "x"]


def test_run_script_is_like_python_script(tmp_path, monkeypatch):
    (tmp_path / "beside.py").write_text("NUMBER = 7\n")
    script = tmp_path / "script.py"
    script.write_text(
        "import json, sys\nimport beside\n"
        "json.dump([__name__, sys.argv[1:], beside.NUMBER], open(sys.argv[-1], 'w'))\nsys.exit(0)\n"
    )
    monkeypatch.setattr(sys, "argv", ["pynn"])
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    out = tmp_path / "out.json"
    run_script(str(script), "mock", ["--x", str(out)])
    assert json.loads(out.read_text()) == ["__main__", ["mock", "--x", str(out)], 7]


def test_an_exit_code_of_the_script_is_not_lost(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit(5)\n")
    monkeypatch.setattr(sys, "argv", ["pynn"])
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with pytest.raises(SystemExit) as leave:
        run_script(str(script), "mock", [])
    assert leave.value.code == 5
