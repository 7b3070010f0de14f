"""``gpumon check``: are these GPUs fit for work? By the rules of alerts and health, with Nagios's exit codes."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from ..alerts import Alerts
from ..clock import SystemClock
from ..errors import GpuMonError
from ..findings import Alert, Finding, gravest
from ..model import Hello, Request, Sample
from ..rules.book import Book
from ..sources.urls import default_source, open_source, parse
from ..units import duration
from ..wire import Stream, to_json
from .chosen import Only
from .judging import book

OK, WARNING, CRITICAL, UNKNOWN = range(4)
"""Exit codes."""
STATES = ("ok", "warning", "critical", "unknown")
CODES = {"critical": CRITICAL, "warning": WARNING, "info": OK}
STARTS = 15.0
"""Seconds within which a first sample with GPUs is to have come."""
BRIEF = 120.0
"""What has to hold for longer than this cannot be told from a short look."""
HOPELESS = ("no-library", "no-driver", "mismatch", "permission", "no-gpus", "disconnected")
"""States in which waiting does not help."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What was found."""

    state: str
    code: int
    message: str
    """In one line."""
    seconds: float
    """How long was looked."""
    devices: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    """The gravest first."""


class Look:
    """Follows a stream and judges it.

    Args:
        book: the rules.
        whole: of a recording counts what has fired in it; of a look, what has fired or is the case at its end.
    """

    def __init__(self, book: Book, *, whole: bool) -> None:
        self._alerts, self._whole = Alerts(book.judging), whole
        self._hold = {rule.id: rule.hold for rule in book.judging}
        self._fired: dict[tuple[str, str, str], Finding] = {}
        self._alerts.listeners.append(self._tell)
        self._first: float | None = None

    @property
    def hello(self) -> Hello:
        """Who spoke last."""
        return self._alerts.window.hello

    @property
    def seconds(self) -> float | None:
        """From the first sample with GPUs to the last; None where there was none."""
        return None if self._first is None else self._alerts.window.mono - self._first

    def write(self, message: Stream) -> None:
        """Take a message."""
        self._alerts.write(message)
        if isinstance(message, Sample) and message.gpus and self._first is None:
            self._first = message.mono

    def _tell(self, alert: Alert) -> None:
        self._fired[alert.finding.key] = alert.finding

    def findings(self) -> list[Finding]:
        """What counts, the gravest first; of one cause on one device, the gravest alone."""
        now = {} if self._whole else self._alerts.found
        soon = {key: finding for key, finding in now.items() if self._hold[finding.rule] <= BRIEF}
        return one_per_cause([*(self._fired | soon).values()])


def one_per_cause(findings: Sequence[Finding]) -> list[Finding]:
    """The gravest first; those that another of the same cause on the same device stands for are left out."""
    kept: dict[object, Finding] = {}
    for finding in gravest(list(findings)):
        kept.setdefault((finding.cause, finding.uuid) if finding.cause else finding.key, finding)
    return list(kept.values())


def followed(url: str, look: Look, only: Only, seconds: float) -> None:
    """Look for so many seconds from the first sample with GPUs on; at a recording, whole.

    Raises:
        GpuMonError: the source cannot be read, or there is no such device.
    """
    source, clock = open_source(url), SystemClock()
    source.ask(Request(interval=min(1.0, seconds / 3)))
    end = threading.Timer(STARTS + seconds, source.close)  # a hanging driver must not hang who asks
    end.daemon = True
    if not is_recording(url):
        end.start()
    try:
        for message in source.stream(clock):
            look.write(only.message(message))
            enough = look.seconds is not None and look.seconds >= 0.95 * seconds
            if not is_recording(url) and (enough or look.hello.status.state in HOPELESS):
                return
    finally:
        end.cancel()
        source.close()


def is_recording(url: str) -> bool:
    """Whether a source has an end of its own."""
    return parse(url).scheme == "replay"


def at_once(url: str) -> str:
    """A recording is read as fast as it goes, with its own times."""
    if not is_recording(url) or "speed=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}speed=0&rebase=0"


def verdict(look: Look, findings: Sequence[Finding]) -> Verdict:
    """What to make of it."""
    labels = {device.uuid: device.label for device in look.hello.devices}
    if look.seconds is None and not findings:
        said = look.hello.status
        return _verdict(UNKNOWN, " ".join(filter(None, (said.message or "No sample came.", said.hint))), look)
    code = max((CODES[finding.level] for finding in findings), default=OK)
    seen = f"{len(labels)} GPU{'' if len(labels) == 1 else 's'}, looked at for {duration(look.seconds or 0.0)}"
    grave = [finding for finding in findings if CODES[finding.level]]
    more = f"; {len(grave) - 1} more" if len(grave) > 1 else ""
    message = f"{_where(grave[0], labels)}{grave[0].title}{more}" if grave else f"nothing is the matter with {seen}"
    return _verdict(code, message, look, tuple(labels.values()), tuple(findings))


def _verdict(
    code: int, message: str, look: Look | None, devices: tuple[str, ...] = (), findings: tuple[Finding, ...] = ()
) -> Verdict:
    seconds = look.seconds if look else None
    return Verdict(
        state=STATES[code], code=code, message=message, seconds=round(seconds or 0.0, 3), devices=devices,
        findings=findings,
    )  # fmt: skip


def _where(finding: Finding, labels: Mapping[str, str]) -> str:
    label = labels.get(finding.uuid or "")
    return f"{label}: " if label else ""


def lines(found: Verdict, labels: Mapping[str, str]) -> Iterator[str]:
    """The verdict, and a line per finding with the first thing to do."""
    yield f"GPUMON {found.state.upper()}: {found.message}"
    for finding in found.findings:
        detail = f". {finding.detail}" if finding.detail else ""
        step = f" -> {finding.steps[0]}" if finding.steps else ""
        yield f"{finding.level}: {_where(finding, labels)}{finding.title}{detail} [{finding.rule}]{step}"


def check(source: str | None, gpus: Sequence[str], seconds: float, file: Path | None, *, as_json: bool) -> int:
    """Look, judge and say it; the exit code."""
    logging.getLogger("jupyter_gpumon").addHandler(logging.NullHandler())  # what it would say stands in the verdict
    look: Look | None = None
    try:
        url = at_once(source or default_source())
        look = Look(book(file), whole=is_recording(url))
        followed(url, look, Only(",".join(gpus)), seconds)
        found = verdict(look, look.findings())
    except (GpuMonError, OSError) as e:
        found = _verdict(UNKNOWN, " ".join(filter(None, (str(e), getattr(e, "hint", "")))), look)
    labels = {device.uuid: device.label for device in look.hello.devices} if look else {}
    text = to_json(found).decode() if as_json else "\n".join(lines(found, labels))
    sys.stdout.write(f"{text}\n")
    return found.code
