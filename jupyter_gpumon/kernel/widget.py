"""The live charts: bqplot figures that are fed once a second from the kernel's monitor. Imported only when shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bqplot
import ipywidgets
import numpy as np

from ..model import METRICS, Columns, Device
from ..report.palette import colour
from ..report.picture import Band, Chart, charts
from .still import SPAN

_SCALES = {"ratio": (100.0, "%"), "bytes": (1e-9, "GB"), "watts": (1.0, "W"), "celsius": (1.0, "°C")}
"""Unit → (factor, what the axis says)."""
_SPANS = (60.0, 120.0, SPAN)
"""Seconds shown: no more than there is to show."""
_FLAT = np.zeros(2, dtype=np.float32)
"""Where there is nothing to draw yet: bqplot takes no empty line."""


class Figure:
    """One metric: a line per device over the last minutes, with the cells as bands behind them."""

    def __init__(self, metric: str, devices: Sequence[Device]) -> None:
        self._factor, unit = _SCALES[METRICS[metric].unit]
        self._x, self._y = bqplot.LinearScale(min=-_SPANS[0], max=0.0), bqplot.LinearScale(min=0.0, max=1.0)
        self._lines = bqplot.Lines(
            x=_FLAT, y=np.zeros((len(devices), 2), dtype=np.float32), scales={"x": self._x, "y": self._y},
            colors=[colour(i) for i in range(len(devices))], stroke_width=1.5,
        )  # fmt: skip
        self._bands = bqplot.Lines(
            x=_FLAT, y=_FLAT, scales={"x": self._x, "y": bqplot.LinearScale(min=0.0, max=1.0)}, colors=["#808080"],
            stroke_width=0, fill="bottom", fill_colors=["#808080"], fill_opacities=[0.15],
        )  # fmt: skip
        self._ages = bqplot.Axis(scale=self._x, grid_lines="none")
        self._values = bqplot.Axis(scale=self._y)
        self._values.orientation = "vertical"  # set afterwards: from bqplot 0.13 on it is no longer a trait
        self.figure = bqplot.Figure(
            marks=[self._bands, self._lines], axes=[self._ages, self._values],
            title=f"{METRICS[metric].title} ({unit})", title_style={"font-size": "13px"}, animation_duration=0,
            fig_margin={"top": 32, "bottom": 26, "left": 44, "right": 24}, padding_x=0.0, padding_y=0.0,
            layout=ipywidgets.Layout(width="100%", height="180px", min_width="280px"),
        )  # fmt: skip
        self._scale = (0.0, 0.0)

    def draw(self, chart: Chart, ages: Any, bands: tuple[Any, Any]) -> None:
        """Show these values; ``ages`` are seconds before now, negative."""
        span = next((span for span in _SPANS if ages[0] >= -span), SPAN)
        self._rescale(float(chart.top * self._factor), span)
        values = [np.array([np.nan if v is None else v for v in line], dtype=np.float32) for _, line in chart.lines]
        values = [line if len(line) else np.full(len(ages), np.nan, dtype=np.float32) for line in values]
        with self._lines.hold_sync():
            self._lines.x, self._lines.y = ages, np.stack(values) * np.float32(self._factor)
        with self._bands.hold_sync():
            self._bands.x, self._bands.y = bands

    def _rescale(self, top: float, span: float) -> None:
        """Scales and their ticks; sent only when they change."""
        if (top, span) == self._scale:
            return
        self._scale = (top, span)
        self._y.max, self._x.min = top, -span
        self._values.tick_values = np.array([0.0, top / 2, top])
        self._values.tick_labels = {f"{value:g}": f"{value:.3g}" for value in (0.0, top / 2, top)}
        self._ages.tick_values = np.array([-span, -span / 2, 0.0])
        self._ages.tick_labels = {f"{-age:g}": f"−{age:g} s" for age in (span, span / 2)} | {"0": "now"}


class Widget:
    """All four figures, and a line of truth under them."""

    def __init__(self, devices: Sequence[Device], metrics: Sequence[str]) -> None:
        self._devices, self._metrics = devices, metrics
        self._figures = [Figure(metric, devices) for metric in metrics]
        legend = "  ".join(
            f'<span style="color: {colour(i)}">■</span> {device.label}' for i, device in enumerate(devices)
        )
        self._words = ipywidgets.HTML()
        grid = ipywidgets.GridBox(
            [figure.figure for figure in self._figures],
            layout=ipywidgets.Layout(grid_template_columns="repeat(auto-fit, minmax(300px, 1fr))", width="100%"),
        )
        self.view = ipywidgets.VBox([ipywidgets.HTML(legend), grid, self._words])

    def draw(self, columns: Columns, bands: Sequence[Band], words: str) -> None:
        """Show the last minutes."""
        if len(columns.time) > 1:
            now = columns.time[-1]
            ages = np.array(columns.time, dtype=np.float64) - now
            steps = _steps(bands, now)
            for figure, chart in zip(self._figures, charts(columns, self._devices, self._metrics), strict=True):
                figure.draw(chart, ages.astype(np.float32), steps)
        if self._words.value != words:
            self._words.value = words

    def close(self) -> None:
        """Take the figures away in the browser and here."""
        for part in (self.view, *self.view.children, *(figure.figure for figure in self._figures)):
            part.close()


def _steps(bands: Sequence[Band], now: float) -> tuple[Any, Any]:
    """The bands as one line between 0 and 1."""
    x, y = [-SPAN], [0.0]
    for band in sorted(bands):
        left, right = max(-SPAN, band.start - now), min(0.0, band.end - now)
        x += [left, left, right, right]
        y += [0.0, 1.0, 1.0, 0.0]
    return np.array(x, dtype=np.float32), np.array(y, dtype=np.float32)
