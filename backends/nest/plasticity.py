"""Present values of synapses that NEST brings up to date only when it delivers a presynaptic spike.

NEST delivers the spikes of one interval of min_delay together, and a plastic synapse then takes over the postsynaptic
spikes since the one before. What has arrived in the meantime is computed here from the spike trains, at the time of
reading, by the same update rules in the same order: NEST's state is left alone. Times are the session's steps; a
presynaptic spike is at the synapse at once, a postsynaptic one a whole delay later.

Literature: Morrison, Aertsen and Diesmann 2007, Neural Comput 19:1437 (when NEST updates); Tsodyks, Uziel and Markram
2000, J Neurosci 20:RC50; Fuhrmann et al. 2002, J Neurophysiol 87:140.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.nest.taps import Event, Taps, steps_of, taken
from pyNN.specs import FloatArray, IntArray

_TICK = 1024
"""Spike times are compared in this fraction of a step."""
_ROOM = 42
"""Bits for a time in a key of cell and time."""
_LATEST = (1 << _ROOM) - 1
_NEGLIGIBLE = 45.0
"""A trace older than this many time constants is under the precision of doubles."""
_PRUNE_AT = 2_000_000
"""So many spikes are kept before one looks for those that no synapse needs any more."""


class Trains:
    """Spike trains of cells (0 .. n - 1), searchable."""

    def __init__(self, cells: IntArray, times: FloatArray) -> None:
        ticks = np.rint(times * _TICK).astype(np.int64)
        keys = (cells << _ROOM) + ticks
        order = np.argsort(keys, kind="stable")
        self.keys = keys[order]
        self.times = times[order]

    def up_to(self, cells: IntArray, times: Any, inclusive: bool = True) -> IntArray:
        """How many spikes, of all trains in order, come before these times of these cells."""
        ticks = np.clip(np.rint(np.asarray(times) * _TICK), -1, _LATEST).astype(np.int64)
        return np.searchsorted(self.keys, (cells << _ROOM) + ticks, side="right" if inclusive else "left")


class SpikeLog:
    """Spikes of all cells that have plastic synapses, as far as a present value may need them."""

    def __init__(self, taps: Taps, clock: Any) -> None:
        self._taps = taps
        self._clock = clock
        self._started = False
        self._queue: list[Event] | None = None
        self._nodes: IntArray = np.empty(0, dtype=np.int64)
        self._times: FloatArray = np.empty(0)
        self._senders: IntArray = np.empty(0, dtype=np.int64)
        self._post_since: dict[int, int] = {}
        self._trains: tuple[Trains, Trains, IntArray] | None = None
        self._limit = _PRUNE_AT

    def watch(self, pre: IntArray, post: IntArray) -> None:
        """Keep the spikes of these nodes from now on."""
        self._take()
        since = self._clock.now if self._started else -1
        for node in np.unique(post).tolist():
            self._post_since.setdefault(node, since)
        self._nodes = np.union1d(self._nodes, np.union1d(pre, post))
        self._trains = None
        self._listen()

    def start(self) -> None:
        """Begin; NEST's smallest delay is known now."""
        self._started = True
        self._listen()

    def _listen(self) -> None:
        if self._started and len(self._nodes):
            self._queue = self._taps.spikes.queue() if self._queue is None else self._queue
            self._taps.watch(self._nodes)

    def indices(self, nodes: IntArray) -> IntArray:
        """Which of the trains are those of `nodes`."""
        return np.searchsorted(self._nodes, nodes)

    def _take(self) -> None:
        if self._queue is None:
            return
        self._taps.spikes.pull()
        events = taken(self._queue)
        if events is not None:
            # Others listen to the same recorder.
            mine = np.isin(events["senders"], self._nodes)
            self._times = np.concatenate([self._times, events["times"][mine]])
            self._senders = np.concatenate([self._senders, events["senders"][mine]])
            self._trains = None

    def trains(self) -> tuple[Trains, Trains, IntArray]:
        """(as presynaptic spikes, as postsynaptic spikes, first step that counts for each postsynaptic train)."""
        self._take()
        if self._trains is None:
            cells = self.indices(self._senders)
            post = Trains(cells, self._times)
            # A presynaptic spike acts at the end of its step, also where its precise time is known.
            stamps = steps_of(self._times).astype(float)
            pre = post if np.array_equal(stamps, self._times) else Trains(cells, stamps)
            since = np.array([self._post_since.get(node, 0) for node in self._nodes.tolist()], dtype=np.int64)
            self._trains = (pre, post, since)
        return self._trains

    def of_post(self, nodes: IntArray) -> IntArray:
        """Those of the nodes whose postsynaptic spikes NEST has kept for plastic synapses so far."""
        return np.array([node for node in np.unique(nodes).tolist() if node in self._post_since], dtype=np.int64)

    def fired(self, nodes: IntArray, after: int, until: int) -> NDArray[np.bool_]:
        """Which of the nodes have a presynaptic spike later than the step `after`, up to the step `until`."""
        pre, _, _ = self.trains()
        cells = self.indices(nodes)
        return np.asarray(pre.up_to(cells, float(until)) > pre.up_to(cells, float(after)))

    @property
    def crowded(self) -> bool:
        """Whether it is worth looking for spikes that nobody needs."""
        self._take()
        return len(self._times) > self._limit

    def forget(self, pre: IntArray, margin: float, boundary: int) -> None:
        """Drop what came more than `margin` steps before the last spike of any of the `pre` nodes that has fired.

        Only spikes up to the step `boundary`, which NEST has delivered, count. The last of them stays for every cell.
        """
        self._take()
        cells, times = self.indices(self._senders), self._times
        done = np.flatnonzero(times <= boundary)
        order = done[np.lexsort((times[done], cells[done]))]
        if not len(order):
            return
        final = order[np.r_[cells[order][1:] != cells[order][:-1], True]]
        last = np.full(len(self._nodes), np.inf)
        last[cells[final]] = times[final]
        oldest = float(np.min(last[self.indices(pre)], initial=np.inf)) - margin
        keep = times > min(oldest, boundary)
        keep[final] = True
        self._times, self._senders = times[keep], self._senders[keep]
        self._trains = None
        self._limit = max(_PRUNE_AT, 2 * int(keep.sum()))


