"""Panels as SVG without a library, for a page: drawn where no script runs, and what the page's own script works on.

A line goes through the lowest and the highest value of each row, so that no peak is lost. Colours and strokes are
attributes, not styles: a page whose styles are blocked is still read.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from html import escape

from ..model import Device
from .figures import ordered
from .panels import Line, Panel, is_gap
from .picture import Band, round_up

_WIDTH, _HEIGHT = 480, 150
_LEFT, _TOP, _PLOT = 58, 8, (414, 116)
ACROSS, UP = 828, 232
"""Units of a plot: two a pixel, so that whole numbers are fine enough."""
_LIMITS = {
    "memory_used": "memory_total",
    "power": "power_limit_default",
    "temperature": "temperature_slowdown",
    "temperature_memory": "temperature_memory_max",
    "clock_sm": "clock_sm_max",
    "clock_memory": "clock_memory_max",
    "pcie_gen": "pcie_gen_max",
    "pcie_width": "pcie_width_max",
}
"""Metric → field of a device that says how much there can be of it."""


def top(panel: Panel, devices: Iterable[Device]) -> float:
    """The upper end of a panel's scale: its limit where it has one, else a round number above what was seen."""
    seen = max(map(most, panel.lines), default=0.0)
    if panel.metric.unit == "ratio":
        return max(1.0, seen)
    field = "" if panel.host or panel.rate else _LIMITS.get(panel.metric.name, "")
    limit = max((getattr(device, field, None) or 0.0 for device in devices), default=0.0)
    return max(limit, seen) if limit else round_up(seen)


def most(line: Line) -> float:
    """Its greatest value; 0 where nothing is known."""
    return max((value for value in line.high if value is not None), default=0.0)


def chart(panel: Panel, times: Sequence[float], step: float, scale: float, bands: Sequence[Band]) -> str:
    """One panel.

    Args:
        panel: what to draw.
        times: Unix seconds of the rows; two at least.
        step: seconds per row.
        scale: the value at the upper edge.
        bands: when cells ran.
    """
    grid = "".join(_grid(share, panel.said(scale * share)) for share in (0.0, 0.5, 1.0))
    lines = "".join(_line(line, times, step, scale) for line in panel.lines)
    width, height = _PLOT
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(alternative(panel))}" '
        f'font-size="10" fill="currentColor">{grid}'
        f'<svg class="plot" x="{_LEFT}" y="{_TOP}" width="{width}" height="{height}" viewBox="0 0 {ACROSS} {UP}" '
        f'preserveAspectRatio="none">{"".join(_band(band, times) for band in bands)}'
        f'<g fill="none" stroke-width="1.3" stroke-linejoin="round">{lines}</g></svg>{_ticks(times)}</svg>'
    )


def alternative(panel: Panel) -> str:
    """``Power: gpu0 mean 612 W, at most 700 W; …``."""
    return f"{panel.title}: " + "; ".join(filter(None, (_said(line, panel) for line in panel.lines)))


def _said(line: Line, panel: Panel) -> str:
    means, highs = [v for v in line.mean if v is not None], [v for v in line.high if v is not None]
    if not means or not highs:
        return ""
    return f"{line.name} mean {panel.said(sum(means) / len(means))}, at most {panel.said(max(highs))}"


def _grid(share: float, label: str) -> str:
    width, height = _PLOT
    y = _TOP + height * (1 - share)
    return (
        f'<path d="M{_LEFT} {y:g}h{width}" stroke="currentColor" stroke-opacity=".2"/>'
        f'<text x="{_LEFT - 5}" y="{y + 3.5:g}" text-anchor="end" opacity=".7">{escape(label)}</text>'
    )


def _ticks(times: Sequence[float]) -> str:
    y = _TOP + _PLOT[1] + 14
    return "".join(
        f'<text class="tick" x="{_LEFT + _PLOT[0] * share:g}" y="{y}" text-anchor="{anchor}" opacity=".7">'
        f"{clock(times[0] + (times[-1] - times[0]) * share)}</text>"
        for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end"))
    )


def clock(unix: float) -> str:
    """``14:03:20``, local time."""
    return time.strftime("%H:%M:%S", time.localtime(unix))


def _x(unix: float, times: Sequence[float]) -> float:
    return ACROSS * (unix - times[0]) / (times[-1] - times[0])


def _band(band: Band, times: Sequence[float]) -> str:
    left, right = max(0.0, _x(band.start, times)), min(float(ACROSS), _x(band.end, times))
    if right <= left:
        return ""
    return (
        f'<rect x="{left:.0f}" width="{max(1.0, right - left):.0f}" height="{UP}" fill-opacity=".09">'
        f"<title>{escape(band.title)}</title></rect>"
    )


def _line(line: Line, times: Sequence[float], step: float, scale: float) -> str:
    return (
        f'<path class="line" data-name="{escape(line.name)}" stroke="{line.colour}" '
        f'vector-effect="non-scaling-stroke" d="{path(line, times, step, scale)}"/>'
    )


def path(line: Line, times: Sequence[float], step: float, scale: float) -> str:
    """A line's path in whole units, as short as it can be said."""
    pen = _Pen()
    before, last = times[0], None
    for at, low, high in zip(times, line.low, line.high, strict=False):
        if low is None or high is None or is_gap(before, at, step):
            pen.lift()
        if low is not None and high is not None:
            for value in ordered(low, high, last):
                pen.to(round(_x(at, times)), round(UP * (1 - min(1.0, max(0.0, value / scale)))))
                last = value
        before = at
    return pen.path()


class _Pen:
    """Writes relative lines; what goes straight on in a row of equal values is one stroke."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._at: tuple[int, int] | None = None
        self._along = 0

    def lift(self) -> None:
        self._flush()
        self._at = None

    def to(self, x: int, y: int) -> None:
        if self._at is None:
            self._said.append(f"M{x} {y}")
        elif y == self._at[1]:
            self._along += x - self._at[0]
        else:
            self._flush()
            self._said.append(self._stroke(x - self._at[0], y - self._at[1]))
        self._at = x, y

    def _stroke(self, right: int, down: int) -> str:
        if not right:
            return f"v{down}"
        return f"l{right}{down}" if down < 0 else f"l{right} {down}"

    def _flush(self) -> None:
        if self._along:
            self._said.append(f"h{self._along}")
        self._along = 0

    def path(self) -> str:
        self._flush()
        return "".join(self._said)
