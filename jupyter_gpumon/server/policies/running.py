"""The policies of a server: they wait for alerts, and say on every surface what they are about to do and have done."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ...alerts import Alerts
from ...errors import GpuMonError
from ...findings import Action, Alert
from ...model import Event, Hello, Process
from ...sinks.notify import Notifier, open_notifier
from ...wire import Stream
from ..owners import Owners, snapshot
from .course import CANCELLED, CLOSED, OVER, Course, Look
from .means import Means
from .policy import Policy, read_policies
from .written import Written

if TYPE_CHECKING:
    from ..service import Service

log = logging.getLogger("jupyter_gpumon")

_LEVELS = {"waiting": "warning", "done": "warning", "refused": "warning", "failed": "critical"}


class Policies:
    """A listener of ``Alerts`` and, for conditions of their own, a sink of the monitor.

    Args:
        policies: those in force.
        problems: what is wrong with others.
        means: does things.
        processes: who is on the devices now.
        note: lets an event ride in the next sample.
        later: calls something in the server's loop.
        written: keeps what was done.
    """

    def __init__(
        self,
        policies: Iterable[Policy],
        problems: Iterable[str],
        means: Means,
        processes: Look,
        note: Callable[[Event], None],
        later: Callable[..., None],
        written: Written,
    ) -> None:
        self.policies, self.problems = tuple(policies), tuple(problems)
        self._means, self._processes, self._note = means, processes, note
        self._later, self._written = later, written
        self._courses: dict[tuple[str, str], Course] = {}
        self._alerts = Alerts([policy.condition for policy in self.policies if policy.condition is not None])
        self._alerts.listeners.append(self.take)
        self._closed = False

    @classmethod
    def none(cls) -> Policies:
        """Nothing is done."""
        means = Means({}, Owners(), Hello, {})
        return cls((), (), means, _nobody, lambda _: None, lambda *_: None, Written(None))

    def write(self, message: Stream) -> None:
        """Look with the conditions of the policies' own."""
        if self._alerts.rules:
            self._alerts.write(message)

    def take(self, alert: Alert) -> None:
        """Take an alert that fired, changed its level or is resolved; from any thread."""
        if any(policy.rule == alert.finding.rule for policy in self.policies):
            self._later(self._take, alert)

    def _take(self, alert: Alert) -> None:
        for policy in self.policies:
            key = policy.id, alert.id
            if policy.rule != alert.finding.rule:
                continue
            if alert.state == "resolved":
                self._over(key, alert)
            elif key in self._courses:
                self._courses[key].alert = alert
            elif not self._closed:
                self._courses[key] = Course(policy, alert, self._means, self._processes, self._tell)

    def _over(self, key: tuple[str, str], alert: Alert) -> None:
        course = self._courses.pop(key, None)
        if course is not None:
            course.alert = alert
            course.end(OVER)

    def cancel(self, name: str, by: str) -> Action | None:
        """Stop a countdown, by the id of its action or of its policy; None where none runs."""
        stopped = None
        for course in self._courses.values():
            action = course.action
            if course.waiting and action is not None and name in (action.id, action.policy):
                course.end(CANCELLED, by)
                stopped = replace(action, state="cancelled", due=None, by=by)
        return stopped

    def states(self) -> dict[str, Any]:
        """For the REST answer: what is in force, what is wrong, what is planned and what was done, newest first."""
        waiting = [course.action for course in self._courses.values() if course.waiting and course.action is not None]
        return {
            "policies": [policy.told() for policy in self.policies],
            "problems": self.problems,
            "actions": [*waiting, *reversed(self._written.recent)],
        }

    async def close(self) -> None:
        """Begin nothing more, and undo what can be."""
        self._closed = True
        courses = list(self._courses.values())
        for course in courses:
            course.end(CLOSED)
        if courses:
            await asyncio.wait([course.task for course in courses], timeout=10.0)
        await self._means.close()

    def _tell(self, action: Action) -> None:
        title, detail = words(action)
        if action.state != "waiting":
            self._written.add(action)
        log.warning("gpumon: %s. %s", title, detail)
        self._note(
            Event(
                kind="policy",
                time=time.time(),
                mono=time.monotonic(),
                title=title,
                detail=detail,
                level=_LEVELS.get(action.state, "info"),
                uuid=action.uuid,
                action=action,
            )
        )


async def _nobody() -> None:
    """There is nobody to be seen."""


async def present(service: Service, settings: Mapping[str, Any]) -> Iterable[Process] | None:
    """Who is on the devices; a kernel that began a moment ago is known by its name too."""
    owners = service.owners
    owners.kernels = await snapshot(settings)
    rows = service.processes()
    return None if rows is None else [(owners.named(row) or row) if row.own and not row.kernel else row for row in rows]


def words(action: Action) -> tuple[str, str]:
    """An action as a title and its reason."""
    state = {
        "waiting": f"in {(action.due or action.time) - action.time:.0f} s",
        "cancelled": f"cancelled by {action.by}" if action.by else "cancelled",
        "over": "not needed any more",
        "dry-run": "would be done now; a dry run",
    }.get(action.state, action.state)
    result = f"{action.result[0].upper()}{action.result[1:]}. " if action.result else ""
    return f"Policy {action.policy}: {action.what} ({state})", f"{result}{action.cause}"


def configured(data: Iterable[Mapping[str, Any]], service: Service, folder: Path, settings: Mapping[str, Any],
               later: Callable[..., None]) -> Policies:  # fmt: skip
    """The policies of a server's configuration; what cannot be used is said in the log and in the answer."""
    policies, problems = read_policies(data)
    targets: dict[str, Notifier] = {}
    for policy in [policy for policy in policies if policy.to]:
        try:
            targets[policy.id] = open_notifier(policy.to, keep=folder)
        except GpuMonError as e:
            problems.append(f"The policy {policy.id}: {e}")
            policies.remove(policy)
    for problem in problems:
        log.error("gpumon: c.GpuMon.policies: %s", problem)
    means = Means(settings, service.owners, lambda: service.monitor.hello, targets)
    written = Written(folder / "policies.jsonl" if policies else None)
    return Policies(policies, problems, means, lambda: present(service, settings), service.monitor.note, later, written)
