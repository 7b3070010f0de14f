"""A report as one page: everything in it, nothing asked of a network, readable without a script and on paper."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from html import escape
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ..carbon import footprint
from ..model import Columns
from ..units import duration
from . import accounts, embedded
from .amounts import energy, net
from .bars import Bar, drawing
from .cells import charge_together, joules_of, name, outer, table
from .drawing import chart, most, top
from .evidence import Evidence
from .figures import layout, template
from .findings import Finding
from .panels import Line, Panel, panels
from .picture import image
from .tables import as_html, sentences
from .thinning import halved

LIMIT = 380_000
"""Characters of a page, Plotly's bundle apart: where it would have more, its charts and its table get fewer rows."""
FEWEST = 60
"""Rows below which charts are no use: a page with more GPUs than that is as long as it is."""
TOLD = ("power", "utilization", "memory_used", "temperature")
"""Metrics whose charts are told in numbers too."""
DEAREST = 5
"""Cells that are shown as bars."""
FULL_RATE = " Every sample is in the recording: gpumon export."


class Chart(NamedTuple):
    """What the charts are drawn from."""

    panels: Sequence[Panel]
    columns: Columns
    tops: Sequence[float]


def page(evidence: Evidence, plotly: str = "none") -> str:
    """The page, as HTML.

    Args:
        evidence: what to report.
        plotly: ``none`` (charts of our own: the same moment in each, zoom, GPUs shown and hidden), ``inline`` (Plotly's
            whole bundle in the page, some 2 MB) or ``cdn`` (a link to it; without it, the charts of our own).

    Raises:
        GpuMonError: Plotly is asked for and not installed.
    """
    library = embedded.plotly(plotly)
    made = _page(evidence, plotly, library)
    while len(made) - len(library) > LIMIT and evidence.columns and len(evidence.columns.time) > FEWEST:
        evidence = replace(evidence, columns=halved(evidence.columns))
        made = _page(evidence, plotly, library)
    return made


def _page(evidence: Evidence, plotly: str, library: str) -> str:
    drawn = _charts(evidence)
    body = [
        _head(evidence),
        _tiles(evidence, drawn),
        _section("Findings", _findings(evidence)),
        _section("Charts", _panels(drawn, evidence, plotly) if drawn else ""),
        _section("Energy", _energy(evidence)),
        _section("Cells", _cells(evidence)),
        *(_section(heading, _wide(as_html(head, rows))) for heading, head, rows in evidence.tables),
        _section(
            "Environment",
            _wide(as_html(("what", "which"), evidence.environment, words=2)) if evidence.environment else "",
        ),
        _section("Method", sentences([*evidence.method, *evidence.notes])),
        _section("Data", _data(drawn, evidence) if drawn else ""),
        _foot(plotly if drawn else "none"),
    ]
    scripts = _scripts(drawn) if drawn else ""
    style = f"<style>{_asset('page.css')}</style>{library if drawn else ''}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(plotly)}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(evidence.title)}</title>'
        f"{style}</head><body>{''.join(body)}{scripts}</body></html>\n"
    )


def _policy(plotly: str) -> str:
    """The page forbids itself whatever it does not carry."""
    scripts = "'unsafe-inline'" + (" https://cdn.plot.ly" if plotly == "cdn" else "")
    return f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {scripts}"


