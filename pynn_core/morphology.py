"""The shape of a cell: segments read from SWC and NeuroML files, and what is said of parts of it.

No backend of this package simulates cells with compartments. A morphology can be read, looked at, filtered and given
distributions here, under the names and arguments of PyNN 0.13; a Population of such cells raises NoModelAvailableError.
Lengths are in um, path lengths are measured along the tree from the soma.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.errors import CapabilityError, FileFormatError, InvalidParameterValueError, MissingPackageError, nearest

__all__ = [
    "BrianMorphology",
    "IonChannelDistribution",
    "LabelledLocations",
    "LocationGenerator",
    "MorphIOMorphology",
    "Morphology",
    "MorphologyFilter",
    "NeuriteDistribution",
    "NeuroMLMorphology",
    "SynapseDistribution",
    "any",
    "apical_dendrites",
    "at_distances",
    "axon",
    "basal_dendrites",
    "by_diameter",
    "by_distance",
    "centre",
    "dendrites",
    "load_morphology",
    "random_placement",
    "random_section",
    "sample",
    "uniform",
    "with_label",
]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Location = tuple[int, float]
"""Index of a segment, and how far along it: 0 at its proximal end, 1 at its distal end."""

SOMA, AXON, BASAL, APICAL = 1, 2, 3, 4
"""Kinds of segment, numbered as in SWC files."""
STUB_LENGTH, STUB_DIAMETER, STUB_SEGMENTS = 30.0, 1.0, 2
"""What replace_axon=True puts in the place of an axon: Hay et al. 2011, PLoS Comput Biol 7:e1002107."""


def __getattr__(name: str) -> Any:
    if name == "have_neuroml":
        return importlib.util.find_spec("neuroml") is not None
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# --- the tree -------------------------------------------------------------------------------------------------------


class Morphology:
    """A tree of segments, each a frustum between two points; a parent comes before its children.

    `proximal`, `distal`: x, y, z and diameter of the ends, shape (segments, 4). `parents`: index of each parent, -1 at
    the root. `kinds`: SOMA, AXON, BASAL or APICAL, as in SWC files. `section_groups`: label -> indices.
    """

    # LazyArray takes an object with this attribute for one value, and not for a list of values.
    is_lazyarray_scalar = True

    proximal: FloatArray
    distal: FloatArray
    parents: IntArray
    kinds: IntArray
    names: list[str]
    section_groups: dict[str, IntArray]

    def _take(
        self,
        proximal: Any,
        distal: Any,
        parents: Any,
        kinds: Any,
        names: Sequence[str] | None = None,
        groups: Mapping[str, Any] | None = None,
    ) -> None:
        self.proximal = np.asarray(proximal, dtype=float).reshape(-1, 4)
        self.distal = np.asarray(distal, dtype=float).reshape(-1, 4)
        self.parents = np.asarray(parents, dtype=np.int64)
        self.kinds = np.asarray(kinds, dtype=np.int64)
        self.names = list(names) if names is not None else [""] * len(self.parents)
        self.section_groups = {name: np.asarray(where, dtype=np.int64) for name, where in (groups or {}).items()}
        if not len(self.parents):
            raise FileFormatError("A morphology needs at least one segment.")

    def __len__(self) -> int:
        return len(self.parents)

    def labels(self) -> dict[str, int]:
        """Index of each segment that has a name."""
        return {name: index for index, name in enumerate(self.names) if name}

    @property
    def soma_index(self) -> int:
        """Index of the (first) segment of the soma; the root where none is marked as soma."""
        somatic = np.flatnonzero(self.kinds == SOMA)
        return int(somatic[0]) if somatic.size else int(np.flatnonzero(self.parents < 0)[0])

    @property
    def lengths(self) -> FloatArray:
        """Length of each segment (um)."""
        return np.sqrt(((self.distal[:, :3] - self.proximal[:, :3]) ** 2).sum(axis=1))

    @property
    def path_lengths(self) -> FloatArray:
        """Length of the way from the soma to the distal end of each segment (um); 0 for the segments of the soma."""
        own = np.where(self.kinds == SOMA, 0.0, self.lengths)
        total = np.zeros(len(self))
        for index, parent in enumerate(self.parents):
            total[index] = own[index] + (total[parent] if parent >= 0 else 0.0)
        return total

    def get_distance(self, index: int, fraction_along: float = 1.0) -> float:
        """Length of the way from the soma to a point of a segment (um): to its distal end unless said otherwise."""
        self._check_index(index)
        if self.kinds[index] == SOMA:
            return 0.0
        return float(self.path_lengths[index] - (1.0 - _fraction(fraction_along)) * self.lengths[index])

    def get_diameter(self, index: int, fraction_along: float = 0.0) -> float:
        """Diameter (um) of a segment at its proximal end, or further along."""
        self._check_index(index)
        begin, end = self.proximal[index, 3], self.distal[index, 3]
        return float(begin + _fraction(fraction_along) * (end - begin))

    def sections(self, among: IntArray | None = None) -> list[IntArray]:
        """Unbranched runs of segments of one kind, from proximal to distal; `among`: only of these segments."""
        chosen = np.ones(len(self), dtype=bool) if among is None else np.isin(np.arange(len(self)), among)
        inner = self.parents >= 0
        children = np.bincount(self.parents[inner], minlength=len(self))
        runs: dict[int, list[int]] = {}
        run_of = np.full(len(self), -1, dtype=np.int64)
        for index, parent in enumerate(self.parents):
            if not chosen[index]:
                continue
            goes_on = (
                parent >= 0 and chosen[parent] and children[parent] == 1 and self.kinds[parent] == self.kinds[index]
            )
            run_of[index] = run_of[parent] if goes_on else index
            runs.setdefault(int(run_of[index]), []).append(index)
        return [np.array(run, dtype=np.int64) for run in runs.values()]

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise InvalidParameterValueError(f"There is no segment {index}: the morphology has 0 to {len(self) - 1}.")

    def _select(self, selector: Any) -> IntArray:
        """Indices of the segments that a selector means: "all", a label, or a MorphologyFilter."""
        if isinstance(selector, MorphologyFilter):
            return selector.select(self)
        if not isinstance(selector, str):
            raise InvalidParameterValueError(
                "Parts of a cell are selected by 'all', 'soma', another label, or a filter such as "
                f"apical_dendrites(), not by {selector!r}."
            )
        if selector == "all":
            return np.arange(len(self))
        return self._labelled(selector)

    def _labelled(self, label: str) -> IntArray:
        if label in self.section_groups:
            return np.sort(self.section_groups[label])
        named = np.array([i for i, name in enumerate(self.names) if name == label], dtype=np.int64)
        if named.size:
            return named
        if label == "soma":
            somatic = np.flatnonzero(self.kinds == SOMA)
            return somatic if somatic.size else np.array([self.soma_index])
        known = ["all", "soma", *self.section_groups, *self.labels()]
        raise InvalidParameterValueError(
            f"No part of this morphology is labelled '{label}'.{nearest(label, known)} "
            f"Labels: {', '.join(dict.fromkeys(known))}."
        )


class NeuroMLMorphology(Morphology):
    """A morphology from a NeuroML 2 Morphology object: `segments` with id, name, parent, proximal, distal, and groups.

    Kinds are taken from the names of segment groups (axon, apical, basal, dendrite, soma), else from the segments' own.
    """

    def __init__(self, morphology: Any) -> None:
        self.segments = list(morphology.segments)
        order = _parents_first(self.segments)
        self.segments = [self.segments[i] for i in order]
        index_of = {int(segment.id): i for i, segment in enumerate(self.segments)}
        parents: list[int] = []
        proximal: list[tuple[float, ...]] = []
        distal: list[tuple[float, ...]] = []
        for segment in self.segments:
            parent = -1 if segment.parent is None else index_of[int(segment.parent.segments)]
            end = _point(segment.distal)
            begin = _point(segment.proximal) if segment.proximal is not None else distal[parent] if parent >= 0 else end
            parents.append(parent)
            proximal.append(begin)
            distal.append(end)
        groups = _members(getattr(morphology, "segment_groups", []), index_of)
        names = [str(segment.name or "") for segment in self.segments]
        self._take(proximal, distal, parents, _kinds_from_names(names, groups), names, groups)


class MorphIOMorphology(Morphology):
    """A morphology that the package MorphIO reads: SWC, Neurolucida ASC or H5. MissingPackageError without it."""

    def __init__(self, morphology_file: Any) -> None:
        try:
            import morphio
        except ImportError as error:
            raise MissingPackageError(
                "Reading a morphology with use_library='morphio' needs the package morphio. Install it with: "
                "pip install morphio. SWC and NeuroML files are read without it with use_library='neuroml'."
            ) from error
        self.morphology_file = str(morphology_file)
        try:
            tree = morphio.Morphology(self.morphology_file)
        except (morphio.MorphioError, RuntimeError) as error:
            raise FileFormatError(f"MorphIO cannot read '{self.morphology_file}': {error}") from error
        self._take(*_segments_of_sections(tree))


class BrianMorphology(Morphology):
    """The shape of a cell as Brian 2 has it: raises CapabilityError, since Brian 2 is not a backend of this package."""

    def __init__(self) -> None:
        raise CapabilityError(
            "BrianMorphology belongs to Brian 2, which is not a backend of this package. "
            "load_morphology('cell.swc') reads SWC and NeuroML files."
        )


class _Segments(Morphology):
    """A morphology that is given as arrays."""

    def __init__(self, *columns: Any) -> None:
        self._take(*columns)


def _fraction(value: float) -> float:
    if not 0.0 <= float(value) <= 1.0:
        raise InvalidParameterValueError(f"fraction_along is from 0 (proximal) to 1 (distal), not {value!r}.")
    return float(value)


def _point(point: Any) -> tuple[float, float, float, float]:
    numbers = (float(point.x), float(point.y), float(point.z), float(point.diameter))
    if not np.isfinite(numbers).all():
        raise FileFormatError(f"The coordinates and the diameter of a segment are finite numbers, not {numbers}.")
    return numbers


def _parents_first(segments: list[Any]) -> list[int]:
    """An order of the segments in which each parent stands before its children."""
    index_of = {int(segment.id): i for i, segment in enumerate(segments)}
    if len(index_of) != len(segments):
        raise FileFormatError("Two segments of the morphology have the same id.")
    parents = [None if s.parent is None else int(s.parent.segments) for s in segments]
    unknown = {p for p in parents if p is not None and p not in index_of}
    if unknown:
        raise FileFormatError(f"The morphology has no segment {min(unknown)}, which is the parent of another.")
    return _ordered([-1 if p is None else index_of[p] for p in parents])


def _ordered(parents: Sequence[int]) -> list[int]:
    if all(parent < index for index, parent in enumerate(parents)):
        return list(range(len(parents)))
    children: dict[int, list[int]] = {}
    for index, parent in enumerate(parents):
        children.setdefault(parent, []).append(index)
    order: list[int] = []
    front = children.get(-1, [])
    while front:
        order += front
        front = [child for index in front for child in children.get(index, [])]
    if len(order) != len(parents):
        raise FileFormatError("Segments of the morphology are each other's parents, so it is not a tree.")
    return order


def _members(groups: Iterable[Any], index_of: Mapping[int, int]) -> dict[str, IntArray]:
    """Label -> indices of the members of a NeuroML segment group, those of the groups that it includes among them."""
    by_id = {group.id: group for group in groups}

    def collect(name: str, seen: frozenset[str]) -> set[int]:
        if name in seen or name not in by_id:
            raise FileFormatError(f"The segment group '{name}' is missing, or includes itself.")
        group = by_id[name]
        members = [int(member.segments) for member in group.members]
        unknown = [member for member in members if member not in index_of]
        if unknown:
            raise FileFormatError(f"The segment group '{name}' has the segment {unknown[0]}, which there is not.")
        found = {index_of[member] for member in members}
        for include in group.includes:
            found |= collect(include.segment_groups, seen | {name})
        return found

    return {name: np.array(sorted(collect(name, frozenset())), dtype=np.int64) for name in by_id}


_WORDS = (("axon", AXON), ("apic", APICAL), ("basal", BASAL), ("dend", BASAL), ("soma", SOMA))


def _kind_from_name(name: str) -> int | None:
    return next((kind for word, kind in _WORDS if word in name.lower()), None)


def _kinds_from_names(names: Sequence[str], groups: Mapping[str, IntArray]) -> IntArray:
    kinds = np.array([_kind_from_name(name) or 0 for name in names], dtype=np.int64)
    # A group of all dendrites says less than one of the apical ones, so the special ones come last and win.
    for word, kind in reversed(_WORDS):
        for label, members in groups.items():
            if word in label.lower() and _kind_from_name(label) == kind:
                kinds[members] = kind
    return kinds


def _segments_of_sections(tree: Any) -> tuple[Any, ...]:
    """Columns for Morphology._take() from a MorphIO morphology: one segment between each two points of a section."""
    soma_points = np.asarray(tree.soma.points, dtype=float).reshape(-1, 3)
    soma_diameters = np.asarray(tree.soma.diameters, dtype=float)
    proximal, distal, parents, kinds = [], [], [], []
    if len(soma_points):
        # Contours, spheres and stacks are all described well enough by a sphere for distances from the soma.
        ball = (*soma_points.mean(axis=0), float(soma_diameters.max()))
        proximal, distal, parents, kinds = [ball], [ball], [-1], [SOMA]
    last: dict[int, int] = {}
    for section in tree.iter():
        parent = (0 if len(soma_points) else -1) if section.is_root else last[section.parent.id]
        points = np.column_stack([section.points, section.diameters])
        if section.is_root and len(soma_points):
            # PyNN's distances begin at the soma's centre: the first sample of a neurite is the end of a segment.
            points = np.vstack([[*soma_points.mean(axis=0), points[0, 3]], points])
        for begin, end in zip(points[:-1], points[1:], strict=True):
            proximal.append(tuple(begin))
            distal.append(tuple(end))
            parents.append(parent)
            kinds.append(int(section.type))
            parent = len(parents) - 1
        last[section.id] = parent
    return proximal, distal, parents, kinds


# --- reading files --------------------------------------------------------------------------------------------------


def load_morphology(url: Any, replace_axon: bool = False, use_library: str = "neuroml") -> Morphology:
    """The morphology in a file: SWC (.swc) or NeuroML 2 (.nml, .xml); with use_library="morphio" what MorphIO reads.

    `url` is a path or an http(s) address. `replace_axon=True` puts a stub of 60 um in the place of the axon. Raises
    FileFormatError for a file that is no morphology, MissingPackageError where the library is not installed.
    """
    if use_library not in ("neuroml", "morphio"):
        raise InvalidParameterValueError(f"use_library is 'neuroml' or 'morphio', not {use_library!r}.")
    if str(url).startswith(("http://", "https://")):
        return _downloaded(str(url), replace_axon, use_library)
    path = Path(url)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'.")
    morphology: Morphology
    if use_library == "morphio":
        morphology = MorphIOMorphology(path)
    elif path.suffix.lower() == ".swc":
        morphology = NeuroMLMorphology(_read_swc(path))
        _name_kinds(morphology, _swc_kinds(path, morphology))
    elif path.suffix.lower() in (".nml", ".xml"):
        morphology = NeuroMLMorphology(_read_neuroml(path))
    else:
        raise FileFormatError(
            f"'{path}' is not read: morphologies come from .swc, .nml or .xml files; use_library='morphio' reads .asc "
            "and .h5 too."
        )
    return _with_stub(morphology) if replace_axon else morphology


def _downloaded(url: str, replace_axon: bool, use_library: str) -> Morphology:
    import tempfile
    from urllib.parse import urlparse
    from urllib.request import urlopen

    name = Path(urlparse(url).path).name or "morphology.swc"
    with tempfile.TemporaryDirectory() as folder, urlopen(url, timeout=60) as answer:
        copy = Path(folder, name)
        copy.write_bytes(answer.read())
        return load_morphology(copy, replace_axon, use_library)


class _Record:
    """What libNeuroML has as an object: named attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


