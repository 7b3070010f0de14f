"""The picture and the table that stay in the notebook when the live widget has gone."""

from __future__ import annotations

import time
from html import escape
from typing import Any

from ..model import Columns, Device
from ..report.picture import Band, charts, image, svg
from ..report.tables import as_html, as_text
from . import alerts, completion, overview
from .connect import SHOWN, Connection

SPAN = 300.0
"""Seconds shown."""
POINTS = 150
"""Most points per line: twice what the eye sees in a chart of this size."""

_HEAD = ("GPU", "model", "busy", "memory", "power", "temp.", "held back by")


def view(link: Connection) -> tuple[list[Device], Columns, list[Band]]:
    """What widget and picture show: the devices, their last minutes, and the cells in them."""
    now = link.latest.time if link.latest else time.time()
    columns = link.monitor.history.columns(now - SPAN, metrics=SHOWN)
    if len(columns.time) > POINTS:
        columns = link.monitor.history.columns(now - SPAN, step=SPAN / POINTS, metrics=SHOWN)
    bands = [Band(cell.start, cell.end, cell.title) for cell in completion.done if cell.end > now - SPAN]
    return [device for device in link.hello.devices if device.uuid in columns.gpus], columns, bands


def still(link: Connection) -> dict[str, Any]:
    """The last minutes as a picture, with the latest numbers as a table and as text."""
    devices, columns, bands = view(link)
    rows = overview.now(link)
    words = overview.explanation(link.hello) or ("Simulated GPUs." if link.hello.simulated else "")
    words = " · ".join(filter(None, (words, alerts.line(link))))
    if not devices:
        return {"text/plain": words, "text/html": f"<div>{escape(words)}</div>"}
    drawing = svg(charts(columns, devices, SHOWN), columns.time, bands, [device.label for device in devices])
    alternative = f"Utilization, memory, power, temperature of {len(devices)} GPUs; the latest values are in the table."
    page = f"<div>{escape(words)}</div>{image(drawing, words=alternative)}{as_html(_HEAD, rows, words=2)}"
    return {"text/plain": f"gpumon │ {words}\n{as_text(_HEAD, rows, words=2)}", "text/html": page}
