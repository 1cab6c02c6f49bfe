"""Every example runs on every backend that can, as its first lines say, and writes its figure."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {
    "first_script.py": [],
    "balanced_network.py": ["--cells", "500", "--duration", "100", "--probability", "0.1"],
    "grid_cuba.py": ["--side", "12", "--duration", "100"],
    "brunel.py": ["--cells", "1250", "--duration", "100"],
    "microcircuit.py": ["--scale", "0.02", "--duration", "200"],
    "current_injection.py": [],
    "distance_dependent.py": ["--side", "16"],
    "random_parameters.py": ["--cells", "100"],
    "spike_source_update.py": ["--changes", "3"],
    "views_and_assemblies.py": ["--cells", "100"],
    "data_handling.py": [],
    "cell_type_tour.py": ["--duration", "200"],
    "stdp_window.py": ["--step", "10"],
    "tsodyks_markram.py": [],
    "gap_junctions.py": [],
    "stochastic_synapses.py": ["--synapses", "20"],
}
"""Arguments that make an example small; an example that is not listed fails the first test below."""
NETWORKS = (
    "first_script.py", "balanced_network.py", "grid_cuba.py", "brunel.py", "microcircuit.py", "views_and_assemblies.py",
)  # fmt: skip
"""Examples whose every rate is that of cells in a network."""
WITHOUT_FIGURE = ("first_script.py", "grid_cuba.py")
CANNOT = {("gap_junctions.py", "nest"): "gap junctions"}
"""(example, backend) that lacks a model -> what its message names."""
NEEDS = {"nest": "nest"}


def run_example(name, backend, *arguments):
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), backend, *SMALL[name], *arguments],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def rates_in(text):
    return [float(rate) for rate in re.findall(r"([-\d.]+) spikes/s", text)]


def test_every_example_is_tested():
    assert {file.name for file in EXAMPLES.glob("*.py")} == set(SMALL)


def test_every_example_is_listed_in_the_documentation():
    page = (EXAMPLES.parent / "docs" / "examples.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[`(\w+\.py)`\]", page, re.MULTILINE)) == sorted(SMALL)


@pytest.mark.parametrize("backend", ["reference", "nest", "mock"])
@pytest.mark.parametrize("name", sorted(SMALL))
@pytest.mark.trap("D28")
def test_example_runs(name, backend, tmp_path):
    if backend in NEEDS and importlib.util.find_spec(NEEDS[backend]) is None:
        pytest.skip(f"{NEEDS[backend]} is not installed")
    figure = tmp_path / "figure.png"
    done = run_example(name, backend, *([] if name in WITHOUT_FIGURE else ["--figure", str(figure)]))
    if (name, backend) in CANNOT:
        last = done.stderr.strip().splitlines()[-1]
        assert done.returncode != 0 and CANNOT[name, backend] in last and "Error" in last
        return
    assert done.returncode == 0, done.stderr
    if name not in WITHOUT_FIGURE:
        assert figure.read_bytes().startswith(b"\x89PNG")
    if name in NETWORKS:
        rates = rates_in(done.stdout)
        assert rates, done.stdout
        assert all(rate == 0.0 for rate in rates) if backend == "mock" else all(0.3 < rate < 200.0 for rate in rates)


def test_the_microcircuit_has_the_published_rates():
    """At a tenth of the size, over half a second: within 25 % of the published rates, or half a spike per second."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "microcircuit.py"), "reference", "--scale", "0.1", "--duration", "500"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    found = re.findall(r"(L\S+) +([\d.]+) spikes/s  \(full scale, published: ([\d.]+)\)", done.stdout)
    assert len(found) == 8, done.stderr
    for name, rate, published in found:
        assert abs(float(rate) - float(published)) < max(0.5, 0.25 * float(published)), name


def test_first_script_has_the_fifteen_lines_that_the_readme_promises():
    lines = (EXAMPLES / "first_script.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 15
