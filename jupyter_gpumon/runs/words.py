"""Runs in words: a metric's value as a person reads it, a run as text and as static HTML, and the list of runs."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from html import escape
from typing import Any

import msgspec
from msgspec.structs import replace

from ..experiments import Logged, Run, RunLine
from ..report import record
from ..report.amounts import used
from ..report.preference import said
from ..report.tables import Row, as_html, as_text, filled, sentences
from ..units import duration, quantity
from . import kvcache
from .log import value_of

MIME = "application/vnd.gpumon.run+json"
_SHORT = 8
"""Characters of an id, or of a commit, that are shown."""
_FRACTIONS = ((1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_HEAD = ("metric", "values", "counts", "mean", "std", "min", "median", "p95", "p99", "max")
_LIST = ("run", "name", "when", "took", "status", "energy", "commit", "GPU", "tags")


def value(number: float | None, unit: str = "") -> str:
    """``211 ms``, ``1.23 GB``, ``94.2 %``, ``18.3``; an em dash for what is not known."""
    if number is None:
        return "—"
    if unit == "seconds":
        return seconds(number)
    if unit == "ratio":
        return f"{_digits(100 * number)} %"
    if unit == "joules":
        return said(number)
    return quantity(number, unit) if unit in ("bytes", "watts", "hertz") else f"{_digits(number)} {unit}".rstrip()


def seconds(number: float) -> str:
    """With the unit that fits, from nanoseconds to hours."""
    if number == 0 or abs(number) >= 0.9995:
        return duration(number) if number else "0 s"
    size, unit = next((fits for fits in _FRACTIONS if abs(number) >= 0.9995 * fits[0]), _FRACTIONS[-1])
    return f"{_digits(number / size)} {unit}"


def _digits(number: float) -> str:
    """Three significant digits; integers whole, very large and very small ones with an exponent."""
    if number == 0 or (number.is_integer() and abs(number) < 1e6):
        return f"{number:.0f}"
    if not 1e-3 <= abs(number) < 1e6:
        return f"{number:.2e}"
    return f"{number:.{max(0, 2 - math.floor(math.log10(abs(number))))}f}"


def metrics(run: Run) -> tuple[Row, list[Row]]:
    """The table of a run's metrics."""
    head, rows = filled(_HEAD, [_row(name, metric) for name, metric in run.metrics.items()], kept=3)
    return head, list(rows)


def _row(name: str, metric: Logged) -> Row:
    said, one = metric.stats, metric.stats.count == 1
    spread = (said.mean, said.std, said.min, said.median, said.p95, said.p99, said.max)
    count = f"{said.count}" + (f" (+{metric.skipped} not finite)" if metric.skipped else "")
    return (name, count, value(value_of(metric), metric.unit), *("" if one else value(n, metric.unit) for n in spread))


def headline(run: Run) -> str:
    """How it went, in a line; what it cost is another's."""
    ended = {"ok": "", "error": "ended with an error"}.get(run.outcome, run.outcome)
    status = "" if run.status == "success" else f"monitoring: {run.status.replace('_', ' ')}"
    origin = " ".join(filter(None, [run.origin.branch, (run.origin.commit or "")[:_SHORT]]))
    tags = ", ".join(f"{name}={value}" for name, value in run.tags.items())
    parts = [f"run {run.id[:_SHORT]}", ended, status, _cache(run), origin + ("*" if run.origin.changed else ""), tags]
    return " · ".join(part for part in parts if part)


def _cache(run: Run) -> str:
    """The most that its key-value cache took, and that its GPUs' memory did."""
    cache = run.metrics.get(kvcache.METRIC)
    if cache is None or cache.stats.max is None:
        return ""
    peaks = [] if run.cell is None else [run.cell.peak.get(name, {}).get("memory_used") for name in used(run.cell)]
    known = [peak for peak in peaks if peak is not None]
    beside = f" of {quantity(sum(known), 'bytes')} in use at the peak" if known else ""
    return f"KV cache {quantity(cache.stats.max, 'bytes')}{beside}"


def plain(run: Run) -> str:
    """The run for a terminal."""
    lines = [record.plain(run.cell)] if run.cell is not None else [f"gpumon │ {run.name}: {duration(run.duration)}"]
    lines.append(f"       │ {headline(run)}")
    lines += [f"       │ {note}" for note in run.notes]
    if run.metrics:
        lines.append(as_text(*metrics(run)))
    return "\n".join(lines)


def bundle(run: Run) -> dict[str, Any]:
    """The run for every front end, by mime type; what is saved in a notebook names no host, path or kernel."""
    page = record.bundle(run.cell)["text/html"] if run.cell is not None else f"<div><b>{escape(run.name)}</b></div>"
    page += f'<div style="font-size: 85%; opacity: 0.7">{escape(headline(run))}</div>' + sentences(list(run.notes))
    if run.metrics:
        page += as_html(*metrics(run))
    return {"text/plain": plain(run), "text/html": page, MIME: saved(run)}


def saved(run: Run) -> dict[str, Any]:
    """The run as it may be given away."""
    origin = replace(run.origin, hostname="", notebook=None, repository=None)
    kept: dict[str, Any] = msgspec.to_builtins(replace(run, origin=origin, kernel_id=None, pid=None, cell=None))
    return kept if run.cell is None else kept | {"cell": record.saved(run.cell)}


def listed(lines: Sequence[RunLine]) -> tuple[Row, list[Row]]:
    """The list of runs."""
    head, rows = filled(_LIST, [_line(line) for line in lines], kept=6)
    return head, list(rows)


def _line(line: RunLine) -> Row:
    status = line.status if line.outcome == "ok" or line.status == "running" else f"{line.status}, {line.outcome}"
    commit = " ".join(filter(None, [line.branch, (line.commit or "")[:_SHORT]]))
    return (
        line.id[:_SHORT],
        line.name,
        time.strftime("%Y-%m-%d %H:%M", time.localtime(line.start)),
        duration(line.end - line.start),
        status.replace("_", " ") + (" (simulated)" if line.simulated else ""),
        "—" if line.joules is None else said(line.joules),
        commit,
        line.gpus or "",
        ", ".join(f"{name}={value}" for name, value in line.tags.items()),
    )
