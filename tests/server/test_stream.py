"""The stream as a browser gets it, from a real server with a real agent process."""

from __future__ import annotations

from jupyter_gpumon.model import Hello


async def test_the_first_message_is_a_hello_and_samples_follow(listen):
    """Two simulated GPUs, named, and numbers for both."""
    client = await listen()
    assert isinstance(await client.next(), Hello)
    sample = await client.sample()
    assert [gpu.power is not None for gpu in sample.gpus] == [True, True]
