"""What policies would have done over a recording. Pure: nothing is touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from ...alerts import Alerts
from ...findings import Action, Alert
from ...model import Hello, Process
from ...rules import Rule
from ...wire import Stream
from .course import plan
from .policy import Policy


class Pending(Struct):
    """One policy about one alert."""

    policy: Policy
    alert: Alert
    action: Action | None = None


class Rehearsal:
    """Plays a stream.

    Args:
        policies: as they would be in force.
        rules: those that policies may wait for.
    """

    def __init__(self, policies: Iterable[Policy], rules: Iterable[Rule]) -> None:
        self._policies = list(policies)
        own = [policy.condition for policy in self._policies if policy.condition is not None]
        self._alerts = Alerts([*rules, *own])
        self._alerts.listeners.append(self._take)
        self._pending: dict[tuple[str, str], Pending] = {}
        self._found: list[Action] = []
        self._processes: tuple[Process, ...] | None = None
        self._hello = Hello()

    def play(self, stream: Iterable[Stream]) -> Iterator[Action]:
        """Each action at its end: ``dry-run`` where it would have been done, else why not."""
        for message in stream:
            if isinstance(message, Hello):
                self._hello = message
            elif message.processes is not None:
                self._processes = message.processes
            self._alerts.write(message)
            self._go_on(self._alerts.window.time)
            yield from self._found
            self._found.clear()

    def _take(self, alert: Alert) -> None:
        for policy in self._policies:
            key = policy.id, alert.id
            if policy.rule != alert.finding.rule:
                continue
            if alert.state != "resolved":
                self._pending.setdefault(key, Pending(policy, alert)).alert = alert
                continue
            left = self._pending.pop(key, None)
            if left is not None and left.action is not None and left.action.state == "waiting":
                self._found.append(replace(left.action, state="over", due=None, ended=alert.resolved))

    def _go_on(self, now: float) -> None:
        for pending in self._pending.values():
            if pending.action is None and now >= pending.alert.fired + pending.policy.hold:
                pending.action = self._plan(pending, now)
                if pending.action.state == "refused":
                    self._found.append(pending.action)
            action = pending.action
            if action is not None and action.state == "waiting" and now >= (action.due or 0.0):
                pending.action = replace(action, state="dry-run", due=None, ended=now)
                self._found.append(pending.action)

    def _plan(self, pending: Pending, now: float) -> Action:
        uuid = pending.alert.finding.uuid
        label = next((device.label for device in self._hello.devices if device.uuid == uuid), "gpu")
        return plan(pending.policy, pending.alert, self._processes, f"GPU {label.removeprefix('gpu')}", now)
