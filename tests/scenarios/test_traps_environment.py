"""Traps of what a simulation depends on: rows D18 to D21, D23 to D28 and F4 to F12 of docs/traps.md."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import pyNN
from pyNN.errors import MissingPackageError, NoModelAvailableError

PACKAGE = Path(pyNN.__path__[0])
SCRIPT = """
import {imports}
import pyNN.{backend} as sim
from pyNN.random import NumpyRNG
sim.setup(timestep=0.1)
cells = sim.Population(1, sim.IF_cond_exp())
sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.5, rng=NumpyRNG(1)), sim.StaticSynapse(weight=0.1))
sim.Projection(cells, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=0.1))
cells.record("v")
sim.run(1.0)
assert cells.get_data().segments[0].filter(name="v")[0].shape == (11, 1)
sim.end()
"""


def python(code, folder, **environment):
    return subprocess.run(
        [sys.executable, *environment.pop("options", ()), "-c", code],
        cwd=folder, capture_output=True, text=True, timeout=120, env={**os.environ, **environment},
    )  # fmt: skip


def script(backend, imports="sys"):
    if backend == "nest" and importlib.util.find_spec("nest") is None:
        pytest.skip("nest is not installed")
    return SCRIPT.format(backend=backend, imports=imports)


@pytest.mark.trap("D18", "D26")
@pytest.mark.parametrize("backend", ["reference", "nest", "mock"])
def test_nothing_that_numpy_has_deprecated_is_used(backend, tmp_path):
    """What this package calls is not deprecated in the NumPy that is installed, so the next one has it too."""
    strict = "import warnings\nwarnings.filterwarnings('error', category=DeprecationWarning, module='pyNN')\n"
    done = python(strict + script(backend), tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.trap("D19")
@pytest.mark.parametrize("backend", ["reference", "nest", "mock"])
def test_mpi4py_without_an_mpi_library_does_no_harm(backend, tmp_path):
    """The wheel of mpi4py imports, and raises RuntimeError as soon as MPI is asked for."""
    folder = tmp_path / "mpi4py"
    folder.mkdir()
    (folder / "__init__.py").write_text("def __getattr__(name):\n    raise RuntimeError('cannot load MPI library')\n")
    done = python(script(backend), tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    code = "import pyNN.reference as sim\nsim.setup()\n"
    done = python(code, tmp_path, PYTHONPATH=str(tmp_path), OMPI_COMM_WORLD_SIZE="2", OMPI_COMM_WORLD_RANK="0")
    assert done.returncode != 0 and "pip install 'pynn-core[mpi]'" in done.stderr


@pytest.mark.trap("D20", "D21")
def test_nest_needs_no_compiler_and_leaves_no_files(tmp_path):
    """Import, setup and run call no build tool and write nothing, neither here nor into the package."""
    tools, here = tmp_path / "tools", tmp_path / "here"
    tools.mkdir()
    here.mkdir()
    for name in ("cmake", "make", "cc", "c++", "gcc", "g++", "nest-config"):
        tool = tools / name
        tool.write_text(f"#!/bin/sh\ntouch {tmp_path}/called-{name}\nexit 1\n")
        tool.chmod(0o755)
    before = {path for path in PACKAGE.rglob("*") if "__pycache__" not in path.parts}
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    done = python(script("nest"), here, PATH=path, PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stderr
    assert list(here.iterdir()) == [] and list(tmp_path.glob("called-*")) == []
    assert not [path for path in PACKAGE.rglob("_build")] and "warning" not in done.stderr.lower()
    # Other tests may run at the same time, and an editable install may gain a file; none of it is NEST's.
    after = {path for path in PACKAGE.rglob("*") if "__pycache__" not in path.parts}
    assert not [path for path in after - before if "nest" in str(path)]


@pytest.mark.requires("dynamics")
@pytest.mark.trap("D21", "F5")
@pytest.mark.parametrize(
    "name, values",
    [
        ("StochasticTsodyksMarkramSynapse", {"U": 0.5, "tau_rec": 100.0, "tau_facil": 10.0}),
        ("SimpleStochasticSynapse", {"p": 0.5}),
        ("MultiQuantalSynapse", {"U": 0.5, "n": 5, "tau_rec": 100.0, "tau_facil": 10.0}),
    ],
)
def test_stochastic_synapses_transmit_or_name_what_has_them(sim, name, values):
    """Of 200 spikes over 50 synapses some arrive and some fail."""
    sim.setup(timestep=0.1, min_delay=1.0)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=np.arange(10.0, 1010.0, 250.0)))
    cells = sim.Population(50, sim.IF_curr_delta(v_thresh=1000.0, tau_m=1e6))
    cells.record("v")
    try:
        synapse = getattr(sim, name)(weight=1.0, delay=1.0, **values)
        sim.Projection(source, cells, sim.AllToAllConnector(), synapse)
        sim.run(1000.0)
    except NotImplementedError as error:
        assert sim.variant == "nest" and "reference" in str(error)
        return
    jumps = np.diff(cells.get_data("v").segments[0].filter(name="v")[0].magnitude, axis=0)
    times = source.get("spike_times").value
    arrived = np.array([jumps[round((t + 1.0) / 0.1) - 1] for t in times])
    # Of a first spike, a site releases with probability 1/2: that none, or all, of 50 do has a probability of 1e-15.
    assert (arrived[0] > 0.1).any() and (arrived[0] < 0.9).any()
    # Each synapse draws for itself, and nothing arrives at other times.
    assert len(set(np.round(arrived.sum(axis=0), 6))) > 1
    assert np.allclose(jumps.sum(axis=0), arrived.sum(axis=0), rtol=0, atol=0.05)


@pytest.mark.trap("D22")
def test_adapting_cells_with_relative_refractoriness_are_created_and_recorded(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_cond_exp_gsfa_grr(i_offset=1.0))
    assert {"v", "g_r", "g_s"} <= set(cells.celltype.recordable)
    cells.record(["spikes", "v", "g_r", "g_s"])
    sim.run(100.0)
    segment = cells.get_data().segments[0]
    spikes = [float(t) for t in segment.spiketrains[0].magnitude]
    assert len(spikes) > 0 or sim.variant == "mock"
    for name, jump, tau in (("g_r", "q_rr", "tau_rr"), ("g_s", "q_sfa", "tau_sfa")):
        signal = segment.filter(name=name)[0].magnitude[:, 0]
        assert signal.shape == (1001,) and np.isfinite(signal).all()
        if spikes:
            k = round(spikes[0] / 0.1)
            # Both conductances are zero until the first spike and jump by q there (nS, recorded in uS or nS).
            unit = {"nS": 1.0, "uS": 1e-3}[cells.celltype.units[name]]
            assert (signal[:k] == 0.0).all()
            assert signal[k] == pytest.approx(getattr(cells[0], jump) * unit, rel=0.05)
            assert getattr(cells[0], tau) > 0


@pytest.mark.requires("dynamics")
@pytest.mark.trap("D23", "F7")
def test_delta_cells_have_a_potential_and_an_initial_one(sim):
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_delta(), initial_values={"v": [-60.0, -55.0]})
    cells.record("v")
    sim.run(20.0)
    v = cells.get_data().segments[0].filter(name="v")[0].magnitude
    t = 0.1 * np.arange(201)[:, np.newaxis]
    # Exact propagators: roundings remain.
    assert np.allclose(v, -65.0 + np.array([5.0, 10.0]) * np.exp(-t / 20.0), rtol=0, atol=1e-11)


@pytest.mark.trap("D23")
@pytest.mark.parametrize("built", [False, True])
def test_array_valued_parameters_come_back(sim, built):
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.GIF_cond_exp(tau_eta=sim.ArrayParameter([2.0, 20.0, 200.0])))
    sources = sim.Population(2, sim.SpikeSourceArray(spike_times=[1.0, 2.0, 5.0]))
    if built:
        sim.run(1.0)
    assert np.asarray(getattr(cells.get("tau_eta"), "value", cells.get("tau_eta"))).tolist() == [2.0, 20.0, 200.0]
    times = sources.get("spike_times")
    assert isinstance(times, sim.Sequence) and np.asarray(times.value).tolist() == [1.0, 2.0, 5.0]


@pytest.mark.trap("D23", "F5", "F6")
@pytest.mark.parametrize(
    "name, parameters",
    [
        ("SpikeSourceGamma", {"alpha": 2.0, "beta": 100.0}),
        ("SpikeSourcePoissonRefractory", {"rate": 50.0, "tau_refrac": 5.0}),
    ],
)
def test_random_sources_keep_to_their_window_and_rate(sim, name, parameters):
    """100 sources at 50 spikes/s for 800 ms: 4000 spikes, of variance 4000 at the most; 5 standard deviations."""
    sim.setup(timestep=0.1)
    sources = sim.Population(100, getattr(sim, name)(start=100.0, duration=800.0, **parameters))
    sources.record("spikes")
    sim.run(1000.0)
    times = np.concatenate([t.magnitude for t in sources.get_data().segments[0].spiketrains])
    assert times.min() >= 100.0 and times.max() < 900.1
    assert abs(times.size - 4000) < 5 * 4000**0.5


@pytest.mark.trap("D23")
def test_inhomogeneous_gamma_sources(sim):
    """Shape 3 throughout; 40 spikes/s in the first second, 80 in the next: b = rate/shape as a rate of phases."""
    sim.setup(timestep=0.1)
    kind = sim.SpikeSourceInhGamma
    names = set(kind.default_parameters)
    assert {"a", "b", "tbins", "start", "duration"} <= names
    a = 3.0
    sources = sim.Population(
        100,
        kind(
            a=sim.Sequence([a, a]),
            b=sim.Sequence([1.0 / (a * 40.0), 1.0 / (a * 80.0)]),
            tbins=sim.Sequence([0.0, 1000.0]),
            start=0.0,
            duration=2000.0,
        ),
    )
    sources.record("spikes")
    sim.run(2000.0)
    trains = [t.magnitude for t in sources.get_data().segments[0].spiketrains]
    first = sum(np.count_nonzero(t < 1000.0) for t in trains)
    second = sum(np.count_nonzero(t >= 1000.0) for t in trains)
    # Counts of a gamma process of shape 3 have a third of Poisson's variance: 37 and 52; 6 of those, and the start.
    assert abs(first - 4000) < 300 and abs(second - 8000) < 400


@pytest.mark.trap("D24", "F4")
def test_a_cell_type_from_equations_runs_or_names_what_runs_it(sim):
    """A model that a simulator lacks is never compiled in silence, nor fails in silence."""
    from pyNN.models import Parameter, Receptor, State

    class Leaky(sim.StandardCellType):
        """A membrane that leaks."""

        parameters = {"tau": Parameter(10.0, "ms", "time constant")}
        states = {"v": State(-60.0, "mV", "membrane potential")}
        receptors = {"excitatory": Receptor("mV", "v += weight", sign=1)}
        equations = "dv/dt = (-65*mV - v)/tau : mV"
        threshold = "v >= 1e3*mV"
        reset = "v = -65*mV"

    sim.setup(timestep=0.1)
    try:
        cells = sim.Population(1, Leaky())
        cells.record("v")
        sim.run(10.0)
    except NoModelAvailableError as error:
        assert sim.variant == "nest" and "Leaky" in str(error) and "pip install 'pynn-core[nestml]'" in str(error)
        return
    if sim.variant != "mock":
        v = cells.get_data().segments[0].filter(name="v")[0].magnitude[-1, 0]
        assert v == pytest.approx(-65.0 + 5.0 * np.exp(-1.0), abs=1e-11)


@pytest.mark.trap("D25", "F12")
@pytest.mark.parametrize("name", ["arbor", "brian2", "neuron"])
def test_a_backend_that_is_not_there_is_named_with_those_that_are(name, tmp_path):
    code = "from pyNN.utility import get_simulator\nget_simulator()\n"
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert f"there is no simulator '{name}'" in done.stderr
    for known in ("reference", "nest", "mock"):
        assert known in done.stderr


@pytest.mark.trap("D26", "D27")
def test_every_extra_that_a_message_names_exists_and_has_what_the_code_imports():
    """A message that says ``pip install 'pynn-core[x]'`` leads to an extra whose packages are enough."""
    extras = set(metadata.metadata("pynn-core").get_all("Provides-Extra") or [])
    requirements = " ".join(metadata.requires("pynn-core") or [])
    named = set()
    for file in PACKAGE.rglob("*.py"):
        named |= set(re.findall(r"pynn-core\[(\w+)\]", file.read_text(encoding="utf-8")))
    assert {"plot", "formats", "mpi"} <= named
    assert named <= extras, f"messages name extras that do not exist: {named - extras}"
    for package in ("nixio", "pynwb", "h5py", "matplotlib", "mpi4py"):
        assert package in requirements


@pytest.mark.trap("D26")
def test_every_module_imports(tmp_path):
    names = sorted(
        ".".join(["pyNN", *(p for p in file.relative_to(PACKAGE).with_suffix("").parts if p != "__init__")])
        for file in PACKAGE.rglob("*.py")
    )
    wanted = [name for name in names if "__main__" not in name and not name.startswith("pyNN.testing")]
    code = f"import importlib\nfor name in {wanted!r}:\n    importlib.import_module(name)\n"
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.trap("D27")
@pytest.mark.parametrize("suffix, package", [(".nix", "nixio"), (".nwb", "pynwb"), (".h5", "nixio")])
def test_a_missing_file_library_is_named_before_the_run(sim, tmp_path, monkeypatch, suffix, package):
    found = importlib.util.find_spec
    without = lambda name, *more: None if name == package else found(name, *more)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", without)
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp())
    cells.record("v")
    sim.run(1.0)
    with pytest.raises(MissingPackageError, match=rf"{package}.*pynn-core\[formats\]"):
        cells.write_data(str(tmp_path / f"data{suffix}"))


@pytest.mark.trap("D27")
@pytest.mark.parametrize("suffix", [".pkl", ".mat"])
def test_two_formats_need_nothing_more(sim, tmp_path, suffix):
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp())
    cells.record("v")
    sim.run(1.0)
    file = tmp_path / f"data{suffix}"
    cells.write_data(str(file))
    assert file.stat().st_size > 0


@pytest.mark.trap("D28")
def test_every_example_compiles_and_is_run_by_a_test():
    examples = {file.name for file in (Path(__file__).parents[2] / "examples").glob("*.py")}
    assert len(examples) >= 14
    for name in examples:
        text = (Path(__file__).parents[2] / "examples" / name).read_text(encoding="utf-8")
        compile(text, name, "exec")
        assert "PyNNTextIO" not in text
    listed = (Path(__file__).with_name("test_examples.py")).read_text(encoding="utf-8")
    assert [name for name in sorted(examples) if f'"{name}"' not in listed] == []


@pytest.mark.trap("D28")
def test_an_assembly_has_what_a_population_has(sim):
    sim.setup()
    a, b = sim.Population(3, sim.IF_curr_exp()), sim.Population(2, sim.IF_cond_exp())
    both = a + b[:1]
    assert both.local_size == 4 and both.size == 4
    public = [name for name in dir(a) if not name.startswith("_")]
    only_one = {"celltype", "structure", "recorder", "first_id", "last_id", "id", "definition"}
    missing = [name for name in public if not hasattr(type(both), name) and name not in only_one]
    # Grids of cells, variables that are other cells', what expressions read population by population, and names of
    # PyNN 0.6 that only a population had.
    of_one_population = {
        "id_to_local_index", "parent", "annotations", "label", "addresses", "cell", "cellparams", "dim", "locate",
        "ndim", "link", "present_values", "value_names",
    }  # fmt: skip
    assert set(missing) <= of_one_population, missing


@pytest.mark.trap("F8")
def test_a_native_rng_draws_parameters(sim):
    sim.setup(timestep=0.1)
    rng = sim.NativeRNG(seed=5)
    cells = sim.Population(50, sim.IF_curr_exp(tau_m=sim.RandomDistribution("uniform", (10.0, 20.0), rng=rng)))
    values = np.asarray(cells.get("tau_m"))
    assert len(set(values)) == 50 and values.min() >= 10.0 and values.max() <= 20.0


@pytest.mark.trap("F9")
def test_random_sources_have_the_same_spikes_on_every_backend(sim):
    """The core draws them, from rng_seed; another seed gives others."""
    import pyNN.reference as reference

    def trains(simulator, seed):
        simulator.setup(timestep=0.1, rng_seed=seed)
        sources = simulator.Population(5, simulator.SpikeSourcePoisson(rate=50.0))
        sources.record("spikes")
        simulator.run(200.0)
        return [t.magnitude.tolist() for t in sources.get_data().segments[0].spiketrains]

    expected = trains(reference, 3)
    assert trains(sim, 3) == expected != trains(sim, 4)


@pytest.mark.trap("F10")
def test_no_cell_type_has_a_receptor_named_after_a_simulators_section(sim):
    for name in sim.list_standard_models():
        for receptor in getattr(sim, name).receptor_types:
            assert "." not in receptor, f"{name}: {receptor}"


@pytest.mark.trap("F11")
def test_a_backend_says_whether_it_runs_in_several_processes(sim):
    """Serial processes share their rank; a backend without MPI has a reason in its capabilities."""
    capabilities = sim.script.backend.capabilities
    assert capabilities.mpi is not ("mpi" in capabilities.missing) and (capabilities.mpi or capabilities.missing["mpi"])
