"""Findings as a notebook shows them: what is the case, a small picture of each piece of evidence, what to do, code."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from statistics import median

from ..findings import Evidence, Finding
from ..metrics import HOST_METRICS, METRICS
from ..units import quantity
from .palette import colour
from .picture import image

WIDTH, HEIGHT = 300, 92
_LEFT, _TOP, _RIGHT, _BOTTOM = 4, 18, 4, 14
_INK = "#808080"
_LIMIT = "#B26A00"
_WORDS = ((0.85, "almost certain"), (0.65, "likely"), (0.0, "possible"))
_MARGINS = {"critical": "#C0392B", "warning": "#B26A00", "info": "#0072B2"}


def sure(confidence: float) -> str:
    """A confidence in words."""
    return next(words for least, words in _WORDS if confidence >= least)


def title(evidence: Evidence) -> str:
    """What it shows: the title of its metric, or its own words."""
    name = evidence.metric.removeprefix("host.")
    known = HOST_METRICS if name != evidence.metric else METRICS
    return known[name].title if name in known else evidence.metric


def said(value: float | None, unit: str) -> str:
    """One of its values."""
    return quantity(value, unit.removesuffix(" per second"), rate=unit.endswith(" per second"))


def sketch(evidence: Evidence) -> str:
    """A small picture: a line over time, or bars one by one; a line across it where there is a limit."""
    values = [value for value in evidence.values if value is not None]
    top = max([*values, evidence.limit or 0.0, 1e-9])
    inner = _line(evidence, top) if evidence.time else _bars(evidence, top)
    head = f"{title(evidence)}, up to {said(max(values, default=0.0), evidence.unit)}"
    limit = "" if evidence.limit is None else _limit(evidence, top)
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="10" fill="{_INK}">'
        f'<text x="{_LEFT}" y="11">{escape(head)}</text>'
        f'<path d="M{_LEFT} {_y(0, top):.1f}H{WIDTH - _RIGHT}" stroke="{_INK}" stroke-opacity=".5"/>'
        f"{inner}{limit}</svg>"
    )
    return image(drawing, WIDTH, HEIGHT, words=head)


def _y(value: float, top: float) -> float:
    return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value / top)


def _limit(evidence: Evidence, top: float) -> str:
    y = _y(evidence.limit or 0.0, top)
    return f'<path d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}" stroke="{_LIMIT}" stroke-dasharray="4 3"/>'


def _line(evidence: Evidence, top: float) -> str:
    times = evidence.time
    span = (times[-1] - times[0]) or 1.0
    usual = median([b - a for a, b in pairwise(times)] or [1.0])
    path, before = [], None
    for moment, value in zip(times, evidence.values, strict=True):
        if value is not None:
            x = _LEFT + (WIDTH - _LEFT - _RIGHT) * (moment - times[0]) / span
            pen = "M" if before is None or moment - before > 3 * usual else "L"
            path.append(f"{pen}{x:.1f} {_y(value, top):.1f}")
        before = None if value is None else moment
    ends = (_clock(times[0]), _clock(times[-1]))
    return (
        f'<path d="{"".join(path)}" fill="none" stroke="{colour(0)}" stroke-width="1.5" stroke-linejoin="round"/>'
        f'<text x="{_LEFT}" y="{HEIGHT - 3}">{ends[0]}</text>'
        f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 3}" text-anchor="end">{ends[1]}</text>'
    )


def _clock(unix: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(unix))


def _bars(evidence: Evidence, top: float) -> str:
    pitch = (WIDTH - _LEFT - _RIGHT) / len(evidence.values)
    return "".join(
        f'<rect x="{_LEFT + at * pitch:.1f}" y="{_y(value, top):.1f}" width="{max(1.0, 0.7 * pitch):.1f}" '
        f'height="{max(0.5, _y(0, top) - _y(value, top)):.1f}" fill="{colour(0)}"/>'
        for at, value in enumerate(evidence.values)
        if value is not None
    )


def plain(findings: Sequence[Finding], *, numbered: bool = True) -> str:
    """For a terminal."""
    return "\n\n".join(_plain(finding, at if numbered else 0) for at, finding in enumerate(findings, 1))


def _plain(finding: Finding, number: int) -> str:
    lines = [f"{f'{number}. ' if number else ''}{finding.title} ({finding.level}, {sure(finding.confidence)})"]
    lines += [f"   {finding.detail}", *(f"   · {step}" for step in finding.steps)]
    return "\n".join(lines)


def page(findings: Iterable[Finding]) -> str:
    """As static HTML: no script, no style of its own, pictures as images."""
    return "".join(_item(finding) for finding in findings)


def _item(finding: Finding) -> str:
    code = ""
    if finding.code is not None:
        code = (
            f'<details style="font-size: 90%"><summary>code: {escape(finding.code.title)}</summary>'
            f"<pre>{escape(finding.code.source)}</pre></details>"
        )
    pictures = " ".join(sketch(evidence) for evidence in finding.evidence)
    steps = "".join(f"<li>{escape(step)}</li>" for step in finding.steps)
    return (
        f'<div style="border-left: 3px solid {_MARGINS[finding.level]}; padding: 2px 10px; margin: 8px 0; '
        f'line-height: 1.5"><div><b>{escape(finding.title)}</b> · {sure(finding.confidence)}</div>'
        f"<div>{escape(finding.detail)}</div><div>{pictures}</div><ol>{steps}</ol>{code}</div>"
    )