def _swc_samples(path: Path) -> dict[int, tuple[int, FloatArray, int]]:
    """Number of each sample of an SWC file -> (kind, (x, y, z, diameter), number of its parent)."""
    try:
        rows = np.loadtxt(path, ndmin=2, comments="#")
    except ValueError as error:
        raise FileFormatError(f"'{path}' is not an SWC file: {error}") from error
    if rows.size == 0 or rows.shape[1] < 7:
        raise FileFormatError(f"'{path}' is not an SWC file: each line has the 7 numbers n type x y z radius parent.")
    if not np.isfinite(rows[:, :7]).all() or (rows[:, [0, 1, 6]] % 1).any() or (rows[:, 5] < 0).any():
        raise FileFormatError(f"'{path}': numbers and types of samples are whole, radii are not negative.")
    if np.abs(rows[:, [0, 1, 6]]).max() > 2**53:
        raise FileFormatError(f"'{path}': the number of a sample has too many digits.")
    samples = {}
    for number, kind, x, y, z, radius, parent in rows[:, :7]:
        if int(number) in samples:
            raise FileFormatError(f"'{path}': the sample {int(number)} stands there twice.")
        samples[int(number)] = (int(kind), np.array([x, y, z, 2.0 * radius]), int(parent))
    missing = {parent for _, _, parent in samples.values() if parent not in samples and parent >= 0}
    if missing:
        raise FileFormatError(f"'{path}': there is no sample {min(missing)}, which is the parent of another.")
    return samples


