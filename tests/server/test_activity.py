"""A hub culls servers by their last activity: a panel that is open must not count as activity."""

from __future__ import annotations

import asyncio
import contextlib
import json

from tornado.httpclient import HTTPClientError

from .test_security import HTTP


async def test_neither_the_stream_nor_the_routes_count_as_activity(gpumon, listen, jp_fetch):
    """``last_activity`` stays where it was while a panel streams, subscribes and polls."""

    async def last_activity() -> str:
        return json.loads((await jp_fetch("api", "status")).body)["last_activity"]

    await jp_fetch("api", "kernelspecs")
    before = await last_activity()
    client = await listen(history=600)
    await client.live()
    await client.send('{"type": "subscribe", "metrics": ["power"]}')
    for route in HTTP:
        with contextlib.suppress(HTTPClientError):  # some want to be told which runs: that is an answer, too
            await jp_fetch("gpumon", *route.split("/"), params={"start": 1, "end": 2})
    for _ in range(3):
        await client.sample()
    await asyncio.sleep(1.1)
    after = await last_activity()
    await jp_fetch("api", "kernelspecs")
    assert after == before
    assert await last_activity() > before, "the server counts activity at all"


async def test_the_server_sends_no_pings(gpumon, listen, monkeypatch):
    """A ping's answer would count as activity at the hub's proxy."""
    client = await listen()
    await client.live()
    pings = []
    monkeypatch.setattr(client.socket.protocol, "_handle_message", spy(client.socket.protocol, pings))
    for _ in range(3):
        await client.sample()
    assert 0x1 in pings
    assert 0x9 not in pings


def spy(protocol, opcodes):
    """Notes the opcodes of the frames that come in."""
    handle = protocol._handle_message

    def noting(opcode, data):
        opcodes.append(opcode)
        return handle(opcode, data)

    return noting
