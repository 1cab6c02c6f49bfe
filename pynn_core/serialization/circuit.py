"""Circuits in the SONATA format: what the files say, checked, and then made on a backend."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.connectors import ConnectionRequest, Connections, Connector
from pyNN.errors import CapabilityError, FileFormatError, InvalidParameterValueError
from pyNN.models import BaseCellType, BaseSynapseType
from pyNN.network import Network
from pyNN.parameters import Sequence
from pyNN.recording.files import Attributes
from pyNN.serialization.container import (
    asciify,
    cast,
    column,
    datasets,
    group_in,
    integers,
    load_config,
    located,
    opened_h5,
    read_json,
    read_table,
    to_string,
    types_of,
)
from pyNN.serialization.nodesets import Nodes, explicit_sets, read_node_sets
from pyNN.specs import IntArray
from pyNN.units import factor

POINT_TYPES = ("point_neuron", "point_process", "point_soma", "virtual")
"""Values of model_type that are points; the second and third are those of the first drafts of the format."""
_COMPONENTS = ("node", "edge")
_COORDINATES = ("x", "y", "z")
_STDP = re.compile(r"STDPMechanism\((\w+), *(\w+)\)")
NEST = "nest"


# --- what the files say ----------------------------------------------------------------------------------------------


@dataclass
class _Group:
    """Nodes or edges of one type within one group: they have the same attributes."""

    id: int
    where: str
    """For error messages: the file and the population."""
    attributes: dict[str, Any]
    """A text, or an array of one value a member."""
    dynamics: dict[str, Any]
    """Parameters of the model: a number, a list of numbers that all members have, or one value a member."""
    members: IntArray
    """Positions of the members in the population's datasets."""

    def __len__(self) -> int:
        return len(self.members)

    @property
    def size(self) -> int:
        return len(self.members)

    def text(self, name: str) -> str | None:
        """An attribute that is the same text for all members; None where there is none."""
        value = self.attributes.get(name)
        if isinstance(value, np.ndarray):
            different = sorted({str(item) for item in value})
            if len(different) > 1:
                raise CapabilityError(
                    f"{self.where}: '{name}' differs within a group of one type ({', '.join(different[:5])}). Give "
                    "each its own node_type_id or edge_type_id."
                )
            value = different[0] if different else None
        return None if value is None or value == "NULL" else str(value)

    def number(self, name: str) -> Any:
        """An attribute that is a number for all members, or an array of one a member; None where there is none."""
        value = self.attributes.get(name)
        if value is None:
            return None
        try:
            return np.asarray(value, dtype=float) if isinstance(value, np.ndarray) else float(value)
        except (TypeError, ValueError) as error:
            raise FileFormatError(f"{self.where}: '{name}' must be a number, not {value!r}.") from error

    def template(self) -> tuple[str, str] | None:
        """(schema, name) of the model, the schema in lower case and "" where it is missing; None without a model."""
        text = self.text("model_template")
        if text is None:
            return None
        schema, colon, name = text.partition(":")
        return (schema.strip().lower(), name.strip()) if colon else ("", text.strip())


