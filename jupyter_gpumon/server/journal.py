"""What happened to the GPUs: each thing said once in the log, and the last ones kept for the pages opened later."""

from __future__ import annotations

import logging
import re
import time
from collections import deque

from ..findings import Alert
from ..model import Event, Hello, Sample
from ..wire import Stream

log = logging.getLogger("jupyter_gpumon")

KEPT = 100
"""Events kept for pages that are opened later."""
QUIET = 60.0
"""Seconds for which the same thing must not have happened before the log says it again: a flood is one line."""
AFTERMATH = 2
"""Samples after a trouble with the driver that still tell what it did: the look that hung, and the one after it."""

SAID_BEFORE = ("xid", "gpu-lost", "driver-silent")
"""Rules that find what an event, or the agent's own line in the log, has said already."""

_EXPLAINED = ("gap", "lost", "back", "gone", "appeared")
"""Kinds that follow from what the log has said of the driver as a whole, while that is so."""


class Journal:
    """A sink for events; cells have a place of their own."""

    def __init__(self) -> None:
        self._recent: deque[Event] = deque(maxlen=KEPT)
        self._said: dict[tuple[object, ...], float] = {}
        self._labels: dict[str, str] = {}
        self._alerts: dict[str, str] = {}
        """Id of an alert that fires → level that was said."""
        self._excused = 0

    @property
    def recent(self) -> tuple[Event, ...]:
        """The last events, oldest first."""
        return tuple(self._recent)

    def write(self, message: Stream) -> None:
        """Note the events of a message."""
        if isinstance(message, Hello):
            self._labels = {device.uuid: device.label for device in message.devices}
            if message.status.state not in ("live", "starting"):
                self._excused = AFTERMATH
        elif isinstance(message, Sample):
            for event in message.events:
                if event.alert is not None:
                    self._alert(event, event.alert)
                elif event.kind != "cell":
                    self._note(event)
            self._excused = max(0, self._excused - bool(message.gpus))

    def _alert(self, event: Event, alert: Alert) -> None:
        """An alert is said when it fires, when its level changes and when it is over; not when somebody has seen it."""
        state = "over" if alert.state == "resolved" else alert.finding.level
        self._recent.append(event)
        if self._alerts.get(alert.id) == state or alert.finding.rule in SAID_BEFORE:
            return
        where = self._labels.get(alert.finding.uuid or "", "")
        words = ". ".join(filter(None, (event.title, event.detail)))
        level = logging.INFO if state in ("over", "info") else logging.WARNING
        log.log(level, "gpumon alert: %s", f"{where}: {words}" if where else words)
        if state == "over":
            self._alerts.pop(alert.id, None)
        else:
            self._alerts[alert.id] = state

    def _note(self, event: Event) -> None:
        key, now = alike(event), time.monotonic()
        fresh = now - self._said.get(key, float("-inf")) > QUIET
        self._said[key] = now
        if not fresh and self._recent and alike(self._recent[-1]) == key:
            self._recent.pop()
        self._recent.append(event)
        if (
            fresh
            and event.level != "info"
            and event.kind not in ("sink", "policy")  # which speak for themselves
            and not (self._excused and event.kind in _EXPLAINED)
        ):
            log.warning("%s", ". ".join(filter(None, (event.title, event.detail))))


def alike(event: Event) -> tuple[object, ...]:
    """Equal for two events that are the same thing again, at another time or for longer."""
    return event.kind, event.uuid, event.code, re.split(r"\d", event.title)[0] if event.kind == "gap" else event.title
