"""What a rule would have said of the past, by the history that the server keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..alerts import Alerts
from ..findings import Alert
from ..metrics import METRICS, Gpu, Host
from ..model import Columns, Hello, Sample
from ..rulebook import Preview
from ..rules.expression import names
from ..rules.expression.nodes import Held, Name, walk
from ..rules.rule import Threshold
from .service import Service

LONGEST = 86_400.0
"""Seconds that are looked at, at most."""
LOOKS = 1200
"""Samples that are made of the past, about."""
HOST = "host."


def preview(service: Service, rule: Threshold, seconds: float) -> Preview:
    """Try a rule on the past. Some tens of milliseconds: not for the loop."""
    now = service.monitor.latest.time if service.monitor.latest else 0.0
    wanted = _wanted(rule)
    step = max(1.0, seconds / LOOKS)
    columns = service.columns(now - seconds, None, step, rule_devices(service, rule), wanted, False)
    alerts, known = _judged(rule, service.monitor.hello, columns)
    there = {metric for kept in columns.gpus.values() for metric in kept} | {f"{HOST}{name}" for name in columns.host}
    return Preview(
        alerts=tuple(alerts),
        seconds=seconds,
        covered=columns.time[-1] - columns.time[0] if columns.time else 0.0,
        known=known,
        unknown=tuple(name for name in _named(rule) if not _constant(name) and name not in there),
    )


def rule_devices(service: Service, rule: Threshold) -> list[str] | None:
    """UUIDs of the devices that a rule is for; None is all of them."""
    if not rule.devices:
        return None
    return [d.uuid for d in service.monitor.hello.devices if d.uuid in rule.devices or d.label in rule.devices]


def _named(rule: Threshold) -> list[str]:
    parts = [part for condition in rule.conditions() for part in walk(condition)]
    return list(dict.fromkeys(part.name for part in parts if isinstance(part, Name | Held)))


def _wanted(rule: Threshold) -> list[str]:
    return [name for name in _named(rule) if names.metric(name) is not None]


def _constant(name: str) -> bool:
    return name in names.CONSTANTS or name == "memory_total"


def _judged(rule: Threshold, hello: Hello, columns: Columns) -> tuple[list[Alert], bool]:
    """What would have fired, and whether the condition was ever known."""
    alerts, found, known = Alerts([rule]), dict[str, Alert](), False
    alerts.listeners.append(lambda alert: found.__setitem__(alert.id, alert))
    alerts.write(hello)
    for sample in samples(columns):
        alerts.write(sample)
        known = known or any(value is not None for value in alerts.window.column(rule.when))
    found.update((alert.id, alert) for alert in alerts.current)
    return sorted(found.values(), key=lambda alert: alert.fired), known


def samples(columns: Columns) -> Iterator[Sample]:
    """History by column as the samples it was made of, as far as it still tells."""
    gpu: dict[str, dict[str, Any]] = {
        uuid: {name: values for name, values in kept.items() if name in METRICS} for uuid, kept in columns.gpus.items()
    }
    for row, time in enumerate(columns.time):
        gpus = tuple(
            Gpu(uuid=uuid, **{name: values[row] for name, values in kept.items()}) for uuid, kept in gpu.items()
        )
        of_host: dict[str, Any] = {name: values[row] for name, values in columns.host.items()}
        host = Host(**of_host) if of_host else None
        yield Sample(time=time, mono=time, gpus=gpus, host=host)
