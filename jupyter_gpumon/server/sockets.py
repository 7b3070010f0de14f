"""The websocket handlers: one for browsers, behind Jupyter's own checks, and one for kernels, on a Unix socket."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, ClassVar

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from ..wire import encode
from .channel import Client
from .service import Service

AUTH_RESOURCE = "gpumon"
FARTHEST = 31 * 86_400.0
"""Seconds of history in a hello, at most."""
HARD_LIMIT = 1024 * 1024
"""Bytes beyond which tornado closes the socket; above ``channel.LIMIT`` the client gets an error frame."""


class Stream(WebSocketHandler):
    """What both have in common: hello with history first, then samples; no pings, small deflate windows."""

    ping_interval = 0
    client: Client

    def initialize(self, service: Service) -> None:
        """Take what the handler needs."""
        self.service = service

    @property
    def max_message_size(self) -> int:
        """Tornado's own limit."""
        return HARD_LIMIT

    def get_compression_options(self) -> dict[str, Any]:
        """Deflate, with a small memory: a tab costs the server about 40 kB."""
        return {"compression_level": 3, "mem_level": 4}

    async def open(self, *_args: str, **_kwargs: str) -> None:
        """Greet."""
        self.client = self.make_client()
        seconds = min(max(_number(self.get_query_argument("history", "0")), 0.0), FARTHEST)
        hello = await asyncio.get_running_loop().run_in_executor(None, self.service.greeting, seconds)
        if self.ws_connection is not None:
            self.service.channel.join(self.client, hello)

    def make_client(self) -> Client:
        """Who listens."""
        return Client(self.transmit)

    def on_message(self, message: str | bytes) -> None:
        """Take a message."""
        self.service.channel.receive(self.client, message)

    def on_close(self) -> None:
        """Forget the client."""
        if hasattr(self, "client"):
            self.service.channel.leave(self.client)

    def transmit(self, text: bytes, done: Callable[[], None]) -> None:
        """Send one message; ``done`` when the network has taken it."""
        try:
            sent = asyncio.ensure_future(self.write_message(text))
        except WebSocketClosedError:
            self.on_close()
            return
        sent.add_done_callback(lambda future: self._sent(future, done))

    def _sent(self, future: asyncio.Future[None], done: Callable[[], None]) -> None:
        if future.cancelled() or future.exception() is not None:
            self.on_close()
        else:
            done()


class BrowserStream(WebSocketMixin, Stream, JupyterHandler):
    """``gpumon/api/stream``: authenticated, authorized, of the same origin."""

    auth_resource = AUTH_RESOURCE
    ping_interval = 0

    def set_default_headers(self) -> None:
        """A websocket has no page to protect."""

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Upgrade, if the authorizer agrees."""
        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, "execute", AUTH_RESOURCE)):
            raise web.HTTPError(403)
        await super().get(*args, **kwargs)


class OwnUser(web.RequestHandler):
    """What speaks over the Unix socket: the peer's uid must be ours, its pid tells which kernel it is."""

    _PEER: ClassVar[struct.Struct] = struct.Struct("3i")
    service: Service

    def prepare(self) -> None:
        """Refuse other users, and anything that looks like a browser."""
        self.pid, uid = self._peer()
        if uid != self.service.uid or "Origin" in self.request.headers:
            raise web.HTTPError(403)

    def _peer(self) -> tuple[int, int]:
        connection: Any = self.request.connection
        raw = connection.stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, self._PEER.size)
        pid, uid, _gid = self._PEER.unpack(raw)
        return pid, uid


class Local(OwnUser):
    """An answer over the Unix socket."""

    def initialize(self, service: Service) -> None:
        """Take what the handler needs."""
        self.service = service

    def answer(self, value: object) -> None:
        """Finish with a struct as JSON."""
        self.set_header("Content-Type", "application/json")
        self.finish(encode(value))


class KernelStream(OwnUser, Stream):
    """The same stream on a Unix socket."""

    def make_client(self) -> Client:
        """The kernel whose process tree the peer is in."""
        return Client(self.transmit, kernel=self.service.kernel_of(self.pid), local=True, pid=self.pid)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if value == value else 0.0
