"""``%gpumon links`` and ``%gpumon mig``: as the server knows them, or by a look through this kernel's own source."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ..links import Links
from ..model import Request
from ..report import links as words
from ..sources.server import asked
from ..wiring import Wiring
from .connect import Connection, connection
from .show import Shown

WAIT = 4.0
"""Seconds for two looks at each link."""


def show() -> None:
    """Show links and topology."""
    _draw(words.text, words.html)


def show_mig() -> None:
    """Show how boards are split."""
    _draw(words.mig, words.mig_html)


def _draw(text: Callable[[Links], str], html: Callable[[Links], str]) -> None:
    link = connection()
    link.ready()
    found = _found(link)
    Shown().draw({"text/plain": text(found), "text/html": html(found)})


def _found(link: Connection) -> Links:
    if link.url.startswith("unix:"):
        return msgspec.json.decode(asked(Path(link.url.removeprefix("unix:")), "links"), type=Links)
    wiring = Wiring()
    wiring.write(link.hello)
    if link.latest is not None:
        wiring.write(link.latest)
    end, remove = time.monotonic() + WAIT, link.monitor.add(wiring)
    try:
        _look(link, wiring, end)
        _look(link, wiring, end)
    finally:
        remove()
    return wiring.links()


def _look(link: Connection, wiring: Wiring, end: float) -> None:
    """Ask for a look at each link, and wait for it."""
    before = wiring.looked
    link.monitor.ask(Request(links=True))
    while wiring.looked == before and time.monotonic() < end:
        time.sleep(0.02)