def _read_swc(path: Path) -> _Record:
    """One segment from each sample's parent to it; a root is a segment without length, the centre of the soma."""
    samples = _swc_samples(path)
    segments = []
    for number, (kind, point, parent) in samples.items():
        begin = point
        if parent >= 0:
            parent_kind, begin, _ = samples[parent]
            if kind != parent_kind:
                # A neurite does not have the diameter of the soma that it leaves.
                begin = np.array([*begin[:3], point[3]])
        segments.append(
            _Record(
                id=number,
                name=None,
                parent=_Record(segments=parent) if parent >= 0 else None,
                proximal=_coordinates(begin),
                distal=_coordinates(point),
            )
        )
    return _Record(segments=segments, segment_groups=[])


def _coordinates(point: FloatArray) -> _Record:
    return _Record(x=point[0], y=point[1], z=point[2], diameter=point[3])


def _swc_kinds(path: Path, morphology: NeuroMLMorphology) -> IntArray:
    samples = _swc_samples(path)
    return np.array([samples[segment.id][0] for segment in morphology.segments], dtype=np.int64)


def _name_kinds(morphology: Morphology, kinds: IntArray) -> None:
    morphology.kinds = kinds
    labels = {"soma": [SOMA], "axon": [AXON], "basal_dendrites": [BASAL], "apical_dendrites": [APICAL]}
    for label, wanted in {**labels, "dendrites": [BASAL, APICAL]}.items():
        members = np.flatnonzero(np.isin(kinds, wanted))
        if members.size:
            morphology.section_groups[label] = members


