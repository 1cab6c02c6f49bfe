"""Simulation results in the SONATA format: spike files and reports, from and to Neo blocks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.errors import CapabilityError, FileFormatError, InvalidParameterValueError, NothingToWriteError
from pyNN.recording.blocks import make_block_of_file
from pyNN.recording.files import Attributes
from pyNN.recording.output import replacing
from pyNN.serialization.container import asciify, column, group_in, h5py_module, new_h5, opened_h5, to_string
from pyNN.serialization.nodesets import Nodes, select

SORTINGS = {"none": 0, "by_id": 1, "by_time": 2}
"""Values of the attribute `sorting` of a spike file."""


def write_spikes(path: Path, trains: Mapping[str, tuple[Any, Any]], sorting: str = "by_time") -> None:
    """A spike file of (times in ms, node ids) by node population."""
    h5py = h5py_module()
    with new_h5(path) as file:
        parent = file.create_group("spikes")
        for name, (times, ids) in trains.items():
            times, ids = np.asarray(times, dtype=np.float64), np.asarray(ids, dtype=np.uint64)
            keys = {"by_time": (ids, times), "by_id": (times, ids)}.get(sorting)
            order = np.arange(len(times)) if keys is None else np.lexsort(keys)
            group = parent.create_group(name)
            group.attrs.create("sorting", SORTINGS[sorting], dtype=h5py.enum_dtype(SORTINGS, basetype="u1"))
            group.create_dataset("timestamps", data=times[order]).attrs["units"] = "ms"
            group.create_dataset("node_ids", data=ids[order])


def read_spikes(path: Path) -> dict[str, tuple[Any, Any]]:
    """(times in ms, node ids) by node population of a spike file, in the file's order."""
    with opened_h5(path) as file:
        parent = group_in(file, "spikes")
        # The first files of the format have one unnamed population.
        if "timestamps" in parent:
            return {"": _spikes_in(parent)}
        return {name: _spikes_in(group_in(parent, name)) for name in parent}


def _spikes_in(group: Any) -> tuple[Any, Any]:
    times = np.asarray(column(group, "timestamps"), dtype=float)
    name = "node_ids" if "node_ids" in group else "gids"
    ids = np.asarray(column(group, name, len(times)))
    units = Attributes(group["timestamps"]).get("units")
    if units is not None and to_string(units) not in ("ms", "milliseconds"):
        raise FileFormatError(f"'{group.file.filename}': spike times must be in ms, not in '{to_string(units)}'.")
    return times, ids.astype(np.int64)


def write_report(path: Path, data: Mapping[str, tuple[Any, Any]], unit: str, times: tuple[float, float, float]) -> None:
    """A report of (values of shape (samples, nodes), node ids) by node population; times: start, stop, step in ms."""
    with new_h5(path) as file:
        parent = file.create_group("report")
        for name, (values, ids) in data.items():
            group = parent.create_group(name)
            group.create_dataset("data", data=np.asarray(values, dtype=np.float32)).attrs["units"] = unit
            mapping = group.create_group("mapping")
            ids = np.asarray(ids, dtype=np.uint64)
            mapping.create_dataset("node_ids", data=ids).attrs["sorted"] = np.int8((np.diff(ids.astype(int)) > 0).all())
            mapping.create_dataset("index_pointers", data=np.arange(len(ids) + 1, dtype=np.uint64))
            # One compartment a cell: section 0, its middle.
            mapping.create_dataset("element_ids", data=np.zeros(len(ids), dtype=np.uint32))
            mapping.create_dataset("element_pos", data=np.full(len(ids), 0.5, dtype=np.float32))
            mapping.create_dataset("time", data=np.array(times, dtype=np.float64)).attrs["units"] = "ms"


