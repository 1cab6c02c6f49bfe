"""Damaged files of what a simulation has written or is to read: recordings, results, checkpoints, morphologies, lists.

Each is read, or refused with an exception of pyNN.errors; nothing is executed, and reading ends. PYNN_EXAMPLES
multiplies the number of files, PYNN_FUZZ_SEED gives others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.checkpoint import container
from pyNN.errors import FileFormatError
from pyNN.morphology import load_morphology
from pyNN.recording import stream_layout
from pyNN.recording.stream_reader import read_blocks
from pyNN.recording.undo import UndoableFile, notes_of, roll_back
from pyNN.serialization.nodesets import read_node_sets
from pyNN.serialization.results import read_report, read_spikes, write_report, write_spikes

Copies = Callable[..., Iterator[bytes]]
Reading = Callable[[Callable[[], Any]], Any]
Watched = Callable[[], Any]

SWC = """# n type x y z radius parent
1 1 0 0 0 10 -1
2 3 10 0 0 1 1
3 3 60 0 0 2 2
4 4 0 10 0 2 1
6 2 0 -10 0 .5 1
"""
NEUROML = """<?xml version="1.0"?>
<neuroml xmlns="http://www.neuroml.org/schema/neuroml2" id="doc"><cell id="cell"><morphology id="shape">
<segment id="0" name="soma"><proximal x="0" y="0" z="0" diameter="20"/>
  <distal x="20" y="0" z="0" diameter="20"/></segment>