def _read_neuroml(path: Path) -> _Record:
    """The first morphology of a NeuroML 2 file."""
    from xml.etree import ElementTree

    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise FileFormatError(f"'{path}' is not an XML file: {error}") from error
    element = next((e for e in root.iter() if _tag(e) == "morphology"), None)
    if element is None:
        raise FileFormatError(f"'{path}' has no element 'morphology', so it is not a NeuroML 2 file of a cell.")
    try:
        return _Record(
            segments=[_segment(e) for e in element if _tag(e) == "segment"],
            segment_groups=[_group(e) for e in element if _tag(e) == "segmentGroup"],
        )
    except (KeyError, ValueError) as error:
        raise FileFormatError(f"'{path}': a segment lacks {error}, or has it with a wrong value.") from error


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _segment(element: Any) -> _Record:
    children = {_tag(child): child for child in element}
    parent = children.get("parent")
    ends = {
        end: None if end not in children else _coordinates(
            np.array([float(children[end].attrib[key]) for key in ("x", "y", "z", "diameter")])
        )
        for end in ("proximal", "distal")
    }
    if ends["distal"] is None:
        raise KeyError("distal")
    return _Record(
        id=int(element.attrib["id"]),
        name=element.attrib.get("name"),
        parent=None if parent is None else _Record(segments=int(parent.attrib["segment"])),
        **ends,
    )


