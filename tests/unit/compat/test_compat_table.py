"""Everything that the API document of PyNN 0.6 lists is there, and the table says what is written now.

The lists are those of the document "PyNN API version 0.6", name by name with its signatures.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from pyNN.compat.dialect import AMBIGUITIES, KNOWN
from pyNN.compat.table import TABLE, deprecated, markdown
from pyNN.errors import PyNNDeprecationWarning

ROOT = Path(__file__).resolve().parents[3]
BACKENDS = ("reference", "nest", "mock")

FUNCTIONS = """
setup end run reset get_time_step get_current_time get_min_delay get_max_delay rank num_processes create connect set
record record_v record_gsyn
""".split()

METHODS = {
    "Population": """
        __getitem__ __init__ __iter__ __len__ addresses all can_record describe get getSpikes get_gsyn
        get_spike_counts get_v id_to_index ids index inject locate meanSpikeCount nearest printSpikes print_gsyn
        print_v randomInit record record_gsyn record_v rset set tset
    """,
    "ID": """
        __init__ __getattr__ get_native_parameters get_parameters inject is_standard_cell set_native_parameters
        set_parameters
    """,
    "Projection": """
        __init__ __len__ describe getDelays getSynapseDynamics getWeights printWeights randomizeDelays
        randomizeSynapseDynamics randomizeWeights saveConnections setDelays setSynapseDynamics setWeights size
        weightHistogram
    """,
    "SynapseDynamics": "__init__ describe",
    "STDPMechanism": "__init__ describe",
    "TsodyksMarkramMechanism": "__init__",
    "DCSource": "inject_into",
    "ACSource": "inject_into",
    "StepCurrentSource": "inject_into",
    "NoisyCurrentSource": "inject_into",
    "NumpyRNG": "__getattr__ __init__ describe next",
    "GSLRNG": "__getattr__ __init__ next",
    "NativeRNG": "__init__ next",
    "RandomDistribution": "__init__ next",
}
CLASSES = """
AllToAllConnector OneToOneConnector FixedProbabilityConnector DistanceDependentProbabilityConnector
FixedNumberPreConnector FixedNumberPostConnector FromListConnector FromFileConnector
IF_curr_exp IF_curr_alpha IF_cond_exp IF_cond_alpha SpikeSourcePoisson SpikeSourceArray
AdditiveWeightDependence MultiplicativeWeightDependence AdditivePotentiationMultiplicativeDepression
GutigWeightDependence SpikePairRule Space
""".split()
ELSEWHERE = {
    "pyNN.recording.files": {
        "BaseFile": "__init__ close get_metadata read write",
        "StandardTextFile": "read write get_metadata",
        "PickleFile": "read write get_metadata",
        "NumpyBinaryFile": "read write get_metadata",
        "HDF5ArrayFile": "read write get_metadata",
    },
    "pyNN.utility": {
        "Timer": "diff elapsedTime reset start time_in_words",
        "colour": "",
        "notify": "",
        "get_script_args": "",
        "init_logging": "",
        "save_population": "",
        "load_population": "",
    },
    "pyNN.errors": dict.fromkeys(
        "InvalidParameterValueError NonExistentParameterError InvalidDimensionsError ConnectionError InvalidModelError "
        "RoundingWarning NothingToWriteError InvalidWeightError NotLocalError RecordingError".split(),
        "",
    ),
    "pyNN.common": dict.fromkeys(
        "Space StandardCellType InvalidParameterValueError NonExistentParameterError InvalidDimensionsError "
        "ConnectionError InvalidModelError RoundingWarning NothingToWriteError InvalidWeightError NotLocalError "
        "RecordingError".split(),
        "",
    ),
    "pyNN.random": {"NumpyRNG": "next", "GSLRNG": "next", "NativeRNG": "next", "RandomDistribution": "next"},
    "pyNN.standardmodels.cells": dict.fromkeys(
        "IF_curr_exp IF_curr_alpha IF_cond_exp IF_cond_alpha EIF_cond_alpha_isfa_ista IF_facets_hardware1 HH_cond_exp "
        "SpikeSourcePoisson SpikeSourceArray".split(),
        "",
    ),
}
"""Module -> name -> methods."""


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_name_of_the_document_is_in_the_backends_module(backend: str) -> None:
    module = importlib.import_module(f"pyNN.{backend}")
    missing = [name for name in [*FUNCTIONS, *METHODS, *CLASSES] if not hasattr(module, name)]
    missing += [
        f"{cls}.{name}"
        for cls, names in METHODS.items()
        for name in names.split()
        if not hasattr(getattr(module, cls), name)
    ]
    assert missing == []


@pytest.mark.parametrize("place", ELSEWHERE)
def test_every_name_of_the_document_is_in_its_module(place: str) -> None:
    module = importlib.import_module(place)
    missing = [name for name in ELSEWHERE[place] if not hasattr(module, name)]
    missing += [
        f"{name}.{method}"
        for name, methods in ELSEWHERE[place].items()
        for method in methods.split()
        if not hasattr(getattr(module, name), method)
    ]
    assert missing == []


DEPRECATED_IN_0_13 = {
    "Population": [
        "getSpikes(self, gather=True, compatible_output=True)",
        "get_gsyn(self, gather=True, compatible_output=True)",
        "get_v(self, gather=True, compatible_output=True)",
        "meanSpikeCount(self, gather=True)",
        "printSpikes(self, file, gather=True, compatible_output=True)",
        "print_gsyn(self, file, gather=True, compatible_output=True)",
        "print_v(self, file, gather=True, compatible_output=True)",
        "rset(self, parametername, rand_distr)",
        "tset(self, parametername, value_array)",
    ],
    "Projection": [
        "getDelays(self, format='list', gather=True)",
        "getSynapseDynamics(self, parameter_name, format='list', gather=True)",
        "getWeights(self, format='list', gather=True)",
        "printDelays(self, file, format='list', gather=True)",
        "printWeights(self, file, format='list', gather=True)",
        "randomizeDelays(self, rand_distr)",
        "randomizeSynapseDynamics(self, parameter_name, rand_distr)",
        "randomizeWeights(self, rand_distr)",
        "saveConnections(self, file, gather=True, compatible_output=True)",
        "setDelays(self, d)",
        "setSynapseDynamics(self, parameter_name, value)",
        "setWeights(self, w)",
        "weightHistogram(self, min=None, max=None, nbins=10)",
    ],
}
"""Signatures observed on PyNN 0.13."""


@pytest.mark.parametrize("signature", [*DEPRECATED_IN_0_13["Population"], *DEPRECATED_IN_0_13["Projection"]])
def test_signatures_of_what_pynn_0_13_calls_deprecated(signature: str) -> None:
    import pyNN.reference as sim

    name = signature.split("(")[0]
    on_cells = signature in DEPRECATED_IN_0_13["Population"]
    for cls in (sim.Population, sim.PopulationView, sim.Assembly) if on_cells else (sim.Projection,):
        parameters = inspect.signature(getattr(cls, name)).parameters.values()
        shown = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters)
        assert f"{name}({shown})" == signature


def thing(path: str) -> Any:
    """What a dotted key of the table stands for; sim is a backend's module."""
    first, _, rest = path.partition(".")
    if path.startswith("pyNN."):
        module, names = path, []
        while True:
            try:
                found: Any = importlib.import_module(module)
                break
            except ModuleNotFoundError:
                module, _, name = module.rpartition(".")
                names.insert(0, name)
    else:
        found = importlib.import_module("pyNN.reference")
        names = rest.split(".") if first == "sim" else path.split(".")
    for name in names:
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("key", [key for key in TABLE if " " not in key and key not in ("ID.v_init",)])
def test_what_the_table_lists_exists(key: str, recwarn: pytest.WarningsRecorder) -> None:
    assert thing(key) is not None