class NodeGroup(_Group):
    """Nodes of one type in one group of a node population."""

    @classmethod
    def from_data(
        cls, id: int, node_types_array: Any, index: Any, h5_data: Any, node_types_map: Any, config: Any
    ) -> list[NodeGroup]:
        """The groups, one a node type, of the members of group `id`; index: positions of members in its datasets."""
        members = np.arange(len(index))
        return _split(cls, id, node_types_array, np.asarray(index), members, h5_data, node_types_map, config, "node")

    def get_cell_type(self, sim: Any) -> BaseCellType:
        """The cell type of these nodes with its parameters; CapabilityError where `sim` has no such model."""
        model_type = self.text("model_type")
        if model_type not in POINT_TYPES:
            raise CapabilityError(
                f"{self.where}: nodes of model_type '{model_type}' have compartments, and cells are points here. "
                "The simulator NEURON has them; possible here: point_neuron and virtual."
            )
        template = self.template()
        if template is None:
            if model_type != "virtual":
                raise FileFormatError(f"{self.where}: point neurons need a model_template such as pynn:IF_curr_exp.")
            template = ("pynn", "SpikeSourceArray")
        schema, name = template
        parameters = dict(self.dynamics)
        if schema == NEST:
            return _native(sim, "native_cell_type", name, self.where)(**parameters)
        _check_schema(schema, self.where)
        if name == "PointNeuron":
            return self._point_neuron(sim, parameters)
        return _model(sim, name, BaseCellType, self.where)(**parameters)

    def _point_neuron(self, sim: Any, parameters: dict[str, Any]) -> BaseCellType:
        """A composed cell: its column `components` is "LIF AMPA=CondExpPostSynapticResponse ..."."""
        words = (self.text("components") or "").split()
        if not words:
            raise FileFormatError(
                f"{self.where}: a PointNeuron needs the column components, such as 'LIF exc=AlphaPSR'."
            )
        neuron = _model(sim, words[0], object, self.where)
        own = {name: value for name, value in parameters.items() if "." not in name}
        receptors = {}
        for word in words[1:]:
            receptor, _, kind = word.partition("=")
            prefix = f"{receptor}."
            values = {n.removeprefix(prefix): v for n, v in parameters.items() if n.startswith(prefix)}
            receptors[receptor] = _model(sim, kind, object, self.where)(**values)
        cell: BaseCellType = sim.PointNeuron(neuron(**own), **receptors)
        return cell

    def initial_values(self, celltype: BaseCellType) -> dict[str, Any]:
        """Values of state variables at t = 0, from attributes "initial_v" and the like."""
        states = {name: self.number(f"initial_{name}") for name in celltype.definition.states}
        return {name: value for name, value in states.items() if value is not None}

    def positions(self) -> Any:
        """Shape (3, members), or None where the nodes have no positions."""
        given = [self.number(name) for name in _COORDINATES]
        if all(value is None for value in given):
            return None
        return np.stack([np.broadcast_to(0.0 if value is None else value, (len(self),)) for value in given])

    def to_population(self, sim: Any, label: str = "", celltype: BaseCellType | None = None) -> Any:
        """A population of these nodes."""
        celltype = self.get_cell_type(sim) if celltype is None else celltype
        population = sim.Population(
            len(self), celltype, initial_values=self.initial_values(celltype), label=label or self.where
        )
        positions = self.positions()
        if positions is not None:
            population.positions = positions
        return population


@dataclass
class NodePopulation:
    """Nodes of one population of a file."""

    name: str
    label: str
    groups: list[NodeGroup]
    node_ids: IntArray
    """By position in the datasets."""

    @classmethod
    def from_data(cls, name: str, h5_data: Any, node_types_map: Any, config: Any) -> NodePopulation:
        """From the group /nodes/<name> of a file and the attributes by type id."""
        types = integers(h5_data, "node_type_id")
        size = len(types)
        node_ids = integers(h5_data, "node_id", size) if "node_id" in h5_data else np.arange(size)
        if len(np.unique(node_ids)) != size:
            raise FileFormatError(f"'{h5_data.file.filename}': a node_id occurs twice in '{h5_data.name}'.")
        groups = _groups(NodeGroup, h5_data, types, node_types_map, config, "node")
        return cls(name, to_string(Attributes(h5_data).get("label", name)), groups, node_ids)

    @property
    def size(self) -> int:
        return len(self.node_ids)

    def to_assembly(self, sim: Any, celltypes: list[BaseCellType] | None = None) -> Any:
        """The cells on a backend: an assembly of one population for each group and type; one alone is a population."""
        cells = celltypes or [group.get_cell_type(sim) for group in self.groups]
        if not self.groups:
            raise FileFormatError(f"The node population '{self.name}' has no nodes and no types.")
        labels = [self.label] if len(cells) == 1 else [f"{self.label}-{k}" for k in range(len(cells))]
        made = [
            group.to_population(sim, label, celltype)
            for group, label, celltype in zip(self.groups, labels, cells, strict=True)
        ]
        return made[0] if len(made) == 1 else sim.Assembly(*made, label=self.label)

    def nodes(self, cells: Any) -> Nodes:
        """Which cell is which node, and the attributes by which a node set can choose them."""
        members = np.concatenate([group.members for group in self.groups])
        attributes: dict[str, Any] = {}
        for name in {name for group in self.groups for name in group.attributes}:
            parts = [
                np.broadcast_to(np.asarray(cast(g.attributes.get(name)), dtype=object), (len(g),)) for g in self.groups
            ]
            attributes[name] = np.concatenate(parts)
        return Nodes(cells, self.node_ids[members], attributes)