def _group(element: Any) -> _Record:
    return _Record(
        id=element.attrib["id"],
        members=[_Record(segments=int(e.attrib["segment"])) for e in element if _tag(e) == "member"],
        includes=[_Record(segment_groups=e.attrib["segmentGroup"]) for e in element if _tag(e) == "include"],
    )


def _with_stub(morphology: Morphology) -> Morphology:
    """The morphology with a stub for its axon; the stub goes in the direction in which the axon went."""
    axonal = morphology.kinds == AXON
    keep = np.flatnonzero(~axonal)
    root = morphology.soma_index
    if axonal[root]:
        raise InvalidParameterValueError("replace_axon=True: the morphology has nothing but an axon.")
    origin = morphology.distal[root, :3]
    direction = np.array([0.0, -1.0, 0.0])
    if axonal.any():
        away = morphology.distal[np.flatnonzero(axonal)[0], :3] - origin
        direction = away / np.linalg.norm(away) if away.any() else direction
    # What grows out of the axon goes with it, whatever its kind.
    new_index = np.full(len(morphology), -1, dtype=np.int64)
    kept: list[int] = []
    for index in keep:
        parent = morphology.parents[index]
        if parent < 0 or new_index[parent] >= 0:
            new_index[index] = len(kept)
            kept.append(int(index))
    parents = [-1 if morphology.parents[i] < 0 else int(new_index[morphology.parents[i]]) for i in kept]
    proximal, distal = list(morphology.proximal[kept]), list(morphology.distal[kept])
    kinds, names = list(morphology.kinds[kept]), [morphology.names[i] for i in kept]
    stub = []
    for k in range(STUB_SEGMENTS):
        parents.append(int(new_index[root]) if k == 0 else len(parents) - 1)
        stub.append(len(parents) - 1)
        proximal.append(np.array([*(origin + k * STUB_LENGTH * direction), STUB_DIAMETER]))
        distal.append(np.array([*(origin + (k + 1) * STUB_LENGTH * direction), STUB_DIAMETER]))
        kinds.append(AXON)
        names.append("")
    groups = {
        label: np.sort(new_index[members[new_index[members] >= 0]])
        for label, members in morphology.section_groups.items()
    }
    groups = {label: members for label, members in groups.items() if members.size}
    groups["axon"] = np.array(stub, dtype=np.int64)
    return _Segments(proximal, distal, parents, kinds, names, groups)