@pytest.mark.parametrize("key", TABLE)
def test_every_entry_of_the_table_makes_a_warning(key: str) -> None:
    with pytest.warns(PyNNDeprecationWarning) as caught:
        deprecated(key)
    text = str(caught[0].message)
    assert " Now: " in text and not re.search(r"[{](name|value|state|cls)[!}]", text), text
    assert Path(caught[0].filename) == Path(__file__)


def test_every_entry_of_the_table_is_used() -> None:
    """A key that no code names would be a form that gives no warning."""
    sources = [ROOT / "pynn_core" / "cells.py", ROOT / "pynn_core" / "synapses.py"]
    sources += [file for file in (ROOT / "pynn_core" / "compat").glob("*.py") if file.name != "table.py"]
    code = "\n".join(file.read_text(encoding="utf-8") for file in sources)
    built = {f"Population.{name}" for name in "getSpikes get_v get_gsyn printSpikes print_v print_gsyn".split()}
    built |= {f"sim.Projection {name}" for name in ("target", "synapse_dynamics", "rng")}
    said_by_the_core = {
        "pyNN.utility.Timer.elapsedTime", "pyNN.utility.load_population", "pyNN.utility.colour", "pyNN.nest2",
    }  # fmt: skip
    unused = [key for key in TABLE if f'"{key}"' not in code and key not in built | said_by_the_core]
    assert unused == []


def test_the_page_shows_the_table() -> None:
    page = (ROOT / "docs" / "compat.md").read_text(encoding="utf-8")
    assert "\n".join(markdown()) in page, "write the lines of pyNN.compat.table.markdown() into docs/compat.md"
    for ambiguity in AMBIGUITIES:
        assert f"| {ambiguity.line} | {ambiguity.old} | {ambiguity.modern} |" in page
    assert all(f'"{api}"' in page for api in KNOWN)


def test_the_modern_signatures_stay_visible() -> None:
    """Help and editors show the modern form of what takes both."""
    import pyNN.reference as sim

    assert list(inspect.signature(sim.Population).parameters)[:4] == ["size", "cellclass", "cellparams", "structure"]
    assert list(inspect.signature(sim.AllToAllConnector).parameters)[0] == "allow_self_connections"
    assert list(inspect.signature(sim.RandomDistribution).parameters)[:2] == ["distribution", "parameters_pos"]
    assert list(inspect.signature(sim.connect).parameters)[:2] == ["pre", "post"]
