"""Functions that PyNN 0.13 has in `pyNN.recording` and that scripts call."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pyNN.parallel import Communicator, default_communicator

MPI_ROOT = 0


class Variable(NamedTuple):
    """What is recorded: a name, and for cells with compartments where."""

    name: str
    location: Any = None
    label: str | None = None


class DataCache:
    """Objects kept in the order in which they were stored."""

    def __init__(self) -> None:
        self._objects: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def store(self, obj: Any) -> None:
        if obj not in self._objects:
            self._objects.append(obj)

    def clear(self) -> None:
        self._objects = []


def get_mpi_comm() -> Communicator:
    """The processes of this run: MPI's world, or a single process."""
    return default_communicator()


def gather_array(data: Any) -> Any:
    """Arrays of all ranks joined along the first axis, on rank 0; elsewhere the rank's own."""
    everyone = get_mpi_comm().gather(np.asarray(data))
    return data if everyone is None else np.concatenate(everyone)


def gather_dict(D: dict[Any, Any], all: bool = False) -> dict[Any, Any]:
    """Dictionaries of all ranks merged, on rank 0 or with `all` on every rank; elsewhere the rank's own."""
    comm = get_mpi_comm()
    everyone = comm.allgather(D) if all else comm.gather(D)
    if everyone is None:
        return D
    return {key: value for one in everyone for key, value in one.items()}


def gather_blocks(data: Any, ordered: bool = True) -> Any:
    """The neo.Blocks of all ranks merged into that of rank 0, there; elsewhere the rank's own.

    With `ordered`, spike trains are sorted by `source_index`.
    """
    everyone = get_mpi_comm().gather(data)
    if everyone is None:
        return data
    merged = everyone[0]
    for block in everyone[1:]:
        merged.merge(block)
    if ordered:
        for segment in merged.segments:
            trains = sorted(segment.spiketrains, key=lambda train: train.annotations.get("source_index", 0))
            segment.spiketrains = trains
    return merged


def mpi_sum(x: Any) -> Any:
    """Sum over all ranks, on every rank."""
    return sum(get_mpi_comm().allgather(x))


def filter_by_variables(segment: Any, variables: str | Iterable[str]) -> Any:
    """A new neo.Segment with the signals named in `variables`, and the spike trains if "spikes" is among them."""
    import neo

    if isinstance(variables, str) and variables == "all":
        return segment
    names = {variables} if isinstance(variables, str) else set(variables)
    filtered = neo.Segment(
        name=segment.name, description=segment.description, rec_datetime=segment.rec_datetime, index=segment.index
    )
    filtered.annotate(**segment.annotations)
    for signal in segment.analogsignals:
        if signal.name in names:
            filtered.analogsignals.append(signal)
    if "spikes" in names:
        filtered.spiketrains.extend(list(segment.spiketrains))
    return filtered


def remove_duplicate_spiketrains(data: Any) -> Any:
    """The block with one spike train a `channel_id` in each segment: of several, the one with most spikes."""
    for segment in data.segments:
        kept: dict[Any, Any] = {}
        for train in segment.spiketrains:
            key = train.annotations["channel_id"]
            if key not in kept or train.size > kept[key].size:
                kept[key] = train
        segment.spiketrains = [kept[key] for key in sorted(kept)]
    return data


def rename_existing(filename: str | os.PathLike[str]) -> None:
    """Move a file out of the way, to the same name with "_old" appended."""
    if Path(filename).exists():
        os.replace(filename, f"{os.fspath(filename)}_old")


def safe_makedirs(dir: str | os.PathLike[str]) -> None:
    """Make a folder and those above it; no error if it exists, or if another rank is faster."""
    if os.fspath(dir):
        os.makedirs(dir, exist_ok=True)