class EdgeGroup(_Group):
    """Edges of one type in one group of an edge population."""

    source_ids: IntArray
    target_ids: IntArray

    @classmethod
    def from_data(
        cls, id: int, edge_types_array: Any, index: Any, source_ids: Any, target_ids: Any, h5_data: Any,
        edge_types_map: Any, config: Any,
    ) -> list[EdgeGroup]:
        """The groups, one an edge type, of the members of group `id`; index: positions of members in its datasets."""
        members = np.arange(len(index))
        made = _split(cls, id, edge_types_array, np.asarray(index), members, h5_data, edge_types_map, config, "edge")
        for group in made:
            group.source_ids, group.target_ids = np.asarray(source_ids)[group.members], target_ids[group.members]
        return made

    def get_synapse_and_receptor_type(self, sim: Any, weight_unit: float = 1.0) -> tuple[Any, str | None, Any]:
        """(synapse type, receptor type, values of single connections); weights are multiplied by `weight_unit`."""
        template = self.template() or ("pynn", "StaticSynapse")
        schema, name = template
        values = dict(self.dynamics)
        weight, delay = self.number("syn_weight"), self.number("delay")
        if weight is not None:
            values["weight"] = weight * weight_unit
        if delay is not None:
            values["delay"] = delay
        if values.get("weight") is None and len(self):
            raise FileFormatError(f"{self.where}: the edges have no syn_weight.")
        # In a table the number of values is the number of connections; one for all is the synapse type's own.
        single = {n: np.asarray(v, dtype=float) for n, v in values.items() if isinstance(v, np.ndarray)}
        common = {n: v for n, v in values.items() if n not in single}
        receptor = self.text("receptor_type")
        native = schema == NEST or (not schema and not hasattr(sim, name) and hasattr(sim, "native_synapse_type"))
        if native and name == "static_synapse":
            return sim.StaticSynapse(**common), receptor, single
        if native:
            return _native(sim, "native_synapse_type", name, self.where)(**common), receptor, single
        _check_schema(schema, self.where)
        found = _STDP.fullmatch(name)
        if found is not None:
            return self._stdp(sim, found[1], found[2], common), receptor, single
        return _model(sim, name, BaseSynapseType, self.where)(**common), receptor, single

    def _stdp(self, sim: Any, timing: str, dependence: str, values: dict[str, Any]) -> BaseSynapseType:
        parts = []
        for name in (timing, dependence):
            cls = _model(sim, name, object, self.where)
            parts.append(cls(**{n: values.pop(n) for n in list(values) if n in cls.default_parameters}))
        synapse: BaseSynapseType = sim.STDPMechanism(parts[0], parts[1], **values)
        return synapse

    def initial_values(self, synapse: BaseSynapseType) -> dict[str, Any]:
        """Values of synaptic states at t = 0, one a member where they differ."""
        states = {name: self.number(f"initial_{name}") for name in synapse.definition.states}
        return {name: value for name, value in states.items() if value is not None}

    def to_projection(
        self, pre: Any, post: Any, edge_population_name: str, sim: Any, made: Any = None, indices: Any = None
    ) -> Any:
        """A projection of these edges; `indices`: the cells' positions in pre and post, if those are not the ids."""
        synapse, receptor, values = self.get_synapse_and_receptor_type(sim) if made is None else made
        sources, targets = (self.source_ids, self.target_ids) if indices is None else indices
        initial = {
            name: np.broadcast_to(value, (len(self),)) for name, value in self.initial_values(synapse).items()
        }
        repeats = self.number("nsyns")
        if repeats is not None:
            count = np.broadcast_to(repeats, (len(self),)).astype(np.int64)
            sources, targets = np.repeat(sources, count), np.repeat(targets, count)
            values = {name: np.repeat(value, count) for name, value in values.items()}
            initial = {name: np.repeat(value, count) for name, value in initial.items()}
        projection = sim.Projection(
            pre, post, TableConnector(sources, targets, values), synapse,
            receptor_type=receptor, label=edge_population_name,
        )
        if initial:
            order = np.lexsort((sources, targets))
            projection.initialize(**{name: value[order] for name, value in initial.items()})
        return projection


