"""Recorded data in a checkpoint: what is being recorded, and the segments of earlier runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyNN.checkpoint.shares import Gathering, Later, chosen, is_shared, order_of, ordered
from pyNN.errors import CheckpointError
from pyNN.recording.columns import SegmentData, SynapticSegment, SynapticTrace, Trace, Trains
from pyNN.recording.recorder import _Recording, _Stored
from pyNN.recording.synapses import _Track
from pyNN.specs import IntArray, ProjectionSpec, RecordingSpec

if TYPE_CHECKING:
    from pyNN.checkpoint.container import Tree
    from pyNN.recording.stream import StoredStreams
    from pyNN.simulation import Simulation


def recordings_tree(simulation: Simulation) -> Tree:
    """What is recorded of populations, projections and currents, with the data that no session keeps."""
    return {
        "running": {str(spec.id): _running(spec) for spec in simulation.network.recordings},
        "order": json.dumps([_order(population.recorder) for population in simulation.populations]),
        "segments": {
            str(k): _segments(population.recorder._earlier, population.label)
            for k, population in enumerate(simulation.populations)
            if population.recorder._earlier
        },
        "synapses": {
            str(k): _synapses(projection, simulation.network.projections[k])
            for k, projection in enumerate(simulation.projections)
            if projection.is_recorded
        },
        "currents": {
            str(k): np.concatenate([np.zeros(0), *parts]) for k, parts in simulation._current_histories.items()
        },
    }


def restore_recordings(
    simulation: Simulation,
    tree: Mapping[str, Any],
    places: Mapping[int, IntArray | None],
    streams: StoredStreams | None,
) -> list[tuple[Any, str, Any, int, Path | None]]:
    """Record what the checkpoint says; what the script records besides: (population, variable, cells, interval, file).

    `places`: of each projection that is recorded, which connections this rank has; None: all. `streams`: the files into
    which data went during the run.
    """
    specs = {int(number): _spec(int(number), own) for number, own in tree["running"].items()}
    cells = {number: spec.cells for number, spec in specs.items()}
    for spec in specs.values():
        here = simulation.local_cells(simulation.network.populations[spec.population])
        spec.cells = spec.cells[np.isin(spec.cells, here)]
    simulation.network.recordings = [specs[number] for number in sorted(specs)]
    additional = []
    for k, (population, order) in enumerate(zip(simulation.populations, json.loads(tree["order"]), strict=True)):
        recorder = population.recorder
        before = [
            (name, one.cells, one.spec.every_steps, one.target)
            for name, own in recorder._recordings.items()
            for one in own
        ]
        recorder._recordings = {
            name: [_Recording(cells[number], specs[number]) for number in numbers] for name, numbers in order.items()
        }
        here = simulation.local_cells(simulation.network.populations[population.id])
        recorder._earlier = [segment.select(None, here) for segment in stored_segments(tree, k)]
        if streams is not None:
            _restore_files(recorder, population.id, streams)
        known = recorder.recorded
        for name, wanted, every, target in before:
            new = np.setdiff1d(wanted, known.get(name, np.zeros(0, dtype=np.int64)))
            if new.size:
                additional.append((population, name, new, every, target))
    for k, projection in enumerate(simulation.projections):
        own = tree["synapses"].get(str(k))
        if own is not None:
            _restore_synaptic(projection.recorder, own, places[k])
    simulation._current_histories |= {int(k): [np.array(values)] for k, values in tree["currents"].items()}
    return additional


def _restore_files(recorder: Any, population: int, streams: StoredStreams) -> None:
    """Let recordings go on in their files."""
    for recording in recorder._all():
        path = streams.path(recording.spec.id)
        if path is not None:
            recorder._stream(recording, path)
    for segment, stored in zip(recorder._earlier, streams.segments(population), strict=False):
        segment.stored = [
            _Stored(
                RecordingSpec(facts["id"], population, facts["variable"], cells, facts["every"], facts["start"]), part
            )
            for facts, cells, part in stored
        ]


def segments_in_files(simulation: Simulation) -> dict[str, Any]:
    """What of earlier segments is in files, by population."""
    return {
        str(population.id): [
            [
                {
                    "id": one.spec.id, "variable": one.spec.variable, "every": one.spec.every_steps,
                    "start": one.spec.start_step, "path": str(simulation.streams.user_path(one.part.path)),
                    "group": one.part.group, "first": one.part.first, "end": one.part.end,
                }
                for one in segment.stored
            ]
            for segment in population.recorder._earlier
        ]
        for population in simulation.populations
    }  # fmt: skip


def recorded_projections(tree: Mapping[str, Any]) -> list[int]:
    """Of which projections something is recorded."""
    return sorted(int(k) for k in tree["synapses"])


def stored_segments(tree: Mapping[str, Any], population: int) -> list[SegmentData]:
    """The segments of a population that resets have ended."""
    return [_segment(own) for own in _in_order(tree["segments"].get(str(population), {}))]


def _in_order(tree: Mapping[str, Any]) -> list[Any]:
    return [tree[key] for key in sorted(tree, key=int)]


# --- what is being recorded ------------------------------------------------------------------------------------------


def _order(recorder: Any) -> dict[str, list[int]]:
    return {name: [part.spec.id for part in parts] for name, parts in recorder._recordings.items()}


def _running(spec: RecordingSpec) -> Tree:
    return {
        "population": spec.population, "variable": spec.variable, "cells": _cells(spec),
        "every_steps": spec.every_steps, "start_step": spec.start_step,
    }  # fmt: skip


def _cells(spec: RecordingSpec) -> Later:
    """Those of all ranks, ascending."""

    def join(pieces: list[IntArray]) -> IntArray:
        return np.sort(np.concatenate(pieces))

    return lambda gathering: gathering.joined(
        lambda: np.asarray(spec.cells, dtype=np.int64), join, "gathering of recorded cells"
    )


def _spec(number: int, tree: Mapping[str, Any]) -> RecordingSpec:
    return RecordingSpec(
        number, int(tree["population"]), tree["variable"], np.array(tree["cells"], dtype=np.int64),
        int(tree["every_steps"]), int(tree["start_step"]),
    )  # fmt: skip


# --- earlier segments ------------------------------------------------------------------------------------------------


def _segments(segments: list[SegmentData], label: str) -> Later:
    heads = [_head(segment, label) for segment in segments]

    def join(pieces: list[list[SegmentData]]) -> Tree:
        joined = [_joined(own) for own in zip(*pieces, strict=True)]
        return {
            str(k): head | _columns_tree(segment) for k, (head, segment) in enumerate(zip(heads, joined, strict=True))
        }

    return lambda gathering: gathering.joined(
        # What is in a file stays there.
        lambda: [replace(segment, stored=[]) for segment in segments], join, f"gathering of data of {label}"
    )


def _joined(pieces: tuple[SegmentData, ...]) -> SegmentData:
    """A segment of all ranks, which have the same recordings, each of its own cells."""
    if len(pieces) == 1:
        return pieces[0]
    return replace(
        pieces[0],
        traces=[_joined_trace(own) for own in zip(*(piece.traces for piece in pieces), strict=True)],
        trains=[_joined_trains(own) for own in zip(*(piece.trains for piece in pieces), strict=True)],
    )


def _joined_trace(pieces: tuple[Trace, ...]) -> Trace:
    joined = replace(
        pieces[0],
        ids=np.concatenate([piece.ids for piece in pieces]),
        channels=np.concatenate([piece.channels for piece in pieces]),
        values=np.concatenate([piece.values for piece in pieces], axis=1),
    )
    return joined.select(np.argsort(joined.channels, kind="stable"))


def _joined_trains(pieces: tuple[Trains, ...]) -> Trains:
    before = np.cumsum([0, *(piece.ids.size for piece in pieces)])
    joined = replace(
        pieces[0],
        ids=np.concatenate([piece.ids for piece in pieces]),
        channels=np.concatenate([piece.channels for piece in pieces]),
        start_steps=np.concatenate([piece.start_steps for piece in pieces]),
        times=np.concatenate([piece.times for piece in pieces]),
        rows=np.concatenate([piece.rows + first for piece, first in zip(pieces, before, strict=False)]),
    )
    return joined.select(np.argsort(joined.channels, kind="stable"))


def _head(segment: SegmentData | SynapticSegment, label: str) -> Tree:
    return {
        "name": segment.name, "recorded_at": segment.recorded_at.isoformat(), "description": segment.description,
        "annotations": _annotations(segment.annotations, label),
    }  # fmt: skip


def _annotations(annotations: dict[str, Any], label: str) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, (np.ndarray, np.generic)):
            return value.tolist()
        raise TypeError

    try:
        return json.dumps(annotations, default=plain)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"The annotations given to reset() for '{label}' hold something that a checkpoint cannot: {annotations!r}. "
            "Texts, numbers, arrays, lists and dictionaries are possible."
        ) from error


def _columns_tree(segment: SegmentData) -> Tree:
    return {
        "stop_step": segment.stop_step,
        "traces": {str(k): _plain(trace) for k, trace in enumerate(segment.traces)},
        "trains": {str(k): _plain(trains) for k, trains in enumerate(segment.trains)},
    }


def _plain(columns: Any) -> Tree:
    return {field.name: getattr(columns, field.name) for field in fields(columns)}


def _begun(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": tree["name"], "recorded_at": datetime.fromisoformat(tree["recorded_at"]),
        "annotations": json.loads(tree["annotations"]), "description": tree["description"],
    }  # fmt: skip


def _segment(tree: Mapping[str, Any]) -> SegmentData:
    return SegmentData(
        **_begun(tree),
        stop_step=int(tree["stop_step"]),
        traces=[Trace(**own) for own in _in_order(tree["traces"])],
        trains=[Trains(**own) for own in _in_order(tree["trains"])],
    )


# --- synapses --------------------------------------------------------------------------------------------------------


def _synapses(projection: Any, spec: ProjectionSpec) -> Tree:
    recorder = projection.recorder
    return {
        "order": json.dumps(list(recorder._tracks)),
        "tracks": {
            name: {"every_steps": track.every_steps, "start_step": track.start_step, "samples": _samples(track, spec)}
            for name, track in recorder._tracks.items()
        },
        "segments": {
            str(k): {
                **_head(segment, projection.label),
                "columns": {name: _in_one(spec, segment.columns[name]) for name in segment.columns},
                "traces": {
                    str(j): {**_plain(trace), "values": _in_one(spec, trace.values)}
                    for j, trace in enumerate(segment.traces)
                },
            }
            for k, segment in enumerate(recorder._earlier)
        },
    }  # fmt: skip


def _samples(track: _Track, spec: ProjectionSpec) -> Later:
    size = 0 if spec.table is None else spec.table.size
    return lambda gathering: _in_one(
        spec, lambda: np.stack(track.samples) if track.samples else np.zeros((0, size))
    )(gathering)


def _in_one(spec: ProjectionSpec, values: Any) -> Later:
    """Values of the connections of all ranks, which are the last axis; an array, or a function that makes it."""

    def gather(gathering: Gathering) -> Any:
        shared = is_shared(gathering.comm, spec)

        def own() -> tuple[Any, Any]:
            post = spec.table.post if shared and spec.table is not None else np.zeros(0)
            return values() if callable(values) else values, post

        def join(pieces: list[tuple[Any, Any]]) -> Any:
            pieces = pieces if shared else pieces[:1]
            return ordered([column for column, _ in pieces], order_of([post for _, post in pieces]))

        return gathering.joined(own, join, f"gathering of what is recorded of {spec.label}")

    return gather


def _restore_synaptic(recorder: Any, tree: Mapping[str, Any], places: IntArray | None) -> None:
    recorder._tracks = {
        name: _Track(
            int(tree["tracks"][name]["every_steps"]), int(tree["tracks"][name]["start_step"]),
            list(chosen(tree["tracks"][name]["samples"], places)),
        )
        for name in json.loads(tree["order"])
    } | {name: track for name, track in recorder._tracks.items() if name not in tree["tracks"]}  # fmt: skip
    recorder._earlier = [
        SynapticSegment(
            **_begun(own),
            columns={name: chosen(column, places) for name, column in own["columns"].items()},
            traces=[
                SynapticTrace(**{**trace, "values": chosen(trace["values"], places)})
                for trace in _in_order(own["traces"])
            ],
        )
        for own in _in_order(tree["segments"])
    ]