# --- parts of a cell ------------------------------------------------------------------------------------------------


class MorphologyFilter:
    """A choice of segments that can be made on any morphology; `fraction_along` is where on each section is meant."""

    def __init__(self, fraction_along: float | None = None) -> None:
        self.fraction_along = None if fraction_along is None else _fraction(fraction_along)

    def select(self, morphology: Morphology) -> IntArray:
        """Indices of the chosen segments."""
        raise NotImplementedError

    def __call__(self, morphology: Morphology) -> IntArray:
        return self.select(morphology)

    def __repr__(self) -> str:
        along = "" if self.fraction_along is None else f"fraction_along={self.fraction_along}"
        return f"{type(self).__name__}({along})"


class _OfKind(MorphologyFilter):
    kinds: tuple[int, ...]

    def select(self, morphology: Morphology) -> IntArray:
        return np.flatnonzero(np.isin(morphology.kinds, self.kinds))


class dendrites(_OfKind):
    """The dendrites, basal and apical."""

    kinds = (BASAL, APICAL)


class apical_dendrites(_OfKind):
    """The apical dendrites."""

    kinds = (APICAL,)


class basal_dendrites(_OfKind):
    """The basal dendrites."""

    kinds = (BASAL,)


class axon(_OfKind):
    """The axon."""

    kinds = (AXON,)


class with_label(MorphologyFilter):
    """The segments, or groups of segments, with one of these labels."""

    def __init__(self, *labels: str) -> None:
        super().__init__()
        self.labels = labels

    def select(self, morphology: Morphology) -> IntArray:
        found = [morphology._labelled(label) for label in self.labels]
        return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)


