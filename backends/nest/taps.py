"""Recorders of NEST's that the session itself listens to: spikes, and weights as synapses transmit them.

NEST does not let a recorder be emptied while it is prepared to run, so the events of a run are taken in pieces, and
`settle` empties the recorders between two runs. Events come thread by thread, so it is their time that tells new ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyNN.errors import InternalError
from pyNN.nest.ranks import Ranks
from pyNN.specs import FloatArray, IntArray

_WHOLE = 1e-6
"""A time that differs from a whole number of steps by less than this is on the grid."""
Event = dict[str, Any]
"""Arrays by name: "times" in steps of the session, "senders" and what else the recorder has."""


class Tap:
    """The events of one recorder, each handed to all queues; only the `fields` besides times and senders.

    `horizon` gives the step up to which the recorder has all events. Those of a `common` tap are events of all MPI
    ranks: `share` hands them out. A tap has no recorder as long as nothing is to be recorded.
    """

    def __init__(
        self,
        clock: Any,
        horizon: Callable[[], int],
        fields: tuple[str, ...] = (),
        common: Ranks | None = None,
    ) -> None:
        self.recorder: Any = None
        self._clock = clock
        self._horizon = horizon
        self._fields = fields
        self._common = common
        self._known = -np.inf
        self._queues: list[list[Event]] = []
        self._taken = 0

    def queue(self) -> list[Event]:
        """A list that will get the events from now on."""
        self.pull()
        self._queues.append([])
        return self._queues[-1]

    def pull(self) -> None:
        """Put what is new into the queues."""
        if self._common is None or not self._common.several:
            self._hand_out(self._new())

    def share(self) -> None:
        """Put what is new on any MPI rank into the queues of all ranks (collective)."""
        if self.recorder is None or self._common is None or not self._common.several:
            return
        new = self._new()
        nothing = {"times": np.empty(0), "senders": np.empty(0, dtype=np.int64)}
        shared = self._common.share(nothing if new is None else new)
        order = np.lexsort((shared["senders"], shared["times"]))
        self._hand_out({name: values[order] for name, values in shared.items()} if len(order) else None)

    def _hand_out(self, new: Event | None) -> None:
        if new is not None:
            for queue in self._queues:
                queue.append(new)

    def _new(self) -> Event | None:
        """Events of this rank that were not taken before."""
        number = 0 if self.recorder is None else self.recorder.n_events
        if number <= self._taken:
            return None
        events = self.recorder.events
        times = events["times"] / self._clock.dt - self._clock.lead_in
        whole = np.rint(times)
        times = np.where(np.abs(times - whole) < _WHOLE, whole, times)
        fresh = times > self._known
        if np.count_nonzero(fresh) != number - self._taken:
            raise InternalError(f"NEST has recorded {number} events, {number - self._taken} of them of the past.")
        new = {name: np.array(events[name][fresh]) for name in self._fields}
        new["times"], new["senders"] = times[fresh], events["senders"][fresh].astype(np.int64)
        self._taken, self._known = number, self._horizon()
        return new

    def settle(self) -> None:
        """Empty the recorder; what is common has been shared."""
        self.pull()
        if self._taken:
            self.recorder.n_events = 0
            self._taken = 0


class Taps:
    """All of them for one session; `clock` is the session, which knows NEST's smallest delay from its first run on.

    Recorders are nodes, which all MPI ranks make alike: what one of them needs comes into being in `meet`.
    """

    def __init__(self, nest: Any, clock: Any, ranks: Ranks) -> None:
        self._nest = nest
        self._clock = clock
        self._ranks = ranks
        self.spikes = Tap(clock, lambda: self._clock.now, common=ranks)
        """Spikes of all nodes that are watched; events come when NEST delivers the spikes."""
        self._nodes: IntArray = np.empty(0, dtype=np.int64)
        self._wanted: IntArray = np.empty(0, dtype=np.int64)
        self._weights: dict[str, Tap] = {}
        self._targets: dict[str, IntArray] = {}

    def watch(self, nodes: IntArray) -> None:
        """Listen to these nodes from now on. Their spikes come once, however often this is said."""
        new = np.setdiff1d(nodes, self._nodes)
        if len(new):
            self._wanted = np.union1d(self._wanted, new)
            self._meet_alone()

    def weights(self, synapse_model: str, targets: IntArray) -> Tap:
        """Weights with which synapses of that model transmit spikes to the `targets` (and perhaps to others)."""
        tap = self._weights.get(synapse_model)
        if tap is None:
            tap = self._weights[synapse_model] = self._new_weights()
            self._targets[synapse_model] = np.empty(0, dtype=np.int64)
        new = np.union1d(self._targets[synapse_model], targets)
        if len(new) > len(self._targets[synapse_model]):
            self._targets[synapse_model] = new
            if tap.recorder is not None:
                self._aim(synapse_model)
            self._meet_alone()
        return tap

    def _new_weights(self) -> Tap:
        return Tap(self._clock, lambda: self._clock.delivered, ("targets", "weights", "ports", "receptors"))

    def _meet_alone(self) -> None:
        if not self._ranks.several:
            self.meet()

    def meet(self) -> None:
        """Make the recorders that are wanted on any MPI rank (collective)."""
        nodes, models = self._wanted, [model for model, tap in self._weights.items() if tap.recorder is None]
        if self._ranks.several and any(self._ranks.largest(len(nodes), len(models))):
            wanted = self._ranks.share({"nodes": nodes, "models": np.array(models, dtype=object)})
            nodes, models = np.setdiff1d(wanted["nodes"], self._nodes), sorted(set(wanted["models"].tolist()))
        self._wanted = np.empty(0, dtype=np.int64)
        if len(nodes):
            self._listen(np.unique(nodes))
        for model in models:
            self._record_weights(model)

    def _listen(self, nodes: IntArray) -> None:
        if self.spikes.recorder is None:
            self.spikes.recorder = self._nest.Create("spike_recorder")
        spec = {"delay": self._clock.lag * self._clock.dt, "synapse_model": "static_synapse"}
        self._nest.Connect(self._nest.NodeCollection(nodes), self.spikes.recorder, syn_spec=spec)
        self._nodes = np.union1d(self._nodes, nodes)

    def _record_weights(self, synapse_model: str) -> None:
        tap = self._weights.setdefault(synapse_model, self._new_weights())
        tap.recorder = self._nest.Create("weight_recorder")
        self._targets.setdefault(synapse_model, np.empty(0, dtype=np.int64))
        self._aim(synapse_model)

    def _aim(self, synapse_model: str) -> None:
        targets, recorder = self._targets[synapse_model], self._weights[synapse_model].recorder
        if len(targets):
            self._nest.SetDefaults(synapse_model, {"weight_recorder": recorder})
            recorder.targets = self._nest.NodeCollection(targets)

    def share(self) -> None:
        """Tell all MPI ranks the spikes that each has recorded (collective)."""
        self.spikes.share()

    def settle(self) -> None:
        """Between two runs: empty all recorders."""
        for tap in [self.spikes, *self._weights.values()]:
            tap.settle()


def taken(queue: list[Event]) -> Event | None:
    """All that is in a queue, which is empty then; None if there is nothing."""
    if not queue:
        return None
    found = {name: np.concatenate([event[name] for event in queue]) for name in queue[0]}
    queue.clear()
    return found


def steps_of(times: FloatArray) -> IntArray:
    """The step at whose end each of these times counts: precise times lie within it."""
    return np.ceil(times - _WHOLE).astype(np.int64)
