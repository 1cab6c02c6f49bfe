"""Figures of recorded data in a few lines: ``Figure(Panel(signal), Panel(spiketrains)).save("run.png")``.

A Panel takes whatever get_data() gives and chooses the plot; axes are labelled with name and unit.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pyNN.errors import InvalidParameterValueError, MissingPackageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEFAULT_FIG_SETTINGS: dict[str, Any] = {
    "lines.linewidth": 0.8,
    "axes.linewidth": 0.6,
    "axes.labelsize": "small",
    "axes.titlesize": "small",
    "xtick.labelsize": "small",
    "ytick.labelsize": "small",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.fontsize": "small",
    "legend.frameon": False,
    "font.size": 8,
    "savefig.dpi": 150,
}
"""Matplotlib's rcParams for figures made here."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, which colour-blind readers can tell apart."""

_MOST_IN_LEGEND = 8
_NAMES = {
    "v": "Membrane potential",
    "gsyn_exc": "Exc. conductance",
    "gsyn_inh": "Inh. conductance",
    "isyn_exc": "Exc. current",
    "isyn_inh": "Inh. current",
}


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot
    except ImportError as error:
        raise MissingPackageError(
            "Plotting needs the package matplotlib. Install it with: pip install 'pynn-core[plot]'"
        ) from error
    return matplotlib.pyplot