class random_section(MorphologyFilter):
    """One section, drawn at random from those that the filter `f` chooses."""

    def __init__(self, f: MorphologyFilter) -> None:
        if not isinstance(f, MorphologyFilter):
            raise InvalidParameterValueError(f"random_section() takes a filter such as dendrites(), not {f!r}.")
        super().__init__(f.fraction_along)
        self.f = f

    def select(self, morphology: Morphology, rng: Any = None) -> IntArray:
        """Indices of the segments of the drawn section; `rng` is a NumpyRNG."""
        sections = morphology.sections(self.f.select(morphology))
        if not sections:
            raise InvalidParameterValueError(f"{self.f!r} chooses nothing from this morphology.")
        return sections[int(_generator(rng, "random_section").randint(0, len(sections)))]


sample = random_section


def _generator(rng: Any, what: str) -> Any:
    if rng is None:
        raise InvalidParameterValueError(f"{what} draws numbers: give it rng=NumpyRNG(seed).")
    return rng


# --- values on a cell -----------------------------------------------------------------------------------------------


class NeuriteDistribution:
    """Values for the segments that `selector` chooses ("all", a label or a filter), `absence` for the others.

    `value_provider` is a number or a function of a number; what it is a function of, the subclasses say.
    """

    def __init__(self, selector: Any, value_provider: Any, absence: float = 0.0) -> None:
        if not isinstance(selector, (str, MorphologyFilter)):
            raise InvalidParameterValueError(
                f"The selector is 'all', 'soma', another label, or a filter such as dendrites(), not {selector!r}."
            )
        self.selector = selector
        self.value_provider = value_provider
        self.absence = absence

    def value_in(self, morphology: Morphology, index: int) -> float:
        """The value in one segment."""
        morphology._check_index(index)
        return self._value(morphology, index) if index in morphology._select(self.selector) else float(self.absence)

    def values(self, morphology: Morphology) -> FloatArray:
        """The value in each segment."""
        result = np.full(len(morphology), float(self.absence))
        for index in morphology._select(self.selector):
            result[index] = self._value(morphology, int(index))
        return result

    def _value(self, morphology: Morphology, index: int) -> float:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.selector!r}, {self.value_provider!r}, absence={self.absence!r})"


class IonChannelDistribution(NeuriteDistribution):
    """How the density of a channel (S/cm2), or another parameter of it, is distributed over a cell."""


class SynapseDistribution(NeuriteDistribution):
    """How synapses are distributed over a cell: their number per um."""


class uniform(IonChannelDistribution, SynapseDistribution):
    """The same number in all chosen segments."""

    def _value(self, morphology: Morphology, index: int) -> float:
        return float(self.value_provider)


class by_distance(IonChannelDistribution, SynapseDistribution):
    """A function of the length of the way (um) from the soma to the middle of the segment."""

    def __init__(self, selector: Any, value_provider: Callable[[float], float], absence: float = 0.0) -> None:
        super().__init__(selector, _function(value_provider, "by_distance", "distance"), absence)

    def _value(self, morphology: Morphology, index: int) -> float:
        return float(self.value_provider(morphology.get_distance(index, 0.5)))


class by_diameter(IonChannelDistribution, SynapseDistribution):
    """A function of the diameter (um) in the middle of the segment."""

    def __init__(self, selector: Any, value_provider: Callable[[float], float], absence: float = 0.0) -> None:
        super().__init__(selector, _function(value_provider, "by_diameter", "diameter"), absence)

    def _value(self, morphology: Morphology, index: int) -> float:
        return float(self.value_provider(morphology.get_diameter(index, 0.5)))


def _function(provider: Any, name: str, of: str) -> Any:
    if not callable(provider):
        raise InvalidParameterValueError(f"{name}() takes a function of the {of} in um, not {provider!r}.")
    return provider


