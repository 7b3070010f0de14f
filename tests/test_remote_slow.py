"""Another server's stream at a slower rate than a connection may be silent: it is held all the same."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from tornado.httpserver import HTTPServer
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from jupyter_gpumon.model import Gpu, Hello, Request, Sample, Subscribe
from jupyter_gpumon.sources.remote import RemoteSource
from jupyter_gpumon.wire import decode, encode

from .following import Following

QUIET, SLOW = 0.3, 1.2
"""Seconds: of silence that a connection may have by itself, and from sample to sample as asked for."""


class Server:
    """Looks every 20 ms, and sends a sample at once and then as often as it is asked to."""

    def __init__(self) -> None:
        self.asked: list[Subscribe] = []
        self.port, self._ready = 0, threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(60)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        http, listening = HTTPServer(self._application()), socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        http.add_socket(listening)
        self._ready.set()
        await self._end.wait()
        http.stop()
        await http.close_all_connections()

    def _application(self) -> Application:
        server = self

        class Stream(WebSocketHandler):
            def open(self):
                self.every, self.timer = 0.02, None
                self.write_message(encode(Hello(hostname="far", interval=0.02)))

            def on_message(self, text):
                server.asked.append(decode(text))
                self.every = server.asked[-1].every or 0.02
                if self.timer is None:
                    self.tell()
                else:
                    self.wait()

            def tell(self):
                self.write_message(encode(Sample(time=1.0, mono=1.0, gpus=(Gpu(uuid="G"),))))
                self.wait()

            def wait(self):
                if self.timer is not None:
                    self.timer.cancel()
                self.timer = server._loop.call_later(self.every, self.tell)

            def on_close(self):
                self.timer.cancel()

        return Application([("/gpumon/api/stream", Stream)])


@pytest.fixture
def server():
    """A server on a free port."""
    running = Server()
    yield running
    running.stop()


def followed(server: Server, subscribe: Subscribe) -> Following:
    return Following(RemoteSource(f"ws://127.0.0.1:{server.port}/", subscribe, quiet=QUIET, pause=0.1))


def test_a_connection_of_which_little_was_asked_is_held(server):
    """``gpumon record -t 60`` hears nothing for a minute, and that is as it should be."""
    with followed(server, Subscribe(every=SLOW)) as run:
        run.until_more(3)
        assert run.states == ["starting", "live"]
    assert len(server.asked) == 1


def test_a_slower_rate_that_is_asked_for_later_holds_at_once(server):
    """Also for the sample that is waited for already."""
    with followed(server, Subscribe()) as run:
        run.until_more(3)
        run.source.ask(Request(interval=SLOW))
        run.until(lambda: len(server.asked) == 2, "second subscription")
        run.until_more(2)
        assert run.states == ["starting", "live"]
    assert [asked.every for asked in server.asked] == [None, SLOW]
