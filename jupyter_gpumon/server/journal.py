"""What happened to the GPUs: each thing said once in the log, and the last ones kept for the pages opened later."""

from __future__ import annotations

import logging
import re
import time
from collections import deque

from ..model import Event, Hello, Sample
from ..wire import Stream

log = logging.getLogger("jupyter_gpumon")

KEPT = 100
"""Events kept for pages that are opened later."""
QUIET = 60.0
"""Seconds for which the same thing must not have happened before the log says it again: a flood is one line."""
AFTERMATH = 2
"""Samples after a trouble with the driver that still tell what it did: the look that hung, and the one after it."""

_EXPLAINED = ("gap", "lost", "back", "gone", "appeared")
"""Kinds that follow from what the log has said of the driver as a whole, while that is so."""


class Journal:
    """A sink for events; cells have a place of their own."""

    def __init__(self) -> None:
        self._recent: deque[Event] = deque(maxlen=KEPT)
        self._said: dict[tuple[object, ...], float] = {}
        self._excused = 0

    @property
    def recent(self) -> tuple[Event, ...]:
        """The last events, oldest first."""
        return tuple(self._recent)

    def write(self, message: Stream) -> None:
        """Note the events of a message."""
        if isinstance(message, Hello):
            if message.status.state not in ("live", "starting"):
                self._excused = AFTERMATH
        elif isinstance(message, Sample):
            for event in message.events:
                if event.kind != "cell":
                    self._note(event)
            self._excused = max(0, self._excused - bool(message.gpus))

    def _note(self, event: Event) -> None:
        key, now = alike(event), time.monotonic()
        fresh = now - self._said.get(key, float("-inf")) > QUIET
        self._said[key] = now
        if not fresh and self._recent and alike(self._recent[-1]) == key:
            self._recent.pop()
        self._recent.append(event)
        if fresh and event.level != "info" and not (self._excused and event.kind in _EXPLAINED):
            log.warning("%s", ". ".join(filter(None, (event.title, event.detail))))


def alike(event: Event) -> tuple[object, ...]:
    """Equal for two events that are the same thing again, at another time or for longer."""
    return event.kind, event.uuid, event.code, re.split(r"\d", event.title)[0] if event.kind == "gap" else event.title
