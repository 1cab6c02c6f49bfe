"""A network as the files of a SONATA circuit."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.core import user_stacklevel
from pyNN.errors import CapabilityError, FileFormatError, InvalidModelError, InvalidParameterValueError
from pyNN.network import Network
from pyNN.parameters import ArrayParameter
from pyNN.populations import Assembly, BasePopulation, Population
from pyNN.serialization.container import h5py_module, new_h5, write_json, write_table
from pyNN.serialization.nodesets import nodes_of, unique_name
from pyNN.serialization.results import write_spikes
from pyNN.units import factor

CONFIG = "circuit_config.json"
SIMULATION = "simulation_config.json"
NODE_SETS = "node_sets.json"
_TARGETS = ("pynn",)
NEST_PREFIX = "nest:"
"""Begins the names of NEST's own models, in definitions and in files."""
_CELLS = "components/point_neuron_models"
_SYNAPSES = "components/synaptic_models"


def export_to_sonata(
    network: Network, output_path: Any, target: str = "PyNN", overwrite: bool = False, tstop: float | None = None
) -> None:
    """Write a network into the folder `output_path` as a SONATA circuit, which import_from_sonata() reads.

    The folder gets circuit_config.json, nodes and edges (HDF5) with their tables of types, node_sets.json with the
    views and assemblies, and simulation_config.json with the spike trains of array sources, the constant currents and
    the recordings; its duration is `tstop` (ms; by default the time simulated so far). Values are those at the present:
    parameters, initial values, weights that plasticity has changed.

    `target`: "PyNN", whose names of models and parameters are used. `overwrite=True` replaces the files of the same
    names in a folder that holds any; without, such a folder raises FileFormatError. Nothing is changed unless
    everything could be written. Raises CapabilityError for models without a name in PyNN and for a network in several
    processes. Current sources other than DCSource have no place in the format and are left out with a warning.
    """
    if not isinstance(network, Network):
        raise InvalidModelError(f"export_to_sonata() writes a network, such as Network(*populations), not {network!r}.")
    if str(target).lower() not in _TARGETS:
        raise CapabilityError(f"target={target!r} is not possible: SONATA files are written with the models of 'PyNN'.")
    if not network.populations:
        raise InvalidParameterValueError("This network has no populations, so there is nothing to export.")
    h5py_module()
    output = Path(output_path)
    if output.exists() and not output.is_dir():
        raise FileFormatError(f"'{output}' is a file; a folder is needed.")
    if output.exists() and any(output.iterdir()) and not overwrite:
        raise FileFormatError(f"The folder '{output}' is not empty. Say overwrite=True to replace its files.")
    exporter = _Exporter(network, tstop)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as temporary:
        exporter.write(Path(temporary))
        _move(Path(temporary), output)


def _move(source: Path, output: Path) -> None:
    """Put complete files in their places, the configuration that names them last."""
    files = sorted((f for f in source.rglob("*") if f.is_file()), key=lambda f: (f.name == CONFIG, f))
    places = {file: output / file.relative_to(source) for file in files}
    for final in places.values():
        if final.is_dir():
            raise FileFormatError(f"'{final}' is a folder; a file is to be written there.")
        final.parent.mkdir(parents=True, exist_ok=True)
    for file, final in places.items():
        os.replace(file, final)


