"""What is drawn of evidence: the panels that were asked for, and a Plotly figure of them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ..devices import choose
from ..errors import GpuMonError
from ..metrics import METRICS, SERIES
from .evidence import Evidence
from .figures import figure
from .panels import CHARTED, Panel, panels

_EXTRA = 'pip install "jupyter-gpumon[report]"'


class PlotError(GpuMonError):
    """It cannot be drawn so; the text says how it can."""


def chosen_panels(evidence: Evidence, metrics: Sequence[str] = (), devices: Sequence[str] = ()) -> list[Panel]:
    """The panels of these metrics and devices; each device keeps the colour of its place.

    Args:
        evidence: where the values are.
        metrics: names, several in one word parted by commas; empty is what reports chart.
        devices: likewise; empty is all.

    Raises:
        PlotError: there is no such metric, or no sample.
        DeviceError: there is no such device.
    """
    if evidence.columns is None or not evidence.columns.time:
        raise PlotError(f"There is no sample in {evidence.title}, so there is nothing to draw. {evidence.origin}")
    wanted, names = _words(metrics), _words(devices)
    unknown = [name for name in wanted if name not in SERIES]
    if unknown:
        raise PlotError(f"There is no metric {unknown[0]!r}. There are: {', '.join(sorted(METRICS))}.")
    kept = {device.label for device in choose(evidence.devices, names or None)}
    return [
        panel._replace(lines=[line for line in panel.lines if panel.host or line.name in kept])
        for panel in panels(evidence.columns, list(evidence.devices), wanted or CHARTED)
        if not (wanted and panel.host)
    ]


def _words(given: Sequence[str]) -> list[str]:
    return [word for each in given for word in each.split(",") if word]


def plotted(evidence: Evidence, found: Sequence[Panel]) -> Any:
    """The panels as a ``plotly.graph_objects.Figure``.

    Raises:
        PlotError: Plotly is not installed.
    """
    try:
        plotly = import_module("plotly.graph_objects")
    except ImportError as e:
        raise PlotError(f"This chart needs Plotly. Install it: {_EXTRA}. Or draw it in the terminal.") from e
    columns = evidence.columns
    title = evidence.title + (" (simulated GPUs)" if evidence.simulated else "")
    return plotly.Figure(figure(found, columns.time if columns else (), columns.step if columns else 1.0, title))
