"""Compiled code that adds the weights of spikes to the input of target cells: the text of a kernel for a kind of route.

Routes differ in how wide their columns are and in whether weights and delays are shared; a kernel for one kind has no
tests in its loop. Sources whose spikes are counted, not listed, have kernels of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

SHARED = "shared"
NEAR = 2
"""How many spikes of a group ahead the pieces of rows in bundles are fetched ..."""
FAR = 4
"""... and where these pieces begin and end."""
ROWS_AHEAD = 6
"""How many spikes ahead whole rows are fetched ..."""
STARTS_AHEAD = 10
"""... and where these rows begin and end."""


@dataclass(frozen=True)
class Kind:
    """How a route keeps its connections: types of NumPy, or `SHARED` where one value holds for all connections."""

    posts: str
    weights: str
    delays: str
    counted: bool = False
    """Whether the sources' spikes are counted."""
    one_to_one: bool = False
    """Whether each cell of a counted source has one connection, to the cell of its own index, and all are alike."""
    binned: bool = False
    """Whether events are put into bins, not added to the ring; see pyNN.reference.bins."""

    def source(self) -> str:
        """The text of a module with `deliver(route, first, last)`, without the constants of pyNN.reference.layout."""
        if self.one_to_one:
            return _IMPORTS + _HEADER + _ONE_TO_ONE
        if self.binned:
            return _IMPORTS + _BIN_IMPORTS + _HEADER + self._unpacked() + _INTO_BINS + _EACH_ROW + self._binned_row()
        return _IMPORTS + _HEADER + self._unpacked() + (self._counts() if self.counted else self._spikes())

    def _unpacked(self) -> str:
        lines = [
            _OPEN,
            f"    posts = carray(pointer(route[POST_ADDRESS]), (connections,), np.{self.posts})",
            self._column("weights", "WEIGHT_ADDRESS", self.weights, "float64"),
            self._column("delays", "DELAY_ADDRESS", self.delays, "int32"),
        ]
        return "\n".join(lines) + "\n"

    def _column(self, name: str, address: str, kind: str, shared: str) -> str:
        size, kind = ("1", shared) if kind == SHARED else ("connections", kind)
        return f"    {name} = carray(pointer(route[{address}]), ({size},), np.{kind})"

    def _row(self, times: str) -> str:
        """The loop over connections begin to end."""
        lines = []
        if self.weights == SHARED:
            lines.append("weight = np.float64(weights[0])")
        if self.delays == SHARED:
            lines.append("base = np.uint64(((step + np.int64(delays[0])) & mask) * slot_size + offset)")
        lines.append("for k in range(begin, end):")
        if self.delays != SHARED:
            lines.append("    slot = np.uint64((step + np.int64(delays[k])) & mask)")
            lines.append("    base = slot * np.uint64(slot_size) + np.uint64(offset)")
        weight = "weight" if self.weights == SHARED else "np.float64(weights[k])"
        lines.append(f"    ring[base + np.uint64(posts[k])] += {weight}{times}")
        return "".join(f"        {line}\n" for line in lines)

    def _binned_row(self) -> str:
        weight = "weights[0]" if self.weights == SHARED else "weights[k]"
        delay = "delays[0]" if self.delays == SHARED else "delays[k]"
        return _BINNED_ROW.format(weight=weight, delay=delay)

    def _spikes(self) -> str:
        return _EACH_ROW + _STORED_ROW + self._row("") + "    return 0\n"

    def _counts(self) -> str:
        return _EACH_COUNT + _STORED_ROW + self._row(" * number") + "    return 0\n"


