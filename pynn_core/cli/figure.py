"""The figure of `pynn compare`: spikes, rates, one membrane potential and its differences, and distributions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyNN.cli import analysis
from pyNN.cli.analysis import FloatArray, IntArray
from pyNN.cli.comparison import Agreement, Comparison
from pyNN.cli.observe import EXCITATORY, INHIBITORY, Observation

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, which people with any colour vision can tell apart."""
SHARED = "#30343b"
_DISTRIBUTIONS = (
    ("rates", "rate", "rate (spikes/s)"),
    ("cv_isi", "cv_isi", "CV of inter-spike intervals"),
    ("correlations", "correlation", "pairwise correlation"),
)
"""Attribute of Activity, key of Agreement.distances, label."""
_RASTER_CELLS = 120
_RATE_BIN_MS = 5.0
_TRACE_WINDOW_MS = 250.0
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#707680",
    "axes.labelcolor": "#30343b",
    "xtick.color": "#505660",
    "ytick.color": "#505660",
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "savefig.dpi": 160,
}


def formats() -> list[str]:
    """The endings of file names that a figure can be written to."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    return sorted(FigureCanvasAgg.get_supported_filetypes())


def comparison_figure(comparison: Comparison, file: str) -> None:
    """Write the figure; the ending of the name gives the format (png, pdf, svg, ...).

    With more than two backends, the first and the second are drawn in the raster, the others in all other panels.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(11.0, 8.6))
        _draw(figure, comparison)
        target = Path(file).absolute()
        # The final name never holds half a file.
        temporary = target.with_name(f".{os.getpid()}.{target.name}")
        try:
            figure.savefig(temporary)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _draw(figure: Any, comparison: Comparison) -> None:
    halves = figure.add_gridspec(
        2, 2, left=0.075, right=0.975, top=0.885, bottom=0.06, hspace=0.17, wspace=0.15,
        width_ratios=(3.2, 1.0), height_ratios=(3.7, 2.8),
    )  # fmt: skip
    upper = halves[0, 0].subgridspec(2, 1, hspace=0.07, height_ratios=(2.5, 1.1))
    lower = halves[1, 0].subgridspec(2, 1, hspace=0.12, height_ratios=(1.5, 1.1))
    side = halves[:, 1].subgridspec(3, 1, hspace=0.36)
    raster = figure.add_subplot(upper[0])
    rates = figure.add_subplot(upper[1], sharex=raster)
    trace = figure.add_subplot(lower[0])
    difference = figure.add_subplot(lower[1], sharex=trace)
    names = list(comparison.runs)
    runs = list(comparison.runs.values())
    _draw_title(figure, comparison)
    _draw_raster(raster, names, runs)
    _draw_rates(rates, names, runs)
    _draw_traces(trace, difference, names, runs, comparison.agreements)
    for row, (attribute, key, label) in enumerate(_DISTRIBUTIONS):
        samples = [getattr(comparison.activities[name], attribute) for name in names]
        distance = comparison.agreements[0].distances[key].distance
        bin_width = 1000.0 / runs[0].duration_ms if key == "rate" else 0.0
        _draw_distribution(figure.add_subplot(side[row]), label, samples, distance, bin_width)
    for pair in comparison.agreements:
        if pair.first_difference_ms is not None:
            for axes in (raster, rates, trace, difference):
                axes.axvline(pair.first_difference_ms, color="#9aa0a8", linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)


def _draw_title(figure: Any, comparison: Comparison) -> None:
    run = next(iter(comparison.runs.values()))
    words = " ".join([Path(comparison.script).name, *comparison.arguments])
    figure.text(0.075, 0.962, words, fontsize=13, fontweight="bold", color=SHARED)
    pair = comparison.agreements[0]
    if pair.first_difference_ms is not None:
        share = 100 * pair.identical_spike_fraction
        agreement = f"first different spike at {pair.first_difference_ms:g} ms, {share:.3g} % of spikes identical"
    else:
        agreement = "all spikes identical" + ("" if pair.connections_identical else ", connections not")
    facts = f"{run.n_cells:,} cells, {run.facts['connections']:,} connections, {run.duration_ms:g} ms; {agreement}"
    figure.text(0.075, 0.936, facts, fontsize=9, color="#505660")
    for i, name in enumerate(comparison.runs):
        figure.text(
            0.975 - 0.105 * (len(comparison.runs) - 1 - i), 0.962, name, color=COLOURS[i % len(COLOURS)],
            fontsize=11, fontweight="bold", ha="right",
        )  # fmt: skip


