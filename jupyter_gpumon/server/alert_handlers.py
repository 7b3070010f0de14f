"""``alerts`` and ``rules``: what fires and has fired, by which rules, and what a new one would have said."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from jupyter_server.auth.decorator import authorized
from tornado import web

from ..errors import RuleError
from ..rulebook import AlertBook
from ..rules import read_rule
from .handlers import Route
from .preview import LONGEST, preview
from .service import Service
from .sockets import Local

T = TypeVar("T")

HOUR = 3600.0
ACTIONS = ("acknowledge", "unacknowledge", "snooze", "unsnooze")


class AlertRoute(Route):
    """What these routes have in common: a body in JSON, and a rule's mistakes with their column."""

    def body(self) -> dict[str, Any]:
        """What was sent."""
        try:
            found = json.loads(self.request.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise web.HTTPError(400, "Send a JSON object.")
        return found

    def seconds(self, body: dict[str, Any]) -> float:
        """A number of seconds out of a body; an hour where it says none."""
        value = body.get("seconds", HOUR)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST:
            raise web.HTTPError(400, '"seconds" is a number from 1 to 86400.')
        return float(value)

    async def asked(self, question: Callable[[], T]) -> T:
        """The answer to a question that takes a while, or the mistake in a rule."""
        return await asyncio.get_running_loop().run_in_executor(None, question)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """``{"message", "hint", "column"}``, for a rule's mistake with the column in its condition."""
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, RuleError):
            self.set_status(400)
            column = {} if error.column is None else {"column": error.column}
            self.finish(json.dumps({"message": str(error), "hint": HINT, **column}))
        else:
            super().write_error(status_code, **kwargs)

    def log_exception(self, *args: Any) -> None:
        """A mistake in a rule is the sender's, not the server's."""
        if not isinstance(args[1], RuleError):
            super().log_exception(*args)


HINT = "The language of rules is described in docs/alerts.md."


class AlertsHandler(AlertRoute):
    """``alerts``: those that fire, and those that are over."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """``?since&until``, both in Unix seconds, narrow the history."""
        since, until = self.number("since", 0.0), self.number("until", time.time())
        self.answer(await self.asked(lambda: told(self.service, since or 0.0, until or 0.0)))


def told(service: Service, since: float, until: float) -> AlertBook:
    """What fires, and what is over of these Unix times."""
    alerting = service.alerting
    return AlertBook(
        enabled=alerting.enabled,
        alerts=tuple(alerting.alerts.current),
        history=tuple(alerting.history.resolved(since, until)),
        deliveries=service.notifying.states(),
        problems=alerting.problems,
    )


class LocalAlerts(Local):
    """The same over the Unix socket: for this user's kernels."""

    async def get(self) -> None:
        """What fires, and what is over."""
        book = asyncio.get_running_loop().run_in_executor(None, told, self.service, 0.0, time.time())
        self.answer(await book)


class AlertHandler(AlertRoute):
    """``alerts/<id>``: somebody has seen it."""

    @web.authenticated
    @authorized
    def post(self, id: str) -> None:
        """``{"action": "acknowledge" | "unacknowledge" | "snooze" | "unsnooze", "seconds": 3600}``."""
        body = self.body()
        action, seconds, now = body.get("action"), self.seconds(body), time.time()
        if action not in ACTIONS:
            raise web.HTTPError(400, f'"action" is one of {", ".join(ACTIONS)}.')
        field = "acknowledged" if "acknowledge" in action else "snoozed"
        value = {"acknowledge": now, "snooze": now + seconds}.get(action)
        alert = self.service.alerting.mark(id, **{field: value})
        if alert is None:
            raise web.HTTPError(404, "No alert of this id fires now.")
        self.answer(alert)


class RulesHandler(AlertRoute):
    """``rules``: all of them."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """Each as it judges now, whether it does, and what is wrong with some."""
        self.answer(self.service.alerting.rules)


class RuleHandler(AlertRoute):
    """``rules/<id>``: changed, switched, or as it was."""

    @web.authenticated
    @authorized
    def put(self, id: str) -> None:
        """The rule as data; ``{"enabled": false}`` alone switches it off."""
        self.answer(self.service.alerting.change(id, self.body()))

    @web.authenticated
    @authorized
    def delete(self, id: str) -> None:
        """Take back what the editor has made of it."""
        if not self.service.alerting.reset(id):
            raise web.HTTPError(404, f"The editor has not changed a rule {id}.")
        self.set_status(204)
        self.finish()


class PreviewHandler(AlertRoute):
    """``rules/preview``: a rule on the past."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """``{"rule": {…}, "seconds": 3600}``."""
        body = self.body()
        rule, seconds = read_rule(body.get("rule", {})), self.seconds(body)
        self.answer(await self.asked(lambda: preview(self.service, rule, seconds)))


HANDLERS: dict[str, type[web.RequestHandler]] = {
    "alerts": AlertsHandler,
    r"alerts/([0-9a-f]{8,64})": AlertHandler,
    "rules": RulesHandler,
    "rules/preview": PreviewHandler,
    r"rules/([a-z][a-z0-9-]{0,63})": RuleHandler,
}
"""By route; ``preview`` is no rule's id."""
LOCAL: dict[str, type[web.RequestHandler]] = {"alerts": LocalAlerts}