@dataclass(frozen=True)
class Regenerated:
    """How a route draws its connections at each spike. A weight or delay is shared, or has a kind of random number."""

    weight: int | None
    """A kind of pyNN.random.transforms; None: shared."""
    delay: int | None
    counted: bool = False
    narrow: bool = False
    """Whether weights are rounded to float32."""

    def source(self) -> str:
        """The text of a module with `deliver(route, first, last)`, without the constants of pyNN.reference.layout."""
        times = " * number" if self.counted else ""
        each = _EACH_COUNT if self.counted else _EACH_SPIKE
        loop = _REGENERATED_OPEN + each + self._row(times) + "    return 0\n"
        return _IMPORTS + _REGENERATED_IMPORTS + _HEADER + loop

    def _row(self, times: str) -> str:
        lines = ["weight = values[RULE_WEIGHT]", "delay = np.int64(values[RULE_DELAY])", *_HITS]
        # Loops without branches use the vector unit.
        for name, kind in (("WEIGHT", self.weight), ("DELAY", self.delay)):
            if kind is not None:
                lines.append("    for k in range(number_of_hits):")
                lines.append(f"        u_{name}[k] = uniform_inlined(np.uint64(rule[RULE_{name}_KEY]), hits[k], cell)")
        lines.append("    for k in range(number_of_hits):")
        if self.weight is not None:
            lines.append(f"        weight = {_transformed(self.weight, 'WEIGHT')}")
            if self.narrow:
                lines.append("        weight = np.float64(np.float32(weight))")
        if self.delay is not None:
            time = _transformed(self.delay, "DELAY")
            lines.append(f"        delay = np.int64(math.floor({time} / values[RULE_STEP] + 0.5 + 1e-9))")
        lines.append("        slot = np.uint64((step + delay) & mask)")
        lines.append(f"        ring[slot * np.uint64(slot_size) + np.uint64(offset + hits[k])] += weight{times}")
        return "".join(f"        {line}\n" for line in lines)


@dataclass(frozen=True)
class Bundled:
    """How a bundle keeps its connections: types of NumPy."""

    posts: str
    weights: str

    def source(self) -> str:
        """The text of a module with `deliver(bundle, first, last)`, without the constants of pyNN.reference.layout."""
        return _IMPORTS + _BUNDLED.format(posts=self.posts, weights=self.weights, near=NEAR, far=FAR)


def _transformed(kind: int, name: str) -> str:
    return f"transformed({kind}, values[RULE_{name} : RULE_{name} + NUMBERS], u_{name}[k])"


_REGENERATED_IMPORTS = """
import math

from pyNN.connectors.draws import POSTS_A_BLOCK
from pyNN.connectors.kernels import draw_block
from pyNN.random.compiled import transformed, uniform_inlined
from pyNN.random.transforms import NUMBERS
"""

_REGENERATED_OPEN = """    rule = integers(route[ROUTE_RULE_ADDRESS], RULE_FIELDS)
    values = floats(route[ROUTE_VALUE_ADDRESS], RULE_VALUES)
    hits = integers(rule[RULE_HIT_ADDRESS], POSTS_A_BLOCK)
    u_WEIGHT = floats(rule[RULE_UNIFORM_ADDRESS], POSTS_A_BLOCK)
    u_DELAY = floats(rule[RULE_UNIFORM_ADDRESS] + 8 * POSTS_A_BLOCK, POSTS_A_BLOCK)
    skips = integers(rule[RULE_SKIP_ADDRESS], rule[RULE_SKIPS])
    u_SKIP = floats(rule[RULE_SKIP_ADDRESS] + 8 * rule[RULE_SKIPS], rule[RULE_SKIPS])
    forbidden = integers(rule[RULE_FORBIDDEN_ADDRESS], group[SIZE])
    begin, end = route[ROUTE_FIRST_CELL], route[ROUTE_LAST_CELL]
"""

_HITS = """for block in range(begin - begin % POSTS_A_BLOCK, end, POSTS_A_BLOCK):
    width = min(POSTS_A_BLOCK, rule[RULE_POSTS] - block)
    found = draw_block(np.uint64(rule[RULE_KEY]), cell, block, width, values[RULE_FACTOR], u_SKIP, skips, hits)
    number_of_hits = 0
    for k in range(found):
        hits[number_of_hits] = hits[k]
        number_of_hits += np.int64(begin <= hits[k] < end and hits[k] != forbidden[cell])""".splitlines()

_IMPORTS = """
import numpy as np
from numba import carray, njit

from pyNN.compilation.pointers import fetch, fetch_lines, floats, integers, pointer
"""

