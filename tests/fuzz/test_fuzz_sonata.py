"""Damaged SONATA circuits: imported or refused with an exception of pyNN.errors, nothing executed, no end without one.

PYNN_EXAMPLES multiplies the number of circuits.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyNN.reference as sim
from pyNN.network import Network
from pyNN.serialization import export_to_sonata, import_from_sonata

Reading = Callable[[Callable[[], Any]], Any]

FACTOR = int(os.environ.get("PYNN_EXAMPLES", "1"))

EDITS = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.integers(0, 12), st.binary(max_size=6)), min_size=1, max_size=5
)
KEPT = st.one_of(st.just(1.0), st.floats(0.0, 1.0))
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**20), st.floats(), st.text(max_size=5),
    st.lists(st.integers(-1, 3), max_size=2),
    st.dictionaries(st.sampled_from(["nodes", "edges", "population", "node_id", "$A"]), st.integers(0, 3), max_size=2),
    st.sampled_from(["$A", "${B}", "../..", "/", "/dev/null", "NULL", "pynn:setup", "nest:iaf_psc_exp", "pynn:LIF"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def circuit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a small network."""
    pytest.importorskip("h5py")
    folder = tmp_path_factory.mktemp("circuit")
    sim.setup(timestep=0.1)
    cells = sim.Population(6, sim.IF_cond_exp(tau_m=np.linspace(10.0, 20.0, 6)), label="cells")
    sources = sim.Population(2, sim.SpikeSourceArray(spike_times=[1.0, 2.0]), label="sources")
    synapse = sim.StaticSynapse(weight=0.01, delay=0.5)
    network = Network(cells, sources, cells[1:3])
    network.add(sim.Projection(sources, cells, sim.AllToAllConnector(), synapse))
    network.add(sim.Projection(cells, cells, sim.FixedNumberPreConnector(2), synapse, receptor_type="inhibitory"))
    export_to_sonata(network, folder)
    sim.script.simulation.close()
    return folder


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("copies") / "circuit"


@pytest.fixture(scope="module", autouse=True)
def simulation_closed() -> Iterator[None]:
    yield
    sim.script.simulation.close()


def files(circuit: Path) -> list[Path]:
    return sorted(file for file in circuit.rglob("*") if file.is_file())


def import_or_refuse(folder: Path, read_or_refuse: Reading) -> None:
    sim.setup(timestep=0.1)
    network = read_or_refuse(lambda: import_from_sonata(folder / "circuit_config.json", sim))
    for population in network.populations if network else ():
        assert population.size == len(population.all_cells)


def test_the_undamaged_circuit_is_imported(circuit: Path, watched: Callable[[], Any]) -> None:
    sim.setup(timestep=0.1)
    with watched():
        network = import_from_sonata(circuit / "circuit_config.json", sim)
    assert sorted(population.size for population in network.populations) == [2, 6]
    assert sorted(len(projection) for projection in network.projections) == [12, 12]


@settings(max_examples=120 * FACTOR)
@given(st.data(), EDITS, KEPT)
def test_a_damaged_circuit_is_imported_or_refused(
    circuit: Path, copy: Path, read_or_refuse: Reading, data: st.DataObject,
    edits: list[tuple[float, int, bytes]], kept: float,
) -> None:  # fmt: skip
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(circuit, copy)
    file = copy / data.draw(st.sampled_from([file.relative_to(circuit) for file in files(circuit)]))
    content = file.read_bytes()
    for where, removed, inserted in edits:
        place = int(where * len(content))
        content = content[:place] + inserted + content[place + removed :]
    file.write_bytes(content[: int(kept * len(content))])
    import_or_refuse(copy, read_or_refuse)


@settings(max_examples=120 * FACTOR)
@given(st.data(), VALUES)
def test_a_circuit_with_other_values_is_imported_or_refused(
    circuit: Path, copy: Path, read_or_refuse: Reading, data: st.DataObject, value: Any
) -> None:
    """Well-formed files that say something else: one value of a JSON file, a field of a table, or an HDF5 dataset."""
    import h5py

    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(circuit, copy)
    file = copy / data.draw(st.sampled_from([file.relative_to(circuit) for file in files(circuit)]))
    if file.suffix == ".json":
        content = json.loads(file.read_text(encoding="utf-8"))
        places = list(_places(content))
        if places:
            parent, key = data.draw(st.sampled_from(places))
            parent[key] = value
        file.write_text(json.dumps(content if places else value), encoding="utf-8")
    elif file.suffix == ".csv":
        rows = [line.split(" ") for line in file.read_text(encoding="utf-8").splitlines()]
        row = data.draw(st.sampled_from(rows))
        row[data.draw(st.integers(0, len(row) - 1))] = str(value)
        file.write_text("\n".join(" ".join(row) for row in rows), encoding="utf-8", errors="replace")
    else:
        with h5py.File(file, "r+") as h5:
            names: list[str] = []
            h5.visit(names.append)
            name = data.draw(st.sampled_from(names))
            del h5[name]
            kinds = ["missing", "group", "number", "negative", "large", "text", "matrix", "nan"]
            changed = data.draw(st.sampled_from(kinds))
            made = {
                "number": 3, "negative": np.full(12, -1), "large": np.full(12, 2**62), "text": ["x"] * 12,
                "matrix": np.ones((6, 2)), "nan": np.full(12, np.nan),
            }  # fmt: skip
            if changed == "group":
                h5.create_group(name)
            elif changed != "missing":
                h5.create_dataset(name, data=made[changed])
    import_or_refuse(copy, read_or_refuse)


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of each value in a JSON document."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in pairs:
        yield content, key
        yield from _places(value)