@dataclass
class Events:
    """Spikes that have arrived at synapses and that NEST has not dealt with, by synapse and time."""

    last: FloatArray
    """Step of the last presynaptic spike that NEST has dealt with, -inf for none; one a connection."""
    order: IntArray
    """Connections with events, those with the most first."""
    counts: IntArray
    """Numbers of events, one for each of `order`."""
    starts: IntArray
    """Where the events of each begin."""
    times: FloatArray
    """Arrival at the synapse; those of a connection in order, postsynaptic before presynaptic ones."""
    is_pre: NDArray[np.bool_]

    def rounds(self) -> Any:
        """(connections, events): the first event of each, then the second, ..."""
        for k in range(int(self.counts[0]) if len(self.counts) else 0):
            n = int(np.searchsorted(-self.counts, -k, side="left"))
            yield self.order[:n], self.starts[:n] + k

    def rounds_backwards(self) -> Any:
        """The same in the opposite order of time."""
        for k in reversed(range(int(self.counts[0]) if len(self.counts) else 0)):
            n = int(np.searchsorted(-self.counts, -k, side="left"))
            yield self.order[:n], self.starts[:n] + k


@dataclass
class Synapses:
    """What the computation needs to know of the connections of a projection, in the order of its table."""

    pre: IntArray
    """Node ids."""
    post: IntArray
    delays: IntArray
    """Steps."""
    since: int
    """The step at which they were made; -1: before the first run."""

    def only(self, rows: IntArray) -> Synapses:
        """Some of the connections."""
        return Synapses(self.pre[rows], self.post[rows], self.delays[rows], self.since)