class _Exporter:
    """What is known of a network while its files are written."""

    def __init__(self, network: Network, tstop: float | None) -> None:
        self.network = network
        self.simulation = next(iter(network.populations))._simulation
        if self.simulation.comm.size > 1:
            raise CapabilityError("A network is exported in a single process. Start the script without mpirun.")
        self.tstop = self.simulation.t if tstop is None else float(tstop)
        self.names: dict[Population, str] = {
            nodes.cells: name for name, nodes in nodes_of(_plain(network)).items()
        }
        self.set_names: dict[Any, str] = {}
        self.node_sets: dict[str, Any] = {}

    def write(self, folder: Path) -> None:
        edges = self._edges(folder)
        self._nodes(folder)
        self._node_sets()
        inputs, reports = self._inputs(folder), self._reports()
        write_json(folder / NODE_SETS, self.node_sets)
        write_json(folder / SIMULATION, self._simulation_config(inputs, reports))
        networks = {"nodes": [_files("node")], "edges": [_files("edge")] if edges else []}
        write_json(
            folder / CONFIG,
            {
                "target_simulator": "PyNN",
                "manifest": {"$BASE_DIR": ".", "$NETWORK_DIR": "$BASE_DIR/network", "$COMPONENT_DIR": "$BASE_DIR"},
                "components": {
                    "point_neuron_models_dir": f"$COMPONENT_DIR/{_CELLS}",
                    "synaptic_models_dir": f"$COMPONENT_DIR/{_SYNAPSES}",
                },
                "networks": networks,
                "node_sets_file": f"$BASE_DIR/{NODE_SETS}",
            },
        )

    # --- nodes -------------------------------------------------------------------------------------------------------

    def _nodes(self, folder: Path) -> None:
        rows = []
        with new_h5(folder / "network/nodes.h5") as file:
            parent = file.create_group("nodes")
            for number, (population, name) in enumerate(self.names.items()):
                group = parent.create_group(name)
                group.attrs["label"] = population.label
                rows.append({"node_type_id": number, "population": name, **self._node_type(folder, name, population)})
                _members(group, "node", number, population.size)
                group.create_dataset("node_id", data=np.arange(population.size, dtype=np.uint64))
                self._node_attributes(group["0"], population, rows[-1])
        write_table(folder / "network/node_types.csv", rows)

    def _node_type(self, folder: Path, name: str, population: Population) -> dict[str, Any]:
        definition = population.definition
        template, components = _cell_template(population)
        shared = {}
        for parameter in population.celltype.get_parameter_names():
            value = population.get(parameter, simplify=True)
            if isinstance(value, ArrayParameter):
                shared[parameter] = value.value.tolist()
            elif not isinstance(value, np.ndarray):
                shared[parameter] = float(value)
        write_json(folder / _CELLS / f"{name}.json", shared)
        return {
            "model_type": "virtual" if definition.source else "point_neuron",
            "model_template": template,
            "dynamics_params": f"{name}.json",
            "components": components,
        }

    def _node_attributes(self, group: Any, population: Population, row: dict[str, Any]) -> None:
        """What differs from cell to cell goes into the group, what does not into the table."""
        for axis, values in zip("xyz", population.positions, strict=True):
            group.create_dataset(axis, data=np.asarray(values, dtype=float))
        for state, lazy in population.initial_values.items():
            value = lazy.evaluate(simplify=True)
            if np.ndim(value) == 0:
                row[f"initial_{state}"] = float(value)
            else:
                group.create_dataset(f"initial_{state}", data=np.asarray(value, dtype=float))
        own = group.create_group("dynamics_params")
        for parameter in population.celltype.get_parameter_names():
            value = population.get(parameter, simplify=True)
            if not isinstance(value, np.ndarray):
                continue
            if value.dtype == object:
                kind = h5py_module().vlen_dtype(np.float64)
                dataset = own.create_dataset(parameter, (population.size,), dtype=kind)
                for i, sequence in enumerate(value):
                    dataset[i] = sequence.value
            else:
                own.create_dataset(parameter, data=np.asarray(value, dtype=float))

    # --- edges -------------------------------------------------------------------------------------------------------

    def _edges(self, folder: Path) -> bool:
        rows: list[dict[str, Any]] = []
        taken: set[str] = set()
        if not self.network.projections:
            return False
        with new_h5(folder / "network/edges.h5") as file:
            parent = file.create_group("edges")
            for projection in self.network._projections:
                for source, target, where, pre, post in self._by_populations(projection):
                    label = projection.label
                    if len(projection.pre._roots()) > 1 or len(projection.post._roots()) > 1:
                        label = f"{label} ({source.label}→{target.label})"
                    name = unique_name(label, taken)
                    taken.add(name)
                    group = parent.create_group(name)
                    group.attrs["label"] = label
                    _members(group, "edge", len(rows), len(where))
                    for side, population, ids in (("source", source, pre), ("target", target, post)):
                        dataset = group.create_dataset(f"{side}_node_id", data=np.asarray(ids, dtype=np.uint64))
                        dataset.attrs["node_population"] = self.names[population]
                    row = {"edge_type_id": len(rows), "population": name}
                    # Models of NEST have their weights in NEST's units.
                    native = target.definition.name.startswith(NEST_PREFIX)
                    unit = factor("nA", "pA") if native else 1.0
                    rows.append({**row, **_edge_attributes(folder, name, group["0"], projection, where, unit)})
        write_table(folder / "network/edge_types.csv", rows)
        return True

    @staticmethod
    def _by_populations(projection: Any) -> list[Any]:
        """(pre population, post population, which connections, indices in each), which a file keeps apart."""
        ends = []
        for group, index in ((projection.pre, projection._pairs.pre), (projection.post, projection._pairs.post)):
            roots = group._roots()
            owner, inside = np.zeros(group.size, dtype=int), np.zeros(group.size, dtype=int)
            for population, indices, positions in group._parts():
                owner[positions], inside[positions] = roots.index(population), indices
            ends.append((roots, owner[index], inside[index]))
        (sources, source, pre), (targets, target, post) = ends
        parts = []
        for i, first in enumerate(sources):
            for k, second in enumerate(targets):
                where = np.flatnonzero((source == i) & (target == k))
                parts.append((first, second, where, pre[where], post[where]))
        return parts

    # --- node sets and the simulation --------------------------------------------------------------------------------

    def _node_sets(self) -> None:
        for view in self.network._views:
            self._name_of(view)
        for assembly in self.network._assemblies:
            self._name_of(assembly)

    def _name_of(self, cells: BasePopulation, label: str = "") -> str:
        """The name of the node set, or node population, that holds these cells."""
        if isinstance(cells, Population):
            return self.names[cells]
        if cells not in self.set_names:
            rule: Any
            if isinstance(cells, Assembly):
                rule = [self._name_of(element) for element in cells.populations]
            else:
                population, indices, _ = cells._parts()[0]
                rule = {"population": self.names[population], "node_id": indices.tolist()}
            name = label or cells.label
            number = 2
            while name in self.node_sets or name in self.names.values():
                name = f"{label or cells.label} {number}"
                number += 1
            self.node_sets[name] = rule
            self.set_names[cells] = name
        return self.set_names[cells]

    def _inputs(self, folder: Path) -> dict[str, Any]:
        inputs: dict[str, Any] = {}
        trains = {}
        for population, name in self.names.items():
            if population.definition.source == "array" and population.size:
                times = population.get("spike_times", simplify=False)
                ids = np.repeat(np.arange(population.size), [len(t.value) for t in times])
                trains[name] = (np.concatenate([t.value for t in times]), ids)
                inputs[f"spikes_{name}"] = {
                    "input_type": "spikes",
                    "module": "h5",
                    "input_file": "$INPUT_DIR/spike_trains.h5",
                    "node_set": name,
                }
        if trains:
            (folder / "inputs").mkdir()
            write_spikes(folder / "inputs/spike_trains.h5", trains, "by_id")
        for current in self.simulation.network.currents:
            self._current(current, inputs)
        return inputs

    def _current(self, current: Any, inputs: dict[str, Any]) -> None:
        if current.model.name != "DCSource":
            warnings.warn(
                f"A {current.model.name} is left out of the exported network: SONATA has constant currents only.",
                stacklevel=user_stacklevel(),
            )
            return
        values = {name: float(current.parameters[name]) for name in ("amplitude", "start", "stop")}
        for population, name in self.names.items():
            # A cell that is listed twice gets the current twice.
            indices = current.cells - population.first_id
            indices = indices[(indices >= 0) & (indices < population.size)]
            while indices.size:
                once, first = np.unique(indices, return_index=True)
                indices = np.delete(indices, first)
                inputs[f"current_{len(inputs)}"] = {
                    "input_type": "current_clamp",
                    "module": "IClamp",
                    "node_set": {"population": name, "node_id": once.tolist()},
                    "amp": values["amplitude"],
                    "delay": values["start"],
                    "duration": values["stop"] - values["start"],
                }

    def _reports(self) -> dict[str, Any]:
        reports = {}
        for recording in self.simulation.network.recordings:
            for population, name in self.names.items():
                if population.id != recording.population or recording.variable == "spikes" or not recording.cells.size:
                    continue
                whole = len(recording.cells) == population.size
                cells = name if whole else {"population": name, "node_id": recording.cells.tolist()}
                reports[f"{recording.variable}_{name}_{recording.id}"] = {
                    "cells": cells,
                    "variable_name": recording.variable,
                    "module": "membrane_report",
                    "sections": "soma",
                    "dt": self.simulation.time_of(recording.every_steps),
                }
        return reports

    def _simulation_config(self, inputs: dict[str, Any], reports: dict[str, Any]) -> dict[str, Any]:
        return {
            "manifest": {"$BASE_DIR": ".", "$INPUT_DIR": "$BASE_DIR/inputs", "$OUTPUT_DIR": "$BASE_DIR/output"},
            "target_simulator": "PyNN",
            "network": f"$BASE_DIR/{CONFIG}",
            "node_sets_file": f"$BASE_DIR/{NODE_SETS}",
            "run": {"tstop": self.tstop, "dt": self.simulation.dt},
            "inputs": inputs,
            "output": {"output_dir": "$OUTPUT_DIR", "spikes_file": "spikes.h5", "spikes_sort_order": "by_time"},
            "reports": reports,
            # A section of our own, which the format allows: random spikes are the same with the same seed.
            "pynn": {"rng_seed": self.simulation.settings.rng_seed},
        }


