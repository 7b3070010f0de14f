"""Panels in the terminal: a band per GPU in its colour, those of a panel on one scale; a column shows its highest."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from rich.text import Text

from ...metrics import Metric
from ...report.evidence import Evidence
from ...report.panels import Line, Panel, Values
from ...units import duration, quantity

_HEIGHTS = " ▁▂▃▄▅▆▇█"
_LEFT = 8
"""Columns for names."""
_TALL, _FEW = 3, 3
"""Rows of a band where there are few of them, and how many are few."""


def drawing(evidence: Evidence, panels: Sequence[Panel], width: int) -> list[Text]:
    """All panels, then the time below them.

    Args:
        evidence: where they are from.
        panels: as ``report.panels`` gives them.
        width: columns of the terminal.
    """
    numbers = max((len(_numbers(line, panel)) for panel in panels for line in panel.lines), default=0)
    across = max(10, width - _LEFT - numbers - 1)
    times = evidence.columns.time if evidence.columns else []
    found = [Text(_title(evidence), "bold")]
    for panel in panels:
        found += [Text(""), *_panel(panel, times, across)]
    return [*found, _axis(times, across)] if panels else [*found, Text("Nothing in it can be drawn.", "dim")]


def _title(evidence: Evidence) -> str:
    span = duration((evidence.end or 0.0) - (evidence.start or 0.0))
    simulated = "simulated GPUs · " if evidence.simulated else ""
    return f"{evidence.title} · {simulated}{evidence.samples} samples over {span}"


def _panel(panel: Panel, times: Sequence[float], across: int) -> list[Text]:
    top = _top(panel)
    rows = _TALL if len(panel.lines) <= _FEW else 1
    head = Text(panel.title, "bold")
    head.append(f"  0 to {_said(panel, top)}", "dim")
    return [head, *(text for line in panel.lines for text in _band(line, panel, times, across, rows, top))]


def _band(line: Line, panel: Panel, times: Sequence[float], across: int, rows: int, top: float) -> list[Text]:
    """One device: its rows from the top down, the name beside the first, the numbers beside the last."""
    values = columns(line.high, times, across)
    found = []
    for row in range(rows):
        text = Text(line.name.ljust(_LEFT) if not row else " " * _LEFT, f"bold {line.colour}", no_wrap=True)
        text.append("".join(_part(value, top, rows - 1 - row, rows) for value in values), line.colour)
        if row == rows - 1:
            text.append(f" {_numbers(line, panel)}", "dim")
        found.append(text)
    return found


def _numbers(line: Line, panel: Panel) -> str:
    means, highs = [v for v in line.mean if v is not None], [v for v in line.high if v is not None]
    if not means or not highs:
        return "nothing known"
    return f"mean {_said(panel, sum(means) / len(means))}, max {_said(panel, max(highs))}"


def _said(panel: Panel, value: float) -> str:
    return quantity(value, panel.metric.unit, rate=panel.rate)


def _part(value: float | None, top: float, row: int, rows: int) -> str:
    """What a column shows in the ``row``-th row from below."""
    if value is None:
        return " "
    eighths = max(1, round(8 * rows * value / top)) if value > 0 else 0
    part = min(8, max(0, eighths - 8 * row))
    return _HEIGHTS[part] if part or row else "▁" if value > 0 else "_"


def columns(values: Values, times: Sequence[float], across: int) -> list[float | None]:
    """The values brought to so many columns of equal time: the highest of what falls into each; None where nothing."""
    found: list[float | None] = [None] * across
    if not times:
        return found
    span, before = (times[-1] - times[0]) or 1.0, -1
    for at, value in zip(times, values, strict=False):
        place = min(across - 1, int(across * (at - times[0]) / span))
        if value is None:
            before = -1
            continue
        for each in _reach(before, place, across):
            known = found[each]
            found[each] = value if known is None else max(known, value)
        before = place
    return found


def _reach(before: int, place: int, across: int) -> range:
    """The columns that a value fills: few samples on many columns stand from the one before, if that is no gap."""
    joined = before >= 0 and place - before <= across // 8
    return range(min(before + 1, place) if joined else place, place + 1)


def _top(panel: Panel) -> float:
    """The upper end of a panel's scale: 100 % for ratios, else a round number above what was seen."""
    seen = max((value for line in panel.lines for value in line.high if value is not None), default=0.0)
    return max(1.0, seen) if panel.metric.unit == "ratio" else _round_up(seen, panel.metric)


def _round_up(value: float, metric: Metric) -> float:
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    steps = (1.0, 2.0, 5.0, 10.0) if metric.unit == "count" else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
    return next(step * size for step in steps if step * size >= value * 0.9999)


def _axis(times: Sequence[float], across: int) -> Text:
    if not times:
        return Text("")
    first, last = (time.strftime("%H:%M:%S", time.localtime(at)) for at in (times[0], times[-1]))
    return Text(f"{' ' * _LEFT}{first}{last.rjust(max(0, across - len(first)))}", "dim", no_wrap=True)