@dataclass
class EdgePopulation:
    """Edges of one population of a file: from the nodes of one population to those of one population."""

    name: str
    label: str
    source: str
    target: str
    groups: list[EdgeGroup]

    @classmethod
    def from_data(cls, name: str, h5_data: Any, edge_types_map: Any, config: Any) -> EdgePopulation:
        """From the group /edges/<name> of a file and the attributes by type id."""
        types = integers(h5_data, "edge_type_id")
        ends = {}
        populations = []
        for side in ("source", "target"):
            ends[side] = integers(h5_data, f"{side}_node_id", len(types))
            population = Attributes(h5_data[f"{side}_node_id"]).get("node_population")
            if population is None:
                raise FileFormatError(
                    f"'{h5_data.file.filename}': '{h5_data.name}/{side}_node_id' does not say in its attribute "
                    "node_population which nodes are meant."
                )
            populations.append(to_string(population))
        groups = _groups(EdgeGroup, h5_data, types, edge_types_map, config, "edge")
        for group in groups:
            group.source_ids, group.target_ids = ends["source"][group.members], ends["target"][group.members]
        return cls(name, to_string(Attributes(h5_data).get("label", name)), populations[0], populations[1], groups)

    def check(self, sizes: Mapping[str, IntArray]) -> None:
        """Raise FileFormatError for edges from or to nodes that there are not."""
        for population, side in ((self.source, "source_ids"), (self.target, "target_ids")):
            if population not in sizes:
                known = ", ".join(sizes) or "none"
                raise FileFormatError(
                    f"The edge population '{self.name}' refers to the node population '{population}', which the "
                    f"circuit lacks. It has: {known}."
                )
            for group in self.groups:
                missing = np.setdiff1d(getattr(group, side), sizes[population])
                if missing.size:
                    raise FileFormatError(
                        f"{group.where} refers to node {missing[0]} of '{population}', which that does not have."
                    )

    def to_projections(self, net: Any, sim: Any, made: list[Any] | None = None) -> list[Any]:
        """The projections on a backend, one for each group and type."""
        pre, post = net.nodes[self.source], net.nodes[self.target]
        made = [None] * len(self.groups) if made is None else made
        labels = [self.label] if len(made) == 1 else [f"{self.label}-{k}" for k in range(len(made))]
        return [
            group.to_projection(
                pre.cells, post.cells, label, sim, parts,
                (pre.positions_of(group.source_ids), post.positions_of(group.target_ids)),
            )
            for group, parts, label in zip(self.groups, made, labels, strict=True)
        ]


def _groups(cls: Any, data: Any, types: IntArray, types_map: Any, config: Any, kind: str) -> list[Any]:
    """The members of a population, by group and type, in the order of the table of types."""
    size = len(types)
    group_ids = integers(data, f"{kind}_group_id", size)
    index = integers(data, f"{kind}_group_index", size)
    made: list[Any] = []
    for number in np.unique(group_ids):
        members = np.flatnonzero(group_ids == number)
        group = group_in(data, str(number))
        made += _split(
            cls, int(number), types[members], index[members], members, group, types_map, config, kind
        )
    if not size and types_map:
        # A population without members is still one of a type.
        number = next(iter(types_map))
        made += _split(
            cls, 0, np.array([number]), np.empty(0, int), np.empty(0, int), data.get("0", {}), types_map, config, kind
        )
    return made


def _split(
    cls: Any, id: int, types: Any, index: IntArray, members: IntArray, data: Any, types_map: Any, config: Any, kind: str
) -> list[Any]:
    where = f"'{config['file']}', {kind} population '{config['population']}'"
    unknown = [int(number) for number in np.unique(types) if int(number) not in types_map]
    if unknown:
        raise FileFormatError(f"{where}: the table of types has no {kind}_type_id {unknown[0]}.")
    made = []
    for number in (number for number in types_map if number in types):
        mine = np.flatnonzero(np.asarray(types) == number) if len(members) else np.empty(0, int)
        rows = index[mine]
        attributes = dict(types_map[number])
        dynamics = _dynamics_of_type(attributes.pop("dynamics_params", None), config, kind)
        attributes.update(_members(data, rows, where))
        if "dynamics_params" in data:
            dynamics.update(_members(group_in(data, "dynamics_params"), rows, where))
        made.append(cls(id, where, attributes, dynamics, members[mine]))
    return made


def _dynamics_of_type(name: str | None, config: Any, kind: str) -> dict[str, Any]:
    """Parameters that all members of a type share, from a JSON file."""
    if name is None:
        return {}
    folder = config["components"].get("point_neuron_models_dir" if kind == "node" else "synaptic_models_dir")
    base = Path(config["config_file"]).parent if folder is None else located(config["config_file"], folder, "a folder")
    return read_json(base / name)


