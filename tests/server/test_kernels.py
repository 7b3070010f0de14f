"""The channel for kernels: a real server, real kernels, and the Unix socket between them."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from pathlib import Path

import pytest

from jupyter_gpumon.clock import SystemClock
from jupyter_gpumon.model import Cell, Hello, PostCell, Sample, Subscribe
from jupyter_gpumon.server.unix import LONGEST, open_kernel_channel, remove_stale, socket_path
from jupyter_gpumon.sources.remote import RemoteSource

from .conftest import SECONDS, eventually

IN_KERNEL = """
from jupyter_gpumon.clock import SystemClock
from jupyter_gpumon.model import Cell, PostCell, Subscribe
from jupyter_gpumon.sources.remote import RemoteSource
source = RemoteSource("unix:PATH", Subscribe(edges=True, measuring=True))
stream = source.stream(SystemClock())
edges = 0
for message in stream:
    edges += len(getattr(message, "edges", ()))
    if edges > 5:
        break
for final in (False, True):
    source.send(PostCell(cell=Cell(id="c1", title="train", start=1.0, end=2.0, kernel_id="KERNEL", final=final)))
while not any(event.kind == "cell" for event in getattr(message, "events", ())):
    message = next(stream)
"""


@pytest.fixture
def path(gpumon, http_server_client) -> Path:
    """Where this server listens for kernels."""
    return socket_path(Path(gpumon.serverapp.runtime_dir), os.getpid())


class Peer:
    """A process that connects to the socket (the test's own), read in a thread."""

    def __init__(self, path: Path, subscribe: Subscribe | None = None) -> None:
        self.source = RemoteSource(f"unix:{path}", subscribe)
        self._stream = self.source.stream(SystemClock())

    async def next(self, kind: type, when=lambda message: True):
        def read():
            return next(message for message in self._stream if isinstance(message, kind) and when(message))

        return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(None, read), SECONDS)

    def close(self) -> None:
        self.source.close()


@pytest.fixture
def connect(path):
    """``connect(Subscribe(…))``: a peer that is no kernel."""
    peers = []

    def make(subscribe=None):
        peers.append(Peer(path, subscribe))
        return peers[-1]

    yield make
    for peer in peers:
        peer.close()


@pytest.fixture
def kernel(jp_fetch, jp_serverapp, jp_root_dir):
    """``await kernel("train.ipynb")`` → (kernel id, a function that runs code in it)."""

    async def start(notebook: str):
        body = json.dumps({"path": notebook, "type": "notebook", "name": "", "kernel": {"name": "python3"}})
        answer = json.loads((await jp_fetch("api", "sessions", method="POST", body=body)).body)
        kernel_id = answer["kernel"]["id"]
        client = jp_serverapp.kernel_manager.get_kernel(kernel_id).client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)

        async def run(code: str) -> None:
            reply = await client.execute_interactive(code, timeout=60)
            assert reply["content"]["status"] == "ok", reply["content"]

        return kernel_id, run, client

    return start


async def test_the_socket_is_for_this_user_alone(path, gpumon):
    """Mode 0600, in a folder that others cannot enter."""
    await eventually(path.exists, "the socket")
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_peer_gets_hello_and_samples_without_a_token(connect):
    """The uid is enough; history is sent where it is asked for only."""
    peer = connect()
    hello = await peer.next(Hello, lambda hello: hello.devices)
    assert hello.history is None
    assert (await peer.next(Sample, lambda sample: sample.gpus)).gpus[0].power > 0


async def test_edges_come_to_who_asks_for_them(connect):
    """With ``measuring``, about one per counter period and device: many in a second."""
    peer = connect(Subscribe(edges=True, measuring=True))
    count = 0
    while count < 20:
        count += len((await peer.next(Sample)).edges)


async def test_measuring_ends_with_the_last_socket_that_measures(connect, gpumon):
    """Two measure; one turns it off, the other hangs up."""
    channel = gpumon.service.channel
    one, two = connect(Subscribe(measuring=True)), connect(Subscribe(measuring=True))
    await one.next(Sample)
    await two.next(Sample)
    await eventually(lambda: channel.measuring == 2, "both measure")
    one.source.send(Subscribe(measuring=False))
    await eventually(lambda: channel.measuring == 1, "one measures")
    assert channel._asked.measuring is True
    two.close()
    await eventually(lambda: channel.measuring == 0, "nobody measures")
    assert channel._asked.measuring is False


