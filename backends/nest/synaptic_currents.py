"""Present synaptic currents of cells whose NEST model does not tell them (iaf_psc_exp, iaf_psc_alpha and others).

A multimeter sees these currents (of hh_cond_exp_traub: conductances), but hands them out one min_delay late, and nobody
can read them from the cells. Their present values are computed from what NEST says of connections and spikes: each
current is a linear filter of its input.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyNN.specs import FloatArray, IntArray


class SynapticCurrent:
    """The current (nA) or conductance (uS) of one receptor of some cells of one population, followed from step 0 on."""

    def __init__(self, nest: Any, clock: Any, connections: Any, cells: Any, variable: str, chosen: IntArray) -> None:
        self._nest = nest
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
        self._recorder: Any = None
        self._taken = 0
        """How many of the recorder's events are known here already."""
        self._watched: set[int] = set()
        self._undelivered: list[tuple[IntArray, IntArray]] = []
        self._epoch = -1
        self._load()

    def value(self) -> FloatArray:
        """The current at the session's present step."""
        self._load()
        self._deliver()
        while self._step < self._clock.now:
            self._step += 1
            self._advance(self._arriving.pop(self._step, None))
        return self._current.copy()

    def settle(self) -> None:
        """Come up to the present step and empty the recorder, which NEST does not allow while it is prepared to run."""
        self.value()
        if self._recorder is not None:
            self._recorder.n_events = 0
        self._taken = 0

    def before_change(self, everything: bool) -> None:
        """Take over, with the present weights, the spikes that NEST delivers with them: `everything`, or less."""
        self.value()
        if everything:
            self._deliver(self._clock.now)
        self._epoch = -1

    def reload(self) -> None:
        """Look the connections up again before the next spike is delivered."""
        self._epoch = -1

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

    def _load(self) -> None:
        """Look up the connections onto the cells, and record the spikes of those that they come from."""
        if self._epoch == self._connections.epoch:
            return
        self._epoch = self._connections.epoch
        nodes = self._nest.NodeCollection(self._nodes) if len(self._nodes) else None
        empty = np.empty(0, dtype=np.int64)
        source, target, weight, delay, port = (
            self._connections.incoming(nodes) if nodes is not None else (empty, empty, np.empty(0), empty, empty)
        )
        chosen = port == self._port if self._port else weight * self._sign > 0
        keep = chosen & np.isin(source, self._connections.spiking_nodes)
        order = np.argsort(source[keep], kind="stable")
        self._source = source[keep][order]
        self._column = np.searchsorted(self._nodes, target[keep][order])
        self._weight = weight[keep][order] / self._factor
        self._delay = delay[keep][order]
        self._watch(set(np.unique(self._source).tolist()))

    def _watch(self, sources: set[int]) -> None:
        new = sorted(sources - self._watched)
        if not new:
            return
        if self._recorder is None:
            self._recorder = self._nest.Create("spike_recorder")
        spec = {"delay": self._clock.lag * self._clock.dt, "synapse_model": "static_synapse"}
        self._nest.Connect(self._nest.NodeCollection(new), self._recorder, syn_spec=spec)
        self._watched |= set(new)

    def _deliver(self, until: int | None = None) -> None:
        """Put spikes on their way as NEST does: those of intervals of min_delay that have ended, or `until` a step."""
        if self._recorder is None:
            return
        lag, lead_in = self._clock.lag, self._clock.lead_in
        if self._recorder.n_events > self._taken:
            events = self._recorder.events
            steps = np.rint(events["times"][self._taken :] / self._clock.dt).astype(np.int64) - lead_in
            self._undelivered.append((steps, events["senders"][self._taken :].astype(np.int64)))
            self._taken += len(steps)
        boundary = (self._clock.now + lead_in - 1) // lag * lag - lead_in if until is None else until
        waiting = []
        for steps, senders in self._undelivered:
            due = steps <= boundary
            self._send(steps[due], senders[due])
            if not due.all():
                waiting.append((steps[~due], senders[~due]))
        self._undelivered = waiting

    def _send(self, steps: IntArray, senders: IntArray) -> None:
        first = np.searchsorted(self._source, senders, side="left")
        counts = np.searchsorted(self._source, senders, side="right") - first
        if not counts.sum():
            return
        rows = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        arrival = np.repeat(steps, counts) + self._delay[rows]
        for step in np.unique(arrival):
            at = rows[arrival == step]
            buffer = self._arriving.setdefault(int(step), np.zeros(len(self._chosen)))
            np.add.at(buffer, self._column[at], self._weight[at])
