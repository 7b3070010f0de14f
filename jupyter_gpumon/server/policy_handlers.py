"""``policies``: what this server does by itself, and the button that stops a countdown. None can be set from here."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from .handlers import Route


class PoliciesHandler(Route):
    """``policies``: those in force, and what they did."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """``{"policies", "problems", "actions"}``, actions newest first."""
        self.answer(self.service.policies.states())


class CancelHandler(Route):
    """``policies/<id>/cancel``: the button."""

    @web.authenticated
    @authorized
    def post(self, name: str) -> None:
        """Stop the countdown of an action, or all of a policy."""
        user: Any = self.current_user
        by = getattr(user, "display_name", "") or getattr(user, "username", "") or "somebody"
        action = self.service.policies.cancel(name, by)
        if action is None:
            raise web.HTTPError(404, "No countdown of that policy runs: it was done, cancelled, or is not needed.")
        self.answer(action)


HANDLERS: dict[str, type[Route]] = {"policies": PoliciesHandler, r"policies/([\w-]+)/cancel": CancelHandler}