@cache
def _asset(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8")


def _charts(evidence: Evidence) -> Chart | None:
    columns = evidence.columns
    if columns is None or not columns.time or columns.time[-1] <= columns.time[0]:
        return None
    found = panels(columns, evidence.devices)
    return Chart(found, columns, [top(panel, evidence.devices) for panel in found]) if found else None


def _section(heading: str, content: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{content}</section>" if content else ""


def _wide(content: str) -> str:
    """What may be wider than the page scrolls by itself."""
    return f'<div class="wide">{content}</div>'


def _head(evidence: Evidence) -> str:
    when = ""
    if evidence.start is not None and evidence.end is not None:
        begun = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(evidence.start))
        when = f" {begun} to {time.strftime('%H:%M:%S %Z', time.localtime(evidence.end))}."
    mark = '<p><span class="simulated">Simulated GPUs</span></p>' if evidence.simulated else ""
    return f'<h1>{escape(evidence.title)}</h1><p class="quiet">{escape(evidence.origin + when)}</p>{mark}'


def _tiles(evidence: Evidence, drawn: Chart | None) -> str:
    tiles = [*_of_energy(evidence), *(_peaks(drawn) if drawn else [])]
    cells = [f"<div><dt>{escape(what)}</dt><dd>{escape(value)}</dd></div>" for what, value in tiles]
    return f'<dl class="tiles">{"".join(cells)}</dl>' if cells else ""


def _of_energy(evidence: Evidence) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if evidence.start is not None and evidence.end is not None:
        found.append(("Duration", duration(evidence.end - evidence.start)))
    if evidence.accounts and evidence.watched:
        whole = accounts.together(evidence.accounts)
        found.append(("Energy of the GPUs", energy(whole)))
    if evidence.cells:
        cells = outer(evidence.cells)
        spent = charge_together(cells).whole
        found.append((f"Energy of {len(cells)} cells" if len(cells) > 1 else "Measured energy", energy(spent)))
        found += [("Net of idle power", net(spent).removeprefix("net "))] if net(spent) else []
    return [*found, *_footprint(evidence)]


def _footprint(evidence: Evidence) -> list[tuple[str, str]]:
    """Carbon and cost without their provenance, which stands under Method."""
    words = footprint.words(evidence.footprint) if evidence.footprint else ""
    parts = [part.split(" (")[0] for part in words.split(" · ") if part]
    return [("CO₂e" if "CO₂e" in part else "Cost", part.removesuffix(" CO₂e")) for part in parts]


def _peaks(drawn: Chart) -> list[tuple[str, str]]:
    """The greatest value of one GPU, of what everybody asks for."""
    wanted = {"power": "Peak power", "memory_used": "Peak memory", "temperature": "Peak temperature"}
    found = []
    for panel in (panel for panel in drawn.panels if panel.metric.name in wanted and not panel.host):
        value, line = max((most(line), line.name) for line in panel.lines)
        found.append((f"{wanted[panel.metric.name]}, {line}", panel.said(value)))
    return found


def _findings(evidence: Evidence) -> str:
    if not evidence.findings:
        return '<p class="quiet">Nothing was found that calls for attention.</p>'
    return f'<ul class="findings">{"".join(map(_finding, evidence.findings))}</ul>'


def _finding(finding: Finding) -> str:
    where = f"{finding.device}: " if finding.device else ""
    detail = f' <span class="quiet">{escape(finding.detail)}</span>' if finding.detail else ""
    level = escape(finding.level)
    return f'<li class="{level}"><span class="level">{level}</span> {escape(where + finding.title)}{detail}</li>'


def _panels(drawn: Chart, evidence: Evidence, plotly: str) -> str:
    times, step = drawn.columns.time, drawn.columns.step
    figures = "".join(
        f"<figure><figcaption><b>{escape(panel.title)}</b><output></output></figcaption>"
        f"{chart(panel, times, step, scale, evidence.bands)}</figure>"
        for panel, scale in zip(drawn.panels, drawn.tops, strict=True)
    )
    names = {line.name: line.colour for panel in drawn.panels for line in panel.lines}
    keys = "".join(_key(label, colour) for label, colour in names.items())
    place = '<div id="plotly"></div>' if plotly != "none" else ""
    how = f"A line goes through the lowest and the highest value of each {step:.3g} s."
    use = "Drag to zoom into all charts, double-click for all of it; a GPU's name shows and hides it."
    return (
        f'<p class="quiet">{how}</p><div class="drawn"><p class="quiet scripted">{use}</p>'
        f'<ul class="legend">{keys}</ul><div class="panels">{figures}</div></div>{place}{_trends(drawn)}'
    )


def _trends(drawn: Chart) -> str:
    """The charts in numbers: each GPU's mean and greatest value."""
    kept = [panel for panel in drawn.panels if panel.metric.name in TOLD and not panel.host]
    names = list(dict.fromkeys(line.name for panel in kept for line in panel.lines))
    lines = [{line.name: line for line in panel.lines} for panel in kept]
    head = ["GPU", *(words for panel in kept for words in (f"{panel.title}, mean", "most"))]
    rows = [[label, *chain(*map(_extent, kept, (of.get(label) for of in lines)))] for label in names]
    return _wide(as_html(head, rows)) if names else ""


def _extent(panel: Panel, line: Line | None) -> tuple[str, str]:
    means = [] if line is None else [value for value in line.mean if value is not None]
    if line is None or not means:
        return "—", "—"
    return panel.said(sum(means) / len(means)), panel.said(most(line))


def _key(label: str, colour: str) -> str:
    mark = f'<svg viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" rx="2" fill="{colour}"/></svg>'
    return f"<li>{mark}{escape(label)}</li>"


def _energy(evidence: Evidence) -> str:
    if not evidence.accounts:
        return ""
    head, rows = accounts.rows(evidence.accounts)
    parts = list(dict.fromkeys(part for account in evidence.accounts for part in account.parts))
    shown = [Bar(a.device, [max(0.0, a.parts.get(part, 0.0)) for part in parts]) for a in evidence.accounts]
    return _bars(shown, parts) + _wide(as_html(head, rows))


def _bars(bars: Sequence[Bar], legend: Sequence[str]) -> str:
    """A picture beside a table that says the same: its text alternative is that table."""
    return f'<div class="bars">{image(*drawing(bars, legend), words="The same as the table below, as bars.")}</div>'


def _cells(evidence: Evidence) -> str:
    if not evidence.cells:
        return ""
    dear = sorted(outer(evidence.cells), key=joules_of, reverse=True)[:DEAREST]
    bars = [Bar(name(cell), [joules_of(cell)]) for cell in dear if joules_of(cell) > 0]
    head, rows = table(evidence.cells)
    picture = _bars(bars, ["the dearest cells"]) if len(bars) > 1 else ""
    return picture + _wide(as_html(head, rows, words=2))


def _environment(evidence: Evidence) -> str:
    rows = evidence.environment
    return _wide(as_html(("what", "which"), rows, words=2)) if rows else ""


def _data(drawn: Chart, evidence: Evidence) -> str:
    content = embedded.table(drawn.panels, drawn.columns.time)
    address = embedded.data_uri(gzip.compress(content.encode(), 9, mtime=0), "application/gzip")
    rows = content.count("\n") - 1
    words = f"{rows} rows: a GPU's mean over {drawn.columns.step:.3g} s each, in base units."
    words += FULL_RATE if evidence.samples > len(drawn.columns.time) else ""
    return f'<p class="download"><a download="gpumon.csv.gz" href="{address}">gpumon.csv.gz</a></p>{sentences([words])}'


def _foot(plotly: str) -> str:
    how = {
        "none": "Everything is in this page; it asks nothing of a network.",
        "inline": "Everything is in this page, Plotly's whole bundle too; it asks nothing of a network.",
        "cdn": "Plotly is loaded from cdn.plot.ly; without it, the charts are those of the page itself.",
    }[plotly]
    return f"<footer><p>Made with jupyter-gpumon {escape(version('jupyter-gpumon'))}. {escape(how)}</p></footer>"


def _scripts(drawn: Chart) -> str:
    numbers = embedded.numbers(drawn.panels, drawn.columns.time, drawn.tops, drawn.columns.step)
    frame = layout(drawn.panels)
    del frame["template"]  # Plotly's script does not know it by name
    traces = [template(panel, row) for row, panel in enumerate(drawn.panels)]
    plan = _json({"layout": frame, "traces": traces})
    return (
        f'<script type="application/gzip" id="gpumon-numbers">{numbers}</script>'
        f'<script type="application/json" id="gpumon-layout">{plan}</script><script>{_asset("page.js")}</script>'
    )


def _json(value: object) -> str:
    """JSON that may stand in a script: nothing in it ends one."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