class DataTable:
    """y against x, with an optional fitted curve."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x = np.asarray(x)
        self.y = np.asarray(y)
        if self.x.shape != self.y.shape:
            raise InvalidParameterValueError(f"x has shape {self.x.shape}, but y has {self.y.shape}; they must agree.")
        self._f: Any = None
        self.p: Any = None

    def fit_curve(self, f: Any, p0: Any, **fitting_parameters: Any) -> tuple[Any, Any]:
        """Fit ``f(x, *p)``, starting from `p0`, by scipy.optimize.curve_fit: (p, covariance). Panels draw the curve."""
        from scipy.optimize import curve_fit

        self._f = f
        self.p, covariance = curve_fit(f, self.x, self.y, p0, **fitting_parameters)
        return self.p, covariance

    @property
    def y_fit(self) -> Any:
        """The fitted curve at x; fit_curve() comes first."""
        if self._f is None:
            raise InvalidParameterValueError("There is no fitted curve yet; call fit_curve(f, p0) first.")
        return self._f(self.x, *self.p)

    @property
    def is_fitted(self) -> bool:
        return self._f is not None


class Histogram:
    """Counts of values in bins; iterating gives (left edge, count)."""

    def __init__(self, data: Any) -> None:
        self.data = np.asarray(data, dtype=float).ravel()
        self.evaluated = False
        self.label = "Value"
        """What is counted, as the horizontal axis says it."""

    def evaluate(self) -> None:
        """Compute `values` (counts) and `bins` (edges)."""
        if not self.evaluated:
            # The automatic number of bins follows the spread of the data; far outliers must not make it explode.
            edges = np.histogram_bin_edges(self.data, bins="auto") if self.data.size else np.array([0.0, 1.0])
            self.values, self.bins = np.histogram(self.data, bins=min(200, max(1, len(edges) - 1)))
            self.evaluated = True

    def __iter__(self) -> Iterator[tuple[float, int]]:
        self.evaluate()
        return iter(zip(self.bins[:-1].tolist(), self.values.tolist(), strict=True))


class Panel:
    """One or several things on one pair of axes.

    `data`: AnalogSignal (all its channels), IrregularlySampledSignal, list of SpikeTrain, SpikeTrainList, 2-D array
    (an image), DataTable, Histogram. Options: `data_labels`, `line_properties` (a list of dicts, one a data item);
    `xlabel`, `ylabel`, `title`, `xlim`, `ylim`, `xticks`, `yticks` (bool), `legend` (bool or location); others, such
    as `color` or `linewidth`, go to matplotlib.
    """

    def __init__(self, *data: Any, **options: Any) -> None:
        self.data = list(data)
        self.options = dict(options)
        self.data_labels = self._one_for_each("data_labels", None)
        self.line_properties = self._one_for_each("line_properties", {})

    def _one_for_each(self, name: str, default: Any) -> list[Any]:
        given = self.options.pop(name, None)
        values = [default] * len(self.data) if given is None else list(given)
        if len(values) != len(self.data):
            raise InvalidParameterValueError(
                f"{name} has {len(values)} items for {len(self.data)} data; one each is needed."
            )
        return values

    @property
    def over_time(self) -> bool:
        """Whether the horizontal axis is time."""
        return not any(isinstance(d, (DataTable, Histogram)) or _is_image(d) for d in self.data)

    def plot(self, axes: Axes) -> None:
        """Draw everything on `axes`."""
        for k, (datum, label, properties) in enumerate(
            zip(self.data, self.data_labels, self.line_properties, strict=True)
        ):
            options = {**self.options, **properties}
            if len(self.data) > 1:
                options.setdefault("color", COLOURS[k % len(COLOURS)])
            self._plot_one(axes, datum, label or "", options)
        self._legend(axes)

    def _plot_one(self, axes: Axes, datum: Any, label: str, options: dict[str, Any]) -> None:
        if _is_spiketrains(datum):
            plot_spiketrainlist(axes, datum, label=label, **options)
        elif type(datum).__name__ == "SpikeTrain":
            plot_spiketrains(axes, [datum], label=label, **options)
        elif isinstance(datum, DataTable):
            scatterplot(axes, datum, label=label, **options)
        elif isinstance(datum, Histogram):
            plot_hist(axes, datum, label=label, **options)
        elif hasattr(datum, "times") and hasattr(datum, "units"):
            if datum.ndim > 1 and datum.shape[1] > 1:
                plot_signals(axes, datum, label_prefix=label, **options)
            else:
                plot_signal(axes, datum, label=label, **options)
        elif _is_image(datum):
            plot_array_as_image(axes, datum, label=label, **options)
        else:
            raise InvalidParameterValueError(
                f"A Panel cannot plot {type(datum).__name__}. It takes AnalogSignal, IrregularlySampledSignal, "
                "SpikeTrainList, a list of SpikeTrain, a 2-D array, DataTable or Histogram."
            )

    def _legend(self, axes: Axes) -> None:
        wanted = self.options.get("legend", True)
        handles, labels = axes.get_legend_handles_labels()
        if wanted is not False and 0 < len(labels) <= 2 * _MOST_IN_LEGEND:
            if isinstance(wanted, str):
                place: Any = wanted
                axes.legend(handles, labels, loc=place)
            else:
                # Beside the axes, where it hides no data.
                axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)


class Figure:
    """Panels below each other, with a title and a line of annotations.

    Options: `title`, `annotations` (text below the panels), `settings` (rcParams, beside DEFAULT_FIG_SETTINGS), `size`
    (inches). `fig` is the matplotlib figure.
    """

    def __init__(self, *panels: Panel, **options: Any) -> None:
        if not panels:
            raise InvalidParameterValueError("A Figure needs at least one Panel.")
        known = {"title", "annotations", "settings", "size"}
        if unknown := sorted(set(options) - known):
            raise InvalidParameterValueError(f"Figure has no option {', '.join(unknown)}. Options: {sorted(known)}.")
        plt = _pyplot()
        from cycler import cycler

        settings = {"axes.prop_cycle": cycler(color=COLOURS), **DEFAULT_FIG_SETTINGS, **(options.get("settings") or {})}
        self._settings = settings
        size = options.get("size") or (7.0, min(20.0, 0.8 + 1.9 * len(panels)))
        with plt.rc_context(settings):
            self.fig = plt.figure(figsize=size, layout="constrained")
            axes = self.fig.subplots(len(panels), 1, squeeze=False)[:, 0]
            for k, (panel, axis) in enumerate(zip(panels, axes, strict=True)):
                self._plot(panel, axis, labelled=not panel.over_time or not _followed_by_time(panels, k))
            self.fig.align_ylabels()
            if options.get("title"):
                self.fig.suptitle(options["title"], fontsize="medium")
            if options.get("annotations"):
                self.fig.supxlabel(str(options["annotations"]), fontsize="x-small", color="0.35", x=0.01, ha="left")

    @staticmethod
    def _plot(panel: Panel, axes: Axes, labelled: bool) -> None:
        panel.plot(axes)
        if not labelled and "xlabel" not in panel.options:
            axes.set_xlabel("")
        if not labelled and "xticks" not in panel.options:
            axes.tick_params(labelbottom=False)

    def save(self, filename: str | os.PathLike[str]) -> None:
        """Write the figure to a file, in the format of its extension; a missing folder is made."""
        folder = os.path.dirname(os.path.abspath(filename))
        os.makedirs(folder, exist_ok=True)
        with _pyplot().rc_context(self._settings):
            self.fig.savefig(filename)

    def show(self) -> None:
        """Show the figure on the screen."""
        _pyplot().show()

    def close(self) -> None:
        """Free the figure's memory."""
        _pyplot().close(self.fig)


