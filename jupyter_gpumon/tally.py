"""How the sampler itself is doing: what came of it, how late, and what was the matter."""

from __future__ import annotations

import time
from collections import Counter

from .model import Hello
from .wire import Stream

WELL = frozenset({"live", "starting", "ok", "asleep"})
"""States of the driver, and of a device, in which nothing is the matter."""


class Tally:
    """A sink that counts what came."""

    def __init__(self) -> None:
        self.samples = self.missed = 0
        self.took: float | None = None
        """Seconds that the last look at the driver and the host took."""
        self.errors: Counter[str] = Counter()
        """How often something began to be the matter, by state of the driver (``stalled``) or a GPU (``lost``)."""
        self.last_error: str | None = None
        self.last_error_time: float | None = None
        self.heard: float | None = None
        """When the last sample came, by this machine's monotonic clock: the source may be another machine."""
        self._now = ""
        self._ill: frozenset[tuple[str, str]] = frozenset()

    def write(self, message: Stream) -> None:
        """Count a message."""
        if isinstance(message, Hello):
            self._trouble(message)
            self._count(message)
            return
        self.missed += message.missed
        if message.gpus or message.host:
            self.samples += 1
            self.heard, self.took = time.monotonic(), message.took

    def _trouble(self, hello: Hello) -> None:
        """Note what is the matter with all of it, or else with one GPU."""
        status = hello.status
        if status.state in WELL:
            ill = {device.label: device.detail for device in hello.devices if device.state in ("lost", "error")}
            error, since = "; ".join(f"{label}: {detail}" for label, detail in ill.items()), None
        else:
            error, since = status.message or status.state, status.since
        if error and error != self._now:
            self.last_error, self.last_error_time = error, time.time() if since is None else since
        self._now = error

    def _count(self, hello: Hello) -> None:
        """Count what was well until now."""
        states = {("", hello.status.state), *((device.uuid, device.state) for device in hello.devices)}
        ill = frozenset((who, state) for who, state in states if state not in WELL)
        self.errors.update(state for _, state in ill - self._ill)
        self._ill = ill
