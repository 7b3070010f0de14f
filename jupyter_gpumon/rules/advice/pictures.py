"""Evidence out of columns: a few points of a metric, enough for a small picture."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from ...findings import Evidence
from ...metrics import METRICS
from .board import Board
from .series import Values, known

POINTS = 120
"""Most points of one picture."""
_HIGHEST = ("memory_used", "temperature")
"""Metrics of which the highest value counts, not the mean."""


def thinned(times: Sequence[float], values: Values, *, highest: bool = False) -> tuple[list[float], Values]:
    """So many points at most: each the mean, or the highest, of those it stands for."""
    size = -(-len(values) // POINTS) or 1
    choose = max if highest else fmean
    groups = [values[at : at + size] for at in range(0, len(values), size)]
    found = [_short(choose(known(group))) if known(group) else None for group in groups]
    return [times[min(at + size, len(times)) - 1] for at in range(0, len(values), size)], found


def _short(value: float) -> float:
    """Four significant digits: more are not seen in a picture."""
    return float(f"{value:.4g}")


def picture(board: Board, metric: str, limit: float | None = None) -> Evidence:
    """A metric of one device over the whole stretch; a counter's as growth per second."""
    counter = METRICS[metric].kind == "counter"
    every = board.rates(metric) if counter else board.gauge(metric)
    values = [every[row] for row in board.span]
    moments = [board.times[row] for row in board.span]
    times, points = thinned(moments, values, highest=metric in _HIGHEST)
    unit = METRICS[metric].unit
    return Evidence(
        metric=metric,
        unit=f"{unit} per second" if counter and unit != "seconds" else "ratio" if counter else unit,
        uuid=board.device.uuid,
        time=tuple(round(time, 3) for time in times),
        values=tuple(points),
        limit=limit,
    )


def host(times: Sequence[float], values: Values, metric: str, unit: str, limit: float | None = None) -> Evidence:
    """A metric of the host."""
    moments, points = thinned(times, values)
    time = tuple(round(moment, 3) for moment in moments)
    return Evidence(metric=f"host.{metric}", unit=unit, time=time, values=tuple(points), limit=limit)
