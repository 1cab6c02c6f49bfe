"""Recorded data in a checkpoint: what is being recorded, and the segments of earlier runs."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from pyNN.errors import CheckpointError
from pyNN.recording.columns import SegmentData, SynapticSegment, SynapticTrace, Trace, Trains
from pyNN.recording.recorder import _Recording
from pyNN.recording.synapses import _Track
from pyNN.specs import RecordingSpec

if TYPE_CHECKING:
    from pyNN.checkpoint.container import Tree
    from pyNN.simulation import Simulation


def recordings_tree(simulation: Simulation) -> Tree:
    """What is recorded of populations, projections and currents, with the data that no session keeps."""
    if simulation.streams:
        raise CheckpointError(
            "Recorded data that go to a file during the run (to_file=...) cannot go on in that file from a checkpoint. "
            "Record to memory, or to a file that end() writes (.nix, .pkl)."
        )
    return {
        "running": {str(spec.id): _spec_tree(spec) for spec in simulation.network.recordings},
        "order": json.dumps([_order(population.recorder) for population in simulation.populations]),
        "segments": {
            str(k): _segments_tree(population.recorder._earlier, population.label)
            for k, population in enumerate(simulation.populations)
            if population.recorder._earlier
        },
        "synapses": {
            str(k): _synaptic_tree(projection.recorder, projection.label)
            for k, projection in enumerate(simulation.projections)
            if projection.is_recorded
        },
        "currents": {
            str(k): np.concatenate([np.zeros(0), *parts]) for k, parts in simulation._current_histories.items()
        },
    }


def restore_recordings(simulation: Simulation, tree: Tree) -> list[tuple[Any, str, Any, int]]:
    """Record what the file records; what the script records besides: (population, variable, cells, interval)."""
    specs = {int(number): _spec(int(number), own) for number, own in tree["running"].items()}
    simulation.network.recordings = [specs[number] for number in sorted(specs)]
    additional = []
    for k, (population, order) in enumerate(zip(simulation.populations, json.loads(tree["order"]), strict=True)):
        recorder = population.recorder
        before = recorder.recorded_specs()
        recorder._recordings = {
            name: [_Recording(specs[number].cells, specs[number]) for number in numbers]
            for name, numbers in order.items()
        }
        recorder._earlier = stored_segments(tree, k)
        known = recorder.recorded
        for name, cells, every in before:
            new = np.setdiff1d(cells, known.get(name, np.zeros(0, dtype=np.int64)))
            if new.size:
                additional.append((population, name, new, every))
    for k, projection in enumerate(simulation.projections):
        own = tree["synapses"].get(str(k))
        if own is not None:
            _restore_synaptic(projection.recorder, own)
    simulation._current_histories |= {int(k): [np.array(values)] for k, values in tree["currents"].items()}
    return additional


def stored_segments(tree: Tree, population: int) -> list[SegmentData]:
    """The segments of a population that resets have ended."""
    return [_segment(own) for own in _in_order(tree["segments"].get(str(population), {}))]


def _in_order(tree: Tree) -> list[Any]:
    return [tree[key] for key in sorted(tree, key=int)]


# --- what is being recorded ------------------------------------------------------------------------------------------


def _order(recorder: Any) -> dict[str, list[int]]:
    return {name: [part.spec.id for part in parts] for name, parts in recorder._recordings.items()}


def _spec_tree(spec: RecordingSpec) -> Tree:
    return {
        "population": spec.population, "variable": spec.variable, "cells": np.asarray(spec.cells, dtype=np.int64),
        "every_steps": spec.every_steps, "start_step": spec.start_step,
    }  # fmt: skip


def _spec(number: int, tree: Tree) -> RecordingSpec:
    return RecordingSpec(
        number, int(tree["population"]), tree["variable"], np.array(tree["cells"], dtype=np.int64),
        int(tree["every_steps"]), int(tree["start_step"]),
    )  # fmt: skip


# --- earlier segments ------------------------------------------------------------------------------------------------


def _segments_tree(segments: list[SegmentData], label: str) -> Tree:
    return {str(k): _segment_tree(segment, label) for k, segment in enumerate(segments)}


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


def _segment_tree(segment: SegmentData, label: str) -> Tree:
    return {
        **_head(segment, label),
        "stop_step": segment.stop_step,
        "traces": {str(k): _plain(trace) for k, trace in enumerate(segment.traces)},
        "trains": {str(k): _plain(trains) for k, trains in enumerate(segment.trains)},
    }


def _plain(columns: Any) -> Tree:
    return {field.name: getattr(columns, field.name) for field in fields(columns)}


def _begun(tree: Tree) -> dict[str, Any]:
    return {
        "name": tree["name"], "recorded_at": datetime.fromisoformat(tree["recorded_at"]),
        "annotations": json.loads(tree["annotations"]), "description": tree["description"],
    }  # fmt: skip


def _segment(tree: Tree) -> SegmentData:
    return SegmentData(
        **_begun(tree),
        stop_step=int(tree["stop_step"]),
        traces=[Trace(**own) for own in _in_order(tree["traces"])],
        trains=[Trains(**own) for own in _in_order(tree["trains"])],
    )


# --- synapses --------------------------------------------------------------------------------------------------------


def _synaptic_tree(recorder: Any, label: str) -> Tree:
    return {
        "order": json.dumps(list(recorder._tracks)),
        "tracks": {
            name: {
                "every_steps": track.every_steps, "start_step": track.start_step,
                "samples": np.stack(track.samples) if track.samples else np.zeros((0, 0)),
            }
            for name, track in recorder._tracks.items()
        },
        "segments": {
            str(k): {
                **_head(segment, label),
                "columns": dict(segment.columns),
                "traces": {str(j): _plain(trace) for j, trace in enumerate(segment.traces)},
            }
            for k, segment in enumerate(recorder._earlier)
        },
    }  # fmt: skip


def _restore_synaptic(recorder: Any, tree: Tree) -> None:
    recorder._tracks = {
        name: _Track(
            int(tree["tracks"][name]["every_steps"]), int(tree["tracks"][name]["start_step"]),
            list(tree["tracks"][name]["samples"]),
        )
        for name in json.loads(tree["order"])
    } | {name: track for name, track in recorder._tracks.items() if name not in tree["tracks"]}  # fmt: skip
    recorder._earlier = [
        SynapticSegment(
            **_begun(own), columns=own["columns"], traces=[SynapticTrace(**t) for t in _in_order(own["traces"])]
        )
        for own in _in_order(tree["segments"])
    ]
