"""Morphologies: read, measured, filtered; compared with lengths that follow from the coordinates."""

from __future__ import annotations

import http.server
import sys
import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pyNN import morphology as m
from pyNN.errors import CapabilityError, FileFormatError, InvalidParameterValueError, MissingPackageError
from pyNN.random import NumpyRNG

# A soma of radius 10 um at the origin, a basal dendrite (10 + 50 um), an apical one (10 + 100 um), and an axon.
SWC = """# n type x y z radius parent
1 1 0 0 0 10 -1
2 3 10 0 0 1 1
3 3 60 0 0 2 2
4 4 0 10 0 2 1
5 4 0 110 0 1 4
6 2 0 -10 0 .5 1
7 2 0 -60 0 .5 6
"""

NEUROML = """<?xml version="1.0"?>
<neuroml xmlns="http://www.neuroml.org/schema/neuroml2" id="doc"><cell id="cell"><morphology id="shape">
<segment id="0" name="soma"><proximal x="0" y="0" z="0" diameter="20"/>
  <distal x="20" y="0" z="0" diameter="20"/></segment>
<segment id="1" name="trunk"><parent segment="0"/><proximal x="20" y="0" z="0" diameter="4"/>
  <distal x="120" y="0" z="0" diameter="2"/></segment>
<segment id="2" name="tuft"><parent segment="1"/><distal x="120" y="30" z="40" diameter="1"/></segment>
<segment id="3" name="tail"><parent segment="0"/><proximal x="0" y="0" z="0" diameter="1"/>
  <distal x="-50" y="0" z="0" diameter="1"/></segment>
<segmentGroup id="soma_group"><member segment="0"/></segmentGroup>
<segmentGroup id="apical_dendrite_group"><member segment="1"/><member segment="2"/></segmentGroup>
<segmentGroup id="dendrite_group"><include segmentGroup="apical_dendrite_group"/></segmentGroup>
<segmentGroup id="axon_group"><member segment="3"/></segmentGroup>
</morphology></cell></neuroml>
"""


@pytest.fixture
def cell(tmp_path: Path) -> m.Morphology:
    (tmp_path / "cell.swc").write_text(SWC)
    return m.load_morphology(tmp_path / "cell.swc")


@pytest.fixture
def neuroml(tmp_path: Path) -> m.Morphology:
    (tmp_path / "cell.nml").write_text(NEUROML)
    return m.load_morphology(str(tmp_path / "cell.nml"))


def test_path_lengths_of_an_swc_file_are_those_of_its_coordinates(cell: m.Morphology) -> None:
    # PyNN 0.13 gives the same numbers for this file.
    assert cell.path_lengths.tolist() == [0, 10, 60, 10, 110, 10, 60]
    assert (len(cell), cell.soma_index) == (7, 0)
    assert cell.get_distance(4, 0.5) == 60.0
    # A dendrite does not begin with the diameter of the soma.
    assert [cell.get_diameter(1), cell.get_diameter(2), cell.get_diameter(2, 0.5)] == [2.0, 2.0, 3.0]


def test_path_lengths_of_a_neuroml_file_begin_at_the_soma(neuroml: m.Morphology) -> None:
    assert neuroml.path_lengths.tolist() == [0, 100, 150, 50]
    assert neuroml.labels() == {"soma": 0, "trunk": 1, "tuft": 2, "tail": 3}
    assert neuroml.section_groups["dendrite_group"].tolist() == [1, 2]
    # A segment without a proximal point begins where its parent ends.
    assert neuroml.proximal[2].tolist() == [120, 0, 0, 2]