def raster_cells(run: Observation, number: int = _RASTER_CELLS) -> IntArray:
    """Cells for a raster: evenly spread over excitatory, inhibitory and other cells, in this order."""
    groups = [np.flatnonzero(run.kinds == kind) for kind in (EXCITATORY, INHIBITORY)]
    groups.append(np.flatnonzero((run.kinds != EXCITATORY) & (run.kinds != INHIBITORY)))
    total = max(run.n_cells, 1)
    return np.concatenate([analysis.spread(group, -(-number * len(group) // total)) for group in groups])


def _draw_raster(axes: Any, names: Sequence[str], runs: Sequence[Observation]) -> None:
    first, second = runs[:2]
    chosen = raster_cells(first)
    n_cells = max(first.n_cells, second.n_cells)
    keys = [analysis.spike_keys(run.steps, run.cells, n_cells) for run in (first, second)]
    shared = np.intersect1d(keys[0], keys[1])
    layers = (
        (np.setdiff1d(keys[0], shared), COLOURS[0], f"only {names[0]}"),
        (np.setdiff1d(keys[1], shared), COLOURS[1], f"only {names[1]}"),
        (shared, SHARED, "both"),
    )
    row = np.full(n_cells, -1)
    row[chosen] = np.arange(len(chosen))
    for spikes, colour, label in layers:
        rows = row[spikes % max(n_cells, 1)]
        times = (spikes // max(n_cells, 1))[rows >= 0] * first.facts["dt"]
        axes.plot(
            times,
            rows[rows >= 0],
            linestyle="none",
            marker="|",
            markersize=2.6,
            markeredgewidth=0.9,
            color=colour,
            label=label,
        )
    boundary = int(np.count_nonzero(first.kinds[chosen] == EXCITATORY))
    if 0 < boundary < len(chosen):
        axes.axhline(boundary - 0.5, color="#b0b4ba", linewidth=0.6)
        axes.set_yticks([boundary / 2, (boundary + len(chosen)) / 2], ["E", "I"])
        axes.tick_params(axis="y", length=0, labelsize=9)
    else:
        axes.set_yticks([])
    axes.set_xlim(0, first.duration_ms)
    axes.set_ylim(-1, max(len(chosen), 1))
    axes.set_ylabel(f"{len(chosen)} of {first.n_cells:,} cells")
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 0.985),
        ncols=3,
        handletextpad=0.2,
        columnspacing=1.2,
        markerscale=2.2,
        borderpad=0.1,
    )
    axes.tick_params(labelbottom=False)


def _draw_rates(axes: Any, names: Sequence[str], runs: Sequence[Observation]) -> None:
    for i, run in enumerate(runs):
        bin_steps = max(1, round(_RATE_BIN_MS / run.facts["dt"]))
        times, rate = analysis.rate_over_time(run.steps, run.n_cells, run.facts["steps"], bin_steps, run.facts["dt"])
        axes.plot(times, rate, label=names[i], **_overlay(i))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("rate (spikes/s)")
    axes.set_xlabel("time (ms)", labelpad=1)


def _overlay(i: int) -> dict[str, Any]:
    """The first is a broad pale line, the others thin ones on it, so that equal curves show both."""
    if i == 0:
        return {
            "color": COLOURS[0],
            "linewidth": 3.2,
            "alpha": 0.38,
            "solid_capstyle": "round",
            "solid_joinstyle": "round",
        }
    return {"color": COLOURS[i % len(COLOURS)], "linewidth": 1.0}


def _draw_traces(
    trace: Any, difference: Any, names: Sequence[str], runs: Sequence[Observation], agreements: Sequence[Agreement]
) -> None:
    comparable = [run for run in runs if run.traced.size and np.array_equal(run.traced, runs[0].traced)]
    trace.set_ylabel("v (mV)")
    difference.set_ylabel("|Δv| (mV)")
    difference.set_xlabel("time (ms)", labelpad=1)
    if len(comparable) < len(runs):
        trace.text(0.5, 0.5, "no membrane potential in common", transform=trace.transAxes, ha="center", color="#808690")
        return
    column = _liveliest(runs[0].potentials)
    start, stop = _window(runs[0], agreements)
    for i, run in enumerate(runs):
        times = np.arange(len(run.potentials)) * run.facts["dt"]
        trace.plot(times, run.potentials[:, column], **_overlay(i))
    trace.set_title(f"cell {int(runs[0].traced[column])}", loc="right", fontsize=8, color="#505660", pad=3)
    for i, run in enumerate(runs[1:], start=1):
        length = min(len(run.potentials), len(runs[0].potentials))
        apart = np.abs(run.potentials[:length, column] - runs[0].potentials[:length, column])
        _plot_on_log_scale(difference, np.arange(length) * run.facts["dt"], apart, COLOURS[i % len(COLOURS)])
    trace.set_xlim(start, stop)
    trace.tick_params(labelbottom=False)


def _plot_on_log_scale(axes: Any, times: FloatArray, values: FloatArray, colour: str) -> None:
    smallest = 1e-16
    axes.semilogy(times, np.maximum(values, smallest), color=colour, linewidth=0.9)
    axes.set_ylim(smallest, 1e3)
    axes.set_yticks([1e-16, 1e-12, 1e-8, 1e-4, 1.0], ["0", "$10^{-12}$", "$10^{-8}$", "$10^{-4}$", "1"])
    axes.minorticks_off()


def _liveliest(potentials: FloatArray) -> int:
    """The traced cell whose potential varies most."""
    return int(np.argmax(potentials.std(axis=0)))


def _window(run: Observation, agreements: Sequence[Agreement]) -> tuple[float, float]:
    """A stretch short enough to see single spikes, around the first difference where there is one."""
    length = min(_TRACE_WINDOW_MS, run.duration_ms)
    differences = [pair.first_difference_ms for pair in agreements if pair.first_difference_ms is not None]
    if not differences:
        return 0.0, length
    start = min(max(0.0, min(differences) - 0.4 * length), run.duration_ms - length)
    return start, start + length


def _draw_distribution(
    axes: Any, label: str, samples: Sequence[FloatArray], distance: float | None, spacing: float
) -> None:
    """Histograms of the samples; their values are multiples of `spacing`, unless that is 0."""
    pooled = np.concatenate(samples)
    axes.set_xlabel(label, labelpad=2)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    if pooled.size < 2:
        axes.text(0.5, 0.5, "too few spikes", transform=axes.transAxes, ha="center", color="#808690")
        return
    bins = _bins(pooled, spacing)
    for i, sample in enumerate(samples):
        if not sample.size:
            continue
        heights = np.histogram(sample, bins=bins)[0] / len(sample)
        colour = COLOURS[i % len(COLOURS)]
        if i == 0:
            axes.stairs(heights, bins, fill=True, color=colour, alpha=0.38)
        else:
            axes.stairs(heights, bins, color=colour, linewidth=1.1)
    if distance is not None:
        axes.set_title(f"KS distance {distance:.3f}", loc="right", fontsize=8, color="#505660", pad=3)


def _bins(values: FloatArray, spacing: float) -> FloatArray:
    """About 36 edges over nearly all values. Bins are as wide as several multiples of `spacing`, so that none is empty
    because no value can lie in it."""
    low, high = np.quantile(values, [0.0, 0.998])
    high = high if high > low else low + 1.0
    if spacing <= 0:
        return np.linspace(low, high, 36)
    width = spacing * max(1, round((high - low) / 36 / spacing))
    return np.arange(low - 0.5 * spacing, high + 1.5 * width, width)
