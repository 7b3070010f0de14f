"""Alerts: what rules find, once it has held long enough, until it is over; one alert per trouble.

A rule's finding is pending until it has held for the rule's ``hold``, then fires, and is resolved when the rule neither
finds it nor says that it goes on. Of findings with one cause on one device one stands for all: the gravest, of equal
ones that which fired first. The others do not fire while it does, and one that fired before a graver one is over then.
"""

from __future__ import annotations

import logging
import threading
import uuid as ids
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from .errors import GpuMonError
from .findings import LEVELS, Alert, Finding
from .model import Event, Sample
from .rules import Rule, Window
from .wire import Stream

log = logging.getLogger("jupyter_gpumon")

BROKEN = (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, GpuMonError)
"""A rule may be a plug-in: whatever is wrong with it, the others go on."""

ANSWERS = ("live", "starting", "no-gpus")
"""States of a driver after whose hello a sample follows, which tells more."""

Key = tuple[str, str, str]
Trouble = tuple[str, str]
"""A cause, and the UUID of the device."""
Listener = Callable[[Alert], None]


class Pending(Struct):
    """A finding that holds, and since when (monotonic, and Unix)."""

    finding: Finding
    mono: float
    time: float


class Alerts:
    """A sink of the monitor: looks at every sample with every rule, in the monitor's thread. ``use``, ``mark`` and
    ``current`` are for any thread.

    Args:
        rules: each with an id of its own.
        window: what they look at; one may be shared with others that look in the same thread.
    """

    def __init__(self, rules: Iterable[Rule] = (), window: Window | None = None) -> None:
        self.window = window or Window()
        self.firing: dict[Key, Alert] = {}
        self.listeners: list[Listener] = []
        """Are told of each alert that fires, changes its level or is resolved; in the monitor's thread."""
        self.found: dict[Key, Finding] = {}
        """What the rules found when they looked last, held or not."""
        self._rules: dict[str, Rule] = {}
        self._pending: dict[Key, Pending] = {}
        self._failed: set[str] = set()
        self._lock = threading.RLock()
        self.use(rules)

    @property
    def rules(self) -> Sequence[Rule]:
        """Those in use."""
        return tuple(self._rules.values())

    def use(self, rules: Iterable[Rule]) -> None:
        """Judge by these from now on. What fires by a rule that is gone is resolved at the next sample."""
        with self._lock:
            self._rules = {rule.id: rule for rule in rules}
            for rule in self._rules.values():
                self.window.watch(*rule.conditions())

    def adopt(self, alerts: Iterable[Alert]) -> None:
        """Take alerts that fired before a restart: they go on, or are resolved at the next sample."""
        for alert in alerts:
            self.firing[alert.finding.key] = alert

    def write(self, message: Stream) -> None:
        """Take a message of the stream. A hello alone resolves nothing: only numbers tell that something is over."""
        with self._lock:
            if self.window.push(message) and (isinstance(message, Sample) or message.status.state not in ANSWERS):
                self._judge(numbers=isinstance(message, Sample))

    @property
    def current(self) -> list[Alert]:
        """What fires now, the latest first."""
        with self._lock:
            return sorted(self.firing.values(), key=lambda alert: -alert.fired)

    def _judge(self, *, numbers: bool) -> None:
        found = self.found = self._look()
        self._pending = {key: pending for key, pending in self._pending.items() if key in found}
        if numbers:
            self._resolve(found)
        lead = self._lead(found)
        for key, finding in found.items():
            if lead.get(trouble(finding), key) == key:
                self._holds(finding)
            else:
                self._wait(finding)
        self._yield_to(lead)

    def _look(self) -> dict[Key, Finding]:
        found: dict[Key, Finding] = {}
        for rule in self.rules:
            try:
                found.update((finding.key, finding) for finding in rule.check(self.window))
            except BROKEN:
                self._say_broken(rule)
        return found

    def _say_broken(self, rule: Rule) -> None:
        if rule.id not in self._failed:
            self._failed.add(rule.id)
            log.exception("gpumon: the rule %s failed; the others go on", rule.id)

    def _resolve(self, found: dict[Key, Finding]) -> None:
        """What is neither found nor goes on is over; a silence of the driver resolves nothing."""
        for key, alert in list(self.firing.items()):
            rule = self._rules.get(alert.finding.rule)
            if rule is None or (key not in found and not self._goes_on(rule, alert.finding)):
                self._over(key)

    def _goes_on(self, rule: Rule, finding: Finding) -> bool:
        if not self.window.uuids and self.window.device(finding.uuid or "") is not None:
            return True  # nobody can see the device now
        try:
            return rule.still(self.window, finding)
        except BROKEN:
            self._say_broken(rule)
            return False

    def _over(self, key: Key) -> None:
        self._tell(replace(self.firing.pop(key), state="resolved", resolved=self.window.time))

    def _lead(self, found: dict[Key, Finding]) -> dict[Trouble, Key]:
        """For each trouble the finding that stands for it: the gravest that fires or is to fire."""
        best: dict[Trouble, tuple[int, bool, Key]] = {}
        known = {key: alert.finding for key, alert in self.firing.items()} | found
        for key, finding in known.items():
            if finding.cause and (key in self.firing or self._held(finding)):
                rank = LEVELS.index(finding.level), key not in self.firing, key
                here = trouble(finding)
                if here not in best or rank[:2] < best[here][:2]:
                    best[here] = rank
        return {here: key for here, (_, _, key) in best.items()}

    def _yield_to(self, lead: dict[Trouble, Key]) -> None:
        """What fires beside a graver alert of the same cause is told by that one."""
        for key, alert in list(self.firing.items()):
            if lead.get(trouble(alert.finding), key) != key:
                self._over(key)

    def _held(self, finding: Finding) -> bool:
        rule, pending = self._rules[finding.rule], self._pending.get(finding.key)
        since = self.window.mono if pending is None else pending.mono
        return self.window.mono - since >= rule.hold

    def _wait(self, finding: Finding) -> Pending:
        pending = self._pending.setdefault(finding.key, Pending(finding, self.window.mono, self.window.time))
        pending.finding = finding
        return pending

    def _holds(self, finding: Finding) -> None:
        alert = self.firing.get(finding.key)
        if alert is not None:
            self._again(alert, finding)
            return
        pending = self._wait(finding)
        if self._held(finding):
            del self._pending[finding.key]
            alert = Alert(
                id=ids.uuid4().hex, finding=finding, since=pending.time, fired=self.window.time, peak=finding.value
            )
            self.firing[finding.key] = alert
            self._tell(alert)

    def _again(self, alert: Alert, finding: Finding) -> None:
        known = [value for value in (alert.peak, finding.value) if value is not None]
        now = replace(alert, finding=finding, peak=max(known, default=None))
        self.firing[finding.key] = now
        if finding.level != alert.finding.level:
            self._tell(now)

    def mark(self, id: str, **changes: float | None) -> Alert | None:
        """Note that an alert was acknowledged or snoozed; None where it does not fire. Any thread may call."""
        with self._lock:
            for key, alert in self.firing.items():
                if alert.id == id:
                    self.firing[key] = marked = replace(alert, **changes)
                    return marked
        return None

    def _tell(self, alert: Alert) -> None:
        for listener in self.listeners:
            listener(alert)


def trouble(finding: Finding) -> Trouble:
    """What it is a part of; without a cause it is a trouble of its own."""
    return (finding.cause, finding.uuid or "") if finding.cause else ("\0".join(finding.key), "")


def event(alert: Alert, mono: float) -> Event:
    """The alert as an event that rides in the next sample."""
    finding, over = alert.finding, alert.state == "resolved"
    return Event(
        kind="alert",
        time=alert.fired,
        until=alert.resolved,
        mono=mono,
        title=finding.title,
        detail="over" if over else finding.detail,
        level="info" if over else finding.level,
        uuid=finding.uuid,
        alert=alert,
    )


def replayed(rules: Iterable[Rule], stream: Iterable[Stream]) -> list[Alert]:
    """What would have fired over a recording: each alert in its last state, in the order in which they fired."""
    alerts, found = Alerts(rules), dict[str, Alert]()
    alerts.listeners.append(lambda alert: found.__setitem__(alert.id, alert))
    for message in stream:
        alerts.write(message)
    found.update((alert.id, alert) for alert in alerts.firing.values())
    return sorted(found.values(), key=lambda alert: alert.fired)
