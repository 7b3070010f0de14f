"""What a report charts: a panel per quantity, ordered by unit, with a line per GPU in its colour on every surface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..metrics import HOST_METRICS, METRICS, Metric
from ..model import Columns, Device
from ..units import quantity
from .palette import colour

CHARTED = (
    "power",
    "utilization", "sm_activity", "memory_activity",
    "memory_used",
    "temperature", "temperature_memory",
    "clock_sm", "clock_graphics", "clock_memory",
    "pcie_tx", "pcie_rx", "nvlink_tx", "nvlink_rx",
    "pcie_gen", "pcie_width",
)  # fmt: skip
"""GPU metrics in the order in which they are shown: those of one unit side by side."""
HOST_CHARTED = ("cpu", "memory_used")
_INK = "#808080"
_WHOLE = 0.9
"""Share of a step that a whole row has at least."""
_SEVERAL = 3.0
"""Rows further apart than so many steps have a gap between them."""

Values = Sequence[float | None]


class Line(NamedTuple):
    """One device's values, a row of the panel's times each; None where nothing is known."""

    name: str
    colour: str
    mean: Values
    low: Values
    high: Values


class Panel(NamedTuple):
    """One quantity of all devices."""

    metric: Metric
    rate: bool
    """Values are per second: a counter's growth."""
    lines: Sequence[Line]
    host: bool = False

    @property
    def title(self) -> str:
        """Its title in the catalogue."""
        return self.metric.title

    @property
    def column(self) -> str:
        """Its name in a table, with its unit: ``power_watts``, ``pcie_tx_bytes_per_second``."""
        return f"{'host_' if self.host else ''}{self.metric.column}{'_per_second' if self.rate else ''}"

    def said(self, value: float | None) -> str:
        """A value of it, in words."""
        return quantity(value, self.metric.unit, rate=self.rate)


def panels(columns: Columns, devices: Sequence[Device], metrics: Iterable[str] = CHARTED) -> list[Panel]:
    """The panels of these metrics, and of the host; those of which nothing is known, or all is zero, are left out.

    Args:
        columns: the values, with ``low`` and ``high`` where rows are of several samples.
        devices: in the order of the inventory, which gives the colours.
        metrics: names of GPU metrics.
    """
    found = [_panel(METRICS[name], columns, devices) for name in metrics]
    found += [_host_panel(HOST_METRICS[name], columns) for name in HOST_CHARTED]
    return [panel for panel in found if any(any(line.high) for line in panel.lines)]


def _panel(metric: Metric, columns: Columns, devices: Sequence[Device]) -> Panel:
    lines = [
        _line(metric, device.label, colour(place), device.uuid, columns)
        for place, device in enumerate(devices)
        if metric.name in columns.gpus.get(device.uuid, ())
    ]
    return Panel(metric, metric.kind == "counter", lines)


def _line(metric: Metric, name: str, hue: str, uuid: str, columns: Columns) -> Line:
    mean = columns.gpus[uuid][metric.name]
    if metric.kind == "counter":
        growth = rate(mean, columns.time, columns.step)
        return Line(name, hue, growth, growth, growth)
    return Line(name, hue, mean, _of(columns.low, uuid, metric, mean), _of(columns.high, uuid, metric, mean))


def _of(table: Mapping[str, Mapping[str, Values]] | None, uuid: str, metric: Metric, otherwise: Values) -> Values:
    return otherwise if table is None else table.get(uuid, {}).get(metric.name, otherwise)


def _host_panel(metric: Metric, columns: Columns) -> Panel:
    values = columns.host.get(metric.name)
    return Panel(metric, False, [Line("host", _INK, values, values, values)] if values else [], host=True)


def rate(values: Values, times: Sequence[float], step: float) -> list[float | None]:
    """Growth per second of a counter from row to row; None at gaps, and where it began anew.

    None in a row that is not whole too: what was read in it is not known to be of its end.
    """
    found: list[float | None] = [None]
    for i in range(1, len(values)):
        before, now, seconds = values[i - 1], values[i], times[i] - times[i - 1]
        known = before is not None and now is not None and _WHOLE * step < seconds <= _SEVERAL * step
        grown = None if before is None or now is None or not known else (now - before) / seconds
        found.append(None if grown is None or grown < 0 else grown)
    return found[: len(values)]


def is_gap(before: float, now: float, step: float) -> bool:
    """Whether nothing is known between two rows."""
    return now - before > _SEVERAL * step
