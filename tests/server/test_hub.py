"""Two users' servers under one JupyterHub: both stream through the proxy, neither reads the other."""

from __future__ import annotations

import shutil
import time

import pytest
from websocket import WebSocket, WebSocketBadStatusException

from jupyter_gpumon.model import Hello, Sample
from jupyter_gpumon.wire import decode

from .hub import hub_of, until

USERS = ("alice", "bob")


@pytest.fixture(scope="module")
def hub(require, tmp_path_factory):
    """A hub with configurable-http-proxy, and alice's and bob's servers running."""
    proxy = require(shutil.which("configurable-http-proxy"), "configurable-http-proxy")
    with hub_of(tmp_path_factory.mktemp("hub"), proxy, USERS) as running:
        yield running


def next_of(stream: WebSocket, kind: type, when=lambda message: True):
    """The next message of this kind."""
    while True:
        message = decode(stream.recv())
        if isinstance(message, kind) and when(message):
            return message


def test_both_users_stream_through_the_proxy(hub):
    """Hello and samples for each, from a server of their own."""
    for user in USERS:
        stream = hub.stream(user, hub.tokens[user])
        hello = next_of(stream, Hello, lambda hello: hello.status.state == "live")
        assert len(hello.devices) == 2
        assert next_of(stream, Sample, lambda sample: sample.gpus).gpus[0].power > 0
        stream.close()


@pytest.mark.parametrize("route", ["hello", "samples", "processes", "cells", "sampler"])
def test_neither_reads_the_other(hub, route):
    """Alice's token opens alice's routes and not bob's; without a token there is nothing."""
    assert hub.code(f"/user/alice/gpumon/api/{route}", hub.tokens["alice"]) == 200
    assert hub.code(f"/user/bob/gpumon/api/{route}", hub.tokens["alice"]) in (403, 404)
    assert hub.code(f"/user/bob/gpumon/api/{route}", None) == 403


def test_neither_streams_from_the_other(hub):
    """The upgrade is refused."""
    for token in (hub.tokens["alice"], None):
        with pytest.raises(WebSocketBadStatusException) as error:
            hub.stream("bob", token)
        assert error.value.status_code == 403


def test_an_open_stream_is_no_activity_of_the_server(hub):
    """What the server reports to the hub stays the same over seconds of streaming, and moves when it is used."""

    def reported(user):
        return hub.ask(f"/user/{user}/api/status", hub.tokens[user])["last_activity"]

    before = reported("alice")
    stream = hub.stream("alice", hub.tokens["alice"])
    for _ in range(4):
        next_of(stream, Sample, lambda sample: sample.gpus)
    hub.ask("/user/alice/gpumon/api/samples", hub.tokens["alice"])
    assert reported("alice") == before
    stream.close()
    hub.ask("/user/alice/api/kernelspecs", hub.tokens["alice"])
    assert reported("alice") > before


def test_an_open_stream_is_no_activity_for_the_hub(hub):
    """The hub hears from the server and from its proxy, each second here: nothing new while the panel streams."""
    stream = hub.stream("bob", hub.tokens["bob"])
    stream.send('{"type": "subscribe", "metrics": ["power"]}')

    def still():
        """The activity that the hub knows of, once it has been the same for 3 seconds."""
        known = hub.activity("bob")
        time.sleep(3.0)
        return hub.activity("bob") == known and known

    before = until(still, "what began the stream has come to the hub")
    for _ in range(5):
        next_of(stream, Sample, lambda sample: sample.gpus)
    assert hub.activity("bob") == before
    stream.close()
    hub.ask("/user/bob/api/kernelspecs", hub.tokens["bob"])
    until(lambda: hub.activity("bob") > before, "the hub hears of activity at all")


def test_the_server_sends_no_pings_through_the_proxy(hub):
    """A browser would answer them, and its answers count at the proxy."""
    stream = hub.stream("alice", hub.tokens["alice"])
    opcodes = set()
    end = time.monotonic() + 4.0
    while time.monotonic() < end:
        opcodes.add(stream.recv_frame().opcode)
    stream.close()
    assert opcodes <= {0x0, 0x1}
