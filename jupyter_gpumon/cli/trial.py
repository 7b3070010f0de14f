"""``gpumon trial``: try how well each board's sensors measure, now, and say what was found."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..clock import SystemClock
from ..energy.trust import sentences
from ..errors import SourceError
from ..model import Device, Hello, Request, Sensor
from ..sources import Source
from ..sources.urls import is_backend, parse
from ..units import duration

PATIENCE = 30.0
"""Seconds waited for a board: a trial takes six, and twenty where the counter is updated once a second."""


def check(source: str) -> None:
    """A trial needs the driver itself.

    Raises:
        SourceError: the source is another server's stream, or a recording.
    """
    scheme = parse(source).scheme
    if scheme not in ("auto", "agent") and not is_backend(scheme):
        raise SourceError(f"A trial reads the driver itself, on this machine; {source!r} cannot. Try: gpumon trial")


def tried(source: Source) -> Hello:
    """Ask for a trial of all boards; the hello once each has one, or says why not."""
    clock, hello, before = SystemClock(), Hello(), None
    end = clock.mono() + PATIENCE
    try:
        for message in source.stream(clock):
            if isinstance(message, Hello):
                hello = message
                if before is None and hello.status.state == "live":
                    before = clock.time()
                    end = clock.mono() + PATIENCE * len(_boards(hello))
                    source.ask(Request(trial=True))
            if clock.mono() > end or hello.status.state not in ("live", "starting"):
                break
            if before is not None and (hello.simulated or all(_done(board, before) for board in _boards(hello))):
                break
    finally:
        source.close()
    return hello


def _boards(hello: Hello) -> list[Device]:
    return [device for device in hello.devices if device.state == "ok" and device.parent is None]


def _done(board: Device, since: float) -> bool:
    sensor = board.sensor
    return sensor is not None and ((sensor.checked or 0.0) >= since or sensor.reason.startswith("no trial"))


def report(hello: Hello) -> RenderableType:
    """A line per board, and a sentence on what is measured how."""
    boards = _boards(hello)
    if not boards:
        return Text(f"{hello.status.message or 'There is no GPU to try here.'} {hello.status.hint}".strip())
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("GPU", "energy from"):
        table.add_column(title)
    for title in ("every", "jitter", "late", "to power", "polled", "power every", "mean of", "looks"):
        table.add_column(title, justify="right")
    for board in boards:
        table.add_row(board.label, *_row(board.sensor or Sensor(method="none")))
    return Group(table, Text("\n".join(sentences(boards))))


def _row(sensor: Sensor) -> tuple[str, ...]:
    seconds = (sensor.period, sensor.jitter, sensor.delay)
    shares = (sensor.agreement, sensor.polled)
    return (
        sensor.method,
        *(_or_dash(value, duration) for value in seconds),
        *(_or_dash(value, _share) for value in shares),
        *(_or_dash(value, duration) for value in (sensor.update, sensor.window)),
        _or_dash(sensor.duty, lambda share: f"{share * 100:.0f} %"),
    )


def _share(value: float) -> str:
    return f"{value:.3f}"


def _or_dash(value: float | None, words: Callable[[float], str]) -> str:
    return "—" if value is None else words(value)