def _members(data: Any, rows: IntArray, where: str) -> dict[str, Any]:
    """Every dataset of a group, at the given rows."""
    found: dict[str, Any] = {}
    for name in datasets(data):
        values = column(data, name)
        if rows.size and rows.max() >= len(values):
            raise FileFormatError(
                f"{where}: the group has {len(values)} values of '{name}', but row {rows.max()} is used."
            )
        values = values[rows]
        library = data.get("@library")
        if library is not None and name in library:
            texts = column(library, name)
            if values.size and (values.min() < 0 or values.max() >= len(texts)):
                raise FileFormatError(f"{where}: '{name}' has values beyond its library of {len(texts)} texts.")
            values = texts[values]
        found[name] = _per_member(values)
    return found


def _per_member(values: Any) -> Any:
    """An array of one value a member; lists of numbers become Sequences."""
    if values.ndim == 1 and (values.dtype != object or not len(values) or isinstance(values[0], str)):
        return values
    made = np.empty(len(values), dtype=object)
    for i, row in enumerate(values):
        made[i] = Sequence(row)
    return made


def _check_schema(schema: str, where: str) -> None:
    if schema not in ("", "pynn"):
        raise CapabilityError(
            f"{where}: models of the kind '{schema}:' are those of another simulator. Possible: pynn: (all backends) "
            "and nest: (pyNN.nest)."
        )


def _model(sim: Any, name: str, kind: type, where: str) -> Any:
    """A model class of a backend by name."""
    found = getattr(sim, name, None)
    if not isinstance(found, type) or not issubclass(found, kind) or not hasattr(found, "default_parameters"):
        raise CapabilityError(f"{where}: this backend has no model of the name '{name}'.")
    return found


def _native(sim: Any, maker: str, name: str, where: str) -> Any:
    found = getattr(sim, maker, None)
    if found is None:
        raise CapabilityError(f"{where}: '{NEST}:{name}' is a model of NEST. Import the circuit on pyNN.nest.")
    return found(name)


class TableConnector(Connector):
    """Connections from columns: positions of pre and post cells, and values of synapse parameters."""

    def __init__(self, pre: IntArray, post: IntArray, values: Mapping[str, Any]) -> None:
        super().__init__()
        self._pre, self._post, self._values = pre, post, dict(values)

    def connections(self, request: ConnectionRequest) -> Connections:
        local = request.is_local[self._post]
        return Connections.from_pairs(
            self._pre[local], self._post[local], {name: value[local] for name, value in self._values.items()}
        )


# --- making it -------------------------------------------------------------------------------------------------------


class SonataNetwork(Network):
    """A network from a circuit's files, which knows which cell is which node."""

    def __init__(self, *components: Any) -> None:
        self.nodes: dict[str, Nodes] = {}
        super().__init__(*components)


@dataclass
class Circuit:
    """All that the files of a circuit say, checked."""

    config_file: Path
    node_populations: list[NodePopulation] = field(default_factory=list)
    edge_populations: list[EdgePopulation] = field(default_factory=list)
    node_sets: dict[str, Any] = field(default_factory=dict)


def read_circuit(config_file: Any) -> Circuit:
    """The files that a circuit configuration names; FileFormatError where something is missing or does not fit."""
    path = Path(config_file)
    config = load_config(path)
    networks = config.get("networks")
    if not isinstance(networks, dict) or not isinstance(networks.get("nodes"), list):
        raise FileFormatError(f"'{path}' is not a circuit configuration: it has no list networks/nodes.")
    circuit = Circuit(path)
    components = config.get("components", {})
    if not isinstance(components, dict):
        raise FileFormatError(f"'{path}': components must name folders, {{...}}, not be {components!r:.80}.")
    base = {"config_file": path, "components": components}
    for kind in _COMPONENTS:
        entries = networks.get(f"{kind}s", [])
        if not isinstance(entries, list):
            raise FileFormatError(f"'{path}': networks/{kind}s must be a list, not {entries!r:.80}.")
        for entry in entries:
            if not isinstance(entry, dict):
                raise FileFormatError(f"'{path}': networks/{kind}s holds {entry!r}, where files are named.")
            if entry.get("enabled", True):
                _read_populations(circuit, kind, entry, base)
    known = {population.name: population.node_ids for population in circuit.node_populations}
    if len(known) != len(circuit.node_populations):
        raise FileFormatError(f"'{path}': two node populations have the same name.")
    for edges in circuit.edge_populations:
        edges.check(known)
    if config.get("node_sets_file"):
        circuit.node_sets = read_node_sets(located(path, config["node_sets_file"], "node_sets_file"))
    return circuit


