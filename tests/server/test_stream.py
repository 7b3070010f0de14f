"""The stream as a browser gets it, from a real server with a real agent process."""

from __future__ import annotations

import asyncio
import os
from itertools import pairwise

import pytest

from jupyter_gpumon.model import Error, Hello, Subscribe
from jupyter_gpumon.server.channel import LIMIT
from jupyter_gpumon.server.service import PANEL

from .conftest import eventually


async def test_the_first_message_is_a_hello_and_samples_follow(listen):
    """Two simulated GPUs, named, and numbers for both."""
    client = await listen()
    assert isinstance(await client.next(), Hello)
    hello = await client.live()
    assert hello.simulated
    sample = await client.sample()
    assert [gpu.uuid for gpu in sample.gpus] == [device.uuid for device in hello.devices]
    assert all(gpu.power and gpu.memory_total for gpu in sample.gpus)


async def test_a_new_tab_is_filled_at_once(listen):
    """Its hello holds the panel's metrics of the seconds before it came, and the latest sample follows."""
    first = await listen()
    start = (await first.sample()).mono
    await first.sample(lambda sample: sample.mono > start + 2.5)
    second = await listen(history=600)
    hello = await second.next()
    assert len(hello.history.time) >= 2
    assert hello.history.step == 2
    for columns in hello.history.gpus.values():
        assert set(columns) == set(PANEL)
        assert None not in columns["power"]
    assert (await second.next()).gpus


async def test_a_subscription_narrows_what_is_sent(listen):
    """One device, one metric, no host, no processes."""
    client = await listen()
    await client.live()
    uuid = (await client.sample()).gpus[1].uuid
    await client.send(Subscribe(devices=(uuid,), metrics=("power", "no_such_metric"), host=False, processes=False))
    sample = await client.sample(lambda sample: len(sample.gpus) == 1)
    assert sample.gpus[0].uuid == uuid
    assert sample.gpus[0].power is not None
    assert (sample.gpus[0].temperature, sample.host, sample.processes) == (None, None, None)


async def test_a_client_may_ask_for_less_but_not_for_more(listen, gpumon):
    """Every 0.8 s of a 0.2 s stream; a wish for 1000 a second is answered at the server's rate."""
    slow, greedy = await listen(), await listen()
    await slow.send(Subscribe(every=0.8))
    await greedy.send(Subscribe(every=0.001))
    for client, least in ((slow, 0.7), (greedy, 0.1)):
        await client.live()
        await client.sample()
        await client.sample()
        times = [(await client.sample()).mono for _ in range(4)]
        gaps = [b - a for a, b in pairwise(times)]
        assert min(gaps) >= least, (least, gaps)


async def test_browsers_get_no_edges_and_cannot_measure(listen, gpumon):
    """Both are for kernels."""
    client = await listen()
    await client.send(Subscribe(edges=True, measuring=True))
    await client.live()
    for _ in range(4):
        assert (await client.sample()).edges == ()
    assert gpumon.service.channel.measuring == 0


@pytest.mark.parametrize("text", ["nonsense", "{}", '{"type": "subscribe", "every": "often"}', "[1]", "\u0000"])
async def test_a_malformed_message_is_answered_and_the_stream_goes_on(listen, text):
    """With an error that says what is wrong."""
    client = await listen()
    await client.live()
    await client.send(text)
    assert (await client.next(Error)).message
    assert (await client.sample()).gpus


async def test_a_message_of_an_unknown_type_is_ignored(listen):
    """A later version may send it."""
    client = await listen()
    await client.live()
    await client.send('{"type": "from-the-future", "x": 1}')
    for _ in range(3):
        assert not isinstance(await client.next(), Error)


async def test_an_oversized_message_is_answered(listen):
    """And the stream goes on."""
    client = await listen()
    await client.live()
    await client.send('{"type": "subscribe", "metrics": ["' + "x" * LIMIT + '"]}')
    assert "longer than" in (await client.next(Error)).message
    assert (await client.sample()).gpus


async def test_the_rate_follows_who_watches(listen, gpumon):
    """Idle without a client, the full rate with one, idle again when it has gone."""
    channel = gpumon.service.channel
    monitor = gpumon.service.monitor
    await eventually(lambda: monitor.hello.interval == 0.4, "the idle rate")
    client = await listen()
    await eventually(lambda: channel.watched, "somebody watches")
    await client.next(Hello, lambda hello: hello.interval == 0.2)
    client.close()
    await eventually(lambda: len(channel) == 0, "the client forgotten")
    await eventually(lambda: monitor.hello.interval == 0.4, "the idle rate again")


async def test_a_client_that_does_not_read_costs_a_bounded_amount(gpumon, listen, jp_http_port, jp_auth_header):
    """It never reads; the server holds one sample for it, while another client gets every one."""
    _, writer = await asyncio.open_connection("127.0.0.1", jp_http_port, limit=1024)
    token = jp_auth_header["Authorization"]
    writer.write(
        (
            f"GET /a%40b/gpumon/api/stream HTTP/1.1\r\nHost: 127.0.0.1:{jp_http_port}\r\nAuthorization: {token}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ).encode()
    )
    await eventually(lambda: len(gpumon.service.channel) == 1, "the deaf client joined")
    (deaf,) = gpumon.service.channel._clients
    latest = gpumon.service.monitor.latest
    await eventually(lambda: gpumon.service.monitor.latest is not latest, "samples")
    busy = await listen()
    await busy.live()
    # The network's buffers would take minutes to fill at this rate: fill them with hellos.
    text = b'{"type": "hello", "hostname": "' + os.urandom(2**16).hex().encode() + b'"}'
    for _ in range(500):
        if deaf._busy:
            break
        deaf.hello(text)
        await asyncio.sleep(0.001)
    assert deaf._busy
    for _ in range(5):
        await busy.sample()
    assert deaf._busy
    assert deaf._waiting.mono <= gpumon.service.monitor.latest.mono
    writer.close()
    await eventually(lambda: len(gpumon.service.channel) == 1, "the deaf client dropped")


async def test_messages_are_deflated(gpumon, jp_ws_fetch):
    """The handshake agrees on permessage-deflate."""
    socket = await jp_ws_fetch("gpumon", "api", "stream", compression_options={})
    assert "permessage-deflate" in socket.headers["Sec-WebSocket-Extensions"]
    socket.close()
