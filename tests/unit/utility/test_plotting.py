"""Figures: what is on the axes, read back from matplotlib; not how it looks."""

from __future__ import annotations

import builtins
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib
import neo
import numpy as np
import pytest
import quantities as pq

from pyNN.errors import InvalidParameterValueError, MissingPackageError
from pyNN.utility.plotting import (
    DataTable,
    Figure,
    Histogram,
    Panel,
    comparison_plot,
    connection_plot,
    isi_histogram,
    plot_signal,
    variable_names,
)

matplotlib.use("Agg")


def signal(name: str = "v", units: str = "mV", channels: int = 3) -> Any:
    return neo.AnalogSignal(
        np.arange(11.0 * channels).reshape(11, channels),
        units=units,
        sampling_period=0.5 * pq.ms,
        name=name,
        array_annotations={"channel_index": 10 + np.arange(channels)},
    )


def trains() -> list[Any]:
    spikes: list[list[float]] = [[1.0, 2.0, 4.0], [], [3.0]]
    return [neo.SpikeTrain(s, t_stop=5.0, units="ms", source_index=4 + k) for k, s in enumerate(spikes)]


def segment() -> Any:
    made = neo.Segment()
    made.analogsignals.extend([signal(channels=1), signal("gsyn_exc", "uS", 1)])
    made.spiketrains.extend(trains())
    return made


def axes_of(figure: Figure) -> list[Any]:
    return figure.fig.axes


@pytest.fixture(autouse=True)
def closed() -> Any:
    yield
    import matplotlib.pyplot

    matplotlib.pyplot.close("all")


def test_panels_have_labels_units_and_one_time_axis() -> None:
    panels = [Panel(signal()), Panel(signal("gsyn_exc", "uS")), Panel(trains())]
    figure = Figure(*panels, title="T", annotations="made here")
    v, g, raster = axes_of(figure)
    assert (v.get_ylabel(), g.get_ylabel()) == ("Membrane potential (mV)", "Exc. conductance (µS)")
    assert raster.get_ylabel() == "Neuron index"
    assert [a.get_xlabel() for a in (v, g, raster)] == ["", "", "Time (ms)"]
    assert [line.get_label() for line in v.lines] == ["10", "11", "12"]
    # Neo computes the times from the sampling rate, in seconds or so: two roundings.
    np.testing.assert_allclose(v.lines[1].get_xdata(), np.arange(11) * 0.5, rtol=1e-15)
    np.testing.assert_array_equal(v.lines[1].get_ydata(), signal().magnitude[:, 1])
    assert figure.fig.get_suptitle() == "T"
    assert figure.fig.get_supxlabel() == "made here"


def test_a_raster_shows_every_spike_and_room_for_silent_cells() -> None:
    (raster,) = axes_of(Figure(Panel(trains())))
    (marks,) = raster.lines
    assert sorted(zip(marks.get_xdata(), marks.get_ydata(), strict=True)) == [(1, 4), (2, 4), (3, 6), (4, 4)]
    assert raster.get_xlim() == (0.0, 5.0)
    low, high = raster.get_ylim()
    assert low < 4
    assert high > 6


def test_options_reach_the_axes_and_the_lines() -> None:
    panel = Panel(
        signal(channels=1),
        signal(channels=1),
        data_labels=["a", "b"],
        line_properties=[{"linewidth": 2.0}, {"linestyle": "--"}],
        xlabel="t", ylabel="V", title="two", xlim=(0, 3), ylim=(-1, 20), yticks=False, color="k", legend="lower left",
    )  # fmt: skip
    (axes,) = axes_of(Figure(panel))
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("t", "V", "two")
    assert (axes.get_xlim(), axes.get_ylim()) == ((0.0, 3.0), (-1.0, 20.0))
    assert [line.get_label() for line in axes.lines] == ["a", "b"]
    assert [line.get_color() for line in axes.lines] == ["k", "k"]
    assert axes.lines[0].get_linewidth() == 2.0
    assert axes.lines[1].get_linestyle() == "--"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_every_kind_of_data_has_a_plot() -> None:
    irregular = neo.IrregularlySampledSignal([0.0, 1.0, 4.0] * pq.ms, [1.0, 2.0, 3.0] * pq.nA, name="i")
    image = np.array([[1.0, np.nan], [0.0, 2.0]])
    table = DataTable([0.0, 1.0, 2.0], [1.0, 3.0, 5.0])
    table.fit_curve(lambda x, a, b: a * x + b, [1.0, 0.0])
    figure = Figure(
        Panel(irregular), Panel(trains()[0]), Panel(segment().spiketrains), Panel(image), Panel(table),
        Panel(Histogram([1.0, 1.0, 2.0])), Panel(signal(channels=20)),
    )  # fmt: skip
    i, one, raster, matrix, scatter, bars, many = axes_of(figure)[:7]
    assert i.get_ylabel() == "i (nA)"
    assert one.lines[0].get_ydata().tolist() == [4, 4, 4]
    assert len(raster.lines[0].get_xdata()) == 4
    np.testing.assert_array_equal(np.ma.getdata(matrix.images[0].get_array()), image)
    np.testing.assert_allclose(scatter.lines[1].get_ydata(), [1.0, 3.0, 5.0], rtol=1e-8)
    assert sum(patch.get_height() for patch in bars.patches) == 3
    assert len(many.lines) == 20
    assert many.get_legend() is None


