"""What fires, for Prometheus: ``gpumon_alerts_firing`` and ``gpumon_alerts_fired_total``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from ..exposition.families import Families, Labels
from ..exposition.page import More, Names
from ..findings import Alert
from ..monitor import Monitor
from .alerting import Alerting


def more(alerting: Alerting, monitor: Monitor) -> More:
    """What belongs on the page that is scraped; DCGM has no name for it."""

    def collect(found: Families, names: Names) -> None:
        if alerting.enabled and names != "dcgm":
            _firing(found, alerting.alerts.current, monitor)
            _fired(found, dict(alerting.fired))

    return collect


def _firing(found: Families, alerts: Iterable[Alert], monitor: Monitor) -> None:
    gauge, hello = found.gauge("gpumon_alerts_firing", "Alerts that fire now."), monitor.hello
    gpus = {device.uuid: device.label.removeprefix("gpu") for device in hello.devices}
    for labels, number in Counter(tuple(_labels(alert, gpus, hello.hostname)) for alert in alerts).items():
        gauge.add(Labels(dict(labels)), number)


def _fired(found: Families, fired: Mapping[tuple[str, str], int]) -> None:
    counter = found.counter("gpumon_alerts_fired", "Alerts that have fired since the server's start.")
    for (rule, level), number in fired.items():
        counter.add(Labels(rule=rule, level=level), number)


def _labels(alert: Alert, gpus: Mapping[str, str], hostname: str) -> Iterable[tuple[str, str]]:
    """Labels of an alert's series; without a GPU where it is about none."""
    yield from (("rule", alert.finding.rule), ("level", alert.finding.level))
    uuid = alert.finding.uuid
    if uuid is not None:
        yield from (("uuid", uuid), ("gpu", gpus.get(uuid, "")))
    yield "hostname", hostname
