"""The live charts: bqplot figures that are fed once a second from the kernel's monitor. Imported only when shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bqplot
import ipywidgets
import numpy as np

from ..model import METRICS, Columns, Device
from .palette import colour
from .picture import Band, Chart, charts
from .still import SPAN

_SCALES = {"ratio": (100.0, "%"), "bytes": (1e-9, "GB"), "watts": (1.0, "W"), "celsius": (1.0, "°C")}
"""Unit → (factor, what the axis says)."""
_FLAT = np.zeros(2, dtype=np.float32)
"""Where there is nothing to draw yet: bqplot takes no empty line."""


class Figure:
    """One metric: a line per device over the last minutes, with the cells as bands behind them."""

    def __init__(self, metric: str, devices: Sequence[Device]) -> None:
        self._factor, unit = _SCALES[METRICS[metric].unit]
        x = bqplot.LinearScale(min=-SPAN, max=0.0)
        self._y = bqplot.LinearScale(min=0.0)
        self._whole = bqplot.LinearScale(min=0.0, max=1.0)
        self._lines = bqplot.Lines(
            x=_FLAT, y=np.zeros((len(devices), 2), dtype=np.float32), scales={"x": x, "y": self._y}, stroke_width=1.5,
            colors=[colour(i) for i in range(len(devices))], labels=[device.label for device in devices],
        )  # fmt: skip
        self._bands = bqplot.Lines(
            x=_FLAT, y=_FLAT, scales={"x": x, "y": self._whole}, colors=["#808080"], stroke_width=0,
            fill="bottom", fill_colors=["#808080"], fill_opacities=[0.15],
        )  # fmt: skip
        minutes = bqplot.Axis(
            scale=x, tick_values=np.array([-300, -240, -180, -120, -60, 0]), grid_lines="none",
            tick_labels={"-300": "−5 min", "-240": "−4", "-180": "−3", "-120": "−2", "-60": "−1", "0": "now"},
        )  # fmt: skip
        values = bqplot.Axis(scale=self._y, num_ticks=4)
        values.orientation = "vertical"  # set afterwards: from 0.13 on it is no longer a trait
        self.figure = bqplot.Figure(
            marks=[self._bands, self._lines], axes=[minutes, values],
            title=f"{METRICS[metric].title} ({unit})", animation_duration=0,
            fig_margin={"top": 32, "bottom": 28, "left": 44, "right": 12},
            layout=ipywidgets.Layout(width="100%", height="190px", min_width="280px"),
        )  # fmt: skip

    def draw(self, chart: Chart, ages: Any, bands: tuple[Any, Any]) -> None:
        """Show these values; ``ages`` are seconds before now, negative."""
        values = [np.array([np.nan if v is None else v for v in line], dtype=np.float32) for _, line in chart.lines]
        self._y.max = float(chart.top * self._factor)
        with self._lines.hold_sync():
            self._lines.x, self._lines.y = ages, np.stack(values) * np.float32(self._factor)
        with self._bands.hold_sync():
            self._bands.x, self._bands.y = bands


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
