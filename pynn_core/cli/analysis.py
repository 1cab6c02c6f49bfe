"""What spike trains are like and how alike two sets of them are: numbers from arrays, and nothing else.

Spikes are two arrays of equal length, `steps` and `cells`, in order of step, then cell; times are whole time steps.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

CORRELATION_BIN_MS = 5.0
"""Width of the bins in which spikes are counted for pairwise correlations."""
CORRELATION_CELLS = 200
"""How many cells, evenly spread over those that spike, take part in pairwise correlations."""
SIGNIFICANCE = 0.01
"""Kolmogorov-Smirnov p-values at or above this never count as a disagreement."""
LARGEST_DISTANCE = 0.1
"""Kolmogorov-Smirnov distances up to this never count as a disagreement, however many cells make them significant.

Measured: ten runs of the Vogels-Abbott network (4000 cells, 1 s) whose initial potentials differ by 0.01 to 0.1 mV lie
0.02 to 0.075 apart in rates, CV ISI and correlations, and some of these distances have p < 0.01.
"""


@dataclass(frozen=True)
class Distance:
    """Kolmogorov-Smirnov distance of two samples; `distance` is None where a sample is too small to have one."""

    distance: float | None
    p_value: float | None
    sizes: tuple[int, int]

    @property
    def agrees(self) -> bool:
        """False if the samples differ both significantly (1 %) and by more than 0.1, or if only one is a sample.

        Both conditions are needed: among thousands of cells that share one network, a distance of a few per cent is
        significant as soon as the activity takes another path, and among twenty cells a large one is chance.
        """
        if self.distance is None or self.p_value is None:
            return (self.sizes[0] > 1) == (self.sizes[1] > 1)
        return self.p_value >= SIGNIFICANCE or self.distance <= LARGEST_DISTANCE


def rates(cells: IntArray, n_cells: int, duration_ms: float) -> FloatArray:
    """Mean rate of each cell, Hz."""
    counts = np.bincount(cells, minlength=n_cells).astype(np.float64)
    return counts * (1000.0 / duration_ms)


def cv_isi(steps: IntArray, cells: IntArray) -> FloatArray:
    """Coefficient of variation of the inter-spike intervals of each cell with at least three spikes, by cell.

    The standard deviation is that of the intervals themselves (not of a larger population they stand for).
    """
    if len(steps) < 3:
        return np.empty(0)
    order = np.lexsort((steps, cells))
    intervals = np.diff(np.asarray(steps)[order]).astype(float)
    sorted_cells = np.asarray(cells)[order]
    same = sorted_cells[1:] == sorted_cells[:-1]
    intervals, owners = intervals[same], sorted_cells[1:][same]
    size = int(owners.max()) + 1 if owners.size else 0
    counts = np.bincount(owners, minlength=size)
    enough = counts >= 2
    sums = np.bincount(owners, intervals, minlength=size)[enough]
    means = sums / counts[enough]
    centred = intervals - np.divide(np.bincount(owners, intervals, size), np.maximum(counts, 1))[owners]
    variances = np.bincount(owners, centred**2, minlength=size)[enough] / counts[enough]
    positive = means > 0
    return np.sqrt(variances[positive]) / means[positive]


def pairwise_correlations(
    steps: IntArray, cells: IntArray, n_steps: int, bin_steps: int, chosen: IntArray
) -> FloatArray:
    """Pearson correlations of the binned spike counts of all pairs of the `chosen` cells that spike.

    A last bin that is not full is left out.
    """
    n_bins = n_steps // bin_steps
    if n_bins < 2 or len(chosen) < 2:
        return np.empty(0)
    bins = (np.asarray(steps) - 1) // bin_steps
    position = np.full(int(max(chosen.max(), cells.max() if len(cells) else 0)) + 1, -1)
    position[chosen] = np.arange(len(chosen))
    inside = (bins >= 0) & (bins < n_bins) & (position[cells] >= 0)
    counts = np.zeros((len(chosen), n_bins))
    np.add.at(counts, (position[cells[inside]], bins[inside]), 1.0)
    counts = counts[counts.std(axis=1) > 0]
    if len(counts) < 2:
        return np.empty(0)
    upper = np.triu_indices(len(counts), k=1)
    return np.corrcoef(counts)[upper]


def spread(cells: IntArray, number: int) -> IntArray:
    """At most `number` of `cells`, evenly spread over them."""
    if len(cells) <= number:
        return np.asarray(cells)
    return np.asarray(cells)[np.linspace(0, len(cells) - 1, number).round().astype(np.int64)]


def ks_distance(first: FloatArray, second: FloatArray) -> Distance:
    """Kolmogorov-Smirnov distance of two samples and its two-sided p-value (for independent values)."""
    sizes = (len(first), len(second))
    if min(sizes) < 2:
        return Distance(None, None, sizes)
    from scipy.stats import ks_2samp

    result = ks_2samp(first, second, method="auto")
    return Distance(float(result.statistic), float(result.pvalue), sizes)


def spike_keys(steps: IntArray, cells: IntArray, n_cells: int) -> IntArray:
    """One sorted number a spike, equal for equal (step, cell)."""
    return np.sort(np.asarray(steps, dtype=np.int64) * max(n_cells, 1) + np.asarray(cells, dtype=np.int64))


def identical_fraction(first: IntArray, second: IntArray) -> float:
    """Spikes that both have, over all spikes that at least one has; 1 if there are none. Arguments: spike_keys()."""
    if not len(first) and not len(second):
        return 1.0
    shared = len(np.intersect1d(first, second, assume_unique=_unique(first) and _unique(second)))
    union = len(np.union1d(first, second))
    return shared / union


def _unique(keys: IntArray) -> bool:
    return bool(np.all(np.diff(keys) > 0))


def first_difference(first: IntArray, second: IntArray, n_cells: int) -> int | None:
    """The first step in which a spike is in one set and not in the other; None if there is none."""
    length = min(len(first), len(second))
    unequal = np.flatnonzero(first[:length] != second[:length])
    if unequal.size:
        return int(min(first[unequal[0]], second[unequal[0]]) // max(n_cells, 1))
    if len(first) == len(second):
        return None
    longer = first if len(first) > len(second) else second
    return int(longer[length] // max(n_cells, 1))


def largest_difference(first: FloatArray, second: FloatArray, before: int | None, every: int = 1) -> float | None:
    """Largest |first - second| of the rows (one every `every` steps) that lie before step `before`.

    None where the arrays share no such row.
    """
    rows = min(len(first), len(second))
    if before is not None:
        rows = min(rows, -(-before // every))
    if rows == 0 or first.shape[1:] != second.shape[1:] or first.shape[1] == 0:
        return None
    return float(np.max(np.abs(first[:rows] - second[:rows])))


def spike_hash(steps: IntArray, cells: IntArray) -> str:
    """SHA-256 over the spikes in order of step, then cell."""
    order = np.lexsort((cells, steps))
    digest = hashlib.sha256()
    for column in (steps, cells):
        digest.update(np.ascontiguousarray(np.asarray(column)[order], dtype="<i8").tobytes())
    return digest.hexdigest()


def rate_over_time(
    steps: IntArray, n_cells: int, n_steps: int, bin_steps: int, dt: float
) -> tuple[FloatArray, FloatArray]:
    """(middle of each bin in ms, mean rate over the cells in Hz)."""
    edges = np.arange(0, n_steps + bin_steps, bin_steps)
    # A spike of step s lies at the end of its step, so it belongs to the bin that ends there.
    counts = np.histogram(np.asarray(steps) - 0.5, bins=edges)[0].astype(np.float64)
    widths = (np.minimum(edges[1:], n_steps) - edges[:-1]) * dt
    middles = ((edges[:-1] + 0.5 * bin_steps) * dt).astype(np.float64)
    return middles, counts * 1000.0 / (np.maximum(widths, dt) * max(n_cells, 1))