async def test_a_cell_is_not_taken_from_another_process(connect, gpumon):
    """The test's own process is no kernel: it gets an error, and nothing is kept."""
    peer = connect()
    await peer.next(Sample)
    answers = []
    gpumon.service.channel.receive(*spoken(gpumon, answers, Cell(start=1.0, end=2.0, kernel_id="somebody")))
    assert "only from the kernel that it names" in answers[0].message
    peer.source.send(PostCell(cell=Cell(start=1.0, end=2.0, kernel_id="somebody")))
    await peer.next(Sample)
    assert list(gpumon.service.cells) == []


def spoken(gpumon, answers, cell):
    """A client without a kernel, and its message."""
    from jupyter_gpumon.server.channel import Client
    from jupyter_gpumon.wire import decode, encode

    client = Client(lambda text, done: (answers.append(decode(text)), done()), local=True)
    return client, encode(PostCell(cell=cell))


async def test_a_kernel_measures_and_posts_its_cell(path, gpumon, kernel, jp_fetch, listen):
    """The record is kept under its notebook, its draft replaced, and the browsers are told."""
    browser = await listen()
    kernel_id, run, client = await kernel("deep/train.ipynb")
    await run(IN_KERNEL.replace("PATH", str(path)).replace("KERNEL", kernel_id))
    sample = await browser.sample(lambda sample: any(event.kind == "cell" for event in sample.events))
    event = next(event for event in sample.events if event.kind == "cell")
    assert (event.title, event.time, event.until, event.detail) == ("train", 1.0, 2.0, "c1")
    await eventually(lambda: any(cell.final and cell.notebook for cell in gpumon.service.cells), "the final record")
    (cell,) = json.loads((await jp_fetch("gpumon", "api", "cells")).body)["cells"]
    assert (cell["kernel_id"], cell["id"], cell["notebook"]) == (kernel_id, "c1", "deep/train.ipynb")
    client.stop_channels()


async def test_a_kernel_cannot_post_for_another(path, gpumon, kernel):
    """Even another kernel of the same user."""
    _, run, client = await kernel("a.ipynb")
    second, _, other = await kernel("b.ipynb")
    code = IN_KERNEL.split("for final")[0] + (
        f"source.send(PostCell(cell=Cell(id='x', start=1.0, end=2.0, kernel_id={second!r})))\n"
        "for _ in range(10): next(stream)\n"
    )
    await run(code.replace("PATH", str(path)))
    assert list(gpumon.service.cells) == []
    client.stop_channels()
    other.stop_channels()


async def test_the_notebooks_process_is_named(gpumon, kernel, listen):
    """The simulated GPUs follow this server's kernels: the row carries kernel and notebook."""
    kernel_id, _, client = await kernel("deep/train.ipynb")
    browser = await listen()
    sample = await browser.sample(lambda sample: any(process.notebook for process in sample.processes or ()))
    (row,) = {(process.kernel, process.notebook, process.own) for process in sample.processes if process.notebook}
    assert row == (kernel_id, "deep/train.ipynb", True)
    client.stop_channels()


async def test_something_that_looks_like_a_browser_is_refused(path, gpumon):
    """A page could reach a Unix socket only through some proxy of the user's; it would send its origin."""
    await eventually(path.exists, "the socket")
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(
        b"GET /gpumon/api/stream HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert b" 403 " in await reader.readline()
    writer.close()


def test_sockets_of_dead_servers_are_removed_and_others_are_not(tmp_path):
    """A server that was killed leaves its socket; the next one cleans up."""
    with socket.socket(socket.AF_UNIX) as dead, socket.socket(socket.AF_UNIX) as alive:
        dead.bind(str(tmp_path / "gpumon-1.sock"))
        alive.bind(str(tmp_path / "gpumon-2.sock"))
        alive.listen()
        dead.close()
        (tmp_path / "gpumon-3.sock.txt").touch()
        remove_stale(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gpumon-2.sock", "gpumon-3.sock.txt"]


def test_a_folder_too_deep_for_a_socket_is_said_and_does_no_harm(tmp_path, caplog):
    """Kernels then sample for themselves."""
    assert open_kernel_channel(None, tmp_path / ("x" * LONGEST)) is None
    assert "too long" in caplog.text


async def test_nothing_is_left_when_the_server_stops(path, gpumon):
    """No socket, no agent, no thread."""
    await eventually(lambda: path.exists() and gpumon._source.pid, "socket and agent")
    agent = gpumon._source.pid
    await gpumon.stop_extension()
    assert not path.exists()
    assert not gpumon.service.monitor._thread.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(agent, 0)
