"""A recording as evidence: read once for its length and its cells, and once for everything else.

Memory does not grow with its length: what is charted is brought to so many rows while it is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ..carbon import footprint
from ..clock import FakeClock
from ..energy.sensors import SCALE_CAVEAT
from ..energy.trust import sentences
from ..errors import SourceError
from ..findings import Finding
from ..history import History
from ..model import Columns, Device, Event, Footprint, Hello
from ..rates import Rates
from ..rules.advice import FACTS, HOST_FACTS, Stretch, advise
from ..sources.replay import ReplaySource
from ..units import duration
from ..wire import Stream
from .accounts import WITHIN, Account, Accounts, Span, notes
from .advice import told
from .environment import of_stream
from .evidence import Evidence, Progress, quietly
from .findings import Finding as Told
from .findings import Watch, ordered
from .judged import Judged
from .judged import told as fired_alerts
from .panels import CHARTED, HOST_CHARTED
from .picture import Band

ROWS = 2880
"""Rows of all GPUs together that are charted and put into the page's table."""
MOST, LEAST = 1440, 120
"""Rows of one GPU, at most and at least."""


@dataclass
class _Outline:
    """What the first reading tells."""

    samples: int = 0
    start: float = 0.0
    end: float = 0.0
    length: float = 0.0
    """Seconds on the axis of the charts."""
    devices: dict[str, Device] = field(default_factory=dict)
    cells: dict[str, Event] = field(default_factory=dict)
    messages: int = 0


def evidence(
    path: Path,
    *,
    title: str = "",
    rates: Rates | None = None,
    identify: bool = False,
    progress: Progress = quietly,
    messages: Callable[[], Iterator[Stream]] | None = None,
) -> Evidence:
    """A recording's.

    Args:
        path: JSON Lines, compressed where its name ends in ``.gz``.
        title: of the report; the file's name by default.
        rates: what a kWh means in carbon and cost; what the recording says by default.
        identify: name the host and the boards' UUIDs.
        progress: told of the messages that were read.
        messages: begins to read it anew, where it is no file; ``path`` is then only its name.

    Raises:
        SourceError: there is no such file, or it holds no sample of a GPU.
    """
    again = messages or partial(_messages, path)
    outline = _outline(again(), progress)
    if not outline.samples:
        raise SourceError(f"{str(path)!r} holds no sample of a GPU, so there is nothing to report.")
    hello, history, watch, judged = Hello(), _history(outline), Watch(), Judged(outline.length)
    spans = [Span(event.time, event.until) for event in outline.cells.values() if event.until is not None]
    accounts = Accounts(spans)
    for number, message in enumerate(again()):
        progress(outline.messages + number, 2 * outline.messages)
        judged.write(message)
        if isinstance(message, Hello):
            hello = message
            watch.meet(message)
            accounts.meet(message)
        else:
            history.push(message, hold=3 * hello.interval)
            watch.read(message)
            accounts.read(message)
    devices = list(outline.devices.values())
    columns = _columns(history, outline)
    found = accounts.all()
    used = footprint_of(found, outline.start, outline.end, rates or hello.rates)
    return Evidence(
        title=title or path.name,
        origin=f"A recording of {outline.samples} samples over {duration(outline.end - outline.start)}.",
        start=outline.start,
        end=outline.end,
        simulated=hello.simulated,
        devices=devices,
        columns=columns,
        samples=outline.samples,
        bands=[Band(event.time, event.until or event.time, event.title) for event in outline.cells.values()],
        findings=_findings(watch, judged, told(_advice(columns, devices, outline), devices), devices, outline.end),
        accounts=found,
        watched=True,
        footprint=used,
        environment=of_stream(hello, devices, identify=identify),
        method=method(devices, used, simulated=hello.simulated),
        notes=notes(found),
    )


def _findings(watch: Watch, judged: Judged, advice: list[Told], devices: list[Device], end: float) -> list[Told]:
    """What the stream says, what its alerts are, and advice, which goes before an alert of the same title."""
    fired = [one for one in fired_alerts(judged.alerts, devices, end) if not _advised(one, advice)]
    return ordered([*watch.findings(judged.topics), *fired, *advice])


def _advised(fired: Told, advice: list[Told]) -> bool:
    """Whether advice says the same of the same device; it is told of the first, and names the others."""
    same = (one for one in advice if one.title == fired.title)
    return any(fired.device in (one.device, *re.findall(r"gpu\d+(?::\d+)?", one.detail)) for one in same)


def _advice(columns: Columns, devices: list[Device], outline: _Outline) -> list[Finding]:
    whole = Stretch(start=outline.start, end=outline.end, devices=tuple(devices), columns=columns)
    return advise(whole)


def _messages(path: Path) -> Iterator[Stream]:
    """All of them, as they were written."""
    yield from ReplaySource(path, speed=0.0, rebase=False).stream(FakeClock())


def _outline(messages: Iterator[Stream], progress: Progress) -> _Outline:
    found, before = _Outline(), 0.0
    for message in messages:
        found.messages += 1
        progress(found.messages, None)
        if isinstance(message, Hello):
            found.devices |= {device.uuid: device for device in message.devices}
            continue
        found.cells |= {event.detail or event.title: event for event in message.events if event.kind == "cell"}
        if message.gpus:
            found.samples += 1
            found.start = found.start or message.time
            found.length += max(0.0, message.time - before) if before else 0.0
            found.end = before = max(message.time, before)
    return found


def _step(outline: _Outline) -> float:
    """Seconds per row of the charts: whole ones or halves of halves, and no finer than the samples are."""
    rows = min(MOST, max(LEAST, ROWS // max(1, len(outline.devices))))
    finest = outline.length / max(1, outline.samples - 1)
    step = 0.98 * max(finest, outline.length / rows, 1 / 16)
    return float(math.ceil(step)) if step > 1 else 2.0 ** math.ceil(math.log2(step))


def _history(outline: _Outline) -> History:
    """Keeps the whole recording in so many rows. Extremes are kept by all tiers but the finest, which is not asked."""
    step = _step(outline)
    return History(((step / 2, step), (step, outline.length + 10 * step)), {*CHARTED, *FACTS})


def _columns(history: History, outline: _Outline) -> Columns:
    step = _step(outline)
    return history.columns(
        outline.end - outline.length - step, step=step, spread=True, host={*HOST_CHARTED, *HOST_FACTS}
    )


def footprint_of(accounts: list[Account], start: float, end: float, rates: Rates | None) -> Footprint | None:
    """Carbon and cost of what the boards drew; None where neither a region nor a price is known."""
    return footprint.of([account.energy for account in accounts], start, end, rates)


def method(devices: list[Device], used: Footprint | None, *, simulated: bool) -> list[str]:
    """How the numbers of a stream came about."""
    measured = "; ".join(sentences(devices))
    found = [f"Energy is the growth of each board's own counter between the first and the last sample. {measured}."]
    found.append(WITHIN)
    found += ["The GPUs are simulated."] if simulated else []
    found += [f"{footprint.statement(used)[:1].upper()}{footprint.statement(used)[1:]}"] if used else []
    return [*found, SCALE_CAVEAT]
