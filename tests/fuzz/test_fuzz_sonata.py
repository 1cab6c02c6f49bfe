"""Damaged SONATA circuits: imported or refused with an exception of pyNN.errors, nothing executed, no end without one.

PYNN_EXAMPLES multiplies the number of circuits, PYNN_FUZZ_SEED gives others.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.network import Network
from pyNN.serialization import export_to_sonata, import_from_sonata

Reading = Callable[[Callable[[], Any]], Any]

Rounds = Callable[[int], Iterator[random.Random]]

WORDS = [
    b"nan", b"-1", b"0", b"1e400", b"9" * 20, b"\x00", b"\xff\xfe", b'"', b"{", b"}", b"[", b"null", b"../", b"NULL",
]  # fmt: skip
VALUES: list[Callable[[random.Random], Any]] = [
    lambda draw: None,
    lambda draw: draw.random() < 0.5,
    lambda draw: draw.choice((-3, -1, 0, 1, 2, 10**20)),
    lambda draw: draw.choice((0.5, -1.0, 1e400, float("nan"))),
    lambda draw: "".join(chr(draw.randrange(1, 0x3000)) for _ in range(draw.randrange(6))),
    lambda draw: [draw.randint(-1, 3) for _ in range(draw.randrange(3))],
    lambda draw: {draw.choice(("nodes", "edges", "population", "node_id", "$A")): draw.randint(0, 3)},
    lambda draw: draw.choice(("$A", "${B}", "../..", "/", "/dev/null", "NULL")),
    lambda draw: draw.choice(("pynn:setup", "nest:iaf_psc_exp", "pynn:LIF")),
]
ARRAYS = {
    "number": 3, "negative": np.full(12, -1), "large": np.full(12, 2**62), "text": ["x"] * 12,
    "matrix": np.ones((6, 2)), "nan": np.full(12, np.nan),
}  # fmt: skip


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


def test_a_damaged_circuit_is_imported_or_refused(
    circuit: Path, read_or_refuse: Reading, damaged_files: Callable[..., Iterator[Path]]
) -> None:
    for _ in damaged_files(files(circuit), 120, WORDS):
        import_or_refuse(circuit, read_or_refuse)


def test_a_circuit_with_other_values_is_imported_or_refused(
    circuit: Path, read_or_refuse: Reading, rounds: Rounds
) -> None:
    """Well-formed files that say something else: one value of a JSON file, a field of a table, or an HDF5 dataset."""
    for draw in rounds(120):
        file = draw.choice(files(circuit))
        content = file.read_bytes()
        _change(file, draw)
        import_or_refuse(circuit, read_or_refuse)
        file.write_bytes(content)


def _change(file: Path, draw: random.Random) -> None:
    import h5py

    value = draw.choice(VALUES)(draw)
    if file.suffix == ".json":
        content = json.loads(file.read_text(encoding="utf-8"))
        places = list(_places(content))
        if places:
            parent, key = draw.choice(places)
            parent[key] = value
        file.write_text(json.dumps(content if places else value), encoding="utf-8")
    elif file.suffix == ".csv":
        rows = [line.split(" ") for line in file.read_text(encoding="utf-8").splitlines()]
        row = draw.choice(rows)
        row[draw.randrange(len(row))] = str(value)
        file.write_text("\n".join(" ".join(row) for row in rows), encoding="utf-8", errors="replace")
    else:
        with h5py.File(file, "r+") as h5:
            names: list[str] = []
            h5.visit(names.append)
            name = draw.choice(names)
            del h5[name]
            changed = draw.choice(["missing", "group", *ARRAYS])
            if changed == "group":
                h5.create_group(name)
            elif changed != "missing":
                h5.create_dataset(name, data=ARRAYS[changed])


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key) of each value in a JSON document."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in pairs:
        yield content, key
        yield from _places(value)
