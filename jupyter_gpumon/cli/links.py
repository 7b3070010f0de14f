"""``gpumon links`` and ``gpumon mig``: how GPUs are linked and split, by a Jupyter server, or by a look of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import typer

from ..clock import Clock, SystemClock
from ..links import Links
from ..model import Hello, Request
from ..report import links as words
from ..sources import Source
from ..sources.server import asked
from ..sources.urls import open_source
from ..wire import to_json
from ..wiring import Wiring
from .watch.where import best_source

WAIT = 10.0
"""Seconds for the first sample."""
LOOK = 4.0
"""Seconds from then in which a second look at each link must come."""


def links(source: str | None, *, topo: bool, as_json: bool) -> int:
    """Print links, or which link each pair shares; returns the exit code."""
    return _show(source, words.topology if topo else words.text, as_json=as_json)


def mig(source: str | None, *, as_json: bool) -> int:
    """Print how boards are split."""
    return _show(source, words.mig, as_json=as_json)


def _show(source: str | None, said: Callable[[Links], str], *, as_json: bool) -> int:
    found = _found(source)
    typer.echo(to_json(found) if as_json else said(found) if found.devices else words.EMPTY)
    return 0 if found.devices else 1


def _found(source: str | None) -> Links:
    url = source or best_source()
    if url.startswith("unix:"):
        return msgspec.json.decode(asked(Path(url.removeprefix("unix:")), "links"), type=Links)
    return looked(open_source(url), SystemClock())


def looked(source: Source, clock: Clock) -> Links:
    """Look at each link twice, for its rates, and close the source."""
    wiring, end, first = Wiring(), clock.mono() + WAIT, True
    source.ask(Request(links=True))
    try:
        for message in source.stream(clock):
            wiring.write(message)
            if isinstance(message, Hello):
                if message.status.state not in ("live", "starting"):
                    break
            elif message.links is not None and wiring.moving:
                break
            elif message.gpus and (first or message.links is not None):
                end = clock.mono() + LOOK if first else end
                first = False
                source.ask(Request(links=True))
            if clock.mono() >= end:
                break
    finally:
        source.close()
    return wiring.links()