def _plain(network: Network) -> Network:
    """The populations of a network in the order in which they were created, which decides their random numbers."""
    return Network(*sorted(network._populations, key=lambda population: population.id))


def _files(kind: str) -> dict[str, str]:
    return {
        f"{kind}s_file": f"$NETWORK_DIR/{kind}s.h5",
        f"{kind}_types_file": f"$NETWORK_DIR/{kind}_types.csv",
    }


def _members(group: Any, kind: str, type_id: int, size: int) -> None:
    """The datasets that place the members of a population: all of one type, in the group 0."""
    group.create_dataset(f"{kind}_type_id", data=np.full(size, type_id, dtype=np.uint32))
    group.create_dataset(f"{kind}_group_id", data=np.zeros(size, dtype=np.uint32))
    group.create_dataset(f"{kind}_group_index", data=np.arange(size, dtype=np.uint64))
    group.create_group("0")


def _cell_template(population: Population) -> tuple[str, str | None]:
    """(model_template, components) of a population's cell type."""
    definition = population.definition
    if definition.name.startswith(NEST_PREFIX):
        return definition.name, None
    if definition.components:
        neuron, *receptors = definition.components.items()
        return "pynn:PointNeuron", " ".join([neuron[1], *(f"{name}={kind}" for name, kind in receptors)])
    return f"pynn:{_known(definition.name, population.label)}", None