<segment id="1" name="trunk"><parent segment="0"/><distal x="120" y="0" z="0" diameter="2"/></segment>
<segmentGroup id="soma_group"><member segment="0"/></segmentGroup>
<segmentGroup id="dendrite_group"><member segment="1"/><include segmentGroup="soma_group"/></segmentGroup>
</morphology></cell></neuroml>
"""
BOMB = b'<!DOCTYPE b [<!ENTITY a "' + b"x" * 999 + b'"><!ENTITY c "' + b"&a;" * 999 + b'"><!ENTITY d "'
BOMB += b"&c;" * 999 + b'">]><neuroml>&d;</neuroml>'
WORDS = [
    b"nan", b"inf", b"-1", b"0", b"1e400", b"99999999999999999999", b"#", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe",
    b"\xe2\x82",
    b"'", b'"', b"(", b"[", b"]", b"__import__('os').system('false')", b"\r", b"\x1c", b"1_0", b"0x10",
]  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recorded") / "file.h5"


def network() -> Any:
    sim.setup(timestep=0.1, rng_seed=7)
    cells = sim.Population(4, sim.IF_curr_exp(i_offset=0.9), initial_values={"v": -51.0}, label="cells")
    sources = sim.Population(2, sim.SpikeSourceArray(spike_times=[1.0, 2.0]))
    synapse = sim.TsodyksMarkramSynapse(weight=0.1, delay=0.5)
    sim.Projection(sources, cells, sim.AllToAllConnector(), synapse)
    return cells


def test_a_streamed_recording_is_read_or_refused(
    path: Path, read_or_refuse: Reading, damaged_copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("h5py")
    # No writer is there to be waited for.
    monkeypatch.setattr(stream_layout, "_PATIENCE", 0.0)
    cells = network()
    cells.annotate(kind="test")
    cells.record(["spikes", "v"], to_file=path)
    sim.run(5.0)
    sim.reset()
    sim.run(2.0)
    sim.end()
    assert len(read_blocks(path)) == len(read_blocks(path, lazy=True)) == 1
    finished = path.read_bytes()
    # The mark of a writer stays in the file if that is killed.
    with stream_layout.open_for_appending(path, 1 << 20):
        being_written = path.read_bytes()
        assert len(read_blocks(path)) == 1
    assert being_written != finished
    for content in damaged_copies([finished, being_written], 100, WORDS):
        path.write_bytes(content)
        for lazy in (False, True):
            blocks = read_or_refuse(partial(read_blocks, path, lazy=lazy))
            assert blocks is None or all(block.segments is not None for block in blocks)


@pytest.mark.parametrize("kind", ["spikes", "report"])
def test_results_in_the_sonata_format_are_read_or_refused(
    kind: str, path: Path, read_or_refuse: Reading, damaged_copies: Copies
) -> None:
    pytest.importorskip("h5py")
    if kind == "spikes":
        write_spikes(path, {"a": ([1.0, 2.5], [0, 3]), "b": ([], [])})
    else:
        write_report(path, {"a": (np.arange(8.0).reshape(4, 2), [0, 3])}, "mV", (0.0, 0.4, 0.1))
    read = read_spikes if kind == "spikes" else read_report
    assert read(path)
    for content in damaged_copies([path.read_bytes()], 150, WORDS):
        path.write_bytes(content)
        found = read_or_refuse(lambda: read(path))
        assert found is None or isinstance(found, dict)


def test_node_sets_are_read_or_refused(path: Path, read_or_refuse: Reading, damaged_copies: Copies) -> None:
    valid = b'{"all": {"population": "a", "node_id": [0, 1]}, "both": ["all", "all"], "one": {"model": "x", "n": 1.5}}'
    for content in damaged_copies([valid], 300, [*WORDS, b"{", b"}", b",", b":", b"[" * 3000]):
        path.write_bytes(content)
        found = read_or_refuse(lambda: read_node_sets(path))
        assert found is None or isinstance(found, dict)


def test_a_checkpoint_is_read_or_refused(path: Path, watched: Watched, damaged_copies: Copies) -> None:
    """Every change is noticed, because the sum of all bytes is in the header."""
    pytest.importorskip("h5py")
    container.write(path, TREE)
    valid = path.read_bytes()
    for content in damaged_copies([valid], 300, WORDS):
        path.write_bytes(content)
        with watched():
            if content == valid:
                container.read(path)
                continue
            with pytest.raises(FileFormatError, match="file.h5"):
                container.read(path)


TREE: container.Tree = {
    "step": 3, "on": True, "dt": 0.1, "text": "µ", "inner": {"x": np.arange(5.0), "many": np.zeros(3000, dtype=int)},
}


def test_a_checkpoint_with_the_sum_of_what_it_has_become_is_read_or_refused(
    path: Path, read_or_refuse: Reading, damaged_copies: Copies
) -> None:
    """As somebody would make it who wants to do harm."""
    pytest.importorskip("h5py")
    container.write(path, TREE)
    valid = path.read_bytes()[container.HEADER_BYTES :]
    for content in damaged_copies([valid], 150, WORDS):
        _write_with_sum(path, content)
        found = read_or_refuse(lambda: container.read(path))
        assert found is None or isinstance(found, dict)


def _write_with_sum(path: Path, content: bytes) -> None:
    with open(path, "w+b") as raw:
        raw.write(bytes(container.HEADER_BYTES) + content)
        container._write_header(raw)


def test_a_state_with_other_values_is_restored_or_refused(
    path: Path, read_or_refuse: Reading, damaged_copies: Copies
) -> None:
    """Whole files that say something else: a value that is missing, of another kind or another size."""
    pytest.importorskip("h5py")
    network().record("v")
    sim.run(3.0)
    sim.save_state(path)
    tree = container.read(path)
    places = list(_places(tree))
    others: list[Any] = [-1, 10**15, 0.5, True, "", "[]", "{}", "null", np.zeros(0), np.ones(3), {}, np.zeros((2, 2))]
    for content in damaged_copies([bytes(8)], 60):
        number = int.from_bytes(content[:8].ljust(8, b"\1"), "little")
        parent, name = places[number % len(places)]
        kept, kind = parent[name], number // len(places) % (len(others) + 3)
        if kind < len(others):
            parent[name] = others[kind]
        elif isinstance(kept, np.ndarray) and kept.size:
            parent[name] = kept[:-1] if kind % 2 else kept - 1000
        elif isinstance(kept, str) and kept:
            place = number % len(kept)
            parent[name] = kept[:place] + kept[place + 1 :]
        else:
            del parent[name]
        container.write(path, tree)
        parent[name] = kept
        network().record("v")
        sim.run(1.0)
        if read_or_refuse(lambda: [sim.restore_state(path), sim.get_current_time()]) is None:
            # What is refused leaves a simulation that goes on.
            assert sim.get_current_time() == 1.0
    sim.end()


def streaming(path: Path) -> Any:
    cells = network()
    cells.record(["spikes", "v"], to_file=path)
    return cells


def test_a_state_whose_streams_are_damaged_is_restored_or_refused(
    path: Path, read_or_refuse: Reading, damaged_copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that recordings stream to, and what the checkpoint says of the files of all ranks."""
    pytest.importorskip("h5py")
    monkeypatch.setattr(stream_layout, "_PATIENCE", 0.0)
    stream, state, other = (path.with_name(name) for name in ("stream.h5", "state.h5", "other.h5"))
    streaming(stream)
    sim.run(3.0)
    sim.save_state(state)
    tree = container.read(state)
    sim.run(2.0)
    sim.end()
    valid = stream.read_bytes()
    said = json.dumps(tree["streams"]) if isinstance(tree["streams"], dict) else str(tree["streams"])
    # Of two ranks, one of whose files is another or not there.
    words = [*WORDS, b"stream.h5", b"0002", b"/population0", b"/segment0", b"{", b"}", b"null", b"[]", b'"rows"']
    words.append(b": 5")
    for content in damaged_copies([b"0" + valid, b"1" + said.encode()], 15, words):
        stream.write_bytes(valid)
        tree["streams"] = said
        if content[:1] != b"1" and len(content) > 2 * len(said) + 5000:
            stream.write_bytes(content[1:])
        else:
            tree["streams"] = content[1:].decode("utf-8", "replace")
        container.write(other, tree)
        streaming(stream)
        if read_or_refuse(lambda: [sim.restore_state(other), sim.get_current_time()]) is not None:
            read_or_refuse(lambda: sim.run(1.0))
        # Before the file is replaced: what waits in memory is written now.
        read_or_refuse(lambda: sim.script.simulation.close())
        for file in path.parent.glob("*.before"):
            file.unlink()


