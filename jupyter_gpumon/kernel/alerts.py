"""The alerts that fire, for ``%gpumon alerts`` and the widget: the server's, kept current by the stream, else our own.

Without a server nobody has judged so far: the shipped rules do, from the first question on.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from ..alerts import Alerts
from ..errors import SourceError
from ..findings import Alert
from ..model import Hello, Sample
from ..report import alerts as words
from ..rulebook import AlertBook
from ..rules.book import Book
from ..rules.pack import shipped
from ..sources.server import asked
from ..wire import Stream
from .connect import Connection, connection
from .show import Shown

_OFF = "Alerts are off on this server (c.GpuMon.alerts = False)."
_OWN = "Judged by this kernel from its first question on: there is no Jupyter server here that judges."


class Firing(Protocol):
    """Who knows what fires."""

    note: str

    @property
    def current(self) -> Sequence[Alert]:
        """All that fire."""


class Servers:
    """A server's alerts: asked for once, and again when it greets anew; what changes comes with the stream.

    Raises:
        SourceError: at ``current``, where the server does not tell.
    """

    def __init__(self, socket: Path) -> None:
        self.note = ""
        self._socket, self._lock = socket, threading.Lock()
        self._firing: dict[str, Alert] | None = None

    def write(self, message: Stream) -> None:
        """In the monitor's thread: take what has changed."""
        if isinstance(message, Hello):
            with self._lock:
                self._firing = None
        for event in message.events if isinstance(message, Sample) else ():
            if event.alert is not None:
                self._take(event.alert)

    def _take(self, alert: Alert) -> None:
        with self._lock:
            if self._firing is None:
                return
            self._firing.pop(alert.id, None)
            if alert.state == "firing":
                self._firing[alert.id] = alert

    @property
    def current(self) -> Sequence[Alert]:
        """All that fire."""
        with self._lock:
            if self._firing is None:
                book = msgspec.json.decode(asked(self._socket, "alerts"), type=AlertBook)
                self._firing, self.note = {alert.id: alert for alert in book.alerts}, "" if book.enabled else _OFF
            return tuple(self._firing.values())


class Own(Alerts):
    """This kernel's own judgement, by the shipped rules."""

    note = _OWN

    def __init__(self, link: Connection) -> None:
        super().__init__(Book(shipped()).judging)
        self.write(link.hello)
        if link.latest is not None:
            self.write(link.latest)


_following: list[tuple[Connection, Firing]] = []
"""Of the connection there is, from the first question on."""


def firing(link: Connection) -> Firing:
    """Who knows what fires on this connection's devices."""
    for known, found in _following:
        if known is link:
            return found
    server = link.url.startswith("unix:")
    found = Servers(Path(link.url.removeprefix("unix:"))) if server else Own(link)
    link.monitor.add(found)
    _following[:] = [(link, found)]
    return found


def line(link: Connection) -> str:
    """What calls for attention in one line; empty where nothing does, or where the server does not tell."""
    try:
        return words.line(firing(link).current, _labels(link))
    except SourceError:  # the line of truth below says how the server is
        return ""


def show() -> None:
    """``%gpumon alerts``.

    Raises:
        SourceError: the server does not tell.
    """
    link = connection()
    link.ready()
    known = firing(link)
    alerts, labels = known.current, _labels(link)
    parts = words.text(alerts, labels, known.note), words.html(alerts, labels, known.note)
    Shown().draw({"text/plain": parts[0], "text/html": parts[1]})


def _labels(link: Connection) -> dict[str, str]:
    return {device.uuid: device.label for device in link.hello.devices}
