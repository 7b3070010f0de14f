"""The exporter's pages: ``/metrics``, ``/health`` and one that names them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http.client import responses
from typing import Any

from tornado import web

from ...errors import ExporterError
from ...exposition.page import Page
from ...wire import encode
from .access import Passwords

_INDEX = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>gpumon</title></head>
<body><h1>gpumon exporter</h1><p><a href="metrics">metrics</a> · <a href="health">health</a></p></body></html>
"""


class Handler(web.RequestHandler):
    """What the pages have in common: who may see them."""

    def initialize(self, page: Page, passwords: Passwords, scraped: Callable[[], None]) -> None:
        """Take what the handler needs."""
        self.page, self._passwords, self.scraped = page, passwords, scraped

    async def prepare(self) -> None:
        """Let only those in who know a password, where there are any."""
        header = self.request.headers.get("Authorization", "")
        right = self._passwords.known(header)
        if right is None:
            right = await asyncio.get_running_loop().run_in_executor(None, self._passwords.check, header)
        if not right:
            self.set_header("WWW-Authenticate", 'Basic realm="gpumon"')
            raise web.HTTPError(401)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """One line."""
        error = kwargs.get("exc_info", (None, None))[1]
        known = isinstance(error, web.HTTPError) and error.log_message
        said = error.log_message if known else responses.get(status_code, "Unknown error")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{said}\n")


class Metrics(Handler):
    """``/metrics``."""

    async def get(self) -> None:
        """``?names=native|dcgm|seed``; OpenMetrics where the Accept header asks for it."""
        self.scraped()
        names = self.get_query_argument("names", None)
        try:
            body, headers = await asyncio.get_running_loop().run_in_executor(
                None, self.page.answer, self.request.headers, names
            )
        except ExporterError as e:
            raise web.HTTPError(400, str(e)) from e
        for name, value in headers.items():
            self.set_header(name, value)
        self.finish(body)


class Health(Handler):
    """``/health``: 200 where there are numbers, else 503, and what is the matter."""

    def get(self) -> None:
        """State, age of the last sample, last error."""
        following = self.page.following
        with following.lock:
            hello, fresh = following.hello, following.fresh
            said = {
                "status": "ok" if fresh else "failing",
                "state": hello.status.state,
                "message": hello.status.message,
                "hint": hello.status.hint,
                "age": following.age,
                "last_error": following.tally.last_error,
            }
        self.set_status(200 if fresh else 503)
        self.set_header("Content-Type", "application/json")
        self.finish(encode(said))


class Index(Handler):
    """``/``."""

    def get(self) -> None:
        """Where to look."""
        self.finish(_INDEX)


def application(page: Page, passwords: Passwords, scraped: Callable[[], None]) -> web.Application:
    """The pages.

    Args:
        page: what is scraped.
        passwords: who may.
        scraped: is called with each scrape.
    """
    needs = {"page": page, "passwords": passwords, "scraped": scraped}
    routes = {"/metrics": Metrics, "/health": Health, "/": Index}
    return web.Application(
        [(path, handler, needs) for path, handler in routes.items()],
        default_handler_class=Nowhere,
        default_handler_args=needs,
        log_function=lambda _: None,
    )


class Nowhere(Handler):
    """Every other address."""

    async def prepare(self) -> None:
        """There is nothing, for whoever asks."""
        raise web.HTTPError(404, "There are /metrics and /health.")
