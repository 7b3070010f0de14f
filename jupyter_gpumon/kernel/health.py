"""``%gpumon health``: how each GPU stands, by the server that has followed it, or as far as this kernel has seen."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ..checkups import Health
from ..health import Checkup
from ..report.health import html, text
from ..sources.server import asked
from .connect import Connection, connection
from .show import Shown

_following: list[tuple[Connection, Checkup]] = []
"""This kernel's own checkup, where there is no server: of the connection there is, from its first question on."""


def show() -> None:
    """Show it."""
    link = connection()
    link.ready()
    health = _health(link)
    Shown().draw({"text/plain": text(health), "text/html": html(health)})


def _health(link: Connection) -> Health:
    if link.url.startswith("unix:"):
        return msgspec.json.decode(asked(Path(link.url.removeprefix("unix:")), "health"), type=Health)
    return _own(link).health()


def _own(link: Connection) -> Checkup:
    for known, checkup in _following:
        if known is link:
            return checkup
    checkup = Checkup()
    checkup.write(link.hello)
    if link.latest is not None:
        checkup.write(link.latest)
    link.monitor.add(checkup)
    _following[:] = [(link, checkup)]
    return checkup