def test_an_object_of_libneuroml_is_taken() -> None:
    def point(*values: float) -> SimpleNamespace:
        return SimpleNamespace(**dict(zip(("x", "y", "z", "diameter"), values, strict=True)))

    # The child stands before its parent.
    child = SimpleNamespace(
        id=7, name="dend", parent=SimpleNamespace(segments=3), proximal=None, distal=point(3, 4, 0, 1)
    )
    root = SimpleNamespace(id=3, name="soma", parent=None, proximal=point(0, 0, 0, 9), distal=point(0, 0, 0, 9))
    cell = m.NeuroMLMorphology(SimpleNamespace(segments=[child, root], segment_groups=[]))
    assert cell.path_lengths.tolist() == [0, 5]
    assert m.dendrites()(cell).tolist() == [1]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (m.dendrites(), [1, 2, 3, 4]),
        (m.apical_dendrites(), [3, 4]),
        (m.basal_dendrites(), [1, 2]),
        (m.axon(), [5, 6]),
        (m.with_label("axon", "soma"), [0, 5, 6]),
    ],
)
def test_a_filter_chooses_segments(cell: m.Morphology, selector: m.MorphologyFilter, expected: list[int]) -> None:
    assert selector(cell).tolist() == expected


def test_a_section_drawn_at_random_is_each_of_them_equally_often(cell: m.Morphology) -> None:
    rng = NumpyRNG(seed=7)
    drawn = [tuple(m.random_section(m.dendrites()).select(cell, rng)) for _ in range(1000)]
    assert set(drawn) == {(1, 2), (3, 4)}
    # 1000 throws of a coin: 500 +- 5 standard deviations of 15.8.
    assert abs(drawn.count((1, 2)) - 500) < 80
    assert m.sample is m.random_section


def test_distributions_follow_distance_and_diameter(cell: m.Morphology) -> None:
    assert m.uniform("all", 0.3).values(cell).tolist() == [0.3] * 7
    assert m.uniform("soma", 0.3, absence=0.1).values(cell).tolist() == [0.3] + [0.1] * 6
    # Middles of the segments of the apical dendrite: 5 and 60 um from the soma.
    assert m.by_distance(m.apical_dendrites(), lambda d: 2 * d).values(cell).tolist() == [0, 0, 0, 10, 120, 0, 0]
    assert m.by_diameter(m.basal_dendrites(), lambda d: d).values(cell).tolist() == [0, 2, 3, 0, 0, 0, 0]
    several = m.any(m.uniform("soma", 1.0), m.uniform("all", 2.0), absence=9.0)
    assert several.values(cell).tolist() == [1.0] + [2.0] * 6
    assert [several.value_in(cell, i) for i in range(7)] == several.values(cell).tolist()
    assert m.any(m.uniform("axon", 1.0), absence=9.0).value_in(cell, 0) == 9.0


def test_places_at_distances_are_at_these_distances(cell: m.Morphology) -> None:
    places = m.at_distances(m.dendrites(), [10.0, 35.0, 80.0]).locations(cell)
    # Both dendrites are longer than 35 um, only the apical one reaches 80 um.
    assert len(places) == 5
    distances = [cell.get_distance(*place) for place in places]
    assert distances == pytest.approx([10, 10, 35, 35, 80], rel=1e-12)


def test_the_centre_of_a_section_halves_its_length(cell: m.Morphology) -> None:
    places = m.centre(m.dendrites()).locations(cell)
    assert [cell.get_distance(*place) for place in places] == pytest.approx([30.0, 55.0], rel=1e-12)
    assert m.LabelledLocations("basal_dendrites").locations(cell) == places[:1]
    assert m.centre("soma").locations(cell) == [(0, 0.5)]


def test_random_places_have_the_density_asked_for(cell: m.Morphology) -> None:
    places = m.random_placement(m.uniform(m.apical_dendrites(), 100.0)).locations(cell, NumpyRNG(seed=3))
    assert {segment for segment, _ in places} == {3, 4}
    # Poisson with mean 110 um * 100 / um: 11000 +- 5 standard deviations of 105; uniform along: mean 1/2, 5 * 0.0028.
    assert abs(len(places) - 11000) < 525
    assert abs(np.mean([along for _, along in places]) - 0.5) < 0.014


