"""What a stretch of samples comes to: per GPU its energy, and how each metric was distributed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ...distribution import Spread
from ...metrics import HOST_METRICS, METRICS, Metric
from ...model import Hello, Sample
from ...report.accounts import Accounts
from ...report.amounts import energy
from ...report.tables import as_text
from ...sources.tables import PREFIX
from ...units import duration, quantity
from ...wire import Stream
from ..run.tally import HOST, POWERS, Tally

_METRICS: dict[str, Metric] = {metric.column: metric for metric in METRICS.values()} | {
    PREFIX + metric.column: metric for metric in HOST_METRICS.values()
}
FIGURES = ("mean", "min", "max", "p50", "p95")


class Summary:
    """Takes messages in order; then says what they come to."""

    def __init__(self) -> None:
        self._tally: Tally | None = None
        self._accounts = Accounts()
        self._labels = {HOST: "host"}
        self._names: dict[str, str] = {}
        self._last = 0.0

    def read(self, messages: Iterable[Stream]) -> Summary:
        """Take all of them."""
        for message in messages:
            if isinstance(message, Hello):
                self._meet(message)
            else:
                self._take(message)
        return self

    def _meet(self, hello: Hello) -> None:
        self._accounts.meet(hello)
        self._labels |= {device.uuid: device.label for device in hello.devices}
        self._names |= {device.label: device.name for device in hello.devices}

    def _take(self, sample: Sample) -> None:
        if sample.gpus or sample.host:
            self._tally = self._tally or Tally(sample.mono, 1.0)
            self._tally.write(sample)
            self._accounts.read(sample)
            self._last = sample.mono

    def told(self) -> dict[str, Any]:
        """As a document: energies in joules, values in base units under columns that name them."""
        tally = self._tally
        if tally is None:
            return {"samples": 0, "seconds": 0.0, "energy": {}, "metrics": {}}
        tally.end = self._last
        spreads = tally.spreads()
        return {
            "samples": tally.pace.samples,
            "seconds": self._last - tally.start,
            "devices": self._names,
            "energy": {account.device: account.energy for account in self._accounts.all()},
            "metrics": {self._labels.get(uuid, uuid): _columns(uuid, found) for uuid, found in spreads.items()},
        }


def _columns(uuid: str, found: dict[str, Spread]) -> dict[str, Spread]:
    if uuid != HOST:
        return {METRICS[name].column: spread for name, spread in found.items()}
    names = {name: f"{name}_watts" for name in POWERS.values()}
    return {names.get(name) or HOST_METRICS[name].column: spread for name, spread in found.items()}


def as_lines(told: dict[str, Any], columns: Iterable[str] = ()) -> str:
    """For people: a table a device, of these columns or of all."""
    wanted = set(columns)
    parts = [f"{told['samples']} samples, {duration(told['seconds'])}"]
    for device, metrics in told["metrics"].items():
        drawn = told["energy"].get(device)
        parts.append(f"\n{device} {told['devices'].get(device, '')}" + (f", {energy(drawn)}" if drawn else ""))
        prefix = PREFIX if device == "host" else ""
        shown = {name: spread for name, spread in metrics.items() if not wanted or prefix + name in wanted}
        parts.append(as_text(("", *FIGURES), [_row(prefix + name, spread) for name, spread in shown.items()]))
    return "\n".join(parts)


def _row(column: str, spread: Spread) -> tuple[str, ...]:
    metric = _METRICS.get(column)
    values = (quantity(getattr(spread, figure), metric.unit if metric else "watts") for figure in FIGURES)
    return metric.title if metric else column.removeprefix(PREFIX), *values


def as_json(told: dict[str, Any]) -> bytes:
    """For programs."""
    return msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
