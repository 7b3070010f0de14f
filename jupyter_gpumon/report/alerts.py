"""Alerts that fire, in words and as a page: how grave, what, since when, and what to do about it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from ..findings import LEVELS, Alert
from ..units import duration

NONE = "No alert fires."
_SIGNS = {"critical": "CRITICAL", "warning": "WARNING", "info": "NOTE"}
_NAMED = 2
"""Titles that a line names; the rest is counted."""


def calling(alerts: Sequence[Alert], now: float) -> list[Alert]:
    """Those that want to be looked at, the gravest first: neither seen nor snoozed, and more than a remark."""
    loud = [a for a in alerts if a.acknowledged is None and (a.snoozed or 0.0) <= now and a.finding.level != "info"]
    return sorted(loud, key=_gravity)


def line(alerts: Sequence[Alert], labels: Mapping[str, str]) -> str:
    """``2 alerts: gpu0: GPU memory is full; gpu1: GPU is too hot``; empty where none calls.

    Args:
        alerts: those that fire.
        labels: device names by UUID.
    """
    loud = calling(alerts, time.time())
    if not loud:
        return ""
    titles = [_title(alert, labels) for alert in loud[:_NAMED]] + ["…"] * (len(loud) > _NAMED)
    return f"{len(loud)} alert{'s' * (len(loud) > 1)}: {'; '.join(titles)}"


def text(alerts: Sequence[Alert], labels: Mapping[str, str], note: str = "") -> str:
    """All that fire, with what to do, as plain text; ``note`` says who judges."""
    said = [part for alert in sorted(alerts, key=_gravity) for part in _paragraph(alert, labels)]
    return "\n".join([*(said or [NONE]), *([note] if note else [])])


def html(alerts: Sequence[Alert], labels: Mapping[str, str], note: str = "") -> str:
    """The same as static HTML."""
    return "".join(
        f'<div style="max-width: 60em; margin-left: {1.5 * part.startswith(" ")}em">{escape(part.strip())}</div>'
        for part in text(alerts, labels, note).splitlines()
    )


def _paragraph(alert: Alert, labels: Mapping[str, str]) -> Iterator[str]:
    now, finding = time.time(), alert.finding
    yield f"{_SIGNS[finding.level]}  {_title(alert, labels)}, for {duration(max(0.0, now - alert.since))}"
    if finding.detail:
        yield f"  {finding.detail}"
    if alert.acknowledged is not None:
        yield "  acknowledged"
    elif (alert.snoozed or 0.0) > now:
        yield f"  snoozed for another {duration((alert.snoozed or now) - now)}"
    yield from (f"  - {step}" for step in finding.steps)


def _title(alert: Alert, labels: Mapping[str, str]) -> str:
    label = labels.get(alert.finding.uuid or "")
    return f"{label}: {alert.finding.title}" if label else alert.finding.title


def _gravity(alert: Alert) -> tuple[int, float]:
    return LEVELS.index(alert.finding.level), -alert.fired
