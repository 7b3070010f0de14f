"""Panels read off the metric catalogue: title, unit and explanation are the metric's own."""

from __future__ import annotations

from collections.abc import Mapping

from ..metrics import HOST_METRICS, METRICS, Metric
from .expressions import NODE, NODE_GPU, gpu, host, rate
from .panels import Panel, Query, lines

RATES = {"bytes": "bytes/s", "joules": "watts", "seconds": "ratio", "count": "per second"}
"""Unit of a counter → unit of how fast it grows: joules per second are watts, seconds per second a share of time."""


def curves(title: str, *names: str, where: str = NODE_GPU, wide: int = 12) -> Panel:
    """Metrics of the GPUs over time, all of one unit; of a counter, its rate."""
    told = len(names) > 1
    queries = [
        Query(plotted(METRICS[n], gpu(n, where)), f"GPU {{{{gpu}}}} {METRICS[n].title}" if told else "GPU {{gpu}}")
        for n in names
    ]
    return lines(title, _help(METRICS, names), unit(METRICS, names), *queries, wide=wide)


def host_curves(title: str, *names: str, where: str = NODE, wide: int = 12) -> Panel:
    """Metrics of the host over time, all of one unit; of a counter, its rate."""
    queries = [Query(plotted(HOST_METRICS[n], host(n, where)), HOST_METRICS[n].title) for n in names]
    return lines(title, _help(HOST_METRICS, names), unit(HOST_METRICS, names), *queries, wide=wide)


def plotted(metric: Metric, expression: str) -> str:
    """What a chart shows of a metric: its value, or of a counter its rate."""
    return rate(expression) if metric.kind == "counter" else expression


def unit(metrics: Mapping[str, Metric], names: tuple[str, ...]) -> str:
    """The unit of the chart.

    Raises:
        ValueError: the metrics do not have one unit in common.
    """
    found = {RATES[m.unit] if m.kind == "counter" else m.unit for m in (metrics[name] for name in names)}
    if len(found) != 1:
        raise ValueError(f"{', '.join(names)} cannot share an axis: {found}")
    return found.pop()


def _help(metrics: Mapping[str, Metric], names: tuple[str, ...]) -> str:
    return " ".join(metrics[name].help for name in names)
