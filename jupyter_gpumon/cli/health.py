"""``gpumon health``: how each GPU stands, from a Jupyter server that has followed it, or by a look of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import typer
from msgspec.structs import replace

from ..checkups import Health, Patient, gravest
from ..clock import Clock, SystemClock
from ..errors import DeviceError, GpuMonError
from ..health import Checkup
from ..model import Hello, Request
from ..report.health import text
from ..sources import Source
from ..sources.server import asked
from ..sources.urls import open_source
from ..wire import to_json
from .watch.where import best_source

CODES = {"pass": 0, "warming": 0, "warn": 1, "fail": 2, "unknown": 3}
"""State of all → exit code; as Nagios has it."""
WAIT = 10.0
"""Seconds for the first sample."""
LOOK = 3.0
"""Seconds of a look of its own, where nobody said."""


def health(source: str | None, seconds: float | None, gpus: Sequence[str], *, as_json: bool) -> int:
    """Print it; returns the exit code: 0 well, 1 with warnings, 2 failed, 3 where nothing can be said."""
    try:
        found = only(_found(source, seconds), gpus)
    except GpuMonError as e:
        typer.echo(f"gpumon: {e}", err=True)
        return CODES["unknown"]
    typer.echo(to_json(found) if as_json else text(found))
    return CODES[found.state]


def _found(source: str | None, seconds: float | None) -> Health:
    """A server knows rates at once, and the XIDs of before; who says for how long wants a look of his own."""
    url = source or ("auto" if seconds is not None else best_source())
    if url.startswith("unix:") and seconds is None:
        return msgspec.json.decode(asked(Path(url.removeprefix("unix:")), "health"), type=Health)
    return gathered(open_source(url), SystemClock(), LOOK if seconds is None else seconds)


def gathered(source: Source, clock: Clock, seconds: float) -> Health:
    """Follow a source for so many seconds, and close it. What needs a minute is ``warming`` after less than that."""
    checkup, end, first = Checkup(), clock.mono() + WAIT, True
    source.ask(Request(tiers={"slow": min(15.0, max(1.0, seconds / 8))}))
    try:
        for message in source.stream(clock):
            checkup.write(message)
            if isinstance(message, Hello):
                if message.status.state not in ("live", "starting"):
                    break
            elif message.gpus and first:
                first, end = False, clock.mono() + seconds
            if clock.mono() >= end:
                break
    finally:
        source.close()
    return checkup.health()


def only(health: Health, gpus: Sequence[str]) -> Health:
    """These GPUs alone: ``0``, ``gpu0`` or a UUID.

    Raises:
        DeviceError: there is no such GPU.
    """
    if not gpus:
        return health
    names = {name: each for each in health.devices for name in (each.label, each.label[3:], each.uuid)}
    missing = [name for name in gpus if name not in names]
    if missing:
        there = ", ".join(each.label for each in health.devices) or "none"
        raise DeviceError(f"There is no GPU called {', '.join(missing)}. There are: {there}.")
    kept: tuple[Patient, ...] = tuple({names[name].uuid: names[name] for name in gpus}.values())
    return replace(health, devices=kept, state=gravest([each.state for each in kept]))
