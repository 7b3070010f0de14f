"""``gpumon notify``: rules over a stream, and their alerts sent on, where there is no Jupyter server to do it."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from ..alerts import Alerts
from ..findings import Alert, Finding
from ..model import Hello, Request
from ..rules import Rule
from ..sinks.notify import Notifier, Pace, open_notifier
from ..sinks.notify.notice import notice, title
from ..sources import Source
from ..sources.urls import default_source, open_source
from ..wire import Stream
from .judging import book
from .recording import record_stream

Say = Callable[[str], None]
SENT = 20.0
"""Seconds within which a test message is to have arrived."""


class Watching:
    """A sink that judges each sample, and hands what it finds to the targets."""

    def __init__(self, rules: Iterable[Rule], targets: Sequence[Notifier], say: Say) -> None:
        self._alerts, self._targets, self._say = Alerts(rules), targets, say
        self._hello = Hello()
        self._alerts.listeners.append(self._tell)
        self.told = 0

    def write(self, message: Stream) -> None:
        """Take a message of the stream."""
        if isinstance(message, Hello):
            self._hello = message
            for target in self._targets:
                target.write(message)
        self._alerts.write(message)

    def _tell(self, alert: Alert) -> None:
        self.told += 1
        self._say(title(notice(alert, alert.id, self._hello)))
        for target in self._targets:
            target.tell(alert)

    def close(self) -> None:
        """Let the targets send what waits."""
        for target in self._targets:
            target.close()


def opened(urls: Sequence[str], rate: int, keep: Path | None) -> list[Notifier]:
    """All targets; where one cannot be opened, none is left open.

    Raises:
        SourceError: one cannot be used.
    """
    with ExitStack() as stack:
        found = []
        for url in urls:
            found.append(open_notifier(url, Pace(rate=rate), keep))
            stack.callback(found[-1].close)
        stack.pop_all()
    return found


def stream(url: str | None, interval: float | None) -> Source:
    """The samples to be judged.

    Raises:
        SourceError: the source cannot be opened.
    """
    source = open_source(url or default_source())
    if interval is not None:
        source.ask(Request(interval=interval))
    return source


def judged_by(file: Path | None) -> list[Rule]:
    """The shipped rules, with what a file says of them, and those it adds.

    Raises:
        RuleError: one of them cannot be used.
    """
    return list(book(file).judging)


def watch(source: Source, rules: Iterable[Rule], targets: Sequence[Notifier], say: Say) -> list[str]:
    """Until the stream ends, or Ctrl-C: what was not delivered, in words."""
    record_stream(source, [Watching(rules, targets, say)])
    states = [target.state for target in targets]
    return [
        f"{state.name}: {state.waiting + state.failed} alerts did not arrive. {state.problem}".strip()
        for state in states
        if state.waiting or state.failed
    ]


def tried(targets: Sequence[Notifier], say: Say) -> bool:
    """Send each target an alert that says what it is; whether all have taken it. Filters do not hold it back."""
    now = time.time()
    finding = Finding(
        rule="gpumon-test", level="critical", title="A test of jupyter-gpumon", detail="Alerts of GPUs arrive here."
    )
    alert = Alert(id=uuid.uuid4().hex, finding=finding, since=now, fired=now)
    for target in targets:
        target.write(Hello(hostname=socket.gethostname()))
        target.tell(alert, always=True)
    arrived = [_sent(target, say) for target in targets]
    for target in targets:
        target.close()
    return all(arrived)


def _sent(target: Notifier, say: Say) -> bool:
    end = time.monotonic() + SENT
    while not (target.state.sent or target.problem or target.state.failed) and time.monotonic() < end:
        time.sleep(0.05)
    state = target.state
    if state.sent:
        say(f"{state.name}: sent")
    else:
        say(f"{state.name}: not sent: {state.problem or 'it does not take the message, or not in time'}")
    return bool(state.sent)