def _followed_by_time(panels: Sequence[Panel], k: int) -> bool:
    """Whether the next panel has the same time axis, which then serves both."""
    if k + 1 >= len(panels) or not panels[k + 1].over_time:
        return False
    return panels[k].options.get("xlim") == panels[k + 1].options.get("xlim")


def _is_image(datum: Any) -> bool:
    return isinstance(datum, np.ndarray) and not hasattr(datum, "times") and datum.ndim == 2


def _is_spiketrains(datum: Any) -> bool:
    if type(datum).__name__ == "SpikeTrainList":
        return True
    return isinstance(datum, (list, tuple)) and all(hasattr(item, "t_stop") for item in datum)


def handle_options(ax: Axes, options: dict[str, Any]) -> None:
    """Apply the options of axes to `ax` and take them out of `options`; what is left is for matplotlib's plot()."""
    if options.pop("xticks", True) is False:
        ax.tick_params(labelbottom=False)
    if options.pop("yticks", True) is False:
        ax.tick_params(labelleft=False)
    for name in ("xlabel", "ylabel", "title", "xlim", "ylim"):
        value = options.pop(name, None)
        if value is not None:
            getattr(ax, f"set_{name}")(value)
    options.pop("legend", None)


def _unit(quantity: Any) -> str:
    unit = quantity.units.dimensionality.unicode
    return "" if unit == "dimensionless" else unit.replace("uS", "µS")


def _label_of(signal: Any) -> str:
    """Name and unit of a signal, such as "Membrane potential (mV)"."""
    name = signal.name or "Signal"
    text = _NAMES.get(name, name)
    unit = _unit(signal)
    return f"{text} ({unit})" if unit else text


def _is_set(ax: Axes, which: str) -> bool:
    return bool(getattr(ax, f"get_{which}label")())


def _label_axes(ax: Axes, xlabel: str, ylabel: str) -> None:
    """Default labels, where the user has given none."""
    if not _is_set(ax, "x"):
        ax.set_xlabel(xlabel)
    if not _is_set(ax, "y"):
        ax.set_ylabel(ylabel)


def plot_signal(ax: Axes, signal: Any, index: int | None = None, label: str = "", **options: Any) -> None:
    """One channel of a signal against time: channel `index` where there are several."""
    handle_options(ax, options)
    values = signal if signal.ndim == 1 else signal[:, 0 if index is None else index]
    ax.plot(signal.times.rescale("ms").magnitude, np.asarray(values.magnitude).ravel(), label=label or None, **options)
    _label_axes(ax, "Time (ms)", _label_of(signal))
    ax.margins(x=0)


