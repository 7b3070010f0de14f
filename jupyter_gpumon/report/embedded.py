"""What a page carries: its charts' numbers for its script, the table for whoever wants to go on, Plotly if asked for.

All are compressed; browsers since 2023 unpack them, and without a script the table is a file like any other.
"""

from __future__ import annotations

import base64
import csv
import gzip
import importlib.util
import io
import json
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from ..errors import GpuMonError
from .panels import Line, Panel, Values

PLOTLY = ("none", "inline", "cdn")
"""What a page has of Plotly: nothing, its whole bundle, or a link to it."""
_FINE = 2000
"""Steps between zero and the top of a scale: finer than a screen shows."""


def packed(text: bytes) -> str:
    """Compressed, as text; the same text gives the same."""
    return base64.b64encode(gzip.compress(text, 9, mtime=0)).decode()


def numbers(panels: Sequence[Panel], times: Sequence[float], tops: Sequence[float], step: float) -> str:
    """The charts for the page's script: whole numbers, each a multiple of its panel's ``grain``."""
    first = times[0] if times else 0.0
    told = {
        "first": first,
        "times": [round(at - first, 3) for at in times],
        "step": step,
        "panels": [_panel(panel, top / _FINE) for panel, top in zip(panels, tops, strict=True)],
    }
    return packed(json.dumps(told, separators=(",", ":")).encode())


def _panel(panel: Panel, grain: float) -> dict[str, object]:
    return {
        "title": panel.title,
        "unit": panel.metric.unit,
        "rate": panel.rate,
        "grain": grain,
        "lines": [_line(line, grain) for line in panel.lines],
    }


def _line(line: Line, grain: float) -> dict[str, object]:
    low, high = _whole(line.low, grain), _whole(line.high, grain)
    found: dict[str, object] = {"name": line.name, "colour": line.colour, "low": low}
    return found if low == high else {**found, "high": high}


def _whole(values: Values, grain: float) -> list[int | None]:
    return [None if value is None else round(value / grain) for value in values]


def table(panels: Sequence[Panel], times: Sequence[float]) -> str:
    """The charts' means as CSV: a row per GPU and time, columns with their units, empty where nothing is known."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["time", "gpu", *(panel.column for panel in panels)])
    lines = [{line.name: line.mean for line in panel.lines} for panel in panels]
    names = list(dict.fromkeys(line.name for panel in panels if not panel.host for line in panel.lines))
    for row, at in enumerate(times):
        for name in names:
            values = (of.get(name, of.get("host", ())) for of in lines)
            writer.writerow([f"{at:.3f}", name, *(_cell(value, row) for value in values)])
    return file.getvalue()


def _cell(values: Values, row: int) -> str:
    value = values[row] if row < len(values) else None
    return "" if value is None else f"{value:.6g}"


def data_uri(content: bytes, mime: str) -> str:
    """Content as an address."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def bundle() -> Path:
    """Plotly's own script, as the Python package ships it.

    Raises:
        GpuMonError: the package is not installed.
    """
    spec = importlib.util.find_spec("plotly")
    path = Path(spec.origin).parent / "package_data" / "plotly.min.js" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise GpuMonError("Plotly is not installed: pip install 'jupyter-gpumon[report]', or use --plotly none.")
    return path


def plotly(how: str) -> str:
    """The part of a page that brings Plotly.

    Raises:
        GpuMonError: there is no such way, or Plotly is not installed.
    """
    if how not in PLOTLY:
        raise GpuMonError(f"--plotly takes {', '.join(PLOTLY)}; not {how!r}.")
    if how == "none":
        return ""
    script = bundle().read_bytes()
    if how == "inline":
        return f'<script type="application/gzip" id="gpumon-plotly">{packed(script)}</script>'
    return f'<script src="{cdn()}" integrity="{_digest(script)}" crossorigin="anonymous" defer></script>'


def cdn() -> str:
    """Where the very script that is installed is found in the web."""
    found = re.search(rb"plotly\.js v(\d+\.\d+\.\d+)", bundle().read_bytes()[:500])
    if found is None:
        raise GpuMonError("Which Plotly is installed cannot be told; use --plotly inline or none.")
    return f"https://cdn.plot.ly/plotly-{found[1].decode()}.min.js"


def _digest(script: bytes) -> str:
    return f"sha256-{base64.b64encode(sha256(script).digest()).decode()}"
