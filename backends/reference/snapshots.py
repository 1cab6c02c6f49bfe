"""What of a session decides the future, as plain data, in an order that no engine or number of threads decides.

Of cells it is kept by population and cell, of synapses by projection and connection in the table's order. What the
compiled engine shares between the connections of a source cell is kept by source cell for each kind of pathway: pair of
populations and, unless the delay varies within a pathway, delay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pyNN.backend import Settings, Spikes
from pyNN.checkpoint.shares import Gathering, Later, chosen, first_to_have, order_of, ordered, own_places, whole
from pyNN.equations.synapses import WEIGHT, needs_rule
from pyNN.errors import CapabilityError, InternalError
from pyNN.parallel import together
from pyNN.reference import layout
from pyNN.reference.compiled_synapses import NO_SPIKE, CompiledSynapses, History, Pathway, Queue, queue_key
from pyNN.reference.eager_synapses import DelayClass, EagerSynapses
from pyNN.reference.stepped import SteppedEagerly
from pyNN.reference.stepped_compiled import SteppedCompiled
from pyNN.reference.world import CellGroup, Group, SourceGroup, SpikeRecording, StateRecording
from pyNN.specs import IntArray, NetworkSpec
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
    """All that decides the future of a session, besides the network that it was built from. Collective.

    Populations, projections and recordings are pyNN.checkpoint.shares.Later.
    """
    # What a script has changed is taken over as the next run would do it, at the same step.
    session._refresh()
    world = session._world
    if session._comm.parts > 1:
        # When weights follow postsynaptic spikes is each rank's own affair; what is shared by connections on several
        # ranks must be of one time.
        for synapses in world.ruled:
            synapses.settle(world.current_step)
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


# --- cells -----------------------------------------------------------------------------------------------------------


def _group_state(session: ReferenceSession, group: Group) -> Later:
    what = f"gathering of the state of {group.spec.label}"

    def state(gathering: Gathering) -> Tree | None:
        # Sources are played alike on all ranks.
        tree: Tree | None = (
            gathering.attempt(lambda: {"source": source_state(group.player)})
            if isinstance(group, SourceGroup)
            else gathering.joined(lambda: _own_cells(session, group), lambda pieces: _all_cells(group, pieces), what)
        )
        waiting: Tree = {}
        for event in _kinds(group):
            waiting |= _waiting(session, group, event, gathering)
        return None if tree is None else {**tree, **waiting}

    return state


def _own_cells(session: ReferenceSession, group: CellGroup) -> Tree:
    """The cells of this rank."""
    first, last = group.own
    own = slice(first, last)
    tree: Tree = {
        "own": group.own,
        "states": {name: group.row(name)[own].copy() for name in group.analysis.states},
        "refractory": group.refractory[own].copy(),
        "arriving": _arriving(group, session.current_step, own),
    }
    coupled = session._world.coupled.get(id(group))
    if coupled is not None:
        tree["coupled"] = coupled.values[:, own].copy()
        tree["coupled_fresh"] = bool(coupled.fresh)
    return tree


def _arriving(group: CellGroup, step: int, own: slice) -> Any:
    """Sums of weights that arrive in the steps after the present one, shape (steps, receptors, cells)."""
    return np.roll(group.ring[:, :, own], -((step + 1) % len(group.ring)), axis=0)


def _all_cells(group: CellGroup, pieces: list[Tree]) -> Tree:
    """The cells of all ranks."""
    slots = max(len(piece["arriving"]) for piece in pieces)

    def joined(values: Callable[[Tree], Any]) -> Any:
        return whole([(piece["own"], values(piece)) for piece in pieces], group.size)

    tree = {
        "states": {name: joined(partial(_state, name)) for name in group.analysis.states},
        "refractory": joined(lambda piece: piece["refractory"]),
        # A rank's ring is as long as the delays of its own connections ask for.
        "arriving": joined(
            lambda piece: np.pad(piece["arriving"], ((0, slots - len(piece["arriving"])), (0, 0), (0, 0)))
        ),
    }
    if "coupled" in pieces[0]:
        tree["coupled"] = joined(lambda piece: piece["coupled"])
        tree["coupled_fresh"] = pieces[0]["coupled_fresh"]
    return tree


def _state(name: str, piece: Tree) -> Any:
    return piece["states"][name]


def _kinds(group: Group) -> list[str]:
    """What synapses may wait for: spikes (""), and events."""
    return ["", *sorted(group.spec.model.events)]


def _place(event: str) -> str:
    """Where what is under way stands in the tree of a group."""
    return f"waiting {event}".strip()


def _waiting(session: ReferenceSession, group: Group, event: str, gathering: Gathering) -> Tree:
    """Spikes that synapses have not dealt with yet. Every rank has those of all cells, as far back as it needs them."""
    queue = _queues(session).get(queue_key(group, event))
    what = f"{event or 'spikes'} of {group.spec.label} under way"

    def number() -> int:
        if queue is None or not queue.pathways:
            return -1
        return int(queue.record[layout.QUEUE_COUNT]) - _kept_of(queue)

    numbers = gathering.everyone(number, what)
    if max(numbers) < 0:
        return {}

    def spikes() -> Tree | None:
        if gathering.comm.rank != numbers.index(max(numbers)) % gathering.comm.size or queue is None:
            return None
        begin, end = _kept_of(queue), int(queue.record[layout.QUEUE_COUNT])
        return {"steps": queue.steps[begin:end].copy(), "cells": queue.cells[begin:end].copy()}

    found = gathering.joined(spikes, lambda pieces: next(one for one in pieces if one is not None), what)
    return {_place(event): found}


def _queues(session: ReferenceSession) -> dict[tuple[int, str], Queue]:
    return getattr(session._engine, "queues", {})


def _kept_of(queue: Queue) -> int:
    """Position in a queue of the first spike that has to stay."""
    done = min((int(p.record[layout.PATHWAY_CURSOR]) for p in queue.pathways), default=0)
    return max(done - _PREDECESSORS, 0)


def _recorded(recording: SpikeRecording | StateRecording) -> Later:
    spec = recording.spec
    what = f"gathering of recording {spec.id} ({spec.variable})"
    if isinstance(recording, SpikeRecording):
        return lambda gathering: gathering.joined(lambda: recording.collect(0), _all_spikes, what)
    return lambda gathering: gathering.joined(
        lambda: (recording.cells, recording.samples, recording.first_step), _all_samples, what
    )


def _all_spikes(pieces: list[Spikes]) -> Tree:
    steps, cells = (np.concatenate([piece[k] for piece in pieces]) for k in (0, 1))  # type: ignore[misc]
    if len(pieces) > 1:
        order = np.lexsort((cells, steps))
        steps, cells = steps[order], cells[order]
    return {"steps": steps, "cells": cells}


def _all_samples(pieces: list[tuple[Any, Any, int]]) -> Tree:
    cells = np.concatenate([own for own, _, _ in pieces])
    order = np.argsort(cells, kind="stable")
    samples = np.concatenate([values for _, values, _ in pieces], axis=1)
    return {"cells": cells[order], "samples": samples[:, order], "start_step": pieces[0][2]}


# --- connections -----------------------------------------------------------------------------------------------------


def _synapses_state(synapses: Any) -> Later:
    if isinstance(synapses, SteppedEagerly | SteppedCompiled):
        return lambda gathering: _stepped_state(synapses, gathering)
    if isinstance(synapses, EagerSynapses):
        return lambda gathering: _eager_state(synapses, gathering)
    if isinstance(synapses, CompiledSynapses):
        return lambda gathering: _compiled_state(synapses, gathering)
    raise InternalError(f"{type(synapses).__name__} says nothing of its state.")


def _all_connections(synapses: Any, columns: Callable[[], Tree], gathering: Gathering) -> Tree:
    """Columns of all connections, from those of each rank."""
    post = synapses.projection.table.post

    def join(pieces: list[tuple[Any, Tree]]) -> Tree:
        order = order_of([posts for posts, _ in pieces])
        return {name: ordered([own[name] for _, own in pieces], order) for name in pieces[0][1]}

    found: Tree = gathering.joined(
        lambda: (post if gathering.is_parallel else None, columns()), join,
        f"gathering of the connections of {synapses.spec.label}",
    )
    return found


def _alike(synapses: Any, names: Callable[[], list[str]], value: Callable[[str], Any], gathering: Gathering) -> Tree:
    """What several ranks have alike, by name: each from the first rank that has it."""
    what = f"gathering of the pathways of {synapses.spec.label}"
    everyone = gathering.everyone(names, what)
    rank = gathering.comm.rank if gathering.is_parallel else 0

    def join(pieces: list[Tree]) -> Tree:
        return {name: piece[name] for piece in pieces for name in piece}

    found: Tree = gathering.joined(lambda: {n: value(n) for n in first_to_have(everyone, rank)}, join, what)
    return found


# --- synapses that do something in every step, of both engines -------------------------------------------------------


def _stepped_state(synapses: SteppedEagerly | SteppedCompiled, gathering: Gathering) -> Tree:
    return {
        "connections": _all_connections(synapses, synapses.kept, gathering),
        "under_way": _alike(
            synapses, lambda: list(synapses.under_way()), lambda key: synapses.under_way()[key], gathering
        ),
    }


def _restore_stepped(
    synapses: SteppedEagerly | SteppedCompiled, tree: Mapping[str, Any], places: IntArray | None
) -> None:
    synapses.restored({n: _own(values, places) for n, values in tree["connections"].items()}, tree["under_way"])


# --- synapses of the plain engine ------------------------------------------------------------------------------------


def _eager_state(synapses: EagerSynapses, gathering: Gathering) -> Tree:
    def columns() -> Tree:
        groups = {"states": synapses.states, "before": synapses.before}
        return {
            "weight": synapses.weight, "last": synapses.last, "last_post": synapses.last_post,
            **{f"{kind} {name}": values for kind, group in groups.items() for name, values in group.items()},
        }  # fmt: skip

    classes = {_class_key(chosen): chosen for chosen in synapses.classes}
    return {
        "connections": _all_connections(synapses, columns, gathering),
        "events": _alike(synapses, lambda: list(classes), lambda key: _events(classes[key]), gathering),
    }


def _class_key(chosen: DelayClass) -> str:
    return f"{chosen.part.source.spec.id} to {chosen.part.target.spec.id}, {chosen.delay}"


def _events(chosen: DelayClass) -> Tree:
    columns = list(zip(*chosen.events, strict=True)) or [()] * len(_EVENT)
    return {
        name: np.array(column, dtype=float if name == "arrival" else np.int64)
        for name, column in zip(_EVENT, columns, strict=True)
    }


def _restore_eager(synapses: EagerSynapses, tree: Mapping[str, Any], places: IntArray | None) -> None:
    found = tree["connections"]
    synapses.weight = _own(found["weight"], places)
    synapses.last, synapses.last_post = _own(found["last"], places), _own(found["last_post"], places)
    synapses.states = {name: _own(found[f"states {name}"], places) for name in synapses.states}
    synapses.before = {name: _own(found[f"before {name}"], places) for name in synapses.before}
    for delay_class in synapses.classes:
        columns = tree["events"][_class_key(delay_class)]
        # A heap that is kept in its order is a heap.
        delay_class.events = list(zip(*(columns[name].tolist() for name in _EVENT), strict=True))


def _own(values: Any, places: IntArray | None) -> Any:
    return np.array(chosen(values, places))


# --- synapses of the compiled engine ---------------------------------------------------------------------------------


def _key(synapses: CompiledSynapses, pathway: Pathway) -> str:
    """What a pathway is called whatever the slices of the cells are."""
    delay = "varying" if pathway.varying_delay else str(int(pathway.delays[0]))
    return f"{pathway.source.spec.id} to {pathway.target.spec.id}, {delay}"


def _compiled_state(synapses: CompiledSynapses, gathering: Gathering) -> Tree:
    what = f"comparison of {synapses.spec.label}"
    about = gathering.everyone(lambda: _about(synapses), what)
    filled = [one for one in about if one["size"]] or about[:1]
    if len({one["plan"] for one in filled}) > 1:
        gathering.failure = InternalError(f"{synapses.spec.label}: ranks keep the synapses in different ways.")
    has_weights = any(one["weights"] for one in filled)
    pathways: dict[str, Pathway] = {}
    for pathway in synapses.pathways:
        if len(pathway.posts):
            pathways.setdefault(_key(synapses, pathway), pathway)
    histories = {str(h.target.spec.id): h for h in synapses.histories.values()}
    targets = sorted({name for one in about for name in one["histories"]}, key=int)
    names = json.loads(filled[0]["columns"])
    return {
        "plan": filled[0]["plan"],
        "own_states": filled[0]["own_states"],
        "connections": _all_connections(synapses, lambda: _tables(synapses, names, has_weights), gathering),
        "pathways": _alike(synapses, lambda: list(pathways), lambda key: _rows(pathways[key]), gathering),
        "histories": {
            name: gathering.joined(partial(_history, histories.get(name)), _all_histories, what) for name in targets
        },
    }


def _about(synapses: CompiledSynapses) -> Tree:
    """How this rank keeps its connections."""
    own = synapses.plan.states("")
    return {
        "size": synapses.size, "plan": _signature(synapses), "weights": synapses.plan.weight_column,
        "own_states": json.dumps(sorted(synapses.own_states)), "columns": json.dumps(["touched", *own] if own else []),
        "histories": [str(history.target.spec.id) for history in synapses.histories.values()],
    }  # fmt: skip


def _tables(synapses: CompiledSynapses, names: list[str], has_weights: bool) -> Tree:
    """What is kept of each connection, in the order of the table."""
    tables: Tree = {name: np.zeros(synapses.size) for name in names}
    if has_weights:
        # Where a rank has the same weight for all, others may have been given different ones.
        tables["weight"] = np.array(np.broadcast_to(synapses.columns[WEIGHT], (synapses.size,)), dtype=float)
    for pathway in synapses.pathways:
        if len(pathway.posts):
            places = pathway.places()
            for name, values in _columns(synapses, pathway).items():
                tables[name][places] = values
    return tables


def _signature(synapses: CompiledSynapses) -> str:
    plan = synapses.plan
    return json.dumps([sorted(plan.levels.items()), plan.varying_delay])


def _columns(synapses: CompiledSynapses, pathway: Pathway) -> dict[str, Any]:
    """What a pathway keeps of each connection, in its own order."""
    own = synapses.plan.states("")
    found: dict[str, Any] = {"weight": pathway.weights} if synapses.plan.weight_column else {}
    if own:
        found |= {"touched": pathway.touched, **dict(zip(own, pathway.states, strict=True))}
    return found


def _rows(pathway: Pathway) -> Tree:
    """What is shared by the connections of each source cell."""
    queue = pathway.synapses.engine.queues.get(queue_key(pathway.source))
    behind = int(queue.record[layout.QUEUE_COUNT] - pathway.record[layout.PATHWAY_CURSOR]) if pathway.in_queue else 0
    return {
        "row_step": pathway.row_step.copy(),
        "row_done": pathway.row_done.copy(),
        "row_state": pathway.row_state.copy(),
        # How many spikes, which are the last of the queue, it has not dealt with.
        "behind": behind,
    }


def _history(history: History | None) -> Tree | None:
    """Of the cells of this rank, if it has any. How much is kept of those of others is for them to say."""
    if history is None:
        return None
    first, last = history.target.own
    counts, entries = history.counts[first:last], history.entries[first:last]
    states = history.states
    return {
        "states": json.dumps(states),
        "own": (first, last),
        "size": history.target.size,
        "initial": np.array([NO_SPIKE, *(float(history.synapses.initial[name]) for name in states)]),
        "counts": counts.copy(),
        "entries": entries[np.arange(history.capacity) < counts[:, np.newaxis]],
        "recent": history.recent[first:last].copy(),
    }


def _all_histories(pieces: list[Tree | None]) -> Tree:
    """Of all cells; those of a rank that has no connections onto them have had no spike that mattered."""
    known = [piece for piece in pieces if piece is not None]
    size, initial = known[0]["size"], known[0]["initial"]
    counts = np.ones(size, dtype=np.int64)
    recent = np.tile(np.concatenate([[NO_SPIKE], initial]), (size, 1))
    entries = [initial[np.newaxis]] * size if len(known) < len(pieces) else []
    if not entries:
        known.sort(key=lambda piece: int(piece["own"][0]))
    for piece in known:
        first, last = piece["own"]
        counts[first:last], recent[first:last] = piece["counts"], piece["recent"]
        if len(known) < len(pieces):
            entries[first:last] = np.split(piece["entries"], np.cumsum(piece["counts"])[:-1]) if last > first else []
        elif last > first:
            entries.append(piece["entries"])
    return {
        "states": known[0]["states"], "counts": counts, "recent": recent,
        "entries": np.concatenate(entries) if entries else np.zeros((0, len(initial))),
    }  # fmt: skip


def _restore_compiled(
    synapses: CompiledSynapses, tree: Mapping[str, Any], queues: dict[tuple[int, str], Queue], places: IntArray | None
) -> None:
    if synapses.size and _signature(synapses) != tree["plan"]:
        raise InternalError(f"{synapses.spec.label}: the synapses are kept in another way than in the saved state.")
    found = {name: chosen(values, places) for name, values in tree["connections"].items()}
    rows_of = {}
    for pathway in synapses.pathways:
        if not len(pathway.posts):
            continue
        positions = pathway.places()
        for name, values in _columns(synapses, pathway).items():
            if name in found:
                values[:] = found[name][positions]
        key = _key(synapses, pathway)
        if key not in rows_of:
            stored = tree["pathways"][key]
            rows_of[key] = {name: stored[name] for name in stored}
        rows = rows_of[key]
        pathway.row_step[:], pathway.row_done[:] = rows["row_step"], rows["row_done"]
        pathway.row_state[:] = rows["row_state"]
        queue = queues[queue_key(pathway.source)]
        pathway.record[layout.PATHWAY_CURSOR] = queue.record[layout.QUEUE_COUNT] - rows["behind"]
    for history in synapses.histories.values():
        _restore_history(history, tree["histories"][str(history.target.spec.id)])
    synapses.described = False


def _restore_history(history: History, tree: Mapping[str, Any]) -> None:
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


def restore(session: ReferenceSession, tree: Mapping[str, Any]) -> None:
    """Put a state into a session that was built from the same network and has not run. Collective."""
    world, comm = session._world, session._comm
    ruled = {n: p.synapses for n, p in session._projections.items() if p.synapses is not None}
    places = {number: own_places(comm, synapses.spec) for number, synapses in ruled.items()}
    with together(comm, "restoring of cells"):
        world.current_step = world.chunk_start = int(tree["step"])
        for number, group in session._groups.items():
            _restore_group(session, group, tree["populations"][str(number)])
        for number, recording in world.recordings.items():
            _restore_recording(recording, tree["recordings"][str(number)])
        for number, synapses in ruled.items():
            if isinstance(synapses, CompiledSynapses):
                _prepare(synapses, tree["projections"][str(number)])
        session._stale = True
    session._refresh()
    with together(comm, "restoring of connections"):
        _restore_queues(session, tree)
        for number, synapses in ruled.items():
            own = tree["projections"][str(number)]
            if isinstance(synapses, SteppedEagerly | SteppedCompiled):
                _restore_stepped(synapses, own, places[number])
            elif isinstance(synapses, EagerSynapses):
                _restore_eager(synapses, own, places[number])
            else:
                _restore_compiled(synapses, own, _queues(session), places[number])
        session._stale = True
    # Synapses are read as they are when the engine knows where everything is.
    session._bundle()
    session._refresh()


def _prepare(synapses: CompiledSynapses, tree: Mapping[str, Any]) -> None:
    """Have states that differ from connection to connection kept so."""
    own = set(json.loads(tree["own_states"]))
    if own - synapses.own_states:
        synapses.own_states |= own
        synapses._carry_over(synapses.start_step)


def _restore_group(session: ReferenceSession, group: Group, tree: Mapping[str, Any]) -> None:
    step = session.current_step
    if isinstance(group, SourceGroup):
        group.player = restored_source(group.spec, session._settings, _read(tree["source"]), step)
        group.known_until = step
        return
    for name in group.analysis.states:
        group.row(name)[:] = tree["states"][name]
    group.refractory[:] = tree["refractory"]
    first, last = group.own
    arriving = tree["arriving"][:, :, first:last]
    group.make_room(len(arriving), step)
    for ahead in range(len(arriving)):
        group.ring[(step + 1 + ahead) % len(group.ring), :, first:last] = arriving[ahead]
    coupled = session._world.coupled.get(id(group))
    if coupled is not None:
        coupled.values[:] = tree["coupled"]
        coupled.fresh = bool(tree["coupled_fresh"])


def _read(tree: Mapping[str, Any]) -> Tree:
    return {name: _read(value) if isinstance(value, Mapping) else value for name, value in tree.items()}


def _restore_recording(recording: SpikeRecording | StateRecording, tree: Mapping[str, Any]) -> None:
    if isinstance(recording, SpikeRecording):
        recording.clear(0)
        recording.append(tree["steps"], tree["cells"])
        return
    where = np.flatnonzero(np.isin(tree["cells"], recording.cells))
    recording.put_back(tree["samples"][:, where], int(tree["start_step"]))


def _restore_queues(session: ReferenceSession, tree: Mapping[str, Any]) -> None:
    queues = _queues(session)
    everything = [(number, group, event) for number, group in session._groups.items() for event in _kinds(group)]
    for number, group, event in everything:
        own = tree["populations"][str(number)].get(_place(event))
        queue = queues.get(queue_key(group, event))
        if own is None or queue is None:
            continue
        steps, cells = own["steps"], own["cells"]
        count = len(steps)
        queue.make_room(count)
        queue.steps[:count], queue.cells[:count] = steps, cells
        queue.record[layout.QUEUE_COUNT] = count
