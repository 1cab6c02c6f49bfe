"""Short texts and small files that stand for something of any size are refused before time or memory is spent on it."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyNN.reference as sim
from pyNN.descriptions import render
from pyNN.equations import CellType, Neuron, Synapse, SynapseType
from pyNN.errors import EquationError, FileFormatError, InvalidParameterValueError
from pyNN.recording.files import HDF5ArrayFile
from pyNN.recording.stream_layout import population_name, segment_name
from pyNN.recording.stream_reader import read_blocks
from pyNN.recording.undo import UndoableFile, notes_of, roll_back
from pyNN.serialization.results import read_report, read_spikes, write_spikes
from pyNN.sweep import parse_parameter, parse_seeds, points
from pyNN.sweep.rows import OK, Row
from pyNN.sweep.store import Study, read_results, write_results


def cell(right: str, **others: Any) -> Any:
    return CellType(f"dv/dt = {right} : 1", threshold="v > 1", reset="v = 0", **others)


@pytest.mark.parametrize(
    "right", ["-v*9**9**9/ms", "-v*2.5**1e6/ms", "-v**1e9/ms", "-v*1e300**1e300/ms", "v*(exp(exp(exp(100.0))) > 2)/ms",
              "-v*1e999/ms", "-v*" + "9" * 400 + "/ms"]
)  # fmt: skip
def test_numbers_that_are_too_large_are_refused(right: str) -> None:
    with pytest.raises(EquationError, match="number"):
        cell(right)


@pytest.mark.parametrize(
    ("right", "rate"),
    [("-v*1.0000001**1e6/ms", 1.0000001**1e6), ("-v*2**10/(512*ms)", 2.0), ("-v*(2*(3 > 1))/ms", 2.0)]
)
def test_powers_and_conditions_are_numbers(right: str, rate: float) -> None:
    sim.setup(timestep=0.1, engine="numpy")
    cells = sim.Population(1, cell(right)(), initial_values={"v": 0.5})
    cells.record("v")
    sim.run(0.1)
    # exp() of the exact solution; the base of the power has 17 digits.
    assert cells.get_data().segments[0].analogsignals[0].magnitude[-1, 0] == pytest.approx(
        0.5 * np.exp(-rate * 0.1), rel=1e-9
    )
    sim.script.simulation.close()


def test_functions_and_formulas_that_multiply_each_other_are_refused() -> None:
    functions = "f0(x) = x*x + 1\n" + "\n".join(f"f{k}(x) = f{k - 1}(f{k - 1}(x))" for k in range(1, 9))
    with pytest.raises(EquationError, match="more than 20000 parts"):
        cell("-f8(v)/ms", functions=functions)
    formulas = "y0 = v + 1 : 1\n" + "\n".join(f"y{k} = y{k - 1}*sin(y{k - 1}) : 1" for k in range(1, 30))
    with pytest.raises(EquationError, match="more than 20000 parts.*stored"):
        cell(f"-y29/ms : 1\n{formulas}".removesuffix(" : 1"))
    with pytest.raises(EquationError, match="more than 20000 parts"):
        SynapseType(f"dx/dt = -x/(10*ms) : 1\n{formulas.replace('v', 'x')}", on_pre="x += y29")


def test_texts_of_other_notations() -> None:
    with pytest.raises(EquationError, match="too large"):
        sim.setup(engine="numpy")
        sim.NeuronGroup(1, "dv/dt = -v/(1e999*second) : 1", namespace={})
    with pytest.raises(EquationError, match="not an initial value"):
        Neuron(equations="dv/dt = -v : init=Normal(0.0, )", spike="v > 1.0", reset="v = 0.0")
    with pytest.raises(EquationError, match="one derivative"):
        Neuron(equations="v = 1.0 : init=dg/dt = -v", spike="v > 1.0", reset="v = 0.0")
    group = sim.NeuronGroup(2, "dv/dt = -v/(10*ms) : 1")
    with pytest.raises(EquationError, match="deep"):
        group.v["i > 0" + "+i" * 900] = 1.0
    group.v = "10000000000*10000000000*1.0"
    assert group.v_[0] == 1e20
    sim.script.simulation.close()


def test_the_weight_of_a_synapse_of_annarchy_stands_in_its_equations() -> None:
    """And post.w is a variable of the cell, not the weight."""
    made = Synapse("tau = 10.0", "tau*dx/dt = -x + w*post.w", pre_spike="g_target += w; x += post.w").definition
    assert "weight * w_post" in made.equations and "w_post" in made.on_pre and "weight_post" not in made.on_pre


def test_studies_have_so_many_points() -> None:
    for text in ("0:100000000000", "0:99999999999999999999999", "5:-99999999999:-1"):
        with pytest.raises(InvalidParameterValueError):
            parse_seeds(text)
    with pytest.raises(InvalidParameterValueError, match="1000000 points"):
        points({"a": range(2000), "b": range(2000)})
    with pytest.raises(InvalidParameterValueError, match="finite"):
        parse_parameter(f"w=0:{'9' * 400}:3")


@pytest.mark.parametrize(
    "template", ["{{ 9**(9**9) }}", "{{ 'a'*10**9 }}", "{{ '%99999999d' % 1 }}", "{{ 'a'|center(10**9) }}", "{{ 1/0 }}",
                 "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
                 "{{ lipsum(n=10**7) }}",
                 "{{ " + "-" * 3000 + "1 }}"]
)  # fmt: skip
def test_templates_make_no_large_texts(template: str) -> None:
    pytest.importorskip("jinja2")
    with pytest.raises(InvalidParameterValueError):
        render("jinja2", template, {"label": "cells"})
    assert render("jinja2", "{{ 2**10 }} {{ '%5.2f' % 3.0 }} {{ '=' * 3 }}", {}) == "1024  3.00 ==="


def test_a_template_that_cannot_be_a_file_is_said_to_be_none() -> None:
    with pytest.raises(InvalidParameterValueError, match="cannot be read as a template"):
        render("string", "x" * 5000, {})


def test_an_hdf5_file_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        # Never written, so that the file has no room for it; reading would take 8 TB.
        file.create_dataset("data", shape=(2**40,), dtype=float)
    with pytest.raises(FileFormatError, match="does not hold"):
        HDF5ArrayFile(str(path)).read()


@pytest.mark.parametrize("place", [15, 23])
def test_damaged_notes_of_an_interrupted_write_change_nothing(tmp_path: Path, place: int) -> None:
    path = tmp_path / "run.h5"
    path.write_bytes(bytes(2000))
    file = UndoableFile(path)
    file.write(b"x" * 100)
    file._close()
    notes = bytearray(notes_of(path).read_bytes())
    # The size of the file, and the position of what was overwritten.
    notes[place : place + 8] = struct.pack("<q", 2**40)
    notes_of(path).write_bytes(notes)
    before = path.read_bytes()
    with pytest.raises(FileFormatError, match="damaged"):
        roll_back(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("length", [0, 2**64 - 1])
def test_an_hdf5_file_with_a_heap_that_leads_nowhere_is_refused(tmp_path: Path, length: int) -> None:
    """HDF5 itself would read such a file for ever."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=np.arange(3.0)).attrs["units"] = "mV"
    assert HDF5ArrayFile(str(path)).get_metadata() == {"units": "mV"}
    content = bytearray(path.read_bytes())
    heap = content.index(b"GCOL")
    # One object, of 16 bytes and its text, and then free space: its number and its length are 0 and the rest.
    free = heap + 32 + 8
    assert int.from_bytes(content[free : free + 2], "little") == 0
    assert int.from_bytes(content[free + 8 : free + 16], "little") == 4096 - 40
    content[free + 8 : free + 16] = length.to_bytes(8, "little")
    # This byte means nothing, and may be anything.
    content[heap + 7] = 255
    path.write_bytes(content)
    for read in (HDF5ArrayFile(str(path)).read, lambda: read_report(path), lambda: read_results(path),
                 lambda: read_blocks(path)):  # fmt: skip
        with pytest.raises(FileFormatError, match="heap of texts"):
            read()


