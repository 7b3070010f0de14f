"""What the alerts' rules say of a recording: the same ids, titles and steps as while it was made."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..alerts import Alerts
from ..findings import Alert
from ..health.watches import RULES
from ..model import Device, Hello, Sample
from ..rules.book import Book
from ..rules.pack import shipped
from ..units import duration
from ..wire import Stream
from .findings import Finding, Topic

LOOKS = 5000
"""Samples of a long recording that are judged, about: a rule costs some microseconds each time."""
FARTHEST = 20.0
"""Seconds between two of them, at most: rules look back over a minute and more."""

_OWN: dict[str, str] = {
    "memory-full": "memory_used", "memory-high": "memory_used", "memory-fills": "memory_used",
    "slowed-by-heat": "held_thermal", "slowed-by-heat-hardware": "held_hw_thermal", "power-brake": "held_power_brake",
    "power-capped": "held_power_cap", "corrected-errors": "ecc_corrected", "many-corrected-errors": "ecc_corrected",
    "gpu-lost": "lost", "driver-silent": "status", "sampler-late": "missed",
}  # fmt: skip
TOPICS = _OWN | {check.id: check.metric for check in RULES}
"""Rule → what it is about, in the words of ``findings.Watch``, which says nothing of it then."""


class Judged:
    """Follows a recording.

    Args:
        length: seconds that it lasts.
    """

    def __init__(self, length: float) -> None:
        self._alerts = Alerts(Book(shipped()).judging)
        self._found: dict[str, Alert] = {}
        self._alerts.listeners.append(lambda alert: self._found.__setitem__(alert.id, alert))
        self._step, self._due = min(FARTHEST, length / LOOKS), float("-inf")

    def write(self, message: Stream) -> None:
        """Take a message; of a long recording, every so often one, and all in which something happened."""
        if isinstance(message, Hello) or message.events or message.mono >= self._due:
            self._alerts.write(message)
            if isinstance(message, Sample) and message.gpus:
                self._due = message.mono + 0.9 * self._step

    @property
    def alerts(self) -> list[Alert]:
        """Each in its last state, in the order in which they fired."""
        latest = self._found | {alert.id: alert for alert in self._alerts.current}
        return sorted(latest.values(), key=lambda alert: alert.fired)

    @property
    def topics(self) -> frozenset[Topic]:
        """What they are about, each with its device's UUID."""
        return frozenset(topic for alert in self.alerts for topic in _topics(alert))


def _topics(alert: Alert) -> Iterator[Topic]:
    finding = alert.finding
    if finding.rule == "xid":
        yield f"xid {finding.subject}", finding.uuid or ""
    elif finding.rule in TOPICS:
        yield TOPICS[finding.rule], finding.uuid or ""


def told(alerts: Iterable[Alert], devices: Iterable[Device], end: float) -> list[Finding]:
    """As a report tells them: when, for how long, with the first thing to do; what came again, once.

    Args:
        end: when the recording ends, Unix seconds.
    """
    labels = {device.uuid: device.label for device in devices}
    same: dict[tuple[str, str, str], list[Alert]] = defaultdict(list)
    for alert in alerts:
        same[alert.finding.key].append(alert)
    return [_told(several, labels, end) for several in same.values()]


def _told(alerts: Sequence[Alert], labels: Mapping[str, str], end: float) -> Finding:
    first = alerts[0]
    finding = first.finding
    parts = [f"{_when(alerts, end)}: {finding.detail or finding.title}.", *finding.steps[:1]]
    return Finding(finding.level, finding.title, " ".join(parts), labels.get(finding.uuid or "", ""))


def _when(alerts: Sequence[Alert], end: float) -> str:
    lasted = sum((end if alert.resolved is None else alert.resolved) - alert.since for alert in alerts)
    at = time.strftime("%H:%M:%S", time.localtime(alerts[0].since))
    often = f"{len(alerts)} times, first " if len(alerts) > 1 else ""
    return f"{often}at {at}, for {duration(lasted)}" if lasted >= 1 else f"{often}at {at}"
