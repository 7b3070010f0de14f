"""Another server's stream, over TCP and over a Unix socket, on a small server of the test's own."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.model import Cell, Device, Error, Gpu, Hello, PostCell, Request, Sample, Subscribe
from jupyter_gpumon.sources.remote import RemoteSource
from jupyter_gpumon.wire import decode, encode

from .following import Following

PATH = "/a%40b/gpumon/api/stream"


class Server:
    """A websocket server in a thread: says what it is told to, keeps what it hears."""

    def __init__(self, unix: str | None = None, devices: tuple[str, ...] = ()) -> None:
        self.devices = tuple(Device(uuid=uuid, index=n, name="Far") for n, uuid in enumerate(devices))
        self.heard: list = []
        self.headers: dict[str, str] = {}
        self.port = 0
        self.unix = unix
        self.silent = False
        self.nonsense = False
        self._clients: list[WebSocketHandler] = []
        self._ready = threading.Event()

    def start(self, port: int = 0):
        self._ready.clear()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(port)), daemon=True)
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    async def _serve(self, port: int) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        http = HTTPServer(self._application())
        if self.unix:
            http.add_socket(bind_unix_socket(self.unix, mode=0o600))
        else:
            listening = socket.create_server(("127.0.0.1", port))
            listening.setblocking(False)
            self.port = listening.getsockname()[1]
            http.add_socket(listening)
        self._ready.set()
        while not self._end.is_set():
            for client in list(self._clients):
                if not self.silent:
                    client.write_message(encode(Sample(time=time.time(), mono=time.monotonic(), gpus=(Gpu(uuid="G"),))))
                if self.nonsense:
                    client.write_message("nonsense")
                    client.write_message(encode(Error(message="Too fast.")))
            await asyncio.sleep(0.05)
        http.stop()
        for client in list(self._clients):
            client.close()
        await http.close_all_connections()

    def _application(self) -> Application:
        server = self

        class Stream(WebSocketHandler):
            def open(self):
                server.headers = dict(self.request.headers)
                self.write_message(encode(Hello(hostname="far", source="agent", boot_id="b", devices=server.devices)))
                server._clients.append(self)

            def on_message(self, text):
                server.heard.append(decode(text))

            def on_close(self):
                server._clients.remove(self)

        class Forbidden(RequestHandler):
            def get(self):
                self.send_error(403)

        return Application([(PATH, Stream), ("/gpumon/api/stream", Stream), ("/no/gpumon/api/stream", Forbidden)])


@pytest.fixture
def server():
    """A server on a free port."""
    running = Server().start()
    yield running
    running.stop()


@pytest.fixture
def follow():
    """Follow a remote source, with a short first pause."""
    followed = []

    def start(url, *more, **keys):
        followed.append(Following(RemoteSource(url, *more, **{"pause": 0.1} | keys)).__enter__())
        return followed[-1]

    yield start
    for each in followed:
        each.__exit__()


def test_it_passes_on_the_hello_and_the_samples(server, follow):
    """What the server says is what is yielded, after a first hello of its own."""
    run = follow(f"ws://127.0.0.1:{server.port}{PATH}")
    run.until_more(3)
    assert run.states == ["starting", "live"]
    assert run.hellos[-1] == Hello(hostname="far", source="agent", boot_id="b")


def test_the_token_goes_in_a_header(server, follow):
    """Not in the address, which servers log."""
    run = follow(f"ws://127.0.0.1:{server.port}/a%40b/?token=secret")
    run.until_more(1)
    assert server.headers["Authorization"] == "token secret"
    assert "secret" not in repr(run.hellos)


def test_it_subscribes_and_asks_anew_after_a_reconnection(server, follow):
    """Edges for a kernel; what was asked for holds on the next connection."""
    run = follow(f"ws://127.0.0.1:{server.port}{PATH}", Subscribe(edges=True))
    run.until(lambda: server.heard, "subscription")
    run.source.ask(Request(measuring=True))
    run.until(lambda: len(server.heard) == 2, "second subscription")
    server.stop()
    run.until_state("disconnected")
    server.start(server.port)
    run.until_state("live")
    run.until(lambda: len(server.heard) == 3, "third subscription")
    assert server.heard == [Subscribe(edges=True), *[Subscribe(edges=True, measuring=True)] * 2]


def test_a_lost_server_is_said_and_logged_once_and_found_again(server, follow, caplog):
    """Disconnected, with since when; then live with new samples."""
    run = follow(f"ws://127.0.0.1:{server.port}{PATH}")
    run.until_more(1)
    with caplog.at_level(logging.INFO, "jupyter_gpumon"):
        server.stop()
        status = run.until_state("disconnected")
        time.sleep(1)
        server.start(server.port)
        run.until_more(2)
    assert status.since == pytest.approx(time.time(), abs=20)
    assert run.states == ["starting", "live", "disconnected", "live"]
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1


def test_a_silent_connection_is_made_anew(server, follow):
    """A cable was pulled: nothing says so, but nothing comes either."""
    run = follow(f"ws://127.0.0.1:{server.port}{PATH}", quiet=0.5)
    run.until_more(1)
    server.silent = True
    run.until(lambda: len(run.hellos) >= 3, "another connection", 20)


def test_a_refused_token_is_said(server, follow):
    """403: the user can do something about it."""
    run = follow(f"ws://127.0.0.1:{server.port}/no/")
    assert "token" in run.until_state("disconnected").message


def test_a_server_without_the_extension_is_said(server, follow):
    """404."""
    run = follow(f"ws://127.0.0.1:{server.port}/other/")
    assert "jupyter-gpumon" in run.until_state("disconnected").message


def test_nonsense_and_errors_are_logged_and_passed_over(server, follow, caplog):
    """The stream goes on."""
    server.nonsense = True
    run = follow(f"ws://127.0.0.1:{server.port}{PATH}")
    run.until_more(3)
    assert any("Too fast." in r.getMessage() for r in caplog.records)
    assert run.states == ["starting", "live"]


def test_a_close_ends_the_stream_at_once(server, follow):
    """Also while nothing comes, and while nobody listens."""
    server.silent = True
    run = follow(f"ws://127.0.0.1:{server.port}{PATH}")
    run.until_state("live")
    run.source.close()
    assert run.ended.wait(20)
    lonely = follow("ws://127.0.0.1:9/", pause=60)
    lonely.until_state("disconnected")
    lonely.source.close()
    assert lonely.ended.wait(20)


def test_a_kernel_speaks_over_a_unix_socket(tmp_path, follow):
    """Edges by default; a cell posted while the server is away is sent when it is back."""
    path = str(tmp_path / "gpumon.sock")
    run = follow(f"unix:{path}")
    run.until_state("disconnected")
    cell = PostCell(cell=Cell(start=1.0, end=2.0))
    run.source.send(cell)
    server = Server(path).start()
    try:
        run.until_more(1)
        run.until(lambda: len(server.heard) == 2, "cell")
        run.source.send(cell)
        run.until(lambda: len(server.heard) == 3, "second cell")
    finally:
        server.stop()
    assert server.heard == [Subscribe(edges=True), cell, cell]


@pytest.mark.parametrize("url", ["ws:", "ws://", "http://h/", "unix:s.sock"])
def test_a_malformed_address_is_refused(url):
    """Before anything is connected."""
    with pytest.raises(SourceError, match=r"write ws://|write unix:/"):
        RemoteSource(url)
