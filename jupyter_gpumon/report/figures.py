"""Panels as a Plotly figure, in plain dicts: for ``plotly.graph_objects.Figure``, and for the script of a page.

All panels share one time axis, so that one hover shows the same moment in each, and zooming one zooms all. A GPU has
one colour and one entry in the legend, which shows and hides it everywhere.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from .panels import Line, Panel, is_gap

_HEIGHT, _GAP = 150, 0.16
"""Pixels per panel; the share of that which lies between two."""
_SUFFIX = {"watts": " W", "bytes": "B", "hertz": "Hz", "celsius": " °C", "joules": "J", "seconds": " s"}
_FORMAT = {"ratio": ".0%", "bytes": ".3s", "hertz": ".3s", "joules": ".3s", "watts": ".4~g", "celsius": ".3~g"}

Figure = dict[str, Any]


def figure(panels: Sequence[Panel], times: Sequence[float], step: float, title: str = "") -> Figure:
    """``{"data": […], "layout": {…}}``.

    Args:
        panels: as ``panels.panels`` gives them.
        times: Unix seconds of the rows.
        step: seconds per row.
        title: above it all.
    """
    seen: set[str] = set()
    data = [_trace(line, panel, row, times, step, seen) for row, panel in enumerate(panels) for line in panel.lines]
    return {"data": data, "layout": layout(panels, title)}


def _trace(line: Line, panel: Panel, row: int, times: Sequence[float], step: float, seen: set[str]) -> Figure:
    x, y = points(line, times, step)
    first = line.name not in seen
    seen.add(line.name)
    return {
        **template(panel, row),
        "name": line.name,
        "legendgroup": line.name,
        "showlegend": first,
        "line": {"color": line.colour, "width": 1.3},
        "x": [None if at is None else local(at) for at in x],
        "y": y,
    }


def template(panel: Panel, row: int) -> Figure:
    """What all lines of a panel have in common."""
    return {
        "type": "scatter",
        "mode": "lines",
        "xaxis": "x",
        "yaxis": axis(row),
        "hovertemplate": f"%{{y:{_FORMAT.get(panel.metric.unit, '.4~g')}}}{_suffix(panel)}",
    }


def local(unix: float) -> str:
    """A time as Plotly takes it: local, without a zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix)) + f"{unix % 1:.3f}"[1:]


def points(line: Line, times: Sequence[float], step: float) -> tuple[list[float | None], list[float | None]]:
    """Its lowest and highest value in each row, the nearer to the value before first; None between rows at a gap."""
    x: list[float | None] = []
    y: list[float | None] = []
    last, before = None, times[0] if times else 0.0
    for at, low, high in zip(times, line.low, line.high, strict=False):
        broken = low is None or high is None or is_gap(before, at, step)
        if broken and y and y[-1] is not None:
            x, y, last = [*x, None], [*y, None], None
        if low is not None and high is not None:
            values = ordered(low, high, last)
            x.extend([at] * len(values))
            y.extend(values)
            last = values[-1]
        before = at
    return x, y


def ordered(low: float, high: float, last: float | None) -> tuple[float, ...]:
    """Which of two extremes to draw first: the nearer one, so that a line does not go up and down more than it must."""
    if low == high:
        return (low,)
    return (high, low) if last is not None and abs(high - last) < abs(low - last) else (low, high)


def axis(row: int, letter: str = "y") -> str:
    """``y``, ``y2``, …"""
    return letter if row == 0 else f"{letter}{row + 1}"


def layout(panels: Sequence[Panel], title: str = "") -> Figure:
    """Small multiples, one above the other, over one time axis."""
    found: Figure = {
        "template": "plotly_white",
        "height": _HEIGHT * len(panels) + 110,
        "margin": {"l": 70, "r": 20, "t": 60 if title else 30, "b": 40},
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom"},
        "xaxis": {"type": "date", "anchor": axis(max(0, len(panels) - 1)), "showspikes": True, "spikethickness": 1},
    }
    if title:
        found["title"] = {"text": title}
    for row, panel in enumerate(panels):
        found[axis(row, "yaxis")] = _y_axis(panel, row, len(panels))
    return found


def _y_axis(panel: Panel, row: int, count: int) -> Figure:
    top = 1 - row / count
    return {
        "domain": [round(top - (1 - _GAP) / count, 4), round(top, 4)],
        "title": {"text": panel.title, "font": {"size": 11}},
        "rangemode": "tozero",
        "tickformat": _FORMAT.get(panel.metric.unit, ".4~g"),
        "ticksuffix": _suffix(panel),
        "nticks": 5,
    }


def _suffix(panel: Panel) -> str:
    return _SUFFIX.get(panel.metric.unit, "") + ("/s" if panel.rate else "")