def test_an_hdf5_file_with_names_that_lead_in_circles_is_refused(tmp_path: Path) -> None:
    """HDF5 itself would take all memory."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.arange(3.0)
    assert HDF5ArrayFile(str(path)).read().tolist() == [0.0, 1.0, 2.0]
    content = bytearray(path.read_bytes())
    heap = content.index(b"HEAP\0")
    free, segment = (int.from_bytes(content[heap + k : heap + k + 8], "little") for k in (16, 24))
    # The only free block is followed by itself.
    assert int.from_bytes(content[segment + free : segment + free + 8], "little") == 1
    content[segment + free : segment + free + 8] = free.to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="heap of names"):
        HDF5ArrayFile(str(path)).read()


def test_an_hdf5_file_with_attributes_that_are_no_texts_or_numbers_is_refused(tmp_path: Path) -> None:
    """HDF5 itself may end the process."""
    h5py = pytest.importorskip("h5py")
    stream, spikes = tmp_path / "stream.h5", tmp_path / "spikes.h5"
    sim.setup(timestep=0.1)
    cells = sim.Population(2, sim.IF_curr_exp())
    cells.record("v", to_file=stream)
    sim.run(1.0)
    sim.end()
    write_spikes(spikes, {"a": ([1.0], [0])})
    segment = f"{population_name(0)}/{segment_name(0)}"
    for path, place, name, read in ((stream, segment, "description", lambda: read_blocks(stream)),
                                    (stream, "/", "format", lambda: read_blocks(stream)),
                                    (spikes, "spikes/a/timestamps", "units", lambda: read_spikes(spikes))):  # fmt: skip
        assert read()
        valid = path.read_bytes()
        with h5py.File(path, "r+") as file:
            assert name in file[place].attrs
            file[place].attrs[name] = np.zeros(1, dtype=[("x", "f8"), ("y", "i4")])
        with pytest.raises(FileFormatError, match=f"'{name}' of '.*' is neither a number nor text"):
            read()
        path.write_bytes(valid)


def test_results_of_a_study_whose_rows_are_no_texts_are_refused(tmp_path: Path) -> None:
    """HDF5 itself may end the process where damage has made something else of them."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "results.h5"
    write_results(path, Study("f()", ["w"], {}), [Row({"w": 0.5}, OK, {"n": 3})])
    assert len(read_results(path)[1]) == 1
    with h5py.File(path, "r+") as file:
        del file["rows"]
        file.create_dataset("rows", (1,), dtype=h5py.vlen_dtype(np.int32))
    with pytest.raises(FileFormatError, match=r"results\.h5' is damaged: its rows are no texts"):
        read_results(path)