def test_notes_of_an_interrupted_write_are_followed_or_refused(
    path: Path, read_or_refuse: Reading, damaged_copies: Copies
) -> None:
    """Whatever they say, the file does not become larger than it is said to have been."""
    original = bytes(range(256)) * 8
    path.write_bytes(original)
    file = UndoableFile(path)
    file.seek(100)
    file.write(b"x" * 300)
    file.seek(2000)
    file.write(b"y" * 300)
    file._close()
    changed, valid = path.read_bytes(), notes_of(path).read_bytes()
    for content in damaged_copies([valid], 200, WORDS):
        path.write_bytes(changed)
        notes_of(path).write_bytes(content)
        done = read_or_refuse(partial(roll_back, path))
        if done is None:
            assert path.read_bytes() == changed
        elif content == valid:
            assert path.read_bytes() == original
    notes_of(path).unlink(missing_ok=True)


def _places(tree: container.Tree) -> Iterator[tuple[container.Tree, str]]:
    for name, value in tree.items():
        yield tree, name
        if isinstance(value, dict):
            yield from _places(value)


@pytest.mark.parametrize("suffix", [".swc", ".nml"])
def test_a_morphology_is_read_or_refused(
    suffix: str, path: Path, read_or_refuse: Reading, damaged_copies: Copies
) -> None:
    file = path.with_suffix(suffix)
    words = [*WORDS, b"<", b">", b"/>", b"&#0;", b"1 1 0 0 0 1 1\n", b'<segment id="7"/>', BOMB]
    for content in damaged_copies([SWC.encode() if suffix == ".swc" else NEUROML.encode()], 300, words):
        file.write_bytes(content)
        found = read_or_refuse(partial(load_morphology, file, len(content) % 2 == 0))
        if found is not None:
            assert len(found) and (found.path_lengths >= 0.0).all()


def test_a_list_of_connections_of_pynn_0_6_is_read_or_refused(
    path: Path, read_or_refuse: Reading, damaged_copies: Copies
) -> None:
    sim.setup(timestep=0.1)
    cells = sim.Population((2, 3), sim.IF_curr_exp())
    # What is imported for that is imported before the watch begins.
    sim.Projection(cells, cells, sim.FromListConnector([(0, 1)]), sim.StaticSynapse(delay=1.0))
    file = path.with_suffix(".conn")
    lines = b"cells[0, 1]\tcells[1, 2]\t0.5\t1.0\ncells[1]\tcells[2]\t0.25\t0.5\n"
    words = [*WORDS, b"cells[0, 0]\tcells[1, 1]\t0.5\t1.0\n", b"[9]", b"[-1]", b"[,]", "[\u0661]".encode()]
    words.append(b"# x\n" * 3000)
    # What is wrong may also come after what is read at once.
    for content in damaged_copies([lines, lines * 300], 100, words):
        file.write_bytes(content)
        read_or_refuse(
            lambda: sim.Projection(cells, cells, sim.FromFileConnector(str(file)), sim.StaticSynapse(delay=1.0)),
        )
    sim.end()