def test_a_fit_recovers_the_line_that_made_the_points() -> None:
    x = np.linspace(0.0, 1.0, 9)
    table = DataTable(x, 3.0 * x - 1.0)
    with pytest.raises(InvalidParameterValueError, match="fit_curve"):
        _ = table.y_fit
    p, _ = table.fit_curve(lambda x, a, b: a * x + b, [1.0, 1.0])
    np.testing.assert_allclose(p, [3.0, -1.0], rtol=1e-7)
    np.testing.assert_allclose(table.y_fit, table.y, rtol=1e-7, atol=1e-8)
    with pytest.raises(InvalidParameterValueError, match="must agree"):
        DataTable([1, 2], [1])


def test_a_histogram_counts_like_numpy() -> None:
    data = np.random.default_rng(1).normal(size=500)
    histogram = Histogram(data)
    histogram.evaluate()
    counts, edges = np.histogram(data, bins="auto")
    np.testing.assert_array_equal(histogram.values, counts)
    assert list(histogram) == list(zip(edges[:-1].tolist(), counts.tolist(), strict=True))
    assert sum(count for _, count in Histogram([])) == 0


def test_isi_histogram_holds_the_intervals_of_all_cells() -> None:
    assert sorted(isi_histogram(segment()).data.tolist()) == [1.0, 2.0]


def test_comparison_plot_lays_segments_over_each_other() -> None:
    figure = comparison_plot([segment(), segment()], ["reference", "nest"], title="both")
    g, v, raster = axes_of(figure)
    for axes in (g, v, raster):
        assert [line.get_label() for line in axes.lines] == ["reference", "nest"]
    assert v.lines[0].get_color() != v.lines[1].get_color()
    with pytest.raises(InvalidParameterValueError, match="2 segments and 1 labels"):
        comparison_plot([segment(), segment()], ["one"])
    with pytest.raises(InvalidParameterValueError, match="nothing"):
        comparison_plot([neo.Segment()], ["empty"])


def test_the_colour_bar_stands_beside_its_image_whatever_the_other_panels_need() -> None:
    figure = Figure(Panel(signal(), data_labels=["a long label"]), Panel(np.eye(3), data_labels=["Weight (µS)"]))
    figure.fig.canvas.draw()
    trace, image = axes_of(figure)[:2]
    bar = image.child_axes[0]
    assert bar.get_ylabel() == "Weight (µS)"
    gap = bar.get_position().x0 - image.get_position().x1
    assert 0.0 < gap < 0.02  # as a part of the figure's width
    assert image.get_position().width == pytest.approx(trace.get_position().width)


def test_dots_of_a_large_raster_are_the_smaller_the_more_there_are() -> None:
    def size(cells: int, spikes: int) -> float:
        trains = [neo.SpikeTrain(np.linspace(0, 9, spikes), t_stop=10.0, units="ms") for _ in range(cells)]
        (line,) = axes_of(Figure(Panel(trains)))[0].lines
        assert line.get_marker() == "."
        return float(line.get_markersize())

    sizes = [size(50, spikes) for spikes in (1, 20, 1000)]
    assert sizes[0] > sizes[1] > sizes[2] >= 1.0


def test_an_isi_histogram_says_what_it_counts() -> None:
    (axes,) = axes_of(Figure(Panel(isi_histogram(segment()))))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Inter-spike interval (ms)", "Count")


def test_a_fitted_curve_can_be_left_away() -> None:
    table = DataTable([0.0, 1.0, 2.0], [1.0, 3.0, 5.0])
    table.fit_curve(lambda x, a, b: a * x + b, [1.0, 0.0])
    assert [len(axes_of(Figure(Panel(table, show_fit=show)))[0].lines) for show in (True, False)] == [2, 1]


def test_connection_plot_draws_the_matrix() -> None:
    weights = np.array([[0.1, 0.0, np.nan], [np.nan, -0.2, 0.3]])
    projection = SimpleNamespace(get=lambda name, format: weights)
    assert connection_plot(projection) == "O. \n OO"
    assert connection_plot(projection, "x", "o", "_", " ") == "x o _\n_ x x"


def test_variable_names_and_single_channel() -> None:
    assert variable_names(segment()) == {"v", "gsyn_exc"}
    axes = matplotlib.figure.Figure().subplots()
    plot_signal(axes, signal(), index=2)
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), signal().magnitude[:, 2])


@pytest.mark.parametrize("extension", ["png", "pdf", "svg"])
def test_a_figure_is_saved_in_a_folder_that_is_made(tmp_path: Path, extension: str) -> None:
    figure = Figure(Panel(trains()), settings={"font.size": 11})
    figure.save(tmp_path / "figures" / f"x.{extension}")
    begin = (tmp_path / "figures" / f"x.{extension}").read_bytes()[:500]
    assert {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<svg"}[extension] in begin
    assert matplotlib.rcParams["font.size"] != 11


def test_what_cannot_be_plotted_is_refused(monkeypatch: Any) -> None:
    with pytest.raises(InvalidParameterValueError, match="cannot plot dict.*AnalogSignal"):
        Figure(Panel({"v": 1}))
    with pytest.raises(InvalidParameterValueError, match="at least one Panel"):
        Figure()
    with pytest.raises(InvalidParameterValueError, match="no option tilte"):
        Figure(Panel(trains()), tilte="x")
    with pytest.raises(InvalidParameterValueError, match="data_labels has 1 items for 2 data"):
        Panel(signal(), signal(), data_labels=["a"])
    real = builtins.__import__

    def without_matplotlib(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(MissingPackageError, match=r"pip install 'pynn-core\[plot\]'"):
        Figure(Panel(trains()))
