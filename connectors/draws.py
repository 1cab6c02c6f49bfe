"""Drawing of connections: from keyed streams (no rng given), or from the user's own generator in PyNN's order.

A table of cells is drawn row by row: a row is a post cell and its columns are the pre cells, or the other way round.
With keyed streams, a row depends on nothing but the key and its number, and the work is proportional to the number of
connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyNN.compilation import Function
from pyNN.connectors.base import PAIRS_A_BLOCK, ConnectionRequest, Connector, FloatArray, IntArray
from pyNN.connectors.compiled import loop
from pyNN.errors import ConnectorError
from pyNN.random import AbstractRNG, NativeRNG, NumpyRNG, RandomDistribution
from pyNN.random.streams import derive_key, log, mapped, uniforms

Int32Array = NDArray[np.int32]
Report = Callable[[float], None]

POSTS_A_BLOCK = 2048
"""Post cells that are drawn from one run of random numbers: who wants those of a few draws little more than them."""
MOST_SKIPS_AT_ONCE = 256
MORE_SKIPS = 8
"""Distances to the next hit that the compiled loop draws at once where the first draw was not enough."""


def checked_rng(owner: Connector, rng: Any) -> AbstractRNG | None:
    if rng is None or isinstance(rng, NativeRNG):
        # The simulation's own generator, which a NativeRNG asks for, is that of the keyed streams.
        return None
    if isinstance(rng, AbstractRNG):
        return rng
    raise ConnectorError(
        f"{type(owner).__name__}: rng must be a generator of pyNN.random, such as NumpyRNG(seed=1), or None (streams "
        f"of the simulation's own seed), not {rng!r}."
    )


def refuse_rank_seeds(owner: Connector, request: ConnectionRequest, rng: AbstractRNG | None) -> None:
    """Refuse a generator that differs between processes where all of them must draw the same."""
    if rng is not None and not getattr(rng, "parallel_safe", True) and len(request.posts) < request.n_post:
        raise ConnectorError(
            f"{type(owner).__name__} needs the same draws on every process, and a generator with parallel_safe=False "
            "gives each its own. Use NumpyRNG(seed, parallel_safe=True), or no rng."
        )


def connector_key(request: ConnectionRequest, *parts: str) -> int:
    """The key of one of the streams of a projection's connector."""
    return derive_key(request.seed, "connector", request.projection, *parts)


def keyed_uniforms(request: ConnectionRequest, key: int, rows: IntArray, ordinals: IntArray) -> FloatArray:
    """One number in [0, 1) for each pair of two 1-D arrays."""
    if request.compiled:
        from pyNN.random.native import fill_uniforms, is_worth

        if request.waits or is_worth(rows.size):
            return fill_uniforms(key, rows, ordinals)
    return uniforms(key, rows, ordinals)