def pending(
    log: SpikeLog, synapses: Synapses, boundary: int, until: int, pre_events: bool, post_events: bool
) -> Events:
    """Events that have arrived up to the step `until`; NEST has delivered the spikes up to the step `boundary`."""
    pre_trains, post_trains, post_since = log.trains()
    pre = log.indices(synapses.pre)
    post = log.indices(synapses.post)
    n = len(pre)
    since = float(synapses.since)
    delivered = pre_trains.up_to(pre, float(boundary))
    before = pre_trains.up_to(pre, since)
    last = np.full(n, -np.inf)
    fired = delivered > before
    last[fired] = pre_trains.times[delivered[fired] - 1]
    rows, times, kinds = [], [], []
    if post_events:
        earliest = np.maximum(last - synapses.delays, post_since[post])
        low = post_trains.up_to(post, np.maximum(earliest, -1.0))
        high = np.maximum(post_trains.up_to(post, until - synapses.delays), low)
        which, position = _ranges(low, high)
        rows.append(which)
        times.append(post_trains.times[position] + synapses.delays[which])
        kinds.append(np.zeros(len(which), dtype=bool))
    if pre_events:
        low = np.maximum(delivered, before)
        high = np.maximum(pre_trains.up_to(pre, float(until)), low)
        which, position = _ranges(low, high)
        rows.append(which)
        times.append(pre_trains.times[position])
        kinds.append(np.ones(len(which), dtype=bool))
    if not rows:
        nothing = np.empty(0, dtype=np.int64)
        return Events(last, nothing, nothing, nothing, np.empty(0), np.empty(0, dtype=bool))
    row, time, kind = np.concatenate(rows), np.concatenate(times), np.concatenate(kinds)
    sorting = np.lexsort((kind, time, row))
    row, time, kind = row[sorting], time[sorting], kind[sorting]
    counts = np.bincount(row, minlength=n)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
    order = np.argsort(-counts, kind="stable")
    order = order[: int((counts > 0).sum())]
    return Events(last, order, counts[order], starts[order], time, kind)


def _ranges(low: IntArray, high: IntArray) -> tuple[IntArray, IntArray]:
    """(number of the range, member) for all members of the ranges low[i] .. high[i] - 1."""
    counts = high - low
    which = np.repeat(np.arange(len(low)), counts)
    offset = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    return which, low[which] + offset


def post_trace(log: SpikeLog, nodes: IntArray, times: FloatArray, tau: FloatArray, inclusive: bool) -> FloatArray:
    """Postsynaptic trace of `nodes` at `times` (steps), `tau` in steps, without (with) a spike at that very time."""
    _, trains, since = log.trains()
    cells = log.indices(nodes)
    earliest = np.maximum(times - _NEGLIGIBLE * tau, since[cells])
    low = trains.up_to(cells, np.maximum(earliest, -1.0))
    high = np.maximum(trains.up_to(cells, times, inclusive=inclusive), low)
    which, position = _ranges(low, high)
    each = np.exp((trains.times[position] - times[which]) / tau[which])
    return np.asarray(np.bincount(which, weights=each, minlength=len(nodes)), dtype=float)


# --- weights that change with pairs of spikes ------------------------------------------------------------------


