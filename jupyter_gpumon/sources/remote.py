"""Another server's stream: a websocket over TCP (``ws://``, ``wss://``) or over a Unix socket (``unix:``)."""

from __future__ import annotations

import logging
import socket
import threading
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from msgspec.structs import replace

from .. import __version__
from ..clock import Clock
from ..errors import SourceError, WireError
from ..experiments import PostRun
from ..model import Error, Hello, PostCell, Request, Sample, Status, Subscribe
from ..wire import Stream, decode, encode

if TYPE_CHECKING:
    from websocket import WebSocket

LOG = logging.getLogger("jupyter_gpumon")

STREAM = "/gpumon/api/stream"
"""Path of the stream where the URL names none."""
QUIET = 30.0
"""Seconds of silence after which a connection counts as dead; a live one brings a sample every few seconds."""
LONGEST_PAUSE = 30.0
"""Seconds between two attempts to connect, at most."""
CONNECT = 10.0
"""Seconds in which a connection must be made."""
MOST_UNSENT = 50
"""Records that wait for the next connection."""


def open_source(url: str) -> RemoteSource:
    """The source of ``ws://host:port/base/gpumon/api/stream?token=…``, ``wss://…`` and ``unix:/path/to.sock``.

    Raises:
        SourceError: the URL names no host, or no socket.
    """
    return RemoteSource(url)


class Target:
    """Where a URL leads: the address to ask for, what is shown of it, the token, and the Unix socket if it is one."""

    def __init__(self, url: str) -> None:
        self.path: str | None = None
        self.header: list[str] = []
        if url.startswith("unix:"):
            self.path = url[len("unix:") :]
            if not self.path.startswith("/"):
                raise SourceError(f"{url!r}: write unix:/path/to.sock.")
            self.address, self.shown = f"ws://localhost{STREAM}", url
            return
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as e:
            where = url.partition("?")[0]
            raise SourceError(f"{where!r}: {e}. Write ws://host:8888/gpumon/api/stream?token=… (or wss://).") from None
        if parts.scheme not in ("ws", "wss") or not host:
            raise SourceError(f"{url!r}: write ws://host:8888/gpumon/api/stream?token=… (or wss://).")
        query = parse_qsl(parts.query, keep_blank_values=True)
        # In a header, so that it stays out of the server's log.
        self.header = [f"Authorization: token {value}" for name, value in query if name == "token"]
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        path = parts.path if parts.path.endswith("/stream") else parts.path.rstrip("/") + STREAM
        self.address = urlunsplit((parts.scheme, parts.netloc, path, rest, ""))
        self.shown = f"{parts.scheme}://{host}" + (f":{port}" if port else "") + path