def test_what_draws_needs_a_generator(cell: m.Morphology) -> None:
    with pytest.raises(InvalidParameterValueError, match=r"rng=NumpyRNG\(seed\)"):
        m.random_placement(m.uniform("all", 1.0)).locations(cell)
    with pytest.raises(InvalidParameterValueError, match=r"rng=NumpyRNG\(seed\)"):
        m.random_section(m.dendrites())(cell)


def test_an_axon_is_replaced_by_a_stub_of_60_um(tmp_path: Path) -> None:
    (tmp_path / "cell.swc").write_text(SWC)
    cell = m.load_morphology(tmp_path / "cell.swc", replace_axon=True)
    stub = m.axon()(cell)
    assert cell.path_lengths[stub].tolist() == [30, 60]
    assert cell.distal[stub[-1]].tolist() == [0, -60, 0, 1]
    assert m.dendrites()(cell).tolist() == [1, 2, 3, 4]


def test_a_morphology_is_one_value_for_all_cells(cell: m.Morphology) -> None:
    from pyNN.parameters import LazyArray

    assert cell.is_lazyarray_scalar
    assert LazyArray(m.centre("soma"), shape=(3,)).base_value.lazily_evaluate() is not None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.swc", "1 1 0 0 0 5\n", "7 numbers"),
        ("a.swc", "1 1 0 0 0 five -1\n", "not an SWC file"),
        ("a.swc", "1 1 0 0 0 5 -1\n2 3 1 0 0 1 9\n", "no sample 9"),
        ("a.swc", "1 1 0 0 0 5 2\n2 3 1 0 0 1 1\n", "not a tree"),
        ("a.swc", "1 1 0 0 0 5 -1\n1 3 1 0 0 1 1\n", "twice"),
        ("a.swc", "1 1 0 0 0 nan -1\n", "not negative"),
        ("a.nml", "<neuroml", "not an XML file"),
        ("a.nml", "<neuroml><cell/></neuroml>", "no element 'morphology'"),
        ("a.nml", "<neuroml><morphology/></neuroml>", "at least one segment"),
        ("a.nml", "<neuroml><morphology><segment id='0'/></morphology></neuroml>", "distal"),
        ("a.hoc", "x", "not read"),
    ],
)
def test_a_file_that_is_no_morphology_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FileFormatError, match=message):
        m.load_morphology(tmp_path / name)


def test_a_morphology_is_read_from_an_address(tmp_path: Path) -> None:
    (tmp_path / "cell.swc").write_text(SWC)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        cell = m.load_morphology(f"http://127.0.0.1:{server.server_port}/cell.swc?version=1")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert cell.path_lengths.tolist() == [0, 10, 60, 10, 110, 10, 60]


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cell.swc").write_text(SWC)
    monkeypatch.setitem(sys.modules, "morphio", None)
    with pytest.raises(MissingPackageError, match="pip install morphio"):
        m.load_morphology(tmp_path / "cell.swc", use_library="morphio")
    with pytest.raises(CapabilityError, match="Brian 2"):
        m.BrianMorphology()
    with pytest.raises(InvalidParameterValueError, match="'neuroml' or 'morphio'"):
        m.load_morphology(tmp_path / "cell.swc", use_library="neurom")
    with pytest.raises(FileNotFoundError):
        m.load_morphology(tmp_path / "none.swc")


def test_a_label_that_is_not_there_is_answered_with_those_that_are(cell: m.Morphology) -> None:
    with pytest.raises(InvalidParameterValueError, match="Did you mean 'apical_dendrites'"):
        m.uniform("apical_dendrite", 1.0).values(cell)
    with pytest.raises(InvalidParameterValueError, match="0 to 6"):
        cell.get_diameter(7)
    with pytest.raises(InvalidParameterValueError, match="from 0"):
        m.dendrites(fraction_along=1.5)