def plot_signals(ax: Axes, signal_array: Any, label_prefix: str = "", **options: Any) -> None:
    """Every channel of a signal against time, with the index of each cell in the legend where there are few."""
    handle_options(ax, options)
    offset = options.pop("y_offset", None)
    times = signal_array.times.rescale("ms").magnitude
    channels = signal_array.array_annotations.get("channel_index", np.arange(signal_array.shape[1]))
    few = len(channels) <= _MOST_IN_LEGEND
    if not few:
        options.setdefault("linewidth", 0.4)
        options.setdefault("alpha", 0.7)
    for k, channel in enumerate(np.asarray(channels).tolist()):
        values = signal_array.magnitude[:, k] + (0.0 if offset is None else k * float(offset))
        one_colour = "color" in options
        label = f"{label_prefix} {channel}".strip() if few and not one_colour else (label_prefix if k == 0 else "")
        ax.plot(times, values, label=label or None, **options)
    _label_axes(ax, "Time (ms)", _label_of(signal_array))
    ax.margins(x=0)


def plot_spiketrains(ax: Axes, spiketrains: Any, label: str = "", **options: Any) -> None:
    """A raster of a list of SpikeTrain: one row a cell, at its `source_index`."""
    trains = list(spiketrains)
    handle_options(ax, options)
    rows = [int(train.annotations.get("source_index", k)) for k, train in enumerate(trains)]
    sizes = [train.size for train in trains]
    times = np.concatenate([train.rescale("ms").magnitude for train in trains]) if trains else np.empty(0)
    marks: dict[str, Any] = {"linestyle": "none", "color": COLOURS[0]}
    # Strokes as long as a row while rows are wide enough to see them; for large populations dots, that are the smaller
    # the more of them share the panel.
    if len(trains) <= 40:
        marks |= {"marker": "|", "markersize": 5}
    else:
        marks |= {"marker": ".", "markersize": float(np.clip(60.0 / np.sqrt(times.size + 1.0), 1.2, 4.0))}
        marks["markeredgewidth"] = 0
    marks |= {key: value for key, value in options.items() if key != "linewidth"}
    ax.plot(times, np.repeat(rows, sizes), label=label or None, **marks)
    if trains:
        # Silent cells, and the time before the first and after the last spike, belong into the picture.
        begin = min(float(train.t_start.rescale("ms").magnitude) for train in trains)
        end = max(float(train.t_stop.rescale("ms").magnitude) for train in trains)
        ax.update_datalim([(begin, min(rows) - 0.5), (end, max(rows) + 0.5)])
        ax.margins(x=0, y=0.02)
        ax.autoscale_view()
    _label_axes(ax, "Time (ms)", "Neuron index")


def plot_spiketrainlist(ax: Axes, spiketrains: Any, label: str = "", **options: Any) -> None:
    """A raster of a SpikeTrainList."""
    plot_spiketrains(ax, spiketrains, label=label, **options)


def plot_array_as_image(ax: Axes, arr: Any, label: str = "", **options: Any) -> None:
    """A 2-D array (a weight matrix, say) as colours, with a colour bar; NaN stays blank."""
    handle_options(ax, options)
    if "color" in options:
        del options["color"]
    options.setdefault("interpolation", "nearest")
    options.setdefault("aspect", "auto")
    image = ax.imshow(np.asarray(arr, dtype=float), **options)
    # Close to the image, whatever room the panels above and below need on the right.
    ax.figure.colorbar(image, cax=ax.inset_axes((1.01, 0.0, 0.015, 1.0)), label=label)
    _label_axes(ax, "Column", "Row")


