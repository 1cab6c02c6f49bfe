"""What of a session decides the future, as plain data, in an order that no engine or number of threads decides.

Of cells it is kept by population and cell, of synapses by projection and connection in the table's order. What the
compiled engine shares between the connections of a source cell is kept by source cell for each kind of pathway: pair of
populations and, unless the delay varies within a pathway, delay.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pyNN.backend import Settings
from pyNN.equations.synapses import needs_rule
from pyNN.errors import CapabilityError, InternalError
from pyNN.reference import layout
from pyNN.reference.compiled_synapses import CompiledSynapses, History, Pathway, Queue
from pyNN.reference.eager_synapses import DelayClass, EagerSynapses
from pyNN.reference.stepped import SteppedEagerly
from pyNN.reference.stepped_compiled import SteppedCompiled
from pyNN.reference.world import CellGroup, Group, SourceGroup, SpikeRecording, StateRecording
from pyNN.specs import NetworkSpec
from pyNN.spike_sources import restored_source, source_state

if TYPE_CHECKING:
    from pyNN.reference.session import ReferenceSession

Tree = dict[str, Any]
_COMPILED, _PLAIN = "numba", "numpy"
_PREDECESSORS = 16
"""Spikes that stay in a queue when they have been dealt with; see Queue.make_room."""
_EVENT = ("arrival", "rank", "step", "cell", "repeat", "side")


# --- the present state -----------------------------------------------------------------------------------------------


def snapshot(session: ReferenceSession) -> Tree:
    """All that decides the future of a session, besides the network that it was built from."""
    # What a script has changed is taken over as the next run would do it, at the same step.
    session._refresh()
    world = session._world
    return {
        "step": world.current_step,
        "engine": engine_of(session._settings),
        "populations": {str(number): _group_state(session, group) for number, group in session._groups.items()},
        "projections": {
            str(number): _synapses_state(projection.synapses)
            for number, projection in session._projections.items()
            if projection.synapses is not None
        },
        "recordings": {str(number): _recorded(recording) for number, recording in world.recordings.items()},
    }


def engine_of(settings: Settings) -> str:
    return str(settings.options.get("engine", "numba"))


def _group_state(session: ReferenceSession, group: Group) -> Tree:
    tree: Tree = {}
    if isinstance(group, SourceGroup):
        tree["source"] = source_state(group.player)
    else:
        tree["states"] = {name: group.row(name).copy() for name in group.analysis.states}
        tree["refractory"] = group.refractory.copy()
        tree["arriving"] = _arriving(group, session.current_step)
        coupled = session._world.coupled.get(id(group))
        if coupled is not None:
            tree["coupled"] = coupled.values.copy()
            tree["coupled_fresh"] = bool(coupled.fresh)
    queue = _queues(session).get(id(group))
    if queue is not None and queue.pathways:
        begin, end = _kept_of(queue), int(queue.record[layout.QUEUE_COUNT])
        tree["waiting"] = {
            "begin": begin, "steps": queue.steps[begin:end].copy(), "cells": queue.cells[begin:end].copy(),
        }  # fmt: skip
    return tree


def _arriving(group: CellGroup, step: int) -> Any:
    """Sums of weights that arrive in the steps after the present one, shape (steps, receptors, cells)."""
    return np.roll(group.ring, -((step + 1) % len(group.ring)), axis=0)


def _queues(session: ReferenceSession) -> dict[int, Queue]:
    return getattr(session._engine, "queues", {})


def _kept_of(queue: Queue) -> int:
    """Position in a queue of the first spike that has to stay."""
    done = min((int(p.record[layout.PATHWAY_CURSOR]) for p in queue.pathways), default=0)
    return max(done - _PREDECESSORS, 0)


def _recorded(recording: SpikeRecording | StateRecording) -> Tree:
    if isinstance(recording, SpikeRecording):
        spikes = recording.collect(0)
        return {"steps": spikes.steps, "cells": spikes.cells}
    return {
        "samples": recording.samples,
        "start_step": recording.first_step,
    }


def _synapses_state(synapses: Any) -> Tree:
    if isinstance(synapses, SteppedEagerly | SteppedCompiled):
        return synapses.saved()
    if isinstance(synapses, EagerSynapses):
        return _eager_state(synapses)
    if isinstance(synapses, CompiledSynapses):
        return _compiled_state(synapses)
    raise InternalError(f"{type(synapses).__name__} says nothing of its state.")


# --- synapses of the plain engine ------------------------------------------------------------------------------------


def _eager_state(synapses: EagerSynapses) -> Tree:
    return {
        "weight": synapses.weight.copy(),
        "states": {name: values.copy() for name, values in synapses.states.items()},
        "before": {name: values.copy() for name, values in synapses.before.items()},
        "last": synapses.last.copy(),
        "last_post": synapses.last_post.copy(),
        "events": {str(k): _events(chosen) for k, chosen in enumerate(synapses.classes)},
    }


def _events(chosen: DelayClass) -> Tree:
    columns = list(zip(*chosen.events, strict=True)) or [()] * len(_EVENT)
    return {
        name: np.array(column, dtype=float if name == "arrival" else np.int64)
        for name, column in zip(_EVENT, columns, strict=True)
    }


def _restore_eager(synapses: EagerSynapses, tree: Tree) -> None:
    synapses.weight = np.array(tree["weight"])
    synapses.states = {name: np.array(tree["states"][name]) for name in synapses.states}
    synapses.before = {name: np.array(tree["before"][name]) for name in synapses.before}
    synapses.last, synapses.last_post = np.array(tree["last"]), np.array(tree["last_post"])
    for k, chosen in enumerate(synapses.classes):
        columns = tree["events"][str(k)]
        # A heap that is kept in its order is a heap.
        chosen.events = list(zip(*(columns[name].tolist() for name in _EVENT), strict=True))


# --- synapses of the compiled engine ---------------------------------------------------------------------------------


def _key(synapses: CompiledSynapses, pathway: Pathway) -> str:
    """What a pathway is called whatever the slices of the cells are."""
    delay = "varying" if pathway.varying_delay else str(int(pathway.delays[0]))
    return f"{pathway.source.spec.id} to {pathway.target.spec.id}, {delay}"


def _compiled_state(synapses: CompiledSynapses) -> Tree:
    plan = synapses.plan
    own = plan.states("")
    columns = ["weight", *(["touched", *own] if own else [])]
    tables: Tree = {name: np.zeros(synapses.size) for name in columns if name != "weight" or plan.weight_column}
    pathways: Tree = {}
    for pathway in synapses.pathways:
        if not len(pathway.posts):
            continue
        places = pathway.places()
        for name, values in _columns(synapses, pathway).items():
            tables[name][places] = values
        pathways.setdefault(_key(synapses, pathway), _rows(pathway))
    return {
        "plan": _signature(synapses),
        "own_states": json.dumps(sorted(synapses.own_states)),
        "connections": tables,
        "pathways": pathways,
        "histories": {str(h.target.spec.id): _history(h) for h in synapses.histories.values()},
    }


def _signature(synapses: CompiledSynapses) -> str:
    plan = synapses.plan
    return json.dumps([sorted(plan.levels.items()), list(plan.columns), plan.weight_column, plan.varying_delay])


def _columns(synapses: CompiledSynapses, pathway: Pathway) -> dict[str, Any]:
    """What a pathway keeps of each connection, in its own order."""
    own = synapses.plan.states("")
    found: dict[str, Any] = {"weight": pathway.weights} if synapses.plan.weight_column else {}
    if own:
        found |= {"touched": pathway.touched, **dict(zip(own, pathway.states, strict=True))}
    return found


def _rows(pathway: Pathway) -> Tree:
    """What is shared by the connections of each source cell."""
    return {
        "row_step": pathway.row_step.copy(),
        "row_done": pathway.row_done.copy(),
        "row_state": pathway.row_state.copy(),
        "cursor": int(pathway.record[layout.PATHWAY_CURSOR]),
        "in_queue": bool(pathway.in_queue),
    }


def _history(history: History) -> Tree:
    valid = np.arange(history.capacity) < history.counts[:, np.newaxis]
    return {
        "states": json.dumps(history.states),
        "counts": history.counts.copy(),
        "entries": history.entries[valid],
        "recent": history.recent.copy(),
    }


def _restore_compiled(synapses: CompiledSynapses, tree: Tree, queues: dict[int, Queue], kept: dict[int, int]) -> None:
    if _signature(synapses) != tree["plan"]:
        raise InternalError(f"{synapses.spec.label}: the synapses are kept in another way than in the saved state.")
    for pathway in synapses.pathways:
        if not len(pathway.posts):
            continue
        places = pathway.places()
        for name, values in _columns(synapses, pathway).items():
            values[:] = tree["connections"][name][places]
        rows = tree["pathways"][_key(synapses, pathway)]
        pathway.row_step[:], pathway.row_done[:] = rows["row_step"], rows["row_done"]
        pathway.row_state[:] = rows["row_state"]
        queue = queues[id(pathway.source)]
        before = kept.get(pathway.source.spec.id)
        pathway.record[layout.PATHWAY_CURSOR] = (
            rows["cursor"] - before if rows["in_queue"] and before is not None else queue.record[layout.QUEUE_COUNT]
        )
    for history in synapses.histories.values():
        _restore_history(history, tree["histories"][str(history.target.spec.id)])
    synapses.described = False


def _restore_history(history: History, tree: Tree) -> None:
    counts = np.array(tree["counts"])
    largest = int(counts.max(initial=1))
    while history.capacity < largest:
        history.capacity *= 2
    history.entries = np.zeros((len(counts), history.capacity, 1 + len(history.states)))
    history.entries[np.arange(history.capacity) < counts[:, np.newaxis]] = tree["entries"]
    history.recent, history.counts = np.array(tree["recent"]), counts
    history.record[layout.HISTORY_LARGEST] = largest


# --- back into a session ---------------------------------------------------------------------------------------------


def check_engine(network: NetworkSpec, settings: Settings, tree: Mapping[str, Any]) -> None:
    """CapabilityError for a state of another engine, if the network has synapses that the two keep differently."""
    own = engine_of(settings)
    if tree["engine"] == own:
        return
    for spec in network.projections:
        if not spec.model.coupling and needs_rule(spec.model):
            raise CapabilityError(
                f"The state was saved with engine='{tree['engine']}', and the synapses of '{spec.label}' have states "
                f"that the engine '{own}' keeps in another way. Say setup(engine='{tree['engine']}')."
            )


def restore(session: ReferenceSession, tree: Tree) -> None:
    """Put a state into a session that was built from the same network and has not run."""
    world = session._world
    ruled = {n: p.synapses for n, p in session._projections.items() if p.synapses is not None}
    world.current_step = world.chunk_start = int(tree["step"])
    for number, group in session._groups.items():
        _restore_group(session, group, tree["populations"][str(number)])
    for number, recording in world.recordings.items():
        _restore_recording(recording, tree["recordings"][str(number)])
    for synapses in ruled.values():
        if isinstance(synapses, CompiledSynapses):
            _prepare(synapses, tree["projections"][str(synapses.spec.id)])
    session._stale = True
    session._refresh()
    kept = _restore_queues(session, tree)
    for synapses in ruled.values():
        own = tree["projections"][str(synapses.spec.id)]
        if isinstance(synapses, SteppedEagerly):
            synapses.restored(own)
        elif isinstance(synapses, SteppedCompiled):
            synapses.restored(own, _queues(session), kept)
        elif isinstance(synapses, EagerSynapses):
            _restore_eager(synapses, own)
        else:
            _restore_compiled(synapses, own, _queues(session), kept)
    session._stale = True
    # Synapses are read as they are when the engine knows where everything is.
    session._refresh()


def _prepare(synapses: CompiledSynapses, tree: Tree) -> None:
    """Have states that differ from connection to connection kept so."""
    own = set(json.loads(tree["own_states"]))
    if own - synapses.own_states:
        synapses.own_states |= own
        synapses._carry_over(synapses.start_step)


def _restore_group(session: ReferenceSession, group: Group, tree: Tree) -> None:
    step = session.current_step
    if isinstance(group, SourceGroup):
        group.player = restored_source(group.spec, session._settings, tree["source"], step)
        group.known_until = step
        return
    for name in group.analysis.states:
        group.row(name)[:] = tree["states"][name]
    group.refractory[:] = tree["refractory"]
    arriving = tree["arriving"]
    group.make_room(len(arriving), step)
    for ahead in range(len(arriving)):
        group.ring[(step + 1 + ahead) % len(group.ring)] = arriving[ahead]
    coupled = session._world.coupled.get(id(group))
    if coupled is not None:
        coupled.values[:] = tree["coupled"]
        coupled.fresh = bool(tree["coupled_fresh"])


def _restore_recording(recording: SpikeRecording | StateRecording, tree: Tree) -> None:
    if isinstance(recording, SpikeRecording):
        recording.clear(0)
        wanted, recording.wanted = recording.wanted, None
        recording.append(tree["steps"], tree["cells"])
        recording.wanted = wanted
        return
    recording.put_back(tree["samples"], int(tree["start_step"]))


def _restore_queues(session: ReferenceSession, tree: Tree) -> dict[int, int]:
    """Fill the queues; by population the number of spikes that were before those that are kept."""
    kept: dict[int, int] = {}
    queues = _queues(session)
    for number, group in session._groups.items():
        own = tree["populations"][str(number)].get("waiting")
        queue = queues.get(id(group))
        if own is None or queue is None:
            continue
        kept[number] = int(own["begin"])
        queue.make_room(len(own["steps"]))
        count = len(own["steps"])
        queue.steps[:count], queue.cells[:count] = own["steps"], own["cells"]
        queue.record[layout.QUEUE_COUNT] = count
    return kept
