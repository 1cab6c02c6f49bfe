"""Recorders of NEST's that the session itself listens to: spikes, and weights as synapses transmit them.

NEST does not let a recorder be emptied while it is prepared to run, so the events of a run are taken in pieces, and
`settle` empties the recorders between two runs. Events come thread by thread, so it is their time that tells new ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pyNN.errors import InternalError
from pyNN.specs import FloatArray, IntArray

_WHOLE = 1e-6
"""A time that differs from a whole number of steps by less than this is on the grid."""
Event = dict[str, Any]
"""Arrays by name: "times" in steps of the session, "senders" and what else the recorder has."""


class Tap:
    """The events of one recorder, each handed to all queues; only the `fields` besides times and senders.

    `horizon` gives the step up to which the recorder has all events.
    """

    def __init__(self, clock: Any, recorder: Any, horizon: Callable[[], int], fields: tuple[str, ...] = ()) -> None:
        self.recorder = recorder
        self._clock = clock
        self._horizon = horizon
        self._fields = fields
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
        number = self.recorder.n_events
        if number <= self._taken:
            return
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
        for queue in self._queues:
            queue.append(new)

    def settle(self) -> None:
        """Empty the recorder."""
        self.pull()
        if self._taken:
            self.recorder.n_events = 0
            self._taken = 0


class Taps:
    """All of them for one session; `clock` is the session, which knows NEST's smallest delay from its first run on."""

    def __init__(self, nest: Any, clock: Any) -> None:
        self._nest = nest
        self._clock = clock
        self._spikes: Tap | None = None
        self._nodes: IntArray = np.empty(0, dtype=np.int64)
        self._weights: dict[str, Tap] = {}
        self._targets: dict[str, IntArray] = {}

    @property
    def spikes(self) -> Tap:
        """Spikes of all nodes that are watched; events come when NEST delivers the spikes."""
        if self._spikes is None:
            self._spikes = Tap(self._clock, self._nest.Create("spike_recorder"), lambda: self._clock.now)
        return self._spikes

    def watch(self, nodes: IntArray) -> None:
        """Listen to these nodes from now on. Their spikes come once, however often this is said."""
        new = np.setdiff1d(nodes, self._nodes)
        if len(new):
            spec = {"delay": self._clock.lag * self._clock.dt, "synapse_model": "static_synapse"}
            self._nest.Connect(self._nest.NodeCollection(new), self.spikes.recorder, syn_spec=spec)
            self._nodes = np.union1d(self._nodes, new)

    def weights(self, synapse_model: str, targets: IntArray) -> Tap:
        """Weights with which synapses of that model transmit spikes to the `targets` (and perhaps to others)."""
        tap = self._weights.get(synapse_model)
        if tap is None:
            fields = ("targets", "weights", "ports", "receptors")
            recorder = self._nest.Create("weight_recorder")
            tap = self._weights[synapse_model] = Tap(self._clock, recorder, lambda: self._clock.delivered, fields)
            self._targets[synapse_model] = np.empty(0, dtype=np.int64)
            self._nest.SetDefaults(synapse_model, {"weight_recorder": tap.recorder})
        new = np.union1d(self._targets[synapse_model], targets)
        if len(new) > len(self._targets[synapse_model]):
            self._targets[synapse_model] = new
            tap.recorder.targets = self._nest.NodeCollection(new)
        return tap

    def settle(self) -> None:
        """Between two runs: empty all recorders."""
        for tap in [*([self._spikes] if self._spikes else []), *self._weights.values()]:
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