def scatterplot(ax: Axes, data_table: DataTable, label: str = "", **options: Any) -> None:
    """The points of a DataTable, and its fitted curve if there is one; show_fit=False leaves the curve away."""
    show_fit = options.pop("show_fit", True)
    handle_options(ax, options)
    options.setdefault("marker", "o")
    options.setdefault("markersize", 3)
    options.setdefault("linestyle", "none")
    points = ax.plot(data_table.x, data_table.y, label=label or None, **options)
    if data_table.is_fitted and show_fit:
        order = np.argsort(data_table.x)
        ax.plot(data_table.x[order], data_table.y_fit[order], color=points[0].get_color(), linewidth=0.8)
    _label_axes(ax, "x", "y")


def plot_hist(ax: Axes, histogram: Histogram, label: str = "", **options: Any) -> None:
    """A Histogram as bars."""
    handle_options(ax, options)
    histogram.evaluate()
    options.setdefault("alpha", 0.7)
    options.setdefault("color", COLOURS[0])
    ax.bar(histogram.bins[:-1], histogram.values, np.diff(histogram.bins), align="edge", label=label or None, **options)
    _label_axes(ax, histogram.label, "Count")


def variable_names(segment: Any) -> set[str]:
    """Names of the signals in a segment."""
    return {signal.name for signal in segment.analogsignals}


def comparison_plot(
    segments: Sequence[Any],
    labels: Sequence[str],
    title: str = "",
    annotations: str | None = None,
    fig_settings: Mapping[str, Any] | None = None,
    with_spikes: bool = True,
) -> Figure:
    """Each variable of several segments (of different backends, say) on axes of its own, one colour a segment."""
    if len(segments) != len(labels):
        raise InvalidParameterValueError(
            f"There are {len(segments)} segments and {len(labels)} labels; one each is needed."
        )
    panels = []
    for name in sorted(set().union(*(variable_names(segment) for segment in segments))):
        found = [
            (signal, label) for segment, label in zip(segments, labels, strict=True)
            for signal in segment.analogsignals if signal.name == name
        ]  # fmt: skip
        # The second is drawn dashed, so that two curves that agree are both seen.
        properties = [
            {"color": COLOURS[k % len(COLOURS)], "linestyle": "-" if k == 0 else "--"} for k in range(len(found))
        ]
        panels.append(
            Panel(*(s for s, _ in found), data_labels=[label for _, label in found], line_properties=properties)
        )
    if with_spikes:
        with_trains = [(s, label) for s, label in zip(segments, labels, strict=True) if len(s.spiketrains)]
        if with_trains:
            markers = [{"marker": "|", "markersize": 6}, {"marker": ".", "markersize": 2}]
            panels.append(
                Panel(
                    *(s.spiketrains for s, _ in with_trains),
                    data_labels=[label for _, label in with_trains],
                    line_properties=[markers[min(k, 1)] for k in range(len(with_trains))],
                )
            )
    if not panels:
        raise InvalidParameterValueError("The segments hold neither signals nor spike trains; nothing can be plotted.")
    return Figure(*panels, title=title, annotations=annotations, settings=dict(fig_settings or {}))


def isi_histogram(segment: Any) -> Histogram:
    """Histogram of the inter-spike intervals (ms) of all cells of a segment."""
    intervals = [np.diff(np.sort(train.rescale("ms").magnitude)) for train in segment.spiketrains]
    histogram = Histogram(np.concatenate(intervals) if intervals else [])
    histogram.label = "Inter-spike interval (ms)"
    return histogram


def connection_plot(
    projection: Any, positive: str = "O", zero: str = ".", empty: str = " ", spacer: str = ""
) -> str:
    """The connection matrix as text: one row a presynaptic cell, one character a postsynaptic one."""
    weights = np.asarray(projection.get("weight", format="array"), dtype=float)
    characters = np.full(weights.shape, empty, dtype=object)
    # A negative weight is a connection as well.
    characters[np.isfinite(weights) & (weights != 0)] = positive
    characters[weights == 0] = zero
    return "\n".join(spacer.join(row) for row in characters)