@pytest.mark.parametrize("base", ["text", np.float64])
@pytest.mark.parametrize("layout", [{}, {"chunks": (2,)}, {"chunks": (2,), "compression": "gzip"}])
def test_an_hdf5_file_with_an_item_that_is_longer_than_the_file_is_refused(
    tmp_path: Path, base: Any, layout: dict[str, Any]
) -> None:
    """HDF5 itself would fill 32 GB."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "data.h5"
    kind = h5py.string_dtype() if base == "text" else h5py.vlen_dtype(base)
    items = [b"one", b"two", b"three"] if base == "text" else [np.arange(float(n)) for n in (3, 4, 5)]
    with h5py.File(path, "w") as file:
        stored = file.create_dataset("data", (3,), dtype=kind, **layout)
        for number, item in enumerate(items):
            stored[number] = item
    assert all(np.array_equal(a, b) for a, b in zip(HDF5ArrayFile(str(path)).read(), items, strict=True))
    for length in (2**32 - 1, path.stat().st_size + 1):
        with h5py.File(path, "r+") as file:
            stored = file["data"]
            if layout:
                _, content = stored.id.read_direct_chunk((2,))
                content = zlib.decompress(content) if "compression" in layout else content
                content = struct.pack("<I", length) + content[4:]
                content = zlib.compress(content) if "compression" in layout else content
                stored.id.write_direct_chunk((2,), content)
            offset = stored.id.get_offset()
        if not layout:
            with open(path, "r+b") as raw:
                raw.seek(offset + 32)
                raw.write(struct.pack("<I", length))
        with pytest.raises(FileFormatError, match="'/data' is said to have an item that is longer than the file"):
            HDF5ArrayFile(str(path)).read()


@pytest.mark.parametrize("library", ["earliest", "v110"])
def test_an_hdf5_file_with_a_text_that_is_longer_than_the_file_is_refused(tmp_path: Path, library: str) -> None:
    """HDF5 itself would take as much memory."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "data.h5"
    with h5py.File(path, "w", libver=library) as file:
        file["data"] = np.arange(3.0)
        file["data"].attrs["label"] = "'twelve bytes'"
    assert HDF5ArrayFile(str(path)).get_metadata() == {"label": "twelve bytes"}
    content = path.read_bytes()
    # The length of the text, the address of the heap (of which nothing is known here), and the number in it.
    found = list(re.finditer(rb"\x0e\0\0\0.{8}\x01\0\0\0", content, re.DOTALL))
    places = [match.start() for match in found if b"label" in content[match.start() - 60 : match.start()]]
    assert len(places) == 1
    for length in (len(content) + 1, 2**32 - 1):
        path.write_bytes(content[: places[0]] + struct.pack("<I", length) + content[places[0] + 4 :])
        with pytest.raises(FileFormatError, match="longer than the file"):
            HDF5ArrayFile(str(path)).get_metadata()