class PairRule:
    """The updates of stdp_synapse or vogels_sprekeler_synapse, for arrays of connections; native units."""

    def __init__(self, rule: str, native: Mapping[str, Any], tau_minus: FloatArray, dt: float, size: int) -> None:
        def column(name: str) -> FloatArray:
            return np.array(np.broadcast_to(np.asarray(native[name], dtype=float), (size,)))

        self._vogels = rule == "vogels"
        self.largest = column("Wmax")
        self.tau = column("tau" if self._vogels else "tau_plus") / dt
        self.tau_minus = tau_minus / dt
        self._alpha = column("alpha")
        if self._vogels:
            # Like those of stdp_synapse, these updates are stated for weights in units of the largest one.
            self._rate = column("eta") / np.abs(self.largest)
            self._mu_plus = self._mu_minus = np.zeros(size)
        else:
            self._rate = column("lambda")
            self._mu_plus, self._mu_minus = column("mu_plus"), column("mu_minus")

    def only(self, rows: IntArray) -> PairRule:
        """The rule of some of the connections."""
        found = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(found, name, value[rows])
        return found

    def potentiate(self, rows: IntArray, w: FloatArray, trace: FloatArray) -> FloatArray:
        """Weights (in units of the largest) after a postsynaptic spike."""
        with np.errstate(invalid="ignore"):
            change = np.where(self._mu_plus[rows] == 0.0, 1.0, np.power(1.0 - w, self._mu_plus[rows]))
        return np.minimum(w + self._rate[rows] * change * trace, 1.0)

    def before_potentiation(self, rows: IntArray, w: FloatArray, trace: FloatArray) -> FloatArray:
        """The weights that a postsynaptic spike turns into `w`, where it does not clip them."""
        step, mu = self._rate[rows] * trace, self._mu_plus[rows]
        before = np.where(mu == 1.0, (w - step) / (1.0 - step), w - step)
        other = np.flatnonzero((mu != 0.0) & (mu != 1.0))
        if len(other):
            goal, s, m = np.minimum(w[other], 1.0), step[other], mu[other]
            before[other] = _root(
                lambda y: y + s * np.power(np.maximum(1.0 - y, 0.0), m) - goal, goal - s * np.power(2.0 + s, m), goal
            )
        return before

    def before_depression(self, rows: IntArray, w: FloatArray, trace: FloatArray) -> FloatArray:
        """The weights that a presynaptic spike turns into `w`, where it does not clip them."""
        if self._vogels:
            return w + self._rate[rows] * (self._alpha[rows] - trace)
        step, mu = self._alpha[rows] * self._rate[rows] * trace, self._mu_minus[rows]
        before = np.where(mu == 1.0, w / (1.0 - step), w + step)
        other = np.flatnonzero((mu != 0.0) & (mu != 1.0))
        if len(other):
            goal, s, m = np.maximum(w[other], 0.0), step[other], mu[other]
            before[other] = _root(lambda y: y - s * np.power(y, m) - goal, goal, goal + s * np.power(2.0 + s, m))
        return before

    def depress(self, rows: IntArray, w: FloatArray, trace: FloatArray) -> FloatArray:
        """Weights after a presynaptic spike that meets the postsynaptic `trace`."""
        if self._vogels:
            w = np.minimum(w + self._rate[rows] * trace, 1.0)
            return np.maximum(w - self._alpha[rows] * self._rate[rows], 0.0)
        with np.errstate(invalid="ignore"):
            change = np.where(self._mu_minus[rows] == 0.0, 1.0, np.power(w, self._mu_minus[rows]))
        return np.maximum(w - self._alpha[rows] * self._rate[rows] * change * trace, 0.0)


def _root(function: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray) -> FloatArray:
    """Where increasing functions are 0 between `low` and `high`, by halving: their slopes may be infinite."""
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = function(middle) > 0.0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return low