_HEADER = """

@njit(error_model="numpy")
def deliver(address, first, last):
    route = integers(address, ROUTE_FIELDS)
    group = integers(route[ROUTE_SOURCE_RECORD], GROUP_FIELDS)
    target = integers(route[ROUTE_TARGET_RECORD], GROUP_FIELDS)
    mask, slot_size = target[INPUT_SLOTS] - 1, target[SLOT_STRIDE]
    offset = route[RECEPTOR] * target[RECEPTOR_STRIDE]
    ring = floats(target[INPUT_ADDRESS], target[INPUT_SLOTS] * slot_size + target[SIZE])
"""

# Spikes first to last - 1 of the source group: what arrives of them in some steps. What later spikes of the group need
# is fetched ahead: where their pieces of a row begin and end, then the pieces. Each is somewhere else in memory, and
# too short for a processor to guess how it goes on.
_BUNDLED = """

@njit
def arrivals(bundle, step):
    shortest, longest = bundle[BUNDLE_SHORTEST], bundle[BUNDLE_SHORTEST] + bundle[BUNDLE_WIDTH] - 2
    return max(bundle[BUNDLE_FIRST], step + shortest), min(bundle[BUNDLE_LAST], step + longest)


@njit(error_model="numpy")
def deliver(address, first, last):
    bundle = integers(address, BUNDLE_FIELDS)
    in_flight = bundle[BUNDLE_IN_FLIGHT]
    steps = integers(bundle[BUNDLE_STEP_ADDRESS], in_flight)
    cells = integers(bundle[BUNDLE_CELL_ADDRESS], in_flight)
    connections = bundle[BUNDLE_CONNECTIONS]
    posts = carray(pointer(bundle[BUNDLE_POST_ADDRESS]), (connections,), np.{posts})
    weights = carray(pointer(bundle[BUNDLE_WEIGHT_ADDRESS]), (connections,), np.{weights})
    width, shortest = bundle[BUNDLE_WIDTH], bundle[BUNDLE_SHORTEST]
    ends = carray(pointer(bundle[BUNDLE_END_ADDRESS]), (bundle[BUNDLE_SOURCES], width), np.uint32)
    mask, slot_size = bundle[BUNDLE_INPUT_SLOTS] - 1, bundle[BUNDLE_SLOT_STRIDE]
    for spike in range(first, last):
        if spike + {far} < in_flight:
            step, cell = steps[spike + {far}], cells[spike + {far}]
            begin, end = arrivals(bundle, step)
            fetch(bundle[BUNDLE_END_ADDRESS] + 4 * (width * cell + begin - step - shortest))
        if spike + {near} < in_flight:
            step, row = steps[spike + {near}], ends[cells[spike + {near}]]
            begin, end = arrivals(bundle, step)
            if begin <= end:
                low, high = np.int64(row[begin - step - shortest]), np.int64(row[end + 1 - step - shortest])
                fetch_lines(bundle[BUNDLE_POST_ADDRESS] + posts.itemsize * low, posts.itemsize * (high - low))
                fetch_lines(bundle[BUNDLE_WEIGHT_ADDRESS] + weights.itemsize * low, weights.itemsize * (high - low))
        step, row = steps[spike], ends[cells[spike]]
        begin, end = arrivals(bundle, step)
        for arrival in range(begin, end + 1):
            arrived = floats(bundle[BUNDLE_INPUT_ADDRESS] + 8 * slot_size * (arrival & mask), slot_size)
            delay = arrival - step - shortest
            for k in range(np.uint64(row[delay]), np.uint64(row[delay + 1])):
                arrived[np.uint64(posts[k])] += np.float64(weights[k])
    return 0
"""

_OPEN = """    starts = integers(route[START_ADDRESS], group[SIZE] + 1)
    connections = starts[group[SIZE]]"""

# Unsigned indices need no test for a sign.
_STORED_ROW = """
        begin, end = np.uint64(starts[cell]), np.uint64(starts[cell + 1])
"""

_EACH_SPIKE = """
    steps = integers(group[SPIKE_STEP_ADDRESS], last)
    cells = integers(group[SPIKE_CELL_ADDRESS], last)
    for spike in range(first, last):
        step, cell = steps[spike], cells[spike]
"""

