"""Health in words and as a page: a row per GPU, a column per watch, and below it what is wrong and what to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from html import escape

from ..checkups import Health, Patient, Sighting, Watched
from .tables import as_html, as_text

WORDS = {"pass": "PASS", "warn": "WARN", "fail": "FAIL", "warming": "warming", "unknown": "unknown"}
"""State → what stands in the table: words, not colours alone."""
EMPTY = "There is no GPU to look at. gpumon doctor says why."


def rows(health: Health) -> tuple[list[str], list[list[str]]]:
    """The head and a row per GPU; the watches that stand for something else than a pass are the ones to read on."""
    titles = [watch.title for watch in health.devices[0].watches] if health.devices else []
    return ["GPU", *titles], [[each.label, *(WORDS[watch.state] for watch in each.watches)] for each in health.devices]


def text(health: Health) -> str:
    """Health as plain text."""
    if not health.devices:
        return EMPTY
    head, lines = rows(health)
    notes = [line for patient in health.devices for line in _notes(patient)]
    return "\n".join([as_text(head, lines, words=len(head)), *([""] if notes else []), *notes])


def html(health: Health) -> str:
    """Health as static HTML; what is wrong unfolds nothing: it is there."""
    if not health.devices:
        return f"<div>{EMPTY}</div>"
    head, lines = rows(health)
    notes = "".join(_paragraph(line) for patient in health.devices for line in _notes(patient))
    return as_html(head, lines, words=len(head)) + notes


def _paragraph(line: str) -> str:
    indent = "1.5em" if line.startswith(" ") else "0"
    return f'<div style="max-width: 60em; margin-left: {indent}">{escape(line.strip())}</div>'


def _notes(patient: Patient) -> Iterator[str]:
    for watch in patient.watches:
        if watch.state in ("fail", "warn"):
            yield from _wrong(patient.label, watch)
    unknown: dict[str, list[str]] = {}
    for watch in patient.watches:
        if watch.state == "unknown":
            unknown.setdefault(watch.detail, []).append(watch.title)
    for detail, titles in unknown.items():
        yield f"{patient.label} {', '.join(titles)}: unknown. {detail}"
    for seen in patient.xids:
        if not seen.counts:
            yield f"{patient.label} {seen.title}: {_times(seen)}{_by(seen)}"


def _wrong(label: str, watch: Watched) -> Iterator[str]:
    since = f" since {_clock(watch.since)}" if watch.since else ""
    yield f"{label} {watch.title}: {WORDS[watch.state]}{since}. {watch.detail}"
    for finding in watch.findings[1:]:
        yield f"  also: {finding.title}. {finding.detail}"
    for step in watch.steps:
        yield f"  → {step}"


def _times(seen: Sighting) -> str:
    times = "once" if seen.count == 1 else f"{seen.count} times"
    acknowledged = ", acknowledged" if seen.acknowledged else ""
    return f"{times}, last {_clock(seen.last)}{acknowledged}"


def _by(seen: Sighting) -> str:
    return f"; {', '.join(seen.who)} ran on it." if seen.who else "."


def _clock(moment: float) -> str:
    local = time.localtime(moment)
    form = "%H:%M:%S" if time.strftime("%F", local) == time.strftime("%F") else "%F %H:%M"
    return time.strftime(form, local)
