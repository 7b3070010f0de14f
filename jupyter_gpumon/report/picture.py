"""The live widget as a still: four small charts, drawn as SVG without any library, for notebooks that are given away.

Shown as ``<img src="data:image/svg+xml;…">``: that survives a notebook's sanitiser, an export and the print to PDF,
where inline SVG and scripts do not.
"""

from __future__ import annotations

import base64
import math
import time
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

from ..model import METRICS, Columns, Device
from ..units import quantity
from .palette import colour

WIDTH, HEIGHT = 720, 316
_CHART = (300, 96)
_LEFT, _TOP = 48, 22
_PITCH = (360, 140)
_INK = "#808080"
"""Readable on white and on black: a picture does not know the page's theme."""


class Band(NamedTuple):
    """A stretch of time that a cell took, in Unix seconds."""

    start: float
    end: float
    title: str


class Chart(NamedTuple):
    """One metric: its title, the top of its scale, and a line per device."""

    metric: str
    top: float
    lines: Sequence[tuple[str, Sequence[float | None]]]
    """(colour, values)"""


def charts(columns: Columns, devices: Sequence[Device], metrics: Sequence[str]) -> list[Chart]:
    """The charts of these metrics, one line per device."""
    places = [(device.uuid, colour(i)) for i, device in enumerate(devices)]
    return [
        Chart(name, _top(name, columns, devices), [(c, columns.gpus.get(key, {}).get(name, [])) for key, c in places])
        for name in metrics
    ]


def _top(metric: str, columns: Columns, devices: Sequence[Device]) -> float:
    """The upper end of a metric's scale: its limit where it has one, else a round number above what was seen."""
    if METRICS[metric].unit == "ratio":
        return 1.0
    limits = {"memory_used": "memory_total", "power": "power_limit_default", "temperature": "temperature_slowdown"}
    limit = max((getattr(device, limits.get(metric, ""), None) or 0.0 for device in devices), default=0.0)
    seen = [v for gpu in columns.gpus.values() for v in gpu.get(metric, ()) if v is not None]
    return max(limit, round_up(max(seen, default=1.0)) if not limit else max(seen, default=0.0))


def round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, … of its size."""
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1.0, 2.0, 5.0, 10.0) if step * size >= value)


def svg(pictures: Sequence[Chart], times: Sequence[float], bands: Iterable[Band], names: Sequence[str]) -> str:
    """All charts over one stretch of time, side by side, with a legend of the devices."""
    bands = list(bands)
    parts = [
        f'<g transform="translate({_LEFT + i % 2 * _PITCH[0]},{_TOP + i // 2 * _PITCH[1]})">{inner}</g>'
        for i, inner in enumerate(_chart(chart, times, bands) for chart in pictures)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="system-ui, sans-serif" font-size="11" fill="{_INK}">{"".join(parts)}{_legend(names)}</svg>'
    )


def image(drawing: str, width: int = WIDTH, height: int = HEIGHT, *, words: str) -> str:
    """The drawing as an image with a text alternative."""
    code = base64.b64encode(drawing.encode()).decode()
    return (
        f'<img src="data:image/svg+xml;base64,{code}" alt="{escape(words)}" width="{width}" height="{height}" '
        'style="max-width: 100%; height: auto">'
    )


def _chart(chart: Chart, times: Sequence[float], bands: Sequence[Band]) -> str:
    width, height = _CHART
    metric = METRICS[chart.metric]
    parts = [
        f'<text y="-8"><tspan font-weight="bold">{escape(metric.title)}</tspan></text>',
        *(_grid(share, quantity(chart.top * share, metric.unit)) for share in (0.0, 0.5, 1.0)),
    ]
    if len(times) > 1:
        parts += [_band(band, times) for band in bands]
        parts += [_line(hue, values, chart.top, times) for hue, values in chart.lines]
        parts += [
            f'<text x="0" y="{height + 14}">{_clock(times[0])}</text>',
            f'<text x="{width}" y="{height + 14}" text-anchor="end">{_clock(times[-1])}</text>',
        ]
    return "".join(parts)


def _clock(unix: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(unix))


def _grid(share: float, label: str) -> str:
    width, height = _CHART
    y = height * (1 - share)
    return (
        f'<path d="M0 {y:g}H{width}" stroke="{_INK}" stroke-opacity=".3"/>'
        f'<text x="-4" y="{y + 4:g}" text-anchor="end" font-size="9">{escape(label)}</text>'
    )


def _x(unix: float, times: Sequence[float]) -> float:
    return _CHART[0] * (unix - times[0]) / (times[-1] - times[0])


def _band(band: Band, times: Sequence[float]) -> str:
    left, right = max(0.0, _x(band.start, times)), min(float(_CHART[0]), _x(band.end, times))
    if right <= left:
        return ""
    return f'<rect x="{left:.1f}" width="{max(1.0, right - left):.1f}" height="{_CHART[1]}" fill-opacity=".13"/>'


def _line(hue: str, values: Sequence[float | None], top: float, times: Sequence[float]) -> str:
    """A path that is interrupted where nothing is known, or where time was lost."""
    path, before = [], None
    usual = sorted(b - a for a, b in pairwise(times))[len(times) // 2 - 1]
    for moment, value in zip(times, values, strict=False):
        if value is None:
            before = None
            continue
        pen = "M" if before is None or moment - before > 3 * usual else "L"
        y = _CHART[1] * (1 - min(1.0, max(0.0, value / top)))
        path.append(f"{pen}{_x(moment, times):.1f} {y:.1f}")
        before = moment
    return f'<path d="{"".join(path)}" fill="none" stroke="{hue}" stroke-width="1.5" stroke-linejoin="round"/>'


def _legend(names: Sequence[str]) -> str:
    pitch = min(80.0, (WIDTH - _LEFT) / max(1, len(names)))
    y = HEIGHT - 14
    return "".join(
        f'<rect x="{_LEFT + i * pitch:g}" y="{y}" width="10" height="10" rx="2" fill="{colour(i)}"/>'
        f'<text x="{_LEFT + 14 + i * pitch:g}" y="{y + 9}">{escape(name)}</text>'
        for i, name in enumerate(names)
    )
