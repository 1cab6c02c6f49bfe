"""What the command line tool prints: tables and verdicts, as rich renderables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pyNN.cli.analysis import Distance
from pyNN.cli.comparison import DISTRIBUTIONS, Agreement, Comparison


def backends_table(comparison: Comparison) -> Table:
    """One row a backend: size, time, memory, activity."""
    table = _table()
    table.add_column("backend", style="bold")
    for heading in ("cells", "connections", "build s", "run s", "memory MB", "E Hz", "I Hz", "CV ISI"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, run in comparison.runs.items():
        own = comparison.activities[name]
        excitatory = own.rate if own.rate_excitatory is None and own.rate_inhibitory is None else own.rate_excitatory
        table.add_row(
            name,
            f"{run.facts['cells']:,}",
            f"{run.facts['connections']:,}",
            f"{run.facts['build_s']:.2f}",
            f"{run.facts['run_s']:.2f}",
            f"{run.facts['peak_memory_mb']:,.0f}",
            _number(excitatory, ".2f"),
            _number(own.rate_inhibitory, ".2f"),
            _number(own.mean_cv, ".3f"),
        )
    return table


def agreement_table(pair: Agreement) -> RenderableType:
    """The agreement of two backends, a line a measure."""
    table = _table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    table.add_row("connections", _yes("identical") if pair.connections_identical else _no("different"))
    table.add_row("first different spike", _first_difference(pair))
    table.add_row("identical spikes", f"{_percent(pair.identical_spike_fraction)} of {max(pair.spikes):,}")
    when = "before that" if pair.first_difference_ms is not None else "throughout"
    table.add_row(
        "largest |dV|", "no trace in common" if pair.max_abs_dv_mv is None else f"{pair.max_abs_dv_mv:.2g} mV {when}"
    )
    for name, distance in pair.distances.items():
        table.add_row(f"distribution of {DISTRIBUTIONS[name]}", _distance(distance))
    return Group(Text(f"Agreement of {pair.names[0]} and {pair.names[1]}", style="bold"), table)


def verdict(comparison: Comparison, requirement: str | None) -> Text:
    """One line: what agreement was reached and, if one was required, whether it suffices."""
    if requirement is None:
        identical = all(a.identical for a in comparison.agreements)
        statistical = all(a.statistical for a in comparison.agreements)
        if identical:
            return _yes("Spike trains are identical.")
        return _yes("Spike trains are statistically alike.") if statistical else _no("Spike trains differ.")
    if all(a.satisfies(requirement) for a in comparison.agreements):
        return _yes(f"Passed: agreement is {requirement}, as required.")
    reasons = [
        f"{pair.names[0]} and {pair.names[1]}: {'; '.join(pair.shortcomings(requirement))}"
        for pair in comparison.agreements
        if not pair.satisfies(requirement)
    ]
    return _no(f"Failed: agreement is not {requirement}. " + ". ".join(reasons) + ".")


def findings_table(findings: Iterable[Any]) -> Table:
    """One row a finding of `pynn check`."""
    table = _table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(style="bold")
    table.add_column()
    for finding in findings:
        mark = Text("error", style="bold red") if finding.level == "error" else Text("warning", style="yellow")
        table.add_row(mark, Text(finding.where), Text(finding.message))
    return table


def _table(**options: Any) -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", **options)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _percent(fraction: float) -> str:
    """A percentage that says 100 % only when it is all of them, and 0 % only when it is none."""
    if fraction in (0.0, 1.0):
        return f"{100 * fraction:.0f} %"
    return f"{min(max(100 * fraction, 0.01), 99.99):.2f} %"


def _first_difference(pair: Agreement) -> Text:
    if pair.first_difference_ms is None:
        return _yes("none") if max(pair.spikes) else Text("none: neither has a spike", style="yellow")
    return Text(f"at {pair.first_difference_ms:g} ms", style="yellow")


def _distance(distance: Distance) -> Text:
    if distance.distance is None or distance.p_value is None:
        return Text(f"too few values ({distance.sizes[0]} and {distance.sizes[1]})", style="yellow")
    text = f"KS distance {distance.distance:.3f}, p = {distance.p_value:.2g}"
    return Text(text) if distance.agrees else Text(text, style="yellow")


def _yes(text: str) -> Text:
    return Text(text, style="green")


def _no(text: str) -> Text:
    return Text(text, style="red")


def counts_table(populations: Iterable[dict[str, Any]], projections: Iterable[dict[str, Any]]) -> Table:
    """Populations and projections with their sizes."""
    table = _table()
    table.add_column("population or projection")
    table.add_column("model or receptor")
    table.add_column("size", justify="right")
    for entry in populations:
        table.add_row(Text(entry["label"]), entry.get("model", ""), _count(entry.get("size")))
    for entry in projections:
        table.add_row(Text(entry["label"]), entry.get("receptor", ""), _count(entry.get("connections")))
    return table


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