def read_report(path: Path) -> dict[str, tuple[Any, Any, str, Any]]:
    """(values of shape (samples, nodes), node ids, unit, (start, stop, step) in ms) by node population."""
    found = {}
    with opened_h5(path) as file:
        parent = group_in(file, "report")
        for name in parent:
            group = group_in(parent, name)
            values, mapping = column(group, "data"), group_in(group, "mapping")
            ids, times = column(mapping, "node_ids"), column(mapping, "time", 3)
            if values.ndim != 2 or values.shape[1] != len(ids):
                raise FileFormatError(
                    f"'{path}': '{group.name}' has data of shape {values.shape} for {len(ids)} nodes. Reports with "
                    "several values a node, of cells with compartments, cannot be read."
                )
            unit = to_string(Attributes(group["data"]).get("units", "dimensionless"))
            found[name] = (values.astype(float), ids.astype(np.int64), unit, tuple(float(t) for t in times))
    return found


class SonataIO:
    """Reads and writes results as SONATA files: ``population.write_data(SonataIO("output"))``.

    `base_dir`: the folder. `spikes_file`: name of the spike file in it. `spikes_sort_order`: "by_time" (default),
    "by_id" or "none". `report_config`: a dictionary of reports by name, each with "variable_name" and perhaps "cells"
    (a node set), "start_time", "end_time" (ms) and "file_name"; None: one report for each recorded variable.
    `node_sets`: the node sets by name.
    """

    is_readable = True
    is_writable = True

    def __init__(
        self,
        base_dir: Any,
        spikes_file: str = "spikes.h5",
        spikes_sort_order: str | None = None,
        report_config: Mapping[str, Any] | None = None,
        node_sets: Mapping[str, Any] | None = None,
    ) -> None:
        h5py_module()
        order = {"time": "by_time", "id": "by_id", None: "by_time"}.get(spikes_sort_order, spikes_sort_order)
        if order not in SORTINGS:
            raise InvalidParameterValueError(
                f"spikes_sort_order is one of {', '.join(SORTINGS)}, not {spikes_sort_order!r}."
            )
        self.base_dir = Path(base_dir)
        self.spikes_file = spikes_file
        self.spikes_sort_order = order
        self.report_config = report_config
        self.node_sets = dict(node_sets or {})

    def write(self, blocks: Any) -> None:
        """Write Neo blocks, each a node population named like the block, whose cells are numbered from 0."""
        self.write_data(blocks if isinstance(blocks, (list, tuple)) else [blocks])

    write_block = write
    write_all_blocks = write

    def write_data(self, blocks: Any, nodes: Mapping[str, Nodes] | None = None) -> None:
        """As write(); `nodes` says which node each cell of a block is."""
        segments = {}
        for block in blocks:
            name = _name_of(block, nodes)
            if len(block.segments) != 1:
                raise CapabilityError(
                    f"A SONATA file holds one run, and '{block.name}' has {len(block.segments)} segments, one for each "
                    "run between resets. Write each with its own SonataIO(base_dir)."
                )
            segments[name] = block.segments[0]
        if not any(segment.spiketrains or segment.analogsignals for segment in segments.values()):
            raise NothingToWriteError(f"There is nothing to write to '{self.base_dir}': nothing was recorded.")
        ids = {
            name: nodes[name].ids if nodes is not None else np.arange(_size_of(segment))
            for name, segment in segments.items()
        }
        known = nodes or {name: Nodes(None, own) for name, own in ids.items()}
        reports = [self._report(name, report, segments, known) for name, report in self._reports(segments).items()]
        trains = {name: _spikes_of(s, ids[name]) for name, s in segments.items() if s.spiketrains}
        with replacing(self.base_dir / self.spikes_file) as temporary:
            write_spikes(temporary, trains, self.spikes_sort_order)
        for file, data, unit, times in reports:
            with replacing(self.base_dir / file) as temporary:
                write_report(temporary, data, unit, times)

    def _reports(self, segments: Mapping[str, Any]) -> dict[str, Any]:
        if self.report_config is not None:
            return dict(self.report_config)
        variables = {signal.name for segment in segments.values() for signal in segment.analogsignals}
        return {str(variable): {"variable_name": variable} for variable in sorted(variables)}

    def _report(self, name: str, report: Any, segments: Mapping[str, Any], nodes: Mapping[str, Nodes]) -> Any:
        """(file name, data by population, unit, times) of one report."""
        variable = report["variable_name"]
        chosen = select(report.get("cells", list(nodes)), self.node_sets, nodes)
        data: dict[str, Any] = {}
        unit, step, start, stop = "", 0.0, 0.0, 0.0
        for population, positions in chosen.items():
            for signal in segments[population].analogsignals if population in segments else ():
                if signal.name != variable:
                    continue
                cells = np.asarray(signal.array_annotations["channel_index"])
                columns = np.flatnonzero(np.isin(cells, positions))
                step = float(signal.sampling_period.rescale("ms").magnitude)
                begin = float(signal.t_start.rescale("ms").magnitude)
                # No frame stands for the end of the run: a report is open on the right.
                first = max(0, _frames(report.get("start_time", begin) - begin, step))
                last = min(len(signal) - 1, _frames(report.get("end_time", np.inf) - begin, step))
                start, stop = begin + first * step, begin + max(first, last) * step
                unit = str(signal.dimensionality.string)
                ids = nodes[population].ids[cells[columns]]
                data[population] = (signal.magnitude[first:last, columns], ids)
        if not data:
            raise NothingToWriteError(f"The report '{name}': '{variable}' was recorded from none of its cells.")
        return report.get("file_name", f"{name}.h5"), data, unit, (start, stop, step)

    def read(self) -> list[Any]:
        """One Neo block for each node population with spikes or reports; `source_index` of a train is the node id."""
        signals: dict[str, list[Any]] = {}
        stop = 0.0
        for path in sorted(self.base_dir.glob("*.h5")):
            if path.name == self.spikes_file:
                continue
            for name, (values, ids, unit, (start, end, step)) in read_report(path).items():
                stop = max(stop, end)
                signals.setdefault(name, []).append((path.stem, values, unit, start, step, ids))
        spikes = read_spikes(self.base_dir / self.spikes_file)
        stop = max([stop, *(float(times.max()) for times, _ in spikes.values() if times.size)])
        silent = (np.empty(0), np.empty(0, dtype=np.int64))
        return [
            make_block_of_file(name, signals.get(name, []), *spikes.get(name, silent), t_stop=stop)
            for name in dict.fromkeys([*signals, *spikes])
        ]

    def read_block(self) -> Any:
        """The only block; FileFormatError where there are several or none."""
        blocks = self.read()
        if len(blocks) != 1:
            names = ", ".join(block.name for block in blocks) or "none"
            raise FileFormatError(f"'{self.base_dir}' holds the node populations {names}. Use read().")
        return blocks[0]


def _frames(duration: float, step: float) -> int:
    """Whole frames in a duration, whatever the rounding error of the two."""
    return int(min(np.floor(duration / step + 1e-6), np.iinfo(np.int64).max // 2))


def _name_of(block: Any, nodes: Mapping[str, Nodes] | None) -> str:
    if nodes is None:
        return asciify(block.name)
    return next(name for name, own in nodes.items() if own.cells.label == block.name)


def _size_of(segment: Any) -> int:
    """One more than the largest index of a cell."""
    indices = [train.annotations["source_index"] for train in segment.spiketrains]
    indices += [int(i) for signal in segment.analogsignals for i in signal.array_annotations["channel_index"]]
    return max(indices, default=-1) + 1


def _spikes_of(segment: Any, ids: Any) -> tuple[Any, Any]:
    """(times in ms, node ids) of all spike trains."""
    times = [train.rescale("ms").magnitude for train in segment.spiketrains]
    own = [np.full(len(t), ids[s.annotations["source_index"]]) for t, s in zip(times, segment.spiketrains, strict=True)]
    return np.concatenate(times), np.concatenate(own)
