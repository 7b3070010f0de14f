"""Charts of comparisons as SVG, drawn without a library: readable on white and on black."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from ..experiments import Compared
from ..report.palette import COLOURS
from .compare import share
from .words import value

_LINE = 22
_WIDTH, _HEIGHT = 410, 170
_LEFT, _BOTTOM, _TOP = 64, 22, 26
_INK = "currentColor"
_MOST = 500
"""Points drawn of a line."""

Series = tuple[str, Sequence[float], Sequence[float]]
"""Name, times in seconds, values."""


def changes(rows: Sequence[Compared]) -> str:
    """A line per metric whose change is known: where it lies, and its interval; filled where it is beyond chance."""
    known = [row for row in rows if row.change is not None]
    if not known:
        return ""
    most = max(abs(bound) for row in known for bound in (row.change, row.low, row.high) if bound is not None)
    most = min(max(most, 0.01), 2.0) * 1.1
    left, width = 210, 520

    def x(change: float) -> float:
        return left + width * (max(-most, min(most, change)) + most) / (2 * most)

    parts = [f'<line x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="{_LINE * len(known)}" stroke="{_INK}" opacity="0.4"/>']
    for at, row in enumerate(known):
        parts.append(_change(row, _LINE * at + _LINE / 2, x))
    height = _LINE * len(known) + 4
    size = f'width="800" height="{height}" viewBox="0 0 800 {height}"'
    return f'<svg role="img" {size} font-size="12">{"".join(parts)}</svg>'


def _change(row: Compared, y: float, x: Callable[[float], float]) -> str:
    change = row.change or 0.0
    colour = COLOURS[0] if row.significant else "#888888"
    text = f'<text x="200" y="{y + 4:.0f}" text-anchor="end" fill="{_INK}">{escape(row.metric[:32])}</text>'
    whisker = ""
    if row.low is not None and row.high is not None:
        whisker = (
            f'<line x1="{x(row.low):.1f}" x2="{x(row.high):.1f}" y1="{y:.0f}" y2="{y:.0f}" '
            f'stroke="{colour}" stroke-width="2"/>'
        )
    fill = colour if row.significant else "none"
    mark = f'<circle cx="{x(change):.1f}" cy="{y:.0f}" r="4" fill="{fill}" stroke="{colour}" stroke-width="2"/>'
    said = f'<text x="795" y="{y + 4:.0f}" text-anchor="end" fill="{_INK}">{share(change)}</text>'
    return text + whisker + mark + said


def lines(series: Sequence[Series], unit: str) -> str:
    """Values over time, a line each; empty where there is nothing to draw."""
    drawn = [(at, each) for at, each in enumerate(series) if len(each[2]) > 1]
    if not drawn:
        return ""
    last = max(times[-1] for _, (_, times, _) in drawn) or 1.0
    low = min(min(values) for _, (*_, values) in drawn)
    high = max(max(values) for _, (*_, values) in drawn)
    if high == low:
        low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    parts = [_frame(low, high, last, unit)]
    for at, (name, times, values) in drawn:
        parts.append(_path(times, values, (low, high, last), at))
        parts.append(f'<text x="{_LEFT + 150 * at}" y="14" fill="{COLOURS[at]}">— {escape(name[:20])}</text>')
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    return f'<svg role="img" {size} font-size="11">{"".join(parts)}</svg>'


def _frame(low: float, high: float, last: float, unit: str) -> str:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - 6
    axis = f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="{_INK}" opacity="0.4"/>'
    labels = [
        (_LEFT - 4, _TOP + 8, "end", value(high, unit)),
        (_LEFT - 4, bottom, "end", value(low, unit)),
        (_LEFT, _HEIGHT - 6, "start", "0 s"),
        (right, _HEIGHT - 6, "end", value(last, "seconds")),
    ]
    texts = (f'<text x="{x}" y="{y}" text-anchor="{to}" fill="{_INK}">{escape(t)}</text>' for x, y, to, t in labels)
    return axis + "".join(texts)


def _path(times: Sequence[float], values: Sequence[float], scale: tuple[float, float, float], at: int) -> str:
    low, high, last = scale
    every = max(1, math.ceil(len(values) / _MOST))
    points = (
        f"{_LEFT + (_WIDTH - 6 - _LEFT) * time / last:.1f},"
        f"{_TOP + (_HEIGHT - _BOTTOM - _TOP) * (1 - (number - low) / (high - low)):.1f}"
        for time, number in zip(times[::every], values[::every], strict=True)
    )
    dash = ' stroke-dasharray="6 3"' if at else ""
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{COLOURS[at]}" stroke-width="1.5"{dash}/>'