class any(IonChannelDistribution, SynapseDistribution):
    """In each segment the value of the first of several distributions that chooses it; elsewhere `absence` (0)."""

    def __init__(self, *distributions: NeuriteDistribution, **kwargs: Any) -> None:
        absence = kwargs.pop("absence", 0.0)
        if kwargs:
            raise InvalidParameterValueError(f"any() has the option absence, and not {', '.join(kwargs)}.")
        for distribution in distributions:
            if not isinstance(distribution, NeuriteDistribution):
                raise InvalidParameterValueError(f"any() takes distributions such as uniform(), not {distribution!r}.")
        super().__init__("all", None, absence)
        self.distributions = distributions

    def value_in(self, morphology: Morphology, index: int) -> float:
        morphology._check_index(index)
        for distribution in self.distributions:
            if index in morphology._select(distribution.selector):
                return distribution.value_in(morphology, index)
        return float(self.absence)

    def values(self, morphology: Morphology) -> FloatArray:
        result = np.full(len(morphology), float(self.absence))
        for distribution in reversed(self.distributions):
            where = morphology._select(distribution.selector)
            result[where] = distribution.values(morphology)[where]
        return result


# --- places on a cell -----------------------------------------------------------------------------------------------


class LocationGenerator:
    """Places on a cell: pairs of segment index and fraction along it, for any morphology."""

    is_lazyarray_scalar = True

    def locations(self, morphology: Morphology, rng: Any = None) -> list[Location]:
        """The places; generators that draw need a NumpyRNG."""
        raise NotImplementedError

    def lazily_evaluate(self, mask: Any = None, shape: Any = None) -> LocationGenerator:
        """The generator itself: it is one value for all cells, whatever their number."""
        return self


class at_distances(LocationGenerator):
    """The places in the chosen segments that are at these path lengths (um) from the soma, on every branch."""

    def __init__(self, selector: Any, distances: Iterable[float]) -> None:
        self.selector = selector
        self.distances = [float(d) for d in np.atleast_1d(np.asarray(distances, dtype=float))]

    def locations(self, morphology: Morphology, rng: Any = None) -> list[Location]:
        ends, lengths = morphology.path_lengths, morphology.lengths
        found = []
        for distance in self.distances:
            for index in morphology._select(self.selector):
                begin = ends[index] - lengths[index]
                # A place between two segments belongs to the proximal one.
                if begin < distance <= ends[index]:
                    found.append((int(index), float((distance - begin) / lengths[index])))
        return found


class centre(LocationGenerator):
    """The middle, by length, of each section that the selector chooses."""

    def __init__(self, selector: Any) -> None:
        self.selector = selector

    def locations(self, morphology: Morphology, rng: Any = None) -> list[Location]:
        sections = morphology.sections(morphology._select(self.selector))
        return [_along(morphology, section, 0.5) for section in sections]


class random_placement(LocationGenerator):
    """Places drawn at random: on each segment a Poisson number with the density (1/um) that a distribution gives."""

    def __init__(self, density_function: SynapseDistribution) -> None:
        if not isinstance(density_function, SynapseDistribution):
            raise InvalidParameterValueError(
                f"random_placement() takes a density such as uniform('all', 0.05), not {density_function!r}."
            )
        self.density_function = density_function

    def locations(self, morphology: Morphology, rng: Any = None) -> list[Location]:
        generator = _generator(rng, "random_placement")
        counts = generator.poisson(self.density_function.values(morphology) * morphology.lengths)
        where = np.repeat(np.arange(len(morphology)), counts)
        along = generator.uniform(0.0, 1.0, size=where.size)
        return list(zip(where.tolist(), along.tolist(), strict=True))


class LabelledLocations(LocationGenerator):
    """The middle of each section with one of these labels."""

    def __init__(self, *labels: str) -> None:
        self.labels = labels

    def locations(self, morphology: Morphology, rng: Any = None) -> list[Location]:
        return [
            _along(morphology, section, 0.5)
            for label in self.labels
            for section in morphology.sections(morphology._labelled(label))
        ]


def _along(morphology: Morphology, section: IntArray, fraction: float) -> Location:
    """The place at a fraction of the length of a section."""
    lengths = morphology.lengths[section]
    total = lengths.sum()
    if total == 0.0:
        return int(section[0]), fraction
    ends = np.cumsum(lengths)
    k = int(np.searchsorted(ends, fraction * total))
    along = (fraction * total - (ends[k] - lengths[k])) / lengths[k]
    return int(section[k]), float(along)
