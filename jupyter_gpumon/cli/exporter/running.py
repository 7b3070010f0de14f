"""The exporter's run: a source, a monitor that keeps nothing but the latest, and a small web server."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct
from tornado.httpserver import HTTPServer
from tornado.ioloop import PeriodicCallback

from ...errors import ExporterError
from ...exposition import runs as experiments
from ...exposition.collectors import Collector, chosen
from ...exposition.families import Families
from ...exposition.following import Following
from ...exposition.page import Names, Page
from ...exposition.scrapes import Scrapes
from ...history import History
from ...model import Request
from ...monitor import Monitor
from ...runs.latest import LastBench, LastRuns
from ...sources import Source
from ...tally import Tally
from .access import Passwords, Tls, WebConfig, context, read
from .web import application

IDLE = 5.0
"""Seconds between samples while nobody scrapes."""
LOOK = 2.0
"""Seconds between looks at whether somebody still does."""


class Wish(Struct, frozen=True, kw_only=True):
    """What was asked for on the command line."""

    port: int = 9401
    bind: str = "127.0.0.1"
    interval: float = 1.0
    names: Names = "native"
    collectors: Path | None = None
    runs: bool = False
    certfile: Path | None = None
    keyfile: Path | None = None
    web_config: Path | None = None


def serve(source: Source, wish: Wish, say: Callable[[str], None]) -> None:
    """Serve until a signal or Ctrl-C ends it; closes the source.

    Raises:
        ExporterError: it cannot be served like that; nothing was started.
    """
    config = read(wish.web_config) if wish.web_config else WebConfig()
    tls = _tls(wish, config)
    exporter = Exporter(source, wish, chosen(wish.collectors))
    try:
        asyncio.run(_serve(exporter, wish, Passwords(config.basic_auth_users), tls, say))
    except KeyboardInterrupt:
        pass  # where signals cannot be handled by the loop: Windows
    finally:
        exporter.close()


def _tls(wish: Wish, config: WebConfig) -> ssl.SSLContext | None:
    if (wish.certfile is None) != (wish.keyfile is None):
        raise ExporterError("TLS needs both: --certfile and --keyfile.")
    if wish.certfile and wish.keyfile:
        if config.tls_server_config:
            raise ExporterError("TLS is set twice: say --certfile and --keyfile, or tls_server_config in the file.")
        return context(Tls(cert_file=str(wish.certfile), key_file=str(wish.keyfile)), Path.cwd())
    folder = wish.web_config.parent if wish.web_config else Path.cwd()
    return context(config.tls_server_config, folder) if config.tls_server_config else None


class Exporter:
    """A source that is followed, at the full rate while somebody scrapes.

    Args:
        source: where samples come from.
        wish: what was asked for.
        collectors: as for ``Page``.
    """

    def __init__(self, source: Source, wish: Wish, collectors: Sequence[Collector]) -> None:
        tally = Tally()
        self.page = Page(Following(tally), wish.names, collectors=collectors)
        self._bench, self._runs = LastBench(), LastRuns() if wish.runs else None
        self.page.more.append(self._experiments)
        self.monitor = Monitor(source, history=History([(10.0, 10.0)], ()))
        self.monitor.add(tally)
        self.monitor.add(self.page.following)
        self._scrapes, self._interval = Scrapes(), wish.interval

    def _experiments(self, found: Families, names: Names) -> None:
        """The last benchmark that was kept on this node, and its runs where that was asked for."""
        if names != "dcgm":
            runs = () if self._runs is None else self._runs()
            experiments.collect(found, runs, self._bench(), None, seed=names == "seed")

    def scraped(self) -> None:
        """Somebody scrapes."""
        self._scrapes.note()
        self.ask()

    def ask(self) -> None:
        """Tell the source how often to look."""
        rate = self._interval if self._scrapes.watching else max(IDLE, self._interval)
        self.monitor.ask(Request(interval=rate, processes=False))

    def close(self) -> None:
        """End the source."""
        self.monitor.close()


async def _serve(
    exporter: Exporter, wish: Wish, passwords: Passwords, tls: ssl.SSLContext | None, say: Callable[[str], None]
) -> None:
    server = HTTPServer(application(exporter.page, passwords, exporter.scraped), ssl_options=tls)
    try:
        server.listen(wish.port, wish.bind)
    except OSError as e:
        raise ExporterError(f"{wish.bind}:{wish.port} cannot be listened on: {e.strerror}. Say another --port.") from e
    exporter.ask()
    exporter.monitor.start()
    say(_greeting(wish, guarded=bool(passwords), secret=tls is not None))
    looking = PeriodicCallback(exporter.ask, LOOK * 1000)
    looking.start()
    await _end()
    looking.stop()
    server.stop()
    await server.close_all_connections()


async def _end() -> None:
    """Wait for a signal that asks for the end."""
    asked = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(each, asked.set)
    await asked.wait()


def _greeting(wish: Wish, *, guarded: bool, secret: bool) -> str:
    host = f"[{wish.bind}]" if ":" in wish.bind else wish.bind
    said = (
        f"Serving {'https' if secret else 'http'}://{host}:{wish.port}/metrics with {wish.names} names; Ctrl-C ends it."
    )
    if not guarded and not _loopback(wish.bind):
        said += f"\nEverybody who can reach {wish.bind} can read it: --web-config sets passwords and TLS."
    return said


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
