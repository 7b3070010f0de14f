"""One target's queue and thread: alerts that come together go together, and what did not arrive is tried again.

Nothing is taken out of the queue before it has arrived, or was refused, or has waited for longer than anybody wants to
hear of it.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from ...errors import DeliveryError
from ...findings import Alert, Delivery
from ...model import Hello
from ...wire import Stream
from .address import Address
from .kept import Kept
from .notice import Notice, Target, notice

log = logging.getLogger("jupyter_gpumon")

MINUTE = 60.0
PATIENCE = 5.0
"""Seconds that ``close`` waits for what still waits."""


class Pace(Struct, frozen=True, kw_only=True):
    """How fast, how often and how long. All but counts in seconds."""

    gather: float = 2.0
    """After the first alert, for others that go with it where several go together."""
    rate: int = 20
    """Messages a minute to one target, at most: more wait, and go together where they can."""
    first: float = 1.0
    """From a failure to the second try; doubled with each further one."""
    longest: float = 60.0
    """Between two tries, at most."""
    give_up: float = 86_400.0
    """After which an alert is not tried any more: a day."""
    most: int = 1000
    """Alerts that may wait for one target; the oldest are given up."""


class Notifier:
    """A sink for alerts: by ``tell``, or those that ride in a stream, by ``write``. Neither blocks.

    Args:
        address: what is wanted there, and what it is called.
        target: hands over.
        pace: how fast.
        keep: folder in which what waits outlives this process; None keeps it in memory alone.
    """

    def __init__(self, address: Address, target: Target, pace: Pace, keep: Path | None = None) -> None:
        self.url, self.hello, self.problem = address.name, Hello(), ""
        self._address, self._target, self._pace = address, target, pace
        self._rate = address.rate or pace.rate
        self._kept = Kept(keep, address)
        self._waiting: dict[str, Notice] = {each.key: each for each in self._kept.read()}
        self._told: dict[str, str] = {}
        self._over: deque[str] = deque(maxlen=pace.most)
        self._sent = self._failed = self._tries = 0
        self._messages: deque[float] = deque(maxlen=self._rate)
        self._begun = self._last = time.monotonic()
        self._retry = 0.0
        self._changed, self._closed = threading.Condition(), False
        self._thread = threading.Thread(target=self._run, name=f"gpumon-{address.scheme}", daemon=True)
        self._thread.start()

    @property
    def state(self) -> Delivery:
        """How it goes."""
        waiting = len(self._waiting)
        return Delivery(name=self.url, problem=self.problem, sent=self._sent, waiting=waiting, failed=self._failed)

    @property
    def waiting(self) -> int:
        """Alerts still to be handed over."""
        return len(self._waiting)

    @property
    def dropped(self) -> int:
        """Alerts given up."""
        return self._failed

    def write(self, message: Stream) -> None:
        """Take the alerts of a message of the stream."""
        if isinstance(message, Hello):
            self.hello = message
            return
        for event in message.events:
            if event.alert is not None:
                self.tell(event.alert)

    def tell(self, alert: Alert, *, always: bool = False) -> None:
        """Take an alert that fired, changed its level or was resolved; the same one a second time says nothing new.

        Args:
            alert: as it is now.
            always: send it whatever the target asks for.
        """
        key = self._key(alert, always=always)
        if key is None:
            return
        with self._changed:
            if not self._waiting:
                self._begun = time.monotonic()
            self._waiting[key] = notice(alert, key, self.hello)
            while len(self._waiting) > self._pace.most:
                self._drop(next(iter(self._waiting.values())), f"more than {self._pace.most} wait")
            self._changed.notify()

    def adopt(self, alerts: Iterable[Alert]) -> None:
        """Take note of alerts that were told before a restart; a target that wants to hear of them again does."""
        for alert in alerts:
            if self._target.again is not None:
                self.tell(alert)
            elif self._address.wants(alert.finding):
                self._told[alert.id] = alert.finding.level

    def _key(self, alert: Alert, *, always: bool) -> str | None:
        """What names this word on this alert for ever; None where there is nothing to be said."""
        if alert.id in self._over:  # told directly; what rides in the stream comes a sample later
            return None
        if alert.state == "resolved":
            self._over.append(alert.id)
            return None if self._told.pop(alert.id, None) is None else f"{alert.id}-resolved"
        before, now = self._told.get(alert.id), alert.finding.level
        if before == now or not (before or always or self._address.wants(alert.finding)):
            return None
        self._told[alert.id] = now
        return f"{alert.id}-firing" if before is None else f"{alert.id}-{now}-{time.time_ns() // 1_000_000}"

    def end(self) -> None:
        """Begin to close, without waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def close(self) -> None:
        """Hand over what waits, for some seconds at most; not to one that is away."""
        self.end()
        self._thread.join(PATIENCE)
        if self._waiting and not self._kept.outlives:
            log.error("gpumon: %d alerts were not delivered to %s: %s", len(self._waiting), self.url, self.problem)

    def _run(self) -> None:
        while not self._closed:
            with self._changed:
                wait = self._wait()
            if wait is not None and wait <= 0:
                self._round()
            else:
                self._rest()
        end = time.monotonic() + PATIENCE
        while self._waiting and not self.problem and time.monotonic() < end:
            self._round()
        self._kept.write(self._snapshot())

    def _rest(self) -> None:
        """Until there is something to do, or something new. What waits is kept meanwhile, without the lock."""
        self._kept.write(self._snapshot())
        with self._changed:
            wait = self._wait()
            if not self._closed and (wait is None or wait > 0):
                self._changed.wait(wait)

    def _snapshot(self) -> list[Notice]:
        with self._changed:
            return list(self._waiting.values())

    def _wait(self) -> float | None:
        """Seconds until there is something to do; None where there is nothing."""
        if self._waiting:
            full = self._target.most == 1 or len(self._waiting) >= self._target.most
            due = self._begun + (0.0 if full else self._pace.gather)
        elif self._told and self._target.again is not None:
            due = self._retry if self._tries else self._last + self._target.again
        else:
            return None
        if len(self._messages) == self._rate:
            due = max(due, self._messages[0] + MINUTE)
        return max(due, self._retry) - time.monotonic()

    def _round(self) -> None:
        """One try, of what waits longest."""
        self._expire()
        batch = self._snapshot()[: self._target.most]
        if not batch and self._target.again is None:
            return
        try:
            self._target.send(batch)
        except DeliveryError as e:
            self._missed(batch, e)
        else:
            self._arrived(batch)
        self._last = time.monotonic()

    def _arrived(self, batch: list[Notice]) -> None:
        with self._changed:
            for each in batch:
                self._waiting.pop(each.key, None)
            self._begun = time.monotonic() - self._pace.gather  # what is left has waited long enough
        self._sent += len(batch)
        if batch:
            self._messages.append(time.monotonic())
        if self._tries:
            log.info("gpumon: %s takes alerts again", self.url)
        self._tries, self._retry, self.problem = 0, 0.0, ""

    def _missed(self, batch: list[Notice], error: DeliveryError) -> None:
        said = self._address.hidden(str(error))
        if error.refused:
            with self._changed:
                for each in batch:
                    self._drop(each, said)
            return
        self._tries += 1
        pause = min(self._pace.first * 2.0 ** min(self._tries - 1, 20), self._pace.longest)
        # Not all the machines of a fleet at once, when a receiver is back.
        self._retry = time.monotonic() + max(pause * random.uniform(0.8, 1.2), error.after)
        if not self.problem:
            log.error("gpumon: %s does not take alerts: %s. They wait, and are tried again.", self.url, said)
        self.problem = said

    def _expire(self) -> None:
        with self._changed:
            old = time.time() - self._pace.give_up
            for each in [each for each in self._waiting.values() if each.at < old]:
                self._drop(each, "it was tried for too long")

    def _drop(self, given_up: Notice, why: str) -> None:
        if self._waiting.pop(given_up.key, None) is not None:
            self._failed += 1
            log.error("gpumon: an alert (%s) is not sent to %s: %s", given_up.alert.finding.title, self.url, why)