def blocks(n_rows: int, width: int, pairs: int = PAIRS_A_BLOCK) -> Iterator[slice]:
    """Ranges of rows that have about `pairs` cells of the table each."""
    step = max(1, pairs // max(1, width))
    for start in range(0, n_rows, step):
        yield slice(start, min(n_rows, start + step))


# ---------------------------------------------------------------------------------------------------- keyed streams


def _every_pair(request: ConnectionRequest, forbidden: IntArray, kind: Any) -> tuple[IntArray, NDArray[Any]]:
    """Starts and post cells as `bernoulli_by_source` has them, with probability 1."""
    posts = request.posts.astype(kind)
    targets = np.tile(posts, request.n_pre)
    places = np.searchsorted(posts, forbidden)
    inside = np.flatnonzero((forbidden >= 0) & (places < posts.size))
    inside = inside[posts[places[inside]] == forbidden[inside]]
    counts = np.full(request.n_pre, posts.size)
    counts[inside] -= 1
    if inside.size:
        targets = np.delete(targets, inside * posts.size + places[inside])
    return np.concatenate([[0], np.cumsum(counts)]), targets


def skip_factor(p: float) -> float:
    """1 / log(1 - p) of a probability over 0, by which the logarithm of a uniform number becomes a distance."""
    if p == 1.0:
        return 0.0
    # A product with a uniform number's logarithm must not be infinite.
    return 1.0 / min(_log_of_complement(p), -1e-300)


def _log_of_complement(p: float) -> float:
    """log(1 - p), accurate for small p too, with the same bits on every machine."""
    w = 1.0 - p
    if w == 1.0:
        return -p
    return float(log(np.float64(w))) * (-p / (w - 1.0))


def bernoulli_by_source(
    request: ConnectionRequest, key: int, p: float, forbidden: IntArray, report: Report
) -> tuple[IntArray, NDArray[Any]]:
    """Each pair with probability p: (starts of the pre cells' rows, post cells row after row, ascending).

    The post cells of a pre cell are drawn block by block of POSTS_A_BLOCK, from numbers that depend on nothing but the
    key, the pre cell and the block. The number of cells skipped before the next hit is geometric:
    floor(log(1 - u) / log(1 - p)). forbidden[i] is a post cell that pre cell i must not have, or -1. Only the
    request's local post cells are drawn.
    """
    posts = request.posts
    first, last = (int(posts[0]), int(posts[-1]) + 1) if posts.size else (0, 0)
    starts = np.zeros(request.n_pre + 1, dtype=np.int64)
    kind = np.uint16 if request.n_post <= 1 << 16 else np.int32
    if p == 1.0:
        report(1.0)
        return _every_pair(request, forbidden, kind)
    compiled = None
    if p > 0.0 and first < last:
        name = "draw_rows_short" if kind is np.uint16 else "draw_rows"
        compiled = loop(name, request, p * (last - first) * request.n_pre)
    draw = _by_source_numpy if compiled is None else partial(_by_source_compiled, compiled)
    targets = draw(request, key, p, forbidden, first, last, starts, kind, report)
    if last - first == posts.size:
        return starts, targets
    keep = request.is_local[targets]
    return np.concatenate([[0], np.cumsum(keep)])[starts], targets[keep]


def skips_at_once(p: float) -> int:
    """How many distances to the next hit the compiled loop draws first for a block: enough for most."""
    mean = p * POSTS_A_BLOCK
    return min(max(8 * int(np.ceil((mean + 0.7 * np.sqrt(mean)) / 8.0)), 8), MOST_SKIPS_AT_ONCE)


def _by_source_compiled(
    draw: Function, request: ConnectionRequest, key: int, p: float, forbidden: IntArray, first: int, last: int,
    starts: IntArray, kind: Any, report: Report,
) -> NDArray[Any]:  # fmt: skip
    number, factor = skips_at_once(p), skip_factor(p)
    uniform, skips = np.empty(number), np.empty(number, dtype=np.int64)
    parts, row, width = [], 0, last - first
    rows_at_once = max(1, 16 * PAIRS_A_BLOCK // width)
    while row < request.n_pre:
        # Five standard deviations above the mean nearly always suffice; otherwise the rest goes into another array.
        mean = min(request.n_pre - row, rows_at_once) * width * p
        buffer = np.empty(int(mean + 5.0 * np.sqrt(mean)) + width + POSTS_A_BLOCK, dtype=kind)
        done = np.array([row, starts[row]], dtype=np.int64)
        draw(key, forbidden, request.n_post, first, last, factor, uniform, skips, buffer, starts, done)
        parts.append(buffer[: int(done[1] - starts[row])])
        row = int(done[0])
        report(row / request.n_pre)
    # A single part is little shorter than its buffer, so that a copy would save no memory worth its time.
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _by_source_numpy(
    request: ConnectionRequest, key: int, p: float, forbidden: IntArray, first: int, last: int, starts: IntArray,
    kind: Any, report: Report,
) -> NDArray[Any]:  # fmt: skip
    parts = [np.empty(0, dtype=kind)]
    for part in blocks(request.n_pre, int((last - first) * p) + 8, PAIRS_A_BLOCK // 4):
        rows = np.arange(part.start, part.stop)
        counts, targets = bernoulli_rows(key, rows, p, forbidden[part], request.n_post, first, last)
        starts[part.start + 1 : part.stop + 1] = starts[part.start] + np.cumsum(counts)
        parts.append(targets.astype(kind))
        report(part.stop / request.n_pre)
    return np.concatenate(parts)


def bernoulli_rows(
    key: int, rows: IntArray, p: float, forbidden: IntArray, size: int, first: int, last: int
) -> tuple[IntArray, IntArray]:
    """Some rows of `bernoulli_by_source` in NumPy: (their lengths, post cells first to last - 1, row after row)."""
    if p == 0.0 or first >= last:
        return np.zeros(rows.size, dtype=np.int64), np.empty(0, dtype=np.int64)
    if p == 1.0:
        row = np.repeat(np.arange(rows.size), last - first)
        post = np.tile(np.arange(first, last), rows.size)
    else:
        row, post = _skipped(key, rows, p, size, first, last)
    keep = (post >= first) & (post < last) & (post != forbidden[row])
    return np.bincount(row[keep], minlength=rows.size), post[keep]


def _skipped(
    key: int, rows: IntArray, p: float, size: int, first: int, last: int
) -> tuple[IntArray, IntArray]:
    """(place of the row, post cell) of all hits in the blocks that have the cells first to last - 1, in order."""
    found, posts = [], []
    factor = skip_factor(p)
    for block in range(first - first % POSTS_A_BLOCK, last, POSTS_A_BLOCK):
        width = min(POSTS_A_BLOCK, size - block)
        mean = width * p
        counts, hits = _skip_block(key, rows, 2 * block, width, factor, int(mean) + 1, int(0.7 * np.sqrt(mean)) + 2)
        found.append(np.repeat(np.arange(rows.size), counts))
        posts.append(block + hits)
    row = np.concatenate(found)
    order = np.argsort(row, kind="stable")
    return row[order], np.concatenate(posts)[order].astype(np.int64)


def _skip_block(
    key: int, rows: IntArray, start: int, width: int, factor: float, draws: int, more_draws: int
) -> tuple[IntArray, Int32Array]:
    """(hits a row, their columns): `draws` skips of every row, then `more_draws` at a time of rows not ended yet.

    The first skip of a row is that of the uniform number `start`.
    """
    pieces = []
    counts = np.zeros(rows.size, dtype=np.int64)
    active = np.arange(rows.size)
    position = np.zeros(rows.size, dtype=np.float64)
    while active.size:
        first = int(counts[active[0]])
        u = uniforms(key, rows[active, None], start + np.arange(first, first + draws)[None, :])
        with np.errstate(over="ignore"):
            skips = np.floor(np.minimum(log(1.0 - u) * factor, width))
        # Whole numbers far below 2**53, so that sums of float64 are exact.
        hits = position[active, None] + np.cumsum(skips + 1.0, axis=1) - 1.0
        inside = hits < width
        pieces.append((active, inside, hits, first))
        counts[active] += inside.sum(axis=1)
        position[active] = hits[:, -1] + 1.0
        active = active[position[active] < width]
        draws = more_draws
    columns = np.empty(int(counts.sum()), dtype=np.int32)
    starts = np.cumsum(counts) - counts
    for piece_rows, inside, hits, first in pieces:
        row, draw = np.nonzero(inside)
        columns[starts[piece_rows][row] + first + draw] = hits[row, draw].astype(np.int32)
    return counts, columns


def sampled_rows(
    request: ConnectionRequest,
    key: int,
    rows: IntArray,
    width: int,
    numbers: IntArray,
    forbidden: IntArray,
    with_replacement: bool,
    report: Report,
) -> Int32Array:
    """numbers[k] columns for each row, row after row, ascending within a row.

    Without replacement, a number above that of the allowed columns means whole copies of all of them first.
    """
    compiled = loop("choose_rows" if with_replacement else "sample_rows", request, float(numbers.sum()))
    fill = _sample_numpy if compiled is None else partial(_sample_compiled, compiled)
    ends = np.cumsum(numbers)
    columns = np.empty(int(ends[-1]) if rows.size else 0, dtype=np.int32)

    def draw(part: slice) -> None:
        own = columns[ends[part.start] - numbers[part.start] : ends[part.stop - 1]]
        fill(key, rows[part], width, numbers[part], forbidden[part], with_replacement, own)

    places = list(blocks(rows.size, max(1, int(numbers.max(initial=0)))))
    for part, _ in zip(places, mapped(draw, places, request.threads), strict=True):
        report(part.stop / rows.size)
    return columns


def _sample_compiled(
    fill: Function, key: int, rows: IntArray, width: int, numbers: IntArray, forbidden: IntArray,
    with_replacement: bool, columns: Int32Array,
) -> None:  # fmt: skip
    words = np.zeros((width >> 6) + 1, dtype=np.uint64)
    cells = np.zeros(width + 1, dtype=np.int32)
    fill(key, rows, forbidden, width, numbers, columns, words, cells)


def _sample_numpy(
    key: int, rows: IntArray, width: int, numbers: IntArray, forbidden: IntArray, with_replacement: bool,
    columns: Int32Array,
) -> None:  # fmt: skip
    if with_replacement:
        columns[:] = _choose_numpy(key, rows, width, numbers, forbidden)
        return
    columns[:] = np.concatenate(
        [
            _floyd_block(key, rows[part], width, numbers[part], forbidden[part])
            for part in blocks(rows.size, width)
        ]
    )


def _choose_numpy(key: int, rows: IntArray, width: int, numbers: IntArray, forbidden: IntArray) -> Int32Array:
    row, ordinal = _row_and_ordinal(numbers)
    f = forbidden[row]
    columns = (uniforms(key, rows[row], ordinal) * (width - (f >= 0))).astype(np.int64)
    columns += (f >= 0) & (columns >= f)
    return (np.sort(row * width + columns) - row * width).astype(np.int32)


def _row_and_ordinal(numbers: IntArray) -> tuple[IntArray, IntArray]:
    """For each of numbers[0] + numbers[1] + ... draws its row and its place within the row."""
    row = np.repeat(np.arange(numbers.size), numbers)
    starts = np.cumsum(numbers) - numbers
    return row, np.arange(row.size) - starts[row]


def _floyd_block(key: int, rows: IntArray, width: int, numbers: IntArray, forbidden: IntArray) -> Int32Array:
    """Floyd's sampling for many rows at once: draw t of all rows, then draw t + 1."""
    m = width - (forbidden >= 0)
    copies, rest = np.divmod(numbers, np.maximum(m, 1))
    complement = rest > m - rest
    draws = np.where(complement, m - rest, rest)
    most = int(draws.max(initial=0))
    taken = np.zeros((rows.size, width), dtype=bool)
    u = uniforms(key, rows[:, None], np.arange(most)[None, :]).T.copy()
    places = taken.reshape(-1)
    active = np.arange(rows.size)
    for t in range(most):
        if t == 0 or (draws[active] <= t).any():
            active = np.flatnonzero(draws > t)
            starts, last = active * width, m[active] - draws[active] + (t - 1)
        last = last + 1
        place = starts + (u[t, active] * (last + 1)).astype(np.int64)
        place = np.where(places[place], starts + last, place)
        places[place] = True
    allowed = np.arange(width)[None, :] < m[:, None] if complement.any() or copies.any() else True
    chosen = (taken != complement[:, None]) & allowed if complement.any() else taken
    if copies.any():
        times = (copies[:, None] + chosen) * allowed
        row, column = np.nonzero(times)
        row, column = np.repeat(row, times[row, column]), np.repeat(column, times[row, column])
    else:
        # The flat form is several times faster than np.nonzero of two dimensions.
        row, column = np.divmod(np.flatnonzero(chosen), width)
    f = forbidden[row]
    return (column + ((f >= 0) & (column >= f))).astype(np.int32)


def by_column(request: ConnectionRequest, rows: Int32Array, columns: Int32Array, width: int) -> tuple[Any, Any]:
    """Pairs that are sorted by row and column, sorted by column and row."""
    compiled = loop("transpose", request, len(rows))
    if compiled is not None:
        new_rows, new_columns = np.empty_like(rows), np.empty_like(columns)
        compiled(rows, columns, width, new_rows, new_columns, np.zeros(width + 1, dtype=np.int64))
        return new_rows, new_columns
    order = np.argsort(columns, kind="stable")
    return rows[order], columns[order]


# ------------------------------------------------------------------------------------------ the user's own generator


def sequential_uniforms(rng: AbstractRNG, n: int) -> FloatArray:
    """The generator's next n numbers in [0, 1)."""
    if n == 0:
        return np.empty(0)
    values = np.asarray(rng.next(n, distribution="uniform", parameters={"low": 0.0, "high": 1.0}), dtype=float)
    return _checked_length(rng, values, n)


def sequential_integers(rng: AbstractRNG, high: int, n: int) -> IntArray:
    """The generator's next n whole numbers from 0 to high - 1."""
    if n == 0:
        return np.empty(0, dtype=np.int64)
    values = np.asarray(rng.next(n, distribution="uniform_int", parameters={"low": 0, "high": high}))
    return _checked_length(rng, values, n).astype(np.int64)


def _checked_length(rng: AbstractRNG, values: NDArray[Any], n: int) -> NDArray[Any]:
    if values.shape != (n,):
        raise ConnectorError(
            f"{type(rng).__name__}.next({n}, ...) returned values of shape {values.shape}, and not ({n},)."
        )
    return values


def sequential_permutation(rng: AbstractRNG, values: IntArray) -> IntArray:
    """The values in random order: NumPy's shuffle of the generator, or the order of its uniforms for other kinds."""
    if isinstance(rng, NumpyRNG):
        return np.asarray(rng.permutation(values))
    return values[np.argsort(sequential_uniforms(rng, values.size), kind="stable")]


def sequential_sample(
    rng: AbstractRNG, width: int, number: int, forbidden: int, with_replacement: bool
) -> IntArray:
    """`number` of the columns, sorted, as PyNN draws: a shuffle, or integers of which forbidden ones are redrawn."""
    if number == 0:
        return np.empty(0, dtype=np.int64)
    if with_replacement:
        columns = sequential_integers(rng, width, number)
        again = np.flatnonzero(columns == forbidden)
        while again.size:
            columns[again] = sequential_integers(rng, width, again.size)
            again = again[columns[again] == forbidden]
        return np.sort(columns)
    allowed = np.arange(width)
    if forbidden >= 0:
        allowed = np.delete(allowed, forbidden)
    copies, rest = divmod(number, allowed.size)
    some = sequential_permutation(rng, allowed)[:rest] if rest else allowed[:0]
    return np.sort(np.concatenate([np.tile(allowed, copies), some]))


def sequential_pairs(rng: AbstractRNG, n_pre: int, n_post: int, count: int) -> tuple[IntArray, IntArray]:
    """`count` pairs of uniformly drawn indices: pre, post, pre, post ... in turn."""
    if count == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if not isinstance(rng, NumpyRNG):
        return sequential_integers(rng, n_pre, count), sequential_integers(rng, n_post, count)
    if n_pre == n_post:
        both = sequential_integers(rng, n_pre, 2 * count).reshape(count, 2)
        return both[:, 0], both[:, 1]
    if min(n_pre, n_post) == 1:
        # A choice among one draws nothing.
        many = sequential_integers(rng, max(n_pre, n_post), count)
        none = np.zeros(count, dtype=np.int64)
        return (many, none) if n_post == 1 else (none, many)
    return _alternating(rng, n_pre, n_post, count)


def _alternating(rng: NumpyRNG, n_pre: int, n_post: int, count: int) -> tuple[IntArray, IntArray]:
    """RandomState.randint(n_pre), randint(n_post) in turn, `count` times, worked out for all of them at once.

    randint masks 32-bit words and takes the first that is small enough. Whether the word k is for a pre or a post index
    depends on how many words before it were accepted: a word that both sides accept changes the side, one that only one
    side accepts leaves the other side in turn, whoever was before.
    """
    pres, posts = [], []
    mask_pre, mask_post = (np.uint32((1 << int(n - 1).bit_length()) - 1) for n in (n_pre, n_post))
    pairs_left = count
    side = 0
    while pairs_left > 0 or side:
        state = rng.get_state()
        words = rng.randint(0, 1 << 32, size=min(4 * pairs_left + 64, 4 * PAIRS_A_BLOCK), dtype=np.uint32)
        pre, post = words & mask_pre, words & mask_post
        pre_fits, post_fits = pre < n_pre, post < n_post
        side_of = _sides(pre_fits, post_fits, side)
        taken = np.where(side_of == 0, pre_fits, post_fits)
        done_pairs = np.cumsum(taken & (side_of == 1))
        used = words.size
        if done_pairs[-1] >= pairs_left:
            used = int(np.searchsorted(done_pairs, pairs_left)) + 1
            rng.set_state(state)
            rng.randint(0, 1 << 32, size=used, dtype=np.uint32)
        is_pre = (taken & (side_of == 0))[:used]
        is_post = (taken & (side_of == 1))[:used]
        pres.append(pre[:used][is_pre])
        posts.append(post[:used][is_post])
        pairs_left -= int(is_post.sum())
        last = used - 1
        side = int(side_of[last]) ^ int(taken[last])
    return np.concatenate(pres).astype(np.int64), np.concatenate(posts).astype(np.int64)


def _sides(pre_fits: NDArray[np.bool_], post_fits: NDArray[np.bool_], side: int) -> IntArray:
    """For each word whose turn it is: 0 for pre, 1 for post, with `side` first."""
    n = pre_fits.size
    fixes = pre_fits != post_fits
    # After word k: 1 if only a pre index fits it, 0 if only a post index does; else as before, swapped if both fit.
    swaps = np.concatenate([[0], np.cumsum(pre_fits & post_fits)])
    last_fix = np.maximum.accumulate(np.concatenate([[0], np.where(fixes, np.arange(1, n + 1), 0)]))
    base = np.where(last_fix == 0, side, np.concatenate([[0], pre_fits.astype(np.int64)])[last_fix])
    return ((base + swaps - swaps[last_fix]) & 1)[:n]


# ------------------------------------------------------------------------------------------------ numbers of cells


def checked_number(owner: Connector, n: Any) -> int | RandomDistribution:
    """A number of connections: a whole number that is not negative, or a distribution of such.

    The first hundred draws of a distribution with a generator of its own are looked at here, as PyNN does.
    """
    if isinstance(n, RandomDistribution):
        if n.rng is not None and not isinstance(n.rng, NativeRNG):
            checked_numbers(owner, np.asarray(n.next(100)))
        return n
    if isinstance(n, (bool, np.bool_)) or not isinstance(n, (int, np.integer)):
        raise ConnectorError(
            f"{type(owner).__name__}: n must be a whole number or a RandomDistribution of whole numbers, not {n!r}."
        )
    if n < 0:
        raise ConnectorError(f"{type(owner).__name__}: n must not be negative, and it is {n}.")
    return int(n)


def checked_numbers(owner: Connector, values: NDArray[Any]) -> IntArray:
    """Numbers drawn from a distribution as integers."""
    bad = np.flatnonzero(~((values >= 0) & (values == np.floor(values))))
    if bad.size:
        raise ConnectorError(
            f"{type(owner).__name__}: the distribution of n gave {values[bad[0]]:g}, but n must be a whole number that "
            "is not negative: use 'poisson', 'binomial' or 'uniform_int'."
        )
    return values.astype(np.int64)


def numbers_of(
    owner: Connector, request: ConnectionRequest, n: int | RandomDistribution, size: int, first: int = 0
) -> IntArray:
    """n for each of `size` cells, from the one with the index `first` on."""
    if not isinstance(n, RandomDistribution):
        return np.full(size, n, dtype=np.int64)
    if size == 0:
        return np.empty(0, dtype=np.int64)
    if n.rng is None or isinstance(n.rng, NativeRNG):
        values = n.draw(connector_key(request, "number"), np.arange(first, first + size), 0)
    else:
        values = n.next(size)
    return checked_numbers(owner, np.asarray(values))