_BIN_IMPORTS = "from pyNN.reference.bins_kernel import events, make_room, numbers\n"

# Rows of later spikes are fetched ahead, and where they begin: each is somewhere else in memory.
_EACH_ROW = f"""
    steps = integers(group[SPIKE_STEP_ADDRESS], last)
    cells = integers(group[SPIKE_CELL_ADDRESS], last)
    for spike in range(first - {STARTS_AHEAD}, last):
        if spike + {STARTS_AHEAD} < last:
            fetch(route[START_ADDRESS] + 8 * cells[spike + {STARTS_AHEAD}])
        if first <= spike + {ROWS_AHEAD} < last:
            low, high = starts[cells[spike + {ROWS_AHEAD}]], starts[cells[spike + {ROWS_AHEAD}] + 1]
            fetch_lines(route[POST_ADDRESS] + posts.itemsize * low, posts.itemsize * (high - low))
            if weights.shape[0] > 1:
                fetch_lines(route[WEIGHT_ADDRESS] + weights.itemsize * low, weights.itemsize * (high - low))
            if delays.shape[0] > 1:
                fetch_lines(route[DELAY_ADDRESS] + delays.itemsize * low, delays.itemsize * (high - low))
        if spike < first:
            continue
        step, cell = steps[spike], cells[spike]
"""

_INTO_BINS = """
    bins = integers(target[BINS_ADDRESS], BINS_FIELDS)
    ends = numbers(bins[BINS_END_ADDRESS], target[SLOTS] * bins[BINS_BLOCKS])
    first_event = bins[BINS_EVENT_ADDRESS]
    blocks, bits = np.uint64(bins[BINS_BLOCKS]), np.uint64(bins[BINS_BITS])
    block_mask, slot_mask = (np.uint64(1) << bits) - np.uint64(1), np.uint64(target[SLOTS] - 1)
    first_cell, first_place = np.uint64(target[FIRST_CELL]), np.uint64(route[RECEPTOR]) << bits
    waiting = events(bins[BINS_EVENT_ADDRESS], bins[BINS_CHUNKS] * EVENTS_A_CHUNK)
"""

_BINNED_ROW = (
    _STORED_ROW
    + """        now = np.uint64(step)
        while begin < end:
            full = False
            for k in range(begin, end):
                place = np.uint64(posts[k]) - first_cell
                number = ((now + np.uint64({delay})) & slot_mask) * blocks + (place >> bits)
                at = np.uint64(ends[number])
                waiting[at].weight = np.float64({weight})
                waiting[at].place = first_place + (place & block_mask)
                # A bin's next line of memory is on its way before it is needed.
                fetch(first_event + EVENT_BYTES * np.int64(at) + 64)
                ends[number] = at + np.uint64(1)
                if (at + np.uint64(1)) & np.uint64(EVENTS_A_CHUNK - 1) == 0:
                    full = True
                    break
            begin = k + np.uint64(1)
            if full:
                make_room(route[ROUTE_TARGET_RECORD], np.int64(number), step)
    return 0
"""
)

# The spikes of the step `last`.
_COUNTS = """
    step = last
    row = np.int64(4) * group[SIZE] * (step % group[COUNT_ROWS])
    counts = carray(pointer(group[COUNT_ADDRESS] + row), (group[SIZE],), np.uint32)
"""

_EACH_COUNT = (
    _COUNTS
    + """
    for cell in range(group[SIZE]):
        if counts[cell] == 0:
            continue
        number = np.float64(counts[cell])
"""
)

_ONE_TO_ONE = (
    _COUNTS
    + """
    begin, end = route[ROUTE_FIRST_CELL], route[ROUTE_LAST_CELL]
    weight = floats(route[WEIGHT_ADDRESS], 1)[0]
    delay = np.int64(carray(pointer(route[DELAY_ADDRESS]), (1,), np.int32)[0])
    base = ((step + delay) & mask) * slot_size + offset
    own, found = ring[base + begin : base + end], counts[begin:end]
    for i in range(own.shape[0]):
        own[i] += weight * np.float64(found[i])
    return 0
"""
)