def _known(name: str, label: str) -> str:
    from pyNN.standardmodels import cells, synapses

    if not hasattr(cells, name) and not hasattr(synapses, name):
        raise CapabilityError(
            f"'{label}': {name} is a model of this script, and a file can only name models that PyNN has."
        )
    return name


def _edge_attributes(
    folder: Path, name: str, group: Any, projection: Any, where: Any, weight_unit: float
) -> dict[str, Any]:
    """What a table of types says of the connections `where`; what differs between them goes into the group."""
    definition = projection.synapse_type.definition
    row: dict[str, Any] = {
        "model_template": _synapse_template(projection),
        "receptor_type": projection.receptor_type,
        "dynamics_params": f"{name}.json",
        "syn_weight": None,
        "delay": None,
    }
    shared: dict[str, float] = {}
    own = group.create_group("dynamics_params")
    for parameter in definition.parameters:
        values = np.broadcast_to(projection.present_values(parameter), (projection.size(),))[where]
        if parameter == "weight":
            values = values * weight_unit
        reserved = {"weight": "syn_weight", "delay": "delay"}.get(parameter)
        alike = bool(len(values)) and bool((values == values[0]).all())
        if alike and reserved:
            row[reserved] = float(values[0])
        elif alike:
            shared[parameter] = float(values[0])
        elif len(values):
            (group if reserved else own).create_dataset(reserved or parameter, data=np.asarray(values, dtype=float))
    for state, initial in projection._spec.initial_values.items():
        values = np.broadcast_to(initial, (projection.size(),))[where]
        group.create_dataset(f"initial_{state}", data=np.asarray(values, dtype=float))
    write_json(folder / _SYNAPSES / f"{name}.json", shared)
    return row


def _synapse_template(projection: Any) -> str:
    name: str = projection.synapse_type.definition.name
    if name.startswith(NEST_PREFIX):
        return name
    return f"pynn:{name if name.startswith('STDPMechanism(') else _known(name, projection.label)}"
