"""Every example runs on every backend, as its first line says."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {
    "first_script.py": [],
    "balanced_network.py": ["--cells", "500", "--duration", "100", "--probability", "0.1"],
    "grid_cuba.py": ["--side", "12", "--duration", "100"],
}
"""Arguments that make an example small; an example that is not listed fails the first test below."""
NEEDS = {"nest": "nest"}


def run_example(name, backend, *arguments):
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), backend, *SMALL[name], *arguments],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_every_example_is_tested():
    assert {file.name for file in EXAMPLES.glob("*.py")} == set(SMALL)


@pytest.mark.parametrize("backend", ["reference", "nest", "mock"])
@pytest.mark.parametrize("name", sorted(SMALL))
def test_example_runs(name, backend):
    if backend in NEEDS and importlib.util.find_spec(NEEDS[backend]) is None:
        pytest.skip(f"{NEEDS[backend]} is not installed")
    done = run_example(name, backend)
    assert done.returncode == 0, done.stderr
    assert "spikes/s" in done.stdout
    rates = [float(line.split("spikes/s")[0].split()[-1]) for line in done.stdout.splitlines() if "spikes/s" in line]
    assert all(rate == 0.0 for rate in rates) if backend == "mock" else all(0.5 < rate < 200.0 for rate in rates)


def test_balanced_network_writes_its_figure(tmp_path):
    file = tmp_path / "spikes.png"
    done = run_example("balanced_network.py", "reference", "--figure", str(file))
    assert done.returncode == 0, done.stderr
    assert file.read_bytes().startswith(b"\x89PNG")


def test_first_script_has_the_fifteen_lines_that_the_readme_promises():
    lines = (EXAMPLES / "first_script.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 15
