"""Present synaptic currents of cells whose NEST model does not tell them (iaf_psc_exp, iaf_psc_alpha and others).

A multimeter sees these currents (of hh_cond_exp_traub: conductances), but hands them out one min_delay late, and nobody
can read them from the cells. Their present values are computed from what NEST says of connections and spikes: each
current is a linear filter of its input. What a synapse transmits that is not static, NEST's weight_recorder tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pyNN.nest.taps import Event, Tap, Taps, steps_of, taken
from pyNN.specs import FloatArray, IntArray

_PORT_BITS = 27
"""NEST numbers the connections of one synapse model on one thread with so many bits."""


@dataclass
class _Varying:
    """Connections by one synapse model that is not static."""

    tap: Tap
    queue: list[Event]
    keys: IntArray
    """Target and number of each connection, sorted."""
    delays: IntArray


class SynapticCurrent:
    """The current (nA) or conductance (uS) of one receptor of some cells of one population, followed from step 0 on."""

    def __init__(self, taps: Taps, clock: Any, connections: Any, cells: Any, variable: str, chosen: IntArray) -> None:
        self._taps = taps
        self._clock = clock
        self._connections = connections
        self._cells = cells
        self._chosen = np.asarray(chosen, dtype=np.int64)
        self._nodes = cells.ids[self._chosen]
        receptor = cells.table.receptor(cells.table.state(variable).receptor)
        model = cells.spec.model
        self._port = receptor.port
        self._factor = cells.table.weight_factor(model, receptor.name)
        # Without numbered receptors, the sign of a native weight chooses.
        self._sign = receptor.sign * model.receptors[receptor.name].sign
        self._tau = model.receptors[receptor.name].time_constant
        self._alpha = cells.spec.model.name == "IF_curr_alpha"
        self._step = clock.now
        self._current = np.zeros(len(chosen))
        self._rise = np.zeros(len(chosen))
        self._arriving: dict[int, FloatArray] = {}
        self._spikes = taps.spikes.queue()
        self._undelivered: list[tuple[IntArray, IntArray]] = []
        self._varying: dict[str, _Varying] = {}
        self._epoch = -1
        self.load()

    def value(self) -> FloatArray:
        """The current at the session's present step."""
        self.load()
        self._deliver()
        while self._step < self._clock.now:
            self._step += 1
            self._advance(self._arriving.pop(self._step, None))
        return self._current.copy()

    def settle(self) -> None:
        """Come up to the present step."""
        self.value()

    def before_change(self, everything: bool) -> None:
        """Take over, with the present weights, the spikes that NEST delivers with them: `everything`, or less."""
        self.value()
        if everything:
            self._deliver(self._clock.now)
        self.reload()

    def reload(self) -> None:
        """Look the connections up again before the next spike is delivered."""
        self._epoch = -1

    def load(self) -> None:
        """Look up the connections onto the cells, and listen to those that they come from."""
        if self._epoch == self._connections.epoch:
            return
        self._epoch = self._connections.epoch
        static, varying = self._connections.incoming(self._nodes)
        keep = np.isin(static["source"], self._connections.spiking_nodes)
        keep &= self._mine(static["receptor"], static["weight"])
        order = np.argsort(static["source"][keep], kind="stable")
        kept = {name: static[name][keep][order] for name in ("source", "target", "delay", "weight", "since")}
        self._source, self._delay = kept["source"].astype(np.int64), kept["delay"].astype(np.int64)
        self._column = np.searchsorted(self._nodes, kept["target"])
        self._weight, self._since = kept["weight"] / self._factor, kept["since"]
        self._taps.watch(np.unique(self._source))
        for model, found in varying.items():
            keys = _key(found["target"], found["port"])
            order = np.argsort(keys)
            tap = self._taps.weights(model, self._nodes)
            known = self._varying.get(model)
            queue = tap.queue() if known is None else known.queue
            self._varying[model] = _Varying(tap, queue, keys[order], found["delay"][order].astype(np.int64))

    def _mine(self, port: Any, weight: FloatArray) -> Any:
        return port == self._port if self._port else weight * self._sign > 0

    def _advance(self, arriving: FloatArray | None) -> None:
        tau = np.broadcast_to(np.asarray(self._cells.values[self._tau], dtype=float), (self._cells.spec.size,))
        tau = tau[self._chosen]
        h = self._clock.dt
        decay = np.exp(-h / tau)
        if self._alpha:
            self._current = decay * (self._current + h * self._rise)
            self._rise = decay * self._rise
            if arriving is not None:
                self._rise = self._rise + arriving * np.e / tau
        else:
            self._current = decay * self._current
            if arriving is not None:
                self._current = self._current + arriving

    def _deliver(self, until: int | None = None) -> None:
        """Put spikes on their way as NEST does: those of intervals of min_delay that have ended, or `until` a step."""
        self._taps.spikes.pull()
        events = taken(self._spikes)
        if events is not None:
            self._undelivered.append((steps_of(events["times"]), events["senders"]))
        boundary = self._clock.delivered if until is None else until
        waiting = []
        for steps, senders in self._undelivered:
            due = steps <= boundary
            self._send(steps[due], senders[due])
            if not due.all():
                waiting.append((steps[~due], senders[~due]))
        self._undelivered = waiting
        for varying in self._varying.values():
            varying.tap.pull()
            transmitted = taken(varying.queue)
            if transmitted is not None:
                self._receive(transmitted, varying)

    def _send(self, steps: IntArray, senders: IntArray) -> None:
        first = np.searchsorted(self._source, senders, side="left")
        counts = np.searchsorted(self._source, senders, side="right") - first
        if not counts.sum():
            return
        rows = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        sent = np.repeat(steps, counts)
        early = sent <= self._since[rows]
        rows, sent = rows[~early], sent[~early]
        self._arrive(sent + self._delay[rows], self._column[rows], self._weight[rows])

    def _receive(self, events: Event, varying: _Varying) -> None:
        """Put on their way what synapses have transmitted: NEST has delivered it."""
        target, weight = events["targets"].astype(np.int64), events["weights"]
        keep = self._mine(events["receptors"], weight) & np.isin(target, self._nodes)
        row = np.searchsorted(varying.keys, _key(target[keep], events["ports"][keep]))
        arrival = steps_of(events["times"][keep]) + varying.delays[row]
        self._arrive(arrival, np.searchsorted(self._nodes, target[keep]), weight[keep] / self._factor)

    def _arrive(self, arrival: IntArray, column: IntArray, weight: FloatArray) -> None:
        for step in np.unique(arrival):
            at = arrival == step
            buffer = self._arriving.setdefault(int(step), np.zeros(len(self._chosen)))
            np.add.at(buffer, column[at], weight[at])


def _key(target: Any, number: Any) -> IntArray:
    return (np.asarray(target).astype(np.int64) << _PORT_BITS) + np.asarray(number).astype(np.int64)