class RemoteSource:
    """The stream of a Jupyter server, connected anew whenever it is lost.

    Args:
        url: where it is.
        subscribe: what is asked for after connecting; by default all of it, with edges over a Unix socket.
        quiet: seconds of silence after which the connection is made anew.
        pause: seconds before the second attempt to connect; later ones wait longer.
    """

    def __init__(
        self, url: str, subscribe: Subscribe | None = None, *, quiet: float = QUIET, pause: float = 1.0
    ) -> None:
        self._target, self._quiet, self._first_pause = Target(url), quiet, pause
        self._subscribe = subscribe or Subscribe(edges=self._target.path is not None)
        self._hello = Hello(source=self._target.shown, software=__version__, status=Status(state="starting"))
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._connection: WebSocket | None = None
        self._unsent: deque[PostCell | PostRun] = deque(maxlen=MOST_UNSENT)
        self._told = ""

    def ask(self, request: Request) -> None:
        """Ask the server for another rate, or for fine energy edges. Safe from any thread."""
        wanted = self._subscribe
        if request.measuring is not None:
            wanted = replace(wanted, measuring=request.measuring)
        if request.patient is not None:
            wanted = replace(wanted, patient=request.patient)
        if request.interval is not None:
            wanted = replace(wanted, every=request.interval)
        if request.processes is not None:
            wanted = replace(wanted, processes=request.processes)
        if wanted != self._subscribe:
            self.send(wanted)

    def send(self, message: Subscribe | PostCell | PostRun) -> None:
        """Send a message; while there is no connection it waits for the next one. Safe from any thread."""
        with self._lock:
            if isinstance(message, Subscribe):
                self._subscribe = message
            connection = self._connection
            sent = connection is not None and _sent(connection, message)
            if not sent and isinstance(message, PostCell | PostRun):
                self._unsent.append(message)

    def close(self) -> None:
        """End the stream, also while it waits; safe from any thread, more than once."""
        self._closing.set()
        connection = self._connection
        if connection is not None:
            _wake(connection)

    def stream(self, clock: Clock) -> Iterator[Stream]:
        """Messages until ``close``, over as many connections as it takes."""
        yield self._say(Status(state="starting", message="Connecting.", since=clock.time()))
        pause = self._first_pause
        while not self._closing.is_set():
            began = clock.mono()
            try:
                yield from self._receive()
                reason = "The connection was closed."
            except OSError as e:
                reason = _reason(e)
            if self._closing.is_set():
                return
            if self._hello.status.state != "disconnected" or self._told != reason:
                yield self._disconnected(reason, clock)
            pause = self._first_pause if clock.mono() - began > LONGEST_PAUSE else pause
            self._closing.wait(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    def _disconnected(self, reason: str, clock: Clock) -> Hello:
        status, known = self._hello.status, self._hello.status.state == "disconnected"
        self._told = reason
        LOG.log(logging.DEBUG if known else logging.WARNING, "%s: %s", self._target.shown, reason)
        return self._say(
            Status(
                state="disconnected",
                message=f"Disconnected from {self._target.shown}. {reason}",
                hint="It is tried again by itself.",
                since=status.since if known else clock.time(),
            )
        )

    def _say(self, status: Status) -> Hello:
        self._hello = replace(self._hello, status=status, history=None, events=())
        return self._hello

    def _receive(self) -> Iterator[Stream]:
        """Everything from one connection.

        Raises:
            OSError: it cannot be made, or is lost.
        """
        connection = _connect(self._target, self._quiet)
        try:
            with self._lock:
                self._connection = connection
                _sent(connection, self._subscribe)
                while self._unsent and _sent(connection, self._unsent[0]):
                    self._unsent.popleft()
            while not self._closing.is_set() and (text := self._heard(connection)):
                message = _decoded(text, self._target.shown)
                if isinstance(message, Hello):
                    self._hello = message
                if message is not None:
                    yield message
        finally:
            with self._lock:
                self._connection = None
            _wake(connection)
            connection.shutdown()

    def _heard(self, connection: WebSocket) -> bytes:
        """The next message. A slower rate may be asked for while it is waited for: then it may take longer."""
        patience = self._patience()
        connection.settimeout(patience)
        try:
            return _received(connection)
        except TimeoutError:
            if self._patience() <= patience:
                raise
            return self._heard(connection)

    def _patience(self) -> float:
        """Seconds of silence after which the connection is dead, at the server's rate and at the one asked for."""
        return max(self._quiet, 4 * self._hello.interval, 2 * (self._subscribe.every or 0.0))


def _connect(target: Target, timeout: float) -> WebSocket:
    from websocket import WebSocketException, create_connection

    raw = None
    if target.path is not None:
        raw = socket.socket(socket.AF_UNIX)
        raw.settimeout(CONNECT)
        try:
            raw.connect(target.path)
        except OSError:
            raw.close()
            raise
    try:
        connection: WebSocket = create_connection(
            target.address,
            timeout=CONNECT,
            header=target.header,
            socket=raw,
            suppress_origin=True,
            enable_multithread=True,
            skip_utf8_validation=True,  # the decoder validates; in Python it costs a kernel 1 % of its time
        )
    except WebSocketException as e:
        if raw:
            raw.close()
        raise ConnectionError(str(e)) from e
    connection.settimeout(timeout)
    return connection


def _received(connection: WebSocket) -> bytes:
    """The next message, not decoded; empty where the other side has closed."""
    from websocket import ABNF, WebSocketException, WebSocketTimeoutException

    try:
        kind, text = connection.recv_data()
    except WebSocketTimeoutException as e:
        raise TimeoutError("Nothing was heard from the server for a while.") from e
    except WebSocketException as e:
        raise ConnectionError(str(e)) from e
    return b"" if kind == ABNF.OPCODE_CLOSE else text


def _sent(connection: WebSocket, message: Subscribe | PostCell | PostRun) -> bool:
    from websocket import WebSocketException

    try:
        connection.send(encode(message))
    except (WebSocketException, OSError) as e:
        LOG.debug("Not sent: %s", e)
        return False
    return True


def _wake(connection: WebSocket) -> None:
    """End the connection, so that whoever receives from it returns at once."""
    try:
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
    except OSError as e:
        LOG.debug("Already closed: %s", e)


def _decoded(text: bytes, where: str) -> Stream | None:
    try:
        message = decode(text)
    except WireError as e:
        LOG.warning("%s sent something that is not a message, ignored: %s", where, e)
        return None
    if isinstance(message, Error):
        LOG.warning("%s: %s %s", where, message.message, message.hint)
    return message if isinstance(message, Hello | Sample) else None


def _reason(error: OSError) -> str:
    text = str(error)
    if "401" in text or "403" in text:
        return "It refuses: is the token right?"
    if "404" in text:
        return "It does not have jupyter-gpumon."
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return "Nobody listens there."
    return error.strerror or text.splitlines()[0] if text else "The connection was lost."
