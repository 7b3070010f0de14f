"""The REST routes under ``gpumon/api/``. Polled by whoever likes: none of them counts as activity."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterable
from http.client import responses
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from ..errors import ExporterError
from ..metrics import HOST_METRICS, METRICS
from ..model import Columns
from ..wire import encode
from .service import Service
from .sockets import AUTH_RESOURCE, BrowserStream
from .stats import over


class Route(APIHandler):
    """What all routes have in common: the service, JSON answers, and errors with a hint."""

    auth_resource = AUTH_RESOURCE
    _track_activity = False

    def initialize(self, service: Service) -> None:
        """Take what the handler needs."""
        self.service = service

    def answer(self, value: object) -> None:
        """Finish with a struct as JSON."""
        self.set_header("Cache-Control", "no-store")
        self.finish(encode(value))

    def number(self, name: str, default: float | None = None) -> float | None:
        """A query argument that is a number."""
        text = self.get_query_argument(name, None)
        try:
            value = float(text) if text else default
        except ValueError:
            value = math.nan
        if value is not None and not math.isfinite(value):
            raise web.HTTPError(400, f'"{name}" is to be a number, for example {name}=60.')
        return value

    def names(self, name: str) -> list[str] | None:
        """A query argument that is a list with commas."""
        text = self.get_query_argument(name, None)
        return [part for part in text.split(",") if part] if text else None

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """``{"message", "hint"}``."""
        error = kwargs.get("exc_info", (None, None))[1]
        known = isinstance(error, web.HTTPError) and error.log_message
        message = error.log_message % error.args if known else responses.get(status_code, "Unknown error")
        hint = getattr(error, "hint", "") or _HINTS.get(status_code, "")
        self.finish(json.dumps({"message": message, "hint": hint}))


_HINTS = {
    403: "Sign in to this Jupyter server, or send its token.",
    404: "The routes are listed in the documentation of jupyter-gpumon.",
}


class HelloHandler(Route):
    """``hello``: who speaks, the devices, whether they answer."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """The latest hello, without history."""
        self.answer(self.service.hello())


class SamplesHandler(Route):
    """``samples``: history by column, as JSON or CSV."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """``?since&until&step&devices=a,b&metrics=x,y,host.cpu&spread=1&format=json|csv``."""
        since, until, step = self.number("since"), self.number("until"), self.number("step")
        spread = self.get_query_argument("spread", "0") not in ("", "0", "false")
        wanted = since, until, step, self.names("devices"), self.names("metrics"), spread
        csv = self.get_query_argument("format", "json") == "csv"

        def text() -> bytes:
            columns = self.service.columns(*wanted)
            return "".join(csv_lines(columns)).encode() if csv else encode(columns)

        # Some tens of milliseconds for the largest answer there is (``MOST_VALUES``): not on the loop.
        answer = await asyncio.get_running_loop().run_in_executor(None, text)
        self.finish(answer, set_content_type="text/csv; charset=utf-8" if csv else "application/json")


class StatsHandler(Route):
    """``stats``: a window in a few numbers."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """``?since&until&step&devices=a,b&metrics=x,y``: mean, extremes, percentiles; what counters grew by."""
        since, until, step = self.number("since"), self.number("until"), self.number("step")
        wanted = since, until, step, self.names("devices"), self.names("metrics"), True
        loop = asyncio.get_running_loop()
        self.answer(await loop.run_in_executor(None, lambda: over(self.service.columns(*wanted))))


class ProcessesHandler(Route):
    """``processes``: who is on the devices."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """Processes as far as they may be shown; null where that is not known."""
        self.answer({"processes": self.service.processes()})


class CellsHandler(Route):
    """``cells``: what the kernels have measured."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """The latest records, oldest first."""
        self.service.cells.name(self.service.owners.kernels.notebooks)
        self.answer({"cells": list(self.service.cells)})

    @web.authenticated
    @authorized
    def post(self) -> None:
        """Refused: who speaks cannot be told here."""
        raise web.HTTPError(403, "Cell records are taken from kernels only, over this server's Unix socket.")


class EnergyHandler(Route):
    """``energy``: joules between two times."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """``?start&end&uuid`` in Unix seconds."""
        start, end = self.number("start"), self.number("end")
        if start is None or end is None or not start <= end:
            raise web.HTTPError(400, "Say start and end in Unix seconds, start first: energy?start=…&end=…")
        self.answer({"energy": self.service.energy(start, end, self.get_query_argument("uuid", None))})


class FootprintHandler(Route):
    """``footprint``: carbon and cost between two times."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """``?start&end`` in Unix seconds; without them the rates alone."""
        start, end = self.number("start", 0.0), self.number("end", 0.0)
        if start is None or end is None or not start <= end:
            raise web.HTTPError(400, "Say start and end in Unix seconds, start first: footprint?start=…&end=…")
        self.answer(self.service.footprint(start, end))


class LedgerHandler(Route):
    """``ledger``: the energy books."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """What each board took, and for which notebook, today and since the server's start."""
        self.answer(await self.service.books())


class SamplerHandler(Route):
    """``sampler``: how the sampler itself is doing."""

    @web.authenticated
    @authorized
    def get(self) -> None:
        """Age, source, generation, last error, missed samples, agents, clients."""
        self.answer(self.service.sampler())


class MetricsHandler(Route):
    """``gpumon/metrics``: what Prometheus scrapes."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """``?names=native|dcgm|seed``; OpenMetrics where the Accept header asks for it."""
        self.service.channel.scraped()
        names = self.get_query_argument("names", None)
        try:
            # Some milliseconds with many GPUs: not on the loop.
            page, headers = await asyncio.get_running_loop().run_in_executor(
                None, self.service.page.answer, self.request.headers, names
            )
        except ExporterError as e:
            raise web.HTTPError(400, str(e)) from e
        for name, value in headers.items():
            self.set_header(name, value)
        self.finish(page, set_content_type=headers["Content-Type"])


def csv_lines(columns: Columns) -> Iterable[str]:
    """A CSV of the columns: ``time,GPU-….power_watts,…``; an empty field is unknown."""
    series = {f"{uuid}.{n}_{METRICS[n].unit}": v for uuid, by in columns.gpus.items() for n, v in by.items()}
    series |= {f"host.{n}_{HOST_METRICS[n].unit}": v for n, v in columns.host.items()}
    yield ",".join(["time", *series]) + "\n"
    for row in zip(columns.time, *series.values(), strict=True):
        yield ",".join("" if value is None else repr(value) for value in row) + "\n"


def routes(service: Service) -> list[tuple[str, type[web.RequestHandler], dict[str, Service]]]:
    """All routes of this extension, without the base URL."""
    handlers: dict[str, type[web.RequestHandler]] = {
        "hello": HelloHandler,
        "samples": SamplesHandler,
        "stats": StatsHandler,
        "processes": ProcessesHandler,
        "cells": CellsHandler,
        "energy": EnergyHandler,
        "footprint": FootprintHandler,
        "ledger": LedgerHandler,
        "sampler": SamplerHandler,
        "stream": BrowserStream,
    }
    from . import advice_handlers, alert_handlers, health_handlers, policy_handlers, run_handlers  # on what is above

    for module in (run_handlers, alert_handlers, advice_handlers, health_handlers, policy_handlers):
        handlers.update(module.HANDLERS)
    api = [(rf"/gpumon/api/{name}", handler, {"service": service}) for name, handler in handlers.items()]
    return [*api, (r"/gpumon/metrics", MetricsHandler, {"service": service})]