def _read_populations(circuit: Circuit, kind: str, entry: dict[str, Any], base: dict[str, Any]) -> None:
    file = located(circuit.config_file, entry.get(f"{kind}s_file"), f"{kind}s_file")
    types_file = entry.get(f"{kind}_types_file")
    rows: list[dict[str, str | None]] = []
    types_path = file
    if types_file is not None and types_file != "NULL":
        types_path = located(circuit.config_file, types_file, f"{kind}_types_file")
        rows = read_table(types_path)
    order = list(dict.fromkeys(row.get("population") for row in rows))
    with opened_h5(file) as h5:
        parent = group_in(h5, f"{kind}s")
        # Groups of an HDF5 file come by name; the table has them in the order in which they were made.
        names = sorted(parent, key=lambda name: order.index(name) if name in order else len(order))
        for name in names:
            types = types_of(rows, kind, name, types_path)
            config = {**base, "file": file, "population": name}
            if kind == "node":
                nodes = NodePopulation.from_data(name, group_in(parent, name), types, config)
                circuit.node_populations.append(nodes)
            else:
                edges = EdgePopulation.from_data(name, group_in(parent, name), types, config)
                circuit.edge_populations.append(edges)


def import_from_sonata(config_file: Any, sim: Any) -> SonataNetwork:
    """The network of a SONATA circuit on the backend `sim`, which must be set up.

    Node populations become populations, those of several types assemblies; edge populations projections; node sets that
    list nodes, or other sets, views and assemblies. Models are PyNN's ("pynn:IF_curr_exp") or, on pyNN.nest, NEST's
    ("nest:iaf_psc_alpha", whose weights are in NEST's units). Everything is read and checked before the first cell is
    made: FileFormatError for files that are wrong, CapabilityError for models that the backend does not have.
    """
    circuit = read_circuit(config_file)
    simulation = sim.script.simulation
    cells = [[group.get_cell_type(sim) for group in nodes.groups] for nodes in circuit.node_populations]
    for celltypes in cells:
        for celltype in celltypes:
            simulation.require_model(celltype.definition)
    of = {nodes.name: nodes for nodes in circuit.node_populations}
    synapses = []
    for edges in circuit.edge_populations:
        unit = _weight_unit(of[edges.target])
        synapses.append([group.get_synapse_and_receptor_type(sim, unit) for group in edges.groups])
        for synapse, _, _ in synapses[-1]:
            simulation.require_model(synapse.definition)
    network = SonataNetwork()
    for nodes, celltypes in zip(circuit.node_populations, cells, strict=True):
        made = nodes.to_assembly(sim, celltypes)
        network.add(made)
        network.nodes[nodes.name] = nodes.nodes(made)
    for edges, parts in zip(circuit.edge_populations, synapses, strict=True):
        network.add(*edges.to_projections(network, sim, parts))
    network.add(*explicit_sets(circuit.node_sets, network.nodes, sim))
    return network


def _weight_unit(nodes: NodePopulation) -> float:
    """What turns a file's weights into those of a projection: native NEST models have theirs in pA (or nS)."""
    native = {group.template() is not None and group.template()[0] == NEST for group in nodes.groups}  # type: ignore[index]
    if len(native) > 1:
        raise CapabilityError(f"The node population '{nodes.name}' mixes models of NEST with models of PyNN.")
    return factor("pA", "nA") if True in native else 1.0


def sonata_id_to_index(population: Any, id: Any) -> Any:
    """Position of a cell in its population, or of each of several, from its node id.

    `population`: a member of ``network.nodes`` of an imported network, or a population whose ids are its positions.
    """
    if isinstance(population, Nodes):
        found = population.positions_of(np.atleast_1d(np.asarray(id, dtype=np.int64)))
        return int(found[0]) if np.ndim(id) == 0 else found
    wanted = np.asarray(id)
    if wanted.size and (wanted.min() < 0 or wanted.max() >= population.size):
        raise InvalidParameterValueError(
            f"'{asciify(population.label)}' has the nodes 0 to {population.size - 1}, so {id} is not one of them."
        )
    return int(wanted) if wanted.ndim == 0 else wanted
