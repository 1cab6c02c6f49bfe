"""The state of a whole simulation as a tree, and a simulation that goes on from one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from importlib import metadata
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pyNN.checkpoint.description import change, changeable, columns_of, fixed_facts
from pyNN.checkpoint.originals import ABSENT, Part, parts
from pyNN.checkpoint.recordings import recorded_projections, recordings_tree, restore_recordings, segments_in_files
from pyNN.checkpoint.shares import Gathering, chosen, is_shared, order_of, ordered, own_places
from pyNN.errors import CapabilityError, CheckpointError, FileFormatError, PyNNError
from pyNN.parallel import together
from pyNN.specs import CurrentSpec, ProjectionSpec, Ragged

if TYPE_CHECKING:
    from pyNN.backend import Backend, RestorableBackend, RestorableSession
    from pyNN.checkpoint.container import Tree
    from pyNN.recording.stream import StoredStreams
    from pyNN.simulation import Simulation

FEATURE = "save_state, restore_state, run(checkpoint=)"
_MOST_DIFFERENCES = 5
_SHOWN_FACTS = ("size", "cell type", "synapse type", "receptor type", "current source", "seed")


def _narrow(simulation: Simulation) -> bool:
    return simulation.settings.options.get("weights") == "float32"


# --- saving ----------------------------------------------------------------------------------------------------------


def require_checkpoints(backend: Backend) -> None:
    """CapabilityError where a backend has no checkpoints."""
    if not backend.capabilities.checkpoints:
        reason = backend.capabilities.missing.get(FEATURE, "it cannot be asked for its whole state.")
        raise CapabilityError(
            f"The backend '{backend.name}' cannot save or restore the state of a simulation: {reason} "
            "pyNN.reference can."
        )


def require_capability(simulation: Simulation) -> None:
    """CapabilityError where the backend, or this way of running it, has no checkpoints."""
    require_checkpoints(simulation.backend)
    if simulation.comm.parts < simulation.comm.size:
        raise CapabilityError(
            "A dry run (num_processes=, rank=) has no state to save: nobody simulates the cells of the other ranks. "
            "Leave num_processes away, or start the script with mpirun."
        )


def simulation_tree(simulation: Simulation, in_run: bool = False) -> Tree:
    """Everything that decides the future of a simulation, and everything recorded. Collective.

    What is large is a pyNN.checkpoint.shares.Later.
    """
    require_capability(simulation)
    session = cast("RestorableSession", simulation.session)
    streams = simulation.streams.snapshot(session, segments_in_files(simulation))
    settings = simulation.settings
    with together(simulation.comm, "state of callbacks"):
        script = simulation.journal.tree(in_run)
    description, changed = _description(simulation)
    return {
        "about": {
            "backend": simulation.backend.name, "saved_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "software": json.dumps({"pynn-core": metadata.version("pynn-core"), **simulation.backend.versions()}),
        },
        "clock": {
            "step": simulation.current_step, "time_ms": simulation.t, "trial": settings.trial,
            "segment": simulation.segment_index, "draws": simulation._draws,
            "next_recording": simulation._next_recording,
        },
        "settings": {"dt": settings.dt, "rng_seed": str(settings.rng_seed), "narrow_weights": _narrow(simulation)},
        "script": script,
        "network": {"description": description, "changed": changed},
        "recordings": recordings_tree(simulation),
        "streams": streams,
        "session": session.snapshot(),
    }  # fmt: skip


def _description(simulation: Simulation) -> tuple[str, Tree]:
    """The network in digests (of the beginning, of now), and the values that are not those of the beginning."""
    originals, narrow, gathering = simulation.originals, _narrow(simulation), Gathering(simulation.comm)
    found: list[dict[str, Any]] = []
    changed: Tree = {}
    for kind, spec in parts(simulation.network):
        items = originals.items(kind, spec, narrow, gathering)
        for item, (first, now) in items.items():
            if first != now:
                changed[str(len(changed))] = {
                    "kind": kind, "id": spec.id, "item": item, "value": _changed_value(spec, item)
                }  # fmt: skip
        label = getattr(spec, "label", f"{spec.model.name} {spec.id}")
        found.append({"kind": kind, "id": spec.id, "label": label, "facts": fixed_facts(spec), "items": items})
    return json.dumps(found), changed


def _present_value(spec: Part, item: str) -> Any:
    values = changeable(spec)
    if item in values or not isinstance(spec, ProjectionSpec) or spec.table is None:
        return values[item]
    return spec.table.delay_steps if item == "delay" else spec.table.columns[item]


def _changed_value(spec: Part, item: str) -> Any:
    if not isinstance(spec, ProjectionSpec):
        return _value_tree(_present_value(spec, item))

    def value(gathering: Gathering) -> Any:
        """One number, or one for each connection of all ranks."""
        shared = is_shared(gathering.comm, spec)

        def own() -> tuple[Any, Any]:
            table, column = spec.table, _present_value(spec, item)
            return column, np.zeros(0) if table is None or not shared else table.post

        def join(pieces: list[tuple[Any, Any]]) -> Any:
            pieces = pieces if shared else pieces[:1]
            columns = [column for column, post in pieces if len(post)] or [pieces[0][0]]
            if not any(np.ndim(column) for column in columns) and len({float(column) for column in columns}) == 1:
                return _value_tree(columns[0])
            wide = [np.broadcast_to(np.asarray(c), (len(post),)) if shared else c for c, post in pieces]
            return _value_tree(ordered(wide, order_of([post for _, post in pieces])))

        return gathering.joined(own, join, f"saving of {_in_words(item)} of {spec.label}")

    return value


def _value_tree(value: Any) -> Any:
    if isinstance(value, Ragged):
        return {"values": np.asarray(value.values), "offsets": np.asarray(value.offsets)}
    array = np.asarray(value)
    return array if array.ndim else array.item()


def _value(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return Ragged(np.array(tree["values"]), np.array(tree["offsets"]))
    return np.array(tree) if isinstance(tree, np.ndarray) else tree


# --- restoring -------------------------------------------------------------------------------------------------------


def restore_simulation(simulation: Simulation, tree: Mapping[str, Any], path: Any, resuming: bool = False) -> None:
    """Let a simulation go on from a tree; CheckpointError, with nothing changed, if it is of another network.

    `resuming`: the script has made its changes since the beginning again, and they must be those of the file.
    """
    require_capability(simulation)
    try:
        _check_settings(simulation, tree, path)
        saved = json.loads(tree["network"]["description"])
        _check_network(simulation, saved, path, resuming)
        backend = cast("RestorableBackend", simulation.backend)
        backend.check_snapshot(simulation.network, simulation.settings, tree["session"])
        streams = simulation.streams.checked(tree["streams"], path)
        changes = list(_changes(simulation, tree, saved, path))
        _restore(simulation, tree, saved, changes, streams)
    except PyNNError:
        raise
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
        raise FileFormatError(
            f"The checkpoint '{path}' lacks something, or has it in a wrong form: {error!r}."
        ) from error


def _check_settings(simulation: Simulation, tree: Mapping[str, Any], path: Any) -> None:
    settings, saved = simulation.settings, tree["settings"]
    wrong = []
    if saved["dt"] != settings.dt:
        wrong.append(f"timestep={saved['dt']:g} there, {settings.dt:g} here")
    if saved["rng_seed"] != str(settings.rng_seed):
        wrong.append(f"rng_seed={saved['rng_seed']} there, {settings.rng_seed} here")
    if bool(saved["narrow_weights"]) != _narrow(simulation):
        there, here = ("float32", "float64") if saved["narrow_weights"] else ("float64", "float32")
        wrong.append(f"weights='{there}' there, '{here}' here")
    if wrong:
        raise CheckpointError(f"The checkpoint '{path}' is of a simulation with another setup(): {'; '.join(wrong)}.")


def _check_network(simulation: Simulation, saved: list[dict[str, Any]], path: Any, resuming: bool) -> None:
    differences = list(_differences(simulation, saved, resuming))
    if not differences:
        return
    shown = "; ".join(differences[:_MOST_DIFFERENCES])
    more = len(differences) - _MOST_DIFFERENCES
    rest = f"; and {more} more differences" if more > 0 else ""
    raise CheckpointError(
        f"The checkpoint '{path}' is of another network: {shown}{rest}. "
        "Build the network as it was built before the state was saved."
    )


def _differences(simulation: Simulation, saved: list[dict[str, Any]], resuming: bool) -> Iterator[str]:
    here = {(kind, spec.id): (kind, spec) for kind, spec in parts(simulation.network)}
    there = {(entry["kind"], entry["id"]): entry for entry in saved}
    for key, entry in there.items():
        if key not in here:
            yield f"the {_named(entry)} is not there (it must exist before the state is restored)"
    gathering = Gathering(simulation.comm)
    for (_, number), (kind, spec) in here.items():
        if (kind, number) not in there:
            label = getattr(spec, "label", spec.model.name)
            yield f"the {kind} '{label}' is not in the checkpoint"
            continue
        yield from _part_differences(simulation, kind, spec, there[kind, number], resuming, gathering)


def _named(entry: dict[str, Any]) -> str:
    return f"{entry['kind']} '{entry['label']}'"


def _part_differences(
    simulation: Simulation, kind: str, spec: Part, entry: dict[str, Any], resuming: bool, gathering: Gathering
) -> Iterator[str]:
    is_comparable = True
    for name, value in fixed_facts(spec).items():
        old = entry["facts"].get(name)
        if value != old:
            is_comparable = False
            plain = f" ({old} there, {value} here)" if name in _SHOWN_FACTS else ""
            yield f"{name} of the {_named(entry)}{plain}"
    if not is_comparable:
        return
    items = simulation.originals.items(kind, spec, _narrow(simulation), gathering)
    for item in {**entry["items"], **items}:
        old = entry["items"].get(item, [ABSENT, ABSENT])
        begun, now = items.get(item, (ABSENT, ABSENT))
        if now not in old and (resuming or begun != old[0]):
            yield f"{_in_words(item)} of the {_named(entry)}{_numbers(item, old[0], now)}"


def _in_words(item: str) -> str:
    return {"connections": "who connects to whom", "weight": "the weights", "delay": "the delays"}.get(item, item)


def _numbers(item: str, old: str, now: str) -> str:
    """How many connections there are, where that is what differs."""
    if item != "connections":
        return ""
    counts = [digest[1:].partition("-")[0] for digest in (old, now)]
    return f" ({counts[0]} connections there, {counts[1]} here)" if counts[0] != counts[1] else ""


def _changes(
    simulation: Simulation, tree: Mapping[str, Any], saved: list[dict[str, Any]], path: Any
) -> Iterator[tuple[Part, str, Any]]:
    """(part, what of it, value) of all that has to change for the network to be as it was when it was saved."""
    specs = {(kind, spec.id): spec for kind, spec in parts(simulation.network)}
    originals, narrow, gathering = simulation.originals, _narrow(simulation), Gathering(simulation.comm)
    originals.keep(simulation.network)
    stored = {(e["kind"], int(e["id"]), e["item"]): e for e in tree["network"]["changed"].values()}
    for entry in saved:
        key = (entry["kind"], int(entry["id"]))
        spec = specs[key]
        present = originals.items(entry["kind"], spec, narrow, gathering)
        wanted = {item: digests[1] for item, digests in entry["items"].items()}
        different = [item for item, digest in wanted.items() if present.get(item, (ABSENT, ABSENT))[1] != digest]
        if not different:
            continue
        places = own_places(simulation.comm, spec) if isinstance(spec, ProjectionSpec) else None
        for item in different:
            if (*key, item) in stored:
                value = _value(stored[(*key, item)]["value"])
                yield spec, item, chosen(value, places)
            elif originals.digest_of_first(entry["kind"], spec, item, gathering) == wanted[item]:
                yield spec, item, originals.values[key][item]
            else:
                raise CheckpointError(
                    f"{_in_words(item)} of the {_named(entry)} changed after the checkpoint '{path}' was written, and "
                    "a checkpoint holds only what had been changed by then. Call setup() and build the network anew."
                )


def _restore(
    simulation: Simulation,
    tree: Mapping[str, Any],
    saved: list[dict[str, Any]],
    changes: list[tuple[Part, str, Any]],
    streams: StoredStreams | None,
) -> None:
    specs = {(kind, spec.id): spec for kind, spec in parts(simulation.network)}
    simulation.streams.forget()
    simulation.drop_session()
    originals = simulation.originals
    for changed, item, value in changes:
        _change(simulation, changed, item, value)
    for entry in saved:
        key = (entry["kind"], entry["id"])
        spec = specs[key]
        if isinstance(spec, ProjectionSpec):
            for state in [n for n in spec.initial_values if f"initial value {n}" not in entry["items"]]:
                del spec.initial_values[state]
        originals.digests[key] = {item: digests[0] for item, digests in entry["items"].items()}
    clock = tree["clock"]
    simulation.settings = replace(simulation.settings, trial=int(clock["trial"]))
    simulation.segment_index = int(clock["segment"])
    simulation._draws = int(clock["draws"])
    simulation._next_recording = int(clock["next_recording"])
    if streams is not None:
        streams.restore()
    with together(simulation.comm, "reading of a checkpoint"):
        recorded = recorded_projections(tree["recordings"])
    places = {k: own_places(simulation.comm, simulation.network.projections[k]) for k in recorded}
    with together(simulation.comm, "reading of recordings from a checkpoint"):
        additional = restore_recordings(simulation, tree["recordings"], places, streams)
    simulation.drop_session()
    session = cast("RestorableSession", simulation.session)
    session.restore(tree["session"])
    simulation.current_step = int(clock["step"])
    simulation.journal.restore(tree["script"])
    if streams is not None:
        simulation.streams.go_on(streams, simulation.current_step)
    for population, name, cells, every, target in additional:
        population.recorder._recordings.setdefault(name, [])
        population.recorder._begin(name, cells, every, target)


def _change(simulation: Simulation, spec: Part, item: str, value: Any) -> None:
    if isinstance(spec, ProjectionSpec):
        simulation.originals.forget(spec, item)
    table = spec.table if isinstance(spec, ProjectionSpec) else None
    if table is None or item not in columns_of(cast(ProjectionSpec, spec)):
        change(spec, item, value)
        if isinstance(spec, CurrentSpec) and item != "cells" and spec.id in simulation.current_sources:
            simulation.current_sources[spec.id].take_values(spec.parameters)
        return
    table.take_back()
    if item == "delay":
        table.delay_steps = value.astype(np.int32) if isinstance(value, np.ndarray) else int(value)
    else:
        table.columns[item] = value