def _met_traces(
    log: SpikeLog, synapses: Synapses, rule: PairRule, events: Events, traces: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(trace of the other side that each event meets, presynaptic traces after the last one, steps of the latter)."""
    met = np.zeros(len(events.times))
    pre_events = np.flatnonzero(events.is_pre)
    if len(pre_events):
        row = np.empty(len(events.times), dtype=np.int64)
        row[_ranges(events.starts, events.starts + events.counts)[1]] = np.repeat(events.order, events.counts)
        row = row[pre_events]
        times = events.times[pre_events] - synapses.delays[row]
        met[pre_events] = post_trace(log, synapses.post[row], times, rule.tau_minus[row], False)
    trace, at = traces.copy(), events.last.copy()
    for rows, which in events.rounds():
        times = events.times[which]
        present = _decayed(trace[rows], at[rows], times, rule.tau[rows])
        pre = events.is_pre[which]
        met[which[~pre]] = present[~pre]
        trace[rows[pre]] = present[pre] + 1.0
        at[rows[pre]] = times[pre]
    return met, trace, at


def _decayed(trace: FloatArray, since: FloatArray, until: Any, tau: FloatArray) -> FloatArray:
    """Traces at a later time; those of cells that have never fired are 0."""
    fired = np.isfinite(since)
    elapsed = np.where(fired, until - np.where(fired, since, 0.0), 0.0)
    return np.where(fired, trace * np.exp(-elapsed / tau), 0.0)


def present_weights(
    log: SpikeLog, synapses: Synapses, rule: PairRule, weights: FloatArray, traces: FloatArray, boundary: int, now: int
) -> tuple[FloatArray, FloatArray]:
    """(weights, presynaptic traces) at the step `now` from what NEST has, `weights` and Kplus; native units."""
    events = pending(log, synapses, boundary, now, True, True)
    met, trace, at = _met_traces(log, synapses, rule, events, traces)
    w = weights / rule.largest
    for rows, which in events.rounds():
        pre = events.is_pre[which]
        after = w[rows]
        after[pre] = rule.depress(rows[pre], after[pre], met[which[pre]])
        after[~pre] = rule.potentiate(rows[~pre], after[~pre], met[which[~pre]])
        w[rows] = after
    changed = np.zeros(len(w), dtype=bool)
    changed[events.order] = True
    return np.where(changed, w * rule.largest, weights), _decayed(trace, at, float(now), rule.tau)


def trace_to_store(
    log: SpikeLog, synapses: Synapses, rule: PairRule, wanted: FloatArray, stored: FloatArray, boundary: int, until: int
) -> FloatArray:
    """Kplus that is the `wanted` presynaptic trace at the step `until`; as `stored` for cells that have not fired."""
    events = pending(log, synapses, boundary, until, True, False)
    _, new, at = _met_traces(log, synapses, rule, events, np.zeros(len(stored)))
    rest = wanted - _decayed(new, at, float(until), rule.tau)
    fired = np.isfinite(events.last)
    elapsed = until - np.where(fired, events.last, 0.0)
    return np.where(fired, np.maximum(rest, 0.0) * np.exp(np.where(fired, elapsed / rule.tau, 0.0)), stored)


def weights_to_store(
    log: SpikeLog, synapses: Synapses, rule: PairRule, wanted: FloatArray, traces: FloatArray, boundary: int, until: int
) -> tuple[FloatArray, FloatArray, IntArray]:
    """(weights, Kplus, connections where this is a compromise) that the spikes up to `until` turn into `wanted`.

    NEST will apply the postsynaptic spikes since the last presynaptic one to whatever weight it finds. Where that
    weight would have to be below 0, it is 0, and the presynaptic trace is made small enough.
    """
    events = pending(log, synapses, boundary, until, True, True)
    met, _, _ = _met_traces(log, synapses, rule, events, traces)
    w = np.array(wanted / rule.largest)
    for rows, which in events.rounds_backwards():
        pre = events.is_pre[which]
        before = w[rows]
        before[pre] = rule.before_depression(rows[pre], before[pre], met[which[pre]])
        before[~pre] = rule.before_potentiation(rows[~pre], before[~pre], met[which[~pre]])
        w[rows] = before
    stored = np.where(w == wanted / rule.largest, wanted, np.maximum(w, 0.0) * rule.largest)
    rows = np.flatnonzero(w < -1e-12)
    traces = traces.copy()
    if len(rows):
        some, its, zero = synapses.only(rows), rule.only(rows), np.zeros(len(rows))
        goal, whole = np.abs(wanted[rows]), traces[rows]

        def excess(fraction: FloatArray) -> FloatArray:
            return np.abs(present_weights(log, some, its, zero, fraction * whole, boundary, until)[0]) - goal

        traces[rows] = whole * _root(excess, zero, np.ones(len(rows)))
    return stored, traces, rows


# --- short-term plasticity ------------------------------------------------------------------------------------


def tsodyks_states(
    log: SpikeLog, synapses: Synapses, native: Mapping[str, Any], dt: float, origin: int, boundary: int, now: int
) -> dict[str, FloatArray]:
    """u, x and y at the step `now` from those of tsodyks_synapse; `origin` is the step of NEST's time 0."""
    n = len(synapses.pre)
    c = {name: np.array(np.broadcast_to(np.asarray(native[name], dtype=float), (n,))) for name in native}
    u, x, y = c["u"], c["x"], c["y"]
    events = pending(log, synapses, boundary, now, True, False)
    at = np.where(np.isfinite(events.last), events.last, float(origin))

    def decay(rows: Any, h: FloatArray) -> None:
        fac, rec, psc = c["tau_fac"][rows], c["tau_rec"][rows], c["tau_psc"][rows]
        with np.errstate(divide="ignore", invalid="ignore"):
            u[rows] = np.where(fac > 0.0, u[rows] * np.exp(-h / fac), np.where(h > 0.0, 0.0, u[rows]))
            still, recovered = np.exp(-h / psc), np.exp(-h / rec)
            passed = np.where(psc == rec, h / rec * still, rec / (psc - rec) * (still - recovered))
        inactive = (1.0 - x[rows] - y[rows]) * recovered + y[rows] * passed
        y[rows] *= still
        x[rows] = 1.0 - y[rows] - inactive

    for rows, which in events.rounds():
        decay(rows, (events.times[which] - at[rows]) * dt)
        u[rows] += c["U"][rows] * (1.0 - u[rows])
        released = u[rows] * x[rows]
        x[rows] -= released
        y[rows] += released
        at[rows] = events.times[which]
    decay(slice(None), (now - at) * dt)
    return {"u": u, "x": x, "y": y}


def quantal_states(
    log: SpikeLog, synapses: Synapses, native: Mapping[str, Any], dt: float, origin: int, boundary: int, now: int
) -> dict[str, FloatArray]:
    """u at the step `now` and what quantal_stp_synapse has drawn up to the last spike that NEST has delivered."""
    n = len(synapses.pre)
    c = {name: np.array(np.broadcast_to(np.asarray(native[name], dtype=float), (n,))) for name in native}
    u = c["u"]
    events = pending(log, synapses, boundary, now, True, False)
    fired = np.isfinite(events.last)
    at = np.where(fired, events.last, float(origin))
    # NEST stores what the first spike makes of u from the beginning.
    first = np.where(c["U"] < 1.0, (u - c["U"]) / np.where(c["U"] < 1.0, 1.0 - c["U"], 1.0), 0.0)
    u[~fired] = first[~fired]

    def decay(rows: Any, h: FloatArray) -> None:
        fac = c["tau_fac"][rows]
        with np.errstate(divide="ignore", invalid="ignore"):
            u[rows] = np.where(fac > 0.0, u[rows] * np.exp(-h / fac), np.where(h > 0.0, 0.0, u[rows]))

    for rows, which in events.rounds():
        decay(rows, (events.times[which] - at[rows]) * dt)
        u[rows] += c["U"][rows] * (1.0 - u[rows])
        at[rows] = events.times[which]
        fired[rows] = True
    decay(slice(None), (now - at) * dt)
    return {
        "u": u,
        "depleted": c["n"] - c["a"],
        "unrecovered": np.exp(-(now - at) * dt / c["tau_rec"]),
    }
